/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor by CPUID, and where its CPUs are. CPUID is asked on CPU 0: by /dev/cpu/0/cpuid where
 * the machine has it, else by the instruction. A captured tree has the answers in a file of its own;
 * without one, /proc/cpuinfo has to do. SDM v2 "CPUID", APM v3 appendix E.
 */
#include "probe/probe.h"

#include <cpuid.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where a captured tree keeps them: lines of hexadecimal numbers. */
static const char cpuid_file[] = "hvcc/cpuid", msr_file[] = "hvcc/msr";

enum { EAX, EBX, ECX, EDX, MOST_LEAVES = 1024, MOST_MSRS = 256 };

/* ------------------------------------------------------------------------ asking the processor */

struct asker {
	int device; /* /dev/cpu/0/cpuid, or -1 */
	struct buffer text;
};

static void ask(const struct asker *a, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	off_t at = (off_t)((uint64_t)subleaf << 32 | leaf);

	if (a->device >= 0 && pread(a->device, r, 16, at) == 16)
		return;
	__cpuid_count(leaf, subleaf, r[EAX], r[EBX], r[ECX], r[EDX]);
}

static void keep_leaf(struct asker *a, uint32_t leaf, uint32_t subleaf, const uint32_t r[4])
{
	char line[80];
	int length;

	if (!r[EAX] && !r[EBX] && !r[ECX] && !r[EDX])
		return;
	length = snprintf(line, sizeof(line), "%x %x %x %x %x %x\n", leaf, subleaf, r[EAX], r[EBX], r[ECX], r[EDX]);
	buffer_bytes(&a->text, line, (size_t)length);
}

/* How a leaf says that its sub-leaves have ended. */
enum subleaf_end {
	END_ZERO_TYPE,	/* EAX 4:0 is 0: caches, EPC sections */
	END_ZERO_LEVEL, /* ECX 15:8 is 0: topology */
	END_COUNT,	/* EAX of sub-leaf 0 is the last one */
	END_XSAVE,	/* one a bit of XCR0 and XSS */
	END_FOUR,	/* resource control: one a resource, numbered to 3 */
};

static const struct {
	uint32_t leaf;
	enum subleaf_end end;
} with_subleaves[] = {
	{ 0x4, END_ZERO_TYPE },	 { 0x7, END_COUNT },	     { 0xb, END_ZERO_LEVEL }, { 0xd, END_XSAVE },
	{ 0xf, END_FOUR },	 { 0x10, END_FOUR },	     { 0x12, END_ZERO_TYPE }, { 0x14, END_COUNT },
	{ 0x17, END_COUNT },	 { 0x18, END_COUNT },	     { 0x1d, END_COUNT },     { 0x1f, END_ZERO_LEVEL },
	{ 0x8000001d, END_ZERO_TYPE }, { 0x80000020, END_FOUR }, { 0x80000026, END_ZERO_LEVEL },
};

static bool is_last(enum subleaf_end end, uint32_t subleaf, const uint32_t r[4], uint32_t first)
{
	switch (end) {
	case END_ZERO_TYPE:
		return subleaf >= 2 && !(r[EAX] & 0x1f);
	case END_ZERO_LEVEL:
		return !(r[ECX] & 0xff00);
	case END_COUNT:
		return subleaf >= first;
	case END_XSAVE:
		return false;
	default:
		return subleaf == 3;
	}
}

static void ask_leaf(struct asker *a, uint32_t leaf)
{
	size_t count = sizeof(with_subleaves) / sizeof(*with_subleaves), i;
	uint32_t r[4], first;

	ask(a, leaf, 0, r);
	keep_leaf(a, leaf, 0, r);
	first = r[EAX];
	for (i = 0; i < count && with_subleaves[i].leaf != leaf; i++)
		;
	if (i == count)
		return;
	for (uint32_t subleaf = 1; subleaf < 64 && !is_last(with_subleaves[i].end, subleaf - 1, r, first); subleaf++) {
		ask(a, leaf, subleaf, r);
		keep_leaf(a, leaf, subleaf, r);
	}
}

static void ask_range(struct asker *a, uint32_t from, uint32_t most)
{
	uint32_t r[4], last;

	ask(a, from, 0, r);
	last = r[EAX];
	if (last < from || last > from + most)
		return;
	for (uint32_t leaf = from; leaf <= last; leaf++)
		ask_leaf(a, leaf);
}

