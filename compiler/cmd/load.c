/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to a checked system: files, trees, schemas, model, checks. */
#include <string.h>

#include "check/check.h"
#include "cmd/command.h"
#include "model/from_tree.h"
#include "validate/validate.h"

/* What an opener of guest documents needs. */
struct loading {
	struct invocation *invocation;
	bool sound;
};

/* Reads a document and validates it. *form stays NULL when there is no telling what it is. */
static const struct node *load_document(struct loading *loading, const char *path,
					struct position named_at,
					const struct schema_document **form)
{
	struct invocation *in = loading->invocation;
	struct bytes bytes;
	const char *error = read_file(in->arena, path, YAML_SIZE, &bytes);
	struct node *root;
	uint32_t file;

	*form = NULL;
	if (error) {
		in->unreadable |= !position_known(named_at);
		diag_report(in->diags, FILE_UNREADABLE, named_at, path, error);
		return NULL;
	}
	file = source_add(in->sources, path, (const char *)bytes.data, bytes.size);
	root = yaml_read(in->arena, in->diags, file);
	if (root)
		*form = validate_form(in->diags, root);
	if (!*form)
		return NULL;
	loading->sound &= validate(in->arena, in->diags, (*form)->schema, root);
	return root;
}

static const struct node *open_guest(void *context, struct file_name name)
{
	struct loading *loading = context;
	const struct schema_document *form;
	const struct node *root = load_document(loading, name.path, name.where.at, &form);
	struct diag *d;

	if (!root || form->schema == &schema_guest)
		return root;
	d = diag_report(loading->invocation->diags, NOT_A_GUEST, name.where.at, name.value,
			form->form);
	diag_help(d, "a system lists guests; it cannot contain another system");
	return NULL;
}

struct system *load_system(struct invocation *in, const char *path)
{
	struct loading loading = { .invocation = in, .sound = true };
	struct guest_opener opener = { open_guest, &loading };
	const struct schema_document *form;
	size_t errors = diag_errors(in->diags);
	struct system *system = NULL;
	const struct node *root;

	root = load_document(&loading, path, (struct position){ 0 }, &form);
	if (root && loading.sound)
		system = system_from_tree(
			(struct cursor){
				.arena = in->arena,
				.sources = in->sources,
				.file = path,
				.schema = form->schema,
				.node = root,
			},
			&opener);
	if (system && loading.sound)
		check_system(in->diags, system);
	return diag_errors(in->diags) > errors ? NULL : system;
}

int invocation_verdict(const struct invocation *in)
{
	if (in->unreadable)
		return EXIT_ENVIRONMENT;
	return diag_errors(in->diags) ? EXIT_CONFIGURATION : EXIT_OK;
}
