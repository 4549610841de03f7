// SPDX-License-Identifier: MIT
/*
 * <banos/socket_family.h>: what programs do with sockets of a driver.
 *
 * Each operation is one call of a method through the gate, or several where the program waits in between. The
 * driver never waits: it answers -EAGAIN, and says by banos_socket_wake() that it may be asked again. It counts
 * that in in_changes or out_changes, which a waiter reads before it asks, so that no change is missed.
 *
 * A call is counted, and leaves a mark in thread->revoked, as in chardev_file.c, so that a family can be taken
 * away; from then on everything answers ENETDOWN.
 */
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/network.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/wall.h>
#include <uapi/signal.h>
#include "call.h"
#include "caller.h"
#include "socket_family.h"

#define OPTION_MAX     4096u /* bytes of an option's value */
#define PORTS_RESERVED 1024u
#define INET_FAMILY    2
#define INET6_FAMILY   10

/* ---- calls ---- */

static bool socket_call_begin(struct driver_socket *socket, const bool **outer)
{
	atomic_inc(&socket->calls);
	if (unlikely(__atomic_load_n(&socket->family->revoked, __ATOMIC_SEQ_CST))) {
		atomic_dec(&socket->calls);
		wake_up_all(&socket->family->calls_wait);
		return false;
	}
	*outer = current->revoked;
	WRITE_ONCE(current->revoked, &socket->family->revoked);
	return true;
}

static void socket_call_end(struct driver_socket *socket, const bool *outer)
{
	WRITE_ONCE(current->revoked, outer);
	if (atomic_dec_and_test(&socket->calls) && READ_ONCE(socket->family->revoked))
		wake_up_all(&socket->family->calls_wait);
}

/* A driver that failed or goes meanwhile is as one that has gone. */
static s64 socket_result(const struct driver_socket *socket, s64 result)
{
	if (unlikely(result == -ENODEV &&
		     (READ_ONCE(socket->family->revoked) || gate_has_failed(socket->family->root))))
		return -ENETDOWN;
	if (unlikely(result == -ERESTART))
		return -EINTR;
	return result;
}

#define SOCKET_CALL(socket, object, method, ...)                                               \
	socket_call(socket, object, (socket)->family->ops.method, "banos_family_ops." #method, \
		    __VA_ARGS__)

static s64 socket_call(struct driver_socket *socket, const void *object, const void *method,
		       const char *name, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	const bool *outer;
	s64 result;

	if (!socket_call_begin(socket, &outer))
		return -ENETDOWN;
	wall_next_method(name, method);
	result = gate_call(socket->family->root, object, method, (u64)socket->own, arg1, arg2, arg3,
			   arg4, 0);
	socket_call_end(socket, outer);
	return socket_result(socket, result);
}

/* The same of a method that may send: what it sends on lo has been received when it returns. */
static s64 socket_call_receiving(struct driver_socket *socket, const void *object,
				 const void *method, const char *name, u64 arg1, u64 arg2, u64 arg3)
{
	struct packet_list frames, *outer = net_deferred_begin(&frames);
	s64 result = socket_call(socket, object, method, name, arg1, arg2, arg3, 0);

	net_deferred_end(&frames, outer);
	return result;
}

/* ---- waiting ---- */

/* Until the driver has said once more that something may be ready. @return 0, -EAGAIN, -EINTR, -ERESTARTSYS */
static int socket_wait_change(struct driver_socket *socket, struct wait_queue *queue,
			      const struct atomic *changes, s32 before, u64 deadline)
{
	int err = wait_event_interruptible_until(
		queue, atomic_read(changes) != before || READ_ONCE(socket->family->revoked),
		deadline);

	return socket_wait_result(err, deadline);
}

bool driver_socket_wake(u64 handle, u32 events)
{
	struct driver_socket *socket;
	bool found;

	rcu_read_lock();
	socket = handle_find(handle, HANDLE_SOCKET);
	found = socket && socket->family->root == gate_owner();
	if (found && (events & READ_EVENTS)) {
		WRITE_ONCE(socket->base.incoming_cpu, (s32)cpu_id());
		atomic_inc(&socket->in_changes);
		wake_up_poll(&socket->base.read_wait, POLLIN | POLLRDNORM | (u64)events);
		async_notify(&socket->base.async, POLL_IN);
	}
	if (found && unlikely(events & BANOS_SOCKET_URGENT))
		socket_notify_urgent(&socket->base);
	if (found && (events & WRITE_EVENTS)) {
		atomic_inc(&socket->out_changes);
		wake_up_poll(&socket->base.write_wait, POLLOUT | POLLWRNORM | (u64)events);
		async_notify(&socket->base.async, POLL_OUT);
	}
	rcu_read_unlock();
	return found;
}