/* The process moves to CPU 0 for as long: APIC ids and hybrid leaves are each CPU's own. */
static void ask_processor(struct asker *a)
{
	cpu_set_t before, first;
	uint32_t r[4];
	bool moved;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	moved = !sched_getaffinity(0, sizeof(before), &before) && !sched_setaffinity(0, sizeof(first), &first);
	ask_range(a, 0, 0x40);
	ask(a, 1, 0, r);
	if (r[ECX] >> 31)
		ask_range(a, 0x40000000, 0x20);
	ask_range(a, 0x80000000, 0x40);
	if (moved)
		sched_setaffinity(0, sizeof(before), &before);
}

/* Capabilities: feature control, ARCH_CAPABILITIES, VMX, VM_CR. SDM v4 chapter 2, APM v2 15.30. */
static const struct {
	uint32_t first, last;
} capability_msrs[] = { { 0x3a, 0x3a }, { 0x10a, 0x10a }, { 0x480, 0x491 }, { 0xc0010114, 0xc0010114 } };

static void ask_msrs(struct buffer *text)
{
	int device = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	uint64_t value;
	char line[48];

	for (size_t i = 0; device >= 0 && i < sizeof(capability_msrs) / sizeof(*capability_msrs); i++) {
		for (uint32_t msr = capability_msrs[i].first; msr <= capability_msrs[i].last; msr++) {
			if (pread(device, &value, sizeof(value), (off_t)msr) != sizeof(value))
				continue;
			buffer_bytes(text, line, (size_t)snprintf(line, sizeof(line), "%x %" PRIx64 "\n", msr, value));
		}
	}
	if (device >= 0)
		close(device);
}

/* The answers as text: from this machine, or from the tree. NULL: nobody knows. */
static const char *answers(struct probe *p, const char *file, bool cpuid)
{
	struct asker a = { .device = -1 };
	struct bytes bytes;

	if (!p->tree->live)
		return tree_read(p->tree, file, TREE_FILE, &bytes) ? (const char *)bytes.data : NULL;
	if (cpuid) {
		a.device = open("/dev/cpu/0/cpuid", O_RDONLY | O_CLOEXEC);
		ask_processor(&a);
	} else {
		ask_msrs(&a.text);
	}
	if (a.device >= 0)
		close(a.device);
	bytes.size = a.text.size;
	bytes.data = (uint8_t *)arena_strndup(p->arena, a.text.size ? (char *)a.text.data : "", a.text.size);
	buffer_free(&a.text);
	if (bytes.size)
		tree_keep(p->tree, file, bytes);
	return bytes.size ? (const char *)bytes.data : NULL;
}

static void read_cpuid(struct probe *p)
{
	struct host_processor *processor = &p->platform->processor;
	const char *line = answers(p, cpuid_file, true);
	uint32_t v[6];

	for (; line && *line && processor->cpuid.count < MOST_LEAVES; line += *line != 0) {
		if (sscanf(line, "%8x %8x %8x %8x %8x %8x", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]) == 6) {
			struct host_cpuid *leaf = vector_add(p->arena, &processor->cpuid);

			FOUND(leaf->leaf, v[0]);
			FOUND(leaf->subleaf, v[1]);
			for (size_t i = 0; i < 4; i++)
				FOUND(leaf->registers[i], v[2 + i]);
		}
		line += strcspn(line, "\n");
	}
}

static void read_msrs(struct probe *p)
{
	struct host_processor *processor = &p->platform->processor;
	const char *line = answers(p, msr_file, false);
	uint64_t value;
	uint32_t msr;

	if (!line)
		probe_note(p, "processor.msrs", "no /dev/cpu/0/msr (the kernel's module `msr`, and root)");
	for (; line && *line && processor->msrs.count < MOST_MSRS; line += *line != 0) {
		if (sscanf(line, "%8x %16" SCNx64, &msr, &value) == 2) {
			struct host_msr *item = vector_add(p->arena, &processor->msrs);

			FOUND(item->msr, msr);
			FOUND(item->value, value);
		}
		line += strcspn(line, "\n");
	}
}

/* ------------------------------------------------------------------------- what it comes to */

static void set_vendor(struct host_processor *processor, const char *name)
{
	static const struct {
		const char *name;
		enum processor_vendor vendor;
	} vendors[] = {
		{ "GenuineIntel", PROCESSOR_VENDOR_INTEL },
		{ "AuthenticAMD", PROCESSOR_VENDOR_AMD },
		{ "HygonGenuine", PROCESSOR_VENDOR_AMD },
	};

	FOUND(processor->vendor, PROCESSOR_VENDOR_OTHER);
	for (size_t i = 0; i < sizeof(vendors) / sizeof(*vendors); i++)
		if (!strcmp(name, vendors[i].name))
			FOUND(processor->vendor, vendors[i].vendor);
}

