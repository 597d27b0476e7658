/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of MSRs, and the rules of `cpu.msr`. A rule is put into the form of a record first; then every row
 * of the table that it meets says whether that can be:
 *
 *     a feature's MSR       only as the feature has it: it comes and goes with that
 *     the core's own        never
 *     any other             the rule takes its place
 */
#include "policy/msr.h"

#include <stdlib.h>
#include <string.h>

/* Each of the eight bytes of a fixed-range MTRR is a type of three bits. */
#define FIXED_TYPES 0x0707070707070707ull
#define BITS_47_0   0x0000ffffffffffffull
#define ALL_WB	    0x0606060606060606ull
#define ALL_WP	    0x0505050505050505ull

#define MSR_RANGE(name, first, last, vendors, read, write, group, reset, mask)                     \
	{ name, first, last, vendors, HV_MSR_##read, HV_MSR_##write, MSRS_##group, reset, mask },
#define MSR(name, number, vendors, read, write, group, reset, mask)                                \
	MSR_RANGE(name, number, number, vendors, read, write, group, reset, mask)
const struct msr_row msr_table[] = {
#include "policy/msrs.def"
};
#undef MSR_RANGE
#undef MSR

const size_t msr_table_size = sizeof(msr_table) / sizeof(msr_table[0]);

static const struct {
	const char *name;
	uint32_t number;
} other_names[] = {
#define MSR_NAME(name, number) { name, number },
#include "policy/msr_names.def"
#undef MSR_NAME
};
enum { OTHER_NAMES = sizeof(other_names) / sizeof(other_names[0]) };

const char *msr_name(uint32_t number)
{
	for (size_t i = 0; i < msr_table_size; i++) {
		if (number >= msr_table[i].first && number <= msr_table[i].last)
			return msr_table[i].name;
	}
	if (number >= MTRR_BASE_0 && number < MTRR_BASE_0 + 2 * MTRR_PAIRS)
		return number & 1 ? "IA32_MTRR_PHYSMASK" : "IA32_MTRR_PHYSBASE";
	for (size_t i = 0; i < OTHER_NAMES; i++) {
		if (other_names[i].number == number)
			return other_names[i].name;
	}
	return NULL;
}

bool msr_group_present(const struct cpu_features *cpu, uint32_t group)
{
	uint8_t vendor = cpu->vendor == HV_VENDOR_INTEL ? INTEL : AMD;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (features[id].msrs == group && (features[id].vendors & vendor) &&
		    cpu->choices[id].state != FEATURE_OFF)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------------------- reading the texts */

struct rules {
	struct arena *arena;
	struct diags *diags;
	const struct policy *policy;
	struct msr_decisions made;
};

/* Decimal or 0x, `_` between digits; false: it is none, or larger than 64 bits. */
static bool read_number(const char *text, size_t length, uint64_t *number)
{
	uint64_t base = length > 2 && (text[1] | 32) == 'x' ? 16 : 10;

	*number = 0;
	for (size_t i = base == 16 ? 2 : 0; i < length; i++) {
		uint64_t digit = text[i] <= '9' ? (uint64_t)(text[i] - '0') :
						  (uint64_t)((text[i] | 32) - 'a' + 10);

		if (text[i] == '_')
			continue;
		if (digit >= base || __builtin_mul_overflow(*number, base, number) ||
		    __builtin_add_overflow(*number, digit, number))
			return false;
	}
	return length > 0;
}

static void unknown_name(struct rules *rules, const struct msr_rule *rule)
{
	const char **names = arena_array(rules->arena, msr_table_size + OTHER_NAMES, sizeof(*names));
	struct diag *diag = diag_report(rules->diags, MSR_NAME, rule->msr.where.at, rule->msr.value);
	const char *closest;

	for (size_t i = 0; i < msr_table_size; i++)
		names[i] = msr_table[i].name;
	for (size_t i = 0; i < OTHER_NAMES; i++)
		names[msr_table_size + i] = other_names[i].name;
	closest = diag_closest(rule->msr.value, names, msr_table_size + OTHER_NAMES);
	if (!closest)
		return;
	diag_help(diag, "did you mean `%s`?", closest);
	diag_fix_name(rules->diags, diag, diag->at, rule->msr.value, closest);
}

static bool find_name(struct rules *rules, const struct msr_rule *rule, struct hv_msr *record)
{
	for (size_t i = 0; i < msr_table_size; i++) {
		if (strcmp(msr_table[i].name, rule->msr.value) == 0) {
			record->first = msr_table[i].first;
			record->last = msr_table[i].last;
			return true;
		}
	}
	for (size_t i = 0; i < OTHER_NAMES; i++) {
		if (strcmp(other_names[i].name, rule->msr.value) == 0) {
			record->first = record->last = other_names[i].number;
			return true;
		}
	}
	unknown_name(rules, rule);
	return false;
}

/* "0xce", "0x300-0x307", or a name. */
static bool read_msr(struct rules *rules, const struct msr_rule *rule, struct hv_msr *record)
{
	const char *text = rule->msr.value;
	size_t length = strcspn(text, "-");
	uint64_t first, last;

	if (text[0] < '0' || text[0] > '9')
		return find_name(rules, rule, record);
	if (!read_number(text, length, &first) || first > UINT32_MAX ||
	    (text[length] && !read_number(text + length + 1, strlen(text + length + 1), &last)) ||
	    (text[length] && (last > UINT32_MAX || last < first))) {
		diag_report(rules->diags, MSR_NUMBER, rule->msr.where.at, text);
		return false;
	}
	record->first = (uint32_t)first;
	record->last = (uint32_t)(text[length] ? last : first);
	return true;
}

static bool bad_value(struct rules *rules, struct where where, const char *text, const char *why)
{
	diag_report(rules->diags, MSR_VALUE, where.at, text, why);
	return false;
}

/* Digits after `0b`, the last one the lowest; missing ones are `x`. */
static bool read_bits(struct rules *rules, const struct msr_rule *rule, struct hv_msr *record)
{
	const char *text = rule->value.value + 2;
	uint32_t bit = 0;

	record->write_mask = UINT64_MAX;
	for (size_t i = strlen(text); i-- > 0;) {
		if (text[i] == '_')
			continue;
		if (bit == 64)
			return bad_value(rules, rule->value.where, rule->value.value, "has more than 64 bits");
		if ((text[i] | 32) == 'k')
			return bad_value(rules, rule->value.where, rule->value.value,
					 "names the host's bits, which the core does not read");
		if (text[i] != '0' && text[i] != '1' && (text[i] | 32) != 'x')
			return bad_value(rules, rule->value.where, rule->value.value, "is no number");
		if ((text[i] | 32) != 'x')
			record->write_mask &= ~(1ull << bit);
		record->reset |= text[i] == '1' ? 1ull << bit : 0;
		bit++;
	}
	return true;
}

static bool read_value(struct rules *rules, const struct msr_rule *rule, struct hv_msr *record)
{
	const char *text = rule->value.value;

	record->write_mask = UINT64_MAX;
	if (!was_set(rule->value.where))
		return true;
	if (text[0] == '0' && (text[1] | 32) == 'b')
		return read_bits(rules, rule, record);
	record->write_mask = 0;
	return read_number(text, strlen(text), &record->reset) ||
	       bad_value(rules, rule->value.where, text, "is no number");
}

/* What the guest may write starts as `reset` says. */
static bool read_reset(struct rules *rules, const struct msr_rule *rule, struct hv_msr *record)
{
	uint64_t reset;

	if (!was_set(rule->reset.where))
		return true;
	if (!read_number(rule->reset.value, strlen(rule->reset.value), &reset))
		return bad_value(rules, rule->reset.where, rule->reset.value, "is no number");
	if ((reset ^ record->reset) & ~record->write_mask)
		return bad_value(rules, rule->reset.where, rule->reset.value,
				 "contradicts the bits that `value` fixes");
	record->reset = reset;
	return true;
}

/* ------------------------------------------------------------------------------------- the actions */

/* Which of `access`, `read`, `write` speaks of one direction; false: none. */
static bool said(const struct msr_rule *rule, bool write, enum msr_access *access)
{
	if (was_set(write ? rule->write.where : rule->read.where))
		*access = write ? rule->write.value : rule->read.value;
	else if (was_set(rule->access.where))
		*access = rule->access.value;
	else
		return false;
	return true;
}

static uint8_t action_of(enum msr_access access, bool stored)
{
	static const uint8_t actions[] = {
		[MSR_ACCESS_PASS_THROUGH] = HV_MSR_PASS,
		[MSR_ACCESS_EMULATE] = HV_MSR_STORE,
		[MSR_ACCESS_INJECT_GP] = HV_MSR_GP,
		[MSR_ACCESS_READ_ZERO_WRITE_IGNORE] = HV_MSR_FIXED,
	};

	return access == MSR_ACCESS_EMULATE && !stored ? HV_MSR_FIXED : actions[access];
}

/* What nobody can write needs no slot: it is as at reset. */
static bool read_actions(struct rules *rules, const struct msr_rule *rule, struct hv_msr *record)
{
	enum msr_access read, write;
	bool emulates;

	if (!said(rule, false, &read) || !said(rule, true, &write)) {
		diag_report(rules->diags, MSR_ACCESS, rule->where.at,
			    said(rule, false, &read) ? "writing" : "reading");
		return false;
	}
	emulates = read == MSR_ACCESS_EMULATE || write == MSR_ACCESS_EMULATE;
	if (!emulates && was_set(rule->value.where))
		return bad_value(rules, rule->value.where, rule->value.value,
				 "has no use: the rule emulates nothing");
	if (!emulates && was_set(rule->reset.where))
		return bad_value(rules, rule->reset.where, rule->reset.value,
				 "has no use: the rule emulates nothing");
	if (emulates && (!read_value(rules, rule, record) || !read_reset(rules, rule, record)))
		return false;
	if (write == MSR_ACCESS_EMULATE && read == MSR_ACCESS_READ_ZERO_WRITE_IGNORE) {
		record->reset = 0; /* nobody sees what is kept */
		write = read;
	}
	record->read = action_of(read, write == MSR_ACCESS_EMULATE);
	record->write = action_of(write, true);
	return true;
}

/* ---------------------------------------------------------------------------------- what it meets */

static bool overlaps(uint32_t first, uint32_t last, const struct hv_msr *record)
{
	return record->first <= last && record->last >= first;
}

static bool same_as_row(const struct msr_row *row, const struct hv_msr *record)
{
	return row->read == record->read && row->write == record->write && row->read == HV_MSR_PASS &&
	       record->first >= row->first && record->last <= row->last;
}

/* The feature that brings a group along, for messages: one that the guest could have. */
static const char *feature_of(uint32_t group, uint8_t vendors)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (features[id].msrs == group && (features[id].vendors & vendors))
			return features[id].name;
	}
	return group == MSRS_PMU_IDLE ? "hypervisor" : "?";
}

