// SPDX-License-Identifier: MIT
/* kernel/lock_graph.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <kernel/lock_order.h>

static struct lock_graph graph;

static int clear(void **state)
{
	(void)state;
	memset(&graph, 0, sizeof(graph));
	return 0;
}

static void an_order_is_known_in_its_direction_only(void **state)
{
	u32 next = 0;

	(void)state;
	assert_false(lock_graph_reaches(&graph, 1, 2, &next));
	lock_graph_add(&graph, 1, 2);
	assert_true(lock_graph_has(&graph, 1, 2));
	assert_false(lock_graph_has(&graph, 2, 1));
	assert_true(lock_graph_reaches(&graph, 1, 2, &next));
	assert_int_equal(next, 2);
	assert_false(lock_graph_reaches(&graph, 2, 1, &next));
}

static void a_way_round_through_all_classes_is_found(void **state)
{
	u32 next = 0;

	(void)state;
	for (u32 i = 1; i < LOCK_CLASSES - 1; i++)
		lock_graph_add(&graph, i, i + 1);
	assert_true(lock_graph_reaches(&graph, 1, LOCK_CLASSES - 1, &next));
	assert_int_equal(next, 2);
	assert_false(lock_graph_reaches(&graph, LOCK_CLASSES - 1, 1, &next));
	lock_graph_add(&graph, LOCK_CLASSES - 1, 1); /* a circle must not keep it going */
	assert_true(lock_graph_reaches(&graph, 7, 7, &next));
	assert_int_equal(next, 8);
	assert_false(lock_graph_reaches(&graph, 7, 0, &next));
}

/* Against Warshall's closure on random graphs. */
static void agrees_with_the_closure(void **state)
{
	enum { N = 40 };

	(void)state;
	srand(3);
	for (u32 round = 0; round < 50; round++) {
		bool way[N][N] = { 0 };
		u32 next;

		clear(NULL);
		for (u32 i = 0; i < 60; i++) {
			u32 a = rand() % N, b = rand() % N;

			lock_graph_add(&graph, a * 11, b * 11);
			way[a][b] = true;
		}
		for (u32 k = 0; k < N; k++)
			for (u32 i = 0; i < N; i++)
				for (u32 j = 0; j < N; j++)
					way[i][j] |= way[i][k] && way[k][j];
		for (u32 i = 0; i < N; i++)
			for (u32 j = 0; j < N; j++) {
				assert_int_equal(lock_graph_reaches(&graph, i * 11, j * 11, &next),
						 way[i][j]);
				if (way[i][j])
					assert_true(lock_graph_has(&graph, i * 11, next));
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_order_is_known_in_its_direction_only, clear),
		cmocka_unit_test_setup(a_way_round_through_all_classes_is_found, clear),
		cmocka_unit_test_setup(agrees_with_the_closure, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
