/* SPDX-License-Identifier: Apache-2.0 */
/* The host's interrupt table and its dispatcher. One table for all CPUs; stacks come from each
 * CPU's TSS. */
#include "cpu/idt.h"

#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/extable.h"
#include "cpu/lapic.h"
#include "cpu/nmi.h"
#include "cpu/percpu.h"
#include "platform/power.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define GATES 256
#define STUB_SIZE 16

extern const char gate_stubs[]; /* entry.S */
void gate_dispatch(struct frame *f);

static struct gate idt[GATES] ALIGNED(16);
static void (*handlers[GATES])(void);

static const char *const exception_names[32] = {
	[VECTOR_DE] = "divide error",	      [VECTOR_DB] = "debug",
	[VECTOR_NMI] = "NMI",		      [VECTOR_BP] = "breakpoint",
	[VECTOR_OF] = "overflow",	      [VECTOR_BR] = "bound range",
	[VECTOR_UD] = "invalid opcode",	      [VECTOR_NM] = "device not available",
	[VECTOR_DF] = "double fault",	      [VECTOR_TS] = "invalid TSS",
	[VECTOR_NP] = "segment not present",  [VECTOR_SS] = "stack segment",
	[VECTOR_GP] = "general protection",   [VECTOR_PF] = "page fault",
	[VECTOR_MF] = "x87",		      [VECTOR_AC] = "alignment check",
	[VECTOR_MC] = "machine check",	      [VECTOR_XM] = "SIMD",
	[VECTOR_VE] = "virtualization",	      [VECTOR_CP] = "control protection",
	[VECTOR_HV] = "hypervisor injection", [VECTOR_VC] = "VMM communication",
	[VECTOR_SX] = "security",
};

void interrupt_set_handler(uint8_t vector, void (*handler)(void))
{
	handlers[vector] = handler;
}

static uint8_t ist_of(unsigned int vector)
{
	switch (vector) {
	case VECTOR_NMI:
		return IST_NMI;
	case VECTOR_DF:
		return IST_DF;
	case VECTOR_MC:
		return IST_MC;
	default:
		return 0;
	}
}

void idt_build(void)
{
	for (unsigned int v = 0; v < GATES; v++) {
		uint64_t at = (uintptr_t)gate_stubs + v * STUB_SIZE;

		idt[v] = (struct gate){
			.offset_15_0 = (uint16_t)at,
			.offset_31_16 = (uint16_t)(at >> 16),
			.offset_63_32 = (uint32_t)(at >> 32),
			.selector = SELECTOR_CODE64,
			.ist = ist_of(v),
			.type = 0x80 | GATE_INTERRUPT,
		};
	}
}

void idt_load(void)
{
	const struct table_register r = {sizeof(idt) - 1, (uintptr_t)idt};

	lidt(&r);
}

static void print_frame(const struct frame *f)
{
	log_error("rip %016llx rsp %016llx rflags %08llx cs %llx error %llx cr2 %016llx",
		  (unsigned long long)f->rip, (unsigned long long)f->rsp,
		  (unsigned long long)f->rflags, (unsigned long long)f->cs,
		  (unsigned long long)f->error, (unsigned long long)read_cr2());
	log_error("rax %016llx rbx %016llx rcx %016llx rdx %016llx", (unsigned long long)f->rax,
		  (unsigned long long)f->rbx, (unsigned long long)f->rcx,
		  (unsigned long long)f->rdx);
	log_error("rsi %016llx rdi %016llx rbp %016llx r8  %016llx", (unsigned long long)f->rsi,
		  (unsigned long long)f->rdi, (unsigned long long)f->rbp,
		  (unsigned long long)f->r8);
	log_error("r9  %016llx r10 %016llx r11 %016llx r12 %016llx", (unsigned long long)f->r9,
		  (unsigned long long)f->r10, (unsigned long long)f->r11,
		  (unsigned long long)f->r12);
	log_error("r13 %016llx r14 %016llx r15 %016llx", (unsigned long long)f->r13,
		  (unsigned long long)f->r14, (unsigned long long)f->r15);
}

/* The banks that have something to say; SDM v3 15.3.2. */
static void print_machine_check(void)
{
	uint64_t banks, status;

	if (!rdmsr_safe(MSR_MCG_CAP, &banks))
		return;
	for (uint32_t i = 0; i < field_get(banks, MCG_CAP_COUNT); i++)
		if (rdmsr_safe(MSR_MC_STATUS(i), &status) && (status & MC_STATUS_VALID))
			log_error("machine check bank %u status %016llx", i,
				  (unsigned long long)status);
}

static void exception(struct frame *f)
{
	bool answer = f->vector == VECTOR_GP || f->vector == VECTOR_UD;
	uint64_t fixup = answer ? extable_fixup(f->rip) : 0;
	const char *name = exception_names[f->vector];

	if (fixup) {
		f->rip = fixup;
		return;
	}
	cpu_repair();
	log_last_words();
	nmi_stop_others();
	log_error("exception %llu (%s) in the core", (unsigned long long)f->vector,
		  name ? name : "reserved");
	print_frame(f);
	if (f->vector == VECTOR_MC)
		print_machine_check();
	power_stop_failed();
}

/*
 * The core sets no breakpoints and does not step: a debug trap here is one that a guest had coming when it was left, which the
 * CPU should have kept (Bochs 3 does not). It is the guest's loss, never the core's end. Nothing of this CPU's data may be
 * touched: GS can still be the guest's.
 */
static void drop_debug_trap(struct frame *f)
{
	f->rflags &= ~(uint64_t)RFLAGS_TF;
	write_dr6(DR6_INITIAL);
}

void interrupt_take(uint8_t vector)
{
	if (vector == HOST_VECTOR_SPURIOUS)
		return;
	if (handlers[vector])
		handlers[vector]();
	/* Of the 8259's vectors only strays arrive, and they are none of the LAPIC's. */
	if (vector >= HOST_VECTOR_PIC + 16)
		lapic_eoi();
}

void gate_dispatch(struct frame *f)
{
	uint8_t vector = (uint8_t)f->vector;

	if (vector == VECTOR_NMI) {
		nmi_handle();
	} else if (vector == VECTOR_DB) {
		drop_debug_trap(f);
	} else if (vector < 32) {
		exception(f);
	} else {
		interrupt_take(vector);
	}
}

void panic(const char *fmt, ...)
{
	va_list args;

	log_last_words();
	nmi_stop_others();
	va_start(args, fmt);
	log_line_va(LOG_ERROR, fmt, args);
	va_end(args);
	power_stop_failed();
}
