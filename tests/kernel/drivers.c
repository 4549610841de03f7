/* SPDX-License-Identifier: MIT */
/*
 * banos/: the life of drivers. What they take they give back, to the byte: after
 * a removal, a failed init(), a dry run, and a failed allocation anywhere on the way.
 * Installing, removing, listing and using go on at the same time on all CPUs.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/handle.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "driver_steps.h"

IMAGE(hello);
IMAGE(adder);
IMAGE(sum);
IMAGE(leak);
IMAGE(selftest);
IMAGE(racer);
IMAGE(hub);
IMAGE(leaf);
IMAGE(thief);
IMAGE(lanes);
IMAGE(hoard);
IMAGE(locks);

static const struct image hello = ENTRY(hello), adder = ENTRY(adder), sum = ENTRY(sum),
			  leak = ENTRY(leak), selftest = ENTRY(selftest), racer = ENTRY(racer),
			  lanes = ENTRY(lanes), hub = ENTRY(hub), leaf = ENTRY(leaf),
			  thief = ENTRY(thief), hoard = ENTRY(hoard), locks = ENTRY(locks);

/* ---- what is taken is given back ---- */

static void around(struct ktest_context *test, const struct image *image, const char *params,
		   u32 flags, s64 expected)
{
	struct usage before;
	s64 id, last = -1;

	for (int round = 0; round < 3; round++) {
		before = settled_usage();
		id = install(image, params, flags);
		if (expected < 0 || flags & BANOS_INSTALL_DRY_RUN)
			KEXPECT_EQ(id, expected);
		else if (KEXPECT(id > last)) /* none is used again */
			KEXPECT_EQ(remove(id), 0);
		else
			pr_info("# %s: %ld: %s\n", image->name, id, reasons);
		last = id;
		/* The first time, tables may grow that never shrink. */
		if (!back_at(&before) && round)
			ktest_fail(test, "memory, handles and drivers as before", __FILE__,
				   __LINE__);
	}
}

KTEST(driver, gives_everything_back_when_removed)
{
	around(test, &hello, "who=ktest", 0, 0);
	around(test, &leak, NULL, 0, 0);
}

KTEST(driver, gives_everything_back_when_init_fails)
{
	u64 from = printk_last_seq();

	around(test, &leak, "fail=1", 0, -EXDEV);
	KEXPECT_EQ(log_count(from, "leaked"), 0); /* it had no chance to release anything */
}

KTEST(driver, gives_everything_back_when_refused_or_only_tried)
{
	around(test, &hello, NULL, BANOS_INSTALL_DRY_RUN, 0);
	around(test, &leak, NULL, BANOS_INSTALL_DRY_RUN, 0);
	around(test, &sum, NULL, 0, -ENOENT);
	around(test, &hello, "no_such=1", 0, -EINVAL);
	KEXPECT(strstr(reasons, "no_such"));
}

KTEST(driver, is_told_what_it_leaked)
{
	static const char *const classes[] = {
		"timers",	"work items",  "threads",	   "mutexes",
		"wait objects", "allocations", "resolved symbols", "port ranges",
	};
	u64 from = printk_last_seq();
	char text[64];
	s64 id = install(&leak, NULL, 0);

	if (!KEXPECT(id >= 0) || !KEXPECT_EQ(remove(id), 0))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(classes); i++) {
		snprintf(text, sizeof(text), "leak: leaked 3 %s", classes[i]);
		if (!KEXPECT_EQ(log_count(from, text), 1))
			pr_info("# %s\n", text);
	}
	KEXPECT_EQ(log_count(from, "leaked"),
		   ARRAY_SIZE(classes)); /* devices are withdrawn, no leaks */
	KEXPECT_EQ(log_count(from, "not freed: 15300 bytes"), 1);
}

KTEST(driver, is_told_what_the_kernel_has)
{
	KEXPECT_EQ(banos_has_feature(BANOS_FEATURE_DEBUG), IS_ENABLED(CONFIG_DEBUG_KERNEL));
	KEXPECT_EQ(banos_has_feature(BANOS_FEATURE_SMP), CONFIG_NR_CPUS > 1);
	KEXPECT_EQ(banos_has_feature(~0u), 0);
}

