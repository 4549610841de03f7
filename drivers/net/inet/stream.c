/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets.
 *
 * A pcb of lwIP belongs to its socket until lwIP has freed it (stream_failed() is called) or will free it
 * without a word, in TIME_WAIT: then the socket lets go of it before, and keeps the two names. What lwIP receives is a
 * row of pbufs, whose window is opened as programs receive.
 */
#include "inet.h"
#include "table.h"

#define MSS_LEAST     48u
#define FEW_BYTES     1024u
#define JOINED_BYTES  4096u
#define BACKLOG_MAX   255u
#define BACKLOG_LEAST 128u

static void names_keep(struct inet_socket *socket)
{
	socket->peer = socket->tcp->remote_ip;
	socket->peer_port = socket->tcp->remote_port;
	socket->local = socket->tcp->local_ip;
	socket->local_port = socket->tcp->local_port;
}

/* The socket has nothing to do with its pcb any more. */
static struct tcp_pcb *stream_detach(struct inet_socket *socket)
{
	struct tcp_pcb *pcb = socket->tcp;

	if (!pcb)
		return NULL;
	names_keep(socket);
	tcp_arg(pcb, NULL);
	if (pcb->state != LISTEN) {
		tcp_recv(pcb, NULL);
		tcp_sent(pcb, NULL);
		tcp_err(pcb, NULL);
		stream_timer_orphan(socket, pcb);
	}
	socket->tcp = NULL;
	return pcb;
}

static void stream_forget_unread(struct inet_socket *socket)
{
	while (socket->first) {
		struct datagram *first = socket->first;

		socket->first = first->next;
		pbuf_free(first->bytes);
		inet_memory_put(first);
	}
	socket->last = &socket->first;
	socket->queued = 0;
	socket->urgent = URGENT_NONE;
}

/* ---- what lwIP calls ---- */

/* Adds a piece to what waits. @room: behind its bytes */
static bool stream_queue(struct inet_socket *socket, struct pbuf *pbuf, uint32_t room)
{
	struct datagram *entry = inet_memory_zeroes(1, sizeof(*entry));

	if (!entry)
		return false;
	entry->bytes = loop_skip_headers(pbuf);
	entry->room = room;
	*socket->last = entry;
	socket->last = &entry->next;
	return true;
}

/* The piece that arrived last. */
static struct datagram *stream_tail(struct inet_socket *socket)
{
	return (struct datagram *)((uint8_t *)socket->last - offsetof(struct datagram, next));
}

/*
 * Few bytes, behind others that were not read yet: they are copied to where more of the kind fits, so that they hold no
 * more memory than they are worth. @return false: there is none
 */
static bool stream_join(struct inet_socket *socket, struct pbuf *pbuf)
{
	uint16_t bytes = pbuf->tot_len;
	struct pbuf *joined;

	if (stream_tail(socket)->room < bytes) {
		joined = pbuf_alloc(PBUF_RAW, JOINED_BYTES, PBUF_RAM);
		if (!joined)
			return false;
		joined->len = joined->tot_len = 0;
		if (!stream_queue(socket, joined, JOINED_BYTES)) {
			pbuf_free(joined);
			return false;
		}
	}
	joined = stream_tail(socket)->bytes;
	pbuf_copy_partial(pbuf, (uint8_t *)joined->payload + joined->len, bytes, 0);
	joined->len = joined->tot_len = (uint16_t)(joined->len + bytes);
	stream_tail(socket)->room -= bytes;
	pbuf_free(pbuf);
	return true;
}

/*
 * There is no memory for what arrived. lwIP offers it again, unless the other end has closed, too: then its pcb ends without a
 * word, and the connection is broken.
 */
static err_t stream_put_off(struct inet_socket *socket, const struct tcp_pcb *pcb,
			    struct pbuf *pbuf)
{
	if (pcb->state != TIME_WAIT && pcb->state != CLOSING && pcb->state != LAST_ACK)
		return ERR_MEM;
	pbuf_free(pbuf);
	stream_detach(socket);
	socket->state = STREAM_ENDED;
	socket->no_more_in = true;
	socket->error = ENOBUFS;
	socket_wake(socket, BANOS_SOCKET_IN | BANOS_SOCKET_OUT | BANOS_SOCKET_ERROR);
	return ERR_OK;
}

