/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC: xAPIC page and x2APIC MSRs over one register table; interrupts in and out.
 *
 *     other CPUs, IOAPIC, MSI ── deliver() ──► IRR ── accept() ──► ISR ── EOI ──► (level) IOAPIC
 *                                              TMR   if above PPR = max(TPR, highest of ISR)
 *
 * Of what a guest sees only two things differ from a real one: the page cannot be moved, and SMI and remote read
 * do nothing. SDM v3 chapter 11 (revision 080; chapter 10 in earlier ones).
 */
#include "dev/vlapic.h"
#include "dev/registers.h"
#include "lib/string.h"
#include "x86/msr.h"

/* Who may do what, in chip_register.flags. */
enum { XR = 1, XW = 2, X2R = 4, X2W = 8, ZERO = 16 /* as an MSR, only zero may be written */ };

#define ICR_VECTOR	BITS(7, 0)
#define ICR_DELIVERY	BITS(10, 8)
#define ICR_LOGICAL	BIT(11)
#define ICR_ASSERT	BIT(14)
#define ICR_LEVEL	BIT(15)
#define ICR_SHORTHAND	BITS(19, 18)
#define ICR_WRITABLE	0x000ccfffu

enum icr_shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

#define LVT_READ_ONLY 0x5000u /* delivery status, remote IRR */

/* ------------------------------------------------------------------- vectors in bitmaps */

/* Written out, as it is on the way of every interrupt. */
static inline int highest(const uint64_t *word)
{
	uint64_t w;

	if ((w = READ_ONCE(word[3])))
		return 255 - __builtin_clzll(w);
	if ((w = READ_ONCE(word[2])))
		return 191 - __builtin_clzll(w);
	if ((w = READ_ONCE(word[1])))
		return 127 - __builtin_clzll(w);
	w = READ_ONCE(word[0]);
	return w ? 63 - __builtin_clzll(w) : -1;
}
static_assert(APIC_WORDS == 4, "highest() and any() name them all");

static inline bool any(const uint64_t *word)
{
	return READ_ONCE(word[0]) | READ_ONCE(word[1]) | READ_ONCE(word[2]) | READ_ONCE(word[3]);
}

static void atomic_set(uint64_t *word, unsigned int vector)
{
	/* Release: what the sender wrote before is seen by who finds the bit (atomic_clear() acquires). */
	__atomic_fetch_or(&word[vector / 64], BIT(vector % 64), __ATOMIC_RELEASE);
}

static void atomic_clear(uint64_t *word, unsigned int vector)
{
	__atomic_fetch_and(&word[vector / 64], ~BIT(vector % 64), __ATOMIC_ACQUIRE);
}

/* ------------------------------------------------------------------- priorities and acknowledgement */

static uint32_t priority_of(const struct vlapic *apic)
{
	uint32_t tpr = apic->value[APIC_TPR];
	int serving = highest(apic->isr);
	uint32_t class = serving < 0 ? 0 : (uint32_t)serving & 0xf0;

	return (tpr & 0xf0) >= class ? tpr : class;
}

/* What an EOI does besides leaving ISR: a level-triggered source is told, and what waited may come. */
static void after_eoi(struct vlapic *apic, unsigned int vector, bool level)
{
	if (level && !(apic->value[APIC_SVR] & APIC_SVR_NO_BROADCAST))
		irq_end_of_interrupt(apic->vm, vector);
	if (any(apic->irr))
		irq_notify(apic->vcpu);
}

static inline void end_of_interrupt(struct vlapic *apic)
{
	int vector = highest(apic->isr);
	unsigned int word = (unsigned int)vector / 64;
	uint64_t bit = BIT((unsigned int)vector % 64);
	bool level;

	if (unlikely(vector < 0))
		return;
	apic->isr[word] &= ~bit;
	level = READ_ONCE(apic->tmr[word]) & bit;
	if (unlikely(level || any(apic->irr)))
		after_eoi(apic, vector, level);
}

