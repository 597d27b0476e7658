/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu/ is the life of one virtual CPU, whatever the vendor: what an exit means, what may be
 * injected when, and which state stays live in a CPU. It knows guests as struct guest (what all
 * vCPUs of a VM share) and the backend as the contract of backend.h; it knows no VMCB, no VMCS, no
 * device and nothing of scheduling.
 *
 *     sched ── backend->run() ──► entry loop ──► exit_table[reason](vcpu) ──► verdict
 *       ▲                              ▲                                         │
 *       │                              └── VERDICT_RESUME ◄──────────────────────┤
 *       └───────────────────────────────── anything else ◄───────────────────────┘
 *
 * Everything another CPU may ask of a vCPU is a bit of `request`: set by vcpu_request(), looked at
 * before each entry.
 */
#ifndef CORE_VCPU_VCPU_H
#define CORE_VCPU_VCPU_H

#include "emul/emul.h"
#include "lib/bits.h"
#include "lib/spinlock.h"
#include "lib/status.h"
#include "schema/hvblob.h"
#include "space/bus.h"
#include "space/guest_walk.h"
#include "space/memory.h"
#include "vcpu/irq_chip.h"
#include "x86/cr.h"

struct percpu;
struct vcpu;
struct vcpu_backend;

/* General registers by their encoding. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPRS };

/* What may be asked of a vCPU: bits of `request`. */
enum vcpu_request {
	VCPU_REQUEST_EVENT = 1u << 0,   /* look at the queue of events and at the local APIC */
	VCPU_REQUEST_NMI = 1u << 1,     /* NMIs were signalled: nmi_signalled counts them */
	VCPU_REQUEST_INIT = 1u << 2,
	VCPU_REQUEST_STARTUP = 1u << 3, /* startup_vector says where */
	VCPU_REQUEST_PARK = 1u << 4,    /* leave the guest and stay out: the VM is being stopped */
	VCPU_REQUEST_FLUSH = 1u << 5,   /* mappings changed: drop this vCPU's translations */
	VCPU_REQUEST_OFFSET = 1u << 6,  /* the TSC offset changed */
	VCPU_REQUEST_YIELD = 1u << 7,   /* out to the scheduler, whose own bit it is */
	VCPU_REQUEST_UNHALT = 1u << 8,  /* wake from this HLT, or do not sleep in the next one */
	/* As EVENT, but it may stay while the guest runs on (vcpu_backend.post): no kick goes with it. */
	VCPU_REQUEST_POSTED = 1u << 9,
	VCPU_REQUEST_WORK = 1u << 10,   /* a device of the VM has something to do */
};

/* Where a vCPU is in its life; written by its own CPU or while it is parked. */
enum vcpu_activity {
	VCPU_PARKED,       /* out of the guest; its VM is stopped or being restarted */
	VCPU_WAIT_STARTUP, /* after INIT: only a start-up IPI (or INIT) moves it */
	VCPU_ACTIVE,
	VCPU_HALTED, /* HLT: an event makes it active */
};

/* What an exit handler, or the entry loop, decides. */
enum verdict {
	VERDICT_RESUME,
	VERDICT_LEAVE, /* out to the scheduler: activity or requests say why */
	VERDICT_CRASH, /* the guest is beyond help; the reason was logged */
};

/* An exception, NMI, interrupt or software interrupt on its way into the guest. */
/* the encoding of APM v2 15.20 and SDM v3 25.8.3, as far as they agree */
enum vcpu_event_type {
	EVENT_INTERRUPT = 0,
	EVENT_NMI = 2,
	EVENT_EXCEPTION = 3,
	EVENT_SOFTWARE = 4, /* INT n, INT3, INTO: needs the instruction's length */
};

struct vcpu_event {
	bool valid;
	bool has_error;
	uint8_t type; /* enum vcpu_event_type */
	uint8_t vector;
	uint8_t length; /* EVENT_SOFTWARE */
	uint32_t error;
};

/* Why the guest stopped. The backend fills in what its reason's comment names, before it calls
 * exit_table[]. */