static bool say_feature(struct rules *rules, const struct msr_rule *rule, const char *name,
			uint32_t group, uint8_t vendors, bool has)
{
	struct diag *diag = diag_report(rules->diags, MSR_FEATURE, rule->msr.where.at, name,
					feature_of(group, vendors), has ? "has" : "does not have");

	diag_help(diag, "`%s %s;` in `cpu.cpuid` %s the MSR", has ? "disable" : "optional",
		  feature_of(group, vendors), has ? "takes away" : "brings along");
	return false;
}

/* On how many vendors the guest may run on a row's group is present, and on how many it could be. */
static bool group_anywhere(const struct rules *rules, const struct msr_row *row)
{
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		const struct cpu_features *cpu = &rules->policy->vendors[vendor];

		if (cpu->possible && (row->vendors & (vendor == HV_VENDOR_INTEL ? INTEL : AMD)) &&
		    msr_group_present(cpu, row->group))
			return true;
	}
	return false;
}

/* One row of the table that a rule meets. False: it cannot be, which was reported. */
static bool meet_row(struct rules *rules, const struct msr_rule *rule, const struct msr_row *row,
		     struct msr_decision *made)
{
	bool core = row->read == HV_MSR_HANDLER || row->write == HV_MSR_HANDLER;

	if (row->group != MSRS_NONE) {
		bool there = group_anywhere(rules, row);

		if (there ? !same_as_row(row, &made->record) :
			    made->record.read != HV_MSR_GP || made->record.write != HV_MSR_GP)
			return say_feature(rules, rule, row->name, row->group, row->vendors, there);
		made->vendors = 0; /* the table says it already */
		return true;
	}
	if (core) {
		diag_report(rules->diags, MSR_CORE, rule->msr.where.at, row->name);
		return false;
	}
	return true;
}

