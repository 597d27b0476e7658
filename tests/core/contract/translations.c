/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translations that processors keep, against a model of what they may keep: emulators drop everything at each entry, so that none
 * shows a flush that is missing. Here a processor keeps what it has used for ever, by the tags of its vendor:
 *
 *	AMD-V  ASID                       until the control block asks for all to be dropped (APM v2 15.16)
 *	VT-x   EPT root, and VPID + root  until INVEPT names the root (SDM v3 29.4); without VPIDs the latter not beyond an exit
 *
 * Several guests with several vCPUs, some of which share a CPU, run at random while their tables change, are reset, and have their
 * local APICs lent. Whatever is found by a tag must be what the guest's tables say now, and must be this vCPU's. A mapping is changed
 * as the core does it: the table first, then `flush` for each vCPU. When one flush is left out, the model has to notice.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/shim/fake_backend.h"
#include "cpu/cpu.h"
#include "cpu/extable.h"
#include "cpu/idt.h"
#include "cpu/kick.h"
#include "cpu/lapic.h"
#include "cpu/tsc.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "translations.h"
#include "vcpu/exits.h"
#include "vmx/vmx.h"
#include "x86/msr.h"

#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

enum { STEPS = 20000 };

extern const struct vcpu_backend vmx_backend;
static const uint64_t apic_page = 0xfee00000;

static struct virtual {
	struct vcpu vcpu;
	uint64_t space; /* its linear addresses: another one after each reset */
	uint64_t fields[0x8000];
	_Alignas(4096) struct vmx_vcpu vmx;
} vcpus[ALL];
static struct {
	struct guest guest;
	struct memory memory;
	_Alignas(4096) struct vmx_guest vmx;
} guests[GUESTS];
static struct virtual *now; /* whose control structure is current */

/* ---- what a processor keeps */

#define KEPT 4096
static struct kept {
	uint64_t tag, root; /* ASID; VPID, or 0: guest-physical */
	uint64_t page, found, space;
} kept[CPUS][KEPT];
static unsigned int count[CPUS], cpu;
static bool stale;

uint64_t truth(uint64_t root, uint64_t page)
{
	struct ptab t = now->vcpu.guest->memory->nested;
	struct ptab_mapping m;

	t.root = root;
	return ptab_translate(&t, page, &m) ? m.phys | m.attributes.rights : 0;
}

void drop(uint64_t tag_mask, uint64_t tag, uint64_t root_mask, uint64_t root)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < count[cpu]; i++)
		if ((kept[cpu][i].tag & tag_mask) != tag || (kept[cpu][i].root & root_mask) != root)
			kept[cpu][left++] = kept[cpu][i];
	count[cpu] = left;
}

/* A page is used: what is kept counts, else it is walked for and kept. */
void use(uint64_t tag, uint64_t root, uint64_t page, uint64_t space, uint64_t right)
{
	for (unsigned int i = 0; i < count[cpu]; i++) {
		const struct kept *k = &kept[cpu][i];

		if (k->tag == tag && k->root == root && k->page == page) {
			stale |= k->found != right || k->space != space;
			return;
		}
	}
	assert_true(count[cpu] < KEPT);
	kept[cpu][count[cpu]++] = (struct kept){tag, root, page, right, space};
}

static void use_pages(uint64_t tag, uint64_t root, uint64_t space)
{
	for (uint64_t page = 0; page < PAGES; page++)
		use(tag, root, page * PAGE_SIZE, space, truth(root, page * PAGE_SIZE));
	use(tag, root, apic_page, space, truth(root, apic_page));
}

/* ---- VT-x */

