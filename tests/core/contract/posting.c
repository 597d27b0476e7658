/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posted interrupts (vmx/posted.c, dev/vlapic_lent.c) in every order that matters. The sources are compiled into this one with a
 * point of choice before each atomic access; two CPUs that post and one that runs the vCPU are coroutines, and the processor of the
 * latter, its guest and its local APIC are played here (SDM v3 30.6). All schedules with a few preemptions, and all that the guest
 * may do meanwhile (go on, exit, halt, have its local APIC taken back), are run one after the other. Afterwards nothing moves any
 * more, and the guest must have taken each vector once, and no vector that nobody sent.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <asm/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "cpu/idt.h"
#include "cpu/kick.h"
#include "cpu/lapic.h"
#include "dev/vlapic.h"
#include "lib/string.h"
#include "mm/layout.h"
#include "vcpu/backend.h"
#include "vcpu/state.h"
#include "vm/vm.h"
#include "vmx/vmx.h"
#include "x86/msr.h"

#include <cmocka.h>

/* What is played here seldom looks at what it is given. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

static void yield(void);

#define __atomic_fetch_or(...)	 (yield(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_and(...)	 (yield(), __atomic_fetch_and(__VA_ARGS__))
#define __atomic_exchange_n(...) (yield(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_load_n(...)	 (yield(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...)	 (yield(), __atomic_store_n(__VA_ARGS__))
#undef READ_ONCE
#define READ_ONCE(x) (yield(), *(const volatile __typeof__(x) *)&(x))

#include "core/vcpu/request.c"
#include "core/vcpu/inject.c"
#include "core/vcpu/vcpu.c"
#include "core/dev/vlapic_lent.c"
#include "core/vmx/posted.c"

/* ---- choices: a path through the tree of them, and the next path */

#define MOST_CHOICES 4096

static struct {
	uint8_t taken, of;
} path[MOST_CHOICES];
static unsigned int depth, length;

static unsigned int choose(unsigned int of)
{
	if (of < 2)
		return 0;
	assert_true(depth < MOST_CHOICES);
	if (depth == length) {
		path[length].taken = 0;
		path[length++].of = (uint8_t)of;
	}
	assert_int_equal(path[depth].of, of); /* the same again up to here */
	return path[depth++].taken;
}

static bool next_path(void)
{
	while (length && path[length - 1].taken + 1 == path[length - 1].of)
		length--;
	if (length)
		path[length - 1].taken++;
	depth = 0;
	return length;
}

/* ---- coroutines */

#define THREADS 3
#define STACK	(256 * 1024)

static struct {
	ucontext_t context;
	bool over, idle; /* idle: nothing but an interrupt moves it */
} threads[THREADS];
static uint8_t stacks[THREADS][STACK];
static ucontext_t scheduler;
static unsigned int current, preemptions;

static void yield(void)
{
	swapcontext(&threads[current].context, &scheduler);
}

static bool can_run(unsigned int t)
{
	return !threads[t].over && !threads[t].idle;
}

/* The thread that goes on: the same, for nothing, or another, of which there are a few. */
static bool pick(void)
{
	unsigned int candidates[THREADS], count = 0;

	if (can_run(current))
		candidates[count++] = current;
	for (unsigned int t = 0; t < THREADS; t++)
		if (t != current && can_run(t) && (preemptions || !count || candidates[0] != current))
			candidates[count++] = t;
	if (!count)
		return false;
	count = choose(count);
	if (can_run(current) && candidates[count] != current)
		preemptions--;
	current = candidates[count];
	return true;
}

/* ---- the machine */

enum { POSTERS = 2, TARGET = POSTERS };

static struct percpu posters_cpu, target_cpu = {.apic_id = 7};
static struct vm vm;
static struct vcpu vcpu;
static struct vmx_vcpu vmx;
static struct vmx_guest vmx_guest;
static struct vlapic apic;
static struct memory guest_memory;
static uint64_t rip, rflags, shadow, entering, status;
static bool started, notified, kicked; /* pending in the target's local APIC */
static unsigned int taken[256], exits_left;
struct vmx_machine vmx_machine;

static uint8_t vector_of_poster(unsigned int poster)
{
	return poster ? 0x62 : 0x41;
}

void vmwrite(uint32_t field, uint64_t value)
{
	if (field == VMCS_INTERRUPT_STATUS)
		status = value;
}

void lapic_send_fixed(uint32_t apic_id, uint8_t vector)
{
	assert_int_equal(apic_id, target_cpu.apic_id);
	assert_int_equal(vector, HOST_VECTOR_POSTED);
	yield(); /* it takes its time */
	notified = true;
	threads[TARGET].idle = false;
}

void cpu_kick(struct percpu *cpu)
{
	assert_ptr_equal(cpu, &target_cpu);
	kicked = true;
	threads[TARGET].idle = false;
}

