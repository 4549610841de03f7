// SPDX-License-Identifier: MIT
/*
 * <banos/timer.h>, <banos/work.h>: functions of a driver called later.
 *
 * The timers and work of one owner make a lane: its functions are called through the
 * gate one after the other. Lanes of a driver do not wait for each other: the driver
 * has a pool of as many threads as lanes. One is created with the first task of an
 * owner, where that may fail, since nothing can be created when a timer expires. A
 * timer's interrupt only queues its task. So a device that is slow or stuck delays
 * nothing but itself. Fewer threads than lanes were rejected: the functions of two owners
 * may wait for each other, and would wait for ever where one of them has no thread.
 *
 * A thread serves any lane, the one that has waited longest first. When owners go,
 * threads end, all but the last one.
 *
 * Locks: pool->lock (spin, any context) guards its lists and counts, the lanes of its
 * driver's owners, and the states of their tasks. A queued task holds a reference on
 * itself; a task and a thread hold one on the pool.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/future.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include "caller.h"

struct worker_pool {
	spinlock_t lock;
	struct list ready; /* lanes of which a task waits and none runs; longest waiting first */
	u32 lanes;	   /* that have tasks */
	u32 threads;	   /* also those that are being created */
	bool stopping;
	struct atomic refs;
	struct wait_queue wait; /* threads wait for a lane */
	struct wait_queue done; /* others wait for a task's or a thread's end */
	struct driver *driver;	/* as long as there are threads */
};

/* A timer or a piece of work. */
struct task {
	struct owned owned;
	struct worker_pool *pool;
	struct owner_lane *lane; /* exists as long as its owner */
	struct list link;	 /* lane->tasks; empty: not queued */
	const void *function;
	void *context;
	bool dead;		/* is not queued again */
	struct thread *running; /* calls its function; NULL: none */
	u64 runs;		/* ended */
	struct timer timer;	/* of timers only */
};

/* ---- the threads ---- */

static void pool_put(struct worker_pool *pool)
{
	if (atomic_dec_and_test(&pool->refs))
		kfree(pool);
}

static u32 pool_threads_wanted(const struct worker_pool *pool)
{
	if (READ_ONCE(pool->stopping))
		return 0;
	return MAX(1u, READ_ONCE(pool->lanes));
}

static bool pool_has_surplus(const struct worker_pool *pool)
{
	return READ_ONCE(pool->threads) > pool_threads_wanted(pool);
}

static bool pool_has_news(const struct worker_pool *pool)
{
	return !list_empty(&pool->ready) || pool_has_surplus(pool);
}

static struct task *task_begin(struct worker_pool *pool)
{
	struct task *task = NULL;
	u64 flags = spin_lock_irqsave(&pool->lock);

	if (!list_empty(&pool->ready)) {
		struct owner_lane *lane = list_first(&pool->ready, struct owner_lane, link);

		list_del(&lane->link);
		task = list_first(&lane->tasks, struct task, link);
		list_del(&task->link);
		lane->thread = task->running = current;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	return task;
}

static void task_end(struct worker_pool *pool, struct task *task)
{
	struct owner_lane *lane = task->lane;
	u64 flags = spin_lock_irqsave(&pool->lock);

	lane->thread = task->running = NULL;
	task->runs++;
	if (!list_empty(&lane->tasks))
		list_add_tail(&lane->link, &pool->ready);
	spin_unlock_irqrestore(&pool->lock, flags);
	wake_up_all(&pool->done);
	owned_put(&task->owned);
}

static bool worker_may_end(struct worker_pool *pool)
{
	u64 flags = spin_lock_irqsave(&pool->lock);
	bool surplus = pool_has_surplus(pool);

	if (surplus)
		pool->threads--;
	spin_unlock_irqrestore(&pool->lock, flags);
	if (surplus)
		wake_up_all(&pool->done);
	return surplus;
}

/* One of the waiting threads is woken for each lane: exclusive. */
static void worker_wait(struct worker_pool *pool)
{
	struct waiter waiter;

	waiter_init(&waiter);
	waiter.exclusive = true;
	wait_prepare(&pool->wait, &waiter, THREAD_UNINTERRUPTIBLE);
	if (!pool_has_news(pool))
		schedule();
	wait_finish(&pool->wait, &waiter);
}

static void worker_main(void *arg)
{
	struct worker_pool *pool = arg;

	while (!worker_may_end(pool)) {
		struct task *task = task_begin(pool);

		if (!task) {
			worker_wait(pool);
			continue;
		}
		future_change_cpu();
		if (!READ_ONCE(task->dead))
			gate_enter(&pool->driver->owner, true, NULL, task->function,
				   (u64)task->context, 0, 0, 0, 0, 0);
		task_end(pool, task);
	}
	pool_put(pool);
}

static struct worker_pool *pool_create(struct driver *driver)
{
	struct worker_pool *pool = kzalloc(sizeof(*pool));

