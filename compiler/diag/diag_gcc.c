/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics as GCC prints them, one line each, for editors and problem matchers. */
#include "diag/diag.h"

static void put(const struct diags *diags, FILE *stream, struct position at, const char *severity,
		const char *message, const char *id)
{
	if (at.file)
		fprintf(stream, "%s:%u:%u: ", source_get(diags->sources, at.file)->path, at.line,
			at.column);
	else
		fputs("hvcc: ", stream);
	fprintf(stream, "%s: %s", severity, message);
	if (id)
		fprintf(stream, " [%s]", id);
	fputc('\n', stream);
}

void diag_print_gcc(struct diags *diags, FILE *stream)
{
	diags_sort(diags);
	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = diags->list.items[i];

		put(diags, stream, diag->at, diag_severity_word(diag->severity), diag->message,
		    diag_rows[diag->code].id);
		for (size_t j = 0; j < diag->notes.count; j++)
			put(diags, stream, diag->notes.items[j].at, "note",
			    diag->notes.items[j].text, NULL);
		for (size_t j = 0; j < diag->helps.count; j++)
			put(diags, stream, diag->at, "note", diag->helps.items[j], NULL);
	}
}
