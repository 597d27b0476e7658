/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feature table: consistent in itself, and the same names and models as the QEMU that is
 * installed (where one is).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "policy/base.h"
#include "policy/feature.h"

#define QEMU "qemu-system-x86_64"

static void names_are_unique(void **state)
{
	(void)state;
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		char aliases[128], *rest = aliases, *alias;

		assert_int_equal(feature_find(features[id].name), id);
		assert_true(strlen(features[id].aliases) < sizeof(aliases));
		strcpy(aliases, features[id].aliases);
		while ((alias = strtok_r(rest, " ", &rest)))
			assert_int_equal(feature_find(alias), id);
	}
	assert_int_equal(feature_find("SSE4_1"), feature_find("sse4.1"));
	assert_int_equal(feature_find("Fxsr_Opt"), feature_find("fxsr-opt"));
	assert_int_equal(feature_find("avx51"), FEATURE_NONE);
	assert_int_equal(feature_find(""), FEATURE_NONE);
}

static void bits_are_unique(void **state)
{
	(void)state;
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *f = &features[id];

		assert_true(f->bit < 32 && f->reg < CPU_REGISTERS);
		assert_int_not_equal(f->vendors, 0);
		for (uint8_t vendor = INTEL; vendor <= AMD; vendor++) {
			enum feature_id found =
				feature_at(f->leaf, f->subleaf, f->reg, f->bit, vendor);

			assert_int_equal(found, f->vendors & vendor ? id : FEATURE_NONE);
		}
	}
}

static void prerequisites_make_sense(void **state)
{
	(void)state;
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature_set *needs = feature_prerequisites(id);
		bool possible = features[id].support != FEATURE_NEVER;

		assert_false(feature_in(needs, id));
		for (enum feature_id need = 1; need < FEATURE_COUNT; need++) {
			struct feature_set dependants;

			if (!feature_in(needs, need))
				continue;
			dependants = feature_dependants(need);
			assert_true(feature_in(&dependants, id));
			/* What exists on a vendor finds there what it needs, and the core offers that. */
			assert_int_equal(features[id].vendors & ~features[need].vendors, 0);
			if (possible)
				assert_int_not_equal(features[need].support, FEATURE_NEVER);
		}
	}
}

static void reasons_are_given(void **state)
{
	(void)state;
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		bool off = features[id].support == FEATURE_NEVER ||
			   features[id].support == FEATURE_DYNAMIC;

		assert_int_equal(off, features[id].why != NULL);
	}
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} rows[] = {
		{ "avx512*", "avx512f", true },	  { "avx512*", "avx512-vpopcntdq", true },
		{ "avx512*", "avx2", false },	  { "*", "fpu", true },
		{ "sse*", "sse4.2", true },	  { "sse4_*", "sse4.2", true },
		{ "*512*", "avx512f", true },	  { "a*f", "avx512f", true },
		{ "a*f", "avx512bw", false },	  { "avx512f", "avx512f", true },
		{ "AVX512*", "avx512f", true },	  { "**", "fpu", true },
		{ "fpu*", "fpu", true },	  { "fp*x", "fpu", false },
		{ "a*a*a*a*a*a*b", "aes", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(feature_matches(feature_find(rows[i].name), rows[i].pattern),
				 rows[i].matches);
}

static bool closed(const struct feature_set *set, enum feature_id id)
{
	const struct feature_set *needs = feature_prerequisites(id);

	for (enum feature_id need = 1; need < FEATURE_COUNT; need++) {
		if (feature_in(needs, need) && !feature_in(set, need))
			return false;
	}
	return true;
}

static void bases_are_closed(void **state)
{
	const char *const *names;
	size_t count = base_names(&names);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct feature_set set = base_features(base_find(names[i]));

		for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
			if (!feature_in(&set, id))
				continue;
			assert_true(closed(&set, id));
			assert_int_not_equal(features[id].support, FEATURE_NEVER);
			assert_int_not_equal(features[id].support, FEATURE_DYNAMIC);
		}
	}
}

static void levels_follow_the_psabi(void **state)
{
	/* x86-64 psABI, table 3.1; OSXSAVE and CR4 bits are the kernel's. */
	static const struct {
		const char *base, *names;
	} levels[] = {
		{ "x86-64-v1", "cmov cx8 fpu fxsr mmx syscall sse sse2" },
		{ "x86-64-v2", "cx16 lahf-lm popcnt sse3 sse4.1 sse4.2 ssse3" },
		{ "x86-64-v3", "avx avx2 bmi1 bmi2 f16c fma lzcnt movbe xsave" },
		{ "x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl" },
	};

	(void)state;
	for (size_t level = 0; level < 4; level++) {
		for (size_t of = 0; of < 4; of++) {
			struct feature_set set = base_features(base_find(levels[level].base));
			char names[128], *rest = names, *name;

			strcpy(names, levels[of].names);
			while ((name = strtok_r(rest, " ", &rest)))
				assert_int_equal(feature_in(&set, feature_find(name)), of <= level);
		}
	}
}

static void signatures(void **state)
{
	(void)state;
	assert_int_equal(base_signature(base_find("EPYC-Milan")), 0x00a00f11);
	assert_int_equal(base_signature(base_find("EPYC")), 0x00800f12);
	assert_int_equal(base_signature(base_find("Haswell")), 0x000306c4);
	assert_int_equal(base_signature(base_find("Skylake-Server")), 0x00050654);
	assert_int_equal(base_signature(base_find("host")), 0);
}

