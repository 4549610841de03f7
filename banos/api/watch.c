// SPDX-License-Identifier: MIT
/*
 * <banos/callback.h>: banos_owner_watch().
 *
 * A watch is owned by the exporter that wants to be told, and linked to the owner that is
 * watched. When nothing runs on behalf of that any more, owner_tell_gone() has each
 * of its watches told, in a thread of its own: the removal waits for the exporter's function
 * no longer than for any other, and goes on with the same thread if it is repeated.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include "callback.h"
#include "caller.h"

struct watch {
	struct owned owned;
	struct owner_watch of_client;
	struct owner *root;	   /* of the exporter */
	struct callback *callback; /* counted */
	u64 client;		   /* its handle */
	bool started, told;
};

static DEFINE_WAIT_QUEUE(watches_told);

/* ---- telling ---- */

/* Holds a reference. */
static void watch_main(void *arg)
{
	struct watch *watch = arg;
	const u64 args[SIGNATURE_ARGS_BACK] = { watch->client };

	callback_run(watch->callback, args);
	smp_store_release(&watch->told, true);
	wake_up_all(&watches_told);
	owned_put(&watch->owned);
}

static void watch_start(struct watch *watch)
{
	if (__atomic_exchange_n(&watch->started, true, __ATOMIC_SEQ_CST))
		return;
	atomic_inc(&watch->owned.refs);
	if (thread_spawn(watch_main, watch, watch->root->name))
		watch_main(watch); /* without memory the removal waits as long as it takes */
}

static int watch_wait(struct watch *watch, u64 deadline_ns)
{
	if (!wait_event_until(&watches_told, smp_load_acquire(&watch->told), deadline_ns))
		return 0;
	pr_err("banos: %s: the function %pS of a callback, which is told that a client is gone, does not return\n",
	       watch->root->name, watch->callback->function);
	return -EBUSY;
}

static void watch_hold(struct owner_watch *of_client)
{
	atomic_inc(&container_of(of_client, struct watch, of_client)->owned.refs);
}

/* Counted by watch_hold(). */
static int watch_tell(struct owner_watch *of_client, u64 deadline_ns)
{
	struct watch *watch = container_of(of_client, struct watch, of_client);
	int err;

	watch_start(watch);
	err = watch_wait(watch, deadline_ns);
	if (!err) {
		owner_unwatch(of_client);
		(void)owned_remove(
			&watch->owned); /* unless the exporter is being removed, too, and does it */
	}
	owned_put(&watch->owned);
	return err;
}

/* ---- its end ---- */

static int watch_stop(struct owned *owned, u64 deadline_ns)
{
	struct watch *watch = container_of(owned, struct watch, owned);

	owner_unwatch(&watch->of_client);
	if (!READ_ONCE(watch->started))
		return 0;
	return watch_wait(watch, deadline_ns);
}

static int watch_publish(struct owned *owned)
{
	return 0;
}

static void watch_free(struct owned *owned)
{
	struct watch *watch = container_of(owned, struct watch, owned);

	owned_put(&watch->callback->owned);
	kfree(watch);
}

static const struct owned_class watch_class = {
	.name = "watch of an owner",
	.names = "watches of owners",
	.kind = OWNED_WATCH,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct watch),
	.publish = watch_publish,
	.stop = watch_stop,
	.free = watch_free,
};

/* ---- asking for it ---- */

/* In the grant of the call that passed it, or its driver's own: it stays. */
static s64 watch_create(struct owner *self, struct owner *client, struct callback *callback)
{
	struct watch *watch = kzalloc(sizeof(*watch));
	s64 err;

	if (!watch)
		return -ENOMEM;
	watch->root = self->root;
	watch->client = client->handle;
	watch->callback = callback;
	watch->of_client =
		(struct owner_watch){ .key = callback, .hold = watch_hold, .tell = watch_tell };
	list_init(&watch->of_client.link);
	atomic_inc(&callback->owned.refs); /* watch_free() drops it */
	err = owned_add(self, &watch->owned, &watch_class, false);
	if (err) {
		owned_put(&callback->owned);
		kfree(watch);
		return err;
	}
	err = owner_watch(client, &watch->of_client);
	if (err)
		(void)owned_remove(&watch->owned);
	return err;
}

int64_t banos_owner_watch(banos_owner self, banos_owner client, banos_callback callback)
{
	struct owner *watcher = api_owner(self), *watched = api_owner(client);
	struct owned *owned;
	s64 err;

	if (!watcher || watcher->root != gate_owner())
		return MISTAKE("self does not belong to the caller");
	if (!watched)
		return MISTAKE("client was not passed to the caller, or is gone");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	owned = api_get((u64)callback, &callback_class);
	if (!owned)
		return MISTAKE("callback does not belong to the caller, or was closed before");
	if (container_of(owned, struct callback, owned)->root == gate_owner())
		err = watch_create(watcher, watched, container_of(owned, struct callback, owned));
	else
		err = MISTAKE("callback belongs to another driver");
	owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_owner_watch);
