/* SPDX-License-Identifier: Apache-2.0 */
/* From the blob's records to VMs that can be started: memory, policy, devices, vCPUs, CPUs.
 * Everything is taken from the pool here. */
#include "boot/build_vm.h"

#include "blob/blob.h"
#include "console/log.h"
#include "cpu/errata.h"
#include "cpu/percpu.h"
#include "cpu/tsc.h"
#include "dev/dev.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "pci/pci.h"
#include "pv/pv.h"
#include "sched/sched.h"
#include "share/share.h"
#include "vcpu/cpuid.h"
#include "vcpu/state.h"
#include "virtio/virtio.h"
#include "vm/vm.h"
#include "x86/insn.h"

static const struct device_ops *const device_kinds[] = {
	&vlapic_ops, &vioapic_ops, &vpic_ops,       &vpit_ops,     &vhpet_ops, &vrtc_ops,
	&vuart_ops,  &acpi_pm_ops, &debug_exit_ops, &pci_host_ops, &kvm_ops, &panic_ops, &watchdog_ops,
	&window_ops, &ivshmem_ops,
	&virtio_pci_ops,
};

/* ---- memory */

static enum status table_alloc(void *context, uint64_t *phys)
{
	struct memory *memory = context;
	enum status s;

	if (machine_frames.frozen)
		return reserve_take(&memory->reserve, phys);
	s = frames_alloc(&machine_frames, PAGE_SIZE, PAGE_SIZE, phys);
	if (s == STATUS_OK)
		memset(phys_to_virt(*phys), 0, PAGE_SIZE);
	return s;
}

static void table_release(void *context, uint64_t phys)
{
	struct memory *memory = context;

	reserve_give(&memory->reserve, phys);
}

static const struct ptab_effects table_effects = {table_alloc, table_release, phys_to_virt};

static bool wants_frames(const struct hv_region *r)
{
	return r->backing == HV_BACKING_ANY || r->backing == HV_BACKING_PAYLOAD;
}

/* How much from gpa on can lie in pages of the largest size: up to the next boundary of a size that
 * gpa is not on. */
static uint64_t aligned_part(uint64_t gpa, uint64_t size)
{
	static const uint64_t sizes[] = {PAGE_SIZE_2M, PAGE_SIZE_1G};

	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!is_aligned(gpa, sizes[i]) && size > align_up(gpa, sizes[i]) - gpa)
			return align_up(gpa, sizes[i]) - gpa;
	return size;
}

static enum status place_part(struct memory *memory, const struct hv_region *r, uint64_t gpa,
			      uint64_t size)
{
	while (size) {
		struct memory_extent e = {.gpa = gpa, .region = r};
		enum status s = frames_place(&machine_frames, size, r->host_node, &e.phys, &e.size);

		if (s != STATUS_OK)
			return s;
		e.host = phys_to_virt(e.phys);
		s = memory_append(memory, &e);
		if (s != STATUS_OK)
			return s;
		gpa += e.size;
		size -= e.size;
	}
	return STATUS_OK;
}

static enum status place_region(struct memory *memory, const struct hv_region *r)
{
	uint64_t done = 0;

	while (done < r->size) {
		uint64_t part = aligned_part(r->gpa + done, r->size - done);
		enum status s = place_part(memory, r, r->gpa + done, part);

		if (s != STATUS_OK)
			return s;
		done += part;
	}
	return STATUS_OK;
}

static bool is_fixed_ram(const struct hv_region *r)
{
	return r->backing == HV_BACKING_FIXED && r->kind != HV_REGION_MMIO;
}

MUST_USE enum status claim_fixed_memory(const struct blob *blob)
{
	char place[BLOB_PLACE_SIZE];

	for (uint32_t i = 0; i < blob->count[HV_SECTION_REGIONS]; i++) {
		const struct hv_region *r = &blob->regions[i];
		enum status s = is_fixed_ram(r) ? frames_claim(&machine_frames, r->host, r->size) : STATUS_OK;

		if (s == STATUS_OK)
			continue;
		log_error("%#llx to %#llx is not free for memory region %s%s", (unsigned long long)r->host,
			  (unsigned long long)(r->host + r->size - 1), blob_string(blob, r->name),
			  blob_place(blob, r->position, place));
		return s;
	}
	return STATUS_OK;
}

