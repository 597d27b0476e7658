/* SPDX-License-Identifier: Apache-2.0 */
/* Boot protocols and what goes with them. What is in the files is for kernel/ to say. */
#include "check/check.h"

#include <stdio.h>
#include <string.h>

/* The longest command line without its end, by protocol. 0: the protocol passes none. */
static const uint32_t cmdline_limits[] = {
	[BOOT_PROTOCOL_AUTO] = 4095,	   [BOOT_PROTOCOL_LINUX] = 2047,
	[BOOT_PROTOCOL_PVH] = 2047,	   [BOOT_PROTOCOL_MULTIBOOT1] = 4095,
	[BOOT_PROTOCOL_MULTIBOOT2] = 4095, [BOOT_PROTOCOL_RAW] = 0,
};

/* A key that does not go with the protocol. */
static void report_misfit(const struct check_context *c, struct position at, const char *key,
			  const char *help)
{
	const struct boot *boot = &c->guest->boot;
	struct diag *d = diag_report(c->diags, BOOT_MISFIT, at, key,
				     boot_protocol_name(boot->protocol.value));

	if (was_set(boot->protocol.where))
		diag_note(d, boot->protocol.where.at, "protocol set here");
	diag_help(d, "%s", help);
}

void check_unpack_protocol(const struct check_context *c)
{
	const struct boot *boot = &c->guest->boot;

	if (boot->unpack.value && boot->protocol.value != BOOT_PROTOCOL_AUTO &&
	    boot->protocol.value != BOOT_PROTOCOL_LINUX && boot->protocol.value != BOOT_PROTOCOL_PVH)
		report_misfit(c, boot->unpack.where.at, "unpack",
			      "only a bzImage (`protocol: linux` or `pvh`) can be unpacked");
}

void check_raw_part(const struct check_context *c)
{
	const struct boot *boot = &c->guest->boot;
	bool raw = boot->protocol.value == BOOT_PROTOCOL_RAW;
	struct diag *d;

	if (raw && !was_set(boot->raw.where)) {
		d = diag_report(c->diags, RAW_MISSING, boot->protocol.where.at);
		diag_help(d, "add `raw: { load-address: 0x7c00, entry: 0x7c00, mode: real }`");
	} else if (!raw && was_set(boot->raw.where)) {
		report_misfit(c, boot->raw.where.at, "raw",
			      "set `protocol: raw`, or leave `raw` out");
	}
}

/* Whether a guest-physical address is RAM; a layout of hvcc's own has all low RAM from 0. */
static bool is_ram(const struct memory *memory, uint64_t address)
{
	if (!memory->regions.count)
		return address < memory->size.value;
	for (size_t i = 0; i < memory->regions.count; i++) {
		const struct region *region = &memory->regions.items[i];

		if (region->kind.value == REGION_KIND_RAM && address >= region->gpa.value &&
		    address - region->gpa.value < region->size.value)
			return true;
	}
	return false;
}

static void check_address(const struct check_context *c, uint64_t address, struct where where)
{
	const struct boot *boot = &c->guest->boot;
	const struct memory *memory = &c->guest->memory;
	uint64_t limit = boot->raw.mode.value == RAW_MODE_REAL	    ? 1ull << 20
			 : boot->raw.mode.value == RAW_MODE_PROTECTED ? 1ull << 32
								      : UINT64_MAX;
	struct diag *d;

	if (address >= limit) {
		d = diag_report(c->diags, RAW_UNREACHABLE, where.at, (unsigned long long)address,
				raw_mode_name(boot->raw.mode.value));
		if (was_set(boot->raw.mode.where))
			diag_note(d, boot->raw.mode.where.at, "mode set here");
	} else if (!is_ram(memory, address)) {
		d = diag_report(c->diags, RAW_NO_RAM, where.at, (unsigned long long)address);
		diag_note(d, was_set(memory->size.where) ? memory->size.where.at
							 : memory->where.at,
			  "the guest's memory");
	}
}

void check_raw_place(const struct check_context *c)
{
	const struct raw_boot *raw = &c->guest->boot.raw;

	if (!was_set(raw->where))
		return;
	check_address(c, raw->load_address.value, raw->load_address.where);
	check_address(c, raw->entry.value, raw->entry.where);
}

void check_boot_files(const struct check_context *c)
{
	const struct boot *boot = &c->guest->boot;
	enum boot_protocol protocol = boot->protocol.value;
	bool multiboot = protocol == BOOT_PROTOCOL_MULTIBOOT1 ||
			 protocol == BOOT_PROTOCOL_MULTIBOOT2;

	if (boot->initrd.value && (multiboot || protocol == BOOT_PROTOCOL_RAW))
		report_misfit(c, boot->initrd.where.at, "initrd",
			      multiboot ? "list it in `modules`" : "a raw image gets no other file");
	if (boot->modules.count &&
	    (protocol == BOOT_PROTOCOL_LINUX || protocol == BOOT_PROTOCOL_RAW))
		report_misfit(c, boot->modules.items[0].where.at, "modules",
			      protocol == BOOT_PROTOCOL_LINUX ? "Linux takes one `initrd`"
							      : "a raw image gets no other file");
}

void check_cmdline(const struct check_context *c)
{
	const struct boot *boot = &c->guest->boot;
	size_t length = strlen(boot->cmdline.value), limit = cmdline_limits[boot->protocol.value];
	struct diag *d;

	if (length && !limit) {
		report_misfit(c, boot->cmdline.where.at, "cmdline",
			      "a raw image gets no command line");
	} else if (length > limit) {
		d = diag_report(c->diags, CMDLINE_LONG, boot->cmdline.where.at, length, limit);
		diag_help(d, "Linux takes 2047 characters");
	}
}

/* The number n of a `console=ttySn` in the command line; -1: none from `from` on. */
static int console_line(const char *cmdline, const char **from)
{
	int line;
	char end;

	while ((*from = strstr(*from, "console=ttyS"))) {
		const char *word = *from;

		*from += strlen("console=ttyS");
		if (word > cmdline && word[-1] != ' ')
			continue;
		if (sscanf(*from, "%2d%c", &line, &end) >= 1 && line >= 0)
			return line;
	}
	return -1;
}

void check_cmdline_console(const struct check_context *c)
{
	static const uint32_t usual[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	const struct guest *guest = c->guest;
	const char *cmdline = guest->boot.cmdline.value, *from = cmdline;
	int line;

	while ((line = console_line(cmdline, &from)) >= 0) {
		bool found = line > 3;
		struct diag *d;

		for (size_t i = 0; i < guest->devices.serial.count && !found; i++)
			found = guest->devices.serial.items[i].io.value == usual[line];
		if (found)
			continue;
		d = diag_report(c->diags, CONSOLE_MISSING, guest->boot.cmdline.where.at, line);
		diag_help(d, "add `devices: { serial: [ { id: com%d, io: 0x%x, irq: %d } ] }`",
			  line + 1, usual[line], line & 1 ? 3 : 4);
	}
}
