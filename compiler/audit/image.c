/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: sections out of the file, then every reference tested by the tables of emit/record.h. */
#include "audit/image.h"

#include <string.h>

#include "base/bytes.h"
#include "emit/image.h"
#include "emit/record.h"
#include "policy/feature.h"

static const void *section(struct image *image, enum hv_section_id id)
{
	const struct hv_section *from = &image->header.sections[id];
	size_t size = (size_t)from->count * from->record_size;
	void *records = arena_alloc(image->arena, size + 1);

	if (size)
		memcpy(records, image->blob.data + from->offset, size);
	image->counts[id] = from->count;
	return records;
}

static void take_sections(struct image *image)
{
	image->strings = section(image, HV_SECTION_STRINGS);
	image->positions = section(image, HV_SECTION_POSITIONS);
	image->system = section(image, HV_SECTION_SYSTEM);
	image->guests = section(image, HV_SECTION_GUESTS);
	image->vcpus = section(image, HV_SECTION_VCPUS);
	image->starts = section(image, HV_SECTION_STARTS);
	image->regions = section(image, HV_SECTION_REGIONS);
	image->loads = section(image, HV_SECTION_LOADS);
	image->payloads = section(image, HV_SECTION_PAYLOADS);
	image->devices = section(image, HV_SECTION_DEVICES);
	image->pci = section(image, HV_SECTION_PCI);
	image->policies = section(image, HV_SECTION_POLICIES);
	image->cpuid = section(image, HV_SECTION_CPUID);
	image->features = section(image, HV_SECTION_FEATURES);
	image->msrs = section(image, HV_SECTION_MSRS);
	image->bytes = section(image, HV_SECTION_BYTES);
	image->cases = section(image, HV_SECTION_CASES);
	image->tests = section(image, HV_SECTION_TESTS);
	image->patches = section(image, HV_SECTION_PATCHES);
	image->guards = section(image, HV_SECTION_GUARDS);
	image->frames = section(image, HV_SECTION_FRAMES);
	image->windows = section(image, HV_SECTION_WINDOWS);
	image->shares = section(image, HV_SECTION_SHARES);
	image->counts[HV_SECTION_CPUID_INDEX] = image->header.sections[HV_SECTION_CPUID_INDEX].count;
	image->counts[HV_SECTION_CLEARS] = image->header.sections[HV_SECTION_CLEARS].count;
}

/* ------------------------------------------------------------------------- references by the tables */

static bool run_lies_in(const struct image *image, struct bytes run, uint32_t of)
{
	uint64_t first = bytes_u32(run, 0), count = bytes_u32(run, 4);

	return first + count <= image->counts[of];
}

static const char *check_element(const struct image *image, const struct record_field *field,
				 struct bytes element)
{
	uint32_t value = bytes_u32(element, 0);

	if (field->kind == FIELD_STRING && value >= image->counts[HV_SECTION_STRINGS])
		return "is damaged: a name lies outside the strings";
	if (field->kind == FIELD_POSITION && value >= image->counts[HV_SECTION_POSITIONS])
		return "is damaged: a position lies outside its section";
	if (field->kind == FIELD_RUN && !run_lies_in(image, element, field->of))
		return "is damaged: a run of records lies outside its section";
	return NULL;
}

static const char *check_record(const struct image *image, const struct record_field *fields,
				struct bytes record)
{
	for (const struct record_field *field = fields; field->name; field++) {
		for (uint32_t i = 0; i < field->count; i++) {
			uint64_t at = field->offset + (uint64_t)i * field->size;
			const char *why =
				check_element(image, field, bytes_part(record, at, field->size));

			if (why)
				return why;
		}
	}
	return NULL;
}

static const char *check_tables(const struct image *image)
{
	for (unsigned int id = 0; id < HV_SECTION_USED; id++) {
		const struct hv_section *s = &image->header.sections[id];

		for (uint32_t i = 0; record_types[id].fields && i < s->count; i++) {
			uint64_t at = s->offset + (uint64_t)i * s->record_size;
			const char *why = check_record(image, record_types[id].fields,
						       bytes_part(image->blob, at, s->record_size));

			if (why)
				return why;
		}
	}
	return NULL;
}

