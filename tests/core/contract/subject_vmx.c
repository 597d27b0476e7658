/* SPDX-License-Identifier: Apache-2.0 */
/* VT-x on a processor of the test: its control structure is an array, so that VMREAD and VMWRITE show what the backend relies on
 * (SDM v3 25 to 28, appendices B and C). */
#include <stdlib.h>
#include <string.h>

#include "mm/layout.h"
#include "subject.h"
#include "vmx/vmx.h"
#include "x86/cr.h"
#include "x86/msr.h"

extern const struct vcpu_backend vmx_backend;
const char vmx_exited[1];

static uint64_t fields[0x8000];
static unsigned int invalidations;

enum verdict vmx_run(struct vcpu *vcpu)
{
	(void)vcpu;
	abort();
}

bool vmxon(uint64_t region)
{
	return region;
}

bool vmclear(uint64_t region)
{
	return region;
}

bool vmptrld(uint64_t region)
{
	return region;
}

uint64_t vmread(uint32_t field)
{
	return fields[field];
}

void vmwrite(uint32_t field, uint64_t value)
{
	fields[field] = value;
}

void invept(uint64_t type, uint64_t pointer)
{
	(void)type, (void)pointer;
	invalidations++;
}

static enum status new_table(void *context, uint64_t *phys)
{
	void *p = aligned_alloc(4096, 4096);

	(void)context;
	memset(p, 0, 4096);
	*phys = (uintptr_t)p;
	return STATUS_OK;
}

static void *table_at(uint64_t phys)
{
	return (void *)(uintptr_t)(phys >= (uint64_t)-DIRECT_MAP_BASE ? phys + DIRECT_MAP_BASE : phys);
}

/* A page of RAM, and nothing where the local APIC is. */
static void prepare_tables(struct memory *memory)
{
	static const struct ptab_effects effects = {new_table, NULL, table_at};
	static struct ptab tables;

	if (!tables.root && (ptab_init(&tables, &ptab_ept_format, &effects, NULL, 4, 1) ||
			     ptab_map(&tables, 0x1000, 0x5000, 4096, (struct ptab_attributes){PTAB_RWX, 6})))
		abort();
	memory->nested = tables;
}

/* What the processor finds at the local APIC's page; all else is the guest's in any case. */
static bool finds_apic_page(const struct memory *memory)
{
	struct ptab found = memory->nested;
	struct ptab_mapping m;

	found.root = fields[VMCS_EPT_POINTER] & ~0xfffull;
	if (!ptab_translate(&found, 0x1000, &m) || m.phys != 0x5000)
		abort();
	return ptab_translate(&found, 0xfee00000, &m) && m.phys == fields[VMCS_APIC_ACCESS] &&
	       fields[VMCS_SECONDARY] & SECONDARY_APIC_ACCESSES;
}

static void prepare(struct vcpu *vcpu)
{
	_Alignas(4096) static struct vmx_vcpu memory;
	_Alignas(4096) static struct vmx_guest guest;

	memset(&memory, 0, sizeof(memory));
	/* What the backend never reads before it has written it is not zero. */
	memset(fields, 0xa5, sizeof(fields));
	vmx_machine = (struct vmx_machine){
		.pin = 0x16 | PIN_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMI,
		.primary = 0x4006172 | PRIMARY_SECONDARY | PRIMARY_TPR_SHADOW,
		.secondary = SECONDARY_EPT | SECONDARY_UNRESTRICTED | SECONDARY_VPID | SECONDARY_X2APIC |
			     SECONDARY_DELIVERY | SECONDARY_APIC_ACCESSES | SECONDARY_APIC_REGISTERS,
		.entry = 0x11fb | ENTRY_LOAD_EFER | ENTRY_LOAD_PAT,
		.ept_caps = VMX_INVEPT | VMX_INVEPT_SINGLE,
		.has_timer = true,
		.posts = true,
	};
	vcpu->backend = &vmx_backend;
	vcpu->arch = &memory;
	vcpu->guest->arch = &guest;
	if (vmx_backend.guest_create(vcpu->guest) != STATUS_OK ||
	    vmx_backend.vcpu_create(vcpu) != STATUS_OK)
		abort();
	vmwrite(VMCS_CR4_MASK, guest.cr4_mask);
	vmwrite(VMCS_APIC_ACCESS, virt_to_phys(guest.apic_access));
	prepare_tables(vcpu->guest->memory);
}

