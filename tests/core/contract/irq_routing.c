/* SPDX-License-Identifier: Apache-2.0 */
/* From messages to local APICs: SDM v3 11.6.2 and 11.11, the extended destination id, lines, EOI,
 * the 8259's pin. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/shim/fake_backend.h"
#include "lib/bits.h"
#include "vm/vm.h"

#include <cmocka.h>

static struct vm vm;
static uint32_t locked;

void device_lock(struct vm *v)
{
	assert_ptr_equal(v, &vm);
	locked++;
}

void device_unlock(struct vm *v)
{
	(void)v;
	locked--;
}

static int setup(void **state)
{
	static struct vcpu *table[2] = {&fake_vcpus[0], &fake_vcpus[1]};

	(void)state;
	fake_reset();
	memset(&vm, 0, sizeof(vm));
	vm.guest = fake_guest;
	vm.by_apic_id = table;
	vm.apic_id_count = 2;
	locked = 0;
	return 0;
}

static void sent(uint32_t first, uint32_t second)
{
	assert_int_equal(fake_chips[0].delivered, first);
	assert_int_equal(fake_chips[1].delivered, second);
	fake_chips[0].delivered = fake_chips[1].delivered = 0;
}

static void message(uint64_t address, uint32_t data)
{
	const struct irq_message m = {.requester = 0x10, .address = address, .data = data};

	irq_message(&vm, &m);
}

static void test_physical(void **state)
{
	(void)state;
	message(0xfee01000, 0x41);
	sent(0, 1);
	assert_int_equal(fake_chips[1].last.vector, 0x41);
	assert_int_equal(fake_chips[1].last.delivery, IRQ_FIXED);
	assert_false(fake_chips[1].last.level || fake_chips[1].last.logical ||
		     fake_chips[1].last.wide);
	message(0xfee00000, 0xc000 | IRQ_NMI << 8);
	sent(1, 0);
	assert_int_equal(fake_chips[0].last.delivery, IRQ_NMI);
	assert_true(fake_chips[0].last.level);
	message(0xfee05000, 0x41); /* nobody */
	sent(0, 0);
	message(0xfeeff000, 0x41); /* all */
	sent(1, 1);
}

/* Past 8 bits: Linux's extended destination id, and the upper half of the address. */
static void test_wide_destinations(void **state)
{
	(void)state;
	fake_chips[1].id = 0x301;
	message(0xfee01000 | 3 << 5, 0x41);
	sent(0, 1);
	assert_true(fake_chips[1].last.wide);
	assert_int_equal(fake_chips[1].last.destination, 0x301);
	fake_chips[1].id = 0x12345601;
	message(0xfee01000 | 0x123456ull << 40, 0x41);
	sent(0, 1);
	assert_int_equal(fake_chips[1].last.destination, 0x12345601);
	message(0xfeeff000 | 7 << 5, 0x41); /* 0x7ff is an id, not a broadcast */
	sent(0, 0);
}

static void test_logical(void **state)
{
	(void)state;
	message(0xfee03004, 0x41);
	sent(1, 1);
	message(0xfee02004, 0x41);
	sent(0, 1);
	assert_true(fake_chips[1].last.logical);
}

static void test_lowest_priority(void **state)
{
	uint32_t first = 0, second = 0;

	(void)state;
	fake_chips[0].priority = 0x40;
	for (int i = 0; i < 4; i++)
		message(0xfee03004, 0x41 | IRQ_LOWEST << 8);
	sent(0, 4);
	fake_chips[0].priority = 0; /* equal now: they take turns */
	for (int i = 0; i < 10; i++)
		message(0xfee03004, 0x41 | IRQ_LOWEST << 8);
	first = fake_chips[0].delivered;
	second = fake_chips[1].delivered;
	assert_int_equal(first, 5);
	assert_int_equal(second, 5);
	sent(5, 5);
	message(0xfee00004, 0x41 | IRQ_LOWEST << 8); /* nobody */
	sent(0, 0);
}

