/* SPDX-License-Identifier: Apache-2.0 */
/* From policy records to a guest's tables: only what the machine lacks is taken away, and all that
 * hangs on it goes with it. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/shim/fake_backend.h"
#include "../unit/shim/quiet_log.h"
#include "lib/bits.h"
#include "vcpu/cpuid.h"

#include <cmocka.h>

/* ---- a policy: leaves 0, 1, 7.0, 0xd.0 .. 0xd.2, 0x80000000; two features */

enum { LEAF_0, LEAF_1, LEAF_7, LEAF_D0, LEAF_D1, LEAF_D2, LEAF_EXT, LEAVES };

#define ONES                                                                                       \
	{                                                                                          \
		~0u, ~0u, ~0u, ~0u                                                                 \
	}
static const struct hv_cpuid cpuid_records[] = {
	/* Record 0 belongs to another guest. */
	{.value = ONES},
	{.leaf = 0, .value = {0xd, 1, 2, 3}},
	{.leaf = 1,
	 .value = {0xa20f10, 0, 0x1c000000, 0xffffffff},
	 .host_mask = {0, 0, 0xffffffff, 0xffffffff}},
	{.leaf = 7,
	 .flags = HV_CPUID_SUBLEAF,
	 .subleaves = 1,
	 .value = {0, 0x128, 0, 0},
	 .host_mask = ONES},
	{.leaf = 0xd,
	 .flags = HV_CPUID_SUBLEAF,
	 .subleaves = 3,
	 .dynamic = HV_DYNAMIC_XSAVE_MAX,
	 .value = ONES},
	{.leaf = 0xd, .subleaf = 1, .value = {1, 0, 0, 0}, .host_mask = ONES},
	{.leaf = 0xd,
	 .subleaf = 2,
	 .dynamic = HV_DYNAMIC_XSAVE_COMPONENT,
	 .value = {256, 576, 0, 0}},
	{.leaf = 0x80000000, .value = {0x80000000, 5, 5, 5}},
};
static const uint16_t indices[] = {LEAF_0, LEAF_1, 0xffff, 0xffff, 0xffff, 0xffff,  0xffff,  LEAF_7,
				   0xffff, 0xffff, 0xffff, 0xffff, 0xffff, LEAF_D0, LEAF_EXT};
static struct hv_feature features[2];
static const struct hv_cpuid_clear clears[] = {
	{.cpuid = 1 + LEAF_7,
	 .keep = {~0u, ~(uint32_t)BIT(5), ~0u, ~0u}}, /* AVX takes AVX2 with it */
	{.cpuid = 0, .keep = {0}},                    /* not of this guest */
};
static const struct hv_msr msr_records[] = {
	{.first = 0x10,
	 .last = 0x10,
	 .read = HV_MSR_HANDLER,
	 .write = HV_MSR_HANDLER,
	 .group = 255},
	{.first = 0x200,
	 .last = 0x203,
	 .read = HV_MSR_STORE,
	 .write = HV_MSR_STORE,
	 .group = 3,
	 .slot = 0,
	 .write_mask = 1},
	{.first = 0x300, .last = 0x300, .read = HV_MSR_HANDLER, .write = HV_MSR_GP, .group = 255},
	{.first = 0x400, .last = 0x400, .read = 200, .write = 200, .group = 255},
};
static struct hv_host_test host_tests[] = {
	{.leaf = 1, .reg = 2, .mask = (uint32_t)CPUID_1_ECX_AVX, .present = 1},
	{.leaf = 1, .reg = 2, .mask = (uint32_t)CPUID_1_ECX_PCID, .present = 0},
};
static const struct hv_cpuid_patch patches[] = {
	{.cpuid = 1 + LEAF_7, .keep = {~0u, ~(uint32_t)BIT(8), ~0u, ~0u}, .set = {0, 0, 3, 0}},
	{.cpuid = 0, .keep = {0}}, /* not of this guest */
	{.cpuid = 1 + LEAF_EXT, .keep = {~0u, 0, ~0u, ~0u}, .set = {0, 9, 0, 0}},
};
static struct hv_policy_case cases[2];
static struct hv_cpu_policy policy;
static struct blob blob = {
	.strings = "\0avx",
	.cpuid = cpuid_records,
	.cpuid_index = indices,
	.features = features,
	.clears = clears,
	.msrs = msr_records,
	.cases = cases,
	.tests = host_tests,
	.patches = patches,
};