static struct vcpu_event event_found(const struct vmx_vcpu *vmx)
{
	uint64_t v = fields[VMCS_ENTRY_EVENT];

	if (!vmx->event) /* the processor clears the valid bit at exits, and the field is left alone */
		return (struct vcpu_event){0};
	return (struct vcpu_event){
		.valid = v & EVENT_VALID,
		.type = (uint8_t)field_get(v, EVENT_TYPE),
		.vector = (uint8_t)v,
		.has_error = v & EVENT_HAS_ERROR,
		.error = v & EVENT_HAS_ERROR ? (uint32_t)fields[VMCS_ENTRY_ERROR] : 0,
	};
}

static void enter(struct vcpu *vcpu, struct entry *found)
{
	struct vmx_vcpu *vmx = vcpu->arch;

	invalidations = 0;
	vmx_load(vcpu, vmx);
	*found = (struct entry){
		.event = event_found(vmx),
		.interrupt_window = fields[VMCS_PRIMARY] & PRIMARY_INTERRUPT_WINDOW,
		.nmi_window = fields[VMCS_PRIMARY] & PRIMARY_NMI_WINDOW,
		.shadow = fields[VMCS_GUEST_BLOCKING] & BLOCKING_SHADOW,
		.rip = fields[VMCS_GUEST_RIP],
		.rflags = fields[VMCS_GUEST_RFLAGS],
		/* As the guest reads them: through mask and shadow. */
		.cr0 = vmx_backend.get_cr(vcpu, 0),
		.cr3 = fields[VMCS_GUEST_CR3],
		.cr4 = (fields[VMCS_GUEST_CR4] & ~fields[VMCS_CR4_MASK]) |
		       (fields[VMCS_CR4_SHADOW] & fields[VMCS_CR4_MASK]),
		.efer = fields[VMCS_GUEST_EFER],
		.tsc_offset = fields[VMCS_TSC_OFFSET],
		.cr8 = vmx->apic[VIRTUAL_APIC_TPR] >> 4,
		.cr8_watched = fields[VMCS_TPR_THRESHOLD] & 15,
		.flushed = invalidations,
		.apic_page = finds_apic_page(vcpu->guest->memory),
	};
	/* SDM v3 27.2.1.1: not both. */
	if (!(~fields[VMCS_SECONDARY] & (SECONDARY_APIC_ACCESSES | SECONDARY_X2APIC)))
		abort();
	/* SDM v3 27.2.1.1, 27.3.1.1: what the processor would refuse. */
	if (!(fields[VMCS_GUEST_CR0] & CR0_NE) || !(fields[VMCS_GUEST_CR4] & CR4_VMXE) ||
	    !(fields[VMCS_ENTRY_CONTROLS] & ENTRY_GUEST_64) == !!(found->efer & EFER_LMA) ||
	    (fields[VMCS_TPR_THRESHOLD] & 15) > found->cr8)
		abort();
	/* SDM v3 30.2.1: what it would deliver is the highest of IRR. */
	if (fields[VMCS_SECONDARY] & SECONDARY_DELIVERY && vmx->apic[0x220] == 2 &&
	    (fields[VMCS_INTERRUPT_STATUS] != 0x41 || fields[VMCS_EOI_EXITS(1)] != 2))
		abort();
}

static uint32_t reason_of(const struct vcpu_exit *exit)
{
	static const uint32_t reasons[EXIT_REASONS] = {
		[EXIT_UNKNOWN] = VMEXIT_STARTUP,
		[EXIT_INTERRUPT] = VMEXIT_INTERRUPT,
		[EXIT_NMI] = VMEXIT_INIT,
		[EXIT_INTERRUPT_WINDOW] = VMEXIT_INTERRUPT_WINDOW,
		[EXIT_NMI_WINDOW] = VMEXIT_NMI_WINDOW,
		[EXIT_CPUID] = VMEXIT_CPUID,
		[EXIT_PORT] = VMEXIT_IO,
		[EXIT_MEMORY] = VMEXIT_EPT_VIOLATION,
		[EXIT_HLT] = VMEXIT_HLT,
		[EXIT_HYPERCALL] = VMEXIT_VMCALL,
		[EXIT_CR] = VMEXIT_CR,
		[EXIT_XSETBV] = VMEXIT_XSETBV,
		[EXIT_CACHE] = VMEXIT_WBINVD,
		[EXIT_COUNTER] = VMEXIT_RDPMC,
		[EXIT_UNDEFINED] = VMEXIT_VMREAD,
		[EXIT_EXCEPTION] = VMEXIT_EXCEPTION,
		[EXIT_TRIPLE_FAULT] = VMEXIT_TRIPLE_FAULT,
		[EXIT_INVALID] = EXIT_REASON_FAILED | 33,
	};

	if (exit->reason == EXIT_MSR)
		return exit->write ? VMEXIT_WRMSR : VMEXIT_RDMSR;
	return reasons[exit->reason];
}

