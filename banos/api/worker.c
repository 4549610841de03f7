// SPDX-License-Identifier: MIT
/*
 * <banos/timer.h>, <banos/work.h>: functions of a driver called later.
 *
 * Each driver that has timers or work has one kernel thread, made with the first
 * of them, which calls their functions through the gate, one after the other: a
 * driver that is slow or stuck delays nobody but itself. A timer's interrupt only
 * queues it.
 *
 * Locks: worker->lock (spin, any context) guards its queue and the states of
 * tasks. A queued task holds a reference on itself.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include "caller.h"

struct driver_worker {
	spinlock_t lock;
	struct list queue; /* task.link */
	struct task *running;
	struct thread *thread;
	struct wait_queue wait; /* the thread waits for tasks */
	struct wait_queue done; /* others wait for a task's end */
	struct driver *driver;
};

/* A timer or a piece of work. */
struct task {
	struct owned owned;
	struct driver_worker *worker;
	struct list link; /* empty: not queued */
	const void *function;
	void *context;
	bool dead;	    /* is not queued again */
	u64 runs;	    /* ended */
	struct timer timer; /* of timers only */
};

/* ---- the thread ---- */

static struct task *next_task(struct driver_worker *worker)
{
	struct task *task = NULL;
	u64 flags = spin_lock_irqsave(&worker->lock);

	if (!list_empty(&worker->queue)) {
		task = list_first(&worker->queue, struct task, link);
		list_del(&task->link);
	}
	worker->running = task;
	spin_unlock_irqrestore(&worker->lock, flags);
	return task;
}

static void task_ended(struct driver_worker *worker, struct task *task)
{
	u64 flags = spin_lock_irqsave(&worker->lock);

	worker->running = NULL;
	task->runs++;
	spin_unlock_irqrestore(&worker->lock, flags);
	wake_up_all(&worker->done);
	owned_put(&task->owned);
}

static void worker_main(void *arg)
{
	struct driver_worker *worker = arg;

	while (!thread_should_stop()) {
		struct task *task = next_task(worker);

		if (!task) {
			wait_event(&worker->wait,
				   !list_empty(&worker->queue) || thread_should_stop());
			continue;
		}
		if (!READ_ONCE(task->dead))
			gate_enter(&worker->driver->owner, true, NULL, task->function,
				   (u64)task->context, 0, 0, 0, 0, 0);
		task_ended(worker, task);
	}
}

static struct driver_worker *worker_create(struct driver *driver)
{
	struct driver_worker *worker = kzalloc(sizeof(*worker));

	if (!worker)
		return NULL;
	spin_init(&worker->lock);
	list_init(&worker->queue);
	wait_queue_init(&worker->wait);
	wait_queue_init(&worker->done);
	worker->driver = driver;
	worker->thread = thread_create(worker_main, worker, driver->name);
	if (IS_ERR(worker->thread)) {
		kfree(worker);
		return NULL;
	}
	thread_start(worker->thread);
	return worker;
}

/* The driver's worker; two threads may need it at once. */
static struct driver_worker *worker_get(struct driver *driver)
{
	mutex_lock(&drivers_lock);
	if (!driver->worker)
		driver->worker = worker_create(driver);
	mutex_unlock(&drivers_lock);
	return driver->worker;
}

static const struct owned_class timer_class, work_class;

static int task_does_not_return(const struct task *task, const void *function)
{
	const struct driver *driver = task->worker->driver;

	pr_err("banos: %s: the function %pS of %s does not return\n", driver->name, function,
	       task->owned.class == &timer_class ? "a timer" : "a work item");
	return -EBUSY;
}

int driver_worker_stop(struct driver *driver)
{
	struct driver_worker *worker = driver->worker;

	if (!worker)
		return 0;
	/* Its tasks are gone by now; only a function that does not return can keep it. */
	if (wait_event_until(&worker->done, !READ_ONCE(worker->running),
			     owner_stop_deadline(&driver->owner))) {
		pr_err("banos: %s: a function of a timer or a work item does not return\n",
		       driver->name);
		return -EBUSY;
	}
	thread_stop(worker->thread);
	driver->worker = NULL;
	kfree(worker);
	return 0;
}

/* ---- tasks ---- */

static bool task_queue(struct task *task)
{
	struct driver_worker *worker = task->worker;
	u64 flags = spin_lock_irqsave(&worker->lock);
	bool new = !task->dead &&list_empty(&task->link);

	if (new) {
		atomic_inc(&task->owned.refs);
		list_add_tail(&task->link, &worker->queue);
	}
	spin_unlock_irqrestore(&worker->lock, flags);
	if (new)
		wake_up(&worker->wait);
	return new;
}

static bool task_unqueue(struct task *task)
{
	struct driver_worker *worker = task->worker;
	u64 flags = spin_lock_irqsave(&worker->lock);
	bool was = !list_empty(&task->link);

	if (was)
		list_del(&task->link);
	spin_unlock_irqrestore(&worker->lock, flags);
	if (was)
		owned_put(&task->owned);
	return was;
}