/* ---- a machine */

static bool host_has_avx, host_has_pcid;

static struct cpuid_regs host(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r = {0};

	switch (leaf) {
	case 0:
		r.eax = 0xd;
		break;
	case 1:
		r.ecx = (uint32_t)CPUID_1_ECX_XSAVE |
			(host_has_avx ? (uint32_t)CPUID_1_ECX_AVX : 0) |
			(host_has_pcid ? (uint32_t)CPUID_1_ECX_PCID : 0);
		r.edx = 0x00ffffff;
		break;
	case 7:
		r.ebx = subleaf ? 0 : 0x1 | (uint32_t)BIT(5) | (uint32_t)BIT(8);
		break;
	case 0xd:
		r.eax = subleaf == 0 ? (host_has_avx ? 7 : 3) : subleaf == 1 ? 0xf : 256;
		r.ebx = 576;
		break;
	case 0x80000000:
		r.eax = 0x8000001f;
		break;
	}
	return r;
}

static void *blocks[8];
static uint32_t block_count;

static enum status from_heap(size_t size, void **p)
{
	*p = blocks[block_count++] = calloc(1, size);
	return STATUS_OK;
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	host_has_avx = host_has_pcid = true;
	policy = (struct hv_cpu_policy){
		.cpuid = {1, LEAVES},
		.features = {0, 1},
		.msrs = {0, 4},
		.index = {{0, 14}, {0, 0}, {14, 1}},
		.xcr0 = 7,
		.cr4 = CR4_PAE | CR4_OSXSAVE | CR4_PCIDE,
		.efer = EFER_LME,
	};
	features[0] = (struct hv_feature){.name = 1,
					  .leaf = 1,
					  .reg = 2,
					  .mask = (uint32_t)CPUID_1_ECX_AVX,
					  .clears = {0, 2},
					  .xcr0_clear = XCR0_AVX,
					  .msr_groups_clear = BIT(3)};
	cases[0] = cases[1] = (struct hv_policy_case){.name = 1};
	features[1] = (struct hv_feature){
		.name = 1, .leaf = 1, .reg = 2, .mask = (uint32_t)CPUID_1_ECX_PCID};
	fake_guest.policy = &policy;
	xsave_layout_read(&xsave_layout, host);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (block_count)
		free(blocks[--block_count]);
	return 0;
}

static enum status resolve(void)
{
	return policy_resolve(&fake_guest, &blob, host, from_heap);
}

static const struct cpuid_entry *leaf(uint32_t n, uint32_t subleaf)
{
	return cpuid_find(&fake_guest.cpuid, n, subleaf);
}

static void test_all_there(void **state)
{
	(void)state;
	assert_int_equal(resolve(), STATUS_OK);
	assert_int_equal(leaf(0, 0)->value[0], 0xd); /* ours alone */
	assert_int_equal(leaf(1, 0)->value[2], CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX);
	assert_int_equal(leaf(1, 0)->value[3], 0x00ffffff);
	assert_int_equal(leaf(7, 0)->value[1], BIT(5) | BIT(8));
	assert_null(leaf(7, 1));
	assert_int_equal(leaf(0xd, 2)->value[0], 256);
	assert_int_equal(leaf(0x80000000, 0)->value[1], 5);
	assert_int_equal(fake_guest.xcr0, 7);
	assert_int_equal(fake_guest.cr4, CR4_PAE | CR4_OSXSAVE | CR4_PCIDE);
	assert_int_equal(fake_guest.efer, EFER_LME);
	assert_int_equal(fake_guest.msr.count, 4);
}

