// SPDX-License-Identifier: MIT
/*
 * epoll_wait() and its relatives: walking the ready list, and reporting what is
 * ready. The theory is at the top of epoll.c.
 */
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/process.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/time.h>
#include "epoll.h"

#define EPOLL_EVENTS_MAX (0x7fffffff / sizeof(struct user_epoll_event))

/* ---- walking the ready list ---- */

struct ready_walk {
	struct eventpoll *set;
	struct ready_entry mark, end;
};

static void ready_walk_begin(struct ready_walk *walk, struct eventpoll *set)
{
	u64 flags = spin_lock_irqsave(&set->lock);

	walk->set = set;
	walk->mark.is_mark = walk->end.is_mark = true;
	list_add(&walk->mark.link, &set->ready);
	list_add_tail(&walk->end.link, &set->ready);
	spin_unlock_irqrestore(&set->lock, flags);
}

static void ready_walk_end(struct ready_walk *walk)
{
	u64 flags = spin_lock_irqsave(&walk->set->lock);

	list_del(&walk->mark.link);
	list_del(&walk->end.link);
	spin_unlock_irqrestore(&walk->set->lock, flags);
}

/* The next item that was on the list when the walk began, counted, and its file. */
static struct eventpoll_item *ready_walk_next(struct ready_walk *walk, u32 *wakes)
{
	u64 flags = spin_lock_irqsave(&walk->set->lock);
	struct eventpoll_item *item = NULL;

	while (!item && walk->mark.link.next != &walk->end.link) {
		struct ready_entry *next =
			list_entry(walk->mark.link.next, struct ready_entry, link);

		list_del(&walk->mark.link);
		list_add(&walk->mark.link, &next->link);
		if (next->is_mark)
			continue;
		item = container_of(next, struct eventpoll_item, ready);
		if (!atomic_inc_not_zero(&item->file->refs)) {
			epoll_ready_remove_locked(item); /* it is being closed */
			item = NULL;
		}
	}
	if (item) {
		atomic_inc(&item->refs);
		*wakes = item->wakes;
	}
	spin_unlock_irqrestore(&walk->set->lock, flags);
	return item;
}

static void ready_walk_put(struct eventpoll_item *item)
{
	struct file *f = item->file;

	epoll_item_put(item);
	file_put(f);
}

/* Not ready: off the list, unless it was woken after the file had been asked. */
static void item_not_ready_locked(struct eventpoll_item *item, u32 wakes)
{
	assert_held(&item->set->lock);
	if (item->wakes == wakes)
		epoll_ready_remove_locked(item);
}

bool epoll_any_ready(struct eventpoll *set)
{
	struct eventpoll_item *item;
	struct ready_walk walk;
	bool found = false;
	u32 wakes;

	if (!READ_ONCE(set->nr_ready))
		return false;
	ready_walk_begin(&walk, set);
	while (!found && (item = ready_walk_next(&walk, &wakes))) {
		u32 ready = epoll_item_ask(item, NULL);
		u64 flags = spin_lock_irqsave(&set->lock);

		found = !item->dead && (ready & item->events);
		if (!found)
			item_not_ready_locked(item, wakes);
		spin_unlock_irqrestore(&set->lock, flags);
		ready_walk_put(item);
	}
	ready_walk_end(&walk);
	return found;
}

/* ---- waiting ---- */

/*
 * The file reported @p ready. Is any of it to be reported, and to this thread?
 * @param armed  out: the events before they were disarmed
 */
static bool item_claim_locked(struct eventpoll_item *item, u32 wakes, u32 ready,
			      struct user_epoll_event *event, u32 *armed)
{
	bool queued = epoll_item_is_ready(item);

	assert_held(&item->set->lock);
	*armed = item->events;
	if (item->dead)
		return false;
	*event = (struct user_epoll_event){ ready & item->events, item->data };
	if (!event->events) {
		item_not_ready_locked(item, wakes);
		return false;
	}
	if (!queued && (item->events & (EPOLLET | EPOLLONESHOT)))
		return false; /* another thread has taken it */
	epoll_ready_remove_locked(item);
	if (!(item->events & (EPOLLET | EPOLLONESHOT))) {
		epoll_ready_add_locked(item); /* it may still be ready next time; others first */
		return true;
	}
	if (item->events & EPOLLONESHOT)
		item->events &= EPOLL_PRIVATE_BITS;
	else if (item->wakes != wakes)
		epoll_ready_add_locked(item); /* another edge already */
	return true;
}

/* The program did not get it. */
static void item_unclaim(struct eventpoll_item *item, u32 armed)
{
	u64 flags = spin_lock_irqsave(&item->set->lock);

	if (item->events == (armed & EPOLL_PRIVATE_BITS))
		item->events = armed;
	epoll_ready_add_locked(item);
	spin_unlock_irqrestore(&item->set->lock, flags);
}

