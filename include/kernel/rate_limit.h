/* SPDX-License-Identifier: MIT */
/** @file rate_limit.h  A limit for messages that a program or driver can cause: so many in an interval, the rest counted. */
#pragma once
#include <kernel/lock.h>
#include <kernel/time.h>

struct rate_limit {
	spinlock_t lock; /* all of it */
	u64 interval_ns, begun_ns;
	u32 burst, passed, missed;
};
#define DEFINE_RATE_LIMIT(name, n, ns) \
	struct rate_limit name = { .burst = (n), .interval_ns = (ns) }

/**
 * @brief May another message be printed now? Any context but an NMI.
 * @param missed  out, where it may: how many might not since the last that did
 */
static inline bool rate_limit_pass(struct rate_limit *r, u32 *missed)
{
	u64 now = time_monotonic_ns(), flags = spin_lock_irqsave(&r->lock);
	bool pass;

	if (!r->begun_ns || now - r->begun_ns >= r->interval_ns) {
		r->begun_ns = now;
		r->passed = 0;
	}
	pass = r->passed < r->burst;
	if (pass) {
		r->passed++;
		*missed = r->missed;
		r->missed = 0;
	} else {
		r->missed++;
	}
	spin_unlock_irqrestore(&r->lock, flags);
	return pass;
}