/* ----------------------------------------------------------------------- what the tables do not say */

static const char *check_frame(const struct image *image)
{
	uint32_t strings = image->counts[HV_SECTION_STRINGS];

	if (!strings || image->strings[0] || image->strings[strings - 1])
		return "is damaged: its strings do not end";
	if (!image->counts[HV_SECTION_POSITIONS] || image->counts[HV_SECTION_SYSTEM] != 1)
		return "is damaged: it has no system record, or several";
	for (uint32_t i = 0; i < image->counts[HV_SECTION_POSITIONS]; i++)
		if (image->positions[i].file >= strings)
			return "is damaged: a position lies in no file";
	return NULL;
}

static const char *check_guests(const struct image *image)
{
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++) {
		const struct hv_guest *guest = &image->guests[i];

		if (!guest->vcpus.count)
			return "is damaged: a guest has no vCPU";
		for (uint32_t v = 0; v < HV_VENDORS; v++)
			if (guest->policy[v] != HV_NONE &&
			    guest->policy[v] >= image->counts[HV_SECTION_POLICIES])
				return "is damaged: a guest's policy is not there";
	}
	for (uint32_t i = 0; i < image->counts[HV_SECTION_WINDOWS]; i++)
		if (image->windows[i].vcpu >= image->counts[HV_SECTION_VCPUS])
			return "is damaged: a window's vCPU is not there";
	for (uint32_t i = 0; i < image->counts[HV_SECTION_VCPUS]; i++)
		if (image->vcpus[i].guest >= image->counts[HV_SECTION_GUESTS] ||
		    image->vcpus[i].scheduler >= HV_SCHEDULERS)
			return "is damaged: a vCPU is nobody's, or runs by no rule";
	for (uint32_t i = 0; i < image->counts[HV_SECTION_VCPUS]; i++)
		if (image->vcpus[i].start != HV_NONE &&
		    image->vcpus[i].start >= image->counts[HV_SECTION_STARTS])
			return "is damaged: a vCPU's start is not there";
	return NULL;
}

static const char *check_load(const struct image *image, const struct hv_load *load)
{
	struct bytes bytes = { image->bytes, image->counts[HV_SECTION_BYTES] };

	if (load->file_size > load->memory_size || load->gpa + load->memory_size < load->gpa)
		return "is damaged: a load is larger than its place";
	if (load->source == HV_LOAD_BYTES)
		return bytes_hold(bytes, load->source_offset, load->file_size) ?
			       NULL : "is damaged: a load lies outside the bytes";
	if (load->source != HV_LOAD_PAYLOAD)
		return load->source == HV_LOAD_ZERO ? NULL : "is damaged: a load comes from nowhere";
	if (load->payload == HV_NONE && !load->file_size)
		return NULL;
	if (load->payload >= image->counts[HV_SECTION_PAYLOADS] ||
	    !bytes_hold(image_payload(image, load->payload), load->source_offset, load->file_size))
		return "is damaged: a load lies outside its payload";
	return NULL;
}

static const char *check_memory(const struct image *image)
{
	for (uint32_t i = 0; i < image->counts[HV_SECTION_PAYLOADS]; i++) {
		const struct hv_payload *payload = &image->payloads[i];
		struct bytes whole = bytes_part(image->blob, 0, image->header.image_size);

		if (payload->offset < image->header.total_size ||
		    !bytes_hold(whole, payload->offset, payload->size))
			return "is damaged: a payload does not lie behind the records";
	}
	for (uint32_t i = 0; i < image->counts[HV_SECTION_REGIONS]; i++) {
		const struct hv_region *region = &image->regions[i];

		if (!region->size || region->gpa + region->size - 1 < region->gpa ||
		    region->host + region->size - 1 < region->host)
			return "is damaged: a region wraps around";
		if (region->backing == HV_BACKING_PAYLOAD &&
		    region->payload >= image->counts[HV_SECTION_PAYLOADS])
			return "is damaged: a region's payload is not there";
		if (region->backing == HV_BACKING_SHARE &&
		    (region->share >= image->counts[HV_SECTION_SHARES] ||
		     image->shares[region->share].size != region->size))
			return "is damaged: a region's share is not there";
	}
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUARDS]; i++)
		if (image->guards[i].observer >= image->counts[HV_SECTION_GUESTS])
			return "is damaged: a guard's observer is not there";
	for (uint32_t i = 0; i < image->counts[HV_SECTION_LOADS]; i++) {
		const char *why = check_load(image, &image->loads[i]);

		if (why)
			return why;
	}
	return NULL;
}