KTEST(driver, api_keeps_its_promises)
{
	s64 first = install(&adder, NULL, 0), id;

	if (!KEXPECT(first >= 0))
		return;
	id = install(&selftest, NULL, 0);
	if (!KEXPECT(id >= 0))
		pr_info("# selftest.c, line %ld\n", -id);
	else
		KEXPECT_EQ(remove(id), 0);
	KEXPECT_EQ(remove(first), 0);
	around(test, &adder, NULL, 0, 0);
}

KTEST(driver, may_race_with_itself)
{
	s64 first;

	if (cpu_count == 1)
		KSKIP("there is one processor");
	first = install(&adder, NULL, 0);
	KEXPECT(first >= 0);
	around(test, &racer, NULL, 0, 0);
	KEXPECT_EQ(remove(first), 0);
}

/* ---- timers and work ---- */

static u32 threads_named(const char *name)
{
	struct thread_walk walk;
	u32 count = 0;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		count += !strcmp(t->comm, name) && READ_ONCE(t->state) != THREAD_DEAD;
	return count;
}

/* Threads that have returned from the driver may still be on their way out. */
static bool threads_end(const char *name)
{
	u64 deadline_ns = time_monotonic_ns() + NSEC_PER_SEC;

	while (threads_named(name) && time_monotonic_ns() < deadline_ns)
		sleep_ms(1);
	return !threads_named(name);
}

static void run_lanes(struct ktest_context *test, const char *params, u64 ns, const char *outcome,
		      u32 threads)
{
	u64 from = printk_last_seq();
	s64 id = install(&lanes, params, 0);

	if (!KEXPECT(id >= 0)) {
		pr_info("# %s\n", reasons);
		return;
	}
	sleep_until(time_monotonic_ns() + ns, false);
	KEXPECT_EQ(threads_named("lanes"), threads);
	KEXPECT_EQ(remove(id), 0);
	KEXPECT(threads_end("lanes"));
	KEXPECT_EQ(log_count(from, outcome), 1);
}

KTEST(driver, timers_of_one_device_do_not_delay_those_of_another)
{
	run_lanes(test, "devices=3", NSEC_PER_SEC,
		  "10 ended, 0 overlaps, 0 late, 1 refused, 1 waited", 4);
	around(test, &lanes, NULL, 0, 0);
}

KTEST(driver, functions_of_many_owners_run_at_once)
{
	run_lanes(test, "devices=40", NSEC_PER_SEC,
		  "160 ended, 0 overlaps, 0 late, 40 refused, 40 waited", 41);
}

/* ---- one that takes all ---- */

/* Others go on meanwhile, and nothing is left afterwards. */
static void hoard_beside_others(struct ktest_context *test, const char *params)
{
	u64 from = printk_last_seq();
	s64 greedy = install(&hoard, params, 0), id;

	if (!KEXPECT(greedy >= 0)) {
		pr_info("# %s: %ld: %s\n", params, greedy, reasons);
		return;
	}
	KEXPECT(log_count(from, "1/8 of the memory of this machine") > 0);
	for (int i = 0; i < 3; i++) {
		id = install(&leak, NULL, 0);
		if (KEXPECT(id >= 0))
			KEXPECT_EQ(remove(id), 0);
	}
	KEXPECT_EQ(remove(greedy), 0);
}

KTEST(driver, runs_out_of_its_own_share_before_others_run_out_of_memory)
{
	static const char *const kinds[] = { "kind=0", "kind=1", "kind=2", "kind=3", "kind=4" };

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		for (int round = 0; round < 2; round++) {
			struct usage before = settled_usage();

			hoard_beside_others(test, kinds[i]);
			/* The first time, tables may grow that never shrink. */
			if (!back_at(&before) && round)
				ktest_fail(test, kinds[i], __FILE__, __LINE__);
		}
}

KTEST(driver, may_have_any_number_of_mutexes)
{
	s64 id = install(&hoard, "kind=5", 0);

	if (!KEXPECT(id >= 0))
		pr_info("# %ld: %s\n", id, reasons);
	else
		KEXPECT_EQ(remove(id), 0);
}

