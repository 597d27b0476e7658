/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual IOMMUs: keys against the model and each other, and the devices behind one. */
#include "check/check.h"

#define OF(model) (1u << IOMMU_MODEL_##model)

void check_iommu_keys(const struct check_context *c)
{
	const struct iommu *iommu = &c->guest->iommu;
	const struct {
		const char *name;
		struct where where;
		unsigned go_with;
		bool usual; /* what it would be anyway */
	} keys[] = {
		{ "intremap", iommu->intremap.where, OF(INTEL) | OF(AMD), !iommu->intremap.value },
		{ "eim", iommu->eim.where, OF(INTEL), !iommu->eim.value },
		{ "caching-mode", iommu->caching_mode.where, OF(INTEL), !iommu->caching_mode.value },
		{ "aw-bits", iommu->aw_bits.where, OF(INTEL), iommu->aw_bits.value == 39 },
	};
	struct diag *d;

	if (!was_set(iommu->where))
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (!was_set(keys[i].where) || keys[i].usual || keys[i].go_with >> iommu->model.value & 1)
			continue;
		d = diag_report(c->diags, IOMMU_MISFIT, keys[i].where.at, keys[i].name,
				iommu_model_name(iommu->model.value));
		diag_note(d, iommu->model.where.at, "model set here");
	}
}

/* Widths that a number of page-table levels gives: 12 bits and 9 a level. */
static bool has_width(uint32_t bits)
{
	return bits == 39 || bits == 48 || bits == 57;
}

void check_iommu_modes(const struct check_context *c)
{
	const struct iommu *iommu = &c->guest->iommu;
	const struct apic *apic = &c->guest->vcpus.apic;
	struct diag *d;

	if (!was_set(iommu->where))
		return;
	if (iommu->eim.value && !iommu->intremap.value) {
		d = diag_report(c->diags, EIM_INTREMAP, iommu->eim.where.at);
		diag_help(d, "add `intremap: true`");
	} else if (iommu->eim.value && apic->mode.value == APIC_MODE_XAPIC) {
		d = diag_report(c->diags, EIM_XAPIC, iommu->eim.where.at);
		diag_note(d, apic->mode.where.at, "mode set here");
	}
	if (!has_width(iommu->aw_bits.value))
		diag_report(c->diags, IOMMU_WIDTH, iommu->aw_bits.where.at, iommu->aw_bits.value);
}

void check_iommu_devices(const struct check_context *c)
{
	const struct iommu *iommu = &c->guest->iommu;
	const struct devices *devices = &c->guest->devices;
	struct diag *d;

	if (!was_set(iommu->where))
		return;
	if (!devices->pci.count && !devices->virtio.count && !iommu->intremap.value)
		diag_report(c->diags, IOMMU_IDLE, iommu->model.where.at);
	if (iommu->model.value != IOMMU_MODEL_INTEL || iommu->caching_mode.value)
		return;
	for (size_t i = 0; i < devices->pci.count; i++) {
		d = diag_report(c->diags, CACHING_MODE, devices->pci.items[i].where.at,
				devices->pci.items[i].id.value);
		diag_note(d, was_set(iommu->caching_mode.where) ? iommu->caching_mode.where.at
								: iommu->model.where.at,
			  "the IOMMU");
	}
}
