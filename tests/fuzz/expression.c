/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an expression over a fixed guest, read, tested and explained. Besides what the
 * sanitizers see: there is a rule exactly when nothing was reported, each place lies in the text, what
 * does not hold has a place, and testing twice gives the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/from_tree.h"
#include "rule/rule.h"
#include "validate/validate.h"

static const char guest_text[] =
	"schema: hvcc/guest/v1\nname: g\nvcpus: { count: 4, pin: { 0: 1, 1: 2 } }\nmemory: { size: 64MiB }\n"
	"boot: { kernel: k, cmdline: console=ttyS0 quiet }\n"
	"devices: { serial: [ { id: com1 }, { id: com2, io: 0x2f8, irq: 3 } ] }\n";

static void must(bool holds)
{
	if (!holds)
		abort();
}

static const struct effective *guest_of(struct arena *arena, struct sources *sources,
					struct diags *diags)
{
	uint32_t file = source_add(sources, "guest", guest_text, strlen(guest_text));
	struct node *root = yaml_read(arena, diags, file);

	must(validate(arena, diags, &schema_guest, root));
	return effective_system(system_from_tree((struct cursor){ arena, sources, "guest",
								  &schema_guest, root },
						 NULL, NULL));
}

static enum rule_truth has(void *context, const struct effective *cpu, const char *name,
			   const char *feature, const char **why)
{
	(void)context;
	(void)cpu;
	(void)name;
	*why = "the weather";
	return strlen(feature) % 3;
}

static void run(const struct rule *rule, const struct rule_world *world, struct diags *diags)
{
	struct rule_failure failure = { 0 };
	struct rule_value value;
	size_t before = diag_errors(diags);
	enum rule_truth truth = rule_test(rule, world, diags, &failure);

	must((truth == RULE_FAULTY) == (diag_errors(diags) > before));
	must(rule_value(rule, world, NULL, &value) == (truth != RULE_FAULTY) || value.kind == RULE_NULL);
	if (truth != RULE_FALSE && truth != RULE_UNKNOWN)
		return;
	must(position_known(failure.at));
	rule_describe(diag_report(diags, ASSERTION, failure.at, "x"), &failure, world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct sources sources = { .arena = &arena };
	struct diags *diags = diags_new(&arena, &sources);
	struct rule_world world = { .form = &schema_guest, .has = has };
	struct located_text text = { .sources = &sources };
	const struct rule *rule;

	world.root = guest_of(&arena, &sources, diags);
	text.text = arena_strndup(&arena, (const char *)data, size);
	text.size = strlen(text.text);
	vector_push(&arena, &text.segments, ((struct text_segment){ 0, 0 }));
	text.where.at = source_position(&sources, source_add(&sources, "rule", text.text, text.size), 0,
					text.size);
	rule = rule_parse(&arena, diags, &text, 0, text.size, &world, RULE_BOOLEAN);
	must((rule != NULL) == (diag_errors(diags) == 0));
	if (rule)
		run(rule, &world, diags);
	for (size_t i = 0; i < diags->list.count; i++)
		must(diags->list.items[i]->at.file == 2 &&
		     diags->list.items[i]->at.offset + diags->list.items[i]->at.length <= text.size);
	arena_free(&arena);
	return 0;
}
