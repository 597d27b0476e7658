/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmx/ is Intel VT-x with extended page tables and unrestricted guests, behind vcpu/backend.h; it exports vmx_backend and nothing
 * else. It knows no device, no policy and no other guest: what an exit means is decided by the table it calls.
 *
 *	vmx.c        the machine: probe with the reason when something is missing, VMX on a CPU
 *	vmx_entry.S  the run loop: in and out of the guest
 *	vmx_exit.c   exit reasons → neutral exit records
 *	vmx_vmcs.c   set-up of the control structure, and the registers in it
 *	posted.c     interrupts that the processor delivers itself
 *	spp.c        write permissions of 128 bytes
 *
 * The control structure is reached by VMREAD and VMWRITE, on the CPU where it is current, and only there. So registers are kept
 * in memory beside it: `value` has what is `known` of the fields, `dirty` are those that the next entry has to write. An exit
 * makes unknown what the guest may have changed; what each exit needs is read at once, the rest when somebody asks. A vCPU that
 * is reset has all of its fields known and dirty, so that any CPU can do that.
 */
#ifndef CORE_VMX_VMX_H
#define CORE_VMX_VMX_H

#include "cpu/mitigations.h"
#include "cpu/percpu.h"
#include "vcpu/backend.h"
#include "vmx/offsets.h"
#include "vmx/vmcs.h"
#include "x86/vmx.h"
#include "x86/vmx_insn.h"

/* Fields that are kept in memory. Segments first, four fields each, in the order of their encodings. */
enum vmx_field {
	SEGMENT_FIELDS = 4,
	FIELD_SELECTOR = 0,
	FIELD_LIMIT,
	FIELD_RIGHTS,
	FIELD_BASE,
	FIELD_GDTR_LIMIT = SEGMENT_FIELDS * HV_SEGMENTS,
	FIELD_IDTR_LIMIT,
	FIELD_GDTR_BASE,
	FIELD_IDTR_BASE,
	FIELD_CR0,
	FIELD_CR3,
	FIELD_CR4,
	FIELD_DR7,
	FIELD_PENDING_DEBUG,
	FIELD_PAT,
	FIELD_SYSENTER_CS,
	FIELD_SYSENTER_ESP,
	FIELD_SYSENTER_EIP,
	FIELD_PDPTE, /* four */
	FIELD_SEGMENTS = FIELD_PDPTE + 4, /* no field: `segments` has them all */
	/* The guest does not change those from here on. */
	FIELD_EFER,
	FIELD_CR0_SHADOW,
	FIELD_CR4_SHADOW,
	FIELD_PIN,
	FIELD_PRIMARY,
	FIELD_SECONDARY,
	FIELD_MSR_BITMAP,
	FIELD_ENTRY_CONTROLS,
	FIELD_TSC_OFFSET,
	FIELD_TPR_THRESHOLD,
	FIELD_EPT_POINTER,
	VMX_FIELDS,
};
#define FIELDS_OF_SEGMENTS BITS(FIELD_GDTR_LIMIT - 1, 0)
#define FIELDS_OF_GUEST BITS(FIELD_EFER - 1, 0)
/* Other bits of `dirty`: to be done before the next entry. */
#define DIRTY_PDPTES	   BIT(62) /* to be read from memory */
#define DIRTY_TRANSLATIONS BIT(63) /* to be dropped */
static_assert(VMX_FIELDS <= 62, "one word of bits");

static inline uint32_t segment_field(uint32_t segment, uint32_t part)
{
	return SEGMENT_FIELDS * segment + part;
}

struct ALIGNED(4096) vmx_cpu { /* one a CPU of the machine */
	uint8_t region[4096]; /* VMXON */
	struct vmx_vcpu *current; /* whose control structure is */
};

