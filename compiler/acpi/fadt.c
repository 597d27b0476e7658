/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI 6.5, 5.2.9 "Fixed ACPI Description Table (FADT)" and 5.2.10 "Firmware ACPI Control
 * Structure (FACS)": full hardware ACPI without SMI (the machine is in ACPI mode from the start),
 * one PM1 block, a PM timer, a reset register; no GPE blocks, no fixed buttons.
 */
#include "acpi/table.h"

enum fadt_flags { /* 5.2.9, table 5.10 */
	FADT_WBINVD = 1u << 0,
	FADT_PROC_C1 = 1u << 2,
	FADT_PWR_BUTTON = 1u << 4, /* no fixed power button */
	FADT_SLP_BUTTON = 1u << 5, /* no fixed sleep button */
	FADT_FIX_RTC = 1u << 6,	   /* RTC wake status is not in the fixed registers */
	FADT_TMR_VAL_EXT = 1u << 8, /* the PM timer has 32 bits */
	FADT_RESET_REG_SUP = 1u << 10,
};

enum boot_architecture { /* 5.2.9.3 "IA-PC Boot Architecture Flags" */
	BOOT_LEGACY_DEVICES = 1u << 0,
	BOOT_NO_VGA = 1u << 2,
	BOOT_NO_ASPM = 1u << 4,
	BOOT_NO_CMOS_RTC = 1u << 5,
};

enum { MAJOR = 6, MINOR = 5, SERVER = 4, CENTURY_UNKNOWN = 0, FADT_SIZE = 276 };

static uint16_t boot_flags(const struct lowered *guest)
{
	uint16_t flags = BOOT_NO_VGA | BOOT_NO_ASPM;

	if (table_device(guest, HV_DEVICE_UART))
		flags |= BOOT_LEGACY_DEVICES;
	if (!guest->chips.rtc)
		flags |= BOOT_NO_CMOS_RTC;
	return flags;
}

/* Registers relative to the PM1a event block, as HV_DEVICE_ACPI_PM defines them. */
enum { PM1_CONTROL = 4, PM_TIMER = 8 };

static void old_blocks(struct buffer *table, const struct lowered_device *pm)
{
	uint32_t base = (uint32_t)pm->record.base;

	buffer_u32(table, base);
	buffer_u32(table, 0);
	buffer_u32(table, base + PM1_CONTROL);
	buffer_zeros(table, 8); /* PM1b control, PM2 control */
	buffer_u32(table, base + PM_TIMER);
	buffer_zeros(table, 8); /* GPE0, GPE1 */
	buffer_u8(table, 4);	/* PM1 event */
	buffer_u8(table, 2);	/* PM1 control */
	buffer_u8(table, 0);
	buffer_u8(table, 4); /* PM timer */
	buffer_zeros(table, 4);
}

static void extended_blocks(struct buffer *table, const struct lowered_device *pm)
{
	uint64_t base = pm->record.base;

	table_address(table, ADDRESS_IO, 32, 16, base);
	buffer_zeros(table, 12);
	table_address(table, ADDRESS_IO, 16, 16, base + PM1_CONTROL);
	buffer_zeros(table, 24);
	table_address(table, ADDRESS_IO, 32, 32, base + PM_TIMER);
	buffer_zeros(table, 24 + 24); /* GPEs; sleep registers are those of hardware-reduced ACPI */
}

void build_fadt(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	const struct lowered_device *pm = table_device(guest, HV_DEVICE_ACPI_PM);
	const struct lowered_device *rtc = table_device(guest, HV_DEVICE_RTC);

	table_begin(table, guest, "FACP", MAJOR);
	buffer_u32(table, (uint32_t)places->facs);
	buffer_u32(table, (uint32_t)places->dsdt);
	buffer_u8(table, 0);
	buffer_u8(table, SERVER);
	buffer_u16(table, (uint16_t)pm->record.gsi);
	buffer_zeros(table, 8); /* no SMI command: ACPI mode already */
	old_blocks(table, pm);
	buffer_u16(table, 0xffff); /* no C2 ... */
	buffer_u16(table, 0xffff); /* ... nor C3 */
	buffer_zeros(table, 8);	   /* cache flush and duty fields; alarms */
	buffer_u8(table, rtc ? (uint8_t)rtc->record.parameter[0] : CENTURY_UNKNOWN);
	buffer_u16(table, boot_flags(guest));
	buffer_u8(table, 0);
	buffer_u32(table, FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON |
				  FADT_FIX_RTC | FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP);
	table_address(table, ADDRESS_IO, 8, 8, pm->record.parameter[1]);
	buffer_u8(table, (uint8_t)pm->record.parameter[2]);
	buffer_u16(table, 0);
	buffer_u8(table, MINOR);
	buffer_u64(table, 0); /* FACS: the 32-bit field says it */
	buffer_u64(table, places->dsdt);
	extended_blocks(table, pm);
	buffer_u64(table, 0); /* hypervisor vendor: told by CPUID */
	table_end(table);
	_Static_assert(FADT_SIZE == 244 + 24 + 8, "size of a 6.5 FADT");
}

void build_facs(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	enum { FACS_SIZE = 64, FACS_VERSION_OFFSET = 32, FACS_VERSION = 2 };

	(void)guest;
	(void)places;
	buffer_bytes(table, "FACS", 4);
	buffer_u32(table, FACS_SIZE);
	buffer_zeros(table, FACS_SIZE - 8);
	buffer_patch_u8(table, FACS_VERSION_OFFSET, FACS_VERSION);
}
