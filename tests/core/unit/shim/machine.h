/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for chips on the host: it stands in for vm/device.h, vm/irq.h, space/memory.h and cpu/timer.h with buses, vCPUs,
 * lines, RAM and a clock that moves only when told to. Tests are scripts: arrays of steps, each a stimulus or
 * an expectation, which play() goes through.
 */
#ifndef TESTS_SHIM_MACHINE_H
#define TESTS_SHIM_MACHINE_H

#include "vm/device.h"
#include "vm/irq.h"

#define MACHINE_VCPUS 32u
#define MACHINE_RAM   0x10000u
#define MACHINE_LOG   64u

struct vcpu {
	struct vm *vm;
	uint32_t index, apic_id;
	const struct irq_chip *ops;
	void *chip;
	const struct irq_eoi_assist *assist;
	uint64_t tsc_offset;
	unsigned int notified, nmis, inits, startups, posts;
	uint8_t startup_vector;
	uint64_t stolen;
	unsigned int flushes, unhalts;
};

struct machine_range {
	enum vm_bus bus;
	struct bus_range range;
};

struct vm {
	uint32_t vcpus;
	struct vcpu vcpu[MACHINE_VCPUS];
	uint32_t cpu; /* the vCPU that accesses */
	unsigned int range_count;
	struct machine_range range[64];
	unsigned int device_count;
	struct device *device[16];
	unsigned int sink_count;
	irq_line_handler *sink[4];
	void *sink_context[4];
	bool line[IRQ_LINES];
	unsigned int rises[IRQ_LINES]; /* since last asked */
	irq_eoi_handler *eoi;
	void *eoi_context;
	unsigned int eois;
	uint8_t eoi_vector;
	const struct irq_extint *extint;
	bool extint_level;
	struct irq_message message[MACHINE_LOG];
	unsigned int messages, messages_read;
	bool swallow_messages; /* log them only */
	void (*scheduled)(void *context, uint32_t vcpu, bool running);
	uint64_t (*hypercall)(void *context, uint64_t number, const uint64_t argument[4], bool wide);
	void *scheduled_context, *hypercall_context;
	unsigned int events[3];
	unsigned int exits, said;
	uint32_t exit_value;
	char output[256];
	unsigned int output_length;
	const char *input; /* what the console has to give */
	void (*ready)(void *context);
	void *ready_context;
	struct hv_guest guest;
	struct hv_pci_function pci[4];
	uint8_t config[4][256], mask[4][256];
	uint8_t ram[MACHINE_RAM];
	bool ram_gone;
	struct device_work *work;
	const void *payload;
	uint64_t payload_size;
	void *allocated[32];
	unsigned int allocations;
	int locked;
	uint64_t drift; /* ticks by which each look at the clock moves it: a CPU that is held up */
	unsigned int fired; /* timers, ever */
};

extern struct vm machine;

/* An empty machine at time 0 with vCPUs whose APIC ids are their numbers, and a TSC of `khz`. */
void machine_new(uint32_t vcpus, uint64_t khz);
/* Adds, creates and resets a device. */
struct device *machine_add(const struct device_ops *ops, struct hv_device record);
void machine_free(void);
/* What devices were asked for by device_ask_work(); whether something is left. */
bool machine_work(void);
/* Lets time pass; timers fire at their deadlines. */
void machine_wait(uint64_t ns);
enum access_result machine_access(enum vm_bus bus, uint64_t address, unsigned int size, bool write, uint64_t *value);

enum step_kind {
	OUT8, OUT16, OUT32, IN8, IN16, IN32,   /* port, value */
	PUT32, PUT64, GET32, GET64, GET8,      /* MMIO address, value */
	WRMSR, RDMSR, WRMSR_GP, RDMSR_GP,      /* MSR, value */
	GET_NONE, IN_NONE,		       /* nothing answers there */
	CPU,				       /* which vCPU acts and is asked */
	WAIT,				       /* ns */
	RAISE, LOWER,			       /* gsi */
	LINE, RISES,			       /* gsi, level or rises since last asked */
	PENDING, ACCEPT,		       /* , whether; vector or -1 */
	CR8, SET_CR8,			       /* , value */
	NOTIFIED, NMIS, INITS, STARTUPS,       /* , how often since last asked */
	MESSAGE, NO_MESSAGE,		       /* address, data: the next one sent */
	EOIS,				       /* vector, how many went to the IOAPIC since last asked */
	EXTINT, ACKNOWLEDGE,		       /* , level; vector */
	EVENTS,				       /* enum vm_event, how often since last asked */
	RAM32, RAM_PUT32,		       /* address, value */
};

struct step {
	enum step_kind kind;
	uint64_t a, b;
};

/* Plays a script; fails the test at the first step that does not hold, naming it. */
void play_steps(const char *name, const struct step *steps, unsigned int count);
#define play(steps) play_steps(#steps, steps, ARRAY_SIZE(steps))

/* What irq_lend() gives; NULL at first: nothing. And what it was asked for last. */
extern struct irq_page *lendable;
extern enum irq_lending lent_as;

#endif
