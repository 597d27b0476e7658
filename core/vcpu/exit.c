/* SPDX-License-Identifier: Apache-2.0 */
/* From exits to handlers: the one table, what every handler shares, and the exits that need no file
 * of their own. */
#include "console/log.h"
#include "cpu/idt.h"
#include "cpu/percpu.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vcpu/exits.h"
#include "x86/cr.h"

COLD void vcpu_advance_slowly(struct vcpu *vcpu, uint64_t next)
{
	if ((*vcpu->rip ^ next) >> 32 && vcpu_mode_bytes(vcpu) != 8)
		next = (uint32_t)next;
	*vcpu->rip = next;
	if (!(*vcpu->rflags & RFLAGS_TF))
		return;
	vcpu->backend->set_dr(vcpu, 6, vcpu->backend->get_dr(vcpu, 6) | DR6_BS);
	vcpu_raise(vcpu, VECTOR_DB);
}

uint8_t vcpu_mode_bytes(const struct vcpu *vcpu)
{
	return context_mode(vcpu->backend->fetch_context(vcpu));
}

void vcpu_guest_paging(const struct vcpu *vcpu, struct guest_paging *paging)
{
	struct vcpu_paging p;

	vcpu->backend->get_paging(vcpu, &p);
	*paging = (struct guest_paging){
		.cr0 = p.cr0,
		.cr3 = p.cr3,
		.cr4 = p.cr4,
		.efer = p.efer,
		.rflags = *vcpu->rflags,
		.cpl = p.cpl,
		.pkru = p.cr4 & CR4_PKE ? read_pkru() : 0,
		.physical_bits = (uint8_t)vcpu->guest->record->physical_bits,
	};
}

static uint64_t linear_rip(const struct vcpu *vcpu, uint8_t mode)
{
	return mode == 8 ? *vcpu->rip
			 : (uint32_t)(*vcpu->rip + vcpu->backend->segments(vcpu)[EMUL_CS].base);
}

static uint32_t fetch(struct vcpu *vcpu, const struct guest_paging *paging, uint64_t linear,
		      uint8_t *bytes, uint32_t size)
{
	uint32_t error;
	uint64_t at;

	return guest_fetch(vcpu->guest->memory, paging, linear, bytes, size, &vcpu->fetch,
			   vcpu->backend->fetch_context(vcpu), &error, &at);
}

MUST_USE bool vcpu_decode(struct vcpu *vcpu, struct emul_insn *insn)
{
	uint8_t bytes[EMUL_MAX_LENGTH], mode = vcpu_mode_bytes(vcpu);
	struct guest_paging paging;
	struct emul_fault fault;
	uint32_t count;

	vcpu_guest_paging(vcpu, &paging);
	count = fetch(vcpu, &paging, linear_rip(vcpu, mode), bytes, sizeof(bytes));
	return emul_decode(insn, bytes, count, mode, &fault) == EMUL_DONE;
}

int vcpu_next_byte(struct vcpu *vcpu, const struct guest_paging *paging)
{
	uint64_t linear = linear_rip(vcpu, vcpu_mode_bytes(vcpu));
	const uint8_t *page =
		fetch_exact(&vcpu->fetch, linear, paging->cr3, vcpu->backend->fetch_context(vcpu));
	uint8_t byte;

	if (page)
		return *(const volatile uint8_t *)(page + (linear & (PAGE_SIZE - 1)));
	return fetch(vcpu, paging, linear, &byte, 1) ? byte : -1;
}

enum access_result vcpu_bus_access(struct vcpu *vcpu, const struct bus_range *range,
				   struct bus_access *access)
{
	enum access_result result;

	if (likely(!(range->flags & BUS_LOCKED)))
		return range->handler(range->context, access);
	spin_lock(&vcpu->guest->device_lock);
	result = range->handler(range->context, access);
	spin_unlock(&vcpu->guest->device_lock);
	return result;
}

COLD enum verdict vcpu_refuse(struct vcpu *vcpu, enum access_result result)
{
	if (result == ACCESS_STOP)
		return VERDICT_CRASH;
	vcpu_raise_error(vcpu, VECTOR_GP, 0);
	return VERDICT_RESUME;
}

bool guest_log_once(struct guest *guest, enum guest_logged reason)
{
	return !(__atomic_fetch_or(&guest->logged, reason, __ATOMIC_RELAXED) & reason);
}

enum verdict vcpu_crash(struct vcpu *vcpu, const char *fmt, ...)
{
	char why[LOG_LINE_SIZE];
	va_list args;

