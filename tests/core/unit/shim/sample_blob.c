/* SPDX-License-Identifier: Apache-2.0 */
/* The sample blob. */
#include "sample_blob.h"

#include <string.h>

#include "lib/sha256.h"

#define SECTION(s, id, member)                                                                     \
	((s)->header.sections[id] = (struct hv_section){                                           \
		 .offset = offsetof(struct sample_blob, member),                                   \
		 .count = sizeof((s)->member) / sizeof((s)->member[0]),                            \
		 .record_size = sizeof((s)->member[0]),                                            \
	 })

static void make_header(struct sample_blob *s)
{
	s->header.magic = HV_HEADER_MAGIC;
	s->header.abi = HV_ABI;
	s->header.total_size = offsetof(struct sample_blob, payload);
	s->header.image_size = sizeof(*s);
	s->header.section_count = HV_SECTION_USED;
	SECTION(s, HV_SECTION_STRINGS, strings);
	SECTION(s, HV_SECTION_POSITIONS, positions);
	SECTION(s, HV_SECTION_SYSTEM, system);
	SECTION(s, HV_SECTION_GUESTS, guests);
	SECTION(s, HV_SECTION_VCPUS, vcpus);
	SECTION(s, HV_SECTION_STARTS, starts);
	SECTION(s, HV_SECTION_REGIONS, regions);
	SECTION(s, HV_SECTION_LOADS, loads);
	SECTION(s, HV_SECTION_PAYLOADS, payloads);
	SECTION(s, HV_SECTION_DEVICES, devices);
	SECTION(s, HV_SECTION_PCI, pci);
	SECTION(s, HV_SECTION_POLICIES, policies);
	SECTION(s, HV_SECTION_CPUID, cpuid);
	SECTION(s, HV_SECTION_CPUID_INDEX, index);
	SECTION(s, HV_SECTION_FEATURES, features);
	SECTION(s, HV_SECTION_CLEARS, clears);
	SECTION(s, HV_SECTION_MSRS, msrs);
	SECTION(s, HV_SECTION_BYTES, bytes);
	SECTION(s, HV_SECTION_CASES, cases);
	SECTION(s, HV_SECTION_TESTS, tests);
	SECTION(s, HV_SECTION_PATCHES, patches);
	SECTION(s, HV_SECTION_GUARDS, guards);
	SECTION(s, HV_SECTION_FRAMES, frames);
	SECTION(s, HV_SECTION_WINDOWS, windows);
	SECTION(s, HV_SECTION_SHARES, shares);
}

