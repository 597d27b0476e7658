/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc cpuid: what a guest reads of CPUID, and why.
 *
 *	hvcc cpuid guest.yaml show                      the leaves, with the features in them
 *	hvcc cpuid guest.yaml eval 7.0                  one leaf
 *	hvcc cpuid guest.yaml why avx2                  who decided, on each vendor; also 7.0.ebx[5]
 *	hvcc cpuid guest.yaml diff old.yaml new.yaml    what it reads on one machine and not on another
 *
 * Without --host, bits that are the machine's are `k`, and both vendors are shown.
 */
#include "cmd/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "lower/cpu_on_host.h"
#include "lower/lowered.h"
#include "lower/pass.h"
#include "policy/policy.h"

static const char *const register_names[] = { "eax", "ebx", "ecx", "edx" };
static const char *const vendor_names[] = { "intel", "amd" };

static const struct option_row options[] = {
	{ 0, "host", "PLATFORM", "on this machine: a document of the form hvcc/platform/v1 with its CPUID" },
	{ 0, "vcpu", "N", "as this virtual CPU reads it (0)" },
	{ 0, "json", NULL, "as JSON" },
	{ 0 },
};

/* One guest, decided. */
struct subject {
	struct invocation *in;
	const struct guest *guest;
	const struct policy *policy;
	struct lowered_cpu *cpu;
	uint32_t vcpu;
	json_t *json; /* takes what is found, with --json */
};

/* As much of the lowering as CPUID needs: no kernel is read, no memory laid out. */
static bool decide(struct subject *s, const struct system *system)
{
	struct lower_context context = { .arena = s->in->arena, .diags = s->in->diags, .model = system };
	struct lowered *lowered = arena_new(s->in->arena, struct lowered);

	lowered->model = s->guest;
	lowered->map.physical_bits = 39;
	for (size_t i = 0; i < s->guest->pv.interfaces.count; i++)
		lowered->pv |= s->guest->pv.interfaces.items[i].value == PV_KVM ? HV_PV_KVM : 0;
	s->policy = policy_compile(s->in->arena, diags_new(s->in->arena, s->in->sources), s->guest);
	if (!s->policy)
		return false;
	lower_topology(&context, lowered);
	lower_cpu_policy(&context, lowered);
	s->cpu = lowered->cpu;
	return true;
}

/* The processor of a platform document that has its CPUID; NULL after an error. */
static const struct host_processor *open_host(struct invocation *in, const char *path)
{
	const struct system *system = load_and_check(in, path);

	if (!system || diag_errors(in->diags))
		return NULL;
	if (!system->platform.processor.cpuid.count) {
		usage_error(in, "`%s` does not say what CPUID its processor has", path);
		return NULL;
	}
	return &system->platform.processor;
}

/* Whether a vendor's record counts: that of the machine, or any that the guest runs on. */
static bool concerns(const struct subject *s, const struct host_processor *host, enum hv_vendor vendor)
{
	if (!s->cpu->runs_on[vendor])
		return false;
	return !host || host->vendor.value == (vendor == HV_VENDOR_INTEL ? PROCESSOR_VENDOR_INTEL :
									    PROCESSOR_VENDOR_AMD);
}

/* ------------------------------------------------------------------------------------- printing */

/* "0x00000001", or bits with `k` where they are the machine's. */
static const char *register_text(const struct subject *s, const struct hv_cpuid *row, uint32_t value,
				 uint32_t reg, bool host)
{
	uint32_t open = host ? 0 : row->host_mask[reg] & value;
	char bits[48] = "0b";
	size_t length = 2;

	if (!open)
		return arena_printf(s->in->arena, "0x%08x", value);
	if (open == 0xffffffff)
		return "host";
	for (int bit = 31; bit >= 0; bit--) {
		bits[length++] = open >> bit & 1 ? 'k' : value >> bit & 1 ? '1' : '0';
		if (bit && bit % 8 == 0)
			bits[length++] = '_';
	}
	bits[length] = 0;
	return arena_strdup(s->in->arena, bits);
}