/* CPUID 1 EAX: extended family and model count where the short ones are at their ends. */
static void set_signature(struct host_processor *processor, uint32_t eax)
{
	uint32_t family = eax >> 8 & 15, model = eax >> 4 & 15;

	if (family == 6 || family == 15)
		model |= eax >> 12 & 0xf0;
	if (family == 15)
		family += eax >> 20 & 0xff;
	FOUND(processor->family, family);
	FOUND(processor->model, model);
	FOUND(processor->stepping, eax & 15);
}

static void set_widths(struct host_processor *processor, uint64_t physical, uint64_t linear)
{
	if (physical >= 32 && physical <= 52)
		FOUND(processor->physical_bits, physical);
	if (linear >= 32 && linear <= 57)
		FOUND(processor->linear_bits, linear);
}

/* Without the spaces that surround it in the registers. */
static const char *trimmed(struct arena *arena, const char *text, size_t most)
{
	size_t length = strnlen(text, most);

	for (; length && *text == ' '; length--)
		text++;
	while (length && text[length - 1] == ' ')
		length--;
	return length ? arena_strndup(arena, text, length) : NULL;
}

static void use_cpuid(struct probe *p)
{
	struct host_processor *processor = &p->platform->processor;
	char text[49] = "";
	uint32_t r[4];

	platform_cpuid(p->platform, 0, 0, r);
	memcpy(text, &r[EBX], 4);
	memcpy(text + 4, &r[EDX], 4);
	memcpy(text + 8, &r[ECX], 4);
	set_vendor(processor, text);
	platform_cpuid(p->platform, 1, 0, r);
	set_signature(processor, r[EAX]);
	platform_cpuid(p->platform, 0x80000008, 0, r);
	set_widths(processor, r[EAX] & 0xff, r[EAX] >> 8 & 0xff);
	for (uint32_t i = 0; i < 3; i++) {
		platform_cpuid(p->platform, 0x80000002 + i, 0, r);
		memcpy(text + (size_t)16 * i, r, 16);
	}
	processor->brand.value = trimmed(p->arena, text, 48);
}

/* EPC sections, CPUID 0x12 from sub-leaf 2 on (SDM v3 "Enumeration of SGX"). */
static void find_epc(struct probe *p)
{
	struct platform *platform = p->platform;
	uint32_t r[4];

	platform->epc_known.origin = ORIGIN_SET;
	for (uint32_t i = 2; i < 64; i++) {
		uint64_t base, size;
		struct host_range *range;

		platform_cpuid(platform, 0x12, i, r);
		base = (uint64_t)(r[EBX] & 0xfffff) << 32 | (r[EAX] & 0xfffff000);
		size = (uint64_t)(r[EDX] & 0xfffff) << 32 | (r[ECX] & 0xfffff000);
		if ((r[EAX] & 15) != 1 || !probe_fits(base, size))
			continue;
		range = vector_add(p->arena, &platform->epc);
		FOUND(range->base, base);
		FOUND(range->size, size);
	}
}

/* Crystal and ratio of leaf 0x15 (SDM v2), or what a hypervisor says in its leaf 0x40000010. */
static void find_tsc(struct probe *p)
{
	uint64_t khz = 0;
	uint32_t r[4];

	platform_cpuid(p->platform, 0x15, 0, r);
	if (r[EAX] && r[EBX] && r[ECX])
		khz = (uint64_t)r[ECX] * r[EBX] / r[EAX] / 1000;
	if (!khz && platform_cpuid(p->platform, 0x40000010, 0, r))
		khz = r[EAX];
	if (!khz && !tree_number(p->tree, "sys/devices/system/cpu/cpu0/tsc_freq_khz", &khz))
		khz = 0;
	if (khz >= 100000 && khz <= 20000000)
		FOUND(p->platform->tsc_khz, khz);
	else
		probe_note(p, "tsc-khz", "CPUID does not tell the frequency; the core measures it");
}

/* ---------------------------------------------------------------------------- /proc/cpuinfo */

/* The value of "key	: value" in the paragraph at `text`; NULL when it has none. */
static const char *cpuinfo_value(struct arena *arena, const char *text, const char *key)
{
	size_t length = strlen(key);

	for (; *text && *text != '\n'; text += *text == '\n') {
		size_t line = strcspn(text, "\n"), colon = strcspn(text, ":");

		if (colon < line && !strncmp(text, key, length) && strspn(text + length, "\t ") == colon - length)
			return trimmed(arena, text + colon + 1, line - colon - 1);
		text += line;
	}
	return NULL;
}