/* ---- storage of locks that is overwritten ---- */

KTEST(driver, survives_what_it_writes_to_its_locks)
{
	struct usage before = settled_usage();
	char params[32];

	for (u32 seed = 1; seed <= 4; seed++) {
		s64 id;

		snprintf(params, sizeof(params), "seed=%u", seed);
		id = install(&locks, params, 0);
		if (KEXPECT(id >= 0))
			KEXPECT_EQ(remove(id), 0);
		else
			pr_info("# locks.c: %ld: %s\n", id, reasons);
	}
	KEXPECT(back_at(&before));
}

/* ---- dependents ---- */

KTEST(driver, stays_while_another_depends_on_it)
{
	s64 first = install(&adder, NULL, 0), second = install(&sum, "a=1 b=1", 0);

	KEXPECT(first >= 0 && second >= 0);
	KEXPECT_EQ(remove(first), -EBUSY);
	KEXPECT_EQ(remove(second), 0);
	KEXPECT_EQ(remove(first), 0);
	KEXPECT_EQ(remove(first), -ENOENT);
}

/* ---- those that are called back ---- */

/* What the exporter and its client say when they are removed, this after that. */
static void run_hub(struct ktest_context *test, const char *hub_params, const char *leaf_params,
		    const char *hub_says, const char *leaf_says)
{
	s64 exporter = install(&hub, hub_params, 0), client = install(&leaf, leaf_params, 0);
	u64 from = printk_last_seq();

	if (!KEXPECT(exporter >= 0) || !KEXPECT(client >= 0))
		pr_info("# %s\n", reasons);
	sleep_until(time_monotonic_ns() + 50 * NSEC_PER_MSEC, false);
	KEXPECT_EQ(remove(exporter), -EBUSY);
	KEXPECT_EQ(remove(client), 0);
	sleep_until(time_monotonic_ns() + 10 * NSEC_PER_MSEC, false);
	KEXPECT_EQ(remove(exporter), 0);
	if (!KEXPECT_EQ(log_count(from, hub_says), 1) || !KEXPECT_EQ(log_count(from, leaf_says), 1))
		pr_info("# %s: %s; %s: %s\n", hub_params, hub_says, leaf_params, leaf_says);
}

KTEST(driver, is_called_back_from_every_context)
{
	static const char *const params[] = {
		"from=1",
		"from=2",
		"from=4",
		"from=8 atomic=1",
		"from=16",
		"from=31 atomic=1",
		"from=23 again=1",
		"from=7 sleep_ms=5",
		"from=31 atomic=1 again=1",
		"from=7 leave=1",
	};

	for (u32 i = 0; i < ARRAY_SIZE(params); i++)
		run_hub(test, "", params[i], "hub: called, told 1, wrong 0",
			"leaf: was called, wrong 0");
}

KTEST(driver, may_be_called_when_it_is_gone)
{
	run_hub(test, "forget=0", "from=7", "hub: called, told 1, wrong 0, some dead",
		"leaf: was called, wrong 0");
}

KTEST(driver, is_not_called_back_under_a_spin_lock_unless_atomic)
{
	u64 from = printk_last_seq();

	run_hub(test, "", "from=8", "hub: not called, told 1", "leaf: was not called, wrong 0");
	KEXPECT(log_count(
		from,
		"hub: banos_callback_call(): callback may sleep, and the caller holds a spin lock"));
}

KTEST(driver, is_woken_in_a_callback_when_it_is_removed)
{
	u64 start = time_monotonic_ns();

	run_hub(test, "", "from=4 other=3", "told 1, wrong 0", "leaf: was called, wrong 0");
	KEXPECT(time_monotonic_ns() - start < NSEC_PER_SEC);
}

KTEST(driver, gives_back_what_it_had_for_callbacks)
{
	s64 exporter = install(&hub, NULL, 0);
	u64 from = printk_last_seq();

	KEXPECT(exporter >= 0);
	around(test, &leaf, "from=31 atomic=1", 0, 0);
	around(test, &leaf, "from=31 atomic=1 other=2", 0, -EXDEV);
	KEXPECT_EQ(remove(exporter), 0);
	KEXPECT_EQ(log_count(from, "told 6, wrong 0"), 1);
	around(test, &hub, NULL, 0, 0);
}