/* ---- life ---- */

static const struct socket_ops driver_socket_ops;
static void driver_socket_option_changed(struct socket *base, u32 option);

/* In the list of its family, of which the caller has a hold, and without a driver's side. */
struct driver_socket *driver_socket_alloc(struct driver_family *family, u16 number, u32 type)
{
	struct driver_socket *socket = kzalloc(sizeof(*socket));

	if (!socket)
		return NULL;
	socket_init(&socket->base, &driver_socket_ops, number, type);
	socket->family = family;
	socket->released = true;
	socket->handle = handle_create(socket, HANDLE_SOCKET);
	if (!socket->handle) {
		kfree(socket);
		return NULL;
	}
	spin_lock(&family->lock);
	socket->base.number = ++family->last_number;
	list_add_tail(&socket->base.link, &family->sockets);
	spin_unlock(&family->lock);
	return socket;
}

/* The driver has its side of it: release() is due. */
static void driver_socket_begin(struct driver_socket *socket, void *own)
{
	socket->own = own;
	spin_lock(&socket->family->lock);
	socket->released = false;
	spin_unlock(&socket->family->lock);
}

void driver_socket_release_own(struct driver_socket *socket)
{
	struct driver_family *family = socket->family;

	wall_next_method("banos_family_ops.release", family->ops.release);
	(void)gate_call(family->root, NULL, family->ops.release, (u64)socket->own, 0, 0, 0, 0, 0);
}

s64 driver_socket_describe(struct driver_socket *socket, struct banos_socket_description *about)
{
	return SOCKET_CALL(socket, NULL, describe, (u64)about, 0, 0, 0);
}

s64 driver_connection_describe(struct driver_socket *stand_in, u64 position,
			       struct banos_socket_description *about)
{
	return SOCKET_CALL(stand_in, NULL, connection, stand_in->base.family, position, (u64)about,
			   0);
}

static void driver_socket_release(struct socket *base)
{
	struct driver_socket *socket = driver_socket_of(base);
	struct driver_family *family = socket->family;
	struct packet_list frames, *outer;
	bool now;

	driver_socket_linger(socket);
	spin_lock(&family->lock);
	now = !socket->released;
	socket->released = true;
	if (now)
		atomic_inc(&socket->calls);
	spin_unlock(&family->lock);
	if (unlikely(READ_ONCE(socket->described)))
		wait_event(&family->calls_wait, !READ_ONCE(socket->described));
	if (now) {
		outer = net_deferred_begin(&frames);
		driver_socket_release_own(socket);
		net_deferred_end(&frames, outer);
		if (atomic_dec_and_test(&socket->calls) && READ_ONCE(family->revoked))
			wake_up_all(&family->calls_wait);
	}
	driver_socket_end(socket);
}

/* create() or accept(), whose last argument receives the driver's side of @fresh. */
static s64 socket_make_call(struct driver_socket *counted, struct driver_socket *fresh,
			    const void *method, const char *name, const u64 args[5])
{
	struct driver_family *family = fresh->family;
	const bool *outer;
	void *own = NULL;
	s64 err;

	if (!socket_call_begin(counted, &outer))
		return -ENETDOWN;
	wall_next_method(name, method);
	if (counted == fresh)
		err = gate_call(family->root, NULL, method, args[0], fresh->handle, args[2],
				args[3], args[4], (u64)&own);
	else
		err = gate_call(family->root, NULL, method, args[0], fresh->handle, (u64)&own, 0, 0,
				0);
	if (!err)
		driver_socket_begin(fresh, own);
	socket_call_end(counted, outer);
	if (err > 0)
		return -EINVAL;
	return socket_result(fresh, err);
}

struct socket *driver_socket_create(struct socket_family *base, u32 type, u32 protocol)
{
	struct driver_family *family = base->private;
	struct driver_socket *socket;
	s64 err;

	if (type == SOCK_RAW && !current_capable(CAP_NET_RAW))
		return ERR_PTR(-EPERM);
	if (!driver_family_hold(family))
		return ERR_PTR(-EAFNOSUPPORT);
	socket = driver_socket_alloc(family, base->family, type);
	if (!socket) {
		driver_family_drop(family, false);
		return ERR_PTR(-ENOMEM);
	}
	socket->base.protocol = protocol;
	err = socket_make_call(socket, socket, family->ops.create, "banos_family_ops.create",
			       (const u64[]){ (u64)family->context, 0, base->family, type,
					      protocol });
	if (!err && type != SOCK_STREAM && socket->base.rcvbuf != SOCKET_BUFFER_BYTES)
		driver_socket_option_changed(&socket->base, SO_RCVBUF); /* it has another default */
	if (!err)
		return &socket->base;
	driver_socket_end(socket);
	return ERR_PTR(err);
}

