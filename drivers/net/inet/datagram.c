/* SPDX-License-Identifier: MIT */
/*
 * UDP, UDP-Lite (RFC 3828), raw and ping sockets.
 *
 * A ping socket (SOCK_DGRAM with ICMP) is a raw one that sends echo requests with its own identity alone, and
 * receives the answers to them: programs need no privilege for it.
 */
#include <banos/time.h>
#include "inet.h"
#include <lwip/inet_chksum.h>
#include <lwip/ip.h>

#define GUESSES	      64u
#define RAW_MAX	      65515u
#define OVERHEAD      128u /* that a datagram counts besides its bytes */
#define ECHO_BYTES    8u
#define ECHO_REQUEST  8u
#define ECHO_REPLY    0u
#define ECHO6_REQUEST 128u
#define ECHO6_REPLY   129u
#define HEADER_LEVEL  255u /* IPPROTO_RAW */

struct inet_socket *raw_sockets;

static bool is_ping(const struct inet_socket *socket)
{
	return socket->kind == &raw_kind && socket->type == SOCK_DGRAM;
}

/* ---- what arrives ---- */

bool datagram_fits(const struct inet_socket *socket, uint32_t bytes)
{
	uint32_t most = socket->set.rcvbuf ? socket->set.rcvbuf : BUFFER_BYTES;

	return !socket->no_more_in && socket->queued + bytes <= most &&
	       !(socket->first && inet_memory_is_short());
}

void datagram_append(struct inet_socket *socket, struct datagram *datagram)
{
	datagram->drops = socket->drops;
	if (socket->set.timestamp)
		datagram->arrived_ns = banos_time_real_ns();
	*socket->last = datagram;
	socket->last = &datagram->next;
	socket->queued += datagram->bytes->tot_len + OVERHEAD;
	socket_wake(socket, BANOS_SOCKET_IN);
}

/* Takes over @pbuf. */
static void datagram_add(struct inet_socket *socket, struct pbuf *pbuf, const ip_addr_t *from,
			 uint16_t port)
{
	struct datagram *datagram = NULL;
	struct netif *netif = ip_current_input_netif();

	if (ip_addr_ismulticast(ip_current_dest_addr()) && netif &&
	    !group_is_heard(socket, ip_current_dest_addr(), from,
			    ((struct link *)netif->state)->index)) {
		pbuf_free(pbuf);
		return;
	}
	if (datagram_fits(socket, pbuf->tot_len))
		datagram = inet_memory_zeroes(1, sizeof(*datagram));
	if (!datagram) {
		socket->drops++;
		pbuf_free(pbuf);
		return;
	}
	datagram->bytes = pbuf;
	datagram->from = *from;
	datagram->to = *ip_current_dest_addr();
	datagram->port = port;
	if (netif)
		datagram->interface = ((struct link *)netif->state)->index;
	if (ip_current_is_v6()) {
		datagram->ttl = IP6H_HOPLIM(ip6_current_header());
		datagram->tos = IP6H_TC(ip6_current_header());
	} else {
		datagram->ttl = IPH_TTL(ip4_current_header());
		datagram->tos = IPH_TOS(ip4_current_header());
	}
	datagram_append(socket, datagram);
}

static void udp_arrived(void *arg, struct udp_pcb *pcb, struct pbuf *pbuf, const ip_addr_t *from,
			u16_t port)
{
	if (!udp_table_covers(arg)) {
		pbuf_free(pbuf);
		return;
	}
	datagram_add(arg, pbuf, from, port);
}

/* Of a ping socket: is it the answer to one of its own? The payload begins with the IP header. */
static bool ping_is_answer(const struct inet_socket *socket, const struct pbuf *pbuf,
			   uint32_t header)
{
	uint8_t echo[ECHO_BYTES];
	uint8_t reply = socket->family == AF_INET ? ECHO_REPLY : ECHO6_REPLY;

	if (pbuf_copy_partial(pbuf, echo, sizeof(echo), (uint16_t)header) != sizeof(echo))
		return false;
	return echo[0] == reply && (echo[4] << 8 | echo[5]) == socket->identity;
}

/* ICMP_FILTER, ICMP6_FILTER: bits of the types that the program does not want. */
static bool raw_is_filtered(const struct inet_socket *socket, const struct pbuf *pbuf,
			    uint32_t header)
{
	uint8_t type = pbuf_get_at(pbuf, (uint16_t)header);

	if (socket->protocol != PROTOCOL_ICMP && socket->protocol != PROTOCOL_ICMP6)
		return false;
	return socket->set.icmp_filter[type / 32] >> type % 32 & 1;
}

