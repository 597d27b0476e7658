/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that need a CPU feature, against a policy that turns it off: enclave memory, Processor Trace, nesting. */
#include "check/check.h"

#include "policy/ast.h"
#include "policy/policy.h"

/* Where the policy turns a feature off for a vendor that can have it; nowhere when it does not. */
static struct position turned_off(const struct policy *policy, enum hv_vendor vendor,
				  enum feature_id id)
{
	const struct feature_choice *choice = &policy->vendors[vendor].choices[id];

	if (choice->origin == CHOICE_VERB &&
	    (choice->verb == VERB_DISABLE || choice->verb == VERB_FORBID))
		return choice->at;
	return (struct position){ 0 };
}

void check_cpu_parts(const struct check_context *c)
{
	const struct guest *guest = c->guest;
	bool traces = guest->cpu.pt.mode.value == PT_MODE_HOST_GUEST;
	struct position sgx, pt, vmx, svm;
	const struct policy *policy;

	if (!guest->cpu.policy.text ||
	    (!guest->memory.sgx_epc.count && !traces && !guest->cpu.nested.value))
		return;
	policy = policy_compile(c->system->arena, diags_new(c->system->arena, c->system->sources),
				guest);
	sgx = turned_off(policy, HV_VENDOR_INTEL, FEATURE_SGX);
	pt = turned_off(policy, HV_VENDOR_INTEL, FEATURE_INTEL_PT);
	vmx = turned_off(policy, HV_VENDOR_INTEL, FEATURE_VMX);
	svm = turned_off(policy, HV_VENDOR_AMD, FEATURE_SVM);
	if (guest->memory.sgx_epc.count && sgx.file)
		diag_note(diag_report(c->diags, EPC_CPUID, guest->memory.sgx_epc.items[0].where.at),
			  sgx, "turned off here");
	if (traces && pt.file)
		diag_note(diag_report(c->diags, PT_CPUID, guest->cpu.pt.mode.where.at), pt,
			  "turned off here");
	if (guest->cpu.nested.value && vmx.file && svm.file)
		diag_note(diag_report(c->diags, NESTED_CPUID, guest->cpu.nested.where.at), vmx,
			  "turned off here");
}
