/* SPDX-License-Identifier: MIT */
/**
 * @file wait.h  Wait queues: sleep until a condition holds.
 *
 *	err = wait_event_interruptible(&p->readers, pipe_has_data(p));
 *
 * The waker changes the condition, then calls wake_up(). The condition is
 * evaluated without the queue's lock; it may take locks and may not sleep.
 */
#pragma once
#include <kernel/err.h>
#include <kernel/thread.h>

struct wait_queue {
	spinlock_t lock;
	struct list waiters;
};
#define WAIT_QUEUE_INIT(q)                        \
	{                                         \
		.waiters = LIST_INIT((q).waiters) \
	}
#define DEFINE_WAIT_QUEUE(q) struct wait_queue q = WAIT_QUEUE_INIT(q)
#define wait_queue_init(q)                \
	do {                              \
		spin_init(&(q)->lock);    \
		list_init(&(q)->waiters); \
	} while (0)

/** One waiter. wake() runs under the queue's lock, any context; default makes the thread runnable. */
struct waiter {
	struct list link;
	struct thread *thread;
	bool (*wake)(struct waiter *w, u64 key); /* true: counts against nr of wake_up_key() */
	u64 key;				 /* poll events wanted; 0: all */
	void *private;
	bool exclusive;
};
void waiter_init(struct waiter *waiter);
void wait_queue_add(struct wait_queue *queue, struct waiter *waiter);
void wait_queue_remove(struct wait_queue *queue, struct waiter *waiter);
/** Does a thread wait, or is one about to? Behind a barrier that follows the change of the condition. */
static inline bool wait_queue_active(const struct wait_queue *queue)
{
	bool in_use = spin_is_used(&queue->lock);

	smp_rmb(); /* the list that its last holder left */
	return in_use || !list_empty(&queue->waiters);
}

/** Wake all non-exclusive waiters and @p nr exclusive ones (0: all). Any context. */
void wake_up_key(struct wait_queue *queue, u32 nr, u64 key);
#define wake_up(q)		wake_up_key(q, 1, 0)
#define wake_up_all(q)		wake_up_key(q, 0, 0)
#define wake_up_poll(q, events) wake_up_key(q, 1, events)

/** A state whose changes files report by POLLPRI, until they are read or polled again. */
struct change_source {
	struct atomic changes;
	struct wait_queue wait;
};
#define CHANGE_SOURCE_INIT(c)                     \
	{                                         \
		.wait = WAIT_QUEUE_INIT((c).wait) \
	}
/** It has changed. Any context. */
static inline void change_announce(struct change_source *source)
{
	atomic_inc(&source->changes);
	wake_up_all(&source->wait);
}

/** Queue @p waiter, if it is not, and set the state. Its thread NULL: waiter_init() first. */
void wait_prepare(struct wait_queue *queue, struct waiter *waiter, enum thread_state state);
void wait_finish(struct wait_queue *queue, struct waiter *waiter);
/** schedule() with a limit. @param deadline_ns monotonic, 0 = none. @return false when it passed. */
bool schedule_until(u64 deadline_ns);

#define WAIT_EVENT_(q, cond, st, deadline, intr)                                     \
	({                                                                           \
		int _err = 0;                                                        \
		if (!(cond)) {                                                       \
			struct waiter _w;                                            \
			_w.thread = NULL;                                            \
			for (;;) {                                                   \
				wait_prepare(q, &_w, st);                            \
				if (cond)                                            \
					break;                                       \
				if (intr) {                                          \
					_err = -ERESTARTSYS;                         \
					break;                                       \
				}                                                    \
				if (__builtin_constant_p(deadline) && !(deadline)) { \
					schedule();                                  \
				} else if (!schedule_until(deadline)) {              \
					if (!(cond))                                 \
						_err = -ETIMEDOUT;                   \
					break;                                       \
				}                                                    \
				if (cond)                                            \
					break;                                       \
			}                                                            \
			wait_finish(q, &_w);                                         \
		}                                                                    \
		_err;                                                                \
	})
#define wait_event(q, cond) ((void)WAIT_EVENT_(q, cond, THREAD_UNINTERRUPTIBLE, 0, false))
/** 0, or -ERESTARTSYS when a signal arrived first. */
#define wait_event_interruptible(q, cond) \
	WAIT_EVENT_(q, cond, THREAD_INTERRUPTIBLE, 0, signal_pending())
#define wait_event_killable(q, cond) \
	WAIT_EVENT_(q, cond, THREAD_KILLABLE, 0, fatal_signal_pending())
/** 0, -ERESTARTSYS or -ETIMEDOUT. @param deadline_ns monotonic clock; 0: for ever. */
#define wait_event_interruptible_until(q, cond, deadline_ns) \
	WAIT_EVENT_(q, cond, THREAD_INTERRUPTIBLE, deadline_ns, signal_pending())
#define wait_event_until(q, cond, deadline_ns) \
	WAIT_EVENT_(q, cond, THREAD_UNINTERRUPTIBLE, deadline_ns, false)
