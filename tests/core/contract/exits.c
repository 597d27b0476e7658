/* SPDX-License-Identifier: Apache-2.0 */
/* What the exit handlers make of each exit: CPUID, MSRs, ports, MMIO, control registers. Against
 * the fake backend. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/shim/fake_backend.h"
#include "../unit/shim/guest_ram.h"
#include "../unit/shim/quiet_log.h"
#include "lib/bits.h"
#include "vcpu/cpuid.h"
#include "x86/msr.h"

#include <cmocka.h>

static struct vcpu *const vcpu = &fake_vcpus[0];
static struct fake_arch *const arch = &fake_arch[0];

/* ---- a device of one register and a byte of behaviour */

static struct {
	enum access_result result;
	uint64_t value;
	struct bus_access last;
	uint32_t calls;
	bool locked;
} device;

static enum access_result device_access(void *context, struct bus_access *access)
{
	assert_ptr_equal(context, &device);
	device.last = *access;
	device.calls++;
	device.locked = spin_is_locked(&fake_guest.device_lock);
	if (!access->write)
		access->value = device.value;
	return device.result;
}

static void add_range(enum guest_bus bus, uint64_t first, uint64_t last, uint32_t flags)
{
	const struct bus_range range = {.first = first,
					.last = last,
					.handler = device_access,
					.context = &device,
					.flags = flags};

	assert_int_equal(bus_add(&fake_guest.bus[bus], &range), STATUS_OK);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	memset(&device, 0, sizeof(device));
	return 0;
}

static enum verdict run(struct vcpu_exit exit)
{
	vcpu->exit = exit;
	return exit_table[exit.reason](vcpu);
}

/* The exit ended in that exception, and RIP is where it was. */
static void expect_exception(uint8_t vector)
{
	assert_true(vcpu->exception.valid);
	assert_int_equal(vcpu->exception.vector, vector);
	assert_int_equal(arch->rip, 0x1000);
}

static void expect_advanced(uint32_t length)
{
	assert_false(vcpu->exception.valid);
	assert_int_equal(arch->rip, 0x1000 + length);
}

/* ---- CPUID */

static struct cpuid_entry entries[] = {
	{.value = {0x10, 1, 2, 3}},
	{.value = {0xa20f10, 0x00000800, 0, 0x1783fbff},
	 .dynamic = HV_DYNAMIC_APIC_ID8 | HV_DYNAMIC_OSXSAVE | HV_DYNAMIC_APIC_ENABLE},
	{.value = {1, 2, 0x100, 0},
	 .dynamic = HV_DYNAMIC_APIC_ID32,
	 .flags = HV_CPUID_SUBLEAF,
	 .subleaves = 2},
	{.value = {4, 4, 0x200, 0},
	 .dynamic = HV_DYNAMIC_APIC_ID32,
	 .flags = HV_CPUID_SUBLEAF,
	 .subleaves = 2},
	{.value = {7, 7, 7, 7}},
};
static const uint16_t basic[] = {0, 1, 0xffff, 2}, extended[] = {4};

static void use_cpuid(void)
{
	fake_guest.cpuid = (struct cpuid_table){.limit = {4, 0, 1},
						.index = {basic, basic, extended},
						.entries = entries,
						.count = 5};
}

static void cpuid_is(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t c,
		     uint32_t d)
{
	arch->rip = 0x1000;
	vcpu->gpr[RAX] =
		0xffffffff00000000ull | leaf; /* the upper halves do not count, and are cleared */
	vcpu->gpr[RCX] = 0xffffffff00000000ull | subleaf;
	assert_int_equal(run((struct vcpu_exit){.reason = EXIT_CPUID, .length = 2}),
			 VERDICT_RESUME);
	assert_int_equal(vcpu->gpr[RAX], a);
	assert_int_equal(vcpu->gpr[RBX], b);
	assert_int_equal(vcpu->gpr[RCX], c);
	assert_int_equal(vcpu->gpr[RDX], d);
	expect_advanced(2);
}

static void test_cpuid(void **state)
{
	(void)state;
	use_cpuid();
	cpuid_is(0, 0, 0x10, 1, 2, 3);
	cpuid_is(0, 99, 0x10, 1, 2, 3);
	cpuid_is(2, 0, 0, 0, 0, 0);
	cpuid_is(4, 0, 0, 0, 0, 0);
	cpuid_is(0x40000000, 0, 0, 0, 0, 0);
	cpuid_is(0x80000000, 0, 7, 7, 7, 7);
	cpuid_is(0x80000001, 0, 0, 0, 0, 0);
	cpuid_is(0xc0000000, 0, 0, 0, 0, 0);
	cpuid_is(0xffffffff, 0, 0, 0, 0, 0);
	fake_guest.cpuid.flags = HV_POLICY_INTEL_LIMIT;
	fake_guest.cpuid.limit[0] = 1;
	cpuid_is(0x1234, 0, 0x10, 1, 2, 3);
}