static err_t stream_arrived(void *arg, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t err)
{
	struct inet_socket *socket = arg;
	uint32_t bytes;
	bool taken;

	if (!pbuf) {
		socket->no_more_in = true;
		if (socket->deferred)
			stream_show(socket);
		if (pcb->state == TIME_WAIT || pcb->state == CLOSING) {
			stream_detach(socket);
			socket->state = STREAM_ENDED;
		}
		socket_wake(socket, BANOS_SOCKET_IN | BANOS_SOCKET_RDHUP);
		return ERR_OK;
	}
	if (socket->first && memory_is_out())
		return stream_put_off(socket, pcb, pbuf);
	bytes = pbuf->tot_len;
	if (socket->urgent)
		urgent_look(socket, pbuf);
	if (socket->first && bytes < FEW_BYTES)
		taken = stream_join(socket, pbuf);
	else
		taken = stream_queue(socket, pbuf, 0);
	if (!taken)
		return stream_put_off(socket, pcb, pbuf);
	socket->queued += bytes;
	if (socket->set.ack_at_once)
		tcp_ack_now(pcb);
	if (socket->deferred)
		stream_show(socket);
	socket_wake(socket, BANOS_SOCKET_IN);
	return ERR_OK;
}

static err_t stream_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
	stream_progress(arg);
	if (send_is_possible(arg))
		socket_wake(arg, BANOS_SOCKET_OUT);
	return ERR_OK;
}

static void backlog_remove(struct inet_socket *socket)
{
	struct inet_socket **at = &socket->listener->backlog;

	while (*at && *at != socket)
		at = &(*at)->backlog_next;
	if (*at)
		*at = socket->backlog_next;
	socket->listener = NULL;
}

/* lwIP has freed the pcb; its names were kept when it was connected. */
static void stream_failed(void *arg, err_t err)
{
	struct inet_socket *socket = arg;

	socket->tcp = NULL;
	if (socket->listener) { /* nobody has seen it */
		backlog_remove(socket);
		stream_forget_unread(socket);
		socket_free(socket);
		return;
	}
	if (err == ERR_RST)
		socket->error = socket->state == STREAM_CONNECTING ? ECONNREFUSED : ECONNRESET;
	else if (err != ERR_CLSD)
		socket->error = ETIMEDOUT;
	socket->state = STREAM_ENDED;
	socket->no_more_in = true;
	socket_wake(socket,
		    BANOS_SOCKET_IN | BANOS_SOCKET_OUT | BANOS_SOCKET_ERROR | BANOS_SOCKET_HANGUP);
}

void stream_refuse(struct inet_socket *socket, int error)
{
	struct tcp_pcb *pcb = stream_detach(socket);

	tcp_abandon(pcb, 0);
	socket->error = error;
	socket->state = STREAM_ENDED;
	socket->no_more_in = true;
	socket_wake(socket,
		    BANOS_SOCKET_IN | BANOS_SOCKET_OUT | BANOS_SOCKET_ERROR | BANOS_SOCKET_HANGUP);
}

/* It is connected. A segment has room for some bytes at least, whatever the other end says (Linux: TCP_MIN_SND_MSS). */
static void stream_begin(struct inet_socket *socket)
{
	if (socket->set.mss && socket->tcp->mss > socket->set.mss)
		socket->tcp->mss = (uint16_t)socket->set.mss;
	if (socket->tcp->mss < MSS_LEAST)
		socket->tcp->mss = MSS_LEAST;
	window_begin(socket);
}

static err_t stream_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct inet_socket *socket = arg;

	socket->state = STREAM_CONNECTED;
	stream_begin(socket);
	socket_wake(socket, BANOS_SOCKET_OUT);
	return ERR_OK;
}

void stream_show(struct inet_socket *socket)
{
	socket->deferred = false;
	if (socket->listener)
		socket_wake(socket->listener, BANOS_SOCKET_IN);
}

