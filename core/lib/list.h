/* SPDX-License-Identifier: Apache-2.0 */
/* A circular doubly linked list whose links lie in its members. An empty head points to itself. */
#ifndef CORE_LIB_LIST_H
#define CORE_LIB_LIST_H

#include "lib/bits.h"

struct list_node {
	struct list_node *next, *prev;
};

static inline void list_init(struct list_node *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list_node *l)
{
	return l->next == l;
}

/* Puts `item` before `at`: at the end of the list if `at` is its head. */
static inline void list_insert_before(struct list_node *at, struct list_node *item)
{
	item->next = at;
	item->prev = at->prev;
	at->prev->next = item;
	at->prev = item;
}

/* Takes `item` out and leaves it linked to itself, so that removing it twice does no harm. */
static inline void list_remove(struct list_node *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

#define list_entry(link, type, member) container_of(link, type, member)

/* The body must not remove `pos`. */
#define list_for_each(pos, head) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

#endif