	if (!pool)
		return NULL;
	spin_init(&pool->lock);
	list_init(&pool->ready);
	wait_queue_init(&pool->wait);
	wait_queue_init(&pool->done);
	atomic_set(&pool->refs, 1);
	pool->driver = driver;
	return pool;
}

/* The driver's pool; two threads may need it at once. */
static struct worker_pool *pool_get(struct driver *driver)
{
	struct worker_pool *pool;

	mutex_lock(&drivers_lock);
	if (!driver->workers)
		driver->workers = pool_create(driver);
	pool = driver->workers;
	if (pool)
		atomic_inc(&pool->refs);
	mutex_unlock(&drivers_lock);
	return pool;
}

int driver_workers_stop(struct driver *driver)
{
	struct worker_pool *pool = driver->workers;
	u64 flags;

	if (!pool)
		return 0;
	flags = spin_lock_irqsave(&pool->lock);
	WRITE_ONCE(pool->stopping, true);
	spin_unlock_irqrestore(&pool->lock, flags);
	wake_up_all(&pool->wait);
	/* Its tasks were stopped: no function runs. */
	if (wait_event_until(&pool->done, !READ_ONCE(pool->threads),
			     owner_stop_deadline(&driver->owner))) {
		pr_err("banos: %s: a thread for its timers and work does not end\n", driver->name);
		return -EBUSY;
	}
	driver->workers = NULL;
	pool_put(pool);
	return 0;
}

/* ---- lanes ---- */

static void lane_leave(struct worker_pool *pool, struct owner_lane *lane)
{
	u64 flags = spin_lock_irqsave(&pool->lock);
	bool surplus;

	if (!--lane->members)
		pool->lanes--;
	surplus = pool_has_surplus(pool);
	spin_unlock_irqrestore(&pool->lock, flags);
	if (surplus)
		wake_up(&pool->wait);
}

static int worker_create(struct worker_pool *pool)
{
	u64 flags;
	int err;

	atomic_inc(&pool->refs);
	err = thread_spawn(worker_main, pool, pool->driver->name);
	if (!err)
		return 0;
	flags = spin_lock_irqsave(&pool->lock);
	pool->threads--;
	spin_unlock_irqrestore(&pool->lock, flags);
	pool_put(pool);
	return err;
}

/* One more task of this owner: there is a thread for it. @return 0, -ENOMEM */
static int lane_join(struct worker_pool *pool, struct owner_lane *lane)
{
	u64 flags = spin_lock_irqsave(&pool->lock);
	bool lacking;

	if (!lane->members++) {
		list_init(&lane->tasks);
		list_init(&lane->link);
		pool->lanes++;
	}
	lacking = pool->threads < pool_threads_wanted(pool);
	if (lacking)
		pool->threads++;
	spin_unlock_irqrestore(&pool->lock, flags);
	if (!lacking || !worker_create(pool))
		return 0;
	lane_leave(pool, lane);
	return -ENOMEM;
}

/* ---- tasks ---- */

static const struct owned_class timer_class, work_class;

static int task_does_not_return(const struct task *task)
{
	const struct driver *driver = task->pool->driver;

	pr_err("banos: %s: the function %pS of %s does not return\n", driver->name, task->function,
	       task->owned.class == &timer_class ? "a timer" : "a work item");
	return -EBUSY;
}

/* Off its lane's list. */
static void task_dequeue_locked(struct task *task)
{
	assert_held(&task->pool->lock);
	list_del(&task->link);
	if (list_empty(&task->lane->tasks))
		list_del(&task->lane->link);
}

static bool task_queue(struct task *task)
{
	struct worker_pool *pool = task->pool;
	struct owner_lane *lane = task->lane;
	u64 flags = spin_lock_irqsave(&pool->lock);
	bool new = !task->dead &&list_empty(&task->link), ready;

	ready = new && !lane->thread &&list_empty(&lane->link);
	if (new) {
		atomic_inc(&task->owned.refs);
		list_add_tail(&task->link, &lane->tasks);
	}
	if (ready)
		list_add_tail(&lane->link, &pool->ready);
	spin_unlock_irqrestore(&pool->lock, flags);
	if (ready)
		wake_up(&pool->wait);
	return new;
}

static bool task_unqueue(struct task *task)
{
	struct worker_pool *pool = task->pool;
	u64 flags = spin_lock_irqsave(&pool->lock);
	bool was = !list_empty(&task->link);

	if (was)
		task_dequeue_locked(task);
	spin_unlock_irqrestore(&pool->lock, flags);
	if (was)
		owned_put(&task->owned);
	return was;
}

/*
 * A timer may be started again between its end and the call of its function: then only the
 * new deadline counts. Who starts it looks afterwards whether it is queued, who queues it looks
 * afterwards whether it was started: one of the two sees the other.
 */
static void task_unqueue_if_started(struct task *task)
{
	u64 flags;
	bool was;

	smp_mb();
	if (likely(list_empty(&task->link)) || !timer_pending(&task->timer))
		return;
	flags = spin_lock_irqsave(&task->pool->lock);
	was = !list_empty(&task->link) && timer_pending(&task->timer);
	if (was)
		task_dequeue_locked(task);
	spin_unlock_irqrestore(&task->pool->lock, flags);
	if (was)
		owned_put(&task->owned);
}

/* Neither queued nor started from now on: the functions that do so check under the lock. */
static void task_kill(struct task *task)
{
	u64 flags = spin_lock_irqsave(&task->pool->lock);

	WRITE_ONCE(task->dead, true);
	spin_unlock_irqrestore(&task->pool->lock, flags);
	wake_up_all(&task->pool->done);
}

/* Also of a task that was taken off its owner's list. */
static const struct owner *task_owner(const struct task *task)
{
	return container_of(task->lane, struct owner, lane);
}

static bool task_calls_itself(const struct task *task)
{
	return READ_ONCE(task->running) == current;
}

/* @return 0, -EBUSY: its function does not return, or is what calls */
static int task_wait_end(struct task *task, u64 deadline_ns)
{
	if (task_calls_itself(task) ||
	    wait_event_until(&task->pool->done, !READ_ONCE(task->running), deadline_ns))
		return task_does_not_return(task);
	return 0;
}

static int task_stop(struct owned *o, u64 deadline_ns)
{
	struct task *task = container_of(o, struct task, owned);
	int err;

	task_kill(task);
	if (task->owned.class == &timer_class)
		timer_retire_sync(&task->timer);
	task_unqueue(task);
	err = task_wait_end(task, deadline_ns);
	if (!err)
		lane_leave(task->pool, task->lane);
	return err;
}

static void task_free(struct owned *o)
{
	struct task *task = container_of(o, struct task, owned);

	pool_put(task->pool);
	kfree(task);
}

static const struct owned_class timer_class = {
	.name = "timer",
	.names = "timers",
	.kind = OWNED_TIMER,
	.phase = OWNED_ACTIVE,
	.bytes = sizeof(struct task),
	.stop = task_stop,
	.free = task_free,
};
static const struct owned_class work_class = {
	.name = "piece of work",
	.names = "work items",
	.kind = OWNED_WORK,
	.phase = OWNED_ACTIVE,
	.bytes = sizeof(struct task),
	.stop = task_stop,
	.free = task_free,
};

static void timer_ended(struct timer *expired)
{
	struct task *task = container_of(expired, struct task, timer);

	if (task_queue(task))
		task_unqueue_if_started(task);
}

static struct task *task_new(struct owner *owner, const void *function, void *context,
			     const struct owned_class *class)
{
	struct task *task = kzalloc(sizeof(*task));

	if (!task)
		return NULL;
	list_init(&task->link);
	task->function = function;
	task->context = context;
	task->lane = &owner->lane;
	if (class == &timer_class)
		timer_init(&task->timer, timer_ended);
	task->pool = pool_get(owner_driver(owner));
	if (task->pool)
		return task;
	kfree(task);
	return NULL;
}

static int64_t task_create(banos_owner owner, int64_t (*function)(void *), void *context,
			   const struct owned_class *class, u64 *handle)
{
	struct owner *o = api_owner(owner);
	const char *caller = class == &timer_class ? "banos_timer_create" : "banos_work_create";
	struct task *task;
	int err;

	if (!o)
		return api_mistake(caller, -EINVAL, "owner does not belong to the caller");
	if (!owner_has_code(o, function))
		return api_mistake(caller, -EINVAL, "function is not the driver's");
	if (!api_may_write(handle, sizeof(*handle)))
		return api_mistake(caller, -EINVAL,
				   class == &timer_class ? "timer is not the driver's memory"
							 : "work is not the driver's memory");
	if (api_holds_spinlock())
		return api_mistake(caller, -EDEADLK, "may sleep, and the caller holds a spin lock");
	task = task_new(o, function, context, class);
	if (!task)
		return -ENOMEM;
	err = lane_join(task->pool, task->lane);
	if (err)
		goto err_free;
	err = owned_add_held(o, &task->owned, class, true);
	if (err)
		goto err_leave;
	*handle = owned_put_handle(&task->owned);
	return 0;

err_leave:
	lane_leave(task->pool, task->lane);
err_free:
	task_free(&task->owned);
	return err;
}

static struct task *task_get(const char *caller, u64 handle, const struct owned_class *class)
{
	struct owned *o;

