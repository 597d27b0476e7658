/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, bytes, places and output files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/map.h"
#include "base/output.h"
#include "base/source.h"

static void buffer_writes_little_endian(void **state)
{
	static const uint8_t want[] = { 0x11, 0x33, 0x22, 0x77, 0x66, 0x55, 0x44, 0xff,
					0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88 };
	struct buffer b = { 0 };

	(void)state;
	assert_int_equal(buffer_u8(&b, 0x11), 0);
	assert_int_equal(buffer_u16(&b, 0x2233), 1);
	assert_int_equal(buffer_u32(&b, 0x44556677), 3);
	assert_int_equal(buffer_u64(&b, 0x8899aabbccddeeff), 7);
	assert_int_equal(b.size, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	buffer_free(&b);
	assert_null(b.data);
}

static void buffer_patches_and_inserts(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		buffer_u8(&b, (uint8_t)i);
	buffer_patch_u32(&b, 996, 0xdeadbeef);
	assert_int_equal(b.data[996], 0xef);
	assert_int_equal(b.data[999], 0xde);
	buffer_insert(&b, 10, "abc", 3);
	assert_int_equal(b.size, 1003);
	assert_memory_equal(b.data + 9, "\x09" "abc\x0a", 5);
	assert_int_equal(b.data[1002], 0xde);
	buffer_insert(&b, b.size, "z", 1);
	assert_int_equal(b.data[1003], 'z');
	buffer_free(&b);
}

static void buffer_aligns_and_pads(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	buffer_u8(&b, 1);
	assert_int_equal(buffer_align(&b, 8), 8);
	assert_int_equal(buffer_align(&b, 8), 8);
	assert_int_equal(buffer_align(&b, 3), 9);
	assert_int_equal(buffer_padded(&b, "HVCC", 6, ' '), 9);
	assert_memory_equal(b.data + 9, "HVCC  ", 6);
	buffer_padded(&b, "TOOLONGNAME", 4, ' ');
	assert_memory_equal(b.data + 15, "TOOL", 4);
	assert_int_equal(b.size, 19);
	buffer_free(&b);
}

static void map_keeps_thousands(void **state)
{
	struct arena arena = { 0 };
	struct map map = { 0 };
	static int values[5000];

	(void)state;
	assert_null(map_get(&map, "x"));
	for (int i = 0; i < 5000; i++)
		assert_null(map_put(&arena, &map, arena_printf(&arena, "key%d", i), &values[i]));
	for (int i = 0; i < 5000; i++)
		assert_ptr_equal(map_get(&map, arena_printf(&arena, "key%d", i)), &values[i]);
	assert_null(map_get(&map, "key5000"));
	assert_ptr_equal(map_put(&arena, &map, "key7", &values[0]), &values[7]);
	assert_ptr_equal(map_get(&map, "key7"), &values[0]);
	arena_free(&arena);
}

static void positions_count_characters(void **state)
{
	static const char text[] = "one\ncaf\xc3\xa9 x\r\n\nlast";
	struct arena arena = { 0 };
	struct sources sources = { .arena = &arena };
	uint32_t file = source_add(&sources, "dir/top.yaml", text, strlen(text));
	struct position at;
	size_t length;

	(void)state;
	at = source_position(&sources, file, 10, 1);
	assert_int_equal(at.line, 2);
	assert_int_equal(at.column, 6);
	at = source_position(&sources, file, 1000, 1000);
	assert_int_equal(at.line, 4);
	assert_int_equal(at.column, 5);
	assert_int_equal(at.length, 0);
	assert_memory_equal(source_line(source_get(&sources, file), 2, &length), "caf", 3);
	assert_int_equal(length, 7);
	source_line(source_get(&sources, file), 3, &length);
	assert_int_equal(length, 0);
	source_line(source_get(&sources, file), 99, &length);
	assert_int_equal(length, 0);
	arena_free(&arena);
}

static void names_are_below_the_top_folder(void **state)
{
	struct arena arena = { 0 };
	struct sources sources = { .arena = &arena };

	(void)state;
	source_add(&sources, "/a/b/top.yaml", "", 0);
	source_add(&sources, "/a/b/c/guest.yaml", "", 0);
	source_add(&sources, "/other/guest.yaml", "", 0);
	assert_string_equal(source_get(&sources, 1)->name, "top.yaml");
	assert_string_equal(source_get(&sources, 2)->name, "c/guest.yaml");
	assert_string_equal(source_get(&sources, 3)->name, "/other/guest.yaml");
	assert_string_equal(path_relative_to(&arena, "/a/b/top.yaml", "k"), "/a/b/k");
	assert_string_equal(path_relative_to(&arena, "/a/b/top.yaml", "/k"), "/k");
	assert_string_equal(path_relative_to(&arena, "top.yaml", "k"), "k");
	arena_free(&arena);
}

/* ------------------------------------------------------------------------------------- files */

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/hvcc-base-XXXXXX");
	return mkdtemp(folder) ? chdir(folder) : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink("out");
	return chdir("/") ? -1 : rmdir(folder); /* fails when a file was left */
}

static void outputs_are_whole(void **state)
{
	struct arena arena = { 0 };
	struct bytes bytes;

	(void)state;
	assert_true(output_file("out", "old", 3));
	struct output *output = output_begin("out");

	assert_non_null(output);
	output_write(output, "new and longer", 14);
	assert_null(read_file(&arena, "out", 100, &bytes));
	assert_int_equal(bytes.size, 3);
	output_discard(output);
	assert_null(read_file(&arena, "out", 100, &bytes));
	assert_memory_equal(bytes.data, "old", 4);
	assert_true(output_file("out", "new", 3));
	assert_null(read_file(&arena, "out", 100, &bytes));
	assert_memory_equal(bytes.data, "new", 4);
	arena_free(&arena);
}

static void outputs_fail_whole(void **state)
{
	(void)state;
	assert_false(output_file("/dev/full", "x", 1));
	assert_string_equal(output_error(), "No space left on device");
	assert_false(output_file("no/such/folder", "x", 1));
	assert_string_equal(output_error(), "No such file or directory");
	assert_non_null(output_begin("out"));
	output_discard_all();
}

static void reading_says_what_is_wrong(void **state)
{
	struct arena arena = { 0 };
	struct bytes bytes;

	(void)state;
	assert_string_equal(read_file(&arena, "missing", 100, &bytes),
			    "No such file or directory");
	assert_string_equal(read_file(&arena, ".", 100, &bytes), "is a directory");
	assert_true(output_file("out", "12345", 5));
	assert_string_equal(read_file(&arena, "out", 4, &bytes), "larger than 4 bytes");
	assert_string_equal(read_file(&arena, "/dev/zero", 10000, &bytes),
			    "larger than 10000 bytes");
	assert_null(read_file(&arena, "/dev/null", 4, &bytes));
	assert_int_equal(bytes.size, 0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffer_writes_little_endian),
		cmocka_unit_test(buffer_patches_and_inserts),
		cmocka_unit_test(buffer_aligns_and_pads),
		cmocka_unit_test(map_keeps_thousands),
		cmocka_unit_test(positions_count_characters),
		cmocka_unit_test(names_are_below_the_top_folder),
		cmocka_unit_test(outputs_are_whole),
		cmocka_unit_test(outputs_fail_whole),
		cmocka_unit_test(reading_says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