static u8_t raw_arrived(void *arg, struct raw_pcb *pcb, struct pbuf *pbuf, const ip_addr_t *from)
{
	struct inet_socket *socket = arg;
	uint32_t header = ip_current_header_tot_len();
	struct pbuf *copy;

	if (is_ping(socket) && !ping_is_answer(socket, pbuf, header))
		return 0;
	if (raw_is_filtered(socket, pbuf, header))
		return 0;
	copy = pbuf_clone(PBUF_RAW, PBUF_RAM, pbuf);
	if (!copy)
		return 0;
	if (is_ping(socket) || socket->family == AF_INET6)
		pbuf_remove_header(copy, header);
	datagram_add(socket, copy, from, 0);
	return 0; /* others get it, too */
}

/* ---- life ---- */

static int64_t udp_open(struct inet_socket *socket)
{
	socket->udp =
		udp_new_ip_type(socket->family == AF_INET6 ? IPADDR_TYPE_ANY : IPADDR_TYPE_V4);
	if (!socket->udp)
		return -ENOMEM;
	if (socket->protocol == PROTOCOL_UDPLITE)
		udp_setflags(socket->udp, UDP_FLAGS_UDPLITE);
	udp_recv(socket->udp, udp_arrived, socket);
	option_apply(socket);
	return 0;
}

static int64_t raw_open(struct inet_socket *socket)
{
	socket->raw = raw_new_ip_type(socket->family == AF_INET6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4,
				      (uint8_t)socket->protocol);
	if (!socket->raw)
		return -ENOMEM;
	socket->identity = (uint16_t)LWIP_RAND();
	if (socket->family == AF_INET6 && socket->protocol == PROTOCOL_ICMP6) {
		socket->raw->chksum_reqd = 1;
		socket->raw->chksum_offset = 2;
	}
	if (socket->protocol == HEADER_LEVEL)
		socket->set.header_included = true;
	raw_recv(socket->raw, raw_arrived, socket);
	socket->raw_next = raw_sockets;
	raw_sockets = socket;
	option_apply(socket);
	return 0;
}

static void datagrams_forget(struct inet_socket *socket)
{
	while (socket->first) {
		struct datagram *first = socket->first;

		socket->first = first->next;
		pbuf_free(first->bytes);
		inet_memory_put(first);
	}
}

static void udp_close(struct inet_socket *socket)
{
	udp_cork_forget(socket);
	udp_table_remove(socket);
	udp_remove(socket->udp);
	datagrams_forget(socket);
}

static void raw_close(struct inet_socket *socket)
{
	struct inet_socket **at = &raw_sockets;

	while (*at != socket)
		at = &(*at)->raw_next;
	*at = socket->raw_next;
	raw_remove(socket->raw);
	datagrams_forget(socket);
}

/* ---- names ---- */

static int64_t udp_bind_port(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	err_t err = ERR_USE;

	for (uint32_t i = 0; i < GUESSES && err == ERR_USE; i++) {
		uint16_t number = port ? port : port_guess();

		if (bind_is_allowed(socket, address, number))
			err = udp_table_bind(socket, address, number);
		if (port)
			break;
	}
	return inet_error(err);
}

static int64_t udp_bind_any(struct inet_socket *socket)
{
	const ip_addr_t *any = IP4_ADDR_ANY;

	if (socket->udp->local_port)
		return 0;
	if (socket->family == AF_INET6)
		any = IP_ANY_TYPE;
	return udp_bind_port(socket, any, 0);
}

static int64_t raw_bind_address(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	if (is_ping(socket) && port)
		socket->identity = port;
	return inet_error(raw_bind(socket->raw, address));
}

/* The interface by which packets to @to leave: the one that the socket is bound to, or as routes say. */
static struct netif *datagram_netif(const struct inet_socket *socket, const ip_addr_t *source,
				    const ip_addr_t *to)
{
	uint8_t index = socket->ip->netif_idx;

	if (index == NETIF_NO_INDEX && ip_addr_ismulticast(to) && socket->kind == &udp_kind)
		index = udp_get_multicast_netif_index(socket->udp);
	if (index != NETIF_NO_INDEX)
		return netif_get_by_index(index);
	return ip_route(source, to);
}

/* The address by which packets to @to leave. */
static int64_t source_choose(struct inet_socket *socket, const ip_addr_t *to)
{
	struct netif *netif = datagram_netif(socket, &socket->ip->local_ip, to);
	const ip_addr_t *source = netif ? ip_netif_get_local_ip(netif, to) : NULL;

	if (!source)
		return -ENETUNREACH;
	if (address_is_own(to)) /* it is answered from where it is asked */
		source = to;
	if (ip_addr_isany(&socket->ip->local_ip))
		socket->source = *source;
	else
		socket->source = socket->ip->local_ip;
	return 0;
}

