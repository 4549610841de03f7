/* SPDX-License-Identifier: MIT */
/*
 * A frame waits until the link is free, which it is for so many bytes in a second, and then for the delay, which jitter makes shorter or
 * longer. Frames stay in order, but for those that are drawn to overtake: these do not wait for the delay.
 * The rate is a token bucket, kept as the time at which it is full: RFC 2697 in other words.
 */
#include "plan.h"

#define SECOND UINT64_C(1000000000)
#define PPM    1000000u

/* xorshift64*. */
static uint32_t plan_draw(struct plan *plan, uint64_t below)
{
	plan->random ^= plan->random >> 12;
	plan->random ^= plan->random << 25;
	plan->random ^= plan->random >> 27;
	return (uint32_t)((plan->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below);
}

static bool plan_happens(struct plan *plan, uint32_t ppm)
{
	return ppm && plan_draw(plan, PPM) < ppm;
}

/* When the link has sent it. */
static uint64_t plan_rate(struct plan *plan, uint64_t now_ns, uint32_t bytes)
{
	uint64_t burst_ns, least;

	if (!plan->rate_bytes)
		return now_ns;
	burst_ns = plan->burst_bytes * SECOND / plan->rate_bytes;
	least = now_ns > burst_ns ? now_ns - burst_ns : 0;
	if (plan->free_ns < least)
		plan->free_ns = least;
	plan->free_ns += bytes * SECOND / plan->rate_bytes;
	if (plan->free_ns < now_ns)
		return now_ns;
	return plan->free_ns;
}

static uint64_t plan_time(struct plan *plan, uint64_t now_ns, uint32_t bytes)
{
	uint64_t delay_ns = plan->delay_ns, at_ns = plan_rate(plan, now_ns, bytes);

	if (plan_happens(plan, plan->reorder_ppm))
		return at_ns;
	if (plan->jitter_ns)
		delay_ns += plan_draw(plan, 2 * plan->jitter_ns + 1);
	if (plan->jitter_ns)
		delay_ns = delay_ns > plan->jitter_ns ? delay_ns - plan->jitter_ns : 0;
	at_ns += delay_ns;
	if (at_ns < plan->last_ns)
		at_ns = plan->last_ns;
	plan->last_ns = at_ns;
	return at_ns;
}

bool plan_frame(struct plan *plan, uint64_t now_ns, uint32_t bytes, bool room, uint64_t *at_ns,
		bool *twice)
{
	uint64_t free_ns = plan->free_ns, last_ns = plan->last_ns;

	*twice = false;
	if (plan_happens(plan, plan->loss_ppm))
		return false;
	*twice = plan_happens(plan, plan->duplicate_ppm);
	*at_ns = plan_time(plan, now_ns, bytes);
	if (room || *at_ns <= now_ns)
		return true;
	plan->free_ns = free_ns;
	plan->last_ns = last_ns;
	*twice = false;
	return false;
}