static void test_closure(void **state)
{
	(void)state;
	host_has_avx = false;
	host_has_pcid = false;
	xsave_layout_read(&xsave_layout, host);
	assert_int_equal(resolve(), STATUS_OK);
	assert_int_equal(leaf(1, 0)->value[2], CPUID_1_ECX_XSAVE);
	assert_int_equal(leaf(7, 0)->value[1], BIT(8)); /* although the host has AVX2 */
	assert_int_equal(leaf(0xd, 2)->value[0], 0);
	assert_int_equal(leaf(0, 0)->value[0], 0xd);
	assert_int_equal(fake_guest.xcr0, 3);
	assert_int_equal(fake_guest.cr4, CR4_PAE | CR4_OSXSAVE);
	assert_int_equal(fake_guest.msr.count, 3);                   /* the group is gone */
	assert_int_equal(cpuid_records[1 + LEAF_7].value[1], 0x128); /* the blob is never written */
}

/* Where the machine has AVX and lacks PCID. */
static void test_cases(void **state)
{
	(void)state;
	policy.cases.count = 1;
	cases[0] = (struct hv_policy_case){.last_vcpu = HV_NONE,
					   .name = 1,
					   .tests = {0, 2},
					   .patches = {0, 2},
					   .cr4_clear = CR4_OSXSAVE,
					   .xcr0_clear = XCR0_AVX,
					   .efer_clear = EFER_LME,
					   .msr_groups_clear = BIT(3)};
	assert_int_equal(resolve(), STATUS_OK);
	assert_int_equal(leaf(7, 0)->value[1], BIT(5) | BIT(8));
	assert_int_equal(fake_guest.efer, EFER_LME);
	teardown(state);
	fake_guest.msr.count = 0;
	host_has_pcid = false;
	assert_int_equal(resolve(), STATUS_OK);
	assert_int_equal(leaf(7, 0)->value[1], BIT(5));
	assert_int_equal(leaf(7, 0)->value[2], 3);
	assert_int_equal(leaf(0xd, 2)->value[0], 0); /* the component went with XCR0 */
	assert_int_equal(fake_guest.xcr0, 3);
	assert_int_equal(fake_guest.cr4, CR4_PAE);
	assert_int_equal(fake_guest.efer, 0);
	assert_int_equal(fake_guest.msr.count, 3);
	teardown(state);
	cases[0].flags = HV_CASE_REFUSE;
	assert_int_equal(resolve(), STATUS_MISMATCH);
	assert_non_null(strstr(quiet_log_last, "does not fulfil: avx"));
}

/* A vCPU has a table of its own only where a case says so. */
static void test_vcpu_cases(void **state)
{
	const struct cpuid_table *own;

	(void)state;
	policy.cases.count = 2;
	cases[0] = (struct hv_policy_case){.first_vcpu = 1, .last_vcpu = 2, .patches = {0, 2}};
	cases[1] = (struct hv_policy_case){
		.first_vcpu = 2, .last_vcpu = HV_NONE, .tests = {0, 1}, .patches = {2, 1}};
	assert_int_equal(resolve(), STATUS_OK);
	assert_int_equal(policy_resolve_vcpu(&fake_guest, 0, &blob, host, from_heap, &own), STATUS_OK);
	assert_ptr_equal(own, &fake_guest.cpuid);
	assert_int_equal(policy_resolve_vcpu(&fake_guest, 2, &blob, host, from_heap, &own), STATUS_OK);
	assert_int_equal(cpuid_find(own, 7, 0)->value[1], BIT(5));
	assert_int_equal(cpuid_find(own, 0x80000000, 0)->value[1], 9);
	assert_int_equal(leaf(7, 0)->value[1], BIT(5) | BIT(8));
	assert_int_equal(leaf(0x80000000, 0)->value[1], 5);
	host_has_avx = false;
	assert_int_equal(policy_resolve_vcpu(&fake_guest, 3, &blob, host, from_heap, &own), STATUS_OK);
	assert_ptr_equal(own, &fake_guest.cpuid);
}

