/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command line asks of Linux, against the guest: words that take from the kernel what the file
 * gives to it, or name what is not there. A row a parameter (Linux, admin-guide/kernel-parameters.rst);
 * all are warnings, since kernels differ, and may be told things on purpose.
 */
#include "check/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

struct word {
	const struct check_context *check;
	const char *text; /* "maxcpus=2" */
	const char *value; /* "2"; "" for a word without one */
	struct position at;
};

static const struct guest *guest_of(const struct word *word)
{
	return word->check->guest;
}

static uint32_t vcpus_of(const struct word *word)
{
	return guest_of(word)->vcpus.count.value;
}

/* The place that says how many vCPUs there are. */
static void note_vcpus(struct diag *d, const struct word *word)
{
	const struct vcpus *vcpus = &guest_of(word)->vcpus;

	if (was_set(vcpus->count.where))
		diag_note(d, vcpus->count.where.at, "count set here");
	else if (was_set(vcpus->topology.where))
		diag_note(d, vcpus->topology.where.at, "the topology");
}

static void report_cpus(const struct word *word, uint64_t used)
{
	if (used < vcpus_of(word))
		note_vcpus(diag_report(word->check->diags, CMDLINE_CPUS, word->at, word->text,
				       (uint32_t)used, vcpus_of(word)),
			   word);
}

/* maxcpus=0 is nosmp. */
static void look_cpus(const struct word *word)
{
	unsigned long long used = strtoull(word->value, NULL, 0);

	report_cpus(word, used ? used : 1);
}

static void look_one_cpu(const struct word *word)
{
	report_cpus(word, 1);
}

/* A number and K, M, G or T; 0 when that is not what it is. */
static uint64_t size_of(const char *text, const char **end)
{
	static const char suffixes[] = "KMGT";
	char *behind;
	uint64_t size = strtoull(text, &behind, 0);
	const char *suffix = *behind ? strchr(suffixes, toupper((unsigned char)*behind)) : NULL;

	*end = behind + (suffix != NULL);
	return suffix ? size << 10 * (suffix - suffixes + 1) : size;
}

static void note_memory(struct diag *d, const struct word *word)
{
	const struct memory *memory = &guest_of(word)->memory;

	if (was_set(memory->size.where))
		diag_note(d, memory->size.where.at, "RAM of the guest");
}

/* `mem=512M`; what has more behind it, such as `mem=nopentium`, is something else. */
static void look_memory(const struct word *word)
{
	uint64_t memory = guest_of(word)->memory.size.value, used;
	char used_text[32], memory_text[32];
	const char *end;

	used = size_of(word->value, &end);
	if (!used || *end || used >= memory)
		return;
	note_memory(diag_report(word->check->diags, CMDLINE_MEMORY, word->at, word->text,
				unit_text(size_units, used, used_text, sizeof(used_text)),
				unit_text(size_units, memory, memory_text, sizeof(memory_text))),
		    word);
}

/* `crashkernel=256M@16M`; lists by size of RAM are for people. */
static void look_crashkernel(const struct word *word)
{
	const char *end;
	uint64_t size = size_of(word->value, &end);

	if (size && (!*end || *end == '@' || *end == ',') && size >= guest_of(word)->memory.size.value)
		note_memory(diag_report(word->check->diags, CMDLINE_RESERVE, word->at, word->text),
			    word);
}

/* Pages of 2 MiB: what comes with another size before it is not told apart. */
static void look_hugepages(const struct word *word)
{
	uint64_t pages = strtoull(word->value, NULL, 0);

	if (pages > guest_of(word)->memory.size.value >> 21)
		note_memory(diag_report(word->check->diags, CMDLINE_RESERVE, word->at, word->text),
			    word);
}

static void look_no_lapic(const struct word *word)
{
	look_one_cpu(word);
}

static void look_no_ioapic(const struct word *word)
{
	const struct timers *timers = &guest_of(word)->timers;
	struct diag *d;

	if (timers->present[TIMER_PIT])
		return;
	d = diag_report(word->check->diags, CMDLINE_NO_IOAPIC, word->at, word->text);
	diag_help(d, "leave it out, or set `timers: [pit]`, which brings the 8259 pair");
}

static void look_acpi(const struct word *word)
{
	if (!strcmp(word->value, "off") || !strcmp(word->value, "ht"))
		diag_report(word->check->diags, CMDLINE_NO_ACPI, word->at, word->text);
}

static void look_no_x2apic(const struct word *word)
{
	const struct apic *apic = &guest_of(word)->vcpus.apic;

	if (apic->mode.value == APIC_MODE_X2APIC && was_set(apic->mode.where))
		diag_note(diag_report(word->check->diags, CMDLINE_NO_X2APIC, word->at, word->text),
			  apic->mode.where.at, "x2APIC asked for here");
}

