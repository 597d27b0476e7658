/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy, memmove and memset of lib/string.h: eight bytes a step. On the emulators that count
 * instructions a `rep movsq` step is one instruction, so bytes would cost eight times as much; on
 * machines with ERMS both are equally fast.
 */
	.text
	.globl	memcpy
	.type	memcpy, @function
memcpy:				/* rdi = to, rsi = from, rdx = n; returns to */
	mov	%rdi, %rax
	mov	%rdx, %rcx
	shr	$3, %rcx
	rep movsq
	mov	%edx, %ecx
	and	$7, %ecx
	rep movsb
	ret
	.size	memcpy, . - memcpy

	.globl	memmove
	.type	memmove, @function
memmove:
	mov	%rdi, %rax
	sub	%rsi, %rax
	cmp	%rdx, %rax	/* to - from >= n, unsigned: forward is safe */
	jae	memcpy
	mov	%rdi, %rax
	lea	-1(%rdi, %rdx), %rdi
	lea	-1(%rsi, %rdx), %rsi
	mov	%rdx, %rcx
	std
	rep movsb
	cld
	ret
	.size	memmove, . - memmove

	.globl	memset
	.type	memset, @function
memset:				/* rdi = to, esi = byte, rdx = n; returns to */
	mov	%rdi, %r8
	movzbl	%sil, %eax
	movabs	$0x0101010101010101, %rcx
	imul	%rcx, %rax
	mov	%rdx, %rcx
	shr	$3, %rcx
	rep stosq
	mov	%edx, %ecx
	and	$7, %ecx
	rep stosb
	mov	%r8, %rax
	ret
	.size	memset, . - memset
	.section .note.GNU-stack, "", @progbits
