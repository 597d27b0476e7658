/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC while the processor delivers its interrupts and takes their ends itself (SDM v3 30). The registers that this
 * needs lie in a page of the backend:
 *
 *     other CPUs, IOAPIC, MSI ── deliver() ──► irr ── before an entry ──► IRR of the page ── processor ──► ISR ── EOI
 *                                                                                       (level: chip->ended())
 *
 * In x2APIC mode nothing but the TPR, EOI and interrupts leaves the chip unseen. In xAPIC mode the guest reads all registers but PPR
 * and the current count from the page, and what it writes is there before the core hears of it (chip->written()), so that the page
 * has to be what `value` is. A chip is not lent while the 8259's interrupts pass through it: for those the core has to acknowledge.
 * The common part of a vCPU sees a chip that never has a vector to inject.
 */
#include "dev/vlapic.h"
#include "lib/string.h"
#include "x86/msr.h"

static uint32_t *at(const struct irq_page *page, unsigned int n)
{
	return (uint32_t *)(page->registers + 16 * n);
}

/* Of the first register of IRR: what else is there is the backend's. */
#define IRR_VECTORS 0xffff0000u

/* The highest vector of eight registers; -1: none. */
static int highest_of(const struct irq_page *page, unsigned int first)
{
	for (int i = 7; i >= 0; i--)
		if (*at(page, first + (unsigned int)i))
			return 32 * i + highest_bit(*at(page, first + (unsigned int)i));
	return -1;
}

static uint32_t priority_in(const struct irq_page *page)
{
	uint32_t tpr = *at(page, APIC_TPR) & 0xff;
	int serving = highest_of(page, APIC_ISR);
	uint32_t class = serving < 0 ? 0 : (uint32_t)serving & 0xf0;

	return (tpr & 0xf0) >= class ? tpr : class;
}

uint32_t vlapic_lent_register(const struct vlapic *apic, unsigned int n)
{
	if (n == APIC_PPR)
		return priority_in(apic->lent);
	return *at(apic->lent, n) & (n == APIC_IRR ? IRR_VECTORS : ~0u);
}

/* The bits of a word that any CPU sets, which is empty then. */
static uint64_t take_word(uint64_t *word)
{
	/* Acquire: pairs with the release of who set them. */
	return READ_ONCE(*word) ? __atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE) : 0;
}

static uint64_t take_posted(const struct irq_page *page, unsigned int w)
{
	return page->posted ? take_word(&page->posted[w]) : 0;
}

/* What has come since goes where the processor looks. The word behind the posted vectors goes first: who posts from now on notifies. */
static void move_in(struct vlapic *apic)
{
	struct irq_page *page = apic->lent;

	take_posted(page, APIC_WORDS);
	for (unsigned int w = 0; w < APIC_WORDS; w++) {
		uint64_t bits = take_word(&apic->irr[w]) | take_posted(page, w);

		if (!bits)
			continue;
		*at(page, APIC_IRR + 2 * w) |= (uint32_t)bits;
		*at(page, APIC_IRR + 2 * w + 1) |= (uint32_t)(bits >> 32);
		page->level[w] = READ_ONCE(apic->tmr[w]);
		*at(page, APIC_TMR + 2 * w) = (uint32_t)page->level[w];
		*at(page, APIC_TMR + 2 * w + 1) = (uint32_t)(page->level[w] >> 32);
		page->changed = 1;
	}
}

static bool lent_pending(void *chip)
{
	struct vlapic *apic = chip;
	int vector;

	move_in(apic);
	vector = highest_of(apic->lent, APIC_IRR);
	return vector >= 0 && ((uint32_t)vector & 0xf0) > (priority_in(apic->lent) & 0xf0);
}

static int lent_accept(void *chip)
{
	move_in(chip);
	return -1;
}

static uint8_t lent_get_cr8(const void *chip)
{
	return (uint8_t)(*at(((const struct vlapic *)chip)->lent, APIC_TPR) >> 4 & 15);
}

static void lent_set_cr8(void *chip, uint8_t value)
{
	*at(((struct vlapic *)chip)->lent, APIC_TPR) = (uint32_t)value << 4;
}

static void lent_ended(void *chip, uint8_t vector)
{
	struct vlapic *apic = chip;

	if (!(apic->value[APIC_SVR] & APIC_SVR_NO_BROADCAST))
		irq_end_of_interrupt(apic->vm, vector);
}

static void lent_written(void *chip, unsigned int n)
{
	struct vlapic *apic = chip;

	if (!vlapic_x2(apic))
		apic->value[APIC_ICR_HIGH] = *at(apic->lent, APIC_ICR_HIGH);
	vlapic_write(apic, n, *at(apic->lent, n));
	if (apic->lent)
		*at(apic->lent, n) = vlapic_read(apic, n);
}

