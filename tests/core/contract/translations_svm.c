/* SPDX-License-Identifier: Apache-2.0 */
/* translations.c: AMD-V, whose translations are kept with their ASID, however they came about. */
#include <stdlib.h>
#include <string.h>

#include "svm/svm.h"
#include "translations.h"

uint32_t svm_asids;
static struct svm_cpu cpus[CPUS];
static _Alignas(4096) struct svm_vcpu vcpus[ALL];
static _Alignas(4096) struct svm_guest guests[GUESTS];

enum verdict svm_run(struct vcpu *v)
{
	(void)v;
	abort();
}

void svm_start(void)
{
	memset(vcpus, 0, sizeof(vcpus));
	svm_machine.asids = svm_asids;
	for (unsigned int c = 0; c < CPUS; c++) /* svm_cpu_start() */
		cpus[c] = (struct svm_cpu){.generation = 65536 + c, .next_asid = 1};
}

void *svm_guest_memory(unsigned int i)
{
	return &guests[i];
}

void *svm_vcpu_memory(unsigned int i)
{
	return &vcpus[i];
}

/* svm_entry.S, VMRUN and an exit. */
void enter_svm(unsigned int vcpu, unsigned int cpu, uint64_t space)
{
	struct svm_vcpu *svm = &vcpus[vcpu];

	if (svm->generation != cpus[cpu].generation)
		svm_take_asid(svm, &cpus[cpu]);
	if (svm->vmcb.tlb_control == TLB_FLUSH_ALL)
		drop(0, 0, 0, 0);
	if (!svm->vmcb.asid || svm->vmcb.asid >= svm_asids)
		abort();
	for (uint64_t page = 0; page < PAGES; page++)
		use(svm->vmcb.asid, 0, page * PAGE_SIZE, space, truth(svm->vmcb.nested_cr3, page * PAGE_SIZE));
	svm->vmcb.tlb_control = TLB_KEEP;
}
