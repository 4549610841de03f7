// SPDX-License-Identifier: MIT
/* lib/sort.c: any order and size of element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <kernel/sort.h>

static u32 compared;

/* Compares the first two bytes; the others only have to come along. */
static int compare(const void *left, const void *right, void *arg)
{
	u16 first, second;

	compared++;
	memcpy(&first, left, 2);
	memcpy(&second, right, 2);
	return *(int *)arg * ((first > second) - (first < second));
}

static void make_element(u8 *element, size_t size, u16 key)
{
	memset(element, key * 31, size);
	memcpy(element, &key, 2);
}

static void arrays_of_every_size_get_sorted(void **state)
{
	static const size_t sizes[] = { 2, 3, 8, 16, 24, 40, 100 };

	srand(1);
	for (u32 round = 0; round < 500; round++) {
		size_t size = sizes[round % ARRAY_SIZE(sizes)], count = rand() % 70;
		u8 *array = malloc(count * size + 1), element[100];
		int direction = round & 1 ? 1 : -1;
		u32 sum = 0;

		for (size_t i = 0; i < count; i++) {
			u16 key = rand() % (round % 3 ? 5000 : 3);

			make_element(array + i * size, size, key);
			sum += key;
		}
		sort(array, count, size, compare, &direction);
		for (size_t i = 0; i < count; i++) {
			u16 key;

			memcpy(&key, array + i * size, 2);
			sum -= key;
			make_element(element, size, key);
			assert_memory_equal(array + i * size, element, size);
			if (i)
				assert_true(compare(array + (i - 1) * size, array + i * size,
						    &direction) <= 0);
		}
		assert_int_equal(sum, 0);
		free(array);
	}
}

static void no_order_is_slow(void **state)
{
	enum { N = 4096 };
	static u16 array[N];
	int up = 1;

	for (int order = 0; order < 3; order++) {
		for (int i = 0; i < N; i++)
			switch (order) {
			case 0: array[i] = i; break;
			case 1: array[i] = N - i; break;
			default: array[i] = 5;
			}
		compared = 0;
		sort(array, N, 2, compare, &up);
		assert_true(compared < 2 * N * 12 + 2 * N); /* 2 n log2 n */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrays_of_every_size_get_sorted),
		cmocka_unit_test(no_order_is_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
