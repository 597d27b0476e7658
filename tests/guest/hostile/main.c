/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that attacks. From a seed (`seed=` on the command line; else from the clocks, so that each restart goes another way, and
 * it is printed) it does, one after the other and as fast as it can, whatever leaves the guest: ports, MSRs, CPUID, hypercalls,
 * control registers, PCI, the interrupt controllers, registers in memory by ordinary and by random instructions, interrupts to
 * itself and others, writes into the structures that it shares with the hypervisor.
 *
 *	first processor		table of attacks below, one random row after the other; what faults is caught
 *	second processor	changes the bytes of the instruction that the first one runs, all the time; and pulls the reset
 *				line when the first one does not go on
 *	watchdog		the same, where both have come to rest
 *
 * It wins when somebody else is hurt: the guest heartbeat beside it says so. That this one crashes, hangs, resets or ends is part of
 * the game, and it is started again. Each 4,096th attack is a line `hostile: attacks N`.
 */
#include "guest.h"

#define REPORT 4096u
#define PATIENCE 1000000u /* rounds of the watching processor without an attack */

static uint64_t state;
static volatile uint64_t attacks;
static volatile uint32_t watching; /* rounds the second processor made */
static uint8_t code[64] __attribute__((aligned(4096)));
static uint8_t scratch[16384] __attribute__((aligned(4096)));

/* xorshift64* */
static uint64_t any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static uint32_t below(uint32_t limit)
{
	return (uint32_t)((any() >> 32) % limit);
}

/* A value as attackers like them: small, at an edge, one bit, or anything. */
static uint64_t value(void)
{
	switch (below(6)) {
	case 0:
		return below(256);
	case 1:
		return 1ull << below(64);
	case 2:
		return ~(1ull << below(64));
	case 3:
		return (uint64_t)scratch + below(sizeof(scratch));
	case 4:
		return 0 - (uint64_t)below(256);
	default:
		return any();
	}
}

struct range {
	uint32_t first, last;
};

static uint32_t from(const struct range *ranges, uint32_t count)
{
	const struct range *r = &ranges[below(count)];

	return r->first + below(r->last - r->first + 1);
}
#define FROM(ranges) from(ranges, sizeof(ranges) / sizeof((ranges)[0]))

/* -------------------------------------------------------------------------------------- ports */

static const struct range ports[] = {
	{ 0x20, 0x21 }, { 0x40, 0x43 }, { 0x60, 0x64 }, { 0x61, 0x61 }, { 0x70, 0x77 }, { 0x80, 0x80 }, { 0xa0, 0xa1 },
	{ 0x2f8, 0x2ff }, { 0x3f8, 0x3ff }, { 0x4d0, 0x4d1 }, { 0x505, 0x505 }, { 0x600, 0x63f }, { 0xcf8, 0xcff }, { 0, 0xffff },
};

/* What ends the guest by design would end the attack. */
static bool ends(uint16_t port, uint64_t v)
{
	return port - 0xcf9u < 1 || port == 0x64 || port == 0xf4 || port == 0x505 ||
	       (port >= 0x600 && port < 0x640 && v & 0x2000);
}

static uint64_t port_out(void)
{
	uint16_t port = (uint16_t)FROM(ports);
	uint32_t v = (uint32_t)value();

	for (unsigned i = 0; i < 4; i++)
		if (ends((uint16_t)(port + i), v))
			return 0;
	switch (below(3)) {
	case 0:
		outb(port, (uint8_t)v);
		break;
	case 1:
		outw(port, (uint16_t)v);
		break;
	default:
		outl(port, v);
	}
	return 0;
}

static uint64_t port_in(void)
{
	uint16_t port = (uint16_t)FROM(ports);

	return below(2) ? inb(port) : below(2) ? inw(port) : inl(port);
}

static uint64_t port_string(void)
{
	uint64_t count = below(600), at = below(4) ? (uint64_t)scratch + below(8192) : value();
	uint16_t port = (uint16_t)FROM(ports);

	if (ends(port, 0) || port == 0x3f8)
		return 0;
	if (below(2))
		__asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(port) : "memory");
	else
		__asm__ volatile("rep insl" : "+D"(at), "+c"(count) : "d"(port) : "memory");
	return 0;
}

/* --------------------------------------------------------------------------------- processor */

