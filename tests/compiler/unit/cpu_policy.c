/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy language from text to records. First what each statement decides and what hvcc says
 * of mistakes; then the records, put to work as the core does it on machines that lack this or that:
 * whatever the machine, no feature is there without what it needs, nor by halves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lower/cpu.h"
#include "policy/msr.h"
#include "policy/policy.h"

struct session {
	struct arena arena;
	struct sources sources;
	struct diags *diags;
	struct guest guest;
	const struct policy *policy;
};

/* A guest with this text; its file is the text itself, so that offsets are places. */
static void compile(struct session *s, const char *text, const char *model, const char *other)
{
	uint32_t file;

	memset(s, 0, sizeof(*s));
	s->sources.arena = &s->arena;
	vector_push(&s->arena, &s->sources.files, ((struct source){ 0 }));
	file = source_add(&s->sources, "policy", text, strlen(text));
	s->diags = diags_new(&s->arena, &s->sources);
	s->guest.cpu.policy.text = text[0] ? text : NULL;
	s->guest.cpu.policy.size = strlen(text);
	s->guest.cpu.policy.sources = &s->sources;
	s->guest.cpu.policy.where.at = source_position(&s->sources, file, 0, 1);
	s->guest.cpu.policy.where.origin = ORIGIN_SET;
	vector_push(&s->arena, &s->guest.cpu.policy.segments, ((struct text_segment){ 0, 0 }));
	if (model) {
		s->guest.cpu.model.value = model;
		s->guest.cpu.model.where.origin = ORIGIN_SET;
	}
	if (!strstr(other, "pv-none"))
		vector_add(&s->arena, &s->guest.pv.interfaces)->value = PV_KVM;
	s->guest.vcpus.count.value = 4;
	s->guest.vcpus.apic.mode.value = strstr(other, "xapic") ? APIC_MODE_XAPIC : APIC_MODE_X2APIC;
	s->guest.vcpus.apic.mode.where.origin = strstr(other, "apic") ? ORIGIN_SET : ORIGIN_DEFAULT;
	s->policy = policy_compile(&s->arena, s->diags, &s->guest);
}

static const char *state_of(const struct policy *policy, enum hv_vendor vendor, enum feature_id id)
{
	const struct feature_choice *choice = &policy->vendors[vendor].choices[id];

	if (choice->forbidden)
		return "forbidden";
	if (choice->state == FEATURE_IF_HOST)
		return choice->required ? "required" : "host";
	return choice->state == FEATURE_ON ? "on" : "off";
}

/* "avx=host/off" for each word of wanted: what Intel and AMD have. */
static void check_states(const struct policy *policy, const char *wanted)
{
	char words[512], *rest = words, *word;

	strcpy(words, wanted);
	while ((word = strtok_r(rest, " ", &rest))) {
		char *value = strchr(word, '='), got[32];
		enum feature_id id;

		*value++ = 0;
		id = feature_find(word);
		assert_int_not_equal(id, FEATURE_NONE);
		snprintf(got, sizeof(got), "%s/%s", state_of(policy, HV_VENDOR_INTEL, id),
			 state_of(policy, HV_VENDOR_AMD, id));
		if (strcmp(got, value) != 0)
			fail_msg("%s is %s, not %s", word, got, value);
	}
}

/* "HV0801 3:5" of each finding, once. */
static void list_codes(struct session *s, char *list, size_t size)
{
	diags_sort(s->diags);
	list[0] = 0;
	for (size_t i = 0; i < s->diags->list.count; i++) {
		const struct diag *diag = s->diags->list.items[i];
		size_t used = strlen(list);

		snprintf(list + used, size - used, "%s%s %u:%u", used ? ", " : "",
			 diag_rows[diag->code].id, diag->at.line, diag->at.column);
	}
}

struct row {
	const char *text, *model, *other;
	const char *codes;  /* of what is reported, with places */
	const char *states; /* NULL: there is no policy, because of an error */
};

