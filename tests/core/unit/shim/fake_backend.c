/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_backend.h. */
#include "fake_backend.h"

#include <stdlib.h>
#include <string.h>

#include "blob/blob.h"
#include "cpu/extable.h"
#include "cpu/idt.h"
#include "cpu/percpu.h"
#include "cpu/tsc.h"
#include "guest_ram.h"
#include "vcpu/state.h"
#include "vcpu/vector.h"
#include "x86/msr.h"

struct guest fake_guest;
struct hv_guest fake_record;
struct vcpu fake_vcpus[2];
struct fake_arch fake_arch[2];
struct fake_chip fake_chips[2];
uint32_t fake_kicks, fake_interrupts_taken;
const struct blob *machine_blob;

static struct fake_arch *arch(const struct vcpu *vcpu)
{
	return vcpu->arch;
}

static uint64_t get_cr(const struct vcpu *vcpu, uint32_t number)
{
	return arch(vcpu)->cr[number];
}

static void set_cr(struct vcpu *vcpu, uint32_t number, uint64_t value)
{
	arch(vcpu)->cr[number] = value;
}

static uint64_t get_efer(const struct vcpu *vcpu)
{
	return arch(vcpu)->efer;
}

static void set_efer(struct vcpu *vcpu, uint64_t value)
{
	value &= ~EFER_LMA;
	if (value & EFER_LME && arch(vcpu)->cr[0] & CR0_PG)
		value |= EFER_LMA;
	arch(vcpu)->efer = value;
}

static uint64_t get_dr(const struct vcpu *vcpu, uint32_t number)
{
	return arch(vcpu)->dr[number];
}

static void set_dr(struct vcpu *vcpu, uint32_t number, uint64_t value)
{
	arch(vcpu)->dr[number] = value;
}

static void get_paging(const struct vcpu *vcpu, struct vcpu_paging *p)
{
	const struct fake_arch *a = arch(vcpu);

	*p = (struct vcpu_paging){a->cr[0], a->cr[3], a->cr[4], a->efer,
				  a->segments[EMUL_SS].attributes >> 5 & 3};
}

static uint32_t fetch_context(const struct vcpu *vcpu)
{
	const struct fake_arch *a = arch(vcpu);

	return (a->segments[EMUL_SS].attributes >> 5 & 3) | (a->efer & EFER_LMA ? CONTEXT_LMA : 0) |
	       (a->cr[0] & CR0_PG ? CONTEXT_PG : 0) |
	       (a->segments[EMUL_CS].attributes & (CONTEXT_CS_L | CONTEXT_CS_D));
}

static const struct emul_segment *segments(const struct vcpu *vcpu)
{
	return arch(vcpu)->segments;
}

static void set_segment(struct vcpu *vcpu, enum hv_segment_id id, const struct hv_segment *s)
{
	if ((uint32_t)id < (uint32_t)EMUL_SEGMENTS)
		arch(vcpu)->segments[id] = (struct emul_segment){
			(uint16_t)s->selector, segment_attributes(s->attributes), s->limit, s->base};
}

static void get_tables(const struct vcpu *vcpu, struct vcpu_tables *tables)
{
	*tables = arch(vcpu)->tables;
}

static void set_tables(struct vcpu *vcpu, const struct vcpu_tables *tables)
{
	arch(vcpu)->tables = *tables;
}

static enum status get_msr(const struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	*value = arch(vcpu)->star;
	return msr == MSR_STAR ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status set_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	if (msr != MSR_STAR)
		return STATUS_NOT_FOUND;
	arch(vcpu)->star = value;
	return STATUS_OK;
}

static void inject(struct vcpu *vcpu, const struct vcpu_event *event)
{
	struct fake_arch *a = arch(vcpu);

	a->injected[a->injections++ % 4] = *event;
	a->entering = VCPU_ENTERING;
	if (event->type == EVENT_NMI)
		a->nmi_blocked = true;
}

static bool nmi_blocked(const struct vcpu *vcpu)
{
	return arch(vcpu)->nmi_blocked;
}

