/* SPDX-License-Identifier: MIT */
/* <banos/wait.h>, <banos/time.h>, <banos/thread.h>: tickets, deadlines, wake-ups, the end of threads. */
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "check.h"

#define TURNS 200

static struct banos_wait ping, pong;
static volatile uint32_t ball; /* odd: the other thread's turn */

/* A thread and its partner, who wake each other in turn: no wake-up may be lost. */
static int64_t wait_for_turn(struct banos_wait *wait, uint32_t odd)
{
	uint64_t deadline = banos_time_ns() + 20 * BANOS_S, ticket;
	int64_t error;

	for (;;) {
		ticket = banos_wait_ticket(wait);
		if (ball % 2 == odd)
			return 0;
		error = banos_wait_sleep(wait, ticket, deadline, 0);
		if (error)
			return error;
	}
}

static int64_t play_partner(void *context)
{
	int64_t error;
	uint32_t i;

	(void)context;
	for (i = 0; i < TURNS; i++) {
		error = wait_for_turn(&ping, 1);
		if (error)
			return error;
		ball++;
		(void)banos_wait_wake(&pong);
	}
	return 4711;
}

static void try_wake_ups(banos_owner self)
{
	banos_thread thread;
	int64_t result = 0;
	uint32_t i;

	CHECK(banos_thread_create(self, play_partner, NULL, "partner", &thread) == 0);
	for (i = 0; i < TURNS; i++) {
		ball++;
		CHECK(banos_wait_wake(&ping) == 0);
		CHECK(wait_for_turn(&pong, 0) == 0);
	}
	CHECK(banos_thread_stop(thread, &result) == 0);
	CHECK(result == 4711);
	CHECK(ball == 2 * TURNS);
}

/* Woken for nothing is allowed, but not without end. */
static int64_t sleep_out(uint64_t deadline, uint32_t flags)
{
	uint64_t tries = 1000;
	int64_t error;

	do {
		error = banos_wait_sleep(&ping, banos_wait_ticket(&ping), deadline, flags);
	} while (!error && --tries);
	return error;
}

static void try_deadlines(void)
{
	uint64_t begin = banos_time_ns();

	CHECK(sleep_out(begin + 20 * BANOS_MS, 0) == -ETIMEDOUT);
	CHECK(banos_time_ns() >= begin + 20 * BANOS_MS);
	CHECK(sleep_out(banos_time_ns() + 5 * BANOS_MS, BANOS_UNINTERRUPTIBLE) == -ETIMEDOUT);
	CHECK(sleep_out(1, 0) == -ETIMEDOUT);
	CHECK(sleep_out(0, BANOS_UNINTERRUPTIBLE) == -EINVAL);
	CHECK(sleep_out(banos_time_ns() + 1000000000 * BANOS_S, BANOS_UNINTERRUPTIBLE) == -EINVAL);
	CHECK(sleep_out(banos_time_ns() + BANOS_S, 0x80000000u) == -EINVAL);
	/* An old ticket: there was a wake-up since. */
	{
		uint64_t ticket = banos_wait_ticket(&ping);

		CHECK(ticket != 0);
		CHECK(banos_wait_wake(&ping) == 0);
		CHECK(banos_wait_sleep(&ping, ticket, 0, 0) == 0);
	}
	begin = banos_time_ns();
	CHECK(banos_sleep_until(begin + 10 * BANOS_MS, 0) == 0);
	CHECK(banos_time_ns() >= begin + 10 * BANOS_MS);
	CHECK(banos_sleep_until(1, 0) == 0);
	begin = banos_time_ns();
	CHECK(banos_delay(100 * BANOS_US) == 0);
	CHECK(banos_time_ns() >= begin + 100 * BANOS_US);
	CHECK(banos_time_real_ns() > 0);
}

static int64_t sleep_for_ever(void *context)
{
	int64_t error = banos_wait_sleep(&pong, banos_wait_ticket(&pong), 0, 0);

	(void)context;
	while (!error)
		error = banos_wait_sleep(&pong, banos_wait_ticket(&pong), 0, 0);
	return banos_thread_should_stop() ? error : 0;
}

static void try_stop(banos_owner self)
{
	banos_thread thread;
	int64_t result = 0;

	CHECK(banos_thread_should_stop() == 0);
	CHECK(banos_thread_create(self, sleep_for_ever, NULL, "sleeps", &thread) == 0);
	CHECK(banos_sleep_until(banos_time_ns() + 5 * BANOS_MS, 0) == 0);
	CHECK(banos_thread_stop(thread, &result) == 0);
	CHECK(result == -ERESTART);
	CHECK(banos_thread_stop(thread, &result) == -EINVAL);
	CHECK(banos_thread_create(self, NULL, NULL, "none", &thread) == -EINVAL);
}

static void try_misuse(banos_owner self)
{
	static struct banos_wait never;

	CHECK(banos_wait_ticket(&never) == 0);
	CHECK(banos_wait_wake(&never) == -EINVAL);
	CHECK(banos_wait_destroy(&never) == -EINVAL);
	CHECK(banos_wait_sleep(&never, 1, 1, 0) == -EINVAL);
	CHECK(banos_wait_init(NULL, &never) == -EINVAL);
	CHECK(banos_wait_init(self, NULL) == -EINVAL);
}

static int64_t conformance_waits_init(banos_owner self)
{
	CHECK(banos_wait_init(self, &ping) == 0);
	CHECK(banos_wait_init(self, &pong) == 0);
	try_misuse(self);
	try_deadlines();
	try_wake_ups(self);
	try_stop(self);
	CHECK(banos_wait_destroy(&ping) == 0);
	CHECK(banos_wait_destroy(&pong) == 0);
	CHECK(banos_wait_wake(&ping) == -EINVAL);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_waits, "1.0", "MIT", "Tests waiting, clocks and threads",
	     conformance_waits_init, NULL);
