/* SPDX-License-Identifier: MIT */
/**
 * @file lock.h  Locks that sleep, and all other locks with them.
 *
 * mutex  threads only; owner recorded; not recursive (kernel/mutex.c).
 * rwsem  threads only; many readers or one writer (kernel/rwsem.c).
 *
 * With CONFIG_DEBUG_LOCKS owner, recursion and order (lock_order.h) are checked, and that no thread
 * sleeps where that is not allowed. Code that may not sleep includes <kernel/spinlock.h> alone.
 */
#pragma once
#include <kernel/list.h>
#include <kernel/rcu.h>
#include <kernel/spinlock.h>

struct thread;
struct mutex {
	u64 owner; /* struct thread *, bit 0: there are waiters */
	spinlock_t wait_lock;
	struct list waiters;
	LOCK_CLASS_FIELD
};
#define MUTEX_INIT(m)                             \
	{                                         \
		.waiters = LIST_INIT((m).waiters) \
	}
#define DEFINE_MUTEX(m) struct mutex m = MUTEX_INIT(m)
#define mutex_init(m)                  \
	do {                           \
		mutex_init_plain(m);   \
		LOCK_SET_CLASS(m, #m); \
	} while (0)
void mutex_init_plain(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
/** @return 0, or -EINTR when a signal arrived first. */
int __must_check mutex_lock_interruptible(struct mutex *mutex);
bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
bool mutex_is_owner(const struct mutex *mutex);

struct rwsem {
	s64 count; /* readers; below 0: the writer, a struct thread * */
	spinlock_t wait_lock;
	bool promised; /* to the first of waiters: the next one that takes it */
	struct list waiters;
	LOCK_CLASS_FIELD
};
#define RWSEM_INIT(m)                             \
	{                                         \
		.waiters = LIST_INIT((m).waiters) \
	}
#define rwsem_init(s)                  \
	do {                           \
		rwsem_init_plain(s);   \
		LOCK_SET_CLASS(s, #s); \
	} while (0)
void rwsem_init_plain(struct rwsem *rwsem);
void down_read(struct rwsem *rwsem);
void up_read(struct rwsem *rwsem);
void down_write(struct rwsem *rwsem);
void up_write(struct rwsem *rwsem);
void downgrade_write(struct rwsem *rwsem);
