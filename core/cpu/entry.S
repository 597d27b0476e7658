/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 256 gates of the host, and instructions with fix-ups.
 *
 * An NMI comes in on a stack of its own (IST), because nothing is known of the interrupted one but
 * that it is ours. NMIs stay blocked until the next IRET, whoever executes it: an exception inside
 * an NMI handler would open them again while the handler still stands on that stack, and the next
 * NMI would overwrite it. So the frame is moved to the interrupted stack first (all code of the
 * core has a good RSP and nothing below it: no red zone) and the handler runs there, like any
 * interrupt. On the NMI's own stack stand only the instructions below, which do not fault; there is
 * no window.
 */
#include "x86/segment.h"

	.text
	.balign	16
	.globl	gate_stubs
gate_stubs:			/* 16 bytes each */
	.set	vector, 0
	.rept	256
	.balign	16
	.if	vector == 2
	jmp	nmi_entry
	.else
	/* VECTORS_WITH_ERROR_CODE of x86/cr.h: 8 10 11 12 13 14 17 21 29 30 */
	.if	!(vector < 32 && ((0x60227d00 >> (vector & 31)) & 1))
	push	$0
	.endif
	push	$vector
	jmp	gate_common
	.endif
	.set	vector, vector + 1
	.endr

	.balign	16
nmi_entry:
	push	%rax
	push	%rbx
	mov	40(%rsp), %rax		/* interrupted RSP */
	and	$-16, %rax
	mov	48(%rsp), %rbx		/* SS */
	mov	%rbx, -8(%rax)
	mov	40(%rsp), %rbx		/* RSP */
	mov	%rbx, -16(%rax)
	mov	32(%rsp), %rbx		/* RFLAGS */
	mov	%rbx, -24(%rax)
	mov	24(%rsp), %rbx		/* CS */
	mov	%rbx, -32(%rax)
	mov	16(%rsp), %rbx		/* RIP */
	mov	%rbx, -40(%rax)
	mov	8(%rsp), %rbx		/* RAX */
	mov	%rbx, -48(%rax)
	mov	(%rsp), %rbx
	lea	-48(%rax), %rsp
	pop	%rax
	push	$0
	push	$2

gate_common:			/* struct frame of cpu/idt.h */
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	gate_dispatch
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

/* bool name(uint32_t index, uint64_t value or *value): false after #GP; cpu/extable.h */
	.macro	MAY_FAULT at, to
	.pushsection .extable, "a", @progbits
	.balign	8
	.quad	\at, \to
	.popsection
	.endm

	.globl	rdmsr_safe
	.type	rdmsr_safe, @function
rdmsr_safe:
	mov	%edi, %ecx
1:	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, (%rsi)
	mov	$1, %eax
	ret
2:	movq	$0, (%rsi)
	xor	%eax, %eax
	ret
	MAY_FAULT 1b, 2b
	.size	rdmsr_safe, . - rdmsr_safe

	.globl	xsetbv_safe
	.type	xsetbv_safe, @function
xsetbv_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
1:	xsetbv
	mov	$1, %eax
	ret
2:	xor	%eax, %eax
	ret
	MAY_FAULT 1b, 2b
	.size	xsetbv_safe, . - xsetbv_safe

/* Overwrites the return stack buffer: 32 calls whose returns are never predicted from a guest's.
 * APM v2 "RSB", Intel's guidance on retpoline and RSB underflow. */
	.globl	fill_return_stack
	.type	fill_return_stack, @function
fill_return_stack:
	mov	$16, %ecx
1:	call	2f
3:	pause
	lfence
	jmp	3b
2:	call	4f
5:	pause
	lfence
	jmp	5b
4:	dec	%ecx
	jnz	1b
	add	$(32 * 8), %rsp
	ret
	.size	fill_return_stack, . - fill_return_stack
	.section .note.GNU-stack, "", @progbits
