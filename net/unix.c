// SPDX-License-Identifier: MIT
/*
 * Local sockets (AF_UNIX): life, readiness, what ends them.
 *
 * Sockets come in pairs that socketpair() joins for good; each has a queue of
 * what its peer sent. One that socket() made has no peer and never gets one,
 * since names (bind(), listen()) are not there yet: to its program that looks as
 * if nobody listened anywhere, which is what libraries expect that ask whether a
 * service runs.
 *
 * A socket lives until its file is closed and its peer's, too. The pointer to the
 * peer is constant, so that nobody has to lock to follow it; `dead` says that
 * nobody will read there any more.
 *
 * A writer waits on its own socket's write_wait for room in the peer's queue;
 * the reader there wakes it once three quarters of SO_SNDBUF are free, so that
 * the two do not take turns byte by byte. unix(7), socket(7); Linux 6.1.
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

/* ---- life ---- */

/* Made with the first socket: most systems' first boot steps have none. */
static struct kmem_cache *cache_get(void)
{
	struct kmem_cache *c = __atomic_load_n(&socket_cache, __ATOMIC_ACQUIRE);
	static DEFINE_MUTEX(once);

	if (likely(c != NULL))
		return c;
	mutex_lock(&once);
	if (!socket_cache)
		__atomic_store_n(&socket_cache,
				 kmem_cache_create("socket", sizeof(struct unix_socket), 64),
				 __ATOMIC_RELEASE);
	c = socket_cache;
	mutex_unlock(&once);
	return c;
}

static struct unix_socket *socket_create(u32 type)
{
	struct kmem_cache *c = cache_get();
	struct unix_socket *s = c ? kmem_cache_zalloc(c) : NULL;

	if (!s)
		return NULL;
	atomic_set(&s->refs, 1);
	s->type = type;
	mutex_init(&s->lock);
	wait_queue_init(&s->read_wait);
	wait_queue_init(&s->write_wait);
	async_list_init(&s->async);
	list_init(&s->held);
	s->sndbuf = s->rcvbuf = SOCKET_BUFFER_BYTES;
	s->rcvlowat = 1;
	s->rcvtimeo_ns = s->sndtimeo_ns = TIMEOUT_NONE;
	return s;
}

static void socket_unref(struct unix_socket *s)
{
	if (atomic_dec_and_test(&s->refs))
		kmem_cache_free(socket_cache, s);
}

int unix_create(u32 type, u32 flags, struct file **out)
{
	struct unix_socket *s = socket_create(type);
	struct file *f;

	if (!s)
		return -ENOMEM;
	f = file_create_anon("socket", &socket_fops, s, O_RDWR | (flags & SOCK_NONBLOCK));
	if (IS_ERR(f)) {
		kmem_cache_free(socket_cache, s);
		return PTR_ERR(f);
	}
	record_queue_init(&s->queue, f->cred);
	*out = f;
	return 0;
}

void unix_join(struct unix_socket *a, struct unix_socket *b)
{
	const struct cred *c = current_cred();

	a->peer_cred = b->peer_cred = (struct user_ucred){ current->proc->pid, c->euid, c->egid };
	a->peer = b;
	b->peer = a;
	atomic_set(&a->refs, 2);
	atomic_set(&b->refs, 2);
}

static void close_directions(struct unix_socket *s, u32 which)
{
	mutex_lock(&s->lock);
	s->shutdown |= which;
	mutex_unlock(&s->lock);
	wake_up_key(&s->read_wait, 0, POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP);
	wake_up_key(&s->write_wait, 0, POLLOUT | POLLWRNORM | POLLHUP);
	async_notify(&s->async, which == CLOSED_BOTH ? POLL_HUP : POLL_IN);
}

static bool is_connected_type(const struct unix_socket *s)
{
	return s->type != SOCK_DGRAM;
}

