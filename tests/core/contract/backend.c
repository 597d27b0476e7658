/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of vcpu/backend.h, for AMD-V, VT-x and the fake alike: what is set is what the processor finds at the next entry
 * and what is read back; what the processor leaves at an exit is the same record, whoever made it.
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../unit/shim/fake_backend.h"
#include "cpu/cpu.h"
#include "cpu/extable.h"
#include "cpu/idt.h"
#include "cpu/lapic.h"
#include "cpu/kick.h"
#include "cpu/tsc.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "subject.h"
#include "vcpu/exits.h"
#include "x86/msr.h"

#include <cmocka.h>

static struct vcpu *const vcpu = &fake_vcpus[0];
static struct fake_chip *const chip = &fake_chips[0];
static const struct subject *subject;
static const struct vcpu_backend *backend;
static struct percpu cpu;

/* ---- the rest of the core */

static struct vcpu_exit seen;
static unsigned int exits;

static enum verdict note_exit(struct vcpu *v)
{
	seen = v->exit;
	exits++;
	return VERDICT_RESUME;
}

exit_handler *const exit_table[EXIT_REASONS] = {[0 ... EXIT_REASONS - 1] = note_exit};

struct cpu_features cpu_features;
uint32_t cpu_count = 1;
uint64_t image_phys;

enum status pool_alloc(size_t size, void **p)
{
	(void)size, (void)p;
	return STATUS_NO_MEMORY;
}

bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
	(void)msr;
	*value = 0;
	return false;
}

void cpu_kick(struct percpu *target)
{
	(void)target;
}

uint64_t time_khz(void)
{
	return 1000000;
}

static uint8_t taken, sent;

void interrupt_take(uint8_t vector)
{
	taken = vector;
}

void lapic_send_fixed(uint32_t apic_id, uint8_t vector)
{
	(void)apic_id;
	sent = vector;
}

void vcpu_guest_paging(const struct vcpu *v, struct guest_paging *paging)
{
	(void)v;
	memset(paging, 0, sizeof(*paging));
}

int vcpu_next_byte(struct vcpu *v, const struct guest_paging *paging)
{
	(void)v, (void)paging;
	return -1;
}

bool vcpu_decode(struct vcpu *v, struct emul_insn *insn)
{
	(void)v, (void)insn;
	return false;
}

/* ---- helpers */

static struct entry enter(void)
{
	struct entry found;

	subject->enter(vcpu, &found);
	return found;
}

static void leave(const struct occasion *occasion)
{
	exits = 0;
	memset(&seen, 0, sizeof(seen));
	subject->leave(vcpu, occasion);
}

/* An exit of a guest that did nothing but that. */
static void leave_for(const struct vcpu_exit *exit)
{
	struct entry found = enter();
	const struct occasion o = {.exit = *exit,
				   .rip = found.rip,
				   .rflags = found.rflags,
				   .cr3 = found.cr3,
				   .cr8 = found.cr8,
				   .shadow = found.shadow};

	leave(&o);
}

static int setup(void **state)
{
	subject = *state;
	backend = subject->backend;
	fake_reset();
	subject->prepare(vcpu);
	backend->vcpu_reset(vcpu, false);
	backend->set_tsc_offset(vcpu, 0);
	*vcpu->rip = 0x1000;
	*vcpu->rflags = RFLAGS_ONE;
	return 0;
}

/* ---- the suite */

