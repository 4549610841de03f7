/* SPDX-License-Identifier: MIT */
/*
 * What netstat and ss see of sockets, and of connections that are no sockets of the kernel's: those that were not accepted
 * yet, and those that no program has open any more. Of the latter it is not known any more which family their socket was of:
 * with addresses of IPv4 they are listed as AF_INET's.
 */
#include "inet.h"
#include "table.h"
#include <lwip/priv/tcp_priv.h>

#define STATE_TICK_MS 500u /* TCP_SLOW_INTERVAL, in which lwIP counts */

uint32_t state_number(enum tcp_state state)
{
	static const uint8_t numbers[] = {
		[CLOSED] = 7,	   [LISTEN] = 10,    [SYN_SENT] = 2,   [SYN_RCVD] = 3,
		[ESTABLISHED] = 1, [FIN_WAIT_1] = 4, [FIN_WAIT_2] = 5, [CLOSE_WAIT] = 8,
		[CLOSING] = 11,	   [LAST_ACK] = 9,   [TIME_WAIT] = 6,
	};

	return numbers[state];
}

static uint32_t ticks_left(uint32_t whole, uint32_t passed)
{
	if (passed >= whole)
		return 0;
	return (whole - passed) * STATE_TICK_MS;
}

static void timer_describe(const struct tcp_pcb *pcb, struct banos_socket_description *about)
{
	uint32_t idle_ms = (tcp_ticks - pcb->tmr) * STATE_TICK_MS;

	if (pcb->persist_backoff) {
		about->timer = BANOS_SOCKET_TIMER_PROBE;
		about->timer_ms = STATE_TICK_MS;
	} else if (pcb->rtime >= 0) {
		about->timer = BANOS_SOCKET_TIMER_RETRANSMIT;
		about->timer_ms = ticks_left((uint32_t)pcb->rto, (uint32_t)pcb->rtime);
	} else if (ip_get_option(pcb, SOF_KEEPALIVE)) {
		about->timer = BANOS_SOCKET_TIMER_KEEPALIVE;
		about->timer_ms = idle_ms < pcb->keep_idle ? pcb->keep_idle - idle_ms : 0;
	}
	about->retransmits = pcb->nrtx;
	about->probes = pcb->persist_probe + pcb->keep_cnt_sent;
}

static void stream_describe(const struct inet_socket *socket,
			    struct banos_socket_description *about)
{
	const struct inet_socket *waiting = socket->backlog;

	if (socket->tcp)
		about->state = state_number(socket->tcp->state);
	if (about->state != BANOS_SOCKET_LISTENING) {
		if (socket->tcp)
			timer_describe(socket->tcp, about);
		return;
	}
	about->send_bytes = ((const struct tcp_pcb_listen *)socket->tcp)->backlog;
	about->receive_bytes = 0;
	for (; waiting; waiting = waiting->backlog_next)
		about->receive_bytes++;
}

static void name_describe(struct inet_socket *socket, bool peer, uint8_t *bytes)
{
	ip_addr_t address;
	uint16_t port = 0;

	if (socket->family == AF_INET)
		ip_addr_set_zero_ip4(&address);
	else
		ip_addr_set_zero_ip6(&address);
	if (!socket->kind->name(socket, peer, &address, &port))
		port = 0;
	address_format(socket->family, &address, port, bytes);
}

int64_t socket_describe(void *own, struct banos_socket_description *about)
{
	struct inet_socket *socket = own;

	inet_lock();
	about->protocol = socket->protocol;
	about->state = socket->connected ? BANOS_SOCKET_CONNECTED : BANOS_SOCKET_CLOSED;
	about->send_bytes = (uint32_t)socket->kind->waiting(socket, true);
	about->receive_bytes = socket->queued;
	if (socket->kind == &stream_kind)
		stream_describe(socket, about);
	name_describe(socket, false, about->local);
	name_describe(socket, true, about->peer);
	inet_unlock();
	return 0;
}

/* ---- connections that are no sockets ---- */

/* The socket that it is of, or will be of: one that has only begun leads to its listener alone. @return NULL: none any more */
static const struct inet_socket *pcb_socket(const struct tcp_pcb *pcb)
{
	if (pcb->state != SYN_RCVD)
		return pcb->callback_arg;
	if (pcb->listener)
		return pcb->listener->callback_arg;
	return NULL;
}

/* Is it to be listed for @family: no socket of the kernel's, which is described as such? */
static bool pcb_is_alone(const struct tcp_pcb *pcb, uint32_t family)
{
	const struct inet_socket *socket;

	if (pcb->state == LISTEN)
		return false;
	socket = pcb_socket(pcb);
	if (socket)
		return socket->family == family && (socket->tcp != pcb || !socket->socket);
	return (family == AF_INET6) == IP_IS_V6_VAL(pcb->local_ip);
}

static void pcb_describe(const struct tcp_pcb *pcb, uint32_t family,
			 struct banos_socket_description *about)
{
	const struct inet_socket *socket = pcb_socket(pcb);

	about->protocol = PROTOCOL_TCP;
	about->state = state_number(pcb->state);
	if (pcb->state == TIME_WAIT) {
		about->timer = BANOS_SOCKET_TIMER_TIME_WAIT;
		about->timer_ms = ticks_left(2 * TCP_MSL / STATE_TICK_MS, tcp_ticks - pcb->tmr);
	} else {
		timer_describe(pcb, about);
	}
	if (socket && socket->tcp == pcb)
		about->receive_bytes = socket->queued;
	address_format(family, &pcb->local_ip, pcb->local_port, about->local);
	address_format(family, &pcb->remote_ip, pcb->remote_port, about->peer);
}

int64_t connection_next(void *context, uint32_t family, uint64_t position,
			struct banos_socket_description *about)
{
	struct tcp_pcb *pcb;

	inet_lock();
	do
		pcb = table_next(&position);
	while (pcb && !pcb_is_alone(pcb, family));
	if (pcb)
		pcb_describe(pcb, family, about);
	inet_unlock();
	if (!pcb)
		return 0;
	return (int64_t)position;
}
