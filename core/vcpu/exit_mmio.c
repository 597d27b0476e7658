/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to guest physical addresses that are not plain memory, and string I/O: the instruction
 * at RIP is carried out by the emulator, with these effects.
 *
 *	linear ── exit's own address, or guest_walk() ──► gpa
 *	gpa ──► RAM       memory_read(), memory_write()
 *	    ──► MMIO bus  one handler call for each 8 bytes at most
 *	    ──► ROM       reads; writes vanish, logged
 *	    ──► else      all ones; writes vanish, logged
 *
 * Bytes of the instruction are read once, into a buffer, before anything looks at them.
 */
#include "blob/blob.h"
#include "console/log.h"
#include "lib/string.h"
#include "space/guest_walk.h"
#include "vcpu/exits.h"
#include "vcpu/vector.h"
#include "x86/cr.h"

struct emulation {
	struct vcpu *vcpu;
	const struct bus_range *range; /* the exit's address is in it; NULL: unknown */
	uint32_t context;
	bool paging_known;
	bool stop;
	struct guest_paging paging;
};

static struct emulation *emulation_of(struct emul_cpu *cpu)
{
	return cpu->context;
}

static const struct guest_paging *paging_of(struct emulation *e)
{
	if (!e->paging_known)
		vcpu_guest_paging(e->vcpu, &e->paging);
	e->paging_known = true;
	return &e->paging;
}

static enum emul_outcome page_fault(struct emul_cpu *cpu, uint64_t linear, uint32_t error)
{
	cpu->fault = (struct emul_fault){
		.vector = VECTOR_PF, .has_error = true, .error = error, .cr2 = linear};
	return EMUL_FAULT;
}

/* Whether this is the access that the exit reported. */
static bool is_exit_access(const struct emulation *e, uint64_t linear, uint32_t size,
			   uint32_t access)
{
	const struct vcpu_exit *exit = &e->vcpu->exit;

	return exit->reason == EXIT_MEMORY && access & EMUL_ACCESS_SOLE &&
	       !((linear ^ exit->memory.gpa) & (PAGE_SIZE - 1)) &&
	       (linear & (PAGE_SIZE - 1)) + size <= PAGE_SIZE;
}

static enum emul_outcome translate(struct emul_cpu *cpu, uint64_t linear, bool write, uint64_t *gpa)
{
	struct emulation *e = emulation_of(cpu);
	uint32_t error;
	enum status s;

	s = guest_walk(e->vcpu->guest->memory, paging_of(e), linear,
		       write ? GUEST_WRITE : GUEST_READ, gpa, &error);
	if (s == STATUS_OK)
		return EMUL_DONE;
	return s == STATUS_FAULT ? page_fault(cpu, linear, error) : EMUL_UNHANDLED;
}

/* ---- one piece of an access that lies within a page */

/* The YAML meaning of an address where nothing answers. */
static void log_unanswered(struct vcpu *vcpu, uint64_t gpa, bool write,
			   const struct memory_extent *extent)
{
	char place[BLOB_PLACE_SIZE] = "";
	const struct blob *b = machine_blob;
	uint32_t position = extent ? extent->region->position : vcpu->guest->record->position;
	const char *what = !extent ? "no memory or device of this guest"
			   : extent->region->kind == HV_REGION_ROM    ? "read-only memory"
			   : extent->region->kind == HV_REGION_SHARED ? "shared memory it may only read"
								      : "a reserved range";

	if (vcpu->guest->unanswered >= GUEST_UNANSWERED_LOGGED)
		return;
	vcpu->guest->unanswered++;
	log_guest(LOG_WARNING, vcpu->guest->name, "%s 0x%llx at rip 0x%llx: %s%s",
		  write ? "write to" : "read of", (unsigned long long)gpa,
		  (unsigned long long)*vcpu->rip, what, b ? blob_place(b, position, place) : "");
}

/* Splits into handler calls of 1, 2, 4 or 8 bytes, none larger than what is left or its alignment
 * allows. */
static uint32_t bus_step(uint64_t gpa, uint32_t size)
{
	uint32_t step = 8;

	while (step > size || (step > 1 && gpa & (step - 1) && step != size))
		step /= 2;
	return step;
}

