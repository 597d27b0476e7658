/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live vector registers of a guest, by number: rdi = 0..15, rsi = memory. A row of eight bytes
 * for each register; the core itself uses none of them.
 */
	.macro	vector_function name, row
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	and	$15, %edi
	lea	1f(, %rdi, 8), %rax
	jmp	*%rax
	.balign	8
1:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\row	\n
	ret
	.balign	8
	.endr
	.size	\name, . - \name
	.endm

	.macro	load_sse n
	movups	(%rsi), %xmm\n
	.endm
	.macro	load_ymm n
	vmovups	(%rsi), %ymm\n
	.endm
	.macro	store_sse n
	movups	%xmm\n, (%rsi)
	.endm
	.macro	store_ymm n
	vmovups	%ymm\n, (%rsi)
	.endm

	.text
	vector_function vector_load_16, load_sse
	vector_function vector_load_32_clear, load_ymm
	vector_function vector_store_16, store_sse
	vector_function vector_store_32, store_ymm
	.section .note.GNU-stack, "", @progbits
