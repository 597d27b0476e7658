/* SPDX-License-Identifier: Apache-2.0 */
/* The version of hvcc, as `hvcc version`, JSON output and images give it. */
#ifndef HVCC_BASE_VERSION_H
#define HVCC_BASE_VERSION_H

#define HVCC_VERSION "0.1.0"
#define HVCC_DATE    "2026-11-01" /* as manuals show it */

#endif
