// SPDX-License-Identifier: MIT
/*
 * Local sockets (AF_UNIX): life cycle, readiness, shutdown.
 *
 * socketpair() joins two sockets for their whole life; each has a queue of the
 * messages that its peer sent. A socket of socket() has no peer and never gets
 * one, since names (bind(), listen()) are not supported yet: to its program it
 * looks as if no service listened, which libraries handle that ask whether a
 * service runs.
 *
 * A socket is freed after its own file and that of its peer are closed. The
 * pointer to the peer is constant, so that following it needs no lock; `dead` is
 * set when no more reads can happen there.
 *
 * A writer waits on the write_wait of its own socket for space in the queue of the
 * peer; the reader wakes it when three quarters of SO_SNDBUF are free, so that
 * the two do not alternate byte by byte. unix(7), socket(7); Linux 6.1.
 */
#include "socket.h"
#include <kernel/cred.h>
#include <kernel/fs/async.h>
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <uapi/signal.h>

static struct kmem_cache *socket_cache;

/* ---- life cycle ---- */

/* Made with the first socket: most systems' first boot steps have none. */
static struct kmem_cache *cache_get(void)
{
	struct kmem_cache *cache = __atomic_load_n(&socket_cache, __ATOMIC_ACQUIRE);
	static DEFINE_MUTEX(once);

	if (likely(cache != NULL))
		return cache;
	mutex_lock(&once);
	if (!socket_cache)
		__atomic_store_n(&socket_cache,
				 kmem_cache_create("socket", sizeof(struct unix_socket), 64),
				 __ATOMIC_RELEASE);
	cache = socket_cache;
	mutex_unlock(&once);
	return cache;
}

static struct unix_socket *socket_create(u32 type)
{
	struct kmem_cache *cache = cache_get();
	struct unix_socket *socket = cache ? kmem_cache_zalloc(cache) : NULL;

	if (!socket)
		return NULL;
	atomic_set(&socket->refs, 1);
	socket->type = type;
	mutex_init(&socket->lock);
	wait_queue_init(&socket->read_wait);
	wait_queue_init(&socket->write_wait);
	async_list_init(&socket->async);
	list_init(&socket->held);
	socket->sndbuf = socket->rcvbuf = SOCKET_BUFFER_BYTES;
	socket->rcvlowat = 1;
	socket->rcvtimeo_ns = socket->sndtimeo_ns = TIMEOUT_NONE;
	return socket;
}

static void socket_unref(struct unix_socket *socket)
{
	if (atomic_dec_and_test(&socket->refs))
		kmem_cache_free(socket_cache, socket);
}

int unix_create(u32 type, u32 flags, struct file **out)
{
	struct unix_socket *socket = socket_create(type);
	struct file *f;

	if (!socket)
		return -ENOMEM;
	f = file_create_anon("socket", &socket_fops, socket, O_RDWR | (flags & SOCK_NONBLOCK));
	if (IS_ERR(f)) {
		kmem_cache_free(socket_cache, socket);
		return PTR_ERR(f);
	}
	record_queue_init(&socket->queue, f->cred);
	*out = f;
	return 0;
}

void unix_join(struct unix_socket *socket, struct unix_socket *peer)
{
	const struct cred *cred = current_cred();

	socket->peer_cred = peer->peer_cred =
		(struct user_ucred){ current->proc->pid, cred->euid, cred->egid };
	socket->peer = peer;
	peer->peer = socket;
	atomic_set(&socket->refs, 2);
	atomic_set(&peer->refs, 2);
}

static void close_directions(struct unix_socket *socket, u32 which)
{
	mutex_lock(&socket->lock);
	socket->shutdown |= which;
	mutex_unlock(&socket->lock);
	wake_up_key(&socket->read_wait, 0, POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP);
	wake_up_key(&socket->write_wait, 0, POLLOUT | POLLWRNORM | POLLHUP);
	async_notify(&socket->async, which == CLOSED_BOTH ? POLL_HUP : POLL_IN);
}