static bool cpuinfo_number(struct arena *arena, const char *text, const char *key, uint32_t *value)
{
	const char *found = cpuinfo_value(arena, text, key);

	return found && sscanf(found, "%9u", value) == 1;
}

static void use_cpuinfo(struct probe *p, const char *cpuinfo)
{
	struct host_processor *processor = &p->platform->processor;
	const char *text = cpuinfo_value(p->arena, cpuinfo, "vendor_id");
	uint32_t value, linear;

	probe_note(p, "processor.cpuid", "CPUID could not be asked; features are those of /proc/cpuinfo");
	if (text)
		set_vendor(processor, text);
	processor->brand.value = cpuinfo_value(p->arena, cpuinfo, "model name");
	processor->flags.value = cpuinfo_value(p->arena, cpuinfo, "flags");
	if (cpuinfo_number(p->arena, cpuinfo, "cpu family", &value) && value <= 270)
		FOUND(processor->family, value);
	if (cpuinfo_number(p->arena, cpuinfo, "model", &value) && value <= 255)
		FOUND(processor->model, value);
	if (cpuinfo_number(p->arena, cpuinfo, "stepping", &value) && value <= 15)
		FOUND(processor->stepping, value);
	text = cpuinfo_value(p->arena, cpuinfo, "address sizes");
	if (text && sscanf(text, "%9u bits physical, %9u bits virtual", &value, &linear) == 2)
		set_widths(processor, value, linear);
}

static struct host_cpu *cpu_of(struct platform *platform, uint32_t apic_id)
{
	for (size_t i = 0; i < platform->cpu_list.count; i++)
		if (platform->cpu_list.items[i].apic_id.value == apic_id)
			return &platform->cpu_list.items[i];
	return NULL;
}

/* The CPUs of a machine whose MADT could not be read are those that Linux runs. */
static struct host_cpu *linux_cpu(struct probe *p, uint32_t apic_id, bool add)
{
	struct host_cpu *cpu = cpu_of(p->platform, apic_id);

	if (cpu || !add || p->platform->cpu_list.count == 4096)
		return cpu;
	cpu = vector_add(p->arena, &p->platform->cpu_list);
	FOUND(cpu->apic_id, apic_id);
	return cpu;
}

#define PLACE(field, name)                                                                         \
	do {                                                                                       \
		uint64_t value_;                                                                   \
		const char *file_ = arena_printf(p->arena, "%s/" name, folder);                    \
		if (tree_number(p->tree, file_, &value_) && value_ <= 65535)                       \
			FOUND((field), value_);                                                    \
	} while (0)

/* One paragraph a CPU; where it is stands in sysfs, by Linux's number. */
static void place_cpus(struct probe *p, const char *cpuinfo)
{
	bool add = !p->platform->cpu_list.count;

	for (const char *text = cpuinfo; *text;) {
		uint32_t number, apic_id;

		if (cpuinfo_number(p->arena, text, "processor", &number)) {
			const char *folder = arena_printf(p->arena, "sys/devices/system/cpu/cpu%u/topology", number);
			struct host_cpu *cpu;

			if (!cpuinfo_number(p->arena, text, "apicid", &apic_id))
				apic_id = number;
			cpu = linux_cpu(p, apic_id, add);
			if (cpu) {
				PLACE(cpu->package, "physical_package_id");
				PLACE(cpu->die, "die_id");
				PLACE(cpu->core, "core_id");
			}
		}
		text = strstr(text, "\n\n");
		if (!text)
			break;
		text += 2;
	}
	if (add && p->platform->cpu_list.count)
		probe_note(p, "cpus", "the MADT could not be read; pins count the CPUs that Linux runs");
}

void probe_cpu(struct probe *p)
{
	struct bytes bytes = { (const uint8_t *)"", 0 };
	const char *cpuinfo;

	tree_read(p->tree, "proc/cpuinfo", TREE_FILE, &bytes);
	cpuinfo = (const char *)bytes.data;
	read_cpuid(p);
	if (p->platform->processor.cpuid.count) {
		use_cpuid(p);
		find_epc(p);
	} else if (bytes.size) {
		use_cpuinfo(p, cpuinfo);
	} else {
		probe_note(p, "processor", "neither CPUID nor /proc/cpuinfo tells what it is");
	}
	read_msrs(p);
	find_tsc(p);
	place_cpus(p, cpuinfo);
}