static const struct row rows[] = {
	/* bases */
	{ "", NULL, "", "", "avx2=host/host x2apic=on/on svm=off/off sse4a=off/host rtm=host/off" },
	{ "", "none", "", "", "fpu=off/off apic=off/off kvmclock=off/off hypervisor=on/on kvm-nopiodelay=on/on" },
	{ "", "x86-64-v2", "", "", "avx=off/off sse4.2=host/host apic=on/on nx=host/host" },
	{ "base x86-64-v3;", NULL, "", "", "avx2=host/host avx512f=off/off movbe=host/host" },
	{ "base EPYC-Milan;", NULL, "", "", "fsrm=host/host clzero=off/host" },
	{ "base \"host\" without avx512*, rtm, tsx-ldtrk;", NULL, "", "",
	  "avx512f=off/off rtm=off/off avx2=host/host" },
	{ "", "x86-64-v9", "", "HV0806 0:0", NULL },
	{ "base x86-64-v9;", NULL, "", "HV0806 1:6", NULL },
	{ "base host;\nbase host;", NULL, "", "HV0807 2:6", NULL },
	{ "base host;", "host", "", "HV0807 1:6", NULL },

	/* the five verbs, by kind of feature */
	{ "require aes;", NULL, "", "", "aes=required/required sse2=required/required" },
	{ "require aes;", "none", "", "",
	  "aes=required/required sse2=required/required fpu=required/required avx=off/off" },
	{ "optional avx;", "x86-64-v2", "", "", "avx=host/host xsave=host/host avx2=off/off" },
	{ "force invtsc, erms;", NULL, "", "", "invtsc=on/on erms=on/on tsc=host/host" },
	{ "force x2apic, tsc-deadline, hypervisor;", "none", "", "",
	  "x2apic=on/on apic=on/on tsc=host/host tsc-deadline=on/on" },
	{ "disable x2apic;", NULL, "", "", "x2apic=off/off apic=on/on" },
	{ "forbid rtm, tsx-ldtrk;", NULL, "", "", "rtm=forbidden/off avx=host/host" },
	{ "force avx2;", NULL, "", "HV0809 1:7", NULL },
	{ "require svm;", NULL, "", "HV0808 1:9", NULL },
	{ "force monitor;", NULL, "", "HV0808 1:7", NULL },
	{ "optional vmx;", NULL, "", "HV0820 1:10", "vmx=off/off" },
	{ "disable svm, vmx, monitor;", NULL, "", "", "svm=off/off" },
	{ "require osxsave;", NULL, "", "HV0822 1:9", NULL },
	{ "disable ospke;", NULL, "", "HV0822 1:9", NULL },

	/* patterns */
	{ "require avx512*;", NULL, "", "",
	  "avx512f=required/required avx512bw=required/required avx512-4fmaps=required/off" },
	{ "disable avx512*; optional avx512f;", NULL, "", "", "avx512f=host/host avx512bw=off/off" },
	{ "require amx*;", NULL, "", "HV0808 1:9", NULL },
	{ "optional vmx*;", NULL, "", "HV0820 1:10", "vmx=off/off" },
	{ "disable tsx-f*;", NULL, "", "", "" },
	{ "disable foo*;", NULL, "", "HV0805 1:9", NULL },

	/* one after another */
	{ "require aes;\ndisable aes, vaes;", NULL, "", "HV0810 2:9", "aes=off/off" },
	{ "require aes; require aes;", NULL, "", "", "aes=required/required" },

	/* closure */
	{ "disable sse4.1;", NULL, "", "HV0811 1:9", "sse4.2=off/off ssse3=host/host" },
	{ "disable avx;", NULL, "", "HV0811 1:9", "avx2=off/off fma=off/off xop=off/off xsave=host/host" },
	{ "require avx2; disable avx;", NULL, "", "HV0812 1:9, HV0811 1:23", NULL },
	{ "disable avx; require avx2;", NULL, "", "HV0811 1:9, HV0812 1:22", NULL },
	{ "optional avx2; disable avx;", NULL, "", "HV0811 1:24", "avx2=off/off" },
	{ "forbid pcid;", NULL, "", "HV0811 1:8", "invpcid=off/off pcid=forbidden/forbidden" },

	/* other keys of the guest */
	{ "", NULL, "pv-none", "", "hypervisor=off/off kvmclock=off/off x2apic=on/on" },
	{ "force hypervisor;", NULL, "pv-none", "", "hypervisor=on/on kvmclock=off/off" },
	{ "require kvmclock;", NULL, "pv-none", "HV0813 1:9", NULL },
	{ "disable kvm-pv-eoi;", NULL, "", "", "kvm-pv-eoi=off/off kvmclock=on/on" },
	{ "disable kvm*;", NULL, "pv-none", "", "kvmclock=off/off" },
	{ "", NULL, "xapic", "", "x2apic=off/off apic=on/on" },
	{ "require x2apic;", NULL, "xapic", "HV0813 1:9", NULL },
	{ "disable x2apic;", NULL, "x2-apic", "HV0813 1:9", NULL },
	{ "disable hypervisor;", NULL, "", "HV0811 1:9", "hypervisor=off/off kvmclock=off/off" },

	/* vendors */
	{ "require sse4a;", NULL, "", "", "sse4a=off/required" },
	{ "require sse4a,\n\trtm;", NULL, "", "HV0823 1:9", NULL },

	/* leaves */
	{ "leaf 6 { eax[2] = 0; }", NULL, "", "", "arat=off/off" },
	{ "leaf 6 { eax[2] = 1; }", "none", "", "", "arat=on/on apic=on/on" },
	{ "leaf 7.0 { ebx[5] = 1; }", NULL, "", "HV0809 1:12", NULL },
	{ "leaf 7.0 { ebx[5] = host; }", "x86-64-v2", "", "", "avx2=host/host avx=host/host" },
	{ "leaf 7.0 { ebx = 0b1xx0_xxxx; }", NULL, "", "HV0809 1:12", NULL },
	{ "leaf 7.0 { ebx = 0b0x_xxxx; }", NULL, "", "HV0811 1:12", "avx2=off/off bmi1=host/host" },
	{ "leaf 7.0 { ebx = 0bk0_xxxx; }", "x86-64-v2", "", "", "avx2=host/host hle=off/off" },
	{ "leaf 0x80000001 { ecx[2] = 1; }", NULL, "", "HV0808 1:19", NULL },
	{ "leaf 7 { edx[0] = 1; }", NULL, "", "HV0821 1:10", "" },
	{ "leaf 1 { ebx[31:24] = 1; }", NULL, "", "HV0819 1:10", NULL },
	{ "leaf 0xb.* = auto; leaf 4.0..3 = default;", NULL, "", "", "" },
	{ "leaf 0x10..0x12 = 0;", NULL, "", "", "" },
	{ "leaf 0x20000 { eax = 1; }", NULL, "", "HV0814 1:6", NULL },
	{ "leaf 0x80000000..4 { eax = 1; }", NULL, "", "HV0814 1:6", NULL },
	{ "leaf 4.3..1 { eax = 0; }", NULL, "", "HV0815 1:6", NULL },
	{ "leaf 4.99 { eax = 0; }", NULL, "", "HV0816 1:6", NULL },
	{ "leaf 0..0x40 { eax = 0; }", NULL, "", "HV0816 1:6", NULL },
	{ "leaf 5 { eax[0:3] = 0; eax[32] = 1; }", NULL, "", "HV0817 1:13, HV0817 1:27", NULL },
	{ "leaf 5 { eax[1:0] = 4; ebx[0] = 0b10; }", NULL, "", "HV0818 1:21, HV0818 1:33", NULL },

	/* limits and identities */
	{ "limit basic = 6;", NULL, "", "", "avx2=off/off aes=host/host" },
	{ "limit basic = 6; require avx2;", NULL, "", "HV0833 1:26", NULL },
	{ "limit basic = 0x100, extended = 8, hypervisor = 0x40000001;", NULL, "", "HV0832 1:15, HV0832 1:33", NULL },
	{ "limit basix = 7;", NULL, "", "HV0827 1:7", NULL },
	{ "identity { family = 25; model = 1; stepping = 2; brand = \"x\"; vendor = host; }", NULL, "", "", "" },
	{ "identity { family = 300; stepping = 16; nick = 3; }", NULL, "", "HV0834 1:21, HV0834 1:37, HV0827 1:41", NULL },
	{ "identity { vendor = amd; }", NULL, "pv-none", "", "" },
	{ "identity { vendor = amd; }", NULL, "", "HV0835 1:21", NULL },
	{ "identity { vendor = via; }", NULL, "", "HV0827 1:21", NULL },
	{ "when vendor = amd { identity { vendor = amd; } }", NULL, "", "", "" },
	{ "identity { family 3; } require nope;", NULL, "", "HV0801 1:19, HV0804 1:32", NULL },

	/* conditions */
	{ "when vendor = amd { base EPYC; } else { base Haswell; }", NULL, "", "", "sha-ni=off/host hle=host/off" },
	{ "base host; when vendor = amd { base EPYC; }", NULL, "", "HV0807 1:37", NULL },
	{ "when host aes { base EPYC; }", NULL, "", "HV0828 1:17", NULL },
	{ "when vcpu = 1 { require aes; }", NULL, "", "HV0828 1:17", NULL },
	{ "when vcpu = 1 { disable avx; }", NULL, "", "HV0829 1:25", NULL },
	{ "when vcpu = 1 { disable xsavec; }", NULL, "", "HV0829 1:25", NULL },
	{ "when host aes { disable hypervisor; }", NULL, "", "HV0829 1:25", NULL },
	{ "when vcpu = 4 { disable abm; }", NULL, "", "HV0830 1:13", NULL },
	{ "when vcpu = 2..1 { disable abm; }", NULL, "", "HV0815 1:13", NULL },
	{ "when host aex { disable abm; }", NULL, "", "HV0804 1:11", NULL },
	{ "when vendor = adm { disable abm; }", NULL, "", "HV0913 1:15", NULL },
	{ "when host aes { } when host avx { } when host bmi1 { } when host bmi2 { } when host abm { }",
	  NULL, "", "HV0831 1:80", NULL },
	{ "when foo = 1 { require nope; } else { require none; } require nope;", NULL, "",
	  "HV0804 1:6, HV0804 1:24, HV0804 1:47, HV0804 1:63", NULL },
	{ "whne host aes { require nope; leaf 7 { eax = 1; } } require nope;", NULL, "",
	  "HV0801 1:1, HV0804 1:61", NULL },
	{ "when host aes { when host avx { disable rtm, tsx-ldtrk; } require nope; }", NULL, "", "HV0804 1:67", NULL },
	{ "when host aes { disable", NULL, "", "HV0801 1:24", NULL },
	{ "when vendor == amd and host.aes { base EPYC; }", NULL, "", "HV0828 1:35", NULL },
	{ "when vendor == 'amd' or vendor == intel { base EPYC; }", NULL, "", "", "sha-ni=host/host" },
	{ "when vendor in [intel, amd] { disable abm; }", NULL, "", "", "abm=off/off" },
	{ "when vendor != GenuineIntel { disable abm; }", NULL, "", "", "abm=host/off" },
	{ "when not (vendor = intel) # not theirs; {\n { disable abm; }", NULL, "", "", "abm=host/off" },
	{ "when vendor = 'a;b{' { disable abm; }", NULL, "", "HV0913 1:15", NULL },
	{ "when avx2 { disable abm; }", NULL, "", "HV0860 1:6", NULL },
	{ "when cpu.has('avx2') or host aes { disable abm; }", NULL, "", "HV0860 1:6", NULL },
	{ "when { disable abm; } require nope;", NULL, "", "HV0801 1:6, HV0804 1:31", NULL },
	{ "when host disable abm; } require nope;", NULL, "", "HV0801 1:22", NULL },
	{ "when vcpu { disable abm; }", NULL, "", "HV0910 1:6", NULL },
	{ "when host { disable abm; }", NULL, "", "HV0910 1:6", NULL },
	{ "when vendr = amd { disable abm; }", NULL, "", "HV0906 1:6", NULL },
	{ "when hots aes { disable abm; }", NULL, "", "HV0903 1:11", NULL },
	{ "when vcpu = 1 / (vcpu - vcpu) { disable abm; }", NULL, "", "HV0917 1:13", NULL },
	{ "when vcpu < 9 { disable abm; }", NULL, "", "", "abm=off/off" },
	{ "limit basic = 0xb; forbid xsavec;", NULL, "", "", "xsavec=forbidden/forbidden" },
	{ "when vcpu in [0, 9] { disable abm; }", NULL, "", "HV0830 1:18", NULL },
	{ "when vcpu % 2 = 1 { disable avx; }", NULL, "", "HV0829 1:29", NULL },
	{ "when all(f in ['aes', 'avx2']: host.has(f)) { disable abm; }", NULL, "", "", "" },
	{ "when all(f in ['aes', 'avx', 'bmi1', 'bmi2', 'abm']: host.has(f)) { }", NULL, "", "HV0831 1:6", NULL },

	/* assertions */
	{ "base x86-64-v2; assert sse4.2 and not avx;", NULL, "", "", "" },
	{ "base x86-64-v2; assert avx;", NULL, "", "HV0836 1:24", NULL },
	{ "require sse4a; assert sse4a;", NULL, "", "", "" },
	{ "base none; assert not sse4.2 and not cpu.sse4.1 and not cpu.has('3dnow') and not 3dnow;", NULL, "", "", "" },
	{ "require host.sse4;", NULL, "", "HV0804 1:9", NULL },
	{ "base none; assert host.3dnowprefetch or host 3dnow or vendor = intel;", NULL, "", "", "" },
	{ "assert vendor = amd;", NULL, "", "HV0836 1:8", NULL },
	{ "assert count(f in ['aes', 'avx']: cpu.has(f)) >= 3;", NULL, "", "HV0836 1:8", NULL },
	{ "assert vcpu < 3;", NULL, "", "HV0836 1:8", NULL },
	{ "assert vcpu < 4;", NULL, "", "", "" },
	{ "assert aes avx;", NULL, "", "HV0903 1:12", NULL },
	{ "assert cpu.may-have('aes');", NULL, "", "HV0908 1:12", NULL },
	{ "assert aes and", NULL, "", "HV0801 1:15", NULL },
	{ "assert ;require nope;", NULL, "", "HV0801 1:8, HV0804 1:17", NULL },
	{ "assert all(a in 1..3000: all(b in 1..3000: a != b + 3000));", NULL, "", "HV0918 1:8", NULL },
	{ "assert (avx2 or host.nope) and;", NULL, "", "HV0903 1:31", NULL },
	{ "assert host.nope or avxx;", NULL, "", "HV0804 1:13, HV0804 1:21", NULL },

	/* words and grammar; what follows a mistake is still read */
	{ "# nothing\n", NULL, "", "", "" },
	{ "require AVX2, Sse4_2, lzcnt;", NULL, "", "", "avx2=required/required abm=required/required" },
	{ "disable 3dnow, 3dnowext;", NULL, "", "", "3dnow=off/off 3dnowprefetch=host/host" },
	{ "require avx22;", NULL, "", "HV0804 1:9", NULL },
	{ "laef 7 { eax = 1; }\nrequire avx22;", NULL, "", "HV0801 1:1, HV0804 2:9", NULL },
	{ "requir aes;\nrequire avx22;", NULL, "", "HV0801 1:1, HV0804 2:9", NULL },
	{ "require aes\nforce x2apic;\ndisable nope;", NULL, "", "HV0801 2:1, HV0804 3:9", NULL },
	{ "leaf 6 { bax = 1; eax[40] = 1; }\nrequire nope;", NULL, "",
	  "HV0801 1:10, HV0817 1:22, HV0804 2:9", NULL },
	{ "leaf 6 { eax = 1 }\nrequire nope;", NULL, "", "HV0801 1:18, HV0804 2:9", NULL },
	{ "require @aes; disable nope;", NULL, "", "HV0802 1:9, HV0804 1:23", NULL },
	{ "leaf 0xg { eax = 1; } require nope;", NULL, "", "HV0803 1:6, HV0804 1:31", NULL },
	{ "leaf 0x10..0x12.0..2 = 0; leaf 0x15..0x17.* = 0; leaf 0x17.* { ecx = \"Text\"; }", NULL, "", "", "" },
	{ "leaf 0x10..0x12.3..2 = 0;", NULL, "", "HV0815 1:6", NULL },
	{ "leaf 0x15 { eax = \"Texts\"; ebx[15:0] = \"abc\"; }", NULL, "", "HV0818 1:19, HV0818 1:40", NULL },
	{ "leaf 0x1ffffffffffffffff { eax = 1; }", NULL, "", "HV0803 1:6", NULL },
	{ "require aes", NULL, "", "HV0801 1:12", NULL },
	{ "require ;", NULL, "", "HV0801 1:9", NULL },
	{ "leaf 6 {", NULL, "", "HV0801 1:9", NULL },
	{ "\"", NULL, "", "HV0802 1:1", NULL },
};

