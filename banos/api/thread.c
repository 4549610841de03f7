// SPDX-License-Identifier: MIT
/*
 * <banos/thread.h>: threads of a driver. A kernel thread whose function is called
 * through the gate. When that has returned the thread stays, without a stack,
 * until somebody asks for its result.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include "caller.h"

struct driver_thread {
	struct owned owned;
	struct owner *root;
	struct thread *thread;
	const void *function;
	void *context;
	s64 result;
	bool ended;
	struct wait_queue end_wait;
};

/* The thread has a reference of its own, which it drops last. */
static void thread_main(void *arg)
{
	struct driver_thread *t = arg;

	if (!thread_should_stop())
		t->result = gate_enter(t->root, true, NULL, t->function, (u64)t->context, 0, 0, 0,
				       0, 0);
	smp_store_release(&t->ended, true);
	wake_up_all(&t->end_wait);
	owned_put(&t->owned);
}

static s64 stop_until(struct driver_thread *t, u64 deadline_ns)
{
	t->thread->should_stop = true;
	thread_wake(t->thread);
	return wait_event_until(&t->end_wait, smp_load_acquire(&t->ended), deadline_ns);
}

static int driver_thread_stop(struct owned *o, u64 deadline_ns)
{
	struct driver_thread *t = container_of(o, struct driver_thread, owned);

	if (stop_until(t, deadline_ns)) {
		pr_err("banos: %s: its thread \"%s\" does not end\n", t->root->name,
		       t->thread->comm);
		return -EBUSY;
	}
	/* Past our code, but for its last instructions: those are waited for. */
	if (t->thread)
		thread_stop(t->thread);
	t->thread = NULL;
	return 0;
}

static void driver_thread_free(struct owned *o)
{
	kfree(container_of(o, struct driver_thread, owned));
}

static const struct owned_class thread_class = {
	.name = "thread",
	.names = "threads",
	.kind = OWNED_THREAD,
	.phase = OWNED_ACTIVE,
	.stop = driver_thread_stop,
	.free = driver_thread_free,
};

static void copy_name(char *to, const char *from)
{
	size_t n = strnlen(from, 15);

	memcpy(to, from, n);
	to[n] = 0;
}

static int64_t start_thread(struct owner *o, struct driver_thread *t, const char *name,
			    banos_thread *thread)
{
	char text[16];
	int err;

	copy_name(text, name);
	t->thread = thread_create(thread_main, t, text);
	if (IS_ERR(t->thread))
		return -ENOMEM;
	err = owned_add(o, &t->owned, &thread_class, true);
	if (err) {
		thread_put(t->thread);
		return err;
	}
	atomic_inc(&t->owned.refs);
	if (thread)
		*thread = (banos_thread)t->owned.handle;
	thread_start(t->thread);
	return 0;
}

int64_t banos_thread_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			    const char *name, banos_thread *thread)
{
	struct owner *o = api_owner(owner);
	struct driver_thread *t;
	s64 err;

	if (!o)
		return MISTAKE("owner is none of the caller's");
	if (!owner_has_code(o, function))
		return MISTAKE("function is not the driver's");
	if (api_text(name, API_TEXT_MAX) < 0)
		return MISTAKE("name is no text of the driver's");
	if (thread && !api_may_write(thread, sizeof(*thread)))
		return MISTAKE("thread is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->root = o->root;
	t->function = function;
	t->context = context;
	wait_queue_init(&t->end_wait);
	err = start_thread(o, t, name, thread);
	if (err)
		kfree(t);
	return err;
}
BANOS_EXPORT(banos_thread_create);

int64_t banos_thread_stop(banos_thread thread, int64_t *result)
{
	struct owned *o;
	struct driver_thread *t;
	s64 err;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (result && !api_may_write(result, sizeof(*result)))
		return MISTAKE("result is not the driver's memory");
	o = api_get((u64)thread, &thread_class);
	if (!o)
		return MISTAKE("thread is none of the caller's, or was given up before");
	t = container_of(o, struct driver_thread, owned);
	if (t->thread == current) {
		owned_put(o);
		return api_mistake(__func__, -EDEADLK, "thread is the one that calls");
	}
	err = owned_remove(o);
	if (!err && result)
		*result = t->result;
	owned_put(o);
	return err;
}
BANOS_EXPORT(banos_thread_stop);

int64_t banos_thread_should_stop(void)
{
	return !current->space && gate_owner() && thread_should_stop();
}
BANOS_EXPORT(banos_thread_should_stop);

int64_t banos_thread_yield(void)
{
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	sched_yield_current();
	return 0;
}
BANOS_EXPORT(banos_thread_yield);
