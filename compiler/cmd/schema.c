/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc schema: the JSON schemas, for editors. */
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

#include "validate/schema.h"

static int run(struct invocation *in)
{
	const char *name = in->argument_count ? in->arguments[0] : NULL, *names[8], *meant;

	for (size_t i = 0; i < schema_text_count; i++) {
		names[i] = schema_texts[i].name;
		if (!name)
			puts(names[i]);
		else if (!strcmp(name, names[i]))
			return fputs(schema_texts[i].text, stdout), EXIT_OK;
	}
	if (!name)
		return EXIT_OK;
	meant = diag_closest(name, names, schema_text_count);
	if (meant)
		return usage_error(in, "no schema `%s`; did you mean `%s`?", name, meant);
	return usage_error(in, "no schema `%s`", name);
}

const struct command command_schema = {
	.name = "schema",
	.arguments = "[guest|system|platform|policy|test|diagnostics]",
	.summary = "print a schema for editors; without a name, list them",
	.description = "For editors with a YAML language server: `# yaml-language-server: "
		       "$schema=/usr/share/hvcc/schema/guest.schema.json` as the first line of a guest "
		       "file. Schemas are JSON Schema 2020-12.",
	.least = 0,
	.most = 1,
	.run = run,
};