/* 1, 2, 4 or 8 bytes as a number and back: copies of constant size are single moves. */
static inline uint64_t number_at(const uint8_t *data, uint32_t size)
{
	uint64_t value = 0;

	if (size == 4)
		memcpy(&value, data, 4);
	else if (size == 8)
		memcpy(&value, data, 8);
	else if (size == 2)
		memcpy(&value, data, 2);
	else
		value = *data;
	return value;
}

static inline void put_number(uint8_t *data, uint32_t size, uint64_t value)
{
	if (size == 4)
		memcpy(data, &value, 4);
	else if (size == 8)
		memcpy(data, &value, 8);
	else if (size == 2)
		memcpy(data, &value, 2);
	else
		*data = (uint8_t)value;
}

/* One handler call. */
static inline enum emul_outcome bus_call(struct emulation *e, const struct bus_range *range,
					 uint64_t gpa, uint8_t *data, uint32_t size, bool write)
{
	struct bus_access access; /* field by field: this is one of the paths that count */
	enum access_result result;

	access.vcpu = e->vcpu;
	access.address = gpa;
	access.size = (uint8_t)size;
	access.write = write;
	access.value = write ? number_at(data, size) : 0;
	result = vcpu_bus_access(e->vcpu, range, &access);
	if (unlikely(result > ACCESS_NONE)) {
		e->stop = true;
		return EMUL_UNHANDLED;
	}
	if (!write)
		put_number(data, size, result == ACCESS_NONE ? ~0ULL : access.value);
	return EMUL_DONE;
}

static COLD enum emul_outcome nothing_there(struct emulation *e, uint64_t gpa, uint8_t *data,
					    uint32_t size, bool write)
{
	log_unanswered(e->vcpu, gpa, write, memory_find(e->vcpu->guest->memory, gpa));
	if (!write)
		put_number(data, size, ~0ULL);
	return EMUL_DONE;
}

static enum emul_outcome bus_piece(struct emulation *e, uint64_t gpa, uint8_t *data, uint32_t size,
				   bool write)
{
	struct vcpu *vcpu = e->vcpu;
	enum emul_outcome outcome = EMUL_DONE;

	while (size && outcome == EMUL_DONE) {
		uint32_t step = bus_step(gpa, size);
		const struct bus_range *range = bus_find_near(&vcpu->guest->bus[GUEST_MMIO], gpa,
							      step, &vcpu->bus_hint[GUEST_MMIO]);

		outcome = likely(range) ? bus_call(e, range, gpa, data, step, write)
					: nothing_there(e, gpa, data, step, write);
		data += step;
		gpa += step;
		size -= step;
	}
	return outcome;
}

static enum emul_outcome piece(struct emulation *e, uint64_t gpa, uint8_t *data, uint32_t size,
			       bool write)
{
	struct memory *memory = e->vcpu->guest->memory;
	const struct memory_extent *extent = memory_find(memory, gpa);
	enum status s;

	if (!extent || !extent->host)
		return bus_piece(e, gpa, data, size, write);
	s = write ? memory_write(memory, gpa, data, size) : memory_read(memory, gpa, data, size);
	if (s != STATUS_OK)
		log_unanswered(e->vcpu, gpa, write, extent);
	return EMUL_DONE;
}

/* Asks the write guard for both parts of a write before either is done. EMUL_DONE: it may be done;
 * *refused: it may not, and that was the end of it. */
static COLD enum emul_outcome ask_guard(struct emul_cpu *cpu, uint64_t linear, const uint64_t gpa[2],
					const uint32_t size[2], bool *refused)
{
	struct emulation *e = emulation_of(cpu);
	enum emul_outcome outcome;

	for (uint32_t i = 0; i < 2 && size[i]; i++) {
		const struct hv_guard *guard =
			guard_refuses(&e->vcpu->guest->memory->guard, gpa[i], size[i]);

		if (!guard)
			continue;
		*refused = true;
		outcome = refused_write(e->vcpu, guard, gpa[i], size[i], linear, &cpu->fault);
		if (outcome == EMUL_UNHANDLED) {
			char place[BLOB_PLACE_SIZE] = "";

			vcpu_crash(e->vcpu, "it may not write to 0x%llx: %s%s",
				   (unsigned long long)gpa[i], blob_string(machine_blob, guard->name),
				   blob_place(machine_blob, guard->position, place));
			e->stop = true;
		}
		return outcome;
	}
	return EMUL_DONE;
}

