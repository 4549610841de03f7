// SPDX-License-Identifier: MIT
/*
 * <banos/socket_family.h>: the life of a driver's families of sockets.
 *
 * socket() knows a family when its driver is live. The end: socket() knows it no more, it is marked as revoked,
 * what sleeps is woken, the calls that run are waited for, and the driver's side of each socket is released, by the
 * program that closes it meanwhile or here.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/wait.h>
#include <uapi/poll.h>
#include "caller.h"
#include "socket_family.h"

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_FAMILY_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_family_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_FAMILY_OPS_SIZE_2,
	.size_known = sizeof(struct banos_family_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

/* ---- what a method does that the driver lacks ---- */

static int64_t default_socket_address(void *own, const uint8_t *address, uint32_t length)
{
	return -EOPNOTSUPP;
}
static int64_t default_socket_number(void *own, uint32_t number)
{
	return -EOPNOTSUPP;
}
static int64_t default_socket_accept(void *own, banos_socket fresh, void **fresh_own)
{
	return -EOPNOTSUPP;
}
static int64_t default_socket_name(void *own, uint32_t peer, uint8_t *address, uint32_t length)
{
	return -EOPNOTSUPP;
}
static int64_t default_socket_option(void *own, uint32_t level, uint32_t option, banos_buffer value,
				     uint64_t length)
{
	return -ENOPROTOOPT;
}
static int64_t default_socket_describe(void *own, struct banos_socket_description *description)
{
	return -EOPNOTSUPP;
}
static int64_t default_connection(void *context, uint32_t family, uint64_t position,
				  struct banos_socket_description *description)
{
	return 0;
}
static int64_t default_socket_ioctl(void *own, banos_call call, uint32_t command, uint64_t argument)
{
	return -ENOTTY;
}

static const struct banos_family_ops family_default_ops = {
	API_DEFAULTS(struct banos_family_ops), .bind = default_socket_address,
	.connect = default_socket_address,     .listen = default_socket_number,
	.accept = default_socket_accept,       .shutdown = default_socket_number,
	.name = default_socket_name,	       .get_option = default_socket_option,
	.set_option = default_socket_option,   .ioctl = default_socket_ioctl,
	.describe = default_socket_describe,   .connection = default_connection,
};

/* ---- holds ---- */

bool driver_family_hold(struct driver_family *family)
{
	if (READ_ONCE(family->revoked) || !driver_pin(owner_driver(family->root)))
		return false;
	atomic_inc(&family->owned.refs);
	return true;
}

void driver_family_drop(struct driver_family *family, bool unpinned)
{
	struct driver *driver = owner_driver(family->root);

	if (unpinned)
		driver_put(driver);
	else
		driver_unpin(driver);
	owned_put(&family->owned);
}

static void driver_socket_free(struct rcu_head *head)
{
	kfree(container_of(head, struct driver_socket, rcu));
}

void driver_socket_end(struct driver_socket *socket)
{
	struct driver_family *family = socket->family;
	bool unpinned;

	handle_destroy(socket->handle);
	spin_lock(&family->lock);
	list_del(&socket->base.link);
	unpinned = socket->unpinned;
	spin_unlock(&family->lock);
	wake_up_all(&family->calls_wait);
	driver_family_drop(family, unpinned);
	call_rcu(&socket->rcu, driver_socket_free);
}

/* For socket(): under RCU. */
static bool family_number_hold(struct socket_family *base)
{
	return driver_family_hold(base->private);
}
static void family_number_drop(struct socket_family *base)
{
	driver_family_drop(base->private, false);
}

/* ---- the end ---- */

static bool family_calls_ended(struct driver_family *family)
{
	struct driver_socket *socket;
	bool all = true;

	spin_lock(&family->lock);
	list_for_each(socket, &family->sockets, base.link)
		all = all && !atomic_read(&socket->calls);
	spin_unlock(&family->lock);
	return all;
}

static struct driver_socket *family_next_socket(struct driver_family *family)
{
	struct driver_socket *socket, *found = NULL;

	spin_lock(&family->lock);
	list_for_each(socket, &family->sockets, base.link)
		if (!socket->released) {
			socket->released = true;
			atomic_inc(&socket->calls);
			found = socket;
			break;
		}
	spin_unlock(&family->lock);
	return found;
}

/* Those that wait for the driver's word, and those that sleep in a method. */
static void family_wake_all(struct driver_family *family)
{
	struct driver_socket *socket;
	struct thread_walk walk;

	spin_lock(&family->lock);
	list_for_each(socket, &family->sockets, base.link) {
		wake_up_all(&socket->base.read_wait);
		wake_up_all(&socket->base.write_wait);
	}
	spin_unlock(&family->lock);
	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		if (READ_ONCE(t->revoked) == &family->revoked)
			thread_wake_state(t, 1 << THREAD_INTERRUPTIBLE);
}

