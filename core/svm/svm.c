/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-V on this machine: whether it is there, and what each CPU needs for it. */
#include "svm/svm.h"

#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/extable.h"
#include "cpu/percpu.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

struct svm_machine svm_machine;

/* ---- the machine */

static bool disabled_by_firmware(void)
{
	uint64_t vm_cr;

	return rdmsr_safe(MSR_AMD_VM_CR, &vm_cr) && vm_cr & VM_CR_SVMDIS;
}

static const char *missing(void)
{
	if (cpuid(CPUID_EXTENDED, 0).eax < CPUID_SVM ||
	    !(cpuid(CPUID_EXT_FEATURES, 0).ecx & CPUID_81_ECX_SVM))
		return "the CPU has no AMD-V";
	if (disabled_by_firmware())
		return "AMD-V is switched off by firmware";
	if (!(cpuid(CPUID_SVM, 0).edx & CPUID_8A_EDX_NPT))
		return "the CPU has no nested paging";
	return NULL;
}

static enum status make_maps(void)
{
	void *iopm, *cpus;
	enum status s = pool_alloc(IOPM_SIZE, &iopm);

	if (s == STATUS_OK)
		s = pool_alloc(cpu_count * sizeof(struct svm_cpu), &cpus);
	if (s != STATUS_OK)
		return s;
	memset(iopm, 0xff, IOPM_SIZE);
	svm_machine.iopm_phys = virt_to_phys(iopm);
	svm_machine.cpus = cpus;
	return STATUS_OK;
}

static enum status svm_probe(void)
{
	const char *why = missing();
	struct cpuid_regs r;

	if (why) {
		log_error("%s", why);
		return STATUS_MISMATCH;
	}
	r = cpuid(CPUID_SVM, 0);
	svm_machine.asids = r.ebx;
	svm_machine.next_rip = r.edx & CPUID_8A_EDX_NRIP_SAVE;
	svm_machine.pause_count = r.edx & CPUID_8A_EDX_PAUSE_FILTER ? 3000 : 0;
	svm_machine.pause_threshold = r.edx & CPUID_8A_EDX_PAUSE_THRESHOLD ? 128 : 0;
	log_info("AMD-V: %u ASIDs%s", r.ebx, svm_machine.next_rip ? ", next RIP is saved" : "");
	return make_maps();
}

/* Nested tables have the pages of the host's (APM v2 15.25.5). */
static uint32_t svm_largest_page(void)
{
	return cpu_features.page_1g ? 3 : 2;
}

/* AVIC is not used. */
static struct irq_page *svm_lend_apic(struct vcpu *vcpu, enum irq_lending how)
{
	(void)vcpu, (void)how;
	return NULL;
}

/* A CPU's generations are told from another's by the index in their low bits. */
#define GENERATION_STEP BIT(16)

static enum status svm_cpu_start(uint32_t index)
{
	struct svm_cpu *c = &svm_machine.cpus[index];

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_AMD_VM_HSAVE_PA, virt_to_phys(c->host_save));
	c->host_phys = virt_to_phys(&c->host);
	vmsave(c->host_phys);
	c->generation = GENERATION_STEP + index;
	c->next_asid = 1;
	this_cpu()->backend = c;
	return STATUS_OK;
}

/* A fresh ASID of this CPU; when none is left all are taken back by one flush. APM v2 15.16. */
void svm_take_asid(struct svm_vcpu *svm, struct svm_cpu *cpu)
{
	svm->vmcb.tlb_control = TLB_KEEP;
	if (cpu->next_asid >= svm_machine.asids) {
		cpu->next_asid = 1;
		cpu->generation += GENERATION_STEP;
		svm->vmcb.tlb_control = TLB_FLUSH_ALL;
	}
	svm->vmcb.asid = cpu->next_asid++;
	svm->generation = cpu->generation;
}

const struct vcpu_backend svm_backend = {
	.name = "AMD-V",
	.vendor = HV_VENDOR_AMD,
	.vcpu_size = sizeof(struct svm_vcpu),
	.guest_size = sizeof(struct svm_guest),
	.nested = &ptab_npt_format,
	.probe = svm_probe,
	.largest_page = svm_largest_page,
	.cpu_start = svm_cpu_start,
	.guest_create = svm_guest_create,
	.vcpu_create = svm_vcpu_create,
	.vcpu_reset = svm_vcpu_reset,
	.run = svm_run,
	.get_cr = svm_get_cr,
	.set_cr = svm_set_cr,
	.get_efer = svm_get_efer,
	.set_efer = svm_set_efer,
	.get_dr = svm_get_dr,
	.set_dr = svm_set_dr,
	.get_paging = svm_get_paging,
	.fetch_context = svm_fetch_context,
	.segments = svm_segments,
	.set_segment = svm_set_segment,
	.get_tables = svm_get_tables,
	.set_tables = svm_set_tables,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.inject = svm_inject,
	.nmi_blocked = svm_nmi_blocked,
	.windows = svm_windows,
	.set_task_priority = svm_set_task_priority,
	.lend_apic = svm_lend_apic,
	.set_tsc_offset = svm_set_tsc_offset,
	.flush = svm_flush,
};
