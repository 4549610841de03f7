// SPDX-License-Identifier: MIT
/*
 * The end of addresses and routes that have one: a thread that sleeps until the next. It is made with the first.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/thread.h>
#include <kernel/time.h>

u64 net_deadline(u32 seconds)
{
	if (!seconds)
		return 0;
	return time_monotonic_ns() + seconds * NSEC_PER_SEC;
}

u32 net_deadline_seconds(u64 deadline_ns)
{
	u64 now = time_monotonic_ns();

	if (!deadline_ns)
		return 0;
	return MAX((deadline_ns - MIN(now, deadline_ns)) / NSEC_PER_SEC, 1ull);
}

static DEFINE_WAIT_QUEUE(lifetimes_wait);
static bool lifetimes_changed;

static void lifetimes_main(void *unused)
{
	for (;;) {
		u64 next;

		__atomic_store_n(&lifetimes_changed, false, __ATOMIC_SEQ_CST);
		next = net_settings_expire();
		(void)wait_event_until(&lifetimes_wait, READ_ONCE(lifetimes_changed), next);
	}
}

void net_lifetimes_look(void)
{
	static DEFINE_MUTEX(once);
	static bool started;

	mutex_lock(&once);
	if (!started) /* without memory for a thread the next one tries again */
		started = !thread_spawn(lifetimes_main, NULL, "net-lifetimes");
	mutex_unlock(&once);
	__atomic_store_n(&lifetimes_changed, true, __ATOMIC_SEQ_CST);
	wake_up_all(&lifetimes_wait);
}