/* "avx2 bmi1 ..." of the bits that are set. */
static const char *names_of(const struct subject *s, const struct hv_cpuid *row, uint32_t value,
			    uint32_t reg, uint8_t vendor)
{
	const char *names = "";

	for (uint32_t bit = 0; bit < 32; bit++) {
		enum feature_id id = value >> bit & 1 ? feature_at(row->leaf, row->subleaf, reg, bit, vendor) :
							FEATURE_NONE;

		if (id)
			names = arena_printf(s->in->arena, "%s%s%s", names, *names ? " " : "", features[id].name);
	}
	return names;
}

/* What the core fills in at each CPUID, in words. */
static const char *dynamic_text(struct arena *arena, uint32_t dynamic)
{
	static const char *const words[] = {
		"APIC id", "OSXSAVE", "APIC enabled", "OSPKE", "x2APIC id", "XSAVE size", "XCR0 and its size",
		"APIC, core and node ids", "frequencies",
	};
	const char *text = "";

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (dynamic >> i & 1)
			text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "", words[i]);
	}
	return text;
}

static json_t *row_json(const struct subject *s, const struct cpu_on_host *seen, uint32_t i, bool host)
{
	const struct hv_cpuid *row = &seen->records->cpuid[i];
	uint8_t vendor = seen->records->vendor == HV_VENDOR_INTEL ? INTEL : AMD;
	json_t *json = json_made(json_object()), *names = json_made(json_array());

	json_put(json, "leaf", json_made(json_integer(row->leaf)));
	json_put(json, "subleaf", json_made(json_integer(row->subleaf)));
	for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++) {
		json_put(json, register_names[reg],
			 json_text(register_text(s, row, seen->values[i][reg], reg, host)));
		for (uint32_t bit = 0; bit < 32; bit++) {
			enum feature_id id = feature_at(row->leaf, row->subleaf, reg, bit, vendor);

			if (id && seen->values[i][reg] >> bit & 1)
				json_add(names, json_text(features[id].name));
		}
	}
	json_put(json, "features", names);
	json_put(json, "dynamic", json_text(dynamic_text(s->in->arena, row->dynamic)));
	return json;
}

static void print_row(const struct subject *s, const struct cpu_on_host *seen, uint32_t i, bool host)
{
	const struct hv_cpuid *row = &seen->records->cpuid[i];
	uint8_t vendor = seen->records->vendor == HV_VENDOR_INTEL ? INTEL : AMD;

	printf("  0x%x.%u%s%s\n", row->leaf, row->subleaf, row->dynamic ? "   filled in when read: " : "",
	       dynamic_text(s->in->arena, row->dynamic));
	for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++) {
		uint32_t value = seen->values[i][reg];
		const char *names = names_of(s, row, value, reg, vendor);

		if (value)
			printf("    %s %s%s%s\n", register_names[reg],
			       register_text(s, row, value, reg, host), *names ? "  " : "", names);
	}
}

/* The rows of one leaf, or of all; returns how many there were. */
static size_t show_vendor(struct subject *s, const struct cpu_on_host *seen, const char *title, bool host,
			  const uint32_t *leaf, const uint32_t *subleaf)
{
	json_t *rows = json_made(json_array());
	size_t found = 0;

	if (!s->json)
		printf("%s%s%s\n", title, seen->refused ? ": refused, it does not fulfil " : "",
		       seen->refused ? seen->refused : "");
	for (uint32_t i = 0; i < seen->records->cpuid_count; i++) {
		const struct hv_cpuid *row = &seen->records->cpuid[i];

		if ((leaf && row->leaf != *leaf) || (subleaf && row->subleaf != *subleaf))
			continue;
		found++;
		if (s->json)
			json_add(rows, row_json(s, seen, i, host));
		else
			print_row(s, seen, i, host);
	}
	if (!found && !s->json)
		printf("  no such leaf: it reads zero\n");
	if (s->json) {
		json_t *one = json_made(json_object());

		json_put(one, "refused", seen->refused ? json_text(seen->refused) : json_made(json_null()));
		json_put(one, "leaves", rows);
		json_put(s->json, title, one);
	} else {
		json_decref(rows);
	}
	return found;
}

