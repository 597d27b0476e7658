/* SPDX-License-Identifier: Apache-2.0 */
/* The blob's expectations against this machine: all misfits are told, then nothing starts. */
#include "platform/platform_check.h"

#include "lib/bits.h"
#include "lib/format.h"

#define LINE_SIZE 240

struct check {
	const struct blob *b;
	const struct platform_facts *f;
	const struct hv_guest *guest;
	void (*report)(const char *line);
	bool failed;
};

static void misfit(struct check *c, uint32_t position, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void misfit(struct check *c, uint32_t position, const char *fmt, ...)
{
	char text[LINE_SIZE], line[LINE_SIZE], place[BLOB_PLACE_SIZE];
	va_list args;

	va_start(args, fmt);
	format_va(text, sizeof(text), fmt, args);
	va_end(args);
	format(line, sizeof(line), "guest %s: %s%s", blob_string(c->b, c->guest->name), text,
	       blob_place(c->b, position, place));
	c->report(line);
	c->failed = true;
}

static void check_width(struct check *c)
{
	if (c->guest->physical_bits > c->f->physical_bits)
		misfit(c, c->guest->position,
		       "needs %u physical address bits, this machine has %u",
		       c->guest->physical_bits, c->f->physical_bits);
}

static void check_pins(struct check *c)
{
	const struct hv_vcpu *v = c->b->vcpus + c->guest->vcpus.first;

	for (uint32_t i = 0; i < c->guest->vcpus.count; i++)
		if (v[i].host_cpu != HV_NONE && v[i].host_cpu >= c->f->cpus)
			misfit(c, v[i].position, "vCPU %u is bound to CPU %u, this machine has %u",
			       i, v[i].host_cpu, c->f->cpus);
}

static bool host_has(const struct check *c, const struct hv_feature *feature)
{
	uint32_t r[4];

	c->f->cpuid(feature->leaf, feature->subleaf, r);
	return (r[feature->reg] & feature->mask) == feature->mask;
}

static void check_features(struct check *c, const struct hv_cpu_policy *p)
{
	for (uint32_t i = 0; i < p->features.count; i++) {
		const struct hv_feature *feature = &c->b->features[p->features.first + i];

		if ((feature->flags & HV_FEATURE_REQUIRED) && !host_has(c, feature))
			misfit(c, feature->position, "requires %s, which this machine lacks",
			       blob_string(c->b, feature->name));
	}
}

static void check_policy(struct check *c)
{
	static const char *const vendors[HV_VENDORS] = {"Intel", "AMD"};
	uint32_t policy = c->guest->policy[c->f->vendor];

	if (policy == HV_NONE)
		misfit(c, c->guest->position, "is not made for this machine's vendor (%s)",
		       vendors[c->f->vendor]);
	else
		check_features(c, &c->b->policies[policy]);
}

/* RAM the core has to find for a guest. */
static uint64_t memory_of(const struct blob *b, const struct hv_guest *g)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < g->regions.count; i++)
		if (b->regions[g->regions.first + i].backing == HV_BACKING_ANY)
			sum += b->regions[g->regions.first + i].size;
	return sum;
}

/* How many CPUs it needs for itself. */
static uint32_t own_cpus(const struct blob *b, const struct hv_guest *g)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < g->vcpus.count; i++)
		count += b->vcpus[g->vcpus.first + i].scheduler == HV_SCHEDULER_EXCLUSIVE;
	return count;
}

static uint64_t shared_memory(const struct blob *b)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < b->count[HV_SECTION_SHARES]; i++)
		sum += b->shares[i].size;
	return sum;
}

enum status platform_check(const struct blob *b, const struct platform_facts *f,
			   void (*report)(const char *line))
{
	struct check c = {.b = b, .f = f, .report = report};
	uint64_t memory = shared_memory(b), vcpus = 0;

	for (uint32_t i = 0; i < b->count[HV_SECTION_GUESTS]; i++) {
		c.guest = &b->guests[i];
		memory += memory_of(b, c.guest);
		vcpus += own_cpus(b, c.guest);
		check_width(&c);
		check_pins(&c);
		check_policy(&c);
		if (vcpus > f->cpus)
			misfit(&c, c.guest->position,
			       "its vCPUs and those before it need %llu CPUs, this machine has %u",
			       (unsigned long long)vcpus, f->cpus);
		if (memory > f->free_memory)
			misfit(&c, c.guest->position,
			       "its memory and what is before it need %llu MiB, %llu MiB are free",
			       (unsigned long long)(memory >> 20),
			       (unsigned long long)(f->free_memory >> 20));
	}
	return c.failed ? trace_error(STATUS_MISMATCH) : STATUS_OK;
}