/* Both parts of an access; the second may have no bytes. */
static enum emul_outcome pieces(struct emul_cpu *cpu, uint64_t linear, const uint64_t gpa[2],
				const uint32_t size[2], uint8_t *data, bool write)
{
	struct emulation *e = emulation_of(cpu);
	enum emul_outcome outcome = EMUL_DONE;
	bool refused = false;

	if (unlikely(write && guard_watches(&e->vcpu->guest->memory->guard)))
		outcome = ask_guard(cpu, linear, gpa, size, &refused);
	if (refused)
		return outcome;
	outcome = piece(e, gpa[0], data, size[0], write);
	if (outcome == EMUL_DONE && size[1])
		outcome = piece(e, gpa[1], data + size[0], size[1], write);
	return outcome;
}

/* The access of the exit itself: mostly a register of the range that exit_memory() found. */
static enum emul_outcome exit_piece(struct emul_cpu *cpu, uint64_t linear, uint8_t *data,
				    uint32_t size, bool write)
{
	struct emulation *e = emulation_of(cpu);
	uint64_t gpa = e->vcpu->exit.memory.gpa;

	if (likely(e->range && size <= 8 && !(gpa & (size - 1)) &&
		   size - 1 <= e->range->last - gpa))
		return bus_call(e, e->range, gpa, data, size, write);
	return pieces(cpu, linear, (uint64_t[2]){gpa}, (uint32_t[2]){size}, data, write);
}

/* ---- the emulator's effects */

