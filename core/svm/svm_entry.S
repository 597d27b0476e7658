/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run loop. All that is not needed for every exit is a call or a branch away:
 *
 *	1: inside = 1 (seen before the requests are read: vcpu/request.c)
 *	   requests? ──────► vcpu_prepare()
 *	   ASID stale? ────► svm_take_asid()
 *	   clgi  sti  vmload(guest)  VMRUN  vmsave(guest)  vmload(host)  cli  stgi
 *	   inside = 0
 *	   svm_exit() ─── resume ──► 1
 *
 * Between CLGI and STGI no interrupt and no NMI is taken: the segment registers are the guest's there. IF is set before VMRUN, so that
 * a physical interrupt ends the guest's run (V_INTR_MASKING: the host's IF decides), and cleared before STGI, so that it stays
 * pending until it is let in. VMRUN keeps RSP and RAX; all other registers are the guest's when it is left.
 */
#include "svm/offsets.h"

	.text
	.globl	svm_run
	.type	svm_run, @function
svm_run:			/* rdi = vcpu; returns the verdict */
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%gs:0, %rax
	push	%rdi			/* 8(%rsp): vcpu */
	push	PERCPU_BACKEND(%rax)	/* (%rsp): struct svm_cpu */

1:	mov	8(%rsp), %rdi
	mov	$1, %eax
	xchg	%eax, VCPU_INSIDE(%rdi)
	cmpl	$0, VCPU_REQUEST(%rdi)
	jne	.Lrequest
	mov	VCPU_ARCH(%rdi), %rsi
	mov	(%rsp), %rdx
	mov	CPU_GENERATION(%rdx), %rax
	cmp	%rax, SVM_GENERATION(%rsi)
	jne	.Lasid
2:	cmpl	$0, mitigations_active		/* [MITIGATE_ENTRY] */
	jne	.Lentry
3:	mov	(%rdi), %rax
	mov	%rax, VMCB_RAX(%rsi)
	mov	32(%rdi), %rax
	mov	%rax, VMCB_RSP(%rsi)
	mov	SVM_PHYS(%rsi), %rax
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
	mov	8(%rsp), %rdi
	mov	CPU_HOST_PHYS(%rdi), %rax
	vmload	%rax
	mov	16(%rsp), %rdi
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
	cmpl	$0, mitigations_active + 4	/* [MITIGATE_EXIT] */
	jne	.Lexit
4:	mov	VCPU_ARCH(%rdi), %rsi
	movl	$0, VCPU_INSIDE(%rdi)
	movb	$0, VMCB_TLB_CONTROL(%rsi)
	mov	VMCB_RAX(%rsi), %rax
	mov	%rax, (%rdi)
	mov	VMCB_RSP(%rsi), %rax
	mov	%rax, 32(%rdi)
	call	svm_exit
5:	test	%eax, %eax			/* VERDICT_RESUME */
	je	1b

	add	$16, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

.Lrequest:
	movl	$0, VCPU_INSIDE(%rdi)
	call	vcpu_prepare
	jmp	5b
.Lasid:
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	call	svm_take_asid
	mov	8(%rsp), %rdi
	mov	VCPU_ARCH(%rdi), %rsi
	jmp	2b
.Lentry:
	xor	%edi, %edi			/* MITIGATE_ENTRY */
	call	mitigations_run
	mov	8(%rsp), %rdi
	mov	VCPU_ARCH(%rdi), %rsi
	jmp	3b
.Lexit:
	mov	$1, %edi			/* MITIGATE_EXIT */
	call	mitigations_run
	mov	8(%rsp), %rdi
	jmp	4b
	.size	svm_run, . - svm_run
	.section .note.GNU-stack, "", @progbits
