/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model/: the typed system. It is built once from the located tree (from_tree.c) and is all that
 * later passes see: check/ reads it const, lower/ fills the `lowered` slots, acpi/ and emit/ read.
 * It knows nothing of YAML syntax or of the schema's keywords.
 *
 * Each value says where it came from: FIELD(uint32_t) count is { value, where } and where.at is
 * the place of the value in a file, where.origin whether a person wrote it or it is a default.
 * A part that is a map of the file (struct topology) has a `where` of its own: the whole part.
 * Defaults are those of schema/; a field the file leaves out and that has no default is absent
 * (origin ORIGIN_ABSENT, value 0 or NULL). Lists are VECTORs. All memory is the system's arena.
 */
#ifndef HVCC_MODEL_MODEL_H
#define HVCC_MODEL_MODEL_H

#include "base/arena.h"
#include "base/number_list.h"
#include "model/device.h"
#include "model/field.h"
#include "model/share.h"
#include "model_enums.h" /* from the schemas: enum boot_protocol, boot_protocol_name() ... */

/* A multi-line text whose inner places can be named: offsets in text map back to its file. */
struct text_segment {
	uint32_t text_offset; /* from here on ... */
	uint32_t file_offset; /* ... text and file run in step, */
	uint32_t width; /* ... unless this is not 0: then all of it stands for so many bytes there */
};

struct located_text {
	const char *text; /* NULL when absent; terminated */
	size_t size;
	struct where where; /* the whole scalar */
	struct sources *sources; /* a policy may include more of them */
	VECTOR(struct text_segment) segments; /* sorted by text_offset */
};

/* The place of [offset, offset + length) of a located text. */
struct position located_text_position(const struct located_text *text, size_t offset,
				      size_t length);

/* ------------------------------------------------------------------------------------ vCPUs */
enum { MOST_VCPUS = 8192 }; /* of a guest; the schema's maximum of `vcpus.count` */

struct pin {
	uint32_t vcpu;
	uint32_t cpu; /* host CPU in MADT order */
	struct where where; /* the entry's value */
	struct where key; /* the vCPU's number */
};

struct topology { /* of one node: sockets * dies * cores * threads == count */
	struct where where;
	FIELD(uint32_t) sockets;
	FIELD(uint32_t) dies;	 /* in a socket */
	FIELD(uint32_t) cores;	 /* in a die */
	FIELD(uint32_t) threads; /* in a core */
};

struct apic {
	struct where where;
	FIELD(enum apic_mode) mode;
};

struct vcpus {
	struct where where;
	FIELD(uint32_t) count; /* default: what the topology yields, else 1 */
	struct topology topology; /* default: one socket, one die, count cores, one thread */
	VECTOR(struct pin) pins;
	struct apic apic;
};

/* Which keys it has follows from the scheduler; the others are absent. */
struct scheduling {
	struct where where;
	FIELD(enum scheduler) scheduler;
	FIELD(uint32_t) period; /* microseconds */
	FIELD(uint32_t) budget; /* of each vCPU in a period, microseconds */
	FIELD(uint32_t) priority;
	FIELD(uint32_t) weight;
	FIELD(uint32_t) cap; /* percent */
};

/* -------------------------------------------------------------------------------------- CPU */
struct cpu_pt { /* Intel Processor Trace */
	struct where where;
	FIELD(enum pt_mode) mode; /* absent: none */
};

struct msr_rule {
	struct where where; /* the whole entry */
	FIELD(const char *) msr; /* a name, a number, or "0x300-0x307" */
	FIELD(enum msr_access) access, read, write; /* absent: nothing is said */
	FIELD(const char *) value, reset; /* may be absent */
};

struct cpu_msr {
	struct where where;
	FIELD(enum msr_unlisted) unlisted;
	VECTOR(struct msr_rule) rules;
};

struct cpu {
	struct where where;
	FIELD(const char *) model; /* "x86-64-v3", a named model, "host", "none"; a `base` in the
				    * policy wins over the default */
	struct located_text policy; /* the policy language; text NULL when absent */
	struct cpu_msr msr;
	struct cpu_pt pt;
	FIELD(bool) nested;
};

/* ----------------------------------------------------------------------------------- memory */
struct region {
	struct where where; /* the whole entry */
	FIELD(uint64_t) gpa;
	FIELD(uint64_t) size; /* bytes */
	FIELD(enum region_kind) kind;
	FIELD(const char *) name; /* may be absent */
};