static void statements(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session s;
		char codes[256];

		compile(&s, rows[i].text, rows[i].model, rows[i].other);
		list_codes(&s, codes, sizeof(codes));
		if (strcmp(codes, rows[i].codes) != 0)
			fail_msg("`%s` says [%s], not [%s]", rows[i].text, codes, rows[i].codes);
		if ((s.policy != NULL) != (rows[i].states != NULL))
			fail_msg("`%s` gives %s policy", rows[i].text, s.policy ? "a" : "no");
		if (s.policy)
			check_states(s.policy, rows[i].states);
		arena_free(&s.arena);
	}
}

static const char *first_message(struct session *s)
{
	return s->diags->list.items[0]->message;
}

static void expected_tokens_are_named(void **state)
{
	static const struct {
		const char *text, *message, *help;
	} cases[] = {
		{ "disable aes avx;", "unexpected `avx`; expected `;` or `,`", NULL },
		{ "leaf 7 { eax[3 = 1; }", "unexpected `=`; expected `]` or `:`", NULL },
		{ "leaf 7 { eaz = 1; }", "unexpected `eaz`; expected `eax`, `ebx`, `ecx`, `edx` or `}`",
		  "did you mean `eax`?" },
		{ "disabel aes;", "unexpected `disabel`; expected a statement (`require`, `disable`, "
				  "`base`, `leaf`, `when` ...)", "did you mean `disable`?" },
		{ "require avx521f;", "no CPU feature is called `avx521f`", "did you mean `avx512f`?" },
		{ "base EPYC-Milano;", "no CPU model is called `EPYC-Milano`",
		  "did you mean `EPYC-Milan`?" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct session s;
		const struct diag *diag;

		compile(&s, cases[i].text, NULL, "");
		assert_true(s.diags->list.count >= 1);
		diag = s.diags->list.items[0];
		assert_string_equal(first_message(&s), cases[i].message);
		if (cases[i].help)
			assert_string_equal(diag->helps.items[0], cases[i].help);
		arena_free(&s.arena);
	}
}

static void origins_are_told(void **state)
{
	struct session s;
	const struct cpu_features *amd;

	(void)state;
	compile(&s, "base x86-64-v2;\nrequire avx2;\ndisable popcnt;", NULL, "");
	amd = &s.policy->vendors[HV_VENDOR_AMD];
	assert_string_equal(policy_origin(&s.arena, &s.sources, amd, FEATURE_AVX2),
			    "require (policy:2:9)");
	assert_string_equal(policy_origin(&s.arena, &s.sources, amd, FEATURE_AVX),
			    "needed by avx2 (policy:2:9)");
	assert_string_equal(policy_origin(&s.arena, &s.sources, amd, FEATURE_POPCNT),
			    "disable (policy:3:9)");
	assert_string_equal(policy_origin(&s.arena, &s.sources, amd, FEATURE_CX16),
			    "base x86-64-v2 (policy:1:6)");
	assert_string_equal(policy_origin(&s.arena, &s.sources, amd, FEATURE_BMI1),
			    "not in the base");
	arena_free(&s.arena);
}

/* ------------------------------------------------------------------------------ records at work */

/* A machine: which features it lacks. Everything else reads as ones. */
struct machine {
	struct feature_set lacks;
	uint8_t vendor;
	uint32_t vcpu; /* whose leaves are looked at */
};

/* A guest on a machine, as the core resolves it. */
struct resolved {
	uint32_t value[64][4];
	uint64_t xcr0, cr4, efer, groups_cleared;
	bool refused;
};

static uint32_t machine_register(const struct machine *machine, uint32_t leaf, uint32_t subleaf,
				 uint32_t reg)
{
	uint32_t value = 0xffffffff;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *f = &features[id];
		bool repeated = machine->vendor == AMD && leaf == 0x80000001 && f->leaf == 1 &&
				f->reg == EDX && reg == EDX && (0x0183f3ffu >> f->bit & 1);

		if (!feature_in(&machine->lacks, id) || !(f->vendors & machine->vendor))
			continue;
		if (repeated || (f->leaf == leaf && f->subleaf == subleaf && f->reg == reg))
			value &= ~(1u << f->bit);
	}
	return value;
}

