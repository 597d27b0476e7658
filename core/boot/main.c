/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot order, top to bottom: the array at the end of this file. A step that fails has said why;
 * then the machine is refused as a whole, before any guest has started.
 */
#include "blob/blob.h"
#include "boot/build_vm.h"
#include "boot/handoff.h"
#include "console/guest_console.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/errata.h"
#include "cpu/idt.h"
#include "cpu/ioapic.h"
#include "cpu/lapic.h"
#include "cpu/mitigations.h"
#include "cpu/pic_8259.h"
#include "cpu/smp.h"
#include "cpu/tsc.h"
#include "cpu/wall_clock.h"
#include "lib/string.h"
#include "mm/host_map.h"
#include "platform/acpi_host.h"
#include "platform/pci_quiet.h"
#include "platform/platform_check.h"
#include "platform/power.h"
#include "sched/sched.h"
#include "vcpu/backend.h"

#define DEFAULT_PORT 0x3f8 /* COM1, until the blob says otherwise */

void boot_main(uint32_t magic, uint64_t info, uint64_t load_base);

/* Filled in by hvcc when it packs an image; volatile, since the compiler must not believe what
 * it sees here. */
extern const volatile struct hv_image_descriptor hv_image;
const volatile struct hv_image_descriptor hv_image __attribute__((section(".hv_image"))) = {
	.magic = HV_IMAGE_MAGIC,
	.abi = HV_ABI,
};

extern char image_start[], image_end[]; /* link.ld */

static struct {
	uint32_t magic;
	uint64_t info;
	struct handoff handoff;
	struct blob blob;
	struct memory_range blob_range; /* with payloads; empty without a blob */
	uint64_t start_page;
} boot;

/* ---- the steps */

static enum status read_handoff(void)
{
	enum status s = boot.magic == MULTIBOOT2_BOOT_MAGIC
				? multiboot2_read(boot.info, &boot.handoff)
				: pvh_read(boot.info, &boot.handoff);

	if (s) {
		log_error("the loader's hand-off cannot be read");
		return s;
	}
	memory_map_sort(&boot.handoff.map);
	log_info("hvcore at %#llx, loaded by %s, %llu MiB of RAM", (unsigned long long)image_phys,
		 boot.handoff.protocol,
		 (unsigned long long)(memory_map_ram(&boot.handoff.map) >> 20));
	return STATUS_OK;
}

static enum status verify_blob(const void *bytes, uint64_t size)
{
	struct blob_fault fault;
	enum status s = blob_verify(bytes, size, &boot.blob, &fault);

	if (!s)
		machine_blob = &boot.blob;
	else if (fault.record != HV_NONE)
		log_error("the blob is refused: section %u, record %u: %s", fault.section,
			  fault.record, fault.what);
	else
		log_error("the blob is refused: %s", fault.what);
	return s;
}

/* No blob is no failure yet: the machine is looked at first, and then refused for want of
 * guests. */
static enum status find_blob(void)
{
	uint64_t base = image_phys + hv_image.blob_offset, size = hv_image.image_size;

	if (!hv_image.blob_offset)
		return STATUS_OK;
	if (!handoff_view(base, size) || !memory_map_is_ram(&boot.handoff.map, base, size)) {
		log_error("the blob at %#llx is not in memory", (unsigned long long)base);
		return trace_error(STATUS_RANGE);
	}
	boot.blob_range = (struct memory_range){base, align_up(size, PAGE_SIZE), 0};
	return verify_blob(phys_to_virt(base), size);
}

static enum status obey_blob(void)
{
	const struct hv_system *system = boot.blob.system;

	if (!machine_blob)
		return STATUS_OK;
	if (system->console_port != DEFAULT_PORT || system->console_baud)
		console_use_port(system->console_port, system->console_baud);
	log_set_level((enum log_level)system->log_level);
	guest_console_use(system->console_mode, system->console_escape);
	if (system->flags & HV_SYSTEM_DEBUG_EXIT)
		power_set_debug_exit(system->debug_exit_port);
	return STATUS_OK;
}

/* The tables of firmware lie below 4 GiB, in reach of the boot map; nothing of them is kept but
 * what is read here. */
