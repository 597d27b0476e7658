/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a policy text, from the lexer to the records of both vendors. Besides what the
 * sanitizers see: each finding has a place inside the text, there is a policy exactly when there is
 * no error, no feature is on without what it needs, and the records keep the blob's rules.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lower/cpu.h"
#include "policy/policy.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_closed(const struct cpu_features *cpu)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature_set *needs = feature_prerequisites(id);

		if (cpu->choices[id].state == FEATURE_OFF)
			continue;
		must(features[id].support != FEATURE_NEVER);
		for (enum feature_id need = 1; need < FEATURE_COUNT; need++)
			must(!feature_in(needs, need) || cpu->choices[need].state != FEATURE_OFF);
	}
}

static void check_records(const struct cpu_policy_records *records)
{
	for (uint32_t i = 0; i < records->index_count; i++)
		must(records->index[i] == 0xffff || records->index[i] < records->cpuid_count);
	for (uint32_t i = 1; i < records->cpuid_count; i++) {
		const struct hv_cpuid *a = &records->cpuid[i - 1], *b = &records->cpuid[i];

		must(a->leaf < b->leaf || (a->leaf == b->leaf && a->subleaf + 1 == b->subleaf));
	}
	for (uint32_t i = 0; i < records->feature_count; i++) {
		const struct hv_run *run = &records->features[i].clears;

		must(run->first <= records->clear_count &&
		     run->count <= records->clear_count - run->first);
	}
	for (uint32_t i = 0; i < records->clear_count; i++)
		must(records->clears[i].cpuid < records->cpuid_count);
}

static void lower(struct arena *arena, const struct policy *policy)
{
	static const struct cpu_shape shape = { 2, 1, 3, 2 };
	struct cpu_topology topology;
	struct cpu_policy_records records;
	struct cpu_request request = { .topology = &topology, .physical_bits = 39, .pv_kvm = true };

	must(cpu_topology_build(arena, shape, NULL, &topology));
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		check_closed(&policy->vendors[vendor]);
		request.features = &policy->vendors[vendor];
		cpu_policy_build(arena, &request, vendor, &records);
		check_records(&records);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct sources sources = { .arena = &arena };
	struct guest guest = { 0 };
	struct diags *diags;
	const struct policy *policy;
	char *text = arena_strndup(&arena, (const char *)data, size);

	vector_push(&arena, &sources.files, ((struct source){ 0 }));
	guest.vcpus.count.value = 4;
	guest.cpu.policy.size = strlen(text);
	guest.cpu.policy.text = text;
	guest.cpu.policy.sources = &sources;
	vector_push(&arena, &guest.cpu.policy.segments, ((struct text_segment){ 0, 0 }));
	diags = diags_new(&arena, &sources);
	guest.cpu.policy.where.at = source_position(
		&sources, source_add(&sources, "policy", text, strlen(text)), 0, strlen(text));
	vector_add(&arena, &guest.pv.interfaces)->value = PV_KVM;
	policy = policy_compile(&arena, diags, &guest);
	must((policy != NULL) == (diag_errors(diags) == 0));
	for (size_t i = 0; i < diags->list.count; i++) {
		const struct position *at = &diags->list.items[i]->at;

		must(at->file == 1 && at->offset + at->length <= strlen(text));
	}
	if (policy)
		lower(&arena, policy);
	arena_free(&arena);
	return 0;
}