/* If the guest was offered to end its interrupt by a word in memory: has it? Afterwards it cannot any more. */
static __attribute__((noinline)) void collect_offered(struct vlapic *apic)
{
	apic->eoi_offered = false;
	if (apic->assist->collect(apic->assist->context))
		end_of_interrupt(apic);
}

static inline void collect_eoi(struct vlapic *apic)
{
	if (unlikely(apic->eoi_offered))
		collect_offered(apic);
}

void vlapic_collect_eoi(struct vlapic *apic)
{
	collect_eoi(apic);
}

/* Only for an edge-triggered interrupt (nobody else waits for its end) and while nothing waits behind it. */
static inline void offer_eoi(struct vlapic *apic, unsigned int vector)
{
	if (apic->assist && !bitmap_test(apic->tmr, vector) && !any(apic->irr))
		apic->eoi_offered = apic->assist->offer(apic->assist->context);
}

/* LINT0 passes the PIC's interrupts on (virtual wire), or a disabled APIC does as a wire. */
__attribute__((noinline)) bool vlapic_extint_accepted(const struct vlapic *apic)
{
	uint32_t lint0 = apic->value[APIC_LVT_LINT0];

	if (!(apic->base & APIC_BASE_ENABLE))
		return true;
	return !(lint0 & APIC_LVT_MASKED) && field_get(lint0, APIC_LVT_DELIVERY) == IRQ_EXTINT;
}

static inline bool extint_waits(const struct vlapic *apic)
{
	return apic->index == 0 && unlikely(irq_extint_pending(apic->vm)) && vlapic_extint_accepted(apic);
}

static inline int deliverable(struct vlapic *apic)
{
	int vector = highest(apic->irr);

	if (vector < 0 || !(apic->base & APIC_BASE_ENABLE))
		return -1;
	return ((uint32_t)vector & 0xf0) > (priority_of(apic) & 0xf0) ? vector : -1;
}

static bool vlapic_pending(void *chip)
{
	struct vlapic *apic = chip;

	/* With nothing in IRR an offered EOI stays offered: nobody waits for it. */
	if (any(apic->irr)) {
		collect_eoi(apic);
		if (deliverable(apic) >= 0)
			return true;
	}
	return extint_waits(apic);
}

static int vlapic_accept(void *chip)
{
	struct vlapic *apic = chip;
	int vector;

	if (unlikely(extint_waits(apic)))
		return irq_extint_acknowledge(apic->vm);
	collect_eoi(apic);
	vector = deliverable(apic);
	if (vector < 0)
		return -1;
	atomic_clear(apic->irr, vector);
	bitmap_set(apic->isr, vector);
	offer_eoi(apic, vector);
	return vector;
}

uint8_t vlapic_priority(const void *chip)
{
	return priority_of(chip);
}

static uint8_t vlapic_get_cr8(const void *chip)
{
	const struct vlapic *apic = chip;

	return apic->value[APIC_TPR] >> 4;
}

static void set_tpr(void *chip, unsigned int n, uint32_t value)
{
	struct vlapic *apic = chip;

	/* CR8 shows the class; and what was held back may come now. */
	if ((value ^ apic->value[n]) & 0xf0)
		irq_notify(apic->vcpu);
	apic->value[n] = value & 0xff;
}

static void vlapic_set_cr8(void *chip, uint8_t value)
{
	set_tpr(chip, APIC_TPR, (uint32_t)value << 4);
}

static void set_eoi_assist(void *chip, const struct irq_eoi_assist *assist)
{
	struct vlapic *apic = chip;

	collect_eoi(apic);
	apic->assist = assist;
}

/* ------------------------------------------------------------------- what comes in */

static void local_error(struct vlapic *apic, uint32_t error)
{
	__atomic_fetch_or(&apic->errors, error, __ATOMIC_RELAXED);
	vlapic_local(apic, APIC_LVT_ERROR);
}

