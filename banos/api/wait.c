// SPDX-License-Identifier: MIT
/*
 * <banos/wait.h>, <banos/lock.h>: waiting and locks.
 *
 * The driver's storage holds three words. Two of them are the driver's to destroy:
 * whatever is in them, nothing of the kernel's breaks.
 *
 *	state	wait object: counts wake-ups; a ticket is its value
 *		mutex: the holder's name, MUTEX_WAITERS on top
 *		spin lock: number of the holder's CPU + 1
 *	cookie	handle of the queue in the kernel's own memory (not of spin locks)
 *	spare	the seal: where the storage is, and what for, mixed with a secret of this boot
 *
 * The seal is set once the storage was found to be the driver's, and looked at before
 * each use by an access that may fault. So a pointer that leads anywhere else, to
 * a lock that was never initialised, destroyed, overwritten or moved, is an error.
 * Who has slept looks at it again: the driver may have freed the storage meanwhile.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include "caller.h"

#define MUTEX_WAITERS (1ull << 32)
#define SEAL_WORD     2

enum seal { SEAL_WAIT = 1, SEAL_MUTEX, SEAL_SPIN }; /* addresses are multiples of 8 */
static u64 secret;

struct queue {
	struct owned owned;
	const void *storage; /* the driver's */
	struct wait_queue waiters;
	struct atomic sleepers;
	bool closed; /* its owner is being let go */
};

/* A driver that destroys what a program's poll() still watches costs us the memory, no more. */
static void queue_free(struct owned *o)
{
	struct queue *queue = container_of(o, struct queue, owned);

	if (!WARN_ON(wait_queue_active(&queue->waiters)))
		kfree(queue);
}

/* A thread that sleeps there has a reference, and finds the cookie invalid when it wakes. */
static int queue_stop(struct owned *o, u64 deadline_ns)
{
	wake_up_all(&container_of(o, struct queue, owned)->waiters);
	return 0;
}

/* The device that it was for goes: nothing will happen there any more. */
static void queue_closed(struct owned *o)
{
	struct queue *queue = container_of(o, struct queue, owned);

	WRITE_ONCE(queue->closed, true);
	wake_up_all(&queue->waiters);
}

static const struct owned_class wait_class = {
	.name = "wait object",
	.names = "wait objects",
	.kind = OWNED_WAIT,
	.phase = OWNED_PASSIVE,
	.stop = queue_stop,
	.free = queue_free,
	.closed = queue_closed,
};
static const struct owned_class mutex_class = {
	.name = "mutex",
	.names = "mutexes",
	.kind = OWNED_MUTEX,
	.phase = OWNED_PASSIVE,
	.stop = queue_stop,
	.free = queue_free,
};

/* ---- storage ---- */

void driver_locks_init(void)
{
	secret = random_u64();
}

static u64 seal_of(const void *storage, enum seal kind)
{
	return ((u64)storage | kind) ^ secret;
}

static bool is_sealed(const void *storage, enum seal kind)
{
	const u64 *words = storage;

	return likely(!((u64)storage & 7) && (s64)storage < 0) &&
	       kernel_read_u64(&words[SEAL_WORD]) == seal_of(storage, kind);
}

static bool storage_is_drivers(void *storage, u64 size)
{
	return !((u64)storage & 7) && api_may_write(storage, size);
}

/* @return the handle of the new queue, or -errno */
static s64 queue_create(struct owner *owner, const struct owned_class *class, const void *storage)
{
	struct queue *queue = kzalloc(sizeof(*queue));
	int err;

	if (!queue)
		return -ENOMEM;
	wait_queue_init(&queue->waiters);
	queue->storage = storage;
	err = owned_add(owner, &queue->owned, class, true);
	if (err) {
		kfree(queue);
		return err;
	}
	return queue->owned.handle;
}