	if (api_holds_spinlock()) {
		api_mistake(caller, -EDEADLK, "may sleep, and the caller holds a spin lock");
		return ERR_PTR(-EDEADLK);
	}
	o = api_get(handle, class);
	if (o)
		return container_of(o, struct task, owned);
	(void)api_handle_mistake(caller, class == &timer_class ? "timer" : "work");
	return ERR_PTR(-EINVAL);
}

static int64_t task_destroy(const char *caller, u64 handle, const struct owned_class *class)
{
	struct task *task = task_get(caller, handle, class);
	int err;

	if (IS_ERR(task))
		return PTR_ERR(task);
	if (task_calls_itself(task))
		err = api_mistake(caller, -EDEADLK, "is called by the function itself");
	else
		err = owned_remove(&task->owned);
	owned_put(&task->owned);
	return err;
}

/* ---- timers ---- */

int64_t banos_timer_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			   banos_timer *timer)
{
	return task_create(owner, function, context, &timer_class, (u64 *)timer);
}
BANOS_EXPORT(banos_timer_create);

int64_t banos_timer_start(banos_timer timer, uint64_t deadline_ns)
{
	struct owned *o;

	rcu_read_lock();
	o = api_peek((u64)timer, &timer_class);
	if (o) {
		struct task *task = container_of(o, struct task, owned);

		timer_start(&task->timer, deadline_ns);
		task_unqueue_if_started(task);
	}
	rcu_read_unlock();
	if (o)
		return 0;
	return api_handle_mistake(__func__, "timer");
}
BANOS_EXPORT(banos_timer_start);

