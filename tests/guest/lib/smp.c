/* SPDX-License-Identifier: Apache-2.0 */
/* The other processors: started by INIT and start-up IPIs (SDM v3 9.4), then each serves one mailbox. */
#include "guest.h"

#define TRAMPOLINE 0x8000u

extern const uint8_t ap_trampoline[], ap_trampoline_end[];
extern volatile uint32_t ap_started;
void ap_main(uint32_t number);

struct mailbox {
	void (*volatile function)(void *);
	void *volatile argument;
	volatile uint32_t apic_id;
	volatile uint32_t ready;
};

static struct mailbox mailboxes[MOST_CPUS + 1];
static uint32_t ids[MOST_CPUS];
static uint32_t count;

void ap_main(uint32_t number)
{
	struct mailbox *box = &mailboxes[number];

	load_idt();
	box->apic_id = cpuid(1, 0).ebx >> 24;
	__atomic_store_n(&box->ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		void (*function)(void *) = __atomic_load_n(&box->function, __ATOMIC_ACQUIRE);

		if (function) {
			function(box->argument);
			__atomic_store_n(&box->function, NULL, __ATOMIC_RELEASE);
		}
		pause();
	}
}

/* MADT types 0 and 9 (ACPI 6.5 5.2.12.2, 5.2.12.12), enabled ones. */
static void read_madt(void)
{
	const uint8_t *madt = acpi_table("APIC");
	uint32_t length, id, flags;

	count = 0;
	if (!madt)
		return;
	memory_copy(&length, madt + 4, 4);
	for (uint32_t at = 44; at + 2 <= length && madt[at + 1] >= 2; at += madt[at + 1]) {
		if (madt[at] == 0) {
			id = madt[at + 3];
			memory_copy(&flags, madt + at + 4, 4);
		} else if (madt[at] == 9) {
			memory_copy(&id, madt + at + 4, 4);
			memory_copy(&flags, madt + at + 8, 4);
		} else {
			continue;
		}
		if ((flags & 1) && count < MOST_CPUS)
			ids[count++] = id;
	}
}

static struct mailbox *box_of(uint32_t index)
{
	for (uint32_t i = 1; i <= MOST_CPUS; i++)
		if (mailboxes[i].ready && mailboxes[i].apic_id == ids[index])
			return &mailboxes[i];
	return NULL;
}

uint32_t start_processors(void)
{
	uint32_t running = 1;

	read_madt();
	memory_copy((void *)(uint64_t)TRAMPOLINE, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	for (uint32_t i = 0; i < count; i++) {
		if (ids[i] == apic_id())
			continue;
		apic_send(ids[i], 0x4500);
		delay_us(10000);
		apic_send(ids[i], 0x4600 | TRAMPOLINE >> 12);
		delay_us(200);
		if (ap_started < running)
			apic_send(ids[i], 0x4600 | TRAMPOLINE >> 12);
		if (!wait_until(&ap_started, running, 2000) || !wait_until(&mailboxes[running].ready, 1, 2000))
			break;
		running++;
	}
	return running;
}

uint32_t processor_apic_id(uint32_t index)
{
	return ids[index];
}

void start_on(uint32_t index, void (*function)(void *), void *argument)
{
	struct mailbox *box = box_of(index);

	box->argument = argument;
	__atomic_store_n(&box->function, function, __ATOMIC_RELEASE);
}

bool is_done(uint32_t index)
{
	return !__atomic_load_n(&box_of(index)->function, __ATOMIC_ACQUIRE);
}

void run_on(uint32_t index, void (*function)(void *), void *argument)
{
	start_on(index, function, argument);
	while (!is_done(index))
		pause();
}
