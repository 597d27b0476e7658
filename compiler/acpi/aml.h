/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acpi/: the tables a guest finds, from the lowered form; decides nothing. aml.h is the AML encoder
 * (ACPI 6.5, 20 "AML Specification"): each call appends one construct to a buffer.
 *
 *	size_t device = aml_device(b, "COM1");
 *	aml_name(b, "_HID");
 *	aml_eisaid(b, "PNP0501");
 *	aml_end(b, device);
 *
 * Constructs with a package length return a mark for aml_end(), which puts the length in; they
 * nest, the innermost ends first. Names and paths are ASL text: "\\_SB.PCI0", segments are padded.
 */
#ifndef HVCC_ACPI_AML_H
#define HVCC_ACPI_AML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* A name or path: "_CRS", "\\_SB", "^PCI0.COM1". */
void aml_path(struct buffer *b, const char *path);

/* Name (PATH, ...): the object follows. */
void aml_name(struct buffer *b, const char *path);

/* The shortest encoding of a number. */
void aml_integer(struct buffer *b, uint64_t value);
void aml_string(struct buffer *b, const char *text);
void aml_bytes(struct buffer *b, const void *bytes, size_t size); /* Buffer () { ... } */

/* EISAID ("PNP0A08"): three letters and four hexadecimal digits, as a number. */
void aml_eisaid(struct buffer *b, const char *id);

/* ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"), as a Buffer. */
void aml_uuid(struct buffer *b, const char *uuid);

size_t aml_scope(struct buffer *b, const char *path);
size_t aml_device(struct buffer *b, const char *name);
size_t aml_method(struct buffer *b, const char *name, unsigned int arguments, bool serialized);
size_t aml_package(struct buffer *b, uint8_t elements);
size_t aml_if(struct buffer *b);   /* the predicate follows, then the body */
size_t aml_else(struct buffer *b); /* directly behind an If */
void aml_end(struct buffer *b, size_t mark);

/* Terms of methods; operands follow in the order of ASL. */
void aml_argument(struct buffer *b, unsigned int number); /* Arg0 .. Arg6 */
void aml_local(struct buffer *b, unsigned int number);	  /* Local0 .. Local7 */
void aml_return(struct buffer *b);
void aml_equal(struct buffer *b);			  /* LEqual (a, b) */
void aml_or(struct buffer *b);				  /* Or (a, b, target) */
void aml_create_dword(struct buffer *b);		  /* CreateDWordField (buffer, offset), name */

/* ---- Resource descriptors (6.4 "Resource Data Types for ACPI"), collected in a buffer of their own. */

enum resource_space { RESOURCE_MEMORY = 0, RESOURCE_IO = 1, RESOURCE_BUS = 2 };

void resource_io(struct buffer *r, uint16_t base, uint8_t length); /* fixed, 16-bit decode */
void resource_irq(struct buffer *r, unsigned int irq); /* ISA: edge, active high, exclusive */
void resource_memory32(struct buffer *r, uint32_t base, uint32_t size, bool writable);

void resource_memory64(struct buffer *r, uint64_t base, uint64_t size, bool writable); /* cacheable */

/* Windows of a bridge: [base, base + size), produced, fixed at both ends. */
void resource_word(struct buffer *r, enum resource_space space, uint16_t base, uint32_t size);
void resource_dword_memory(struct buffer *r, uint32_t base, uint32_t size);
void resource_qword_memory(struct buffer *r, uint64_t base, uint64_t size);

/* Name (_CRS, ResourceTemplate () { ... }): adds the end tag and frees the descriptors. */
void aml_crs(struct buffer *b, struct buffer *resources);

#endif