/* @return the oldest connection that accept() may have, or NULL */
static struct inet_socket *backlog_first(const struct inet_socket *listener)
{
	struct inet_socket *first = listener->backlog;

	while (first && first->deferred)
		first = first->backlog_next;
	return first;
}

static void stream_attach(struct inet_socket *socket, struct tcp_pcb *pcb)
{
	socket->tcp = pcb;
	tcp_arg(pcb, socket);
	tcp_recv(pcb, stream_arrived);
	tcp_sent(pcb, stream_sent);
	tcp_err(pcb, stream_failed);
	stream_timer_begin(socket);
	option_apply(socket);
}

static err_t stream_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct inet_socket *listener = arg, *socket, **at = &listener->backlog;

	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	socket = socket_alloc(listener->family, listener->type, listener->protocol);
	if (!socket)
		return ERR_MEM;
	socket->kind = listener->kind;
	socket->state = STREAM_CONNECTED;
	socket->told = true;
	socket->set = listener->set;
	socket->listener = listener;
	while (*at)
		at = &(*at)->backlog_next;
	*at = socket;
	stream_attach(socket, pcb);
	names_keep(socket);
	stream_begin(socket);
	tcp_backlog_delayed(pcb);
	socket->deferred = listener->set.defer_s;
	if (!socket->deferred)
		socket_wake(listener, BANOS_SOCKET_IN);
	return ERR_OK;
}

/* ---- connections ---- */

static int64_t stream_open(struct inet_socket *socket)
{
	uint8_t type = socket->family == AF_INET6 ? IPADDR_TYPE_ANY : IPADDR_TYPE_V4;
	struct tcp_pcb *pcb = tcp_new_ip_type(type);

	if (!pcb)
		return -ENOMEM;
	socket->state = STREAM_NEW;
	socket->no_more_in = socket->no_more_out = socket->told = false;
	stream_attach(socket, pcb);
	return 0;
}

static int64_t stream_bind(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	/* A connect() that failed has given it a port, and lwIP would list it twice. */
	if (!socket->tcp || socket->state != STREAM_NEW || socket->tcp->local_port)
		return -EINVAL;
	if (!port && socket->set.port_later && socket->state == STREAM_NEW && !socket->bound) {
		socket->tcp->local_ip = *address;
		return 0;
	}
	if (!port)
		port = bind_port_choose(socket, address, NULL, 0);
	else if (!bind_is_allowed(socket, address, port))
		port = 0;
	if (!port)
		return -EADDRINUSE;
	return inet_error(tcp_bind(socket->tcp, address, port));
}

static const ip_addr_t *stream_any(const struct inet_socket *socket)
{
	return socket->family == AF_INET6 ? IP_ANY_TYPE : IP4_ADDR_ANY;
}

/* The address that it was bound to without a port, or any. */
static const ip_addr_t *stream_own(const struct inet_socket *socket)
{
	if (socket->bound && !ip_addr_isany(&socket->tcp->local_ip))
		return &socket->tcp->local_ip;
	return stream_any(socket);
}

static int64_t stream_bind_any(struct inet_socket *socket)
{
	if (socket->tcp->local_port)
		return 0;
	return stream_bind(socket, stream_own(socket), 0);
}

/* A port for a connection that begins, whose two ends are no other connection's. */
static int64_t stream_bind_to(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	const ip_addr_t *address_own = stream_own(socket);
	uint16_t own = socket->tcp->local_port;

	if (own)
		return bind_has_twin(socket, own, address, port) ? -EADDRNOTAVAIL : 0;
	own = bind_port_choose(socket, address_own, address, port);
	if (!own)
		return -EADDRNOTAVAIL;
	return inet_error(tcp_bind(socket->tcp, address_own, own));
}

static int64_t stream_connect_begin(struct inet_socket *socket, const ip_addr_t *address,
				    uint16_t port)
{
	int64_t err = 0;
	err_t result;

	if (!socket->tcp) {
		stream_forget_unread(socket); /* of the connection before */
		err = stream_open(socket);
	}
	if (err)
		return err;
	err = stream_bind_to(socket, address, port);
	if (err)
		return err;
	result = tcp_connect(socket->tcp, address, port, stream_connected);
	if (result == ERR_RTE)
		return -ENETUNREACH;
	if (result != ERR_OK)
		return inet_error(result);
	names_keep(socket);
	socket->state = STREAM_CONNECTING;
	stream_progress(socket);
	return -EINPROGRESS;
}

