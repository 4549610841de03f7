/* SPDX-License-Identifier: MIT */
/*
 * Locks that wait: the slow way into a spin lock, mutexes, rwsems.
 *
 * A mutex is one word: the owner, with bit 0 while threads wait. Taking and
 * releasing it uncontended is one compare-exchange each. Waiters queue in order;
 * the releaser wakes the first, which competes with newcomers (no convoys).
 * mutex->wait_lock and rwsem->wait_lock: any thread context.
 */
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/wait.h>
#include "internal.h"

void spin_lock_slow(spinlock_t *l)
{
	u64 spins = 0;

	do {
		while (READ_ONCE(l->locked)) {
			cpu_relax();
			if (IS_ENABLED(CONFIG_DEBUG_KERNEL) && ++spins == 2000000000ull)
				panic("spin lock %p has been held for too long", l);
		}
	} while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE));
}

#ifdef CONFIG_DEBUG_LOCKS
void spin_debug_before(spinlock_t *l)
{
	if (l->locked && l->owner_cpu == cpu_id() + 1)
		panic("spin lock %p is taken twice by cpu %u; first at %pS", l, cpu_id(),
		      (void *)l->owner_ip);
	lock_order_check(&l->class, l, true, (u64)__builtin_return_address(0));
}

void spin_debug_acquired(spinlock_t *l)
{
	l->owner_cpu = cpu_id() + 1;
	l->owner_ip = (u64)__builtin_return_address(0);
	lock_order_taken(&l->class, l, true, l->owner_ip);
}

void spin_debug_release(spinlock_t *l)
{
	if (!l->locked || l->owner_cpu != cpu_id() + 1)
		panic("spin lock %p is released by cpu %u, which does not hold it", l, cpu_id());
	l->owner_cpu = 0;
	lock_order_released(l, true);
}

void spin_assert_held(const spinlock_t *lock, const char *text, const char *function)
{
	if (unlikely(!lock->locked || lock->owner_cpu != cpu_id() + 1) && !printk_panicking)
		panic("%s() needs %s, which cpu %u does not hold", function, text, cpu_id());
}

static void may_sleep_here(void)
{
	if (CPU_FIELD_READ(preempt_count) || in_interrupt())
		panic("%s: a sleeping lock is taken where sleeping is not allowed (preempt count %u)",
		      current->comm, CPU_FIELD_READ(preempt_count));
}
/* For mutexes and rwsems: before waiting, when taken, when given back. */
#define SLEEPER_WAITS(l)                                                                   \
	do {                                                                               \
		may_sleep_here();                                                          \
		lock_order_check(&(l)->class, l, false, (u64)__builtin_return_address(0)); \
	} while (0)
#define SLEEPER_TAKEN(l)    lock_order_taken(&(l)->class, l, false, (u64)__builtin_return_address(0))
#define SLEEPER_RELEASED(l) lock_order_released(l, false)
#else
#define SLEEPER_WAITS(l)    ((void)0)
#define SLEEPER_TAKEN(l)    ((void)0)
#define SLEEPER_RELEASED(l) ((void)0)
#endif

/* ---- mutex ---- */

struct sleeper {
	struct list link;
	struct thread *thread;
	bool write;
};
#define MUTEX_WAITERS 1ull

void mutex_init_plain(struct mutex *m)
{
	*m = (struct mutex)MUTEX_INIT(*m);
}
bool mutex_is_owner(const struct mutex *m)
{
	return (READ_ONCE(m->owner) & ~MUTEX_WAITERS) == (u64)current;
}

