/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way through the processor's modes: 64-bit, 32-bit compatibility, protected without paging, 16-bit protected, real mode
 * (with a flat segment kept from protected mode), and back. Each mode touches a device register, a port and CPUID, which
 * a hypervisor handles by the mode's own rules; in real mode interrupts come through the vector table at 0. (APM v2 14.)
 */
#include "guest.h"

#define LOW 0x9000ul
#define TIMER 0x70u

struct results { /* as trip.S leaves them */
	uint32_t compatible_apic, compatible_cpuid, compatible_port;
	uint32_t efer_without_paging, protected_apic, protected_cpuid;
	uint32_t real_cr0, real_apic, real_cpuid, real_port, real_interrupts;
	uint32_t back;
};

extern const uint8_t trip_start[], trip_end[];
extern const uint32_t trip_results_offset;

int main(void)
{
	const struct results *results = (const void *)(LOW + trip_results_offset);
	uint32_t version, vendor = cpuid(0, 0).ebx;

	apic_use_x2(false);
	apic_enable();
	version = apic_read(APIC_VERSION);
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER);
	outb(0x3ff, 0x5a); /* the UART's scratch register */
	memory_copy((void *)LOW, trip_start, (size_t)(trip_end - trip_start));
	for (int turn = 0; turn < 3; turn++) {
		((void (*)(void))LOW)();
		check_value("back in 64-bit mode", results->back, 1);
		check_value("compatibility mode: a device register", results->compatible_apic, version);
		check_value("compatibility mode: CPUID", results->compatible_cpuid, vendor);
		check_value("compatibility mode: a port", results->compatible_port, 0x5a);
		check_value("LMA goes with paging", results->efer_without_paging & 0x400, 0);
		check_value("protected mode: a device register", results->protected_apic, version);
		check_value("protected mode: CPUID", results->protected_cpuid, vendor);
		check_value("real mode it is", results->real_cr0 & 1, 0);
		check_value("real mode: a device register by a flat segment", results->real_apic, version);
		check_value("real mode: CPUID", results->real_cpuid, vendor);
		check_value("real mode: a port", results->real_port, 0x5a);
		check_value("real mode: INT, and the timer out of HLT", results->real_interrupts, 2u + 2u * (uint32_t)turn);
	}
	return 0;
}