static void take_fixed(struct vlapic *apic, unsigned int vector, bool level)
{
	if (level)
		atomic_set(apic->tmr, vector);
	else if (unlikely(bitmap_test(apic->tmr, vector)))
		atomic_clear(apic->tmr, vector);
	atomic_set(apic->irr, vector);
	irq_notify(apic->vcpu);
}

/* Any CPU. */
void vlapic_deliver(void *chip, const struct irq_request *request)
{
	struct vlapic *apic = chip;

	switch (request->delivery) {
	case IRQ_FIXED:
	case IRQ_LOWEST:
		if (!(READ_ONCE(apic->value[APIC_SVR]) & APIC_SVR_ENABLE))
			return;
		if (request->vector < 16) /* another CPU's LVT is not for us to deliver: the bit alone */
			__atomic_fetch_or(&apic->errors, APIC_ERROR_RECEIVE_VECTOR, __ATOMIC_RELAXED);
		else
			take_fixed(apic, request->vector, request->level);
		return;
	case IRQ_NMI:
		irq_signal_nmi(apic->vcpu);
		return;
	case IRQ_INIT:
		irq_signal_init(apic->vcpu);
		return;
	case IRQ_STARTUP:
		irq_signal_startup(apic->vcpu, request->vector);
		return;
	}
}

void vlapic_local(struct vlapic *apic, enum vlapic_register lvt)
{
	uint32_t entry = apic->value[lvt];
	unsigned int vector = entry & APIC_LVT_VECTOR;
	bool timer_or_error = lvt == APIC_LVT_TIMER || lvt == APIC_LVT_ERROR;

	if (entry & APIC_LVT_MASKED)
		return;
	if (!timer_or_error && field_get(entry, APIC_LVT_DELIVERY) == IRQ_NMI)
		irq_signal_nmi(apic->vcpu);
	else if (vector >= 16)
		take_fixed(apic, vector, false);
	else /* an error entry with a bad vector cannot announce itself */
		__atomic_fetch_or(&apic->errors, APIC_ERROR_RECEIVE_VECTOR, __ATOMIC_RELAXED);
}

/* SDM v3 11.6.2.2: an 8-bit logical destination, flat or in clusters of four. */
static bool matches_logical_xapic(const struct vlapic *apic, uint32_t destination)
{
	uint32_t mine = READ_ONCE(apic->value[APIC_LDR]) >> 24;

	if (destination > 0xff)
		return false;
	if (READ_ONCE(apic->value[APIC_DFR]) >> 28 == 0xf)
		return destination & mine;
	return (destination >> 4 == 0xf || destination >> 4 == mine >> 4) &&
	       (destination & mine & 0xf);
}

static uint32_t x2apic_ldr(uint32_t id)
{
	return id >> 4 << 16 | 1u << (id & 15);
}

bool vlapic_matches(const void *chip, const struct irq_request *request)
{
	const struct vlapic *apic = chip;
	uint32_t destination = request->destination, ldr;

	if (!(READ_ONCE(apic->base) & APIC_BASE_ENABLE))
		return false;
	if (destination == (request->wide ? 0xffffffffu : 0xffu))
		return true;
	if (!request->logical)
		return destination == (vlapic_x2(apic) ? apic->id : apic->id & 0xff);
	if (!vlapic_x2(apic))
		return matches_logical_xapic(apic, destination);
	ldr = x2apic_ldr(apic->id); /* SDM v3 11.12.10.2 */
	return destination >> 16 == ldr >> 16 && (destination & ldr & 0xffff);
}

/* ------------------------------------------------------------------- interrupt command, SDM v3 11.6.1 */

static void send_to_self(struct vlapic *apic, unsigned int vector)
{
	if (unlikely(vector < 16))
		local_error(apic, APIC_ERROR_SEND_VECTOR);
	else if (apic->value[APIC_SVR] & APIC_SVR_ENABLE)
		take_fixed(apic, vector, false);
}