static void test_cpuid_dynamic(void **state)
{
	static const struct hv_vcpu record = {.apic_id = 0x305};

	(void)state;
	use_cpuid();
	vcpu->record = &record;
	cpuid_is(1, 0, 0xa20f10, 0x05000800, 0, 0x1783fbff);
	arch->cr[4] = CR4_OSXSAVE;
	fake_chips[0].base = 0; /* the APIC is off */
	cpuid_is(1, 0, 0xa20f10, 0x05000800, (uint32_t)CPUID_1_ECX_OSXSAVE,
		 0x1783fbff & ~(uint32_t)CPUID_1_EDX_APIC);
	cpuid_is(3, 0, 1, 2, 0x100, 0x305);
	cpuid_is(3, 1, 4, 4, 0x201, 0x305);
	cpuid_is(3, 9, 4, 4, 0x209, 0x305); /* past the last: the id still */
}

/* ---- MSRs */

static struct msr_entry msrs[] = {
	{.first = 0x10, .last = 0x10, .read = HV_MSR_GP, .write = HV_MSR_GP},
	{.first = 0x200,
	 .last = 0x20f,
	 .read = HV_MSR_STORE,
	 .write = HV_MSR_STORE,
	 .slot = 4,
	 .write_mask = 0xff},
	{.first = 0x300,
	 .last = 0x300,
	 .read = HV_MSR_FIXED,
	 .write = HV_MSR_FIXED,
	 .reset = 0x1234567812345678},
	{.first = 0x800,
	 .last = 0x8ff,
	 .read = HV_MSR_HANDLER,
	 .write = HV_MSR_HANDLER,
	 .handler = device_access,
	 .context = &device},
	{.first = MSR_STAR, .last = MSR_STAR, .read = HV_MSR_PASS, .write = HV_MSR_PASS},
};

static enum verdict rdmsr_exit(uint32_t msr)
{
	arch->rip = 0x1000;
	vcpu->exception.valid = false;
	vcpu->gpr[RCX] = 0xabcd00000000ull | msr;
	return run((struct vcpu_exit){.reason = EXIT_MSR, .length = 2, .write = false});
}

static enum verdict wrmsr_exit(uint32_t msr, uint64_t value)
{
	arch->rip = 0x1000;
	vcpu->exception.valid = false;
	vcpu->gpr[RCX] = msr;
	vcpu->gpr[RAX] = 0xffffffff00000000ull | (uint32_t)value;
	vcpu->gpr[RDX] = value >> 32;
	return run((struct vcpu_exit){.reason = EXIT_MSR, .length = 2, .write = true});
}

static void reads(uint32_t msr, uint64_t value)
{
	assert_int_equal(rdmsr_exit(msr), VERDICT_RESUME);
	assert_int_equal(vcpu->gpr[RAX], (uint32_t)value);
	assert_int_equal(vcpu->gpr[RDX], value >> 32);
	expect_advanced(2);
}

static void writes(uint32_t msr, uint64_t value)
{
	assert_int_equal(wrmsr_exit(msr, value), VERDICT_RESUME);
	expect_advanced(2);
}

static void test_msr_actions(void **state)
{
	(void)state;
	fake_guest.msr = (struct msr_table){.entries = msrs, .count = ARRAY_SIZE(msrs)};
	rdmsr_exit(0x10);
	expect_exception(VECTOR_GP);
	wrmsr_exit(0x10, 0);
	expect_exception(VECTOR_GP);
	vcpu->msr_slots[4 + 3] = 0xaa00;
	reads(0x203, 0xaa00);
	writes(0x203, 0xaa55);
	reads(0x203, 0xaa55);
	wrmsr_exit(0x203, 0xbb55); /* changes a bit outside the mask */
	expect_exception(VECTOR_GP);
	reads(0x203, 0xaa55);
	reads(0x204, 0);
	reads(0x300, 0x1234567812345678);
	writes(0x300, 1);
	reads(0x300, 0x1234567812345678);
	writes(MSR_STAR, 0x5555555566666666);
	assert_int_equal(arch->star, 0x5555555566666666);
	reads(MSR_STAR, 0x5555555566666666);
}