enum exit_reason {
	EXIT_UNKNOWN,          /* code: a reason that the backend does not know */
	EXIT_INTERRUPT,        /* a physical interrupt is pending: let it in */
	EXIT_NMI,              /* a physical NMI: it has been taken by then */
	EXIT_INTERRUPT_WINDOW, /* what was waiting for IF and no shadow can go in now */
	EXIT_NMI_WINDOW,       /* NMIs are no longer blocked */
	EXIT_CPUID,            /* length */
	EXIT_MSR,              /* length, write */
	EXIT_PORT,             /* length, port; a string: cr3 */
	EXIT_MEMORY,           /* memory, cr3 */
	EXIT_HLT,              /* length */
	EXIT_HYPERCALL,        /* length */
	EXIT_CR,               /* length, cr */
	EXIT_XSETBV,           /* length */
	EXIT_CACHE,            /* length: WBINVD, INVD */
	EXIT_PAUSE,            /* length */
	EXIT_COUNTER,          /* length: RDPMC */
	EXIT_UNDEFINED,        /* an instruction that this guest does not have: #UD */
	EXIT_EXCEPTION,        /* exception */
	EXIT_TRIPLE_FAULT,
	EXIT_TASK_SWITCH, /* code: the selector of the other task's TSS; only where the CPU cannot switch by itself */
	EXIT_INVALID, /* the CPU refused the guest's state */
	EXIT_REASONS,
};

struct vcpu_exit {
	uint32_t reason; /* enum exit_reason */
	uint32_t length; /* of the instruction at RIP */
	union {
		bool write; /* EXIT_MSR */
		struct {
			uint16_t number;
			uint8_t size; /* 1, 2, 4 */
			bool in;
			bool string; /* INS, OUTS: decode it */
		} port;
		struct {
			uint64_t gpa;
			bool write, fetch;
			bool table_walk; /* the CPU's own access, to a page table of the guest */
		} memory;
		struct {
			uint8_t number; /* 0, 3, 4, 8 */
			uint8_t reg;    /* general register, when decoded; else 0xff */
			bool write;
			bool decoded;
		} cr;
		struct {
			uint8_t vector;
			uint32_t error;
			uint64_t address; /* page fault: CR2; debug: DR6 */
		} exception;
		uint64_t code;
	};
};

/* Leaf after policy, host and closure: only the dynamic fields remain to be filled in. */
struct cpuid_entry {
	uint32_t value[4]; /* eax ebx ecx edx */
	uint32_t dynamic;  /* enum hv_cpuid_dynamic */
	uint16_t flags;    /* enum hv_cpuid_flags */
	uint16_t subleaves;
};

struct cpuid_table {
	uint32_t limit[HV_CPUID_RANGES]; /* leaves indexed in each range */
	const uint16_t *index[HV_CPUID_RANGES];
	struct cpuid_entry *entries;
	uint32_t count;
	uint32_t flags; /* enum hv_policy_flags */
};

/* Where the components of XSAVE lie on this machine. */
#define XSAVE_COMPONENTS 63
struct xsave_layout {
	uint64_t supported;  /* XCR0 bits the machine has */
	uint64_t supervisor; /* XSS bits the machine has */
	uint64_t aligned;    /* components on 64-byte boundaries in the compacted form */
	uint32_t size[XSAVE_COMPONENTS];
	uint32_t offset[XSAVE_COMPONENTS];
};

/* The MSRs of a guest, sorted: policy record and handler in one row. */
struct msr_entry {
	uint32_t first, last;
	uint8_t read, write; /* enum hv_msr_action */
	uint32_t slot;
	uint64_t reset;
	uint64_t write_mask;
	uint32_t locked;      /* the handler wants the device lock */
	bus_handler *handler; /* HV_MSR_HANDLER, from the range that answers */
	void *context;
	const struct hv_msr *record;
};

struct msr_table {
	struct msr_entry *entries;
	uint32_t count;
	uint32_t flags; /* enum hv_policy_flags */
};

/* What all vCPUs of one VM share, as this layer sees it: the first member of struct vm. */
enum guest_bus { GUEST_PORT, GUEST_MMIO, GUEST_MSR, GUEST_BUSES };

/* After so many lines of accesses to nothing a guest has said what it has to say. */
#define GUEST_UNANSWERED_LOGGED 8