static int64_t stream_connect(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	int64_t err;

	switch (socket->state) {
	case STREAM_CONNECTING: return -EALREADY;
	case STREAM_LISTENING: return -EISCONN;
	case STREAM_CONNECTED:
		if (socket->told)
			return -EISCONN;
		socket->told = true;
		return 0;
	case STREAM_ENDED:
		err = socket_take_error(socket);
		if (err)
			return err;
		break;
	case STREAM_NEW: break;
	}
	return stream_connect_begin(socket, address, port);
}

static void stream_end_pcb(struct inet_socket *socket, bool abort)
{
	struct tcp_pcb *pcb = stream_detach(socket);

	if (!pcb)
		return;
	if (pcb->state == LISTEN) {
		table_listener_closes(pcb);
	} else {
		tick_close(pcb);
		pcb->rcv_wnd = TCP_WND_MAX(pcb); /* lwIP takes less for bytes that were not read */
	}
	if (abort)
		tcp_abort(pcb);
	else if (tcp_close(pcb) != ERR_OK)
		tcp_abort(pcb);
}

static void stream_close(struct inet_socket *socket)
{
	bool listening = socket->state == STREAM_LISTENING;

	while (socket->backlog) {
		struct inet_socket *first = socket->backlog;

		backlog_remove(first);
		stream_end_pcb(first, true);
		stream_forget_unread(first);
		socket_free(first);
	}
	stream_end_pcb(socket, !listening && ((socket->set.linger && !socket->set.linger_s) ||
					      socket->first));
	stream_forget_unread(socket);
}

static int64_t stream_disconnect(struct inet_socket *socket)
{
	if (socket->state == STREAM_LISTENING)
		return -EINVAL;
	stream_end_pcb(socket, true);
	stream_forget_unread(socket);
	socket->bound = false;
	return stream_open(socket);
}

static int64_t stream_listen(struct inet_socket *socket, uint32_t backlog)
{
	struct tcp_pcb *pcb;
	int64_t err;
	err_t result;

	/* lwIP counts those that have only begun, too: as many as Linux has beside its backlog may. */
	if (backlog < BACKLOG_LEAST)
		backlog = BACKLOG_LEAST;
	if (backlog > BACKLOG_MAX)
		backlog = BACKLOG_MAX;
	if (socket->state == STREAM_LISTENING) {
		tcp_backlog_set(socket->tcp, (uint8_t)backlog);
		return 0;
	}
	if (socket->state != STREAM_NEW || !socket->tcp)
		return -EINVAL;
	err = stream_bind_any(socket);
	if (!err && !listen_is_allowed(socket))
		err = -EADDRINUSE;
	if (err)
		return err;
	ip_reset_option(socket->tcp,
			SOF_REUSEADDR); /* with it lwIP would let nobody else listen there */
	pcb = tcp_listen_with_backlog_and_err(socket->tcp, (uint8_t)backlog, &result);
	if (pcb)
		socket->tcp = pcb;
	ip_set_option(socket->tcp, SOF_REUSEADDR);
	if (!pcb)
		return inet_error(result);
	socket->state = STREAM_LISTENING;
	tcp_arg(pcb, socket);
	tcp_accept(pcb, stream_accepted);
	return 0;
}

static int64_t stream_accept(struct inet_socket *socket, banos_socket fresh, void **own)
{
	struct inet_socket *first = backlog_first(socket);

	if (socket->state != STREAM_LISTENING)
		return -EINVAL;
	if (!first)
		return -EAGAIN;
	backlog_remove(first);
	first->socket = fresh;
	if (first->tcp)
		tcp_backlog_accepted(first->tcp);
	*own = first;
	return 0;
}

