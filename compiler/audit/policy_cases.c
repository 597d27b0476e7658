/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases of a policy as `when` and `assert` statements. Each kind of machine and range of vCPUs that
 * differs from the union has a case, so each becomes a `when` of its own:
 *
 *     host has avx2, lacks aes; vCPUs 1..2: a patch      when host.avx2 and not host.aes and vcpu in 1..2 { ... }
 *     the same, refused: "require sha-ni"                 when host.avx2 and not host.aes { require sha-ni; }
 *     refused: "assert aes or not host.avx"               assert aes or not host.avx;
 *
 * Bits that are features become verbs. Those that carry state are the same for all vCPUs, and so is what
 * XCR0 and the control registers may have: these follow. Other bits become assignments, over the host's
 * bits that the union has there.
 */
#include "audit/decompile.h"

#include <string.h>

#include "policy/policy.h"

#define AMD_REPEATED 0x0183f3ffu /* bits of leaf 1 EDX in leaf 0x80000001 EDX (APM v3 E.4.2) */

enum {
	MOST_CASES = 1024, /* no policy has more */
	MOST_AXES = 4,	   /* features that the conditions of a policy ask for */
};

struct cases {
	const struct image *image;
	const struct hv_cpu_policy *policy;
	uint8_t vendor; /* enum feature_vendors */
	struct buffer *text;
};