struct distance {
	uint32_t node;
	uint32_t value; /* 10: the node itself */
	struct where where; /* the entry's value */
	struct where key; /* the node's number */
};

enum { DISTANCE_LOCAL = 10, DISTANCE_REMOTE = 20 };

struct numa_node {
	struct where where; /* the whole entry */
	FIELD(uint32_t) node;
	FIELD(const char *) cpus; /* may be absent: RAM only */
	struct number_list cpu_ranges; /* of cpus; what of it cannot be read is left out */
	FIELD(uint64_t) size; /* bytes of RAM */
	FIELD(uint32_t) host_node; /* may be absent: any */
	VECTOR(struct distance) distances; /* those that are given */
};

struct memory {
	struct where where;
	FIELD(uint64_t) size; /* bytes of RAM; default: the sum of the RAM regions, or of the nodes */
	VECTOR(struct region) regions; /* as written; none: hvcc lays `size` out around the PCI hole */
	VECTOR(struct nvdimm) nvdimm;
	VECTOR(struct spp) spp;
	VECTOR(struct sgx_epc) sgx_epc;
	VECTOR(struct numa_node) numa; /* as written; none: one node, and no SRAT */
	FIELD(uint32_t) host_node;	 /* of all of it; absent, or set by `bind` */
	VECTOR(struct bound_range) host; /* where `bind` puts it, in this order; none: the core chooses */
};

/* The entry of a node by its number, or NULL. */
const struct numa_node *memory_node(const struct memory *memory, uint32_t node);
/* The distance as SLIT has it: what `from` says, else what `to` says of it, else the default. */
uint32_t memory_distance(const struct memory *memory, uint32_t from, uint32_t to);

/* ------------------------------------------------------------------------------------- boot */
struct boot_module {
	struct where where;
	struct file_name path;
	FIELD(const char *) args; /* may be absent */
};

struct raw_boot {
	struct where where; /* absent: no `raw` part */
	FIELD(uint64_t) load_address; /* guest-physical, of the file's first byte */
	FIELD(uint64_t) entry;	      /* guest-physical */
	FIELD(enum raw_mode) mode;    /* in which the boot processor enters */
};

struct boot {
	struct where where;
	FIELD(enum boot_protocol) protocol; /* AUTO: what the kernel file says of itself */
	struct file_name kernel;
	struct file_name initrd;
	struct file_name symbols; /* may be absent: the kernel's own */
	VECTOR(struct boot_module) modules;
	FIELD(const char *) cmdline; /* default "" */
	FIELD(bool) unpack;
	struct raw_boot raw;
};

/* ---------------------------------------------------------------------------------- devices */
struct serial {
	struct where where;
	FIELD(const char *) id;
	FIELD(enum serial_model) model;
	FIELD(uint32_t) io;  /* first of 8 ports */
	FIELD(uint32_t) irq; /* ISA interrupt, 0..15 */
	FIELD(enum serial_backend) backend;
};

struct debug_exit {
	struct where where; /* absent: the guest has none */
	FIELD(uint32_t) io;
};

struct devices {
	struct where where;
	VECTOR(struct serial) serial;
	struct debug_exit debug_exit;
	VECTOR(struct pci) pci;
	VECTOR(struct virtio) virtio;
	VECTOR(struct export) exports;
	VECTOR(struct shmem) shmem;
	struct panic panic;
	struct watchdog watchdog;
	struct tpm tpm;
};

/* ----------------------------------------------------------------- ACPI, timers, events, pv */
struct acpi {
	struct where where;
	FIELD(const char *) oem_id;	  /* 1..6 characters */
	FIELD(const char *) oem_table_id; /* 1..8 characters */
	FIELD(uint32_t) oem_revision;
};

/* `auto` is resolved already: both with `pv: none`, neither with [kvm]. TIMER_PIT is the 8254 with
 * the 8259 pair. */
struct timers {
	struct where where;
	bool automatic; /* the file says (or means) `auto` */
	bool present[TIMER_COUNT];
	struct where timer[TIMER_COUNT]; /* where the entry stands, if listed */
};

struct event {
	struct where where;
	FIELD(enum event_action) action;
	FIELD(uint32_t) max_restarts; /* within the window; 0: no bound */
	FIELD(uint64_t) within;	      /* milliseconds */
	FIELD(enum event_action) then; /* when the bound is passed */
	FIELD(bool) dump;
};

struct events {
	struct where where;
	struct event on_poweroff, on_reboot, on_crash;
};

