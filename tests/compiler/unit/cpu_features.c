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
	static const char *const prefixes[] = { "vmx-", "ace2", "phe", "pmm", "xcrypt", "xstore" };
	static const char *const names[] = {
		"ibrs-all", "rdctl-no",	     "rsba",	"skip-l1dfl-vmentry", "ssb-no", "mds-no",
		"taa-no",   "pschange-mc-no", "tsx-ctrl", "split-lock-detect", "full-width-write",
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

/* What QEMU says of all named models: an object of objects of properties, by name. */
static json_t *qemu_models(void)
{
	/* Some properties are larger than jansson's integers. */
	const size_t flags = JSON_DISABLE_EOF_CHECK | JSON_DECODE_INT_AS_REAL;
	static const char command[] =
		"{ echo '{\"execute\":\"qmp_capabilities\"}';"
		" " QEMU " -cpu help | awk '$1 == \"x86\" && $2 ~ /-v[0-9]+$/ { print $2 }' | while read -r name; do"
		" printf '{\"execute\":\"query-cpu-model-expansion\",\"arguments\":{\"type\":\"full\","
		"\"model\":{\"name\":\"%s\"}},\"id\":\"%s\"}\\n' \"$name\" \"$name\"; done;"
		" echo '{\"execute\":\"quit\"}'; } | timeout 60 " QEMU
		" -machine none -nodefaults -display none -accel tcg -qmp stdio 2>/dev/null";
	FILE *pipe = popen(command, "r");
	json_t *models = json_object(), *line;

	assert_non_null(pipe);
	while ((line = json_loadf(pipe, flags, NULL))) {
		json_t *model = json_object_get(json_object_get(line, "return"), "model");

		if (model)
			json_object_set(models, json_string_value(json_object_get(line, "id")),
					json_object_get(model, "props"));
		json_decref(line);
	}
	pclose(pipe);
	return models;
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
 * QEMU leaves `vme` out of the models' expansion, though the models have it; and what hangs on something
 * that a model lacks: EPYC-Rome has `amd-stibp` without `ibrs`, and n270 `lahf-lm` without `lm`.
 */
static bool exempt(const char *name, enum feature_id id)
{
	return id == FEATURE_VME || (id == FEATURE_AMD_STIBP && strncmp(name, "EPYC-Rome", 9) == 0) ||
	       (id == FEATURE_LAHF_LM && strncmp(name, "n270", 4) == 0);
}

/* What the rows say a model has of its vendor, besides what the core does. */
static bool comparable(const struct cpu_base *base, enum feature_id id)
{
	uint8_t support = features[id].support;

	return support != FEATURE_CORE && support != FEATURE_NEVER && support != FEATURE_DYNAMIC &&
	       features[id].leaf != 0x40000001 && (features[id].vendors & base->vendor);
}

static uint32_t number_of(json_t *properties, const char *name)
{
	return (uint32_t)json_number_value(json_object_get(properties, name));
}

static void compare_model(const char *name, const struct cpu_base *base, json_t *properties)
{
	struct feature_set set = base_features(base);

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		bool ours = feature_in(&set, id);

		if (!comparable(base, id) || exempt(name, id))
			continue;
		if (ours != qemu_has(properties, id))
			fail_msg("%s: `%s` is %s here, not in QEMU", name, features[id].name,
				 ours ? "on" : "off");
	}
	assert_int_equal(number_of(properties, "family"), base->family);
	assert_int_equal(number_of(properties, "model"), base->model);
	assert_int_equal(number_of(properties, "stepping"), base->stepping);
	assert_string_equal(json_string_value(json_object_get(properties, "model-id")), base->brand);
}

/* Each versioned model of QEMU 7.2 is here; the bare name means the first version. */
static void models_are_those_of_qemu(void **state)
{
	json_t *models = qemu_models(), *properties;
	const char *name;
	void *next;

	(void)state;
	if (!json_object_size(models)) {
		json_decref(models);
		skip();
	}
	assert_true(json_object_size(models) >= 70);
	json_object_foreach_safe(models, next, name, properties) {
		const struct cpu_base *base = base_find(name);
		char bare[64];

		if (!base)
			fail_msg("QEMU's model `%s` is missing", name);
		compare_model(name, base, properties);
		snprintf(bare, sizeof(bare), "%.*s", (int)strlen(name) - 3, name);
		if (strcmp(name + strlen(name) - 3, "-v1") == 0)
			assert_ptr_equal(base_find(bare), base);
	}
	json_decref(models);
}

/* ------------------------------------------------------------------- against libvirt's cpu_map */

#define CPU_MAP "/usr/share/libvirt/cpu_map"

/* libvirt's names of bits of MSRs, and of a bit that means something else on the vendor that has it. */
static bool libvirt_only(const char *name)
{
	static const char *const names[] = {
		"rdctl-no", "ibrs-all", "rsba", "skip-l1dfl-vmentry", "ssb-no", "mds-no",
		"pschange-mc-no", "tsx-ctrl", "taa-no", "split-lock-detect",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* name='value' of a tag; false: it has no such attribute. */
static bool attribute(const char *tag, const char *name, char *value, size_t size)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), " %s='", name);
	at = strstr(tag, key);
	if (!at)
		return false;
	snprintf(value, size, "%.*s", (int)strcspn(at + strlen(key), "'"), at + strlen(key));
	return true;
}

