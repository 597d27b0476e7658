/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercall by which a guest locks ranges of its own memory until it is reset (schema/hypercalls.md). A locked sub-page of
 * 128 bytes can be read and no longer written; locks add up, none is undone, and the eight pages of guest.yaml are all there are.
 * What a refused write does is the guard's business (tests/guest/spp); here it has no effect.
 *
 * With `again` on the command line the guest resets itself at the end: nothing may be locked when it starts.
 */
#include "guest.h"

#define LOCK	  0x48560001ull
#define AREA	  0x3000000ul /* within two large pages, each of them split by the first lock in it */
#define OTHER	  0x3201000ul
#define HALF	  0x3400000ul /* guarded by guest.yaml: sub-pages 0 to 15 are open */
#define PAGES	  8ul
#define PART	  128ul
#define PAGE	  4096ul
#define EPERM_	  1ull
#define E2BIG_	  7ull
#define EFAULT_	  14ull
#define EINVAL_	  22ull
#define ENOSYS_	  1000ull

static bool intel;

static uint64_t call(uint64_t number, uint64_t address, uint64_t size)
{
	if (intel)
		__asm__ volatile("vmcall" : "+a"(number) : "b"(address), "c"(size) : "memory");
	else
		__asm__ volatile("vmmcall" : "+a"(number) : "b"(address), "c"(size) : "memory");
	return number;
}

static uint64_t lock(uint64_t address, uint64_t size)
{
	return call(LOCK, address, size);
}

static volatile uint64_t *word(uint64_t address)
{
	return (volatile uint64_t *)address;
}

static bool is_open(uint64_t address)
{
	uint64_t old = *word(address);

	*word(address) = ~old;
	return *word(address) == ~old;
}

/* Which sub-pages of a page take a write. */
static uint32_t open_parts(uint64_t page)
{
	uint32_t parts = 0;

	for (uint32_t i = 0; i < 32; i++)
		parts |= (uint32_t)is_open(page + i * PART + 8) << i;
	return parts;
}

static void check_leaf(void)
{
	for (uint32_t base = 0x40000000; base < 0x40001000; base += 0x100) {
		struct cpuid name = cpuid(base, 0), what;

		if (name.ebx != 0x6f637648 || name.ecx != 0x76486572 || name.edx != 0x65726f63) /* "HvcoreHvcore" */
			continue;
		what = cpuid(base + 1, 0);
		check_true("the signature's leaf names the next one", name.eax >= base + 1);
		check_value("that has the call", what.eax & 1, 1);
		check_value("... and how many pages there are", what.ebx, PAGES);
		return;
	}
	check_true("CPUID has the interface's signature", false);
}

static const struct {
	const char *name;
	uint64_t number, address, size, error;
} hostile[] = {
	{ "another number", LOCK + 1, AREA, PART, ENOSYS_ },
	{ "a number of 64 bits", LOCK | 1ull << 32, AREA, PART, ENOSYS_ },
	{ "no bytes", LOCK, AREA, 0, EINVAL_ },
	{ "half a sub-page", LOCK, AREA, 64, EINVAL_ },
	{ "from the middle of one", LOCK, AREA + 64, PART, EINVAL_ },
	{ "more bytes than there are addresses", LOCK, AREA, 0 - PART, EFAULT_ },
	{ "to the end of all addresses, and on", LOCK, 0 - PART, 2 * PART, EFAULT_ },
	{ "the highest address", LOCK, 0 - PART, PART, EFAULT_ },
	{ "behind RAM", LOCK, 0x4000000, PART, EFAULT_ },
	{ "from RAM into what is behind it", LOCK, 0x4000000 - PART, 2 * PART, EFAULT_ },
	{ "registers of the local APIC", LOCK, 0xfee00000, PART, EFAULT_ },
	{ "an address of 2^52", LOCK, 1ull << 52, PART, EFAULT_ },
	{ "all of RAM", LOCK, 0x1000000, 0x2000000, E2BIG_ },
	{ "a page too many", LOCK, AREA, (PAGES + 1) * PAGE, E2BIG_ },
	{ "as many bytes, in a page too many", LOCK, AREA + PART, PAGES * PAGE, E2BIG_ },
};

