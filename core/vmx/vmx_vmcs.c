/* SPDX-License-Identifier: Apache-2.0 */
/* The control structure: what exits, and the registers in it. SDM v3 25. */
#include "cpu/idt.h"
#include "cpu/tsc.h"
#include "lib/string.h"
#include "mm/layout.h"
#include "space/memory.h"
#include "vcpu/cpuid.h"
#include "vmx/vmx.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define SEGMENT_ENCODINGS(n) VMCS_GUEST_SELECTOR(n), VMCS_GUEST_LIMIT(n), VMCS_GUEST_RIGHTS(n), VMCS_GUEST_BASE(n)

const uint16_t vmx_encodings[VMX_FIELDS] = {
	SEGMENT_ENCODINGS(0), SEGMENT_ENCODINGS(1), SEGMENT_ENCODINGS(2), SEGMENT_ENCODINGS(3),
	SEGMENT_ENCODINGS(4), SEGMENT_ENCODINGS(5), SEGMENT_ENCODINGS(6), SEGMENT_ENCODINGS(7),
	[FIELD_GDTR_LIMIT] = VMCS_GUEST_GDTR_LIMIT,
	[FIELD_IDTR_LIMIT] = VMCS_GUEST_IDTR_LIMIT,
	[FIELD_GDTR_BASE] = VMCS_GUEST_GDTR_BASE,
	[FIELD_IDTR_BASE] = VMCS_GUEST_IDTR_BASE,
	[FIELD_CR0] = VMCS_GUEST_CR0,
	[FIELD_CR3] = VMCS_GUEST_CR3,
	[FIELD_CR4] = VMCS_GUEST_CR4,
	[FIELD_DR7] = VMCS_GUEST_DR7,
	[FIELD_PENDING_DEBUG] = VMCS_GUEST_PENDING_DEBUG,
	[FIELD_PAT] = VMCS_GUEST_PAT,
	[FIELD_SYSENTER_CS] = VMCS_GUEST_SYSENTER_CS,
	[FIELD_SYSENTER_ESP] = VMCS_GUEST_SYSENTER_ESP,
	[FIELD_SYSENTER_EIP] = VMCS_GUEST_SYSENTER_EIP,
	[FIELD_PDPTE] = VMCS_GUEST_PDPTE(0),
	[FIELD_PDPTE + 1] = VMCS_GUEST_PDPTE(1),
	[FIELD_PDPTE + 2] = VMCS_GUEST_PDPTE(2),
	[FIELD_PDPTE + 3] = VMCS_GUEST_PDPTE(3),
	[FIELD_EFER] = VMCS_GUEST_EFER,
	[FIELD_CR0_SHADOW] = VMCS_CR0_SHADOW,
	[FIELD_CR4_SHADOW] = VMCS_CR4_SHADOW,
	[FIELD_PIN] = VMCS_PIN,
	[FIELD_PRIMARY] = VMCS_PRIMARY,
	[FIELD_SECONDARY] = VMCS_SECONDARY,
	[FIELD_MSR_BITMAP] = VMCS_MSR_BITMAP,
	[FIELD_ENTRY_CONTROLS] = VMCS_ENTRY_CONTROLS,
	[FIELD_TSC_OFFSET] = VMCS_TSC_OFFSET,
	[FIELD_TPR_THRESHOLD] = VMCS_TPR_THRESHOLD,
	[FIELD_EPT_POINTER] = VMCS_EPT_POINTER,
};

/* ---- MSRs: those that entries and exits switch. The others that a guest has directly are live state (vcpu/state.c). */

static const struct {
	uint32_t msr;
	uint32_t field;
} switched[] = {
	{MSR_FS_BASE, SEGMENT_FIELDS * HV_FS + FIELD_BASE},
	{MSR_GS_BASE, SEGMENT_FIELDS * HV_GS + FIELD_BASE},
	{MSR_SYSENTER_CS, FIELD_SYSENTER_CS},
	{MSR_SYSENTER_ESP, FIELD_SYSENTER_ESP},
	{MSR_SYSENTER_EIP, FIELD_SYSENTER_EIP},
	{MSR_PAT, FIELD_PAT},
};