static int64_t stream_shutdown(struct inet_socket *socket, uint32_t how)
{
	if (socket->state == STREAM_LISTENING && how != 1) {
		stream_end_pcb(socket, false);
		socket->state = STREAM_ENDED;
		socket_wake(socket, BANOS_SOCKET_IN | BANOS_SOCKET_HANGUP);
		return 0;
	}
	if (socket->state != STREAM_CONNECTED && socket->state != STREAM_ENDED)
		return -ENOTCONN;
	if (how != 1)
		socket->no_more_in = true;
	if (how != 0 && !socket->no_more_out) {
		socket->no_more_out = true;
		if (socket->tcp)
			tick_close(socket->tcp);
		if (socket->tcp && tcp_shutdown(socket->tcp, 0, 1) != ERR_OK)
			stream_end_pcb(socket, true);
	}
	socket_wake(socket, BANOS_SOCKET_IN | BANOS_SOCKET_OUT);
	return 0;
}

/* ---- bytes ---- */

static int64_t stream_send(struct inet_socket *socket, banos_buffer from, uint64_t length,
			   const struct banos_socket_message *message)
{
	struct tcp_pcb *pcb;
	int64_t got;

	if (socket->error)
		return socket_take_error(socket);
	if (socket->state == STREAM_CONNECTING)
		return -EAGAIN;
	if (socket->no_more_out || !socket->tcp || socket->state != STREAM_CONNECTED)
		return -EPIPE;
	if (!length)
		return 0;
	tick_touch(socket->tcp);
	if (!socket->waits)
		stream_progress(socket);
	got = send_write(socket, from, length, message->flags & BANOS_SOCKET_MORE);
	pcb = socket->tcp;
	if (got > 0 && (message->flags & BANOS_SOCKET_OOB))
		urgent_mark(pcb);
	else if (got > 0 && (!socket->set.cork || send_queued(pcb) >= pcb->mss))
		tcp_output(pcb); /* else lwIP's timer does, before half a second has passed */
	return got;
}

static uint32_t stream_poll(struct inet_socket *socket)
{
	uint32_t events = 0;

	if (socket->state == STREAM_LISTENING)
		return backlog_first(socket) ? BANOS_SOCKET_IN : 0;
	if (socket->no_more_in || socket->queued > urgent_to_skip(socket))
		events |= BANOS_SOCKET_IN;
	if (socket->urgent == URGENT_HERE)
		events |= BANOS_SOCKET_PRI;
	if (socket->no_more_in)
		events |= BANOS_SOCKET_RDHUP;
	if (socket->state == STREAM_NEW || socket->state == STREAM_ENDED ||
	    (socket->no_more_in && socket->no_more_out))
		events |= BANOS_SOCKET_HANGUP;
	if (socket->state != STREAM_CONNECTING &&
	    (!socket->tcp || socket->no_more_out || send_is_possible(socket)))
		events |= BANOS_SOCKET_OUT;
	return events;
}

static bool stream_name(struct inet_socket *socket, bool peer, ip_addr_t *address, uint16_t *port)
{
	if (peer && (socket->state != STREAM_CONNECTED || (!socket->tcp && !socket->peer_port)))
		return false;
	if (socket->tcp && socket->state != STREAM_LISTENING)
		names_keep(socket);
	if (socket->tcp && socket->state == STREAM_LISTENING) {
		socket->local = socket->tcp->local_ip;
		socket->local_port = socket->tcp->local_port;
	}
	*address = peer ? socket->peer : socket->local;
	*port = peer ? socket->peer_port : socket->local_port;
	return true;
}

static uint64_t stream_waiting(struct inet_socket *socket, bool to_send)
{
	if (!to_send)
		return urgent_readable(socket);
	if (!socket->tcp || socket->state != STREAM_CONNECTED)
		return 0;
	return send_queued(socket->tcp);
}

const struct socket_kind stream_kind = {
	.open = stream_open,
	.close = stream_close,
	.bind = stream_bind,
	.connect = stream_connect,
	.disconnect = stream_disconnect,
	.listen = stream_listen,
	.accept = stream_accept,
	.send = stream_send,
	.receive = stream_receive,
	.shutdown = stream_shutdown,
	.poll = stream_poll,
	.name = stream_name,
	.waiting = stream_waiting,
};
