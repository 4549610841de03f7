// SPDX-License-Identifier: MIT
/*
 * Sending and receiving.
 *
 * The bytes go from the sender's memory into the receiver's queue and from there
 * to the receiver, each under the lock of the receiving socket. A stream's call
 * moves what fits and waits for more; the others move one message as a whole.
 *
 * A sender may add a message whenever less than SO_SNDBUF is unread; one that
 * waits goes on when three quarters are free. If the user has no memory left for
 * sockets (-ENOBUFS from the queue) it waits until the queue is empty, and then
 * has at least what every queue may use.
 *
 * The order of errors is Linux's: a stream's reader gets what was queued before
 * an error, one of messages the error first. Waiting calls start again after a
 * signal unless a time limit was set (signal(7)).
 */
#include "socket.h"
#include <kernel/cred.h>
#include <kernel/fs/async.h>
#include <kernel/process.h>
#include <kernel/time.h>
#include <uapi/signal.h>

#define NOBODY 65534u /* overflow user and group: the sender is not known */

/* ---- waiting ---- */

static u64 deadline_of(u64 timeout_ns)
{
	u64 now;

	if (likely(timeout_ns == TIMEOUT_NONE))
		return 0;
	now = time_monotonic_ns();
	return now + timeout_ns < now ? 0 : now + timeout_ns;
}

static int wait_result(int err, u64 deadline)
{
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	return err == -ERESTARTSYS && deadline ? -EINTR : err;
}

/* ---- sending ---- */

/* May nothing be sent any more? @return 0, -EPIPE, -ECONNREFUSED */
static int broken(const struct unix_socket *s)
{
	if (READ_ONCE(s->shutdown) & CLOSED_WRITE)
		return -EPIPE;
	if (READ_ONCE(s->peer->dead))
		return s->type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
	return READ_ONCE(s->peer->shutdown) & CLOSED_READ ? -EPIPE : 0;
}

static int wait_for_room(struct unix_socket *s, bool empty, u64 deadline)
{
	return wait_result(
		wait_event_interruptible_until(&s->write_wait,
					       broken(s) || (empty ? !READ_ONCE(s->peer->queue.used)
								   : unix_is_writable(s)),
					       deadline),
		deadline);
}

/* Who sends is told only if one of the two wants to know. */
static void fill_sender(struct unix_socket *s, struct message *m)
{
	if (unlikely(m->has_record))
		return;
	if (unlikely(socket_switch(s, SO_PASSCRED) || socket_switch(s->peer, SO_PASSCRED))) {
		m->r.pid = current->proc->pid;
		m->r.uid = current_cred()->uid;
		m->r.gid = current_cred()->gid;
	} else {
		m->r.pid = 0;
		m->r.uid = m->r.gid = NOBODY;
	}
}

/*
 * Put into the peer's queue what may be put there now.
 * @return bytes, -EAGAIN: no room, -EPIPE, -ECONNREFUSED: the peer is closed, and those of record_queue_put()
 */
static s64 put(struct unix_socket *s, struct message *m, bool whole)
{
	struct unix_socket *peer = s->peer;
	u32 sndbuf = READ_ONCE(s->sndbuf);
	bool was_empty;
	s64 n = -EAGAIN;

	mutex_lock(&peer->lock);
	was_empty = !peer->queue.nr_records;
	if (unlikely(broken(s)))
		n = broken(s);
	else if (peer->queue.used < sndbuf)
		n = record_queue_put(
			&peer->queue, &m->r, m->u,
			whole ? m->u->count : MIN(m->u->count, sndbuf - peer->queue.used), whole);
	mutex_unlock(&peer->lock);
	if (n < 0)
		return n;
	m->r.rights = NULL;
	if (was_empty || wait_queue_active(&peer->read_wait))
		wake_up_poll(&peer->read_wait, POLLIN | POLLRDNORM);
	async_notify(&peer->async, POLL_IN);
	return n;
}

/* put(), or wait for the time when it may be. @return bytes or -errno */
static s64 put_or_wait(struct unix_socket *s, struct message *m, bool whole, u64 deadline)
{
	for (;;) {
		s64 n = put(s, m, whole);
		bool no_share = n == -ENOBUFS && READ_ONCE(s->peer->queue.nr_records);
		int err;

		if (likely(n != -EAGAIN && !no_share))
			return n;
		if (m->flags & MSG_DONTWAIT)
			return -EAGAIN;
		err = wait_for_room(s, no_share, deadline);
		if (err)
			return err;
	}
}