/* The field of an MSR; VMX_FIELDS: it has none. */
static uint32_t msr_field(uint32_t msr)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(switched); i++)
		if (switched[i].msr == msr)
			return switched[i].field;
	return VMX_FIELDS;
}

static bool is_switched(uint32_t msr)
{
	return msr_field(msr) != VMX_FIELDS;
}

enum status vmx_get_msr(const struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	if (!is_switched(msr))
		return STATUS_NOT_FOUND;
	*value = vmx_get(vmx_of(vcpu), msr_field(msr));
	return STATUS_OK;
}

enum status vmx_set_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	if (!is_switched(msr))
		return STATUS_NOT_FOUND;
	vmx_set(vmx_of(vcpu), msr_field(msr), value);
	return STATUS_OK;
}

/* A bit an MSR: reads of 0 to 0x1fff, of 0xc0000000 to 0xc0001fff, then writes of both (SDM v3 25.6.9). */
static void allow_msr(void *arch, uint32_t msr, bool read, bool write)
{
	struct vmx_guest *g = arch;
	uint8_t mask = (uint8_t) ~(1u << (msr & 7));
	uint32_t byte = (msr & 0x1fff) / 8 + (msr >= 0xc0000000 ? 0x400 : 0);

	if ((msr & ~0xc0000000u) > 0x1fff || (msr >> 30 != 0 && msr >> 30 != 3))
		return;
	if (read)
		g->msr_bitmap[byte] &= mask;
	if (write)
		g->msr_bitmap[0x800 + byte] &= mask;
}

/* ---- set-up */

/* Instructions that a guest has only if its CPUID says so: allowed by a control, or exits (to #UD) without it. */
static const struct {
	uint32_t control;
	bool exits;
	uint32_t leaf, subleaf, reg;
	uint32_t mask;
} instructions[] = {
	{SECONDARY_RDTSCP, false, CPUID_EXT_FEATURES, 0, 3, (uint32_t)CPUID_81_EDX_RDTSCP},
	{SECONDARY_RDTSCP, false, CPUID_STRUCTURED, 0, 2, 1u << 22}, /* RDPID */
	{SECONDARY_INVPCID, false, CPUID_STRUCTURED, 0, 1, (uint32_t)CPUID_7_EBX_INVPCID},
	{SECONDARY_XSAVES, false, CPUID_XSAVE, 1, 0, (uint32_t)CPUID_D_1_EAX_XSAVES},
	{SECONDARY_RDRAND, true, CPUID_FEATURES, 0, 2, 1u << 30},
	{SECONDARY_RDSEED, true, CPUID_STRUCTURED, 0, 1, 1u << 18},
};

static bool guest_has(const struct guest *guest, uint32_t i)
{
	return cpuid_has(&guest->cpuid, instructions[i].leaf, instructions[i].subleaf, instructions[i].reg, instructions[i].mask);
}

static uint32_t secondary_controls(const struct guest *guest)
{
	uint32_t controls = SECONDARY_EPT | SECONDARY_UNRESTRICTED | SECONDARY_WBINVD |
			    (vmx_machine.secondary & (SECONDARY_VPID | SECONDARY_ENCLS | SECONDARY_ENCLV));

	if (guest->vcpus[0]->record->scheduler == HV_SCHEDULER_FAIR)
		controls |= vmx_machine.secondary & SECONDARY_PAUSE_LOOP;
	for (uint32_t i = 0; i < ARRAY_SIZE(instructions); i++)
		if (guest_has(guest, i) != instructions[i].exits)
			controls |= vmx_machine.secondary & instructions[i].control;
	return controls;
}

enum status vmx_guest_create(struct guest *guest)
{
	struct vmx_guest *g = guest->arch;
	enum status s;

	memset(g->msr_bitmap, 0xff, sizeof(g->msr_bitmap));
	g->cr4_mask = ~(guest->cr4 & VCPU_CR4_OWN);
	g->secondary = secondary_controls(guest);
	s = msr_allow_passed(guest, is_switched, allow_msr);
	memcpy(g->lent_bitmap, g->msr_bitmap, sizeof(g->msr_bitmap));
	vmx_allow_lent(g);
	return s == STATUS_OK ? vmx_build_spp(guest) : s;
}

