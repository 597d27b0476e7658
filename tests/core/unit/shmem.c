/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory over the lives of guests: zero at boot, kept while one guest starts again, hidden from one that is gone,
 * zeroed when the last one is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/frames.h"
#include "mm/layout.h"
#include "share/share.h"
#include "blob/blob.h"
#include "shim/sample_blob.h"
#include "space/memory.h"

static uint8_t frame[2][0x3000] __attribute__((aligned(4096)));
static unsigned int placed, shown, hidden;
static bool in_pieces;
struct frames machine_frames;

enum status frames_place(struct frames *f, uint64_t size, uint32_t node, uint64_t *phys, uint64_t *got)
{
	(void)f;
	(void)node;
	*phys = (uint64_t)(uintptr_t)frame[placed] - DIRECT_MAP_BASE;
	memset(frame[placed++], 0xa5, size);
	*got = in_pieces ? 0x1000 : size;
	return STATUS_OK;
}

enum status pool_alloc(size_t size, void **p)
{
	*p = test_calloc(1, size);
	return STATUS_OK;
}

enum status memory_show(struct memory *memory, uint64_t gpa, uint64_t size, bool show)
{
	(void)memory;
	assert_int_equal(gpa, 0x80000000);
	assert_int_equal(size, 0x3000);
	shown += show;
	hidden += !show;
	return STATUS_OK;
}

struct memory *device_memory(struct vm *vm)
{
	(void)vm;
	return NULL;
}

const char *device_vm_name(const struct vm *vm)
{
	(void)vm;
	return "rt0";
}

/* ---- */

struct life {
	struct sample_blob sample;
	struct blob blob;
	struct device *guest[2];
};

static void make_blob(struct life *l)
{
	struct blob_fault fault;

	sample_blob_make(&l->sample);
	assert_int_equal(blob_verify(&l->sample, sizeof(l->sample), &l->blob, &fault), STATUS_OK);
	placed = shown = hidden = 0;
}

static int set_up(void **state)
{
	static struct life l;

	make_blob(&l);
	in_pieces = false;
	assert_int_equal(shares_build(&l.blob), STATUS_OK);
	for (int i = 0; i < 2; i++) {
		l.guest[i] = test_calloc(1, window_ops.state_size(1));
		*l.guest[i] = (struct device){&window_ops, &l.sample.devices[2], NULL};
		assert_int_equal(window_ops.create(l.guest[i]), STATUS_OK);
		window_ops.reset(l.guest[i]);
	}
	*state = &l;
	return 0;
}

static int tear_down(void **state)
{
	struct life *l = *state;

	for (int i = 0; i < 2; i++)
		test_free(l->guest[i]);
	test_free(share_at(0)->peers);
	test_free(share_at(0));
	return 0;
}

static bool is_all(uint8_t value)
{
	for (size_t i = 0; i < sizeof(frame[1]); i++)
		if (frame[1][i] != value)
			return false;
	return true;
}

static void zero_at_boot(void **state)
{
	(void)state;
	assert_int_equal(placed, 2);
	assert_true(is_all(0));
	assert_ptr_equal(share_at(1)->host, frame[1]);
}

static void kept_at_restart(void **state)
{
	struct life *l = *state;

	memset(frame[1], 7, sizeof(frame[1]));
	window_ops.reset(l->guest[0]);
	window_ops.reset(l->guest[0]);
	window_ops.gone(l->guest[1]);
	assert_true(is_all(7));
	assert_int_equal(hidden, 1);
	assert_int_equal(shown, 0);
}

static void zeroed_after_the_last(void **state)
{
	struct life *l = *state;

	memset(frame[1], 7, sizeof(frame[1]));
	window_ops.gone(l->guest[0]);
	window_ops.reset(l->guest[0]);
	assert_int_equal(shown, 1);
	window_ops.gone(l->guest[1]);
	assert_true(is_all(7));
	window_ops.gone(l->guest[0]);
	assert_true(is_all(0));
	window_ops.reset(l->guest[0]);
	assert_int_equal(hidden, 3);
	assert_int_equal(shown, 2);
}

static void refused_in_pieces(void **state)
{
	static struct life l;

	(void)state;
	make_blob(&l);
	in_pieces = true;
	assert_int_equal(shares_build(&l.blob), STATUS_NO_MEMORY);
	test_free(share_at(0)->peers);
	test_free(share_at(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(zero_at_boot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kept_at_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(zeroed_after_the_last, set_up, tear_down),
		cmocka_unit_test(refused_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
