/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU was doing, as lines of the log: its registers, and what on its stack looks like the way it came.
 * There is no disk to put memory on; `preserve` keeps it where it is.
 */
#include "console/log.h"
#include "vcpu/exits.h"

/* How much of a stack is looked at, and how much of it is said. */
#define STACK_WORDS   512u
#define STACK_CALLERS 24u
#define CODE_LEAST    0x1000u /* below that, words are numbers */
#define CODE_REACH    0x40000000ull /* kernels have their code within 1 GiB */

static void dump_registers(const struct vcpu *vcpu)
{
	static const char *const names[GPRS] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
						"rsi", "rdi", "r8 ", "r9 ", "r10", "r11",
						"r12", "r13", "r14", "r15"};
	const uint64_t *r = vcpu->gpr;

	for (int i = 0; i < GPRS; i += 4)
		log_guest(LOG_ERROR, vcpu->guest->name, "  %s %016llx  %s %016llx  %s %016llx  %s %016llx",
			  names[i], (unsigned long long)r[i], names[i + 1],
			  (unsigned long long)r[i + 1], names[i + 2], (unsigned long long)r[i + 2],
			  names[i + 3], (unsigned long long)r[i + 3]);
}

static void dump_system(const struct vcpu *vcpu)
{
	static const char names[EMUL_SEGMENTS][3] = {"es", "cs", "ss", "ds", "fs", "gs"};
	const struct emul_segment *s = vcpu->backend->segments(vcpu);
	const char *guest = vcpu->guest->name;
	struct vcpu_tables t;
	struct vcpu_paging p;

	vcpu->backend->get_paging(vcpu, &p);
	vcpu->backend->get_tables(vcpu, &t);
	log_guest(LOG_ERROR, guest,
		  "  rip %016llx  rflags %llx  cr0 %llx  cr2 %llx  cr3 %llx  cr4 %llx  efer %llx",
		  (unsigned long long)*vcpu->rip, (unsigned long long)*vcpu->rflags,
		  (unsigned long long)p.cr0, (unsigned long long)vcpu->backend->get_cr(vcpu, 2),
		  (unsigned long long)p.cr3, (unsigned long long)p.cr4, (unsigned long long)p.efer);
	for (int i = 0; i < EMUL_SEGMENTS; i++)
		log_guest(LOG_ERROR, guest, "  %s %04x base %016llx limit %08x attributes %03x",
			  names[i], s[i].selector, (unsigned long long)s[i].base, s[i].limit,
			  s[i].attributes);
	log_guest(LOG_ERROR, guest, "  gdtr %016llx+%x  idtr %016llx+%x",
		  (unsigned long long)t.gdtr_base, t.gdtr_limit, (unsigned long long)t.idtr_base,
		  t.idtr_limit);
}

static bool walk(struct vcpu *vcpu, const struct guest_paging *paging, uint64_t linear, uint32_t access,
		 uint64_t *gpa)
{
	uint32_t error;

	return guest_walk(vcpu->guest->memory, paging, linear, access | GUEST_PROBE, gpa, &error) == STATUS_OK;
}

/*
 * The words of the stack that point into code near RIP. Kernels have no frame pointers any more, so some of these may
 * be left from earlier calls.
 */
static void dump_stack(struct vcpu *vcpu)
{
	uint64_t rsp = vcpu->gpr[RSP] & ~7ull, gpa, word;
	struct guest_paging paging;
	uint32_t said = 0;

	vcpu_guest_paging(vcpu, &paging);
	for (uint32_t i = 0; i < STACK_WORDS && said < STACK_CALLERS; i++) {
		if (!walk(vcpu, &paging, rsp + 8 * i, GUEST_READ, &gpa) ||
		    memory_read(vcpu->guest->memory, gpa, &word, 8) != STATUS_OK)
			break;
		if (word < CODE_LEAST || word - *vcpu->rip + CODE_REACH >= 2 * CODE_REACH ||
		    !walk(vcpu, &paging, word, GUEST_FETCH, &gpa))
			continue;
		log_guest(LOG_ERROR, vcpu->guest->name, "  stack+%03x: %016llx", 8 * i, (unsigned long long)word);
		said++;
	}
}

void vcpu_dump(struct vcpu *vcpu)
{
	dump_registers(vcpu);
	dump_system(vcpu);
	if (vcpu_mode_bytes(vcpu) == 8)
		dump_stack(vcpu);
}
