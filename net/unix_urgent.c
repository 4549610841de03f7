// SPDX-License-Identifier: MIT
/*
 * Urgent bytes of local streams: MSG_OOB, the mark, SO_OOBINLINE.
 *
 * An urgent byte is a message of one byte, RECORD_URGENT, of which a queue has one at most: when the next one is sent
 * the one before becomes an ordinary byte. A reader stops in front of it. The reader that goes on from there reads it, where
 * SO_OOBINLINE is set, or passes it over. Once recv(MSG_OOB) has taken it, its message, RECORD_TAKEN, stays as
 * the mark, at which readers stop, too. As Linux 6.12 (CONFIG_AF_UNIX_OOB).
 */
#include "unix.h"

enum mark_step unix_mark_step(struct unix_socket *socket, struct message *message,
			      struct record_cursor *cursor, bool some)
{
	bool peeks = message->flags & MSG_PEEK;
	struct unix_rights *rights = cursor->record.rights;

	assert_held(&socket->lock);
	/* One that was taken is no mark any more when there is a newer one. */
	if (some && (cursor->record.mark == RECORD_URGENT || !socket->urgent))
		return MARK_STOP;
	if (cursor->record.mark == RECORD_URGENT && !peeks)
		WRITE_ONCE(socket->urgent, false);
	if (cursor->record.mark == RECORD_URGENT && socket_switch(&socket->base, SO_OOBINLINE)) {
		if (!peeks)
			cursor->record.mark = 0;
		return MARK_READ;
	}
	if (rights && !peeks) {
		rights->next = message->dropped;
		message->dropped = rights;
		cursor->record.rights = NULL;
	}
	return MARK_PASS;
}

void unix_urgent_begin(struct unix_socket *peer)
{
	struct record_cursor cursor;

	assert_held(&peer->lock);
	if (peer->urgent)
		record_queue_urgent(&peer->queue, &cursor)->mark = 0;
	WRITE_ONCE(peer->urgent, true);
}

void unix_urgent_notify(struct unix_socket *peer)
{
	wake_up_poll(&peer->base.read_wait, POLLPRI);
	socket_notify_urgent(&peer->base);
}

s64 unix_receive_urgent(struct unix_socket *socket, struct message *message)
{
	struct record_cursor cursor;
	struct record *urgent;
	s64 length = -EINVAL;

	mutex_lock(&socket->lock);
	if (socket->urgent && !socket_switch(&socket->base, SO_OOBINLINE)) {
		urgent = record_queue_urgent(&socket->queue, &cursor);
		length = record_cursor_read(&cursor, message->uio, 1);
		if (length > 0 && !(message->flags & MSG_PEEK)) {
			record_queue_take_urgent(&socket->queue, urgent);
			WRITE_ONCE(socket->urgent, false);
		}
	}
	mutex_unlock(&socket->lock);
	if (length > 0)
		message->out_flags |= MSG_OOB;
	return length;
}

bool unix_is_at_mark(struct unix_socket *socket)
{
	struct record_cursor cursor;
	bool at = false;

	mutex_lock(&socket->lock);
	if (socket->queue.nr_records) {
		record_cursor_start(&socket->queue, &cursor);
		at = cursor.record.mark == RECORD_URGENT;
		if (cursor.record.mark == RECORD_TAKEN)
			at = !socket->urgent ||
			     (record_cursor_next(&cursor) && cursor.record.mark == RECORD_URGENT);
	}
	mutex_unlock(&socket->lock);
	return at;
}