/* Each bit of a <cpuid/> under a feature: the row of that name is at that place. */
static int compare_cpuid(const char *name, const char *tag)
{
	static const char *const registers[] = { "eax", "ebx", "ecx", "edx" };
	enum feature_id id = feature_find(name);
	char value[32], leaf[32] = "0", subleaf[32] = "0";
	int compared = 0;

	attribute(tag, "eax_in", leaf, sizeof(leaf));
	attribute(tag, "ecx_in", subleaf, sizeof(subleaf));
	if (id == FEATURE_NONE)
		fail_msg("libvirt's `%s` has no row", name);
	for (int reg = 0; reg < 4; reg++) {
		uint32_t bits;

		if (!attribute(tag, registers[reg], value, sizeof(value)))
			continue;
		bits = (uint32_t)strtoul(value, NULL, 0);
		if (!bits)
			continue;
		if (features[id].leaf != strtoul(leaf, NULL, 0) ||
		    features[id].subleaf != strtoul(subleaf, NULL, 0) || features[id].reg != reg ||
		    1u << features[id].bit != bits)
			fail_msg("libvirt has `%s` elsewhere: %s", name, tag);
		compared++;
	}
	return compared;
}

static void libvirt_has_the_same_bits(void **state)
{
	FILE *file = fopen(CPU_MAP "/x86_features.xml", "r");
	char line[512], name[64] = "";
	int compared = 0;

	(void)state;
	if (!file)
		skip();
	while (fgets(line, sizeof(line), file)) {
		if (strstr(line, "<feature "))
			assert_true(attribute(line, "name", name, sizeof(name)));
		else if (strstr(line, "<cpuid ") && !libvirt_only(name))
			compared += compare_cpuid(name, line);
	}
	fclose(file);
	assert_true(compared > 180);
}

/* The features of a model of libvirt, with those of the one it starts from. False: it has none. */
static bool libvirt_model(const char *name, struct feature_set *set)
{
	char path[128], line[512], value[64];
	FILE *file;

	snprintf(path, sizeof(path), CPU_MAP "/x86_%s.xml", name);
	file = fopen(path, "r");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		enum feature_id id;

		if (!attribute(line, "name", value, sizeof(value)))
			continue;
		if (strstr(line, "<model ") && strstr(line, "/>"))
			assert_true(libvirt_model(value, set));
		id = strstr(line, "<feature ") ? feature_find(value) : FEATURE_NONE;
		if (id)
			feature_add(set, id);
	}
	fclose(file);
	return true;
}

/*
 * Where libvirt 9.0 and QEMU 7.2 differ on a model, QEMU's is here: libvirt never changes a model that it
 * once had, QEMU has corrected some.
 */
static bool libvirt_differs(const char *name, enum feature_id id)
{
	static const struct {
		const char *models; /* the beginning of their names */
		uint16_t feature;
	} rows[] = {
		{ "coreduo", FEATURE_SS }, { "n270", FEATURE_SS }, { "n270", FEATURE_MOVBE },
		{ "n270", FEATURE_LAHF_LM }, { "Opteron_G2", FEATURE_RDTSCP },
		{ "qemu64", FEATURE_POPCNT }, { "qemu64", FEATURE_ABM }, { "qemu64", FEATURE_SSE4A },
		{ "core2duo", FEATURE_SS }, { "core2duo", FEATURE_CX16 }, { "core2duo", FEATURE_LAHF_LM },
		{ "phenom", FEATURE_CX16 }, { "phenom", FEATURE_POPCNT }, { "phenom", FEATURE_PDPE1GB },
		{ "phenom", FEATURE_RDTSCP }, { "phenom", FEATURE_LAHF_LM }, { "phenom", FEATURE_ABM },
		{ "phenom", FEATURE_SSE4A }, { "Haswell", FEATURE_F16C }, { "Haswell", FEATURE_RDRAND },
		{ "Haswell", FEATURE_ABM }, { "Broadwell", FEATURE_F16C },
		{ "Broadwell", FEATURE_RDRAND }, { "Broadwell", FEATURE_ABM },
		{ "Skylake-Server", FEATURE_CLFLUSHOPT }, { "Skylake-Server", FEATURE_PKU },
		{ "Cascadelake-Server", FEATURE_PKU }, { "EPYC-Rome", FEATURE_AMD_STIBP },
		{ "IvyBridge", FEATURE_XSAVEOPT },
		{ "Haswell", FEATURE_XSAVEOPT },
		{ "Broadwell", FEATURE_XSAVEOPT },
		{ "EPYC-Rome", FEATURE_XSAVES },
		{ "Westmere", FEATURE_PCLMULQDQ }, { "SandyBridge", FEATURE_XSAVEOPT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].feature == id && strncmp(name, rows[i].models, strlen(rows[i].models)) == 0)
			return true;
	}
	return false;
}

static void libvirt_has_the_same_models(void **state)
{
	const char *const *names;
	size_t count = base_names(&names), compared = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct cpu_base *base = base_find(names[i]);
		struct feature_set theirs = { 0 }, ours = base_features(base);

		if (!base->vendor || !libvirt_model(names[i], &theirs))
			continue;
		compared++;
		for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
			if (comparable(base, id) && !libvirt_differs(names[i], id) &&
			    feature_in(&ours, id) != feature_in(&theirs, id))
				fail_msg("%s: `%s` is %s here, not in libvirt", names[i],
					 features[id].name, feature_in(&ours, id) ? "on" : "off");
		}
	}
	if (!compared)
		skip();
	assert_true(compared > 45);
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
		cmocka_unit_test(libvirt_has_the_same_bits),
		cmocka_unit_test(libvirt_has_the_same_models),
	};

	return cmocka_run_group_tests_name("cpu_features", tests, NULL, NULL);
}