static int show(struct subject *s, const struct host_processor *host, const uint32_t *leaf,
		const uint32_t *subleaf)
{
	bool any = false;

	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		struct cpu_on_host seen;

		if (!concerns(s, host, vendor))
			continue;
		any = true;
		seen = cpu_on_host(s->in->arena, &s->cpu->policies[vendor], host, s->vcpu);
		show_vendor(s, &seen, vendor_names[vendor], host != NULL, leaf, subleaf);
	}
	if (!any)
		return usage_error(s->in, "the guest does not run on a processor of that vendor");
	return EXIT_OK;
}

/* ---------------------------------------------------------------------------------------- eval */

static bool read_number(const char **text, uint32_t *number)
{
	char *end;
	unsigned long value = strtoul(*text, &end, 0);

	if (end == *text || **text < '0' || **text > '9' || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	*text = end;
	return true;
}

/* "7", "7.0", "0x8000001e": with_subleaf tells whether one was given. */
static bool read_leaf(const char **text, uint32_t *leaf, uint32_t *subleaf, bool *with_subleaf)
{
	*with_subleaf = false;
	if (!read_number(text, leaf))
		return false;
	if (**text != '.' || (*text)[1] < '0' || (*text)[1] > '9')
		return true;
	++*text;
	*with_subleaf = true;
	return read_number(text, subleaf);
}

static int eval(struct subject *s, const struct host_processor *host, const char *what)
{
	const char *text = what;
	uint32_t leaf, subleaf = 0;
	bool with_subleaf;

	if (!read_leaf(&text, &leaf, &subleaf, &with_subleaf) || *text)
		return usage_error(s->in, "`%s` is no leaf: 7, 7.0 or 0x8000001e", what);
	return show(s, host, &leaf, with_subleaf ? &subleaf : NULL);
}

/* ----------------------------------------------------------------------------------------- why */

/* A bit of CPUID. */
struct place {
	uint32_t leaf, subleaf, reg, bit;
};

/* "7.0.ebx[5]" or "7.ebx[5]". */
static bool read_place(const char *text, struct place *place)
{
	bool with_subleaf;

	place->subleaf = 0;
	if (!read_leaf(&text, &place->leaf, &place->subleaf, &with_subleaf) || *text++ != '.')
		return false;
	for (place->reg = 0; place->reg < CPU_REGISTERS; place->reg++) {
		const char *at = text + 4;

		if (!strncmp(text, register_names[place->reg], 3) && text[3] == '[' &&
		    read_number(&at, &place->bit) && !strcmp(at, "]") && place->bit < 32)
			return true;
	}
	return false;
}

/* What a bit that is no feature comes from: the last assignment, or what the core makes of it. */
static const char *why_bit(struct subject *s, const struct cpu_features *cpu, const struct place *place,
			   bool there)
{
	const struct leaf_bits *last = NULL;

	for (size_t i = 0; i < cpu->bits.count; i++) {
		const struct leaf_bits *bits = &cpu->bits.items[i];

		if (bits->leaf == place->leaf && bits->reg == place->reg &&
		    place->subleaf >= bits->first_subleaf && place->subleaf <= bits->last_subleaf &&
		    ((bits->ones | bits->zeros | bits->host) >> place->bit & 1))
			last = bits;
	}
	if (last)
		return arena_printf(s->in->arena, "leaf (%s:%u:%u)",
				    source_get(s->in->sources, last->at.file)->path, last->at.line,
				    last->at.column);
	return there ? "no feature; it follows from topology, machine or features" : "no such leaf: it reads zero";
}

/* Says of each vendor what the bit is. */
static void why_place(struct subject *s, const struct place *place, const char *what)
{
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		const struct cpu_policy_records *records = &s->cpu->policies[vendor];
		const struct hv_cpuid *row = NULL;
		const char *state = "0", *origin;

		if (!s->cpu->runs_on[vendor])
			continue;
		for (uint32_t i = 0; i < records->cpuid_count; i++)
			if (records->cpuid[i].leaf == place->leaf && records->cpuid[i].subleaf == place->subleaf)
				row = &records->cpuid[i];
		if (row && row->value[place->reg] >> place->bit & 1)
			state = row->host_mask[place->reg] >> place->bit & 1 ? "the machine's" : "1";
		origin = why_bit(s, &s->policy->vendors[vendor], place, row);
		if (s->json) {
			json_t *one = json_made(json_object());

			json_put(one, "feature", json_made(json_null()));
			json_put(one, "state", json_text(state));
			json_put(one, "origin", json_text(origin));
			json_put(one, "variants", json_made(json_array()));
			json_put(s->json, vendor_names[vendor], one);
		} else {
			printf("%-6s %s: %s: %s\n", vendor_names[vendor], what, state, origin);
		}
	}
}