struct ALIGNED(4096) vmx_vcpu {
	uint8_t region[4096]; /* the control structure: its layout is the processor's secret */
	uint8_t apic[4096];   /* virtual-APIC page; only the task priority is used, unless it is lent */
	uint64_t posted[512]; /* posted-interrupt descriptor: 256 vectors, then POSTED_ON; Bochs 3.0 wants a page */
	uint64_t cr2;         /* outside the guest */
	uint32_t launched;
	bool live;      /* within vmx_run(): DR6 and the fields are this CPU's */
	uint8_t task_priority; /* as the local APIC knows it */
	uint16_t vpid;
	uint64_t phys;  /* of the region */
	struct vmx_cpu *cpu; /* where the structure was loaded; NULL: nowhere yet */

	/* What struct vcpu points to, and what the structure has of it since the last exit. */
	uint64_t rip, rflags, shadow, cr4;
	uint64_t event; /* VMCS_ENTRY_EVENT */
	uint64_t event_error;
	uint64_t blocking; /* VMCS_GUEST_BLOCKING; its shadow bits count only while `shadow` is set */
	uint64_t loaded_rflags, loaded_blocking;
	uint64_t timer_off; /* RFLAGS_IF; 0: the preemption timer is on */
	uint64_t dr6; /* while not live */

	struct irq_page page; /* of `apic`, while it is */
	uint8_t lent; /* enum irq_lending */
	uint64_t known, dirty; /* bits of enum vmx_field */
	uint64_t value[VMX_FIELDS];
	struct emul_segment segments[EMUL_SEGMENTS];
};

struct ALIGNED(4096) vmx_guest {
	uint8_t msr_bitmap[4096];
	uint8_t lent_bitmap[4096]; /* for vCPUs whose local APIC is lent */
	uint64_t cr4_mask;   /* bits that are not the guest's own */
	uint32_t secondary;  /* controls */
	uint64_t spp_root;   /* physical; with SECONDARY_SPP */
	/* The guest's tables for vCPUs whose xAPIC is lent: they have its page. */
	ALIGNED(4096) uint64_t view[4][512];
	uint8_t apic_access[4096]; /* in that place: nobody reads or writes it */
};

struct vmx_machine {
	uint32_t pin, primary, secondary, exit, entry; /* controls; secondary: all that may be set */
	bool posts; /* interrupts can be posted */
	uint32_t revision;
	bool has_timer; /* the preemption timer, */
	uint32_t timer_shift; /* which counts every so many ticks of the TSC, as a power of two */
	uint64_t ept_caps;
	uint32_t vpids; /* given out */
	struct vmx_cpu *cpus;
};
extern struct vmx_machine vmx_machine;

static inline struct vmx_vcpu *vmx_of(const struct vcpu *vcpu)
{
	return vcpu->arch;
}

extern const uint16_t vmx_encodings[VMX_FIELDS];

/* A field's value: from memory, or else from the control structure, which then is this CPU's. */
static inline uint64_t vmx_get(struct vmx_vcpu *vmx, uint32_t field)
{
	if (!(vmx->known & BIT(field))) {
		vmx->value[field] = vmread(vmx_encodings[field]);
		vmx->known |= BIT(field);
	}
	return vmx->value[field];
}

static inline void vmx_set(struct vmx_vcpu *vmx, uint32_t field, uint64_t value)
{
	vmx->value[field] = value;
	vmx->known |= BIT(field);
	vmx->dirty |= BIT(field);
}

/* The CR4 that the guest reads: its own bits, and the shadow of the others. */
static inline uint64_t vmx_get_cr4(const struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	const struct vmx_guest *g = vcpu->guest->arch;

	if (!(vmx->known & BIT(FIELD_CR4)))
		vmx->cr4 = (vmx_get(vmx, FIELD_CR4) & ~g->cr4_mask) |
			   (vmx->value[FIELD_CR4_SHADOW] & g->cr4_mask);
	return vmx->cr4;
}

/* vmx_entry.S: the loop, see vcpu_backend.run; and where exits arrive. */
enum verdict vmx_run(struct vcpu *vcpu);
extern const char vmx_exited[];

/* What the loop calls. vmx_vmcs.c: around all of its rounds; before each entry. vmx_exit.c: the exit that the structure
 * describes; an entry that the processor refused. */
