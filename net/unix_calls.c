// SPDX-License-Identifier: MIT
/*
 * Local sockets (AF_UNIX) as a family: what the calls of programs do with them.
 *
 * Those that move bytes often, read() and write(), lead here directly; the others through struct socket_ops.
 */
#include "calls.h"
#include "unix.h"
#include <kernel/string.h>

#define PATH_OFFSET offsetof(struct user_sockaddr_un, path)
_Static_assert(sizeof(struct user_sockaddr_un) <= sizeof(struct socket_address), "it holds one");

/* ---- creating, names, connections ---- */

static struct socket *unix_create(struct socket_family *family, u32 type, u32 protocol)
{
	struct unix_socket *socket;

	if (protocol && protocol != AF_UNIX)
		return ERR_PTR(-EPROTONOSUPPORT);
	if (type == SOCK_RAW)
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return ERR_PTR(-ESOCKTNOSUPPORT);
	socket = unix_socket_create(type);
	if (!socket)
		return ERR_PTR(-ENOMEM);
	return &socket->base;
}

static int unix_pair(struct socket *one, struct socket *other)
{
	unix_join(unix_socket_from(one), unix_socket_from(other));
	return 0;
}

struct socket_family unix_family = {
	.family = AF_UNIX,
	.create = unix_create,
	.pair = unix_pair,
	.each = unix_list_each,
};

static void unix_release(struct socket *socket)
{
	unix_socket_close(unix_socket_from(socket));
}

static int unix_bind(struct socket *socket, const struct socket_address *address, u32 len)
{
	if (len < PATH_OFFSET || len > sizeof(struct user_sockaddr_un) ||
	    address->family != AF_UNIX)
		return -EINVAL;
	return unix_name_bind(unix_socket_from(socket), (const struct user_sockaddr_un *)address,
			      len);
}

static int unix_connect_call(struct socket *socket, const struct socket_address *address, u32 len,
			     bool wait)
{
	if (len < PATH_OFFSET)
		return -EINVAL;
	return unix_connect(unix_socket_from(socket), (const struct user_sockaddr_un *)address, len,
			    wait);
}

static int unix_listen_call(struct socket *socket, s32 backlog)
{
	return unix_listen(unix_socket_from(socket), backlog);
}

static struct socket *unix_accept_call(struct socket *socket, bool wait)
{
	struct unix_socket *fresh = unix_accept(unix_socket_from(socket), wait);

	if (IS_ERR(fresh))
		return ERR_PTR(PTR_ERR(fresh));
	return &fresh->base;
}

/* @return length of the address of a name, or of that of none */
static u32 unix_name_copy(const struct unix_name *name, struct socket_address *address)
{
	if (!name) {
		address->family = AF_UNIX;
		return sizeof(address->family);
	}
	memcpy(address, &name->address, name->len);
	return name->len;
}

static int unix_get_name(struct socket *base, bool peer, struct socket_address *address)
{
	struct unix_socket *socket = unix_socket_from(base), *of = socket;
	u32 len;

	if (peer)
		of = unix_peer_get(socket);
	if (!of)
		return -ENOTCONN;
	len = unix_name_copy(__atomic_load_n(&of->name, __ATOMIC_ACQUIRE), address);
	if (peer)
		unix_socket_put(of);
	return (int)len;
}

static int unix_shutdown_call(struct socket *socket, u32 how)
{
	/* CLOSED_READ, CLOSED_WRITE, CLOSED_BOTH */
	unix_shutdown(unix_socket_from(socket), how + 1);
	return 0;
}

static bool unix_is_listening(const struct socket *socket)
{
	return unix_socket_from(socket)->listening;
}

static struct user_ucred unix_peer_cred(const struct socket *socket)
{
	return unix_socket_from(socket)->peer_cred;
}

/* ---- messages ---- */

/*
 * Find whom an address means. A connected stream socket refuses one, a socket of
 * type SOCK_SEQPACKET ignores it. @to: counted, or NULL: the peer
 */
static int find_destination(const struct unix_socket *socket, const struct user_sockaddr_un *un,
			    s32 len, struct unix_socket **to)
{
	*to = NULL;
	if (socket->base.type == SOCK_STREAM) {
		if (socket->peer)
			return -EISCONN;
		return -EOPNOTSUPP;
	}
	if (socket->base.type != SOCK_DGRAM)
		return 0;
	*to = unix_name_find(un, (u32)len);
	if (IS_ERR(*to))
		return (int)PTR_ERR(*to);
	if ((*to)->base.type == socket->base.type)
		return 0;
	unix_socket_put(*to);
	return -EPROTOTYPE;
}

static __noinline s64 send_to_name(struct unix_socket *socket, struct message *message,
				   uaddr_t name, s32 name_len)
{
	struct socket_address address;
	s64 ret = socket_address_from_user(&address, name, name_len);

	if (!ret)
		ret = find_destination(socket, (const struct user_sockaddr_un *)&address, name_len,
				       &message->to);
	if (ret)
		return ret;
	ret = unix_send(socket, message);
	unix_socket_put(message->to);
	return ret;
}

