/* SPDX-License-Identifier: Apache-2.0 */
/* What the log said, for host tests. */
#ifndef TESTS_QUIET_LOG_H
#define TESTS_QUIET_LOG_H

#include "console/log.h"

extern unsigned int quiet_log_lines;
extern char quiet_log_last[LOG_LINE_SIZE];

#endif
