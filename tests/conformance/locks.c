/* SPDX-License-Identifier: MIT */
/* <banos/lock.h>: exclusion between threads, errors of misuse, storage that moved or was overwritten. */
#include <banos/lock.h>
#include <banos/thread.h>
#include <banos/time.h>
#include "check.h"

#define NR_THREADS 4
#define TURNS	   2000
#define HOLDS	   20

static struct banos_mutex mutex;
static struct banos_spinlock spinlock;
static volatile uint64_t under_mutex, under_spinlock;
static volatile uint32_t inside, overlaps;

/* Lost updates show where a lock does not exclude. */
static void add_slowly(volatile uint64_t *count)
{
	uint64_t before = *count;
	volatile uint32_t i;

	for (i = 0; i < 10; i++)
		;
	*count = before + 1;
}

static int64_t count_under_locks(void *context)
{
	uint32_t i;
	int64_t errors = 0;

	(void)context;
	for (i = 0; i < TURNS; i++) {
		errors += banos_mutex_lock(&mutex) != 0;
		add_slowly(&under_mutex);
		errors += banos_mutex_unlock(&mutex) != 0;
		errors += banos_spin_lock(&spinlock) != 0;
		add_slowly(&under_spinlock);
		errors += banos_spin_unlock(&spinlock) != 0;
	}
	return errors;
}

static void try_exclusion(banos_owner self)
{
	banos_thread threads[NR_THREADS];
	int64_t result;
	uint32_t i;

	for (i = 0; i < NR_THREADS; i++)
		CHECK(banos_thread_create(self, count_under_locks, NULL, "counts", &threads[i]) ==
		      0);
	for (i = 0; i < NR_THREADS; i++) {
		result = -1;
		CHECK(banos_thread_stop(threads[i], &result) == 0);
		CHECK(result == 0);
	}
	CHECK(under_mutex == (uint64_t)NR_THREADS * TURNS);
	CHECK(under_spinlock == (uint64_t)NR_THREADS * TURNS);
}

/* For so long that others come meanwhile, where there are several processors. */
static int64_t hold_spinlock(void *context)
{
	uint32_t i;
	int64_t errors = 0;

	(void)context;
	for (i = 0; i < HOLDS; i++) {
		errors += banos_spin_lock(&spinlock) != 0;
		if (inside++)
			overlaps++;
		(void)banos_delay(300 * BANOS_US);
		inside--;
		errors += banos_spin_unlock(&spinlock) != 0;
		(void)banos_thread_yield();
	}
	return errors;
}

static void try_long_holds(banos_owner self)
{
	banos_thread threads[NR_THREADS];
	int64_t result;
	uint32_t i;

	for (i = 0; i < NR_THREADS; i++)
		CHECK(banos_thread_create(self, hold_spinlock, NULL, "spins", &threads[i]) == 0);
	for (i = 0; i < NR_THREADS; i++) {
		result = -1;
		CHECK(banos_thread_stop(threads[i], &result) == 0 && result == 0);
	}
	CHECK(overlaps == 0);
}

static int64_t hold_mutex(void *context)
{
	int64_t error = banos_mutex_lock(&mutex);

	(void)context;
	while (!error && !banos_thread_should_stop())
		(void)banos_sleep_until(banos_time_ns() + BANOS_S, 0);
	return error ? error : banos_mutex_unlock(&mutex);
}

/* Another thread holds it. */
static void try_held(banos_owner self)
{
	banos_thread thread;
	int64_t result = -1, error = 0, errors = 0;
	uint64_t end = banos_time_ns() + 25 * BANOS_S;

	CHECK(banos_thread_create(self, hold_mutex, NULL, "holds", &thread) == 0);
	do {
		error = banos_mutex_trylock(&mutex);
		if (!error)
			errors += banos_mutex_unlock(&mutex) != 0;
		(void)banos_thread_yield();
	} while (!error && banos_time_ns() < end);
	CHECK(error == -EBUSY && errors == 0);
	CHECK(banos_mutex_unlock(&mutex) == -EPERM);
	CHECK(banos_mutex_destroy(&mutex) == -EBUSY);
	CHECK(banos_thread_stop(thread, &result) == 0);
	CHECK(result == 0);
}

static void try_misuse(void)
{
	static struct banos_mutex never, moved;
	static struct banos_spinlock no_lock;

	CHECK(banos_mutex_lock(&never) == -EINVAL);
	CHECK(banos_mutex_unlock(&never) == -EINVAL);
	CHECK(banos_mutex_destroy(&never) == -EINVAL);
	CHECK(banos_spin_lock(&no_lock) == -EINVAL);
	CHECK(banos_spin_unlock(&no_lock) == -EINVAL);
	moved = mutex;
	CHECK(banos_mutex_lock(&moved) == -EINVAL);
	CHECK(banos_mutex_lock(&mutex) == 0);
	CHECK(banos_mutex_lock(&mutex) == -EDEADLK);
	CHECK(banos_mutex_trylock(&mutex) == -EBUSY);
	CHECK(banos_mutex_unlock(&mutex) == 0);
	CHECK(banos_mutex_unlock(&mutex) == -EPERM);
	CHECK(banos_spin_lock(&spinlock) == 0);
	CHECK(banos_spin_lock(&spinlock) == -EDEADLK);
	CHECK(banos_spin_trylock(&spinlock) == -EBUSY);
	CHECK(banos_mutex_lock(&mutex) == -EDEADLK); /* it may sleep */
	CHECK(banos_spin_unlock(&spinlock) == 0);
	CHECK(banos_spin_unlock(&spinlock) == -EPERM);
	CHECK(banos_spin_trylock(&spinlock) == 0);
	CHECK(banos_spin_unlock(&spinlock) == 0);
}

static int64_t conformance_locks_init(banos_owner self)
{
	CHECK(banos_mutex_init(NULL, &mutex) == -EINVAL);
	CHECK(banos_mutex_init(self, &mutex) == 0);
	CHECK(banos_spin_init(&spinlock) == 0);
	try_misuse();
	try_exclusion(self);
	try_long_holds(self);
	try_held(self);
	CHECK(banos_mutex_destroy(&mutex) == 0);
	CHECK(banos_mutex_lock(&mutex) == -EINVAL);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_locks, "1.0", "MIT", "Tests locks between the threads of a driver",
	     conformance_locks_init, NULL);
