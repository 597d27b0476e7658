/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc version: what this is, and which contracts it speaks. */
#include "cmd/command.h"

#include <stdio.h>

#include "base/version.h"
#include "schema/hvblob.h"

static int run(struct invocation *invocation)
{
	(void)invocation;
	printf("hvcc " HVCC_VERSION "\nschema: hvcc/guest/v1, hvcc/system/v1, hvcc/platform/v1, hvcc/policy/v1, hvcc/test/v1\nblob ABI: %u\n", HV_ABI);
	return EXIT_OK;
}

const struct command command_version = {
	.name = "version",
	.arguments = "",
	.summary = "print the version and the formats it speaks",
	.description = "The version of the program, the forms of documents that it reads, and the "
		       "revision of the binary interface between it and the core.",
	.run = run,
};
