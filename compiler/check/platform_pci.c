/* SPDX-License-Identifier: Apache-2.0 */
/* Functions given to guests: there, alone in their IOMMU group, reached by an IOMMU, and bound to no memory. */
#include "check/check.h"

#include <ctype.h>
#include <string.h>

#include "base/map.h"

/* A function that a guest gets. */
struct given {
	const struct guest *guest;
	const struct pci *pci;
	const struct host_pci *host;
};

struct assignment {
	const struct check_context *check;
	struct map functions; /* struct host_pci by address */
	struct map owners;    /* struct given by address */
	VECTOR(struct given *) list;
};

/* An address as the machine's file has it: with its segment, in small letters. */
static const char *whole_address(struct arena *arena, const char *text)
{
	char *whole = arena_printf(arena, "%s%s", strchr(text, ':') == strrchr(text, ':') ? "0000:" : "", text);

	for (char *c = whole; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return whole;
}

static void add_given(struct assignment *a, const struct guest *guest, const struct pci *pci)
{
	const struct platform *platform = &a->check->system->platform;
	const char *address = whole_address(a->check->system->arena, pci->host.value);
	struct given *given = arena_new(a->check->system->arena, struct given);
	struct diag *d;

	*given = (struct given){ guest, pci, map_get(&a->functions, address) };
	if (given->host) {
		map_put(a->check->system->arena, &a->owners, address, given);
		vector_push(a->check->system->arena, &a->list, given);
		return;
	}
	d = diag_report(a->check->diags, PLATFORM_PCI, pci->host.where.at, platform->name.value, pci->host.value);
	if (platform->pci.count)
		diag_note(d, platform->pci.items[0].where.at, "the functions that it has");
}

static bool has_range(const struct host_reserved *reserved, const struct host_pci *host)
{
	for (size_t i = 0; i < reserved->devices.count; i++)
		if (!strcmp(reserved->devices.items[i].value, host->address.value))
			return true;
	return false;
}

/* Whether the guest has RAM there; what has no regions is laid out around the PCI hole. */
static bool has_ram(const struct memory *memory, uint64_t first, uint64_t end)
{
	enum { HOLE_SHIFT = 30, HOLE_START = 3, HOLE_END = 4 };
	uint64_t hole = (uint64_t)HOLE_START << HOLE_SHIFT, above = (uint64_t)HOLE_END << HOLE_SHIFT;
	uint64_t low = memory->size.value < hole ? memory->size.value : hole;

	for (size_t i = 0; i < memory->regions.count; i++) {
		const struct region *region = &memory->regions.items[i];

		if (region->kind.value == REGION_KIND_RAM && region->gpa.value < end &&
		    first < region->gpa.value + region->size.value)
			return true;
	}
	return !memory->regions.count && (first < low || (end > above && first < above + memory->size.value - low));
}

/* The device goes on using the range, at the same address in the guest. */
static void check_reserved(const struct assignment *a, const struct given *given)
{
	const struct platform *platform = &a->check->system->platform;

	for (size_t i = 0; i < platform->reserved.count; i++) {
		const struct host_reserved *reserved = &platform->reserved.items[i];
		uint64_t first = reserved->range.base.value, end = first + reserved->range.size.value;
		struct position at = given->pci->host.where.at;
		struct diag *d;

		if (!has_range(reserved, given->host) || !has_ram(&given->guest->memory, first, end))
			continue;
		if (given->pci->rdm_policy.value == RDM_POLICY_STRICT)
			d = diag_report(a->check->diags, PLATFORM_PCI_RESERVED, at, given->host->address.value,
					(unsigned long long)first, (unsigned long long)end - 1, given->guest->name.value);
		else
			d = diag_report(a->check->diags, PLATFORM_PCI_RELAXED, at, given->host->address.value,
					(unsigned long long)first, (unsigned long long)end - 1, given->guest->name.value);
		diag_note(d, reserved->range.where.at, "reserved here");
		diag_help(d, "keep the guest's RAM away from it with `memory.regions`");
	}
}

/* Endpoints of the group that another guest has, or none. Bridges belong to no one. */
static void check_group(const struct assignment *a, const struct given *given)
{
	const struct platform *platform = &a->check->system->platform;

	if (!was_set(given->host->group.where))
		return;
	for (size_t i = 0; i < platform->pci.count; i++) {
		const struct host_pci *other = &platform->pci.items[i];
		const struct given *owner;
		struct diag *d;

		if (other == given->host || !was_set(other->group.where) || other->group.value != given->host->group.value ||
		    other->kind.value == PCI_KIND_BRIDGE)
			continue;
		owner = map_get(&a->owners, other->address.value);
		if (owner && owner->guest == given->guest)
			continue;
		d = diag_report(a->check->diags, PLATFORM_PCI_GROUP, given->pci->host.where.at, given->host->address.value,
				given->host->group.value, other->address.value);
		diag_note(d, other->where.at, "of the same group");
		if (owner)
			diag_note(d, owner->pci->host.where.at, "given to `%s`", owner->guest->name.value);
		diag_help(d, "give all of a group to one guest");
		return;
	}
}

static bool bars_meet(const struct host_bar *a, const struct host_bar *b)
{
	return a->kind.value == b->kind.value &&
	       a->range.base.value < b->range.base.value + b->range.size.value &&
	       b->range.base.value < a->range.base.value + a->range.size.value;
}

/* A guest would reach the other function's registers. */
static void check_bars(const struct assignment *a, const struct given *given)
{
	const struct platform *platform = &a->check->system->platform;
	const struct host_pci *host = given->host;

	for (size_t i = 0; i < platform->pci.count; i++)
		for (size_t j = 0; j < host->bars.count; j++)
			for (size_t k = 0; &platform->pci.items[i] != host && k < platform->pci.items[i].bars.count; k++) {
				const struct host_pci *other = &platform->pci.items[i];
				struct diag *d;

				if (!bars_meet(&host->bars.items[j], &other->bars.items[k]))
					continue;
				d = diag_report(a->check->diags, PLATFORM_PCI_BAR, given->pci->host.where.at,
						host->bars.items[j].bar.value, host->address.value, other->address.value);
				diag_note(d, host->bars.items[j].range.where.at, "its range");
				diag_note(d, other->bars.items[k].range.where.at, "the other one");
				return;
			}
}

/* The unit that serves a function: the one that names it, or that serves the rest of its segment. */
static const struct host_iommu *unit_of(const struct platform *platform, const struct host_pci *host)
{
	const struct host_iommu *rest = NULL;

	for (size_t i = 0; i < platform->iommus.count; i++) {
		const struct host_iommu *unit = &platform->iommus.items[i];

		for (size_t j = 0; j < unit->devices.count; j++)
			if (!strcmp(unit->devices.items[j].value, host->address.value))
				return unit;
		/* What is behind a bridge is not named by every firmware. */
		if (unit->all.value || unit->devices.count)
			rest = unit;
	}
	return rest;
}

static void check_unit(const struct assignment *a, const struct given *given)
{
	const struct platform *platform = &a->check->system->platform;
	const struct host_iommu *unit = unit_of(platform, given->host);
	struct diag *d;

	if (!was_set(platform->iommus_known) || given->pci->allow_unprotected_dma.value)
		return;
	if (!unit) {
		d = diag_report(a->check->diags, PLATFORM_NO_IOMMU, given->pci->host.where.at, platform->name.value,
				given->host->address.value);
		diag_note(d, platform->iommus_known.at, "the IOMMUs of the machine");
		diag_help(d, "turn on VT-d or AMD-Vi in the firmware's setup and probe again");
	} else if (!unit->interrupt_remapping.value) {
		d = diag_report(a->check->diags, PLATFORM_NO_REMAPPING, given->pci->host.where.at, given->host->address.value);
		diag_note(d, unit->where.at, "its IOMMU");
	}
}

static void check_given(const struct assignment *a, const struct given *given)
{
	if (given->host->kind.value == PCI_KIND_BRIDGE) {
		diag_note(diag_report(a->check->diags, PLATFORM_PCI_BRIDGE, given->pci->host.where.at,
				      given->host->address.value),
			  given->host->kind.where.at, "a bridge");
		return;
	}
	check_unit(a, given);
	check_group(a, given);
	check_reserved(a, given);
	check_bars(a, given);
}

void check_platform_pci(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	struct assignment a = { .check = c };

	if (!was_set(platform->pci_known))
		return;
	for (size_t i = 0; i < platform->pci.count; i++)
		map_put(c->system->arena, &a.functions, platform->pci.items[i].address.value, &platform->pci.items[i]);
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->devices.pci.count; j++)
			if (guest->devices.pci.items[j].host.value)
				add_given(&a, guest, &guest->devices.pci.items[j]);
	}
	for (size_t i = 0; i < a.list.count; i++)
		check_given(&a, a.list.items[i]);
}