static void test_msr_handler(void **state)
{
	(void)state;
	fake_guest.msr = (struct msr_table){.entries = msrs, .count = ARRAY_SIZE(msrs)};
	device.value = 0x8877665544332211;
	reads(0x80b, 0x8877665544332211);
	assert_int_equal(device.last.address, 0x80b);
	assert_int_equal(device.last.size, 8);
	assert_false(device.last.write || device.locked);
	writes(0x830, 0x700000041);
	assert_int_equal(device.last.value, 0x700000041);
	assert_true(device.last.write);
	device.result = ACCESS_FAULT;
	rdmsr_exit(0x80b);
	expect_exception(VECTOR_GP);
	device.result = ACCESS_NONE;
	wrmsr_exit(0x80b, 0);
	expect_exception(VECTOR_GP);
	device.result = ACCESS_STOP;
	assert_int_equal(wrmsr_exit(0x80b, 0), VERDICT_CRASH);
}

static void test_msr_unlisted(void **state)
{
	(void)state;
	fake_guest.msr = (struct msr_table){.entries = msrs, .count = ARRAY_SIZE(msrs)};
	rdmsr_exit(0xdeadbeef);
	expect_exception(VECTOR_GP);
	fake_guest.msr.flags = HV_POLICY_MSR_IGNORE;
	reads(0xdeadbeef, 0);
	writes(0xdeadbeef, 1);
}

/* EFER and TSC: the core's own. */
static struct msr_entry own[3];

static void use_own_msrs(void)
{
	assert_int_equal(msr_add_own(&fake_guest), STATUS_OK);
	bus_seal(&fake_guest.bus[GUEST_MSR]);
	for (uint32_t i = 0; i < 3; i++) {
		const struct bus_range *r = &fake_guest.bus[GUEST_MSR].ranges[i];

		own[i] = (struct msr_entry){.first = (uint32_t)r->first,
					    .last = (uint32_t)r->last,
					    .read = HV_MSR_HANDLER,
					    .write = HV_MSR_HANDLER,
					    .handler = r->handler,
					    .context = r->context};
	}
	fake_guest.msr = (struct msr_table){.entries = own, .count = 3};
	fake_guest.efer = EFER_SCE | EFER_LME | EFER_NXE;
}

static void test_efer(void **state)
{
	(void)state;
	use_own_msrs();
	arch->cr[0] = CR0_PE;
	arch->efer = 0;
	writes(MSR_EFER, EFER_LME | EFER_NXE);
	assert_int_equal(arch->flushes, 1);
	reads(MSR_EFER, EFER_LME | EFER_NXE);
	wrmsr_exit(MSR_EFER, EFER_LME | EFER_SVME); /* not in the policy */
	expect_exception(VECTOR_GP);
	arch->cr[0] |= CR0_PG;
	arch->efer |= EFER_LMA;
	wrmsr_exit(MSR_EFER, 0); /* long mode is active */
	expect_exception(VECTOR_GP);
	writes(MSR_EFER, EFER_LME | EFER_SCE | EFER_NXE); /* LMA is ignored, and stays */
	reads(MSR_EFER, EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE);
}

static void test_tsc(void **state)
{
	(void)state;
	use_own_msrs();
	vcpu->tsc_offset = 500;
	reads(MSR_TSC, 1000500); /* time_now() of these tests is 1000000 */
	writes(MSR_TSC, 2000000);
	assert_int_equal(arch->tsc_offset, 1000000);
	reads(MSR_TSC_ADJUST, 999500);
	writes(MSR_TSC_ADJUST, 0);
	assert_int_equal(arch->tsc_offset, 500);
	assert_int_equal(fake_chips[0].tsc_moves, 2); /* a deadline is due at another time */
}

/* ---- ports */

static enum verdict port(uint16_t number, uint8_t size, bool in)
{
	struct vcpu_exit exit = {.reason = EXIT_PORT, .length = 1};

	arch->rip = 0x1000;
	exit.port.number = number;
	exit.port.size = size;
	exit.port.in = in;
	return run(exit);
}

static void test_ports(void **state)
{
	static const struct {
		uint8_t size;
		uint64_t after;
	} rows[] = {{1, 0x11223344556677ef}, {2, 0x112233445566beef}, {4, 0xdeadbeef}};

	(void)state;
	add_range(GUEST_PORT, 0x3f8, 0x3ff, BUS_LOCKED);
	bus_seal(&fake_guest.bus[GUEST_PORT]);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		device.value = 0xdeadbeef;
		vcpu->gpr[RAX] = 0x1122334455667788;
		assert_int_equal(port(0x3f8, rows[i].size, true), VERDICT_RESUME);
		assert_int_equal(vcpu->gpr[RAX], rows[i].after);
		assert_true(device.locked);
		expect_advanced(1);
		vcpu->gpr[RAX] = 0x1122334455667788;
		assert_int_equal(port(0x3f8, rows[i].size, false), VERDICT_RESUME);
		assert_int_equal(device.last.value,
				 0x1122334455667788 & (BIT(8 * rows[i].size) - 1));
		assert_int_equal(vcpu->gpr[RAX], 0x1122334455667788);
	}
	assert_false(spin_is_locked(&fake_guest.device_lock));
}

