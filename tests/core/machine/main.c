/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's lowest layers on a machine, without guests: the boot steps up to all CPUs, then one
 * case, named by the first word of the command line:
 *
 *	cpus	fix-ups, kicks, timers and NMIs on every CPU, NMIs in the middle of faults included
 *	input	a byte received by the serial port interrupts a halted CPU
 *	stack	a stack that overflows meets its guard page and ends as a double fault
 *	text	a write to the image's code faults; alias: so does one through the direct map
 *	data	a jump into data faults
 *	gs	a fault while GS is not the core's
 *	panic	one CPU panics, the others stop
 *
 * All after these two must end with the core's own message: run.sh looks for it.
 */
#include "boot/handoff.h"
#include "console/guest_console.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/extable.h"
#include "cpu/idt.h"
#include "cpu/ioapic.h"
#include "cpu/kick.h"
#include "cpu/lapic.h"
#include "cpu/pic_8259.h"
#include "cpu/smp.h"
#include "cpu/timer.h"
#include "cpu/tsc.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/host_map.h"
#include "platform/acpi_host.h"
#include "platform/power.h"
#include "x86/msr.h"

#define DEBUG_EXIT 0xf4
#define ROUNDS	   300

void boot_main(uint32_t magic, uint64_t info, uint64_t load_base);

extern char image_start[], image_end[];

static struct handoff handoff;
static unsigned int tests, failures;

static void expect(bool good, const char *what)
{
	char line[128];
	size_t n =
		format(line, sizeof(line), "%sok %u - %s\r\n", good ? "" : "not ", ++tests, what);

	failures += !good;
	console_write(line, n);
}

/* ---- the steps of boot/main.c that concern the machine */

static void must(enum status s, const char *what)
{
	if (s)
		panic("%s: %s", what, status_name(s));
}

static void take_over(uint32_t magic, uint64_t info)
{
	static struct frames all;
	static const struct memory_range no_blob;
	uint64_t page;

	must(magic == MULTIBOOT2_BOOT_MAGIC ? multiboot2_read(info, &handoff)
					    : pvh_read(info, &handoff),
	     "hand-off");
	memory_map_sort(&handoff.map);
	must(acpi_read(handoff.rsdp, handoff.rsdp_size, handoff_view, &machine_acpi), "ACPI");
	power_find(&machine_acpi, POWER_TYPE_UNKNOWN, handoff_view);
	power_set_debug_exit(DEBUG_EXIT);
	must(memory_map_give(&handoff.map, &all), "memory map");
	must(memory_map_start_page(&handoff.map, &page), "start page");
	machine_frames = all;
	must(frames_exclude(&machine_frames, 0, MIB(1)), "low memory");
	must(frames_exclude(&machine_frames, image_phys, (uint64_t)(image_end - image_start)),
	     "image");
	must(frames_make_pool(&machine_frames, MIB(1) + machine_acpi.cpu_count * CPU_AREA_BYTES),
	     "pool");
	must(host_map_build(all.free, all.free_count, &no_blob, cpu_features.page_1g),
	     "page tables");
	host_map_load();
	must(lapic_find(), "LAPIC");
	lapic_init();
	must(tsc_start(0), "clocks");
	pic_silence();
	must(ioapic_mask_all(), "IOAPIC");
	must(smp_prepare(), "CPUs");
	smp_start(page);
	must(tsc_finish(), "TSC");
}

/* ---- case cpus: CPU 0 asks, the others serve */

static struct {
	struct timer timer;
	uint64_t deadline, fired; /* TSC */
	uint32_t on;
	uint32_t fixed; /* faults survived */
	uint64_t stack_marks;
} cell[MAX_CPUS];
static uint32_t fault_storm; /* others: fault all the time */

static void fire(struct timer *timer)
{
	uint32_t i = this_cpu()->index;

	cell[i].on = container_of(timer, __typeof__(cell[0]), timer) == &cell[i];
	WRITE_ONCE(cell[i].fired, time_now());
}

/* XCR0 without x87 is refused with #GP (SDM v2 XSETBV), all of it with #UD on a CPU without
 * XSAVE. Words around the call must survive what interrupts it. */
static void fault_once(uint32_t index)
{
	volatile uint64_t mark[8];

	for (unsigned int i = 0; i < 8; i++)
		mark[i] = index * 8 + i;
	if (!xsetbv_safe(0, 0))
		WRITE_ONCE(cell[index].fixed, cell[index].fixed + 1);
	for (unsigned int i = 0; i < 8; i++)
		cell[index].stack_marks += mark[i] != index * 8 + i;
}

static void serve(void)
{
	for (;;) {
		if (READ_ONCE(fault_storm))
			fault_once(this_cpu()->index);
		else
			cpu_idle();
	}
}

static bool others(bool (*test)(uint32_t index))
{
	bool good = true;

	for (uint32_t i = 0; i < cpu_count; i++)
		if (percpu_table[i] != this_cpu())
			good &= test(i);
	return good;
}

/* Waits for a word to pass `from`: false after a second. */
static bool grows(const uint32_t *word, uint32_t from)
{
	uint64_t end = time_now() + time_khz() * 5000;

	while (READ_ONCE(*word) == from && time_now() < end)
		cpu_pause();
	return READ_ONCE(*word) != from;
}

static bool answers_kicks(uint32_t index)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint32_t before = READ_ONCE(percpu_table[index]->kicks);

		cpu_kick(percpu_table[index]);
		if (!grows(&percpu_table[index]->kicks, before))
			return false;
	}
	return true;
}

