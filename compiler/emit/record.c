/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of every record, in the order of schema/hvblob.h. */
#include "emit/record.h"

#define ONE(type, field, kind_, of_, words_)                                                       \
	{ #field, offsetof(struct type, field), sizeof(((struct type *)0)->field), 1, kind_, of_,  \
	  words_ }
#define SOME_OF(type, field, kind_, of_, words_)                                                   \
	{ #field, offsetof(struct type, field), sizeof(((struct type *)0)->field[0]),              \
	  sizeof(((struct type *)0)->field) / sizeof(((struct type *)0)->field[0]), kind_, of_,    \
	  words_ }
#define SOME(type, field, kind_, words_) SOME_OF(type, field, kind_, 0, words_)
#define SOME_RUNS(type, field, of) SOME_OF(type, field, FIELD_RUN, of, 0)
#define NUMBER(type, field)	 ONE(type, field, FIELD_NUMBER, 0, 0)
#define HEX(type, field)	 ONE(type, field, FIELD_HEX, 0, 0)
#define STRING(type, field)	 ONE(type, field, FIELD_STRING, 0, 0)
#define POSITION(type, field)	 ONE(type, field, FIELD_POSITION, 0, 0)
#define RUN(type, field, of)	 ONE(type, field, FIELD_RUN, of, 0)
#define WORD(type, field, words) ONE(type, field, FIELD_WORD, 0, words)
#define FLAGS(type, field, words) ONE(type, field, FIELD_FLAGS, 0, words)
#define END                                                                                        \
	{                                                                                          \
		0                                                                                  \
	}

typedef const char *const words[];

static words system_flags = { "no-mitigations", "debug-exit", "poweroff-when-idle", "ram-is-zero", 0 };
static words log_levels = { "error", "warning", "info", "debug", 0 };
static words guest_flags = { "x2apic", "payload-once", "observer", 0 };
static words pv_flags = { "kvm", 0 };
static words region_kinds = { "ram", "pmem", "rom", "shared", "mmio", "epc", "reserved", 0 };
static words backings = { "none", "any", "fixed", "payload", "share", 0 };
static words rights = { "read", "write", "execute", 0 };
static words console_modes = { "raw", "prefix", "switch", 0 };
static words cache_types = { "uc", "wc", "2", "3", "wt", "wp", "wb", 0 };
static words guard_actions = { "log", "inject-pf", "inject-gp", "stop", "notify", 0 };
static words schedulers = { "exclusive", "table", "fair", 0 };
static words load_sources = { "zero", "bytes", "payload", 0 };
static words device_kinds = { "lapic", "ioapic", "pic",	     "pit",	   "hpet", "rtc",
			      "uart",  "acpi-pm", "pci-host", "debug-exit", "kvm", "panic", "watchdog", "window", "ivshmem", "virtio", 0 };
static words vendors = { "intel", "amd", 0 };
static words policy_flags = { "intel-limit", "msr-ignore", "msr-log", 0 };
static words cpuid_flags = { "subleaf", 0 };
static words dynamic = { "apic-id8",  "osxsave",   "apic-enable", "ospke",	 "apic-id32", "xsave-size",
			 "xsave-max", "apic-ext", "tsc-khz",	 "xsave-component", 0 };
static words feature_flags = { "required", "forbidden", 0 };
static words registers = { "eax", "ebx", "ecx", "edx", 0 };
static words case_flags = { "refuse", 0 };
static words msr_actions = { "gp", "pass", "store", "fixed", "handler", 0 };

static const struct record_field system_fields[] = {
	STRING(hv_system, name),	    POSITION(hv_system, position),
	FLAGS(hv_system, flags, system_flags), WORD(hv_system, log_level, log_levels),
	HEX(hv_system, console_port),	    HEX(hv_system, debug_exit_port),
	NUMBER(hv_system, console_baud),    NUMBER(hv_system, tsc_khz),
	NUMBER(hv_system, slp_typ_s5),	    NUMBER(hv_system, pool_bytes),
	WORD(hv_system, console_mode, console_modes), NUMBER(hv_system, console_escape),
	NUMBER(hv_system, console_history),
	END,
};

