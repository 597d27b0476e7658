/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob's reader: one good blob, and a table of changes to it, sealed again, each of which alone
 * must be refused, with the record that was found to be wrong. Then every byte changed without
 * sealing, and every length that is too short.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "blob/blob.h"
#include "shim/sample_blob.h"

#include <cmocka.h>

static struct sample_blob *s;
static struct blob blob;
static struct blob_fault fault;

static int setup(void **state)
{
	(void)state;
	s = aligned_alloc(4096, sizeof(*s));
	sample_blob_make(s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(s);
	return 0;
}

static enum status verify(void)
{
	return blob_verify(s, sizeof(*s), &blob, &fault);
}

static void test_good(void **state)
{
	char place[BLOB_PLACE_SIZE];

	(void)state;
	assert_int_equal(verify(), STATUS_OK);
	assert_ptr_equal(blob.guests, s->guests);
	assert_ptr_equal(blob.cpuid_index, s->index);
	assert_int_equal(blob.count[HV_SECTION_VCPUS], 3);
	assert_string_equal(blob_string(&blob, blob.guests[0].name), "rt0");
	assert_ptr_equal(blob_payload(&blob, 0), s->payload);
	assert_string_equal(blob_place(&blob, 1, place), " (rt0.yaml:41)");
	assert_string_equal(blob_place(&blob, 0, place), "");
}

/* A change of one field of the sample: what, and where it must be found. */
#define CHANGE(field, value, section, record)                                                      \
	{#field " = " #value, offsetof(struct sample_blob, field),                                \
	 sizeof(((struct sample_blob *)0)->field), value, section, record}

#define CHANGE_ANYWHERE(field, value) CHANGE(field, value, HV_NONE, HV_NONE)

static const struct change {
	const char *text;
	size_t offset, size;
	uint64_t value;
	uint32_t section, record;
} changes[] = {
	CHANGE_ANYWHERE(header.magic, 1),
	CHANGE_ANYWHERE(header.total_size, 8),
	CHANGE_ANYWHERE(header.total_size, sizeof(struct sample_blob) + 1),
	CHANGE_ANYWHERE(header.image_size, sizeof(struct sample_blob) + 1),
	CHANGE_ANYWHERE(header.section_count, 3),
	CHANGE(header.sections[HV_SECTION_MSRS].offset, 0, HV_SECTION_MSRS, HV_NONE),
	CHANGE(header.sections[HV_SECTION_MSRS].offset, 4097, HV_SECTION_MSRS, HV_NONE),
	CHANGE(header.sections[HV_SECTION_MSRS].offset, 1ull << 63, HV_SECTION_MSRS, HV_NONE),
	CHANGE(header.sections[HV_SECTION_MSRS].count, 0xffffffff, HV_SECTION_MSRS, HV_NONE),
	CHANGE(header.sections[HV_SECTION_MSRS].record_size, 48, HV_SECTION_MSRS, HV_NONE),
	CHANGE_ANYWHERE(header.sections[HV_SECTION_STRINGS].count, 0),
	CHANGE_ANYWHERE(header.sections[HV_SECTION_STRINGS].count, 3),
	CHANGE_ANYWHERE(header.sections[HV_SECTION_POSITIONS].count, 0),
	CHANGE_ANYWHERE(header.sections[HV_SECTION_SYSTEM].count, 0),
	CHANGE_ANYWHERE(strings[0], 'x'),
	CHANGE_ANYWHERE(strings[31], 'x'),
	CHANGE(positions[1].file, 32, HV_SECTION_POSITIONS, 1),
	CHANGE(system[0].name, 99, HV_SECTION_SYSTEM, 0),
	CHANGE(system[0].position, 2, HV_SECTION_SYSTEM, 0),
	CHANGE(system[0].log_level, 4, HV_SECTION_SYSTEM, 0),
	CHANGE(guests[0].name, 32, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].position, 2, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].vcpus.count, 0, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].vcpus.count, 4, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].vcpus.first, 0xffffffff, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].vcpus.first, 2, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].regions.first, 1, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].loads.count, 3, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].devices.count, 4, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].pci.count, 2, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].guards.count, 3, HV_SECTION_GUESTS, 0),
	CHANGE(guards[0].size, 0x2000, HV_SECTION_GUESTS, 0),
	CHANGE(guards[1].gpa, 0, HV_SECTION_GUESTS, 0),
	CHANGE(guards[0].gpa, 0x80, HV_SECTION_GUARDS, 0),
	CHANGE(guards[1].size, 0, HV_SECTION_GUARDS, 1),
	CHANGE(guards[1].gpa, 1ull << 52, HV_SECTION_GUARDS, 1),
	CHANGE(guards[1].action, 5, HV_SECTION_GUARDS, 1),
	CHANGE(guards[1].name, 32, HV_SECTION_GUARDS, 1),
	CHANGE(shares[0].size, 0x1001, HV_SECTION_SHARES, 0),
	CHANGE(shares[0].size, 0, HV_SECTION_SHARES, 0),
	CHANGE(shares[0].name, 32, HV_SECTION_SHARES, 0),
	CHANGE(shares[0].peers, 65537, HV_SECTION_SHARES, 0),
	CHANGE(regions[2].share, 2, HV_SECTION_REGIONS, 2),
	CHANGE(regions[2].share, 0, HV_SECTION_REGIONS, 2),
	CHANGE(regions[2].backing, 1, HV_SECTION_REGIONS, 2),
	CHANGE(regions[2].kind, 0, HV_SECTION_REGIONS, 2),
	CHANGE(devices[2].parameter[0], 2, HV_SECTION_DEVICES, 2),
	CHANGE(guests[0].policy[1], 1, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].policy[0], 0, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].physical_bits, 31, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].physical_bits, 53, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].on_crash.action, 3, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].on_reboot.then, 3, HV_SECTION_GUESTS, 0),
	CHANGE(guests[0].on_poweroff.dump, 2, HV_SECTION_GUESTS, 0),
	CHANGE(vcpus[0].guest, 1, HV_SECTION_GUESTS, 0),
	CHANGE(vcpus[0].start, 0xffffffff, HV_SECTION_GUESTS, 0),
	CHANGE(vcpus[1].start, 1, HV_SECTION_VCPUS, 1),
	CHANGE(vcpus[1].position, 2, HV_SECTION_VCPUS, 1),
	CHANGE(vcpus[1].scheduler, HV_SCHEDULERS, HV_SECTION_VCPUS, 1),
	CHANGE(vcpus[1].scheduler, HV_SCHEDULER_FAIR, HV_SECTION_VCPUS, 1), /* without a weight */
	CHANGE(frames[0].position, 2, HV_SECTION_FRAMES, 0),
	CHANGE(frames[0].length_us, 699, HV_SECTION_FRAMES, 0),
	CHANGE(frames[0].host_cpu, 1, HV_SECTION_FRAMES, 0), /* its vCPU runs elsewhere */
	CHANGE(frames[0].windows.count, 0, HV_SECTION_FRAMES, 0),
	CHANGE(frames[0].windows.count, 3, HV_SECTION_FRAMES, 0),
	CHANGE(windows[0].vcpu, 1, HV_SECTION_FRAMES, 0), /* not by a table */
	CHANGE(windows[0].vcpu, 3, HV_SECTION_FRAMES, 0),
	CHANGE(windows[0].length_us, 401, HV_SECTION_FRAMES, 0),
	CHANGE(windows[0].length_us, 0, HV_SECTION_FRAMES, 0),
	CHANGE(windows[1].position, 2, HV_SECTION_WINDOWS, 1),
	CHANGE(regions[1].gpa, 0xff000, HV_SECTION_GUESTS, 0),
	CHANGE(regions[1].gpa, 0x100001, HV_SECTION_REGIONS, 1),
	CHANGE(regions[2].gpa, 1ull << 52, HV_SECTION_REGIONS, 2),
	CHANGE(regions[1].size, 0, HV_SECTION_REGIONS, 1),
	CHANGE(regions[1].kind, 7, HV_SECTION_REGIONS, 1),
	CHANGE(regions[1].backing, 5, HV_SECTION_REGIONS, 1),
	CHANGE(regions[1].rights, 8, HV_SECTION_REGIONS, 1),
	CHANGE(regions[1].cache, 2, HV_SECTION_REGIONS, 1),
	CHANGE(regions[1].cache, 200, HV_SECTION_REGIONS, 1),
	CHANGE(regions[1].payload, 1, HV_SECTION_REGIONS, 1),
	CHANGE(loads[0].file_size, 513, HV_SECTION_LOADS, 0),
	CHANGE(loads[0].source_offset, 1, HV_SECTION_LOADS, 0),
	CHANGE(loads[0].source_offset, ~0ull, HV_SECTION_LOADS, 0),
	CHANGE(loads[0].source, 3, HV_SECTION_LOADS, 0),
	CHANGE(loads[1].source, HV_LOAD_ZERO, HV_SECTION_LOADS, 1),
	CHANGE(loads[1].payload, 1, HV_SECTION_LOADS, 1),
	CHANGE(loads[1].source_offset, 0x1001, HV_SECTION_LOADS, 1),
	CHANGE(loads[1].memory_size, 0xfff, HV_SECTION_LOADS, 1),
	CHANGE(loads[1].gpa, ~0ull, HV_SECTION_LOADS, 1),
	CHANGE(payloads[0].offset, 0, HV_SECTION_PAYLOADS, 0),
	CHANGE(payloads[0].offset, 1ull << 40, HV_SECTION_PAYLOADS, 0),
	CHANGE(payloads[0].size, 0x2001, HV_SECTION_PAYLOADS, 0),
	CHANGE(devices[1].kind, HV_DEVICE_KINDS, HV_SECTION_DEVICES, 1),
	CHANGE(devices[1].base, ~0ull, HV_SECTION_DEVICES, 1),
	CHANGE(devices[1].name, 32, HV_SECTION_DEVICES, 1),
	CHANGE(pci[0].config, 257, HV_SECTION_PCI, 0),
	CHANGE(pci[0].mask, 0xfffffff0, HV_SECTION_PCI, 0),
	CHANGE(pci[0].bdf, 0x10000, HV_SECTION_PCI, 0),
	CHANGE(pci[0].device, 3, HV_SECTION_PCI, 0),
	CHANGE(policies[0].vendor, 2, HV_SECTION_GUESTS, 0),
	CHANGE(policies[0].cpuid.count, 3, HV_SECTION_POLICIES, 0),
	CHANGE(policies[0].features.count, 2, HV_SECTION_POLICIES, 0),
	CHANGE(policies[0].msrs.first, 1, HV_SECTION_POLICIES, 0),
	CHANGE(policies[0].index[2].count, 2, HV_SECTION_POLICIES, 0),
	CHANGE(policies[0].position, 2, HV_SECTION_POLICIES, 0),
	CHANGE(index[1], 2, HV_SECTION_POLICIES, 0),
	CHANGE(cpuid[1].subleaves, 2, HV_SECTION_POLICIES, 0),
	CHANGE(features[0].reg, 4, HV_SECTION_FEATURES, 0),
	CHANGE(features[0].clears.count, 2, HV_SECTION_FEATURES, 0),
	CHANGE(clears[0].cpuid, 2, HV_SECTION_CLEARS, 0),
	CHANGE(policies[0].cases.count, 2, HV_SECTION_POLICIES, 0),
	CHANGE(cases[0].name, 32, HV_SECTION_CASES, 0),
	CHANGE(cases[0].tests.first, 1, HV_SECTION_CASES, 0),
	CHANGE(cases[0].patches.count, 2, HV_SECTION_CASES, 0),
	CHANGE(tests[0].reg, 4, HV_SECTION_TESTS, 0),
	CHANGE(patches[0].cpuid, 2, HV_SECTION_PATCHES, 0),
	CHANGE(msrs[1].first, 0x10, HV_SECTION_POLICIES, 0),
	CHANGE(msrs[1].last, 0x1ff, HV_SECTION_MSRS, 1),
	CHANGE(msrs[1].last, 0x210, HV_SECTION_MSRS, 1),
	CHANGE(msrs[1].slot, 64, HV_SECTION_MSRS, 1),
	CHANGE(msrs[1].read, 5, HV_SECTION_MSRS, 1),
	CHANGE(msrs[1].group, 64, HV_SECTION_MSRS, 1),
	CHANGE(msrs[1].position, 2, HV_SECTION_MSRS, 1),
};

