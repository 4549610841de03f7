/* SPDX-License-Identifier: MIT */
/* Sources of random bytes that lie in each way, and that are removed while they are read. */
#include <kernel/atomic.h>
#include <kernel/err.h>
#include <kernel/ktest.h>
#include <kernel/random_source.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include "driver_steps.h"

IMAGE(random_liar);
static const struct image random_liar = ENTRY(random_liar);

enum { HONEST, STICKS_LATER = 8, SLEEPS, NEVER_HAS_ANY, LIES = 12 };

/* What a reader gets of each one, and what the log says then. */
static const struct {
	s64 result;
	const char *said;
} expected[LIES] = {
	{ 3000, "liar of driver random_liar is checked" },
	{ -EIO, "put out: fill() returned 257, expected at most the 256 bytes" },
	{ -EIO, "put out: fill() returned 256, expected at most the 0 bytes" },
	{ -EIO, "put out: fill() returned 0" },
	{ -EIO, "put out: a byte has come too many times in a row" },
	{ -EIO, "put out: a byte has come too often" },
	{ -EIO, "put out: fill() returned -5" },
	{ -EINVAL, "put out: fill() returned -22" },
	{ 0, "put out: a byte has come too many times in a row" },
	{ -EAGAIN, NULL },
	{ -EAGAIN, NULL },
	{ -EIO, "put out: fill() returned 0" },
};

static s64 read_bytes(u64 count, bool wait)
{
	static u8 bytes[8192];
	struct uio to;

	memset(bytes, 0, sizeof(bytes));
	uio_init_kernel(&to, bytes, count);
	return random_sources_read(&to, wait);
}

static s64 liar_install(struct ktest_context *test, u32 lie)
{
	char params[16];
	s64 id;

	snprintf(params, sizeof(params), "lie=%u", lie);
	id = install(&random_liar, params, 0);
	if (!KEXPECT(id >= 0))
		pr_info("# %s\n", reasons);
	return id;
}

/* The thread that mixes may have found out before. */
static bool is_expected(s64 result, u32 lie)
{
	return result == expected[lie].result || result == -ENODEV;
}

static void lie_once(struct ktest_context *test, u32 lie)
{
	u64 log = printk_last_seq();
	s64 id = liar_install(test, lie), result;

	if (id < 0)
		return;
	result = read_bytes(3000, true);
	if (lie == STICKS_LATER) { /* it sticks later: what came before is given to the reader */
		while (result > 0)
			result = read_bytes(3000, true);
		KEXPECT(result == -EIO || result == -ENODEV);
	} else if (!KEXPECT(is_expected(result, lie))) {
		pr_info("# lie %u gives %ld\n", lie, result);
	}
	if (expected[lie].said && !KEXPECT_EQ(log_count(log, expected[lie].said), 1))
		pr_info("# lie %u\n", lie);
	if (lie != HONEST && lie != NEVER_HAS_ANY)
		KEXPECT_EQ(read_bytes(1, true), -ENODEV);
	KEXPECT_EQ(remove(id), 0);
	KEXPECT_EQ(read_bytes(1, true), -ENODEV);
}

KTEST(random_source, a_source_that_lies_is_put_out)
{
	struct usage before = { 0 };

	for (u32 round = 0; round < 2; round++) {
		before = settled_usage();
		for (u32 lie = 0; lie < LIES; lie++)
			if (lie != SLEEPS)
				lie_once(test, lie);
	}
	KEXPECT(back_at(&before));
}

/* ---- removal ---- */

static struct atomic readers_left;
static bool readers_end;

static void reader_main(void *arg)
{
	while (!READ_ONCE(readers_end)) {
		s64 result = read_bytes(100, true);

		if (result < 0)
			sleep_ms(1);
	}
	atomic_dec(&readers_left);
}

KTEST(random_source, a_source_is_removed_while_it_is_read)
{
	struct usage before;
	s64 id = liar_install(test, HONEST);

	KEXPECT_EQ(remove(id), 0);
	before = settled_usage();
	WRITE_ONCE(readers_end, false);
	for (u32 i = 0; i < 4; i++) {
		atomic_inc(&readers_left);
		if (!KEXPECT_EQ(thread_spawn(reader_main, NULL, "reader"), 0))
			atomic_dec(&readers_left);
	}
	for (u32 cycle = 0; cycle < 20; cycle++) {
		u64 begin = time_monotonic_ns();

		id = liar_install(test, cycle % 2 ? SLEEPS : HONEST);
		sleep_ms(10);
		KEXPECT_EQ(remove(id), 0);
		KEXPECT(time_monotonic_ns() - begin < 5 * NSEC_PER_SEC);
	}
	WRITE_ONCE(readers_end, true);
	while (atomic_read(&readers_left))
		sleep_ms(1);
	KEXPECT(back_at(&before));
}
