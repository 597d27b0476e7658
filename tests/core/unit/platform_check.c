/* SPDX-License-Identifier: Apache-2.0 */
/* The blob against machines that fit and that do not: each misfit is one line that names what is
 * missing. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform_check.h"
#include "shim/sample_blob.h"

#include <cmocka.h>

static struct sample_blob *s;
static struct blob blob;
static struct platform_facts facts;
static uint32_t host_bits;
static unsigned int lines;
static char last[256];

static void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	(void)leaf;
	(void)subleaf;
	memset(out, 0, 16);
	out[0] = host_bits;
}

static void report(const char *line)
{
	lines++;
	strncpy(last, line, sizeof(last) - 1);
}

static int setup(void **state)
{
	(void)state;
	s = aligned_alloc(4096, sizeof(*s));
	sample_blob_make(s);
	facts = (struct platform_facts){HV_VENDOR_AMD, 2, 40, 1 << 30, host_cpuid};
	host_bits = 1;
	lines = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(s);
	return 0;
}

static enum status check(void)
{
	struct blob_fault fault;

	sample_blob_seal(&s->header);
	assert_int_equal(blob_verify(s, sizeof(*s), &blob, &fault), STATUS_OK);
	return platform_check(&blob, &facts, report);
}

static void refused(const char *why)
{
	assert_int_equal(check(), STATUS_MISMATCH);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last, "guest rt0: "));
	if (!strstr(last, why))
		fail_msg("'%s' does not say '%s'", last, why);
}

static void test_fits(void **state)
{
	(void)state;
	assert_int_equal(check(), STATUS_OK);
	assert_int_equal(lines, 0);
}

static void test_width(void **state)
{
	(void)state;
	facts.physical_bits = 36;
	refused("needs 39 physical address bits, this machine has 36 (rt0.yaml:41)");
}

static void test_vendor(void **state)
{
	(void)state;
	facts.vendor = HV_VENDOR_INTEL;
	refused("vendor (Intel)");
}

static void test_cpus(void **state)
{
	(void)state;
	facts.cpus = 1;
	refused("need 2 CPUs, this machine has 1");
	s->vcpus[1].scheduler = HV_SCHEDULER_FAIR; /* who shares needs none for itself */
	s->vcpus[1].weight = 256;
	assert_int_equal(check(), STATUS_OK);
}

static void test_pin(void **state)
{
	(void)state;
	s->vcpus[1].host_cpu = 2;
	refused("vCPU 1 is bound to CPU 2");
}

static void test_memory(void **state)
{
	(void)state;
	facts.free_memory = 0xfffff;
	refused("1 MiB");
}

static void test_feature(void **state)
{
	(void)state;
	host_bits = 0;
	assert_int_equal(check(), STATUS_OK); /* optional */
	s->features[0].flags = HV_FEATURE_REQUIRED;
	refused("requires rt0, which this machine lacks");
}

static void test_all_are_told(void **state)
{
	(void)state;
	facts.physical_bits = 36;
	facts.cpus = 1;
	assert_int_equal(check(), STATUS_MISMATCH);
	assert_int_equal(lines, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_width, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vendor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_feature, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_are_told, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform_check", tests, NULL, NULL);
}
