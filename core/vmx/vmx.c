/* SPDX-License-Identifier: Apache-2.0 */
/* VT-x on this machine: whether it is there with all that is needed, and what each CPU needs for it. SDM v3 appendix A. */
#include "vmx/vmx.h"

#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/extable.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "x86/cr.h"
#include "x86/msr.h"

struct vmx_machine vmx_machine;

/* ---- the machine */

/* What cannot be done without, by name; and what is used where it is there. */
static const struct need {
	uint32_t *controls;
	uint32_t msr;
	uint32_t bits;
	const char *name; /* NULL: not needed */
} needs[] = {
	{&vmx_machine.pin, MSR_VMX_TRUE_PIN, PIN_INTERRUPT | PIN_NMI, "interrupt exits"},
	{&vmx_machine.pin, MSR_VMX_TRUE_PIN, PIN_VIRTUAL_NMI, "virtual NMIs"},
	{&vmx_machine.primary, MSR_VMX_TRUE_PRIMARY,
	 PRIMARY_INTERRUPT_WINDOW | PRIMARY_TSC_OFFSET | PRIMARY_HLT | PRIMARY_MWAIT | PRIMARY_RDPMC |
		 PRIMARY_NMI_WINDOW | PRIMARY_IO | PRIMARY_MONITOR,
	 "basic exits"},
	{&vmx_machine.primary, MSR_VMX_TRUE_PRIMARY, PRIMARY_MSR_BITMAP, "MSR bitmaps"},
	{&vmx_machine.primary, MSR_VMX_TRUE_PRIMARY, PRIMARY_TPR_SHADOW, "TPR shadow"},
	{&vmx_machine.primary, MSR_VMX_TRUE_PRIMARY, PRIMARY_SECONDARY, "secondary controls"},
	{&vmx_machine.secondary, MSR_VMX_SECONDARY, SECONDARY_EPT, "extended page tables"},
	{&vmx_machine.secondary, MSR_VMX_SECONDARY, SECONDARY_UNRESTRICTED, "unrestricted guests"},
	{&vmx_machine.secondary, MSR_VMX_SECONDARY, SECONDARY_WBINVD, "WBINVD exits"},
	{&vmx_machine.secondary, MSR_VMX_SECONDARY,
	 SECONDARY_VPID | SECONDARY_RDTSCP | SECONDARY_INVPCID | SECONDARY_RDRAND | SECONDARY_RDSEED |
		 SECONDARY_XSAVES | SECONDARY_X2APIC | SECONDARY_APIC_ACCESSES |
		 SECONDARY_APIC_REGISTERS | SECONDARY_DELIVERY | SECONDARY_PAUSE_LOOP | SECONDARY_ENCLS | SECONDARY_ENCLV | SECONDARY_SPP,
	 NULL},
	{&vmx_machine.exit, MSR_VMX_TRUE_EXIT, EXIT_ACKNOWLEDGE, "acknowledged interrupts"},
	{&vmx_machine.exit, MSR_VMX_TRUE_EXIT, EXIT_SAVE_DEBUG | EXIT_HOST_64, "64-bit hosts"},
	{&vmx_machine.exit, MSR_VMX_TRUE_EXIT, EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_LOAD_EFER,
	 "PAT and EFER switched by exits"},
	{&vmx_machine.entry, MSR_VMX_TRUE_ENTRY, ENTRY_LOAD_DEBUG | ENTRY_GUEST_64, "64-bit guests"},
	{&vmx_machine.entry, MSR_VMX_TRUE_ENTRY, ENTRY_LOAD_PAT | ENTRY_LOAD_EFER,
	 "PAT and EFER switched by entries"},
};

/* A capability MSR has what must be set below and what may be set above. Returns the first need that is not met. */
static const char *choose_controls(void)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(needs); i++) {
		const struct need *n = &needs[i];
		uint64_t allowed = rdmsr(n->msr);

		if (n->name && n->bits & ~(uint32_t)(allowed >> 32))
			return n->name;
		*n->controls |= (uint32_t)allowed | (n->bits & (uint32_t)(allowed >> 32));
	}
	return NULL;
}

/* Firmware decides once and locks; where it has not, that is done here, on each CPU. */
static bool feature_control_allows(void)
{
	uint64_t control;

	if (!rdmsr_safe(MSR_FEATURE_CONTROL, &control))
		return true; /* emulators without the register */
	return !(control & FEATURE_CONTROL_LOCK) || control & FEATURE_CONTROL_VMX;
}

