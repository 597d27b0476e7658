/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From 64-bit mode down to real mode and back. main.c copies [trip_start, trip_end) to LOW, where each mode can reach it;
 * each mode leaves what it saw in `results`, whose layout is struct results of main.c.
 */
#define LOW 0x9000
#define AT(label) (label - trip_start + LOW)
#define RESULT(n) (AT(results) + 4 * (n))
#define APIC_VERSION_REGISTER 0xfee00030
#define APIC_EOI_REGISTER 0xfee000b0
#define APIC_TIMER_INITIAL_REGISTER 0xfee00380

	.text
	.code64
	.globl trip_start, trip_end, trip_results
trip_start: /* entered by a call at LOW, in 64-bit mode */
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, AT(saved_rsp)
	movq %cr3, %rax
	movq %rax, AT(saved_cr3)
	sidt AT(saved_idt)
	pushq $0x18
	pushq $AT(compatible)
	lretq

	.code32
compatible: /* 32-bit code under 64-bit paging */
	movl $0x20, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $LOW - 16, %esp
	movl APIC_VERSION_REGISTER, %eax
	movl %eax, RESULT(0)
	xorl %eax, %eax
	cpuid
	movl %ebx, RESULT(1)
	movw $0x3ff, %dx
	inb %dx, %al
	movzbl %al, %eax
	movl %eax, RESULT(2)
	/* paging and long mode off: legacy protected mode */
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl $0xc0000080, %ecx
	rdmsr
	movl %eax, RESULT(3) /* LMA has gone with paging */
	andl $~0x100, %eax
	wrmsr
	movl APIC_VERSION_REGISTER, %eax
	movl %eax, RESULT(4)
	xorl %eax, %eax
	cpuid
	movl %ebx, RESULT(5)
	ljmp $0x38, $AT(protected16)

	.code16
protected16:
	movw $0x20, %ax /* a flat segment that real mode keeps */
	movw %ax, %fs
	movw $0x40, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl %cr0, %eax
	andl $~1, %eax
	movl %eax, %cr0
	ljmp $0, $AT(real)
real:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	lidt AT(real_idt)
	movl %cr0, %eax
	movl %eax, RESULT(6)
	movl $APIC_VERSION_REGISTER, %ebx
	addr32 movl %fs:(%ebx), %eax
	movl %eax, RESULT(7)
	xorl %eax, %eax
	cpuid
	movl %ebx, RESULT(8)
	movw $0x3ff, %dx
	inb %dx, %al
	movzbl %al, %eax
	movl %eax, RESULT(9)
	/* interrupt vectors of real mode: an INT, and the APIC's timer out of HLT */
	movw $AT(real_handler), 4 * 0x70
	movw $0, 4 * 0x70 + 2
	int $0x70
	movl $APIC_TIMER_INITIAL_REGISTER, %ebx
	movl $20000, %eax
	addr32 movl %eax, %fs:(%ebx)
	sti
	hlt
	cli
	movl AT(handled), %eax
	movl %eax, RESULT(10)
	/* and up again */
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $0x18, $AT(protected32)

real_handler:
	incl AT(handled)
	pushl %eax
	pushl %ebx
	movl $APIC_EOI_REGISTER, %ebx
	xorl %eax, %eax
	addr32 movl %eax, %fs:(%ebx)
	popl %ebx
	popl %eax
	iretw

	.code32
protected32:
	movl $0x20, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl AT(saved_cr3), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	ljmp $0x08, $AT(long)
	.code64
long:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	lidt AT(saved_idt)
	movq AT(saved_rsp), %rsp
	movl $1, RESULT(11)
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.align 8
saved_rsp: .quad 0
saved_cr3: .quad 0
saved_idt: .skip 16
real_idt: .word 0x3ff
	.long 0
	.align 4
handled: .long 0
results: .skip 64
trip_end:
	.globl trip_results_offset
trip_results_offset: .long results - trip_start
	.section .note.GNU-stack, "", @progbits
