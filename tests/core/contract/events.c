/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into a guest, and when: SDM v3 6.9 (priorities), 6.15 (the contributory table), APM
 * v2 15.20. Against the fake backend, which notes what it is given.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bits.h"
#include "../unit/shim/fake_backend.h"
#include "../unit/shim/guest_ram.h"

#include <cmocka.h>

static struct vcpu *const vcpu = &fake_vcpus[0];
static struct fake_arch *const arch = &fake_arch[0];
static struct fake_chip *const chip = &fake_chips[0];

static int setup(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static void expect_event(uint8_t type, uint8_t vector)
{
	assert_int_equal(arch->injections, 1);
	assert_int_equal(arch->injected[0].type, type);
	assert_int_equal(arch->injected[0].vector, vector);
	arch->injections = 0;
	arch->entering = 0; /* the guest was entered, and left again */
}

static void expect_nothing(void)
{
	assert_int_equal(arch->injections, 0);
}

/* As the entry loop would, until nothing is asked for. */
static enum verdict prepare(void)
{
	enum verdict verdict = VERDICT_RESUME;

	if (vcpu->request)
		verdict = vcpu_prepare(vcpu);
	assert_int_equal(vcpu->request & ~(uint32_t)VCPU_REQUEST_PARK, 0);
	return verdict;
}

static void ask(uint32_t bits)
{
	vcpu_request(vcpu, bits);
}

static void nmi(void)
{
	vcpu->nmi_signalled++;
	ask(VCPU_REQUEST_NMI);
}

static void test_interrupt(void **state)
{
	(void)state;
	chip->pending = 0x41;
	ask(VCPU_REQUEST_EVENT);
	assert_int_equal(prepare(), VERDICT_RESUME);
	expect_event(EVENT_INTERRUPT, 0x41);
	assert_int_equal(chip->accepted, 0x41);
	assert_false(arch->interrupt_window);
}

static void test_interrupt_waits(void **state)
{
	(void)state;
	chip->pending = 0x41;
	arch->rflags &= ~RFLAGS_IF;
	ask(VCPU_REQUEST_EVENT);
	prepare();
	expect_nothing();
	assert_int_equal(chip->accepted, -1);
	assert_true(arch->interrupt_window);
	/* IF comes, but with a shadow. */
	arch->rflags |= RFLAGS_IF;
	arch->shadow = 1;
	exit_table[EXIT_INTERRUPT_WINDOW](vcpu);
	prepare();
	expect_nothing();
	assert_true(arch->interrupt_window);
	arch->shadow = 0;
	exit_table[EXIT_INTERRUPT_WINDOW](vcpu);
	prepare();
	expect_event(EVENT_INTERRUPT, 0x41);
	assert_false(arch->interrupt_window);
}

/* Exception before NMI before interrupt; each entry takes one, the others keep their windows. */
static void test_priorities(void **state)
{
	(void)state;
	chip->pending = 0x30;
	nmi();
	vcpu_raise(vcpu, VECTOR_UD);
	prepare();
	expect_event(EVENT_EXCEPTION, VECTOR_UD);
	assert_true(arch->interrupt_window && arch->nmi_window);
	ask(VCPU_REQUEST_EVENT);
	prepare();
	expect_event(EVENT_NMI, VECTOR_NMI);
	assert_true(arch->interrupt_window);
	assert_false(arch->nmi_window);
	ask(VCPU_REQUEST_EVENT);
	prepare();
	expect_event(EVENT_INTERRUPT, 0x30);
}

static void test_nmi_blocked(void **state)
{
	(void)state;
	nmi();
	prepare();
	expect_event(EVENT_NMI, VECTOR_NMI);
	for (int i = 0; i < 5;
	     i++) /* while one is being handled, one more is remembered, not five */
		nmi();
	prepare();
	expect_nothing();
	assert_true(arch->nmi_window);
	arch->nmi_blocked = false;
	exit_table[EXIT_NMI_WINDOW](vcpu);
	prepare();
	expect_event(EVENT_NMI, VECTOR_NMI);
	arch->nmi_blocked = false;
	ask(VCPU_REQUEST_EVENT);
	prepare();
	assert_true(vcpu->nmi_pending <= 1);
}

static void test_nmi_not_in_shadow(void **state)
{
	(void)state;
	arch->shadow = 1;
	nmi();
	prepare();
	expect_nothing();
	assert_true(arch->nmi_window);
}

/* First and second exception, and what the guest gets; 0xff: a triple fault. */
static void test_contributory(void **state)
{
	enum { TRIPLE = 0xff };
	static const struct {
		uint8_t first, second, result;
	} rows[] = {
		{VECTOR_UD, VECTOR_GP, VECTOR_GP}, {VECTOR_DB, VECTOR_PF, VECTOR_PF},
		{VECTOR_AC, VECTOR_SS, VECTOR_SS}, {VECTOR_DE, VECTOR_GP, VECTOR_DF},
		{VECTOR_TS, VECTOR_NP, VECTOR_DF}, {VECTOR_GP, VECTOR_GP, VECTOR_DF},
		{VECTOR_NP, VECTOR_UD, VECTOR_UD}, {VECTOR_GP, VECTOR_PF, VECTOR_PF},
		{VECTOR_PF, VECTOR_PF, VECTOR_DF}, {VECTOR_PF, VECTOR_GP, VECTOR_DF},
		{VECTOR_PF, VECTOR_UD, VECTOR_UD}, {VECTOR_DF, VECTOR_GP, TRIPLE},
		{VECTOR_DF, VECTOR_PF, TRIPLE},    {VECTOR_DF, VECTOR_UD, VECTOR_UD},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct vcpu_event first = {
			.valid = true, .type = EVENT_EXCEPTION, .vector = rows[i].first};

		setup(state);
		vcpu_vectoring(vcpu, &first);
		vcpu_raise_error(vcpu, rows[i].second, 7);
		if (rows[i].result == TRIPLE) {
			assert_int_equal(vcpu_prepare(vcpu), VERDICT_CRASH);
			expect_nothing();
			continue;
		}
		assert_int_equal(prepare(), VERDICT_RESUME);
		if (rows[i].result == VECTOR_DF) {
			assert_true(arch->injected[0].has_error);
			assert_int_equal(arch->injected[0].error, 0);
		}
		expect_event(EVENT_EXCEPTION, rows[i].result);
		/* The first one is not delivered a second time. */
		ask(VCPU_REQUEST_EVENT);
		prepare();
		expect_nothing();
	}
}

static void test_no_error_code_in_real_mode(void **state)
{
	(void)state;
	vcpu_raise_error(vcpu, VECTOR_GP, 5);
	prepare();
	assert_true(arch->injected[0].has_error);
	setup(state);
	arch->cr[0] &= ~CR0_PE;
	vcpu_raise_error(vcpu, VECTOR_GP, 5);
	prepare();
	assert_false(arch->injected[0].has_error);
	expect_event(EVENT_EXCEPTION, VECTOR_GP);
}

/* Two exceptions raised by one exit combine in the same way. */
static void test_raised_twice(void **state)
{
	(void)state;
	vcpu_raise_page_fault(vcpu, 2, 0x1234);
	vcpu_raise_page_fault(vcpu, 0, 0x5678);
	assert_int_equal(arch->cr[2], 0x5678);
	prepare();
	expect_event(EVENT_EXCEPTION, VECTOR_DF);
}

/* What was being delivered when the guest stopped goes in again, IF or not: the processor had
 * accepted it. */
static void test_vectoring(void **state)
{
	static const struct vcpu_event rows[] = {
		{.valid = true, .type = EVENT_INTERRUPT, .vector = 0x55},
		{.valid = true, .type = EVENT_NMI, .vector = VECTOR_NMI},
		{.valid = true,
		 .type = EVENT_EXCEPTION,
		 .vector = VECTOR_PF,
		 .has_error = true,
		 .error = 6},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(state);
		arch->rflags &= ~RFLAGS_IF;
		chip->pending = 0x41;
		vcpu_vectoring(vcpu, &rows[i]);
		prepare();
		assert_int_equal(arch->injected[0].error, rows[i].error);
		assert_int_equal(arch->injected[0].has_error, rows[i].has_error);
		expect_event(rows[i].type, rows[i].vector);
		assert_true(arch->interrupt_window);
		ask(VCPU_REQUEST_EVENT);
		prepare();
		expect_nothing();
	}
}

/* An exception takes the turn of an interrupt that was being delivered: that one waits, and is not
 * lost. */
static void test_vectoring_interrupt_survives(void **state)
{
	const struct vcpu_event interrupt = {
		.valid = true, .type = EVENT_INTERRUPT, .vector = 0x55};

	(void)state;
	vcpu_vectoring(vcpu, &interrupt);
	vcpu_raise_page_fault(vcpu, 0, 0x1000);
	prepare();
	expect_event(EVENT_EXCEPTION, VECTOR_PF);
	assert_true(arch->interrupt_window);
	arch->rflags &= ~RFLAGS_IF;
	ask(VCPU_REQUEST_EVENT);
	prepare();
	expect_nothing();
	arch->rflags |= RFLAGS_IF;
	exit_table[EXIT_INTERRUPT_WINDOW](vcpu);
	prepare();
	expect_event(EVENT_INTERRUPT, 0x55);
}

/* INT n and INT3 are executed again: RIP still points at them. */
static void test_software_events_repeat(void **state)
{
	static const struct vcpu_event rows[] = {
		{.valid = true, .type = EVENT_SOFTWARE, .vector = 0x80},
		{.valid = true, .type = EVENT_EXCEPTION, .vector = VECTOR_BP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(state);
		vcpu_vectoring(vcpu, &rows[i]);
		prepare();
		expect_nothing();
	}
}

/* An emulator that drops the shadow of STI: the interrupt waits for the HLT that follows, whose
 * exit asks again. */
static void test_halt_comes_first(void **state)
{
	(void)state;
	*(uint8_t *)guest_ram_at(arch->rip) = 0xf4;
	chip->pending = 0x41;
	vcpu->exit.reason = EXIT_INTERRUPT;
	ask(VCPU_REQUEST_EVENT);
	prepare();
	expect_nothing();
	vcpu->exit = (struct vcpu_exit){.reason = EXIT_HLT, .length = 1};
	assert_int_equal(exit_table[EXIT_HLT](vcpu), VERDICT_LEAVE);
	assert_int_equal(prepare(), VERDICT_RESUME);
	expect_event(EVENT_INTERRUPT, 0x41);
	assert_int_equal(arch->rip, 0x1001);
}

/* ---- sleep and other requests */

static void test_halt(void **state)
{
	(void)state;
	vcpu->exit = (struct vcpu_exit){.reason = EXIT_HLT, .length = 1};
	assert_int_equal(exit_table[EXIT_HLT](vcpu), VERDICT_LEAVE);
	assert_int_equal(prepare(), VERDICT_LEAVE);
	assert_int_equal(vcpu->activity, VCPU_HALTED);
	chip->pending = 0x60;
	arch->rflags &= ~RFLAGS_IF; /* it does not wake for what it cannot take */
	ask(VCPU_REQUEST_EVENT);
	assert_int_equal(prepare(), VERDICT_LEAVE);
	nmi();
	assert_int_equal(prepare(), VERDICT_RESUME);
	expect_event(EVENT_NMI, VECTOR_NMI);
	assert_int_equal(vcpu->activity, VCPU_ACTIVE);
}

static void test_init_and_startup(void **state)
{
	struct vcpu *ap = &fake_vcpus[1];

	(void)state;
	vcpu_request(ap, VCPU_REQUEST_STARTUP); /* it runs: ignored */
	ap->startup_vector = 0x12;
	assert_int_equal(vcpu_prepare(ap), VERDICT_RESUME);
	assert_int_equal(fake_arch[1].rip, 0x1000);
	fake_arch[1].star = 77;
	fake_arch[1].nmi_blocked = false;
	vcpu_raise(ap, VECTOR_GP);
	vcpu_request(ap, VCPU_REQUEST_INIT);
	assert_int_equal(vcpu_prepare(ap), VERDICT_LEAVE);
	assert_int_equal(ap->activity, VCPU_WAIT_STARTUP);
	assert_int_equal(fake_chips[1].inits, 1);
	assert_int_equal(fake_arch[1].injections, 0); /* INIT forgets what was pending */
	assert_int_equal(fake_arch[1].star, 77);      /* and keeps MSRs */
	fake_chips[1].pending = 0x40;
	vcpu_request(ap, VCPU_REQUEST_EVENT);
	assert_int_equal(vcpu_prepare(ap), VERDICT_LEAVE);
	vcpu_request(ap, VCPU_REQUEST_STARTUP);
	assert_int_equal(vcpu_prepare(ap), VERDICT_RESUME);
	assert_int_equal(fake_arch[1].segments[EMUL_CS].base, 0x12000);
	assert_int_equal(fake_arch[1].segments[EMUL_CS].selector, 0x1200);
	assert_int_equal(fake_arch[1].rip, 0);
	assert_int_equal(fake_arch[1].rflags, RFLAGS_ONE);
}

/* A request comes between an injection and the entry: what was chosen stays, and what came since waits for its window. */
static void test_asked_again_before_entry(void **state)
{
	(void)state;
	arch->rflags |= RFLAGS_IF;
	chip->pending = 0x41;
	ask(VCPU_REQUEST_EVENT);
	prepare();
	assert_int_equal(chip->pending, -1);
	chip->pending = 0x61;
	ask(VCPU_REQUEST_EVENT);
	prepare();
	assert_int_equal(chip->pending, 0x61);
	assert_true(arch->interrupt_window);
	expect_event(EVENT_INTERRUPT, 0x41);
	ask(VCPU_REQUEST_EVENT);
	prepare();
	expect_event(EVENT_INTERRUPT, 0x61);
}

/* INIT and start-up sent one right after the other are both seen, in that order. */
static void test_init_and_startup_together(void **state)
{
	struct vcpu *ap = &fake_vcpus[1];

	(void)state;
	ap->startup_vector = 0x99;
	vcpu_request(ap, VCPU_REQUEST_INIT);
	vcpu_request(ap, VCPU_REQUEST_STARTUP);
	assert_int_equal(vcpu_prepare(ap), VERDICT_RESUME);
	assert_int_equal(fake_arch[1].segments[EMUL_CS].base, 0x99000);
}

static void test_park_comes_before_all(void **state)
{
	(void)state;
	chip->pending = 0x41;
	ask(VCPU_REQUEST_EVENT | VCPU_REQUEST_PARK);
	assert_int_equal(vcpu_prepare(vcpu), VERDICT_LEAVE);
	expect_nothing();
	assert_true(vcpu->request & VCPU_REQUEST_PARK);
	assert_int_equal(chip->pending, 0x41);
}

static void test_flush_and_offset(void **state)
{
	(void)state;
	vcpu->tsc_offset = 42;
	ask(VCPU_REQUEST_FLUSH | VCPU_REQUEST_OFFSET);
	prepare();
	assert_int_equal(arch->flushes, 1);
	assert_int_equal(arch->tsc_offset, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_interrupt, setup),
		cmocka_unit_test_setup(test_interrupt_waits, setup),
		cmocka_unit_test_setup(test_asked_again_before_entry, setup),
		cmocka_unit_test_setup(test_priorities, setup),
		cmocka_unit_test_setup(test_nmi_blocked, setup),
		cmocka_unit_test_setup(test_nmi_not_in_shadow, setup),
		cmocka_unit_test_setup(test_contributory, setup),
		cmocka_unit_test_setup(test_no_error_code_in_real_mode, setup),
		cmocka_unit_test_setup(test_raised_twice, setup),
		cmocka_unit_test_setup(test_vectoring, setup),
		cmocka_unit_test_setup(test_vectoring_interrupt_survives, setup),
		cmocka_unit_test_setup(test_software_events_repeat, setup),
		cmocka_unit_test_setup(test_halt_comes_first, setup),
		cmocka_unit_test_setup(test_halt, setup),
		cmocka_unit_test_setup(test_init_and_startup, setup),
		cmocka_unit_test_setup(test_init_and_startup_together, setup),
		cmocka_unit_test_setup(test_park_comes_before_all, setup),
		cmocka_unit_test_setup(test_flush_and_offset, setup),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