/* No MSR of the CPU's own that is not kept apart for each vCPU. */
static bool check_pass(struct rules *rules, const struct msr_rule *rule, const struct hv_msr *record)
{
	if (record->read != HV_MSR_PASS && record->write != HV_MSR_PASS)
		return true;
	for (size_t i = 0; i < msr_table_size; i++) {
		if (same_as_row(&msr_table[i], record))
			return true;
	}
	diag_report(rules->diags, MSR_PASS, rule->msr.where.at, rule->msr.value);
	return false;
}

static bool check_rows(struct rules *rules, const struct msr_rule *rule, struct msr_decision *made)
{
	if (overlaps(MTRR_BASE_0, MTRR_BASE_0 + 2 * MTRR_PAIRS - 1, &made->record))
		return say_feature(rules, rule, "IA32_MTRR_PHYSBASE", MSRS_MTRR, BOTH, true);
	for (size_t i = 0; i < msr_table_size; i++) {
		const struct msr_row *row = &msr_table[i];

		if (overlaps(row->first, row->last, &made->record) && !meet_row(rules, rule, row, made))
			return false;
	}
	return true;
}

static bool check_twice(struct rules *rules, const struct msr_rule *rule, const struct hv_msr *record)
{
	for (size_t i = 0; i < rules->made.list.count; i++) {
		const struct msr_decision *other = &rules->made.list.items[i];

		if (!overlaps(other->record.first, other->record.last, record))
			continue;
		diag_note(diag_report(rules->diags, MSR_TWICE, rule->msr.where.at, rule->msr.value),
			  other->at, "the other one");
		return false;
	}
	return true;
}

