/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bases. x86-64-v1 to v4 are the levels of the x86-64 psABI, with what an operating system
 * needs beside (paging, MTRR, SYSENTER, NX). The named models have the features of the QEMU models
 * of the same name, as far as the core can offer them; the tests compare the two.
 */
#include "policy/base.h"

#include <string.h>

static const uint16_t empty_features[] = {
	FEATURE_NONE,
};

static const uint16_t v1_features[] = {
	FEATURE_FPU, FEATURE_VME, FEATURE_DE, FEATURE_PSE, FEATURE_TSC, FEATURE_MSR,
	FEATURE_PAE, FEATURE_CX8, FEATURE_SEP, FEATURE_PGE, FEATURE_CMOV, FEATURE_PAT,
	FEATURE_PSE36, FEATURE_CLFLUSH, FEATURE_MMX, FEATURE_FXSR, FEATURE_SSE,
	FEATURE_SSE2, FEATURE_SYSCALL, FEATURE_NX, FEATURE_LM, FEATURE_NONE,
};

static const uint16_t v2_features[] = {
	FEATURE_PNI, FEATURE_SSSE3, FEATURE_SSE4_1, FEATURE_SSE4_2, FEATURE_POPCNT,
	FEATURE_CX16, FEATURE_LAHF_LM, FEATURE_NONE,
};

static const uint16_t v3_features[] = {
	FEATURE_XSAVE, FEATURE_AVX, FEATURE_AVX2, FEATURE_BMI1, FEATURE_BMI2, FEATURE_F16C,
	FEATURE_FMA, FEATURE_ABM, FEATURE_MOVBE, FEATURE_NONE,
};

static const uint16_t v4_features[] = {
	FEATURE_AVX512F, FEATURE_AVX512BW, FEATURE_AVX512CD, FEATURE_AVX512DQ,
	FEATURE_AVX512VL, FEATURE_NONE,
};

static const uint16_t haswell_features[] = {
	FEATURE_AES, FEATURE_ERMS, FEATURE_FSGSBASE, FEATURE_HLE, FEATURE_INVPCID,
	FEATURE_PCID, FEATURE_PCLMULQDQ, FEATURE_RDRAND, FEATURE_RDTSCP, FEATURE_RTM,
	FEATURE_SMEP, FEATURE_XSAVEOPT, FEATURE_NONE,
};

static const uint16_t skylake_server_features[] = {
	FEATURE_X3DNOWPREFETCH, FEATURE_ADX, FEATURE_CLFLUSHOPT, FEATURE_CLWB,
	FEATURE_AVX512F, FEATURE_AVX512BW, FEATURE_AVX512CD, FEATURE_AVX512DQ,
	FEATURE_AVX512VL, FEATURE_PDPE1GB, FEATURE_PKU, FEATURE_RDSEED, FEATURE_SMAP,
	FEATURE_XGETBV1, FEATURE_XSAVEC, FEATURE_NONE,
};

static const uint16_t epyc_features[] = {
	FEATURE_X3DNOWPREFETCH, FEATURE_ADX, FEATURE_AES, FEATURE_CLFLUSHOPT,
	FEATURE_CR8LEGACY, FEATURE_FSGSBASE, FEATURE_FXSR_OPT, FEATURE_MISALIGNSSE,
	FEATURE_MMXEXT, FEATURE_PCLMULQDQ, FEATURE_PDPE1GB, FEATURE_RDRAND, FEATURE_RDSEED,
	FEATURE_RDTSCP, FEATURE_SHA_NI, FEATURE_SMAP, FEATURE_SMEP, FEATURE_SSE4A,
	FEATURE_XGETBV1, FEATURE_XSAVEC, FEATURE_XSAVEOPT, FEATURE_NONE,
};

static const uint16_t epyc_rome_features[] = {
	FEATURE_IBPB, FEATURE_CLWB, FEATURE_CLZERO, FEATURE_RDPID, FEATURE_UMIP, FEATURE_WBNOINVD,
	FEATURE_XSAVEERPTR, FEATURE_XSAVES, FEATURE_NONE,
};