/* ---- names and connections ---- */

static bool port_is_reserved(const struct socket *socket, const struct socket_address *address,
			     u32 len)
{
	u32 port = address->data[0] << 8 | address->data[1];

	return (address->family == INET_FAMILY || address->family == INET6_FAMILY ||
		socket->family == INET_FAMILY || socket->family == INET6_FAMILY) &&
	       len >= 4 && port && port < PORTS_RESERVED;
}

static int driver_socket_bind(struct socket *base, const struct socket_address *address, u32 len)
{
	if (port_is_reserved(base, address, len) && !current_capable(CAP_NET_BIND_SERVICE))
		return -EACCES;
	return (int)SOCKET_CALL(driver_socket_of(base), NULL, bind, (u64)address, len, 0, 0);
}

static int driver_socket_connect(struct socket *base, const struct socket_address *address, u32 len,
				 bool wait)
{
	struct driver_socket *socket = driver_socket_of(base);
	u64 deadline = socket_deadline(base->sndtimeo_ns);
	int err;

	for (;;) {
		s32 before = atomic_read(&socket->out_changes);

		err = (int)socket_call_receiving(socket, NULL, socket->family->ops.connect,
						 "banos_family_ops.connect", (u64)address, len, 0);
		if ((err != -EINPROGRESS && err != -EALREADY) || !wait)
			return err;
		err = socket_wait_change(socket, &base->write_wait, &socket->out_changes, before,
					 deadline);
		if (err == -EAGAIN)
			return -EINPROGRESS;
		if (err)
			return err;
	}
}

static int driver_socket_listen(struct socket *base, s32 backlog)
{
	struct driver_socket *socket = driver_socket_of(base);
	int err = (int)SOCKET_CALL(socket, NULL, listen, (u32)backlog, 0, 0, 0);

	if (!err)
		socket->listening = true;
	return err;
}

static bool driver_socket_is_listening(const struct socket *base)
{
	return driver_socket_of(base)->listening;
}

/* What a connection has of the socket that listens. */
static void options_inherit(struct socket *fresh, const struct socket *from)
{
	fresh->protocol = from->protocol;
	fresh->flags = from->flags;
	fresh->sndbuf = from->sndbuf;
	fresh->rcvbuf = from->rcvbuf;
	fresh->rcvlowat = from->rcvlowat;
	fresh->priority = from->priority;
	fresh->mark = from->mark;
	fresh->bound_interface = from->bound_interface;
	fresh->linger = from->linger;
}

static s64 accept_or_wait(struct driver_socket *socket, struct driver_socket *fresh, bool wait)
{
	u64 deadline = socket_deadline(socket->base.rcvtimeo_ns);

	for (;;) {
		s32 before = atomic_read(&socket->in_changes);
		s64 err = socket_make_call(socket, fresh, socket->family->ops.accept,
					   "banos_family_ops.accept",
					   (const u64[]){ (u64)socket->own, 0, 0, 0, 0 });

		if (err != -EAGAIN || !wait)
			return err;
		err = socket_wait_change(socket, &socket->base.read_wait, &socket->in_changes,
					 before, deadline);
		if (err)
			return err;
	}
}

static struct socket *driver_socket_accept(struct socket *base, bool wait)
{
	struct driver_socket *socket = driver_socket_of(base), *fresh;
	s64 err;

	if (!driver_family_hold(socket->family))
		return ERR_PTR(-ENETDOWN);
	fresh = driver_socket_alloc(socket->family, base->family, base->type);
	if (!fresh) {
		driver_family_drop(socket->family, false);
		return ERR_PTR(-ENOMEM);
	}
	options_inherit(&fresh->base, base);
	err = accept_or_wait(socket, fresh, wait);
	if (!err)
		return &fresh->base;
	driver_socket_end(fresh);
	return ERR_PTR(err);
}

static int driver_socket_get_name(struct socket *base, bool peer, struct socket_address *address)
{
	s64 length = SOCKET_CALL(driver_socket_of(base), NULL, name, peer, (u64)address,
				 sizeof(*address), 0);

	if (length > (s64)sizeof(*address))
		return -EINVAL;
	return (int)length;
}