static uint32_t *irr(unsigned int i)
{
	return (uint32_t *)(vmx.apic + PAGE_IRR + 16 * i);
}

/* The processor in the guest. As Bochs 3 has it, the highest of no vectors is 255. */
static void take_notification(void)
{
	notified = false;
	vmx.posted[POSTED_WORD] &= ~POSTED_ON;
	yield();
	for (unsigned int i = 0; i < 8; i++)
		*irr(i) |= (uint32_t)(vmx.posted[i / 2] >> (i % 2 ? 32 : 0));
	memset(vmx.posted, 0, 32);
	status = (uint8_t)highest_of(&vmx.page, APIC_IRR);
}

/* Delivered, handled and ended. */
static void handle_interrupts(void)
{
	while (status & 0xf0) {
		unsigned int v = (uint8_t)status;

		assert_true(*irr(v / 32) >> v % 32 & 1);
		*irr(v / 32) &= ~(1u << v % 32);
		taken[v]++;
		status = (uint8_t)highest_of(&vmx.page, APIC_IRR);
	}
}

enum way_out { STAYS, HALTS, EXITS, LETS_IN, LENDS_ANEW, TAKES_BACK, WAYS_OUT };

static enum way_out run_guest(void)
{
	bool decided = false;

	for (;;) {
		enum way_out how = STAYS;

		yield();
		if (kicked)
			return EXITS;
		if (notified) {
			take_notification();
			continue;
		}
		handle_interrupts();
		if (exits_left && !decided)
			how = choose(WAYS_OUT);
		decided = true;
		if (how != STAYS) {
			exits_left--;
			return how;
		}
		threads[TARGET].idle = true;
	}
}

static void leave_guest(enum way_out how)
{
	kicked = false;
	if (how == HALTS) { /* vcpu/exit_halt.c */
		vcpu.activity = VCPU_HALTED;
		vcpu_mark(&vcpu, VCPU_REQUEST_EVENT);
	}
	if (how == LETS_IN) /* cpu_take_interrupts(): this one's gate does nothing */
		notified = false;
	if (how == LENDS_ANEW || how == TAKES_BACK)
		vlapic_take_back(&apic);
	if (how == LENDS_ANEW)
		vlapic_lend(&apic);
	if (how == TAKES_BACK) { /* then irr has to have it */
		threads[TARGET].over = true;
		yield();
	}
}

/* Of sched.c, until somebody asks for something. */
static void go_to_sleep(void)
{
	while (!READ_ONCE(vcpu.request)) {
		__atomic_store_n(&vcpu.inside, 1, __ATOMIC_SEQ_CST);
		if (!READ_ONCE(vcpu.request) && !notified && !kicked) {
			threads[TARGET].idle = true;
			yield();
		}
		notified = kicked = false; /* their gates do nothing */
		vcpu.inside = 0;
	}
}

/* vmx_entry.S, and what sched.c does of it. */
static void run_target(void)
{
	vlapic_lend(&apic);
	started = true;
	for (;;) {
		enum way_out how;

		__atomic_exchange_n(&vcpu.inside, 1, __ATOMIC_SEQ_CST);
		if (!READ_ONCE(vcpu.request)) {
			if (vmx.page.changed)
				vmx_load_interrupts(&vmx);
			how = run_guest();
			vcpu.inside = 0;
			leave_guest(how);
			continue;
		}
		vcpu.inside = 0;
		if (vcpu_prepare(&vcpu) == VERDICT_RESUME)
			continue;
		go_to_sleep();
	}
}

static void run_poster(void)
{
	const struct irq_request request = {.vector = vector_of_poster(current), .wide = true};

	vlapic_lent_deliver(&apic, &request);
	threads[current].over = true;
	yield();
}

/* ---- what the sources need besides */

static void no_windows(struct vcpu *v, bool interrupt, bool nmi)
{
}

static void no_task_priority(struct vcpu *v, uint8_t cr8)
{
}

static const struct vcpu_backend backend = {
	.windows = no_windows,
	.set_task_priority = no_task_priority,
	.lend_apic = vmx_lend_apic,
	.post = vmx_post,
};

const uint16_t vmx_encodings[VMX_FIELDS];
const struct irq_chip vlapic_chip;
const struct ptab_format ptab_ept_format;
uint64_t image_phys;

void irq_post(struct vcpu *v)
{
	v->backend->post(v);
}

void irq_notify(struct vcpu *v)
{
	vcpu_request(v, VCPU_REQUEST_EVENT);
}

struct irq_page *irq_lend(struct vcpu *v, enum irq_lending how)
{
	return v->backend->lend_apic(v, how);
}

void irq_attach_chip(struct vcpu *v, const struct irq_chip *ops, void *chip)
{
	v->chip = ops;
	v->chip_state = chip;
}