static void decide_rule(struct rules *rules, const struct msr_rule *rule)
{
	struct msr_decision made = { .vendors = BOTH, .at = rule->msr.where.at };

	made.record.group = MSRS_NONE;
	if (!read_msr(rules, rule, &made.record) || !read_actions(rules, rule, &made.record) ||
	    !check_twice(rules, rule, &made.record) || !check_pass(rules, rule, &made.record) ||
	    !check_rows(rules, rule, &made))
		return;
	vector_push(rules->arena, &rules->made.list, made);
}

static uint64_t slots_of(const struct hv_msr *record)
{
	bool stored = record->read == HV_MSR_STORE || record->write == HV_MSR_STORE;

	return stored ? (uint64_t)record->last - record->first + 1 : 0;
}

/* With those that features take; both vendors are alike but for a few. */
static void check_slots(struct rules *rules, const struct guest *guest)
{
	uint64_t slots = 2 * MTRR_PAIRS, own = 0;

	for (size_t i = 0; i < msr_table_size; i++) {
		const struct msr_row *row = &msr_table[i];

		if (row->read == HV_MSR_STORE || row->write == HV_MSR_STORE)
			slots += row->last - row->first + 1;
	}
	for (size_t i = 0; i < rules->made.list.count; i++)
		own += slots_of(&rules->made.list.items[i].record);
	if (own && slots + own > HV_MSR_SLOTS)
		diag_report(rules->diags, MSR_SLOTS, guest->cpu.msr.rules.items[0].where.at,
			    (unsigned long long)own, (unsigned)(HV_MSR_SLOTS - slots));
}

struct msr_decisions policy_msrs(struct arena *arena, struct diags *diags, const struct guest *guest,
				 const struct policy *policy)
{
	struct rules rules = { .arena = arena, .diags = diags, .policy = policy };

	for (size_t i = 0; i < guest->cpu.msr.rules.count; i++)
		decide_rule(&rules, &guest->cpu.msr.rules.items[i]);
	check_slots(&rules, guest);
	return rules.made;
}
