/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processors: what the guests require of one, and what the core does, against CPUID of the machine. Leaves:
 * SDM v2 "CPUID", APM v3 appendix E; registers: SDM v3 appendix A, APM v2 15.30.
 */
#include "check/check.h"

#include <string.h>

#include "policy/policy.h"

enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

/* Widths that the layout of a guest needs: layout_guest.c keeps all below 2^39. */
#define GUEST_PHYSICAL_BITS 39u

static bool knows_cpuid(const struct check_context *c)
{
	return c->system->platform.processor.cpuid.count && c->system->guests.count;
}

static uint32_t host_register(const struct check_context *c, uint32_t leaf, uint32_t subleaf, uint32_t reg)
{
	uint32_t registers[4];

	platform_cpuid(&c->system->platform, leaf, subleaf, registers);
	return registers[reg];
}

static const struct host_cpuid *find_leaf(const struct platform *platform, uint32_t leaf, uint32_t subleaf)
{
	const struct host_processor *processor = &platform->processor;

	for (size_t i = 0; i < processor->cpuid.count; i++)
		if (processor->cpuid.items[i].leaf.value == leaf && processor->cpuid.items[i].subleaf.value == subleaf)
			return &processor->cpuid.items[i];
	return NULL;
}

/* The place in the machine's file that tells of a leaf: its entry, else where the list begins. */
static struct position leaf_place(const struct platform *platform, uint32_t leaf, uint32_t subleaf)
{
	const struct host_cpuid *entry = find_leaf(platform, leaf, subleaf);

	return entry ? entry->where.at : platform->processor.cpuid.items[0].where.at;
}

/* A place where a list begins says little by itself. */
static void label_absence(const struct check_context *c, struct diag *d, uint32_t leaf)
{
	if (!find_leaf(&c->system->platform, leaf, 0))
		diag_label(d, "no leaf 0x%x in this list: it reads zero", leaf);
}

static bool msr_of(const struct platform *platform, uint32_t msr, uint64_t *value)
{
	for (size_t i = 0; i < platform->processor.msrs.count; i++) {
		if (platform->processor.msrs.items[i].msr.value != msr)
			continue;
		*value = platform->processor.msrs.items[i].value.value;
		return true;
	}
	return false;
}

/* -------------------------------------------------------------------------- virtualization */

static void report_lacking(const struct check_context *c, uint32_t leaf, const char *what)
{
	const struct platform *platform = &c->system->platform;
	struct diag *d = diag_report(c->diags, PLATFORM_NO_VIRTUALIZATION, leaf_place(platform, leaf, 0),
				     platform->name.value, what);

	label_absence(c, d, leaf);
	if (host_register(c, 1, 0, CPUID_ECX) >> 31)
		diag_help(d, "it is a virtual machine itself: nested virtualization has to be turned on for it");
}

/* CPUID 0x80000001 ECX bit 2, 0x8000000A EDX bit 0; VM_CR bit 4: turned off by the firmware. */
static void check_svm(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	uint64_t vm_cr;

	if (!(host_register(c, 0x80000001, 0, CPUID_ECX) & 1u << 2))
		report_lacking(c, 0x80000001, "AMD-V");
	else if (!(host_register(c, 0x8000000a, 0, CPUID_EDX) & 1))
		report_lacking(c, 0x8000000a, "nested paging");
	else if (msr_of(platform, 0xc0010114, &vm_cr) && vm_cr & 1u << 4)
		diag_report(c->diags, PLATFORM_LOCKED, platform->processor.msrs.items[0].where.at, "AMD-V",
			    platform->name.value);
}

/* CPUID 1 ECX bit 5; IA32_FEATURE_CONTROL locked (bit 0) without bit 2; secondary controls' EPT (bit 33). */
static void check_vmx(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	uint64_t value;

	if (!(host_register(c, 1, 0, CPUID_ECX) & 1u << 5))
		report_lacking(c, 1, "VT-x");
	else if (msr_of(platform, 0x48b, &value) && !(value & 1ull << 33))
		report_lacking(c, 1, "extended page tables");
	else if (msr_of(platform, 0x3a, &value) && (value & 5) == 1)
		diag_report(c->diags, PLATFORM_LOCKED, platform->processor.msrs.items[0].where.at, "VT-x",
			    platform->name.value);
}