enum status vmx_vcpu_create(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	vmx->phys = virt_to_phys(vmx->region);
	memcpy(vmx->region, &vmx_machine.revision, sizeof(vmx_machine.revision));
	vcpu->rip = &vmx->rip;
	vcpu->rflags = &vmx->rflags;
	vcpu->shadow = &vmx->shadow;
	vcpu->entering = &vmx->event;
	vcpu->cr3 = &vmx->value[FIELD_CR3];
	vcpu->cr4 = &vmx->cr4;
	/* 0 is the host's. There are 65535, and fewer vCPUs. */
	vmx->vpid = (uint16_t)++vmx_machine.vpids;
	return STATUS_OK;
}

static void write_host_state(void)
{
	struct percpu *cpu = this_cpu();
	struct table_register idtr;

	sidt(&idtr);
	vmwrite(VMCS_HOST_ES, SELECTOR_DATA);
	vmwrite(VMCS_HOST_CS, SELECTOR_CODE64);
	vmwrite(VMCS_HOST_SS, SELECTOR_DATA);
	vmwrite(VMCS_HOST_DS, SELECTOR_DATA);
	vmwrite(VMCS_HOST_FS, 0);
	vmwrite(VMCS_HOST_GS, 0);
	vmwrite(VMCS_HOST_TR, SELECTOR_TSS);
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_FS_BASE, 0);
	vmwrite(VMCS_HOST_GS_BASE, (uintptr_t)cpu);
	vmwrite(VMCS_HOST_TR_BASE, (uintptr_t)&cpu->tss);
	vmwrite(VMCS_HOST_GDTR_BASE, (uintptr_t)cpu->gdt);
	vmwrite(VMCS_HOST_IDTR_BASE, idtr.base);
	vmwrite(VMCS_HOST_SYSENTER_CS, 0);
	vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
	vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
	vmwrite(VMCS_HOST_RIP, (uintptr_t)vmx_exited);
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
}

/*
 * Of CR0 the guest has for itself what changes nothing for the core: TS, MP, EM, WP, AM. The rest exits when it is changed: PE and
 * PG are checked with the registers around them, and NE, NW and CD are not what the guest writes: the processor keeps NE set
 * while VMX is on, and an entry leaves the cache bits as they are.
 */
#define CR0_OF_GUEST (CR0_TS | CR0_MP | CR0_EM | CR0_WP | CR0_AM)
#define CR0_MASK     (~CR0_OF_GUEST)

static void write_controls(const struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct vmx_guest *g = vcpu->guest->arch;

	vmwrite(VMCS_EXCEPTIONS, VCPU_EXCEPTIONS);
	vmwrite(VMCS_PF_ERROR_MASK, 0);
	vmwrite(VMCS_PF_ERROR_MATCH, 0);
	vmwrite(VMCS_CR3_TARGETS, 0);
	vmwrite(VMCS_EXIT_CONTROLS, vmx_machine.exit);
	vmwrite(VMCS_EXIT_MSR_STORES, 0);
	vmwrite(VMCS_EXIT_MSR_LOADS, 0);
	vmwrite(VMCS_ENTRY_MSR_LOADS, 0);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	vmwrite(VMCS_VIRTUAL_APIC, virt_to_phys(vmx->apic));
	vmwrite(VMCS_CR0_MASK, CR0_MASK);
	vmwrite(VMCS_CR4_MASK, g->cr4_mask);
	vmwrite(VMCS_LINK, ~0ULL);
	vmwrite(VMCS_GUEST_DEBUG_CTL, 0);
	vmwrite(VMCS_GUEST_ACTIVITY, 0);
	if (g->secondary & SECONDARY_VPID)
		vmwrite(VMCS_VPID, vmx->vpid);
	if (g->secondary & SECONDARY_PAUSE_LOOP) { /* so many cycles between two, and from the first to the last */
		vmwrite(VMCS_PAUSE_GAP, 128);
		vmwrite(VMCS_PAUSE_WINDOW, 4096);
	}
	/* No guest has SGX, whatever firmware lets the machine have. */
	if (g->secondary & SECONDARY_ENCLS)
		vmwrite(VMCS_ENCLS_BITMAP, ~0ULL);
	if (g->secondary & SECONDARY_ENCLV)
		vmwrite(VMCS_ENCLV_BITMAP, ~0ULL);
	if (g->secondary & SECONDARY_XSAVES)
		vmwrite(VMCS_XSS_BITMAP, 0);
	if (g->secondary & SECONDARY_SPP)
		vmwrite(VMCS_SPP_TABLE, g->spp_root);
	if (vmx_machine.secondary & SECONDARY_APIC_ACCESSES)
		vmwrite(VMCS_APIC_ACCESS, virt_to_phys(g->apic_access));
	if (vmx_machine.posts) {
		vmwrite(VMCS_POSTED_VECTOR, HOST_VECTOR_POSTED);
		vmwrite(VMCS_POSTED, virt_to_phys(vmx->posted));
	}
	if (vmx_machine.has_timer)
		vmwrite(VMCS_TIMER, time_khz() >> vmx_machine.timer_shift); /* a millisecond */
}

