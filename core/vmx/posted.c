/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual-interrupt delivery (SDM v3 30): the processor takes what the virtual-APIC page requests when the guest can take it, and
 * ends it when the guest says so, without an exit; ends of level-triggered interrupts exit, as the IOAPIC waits for them. What comes
 * from elsewhere is put into the page before an entry, so the core makes an exit for that, unless it can be posted (below).
 *
 * An x2APIC is reached by MSRs, which a bitmap opens. An xAPIC is reached by an address, so a page has to be there that the
 * processor knows, and only for vCPUs that are in this mode. They have a second root:
 *
 *	FIELD_EPT_POINTER ── kept, x2APIC ──► the guest's tables ──────────────► RAM  (the APIC's page: nothing, exits)
 *	                 └── xAPIC ─────────► copies on the way to that page ──► RAM, and apic_access in its place
 *
 * Of an access to that page the processor makes one to the virtual-APIC page. A write exits afterwards (VMEXIT_APIC_WRITE), but for
 * TPR, EOI, ICR's upper half and an IPI to itself; what it cannot do exits before (VMEXIT_APIC_ACCESS) and is emulated.
 */
#include "cpu/idt.h"
#include "cpu/lapic.h"
#include "mm/layout.h"
#include "vmx/vmx.h"
#include "x86/msr.h"

enum { PAGE_ISR = 0x100, PAGE_IRR = 0x200, PAGE_EOI = 0xb0, PAGE_TPR = 0x80, PAGE_SELF_IPI = 0x3f0 };

static const uint32_t controls[IRQ_LENDINGS] = {
	[IRQ_LENT_X2APIC] = SECONDARY_X2APIC | SECONDARY_DELIVERY,
	[IRQ_LENT_XAPIC] = SECONDARY_APIC_ACCESSES | SECONDARY_APIC_REGISTERS | SECONDARY_DELIVERY,
};

/* Bits of an MSR in the bitmap: see allow_msr() of vmx_vmcs.c; all of these lie in the low range. */
static void allow(uint8_t *bitmap, uint32_t msr)
{
	bitmap[msr / 8] &= (uint8_t) ~(1u << (msr & 7));
}

/* Without the controls these would be the machine's own registers. */
void vmx_allow_lent(struct vmx_guest *g)
{
	allow(g->lent_bitmap, MSR_X2APIC(PAGE_TPR));
	allow(g->lent_bitmap + 0x800, MSR_X2APIC(PAGE_TPR));
	allow(g->lent_bitmap + 0x800, MSR_X2APIC(PAGE_EOI));
	allow(g->lent_bitmap + 0x800, MSR_X2APIC(PAGE_SELF_IPI));
}

uint64_t vmx_ept_pointer(const struct guest *guest, enum irq_lending how)
{
	const struct vmx_guest *g = guest->arch;
	/* With it each step of a walk of the guest's tables is a write (SDM v3 29.3.3.2), also to pages that are closed. */
	bool guarded = guest->memory->guard.count || guest->memory->guard.lockable;

	return (how == IRQ_LENT_XAPIC ? virt_to_phys(g->view[3]) : guest->memory->nested.root) | MEMORY_TYPE_WB |
	       EPT_POINTER_LEVELS_4 |
	       (vmx_machine.ept_caps & VMX_EPT_ACCESSED_DIRTY && !guarded ? EPT_POINTER_AD : 0);
}

void vmx_update_view(struct vcpu *vcpu)
{
	const struct ptab_attributes a = {PTAB_RW, MEMORY_TYPE_WB};
	struct vmx_guest *g = vcpu->guest->arch;

	if (vmx_of(vcpu)->lent == IRQ_LENT_XAPIC)
		ptab_make_view(&vcpu->guest->memory->nested, g->view, virt_to_phys(g->view),
			       vcpu->chip->base(vcpu->chip_state),
			       ptab_ept_format.make_leaf(virt_to_phys(g->apic_access), 1, a));
}

