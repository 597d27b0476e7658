/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFLAGS behind CMPXCHG16B: only ZF may differ from what it was (APM v3 CMPXCHG16B). This is a test of the emulator, not of a
 * hypervisor: QEMU 7.2 takes the other flags from a value that it has not brought up to date, and so puts the second operand of the
 * instruction before into RFLAGS, the trap flag and reserved bits included. Nobody notices until an interrupt comes right
 * there and saves them: then the program goes on with TF set. Linux's allocator does exactly this, and dies of it now and then, on the
 * bare machine and in a guest alike.
 */
#include "guest.h"

static uint64_t pair[2] __attribute__((aligned(16)));

/* The flags after: POPF (they are up to date), SUB (they are owed), CMPXCHG16B. */
static uint64_t flags_behind(uint64_t operand)
{
	uint64_t flags;

	__asm__ volatile("pushq $0x2; popfq\n\t"
			 "mov %2, %%rdi; xor %%eax, %%eax; xor %%edx, %%edx; xor %%ebx, %%ebx; xor %%ecx, %%ecx\n\t"
			 "mov $1, %%esi; sub %%rdi, %%rsi\n\t"
			 "cmpxchg16b %1\n\t"
			 "pushfq; pop %0; pushq $0x2; popfq"
			 : "=&r"(flags), "+m"(pair) : "r"(operand) : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "cc", "memory");
	return flags;
}

int main(void)
{
	uint64_t flags = flags_behind(0x0534900a);

	note("flags 0x%lx", flags);
	/* TF would trap behind POPF of the next program; the operand has it clear, so that this guest survives. */
	check_value("no bit that cannot be set", flags & ~0x8d5ull, 0x2);
	check_value("ZF says that the comparison was equal", flags >> 6 & 1, 1);
	return 0;
}
