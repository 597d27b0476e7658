/* SPDX-License-Identifier: Apache-2.0 */
/* The AML encoder: opcodes of ACPI 6.5, 20.2 "AML Grammar Definition". */
#include "acpi/aml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum opcode {
	ZERO_OP = 0x00,
	ONE_OP = 0x01,
	NAME_OP = 0x08,
	BYTE_PREFIX = 0x0a,
	WORD_PREFIX = 0x0b,
	DWORD_PREFIX = 0x0c,
	STRING_PREFIX = 0x0d,
	QWORD_PREFIX = 0x0e,
	SCOPE_OP = 0x10,
	BUFFER_OP = 0x11,
	PACKAGE_OP = 0x12,
	METHOD_OP = 0x14,
	DUAL_NAME_PREFIX = 0x2e,
	MULTI_NAME_PREFIX = 0x2f,
	EXTENDED_PREFIX = 0x5b,
	LOCAL0_OP = 0x60,
	ARG0_OP = 0x68,
	OR_OP = 0x7d,
	CREATE_DWORD_FIELD_OP = 0x8a,
	LEQUAL_OP = 0x93,
	IF_OP = 0xa0,
	ELSE_OP = 0xa1,
	RETURN_OP = 0xa4,
	DEVICE_OP = 0x82, /* behind EXTENDED_PREFIX */
};

static void segment(struct buffer *b, const char *text, size_t length)
{
	char padded[4] = { '_', '_', '_', '_' };

	memcpy(padded, text, length < 4 ? length : 4);
	buffer_bytes(b, padded, 4);
}

void aml_path(struct buffer *b, const char *path)
{
	size_t segments = 1;

	while (*path == '\\' || *path == '^')
		buffer_u8(b, (uint8_t)*path++);
	for (const char *c = path; *c; c++)
		segments += *c == '.';
	if (!*path) {
		buffer_u8(b, ZERO_OP); /* NullName: the root itself */
		return;
	}
	if (segments == 2)
		buffer_u8(b, DUAL_NAME_PREFIX);
	if (segments > 2) {
		buffer_u8(b, MULTI_NAME_PREFIX);
		buffer_u8(b, (uint8_t)segments);
	}
	for (; segments; segments--) {
		size_t length = strcspn(path, ".");

		segment(b, path, length);
		path += length + (segments > 1);
	}
}

void aml_name(struct buffer *b, const char *path)
{
	buffer_u8(b, NAME_OP);
	aml_path(b, path);
}

void aml_integer(struct buffer *b, uint64_t value)
{
	if (value <= 1) {
		buffer_u8(b, value ? ONE_OP : ZERO_OP);
	} else if (value <= UINT8_MAX) {
		buffer_u8(b, BYTE_PREFIX);
		buffer_u8(b, (uint8_t)value);
	} else if (value <= UINT16_MAX) {
		buffer_u8(b, WORD_PREFIX);
		buffer_u16(b, (uint16_t)value);
	} else if (value <= UINT32_MAX) {
		buffer_u8(b, DWORD_PREFIX);
		buffer_u32(b, (uint32_t)value);
	} else {
		buffer_u8(b, QWORD_PREFIX);
		buffer_u64(b, value);
	}
}

void aml_string(struct buffer *b, const char *text)
{
	buffer_u8(b, STRING_PREFIX);
	buffer_text(b, text);
}

void aml_bytes(struct buffer *b, const void *bytes, size_t size)
{
	size_t mark;

	buffer_u8(b, BUFFER_OP);
	mark = b->size;
	aml_integer(b, size);
	buffer_bytes(b, bytes, size);
	aml_end(b, mark);
}

static unsigned int hex(char digit)
{
	return isdigit((unsigned char)digit) ? (unsigned int)(digit - '0') :
					       (unsigned int)(toupper((unsigned char)digit) - 'A' + 10);
}

/* Letters are five bits each; the result is stored most significant byte first. */
void aml_eisaid(struct buffer *b, const char *id)
{
	uint32_t value = (uint32_t)(id[0] - '@') << 26 | (uint32_t)(id[1] - '@') << 21 |
			 (uint32_t)(id[2] - '@') << 16 | hex(id[3]) << 12 | hex(id[4]) << 8 |
			 hex(id[5]) << 4 | hex(id[6]);

	aml_integer(b, __builtin_bswap32(value));
}

/* 19.6.142 "ToUUID": the first three groups are little-endian. */
void aml_uuid(struct buffer *b, const char *uuid)
{
	static const uint8_t place[16] = { 6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34 };
	uint8_t bytes[16];

	for (size_t i = 0; i < 16; i++)
		bytes[i] = (uint8_t)(hex(uuid[place[i]]) << 4 | hex(uuid[place[i] + 1]));
	aml_bytes(b, bytes, sizeof(bytes));
}

size_t aml_scope(struct buffer *b, const char *path)
{
	size_t mark;

	buffer_u8(b, SCOPE_OP);
	mark = b->size;
	aml_path(b, path);
	return mark;
}

size_t aml_device(struct buffer *b, const char *name)
{
	size_t mark;

	buffer_u8(b, EXTENDED_PREFIX);
	buffer_u8(b, DEVICE_OP);
	mark = b->size;
	aml_path(b, name);
	return mark;
}

size_t aml_method(struct buffer *b, const char *name, unsigned int arguments, bool serialized)
{
	size_t mark;

	buffer_u8(b, METHOD_OP);
	mark = b->size;
	aml_path(b, name);
	buffer_u8(b, (uint8_t)(arguments | (serialized ? 8 : 0)));
	return mark;
}

size_t aml_package(struct buffer *b, uint8_t elements)
{
	size_t mark;

	buffer_u8(b, PACKAGE_OP);
	mark = b->size;
	buffer_u8(b, elements);
	return mark;
}

