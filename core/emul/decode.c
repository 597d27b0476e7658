/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to struct emul_insn. The opcode finds a row of opcodes.def; the row says what follows:
 *
 *   [prefixes] [REX] [0F [38]] opcode [ModRM [SIB] [displacement]] [immediate]     SDM v2 2.1, 2.2
 *   [C4 or C5 and its payload] opcode ...                                          SDM v2 2.3
 *   [62 and its payload] opcode ...                                                SDM v2 2.7
 *
 * The common instruction, a MOV with one ModRM byte, runs straight through: one table lookup
 * decides between prefix and opcode, and nothing is cleared that it does not use.
 */
#include "emul/internal.h"

#define MODRM_OF(operand)                                                                          \
	(OPERAND_##operand == OPERAND_E || OPERAND_##operand == OPERAND_G ||                       \
	 OPERAND_##operand >= OPERAND_S)
#define ROW(a_op, a_dst, a_src, a_size, a_immediate, a_flags)                                      \
	{                                                                                          \
		.kind = (a_flags) & ROW_REX ? KIND_REX : KIND_PLAIN,                               \
		.op = EMUL_OP_##a_op,                                                              \
		.dst = OPERAND_##a_dst,                                                            \
		.src = OPERAND_##a_src,                                                            \
		.size = SIZE_##a_size,                                                             \
		.immediate = IMMEDIATE_##a_immediate,                                              \
		.flags = (a_flags) | (MODRM_OF(a_dst) || MODRM_OF(a_src) ? ROW_MODRM : 0),         \
	}

static const struct emul_row one_byte[256] = {
#define EMUL_ONE(opcode, ...) [opcode] = ROW(__VA_ARGS__),
#define EMUL_ONE_KIND(opcode, name, group) [opcode] = { .kind = KIND_##name, .op = group },
#include "emul/opcodes.def"
};

static const struct emul_row two_byte[256] = {
#define EMUL_TWO(opcode, ...) [opcode] = ROW(__VA_ARGS__),
#define EMUL_TWO_KIND(opcode, name, group) [opcode] = { .kind = KIND_##name, .op = group },
#include "emul/opcodes.def"
};

static const struct emul_row group_rows[EMUL_GROUPS][8] = {
#define EMUL_GROUP(group, reg, ...) [EMUL_GROUP_##group][reg] = ROW(__VA_ARGS__),
#include "emul/opcodes.def"
};

enum mandatory_prefix { PREFIX_NP, PREFIX_66, PREFIX_F3, PREFIX_F2 };

static const struct {
	uint8_t map, opcode, prefix;
	struct emul_row row;
} prefixed_rows[] = {
#define EMUL_PREFIXED(map, opcode, prefix, ...) { map, opcode, PREFIX_##prefix, ROW(__VA_ARGS__) },
#include "emul/opcodes.def"
};

static const struct {
	uint8_t modrm;
	struct emul_row row;
} system_rows[] = {
#define EMUL_SYSTEM(modrm, op) { modrm, ROW(op, NONE, NONE, V, NONE, ROW_MODRM) },
#include "emul/opcodes.def"
};

static const bool lockable[EMUL_OPS] = {
#define LOCK true
#define PLAIN false
#define EMUL_OP(name, handler, compute, lock) [EMUL_OP_##name] = lock,
#include "emul/opcodes.def"
#undef LOCK
#undef PLAIN
};

/* Bases and indices of 16-bit addresses by ModRM.rm (SDM v2 table 2-1). */
static const uint8_t base16[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
static const uint8_t index16[8] = { 6, 7, 6, 7, [4 ... 7] = EMUL_NO_REGISTER };

enum { REX_B = 1 << 0, REX_X = 1 << 1, REX_R = 1 << 2, REX_W = 1 << 3 };
enum { NO_OVERRIDE = 0xff };

struct decoder {
	const uint8_t *next, *end;
	struct emul_insn *insn;
	enum emul_outcome failure; /* why there is no row */
	uint32_t mode;
	uint8_t rex;
	uint8_t override; /* segment */
	bool operand_prefix;
	uint8_t vex_prefix; /* enum mandatory_prefix */
	uint8_t vector_bytes;
	uint8_t reg_high; /* EVEX.R': 16 or 0 */
	bool compressed; /* EVEX: a displacement of a byte counts operands */
};

static inline bool has_bytes(struct decoder *d, uint32_t n)
{
	if (likely((uint64_t)(d->end - d->next) >= n))
		return true;
	d->failure = EMUL_SHORT;
	return false;
}

/* The next n bytes, sign-extended; has_bytes() was asked before. */
static inline int64_t take(struct decoder *d, uint32_t n)
{
	const uint8_t *p = d->next;
	int16_t word;
	int32_t dword;
	int64_t qword;

	d->next += n;
	switch (n) {
	case 1:
		return (int8_t)*p;
	case 2:
		__builtin_memcpy(&word, p, 2);
		return word;
	case 4:
		__builtin_memcpy(&dword, p, 4);
		return dword;
	default:
		__builtin_memcpy(&qword, p, 8);
		return qword;
	}
}

/*
 * SDM v2 2.1.1: legacy prefixes. In 64-bit mode the overrides of ES, CS, SS and DS do nothing
 * (SDM v1 3.3.7.1). A REX before another prefix is void.
 */
static void apply_prefix(struct decoder *d, uint8_t byte)
{
	struct emul_insn *insn = d->insn;

	d->rex = 0;
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		if (d->mode != 8)
			d->override = field_get(byte, BITS(4, 3));
		break;
	case 0x64:
	case 0x65:
		d->override = byte - 0x64 + EMUL_FS;
		break;
	case 0x66:
		d->operand_prefix = true;
		break;
	case 0x67:
		insn->address_size = d->mode == 4 ? 2 : 4;
		break;
	case 0xf0:
		insn->prefixes |= EMUL_PREFIX_LOCK;
		break;
	case 0xf2: /* the later of F2 and F3 counts */
		insn->prefixes = (insn->prefixes & ~EMUL_PREFIX_REPE) | EMUL_PREFIX_REPNE;
		break;
	case 0xf3:
		insn->prefixes = (insn->prefixes & ~EMUL_PREFIX_REPNE) | EMUL_PREFIX_REPE;
		break;
	}
}

static enum mandatory_prefix mandatory_prefix(const struct decoder *d)
{
	if (d->insn->vex)
		return d->vex_prefix;
	if (d->insn->prefixes & EMUL_PREFIX_REPE)
		return PREFIX_F3;
	if (d->insn->prefixes & EMUL_PREFIX_REPNE)
		return PREFIX_F2;
	return d->operand_prefix ? PREFIX_66 : PREFIX_NP;
}

static const struct emul_row *find_prefixed(const struct decoder *d, uint8_t map)
{
	enum mandatory_prefix prefix = mandatory_prefix(d);

	for (uint32_t i = 0; i < ARRAY_SIZE(prefixed_rows); i++)
		if (prefixed_rows[i].opcode == d->insn->opcode && prefixed_rows[i].map == map &&
		    prefixed_rows[i].prefix == prefix)
			return &prefixed_rows[i].row;
	return NULL;
}

static const struct emul_row *find_grouped(struct decoder *d, uint8_t group)
{
	if (!has_bytes(d, 1))
		return NULL;
	return &group_rows[group][field_get(*d->next, BITS(5, 3))];
}

/* 0F 01: with mod = 3 the whole ModRM byte may be an instruction; with a prefix, another one. */
static const struct emul_row *find_system(struct decoder *d, uint8_t group)
{
	if (!has_bytes(d, 1))
		return NULL;
	for (uint32_t i = 0; i < ARRAY_SIZE(system_rows); i++)
		if (system_rows[i].modrm == *d->next && mandatory_prefix(d) == PREFIX_NP)
			return &system_rows[i].row;
	return find_grouped(d, group);
}

/*
 * SDM v2 2.3.5: the payload holds REX inverted, the map, W, the unused vvvv (all ones), L and the
 * mandatory prefix. Outside 64-bit mode the two high bits must be set, else it is LES or LDS.
 */
static const struct emul_row *find_vex(struct decoder *d, uint8_t length)
{
	struct emul_insn *insn = d->insn;
	uint8_t map = 2, first, last;
	const struct emul_row *row;

	if (insn->prefixes || d->operand_prefix || d->rex || !has_bytes(d, 1) ||
	    (d->mode != 8 && *d->next < 0xc0) || !has_bytes(d, length))
		return NULL;
	first = *d->next++;
	last = first;
	d->rex = first & BIT(7) ? 0 : REX_R;
	if (length == 3) {
		map = (first & BITS(4, 0)) + 1;
		last = *d->next++;
		d->rex = field_get((uint8_t)~first, BITS(7, 5)) | (last & BIT(7) ? REX_W : 0);
	}
	if (d->mode != 8)
		d->rex = 0;
	if ((last & BITS(6, 3)) != BITS(6, 3))
		return NULL;
	insn->vex = true;
	insn->opcode = *d->next++;
	d->vector_bytes = last & BIT(2) ? 32 : 16;
	d->vex_prefix = (const uint8_t[]){ PREFIX_NP, PREFIX_66, PREFIX_F3, PREFIX_F2 }[last & 3];
	row = find_prefixed(d, map);
	if (!row || !(row->flags & (ROW_VEX | (d->vector_bytes > 16 ? 0 : ROW_VEX128))))
		return NULL;
	return row;
}

/* What a row demands of W, z and the opmask: SDM v2 2.7.8 and the tables of exceptions E1, E4. */
static bool evex_fits(const struct decoder *d, const struct emul_row *row)
{
	bool wide = d->rex & REX_W;

	if (row->flags & (wide ? ROW_W0 : ROW_W1) || (row->flags & ROW_UNMASKED && d->insn->mask))
		return false;
	return !d->insn->zeroing || (d->insn->mask && row->dst == OPERAND_V);
}

/*
 * SDM v2 2.7.1. The payload: R X B R' inverted, 0, the map | W, vvvv, 1, mandatory prefix | z, L'L,
 * b, V', opmask. vvvv and V' are ones, and b is 0, in moves. Outside 64-bit mode the two high bits must be
 * set, else it is BOUND.
 */
static const struct emul_row *find_evex(struct decoder *d)
{
	struct emul_insn *insn = d->insn;
	const struct emul_row *row;
	const uint8_t *p = d->next;
	uint32_t wide;

	if (insn->prefixes || d->operand_prefix || d->rex || !has_bytes(d, 1) ||
	    (d->mode != 8 && p[0] < 0xc0) || !has_bytes(d, 4))
		return NULL;
	if (p[0] & BIT(3) || (p[1] | BITS(7, 7) | BITS(1, 0)) != 0xff ||
	    (p[2] & BITS(4, 3)) != BIT(3) || (p[2] & BITS(6, 5)) == BITS(6, 5))
		return NULL;
	wide = p[1] & BIT(7) ? REX_W : 0;
	d->rex = d->mode == 8 ? field_get((uint8_t)~p[0], BITS(7, 5)) | wide : wide;
	d->reg_high = d->mode == 8 && !(p[0] & BIT(4)) ? 16 : 0;
	d->vex_prefix = (const uint8_t[]){ PREFIX_NP, PREFIX_66, PREFIX_F3, PREFIX_F2 }[p[1] & 3];
	d->vector_bytes = 16 << field_get(p[2], BITS(6, 5));
	d->compressed = true;
	insn->vex = true;
	insn->mask = p[2] & BITS(2, 0);
	insn->zeroing = p[2] & BIT(7);
	insn->opcode = p[3];
	d->next += 4;
	row = find_prefixed(d, 9 + (p[0] & BITS(2, 0)));
	if (!row || !evex_fits(d, row))
		return NULL;
	insn->element = (row->flags & ROW_BYTES ? 1 : 4) << (wide ? 1 : 0);
	return row;
}

/* The second and third opcode maps. */
static const struct emul_row *find_escaped(struct decoder *d)
{
	const struct emul_row *row;

	if (!has_bytes(d, 1))
		return NULL;
	d->insn->opcode = *d->next++;
	row = &two_byte[d->insn->opcode];
	switch (row->kind) {
	case KIND_GROUP:
		return find_grouped(d, row->op);
	case KIND_SYSTEM:
		return find_system(d, row->op);
	case KIND_PREFIXED:
		return find_prefixed(d, row->op);
	case KIND_MAP_0F38:
		if (!has_bytes(d, 1))
			return NULL;
		d->insn->opcode = *d->next++;
		return find_prefixed(d, 3);
	default:
		return row;
	}
}

/* Reads prefixes and opcode. NULL: d->failure says why. */
static const struct emul_row *find_row(struct decoder *d)
{
	const struct emul_row *row;

	for (;;) {
		if (!has_bytes(d, 1))
			return NULL;
		d->insn->opcode = *d->next++;
		row = &one_byte[d->insn->opcode];
		if (likely(row->kind == KIND_PLAIN))
			return row;
		switch (row->kind) {
		case KIND_PREFIX:
			apply_prefix(d, d->insn->opcode);
			continue;
		case KIND_REX:
			if (d->mode != 8)
				return row;
			d->rex = d->insn->opcode;
			continue;
		case KIND_ESCAPE:
			return find_escaped(d);
		case KIND_VEX:
			return find_vex(d, row->op);
		case KIND_EVEX:
			return find_evex(d);
		case KIND_GROUP:
			return find_grouped(d, row->op);
		case KIND_PREFIXED:
			return find_prefixed(d, row->op);
		default:
			return row;
		}
	}
}

static bool decode_displacement(struct decoder *d, uint32_t size)
{
	if (!has_bytes(d, size))
		return false;
	d->insn->displacement = take(d, size);
	return true;
}

/* SDM v2 table 2-1. */
static bool decode_address16(struct decoder *d, uint32_t mod, uint32_t rm)
{
	struct emul_insn *insn = d->insn;

	insn->scale = 0;
	insn->index = index16[rm];
	if (mod == 0 && rm == 6) {
		insn->base = EMUL_NO_REGISTER;
		insn->segment = EMUL_DS;
		return decode_displacement(d, 2);
	}
	insn->base = base16[rm];
	insn->segment = insn->base == 5 ? EMUL_SS : EMUL_DS;
	insn->displacement = 0;
	return mod == 0 || decode_displacement(d, mod);
}

/* SDM v2 tables 2-2, 2-3 and 2.2.1: base, SIB, displacement; [RIP + disp32] in 64-bit mode. */
static bool decode_address32(struct decoder *d, uint32_t mod, uint32_t rm)
{
	struct emul_insn *insn = d->insn;

	insn->index = EMUL_NO_REGISTER;
	insn->displacement = 0;
	insn->scale = 0;
	if (rm == 4) {
		uint8_t sib, index;

		if (!has_bytes(d, 1))
			return false;
		sib = *d->next++;
		index = field_get(sib, BITS(5, 3)) | (d->rex & REX_X ? 8 : 0);
		rm = sib & BITS(2, 0);
		insn->scale = field_get(sib, BITS(7, 6));
		if (index != 4)
			insn->index = index;
	} else if (mod == 0 && rm == 5) {
		insn->rip_relative = d->mode == 8;
	}
	if (mod == 0 && rm == 5) {
		insn->base = EMUL_NO_REGISTER;
		insn->segment = EMUL_DS;
		return decode_displacement(d, 4);
	}
	insn->base = rm | (d->rex & REX_B ? 8 : 0);
	insn->segment = insn->base == 4 || insn->base == 5 ? EMUL_SS : EMUL_DS;
	return mod == 0 || decode_displacement(d, mod == 1 ? 1 : 4);
}

static uint32_t operand_size(const struct decoder *d, uint32_t size)
{
	uint32_t narrow = (d->mode == 2) != d->operand_prefix ? 2 : 4;

	switch (size) {
	case SIZE_B:
		return 1;
	case SIZE_V:
		return d->rex & REX_W ? 8 : narrow;
	case SIZE_W:
		return 2;
	case SIZE_D:
		return 4;
	case SIZE_Q:
		return 8;
	case SIZE_Y:
		return d->rex & REX_W ? 8 : 4;
	case SIZE_IO:
		return d->rex & REX_W ? 4 : narrow;
	case SIZE_STACK:
		return d->mode == 8 && (d->rex & REX_W || !d->operand_prefix) ? 8 : narrow;
	case SIZE_CONTROL:
		return d->mode == 8 ? 8 : 4;
	case SIZE_PAIR:
		return d->rex & REX_W ? 16 : 8;
	default:
		return d->vector_bytes;
	}
}

static bool decode_modrm(struct decoder *d, const struct emul_row *row)
{
	struct emul_insn *insn = d->insn;
	uint32_t mod, rm;
	uint8_t modrm;

	if (!has_bytes(d, 1))
		return false;
	modrm = *d->next++;
	mod = field_get(modrm, BITS(7, 6));
	rm = modrm & BITS(2, 0);
	insn->reg = field_get(modrm, BITS(5, 3)) | (d->rex & REX_R ? 8 : 0) | d->reg_high;
	insn->memory = mod != 3 && !(row->flags & ROW_REGISTER);
	if (!insn->memory) {
		insn->rm = rm | (d->rex & REX_B ? 8 : 0);
		return !(row->flags & ROW_MEMORY);
	}
	if (insn->address_size == 2 ? !decode_address16(d, mod, rm) : !decode_address32(d, mod, rm))
		return false;
	if (unlikely(d->compressed) && mod == 1)
		insn->displacement *= operand_size(d, row->size);
	return true;
}

/* Operands outside ModRM: a register in the opcode, memory by plain offset, strings' segment. */
static bool decode_plain(struct decoder *d, const struct emul_row *row)
{
	struct emul_insn *insn = d->insn;

	insn->memory = false;
	insn->segment = EMUL_DS;
	if (row->dst == OPERAND_Z || row->src == OPERAND_Z) {
		insn->rm = (insn->opcode & BITS(2, 0)) | (d->rex & REX_B ? 8 : 0);
	} else if (row->dst == OPERAND_O || row->src == OPERAND_O) {
		insn->memory = true;
		insn->base = EMUL_NO_REGISTER;
		insn->index = EMUL_NO_REGISTER;
		insn->scale = 0;
		if (!decode_displacement(d, insn->address_size))
			return false;
		insn->displacement &= size_mask(insn->address_size);
	}
	return true;
}

static bool decode_immediate(struct decoder *d, uint32_t kind)
{
	uint32_t size = d->insn->operand_size;

	if (kind == IMMEDIATE_UB || kind == IMMEDIATE_SB)
		size = 1;
	else if (kind == IMMEDIATE_IZ && size == 8)
		size = 4;
	if (!has_bytes(d, size))
		return false;
	d->insn->immediate = take(d, size);
	if (kind == IMMEDIATE_UB)
		d->insn->immediate &= 0xff;
	return true;
}

/* The register numbers that exist: SDM v2 "MOV", "MOV-Move to/from Control Registers". */
static bool special_register(struct emul_insn *insn, const struct emul_row *row)
{
	static const uint32_t control = BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(8);

	if (row->src == OPERAND_S) {
		insn->reg &= BITS(2, 0); /* REX.R is ignored */
		return insn->reg < EMUL_SEGMENTS;
	}
	if (row->dst == OPERAND_C || row->src == OPERAND_C)
		return control & BIT(insn->reg);
	if (row->dst == OPERAND_D || row->src == OPERAND_D)
		return insn->reg < 8;
	return true;
}

/* Everything after the opcode. False: d->failure says why. */
static bool decode_operands(struct decoder *d, const struct emul_row *row)
{
	struct emul_insn *insn = d->insn;

	if (unlikely(row->flags & (ROW_ONLY64 | ROW_NOT64)) &&
	    !(row->flags & (d->mode == 8 ? ROW_ONLY64 : ROW_NOT64)))
		return false;
	if (row->flags & ROW_MODRM ? !decode_modrm(d, row) : !decode_plain(d, row))
		return false;
	if (d->override != NO_OVERRIDE)
		insn->segment = d->override;
	insn->operand_size = operand_size(d, row->size);
	if (row->immediate != IMMEDIATE_NONE && !decode_immediate(d, row->immediate))
		return false;
	return row->dst < OPERAND_S && row->src < OPERAND_S ? true : special_register(insn, row);
}

static bool lock_is_legal(const struct emul_insn *insn, const struct emul_row *row)
{
	return lockable[insn->op] && insn->memory && row->dst == OPERAND_E;
}

/* SDM v2 2.3.11: more than 15 bytes are a general-protection exception. */
static enum emul_outcome explain(const struct decoder *d, uint32_t count, struct emul_fault *fault)
{
	if (d->failure == EMUL_SHORT && count >= EMUL_MAX_LENGTH)
		return emul_raise(fault, FAULT_GP);
	return d->failure;
}

enum emul_outcome emul_decode(struct emul_insn *insn, const uint8_t *bytes, uint32_t count,
			      uint32_t mode, struct emul_fault *fault)
{
	struct decoder d = {
		.next = bytes,
		.end = bytes + min_of(count, (uint32_t)EMUL_MAX_LENGTH),
		.insn = insn,
		.failure = EMUL_UNHANDLED,
		.mode = mode,
		.override = NO_OVERRIDE,
		.vector_bytes = 16,
	};
	const struct emul_row *row;

	insn->address_size = mode;
	insn->prefixes = 0;
	insn->vex = false;
	insn->mask = 0;
	insn->rip_relative = false;
	row = find_row(&d);
	if (!row || row->op == EMUL_OP_NONE || !decode_operands(&d, row))
		return explain(&d, count, fault);
	insn->row = row;
	insn->op = row->op;
	insn->rex = d.rex;
	insn->length = d.next - bytes;
	if (unlikely(insn->prefixes & EMUL_PREFIX_LOCK) && !lock_is_legal(insn, row))
		return emul_raise(fault, FAULT_UD);
	return EMUL_DONE;
}
