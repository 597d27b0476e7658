/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between the common part and a vendor's virtualization extension. A backend
 *
 *  - turns each exit of the processor into struct vcpu_exit (neutral, filled in before
 * exit_table[reason] is called from within its own loop), and always with the instruction's length
 * where the reason's comment names it: where the processor does not tell, it compares the bytes at
 * RIP, and resumes without advancing when they are not what the exit says;
 *  - keeps gpr[] of struct vcpu and what its pointers show (rip, rflags, shadow, entering) valid outside
 * the guest, cr3 in the exits whose comment names it, cr4 but for VCPU_CR4_OWN, and everything else behind the functions below;
 *  - injects the one event it is given, and reports one that was being delivered when the guest
 * stopped (vcpu_vectoring());
 *  - decides nothing: what an exit means, what is injected when, and what runs, is the caller's.
 *
 * boot/main.c picks one struct vcpu_backend; nothing else names a vendor.
 */
#ifndef CORE_VCPU_BACKEND_H
#define CORE_VCPU_BACKEND_H

#include "lib/status.h"
#include "mm/ptab.h"
#include "vcpu/vcpu.h"

/* bits 1:0: CPL */
enum vcpu_context {
	CONTEXT_CPL = 3u << 0,
	CONTEXT_LMA = 1u << 2,
	CONTEXT_PG = 1u << 3,
	CONTEXT_CS_L = 1u << 9,
	CONTEXT_CS_D = 1u << 10,
};

/* The default address size in bytes: 8, 4 or 2. Virtual-8086 mode has D clear. */
static inline uint8_t context_mode(uint32_t context)
{
	if (likely(context & CONTEXT_LMA && context & CONTEXT_CS_L))
		return 8;
	return context & CONTEXT_CS_D ? 4 : 2;
}

/* The emulator's and AMD's layout of a segment's attributes, from that of VMX access rights, which records have: bits 15:12 move
 * down to 11:8; an unusable one has none. */
static inline uint16_t segment_attributes(uint32_t rights)
{
	if (rights & BIT(16))
		return 0;
	return (uint16_t)((rights & 0xff) | (rights >> 4 & 0xf00));
}

/* Exceptions that exit: #MC is the machine's; #DB and #AC can repeat for ever without leaving the guest. */
#define VCPU_EXCEPTIONS (1u << VECTOR_MC | 1u << VECTOR_DB | 1u << VECTOR_AC)

/* The control registers that decide how the guest's addresses are walked; a snapshot. */
struct vcpu_paging {
	uint64_t cr0, cr3, cr4, efer;
	uint8_t cpl;
};

struct vcpu_tables { /* descriptor-table registers */
	uint64_t gdtr_base, idtr_base;
	uint32_t gdtr_limit, idtr_limit;
};

struct vcpu_backend {
	const char *name;    /* for the log: "AMD-V" */
	uint32_t vendor;     /* enum hv_vendor */
	uint32_t vcpu_size;  /* bytes of its state for a vCPU, 4 KiB aligned in whole frames */
	uint32_t guest_size; /* the same for a VM */
	const struct ptab_format *nested; /* format of nested page tables */

	/* Whether this machine has the extension and firmware lets it be used; logs why not. Once,
	 * on the boot CPU. */
	MUST_USE enum status (*probe)(void);
	/* Level of the largest leaf that nested tables may have here: 1 to 3. */
	uint32_t (*largest_page)(void);
	/* Turns the extension on for the calling CPU; `index` is its number. */
	MUST_USE enum status (*cpu_start)(uint32_t index);

	/* guest->arch and vcpu->arch point to zeroed memory of the sizes above. Permission maps
	 * from guest->msr. */
	MUST_USE enum status (*guest_create)(struct guest *guest);
	MUST_USE enum status (*vcpu_create)(struct vcpu *vcpu);
	/* The state that RESET leaves, or INIT (which keeps MSRs), SDM v3 table 10-1; gpr, rip and
	 * rflags are there already. */
	void (*vcpu_reset)(struct vcpu *vcpu, bool init);

	/* Enters the guest and stays in the loop until a verdict is not VERDICT_RESUME; interrupts
	 * are off on both sides. */
	enum verdict (*run)(struct vcpu *vcpu);

	/* Registers outside gpr[], rip and rflags. Numbers of control registers: 0, 2, 3, 4. Writes
	 * are not checked; set_efer keeps LMA in step with CR0.PG. */
	uint64_t (*get_cr)(const struct vcpu *vcpu, uint32_t number);
	void (*set_cr)(struct vcpu *vcpu, uint32_t number, uint64_t value);
	uint64_t (*get_efer)(const struct vcpu *vcpu);
	void (*set_efer)(struct vcpu *vcpu, uint64_t value);
	/* DR6 and DR7: the others are live state. */
	uint64_t (*get_dr)(const struct vcpu *vcpu, uint32_t number);
	void (*set_dr)(struct vcpu *vcpu, uint32_t number, uint64_t value);
	void (*get_paging)(const struct vcpu *vcpu, struct vcpu_paging *paging);
	/* How instructions are read at RIP, enum vcpu_context: what the fetch cache hangs on
	 * besides CR3. */
	uint32_t (*fetch_context)(const struct vcpu *vcpu);
	/* ES CS SS DS FS GS as the emulator wants them, in 64-bit code perhaps without the limits, bases and
	 * attributes that mean nothing there; valid until the next entry. */
	const struct emul_segment *(*segments)(const struct vcpu *vcpu);
	void (*set_segment)(struct vcpu *vcpu, enum hv_segment_id id,
			    const struct hv_segment *segment);
	void (*get_tables)(const struct vcpu *vcpu, struct vcpu_tables *tables);
	void (*set_tables)(struct vcpu *vcpu, const struct vcpu_tables *tables);
	/* MSRs that the extension switches with the guest (system-call, segment bases, PAT).
	 * STATUS_NOT_FOUND: not one. */
	MUST_USE enum status (*get_msr)(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
	MUST_USE enum status (*set_msr)(struct vcpu *vcpu, uint32_t msr, uint64_t value);

	/* Events. `inject` takes effect at the next entry; one at a time: *entering has VCPU_ENTERING from then until an exit. */
	void (*inject)(struct vcpu *vcpu, const struct vcpu_event *event);
	bool (*nmi_blocked)(const struct vcpu *vcpu); /* since an NMI was delivered, until IRET */
	/* Exit as soon as an interrupt, an NMI could go in; called with what is wanted from now on.
	 */
	void (*windows)(struct vcpu *vcpu, bool interrupt, bool nmi);
	void (*set_task_priority)(struct vcpu *vcpu, uint8_t cr8);

	/* From the next entry on the processor delivers the interrupts of the page that is returned, and ends
	 * them; or no more. NULL: it cannot. */
	struct irq_page *(*lend_apic)(struct vcpu *vcpu, enum irq_lending how);
	/* Any CPU, after it has set bits of irq_page.posted: the processor in the guest looks there, without an
	 * exit; else the vCPU's CPU does (VCPU_REQUEST_POSTED). */
	void (*post)(struct vcpu *vcpu);

	void (*set_tsc_offset)(struct vcpu *vcpu, uint64_t offset);
	/* This vCPU's cached translations are dropped before its next entry. */
	void (*flush)(struct vcpu *vcpu);
};

/* What the backend's loop calls; by enum exit_reason. */
typedef enum verdict exit_handler(struct vcpu *vcpu);
extern exit_handler *const exit_table[EXIT_REASONS];

#endif
