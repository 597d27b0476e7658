/* SPDX-License-Identifier: Apache-2.0 */
/* The static ACPI tables (ACPI 6.5 5.2), and time measured against the PM timer they name. */
#include "guest.h"

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
} __attribute__((packed));
struct header {
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
};

#define PM_TIMER_HZ 3579545u

static uint8_t sum(const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	uint8_t total = 0;

	while (size--)
		total = (uint8_t)(total + *p++);
	return total;
}

static const struct rsdp *scan(uint64_t from, uint64_t to)
{
	for (; from < to; from += 16)
		if (!memory_compare((const void *)from, "RSD PTR ", 8) && !sum((const void *)from, 20))
			return (const struct rsdp *)from;
	return NULL;
}

static const struct rsdp *find_rsdp(void)
{
	static const struct rsdp *found;
	uint64_t ebda;

	if (found)
		return found;
	__asm__ volatile("movzwq (%1), %0" : "=r"(ebda) : "r"(0x40eul));
	ebda <<= 4;
	if (ebda >= 0x80000 && ebda < 0xa0000)
		found = scan(ebda, ebda + 1024);
	if (!found)
		found = scan(0xe0000, 0x100000);
	return found;
}

const void *acpi_table(const char *signature)
{
	const struct rsdp *rsdp = find_rsdp();
	const struct header *root;
	size_t width;

	if (!rsdp)
		return NULL;
	width = rsdp->revision >= 2 && rsdp->xsdt ? 8 : 4;
	root = (const struct header *)(width == 8 ? rsdp->xsdt : rsdp->rsdt);
	for (size_t at = sizeof(*root); at + width <= root->length; at += width) {
		uint64_t address = 0;

		memory_copy(&address, (const uint8_t *)root + at, width);
		if (!memory_compare((const void *)address, signature, 4))
			return (const void *)address;
	}
	return NULL;
}

uint32_t fadt_read32(size_t offset)
{
	const uint8_t *fadt = acpi_table("FACP");
	uint32_t value = 0;

	if (fadt)
		memory_copy(&value, fadt + offset, 4);
	return value;
}

uint16_t acpi_pm_timer(void)
{
	return (uint16_t)fadt_read32(76);
}

uint32_t acpi_s5_type(void)
{
	uint64_t address = fadt_read32(40);
	const uint8_t *dsdt;
	uint32_t length;

	if (!address && acpi_table("FACP"))
		memory_copy(&address, (const uint8_t *)acpi_table("FACP") + 140, 8);
	if (!address)
		return ~0u;
	dsdt = (const uint8_t *)address;
	length = ((const struct header *)address)->length;
	for (uint32_t i = 36; i + 12 < length; i++) {
		if (memory_compare(dsdt + i, "_S5_", 4) || dsdt[i + 4] != 0x12)
			continue;
		i += 5;
		i += (dsdt[i] >> 6) + 2u; /* package length and the number of elements */
		return dsdt[i] == 0x0a ? dsdt[i + 1] : dsdt[i];
	}
	return ~0u;
}

uint64_t tsc_per_ms(void)
{
	static uint64_t measured;
	uint16_t port = acpi_pm_timer();
	uint32_t start, passed;
	uint64_t tsc;

	if (measured)
		return measured;
	if (!port)
		return measured = 1000000;
	start = inl(port);
	tsc = rdtsc();
	do
		passed = (inl(port) - start) & 0xffffff;
	while (passed < PM_TIMER_HZ / 100);
	measured = (rdtsc() - tsc) * (PM_TIMER_HZ / 1000) / passed;
	return measured;
}

bool wait_until(volatile const uint32_t *word, uint32_t value, uint32_t milliseconds)
{
	uint64_t end = rdtsc() + milliseconds * tsc_per_ms();

	while (*word != value)
		if (rdtsc() > end)
			return *word == value;
		else
			pause();
	return true;
}

void delay_us(uint32_t microseconds)
{
	uint64_t end = rdtsc() + microseconds * tsc_per_ms() / 1000;

	while (rdtsc() < end)
		pause();
}
