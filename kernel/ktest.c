// SPDX-License-Identifier: MIT
/*
 * The runner of the tests inside the kernel.
 *
 * KTEST() puts one struct ktest per test into the section .ktests; the linker
 * script brackets it. The boot calls ktest_boot() in a thread, before the
 * first process, when everything that a test may use exists. Results are
 * printed as KTAP, one flat list; then a line of our own with the sums, so
 * that a log that was cut off can't be taken for a success:
 *
 *	KTAP version 1
 *	1..2
 *	ok 1 heap.gives_back_what_was_freed
 *	not ok 2 heap.counts
 *	KTAP-DONE pass=1 fail=1
 *
 * Command line:
 *	ktest		run all	tests
 *	ktest=GLOB	run those whose suite.name matches
 *	qemu_exit	then leave QEMU, with value 0 if none failed, else 1
 */
#include <asm/qemu.h>
#include <kernel/test_options.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/string.h>

extern const struct ktest __ktests_start[], __ktests_end[];

/* A test may have threads of its own that find something, hence atomic. */
static void ktest_count_failure(struct ktest_context *context)
{
	__atomic_fetch_add(&context->failures, 1, __ATOMIC_RELAXED);
}

void ktest_fail(struct ktest_context *context, const char *what, const char *file, int line)
{
	printk("# %s.%s: %s:%d: expected %s\n", context->suite, context->name, file, line, what);
	ktest_count_failure(context);
}

bool ktest_expect_eq(struct ktest_context *context, s64 actual, s64 expected, const char *what,
		     const char *file, int line)
{
	if (actual == expected)
		return true;
	printk("# %s.%s: %s:%d: expected %s, got %lld and %lld\n", context->suite, context->name,
	       file, line, what, (long long)actual, (long long)expected);
	ktest_count_failure(context);
	return false;
}

static bool ktest_matches(const struct ktest *test, const char *filter)
{
	char name[128];

	if (!filter)
		return true;
	scnprintf(name, sizeof(name), "%s.%s", test->suite, test->name);
	return glob_match(filter, name);
}

static bool ktest_run_one(const struct ktest *test, u32 number)
{
	struct ktest_context context = { .suite = test->suite, .name = test->name };

	test->fn(&context);
	printk("%sok %u %s.%s%s%s\n", context.failures ? "not " : "", number, context.suite,
	       context.name, context.skipped ? " # SKIP " : "", context.skipped ? context.why : "");
	return !context.failures;
}

int ktest_run(const char *filter)
{
	const struct ktest *test;
	u32 total = 0, number = 0, failed = 0;

	for (test = __ktests_start; test < __ktests_end; test++)
		total += ktest_matches(test, filter);
	printk("KTAP version 1\n");
	printk("1..%u\n", total);
	for (test = __ktests_start; test < __ktests_end; test++)
		if (ktest_matches(test, filter))
			failed += !ktest_run_one(test, ++number);
	printk("KTAP-DONE pass=%u fail=%u\n", total - failed, failed);
	return failed;
}

void ktest_boot(void)
{
	char filter[128];
	int failed;

	if (!option_is_set(&opt_ktest))
		return;
	if (option_value(&opt_ktest, filter, sizeof(filter)) >= 0)
		failed = ktest_run(filter);
	else
		failed = ktest_run(NULL);
	if (option_is_set(&opt_qemu_exit))
		qemu_exit(failed ? 1 : 0);
}
