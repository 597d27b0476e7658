/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc codes: every diagnostic there is, for people and for programs. */
#include "cmd/command.h"

#include "base/json.h"

static const struct option_row options[] = {
	{ 0, "json", NULL, "as JSON: an array of objects with id, name, severity, sentence" },
	{ 0 },
};

static void print_json(const struct invocation *in)
{
	json_t *list = json_made(json_array());

	for (size_t i = 0; i < DIAG_COUNT; i++) {
		const struct diag_row *row = &diag_rows[i];

		json_add(list, json_made(json_pack("{ss ss ss ss}", "id", row->id, "name",
						   diag_word(in->arena, row), "severity",
						   diag_severity_word(row->severity), "sentence",
						   diag_plain_sentence(in->arena, row))));
	}
	json_print(list, stdout);
}

static int run(struct invocation *in)
{
	if (invocation_option(in, "json")) {
		print_json(in);
		return EXIT_OK;
	}
	for (size_t i = 0; i < DIAG_COUNT; i++)
		printf("%s %-8s %-22s %s\n", diag_rows[i].id,
		       diag_severity_word(diag_rows[i].severity), diag_word(in->arena, &diag_rows[i]),
		       diag_plain_sentence(in->arena, &diag_rows[i]));
	return EXIT_OK;
}

const struct command command_codes = {
	.name = "codes",
	.arguments = "",
	.summary = "list every diagnostic: id, severity, name, sentence",
	.description = "Each diagnostic has an id that is never used again for something else, a name that "
		       "-W takes as well, and a sentence in which `...` stands for what a finding "
		       "fills in. hvcc-explain(1) says more about one of them.",
	.options = options,
	.run = run,
};
