/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's facts, part by part, and what was missing. */
#include "probe/probe.h"

#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <string.h>

/* A strange tree could have a note a byte. */
#define MOST_NOTES 100

void probe_note(struct probe *p, const char *what, const char *format, ...)
{
	va_list arguments;
	const char *text;

	if (p->notes.count == MOST_NOTES)
		return;
	va_start(arguments, format);
	text = arena_vprintf(p->arena, format, arguments);
	va_end(arguments);
	diag_report(p->diags, PROBE_NOTE, ((struct position){ 0 }), what, text);
	vector_push(p->arena, &p->notes, arena_printf(p->arena, "%s: %s", what, text));
}

/* A host name becomes a name of the form: what does not fit becomes `-`. */
static const char *machine_name(struct probe *p)
{
	const char *host = tree_line(p->tree, "proc/sys/kernel/hostname");
	char *name = arena_strdup(p->arena, host ? host : "machine");

	for (char *c = name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *c))
			*c = '-';
	if ((*name | 32) < 'a' || (*name | 32) > 'z')
		name = arena_printf(p->arena, "m%s", name);
	if (strlen(name) > 63)
		name[63] = 0;
	return name;
}

void probe_platform(struct probe *p)
{
	struct platform *platform = p->platform;

	FOUND(platform->name, p->name ? p->name : machine_name(p));
	FOUND(platform->probe.revision, PROBE_REVISION);
	platform->probe.kernel.value = tree_line(p->tree, "proc/sys/kernel/osrelease");
	platform->probe.vendor.value = tree_line(p->tree, "sys/class/dmi/id/sys_vendor");
	platform->probe.product.value = tree_line(p->tree, "sys/class/dmi/id/product_name");
	probe_memory(p);
	probe_acpi(p);
	probe_cpu(p);
	probe_pci(p);
	probe_iommu(p);
}

const char *probe_hash(struct arena *arena, const void *text, size_t size)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char *digits = arena_alloc(arena, 2 * sizeof(hash) + 1);

	crypto_hash_sha256(hash, text, size);
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(digits + 2 * i, 3, "%02x", hash[i]);
	return digits;
}
