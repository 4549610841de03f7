// SPDX-License-Identifier: MIT
/*
 * <banos/wait.h>, <banos/lock.h>: waiting and locks.
 *
 * The driver's storage holds a state word and a cookie, the handle of the queue
 * in the kernel's own memory. Both are the driver's to destroy: whatever is in
 * them, nothing of the kernel's breaks.
 *
 *	wait object	state counts wake-ups; a ticket is its value
 *	mutex		state is the owner's thread id, MUTEX_WAITERS on top
 *	spin lock	state is 1 while held
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/time.h>

#define MUTEX_WAITERS	(1ull << 32)

struct queue {
	struct owned owned;
	struct wait_queue waiters;
	struct atomic sleepers;
	bool closed;			/* its owner is being let go */
};

/* A driver that destroys what a program's poll() still watches costs us the memory, no more. */
static void queue_free(struct owned *o)
{
	struct queue *q = container_of(o, struct queue, owned);

	if (!WARN_ON(wait_queue_active(&q->waiters)))
		kfree(q);
}

/* Whoever sleeps there has a reference, and finds the cookie void when it wakes. */
static int queue_stop(struct owned *o)
{
	wake_up_all(&container_of(o, struct queue, owned)->waiters);
	return 0;
}

/* The device that it was for goes: nothing will happen there any more. */
static void queue_closed(struct owned *o)
{
	struct queue *q = container_of(o, struct queue, owned);

	WRITE_ONCE(q->closed, true);
	wake_up_all(&q->waiters);
}

static const struct owned_class wait_class = {
	.name = "wait object", .names = "wait objects", .kind = OWNED_WAIT, .phase = OWNED_PASSIVE,
	.stop = queue_stop, .free = queue_free, .closed = queue_closed,
};
static const struct owned_class mutex_class = {
	.name = "mutex", .names = "mutexes", .kind = OWNED_MUTEX, .phase = OWNED_PASSIVE,
	.stop = queue_stop, .free = queue_free,
};

static int queue_create(banos_owner owner, const struct owned_class *class, uint64_t *cookie)
{
	struct owner *o = owner_find((u64)owner);
	struct queue *q;
	int err;

	if (!o)
		return -EINVAL;
	q = kzalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	wait_queue_init(&q->waiters);
	err = owned_add(o, &q->owned, class, true);
	if (err)
		kfree(q);
	else
		*cookie = q->owned.handle;
	return err;
}

static struct queue *queue_get(uint64_t cookie, const struct owned_class *class)
{
	struct owned *o = owned_get(cookie, class);

	return o ? container_of(o, struct queue, owned) : NULL;
}

static s64 queue_destroy(uint64_t *cookie, const struct owned_class *class)
{
	struct queue *q = queue_get(*cookie, class);
	s64 err;

	if (!q)
		return -EINVAL;
	/* Programs that poll() keep it by themselves, and look again. */
	err = atomic_read(&q->sleepers) ? -EBUSY : owned_remove(&q->owned);
	if (!err)
		*cookie = 0;
	owned_put(&q->owned);
	return err;
}

/* A thread of the driver's own is woken to stop; a program's by a signal. */
static bool interrupted(void)
{
	return signal_pending() || thread_should_stop();
}

/* ---- wait objects ---- */

int64_t banos_wait_init(banos_owner owner, struct banos_wait *wait)
{
	*wait = (struct banos_wait){ 0 };
	return queue_create(owner, &wait_class, &wait->cookie);
}
BANOS_EXPORT(banos_wait_init);

int64_t banos_wait_destroy(struct banos_wait *wait)
{
	return queue_destroy(&wait->cookie, &wait_class);
}
BANOS_EXPORT(banos_wait_destroy);

uint64_t banos_wait_ticket(const struct banos_wait *wait)
{
	return smp_load_acquire(&wait->state);
}
BANOS_EXPORT(banos_wait_ticket);

int64_t banos_wait_sleep(const struct banos_wait *wait, uint64_t ticket, uint64_t deadline_ns)
{
	struct queue *q = queue_get(READ_ONCE(wait->cookie), &wait_class);
	s64 err;

	if (!q)
		return -EINVAL;
	atomic_inc(&q->sleepers);
	err = WAIT_EVENT_(&q->waiters, smp_load_acquire(&wait->state) != ticket || interrupted() || !q->owned.owner ||
			  READ_ONCE(q->closed),
			  THREAD_INTERRUPTIBLE, deadline_ns, signal_pending());
	if (smp_load_acquire(&wait->state) != ticket)
		err = 0;
	else if (READ_ONCE(q->closed))
		err = -ENODEV;
	else if (err != -ETIMEDOUT)
		err = q->owned.owner ? -ERESTART : -EINVAL;
	atomic_dec(&q->sleepers);
	owned_put(&q->owned);
	return err;
}
BANOS_EXPORT(banos_wait_sleep);