KTEST(driver, passes_a_callback_of_the_stated_signature_only)
{
	s64 exporter = install(&hub, NULL, 0);
	u64 from = printk_last_seq();

	KEXPECT_EQ(install(&leaf, "other=1", 0), -EINVAL);
	KEXPECT_EQ(
		log_count(from,
			  "leaf: hub_subscribe(): argument 2 is a callback of another signature"),
		1);
	KEXPECT_EQ(remove(exporter), 0);
}

KTEST(driver, uses_no_handle_that_was_not_passed_to_it)
{
	s64 exporter = install(&hub, NULL, 0), client = install(&leaf, NULL, 0), other;
	u64 from = printk_last_seq();

	other = install(&thief, NULL, 0);
	if (!KEXPECT(other >= 0))
		pr_info("# %s\n", reasons);
	KEXPECT_EQ(log_count(from,
			     "thief: banos_callback_call(): callback was not passed to the caller"),
		   1);
	KEXPECT_EQ(
		log_count(
			from,
			"thief: hub_subscribe(): argument 2 is a callback that does not belong to the caller"),
		1);
	KEXPECT_EQ(remove(other), 0);
	KEXPECT_EQ(remove(client), 0);
	KEXPECT_EQ(remove(exporter), 0);
}

KTEST(driver, waits_ten_seconds_for_who_is_told_that_it_is_gone)
{
	s64 exporter = install(&hub, "slow_ms=11000", 0), client = install(&leaf, NULL, 0);
	u64 from = printk_last_seq();

	KEXPECT_EQ(remove(client), -EBUSY);
	KEXPECT_EQ(log_count(from, "which is told that a client is gone, does not return"), 1);
	KEXPECT_EQ(remove(client), 0);
	KEXPECT_EQ(remove(exporter), 0);
	KEXPECT_EQ(log_count(from, "told 1, wrong 0"), 1);
}

KTEST(driver, waits_ten_seconds_for_a_callback)
{
	s64 exporter = install(&hub, NULL, 0), client = install(&leaf, "sleep_ms=12000", 0);
	u64 from = printk_last_seq();

	sleep_until(time_monotonic_ns() + 50 * NSEC_PER_MSEC, false);
	KEXPECT_EQ(remove(client), -EBUSY);
	KEXPECT_EQ(log_count(from, "of a callback does not return"), 1);
	KEXPECT_EQ(remove(client), 0);
	KEXPECT_EQ(remove(exporter), 0);
	KEXPECT_EQ(log_count(from, "told 1, wrong 0"), 1);
}

/* ---- allocations fail ---- */

/* @return how many allocations an install makes */
static u64 fail_each(struct ktest_context *test, const struct image *image, const char *params)
{
	for (u64 count = 1; count < 2000; count++) {
		struct usage before = settled_usage();
		bool failed;
		s64 id;

		fault_set_nth(current, count);
		id = install(image, params, 0);
		failed = !current->fail_nth;
		fault_set_nth(current, 0);
		if (id >= 0)
			KEXPECT_EQ(remove(id), 0);
		else if (!KEXPECT_EQ(id, -ENOMEM))
			pr_info("# %s, allocation %lu: %s\n", image->name, count, reasons);
		if (!KEXPECT(back_at(&before)))
			pr_info("# %s, allocation %lu\n", image->name, count);
		if (!failed)
			return count - 1;
	}
	ktest_fail(test, "an end", __FILE__, __LINE__);
	return 0;
}

