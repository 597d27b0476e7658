/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live vector registers of a guest, by number: rdi = 0..15 (zmm: 0..31, opmasks: 0..7), rsi =
 * memory. A row of eight bytes for each register; the core itself uses none of them.
 */
	.macro	vector_function name, row, last=15
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	and	$\last, %edi
	lea	1f(, %rdi, 8), %rax
	jmp	*%rax
	.balign	8
1:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
		24, 25, 26, 27, 28, 29, 30, 31
	.if	\n <= \last
	\row	\n
	ret
	.balign	8
	.endif
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

	.macro	load_zmm n
	vmovups	(%rsi), %zmm\n
	.endm
	.macro	store_zmm n
	vmovups	%zmm\n, (%rsi)
	.endm
	.macro	store_mask_16 n
	kmovw	%k\n, (%rsi)
	.endm
	.macro	store_mask_64 n
	kmovq	%k\n, (%rsi)
	.endm

	.text
	vector_function vector_load_16, load_sse
	vector_function vector_load_32_clear, load_ymm
	vector_function vector_store_16, store_sse
	vector_function vector_store_32, store_ymm
	vector_function vector_load_64, load_zmm, 31
	vector_function vector_store_64, store_zmm, 31
	vector_function opmask_store_16, store_mask_16, 7
	vector_function opmask_store_64, store_mask_64, 7
	.section .note.GNU-stack, "", @progbits
