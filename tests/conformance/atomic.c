/* SPDX-License-Identifier: MIT */
/*
 * What the headers allow in any context, under a spin lock and in a callback that may not sleep: it does
 * the same there. What needs a thread is refused there, and has no effect.
 */
#include <banos/callback.h>
#include <banos/chardev.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>
#include "check.h"

static banos_owner driver;
static struct banos_spinlock outer, inner;
static struct banos_mutex mutex;
static struct banos_wait done;
static banos_timer timer;
static banos_work work;
static banos_chardev chardev;
static banos_callback atomic_callback;
static volatile uint32_t timer_runs, work_runs;
static int64_t number;

static int64_t run_timer(void *context)
{
	(void)context;
	timer_runs++;
	return banos_wait_wake(&done);
}

static int64_t run_work(void *context)
{
	(void)context;
	work_runs++;
	return banos_wait_wake(&done);
}

/* ---- what is allowed ---- */

static void try_clocks(void)
{
	uint64_t begin = banos_time_ns();

	CHECK(banos_delay(50 * BANOS_US) == 0);
	CHECK(banos_time_ns() >= begin + 50 * BANOS_US);
	CHECK(banos_time_real_ns() > 0);
	CHECK(banos_thread_should_stop() == 0);
	CHECK(banos_api_level() >= 1 && banos_has_feature(0) == 0);
}

static void try_atomic_memory(void)
{
	uint8_t *memory = (uint8_t *)banos_alloc(driver, 100, BANOS_ALLOC_ATOMIC);
	uint8_t *largest = (uint8_t *)banos_alloc(driver, 2048, BANOS_ALLOC_ATOMIC);

	CHECK(memory != NULL && largest != NULL);
	if (memory && largest)
		CHECK(memory[99] == 0 && largest[2047] == 0);
	CHECK(banos_free(driver, largest) == 0);
	CHECK(banos_free(driver, memory) == 0);
}

static void try_texts(void)
{
	char text[16];

	CHECK(banos_format(text, sizeof(text), "%u-%s", 17, "x") == 4);
	CHECK(text[0] == '1' && text[2] == '-' && text[3] == 'x' && !text[4]);
	CHECK(banos_print_args(driver, BANOS_DEBUG, "logs in any context", NULL, 0) == 0);
}

static void try_locks(void)
{
	CHECK(banos_spin_init(&inner) == 0);
	CHECK(banos_spin_lock(&inner) == 0);
	CHECK(banos_spin_trylock(&inner) == -EBUSY);
	CHECK(banos_spin_unlock(&inner) == 0);
	CHECK(banos_spin_trylock(&inner) == 0);
	CHECK(banos_spin_unlock(&inner) == 0);
	CHECK(banos_mutex_trylock(&mutex) == 0);
	CHECK(banos_mutex_trylock(&mutex) == -EBUSY);
	CHECK(banos_mutex_unlock(&mutex) == 0);
}

/* What it starts runs later, in a thread. */
static void start_all(void)
{
	uint64_t ticket = banos_wait_ticket(&done);

	CHECK(banos_wait_wake(&done) == 0);
	CHECK(banos_wait_ticket(&done) != ticket);
	CHECK(banos_timer_start(timer, 0) == 0);
	CHECK(banos_work_queue(work) == 1);
	CHECK(banos_chardev_number(chardev) == number);
}

static void try_allowed(void)
{
	try_clocks();
	try_atomic_memory();
	try_texts();
	try_locks();
	start_all();
}

/* ---- what is refused ---- */

