/* SPDX-License-Identifier: MIT */
/*
 * What <banos/wait.h>, <banos/thread.h>, <banos/timer.h>, <banos/work.h> and <banos/time.h> promise beyond
 * the results of one call: who is woken, what ends a sleep and what does not, what is called again.
 */
#include <banos/memory.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>
#include "check.h"

#define SLEEPERS 3
#define YEAR_NS	 (365ul * 24 * 3600 * BANOS_S)
#define WIDE	 0x123456789abcdefl

static banos_owner driver;
static struct banos_wait bed, done;
static banos_thread self_thread;
static volatile uint32_t asleep, awake, runs, held, sleeps_failed, in_itself_failed;
static volatile uint64_t ran_at_ns;
static banos_timer timer;
static banos_work work;

/* Also what is not expected has an end. */
static uint32_t reaches(volatile uint32_t *count, uint32_t wanted, uint64_t limit_ns)
{
	uint64_t end = banos_time_ns() + limit_ns;

	while (*count < wanted && banos_time_ns() < end)
		(void)banos_sleep_until(banos_time_ns() + 200 * BANOS_US, 0);
	return *count == wanted;
}

/* ---- clocks, memory ---- */

static void try_clocks(void)
{
	uint64_t begin = banos_time_ns(), later;
	uint32_t i, moved = 0;

	CHECK(banos_time_real_ns() > begin + YEAR_NS); /* since 1970, not since the boot */
	CHECK(banos_delay(2 * BANOS_MS) == 0);
	CHECK(banos_time_ns() >= begin + 2 * BANOS_MS);
	for (i = 0; i < 20; i++) {
		begin = banos_time_ns();
		(void)banos_delay(20 * BANOS_US);
		later = banos_time_ns();
		moved += later > begin;
	}
	CHECK(moved == 20);
}

static void try_large_memory(void)
{
	uint64_t bytes = 4ul << 20, i, dirty = 0;
	uint8_t *memory = (uint8_t *)banos_alloc(driver, bytes, 0);

	CHECK(memory != NULL && (uint64_t)memory % 4096 == 0);
	if (!memory)
		return;
	for (i = 0; i < bytes; i += 4095)
		dirty += memory[i];
	CHECK(dirty == 0 && memory[bytes - 1] == 0);
	memory[0] = memory[bytes - 1] = 1;
	CHECK(banos_free(driver, memory) == 0);
}

/* Sections are laid out as their alignment says: constants, data, and what begins as zeroes. */
static void try_alignment(void)
{
	static const char constants[3] __attribute__((aligned(64))) = "ab";
	static char data[3] __attribute__((aligned(128))) = "cd";
	static char zeroes[3] __attribute__((aligned(256)));
	const char *volatile address = constants;

	CHECK((uint64_t)address % 64 == 0 && address[1] == 'b');
	address = data;
	CHECK((uint64_t)address % 128 == 0 && address[1] == 'd');
	address = zeroes;
	CHECK((uint64_t)address % 256 == 0 && address[1] == 0);
}

/* ---- waits ---- */

static int64_t sleep_once(void *context)
{
	uint64_t ticket = banos_wait_ticket(&bed);
	int64_t error;

	asleep++;
	do {
		error = banos_wait_sleep(&bed, ticket, banos_time_ns() + 20 * BANOS_S, 0);
	} while (!error && banos_wait_ticket(&bed) == ticket);
	if (error)
		return error;
	awake++;
	return context == (void *)&bed ? 0 : -EIO;
}

static void try_wake_all(void)
{
	banos_thread threads[SLEEPERS];
	int64_t result;
	uint32_t i;

	for (i = 0; i < SLEEPERS; i++) {
		CHECK(banos_thread_create(driver, sleep_once, &bed, "sleeps", &threads[i]) == 0);
		CHECK(reaches(&asleep, i + 1, 25 * BANOS_S));
	}
	(void)banos_sleep_until(banos_time_ns() + 5 * BANOS_MS, 0);
	CHECK(awake == 0);
	CHECK(banos_wait_destroy(&bed) == -EBUSY);
	CHECK(banos_wait_wake(&bed) == 0);
	CHECK(reaches(&awake, SLEEPERS, 25 * BANOS_S));
	for (i = 0; i < SLEEPERS; i++) {
		result = -1;
		CHECK(banos_thread_stop(threads[i], &result) == 0 && result == 0);
	}
}