struct irq_page *vmx_lend_apic(struct vcpu *vcpu, enum irq_lending how)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct vmx_guest *g = vcpu->guest->arch;
	bool shared = vcpu->cpu && vcpu->cpu->sched, posts = vmx_machine.posts && how == IRQ_LENT_X2APIC && !shared;

	if (controls[how] & ~vmx_machine.secondary)
		return NULL;
	vmx_set(vmx, FIELD_SECONDARY, g->secondary | controls[how]);
	vmx_set(vmx, FIELD_MSR_BITMAP, virt_to_phys(how == IRQ_LENT_X2APIC ? g->lent_bitmap : g->msr_bitmap));
	vmx_set(vmx, FIELD_EPT_POINTER, vmx_ept_pointer(vcpu->guest, how));
	vmx->dirty |= DIRTY_TRANSLATIONS;
	vmx_set(vmx, FIELD_PIN, (vmx_get(vmx, FIELD_PIN) & ~(uint64_t)PIN_POSTED) | (posts ? PIN_POSTED : 0));
	vmx_windows(vcpu, false, vmx_get(vmx, FIELD_PRIMARY) & PRIMARY_NMI_WINDOW);
	vmx->lent = (uint8_t)how;
	vmx_watch_task_priority(vmx, how ? 0 : vmx->apic[VIRTUAL_APIC_TPR] >> 4);
	if (how)
		vmx->page = (struct irq_page){.registers = vmx->apic, .posted = posts ? vmx->posted : NULL};
	return &vmx->page;
}

/* The highest vector of eight registers; 0: none. */
static uint32_t highest_vector(const struct vmx_vcpu *vmx, uint32_t offset)
{
	for (int i = 7; i >= 0; i--) {
		uint32_t bits = *(const uint32_t *)(vmx->apic + offset + 16 * i);

		if (bits)
			return (uint32_t)(32 * i + highest_bit(bits));
	}
	return 0;
}

void vmx_load_interrupts(struct vmx_vcpu *vmx)
{
	vmx->page.changed = 0;
	if (vmx->page.posted)
		vmx->apic[PAGE_IRR] |= 1; /* vector 0, which is none */
	vmwrite(VMCS_INTERRUPT_STATUS,
		highest_vector(vmx, PAGE_IRR) | highest_vector(vmx, PAGE_ISR) << 8);
	for (uint32_t i = 0; i < ARRAY_SIZE(vmx->page.level); i++)
		vmwrite(VMCS_EOI_EXITS(i), vmx->page.level[i]);
}

/*
 * Posting (SDM v3 30.6): any CPU leaves a vector in the descriptor, and the processor moves it into the page when the notification
 * vector arrives while it is in the guest. Outside the guest, the vCPU's CPU does that before the next entry. ON says that somebody
 * has notified and nobody has looked since:
 *
 *	who posts (any CPU)                      who looks: the processor, or the vCPU's CPU
 *	1. posted |= vector                      a. (the CPU) inside = 1, or asleep
 *	2. ON = 1; it was: done                  b. (the CPU) requests? take them away, and look; else enter, or sleep
 *	3. request |= POSTED                     look:
 *	4. inside? send the vector                  c. ON = 0
 *	                                            d. IRR |= posted, posted = 0
 *
 * 1 is before 2 and c before d: a vector whose poster went away at 2 was there when ON was taken away later, and d finds it. 3 is
 * before 4 and a before b, as in vcpu/request.c: either the CPU finds the request, or the vector is sent to it. It then is in the
 * guest, or arrives while interrupts are off and waits for the entry, or wakes it, or is handled between exits: the request, which
 * nobody but b takes away, has the CPU look then. So the request may stay while the guest runs on, and it has to be one of its own:
 * who finds that of events set does not kick.
 *
 * A notification may come late, when somebody has looked already. Bochs 3 then takes the highest of no vectors for 255, which would
 * block all others; so vector 0, which is never delivered, is always in IRR. The guest reads IRR by an exit, where it is left out;
 * but not in xAPIC mode, and so nothing is posted there. Nor is it on a CPU that vCPUs share: `inside` then says that one sleeps, and
 * another would swallow its notification.
 */
#define POSTED_WORD 4 /* of the descriptor, behind the vectors */
#define POSTED_ON   BIT(0)

void vmx_post(struct vcpu *vcpu)
{
	struct percpu *cpu = vcpu->cpu;

	if (__atomic_fetch_or(&vmx_of(vcpu)->posted[POSTED_WORD], POSTED_ON, __ATOMIC_SEQ_CST) & POSTED_ON)
		return;
	__atomic_fetch_or(&vcpu->request, VCPU_REQUEST_POSTED, __ATOMIC_SEQ_CST);
	if (cpu && cpu != this_cpu() && __atomic_load_n(&vcpu->inside, __ATOMIC_SEQ_CST))
		lapic_send_fixed(cpu->apic_id, HOST_VECTOR_POSTED);
}
