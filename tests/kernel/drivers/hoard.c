/* SPDX-License-Identifier: MIT */
/*
 * Takes of one kind as much as it gets, and keeps it: init() succeeds if the end was
 * -ENOMEM, and if what is given back can be had again.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>

#define LIMIT 3000000u /* of things that need no memory of the kernel's */

enum { SMALL, LARGE, WAITS, TIMERS, WORK, MUTEXES };
static uint32_t kind;
BANOS_PARAM_U32(kind, 0, MUTEXES, "what it takes");

static banos_owner owner;
static uint64_t last;		/* handle or address of the newest */
static struct banos_wait *page; /* of wait objects, the newest */
static uint32_t used;		/* of them */
static struct banos_mutex mutex;

static int64_t nothing(void *context)
{
	return 0;
}

static int64_t take_memory(uint64_t size)
{
	void *memory = banos_alloc(owner, size, 0);

	if (!memory)
		return -ENOMEM;
	last = (uint64_t)memory;
	return 0;
}

/* The storage counts as well. */
static int64_t take_wait(void)
{
	int64_t error;

	if (!page || used == 4096 / sizeof(*page)) {
		page = banos_alloc(owner, 4096, 0);
		used = 0;
	}
	if (!page)
		return -ENOMEM;
	error = banos_wait_init(owner, &page[used]);
	if (error)
		return error;
	last = (uint64_t)&page[used++];
	return 0;
}

static int64_t take_one(void)
{
	if (kind == SMALL)
		return take_memory(64);
	if (kind == LARGE)
		return take_memory(65536);
	if (kind == WAITS)
		return take_wait();
	if (kind == TIMERS)
		return banos_timer_create(owner, nothing, NULL, (banos_timer *)&last);
	if (kind == WORK)
		return banos_work_create(owner, nothing, NULL, (banos_work *)&last);
	return banos_mutex_init(owner, &mutex);
}

static int64_t give_one(void)
{
	if (kind == SMALL || kind == LARGE)
		return banos_free(owner, (void *)last);
	if (kind == WAITS)
		return banos_wait_destroy((struct banos_wait *)last);
	if (kind == TIMERS)
		return banos_timer_destroy((banos_timer)last);
	if (kind == WORK)
		return banos_work_destroy((banos_work)last);
	return 0;
}

static int64_t hoard_init(banos_owner self)
{
	int64_t error = 0;
	uint32_t count = 0;

	owner = self;
	while (!error && count < LIMIT) {
		error = take_one();
		count += !error;
	}
	banos_print(self, "took %u, then error %lld", count, (long long)error);
	if (kind == MUTEXES)
		return error; /* none is expected: a mutex is the driver's own memory */
	if (error != -ENOMEM)
		return -EINVAL;
	error = give_one();
	if (error || kind == WAITS)
		return error ? error : banos_wait_init(self, (struct banos_wait *)last);
	return take_one();
}

BANOS_DRIVER(hoard, "1.0", "MIT", "Takes all it gets", hoard_init, NULL);
