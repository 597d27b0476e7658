/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot blob: all that hvcc tells the core, and the only thing both include.
 *
 *     image in memory                         blob
 *     +----------------+ load base            +--------------------+ 4 KiB aligned
 *     | core           |                      | struct hv_header   |   section table inside
 *     |  hv_image -----+--- blob_offset --->  +--------------------+
 *     +----------------+                      | sections           |   arrays of fixed records,
 *     | blob           |                      |  strings, bytes ...|   8-byte aligned
 *     | payloads       |                      +--------------------+ total_size: SHA-256 ends here
 *     +----------------+                      | payloads           |   kernels, initrds: page aligned
 *                                             +--------------------+ image_size
 *
 * All integers are little-endian. A reference to a record is its index in the section of that kind;
 * HV_NONE is no reference. A string is an offset into HV_SECTION_STRINGS (NUL-terminated; offset 0 is
 * the empty string); a position is an index into HV_SECTION_POSITIONS (0: none). A run of records
 * (struct hv_run) lies wholly inside its section. The core verifies all of this once, before it uses
 * anything, and then only reads.
 *
 * A change to any layout or meaning raises HV_ABI.
 */
#ifndef SCHEMA_HVBLOB_H
#define SCHEMA_HVBLOB_H

#include <stddef.h>
#include <stdint.h>

#define HV_ABI 4u
#define HV_NONE 0xffffffffu
#define HV_HEADER_MAGIC 0x3130424f4c425648ull /* "HVBLOB01" */
#define HV_IMAGE_MAGIC 0x313047414d495648ull  /* "HVIMAG01" */

#define HV_CHECK(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " has moved")
#define HV_AT(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field " has moved")

/* ---- Where the core finds its blob: in section `.hv_image` of the core; hvcc fills it when it packs. */
struct hv_image_descriptor {
	uint64_t magic;	      /* HV_IMAGE_MAGIC, already in the bare core */
	uint32_t abi;	      /* HV_ABI the core was built with */
	uint32_t flags;	      /* 0 */
	uint64_t blob_offset; /* from the first byte of the loaded core; 0: no blob was packed */
	uint64_t image_size;  /* blob with payloads, bytes */
};
HV_CHECK(hv_image_descriptor, 32);

/* ------------------------------------------------------------------------------- sections and header */
enum hv_section_id {
	HV_SECTION_STRINGS,   /* char */
	HV_SECTION_POSITIONS, /* struct hv_position; entry 0 is empty */
	HV_SECTION_SYSTEM,    /* struct hv_system, exactly one */
	HV_SECTION_GUESTS,    /* struct hv_guest */
	HV_SECTION_VCPUS,     /* struct hv_vcpu */
	HV_SECTION_STARTS,    /* struct hv_start */
	HV_SECTION_REGIONS,   /* struct hv_region */
	HV_SECTION_LOADS,     /* struct hv_load */
	HV_SECTION_PAYLOADS,  /* struct hv_payload */
	HV_SECTION_DEVICES,   /* struct hv_device */
	HV_SECTION_PCI,	      /* struct hv_pci_function */
	HV_SECTION_POLICIES,  /* struct hv_cpu_policy */
	HV_SECTION_CPUID,     /* struct hv_cpuid */
	HV_SECTION_CPUID_INDEX, /* uint16_t: see struct hv_cpu_policy */
	HV_SECTION_FEATURES,  /* struct hv_feature */
	HV_SECTION_CLEARS,    /* struct hv_cpuid_clear */
	HV_SECTION_MSRS,      /* struct hv_msr */
	HV_SECTION_BYTES,     /* uint8_t: ACPI tables, boot_params, start_info, PCI headers */
	HV_SECTION_CASES,     /* struct hv_policy_case */
	HV_SECTION_TESTS,     /* struct hv_host_test */
	HV_SECTION_PATCHES,   /* struct hv_cpuid_patch */
	HV_SECTION_GUARDS,    /* struct hv_guard */
	HV_SECTION_FRAMES,    /* struct hv_frame */
	HV_SECTION_WINDOWS,   /* struct hv_window */
	HV_SECTION_SHARES,    /* struct hv_share */
	HV_SECTION_USED,      /* how many are in use; the table has room for more */
	HV_SECTION_SLOTS = 32,
};