static void send_to_others(struct vlapic *apic, const struct irq_request *request)
{
	uint32_t count = device_vcpu_count(apic->vm);

	for (uint32_t i = 0; i < count; i++) {
		struct vlapic *other = &apic->device->apic[i];

		if (other != apic && READ_ONCE(other->base) & APIC_BASE_ENABLE)
			(READ_ONCE(other->lent) ? vlapic_lent_deliver : vlapic_deliver)(other, request);
	}
}

static void send(struct vlapic *apic, uint32_t command, uint32_t destination)
{
	enum icr_shorthand shorthand = field_get(command, ICR_SHORTHAND);
	struct irq_request request = {
		.destination = destination,
		.vector = field_get(command, ICR_VECTOR),
		.delivery = field_get(command, ICR_DELIVERY),
		.logical = command & ICR_LOGICAL,
		.wide = vlapic_x2(apic),
	};

	if ((request.delivery == IRQ_FIXED || request.delivery == IRQ_LOWEST) && request.vector < 16) {
		local_error(apic, APIC_ERROR_SEND_VECTOR);
		return;
	}
	/* The INIT level de-assert of old set arbitration ids and does nothing else. */
	if (request.delivery == IRQ_INIT && command & ICR_LEVEL && !(command & ICR_ASSERT))
		return;
	/* Table 11-3: to oneself only fixed interrupts are valid. */
	if ((shorthand == TO_SELF || shorthand == TO_ALL) && request.delivery != IRQ_FIXED)
		return;
	if (shorthand == TO_DESTINATION)
		irq_request(apic->vm, &request);
	if (shorthand == TO_SELF || shorthand == TO_ALL)
		send_to_self(apic, request.vector);
	if (shorthand == TO_ALL || shorthand == TO_OTHERS)
		send_to_others(apic, &request);
}

static void write_icr(void *chip, unsigned int n, uint32_t value)
{
	struct vlapic *apic = chip;

	apic->value[n] = value & ICR_WRITABLE;
	send(apic, apic->value[n], apic->value[APIC_ICR_HIGH] >> 24);
}

static enum access_result x2apic_icr(struct vlapic *apic, struct bus_access *access)
{
	if (!access->write) {
		access->value = join32(apic->value[APIC_ICR], apic->value[APIC_ICR_HIGH]);
		return ACCESS_DONE;
	}
	if ((uint32_t)access->value & ~ICR_WRITABLE)
		return ACCESS_FAULT;
	apic->value[APIC_ICR] = access->value;
	apic->value[APIC_ICR_HIGH] = access->value >> 32;
	send(apic, access->value, access->value >> 32);
	return ACCESS_DONE;
}

/* ------------------------------------------------------------------- registers */

static uint32_t read_id(void *chip, unsigned int n)
{
	const struct vlapic *apic = chip;

	(void)n;
	return vlapic_x2(apic) ? apic->id : apic->id << 24;
}

/* What a guest that has the page changes without an exit. x2APIC mode reads ICR as one register. */
static uint32_t read_lent(void *chip, unsigned int n)
{
	const struct vlapic *apic = chip;

	return apic->lent ? vlapic_lent_register(apic, n) : apic->value[n];
}

static uint32_t read_ppr(void *chip, unsigned int n)
{
	const struct vlapic *apic = chip;

	return apic->lent ? vlapic_lent_register(apic, n) : priority_of(apic);
}

static uint32_t read_ldr(void *chip, unsigned int n)
{
	const struct vlapic *apic = chip;

	return vlapic_x2(apic) ? x2apic_ldr(apic->id) : apic->value[n];
}

static uint32_t half(const uint64_t *word, unsigned int n)
{
	return READ_ONCE(word[n / 2]) >> (n % 2 ? 32 : 0);
}

static uint32_t read_isr(void *chip, unsigned int n)
{
	const struct vlapic *apic = chip;

	return apic->lent ? vlapic_lent_register(apic, n) : half(apic->isr, n - APIC_ISR);
}

