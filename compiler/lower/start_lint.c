/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that can be loaded, against what the guest's file asks of it: its entry, and where it carries
 * its configuration (CONFIG_IKCONFIG, a vmlinux or one that is unpacked) what it was built without.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag/diag.h"
#include "kernel/config.h"
#include "kernel/unpack.h"
#include "lower/start.h"

/* Each tells where the file asks for something; nowhere: it does not. */

static struct position asks_nothing(void)
{
	return (struct position){ 0 };
}

static struct position asks_always(const struct guest *guest)
{
	return guest->boot.kernel.where.at;
}

static struct position asks_smp(const struct guest *guest)
{
	const struct vcpus *vcpus = &guest->vcpus;

	if (vcpus->count.value == 1)
		return asks_nothing();
	return was_set(vcpus->count.where) ? vcpus->count.where.at : vcpus->topology.where.at;
}

static struct position asks_x2apic(const struct guest *guest)
{
	const struct apic *apic = &guest->vcpus.apic;

	return apic->mode.value == APIC_MODE_X2APIC ? apic->mode.where.at : asks_nothing();
}

static struct position asks_kvm(const struct guest *guest)
{
	return guest->pv.interfaces.count ? guest->pv.where.at : asks_nothing();
}

static struct position asks_numa(const struct guest *guest)
{
	return guest->memory.numa.count ? guest->memory.numa.items[0].where.at : asks_nothing();
}

static struct position asks_serial(const struct guest *guest)
{
	return strstr(guest->boot.cmdline.value, "console=ttyS") ? guest->boot.cmdline.where.at :
								     asks_nothing();
}

static struct position asks_initrd(const struct guest *guest)
{
	return guest->boot.initrd.where.at;
}

static const struct need {
	const char *option;
	enum diag_code code; /* all have one sentence: the kernel, the option */
	struct position (*asked)(const struct guest *guest);
} needs[] = {
	{ "CONFIG_SMP", DIAG_KERNEL_NO_SMP, asks_smp },
	{ "CONFIG_ACPI", DIAG_KERNEL_NO_ACPI, asks_always },
	{ "CONFIG_X86_X2APIC", DIAG_KERNEL_NO_X2APIC, asks_x2apic },
	{ "CONFIG_KVM_GUEST", DIAG_KERNEL_NO_KVM, asks_kvm },
	{ "CONFIG_ACPI_NUMA", DIAG_KERNEL_NO_NUMA, asks_numa },
	{ "CONFIG_SERIAL_8250_CONSOLE", DIAG_KERNEL_NO_SERIAL, asks_serial },
	{ "CONFIG_BLK_DEV_INITRD", DIAG_KERNEL_NO_INITRD, asks_initrd },
};

struct linting {
	struct lower_context *context;
	const struct lowered *guest;
	const struct boot_image *image;
	struct bytes config;
};

static struct diag *report_need(const struct linting *l, enum diag_code code, struct position asked,
				const char *option)
{
	struct diag *d = diag_report_code(l->context->diags, code, l->image->item.position,
					  diag_sentence_KERNEL_NO_SMP, l->image->item.name, option);

	if (position_known(asked) && asked.offset != l->image->item.position.offset)
		diag_note(d, asked, "asked for here");
	return d;
}

static void check_needs(const struct linting *l)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++) {
		struct position asked = needs[i].asked(l->guest->model);

		if (position_known(asked) && !kernel_config_value(l->config, needs[i].option).data)
			report_need(l, needs[i].code, asked, needs[i].option);
	}
}

/* CONFIG_RD_GZIP and its kin: by the name of the method. */
static void check_initrd(const struct linting *l)
{
	const struct file_name *initrd = &l->guest->model->boot.initrd;
	const char *method;
	char option[32];

	if (!initrd->value || !kernel_config_value(l->config, "CONFIG_BLK_DEV_INITRD").data)
		return;
	method = unpack_method(start_read_file(l->context, initrd));
	if (!method)
		return;
	snprintf(option, sizeof(option), "CONFIG_RD_%s", method);
	for (char *c = option; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	if (!kernel_config_value(l->config, option).data)
		report_need(l, DIAG_KERNEL_NO_UNPACKER, initrd->where.at,
			    arena_strdup(l->context->arena, option));
}

static void check_count(const struct linting *l)
{
	const struct vcpus *vcpus = &l->guest->model->vcpus;
	struct bytes value = kernel_config_value(l->config, "CONFIG_NR_CPUS");
	uint32_t most = 0;
	struct diag *d;

	for (size_t i = 0; i < value.size && isdigit(value.data[i]) && most < MOST_VCPUS; i++)
		most = most * 10 + (value.data[i] - '0');
	if (!most || most >= vcpus->count.value)
		return;
	d = diag_report(l->context->diags, KERNEL_FEW_CPUS, l->image->item.position,
			l->image->item.name, most, vcpus->count.value);
	diag_note(d, asks_smp(l->guest->model), "asked for here");
}

static void check_own_cmdline(const struct linting *l)
{
	const struct boot *boot = &l->guest->model->boot;

	if (*boot->cmdline.value && kernel_config_value(l->config, "CONFIG_CMDLINE_OVERRIDE").data)
		diag_note(diag_report(l->context->diags, KERNEL_OWN_CMDLINE, l->image->item.position,
				      l->image->item.name),
			  boot->cmdline.where.at, "the command line that it will not read");
}

/* Is the address in a segment, as segments lie in memory? */
static bool holds(const struct elf_image *elf, uint64_t address)
{
	for (uint32_t i = 0; i < elf->segment_count; i++)
		if (address - elf->segments[i].paddr < elf->segments[i].memory_size)
			return true;
	return false;
}

static bool check_entry(const struct linting *l, enum boot_protocol protocol)
{
	const struct elf_image *elf = &l->image->elf;
	uint64_t entry = protocol == BOOT_PROTOCOL_PVH ? elf->pvh_entry : elf->entry;

	if (holds(elf, entry) || (protocol == BOOT_PROTOCOL_LINUX && elf_physical(elf, entry, &entry)))
		return true;
	diag_report(l->context->diags, ELF_ENTRY, l->image->item.position, l->image->item.name,
		    (unsigned long long)entry);
	return false;
}

bool start_lint(struct lower_context *context, const struct lowered *guest,
		const struct boot_image *image, enum boot_protocol protocol)
{
	struct linting l = { .context = context, .guest = guest, .image = image };
	bool has_elf = image->is_elf || image->vmlinux.size;

	if (!has_elf || (protocol != BOOT_PROTOCOL_PVH && protocol != BOOT_PROTOCOL_LINUX))
		return true;
	if (protocol == BOOT_PROTOCOL_PVH && !image->elf.has_pvh)
		return true; /* start_pvh() says so */
	if (!check_entry(&l, protocol))
		return false;
	l.config = start_config(context, image->vmlinux.size ? image->vmlinux : image->file);
	if (!l.config.size)
		return true;
	check_needs(&l);
	check_count(&l);
	check_initrd(&l);
	check_own_cmdline(&l);
	return true;
}
