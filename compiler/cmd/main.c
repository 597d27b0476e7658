/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc: finds the command, reads its options, prints what was found. */
#include "cmd/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "cmd/commands.def"
#undef COMMAND
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

int main(int argc, char **argv)
{
	struct invocation invocation = { 0 };

	if (argc < 2)
		return EXIT_USAGE;
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, argv[1]))
			return commands[i]->run(&invocation);
	return EXIT_USAGE;
}