static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct change *c = &changes[i];
		enum status got;

		sample_blob_make(s);
		memcpy((uint8_t *)s + c->offset, &c->value, c->size);
		if (s->header.total_size >= sizeof(s->header) && s->header.total_size <= sizeof(*s))
			sample_blob_seal(&s->header);
		got = verify();
		if (got != STATUS_CORRUPT || fault.section != c->section ||
		    fault.record != c->record)
			fail_msg("%s: %s, section %u, record %u: %s", c->text, status_name(got),
				 fault.section, fault.record, fault.what);
	}
}

static void test_other_abi(void **state)
{
	(void)state;
	s->header.abi = HV_ABI + 1;
	assert_int_equal(verify(), STATUS_UNSUPPORTED);
	assert_true(strlen(fault.what) > 0);
}

static void test_every_byte_is_hashed(void **state)
{
	(void)state;
	for (size_t i = 0; i < s->header.total_size; i++) {
		size_t signature = offsetof(struct hv_header, signature);

		if (i >= signature && i < signature + sizeof(s->header.signature))
			continue;
		((uint8_t *)s)[i] ^= 0x40;
		assert_int_not_equal(verify(), STATUS_OK);
		((uint8_t *)s)[i] ^= 0x40;
	}
	assert_int_equal(verify(), STATUS_OK);
}

static void test_cut_off(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(*s); n += 61) {
		void *copy = aligned_alloc(8, (n + 7) & ~7ul);

		memcpy(copy, s, n);
		assert_int_equal(blob_verify(copy, n, &blob, &fault), STATUS_CORRUPT);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_abi, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_byte_is_hashed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_off, setup, teardown),
	};

	return cmocka_run_group_tests_name("blob", tests, NULL, NULL);
}
