/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that come and go with a CPUID bit: there when it is set, #UD when it is not, as far as the vendor lets a hypervisor
 * say so (SDM v3 26.6.2, APM v2 15.9). And VMX, which no guest has: neither its CPUID bit, its CR4 bit, its MSRs nor an instruction
 * of it (SDM v3 24.6, 31.3).
 */
#include "guest.h"

#define CR4_VMXE    (1ull << 13)

static uint64_t memory[512] __attribute__((aligned(4096)));

#define INSTRUCTION(name, ...)                                                                                                     \
	static uint64_t name(void)                                                                                                 \
	{                                                                                                                          \
		__asm__ volatile(__VA_ARGS__);                                                                                     \
		return 0;                                                                                                          \
	}
INSTRUCTION(rdtscp, "rdtscp" : : : "eax", "edx", "ecx")
INSTRUCTION(rdpid, ".byte 0xf3, 0x0f, 0xc7, 0xf8" : : : "rax")
INSTRUCTION(rdrand, "rdrand %%eax" : : : "eax", "cc")
INSTRUCTION(rdseed, "rdseed %%eax" : : : "eax", "cc")
INSTRUCTION(invpcid, "invpcid %0, %1" : : "m"(*(uint64_t(*)[2])memory), "r"(2ull) : "memory")
INSTRUCTION(xsaves, "xsaves %0" : "+m"(memory) : "a"(1), "d"(0))
INSTRUCTION(vmxon, "vmxon %0" : : "m"(memory[0]) : "cc")
INSTRUCTION(vmclear, "vmclear %0" : : "m"(memory[0]) : "cc")
INSTRUCTION(vmptrld, "vmptrld %0" : : "m"(memory[0]) : "cc")
INSTRUCTION(vmptrst, "vmptrst %0" : "=m"(memory[0]) : : "cc")
INSTRUCTION(vmread, "vmread %%rax, %%rcx" : : "a"(0) : "rcx", "cc")
INSTRUCTION(vmwrite, "vmwrite %%rcx, %%rax" : : "a"(0), "c"(0) : "cc")
INSTRUCTION(vmlaunch, "vmlaunch" : : : "cc")
INSTRUCTION(vmresume, "vmresume" : : : "cc")
INSTRUCTION(vmxoff, "vmxoff" : : : "cc")
INSTRUCTION(invept, "invept %0, %1" : : "m"(*(uint64_t(*)[2])memory), "r"(2ull) : "cc")
INSTRUCTION(invvpid, "invvpid %0, %1" : : "m"(*(uint64_t(*)[2])memory), "r"(2ull) : "cc")
INSTRUCTION(vmfunc, "vmfunc" : : "a"(0), "c"(0))
INSTRUCTION(getsec, ".byte 0x0f, 0x37" : : "a"(0), "b"(0))

static const struct {
	const char *name;
	uint64_t (*stimulus)(void);
	uint32_t leaf, subleaf;
	enum { EAX, EBX, ECX, EDX } reg;
	uint8_t bit;
	bool on_amd; /* AMD-V can take it away, too */
} instructions[] = {
	{ "RDTSCP", rdtscp, 0x80000001, 0, EDX, 27, true },
	{ "RDPID", rdpid, 7, 0, ECX, 22, false },
	{ "RDRAND", rdrand, 1, 0, ECX, 30, false },
	{ "RDSEED", rdseed, 7, 0, EBX, 18, false },
	{ "INVPCID", invpcid, 7, 0, EBX, 10, false },
	{ "XSAVES", xsaves, 13, 1, EAX, 3, false },
};

static bool announced(uint32_t i)
{
	struct cpuid r;

	if (cpuid(instructions[i].leaf & 0x80000000u, 0).eax < instructions[i].leaf)
		return false;
	r = cpuid(instructions[i].leaf, instructions[i].subleaf);
	return ((const uint32_t[]){ r.eax, r.ebx, r.ecx, r.edx })[instructions[i].reg] >> instructions[i].bit & 1;
}

static void check_announced(bool intel)
{
	write_cr4(read_cr4() | CR4_OSXSAVE);
	for (uint32_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
		bool is = announced(i);
		struct trap trap;

		if (is && has_argument("fewer"))
			check_value(instructions[i].name, 1, 0); /* the policy has taken it away */
		else if (!is && !intel && (!instructions[i].on_amd || on_lenient()))
			skip(instructions[i].name, "AMD-V lets it through, or QEMU does");
		else {
			try(instructions[i].stimulus, &trap);
			check_value(instructions[i].name, (uint64_t)(int64_t)trap.vector, (uint64_t)(int64_t)(is ? NO_TRAP : 6));
		}
	}
}

static uint64_t set_vmxe(void)
{
	write_cr4(read_cr4() | CR4_VMXE);
	return 0;
}

static uint64_t vmx_basic(void)
{
	return rdmsr(0x480);
}

static const struct row vmx[] = {
	{ "VMXON", vmxon, 6, 0, NULL },		  { "VMXOFF", vmxoff, 6, 0, NULL },	{ "VMCLEAR", vmclear, 6, 0, NULL },
	{ "VMPTRLD", vmptrld, 6, 0, NULL },	  { "VMPTRST", vmptrst, 6, 0, NULL },	{ "VMREAD", vmread, 6, 0, NULL },
	{ "VMWRITE", vmwrite, 6, 0, NULL },	  { "VMLAUNCH", vmlaunch, 6, 0, NULL }, { "VMRESUME", vmresume, 6, 0, NULL },
	{ "INVEPT", invept, 6, 0, NULL },	  { "INVVPID", invvpid, 6, 0, NULL },	{ "VMFUNC", vmfunc, 6, 0, NULL },
	{ "GETSEC", getsec, 6, 0, NULL },
};
static const struct row vmx_registers[] = {
	{ "CR4.VMXE is reserved", set_vmxe, 13, 0, "this machine may have it" },
	{ "IA32_VMX_BASIC is not there", vmx_basic, 13, 0, "this machine may have it" },
};

int main(void)
{
	bool intel = cpuid(0, 0).ecx == 0x6c65746e; /* "ntel" */

	check_announced(intel);
	check_value("CPUID: no VMX", on_bare() ? 0 : cpuid(1, 0).ecx >> 5 & 1, 0);
	if (intel) { /* QEMU takes some of them for others */
		CHECK_ROWS(vmx);
		CHECK_ROWS(vmx_registers);
	}
	return 0;
}