static const struct record_field guest_fields[] = {
	STRING(hv_guest, name),
	POSITION(hv_guest, position),
	FLAGS(hv_guest, flags, guest_flags),
	FLAGS(hv_guest, pv, pv_flags),
	RUN(hv_guest, vcpus, HV_SECTION_VCPUS),
	RUN(hv_guest, regions, HV_SECTION_REGIONS),
	RUN(hv_guest, loads, HV_SECTION_LOADS),
	RUN(hv_guest, devices, HV_SECTION_DEVICES),
	RUN(hv_guest, pci, HV_SECTION_PCI),
	RUN(hv_guest, guards, HV_SECTION_GUARDS),
	SOME(hv_guest, policy, FIELD_NUMBER, 0),
	NUMBER(hv_guest, physical_bits),
	NUMBER(hv_guest, reserve_frames),
	ONE(hv_guest, on_poweroff, FIELD_EVENT, 0, 0),
	ONE(hv_guest, on_reboot, FIELD_EVENT, 0, 0),
	ONE(hv_guest, on_crash, FIELD_EVENT, 0, 0),
	END,
};

static const struct record_field vcpu_fields[] = {
	NUMBER(hv_vcpu, guest),	  POSITION(hv_vcpu, position), NUMBER(hv_vcpu, apic_id),
	NUMBER(hv_vcpu, host_cpu), NUMBER(hv_vcpu, core_id),   NUMBER(hv_vcpu, node_id),
	NUMBER(hv_vcpu, proximity), NUMBER(hv_vcpu, start),    WORD(hv_vcpu, scheduler, schedulers),
	NUMBER(hv_vcpu, cap),	  NUMBER(hv_vcpu, weight),     END,
};

static const struct record_field frame_fields[] = {
	NUMBER(hv_frame, host_cpu), POSITION(hv_frame, position), NUMBER(hv_frame, length_us),
	RUN(hv_frame, windows, HV_SECTION_WINDOWS), END,
};

static const struct record_field window_fields[] = {
	NUMBER(hv_window, start_us), NUMBER(hv_window, length_us), NUMBER(hv_window, vcpu),
	POSITION(hv_window, position), END,
};

static const struct record_field start_fields[] = {
	SOME(hv_start, gpr, FIELD_HEX, 0),
	HEX(hv_start, rip),
	HEX(hv_start, rflags),
	HEX(hv_start, cr0),
	HEX(hv_start, cr3),
	HEX(hv_start, cr4),
	HEX(hv_start, efer),
	HEX(hv_start, gdtr_base),
	HEX(hv_start, idtr_base),
	HEX(hv_start, gdtr_limit),
	HEX(hv_start, idtr_limit),
	SOME(hv_start, segments, FIELD_SEGMENT, 0),
	END,
};

static const struct record_field region_fields[] = {
	HEX(hv_region, gpa),
	HEX(hv_region, size),
	HEX(hv_region, host),
	STRING(hv_region, name),
	POSITION(hv_region, position),
	WORD(hv_region, kind, region_kinds),
	WORD(hv_region, backing, backings),
	FLAGS(hv_region, rights, rights),
	WORD(hv_region, cache, cache_types),
	NUMBER(hv_region, host_node),
	NUMBER(hv_region, payload),
	NUMBER(hv_region, share),
	END,
};

static const struct record_field share_fields[] = {
	HEX(hv_share, size), STRING(hv_share, name), POSITION(hv_share, position), NUMBER(hv_share, peers), END,
};

static const struct record_field guard_fields[] = {
	HEX(hv_guard, gpa),	  HEX(hv_guard, size),	    HEX(hv_guard, writable),
	WORD(hv_guard, action, guard_actions), STRING(hv_guard, name), POSITION(hv_guard, position), NUMBER(hv_guard, observer), END,
};