/* SDM v3 table 10-1. */
static void test_reset(void **state)
{
	const struct emul_segment *s = backend->segments(vcpu);
	struct vcpu_tables tables;
	struct entry found;

	(void)state;
	assert_int_equal(backend->get_cr(vcpu, 0), CR0_CD | CR0_NW | CR0_ET);
	for (uint32_t i = 2; i <= 4; i++)
		assert_int_equal(backend->get_cr(vcpu, i), 0);
	assert_int_equal(backend->get_efer(vcpu), 0);
	assert_int_equal(backend->get_dr(vcpu, 6), DR6_INITIAL);
	assert_int_equal(backend->get_dr(vcpu, 7), DR7_INITIAL);
	assert_int_equal(s[EMUL_CS].selector, 0xf000);
	assert_int_equal(s[EMUL_CS].base, 0xffff0000);
	assert_int_equal(s[EMUL_CS].attributes, 0x9b);
	assert_int_equal(s[EMUL_SS].attributes, 0x93);
	backend->get_tables(vcpu, &tables);
	assert_int_equal(tables.idtr_base, 0);
	assert_int_equal(tables.idtr_limit, 0xffff);
	assert_int_equal(tables.gdtr_limit, 0xffff);
	assert_false(backend->nmi_blocked(vcpu));
	found = enter();
	assert_false(found.event.valid || found.interrupt_window || found.nmi_window || found.shadow);
	assert_int_equal(found.cr8, 0);
	assert_int_equal(found.rip, 0x1000);
}

static void test_control_registers(void **state)
{
	static const struct {
		uint64_t cr0, cr3, cr4;
	} rows[] = {
		{CR0_PE | CR0_ET, 0x5000, CR4_PAE},
		{CR0_PE | CR0_ET | CR0_NE | CR0_MP, 0x7018, CR4_PAE | CR4_PGE | CR4_MCE},
		{CR0_ET | CR0_EM, 0, 0},
		{CR0_PE | CR0_ET | CR0_CD | CR0_NW | CR0_WP | CR0_TS | CR0_AM, 0x123456000, CR4_OSFXSR},
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vcpu_paging paging;
		struct entry found;

		backend->set_cr(vcpu, 0, rows[i].cr0);
		backend->set_cr(vcpu, 2, 0x1234 + i);
		backend->set_cr(vcpu, 3, rows[i].cr3);
		backend->set_cr(vcpu, 4, rows[i].cr4);
		for (int round = 0; round < 2; round++) { /* before and after an entry */
			assert_int_equal(backend->get_cr(vcpu, 0), rows[i].cr0);
			assert_int_equal(backend->get_cr(vcpu, 2), 0x1234 + i);
			assert_int_equal(backend->get_cr(vcpu, 3), rows[i].cr3);
			assert_int_equal(backend->get_cr(vcpu, 4), rows[i].cr4);
			backend->get_paging(vcpu, &paging);
			assert_int_equal(paging.cr0, rows[i].cr0);
			assert_int_equal(paging.cr3, rows[i].cr3);
			assert_int_equal(paging.cr4, rows[i].cr4);
			found = enter();
			assert_int_equal(found.cr0, rows[i].cr0);
			assert_int_equal(found.cr3, rows[i].cr3);
			assert_int_equal(found.cr4, rows[i].cr4);
			leave_for(&(struct vcpu_exit){.reason = EXIT_MEMORY});
			assert_int_equal(*vcpu->cr3, rows[i].cr3);
			assert_int_equal(*vcpu->cr4, rows[i].cr4);
		}
	}
}

