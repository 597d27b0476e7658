/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe/: the facts of a machine from what its Linux shows of it.
 *
 *     / or a folder or a tar          struct platform (model/)         hvcc/platform/v1
 *     tree.c, tar.c        --->       cpu.c acpi.c memory.c     --->   write.c
 *                                     pci.c iommu.c
 *
 * Nothing here fails: what is missing, malformed or unknown is left out and noted, in the document
 * as a comment and as a diagnostic of severity note. Input is not trusted: reads are bounded, and
 * what comes out is a document that `hvcc check` takes. The same tree gives the same document.
 */
#ifndef HVCC_PROBE_PROBE_H
#define HVCC_PROBE_PROBE_H

#include "base/buffer.h"
#include "diag/diag.h"
#include "model/model.h"
#include "probe/tree.h"

/* Rises when the probe finds more, or finds it otherwise. */
#define PROBE_REVISION 1u

struct probe {
	struct arena *arena;
	struct diags *diags; /* gets the notes */
	struct tree *tree;
	struct platform *platform;
	const char *name; /* of the machine; NULL: its host name */
	VECTOR(const char *) notes;
	VECTOR(uint32_t) domains; /* NUMA: proximity domains by node number */
	bool tables; /* ACPI tables can be read */
};

/* Fills platform from the tree; its arrays live in the arena. */
void probe_platform(struct probe *probe);

/* Appends the document, with notes as comments and the hash as its last line. */
void probe_write(const struct probe *probe, struct buffer *text);

/* SHA-256 of a text as 64 digits, from the arena. */
const char *probe_hash(struct arena *arena, const void *text, size_t size);

/* ------------------------------------------------------------------- the parts, in this order */

/* What is left out and why: "tsc-khz", "no CPUID leaf 0x15 ...". */
void probe_note(struct probe *probe, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void probe_memory(struct probe *probe); /* memory map */
void probe_acpi(struct probe *probe);	/* MADT, SRAT, SLIT, MCFG, HPET, FADT, DSDT, NFIT */
void probe_cpu(struct probe *probe);	/* processor, its CPUs, EPC, TSC */
void probe_pci(struct probe *probe);	/* functions, serial ports */
void probe_iommu(struct probe *probe);	/* DMAR, IVRS: names functions of probe_pci() */

/* An ACPI table, its length and sum tested; false when there is none. */
bool probe_table(struct probe *probe, const char *signature, struct bytes *table);

/* Whether a range can be a physical one, as the schema limits it. */
bool probe_fits(uint64_t base, uint64_t size);

/* A value that was found. */
#define FOUND(field, value_)                                                                       \
	((field).value = (__typeof__((field).value))(value_), (field).where.origin = ORIGIN_SET)

#endif