struct pv_list { /* in the order of the file: their CPUID bases follow it */
	struct where where;
	VECTOR(FIELD(enum pv)) interfaces; /* none: `pv: none` */
};

/* ------------------------------------------------------------------------ assertions and lint */
/* A condition that must hold, of a document or of a site. */
struct assertion {
	struct where where; /* the entry */
	struct located_text that;
	FIELD(const char *) message; /* may be absent */
	FIELD(enum assertion_severity) severity;
	FIELD(enum assertion_subject) subject; /* of a site's rules */
};

struct assertions {
	struct where where;
	VECTOR(struct assertion) list;
};

struct lint {
	struct where where;
	VECTOR(FIELD(const char *)) allow; /* codes or their names, as written */
};

/* ----------------------------------------------------------------------- guests and systems */
struct lowered; /* lower/lowered.h */
struct schema;	/* validate/schema.h */

/*
 * The keys of a guest's document, as bits of what is wrong in it. Where a part has a wrong value, the model has
 * what is left of it, or defaults: only checks that read other parts are run.
 */
#define GUEST_PARTS(PART)                                                                          \
	PART(name) PART(uuid) PART(vcpus) PART(scheduling) PART(cpu) PART(memory) PART(iommu)      \
	PART(boot) PART(devices) PART(acpi) PART(timers) PART(events) PART(pv) PART(assert)        \
	PART(lint)

enum {
#define PART(name) GUEST_PART_##name,
	GUEST_PARTS(PART)
#undef PART
	GUEST_PART_other,
};

struct guest {
	struct where where; /* the whole document or entry */
	FIELD(const char *) name;
	FIELD(const char *) uuid; /* may be absent */
	const char *file; /* path of its document, for messages */
	struct vcpus vcpus;
	struct scheduling scheduling; /* absent: exclusive */
	struct cpu cpu;
	struct memory memory;
	struct iommu iommu; /* absent: none */
	struct boot boot;
	struct devices devices;
	struct acpi acpi;
	struct timers timers;
	struct events events;
	struct pv_list pv;
	struct assertions assertions;
	struct lint lint;
	uint32_t invalid; /* 1 << GUEST_PART_x: its document has a wrong value there (reported) */
	struct lowered *lowered; /* NULL until lower/ has run */
};

struct console { /* the core's own log */
	struct where where;
	FIELD(uint32_t) io; /* 16550; 0: none */
	FIELD(uint32_t) baud;
	FIELD(enum log_level) log_level;
	FIELD(enum console_guests) guests;
	FIELD(const char *) escape;
	FIELD(uint64_t) history; /* bytes a guest; absent: none is kept */
};

/* One entry of `bind`: what a guest gets of this machine. */
struct bind {
	FIELD(const char *) guest; /* the name, as the key says */
	struct where where;
	VECTOR(struct pin) pins;
	FIELD(uint32_t) node; /* host NUMA node */
	VECTOR(struct bound_device) devices;
	VECTOR(struct bound_range) memory;
};

/* ---------------------------------------------------------------------------------- the machine */
struct host_range { /* physical addresses */
	struct where where; /* the whole entry */
	FIELD(uint64_t) base, size;
};

struct host_memory {
	struct host_range range;
	FIELD(enum range_kind) kind;
};

struct host_cpuid {
	struct where where;
	FIELD(uint32_t) leaf, subleaf;
	FIELD(uint32_t) registers[4]; /* eax ebx ecx edx; absent ones are zero */
};

struct host_msr {
	struct where where;
	FIELD(uint32_t) msr;
	FIELD(uint64_t) value;
};

struct host_cpu {
	struct where where;
	FIELD(uint32_t) apic_id;
	FIELD(uint32_t) package, die, core, node; /* die and core within what holds them; may be absent */
};

struct host_node {
	struct where where;
	VECTOR(struct host_range) memory;
	VECTOR(FIELD(uint32_t)) distances;
};

struct host_reserved {
	struct host_range range;
	FIELD(enum reserved_by) by;
	VECTOR(FIELD(const char *)) devices; /* PCI addresses */
};

struct host_bar {
	struct host_range range;
	FIELD(uint32_t) bar; /* 6: the ROM */
	FIELD(enum bar_kind) kind;
	FIELD(bool) prefetchable;
};

struct host_pci {
	struct where where;
	FIELD(const char *) address; /* "0000:00:1f.2" */
	FIELD(const char *) id;	     /* "8086:10d3" */
	FIELD(const char *) subsystem;
	FIELD(uint32_t) class;
	FIELD(enum pci_kind) kind;
	FIELD(uint32_t) group, node; /* may be absent */
	FIELD(const char *) driver;
	VECTOR(struct host_bar) bars;
};

