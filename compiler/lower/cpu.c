/* SPDX-License-Identifier: Apache-2.0 */
/* The passes of the CPU side, from the model to topology.c, cpuid.c, msr.c; and their check. */
#include "lower/cpu.h"

#include <stdlib.h>

#include "diag/diag.h"
#include "lower/lowered.h"
#include "lower/pass.h"
#include "policy/msr.h"
#include "policy/policy.h"

_Static_assert((int)MSR_UNLISTED_INJECT_GP == CPU_MSR_INJECT_GP &&
		       (int)MSR_UNLISTED_READ_ZERO_WRITE_IGNORE == CPU_MSR_IGNORE &&
		       (int)MSR_UNLISTED_LOG == CPU_MSR_IGNORE_AND_LOG,
	       "the words of the file are those of the request");

/* check/ has seen to it that every vCPU is in one node. */
static void place_in_nodes(struct cpu_topology *topology, const struct memory *memory)
{
	for (size_t i = 0; i < memory->numa.count; i++) {
		const struct numa_node *node = &memory->numa.items[i];

		for (size_t r = 0; r < node->cpu_ranges.ranges.count; r++) {
			struct number_range range = node->cpu_ranges.ranges.items[r];

			for (uint32_t cpu = range.first; cpu <= range.last; cpu++)
				topology->cpus[cpu].proximity = node->node.value;
		}
	}
}

void lower_topology(struct lower_context *context, struct lowered *guest)
{
	const struct vcpus *vcpus = &guest->model->vcpus;
	const struct cpu_shape shape = {
		.sockets = vcpus->topology.sockets.value,
		.dies = vcpus->topology.dies.value,
		.cores = vcpus->topology.cores.value,
		.threads = vcpus->topology.threads.value,
	};

	guest->cpu = arena_new(context->arena, struct lowered_cpu);
	/* Ids numbered by the shape always fit; check/ has refused shapes that are too large. */
	if (!cpu_topology_build(context->arena, shape, NULL, &guest->cpu->topology))
		abort();
	place_in_nodes(&guest->cpu->topology, &guest->model->memory);
}

static struct position policy_position(const struct guest *guest)
{
	if (guest->cpu.policy.text)
		return guest->cpu.policy.where.at;
	if (was_set(guest->cpu.model.where))
		return guest->cpu.model.where.at;
	return guest->where.at;
}

/*
 * vCPUs start in x2APIC mode, unless the policy took the feature away; then 8 bits must do for ids,
 * which only here is known.
 */
static void check_x2apic(struct lower_context *context, struct lowered *guest,
			 const struct policy *policy)
{
	uint32_t highest = guest->cpu->topology.max_apic_id;

	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		if (policy->vendors[vendor].choices[FEATURE_X2APIC].state != FEATURE_OFF)
			continue;
		guest->flags &= ~(uint32_t)HV_GUEST_X2APIC;
		if (highest > 254)
			diag_report(context->diags, XAPIC_IDS, policy_position(guest->model),
				    highest);
	}
}

/* A guest that is told of more address bits than its map needs wants a machine that has them. */
static void widen_addresses(struct lowered *guest, const struct policy *policy)
{
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		uint32_t said = policy->vendors[vendor].identity.phys_bits;

		if (said > guest->map.physical_bits)
			guest->map.physical_bits = said;
	}
}

static uint32_t lockable_pages(const struct guest *guest)
{
	uint32_t pages = 0;

	for (size_t i = 0; i < guest->memory.spp.count; i++)
		if (was_set(guest->memory.spp.items[i].lockable.where))
			pages = guest->memory.spp.items[i].lockable.value;
	return pages;
}

/* What the policy has to say was said by check/: the second reading is silent. */
void lower_cpu_policy(struct lower_context *context, struct lowered *guest)
{
	struct diags *silent = diags_new(context->arena, context->diags->sources);
	const struct policy *policy = policy_compile(context->arena, silent, guest->model);
	struct cpu_request request = {
		.topology = &guest->cpu->topology,
		.mtrrs = guest->mtrrs.items,
		.mtrr_count = guest->mtrrs.count,
		.pv_kvm = (guest->pv & HV_PV_KVM) != 0,
		.lockable = lockable_pages(guest->model),
		.observer = guest_observes(context->model, guest->model),
		.position = policy_position(guest->model),
	};
	struct msr_decisions msrs;

	if (!policy) {
		policy_compile(context->arena, context->diags, guest->model);
		return;
	}
	check_x2apic(context, guest, policy);
	widen_addresses(guest, policy);
	request.physical_bits = guest->map.physical_bits;
	request.unlisted = (enum cpu_msr_unlisted)guest->model->cpu.msr.unlisted.value;
	msrs = policy_msrs(context->arena, silent, guest->model, policy);
	request.msrs = &msrs;
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		guest->cpu->runs_on[vendor] = policy->vendors[vendor].possible;
		request.features = &policy->vendors[vendor];
		cpu_policy_build(context->arena, &request, vendor, &guest->cpu->policies[vendor]);
	}
}

static const struct hv_cpuid *find(const struct cpu_policy_records *records, uint32_t leaf,
				   uint32_t subleaf)
{
	for (uint32_t i = 0; i < records->cpuid_count; i++) {
		if (records->cpuid[i].leaf == leaf && records->cpuid[i].subleaf == subleaf)
			return &records->cpuid[i];
	}
	return NULL;
}

/* Leaf 0xB leads from ids to cores and packages; policies may have replaced it by hand. */
static bool levels_agree(const struct cpu_policy_records *records,
			 const struct cpu_topology *topology)
{
	const struct hv_cpuid *thread = find(records, 0xb, 0), *core = find(records, 0xb, 1);

	return thread && core && thread->value[EAX] == topology->core_shift &&
	       core->value[EAX] == topology->package_shift;
}

static bool assigned_by_hand(const struct lowered *guest)
{
	return guest->model->cpu.policy.text != NULL;
}

static bool index_sound(const struct cpu_policy_records *records)
{
	for (uint32_t i = 0; i < records->index_count; i++) {
		if (records->index[i] == 0xffff)
			continue;
		if (records->index[i] >= records->cpuid_count ||
		    records->cpuid[records->index[i]].subleaf != 0)
			return false;
	}
	return true;
}

static bool msrs_sound(const struct cpu_policy_records *records)
{
	for (uint32_t i = 0; i < records->msr_count; i++) {
		const struct hv_msr *msr = &records->msrs[i];
		bool stored = msr->read == HV_MSR_STORE || msr->write == HV_MSR_STORE;

		if (msr->last < msr->first || (i > 0 && msr->first <= records->msrs[i - 1].last))
			return false;
		if (stored && msr->slot + (msr->last - msr->first) >= HV_MSR_SLOTS)
			return false;
	}
	return true;
}

bool lower_cpu_check(const struct lowered *guest)
{
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		const struct cpu_policy_records *records = &guest->cpu->policies[vendor];

		if (!index_sound(records) || !msrs_sound(records))
			return false;
		if (!assigned_by_hand(guest) && !levels_agree(records, &guest->cpu->topology))
			return false;
	}
	return true;
}
