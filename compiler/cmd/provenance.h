/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc config --provenance: where each value in force was set. */
#ifndef HVCC_CMD_PROVENANCE_H
#define HVCC_CMD_PROVENANCE_H

#include "cmd/command.h"
#include "model/effective.h"

/* A line for each value, or (json) an array of objects; to standard output. */
void provenance_print(const struct invocation *invocation, const struct effective *effective,
		      bool json);

#endif
