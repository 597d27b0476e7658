/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that GNU Mach starts from a boot module: prints its first argument by the kernel's trap 30, mach_print, and stays.
 * Its stack begins with argc and the arguments, as on Unix; a trap is a far call through the gate 7.
 */
static void print(const char *text)
{
	__asm__ volatile("pushl %0; pushl $0; movl $-30, %%eax; lcall $7, $0; addl $8, %%esp"
			 : : "r"(text) : "eax", "ecx", "edx", "memory");
}

void task(char **arguments);
void task(char **arguments)
{
	print("hello from ");
	print(arguments[0]);
	print("\n");
	for (;;)
		;
}

__asm__(".globl start\n"
	"start:\n"
	"	leal 4(%esp), %eax\n"
	"	pushl %eax\n"
	"	call task\n");
