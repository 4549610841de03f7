/* SPDX-License-Identifier: MIT */
/* What programs receive from a stream: copied out of the row of pbufs, whose window opens as it gets shorter. */
#include "inet.h"
#include "table.h"

#define ACK_AT_ONCE 16384u /* bytes read: who sends so many waits for them */

void stream_consume(struct inet_socket *socket, uint32_t bytes)
{
	uint32_t left = bytes;
	bool many = bytes >= ACK_AT_ONCE;

	while (left) {
		struct datagram *first = socket->first;
		uint32_t part = (uint32_t)least_of(first->bytes->tot_len, left);

		first->bytes = pbuf_free_header(first->bytes, (uint16_t)part);
		left -= part;
		if (first->bytes)
			continue;
		socket->first = first->next;
		if (!socket->first)
			socket->last = &socket->first;
		inet_memory_put(first);
	}
	socket->queued -= bytes;
	if (socket->urgent)
		urgent_consumed(socket, bytes);
	if (socket->tcp) {
		tick_touch(socket->tcp);
		window_advance(socket, bytes);
	}
	if (many && socket->tcp && (socket->tcp->flags & TF_ACK_DELAY)) {
		tcp_ack_now(socket->tcp);
		tcp_output(socket->tcp);
	}
}

/* Of what is behind @skip bytes, 0 or 1. @return how many bytes were copied to the program, or -errno */
static int64_t stream_copy(const struct inet_socket *socket, banos_buffer to, uint64_t length,
			   uint32_t skip)
{
	uint64_t total = 0;

	for (const struct datagram *entry = socket->first; entry && total < length;
	     entry = entry->next)
		for (const struct pbuf *pbuf = entry->bytes; pbuf && total < length;
		     pbuf = pbuf->next) {
			uint64_t part = least_of(pbuf->len - skip, length - total);
			int64_t copied =
				banos_buffer_write(to, (const uint8_t *)pbuf->payload + skip, part);

			skip = 0;
			if (copied < 0)
				return total ? (int64_t)total : copied;
			total += (uint64_t)copied;
			if ((uint64_t)copied < part)
				return (int64_t)total;
		}
	return (int64_t)total;
}

/* Is it connected, and may more arrive? */
static bool stream_may_receive(const struct inet_socket *socket)
{
	return socket->state == STREAM_CONNECTED && !socket->no_more_in && !socket->error;
}

int64_t stream_receive(struct inet_socket *socket, banos_buffer to, uint64_t length,
		       struct banos_socket_message *message)
{
	bool peeks = message->flags & BANOS_SOCKET_PEEK;
	uint32_t skip = urgent_to_skip(socket);
	int64_t copied;

	if (skip && socket->queued && !peeks) {
		stream_consume(socket, 1);
		skip = 0;
	}
	if (socket->queued <= skip) {
		if (socket->error)
			return socket_take_error(socket);
		if (socket->no_more_in || socket->state == STREAM_ENDED)
			return 0;
		if (socket->state == STREAM_NEW || socket->state == STREAM_LISTENING)
			return -ENOTCONN;
		return -EAGAIN;
	}
	if (socket->urgent && socket->urgent_ahead && length >= socket->urgent_ahead) {
		length = socket->urgent_ahead;
		message->out_flags |= BANOS_SOCKET_MARK;
	}
	copied = stream_copy(socket, to, length, skip);
	if (copied > 0 && !peeks)
		stream_consume(socket, (uint32_t)copied);
	if (!socket->first && stream_may_receive(socket))
		message->out_flags |= BANOS_SOCKET_EMPTY;
	return copied;
}
