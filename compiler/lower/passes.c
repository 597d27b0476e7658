/* SPDX-License-Identifier: Apache-2.0 */
/* The order of lowering, as an array. */
#include <stdio.h>
#include <stdlib.h>

#include "acpi/acpi.h"
#include "diag/diag.h"
#include "lower/cpu.h"
#include "lower/pass.h"
#include "model/model.h"

static const struct pass passes[] = {
	{ "topology", lower_topology, NULL, true },
	{ "layout-guest", pass_layout_guest, check_layout_guest, true },
	{ "host-memory", pass_host_memory, check_layout_guest, true },
	{ "layout-mmio", pass_layout_mmio, NULL, true },
	{ "cpu-policy", lower_cpu_policy, lower_cpu_check },
	{ "irq", pass_irq, NULL, true },
	{ "pci", pass_pci, NULL, true },
	{ "bios", pass_bios, NULL, true },
	{ "acpi", pass_acpi, acpi_verify, true },
	{ "start", pass_start, check_loads, true },
	{ "guards", pass_guards, check_guards, true },
};

enum { PASSES = sizeof(passes) / sizeof(*passes) };

static _Noreturn void internal_error(const struct pass *pass, const struct lowered *guest)
{
	fprintf(stderr, "hvcc: internal error: pass `%s` left guest `%s` inconsistent\n",
		pass->name, guest->name);
	exit(70);
}

/* What is a word of the file already. */
static void guest_flags(struct lowered *guest)
{
	const struct guest *model = guest->model;

	guest->name = model->name.value;
	guest->position = model->where.at;
	for (size_t i = 0; i < model->pv.interfaces.count; i++)
		guest->pv |= 1u << model->pv.interfaces.items[i].value;
	if (model->vcpus.apic.mode.value == APIC_MODE_X2APIC)
		guest->flags |= HV_GUEST_X2APIC;
}

static void lower_guest(struct lower_context *context, struct lowered *guest)
{
	size_t before = diag_errors(context->diags);

	for (size_t i = 0; i < PASSES; i++) {
		if (context->only_files && !passes[i].for_files)
			continue;
		passes[i].run(context, guest);
		if (diag_errors(context->diags) != before)
			return;
		if (passes[i].check && !passes[i].check(guest))
			internal_error(&passes[i], guest);
	}
}

/* The guests, of which nothing is known yet but what is a word of their files. */
static void begin(struct lower_context *context)
{
	context->system = arena_new(context->arena, struct lowered_system);
	lower_shares(context);
	for (size_t i = 0; i < context->model->guests.count; i++) {
		struct lowered *guest = arena_new(context->arena, struct lowered);

		guest->model = context->model->guests.items[i];
		guest_flags(guest);
		vector_push(context->arena, &context->system->guests, guest);
	}
}

static void lower_guests(struct lower_context *context)
{
	begin(context);
	for (size_t i = 0; i < context->system->guests.count; i++) {
		context->diags->subject = context->system->guests.items[i]->model->where.at;
		lower_guest(context, context->system->guests.items[i]);
	}
	context->diags->subject = (struct position){ 0 };
}

bool lower_system(struct lower_context *context)
{
	size_t before = diag_errors(context->diags);

	lower_guests(context);
	lower_schedule(context);
	layout_host(context);
	if (diag_errors(context->diags) == before)
		check_pool(context);
	return diag_errors(context->diags) == before;
}

bool lower_tables(struct lower_context *context)
{
	size_t before = diag_errors(context->diags);

	begin(context);
	lower_schedule(context);
	return diag_errors(context->diags) == before;
}

bool lower_files(struct lower_context *context)
{
	size_t before = diag_errors(context->diags);

	context->only_files = true;
	lower_guests(context);
	if (diag_errors(context->diags) == before)
		check_pool(context);
	return diag_errors(context->diags) == before;
}