	va_start(args, fmt);
	format_va(why, sizeof(why), fmt, args);
	va_end(args);
	log_guest(LOG_ERROR, vcpu->guest->name, "vCPU %u stopped: %s", vcpu->index, why);
	vcpu_dump(vcpu);
	return VERDICT_CRASH;
}

/* ---- the small ones */

static enum verdict exit_interrupt(struct vcpu *vcpu)
{
	(void)vcpu;
	cpu_take_interrupts();
	return VERDICT_RESUME;
}

static enum verdict exit_nmi(struct vcpu *vcpu)
{
	(void)vcpu;
	return VERDICT_RESUME;
}

/* What waited is looked at again before the next entry. */
static enum verdict exit_window(struct vcpu *vcpu)
{
	vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
	return VERDICT_RESUME;
}

static enum verdict exit_undefined(struct vcpu *vcpu)
{
	vcpu_raise(vcpu, VECTOR_UD);
	return VERDICT_RESUME;
}

/* WBINVD and INVD: no device of this guest bypasses the caches, and emptying them would slow all
 * the others down. */
static enum verdict exit_cache(struct vcpu *vcpu)
{
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}

/* On a CPU that is shared by weight: it waits for another vCPU, perhaps one that waits for this CPU (APM v2 15.14.4, SDM v3 26.1.3). */
static enum verdict exit_pause(struct vcpu *vcpu)
{
	if (vcpu->cpu && vcpu->cpu->sched) {
		vcpu->spins = true;
		vcpu_mark(vcpu, VCPU_REQUEST_YIELD);
	}
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}

/* RDPMC: counters that never count, as their MSRs say. */
static enum verdict exit_counter(struct vcpu *vcpu)
{
	vcpu->gpr[RAX] = vcpu->gpr[RDX] = 0;
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}

/* Intercepted so that a guest whose handler of it faults the same way again does not keep the CPU
 * for ever without an exit: it gets what it raised. */
static enum verdict exit_exception(struct vcpu *vcpu)
{
	if (vcpu->exit.exception.vector == VECTOR_MC)
		panic("machine check while guest %s ran", vcpu->guest->name);
	if (VECTORS_WITH_ERROR_CODE & BIT(vcpu->exit.exception.vector))
		vcpu_raise_error(vcpu, vcpu->exit.exception.vector, vcpu->exit.exception.error);
	else
		vcpu_raise(vcpu, vcpu->exit.exception.vector);
	return VERDICT_RESUME;
}

static enum verdict exit_triple_fault(struct vcpu *vcpu)
{
	return vcpu_crash(vcpu, "triple fault");
}

static enum verdict exit_invalid(struct vcpu *vcpu)
{
	return vcpu_crash(vcpu, "the CPU refused its state (%#llx)",
			  (unsigned long long)vcpu->exit.code);
}

static enum verdict exit_unknown(struct vcpu *vcpu)
{
	return vcpu_crash(vcpu, "exit of an unknown kind, %#llx",
			  (unsigned long long)vcpu->exit.code);
}

static enum verdict exit_task_switch(struct vcpu *vcpu)
{
	return vcpu_crash(vcpu, "it switches tasks by the TSS %#llx, which this processor leaves to others to do",
			  (unsigned long long)vcpu->exit.code);
}

exit_handler *const exit_table[EXIT_REASONS] = {
	[EXIT_INTERRUPT] = exit_interrupt,
	[EXIT_NMI] = exit_nmi,
	[EXIT_INTERRUPT_WINDOW] = exit_window,
	[EXIT_NMI_WINDOW] = exit_window,
	[EXIT_CPUID] = exit_cpuid,
	[EXIT_MSR] = exit_msr,
	[EXIT_PORT] = exit_port,
	[EXIT_MEMORY] = exit_memory,
	[EXIT_HLT] = exit_hlt,
	[EXIT_HYPERCALL] = exit_hypercall,
	[EXIT_CR] = exit_cr,
	[EXIT_XSETBV] = exit_xsetbv,
	[EXIT_CACHE] = exit_cache,
	[EXIT_PAUSE] = exit_pause,
	[EXIT_COUNTER] = exit_counter,
	[EXIT_UNDEFINED] = exit_undefined,
	[EXIT_EXCEPTION] = exit_exception,
	[EXIT_TRIPLE_FAULT] = exit_triple_fault,
	[EXIT_TASK_SWITCH] = exit_task_switch,
	[EXIT_INVALID] = exit_invalid,
	[EXIT_UNKNOWN] = exit_unknown,
};