struct host_iommu {
	struct where where;
	FIELD(enum iommu_unit) kind;
	FIELD(uint64_t) base;
	FIELD(uint32_t) segment;
	FIELD(bool) all, interrupt_remapping;
	FIELD(const char *) address; /* its own function, AMD-Vi */
	VECTOR(FIELD(const char *)) devices;
};

struct host_pmem {
	struct host_range range;
	FIELD(uint32_t) node;
};

struct host_ioapic {
	struct where where;
	FIELD(uint32_t) id;
	FIELD(uint64_t) base;
	FIELD(uint32_t) first_interrupt;
};

struct host_ecam {
	struct where where;
	FIELD(uint64_t) base; /* of bus 0 */
	FIELD(uint32_t) segment, first_bus, last_bus;
};

struct host_serial {
	struct where where;
	FIELD(uint32_t) io, irq;
};

struct host_processor {
	struct where where;
	FIELD(enum processor_vendor) vendor;
	FIELD(const char *) brand;
	FIELD(uint32_t) family, model, stepping;
	FIELD(uint32_t) physical_bits, linear_bits;
	VECTOR(struct host_cpuid) cpuid;
	FIELD(const char *) flags; /* Linux's names, where CPUID is not known */
	VECTOR(struct host_msr) msrs;
};

struct host_probe {
	struct where where;
	FIELD(uint32_t) revision;
	FIELD(const char *) kernel, vendor, product;
};

/*
 * What is known of the machine; what is absent is found out at boot. An empty list that is
 * `known` says that there is none, one that is not says nothing.
 */
struct platform {
	struct where where; /* absent: nothing is known */
	struct file_name file;
	FIELD(const char *) name;
	struct host_probe probe;
	struct host_processor processor;
	FIELD(uint32_t) cpus; /* how many */
	VECTOR(struct host_cpu) cpu_list; /* in the order of the MADT; may be empty */
	VECTOR(struct host_node) nodes;
	FIELD(uint64_t) memory; /* usable RAM, bytes */
	VECTOR(struct host_memory) memory_map;
	VECTOR(struct host_reserved) reserved;
	VECTOR(struct host_pci) pci;
	VECTOR(struct host_iommu) iommus;
	VECTOR(struct host_pmem) pmem;
	VECTOR(struct host_range) epc;
	struct where pci_known, iommus_known, pmem_known, epc_known, serial_known;
	FIELD(uint32_t) tsc_khz;
	FIELD(uint32_t) s5_type;
	FIELD(uint64_t) local_apic, hpet;
	VECTOR(struct host_ioapic) ioapics;
	VECTOR(struct host_ecam) ecam;
	VECTOR(struct host_serial) serial;
	FIELD(const char *) hash; /* 64 hexadecimal digits */
};

/* What CPUID answers there; false when that is not known of this leaf. Leaves beyond the list are 0. */
bool platform_cpuid(const struct platform *platform, uint32_t leaf, uint32_t subleaf, uint32_t registers[4]);

/* A key that a document sets and the core of this release cannot honour. */
struct unmet {
	const char *key;
	const char *needs; /* the feature it asks for */
	struct position at;
};

struct unmet_list {
	struct unmet *items;
	size_t count, capacity;
};

/* A guest file alone makes a system of one guest with that guest's name. */
struct system {
	struct arena *arena;
	const struct sources *sources;
	const struct schema *form; /* of the top document: &schema_guest, &schema_system or &schema_platform */
	struct where where;
	bool alone; /* a guest's file is all there is */
	FIELD(const char *) name;
	VECTOR(struct guest *) guests;
	VECTOR(struct bind) binds; /* applied to the guests already */
	VECTOR(struct shmem_region) shmem_regions;
	VECTOR(struct network) networks;
	struct system_scheduling scheduling;
	struct control control; /* absent: no guest controls others */
	struct signing signing; /* absent: unsigned */
	struct unmet_list unmet;
	struct platform platform;
	struct console console;
	FIELD(uint32_t) debug_exit; /* host port of isa-debug-exit; absent: none */
	FIELD(bool) poweroff_when_idle;
	FIELD(bool) mitigations;
	FIELD(bool) scrub;
	struct assertions assertions; /* of the system document */
	struct lint lint;
	struct assertions rules; /* of the site (--policy) */
	bool incomplete; /* a wrong value outside of the guests, or one that could not be had */
};

#endif