static bool remap(void *context, const struct irq_message *m, struct irq_request *request,
		  bool *drop)
{
	(void)context;
	*drop = m->requester == 0x10;
	request->destination = 1;
	request->vector = 0x99;
	return true;
}

static void test_remapping(void **state)
{
	const struct irq_message other = {.requester = 0x18, .address = 0xfee00000, .data = 0x41};

	(void)state;
	vm.remap = remap;
	message(0xfee00000, 0x41);
	sent(0, 0);
	irq_message(&vm, &other);
	sent(0, 1);
	assert_int_equal(fake_chips[1].last.vector, 0x99);
}

/* ---- lines, EOI, ExtINT */

static uint32_t seen[2];

static void sink(void *context, uint32_t gsi, bool level)
{
	seen[(uintptr_t)context] = gsi << 8 | level;
}

static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(irq_add_line_sink(&vm, sink, (void *)0), STATUS_OK);
	assert_int_equal(irq_add_line_sink(&vm, sink, (void *)1), STATUS_OK);
	irq_set_line(&vm, 4, true);
	assert_int_equal(seen[0], 0x401);
	assert_int_equal(seen[1], 0x401);
	for (int i = 2; i < VM_LINE_SINKS; i++)
		assert_int_equal(irq_add_line_sink(&vm, sink, NULL), STATUS_OK);
	assert_int_equal(irq_add_line_sink(&vm, sink, NULL), STATUS_NO_MEMORY);
}

static uint8_t ended;

static void on_eoi(void *context, uint8_t vector)
{
	(void)context;
	assert_int_equal(locked, 1);
	ended = vector;
}

static int acknowledge(void *context)
{
	(void)context;
	assert_int_equal(locked, 1);
	vm.extint_level = 0;
	return 0x38;
}

static void test_eoi_and_extint(void **state)
{
	static const struct irq_extint source = {acknowledge, NULL};

	(void)state;
	irq_end_of_interrupt(&vm, 0x41); /* nobody listens */
	irq_set_eoi_sink(&vm, on_eoi, NULL);
	irq_end_of_interrupt(&vm, 0x42);
	assert_int_equal(ended, 0x42);
	assert_int_equal(irq_extint_acknowledge(&vm), -1);
	irq_set_extint(&vm, &source);
	irq_raise_extint(&vm, true);
	assert_true(irq_extint_pending(&vm));
	assert_true(fake_vcpus[0].request & VCPU_REQUEST_EVENT); /* the boot processor */
	assert_int_equal(irq_extint_acknowledge(&vm), 0x38);
	assert_int_equal(irq_extint_acknowledge(&vm), -1); /* it has gone */
	assert_int_equal(locked, 0);
}

static void test_signals(void **state)
{
	(void)state;
	irq_signal_nmi(&fake_vcpus[1]);
	irq_signal_nmi(&fake_vcpus[1]);
	irq_signal_init(&fake_vcpus[1]);
	irq_signal_startup(&fake_vcpus[1], 0x9a);
	assert_int_equal(fake_vcpus[1].request,
			 VCPU_REQUEST_NMI | VCPU_REQUEST_INIT | VCPU_REQUEST_STARTUP);
	assert_int_equal(fake_vcpus[1].nmi_signalled, 2);
	assert_int_equal(fake_vcpus[1].startup_vector, 0x9a);
	assert_int_equal(fake_vcpus[0].request, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_physical, setup),
		cmocka_unit_test_setup(test_wide_destinations, setup),
		cmocka_unit_test_setup(test_logical, setup),
		cmocka_unit_test_setup(test_lowest_priority, setup),
		cmocka_unit_test_setup(test_remapping, setup),
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_eoi_and_extint, setup),
		cmocka_unit_test_setup(test_signals, setup),
	};

	return cmocka_run_group_tests_name("irq_routing", tests, NULL, NULL);
}
