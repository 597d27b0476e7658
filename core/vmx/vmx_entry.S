/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run loop. All that is not needed for every exit is a call or a branch away:
 *
 *	vmx_begin()
 *	1: inside = 1 (seen before the requests are read: vcpu/request.c)
 *	   requests? ──────► vcpu_prepare()
 *	   vmx_load(): RIP and whatever else has changed
 *	   VMLAUNCH the first time, VMRESUME then
 *	   vmx_exited: inside = 0
 *	   vmx_exit() ─── resume ──► 1
 *	vmx_end()
 *
 * Interrupts are off all the time: one that is pending ends the guest's run at once. The processor keeps RSP, RIP, RFLAGS and the
 * segments; all other registers are the guest's when it is left. An entry that fails before it has begun falls through.
 */
#include "vmx/offsets.h"
#include "vmx/vmcs.h"

	.text
	.globl	vmx_run
	.type	vmx_run, @function
vmx_run:			/* rdi = vcpu; returns the verdict */
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi			/* (%rsp): vcpu, when the guest is left */
	call	vmx_begin
	mov	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax

1:	mov	(%rsp), %rdi
	mov	$1, %eax
	xchg	%eax, VCPU_INSIDE(%rdi)
	cmpl	$0, VCPU_REQUEST(%rdi)
	jne	.Lrequest
	mov	VCPU_ARCH(%rdi), %rsi
	call	vmx_load
	cmpl	$0, mitigations_active		/* [MITIGATE_ENTRY] */
	jne	.Lentry
2:	mov	(%rsp), %rdi
	mov	VCPU_ARCH(%rdi), %rsi
	mov	$VMCS_GUEST_RSP, %eax
	vmwrite	32(%rdi), %rax
	mov	VMX_CR2(%rsi), %rax
	mov	%cr2, %rcx
	cmp	%rax, %rcx
	je	3f
	mov	%rax, %cr2
3:	cmpl	$0, VMX_LAUNCHED(%rsi)		/* flags stay until the jump */
	mov	(%rdi), %rax
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
	je	4f
	vmresume
	jmp	.Lrefused
4:	vmlaunch
.Lrefused:
	mov	(%rsp), %rdi
	movl	$0, VCPU_INSIDE(%rdi)
	call	vmx_refused
	jmp	5f

	.globl	vmx_exited
vmx_exited:
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rax, (%rdi)
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
	mov	VCPU_ARCH(%rdi), %rsi
	mov	%cr2, %rax
	mov	%rax, VMX_CR2(%rsi)
	mov	$VMCS_GUEST_RSP, %eax
	vmread	%rax, 32(%rdi)

	/* Before the first RET: what the guest taught the branch predictor. */
	cmpl	$0, mitigations_active + 4	/* [MITIGATE_EXIT] */
	jne	.Lexit
6:	movl	$0, VCPU_INSIDE(%rdi)
	call	vmx_exit
5:	test	%eax, %eax			/* VERDICT_RESUME */
	je	1b

	mov	(%rsp), %rdi
	mov	%eax, %ebx
	call	vmx_end
	mov	%ebx, %eax
	pop	%rdi
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
.Lentry:
	xor	%edi, %edi			/* MITIGATE_ENTRY */
	call	mitigations_run
	jmp	2b
.Lexit:
	mov	$1, %edi			/* MITIGATE_EXIT */
	call	mitigations_run
	mov	(%rsp), %rdi
	mov	VCPU_ARCH(%rdi), %rsi
	jmp	6b
	.size	vmx_run, . - vmx_run
	.section .note.GNU-stack, "", @progbits