static void look_numa(const struct word *word)
{
	const struct memory *memory = &guest_of(word)->memory;

	if (memory->numa.count && (!strcmp(word->value, "off") || !strcmp(word->value, "noacpi")))
		diag_note(diag_report(word->check->diags, CMDLINE_NO_NUMA, word->at, word->text),
			  memory->numa.items[0].where.at, "the first node");
}

static bool has_disk(const struct guest *guest)
{
	const struct devices *devices = &guest->devices;

	for (size_t i = 0; i < devices->virtio.count; i++)
		if (devices->virtio.items[i].type.value == VIRTIO_TYPE_BLK)
			return true;
	return devices->pci.count || guest->memory.nvdimm.count;
}

/* A root that is no network and no memory needs a disk, or an initrd that knows better. */
static void look_root(const struct word *word)
{
	static const char *const others[] = { "/dev/nfs", "/dev/ram", "/dev/cifs", "9p", "virtiofs" };
	const struct boot *boot = &guest_of(word)->boot;

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strncmp(word->value, others[i], strlen(others[i])))
			return;
	if (boot->initrd.value || boot->modules.count || has_disk(guest_of(word)))
		return;
	diag_help(diag_report(word->check->diags, CMDLINE_ROOT, word->at, word->text),
		  "give `boot.initrd`, or a disk");
}

static bool has_serial_at(const struct guest *guest, uint64_t port)
{
	for (size_t i = 0; i < guest->devices.serial.count; i++)
		if (guest->devices.serial.items[i].io.value == port)
			return true;
	return false;
}

