/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI addresses: of passed-through functions in the machine, and of all devices in a guest. An address is text
 * in the model; here it is read, once for what is wrong with it and then for comparing.
 */
#include "check/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct address {
	unsigned domain, bus, device, function;
};

/* One hexadecimal number of at most `digits`; *text moves behind it and its separator. */
static bool read_part(const char **text, unsigned digits, char separator, unsigned *value)
{
	char *end;

	if (!isxdigit((unsigned char)**text))
		return false;
	*value = (unsigned)strtoul(*text, &end, 16);
	if ((size_t)(end - *text) > digits || *end != separator)
		return false;
	*text = end + (separator != 0);
	return true;
}

/* `bus:device.function`, or with `domain:` before it. Returns what is wrong, or NULL. */
static const char *read_address(const char *text, struct address *address)
{
	bool has_domain = strchr(text, ':') != strrchr(text, ':');

	*address = (struct address){ 0 };
	if (has_domain && !read_part(&text, 4, ':', &address->domain))
		return "its domain is no number of four hexadecimal digits";
	if (!read_part(&text, 2, ':', &address->bus))
		return "its bus is no number of two hexadecimal digits";
	if (!read_part(&text, 2, '.', &address->device))
		return "its device is no number of two hexadecimal digits";
	if (!read_part(&text, 1, 0, &address->function))
		return "its function is no single digit";
	if (address->device > 0x1f)
		return "a bus has devices 00 to 1f";
	return address->function > 7 ? "a device has functions 0 to 7" : NULL;
}

/* An address of the file and whose it is. */
struct use {
	const char *id;
	const struct guest *guest;
	struct where where;
	const char *text;
	struct address address;
};

struct uses {
	struct arena *arena;
	VECTOR(struct use) list;
};

static void add_use(struct uses *uses, const struct guest *guest, const char *id, const char *text,
		    struct where where)
{
	struct use use = { .id = id, .guest = guest, .where = where, .text = text };

	if (!text)
		return;
	read_address(text, &use.address);
	vector_push(uses->arena, &uses->list, use);
}

/* All addresses inside a guest. */
static struct uses guest_addresses(const struct check_context *c)
{
	const struct devices *devices = &c->guest->devices;
	struct uses uses = { .arena = c->system->arena };

	for (size_t i = 0; i < devices->pci.count; i++)
		add_use(&uses, c->guest, devices->pci.items[i].id.value,
			devices->pci.items[i].guest.value, devices->pci.items[i].guest.where);
	for (size_t i = 0; i < devices->virtio.count; i++)
		add_use(&uses, c->guest, devices->virtio.items[i].id.value,
			devices->virtio.items[i].guest.value, devices->virtio.items[i].guest.where);
	for (size_t i = 0; i < devices->shmem.count; i++)
		add_use(&uses, c->guest, devices->shmem.items[i].id.value,
			devices->shmem.items[i].guest.value, devices->shmem.items[i].guest.where);
	return uses;
}

static void add_host_addresses(struct uses *uses, const struct guest *guest)
{
	for (size_t i = 0; i < guest->devices.pci.count; i++)
		add_use(uses, guest, guest->devices.pci.items[i].id.value,
			guest->devices.pci.items[i].host.value,
			guest->devices.pci.items[i].host.where);
}

/* ------------------------------------------------------------------------------ one by one */

/* Whether YAML 1.1 takes a plain text for a number to the base of 60: 00:05.0, 52:54:00:12:34:56. */
static bool is_sexagesimal(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || text[digits] != ':')
		return false;
	for (text += digits; *text == ':'; text += 1 + digits) {
		digits = strspn(text + 1, "0123456789");
		if (!digits || digits > 2 || (digits == 2 && text[1] > '5'))
			return false;
	}
	return !*text || (*text == '.' && text[1 + strspn(text + 1, "0123456789")] == 0);
}

static void check_quotes(const struct check_context *c, const char *text, struct where where)
{
	struct diag *d;

	if (!text || !was_set(where) || where.at.length != strlen(text) || !is_sexagesimal(text))
		return;
	d = diag_report(c->diags, SEXAGESIMAL, where.at, text);
	diag_help(d, "write `\"%s\"`", text);
}

static void check_text(const struct check_context *c, const struct use *use)
{
	struct address address;
	const char *why = read_address(use->text, &address);

	if (why)
		diag_report(c->diags, PCI_ADDRESS, use->where.at, use->text, why);
	else
		check_quotes(c, use->text, use->where);
}

void check_pci_texts(const struct check_context *c)
{
	struct uses uses = guest_addresses(c);

	add_host_addresses(&uses, c->guest);
	for (size_t i = 0; i < uses.list.count; i++)
		check_text(c, &uses.list.items[i]);
	for (size_t i = 0; i < c->guest->devices.virtio.count; i++)
		check_quotes(c, c->guest->devices.virtio.items[i].mac.value,
			     c->guest->devices.virtio.items[i].mac.where);
}

/* ------------------------------------------------------------------------------- in a guest */

static bool same_slot(const struct address *a, const struct address *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->device == b->device;
}

static const struct use *find_function(const struct uses *uses, size_t count, const struct address *a,
				       unsigned function)
{
	for (size_t i = 0; i < count; i++)
		if (same_slot(&uses->list.items[i].address, a) &&
		    uses->list.items[i].address.function == function)
			return &uses->list.items[i];
	return NULL;
}