/* The structure becomes this CPU's current one. A vCPU stays on its CPU, so it is set up there once. */
static COLD void make_current(const struct vcpu *vcpu, struct vmx_cpu *cpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	bool first = vmx->cpu != cpu;

	if ((first && !vmclear(vmx->phys)) || !vmptrld(vmx->phys))
		panic("VT-x: the control structure of %s, vCPU %u, is refused", vcpu->guest->name,
		      vcpu->index);
	cpu->current = vmx;
	if (!first)
		return;
	vmx->cpu = cpu;
	vmx->launched = 0;
	vmx->dirty |= DIRTY_TRANSLATIONS;
	write_controls(vcpu);
	write_host_state();
}

void vmx_begin(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct vmx_cpu *cpu = this_cpu()->backend;

	if (unlikely(cpu->current != vmx))
		make_current(vcpu, cpu);
	write_dr6(vmx->dr6);
	vmx->live = true;
}

void vmx_end(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	vmx->dr6 = read_dr6();
	vmx->live = false;
}

/* ---- before each entry */

/* All that is kept of a guest is kept by its tables, whatever the VPID (SDM v3 29.4.1): INVVPID would have nothing to do. */
static void drop_translations(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	vmx_update_view(vcpu);
	invept(vmx_machine.ept_caps & VMX_INVEPT_SINGLE ? INVALIDATE_SINGLE : INVALIDATE_ALL,
	       vmx_get(vmx, FIELD_EPT_POINTER));
}

#define PDPTE_ADDRESS BITS(51, 12)

/*
 * With PAE paging outside long mode an entry takes four entries from the structure and not from memory (SDM v3 27.3.1.6). Where
 * core has set CR0, CR3 or CR4 they are read here. What is reserved in them would make the processor refuse the entry.
 */
static COLD void load_pdptes(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t entries[4] = {0}, cr0 = vmx_get(vmx, FIELD_CR0);
	uint64_t address = PDPTE_ADDRESS & (BIT(vcpu->guest->record->physical_bits) - 1);

	if (!(cr0 & CR0_PG) || !(vmx_get_cr4(vcpu) & CR4_PAE) || vmx->value[FIELD_EFER] & EFER_LMA)
		return;
	if (memory_read(vcpu->guest->memory, vmx_get(vmx, FIELD_CR3) & CR3_ADDR_PAE, entries,
			sizeof(entries)) != STATUS_OK)
		memset(entries, 0, sizeof(entries)); /* nothing is there: every access faults */
	for (uint32_t i = 0; i < ARRAY_SIZE(entries); i++)
		vmx_set(vmx, FIELD_PDPTE + i,
			entries[i] & PTE_PRESENT
				? entries[i] & (address | PTE_PRESENT | PTE_PWT | PTE_PCD)
				: 0);
}

/*
 * Interrupts that come while a guest has them off end its run, except on Bochs: there the preemption timer does so in a while. It
 * is armed by the first entry with interrupts off and disarmed when it has fired: a guest that goes on without exits sees one.
 */
void vmx_set_timer(struct vmx_vcpu *vmx, bool on)
{
	uint64_t pin = vmx_get(vmx, FIELD_PIN) & ~(uint64_t)PIN_TIMER;

	vmx->timer_off = on ? 0 : RFLAGS_IF;
	if (vmx_machine.has_timer)
		vmx_set(vmx, FIELD_PIN, on ? pin | PIN_TIMER : pin);
}