static void windows(struct vcpu *vcpu, bool interrupt, bool nmi)
{
	arch(vcpu)->interrupt_window = interrupt;
	arch(vcpu)->nmi_window = nmi;
}

static void set_task_priority(struct vcpu *vcpu, uint8_t cr8)
{
	arch(vcpu)->cr[8] = cr8;
}

static struct irq_page *lend_apic(struct vcpu *vcpu, enum irq_lending how)
{
	(void)vcpu, (void)how;
	return NULL;
}

static void set_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	arch(vcpu)->tsc_offset = offset;
}

static void flush(struct vcpu *vcpu)
{
	arch(vcpu)->flushes++;
}

/* SDM v3 table 10-1, as far as these tests look. */
static void vcpu_reset_arch(struct vcpu *vcpu, bool init)
{
	struct fake_arch *a = arch(vcpu);

	memset(a->cr, 0, sizeof(a->cr));
	a->cr[0] = CR0_CD | CR0_NW | CR0_ET;
	a->efer = 0;
	a->dr[6] = DR6_INITIAL;
	a->dr[7] = DR7_INITIAL;
	a->tables = (struct vcpu_tables){.gdtr_limit = 0xffff, .idtr_limit = 0xffff};
	a->entering = 0;
	a->nmi_blocked = false;
	a->segments[EMUL_CS] = (struct emul_segment){0xf000, 0x9b, 0xffff, 0xffff0000};
	a->segments[EMUL_SS] = (struct emul_segment){0, 0x93, 0xffff, 0};
	if (!init)
		a->star = 0;
}

const struct vcpu_backend fake_backend = {
	.name = "fake",
	.vendor = HV_VENDOR_AMD,
	.vcpu_reset = vcpu_reset_arch,
	.get_cr = get_cr,
	.set_cr = set_cr,
	.get_efer = get_efer,
	.set_efer = set_efer,
	.get_dr = get_dr,
	.set_dr = set_dr,
	.get_paging = get_paging,
	.fetch_context = fetch_context,
	.segments = segments,
	.set_segment = set_segment,
	.get_tables = get_tables,
	.set_tables = set_tables,
	.get_msr = get_msr,
	.set_msr = set_msr,
	.inject = inject,
	.nmi_blocked = nmi_blocked,
	.windows = windows,
	.set_task_priority = set_task_priority,
	.lend_apic = lend_apic,
	.set_tsc_offset = set_tsc_offset,
	.flush = flush,
};

/* ---- the chip */

static bool chip_matches(const void *chip, const struct irq_request *request)
{
	const struct fake_chip *c = chip;

	if (request->destination == (request->wide ? ~0u : 0xffu))
		return true;
	return request->logical ? request->destination >> c->id & 1 : request->destination == c->id;
}

static void chip_deliver(void *chip, const struct irq_request *request)
{
	struct fake_chip *c = chip;

	c->last = *request;
	c->delivered++;
}

static uint8_t chip_priority(const void *chip)
{
	return ((const struct fake_chip *)chip)->priority;
}

static bool chip_pending(void *chip)
{
	return ((struct fake_chip *)chip)->pending >= 0;
}

static int chip_accept(void *chip)
{
	struct fake_chip *c = chip;

	c->accepted = c->pending;
	c->pending = -1;
	return c->accepted;
}

static uint8_t chip_get_cr8(const void *chip)
{
	return ((const struct fake_chip *)chip)->cr8;
}

static void chip_set_cr8(void *chip, uint8_t value)
{
	((struct fake_chip *)chip)->cr8 = value;
}

static uint64_t chip_base(const void *chip)
{
	return ((const struct fake_chip *)chip)->base;
}

static void chip_init(void *chip)
{
	((struct fake_chip *)chip)->inits++;
}

static void chip_tsc_moved(void *chip)
{
	((struct fake_chip *)chip)->tsc_moves++;
}

static void chip_ended(void *chip, uint8_t vector)
{
	((struct fake_chip *)chip)->ended = vector;
}

static void chip_written(void *chip, unsigned int n)
{
	((struct fake_chip *)chip)->written = n;
}