static int driver_socket_shutdown(struct socket *base, u32 how)
{
	struct driver_socket *socket = driver_socket_of(base);

	return (int)socket_call_receiving(socket, NULL, socket->family->ops.shutdown,
					  "banos_family_ops.shutdown", how, 0, 0);
}

/* ---- messages ---- */

/* One call of send() or receive(). A call that failed has moved nothing. */
static s64 message_call(struct driver_socket *socket, const void *method, const char *name,
			struct uio *uio, struct banos_socket_message *message)
{
	struct uio before = *uio;
	u64 length = uio->count;
	s64 result =
		socket_call_receiving(socket, uio, method, name, (u64)uio, length, (u64)message);

	*uio = before;
	if (result < 0)
		return result;
	if ((u64)result > length && !(message->flags & MSG_TRUNC))
		return gate_bad_result(socket->family->root, result);
	uio_skip(uio, MIN((u64)result, length));
	return result;
}

static s64 driver_socket_send(struct socket *base, struct socket_message *call)
{
	struct driver_socket *socket = driver_socket_of(base);
	u64 deadline = socket_deadline(base->sndtimeo_ns);
	struct banos_socket_message message;
	s64 total = 0, result = 0;

	driver_message_begin(&message, call);
	if (call->name_size || call->control_len)
		result = driver_message_from_user(&message, call);
	if (result)
		return result;
	for (;;) {
		s32 before = atomic_read(&socket->out_changes);
		u64 left = call->uio->count;

		result = message_call(socket, socket->family->ops.send, "banos_family_ops.send",
				      call->uio, &message);
		if (result >= 0) {
			total += result;
			if (!call->uio->count || base->type != SOCK_STREAM || !result ||
			    call->uio->count == left)
				return total;
			continue;
		}
		if (result != -EAGAIN || (call->flags & MSG_DONTWAIT))
			break;
		result = socket_wait_change(socket, &base->write_wait, &socket->out_changes, before,
					    deadline);
		if (result)
			break;
	}
	if (total)
		return total;
	if (result == -EPIPE && base->type == SOCK_STREAM && !(call->flags & MSG_NOSIGNAL))
		signal_send_thread(current, SIGPIPE, NULL);
	return result;
}

static void empty_note(struct driver_socket *socket, s32 before)
{
	WRITE_ONCE(socket->empty_at, before);
	smp_store_release(&socket->empty_known, true);
}

/*
 * One call of receive(), unless the driver has said that nothing waits, and nothing else since. @before: in_changes, read before.
 * What arrives while the driver answers changes that, so its answer is not believed then.
 */
static s64 receive_once(struct driver_socket *socket, s32 before, struct uio *uio,
			struct banos_socket_message *message)
{
	s64 result;

	if (smp_load_acquire(&socket->empty_known) && READ_ONCE(socket->empty_at) == before &&
	    !message->flags && !READ_ONCE(socket->family->revoked) &&
	    !gate_has_failed(socket->family->root))
		return -EAGAIN;
	result = message_call(socket, socket->family->ops.receive, "banos_family_ops.receive", uio,
			      message);
	if (result >= 0 && message->out_flags & BANOS_SOCKET_EMPTY)
		empty_note(socket, before);
	return result;
}

static s64 driver_socket_receive(struct socket *base, struct socket_message *call)
{
	struct driver_socket *socket = driver_socket_of(base);
	u64 deadline = socket_deadline(base->rcvtimeo_ns), wanted = 0;
	struct banos_socket_message message;
	s64 total = 0, result;

	if (base->type == SOCK_STREAM && !(call->flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)))
		wanted = call->flags & MSG_WAITALL
				 ? call->uio->count
				 : MIN(call->uio->count, (u64)READ_ONCE(base->rcvlowat));
	driver_message_begin(&message, call);
	for (;;) {
		s32 before = atomic_read(&socket->in_changes);

		message.out_flags = message.address_length = message.control_length = 0;
		result = receive_once(socket, before, call->uio, &message);
		total += MAX(result, 0l);
		if (result > 0 && (u64)total < wanted && !(message.out_flags & BANOS_SOCKET_MARK))
			continue;
		if (result != -EAGAIN || (call->flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)))
			break; /* nobody waits for errors */
		result = socket_wait_change(socket, &base->read_wait, &socket->in_changes, before,
					    deadline);
		if (result)
			break;
	}
	if (result < 0 && !total)
		return result;
	result = driver_message_to_user(&message, call);
	if (result)
		return result;
	return total;
}

/* ---- readiness ---- */