static void load_blocking(struct vmx_vcpu *vmx)
{
	if (!vmx->shadow)
		vmx->blocking &= ~(uint64_t)BLOCKING_SHADOW;
	/* A trap that a shadow holds back is pending (SDM v3 27.3.1.5). */
	if (vmx->blocking & BLOCKING_SHADOW && vmx->rflags & RFLAGS_TF)
		vmx_set(vmx, FIELD_PENDING_DEBUG, vmx_get(vmx, FIELD_PENDING_DEBUG) | DR6_BS);
	if (vmx->blocking != vmx->loaded_blocking)
		vmwrite(VMCS_GUEST_BLOCKING, vmx->blocking);
	vmx->loaded_blocking = vmx->blocking;
}

static void load_event(struct vmx_vcpu *vmx)
{
	vmwrite(VMCS_ENTRY_EVENT, (uint32_t)vmx->event);
	if (vmx->event & EVENT_HAS_ERROR)
		vmwrite(VMCS_ENTRY_ERROR, vmx->event_error);
	if (field_get(vmx->event, EVENT_TYPE) == EVENT_SOFTWARE)
		vmwrite(VMCS_ENTRY_LENGTH, vmx->event >> 32);
}

static void load_fields(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t left;

	if (vmx->dirty & DIRTY_PDPTES)
		load_pdptes(vcpu, vmx);
	if (vmx->dirty & DIRTY_TRANSLATIONS)
		drop_translations(vcpu, vmx);
	for (left = vmx->dirty & (BIT(VMX_FIELDS) - 1); left; left &= left - 1)
		vmwrite(vmx_encodings[lowest_bit(left)], vmx->value[lowest_bit(left)]);
	vmx->dirty = 0;
}

static COLD void load_rest(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (vmx->rflags != vmx->loaded_rflags)
		vmwrite(VMCS_GUEST_RFLAGS, vmx->rflags);
	vmx->loaded_rflags = vmx->rflags;
	if (~vmx->rflags & vmx->timer_off)
		vmx_set_timer(vmx, true);
	load_blocking(vmx);
	if (vmx->event)
		load_event(vmx);
	if (vmx->dirty)
		load_fields(vcpu, vmx);
	if (vmx->page.changed)
		vmx_load_interrupts(vmx);
}

void vmx_load(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t rflags = vmx->rflags;

	vmwrite(VMCS_GUEST_RIP, vmx->rip);
	if (unlikely(vmx->dirty | vmx->event | vmx->blocking | vmx->loaded_blocking | vmx->page.changed ||
		     rflags != vmx->loaded_rflags || ~rflags & vmx->timer_off))
		load_rest(vcpu, vmx);
}

/* ---- reset */

static void reset_segment(struct vmx_vcpu *vmx, uint32_t segment, uint32_t selector, uint32_t rights,
			  uint64_t base)
{
	vmx_set(vmx, segment_field(segment, FIELD_SELECTOR), selector);
	vmx_set(vmx, segment_field(segment, FIELD_LIMIT), 0xffff);
	vmx_set(vmx, segment_field(segment, FIELD_RIGHTS), rights);
	vmx_set(vmx, segment_field(segment, FIELD_BASE), base);
}

static void reset_segments(struct vmx_vcpu *vmx)
{
	for (uint32_t i = HV_ES; i <= HV_GS; i++)
		reset_segment(vmx, i, 0, 0x93, 0);
	reset_segment(vmx, HV_CS, 0xf000, 0x9b, 0xffff0000);
	reset_segment(vmx, HV_LDTR, 0, 0x82, 0);
	reset_segment(vmx, HV_TR, 0, 0x8b, 0);
	vmx_set(vmx, FIELD_GDTR_BASE, 0);
	vmx_set(vmx, FIELD_IDTR_BASE, 0);
	vmx_set(vmx, FIELD_GDTR_LIMIT, 0xffff);
	vmx_set(vmx, FIELD_IDTR_LIMIT, 0xffff);
	vmx->known &= ~BIT(FIELD_SEGMENTS);
}