static const struct range msrs[] = {
	{ 0, 0x20 }, { 0x1b, 0x1b }, { 0x3a, 0x3b }, { 0x48, 0x49 }, { 0x79, 0x8b }, { 0xc1, 0xff }, { 0x10a, 0x10b }, { 0x122, 0x180 },
	{ 0x186, 0x1a2 }, { 0x1d9, 0x1de }, { 0x200, 0x2ff }, { 0x38d, 0x390 }, { 0x400, 0x420 }, { 0x480, 0x493 }, { 0x560, 0x58f },
	{ 0x6e0, 0x6e0 }, { 0x800, 0x83f }, { 0xda0, 0xda0 }, { 0xc0000080, 0xc0000084 }, { 0xc0000100, 0xc0000104 },
	{ 0xc0010000, 0xc0010150 }, { 0x40000000, 0x400000ff }, { 0x4b564d00, 0x4b564d0f }, { 0x11, 0x12 }, { 0, 0xffffffff },
};

static uint64_t msr_read(void)
{
	return rdmsr(FROM(msrs));
}

static uint64_t msr_write(void)
{
	uint32_t msr = FROM(msrs);

	wrmsr(msr, below(2) ? rdmsr(msr) ^ 1ull << below(64) : value());
	return 0;
}

static uint64_t cpuid_any(void)
{
	static const struct range leaves[] = {
		{ 0, 0x24 }, { 0x40000000, 0x40000110 }, { 0x80000000, 0x80000030 }, { 0, 0xffffffff },
	};

	return cpuid(FROM(leaves), (uint32_t)value()).eax;
}

static uint64_t hypercall(void)
{
	uint64_t number = below(4) ? below(20) : value(), result;

	if (below(2))
		__asm__ volatile("vmcall" : "=a"(result) : "a"(number), "b"(value()), "c"(value()), "d"(value()), "S"(value()) : "memory");
	else
		__asm__ volatile("vmmcall" : "=a"(result) : "a"(number), "b"(value()), "c"(value()), "d"(value()), "S"(value()) : "memory");
	return result;
}

/* One bit of a control register over and back; paging and long mode would only end it. */
static uint64_t control_register(void)
{
	uint64_t bit = 1ull << below(64), old;

	switch (below(5)) {
	case 0:
		old = read_cr0();
		write_cr0(old ^ (bit & ~0x80000001ull));
		write_cr0(old);
		break;
	case 1:
		old = read_cr4();
		write_cr4(old ^ (bit & ~0xb01020ull)); /* nor those that make its own pages unusable */
		write_cr4(old);
		break;
	case 2:
		if (on_lenient()) /* QEMU stops itself where an interrupt waits meanwhile */
			break;
		write_cr8(value());
		write_cr8(0);
		break;
	case 3:
		xsetbv((uint32_t)below(2), value());
		break;
	default:
		write_dr7(value());
		write_dr7(0x400);
	}
	return 0;
}

/* --------------------------------------------------------------------------- registers in memory */

static const struct range windows[] = {
	{ 0xfee00000, 0xfee00fff }, { 0xfec00000, 0xfec00fff }, { 0xfed00000, 0xfed003ff }, { 0xe0000000, 0xe00fffff },
	{ 0xb0000000, 0xb00fffff }, { 0xa0000, 0xfffff }, { 0x80000000, 0xffffffff },
};

static uint64_t target(void)
{
	uint64_t at = FROM(windows);

	return below(4) ? at & ~15ull : at;
}

static uint64_t memory_move(void)
{
	uint64_t at = target(), v = value(), count = below(40), from = (uint64_t)scratch;

	switch (below(9)) {
	case 0:
		__asm__ volatile("movb %b1, (%0)" : : "r"(at), "q"(v) : "memory");
		break;
	case 1:
		__asm__ volatile("movw %w1, (%0)" : : "r"(at), "r"(v) : "memory");
		break;
	case 2:
	case 3:
		__asm__ volatile("movl %k1, (%0)" : : "r"(at), "r"(v) : "memory");
		break;
	case 4:
		__asm__ volatile("movq %1, (%0)" : : "r"(at), "r"(v) : "memory");
		break;
	case 5:
		return mmio_read(at);
	case 6:
		__asm__ volatile("lock xaddl %k1, (%0)" : : "r"(at), "r"(v) : "memory");
		break;
	case 7:
		__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(count) : : "memory");
		break;
	default:
		__asm__ volatile("movups (%0), %%xmm0; movups %%xmm0, (%0)" : : "r"(at) : "memory");
	}
	return 0;
}