static void make_guest(struct sample_blob *s)
{
	s->guests[0] = (struct hv_guest){
		.name = 1,
		.position = 1,
		.vcpus = {0, SAMPLE_COUNT},
		.regions = {0, SAMPLE_COUNT + 1},
		.loads = {0, SAMPLE_COUNT},
		.devices = {0, SAMPLE_COUNT + 1},
		.pci = {0, 1},
		.guards = {0, SAMPLE_COUNT},
		.policy = {HV_NONE, 0},
		.physical_bits = 39,
	};
	for (uint32_t i = 0; i < SAMPLE_COUNT; i++)
		s->vcpus[i] = (struct hv_vcpu){.apic_id = i, .host_cpu = HV_NONE,
					       .start = i ? HV_NONE : 0};
	s->vcpus[2] = (struct hv_vcpu){.start = HV_NONE, .scheduler = HV_SCHEDULER_TABLE};
	s->frames[0] = (struct hv_frame){.length_us = 1000, .windows = {0, SAMPLE_COUNT}};
	for (uint32_t i = 0; i < SAMPLE_COUNT; i++)
		s->windows[i] = (struct hv_window){.start_us = 400 * i, .length_us = 300, .vcpu = 2};
	s->regions[0] = (struct hv_region){.size = 0x100000, .kind = HV_REGION_RAM,
					   .backing = HV_BACKING_ANY, .rights = 7, .cache = 6};
	s->regions[1] = (struct hv_region){.gpa = 0x100000, .size = 0x1000, .kind = HV_REGION_ROM,
					   .backing = HV_BACKING_PAYLOAD, .rights = 5, .cache = 6};
	s->regions[2] = (struct hv_region){.gpa = 0x80000000, .size = 0x3000, .kind = HV_REGION_SHARED,
					   .backing = HV_BACKING_SHARE, .rights = 1, .cache = 6, .share = 1};
	s->shares[0] = (struct hv_share){.size = 0x1000, .name = 1, .peers = 2};
	s->shares[1] = (struct hv_share){.size = 0x3000, .name = 1};
	s->guards[0] = (struct hv_guard){.gpa = 0x1000, .size = 0x1000, .writable = 0xff};
	s->guards[1] = (struct hv_guard){.gpa = 0x2000, .size = 0x2000, .action = HV_GUARD_STOP};
	s->loads[0] = (struct hv_load){.gpa = 0x1000, .memory_size = 512, .file_size = 512,
				       .source = HV_LOAD_BYTES};
	s->loads[1] = (struct hv_load){.gpa = 0x2000, .memory_size = 0x3000, .file_size = 0x1000,
				       .source = HV_LOAD_PAYLOAD};
	s->payloads[0] = (struct hv_payload){.offset = offsetof(struct sample_blob, payload),
					     .size = sizeof(s->payload), .name = 1};
	s->devices[0] = (struct hv_device){.kind = HV_DEVICE_UART, .gsi = 4, .base = 0x3f8, .size = 8};
	s->devices[1] = (struct hv_device){.kind = HV_DEVICE_LAPIC, .base = 0xfee00000, .size = 0x1000};
	s->devices[2] = (struct hv_device){.kind = HV_DEVICE_WINDOW, .base = 0x80000000, .size = 0x3000,
					   .parameter = {1}};
	s->pci[0] = (struct hv_pci_function){.mask = 256, .device = HV_NONE};
}

static void make_policy(struct sample_blob *s)
{
	s->policies[0] = (struct hv_cpu_policy){
		.vendor = HV_VENDOR_AMD,
		.cpuid = {0, SAMPLE_COUNT},
		.features = {0, 1},
		.cases = {0, 1},
		.msrs = {0, SAMPLE_COUNT},
		.index = {{0, 2}, {2, 1}, {3, 1}},
	};
	s->index[0] = 0;
	s->index[1] = 1;
	s->index[2] = s->index[3] = 0xffff;
	s->cpuid[0].subleaves = s->cpuid[1].subleaves = 1;
	s->features[0] = (struct hv_feature){.name = 1, .mask = 1, .clears = {0, 1}};
	s->cases[0] = (struct hv_policy_case){.name = 1, .tests = {0, 1}, .patches = {0, 1}};
	s->msrs[0] = (struct hv_msr){.first = 0x10, .last = 0x10, .read = HV_MSR_HANDLER,
				     .write = HV_MSR_HANDLER, .group = 255};
	s->msrs[1] = (struct hv_msr){.first = 0x200, .last = 0x20f, .read = HV_MSR_STORE,
				     .write = HV_MSR_STORE, .group = 3, .slot = 48};
}

void sample_blob_make(struct sample_blob *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->strings, "\0rt0\0rt0.yaml", 14);
	s->positions[1] = (struct hv_position){.file = 5, .line = 41, .column = 3};
	s->system[0] = (struct hv_system){.log_level = 2, .console_port = 0x3f8,
					  .slp_typ_s5 = HV_NONE, .pool_bytes = 1 << 20};
	make_header(s);
	make_guest(s);
	make_policy(s);
	sample_blob_seal(&s->header);
}

void sample_blob_seal(struct hv_header *h)
{
	memset(h->sha256, 0, sizeof(h->sha256));
	memset(h->signature, 0, sizeof(h->signature));
	sha256(h, h->total_size, h->sha256);
}
