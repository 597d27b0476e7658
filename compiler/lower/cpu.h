/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUs a guest sees: their graph, and the CPUID and MSR records made from it.
 *
 *     cpu: model, cpuid policy          vcpus: topology, apic       memory: layout (PCI hole)
 *             |                               |                          |
 *        policy/ --> struct cpu_features   topology.c                    |
 *             |             |                 |                          |
 *             +-------------+--> cpuid.c, msr.c <--- struct cpu_request -+
 *                                     |
 *                        struct cpu_policy_records, one a vendor --> emit/blob_cpu.c
 *
 * Everything here is a pure function of its parameters; nothing reports a diagnostic: what can be
 * wrong with a policy or a topology has been said by check/ and policy/ before.
 */
#ifndef HVCC_LOWER_CPU_H
#define HVCC_LOWER_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/source.h"
#include "schema/hvblob.h"

struct cpu_features; /* policy/policy.h: what the policy decided */
struct msr_decisions; /* policy/msr.h */
struct lowered;	     /* lower/lowered.h */
struct lowered_mtrr;
struct lower_context; /* lower/pass.h */

/* ------------------------------------------------------------------------------- the CPU graph */

struct cpu_shape { /* all >= 1 */
	uint32_t sockets, dies, cores, threads; /* dies a socket, cores a die, threads a core */
};

/* One virtual CPU. Ids count within their parent, except package, which counts in the guest. */
struct cpu_place {
	uint32_t apic_id;
	uint32_t package, die, core, thread;
	uint32_t core_id;   /* CPUID 0x8000001E EBX 7:0: core within its package, low 8 bits */
	uint32_t node_id;   /* CPUID 0x8000001E ECX 7:0: die within the guest, low 8 bits */
	uint32_t proximity; /* NUMA node: SRAT proximity domain */
};

enum cpu_cache_type { CPU_CACHE_DATA = 1, CPU_CACHE_INSTRUCTION = 2, CPU_CACHE_UNIFIED = 3 };

/* A kind of cache; two CPUs share one of it when their APIC ids agree above `shift` bits. */
struct cpu_cache {
	uint32_t level; /* 1..3 */
	uint32_t type;	/* enum cpu_cache_type, as in CPUID 4 EAX 4:0 */
	uint32_t size;	/* bytes: line * ways * sets */
	uint32_t line, ways, sets;
	uint32_t shift;
};

enum { CPU_CACHES = 4 }; /* L1 data, L1 instruction, L2, L3 */

/*
 * APIC id of a CPU, each field as wide as its level needs, rounded up to a power of two:
 *
 *     | package ...... | die | core | thread |
 *                      ^     ^      ^        0
 *           package_shift  die_shift core_shift
 */
struct cpu_topology {
	struct cpu_shape shape;
	uint32_t core_shift;	/* apic_id >> core_shift: one value a core */
	uint32_t die_shift;	/* apic_id >> die_shift: one value a die */
	uint32_t package_shift; /* apic_id >> package_shift: one value a package */
	uint32_t count;		/* of vCPUs: the product of shape */
	uint32_t max_apic_id;
	struct cpu_place *cpus; /* count entries, by vCPU number: thread is the fastest index */
	struct cpu_cache caches[CPU_CACHES];
};

/* Number of CPUs of a shape; 0 when it is empty or has more than CPU_MAX of them. */
uint32_t cpu_shape_count(struct cpu_shape shape);

enum { CPU_MAX = 1 << 16 };

/*
 * Fills topology for shape. ids has one APIC id a vCPU, or is NULL: numbered by the shape. The
 * shifts are the least ones that fit the ids. Returns false when there are none, since then no
 * CPUID leaf could describe the ids, or when the shape has no valid count. Every vCPU is in NUMA
 * node 0.
 */
bool cpu_topology_build(struct arena *arena, struct cpu_shape shape, const uint32_t *ids,
			struct cpu_topology *topology);

