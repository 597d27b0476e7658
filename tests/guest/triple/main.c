/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that dies: says so, and faults three times over. Nobody else may notice. (APM v2 8.2.9.) */
#include "guest.h"

int main(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	print("guest: dies now\n");
	delay_us(1000);
	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	return 0;
}
