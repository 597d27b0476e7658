/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a multiboot loader (32-bit protected mode, no paging) to guest_main() in 64-bit mode, and the same way for the other
 * processors: they start in real mode at ap_trampoline, which smp.c copies below 1 MiB.
 */
#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x3 /* modules on pages, memory map */

	.section .multiboot, "a"
	.align 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	/* The other way in, for hypervisors that know no multiboot: Xen's note 18, PHYS32_ENTRY. EBX is a start_info then. */
	.section .note.pvh, "a", @note
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	cli
	cld
	movl %ebx, multiboot_pointer
	movl %eax, multiboot_magic
	movl %esi, entry_registers
	movl %edi, entry_registers + 8
	movl %ebp, entry_registers + 16
	movl $boot_stack_top, %esp
	/* 4 GiB one to one: PML4 -> PDPT -> four page directories of 2 MiB pages */
	movl $page_directories + 0x7, %eax
	movl $page_pdpt, %edi
	movl $4, %ecx
1:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 1b
	movl $page_pdpt + 0x7, page_pml4
	movl $page_directories, %edi
	movl $0x87, %eax
	movl $2048, %ecx
1:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b
	call enter_long_mode
	.code64
	movq %r8, entry_registers + 24
	movq %r9, entry_registers + 32
	movq %r10, entry_registers + 40
	movq %r11, entry_registers + 48
	movq %r12, entry_registers + 56
	movq %r13, entry_registers + 64
	movq %r14, entry_registers + 72
	movq %r15, entry_registers + 80
	xorl %ebp, %ebp
	call guest_main
1:	cli
	hlt
	jmp 1b

	.code32
enter_long_mode: /* returns to its caller in 64-bit mode; only the low stack word of the return address exists */
	popl %esi
	movl %cr4, %eax
	orl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $page_pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x901, %eax /* NXE, LME, SCE */
	wrmsr
	movl %cr0, %eax
	andl $~0x4, %eax
	orl $0x80010023, %eax /* PG, WP, NE, MP, PE */
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $0x08, $1f
	.code64
1:	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl %esp, %esp
	movl %esi, %esi
	jmp *%rsi

	/* ---- the other processors */
	.code16
	.globl ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl gdt_pointer_low - ap_trampoline
	movl %cr0, %eax
	orl $1, %eax
	andl $~0x60000000, %eax
	movl %eax, %cr0
	ljmpl $0x18, $ap_start32
	.align 4
gdt_pointer_low:
	.word gdt_end - gdt - 1
	.long gdt
ap_trampoline_end:

	.code32
ap_start32:
	movl $0x20, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $1, %eax
	lock xaddl %eax, ap_started /* the number of this processor, from 1 */
	incl %eax
	movl %eax, %ebp
	shll $14, %eax /* 16 KiB of stack each */
	leal ap_stacks(%eax), %esp
	call enter_long_mode
	.code64
	movl %ebp, %edi
	xorl %ebp, %ebp
	call ap_main
1:	cli
	hlt
	jmp 1b

	.data
	.align 16
	.globl gdt, gdt_pointer
gdt:	.quad 0
	.quad 0x00af9a000000ffff /* 0x08 code, 64-bit */
	.quad 0x00cf92000000ffff /* 0x10 data */
	.quad 0x00cf9a000000ffff /* 0x18 code, 32-bit */
	.quad 0x00cf92000000ffff /* 0x20 data, 32-bit */
	.quad 0x00cff2000000ffff /* 0x28 data, user */
	.quad 0x00affa000000ffff /* 0x30 code, 64-bit, user */
	.quad 0x00009a000000ffff /* 0x38 code, 16-bit */
	.quad 0x000092000000ffff /* 0x40 data, 16-bit */
	.globl gdt_tss
gdt_tss:
	.quad 0, 0		 /* 0x48 TSS, filled by trap.c */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt
	.globl multiboot_pointer, multiboot_magic, ap_started
	.align 8
multiboot_pointer: .quad 0
multiboot_magic: .long 0
ap_started: .long 0

	.bss
	.align 4096
	.globl page_pml4, page_pdpt, page_directories
page_pml4: .skip 4096
page_pdpt: .skip 4096
page_directories: .skip 4 * 4096
	.skip 16384
boot_stack_top:
	.skip 16
	.globl entry_registers
entry_registers: .skip 11 * 8
	.align 16
ap_stacks: .skip 33 * 16384
	.section .note.GNU-stack, "", @progbits
