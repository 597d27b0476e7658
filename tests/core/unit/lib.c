/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/lib against the C library, or against values from the standards: bits, strings, text,
 * SHA-256 (FIPS 180-4 examples), lists, locks.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bits.h"
#include "lib/checksum.h"
#include "lib/format.h"
#include "lib/list.h"
#include "lib/sha256.h"
#include "lib/spinlock.h"
#include "lib/status.h"

#include <cmocka.h>

/* The core's own, under names that do not hide those of the C library. */
#define memcmp core_memcmp
#define memchr core_memchr
#define strlen core_strlen
#define strnlen core_strnlen
#define strcmp core_strcmp
#define strncmp core_strncmp
#define strchr core_strchr
#undef CORE_LIB_STRING_H
#include "lib/string.h"
#include "lib/string.c"
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

static void test_bits(void **state)
{
	(void)state;
	assert_int_equal(BITS(51, 12), 0x000ffffffffff000ull);
	assert_int_equal(BITS(63, 0), ~0ull);
	assert_int_equal(BITS(0, 0), 1);
	assert_int_equal(field_get(0x12345678, BITS(15, 8)), 0x56);
	assert_int_equal(field_set(0x12345678, BITS(15, 8), 0x1ab), 0x1234ab78);
	assert_int_equal(field_get(~0ull, BITS(63, 32)), 0xffffffff);
	assert_int_equal(align_up(0x1001, 0x1000), 0x2000);
	assert_int_equal(align_down(0x1fff, 0x1000), 0x1000);
	assert_int_equal(div_round_up(9, 4), 3);
	assert_true(range_fits(0, 10, 10));
	assert_false(range_fits(1, 10, 10));
	assert_false(range_fits(~0ull, 2, ~0ull));
	assert_true(ranges_overlap(0, 10, 9, 1));
	assert_false(ranges_overlap(0, 10, 10, 1));
	assert_false(ranges_overlap(5, 0, 0, 10));
	assert_int_equal(sign_extend(0x80, 8), -128);
	assert_int_equal(highest_bit(0), -1);
	assert_int_equal(highest_bit(0x8000000000000001ull), 63);
	assert_int_equal(lowest_bit(0x80), 7);
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void test_strings(void **state)
{
	static const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "\xff", "ab\x80"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		assert_int_equal(core_strlen(words[i]), strlen(words[i]));
		assert_int_equal(core_strnlen(words[i], 2), strnlen(words[i], 2));
		assert_ptr_equal(core_strchr(words[i], 'b'), strchr(words[i], 'b'));
		assert_ptr_equal(core_strchr(words[i], 0), strchr(words[i], 0));
		for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
			assert_int_equal(sign(core_strcmp(words[i], words[k])),
					 sign(strcmp(words[i], words[k])));
			assert_int_equal(sign(core_strncmp(words[i], words[k], 2)),
					 sign(strncmp(words[i], words[k], 2)));
		}
	}
	assert_int_equal(sign(core_memcmp("a\0b", "a\0c", 3)), -1);
	assert_int_equal(core_memcmp("a\0b", "a\0c", 2), 0);
	assert_null(core_memchr("abc", 'd', 3));
	assert_string_equal(core_memchr("abc", 'c', 3), "c");
}

