/* SPDX-License-Identifier: Apache-2.0 */
/* The consoles of guests over the machine's one; the lock here is taken before that of the log. */
#include "console/guest_console.h"

#include "console/log.h"
#include "lib/bits.h"
#include "lib/spinlock.h"
#include "lib/string.h"

static struct {
	struct spinlock lock;
	uint32_t mode; /* enum hv_console_mode */
	uint8_t escape;
	bool escaped;		      /* the escape key was the last one */
	struct guest_console *first;
	struct guest_console *chosen; /* gets the input; with `switch`, is seen */
	struct guest_console *open;   /* with `prefix`: whose line has no end yet */
} guests;

void guest_console_use(uint32_t mode, uint8_t escape)
{
	guests.mode = mode;
	guests.escape = mode == HV_CONSOLE_RAW ? 0 : escape;
}

void guest_console_add(struct guest_console *console, const char *name)
{
	struct guest_console **last = &guests.first;

	while (*last)
		last = &(*last)->next;
	console->name = name;
	*last = console;
	if (!guests.chosen)
		guests.chosen = console;
}

/* ---- the history */

static void remember(struct guest_console *c, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && c->history_size; i++)
		c->history[(c->written + i) % c->history_size] = bytes[i];
	c->written += n;
}

/* Where what is kept begins, at `from` or later. */
static uint64_t oldest(const struct guest_console *c, uint64_t from)
{
	return max_of(from, c->written - min_of(c->written, (uint64_t)c->history_size));
}

static size_t copy_history(const struct guest_console *c, uint64_t *from, char *bytes, size_t n)
{
	size_t i = 0;

	*from = oldest(c, *from);
	while (i < n && *from < c->written)
		bytes[i++] = c->history[(*from)++ % c->history_size];
	return i;
}

static void replay(const struct guest_console *c, uint64_t from)
{
	char bytes[64];
	size_t n;

	while ((n = copy_history(c, &from, bytes, sizeof(bytes))))
		console_write(bytes, n);
}

void guest_console_show(struct guest_console *c)
{
	spin_lock(&guests.lock);
	if (c->history_size && c->written) {
		uint64_t from = oldest(c, 0);

		log_error("guest %s: the last %llu bytes it wrote:", c->name,
			  (unsigned long long)(c->written - from));
		replay(c, from);
		log_error("guest %s: that was all", c->name);
	}
	spin_unlock(&guests.lock);
}

size_t guest_console_peek(struct guest_console *c, uint64_t *from, char *bytes, size_t n)
{
	size_t copied;

	spin_lock(&guests.lock);
	copied = copy_history(c, from, bytes, n);
	spin_unlock(&guests.lock);
	return copied;
}

/* ---- output */

static void begin_line(struct guest_console *c)
{
	if (console_in_line())
		console_write("\r\n", 2);
	console_write("[", 1);
	console_write(c->name, strlen(c->name));
	console_write("] ", 2);
	console_write(c->line, c->used);
	c->used = 0;
	guests.open = c;
}

/* A line has ended. Another that waits unfinished may be a prompt: it goes on in sight. */
static void end_line(void)
{
	struct guest_console *c = guests.first;

	guests.open = NULL;
	while (c && !c->used)
		c = c->next;
	if (c)
		begin_line(c);
}

static bool line_is_open(void)
{
	return guests.open && console_in_line();
}

static void write_prefixed(struct guest_console *c, char byte)
{
	bool mine = line_is_open() && guests.open == c;

	if (!mine && byte == '\r' && !c->used)
		return; /* of "\n\r" */
	if (!mine && line_is_open() && byte != '\n' && c->used < sizeof(c->line)) {
		c->line[c->used++] = byte;
		return;
	}
	if (!mine)
		begin_line(c);
	console_write(&byte, 1);
	if (byte == '\n')
		end_line();
}

void guest_console_write(struct guest_console *c, const char *bytes, size_t n)
{
	spin_lock(&guests.lock);
	remember(c, bytes, n);
	if (guests.mode == HV_CONSOLE_PREFIX)
		for (size_t i = 0; i < n; i++)
			write_prefixed(c, bytes[i]);
	else if (guests.mode == HV_CONSOLE_RAW || c == guests.chosen)
		console_write(bytes, n);
	spin_unlock(&guests.lock);
}

/* ---- input */

static void choose(struct guest_console *c)
{
	if (!c || c == guests.chosen) {
		log_error("console: still guest %s", guests.chosen->name);
		return;
	}
	guests.chosen->left = guests.chosen->written;
	guests.chosen = c;
	log_error("console: guest %s", c->name);
	if (guests.mode == HV_CONSOLE_SWITCH)
		replay(c, c->left);
}

static void list(void)
{
	unsigned int number = 1;

	for (struct guest_console *c = guests.first; c; c = c->next, number++)
		log_error("console: %u %s%s", number, c->name, c == guests.chosen ? ", chosen" : "");
}

static struct guest_console *by_number(unsigned int number)
{
	struct guest_console *c = guests.first;

	while (c && --number)
		c = c->next;
	return c;
}

/* The key behind the escape key. */
static void command(char key)
{
	if (key >= '1' && key <= '9')
		choose(by_number((unsigned int)(key - '0')));
	else if (key == 'n')
		choose(guests.chosen->next ? guests.chosen->next : guests.first);
	else if (key == 'l')
		list();
	else if (key == 'h')
		replay(guests.chosen, 0);
	else
		log_error("console: escape, then 1 to 9 or n: another guest; l: list; h: history");
}

static void take(char key)
{
	struct guest_console *c = guests.chosen;

	if (guests.escaped && (uint8_t)key != guests.escape)
		command(key);
	else if (guests.escape && !guests.escaped && (uint8_t)key == guests.escape) {
		guests.escaped = true;
		return;
	} else if (c->ready && c->input_used < GUEST_CONSOLE_INPUT)
		c->input[(c->input_first + c->input_used++) % GUEST_CONSOLE_INPUT] = key;
	guests.escaped = false;
}

/* From the port, as long as the chosen guest has room; where there is an escape key, what finds none is lost, so that
 * a guest that does not read can be left. */
static void pump(void)
{
	for (uint32_t i = 0; i < GUEST_CONSOLE_INPUT && guests.chosen; i++) {
		int key;

		if (!guests.escape && guests.chosen->input_used == GUEST_CONSOLE_INPUT)
			return;
		key = console_read();

		if (key < 0)
			return;
		take((char)key);
	}
}

int guest_console_read(struct guest_console *c)
{
	int byte = -1;

	spin_lock(&guests.lock);
	if (!c->input_used && c == guests.chosen)
		pump();
	if (c->input_used) {
		byte = (uint8_t)c->input[c->input_first];
		c->input_first = (c->input_first + 1) % GUEST_CONSOLE_INPUT;
		c->input_used--;
	}
	spin_unlock(&guests.lock);
	return byte;
}

void guest_console_interrupt(void)
{
	spin_lock(&guests.lock);
	pump();
	spin_unlock(&guests.lock);
	for (struct guest_console *c = guests.first; c; c = c->next)
		if (c->ready && READ_ONCE(c->input_used))
			c->ready(c->context);
}

void guest_console_listen(struct guest_console *c, void (*ready)(void *context), void *context)
{
	spin_lock(&guests.lock);
	c->context = context;
	WRITE_ONCE(c->ready, ready);
	if (!guests.chosen->ready)
		guests.chosen = c;
	spin_unlock(&guests.lock);
	console_receive(true);
}
