/* SPDX-License-Identifier: MIT */
/* A scheduler: each processor draws the next thread, which has as many tickets as its nice value weighs. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/scheduler.h>

struct player {
	struct player *next; /* of those that wait */
	uint64_t thread, tickets;
};
static struct player *players[BANOS_SCHEDULER_CPUS];
static uint64_t sold[BANOS_SCHEDULER_CPUS], lot;
static banos_owner own;

static int64_t lottery_attach(void *context, uint64_t thread,
			      const struct banos_scheduler_thread *info, uint64_t *cookie)
{
	struct player *player = banos_alloc(own, sizeof(*player), 0);

	if (!player)
		return -ENOMEM;
	player->thread = thread;
	player->tickets = info->weight;
	*cookie = (uint64_t)player;
	return 0;
}

static int64_t lottery_detach(void *context, uint64_t thread, uint64_t cookie)
{
	return banos_free(own, (struct player *)cookie);
}

static int64_t lottery_enqueue(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
			       uint32_t why, uint64_t ran_ns)
{
	struct player *player = (struct player *)cookie;

	player->next = players[cpu];
	players[cpu] = player;
	sold[cpu] += player->tickets;
	return (why & BANOS_SCHED_WOKEN) != 0;
}

static int64_t lottery_dequeue(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
			       uint32_t why, uint64_t ran_ns)
{
	for (struct player **at = &players[cpu]; *at; at = &(*at)->next)
		if (*at == (struct player *)cookie) {
			sold[cpu] -= (*at)->tickets;
			*at = (*at)->next;
			break;
		}
	return 0;
}

static int64_t lottery_pick(void *context, uint32_t cpu)
{
	struct player *player = players[cpu];
	uint64_t ticket;

	lot = lot * 6364136223846793005u + 1442695040888963407u;
	ticket = (lot >> 32) % sold[cpu];
	for (; ticket >= player->tickets; player = player->next)
		ticket -= player->tickets;
	lottery_dequeue(context, player->thread, (uint64_t)player, cpu, 0, 0);
	return (int64_t)player->thread;
}

static int64_t lottery_init(banos_owner self)
{
	static const struct banos_scheduler_ops ops = {
		.size = sizeof(ops),
		.attach = lottery_attach,
		.detach = lottery_detach,
		.enqueue = lottery_enqueue,
		.dequeue = lottery_dequeue,
		.pick = lottery_pick,
	};
	static const struct banos_scheduler_config config = { .size = sizeof(config),
							      .name = "lottery",
							      .ops = &ops };
	banos_scheduler scheduler;

	own = self;
	return banos_scheduler_register(self, &config, &scheduler);
}
BANOS_DRIVER(lottery, "1.0", "MIT", "A scheduler that draws lots", lottery_init, NULL);