/* LMA is LME and paging. */
static void test_long_mode(void **state)
{
	(void)state;
	backend->set_cr(vcpu, 4, CR4_PAE);
	backend->set_efer(vcpu, EFER_LME | EFER_NXE);
	assert_int_equal(enter().efer, EFER_LME | EFER_NXE);
	backend->set_cr(vcpu, 0, CR0_PE | CR0_PG | CR0_ET);
	backend->set_efer(vcpu, backend->get_efer(vcpu));
	assert_int_equal(backend->get_efer(vcpu), EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(enter().efer, EFER_LME | EFER_LMA | EFER_NXE);
	backend->set_cr(vcpu, 0, CR0_PE | CR0_ET);
	backend->set_efer(vcpu, backend->get_efer(vcpu));
	assert_int_equal(backend->get_efer(vcpu), EFER_LME | EFER_NXE);
	assert_int_equal(enter().efer, EFER_LME | EFER_NXE);
}

static void test_debug_registers(void **state)
{
	(void)state;
	backend->set_dr(vcpu, 6, DR6_INITIAL | DR6_BS);
	backend->set_dr(vcpu, 7, DR7_INITIAL | DR7_GD);
	leave_for(&(struct vcpu_exit){.reason = EXIT_HLT, .length = 1});
	assert_int_equal(backend->get_dr(vcpu, 6), DR6_INITIAL | DR6_BS);
}

/* Attributes come as VMX access rights and go to the emulator packed; the CPL is the DPL of SS. */
static void test_segments(void **state)
{
	static const struct {
		uint32_t rights, packed, context;
		uint64_t efer;
		uint8_t mode;
	} rows[] = {
		{0x9b, 0x9b, 0, 0, 2},
		{0xc09b, 0xc9b, CONTEXT_CS_D, 0, 4},
		{0xa09b, 0xa9b, CONTEXT_CS_L | CONTEXT_LMA | CONTEXT_PG, EFER_LME, 8},
		{0xc0fb, 0xcfb, CONTEXT_CS_D | CONTEXT_LMA | CONTEXT_PG | 3, EFER_LME, 4},
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct hv_segment code = {.selector = 0x10 + i, .attributes = rows[i].rights,
						.limit = 0xfffff, .base = 0x40000 * i};
		const struct hv_segment stack = {.selector = 0x20, .limit = ~0u,
						 .attributes = 0xc093 | (rows[i].rights & 0x60)};
		const struct hv_segment none = {.attributes = BIT(16)};
		const struct emul_segment *s;

		backend->set_cr(vcpu, 4, CR4_PAE);
		backend->set_cr(vcpu, 0, CR0_PE | CR0_ET | (rows[i].efer ? CR0_PG : 0));
		backend->set_efer(vcpu, rows[i].efer);
		backend->set_segment(vcpu, HV_CS, &code);
		backend->set_segment(vcpu, HV_SS, &stack);
		backend->set_segment(vcpu, HV_FS, &none);
		leave_for(&(struct vcpu_exit){.reason = EXIT_HLT, .length = 1});
		s = backend->segments(vcpu);
		assert_int_equal(s[EMUL_CS].selector, 0x10 + i);
		assert_int_equal(s[EMUL_CS].attributes, rows[i].packed);
		if (rows[i].mode != 8) { /* else they say nothing */
			assert_int_equal(s[EMUL_CS].limit, 0xfffff);
			assert_int_equal(s[EMUL_CS].base, 0x40000 * i);
		}
		assert_int_equal(s[EMUL_FS].attributes, 0);
		assert_int_equal(backend->fetch_context(vcpu), rows[i].context);
		assert_int_equal(context_mode(backend->fetch_context(vcpu)), rows[i].mode);
	}
}

static void test_tables(void **state)
{
	const struct vcpu_tables in = {0x1000, 0x2000, 0x7f, 0xfff};
	struct vcpu_tables out;

	(void)state;
	backend->set_tables(vcpu, &in);
	leave_for(&(struct vcpu_exit){.reason = EXIT_HLT, .length = 1});
	backend->get_tables(vcpu, &out);
	assert_memory_equal(&in, &out, sizeof(in));
}

/* INIT keeps what RESET clears; an MSR that is not switched is somebody else's. */
static void test_msrs(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(backend->get_msr(vcpu, MSR_TSC_AUX, &value), STATUS_NOT_FOUND);
	assert_int_equal(backend->set_msr(vcpu, MSR_TSC_AUX, 1), STATUS_NOT_FOUND);
	assert_int_equal(backend->set_msr(vcpu, subject->own_msr, 0x1122334455), STATUS_OK);
	backend->vcpu_reset(vcpu, true);
	assert_int_equal(backend->get_msr(vcpu, subject->own_msr, &value), STATUS_OK);
	assert_int_equal(value, 0x1122334455);
	backend->vcpu_reset(vcpu, false);
	assert_int_equal(backend->get_msr(vcpu, subject->own_msr, &value), STATUS_OK);
	assert_int_equal(value, 0);
}

static void test_injection(void **state)
{
	static const struct vcpu_event events[] = {
		{.valid = true, .type = EVENT_INTERRUPT, .vector = 0x41},
		{.valid = true, .type = EVENT_EXCEPTION, .vector = VECTOR_UD},
		{.valid = true, .type = EVENT_EXCEPTION, .vector = VECTOR_PF, .has_error = true, .error = 7},
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(events); i++) {
		struct entry found;

		assert_false(*vcpu->entering & VCPU_ENTERING);
		backend->inject(vcpu, &events[i]);
		assert_true(*vcpu->entering & VCPU_ENTERING);
		found = enter();
		assert_true(found.event.valid);
		assert_int_equal(found.event.type, events[i].type);
		assert_int_equal(found.event.vector, events[i].vector);
		assert_int_equal(found.event.has_error, events[i].has_error);
		assert_int_equal(found.event.error, events[i].error);
		leave_for(&(struct vcpu_exit){.reason = EXIT_HLT, .length = 1});
		assert_false(*vcpu->entering & VCPU_ENTERING);
		assert_false(enter().event.valid);
	}
}

static void test_nmi(void **state)
{
	static const struct vcpu_event nmi = {.valid = true, .type = EVENT_NMI, .vector = VECTOR_NMI};

	(void)state;
	backend->inject(vcpu, &nmi);
	assert_true(backend->nmi_blocked(vcpu));
	leave_for(&(struct vcpu_exit){.reason = EXIT_HLT, .length = 1});
	assert_true(backend->nmi_blocked(vcpu));
	/* Its delivery was cut short: it goes in again, blocked or not. */
	backend->inject(vcpu, &nmi);
	assert_true(enter().event.valid);
	backend->vcpu_reset(vcpu, true);
	assert_false(backend->nmi_blocked(vcpu));
}

static void test_windows(void **state)
{
	struct entry found;

	(void)state;
	backend->windows(vcpu, true, false);
	found = enter();
	assert_true(found.interrupt_window);
	assert_false(found.nmi_window);
	backend->windows(vcpu, false, true);
	found = enter();
	assert_false(found.interrupt_window);
	assert_true(found.nmi_window);
	backend->windows(vcpu, false, false);
	found = enter();
	assert_false(found.interrupt_window || found.nmi_window);
}

/* What the guest has made of CR8 reaches the local APIC with whatever exit comes, and the other way round. */
static void test_task_priority(void **state)
{
	struct occasion o = {.exit = {.reason = EXIT_HLT, .length = 1}, .cr8 = 2};

	(void)state;
	backend->set_task_priority(vcpu, 5);
	assert_int_equal(enter().cr8, 5);
	assert_true(enter().cr8_watched);
	vcpu->request = 0;
	leave(&o);
	assert_int_equal(chip->cr8, 2);
	assert_true(vcpu->request & VCPU_REQUEST_EVENT);
	backend->set_task_priority(vcpu, 0);
	assert_int_equal(enter().cr8, 0);
	assert_false(enter().cr8_watched);
	o.cr8 = 9; /* written without an exit: from now on the next write counts */
	leave(&o);
	assert_int_equal(chip->cr8, 9);
	backend->set_task_priority(vcpu, 9);
	assert_int_equal(enter().cr8, 9);
	assert_true(enter().cr8_watched);
}

static void test_time_and_translations(void **state)
{
	(void)state;
	backend->set_tsc_offset(vcpu, -5ull);
	assert_int_equal(enter().tsc_offset, -5ull);
	backend->flush(vcpu);
	assert_true(enter().flushed);
	assert_false(enter().flushed);
}

/* An xAPIC that is lent has its page, for that long; of what happens there the chip hears, or it is an access like others. */
static void test_lent_xapic(void **state)
{
	static const struct {
		uint32_t value;
		struct vcpu_exit exit;
	} reached[] = {
		{0x00a0, {.memory = {.gpa = 0xfee000a0}}},
		{0x1084, {.memory = {.gpa = 0xfee00084, .write = true}}},
		{0x2000, {.memory = {.gpa = 0xfee00000, .fetch = true}}},
		{0xf3f8, {.memory = {.gpa = 0xfee003f8, .table_walk = true}}},
	};
	struct irq_page *page = backend->lend_apic(vcpu, IRQ_LENT_XAPIC);
	struct occasion o = {.cr3 = 0x7000};

	(void)state;
	if (!page)
		return; /* it cannot */
	enter();
	for (unsigned int round = 0; round < 2; round++) {
		static const enum irq_lending others[] = {IRQ_KEPT, IRQ_LENT_X2APIC};
		struct entry found;

		backend->lend_apic(vcpu, others[round]);
		found = enter();
		assert_true(found.flushed);
		assert_false(found.apic_page);
		backend->lend_apic(vcpu, IRQ_LENT_XAPIC);
		found = enter();
		assert_true(found.flushed);
		assert_true(found.apic_page);
		assert_false(found.cr8_watched);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(reached); i++) {
		o.apic = APIC_REACHED;
		o.apic_value = reached[i].value;
		enter();
		leave(&o);
		assert_int_equal(exits, 1);
		assert_int_equal(seen.reason, EXIT_MEMORY);
		assert_memory_equal(&seen.memory, &reached[i].exit.memory, sizeof(seen.memory));
		assert_int_equal(*vcpu->cr3, 0x7000);
	}
	o.apic = APIC_WRITTEN;
	o.apic_value = 0x300;
	enter();
	leave(&o);
	assert_int_equal(exits, 0);
	assert_int_equal(chip->written, 0x30);
	o.apic = APIC_ENDED;
	o.apic_value = 0x52;
	enter();
	leave(&o);
	assert_int_equal(exits, 0);
	assert_int_equal(chip->ended, 0x52);
	/* A reset takes it back. */
	backend->vcpu_reset(vcpu, true);
	assert_false(enter().apic_page);
}

/* A processor that delivers interrupts itself wants no window for them, and no watch on CR8; it is told what has come. */
static void test_lent_apic(void **state)
{
	struct irq_page *page = backend->lend_apic(vcpu, IRQ_LENT_X2APIC);

	(void)state;
	if (!page)
		return; /* it cannot */
	memset(page->registers, 0, PAGE_SIZE);
	page->registers[0x80] = 0x50;
	page->registers[0x220] = 2; /* IRR: 0x41 */
	page->level[1] = 2;
	page->changed = 1;
	backend->windows(vcpu, true, false);
	assert_false(enter().interrupt_window);
	assert_false(enter().cr8_watched);
	assert_false(page->changed);
	/* One whose delivery was cut short, and that waits behind an exception, goes in by the core. */
	vcpu->vectoring = (struct vcpu_event){.valid = true, .type = EVENT_INTERRUPT, .vector = 0x99};
	backend->windows(vcpu, true, false);
	assert_true(enter().interrupt_window);
	vcpu->vectoring.valid = false;
	backend->windows(vcpu, true, false);
	assert_false(enter().interrupt_window);
	leave_for(&(struct vcpu_exit){.reason = EXIT_HLT, .length = 1});
	assert_int_equal(chip->cr8, 0); /* CR8 is in the page, and nobody is told */
	assert_ptr_equal(backend->lend_apic(vcpu, IRQ_KEPT), page);
	assert_true(enter().cr8_watched);
	backend->windows(vcpu, true, false);
	assert_true(enter().interrupt_window);
}

/* One notification until somebody looks, and only for a guest that runs elsewhere; the request is there in any case, but never
 * that of events: it may stay, and who finds that one set does not kick. */
static void test_posting(void **state)
{
	struct irq_page *page = backend->lend_apic(vcpu, IRQ_LENT_X2APIC);
	struct percpu other = {.apic_id = 1};

	(void)state;
	if (!page || !page->posted)
		return; /* it cannot */
	vcpu->cpu = &other;
	vcpu->request = sent = 0;
	backend->post(vcpu);
	assert_int_equal(sent, 0);
	assert_true(vcpu->request & VCPU_REQUEST_POSTED);
	page->posted[4] = 0;
	vcpu->inside = 1;
	vcpu->request = 0;
	backend->post(vcpu);
	assert_int_equal(sent, HOST_VECTOR_POSTED);
	assert_false(vcpu->request & VCPU_REQUEST_EVENT);
	assert_true(vcpu->request & VCPU_REQUEST_POSTED);
	sent = 0;
	backend->post(vcpu);
	assert_int_equal(sent, 0);
	vcpu->cpu = &cpu;
	page->posted[4] = 0;
	backend->post(vcpu);
	assert_int_equal(sent, 0);
	vcpu->cpu = NULL;
}

/* Registers as the guest left them, a shadow included, which the core may end. */
static void test_state_after_exit(void **state)
{
	const struct occasion o = {.exit = {.reason = EXIT_MEMORY, .memory = {.gpa = 0x7000}},
				   .rip = 0x123456789a,
				   .rflags = RFLAGS_ONE | RFLAGS_IF | RFLAGS_CF,
				   .cr3 = 0x9000,
				   .shadow = true};
	struct entry found;

	(void)state;
	enter();
	leave(&o);
	assert_int_equal(*vcpu->rip, o.rip);
	assert_int_equal(*vcpu->rflags, o.rflags);
	assert_int_equal(*vcpu->cr3, 0x9000);
	assert_int_equal(backend->get_cr(vcpu, 3), 0x9000);
	assert_true(*vcpu->shadow & 1);
	assert_true(enter().shadow);
	*vcpu->shadow = 0;
	*vcpu->rip += 1;
	*vcpu->rflags &= ~RFLAGS_CF;
	found = enter();
	assert_false(found.shadow);
	assert_int_equal(found.rip, o.rip + 1);
	assert_int_equal(found.rflags, RFLAGS_ONE | RFLAGS_IF);
}

static void test_exits(void **state)
{
	static const struct vcpu_exit rows[] = {
		{.reason = EXIT_INTERRUPT},
		{.reason = EXIT_NMI},
		{.reason = EXIT_INTERRUPT_WINDOW},
		{.reason = EXIT_CPUID, .length = 2},
		{.reason = EXIT_MSR, .length = 2, .write = false},
		{.reason = EXIT_MSR, .length = 3, .write = true},
		{.reason = EXIT_PORT, .length = 1, .port = {0x3f8, 1, true, false}},
		{.reason = EXIT_PORT, .length = 2, .port = {0xcf8, 4, false, false}},
		{.reason = EXIT_PORT, .length = 2, .port = {0x1f0, 2, true, true}},
		{.reason = EXIT_MEMORY, .memory = {.gpa = 0xfee000b0, .write = true}},
		{.reason = EXIT_MEMORY, .memory = {.gpa = 0x123456000, .fetch = true}},
		{.reason = EXIT_MEMORY, .memory = {.gpa = 0x7008, .write = true, .table_walk = true}},
		{.reason = EXIT_HLT, .length = 1},
		{.reason = EXIT_HYPERCALL, .length = 3},
		{.reason = EXIT_CR, .cr = {.number = 0, .write = true}},
		{.reason = EXIT_CR, .cr = {.number = 4, .write = true}},
		{.reason = EXIT_XSETBV, .length = 3},
		{.reason = EXIT_CACHE, .length = 2},
		{.reason = EXIT_COUNTER, .length = 2},
		{.reason = EXIT_UNDEFINED},
		{.reason = EXIT_EXCEPTION, .exception = {.vector = VECTOR_DB, .address = DR6_BS}},
		{.reason = EXIT_EXCEPTION, .exception = {.vector = VECTOR_AC}},
		{.reason = EXIT_TRIPLE_FAULT},
		{.reason = EXIT_INVALID},
		{.reason = EXIT_UNKNOWN},
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct vcpu_exit *e = &rows[i];

		leave_for(e);
		assert_int_equal(exits, 1);
		assert_int_equal(seen.reason, e->reason);
		if (e->length)
			assert_int_equal(seen.length, e->length);
		if (e->reason == EXIT_MSR)
			assert_int_equal(seen.write, e->write);
		if (e->reason == EXIT_PORT)
			assert_memory_equal(&seen.port, &e->port, sizeof(e->port));
		if (e->reason == EXIT_MEMORY) {
			assert_int_equal(seen.memory.gpa, e->memory.gpa);
			assert_int_equal(seen.memory.write, e->memory.write);
			assert_int_equal(seen.memory.fetch, e->memory.fetch);
			assert_int_equal(seen.memory.table_walk, e->memory.table_walk);
		}
		if (e->reason == EXIT_CR) {
			assert_int_equal(seen.cr.number, e->cr.number);
			assert_true(seen.cr.write);
		}
		if (e->reason == EXIT_EXCEPTION)
			assert_int_equal(seen.exception.vector, e->exception.vector);
		if (e->reason == EXIT_EXCEPTION && e->exception.vector == VECTOR_DB)
			assert_int_equal(backend->get_dr(vcpu, 6), DR6_INITIAL | DR6_BS);
	}
}

/* What was being delivered goes to the common part; a software interrupt is simply executed again. */
static void test_vectoring(void **state)
{
	static const struct vcpu_event events[] = {
		{.valid = true, .type = EVENT_INTERRUPT, .vector = 0x99},
		{.valid = true, .type = EVENT_EXCEPTION, .vector = VECTOR_GP, .has_error = true, .error = 0x18},
		{.valid = true, .type = EVENT_NMI, .vector = VECTOR_NMI},
	};
	struct occasion o = {.exit = {.reason = EXIT_MEMORY, .memory = {.gpa = 0x7000, .write = true}}};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(events); i++) {
		vcpu_clear_events(vcpu);
		o.vectoring = events[i];
		enter();
		leave(&o);
		assert_true(vcpu->vectoring.valid);
		assert_int_equal(vcpu->vectoring.type, events[i].type);
		assert_int_equal(vcpu->vectoring.vector, events[i].vector);
		assert_int_equal(vcpu->vectoring.has_error, events[i].has_error);
		assert_int_equal(vcpu->vectoring.error, events[i].error);
	}
	vcpu_clear_events(vcpu);
	o.vectoring = (struct vcpu_event){.valid = true, .type = EVENT_SOFTWARE, .vector = 0x80, .length = 2};
	enter();
	leave(&o);
	assert_false(vcpu->vectoring.valid);
}