static const struct record_field load_fields[] = {
	HEX(hv_load, gpa),	     HEX(hv_load, memory_size), HEX(hv_load, file_size),
	HEX(hv_load, source_offset), WORD(hv_load, source, load_sources), NUMBER(hv_load, payload),
	STRING(hv_load, name),	     POSITION(hv_load, position), END,
};

static const struct record_field payload_fields[] = {
	HEX(hv_payload, offset),
	NUMBER(hv_payload, size),
	ONE(hv_payload, sha256, FIELD_HASH, 0, 0),
	STRING(hv_payload, name),
	POSITION(hv_payload, position),
	END,
};

static const struct record_field device_fields[] = {
	WORD(hv_device, kind, device_kinds), STRING(hv_device, name), POSITION(hv_device, position),
	NUMBER(hv_device, gsi),		     HEX(hv_device, base),    HEX(hv_device, size),
	SOME(hv_device, parameter, FIELD_HEX, 0), NUMBER(hv_device, dma_space),
	NUMBER(hv_device, requester),	     END,
};

static const struct record_field pci_fields[] = {
	STRING(hv_pci_function, name), POSITION(hv_pci_function, position),
	HEX(hv_pci_function, bdf),     HEX(hv_pci_function, config),
	HEX(hv_pci_function, mask),    NUMBER(hv_pci_function, device), END,
};

static const struct record_field policy_fields[] = {
	WORD(hv_cpu_policy, vendor, vendors),
	FLAGS(hv_cpu_policy, flags, policy_flags),
	POSITION(hv_cpu_policy, position),
	RUN(hv_cpu_policy, cpuid, HV_SECTION_CPUID),
	RUN(hv_cpu_policy, features, HV_SECTION_FEATURES),
	RUN(hv_cpu_policy, cases, HV_SECTION_CASES),
	RUN(hv_cpu_policy, msrs, HV_SECTION_MSRS),
	SOME_RUNS(hv_cpu_policy, index, HV_SECTION_CPUID_INDEX),
	HEX(hv_cpu_policy, xcr0),
	HEX(hv_cpu_policy, xss),
	HEX(hv_cpu_policy, cr4),
	HEX(hv_cpu_policy, efer),
	END,
};

static const struct record_field cpuid_fields[] = {
	HEX(hv_cpuid, leaf),
	HEX(hv_cpuid, subleaf),
	FLAGS(hv_cpuid, flags, cpuid_flags),
	FLAGS(hv_cpuid, dynamic, dynamic),
	NUMBER(hv_cpuid, subleaves),
	SOME(hv_cpuid, value, FIELD_HEX, 0),
	SOME(hv_cpuid, host_mask, FIELD_HEX, 0),
	END,
};

static const struct record_field feature_fields[] = {
	STRING(hv_feature, name),
	POSITION(hv_feature, position),
	FLAGS(hv_feature, flags, feature_flags),
	HEX(hv_feature, leaf),
	HEX(hv_feature, subleaf),
	WORD(hv_feature, reg, registers),
	HEX(hv_feature, mask),
	RUN(hv_feature, clears, HV_SECTION_CLEARS),
	HEX(hv_feature, xcr0_clear),
	HEX(hv_feature, cr4_clear),
	HEX(hv_feature, efer_clear),
	HEX(hv_feature, msr_groups_clear),
	END,
};

static const struct record_field clear_fields[] = {
	NUMBER(hv_cpuid_clear, cpuid),
	SOME(hv_cpuid_clear, keep, FIELD_HEX, 0),
	END,
};

static const struct record_field case_fields[] = {
	STRING(hv_policy_case, name),
	POSITION(hv_policy_case, position),
	FLAGS(hv_policy_case, flags, case_flags),
	NUMBER(hv_policy_case, first_vcpu),
	NUMBER(hv_policy_case, last_vcpu),
	RUN(hv_policy_case, tests, HV_SECTION_TESTS),
	RUN(hv_policy_case, patches, HV_SECTION_PATCHES),
	HEX(hv_policy_case, xcr0_clear),
	HEX(hv_policy_case, cr4_clear),
	HEX(hv_policy_case, efer_clear),
	HEX(hv_policy_case, msr_groups_clear),
	END,
};