static const char *check_devices(const struct image *image)
{
	struct bytes bytes = { image->bytes, image->counts[HV_SECTION_BYTES] };

	for (uint32_t i = 0; i < image->counts[HV_SECTION_DEVICES]; i++)
		if (image->devices[i].base + image->devices[i].size < image->devices[i].base)
			return "is damaged: a device wraps around";
	for (uint32_t i = 0; i < image->counts[HV_SECTION_DEVICES]; i++)
		if ((image->devices[i].kind == HV_DEVICE_WINDOW || image->devices[i].kind == HV_DEVICE_IVSHMEM) &&
		    image->devices[i].parameter[0] >= image->counts[HV_SECTION_SHARES])
			return "is damaged: a window's share is not there";
	for (uint32_t i = 0; i < image->counts[HV_SECTION_PCI]; i++) {
		const struct hv_pci_function *function = &image->pci[i];

		if (!bytes_hold(bytes, function->config, 256) || !bytes_hold(bytes, function->mask, 256))
			return "is damaged: a PCI header lies outside the bytes";
		if (function->device != HV_NONE &&
		    function->device >= image->counts[HV_SECTION_DEVICES])
			return "is damaged: a PCI function's device is not there";
	}
	for (uint32_t i = 0; i < image->counts[HV_SECTION_MSRS]; i++)
		if (image->msrs[i].last < image->msrs[i].first)
			return "is damaged: a range of MSRs is backwards";
	return NULL;
}

const char *image_open(struct arena *arena, struct bytes file, struct image *image)
{
	static const char *(*const checks[])(const struct image *) = {
		check_frame, check_tables, check_guests, check_memory, check_devices,
	};
	struct blob_view view;
	const char *why;

	*image = (struct image){ .arena = arena, .blob = image_find_blob(file), .path = "" };
	why = image->blob.size ? view_open(image->blob, &view) : "holds no blob of hvcc";
	if (why)
		return why;
	image->header = view.header;
	take_sections(image);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks) && !why; i++)
		why = checks[i](image);
	return why;
}

/* ------------------------------------------------------------------------------------ looking things up */

const char *image_place(const struct image *image, uint32_t position)
{
	const struct hv_position *at = &image->positions[position];

	if (!position || !at->line)
		return "";
	return arena_printf(image->arena, "%s:%u:%u", image_text(image, at->file), at->line,
			    at->column);
}

struct bytes image_payload(const struct image *image, uint32_t payload)
{
	return bytes_part(image->blob, image->payloads[payload].offset, image->payloads[payload].size);
}

struct bytes image_load_bytes(const struct image *image, const struct hv_load *load)
{
	struct bytes bytes = { image->bytes, image->counts[HV_SECTION_BYTES] };

	if (load->source == HV_LOAD_PAYLOAD && load->payload != HV_NONE)
		bytes = image_payload(image, load->payload);
	else if (load->source != HV_LOAD_BYTES)
		return (struct bytes){ 0 };
	return bytes_part(bytes, load->source_offset, load->file_size);
}

const struct hv_load *image_load_at(const struct image *image, const struct hv_guest *guest,
				    uint64_t gpa)
{
	for (uint32_t i = 0; i < guest->loads.count; i++) {
		const struct hv_load *load = &image->loads[guest->loads.first + i];

		if (load->gpa == gpa && load->file_size)
			return load;
	}
	return NULL;
}

const struct hv_device *image_device(const struct image *image, const struct hv_guest *guest,
				     enum hv_device_kind kind)
{
	for (uint32_t i = 0; i < guest->devices.count; i++)
		if (image->devices[guest->devices.first + i].kind == kind)
			return &image->devices[guest->devices.first + i];
	return NULL;
}

