/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs: topology, APIC ids, pins. */
#include "check/check.h"

#include "base/map.h"
#include "schema/hvblob.h"

#define EXTENDED_ID   32767u /* what 15 bits of an interrupt message reach */
#define CACHE_ID_BITS 12u    /* CPUID 4 and 0x8000001D, EAX 25:14 */

/* "sockets: 2" and the like: the one factor whose change alone makes the product fit. */
static void suggest_factor(struct diag *d, const struct topology *t, uint32_t count)
{
	const struct {
		const char *name;
		uint32_t value;
	} factors[] = {
		{ "cores", t->cores.value },
		{ "sockets", t->sockets.value },
		{ "dies", t->dies.value },
	};
	uint32_t product =
		t->sockets.value * t->dies.value * t->cores.value * t->threads.value;

	for (size_t i = 0; i < sizeof(factors) / sizeof(*factors); i++) {
		uint32_t others = product / factors[i].value;

		if (count % others)
			continue;
		diag_help(d, "set `%s: %u`, or `count: %u`", factors[i].name, count / others,
			  product);
		return;
	}
	diag_help(d, "set `count: %u`", product);
}

void check_topology_product(const struct check_context *c)
{
	const struct vcpus *vcpus = &c->guest->vcpus;
	const struct topology *t = &vcpus->topology;
	uint64_t product = (uint64_t)t->sockets.value * t->dies.value * t->cores.value *
			   t->threads.value;
	struct diag *d;

	if (product == vcpus->count.value && product <= MOST_VCPUS)
		return;
	if (!was_set(vcpus->count.where) || product > MOST_VCPUS) {
		d = diag_report(c->diags, TOPOLOGY_LARGE, t->where.at,
				(unsigned long long)product, (uint32_t)MOST_VCPUS);
		diag_label(d, "%u * %u * %u * %u", t->sockets.value, t->dies.value,
			   t->cores.value, t->threads.value);
		return;
	}
	d = diag_report(c->diags, TOPOLOGY_PRODUCT, t->where.at, (uint32_t)product,
			vcpus->count.value);
	diag_label(d, "%u * %u * %u * %u = %u", t->sockets.value, t->dies.value, t->cores.value,
		   t->threads.value, (uint32_t)product);
	diag_note(d, vcpus->count.where.at, "count set here");
	suggest_factor(d, t, vcpus->count.value);
	diag_fix_number(c->diags, d, vcpus->count.where.at, product);
}

/* Bits that number n things. */
static uint32_t id_bits(uint32_t n)
{
	return n > 1 ? 32 - (uint32_t)__builtin_clz(n - 1) : 0;
}

/* APIC ids have a field a level (SDM v3 9.9.1), so they may be larger than the count suggests. */
static uint32_t highest_apic_id(const struct topology *t)
{
	uint32_t id = t->sockets.value - 1;

	id = id << id_bits(t->dies.value) | (t->dies.value - 1);
	id = id << id_bits(t->cores.value) | (t->cores.value - 1);
	return id << id_bits(t->threads.value) | (t->threads.value - 1);
}

/* The place that best explains how many vCPUs there are. */
static struct position size_place(const struct vcpus *vcpus)
{
	if (was_set(vcpus->topology.where))
		return vcpus->topology.where.at;
	return was_set(vcpus->count.where) ? vcpus->count.where.at : vcpus->where.at;
}

/* Interrupts go through a remapping table; with `eim` its ids have 32 bits. */
static bool is_remapped(const struct guest *guest)
{
	return was_set(guest->iommu.where) && guest->iommu.intremap.value;
}

void check_apic_ids(const struct check_context *c)
{
	const struct vcpus *vcpus = &c->guest->vcpus;
	uint32_t highest = highest_apic_id(&vcpus->topology);
	struct diag *d;

	if (highest <= 254)
		return;
	if (vcpus->apic.mode.value != APIC_MODE_XAPIC && is_remapped(c->guest) &&
	    c->guest->iommu.eim.value)
		return;
	if (vcpus->apic.mode.value == APIC_MODE_XAPIC) {
		d = diag_report(c->diags, XAPIC_IDS, size_place(vcpus), highest);
		diag_note(d, vcpus->apic.mode.where.at, "8-bit ids asked for here");
		diag_help(d, "set `mode: x2apic`, or make the topology smaller");
	} else if (is_remapped(c->guest)) {
		d = diag_report(c->diags, REMAPPED_IDS, size_place(vcpus), highest);
		diag_note(d, c->guest->iommu.intremap.where.at, "interrupts are remapped");
		diag_help(d, "add `eim: true`, or make the topology smaller");
	} else if (!c->guest->pv.interfaces.count) {
		d = diag_report(c->diags, X2APIC_IDS, size_place(vcpus), highest);
		diag_note(d, c->guest->pv.where.at, "no interface that extends interrupts");
		diag_help(d, "set `pv: [kvm]`, or make the topology smaller");
	} else if (highest > EXTENDED_ID) {
		d = diag_report(c->diags, EXTENDED_IDS, size_place(vcpus), highest);
		diag_help(d, "give each level of the topology a power of two, or make it smaller");
	}
}