static void put(const struct cases *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(const struct cases *c, const char *format, ...)
{
	va_list arguments;
	const char *text;

	va_start(arguments, format);
	text = arena_vprintf(c->image->arena, format, arguments);
	va_end(arguments);
	buffer_bytes(c->text, text, strlen(text));
}

static const struct hv_policy_case *case_of(const struct cases *c, uint32_t i)
{
	return &c->image->cases[c->policy->cases.first + i];
}

static enum feature_id feature_of_bit(const struct cases *c, const struct hv_cpuid *row, uint32_t reg,
				      uint32_t bit)
{
	return feature_at(row->leaf, row->subleaf, reg, bit, c->vendor);
}

static enum feature_id tested(const struct cases *c, const struct hv_host_test *test)
{
	uint32_t bit = test->mask ? (uint32_t)__builtin_ctz(test->mask) : 0;

	return feature_at(test->leaf, test->subleaf, test->reg, bit, c->vendor);
}

/* ---------------------------------------------------------------------------------- conditions */

/* "host.avx2 and not host.aes", of the first tests of a case; "" where there are none. */
static const char *machine_text(const struct cases *c, const struct hv_policy_case *one, uint32_t count)
{
	const char *text = "";

	for (uint32_t i = 0; i < count && i < one->tests.count; i++) {
		const struct hv_host_test *test = &c->image->tests[one->tests.first + i];

		text = arena_printf(c->image->arena, "%s%s%shost.%s", text, i ? " and " : "",
				    test->present ? "" : "not ", features[tested(c, test)].name);
	}
	return text;
}

static const char *vcpus_text(const struct cases *c, const struct hv_policy_case *one)
{
	if (one->first_vcpu == 0 && one->last_vcpu == HV_NONE)
		return "";
	if (one->last_vcpu == HV_NONE)
		return arena_printf(c->image->arena, "vcpu >= %u", one->first_vcpu);
	return arena_printf(c->image->arena, "vcpu in %u..%u", one->first_vcpu, one->last_vcpu);
}

static size_t begin(const struct cases *c, const char *machine, const char *vcpus)
{
	if (*machine || *vcpus)
		put(c, "when %s%s%s {\n", machine, *machine && *vcpus ? " and " : "", vcpus);
	return c->text->size;
}

/* `before`, `inside`: how much text there was ahead of the block, and where its statements begin. */
static void end(const struct cases *c, const char *machine, const char *vcpus, size_t before, size_t inside)
{
	if (c->text->size == inside)
		c->text->size = before;
	else if (*machine || *vcpus)
		put(c, "}\n");
}

/* ------------------------------------------------------------------------------------- patches */

static uint32_t all_feature_bits(const struct hv_cpuid *row, uint32_t reg)
{
	uint32_t bits = 0;

	for (uint32_t bit = 0; bit < 32; bit++)
		bits |= feature_at(row->leaf, row->subleaf, reg, bit, BOTH) ? 1u << bit : 0;
	return bits;
}

/* The record that a patch is for; NULL: it is none of the policy's. */
static const struct hv_cpuid *patched(const struct cases *c, const struct hv_cpuid_patch *patch)
{
	if (patch->cpuid - c->policy->cpuid.first >= c->policy->cpuid.count)
		return NULL;
	return &c->image->cpuid[patch->cpuid];
}

/* The bits of a register that somebody assigned, of those that a patch changes. */
static uint32_t assigned(const struct cases *c, const struct hv_cpuid_patch *patch, uint32_t reg)
{
	const struct hv_cpuid *row = patched(c, patch);
	uint32_t bits;

	if (!row || row->leaf == 0xd)
		return 0; /* the sizes of XSAVE follow from XCR0 */
	bits = ~patch->keep[reg] & row->host_mask[reg] & ~all_feature_bits(row, reg);
	if (c->vendor == AMD && row->leaf == 0x80000001 && reg == EDX)
		bits &= ~AMD_REPEATED;
	return bits;
}

static const char *verb_of_bit(const struct hv_cpuid_patch *patch, enum feature_id id)
{
	if (!(patch->set[features[id].reg] >> features[id].bit & 1))
		return "disable";
	return features[id].support == FEATURE_INFORM ? "force" : "optional";
}

/* `state`: the features that vCPUs cannot differ in, or the others. */
static void put_features(const struct cases *c, const struct hv_policy_case *one, bool state)
{
	for (uint32_t i = 0; i < one->patches.count; i++) {
		const struct hv_cpuid_patch *patch = &c->image->patches[one->patches.first + i];
		const struct hv_cpuid *row = patched(c, patch);

		for (uint32_t n = 0; row && n < 128; n++) {
			uint32_t reg = n / 32, bit = n % 32;
			enum feature_id id = feature_of_bit(c, row, reg, bit);

			if (id && !(patch->keep[reg] >> bit & 1) && policy_carries_state(id) == state &&
			    features[id].support != FEATURE_DYNAMIC)
				put(c, "  %s %s;\n", verb_of_bit(patch, id), features[id].name);
		}
	}
}

/* `leaf 0x17.0 { eax = 0bxx10; }`: these bits, where `set` is NULL the host's. */
static void put_bits(const struct cases *c, const struct hv_cpuid *row, const uint32_t named[4],
		     const uint32_t *set)
{
	static const char *const registers[] = { "eax", "ebx", "ecx", "edx" };
	bool any = false;

	for (uint32_t reg = 0; reg < 4; reg++) {
		uint32_t bits = named[reg];
		char digits[33] = "";

		if (!bits)
			continue;
		for (uint32_t bit = 0; bit < 32; bit++)
			digits[31 - bit] = !(bits >> bit & 1)  ? 'x' : !set ? 'k' :
					   set[reg] >> bit & 1 ? '1' : '0';
		if (!any)
			put(c, "  leaf 0x%x.%u {", row->leaf, row->subleaf);
		any = true;
		put(c, " %s = 0b%s;", registers[reg], digits);
	}
	if (any)
		put(c, " }\n");
}

static void put_assignments(const struct cases *c, const struct hv_policy_case *one)
{
	for (uint32_t i = 0; i < one->patches.count; i++) {
		const struct hv_cpuid_patch *patch = &c->image->patches[one->patches.first + i];
		uint32_t bits[4];

		for (uint32_t reg = 0; reg < 4; reg++)
			bits[reg] = assigned(c, patch, reg);
		if (patched(c, patch))
			put_bits(c, patched(c, patch), bits, patch->set);
	}
}

/* What any case assigns is the host's, so that a kind of machine without a case has it so. */
static void put_assigned(const struct cases *c)
{
	uint32_t (*bits)[4] = arena_array(c->image->arena, c->policy->cpuid.count, sizeof(*bits));

	for (uint32_t i = 0; i < c->policy->cases.count; i++) {
		const struct hv_run *patches = &case_of(c, i)->patches;

		for (uint32_t p = 0; p < patches->count; p++) {
			const struct hv_cpuid_patch *patch = &c->image->patches[patches->first + p];

			for (uint32_t reg = 0; patched(c, patch) && reg < 4; reg++)
				bits[patch->cpuid - c->policy->cpuid.first][reg] |= assigned(c, patch, reg);
		}
	}
	for (uint32_t i = 0; i < c->policy->cpuid.count; i++)
		put_bits(c, &c->image->cpuid[c->policy->cpuid.first + i], bits[i], NULL);
}

static void put_variant(const struct cases *c, const struct hv_policy_case *one)
{
	const char *machine = machine_text(c, one, one->tests.count), *vcpus = vcpus_text(c, one);
	size_t before = c->text->size, inside;

	if (one->first_vcpu == 0) {
		inside = begin(c, machine, "");
		put_features(c, one, true);
		end(c, machine, "", before, inside);
	}
	before = c->text->size;
	inside = begin(c, machine, vcpus);
	put_features(c, one, false);
	put_assignments(c, one);
	end(c, machine, vcpus, before, inside);
}

/* ----------------------------------------------------------------------------------- refusals */

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Whether the words of an assertion ask for a feature, or for one that needs it. */
static bool explains(const char *words, enum feature_id id)
{
	for (enum feature_id other = 1; other < FEATURE_COUNT; other++)
		if ((other == id || feature_in(feature_prerequisites(other), id)) &&
		    strstr(words, features[other].name))
			return true;
	return false;
}

/* The tests of an assertion up to the last that it does not ask for: a `when` around it does. */
static uint32_t unexplained_tests(const struct cases *c, const struct hv_policy_case *refusal)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < refusal->tests.count && i < MOST_AXES; i++)
		if (!explains(image_text(c->image, refusal->name),
			      tested(c, &c->image->tests[refusal->tests.first + i])))
			count = i + 1;
	return count;
}

