/* SPDX-License-Identifier: MIT */
/*
 * How many bytes a connection may have that were not read: the window that the other end is told. It begins small and
 * grows with what is read, so that connections which nobody reads hold little; when memory is short it shrinks.
 * What was told once is kept.
 */
#include "inet.h"

#define WINDOW_LEAST	32768u /* when memory is short; twice of what lwIP tells of */
#define WINDOW_FIRST	65535u
#define WINDOW_SEGMENTS 4u
#define RECVED_MAX	0xffffu

/* The window that a connection begins with; it grows with what is read. Its SYN has told WINDOW_FIRST at most. */
void window_begin(struct inet_socket *socket)
{
	struct tcp_pcb *pcb = socket->tcp;
	uint32_t window = WINDOW_FIRST;

	if (window < WINDOW_SEGMENTS * pcb->mss && !inet_memory_is_short())
		window = WINDOW_SEGMENTS * pcb->mss;
	if (window < pcb->rcv_wnd) {
		pcb->rcv_wnd = pcb->rcv_ann_wnd = window;
		pcb->rcv_ann_right_edge = pcb->rcv_nxt + WINDOW_FIRST;
	}
	socket->window = pcb->rcv_wnd;
}

/* @bytes were read. @return how far the window is to be opened: as there is memory, by more or less */
static uint32_t window_change(struct inet_socket *socket, uint32_t bytes)
{
	const struct tcp_pcb *pcb = socket->tcp;
	uint32_t limit = TCP_WND_MAX(pcb), change = 0;
	bool less = inet_memory_is_short();

	if (less)
		limit = WINDOW_LEAST;
	if (less &&
	    limit < 2u * pcb->mss) /* lwIP tells of it when it has grown by a segment's size */
		limit = 2u * pcb->mss;
	if (less && socket->window > limit)
		change = socket->window - limit;
	else if (!less && socket->window < limit)
		change = limit - socket->window;
	if (change > bytes)
		change = bytes;
	if (less) {
		socket->window -= change;
		return bytes - change;
	}
	socket->window += change;
	return bytes + change;
}

void window_advance(struct inet_socket *socket, uint32_t bytes)
{
	uint32_t part;

	for (bytes = window_change(socket, bytes); bytes; bytes -= part) {
		part = (uint32_t)least_of(bytes, RECVED_MAX);
		tcp_recved(socket->tcp, (uint16_t)part);
	}
}