static void test_ports_nowhere(void **state)
{
	(void)state;
	add_range(GUEST_PORT, 0x3f8, 0x3ff, 0);
	bus_seal(&fake_guest.bus[GUEST_PORT]);
	vcpu->gpr[RAX] = 0;
	port(0x80, 1, true);
	assert_int_equal(vcpu->gpr[RAX], 0xff);
	port(0x3ff, 4, true); /* half of it is nowhere */
	assert_int_equal(vcpu->gpr[RAX], 0xffffffff);
	assert_int_equal(device.calls, 0);
	port(0x80, 4, false);
	expect_advanced(1);
}

/* ---- memory-mapped I/O, through the emulator */

#define MMIO 0x300000ull

static enum verdict mmio(const char *bytes, size_t size, uint64_t gpa, bool write)
{
	struct vcpu_exit exit = {.reason = EXIT_MEMORY};

	arch->rip = 0x1000;
	vcpu->exception.valid = false;
	memcpy(guest_ram_at(0x1000), bytes, size);
	exit.memory.gpa = gpa;
	exit.memory.write = write;
	return run(exit);
}

static void use_mmio(void)
{
	add_range(GUEST_MMIO, MMIO, MMIO + 0xfff, 0);
	bus_seal(&fake_guest.bus[GUEST_MMIO]);
	vcpu->gpr[RBX] = MMIO + 0xb0;
}

static void test_mmio(void **state)
{
	(void)state;
	use_mmio();
	vcpu->gpr[RAX] = 0x1122334455667788;
	assert_int_equal(mmio("\x89\x03", 2, MMIO + 0xb0, true),
			 VERDICT_RESUME); /* mov %eax, (%rbx) */
	assert_int_equal(device.last.value, 0x55667788);
	assert_int_equal(device.last.address, MMIO + 0xb0);
	assert_int_equal(device.last.size, 4);
	expect_advanced(2);
	device.value = 0x8000000000000001;
	mmio("\x48\x8b\x03", 3, MMIO + 0xb0, false); /* mov (%rbx), %rax */
	assert_int_equal(vcpu->gpr[RAX], 0x8000000000000001);
	device.value = 0x80;
	mmio("\x48\x0f\xbe\x03", 4, MMIO + 0xb0, false); /* movsbq (%rbx), %rax */
	assert_int_equal(vcpu->gpr[RAX], 0xffffffffffffff80);
	/* The second time through the cached page; the guest has written another instruction there.
	 */
	device.calls = 0;
	mmio("\x66\x83\x0b\x40", 4, MMIO + 0xb0, false); /* orw $0x40, (%rbx) */
	assert_int_equal(device.calls, 2);
	assert_int_equal(device.last.value, 0xc0);
	assert_int_equal(device.last.size, 2);
	expect_advanced(4);
}