static void try_tickets(void)
{
	uint64_t ticket = banos_wait_ticket(&bed), end = banos_time_ns() + 25 * BANOS_S;

	CHECK(banos_wait_sleep(&bed, ticket - 1, end, 0) == 0);
	CHECK(banos_wait_sleep(&bed, ticket + 1, end, 0) == 0);
	CHECK(banos_wait_sleep(&bed, 0, end, 0) == 0);
	CHECK(banos_wait_sleep(&bed, ticket + 1, 1, 0) ==
	      0); /* the wake-up counts, not the deadline */
	/* A limit that is promised: nobody waits for that long here. */
	CHECK(banos_wait_sleep(&bed, ticket + 1, banos_time_ns() + 29 * BANOS_S,
			       BANOS_UNINTERRUPTIBLE) == 0);
	CHECK(banos_time_ns() < end);
}

/* ---- threads: what ends their sleep ---- */

static int64_t sleep_till_deadline(void *context)
{
	uint64_t deadline = banos_time_ns() + 30 * BANOS_MS, ticket = banos_wait_ticket(&bed);
	uint64_t end = deadline + 25 * BANOS_S;
	int64_t error;

	asleep++;
	if (context)
		error = banos_sleep_until(deadline, BANOS_UNINTERRUPTIBLE);
	else
		do {
			error = banos_wait_sleep(&bed, ticket, deadline, BANOS_UNINTERRUPTIBLE);
		} while (!error && banos_wait_ticket(&bed) == ticket);
	if (banos_time_ns() < deadline)
		return -EIO;
	if (error != (context ? 0 : -ETIMEDOUT))
		return error ? error : -EPROTO;
	/* Whoever stops it may be late. */
	while (!banos_thread_should_stop() && banos_time_ns() < end)
		(void)banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
	return banos_thread_should_stop();
}

/* Asked to stop, it sleeps on. */
static void try_patience(void *how)
{
	banos_thread thread;
	int64_t result = 0;

	asleep = 0;
	CHECK(banos_thread_create(driver, sleep_till_deadline, how, "patient", &thread) == 0);
	CHECK(reaches(&asleep, 1, 25 * BANOS_S));
	CHECK(banos_thread_stop(thread, &result) == 0);
	CHECK(result == 1);
}

static int64_t sleep_for_ever(void *context)
{
	(void)context;
	asleep++;
	return banos_sleep_until(~0ul, 0);
}

static int64_t sleep_not_at_all(void *context)
{
	int64_t error = banos_sleep_until(0, 0);

	(void)context;
	awake++;
	return error ? error : WIDE;
}

static int64_t stop_oneself(void *context)
{
	int64_t error;

	(void)context;
	(void)reaches(&asleep, 1, 25 * BANOS_S); /* the handle is stored */
	error = banos_thread_stop(self_thread, NULL);
	awake++;
	return error;
}

/* Its function is called in any case, and its result kept. */
static void try_hurry(void)
{
	banos_thread thread;
	uint32_t i, lost = 0;
	int64_t result;

	awake = 0;
	for (i = 0; i < 20; i++) {
		result = 0;
		lost += banos_thread_create(driver, sleep_not_at_all, NULL, "hurry", &thread) != 0;
		lost += banos_thread_stop(thread, &result) != 0;
		lost += result != WIDE && result != -ERESTART;
	}
	CHECK(awake == 20 && lost == 0);
}

static void try_threads(void)
{
	banos_thread thread;
	int64_t result = 0;

	asleep = awake = 0;
	CHECK(banos_thread_create(driver, sleep_for_ever, NULL, "for ever", &thread) == 0);
	CHECK(reaches(&asleep, 1, 25 * BANOS_S));
	CHECK(banos_thread_stop(thread, &result) == 0 && result == -ERESTART);
	CHECK(banos_thread_create(driver, sleep_not_at_all, NULL, "not at all", &thread) == 0);
	CHECK(reaches(&awake, 1, 25 * BANOS_S));
	CHECK(banos_thread_stop(thread, &result) == 0 && result == WIDE);
	asleep = awake = 0;
	CHECK(banos_thread_create(driver, stop_oneself, NULL, "itself", &self_thread) == 0);
	asleep = 1;
	CHECK(reaches(&awake, 1, 25 * BANOS_S));
	CHECK(banos_thread_stop(self_thread, &result) == 0 && result == -EDEADLK);
	CHECK(banos_thread_create(driver, sleep_not_at_all, NULL, "no result", &thread) == 0);
	CHECK(banos_thread_stop(thread, NULL) == 0);
}

/* ---- timers ---- */

static int64_t note_time(void *context)
{
	ran_at_ns = banos_time_ns();
	runs++;
	sleeps_failed += banos_sleep_until(banos_time_ns() + BANOS_US, 0) != 0;
	if (context)
		in_itself_failed += banos_timer_destroy(timer) != -EDEADLK;
	return 0;
}

/* It does not run at the first deadline; on a machine so slow that it was not moved in time it may. */
static uint32_t runs_when_due(void)
{
	uint64_t first = banos_time_ns() + 10 * BANOS_MS, due = first + 30 * BANOS_MS;
	uint32_t before = runs, late, failed;

	failed = banos_timer_start(timer, first) != 0;
	failed += banos_timer_start(timer, due) != 0;
	late = banos_time_ns() >= first;
	failed += !reaches(&runs, before + 1, 25 * BANOS_S) && !late;
	return !failed && (late || ran_at_ns >= due);
}

