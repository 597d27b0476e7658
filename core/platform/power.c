/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of the machine. */
#include "platform/power.h"

#include "console/log.h"
#include "lib/bits.h"
#include "x86/insn.h"

/* PM1 control, ACPI 6.5 4.8.3.2.1. */
#define PM1_SCI_EN  BIT(0)
#define PM1_SLP_TYP BITS(12, 10)
#define PM1_SLP_EN  BIT(13)

#define DSDT_LIMIT	  MIB(4)
#define DEBUG_EXIT_FAILED 0x7f /* status 255 */
#define PATIENCE	  1000000

static struct {
	struct acpi_host acpi;
	uint32_t slp_typ;
	uint16_t debug_exit_port;
} power = {.slp_typ = POWER_TYPE_UNKNOWN};

static uint32_t search_dsdt(uint64_t phys, acpi_map *map)
{
	const uint8_t *header = phys ? map(phys, 36) : NULL, *dsdt;
	uint32_t size;
	uint8_t type;

	if (!header)
		return POWER_TYPE_UNKNOWN;
	size = *(const uint32_t *)(header + 4);
	dsdt = size >= 36 && size <= DSDT_LIMIT ? map(phys, size) : NULL;
	return dsdt && !acpi_find_s5(dsdt, size, &type) ? type : POWER_TYPE_UNKNOWN;
}

void power_find(const struct acpi_host *a, uint32_t slp_typ, acpi_map *map)
{
	power.acpi = *a;
	power.slp_typ = slp_typ == POWER_TYPE_UNKNOWN ? search_dsdt(a->dsdt, map) : slp_typ;
	if (power.slp_typ == POWER_TYPE_UNKNOWN)
		log_warning("this machine's S5 is not known: power-off will halt");
}

void power_set_debug_exit(uint16_t port)
{
	power.debug_exit_port = port;
}

static NORETURN void halt(void)
{
	for (;;) {
		cli();
		hlt();
	}
}

static uint16_t pm1_read(const struct acpi_address *a)
{
	return in16((uint16_t)a->address);
}

static void pm1_sleep(const struct acpi_address *a)
{
	uint16_t v;

	if (!a->address || a->space != ACPI_SPACE_IO)
		return;
	v = (uint16_t)field_set(pm1_read(a), PM1_SLP_TYP, power.slp_typ);
	out16((uint16_t)a->address, v);
	out16((uint16_t)a->address, v | PM1_SLP_EN);
}

/* 4.8.2.3: legacy mode ends when firmware sets SCI_EN; then the sleep registers work. */
static void enable_acpi(void)
{
	const struct acpi_address *control = &power.acpi.pm1a_control;

	if (!control->address || control->space != ACPI_SPACE_IO || !power.acpi.smi_command ||
	    !power.acpi.acpi_enable)
		return;
	if (pm1_read(control) & PM1_SCI_EN)
		return;
	out8((uint16_t)power.acpi.smi_command, power.acpi.acpi_enable);
	for (unsigned int i = 0; i < PATIENCE && !(pm1_read(control) & PM1_SCI_EN); i++)
		cpu_pause();
}

void power_off(void)
{
	cli();
	console_drain();
	if (power.slp_typ != POWER_TYPE_UNKNOWN) {
		enable_acpi();
		pm1_sleep(&power.acpi.pm1a_control);
		pm1_sleep(&power.acpi.pm1b_control);
		for (unsigned int i = 0; i < PATIENCE; i++)
			cpu_pause();
	}
	log_info("it is now safe to switch the machine off");
	halt();
}

/* 5.2.3.2: device 47:32, function 31:16, offset 15:0, on bus 0 of segment 0. */
static void reset_by_pci(uint64_t address)
{
	out32(0xcf8, (uint32_t)(BIT(31) | field_get(address, BITS(36, 32)) << 11 |
				field_get(address, BITS(18, 16)) << 8 | (address & 0xfc)));
	out8((uint16_t)(0xcfc + (address & 3)), power.acpi.reset_value);
}

static void reset_by_register(void)
{
	const struct acpi_address *r = &power.acpi.reset;

	if (!power.acpi.reset_supported || !r->address)
		return;
	if (r->space == ACPI_SPACE_IO)
		out8((uint16_t)r->address, power.acpi.reset_value);
	else if (r->space == ACPI_SPACE_PCI)
		reset_by_pci(r->address);
}

static void triple_fault(void)
{
	static const struct table_register nothing;

	lidt(&nothing);
	breakpoint();
}

void power_reset(void)
{
	cli();
	reset_by_register();
	for (unsigned int i = 0; i < PATIENCE; i++)
		cpu_pause();
	out8(0xcf9, 0x02);
	out8(0xcf9, 0x06);
	for (unsigned int i = 0; i < PATIENCE; i++)
		cpu_pause();
	triple_fault();
	__builtin_unreachable();
}

void power_debug_exit(uint32_t value)
{
	if (power.debug_exit_port)
		out32(power.debug_exit_port, value);
	power_off();
}

void power_stop_failed(void)
{
	log_error("the core has stopped");
	if (power.debug_exit_port)
		out32(power.debug_exit_port, DEBUG_EXIT_FAILED);
	halt();
}