/* A locked update of RAM, whatever its alignment and size: the guest changed its code after the exit. */
static void test_locked_updates(void **state)
{
	static const uint8_t wanted[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

	(void)state;
	use_mmio();
	memset(guest_ram_at(0x2ff0), 0x11, 32);
	vcpu->gpr[RAX] = 0x01010101;
	vcpu->gpr[RBX] = 0x2ff3;
	assert_int_equal(mmio("\xf0\x01\x03", 3, MMIO + 0xb0, true), VERDICT_RESUME); /* lock add %eax, (%rbx) */
	expect_advanced(3);
	assert_int_equal(*(uint64_t *)guest_ram_at(0x2ff0), 0x1112121212111111ull);
	vcpu->gpr[RBX] = 0x2ffe;
	assert_int_equal(mmio("\xf0\x01\x03", 3, MMIO + 0xb0, true), VERDICT_RESUME); /* two pages */
	expect_advanced(3);
	assert_memory_equal(guest_ram_at(0x2ffc), "\x11\x11\x12\x12\x12\x12\x11\x11", 8);
	memcpy(guest_ram_at(0x2000), wanted, 16);
	memcpy(&vcpu->gpr[RAX], wanted, 8);
	memcpy(&vcpu->gpr[RDX], wanted + 8, 8);
	vcpu->gpr[RBX] = 7;
	vcpu->gpr[RCX] = 9;
	vcpu->gpr[RSI] = 0x2000;
	mmio("\xf0\x48\x0f\xc7\x0e", 5, MMIO + 0xb0, true); /* lock cmpxchg16b (%rsi) */
	expect_advanced(5);
	assert_int_equal(((uint64_t *)guest_ram_at(0x2000))[0], 7);
	assert_int_equal(((uint64_t *)guest_ram_at(0x2000))[1], 9);
	assert_int_equal(device.calls, 0);
}

static void test_mmio_results(void **state)
{
	(void)state;
	use_mmio();
	device.result = ACCESS_NONE;
	vcpu->gpr[RAX] = 0;
	mmio("\x8b\x03", 2, MMIO + 0xb0, false);
	assert_int_equal(vcpu->gpr[RAX], 0xffffffff);
	device.result = ACCESS_STOP;
	assert_int_equal(mmio("\x8b\x03", 2, MMIO + 0xb0, false), VERDICT_CRASH);
	/* An instruction that the emulator does not have ends the guest with its bytes in the log.
	 */
	device.result = ACCESS_DONE;
	assert_int_equal(mmio("\x0f\x0b", 2, MMIO + 0xb0, false), VERDICT_CRASH);
}

/* Nothing there, ROM, reserved: reads give ones (or the ROM), writes vanish, a line is logged, and
 * not without end. */
static void test_mmio_nowhere(void **state)
{
	(void)state;
	use_mmio();
	vcpu->gpr[RBX] = 0x5000000;
	quiet_log_lines = 0;
	for (int i = 0; i < 100; i++) {
		mmio("\x8b\x03", 2, 0x5000000, false);
		assert_int_equal(vcpu->gpr[RAX], 0xffffffff);
	}
	assert_int_equal(quiet_log_lines, GUEST_UNANSWERED_LOGGED);
	vcpu->gpr[RBX] = ROM_BASE + 8;
	memcpy(guest_rom + 8, "\x12\x34\x56\x78", 4);
	mmio("\x89\x03", 2, ROM_BASE + 8, true);
	expect_advanced(2);
	mmio("\x8b\x03", 2, ROM_BASE + 8, false);
	assert_int_equal(vcpu->gpr[RAX], 0x78563412);
	assert_int_equal(device.calls, 0);
}

static void test_mmio_what_cannot_be(void **state)
{
	struct vcpu_exit exit = {.reason = EXIT_MEMORY};

	(void)state;
	use_mmio();
	exit.memory.gpa = MMIO;
	exit.memory.table_walk = true;
	assert_int_equal(run(exit), VERDICT_CRASH);
	exit.memory.table_walk = false;
	exit.memory.fetch = true;
	assert_int_equal(run(exit), VERDICT_RESUME);
	expect_exception(VECTOR_UD);
	exit.memory.fetch = false;
	vcpu->vectoring.valid = true;
	assert_int_equal(run(exit), VERDICT_CRASH);
}

/* REP OUTSB goes in portions, so that interrupts and requests come in between. */
static void test_string_port(void **state)
{
	struct vcpu_exit exit = {.reason = EXIT_PORT};

	(void)state;
	add_range(GUEST_PORT, 0x3f8, 0x3ff, 0);
	bus_seal(&fake_guest.bus[GUEST_PORT]);
	memcpy(guest_ram_at(0x1000), "\xf3\x6e", 2);
	vcpu->gpr[RSI] = 0x2000;
	vcpu->gpr[RCX] = 1000;
	vcpu->gpr[RDX] = 0x3f8;
	exit.port.string = true;
	assert_int_equal(run(exit), VERDICT_RESUME);
	assert_int_equal(vcpu->gpr[RCX], 1000 - EMUL_MAX_REPEAT);
	assert_int_equal(arch->rip, 0x1000);
	for (int i = 0; i < 3; i++)
		run(exit);
	assert_int_equal(device.calls, 1000);
	expect_advanced(2);
}

/* ---- control registers, XSETBV, hypercalls */

static enum verdict mov_to_cr(uint8_t number, uint64_t value)
{
	struct vcpu_exit exit = {.reason = EXIT_CR, .length = 3};

	arch->rip = 0x1000;
	vcpu->exception.valid = false;
	vcpu->gpr[RCX] = value;
	exit.cr.number = number;
	exit.cr.reg = RCX;
	exit.cr.decoded = exit.cr.write = true;
	return run(exit);
}

static void test_cr4(void **state)
{
	(void)state;
	fake_guest.cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR;
	arch->cr[4] = CR4_PAE;
	mov_to_cr(4, CR4_PAE | CR4_PGE);
	expect_advanced(3);
	assert_int_equal(arch->cr[4], CR4_PAE | CR4_PGE);
	assert_int_equal(arch->flushes, 1);
	mov_to_cr(4, CR4_PAE | CR4_PGE | CR4_OSFXSR);
	assert_int_equal(arch->flushes, 1); /* no translation hangs on that one */
	mov_to_cr(4, CR4_PAE | CR4_SMEP);   /* not in the policy */
	expect_exception(VECTOR_GP);
	mov_to_cr(4, CR4_PGE); /* PAE holds up long mode */
	expect_exception(VECTOR_GP);
	assert_int_equal(arch->cr[4], CR4_PAE | CR4_PGE | CR4_OSFXSR);
}

/* Decoded from the guest's code when the processor does not say which register it is. */
static void test_cr_is_decoded(void **state)
{
	struct vcpu_exit exit = {.reason = EXIT_CR};

	(void)state;
	fake_guest.cr4 = CR4_PAE | CR4_PGE;
	exit.cr.number = 4;
	memcpy(guest_ram_at(0x1000), "\x41\x0f\x22\xe1", 4); /* mov %r9, %cr4 */
	vcpu->gpr[R9] = CR4_PAE | CR4_PGE;
	run(exit);
	assert_int_equal(arch->cr[4], CR4_PAE | CR4_PGE);
	expect_advanced(4);
	/* Something else stands there by now: nothing happens, the guest runs on at the same place.
	 */
	arch->rip = 0x1000;
	memcpy(guest_ram_at(0x1000), "\x90\x90\x90\x90", 4);
	arch->cr[4] = 0;
	run(exit);
	assert_int_equal(arch->cr[4], 0);
	assert_int_equal(arch->rip, 0x1000);
}

static void test_cr0(void **state)
{
	(void)state;
	mov_to_cr(0, CR0_PG);
	expect_exception(VECTOR_GP);
	mov_to_cr(0, CR0_PE | CR0_NW);
	expect_exception(VECTOR_GP);
	mov_to_cr(0, CR0_PE | BIT(32));
	expect_exception(VECTOR_GP);
	/* Into long mode. */
	arch->efer = EFER_LME;
	arch->cr[0] = CR0_PE | CR0_ET;
	arch->segments[EMUL_CS].attributes = 0xc9b;
	mov_to_cr(0, CR0_PE | CR0_PG);
	expect_exception(VECTOR_GP); /* without PAE */
	arch->cr[4] = CR4_PAE;
	mov_to_cr(0, CR0_PE | CR0_PG);
	expect_advanced(3);
	assert_int_equal(arch->cr[0], CR0_PE | CR0_PG | CR0_ET);
	assert_int_equal(arch->efer, EFER_LME | EFER_LMA);
	/* And out of it, but not from 64-bit code. */
	arch->segments[EMUL_CS].attributes = 0xa9b;
	mov_to_cr(0, CR0_PE);
	expect_exception(VECTOR_GP);
	arch->segments[EMUL_CS].attributes = 0xc9b;
	mov_to_cr(0, CR0_PE);
	assert_int_equal(arch->efer, EFER_LME);
}

/* LMSW moves four bits, from a register or from memory, and never clears PE. */
static void test_lmsw(void **state)
{
	struct vcpu_exit exit = {.reason = EXIT_CR};

	(void)state;
	exit.cr.number = 0;
	arch->cr[0] = CR0_PE | CR0_ET | CR0_TS;
	memcpy(guest_ram_at(0x1000), "\x0f\x01\x33", 3); /* lmsw (%rbx) */
	memcpy(guest_ram_at(0x2345), "\x02\xff", 2);
	vcpu->gpr[RBX] = 0x2345;
	arch->rip = 0x1000;
	run(exit);
	expect_advanced(3);
	assert_int_equal(arch->cr[0], CR0_PE | CR0_ET | CR0_MP);
	memcpy(guest_ram_at(0x1000), "\x0f\x01\xf3", 3); /* lmsw %bx */
	vcpu->gpr[RBX] = CR0_TS;
	arch->efer = EFER_LME | EFER_LMA; /* which had gone with CR0.PG */
	arch->rip = 0x1000;
	run(exit);
	expect_advanced(3);
	assert_int_equal(arch->cr[0], CR0_PE | CR0_ET | CR0_TS);
}

static void test_xsetbv(void **state)
{
	static const struct {
		uint64_t xcr0;
		uint32_t index;
		bool allowed;
	} rows[] = {
		{1, 0, true},
		{3, 0, true},
		{7, 0, true},
		{0xe7, 0, true},
		{0, 0, false},
		{2, 0, false},
		{5, 0, false},
		{0x27, 0, false},
		{0xe3, 0, false},
		{0x207, 0, false},
		{3, 1, false},
		{9, 0, false},
		{BIT(32) | 3, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(state);
		fake_guest.xcr0 = 0xe7;
		arch->cr[4] = CR4_OSXSAVE;
		vcpu->gpr[RAX] = rows[i].xcr0;
		vcpu->gpr[RDX] = rows[i].xcr0 >> 32;
		vcpu->gpr[RCX] = rows[i].index;
		run((struct vcpu_exit){.reason = EXIT_XSETBV, .length = 3});
		if (rows[i].allowed)
			expect_advanced(3);
		else
			expect_exception(VECTOR_GP);
	}
	setup(state);
	fake_guest.xcr0 = 7;
	vcpu->gpr[RAX] = 7;
	run((struct vcpu_exit){.reason = EXIT_XSETBV, .length = 3});
	expect_exception(VECTOR_UD);
	vcpu->exception.valid = false;
	arch->cr[4] = CR4_OSXSAVE;
	arch->segments[EMUL_SS].attributes = 0xcf3; /* user mode */
	run((struct vcpu_exit){.reason = EXIT_XSETBV, .length = 3});
	expect_exception(VECTOR_GP);
}

static void test_hypercall(void **state)
{
	(void)state;
	run((struct vcpu_exit){.reason = EXIT_HYPERCALL, .length = 3});
	assert_int_equal(vcpu->gpr[RAX], (uint64_t)-1000);
	expect_advanced(3);
	setup(state);
	fake_record.pv = 0;
	run((struct vcpu_exit){.reason = EXIT_HYPERCALL, .length = 3});
	expect_exception(VECTOR_UD);
}

/* Locks by hypercall: RAM is mapped by tables of its own here. */
static _Alignas(4096) uint8_t frames[40][4096];
static uint32_t frames_used;

static enum status frame_alloc(void *context, uint64_t *phys)
{
	(void)context;
	assert_true(frames_used < ARRAY_SIZE(frames));
	*phys = (uint64_t)(uintptr_t)memset(frames[frames_used++], 0, 4096);
	return STATUS_OK;
}

static void frame_release(void *context, uint64_t phys)
{
	(void)context;
	(void)phys;
}

static void *frame_at(uint64_t phys)
{
	return (void *)(uintptr_t)phys;
}

static const struct ptab_effects frame_effects = {frame_alloc, frame_release, frame_at};
static const struct hv_guard lockable = {.gpa = HV_GUARD_ANYWHERE, .size = 2 * PAGE_SIZE};
static struct page_lock page_locks[4];

static void make_lockable(void)
{
	frames_used = 0;
	memset(page_locks, 0, sizeof(page_locks));
	guard_init(&guest_ram.guard, &lockable, 1);
	assert_int_equal(guard_lock_bytes(&guest_ram.guard), sizeof(page_locks));
	guest_ram.guard.locks = page_locks;
	assert_int_equal(ptab_init(&guest_ram.nested, &ptab_npt_format, &frame_effects, NULL, 4, 3), STATUS_OK);
	assert_int_equal(memory_map_all(&guest_ram), STATUS_OK);
}

/* The call's answer, RIP back at the start; 1: it has not ended. */
static uint64_t lock_call(uint64_t number, uint64_t gpa, uint64_t size)
{
	arch->rip = 0x1000;
	vcpu->gpr[RAX] = number;
	vcpu->gpr[RBX] = gpa;
	vcpu->gpr[RCX] = size;
	assert_int_equal(run((struct vcpu_exit){.reason = EXIT_HYPERCALL, .length = 3}), VERDICT_RESUME);
	return arch->rip == 0x1000 ? 1 : vcpu->gpr[RAX];
}

static bool page_is_writable(uint64_t gpa)
{
	struct ptab_mapping m;

	return ptab_translate(&guest_ram.nested, gpa, &m) && m.attributes.rights & PTAB_WRITE;
}

static void test_lock_call(void **state)
{
	(void)state;
	make_lockable();
	fake_vcpus[1].activity = VCPU_HALTED;
	assert_int_equal(lock_call(HV_CALL_LOCK + 1, 0x1000, 128), (uint64_t)-1000);
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1001, 128), (uint64_t)-22);
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1000, 0), (uint64_t)-22);
	assert_int_equal(lock_call(HV_CALL_LOCK, ROM_BASE, 128), (uint64_t)-14);
	assert_int_equal(lock_call(HV_CALL_LOCK, HOLE_BASE, 128), (uint64_t)-14);
	assert_int_equal(lock_call(HV_CALL_LOCK, RAM_SIZE - 128, 256), (uint64_t)-14);
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1000, 3 * PAGE_SIZE), (uint64_t)-7);
	assert_true(page_is_writable(0x1000));
	assert_int_equal(arch->flushes, 0);
	/* Only the kernel may ask; outside 64-bit mode registers have 32 bits. */
	arch->segments[EMUL_SS].attributes |= 3u << 5;
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1000, 128), (uint64_t)-1);
	arch->segments[EMUL_SS].attributes &= ~(3u << 5);
	assert_int_equal(lock_call(HV_CALL_LOCK, RAM_SPLIT - 128, 256), 0);
	assert_false(page_is_writable(RAM_SPLIT - 1) || page_is_writable(RAM_SPLIT));
	assert_true(page_is_writable(RAM_SPLIT - 2 * PAGE_SIZE));
	assert_int_equal(arch->flushes, 1);
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1000, 128), (uint64_t)-7);
	assert_int_equal(memory_reset(&guest_ram), STATUS_OK);
	assert_true(page_is_writable(RAM_SPLIT));
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1000, 128), 0);
}

