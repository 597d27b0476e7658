/* SPDX-License-Identifier: Apache-2.0 */
/* Each record of schema/hvblob.h as a table of fields: how a person reads it. */
#ifndef HVCC_EMIT_RECORD_H
#define HVCC_EMIT_RECORD_H

#include <stdint.h>

#include "schema/hvblob.h"

enum field_kind {
	FIELD_NUMBER,	/* decimal; HV_NONE of a 32-bit field is "none" */
	FIELD_HEX,	/* addresses, masks */
	FIELD_STRING,	/* offset into the strings */
	FIELD_POSITION, /* index into the positions */
	FIELD_RUN,	/* struct hv_run of the section in `of` */
	FIELD_WORD,	/* one of `words` */
	FIELD_FLAGS,	/* bit n is words[n] */
	FIELD_HASH,	/* bytes */
	FIELD_EVENT,	/* struct hv_event */
	FIELD_SEGMENT,	/* struct hv_segment */
};

struct record_field {
	const char *name;
	uint16_t offset;
	uint16_t size; /* of one element */
	uint8_t count; /* elements */
	uint8_t kind;  /* enum field_kind */
	uint8_t of;    /* enum hv_section_id, FIELD_RUN */
	const char *const *words; /* FIELD_WORD, FIELD_FLAGS: ends with NULL */
};

struct record_type {
	const char *section; /* as `hvcc inspect` names it */
	uint32_t size;
	const struct record_field *fields; /* ends with name NULL; NULL: no records to show */
};

extern const struct record_type record_types[HV_SECTION_USED];

#endif