/* Storage, size, state and cookie of mutexes and wait objects lie alike. */
static s64 storage_init(const char *function, banos_owner owner, const struct owned_class *class,
			u64 *words, u64 size, enum seal kind)
{
	struct owner *o = api_owner(owner);
	s64 handle;

	if (!o)
		return api_mistake(function, -EINVAL, "owner does not belong to the caller");
	if (!storage_is_drivers(words, size))
		return api_mistake(function, -EINVAL,
				   "the storage is not the driver's memory, or not aligned to 8");
	if (api_holds_spinlock())
		return api_mistake(function, -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	handle = queue_create(o, class, words);
	if (handle < 0)
		return handle;
	memset(words, 0, size);
	words[1] = handle;
	words[SEAL_WORD] = seal_of(words, kind);
	return 0;
}

/* Of storage that is sealed. */
static struct queue *queue_get(const void *storage, u64 cookie, const struct owned_class *class)
{
	struct owned *o = owned_get(cookie, class);
	struct queue *queue = container_of(o, struct queue, owned);

	if (o && queue->storage != storage) {
		owned_put(o);
		o = NULL;
	}
	if (o)
		return queue;
	return NULL;
}

static s64 queue_destroy(const char *function, u64 *words, const struct owned_class *class)
{
	struct queue *queue = queue_get(words, READ_ONCE(words[1]), class);
	s64 err;

	if (!queue)
		return api_mistake(function, -EINVAL,
				   "it was not initialised, or has been overwritten");
	/* Programs that poll() keep it by themselves, and look again. */
	if (atomic_read(&queue->sleepers))
		err = -EBUSY;
	else
		err = owned_remove(&queue->owned);
	if (!err)
		words[1] = words[SEAL_WORD] = 0;
	owned_put(&queue->owned);
	return err;
}

#define NOT_SEALED() MISTAKE("it was not initialised, or is not the driver's memory")

/* A thread of the driver's own is woken to stop; a program's by a signal. */
static bool wait_is_interrupted(void)
{
	return signal_pending() || thread_should_stop();
}

/* ---- wait objects ---- */

int64_t banos_wait_init(banos_owner owner, struct banos_wait *wait)
{
	int64_t err =
		storage_init(__func__, owner, &wait_class, (u64 *)wait, sizeof(*wait), SEAL_WAIT);

	if (!err)
		WRITE_ONCE(wait->state, 1); /* no ticket is 0: that is the answer to a mistake */
	return err;
}
BANOS_EXPORT(banos_wait_init);

int64_t banos_wait_destroy(struct banos_wait *wait)
{
	if (!is_sealed(wait, SEAL_WAIT))
		return NOT_SEALED();
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	return queue_destroy(__func__, (u64 *)wait, &wait_class);
}
BANOS_EXPORT(banos_wait_destroy);

uint64_t banos_wait_ticket(const struct banos_wait *wait)
{
	if (unlikely(!is_sealed(wait, SEAL_WAIT))) {
		NOT_SEALED();
		return 0;
	}
	return smp_load_acquire(&wait->state);
}
BANOS_EXPORT(banos_wait_ticket);

/* Or lost: what it lies in was freed, or overwritten, while we slept. */
static bool wait_woken(const struct banos_wait *wait, u64 ticket)
{
	/* The driver may free it meanwhile; the read is an acquire on this machine, as each one is. */
	return !is_sealed(wait, SEAL_WAIT) || kernel_read_u64(&wait->state) != ticket;
}

/* Nothing will happen there any more, or not for this call. */
static bool wait_is_over(const struct queue *queue)
{
	return !READ_ONCE(queue->owned.owner) || READ_ONCE(queue->closed) || call_is_revoked();
}

/* A driver that started hardware must see its end: neither signals nor removal end this. */
static s64 sleep_patiently(struct queue *queue, const struct banos_wait *wait, u64 ticket,
			   u64 deadline_ns)
{
	return wait_event_until(&queue->waiters, wait_woken(wait, ticket), deadline_ns);
}

static s64 sleep_interruptibly(struct queue *queue, const struct banos_wait *wait, u64 ticket,
			       u64 deadline_ns)
{
	s64 err = WAIT_EVENT_(&queue->waiters,
			      wait_woken(wait, ticket) || wait_is_interrupted() ||
				      wait_is_over(queue),
			      THREAD_INTERRUPTIBLE, deadline_ns, signal_pending());

	if (wait_woken(wait, ticket))
		return 0;
	if (READ_ONCE(queue->closed) || call_is_revoked())
		return -ENODEV;
	if (err == -ETIMEDOUT)
		return err;
	if (queue->owned.owner)
		return -ERESTART;
	return -EINVAL;
}

int64_t(banos_wait_sleep)(const struct banos_wait *wait, uint64_t ticket, uint64_t deadline_ns,
			  uint32_t flags)
{
	const char *me = "banos_wait_sleep";
	s64 err = api_check_sleep(me, deadline_ns, flags);
	struct queue *queue;

	if (err)
		return err;
	if (is_sealed(wait, SEAL_WAIT))
		queue = queue_get(wait, READ_ONCE(wait->cookie), &wait_class);
	else
		queue = NULL;
	if (!queue)
		return api_mistake(me, -EINVAL,
				   "it was not initialised, or is not the driver's memory");
	atomic_inc(&queue->sleepers);
	if (flags & BANOS_UNINTERRUPTIBLE)
		err = sleep_patiently(queue, wait, ticket, deadline_ns);
	else
		err = sleep_interruptibly(queue, wait, ticket, deadline_ns);
	atomic_dec(&queue->sleepers);
	owned_put(&queue->owned);
	if (unlikely(!err && !is_sealed(wait, SEAL_WAIT)))
		return api_mistake(me, -EINVAL,
				   "it was freed or overwritten while this thread slept on it");
	return err;
}
BANOS_EXPORT(banos_wait_sleep);

int64_t banos_wait_wake(struct banos_wait *wait)
{
	struct owned *o;
	struct queue *queue;

	if (unlikely(!is_sealed(wait, SEAL_WAIT)))
		return NOT_SEALED();
	__atomic_fetch_add(&wait->state, 1, __ATOMIC_SEQ_CST);
	rcu_read_lock();
	o = owned_peek(READ_ONCE(wait->cookie), &wait_class);
	queue = container_of(o, struct queue, owned);
	if (o && queue->storage != wait)
		o = NULL;
	if (o && wait_queue_active(&queue->waiters))
		wake_up(&queue->waiters); /* all but sets of epoll that wait exclusively: of those one */
	rcu_read_unlock();
	if (o)
		return 0;
	return MISTAKE("it was overwritten, or its owner is gone");
}
BANOS_EXPORT(banos_wait_wake);

struct owned *driver_wait_get(struct banos_wait *wait)
{
	struct queue *queue = is_sealed(wait, SEAL_WAIT)
				      ? queue_get(wait, READ_ONCE(wait->cookie), &wait_class)
				      : NULL;

	if (queue)
		return &queue->owned;
	return NULL;
}

void driver_wait_watch(struct owned *wait, struct poll_table *table)
{
	poll_wait(table, &container_of(wait, struct queue, owned)->waiters);
}

void driver_wait_wake(struct owned *wait)
{
	wake_up_all(&container_of(wait, struct queue, owned)->waiters);
}

/* ---- mutexes ---- */

/* How many this thread holds, for the debug kernel's look at what a method returns with. */
static inline void count_held(int change)
{
#ifdef CONFIG_DEBUG_LOCKS
	current->driver_mutexes += change;
#endif
}

int64_t banos_mutex_init(banos_owner owner, struct banos_mutex *mutex)
{
	return storage_init(__func__, owner, &mutex_class, (u64 *)mutex, sizeof(*mutex),
			    SEAL_MUTEX);
}
BANOS_EXPORT(banos_mutex_init);

int64_t banos_mutex_destroy(struct banos_mutex *mutex)
{
	if (!is_sealed(mutex, SEAL_MUTEX))
		return NOT_SEALED();
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (READ_ONCE(mutex->state))
		return -EBUSY;
	return queue_destroy(__func__, (u64 *)mutex, &mutex_class);
}
BANOS_EXPORT(banos_mutex_destroy);

/* Kernel threads have no number of their own: any name that is the thread's alone will do. */
static u64 my_name(void)
{
	return ((u64)current >> 4 & 0xffffffff) ?: 1;
}

static bool driver_mutex_try(struct banos_mutex *mutex)
{
	u64 free = 0;

	return __atomic_compare_exchange_n(&mutex->state, &free, my_name(), false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Mark the mutex as waited for; acquire it if it was released meanwhile. */
static bool mutex_try_or_mark(struct banos_mutex *mutex, bool *lost)
{
	u64 state = kernel_read_u64(&mutex->state);
	int stored;

	do {
		u64 new = MUTEX_WAITERS;

		if (state)
			new |= state;
		else
			new |= my_name();
		stored = kernel_cmpxchg_u64(&mutex->state, &state, new);
	} while (!stored);
	*lost = stored < 0; /* another thread has freed it since mutex_is_lost() looked */
	return !*lost && !state;
}

static bool mutex_is_mine(const struct banos_mutex *mutex)
{
	return (READ_ONCE(mutex->state) & ~MUTEX_WAITERS) == my_name();
}

static void mutex_release(struct banos_mutex *mutex)
{
	u64 state = __atomic_exchange_n(&mutex->state, 0, __ATOMIC_SEQ_CST);
	struct owned *o;

	if (likely(!(state & MUTEX_WAITERS)))
		return;
	rcu_read_lock();
	o = owned_peek(READ_ONCE(mutex->cookie), &mutex_class);
	if (o && container_of(o, struct queue, owned)->storage == mutex)
		wake_up_all(&container_of(o, struct queue, owned)->waiters);
	rcu_read_unlock();
}

/* The call that took it is abandoned, and the driver is not called any more. */
static void mutex_abandon(void *lock)
{
	struct banos_mutex *mutex = lock;

	count_held(-1);
	if (storage_is_drivers(mutex, sizeof(*mutex)) && is_sealed(mutex, SEAL_MUTEX) &&
	    mutex_is_mine(mutex))
		mutex_release(mutex);
}

static void mutex_note(struct banos_mutex *mutex)
{
	count_held(1);
	gate_lock_taken(mutex, false, mutex_abandon);
}

/* Freed or overwritten while we slept, or its owner is gone. */
static bool mutex_is_lost(const struct banos_mutex *mutex, const struct queue *queue)
{
	return !READ_ONCE(queue->owned.owner) || !is_sealed(mutex, SEAL_MUTEX);
}

static s64 mutex_lock_slowly(const char *function, struct banos_mutex *mutex)
{
	bool lost = false;
	struct queue *queue;

	if ((READ_ONCE(mutex->state) & ~MUTEX_WAITERS) == my_name())
		return api_mistake(function, -EDEADLK, "mutex is held by this thread already");
	queue = queue_get(mutex, READ_ONCE(mutex->cookie), &mutex_class);
	if (!queue)
		return api_mistake(function, -EINVAL, "mutex has been overwritten");
	atomic_inc(&queue->sleepers);
	wait_event(&queue->waiters,
		   (lost = mutex_is_lost(mutex, queue)) || mutex_try_or_mark(mutex, &lost) || lost);
	atomic_dec(&queue->sleepers);
	owned_put(&queue->owned);
	if (lost)
		return api_mistake(function, -EINVAL,
				   "mutex was freed or overwritten while this thread waited");
	return 0;
}

int64_t banos_mutex_lock(struct banos_mutex *mutex)
{
	s64 err = 0;

	if (unlikely(!is_sealed(mutex, SEAL_MUTEX)))
		return NOT_SEALED();
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (unlikely(!driver_mutex_try(mutex)))
		err = mutex_lock_slowly(__func__, mutex);
	if (!err)
		mutex_note(mutex);
	return err;
}
BANOS_EXPORT(banos_mutex_lock);

int64_t banos_mutex_trylock(struct banos_mutex *mutex)
{
	if (unlikely(!is_sealed(mutex, SEAL_MUTEX)))
		return NOT_SEALED();
	if (!driver_mutex_try(mutex))
		return -EBUSY;
	mutex_note(mutex);
	return 0;
}
BANOS_EXPORT(banos_mutex_trylock);

int64_t banos_mutex_unlock(struct banos_mutex *mutex)
{
	if (unlikely(!is_sealed(mutex, SEAL_MUTEX)))
		return NOT_SEALED();
	if (unlikely(!mutex_is_mine(mutex)))
		return api_mistake(__func__, -EPERM, "mutex is not held by this thread");
	count_held(-1);
	gate_lock_released(mutex);
	mutex_release(mutex);
	return 0;
}
BANOS_EXPORT(banos_mutex_unlock);

/* ---- spin locks ---- */

int64_t banos_spin_init(struct banos_spinlock *lock)
{
	if (!storage_is_drivers(lock, sizeof(*lock)))
		return MISTAKE("lock is not the driver's memory, or not aligned to 8");
	*lock = (struct banos_spinlock){ 0 };
	lock->spare[0] = seal_of(lock, SEAL_SPIN);
	return 0;
}
BANOS_EXPORT(banos_spin_init);

static bool spin_try(struct banos_spinlock *lock, u64 *holder)
{
	*holder = 0;
	return __atomic_compare_exchange_n(&lock->state, holder, cpu_id() + 1, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void spin_release(struct banos_spinlock *lock)
{
	__atomic_store_n(&lock->state, 0, __ATOMIC_RELEASE);
	preempt_enable();
}

/* The call that took it is abandoned, and the driver is not called any more. */
static void spin_abandon(void *storage)
{
	struct banos_spinlock *lock = storage;

	if (storage_is_drivers(lock, sizeof(*lock)) && is_sealed(lock, SEAL_SPIN) &&
	    READ_ONCE(lock->state) == cpu_id() + 1)
		spin_release(lock);
	else
		preempt_enable();
}

int64_t banos_spin_lock(struct banos_spinlock *lock)
{
	u64 holder;

	if (unlikely(!is_sealed(lock, SEAL_SPIN)))
		return NOT_SEALED();
	preempt_disable();
	while (unlikely(!spin_try(lock, &holder))) {
		/* Who holds it stays on its CPU: that is this thread. */
		if (holder == cpu_id() + 1) {
			preempt_enable();
			return api_mistake(__func__, -EDEADLK,
					   "lock is held on this processor already");
		}
		while (READ_ONCE(lock->state))
			cpu_relax();
	}
	gate_lock_taken(lock, true, spin_abandon);
	return 0;
}
BANOS_EXPORT(banos_spin_lock);

int64_t banos_spin_trylock(struct banos_spinlock *lock)
{
	u64 holder;

	if (unlikely(!is_sealed(lock, SEAL_SPIN)))
		return NOT_SEALED();
	preempt_disable();
	if (!spin_try(lock, &holder)) {
		preempt_enable();
		return -EBUSY;
	}
	gate_lock_taken(lock, true, spin_abandon);
	return 0;
}
BANOS_EXPORT(banos_spin_trylock);

int64_t banos_spin_unlock(struct banos_spinlock *lock)
{
	if (unlikely(!is_sealed(lock, SEAL_SPIN)))
		return NOT_SEALED();
	/* With preemption on nobody holds one here, whatever the state says. */
	if (unlikely(!api_holds_spinlock() || READ_ONCE(lock->state) != cpu_id() + 1))
		return api_mistake(__func__, -EPERM, "lock is not held by the caller");
	gate_lock_released(lock);
	spin_release(lock);
	return 0;
}
BANOS_EXPORT(banos_spin_unlock);
