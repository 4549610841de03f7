/* SPDX-License-Identifier: MIT */
/*
 * How many bytes a connection may have that were not read: the window that the other end is told. It begins small and
 * grows with what is read, so that connections which nobody reads hold little; when memory is short it shrinks.
 * What was told once is kept.
 */
#include "inet.h"
#include <lwip/priv/tcp_priv.h>

#define WINDOW_LEAST	32768u /* when memory is short; twice of what lwIP tells of */
#define WINDOW_FIRST	65535u
#define WINDOW_SEGMENTS 4u
#define RECVED_MAX	0xffffu

/* The most that may be told. A program's SO_RCVBUF was doubled, for what lies beside the bytes. */
static uint32_t window_limit(const struct inet_socket *socket)
{
	uint32_t limit = TCP_WND_MAX(socket->tcp);

	if (socket->set.rcvbuf)
		limit = (uint32_t)least_of(limit, socket->set.rcvbuf / 2);
	if (socket->set.window_most)
		limit = (uint32_t)least_of(limit, socket->set.window_most);
	return limit;
}

/* What a SYN tells of at most. */
static uint32_t window_first(const struct inet_options *set)
{
	uint32_t most = WINDOW_FIRST;

	if (set->rcvbuf)
		most = (uint32_t)least_of(most, set->rcvbuf / 2);
	if (set->window_most)
		most = (uint32_t)least_of(most, set->window_most);
	return most;
}

/* Of the socket that connects, or of the one that listens. @return NULL: there is none any more */
static const struct inet_socket *syn_socket(const struct tcp_pcb *pcb)
{
	if (pcb->state != SYN_RCVD)
		return pcb->callback_arg;
	if (!pcb->listener)
		return NULL;
	return pcb->listener->callback_arg;
}

static void syn_change(struct tcp_hdr *header, const struct inet_options *set)
{
	uint8_t *mss = (uint8_t *)(header + 1) + 2; /* its first option */

	header->wnd = lwip_htons((uint16_t)least_of(lwip_ntohs(header->wnd), window_first(set)));
	if (set->mss && set->mss < (uint32_t)(mss[0] << 8 | mss[1])) {
		mss[0] = (uint8_t)(set->mss >> 8);
		mss[1] = (uint8_t)set->mss;
	}
}

/* lwIP sends a segment: what programs have set changes what a SYN says. @return @options: none is added */
uint32_t *inet_segment_sent(struct tcp_hdr *header, const struct tcp_pcb *pcb, uint32_t *options)
{
	const struct inet_socket *socket = NULL;

	urgent_segment_sent(header, pcb);
	if (TCPH_FLAGS(header) & TCP_SYN)
		socket = syn_socket(pcb);
	if (socket)
		syn_change(header, &socket->set);
	return options;
}

/* The window that a connection begins with; it grows with what is read. Its SYN has told as much at most. */
void window_begin(struct inet_socket *socket)
{
	struct tcp_pcb *pcb = socket->tcp;
	uint32_t told = window_first(&socket->set), window = told;

	if (told == WINDOW_FIRST && window < WINDOW_SEGMENTS * pcb->mss && !inet_memory_is_short())
		window = WINDOW_SEGMENTS * pcb->mss;
	if (window < pcb->rcv_wnd) {
		pcb->rcv_wnd = pcb->rcv_ann_wnd = window;
		pcb->rcv_ann_right_edge = pcb->rcv_nxt + told;
	}
	socket->window = pcb->rcv_wnd;
}

/* @bytes were read. @return how far the window is to be opened: as there is memory, by more or less */
static uint32_t window_change(struct inet_socket *socket, uint32_t bytes)
{
	uint32_t limit = window_limit(socket), change;

	if (inet_memory_is_short()) {
		uint32_t least = WINDOW_LEAST;

		if (least <
		    2u * socket->tcp->mss) /* lwIP tells of it when it has grown by a segment's size */
			least = 2u * socket->tcp->mss;
		limit = (uint32_t)least_of(limit, least);
	}
	if (socket->window > limit) {
		change = (uint32_t)least_of(socket->window - limit, bytes);
		socket->window -= change;
		return bytes - change;
	}
	change = (uint32_t)least_of(limit - socket->window, bytes);
	socket->window += change;
	return bytes + change;
}

/* lwIP tells of a window when it has grown by a segment and by TCP_WND_UPDATE_THRESHOLD: small ones would never be. */
static void window_tell(struct tcp_pcb *pcb, uint32_t window)
{
	uint32_t grown = pcb->rcv_nxt + pcb->rcv_wnd - pcb->rcv_ann_right_edge;

	if (window / 2 >= TCP_WND_UPDATE_THRESHOLD || grown < window / 2 || grown > window)
		return;
	pcb->rcv_ann_wnd = pcb->rcv_wnd;
	tcp_ack_now(pcb);
	tcp_output(pcb);
}

void window_advance(struct inet_socket *socket, uint32_t bytes)
{
	uint32_t part;

	for (bytes = window_change(socket, bytes); bytes; bytes -= part) {
		part = (uint32_t)least_of(bytes, RECVED_MAX);
		tcp_recved(socket->tcp, (uint16_t)part);
	}
	window_tell(socket->tcp, socket->window);
}
