/* SPDX-License-Identifier: Apache-2.0 */
/* PCI config space: ECAM and the ports, masks, sizing of a window, what is not there, capabilities, the reset control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bits.h"
#include "pci/bar.h"
#include "pci/config_space.h"
#include "pci/msi.h"
#include "pci/pci.h"
#include "tests/core/unit/shim/machine.h"

#define ECAM	       0xe0000000u
#define AT(bus, device, reg) (ECAM + (((bus) - 1u) << 20 | (device) << 15 | (reg)))
enum { ADDRESS = 0xcf8, DATA = 0xcfc };

static void function(unsigned int n, uint16_t bdf, uint16_t id)
{
	machine.pci[n].bdf = bdf;
	memcpy(machine.config[n], &(uint32_t){ 0x1b36 | (uint32_t)id << 16 }, 4);
	machine.mask[n][PCI_COMMAND] = 7;
	machine.mask[n][PCI_BAR0 + 1] = 0xf0; /* 4 KiB of memory */
	machine.mask[n][PCI_BAR0 + 2] = machine.mask[n][PCI_BAR0 + 3] = 0xff;
	machine.config[n][PCI_STATUS] = PCI_STATUS_CAPS;
	machine.config[n][PCI_CAPABILITIES] = 0x40;
	memcpy(machine.config[n] + 0x40, (const uint8_t[]){ 0x05, 0x50 }, 2);
	memcpy(machine.config[n] + 0x50, (const uint8_t[]){ 0x11, 0x40 }, 2); /* a ring */
}