static const char *state_text(const struct feature_choice *choice)
{
	if (choice->forbidden)
		return "forbidden";
	if (choice->state == FEATURE_OFF)
		return "off";
	if (choice->state == FEATURE_ON)
		return "on";
	return choice->required ? "required of the machine" : "where the machine has it";
}

/* "avx2 and no aes, vCPUs 1..2" of a variant. */
static const char *variant_text(struct arena *arena, const struct cpu_variant *variant)
{
	const char *text = "";

	for (uint32_t i = 0; i < variant->test_count; i++)
		text = arena_printf(arena, "%s%s%s%s", text, i ? " and " : "",
				    variant->tests[i].present ? "" : "no ",
				    features[variant->tests[i].feature].name);
	if (variant->first_vcpu == 0 && variant->last_vcpu == HV_NONE)
		return text;
	text = arena_printf(arena, "%s%svCPU", text, *text ? ", " : "");
	if (variant->last_vcpu == HV_NONE)
		return arena_printf(arena, "%ss from %u", text, variant->first_vcpu);
	if (variant->last_vcpu == variant->first_vcpu)
		return arena_printf(arena, "%s %u", text, variant->first_vcpu);
	return arena_printf(arena, "%ss %u..%u", text, variant->first_vcpu, variant->last_vcpu);
}

/* Where `when` makes it something else. */
static void why_variants(struct subject *s, const struct cpu_features *cpu, enum feature_id id, json_t *list)
{
	for (size_t i = 0; i < cpu->variants.count; i++) {
		const struct cpu_variant *variant = &cpu->variants.items[i];
		const char *origin = policy_origin(s->in->arena, s->in->sources, variant->features, id);
		const char *state = state_text(&variant->features->choices[id]);
		const char *where = variant_text(s->in->arena, variant);
		json_t *one;

		if (!memcmp(&variant->features->choices[id], &cpu->choices[id], sizeof(*cpu->choices)))
			continue;
		if (!list) {
			printf("       with %s: %s: %s\n", where, state, origin);
			continue;
		}
		one = json_made(json_object());
		json_put(one, "where", json_text(where));
		json_put(one, "state", json_text(state));
		json_put(one, "origin", json_text(origin));
		json_add(list, one);
	}
}

static void why_vendor(struct subject *s, enum hv_vendor vendor, enum feature_id id)
{
	const struct cpu_features *cpu = &s->policy->vendors[vendor];
	const char *origin = policy_origin(s->in->arena, s->in->sources, cpu, id);
	const char *state = state_text(&cpu->choices[id]);
	json_t *one;

	if (!(features[id].vendors & (vendor == HV_VENDOR_INTEL ? INTEL : AMD))) {
		state = "never";
		origin = "no processor of that vendor has it";
	}
	if (!s->json) {
		printf("%-6s %s: %s: %s\n", vendor_names[vendor], features[id].name, state, origin);
		why_variants(s, cpu, id, NULL);
		return;
	}
	one = json_made(json_object());
	json_put(one, "feature", json_text(features[id].name));
	json_put(one, "state", json_text(state));
	json_put(one, "origin", json_text(origin));
	json_put(one, "variants", json_made(json_array()));
	why_variants(s, cpu, id, json_object_get(one, "variants"));
	json_put(s->json, vendor_names[vendor], one);
}