void vmx_begin(struct vcpu *vcpu);
void vmx_end(struct vcpu *vcpu);
void vmx_load(struct vcpu *vcpu, struct vmx_vcpu *vmx);
void vmx_set_timer(struct vmx_vcpu *vmx, bool on);
enum verdict vmx_exit(struct vcpu *vcpu, struct vmx_vcpu *vmx);
enum verdict vmx_refused(struct vcpu *vcpu);

/* vmx_vmcs.c */
enum status vmx_guest_create(struct guest *guest);
enum status vmx_vcpu_create(struct vcpu *vcpu);
void vmx_vcpu_reset(struct vcpu *vcpu, bool init);
uint64_t vmx_get_cr(const struct vcpu *vcpu, uint32_t number);
void vmx_set_cr(struct vcpu *vcpu, uint32_t number, uint64_t value);
uint64_t vmx_get_efer(const struct vcpu *vcpu);
void vmx_set_efer(struct vcpu *vcpu, uint64_t value);
uint64_t vmx_get_dr(const struct vcpu *vcpu, uint32_t number);
void vmx_set_dr(struct vcpu *vcpu, uint32_t number, uint64_t value);
void vmx_get_paging(const struct vcpu *vcpu, struct vcpu_paging *paging);
uint32_t vmx_fetch_context(const struct vcpu *vcpu);
const struct emul_segment *vmx_segments(const struct vcpu *vcpu);
void vmx_set_segment(struct vcpu *vcpu, enum hv_segment_id id, const struct hv_segment *segment);
void vmx_get_tables(const struct vcpu *vcpu, struct vcpu_tables *tables);
void vmx_set_tables(struct vcpu *vcpu, const struct vcpu_tables *tables);
enum status vmx_get_msr(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
enum status vmx_set_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value);
void vmx_inject(struct vcpu *vcpu, const struct vcpu_event *event);
bool vmx_nmi_blocked(const struct vcpu *vcpu);
void vmx_windows(struct vcpu *vcpu, bool interrupt, bool nmi);
void vmx_task_priority_changed(struct vcpu *vcpu, struct vmx_vcpu *vmx); /* by the guest's MOV CR8 */
void vmx_watch_task_priority(struct vmx_vcpu *vmx, uint8_t cr8); /* it exits when it lowers it */
void vmx_set_task_priority(struct vcpu *vcpu, uint8_t cr8);
void vmx_set_tsc_offset(struct vcpu *vcpu, uint64_t offset);
void vmx_flush(struct vcpu *vcpu);

/* spp.c: once the guest's memory is mapped; does nothing without guards, or where the processor has no SPP. */
enum status vmx_build_spp(struct guest *guest);

/* posted.c: lend_apic of the backend; what the guest has directly while its local APIC is lent; the tables that go with that, to be
 * made again when the guest's have changed; before an entry, when the page has changed. */
struct irq_page *vmx_lend_apic(struct vcpu *vcpu, enum irq_lending how);
uint64_t vmx_ept_pointer(const struct guest *guest, enum irq_lending how);
void vmx_update_view(struct vcpu *vcpu);
void vmx_allow_lent(struct vmx_guest *g);
void vmx_post(struct vcpu *vcpu);
void vmx_load_interrupts(struct vmx_vcpu *vmx);

#define VIRTUAL_APIC_TPR 0x80 /* of the virtual-APIC page: bits 7:4 are CR8 */

#define VMX_OFFSET(type, field, offset)                                                            \
	static_assert(offsetof(struct type, field) == (offset), #type "." #field)
VMX_OFFSET(vcpu, gpr, VCPU_GPR);
VMX_OFFSET(vcpu, request, VCPU_REQUEST);
VMX_OFFSET(vcpu, inside, VCPU_INSIDE);
VMX_OFFSET(vcpu, arch, VCPU_ARCH);
VMX_OFFSET(vmx_vcpu, cr2, VMX_CR2);
VMX_OFFSET(vmx_vcpu, launched, VMX_LAUNCHED);
static_assert(MITIGATE_ENTRY == 0 && MITIGATE_EXIT == 1, "points of mitigation");

#endif
