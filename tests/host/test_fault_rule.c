/* SPDX-License-Identifier: MIT */
/* lib/fault_rule.c: what the text of a rule means, and which calls then fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <kernel/fault_rule.h>

static struct fault_rule parsed(const char *text)
{
	struct fault_rule rule;
	const char *error;

	assert_int_equal(fault_rule_parse(text, strlen(text), &rule, &error), 0);
	assert_null(error);
	return rule;
}

static void sites_are_named_alone_together_or_all(void **state)
{
	assert_int_equal(parsed("heap").sites, 1 << FAULT_HEAP);
	assert_int_equal(parsed("user+range").sites, 1 << FAULT_USER | 1 << FAULT_RANGE);
	assert_int_equal(parsed("all").sites, (1 << FAULT_SITES) - 1);
	for (u32 i = 0; i < FAULT_SITES; i++)
		assert_int_equal(parsed(fault_site_name(i)).sites, 1 << i);
}

static void options_are_taken_over(void **state)
{
	struct fault_rule rule =
		parsed("page,skip=3,every=5,times=2,prob=9,seed=77,in=fork,task=sh,from=boot,log");

	assert_int_equal(rule.skip, 3);
	assert_int_equal(rule.every, 5);
	assert_int_equal(rule.times, 2);
	assert_int_equal(rule.prob, 9);
	assert_int_equal(rule.seed, 77);
	assert_string_equal(rule.in, "fork");
	assert_string_equal(rule.task, "sh");
	assert_true(rule.from_boot && rule.log);
	rule = parsed("heap");
	assert_false(rule.from_boot || rule.log || rule.in[0] || rule.task[0]);
}

static void nonsense_is_refused_in_words(void **state)
{
	static const char *const bad[] = {
		"",
		",",
		"heap,",
		"heap+",
		"+heap",
		"Heap",
		"heap,every",
		"heap,every=",
		"heap,every=0",
		"heap,nth=0",
		"heap,every=x",
		"heap,every=1x",
		"heap,every=-1",
		"heap,every=99999999999999999999",
		"heap,log=1",
		"heap,from=user",
		"heap,in=",
		"heap,task=0123456789abcdef",
		"heap,what=1",
		"nth=3",
		"heap,,log",
		"heap,every=000000000000000000000000000001",
	};
	struct fault_rule rule;
	const char *error;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		char *copy = strndup(bad[i], strlen(bad[i])); /* so that a read beyond is seen */

		error = NULL;
		if (!fault_rule_parse(copy, strlen(bad[i]), &rule, &error))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(error);
		free(copy);
	}
}

static void the_end_of_the_text_is_its_length(void **state)
{
	struct fault_rule rule;
	const char *error;
	char *text = malloc(10);

	memcpy(text, "heap,nth=7", 10);
	assert_int_equal(fault_rule_parse(text, 10, &rule, &error), 0);
	assert_string_equal(rule.text, "heap,nth=7");
	assert_int_equal(fault_rule_parse(text, 4, &rule, &error), 0);
	assert_string_equal(rule.text, "heap");
	free(text);
	text = calloc(1, 5000);
	memset(text, 'a', 5000);
	assert_int_not_equal(fault_rule_parse(text, 5000, &rule, &error), 0);
	free(text);
}

static u32 hits(const char *text, u64 calls, u64 *which)
{
	struct fault_rule rule = parsed(text);
	u32 count = 0;

	for (u64 i = 1; i <= calls; i++)
		if (fault_rule_hits(&rule, i) && (!rule.times || count < rule.times))
			which[count++] = i;
	return count;
}

static void the_nth_call_alone_fails(void **state)
{
	u64 which[1000];

	assert_int_equal(hits("heap,nth=1", 1000, which), 1);
	assert_int_equal(which[0], 1);
	assert_int_equal(hits("heap,nth=321", 1000, which), 1);
	assert_int_equal(which[0], 321);
}

static void every_nth_call_fails_after_those_skipped(void **state)
{
	u64 which[1000];

	assert_int_equal(hits("heap", 1000, which), 1000);
	assert_int_equal(hits("heap,every=250", 1000, which), 4);
	assert_int_equal(which[0], 250);
	assert_int_equal(hits("heap,every=100,skip=555", 1000, which), 4);
	assert_int_equal(which[0], 655);
	assert_int_equal(hits("heap,skip=990", 1000, which), 10);
	assert_int_equal(hits("heap,every=10,times=3", 1000, which), 3);
	assert_int_equal(which[2], 30);
}

static void lots_are_fair_and_can_be_repeated(void **state)
{
	static u64 a[20000], b[20000];
	u32 count = hits("heap,prob=20,seed=5", 20000, a);

	assert_in_range(count, 800, 1200);
	assert_int_equal(hits("heap,prob=20,seed=5", 20000, b), count);
	assert_memory_equal(a, b, count * sizeof(a[0]));
	count = hits("heap,prob=20,seed=6", 20000, b);
	assert_true(memcmp(a, b, MIN(count, 800u) * sizeof(a[0])) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_are_named_alone_together_or_all),
		cmocka_unit_test(options_are_taken_over),
		cmocka_unit_test(nonsense_is_refused_in_words),
		cmocka_unit_test(the_end_of_the_text_is_its_length),
		cmocka_unit_test(the_nth_call_alone_fails),
		cmocka_unit_test(every_nth_call_fails_after_those_skipped),
		cmocka_unit_test(lots_are_fair_and_can_be_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
