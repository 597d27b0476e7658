/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a CPU begins after SIPI: real mode, in a copy of this code at the start page. It takes the
 * boot map (identity and image), from there the final one, finds its stack by its APIC id, and
 * calls ap_main(). All CPUs may run here at once: nothing is written before each has a stack of its
 * own.
 */
#include "x86/segment.h"

#define CR0_BITS   0x80010021 /* PG WP NE PE */
#define CR4_BITS   0x20 /* PAE */
#define MSR_EFER_NUMBER 0xc0000080
#define EFER_BITS  0x900 /* LME NXE */
#define IN_PAGE(symbol) (symbol - ap_start)

	.section .rodata
	.balign	16
	.globl	ap_start, ap_start_end, ap_fields
	.code16
ap_start:
	cli
	cld
	xor	%ebx, %ebx
	mov	%cs, %bx
	mov	%bx, %ds
	shl	$4, %ebx
	lgdtl	IN_PAGE(ap_gdt)
	mov	%cr0, %eax
	and	$~0x60000000, %eax	/* caches on */
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	*IN_PAGE(ap_far32)

	.code32
ap32:	mov	$SELECTOR_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%cr4, %eax
	or	$CR4_BITS, %eax
	mov	%eax, %cr4
	mov	IN_PAGE(ap_boot_root)(%ebx), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER_NUMBER, %ecx
	rdmsr
	or	$EFER_BITS, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_BITS, %eax
	mov	%eax, %cr0
	ljmp	*IN_PAGE(ap_far64)(%ebx)

	.code64
ap64:	mov	$ap_high, %rax
	jmp	*%rax

	.balign	8
ap_fields:			/* filled in by smp.c: struct ap_fields */
ap_gdt:		.word	0
		.long	0
		.word	0
ap_far32:	.long	IN_PAGE(ap32)	/* plus the start page */
		.word	SELECTOR_CODE32, 0
ap_far64:	.long	IN_PAGE(ap64)	/* plus the start page */
		.word	SELECTOR_CODE64, 0
ap_boot_root:	.long	0
ap_start_end:

	.text
ap_high:
	mov	ap_root(%rip), %rax
	mov	%rax, %cr3

	/* APIC id: CPUID 0xb EDX if there is that leaf, else leaf 1 EBX 31:24. */
	xor	%eax, %eax
	cpuid
	cmp	$0xb, %eax
	jb	1f
	mov	$0xb, %eax
	xor	%ecx, %ecx
	cpuid
	test	%ebx, %ebx
	jnz	2f
1:	mov	$1, %eax
	cpuid
	mov	%ebx, %edx
	shr	$24, %edx
2:	xor	%edi, %edi
	mov	$ap_stacks, %rsi
3:	cmp	ap_stack_count(%rip), %edi
	jae	5f
	cmp	%edx, (%rsi)
	je	4f
	add	$16, %rsi
	inc	%edi
	jmp	3b
4:	mov	8(%rsi), %rsp
	xor	%ebp, %ebp
	call	ap_main
5:	cli			/* a CPU that nobody knows */
	hlt
	jmp	5b
	.section .note.GNU-stack, "", @progbits
