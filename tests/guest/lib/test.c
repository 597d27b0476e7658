/* SPDX-License-Identifier: Apache-2.0 */
/* Checks as lines of TAP, the command line, and the way out. */
#include <stdarg.h>

#include "guest.h"

struct multiboot {
	uint32_t flags, memory_lower, memory_upper, boot_device, command_line;
};

#define MULTIBOOT_MAGIC 0x2badb002u

extern uint64_t multiboot_pointer;
extern uint32_t multiboot_magic;
void vprint(const char *format, va_list list);
void trap_setup(void);
void console_setup(void);
void guest_main(void);

static unsigned checks;
static unsigned failures;

static bool line(bool good, const char *name)
{
	checks++;
	failures += !good;
	print("%sok %u - %s", good ? "" : "not ", checks, name);
	return good;
}

void check_value(const char *name, uint64_t got, uint64_t want)
{
	if (!line(got == want, name))
		print(": got 0x%lx, want 0x%lx", got, want);
	put('\n');
}

void check_range(const char *name, uint64_t got, uint64_t least, uint64_t most)
{
	if (!line(got >= least && got <= most, name))
		print(": got %lu, want %lu to %lu", got, least, most);
	put('\n');
}

void check_true(const char *name, bool holds)
{
	line(holds, name);
	put('\n');
}

void skip(const char *name, const char *reason)
{
	line(true, name);
	print(" # SKIP %s\n", reason);
}

void note(const char *format, ...)
{
	va_list list;

	print("# ");
	va_start(list, format);
	vprint(format, list);
	va_end(list);
	put('\n');
}

static void check_row(const struct row *row)
{
	struct trap trap;
	uint64_t value;

	if ((on_bare() && row->not_bare) || (on_lenient() && row->not_lenient)) {
		skip(row->name, row->not_lenient ? row->not_lenient : row->not_bare);
		return;
	}
	value = try(row->stimulus, &trap);
	if (trap.vector != NO_TRAP)
		value = trap.error;
	if (!line(trap.vector == row->vector && value == row->value, row->name))
		print(": got vector %d value 0x%lx, want vector %d value 0x%lx", trap.vector, value, row->vector, row->value);
	put('\n');
}

void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_row(&rows[i]);
}

const void *multiboot_information(void)
{
	return (const void *)multiboot_pointer;
}

const char *command_line(void)
{
	const struct multiboot *information = multiboot_information();

	if (multiboot_magic != MULTIBOOT_MAGIC) /* PVH: struct hvm_start_info, cmdline_paddr at 24 */
		return (const char *)((const uint64_t *)multiboot_pointer)[3];
	return information->flags & 4 ? (const char *)(uint64_t)information->command_line : "";
}

bool has_argument(const char *word)
{
	for (const char *text = command_line(); *text;) {
		const char *w = word;

		while (*w && *text == *w) {
			w++;
			text++;
		}
		if (!*w && (*text == ' ' || !*text))
			return true;
		while (*text && *text != ' ')
			text++;
		while (*text == ' ')
			text++;
	}
	return false;
}

bool on_lenient(void)
{
	return has_argument("lenient");
}

bool on_bare(void)
{
	return has_argument("bare");
}

void guest_exit(uint32_t status)
{
	/* Each of these is harmless where it means nothing. */
	outl(0xf4, status);
	for (const char *word = "Shutdown"; *word; word++)
		outb(0x8900, (uint8_t)*word);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void guest_finish(void)
{
	print("1..%u\n", checks);
	print("%s\n", failures ? "guest: failed" : "guest: passed");
	guest_exit(failures ? 0x11 : 0x10);
}

void guest_main(void)
{
	console_setup();
	trap_setup();
	/* The firmware leaves the 8259s on vectors that are exceptions here: silence, until a guest wants them. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	main();
	guest_finish();
}