static s64 send_stream(struct unix_socket *s, struct message *m)
{
	u64 deadline = deadline_of(s->sndtimeo_ns);
	s64 total = 0, n = 0;

	while (m->u->count && n >= 0) {
		n = put_or_wait(s, m, false, deadline);
		total += MAX(n, 0l);
	}
	/* Nothing to send to a socket that is closed is an error all the same. */
	if (n >= 0 && !total && (READ_ONCE(s->shutdown) & CLOSED_WRITE))
		n = -EPIPE;
	if (n == -EPIPE && !total && !(m->flags & MSG_NOSIGNAL))
		signal_send_thread(current, SIGPIPE, NULL);
	return total ? total : n;
}

static s64 send_whole(struct unix_socket *s, struct message *m)
{
	s64 n;

	if (m->u->count > READ_ONCE(s->sndbuf) - RECORD_SIZE)
		return -EMSGSIZE;
	n = unix_take_error(s);
	if (n)
		return n;
	n = put_or_wait(s, m, true, deadline_of(s->sndtimeo_ns));
	if (n == -ECONNREFUSED)
		unix_disconnect(s);
	return n;
}

s64 unix_send(struct unix_socket *s, struct message *m)
{
	s64 ret;

	if (unlikely(m->flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(!s->peer || s->disconnected))
		return -ENOTCONN;
	fill_sender(s, m);
	if (unlikely(m->r.rights)) {
		ret = unix_rights_launch(m->r.rights, s->peer);
		if (ret)
			return ret;
	}
	return s->type == SOCK_STREAM ? send_stream(s, m) : send_whole(s, m);
}

/* ---- receiving ---- */

static bool may_have_something(const struct unix_socket *s)
{
	return READ_ONCE(s->queue.nr_records) || (READ_ONCE(s->shutdown) & CLOSED_READ) ||
	       atomic_read(&s->error);
}

static int wait_for_data(struct unix_socket *s, u64 deadline)
{
	return wait_result(wait_event_interruptible_until(&s->read_wait, may_have_something(s),
							  deadline),
			   deadline);
}

/* What was taken may have made room for a writer. */
static void wake_writer(struct unix_socket *s, u64 used_before)
{
	struct unix_socket *peer = s->peer;
	bool was_full;

	if (!peer)
		return;
	was_full = used_before * 4 > READ_ONCE(peer->sndbuf);
	if ((!was_full && !wait_queue_active(&peer->write_wait)) || !unix_is_writable(peer))
		return;
	wake_up_poll(&peer->write_wait, POLLOUT | POLLWRNORM);
	if (was_full)
		async_notify(&peer->async, POLL_OUT);
}

/* The files of the present message become the caller's; with MSG_PEEK others of the same kind. */
static void take_rights(struct message *m, struct record_cursor *c)
{
	m->r.rights = m->flags & MSG_PEEK ? unix_rights_copy(c->record.rights) : c->record.rights;
	if (!m->r.rights)
		m->out_flags |= MSG_CTRUNC;
	c->record.rights = NULL;
}

/* Take what is there of a stream, up to the request; @p last: what follows is not to be in the same call. Locked. */
static s64 take_stream(struct unix_socket *s, struct message *m, bool *last)
{
	bool by_sender = socket_switch(s, SO_PASSCRED), more = true;
	struct record_cursor c;
	s64 done = 0;

	record_cursor_start(&s->queue, &c);
	while (more && !*last) {
		s64 n;

		if (by_sender && m->has_record && !record_same_sender(&m->r, &c.record)) {
			*last = true;
			break;
		}
		n = record_cursor_read(&c, m->u, m->u->count);
		if (n < 0 && !done)
			done = n;
		if (n < 0)
			break;
		done += n;
		if (!m->has_record) {
			m->r = c.record;
			m->r.rights = NULL;
			m->has_record = true;
		}
		if (unlikely(c.record.rights)) {
			take_rights(m, &c);
			*last = true;
		}
		if (c.record.len) /* the request is done, or it faulted */
			break;
		more = record_cursor_next(&c);
	}
	if (m->flags & MSG_PEEK)
		*last = true; /* does not wait for more */
	else
		record_queue_consume(&s->queue, &c);
	return done;
}

static s64 receive_stream(struct unix_socket *s, struct message *m)
{
	u64 wanted = m->flags & MSG_WAITALL ? m->u->count
					    : MIN(m->u->count, (u64)READ_ONCE(s->rcvlowat));
	u64 deadline = deadline_of(s->rcvtimeo_ns);
	s64 total = 0;

	for (;;) {
		bool last = false, some = false, closed;
		u64 used = 0;
		s64 n = 0;

		if (READ_ONCE(s->queue.nr_records)) {
			mutex_lock(&s->lock);
			some = s->queue.nr_records;
			used = s->queue.used;
			n = some ? take_stream(s, m, &last) : 0;
			mutex_unlock(&s->lock);
			wake_writer(s, used);
		}
		total += MAX(n, 0l);
		if (n < 0)
			return total ? total : n;
		if (some && (last || (u64)total >= MAX(wanted, 1ul) || !m->u->count))
			return total;
		closed = READ_ONCE(s->shutdown) & CLOSED_READ;
		smp_rmb(); /* what was sent before the end is seen by who sees the end */
		if (READ_ONCE(s->queue.nr_records))
			continue;
		n = unix_take_error(s);
		if (!n && closed)
			return total;
		if (!n)
			n = m->flags & MSG_DONTWAIT ? -EAGAIN : wait_for_data(s, deadline);
		if (n)
			return total ? total : n;
	}
}

/* Take one message, or as much as fits. Locked. @return bytes of it (all with MSG_TRUNC), -EFAULT */
static s64 take_whole(struct unix_socket *s, struct message *m)
{
	struct record_cursor c;
	u32 len = s->queue.first.len;
	s64 n;

	record_cursor_start(&s->queue, &c);
	n = record_cursor_read(&c, m->u, m->u->count);
	if (n >= 0 && (u64)n < MIN((u64)len, n + m->u->count))
		n = -EFAULT;
	if (n >= 0) {
		m->r = c.record;
		m->r.rights = NULL;
		m->has_record = true;
		if (n < len)
			m->out_flags |= MSG_TRUNC;
		if (c.record.rights)
			take_rights(m, &c);
	}
	if (m->flags & MSG_PEEK)
		return n < 0 ? n : m->flags & MSG_TRUNC ? (s64)len : n;
	if (c.record.rights) { /* it faulted: the message is lost, as in Linux */
		m->r.rights = c.record.rights;
		c.record.rights = NULL;
	}
	record_cursor_next(&c);
	record_queue_consume(&s->queue, &c);
	return n < 0 ? n : m->flags & MSG_TRUNC ? (s64)len : n;
}

static s64 receive_whole(struct unix_socket *s, struct message *m)
{
	u64 deadline = deadline_of(s->rcvtimeo_ns);

	for (;;) {
		bool closed = READ_ONCE(s->shutdown) & CLOSED_READ, some;
		s64 n = unix_take_error(s);
		u64 used;

		if (n)
			return n;
		mutex_lock(&s->lock);
		some = s->queue.nr_records;
		used = s->queue.used;
		n = some ? take_whole(s, m) : 0;
		mutex_unlock(&s->lock);
		if (some) {
			wake_writer(s, used);
			return n;
		}
		if (closed)
			return m->flags & MSG_DONTWAIT && s->type == SOCK_DGRAM ? -EAGAIN : 0;
		n = m->flags & MSG_DONTWAIT ? -EAGAIN : wait_for_data(s, deadline);
		if (n)
			return n;
	}
}

s64 unix_receive(struct unix_socket *s, struct message *m)
{
	if (unlikely(m->flags & MSG_OOB))
		return s->type == SOCK_STREAM ? -EINVAL : -EOPNOTSUPP;
	if (unlikely(!s->peer && s->type == SOCK_STREAM))
		return -EINVAL;
	if (unlikely(!s->peer && s->type == SOCK_SEQPACKET))
		return -ENOTCONN;
	return s->type == SOCK_STREAM ? receive_stream(s, m) : receive_whole(s, m);
}
