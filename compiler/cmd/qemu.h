/* SPDX-License-Identifier: Apache-2.0 */
/* Runs QEMU and learns how the machine ended, which QEMU's exit status alone does not say. */
#ifndef HVCC_CMD_QEMU_H
#define HVCC_CMD_QEMU_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/vector.h"

struct qemu_command {
	VECTOR(const char *) words; /* program and arguments; no NULL at the end */
};

struct qemu_end {
	int error;	 /* errno: no process could be made; 0 otherwise */
	bool missing;	 /* the program could not be run */
	bool started;	 /* the machine ran; if not, QEMU refused its arguments */
	bool powered_off; /* by the machine itself */
	bool was_reset;	 /* the machine reset itself: never meant */
	bool timed_out;
	int signal;	 /* that ended QEMU, 0: none */
	int status;	 /* exit status: 2 * value + 1 from isa-debug-exit */
};

/* Runs to the end, or for `seconds` (0: as long as it takes), which ends it. */
struct qemu_end qemu_run(struct arena *arena, const struct qemu_command *command,
			 unsigned int seconds);

#endif