static int64_t udp_connect_peer(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	int64_t err = udp_bind_any(socket);

	if (!err)
		err = source_choose(socket, address);
	if (!err)
		err = inet_error(udp_table_connect(socket, address, port));
	if (err)
		return err;
	socket->peer = *address;
	socket->peer_port = port;
	socket->connected = true;
	return 0;
}

static int64_t raw_connect_peer(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	int64_t err = source_choose(socket, address);

	if (!err)
		err = inet_error(raw_connect(socket->raw, address));
	if (err)
		return err;
	socket->peer = *address;
	socket->connected = true;
	return 0;
}

static int64_t udp_disconnect_peer(struct inet_socket *socket)
{
	udp_disconnect(socket->udp);
	option_apply(socket); /* lwIP has let go of the interface, too */
	socket->connected = false;
	return 0;
}

static int64_t raw_disconnect_peer(struct inet_socket *socket)
{
	raw_disconnect(socket->raw);
	option_apply(socket);
	socket->connected = false;
	return 0;
}

static bool datagram_name(struct inet_socket *socket, bool peer, ip_addr_t *address, uint16_t *port)
{
	if (peer && !socket->connected)
		return false;
	if (peer) {
		*address = socket->peer;
		*port = socket->peer_port;
		return true;
	}
	*address = socket->connected ? socket->source : socket->ip->local_ip;
	if (socket->kind == &udp_kind)
		*port = socket->udp->local_port;
	else if (is_ping(socket))
		*port = socket->identity;
	return true;
}

/* ---- sending ---- */

static int64_t destination_of(struct inet_socket *socket,
			      const struct banos_socket_message *message, ip_addr_t *to,
			      uint16_t *port)
{
	int64_t err = 0;

	if (message->address_length)
		err = address_parse(socket, message->address, message->address_length, to, port);
	else if (!socket->connected)
		err = -EDESTADDRREQ;
	if (err)
		return err;
	if (!message->address_length) {
		*to = socket->peer;
		*port = socket->peer_port;
	}
	if (ip_addr_isany(to)) {
		if (IP_IS_V4(to))
			ip_addr_set_loopback(false, to);
		else
			ip_addr_set_loopback(true, to);
	}
	if (IP_IS_V4(to) && !socket->set.broadcast && ip_2_ip4(to)->addr == IPADDR_BROADCAST)
		return -EACCES;
	return 0;
}

static int64_t send_result(err_t err, uint64_t length)
{
	if (err == ERR_RTE)
		return -ENETUNREACH;
	if (err == ERR_VAL)
		return -EACCES; /* a broadcast that was not allowed */
	if (err != ERR_OK)
		return inet_error(err);
	return (int64_t)length;
}

static int64_t pbuf_from(banos_buffer from, uint64_t length, pbuf_layer layer, struct pbuf **pbuf)
{
	int64_t got;

	*pbuf = pbuf_alloc(layer, (uint16_t)length, PBUF_RAM);
	if (!*pbuf)
		return -ENOBUFS;
	got = length ? banos_buffer_read(from, (*pbuf)->payload, length) : 0;
	if (got == (int64_t)length)
		return 0;
	pbuf_free(*pbuf);
	return -EFAULT;
}

/* What a call says of one datagram, and where it leads. */
struct datagram_path {
	struct control_sent control;
	ip_addr_t to;
	uint16_t port;
	struct netif *netif; /* NULL: as lwIP chooses */
	const ip_addr_t *source;
};

/* Control messages that name an interface or a source. */
static int64_t path_choose(struct inet_socket *socket, struct datagram_path *path)
{
	struct control_sent *control = &path->control;
	const ip_addr_t *source = &socket->ip->local_ip;
	struct link *link;

	if (!control->interface && !control->has_source)
		return 0;
	if (control->has_source && IP_IS_V6(&control->source) != IP_IS_V6(&path->to))
		return -EINVAL;
	if (control->has_source && !address_is_own(&control->source)) /* as Linux answers */
		return IP_IS_V6(&control->source) ? -EINVAL : -ENETUNREACH;
	if (control->has_source)
		source = &control->source;
	link = link_find(control->interface);
	if (control->interface && !link)
		return -ENODEV;
	path->netif = link ? &link->netif : datagram_netif(socket, source, &path->to);
	if (!path->netif)
		return -ENETUNREACH;
	if (ip_addr_isany(source))
		source = ip_netif_get_local_ip(path->netif, &path->to);
	if (!source)
		return -ENETUNREACH;
	path->source = source;
	return 0;
}