static enum status read_acpi(void)
{
	enum status s =
		acpi_read(boot.handoff.rsdp, boot.handoff.rsdp_size, handoff_view, &machine_acpi);

	if (s) {
		log_error("no usable ACPI tables (RSDP %s)",
			  boot.handoff.rsdp_size ? "given" : "missing");
		return s;
	}
	power_find(&machine_acpi, machine_blob ? boot.blob.system->slp_typ_s5 : POWER_TYPE_UNKNOWN,
		   handoff_view);
	return STATUS_OK;
}

/* What the pool holds besides the guests' needs: this machine's CPUs, and tables for its memory
 * and registers. */
static uint64_t own_pool_bytes(void)
{
	uint64_t top = 0, tables;

	for (uint32_t i = 0; i < machine_frames.free_count; i++)
		top = max_of(top, machine_frames.free[i].base + machine_frames.free[i].size);
	/* Page directories, one a GiB, only where there are no pages of that size; ends of
	 * ranges need small ones. */
	tables = cpu_features.page_1g ? top >> 39 : top >> 30;
	tables += 4 * machine_frames.free_count + 32;
	/* A CPU area: its stacks and its share of a table. */
	return (uint64_t)machine_acpi.cpu_count * CPU_AREA_BYTES +
	       (tables + div_round_up(machine_acpi.cpu_count, 32)) * PAGE_SIZE;
}

static enum status set_nodes(void)
{
	enum status s = STATUS_OK;

	for (uint32_t i = 0; !s && i < machine_acpi.affinity_count; i++)
		s = frames_set_node(&machine_frames, machine_acpi.affinities[i].base,
				    machine_acpi.affinities[i].size,
				    machine_acpi.affinities[i].node);
	return s;
}

static enum status take_pool(void)
{
	uint64_t bytes = own_pool_bytes() + (machine_blob ? boot.blob.system->pool_bytes : 0);
	enum status s = frames_make_pool(&machine_frames, bytes);

	if (s)
		log_error("no %llu KiB of contiguous memory for the core",
			  (unsigned long long)(bytes >> 10));
	else
		log_info("memory for the core: %llu KiB at %#llx, free for guests: %llu MiB",
			 (unsigned long long)(bytes >> 10),
			 (unsigned long long)machine_frames.pool_base,
			 (unsigned long long)(frames_free_bytes(&machine_frames) >> 20));
	return s;
}

/* All RAM for the direct map; then what is free of it, the pool, and the final page tables. */
static enum status take_memory(void)
{
	static struct frames all;
	enum status s = memory_map_give(&boot.handoff.map, &all);

	memory_map_log(&boot.handoff.map);
	if (!s)
		s = memory_map_start_page(&boot.handoff.map, &boot.start_page);
	if (s) {
		log_error("the memory map cannot be used");
		return s;
	}
	machine_frames = all;
	s = frames_exclude(&machine_frames, 0, MIB(1));
	if (!s)
		s = frames_exclude(&machine_frames, image_phys,
				   (uint64_t)(image_end - image_start));
	if (!s)
		s = frames_exclude(&machine_frames, boot.blob_range.base, boot.blob_range.size);
	if (!s)
		s = set_nodes();
	if (!s && machine_blob)
		s = claim_fixed_memory(machine_blob);
	if (!s)
		s = take_pool();
	if (!s)
		s = host_map_build(all.free, all.free_count, &boot.blob_range,
				   cpu_features.page_1g);
	if (!s)
		host_map_load();
	return s;
}

static enum status start_clocks(void)
{
	enum status s = lapic_find();

	if (s)
		return s;
	lapic_init();
	return tsc_start(machine_blob ? boot.blob.system->tsc_khz : 0);
}

static enum status silence_devices(void)
{
	uint32_t found, cleared;
	enum status s;

	pic_silence();
	s = ioapic_mask_all();
	if (!s)
		s = pci_quiet(&found, &cleared);
	if (!s)
		log_info("no IOMMU in use: %u PCI functions, bus mastering taken from %u", found,
			 cleared);
	return s;
}

static enum status start_cpus(void)
{
	enum status s = smp_prepare();