static u32 driver_socket_poll(struct socket *base, struct poll_table *table)
{
	struct driver_socket *socket = driver_socket_of(base);
	s64 result;

	poll_wait(table, &base->read_wait);
	poll_wait(table, &base->write_wait);
	result = SOCKET_CALL(socket, NULL, poll, 0, 0, 0, 0);
	if (result < 0)
		return POLLERR | POLLHUP | POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
	result &= KNOWN_EVENTS;
	if (result & POLLIN)
		result |= POLLRDNORM;
	if (result & POLLOUT)
		result |= POLLWRNORM;
	return (u32)result;
}

/* ---- options ---- */

static s64 driver_socket_get_option(struct socket *base, u32 level, u32 option, uaddr_t value,
				    uaddr_t user_len)
{
	struct driver_socket *socket = driver_socket_of(base);
	struct uio uio;
	u32 room;
	s64 result;

	if (get_user_u32(&room, user_len))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	room = MIN(room, OPTION_MAX);
	if (uio_init_user(&uio, value, room))
		return -EFAULT;
	result = SOCKET_CALL(socket, &uio, get_option, level, option, (u64)&uio, room);
	if (result < 0)
		return result;
	if (result > room)
		return gate_bad_result(socket->family->root, result);
	return put_user_u32(user_len, (u32)result);
}

static s64 driver_socket_set_option(struct socket *base, u32 level, u32 option, uaddr_t value,
				    s32 len)
{
	struct driver_socket *socket = driver_socket_of(base);
	struct uio uio;
	s64 result;

	len = MIN(len, (s32)OPTION_MAX);
	if (uio_init_user(&uio, value, (u32)len))
		return -EFAULT;
	result = SOCKET_CALL(socket, &uio, set_option, level, option, (u64)&uio, (u32)len);
	return MIN(result, 0l);
}

static void driver_socket_option_changed(struct socket *base, u32 option)
{
	u32 value[2] = { 0 }, length = sizeof(u32);
	struct uio uio;

	switch (option) {
	case SO_LINGER:
		value[0] = (u32)base->linger.on;
		value[1] = (u32)base->linger.sec;
		length = sizeof(value);
		break;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		option = SO_SNDBUF;
		value[0] = base->sndbuf;
		break;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		option = SO_RCVBUF;
		value[0] = base->rcvbuf;
		break;
	case SO_PRIORITY: value[0] = base->priority; break;
	case SO_MARK: value[0] = base->mark; break;
	case SO_BINDTODEVICE: value[0] = base->bound_interface; break;
	case SO_REUSEPORT:
		value[0] = socket_switch(base, option);
		value[1] = base->uid;
		length = sizeof(value);
		break;
	default: value[0] = option < 32 && socket_switch(base, option);
	}
	uio_init_kernel(&uio, value, length);
	(void)SOCKET_CALL(driver_socket_of(base), &uio, set_option, SOL_SOCKET, option, (u64)&uio,
			  length);
}

static int driver_socket_take_error(struct socket *base)
{
	struct driver_socket *socket = driver_socket_of(base);
	struct uio uio;
	u32 error = 0;
	s64 result;

	uio_init_kernel(&uio, &error, sizeof(error));
	result = SOCKET_CALL(socket, &uio, get_option, SOL_SOCKET, SO_ERROR, (u64)&uio,
			     sizeof(error));
	if (result == -ENETDOWN)
		return -ENETDOWN;
	if (result < 0 || error > 4095)
		return 0;
	return -(int)error;
}

static s64 driver_socket_ioctl(struct socket *base, u32 command, u64 argument)
{
	struct driver_socket *socket = driver_socket_of(base);
	struct program_call call;

	program_call_init(&call, socket->family->root, NULL);
	return SOCKET_CALL(socket, program_call_object(&call), ioctl, call.handle, command,
			   argument, 0);
}

static const struct socket_ops driver_socket_ops = {
	.release = driver_socket_release,
	.bind = driver_socket_bind,
	.connect = driver_socket_connect,
	.listen = driver_socket_listen,
	.accept = driver_socket_accept,
	.get_name = driver_socket_get_name,
	.send = driver_socket_send,
	.receive = driver_socket_receive,
	.poll = driver_socket_poll,
	.shutdown = driver_socket_shutdown,
	.get_option = driver_socket_get_option,
	.set_option = driver_socket_set_option,
	.option_changed = driver_socket_option_changed,
	.take_error = driver_socket_take_error,
	.ioctl = driver_socket_ioctl,
	.is_listening = driver_socket_is_listening,
};