static void enter_vmx(void)
{
	uint64_t root;

	vmx_load(&now->vcpu, &now->vmx);
	root = now->fields[VMCS_EPT_POINTER] & ~0xfffull;
	/* What the vCPU finds at the local APIC's page is a matter of the root. */
	assert_int_equal(truth(root, apic_page) != 0, now->vmx.lent == IRQ_LENT_XAPIC);
	for (uint64_t page = 0; page < PAGES; page++)
		assert_int_equal(truth(root, page * PAGE_SIZE), truth(now->vcpu.guest->memory->nested.root, page * PAGE_SIZE));
	use_pages(0, root, 0);
	use_pages(now->vmx.vpid, root, now->space);
	if (!(now->fields[VMCS_SECONDARY] & SECONDARY_VPID))
		drop(0xffff, now->vmx.vpid, 0, 0);
}

uint64_t vmread(uint32_t field)
{
	return now->fields[field];
}

void vmwrite(uint32_t field, uint64_t value)
{
	now->fields[field] = value;
}

void invept(uint64_t type, uint64_t pointer)
{
	if (type == INVALIDATE_ALL)
		drop(0, 0, 0, 0);
	else
		drop(0, 0, ~0ull, pointer & ~0xfffull);
}

/* ---- the rest of the core, which has no part in it */

const char vmx_exited[1];
exit_handler *const exit_table[EXIT_REASONS];
struct cpu_features cpu_features;
uint32_t cpu_count = CPUS;
uint64_t image_phys;
bool vmxon(uint64_t region) { abort(); }
bool vmclear(uint64_t region) { abort(); }
bool vmptrld(uint64_t region) { abort(); }
enum verdict vmx_run(struct vcpu *v) { abort(); }
enum status pool_alloc(size_t size, void **p) { abort(); }
bool rdmsr_safe(uint32_t msr, uint64_t *value) { abort(); }
uint64_t time_khz(void) { abort(); }
void cpu_kick(struct percpu *target) { abort(); }
void interrupt_take(uint8_t vector) { abort(); }
void lapic_send_fixed(uint32_t apic_id, uint8_t vector) { abort(); }
void vcpu_guest_paging(const struct vcpu *v, struct guest_paging *paging) { abort(); }
int vcpu_next_byte(struct vcpu *v, const struct guest_paging *paging) { abort(); }
bool vcpu_decode(struct vcpu *v, struct emul_insn *insn) { abort(); }

/* ---- the guests */

static _Alignas(4096) uint8_t tables[16][4096];
static unsigned int tables_used;

static enum status new_table(void *context, uint64_t *phys)
{
	assert_true(tables_used < ARRAY_SIZE(tables));
	memset(tables[tables_used], 0, PAGE_SIZE);
	*phys = (uintptr_t)tables[tables_used++];
	return STATUS_OK;
}

/* Of the test's own tables, and of those that virt_to_phys() tells of. */
static void *table_at(uint64_t phys)
{
	return (void *)(uintptr_t)(phys >= -DIRECT_MAP_BASE ? phys + DIRECT_MAP_BASE : phys);
}

static const struct ptab_effects effects = {new_table, NULL, table_at};
static unsigned int seed;

static unsigned int pick(unsigned int of)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % of;
}

static void start(const struct vcpu_backend *backend)
{
	fake_reset();
	memset(vcpus, 0, sizeof(vcpus));
	memset(guests, 0, sizeof(guests));
	memset(count, 0, sizeof(count));
	stale = false;
	tables_used = 0;
	svm_start();
	for (unsigned int g = 0; g < GUESTS; g++) {
		struct memory *memory = &guests[g].memory;

		guests[g].guest = fake_guest;
		guests[g].guest.memory = memory;
		guests[g].guest.arch = backend == &vmx_backend ? &guests[g].vmx : svm_guest_memory(g);
		assert_int_equal(ptab_init(&memory->nested, backend->nested, &effects, NULL, 4, 2), STATUS_OK);
		assert_int_equal(ptab_map(&memory->nested, 0, GIB(1) * (g + 1), MIB(2), (struct ptab_attributes){PTAB_RWX, 6}), STATUS_OK);
		assert_int_equal(backend->guest_create(&guests[g].guest), STATUS_OK);
	}
	for (unsigned int i = 0; i < ALL; i++) {
		struct vcpu *v = &vcpus[i].vcpu;

		now = &vcpus[i];
		*v = fake_vcpus[0];
		v->backend = backend;
		v->guest = &guests[i / VCPUS].guest;
		v->arch = backend == &vmx_backend ? &now->vmx : svm_vcpu_memory(i);
		assert_int_equal(backend->vcpu_create(v), STATUS_OK);
		backend->vcpu_reset(v, false);
		backend->flush(v);
	}
}