static void apply_feature(const struct cpu_policy_records *records, const struct hv_feature *f,
			  const struct machine *machine, struct resolved *r)
{
	bool present = machine_register(machine, f->leaf, f->subleaf, f->reg) & f->mask;

	if (f->flags & HV_FEATURE_FORBIDDEN) {
		r->refused |= present;
		return;
	}
	if (present)
		return;
	r->refused |= f->flags & HV_FEATURE_REQUIRED;
	for (uint32_t i = 0; i < f->clears.count; i++) {
		const struct hv_cpuid_clear *clear = &records->clears[f->clears.first + i];

		for (int reg = 0; reg < 4; reg++)
			r->value[clear->cpuid][reg] &= clear->keep[reg];
	}
	r->xcr0 &= ~f->xcr0_clear;
	r->cr4 &= ~f->cr4_clear;
	r->efer &= ~f->efer_clear;
	r->groups_cleared |= f->msr_groups_clear;
}

static bool case_holds(const struct cpu_case *c, const struct machine *machine)
{
	for (uint32_t i = 0; i < c->test_count; i++) {
		const struct hv_host_test *t = &c->tests[i];
		bool present = machine_register(machine, t->leaf, t->subleaf, t->reg) & t->mask;

		if (present != (bool)t->present)
			return false;
	}
	return true;
}