static const struct {
	const char *name;
	void (*run)(void **state);
} suite[] = {
	{"reset", test_reset},
	{"control registers", test_control_registers},
	{"long mode", test_long_mode},
	{"debug registers", test_debug_registers},
	{"segments", test_segments},
	{"tables", test_tables},
	{"MSRs", test_msrs},
	{"injection", test_injection},
	{"NMI", test_nmi},
	{"windows", test_windows},
	{"task priority", test_task_priority},
	{"time and translations", test_time_and_translations},
	{"state after an exit", test_state_after_exit},
	{"lent APIC", test_lent_apic},
	{"lent xAPIC", test_lent_xapic},
	{"posting", test_posting},
	{"exits", test_exits},
	{"vectoring", test_vectoring},
};

int main(void)
{
	static const struct subject *const subjects[] = {&subject_fake, &subject_svm, &subject_vmx};
	struct CMUnitTest tests[ARRAY_SIZE(suite)];
	int failed = 0;

	/* this_cpu() is found through GS here too. */
	cpu.self = &cpu;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu))
		return 1;
	for (uint32_t s = 0; s < ARRAY_SIZE(subjects); s++) {
		for (uint32_t i = 0; i < ARRAY_SIZE(suite); i++)
			tests[i] = (struct CMUnitTest){suite[i].name, suite[i].run, setup, NULL,
						       (void *)(uintptr_t)subjects[s]};
		failed += _cmocka_run_group_tests(subjects[s]->backend->name, tests, ARRAY_SIZE(tests), NULL,
						  NULL);
	}
	return failed;
}
