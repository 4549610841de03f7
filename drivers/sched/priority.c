/* SPDX-License-Identifier: MIT */
/*
 * Strict priorities: a thread runs only while none of a lower nice value waits on its processor; those of the same take turns.
 *
 * So that none waits for ever, one that has waited for age_ms runs first, for one turn. Each thread that waits is in two
 * lists, by arrival: of its level, and of all. Nothing is shared by processors, so there is no lock.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/scheduler.h>
#include <banos/time.h>

#define NSEC_PER_MSEC 1000000u
#define LEVELS	      41u /* by nice value, and one for SCHED_IDLE */
#define POLICY_IDLE   5u

static uint32_t age_ms = 500;
BANOS_PARAM_U32(age_ms, 10, 900, "how long a thread waits at most before it has a turn");

struct chain {
	struct chain *next, *prev;
};
struct claim {
	struct chain by_level, by_age; /* next is NULL while it does not wait */
	uint64_t thread, since_ns;
	uint32_t level, zero;
};
struct level_queue {
	struct chain levels[LEVELS], all;
	uint64_t waiting; /* bit by level */
	uint64_t running; /* its level */
};
static struct level_queue queues[BANOS_SCHEDULER_CPUS];
static banos_owner own;

static void claim_chain_init(struct chain *chain)
{
	chain->next = chain->prev = chain;
}

static void claim_chain_append(struct chain *chain, struct chain *link)
{
	link->next = chain;
	link->prev = chain->prev;
	chain->prev->next = link;
	chain->prev = link;
}

static void claim_chain_remove(struct chain *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->next = NULL;
}

static uint32_t level_of(const struct banos_scheduler_thread *info)
{
	return info->policy == POLICY_IDLE ? LEVELS - 1 : (uint32_t)(info->nice + 20);
}

static int64_t priority_attach(void *context, uint64_t thread,
			       const struct banos_scheduler_thread *info, uint64_t *cookie)
{
	struct claim *claim = banos_alloc(own, sizeof(*claim), 0);

	if (!claim)
		return -ENOMEM;
	claim->thread = thread;
	claim->level = level_of(info);
	*cookie = (uint64_t)claim;
	return 0;
}

static int64_t priority_detach(void *context, uint64_t thread, uint64_t cookie)
{
	return banos_free(own, (struct claim *)cookie);
}

/* It does not wait when its level changes. */
static int64_t priority_changed(void *context, uint64_t thread, uint64_t cookie,
				const struct banos_scheduler_thread *info)
{
	((struct claim *)cookie)->level = level_of(info);
	return 0;
}

static int64_t priority_enqueue(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
				uint32_t why, uint64_t ran_ns)
{
	struct level_queue *queue = &queues[cpu];
	struct claim *claim = (struct claim *)cookie;

	claim->since_ns = banos_time_ns();
	claim_chain_append(&queue->levels[claim->level], &claim->by_level);
	claim_chain_append(&queue->all, &claim->by_age);
	queue->waiting |= 1ull << claim->level;
	return claim->level < queue->running;
}

static int64_t priority_dequeue(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
				uint32_t why, uint64_t ran_ns)
{
	struct level_queue *queue = &queues[cpu];
	struct claim *claim = (struct claim *)cookie;

	if (!claim->by_level.next) /* it runs, and does not wait */
		return 0;
	claim_chain_remove(&claim->by_level);
	claim_chain_remove(&claim->by_age);
	if (queue->levels[claim->level].next == &queue->levels[claim->level])
		queue->waiting &= ~(1ull << claim->level);
	return 0;
}

static struct claim *claim_by_age(struct chain *link)
{
	return (struct claim *)((uint8_t *)link - offsetof(struct claim, by_age));
}

static int64_t priority_pick(void *context, uint32_t cpu)
{
	struct level_queue *queue = &queues[cpu];
	struct claim *claim;

	if (!queue->waiting)
		return 0;
	claim = claim_by_age(queue->all.next);
	if (banos_time_ns() - claim->since_ns < (uint64_t)age_ms * NSEC_PER_MSEC)
		claim = (struct claim *)queue->levels[__builtin_ctzll(queue->waiting)].next;
	priority_dequeue(context, claim->thread, (uint64_t)claim, cpu, 0, 0);
	queue->running = claim->level;
	return (int64_t)claim->thread;
}

static int64_t priority_init(banos_owner self)
{
	static const struct banos_scheduler_ops ops = {
		.size = sizeof(ops),
		.attach = priority_attach,
		.detach = priority_detach,
		.changed = priority_changed,
		.enqueue = priority_enqueue,
		.dequeue = priority_dequeue,
		.pick = priority_pick,
	};
	static const struct banos_scheduler_config config = { .size = sizeof(config),
							      .name = "priority",
							      .ops = &ops };
	banos_scheduler scheduler;

	own = self;
	for (uint32_t cpu = 0; cpu < BANOS_SCHEDULER_CPUS; cpu++) {
		claim_chain_init(&queues[cpu].all);
		for (uint32_t level = 0; level < LEVELS; level++)
			claim_chain_init(&queues[cpu].levels[level]);
	}
	return banos_scheduler_register(self, &config, &scheduler);
}
BANOS_DRIVER(priority, "1.0", "MIT", "Strict priorities", priority_init, NULL);
