/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests of a system have in common: memory, networks, host CPUs, and who manages whom. Each part begins
 * with its `where`; parts.c says which key is which field.
 */
#ifndef HVCC_MODEL_SHARE_H
#define HVCC_MODEL_SHARE_H

#include "model/field.h"
#include "model_enums.h"

struct member {
	struct where where;
	FIELD(const char *) guest; /* its name: the key */
	FIELD(enum access) access;
};

struct shmem_region {
	struct where where;
	FIELD(const char *) name;
	FIELD(uint64_t) size;
	VECTOR(struct member) members;
};

struct network {
	struct where where;
	FIELD(const char *) name;
	FIELD(uint32_t) mtu;
};

/* Times in microseconds. */
struct slot {
	struct where where;
	FIELD(uint32_t) start; /* from the beginning of the frame */
	FIELD(uint32_t) length;
	FIELD(const char *) guest;
	FIELD(uint32_t) vcpu;
};

struct schedule_table {
	struct where where;
	FIELD(uint32_t) cpu; /* host CPU in MADT order */
	FIELD(uint32_t) major_frame;
	VECTOR(struct slot) slots;
};

struct system_scheduling {
	struct where where;
	VECTOR(struct schedule_table) tables;
};

struct managed {
	struct where where;
	FIELD(const char *) guest;
};

struct control {
	struct where where;
	FIELD(const char *) guest;
	VECTOR(struct managed) over; /* none: all others */
	FIELD(uint32_t) rights;	     /* bit n: enum control_right n */
};

struct signing {
	struct where where;
	struct file_name key;
};

/* Parts of `bind`. */
struct bound_device {
	struct where where;
	FIELD(const char *) id; /* the key */
	FIELD(const char *) host;
};

struct bound_range {
	struct where where;
	FIELD(uint64_t) host;
	FIELD(uint64_t) size;
};

#endif