static void try_refused(void)
{
	uint64_t ticket = banos_wait_ticket(&done);
	struct banos_wait other;
	banos_timer none;
	int64_t result;

	CHECK(banos_sleep_until(0, 0) == -EDEADLK);
	CHECK(banos_sleep_until(banos_time_ns() + BANOS_US, BANOS_UNINTERRUPTIBLE) == -EDEADLK);
	CHECK(banos_wait_sleep(&done, ticket - 1, 0, 0) == -EDEADLK);
	CHECK(banos_mutex_lock(&mutex) == -EDEADLK);
	CHECK(banos_thread_yield() == -EDEADLK);
	CHECK(banos_thread_stop(NULL, &result) == -EDEADLK);
	CHECK(banos_timer_create(driver, run_timer, NULL, &none) == -EDEADLK);
	CHECK(banos_timer_cancel(timer) == -EDEADLK);
	CHECK(banos_timer_destroy(timer) == -EDEADLK);
	CHECK(banos_work_wait(work) == -EDEADLK);
	CHECK(banos_work_destroy(work) == -EDEADLK);
	CHECK(banos_wait_init(driver, &other) == -EDEADLK);
	CHECK(banos_wait_destroy(&done) == -EDEADLK);
	CHECK(banos_mutex_destroy(&mutex) == -EDEADLK);
	CHECK(banos_chardev_remove(chardev) == -EDEADLK);
	CHECK(banos_callback_close(atomic_callback) == -EDEADLK);
	CHECK(banos_alloc(driver, 100, 0) == NULL);
}

/* ---- under which circumstances ---- */

static uint32_t reaches(volatile uint32_t *count, uint32_t wanted)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S, ticket;

	for (;;) {
		ticket = banos_wait_ticket(&done);
		if (*count >= wanted)
			return *count == wanted;
		if (banos_wait_sleep(&done, ticket, end, 0))
			return 0;
	}
}

static int64_t try_in_callback(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			       uint64_t arg4, uint64_t arg5)
{
	CHECK(context == (void *)&driver && arg1 == 1 && arg2 == 2 && arg3 == 3 && arg4 == 4 &&
	      arg5 == 5);
	try_allowed();
	try_refused();
	return 4711;
}

static void create_all(void)
{
	struct banos_callback_config config = { sizeof(config), BANOS_CALLBACK_ATOMIC,
						try_in_callback, &driver, "" };
	struct banos_chardev_ops ops = { sizeof(ops), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL };
	struct banos_chardev_config device = {
		sizeof(device), 0, BANOS_CHARDEV_ANY, 0, 0600, 0, NULL, NULL, "conformance_number"
	};

	device.ops = &ops;
	CHECK(banos_spin_init(&outer) == 0);
	CHECK(banos_mutex_init(driver, &mutex) == 0);
	CHECK(banos_wait_init(driver, &done) == 0);
	CHECK(banos_timer_create(driver, run_timer, NULL, &timer) == 0);
	CHECK(banos_work_create(driver, run_work, NULL, &work) == 0);
	CHECK(banos_callback_create(driver, &config, &atomic_callback) == 0);
	CHECK(banos_chardev_register(driver, &device, &chardev) == 0);
	number = banos_chardev_number(chardev);
}

static int64_t conformance_atomic_init(banos_owner self)
{
	driver = self;
	create_all();
	if (check_failed)
		return check_verdict(self);
	CHECK(banos_spin_lock(&outer) == 0);
	try_allowed();
	try_refused();
	CHECK(banos_spin_unlock(&outer) == 0);
	CHECK(reaches(&timer_runs, 1) && reaches(&work_runs, 1));
	CHECK(banos_callback_call(atomic_callback, 1, 2, 3, 4, 5) == 4711);
	CHECK(reaches(&timer_runs, 2) && reaches(&work_runs, 2));
	/* Under a spin lock it may be called, too: there is nothing that it may less than its caller. */
	CHECK(banos_spin_lock(&outer) == 0);
	CHECK(banos_callback_call(atomic_callback, 1, 2, 3, 4, 5) == 4711);
	CHECK(banos_spin_unlock(&outer) == 0);
	CHECK(reaches(&timer_runs, 3) && reaches(&work_runs, 3));
	CHECK(banos_chardev_remove(chardev) == 0);
	CHECK(banos_callback_close(atomic_callback) == 0);
	CHECK(banos_timer_destroy(timer) == 0);
	CHECK(banos_work_destroy(work) == 0);
	CHECK(banos_wait_destroy(&done) == 0);
	CHECK(banos_mutex_destroy(&mutex) == 0);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_atomic, "1.0", "MIT", "Tests functions where nothing may sleep",
	     conformance_atomic_init, NULL);