/* --------------------------------------------------------------------- against QEMU's own lists */

/* Names QEMU has beyond CPUID bits that guests of a PC can have: VMX controls, VIA's leaves, and so on. */
static bool out_of_scope(const char *name)
{
	static const char *const prefixes[] = { "vmx-", "sgx-", "ace2", "phe", "pmm", "xcrypt", "xstore" };
	static const char *const names[] = {
		"ibrs-all", "rdctl-no",	     "rsba",	"skip-l1dfl-vmentry", "ssb-no", "mds-no",
		"taa-no",   "pschange-mc-no", "tsx-ctrl", "split-lock-detect", "full-width-write",
		"intel-pt-lip", "sgx1",	     "sgx2",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void qemu_knows_the_names(void **state)
{
	FILE *pipe = popen(QEMU " -cpu help 2>/dev/null | sed -n '/^Recognized/,$p' | tail -n +2", "r");
	char name[64];
	int compared = 0;

	(void)state;
	assert_non_null(pipe);
	while (fscanf(pipe, "%63s", name) == 1) {
		if (out_of_scope(name))
			continue;
		if (feature_find(name) == FEATURE_NONE)
			fail_msg("QEMU's `%s` has no row", name);
		compared++;
	}
	pclose(pipe);
	if (!compared)
		skip();
	assert_true(compared > 150);
}

/* What QEMU says of a model: an object of properties; NULL: no QEMU. */
static json_t *qemu_model(const char *name)
{
	/* Some properties are larger than jansson's integers. */
	const size_t flags = JSON_DISABLE_EOF_CHECK | JSON_DECODE_INT_AS_REAL;
	char command[512];
	json_t *answer = NULL;
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "printf '%%s\\n' '{\"execute\":\"qmp_capabilities\"}' "
		 "'{\"execute\":\"query-cpu-model-expansion\",\"arguments\":{\"type\":\"full\","
		 "\"model\":{\"name\":\"%s-v1\"}}}' '{\"execute\":\"quit\"}' | timeout 30 " QEMU
		 " -machine none -nodefaults -display none -accel tcg -qmp stdio 2>/dev/null",
		 name);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	for (;;) {
		json_t *line = json_loadf(pipe, flags, NULL);
		json_t *model = json_object_get(json_object_get(line, "return"), "model");

		if (!line)
			break;
		if (model)
			answer = json_incref(json_object_get(model, "props"));
		json_decref(line);
	}
	pclose(pipe);
	return answer;
}

static bool qemu_has(json_t *properties, enum feature_id id)
{
	const char *name;
	json_t *value;

	json_object_foreach(properties, name, value) {
		if (json_is_true(value) && feature_find(name) == id)
			return true;
	}
	return false;
}

/*
 * QEMU leaves `vme` out of the models' expansion, though the models have it; and it has an EPYC-Rome
 * with `amd-stibp` but without `ibrs`, on which SPEC_CTRL hangs here.
 */
static bool exempt(const struct cpu_base *base, enum feature_id id)
{
	return id == FEATURE_VME ||
	       (id == FEATURE_AMD_STIBP && strcmp(base->name, "EPYC-Rome") == 0);
}

static uint32_t number_of(json_t *properties, const char *name)
{
	return (uint32_t)json_number_value(json_object_get(properties, name));
}

static void compare_model(const struct cpu_base *base, json_t *properties)
{
	struct feature_set set = base_features(base);

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		uint8_t support = features[id].support;
		bool ours = feature_in(&set, id);

		if (support == FEATURE_CORE || support == FEATURE_NEVER ||
		    support == FEATURE_DYNAMIC || exempt(base, id) || features[id].leaf == 0x40000001)
			continue;
		if (ours != qemu_has(properties, id))
			fail_msg("%s: `%s` is %s here, not in QEMU", base->name, features[id].name,
				 ours ? "on" : "off");
	}
	assert_int_equal(number_of(properties, "family"), base->family);
	assert_int_equal(number_of(properties, "model"), base->model);
	assert_int_equal(number_of(properties, "stepping"), base->stepping);
	assert_string_equal(json_string_value(json_object_get(properties, "model-id")), base->brand);
}

static void models_are_those_of_qemu(void **state)
{
	const char *const *names;
	size_t count = base_names(&names);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct cpu_base *base = base_find(names[i]);
		json_t *properties;

		if (!base->vendor)
			continue;
		properties = qemu_model(base->name);
		if (!properties)
			skip();
		compare_model(base, properties);
		json_decref(properties);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(bits_are_unique),
		cmocka_unit_test(prerequisites_make_sense),
		cmocka_unit_test(reasons_are_given),
		cmocka_unit_test(patterns),
		cmocka_unit_test(bases_are_closed),
		cmocka_unit_test(levels_follow_the_psabi),
		cmocka_unit_test(signatures),
		cmocka_unit_test(qemu_knows_the_names),
		cmocka_unit_test(models_are_those_of_qemu),
	};

	return cmocka_run_group_tests_name("cpu_features", tests, NULL, NULL);
}