/* A case of all vCPUs, or one that this vCPU is in. */
static bool case_concerns(const struct cpu_case *c, uint32_t vcpu)
{
	return vcpu >= c->record.first_vcpu && vcpu <= c->record.last_vcpu;
}

static void apply_cases(const struct cpu_policy_records *records, const struct machine *machine,
			struct resolved *r)
{
	for (uint32_t i = 0; i < records->case_count; i++) {
		const struct cpu_case *c = &records->cases[i];

		if (!case_concerns(c, machine->vcpu) || !case_holds(c, machine))
			continue;
		r->refused |= c->record.flags & HV_CASE_REFUSE;
		r->xcr0 &= ~c->record.xcr0_clear;
		r->cr4 &= ~c->record.cr4_clear;
		r->efer &= ~c->record.efer_clear;
		r->groups_cleared |= c->record.msr_groups_clear;
		for (uint32_t p = 0; p < c->patch_count; p++) {
			uint32_t *value = r->value[c->patches[p].cpuid];

			for (int reg = 0; reg < 4; reg++)
				value[reg] = (value[reg] & c->patches[p].keep[reg]) |
					     c->patches[p].set[reg];
		}
	}
}

static void resolve(const struct cpu_policy_records *records, const struct machine *machine,
		    struct resolved *r)
{
	*r = (struct resolved){ .xcr0 = records->xcr0, .cr4 = records->cr4, .efer = records->efer };
	assert_true(records->cpuid_count <= 64);
	for (uint32_t i = 0; i < records->cpuid_count; i++)
		memcpy(r->value[i], records->cpuid[i].value, 16);
	for (uint32_t i = 0; i < records->feature_count; i++)
		apply_feature(records, &records->features[i], machine, r);
	for (uint32_t i = 0; i < records->cpuid_count; i++) {
		const struct hv_cpuid *c = &records->cpuid[i];

		for (uint32_t reg = 0; reg < 4; reg++)
			r->value[i][reg] &= machine_register(machine, c->leaf, c->subleaf, reg) |
					    ~c->host_mask[reg];
	}
	apply_cases(records, machine, r);
}

static uint32_t record_of(const struct cpu_policy_records *records, uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < records->cpuid_count; i++) {
		if (records->cpuid[i].leaf == leaf && records->cpuid[i].subleaf == subleaf)
			return i;
	}
	return HV_NONE;
}

static bool guest_has(const struct cpu_policy_records *records, const struct resolved *r,
		      enum feature_id id)
{
	const struct feature *f = &features[id];
	uint32_t at = record_of(records, f->leaf, f->subleaf);

	return (f->vendors & (records->vendor == HV_VENDOR_INTEL ? INTEL : AMD)) && at != HV_NONE &&
	       (r->value[at][f->reg] >> f->bit & 1);
}

static bool has_group(const struct cpu_policy_records *records, const struct resolved *r,
		      uint8_t group)
{
	for (uint32_t i = 0; i < records->msr_count; i++) {
		if (records->msrs[i].group == group)
			return !(r->groups_cleared >> group & 1);
	}
	return false;
}

/* With its prerequisites and all of its state, or without any of it. */
static void check_whole(const struct cpu_policy_records *records, const struct resolved *r,
			enum feature_id id)
{
	const struct feature *f = &features[id];
	bool there = guest_has(records, r, id);

	for (enum feature_id need = 1; there && need < FEATURE_COUNT; need++) {
		if (feature_in(feature_prerequisites(id), need) && !guest_has(records, r, need))
			fail_msg("%s is there without %s", f->name, features[need].name);
	}
	if (!(f->vendors & (records->vendor == HV_VENDOR_INTEL ? INTEL : AMD)))
		return;
	if ((r->cr4 & f->cr4) != (there ? f->cr4 : 0) ||
	    (r->efer & f->efer) != (there ? f->efer : 0))
		fail_msg("CR4 or EFER of %s, which is %s", f->name, there ? "on" : "off");
	if ((r->xcr0 & f->xcr0) != (there ? f->xcr0 : 0))
		fail_msg("XCR0 of %s, which is %s", f->name, there ? "on" : "off");
	if (f->msrs != MSRS_NONE && has_group(records, r, f->msrs) != there)
		fail_msg("MSRs of %s, which is %s", f->name, there ? "on" : "off");
}

static void check_machine(const struct cpu_policy_records *records, const struct machine *machine)
{
	struct resolved r;

	resolve(records, machine, &r);
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++)
		check_whole(records, &r, id);
	if (records->vendor == HV_VENDOR_AMD) {
		uint32_t one = r.value[record_of(records, 1, 0)][EDX];

		assert_int_equal(r.value[record_of(records, 0x80000001, 0)][EDX] & 0x0183f3ff,
				 one & 0x0183f3ff);
	}
}

static void build_records(struct session *s, enum hv_vendor vendor,
			  struct cpu_policy_records *records)
{
	static const struct cpu_shape shape = { 1, 1, 2, 2 };
	struct cpu_topology *topology = arena_new(&s->arena, struct cpu_topology);
	struct cpu_request request = { .topology = topology, .physical_bits = 39, .pv_kvm = true,
				       .features = &s->policy->vendors[vendor] };

	assert_true(cpu_topology_build(&s->arena, shape, NULL, topology));
	cpu_policy_build(&s->arena, &request, vendor, records);
}

static uint32_t random_state = 1;

static bool one_in(uint32_t n)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % n == 0;
}

/* Each feature alone missing, then 300 random machines, then one that has none. */
static void check_machines(const struct cpu_policy_records *records)
{
	uint8_t vendor = records->vendor == HV_VENDOR_INTEL ? INTEL : AMD;
	struct machine machine = { .vendor = vendor };

	check_machine(records, &machine);
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		machine = (struct machine){ .vendor = vendor };
		feature_add(&machine.lacks, id);
		check_machine(records, &machine);
	}
	for (int i = 0; i < 300; i++) {
		machine = (struct machine){ .vendor = vendor };
		for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
			if (one_in(2 + (uint32_t)i / 10))
				feature_add(&machine.lacks, id);
		}
		check_machine(records, &machine);
	}
	memset(&machine.lacks, 0xff, sizeof(machine.lacks));
	check_machine(records, &machine);
}

