/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded printf: one pass over the format, each conversion into a struct spec, then one
 * writer. */
#include "lib/format.h"

#include "lib/string.h"

struct sink {
	char *to;
	size_t size;
	size_t length;
};

struct spec {
	bool left, zero, alternate, plus, space;
	bool has_precision;
	unsigned int width, precision;
	unsigned int bytes; /* size of the integer argument */
	char conversion;
};

static void put(struct sink *s, char c)
{
	if (s->length + 1 < s->size)
		s->to[s->length] = c;
	s->length++;
}

static void put_many(struct sink *s, char c, size_t n)
{
	while (n--)
		put(s, c);
}

static void put_bytes(struct sink *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(s, p[i]);
}

/* Digits of `v`, least significant last, into the end of `end[-64..-1]`. Returns their number. */
static unsigned int digits_of(char *end, uint64_t v, unsigned int base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned int n = 0;

	do {
		end[-(int)++n] = set[v % base];
		v /= base;
	} while (v);
	return n;
}

static void put_padded(struct sink *s, const struct spec *f, const char *prefix, unsigned int zeros,
		       const char *body, size_t n)
{
	size_t prefix_length = strlen(prefix), total = prefix_length + zeros + n;
	size_t fill = f->width > total ? f->width - total : 0;

	if (fill && !f->left && !f->zero)
		put_many(s, ' ', fill);
	put_bytes(s, prefix, prefix_length);
	if (fill && !f->left && f->zero)
		put_many(s, '0', fill);
	put_many(s, '0', zeros);
	put_bytes(s, body, n);
	if (f->left)
		put_many(s, ' ', fill);
}

static void put_integer(struct sink *s, struct spec *f, uint64_t v, bool negative)
{
	char buffer[64];
	char *end = buffer + sizeof(buffer);
	const char *prefix = negative ? "-" : f->plus ? "+" : f->space ? " " : "";
	bool hex = f->conversion == 'x' || f->conversion == 'X' || f->conversion == 'p';
	unsigned int base = hex ? 16 : f->conversion == 'o' ? 8 : 10, n;

	if (base != 10 && !negative)
		prefix = hex && f->alternate && (v || f->conversion == 'p') ? "0x" : "";
	n = f->has_precision && !f->precision && !v ? 0 :
						      digits_of(end, v, base, f->conversion == 'X');
	if (f->has_precision)
		f->zero = false;
	put_padded(s, f, prefix, f->has_precision && f->precision > n ? f->precision - n : 0,
		   end - n, n);
}

static void put_string(struct sink *s, struct spec *f, const char *p)
{
	size_t n;

	if (!p)
		p = "(null)";
	n = f->has_precision ? strnlen(p, f->precision) : strlen(p);
	f->zero = false;
	put_padded(s, f, "", 0, p, n);
}

static const char *read_number(const char *p, unsigned int *value)
{
	*value = 0;
	while (*p >= '0' && *p <= '9' && *value < 100000)
		*value = *value * 10 + (unsigned int)(*p++ - '0');
	return p;
}

static const char *read_flags(const char *p, struct spec *f)
{
	for (;; p++) {
		switch (*p) {
		case '-':
			f->left = true;
			break;
		case '0':
			f->zero = true;
			break;
		case '#':
			f->alternate = true;
			break;
		case '+':
			f->plus = true;
			break;
		case ' ':
			f->space = true;
			break;
		default:
			return p;
		}
	}
}

static const char *read_length(const char *p, struct spec *f)
{
	f->bytes = sizeof(int);
	if (*p == 'h') {
		f->bytes = *++p == 'h' ? 1 : 2;
		return f->bytes == 1 ? p + 1 : p;
	}
	while (*p == 'l' || *p == 'z' || *p == 't' || *p == 'j') {
		f->bytes = 8;
		p++;
	}
	return p;
}

/* An int of the arguments as a width: a negative one means left-justified. */
static void width_argument(struct spec *f, int value)
{
	if (value < 0)
		f->left = true;
	f->width = value < 0 ? 0u - (unsigned int)value : (unsigned int)value;
}

/* The signed value of an argument of `bytes` bytes that arrived in `v`. */
static int64_t narrow(uint64_t v, unsigned int bytes)
{
	unsigned int unused = 64 - 8 * bytes;

	return (int64_t)(v << unused) >> unused;
}

struct arguments {
	va_list list;
};

static uint64_t next_integer(struct arguments *args, const struct spec *f)
{
	return f->bytes == 8 ? va_arg(args->list, uint64_t) : (uint64_t)va_arg(args->list, int);
}

static void put_signed(struct sink *s, struct spec *f, struct arguments *args)
{
	int64_t v = narrow(next_integer(args, f), f->bytes);

	put_integer(s, f, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

static void put_unsigned(struct sink *s, struct spec *f, struct arguments *args)
{
	uint64_t v = next_integer(args, f);

	f->plus = f->space = false;
	put_integer(s, f, f->bytes == 8 ? v : v & ((1ULL << 8 * f->bytes) - 1), false);
}

static void put_pointer(struct sink *s, struct spec *f, struct arguments *args)
{
	f->alternate = true;
	put_integer(s, f, (uintptr_t)va_arg(args->list, void *), false);
}

/* One conversion. Returns false if it is none that we know: nothing was taken then. */
static bool put_conversion(struct sink *s, struct spec *f, struct arguments *args)
{
	char c;

	switch (f->conversion) {
	case 'd':
	case 'i':
		put_signed(s, f, args);
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_unsigned(s, f, args);
		return true;
	case 'p':
		put_pointer(s, f, args);
		return true;
	case 'c':
		c = (char)va_arg(args->list, int);
		put_padded(s, f, "", 0, &c, 1);
		return true;
	case 's':
		put_string(s, f, va_arg(args->list, const char *));
		return true;
	case '%':
		put(s, '%');
		return true;
	default:
		return false;
	}
}

static const char *read_spec(const char *p, struct spec *f, struct arguments *args)
{
	p = read_flags(p, f);
	if (*p == '*') {
		width_argument(f, va_arg(args->list, int));
		p++;
	} else {
		p = read_number(p, &f->width);
	}
	if (*p == '.') {
		f->has_precision = true;
		p++;
		if (*p == '*') {
			int n = va_arg(args->list, int);

			f->has_precision = n >= 0;
			f->precision = n >= 0 ? (unsigned int)n : 0;
			p++;
		} else {
			p = read_number(p, &f->precision);
		}
	}
	p = read_length(p, f);
	f->conversion = *p;
	return p;
}

size_t format_va(char *to, size_t size, const char *fmt, va_list list)
{
	struct sink s = {to, size, 0};
	struct arguments args;

	va_copy(args.list, list);
	for (const char *p = fmt; *p; p++) {
		struct spec f = {0};
		const char *start = p;

		if (*p != '%') {
			put(&s, *p);
			continue;
		}
		p = read_spec(p + 1, &f, &args);
		if (!put_conversion(&s, &f, &args))
			put_bytes(&s, start, (size_t)(p - start) + (*p != 0));
		if (!*p)
			break;
	}
	va_end(args.list);
	if (size)
		to[s.length < size ? s.length : size - 1] = 0;
	return s.length;
}

size_t format(char *to, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = format_va(to, size, fmt, args);
	va_end(args);
	return n;
}
