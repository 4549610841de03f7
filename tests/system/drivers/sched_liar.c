/* SPDX-License-Identifier: MIT */
/* A scheduler that lies in the way that its parameter says. What waits it keeps on a stack for each processor. */
#define BANOS_DRAFT
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/scheduler.h>
#include <banos/wait.h>

enum { HONEST, NONSENSE, NEVER, ELSEWHERE, GONE, STARVES, CALLS, PLACES, REFUSES, FLAGS, LIES };
static uint32_t lie;
BANOS_PARAM_U32(lie, 0, LIES - 1, "what it does");

#define DEPTH 512u
static struct {
	uint64_t threads[DEPTH];
	uint32_t count;
	uint64_t last, left;
} stacks[BANOS_SCHEDULER_CPUS];
static banos_owner own;
static struct banos_wait wait;
static uint32_t attached;

static int64_t liar_attach(void *context, uint64_t thread,
			   const struct banos_scheduler_thread *info, uint64_t *cookie)
{
	if (lie == REFUSES && attached == 5)
		return -EPERM;
	__atomic_add_fetch(&attached, 1, __ATOMIC_RELAXED);
	*cookie = thread ^ 0x55;
	return 0;
}

static int64_t liar_detach(void *context, uint64_t thread, uint64_t cookie)
{
	__atomic_sub_fetch(&attached, 1, __ATOMIC_RELAXED);
	if (cookie != (thread ^ 0x55))
		banos_print(own, "a foreign cookie");
	return 0;
}

static void liar_calls(void)
{
	static void *memory;

	banos_print(own, "printed by a method");
	banos_wait_wake(&wait);
	memory = banos_alloc(own, 16, BANOS_ALLOC_ATOMIC);
	banos_free(own, memory);
	(void)banos_scheduler_remove(NULL);
}

static int64_t liar_enqueue(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
			    uint32_t why, uint64_t ran_ns)
{
	if (lie == CALLS)
		liar_calls();
	if (lie == FLAGS)
		__asm__ volatile("std");
	if (stacks[cpu].count < DEPTH)
		stacks[cpu].threads[stacks[cpu].count++] = thread;
	stacks[cpu].last = thread;
	return 1;
}

static int64_t liar_dequeue(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
			    uint32_t why, uint64_t ran_ns)
{
	stacks[cpu].last = stacks[cpu].left = thread;
	for (uint32_t i = 0; i < stacks[cpu].count; i++)
		if (stacks[cpu].threads[i] == thread) {
			for (; i + 1 < stacks[cpu].count; i++)
				stacks[cpu].threads[i] = stacks[cpu].threads[i + 1];
			stacks[cpu].count--;
		}
	return 0;
}

/* Honest: the one that has waited longest. */
static uint64_t liar_take(uint32_t cpu, uint32_t index)
{
	uint64_t thread = stacks[cpu].threads[index];

	liar_dequeue(NULL, thread, 0, cpu, 0, 0);
	return thread;
}

static int64_t liar_pick(void *context, uint32_t cpu)
{
	static const int64_t nonsense[] = { -1,	       1,	   INT64_MAX,	  INT64_MIN,
					    1ll << 32, 0xffffffff, 5ll << 32 | 7, -22 };
	static uint32_t turn;

	if (lie == NONSENSE)
		return nonsense[turn++ % 8];
	if (lie == NEVER || !stacks[cpu].count)
		return 0;
	if (lie == ELSEWHERE)
		return (int64_t)stacks[(cpu + 1) % 4].last;
	if (lie == GONE)
		return (int64_t)stacks[cpu].left;
	if (lie == STARVES)
		return (int64_t)liar_take(cpu, stacks[cpu].count - 1);
	return (int64_t)liar_take(cpu, 0);
}

static int64_t liar_select_cpu(void *context, uint64_t thread, uint64_t cookie, uint32_t last,
			       uint64_t idle)
{
	return 9999;
}

static int64_t liar_steal(void *context, uint32_t from, uint32_t to)
{
	return (int64_t)stacks[to].last;
}

static int64_t liar_init(banos_owner self)
{
	static struct banos_scheduler_ops ops = {
		.size = sizeof(ops),
		.attach = liar_attach,
		.detach = liar_detach,
		.enqueue = liar_enqueue,
		.dequeue = liar_dequeue,
		.pick = liar_pick,
	};
	static const struct banos_scheduler_config config = { .size = sizeof(config),
							      .name = "liar",
							      .ops = &ops };
	banos_scheduler scheduler;
	int64_t err = banos_wait_init(self, &wait);

	own = self;
	if (lie == PLACES) {
		ops.select_cpu = liar_select_cpu;
		ops.steal = liar_steal;
	}
	if (!err)
		err = banos_scheduler_register(self, &config, &scheduler);
	return err;
}

static int64_t liar_exit(banos_owner self)
{
	(void)banos_wait_destroy(&wait);
	if (attached)
		banos_print(own, "%u threads were not detached", attached);
	return 0;
}
BANOS_DRIVER(liar, "1.0", "MIT", "A scheduler that lies", liar_init, liar_exit);
