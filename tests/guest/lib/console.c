/* SPDX-License-Identifier: Apache-2.0 */
/* The console: a 16550 at 0x3f8, and as much of printf as the tests need. */
#include <stdarg.h>

#include "guest.h"

#define UART 0x3f8u

/* Xen gives a PVH guest no UART, but prints what is written to this port. */
static bool debug_port;

void console_setup(void);
void console_setup(void) /* 115200 baud, 8N1, no interrupts, FIFOs on */
{
	debug_port = cpuid(0x40000000, 0).ebx == 0x566e6558; /* "XenV" */
	outb(UART + 1, 0);
	outb(UART + 3, 0x83);
	outb(UART, 1);
	outb(UART + 1, 0);
	outb(UART + 3, 0x03);
	outb(UART + 2, 0x07);
}

void put(char c)
{
	if (c == '\n')
		put('\r');
	while (!(inb(UART + 5) & 0x20))
		pause();
	outb(UART, (uint8_t)c);
	if (debug_port)
		outb(0xe9, (uint8_t)c);
}

static void put_text(const char *text)
{
	while (*text)
		put(*text++);
}

static void put_number(uint64_t value, unsigned base, unsigned width)
{
	char digits[24];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value || count < width);
	while (count)
		put(digits[--count]);
}

static const char *put_one(const char *format, va_list *list)
{
	unsigned width = 0;
	bool wide = false;

	while (*format >= '0' && *format <= '9')
		width = width * 10 + (unsigned)(*format++ - '0');
	for (; *format == 'l' || *format == 'z'; format++)
		wide = true;
	if (*format == 's') {
		put_text(va_arg(*list, const char *));
	} else if (*format == 'c') {
		put((char)va_arg(*list, int));
	} else if (*format == 'd') {
		int64_t value = wide ? va_arg(*list, int64_t) : va_arg(*list, int);

		if (value < 0)
			put('-');
		put_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, width);
	} else if (*format == 'u' || *format == 'x' || *format == 'p') {
		uint64_t value = wide || *format == 'p' ? va_arg(*list, uint64_t) : va_arg(*list, unsigned);

		put_number(value, *format == 'u' ? 10 : 16, width);
	} else {
		put(*format);
	}
	return format + 1;
}

void vprint(const char *format, va_list list);
void vprint(const char *format, va_list list)
{
	va_list copy;

	va_copy(copy, list);
	while (*format) {
		if (*format == '%')
			format = put_one(format + 1, &copy);
		else
			put(*format++);
	}
	va_end(copy);
}

void print(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vprint(format, list);
	va_end(list);
}

void *memory_set(void *to, int byte, size_t size)
{
	for (uint8_t *p = to; size--; p++)
		*p = (uint8_t)byte;
	return to;
}

void *memory_copy(void *to, const void *from, size_t size)
{
	const uint8_t *source = from;

	for (uint8_t *p = to; size--; p++)
		*p = *source++;
	return to;
}

int memory_compare(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;

	for (; size--; x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* What the compiler calls for itself. */
void *memset(void *to, int byte, size_t size);
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size)
{
	return memory_set(to, byte, size);
}
void *memcpy(void *to, const void *from, size_t size)
{
	return memory_copy(to, from, size);
}