KTEST(driver, install_survives_a_failed_allocation_anywhere)
{
	s64 first;
	u64 count;

	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		KSKIP("CONFIG_FAULT_INJECTION is not set");
	count = fail_each(test, &hello, "who=nobody");
	pr_info("# hello: %lu allocations\n", count);
	KEXPECT(count >= 10);
	count = fail_each(test, &leak, NULL);
	pr_info("# leak: %lu allocations\n", count);
	KEXPECT(count >= 50);
	first = install(&adder, NULL, 0);
	remove(install(&sum, NULL, 0)); /* what it imports stays ready for others */
	count = fail_each(test, &sum, NULL);
	pr_info("# sum: %lu allocations\n", count);
	KEXPECT(count >= 10);
	KEXPECT_EQ(remove(first), 0);
	first = install(&hub, NULL, 0);
	remove(install(&leaf, NULL, 0));
	count = fail_each(test, &leaf, "from=31 atomic=1");
	pr_info("# leaf: %lu allocations\n", count);
	KEXPECT(count >= 10);
	KEXPECT_EQ(remove(first), 0);
}

/* ---- all at once ---- */

static struct atomic running, cycles, listed, depended, failures;
static DEFINE_WAIT_QUEUE(finished);

struct cycler {
	const struct image *image, *exporter; /* exporter NULL: it imports nothing of drivers */
	int count;
	bool is_used; /* others import from it */
};

static void cycle(void *arg)
{
	const struct cycler *cycler = arg;

	for (int count = 0; count < cycler->count; count++) {
		s64 id = install(cycler->image, NULL, 0);

		if (id < 0) {
			/* There may be no exporter just now. */
			atomic_inc(cycler->exporter && id == -ENOENT ? &depended : &failures);
			sched_yield_current();
			continue;
		}
		/* An exporter that another one uses stays a while, so that it is. */
		if (cycler->is_used)
			sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
		for (int err = remove(id); err; err = remove(id)) {
			if (err != -EBUSY || !cycler->is_used) {
				atomic_inc(&failures);
				break;
			}
			sched_yield_current();
		}
		atomic_inc(&cycles);
	}
	atomic_dec(&running);
	wake_up_all(&finished);
}

static void list(void *arg)
{
	while (atomic_read(&running) > 1) {
		struct banos_query query;
		struct driver *driver;

		for (s64 id = 0; (driver = driver_find(id)); id = query.id + 1) {
			driver_query(driver, &query);
			driver_put(driver);
			if (!memchr(query.name, 0, sizeof(query.name)) || query.id < id)
				atomic_inc(&failures);
			atomic_inc(&listed);
		}
		sleep_until(time_monotonic_ns() + NSEC_PER_MSEC / 10, false);
	}
	atomic_dec(&running);
	wake_up_all(&finished);
}

static void run_cyclers(struct ktest_context *test, const struct cycler *who, u32 number)
{
	struct usage before;
	s64 expected = 0;

	/* Tables may grow once. */
	for (u32 i = 0; i < number; i++)
		if (!who[i].exporter)
			remove(install(who[i].image, NULL, 0));
	before = settled_usage();
	atomic_set(&cycles, 0);
	atomic_set(&depended, 0);
	atomic_set(&running, number + 1);
	for (u32 i = 0; i < number; i++) {
		expected += who[i].count;
		KEXPECT_EQ(thread_spawn(cycle, (void *)&who[i], "cycle"), 0);
	}
	KEXPECT_EQ(thread_spawn(list, NULL, "list"), 0);
	wait_event(&finished, !atomic_read(&running));
	pr_info("# %d cycles, %d times without its exporter, %d lines listed\n",
		atomic_read(&cycles), atomic_read(&depended), atomic_read(&listed));
	KEXPECT_EQ(atomic_read(&failures), 0);
	KEXPECT_EQ(atomic_read(&cycles) + atomic_read(&depended), expected);
	KEXPECT(back_at(&before));
}

KTEST(driver, comes_and_goes_on_all_cpus_at_once)
{
	static const struct cycler who[] = { { &hello, NULL, 30, false },
					     { &adder, NULL, 30, true },
					     { &sum, &adder, 30, false },
					     { &adder, NULL, 30, true },
					     { &leak, NULL, 30, false } };

	run_cyclers(test, who, ARRAY_SIZE(who));
}

KTEST(driver, and_who_calls_it_come_and_go_at_once)
{
	static const struct cycler who[] = { { &hub, NULL, 250, true },
					     { &leaf, &hub, 250, false },
					     { &hub, NULL, 250, true },
					     { &leaf, &hub, 250, false } };

	run_cyclers(test, who, ARRAY_SIZE(who));
}