/* @return 1: reported, 0: nothing to report, -EFAULT */
static s64 item_report(struct eventpoll_item *item, u32 wakes, uaddr_t out)
{
	u32 ready = epoll_item_ask(item, NULL), armed;
	struct user_epoll_event event;
	u64 flags = spin_lock_irqsave(&item->set->lock);
	bool claimed = item_claim_locked(item, wakes, ready, &event, &armed);

	spin_unlock_irqrestore(&item->set->lock, flags);
	if (!claimed)
		return 0;
	if (!copy_to_user(out, &event, sizeof(event)))
		return 1;
	item_unclaim(item, armed);
	return -EFAULT;
}

/* Report up to @p max events. @return how many, or -EFAULT when none */
static s64 report_ready(struct eventpoll *set, uaddr_t out, u32 max)
{
	struct eventpoll_item *item;
	struct ready_walk walk;
	s64 count = 0, got = 0;
	u32 wakes;

	ready_walk_begin(&walk, set);
	while (count < max && got >= 0 && (item = ready_walk_next(&walk, &wakes))) {
		got = item_report(item, wakes,
				  uaddr_add(out, count * sizeof(struct user_epoll_event)));
		count += MAX(got, 0l);
		ready_walk_put(item);
	}
	ready_walk_end(&walk);
	if (count)
		return count;
	return MIN(got, 0l);
}

/* Until something may be ready. @return false: the time has passed */
static bool sleep_for_events(struct eventpoll *set, u64 deadline)
{
	struct waiter waiter;
	bool in_time;

	waiter_init(&waiter);
	waiter.exclusive = true;
	wait_prepare(&set->wait, &waiter, THREAD_INTERRUPTIBLE);
	if (!READ_ONCE(set->nr_ready) && !signal_pending())
		in_time = schedule_until(deadline);
	else
		in_time = time_monotonic_ns() < deadline;
	wait_finish(&set->wait, &waiter);
	return in_time;
}

/* @param deadline 0: don't wait; ~0: for ever */
static s64 set_wait_for_events(struct eventpoll *set, uaddr_t out, u32 max, u64 deadline)
{
	bool in_time = deadline;
	s64 result = 0;

	for (;;) {
		/* Once more where another thread may have moved what this one was to see. */
		for (u32 tries = 0; !result && tries < 2 && READ_ONCE(set->nr_ready); tries++) {
			if (fatal_signal_pending())
				result = -EINTR;
			else
				result = report_ready(set, out, max);
		}
		if (result || !in_time)
			break;
		if (signal_pending()) {
			result = -EINTR;
			break;
		}
		in_time = sleep_for_events(set, deadline);
	}
	/* One wake-up reaches one thread: let the next one have what this one left. */
	if (READ_ONCE(set->nr_ready) && wait_queue_active(&set->wait))
		wake_up(&set->wait);
	return result;
}

static s64 epoll_wait_fd(u32 epfd, uaddr_t out, s32 max, u64 deadline)
{
	struct eventpoll *set;
	struct fd_ref ref;
	s64 ret;

	if (max <= 0 || (u64)max > EPOLL_EVENTS_MAX)
		return -EINVAL;
	if (!user_range_ok(out, (u64)max * sizeof(struct user_epoll_event)))
		return -EFAULT;
	ref = fd_get(epfd);
	if (!ref.file)
		return -EBADF;
	set = epoll_of_file(ref.file);
	if (!set)
		ret = -EINVAL;
	else
		ret = set_wait_for_events(set, out, max, deadline);
	fd_put(ref);
	return ret;
}

static u64 deadline_ms(s32 ms)
{
	if (ms <= 0) {
		if (ms)
			return ~0ull;
		return 0;
	}
	return time_monotonic_ns() + ms * NSEC_PER_MSEC;
}

SYSCALL4(epoll_wait, epfd, out, max, ms)
{
	return epoll_wait_fd((u32)epfd, uaddr(out), (s32)max, deadline_ms((s32)ms));
}

SYSCALL6(epoll_pwait, epfd, out, max, ms, mask, mask_size)
{
	int err = 0;

	if (mask)
		err = signal_mask_temporary(mask, mask_size);
	if (err)
		return err;
	return epoll_wait_fd((u32)epfd, uaddr(out), (s32)max, deadline_ms((s32)ms));
}

SYSCALL6(epoll_pwait2, epfd, out, max, timeout, mask, mask_size)
{
	struct timespec time;
	u64 deadline = ~0ull;
	int err = 0;

	if (timeout) {
		if (copy_from_user(&time, uaddr(timeout), sizeof(time)))
			return -EFAULT;
		if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= (s64)NSEC_PER_SEC)
			return -EINVAL;
		if (!time.tv_sec && !time.tv_nsec)
			deadline = 0;
		else if (time.tv_sec < 1l << 32)
			deadline = time_monotonic_ns() + time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
	}
	if (mask)
		err = signal_mask_temporary(mask, mask_size);
	if (err)
		return err;
	return epoll_wait_fd((u32)epfd, uaddr(out), (s32)max, deadline);
}
