// SPDX-License-Identifier: MIT
/*
 * Sending and receiving.
 *
 * Bytes are copied from the sender's memory into the receiver's queue and from
 * there to the receiver, each under the lock of the receiving socket. A call on a
 * stream moves as many bytes as fit and waits for the rest; a call on another
 * type of socket moves one message as a whole.
 *
 * A sender may append a message while less than SO_SNDBUF bytes are unread; a
 * sender that waits is woken when three quarters are free. If the memory limit of
 * the user is reached (-ENOBUFS from the queue), the sender waits until the queue
 * is empty, and then has at least the pages that every queue gets without charge.
 *
 * The order of errors is that of Linux: a reader of a stream receives the bytes
 * queued before an error, a reader of messages receives the error first. Waiting
 * calls restart after a signal unless a timeout was set (signal(7)).
 */
#include "unix.h"
#include <kernel/cred.h>
#include <kernel/fs/async.h>
#include <kernel/process.h>
#include <kernel/time.h>
#include <uapi/signal.h>

#define NOBODY 65534u /* overflow user and group: the sender is not known */

/* ---- sending ---- */

/* Check whether the socket may still send. @return 0, -EPIPE, -ECONNREFUSED, -EPERM */
static int send_error(const struct unix_socket *socket, const struct unix_socket *to)
{
	if (READ_ONCE(socket->shutdown) & CLOSED_WRITE)
		return -EPIPE;
	if (READ_ONCE(to->dead)) {
		if (socket->base.type == SOCK_DGRAM)
			return -ECONNREFUSED;
		return -EPIPE;
	}
	if (READ_ONCE(to->shutdown) & CLOSED_READ)
		return -EPIPE;
	if (socket->base.type == SOCK_DGRAM && !unix_may_send(socket, to))
		return -EPERM;
	return 0;
}

static int wait_for_room(struct unix_socket *socket, struct unix_socket *to, bool empty,
			 u64 deadline)
{
	struct wait_queue *queue = &socket->base.write_wait;
	int err;

	if (!unix_is_connected_type(socket))
		queue = &to->room_wait;
	err = wait_event_interruptible_until(queue,
					     send_error(socket, to) ||
						     (empty ? !READ_ONCE(to->queue.used)
							    : unix_has_room(socket, to)),
					     deadline);
	return socket_wait_result(err, deadline);
}

/* The sender's identity is passed along only if one of the two sockets asked for it. */
static void fill_sender(struct unix_socket *socket, struct unix_socket *to, struct message *message)
{
	if (unlikely(message->has_record))
		return;
	if (unlikely(socket_switch(&socket->base, SO_PASSCRED) ||
		     socket_switch(&to->base, SO_PASSCRED))) {
		message->record.pid = current->proc->pid;
		message->record.uid = current_cred()->uid;
		message->record.gid = current_cred()->gid;
	} else {
		message->record.pid = 0;
		message->record.uid = message->record.gid = NOBODY;
	}
}

/*
 * Put into the other one's queue what may be put there now.
 * @return bytes, -EAGAIN: no space, those of send_error() and of record_queue_put()
 */
static s64 peer_queue_put(struct unix_socket *socket, struct unix_socket *peer,
			  struct message *message, bool whole)
{
	u32 sndbuf = READ_ONCE(socket->base.sndbuf);
	bool was_empty;
	s64 result = -EAGAIN;

	mutex_lock(&peer->lock);
	was_empty = !peer->queue.nr_records;
	if (unlikely(send_error(socket, peer)))
		result = send_error(socket, peer);
	else if (peer->queue.used < sndbuf && !unix_is_full(socket, peer))
		result = record_queue_put(&peer->queue, &message->record, message->uio,
					  whole ? message->uio->count
						: MIN(message->uio->count - message->kept_back,
						      sndbuf - peer->queue.used),
					  whole);
	if (unlikely(message->record.mark) && result > 0)
		unix_urgent_begin(peer);
	mutex_unlock(&peer->lock);
	if (result < 0)
		return result;
	message->record.rights = NULL;
	message->record.name = NULL;
	if (was_empty || wait_queue_active(&peer->base.read_wait))
		wake_up_poll(&peer->base.read_wait, POLLIN | POLLRDNORM);
	async_notify(&peer->base.async, POLL_IN);
	return result;
}

