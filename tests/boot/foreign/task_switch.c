/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel of 32 bits that switches to another task by its TSS (SDM v3 8.3), says so there, and ends. For VT-x, which leaves that to
 * the hypervisor; AMD's processors do it themselves. */
#include <stdint.h>

__attribute__((section(".multiboot"), used, aligned(4))) static const uint32_t header[] = {0x1badb002, 0, -0x1badb002u};

struct tss {
	uint32_t link, esp0, ss0, unused[4], cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt, map;
};
static struct tss first, second;
static uint8_t stack[2][1024];
static uint64_t gdt[5];
static struct __attribute__((packed)) {
	uint16_t limit;
	const void *base;
} gdtr = {sizeof(gdt) - 1, gdt};

static void print(const char *text)
{
	for (; *text; text++)
		__asm__ volatile("outb %0, %1" : : "a"(*text), "Nd"((uint16_t)0x3f8));
}

static void there(void)
{
	print("guest: in the other task\n");
	for (;;)
		__asm__ volatile("outb %0, %1" : : "a"((uint8_t)0x10), "Nd"((uint16_t)0xf4));
}

static uint64_t task(const struct tss *tss)
{
	uint32_t base = (uint32_t)tss;

	return (sizeof(*tss) - 1) | (uint64_t)(base & 0xffffff) << 16 | 0x89ull << 40 | (uint64_t)(base >> 24) << 56;
}

__attribute__((used)) static void main_(void)
{
	gdt[1] = 0x00cf9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	gdt[3] = task(&first);
	gdt[4] = task(&second);
	second = (struct tss){.eip = (uint32_t)there, .eflags = 2, .esp = (uint32_t)(stack[1] + 1024),
			      .es = 16, .cs = 8, .ss = 16, .ds = 16, .fs = 16, .gs = 16, .map = sizeof(second)};
	print("guest: to the other task\n");
	__asm__ volatile("lgdt %0; ljmp $8, $1f; 1: mov $16, %%ax; mov %%ax, %%ds; mov %%ax, %%es; mov %%ax, %%ss; mov $24, %%ax;"
			 "ltr %%ax; ljmp $32, $0" : : "m"(gdtr) : "eax", "memory");
	print("guest: back\n");
}

void start(void);
__attribute__((naked)) void start(void)
{
	__asm__("mov %0, %%esp; call main_" : : "i"(stack[0] + 1024));
}
