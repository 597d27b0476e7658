/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the other CPUs: INIT to all, 10 ms, SIPI to all, and once more to those that are silent
 * (SDM v3 9.4.4.1). Each finds its own way through ap_start.S, says that it is online, and idles
 * until smp_run() has work.
 *
 *	CPU area (pages)   0     1..4    5     6     7     8     9     10
 *	                 guard  stack  guard  NMI  guard  #DF  guard  #MC
 */
#include "cpu/smp.h"

#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/idt.h"
#include "cpu/kick.h"
#include "cpu/lapic.h"
#include "cpu/timer_host.h"
#include "cpu/tsc.h"
#include "lib/string.h"
#include "mm/host_map.h"
#include "platform/acpi_host.h"

#define AREA_STRIDE (16 * PAGE_SIZE)
#define STACK_PAGES 4
#define WAIT_STEP_US 100
#define WAIT_SECONDS 5

/* link.ld, head.S, ap_start.S */
extern char image_start[], boot_root[], boot_gdt[], boot_gdt_end[];
extern char boot_stack_top[], boot_nmi_stack_top[], boot_df_stack_top[], boot_mc_stack_top[];
extern const char ap_start[], ap_start_end[], ap_fields[];

void ap_main(uint32_t index) NORETURN;

/* Read by ap_start.S before it has a stack. */
struct ap_stack {
	uint32_t apic_id;
	uint32_t reserved;
	uint64_t top;
};
extern struct ap_stack ap_stacks[MAX_CPUS];
extern uint32_t ap_stack_count;
extern uint64_t ap_root;
struct ap_stack ap_stacks[MAX_CPUS];
uint32_t ap_stack_count;
uint64_t ap_root;

struct ap_fields {
	uint16_t gdt_limit;
	uint16_t gdt_base_low, gdt_base_high; /* not aligned: two halves */
	uint16_t reserved;
	uint32_t far32;
	uint32_t far32_selector;
	uint32_t far64;
	uint32_t far64_selector;
	uint32_t boot_root;
};

static struct percpu boot_cpu;
static void (*work_of_all)(void);

static uintptr_t cpu_identity(void)
{
	return (uintptr_t)this_cpu();
}

void smp_boot_cpu(void)
{
	const uint64_t stacks[IST_COUNT] = {
		[IST_NMI - 1] = (uintptr_t)boot_nmi_stack_top,
		[IST_DF - 1] = (uintptr_t)boot_df_stack_top,
		[IST_MC - 1] = (uintptr_t)boot_mc_stack_top,
	};

	boot_cpu.stack_top = (uintptr_t)boot_stack_top;
	boot_cpu.state = CPU_ONLINE;
	percpu_table[0] = &boot_cpu;
	cpu_count = 1;
	cpu_setup(&boot_cpu, stacks);
	log_set_cpu_identity(cpu_identity);
}

static uint64_t area_page(uint32_t index, uint32_t page)
{
	return CPU_AREA_BASE + index * AREA_STRIDE + page * PAGE_SIZE;
}

/* The tops of the stacks in a CPU's area; see the drawing. */
static uint64_t ist_top(uint32_t index, uint32_t slot)
{
	return area_page(index, 7 + 2 * (slot - 1));
}

static enum status map_stack(uint64_t virt, uint32_t pages)
{
	uint64_t phys;
	enum status s = frames_alloc(&machine_frames, pages * PAGE_SIZE, PAGE_SIZE, &phys);

	return s ? s : host_map_area(virt, phys, pages * PAGE_SIZE);
}

static enum status make_area(uint32_t index)
{
	enum status s = map_stack(area_page(index, 1), STACK_PAGES);

	for (uint32_t slot = 1; !s && slot <= IST_COUNT; slot++)
		s = map_stack(ist_top(index, slot) - PAGE_SIZE, 1);
	return s;
}

static enum status make_cpu(uint32_t index, const struct acpi_cpu *a)
{
	struct percpu *cpu = &boot_cpu;
	enum status s = STATUS_OK;

	if (a->apic_id != lapic_id()) {
		s = pool_alloc(sizeof(*cpu), (void **)&cpu);
		if (!s)
			s = make_area(index);
		if (s)
			return s;
		cpu->state = CPU_ABSENT;
		cpu->stack_top = area_page(index, 1 + STACK_PAGES);
	}
	cpu->index = index;
	cpu->apic_id = a->apic_id;
	cpu->acpi_uid = a->uid;
	cpu->node = a->node;
	percpu_table[index] = cpu;
	ap_stacks[index] = (struct ap_stack){a->apic_id, 0, cpu->stack_top};
	return STATUS_OK;
}

void smp_take_kick(void)
{
	this_cpu()->kicks++;
	timer_check();
}