static const struct record_field test_fields[] = {
	HEX(hv_host_test, leaf),
	HEX(hv_host_test, subleaf),
	WORD(hv_host_test, reg, registers),
	HEX(hv_host_test, mask),
	NUMBER(hv_host_test, present),
	END,
};

static const struct record_field patch_fields[] = {
	NUMBER(hv_cpuid_patch, cpuid),
	SOME(hv_cpuid_patch, keep, FIELD_HEX, 0),
	SOME(hv_cpuid_patch, set, FIELD_HEX, 0),
	END,
};

static const struct record_field msr_fields[] = {
	HEX(hv_msr, first),
	HEX(hv_msr, last),
	WORD(hv_msr, read, msr_actions),
	WORD(hv_msr, write, msr_actions),
	NUMBER(hv_msr, group),
	NUMBER(hv_msr, slot),
	POSITION(hv_msr, position),
	HEX(hv_msr, reset),
	HEX(hv_msr, write_mask),
	END,
};

const struct record_type record_types[HV_SECTION_USED] = {
	[HV_SECTION_STRINGS] = { "strings", 1, 0 },
	[HV_SECTION_POSITIONS] = { "positions", sizeof(struct hv_position), 0 },
	[HV_SECTION_SYSTEM] = { "system", sizeof(struct hv_system), system_fields },
	[HV_SECTION_GUESTS] = { "guests", sizeof(struct hv_guest), guest_fields },
	[HV_SECTION_VCPUS] = { "vcpus", sizeof(struct hv_vcpu), vcpu_fields },
	[HV_SECTION_STARTS] = { "starts", sizeof(struct hv_start), start_fields },
	[HV_SECTION_REGIONS] = { "regions", sizeof(struct hv_region), region_fields },
	[HV_SECTION_LOADS] = { "loads", sizeof(struct hv_load), load_fields },
	[HV_SECTION_PAYLOADS] = { "payloads", sizeof(struct hv_payload), payload_fields },
	[HV_SECTION_DEVICES] = { "devices", sizeof(struct hv_device), device_fields },
	[HV_SECTION_PCI] = { "pci", sizeof(struct hv_pci_function), pci_fields },
	[HV_SECTION_POLICIES] = { "policies", sizeof(struct hv_cpu_policy), policy_fields },
	[HV_SECTION_CPUID] = { "cpuid", sizeof(struct hv_cpuid), cpuid_fields },
	[HV_SECTION_CPUID_INDEX] = { "cpuid-index", sizeof(uint16_t), 0 },
	[HV_SECTION_FEATURES] = { "features", sizeof(struct hv_feature), feature_fields },
	[HV_SECTION_CLEARS] = { "clears", sizeof(struct hv_cpuid_clear), clear_fields },
	[HV_SECTION_MSRS] = { "msrs", sizeof(struct hv_msr), msr_fields },
	[HV_SECTION_BYTES] = { "bytes", 1, 0 },
	[HV_SECTION_CASES] = { "cases", sizeof(struct hv_policy_case), case_fields },
	[HV_SECTION_TESTS] = { "tests", sizeof(struct hv_host_test), test_fields },
	[HV_SECTION_PATCHES] = { "patches", sizeof(struct hv_cpuid_patch), patch_fields },
	[HV_SECTION_GUARDS] = { "guards", sizeof(struct hv_guard), guard_fields },
	[HV_SECTION_FRAMES] = { "frames", sizeof(struct hv_frame), frame_fields },
	[HV_SECTION_WINDOWS] = { "windows", sizeof(struct hv_window), window_fields },
	[HV_SECTION_SHARES] = { "shares", sizeof(struct hv_share), share_fields },
};
