/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's fixed hardware: the PM timer, the PM1 registers, and the ways to end (ACPI 6.5 4.8.3, 4.8.4, 5.2.9). The word
 * `end=` on the command line chooses: `s5` writes SLP_TYP and SLP_EN, `reset` the reset register, `triple` faults three times,
 * `keyboard` pulses the processor's reset line through the keyboard controller. Whoever runs this looks at what the machine does then; the last line says what is tried.
 */
#include "guest.h"

static void check_timer(void)
{
	uint16_t port = acpi_pm_timer();
	uint32_t width = fadt_read32(112) & (1u << 8) ? 32 : 24, first, second;
	uint64_t mask = (1ull << width) - 1;

	check_true("the FADT names a PM timer", port != 0);
	first = inl(port);
	delay_us(1000);
	second = inl(port);
	check_range("it goes at 3.58 MHz", (second - first) & mask, 3000, 100000);
	check_value("it has no more bits than the FADT says", (first | second) & ~mask, 0);
}

static void check_pm1(void)
{
	uint16_t event = (uint16_t)fadt_read32(56), control = (uint16_t)fadt_read32(64);
	uint16_t enable = (uint16_t)(event + 2);

	check_true("the FADT names PM1a events and control", event && control);
	if (fadt_read32(48)) { /* SMI_CMD */
		skip("ACPI mode is on", "this machine has to be asked");
	} else {
		check_value("ACPI mode is on", inw(control) & 1, 1);
	}
	outw(enable, 0x0100);
	check_value("the power button's enable keeps", inw(enable) & 0x0100, 0x0100);
	outw(enable, 0);
	outw(event, 0xffff);
	check_value("writing ones clears the status", inw(event) & 0x0721, 0);
	check_range("the DSDT has _S5_", acpi_s5_type(), 0, 7);
}

static void end_s5(void)
{
	uint16_t control = (uint16_t)fadt_read32(64);

	outw(control, (uint16_t)(acpi_s5_type() << 10 | 1));
	outw(control, (uint16_t)(acpi_s5_type() << 10 | 1u << 13 | 1));
}

static void end_reset(void)
{
	const uint8_t *fadt = acpi_table("FACP");
	uint64_t address;

	memory_copy(&address, fadt + 120, 8);
	if (!(fadt_read32(112) & (1u << 10)))
		return;
	if (fadt[116] == 1)
		outb((uint16_t)address, fadt[128]);
	else
		*(volatile uint8_t *)address = fadt[128];
}

static void end_triple(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void end_keyboard(void)
{
	outb(0x64, 0xfe);
}

static const struct {
	const char *word;
	void (*end)(void);
} ends[] = {
	{ "end=s5", end_s5 },
	{ "end=reset", end_reset },
	{ "end=triple", end_triple },
	{ "end=keyboard", end_keyboard },
};

int main(void)
{
	check_timer();
	check_pm1();
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (!has_argument(ends[i].word))
			continue;
		print("guest: %s\n", ends[i].word);
		delay_us(1000); /* the UART's FIFO */
		ends[i].end();
		delay_us(1000000);
		check_true("the machine has ended", false);
	}
	return 0;
}
