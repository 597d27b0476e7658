/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that never lets go: interrupts off, no exit, for ever. Nobody else may notice, and it must still be possible to stop it. */
#include "guest.h"

int main(void)
{
	print("guest: spins now\n");
	disable_interrupts();
	for (;;)
		__asm__ volatile("" : : : "memory");
}