static bool mutex_try(struct mutex *m)
{
	u64 old = 0;

	if (__atomic_compare_exchange_n(&m->owner, &old, (u64)current, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return true;
	/* free, but others wait: take it with their mark */
	while (!(old & ~MUTEX_WAITERS))
		if (__atomic_compare_exchange_n(&m->owner, &old,
						(u64)current | (old & MUTEX_WAITERS), false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static __noinline int mutex_lock_slow(struct mutex *m, bool interruptible)
{
	struct sleeper s = { .thread = current };
	int err = 0;

	if (IS_ENABLED(CONFIG_DEBUG_LOCKS) && mutex_is_owner(m))
		panic("mutex %p is locked twice by %s", m, current->comm);
	spin_lock(&m->wait_lock);
	list_add_tail(&s.link, &m->waiters);
	for (;;) {
		set_current_state(interruptible ? THREAD_INTERRUPTIBLE : THREAD_UNINTERRUPTIBLE);
		__atomic_or_fetch(&m->owner, MUTEX_WAITERS, __ATOMIC_SEQ_CST);
		if (mutex_try(m))
			break;
		if (interruptible && signal_pending()) {
			err = -EINTR;
			break;
		}
		spin_unlock(&m->wait_lock);
		schedule();
		spin_lock(&m->wait_lock);
	}
	set_current_state(THREAD_RUNNABLE);
	list_del(&s.link);
	if (list_empty(&m->waiters))
		__atomic_and_fetch(&m->owner, ~MUTEX_WAITERS, __ATOMIC_SEQ_CST);
	spin_unlock(&m->wait_lock);
	return err;
}

void mutex_lock(struct mutex *m)
{
	SLEEPER_WAITS(m);
	if (unlikely(!mutex_try(m)))
		mutex_lock_slow(m, false);
	SLEEPER_TAKEN(m);
}

int mutex_lock_interruptible(struct mutex *m)
{
	int err = 0;

	SLEEPER_WAITS(m);
	if (unlikely(!mutex_try(m)))
		err = mutex_lock_slow(m, true);
	if (!err)
		SLEEPER_TAKEN(m);
	return err;
}

bool mutex_trylock(struct mutex *m)
{
	bool taken = mutex_try(m);

	if (taken)
		SLEEPER_TAKEN(m);
	return taken;
}

void mutex_unlock(struct mutex *m)
{
	u64 old = (u64)current;

	SLEEPER_RELEASED(m);
	if (likely(__atomic_compare_exchange_n(&m->owner, &old, 0, false, __ATOMIC_RELEASE,
					       __ATOMIC_RELAXED)))
		return;
	BUG_ON((old & ~MUTEX_WAITERS) != (u64)current);
	spin_lock(&m->wait_lock);
	__atomic_and_fetch(&m->owner, MUTEX_WAITERS, __ATOMIC_SEQ_CST);
	if (!list_empty(&m->waiters))
		thread_wake(list_first(&m->waiters, struct sleeper, link)->thread);
	spin_unlock(&m->wait_lock);
}

#ifdef CONFIG_DEBUG_LOCKS
void mutex_assert_held(const struct mutex *mutex, const char *text, const char *function)
{
	if (unlikely(!mutex_is_owner(mutex)) && !printk_panicking)
		panic("%s() needs %s, which thread %s does not hold", function, text,
		      current->comm);
}

static bool rwsem_is_held(const struct rwsem *rwsem)
{
	return READ_ONCE(rwsem->count) && lock_order_may_hold(rwsem->class, rwsem);
}

void rwsem_assert_held(const struct rwsem *rwsem, const char *text, const char *function)
{
	if (unlikely(!rwsem_is_held(rwsem)) && !printk_panicking)
		panic("%s() needs %s, which thread %s does not hold", function, text,
		      current->comm);
}

void rwsem_assert_held_write(const struct rwsem *rwsem, const char *text, const char *function)
{
	if (unlikely(READ_ONCE(rwsem->count) >= 0 || !rwsem_is_held(rwsem)) && !printk_panicking)
		panic("%s() needs %s for writing, which thread %s does not hold", function, text,
		      current->comm);
}

void rcu_assert_read(const char *function)
{
	if (unlikely(!CPU_FIELD_READ(preempt_count) && !in_interrupt() && irqs_enabled()) &&
	    !printk_panicking)
		panic("%s() needs rcu_read_lock(), which thread %s does not hold", function,
		      current->comm);
}
#endif

/* ---- rwsem: count > 0 readers, -1 a writer; newcomers queue behind waiters ---- */

void rwsem_init_plain(struct rwsem *s)
{
	*s = (struct rwsem)RWSEM_INIT(*s);
}

static bool try_read(struct rwsem *s)
{
	s64 c = __atomic_load_n(&s->count, __ATOMIC_RELAXED);

	while (c >= 0)
		if (__atomic_compare_exchange_n(&s->count, &c, c + 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static bool try_write(struct rwsem *s)
{
	s64 c = 0;

	return __atomic_compare_exchange_n(&s->count, &c, -1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static __noinline void rwsem_wait(struct rwsem *s, bool write)
{
	struct sleeper w = { .thread = current, .write = write };

	spin_lock(&s->wait_lock);
	list_add_tail(&w.link, &s->waiters);
	for (;;) {
		set_current_state(THREAD_UNINTERRUPTIBLE);
		if (s->waiters.next == &w.link && (write ? try_write(s) : try_read(s)))
			break;
		spin_unlock(&s->wait_lock);
		schedule();
		spin_lock(&s->wait_lock);
	}
	set_current_state(THREAD_RUNNABLE);
	list_del(&w.link);
	/* a reader lets the readers behind it in */
	if (!write && !list_empty(&s->waiters)) {
		struct sleeper *n = list_first(&s->waiters, struct sleeper, link);

		if (!n->write)
			thread_wake(n->thread);
	}
	spin_unlock(&s->wait_lock);
}

static void rwsem_wake(struct rwsem *s)
{
	spin_lock(&s->wait_lock);
	if (!list_empty(&s->waiters))
		thread_wake(list_first(&s->waiters, struct sleeper, link)->thread);
	spin_unlock(&s->wait_lock);
}

void down_read(struct rwsem *s)
{
	SLEEPER_WAITS(s);
	if (unlikely(!list_empty(&s->waiters) || !try_read(s)))
		rwsem_wait(s, false);
	SLEEPER_TAKEN(s);
}

void up_read(struct rwsem *s)
{
	s64 left;

	SLEEPER_RELEASED(s);
	left = __atomic_sub_fetch(&s->count, 1, __ATOMIC_SEQ_CST);

	if (unlikely(!left && !list_empty(&s->waiters)))
		rwsem_wake(s);
}

void down_write(struct rwsem *s)
{
	SLEEPER_WAITS(s);
	if (unlikely(!list_empty(&s->waiters) || !try_write(s)))
		rwsem_wait(s, true);
	SLEEPER_TAKEN(s);
}

void up_write(struct rwsem *s)
{
	SLEEPER_RELEASED(s);
	__atomic_store_n(&s->count, 0, __ATOMIC_SEQ_CST);
	if (unlikely(!list_empty(&s->waiters)))
		rwsem_wake(s);
}

void downgrade_write(struct rwsem *s)
{
	__atomic_store_n(&s->count, 1, __ATOMIC_SEQ_CST);
	if (unlikely(!list_empty(&s->waiters)))
		rwsem_wake(s);
}
