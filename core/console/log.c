/* SPDX-License-Identifier: Apache-2.0 */
/* The log and the guests' way to the serial port: one lock, whole lines. */
#include "console/log.h"

#include "console/uart_16550.h"
#include "lib/bits.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define PREFIX "hvcore: "

static struct {
	struct spinlock lock;
	uintptr_t owner; /* CPU that holds the lock; 0: none */
	uintptr_t (*identity)(void);
	enum log_level level;
	uint16_t port;
	bool mid_line;	 /* the last byte written was no newline */
	bool last_words;
} console = {.level = LOG_INFO};

/*
 * Returns whether the lock was taken. Not taken: this CPU holds it already (an NMI or exception
 * came in the middle of a line), or the machine is stopping and its holder may never run again.
 */
static bool console_lock(void)
{
	uintptr_t me = console.identity ? console.identity() : 1;

	if (READ_ONCE(console.owner) == me)
		return false;
	while (!spin_try_lock(&console.lock)) {
		if (READ_ONCE(console.last_words))
			return false;
		__builtin_ia32_pause();
	}
	WRITE_ONCE(console.owner, me);
	return true;
}

static void console_unlock(bool taken)
{
	if (!taken)
		return;
	WRITE_ONCE(console.owner, 0);
	spin_unlock(&console.lock);
}

static void write_bytes(const char *bytes, size_t n)
{
	if (!console.port || !n)
		return;
	uart_write(console.port, bytes, n);
	console.mid_line = bytes[n - 1] != '\n';
}

static void write_line(const char *line, size_t n)
{
	bool taken = console_lock();

	if (console.mid_line)
		write_bytes("\r\n", 2);
	write_bytes(line, n);
	console_unlock(taken);
}

/* Room for the end of the line is kept. */
#define TEXT_SIZE (LOG_LINE_SIZE - 2)

static size_t end_line(char *line, size_t n)
{
	n = min_of(n, (size_t)TEXT_SIZE - 1);
	line[n++] = '\r';
	line[n++] = '\n';
	return n;
}

void log_line_va(enum log_level level, const char *fmt, va_list args)
{
	char line[LOG_LINE_SIZE] = PREFIX;
	size_t n = sizeof(PREFIX) - 1;

	if (level > console.level)
		return;
	n += format_va(line + n, TEXT_SIZE - n, fmt, args);
	write_line(line, end_line(line, n));
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line_va(level, fmt, args);
	va_end(args);
}

void log_guest(enum log_level level, const char *guest, const char *fmt, ...)
{
	char line[LOG_LINE_SIZE];
	va_list args;
	size_t n;

	if (level > console.level)
		return;
	n = min_of(format(line, TEXT_SIZE, PREFIX "guest %s: ", guest), (size_t)TEXT_SIZE - 1);
	va_start(args, fmt);
	n += format_va(line + n, TEXT_SIZE - n, fmt, args);
	va_end(args);
	write_line(line, end_line(line, n));
}

void log_set_level(enum log_level level)
{
	console.level = level;
}

void log_last_words(void)
{
	WRITE_ONCE(console.last_words, true);
}

void log_set_cpu_identity(uintptr_t (*identity)(void))
{
	console.identity = identity;
}

void console_write(const char *bytes, size_t n)
{
	bool taken = console_lock();

	write_bytes(bytes, n);
	console_unlock(taken);
}

int console_read(void)
{
	return console.port ? uart_read(console.port) : -1;
}

void console_receive(bool on)
{
	if (console.port)
		uart_enable_receive(console.port, on);
}

bool console_in_line(void)
{
	return READ_ONCE(console.mid_line);
}

static void trace_status(enum status s, const char *file, int line)
{
	log_debug("%s:%d: %s", file, line, status_name(s));
}

void console_use_port(uint16_t port, uint32_t baud)
{
	console.port = port && uart_init(port, baud) ? port : 0;
	status_trace_hook = trace_status;
}

void console_drain(void)
{
	if (console.port)
		uart_drain(console.port);
}

uint16_t console_port(void)
{
	return console.port;
}