struct hv_section {
	uint64_t offset;      /* from the blob's first byte, 8-byte aligned */
	uint32_t count;	      /* records */
	uint32_t record_size; /* bytes; equals the reader's, or the blob is refused */
};
HV_CHECK(hv_section, 16);

enum hv_header_flags {
	HV_HEADER_SIGNED = 1u << 0, /* `signature` is filled; payload hashes are to be checked */
};

struct hv_header {
	uint64_t magic;	     /* HV_HEADER_MAGIC */
	uint32_t abi;	     /* HV_ABI */
	uint32_t flags;	     /* enum hv_header_flags */
	uint64_t total_size; /* header and sections, bytes */
	uint64_t image_size; /* with payloads, bytes */
	uint32_t section_count; /* HV_SECTION_USED */
	uint32_t reserved[3];
	uint8_t sha256[32];    /* of [0, total_size) with sha256 and signature taken as zero */
	uint8_t signature[64]; /* Ed25519 of sha256 */
	struct hv_section sections[HV_SECTION_SLOTS]; /* by enum hv_section_id */
};
HV_CHECK(hv_header, 656);
HV_AT(hv_header, sha256, 48);
HV_AT(hv_header, sections, 144);

struct hv_run { /* records [first, first + count) of one section */
	uint32_t first;
	uint32_t count;
};

struct hv_position {
	uint32_t file;	 /* string, relative to the top file */
	uint32_t line;	 /* 1-based */
	uint32_t column; /* 1-based, characters */
};
HV_CHECK(hv_position, 12);

/* ------------------------------------------------------------------------------------------ the whole */
enum hv_system_flags {
	HV_SYSTEM_NO_MITIGATIONS = 1u << 0, /* `mitigations: off`: the speculation table stays empty */
	HV_SYSTEM_DEBUG_EXIT = 1u << 1,	    /* a debug-exit device may end the machine through debug_exit_port */
	HV_SYSTEM_POWEROFF_WHEN_IDLE = 1u << 2, /* power the machine off when the last guest has stopped */
	HV_SYSTEM_RAM_IS_ZERO = 1u << 3, /* `scrub: false`: guests' RAM is not zeroed before their first start */
};

enum hv_console_mode { /* how guests share the serial line of the log */
	HV_CONSOLE_RAW,
	HV_CONSOLE_PREFIX, /* each line begins with the guest's name */
	HV_CONSOLE_SWITCH, /* one guest at a time is seen */
	HV_CONSOLE_MODES,
};

struct hv_system {
	uint32_t name;	   /* string */
	uint32_t position;
	uint32_t flags;	   /* enum hv_system_flags */
	uint32_t log_level; /* 0 error .. 3 debug */
	uint16_t console_port; /* 16550 of the core's log; 0: none */
	uint16_t debug_exit_port; /* host port of QEMU's isa-debug-exit */
	uint32_t console_baud;
	uint32_t tsc_khz;  /* from the platform file; 0: the core measures */
	uint32_t slp_typ_s5; /* from the platform file; HV_NONE: the core scans the DSDT */
	uint64_t pool_bytes; /* of the core's frame pool: all this configuration takes at boot */
	uint8_t console_mode;	/* enum hv_console_mode */
	uint8_t console_escape; /* code of the key, 1 to 26; 0: none */
	uint16_t reserved;
	uint32_t console_history; /* bytes kept of what each guest wrote */
};
HV_CHECK(hv_system, 48);

/* -------------------------------------------------------------------------------------------- a guest */
enum hv_vendor { HV_VENDOR_INTEL, HV_VENDOR_AMD, HV_VENDORS };