	if (s) {
		log_error("the CPUs cannot be set up: %s", status_name(s));
		return s;
	}
	smp_start(boot.start_page);
	log_info("%u of %u CPUs, LAPIC in %s mode", smp_online(), cpu_count,
		 lapic_is_x2apic() ? "x2APIC" : "xAPIC");
	return STATUS_OK;
}

/* Input of the serial port comes to this CPU. Without it the port still answers polls. */
static enum status route_console(void)
{
	struct acpi_override o;

	if (console_port() != 0x3f8 && console_port() != 0x2f8)
		return STATUS_OK;
	o = acpi_isa_interrupt(&machine_acpi, console_port() == 0x3f8 ? 4 : 3);
	interrupt_set_handler(HOST_VECTOR_CONSOLE, guest_console_interrupt);
	if (ioapic_route(o.gsi, HOST_VECTOR_CONSOLE, lapic_id(), o.level, o.active_low))
		log_warning("no interrupt for the serial port");
	return STATUS_OK;
}

static enum status choose_mitigations(void)
{
	mitigations_choose(machine_blob && (boot.blob.system->flags & HV_SYSTEM_NO_MITIGATIONS));
	return STATUS_OK;
}

static enum status want_blob(void)
{
	if (machine_blob)
		return STATUS_OK;
	log_error("this core carries no guests: pack it with `hvcc build`");
	return trace_error(STATUS_NOT_FOUND);
}

static void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	struct cpuid_regs r = errata_cpuid(leaf, subleaf);

	memcpy(out, &r, sizeof(r));
}

static enum status find_errata(void)
{
	errata_find();
	return STATUS_OK;
}

static void report_misfit(const char *line)
{
	log_error("%s", line);
}

static enum hv_vendor host_vendor(void)
{
	return cpu_features.amd ? HV_VENDOR_AMD : HV_VENDOR_INTEL;
}

static enum status check_platform(void)
{
	const struct platform_facts facts = {
		.vendor = host_vendor(),
		.cpus = smp_online(),
		.physical_bits = cpu_features.physical_bits,
		.free_memory = frames_free_bytes(&machine_frames),
		.cpuid = host_cpuid,
	};

	return platform_check(&boot.blob, &facts, report_misfit);
}

/* The only place that knows which vendors there are. */
extern const struct vcpu_backend svm_backend, vmx_backend;
static const struct vcpu_backend *const backends[] = {&svm_backend, &vmx_backend};
static const struct vcpu_backend *backend;

static enum status choose_backend(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(backends); i++)
		if (backends[i]->vendor == host_vendor())
			backend = backends[i];
	return backend->probe();
}

static enum status make_guests(void)
{
	enum status s = build_vms(machine_blob, backend);

	frames_freeze(&machine_frames);
	return s ? s : start_vms();
}

static enum status finish_time(void)
{
	enum status s = tsc_finish();

	wall_clock_read();
	return s;
}

/* What each CPU does from here on. */
static void run_guests(void)
{
	if (backend->cpu_start(this_cpu()->index))
		panic("%s cannot be switched on", backend->name);
	sched_run();
}

static const struct step {
	const char *name; /* for the refusal */
	enum status (*run)(void);
} steps[] = {
	{"hand-off", read_handoff},
	{"blob", find_blob},
	{"console", obey_blob},
	{"ACPI", read_acpi},
	{"memory", take_memory},
	{"clocks", start_clocks},
	{"devices", silence_devices},
	{"CPUs", start_cpus},
	{"console input", route_console},
	{"mitigations", choose_mitigations},
	{"guests", want_blob},
	{"errata", find_errata},
	{"platform", check_platform},
	{"virtualization", choose_backend},
	{"time", finish_time},
	{"start", make_guests},
};

void boot_main(uint32_t magic, uint64_t info, uint64_t load_base)
{
	image_phys = load_base;
	boot.magic = magic;
	boot.info = info;
	cpu_find_features();
	idt_build();
	smp_boot_cpu();
	console_use_port(DEFAULT_PORT, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++) {
		enum status s = steps[i].run();

		if (!s)
			continue;
		log_error("this machine is refused: %s: %s", steps[i].name, status_name(s));
		power_off();
	}
	smp_run(run_guests);
}