struct guest {
	const char *name;
	const struct hv_guest *record;
	const struct hv_cpu_policy *policy;
	struct memory *memory;
	struct bus bus[GUEST_BUSES];
	struct spinlock device_lock;
	struct cpuid_table cpuid;
	struct msr_table msr;
	uint64_t xcr0, xss, cr4,
		efer;                /* what the guest may set: policy, host and closure applied */
	uint64_t host_cr4;           /* CR4 bits that the machine has */
	uint64_t tsc_offset;         /* guest = host + offset, of the VM */
	uint32_t tsc_khz, lapic_khz; /* of its TSC and its local APIC timer */
	uint32_t vcpu_count;
	struct vcpu **vcpus;
	uint32_t logged;     /* enum guest_logged: said once */
	uint32_t unanswered; /* accesses where nothing is, logged so far */
	uint32_t unlisted;   /* MSRs outside its policy, logged so far */
	uint32_t refused_writes; /* atomic: by the write guard */
	/* The VM's part of what its vCPUs' CPUs find (vm/vm.c): a vCPU has left its guest and stays
	 * out; a vCPU crashed. */
	void (*parked)(struct vcpu *vcpu);
	void (*crashed)(struct vcpu *vcpu);
	/* A vCPU that shares its CPU gets it, after it has waited for vcpu->stolen in all, or loses it. NULL: nobody asks. */
	void (*scheduled)(void *context, uint32_t vcpu, bool running);
	void *scheduled_context;
	/* A write that was refused is told to an observer; the calls by which an observer hears of them, and what RAX is then. NULL:
	 * it is none. */
	void (*refused)(struct vcpu *vcpu, const struct hv_guard *guard, uint64_t gpa, uint32_t size);
	uint64_t (*events_call)(struct vcpu *vcpu, uint64_t number, const uint64_t argument[2]);
	/* What RAX is after a hypercall from CPL 0. NULL: all are unknown. */
	uint64_t (*hypercall)(void *context, uint64_t number, const uint64_t argument[4], bool wide);
	void *hypercall_context;
	/* Devices do what they were asked for, in part; returns whether something is left. */
	bool (*work)(struct vcpu *vcpu);
	/* What the backend keeps for the VM (permission maps, identifiers). */
	void *arch;
};

/* What a guest may change in CR4 without an exit, where its policy has it: bits that kernels write now and then, and that say
 * nothing of how addresses and instructions work. */
#define VCPU_CR4_OWN (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PGE | CR4_PCE)

#define VCPU_ENTERING BIT(31) /* the valid bit of either vendor's field */

struct vcpu {
	/* Touched by every exit. The backend keeps gpr in step with the guest, and what the
	 * pointers show where it has it. */
	uint64_t gpr[GPRS];
	uint64_t *rip, *rflags;
	uint64_t *shadow; /* bit 0: an interrupt shadow of STI or MOV SS covers the instruction at
			     RIP; written with 0 */
	const uint64_t *cr3;
	const uint64_t *cr4; /* VCPU_CR4_OWN may have changed since */
	const uint64_t *entering; /* VCPU_ENTERING: an event was injected, and no entry has taken it in yet */
	uint32_t request; /* enum vcpu_request; atomic */
	uint32_t inside;  /* atomic: in the guest or asleep, so that a request must be followed by a
			     kick */
	struct vcpu_exit exit;
	const struct vcpu_backend *backend;
	void *arch; /* the backend's: struct svm_vcpu */
	struct guest *guest;
	struct percpu *cpu; /* where it runs */
	const struct cpuid_table *cpuid; /* the guest's, or its own where its policy says `when vcpu` */
	uint32_t msr_hint;
	uint32_t bus_hint[GUEST_BUSES];
	struct fetch_cache fetch;
	struct emul_cache decoded; /* instructions that the emulator has seen */

	const struct irq_chip *chip; /* its local APIC; NULL: none */
	void *chip_state;

	/* Events (inject.c); only its own CPU touches these. */
	struct vcpu_event
		vectoring; /* was being delivered when the guest stopped: goes in again first */
	struct vcpu_event exception; /* raised by the core since then */
	bool vectoring_waits;        /* behind an exception: an interrupt then needs IF again */
	bool triple_fault;
	bool window_open;       /* the backend was asked for one */
	bool unhalted;          /* VCPU_REQUEST_UNHALT has come */
	uint32_t nmi_pending;   /* 0..2 */
	uint32_t nmi_signalled; /* atomic; any CPU adds, its own CPU takes */
	uint32_t startup_vector;
	uint8_t activity; /* enum vcpu_activity */

	uint32_t index; /* in its VM */
	const struct hv_vcpu *record;
	uint64_t tsc_offset;
	uint64_t tsc_adjust;
	uint64_t msr_slots[HV_MSR_SLOTS];
	struct live_state *live; /* state.h: what it had when it last left its CPU */
	bool fresh;              /* reset: what its CPU still has of it is not to be saved */
	struct vcpu *next;       /* of those that run on the same CPU */

	/* sched/: host ticks, where the CPU is shared. */
	uint64_t ready_since; /* waits for the CPU since then; ~0: does not */
	uint64_t stolen;      /* waited for it, all in all */
	uint64_t virtual_time; /* ran, in proportion to its weight */
	uint64_t cap_window, cap_used; /* ran, within this window */
	bool spins;           /* lets others go first, once */
};

/* Reasons for a line in the log that is worth saying once a guest: bits of guest.logged. */
enum guest_logged {
	LOGGED_MSR = 1u << 0,
	LOGGED_PORT = 1u << 1,
	LOGGED_ROM = 1u << 2,
	LOGGED_FETCH = 1u << 3,
	LOGGED_XCR0 = 1u << 4,
	LOGGED_EMULATION = 1u << 5,
};