enum hv_event_action { HV_EVENT_DESTROY, HV_EVENT_RESTART, HV_EVENT_PRESERVE };

struct hv_event { /* libvirt's on_poweroff and its kin */
	uint32_t action;       /* enum hv_event_action */
	uint32_t max_restarts; /* within `window_ms`; 0: no bound */
	uint32_t window_ms;
	uint16_t then;	       /* enum hv_event_action, when the bound is passed; no restart */
	uint16_t dump;	       /* 1: all vCPUs go to the log first */
};

enum hv_pv { HV_PV_KVM = 1u << 0 };

enum hv_guest_flags {
	HV_GUEST_X2APIC = 1u << 0,   /* vCPUs start in x2APIC mode (ids above 254, or asked for) */
	HV_GUEST_PAYLOAD_ONCE = 1u << 1, /* on-reboot: destroy; its payloads need not be kept */
	HV_GUEST_OBSERVER = 1u << 2,	 /* is told of other guests' refused writes: HV_GUARD_NOTIFY */
};

struct hv_guest {
	uint32_t name;
	uint32_t position;
	uint32_t flags;	       /* enum hv_guest_flags */
	uint32_t pv;	       /* enum hv_pv */
	struct hv_run vcpus;   /* entry 0 is the boot processor */
	struct hv_run regions; /* sorted by gpa, disjoint */
	struct hv_run loads;   /* done in order at each start */
	struct hv_run devices;
	struct hv_run pci;
	struct hv_run guards;  /* sorted by gpa, disjoint; each inside one region that can be written */
	uint32_t policy[HV_VENDORS]; /* struct hv_cpu_policy; HV_NONE: this guest cannot run on that vendor */
	uint32_t physical_bits;	     /* guest physical width; a host with less is refused */
	uint32_t reserve_frames;     /* 4 KiB frames for tables made while it runs */
	struct hv_event on_poweroff;
	struct hv_event on_reboot;
	struct hv_event on_crash;
};
HV_CHECK(hv_guest, 128);

#define HV_HOST_CPUS 512u /* how many CPUs of a machine the core starts; it leaves others alone */

enum hv_scheduler {
	HV_SCHEDULER_EXCLUSIVE, /* the vCPU has its CPU for itself */
	HV_SCHEDULER_TABLE,	/* it runs in the windows of its CPU's frame */
	HV_SCHEDULER_FAIR,	/* it shares its CPU by weight */
	HV_SCHEDULERS,
};

struct hv_vcpu {
	uint32_t guest;
	uint32_t position;
	uint32_t apic_id;   /* 32 bits, as in x2APIC */
	uint32_t host_cpu;  /* index of a host CPU in MADT order; HV_NONE: the core picks (not of a table) */
	uint32_t core_id;   /* CPUID 0x8000001E EBX */
	uint32_t node_id;   /* CPUID 0x8000001E ECX */
	uint32_t proximity; /* NUMA node of the guest */
	uint32_t start;	    /* struct hv_start of the boot processor; HV_NONE: waits for INIT/SIPI */
	uint8_t scheduler;  /* enum hv_scheduler */
	uint8_t cap;	    /* FAIR: most of its CPU, percent; 0: no bound */
	uint16_t weight;    /* FAIR: its share against the others of its CPU; not 0 */
	uint32_t reserved;
};
HV_CHECK(hv_vcpu, 40);

/* The fixed table of a host CPU: a major frame, again and again, and the windows in it. All frames begin at the same moment. */
struct hv_frame {
	uint32_t host_cpu;
	uint32_t position;
	uint32_t length_us;
	uint32_t reserved;
	struct hv_run windows; /* in order, disjoint, inside the frame; at least one */
};
HV_CHECK(hv_frame, 24);

struct hv_window {
	uint32_t start_us; /* from the beginning of the frame */
	uint32_t length_us;
	uint32_t vcpu;	   /* of HV_SCHEDULER_TABLE and of this CPU */
	uint32_t position;
};
HV_CHECK(hv_window, 16);

