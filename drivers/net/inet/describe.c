/* SPDX-License-Identifier: MIT */
/*
 * What netstat and ss see of a socket. Connections in TIME_WAIT that no program has open any more, and those that were
 * not accepted yet, are no sockets of the kernel's, and are not listed.
 */
#include "inet.h"
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
	address_format(socket, &address, port, bytes);
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