static void never_by_halves(void **state)
{
	static const char *const texts[] = {
		"", "disable xsave;", "base x86-64-v2; optional avx512*;", "base none; optional pku;",
		"disable avx, apic; force erms;", "base EPYC-Milan;",
		"when host avx512f { disable pku; } else { disable xsaves, smep; force erms; }",
		"base none; when host aes { optional avx2; when host smap { optional pku; } } else { optional xsave; }",
		"limit basic = 7; when vendor = amd { limit extended = 0x80000001; }",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
			struct cpu_policy_records records;
			struct session s;

			compile(&s, texts[i], NULL, "");
			assert_non_null(s.policy);
			build_records(&s, vendor, &records);
			check_machines(&records);
			arena_free(&s.arena);
		}
	}
}

/* What a guest has of id on a machine that lacks the features of `lacks`, for a vCPU. */
static bool has_on(struct session *s, enum hv_vendor vendor, const char *lacks, uint32_t vcpu,
		   enum feature_id id, bool *refused)
{
	struct machine machine = { .vendor = vendor == HV_VENDOR_INTEL ? INTEL : AMD, .vcpu = vcpu };
	struct cpu_policy_records records;
	struct resolved r;
	char words[128], *rest = words, *word;

	strcpy(words, lacks);
	while ((word = strtok_r(rest, " ", &rest)))
		feature_add(&machine.lacks, feature_find(word));
	build_records(s, vendor, &records);
	resolve(&records, &machine, &r);
	if (refused)
		*refused = r.refused;
	return guest_has(&records, &r, id);
}

/* `when host` and `when vcpu`: each variant as the text says it, on each machine and vCPU. */
static void variants(void **state)
{
	static const struct {
		const char *text, *lacks;
		uint32_t vcpu;
		const char *has, *has_not;
		bool refused;
	} cases[] = {
		{ "when host avx2 { disable aes, vaes; } else { disable bmi1; }", "", 0, "bmi1", "aes", false },
		{ "when host avx2 { disable aes, vaes; } else { disable bmi1; }", "avx2", 0, "aes", "bmi1", false },
		{ "when host avx2 { force erms; } else { optional erms; }", "erms", 0, "erms", "aes2", false },
		{ "when host avx2 { force erms; } else { optional erms; }", "erms avx2", 0, "", "erms", false },
		{ "when host avx2 { require aes; }", "aes", 0, "", "aes", true },
		{ "when host avx2 { require aes; }", "aes avx2", 0, "", "aes", false },
		{ "when host avx2 { } else { forbid aes; }", "avx2", 0, "", "aes", true },
		{ "when host avx2 { } else { forbid aes; }", "avx2 aes", 0, "", "aes", false },
		{ "when host avx2 { } else { forbid aes; }", "", 0, "aes", "", false },
		{ "when host avx2 { when host bmi1 { disable bmi2; } }", "", 0, "bmi1", "bmi2", false },
		{ "when host avx2 { when host bmi1 { disable bmi2; } }", "bmi1", 0, "bmi2", "", false },
		{ "when vcpu = 1 { disable bmi2; } else { disable bmi1; }", "", 0, "bmi2", "bmi1", false },
		{ "when vcpu = 1 { disable bmi2; } else { disable bmi1; }", "", 1, "bmi1", "bmi2", false },
		{ "when vcpu = 1 { disable bmi2; } else { disable bmi1; }", "", 2, "bmi2", "bmi1", false },
		{ "when vcpu = 0..2 { disable bmi2; }", "", 3, "bmi2", "", false },
		{ "when vcpu = 0..2 { disable bmi2; }", "", 2, "", "bmi2", false },
		{ "base none; when vcpu = 1 { optional aes; }", "", 1, "aes", "", false },
		{ "base none; when vcpu = 1 { optional aes; }", "", 0, "", "aes", false },
		{ "base none; when vcpu = 1 { when host avx2 { optional sse4a, aes; } }", "avx2", 1, "", "aes", false },
		{ "when vendor = amd { disable bmi2; } else { disable bmi1; }", "", 0, "bmi1", "bmi2", false },
		{ "assert avx2 or not host.aes;", "avx2", 0, "", "", true },
		{ "assert avx2 or not host.aes;", "avx2 aes", 0, "", "", false },
		{ "assert avx2 or not host.aes;", "", 0, "avx2", "", false },
		{ "assert not (aes and bmi1);", "", 0, "", "", true },
		{ "assert not (aes and bmi1);", "bmi1", 0, "", "", false },
		{ "assert avx2;", "avx", 0, "", "avx2", true },
		{ "assert host.avx2 == host.aes;", "avx2", 0, "", "", true },
		{ "assert host.avx2 == host.aes;", "", 0, "", "", false },
		{ "assert host.avx2 = host.aes;", "avx2 aes", 0, "", "", false },
		{ "assert count(f in ['aes', 'bmi1', 'bmi2']: cpu.has(f)) >= 2;", "bmi1", 0, "", "", false },
		{ "assert count(f in ['aes', 'bmi1', 'bmi2']: cpu.has(f)) >= 2;", "bmi1 aes", 0, "", "", true },
		{ "when host.avx2 and not host.bmi1 { disable aes, vaes; }", "bmi1", 0, "avx2", "aes", false },
		{ "when host.avx2 and not host.bmi1 { disable aes, vaes; }", "avx2 bmi1", 0, "aes", "", false },
		{ "when host.avx2 and vcpu in 1..2 { disable bmi2; }", "", 1, "", "bmi2", false },
		{ "when host.avx2 and vcpu in 1..2 { disable bmi2; }", "", 3, "bmi2", "", false },
		{ "when host.avx2 and vcpu in 1..2 { disable bmi2; }", "avx2", 1, "bmi2", "", false },
		{ "when vcpu % 2 == 1 { disable bmi2; }", "", 3, "", "bmi2", false },
		{ "when vcpu % 2 == 1 { disable bmi2; }", "", 2, "bmi2", "", false },
		{ "when vcpu in [0, 3] { disable bmi2; }", "", 3, "", "bmi2", false },
		{ "when vcpu in [0, 3] { disable bmi2; }", "", 1, "bmi2", "", false },
		{ "when any(f in ['aes', 'bmi1']: host.has(f)) { disable bmi2; }", "bmi1", 0, "", "bmi2", false },
		{ "when any(f in ['aes', 'bmi1']: host.has(f)) { disable bmi2; }", "aes bmi1", 0, "bmi2", "", false },
		{ "when vendor != amd or host.avx2 { disable bmi2; }", "avx2", 0, "bmi2", "", false },
		{ "assert vcpu < 2 or host.aes;", "aes", 0, "", "", true },
		{ "when host bmi1 { assert aes; }", "aes bmi1", 0, "", "", false },
		{ "when host bmi1 { assert aes; }", "aes", 0, "", "", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct session s;
		bool refused;
		enum feature_id has = feature_find(cases[i].has), not = feature_find(cases[i].has_not);

		compile(&s, cases[i].text, NULL, "");
		assert_non_null(s.policy);
		if ((has && !has_on(&s, HV_VENDOR_AMD, cases[i].lacks, cases[i].vcpu, has, &refused)) ||
		    (not && has_on(&s, HV_VENDOR_AMD, cases[i].lacks, cases[i].vcpu, not, &refused)))
			fail_msg("`%s` on a machine without `%s`, vCPU %u", cases[i].text,
				 cases[i].lacks, cases[i].vcpu);
		has_on(&s, HV_VENDOR_AMD, cases[i].lacks, cases[i].vcpu, FEATURE_FPU, &refused);
		if (refused != cases[i].refused)
			fail_msg("`%s` on a machine without `%s`: refused %d", cases[i].text,
				 cases[i].lacks, refused);
		arena_free(&s.arena);
	}
}

/* Bits that are no feature, for one vCPU or one kind of machine. */
static void variants_of_bits(void **state)
{
	static const char text[] = "leaf 0x17 { eax = 3; } when vcpu = 1 { leaf 0x17 { eax[3:0] = 8; ebx = host; } }"
				   "when host aes { leaf 0x80000008 { eax[15:8] = 40; } }";
	struct machine machine = { .vendor = AMD };
	struct cpu_policy_records records;
	struct resolved r;
	struct session s;

	(void)state;
	compile(&s, text, NULL, "");
	assert_non_null(s.policy);
	build_records(&s, HV_VENDOR_AMD, &records);
	resolve(&records, &machine, &r);
	assert_int_equal(r.value[record_of(&records, 0x17, 0)][EAX], 3);
	assert_int_equal(r.value[record_of(&records, 0, 0)][EAX], 0x17);
	assert_int_equal(r.value[record_of(&records, 0x80000000, 0)][EAX], 0x80000021);
	assert_int_equal(r.value[record_of(&records, 0x17, 0)][EBX], 0);
	assert_int_equal(r.value[record_of(&records, 0x80000008, 0)][EAX], 39 | 40 << 8);
	machine.vcpu = 1;
	feature_add(&machine.lacks, FEATURE_AES);
	resolve(&records, &machine, &r);
	assert_int_equal(r.value[record_of(&records, 0x17, 0)][EAX], 8);
	assert_int_equal(r.value[record_of(&records, 0x17, 0)][EBX], 0xffffffff);
	assert_int_equal(r.value[record_of(&records, 0x80000008, 0)][EAX], 39 | 48 << 8);
	arena_free(&s.arena);
}

/* A feature that is turned off leaves nothing behind that no other feature brings along. */
static void removed_features_leave_nothing(void **state)
{
	size_t tried = 0;

	(void)state;
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *f = &features[id];
		bool stateful = f->cr4 || f->efer || f->xcr0 || f->msrs != MSRS_NONE;
		char text[64];

		if (!stateful || f->support == FEATURE_NEVER || f->support == FEATURE_DYNAMIC)
			continue;
		tried++;
		snprintf(text, sizeof(text), "disable %s;", f->name);
		for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
			struct cpu_policy_records records;
			struct machine machine = { .vendor = vendor == HV_VENDOR_INTEL ? INTEL : AMD };
			struct resolved r;
			struct session s;

			compile(&s, text, NULL, "");
			assert_non_null(s.policy);
			build_records(&s, vendor, &records);
			resolve(&records, &machine, &r);
			assert_false(guest_has(&records, &r, id));
			check_machine(&records, &machine);
			arena_free(&s.arena);
		}
	}
	assert_true(tried > 35);
}

