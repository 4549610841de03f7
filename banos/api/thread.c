// SPDX-License-Identifier: MIT
/*
 * <banos/thread.h>: threads of a driver. A kernel thread whose function is called
 * through the gate. When that has returned the thread stays, without a stack,
 * until a thread asks for its result. One that was created without a handle, for which nobody
 * can ask, is released then.
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
	struct driver_thread *thread = arg;

	/* Even if it was asked to stop before: the driver may rely on the call. */
	thread->result = gate_enter(thread->root, true, NULL, thread->function,
				    (u64)thread->context, 0, 0, 0, 0, 0);
	smp_store_release(&thread->ended, true);
	wake_up_all(&thread->end_wait);
	owned_put(&thread->owned);
}

/* Of a thread without a handle. Once it is off its owner the driver may go. */
static void detached_main(void *arg)
{
	struct driver_thread *thread = arg;
	struct thread *self = thread->thread;

	(void)gate_enter(thread->root, true, NULL, thread->function, (u64)thread->context, 0, 0, 0,
			 0, 0);
	if (owned_end(&thread->owned, thread->root))
		thread_put(self);
	smp_store_release(&thread->ended, true);
	wake_up_all(&thread->end_wait);
	owned_put(&thread->owned);
}

static s64 stop_until(struct driver_thread *thread, u64 deadline_ns)
{
	thread->thread->should_stop = true;
	thread_wake(thread->thread);
	return wait_event_until(&thread->end_wait, smp_load_acquire(&thread->ended), deadline_ns);
}

static int driver_thread_stop(struct owned *object, u64 deadline_ns)
{
	struct driver_thread *thread = container_of(object, struct driver_thread, owned);

	if (stop_until(thread, deadline_ns)) {
		pr_err("banos: %s: its thread \"%s\" does not end\n", thread->root->name,
		       thread->thread->comm);
		return -EBUSY;
	}
	/* Past our code, but for its last instructions: those are waited for. */
	if (thread->thread)
		thread_stop(thread->thread);
	thread->thread = NULL;
	return 0;
}

static void driver_thread_free(struct owned *object)
{
	kfree(container_of(object, struct driver_thread, owned));
}

static const struct owned_class thread_class = {
	.name = "thread",
	.names = "threads",
	.kind = OWNED_THREAD,
	.phase = OWNED_ACTIVE,
	.bytes = sizeof(struct driver_thread) + sizeof(struct thread) + KERNEL_STACK_SIZE,
	.stop = driver_thread_stop,
	.free = driver_thread_free,
};

static const struct owned_class detached_class = {
	.name = "thread",
	.names = "threads",
	.kind = OWNED_THREAD,
	.phase = OWNED_ACTIVE,
	.no_leak = true,
	.bytes = sizeof(struct driver_thread) + sizeof(struct thread) + KERNEL_STACK_SIZE,
	.stop = driver_thread_stop,
	.free = driver_thread_free,
};

static void copy_name(char *to, const char *from)
{
	size_t length = strnlen(from, 15);

	memcpy(to, from, length);
	to[length] = 0;
}

static int64_t start_thread(struct owner *owner, struct driver_thread *driver_thread,
			    const char *name, banos_thread *thread)
{
	char text[16];
	int err;

	copy_name(text, name);
	driver_thread->thread =
		thread_create(thread ? thread_main : detached_main, driver_thread, text);
	if (IS_ERR(driver_thread->thread))
		return -ENOMEM;
	err = owned_add(owner, &driver_thread->owned, thread ? &thread_class : &detached_class,
			thread != NULL);
	if (err) {
		thread_put(driver_thread->thread);
		return err;
	}
	atomic_inc(&driver_thread->owned.refs);
	if (thread)
		*thread = (banos_thread)driver_thread->owned.handle;
	thread_start(driver_thread->thread);
	return 0;
}

int64_t banos_thread_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			    const char *name, banos_thread *thread)
{
	struct owner *holder = api_owner(owner);
	struct driver_thread *driver_thread;
	s64 err;

	if (!holder)
		return MISTAKE("owner does not belong to the caller");
	if (!owner_has_code(holder, function))
		return MISTAKE("function is not the driver's");
	if (api_text(name, API_TEXT_MAX) < 0)
		return MISTAKE("name is no text of the driver's");
	if (thread && !api_may_write(thread, sizeof(*thread)))
		return MISTAKE("thread is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	driver_thread = kzalloc(sizeof(*driver_thread));
	if (!driver_thread)
		return -ENOMEM;
	driver_thread->root = holder->root;
	driver_thread->function = function;
	driver_thread->context = context;
	wait_queue_init(&driver_thread->end_wait);
	err = start_thread(holder, driver_thread, name, thread);
	if (err)
		kfree(driver_thread);
	return err;
}
BANOS_EXPORT(banos_thread_create);

int64_t banos_thread_stop(banos_thread thread, int64_t *result)
{
	struct owned *object;
	struct driver_thread *driver_thread;
	s64 err;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (result && !api_may_write(result, sizeof(*result)))
		return MISTAKE("result is not the driver's memory");
	object = api_get((u64)thread, &thread_class);
	if (!object)
		return api_handle_mistake(__func__, "thread");
	driver_thread = container_of(object, struct driver_thread, owned);
	if (driver_thread->thread == current) {
		owned_put(object);
		return api_mistake(__func__, -EDEADLK, "thread is the calling thread");
	}
	err = owned_remove(object);
	if (!err && result)
		*result = driver_thread->result;
	owned_put(object);
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
