/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest that says something: a multiboot 1 kernel in 32-bit protected mode without paging. It prints its command line and
 * the processor it sees on COM1, and ends by the debug-exit port.
 */
#include <stdint.h>

#define UART 0x3f8u
#define DEBUG_EXIT 0xf4u

struct multiboot_information {
	uint32_t flags, memory_lower, memory_upper, boot_device;
	const char *command_line; /* valid with bit 2 of flags */
};

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void print(const char *text)
{
	for (; *text; text++) {
		while (!(inb(UART + 5) & 0x20))
			;
		outb(UART, (uint8_t)*text);
	}
}

static void print_vendor(void)
{
	union {
		uint32_t words[3];
		char text[13];
	} vendor = { { 0 } };
	uint32_t leaf = 0;

	__asm__("cpuid" : "+a"(leaf), "=b"(vendor.words[0]), "=d"(vendor.words[1]), "=c"(vendor.words[2]));
	print(vendor.text);
}

void hello(const struct multiboot_information *information);
void hello(const struct multiboot_information *information)
{
	print("hello from ");
	print(information->flags & 4 ? information->command_line : "a guest");
	print(", on a processor by ");
	print_vendor();
	print("\r\n");
	outb(DEBUG_EXIT, 0);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* The multiboot header (within the first 8 KiB of the file), and the entry: EBX points at the information. */
__asm__(".section .text.startup, \"ax\"\n"
	".align 4\n"
	".long 0x1badb002, 0, -0x1badb002\n"
	".globl start\n"
	"start: movl $stack_top, %esp\n"
	"pushl %ebx\n"
	"call hello\n"
	".section .bss\n"
	".skip 4096\n"
	"stack_top:\n"
	".section .note.GNU-stack, \"\", @progbits\n"
	".text");