static void check_hostile(void)
{
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		check_value(hostile[i].name, call(hostile[i].number, hostile[i].address, hostile[i].size), 0 - hostile[i].error);
	check_value("after all that nothing is locked", open_parts(AREA), ~0u);
}

static void check_parts(void)
{
	*word(AREA + 3 * PART) = 0x1234;
	check_value("a sub-page", lock(AREA + 3 * PART, PART), 0);
	check_value("... is closed, and no other one", open_parts(AREA), ~(1u << 3));
	check_value("... and keeps what it had", *word(AREA + 3 * PART), 0x1234);
	check_value("once more", lock(AREA + 3 * PART, PART), 0);
	check_value("beside it, and over it", lock(AREA + 2 * PART, 4 * PART), 0);
	check_value("... adds up", open_parts(AREA), ~0x3cu);
	check_value("across the end of a page", lock(AREA + PAGE - PART, 2 * PART), 0);
	check_value("... closes the last of one", open_parts(AREA), ~0x8000003cu);
	check_value("... and the first of the next", open_parts(AREA + PAGE), ~1u);
	check_value("a whole page", lock(OTHER, PAGE), 0);
	check_value("... is closed", open_parts(OTHER), 0);
	check_value("... and not those beside it", (uint64_t)open_parts(OTHER - PAGE) << 32 | open_parts(OTHER + PAGE), ~0ull);
	check_value("what guest.yaml has opened of a page", lock(HALF, PART), 0);
	check_value("... closes, and nothing of it opens", open_parts(HALF), 0xfffeu);
}

/* Four pages are in use. */
static void check_limit(void)
{
	check_value("as many pages as are left", lock(OTHER + PAGE, (PAGES - 4) * PAGE), 0);
	check_value("one more", lock(AREA + 2 * PAGE, PART), 0 - E2BIG_);
	check_value("... stays open", open_parts(AREA + 2 * PAGE), ~0u);
	check_value("one more, behind one that is locked", lock(AREA + PAGE, 2 * PAGE), 0 - E2BIG_);
	check_value("... and nothing of that one was closed", open_parts(AREA + PAGE), ~1u);
	check_value("more of one that is locked in part", lock(AREA, PAGE), 0);
	check_value("... is closed", open_parts(AREA), 0);
	check_value("all that is locked can be read", *word(AREA + 3 * PART) == 0x1234 || *word(AREA + 3 * PART) == ~0x1234ull, 1);
}

/* Another processor writes without end: once the call has returned, nothing comes any more. */
static volatile uint32_t stop;

static void write_on(void *argument)
{
	volatile uint64_t *to = argument;

	for (uint64_t n = 1; !stop; n++)
		*to = n;
}

static void check_others(void)
{
	volatile uint64_t *to = word(AREA + PAGE + 8 * PART);
	uint64_t result, last, later;

	if (has_argument("deaf") || start_processors() < 2) {
		skip("a writer on another processor", "there is none, or nothing ends its run while its interrupts are off (Bochs)");
		return;
	}
	start_on(1, write_on, (void *)(uintptr_t)to);
	while (*to < 1000)
		pause();
	result = lock(AREA + PAGE + 8 * PART, PART);
	last = *to;
	delay_us(2000);
	later = *to;
	stop = 1;
	while (!is_done(1))
		pause();
	check_value("lock while another processor writes", result, 0);
	check_value("... whose writes have ended with the call", later, last);
	check_value("... in that sub-page only", is_open(AREA + PAGE + 9 * PART), 1);
}

static void reset(void)
{
	const uint8_t *fadt = acpi_table("FACP");
	uint64_t address;

	memory_copy(&address, fadt + 120, 8);
	print("guest: locked, and now resets\n");
	outb((uint16_t)address, fadt[128]);
}

int main(void)
{
	intel = cpuid(0, 0).ecx == 0x6c65746e; /* "ntel" */
	if (on_bare()) {
		skip("the call", "there is nobody to call");
		return 0;
	}
	check_leaf();
	check_hostile();
	check_parts();
	check_limit();
	check_others();
	if (has_argument("again"))
		reset();
	return 0;
}
