/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fair lock (tickets). The core runs with interrupts off wherever it may hold one, so that there
 * is no variant that masks them. An NMI handler takes no lock but by spin_try_lock().
 *
 * Order, outermost first; who holds one takes only later ones:
 *	sched (one CPU's queue) -> vm (life of a VM) -> vcpu (pending events) ->
 *	device (one chip's registers) -> frames (pools and reserves) ->
 *	timer (one CPU's deadlines) -> guests' consoles -> log
 * Two locks of one kind are never held together. The names are those of the structures that hold
 * them.
 */
#ifndef CORE_LIB_SPINLOCK_H
#define CORE_LIB_SPINLOCK_H

#include "lib/types.h"

/* All zero is unlocked. */
struct spinlock {
	uint32_t next;
	uint32_t serving;
};

static inline void spin_lock(struct spinlock *l)
{
	uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	/* Acquire: pairs with the release in spin_unlock(). */
	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
		__builtin_ia32_pause();
}

static inline bool spin_try_lock(struct spinlock *l)
{
	uint32_t ticket = __atomic_load_n(&l->serving, __ATOMIC_RELAXED);

	/* Succeeds only if nobody waits: then our ticket is the one being served. */
	return __atomic_compare_exchange_n(&l->next, &ticket, ticket + 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

static inline bool spin_is_locked(const struct spinlock *l)
{
	return __atomic_load_n(&l->next, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&l->serving, __ATOMIC_RELAXED);
}

#endif
