// SPDX-License-Identifier: MIT
/*
 * <banos/wait.h>: wait objects.
 *
 * Storage of the driver's (storage.h) with a queue in the kernel's own memory, which
 * the cookie leads to: programs may watch it by poll() for as long as they like. A thread
 * that has slept looks at the seal again: the driver may have freed the storage meanwhile.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/future.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "storage.h"

u64 seal_secrets[SEAL_KINDS];

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

	if (!WARN_ON(!list_empty(&queue->waiters.waiters)))
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
	.bytes = sizeof(struct queue),
	.stop = queue_stop,
	.free = queue_free,
	.closed = queue_closed,
};

/* ---- storage ---- */

void driver_locks_init(void)
{
	for (u32 kind = 0; kind < SEAL_KINDS; kind++)
		seal_secrets[kind] = random_u64() & ~7ull; /* a seal is a multiple of 8 */
}

_Static_assert(sizeof(struct banos_mutex) == sizeof(struct banos_wait), "checked alike");

s64 storage_check(const char *function, const char *argument, banos_owner handle, void *storage,
		  struct owner **owner)
{
	char words[80];

	*owner = api_owner(handle);
	if (!*owner)
		return api_mistake(function, -EINVAL, "owner does not belong to the caller");
	if (!storage_is_drivers(storage, sizeof(struct banos_wait))) {
		snprintf(words, sizeof(words), "%s is not the driver's memory, or not aligned to 8",
			 argument);
		return api_mistake(function, -EINVAL, words);
	}
	if (api_holds_spinlock())
		return api_mistake(function, -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	return 0;
}

/* @handle: out, of the new queue */
static s64 queue_create(struct owner *owner, const void *storage, u64 *handle)
{
	struct queue *queue = kzalloc(sizeof(*queue));
	int err;

	if (!queue)
		return -ENOMEM;
	wait_queue_init(&queue->waiters);
	queue->storage = storage;
	err = owned_add_held(owner, &queue->owned, &wait_class, true);
	if (err) {
		kfree(queue);
		return err;
	}
	*handle = owned_put_handle(&queue->owned);
	return 0;
}

/* Of storage that is sealed. */
static struct queue *queue_get(const struct banos_wait *wait)
{
	struct owned *o = owned_get(probe_load(&wait->cookie), &wait_class);
	struct queue *queue = container_of(o, struct queue, owned);

	if (o && queue->storage != wait) {
		owned_put(o);
		o = NULL;
	}
	if (o)
		return queue;
	return NULL;
}

/* A thread of the driver's own is woken to stop; a program's by a signal. */
static bool wait_is_interrupted(void)
{
	return signal_pending() || thread_should_stop();
}

/* ---- wait objects ---- */

int64_t banos_wait_init(banos_owner owner, struct banos_wait *wait)
{
	struct owner *holder;
	s64 err = storage_check(__func__, "wait", owner, wait, &holder);
	u64 handle;

	if (!err)
		err = queue_create(holder, wait, &handle);
	if (err)
		return err;
	/* No ticket is 0: that is the answer to a mistake. */
	*wait = (struct banos_wait){ .state = 1 ^ FUTURE_HANDLE, .cookie = handle };
	wait->spare[0] = seal_of(wait, SEAL_WAIT);
	return 0;
}
BANOS_EXPORT(banos_wait_init);

static s64 queue_destroy(struct queue *queue)
{
	/* Programs that poll() keep it by themselves, and look again. */
	if (atomic_read(&queue->sleepers))
		return -EBUSY;
	return owned_remove(&queue->owned);
}

int64_t banos_wait_destroy(struct banos_wait *wait)
{
	struct queue *queue;
	s64 err;

	if (!storage_is_sealed(wait, SEAL_WAIT))
		return STORAGE_MISTAKE("wait");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	queue = queue_get(wait);
	if (!queue)
		return MISTAKE("wait has been overwritten");
	err = queue_destroy(queue);
	if (!err)
		probe_store(&wait->spare[0], 0);
	owned_put(&queue->owned);
	if (err == -EBUSY)
		return api_mistake(__func__, err, "a thread sleeps on wait");
	return err;
}
BANOS_EXPORT(banos_wait_destroy);

uint64_t banos_wait_ticket(const struct banos_wait *wait)
{
	if (unlikely(!storage_is_sealed(wait, SEAL_WAIT))) {
		STORAGE_MISTAKE("wait");
		return 0;
	}
	return probe_load(&wait->state); /* an acquire on this machine, as each load is */
}
BANOS_EXPORT(banos_wait_ticket);

/* Or lost: what it lies in was freed, or overwritten, while we slept. */
static bool wait_woken(const struct banos_wait *wait, u64 ticket)
{
	return !storage_is_sealed(wait, SEAL_WAIT) || probe_load(&wait->state) != ticket;
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
	static u32 spurious;
	const char *me = "banos_wait_sleep";
	s64 err = api_check_sleep(me, deadline_ns, flags);
	struct queue *queue;

	if (err)
		return err;
	if (storage_is_sealed(wait, SEAL_WAIT))
		queue = queue_get(wait);
	else
		queue = NULL;
	if (!queue)
		return api_mistake(me, -EINVAL,
				   "wait was not initialised, or is not the driver's memory");
	if (future_wakes(&spurious)) {
		owned_put(&queue->owned);
		return 0;
	}
	atomic_inc(&queue->sleepers);
	if (flags & BANOS_UNINTERRUPTIBLE)
		err = sleep_patiently(queue, wait, ticket, deadline_ns);
	else
		err = sleep_interruptibly(queue, wait, ticket, deadline_ns);
	atomic_dec(&queue->sleepers);
	owned_put(&queue->owned);
	if (unlikely(!err && !storage_is_sealed(wait, SEAL_WAIT)))
		return api_mistake(me, -EINVAL,
				   "wait was freed or overwritten while this thread slept on it");
	return err;
}
BANOS_EXPORT(banos_wait_sleep);

int64_t banos_wait_wake(struct banos_wait *wait)
{
	struct owned *o;
	struct queue *queue;

	if (unlikely(!storage_is_sealed(wait, SEAL_WAIT)))
		return STORAGE_MISTAKE("wait");
	if (scheduler_method_runs())
		return METHOD_MISTAKE(__func__);
	probe_increment(&wait->state);
	rcu_read_lock();
	o = owned_peek(probe_load(&wait->cookie), &wait_class);
	queue = container_of(o, struct queue, owned);
	if (o && queue->storage != wait)
		o = NULL;
	if (o && wait_queue_active(&queue->waiters))
		wake_up(&queue->waiters); /* all but sets of epoll that wait exclusively: of those one */
	rcu_read_unlock();
	if (o)
		return 0;
	return MISTAKE("wait was overwritten, or its owner is gone");
}
BANOS_EXPORT(banos_wait_wake);

struct owned *driver_wait_get(struct banos_wait *wait)
{
	struct queue *queue = NULL;

	if (storage_is_sealed(wait, SEAL_WAIT))
		queue = queue_get(wait);
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
