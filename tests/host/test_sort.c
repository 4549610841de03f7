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
static int compare(const void *a, const void *b, void *arg)
{
	u16 x, y;

	compared++;
	memcpy(&x, a, 2);
	memcpy(&y, b, 2);
	return *(int *)arg * ((x > y) - (x < y));
}

static void make_element(u8 *e, size_t size, u16 key)
{
	memset(e, key * 31, size);
	memcpy(e, &key, 2);
}

static void arrays_of_every_size_get_sorted(void **state)
{
	static const size_t sizes[] = { 2, 3, 8, 16, 24, 40, 100 };

	srand(1);
	for (u32 round = 0; round < 500; round++) {
		size_t size = sizes[round % ARRAY_SIZE(sizes)], count = rand() % 70;
		u8 *a = malloc(count * size + 1), e[100];
		int direction = round & 1 ? 1 : -1;
		u32 sum = 0;

		for (size_t i = 0; i < count; i++) {
			u16 key = rand() % (round % 3 ? 5000 : 3);

			make_element(a + i * size, size, key);
			sum += key;
		}
		sort(a, count, size, compare, &direction);
		for (size_t i = 0; i < count; i++) {
			u16 key;

			memcpy(&key, a + i * size, 2);
			sum -= key;
			make_element(e, size, key);
			assert_memory_equal(a + i * size, e, size);
			if (i)
				assert_true(compare(a + (i - 1) * size, a + i * size, &direction) <=
					    0);
		}
		assert_int_equal(sum, 0);
		free(a);
	}
}

static void no_order_is_slow(void **state)
{
	enum { N = 4096 };
	static u16 a[N];
	int up = 1;

	for (int order = 0; order < 3; order++) {
		for (int i = 0; i < N; i++)
			switch (order) {
			case 0: a[i] = i; break;
			case 1: a[i] = N - i; break;
			default: a[i] = 5;
			}
		compared = 0;
		sort(a, N, 2, compare, &up);
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
