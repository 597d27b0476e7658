/* SPDX-License-Identifier: Apache-2.0 */
/* Byte sums of firmware tables. */
#include "lib/checksum.h"

uint8_t checksum8(const void *p, size_t n)
{
	const uint8_t *bytes = p;
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum;
}
