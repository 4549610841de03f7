/* SPDX-License-Identifier: MIT */
/* TCP_INFO: what a program may know of a connection, tcp(7), in the layout of Linux 6.1. */
#include "inet.h"
#include <lwip/priv/tcp_priv.h>

#define TICK_US 500000u /* in which lwIP measures */
#define MSS_MIN 536u

enum { WITH_TIMESTAMPS = 1, WITH_SACK = 2, WITH_SCALE = 4 };

/* Behind the last field Linux has counters that lwIP does not count. */
struct user_tcp_info {
	uint8_t state, recovery, retransmits, probes, backoff, options, scales, flags;
	uint32_t timeout_us, ack_timeout_us, send_mss, receive_mss;
	uint32_t unacked, sacked, lost, retransmitted, forward_acked;
	uint32_t last_data_sent_ms, last_ack_sent_ms, last_data_received_ms, last_ack_received_ms;
	uint32_t path_mtu, receive_threshold, round_trip_us, round_trip_variance_us;
	uint32_t send_threshold, send_window_segments, advertised_mss, reordering;
	uint32_t receive_round_trip_us, receive_space, total_retransmitted;
};
_Static_assert(sizeof(struct user_tcp_info) == 104, "as on Linux");

static uint32_t segments_count(const struct tcp_seg *segment)
{
	uint32_t count = 0;

	for (; segment; segment = segment->next)
		count++;
	return count;
}

static void connection_describe(const struct tcp_pcb *pcb, struct user_tcp_info *about)
{
	about->retransmits = pcb->nrtx;
	about->probes = pcb->persist_probe + pcb->keep_cnt_sent;
	about->backoff = pcb->persist_backoff;
	if (pcb->flags & TF_TIMESTAMP)
		about->options |= WITH_TIMESTAMPS;
	if (pcb->flags & TF_SACK)
		about->options |= WITH_SACK;
	if (pcb->flags & TF_WND_SCALE)
		about->options |= WITH_SCALE;
	about->scales = (uint8_t)(pcb->snd_scale | pcb->rcv_scale << 4);
	about->timeout_us = (uint32_t)pcb->rto * TICK_US;
	about->send_mss = about->receive_mss = about->advertised_mss = pcb->mss;
	about->unacked = segments_count(pcb->unacked);
	about->last_data_received_ms = about->last_ack_received_ms =
		(tcp_ticks - pcb->tmr) * (TICK_US / 1000);
	about->path_mtu = pcb->mss + (IP_IS_V6_VAL(pcb->remote_ip) ? 60 : 40);
	about->round_trip_us = (uint32_t)(pcb->sa >> 3) * TICK_US;
	about->round_trip_variance_us = (uint32_t)(pcb->sv >> 2) * TICK_US;
	about->send_window_segments = pcb->mss ? pcb->cwnd / pcb->mss : 1;
	about->send_threshold = pcb->mss ? pcb->ssthresh / pcb->mss : 0;
	about->receive_space = pcb->rcv_wnd;
	about->reordering = 3;
}

int64_t tcp_information(const struct inet_socket *socket, banos_buffer to, uint64_t length)
{
	struct user_tcp_info about = { .send_mss = MSS_MIN, .receive_mss = MSS_MIN };

	inet_lock();
	about.state = (uint8_t)state_number(socket->tcp ? socket->tcp->state : CLOSED);
	if (socket->tcp && socket->state != STREAM_LISTENING)
		connection_describe(socket->tcp, &about);
	inet_unlock();
	return banos_buffer_write(to, &about, least_of(length, sizeof(about)));
}
