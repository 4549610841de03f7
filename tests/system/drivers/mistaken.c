/* SPDX-License-Identifier: MIT */
/*
 * Makes the mistakes that Documentation/drivers.md lists, one after the other, in init(). One
 * timer is left to the kernel.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/time.h>
#include <banos/timer.h>

static int64_t result;
BANOS_PARAM_I64(result, INT64_MIN, INT64_MAX, "of init()");

static struct banos_mutex mutex;
static struct banos_spinlock spin;

static int64_t mistaken_timer(void *context)
{
	return 0;
}

static void mistake_locks(banos_owner self)
{
	banos_mutex_lock(&mutex);
	banos_mutex_init(self, &mutex);
	banos_mutex_lock(&mutex);
	banos_mutex_lock(&mutex);
	banos_mutex_unlock(&mutex);
	banos_spin_init(&spin);
	banos_spin_lock(&spin);
	banos_mutex_lock(&mutex);
	banos_spin_unlock(&spin);
	banos_spin_unlock(&spin);
	banos_mutex_destroy(&mutex);
}

static void mistake_handles(banos_owner self)
{
	void *memory = banos_alloc(self, 10, 0);
	banos_timer timer = NULL;

	banos_alloc(NULL, 10, 0);
	banos_alloc(self, 10, 64);
	banos_free(self, memory);
	banos_free(self, memory);
	banos_timer_create(self, (int64_t(*)(void *))(uintptr_t)&banos_api_level, NULL, &timer);
	banos_timer_create(self, mistaken_timer, NULL, &timer);
	banos_timer_destroy(timer);
	banos_timer_start(timer, 1);
	banos_timer_create(self, mistaken_timer, NULL, &timer);
	banos_sleep_until(banos_time_ns() + 60 * BANOS_S, BANOS_UNINTERRUPTIBLE);
}

static void mistake_structs(banos_owner self)
{
	const struct banos_chardev_config chardev = { .size = 0 };
	const struct banos_prober_ops ops = { .size = sizeof(ops) };
	const struct banos_prober_config prober = { .size = sizeof(prober),
						    .ops = &ops,
						    .bus = "pci" };
	const struct banos_dma_config dma = { .size = sizeof(dma), .bytes = 4096 };
	banos_dma buffer;
	void *memory;
	uint64_t address;

	banos_chardev_register(self, &chardev, NULL);
	banos_prober_register(self, &prober, NULL);
	banos_dma_alloc(self, &dma, &buffer, &memory, &address);
}

static int64_t mistaken_init(banos_owner self)
{
	mistake_locks(self);
	mistake_handles(self);
	mistake_structs(self);
	return result;
}

BANOS_DRIVER(mistaken, "1.0", "MIT", "Makes mistakes", mistaken_init, NULL);
