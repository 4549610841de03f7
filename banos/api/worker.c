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

static struct task *next_task(struct driver_worker *w)
{
	struct task *t = NULL;
	u64 flags = spin_lock_irqsave(&w->lock);

	if (!list_empty(&w->queue)) {
		t = list_first(&w->queue, struct task, link);
		list_del(&t->link);
	}
	w->running = t;
	spin_unlock_irqrestore(&w->lock, flags);
	return t;
}

static void task_ended(struct driver_worker *w, struct task *t)
{
	u64 flags = spin_lock_irqsave(&w->lock);

	w->running = NULL;
	t->runs++;
	spin_unlock_irqrestore(&w->lock, flags);
	wake_up_all(&w->done);
	owned_put(&t->owned);
}

static void worker_main(void *arg)
{
	struct driver_worker *w = arg;

	while (!thread_should_stop()) {
		struct task *t = next_task(w);

		if (!t) {
			wait_event(&w->wait, !list_empty(&w->queue) || thread_should_stop());
			continue;
		}
		if (!READ_ONCE(t->dead))
			gate_enter(&w->driver->owner, true, NULL, t->function, (u64)t->context, 0,
				   0, 0, 0, 0);
		task_ended(w, t);
	}
}

static struct driver_worker *worker_create(struct driver *d)
{
	struct driver_worker *w = kzalloc(sizeof(*w));

	if (!w)
		return NULL;
	spin_init(&w->lock);
	list_init(&w->queue);
	wait_queue_init(&w->wait);
	wait_queue_init(&w->done);
	w->driver = d;
	w->thread = thread_create(worker_main, w, d->name);
	if (IS_ERR(w->thread)) {
		kfree(w);
		return NULL;
	}
	thread_start(w->thread);
	return w;
}

/* The driver's worker; two threads may need it at once. */
static struct driver_worker *worker_get(struct driver *d)
{
	mutex_lock(&drivers_lock);
	if (!d->worker)
		d->worker = worker_create(d);
	mutex_unlock(&drivers_lock);
	return d->worker;
}

static const struct owned_class timer_class, work_class;

static int task_does_not_return(const struct task *t, const void *function)
{
	const struct driver *d = t->worker->driver;

	pr_err("banos: %s: the function %pS of %s does not return\n", d->name, function,
	       t->owned.class == &timer_class ? "a timer" : "a piece of work");
	return -EBUSY;
}

int driver_worker_stop(struct driver *d)
{
	struct driver_worker *w = d->worker;

	if (!w)
		return 0;
	/* Its tasks are gone by now; only a function that does not return can keep it. */
	if (wait_event_until(&w->done, !READ_ONCE(w->running), owner_stop_deadline(&d->owner))) {
		pr_err("banos: %s: a function of a timer or a piece of work does not return\n",
		       d->name);
		return -EBUSY;
	}
	thread_stop(w->thread);
	d->worker = NULL;
	kfree(w);
	return 0;
}

/* ---- tasks ---- */

static bool task_queue(struct task *t)
{
	struct driver_worker *w = t->worker;
	u64 flags = spin_lock_irqsave(&w->lock);
	bool new = !t->dead &&list_empty(&t->link);

	if (new) {
		atomic_inc(&t->owned.refs);
		list_add_tail(&t->link, &w->queue);
	}
	spin_unlock_irqrestore(&w->lock, flags);
	if (new)
		wake_up(&w->wait);
	return new;
}

static bool task_unqueue(struct task *t)
{
	struct driver_worker *w = t->worker;
	u64 flags = spin_lock_irqsave(&w->lock);
	bool was = !list_empty(&t->link);

	if (was)
		list_del(&t->link);
	spin_unlock_irqrestore(&w->lock, flags);
	if (was)
		owned_put(&t->owned);
	return was;
}

/* Neither queued nor started from now on: whoever does that looks under the lock. */
static void task_kill(struct task *t)
{
	u64 flags = spin_lock_irqsave(&t->worker->lock);

	WRITE_ONCE(t->dead, true);
	spin_unlock_irqrestore(&t->worker->lock, flags);
}

static void task_start_timer(struct task *t, u64 deadline_ns)
{
	u64 flags = spin_lock_irqsave(&t->worker->lock);

	if (!t->dead)
		timer_start(&t->timer, deadline_ns);
	spin_unlock_irqrestore(&t->worker->lock, flags);
}

