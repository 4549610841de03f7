/* SPDX-License-Identifier: MIT */
/* What becomes of frames on a bad link: drivers/net/shaper/plan.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/net/shaper/plan.h"

#define FRAMES 100000u
#define MS     UINT64_C(1000000)

static void losses_are_as_many_as_asked(void **state)
{
	struct plan plan = { .loss_ppm = 10000, .duplicate_ppm = 50000, .random = 7 }, again = plan;
	uint32_t lost = 0, doubled = 0;
	uint64_t at, at_again;
	bool twice, twice_again;

	(void)state;
	for (uint32_t i = 0; i < FRAMES; i++) {
		bool kept = plan_frame(&plan, i, 100, true, &at, &twice);

		assert_int_equal(kept, plan_frame(&again, i, 100, true, &at_again, &twice_again));
		assert_int_equal(twice, twice_again);
		lost += !kept;
		doubled += twice;
		assert_true(!kept || at == i);
	}
	assert_in_range(lost, 900, 1100);
	assert_in_range(doubled, 4700, 5300);
}

static void delays_keep_the_order_but_of_those_that_overtake(void **state)
{
	struct plan plan = { .delay_ns = 20 * MS, .jitter_ns = 5 * MS, .random = 7 };
	uint64_t at, last = 0;
	uint32_t early = 0;
	bool twice;

	(void)state;
	for (uint64_t now = 0; now < 1000 * MS; now += MS) {
		assert_true(plan_frame(&plan, now, 100, true, &at, &twice));
		assert_true(at >= last && at >= now + 15 * MS && at <= now + 35 * MS);
		last = at;
	}
	plan.reorder_ppm = 100000;
	for (uint64_t now = 2000 * MS; now < 3000 * MS; now += MS) {
		assert_true(plan_frame(&plan, now, 100, true, &at, &twice));
		early += at == now;
	}
	assert_in_range(early, 60, 140);
}

static void a_rate_is_kept_with_a_burst(void **state)
{
	struct plan plan = { .rate_bytes = 1000000, .burst_bytes = 10000, .random = 7 };
	uint64_t start = 10000 * MS, at = 0;
	uint32_t at_once = 0;
	bool twice;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(plan_frame(&plan, start, 1000, true, &at, &twice));
		at_once += at == start;
	}
	assert_int_equal(at_once, 10);
	assert_int_equal((at - start) / MS, 990);
}

static void what_finds_no_room_takes_no_time(void **state)
{
	struct plan plan = { .rate_bytes = 1000000, .burst_bytes = 1000, .random = 7 };
	uint64_t at = 0;
	bool twice;

	(void)state;
	assert_true(plan_frame(&plan, MS, 1000, true, &at, &twice));
	assert_true(plan_frame(&plan, MS, 1000, true, &at, &twice));
	assert_int_equal(at, 2 * MS);
	for (uint32_t i = 0; i < 1000; i++)
		assert_false(plan_frame(&plan, MS, 1000, false, &at, &twice));
	assert_true(plan_frame(&plan, 2 * MS, 1000, true, &at, &twice));
	assert_int_equal(at, 3 * MS);
	/* What need not wait goes on without room. */
	assert_true(plan_frame(&plan, 100 * MS, 1000, false, &at, &twice));
	assert_int_equal(at, 100 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(losses_are_as_many_as_asked),
		cmocka_unit_test(delays_keep_the_order_but_of_those_that_overtake),
		cmocka_unit_test(a_rate_is_kept_with_a_burst),
		cmocka_unit_test(what_finds_no_room_takes_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