/* peer_queue_put(), or wait for the time when it may be. @return bytes or -errno */
static s64 put_or_wait(struct unix_socket *socket, struct unix_socket *to, struct message *message,
		       bool whole, u64 deadline)
{
	for (;;) {
		s64 result = peer_queue_put(socket, to, message, whole);
		bool no_share = result == -ENOBUFS && READ_ONCE(to->queue.nr_records);
		int err;

		if (likely(result != -EAGAIN && !no_share))
			return result;
		if (message->flags & MSG_DONTWAIT)
			return -EAGAIN;
		err = wait_for_room(socket, to, no_share, deadline);
		if (err)
			return err;
	}
}

/* The last byte of a message, which is urgent. @return 1 or -errno */
static __noinline s64 send_urgent(struct unix_socket *socket, struct message *message, u64 deadline)
{
	s64 result;

	message->kept_back = 0;
	message->record.mark = RECORD_URGENT;
	result = put_or_wait(socket, socket->peer, message, true, deadline);
	message->record.mark = 0;
	if (result > 0)
		unix_urgent_notify(socket->peer);
	return result;
}

static s64 send_stream(struct unix_socket *socket, struct message *message)
{
	u64 deadline = socket_deadline(socket->base.sndtimeo_ns);
	s64 total = 0, result = 0;

	while (message->uio->count > message->kept_back && result >= 0) {
		result = put_or_wait(socket, socket->peer, message, false, deadline);
		total += MAX(result, 0l);
	}
	if (unlikely(message->kept_back) && result >= 0) {
		result = send_urgent(socket, message, deadline);
		total += MAX(result, 0l);
	}
	/* Nothing to send to a socket that is closed is an error all the same. */
	if (result >= 0 && !total && (READ_ONCE(socket->shutdown) & CLOSED_WRITE))
		result = -EPIPE;
	if (result == -EPIPE && !total && !(message->flags & MSG_NOSIGNAL))
		signal_send_thread(current, SIGPIPE, NULL);
	if (total)
		return total;
	return result;
}

static s64 send_whole(struct unix_socket *socket, struct unix_socket *to, struct message *message)
{
	s64 result;

	if (message->uio->count > MIN(READ_ONCE(socket->base.sndbuf) - RECORD_SIZE, RECORD_LEN_MAX))
		return -EMSGSIZE;
	result = unix_take_error(socket);
	if (result)
		return result;
	if (!unix_is_connected_type(socket) && socket->name) {
		unix_name_get(socket->name);
		message->record.name = socket->name;
	}
	result = put_or_wait(socket, to, message, true, socket_deadline(socket->base.sndtimeo_ns));
	unix_name_put(message->record.name); /* that was not sent */
	message->record.name = NULL;
	if (result == -ECONNREFUSED && to == READ_ONCE(socket->peer))
		unix_set_peer(socket, NULL);
	return result;
}

static s64 send_to(struct unix_socket *socket, struct unix_socket *to, struct message *message)
{
	fill_sender(socket, to, message);
	if (unlikely(message->record.rights))
		unix_rights_launch(message->record.rights, to);
	if (socket->base.type == SOCK_STREAM)
		return send_stream(socket, message);
	return send_whole(socket, to, message);
}

s64 unix_send(struct unix_socket *socket, struct message *message)
{
	struct unix_socket *to = message->to;
	s64 ret;

	if (unlikely(message->flags & MSG_OOB)) {
		if (socket->base.type != SOCK_STREAM || !message->uio->count)
			return -EOPNOTSUPP;
		message->kept_back = 1;
	}
	if (to)
		return send_to(socket, to, message);
	if (unix_is_connected_type(socket)) {
		if (unlikely(!socket->peer))
			return -ENOTCONN;
		return send_to(socket, socket->peer, message);
	}
	to = unix_peer_get(socket);
	if (unlikely(!to))
		return -ENOTCONN;
	ret = send_to(socket, to, message);
	unix_socket_put(to);
	return ret;
}

/* ---- receiving ---- */

/* @passed: records that the reader has passed over */
static bool may_have_something(const struct unix_socket *socket, u32 passed)
{
	return READ_ONCE(socket->queue.nr_records) != passed ||
	       (READ_ONCE(socket->shutdown) & CLOSED_READ) || atomic_read(&socket->base.error);
}