/* The field of CPUID that tells how many ids share a cache. */
void check_cache_ids(const struct check_context *c)
{
	const struct vcpus *vcpus = &c->guest->vcpus;
	const struct topology *t = &vcpus->topology;
	uint32_t die = id_bits(t->cores.value) + id_bits(t->threads.value);
	struct diag *d;

	if (die <= CACHE_ID_BITS)
		return;
	d = diag_report(c->diags, CACHE_IDS, size_place(vcpus), 1u << die, 1u << CACHE_ID_BITS);
	diag_help(d, "divide the vCPUs into several `sockets` or `dies`");
}

void check_many_vcpus(const struct check_context *c)
{
	const struct guest *guest = c->guest;
	struct diag *d;

	if (guest->vcpus.count.value <= HV_HOST_CPUS ||
	    guest->scheduling.scheduler.value != SCHEDULER_EXCLUSIVE)
		return;
	d = diag_report(c->diags, MANY_VCPUS, size_place(&guest->vcpus), guest->vcpus.count.value,
			HV_HOST_CPUS);
	diag_note(d, guest->scheduling.scheduler.where.at, "each vCPU has a CPU for itself");
}

void check_x2apic_without_pv(const struct check_context *c)
{
	const struct guest *guest = c->guest;
	struct diag *d;

	if (guest->pv.interfaces.count || guest->vcpus.apic.mode.value != APIC_MODE_X2APIC ||
	    is_remapped(guest))
		return;
	d = diag_report(c->diags, X2APIC_WITHOUT_PV, guest->pv.where.at);
	if (was_set(guest->vcpus.apic.mode.where))
		diag_note(d, guest->vcpus.apic.mode.where.at, "x2APIC asked for here");
	diag_help(d, "set `vcpus: { apic: { mode: xapic } }`, or `pv: [kvm]`");
}

void check_pin_of_no_vcpu(const struct check_context *c)
{
	const struct vcpus *vcpus = &c->guest->vcpus;

	for (size_t i = 0; i < vcpus->pins.count; i++) {
		const struct pin *pin = &vcpus->pins.items[i];
		struct diag *d;

		if (pin->vcpu < vcpus->count.value)
			continue;
		d = diag_report(c->diags, PIN_OF_NO_VCPU, pin->key.at, pin->vcpu,
				c->guest->name.value, vcpus->count.value,
				vcpus->count.value == 1 ? "" : "s");
		if (was_set(vcpus->count.where))
			diag_note(d, vcpus->count.where.at, "count set here");
		diag_help(d, "virtual CPUs are numbered from 0");
	}
}

enum { MOST_HOST_CPUS = 8192 }; /* one more than the schema's maximum of a pin */

/* Who has a host CPU already. */
struct owner {
	const struct guest *guest;
	const struct pin *pin;
};

static void claim(const struct check_context *c, struct owner *owners, const struct guest *guest,
		  const struct pin *pin)
{
	struct owner *owner = &owners[pin->cpu];
	struct diag *d;

	if (!owner->pin) {
		*owner = (struct owner){ guest, pin };
		return;
	}
	d = diag_report(c->diags, CPU_TWICE, pin->where.at, pin->cpu);
	diag_label(d, "vCPU %u of `%s`", pin->vcpu, guest->name.value);
	diag_note(d, owner->pin->where.at, "vCPU %u of `%s` has it already", owner->pin->vcpu,
		  owner->guest->name.value);
	diag_help(d, "give each vCPU a CPU of its own");
}

void check_cpu_twice(const struct check_context *c)
{
	struct owner *owners = arena_array(c->system->arena, MOST_HOST_CPUS, sizeof(*owners));

	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		/* Shared CPUs are for sched.c. */
		if (guest->scheduling.scheduler.value != SCHEDULER_EXCLUSIVE)
			continue;
		for (size_t j = 0; j < guest->vcpus.pins.count; j++)
			claim(c, owners, guest, &guest->vcpus.pins.items[j]);
	}
}
