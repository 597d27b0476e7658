/* SPDX-License-Identifier: Apache-2.0 */
/* I/O ports and interrupts: what the guest's devices claim against each other and the PC's own. */
#include "check/check.h"

/* A claim on ports [first, first + count), or on one interrupt. */
struct claim {
	const char *what;
	uint32_t first, count;
	struct position at; /* nowhere: the PC's own */
};

struct claims {
	struct arena *arena;
	VECTOR(struct claim) list;
};

/* In the range that devices may choose from (0x100 and up). */
static const struct claim own_ports[] = {
	{ "the interrupt controllers' mode ports", 0x4d0, 2 },
	{ "the ACPI power management ports", 0x600, 0x10 },
	{ "the PCI configuration ports and the reset port", 0xcf8, 8 },
};

static const struct claim own_interrupts[] = {
	{ "the real-time clock", 8, 1 },
	{ "ACPI (SCI)", 9, 1 },
};

static void add(struct claims *claims, const char *what, uint32_t first, uint32_t count,
		struct where where, struct where fallback)
{
	struct claim claim = {
		.what = arena_printf(claims->arena, "`%s`", what),
		.first = first,
		.count = count,
		.at = was_set(where) ? where.at : fallback.at,
	};

	vector_push(claims->arena, &claims->list, claim);
}

static const struct claim *find_overlap(const struct claim *claim, const struct claim *list,
					size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (claim->first < list[i].first + list[i].count &&
		    list[i].first < claim->first + claim->count)
			return &list[i];
	return NULL;
}

static void report_ports(const struct check_context *c, const struct claim *claim,
			 const struct claim *other)
{
	struct diag *d = diag_report(c->diags, PORT_OVERLAP, claim->at, claim->what, claim->first,
				     claim->first + claim->count - 1, other->what);

	if (other->at.file)
		diag_note(d, other->at, "0x%x to 0x%x", other->first,
			  other->first + other->count - 1);
	else
		diag_note(d, other->at, "every guest has %s at 0x%x to 0x%x", other->what,
			  other->first, other->first + other->count - 1);
	diag_help(d, "the usual ports of serial lines are 0x3f8, 0x2f8, 0x3e8 and 0x2e8");
}

void check_ports(const struct check_context *c)
{
	const struct devices *devices = &c->guest->devices;
	struct claims claims = { .arena = c->system->arena };

	for (size_t i = 0; i < devices->serial.count; i++) {
		const struct serial *serial = &devices->serial.items[i];

		add(&claims, serial->id.value, serial->io.value, 8, serial->io.where,
		    serial->where);
	}
	if (was_set(devices->debug_exit.where))
		add(&claims, "debug-exit", devices->debug_exit.io.value, 4,
		    devices->debug_exit.io.where, devices->debug_exit.where);
	if (was_set(devices->panic.where) && devices->panic.model.value == PANIC_MODEL_PVPANIC)
		add(&claims, "panic", devices->panic.io.value, 1, devices->panic.io.where,
		    devices->panic.where);
	if (was_set(devices->watchdog.where))
		add(&claims, "watchdog", 0x620, 12, devices->watchdog.where, devices->watchdog.where);
	for (size_t i = 0; i < claims.list.count; i++) {
		const struct claim *claim = &claims.list.items[i];
		const struct claim *other =
			find_overlap(claim, own_ports, sizeof(own_ports) / sizeof(*own_ports));

		if (!other)
			other = find_overlap(claim, claims.list.items, i);
		if (other)
			report_ports(c, claim, other);
	}
}

static void report_interrupt(const struct check_context *c, const struct claim *claim,
			     const struct claim *other)
{
	struct diag *d = diag_report(c->diags, INTERRUPT_TWICE, claim->at, claim->first,
				     claim->what, other->what);

	if (other->at.file)
		diag_note(d, other->at, "%s has it", other->what);
	diag_help(d, "ISA interrupts are edge-triggered and cannot be shared; serial lines "
		     "usually have 4, 3, 5 and 7");
}

void check_interrupts(const struct check_context *c)
{
	const struct devices *devices = &c->guest->devices;
	struct claims claims = { .arena = c->system->arena };

	for (size_t i = 0; i < devices->serial.count; i++) {
		const struct serial *serial = &devices->serial.items[i];

		add(&claims, serial->id.value, serial->irq.value, 1, serial->irq.where,
		    serial->where);
	}
	for (size_t i = 0; i < claims.list.count; i++) {
		const struct claim *claim = &claims.list.items[i];
		const struct claim *other = find_overlap(claim, own_interrupts,
							 sizeof(own_interrupts) /
								 sizeof(*own_interrupts));

		if (!other)
			other = find_overlap(claim, claims.list.items, i);
		if (other)
			report_interrupt(c, claim, other);
	}
}
