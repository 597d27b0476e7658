/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables by which a Linux kernel names its own addresses. A distribution's vmlinux is stripped,
 * but these stay inside, in .rodata, without a header and without symbols that would say where:
 *
 *     until 6.3   offsets, relative_base, num_syms, names, markers, (seqs_of_names,) tokens,
 * token_index from 6.4    num_syms, names, markers, tokens, token_index, offsets, relative_base,
 * ...
 *
 * Each starts at a multiple of eight bytes. They are found from what cannot be chance:
 *
 *  1. `tokens` are 256 texts with a zero byte behind each. Digits occur in names, so the tokens
 *     0x30 to 0x39 are the digits themselves: twenty bytes to search for.
 *  2. `token_index` has the offset of each token, so it proves the guess and gives the table's
 * start.
 *  3. `names` are a length and that many tokens each, the first character a type as nm prints it. A
 *     number stands eight bytes before them: walking that many names must lead to the markers, ...
 *  4. ... which have the offset of each 256th name: they prove it all.
 *
 * An address is 32 bits: relative to relative_base where no offset is negative. Otherwise
 * (KALLSYMS_ABSOLUTE_PERCPU) a negative one counts from relative_base - 1 down, and others are the
 * addresses of per-CPU variables.
 */
#include "kernel/symbols.h"

#include <string.h>

enum {
	TOKENS = 256,
	MARKER_STEP = 256,
	NAME_MOST = 1024,      /* tokens in a name */
	WALKS_MOST = 64 << 20, /* names looked at while searching: a bound for hostile files */
};

#define KERNEL_SPACE 0xffffffff80000000ull

struct kallsyms {
	struct bytes image;
	uint64_t tokens, token_index;
	uint64_t names, count;
	uint64_t offsets, relative_base;
	bool absolute_per_cpu;
};

static uint64_t align8(uint64_t offset)
{
	return (offset + 7) & ~7ull;
}

/* ------------------------------------------------------------------------------ tokens */
/* The offset behind `count` texts that start at offset; 0: they do not end inside the image. */
static uint64_t skip_texts(struct bytes image, uint64_t offset, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		const uint8_t *end;

		if (offset >= image.size)
			return 0;
		end = memchr(image.data + offset, 0, image.size - offset);
		if (!end)
			return 0;
		offset = (uint64_t)(end - image.data) + 1;
	}
	return offset;
}

/* Is the table of tokens the one whose '0' is at `zero`? The index behind it knows all offsets. */
static bool tokens_at(struct kallsyms *k, uint64_t zero)
{
	uint64_t end = skip_texts(k->image, zero, TOKENS - '0'), at;

	k->token_index = align8(end);
	if (!end || !bytes_hold(k->image, k->token_index, 2 * TOKENS))
		return false;
	if (bytes_u16(k->image, k->token_index + 2 * '0') > zero)
		return false;
	k->tokens = zero - bytes_u16(k->image, k->token_index + 2 * '0');
	at = k->tokens;
	for (unsigned int i = 0; i < TOKENS; i++) {
		if (!at || bytes_u16(k->image, k->token_index + 2 * i) != at - k->tokens)
			return false;
		at = skip_texts(k->image, at, 1);
	}
	return at == end;
}

static bool find_tokens(struct kallsyms *k)
{
	static const char digits[20] = "0\0"
	                               "1\0"
	                               "2\0"
	                               "3\0"
	                               "4\0"
	                               "5\0"
	                               "6\0"
	                               "7\0"
	                               "8\0"
	                               "9";
	const uint8_t *from = k->image.data, *end = from + k->image.size, *hit;

	while ((hit = memmem(from, (size_t)(end - from), digits, sizeof(digits)))) {
		if (tokens_at(k, (uint64_t)(hit - k->image.data)))
			return true;
		from = hit + 1;
	}
	return false;
}

static const char *token(const struct kallsyms *k, uint8_t index)
{
	return (const char *)k->image.data + k->tokens +
	       bytes_u16(k->image, k->token_index + 2 * (uint64_t)index);
}

/* ------------------------------------------------------------------------------- names */
/* The tokens of the name at offset; the result is the next name's offset, 0 when there is none. */
static uint64_t name_at(const struct kallsyms *k, uint64_t offset, struct bytes *tokens)
{
	uint64_t length = bytes_u8(k->image, offset++);

	if (length & 0x80) /* since 6.1: seven more bits for long names */
		length = (length & 0x7f) | (uint64_t)bytes_u8(k->image, offset++) << 7;
	if (!length || length > NAME_MOST || !bytes_hold(k->image, offset, length))
		return 0;
	*tokens = bytes_part(k->image, offset, length);
	return offset + length;
}

