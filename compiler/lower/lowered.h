/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lower/: from the typed model to what the machine needs. Passes (pass.h) fill the lowered form in
 * a fixed order; acpi/ and emit/ read it and decide nothing. lower/ knows kernels (kernel/) and the
 * CPU policy (policy/), but no YAML and no blob offsets.
 *
 * Things that become blob records carry the record itself (schema/hvblob.h) beside the name and
 * the place in the YAML that explain it; emit/ fills the record's `name`, `position` and the
 * references into byte sections, everything else is decided here.
 */
#ifndef HVCC_LOWER_LOWERED_H
#define HVCC_LOWER_LOWERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/source.h"
#include "base/vector.h"
#include "lower/cpu.h"
#include "schema/hvblob.h"

struct guest; /* model/model.h */
struct boot_image;

/* Memory of the guest, sorted by address and disjoint after layout_guest. */
struct lowered_region {
	const char *name;
	struct position position;
	uint32_t node; /* NUMA node of the guest */
	struct hv_region record;
};

/* What is copied or zeroed at each start, in order. */
struct lowered_load {
	const char *name;
	struct position position;
	const uint8_t *bytes; /* HV_LOAD_BYTES: record.file_size bytes; source_offset is emit's */
	struct hv_load record; /* HV_LOAD_PAYLOAD: record.payload indexes lowered_system.payloads */
};

/* Pages that are written in part only, sorted and disjoint after the pass `guards`. */
struct lowered_guard {
	const char *name;
	struct position position;
	struct hv_guard record;
};

/* How much of which host CPU a vCPU gets: what its record says of that. */
struct lowered_share {
	uint32_t host_cpu; /* HV_NONE: the core picks */
	uint8_t scheduler; /* enum hv_scheduler */
	uint8_t cap;
	uint16_t weight;
};

struct lowered_window {
	struct position position;
	struct hv_window record; /* its vCPU among those of all guests, in order */
};

struct lowered_frame {
	struct position position;
	struct hv_frame record;
	VECTOR(struct lowered_window) windows;
};

/* A file, or what was unpacked from one, that travels behind the blob. */
struct lowered_payload {
	const char *name; /* the path as written */
	struct position position;
	struct bytes data;
};

/* A region of the system's `shmem-regions`; in the order of the model. */
struct lowered_shmem {
	const char *name;
	struct position position;
	struct hv_share record;
};

struct lowered_device {
	const char *name;
	struct position position;
	struct hv_device record;
};

struct lowered_pci_function {
	const char *name;
	struct position position;
	uint32_t bdf;
	uint32_t device; /* index in the guest's devices, HV_NONE */
	uint8_t config[256];
	uint8_t mask[256];
};

/* E820 types (ACPI 6.5, 15 "System Address Map Interfaces"); multiboot and PVH use the same. */
enum e820_type { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4, E820_PMEM = 7 };

struct lowered_e820 {
	uint64_t base, size;
	uint32_t type; /* enum e820_type */
};

/* One variable MTRR; everything else is write-back by default. */
struct lowered_mtrr {
	uint64_t base, size; /* size a power of two, base a multiple of it */
	uint8_t type;	     /* enum hv_cache_type */
};

/* [base, base + size); size 0: absent. */
struct window {
	uint64_t base, size;
};

/* The guest-physical map: where things that are no RAM sit. */
struct guest_map {
	uint64_t low_top;  /* end of RAM below 4 GiB */
	uint64_t high_top; /* end of RAM above 4 GiB; 4 GiB when there is none */
	uint32_t physical_bits;
	uint64_t rsdp;	   /* in the BIOS area, where multiboot kernels search */
	struct window acpi; /* tables, E820_ACPI: top of low RAM */
	struct window nvs;  /* FACS, E820_NVS, just behind them */
	struct window hole; /* all that is no RAM below 4 GiB */
	struct window ecam;
	uint32_t ecam_buses;
	struct window pci32[2]; /* memory windows of the PCI host bridge below 4 GiB */
	uint64_t pci64_used;	/* the same of the 64-bit window */
	uint64_t pci32_used;	/* bytes of the first that functions have */
	struct window pci64;	/* above all RAM, below 2^physical_bits */
	uint64_t ioapic, hpet, lapic;
	uint32_t ioapic_pins;
};

/* Which optional chips there are: `timers` of the YAML resolved. */
struct guest_chips {
	bool pic, pit, hpet, rtc;
};

/* An ACPI table with its checksum, and the address it gets (0: the RSDP's own, see guest_map). */
struct lowered_table {
	char name[8]; /* signature, then a digit when there are several: SSDT1 */
	uint64_t gpa;
	uint8_t *data;
	size_t size;
};

/* One guest; model/model.h points to it as guest->lowered. */
struct lowered {
	const struct guest *model;
	const char *name;
	struct position position;
	uint32_t flags; /* enum hv_guest_flags */
	uint32_t pv;	/* enum hv_pv */
	uint32_t reserve_frames;
	struct hv_event on_poweroff, on_reboot, on_crash;

	struct guest_map map;
	VECTOR(struct window) ram;   /* sorted, disjoint, with something between them */
	VECTOR(struct window) taken; /* RAM that start-up uses already: place.h */
	struct guest_chips chips;
	VECTOR(struct lowered_mtrr) mtrrs;
	struct lowered_cpu *cpu;     /* topology and policy records */
	VECTOR(struct lowered_e820) e820;
	VECTOR(struct lowered_region) regions;
	VECTOR(struct lowered_load) loads;
	VECTOR(struct lowered_device) devices;
	VECTOR(struct lowered_pci_function) pci;
	VECTOR(struct lowered_table) tables; /* tables.items[0] is the RSDP */
	uint64_t table_sizes[32]; /* acpi/'s own: what each of its kinds takes of the ACPI area */
	struct hv_start start;
	const struct boot_image *kernel; /* lower/start.h; NULL where it is not known what is inside */
	VECTOR(struct lowered_guard) guards;
	uint32_t first_vcpu;	      /* among those of all guests */
	struct lowered_share *shares; /* of the host CPUs, one a vCPU */
};

struct lowered_system {
	const char *name;
	struct position position;
	struct hv_system record; /* name and position are emit's */
	VECTOR(struct lowered *) guests;
	VECTOR(struct lowered_frame) frames;
	VECTOR(struct lowered_payload) payloads; /* shared by guests that name the same file */
	VECTOR(struct lowered_shmem) shares;
};

/* How many CPUs a machine needs for it; schedule.c. */
uint32_t lowered_host_cpus(const struct lowered_system *system);

#endif
