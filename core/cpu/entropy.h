/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes for guests. A pool of 256 bits is hashed with what is new for each 32 bytes that are read, and again
 * for what stays, so that what was read says nothing of what comes or what came before (SHA-256 taken as a one-way
 * function). What is new: four words of RDRAND, where the machine has it, and the time stamp counter.
 *
 * Without RDRAND only the counter is new: at first 512 readings of how long each takes, then one at each use. On a real
 * machine these jitter by a few bits in all that are worth something; in an emulator that counts instructions they
 * do not, and the bytes are the same at each boot. entropy_strong() says which it is, and guests' logs say it on.
 */
#ifndef CORE_CPU_ENTROPY_H
#define CORE_CPU_ENTROPY_H

#include "lib/types.h"

bool entropy_strong(void); /* RDRAND is there */
void entropy_read(void *buffer, size_t size); /* any CPU */

#endif