/*
 * Bytes that are one instruction with an operand at (%rdi), then returns: what it takes as an immediate is one, too. Now and then the
 * opcode is any byte; what the hypervisor does not emulate ends this guest. The second processor changes the bytes meanwhile.
 */
static void write_instruction(void)
{
	/* No 0x67: Bochs stops itself at a string instruction that has it. */
	static const uint8_t prefixes[] = { 0x40, 0x2e, 0x64, 0x66, 0xf0, 0xf2, 0xf3, 0x48, 0x44, 0x4c };
	static const uint8_t one[] = { 0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x21, 0x22, 0x28, 0x29, 0x31, 0x33, 0x38, 0x39, 0x3b, 0x63,
				       0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad,
				       0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xd1 };
	static const uint8_t two[] = { 0xb6, 0xb7, 0xbe, 0xbf, 0xb0, 0xb1, 0xc0, 0xc1, 0xc7, 0xa3, 0xab, 0xb3, 0xbb, 0xba };
	static const uint8_t vectors[] = { 0x10, 0x11, 0x28, 0x29, 0x6f, 0x7f, 0xe7 };
	uint32_t form = below(16), known = form < 3 ? 3 : (uint32_t)sizeof(prefixes);
	uint8_t *p = code;

	memory_set(code, 0xc3, sizeof(code));
	for (uint32_t i = below(3); i; i--)
		*p++ = prefixes[below(known)];
	switch (form) {
	case 0: /* VEX */
		*p++ = 0xc5;
		*p++ = (uint8_t)(0xf9 | below(2) << 2);
		*p++ = vectors[below(sizeof(vectors))];
		break;
	case 1: /* EVEX */
		*p++ = 0x62;
		*p++ = 0xf1;
		*p++ = (uint8_t)(0x7d | below(2) << 7);
		*p++ = (uint8_t)(0x08 | below(3) << 5);
		*p++ = vectors[below(sizeof(vectors))];
		break;
	case 2:
		*p++ = 0x66;
		*p++ = 0x0f;
		*p++ = vectors[below(sizeof(vectors))];
		break;
	case 3:
	case 4:
	case 5:
		*p++ = 0x0f;
		*p++ = two[below(sizeof(two))];
		break;
	default:
		*p++ = one[below(sizeof(one))];
	}
	if (!below(65536))
		p[-1] = (uint8_t)any();
	*p = (uint8_t)(below(8) << 3 | 7); /* (%rdi) */
	if (*p == (4 << 3 | 7)) /* the way back is on the stack */
		*p = 7;
	if (p[-1] == 0xc6 || p[-1] == 0xc7 || p[-1] == 0xfe)
		*p &= 7; /* their other forms are none */
	if (p[-1] == 0xba)
		*p |= 0x20;
}