static void note_error(void)
{
	log_warning("CPU %u: LAPIC error", this_cpu()->index);
}

enum status smp_prepare(void)
{
	enum status s = STATUS_OK;
	uint32_t n = min_of(machine_acpi.cpu_count, (uint32_t)MAX_CPUS);
	bool boot_cpu_listed = false;

	for (uint32_t i = 0; !s && i < n; i++) {
		s = make_cpu(i, &machine_acpi.cpus[i]);
		boot_cpu_listed |= percpu_table[i] == &boot_cpu;
	}
	if (s)
		return s;
	if (!boot_cpu_listed)
		return trace_error(STATUS_CORRUPT); /* a MADT without the CPU that reads it */
	cpu_count = ap_stack_count = n;
	ap_root = host_map_root();
	interrupt_set_handler(HOST_VECTOR_KICK, smp_take_kick);
	interrupt_set_handler(HOST_VECTOR_TIMER, timer_interrupt);
	interrupt_set_handler(HOST_VECTOR_ERROR, note_error);
	timer_set_effects(&timer_lapic_effects);
	return STATUS_OK;
}

static void fill_start_page(uint64_t start_page)
{
	uint8_t *page = phys_to_virt(start_page);
	struct ap_fields *f = (struct ap_fields *)(page + (ap_fields - ap_start));
	uint32_t gdt = (uint32_t)virt_to_phys(boot_gdt);

	memcpy(page, ap_start, (size_t)(ap_start_end - ap_start));
	f->gdt_limit = (uint16_t)(boot_gdt_end - boot_gdt - 1);
	f->gdt_base_low = (uint16_t)gdt;
	f->gdt_base_high = (uint16_t)(gdt >> 16);
	f->far32 += (uint32_t)start_page;
	f->far64 += (uint32_t)start_page;
	f->boot_root = (uint32_t)virt_to_phys(boot_root);
}

void ap_main(uint32_t index)
{
	struct percpu *cpu = percpu_table[index];
	uint64_t stacks[IST_COUNT];
	void (*work)(void);

	for (uint32_t slot = 1; slot <= IST_COUNT; slot++)
		stacks[slot - 1] = ist_top(index, slot);
	cpu_setup(cpu, stacks);
	lapic_init();
	/* Release: pairs with online(). */
	__atomic_store_n(&cpu->state, CPU_ONLINE, __ATOMIC_RELEASE);
	while (!(work = __atomic_load_n(&work_of_all, __ATOMIC_ACQUIRE)))
		cpu_idle();
	work();
	panic("CPU %u: its work has ended", index);
}

static bool online(const struct percpu *cpu)
{
	return __atomic_load_n(&cpu->state, __ATOMIC_ACQUIRE) == CPU_ONLINE;
}

uint32_t smp_online(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < cpu_count; i++)
		n += online(percpu_table[i]);
	return n;
}

static void send_init(uint32_t apic_id, uint8_t page)
{
	(void)page;
	lapic_send_init(apic_id);
}

/* To all that are not online yet. */
static void send_to_silent(void (*send)(uint32_t apic_id, uint8_t page), uint8_t page)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (!online(percpu_table[i]))
			send(percpu_table[i]->apic_id, page);
}

/* Returns whether all answered within `us`. */
static bool wait_online(uint32_t us)
{
	for (; us && smp_online() < cpu_count; us -= WAIT_STEP_US)
		tsc_early_delay_us(WAIT_STEP_US);
	return smp_online() == cpu_count;
}

static void report_absent(void)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (!online(percpu_table[i]))
			log_warning("CPU %u (APIC id %#x) does not answer", i,
				    percpu_table[i]->apic_id);
	if (machine_acpi.cpus_lost)
		log_warning("%u CPUs beyond the first %u are left alone", machine_acpi.cpus_lost,
			    ACPI_CPUS);
}

void smp_start(uint64_t start_page)
{
	if (cpu_count > 1) {
		fill_start_page(start_page);
		send_to_silent(send_init, 0);
		tsc_early_delay_us(10000);
		send_to_silent(lapic_send_startup, (uint8_t)(start_page >> PAGE_SHIFT));
		if (!wait_online(WAIT_STEP_US * 100)) {
			send_to_silent(lapic_send_startup, (uint8_t)(start_page >> PAGE_SHIFT));
			(void)wait_online(WAIT_SECONDS * 1000000);
		}
	}
	report_absent();
}

void smp_run(void (*work)(void))
{
	/* Release: pairs with ap_main(). A CPU that reads it just before it halts is woken by
	 * the kick. */
	__atomic_store_n(&work_of_all, work, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < cpu_count; i++)
		if (percpu_table[i] != this_cpu() && online(percpu_table[i]))
			cpu_kick(percpu_table[i]);
	work();
	panic("CPU %u: its work has ended", this_cpu()->index);
}
