/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into the guest and out again. Between CLGI and STGI no interrupt and no NMI is taken: the segment registers are the guest's
 * there. IF is set before VMRUN, so that a physical interrupt ends the guest's run (V_INTR_MASKING: the host's IF decides), and
 * cleared before STGI, so that it stays pending until it is let in.
 *
 *	clgi  sti  vmload(guest)  VMRUN  vmsave(guest)  vmload(host)  cli  stgi
 */
	.text
	.globl	svm_enter
	.type	svm_enter, @function
svm_enter:			/* rdi = gpr, rsi = guest's VMCB, rdx = host's */
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	push	%rdx
	mov	%rsi, %rax
	mov	8(%rdi), %rcx
	mov	16(%rdi), %rdx
	mov	24(%rdi), %rbx
	mov	40(%rdi), %rbp
	mov	48(%rdi), %rsi
	mov	64(%rdi), %r8
	mov	72(%rdi), %r9
	mov	80(%rdi), %r10
	mov	88(%rdi), %r11
	mov	96(%rdi), %r12
	mov	104(%rdi), %r13
	mov	112(%rdi), %r14
	mov	120(%rdi), %r15
	mov	56(%rdi), %rdi
	clgi
	sti
	vmload	%rax
	vmrun	%rax
	vmsave	%rax
	push	%rdi
	mov	16(%rsp), %rdi
	mov	8(%rsp), %rax
	vmload	%rax
	mov	%rcx, 8(%rdi)
	mov	%rdx, 16(%rdi)
	mov	%rbx, 24(%rdi)
	mov	%rbp, 40(%rdi)
	mov	%rsi, 48(%rdi)
	mov	%r8, 64(%rdi)
	mov	%r9, 72(%rdi)
	mov	%r10, 80(%rdi)
	mov	%r11, 88(%rdi)
	mov	%r12, 96(%rdi)
	mov	%r13, 104(%rdi)
	mov	%r14, 112(%rdi)
	mov	%r15, 120(%rdi)
	popq	56(%rdi)
	cli
	stgi
	/* Before the first RET: what the guest taught the branch predictor. */
	cmpl	$0, mitigations_active + 4 /* [MITIGATE_EXIT] */
	jne	2f
1:	add	$16, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
2:	mov	$1, %edi	/* MITIGATE_EXIT */
	call	mitigations_run
	jmp	1b
	.size	svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