static const struct hv_msr *find_msr(const struct cpu_policy_records *records, uint32_t msr)
{
	for (uint32_t i = 0; i < records->msr_count; i++) {
		if (msr >= records->msrs[i].first && msr <= records->msrs[i].last)
			return &records->msrs[i];
	}
	return NULL;
}

static void add_rule(struct session *s, const char *msr, enum msr_access read, enum msr_access write,
		     const char *value, const char *reset)
{
	struct msr_rule *rule = vector_add(&s->arena, &s->guest.cpu.msr.rules);

	rule->msr.value = msr;
	rule->read.value = read;
	rule->write.value = write;
	rule->read.where.origin = rule->write.where.origin = ORIGIN_SET;
	rule->value.value = value;
	rule->value.where.origin = value ? ORIGIN_SET : ORIGIN_ABSENT;
	rule->reset.value = reset;
	rule->reset.where.origin = reset ? ORIGIN_SET : ORIGIN_ABSENT;
}

/* Rules become records in their order by number, each MSR once, with slots apart. */
static void rules_become_records(void **state)
{
	static const struct cpu_shape shape = { 1, 1, 1, 1 };
	struct cpu_topology topology;
	struct cpu_policy_records records;
	struct msr_decisions rules;
	struct session s;
	const struct hv_msr *msr;

	(void)state;
	compile(&s, "", NULL, "");
	add_rule(&s, "IA32_MISC_ENABLE", MSR_ACCESS_EMULATE, MSR_ACCESS_EMULATE, "0bxxxx_xxx1", "0x1801");
	add_rule(&s, "0xce", MSR_ACCESS_EMULATE, MSR_ACCESS_INJECT_GP, "0x80000000", NULL);
	add_rule(&s, "0x300-0x307", MSR_ACCESS_READ_ZERO_WRITE_IGNORE, MSR_ACCESS_INJECT_GP, NULL, NULL);
	add_rule(&s, "0x3b0", MSR_ACCESS_EMULATE, MSR_ACCESS_EMULATE, NULL, "7");
	add_rule(&s, "IA32_SPEC_CTRL", MSR_ACCESS_PASS_THROUGH, MSR_ACCESS_PASS_THROUGH, NULL, NULL);
	rules = policy_msrs(&s.arena, s.diags, &s.guest, s.policy);
	assert_int_equal(s.diags->list.count, 0);
	assert_true(cpu_topology_build(&s.arena, shape, NULL, &topology));
	cpu_policy_build(&s.arena, &(struct cpu_request){ .topology = &topology, .physical_bits = 39,
				.features = &s.policy->vendors[HV_VENDOR_INTEL], .msrs = &rules,
				.unlisted = CPU_MSR_IGNORE_AND_LOG }, HV_VENDOR_INTEL, &records);
	assert_int_equal(records.flags & (HV_POLICY_MSR_IGNORE | HV_POLICY_MSR_LOG),
			 HV_POLICY_MSR_IGNORE | HV_POLICY_MSR_LOG);
	for (uint32_t i = 1; i < records.msr_count; i++)
		assert_true(records.msrs[i].first > records.msrs[i - 1].last);
	msr = find_msr(&records, 0x1a0);
	assert_int_equal(msr->read, HV_MSR_STORE);
	assert_int_equal(msr->reset, 0x1801);
	assert_true(msr->write_mask == ~1ull);
	msr = find_msr(&records, 0xce);
	assert_int_equal(msr->read, HV_MSR_FIXED);
	assert_int_equal(msr->write, HV_MSR_GP);
	assert_true(msr->reset == 0x80000000 && msr->group == 255);
	msr = find_msr(&records, 0x305);
	assert_true(msr->first == 0x300 && msr->read == HV_MSR_FIXED && msr->reset == 0);
	msr = find_msr(&records, 0x3b0);
	assert_true(msr->reset == 7 && msr->write_mask == ~0ull);
	assert_true(find_msr(&records, 0x1a0)->slot != msr->slot);
	assert_int_equal(find_msr(&records, 0x48)->group, MSRS_SPEC_CTRL);
	arena_free(&s.arena);
}