static void change_table(const struct vcpu_backend *backend, bool forget)
{
	unsigned int g = pick(GUESTS);
	const struct ptab_attributes a = {PTAB_READ | (pick(2) ? PTAB_WRITE : 0) | (pick(2) ? PTAB_EXECUTE : 0), 6};

	assert_int_equal(ptab_protect(&guests[g].memory.nested, pick(PAGES) * PAGE_SIZE, PAGE_SIZE, a), STATUS_OK);
	for (unsigned int i = 0; i < VCPUS && !forget; i++)
		backend->flush(&vcpus[g * VCPUS + i].vcpu);
}

/* As vcpu/vcpu.c does. */
static void reset(const struct vcpu_backend *backend, bool forget)
{
	now->space++;
	backend->vcpu_reset(&now->vcpu, pick(2));
	if (!forget)
		backend->flush(&now->vcpu);
}

enum forgetting { NOTHING, AFTER_CHANGE, AFTER_RESET };

static void run(const struct vcpu_backend *backend, enum forgetting what)
{
	static const enum irq_lending ways[] = {IRQ_KEPT, IRQ_LENT_X2APIC, IRQ_LENT_XAPIC};

	start(backend);
	for (unsigned int step = 0; step < STEPS && !stale; step++) {
		unsigned int i = pick(ALL), kind = pick(16);

		now = &vcpus[i];
		cpu = i % CPUS;
		if (kind == 0)
			change_table(backend, what == AFTER_CHANGE && step > STEPS / 2);
		else if (kind == 1)
			reset(backend, what == AFTER_RESET && step > STEPS / 2);
		else if (kind == 2)
			backend->lend_apic(&now->vcpu, ways[pick(3)]);
		else if (backend == &vmx_backend)
			enter_vmx();
		else
			enter_svm(i, cpu, now->space);
	}
	assert_int_equal(stale, what != NOTHING);
}

static void test_svm(void **state)
{
	for (svm_asids = 2; svm_asids < 40; svm_asids += 3)
		run(&svm_backend, NOTHING);
}

static void test_svm_notices(void **state)
{
	svm_asids = 100;
	run(&svm_backend, AFTER_CHANGE);
	run(&svm_backend, AFTER_RESET);
}

static void on_vmx(uint64_t caps, bool vpids)
{
	vmx_machine = (struct vmx_machine){
		.secondary = SECONDARY_EPT | SECONDARY_X2APIC | SECONDARY_DELIVERY | SECONDARY_APIC_ACCESSES |
			     SECONDARY_APIC_REGISTERS | (vpids ? SECONDARY_VPID : 0),
		.ept_caps = VMX_INVEPT | caps,
	};
}

static void test_vmx(void **state)
{
	on_vmx(VMX_INVEPT_SINGLE, true);
	run(&vmx_backend, NOTHING);
	on_vmx(VMX_INVEPT_ALL, true);
	run(&vmx_backend, NOTHING);
	on_vmx(VMX_INVEPT_SINGLE, false);
	run(&vmx_backend, NOTHING);
}

static void test_vmx_notices(void **state)
{
	on_vmx(VMX_INVEPT_SINGLE, true);
	run(&vmx_backend, AFTER_CHANGE);
	on_vmx(VMX_INVEPT_SINGLE, true);
	run(&vmx_backend, AFTER_RESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_svm),
		cmocka_unit_test(test_svm_notices),
		cmocka_unit_test(test_vmx),
		cmocka_unit_test(test_vmx_notices),
	};

	return cmocka_run_group_tests_name("translations", tests, NULL, NULL);
}