size_t aml_if(struct buffer *b)
{
	buffer_u8(b, IF_OP);
	return b->size;
}

size_t aml_else(struct buffer *b)
{
	buffer_u8(b, ELSE_OP);
	return b->size;
}

/*
 * PkgLength counts itself (20.2.4): one byte up to 63, else the low nibble and up to three bytes
 * more, their number in bits 7:6.
 */
void aml_end(struct buffer *b, size_t mark)
{
	uint8_t length[4];
	size_t content = b->size - mark, size = 1;

	if (content + 1 > 0x3f)
		for (size = 2; size < 4 && (content + size) >> (4 + 8 * (size - 1)); size++)
			;
	if (content + size >= 1u << 28)
		abort(); /* larger than AML can say: hvcc never builds such a table */
	content += size;
	if (size == 1) {
		length[0] = (uint8_t)content;
	} else {
		length[0] = (uint8_t)((size - 1) << 6 | (content & 0xf));
		for (size_t i = 1; i < size; i++)
			length[i] = (uint8_t)(content >> (4 + 8 * (i - 1)));
	}
	buffer_insert(b, mark, length, size);
}

void aml_argument(struct buffer *b, unsigned int number)
{
	buffer_u8(b, (uint8_t)(ARG0_OP + number));
}

void aml_local(struct buffer *b, unsigned int number)
{
	buffer_u8(b, (uint8_t)(LOCAL0_OP + number));
}

void aml_return(struct buffer *b)
{
	buffer_u8(b, RETURN_OP);
}

void aml_equal(struct buffer *b)
{
	buffer_u8(b, LEQUAL_OP);
}

void aml_or(struct buffer *b)
{
	buffer_u8(b, OR_OP);
}

void aml_create_dword(struct buffer *b)
{
	buffer_u8(b, CREATE_DWORD_FIELD_OP);
}

/* ----------------------------------------------------------------------- resource descriptors */

/* 6.4.2.5 "I/O Port Descriptor". */
void resource_io(struct buffer *r, uint16_t base, uint8_t length)
{
	buffer_u8(r, 0x47);
	buffer_u8(r, 1); /* decodes 16 bits */
	buffer_u16(r, base);
	buffer_u16(r, base);
	buffer_u8(r, 1); /* alignment */
	buffer_u8(r, length);
}

/* 6.4.2.1 "IRQ Descriptor", the form without flags: edge, active high, exclusive. */
void resource_irq(struct buffer *r, unsigned int irq)
{
	buffer_u8(r, 0x22);
	buffer_u16(r, (uint16_t)(1u << irq));
}

/* 6.4.3.4 "32-Bit Fixed Memory Range Descriptor". */
void resource_memory32(struct buffer *r, uint32_t base, uint32_t size, bool writable)
{
	buffer_u8(r, 0x86);
	buffer_u16(r, 9);
	buffer_u8(r, writable);
	buffer_u32(r, base);
	buffer_u32(r, size);
}

/* 6.4.3.5 "Address Space Resource Descriptors": what the three widths share. */
static void address_space(struct buffer *r, uint8_t tag, uint16_t length, enum resource_space space)
{
	static const uint8_t type_flags[] = {
		[RESOURCE_MEMORY] = 0x01, /* read-write, not cacheable */
		[RESOURCE_IO] = 0x03,	  /* ISA and other ranges: the whole */
		[RESOURCE_BUS] = 0x00,
	};

	buffer_u8(r, tag);
	buffer_u16(r, length);
	buffer_u8(r, space);
	buffer_u8(r, 0x0c); /* minimum and maximum fixed, positive decode, producer */
	buffer_u8(r, type_flags[space]);
}

void resource_word(struct buffer *r, enum resource_space space, uint16_t base, uint32_t size)
{
	address_space(r, 0x88, 13, space);
	buffer_u16(r, 0); /* granularity */
	buffer_u16(r, base);
	buffer_u16(r, (uint16_t)(base + size - 1));
	buffer_u16(r, 0); /* translation */
	buffer_u16(r, (uint16_t)size);
}

void resource_dword_memory(struct buffer *r, uint32_t base, uint32_t size)
{
	address_space(r, 0x87, 23, RESOURCE_MEMORY);
	buffer_u32(r, 0);
	buffer_u32(r, base);
	buffer_u32(r, base + size - 1);
	buffer_u32(r, 0);
	buffer_u32(r, size);
}

static void qword_range(struct buffer *r, uint64_t base, uint64_t size)
{
	buffer_u64(r, 0);
	buffer_u64(r, base);
	buffer_u64(r, base + size - 1);
	buffer_u64(r, 0);
	buffer_u64(r, size);
}

void resource_qword_memory(struct buffer *r, uint64_t base, uint64_t size)
{
	address_space(r, 0x8a, 43, RESOURCE_MEMORY);
	qword_range(r, base, size);
}

void resource_memory64(struct buffer *r, uint64_t base, uint64_t size, bool writable)
{
	buffer_u8(r, 0x8a);
	buffer_u16(r, 43);
	buffer_u8(r, RESOURCE_MEMORY);
	buffer_u8(r, 0x0d);		/* minimum and maximum fixed, positive decode, consumer */
	buffer_u8(r, 0x02 | writable); /* cacheable */
	qword_range(r, base, size);
}

/* 6.4.2.9 "End Tag": a checksum of zero means that there is none; the table has its own. */
void aml_crs(struct buffer *b, struct buffer *resources)
{
	buffer_u8(resources, 0x79);
	buffer_u8(resources, 0);
	aml_name(b, "_CRS");
	aml_bytes(b, resources->data, resources->size);
	buffer_free(resources);
}
