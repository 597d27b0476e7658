/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svm/ is AMD-V with nested paging, behind vcpu/backend.h; it exports svm_backend and nothing else.
 * It knows no device, no policy and no other guest: what an exit means is decided by the table it
 * calls.
 *
 *	svm.c        the machine: probe, a CPU's host state and ASIDs
 *	svm_entry.S  the run loop: in and out of the guest
 *	svm_exit.c   exit codes → neutral exit records; instruction lengths
 *	svm_vmcb.c   set-up of the control block, and the registers in it
 */
#ifndef CORE_SVM_SVM_H
#define CORE_SVM_SVM_H

#include "cpu/mitigations.h"
#include "cpu/percpu.h"
#include "svm/offsets.h"
#include "svm/vmcb.h"
#include "vcpu/backend.h"

struct ALIGNED(4096) svm_cpu {   /* one a CPU of the machine */
	uint8_t host_save[4096]; /* VM_HSAVE_PA */
	struct vmcb host;        /* VMSAVE of the host's own FS, GS, TR, system-call MSRs */
	uint64_t host_phys;
	uint64_t generation; /* of ASIDs, another one on each CPU; changes when they are used up and
				the TLB was flushed */
	uint32_t next_asid;
};

struct svm_vcpu {
	struct vmcb vmcb;
	uint64_t phys;       /* of the VMCB */
	uint64_t generation; /* of a CPU, whose ASID this is; 0: wants a new one */
	bool nmi_blocked;
	bool nmi_wanted;   /* an NMI waits for the end of the block or of a shadow */
	bool watching;     /* the next exits have to be looked at for the two below */
	bool look_again;   /* an event waits for a window: any exit may be one */
	bool iret_pending; /* the IRET at iret_rip ends the block when it has been executed */
	bool stepping;     /* over that IRET, or out of that shadow, by TF */
	bool shadow_step;  /* it is out of the shadow */
	uint64_t iret_rip;
	uint8_t task_priority; /* V_TPR as the local APIC knows it */
};

struct svm_guest {
	uint8_t msrpm[MSRPM_SIZE];
};

struct svm_machine {
	uint32_t asids;
	bool next_rip; /* NRIP save */
	uint16_t pause_count, pause_threshold; /* PAUSEs in so many cycles of each other before they exit; 0: each does */
	uint64_t iopm_phys;
	struct svm_cpu *cpus;
};
extern struct svm_machine svm_machine;

static inline struct svm_vcpu *svm_of(const struct vcpu *vcpu)
{
	return vcpu->arch;
}

/* svm_entry.S: the loop, see vcpu_backend.run. */
enum verdict svm_run(struct vcpu *vcpu);

/* What the loop calls. svm.c: a fresh ASID. svm_exit.c: the exit that the VMCB describes. */
void svm_take_asid(struct svm_vcpu *svm, struct svm_cpu *cpu);
enum verdict svm_exit(struct vcpu *vcpu, struct svm_vcpu *svm);

/* svm_vmcb.c */
enum status svm_guest_create(struct guest *guest);
enum status svm_vcpu_create(struct vcpu *vcpu);
void svm_vcpu_reset(struct vcpu *vcpu, bool init);
uint64_t svm_get_cr(const struct vcpu *vcpu, uint32_t number);
void svm_set_cr(struct vcpu *vcpu, uint32_t number, uint64_t value);
uint64_t svm_get_efer(const struct vcpu *vcpu);
void svm_set_efer(struct vcpu *vcpu, uint64_t value);
uint64_t svm_get_dr(const struct vcpu *vcpu, uint32_t number);
void svm_set_dr(struct vcpu *vcpu, uint32_t number, uint64_t value);
void svm_get_paging(const struct vcpu *vcpu, struct vcpu_paging *paging);
uint32_t svm_fetch_context(const struct vcpu *vcpu);
const struct emul_segment *svm_segments(const struct vcpu *vcpu);
void svm_set_segment(struct vcpu *vcpu, enum hv_segment_id id, const struct hv_segment *segment);
void svm_get_tables(const struct vcpu *vcpu, struct vcpu_tables *tables);
void svm_set_tables(struct vcpu *vcpu, const struct vcpu_tables *tables);
enum status svm_get_msr(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
enum status svm_set_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value);
void svm_inject(struct vcpu *vcpu, const struct vcpu_event *event);
bool svm_nmi_blocked(const struct vcpu *vcpu);
void svm_windows(struct vcpu *vcpu, bool interrupt, bool nmi);
void svm_task_priority_changed(struct vcpu *vcpu,
			       struct svm_vcpu *svm); /* by the guest's MOV CR8 */
void svm_set_task_priority(struct vcpu *vcpu, uint8_t cr8);
void svm_set_tsc_offset(struct vcpu *vcpu, uint64_t offset);
void svm_flush(struct vcpu *vcpu);

/* See vcpu_backend.fetch_context. The code segment's L and D are bits 9 and 10 of its attributes.
 */
static inline uint32_t svm_context(const struct vmcb *v)
{
	return v->cpl | (uint32_t)(v->efer >> 8 & CONTEXT_LMA) |
	       (uint32_t)(v->cr0 >> 28 & CONTEXT_PG) |
	       (v->cs.attributes & (CONTEXT_CS_L | CONTEXT_CS_D));
}

#define SVM_OFFSET(type, field, offset)                                                            \
	static_assert(offsetof(struct type, field) == (offset), #type "." #field)
SVM_OFFSET(vcpu, gpr, VCPU_GPR);
SVM_OFFSET(vcpu, request, VCPU_REQUEST);
SVM_OFFSET(vcpu, inside, VCPU_INSIDE);
SVM_OFFSET(vcpu, arch, VCPU_ARCH);
SVM_OFFSET(vmcb, tlb_control, VMCB_TLB_CONTROL);
SVM_OFFSET(vmcb, rax, VMCB_RAX);
SVM_OFFSET(vmcb, rsp, VMCB_RSP);
SVM_OFFSET(svm_vcpu, phys, SVM_PHYS);
SVM_OFFSET(svm_vcpu, generation, SVM_GENERATION);
SVM_OFFSET(svm_cpu, host_phys, CPU_HOST_PHYS);
SVM_OFFSET(svm_cpu, generation, CPU_GENERATION);
SVM_OFFSET(percpu, backend, PERCPU_BACKEND);
static_assert(MITIGATE_ENTRY == 0 && MITIGATE_EXIT == 1, "points of mitigation");

#endif