static void check_place(const struct check_context *c, const struct uses *uses, size_t index)
{
	const struct use *use = &uses->list.items[index], *first;
	const struct address *a = &use->address;
	struct diag *d;

	if (a->domain || a->bus) {
		diag_report(c->diags, PCI_BUS, use->where.at, a->domain, a->bus);
		return;
	}
	if (!a->device && !a->function) {
		diag_report(c->diags, PCI_SLOT_TAKEN, use->where.at);
		return;
	}
	first = find_function(uses, index, a, a->function);
	if (first) {
		d = diag_report(c->diags, PCI_SLOT_TWICE, use->where.at, a->bus, a->device,
				a->function, first->id);
		diag_note(d, first->where.at, "first used here");
	} else if (a->device && a->function && !find_function(uses, uses->list.count, a, 0)) {
		diag_report(c->diags, PCI_FUNCTION_ZERO, use->where.at, a->bus, a->device,
			    a->function);
	}
}

void check_pci_places(const struct check_context *c)
{
	struct uses uses = guest_addresses(c);

	for (size_t i = 0; i < uses.list.count; i++)
		check_place(c, &uses, i);
}

/* ------------------------------------------------------------------------------- room on the bus */

#define SLOTS 32u

/* One function that hvcc is to place; the slots that the file names are taken. */
static void place_one(const struct check_context *c, const char *address, const char *id, struct where where,
		      unsigned *left)
{
	if (address)
		return;
	if (*left == 0)
		diag_report(c->diags, PCI_FULL, where.at, id, SLOTS - 1);
	(*left)--; /* past the first that finds none nothing more is said */
}

static unsigned slots_named(const struct uses *uses)
{
	uint32_t named = 1; /* the host bridge */
	unsigned count = 0;

	for (size_t i = 0; i < uses->list.count; i++)
		named |= 1u << uses->list.items[i].address.device % SLOTS;
	for (; named; named &= named - 1)
		count++;
	return count;
}

void check_pci_room(const struct check_context *c)
{
	const struct devices *devices = &c->guest->devices;
	struct uses uses = guest_addresses(c);
	unsigned left = SLOTS - slots_named(&uses);

	for (size_t i = 0; i < devices->virtio.count; i++)
		place_one(c, devices->virtio.items[i].guest.value, devices->virtio.items[i].id.value,
			  devices->virtio.items[i].where, &left);
	for (size_t i = 0; i < devices->shmem.count; i++)
		if (devices->shmem.items[i].model.value != SHMEM_MODEL_WINDOW)
			place_one(c, devices->shmem.items[i].guest.value, devices->shmem.items[i].id.value,
				  devices->shmem.items[i].where, &left);
}

void check_pci_needs(const struct check_context *c)
{
	for (size_t i = 0; i < c->guest->devices.pci.count; i++) {
		const struct pci *pci = &c->guest->devices.pci.items[i];
		struct diag *d;

		if (!pci->host.value) {
			d = diag_report(c->diags, PCI_UNBOUND, pci->where.at, pci->id.value);
			diag_help(d, "add `host: \"...\"` here, or `bind: { %s: { devices: { %s: "
				     "\"...\" } } }` to the system's file",
				  c->guest->name.value, pci->id.value);
		}
		if (pci->allow_unprotected_dma.value)
			diag_report(c->diags, UNPROTECTED_DMA, pci->allow_unprotected_dma.where.at,
				    pci->id.value, c->guest->name.value);
	}
}

/* ----------------------------------------------------------------------------- in the machine */

static int by_address(const void *left, const void *right)
{
	const struct use *a = left, *b = right;
	unsigned key_a = a->address.domain << 16 | a->address.bus << 8 | a->address.device << 3;
	unsigned key_b = b->address.domain << 16 | b->address.bus << 8 | b->address.device << 3;

	if (key_a != key_b)
		return key_a < key_b ? -1 : 1;
	if (a->address.function != b->address.function)
		return a->address.function < b->address.function ? -1 : 1;
	if (a->where.at.file != b->where.at.file)
		return a->where.at.file < b->where.at.file ? -1 : 1;
	return a->where.at.offset < b->where.at.offset ? -1 : 1;
}

static void check_neighbours(const struct check_context *c, const struct use *low,
			     const struct use *high)
{
	const struct address *a = &low->address, *b = &high->address;
	struct diag *d;

	if (!same_slot(a, b))
		return;
	if (a->function == b->function) {
		d = diag_report(c->diags, HOST_FUNCTION_TWICE, high->where.at, a->domain, a->bus,
				a->device, a->function, low->guest->name.value,
				high->guest->name.value);
		diag_note(d, low->where.at, "given here first");
	} else if (low->guest != high->guest) {
		d = diag_report(c->diags, HOST_FUNCTIONS_APART, high->where.at, a->function,
				b->function, a->domain, a->bus, a->device, low->guest->name.value,
				high->guest->name.value);
		diag_note(d, low->where.at, "function %x", a->function);
	}
}

void check_pci_hosts(const struct check_context *c)
{
	struct uses uses = { .arena = c->system->arena };

	for (size_t i = 0; i < c->system->guests.count; i++)
		add_host_addresses(&uses, c->system->guests.items[i]);
	if (uses.list.count)
		qsort(uses.list.items, uses.list.count, sizeof(*uses.list.items), by_address);
	for (size_t i = 1; i < uses.list.count; i++)
		check_neighbours(c, &uses.list.items[i - 1], &uses.list.items[i]);
}
