/* SPDX-License-Identifier: Apache-2.0 */
/* What all ACPI tables share: the header, the checksum, generic addresses. */
#ifndef HVCC_ACPI_TABLE_H
#define HVCC_ACPI_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "lower/lowered.h"

/* Where the tables lie that others point to; zero while only sizes are wanted. */
struct table_places {
	uint64_t xsdt, dsdt, facs;
	const uint64_t *listed; /* what the XSDT lists, in order */
	size_t listed_count;
};

/*
 * One table: whether the guest has it, and its maker. A maker appends the finished table to an
 * empty buffer; its size must not depend on the places.
 */
struct table_row {
	const char *signature;
	bool listed; /* in the XSDT */
	bool (*wanted)(const struct lowered *guest); /* NULL: always */
	void (*build)(const struct lowered *guest, const struct table_places *places,
		      struct buffer *table);
};

/* The 36-byte header (ACPI 6.5, 5.2.6 "System Description Table Header"); length and sum come last. */
void table_begin(struct buffer *table, const struct lowered *guest, const char *signature,
		 uint8_t revision);
void table_end(struct buffer *table);

/* Sum of all bytes, modulo 256: zero in a good table. */
uint8_t table_sum(const uint8_t *data, size_t size);

/* 5.2.3.2 "Generic Address Structure"; access is the width of one access in bits, 0: undefined. */
enum address_space { ADDRESS_MEMORY = 0, ADDRESS_IO = 1 };
void table_address(struct buffer *table, enum address_space space, uint8_t bits, uint8_t access,
		   uint64_t address);

/* The xAPIC forms of MADT and SRAT have eight bits for the id and for the processor's UID. */
bool table_fits_xapic(const struct lowered *guest, uint32_t cpu);

/* The guest's first device of a kind, or NULL. */
const struct lowered_device *table_device(const struct lowered *guest, enum hv_device_kind kind);

void build_rsdp(const struct lowered *, const struct table_places *, struct buffer *);
void build_xsdt(const struct lowered *, const struct table_places *, struct buffer *);
void build_fadt(const struct lowered *, const struct table_places *, struct buffer *);
void build_facs(const struct lowered *, const struct table_places *, struct buffer *);
void build_dsdt(const struct lowered *, const struct table_places *, struct buffer *);
void build_madt(const struct lowered *, const struct table_places *, struct buffer *);
void build_mcfg(const struct lowered *, const struct table_places *, struct buffer *);
void build_hpet(const struct lowered *, const struct table_places *, struct buffer *);
void build_srat(const struct lowered *, const struct table_places *, struct buffer *);
void build_slit(const struct lowered *, const struct table_places *, struct buffer *);
void build_pptt(const struct lowered *, const struct table_places *, struct buffer *);
void build_spcr(const struct lowered *, const struct table_places *, struct buffer *);
void build_wdat(const struct lowered *, const struct table_places *, struct buffer *);
void build_waet(const struct lowered *, const struct table_places *, struct buffer *);

#endif