static uint32_t read_tmr(void *chip, unsigned int n)
{
	return half(((const struct vlapic *)chip)->tmr, n - APIC_TMR);
}

static uint32_t read_irr(void *chip, unsigned int n)
{
	const struct vlapic *apic = chip;

	return half(apic->irr, n - APIC_IRR) | (apic->lent ? vlapic_lent_register(apic, n) : 0);
}

static void write_eoi(void *chip, unsigned int n, uint32_t value)
{
	(void)n;
	(void)value;
	end_of_interrupt(chip);
}

static void write_dfr(void *chip, unsigned int n, uint32_t value)
{
	((struct vlapic *)chip)->value[n] = value | 0x0fffffff;
}

/* SDM v3 11.4.7.2: while the APIC is disabled by software its LVT entries are masked. */
static void write_svr(void *chip, unsigned int n, uint32_t value)
{
	struct vlapic *apic = chip;

	apic->value[n] = value & 0x11ff;
	vlapic_lend(apic);
	if (value & APIC_SVR_ENABLE)
		return;
	for (unsigned int lvt = APIC_LVT_TIMER; lvt <= APIC_LVT_ERROR; lvt++)
		apic->value[lvt] |= APIC_LVT_MASKED;
}

static uint32_t lvt_value(const struct vlapic *apic, unsigned int n, uint32_t value);

static void write_lvt(void *chip, unsigned int n, uint32_t value)
{
	struct vlapic *apic = chip;

	apic->value[n] = lvt_value(apic, n, value);
	if (n == APIC_LVT_LINT0)
		vlapic_lend(apic);
	if (n == APIC_LVT_LINT0 && apic->index == 0 && irq_extint_pending(apic->vm))
		irq_notify(apic->vcpu);
}

static void write_lvt_timer(void *chip, unsigned int n, uint32_t value)
{
	vlapic_timer_set_lvt(chip, n, lvt_value(chip, n, value));
}

/* SDM v3 11.5.3: a write shows what has gathered since the one before. */
static void write_esr(void *chip, unsigned int n, uint32_t value)
{
	struct vlapic *apic = chip;

	(void)value;
	apic->value[n] = __atomic_exchange_n(&apic->errors, 0, __ATOMIC_RELAXED);
}

static void write_self_ipi(void *chip, unsigned int n, uint32_t value)
{
	(void)n;
	send_to_self(chip, value & 0xff);
}

#define EIGHT(first, text, hook)                                                                   \
	[first ... first + 7] = { text, .flags = XR | X2R, .read = hook }

