/* SPDX-License-Identifier: MIT */
/* <banos/timer.h>, <banos/work.h>: once each, not early, never two at a time, cancelled, destroyed. */
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>
#include "check.h"

static struct banos_wait done;
static banos_timer timer, other_timer, no_timer;
static banos_work work, no_work;
static volatile uint32_t timer_runs, work_runs, inside, overlaps;
static volatile uint64_t due_ns, early_ns;

static void enter_callback(void)
{
	if (inside++)
		overlaps++;
	(void)banos_sleep_until(banos_time_ns() + BANOS_MS, 0); /* it may sleep */
	inside--;
}

static int64_t run_timer(void *context)
{
	uint64_t now = banos_time_ns();

	if (now < due_ns)
		early_ns = due_ns - now;
	enter_callback();
	timer_runs += context == (void *)&timer;
	return banos_wait_wake(&done);
}

static int64_t run_work(void *context)
{
	enter_callback();
	work_runs += context == (void *)&work;
	return banos_wait_wake(&done);
}

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

static void try_timer(banos_owner self)
{
	uint32_t i;

	CHECK(banos_timer_create(self, run_timer, &timer, &timer) == 0);
	CHECK(banos_timer_create(self, run_timer, &timer, &other_timer) == 0);
	CHECK(banos_timer_create(self, NULL, NULL, &no_timer) == -EINVAL);
	for (i = 1; i <= 5; i++) {
		due_ns = banos_time_ns() + 3 * BANOS_MS;
		CHECK(banos_timer_start(timer, due_ns) == 0);
		CHECK(reaches(&timer_runs, i));
	}
	CHECK(early_ns == 0);
	/* Moved, then cancelled: it never runs. */
	CHECK(banos_timer_start(timer, banos_time_ns() + 1000 * BANOS_S) == 0);
	CHECK(banos_timer_start(timer, banos_time_ns() + 2000 * BANOS_S) == 0);
	CHECK(banos_timer_cancel(timer) == 1);
	CHECK(banos_timer_cancel(timer) == 0);
	CHECK(timer_runs == 5);
}

static void try_work(banos_owner self)
{
	uint32_t i;

	CHECK(banos_work_create(self, run_work, &work, &work) == 0);
	CHECK(banos_work_create(self, NULL, NULL, &no_work) == -EINVAL);
	CHECK(banos_work_wait(work) == 0);
	for (i = 1; i <= 5; i++) {
		CHECK(banos_work_queue(work) == 1);
		CHECK(banos_work_wait(work) == 0);
		CHECK(work_runs == i);
	}
}

/* Timers and work of one owner: one after the other. */
static void try_order(void)
{
	due_ns = 0;
	CHECK(banos_timer_start(timer, 1) == 0);
	CHECK(banos_timer_start(other_timer, 1) == 0);
	CHECK(banos_work_queue(work) == 1);
	CHECK(reaches(&timer_runs, 7));
	CHECK(reaches(&work_runs, 6));
	CHECK(overlaps == 0);
}

static volatile uint32_t held;

static int64_t hold_up(void *context)
{
	volatile uint32_t *state = (volatile uint32_t *)context;

	*state = 1;
	(void)banos_sleep_until(banos_time_ns() + 40 * BANOS_MS, 0);
	*state = 2;
	return 0;
}

/* Expired while work of the same owner runs, and started again: only the new deadline counts. */
static void try_postponing(banos_owner self)
{
	uint32_t before = timer_runs, in_time;
	banos_work holder;

	CHECK(banos_work_create(self, hold_up, (void *)&held, &holder) == 0);
	CHECK(banos_work_queue(holder) == 1);
	while (!held)
		(void)banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	early_ns = 0;
	CHECK(banos_timer_start(timer, 1) == 0);
	(void)banos_sleep_until(banos_time_ns() + 10 * BANOS_MS, 0);
	due_ns = banos_time_ns() + 100 * BANOS_MS;
	CHECK(banos_timer_start(timer, due_ns) == 0);
	in_time = held == 1; /* else the machine was too slow, and it may have run */
	CHECK(reaches(&timer_runs, before + 1) || !in_time);
	CHECK(early_ns == 0 || !in_time);
	CHECK(banos_timer_cancel(timer) >= 0);
	CHECK(banos_work_destroy(holder) == 0);
}

static void try_ends(void)
{
	CHECK(banos_timer_destroy(timer) == 0);
	CHECK(banos_timer_destroy(timer) == -EINVAL);
	CHECK(banos_timer_start(timer, 1) == -EINVAL);
	CHECK(banos_timer_destroy(other_timer) == 0);
	CHECK(banos_work_destroy(work) == 0);
	CHECK(banos_work_queue(work) == -EINVAL);
	CHECK(banos_work_wait(work) == -EINVAL);
}

static int64_t conformance_timers_init(banos_owner self)
{
	CHECK(banos_wait_init(self, &done) == 0);
	try_timer(self);
	try_work(self);
	try_order();
	try_postponing(self);
	try_ends();
	CHECK(banos_wait_destroy(&done) == 0);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_timers, "1.0", "MIT", "Tests timers and work", conformance_timers_init,
	     NULL);