static uint64_t run_code(void)
{
	uint64_t at = below(4) ? target() : (uint64_t)scratch + below(8192), a = value(), c = below(20), d = value();
	uint64_t from = below(2) ? target() : (uint64_t)scratch + below(8192);

	__asm__ volatile("push %%rbp; call *%[code]; pop %%rbp; cld"
			 : "+D"(at), "+S"(from), "+a"(a), "+c"(c), "+d"(d)
			 : [code] "r"(code)
			 : "memory", "cc", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
	return a;
}

static uint64_t random_instruction(void)
{
	write_instruction();
	return run_code();
}

/* -------------------------------------------------------------------------------- PCI, interrupts */

static uint64_t pci_config(void)
{
	outl(0xcf8, (uint32_t)(0x80000000u | below(4) << 16 | below(8) << 11 | below(8) << 8 | below(64) << 2));
	if (below(2))
		return inl(0xcfc);
	outl(0xcfc, (uint32_t)value());
	return 0;
}

static uint64_t send_interrupt(void)
{
	uint32_t low = (uint32_t)(any() & 0xdffff);

	if ((low >> 8 & 7) >= 5 && below(64)) /* INIT and start-up: the watching processor is gone for long */
		low &= ~0x700u;
	apic_send(below(4) ? below(3) : (uint32_t)any(), low);
	return 0;
}

static uint64_t storm(void)
{
	uint32_t vector = 32 + below(224);

	for (uint32_t i = below(64); i; i--)
		apic_send(apic_id(), 0x4000 | vector);
	interrupt_window();
	return 0;
}

static uint64_t timers(void)
{
	apic_write(APIC_LVT_TIMER, (uint32_t)(any() & 0x700ff));
	apic_write(APIC_TIMER_DIVIDE, (uint32_t)any() & 0xb);
	apic_write(APIC_TIMER_INITIAL, below(2) ? below(1000) : (uint32_t)any());
	interrupt_window();
	return 0;
}

static uint64_t window(void)
{
	interrupt_window();
	return 0;
}

/* ------------------------------------------------------------------------------ what is shared */

/* The pages and rings whose addresses the hypervisor was told: some of them lie in `scratch`. */
static uint64_t scribble(void)
{
	uint64_t v = value();

	memory_copy(scratch + below(sizeof(scratch) - 8), &v, 8);
	return 0;
}

static const struct {
	uint64_t (*attack)(void);
	uint32_t weight;
} table[] = {
	{ port_out, 8 },	 { port_in, 8 },       { port_string, 1 },	  { msr_read, 8 },   { msr_write, 8 },
	{ cpuid_any, 6 },	 { hypercall, 4 },     { control_register, 4 },	  { memory_move, 16 }, { random_instruction, 16 },
	{ run_code, 4 },	 { pci_config, 6 },    { send_interrupt, 3 },	  { storm, 1 },	     { timers, 1 },
	{ window, 2 },		 { scribble, 4 },
};

static uint64_t (*choose(void))(void)
{
	uint32_t sum = 0, at;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		sum += table[i].weight;
	at = below(sum);
	for (size_t i = 0;; i++) {
		if (at < table[i].weight)
			return table[i].attack;
		at -= table[i].weight;
	}
}

/* -------------------------------------------------------------------------- the second processor */

static void watch(void *argument)
{
	uint64_t seen = 0, mine = 88172645463325252ull;
	uint32_t idle = 0;

	(void)argument;
	for (;;) {
		mine ^= mine << 13;
		mine ^= mine >> 7;
		mine ^= mine << 17;
		if (!(mine & 0xffff))
			((volatile uint8_t *)code)[mine >> 8 & 3] ^= (uint8_t)(mine >> 16 & (mine & 0x40000000 ? 0x3f : 3));
		watching++;
		idle = seen == attacks ? idle + 1 : 0;
		seen = attacks;
		if (idle > PATIENCE)
			outb(0xcf9, 6);
	}
}

/* The watchdog's first port, by the table: control, count, what is left; 0: there is none. */
static uint16_t watchdog(void)
{
	const uint8_t *wdat = acpi_table("WDAT");
	uint64_t address, least = ~0ull;
	uint32_t entries;

	if (!wdat)
		return 0;
	memory_copy(&entries, wdat + 64, 4);
	for (uint32_t i = 0; i < entries; i++) {
		memory_copy(&address, wdat + 68 + 24 * i + 8, 8);
		least = address < least ? address : least;
	}
	return (uint16_t)least;
}

static void take(struct frame *frame)
{
	(void)frame;
	apic_write(APIC_EOI, 0);
}

static uint64_t number_after(const char *word, uint64_t otherwise)
{
	uint64_t n = 0;

	for (const char *text = command_line(); *text; text++) {
		size_t i = 0;

		while (word[i] && text[i] == word[i])
			i++;
		if (word[i])
			continue;
		for (text += i; *text >= '0' && *text <= '9'; text++)
			n = n * 10 + (uint64_t)(*text - '0');
		return n;
	}
	return otherwise;
}

int main(void)
{
	uint64_t seed = number_after("seed=", 0), counted = 0;
	uint16_t dog = watchdog();
	struct trap trap;

	apic_enable();
	if (dog)
		outl(dog, 1);
	outb(0x70, 0); /* the wall clock goes on from one start to the next */
	state = seed ? seed : (rdtsc() << 20 ^ (uint64_t)inb(0x71) << 8 ^ inl(acpi_pm_timer())) | 1;
	print("hostile: seed=%lu\n", state);
	for (unsigned vector = 32; vector < 256; vector++)
		on_vector((uint8_t)vector, take);
	if (start_processors() > 1)
		start_on(1, watch, NULL);
	for (;;) {
		uint64_t (*attack)(void) = choose();

		try(attack, &trap);
		disable_interrupts();
		if (++attacks % REPORT == 0)
			print("\nhostile: attacks %lu\n", attacks);
		if (attacks != ++counted) /* it has hit itself */
			outb(0xcf9, 6);
		if (dog && attacks % 256 == 0)
			outl((uint16_t)(dog + 8), 1);
	}
}