static void test_required_and_forbidden(void **state)
{
	(void)state;
	policy.features.count = 2;
	features[1].flags = HV_FEATURE_REQUIRED;
	assert_int_equal(resolve(), STATUS_OK);
	teardown(state);
	host_has_pcid = false;
	quiet_log_lines = 0;
	assert_int_equal(resolve(), STATUS_MISMATCH);
	assert_int_equal(quiet_log_lines, 1);
	teardown(state);
	features[1].flags = HV_FEATURE_FORBIDDEN;
	fake_guest.msr.count = 0;
	assert_int_equal(resolve(), STATUS_OK);
	teardown(state);
	host_has_pcid = true;
	assert_int_equal(resolve(), STATUS_MISMATCH);
	assert_non_null(strstr(quiet_log_last, "must not run with"));
}

static enum access_result nothing(void *context, struct bus_access *access)
{
	(void)context, (void)access;
	return ACCESS_DONE;
}

static void test_msrs(void **state)
{
	const struct bus_range range = {.first = 0x300,
					.last = 0x30f,
					.handler = nothing,
					.context = &policy,
					.flags = BUS_LOCKED};
	struct msr_table *t = &fake_guest.msr;
	uint32_t hint = 0;

	(void)state;
	assert_int_equal(resolve(), STATUS_OK);
	assert_int_equal(bus_add(&fake_guest.bus[GUEST_MSR], &range), STATUS_OK);
	bus_seal(&fake_guest.bus[GUEST_MSR]);
	policy_connect_msrs(&fake_guest);
	assert_int_equal(msr_find_near(t, 0x10, &hint)->read,
			 HV_MSR_GP); /* no device of this guest answers */
	assert_ptr_equal(msr_find_near(t, 0x300, &hint)->handler, nothing);
	assert_ptr_equal(msr_find_near(t, 0x300, &hint)->context, &policy);
	assert_true(msr_find_near(t, 0x300, &hint)->locked);
	assert_int_equal(msr_find_near(t, 0x400, &hint)->read,
			 HV_MSR_GP); /* an action that does not exist */
	assert_int_equal(msr_find_near(t, 0x203, &hint)->first, 0x200);
	assert_null(msr_find_near(t, 0x204, &hint));
	assert_null(msr_find_near(t, 0xffffffff, &hint));
	assert_int_equal(hint, 1);
}

static void test_no_msrs(void **state)
{
	uint32_t hint = 0;

	(void)state;
	policy.msrs.count = 0;
	assert_int_equal(resolve(), STATUS_OK);
	assert_null(msr_find_near(&fake_guest.msr, 0, &hint));
	assert_null(msr_find_near(&fake_guest.msr, 1, &hint));
}

/* SDM v1 13.4.2, 13.4.3. */
static void test_xsave_sizes(void **state)
{
	struct xsave_layout l = {.supported = 0xe7};

	(void)state;
	l.size[2] = 256, l.offset[2] = 576;
	l.size[5] = 64, l.offset[5] = 832;
	l.size[6] = 512, l.offset[6] = 896;
	l.size[7] = 1024, l.offset[7] = 1408;
	assert_int_equal(xsave_size(&l, 1, false), 576);
	assert_int_equal(xsave_size(&l, 7, false), 832);
	assert_int_equal(xsave_size(&l, 0xe7, false), 2432);
	assert_int_equal(xsave_size(&l, 0x83, false),
			 2432); /* at its place, whatever is left out before it */
	assert_int_equal(xsave_size(&l, 0x83, true), 1600);
	l.size[5] = 60;
	assert_int_equal(xsave_size(&l, 0x63, true), 576 + 60 + 512);
	l.aligned = BIT(6);
	assert_int_equal(xsave_size(&l, 0x63, true), 640 + 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cases, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vcpu_cases, setup, teardown),
		cmocka_unit_test_setup_teardown(test_required_and_forbidden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msrs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_msrs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsave_sizes, setup, teardown),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
