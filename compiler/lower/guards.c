/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `memory.spp` as records: pages and the mask of each. A range that was named by a symbol of the
 * guest's kernel closes the sub-pages that the object touches,
 *
 *     page      |--------------------------------|--------------------------------|
 *     object                  #######################################
 *     sub-pages               ccccccccccccccccccc|ccccccccccccccccccccc            c: closed
 *
 * so that its first and its last page have masks of their own, and those between one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diag/diag.h"
#include "kernel/symbols.h"
#include "lower/pass.h"
#include "lower/start.h"

#define SUB_PAGE 128ull

static const uint32_t actions[] = {
	[SPP_ACTION_LOG] = HV_GUARD_LOG,
	[SPP_ACTION_STOP] = HV_GUARD_STOP,
	[SPP_ACTION_NOTIFY] = HV_GUARD_NOTIFY,
};

static uint32_t action_of(const struct spp *spp)
{
	if (spp->action.value == SPP_ACTION_INJECT)
		return was_set(spp->inject.where) && spp->inject.value == SPP_FAULT_GP ? HV_GUARD_INJECT_GP :
										       HV_GUARD_INJECT_PF;
	return actions[spp->action.value];
}

static uint32_t writable_of(const struct spp *spp)
{
	return was_set(spp->protected_.where) ? ~spp->protected_.value : spp->writable.value;
}

/* The number of the guest that is told; 0 where none is. */
static uint32_t observer_of(const struct lower_context *context, const struct spp *spp)
{
	uint32_t index = 0;

	for (uint32_t i = 0; spp->observer.value && i < context->model->guests.count; i++)
		if (!strcmp(context->model->guests.items[i]->name.value, spp->observer.value))
			index = i;
	return index;
}

bool guest_observes(const struct system *system, const struct guest *guest)
{
	bool observes = false;

	for (size_t i = 0; i < system->guests.count; i++) {
		const struct memory *memory = &system->guests.items[i]->memory;

		for (size_t j = 0; j < memory->spp.count; j++)
			observes |= memory->spp.items[j].observer.value &&
				    !strcmp(memory->spp.items[j].observer.value, guest->name.value);
	}
	return observes;
}

/* Appends pages, or lengthens the guard before them that has the same mask. */
static void add_pages(struct lower_context *context, struct lowered *guest, const struct spp *spp,
		      uint64_t gpa, uint64_t size, uint32_t writable)
{
	struct lowered_guard *last =
		guest->guards.count ? &guest->guards.items[guest->guards.count - 1] : NULL;
	struct lowered_guard guard = {
		.name = spp->name.value,
		.position = spp->where.at,
		.record = { .gpa = gpa, .size = size, .writable = writable, .action = action_of(spp),
			    .observer = observer_of(context, spp) },
	};

	if (last && last->position.offset == guard.position.offset && last->record.writable == writable &&
	    last->record.gpa + last->record.size == gpa)
		last->record.size += size;
	else
		vector_push(context->arena, &guest->guards, guard);
}

/* The sub-pages of the page at gpa that [first, end) touches. */
static uint32_t touched(uint64_t gpa, uint64_t first, uint64_t end)
{
	uint64_t from = first > gpa ? (first - gpa) / SUB_PAGE : 0;
	uint64_t to = end - gpa >= PAGE ? 31 : (end - gpa - 1) / SUB_PAGE;

	return UINT32_MAX << from & UINT32_MAX >> (31 - to);
}

static void close_object(struct lower_context *context, struct lowered *guest, const struct spp *spp,
			 uint64_t first, uint64_t size)
{
	uint64_t end = first + size;

	for (uint64_t gpa = first & ~(PAGE - 1); gpa < end; gpa += PAGE)
		add_pages(context, guest, spp, gpa, PAGE,
			  ~touched(gpa, first, end) | writable_of(spp));
	if (first % SUB_PAGE || end % SUB_PAGE)
		diag_report(context->diags, SPP_NEIGHBOURS, spp->symbol.where.at,
			    (unsigned long long)(first % SUB_PAGE),
			    (unsigned long long)(-end % SUB_PAGE), spp->symbol.value);
}

static struct bytes elf_of(const struct boot_image *kernel)
{
	return kernel->vmlinux.size ? kernel->vmlinux : kernel->file;
}

static const char *find_symbol(const struct boot_image *kernel, struct bytes symbols, const char *name,
			       uint64_t *gpa, uint64_t *size)
{
	struct kernel_symbol symbol;
	const char *why = symbols.size ? symbol_in_file(symbols, name, &symbol) :
					 symbol_find(elf_of(kernel), name, &symbol);

	if (why)
		return why;
	if (!elf_physical(&kernel->elf, symbol.address, gpa) || symbol.size > kernel->elf.high - *gpa)
		return "has the symbol, but outside what is loaded";
	*size = symbol.size;
	return NULL;
}