static enum status fix_region(struct memory *memory, const struct hv_region *r)
{
	struct memory_extent e = {.gpa = r->gpa, .size = r->size, .phys = r->host, .region = r};

	if (r->backing == HV_BACKING_SHARE) {
		e.phys = share_at(r->share)->phys;
		e.host = share_at(r->share)->host;
	}
	if (is_fixed_ram(r))
		e.host = phys_to_virt(r->host);
	return memory_append(memory, &e);
}

static enum status build_regions(struct vm *vm, struct memory *memory)
{
	const struct hv_guest *g = vm->guest.record;
	char place[BLOB_PLACE_SIZE];

	for (uint32_t i = 0; i < g->regions.count; i++) {
		const struct hv_region *r = &vm->blob->regions[g->regions.first + i];
		enum status s = wants_frames(r) ? place_region(memory, r) : fix_region(memory, r);

		if (s == STATUS_OK)
			continue;
		log_guest(LOG_ERROR, vm->guest.name, "no %llu KiB for memory region %s%s",
			  (unsigned long long)(r->size >> 10), blob_string(vm->blob, r->name),
			  blob_place(vm->blob, r->position, place));
		return s;
	}
	return STATUS_OK;
}

static void log_places(const struct memory *memory)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct memory_extent *e = &memory->extents[i];

		if (e->region->backing != HV_BACKING_NONE)
			log_guest(LOG_DEBUG, memory->name, "%llu KiB at %#llx are at %#llx of this machine",
				  (unsigned long long)(e->size >> 10), (unsigned long long)e->gpa,
				  (unsigned long long)e->phys);
	}
}

/* Each region may be cut at two boundaries, and where the host's memory is in pieces. */
static uint32_t extent_capacity(const struct hv_guest *g)
{
	return 3 * g->regions.count + FRAMES_RANGES;
}

static enum status build_memory(struct vm *vm, const struct vcpu_backend *backend)
{
	const struct hv_guest *g = vm->guest.record;
	struct memory *memory;
	enum status s;
	void *p;

	s = pool_alloc(sizeof(*memory) + extent_capacity(g) * sizeof(struct memory_extent), &p);
	if (s != STATUS_OK)
		return s;
	memory = p;
	memory->name = vm->guest.name;
	memory->extents = (struct memory_extent *)(memory + 1);
	memory->capacity = extent_capacity(g);
	guard_init(&memory->guard, &vm->blob->guards[g->guards.first], g->guards.count);
	if (memory->guard.lockable) {
		s = pool_alloc(guard_lock_bytes(&memory->guard), &p);
		if (s != STATUS_OK)
			return s;
		memory->guard.locks = p;
	}
	vm->guest.memory = memory;
	reserve_init(&memory->reserve, phys_to_virt);
	s = ptab_init(&memory->nested, backend->nested, &table_effects, memory, 4,
		      backend->largest_page());
	if (s == STATUS_OK)
		s = build_regions(vm, memory);
	log_places(memory);
	if (s == STATUS_OK)
		s = memory_map_all(memory);
	if (s == STATUS_OK)
		s = reserve_fill(&memory->reserve, &machine_frames, g->reserve_frames);
	return s;
}

/* ---- devices */

static const struct device_ops *device_ops(uint32_t kind)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(device_kinds); i++)
		if (device_kinds[i]->kind == kind)
			return device_kinds[i];
	return NULL;
}

static enum status build_device(struct vm *vm, const struct hv_device *record)
{
	const struct device_ops *ops = device_ops(record->kind);
	struct device *device;
	enum status s;
	void *p;

	if (!ops)
		return STATUS_UNSUPPORTED;
	if (vm->device_count == VM_DEVICES)
		return STATUS_NO_MEMORY;
	s = pool_alloc(ops->state_size(vm->guest.vcpu_count), &p);
	if (s != STATUS_OK)
		return s;
	device = p;
	*device = (struct device){ops, record, vm};
	vm->devices[vm->device_count++] = device;
	return ops->create(device);
}

static enum status build_devices(struct vm *vm)
{
	const struct hv_run *run = &vm->guest.record->devices;
	char place[BLOB_PLACE_SIZE];

