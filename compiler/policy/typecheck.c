/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assignments: leaves that exist, ranges of bits that fit a register, values that fit their bits.
 * What remains is three masks: bits that become one, zero, and the host's.
 */
#include "policy/ast.h"
#include "schema/hvblob.h"

#include <string.h>

#define LAST_SUBLEAF  31
#define MOST_LEAVES   32 /* of one statement */
#define LEAVES_OF_RANGE 0x100

/* Fields that the core fills in at each CPUID: an assignment would have no effect. */
static const struct {
	uint32_t leaf, subleaf, reg, mask;
} dynamic_fields[] = {
	{ 0x1, 0, EBX, 0xff000000 },	     { 0x1, 0, ECX, 1u << 27 },
	{ 0x7, 0, ECX, 1u << 4 },	     { 0xb, HV_NONE, EDX, 0xffffffff },
	{ 0xd, 0, EAX, 0xffffffff },	     { 0xd, 0, EBX, 0xffffffff },
	{ 0xd, 0, ECX, 0xffffffff },	     { 0xd, 0, EDX, 0xffffffff },
	{ 0xd, 1, EBX, 0xffffffff },	     { 0x1f, HV_NONE, EDX, 0xffffffff },
	{ 0x40000010, 0, EAX, 0xffffffff },  { 0x40000010, 0, EBX, 0xffffffff },
	{ 0x8000001e, 0, EAX, 0xffffffff },  { 0x8000001e, 0, EBX, 0x000000ff },
	{ 0x8000001e, 0, ECX, 0x000000ff },
};

/* Which of the three ranges of CPUID a leaf is in; HV_NONE: none. */
static uint32_t range_of(uint64_t leaf)
{
	static const uint32_t bases[] = { 0, 0x40000000, 0x80000000 };

	for (uint32_t i = 0; i < 3; i++) {
		if (leaf >= bases[i] && leaf < (uint64_t)bases[i] + LEAVES_OF_RANGE)
			return i;
	}
	return HV_NONE;
}

static bool check_leaf(struct ast_policy *policy, const struct ast_leaf *leaf)
{
	struct position at = policy_place(policy, leaf->at);

	if (range_of(leaf->first) == HV_NONE || range_of(leaf->last) != range_of(leaf->first)) {
		diag_report(policy->diags, POLICY_LEAF, at, (unsigned long long)leaf->last);
	} else if (leaf->last < leaf->first || leaf->last_subleaf < leaf->first_subleaf) {
		diag_report(policy->diags, POLICY_LEAF_ORDER, at);
	} else if (leaf->last_subleaf > LAST_SUBLEAF || leaf->last - leaf->first >= MOST_LEAVES) {
		diag_report(policy->diags, POLICY_LEAF_MANY, at, LAST_SUBLEAF, MOST_LEAVES);
	} else {
		return true;
	}
	return false;
}

static bool check_range(struct ast_policy *policy, const struct ast_assign *assign)
{
	if (assign->high <= 31 && assign->low <= assign->high)
		return true;
	diag_report(policy->diags, POLICY_RANGE, policy_place(policy, assign->range),
		    (unsigned long long)assign->high, (unsigned long long)assign->low);
	return false;
}

static uint32_t range_mask(const struct ast_assign *assign)
{
	return (uint32_t)((2ull << assign->high) - (1ull << assign->low));
}

/* Digits after `0b`, without `_`; the last one is the lowest bit; what is missing above is `x`. */
static bool set_bits(struct ast_assign *assign)
{
	const char *text = assign->value.text + 2;
	uint64_t bit = assign->low;

	for (size_t i = strlen(text); i-- > 0;) {
		if (text[i] == '_')
			continue;
		if (bit > assign->high)
			return false;
		if (text[i] == '1')
			assign->ones |= 1u << bit;
		else if (text[i] == '0')
			assign->zeros |= 1u << bit;
		else if (text[i] == 'k' || text[i] == 'K')
			assign->host |= 1u << bit;
		bit++;
	}
	return true;
}

static bool set_number(struct ast_assign *assign)
{
	uint64_t number = assign->value.number;

	if (number >> (assign->high - assign->low + 1))
		return false;
	assign->ones = (uint32_t)(number << assign->low);
	assign->zeros = range_mask(assign) & ~assign->ones;
	return true;
}

/* `default` and `auto` leave what the features and the topology say: no bit is touched. */
static bool set_masks(struct ast_assign *assign)
{
	switch (assign->value.kind) {
	case VALUE_NUMBER:
		return set_number(assign);
	case VALUE_BITS:
		return set_bits(assign);
	case VALUE_HOST:
		assign->host = range_mask(assign);
		return true;
	case VALUE_DEFAULT:
	case VALUE_AUTO:
		return true;
	}
	return true;
}

static bool touches_dynamic(const struct ast_leaf *leaf, const struct ast_assign *assign)
{
	uint32_t touched = assign->ones | assign->zeros | assign->host;

	for (size_t i = 0; i < sizeof(dynamic_fields) / sizeof(dynamic_fields[0]); i++) {
		uint32_t subleaf = dynamic_fields[i].subleaf;

		if (dynamic_fields[i].leaf < leaf->first || dynamic_fields[i].leaf > leaf->last ||
		    dynamic_fields[i].reg != assign->reg || !(dynamic_fields[i].mask & touched))
			continue;
		if (leaf->all_subleaves || subleaf == HV_NONE ||
		    (subleaf >= leaf->first_subleaf && subleaf <= leaf->last_subleaf))
			return true;
	}
	return false;
}

static void check_assign(struct ast_policy *policy, const struct ast_leaf *leaf,
			 struct ast_assign *assign)
{
	if (!check_range(policy, assign))
		return;
	if (!set_masks(assign)) {
		diag_report(policy->diags, POLICY_WIDTH, policy_place(policy, assign->value.at),
			    (unsigned)(assign->high - assign->low + 1));
		return;
	}
	if (touches_dynamic(leaf, assign)) {
		diag_report(policy->diags, POLICY_DYNAMIC, policy_place(policy, assign->at));
		return;
	}
	assign->valid = true;
}

static void check_block(struct ast_policy *policy, const struct ast_block *block)
{
	for (struct ast_statement *s = block->first; s; s = s->next) {
		check_block(policy, &s->then);
		check_block(policy, &s->otherwise);
		if (s->kind != STATEMENT_LEAF || !check_leaf(policy, &s->leaf))
			continue;
		for (struct ast_assign *assign = s->assigns; assign; assign = assign->next)
			check_assign(policy, &s->leaf, assign);
	}
}

void policy_typecheck(struct ast_policy *policy)
{
	check_block(policy, &policy->block);
}