static const uint16_t epyc_milan_features[] = {
	FEATURE_AMD_SSBD, FEATURE_AMD_STIBP, FEATURE_IBRS, FEATURE_ERMS, FEATURE_FSRM,
	FEATURE_INVPCID, FEATURE_PCID, FEATURE_PKU, FEATURE_NONE,
};

enum base_id {
	NONE,
	HOST,
	V1,
	V2,
	V3,
	V4,
	HASWELL,
	SKYLAKE_SERVER,
	EPYC,
	EPYC_ROME,
	EPYC_MILAN,
	BASES,
};

static const struct cpu_base bases[BASES] = {
	[NONE] = { "none", NULL, empty_features, .since = 1 },
	[HOST] = { "host", NULL, empty_features, .since = 1 },
	[V1] = { "x86-64-v1", NULL, v1_features, .since = 1 },
	[V2] = { "x86-64-v2", &bases[V1], v2_features, .since = 1 },
	[V3] = { "x86-64-v3", &bases[V2], v3_features, .since = 1 },
	[V4] = { "x86-64-v4", &bases[V3], v4_features, .since = 1 },
	[HASWELL] = { "Haswell", &bases[V3], haswell_features, INTEL, 1, 6, 60, 4,
		      "Intel Core Processor (Haswell)" },
	[SKYLAKE_SERVER] = { "Skylake-Server", &bases[HASWELL], skylake_server_features, INTEL, 1,
			     6, 85, 4, "Intel Xeon Processor (Skylake)" },
	[EPYC] = { "EPYC", &bases[V3], epyc_features, AMD, 1, 23, 1, 2, "AMD EPYC Processor" },
	[EPYC_ROME] = { "EPYC-Rome", &bases[EPYC], epyc_rome_features, AMD, 1, 23, 49, 0,
			"AMD EPYC-Rome Processor" },
	[EPYC_MILAN] = { "EPYC-Milan", &bases[EPYC_ROME], epyc_milan_features, AMD, 1, 25, 1, 1,
			 "AMD EPYC-Milan Processor" },
};

const struct cpu_base *base_find(const char *name)
{
	for (size_t i = 0; i < BASES; i++) {
		if (strcmp(bases[i].name, name) == 0 && bases[i].since <= FEATURE_SCHEMA_VERSION)
			return &bases[i];
	}
	return NULL;
}

size_t base_names(const char *const **names)
{
	static const char *all[BASES];

	for (size_t i = 0; i < BASES; i++)
		all[i] = bases[i].name;
	*names = all;
	return BASES;
}

void base_unknown(struct diags *diags, struct position at, const char *name)
{
	const char *const *names;
	size_t count = base_names(&names);
	const char *closest = diag_closest(name, names, count);
	struct diag *diag = diag_report(diags, POLICY_BASE, at, name);

	if (!closest)
		return;
	diag_help(diag, "did you mean `%s`?", closest);
	diag_fix_name(diags, diag, at, name, closest);
}

static bool offered(enum feature_id id)
{
	return features[id].since <= FEATURE_SCHEMA_VERSION &&
	       features[id].support != FEATURE_DYNAMIC && features[id].support != FEATURE_NEVER;
}

struct feature_set base_features(const struct cpu_base *base)
{
	struct feature_set set = { 0 };

	for (const struct cpu_base *b = base; b; b = b->parent) {
		for (const uint16_t *id = b->features; *id; id++)
			feature_add(&set, *id);
	}
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		bool core = features[id].support == FEATURE_CORE;

		if (offered(id) && (base == &bases[HOST] || (core && base != &bases[NONE])))
			feature_add(&set, id);
	}
	return set;
}

/* A family above 15 goes on in 27:20; models above 15 in 19:16. */
uint32_t base_signature(const struct cpu_base *base)
{
	uint32_t extended = base->family > 15 ? base->family - 15 : 0;

	if (!base->vendor)
		return 0;
	return extended << 20 | base->model >> 4 << 16 | (base->family - extended) << 8 |
	       (base->model & 15) << 4 | base->stepping;
}