/* The call goes on until the other vCPU has dropped what it remembers, unless it is not in the guest. */
static void test_lock_waits(void **state)
{
	(void)state;
	make_lockable();
	fake_vcpus[1].activity = VCPU_ACTIVE;
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1000, 128), 1);
	assert_true(fake_vcpus[1].request & VCPU_REQUEST_FLUSH);
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1000, 128), 1);
	assert_int_equal(vcpu_prepare(&fake_vcpus[1]), VERDICT_RESUME);
	assert_int_equal(fake_arch[1].flushes, 1);
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1000, 128), 0);
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1080, 128), 1);
	fake_vcpus[1].activity = VCPU_HALTED;
	assert_int_equal(lock_call(HV_CALL_LOCK, 0x1080, 128), 0);
}

/* ---- the rest of the table */

static void test_single_step(void **state)
{
	(void)state;
	arch->rflags |= RFLAGS_TF;
	arch->shadow = 1;
	run((struct vcpu_exit){.reason = EXIT_CACHE, .length = 2});
	assert_int_equal(arch->rip, 0x1002);
	assert_int_equal(arch->shadow, 0);
	assert_int_equal(vcpu->exception.vector, VECTOR_DB);
	assert_true(arch->dr[6] & DR6_BS);
}

static void test_eip_wraps(void **state)
{
	(void)state;
	arch->efer = 0;
	arch->segments[EMUL_CS].attributes = 0xc9b;
	arch->rip = 0xffffffff;
	run((struct vcpu_exit){.reason = EXIT_CACHE, .length = 2});
	assert_int_equal(arch->rip, 1);
	setup(state);
	arch->rip = 0xffffffff;
	run((struct vcpu_exit){.reason = EXIT_CACHE, .length = 2});
	assert_int_equal(arch->rip, 0x100000001);
}