/* Where symbols are looked up, and its bytes: the kernel itself, where no other file is given. False after a report. */
static bool open_symbols(struct lower_context *context, const struct lowered *guest, struct bytes *symbols)
{
	const struct file_name *file = &guest->model->boot.symbols;
	const char *why;

	*symbols = (struct bytes){ 0 };
	if (!file->value)
		return true;
	*symbols = start_read_file(context, file);
	if (!symbols->size)
		return false;
	why = symbols_belong(*symbols, elf_of(guest->kernel), &guest->kernel->elf);
	if (why)
		diag_note(diag_report(context->diags, SYMBOLS_FOREIGN, file->where.at, file->value, why),
			  guest->kernel->item.position, "the kernel");
	return !why;
}

static void close_symbol(struct lower_context *context, struct lowered *guest, const struct spp *spp,
			 struct bytes symbols)
{
	const char *name = spp->symbol.value + strlen("kernel:");
	const struct file_name *file = &guest->model->boot.symbols;
	uint64_t gpa, size;
	const char *why = find_symbol(guest->kernel, symbols, name, &gpa, &size);

	if (why)
		diag_note(diag_report(context->diags, SPP_NO_SYMBOL, spp->symbol.where.at,
				      file->value ? file->value : guest->kernel->item.name, why, name),
			  guest->kernel->item.position, "the kernel");
	else if (was_set(spp->pages.where))
		add_pages(context, guest, spp, gpa & ~(PAGE - 1), spp->pages.value * PAGE,
			  writable_of(spp));
	else
		close_object(context, guest, spp, gpa, size);
}

static int by_gpa(const void *left, const void *right)
{
	const struct lowered_guard *a = left, *b = right;

	return a->record.gpa < b->record.gpa ? -1 : a->record.gpa > b->record.gpa;
}

static void no_page_twice(struct lower_context *context, const struct lowered *guest)
{
	for (size_t i = 1; i < guest->guards.count; i++) {
		const struct lowered_guard *low = &guest->guards.items[i - 1], *high = low + 1;

		if (low->record.gpa + low->record.size > high->record.gpa)
			diag_note(diag_report(context->diags, SPP_OVERLAP, high->position, low->name,
					      high->name, (unsigned long long)high->record.gpa),
				  low->position, "the other one");
	}
}

/* What the guest's kernel or its processor writes, of all that hvcc puts into memory: the lock in the FACS, and marks of entries. */
static bool is_written(const struct lowered_load *load)
{
	return load->name && (!strcmp(load->name, "FACS") || !strcmp(load->name, "page tables") ||
			      !strcmp(load->name, "boot_params"));
}

static void no_written_load(struct lower_context *context, const struct lowered *guest,
			    const struct lowered_guard *guard)
{
	uint64_t end = guard->record.gpa + guard->record.size;

	for (size_t i = 0; i < guest->loads.count && guard->record.gpa != HV_GUARD_ANYWHERE; i++) {
		const struct lowered_load *load = &guest->loads.items[i];

		if (is_written(load) && load->record.gpa < end &&
		    load->record.gpa + load->record.memory_size > guard->record.gpa)
			diag_report(context->diags, SPP_WRITTEN, guard->position, guard->name, load->name,
				    (unsigned long long)load->record.gpa);
	}
}

void pass_guards(struct lower_context *context, struct lowered *guest)
{
	const struct memory *memory = &guest->model->memory;
	struct bytes symbols = { 0 };
	bool readable = memory->spp.count && guest->kernel && open_symbols(context, guest, &symbols);

	for (size_t i = 0; i < memory->spp.count; i++) {
		const struct spp *spp = &memory->spp.items[i];

		if (was_set(spp->lockable.where))
			add_pages(context, guest, spp, HV_GUARD_ANYWHERE, spp->lockable.value * PAGE, 0);
		else if (!spp->symbol.value)
			add_pages(context, guest, spp, spp->gpa.value,
				  (was_set(spp->pages.where) ? spp->pages.value : 1) * PAGE,
				  writable_of(spp));
		else if (readable)
			close_symbol(context, guest, spp, symbols);
	}
	if (guest_observes(context->model, guest->model))
		guest->flags |= HV_GUEST_OBSERVER;
	if (guest->guards.count)
		qsort(guest->guards.items, guest->guards.count, sizeof(*guest->guards.items), by_gpa);
	no_page_twice(context, guest);
	for (size_t i = 0; i < guest->guards.count; i++)
		no_written_load(context, guest, &guest->guards.items[i]);
}

bool check_guards(const struct lowered *guest)
{
	for (size_t i = 0; i < guest->guards.count; i++) {
		const struct hv_guard *guard = &guest->guards.items[i].record;
		bool inside = guard->gpa == HV_GUARD_ANYWHERE;

		for (size_t j = 0; j < guest->ram.count; j++)
			inside |= guard->gpa >= guest->ram.items[j].base &&
				  guard->gpa + guard->size <=
					  guest->ram.items[j].base + guest->ram.items[j].size;
		if (!inside || (guard->gpa | guard->size) & (PAGE - 1))
			return false;
	}
	return true;
}
