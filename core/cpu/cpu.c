/* SPDX-License-Identifier: Apache-2.0 */
/* One CPU: its features, descriptor tables and control registers; and the two places that let
 * interrupts in. */
#include "cpu/cpu.h"

#include "cpu/idt.h"
#include "cpu/lapic.h"
#include "cpu/timer_host.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

struct cpu_features cpu_features;
struct percpu *percpu_table[MAX_CPUS];
uint32_t cpu_count;

extern const uint64_t boot_gdt[]; /* head.S: the slots before the TSS */

static bool vendor_is(const struct cpuid_regs *r, const char *name)
{
	const uint32_t text[3] = {r->ebx, r->edx, r->ecx};

	return !memcmp(text, name, sizeof(text));
}

void cpu_find_features(void)
{
	struct cpuid_regs basic = cpuid(CPUID_VENDOR, 0), one = cpuid(CPUID_FEATURES, 0);
	struct cpuid_regs extended = cpuid(CPUID_EXTENDED, 0), ext = cpuid(CPUID_EXT_FEATURES, 0);

	cpu_features = (struct cpu_features){
		.amd = vendor_is(&basic, "AuthenticAMD") || vendor_is(&basic, "HygonGenuine"),
		.intel = vendor_is(&basic, "GenuineIntel"),
		.page_1g = ext.edx & CPUID_81_EDX_PAGE_1G,
		.xsave = one.ecx & CPUID_1_ECX_XSAVE,
		.x2apic = one.ecx & CPUID_1_ECX_X2APIC,
		.mce = one.edx & CPUID_1_EDX_MCE,
		.svm = ext.ecx & CPUID_81_ECX_SVM,
		.vmx = one.ecx & CPUID_1_ECX_VMX,
		.physical_bits = 36,
		.last_basic = basic.eax,
		.last_extended = extended.eax,
	};
	if (extended.eax >= CPUID_SIZES)
		cpu_features.physical_bits = (uint8_t)field_get(cpuid(CPUID_SIZES, 0).eax,
								CPUID_88_EAX_PHYSICAL_BITS);
}

/* SDM v3 7.2.3: a TSS descriptor takes two slots, its base in four pieces. */
static void set_tss_descriptor(uint64_t gdt[GDT_ENTRIES], const struct tss *tss)
{
	uint64_t base = (uintptr_t)tss;

	gdt[SELECTOR_TSS / 8] = (sizeof(*tss) - 1) | field_make(BITS(39, 16), base) |
				field_make(DESCRIPTOR_TYPE, DESCRIPTOR_TYPE_TSS) |
				DESCRIPTOR_PRESENT | field_make(BITS(63, 56), base >> 24);
	gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

static void load_tables(struct percpu *cpu, const uint64_t stacks[IST_COUNT])
{
	struct table_register gdtr = {sizeof(cpu->gdt) - 1, (uintptr_t)cpu->gdt};

	memcpy(cpu->gdt, boot_gdt, SELECTOR_TSS);
	set_tss_descriptor(cpu->gdt, &cpu->tss);
	memcpy(cpu->tss.ist, stacks, IST_COUNT * sizeof(stacks[0]));
	cpu->tss.io_map = sizeof(cpu->tss);
	lgdt(&gdtr);
	load_code_segment(SELECTOR_CODE64);
	load_data_segments();
	lldt(0);
	ltr(SELECTOR_TSS);
	wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
	idt_load();
}

/*
 * The core itself uses no vector registers, but guests' stay live in the CPU and XSAVE moves them:
 * OSFXSR, OSXMMEXCPT and OSXSAVE are on. No PCID, no global pages, no SMAP: there is no user space
 * here.
 */
static void set_control_registers(void)
{
	uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (cpu_features.xsave)
		cr4 |= CR4_OSXSAVE;
	if (cpu_features.mce)
		cr4 |= CR4_MCE;
	write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
	write_cr4(cr4);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE | EFER_SCE);
	wrmsr(MSR_PAT, PAT_RESET);
	write_dr7(DR7_INITIAL);
}

void cpu_setup(struct percpu *cpu, const uint64_t stacks[IST_COUNT])
{
	cpu->self = cpu;
	cpu->kick_method = KICK_INTERRUPT;
	cpu->kick_vector = HOST_VECTOR_KICK;
	timer_queue_init(cpu);
	set_control_registers();
	load_tables(cpu, stacks);
}

void cpu_repair(void)
{
	uint64_t gs = rdmsr(MSR_GS_BASE);
	struct percpu *cpu = percpu_table[0];

	for (uint32_t i = 0; i < cpu_count; i++) {
		if ((uintptr_t)percpu_table[i] == gs)
			return;
		if (percpu_table[i]->apic_id == lapic_id())
			cpu = percpu_table[i];
	}
	wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
}

void cpu_take_interrupts(void)
{
	take_interrupts();
}

void cpu_idle(void)
{
	wait_for_interrupt();
}
