/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI configuration space by ports 0xcf8/0xcfc and by memory (MCFG): the same registers at every width, nothing where there
 * is no function, read-only fields that stay. (PCI 3.0 3.2.2.3; PCI firmware 3.2 4.1.)
 */
#include "guest.h"

static uint64_t ecam;

static void select(uint32_t function, uint32_t offset)
{
	outl(0xcf8, 0x80000000u | function << 8 | (offset & 0xfc));
}

static uint32_t read_ports(uint32_t function, uint32_t offset)
{
	select(function, offset);
	return inl(0xcfc);
}

static uint64_t at(uint32_t function, uint32_t offset)
{
	return ecam + ((uint64_t)function << 12) + offset;
}

static void check_ports(void)
{
	uint32_t ids = read_ports(0, 0);

	check_true("there is a host bridge at 00:00.0", (ids & 0xffff) != 0xffff && ids != 0);
	check_value("its class is host bridge", read_ports(0, 8) >> 16, 0x0600);
	check_value("the address register reads back", (outl(0xcf8, 0x80000844), inl(0xcf8)), 0x80000844);
	select(0, 0);
	check_value("words", inw(0xcfe), ids >> 16);
	check_value("bytes", inb(0xcfd), ids >> 8 & 0xff);
	check_value("nothing at 00:1e.7", read_ports(0x1e << 3 | 7, 0), 0xffffffff);
	check_value("nothing on bus 0x55", read_ports(0x5500, 0), 0xffffffff);
	outl(0xcf8, 0);
	check_value("disabled, the data port is no configuration space", inl(0xcfc), 0xffffffff);
	select(0, 0);
	outl(0xcfc, 0x12345678);
	check_value("ids are read-only", read_ports(0, 0), ids);
}

static void check_memory(void)
{
	uint32_t functions = 0;
	bool same = true;

	for (uint32_t function = 0; function < 256; function++) {
		uint32_t ids = read_ports(function, 0);

		if (mmio_read(at(function, 0)) != ids)
			same = false;
		if ((ids & 0xffff) == 0xffff)
			continue;
		functions++;
		note("%x:%x.%x is %04x:%04x class %06x", 0, function >> 3, function & 7, ids & 0xffff, ids >> 16,
		     read_ports(function, 8) >> 8);
		for (uint32_t offset = 0; offset < 64; offset += 4)
			if (offset != 4 && mmio_read(at(function, offset)) != read_ports(function, offset))
				same = false;
	}
	check_true("both ways show the same on bus 0", same);
	check_range("functions on bus 0", functions, 1, 255);
	check_value("words in memory", *(volatile uint16_t *)at(0, 2), mmio_read(at(0, 0)) >> 16);
	check_value("bytes in memory", *(volatile uint8_t *)at(0, 1), mmio_read(at(0, 0)) >> 8 & 0xff);
	check_value("nothing at 00:1e.7", mmio_read(at(0x1e << 3 | 7, 0)), 0xffffffff);
	mmio_write(at(0, 0x3c), mmio_read(at(0, 0x3c)) ^ 0x5a);
	check_value("a write by memory is seen by the ports", read_ports(0, 0x3c), mmio_read(at(0, 0x3c)));
}

int main(void)
{
	const uint8_t *mcfg = acpi_table("MCFG");

	check_ports();
	if (!mcfg) {
		skip("configuration space in memory", "there is no MCFG");
		return 0;
	}
	memory_copy(&ecam, mcfg + 44, 8);
	note("configuration space at 0x%lx, buses %u to %u", ecam, mcfg[54], mcfg[55]);
	check_memory();
	return 0;
}