/* There is no EOI to be saved. */
static void lent_set_eoi_assist(void *chip, const struct irq_eoi_assist *assist)
{
	((struct vlapic *)chip)->assist = assist;
}

/* Posted while the chip was taken back: whoever sees the other brings it here. */
static COLD void collect_posted(struct vlapic *apic, uint64_t *posted)
{
	for (unsigned int w = 0; w < APIC_WORDS; w++)
		__atomic_fetch_or(&apic->irr[w], take_word(&posted[w]), __ATOMIC_RELEASE);
	irq_notify(apic->vcpu);
}

/* What is edge-triggered, and was before, need not pass through `irr`: nothing is to be said about its end. */
static uint64_t *posted_for(const struct vlapic *apic, const struct irq_request *request)
{
	struct irq_page *page = __atomic_load_n(&apic->lent, __ATOMIC_SEQ_CST);

	if (!page || (request->delivery != IRQ_FIXED && request->delivery != IRQ_LOWEST) || request->level ||
	    request->vector < 16 || bitmap_test(apic->tmr, request->vector))
		return NULL;
	return READ_ONCE(page->posted);
}

void vlapic_lent_deliver(void *chip, const struct irq_request *request)
{
	struct vlapic *apic = chip;
	uint64_t *posted = posted_for(apic, request);

	if (!posted) {
		vlapic_deliver(chip, request);
		return;
	}
	__atomic_fetch_or(&posted[request->vector / 64], BIT(request->vector % 64), __ATOMIC_SEQ_CST);
	irq_post(apic->vcpu);
	if (unlikely(!__atomic_load_n(&apic->lent, __ATOMIC_SEQ_CST)))
		collect_posted(apic, posted);
}

const struct irq_chip vlapic_lent_chip = {
	.matches = vlapic_matches,
	.deliver = vlapic_lent_deliver,
	.priority = vlapic_priority,
	.pending = lent_pending,
	.accept = lent_accept,
	.get_cr8 = lent_get_cr8,
	.set_cr8 = lent_set_cr8,
	.base = vlapic_base,
	.init = vlapic_init,
	.tsc_moved = vlapic_tsc_moved,
	.ended = lent_ended,
	.written = lent_written,
	.set_eoi_assist = lent_set_eoi_assist,
};

static bool may_be_lent(const struct vlapic *apic)
{
	return apic->base & APIC_BASE_ENABLE && apic->value[APIC_SVR] & APIC_SVR_ENABLE &&
	       !(apic->index == 0 && vlapic_extint_accepted(apic));
}

void vlapic_lend(struct vlapic *apic)
{
	struct irq_page *page;

	if (!may_be_lent(apic)) {
		vlapic_take_back(apic);
		return;
	}
	page = apic->lent ? NULL : irq_lend(apic->vcpu, vlapic_x2(apic) ? IRQ_LENT_X2APIC : IRQ_LENT_XAPIC);
	if (!page)
		return;
	vlapic_collect_eoi(apic);
	/* What waits goes there with move_in(). */
	for (unsigned int n = 0; n < APIC_REGISTERS; n++)
		*at(page, n) = n >= APIC_IRR && n < APIC_IRR + 2 * APIC_WORDS ? 0 : vlapic_read(apic, n);
	memcpy(page->level, apic->tmr, sizeof(page->level));
	page->changed = 1;
	__atomic_store_n(&apic->lent, page, __ATOMIC_RELEASE);
	irq_attach_chip(apic->vcpu, &vlapic_lent_chip, apic);
	irq_notify(apic->vcpu);
}

void vlapic_take_back(struct vlapic *apic)
{
	struct irq_page *page = apic->lent;

	if (!page)
		return;
	__atomic_store_n(&apic->lent, NULL, __ATOMIC_SEQ_CST);
	if (page->posted)
		collect_posted(apic, page->posted);
	for (unsigned int i = 0; i < 2 * APIC_WORDS; i++) {
		unsigned int shift = i % 2 ? 32 : 0;

		apic->isr[i / 2] &= ~(BITS(31, 0) << shift);
		apic->isr[i / 2] |= (uint64_t)*at(page, APIC_ISR + i) << shift;
		__atomic_fetch_or(&apic->irr[i / 2],
				  (uint64_t)(*at(page, APIC_IRR + i) & (i ? ~0u : IRR_VECTORS)) << shift, __ATOMIC_RELEASE);
	}
	apic->value[APIC_TPR] = *at(page, APIC_TPR) & 0xff;
	if (!vlapic_x2(apic))
		apic->value[APIC_ICR_HIGH] = *at(page, APIC_ICR_HIGH) & 0xff000000;
	irq_lend(apic->vcpu, IRQ_KEPT);
	irq_attach_chip(apic->vcpu, &vlapic_chip, apic);
	irq_notify(apic->vcpu);
}