static const char *test_text(const struct image *image, const struct hv_cpu_policy *policy,
			     const struct hv_host_test *test)
{
	uint8_t vendor = policy->vendor == HV_VENDOR_AMD ? AMD : INTEL;
	uint32_t bit = test->mask ? (uint32_t)__builtin_ctz(test->mask) : 0;
	enum feature_id id = feature_at(test->leaf, test->subleaf, test->reg, bit, vendor);

	return arena_printf(image->arena, "%s%s", test->present ? "" : "no ",
			    id ? features[id].name : arena_printf(image->arena, "bit %u of leaf 0x%x", bit,
								  test->leaf));
}

const char *image_share_text(const struct image *image, const struct hv_vcpu *vcpu)
{
	if (vcpu->scheduler == HV_SCHEDULER_TABLE)
		return "by a table";
	if (vcpu->scheduler != HV_SCHEDULER_FAIR)
		return "";
	return vcpu->cap ? arena_printf(image->arena, "by weight %u, at most %u %%", vcpu->weight, vcpu->cap) :
			   arena_printf(image->arena, "by weight %u", vcpu->weight);
}

const struct hv_guest *image_vcpu_guest(const struct image *image, uint32_t vcpu, uint32_t *number)
{
	const struct hv_guest *guest = &image->guests[image->vcpus[vcpu].guest];

	*number = vcpu - guest->vcpus.first;
	return guest;
}

const char *image_case_text(const struct image *image, const struct hv_cpu_policy *policy,
			    const struct hv_policy_case *c)
{
	const char *text = "";

	for (uint32_t i = 0; i < c->tests.count; i++)
		text = arena_printf(image->arena, "%s%s%s", text, i ? " and " : "",
				    test_text(image, policy, &image->tests[c->tests.first + i]));
	if (!c->tests.count)
		text = "every machine";
	if (c->first_vcpu == 0 && c->last_vcpu == HV_NONE)
		return text;
	if (c->last_vcpu == HV_NONE)
		return arena_printf(image->arena, "%s, vCPUs from %u", text, c->first_vcpu);
	return arena_printf(image->arena, "%s, vCPUs %u..%u", text, c->first_vcpu, c->last_vcpu);
}

const struct hv_cpuid *image_cpuid(const struct image *image, const struct hv_cpu_policy *policy,
				   uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < policy->cpuid.count; i++) {
		const struct hv_cpuid *row = &image->cpuid[policy->cpuid.first + i];

		if (row->leaf == leaf && row->subleaf == subleaf)
			return row;
	}
	return NULL;
}

const struct hv_cpu_policy *image_any_policy(const struct image *image, const struct hv_guest *guest)
{
	for (uint32_t v = 0; v < HV_VENDORS; v++)
		if (guest->policy[v] != HV_NONE)
			return &image->policies[guest->policy[v]];
	return NULL;
}

const char *image_device_word(uint32_t kind)
{
	static const char *const words[HV_DEVICE_KINDS] = {
		[HV_DEVICE_LAPIC] = "lapic",	     [HV_DEVICE_IOAPIC] = "ioapic",
		[HV_DEVICE_PIC] = "pic",	     [HV_DEVICE_PIT] = "pit",
		[HV_DEVICE_HPET] = "hpet",	     [HV_DEVICE_RTC] = "rtc",
		[HV_DEVICE_UART] = "uart",	     [HV_DEVICE_ACPI_PM] = "acpi-pm",
		[HV_DEVICE_PCI_HOST] = "pci-host",   [HV_DEVICE_DEBUG_EXIT] = "debug-exit",
		[HV_DEVICE_KVM] = "kvm",	     [HV_DEVICE_PANIC] = "panic",
		[HV_DEVICE_WATCHDOG] = "watchdog",     [HV_DEVICE_WINDOW] = "window",
		[HV_DEVICE_IVSHMEM] = "ivshmem",
		[HV_DEVICE_VIRTIO] = "virtio",
	};

	return kind < HV_DEVICE_KINDS && words[kind] ? words[kind] : "unknown device";
}
