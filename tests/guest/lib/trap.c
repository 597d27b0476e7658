/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions and interrupts: one IDT, a handler a vector, and try(), which an exception ends. */
#include "guest.h"

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, attributes;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

extern const uint8_t trap_entries[256][16];
extern const uint8_t trap_resume[];
extern uint64_t gdt_tss[2];
uint64_t guarded_call(uint64_t (*function)(void), uint64_t *stack);
void trap_dispatch(struct frame *frame);

static struct gate idt[256];
static trap_handler *handlers[256];
static struct tss tss;
static uint8_t ist_stacks[2][8192] __attribute__((aligned(16)));
static uint8_t kernel_stack[8192] __attribute__((aligned(16)));

/* try() is for one processor at a time; the others' exceptions are fatal unless they have a handler. */
static uint64_t try_stack;
static struct trap *try_trap;

void set_gate(uint8_t vector, uint8_t attributes, uint8_t ist)
{
	uint64_t entry = (uint64_t)trap_entries[vector];

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)entry,
		.selector = 0x08,
		.ist = ist,
		.attributes = attributes,
		.offset_middle = (uint16_t)(entry >> 16),
		.offset_high = (uint32_t)(entry >> 32),
	};
}

void load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
}

void trap_setup(void);
void trap_setup(void)
{
	uint64_t base = (uint64_t)&tss;

	for (unsigned vector = 0; vector < 256; vector++)
		set_gate((uint8_t)vector, 0x8e, 0);
	tss.rsp[0] = (uint64_t)(kernel_stack + sizeof(kernel_stack));
	tss.ist[0] = (uint64_t)(ist_stacks[0] + sizeof(ist_stacks[0]));
	tss.ist[1] = (uint64_t)(ist_stacks[1] + sizeof(ist_stacks[1]));
	tss.io_map = sizeof(tss);
	gdt_tss[0] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	gdt_tss[1] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(0x48));
	load_idt();
}

void on_vector(uint8_t vector, trap_handler *handler)
{
	handlers[vector] = handler;
}

volatile uint32_t hits[256];

static void count_one(struct frame *frame)
{
	hits[frame->vector]++;
	apic_write(APIC_EOI, 0);
}

void count_vector(uint8_t vector)
{
	hits[vector] = 0;
	on_vector(vector, count_one);
}

void interrupt_window(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

bool wait_hits(uint8_t vector, uint32_t count, uint32_t milliseconds)
{
	uint64_t end = rdtsc() + milliseconds * tsc_per_ms();

	while (hits[vector] < count && rdtsc() < end)
		interrupt_window();
	return hits[vector] >= count;
}

uint64_t try(uint64_t (*stimulus)(void), struct trap *trap)
{
	uint64_t value;

	*trap = (struct trap){ .vector = NO_TRAP };
	try_trap = trap;
	value = guarded_call(stimulus, &try_stack);
	try_trap = NULL;
	return value;
}

void trap_dispatch(struct frame *frame)
{
	if (handlers[frame->vector]) {
		handlers[frame->vector](frame);
		return;
	}
	if (try_trap && frame->vector < 32) {
		*try_trap = (struct trap){ .vector = (int)frame->vector, .error = frame->error, .rip = frame->rip,
					   .cr2 = read_cr2(), .rflags = frame->rflags, .dr6 = read_dr6() };
		frame->rip = (uint64_t)trap_resume;
		frame->rsp = try_stack;
		frame->cs = 0x08;
		frame->ss = 0x10;
		frame->rflags = 0x2;
		return;
	}
	print("\nnot ok - unexpected vector %lu error 0x%lx rip 0x%lx cr2 0x%lx rsp 0x%lx rflags 0x%lx\n", frame->vector,
	      frame->error, frame->rip, read_cr2(), frame->rsp, frame->rflags);
	guest_exit(0x11);
}