static void reset_controls(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct vmx_guest *g = vcpu->guest->arch;

	vmx_set(vmx, FIELD_SECONDARY, g->secondary);
	vmx_set(vmx, FIELD_MSR_BITMAP, virt_to_phys(g->msr_bitmap));
	vmx_set(vmx, FIELD_EPT_POINTER, vmx_ept_pointer(vcpu->guest, IRQ_KEPT));
	vmx->page.changed = 0;
	vmx->lent = IRQ_KEPT;
	vmx_set(vmx, FIELD_PIN, vmx_machine.pin);
	vmx_set(vmx, FIELD_PRIMARY, vmx_machine.primary & ~(uint32_t)(PRIMARY_INTERRUPT_WINDOW | PRIMARY_NMI_WINDOW));
	vmx_set(vmx, FIELD_ENTRY_CONTROLS, vmx_machine.entry & ~(uint32_t)ENTRY_GUEST_64);
	vmx_set(vmx, FIELD_TPR_THRESHOLD, 0);
	vmx->apic[VIRTUAL_APIC_TPR] = vmx->task_priority = 0;
	vmx->timer_off = RFLAGS_IF;
	vmx->event = vmx->blocking = 0;
	vmx->loaded_blocking = vmx->loaded_rflags = ~0ULL;
}

static void reset_msrs(struct vmx_vcpu *vmx)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(switched); i++)
		vmx_set(vmx, switched[i].field, 0);
	vmx_set(vmx, FIELD_PAT, PAT_RESET);
}

void vmx_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	reset_segments(vmx);
	reset_controls(vcpu, vmx);
	vmx_set_cr(vcpu, 0, CR0_CD | CR0_NW | CR0_ET);
	vmx_set_cr(vcpu, 2, 0);
	vmx_set_cr(vcpu, 3, 0);
	vmx_set_cr(vcpu, 4, 0);
	vmx_set_efer(vcpu, 0);
	vmx_set_dr(vcpu, 6, DR6_INITIAL);
	vmx_set_dr(vcpu, 7, DR7_INITIAL);
	vmx_set(vmx, FIELD_PENDING_DEBUG, 0);
	for (uint32_t i = 0; i < 4; i++)
		vmx_set(vmx, FIELD_PDPTE + i, 0);
	if (!init)
		reset_msrs(vmx);
}

/* ---- registers */

static uint64_t get_cr0(struct vmx_vcpu *vmx)
{
	return (vmx_get(vmx, FIELD_CR0) & CR0_OF_GUEST) | (vmx->value[FIELD_CR0_SHADOW] & CR0_MASK);
}

uint64_t vmx_get_cr(const struct vcpu *vcpu, uint32_t number)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	switch (number) {
	case 0:
		return get_cr0(vmx);
	case 2:
		return vmx->cr2;
	case 3:
		return vmx_get(vmx, FIELD_CR3);
	default:
		return vmx_get_cr4(vcpu);
	}
}

static void set_cr4(struct vmx_vcpu *vmx, uint64_t value)
{
	/* With machine checks off the machine would be shut down by one. */
	vmx_set(vmx, FIELD_CR4, value | CR4_VMXE | CR4_MCE);
	vmx_set(vmx, FIELD_CR4_SHADOW, value);
	vmx->cr4 = value;
}

void vmx_set_cr(struct vcpu *vcpu, uint32_t number, uint64_t value)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (number == 2) {
		vmx->cr2 = value;
		return;
	}
	vmx->dirty |= DIRTY_PDPTES;
	if (number == 0) {
		vmx_set(vmx, FIELD_CR0, (value & ~(CR0_CD | CR0_NW)) | CR0_NE | CR0_ET);
		vmx_set(vmx, FIELD_CR0_SHADOW, value);
	} else if (number == 3) {
		vmx_set(vmx, FIELD_CR3, value);
	} else {
		set_cr4(vmx, value);
	}
}

uint64_t vmx_get_efer(const struct vcpu *vcpu)
{
	return vmx_of(vcpu)->value[FIELD_EFER];
}

void vmx_set_efer(struct vcpu *vcpu, uint64_t value)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	uint64_t controls = vmx_get(vmx, FIELD_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_GUEST_64;

	value &= ~EFER_LMA;
	if (value & EFER_LME && vmx_get(vmx, FIELD_CR0) & CR0_PG)
		value |= EFER_LMA;
	vmx_set(vmx, FIELD_EFER, value);
	vmx_set(vmx, FIELD_ENTRY_CONTROLS, value & EFER_LMA ? controls | ENTRY_GUEST_64 : controls);
	vmx->dirty |= DIRTY_PDPTES;
}