static int64_t path_find(struct inet_socket *socket, const struct banos_socket_message *message,
			 struct datagram_path *path)
{
	int64_t err = socket_take_error(socket);

	*path = (struct datagram_path){ 0 };
	if (!err && socket->no_more_out)
		err = -EPIPE;
	if (!err)
		err = destination_of(socket, message, &path->to, &path->port);
	if (!err)
		err = control_parse(socket, message, &path->control);
	if (!path->control.interface && !ip_addr_ismulticast(&path->to))
		path->control.interface = socket->set.way_out;
	if (!err)
		err = path_choose(socket, path);
	return err;
}

static err_t path_send(struct inet_socket *socket, const struct datagram_path *path,
		       struct pbuf *pbuf)
{
	if (socket->kind == &udp_kind && path->netif)
		return udp_sendto_if_src(socket->udp, pbuf, &path->to, path->port, path->netif,
					 path->source);
	if (socket->kind == &udp_kind)
		return udp_sendto(socket->udp, pbuf, &path->to, path->port);
	if (path->netif)
		return raw_sendto_if_src(socket->raw, pbuf, &path->to, path->netif, path->source);
	return raw_sendto(socket->raw, pbuf, &path->to);
}

/* Send, with what the call says of this datagram alone; members on this machine get what is for a group, too. */
static int64_t datagram_send(struct inet_socket *socket, const struct datagram_path *path,
			     struct pbuf *pbuf, uint64_t length)
{
	const struct control_sent *control = &path->control;
	bool loops = ip_addr_ismulticast(&path->to) && !socket->set.is_deaf;
	err_t err;

	if (control->has_ttl) {
		socket->ip->ttl = control->ttl;
		if (socket->kind == &udp_kind)
			udp_set_multicast_ttl(socket->udp, control->ttl);
	}
	if (control->has_tos)
		socket->ip->tos = control->tos;
	if (loops)
		link_loop_begin();
	if (socket->kind == &udp_kind)
		link_plan_datagram(&path->to, udp_is_lite(socket) ? LENGTH_OF_LITE : length);
	err = path_send(socket, path, pbuf);
	if (loops)
		link_loop_end();
	if (control->has_ttl || control->has_tos)
		option_apply(socket);
	return send_result(err, length);
}

int64_t udp_send_pbuf(struct inet_socket *socket, const struct control_sent *control,
		      const ip_addr_t *to, uint16_t port, struct pbuf *pbuf)
{
	struct datagram_path path = { .control = *control, .to = *to, .port = port };
	int64_t err = path_choose(socket, &path);

	if (err)
		return err;
	return datagram_send(socket, &path, pbuf, pbuf->tot_len);
}

static int64_t udp_send_message(struct inet_socket *socket, banos_buffer from, uint64_t length,
				const struct banos_socket_message *message)
{
	bool more = message->flags & BANOS_SOCKET_MORE || socket->set.cork;
	struct datagram_path path;
	struct pbuf *pbuf;
	int64_t err;

	if (socket->corked)
		return udp_cork_add(socket, from, length, more);
	err = path_find(socket, message, &path);
	if (!err && !path.port)
		err = -EINVAL;
	if (!err && length > UDP_MAX)
		err = -EMSGSIZE;
	if (!err)
		err = udp_bind_any(socket);
	if (!err && more)
		err = udp_cork_begin(socket, &path.control, &path.to, path.port);
	if (!err && more)
		return udp_cork_add(socket, from, length, true);
	if (!err && !message->control_length &&
	    udp_send_local(socket, from, length, &path.to, path.port, &err))
		return err;
	if (!err)
		err = pbuf_from(from, length, PBUF_TRANSPORT, &pbuf);
	if (err)
		return err;
	err = datagram_send(socket, &path, pbuf, length);
	pbuf_free(pbuf);
	return err;
}

/* @return 0; -EINVAL: no echo request */
static int64_t ping_prepare(const struct inet_socket *socket, struct pbuf *pbuf)
{
	uint8_t *echo = pbuf->payload;
	uint8_t request = socket->family == AF_INET ? ECHO_REQUEST : ECHO6_REQUEST;
	uint16_t sum;

	if (pbuf->len < ECHO_BYTES || echo[0] != request || echo[1])
		return -EINVAL;
	echo[4] = (uint8_t)(socket->identity >> 8);
	echo[5] = (uint8_t)socket->identity;
	echo[2] = echo[3] = 0;
	if (socket->family == AF_INET) {
		sum = inet_chksum(pbuf->payload, pbuf->len);
		memcpy(echo + 2, &sum, 2);
	}
	return 0;
}

