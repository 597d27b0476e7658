/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that two guests share, at addresses of their own: `common`, which both may write, and `board`, which one may only
 * read. Both are zero at first. What one writes the other reads; a locked instruction of one is one of the other, too. A
 * write to what may only be read has no effect and raises nothing; no code runs there. A guest that starts again finds what
 * was there; one that has ended leaves it to the other.
 *
 * The same program is both guests: `role=writer` on the command line fills `board`, starts again once, and ends. It says
 * nothing itself: what it saw stands in `common`, and the other one checks it.
 */
#include "guest.h"

#define COMMON_WORDS (64u << 10) / 4
#define BOARD_WORDS  (4u << 20) / 4
#define ROUNDS	     1000u
#define PATIENCE     60000u /* milliseconds */

enum word { STAGE, STARTS, NOT_ZERO, CHANGED, AGAIN, COUNTER, CODE = 64 };
enum stage { NOTHING, FILLED, PROVOKED, LOOKED, RESTART, RESTARTED, END };

static volatile uint32_t *common, *board;

static uint32_t pattern(uint32_t i)
{
	return i * 2654435761u + 12345;
}

static uint32_t differing(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < BOARD_WORDS; i++)
		count += board[i] != pattern(i);
	return count;
}

static bool wait_for(enum stage stage)
{
	for (uint32_t i = 0; i < PATIENCE && common[STAGE] < stage; i++)
		delay_us(1000);
	return common[STAGE] >= stage;
}

static void count_up(void)
{
	for (uint32_t i = 0; i < ROUNDS; i++)
		__atomic_add_fetch(&common[COUNTER], 1, __ATOMIC_SEQ_CST);
}

/* ---- the one that writes */

static void first_start(void)
{
	for (uint32_t i = 0; i < BOARD_WORDS; i++)
		common[NOT_ZERO] += board[i] != 0;
	for (uint32_t i = COUNTER; i < COMMON_WORDS; i++)
		common[NOT_ZERO] += common[i] != 0;
	for (uint32_t i = 0; i < BOARD_WORDS; i++)
		board[i] = pattern(i);
	common[STAGE] = FILLED;
	count_up();
	wait_for(PROVOKED);
	common[CHANGED] = differing();
	common[STAGE] = LOOKED;
	wait_for(RESTART);
	outb(0xcf9, 6);
}

static void second_start(void)
{
	common[AGAIN] = differing();
	common[STAGE] = RESTARTED;
	wait_for(END);
	outw((uint16_t)fadt_read32(64), (uint16_t)(acpi_s5_type() << 10 | 1u << 13 | 1));
}

/* ---- the one that may only read `board` */

static uint64_t provoke(void)
{
	const uint32_t *end = (const uint32_t *)(uintptr_t)&board[64];
	uint64_t count = 16;
	void *to = (void *)(uintptr_t)end;

	board[0] = 1;
	*(volatile uint8_t *)&board[1] = 2;
	*(volatile uint64_t *)&board[2] = 3;
	__atomic_add_fetch(&board[4], 1, __ATOMIC_SEQ_CST);
	__atomic_exchange_n(&board[5], 7, __ATOMIC_SEQ_CST);
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(0) : "memory");
	return 0;
}

static uint64_t run_code(void)
{
	*(volatile uint8_t *)&common[CODE] = 0xc3; /* ret */
	((void (*)(void))(uintptr_t)&common[CODE])();
	return 0;
}

static const struct row rows[] = {
	{ "a write to what may only be read raises nothing", provoke, NO_TRAP, 0 },
	{ "no code runs from shared memory", run_code, 6, 0 },
};

static void read_and_check(void)
{
	check_true("the other guest fills the board", wait_for(FILLED));
	count_up();
	check_value("all was zero at first", common[NOT_ZERO], 0);
	check_value("words of the board that differ from what was written", differing(), 0);
	CHECK_ROWS(rows);
	check_value("words that the refused writes changed, here", differing(), 0);
	common[STAGE] = PROVOKED;
	check_true("the other guest looks", wait_for(LOOKED));
	check_value("words that the refused writes changed, there", common[CHANGED], 0);
	check_value("counted by locked instructions of both", common[COUNTER], 2 * ROUNDS);
	common[STAGE] = RESTART;
	check_true("the other guest starts again", wait_for(RESTARTED));
	check_value("starts of the other guest", common[STARTS], 2);
	check_value("words of the board that it finds changed then", common[AGAIN], 0);
	common[STAGE] = END;
	delay_us(200000);
	check_value("words that changed when it ended", differing(), 0);
}

int main(void)
{
	bool writer = has_argument("role=writer");

	common = (volatile uint32_t *)(uintptr_t)(writer ? 0x80000000u : 0x90000000u);
	board = (volatile uint32_t *)(uintptr_t)(writer ? 0x80400000u : 0x90400000u);
	if (!writer)
		read_and_check();
	else if (++common[STARTS] == 1)
		first_start();
	else
		second_start();
	while (writer)
		halt_once();
	return 0;
}