/* How many tests say which variant it is: those of the cases that are none of a refusal have no others. */
static uint32_t variant_tests(const struct cases *c, const struct hv_policy_case *refusal)
{
	const char *name = image_text(c->image, refusal->name);
	const struct hv_host_test *tests = &c->image->tests[refusal->tests.first];
	uint32_t count = refusal->tests.count;

	for (uint32_t i = 0; i < c->policy->cases.count; i++)
		if (!(case_of(c, i)->flags & HV_CASE_REFUSE))
			return case_of(c, i)->tests.count;
	if (starts_with(name, "assert "))
		return unexplained_tests(c, refusal);
	return count - (count && strchr(name, ' ') &&
			feature_find(strchr(name, ' ') + 1) == tested(c, &tests[count - 1]));
}

/* The same words for the same kind of machine have been said. */
static bool said(const struct cases *c, uint32_t until, const char *name, const char *machine)
{
	for (uint32_t i = 0; i < until; i++) {
		const struct hv_policy_case *one = case_of(c, i);

		if ((one->flags & HV_CASE_REFUSE) && !strcmp(image_text(c->image, one->name), name) &&
		    !strcmp(machine_text(c, one, variant_tests(c, one)), machine))
			return true;
	}
	return false;
}

static void put_refusal(const struct cases *c, uint32_t i)
{
	const struct hv_policy_case *one = case_of(c, i);
	const char *name = image_text(c->image, one->name);
	const char *machine = machine_text(c, one, variant_tests(c, one));

	size_t before = c->text->size, inside;

	if (said(c, i, name, machine))
		return;
	inside = begin(c, machine, "");
	put(c, "%s;\n", name);
	end(c, machine, "", before, inside);
}

void policy_recover_cases(const struct image *image, const struct hv_cpu_policy *policy,
			  struct buffer *text)
{
	struct cases c = { image, policy, policy->vendor == HV_VENDOR_AMD ? AMD : INTEL, text };

	if (policy->cases.count > MOST_CASES)
		return;
	put_assigned(&c);
	for (uint32_t i = 0; i < policy->cases.count; i++)
		if (!(case_of(&c, i)->flags & HV_CASE_REFUSE))
			put_variant(&c, case_of(&c, i));
	/* Later statements win: what is forbidden is off, and more than that. */
	for (uint32_t i = 0; i < policy->cases.count; i++)
		if (case_of(&c, i)->flags & HV_CASE_REFUSE)
			put_refusal(&c, i);
}
