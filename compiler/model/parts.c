/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of parts: a row a key. */
#include "model/part.h"

#define AT(type, member) offsetof(struct type, member)
#define SIZE(type, member) sizeof(((struct type *)0)->member)

#define VALUE(kind, size, type, member, key)                                                       \
	{ key, kind, size, AT(type, member.value), AT(type, member.where), NULL }
#define NUMBER(type, member, key) VALUE(PART_NUMBER, SIZE(type, member.value), type, member, key)
#define BITS(type, member, key)	  VALUE(PART_BITS, SIZE(type, member.value), type, member, key)
#define TEXT(type, member, key)	  VALUE(PART_TEXT, 0, type, member, key)
#define NAMED(type, member, key) { key, PART_FILE, 0, AT(type, member), AT(type, member.where), NULL }
#define MAP(type, member, key, part)                                                               \
	{ key, PART_MAP, 0, AT(type, member), AT(type, member.where), &part }
#define LIST(type, member, key, part)  { key, PART_LIST, 0, AT(type, member), 0, &part }
#define PAIRS(type, member, key, part) { key, PART_PAIRS, 0, AT(type, member), 0, &part }
#define ITEMS(type, member, key, part) { key, PART_ITEMS, 0, AT(type, member), 0, &part }

#define TABLE(linkage, name, type, ...)                                                            \
	static const struct part_key name##_keys[] = { __VA_ARGS__ };                              \
	linkage const struct part name = {                                                         \
		.size = sizeof(struct type),                                                       \
		.keys = name##_keys,                                                               \
		.key_count = sizeof(name##_keys) / sizeof(*name##_keys),                           \
	}
#define PART(name, type, ...)	TABLE(static, name, type, __VA_ARGS__)
#define PUBLIC(name, type, ...) TABLE(, name, type, __VA_ARGS__)
/* An entry whose key goes to `field`. */
#define PAIR(type, field, value_)                                                                  \
	static const struct part_key part_##type##_keys[] = { value_ };                            \
	static const struct part part_##type = {                                                   \
		.size = sizeof(struct type),                                                       \
		.keys = part_##type##_keys,                                                        \
		.key_count = 1,                                                                    \
		.name = AT(type, field.value),                                                     \
		.name_where = AT(type, field.where),                                               \
	}

/* -------------------------------------------------------------------------------- of a guest */
PART(part_nvdimm_backing, nvdimm_backing,
	NUMBER(nvdimm_backing, pmem, "pmem"),
	NAMED(nvdimm_backing, file, "file"));
PART(part_nvdimm, nvdimm,
	TEXT(nvdimm, id, "id"),
	NUMBER(nvdimm, size, "size"),
	NUMBER(nvdimm, gpa, "gpa"),
	NUMBER(nvdimm, align, "align"),
	NUMBER(nvdimm, label_size, "label-size"),
	MAP(nvdimm, backing, "backing", part_nvdimm_backing),
	NUMBER(nvdimm, persistence, "persistence"),
	NUMBER(nvdimm, unarmed, "unarmed"),
	NUMBER(nvdimm, readonly, "readonly"));
PART(part_spp, spp,
	TEXT(spp, name, "name"),
	NUMBER(spp, gpa, "gpa"),
	TEXT(spp, symbol, "symbol"),
	NUMBER(spp, lockable, "lockable"),
	NUMBER(spp, pages, "pages"),
	BITS(spp, writable, "writable"),
	BITS(spp, protected_, "protected"),
	NUMBER(spp, action, "action"),
	NUMBER(spp, inject, "inject"),
	TEXT(spp, observer, "observer"));
PART(part_sgx_epc, sgx_epc,
	NUMBER(sgx_epc, size, "size"),
	NUMBER(sgx_epc, gpa, "gpa"),
	NUMBER(sgx_epc, prealloc, "prealloc"));
PUBLIC(part_memory, memory,
	LIST(memory, nvdimm, "nvdimm", part_nvdimm),
	LIST(memory, spp, "spp", part_spp),
	LIST(memory, sgx_epc, "sgx-epc", part_sgx_epc));

PART(part_pt, cpu_pt, NUMBER(cpu_pt, mode, "mode"));
PART(part_msr_rule, msr_rule,
	TEXT(msr_rule, msr, "msr"),
	NUMBER(msr_rule, access, "access"),
	NUMBER(msr_rule, read, "read"),
	NUMBER(msr_rule, write, "write"),
	TEXT(msr_rule, value, "value"),
	TEXT(msr_rule, reset, "reset"));
PART(part_msr, cpu_msr,
	NUMBER(cpu_msr, unlisted, "unlisted"),
	LIST(cpu_msr, rules, "rules", part_msr_rule));
PUBLIC(part_cpu, cpu,
	MAP(cpu, msr, "msr", part_msr),
	MAP(cpu, pt, "pt", part_pt),
	NUMBER(cpu, nested, "nested"));

PART(part_pci, pci,
	TEXT(pci, id, "id"),
	TEXT(pci, host, "host"),
	TEXT(pci, guest, "guest"),
	NUMBER(pci, rom, "rom"),
	NUMBER(pci, rdm_policy, "rdm-policy"),
	NUMBER(pci, allow_unprotected_dma, "allow-unprotected-dma"));
PART(part_virtio_backend, virtio_backend,
	TEXT(virtio_backend, network, "network"),
	NAMED(virtio_backend, image, "image"),
	TEXT(virtio_backend, vm, "vm"),
	TEXT(virtio_backend, export, "export"));
