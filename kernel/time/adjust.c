/* SPDX-License-Identifier: MIT */
/*
 * The clock is steered: the state behind adjtimex(), and the timer that makes each second as long as that says.
 *
 * The timer runs once a second from the first change on. A change of the rate holds at once, and what is slewed from the next
 * second on, so that many calls slew no faster than one. adjust_lock (spin, interrupts off) guards all of it; the clock's
 * own lock is inside it.
 */
#include <kernel/clock.h>
#include <kernel/lock.h>
#include <kernel/ntp.h>
#include <kernel/time.h>

static DEFINE_SPINLOCK(adjust_lock);
static struct ntp ntp = NTP_INIT;
static s64 adjust_slewed; /* in this second: ns << NTP_SHIFT */
static struct timer adjust_timer;
static bool adjust_timer_runs;

static void adjust_second(struct timer *timer)
{
	u64 flags = spin_lock_irqsave(&adjust_lock);

	adjust_slewed = ntp_second(&ntp);
	clock_steer(ntp_rate(&ntp) + adjust_slewed);
	spin_unlock_irqrestore(&adjust_lock, flags);
	timer_start(timer, time_monotonic_ns() + NSEC_PER_SEC);
}

int clock_adjust(struct user_timex *timex)
{
	bool changes = ntp_changes(timex), begin;
	u64 flags = spin_lock_irqsave(&adjust_lock);
	int state = ntp_adjust(&ntp, timex, time_realtime_ns() / NSEC_PER_SEC);

	if (changes)
		clock_steer(ntp_rate(&ntp) + adjust_slewed);
	begin = changes && !adjust_timer_runs;
	adjust_timer_runs |= changes;
	spin_unlock_irqrestore(&adjust_lock, flags);
	if (begin) {
		timer_init(&adjust_timer, adjust_second);
		timer_start(&adjust_timer, time_monotonic_ns());
	}
	return state;
}

void clock_adjust_clear(void)
{
	u64 flags = spin_lock_irqsave(&adjust_lock);

	ntp_clear(&ntp);
	adjust_slewed = 0;
	clock_steer(ntp_rate(&ntp));
	spin_unlock_irqrestore(&adjust_lock, flags);
}

u64 time_tai_offset_ns(void)
{
	return (u64)READ_ONCE(ntp.tai) * NSEC_PER_SEC;
}