static const struct irq_chip chip = {
	.matches = chip_matches,
	.deliver = chip_deliver,
	.priority = chip_priority,
	.pending = chip_pending,
	.accept = chip_accept,
	.get_cr8 = chip_get_cr8,
	.set_cr8 = chip_set_cr8,
	.base = chip_base,
	.init = chip_init,
	.tsc_moved = chip_tsc_moved,
	.ended = chip_ended,
	.written = chip_written,
};

void fake_reset(void)
{
	static const struct hv_vcpu records[2] = {{.apic_id = 0}, {.apic_id = 1}};
	static struct vcpu *pointers[2] = {&fake_vcpus[0], &fake_vcpus[1]};

	guest_ram_reset();
	memset(fake_vcpus, 0, sizeof(fake_vcpus));
	memset(fake_arch, 0, sizeof(fake_arch));
	memset(fake_chips, 0, sizeof(fake_chips));
	fake_record = (struct hv_guest){.pv = HV_PV_KVM, .physical_bits = 39};
	fake_guest = (struct guest){.name = "test",
				    .record = &fake_record,
				    .memory = &guest_ram,
				    .vcpu_count = 2,
				    .vcpus = pointers};
	fake_kicks = fake_interrupts_taken = 0;
	for (uint32_t i = 0; i < 2; i++) {
		struct vcpu *v = &fake_vcpus[i];
		struct fake_arch *a = &fake_arch[i];

		*v = (struct vcpu){.backend = &fake_backend,
				   .arch = a,
				   .guest = &fake_guest,
				   .cpuid = &fake_guest.cpuid,
				   .index = i,
				   .record = &records[i],
				   .chip = &chip,
				   .chip_state = &fake_chips[i],
				   .activity = VCPU_ACTIVE,
				   .rip = &a->rip,
				   .rflags = &a->rflags,
				   .shadow = &a->shadow, .entering = &a->entering,
				   .cr3 = &a->cr[3],
				   .cr4 = &a->cr[4]};
		a->rflags = RFLAGS_ONE | RFLAGS_IF;
		a->rip = 0x1000;
		a->cr[0] = CR0_PE | CR0_ET;
		a->efer = EFER_LME | EFER_LMA;
		a->segments[EMUL_CS].attributes = 0xa9b;
		a->segments[EMUL_SS].attributes = 0xc93;
		fake_chips[i] = (struct fake_chip){
			.pending = -1, .accepted = -1, .base = 0xfee00900, .id = i};
		fetch_cache_clear(&v->fetch);
		v->exit.reason = EXIT_CPUID;
	}
}

/* ---- the rest of the core */

void vcpu_request(struct vcpu *vcpu, uint32_t bits)
{
	vcpu_mark(vcpu, bits);
	fake_kicks++;
}

void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void cpu_take_interrupts(void)
{
	fake_interrupts_taken++;
}

bool xsetbv_safe(uint32_t index, uint64_t value)
{
	(void)index, (void)value;
	return true;
}

void live_state_reset(struct vcpu *vcpu)
{
	(void)vcpu;
}

bool live_state_has_msr(uint32_t msr)
{
	return msr == MSR_TSC_AUX;
}

void live_state_init(struct vcpu *vcpu)
{
	(void)vcpu;
}

const char *blob_place(const struct blob *b, uint32_t position, char to[BLOB_PLACE_SIZE])
{
	(void)b, (void)position;
	to[0] = 0;
	return to;
}

uint64_t time_now(void)
{
	return 1000000;
}

/* No test has vector registers: instructions with them are not emulated. */
bool vcpu_vector_read(const struct vcpu *vcpu, uint32_t number, void *data, uint32_t size)
{
	(void)vcpu, (void)number, (void)data, (void)size;
	return false;
}

bool vcpu_vector_write(const struct vcpu *vcpu, uint32_t number, const void *data, uint32_t size,
		       uint32_t clear_to)
{
	(void)vcpu, (void)number, (void)data, (void)size, (void)clear_to;
	return false;
}

bool vcpu_opmask_read(const struct vcpu *vcpu, uint32_t number, uint32_t bits, uint64_t *mask)
{
	(void)vcpu, (void)number, (void)bits, (void)mask;
	return false;
}