/* Neither queued nor started from now on: the functions that do so check under the lock. */
static void task_kill(struct task *task)
{
	u64 flags = spin_lock_irqsave(&task->worker->lock);

	WRITE_ONCE(task->dead, true);
	spin_unlock_irqrestore(&task->worker->lock, flags);
}

static void task_start_timer(struct task *task, u64 deadline_ns)
{
	u64 flags = spin_lock_irqsave(&task->worker->lock);

	if (!task->dead)
		timer_start(&task->timer, deadline_ns);
	spin_unlock_irqrestore(&task->worker->lock, flags);
}

static bool from_itself(const struct driver_worker *worker)
{
	return current == worker->thread;
}

static int task_stop(struct owned *o, u64 deadline_ns)
{
	struct task *task = container_of(o, struct task, owned);

	task_kill(task);
	if (task->timer.fn)
		timer_cancel_sync(&task->timer);
	task_unqueue(task);
	if (from_itself(task->worker))
		return 0;
	if (wait_event_until(&task->worker->done, READ_ONCE(task->worker->running) != task,
			     deadline_ns))
		return task_does_not_return(task, task->function);
	return 0;
}

static void task_free(struct owned *o)
{
	kfree(container_of(o, struct task, owned));
}

static const struct owned_class timer_class = {
	.name = "timer",
	.names = "timers",
	.kind = OWNED_TIMER,
	.phase = OWNED_ACTIVE,
	.stop = task_stop,
	.free = task_free,
};
static const struct owned_class work_class = {
	.name = "piece of work",
	.names = "work items",
	.kind = OWNED_WORK,
	.phase = OWNED_ACTIVE,
	.stop = task_stop,
	.free = task_free,
};

static void timer_ended(struct timer *expired)
{
	task_queue(container_of(expired, struct task, timer));
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
				   "the storage for the handle is not the driver's memory");
	if (api_holds_spinlock())
		return api_mistake(caller, -EDEADLK, "may sleep, and the caller holds a spin lock");
	task = kzalloc(sizeof(*task));
	if (!task)
		return -ENOMEM;
	list_init(&task->link);
	task->function = function;
	task->context = context;
	if (class == &timer_class)
		timer_init(&task->timer, timer_ended);
	task->worker = worker_get(owner_driver(o));
	if (task->worker)
		err = owned_add(o, &task->owned, class, true);
	else
		err = -ENOMEM;
	if (err)
		kfree(task);
	else
		*handle = task->owned.handle;
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
	api_mistake(caller, -EINVAL,
		    "the handle does not belong to the caller, or was released before");
	return ERR_PTR(-EINVAL);
}

static int64_t task_destroy(const char *caller, u64 handle, const struct owned_class *class)
{
	struct task *task = task_get(caller, handle, class);
	int err;

	if (IS_ERR(task))
		return PTR_ERR(task);
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
	if (o)
		task_start_timer(container_of(o, struct task, owned), deadline_ns);
	rcu_read_unlock();
	if (o)
		return 0;
	return MISTAKE("timer is none of the caller's, or was given up before");
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
	if (!from_itself(task->worker) &&
	    wait_event_until(&task->worker->done, READ_ONCE(task->worker->running) != task,
			     owner_stop_deadline(&task->worker->driver->owner)))
		result = task_does_not_return(task, task->function);
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
	return MISTAKE("work is none of the caller's, or was given up before");
}
BANOS_EXPORT(banos_work_queue);

/* Neither queued nor running; or it has run since. */
static bool task_is_done(struct task *task, u64 runs)
{
	struct driver_worker *worker = task->worker;
	u64 flags = spin_lock_irqsave(&worker->lock);
	bool done = (list_empty(&task->link) && worker->running != task) || task->runs > runs + 1;

	spin_unlock_irqrestore(&worker->lock, flags);
	return done;
}

/* While the driver is removed it may not take for ever. */
static u64 work_wait_limit(const struct task *task)
{
	const struct owner *owner = &task->worker->driver->owner;

	if (READ_ONCE(owner->stop_by_ns))
		return owner_stop_deadline(owner);
	return 0;
}

int64_t banos_work_wait(banos_work work)
{
	struct task *task = task_get(__func__, (u64)work, &work_class);
	s64 err = 0;
	u64 runs;

	if (IS_ERR(task))
		return PTR_ERR(task);
	if (from_itself(task->worker)) {
		owned_put(&task->owned);
		return api_mistake(__func__, -EDEADLK,
				   "is called by a function of this driver's timers or work");
	}
	runs = READ_ONCE(task->runs);
	if (wait_event_until(&task->worker->done, task_is_done(task, runs), work_wait_limit(task)))
		err = task_does_not_return(task, task->function);
	owned_put(&task->owned);
	return err;
}
BANOS_EXPORT(banos_work_wait);

int64_t banos_work_destroy(banos_work work)
{
	return task_destroy(__func__, (u64)work, &work_class);
}
BANOS_EXPORT(banos_work_destroy);