static int why(struct subject *s, const char *what)
{
	const char *const *names;
	size_t count = feature_names(&names);
	const char *closest = diag_closest(what, names, count);
	bool any = false, is_place;
	struct place place = { 0 };

	is_place = feature_find(what) == FEATURE_NONE && read_place(what, &place);
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		enum feature_id id = feature_find(what);

		if (is_place)
			id = feature_at(place.leaf, place.subleaf, place.reg, place.bit,
					vendor == HV_VENDOR_INTEL ? INTEL : AMD);
		if (id == FEATURE_NONE || !s->cpu->runs_on[vendor])
			continue;
		any = true;
		why_vendor(s, vendor, id);
	}
	if (!any && is_place)
		why_place(s, &place, what);
	if (any || is_place)
		return EXIT_OK;
	return usage_error(s->in, closest ? "`%s` is no CPU feature, nor a bit as 7.0.ebx[5]; did you mean `%s`?" :
					    "`%s` is no CPU feature, nor a bit as 7.0.ebx[5]%s",
			   what, closest ? closest : "");
}

/* ---------------------------------------------------------------------------------------- diff */

static uint32_t value_of(const struct cpu_on_host *seen, uint32_t leaf, uint32_t subleaf, uint32_t reg)
{
	for (uint32_t i = 0; i < seen->records->cpuid_count; i++) {
		const struct hv_cpuid *row = &seen->records->cpuid[i];

		if (row->leaf == leaf && row->subleaf == subleaf)
			return seen->values[i][reg];
	}
	return 0;
}

static void tell(struct subject *s, const char *text, const char *left, const char *right)
{
	json_t *one;

	if (!s->json) {
		printf("%-28s %-20s %s\n", text, left, right);
		return;
	}
	one = json_made(json_object());
	json_put(one, "what", json_text(text));
	json_put(one, "first", json_text(left));
	json_put(one, "second", json_text(right));
	json_add(json_object_get(s->json, "differences"), one);
}

/* One register of one leaf; returns the number of differences. */
static size_t compare(struct subject *s, const struct cpu_on_host *a, const struct cpu_on_host *b,
		      const struct hv_cpuid *row, uint32_t reg)
{
	uint32_t left = value_of(a, row->leaf, row->subleaf, reg);
	uint32_t right = value_of(b, row->leaf, row->subleaf, reg), rest = left ^ right;
	size_t found = 0;

	for (uint32_t bit = 0; bit < 32; bit++) {
		enum feature_id id = rest >> bit & 1 ? feature_at(row->leaf, row->subleaf, reg, bit, BOTH) :
						       FEATURE_NONE;

		if (!id)
			continue;
		tell(s, features[id].name, left >> bit & 1 ? "yes" : "no", right >> bit & 1 ? "yes" : "no");
		rest &= ~(1u << bit);
		found++;
	}
	if (!rest)
		return found;
	tell(s, arena_printf(s->in->arena, "0x%x.%u %s", row->leaf, row->subleaf, register_names[reg]),
	     arena_printf(s->in->arena, "0x%08x", left), arena_printf(s->in->arena, "0x%08x", right));
	return found + 1;
}

static enum hv_vendor vendor_of(const struct host_processor *host)
{
	return host->vendor.value == PROCESSOR_VENDOR_AMD ? HV_VENDOR_AMD : HV_VENDOR_INTEL;
}

static void say_refused(struct subject *s, const char *path, const struct cpu_on_host *seen)
{
	if (seen->refused)
		tell(s, path, "refused", seen->refused);
}