void check_platform_virtualization(const struct check_context *c)
{
	const struct host_processor *processor = &c->system->platform.processor;

	if (!c->system->guests.count || !was_set(processor->vendor.where))
		return;
	if (processor->vendor.value == PROCESSOR_VENDOR_OTHER)
		diag_report(c->diags, PLATFORM_NO_VIRTUALIZATION, processor->vendor.where.at,
			    c->system->platform.name.value, "AMD-V or VT-x");
	else if (knows_cpuid(c) && processor->vendor.value == PROCESSOR_VENDOR_AMD)
		check_svm(c);
	else if (knows_cpuid(c))
		check_vmx(c);
}

void check_platform_widths(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;

	if (!c->system->guests.count || !was_set(platform->processor.physical_bits.where) ||
	    platform->processor.physical_bits.value >= GUEST_PHYSICAL_BITS)
		return;
	diag_report(c->diags, PLATFORM_WIDTH, platform->processor.physical_bits.where.at, platform->name.value,
		    platform->processor.physical_bits.value, GUEST_PHYSICAL_BITS);
}

/* ---------------------------------------------------------------------------------- features */

static bool host_has(const struct check_context *c, enum feature_id id)
{
	return host_register(c, features[id].leaf, features[id].subleaf, features[id].reg) >> features[id].bit & 1;
}

static void report_feature(const struct check_context *c, enum feature_id id, const struct feature_choice *choice)
{
	static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };
	const struct platform *platform = &c->system->platform;
	struct diag *d = diag_report(c->diags, PLATFORM_FEATURE, choice->at, platform->name.value, features[id].name);

	if (find_leaf(platform, features[id].leaf, features[id].subleaf))
		diag_note(d, leaf_place(platform, features[id].leaf, features[id].subleaf), "0x%x %s has bit %u clear",
			  features[id].leaf, registers[features[id].reg], features[id].bit);
	else
		diag_note(d, leaf_place(platform, features[id].leaf, 0), "no leaf 0x%x in this list: it reads zero",
			  features[id].leaf);
	diag_help(d, "make it `optional`, or choose another machine");
}

/* State that XSAVE must keep: CPUID 0xD EAX, a bit a component. */
static void check_state(const struct check_context *c, enum feature_id id, const struct feature_choice *choice)
{
	uint32_t missing = features[id].xcr0 & ~host_register(c, 0xd, 0, CPUID_EAX);
	struct diag *d;

	if (!missing)
		return;
	d = diag_report(c->diags, PLATFORM_STATE, choice->at, features[id].name, missing, c->system->platform.name.value);
	diag_note(d, leaf_place(&c->system->platform, 0xd, 0), "the state that XSAVE keeps there");
}

/* What is needed by a feature that is missing itself. */
static bool follows(const struct check_context *c, const struct feature_choice *choice)
{
	return choice->origin == CHOICE_PREREQUISITE && !host_has(c, choice->cause);
}

static void check_choices(const struct check_context *c, const struct cpu_features *cpu)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature_choice *choice = &cpu->choices[id];
		struct diag *d;

		if (!position_known(choice->at) || follows(c, choice))
			continue;
		if (choice->required && choice->state == FEATURE_IF_HOST && !host_has(c, id)) {
			report_feature(c, id, choice);
		} else if (choice->required && choice->state == FEATURE_IF_HOST) {
			check_state(c, id, choice);
		} else if (choice->forbidden && host_has(c, id)) {
			d = diag_report(c->diags, PLATFORM_FORBIDDEN, choice->at, c->system->platform.name.value,
					features[id].name);
			diag_note(d, leaf_place(&c->system->platform, features[id].leaf, features[id].subleaf), "it has it");
		}
	}
}

static bool tests_hold(const struct check_context *c, const struct host_test *tests, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (host_has(c, tests[i].feature) != tests[i].present)
			return false;
	return true;
}

/* What a variant requires is refused as a combination, too; check_choices() says it better. */
static bool is_requirement(const struct cpu_features *cpu, const struct cpu_refusal *refusal)
{
	for (size_t i = 0; i < cpu->variants.count; i++)
		for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
			const struct feature_choice *choice = &cpu->variants.items[i].features->choices[id];

			if (choice->required && choice->at.file == refusal->at.file && choice->at.offset == refusal->at.offset)
				return true;
		}
	return false;
}