/* Do `count` names start at `names`, with their markers behind them? Takes its work from *budget.
 */
static bool names_at(const struct kallsyms *k, uint64_t names, uint64_t count, uint64_t *budget)
{
	uint64_t markers = 0, at = names;
	struct bytes name;

	for (uint64_t i = 0; i < count; i++) {
		if (!*budget || at >= k->tokens)
			return false;
		--*budget;
		at = name_at(k, at, &name);
		if (!at || !strchr("AaBbDdGgNnRrSsTtUuVvWw?", token(k, name.data[0])[0]))
			return false;
	}
	markers = align8(at);
	at = names;
	for (uint64_t i = 0; i < count; i++) {
		if (i % MARKER_STEP == 0 &&
		    bytes_u32(k->image, markers + i / MARKER_STEP * 4) != at - names)
			return false;
		at = name_at(k, at, &name);
	}
	return true;
}

static bool find_names(struct kallsyms *k)
{
	uint64_t budget = WALKS_MOST;

	for (uint64_t at = k->tokens & ~7ull; at >= 8 && budget; at -= 8) {
		uint64_t count = bytes_u32(k->image, at - 8), room = k->tokens - at;

		/* A name has a length and a token at least, and 64 bytes on average never. */
		if (count < room / 64 || count > room / 2 || !count)
			continue;
		if (!names_at(k, at, count, &budget))
			continue;
		k->names = at;
		k->count = count;
		return true;
	}
	return false;
}

/* --------------------------------------------------------------------------- addresses */
static bool offsets_at(struct kallsyms *k, uint64_t offsets, uint64_t base)
{
	k->offsets = offsets;
	k->relative_base = bytes_u64(k->image, base);
	return bytes_hold(k->image, offsets, k->count * 4) && k->relative_base >= KERNEL_SPACE &&
	       !(k->relative_base & 0xfff);
}

static bool find_offsets(struct kallsyms *k)
{
	uint64_t size = align8(k->count * 4), behind = align8(k->token_index + 2 * TOKENS);
	uint64_t before = k->names - 16; /* num_syms, and relative_base before it */

	if (!offsets_at(k, behind, behind + size) &&
	    (before < size || !offsets_at(k, before - size, before)))
		return false;
	for (uint64_t i = 0; i < k->count && !k->absolute_per_cpu; i++)
		k->absolute_per_cpu = bytes_u32(k->image, k->offsets + i * 4) >> 31;
	return true;
}

static uint64_t address_of(const struct kallsyms *k, uint64_t index)
{
	uint32_t offset = bytes_u32(k->image, k->offsets + index * 4);

	if (!k->absolute_per_cpu)
		return k->relative_base + offset;
	return offset >> 31 ? k->relative_base - 1 - (uint64_t)(int64_t)(int32_t)offset : offset;
}

/* -------------------------------------------------------------------------- the search */
/* Is this the name? The first character is the symbol's type. */
static bool name_is(const struct kallsyms *k, struct bytes tokens, const char *name)
{
	size_t skip = 1;

	for (size_t i = 0; i < tokens.size; i++) {
		const char *text = token(k, tokens.data[i]) + skip;
		size_t length = strlen(text);

		if (strncmp(name, text, length))
			return false;
		name += length;
		skip = 0;
	}
	return !*name;
}

static struct symbol_search search_all(const struct kallsyms *k, const char *name)
{
	struct symbol_search search = {.next = UINT64_MAX};
	uint64_t at = k->names;

	for (uint64_t i = 0; i < k->count; i++) {
		struct bytes tokens;

		at = name_at(k, at, &tokens);
		if (!name_is(k, tokens, name))
			continue;
		search.found++;
		search.address = address_of(k, i);
	}
	for (uint64_t i = 0; i < k->count; i++) {
		uint64_t address = address_of(k, i);

		if (address > search.address && address < search.next)
			search.next = address;
	}
	return search;
}

const char *symbol_in_kallsyms(struct bytes vmlinux, const char *name, struct kernel_symbol *symbol)
{
	struct kallsyms k = {.image = vmlinux};
	struct symbol_search search;

	if (!vmlinux.size || !find_tokens(&k) || !find_names(&k) || !find_offsets(&k))
		return "has no symbol table and no kallsyms that hvcc can read";
	search = search_all(&k, name);
	return symbol_settle(&search, symbol);
}