/* ------------------------------------------------------------------------ CPUID and MSR records */

enum { CPU_MTRRS = 8 }; /* variable MTRRs of a vCPU */

enum cpu_msr_unlisted { CPU_MSR_INJECT_GP, CPU_MSR_IGNORE, CPU_MSR_IGNORE_AND_LOG };

struct cpu_request {
	const struct cpu_topology *topology;
	const struct cpu_features *features; /* of the vendor asked for */
	uint32_t physical_bits;		     /* guest physical address width */
	const struct lowered_mtrr *mtrrs;    /* at most CPU_MTRRS; all else is write-back */
	size_t mtrr_count;
	bool pv_kvm;			     /* offer the KVM interface */
	uint32_t lockable;		     /* pages that the guest may lock */
	bool observer;			     /* told of other guests' refused writes */
	enum cpu_msr_unlisted unlisted;
	const struct msr_decisions *msrs;    /* what rules say; may be NULL */
	struct position position; /* of the policy, for struct hv_cpu_policy */
};

/*
 * A case of a policy: `record` without its name, position and runs, and what these are made of.
 * patches[].cpuid counts from the first of `cpuid`.
 */
struct cpu_case {
	struct hv_policy_case record;
	const char *name; /* NULL: it has none */
	struct position at;
	struct hv_host_test *tests;
	uint32_t test_count;
	struct hv_cpuid_patch *patches;
	uint32_t patch_count;
};

/*
 * One vendor's records. Indices are relative: `clears[].cpuid` counts from the first of `cpuid`,
 * the runs `features[].clears` from the first of `clears`, `index_runs` from the first of `index`;
 * who emits them adds the bases. Names and positions stand beside, since strings and positions of
 * the blob are the emitter's: hv_feature.name/.position and hv_msr.position are 0.
 */
struct cpu_policy_records {
	uint32_t vendor; /* enum hv_vendor */
	uint32_t flags;	 /* enum hv_policy_flags */
	struct position position;
	struct hv_cpuid *cpuid;
	uint32_t cpuid_count;
	struct hv_feature *features;
	const char **feature_names;
	struct position *feature_positions;
	uint32_t feature_count;
	struct hv_cpuid_clear *clears;
	uint32_t clear_count;
	struct cpu_case *cases;
	uint32_t case_count;
	struct hv_msr *msrs;
	struct position *msr_positions;
	uint32_t msr_count;
	uint16_t *index;
	uint32_t index_count;
	struct hv_run index_runs[HV_CPUID_RANGES];
	uint64_t xcr0, xss, cr4, efer; /* as in struct hv_cpu_policy */
	uint32_t kvm_base;     /* CPUID base of the KVM interface; 0: not offered */
	uint32_t kvm_features; /* EAX of leaf kvm_base + 1: HV_DEVICE_KVM's parameter[1] */
};

/* Makes the records of one vendor; all memory is the arena's. */
void cpu_policy_build(struct arena *arena, const struct cpu_request *request, enum hv_vendor vendor,
		      struct cpu_policy_records *records);

/* What the manuals call an MSR that hvcc knows; NULL: not known. For listings. */
const char *cpu_msr_name(uint32_t number);

/* ----------------------------------------------------------------------------------- the passes */

/* One guest's CPUs: struct lowered points to it. */
struct lowered_cpu {
	struct cpu_topology topology;
	bool runs_on[HV_VENDORS]; /* false: no policy record, HV_NONE in struct hv_guest */
	struct cpu_policy_records policies[HV_VENDORS];
};

/* Pass: makes guest->cpu with its topology (ACPI tables need nothing else). */
void lower_topology(struct lower_context *context, struct lowered *guest);

/* Pass, after the memory layout (MTRRs): the CPUID and MSR records of both vendors. */
void lower_cpu_policy(struct lower_context *context, struct lowered *guest);

/* Post-check of both: the leaves, decoded again, give the topology back. */
bool lower_cpu_check(const struct lowered *guest);

#endif
