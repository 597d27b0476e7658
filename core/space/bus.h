/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bus of a guest: which handler answers a port, an MMIO address or an MSR. Ranges are added while
 * the guest is built, sorted by bus_seal(), and only read afterwards, so that a look-up needs no
 * lock.
 */
#ifndef CORE_SPACE_BUS_H
#define CORE_SPACE_BUS_H

#include "lib/status.h"
#include "lib/types.h"

struct vcpu;

/* One access of a guest; never wider than 8 bytes. A wider or split one arrives as several. */
struct bus_access {
	struct vcpu *vcpu; /* who does it */
	uint64_t address;  /* port, guest physical address or MSR number */
	uint64_t value;    /* written; or read, zero-extended to `size` */
	uint8_t size;      /* 1, 2, 4, 8 bytes; MSRs: 8 */
	bool write;
};

enum access_result {
	ACCESS_DONE,
	ACCESS_NONE,  /* nothing answers: reads all ones, writes vanish; an MSR: as unlisted */
	ACCESS_FAULT, /* the guest gets #GP(0) */
	ACCESS_STOP,  /* this guest is stopped; the handler has logged why */
};

typedef enum access_result bus_handler(void *context, struct bus_access *access);

enum bus_flags {
	BUS_LOCKED = 1u << 0, /* call it with the device lock of the VM held */
};

struct bus_range {
	uint64_t first, last; /* inclusive */
	bus_handler *handler;
	void *context;
	const char *name;  /* for messages */
	uint32_t position; /* YAML position of what declared it */
	uint32_t flags;    /* enum bus_flags */
};

#define BUS_RANGES 48

struct bus {
	const char *name; /* "port", "MMIO", "MSR" */
	uint32_t count;
	bool sealed;
	struct bus_range ranges[BUS_RANGES];
};

/* Adds a copy of *range. STATUS_EXISTS when it overlaps one that is there, STATUS_NO_MEMORY when
 * the bus is full, STATUS_DENIED after bus_seal(). */
MUST_USE enum status bus_add(struct bus *bus, const struct bus_range *range);

/* Sorts the ranges; from here on the bus is read-only. */
void bus_seal(struct bus *bus);

/* As bus_find(), looking first at ranges[*hint], and leaving there what it found: one hint a vCPU
 * and bus. */
const struct bus_range *bus_find_near(const struct bus *bus, uint64_t address, uint32_t size,
				      uint32_t *hint);

/* The range that holds all of [address, address + size), or NULL. */
const struct bus_range *bus_find(const struct bus *bus, uint64_t address, uint32_t size);

#endif
