// SPDX-License-Identifier: MIT
/* kernel/vectors.c, and the command words of asm/apic.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <asm/apic.h>
#include <kernel/err.h>
#include <kernel/irq_chip.h>

static void every_vector_is_given_once(void **state)
{
	struct vector_map map;
	bool seen[256] = { 0 };

	(void)state;
	vector_map_init(&map, 0x30, 0xee);
	for (u32 i = 0x30; i <= 0xee; i++) {
		int number = vector_alloc(&map, 1);

		assert_in_range(number, 0x30, 0xee);
		assert_false(seen[number]);
		seen[number] = true;
	}
	assert_int_equal(vector_alloc(&map, 1), -EBUSY);
	vector_free(&map, 0x77, 1);
	assert_int_equal(vector_alloc(&map, 1), 0x77);
}

static void groups_are_aligned_and_inside(void **state)
{
	struct vector_map map;
	bool used[256] = { 0 };

	(void)state;
	srand(5);
	vector_map_init(&map, 0x30, 0xee);
	assert_int_equal(vector_alloc(&map, 0), -EINVAL);
	assert_int_equal(vector_alloc(&map, 3), -EINVAL);
	assert_int_equal(vector_alloc(&map, 64), -EINVAL);
	struct {
		int first;
		u32 count;
	} held[200];
	u32 n = 0;

	for (u32 round = 0; round < 20000; round++) {
		if (n && rand() % 2) {
			u32 k = rand() % n;

			vector_free(&map, held[k].first, held[k].count);
			for (u32 i = 0; i < held[k].count; i++)
				used[held[k].first + i] = false;
			held[k] = held[--n];
			continue;
		}
		u32 count = 1u << rand() % 6;
		int number = vector_alloc(&map, count);

		if (number == -EBUSY)
			continue;
		assert_true(number >= 0x30 && number + count - 1 <= 0xee && number % count == 0);
		for (u32 i = 0; i < count; i++) {
			assert_false(used[number + i]);
			used[number + i] = true;
		}
		held[n].first = number;
		held[n++].count = count;
	}
}

static void command_words_carry_the_destination(void **state)
{
	(void)state;
	assert_int_equal(apic_icr(3, APIC_ICR_NMI, false), 3ull << 56 | 0x400);
	assert_int_equal(apic_icr(0x12345, APIC_ICR_FIXED | 0xf0, true), 0x12345000000f0ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_is_given_once),
		cmocka_unit_test(groups_are_aligned_and_inside),
		cmocka_unit_test(command_words_carry_the_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