static int wait_for_data(struct unix_socket *socket, u32 passed, u64 deadline)
{
	return socket_wait_result(wait_event_interruptible_until(&socket->base.read_wait,
								 may_have_something(socket, passed),
								 deadline),
				  deadline);
}

/* The read may have freed space for writers. */
static void wake_room_waiters(struct unix_socket *socket, u64 used_before)
{
	struct unix_socket *peer = socket->peer;
	bool was_full;

	if (!unix_is_connected_type(socket)) {
		if (wait_queue_active(&socket->room_wait))
			wake_up_all(&socket->room_wait);
		if (!list_empty(&socket->senders))
			unix_wake_senders(socket);
		return;
	}
	if (!peer)
		return;
	was_full = used_before * 4 > READ_ONCE(peer->base.sndbuf);
	if ((!was_full && !wait_queue_active(&peer->base.write_wait)) ||
	    !unix_has_room(peer, socket))
		return;
	wake_up_poll(&peer->base.write_wait, POLLOUT | POLLWRNORM);
	if (was_full)
		async_notify(&peer->base.async, POLL_OUT);
}

/* The files of the present message become the caller's; with MSG_PEEK others of the same kind. */
static void take_rights(struct message *message, struct record_cursor *cursor)
{
	message->record.rights = cursor->record.rights;
	if (message->flags & MSG_PEEK)
		message->record.rights = unix_rights_copy(cursor->record.rights);
	if (!message->record.rights)
		message->out_flags |= MSG_CTRUNC;
	cursor->record.rights = NULL;
}

/*
 * Take the bytes that a stream holds, up to the request, behind @p total of the same call; @p last: what follows is not to be
 * in it. Locked.
 */
static s64 take_stream(struct unix_socket *socket, struct message *message, s64 total, bool *last)
{
	bool by_sender = socket_switch(&socket->base, SO_PASSCRED), more = true;
	struct record_cursor cursor;
	s64 done = 0;

	record_cursor_start(&socket->queue, &cursor);
	while (more && !*last) {
		s64 length;

		if (unlikely(cursor.record.mark)) {
			enum mark_step step =
				unix_mark_step(socket, message, &cursor, total + done);

			*last = step == MARK_STOP;
			if (step == MARK_PASS)
				more = record_cursor_next(&cursor);
			if (step != MARK_READ)
				continue;
		}
		if (by_sender && message->has_record &&
		    !record_same_sender(&message->record, &cursor.record)) {
			*last = true;
			break;
		}
		length = record_cursor_read(&cursor, message->uio, message->uio->count);
		if (length < 0 && !done)
			done = length;
		if (length < 0)
			break;
		done += length;
		if (!message->has_record) {
			message->record = cursor.record;
			message->record.rights = NULL;
			message->record.name = NULL; /* a connection has none */
			message->has_record = true;
		}
		if (unlikely(cursor.record.rights)) {
			take_rights(message, &cursor);
			*last = true;
		}
		if (cursor.record.len) /* the request is done, or it faulted */
			break;
		more = record_cursor_next(&cursor);
	}
	if (message->flags & MSG_PEEK)
		*last = done; /* does not wait for more */
	else
		record_queue_consume(&socket->queue, &cursor);
	return done;
}

static int wait_unless_told_not(struct unix_socket *socket, const struct message *message,
				u32 passed, u64 deadline)
{
	if (message->flags & MSG_DONTWAIT)
		return -EAGAIN;
	return wait_for_data(socket, passed, deadline);
}

