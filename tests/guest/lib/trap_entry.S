/* SPDX-License-Identifier: Apache-2.0 */
/* 256 entries that push struct frame and call trap_dispatch(); and the call that an exception can end. */
	.text
	.globl trap_entries
	.align 16
trap_entries: /* 16 bytes each */
	.set vector, 0
	.rept 256
	.align 16
	/* 8, 10-14, 17, 21, 29, 30 push an error code of their own */
	.if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

trap_common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %rdi
	movq %rsp, %rbx
	andq $~15, %rsp
	cld
	call trap_dispatch
	movq %rbx, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq

	/* uint64_t guarded_call(uint64_t (*function)(void), uint64_t *stack): *stack is where trap_resume finds its way back */
	.globl guarded_call, trap_resume
guarded_call:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushfq
	movq %rsp, (%rsi)
	call *%rdi
	popfq
	jmp 1f
trap_resume: /* entered by IRET with rsp = *stack; interrupts as the frame says */
	popfq
	xorl %eax, %eax
1:	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
	.section .note.GNU-stack, "", @progbits
