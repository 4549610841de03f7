/* SPDX-License-Identifier: MIT */
/*
 * What a connection waits for, looked at twice a second: how often a SYN is sent again (TCP_SYNCNT), how long what was
 * sent may stay without an answer (TCP_USER_TIMEOUT), how long a connection without data is not shown to
 * accept() (TCP_DEFER_ACCEPT), and, when no program has it open any more, how long the other end may go on (TCP_LINGER2), or
 * keep its window closed: two minutes and a half, where Linux has three and a half.
 *
 * lwIP calls once in each of its ticks, behind what it sends again.
 */
#include "inet.h"
#include "table.h"
#include <lwip/sys.h>

#define TICK_MS	      500u /* TCP_SLOW_INTERVAL */
#define SYN_TICKS     2u   /* until a SYN is sent again; then twice as many, and so on */
#define SYN_SHIFT_MAX 6u
#define PROBE_STEPS   7u   /* of lwIP's waits between probes of a closed window */
#define PROBE_TICKS   120u /* the longest of them */

static bool has_unacknowledged(const struct tcp_pcb *pcb)
{
	return pcb->unacked || pcb->unsent;
}

static uint32_t elapsed_ms(uint32_t since_ms)
{
	return sys_now() - since_ms;
}

void stream_progress(struct inet_socket *socket)
{
	socket->waits = has_unacknowledged(socket->tcp);
	socket->waits_since_ms = sys_now();
}

/* A SYN is sent after 1, 2, 4... seconds, as by Linux. @return false: it has been sent often enough */
static bool syn_goes_on(const struct inet_socket *socket)
{
	struct tcp_pcb *pcb = socket->tcp;

	if (pcb->nrtx >= socket->set.syn_retries && pcb->rtime + 1 >= pcb->rto)
		return false;
	pcb->rto = (int16_t)(SYN_TICKS << least_of(pcb->nrtx, SYN_SHIFT_MAX));
	return true;
}

/* @return false: it has waited for the other end as long as the program has said */
static bool user_goes_on(struct inet_socket *socket)
{
	const struct tcp_pcb *pcb = socket->tcp;
	uint32_t limit_ms = socket->set.user_timeout_ms;

	if (has_unacknowledged(pcb) != socket->waits)
		stream_progress(socket);
	if (!limit_ms)
		return true;
	if (pcb->keep_cnt_sent && (tcp_ticks - pcb->tmr) * TICK_MS >= limit_ms)
		return false;
	return !socket->waits || elapsed_ms(socket->waits_since_ms) < limit_ms;
}

static err_t stream_tick(void *arg, struct tcp_pcb *pcb)
{
	struct inet_socket *socket = arg;

	if (!socket)
		return ERR_OK;
	if (socket->deferred && elapsed_ms(socket->begun_ms) >= socket->set.defer_s * 1000)
		stream_show(socket);
	if ((pcb->state != SYN_SENT || syn_goes_on(socket)) && user_goes_on(socket))
		return ERR_OK;
	tcp_abandon(pcb, 0); /* calls stream_failed() */
	return ERR_ABRT;
}

bool stream_timer_is_needed(const struct tcp_pcb *pcb)
{
	const struct inet_socket *socket = pcb->callback_arg;

	return socket && socket->deferred;
}

void stream_timer_begin(struct inet_socket *socket)
{
	socket->begun_ms = sys_now();
	socket->waits = false;
	tcp_poll(socket->tcp, stream_tick, 1);
}

/* ---- connections that no program has open ---- */

/* Has the other end kept its window closed for so long that probes of it are as rare as they get, and the next one is due? */
static bool orphan_is_stuck(const struct tcp_pcb *pcb)
{
	return pcb->persist_backoff >= PROBE_STEPS && pcb->persist_cnt + 1 >= PROBE_TICKS;
}

static err_t orphan_tick(void *arg, struct tcp_pcb *pcb)
{
	int64_t limit_ms = (int64_t)table_fin_wait(pcb) * 1000;

	if (orphan_is_stuck(pcb)) {
		tcp_abandon(pcb, 0);
		return ERR_ABRT;
	}
	if (!limit_ms || pcb->state != FIN_WAIT_2 || (tcp_ticks - pcb->tmr) * TICK_MS < limit_ms)
		return ERR_OK;
	tcp_abandon(pcb, limit_ms < 0);
	return ERR_ABRT;
}

void stream_timer_orphan(const struct inet_socket *socket, struct tcp_pcb *pcb)
{
	table_fin_wait_set(pcb, socket->set.fin_wait_s);
	tcp_poll(pcb, orphan_tick, 1);
}