	for (uint32_t i = 0; i < run->count; i++) {
		const struct hv_device *record = &vm->blob->devices[run->first + i];
		enum status s = build_device(vm, record);

		if (s == STATUS_OK)
			continue;
		log_guest(LOG_ERROR, vm->guest.name, "device %s: %s%s",
			  blob_string(vm->blob, record->name), status_name(s),
			  blob_place(vm->blob, record->position, place));
		return s;
	}
	return STATUS_OK;
}

static enum status build_buses(struct vm *vm)
{
	static const char *const names[GUEST_BUSES] = {"port", "MMIO", "MSR"};
	enum status s = msr_add_own(&vm->guest);

	for (int i = 0; i < GUEST_BUSES; i++)
		vm->guest.bus[i].name = names[i];
	if (s == STATUS_OK)
		s = build_devices(vm);
	for (int i = 0; i < GUEST_BUSES; i++)
		bus_seal(&vm->guest.bus[i]);
	return s;
}

/* ---- vCPUs */

/* Those that the records pin come first, so that no other takes their CPUs; then those that want one for themselves. */
enum { PINNED, ALONE, SHARING, TURNS };

static int turn_of(const struct hv_vcpu *record)
{
	if (record->host_cpu != HV_NONE)
		return PINNED;
	return record->scheduler == HV_SCHEDULER_EXCLUSIVE ? ALONE : SHARING;
}

static enum status assign_cpus(int turn)
{
	for (struct vm *vm = vm_first(); vm; vm = vm->next) {
		for (uint32_t i = 0; i < vm->guest.vcpu_count; i++) {
			struct vcpu *vcpu = vm->guest.vcpus[i];
			char place[BLOB_PLACE_SIZE];
			enum status s;

			if (turn_of(vcpu->record) != turn)
				continue;
			s = sched_assign(vcpu, vcpu->record->host_cpu);
			if (s == STATUS_OK)
				continue;
			log_guest(LOG_ERROR, vm->guest.name, "no CPU for vCPU %u: %s%s", i,
				  s == STATUS_BUSY ? "it is another's" : "there are not so many",
				  blob_place(vm->blob, vcpu->record->position, place));
			return s;
		}
	}
	return STATUS_OK;
}

static enum status build_vcpu(struct vm *vm, const struct vcpu_backend *backend, uint32_t index)
{
	struct vcpu *vcpu;
	enum status s;
	void *p;

	s = pool_alloc(sizeof(*vcpu), &p);
	if (s != STATUS_OK)
		return s;
	vcpu = p;
	vcpu->backend = backend;
	vcpu->guest = &vm->guest;
	vcpu->index = index;
	vcpu->record = &vm->blob->vcpus[vm->guest.record->vcpus.first + index];
	vm->guest.vcpus[index] = vcpu;
	if (vcpu->record->apic_id < vm->apic_id_count)
		vm->by_apic_id[vcpu->record->apic_id] = vcpu;
	s = pool_alloc(backend->vcpu_size, &vcpu->arch);
	if (s == STATUS_OK)
		s = pool_alloc(live_state_size(), &p);
	if (s == STATUS_OK)
		vcpu->live = p;
	if (s == STATUS_OK)
		s = policy_resolve_vcpu(&vm->guest, index, vm->blob, errata_cpuid, pool_alloc, &vcpu->cpuid);
	return s;
}

/* A table by APIC id, unless the ids are so sparse that it would be mostly holes: a level of the
 * topology that is no power of two loses less than a half, and there are four of them. */
#define APIC_ID_TABLE_MAX 4096u
#define APIC_IDS_A_VCPU   8u

static enum status build_vcpus(struct vm *vm, const struct vcpu_backend *backend)
{
	const struct hv_run *run = &vm->guest.record->vcpus;
	uint32_t top = 0;
	enum status s;
	void *p;

	for (uint32_t i = 0; i < run->count; i++)
		top = max_of(top, vm->blob->vcpus[run->first + i].apic_id);
	vm->apic_id_count = top < max_of(APIC_ID_TABLE_MAX, APIC_IDS_A_VCPU * run->count) ? top + 1 : 0;
	s = pool_alloc((run->count + vm->apic_id_count) * sizeof(struct vcpu *), &p);
	if (s != STATUS_OK)
		return s;
	vm->guest.vcpus = p;
	vm->by_apic_id = vm->guest.vcpus + run->count;
	vm->guest.vcpu_count = run->count;
	for (uint32_t i = 0; i < run->count && s == STATUS_OK; i++)
		s = build_vcpu(vm, backend, i);
	return s;
}

