/* SPDX-License-Identifier: MIT */
/*
 * Two threads do to one object what only one may do, with what the other gives
 * up meanwhile: whatever that does to the driver, the kernel's own state is as
 * it should be afterwards.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>

#define ROUNDS 500

static banos_owner own;
static void *shared; /* a handle or an address, of what is being raced for */
static struct banos_mutex mutex;
static struct banos_wait bell;
static uint32_t kind;

static void *get(void)
{
	return __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
}
static void put(void *memory)
{
	__atomic_store_n(&shared, memory, __ATOMIC_RELEASE);
}

static int64_t nothing(void *context)
{
	return 0;
}

/* ---- what the thread does, all the time ---- */

static void use_timer(void)
{
	banos_timer_start((banos_timer)get(), banos_time_ns() + 10 * BANOS_MS);
}
static void use_work(void)
{
	banos_work_queue((banos_work)get());
}
/* Who takes it frees it. */
static void use_memory(void)
{
	banos_free(own, __atomic_exchange_n(&shared, (void *)0, __ATOMIC_ACQ_REL));
}
static void use_symbol(void)
{
	banos_release_symbol(own, get());
}

static void use_mutex(void)
{
	if (!banos_mutex_trylock(&mutex))
		banos_mutex_unlock(&mutex);
}

static void use_bell(void)
{
	banos_wait_wake(&bell);
	banos_wait_sleep(&bell, banos_wait_ticket(&bell), banos_time_ns() + 20 * BANOS_US, 0);
}

static void use_thread(void)
{
	banos_thread_stop((banos_thread)get(), NULL);
}

/* ---- what the other one does, in each round ---- */

static void round_timer(void)
{
	banos_timer timer;

	if (banos_timer_create(own, nothing, NULL, &timer))
		return;
	put(timer);
	banos_delay(2 * BANOS_US);
	banos_timer_destroy(timer);
}

static void round_work(void)
{
	banos_work work;

	if (banos_work_create(own, nothing, NULL, &work))
		return;
	put(work);
	banos_delay(2 * BANOS_US);
	banos_work_destroy(work);
}

static void round_memory(void)
{
	void *memory = banos_alloc(own, 100, 0);

	put(memory);
	banos_delay(BANOS_US);
	use_memory();
}

static void round_symbol(void)
{
	void *function = banos_lookup_symbol(own, "adder_add");

	put(function);
	banos_delay(BANOS_US);
	banos_release_symbol(own, function);
}

static void round_mutex(void)
{
	banos_mutex_init(own, &mutex);
	banos_delay(BANOS_US);
	while (banos_mutex_destroy(&mutex) == -EBUSY)
		banos_thread_yield();
}

static void round_bell(void)
{
	banos_wait_init(own, &bell);
	banos_delay(BANOS_US);
	while (banos_wait_destroy(&bell) == -EBUSY)
		banos_thread_yield();
}

static void round_thread(void)
{
	banos_thread thread;

	if (banos_thread_create(own, nothing, NULL, "raced", &thread))
		return;
	put(thread);
	banos_delay(BANOS_US);
	banos_thread_stop(thread, NULL);
}

static const struct {
	void (*use)(void), (*round)(void);
	uint32_t rounds;
} races[] = {
	{ use_timer, round_timer, 4 * ROUNDS },	   { use_work, round_work, ROUNDS },
	{ use_memory, round_memory, ROUNDS },	   { use_symbol, round_symbol, ROUNDS },
	{ use_mutex, round_mutex, ROUNDS },	   { use_bell, round_bell, ROUNDS },
	{ use_thread, round_thread, ROUNDS / 10 },
};

static int64_t run(void *context)
{
	while (!banos_thread_should_stop())
		races[kind].use();
	return 0;
}

static int64_t racer_init(banos_owner self)
{
	int64_t error = 0;

	own = self;
	for (kind = 0; !error && kind < sizeof(races) / sizeof(races[0]); kind++) {
		banos_thread thread;

		shared = NULL;
		error = banos_thread_create(self, run, NULL, "racer", &thread);
		for (uint32_t i = 0; !error && i < races[kind].rounds; i++)
			races[kind].round();
		if (!error)
			error = banos_thread_stop(thread, NULL);
	}
	kind = 0;
	if (error)
		return error;
	return banos_thread_create(self, run, NULL, "racer", NULL); /* beside the sweep */
}

BANOS_DRIVER(racer, "1.0", "MIT", "Gives up what another thread uses", racer_init, NULL);
