/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: IN and OUT by the exit's own information; INS and OUTS by the emulator. */
#include "console/log.h"
#include "vcpu/exits.h"

enum access_result port_access(struct vcpu *vcpu, uint16_t port, uint32_t size, bool write,
			       uint64_t *value)
{
	struct guest *guest = vcpu->guest;
	const struct bus_range *range =
		bus_find_near(&guest->bus[GUEST_PORT], port, size, &vcpu->bus_hint[GUEST_PORT]);
	struct bus_access access = {
		.vcpu = vcpu,
		.address = port,
		.value = *value,
		.size = (uint8_t)size,
		.write = write,
	};
	enum access_result result = ACCESS_NONE;

	if (likely(range))
		result = vcpu_bus_access(vcpu, range, &access);
	if (result == ACCESS_NONE)
		access.value = BITS(31, 0);
	*value = access.value;
	return result;
}

/* A 32-bit destination clears the upper half, 8 and 16 bits leave the rest. */
static void set_accumulator(struct vcpu *vcpu, uint32_t size, uint64_t value)
{
	uint64_t mask = BIT(8 * size) - 1;

	vcpu->gpr[RAX] = (size == 4 ? 0 : vcpu->gpr[RAX] & ~mask) | (value & mask);
}

enum verdict exit_port(struct vcpu *vcpu)
{
	uint32_t size = vcpu->exit.port.size;
	bool in = vcpu->exit.port.in;
	enum access_result result;
	uint64_t value;

	if (unlikely(vcpu->exit.port.string))
		return exit_emulate(vcpu);
	value = in ? 0 : vcpu->gpr[RAX] & (BIT(8 * size) - 1);
	result = port_access(vcpu, vcpu->exit.port.number, size, !in, &value);
	if (in && (result == ACCESS_DONE || result == ACCESS_NONE))
		set_accumulator(vcpu, size, value);
	return vcpu_finish(vcpu, result);
}
