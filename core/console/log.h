/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/ is what the core says, and the machine's serial port. It knows no guests beyond their
 * names.
 *
 * A line is formatted on the stack of its caller and written in one piece under one lock, so lines
 * of CPUs never mix. In NMIs and exceptions the same calls are safe: a CPU that already holds the
 * lock writes without it. Bytes of guests' consoles (guest_console.h) come as they are; a log line
 * starts on a fresh line of the terminal.
 */
#ifndef CORE_CONSOLE_LOG_H
#define CORE_CONSOLE_LOG_H

#include "lib/status.h"
#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* A longer line is cut. */
#define LOG_LINE_SIZE 320

/* Lines above this level are dropped; LOG_INFO at first. */
void log_set_level(enum log_level level);

/* One line `hvcore: <text>`; no newline in the format. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_line_va(enum log_level level, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* One line `hvcore: guest <name>: <text>`. */
void log_guest(enum log_level level, const char *guest, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* From now on nobody waits for the lock: the machine is about to stop. */
void log_last_words(void);

/* Where the lock learns which CPU asks (any value but 0); without it there is one CPU. */
void log_set_cpu_identity(uintptr_t (*identity)(void));

/* ---- the serial port itself */

/* Bytes as they are, from guests' consoles; serialized with the log. */
void console_write(const char *bytes, size_t n);

/* The next byte received; -1: none. */
int console_read(void);

/* Whether the port has its interrupt raised when bytes have come. */
void console_receive(bool on);

/* Whether what was written last was no end of a line. */
bool console_in_line(void);

/* Uses the 16550 at `port` (0: none, all output is dropped); `baud` 0 leaves the line as
 * firmware set it. */
void console_use_port(uint16_t port, uint32_t baud);
uint16_t console_port(void);

/* The machine is about to go: lets the last bytes out. */
void console_drain(void);

#endif