static const char *tables_missing(void)
{
	vmx_machine.ept_caps = rdmsr(MSR_VMX_EPT_VPID_CAP);
	if (!(vmx_machine.ept_caps & VMX_EPT_LEVELS_4))
		return "four levels of extended page tables";
	if (!(vmx_machine.ept_caps & VMX_EPT_WB))
		return "write-back extended page tables";
	if (!(vmx_machine.ept_caps & VMX_INVEPT) ||
	    !(vmx_machine.ept_caps & (VMX_INVEPT_SINGLE | VMX_INVEPT_ALL)))
		return "INVEPT";
	return NULL;
}

static const char *missing(void)
{
	const char *what;

	if (!cpu_features.vmx)
		return "VT-x";
	if (!feature_control_allows())
		return "VT-x: firmware has switched it off";
	if (!(rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE))
		return "the choice which exits there are";
	what = choose_controls();
	return what ? what : tables_missing();
}

static void find_pin_controls(void)
{
	uint64_t allowed = rdmsr(MSR_VMX_TRUE_PIN) >> 32;

	vmx_machine.has_timer = allowed & PIN_TIMER;
	vmx_machine.posts = allowed & PIN_POSTED;
	vmx_machine.timer_shift = (uint32_t)field_get(rdmsr(MSR_VMX_MISC), VMX_MISC_TIMER_SHIFT);
}

static enum status vmx_probe(void)
{
	const char *what = missing();
	enum status s;
	void *cpus;

	if (what) {
		log_error("the CPU lacks %s", what);
		return STATUS_MISMATCH;
	}
	find_pin_controls();
	vmx_machine.revision = (uint32_t)field_get(rdmsr(MSR_VMX_BASIC), VMX_BASIC_REVISION);
	log_info("VT-x: EPT%s%s%s, unrestricted guests%s%s%s%s",
		 vmx_machine.ept_caps & VMX_EPT_PAGE_2M ? " 2M" : "",
		 vmx_machine.ept_caps & VMX_EPT_PAGE_1G ? " 1G" : "",
		 vmx_machine.ept_caps & VMX_EPT_ACCESSED_DIRTY ? " A/D" : "",
		 vmx_machine.secondary & SECONDARY_VPID ? ", VPID" : "",
		 vmx_machine.secondary & SECONDARY_DELIVERY ? ", interrupt delivery" : "",
		 vmx_machine.secondary & SECONDARY_SPP ? ", SPP" : "",
		 vmx_machine.posts ? ", posted" : "");
	s = pool_alloc(cpu_count * sizeof(struct vmx_cpu), &cpus);
	vmx_machine.cpus = cpus;
	return s;
}

static uint32_t vmx_largest_page(void)
{
	if (vmx_machine.ept_caps & VMX_EPT_PAGE_1G)
		return 3;
	return vmx_machine.ept_caps & VMX_EPT_PAGE_2M ? 2 : 1;
}

static enum status vmx_cpu_start(uint32_t index)
{
	struct vmx_cpu *c = &vmx_machine.cpus[index];
	uint64_t control;

	if (rdmsr_safe(MSR_FEATURE_CONTROL, &control) && !(control & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_VMX | FEATURE_CONTROL_LOCK);
	write_cr4(read_cr4() | CR4_VMXE);
	memcpy(c->region, &vmx_machine.revision, sizeof(vmx_machine.revision));
	this_cpu()->backend = c;
	return vmxon(virt_to_phys(c->region)) ? STATUS_OK : STATUS_MISMATCH;
}

const struct vcpu_backend vmx_backend = {
	.name = "VT-x",
	.vendor = HV_VENDOR_INTEL,
	.vcpu_size = sizeof(struct vmx_vcpu),
	.guest_size = sizeof(struct vmx_guest),
	.nested = &ptab_ept_format,
	.probe = vmx_probe,
	.largest_page = vmx_largest_page,
	.cpu_start = vmx_cpu_start,
	.guest_create = vmx_guest_create,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_reset = vmx_vcpu_reset,
	.run = vmx_run,
	.get_cr = vmx_get_cr,
	.set_cr = vmx_set_cr,
	.get_efer = vmx_get_efer,
	.set_efer = vmx_set_efer,
	.get_dr = vmx_get_dr,
	.set_dr = vmx_set_dr,
	.get_paging = vmx_get_paging,
	.fetch_context = vmx_fetch_context,
	.segments = vmx_segments,
	.set_segment = vmx_set_segment,
	.get_tables = vmx_get_tables,
	.set_tables = vmx_set_tables,
	.get_msr = vmx_get_msr,
	.set_msr = vmx_set_msr,
	.inject = vmx_inject,
	.nmi_blocked = vmx_nmi_blocked,
	.windows = vmx_windows,
	.set_task_priority = vmx_set_task_priority,
	.lend_apic = vmx_lend_apic,
	.post = vmx_post,
	.set_tsc_offset = vmx_set_tsc_offset,
	.flush = vmx_flush,
};