/* One format string, both formatters, at every buffer size up to the length. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char want[256], got[256];                                                          \
		int n = snprintf(want, sizeof(want), __VA_ARGS__);                                 \
		assert_int_equal(format(got, sizeof(got), __VA_ARGS__), n);                        \
		assert_string_equal(got, want);                                                    \
		for (size_t size = 1; size <= (size_t)n; size++) {                                 \
			char *small = malloc(size);                                                \
			assert_int_equal(format(small, size, __VA_ARGS__), n);                     \
			assert_int_equal(strlen(small), size - 1);                                 \
			assert_memory_equal(small, want, size - 1);                                \
			free(small);                                                               \
		}                                                                                  \
	} while (0)

static void test_format(void **state)
{
	long long big = 1234567890123456789;

	(void)state;
	SAME("plain");
	SAME("%d %i %u", -5, 42, 4000000000u);
	SAME("%d %d", -2147483647 - 1, 2147483647);
	SAME("%lld %llu", -big, (unsigned long long)big);
	SAME("%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42);
	SAME("%05d|%-8x|%8x", -42, 0xbeef, 0xbeef);
	SAME("%x %X %#x %#010x %o", 0xabc, 0xabc, 0xabc, 0xabc, 0777);
	SAME("%#x %#llx", 0, 0xffffffffffffffffull);
	SAME("%016llx", 0x123456789abcdefull);
	SAME("%hhx %hx", 0x1ab, 0x1abcd);
	SAME("%hhd %hd", 200, 40000);
	SAME("%zu %zx %ld %lu", (size_t)77, (size_t)77, -77l, 77ul);
	SAME("%s|%10s|%-10s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
	SAME("%*d|%-*d|%*d", 6, 42, 6, 42, -6, 42);
	SAME("%c%c%5c", 'a', 'b', 'c');
	SAME("%.5d|%8.5d|%-8.5d", 42, 42, 42);
	SAME("%.0d|%.3x", 0, 0xa);
	SAME("100%%");
	SAME("%p", (void *)0x1234);
}

static void test_format_edges(void **state)
{
	char to[8] = "xxxxxxx";
	const char *volatile none = NULL;

	(void)state;
	assert_int_equal(format(to, 0, "abc"), 3);
	assert_int_equal(to[0], 'x');
	assert_int_equal(format(to, sizeof(to), "%s", none), 6);
	assert_string_equal(to, "(null)");
}

static const struct {
	const char *text;
	size_t repeat;
	const char *digest;
} vectors[] = {
	{"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	{"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void to_hex(const uint8_t digest[SHA256_SIZE], char hex[65])
{
	for (unsigned int i = 0; i < SHA256_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void test_sha256(void **state)
{
	uint8_t digest[SHA256_SIZE];
	char hex[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct sha256 s;

		sha256_start(&s);
		for (size_t n = 0; n < vectors[i].repeat; n++)
			sha256_add(&s, vectors[i].text, strlen(vectors[i].text));
		sha256_finish(&s, digest);
		to_hex(digest, hex);
		assert_string_equal(hex, vectors[i].digest);
	}
}

/* The digest does not depend on how the bytes come in, at any length around a block. */
static void test_sha256_pieces(void **state)
{
	uint8_t bytes[200], whole[SHA256_SIZE], parts[SHA256_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct sha256 s;

		sha256(bytes, n, whole);
		sha256_start(&s);
		sha256_add(&s, bytes, n / 3);
		sha256_add(&s, bytes + n / 3, n - n / 3);
		sha256_finish(&s, parts);
		assert_memory_equal(whole, parts, SHA256_SIZE);
	}
}

static void test_checksum(void **state)
{
	const uint8_t table[] = {0x80, 0x7f, 0x01, 0xff, 0x01};

	(void)state;
	assert_int_equal(checksum8(table, 3), 0);
	assert_int_equal(checksum8(table, 5), 0);
	assert_int_equal(checksum8(table, 1), 0x80);
	assert_int_equal(checksum8(table, 0), 0);
}

static void test_list(void **state)
{
	struct list_node head, a, b, c, *pos;
	unsigned int n = 0;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	list_insert_before(&head, &a);
	list_insert_before(&head, &c);
	list_insert_before(&c, &b);
	list_for_each (pos, &head)
		n = n * 10 + (pos == &a ? 1 : pos == &b ? 2 : 3);
	assert_int_equal(n, 123);
	list_remove(&b);
	list_remove(&b);
	list_remove(&a);
	assert_ptr_equal(head.next, &c);
	list_remove(&c);
	assert_true(list_empty(&head));
}

static void test_spinlock(void **state)
{
	struct spinlock l = {.next = 0xffffffff, .serving = 0xffffffff};

	(void)state;
	spin_lock(&l);
	assert_true(spin_is_locked(&l));
	assert_false(spin_try_lock(&l));
	spin_unlock(&l);
	assert_true(spin_try_lock(&l));
	spin_unlock(&l);
	assert_false(spin_is_locked(&l));
}

static enum status seen;

static void note_status(enum status s, const char *file, int line)
{
	assert_non_null(file);
	assert_true(line > 0);
	seen = s;
}

static void test_status(void **state)
{
	(void)state;
	assert_string_equal(status_name(STATUS_OK), "ok");
	assert_string_equal(status_name((enum status)999), "unknown status");
	for (unsigned int s = 0; s < STATUS_COUNT; s++)
		assert_true(strlen(status_name((enum status)s)) > 0);
	status_trace_hook = note_status;
	assert_int_equal(trace_error(STATUS_RANGE), STATUS_RANGE);
	assert_int_equal(seen, STATUS_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bits),	       cmocka_unit_test(test_strings),
		cmocka_unit_test(test_format),	       cmocka_unit_test(test_format_edges),
		cmocka_unit_test(test_sha256),	       cmocka_unit_test(test_sha256_pieces),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_list),	       cmocka_unit_test(test_spinlock),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests_name("lib", tests, NULL, NULL);
}
