// SPDX-License-Identifier: MIT
/*
 * listen(), connect(), accept().
 *
 * connect() makes the other end of the connection itself, joins the two, and puts the new one into the backlog of
 * the socket that listens; accept() makes a file of the oldest one. So a client may send before it is accepted. A
 * backlog of n has room for n + 1, as on Linux; who finds it full waits on the room_wait of the listening socket.
 *
 * A datagram socket is connected by noting whom it sends to.
 */
#include "unix.h"
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/process.h>
#include <kernel/time.h>

static struct user_ucred own_credentials(void)
{
	const struct cred *cred = current_cred();

	return (struct user_ucred){ current->proc->pid, cred->euid, cred->egid };
}

/* ---- listen() ---- */

int unix_listen(struct unix_socket *socket, s32 backlog)
{
	int err = 0;

	if (!unix_is_connected_type(socket))
		return -EOPNOTSUPP;
	mutex_lock(&socket->lock);
	if (!socket->name || socket->peer || socket->connecting) {
		err = -EINVAL;
	} else {
		socket->listening = true;
		socket->backlog_max = (u32)backlog;
		socket->peer_cred = own_credentials();
	}
	mutex_unlock(&socket->lock);
	if (!err)
		wake_up_all(&socket->room_wait);
	return err;
}

/* ---- connect() ---- */

static bool may_join(const struct unix_socket *listener)
{
	return !READ_ONCE(listener->dead) && READ_ONCE(listener->listening) &&
	       !(READ_ONCE(listener->shutdown) & CLOSED_READ);
}

static bool backlog_has_room(const struct unix_socket *listener)
{
	return READ_ONCE(listener->nr_backlog) <= READ_ONCE(listener->backlog_max);
}

/* @return 0, -ECONNREFUSED, -EAGAIN: there is no room */
static int join_backlog(struct unix_socket *listener, struct unix_socket *client,
			struct unix_socket *server)
{
	int err = 0;

	mutex_lock(&listener->lock);
	if (!may_join(listener)) {
		err = -ECONNREFUSED;
	} else if (!backlog_has_room(listener)) {
		err = -EAGAIN;
	} else {
		unix_name_get(listener->name);
		server->name = listener->name;
		unix_join(client, server);
		client->peer_cred = listener->peer_cred;
		list_add_tail(&server->backlog_link, &listener->backlog);
		WRITE_ONCE(listener->nr_backlog, listener->nr_backlog + 1);
	}
	mutex_unlock(&listener->lock);
	return err;
}

static int wait_for_backlog(struct unix_socket *listener, u64 deadline)
{
	int err = wait_event_interruptible_until(
		&listener->room_wait, !may_join(listener) || backlog_has_room(listener), deadline);

	return socket_wait_result(err, deadline);
}

static int connect_to(struct unix_socket *client, struct unix_socket *listener, bool wait)
{
	u64 deadline = socket_deadline(client->base.sndtimeo_ns);
	struct unix_socket *server;
	int err;

	if (client->base.type != listener->base.type)
		return -EPROTOTYPE;
	server = unix_socket_create(client->base.type);
	if (!server)
		return -ENOMEM;
	for (;;) {
		err = join_backlog(listener, client, server);
		if (err != -EAGAIN || !wait)
			break;
		err = wait_for_backlog(listener, deadline);
		if (err)
			break;
	}
	if (err) {
		unix_socket_put(server);
		return err;
	}
	wake_up_poll(&listener->base.read_wait, POLLIN | POLLRDNORM);
	async_notify(&listener->base.async, POLL_IN);
	wake_up_poll(&client->base.write_wait, POLLOUT | POLLWRNORM);
	return 0;
}

/* One thread connects it, once. @return 0, -EISCONN, -EINVAL, -EALREADY */
static int begin_connecting(struct unix_socket *client)
{
	int err = 0;

	mutex_lock(&client->lock);
	if (client->peer)
		err = -EISCONN;
	else if (client->listening)
		err = -EINVAL;
	else if (client->connecting)
		err = -EALREADY;
	else
		client->connecting = true;
	mutex_unlock(&client->lock);
	return err;
}

static int connect_stream(struct unix_socket *client, const struct user_sockaddr_un *address,
			  u32 len, bool wait)
{
	struct unix_socket *listener = unix_name_find(address, len);
	int err;

	if (IS_ERR(listener))
		return PTR_ERR(listener);
	err = begin_connecting(client);
	if (!err) {
		err = connect_to(client, listener, wait);
		mutex_lock(&client->lock);
		client->connecting = false;
		mutex_unlock(&client->lock);
	}
	unix_socket_put(listener);
	return err;
}

/* May a datagram socket send to this one? One that is connected hears its peer alone. */
bool unix_may_send(const struct unix_socket *socket, const struct unix_socket *to)
{
	const struct unix_socket *peer = READ_ONCE(to->peer);

	return !peer || peer == socket;
}

static int connect_datagram(struct unix_socket *socket, const struct user_sockaddr_un *address,
			    u32 len)
{
	struct unix_socket *to = NULL;
	int err = 0;

	if (address->family != AF_UNSPEC) {
		to = unix_name_find(address, len);
		if (IS_ERR(to))
			return PTR_ERR(to);
		if (to->base.type != socket->base.type)
			err = -EPROTOTYPE;
		else if (!unix_may_send(socket, to))
			err = -EPERM;
		if (err) {
			unix_socket_put(to);
			return err;
		}
	}
	unix_set_peer(socket, to);
	return 0;
}

int unix_connect(struct unix_socket *socket, const struct user_sockaddr_un *address, u32 len,
		 bool wait)
{
	if (unix_is_connected_type(socket))
		return connect_stream(socket, address, len, wait);
	return connect_datagram(socket, address, len);
}

/* ---- accept() ---- */

struct unix_socket *unix_take_backlog(struct unix_socket *socket)
{
	struct unix_socket *first = NULL;

	mutex_lock(&socket->lock);
	if (!list_empty(&socket->backlog)) {
		first = list_first(&socket->backlog, struct unix_socket, backlog_link);
		list_del(&first->backlog_link);
		list_init(&first->backlog_link);
		WRITE_ONCE(socket->nr_backlog, socket->nr_backlog - 1);
		socket->nr_accepted++;
	}
	mutex_unlock(&socket->lock);
	if (first && wait_queue_active(&socket->room_wait))
		wake_up_all(&socket->room_wait);
	return first;
}

struct unix_socket *unix_accept(struct unix_socket *socket, bool wait)
{
	u64 deadline = socket_deadline(socket->base.rcvtimeo_ns);

	if (!unix_is_connected_type(socket))
		return ERR_PTR(-EOPNOTSUPP);
	if (!READ_ONCE(socket->listening))
		return ERR_PTR(-EINVAL);
	for (;;) {
		struct unix_socket *first = unix_take_backlog(socket);
		int err;

		if (first)
			return first;
		if (READ_ONCE(socket->shutdown) & CLOSED_READ)
			return ERR_PTR(-EINVAL);
		if (!wait)
			return ERR_PTR(-EAGAIN);
		err = wait_event_interruptible_until(&socket->base.read_wait,
						     READ_ONCE(socket->nr_backlog) ||
							     (READ_ONCE(socket->shutdown) &
							      CLOSED_READ),
						     deadline);
		err = socket_wait_result(err, deadline);
		if (err)
			return ERR_PTR(err);
	}
}