static const struct chip_register registers[APIC_REGISTERS] = {
	/* number	       name	      reset	  writable    who		   read, write */
	[APIC_ID] =	      { "id",	      0,	  0,	      XR | XW | X2R,	   read_id },
	[APIC_VERSION] =      { "version",    APIC_VERSION_VALUE, 0,  XR | XW | X2R },
	[APIC_TPR] =	      { "tpr",	      0,	  0xff,	      XR | XW | X2R | X2W, read_lent, set_tpr },
	[APIC_APR] =	      { "apr",	      0,	  0,	      XR | XW },
	[APIC_PPR] =	      { "ppr",	      0,	  0,	      XR | XW | X2R,	   read_ppr },
	[APIC_EOI] =	      { "eoi",	      0,	  0,	      XW | X2W | ZERO,	   NULL, write_eoi },
	[APIC_RRD] =	      { "rrd",	      0,	  0,	      XR | XW },
	[APIC_LDR] =	      { "ldr",	      0,	  0xff000000, XR | XW | X2R,	   read_ldr },
	[APIC_DFR] =	      { "dfr",	      0xffffffff, 0xf0000000, XR | XW,		   NULL, write_dfr },
	[APIC_SVR] =	      { "svr",	      0xff,	  0x11ff,     XR | XW | X2R | X2W, NULL, write_svr },
	EIGHT(APIC_ISR, "isr", read_isr),
	EIGHT(APIC_TMR, "tmr", read_tmr),
	EIGHT(APIC_IRR, "irr", read_irr),
	[APIC_ESR] =	      { "esr",	      0,	  0,	      XR | XW | X2R | X2W | ZERO, NULL, write_esr },
	[APIC_ICR] =	      { "icr",	      0,	  ICR_WRITABLE, XR | XW,	   NULL, write_icr },
	[APIC_ICR_HIGH] =     { "icr-high",   0,	  0xff000000, XR | XW,	   read_lent },
	[APIC_LVT_TIMER] =    { "lvt-timer",  0x10000,	  0x700ff,    XR | XW | X2R | X2W, NULL, write_lvt_timer },
	[APIC_LVT_THERMAL] =  { "lvt-thermal", 0x10000,	  0x107ff,    XR | XW | X2R | X2W, NULL, write_lvt },
	[APIC_LVT_PERF] =     { "lvt-perf",   0x10000,	  0x107ff,    XR | XW | X2R | X2W, NULL, write_lvt },
	[APIC_LVT_LINT0] =    { "lvt-lint0",  0x10000,	  0x1a7ff,    XR | XW | X2R | X2W, NULL, write_lvt },
	[APIC_LVT_LINT1] =    { "lvt-lint1",  0x10000,	  0x1a7ff,    XR | XW | X2R | X2W, NULL, write_lvt },
	[APIC_LVT_ERROR] =    { "lvt-error",  0x10000,	  0x100ff,    XR | XW | X2R | X2W, NULL, write_lvt },
	[APIC_TIMER_INITIAL] = { "initial",   0,	  0xffffffff, XR | XW | X2R | X2W, NULL, vlapic_timer_set_initial },
	[APIC_TIMER_CURRENT] = { "current",   0,	  0,	      XR | XW | X2R,	   vlapic_timer_current },
	[APIC_TIMER_DIVIDE] = { "divide",     0,	  0xb,	      XR | XW | X2R | X2W, NULL, vlapic_timer_set_divide },
	[APIC_SELF_IPI] =     { "self-ipi",   0,	  0xff,	      X2W,		   NULL, write_self_ipi },
};

static uint32_t lvt_value(const struct vlapic *apic, unsigned int n, uint32_t value)
{
	value &= registers[n].writable;
	return apic->value[APIC_SVR] & APIC_SVR_ENABLE ? value : value | APIC_LVT_MASKED;
}

uint32_t vlapic_read(struct vlapic *apic, unsigned int n)
{
	return register_read(&registers[n % APIC_REGISTERS], apic->value, apic, n % APIC_REGISTERS);
}

void vlapic_write(struct vlapic *apic, unsigned int n, uint32_t value)
{
	register_write(&registers[n % APIC_REGISTERS], apic->value, apic, n % APIC_REGISTERS, value);
}

/* A write that the processor has left to the core, as it is wide, or of a register that it does not know. */
static COLD void write_lent(struct vlapic *apic, unsigned int n, uint32_t value)
{
	vlapic_take_back(apic);
	vlapic_write(apic, n, value);
	vlapic_lend(apic);
}

/* The page: registers are 32 bits wide at multiples of 16; a narrower read gives part of one. */
enum access_result vlapic_mmio(void *context, struct bus_access *access)
{
	struct vlapic_device *device = context;
	struct vlapic *apic = &device->apic[device_vcpu_index(access->vcpu)];
	uint64_t offset = access->address - device->page;
	unsigned int n = offset / 16;
	const struct chip_register *row = &registers[n % APIC_REGISTERS];