void unix_shutdown(struct unix_socket *s, u32 which)
{
	u32 opposite = (which & CLOSED_READ ? CLOSED_WRITE : 0) |
		       (which & CLOSED_WRITE ? CLOSED_READ : 0);

	close_directions(s, which);
	if (s->peer && is_connected_type(s))
		close_directions(s->peer, opposite);
}

void unix_disconnect(struct unix_socket *s)
{
	struct unix_rights *lost;

	mutex_lock(&s->lock);
	s->disconnected = true;
	lost = record_queue_destroy(&s->queue);
	mutex_unlock(&s->lock);
	unix_rights_put(lost);
}

static void socket_release(struct file *f)
{
	struct unix_socket *s = f->private, *peer = s->peer;
	struct unix_rights *lost;
	bool unread;

	mutex_lock(&s->lock);
	s->dead = true;
	s->shutdown = CLOSED_BOTH;
	unread = s->queue.nr_records;
	lost = record_queue_destroy(&s->queue);
	mutex_unlock(&s->lock);
	unix_rights_put(lost);
	if (peer) {
		if (is_connected_type(s)) {
			if (unread)
				atomic_set(&peer->error, ECONNRESET);
			close_directions(peer, CLOSED_BOTH);
		} else {
			wake_up_key(&peer->write_wait, 0, POLLOUT | POLLWRNORM);
		}
		socket_unref(peer);
	}
	socket_unref(s);
}

/* ---- readiness ---- */

int unix_take_error(struct unix_socket *s)
{
	return atomic_read(&s->error) ? -atomic_xchg(&s->error, 0) : 0;
}

bool unix_is_writable(const struct unix_socket *s)
{
	return !s->peer || READ_ONCE(s->peer->queue.used) * 4 <= READ_ONCE(s->sndbuf);
}

static u32 socket_poll(struct file *f, struct poll_table *t)
{
	struct unix_socket *s = f->private;
	u32 closed, events = 0;

	poll_wait(t, &s->read_wait);
	poll_wait(t, &s->write_wait);
	closed = READ_ONCE(s->shutdown);
	if (atomic_read(&s->error))
		events |= POLLERR;
	if (closed == CLOSED_BOTH || (is_connected_type(s) && !s->peer))
		events |= POLLHUP;
	if (closed & CLOSED_READ)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (READ_ONCE(s->queue.nr_records))
		events |= POLLIN | POLLRDNORM;
	if (unix_is_writable(s))
		events |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return events;
}

/* ---- as a file ---- */

static s64 socket_read(struct file *f, struct uio *u, u64 *pos)
{
	struct message m = { .u = u, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };
	s64 ret;

	if (!u->count)
		return 0;
	ret = unix_receive(f->private, &m);
	if (unlikely(m.r.rights)) /* read() has no place for them */
		unix_rights_put(m.r.rights);
	return ret;
}

static s64 socket_write(struct file *f, struct uio *u, u64 *pos)
{
	struct message m = { .u = u, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };

	return unix_send(f->private, &m);
}

/* FIONREAD: all bytes of a stream or of packets, those of the next datagram. */
static u64 bytes_to_read(struct unix_socket *s)
{
	u64 n;

	mutex_lock(&s->lock);
	if (is_connected_type(s))
		n = s->queue.used - (u64)s->queue.nr_records * RECORD_SIZE;
	else
		n = s->queue.nr_records ? s->queue.first.len : 0;
	mutex_unlock(&s->lock);
	return n;
}

static s64 socket_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct unix_socket *s = f->private;

	switch (cmd) {
	case SIOCINQ: return put_user_u32(uaddr(arg), bytes_to_read(s));
	case SIOCOUTQ:
		return put_user_u32(uaddr(arg), s->peer ? READ_ONCE(s->peer->queue.used) : 0);
	}
	return -ENOTTY;
}

static int socket_async(struct file *f, s32 fd, bool on)
{
	return async_list_set(&((struct unix_socket *)f->private)->async, f, fd, on);
}

const struct file_ops socket_fops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
	.async = socket_async,
};