static bool from_itself(const struct driver_worker *w)
{
	return current == w->thread;
}

static int task_stop(struct owned *o, u64 deadline_ns)
{
	struct task *t = container_of(o, struct task, owned);

	task_kill(t);
	if (t->timer.fn)
		timer_cancel_sync(&t->timer);
	task_unqueue(t);
	if (from_itself(t->worker))
		return 0;
	if (wait_event_until(&t->worker->done, READ_ONCE(t->worker->running) != t, deadline_ns))
		return task_does_not_return(t, t->function);
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
	.names = "pieces of work",
	.kind = OWNED_WORK,
	.phase = OWNED_ACTIVE,
	.stop = task_stop,
	.free = task_free,
};

static void timer_ended(struct timer *t)
{
	task_queue(container_of(t, struct task, timer));
}

static int64_t task_create(banos_owner owner, int64_t (*function)(void *), void *context,
			   const struct owned_class *class, u64 *handle)
{
	struct owner *o = api_owner(owner);
	const char *caller = class == &timer_class ? "banos_timer_create" : "banos_work_create";
	struct task *t;
	int err;

	if (!o)
		return api_mistake(caller, -EINVAL, "owner is none of the caller's");
	if (!owner_has_code(o, function))
		return api_mistake(caller, -EINVAL, "function is not the driver's");
	if (!api_may_write(handle, sizeof(*handle)))
		return api_mistake(caller, -EINVAL,
				   "the handle's place is not the driver's memory");
	if (api_holds_spinlock())
		return api_mistake(caller, -EDEADLK, "may sleep, and the caller holds a spin lock");
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	list_init(&t->link);
	t->function = function;
	t->context = context;
	if (class == &timer_class)
		timer_init(&t->timer, timer_ended);
	t->worker = worker_get(owner_driver(o));
	if (t->worker)
		err = owned_add(o, &t->owned, class, true);
	else
		err = -ENOMEM;
	if (err)
		kfree(t);
	else
		*handle = t->owned.handle;
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
	api_mistake(caller, -EINVAL, "the handle is none of the caller's, or was given up before");
	return ERR_PTR(-EINVAL);
}

static int64_t task_destroy(const char *caller, u64 handle, const struct owned_class *class)
{
	struct task *t = task_get(caller, handle, class);
	int err;

	if (IS_ERR(t))
		return PTR_ERR(t);
	err = owned_remove(&t->owned);
	owned_put(&t->owned);
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
	struct task *t = task_get(__func__, (u64)timer, &timer_class);
	s64 result;

	if (IS_ERR(t))
		return PTR_ERR(t);
	result = timer_cancel_sync(&t->timer);
	result |= task_unqueue(t);
	if (!from_itself(t->worker) &&
	    wait_event_until(&t->worker->done, READ_ONCE(t->worker->running) != t,
			     owner_stop_deadline(&t->worker->driver->owner)))
		result = task_does_not_return(t, t->function);
	owned_put(&t->owned);
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
static bool task_is_done(struct task *t, u64 runs)
{
	struct driver_worker *w = t->worker;
	u64 flags = spin_lock_irqsave(&w->lock);
	bool done = (list_empty(&t->link) && w->running != t) || t->runs > runs + 1;

	spin_unlock_irqrestore(&w->lock, flags);
	return done;
}

/* While the driver is removed it may not take for ever. */
static u64 work_wait_limit(const struct task *t)
{
	const struct owner *o = &t->worker->driver->owner;

	if (READ_ONCE(o->stop_by_ns))
		return owner_stop_deadline(o);
	return 0;
}

int64_t banos_work_wait(banos_work work)
{
	struct task *t = task_get(__func__, (u64)work, &work_class);
	s64 err = 0;
	u64 runs;

	if (IS_ERR(t))
		return PTR_ERR(t);
	if (from_itself(t->worker)) {
		owned_put(&t->owned);
		return api_mistake(__func__, -EDEADLK,
				   "is called by a function of this driver's timers or work");
	}
	runs = READ_ONCE(t->runs);
	if (wait_event_until(&t->worker->done, task_is_done(t, runs), work_wait_limit(t)))
		err = task_does_not_return(t, t->function);
	owned_put(&t->owned);
	return err;
}
BANOS_EXPORT(banos_work_wait);

int64_t banos_work_destroy(banos_work work)
{
	return task_destroy(__func__, (u64)work, &work_class);
}
BANOS_EXPORT(banos_work_destroy);