uint64_t vmx_get_dr(const struct vcpu *vcpu, uint32_t number)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (number == 7)
		return vmx_get(vmx, FIELD_DR7);
	return vmx->live ? read_dr6() : vmx->dr6;
}

void vmx_set_dr(struct vcpu *vcpu, uint32_t number, uint64_t value)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (number == 7)
		vmx_set(vmx, FIELD_DR7, value);
	else if (vmx->live)
		write_dr6(value);
	else
		vmx->dr6 = value;
}

static uint8_t cpl_of(struct vmx_vcpu *vmx)
{
	return (uint8_t)field_get(vmx_get(vmx, segment_field(HV_SS, FIELD_RIGHTS)), SEGMENT_DPL);
}

void vmx_get_paging(const struct vcpu *vcpu, struct vcpu_paging *paging)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	*paging = (struct vcpu_paging){get_cr0(vmx), vmx_get(vmx, FIELD_CR3), vmx_get_cr4(vcpu),
				       vmx->value[FIELD_EFER], cpl_of(vmx)};
}

/* L and D of the code segment lie four bits higher in access rights. */
uint32_t vmx_fetch_context(const struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	uint32_t code = (uint32_t)vmx_get(vmx, segment_field(HV_CS, FIELD_RIGHTS));

	return cpl_of(vmx) | (uint32_t)(vmx->value[FIELD_EFER] >> 8 & CONTEXT_LMA) |
	       (uint32_t)(vmx->value[FIELD_CR0_SHADOW] >> 28 & CONTEXT_PG) |
	       (code >> 4 & (CONTEXT_CS_L | CONTEXT_CS_D));
}

static void read_segment(struct vmx_vcpu *vmx, uint32_t i)
{
	vmx->segments[i] = (struct emul_segment){
		.selector = (uint16_t)vmx_get(vmx, segment_field(i, FIELD_SELECTOR)),
		.attributes = segment_attributes(
			(uint32_t)vmx_get(vmx, segment_field(i, FIELD_RIGHTS))),
		.limit = (uint32_t)vmx_get(vmx, segment_field(i, FIELD_LIMIT)),
		.base = vmx_get(vmx, segment_field(i, FIELD_BASE)),
	};
}

/* What an instruction of 64-bit code can tell of them. No field of theirs is dirty. */
static inline void read_segments_64(struct vmx_vcpu *vmx, uint32_t code)
{
	struct emul_segment *s = vmx->segments;

	for (uint32_t i = 0; i < EMUL_SEGMENTS; i++)
		s[i] = (struct emul_segment){.selector = (uint16_t)vmread(VMCS_GUEST_SELECTOR(i))};
	s[EMUL_CS].attributes = segment_attributes(code);
	s[EMUL_FS].base = vmread(VMCS_GUEST_BASE(EMUL_FS));
	s[EMUL_GS].base = vmread(VMCS_GUEST_BASE(EMUL_GS));
}

const struct emul_segment *vmx_segments(const struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	bool emulated = vcpu->exit.reason == EXIT_MEMORY || vcpu->exit.reason == EXIT_PORT;
	uint32_t code;

	if (vmx->known & BIT(FIELD_SEGMENTS))
		return vmx->segments;
	code = (uint32_t)vmx_get(vmx, segment_field(HV_CS, FIELD_RIGHTS));
	if (likely(emulated && code & SEGMENT_LONG && vmx->value[FIELD_EFER] & EFER_LMA && !(vmx->dirty & FIELDS_OF_SEGMENTS)))
		read_segments_64(vmx, code);
	else
		for (uint32_t i = 0; i < EMUL_SEGMENTS; i++)
			read_segment(vmx, i);
	vmx->known |= BIT(FIELD_SEGMENTS);
	return vmx->segments;
}