static s64 unix_send_call(struct socket *base, struct socket_message *call)
{
	struct unix_socket *socket = unix_socket_from(base);
	struct message message = { .uio = call->uio, .flags = call->flags };
	s64 ret = 0;

	if (call->control_len)
		ret = control_from_user(&message, call->control, call->control_len);
	if (!ret && call->name_size)
		ret = send_to_name(socket, &message, call->name, call->name_size);
	else if (!ret)
		ret = unix_send(socket, &message);
	if (unlikely(message.record.rights)) /* that were not sent */
		unix_rights_put(message.record.rights);
	return ret;
}

/* Who sent it: the name of a datagram's sender, or of the other end; nothing if that has none. */
static int sender_to_user(const struct unix_socket *socket, const struct message *message,
			  const struct socket_message *call)
{
	const struct unix_name *name = NULL;

	if (message->has_record)
		name = message->record.name;
	if (message->has_record && unix_is_connected_type(socket))
		name = __atomic_load_n(&socket->peer->name, __ATOMIC_ACQUIRE);
	if (!name)
		return socket_message_set_name(call, NULL, 0);
	return socket_message_set_name(call, &name->address, name->len);
}

static s64 unix_receive_call(struct socket *base, struct socket_message *call)
{
	struct unix_socket *socket = unix_socket_from(base);
	struct message message = { .uio = call->uio, .flags = call->flags };
	s64 ret = unix_receive(socket, &message);
	int err = 0;

	call->out_flags = message.out_flags;
	if (ret >= 0) {
		control_to_user(socket, &message, call);
		err = sender_to_user(socket, &message, call);
	} else if (message.record.rights) {
		unix_rights_put(message.record.rights);
	}
	unix_name_put(message.record.name);
	if (err)
		return err;
	return ret;
}

/* ---- readiness ---- */

static u32 unix_poll(struct socket *base, struct poll_table *table)
{
	struct unix_socket *socket = unix_socket_from(base);
	u32 closed, events = 0;

	poll_wait(table, &base->read_wait);
	poll_wait(table, &base->write_wait);
	closed = READ_ONCE(socket->shutdown);
	if (atomic_read(&base->error))
		events |= POLLERR;
	if (closed == CLOSED_BOTH ||
	    (unix_is_connected_type(socket) && !socket->peer && !socket->listening))
		events |= POLLHUP;
	if (closed & CLOSED_READ)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (READ_ONCE(socket->queue.nr_records) || READ_ONCE(socket->nr_backlog))
		events |= POLLIN | POLLRDNORM;
	if (READ_ONCE(socket->urgent))
		events |= POLLPRI;
	if (unix_is_writable(socket))
		events |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return events;
}

/* SIOCOUTQ: what the other end has not read. */
static u64 bytes_not_read(struct unix_socket *socket)
{
	struct unix_socket *peer = unix_peer_get(socket);
	u64 used = 0;

	if (peer)
		used = READ_ONCE(peer->queue.used);
	unix_socket_put(peer);
	return used;
}

/* FIONREAD: all bytes of a stream or of packets, those of the next datagram. */
static u64 bytes_to_read(struct unix_socket *socket)
{
	u64 length;

	mutex_lock(&socket->lock);
	if (unix_is_connected_type(socket))
		length = socket->queue.used - (u64)socket->queue.nr_records * RECORD_SIZE;
	else {
		if (socket->queue.nr_records)
			length = socket->queue.first.len;
		else
			length = 0;
	}
	mutex_unlock(&socket->lock);
	return length;
}

static s64 unix_ioctl(struct socket *base, u32 command, u64 argument)
{
	struct unix_socket *socket = unix_socket_from(base);

	switch (command) {
	case SIOCINQ:
		if (socket->listening)
			return -EINVAL;
		return put_user_u32(uaddr(argument), bytes_to_read(socket));
	case SIOCATMARK: return put_user_u32(uaddr(argument), unix_is_at_mark(socket));
	case SIOCOUTQ: return put_user_u32(uaddr(argument), bytes_not_read(socket));
	}
	return -ENOTTY;
}

/* ---- as a file ---- */

static s64 unix_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct message message = { .uio = uio, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };
	s64 ret;

	if (!uio->count)
		return 0;
	ret = unix_receive(f->private, &message);
	if (unlikely(message.record.rights)) /* read() has no place for them */
		unix_rights_put(message.record.rights);
	if (unlikely(message.record.name))
		unix_name_put(message.record.name);
	return ret;
}

static s64 unix_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct message message = { .uio = uio, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };

	return unix_send(f->private, &message);
}

const struct file_ops unix_fops = {
	SOCKET_FILE_OPS,
	.read = unix_read,
	.write = unix_write,
};

const struct socket_ops unix_ops = {
	.file = &unix_fops,
	.release = unix_release,
	.bind = unix_bind,
	.connect = unix_connect_call,
	.listen = unix_listen_call,
	.accept = unix_accept_call,
	.get_name = unix_get_name,
	.send = unix_send_call,
	.receive = unix_receive_call,
	.poll = unix_poll,
	.shutdown = unix_shutdown_call,
	.ioctl = unix_ioctl,
	.is_listening = unix_is_listening,
	.peer_cred = unix_peer_cred,
};
