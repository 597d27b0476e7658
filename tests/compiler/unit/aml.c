/* SPDX-License-Identifier: Apache-2.0 */
/* The AML encoder byte by byte; tests/compiler/acpi.sh puts whole tables through iasl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "acpi/aml.h"
#include "acpi/table.h"

#define CHECK(b, ...)                                                                              \
	do {                                                                                       \
		static const uint8_t want_[] = { __VA_ARGS__ };                                    \
		assert_int_equal((b)->size, sizeof(want_));                                        \
		assert_memory_equal((b)->data, want_, sizeof(want_));                              \
		buffer_free(b);                                                                    \
	} while (0)

static void integers_are_shortest(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	aml_integer(&b, 0);
	aml_integer(&b, 1);
	aml_integer(&b, 2);
	aml_integer(&b, 0xff);
	CHECK(&b, 0x00, 0x01, 0x0a, 0x02, 0x0a, 0xff);
	aml_integer(&b, 0x100);
	aml_integer(&b, 0x10000);
	CHECK(&b, 0x0b, 0x00, 0x01, 0x0c, 0x00, 0x00, 0x01, 0x00);
	aml_integer(&b, 0x100000000);
	CHECK(&b, 0x0e, 0, 0, 0, 0, 1, 0, 0, 0);
}

static void names_are_padded(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	aml_path(&b, "_HID");
	aml_path(&b, "\\_SB");
	CHECK(&b, '_', 'H', 'I', 'D', '\\', '_', 'S', 'B', '_');
	aml_path(&b, "\\_SB.PCI0");
	CHECK(&b, '\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0');
	aml_path(&b, "^^A.B.C");
	CHECK(&b, '^', '^', 0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_', 'C', '_', '_', '_');
	aml_path(&b, "\\");
	CHECK(&b, '\\', 0x00);
}

static void identifiers_are_packed(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	aml_eisaid(&b, "PNP0A03");
	CHECK(&b, 0x0c, 0x41, 0xd0, 0x0a, 0x03);
	aml_eisaid(&b, "PNP0000");
	CHECK(&b, 0x0b, 0x41, 0xd0);
	aml_uuid(&b, "33db4d5b-1ff7-401c-9657-7441c03dd766");
	CHECK(&b, 0x11, 0x13, 0x0a, 0x10, 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40, 0x96, 0x57,
	      0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66);
}

/* The length of a package counts its own bytes: the steps are where one more is needed. */
static void package_lengths_step(void **state)
{
	static const struct {
		size_t content;
		uint8_t length[4];
		size_t bytes;
	} rows[] = {
		{ 0, { 0x01 }, 1 },
		{ 62, { 0x3f }, 1 },
		{ 63, { 0x41, 0x04 }, 2 },
		{ 4093, { 0x4f, 0xff }, 2 },
		{ 4094, { 0x81, 0x00, 0x01 }, 3 },
		{ 0xfffff - 3, { 0x8f, 0xff, 0xff }, 3 },
		{ 0xfffff - 2, { 0xc1, 0x00, 0x00, 0x01 }, 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buffer b = { 0 };
		size_t mark = aml_if(&b);

		buffer_zeros(&b, rows[i].content);
		aml_end(&b, mark);
		assert_int_equal(b.size, 1 + rows[i].bytes + rows[i].content);
		assert_memory_equal(b.data + 1, rows[i].length, rows[i].bytes);
		buffer_free(&b);
	}
}

static void packages_nest(void **state)
{
	struct buffer b = { 0 };
	size_t scope, device;

	(void)state;
	scope = aml_scope(&b, "\\_SB");
	device = aml_device(&b, "X");
	aml_name(&b, "_UID");
	aml_integer(&b, 1);
	aml_end(&b, device);
	aml_end(&b, scope);
	CHECK(&b, 0x10, 0x13, '\\', '_', 'S', 'B', '_', 0x5b, 0x82, 0x0b, 'X', '_', '_', '_', 0x08, '_',
	      'U', 'I', 'D', 0x01);
}

static void resources_end_with_their_tag(void **state)
{
	struct buffer b = { 0 }, r = { 0 };

	(void)state;
	resource_io(&r, 0x3f8, 8);
	resource_irq(&r, 4);
	aml_crs(&b, &r);
	assert_null(r.data);
	CHECK(&b, 0x08, '_', 'C', 'R', 'S', 0x11, 0x10, 0x0a, 0x0d, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03,
	      0x01, 0x08, 0x22, 0x10, 0x00, 0x79, 0x00);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_shortest),   cmocka_unit_test(names_are_padded),
		cmocka_unit_test(identifiers_are_packed),  cmocka_unit_test(package_lengths_step),
		cmocka_unit_test(packages_nest),	   cmocka_unit_test(resources_end_with_their_tag),
	};

	return cmocka_run_group_tests_name("aml", tests, NULL, NULL);
}