	if ((apic->base & (APIC_BASE_ENABLE | APIC_BASE_EXTD)) != APIC_BASE_ENABLE)
		return ACCESS_NONE;
	if (n >= APIC_REGISTERS || !(row->flags & (XR | XW))) {
		access->value = 0;
		local_error(apic, APIC_ERROR_REGISTER);
		return ACCESS_DONE;
	}
	collect_eoi(apic);
	if (!access->write)
		access->value = offset % 16 < 4 && row->flags & XR ?
					register_part(register_read(row, apic->value, apic, n), offset,
						      access->size) :
					0;
	else if (offset % 16 == 0 && access->size >= 4 && unlikely(apic->lent))
		write_lent(apic, n, access->value);
	else if (offset % 16 == 0 && access->size >= 4)
		register_write(row, apic->value, apic, n, access->value);
	return ACCESS_DONE;
}

/* SDM v3 11.12.1.3: what is reserved or not there faults. */
static __attribute__((noinline)) enum access_result x2apic_register(struct vlapic *apic, struct bus_access *access)
{
	unsigned int n = (access->address - MSR_X2APIC_FIRST) % APIC_REGISTERS;
	const struct chip_register *row = &registers[n];
	uint64_t reserved;

	if (n == APIC_ICR)
		return x2apic_icr(apic, access);
	if (!(row->flags & (access->write ? X2W : X2R)))
		return ACCESS_FAULT;
	if (!access->write) {
		access->value = register_read(row, apic->value, apic, n);
		return ACCESS_DONE;
	}
	reserved = row->flags & ZERO ? ~0ull : ~(uint64_t)row->writable;
	if (n >= APIC_LVT_TIMER && n <= APIC_LVT_ERROR)
		reserved &= ~(uint64_t)LVT_READ_ONLY;
	if (access->value & reserved)
		return ACCESS_FAULT;
	register_write(row, apic->value, apic, n, access->value);
	return ACCESS_DONE;
}

/* Outside x2APIC mode all of it faults. The two registers that are written with every interrupt go first. */
enum access_result vlapic_x2apic_msr(void *context, struct bus_access *access)
{
	struct vlapic_device *device = context;
	struct vlapic *apic = &device->apic[device_vcpu_index(access->vcpu)];
	uint64_t value = access->value;

	if (unlikely(!vlapic_x2(apic)))
		return ACCESS_FAULT;
	collect_eoi(apic);
	if (access->address == MSR_X2APIC_FIRST + APIC_EOI && access->write && likely(!value)) {
		end_of_interrupt(apic);
		return ACCESS_DONE;
	}
	if (access->address == MSR_X2APIC_FIRST + APIC_SELF_IPI && access->write && likely(value <= 0xff)) {
		send_to_self(apic, value);
		return ACCESS_DONE;
	}
	return x2apic_register(apic, access);
}

/* ------------------------------------------------------------------- reset, and what the core sees */

/* SDM v3 11.4.7.1 and 11.4.7.3: the state after power-up and after INIT; IA32_APIC_BASE is not part of it. */
void vlapic_init(void *chip)
{
	struct vlapic *apic = chip;

	vlapic_take_back(apic);
	collect_eoi(apic);
	vlapic_timer_stop(apic);
	registers_reset(registers, APIC_REGISTERS, apic->value);
	memset(apic->irr, 0, sizeof(apic->irr));
	memset(apic->isr, 0, sizeof(apic->isr));
	memset(apic->tmr, 0, sizeof(apic->tmr));
	apic->errors = 0;
}

uint64_t vlapic_base(const void *chip)
{
	return ((const struct vlapic *)chip)->base;
}

const struct irq_chip vlapic_chip = {
	.matches = vlapic_matches,
	.deliver = vlapic_deliver,
	.priority = vlapic_priority,
	.pending = vlapic_pending,
	.accept = vlapic_accept,
	.get_cr8 = vlapic_get_cr8,
	.set_cr8 = vlapic_set_cr8,
	.base = vlapic_base,
	.init = vlapic_init,
	.tsc_moved = vlapic_tsc_moved,
	.set_eoi_assist = set_eoi_assist,
};