/* Segment attributes have the layout of VMX access rights (SDM v3 24.4.1): type 3:0, S 4, DPL 6:5, P 7,
 * AVL 12, L 13, D/B 14, G 15, unusable 16. */
struct hv_segment {
	uint32_t selector;
	uint32_t attributes;
	uint32_t limit; /* bytes - 1, granularity already applied */
	uint32_t reserved;
	uint64_t base;
};
enum hv_segment_id { HV_ES, HV_CS, HV_SS, HV_DS, HV_FS, HV_GS, HV_LDTR, HV_TR, HV_SEGMENTS };

struct hv_start { /* registers with which a boot processor is entered */
	uint64_t gpr[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8 .. r15: the order of their encoding */
	uint64_t rip;
	uint64_t rflags;
	uint64_t cr0, cr3, cr4, efer;
	uint64_t gdtr_base, idtr_base;
	uint32_t gdtr_limit, idtr_limit;
	struct hv_segment segments[HV_SEGMENTS];
};
HV_CHECK(hv_start, 392);

/* Hypercalls of our own, and the CPUID leaves that tell of them: schema/hypercalls.md. */
enum hv_call { HV_CALL_LOCK = 0x48560001, HV_CALL_WATCH = 0x48560002, HV_CALL_EVENT = 0x48560003 };
#define HV_CALLS_LEAF 0x40000100u
enum hv_calls { HV_CALLS_LOCK = 1u << 0, HV_CALLS_EVENTS = 1u << 1 }; /* EAX of the leaf behind it */

/* -------------------------------------------------------------------------------------- guest memory */
enum hv_region_kind {
	HV_REGION_RAM,
	HV_REGION_PMEM,
	HV_REGION_ROM,	    /* read-only for the guest; its writes are dropped and logged */
	HV_REGION_SHARED,
	HV_REGION_MMIO,	    /* host device memory */
	HV_REGION_EPC,
	HV_REGION_RESERVED, /* nothing there: accesses read all ones */
};
enum hv_region_backing {
	HV_BACKING_NONE,
	HV_BACKING_ANY,
	HV_BACKING_FIXED,
	HV_BACKING_PAYLOAD,
	HV_BACKING_SHARE, /* memory of the system, HV_REGION_SHARED only */
};
enum hv_region_rights { HV_READ = 1u << 0, HV_WRITE = 1u << 1, HV_EXECUTE = 1u << 2 };
enum hv_cache_type { HV_CACHE_UC = 0, HV_CACHE_WC = 1, HV_CACHE_WT = 4, HV_CACHE_WP = 5, HV_CACHE_WB = 6 };

struct hv_region {
	uint64_t gpa;  /* 4 KiB aligned */
	uint64_t size; /* 4 KiB multiple */
	uint64_t host; /* HV_BACKING_FIXED: host physical address */
	uint32_t name;
	uint32_t position;
	uint8_t kind;	 /* enum hv_region_kind */
	uint8_t backing; /* enum hv_region_backing */
	uint8_t rights;	 /* enum hv_region_rights */
	uint8_t cache;	 /* enum hv_cache_type */
	uint32_t host_node; /* HV_NONE: any */
	uint32_t payload;   /* HV_BACKING_PAYLOAD */
	uint32_t share;	    /* HV_BACKING_SHARE */
};
HV_CHECK(hv_region, 48);

/* Memory of the system that several guests have. It is zero when the machine starts, keeps what is in it when one of
 * them starts again, and is zeroed when the last of them is gone. */
struct hv_share {
	uint64_t size; /* 4 KiB multiple */
	uint32_t name;
	uint32_t position;
	uint32_t peers; /* ids of ivshmem are below; 0: it has none */
	uint32_t reserved;
};
HV_CHECK(hv_share, 24);
#define HV_PEERS	   65536u
#define HV_IVSHMEM_VECTORS 2048u

/* What becomes of a write to a sub-page (128 bytes) that is closed for writing. */
enum hv_guard_action {
	HV_GUARD_LOG,	    /* it has no effect */
	HV_GUARD_INJECT_PF, /* the guest gets #PF, present and write */
	HV_GUARD_INJECT_GP, /* the guest gets #GP(0) */
	HV_GUARD_STOP,	    /* the guest crashes; its on-crash says what then */
	HV_GUARD_NOTIFY,    /* it has no effect, and the observer gets an event */
	HV_GUARD_ACTIONS,
};

#define HV_GUARD_ANYWHERE 0xfffffffffffff000ull
#define HV_LOCKABLE_MAX (8192ull << 12)

struct hv_guard { /* pages that are written in part only; each refused write is logged */
	uint64_t gpa;  /* 4 KiB aligned; HV_GUARD_ANYWHERE: the guest says which pages (schema/hypercalls.md), */
	uint64_t size; /* 4 KiB multiple; and that many at most */
	uint32_t writable; /* in each page: bit n opens bytes [128 n, 128 n + 128) */
	uint32_t action;   /* enum hv_guard_action */
	uint32_t name;
	uint32_t position;
	uint32_t observer; /* HV_GUARD_NOTIFY: index of a guest */
	uint32_t reserved;
};
HV_CHECK(hv_guard, 40);

enum hv_load_source { HV_LOAD_ZERO, HV_LOAD_BYTES, HV_LOAD_PAYLOAD };

struct hv_load { /* [gpa, gpa + file_size) is copied, up to memory_size is zeroed */
	uint64_t gpa;
	uint64_t memory_size;
	uint64_t file_size;
	uint64_t source_offset; /* in HV_SECTION_BYTES or in the payload */
	uint32_t source;	/* enum hv_load_source */
	uint32_t payload;
	uint32_t name;
	uint32_t position;
};
HV_CHECK(hv_load, 48);

struct hv_payload {
	uint64_t offset; /* from the blob's first byte, page aligned, behind total_size */
	uint64_t size;
	uint8_t sha256[32];
	uint32_t name; /* path as written */
	uint32_t position;
};
HV_CHECK(hv_payload, 56);

/* ------------------------------------------------------------------------------------------- devices */
enum hv_device_kind {
	HV_DEVICE_LAPIC,      /* base: MMIO of the xAPIC page */
	HV_DEVICE_IOAPIC,     /* base: MMIO; gsi: first pin; parameter[0]: id, [1]: pins */
	HV_DEVICE_PIC,	      /* the 8259 pair at 0x20, 0xa0, 0x4d0 */
	HV_DEVICE_PIT,	      /* 8254 at 0x40, 0x61; gsi: its interrupt */
	HV_DEVICE_HPET,	      /* base: MMIO; parameter[0]: timers */
	HV_DEVICE_RTC,	      /* base: port of the index register; gsi; parameter[0]: CMOS century register */
	HV_DEVICE_UART,	      /* base: port; gsi; parameter[0]: enum hv_uart_backend */
	HV_DEVICE_ACPI_PM,    /* base: PM1a event port (PM1a control at +4, PM timer at +8); gsi: SCI;
			       * parameter[0]: SLP_TYP of S5; [1]: reset port; [2]: reset value */
	HV_DEVICE_PCI_HOST,   /* base: ECAM; size: its bytes; ports 0xcf8 and 0xcfc; parameter[0]: first bus;
			       * [1]: memory where windows of emulated functions lie; [2]: its bytes */
	HV_DEVICE_DEBUG_EXIT, /* base: port */
	HV_DEVICE_KVM,	      /* the KVM paravirtual interface; parameter[0]: CPUID base (0x40000000 + n * 0x100);
			       * [1]: the feature bits of leaf base + 1 EAX */
	HV_DEVICE_PANIC,      /* base: port of QEMU's pvpanic */
	HV_DEVICE_WATCHDOG,   /* base: its 12 ports; parameter[0]: enum hv_watchdog_action, [1]: the count at a start */
	HV_DEVICE_WINDOW,     /* a region of kind shared at base; size; parameter[0]: struct hv_share; [1]: may write */
	HV_DEVICE_IVSHMEM,    /* the same, as BAR 2 of its PCI function (requester); [2]: its id; [3]: MSI-X vectors */
	HV_DEVICE_VIRTIO,     /* requester: its PCI function; gsi: of its pin; parameter[0]: enum hv_virtio_type;
			       * the others: below */
	HV_DEVICE_KINDS,
};

/* What follows when the guest's watchdog was not fed: as if the guest had done it itself, or an NMI, or a line in the log. */
enum hv_watchdog_action {
	HV_WATCHDOG_RESET,
	HV_WATCHDOG_POWEROFF,
	HV_WATCHDOG_CRASH,
	HV_WATCHDOG_NMI, /* to the boot processor */
	HV_WATCHDOG_NONE,
	HV_WATCHDOG_ACTIONS,
};
#define HV_WATCHDOG_PERIOD_MS 100u /* one count */

enum hv_uart_backend { HV_UART_NULL, HV_UART_CONSOLE }; /* the core's console */

/* Device ids of virtio 1.2, 5; what the fields of struct hv_device are for each. */
enum hv_virtio_type {
	HV_VIRTIO_NET = 1,
	HV_VIRTIO_BLK = 2, /* parameter[1]: struct hv_payload; [2]: 1: reading only */
	HV_VIRTIO_CONSOLE = 3,
	HV_VIRTIO_RNG = 4,
	HV_VIRTIO_VSOCK = 19,
};

/* A virtio function's one memory window, BAR 0, and where its capabilities lie in config space (virtio 1.2, 4.1.4). */
enum hv_virtio_window {
	HV_VIRTIO_COMMON = 0x0000,
	HV_VIRTIO_ISR = 0x1000,
	HV_VIRTIO_DEVICE = 0x2000,
	HV_VIRTIO_NOTIFY = 0x3000,  /* queue n at 4 n */
	HV_VIRTIO_MSIX = 0x4000,    /* 256 vectors */
	HV_VIRTIO_PENDING = 0x5000,
	HV_VIRTIO_WINDOW = 0x8000,  /* bytes */
};
#define HV_VIRTIO_NOTIFY_STEP 4u
#define HV_VIRTIO_QUEUES      64u
#define HV_VIRTIO_VECTORS     256u
#define HV_VIRTIO_PCI_CFG     0x98u /* the capability for accesses through config space */

struct hv_device {
	uint32_t kind; /* enum hv_device_kind */
	uint32_t name; /* string: the `id` of the file, or the kind's word */
	uint32_t position;
	uint32_t gsi; /* HV_NONE: no interrupt */
	uint64_t base;
	uint64_t size;
	uint32_t parameter[4];
	uint32_t dma_space; /* 0: guest memory itself */
	uint32_t requester; /* PCI requester id of its messages, HV_NONE */
};
HV_CHECK(hv_device, 56);

struct hv_pci_function { /* config space as a table: what is there at reset, what may be written */
	uint32_t name;
	uint32_t position;
	uint32_t bdf;	 /* bus 15:8, device 7:3, function 2:0 */
	uint32_t config; /* offset in HV_SECTION_BYTES of 256 bytes: values at reset */
	uint32_t mask;	 /* offset in HV_SECTION_BYTES of 256 bytes: 1 = writable */
	uint32_t device; /* struct hv_device behind it; HV_NONE: config space is all of it */
};
HV_CHECK(hv_pci_function, 24);

/* ------------------------------------------------------------------------------- CPUID and MSR policy */
/*
 * One policy a vendor and guest. What a guest reads is
 *     register = value & (host | ~host_mask)
 * so a bit with host_mask 0 is ours alone, a bit with host_mask 1 needs the host, and value and
 * host_mask all ones give the host's register. Then the dynamic fields go on top.
 *
 * Leaves are indexed: for leaf L of range r (0: basic, 1: hypervisor, 2: extended) the entry
 * index[r].first + (L - base of r) of HV_SECTION_CPUID_INDEX is the first record of that leaf relative to
 * cpuid.first; the sub-leaves follow it in order. 0xffff: the leaf reads zero. A leaf past the range reads
 * zero (AMD) or as the last basic leaf (Intel), HV_POLICY_INTEL_LIMIT.
 */
enum hv_cpuid_range { HV_CPUID_BASIC, HV_CPUID_HYPERVISOR, HV_CPUID_EXTENDED, HV_CPUID_RANGES };

enum hv_cpuid_flags {
	HV_CPUID_SUBLEAF = 1u << 0, /* this leaf has sub-leaves; `subleaves` records, then zero */
};

enum hv_cpuid_dynamic { /* filled in at the exit, from the state of the vCPU or the machine */
	HV_DYNAMIC_APIC_ID8 = 1u << 0,	  /* leaf 1 EBX 31:24 */
	HV_DYNAMIC_OSXSAVE = 1u << 1,	  /* leaf 1 ECX 27 = CR4.OSXSAVE */
	HV_DYNAMIC_APIC_ENABLE = 1u << 2, /* leaf 1 EDX 9 cleared while IA32_APIC_BASE.EN is 0 */
	HV_DYNAMIC_OSPKE = 1u << 3,	  /* leaf 7.0 ECX 4 = CR4.PKE */
	HV_DYNAMIC_APIC_ID32 = 1u << 4,	  /* EDX = x2APIC id (leaves 0xB, 0x1F), any sub-leaf, ECX 7:0 = sub-leaf */
	HV_DYNAMIC_XSAVE_SIZE = 1u << 5,  /* EBX = bytes for XCR0 (0xD.0) or XCR0 | XSS compacted (0xD.1) */
	HV_DYNAMIC_XSAVE_MAX = 1u << 6,	  /* 0xD.0: EAX, EDX = permitted XCR0; ECX = bytes for it */
	HV_DYNAMIC_APIC_EXT = 1u << 7,	  /* 0x8000001E: EAX = APIC id, EBX 7:0 = core id, ECX 7:0 = node id */
	HV_DYNAMIC_TSC_KHZ = 1u << 8,	  /* EAX = TSC kHz, EBX = LAPIC timer kHz (KVM's leaf 0x40000010) */
	HV_DYNAMIC_XSAVE_COMPONENT = 1u << 9, /* 0xD.n, n >= 2: zero when XCR0 may not have bit n */
};

struct hv_cpuid {
	uint32_t leaf;
	uint32_t subleaf;
	uint32_t flags;	    /* enum hv_cpuid_flags */
	uint32_t dynamic;   /* enum hv_cpuid_dynamic */
	uint32_t subleaves; /* records of this leaf, in its first one */
	uint32_t reserved;
	uint32_t value[4];     /* eax ebx ecx edx */
	uint32_t host_mask[4];
};
HV_CHECK(hv_cpuid, 56);

enum hv_feature_flags {
	HV_FEATURE_REQUIRED = 1u << 0,	/* a host without it is refused */
	HV_FEATURE_FORBIDDEN = 1u << 1, /* a host with it is refused; there is nothing to clear */
};

struct hv_feature { /* when the host lacks it, all that hangs on it goes too: only ANDs */
	uint32_t name;
	uint32_t position;
	uint32_t flags; /* enum hv_feature_flags */
	uint32_t leaf, subleaf;
	uint32_t reg;	/* 0 eax .. 3 edx */
	uint32_t mask;	/* one bit */
	uint32_t reserved;
	struct hv_run clears;  /* struct hv_cpuid_clear */
	uint64_t xcr0_clear;   /* removed from what XCR0 may have */
	uint64_t cr4_clear;
	uint64_t efer_clear;
	uint64_t msr_groups_clear; /* MSR records of these groups behave as unlisted */
};
HV_CHECK(hv_feature, 72);

struct hv_cpuid_clear {
	uint32_t cpuid;	  /* record, absolute index */
	uint32_t keep[4]; /* ANDed into its value */
	uint32_t reserved;
};
HV_CHECK(hv_cpuid_clear, 24);

/*
 * Where a policy depends on more than one feature at a time, on a feature that the machine lacks, or on the
 * vCPU: where all tests of a case hold, what it says applies as well, when features and host have done theirs.
 * State is the guest's, so only cases of all vCPUs have it.
 */
struct hv_host_test { /* a CPUID bit of the machine is as `present` says */
	uint32_t leaf, subleaf;
	uint32_t reg;  /* 0 eax .. 3 edx */
	uint32_t mask; /* one bit */
	uint32_t present; /* 0 or 1 */
	uint32_t reserved;
};
HV_CHECK(hv_host_test, 24);

struct hv_cpuid_patch { /* value = value & keep | set */
	uint32_t cpuid; /* record, absolute index */
	uint32_t keep[4];
	uint32_t set[4];
	uint32_t reserved;
};
HV_CHECK(hv_cpuid_patch, 40);

enum hv_case_flags {
	HV_CASE_REFUSE = 1u << 0, /* such a machine is refused: it does not fulfil `name` */
};

struct hv_policy_case {
	uint32_t name;
	uint32_t position;
	uint32_t flags; /* enum hv_case_flags */
	uint32_t reserved;
	uint32_t first_vcpu, last_vcpu; /* of the guest; last HV_NONE: to the end */
	struct hv_run tests;   /* none: everywhere */
	struct hv_run patches;
	uint64_t xcr0_clear;
	uint64_t cr4_clear;
	uint64_t efer_clear;
	uint64_t msr_groups_clear;
};
HV_CHECK(hv_policy_case, 72);

enum hv_msr_action {
	HV_MSR_GP,	/* #GP(0) */
	HV_MSR_PASS,	/* the CPU's own register, per vCPU: live state, no exit */
	HV_MSR_STORE,	/* kept in a slot of the vCPU: writes outside write_mask that change a bit are #GP */
	HV_MSR_FIXED,	/* reads `reset`; writes are ignored */
	HV_MSR_HANDLER, /* the core's code for that MSR (EFER, APIC base, TSC, x2APIC, KVM ...) */
};

struct hv_msr { /* sorted by first, disjoint */
	uint32_t first, last;
	uint8_t read;  /* enum hv_msr_action */
	uint8_t write; /* enum hv_msr_action */
	uint8_t group; /* 0..63, see hv_feature.msr_groups_clear; 255: none */
	uint8_t reserved;
	uint32_t slot; /* HV_MSR_STORE: slot of `first`; the next MSR has the next slot */
	uint32_t position;
	uint32_t reserved2;
	uint64_t reset;
	uint64_t write_mask;
};
HV_CHECK(hv_msr, 40);

#define HV_MSR_SLOTS 64u /* a vCPU */

enum hv_policy_flags {
	HV_POLICY_INTEL_LIMIT = 1u << 0,  /* leaves past the basic range read as the last basic one */
	HV_POLICY_MSR_IGNORE = 1u << 1, /* unlisted MSRs read zero and ignore writes, instead of #GP */
	HV_POLICY_MSR_LOG = 1u << 2,	/* and say so once */
};

struct hv_cpu_policy {
	uint32_t vendor;   /* enum hv_vendor of the host it is for */
	uint32_t flags;	   /* enum hv_policy_flags */
	uint32_t position;
	uint32_t reserved;
	struct hv_run cpuid;
	struct hv_run features; /* in order of dependency */
	struct hv_run cases;
	struct hv_run msrs;
	struct hv_run index[HV_CPUID_RANGES]; /* runs of HV_SECTION_CPUID_INDEX */
	uint64_t xcr0; /* bits XCR0 may have, before the host and features take theirs */
	uint64_t xss;
	uint64_t cr4;  /* bits CR4 may have */
	uint64_t efer;
};
HV_CHECK(hv_cpu_policy, 104);

#endif
