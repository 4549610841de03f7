/* SPDX-License-Identifier: MIT */
/*
 * Datagrams of UDP that several calls make: MSG_MORE, and UDP_CORK of udp(7).
 *
 * Where the datagram goes the first call has said; what later ones say of that is not looked at, as on Linux. A call that fails loses
 * what was there.
 */
#include "inet.h"
#include <banos/buffer.h>

#define ROOM_LEAST 1472u /* of Ethernet's frames */

/* What was said, not where it led: interfaces and addresses change. */
struct corked {
	struct control_sent control;
	ip_addr_t to;
	uint16_t port;
	uint16_t length;
	struct pbuf *bytes; /* with more room than length */
};

void udp_cork_forget(struct inet_socket *socket)
{
	struct corked *corked = socket->corked;

	if (!corked)
		return;
	socket->corked = NULL;
	if (corked->bytes)
		pbuf_free(corked->bytes);
	inet_memory_put(corked);
}

int64_t udp_cork_begin(struct inet_socket *socket, const struct control_sent *control,
		       const ip_addr_t *to, uint16_t port)
{
	struct corked *corked = inet_memory_zeroes(1, sizeof(*corked));

	if (!corked)
		return -ENOBUFS;
	corked->control = *control;
	corked->to = *to;
	corked->port = port;
	socket->corked = corked;
	return 0;
}

/* Twice as much each time: many small pieces cost no more than one large one. */
static int64_t corked_grow(struct corked *corked, uint64_t wanted)
{
	uint64_t room = corked->bytes ? corked->bytes->len * 2u : ROOM_LEAST;
	struct pbuf *bytes;

	if (corked->bytes && wanted <= corked->bytes->len)
		return 0;
	if (room < wanted)
		room = wanted;
	bytes = pbuf_alloc(PBUF_TRANSPORT, (uint16_t)least_of(room, UDP_MAX), PBUF_RAM);
	if (!bytes)
		return -ENOBUFS;
	if (corked->bytes) {
		memcpy(bytes->payload, corked->bytes->payload, corked->length);
		pbuf_free(corked->bytes);
	}
	corked->bytes = bytes;
	return 0;
}

static int64_t corked_add(struct corked *corked, banos_buffer from, uint64_t length)
{
	int64_t err;

	if (length > UDP_MAX - corked->length)
		return -EMSGSIZE;
	err = corked_grow(corked, corked->length + length);
	if (err)
		return err;
	if (length && banos_buffer_read(from, (uint8_t *)corked->bytes->payload + corked->length,
					length) != (int64_t)length)
		return -EFAULT;
	corked->length = (uint16_t)(corked->length + length);
	return 0;
}

int64_t udp_cork_push(struct inet_socket *socket)
{
	struct corked *corked = socket->corked;
	int64_t result;

	if (!corked)
		return 0;
	pbuf_realloc(corked->bytes, corked->length);
	result = udp_send_pbuf(socket, &corked->control, &corked->to, corked->port, corked->bytes);
	udp_cork_forget(socket);
	return result;
}

int64_t udp_cork_add(struct inet_socket *socket, banos_buffer from, uint64_t length, bool more)
{
	int64_t result = corked_add(socket->corked, from, length);

	if (result) {
		udp_cork_forget(socket);
		return result;
	}
	if (!more)
		result = udp_cork_push(socket);
	if (result < 0)
		return result;
	return (int64_t)length;
}
