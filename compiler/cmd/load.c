/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to a checked system: files, trees, schemas, model, checks. */
#include <string.h>

#include "check/check.h"
#include "cmd/command.h"
#include "model/from_tree.h"
#include "validate/lint.h"
#include "validate/validate.h"

/* What an opener of documents needs. */
struct loading {
	struct invocation *invocation;
	bool sound; /* the document that was read last has the form it says */
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
	lint_begin(in->diags, (*form)->schema, root, !position_known(named_at));
	loading->sound = validate(in->arena, in->diags, (*form)->schema, root);
	return root;
}

static const char *form_of(const struct schema *schema)
{
	for (size_t i = 0; i < schema_document_count; i++)
		if (schema_documents[i].schema == schema)
			return schema_documents[i].form;
	return "another form";
}

static const struct node *open_document(void *context, struct file_name name,
					const struct schema *wanted)
{
	struct loading *loading = context;
	const struct schema_document *form;
	const struct node *root = load_document(loading, name.path, name.where.at, &form);

	if (!root || form->schema == wanted)
		return loading->sound ? root : NULL;
	diag_report(loading->invocation->diags, WRONG_FORM, name.where.at, name.value, form->form,
		    form_of(wanted));
	return NULL;
}

/* The rules of the site, read once for all files. */
static const struct node *open_rules(struct loading *loading, struct rules_file *rules)
{
	const struct schema_document *form;

	if (rules->tried)
		return rules->root;
	rules->tried = true;
	rules->root = load_document(loading, rules->path, (struct position){ 0 }, &form);
	if (rules->root && form->schema != &schema_policy) {
		diag_report(loading->invocation->diags, WRONG_FORM, (struct position){ 0 },
			    rules->path, form->form, "hvcc/policy/v1");
		rules->root = NULL;
	}
	if (!loading->sound)
		rules->root = NULL;
	return rules->root;
}

static void add_rules(struct loading *loading, struct system *system)
{
	struct invocation *in = loading->invocation;

	for (size_t i = 0; i < in->rules_count; i++) {
		const struct node *root = open_rules(loading, &in->rules[i]);

		if (root)
			rules_from_tree(system, (struct cursor){
							.arena = in->arena,
							.sources = in->sources,
							.file = in->rules[i].path,
							.schema = &schema_policy,
							.node = root,
						});
	}
}

/* *other: the form of a document that is neither a guest nor a system. */
static struct system *load(struct invocation *in, const char *path, const char **other)
{
	struct loading loading = { .invocation = in };
	struct opener opener = { open_document, &loading };
	const struct schema_document *form;
	size_t errors = diag_errors(in->diags);
	struct system *system = NULL;
	const struct node *root;

	root = load_document(&loading, path, (struct position){ 0 }, &form);
	*other = root && (form->schema == &schema_platform || form->schema == &schema_policy)
			 ? form->form : NULL;
	if (root && loading.sound)
		system = system_from_tree(
			(struct cursor){
				.arena = in->arena,
				.sources = in->sources,
				.file = path,
				.schema = form->schema,
				.node = root,
			},
			&opener, in->platform);
	if (system)
		add_rules(&loading, system);
	if (system)
		check_system(in->diags, system);
	lint_end(in->diags);
	return diag_errors(in->diags) > errors ? NULL : system;
}

struct system *load_system(struct invocation *in, const char *path)
{
	const char *other;
	struct system *system = load(in, path, &other);

	if (!other)
		return system;
	diag_report(in->diags, WRONG_FORM, (struct position){ 0 }, path, other, "a guest or a system");
	return NULL;
}

struct system *load_and_check(struct invocation *in, const char *path)
{
	const char *other;

	return load(in, path, &other);
}

/* HV10xx: valid, but not on this machine. */
static bool blames_platform(const struct diags *diags)
{
	for (size_t i = 0; i < diags->list.count; i++)
		if (diags->list.items[i]->severity == SEVERITY_ERROR &&
		    strncmp(diag_rows[diags->list.items[i]->code].id, "HV10", 4))
			return false;
	return true;
}

int invocation_verdict(const struct invocation *in)
{
	if (in->unreadable)
		return EXIT_ENVIRONMENT;
	if (!diag_errors(in->diags))
		return EXIT_OK;
	return blames_platform(in->diags) ? EXIT_PLATFORM : EXIT_CONFIGURATION;
}