static bool answers_nmis(uint32_t index)
{
	bool good;

	percpu_table[index]->kick_method = KICK_NMI;
	good = answers_kicks(index);
	percpu_table[index]->kick_method = KICK_INTERRUPT;
	return good;
}

static bool timer_fires(uint32_t index)
{
	uint64_t end = time_now() + time_khz() * 5000;

	timer_init(&cell[index].timer, fire);
	cell[index].deadline = time_now() + time_khz() * 2;
	timer_arm_on(&cell[index].timer, percpu_table[index], cell[index].deadline);
	while (!READ_ONCE(cell[index].fired) && time_now() < end)
		cpu_pause();
	return cell[index].on && cell[index].fired >= cell[index].deadline;
}

static bool wake(uint32_t index)
{
	cpu_kick(percpu_table[index]);
	return true;
}

static bool survives_storm(uint32_t index)
{
	return grows(&cell[index].fixed, 0) && answers_nmis(index) &&
	       grows(&cell[index].fixed, READ_ONCE(cell[index].fixed)) && !cell[index].stack_marks;
}

static void own_timer(void)
{
	uint32_t me = this_cpu()->index;

	timer_init(&cell[me].timer, fire);
	cell[me].deadline = time_now() + time_khz();
	timer_arm(&cell[me].timer, cell[me].deadline);
	while (!cell[me].fired)
		cpu_idle();
	expect(cell[me].fired >= cell[me].deadline, "the timer wakes its CPU from HLT, not early");
}

static void case_cpus(void)
{
	uint64_t value;
	uint32_t kicks = this_cpu()->kicks;

	expect(smp_online() == cpu_count, "all CPUs answer");
	expect(!xsetbv_safe(0, 0), "a fault in a guarded instruction is an answer");
	expect(rdmsr_safe(0x1b, &value) && (value & BIT(11)), "a good MSR is read");
	own_timer();
	cpu_kick(this_cpu());
	cpu_take_interrupts();
	expect(this_cpu()->kicks == kicks + 1, "a CPU kicks itself");
	expect(others(answers_kicks), "all CPUs answer each kick");
	expect(others(timer_fires), "timers armed for other CPUs fire there, not early");
	expect(others(answers_nmis), "all CPUs answer each NMI while halted");
	WRITE_ONCE(fault_storm, 1);
	(void)others(wake);
	expect(others(survives_storm), "NMIs among faults lose no stack and no fault");
	WRITE_ONCE(fault_storm, 0);
}

/* ---- case input: run.sh sends a line when it reads `ready` */

static bool came;
static struct guest_console listener;

static void note_input(void *context)
{
	int c;

	while ((c = guest_console_read(&listener)) >= 0)
		*(char *)context = (char)(c == '\n' || c == '\r' ? *(char *)context : c);
	came = true;
}

static void case_input(void)
{
	struct acpi_override o = acpi_isa_interrupt(&machine_acpi, 4);
	char last = 0;

	interrupt_set_handler(HOST_VECTOR_CONSOLE, guest_console_interrupt);
	must(ioapic_route(o.gsi, HOST_VECTOR_CONSOLE, lapic_id(), o.level, o.active_low), "route");
	guest_console_add(&listener, "listener");
	guest_console_listen(&listener, note_input, &last);
	console_write("ready\r\n", 7);
	while (!came)
		cpu_idle();
	expect(last == 'k', "a byte wakes the CPU that listens");
}

/* ---- cases that end in the core's message */

static uint64_t deeper(volatile uint64_t depth)
{
	volatile uint64_t room[32];

	room[depth % 32] = depth;
	return depth == ~0ull ? 0 : deeper(depth + 1) + room[depth % 32];
}

static void case_stack(void)
{
	log_info("%llu", (unsigned long long)deeper(0));
}

static void case_text(void)
{
	*(volatile char *)image_start = 0;
}

static void case_alias(void)
{
	*(volatile char *)phys_to_virt(image_phys) = 0;
}

static void case_data(void)
{
	static char code[] = {(char)0xc3};

	((void (*)(void))(uintptr_t)code)();
}

/* As when a backend fails between a guest's state and the core's. */
static void case_gs(void)
{
	wrmsr(MSR_GS_BASE, 0x123456789000);
	breakpoint();
}

static void case_panic(void)
{
	panic("as asked");
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"cpus", case_cpus}, {"input", case_input}, {"stack", case_stack}, {"text", case_text},
	{"alias", case_alias}, {"data", case_data}, {"gs", case_gs},
	{"panic", case_panic},
};

static void work(void)
{
	if (this_cpu()->apic_id != lapic_id())
		panic("CPU %u is another", this_cpu()->index);
	if (percpu_table[this_cpu()->index] != this_cpu() ||
	    this_cpu()->stack_top - read_rsp() > 16384)
		panic("CPU %u has a strange stack", this_cpu()->index);
	serve();
}

static void lead(void)
{
	if (this_cpu()->index)
		work();
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strncmp(handoff.command_line, cases[i].name, strlen(cases[i].name)))
			cases[i].run();
	format(handoff.command_line, sizeof(handoff.command_line), "1..%u\r\n", tests);
	console_write(handoff.command_line, strlen(handoff.command_line));
	power_debug_exit(failures || !tests ? 1 : 0x10);
}

void boot_main(uint32_t magic, uint64_t info, uint64_t load_base)
{
	image_phys = load_base;
	cpu_find_features();
	idt_build();
	smp_boot_cpu();
	console_use_port(0x3f8, 0);
	take_over(magic, info);
	smp_run(lead);
}