static void machines_are_refused(void **state)
{
	struct cpu_policy_records records;
	struct machine machine = { .vendor = AMD };
	struct resolved r;
	struct session s;

	(void)state;
	compile(&s, "require aes; forbid bmi1;", NULL, "");
	build_records(&s, HV_VENDOR_AMD, &records);
	resolve(&records, &machine, &r);
	assert_true(r.refused); /* it has bmi1 */
	feature_add(&machine.lacks, FEATURE_BMI1);
	resolve(&records, &machine, &r);
	assert_false(r.refused);
	feature_add(&machine.lacks, FEATURE_AES);
	resolve(&records, &machine, &r);
	assert_true(r.refused);
	arena_free(&s.arena);
}

static void assigned_bits(void **state)
{
	struct cpu_policy_records records;
	struct session s;
	uint32_t at;

	(void)state;
	compile(&s, "leaf 0x80000008 { eax[23:16] = 48; }\n"
		    "leaf 0x18.1 { ecx = 0b1x0k; }\n"
		    "leaf 4.* { edx[0] = 1; }\n"
		    "leaf 2 = 0x55;\n"
		    "leaf 0 { eax = 0x16; }", NULL, "");
	assert_non_null(s.policy);
	build_records(&s, HV_VENDOR_INTEL, &records);
	at = record_of(&records, 0x80000008, 0);
	assert_int_equal(records.cpuid[at].value[EAX], 0x00303027);
	at = record_of(&records, 0x18, 1);
	assert_int_equal(records.cpuid[at].value[ECX], 9);
	assert_int_equal(records.cpuid[at].host_mask[ECX], 1);
	assert_int_equal(records.cpuid[record_of(&records, 0x18, 0)].subleaves, 2);
	for (uint32_t sub = 0; sub <= CPU_CACHES; sub++)
		assert_int_equal(records.cpuid[record_of(&records, 4, sub)].value[EDX], 1);
	assert_int_equal(records.cpuid[record_of(&records, 2, 0)].value[EDX], 0x55);
	assert_int_equal(records.cpuid[record_of(&records, 0, 0)].value[EAX], 0x16);
	assert_int_equal(records.index_runs[HV_CPUID_BASIC].count, 0x20);
	arena_free(&s.arena);
}

static void identities(void **state)
{
	static const char brand[] = "AMD EPYC-Milan Processor";
	struct cpu_policy_records records;
	struct session s;
	uint32_t text[12] = { 0 };

	(void)state;
	compile(&s, "base EPYC-Milan;", NULL, "");
	build_records(&s, HV_VENDOR_AMD, &records);
	assert_int_equal(records.cpuid[record_of(&records, 1, 0)].value[EAX], 0x00a00f11);
	assert_int_equal(records.cpuid[record_of(&records, 0x80000001, 0)].value[EAX], 0x00a00f11);
	for (uint32_t i = 0; i < 3; i++)
		memcpy(&text[4 * i], records.cpuid[record_of(&records, 0x80000002 + i, 0)].value, 16);
	assert_string_equal((const char *)text, brand);
	/* On the other vendor's machines only the features count. */
	build_records(&s, HV_VENDOR_INTEL, &records);
	assert_int_equal(records.cpuid[record_of(&records, 1, 0)].host_mask[EAX], 0xffffffff);
	arena_free(&s.arena);
}

static void msrs_are_sorted_and_fit(void **state)
{
	(void)state;
	for (int pv = 0; pv < 2; pv++) {
		for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
			struct cpu_policy_records records;
			struct session s;
			uint32_t slots = 0;

			compile(&s, "", NULL, pv ? "" : "pv-none");
			build_records(&s, vendor, &records);
			for (uint32_t i = 0; i < records.msr_count; i++) {
				const struct hv_msr *msr = &records.msrs[i];

				if (i > 0)
					assert_true(msr->first > records.msrs[i - 1].last);
				assert_non_null(cpu_msr_name(msr->first));
				if (msr->read != HV_MSR_STORE)
					continue;
				slots += msr->last - msr->first + 1;
				assert_true(msr->slot + msr->last - msr->first < HV_MSR_SLOTS);
			}
			assert_in_range(slots, 30, HV_MSR_SLOTS);
			arena_free(&s.arena);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements),	      cmocka_unit_test(expected_tokens_are_named),
		cmocka_unit_test(origins_are_told),   cmocka_unit_test(never_by_halves),
		cmocka_unit_test(variants),
		cmocka_unit_test(variants_of_bits),
		cmocka_unit_test(removed_features_leave_nothing),
		cmocka_unit_test(rules_become_records),
		cmocka_unit_test(machines_are_refused), cmocka_unit_test(assigned_bits),
		cmocka_unit_test(identities),	      cmocka_unit_test(msrs_are_sorted_and_fit),
	};

	return cmocka_run_group_tests_name("cpu_policy", tests, NULL, NULL);
}