static void test_every_reason_has_a_handler(void **state)
{
	(void)state;
	for (int i = 0; i < EXIT_REASONS; i++)
		assert_non_null(exit_table[i]);
	run((struct vcpu_exit){.reason = EXIT_INTERRUPT});
	assert_int_equal(fake_interrupts_taken, 1);
	assert_int_equal(run((struct vcpu_exit){.reason = EXIT_TRIPLE_FAULT}), VERDICT_CRASH);
	assert_int_equal(run((struct vcpu_exit){.reason = EXIT_INVALID}), VERDICT_CRASH);
	assert_int_equal(run((struct vcpu_exit){.reason = EXIT_UNKNOWN}), VERDICT_CRASH);
	assert_int_equal(run((struct vcpu_exit){.reason = EXIT_TASK_SWITCH, .code = 0x28}), VERDICT_CRASH);
	assert_int_equal(run((struct vcpu_exit){.reason = EXIT_UNDEFINED}), VERDICT_RESUME);
	expect_exception(VECTOR_UD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cpuid, setup),
		cmocka_unit_test_setup(test_cpuid_dynamic, setup),
		cmocka_unit_test_setup(test_msr_actions, setup),
		cmocka_unit_test_setup(test_msr_handler, setup),
		cmocka_unit_test_setup(test_msr_unlisted, setup),
		cmocka_unit_test_setup(test_efer, setup),
		cmocka_unit_test_setup(test_tsc, setup),
		cmocka_unit_test_setup(test_ports, setup),
		cmocka_unit_test_setup(test_ports_nowhere, setup),
		cmocka_unit_test_setup(test_mmio, setup),
		cmocka_unit_test_setup(test_locked_updates, setup),
		cmocka_unit_test_setup(test_mmio_results, setup),
		cmocka_unit_test_setup(test_mmio_nowhere, setup),
		cmocka_unit_test_setup(test_mmio_what_cannot_be, setup),
		cmocka_unit_test_setup(test_string_port, setup),
		cmocka_unit_test_setup(test_cr4, setup),
		cmocka_unit_test_setup(test_cr_is_decoded, setup),
		cmocka_unit_test_setup(test_cr0, setup),
		cmocka_unit_test_setup(test_lmsw, setup),
		cmocka_unit_test_setup(test_xsetbv, setup),
		cmocka_unit_test_setup(test_hypercall, setup),
		cmocka_unit_test_setup(test_lock_call, setup),
		cmocka_unit_test_setup(test_lock_waits, setup),
		cmocka_unit_test_setup(test_single_step, setup),
		cmocka_unit_test_setup(test_eip_wraps, setup),
		cmocka_unit_test_setup(test_every_reason_has_a_handler, setup),
	};

	return cmocka_run_group_tests_name("exits", tests, NULL, NULL);
}