/* Exit code as of `hvcc diff --exit-code`: 1 where the guest could tell the machines apart. */
static int diff(struct subject *s, const char *first, const char *second)
{
	const struct host_processor *left = open_host(s->in, first), *right;
	struct cpu_on_host a, b;
	size_t found = 0;

	right = left ? open_host(s->in, second) : NULL;
	if (!right)
		return EXIT_USAGE;
	if (!concerns(s, left, vendor_of(left)) || !concerns(s, right, vendor_of(right)))
		return usage_error(s->in, "the guest does not run on both vendors");
	if (s->json)
		json_put(s->json, "differences", json_made(json_array()));
	a = cpu_on_host(s->in->arena, &s->cpu->policies[vendor_of(left)], left, s->vcpu);
	b = cpu_on_host(s->in->arena, &s->cpu->policies[vendor_of(right)], right, s->vcpu);
	say_refused(s, first, &a);
	say_refused(s, second, &b);
	for (uint32_t i = 0; i < a.records->cpuid_count; i++)
		for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++)
			found += compare(s, &a, &b, &a.records->cpuid[i], reg);
	for (uint32_t i = 0; i < b.records->cpuid_count; i++) {
		const struct hv_cpuid *row = &b.records->cpuid[i];
		bool known = false;

		for (uint32_t j = 0; j < a.records->cpuid_count; j++)
			known |= a.records->cpuid[j].leaf == row->leaf &&
				 a.records->cpuid[j].subleaf == row->subleaf;
		for (uint32_t reg = 0; !known && reg < CPU_REGISTERS; reg++)
			found += compare(s, &a, &b, row, reg);
	}
	if (!s->json)
		printf("%zu difference%s\n", found, found == 1 ? "" : "s");
	return found || a.refused || b.refused ? EXIT_CONFIGURATION : EXIT_OK;
}

/* ----------------------------------------------------------------------------------------- all */

static const char *const actions[] = { "show", "eval", "why", "diff" };

static int act(struct subject *s)
{
	struct invocation *in = s->in;
	const char *action = in->argument_count > 1 ? in->arguments[1] : "show";
	const char *closest = diag_closest(action, actions, sizeof(actions) / sizeof(*actions));
	const char *path = invocation_option(in, "host");
	const struct host_processor *host = NULL;
	size_t more = in->argument_count > 1 ? in->argument_count - 2 : 0;

	if (!strcmp(action, "diff") && more == 2)
		return diff(s, in->arguments[2], in->arguments[3]);
	if (path && !(host = open_host(in, path)))
		return EXIT_USAGE;
	if (!strcmp(action, "show") && !more)
		return show(s, host, NULL, NULL);
	if (!strcmp(action, "eval") && more == 1)
		return eval(s, host, in->arguments[2]);
	if (!strcmp(action, "why") && more == 1)
		return why(s, in->arguments[2]);
	return usage_error(in, "what to do with the guest is `show`, `eval LEAF[.SUB]`, `why FEATURE|BIT` or "
			       "`diff PLATFORM PLATFORM`%s%s%s", closest ? "; did you mean `" : "",
			   closest ? closest : "", closest ? "`?" : "");
}

static int run(struct invocation *in)
{
	struct system *system = load_system(in, in->arguments[0]);
	const char *vcpu = invocation_option(in, "vcpu");
	struct subject s = { .in = in };
	int code;

	if (!system)
		return invocation_verdict(in);
	if (system->guests.count != 1)
		return usage_error(in, "`%s` has %zu guests: name the file of one", in->arguments[0],
				   system->guests.count);
	s.guest = system->guests.items[0];
	if (vcpu && (!read_number(&vcpu, &s.vcpu) || *vcpu || s.vcpu >= s.guest->vcpus.count.value))
		return usage_error(in, "the guest has %u vCPU(s), counted from 0", s.guest->vcpus.count.value);
	if (!decide(&s, system))
		return invocation_verdict(in);
	s.json = invocation_option(in, "json") ? json_made(json_object()) : NULL;
	code = act(&s);
	if (s.json && (code == EXIT_OK || code == EXIT_CONFIGURATION) && json_object_size(s.json))
		json_print(s.json, stdout);
	else
		json_decref(s.json);
	return code == EXIT_USAGE && diag_errors(in->diags) ? invocation_verdict(in) : code;
}

const struct command command_cpuid = {
	.name = "cpuid",
	.arguments = "FILE [show|eval LEAF[.SUB]|why FEATURE|diff PLATFORM PLATFORM]",
	.summary = "show what a guest reads of CPUID, and who decided each bit",
	.description = "show: all leaves with the features in them. eval: one leaf. why: the statement, model or other "
		       "feature that decided on a feature or a bit such as 7.0.ebx[5]. diff: what the guest reads "
		       "on one machine and not on another; exit code 1 where they differ. Bits that only the machine "
		       "decides are `k` unless --host names one.",
	.options = options,
	.least = 1,
	.most = 4,
	.run = run,
};
