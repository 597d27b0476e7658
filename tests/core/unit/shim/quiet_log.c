/* SPDX-License-Identifier: Apache-2.0 */
/* The log for host tests: lines are formatted, so that the sanitizers see the arguments, and counted. */
#include "quiet_log.h"

#include "lib/format.h"

unsigned int quiet_log_lines;
char quiet_log_last[LOG_LINE_SIZE];

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	format_va(quiet_log_last, sizeof(quiet_log_last), fmt, args);
	va_end(args);
	quiet_log_lines++;
}

void log_guest(enum log_level level, const char *guest, const char *fmt, ...)
{
	va_list args;

	(void)level;
	(void)guest;
	va_start(args, fmt);
	format_va(quiet_log_last, sizeof(quiet_log_last), fmt, args);
	va_end(args);
	quiet_log_lines++;
}