void vlapic_deliver(void *chip, const struct irq_request *request)
{
	__atomic_fetch_or(&apic.irr[request->vector / 64], BIT(request->vector % 64), __ATOMIC_RELEASE);
	irq_notify(apic.vcpu);
}

uint32_t vlapic_read(struct vlapic *a, unsigned int n)
{
	return a->value[n];
}

void vmx_windows(struct vcpu *v, bool interrupt, bool nmi)
{
}

void vmx_watch_task_priority(struct vmx_vcpu *v, uint8_t cr8)
{
}

void vlapic_collect_eoi(struct vlapic *a)
{
}

bool vlapic_extint_accepted(const struct vlapic *a)
{
	return false;
}

/* Never come to. */
uint64_t vmread(uint32_t field) { abort(); }
bool vlapic_matches(const void *chip, const struct irq_request *request) { abort(); }
uint8_t vlapic_priority(const void *chip) { abort(); }
uint64_t vlapic_base(const void *chip) { abort(); }
void vlapic_init(void *chip) { abort(); }
void vlapic_tsc_moved(void *chip) { abort(); }
void cpu_take_interrupts(void) { abort(); }
void vlapic_write(struct vlapic *a, unsigned int n, uint32_t value) { abort(); }
void irq_end_of_interrupt(struct vm *v, uint8_t vector) { abort(); }
void ptab_make_view(const struct ptab *t, uint64_t (*tables)[512], uint64_t phys, uint64_t virt, uint64_t leaf) { abort(); }
enum verdict vcpu_crash(struct vcpu *v, const char *fmt, ...) { abort(); }
void fetch_cache_clear(struct fetch_cache *cache) { abort(); }
void live_state_reset(struct vcpu *v) { abort(); }
void live_state_init(struct vcpu *v) { abort(); }

void vcpu_guest_paging(const struct vcpu *v, struct guest_paging *paging)
{
	*paging = (struct guest_paging){0};
}

int vcpu_next_byte(struct vcpu *v, const struct guest_paging *paging)
{
	return -1;
}

/* ---- the test */

static void start_thread(unsigned int t, void (*run)(void))
{
	getcontext(&threads[t].context);
	threads[t].context.uc_stack.ss_sp = stacks[t];
	threads[t].context.uc_stack.ss_size = STACK;
	threads[t].over = threads[t].idle = false;
	makecontext(&threads[t].context, run, 0);
}

static void start(unsigned int exits)
{
	vmx_machine = (struct vmx_machine){.secondary = ~0u, .posts = true};
	memset(&vmx, 0, sizeof(vmx));
	vmx.known = ~0ull;
	vm.guest.arch = &vmx_guest;
	vm.guest.memory = &guest_memory;
	vcpu = (struct vcpu){.backend = &backend, .arch = &vmx, .guest = &vm.guest, .cpu = &target_cpu, .activity = VCPU_ACTIVE,
			     .rip = &rip, .rflags = &rflags, .shadow = &shadow, .entering = &entering};
	apic = (struct vlapic){.vcpu = &vcpu, .vm = &vm, .base = APIC_BASE_ENABLE | APIC_BASE_EXTD};
	apic.value[APIC_SVR] = APIC_SVR_ENABLE;
	rflags = RFLAGS_IF;
	shadow = entering = status = 0;
	started = notified = kicked = false;
	memset(taken, 0, sizeof(taken));
	exits_left = exits;
	for (unsigned int t = 0; t < POSTERS; t++)
		start_thread(t, run_poster);
	start_thread(TARGET, run_target);
}

static void check_end(unsigned int posters)
{
	for (unsigned int v = 0; v < 256; v++)
		assert_int_equal(taken[v] + bitmap_test(apic.irr, v), (posters > 0 && v == vector_of_poster(0)) || (posters > 1 && v == vector_of_poster(1)));
}

static void run_all(unsigned int posters, unsigned int most_preemptions, unsigned int exits)
{
	unsigned int schedules = 0;

	length = depth = 0;
	do {
		start(exits);
		current = TARGET;
		for (unsigned int t = posters; t < POSTERS; t++)
			threads[t].over = true;
		while (!started)
			swapcontext(&scheduler, &threads[TARGET].context);
		preemptions = most_preemptions;
		while (pick())
			swapcontext(&scheduler, &threads[current].context);
		check_end(posters);
		schedules++;
	} while (next_path());
	print_message("# %u schedules\n", schedules);
}

static void one_poster(void **state)
{
	run_all(1, 2, 2);
}

static void two_posters(void **state)
{
	run_all(2, 2, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_poster),
		cmocka_unit_test(two_posters),
	};

	posters_cpu.self = &posters_cpu;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, &posters_cpu))
		return 1;
	return cmocka_run_group_tests_name("posting", tests, NULL, NULL);
}