/* ---- a VM */

static enum status choose_policy(struct vm *vm, const struct vcpu_backend *backend)
{
	uint32_t index = vm->guest.record->policy[backend->vendor];
	char place[BLOB_PLACE_SIZE];

	if (index == HV_NONE) {
		log_guest(LOG_ERROR, vm->guest.name, "its CPU policy is not for %s%s",
			  backend->name, blob_place(vm->blob, vm->guest.record->position, place));
		return STATUS_MISMATCH;
	}
	vm->guest.policy = &vm->blob->policies[index];
	return policy_resolve(&vm->guest, vm->blob, errata_cpuid, pool_alloc);
}

static enum status build_backend(struct vm *vm, const struct vcpu_backend *backend)
{
	enum status s = pool_alloc(backend->guest_size, &vm->guest.arch);

	if (s == STATUS_OK)
		s = backend->guest_create(&vm->guest);
	for (uint32_t i = 0; i < vm->guest.vcpu_count && s == STATUS_OK; i++)
		s = backend->vcpu_create(vm->guest.vcpus[i]);
	return s;
}

static enum status fill_vm(struct vm *vm, const struct vcpu_backend *backend)
{
	enum status s = choose_policy(vm, backend);

	if (s == STATUS_OK)
		s = build_memory(vm, backend);
	if (s == STATUS_OK)
		s = build_vcpus(vm, backend);
	if (s == STATUS_OK)
		s = build_buses(vm);
	if (s != STATUS_OK)
		return s;
	policy_connect_msrs(&vm->guest);
	vm->guest.tsc_khz = (uint32_t)time_khz();
	vm->guest.lapic_khz = IRQ_LAPIC_TIMER_KHZ;
	vm_init(vm);
	return build_backend(vm, backend);
}

static enum status build_console(struct vm *vm, uint32_t history)
{
	void *p = NULL;
	enum status s = history ? pool_alloc(history, &p) : STATUS_OK;

	vm->console.history = p;
	vm->console.history_size = p ? history : 0;
	guest_console_add(&vm->console, vm->guest.name);
	return s;
}

static enum status build_vm(const struct blob *blob, uint32_t index,
			    const struct vcpu_backend *backend)
{
	struct vm *vm;
	void *p;
	enum status s = pool_alloc(sizeof(*vm), &p);

	if (s != STATUS_OK)
		return s;
	vm = p;
	vm->blob = blob;
	vm->guest.record = &blob->guests[index];
	vm->guest.name = blob_string(blob, vm->guest.record->name);
	s = build_console(vm, blob->system->console_history);
	if (s == STATUS_OK)
		s = fill_vm(vm, backend);
	if (s != STATUS_OK) {
		log_guest(LOG_ERROR, vm->guest.name, "cannot be built: %s", status_name(s));
		return s;
	}
	vm_add(vm, blob->system->flags);
	return STATUS_OK;
}

MUST_USE enum status build_vms(const struct blob *blob, const struct vcpu_backend *backend)
{
	enum status s = shares_build(blob);

	live_state_probe();
	for (uint32_t i = 0; i < blob->count[HV_SECTION_GUESTS] && s == STATUS_OK; i++)
		s = build_vm(blob, i, backend);
	for (int turn = 0; turn < TURNS && s == STATUS_OK; turn++)
		s = assign_cpus(turn);
	return s == STATUS_OK ? sched_prepare(blob) : s;
}

MUST_USE enum status start_vms(void)
{
	enum status s = STATUS_OK;

	/* Firmware, and whatever ran before a warm reset, left something there. */
	for (struct vm *vm = vm_first(); vm; vm = vm->next)
		if (!(vm->blob->system->flags & HV_SYSTEM_RAM_IS_ZERO))
			memory_clear(vm->guest.memory);
	for (struct vm *vm = vm_first(); vm && s == STATUS_OK; vm = vm->next)
		s = vm_start(vm);
	return s;
}
