/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lowering passes, in the order in which they run (passes.c). A pass reports what it finds
 * through the context's diagnostics and goes on where it can; after a pass that reported an error
 * the remaining ones do not run. Its `check` re-derives what later passes rely on: a failure there
 * is a fault of hvcc (exit 70), never of the input.
 */
#ifndef HVCC_LOWER_PASS_H
#define HVCC_LOWER_PASS_H

#include <stdbool.h>

#include "lower/lowered.h"

struct diags;  /* diag/diag.h */
struct system; /* model/model.h */

struct kernel_config { /* of a vmlinux */
	const uint8_t *kernel; /* its first byte */
	struct bytes text;     /* empty: it carries none */
};

struct lower_context {
	struct arena *arena;
	struct diags *diags;
	const struct system *model;
	struct lowered_system *system;
	VECTOR(struct lowered_payload) files; /* each file is read once */
	VECTOR(struct kernel_config) configs; /* and each configuration */
	bool only_files; /* see lower_files() */
};

struct pass {
	const char *name;
	void (*run)(struct lower_context *context, struct lowered *guest); /* each guest */
	bool (*check)(const struct lowered *guest); /* NULL: nothing to re-derive */
	bool for_files; /* what a guest's files say of themselves, and whether they find room, depends on it */
};

/* The passes, each in the file of its name (those of the CPU are in lower/cpu.h). */
void pass_layout_guest(struct lower_context *context, struct lowered *guest);
void pass_layout_mmio(struct lower_context *context, struct lowered *guest);
void pass_irq(struct lower_context *context, struct lowered *guest);
void pass_pci(struct lower_context *context, struct lowered *guest);
void pass_bios(struct lower_context *context, struct lowered *guest);
void pass_acpi(struct lower_context *context, struct lowered *guest);
void pass_start(struct lower_context *context, struct lowered *guest);
void pass_guards(struct lower_context *context, struct lowered *guest);
void pass_host_memory(struct lower_context *context, struct lowered *guest);
bool check_guards(const struct lowered *guest);
/* Whether another guest's refused writes are told to this one. */
bool guest_observes(const struct system *system, const struct guest *guest);
/* Regions by address, after one was added. */
void sort_regions(struct lowered *guest);
bool check_layout_guest(const struct lowered *guest);
bool check_loads(const struct lowered *guest);

/* The host CPUs: who has which, and the tables. After the guests. */
void lower_schedule(struct lower_context *context);

/* Whether a region's addresses in guest and machine lie differently in 2 MiB, so that its pages are of 4 KiB. */
bool region_is_skewed(const struct hv_region *region);
/* Reports it when what `bind` leaves of the machine's RAM has no piece of that size for the core. */
void check_core_room(struct lower_context *context, uint64_t pool_bytes);
/* The same for what lies where a loader puts the image, [base, base + size). */
void check_image_room(struct lower_context *context, uint64_t base, uint64_t size);

/* shmem.c: the shares of the system; a guest's windows as regions of its memory, and as devices. */
void lower_shares(struct lower_context *context);
void add_window_regions(struct lower_context *context, struct lowered *guest);
void add_windows(struct lower_context *context, struct lowered *guest);
void lower_ivshmem(struct lower_context *context, struct lowered *guest); /* needs the windows of PCI */

/* What belongs to no guest: the core's pool, console, power. Runs last. */
void layout_host(struct lower_context *context);
/* Whether the machine has room for that pool, once nothing else is wrong. */
void check_pool(struct lower_context *context);

/*
 * Lowers the whole system. Returns false when there were errors (reported); the lowered form then
 * is incomplete and must not be emitted.
 */
bool lower_system(struct lower_context *context);

/* The tables of host CPUs alone, of the model alone. Returns false when there were errors. */
bool lower_tables(struct lower_context *context);

/*
 * Reads the files that guests name, their headers only, and sees whether they find room: the passes
 * that this takes, and no more. What lower_system() would say of the files, damage inside compressed
 * parts apart, is reported. Returns false when there were errors.
 */
bool lower_files(struct lower_context *context);

#endif