static s64 receive_stream(struct unix_socket *socket, struct message *message)
{
	u64 wanted = message->uio->count;
	u64 deadline = socket_deadline(socket->base.rcvtimeo_ns);
	s64 total = 0;

	if (!(message->flags & MSG_WAITALL))
		wanted = MIN(wanted, (u64)READ_ONCE(socket->base.rcvlowat));
	for (;;) {
		bool last = false, some = false, closed;
		u32 passed = 0; /* all that there are, by one that peeks */
		u64 used = 0;
		s64 result = 0;

		if (READ_ONCE(socket->queue.nr_records)) {
			mutex_lock(&socket->lock);
			some = socket->queue.nr_records;
			used = socket->queue.used;
			if (some)
				result = take_stream(socket, message, total, &last);
			else
				result = 0;
			if (unlikely(message->flags & MSG_PEEK) && !result)
				passed = socket->queue.nr_records;
			mutex_unlock(&socket->lock);
			wake_room_waiters(socket, used);
		}
		total += MAX(result, 0l);
		if (result < 0) {
			if (total)
				return total;
			return result;
		}
		if (some && (last || (u64)total >= MAX(wanted, 1ul) || !message->uio->count))
			return total;
		closed = READ_ONCE(socket->shutdown) & CLOSED_READ;
		smp_rmb(); /* a reader that sees the end sees what was sent before it */
		if (READ_ONCE(socket->queue.nr_records) != passed)
			continue;
		result = unix_take_error(socket);
		if (!result && closed)
			return total;
		if (!result)
			result = wait_unless_told_not(socket, message, passed, deadline);
		if (result) {
			if (total)
				return total;
			return result;
		}
	}
}

/* The result of a call that took @length of a message of @len bytes. */
static s64 length_to_report(const struct message *message, s64 length, u32 len)
{
	if (length >= 0 && message->flags & MSG_TRUNC)
		return len;
	return length;
}

/* Take one message, or as much as fits. Locked. @return bytes of it (all with MSG_TRUNC), -EFAULT */
static s64 take_whole(struct unix_socket *socket, struct message *message)
{
	struct record_cursor cursor;
	u32 len = socket->queue.first.len;
	s64 length;

	record_cursor_start(&socket->queue, &cursor);
	length = record_cursor_read(&cursor, message->uio, message->uio->count);
	if (length >= 0 && (u64)length < MIN((u64)len, length + message->uio->count))
		length = -EFAULT;
	if (length >= 0) {
		message->record = cursor.record;
		message->record.rights = NULL;
		message->record.name = NULL;
		message->has_record = true;
		if (length < len)
			message->out_flags |= MSG_TRUNC;
		if (cursor.record.rights)
			take_rights(message, &cursor);
	}
	message->record.name = cursor.record.name;
	if (message->flags & MSG_PEEK) {
		if (message->record.name)
			unix_name_get(message->record.name);
		return length_to_report(message, length, len);
	}
	if (cursor.record.rights) { /* it faulted: the message is lost, as in Linux */
		message->record.rights = cursor.record.rights;
		cursor.record.rights = NULL;
	}
	record_cursor_next(&cursor);
	record_queue_consume(&socket->queue, &cursor);
	return length_to_report(message, length, len);
}

static s64 receive_whole(struct unix_socket *socket, struct message *message)
{
	u64 deadline = socket_deadline(socket->base.rcvtimeo_ns);

	for (;;) {
		bool closed = READ_ONCE(socket->shutdown) & CLOSED_READ, some;
		s64 result = unix_take_error(socket);
		u64 used;

		if (result)
			return result;
		mutex_lock(&socket->lock);
		some = socket->queue.nr_records;
		used = socket->queue.used;
		if (some)
			result = take_whole(socket, message);
		else
			result = 0;
		mutex_unlock(&socket->lock);
		if (some) {
			wake_room_waiters(socket, used);
			return result;
		}
		if (closed)
			break;
		result = wait_unless_told_not(socket, message, 0, deadline);
		if (result)
			return result;
	}
	if (message->flags & MSG_DONTWAIT && socket->base.type == SOCK_DGRAM)
		return -EAGAIN;
	return 0;
}

s64 unix_receive(struct unix_socket *socket, struct message *message)
{
	s64 result;

	if (unlikely((message->flags & MSG_OOB) && socket->base.type != SOCK_STREAM))
		return -EOPNOTSUPP;
	if (unlikely(!socket->peer && socket->base.type == SOCK_STREAM))
		return -EINVAL;
	if (unlikely(!socket->peer && socket->base.type == SOCK_SEQPACKET))
		return -ENOTCONN;
	if (unlikely(message->flags & MSG_OOB))
		return unix_receive_urgent(socket, message);
	if (socket->base.type != SOCK_STREAM)
		return receive_whole(socket, message);
	result = receive_stream(socket, message);
	if (unlikely(message->dropped))
		unix_rights_put(message->dropped);
	return result;
}