/* ---- requests */

/* Sets bits of `request` (any CPU), and kicks the vCPU's CPU when it is inside the guest or asleep
 * on another one. */
void vcpu_request(struct vcpu *vcpu, uint32_t bits);

/* A vCPU that was parked may run now: its CPU looks, whatever had been asked for before. */
void vcpu_wake(struct vcpu *vcpu);

/* As vcpu_request(), for this CPU's own vCPU outside the guest: no kick is needed. */
static inline void vcpu_mark(struct vcpu *vcpu, uint32_t bits)
{
	__atomic_fetch_or(&vcpu->request, bits, __ATOMIC_RELAXED);
}

/* ---- life (its own CPU, or while the VM is stopped) */

/* The state that RESET leaves (SDM v3 table 10-1), and then what the record of its start says; a
 * vCPU without one waits for INIT and start-up. */
void vcpu_reset(struct vcpu *vcpu, const struct hv_start *start);

/* Before each entry while `request` is not zero: INIT, start-up, events. VERDICT_LEAVE when the
 * guest may not go on. */
enum verdict vcpu_prepare(struct vcpu *vcpu);

/* ---- events (inject.c) */

/* Raises an exception in the guest at the next entry; combines with one that is under way (SDM
 * v3 6.15: the contributory table). A triple fault is found by vcpu_prepare(). */
void vcpu_raise(struct vcpu *vcpu, uint8_t vector);
void vcpu_raise_error(struct vcpu *vcpu, uint8_t vector, uint32_t error);
void vcpu_raise_page_fault(struct vcpu *vcpu, uint32_t error, uint64_t address);

/* The backend found that this event was being delivered when the guest stopped. */
void vcpu_vectoring(struct vcpu *vcpu, const struct vcpu_event *event);

/* Chooses and injects the next event, and opens the windows for what must wait. */
void vcpu_inject(struct vcpu *vcpu);

/* Whether a halted vCPU has something to wake for. */
bool vcpu_wakes(struct vcpu *vcpu);

/* Forgets all events: the vCPU is reset. */
void vcpu_clear_events(struct vcpu *vcpu);

/* ---- instructions (exit.c) */

/* What vcpu_advance() leaves out: EIP wraps outside 64-bit mode, a single step traps. */
void vcpu_advance_slowly(struct vcpu *vcpu, uint64_t next);

/* The instruction is done: RIP moves past it, an interrupt shadow ends, a single step traps. */
static inline void vcpu_advance(struct vcpu *vcpu, uint32_t length)
{
	uint64_t *rip = vcpu->rip, old = *rip, next = old + length;
	uint32_t rflags = (uint32_t)*vcpu->rflags;

	*vcpu->shadow = 0;
	if (unlikely((old ^ next) >> 32 || rflags & (uint32_t)RFLAGS_TF))
		vcpu_advance_slowly(vcpu, next);
	else
		*rip = next;
}

/* Fetches and decodes the instruction at RIP. False: it is not one that the decoder knows, or the
 * bytes could not be read (then the exception that the fetch gives is raised). */
MUST_USE bool vcpu_decode(struct vcpu *vcpu, struct emul_insn *insn);

/* The paging state as guest_walk() wants it, and what the fetch cache hangs on besides CR3. */
void vcpu_guest_paging(const struct vcpu *vcpu, struct guest_paging *paging);
uint8_t vcpu_mode_bytes(const struct vcpu *vcpu); /* default address size: 2, 4, 8 */

/* The byte at RIP, or -1 where none can be fetched. */
int vcpu_next_byte(struct vcpu *vcpu, const struct guest_paging *paging);

/* An access on one of the guest's buses, device lock included. */
enum access_result vcpu_bus_access(struct vcpu *vcpu, const struct bus_range *range,
				   struct bus_access *access);

/* The result of an access by the instruction of this exit as a verdict: advance, fault or stop. */
enum verdict vcpu_refuse(struct vcpu *vcpu, enum access_result result);
static inline enum verdict vcpu_finish(struct vcpu *vcpu, enum access_result result)
{
	if (unlikely(result > ACCESS_NONE))
		return vcpu_refuse(vcpu, result);
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}

/* Its registers, and up to 24 words of its stack that look like return addresses, to the log. On its own CPU. */
void vcpu_dump(struct vcpu *vcpu);

/* Says why in the log, and dumps the vCPU: it crashed. Returns VERDICT_CRASH. */
enum verdict vcpu_crash(struct vcpu *vcpu, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* True the first time that this guest asks for that reason. */
bool guest_log_once(struct guest *guest, enum guest_logged reason);

#endif