int64_t banos_wait_wake(struct banos_wait *wait)
{
	struct owned *o;
	struct queue *q;

	__atomic_fetch_add(&wait->state, 1, __ATOMIC_SEQ_CST);
	rcu_read_lock();
	o = owned_peek(READ_ONCE(wait->cookie), &wait_class);
	if (o) {
		q = container_of(o, struct queue, owned);
		if (wait_queue_active(&q->waiters))
			wake_up(&q->waiters);	/* all but sets of epoll that wait exclusively: of those one */
	}
	rcu_read_unlock();
	return o ? 0 : -EINVAL;
}
BANOS_EXPORT(banos_wait_wake);

struct owned *driver_wait_get(struct banos_wait *wait)
{
	return owned_get(READ_ONCE(wait->cookie), &wait_class);
}

void driver_wait_watch(struct owned *wait, struct poll_table *table)
{
	poll_wait(table, &container_of(wait, struct queue, owned)->waiters);
}

/* ---- mutexes ---- */

int64_t banos_mutex_init(banos_owner owner, struct banos_mutex *mutex)
{
	*mutex = (struct banos_mutex){ 0 };
	return queue_create(owner, &mutex_class, &mutex->cookie);
}
BANOS_EXPORT(banos_mutex_init);

int64_t banos_mutex_destroy(struct banos_mutex *mutex)
{
	if (READ_ONCE(mutex->state))
		return -EBUSY;
	return queue_destroy(&mutex->cookie, &mutex_class);
}
BANOS_EXPORT(banos_mutex_destroy);

/* Kernel threads have no number of their own: any name that is the thread's alone will do. */
static u64 my_name(void)
{
	return ((u64)current >> 4 & 0xffffffff) ?: 1;
}

static bool mutex_try(struct banos_mutex *mutex)
{
	u64 free = 0;

	return __atomic_compare_exchange_n(&mutex->state, &free, my_name(), false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Say that somebody waits; take it if it came free. */
static bool mutex_try_or_mark(struct banos_mutex *mutex)
{
	u64 state = READ_ONCE(mutex->state);

	for (;;) {
		u64 new = state ? state | MUTEX_WAITERS : my_name() | MUTEX_WAITERS;

		if (__atomic_compare_exchange_n(&mutex->state, &state, new, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return !state;
	}
}

static s64 mutex_lock_slowly(struct banos_mutex *mutex)
{
	struct queue *q;

	if ((READ_ONCE(mutex->state) & ~MUTEX_WAITERS) == my_name())
		return -EDEADLK;
	q = queue_get(READ_ONCE(mutex->cookie), &mutex_class);
	if (!q)
		return -EINVAL;
	atomic_inc(&q->sleepers);
	wait_event(&q->waiters, mutex_try_or_mark(mutex) || !q->owned.owner);
	atomic_dec(&q->sleepers);
	owned_put(&q->owned);
	return 0;
}

int64_t banos_mutex_lock(struct banos_mutex *mutex)
{
	if (unlikely(!READ_ONCE(mutex->cookie)))
		return -EINVAL;
	return likely(mutex_try(mutex)) ? 0 : mutex_lock_slowly(mutex);
}
BANOS_EXPORT(banos_mutex_lock);

int64_t banos_mutex_trylock(struct banos_mutex *mutex)
{
	if (unlikely(!READ_ONCE(mutex->cookie)))
		return -EINVAL;
	return mutex_try(mutex) ? 0 : -EBUSY;
}
BANOS_EXPORT(banos_mutex_trylock);

int64_t banos_mutex_unlock(struct banos_mutex *mutex)
{
	struct owned *o;
	u64 state = READ_ONCE(mutex->state);

	if ((state & ~MUTEX_WAITERS) != my_name())
		return -EPERM;
	state = __atomic_exchange_n(&mutex->state, 0, __ATOMIC_SEQ_CST);
	if (likely(!(state & MUTEX_WAITERS)))
		return 0;
	rcu_read_lock();
	o = owned_peek(READ_ONCE(mutex->cookie), &mutex_class);
	if (o)
		wake_up_all(&container_of(o, struct queue, owned)->waiters);
	rcu_read_unlock();
	return 0;
}
BANOS_EXPORT(banos_mutex_unlock);

/* ---- spin locks ---- */

int64_t banos_spin_init(struct banos_spinlock *lock)
{
	*lock = (struct banos_spinlock){ 0 };
	return 0;
}
BANOS_EXPORT(banos_spin_init);

int64_t banos_spin_lock(struct banos_spinlock *lock)
{
	preempt_disable();
	while (__atomic_exchange_n(&lock->state, 1, __ATOMIC_ACQUIRE))
		while (READ_ONCE(lock->state))
			cpu_relax();
	return 0;
}
BANOS_EXPORT(banos_spin_lock);

int64_t banos_spin_trylock(struct banos_spinlock *lock)
{
	preempt_disable();
	if (!__atomic_exchange_n(&lock->state, 1, __ATOMIC_ACQUIRE))
		return 0;
	preempt_enable();
	return -EBUSY;
}
BANOS_EXPORT(banos_spin_trylock);

int64_t banos_spin_unlock(struct banos_spinlock *lock)
{
	if (!READ_ONCE(lock->state))
		return -EPERM;
	__atomic_store_n(&lock->state, 0, __ATOMIC_RELEASE);
	preempt_enable();
	return 0;
}
BANOS_EXPORT(banos_spin_unlock);