static enum emul_outcome access_memory(struct emul_cpu *cpu, uint64_t linear, uint8_t *data,
				       uint32_t size, uint32_t access, bool write)
{
	struct emulation *e = emulation_of(cpu);
	uint32_t first = (uint32_t)min_of((uint64_t)size, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
	bool as_write = write || access & EMUL_ACCESS_UPDATE;
	enum emul_outcome outcome;
	uint64_t gpa[2] = {0};

	if (likely(is_exit_access(e, linear, size, access)))
		return exit_piece(cpu, linear, data, size, write);
	outcome = translate(cpu, linear, as_write, &gpa[0]);
	if (outcome == EMUL_DONE && first < size)
		outcome = translate(cpu, linear + first, as_write, &gpa[1]);
	if (outcome != EMUL_DONE || access & EMUL_ACCESS_PROBE)
		return outcome;
	return pieces(cpu, linear, gpa, (uint32_t[2]){first, size - first}, data, write);
}

static enum emul_outcome op_read(struct emul_cpu *cpu, uint64_t linear, void *data, uint32_t size,
				 uint32_t access)
{
	return access_memory(cpu, linear, data, size, access, false);
}

static enum emul_outcome op_write(struct emul_cpu *cpu, uint64_t linear, const void *data,
				  uint32_t size, uint32_t access)
{
	/* A write does not change it. */
	return access_memory(cpu, linear, (uint8_t *)(uintptr_t)data, size, access, true);
}

/* The bytes at gpa from *found, which becomes what was there, to those desired. */
static enum status exchange(struct memory *memory, uint64_t gpa, uint32_t size, uint64_t found[2],
			    const uint64_t desired[2])
{
	return size > 8 ? memory_compare_exchange_16(memory, gpa, found, desired)
			: memory_compare_exchange(memory, gpa, size, found, *desired);
}

/* RAM: atomic. Elsewhere a bus has no locked cycle that anyone could observe: a plain write; so is
 * an operand of two pages, one of which is no RAM, and one that is refused. */
static enum emul_outcome op_exchange(struct emul_cpu *cpu, uint64_t linear, const void *expected,
				     const void *desired, uint32_t size, uint32_t access)
{
	struct emulation *e = emulation_of(cpu);
	struct memory *memory = e->vcpu->guest->memory;
	uint64_t gpa, found[2] = {0}, new[2] = {0};
	enum emul_outcome outcome;
	const struct memory_extent *extent;
	enum status s;

	outcome = translate(cpu, linear, true, &gpa);
	if (outcome != EMUL_DONE)
		return outcome;
	extent = memory_find(memory, gpa);
	if (!extent || !extent->host || !memory_writable(extent) ||
	    (linear & (PAGE_SIZE - 1)) + size > PAGE_SIZE)
		return op_write(cpu, linear, desired, size, access);
	memcpy(found, expected, size);
	memcpy(new, desired, size);
	s = exchange(memory, gpa, size, found, new);
	if (s == STATUS_FAULT)
		return op_write(cpu, linear, desired, size, access);
	if (s != STATUS_OK)
		return EMUL_UNHANDLED;
	return memcmp(found, expected, size) ? EMUL_RETRY : EMUL_DONE;
}

static enum emul_outcome port_outcome(struct emulation *e, enum access_result result)
{
	if (result == ACCESS_DONE || result == ACCESS_NONE)
		return EMUL_DONE;
	e->stop = true;
	return EMUL_UNHANDLED;
}

static enum emul_outcome op_port_in(struct emul_cpu *cpu, uint16_t port, uint32_t *value,
				    uint32_t size)
{
	struct emulation *e = emulation_of(cpu);
	uint64_t wide = 0;
	enum access_result result = port_access(e->vcpu, port, size, false, &wide);

	*value = (uint32_t)wide;
	return port_outcome(e, result);
}

static enum emul_outcome op_port_out(struct emul_cpu *cpu, uint16_t port, uint32_t value,
				     uint32_t size)
{
	struct emulation *e = emulation_of(cpu);
	uint64_t wide = value;

	return port_outcome(e, port_access(e->vcpu, port, size, true, &wide));
}

static enum emul_outcome op_vector_read(struct emul_cpu *cpu, uint32_t number, void *data,
					uint32_t size)
{
	return vcpu_vector_read(emulation_of(cpu)->vcpu, number, data, size) ? EMUL_DONE :
									       EMUL_UNHANDLED;
}

static enum emul_outcome op_vector_write(struct emul_cpu *cpu, uint32_t number, const void *data,
					 uint32_t size, uint32_t clear_to)
{
	return vcpu_vector_write(emulation_of(cpu)->vcpu, number, data, size, clear_to) ?
		       EMUL_DONE :
		       EMUL_UNHANDLED;
}

static enum emul_outcome op_mask_read(struct emul_cpu *cpu, uint32_t number, uint32_t bits,
				      uint64_t *mask)
{
	return vcpu_opmask_read(emulation_of(cpu)->vcpu, number, bits, mask) ? EMUL_DONE :
									       EMUL_UNHANDLED;
}

static enum emul_outcome op_lmsw(struct emul_cpu *cpu, uint16_t value)
{
	if (exit_lmsw(emulation_of(cpu)->vcpu, value))
		return EMUL_DONE;
	cpu->fault = (struct emul_fault){.vector = VECTOR_GP, .has_error = true};
	return EMUL_FAULT;
}

static const struct emul_ops effects = {
	.read = op_read,
	.write = op_write,
	.exchange = op_exchange,
	.port_in = op_port_in,
	.port_out = op_port_out,
	.lmsw = op_lmsw,
	.vector_read = op_vector_read,
	.vector_write = op_vector_write,
	.mask_read = op_mask_read,
};

/* ---- one instruction */

/* The instruction's bytes: from the cached page where it holds them all, else by a walk. Returns
 * how many. */
static uint32_t fetch(struct emulation *e, const struct emul_cpu *cpu,
		      uint8_t bytes[EMUL_MAX_LENGTH + 1], uint32_t *error, uint64_t *at)
{
	struct vcpu *vcpu = e->vcpu;
	uint64_t linear = cpu->rip;
	const uint8_t *page = NULL;

	if (cpu->mode != 8)
		linear = (uint32_t)(linear + cpu->segments[EMUL_CS].base);
	*error = 0;
	if ((linear & (PAGE_SIZE - 1)) <= PAGE_SIZE - EMUL_MAX_LENGTH - 1)
		page = fetch_exact(&vcpu->fetch, linear, *vcpu->cr3, e->context);
	if (likely(page)) {
		memcpy(bytes, page + (linear & (PAGE_SIZE - 1)), EMUL_MAX_LENGTH + 1);
		return EMUL_MAX_LENGTH;
	}
	return guest_fetch(vcpu->guest->memory, paging_of(e), linear, bytes, EMUL_MAX_LENGTH,
			   &vcpu->fetch, e->context, error, at);
}

static enum verdict take_fault(struct vcpu *vcpu, const struct emul_fault *fault)
{
	if (fault->vector == VECTOR_PF)
		vcpu_raise_page_fault(vcpu, fault->error, fault->cr2);
	else if (fault->has_error)
		vcpu_raise_error(vcpu, fault->vector, fault->error);
	else
		vcpu_raise(vcpu, fault->vector);
	return VERDICT_RESUME;
}

static enum verdict not_emulated(struct emulation *e, const uint8_t *bytes, uint32_t count)
{
	char text[3 * EMUL_MAX_LENGTH + 1] = "";

	if (e->stop)
		return VERDICT_CRASH;
	for (uint32_t i = 0; i < count && i < EMUL_MAX_LENGTH; i++) {
		static const char digits[] = "0123456789abcdef";

		text[3 * i] = digits[bytes[i] >> 4];
		text[3 * i + 1] = digits[bytes[i] & 15];
		text[3 * i + 2] = i + 1 < count ? ' ' : 0;
	}
	return vcpu_crash(e->vcpu, "cannot emulate the instruction %s%s 0x%llx", text,
			  e->vcpu->exit.reason == EXIT_MEMORY ? " on address" : " on port",
			  (unsigned long long)(e->vcpu->exit.reason == EXIT_MEMORY
						       ? e->vcpu->exit.memory.gpa
						       : e->vcpu->exit.port.number));
}

static enum verdict finish(struct vcpu *vcpu, const struct emul_cpu *cpu, bool stepping)
{
	*vcpu->rip = cpu->rip;
	*vcpu->rflags = cpu->rflags;
	*vcpu->shadow = 0;
	if (unlikely(stepping))
		vcpu_advance(vcpu, 0); /* the single-step trap */
	return VERDICT_RESUME;
}

/* The fetch ended inside the instruction: the page behind faults, or is no memory and reads all
 * ones: #UD. */
static enum verdict short_fetch(struct vcpu *vcpu, uint32_t error, uint64_t at)
{
	if (error)
		vcpu_raise_page_fault(vcpu, error, at);
	else
		vcpu_raise(vcpu, VECTOR_UD);
	return VERDICT_RESUME;
}

static enum verdict emulate(struct emulation *e)
{
	struct vcpu *vcpu = e->vcpu;
	struct emul_cpu cpu = {
		.regs = vcpu->gpr,
		.segments = vcpu->backend->segments(vcpu),
		.rip = *vcpu->rip,
		.rflags = *vcpu->rflags,
		.mode = context_mode(e->context),
		.linear_bits = *vcpu->cr4 & CR4_LA57 ? 57 : 48,
		.ops = &effects,
		.context = e,
		.cache = &vcpu->decoded,
	};
	uint8_t bytes[EMUL_MAX_LENGTH + 1];
	uint64_t at = 0;
	uint32_t error, count = fetch(e, &cpu, bytes, &error, &at);

	switch (emul_run(&cpu, bytes, count)) {
	case EMUL_DONE:
		return finish(vcpu, &cpu, *vcpu->rflags & RFLAGS_TF);
	case EMUL_REPEAT: /* interrupts, and other vCPUs' requests, between portions */
		return finish(vcpu, &cpu, false);
	case EMUL_FAULT:
		return take_fault(vcpu, &cpu.fault);
	case EMUL_RETRY:
		return VERDICT_RESUME;
	case EMUL_SHORT:
		return short_fetch(vcpu, error, at);
	default:
		return not_emulated(e, bytes, count);
	}
}

enum verdict exit_emulate(struct vcpu *vcpu)
{
	struct emulation e = {.vcpu = vcpu, .context = vcpu->backend->fetch_context(vcpu)};

	return emulate(&e);
}

/* The CPU wants to mark an entry of the guest's page tables as accessed, or as dirty when it is that
 * already, on a page that is closed in part. */
static COLD enum verdict mark_entry(struct vcpu *vcpu, const struct hv_guard *guard)
{
	struct memory *memory = vcpu->guest->memory;
	uint64_t gpa = vcpu->exit.memory.gpa & ~3ULL;
	struct emul_fault ignored;
	uint32_t entry = 0, found;
	bool readable = memory_read(memory, gpa, &entry, sizeof(entry)) == STATUS_OK;

	/* To some processors each step of a walk is a write (APM v2 15.25.6). */
	if (readable && !(~entry & (PTE_ACCESSED | PTE_DIRTY)))
		return vcpu_crash(vcpu, "page tables at 0x%llx, in the page of %s: this processor walks only those it may write",
				  (unsigned long long)gpa, blob_string(machine_blob, guard->name));
	if (readable &&
	    memory_compare_exchange32(memory, gpa, entry,
				      entry | (entry & PTE_ACCESSED ? PTE_DIRTY : PTE_ACCESSED),
				      &found) == STATUS_OK)
		return VERDICT_RESUME;
	refused_write(vcpu, guard, gpa, sizeof(entry), 0, &ignored);
	return vcpu_crash(vcpu, "its page-table entry at 0x%llx cannot be marked as used",
			  (unsigned long long)gpa);
}

static COLD enum verdict not_a_register(struct vcpu *vcpu)
{
	const struct memory_extent *extent;
	const struct hv_guard *guard =
		guard_of_page(&vcpu->guest->memory->guard, vcpu->exit.memory.gpa);

	/* The CPU itself was delivering an event, or walking the guest's tables, where the guest
	 * has no memory to write. */
	if (unlikely(vcpu->vectoring.valid))
		return vcpu_crash(vcpu,
				  "an event could not be delivered: its tables or stack are at "
				  "0x%llx, which %s",
				  (unsigned long long)vcpu->exit.memory.gpa,
				  guard ? "is guarded" : "is no RAM");
	if (unlikely(vcpu->exit.memory.table_walk && guard))
		return mark_entry(vcpu, guard);
	if (unlikely(vcpu->exit.memory.table_walk))
		return vcpu_crash(vcpu, "page tables at 0x%llx, which is no writable RAM",
				  (unsigned long long)vcpu->exit.memory.gpa);
	if (unlikely(vcpu->exit.memory.fetch)) {
		if (guest_log_once(vcpu->guest, LOGGED_FETCH))
			log_guest(LOG_WARNING, vcpu->guest->name,
				  "code fetched from 0x%llx, where there is none",
				  (unsigned long long)vcpu->exit.memory.gpa);
		vcpu_raise(vcpu, VECTOR_UD);
		return VERDICT_RESUME;
	}
	if (guard && vcpu->exit.memory.write)
		return exit_emulate(vcpu);
	extent = memory_find(vcpu->guest->memory, vcpu->exit.memory.gpa);
	if (unlikely(extent && extent->host && memory_writable(extent))) {
		/* It is mapped: a translation older than that. */
		vcpu->backend->flush(vcpu);
		return VERDICT_RESUME;
	}
	return exit_emulate(vcpu);
}

enum verdict exit_memory(struct vcpu *vcpu)
{
	uint64_t gpa = vcpu->exit.memory.gpa;
	struct emulation e;

	e.range = bus_find_near(&vcpu->guest->bus[GUEST_MMIO], gpa, 1, &vcpu->bus_hint[GUEST_MMIO]);
	if (unlikely(!e.range || vcpu->vectoring.valid || vcpu->exit.memory.table_walk ||
		     vcpu->exit.memory.fetch))
		return not_a_register(vcpu);
	e.vcpu = vcpu;
	e.context = vcpu->backend->fetch_context(vcpu);
	e.paging_known = e.stop = false;
	return emulate(&e);
}