static int start(void **state)
{
	(void)state;
	machine_new(1, 1000000);
	function(0, 0x0100, 8);
	function(1, 0x0118, 9);
	machine.guest.pci.count = 2;
	machine_add(&pci_host_ops,
		    (struct hv_device){ .kind = HV_DEVICE_PCI_HOST, .base = ECAM, .size = 2 << 20, .parameter = { 1 } });
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void ecam(void **state)
{
	static const struct step steps[] = {
		{ GET32, AT(1, 0, 0), 0x00081b36 }, { GET32, AT(1, 3, 0), 0x00091b36 }, { GET8, AT(1, 3, 2), 9 },
		{ GET32, AT(1, 1, 0), 0xffffffff }, { GET32, AT(2, 0, 0), 0xffffffff }, { GET64, AT(2, 0, 0), -1ull },
		{ GET8, AT(2, 0, 0), 0xff }, { GET64, AT(1, 0, 0), 0x0010000000081b36 },
		{ PUT32, AT(1, 0, 0), 0 }, { GET32, AT(1, 0, 0), 0x00081b36 },
		{ PUT32, AT(1, 0, 4), -1u }, { GET32, AT(1, 0, 4), 0x00100007 },
		{ PUT32, AT(1, 3, 0x10), -1u }, { GET32, AT(1, 3, 0x10), 0xfffff000 }, /* its size */
		{ PUT32, AT(1, 3, 0x10), 0xfebd1234 }, { GET32, AT(1, 3, 0x10), 0xfebd1000 }, { GET32, AT(1, 0, 0x10), 0 },
		{ PUT32, AT(1, 0, 0x100), 5 }, { GET32, AT(1, 0, 0x100), 0 }, { GET32, AT(1, 0, 0xffc), 0 },
		{ GET32, AT(1, 0, 0xfe), 0 }, { PUT64, AT(1, 0, 0xfc), -1ull }, /* over the end of what is there */
	};

	(void)state;
	play(steps);
}

static void ports(void **state)
{
	static const struct step steps[] = {
		{ IN32, ADDRESS, 0 }, { IN_NONE, DATA }, /* not enabled */
		{ OUT32, ADDRESS, -1u }, { IN32, ADDRESS, 0x80fffffc },
		{ OUT32, ADDRESS, 0x80011802 }, { IN32, ADDRESS, 0x80011800 }, { IN32, DATA, 0x00091b36 }, { IN16, DATA + 2, 9 },
		{ IN8, DATA + 1, 0x1b }, { OUT32, ADDRESS, 0x80011804 }, { OUT8, DATA, 2 }, { IN8, DATA, 2 }, { GET32, AT(1, 3, 4), 0x00100002 },
		{ OUT32, ADDRESS, 0x80000000 }, { IN32, DATA, 0xffffffff }, { IN8, DATA + 3, 0xff },
		{ IN_NONE, ADDRESS }, { IN_NONE, ADDRESS + 3 },
		{ OUT8, 0xcf9, 2 }, { EVENTS, VM_EVENT_RESET, 0 }, { OUT8, 0xcf9, 6 }, { EVENTS, VM_EVENT_RESET, 1 },
		{ IN8, 0xcf9, 6 }, { IN32, ADDRESS, 0x80000000 },
	};

	(void)state;
	play(steps);
}

static uint32_t answer;
static unsigned int written_at;

static bool read_hook(struct config_space *space, unsigned int offset, unsigned int size, uint32_t *value)
{
	(void)space;
	(void)size;
	*value = answer;
	return offset == 0x60;
}

static void written_hook(struct config_space *space, unsigned int offset, unsigned int size)
{
	(void)space;
	(void)size;
	written_at = offset;
}

static void config_spaces(void **state)
{
	static const struct config_hooks hooks = { read_hook, written_hook };
	struct config_space space = { .reset = machine.config[0], .mask = machine.mask[0], .hooks = &hooks };

	(void)state;
	config_reset(&space);
	assert_int_equal(config_capability(&space, 0x05), 0x40);
	assert_int_equal(config_capability(&space, 0x11), 0x50);
	assert_int_equal(config_capability(&space, 0x10), 0); /* ends though the list does not */
	answer = 0x1234;
	assert_int_equal(config_read(&space, 0x60, 4), 0x1234);
	assert_int_equal(config_read(&space, 0x64, 4), 0);
	config_write(&space, PCI_BAR0, 4, 0x12345678);
	assert_int_equal(written_at, PCI_BAR0);
	assert_int_equal(config_value(&space, PCI_BAR0, 4), 0x12345000);
	config_reset(&space);
	assert_int_equal(config_value(&space, PCI_BAR0, 4), 0);
	space.value[PCI_STATUS] = 0;
	assert_int_equal(config_capability(&space, 0x05), 0);
}

/* Sets registers at reset and their masks, 32 bits each. */
static void put(unsigned int offset, uint32_t value, uint32_t mask)
{
	memcpy(machine.config[0] + offset, &value, 4);
	memcpy(machine.mask[0] + offset, &mask, 4);
}

static void windows(void **state)
{
	struct config_space space = { .reset = machine.config[0], .mask = machine.mask[0] };
	static const struct {
		uint64_t base, size;
		bool port, wide;
	} expected[PCI_BARS] = {
		{ 0xc040, 0x20, true, false },	       /* ports */
		{ 0xfebd1000, 0x1000, false, false },  /* memory */
		{ 0x4600000000, 0x200000000, false, true }, /* 64 bits, 8 GiB */
		{ 0 },				       /* its upper half */
		{ 0 },				       /* not there */
		{ 0xfe000000, 0x1000000, false, false }, /* says 64 bits but is the last: 32 */
	};

	(void)state;
	put(0x10, 1, 0xffffffe0);
	put(0x14, 0, 0xfffff000);
	put(0x18, 0xc, 0);
	put(0x1c, 0, 0xfffffffe);
	put(0x20, 0, 0);
	put(0x24, 4, 0xff000000);
	config_reset(&space);
	config_write(&space, 0x10, 4, 0xc05f);
	config_write(&space, 0x14, 4, 0xfebd1234);
	config_write(&space, 0x18, 4, 0xffffffff);
	config_write(&space, 0x1c, 4, 0x47);
	config_write(&space, 0x24, 4, 0xfe123456);
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct bar_window w = bar_window(&space, i);

		assert_int_equal(w.size, expected[i].size);
		assert_int_equal(w.base, expected[i].base);
		assert_int_equal(w.port, expected[i].port);
		assert_int_equal(w.wide, expected[i].wide);
		assert_false(w.decoded);
	}
	config_write(&space, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_true(bar_window(&space, 0).decoded);
	assert_false(bar_window(&space, 1).decoded);
	config_write(&space, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_false(bar_window(&space, 0).decoded);
	assert_true(bar_window(&space, 2).decoded);
	assert_false(bar_window(&space, 4).decoded);
	assert_int_equal(bar_window(&space, 6).size, 0);
}

static void expect_message(uint64_t address, uint32_t data)
{
	assert_true(machine.messages_read < machine.messages);
	assert_int_equal(machine.message[machine.messages_read].address, address);
	assert_int_equal(machine.message[machine.messages_read].data, data);
	assert_int_equal(machine.message[machine.messages_read++].requester, 0x18);
}

static void messages(void **state)
{
	struct config_space space = { .reset = machine.config[0], .mask = machine.mask[0], .bdf = 0x18 };

	(void)state;
	put(0x40, 0x01860005 | 0x50 << 8, 0x00710000); /* 64 bits, masks, eight messages */
	put(0x44, 0, 0xfffffffc);
	put(0x48, 0, 0xffffffff);
	put(0x4c, 0, 0xffff);
	put(0x50, 0, 0xff);
	put(0x54, 0, 0);
	config_reset(&space);
	assert_false(msi_raise(&machine, &space, 0)); /* not enabled: the pin's */
	config_write(&space, 0x44, 4, 0xfee01000);
	config_write(&space, 0x48, 4, 1);
	config_write(&space, 0x4c, 2, 0x4049);
	config_write(&space, 0x42, 2, 0x0071); /* it asks for 128: eight */
	assert_true(msi_raise(&machine, &space, 3));
	expect_message(0x1fee01000, 0x404b);
	assert_true(msi_raise(&machine, &space, 9));
	expect_message(0x1fee01000, 0x4049);
	config_write(&space, 0x42, 2, 0x0011); /* two */
	assert_true(msi_raise(&machine, &space, 3));
	expect_message(0x1fee01000, 0x4049);
	config_write(&space, 0x50, 4, 0x3);
	assert_true(msi_raise(&machine, &space, 0));
	assert_true(msi_raise(&machine, &space, 1));
	assert_int_equal(machine.messages_read, machine.messages);
	assert_int_equal(config_read(&space, 0x54, 4), 3);
	config_write(&space, 0x50, 4, 0x1);
	msi_written(&machine, &space);
	expect_message(0x1fee01000, 0x4049);
	assert_int_equal(config_read(&space, 0x54, 4), 1);
	msi_written(&machine, &space);
	assert_int_equal(machine.messages_read, machine.messages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ecam, start, end),
		cmocka_unit_test_setup_teardown(ports, start, end),
		cmocka_unit_test_setup_teardown(config_spaces, start, end),
		cmocka_unit_test_setup_teardown(windows, start, end),
		cmocka_unit_test_setup_teardown(messages, start, end),
	};

	return cmocka_run_group_tests_name("pci_host", tests, NULL, NULL);
}