int64_t banos_timer_cancel(banos_timer timer)
{
	struct task *task = task_get(__func__, (u64)timer, &timer_class);
	s64 result;

	if (IS_ERR(task))
		return PTR_ERR(task);
	result = timer_cancel_sync(&task->timer);
	result |= task_unqueue(task);
	if (!task_calls_itself(task) && task_wait_end(task, owner_stop_deadline(task_owner(task))))
		result = -EBUSY;
	owned_put(&task->owned);
	return result;
}
BANOS_EXPORT(banos_timer_cancel);

int64_t banos_timer_destroy(banos_timer timer)
{
	return task_destroy(__func__, (u64)timer, &timer_class);
}
BANOS_EXPORT(banos_timer_destroy);

/* ---- work ---- */

int64_t banos_work_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			  banos_work *work)
{
	return task_create(owner, function, context, &work_class, (u64 *)work);
}
BANOS_EXPORT(banos_work_create);

int64_t banos_work_queue(banos_work work)
{
	struct owned *o;
	s64 result = 0;

	rcu_read_lock();
	o = api_peek((u64)work, &work_class);
	if (o)
		result = task_queue(container_of(o, struct task, owned));
	rcu_read_unlock();
	if (o)
		return result;
	return api_handle_mistake(__func__, "work");
}
BANOS_EXPORT(banos_work_queue);

/* Neither queued nor running; or it has run since. */
static bool task_is_done(struct task *task, u64 runs)
{
	u64 flags = spin_lock_irqsave(&task->pool->lock);
	bool done = (list_empty(&task->link) && !task->running) || task->runs > runs + 1;

	spin_unlock_irqrestore(&task->pool->lock, flags);
	return done;
}

/* While its owner is removed, or itself by another thread, it may not take for ever. */
static bool work_wait_is_limited(const struct task *task)
{
	for (const struct owner *owner = task_owner(task); owner; owner = owner->parent)
		if (READ_ONCE(owner->stop_by_ns))
			return true;
	return READ_ONCE(task->dead);
}

static int work_wait_end(struct task *task, u64 runs)
{
	wait_event(&task->pool->done, task_is_done(task, runs) || work_wait_is_limited(task));
	if (wait_event_until(&task->pool->done, task_is_done(task, runs),
			     owner_stop_deadline(task_owner(task))))
		return task_does_not_return(task);
	return 0;
}

int64_t banos_work_wait(banos_work work)
{
	struct task *task = task_get(__func__, (u64)work, &work_class);
	s64 err;

	if (IS_ERR(task))
		return PTR_ERR(task);
	if (READ_ONCE(task->lane->thread) == current)
		err = api_mistake(__func__, -EDEADLK,
				  "is called by a function of a timer or work of the same owner");
	else
		err = work_wait_end(task, READ_ONCE(task->runs));
	owned_put(&task->owned);
	return err;
}
BANOS_EXPORT(banos_work_wait);

int64_t banos_work_destroy(banos_work work)
{
	return task_destroy(__func__, (u64)work, &work_class);
}
BANOS_EXPORT(banos_work_destroy);