PART(part_virtio, virtio,
	TEXT(virtio, id, "id"),
	NUMBER(virtio, type, "type"),
	TEXT(virtio, guest, "guest"),
	NUMBER(virtio, num_queues, "num-queues"),
	NUMBER(virtio, vectors, "vectors"),
	TEXT(virtio, mac, "mac"),
	NUMBER(virtio, readonly, "readonly"),
	NUMBER(virtio, ports, "ports"),
	NUMBER(virtio, guest_cid, "guest-cid"),
	MAP(virtio, backend, "backend", part_virtio_backend));
PART(part_export, export,
	TEXT(export, name, "name"),
	NUMBER(export, type, "type"),
	TEXT(export, to, "to"),
	NUMBER(export, readonly, "readonly"));
PART(part_shmem, shmem,
	TEXT(shmem, id, "id"),
	NUMBER(shmem, model, "model"),
	TEXT(shmem, region, "region"),
	NUMBER(shmem, access, "access"),
	NUMBER(shmem, role, "role"),
	NUMBER(shmem, size, "size"),
	NUMBER(shmem, vectors, "vectors"),
	NUMBER(shmem, gpa, "gpa"),
	TEXT(shmem, guest, "guest"));
PART(part_panic, panic,
	NUMBER(panic, model, "model"),
	NUMBER(panic, io, "io"));
PART(part_watchdog, watchdog,
	NUMBER(watchdog, model, "model"),
	NUMBER(watchdog, timeout, "timeout"),
	NUMBER(watchdog, action, "action"));
PART(part_tpm_backend, tpm_backend, TEXT(tpm_backend, vm, "vm"));
PART(part_tpm, tpm,
	NUMBER(tpm, model, "model"),
	MAP(tpm, backend, "backend", part_tpm_backend));
PUBLIC(part_devices, devices,
	LIST(devices, pci, "pci", part_pci),
	LIST(devices, virtio, "virtio", part_virtio),
	LIST(devices, exports, "exports", part_export),
	LIST(devices, shmem, "shmem", part_shmem),
	MAP(devices, panic, "panic", part_panic),
	MAP(devices, watchdog, "watchdog", part_watchdog),
	MAP(devices, tpm, "tpm", part_tpm));

PART(part_scheduling, scheduling,
	NUMBER(scheduling, scheduler, "scheduler"),
	NUMBER(scheduling, period, "period"),
	NUMBER(scheduling, budget, "budget"),
	NUMBER(scheduling, priority, "priority"),
	NUMBER(scheduling, weight, "weight"),
	NUMBER(scheduling, cap, "cap"));
PART(part_iommu, iommu,
	NUMBER(iommu, model, "model"),
	NUMBER(iommu, intremap, "intremap"),
	NUMBER(iommu, eim, "eim"),
	NUMBER(iommu, caching_mode, "caching-mode"),
	NUMBER(iommu, aw_bits, "aw-bits"));
PUBLIC(part_guest, guest,
	TEXT(guest, uuid, "uuid"),
	MAP(guest, scheduling, "scheduling", part_scheduling),
	MAP(guest, iommu, "iommu", part_iommu));

/* ------------------------------------------------------------------------------- of a system */
PAIR(member, guest, NUMBER(member, access, NULL));
PART(part_shmem_region, shmem_region,
	TEXT(shmem_region, name, "name"),
	NUMBER(shmem_region, size, "size"),
	PAIRS(shmem_region, members, "members", part_member));
PART(part_network, network,
	TEXT(network, name, "name"),
	NUMBER(network, mtu, "mtu"));
PART(part_slot, slot,
	NUMBER(slot, start, "start"),
	NUMBER(slot, length, "length"),
	TEXT(slot, guest, "guest"),
	NUMBER(slot, vcpu, "vcpu"));
PART(part_table, schedule_table,
	NUMBER(schedule_table, cpu, "cpu"),
	NUMBER(schedule_table, major_frame, "major-frame"),
	LIST(schedule_table, slots, "slots", part_slot));
PART(part_system_scheduling, system_scheduling,
	LIST(system_scheduling, tables, "tables", part_table));
PART(part_managed, managed, TEXT(managed, guest, NULL));
PART(part_control, control,
	TEXT(control, guest, "guest"),
	ITEMS(control, over, "over", part_managed),
	BITS(control, rights, "rights"));
PART(part_signing, signing, NAMED(signing, key, "key"));
PUBLIC(part_console, console,
	NUMBER(console, guests, "guests"),
	TEXT(console, escape, "escape"),
	NUMBER(console, history, "history"));
PAIR(bound_device, id, TEXT(bound_device, host, NULL));
PART(part_bound_range, bound_range,
	NUMBER(bound_range, host, "host"),
	NUMBER(bound_range, size, "size"));
PUBLIC(part_bind, bind,
	NUMBER(bind, node, "node"),
	PAIRS(bind, devices, "devices", part_bound_device),
	LIST(bind, memory, "memory", part_bound_range));
PUBLIC(part_system, system,
	LIST(system, shmem_regions, "shmem-regions", part_shmem_region),
	LIST(system, networks, "networks", part_network),
	MAP(system, scheduling, "scheduling", part_system_scheduling),
	MAP(system, control, "control", part_control),
	MAP(system, signing, "signing", part_signing));