/* What the policy comes to here: the whole, or the variants that hold on this machine. */
static void check_decisions(const struct check_context *c, const struct cpu_features *cpu)
{
	if (!cpu->variants.count)
		check_choices(c, cpu);
	for (size_t i = 0; i < cpu->variants.count; i++)
		if (tests_hold(c, cpu->variants.items[i].tests, cpu->variants.items[i].test_count))
			check_choices(c, cpu->variants.items[i].features);
	for (size_t i = 0; i < cpu->refusals.count; i++) {
		const struct cpu_refusal *refusal = &cpu->refusals.items[i];

		if (tests_hold(c, refusal->tests, refusal->test_count) && !is_requirement(cpu, refusal))
			diag_report(c->diags, PLATFORM_ASSERTION, refusal->at, c->system->platform.name.value, refusal->name);
	}
}

/* Where a guest asks for what one vendor never has: the other vendor's decision knows the statement. */
static struct position requirement(const struct policy *policy, const struct cpu_features *cpu, const struct guest *guest)
{
	for (size_t i = 0; i < HV_VENDORS; i++)
		if (position_known(policy->vendors[i].choices[cpu->missing].at))
			return policy->vendors[i].choices[cpu->missing].at;
	return guest->cpu.policy.where.at;
}

static void check_guest_cpu(const struct check_context *c, const struct guest *guest, struct diags *silent)
{
	static const enum hv_vendor vendors[] = {
		[PROCESSOR_VENDOR_INTEL] = HV_VENDOR_INTEL,
		[PROCESSOR_VENDOR_AMD] = HV_VENDOR_AMD,
	};
	const struct host_processor *processor = &c->system->platform.processor;
	const struct policy *policy = policy_compile(c->system->arena, silent, guest);
	const struct cpu_features *cpu;
	struct diag *d;

	if (!policy)
		return;
	cpu = &policy->vendors[vendors[processor->vendor.value]];
	if (!cpu->possible) {
		d = diag_report(c->diags, PLATFORM_VENDOR, requirement(policy, cpu, guest), features[cpu->missing].name,
				c->system->platform.name.value);
		diag_note(d, processor->vendor.where.at, "its processor");
		return;
	}
	if (!knows_cpuid(c))
		return;
	check_decisions(c, cpu);
}

/* What the policies themselves have to say was said by check_policy(). */
void check_platform_features(const struct check_context *c)
{
	const struct host_processor *processor = &c->system->platform.processor;
	struct diags *silent;

	if (!was_set(processor->vendor.where) || processor->vendor.value == PROCESSOR_VENDOR_OTHER)
		return;
	silent = diags_new(c->system->arena, c->system->sources);
	for (size_t i = 0; i < c->system->guests.count; i++)
		check_guest_cpu(c, c->system->guests.items[i], silent);
}

/* ------------------------------------------------------------------------------- TSC, APICs */

/* CPUID 0x80000007 EDX bit 8: the TSC runs at one rate in all states. */
void check_platform_tsc(const struct check_context *c)
{
	if (!knows_cpuid(c) || host_register(c, 0x80000007, 0, CPUID_EDX) & 1u << 8)
		return;
	label_absence(c, diag_report(c->diags, PLATFORM_TSC, leaf_place(&c->system->platform, 0x80000007, 0),
				     c->system->platform.name.value), 0x80000007);
}

/* CPUs with ids that xAPIC cannot address need x2APIC (CPUID 1 ECX bit 21) to be started. */
void check_platform_x2apic(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	struct diag *d;

	if (!knows_cpuid(c) || host_register(c, 1, 0, CPUID_ECX) & 1u << 21)
		return;
	for (size_t i = 0; i < platform->cpu_list.count; i++) {
		if (platform->cpu_list.items[i].apic_id.value < 255)
			continue;
		d = diag_report(c->diags, PLATFORM_X2APIC, platform->cpu_list.items[i].apic_id.where.at,
				platform->cpu_list.items[i].apic_id.value, platform->name.value);
		diag_note(d, leaf_place(platform, 1, 0), "ECX has bit 21 clear");
		return;
	}
}
