/* SPDX-License-Identifier: Apache-2.0 */
/* Findings that a document allows. */
#include "validate/lint.h"

static void allow(struct diags *diags, const struct node *entry, struct diag_allowance scope)
{
	const struct diag_row *row;
	const char *meant;
	struct diag *d;

	if (entry->kind != NODE_SCALAR)
		return;
	row = diag_find(entry->text);
	if (!row) {
		d = diag_report(diags, LINT_UNKNOWN, entry->at, entry->text);
		meant = diag_meant(diags->arena, entry->text);
		if (meant)
			diag_help(d, "did you mean `%s`?", meant);
		if (meant)
			diag_fix_name(diags, d, entry->at, entry->text, meant);
		return;
	}
	if (row->severity == SEVERITY_ERROR) {
		diag_report(diags, LINT_ERROR, entry->at, row->id);
		return;
	}
	scope.code = (enum diag_code)(row - diag_rows);
	scope.at = entry->at;
	vector_push(diags->arena, &diags->allowances, scope);
}

static void allow_all(struct diags *diags, const struct node *map, struct diag_allowance scope)
{
	const struct node *list = node_get(node_get(map, "lint"), "allow");

	for (size_t i = 0; list && i < list->items.count; i++)
		allow(diags, list->items.items[i], scope);
}

/* A guest that is written out in a system. */
static void allow_inner(struct diags *diags, const struct node *guest)
{
	allow_all(diags, guest, (struct diag_allowance){
					.first = guest->at.file, .last = guest->at.file,
					.begin = guest->at.offset,
					.end = guest->at.offset + guest->at.length });
}

void lint_begin(struct diags *diags, const struct schema *schema, const struct node *root, bool top)
{
	const struct node *guests = schema == &schema_system ? node_get(root, "guests") : NULL;
	struct diag_allowance scope = {
		.first = root->at.file, .last = top ? UINT32_MAX : root->at.file, .end = UINT32_MAX,
	};

	if (schema != &schema_guest && schema != &schema_system)
		return;
	allow_all(diags, root, scope);
	for (size_t i = 0; guests && i < guests->items.count; i++)
		allow_inner(diags, guests->items.items[i]);
}

void lint_end(struct diags *diags)
{
	uint32_t last = (uint32_t)diags->sources->files.count - 1;

	for (size_t i = 0; i < diags->allowances.count; i++)
		if (diags->allowances.items[i].last == UINT32_MAX)
			diags->allowances.items[i].last = last;
}

/* Found in kernels and initrds, which not every command reads. */
static bool needs_files(enum diag_code code)
{
	return code == DIAG_INITRD_STRANGE || code == DIAG_UNPACK_NO_KASLR;
}

void lint_idle(struct diags *diags, bool files)
{
	size_t count = diags->allowances.count;

	for (size_t i = 0; i < count && !diag_errors(diags); i++) {
		const struct diag_allowance *allowance = &diags->allowances.items[i];

		if (allowance->used || (!files && needs_files(allowance->code)))
			continue;
		diag_help(diag_report(diags, LINT_IDLE, allowance->at, diag_rows[allowance->code].id),
			  "take it out");
	}
}
