// SPDX-License-Identifier: MIT
/* net/filter_program.c: what is refused, what programs compute, and random programs, which end and stay inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../net/filter_program.h"

#define LENGTH 60u

static u8 *bytes; /* of the heap: what is read behind them is found */

static u32 run(const struct filter_step *steps, u32 count)
{
	struct filter_frame frame = { .bytes = bytes,
				      .length = LENGTH,
				      .whole = 1000,
				      .network = 14,
				      .ethertype = 0x800,
				      .kind = 4,
				      .interface = 7 };

	assert_true(filter_is_valid(steps, count));
	return filter_run(steps, &frame);
}

#define RUN(...)                                                     \
	({                                                           \
		const struct filter_step steps_[] = { __VA_ARGS__ }; \
		run(steps_, sizeof(steps_) / sizeof(steps_[0]));     \
	})
#define VALID(...)                                                           \
	({                                                                   \
		const struct filter_step steps_[] = { __VA_ARGS__ };         \
		filter_is_valid(steps_, sizeof(steps_) / sizeof(steps_[0])); \
	})
#define RET_A                 \
	{                     \
		0x16, 0, 0, 0 \
	}

static int setup(void **state)
{
	bytes = malloc(LENGTH);
	for (u32 i = 0; i < LENGTH; i++)
		bytes[i] = (u8)(i + 1);
	return 0;
}

static int teardown(void **state)
{
	free(bytes);
	return 0;
}

static void loads_are_in_network_order(void **state)
{
	assert_int_equal(RUN({ 0x20, 0, 0, 0 }, RET_A), 0x01020304);
	assert_int_equal(RUN({ 0x28, 0, 0, 12 }, RET_A), 0x0d0e);
	assert_int_equal(RUN({ 0x30, 0, 0, LENGTH - 1 }, RET_A), LENGTH);
	assert_int_equal(RUN({ 0x80, 0, 0, 0 }, RET_A), 1000);
	assert_int_equal(RUN({ 0x01, 0, 0, 3 }, { 0x50, 0, 0, 4 }, RET_A), 8);
	/* The length of an IPv4 header: four times the low half of a byte. */
	assert_int_equal(RUN({ 0xb1, 0, 0, 14 }, { 0x87, 0, 0, 0 }, RET_A), (15 & 15) * 4);
}

static void what_is_not_there_ends_it(void **state)
{
	assert_int_equal(RUN({ 0x20, 0, 0, LENGTH - 3 }, { 6, 0, 0, 9 }), 0);
	assert_int_equal(RUN({ 0x01, 0, 0, ~0u }, { 0x50, 0, 0, 1 }, { 6, 0, 0, 9 }), 0);
	assert_int_equal(RUN({ 0x30, 0, 0, 0x7fffffff }, { 6, 0, 0, 9 }), 0);
	assert_int_equal(RUN({ 0x30, 0, 0, 0x80000000 }, { 6, 0, 0, 9 }), 0);
	assert_int_equal(RUN({ 0x3c, 0, 0, 0 }, { 6, 0, 0, 9 }), 0); /* A / X, which is 0 */
}

static void special_offsets(void **state)
{
	assert_int_equal(RUN({ 0x28, 0, 0, (u32)-0x1000 }, RET_A), 0x800);
	assert_int_equal(RUN({ 0x20, 0, 0, (u32)-0x1000 + 4 }, RET_A), 4);
	assert_int_equal(RUN({ 0x20, 0, 0, (u32)-0x1000 + 8 }, RET_A), 7);
	assert_int_equal(RUN({ 0x20, 0, 0, (u32)-0x1000 + 12 }, { 6, 0, 0, 9 }), 0);
	assert_int_equal(RUN({ 0x30, 0, 0, (u32)-0x100000 }, RET_A), 15);
	assert_int_equal(RUN({ 0x30, 0, 0, (u32)-0x200000 }, RET_A), 1);
}

static void jumps_and_sums(void **state)
{
	assert_int_equal(RUN({ 0x30, 0, 0, 0 }, { 0x15, 0, 1, 1 }, { 6, 0, 0, 5 }, { 6, 0, 0, 6 }),
			 5);
	assert_int_equal(RUN({ 0x30, 0, 0, 1 }, { 0x15, 0, 1, 1 }, { 6, 0, 0, 5 }, { 6, 0, 0, 6 }),
			 6);
	assert_int_equal(RUN({ 0x00, 0, 0, 7 }, { 0x02, 0, 0, 15 }, { 0x24, 0, 0, 6 },
			     { 0x61, 0, 0, 15 }, { 0x1c, 0, 0, 0 }, RET_A),
			 35);
	assert_int_equal(RUN({ 0x05, 0, 0, 1 }, { 6, 0, 0, 5 }, { 6, 0, 0, 6 }), 6);
}

static void what_is_refused(void **state)
{
	assert_false(filter_is_valid(NULL, 0));
	assert_false(VALID({ 0x30, 0, 0, 0 }));			  /* no return */
	assert_false(VALID({ 0x05, 0, 0, 1 }, { 6, 0, 0, 0 }));	  /* behind the end */
	assert_false(VALID({ 0x05, 0, 0, ~0u }, { 6, 0, 0, 0 })); /* backwards */
	assert_false(VALID({ 0x15, 0, 1, 0 }, { 6, 0, 0, 0 }));
	assert_false(VALID({ 0x60, 0, 0, 16 }, { 6, 0, 0, 0 }));
	assert_false(VALID({ 0x02, 0, 0, 16 }, { 6, 0, 0, 0 }));
	assert_false(VALID({ 0x34, 0, 0, 0 }, { 6, 0, 0, 0 })); /* divides by 0 */
	assert_false(VALID({ 0x64, 0, 0, 32 }, { 6, 0, 0, 0 }));
	assert_false(VALID({ 0x100, 0, 0, 0 }, { 6, 0, 0, 0 }));
	assert_false(VALID({ 0xe0, 0, 0, 0 }, { 6, 0, 0, 0 }));
}

static void random_programs_end(void **state)
{
	u64 seed = 88172645463325252ull;
	u32 valid = 0;

	for (u32 round = 0; round < 200000; round++) {
		struct filter_step steps[8];
		u32 count = 1 + round % 8;
		struct filter_frame frame = { .bytes = bytes, .length = LENGTH, .whole = LENGTH };

		for (u32 i = 0; i < count; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			steps[i] = (struct filter_step){ seed & 0xff, (seed >> 8) & 3,
							 (seed >> 16) & 3,
							 (u32)(seed >> 32) >> (seed >> 24 & 31) };
		}
		steps[count - 1].code = 6 | (seed & 0x10);
		if (!filter_is_valid(steps, count))
			continue;
		valid++;
		(void)filter_run(steps, &frame);
	}
	assert_true(valid > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_are_in_network_order),
		cmocka_unit_test(what_is_not_there_ends_it),
		cmocka_unit_test(special_offsets),
		cmocka_unit_test(jumps_and_sums),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(random_programs_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