void vmx_set_segment(struct vcpu *vcpu, enum hv_segment_id id, const struct hv_segment *segment)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	vmx_set(vmx, segment_field(id, FIELD_SELECTOR), segment->selector);
	vmx_set(vmx, segment_field(id, FIELD_RIGHTS), segment->attributes);
	vmx_set(vmx, segment_field(id, FIELD_LIMIT), segment->limit);
	vmx_set(vmx, segment_field(id, FIELD_BASE), segment->base);
	vmx->known &= ~BIT(FIELD_SEGMENTS);
}

void vmx_get_tables(const struct vcpu *vcpu, struct vcpu_tables *tables)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	*tables = (struct vcpu_tables){
		vmx_get(vmx, FIELD_GDTR_BASE), vmx_get(vmx, FIELD_IDTR_BASE),
		(uint32_t)vmx_get(vmx, FIELD_GDTR_LIMIT), (uint32_t)vmx_get(vmx, FIELD_IDTR_LIMIT)};
}

void vmx_set_tables(struct vcpu *vcpu, const struct vcpu_tables *tables)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	vmx_set(vmx, FIELD_GDTR_BASE, tables->gdtr_base);
	vmx_set(vmx, FIELD_IDTR_BASE, tables->idtr_base);
	vmx_set(vmx, FIELD_GDTR_LIMIT, tables->gdtr_limit);
	vmx_set(vmx, FIELD_IDTR_LIMIT, tables->idtr_limit);
}

void vmx_set_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	vmx_set(vmx_of(vcpu), FIELD_TSC_OFFSET, offset);
}

void vmx_flush(struct vcpu *vcpu)
{
	vmx_of(vcpu)->dirty |= DIRTY_TRANSLATIONS;
}

/* ---- events */

void vmx_inject(struct vcpu *vcpu, const struct vcpu_event *event)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	vmx->event = EVENT_VALID | event->vector | field_make(EVENT_TYPE, event->type) |
		     (event->has_error ? EVENT_HAS_ERROR : 0) | (uint64_t)event->length << 32;
	vmx->event_error = event->error & 0xffff;
	/* Its delivery blocks NMIs; one that was being delivered has done so already, and goes in once more. */
	if (event->type == EVENT_NMI)
		vmx->blocking &= ~(uint64_t)BLOCKING_NMI;
}

bool vmx_nmi_blocked(const struct vcpu *vcpu)
{
	const struct vmx_vcpu *vmx = vmx_of(vcpu);

	return vmx->blocking & BLOCKING_NMI ||
	       (vmx->event & EVENT_VALID && field_get(vmx->event, EVENT_TYPE) == EVENT_NMI);
}

void vmx_windows(struct vcpu *vcpu, bool interrupt, bool nmi)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	uint64_t old = vmx_get(vmx, FIELD_PRIMARY);
	uint64_t new = old & ~(uint64_t)(PRIMARY_INTERRUPT_WINDOW | PRIMARY_NMI_WINDOW);

	/* The processor needs no window for what it delivers itself; only what it had begun to deliver may wait for one. */
	new |= (interrupt && (!vmx->lent || vcpu->vectoring.valid) ? PRIMARY_INTERRUPT_WINDOW : 0) | (nmi ? PRIMARY_NMI_WINDOW : 0);
	if (new != old)
		vmx_set(vmx, FIELD_PRIMARY, new);
}

void vmx_watch_task_priority(struct vmx_vcpu *vmx, uint8_t cr8)
{
	vmx->task_priority = cr8;
	vmx_set(vmx, FIELD_TPR_THRESHOLD, cr8);
}

void vmx_task_priority_changed(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (vmx->lent) {
		vmx->task_priority = vmx->apic[VIRTUAL_APIC_TPR] >> 4;
		return;
	}
	vmx_watch_task_priority(vmx, vmx->apic[VIRTUAL_APIC_TPR] >> 4);
	if (vcpu->chip)
		vcpu->chip->set_cr8(vcpu->chip_state, vmx->task_priority);
	vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
}

/* While the guest holds interrupts back by CR8, it exits when it lowers it. */
void vmx_set_task_priority(struct vcpu *vcpu, uint8_t cr8)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (likely(vmx->task_priority == cr8 || vmx->lent))
		return;
	vmx->apic[VIRTUAL_APIC_TPR] = (uint8_t)(cr8 << 4);
	vmx_watch_task_priority(vmx, cr8 & 15);
}
