/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs stand in the order of the graph: those of a core, a die, a package follow each other. */
#include "audit/shape.h"

/* How many vCPUs from the first one on share its ids. */
static uint32_t run_of(const struct image *image, struct hv_run vcpus, bool core)
{
	const struct hv_vcpu *first = &image->vcpus[vcpus.first];
	uint32_t count = 1;

	while (count < vcpus.count && first[count].node_id == first->node_id &&
	       (!core || first[count].core_id == first->core_id))
		count++;
	return count;
}

/* Leaf 0xB says how many there are in a package. */
static uint32_t package_of(const struct image *image, const struct hv_guest *guest)
{
	const struct hv_cpu_policy *policy = image_any_policy(image, guest);
	const struct hv_cpuid *row = policy ? image_cpuid(image, policy, 0xb, 1) : NULL;

	return row && row->value[1] ? row->value[1] : guest->vcpus.count;
}

struct shape shape_of(const struct image *image, const struct hv_guest *guest)
{
	uint32_t count = guest->vcpus.count, package = package_of(image, guest);
	uint32_t die = run_of(image, guest->vcpus, false), threads = run_of(image, guest->vcpus, true);

	/* A die with more than 256 cores, or leaves assigned by hand. */
	if (count % package || package % die || die % threads)
		return (struct shape){ 1, 1, count, 1 };
	return (struct shape){ count / package, package / die, die / threads, threads };
}