static void set_qualification(const struct vcpu_exit *exit)
{
	uint64_t q = 0;

	if (exit->reason == EXIT_PORT)
		q = (exit->port.size - 1u) | (exit->port.in ? IO_IN : 0) |
		    (exit->port.string ? IO_STRING : 0) | field_make(IO_PORT, exit->port.number);
	if (exit->reason == EXIT_MEMORY) {
		q = (exit->memory.write ? EPT_VIOLATION_WRITE : 0) |
		    (exit->memory.fetch ? EPT_VIOLATION_FETCH : 0) | EPT_VIOLATION_LINEAR |
		    (exit->memory.table_walk ? 0 : EPT_VIOLATION_FINAL);
		fields[VMCS_GUEST_PHYSICAL] = exit->memory.gpa;
	}
	if (exit->reason == EXIT_CR)
		q = field_make(CR_NUMBER, exit->cr.number) | field_make(CR_ACCESS, CR_MOV_TO);
	if (exit->reason == EXIT_EXCEPTION) {
		q = exit->exception.address;
		fields[VMCS_EXIT_EVENT] = EVENT_VALID | EVENT_HAS_ERROR | exit->exception.vector |
					  field_make(EVENT_TYPE, EVENT_EXCEPTION);
		fields[VMCS_EXIT_EVENT_ERROR] = exit->exception.error;
	}
	fields[VMCS_QUALIFICATION] = q;
}

static enum verdict leave(struct vcpu *vcpu, const struct occasion *o)
{
	struct vmx_vcpu *vmx = vcpu->arch;
	const struct vcpu_event *e = &o->vectoring;
	bool nmi = vmx->event & EVENT_VALID && field_get(vmx->event, EVENT_TYPE) == EVENT_NMI;

	if (!(o->exit.reason == EXIT_INVALID)) {
		fields[VMCS_GUEST_RIP] = o->rip;
		fields[VMCS_GUEST_RFLAGS] = o->rflags;
		fields[VMCS_GUEST_CR3] = o->cr3;
		fields[VMCS_GUEST_BLOCKING] = (o->shadow ? BLOCKING_STI : 0) |
					      (nmi || vmx->blocking & BLOCKING_NMI ? BLOCKING_NMI : 0);
		vmx->apic[VIRTUAL_APIC_TPR] = (uint8_t)(o->cr8 << 4);
	}
	fields[VMCS_VECTORING] = !e->valid ? 0 :
				 EVENT_VALID | e->vector | field_make(EVENT_TYPE, e->type) |
					 (e->has_error ? EVENT_HAS_ERROR : 0);
	fields[VMCS_VECTORING_ERROR] = e->error;
	fields[VMCS_EXIT_REASON] = reason_of(&o->exit);
	fields[VMCS_EXIT_LENGTH] = o->exit.length;
	set_qualification(&o->exit);
	if (o->apic) {
		static const uint32_t reasons[] = {[APIC_REACHED] = VMEXIT_APIC_ACCESS, [APIC_WRITTEN] = VMEXIT_APIC_WRITE,
						   [APIC_ENDED] = VMEXIT_EOI};

		fields[VMCS_EXIT_REASON] = reasons[o->apic];
		fields[VMCS_QUALIFICATION] = o->apic_value;
	}
	return vmx_exit(vcpu, vmx);
}

const struct subject subject_vmx = {&vmx_backend, MSR_SYSENTER_EIP, prepare, enter, leave};
