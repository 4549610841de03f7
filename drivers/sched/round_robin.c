/* SPDX-License-Identifier: MIT */
/*
 * Round robin: on each processor threads take turns in the order in which they began to wait.
 *
 * Methods for one processor's queue are never called at the same time, and nothing here is
 * shared by processors, so there is no lock.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/scheduler.h>

#define NSEC_PER_MSEC 1000000u

static uint32_t slice_ms = 4;
BANOS_PARAM_U32(slice_ms, 1, 100, "how long a thread runs while others wait");

struct turn {
	struct turn *next, *prev;
	uint64_t thread;
};
static struct turn queues[BANOS_SCHEDULER_CPUS]; /* next: the first that waits */
static banos_owner own;

static void turn_remove(struct turn *turn)
{
	turn->prev->next = turn->next;
	turn->next->prev = turn->prev;
	turn->next = NULL;
}

static int64_t round_robin_attach(void *context, uint64_t thread,
				  const struct banos_scheduler_thread *info, uint64_t *cookie)
{
	struct turn *turn = banos_alloc(own, sizeof(*turn), 0);

	if (!turn)
		return -ENOMEM;
	turn->thread = thread;
	*cookie = (uint64_t)turn;
	return 0;
}

static int64_t round_robin_detach(void *context, uint64_t thread, uint64_t cookie)
{
	return banos_free(own, (struct turn *)cookie);
}

static int64_t round_robin_enqueue(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
				   uint32_t why, uint64_t ran_ns)
{
	struct turn *turn = (struct turn *)cookie, *queue = &queues[cpu];

	turn->next = queue;
	turn->prev = queue->prev;
	queue->prev->next = turn;
	queue->prev = turn;
	return 0;
}

static int64_t round_robin_dequeue(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
				   uint32_t why, uint64_t ran_ns)
{
	struct turn *turn = (struct turn *)cookie;

	if (turn->next) /* it waits, and does not run */
		turn_remove(turn);
	return 0;
}

static int64_t round_robin_pick(void *context, uint32_t cpu)
{
	struct turn *turn = queues[cpu].next;

	if (turn == &queues[cpu])
		return 0;
	turn_remove(turn);
	return (int64_t)turn->thread;
}

static int64_t round_robin_tick(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
				uint64_t ran_ns)
{
	return ran_ns >= (uint64_t)slice_ms * NSEC_PER_MSEC;
}

static int64_t round_robin_init(banos_owner self)
{
	static const struct banos_scheduler_ops ops = {
		.size = sizeof(ops),
		.attach = round_robin_attach,
		.detach = round_robin_detach,
		.enqueue = round_robin_enqueue,
		.dequeue = round_robin_dequeue,
		.pick = round_robin_pick,
		.tick = round_robin_tick,
	};
	static const struct banos_scheduler_config config = { .size = sizeof(config),
							      .name = "round_robin",
							      .ops = &ops };
	banos_scheduler scheduler;

	own = self;
	for (uint32_t cpu = 0; cpu < BANOS_SCHEDULER_CPUS; cpu++)
		queues[cpu].next = queues[cpu].prev = &queues[cpu];
	return banos_scheduler_register(self, &config, &scheduler);
}
BANOS_DRIVER(round_robin, "1.0", "MIT", "Round robin scheduler", round_robin_init, NULL);
