/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many guests on one serial line. Each has a console of its own here; what it writes is kept in its history (if
 * it has one) and goes to the line as the mode says, and one of them, the chosen one, gets what comes from the line.
 *
 *	raw      bytes as they come
 *	prefix   `[name] ` before each line; a line of one guest is never inside another's
 *	switch   only the chosen guest is seen; the others are read later, from their history
 *
 * The escape key, then: 1 to 9 a guest, n the next one, l lists them, h shows the chosen one's history, the escape
 * key itself goes to the guest. With `prefix` and `switch` alone; `raw` takes nothing out of the input.
 */
#ifndef CORE_CONSOLE_GUEST_CONSOLE_H
#define CORE_CONSOLE_GUEST_CONSOLE_H

#include "lib/types.h"
#include "schema/hvblob.h"

#define GUEST_CONSOLE_LINE  120u /* of a line that waits for another's end; a longer one is cut in pieces */
#define GUEST_CONSOLE_INPUT 512u

struct guest_console {
	const char *name;
	struct guest_console *next; /* in the order they were added */
	void (*ready)(void *context);
	void *context;
	char *history; /* `history_size` bytes; the last `written` ones, modulo that */
	uint32_t history_size;
	uint32_t used; /* of `line` */
	uint64_t written;
	uint64_t left; /* `written` when the guest was the chosen one last */
	uint32_t input_first, input_used;
	char input[GUEST_CONSOLE_INPUT];
	char line[GUEST_CONSOLE_LINE];
};

/* Before any guest is added: enum hv_console_mode, and the escape key's code (0: none). */
void guest_console_use(uint32_t mode, uint8_t escape);

/* One more console, zeroed but for its history, which may be NULL. The first one is the chosen one until another
 * listens earlier. It stays for ever. */
void guest_console_add(struct guest_console *console, const char *name);

/* What a guest writes. Any CPU. */
void guest_console_write(struct guest_console *console, const char *bytes, size_t n);

/* The next byte for this guest; -1: none. */
int guest_console_read(struct guest_console *console);

/* `ready` is called on some CPU, interrupts off, no lock of this file held, when bytes have come. */
void guest_console_listen(struct guest_console *console, void (*ready)(void *context), void *context);

/* The port has received something. */
void guest_console_interrupt(void);

/* Writes the history to the line, whatever the mode: the guest has died. Nothing without one. */
void guest_console_show(struct guest_console *console);

/*
 * Copies up to n bytes of the history from byte number *from of all that was ever written; *from moves up to the oldest
 * byte that is still there, and past what was copied. Returns how many.
 */
size_t guest_console_peek(struct guest_console *console, uint64_t *from, char *bytes, size_t n);

#endif