static int family_wait_for_calls(struct driver_family *family, u64 deadline_ns)
{
	int err = WAIT_EVENT_(&family->calls_wait, family_calls_ended(family), THREAD_KILLABLE,
			      deadline_ns, fatal_signal_pending());

	if (err == -ETIMEDOUT)
		pr_err("banos: %s: a method of a socket does not return\n", family->root->name);
	if (err)
		return -EBUSY;
	return 0;
}

/* Nothing of the driver is called for them any more: they keep no more than the structure. */
static void family_unpin_sockets(struct driver_family *family)
{
	struct driver *driver = owner_driver(family->root);
	struct driver_socket *socket;
	u32 count = 0;

	spin_lock(&family->lock);
	list_for_each(socket, &family->sockets, base.link)
		if (!socket->unpinned) {
			socket->unpinned = true;
			driver_get(driver);
			count++;
		}
	spin_unlock(&family->lock);
	while (count--)
		driver_unpin(driver);
}

static void family_unregister(struct driver_family *family)
{
	while (family->registered)
		socket_family_unregister(&family->numbers[--family->registered]);
}

static int driver_family_stop(struct owned *owned, u64 deadline_ns)
{
	struct driver_family *family = container_of(owned, struct driver_family, owned);
	struct driver_socket *socket;
	int err;

	family_unregister(family);
	__atomic_store_n(&family->revoked, true, __ATOMIC_SEQ_CST);
	family_wake_all(family);
	err = family_wait_for_calls(family, deadline_ns);
	if (err)
		return err;
	while ((socket = family_next_socket(family)) != NULL) {
		driver_socket_release_own(socket);
		if (atomic_dec_and_test(&socket->calls))
			wake_up_all(&family->calls_wait);
	}
	err = family_wait_for_calls(family, deadline_ns);
	if (!err)
		family_unpin_sockets(family);
	return err;
}

static int driver_family_publish(struct owned *owned)
{
	struct driver_family *family = container_of(owned, struct driver_family, owned);
	int err = 0;

	for (u32 i = 0; i < BANOS_FAMILIES_MAX && family->numbers[i].family && !err; i++) {
		err = socket_family_register(&family->numbers[i]);
		family->registered += !err;
	}
	if (err)
		family_unregister(family);
	return err;
}

static void driver_family_free(struct owned *owned)
{
	kfree(container_of(owned, struct driver_family, owned));
}

const struct owned_class family_class = {
	.name = "socket family",
	.names = "socket families",
	.kind = OWNED_FAMILY,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_family),
	.publish = driver_family_publish,
	.stop = driver_family_stop,
	.free = driver_family_free,
};

/* ---- registration ---- */

static s64 family_take_numbers(struct driver_family *family,
			       const struct banos_family_config *config)
{
	static const char function[] = "banos_family_register";

	if (config->flags)
		return api_mistake(function, -EINVAL, "config->flags has an unknown bit");
	if (!config->families[0])
		return api_mistake(function, -EINVAL, "config->families names none");
	for (u32 i = 0; i < BANOS_FAMILIES_MAX && config->families[i]; i++) {
		if (config->families[i] >= AF_MAX || config->families[i] == AF_UNIX)
			return api_mistake(
				function, -EINVAL,
				"config->families has a number that no driver can offer");
		family->numbers[i] = (struct socket_family){
			.family = (u16)config->families[i],
			.private = family,
			.create = driver_socket_create,
			.hold = family_number_hold,
			.drop = family_number_drop,
			.each = driver_family_each,
		};
	}
	return 0;
}

static s64 driver_family_register(struct owner *owner, struct driver_family *family,
				  const struct banos_family_config *from)
{
	static const char function[] = "banos_family_register";
	struct banos_family_config config;
	s64 err = api_struct_read(function, &config_rule, from, &config);

	if (!err)
		err = family_take_numbers(family, &config);
	if (err)
		return err;
	family->root = owner->root;
	family->context = config.context;
	spin_init(&family->lock);
	list_init(&family->sockets);
	wait_queue_init(&family->calls_wait);
	family->ops.size = sizeof(family->ops);
	err = api_methods_read(function, &ops_rule, family->root, config.ops, &family->ops,
			       &family_default_ops);
	if (!err && (!family->ops.create || !family->ops.release || !family->ops.send ||
		     !family->ops.receive || !family->ops.poll))
		err = api_mistake(function, -EINVAL, "config->ops lacks a mandatory method");
	if (err)
		return err;
	return owned_add_held(owner, &family->owned, &family_class, true);
}

s64 driver_family_create(struct owner *owner, const struct banos_family_config *config,
			 banos_family *handle)
{
	struct driver_family *family = kzalloc(sizeof(*family));
	s64 err;

	if (!family)
		return -ENOMEM;
	err = driver_family_register(owner, family, config);
	if (err) {
		kfree(family);
		return err;
	}
	if (handle)
		*handle = (banos_family)family->owned.handle;
	return owned_offer(&family->owned);
}
