/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts for chips: see machine.h. A step that does not hold fails the test and says which it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"


static unsigned int take(unsigned int *counter)
{
	unsigned int n = *counter;

	*counter = 0;
	return n;
}

/* What a step sees; a stimulus sees what it was to do. */
static uint64_t access_step(const struct step *s)
{
	static const struct {
		enum vm_bus bus;
		unsigned int size;
		bool write;
		enum access_result result;
	} kinds[] = {
		[OUT8] = { VM_PORT, 1, true, ACCESS_DONE },	 [OUT16] = { VM_PORT, 2, true, ACCESS_DONE },
		[OUT32] = { VM_PORT, 4, true, ACCESS_DONE },	 [IN8] = { VM_PORT, 1, false, ACCESS_DONE },
		[IN16] = { VM_PORT, 2, false, ACCESS_DONE },	 [IN32] = { VM_PORT, 4, false, ACCESS_DONE },
		[PUT32] = { VM_MMIO, 4, true, ACCESS_DONE },	 [PUT64] = { VM_MMIO, 8, true, ACCESS_DONE },
		[GET32] = { VM_MMIO, 4, false, ACCESS_DONE },	 [GET64] = { VM_MMIO, 8, false, ACCESS_DONE },
		[GET8] = { VM_MMIO, 1, false, ACCESS_DONE },	 [WRMSR] = { VM_MSR, 8, true, ACCESS_DONE },
		[RDMSR] = { VM_MSR, 8, false, ACCESS_DONE },	 [WRMSR_GP] = { VM_MSR, 8, true, ACCESS_FAULT },
		[RDMSR_GP] = { VM_MSR, 8, false, ACCESS_FAULT }, [GET_NONE] = { VM_MMIO, 4, false, ACCESS_NONE },
		[IN_NONE] = { VM_PORT, 1, false, ACCESS_NONE },
	};
	uint64_t value = kinds[s->kind].write ? s->b : 0;
	enum access_result result = machine_access(kinds[s->kind].bus, s->a, kinds[s->kind].size,
						   kinds[s->kind].write, &value);

	if (result != kinds[s->kind].result) {
		print_message("# access ends as %d\n", result);
		return ~s->b;
	}
	return result == ACCESS_DONE ? value : s->b;
}

static void line_step(uint32_t gsi, bool level)
{
	device_lock(&machine);
	irq_set_line(&machine, gsi, level);
	device_unlock(&machine);
}

static uint64_t message_step(const struct step *s)
{
	const struct irq_message *m;

	if (machine.messages_read == machine.messages)
		return ~s->b;
	m = &machine.message[machine.messages_read++ % MACHINE_LOG];
	if (m->address != s->a)
		print_message("# message to %#llx\n", (unsigned long long)m->address);
	return m->address == s->a ? m->data : ~s->b;
}

static uint64_t vcpu_step(const struct step *s)
{
	struct vcpu *v = &machine.vcpu[machine.cpu];

	switch (s->kind) {
	case PENDING:
		return v->ops->pending(v->chip);
	case ACCEPT:
		return v->ops->accept(v->chip);
	case CR8:
		return v->ops->get_cr8(v->chip);
	case SET_CR8:
		v->ops->set_cr8(v->chip, s->b);
		return s->b;
	case NOTIFIED:
		return !!take(&v->notified);
	case NMIS:
		return take(&v->nmis);
	case INITS:
		return take(&v->inits);
	default:
		return take(&v->startups);
	}
}

static uint64_t ram_step(const struct step *s)
{
	uint32_t value = s->b;

	memcpy(s->kind == RAM32 ? (void *)&value : machine.ram + s->a,
	       s->kind == RAM32 ? machine.ram + s->a : (void *)&value, 4);
	return value;
}

static uint64_t take_step(const struct step *s)
{
	switch (s->kind) {
	case CPU:
		machine.cpu = s->a;
		return s->b;
	case WAIT:
		machine_wait(s->a);
		return s->b;
	case RAISE:
	case LOWER:
		line_step(s->a, s->kind == RAISE);
		return s->b;
	case LINE:
		return machine.line[s->a];
	case RISES:
		return take(&machine.rises[s->a]);
	case MESSAGE:
		return message_step(s);
	case NO_MESSAGE:
		return machine.messages_read == machine.messages ? s->b : ~s->b;
	case EOIS:
		return machine.eois && machine.eoi_vector != s->a ? ~s->b : take(&machine.eois);
	case EXTINT:
		return machine.extint_level;
	case ACKNOWLEDGE:
		return irq_extint_acknowledge(&machine);
	case EVENTS:
		return take(&machine.events[s->a]);
	case RAM32:
	case RAM_PUT32:
		return ram_step(s);
	default:
		return s->kind >= PENDING && s->kind <= STARTUPS ? vcpu_step(s) : access_step(s);
	}
}

void play_steps(const char *name, const struct step *steps, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t seen = take_step(&steps[i]);

		if (seen == steps[i].b)
			continue;
		fail_msg("%s[%u] (kind %d, %#llx): wanted %#llx, got %#llx", name, i, steps[i].kind,
			 (unsigned long long)steps[i].a, (unsigned long long)steps[i].b,
			 (unsigned long long)seen);
	}
}
