/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to a checked system: files, trees, schemas, model, checks. */
#include <string.h>

#include "check/check.h"
#include "cmd/command.h"
#include "model/compose.h"
#include "model/from_tree.h"
#include "validate/lint.h"
#include "validate/validate.h"

/* What an opener of documents needs. */
struct loading {
	struct invocation *invocation;
	bool sound; /* the document that was read last has the form it says */
	bool usable; /* or enough of it */
	bool template; /* and is none that a system can be made of */
};

/* One for all documents of a run: what several of them extend is read once. */
static struct composer *composer_of(struct invocation *in)
{
	/* A compilation within another one has findings and files of its own. */
	if (in->composer && in->composer->diags == in->diags && in->composer->sources == in->sources)
		return in->composer;
	in->composer = arena_new(in->arena, struct composer);
	*in->composer = (struct composer){
		.arena = in->arena,
		.diags = in->diags,
		.sources = in->sources,
		.access = &disk_access,
		.root = in->root,
		.patch = in->patch,
	};
	return in->composer;
}

/* What to do with a document of another form. */
static void help_with(struct diag *d, const char *path, const struct schema *form)
{
	if (form == &schema_platform)
		diag_help(d, "it is about a machine: `--platform %s` beside the file of a guest or system; `hvcc check` and "
			  "`hvcc config` take it alone", path);
	else if (form == &schema_policy)
		diag_help(d, "it has rules for guests: `--policy %s` beside the file of a guest or system; `hvcc check` and "
			  "`hvcc config` take it alone", path);
	else if (form == &schema_test)
		diag_help(d, "it has tests: `hvcc test %s` runs them", path);
	else
		diag_help(d, "it is a guest or a system: `hvcc check %s` says whether it is well", path);
}

/* Reads a document and validates it. *form stays NULL when there is no telling what it is. */
static const struct node *load_document(struct loading *loading, const char *path,
					struct position named_at,
					const struct schema_document **form)
{
	struct invocation *in = loading->invocation;
	struct composed document = compose(composer_of(in), path, named_at);

	in->unreadable |= document.unreadable && !position_known(named_at);
	*form = document.form;
	loading->sound = document.sound && !document.template;
	loading->usable = document.usable;
	loading->template = document.template;
	return document.root;
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

	if (root && form->schema != wanted) {
		struct diag *d = diag_report(loading->invocation->diags, WRONG_FORM, name.where.at, name.value,
					     form->form, form_of(wanted));

		if (!position_known(name.where.at))
			help_with(d, name.value, form->schema);
		return NULL;
	}
	if (root && loading->template)
		diag_report(loading->invocation->diags, TEMPLATE_BUILT, name.where.at, name.value);
	return loading->sound || (loading->usable && wanted == &schema_guest) ? root : NULL;
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
		help_with(diag_report(loading->invocation->diags, WRONG_FORM, (struct position){ 0 }, rules->path,
				      form->form, "hvcc/policy/v1"), rules->path, form->schema);
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

/* What a document turned out to be. */
struct loaded {
	struct cursor cursor; /* its root; no node: it could not be read */
	const char *other;    /* the form of one that is neither a guest nor a system */
	bool template;
};

static struct system *load(struct invocation *in, const char *path, struct loaded *loaded)
{
	struct loading loading = { .invocation = in };
	struct opener opener = { open_document, &loading };
	const struct schema_document *form;
	size_t errors = diag_errors(in->diags);
	struct system *system = NULL;
	const struct node *root;

	root = load_document(&loading, path, (struct position){ 0 }, &form);
	*loaded = (struct loaded){ .template = loading.template };
	if (root)
		loaded->cursor = (struct cursor){
			.arena = in->arena,
			.sources = in->sources,
			.file = path,
			.schema = form->schema,
			.node = root,
		};
	if (root && form->schema != &schema_guest && form->schema != &schema_system)
		loaded->other = form->form;
	if (root && form->schema != &schema_test && (loading.sound || (loading.usable && !loaded->other)))
		system = system_from_tree(loaded->cursor, &opener, in->platform);
	if (system)
		add_rules(&loading, system);
	if (system)
		check_system(in->diags, system);
	lint_end(in->diags);
	return diag_errors(in->diags) > errors ? NULL : system;
}

static void refuse_form(struct invocation *in, const char *path, const struct loaded *loaded)
{
	help_with(diag_report(in->diags, WRONG_FORM, (struct position){ 0 }, path, loaded->other, "a guest or a system"),
		  path, loaded->cursor.schema);
}

struct system *load_any(struct invocation *in, const char *path, struct cursor *root)
{
	struct loaded loaded;
	struct system *system = load(in, path, &loaded);

	*root = loaded.cursor;
	if (loaded.template)
		diag_report(in->diags, TEMPLATE_BUILT, (struct position){ 0 }, path);
	if (root->schema == &schema_test)
		refuse_form(in, path, &loaded);
	return loaded.template ? NULL : system;
}

struct system *load_system(struct invocation *in, const char *path)
{
	struct loaded loaded;
	struct system *system = load(in, path, &loaded);

	if (loaded.template)
		diag_report(in->diags, TEMPLATE_BUILT, (struct position){ 0 }, path);
	if (!loaded.other)
		return system;
	refuse_form(in, path, &loaded);
	return NULL;
}

struct system *load_and_check(struct invocation *in, const char *path)
{
	struct loaded loaded;

	return load(in, path, &loaded);
}

/* HV10xx: valid, but not on this machine; some of them are faults of the machine's own document. */
static bool is_misfit(const char *id)
{
	return !strncmp(id, "HV10", 4) && (strcmp(id, "HV1004") < 0 || strcmp(id, "HV1014") > 0);
}

static bool blames_platform(const struct diags *diags)
{
	for (size_t i = 0; i < diags->list.count; i++)
		if (diags->list.items[i]->severity == SEVERITY_ERROR && !is_misfit(diag_rows[diags->list.items[i]->code].id))
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

const struct node *load_form(struct invocation *in, const char *path, const struct schema *wanted)
{
	struct loading loading = { .invocation = in };
	const struct schema_document *form;
	const struct node *root = load_document(&loading, path, (struct position){ 0 }, &form);

	if (root && form->schema != wanted) {
		help_with(diag_report(in->diags, WRONG_FORM, (struct position){ 0 }, path, form->form, form_of(wanted)),
			  path, form->schema);
		return NULL;
	}
	return loading.sound ? root : NULL;
}