static void try_moved_timer(void)
{
	uint64_t begin = banos_time_ns();

	runs = 0;
	CHECK(banos_timer_create(driver, note_time, &driver, &timer) == 0);
	/* Forwards: it does not wait for the first deadline. */
	CHECK(banos_timer_start(timer, begin + 100 * BANOS_S) == 0);
	CHECK(banos_timer_start(timer, begin + 5 * BANOS_MS) == 0);
	CHECK(reaches(&runs, 1, 25 * BANOS_S));
	CHECK(runs_when_due()); /* backwards */
	CHECK(banos_timer_cancel(timer) >= 0);
	/* Never, and at once. */
	runs = 0;
	CHECK(banos_timer_start(timer, ~0ul) == 0);
	CHECK(!reaches(&runs, 1, 5 * BANOS_MS));
	CHECK(banos_timer_cancel(timer) == 1);
	CHECK(banos_timer_start(timer, 0) == 0);
	CHECK(reaches(&runs, 1, 25 * BANOS_S));
	CHECK(banos_timer_cancel(timer) == 0);
	CHECK(sleeps_failed == 0 && in_itself_failed == 0);
	CHECK(banos_timer_destroy(timer) == 0);
}

static int64_t run_long(void *context)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S;

	(void)context;
	asleep++;
	do
		(void)banos_sleep_until(banos_time_ns() + 20 * BANOS_MS, BANOS_UNINTERRUPTIBLE);
	while (held && banos_time_ns() < end);
	awake++;
	return 0;
}

/* Whoever stops one waits for its function. */
static void try_running_timer(void)
{
	asleep = awake = 0;
	CHECK(banos_timer_create(driver, run_long, NULL, &timer) == 0);
	CHECK(banos_timer_start(timer, 1) == 0);
	CHECK(reaches(&asleep, 1, 25 * BANOS_S));
	CHECK(banos_timer_cancel(timer) == 0 && awake == 1);
	CHECK(banos_timer_start(timer, 1) == 0);
	CHECK(reaches(&asleep, 2, 25 * BANOS_S));
	CHECK(banos_timer_destroy(timer) == 0 && awake == 2);
}

/* ---- work ---- */

static int64_t work_itself(void *context)
{
	(void)context;
	if (runs++ == 0)
		in_itself_failed += banos_work_queue(work) != 1 || banos_work_queue(work) != 0;
	in_itself_failed += banos_work_wait(work) != -EDEADLK;
	in_itself_failed += banos_work_destroy(work) != -EDEADLK;
	sleeps_failed += banos_sleep_until(banos_time_ns() + BANOS_MS, 0) != 0;
	return 0;
}

static void try_work(void)
{
	runs = asleep = awake = 0;
	CHECK(banos_work_create(driver, work_itself, NULL, &work) == 0);
	CHECK(banos_work_queue(work) == 1);
	CHECK(reaches(&runs, 2, 25 * BANOS_S));
	CHECK(banos_work_wait(work) == 0 && runs == 2);
	CHECK(banos_work_destroy(work) == 0);
	CHECK(sleeps_failed == 0 && in_itself_failed == 0);
	/* While it runs it can be queued, once. */
	held = 1;
	CHECK(banos_work_create(driver, run_long, NULL, &work) == 0);
	CHECK(banos_work_queue(work) == 1);
	CHECK(reaches(&asleep, 1, 25 * BANOS_S));
	CHECK(banos_work_queue(work) == 1);
	CHECK(banos_work_queue(work) == 0);
	held = 0;
	CHECK(reaches(&awake, 2, 25 * BANOS_S));
	/* One that is running is waited for; one that has not begun is not done. */
	CHECK(banos_work_queue(work) >= 0);
	CHECK(banos_work_destroy(work) == 0 && awake == asleep);
}

static int64_t conformance_promises_init(banos_owner self)
{
	driver = self;
	CHECK(banos_wait_init(self, &bed) == 0);
	CHECK(banos_wait_init(self, &done) == 0);
	CHECK(banos_wait_ticket(&done) != 0);
	try_clocks();
	try_large_memory();
	try_alignment();
	try_wake_all();
	try_tickets();
	try_patience(&driver);
	try_patience(NULL);
	try_threads();
	try_hurry();
	try_moved_timer();
	try_running_timer();
	try_work();
	CHECK(banos_wait_destroy(&bed) == 0);
	CHECK(banos_wait_destroy(&done) == 0);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_promises, "1.0", "MIT", "Tests what is woken, called and waited for",
	     conformance_promises_init, NULL);
