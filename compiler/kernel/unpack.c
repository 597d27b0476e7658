/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row a compression: magic number and a function that must fill the output exactly. The four
 * bytes behind the stream (for gzip its own trailer) are the unpacked size; Linux's build puts
 * them there for its own decompressor (Linux, scripts/Makefile.lib: size_append).
 */
#include "kernel/unpack.h"

#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { SIZE_BYTES = 4 };
#define MOST_UNPACKED (1ull << 30)

/* Fills out[0..size) from in; false when the stream is damaged or has another size. */
typedef bool unpack_function(struct bytes in, uint8_t *out, size_t size);

static bool unpack_gzip(struct bytes in, uint8_t *out, size_t size)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)in.data, .next_out = out };
	int result;

	stream.avail_in = (uInt)in.size;
	stream.avail_out = (uInt)size;
	if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
		return false;
	result = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return result == Z_STREAM_END && stream.total_out == size;
}

static bool unpack_zstd(struct bytes in, uint8_t *out, size_t size)
{
	return ZSTD_decompress(out, size, in.data, in.size - SIZE_BYTES) == size;
}

/* xz files name their filters: the x86 branch filter that Linux uses needs no care here. */
static bool unpack_xz(struct bytes in, uint8_t *out, size_t size)
{
	uint64_t limit = 256ull << 20;
	size_t at_in = 0, at_out = 0;

	return lzma_stream_buffer_decode(&limit, 0, NULL, in.data, &at_in, in.size - SIZE_BYTES,
					 out, &at_out, size) == LZMA_OK &&
	       at_out == size;
}

/* The legacy LZ4 frame: magic, then blocks of {compressed size, data}, each 8 MiB unpacked. */
static bool unpack_lz4(struct bytes in, uint8_t *out, size_t size)
{
	enum { BLOCK = 8 << 20 };
	uint64_t at = 4, end = in.size - SIZE_BYTES;
	size_t done = 0;

	while (at + 4 <= end) {
		uint32_t packed = bytes_u32(in, at);
		size_t room = size - done < BLOCK ? size - done : BLOCK;
		int got;

		at += 4;
		if (!packed || packed > end - at || packed > INT32_MAX)
			return false;
		got = LZ4_decompress_safe((const char *)in.data + at, (char *)out + done,
					  (int)packed, (int)room);
		if (got < 0)
			return false;
		done += (size_t)got;
		at += packed;
	}
	return at == end && done == size;
}

static const struct method {
	const char *name;
	uint8_t magic[6];
	uint8_t magic_size;
	unpack_function *unpack; /* NULL: known, not supported */
} methods[] = {
	{ "gzip", { 0x1f, 0x8b, 0x08 }, 3, unpack_gzip },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
	{ "lzma", { 0x5d, 0, 0 }, 3, NULL },
	{ "lzo", { 0x89, 'L', 'Z', 'O', 0, 0x0d }, 6, NULL },
};

static const struct method *method_of(struct bytes payload)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (bytes_hold(payload, 0, methods[i].magic_size) &&
		    !memcmp(payload.data, methods[i].magic, methods[i].magic_size))
			return &methods[i];
	return NULL;
}

const char *unpack_method(struct bytes payload)
{
	const struct method *method = method_of(payload);

	return method ? method->name : NULL;
}

static uint64_t unpacked_size(struct bytes payload)
{
	return payload.size > 16 ? bytes_u32(payload, payload.size - SIZE_BYTES) : 0;
}

const char *unpack_refuses(struct bytes payload)
{
	const struct method *method = method_of(payload);
	uint64_t size = unpacked_size(payload);

	if (!payload.size)
		return "does not say where its compressed kernel is";
	if (!method)
		return "is compressed in a way that hvcc does not know";
	if (!method->unpack)
		return "is compressed with a method that hvcc does not unpack (it does gzip, xz, "
		       "lz4 and zstd)";
	if (!size || size > MOST_UNPACKED)
		return "is damaged: the size of the unpacked kernel is impossible";
	return NULL;
}

const char *unpack(struct arena *arena, struct bytes payload, struct bytes *unpacked)
{
	const char *why = unpack_refuses(payload);
	uint64_t size = unpacked_size(payload);
	uint8_t *out;

	*unpacked = (struct bytes){ 0 };
	if (why)
		return why;
	out = arena_alloc(arena, size);
	if (!method_of(payload)->unpack(payload, out, size))
		return "is damaged: its compressed kernel does not unpack";
	*unpacked = (struct bytes){ .data = out, .size = size };
	return NULL;
}
