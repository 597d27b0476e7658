/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux, kernel/configs.c: "IKCFG_ST", the configuration compressed by gzip, "IKCFG_ED", somewhere in the
 * read-only data.
 */
#include "kernel/config.h"

#include <string.h>
#include <zlib.h>

#include "kernel/elf.h"

enum { MARK = 8, MOST_CONFIG = 4 << 20, MOST_RATIO = 64 };

/* Texts of words pack to a fifth or so; what claims far more is none. What follows the stream is left. */
static struct bytes unpack_config(struct arena *arena, struct bytes packed)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)packed.data };
	size_t room = packed.size < MOST_CONFIG / MOST_RATIO ? packed.size * MOST_RATIO : MOST_CONFIG;
	struct bytes text = { 0 };
	uint8_t *out;
	int result;

	if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
		return text;
	out = arena_alloc(arena, room);
	stream.avail_in = (uInt)(packed.size < UINT32_MAX ? packed.size : UINT32_MAX);
	stream.next_out = out;
	stream.avail_out = (uInt)room;
	result = inflate(&stream, Z_FINISH);
	if (result == Z_STREAM_END)
		text = (struct bytes){ out, stream.total_out };
	inflateEnd(&stream);
	return text;
}

struct bytes kernel_config_read(struct arena *arena, struct bytes vmlinux)
{
	struct bytes data = elf_section(vmlinux, ".rodata");
	const uint8_t *start;

	if (!data.size)
		data = vmlinux;
	start = data.size ? memmem(data.data, data.size, "IKCFG_ST", MARK) : NULL;
	if (!start)
		return (struct bytes){ 0 };
	return unpack_config(arena, bytes_part(data, (uint64_t)(start - data.data) + MARK, data.size));
}

struct bytes kernel_config_value(struct bytes config, const char *option)
{
	size_t length = strlen(option);

	for (uint64_t at = 0, end; at < config.size; at = end + 1) {
		const uint8_t *line = config.data + at, *newline;

		newline = memchr(line, '\n', config.size - at);
		end = newline ? (uint64_t)(newline - config.data) : config.size;
		if (end - at > length && line[length] == '=' && !memcmp(line, option, length))
			return bytes_part(config, at + length + 1, end - at - length - 1);
	}
	return (struct bytes){ 0 };
}