/* earlycon=uart8250,io,0x3f8; earlyprintk=serial,0x3f8 and earlyprintk=serial,ttyS0 */
static void look_early(const struct word *word)
{
	static const uint32_t usual[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	const char *port = strstr(word->value, "0x"), *line = strstr(word->value, "ttyS");
	uint64_t address = port && !strstr(word->value, "mmio") ? strtoull(port, NULL, 16) :
			   line && line[4] >= '0' && line[4] <= '3' ? usual[line[4] - '0'] :
								      0;

	if (address && !has_serial_at(guest_of(word), address))
		diag_report(word->check->diags, CMDLINE_EARLY, word->at, word->text,
			    (uint32_t)address);
}

/* Without a value, the port is that of the SPCR table, which is about the first serial port. */
static void look_table_console(const struct word *word)
{
	if (!guest_of(word)->devices.serial.count)
		diag_help(diag_report(word->check->diags, CMDLINE_SPCR, word->at, word->text),
			  "add `devices: { serial: [ { id: com1 } ] }`");
}

/* Ways to reboot are told by their first letters: kernel/reboot.c of Linux. */
static void look_reboot(const struct word *word)
{
	const struct event *event = &guest_of(word)->events.on_crash;
	struct diag *d;

	for (const char *way = word->value; way; way = strchr(way, ',')) {
		way += *way == ',';
		if (*way != 't')
			continue;
		d = diag_report(word->check->diags, CMDLINE_TRIPLE, word->at, word->text);
		if (was_set(event->where))
			diag_note(d, event->where.at, "what is done then");
		diag_help(d, "take it out: the guest has the reset register of ACPI, which Linux uses by itself");
	}
}

static void look_clocksource(const struct word *word)
{
	const struct guest *guest = guest_of(word);
	struct diag *d = NULL;

	if (!strcmp(word->value, "kvm-clock") && !guest->pv.interfaces.count) {
		d = diag_report(word->check->diags, CMDLINE_CLOCK, word->at, word->text);
		diag_note(d, guest->pv.where.at, "without the KVM interface");
	} else if (!strcmp(word->value, "hpet") && !guest->timers.present[TIMER_HPET]) {
		d = diag_report(word->check->diags, CMDLINE_CLOCK, word->at, word->text);
		diag_help(d, "set `timers: [hpet]`");
	}
}

/* Some processor must do what is nobody's: Linux leaves the list aside, or takes the boot processor. */
static void look_housekeeper(const struct word *word, const struct number_list *list)
{
	if (!strncmp(word->text, "irqaffinity=", 12))
		return;
	for (uint32_t cpu = 0; cpu < vcpus_of(word); cpu++)
		if (!number_list_has(list, cpu))
			return;
	note_vcpus(diag_report(word->check->diags, CMDLINE_NO_HOUSEKEEPER, word->at, word->text), word);
}

/* `isolcpus=managed_irq,domain,1-3`: words first, then a list; strides and `all` are left alone. */
static void look_cpu_list(const struct word *word)
{
	struct number_list list = { 0 };
	const char *text = word->value + strcspn(word->value, "0123456789");

	if (strspn(text, "0123456789,-") != strlen(text) || !*text)
		return;
	number_list_read(word->check->system->arena, text, &list);
	look_housekeeper(word, &list);
	for (size_t i = 0; i < list.ranges.count; i++) {
		struct number_range range = list.ranges.items[i];

		if (range.last < vcpus_of(word))
			continue;
		note_vcpus(diag_report(word->check->diags, CMDLINE_NO_CPU, word->at, word->text,
				       range.last, vcpus_of(word)),
			   word);
		return;
	}
}

static void look_noinitrd(const struct word *word)
{
	const struct file_name *initrd = &guest_of(word)->boot.initrd;

	if (initrd->value)
		diag_note(diag_report(word->check->diags, CMDLINE_NO_INITRD, word->at, word->text),
			  initrd->where.at, "the initrd");
}

static void look_init(const struct word *word)
{
	if (word->value[0] != '/')
		diag_report(word->check->diags, CMDLINE_INIT, word->at, word->text);
}

static const struct rule {
	const char *name;
	void (*look)(const struct word *word); /* NULL: only that it counts once */
	bool once; /* the last one counts */
} rules[] = {
	{ "maxcpus=", look_cpus, true },
	{ "nr_cpus=", look_cpus, true },
	{ "nosmp", look_one_cpu, false },
	{ "nolapic", look_no_lapic, false },
	{ "disableapic", look_no_lapic, false },
	{ "noapic", look_no_ioapic, false },
	{ "acpi=", look_acpi, false },
	{ "nox2apic", look_no_x2apic, false },
	{ "numa=", look_numa, false },
	{ "mem=", look_memory, true },
	{ "crashkernel=", look_crashkernel, false },
	{ "hugepages=", look_hugepages, false },
	{ "root=", look_root, true },
	{ "earlycon", look_table_console, false },
	{ "earlycon=", look_early, false },
	{ "earlyprintk=", look_early, false },
	{ "clocksource=", look_clocksource, true },
	{ "isolcpus=", look_cpu_list, true },
	{ "nohz_full=", look_cpu_list, true },
	{ "rcu_nocbs=", look_cpu_list, true },
	{ "irqaffinity=", look_cpu_list, true },
	{ "noinitrd", look_noinitrd, false },
	{ "reboot=", look_reboot, false },
	{ "init=", look_init, true },
	{ "rdinit=", look_init, true },
	{ "loglevel=", NULL, true },
	{ "panic=", NULL, true },
};

enum { RULES = sizeof(rules) / sizeof(*rules) };

/* The word itself where the file has the text in one piece, else the whole text. */
static struct position place_of(const struct check_context *c, size_t offset, size_t length)
{
	const char *text = c->guest->boot.cmdline.value;
	struct position whole = c->guest->boot.cmdline.where.at;
	const struct source *source = source_get(c->system->sources, whole.file);
	size_t shift = 0;

	if (!position_known(whole) || whole.offset + whole.length > source->size)
		return whole;
	if (whole.length && strchr("\"'", source->text[whole.offset]))
		shift = 1;
	if (shift + offset + length > whole.length ||
	    memcmp(source->text + whole.offset + shift + offset, text + offset, length))
		return whole;
	return source_position(c->system->sources, whole.file, whole.offset + shift + offset, length);
}

/* Words end at white space that is in no double quotes. */
static size_t word_length(const char *text)
{
	bool quoted = false;
	size_t length;

	for (length = 0; text[length] && (quoted || !isspace((unsigned char)text[length])); length++)
		quoted ^= text[length] == '"';
	return length;
}

static bool names(const char *text, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(text, name, length) && (name[length - 1] == '=' || !text[length]);
}

static void look_at(const struct word *word, struct position seen[RULES])
{
	for (size_t i = 0; i < RULES; i++) {
		struct word named = *word;

		if (!names(word->text, rules[i].name))
			continue;
		named.value = word->text + strlen(rules[i].name);
		if (rules[i].once && position_known(seen[i]))
			diag_note(diag_report(word->check->diags, CMDLINE_TWICE, word->at,
					      (int)strlen(rules[i].name) - 1, rules[i].name),
				  seen[i], "first here");
		seen[i] = word->at;
		if (rules[i].look)
			rules[i].look(&named);
	}
}

static bool for_linux(const struct boot *boot)
{
	return boot->protocol.value == BOOT_PROTOCOL_AUTO ||
	       boot->protocol.value == BOOT_PROTOCOL_LINUX ||
	       boot->protocol.value == BOOT_PROTOCOL_PVH;
}

void check_cmdline_words(const struct check_context *c)
{
	const char *text = c->guest->boot.cmdline.value;
	struct position seen[RULES] = { { 0 } };
	size_t length;

	if (!for_linux(&c->guest->boot))
		return;
	for (size_t at = 0; text[at]; at += length) {
		struct word word = { .check = c };

		at += strspn(text + at, " \t\n");
		length = word_length(text + at);
		if (!length || !strcmp(text + at, "--") || !strncmp(text + at, "-- ", 3))
			return;
		word.text = arena_strndup(c->system->arena, text + at, length);
		word.at = place_of(c, at, length);
		look_at(&word, seen);
	}
}
