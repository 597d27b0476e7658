/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual-interrupt delivery (SDM v3 30): the processor takes what the virtual-APIC page requests when the guest can take it, and
 * ends it when the guest says so, without an exit. What comes from elsewhere is put into the page before an entry, so the core
 * makes an exit for that; ends of level-triggered interrupts exit, as the IOAPIC waits for them.
 */
#include "mm/layout.h"
#include "vmx/vmx.h"
#include "x86/msr.h"

enum { PAGE_ISR = 0x100, PAGE_IRR = 0x200, PAGE_EOI = 0xb0, PAGE_TPR = 0x80 };

#define CONTROLS ((uint32_t)(SECONDARY_X2APIC | SECONDARY_DELIVERY))

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
}

struct irq_page *vmx_lend_apic(struct vcpu *vcpu, bool on)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct vmx_guest *g = vcpu->guest->arch;

	if ((vmx_machine.secondary & CONTROLS) != CONTROLS)
		return NULL;
	vmx_set(vmx, FIELD_SECONDARY, g->secondary | (on ? CONTROLS : 0));
	vmx_set(vmx, FIELD_MSR_BITMAP, virt_to_phys(on ? g->lent_bitmap : g->msr_bitmap));
	vmx_windows(vcpu, false, vmx_get(vmx, FIELD_PRIMARY) & PRIMARY_NMI_WINDOW);
	vmx->lent = on;
	vmx_watch_task_priority(vmx, on ? 0 : vmx->apic[VIRTUAL_APIC_TPR] >> 4);
	vmx->page = (struct irq_page){.registers = vmx->apic};
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
	vmwrite(VMCS_INTERRUPT_STATUS,
		highest_vector(vmx, PAGE_IRR) | highest_vector(vmx, PAGE_ISR) << 8);
	for (uint32_t i = 0; i < ARRAY_SIZE(vmx->page.level); i++)
		vmwrite(VMCS_EOI_EXITS(i), vmx->page.level[i]);
}