static bool is_connected_type(const struct unix_socket *socket)
{
	return socket->type != SOCK_DGRAM;
}

void unix_shutdown(struct unix_socket *socket, u32 which)
{
	u32 opposite = 0;

	if (which & CLOSED_READ)
		opposite |= CLOSED_WRITE;
	if (which & CLOSED_WRITE)
		opposite |= CLOSED_READ;
	close_directions(socket, which);
	if (socket->peer && is_connected_type(socket))
		close_directions(socket->peer, opposite);
}

void unix_disconnect(struct unix_socket *socket)
{
	struct unix_rights *lost;

	mutex_lock(&socket->lock);
	socket->disconnected = true;
	lost = record_queue_destroy(&socket->queue);
	mutex_unlock(&socket->lock);
	unix_rights_put(lost);
}

static void socket_release(struct file *f)
{
	struct unix_socket *socket = f->private, *peer = socket->peer;
	struct unix_rights *lost;
	bool unread;

	mutex_lock(&socket->lock);
	socket->dead = true;
	socket->shutdown = CLOSED_BOTH;
	unread = socket->queue.nr_records;
	lost = record_queue_destroy(&socket->queue);
	mutex_unlock(&socket->lock);
	unix_rights_put(lost);
	if (peer) {
		if (is_connected_type(socket)) {
			if (unread)
				atomic_set(&peer->error, ECONNRESET);
			close_directions(peer, CLOSED_BOTH);
		} else {
			wake_up_key(&peer->write_wait, 0, POLLOUT | POLLWRNORM);
		}
		socket_unref(peer);
	}
	socket_unref(socket);
}

/* ---- readiness ---- */

int unix_take_error(struct unix_socket *socket)
{
	if (!atomic_read(&socket->error))
		return 0;
	return -atomic_xchg(&socket->error, 0);
}

bool unix_is_writable(const struct unix_socket *socket)
{
	return !socket->peer ||
	       READ_ONCE(socket->peer->queue.used) * 4 <= READ_ONCE(socket->sndbuf);
}

static u32 socket_poll(struct file *f, struct poll_table *table)
{
	struct unix_socket *socket = f->private;
	u32 closed, events = 0;

	poll_wait(table, &socket->read_wait);
	poll_wait(table, &socket->write_wait);
	closed = READ_ONCE(socket->shutdown);
	if (atomic_read(&socket->error))
		events |= POLLERR;
	if (closed == CLOSED_BOTH || (is_connected_type(socket) && !socket->peer))
		events |= POLLHUP;
	if (closed & CLOSED_READ)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (READ_ONCE(socket->queue.nr_records))
		events |= POLLIN | POLLRDNORM;
	if (unix_is_writable(socket))
		events |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return events;
}

/* ---- as a file ---- */

static s64 socket_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct message message = { .uio = uio, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };
	s64 ret;

	if (!uio->count)
		return 0;
	ret = unix_receive(f->private, &message);
	if (unlikely(message.record.rights)) /* read() has no place for them */
		unix_rights_put(message.record.rights);
	return ret;
}

static s64 socket_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct message message = { .uio = uio, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };

	return unix_send(f->private, &message);
}

/* FIONREAD: all bytes of a stream or of packets, those of the next datagram. */
static u64 bytes_to_read(struct unix_socket *socket)
{
	u64 length;

	mutex_lock(&socket->lock);
	if (is_connected_type(socket))
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

static s64 socket_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct unix_socket *socket = f->private;

	switch (cmd) {
	case SIOCINQ: return put_user_u32(uaddr(arg), bytes_to_read(socket));
	case SIOCOUTQ:
		return put_user_u32(uaddr(arg),
				    socket->peer ? READ_ONCE(socket->peer->queue.used) : 0);
	}
	return -ENOTTY;
}

static int socket_async(struct file *f, s32 fd, bool enabled)
{
	return async_list_set(&((struct unix_socket *)f->private)->async, f, fd, enabled);
}

const struct file_ops socket_fops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
	.async = socket_async,
};
