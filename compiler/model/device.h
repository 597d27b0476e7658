/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices, special memory and the IOMMU of a guest, as the file has them. Each part begins with its `where`,
 * absent where the file has no such part; parts.c says which key is which field. PCI addresses stay texts:
 * check/pci.c reads them, and says what is wrong with one.
 */
#ifndef HVCC_MODEL_DEVICE_H
#define HVCC_MODEL_DEVICE_H

#include "model/field.h"
#include "model_enums.h"

/* -------------------------------------------------------------------------- special memory */
struct nvdimm_backing {
	struct where where;
	FIELD(uint64_t) pmem; /* host-physical; may be absent */
	struct file_name file;
};

struct nvdimm {
	struct where where;
	FIELD(const char *) id;
	FIELD(uint64_t) size; /* bytes that the guest sees; the labels come on top */
	FIELD(uint64_t) gpa;  /* may be absent */
	FIELD(uint64_t) align;
	FIELD(uint64_t) label_size; /* 0: no labels */
	struct nvdimm_backing backing;
	FIELD(enum persistence) persistence;
	FIELD(bool) unarmed;
	FIELD(bool) readonly;
};

struct spp {
	struct where where;
	FIELD(const char *) name;
	FIELD(uint64_t) gpa;	     /* this ... */
	FIELD(const char *) symbol;  /* ... or this, "kernel:NAME" ... */
	FIELD(uint32_t) lockable;    /* ... or this: pages that the guest closes itself */
	FIELD(uint32_t) pages;	     /* may be absent with a symbol */
	FIELD(uint32_t) writable;    /* bit n: 128 bytes from n * 128 on */
	FIELD(uint32_t) protected_;  /* the complement; one of the two may be set */
	FIELD(enum spp_action) action;
	FIELD(enum spp_fault) inject;	/* may be absent */
	FIELD(const char *) observer;	/* may be absent */
};

struct sgx_epc {
	struct where where;
	FIELD(uint64_t) size;
	FIELD(uint64_t) gpa; /* may be absent */
	FIELD(bool) prealloc;
};

/* ----------------------------------------------------------------------------- virtual IOMMU */
struct iommu {
	struct where where;
	FIELD(enum iommu_model) model;
	FIELD(bool) intremap;
	FIELD(bool) eim;
	FIELD(bool) caching_mode;
	FIELD(uint32_t) aw_bits;
};

/* ----------------------------------------------------------------------------------- devices */
struct pci {
	struct where where;
	FIELD(const char *) id;
	FIELD(const char *) host; /* may be absent, or set by `bind` */
	FIELD(const char *) guest; /* may be absent */
	FIELD(enum pci_rom) rom;
	FIELD(enum rdm_policy) rdm_policy;
	FIELD(bool) allow_unprotected_dma;
};

struct virtio_backend {
	struct where where;
	FIELD(const char *) network;
	struct file_name image;
	FIELD(const char *) vm;
	FIELD(const char *) export;
};

struct virtio {
	struct where where;
	FIELD(const char *) id;
	FIELD(enum virtio_type) type;
	FIELD(const char *) guest;
	FIELD(uint32_t) num_queues;
	FIELD(uint32_t) vectors;
	FIELD(const char *) mac;
	FIELD(bool) readonly;
	FIELD(uint32_t) ports;
	FIELD(uint64_t) guest_cid;
	struct virtio_backend backend;
};

/* What a guest serves to another one. */
struct export {
	struct where where;
	FIELD(const char *) name;
	FIELD(enum virtio_type) type;
	FIELD(const char *) to;
	FIELD(bool) readonly;
};

struct shmem {
	struct where where;
	FIELD(const char *) id;
	FIELD(enum shmem_model) model;
	FIELD(const char *) region;
	FIELD(enum access) access;
	FIELD(enum shmem_role) role;
	FIELD(uint64_t) size; /* that it expects; absent: any */
	FIELD(uint32_t) vectors;
	FIELD(uint64_t) gpa;
	FIELD(const char *) guest;
};

struct panic {
	struct where where;
	FIELD(enum panic_model) model;
	FIELD(uint32_t) io;
};

struct watchdog {
	struct where where;
	FIELD(enum watchdog_model) model;
	FIELD(uint64_t) timeout; /* milliseconds */
	FIELD(enum watchdog_action) action;
};

struct tpm_backend {
	struct where where;
	FIELD(const char *) vm;
};

struct tpm {
	struct where where;
	FIELD(enum tpm_model) model;
	struct tpm_backend backend;
};

#endif
