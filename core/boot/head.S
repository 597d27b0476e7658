/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in. Both loaders (PVH: QEMU's -kernel; multiboot2: GRUB) enter in 32-bit protected mode
 * without paging, EBX pointing to their structure, no stack. The image is linked at IMAGE_BASE and
 * may lie at any 2 MiB boundary below 4 GiB:
 *
 *	boot map	0 .. 4 GiB			-> the same (2 MiB pages)
 *			DIRECT_MAP_BASE .. + 4 GiB	-> 0 .. 4 GiB
 *			IMAGE_BASE .. + 1 GiB		-> where the image lies
 *
 * Until paging is on, an address is the load base (ESI) plus the distance from the start of the
 * image.
 */
#include "mm/layout.h"
#include "x86/segment.h"

#define MULTIBOOT2_MAGIC 0xe85250d6
#define OFFSET(symbol)	 (symbol - IMAGE_BASE) /* image_start is IMAGE_BASE */

#define PAGE_TABLE 0x03 /* present, write */
#define PAGE_2M	   0x83 /* present, write, large */
#define CR0_BITS   0x80010021 /* PG WP NE PE */
#define CR4_BITS   0x20 /* PAE */
#define MSR_EFER_NUMBER 0xc0000080
#define EFER_BITS  0x900 /* LME NXE */

	.section .head, "ax", @progbits
	.balign	8
multiboot2_header:
	.long	MULTIBOOT2_MAGIC
	.long	0		/* i386 */
	.long	multiboot2_end - multiboot2_header
	.long	-(MULTIBOOT2_MAGIC + (multiboot2_end - multiboot2_header))
	.balign	8
	.short	1, 0		/* information request: command line, memory map, both RSDPs */
	.long	24
	.long	1, 6, 14, 15
	.balign	8
	.short	6, 0		/* modules at page boundaries */
	.long	8
	.balign	8
	.short	10, 0		/* relocatable */
	.long	24
	.long	0x200000	/* lowest address */
	.long	0xffffffff	/* highest */
	.long	0x200000	/* alignment */
	.long	1		/* as low as possible */
	.balign	8
	.short	0, 0
	.long	8
multiboot2_end:

	/* Xen's note 18, PHYS32_ENTRY: the PVH entry as an address that loaders do not change. */
	.section .note.pvh, "a", @note
	.balign	4
	.long	4
	.long	8
	.long	18
	.asciz	"Xen"
	.quad	pvh_entry_phys

	.section .head
	.code32
	.globl	pvh_entry, multiboot2_entry
pvh_entry:
	xor	%eax, %eax	/* EAX is not defined here: the magic in EBX's structure tells */
multiboot2_entry:
	cli
	cld
	mov	%eax, %edi
	/* A stack of one word in the loader's structure, whose second word is put back, to learn
	 * where we are. */
	mov	4(%ebx), %edx
	lea	8(%ebx), %esp
	call	1f
1:	pop	%esi
	mov	%edx, 4(%ebx)
	sub	$OFFSET(1b), %esi
	lea	OFFSET(boot_stack_top)(%esi), %esp

	/* Long mode or nothing. */
	mov	$0x80000000, %eax
	push	%ebx
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	mov	$0x80000001, %eax
	cpuid
	test	$(1 << 29), %edx
	jz	no_long_mode
	pop	%ebx

	/* Four page directories of 512 large pages each: 0 .. 4 GiB. */
	lea	OFFSET(boot_directories)(%esi), %edx
	mov	$PAGE_2M, %eax
	xor	%ecx, %ecx
1:	mov	%eax, (%edx, %ecx, 8)
	movl	$0, 4(%edx, %ecx, 8)
	add	$0x200000, %eax
	inc	%ecx
	cmp	$2048, %ecx
	jne	1b

	/* The image: 1 GiB from where it lies, as far as 4 GiB. */
	lea	OFFSET(boot_image_directory)(%esi), %edx
	lea	PAGE_2M(%esi), %eax
	xor	%ecx, %ecx
1:	mov	%eax, (%edx, %ecx, 8)
	movl	$0, 4(%edx, %ecx, 8)
	add	$0x200000, %eax
	jc	2f
	inc	%ecx
	cmp	$512, %ecx
	jne	1b
2:
	/* Pointers to the directories, and the root. */
	lea	OFFSET(boot_low_pointers)(%esi), %edx
	lea	OFFSET(boot_directories) + PAGE_TABLE(%esi), %eax
	mov	%eax, (%edx)
	add	$0x1000, %eax
	mov	%eax, 8(%edx)
	add	$0x1000, %eax
	mov	%eax, 16(%edx)
	add	$0x1000, %eax
	mov	%eax, 24(%edx)
	lea	OFFSET(boot_high_pointers)(%esi), %edx
	lea	OFFSET(boot_image_directory) + PAGE_TABLE(%esi), %eax
	mov	%eax, 510 * 8(%edx)
	lea	OFFSET(boot_root)(%esi), %edx
	lea	OFFSET(boot_low_pointers) + PAGE_TABLE(%esi), %eax
	mov	%eax, (%edx)
	mov	%eax, 256 * 8(%edx)
	lea	OFFSET(boot_high_pointers) + PAGE_TABLE(%esi), %eax
	mov	%eax, 511 * 8(%edx)

	mov	%cr4, %eax
	or	$CR4_BITS, %eax
	mov	%eax, %cr4
	lea	OFFSET(boot_root)(%esi), %eax
	mov	%eax, %cr3
	push	%edi
	mov	$MSR_EFER_NUMBER, %ecx
	rdmsr
	or	$EFER_BITS, %eax
	wrmsr
	pop	%edi
	mov	%cr0, %eax
	and	$~0x6000000c, %eax	/* not CD, NW, TS, EM */
	or	$CR0_BITS, %eax
	mov	%eax, %cr0

	/* GDT by its physical address, then a far return into 64-bit code. */
	sub	$8, %esp
	lea	OFFSET(boot_gdt)(%esi), %eax
	movw	$(boot_gdt_end - boot_gdt - 1), (%esp)
	mov	%eax, 2(%esp)
	lgdt	(%esp)
	add	$8, %esp
	lea	OFFSET(long_mode)(%esi), %eax
	push	$SELECTOR_CODE64
	push	%eax
	lret

no_long_mode:			/* the one refusal that C cannot speak */
	lea	OFFSET(no_long_mode_text)(%esi), %esi
	mov	$0x3f8, %edx	/* COM1 */
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	hlt
	jmp	2b
no_long_mode_text:
	.asciz	"hvcore: this machine is refused: its CPU has no 64-bit mode\r\n"

	.code64
long_mode:
	mov	$SELECTOR_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$high, %rax
	jmp	*%rax

	.text
high:
	mov	$boot_stack_top, %rsp
	xor	%ebp, %ebp
	mov	%edi, %edi	/* 1: EAX of the loader */
	mov	%esi, %edx	/* 3: load base */
	mov	%ebx, %esi	/* 2: the loader's structure */
	call	boot_main
1:	hlt
	jmp	1b

	.section .rodata
	.balign	8
	.globl	boot_gdt, boot_gdt_end
boot_gdt:			/* slots of x86/segment.h; accessed bits set: nothing writes here */
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
boot_gdt_end:

	.section .bss.page_aligned, "aw", @nobits
	.balign	4096
	.globl	boot_root
boot_root:		.skip 4096
boot_low_pointers:	.skip 4096
boot_high_pointers:	.skip 4096
boot_image_directory:	.skip 4096
boot_directories:	.skip 4 * 4096

	.section .bss.stack, "aw", @nobits
	.balign	4096
	.globl	boot_stack, boot_stack_top
	.globl	boot_nmi_stack_top, boot_df_stack_top, boot_mc_stack_top
boot_stack:		/* each with a page below that the final tables leave out (mm/host_map.c) */
			.skip 4096 + 4 * 4096
boot_stack_top:		.skip 4096 + 4096
boot_nmi_stack_top:	.skip 4096 + 4096
boot_df_stack_top:	.skip 4096 + 4096
boot_mc_stack_top:
	.section .note.GNU-stack, "", @progbits