static int64_t raw_send_message(struct inet_socket *socket, banos_buffer from, uint64_t length,
				const struct banos_socket_message *message)
{
	struct datagram_path path;
	struct pbuf *pbuf;
	int64_t err = path_find(socket, message, &path);

	if (!err && length > RAW_MAX)
		err = -EMSGSIZE;
	if (!err && (IP_IS_V6(&path.to) != (socket->family == AF_INET6)))
		err = -EINVAL;
	if (!err && socket->raw->chksum_reqd && length < socket->raw->chksum_offset + 2u)
		err = -EINVAL;
	if (!err)
		err = pbuf_from(from, length, PBUF_IP, &pbuf);
	if (err)
		return err;
	if (is_ping(socket))
		err = ping_prepare(socket, pbuf);
	if (!err)
		err = datagram_send(socket, &path, pbuf, length);
	pbuf_free(pbuf);
	return err;
}

/* ---- receiving ---- */

static int64_t datagram_copy(const struct datagram *datagram, banos_buffer to, uint64_t length)
{
	uint64_t total = 0;

	for (const struct pbuf *pbuf = datagram->bytes; pbuf && total < length; pbuf = pbuf->next) {
		uint64_t part = least_of(pbuf->len, length - total);
		int64_t copied = banos_buffer_write(to, pbuf->payload, part);

		if (copied < 0 || (uint64_t)copied < part)
			return -EFAULT;
		total += part;
	}
	return (int64_t)total;
}

static int64_t datagram_receive(struct inet_socket *socket, banos_buffer to, uint64_t length,
				struct banos_socket_message *message)
{
	struct datagram *first = socket->first;
	int64_t copied = socket_take_error(socket);
	uint32_t bytes;

	if (copied)
		return copied;
	if (!first)
		return socket->no_more_in ? 0 : -EAGAIN;
	bytes = first->bytes->tot_len;
	copied = datagram_copy(first, to, length);
	if (copied >= 0) {
		message->address_length =
			address_format(socket->family, &first->from, first->port, message->address);
		control_received(socket, first, message);
		if ((uint64_t)copied < bytes)
			message->out_flags |= BANOS_SOCKET_TRUNCATED;
		if (message->flags & BANOS_SOCKET_TRUNCATED)
			copied = bytes;
	}
	if (message->flags & BANOS_SOCKET_PEEK)
		return copied;
	socket->first = first->next;
	if (!socket->first) {
		socket->last = &socket->first;
		if (!socket->no_more_in)
			message->out_flags |= BANOS_SOCKET_EMPTY;
	}
	socket->queued -= bytes + OVERHEAD;
	pbuf_free(first->bytes);
	inet_memory_put(first);
	return copied;
}

static int64_t datagram_shutdown(struct inet_socket *socket, uint32_t how)
{
	if (!socket->connected)
		return -ENOTCONN;
	if (how != 1)
		socket->no_more_in = true;
	if (how != 0)
		socket->no_more_out = true;
	socket_wake(socket, BANOS_SOCKET_IN | BANOS_SOCKET_OUT);
	return 0;
}

static uint32_t datagram_poll(struct inet_socket *socket)
{
	uint32_t events = BANOS_SOCKET_OUT;

	if (socket->first || socket->no_more_in)
		events |= BANOS_SOCKET_IN;
	if (socket->no_more_in)
		events |= BANOS_SOCKET_RDHUP;
	if (socket->no_more_in && socket->no_more_out)
		events |= BANOS_SOCKET_HANGUP;
	return events;
}

static uint64_t datagram_waiting(struct inet_socket *socket, bool to_send)
{
	if (to_send || !socket->first)
		return 0;
	return socket->first->bytes->tot_len;
}

#define DATAGRAMS                                                                          \
	.receive = datagram_receive, .shutdown = datagram_shutdown, .poll = datagram_poll, \
	.name = datagram_name, .waiting = datagram_waiting

const struct socket_kind udp_kind = {
	DATAGRAMS,
	.open = udp_open,
	.close = udp_close,
	.bind = udp_bind_port,
	.connect = udp_connect_peer,
	.disconnect = udp_disconnect_peer,
	.send = udp_send_message,
};
const struct socket_kind raw_kind = {
	DATAGRAMS,
	.open = raw_open,
	.close = raw_close,
	.bind = raw_bind_address,
	.connect = raw_connect_peer,
	.disconnect = raw_disconnect_peer,
	.send = raw_send_message,
};
