/* SPDX-License-Identifier: MIT */
/*
 * The timers of TCP.
 *
 * lwIP's look at each connection, four times a second. Most have nothing to wait for: all that was sent is
 * acknowledged, all that arrived is delivered. Those are left out once the slow timer has seen them so, until something is
 * done with them again (tick_touch()): beside 10,000 idle connections a tick costs what it costs without them, and without any
 * others there is none.
 *
 * Those in TIME_WAIT are in a queue, oldest first, each with the time when it began to wait; only those whose time has
 * passed are looked at. There are so many at most; then the oldest one ends before its time, as it does when memory
 * is short.
 */
#include "inet.h"
#include "table.h"
#include <lwip/sys.h>

#define WAITING_TICKS (2 * TCP_MSL / TCP_SLOW_INTERVAL)
#define WAITING_SHORT 64u /* that stay though memory is short */

struct queue {
	struct tcp_pcb *first, *last;
	uint32_t count;
};

static struct queue busy, waiting;
static uint32_t waiting_limit, rounds;
static u32_t tick_last_ms; /* when one was, or was due */
static bool ticking, tick_new;

/* ---- queues ---- */

static void queue_add(struct queue *queue, struct tcp_pcb *pcb)
{
	table_link_set(pcb, TABLE_TIMER_NEXT, NULL);
	table_link_set(pcb, TABLE_TIMER_LAST, queue->last);
	if (queue->last)
		table_link_set(queue->last, TABLE_TIMER_NEXT, pcb);
	else
		queue->first = pcb;
	queue->last = pcb;
	queue->count++;
	table_marks_set(pcb, table_marks(pcb) | TABLE_TICKED);
}

static void queue_remove(struct queue *queue, struct tcp_pcb *pcb)
{
	struct tcp_pcb *next = table_link(pcb, TABLE_TIMER_NEXT);
	struct tcp_pcb *last = table_link(pcb, TABLE_TIMER_LAST);

	if (last)
		table_link_set(last, TABLE_TIMER_NEXT, next);
	else
		queue->first = next;
	if (next)
		table_link_set(next, TABLE_TIMER_LAST, last);
	else
		queue->last = last;
	queue->count--;
	table_marks_set(pcb, table_marks(pcb) & ~TABLE_TICKED);
}

static void tick_need(void)
{
	u32_t now = sys_now();

	if (ticking)
		return;
	/* lwIP's clock has stood meanwhile. */
	tcp_ticks += (now - tick_last_ms) / TCP_SLOW_INTERVAL;
	tick_last_ms = now;
	ticking = tick_new = true;
}

void tick_touch(struct tcp_pcb *pcb)
{
	if (table_marks(pcb) & TABLE_TICKED || !table_link(pcb, TABLE_SELF) ||
	    pcb->state == CLOSED || pcb->state == LISTEN)
		return;
	tick_need();
	queue_add(&busy, pcb);
}

void tick_close(struct tcp_pcb *pcb)
{
	tick_touch(pcb);
	pcb->tmr = tcp_ticks;
}

bool tick_end_waiting(void)
{
	struct tcp_pcb *pcb = waiting.first;

	if (pcb && (pcb == tcp_input_pcb || pcb == tcp_tw_pcbs)) /* a segment is for it */
		pcb = table_link(pcb, TABLE_TIMER_NEXT);
	if (!pcb)
		return false;
	tcp_abort(pcb); /* in this state that sends nothing */
	return true;
}

static void waiting_shrink(void)
{
	while (waiting.count > waiting_limit ||
	       (waiting.count > WAITING_SHORT && inet_memory_is_short()))
		if (!tick_end_waiting())
			return;
}

/* What lwIP allocates connections by. Its own ways out of a shortage look for a pcb to end in its lists, which are empty. */
void *inet_tcp_memory(memp_t type)
{
	void *memory = memp_malloc(type);

	if (!memory && type == MEMP_TCP_PCB && tick_end_waiting())
		memory = memp_malloc(type);
	return memory;
}

void tick_add(struct tcp_pcb *pcb, bool waits)
{
	tick_need();
	pcb->tmr = tcp_ticks; /* lwIP has read its clock before, or when something arrived last */
	queue_add(waits ? &waiting : &busy, pcb);
	if (waits)
		waiting_shrink();
}

void tick_remove(struct tcp_pcb *pcb, bool waits)
{
	if (table_marks(pcb) & TABLE_TICKED)
		queue_remove(waits ? &waiting : &busy, pcb);
}

void tick_wait_again(struct tcp_pcb *pcb)
{
	queue_remove(&waiting, pcb);
	queue_add(&waiting, pcb);
}

/* ---- ticks ---- */

/* Has a timer nothing to do with it until something is done with it? */
static bool is_idle(const struct tcp_pcb *pcb)
{
	if (pcb->state != ESTABLISHED && pcb->state != CLOSE_WAIT &&
	    (pcb->state != FIN_WAIT_2 || pcb->flags & TF_RXCLOSED))
		return false;
	return !pcb->unacked && !pcb->unsent && !pcb->ooseq && !pcb->refused_data &&
	       !(pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND)) &&
	       !pcb->persist_backoff && pcb->rtime < 0 && !ip_get_option(pcb, SOF_KEEPALIVE) &&
	       !stream_timer_is_needed(pcb);
}

/* Has the fast timer something to do? */
static bool is_urgent(const struct tcp_pcb *pcb)
{
	return pcb->refused_data || pcb->flags & (TF_ACK_DELAY | TF_CLOSEPEND);
}

static void busy_show(bool urgent_only)
{
	for (struct tcp_pcb *pcb = busy.first; pcb; pcb = table_link(pcb, TABLE_TIMER_NEXT))
		if (!urgent_only || is_urgent(pcb)) {
			pcb->next = tcp_active_pcbs;
			tcp_active_pcbs = pcb;
		}
}

static void busy_hide(void)
{
	while (tcp_active_pcbs) {
		struct tcp_pcb *pcb = tcp_active_pcbs;

		tcp_active_pcbs = pcb->next;
		pcb->next = NULL;
	}
}

static void busy_leave_idle(void)
{
	struct tcp_pcb *next;

	for (struct tcp_pcb *pcb = busy.first; pcb; pcb = next) {
		next = table_link(pcb, TABLE_TIMER_NEXT);
		if (is_idle(pcb))
			queue_remove(&busy, pcb);
	}
}

static void tick_round(void)
{
	busy_show(true);
	tcp_fasttmr();
	busy_hide();
	if (!(++rounds & 1))
		return;
	busy_show(false);
	tcp_slowtmr();
	busy_hide();
	busy_leave_idle();
	while (waiting.first && tcp_ticks - waiting.first->tmr > WAITING_TICKS &&
	       tick_end_waiting())
		;
	waiting_shrink();
}

uint32_t tick_sleep_ms(void)
{
	u32_t passed = sys_now() - tick_last_ms;

	if (!ticking)
		return UINT32_MAX;
	return passed < TCP_TMR_INTERVAL ? TCP_TMR_INTERVAL - passed : 0;
}

bool tick_is_new(void)
{
	bool is_new = tick_new;

	tick_new = false;
	return is_new;
}

void tick_run(void)
{
	if (!ticking || sys_now() - tick_last_ms < TCP_TMR_INTERVAL)
		return;
	tick_last_ms += TCP_TMR_INTERVAL;
	if (sys_now() - tick_last_ms >=
	    TCP_TMR_INTERVAL) /* the machine has stood: none is made up for */
		tick_last_ms = sys_now();
	tick_round();
	ticking = busy.first || waiting.first;
}

void tick_init(uint32_t waiting_most)
{
	waiting_limit = waiting_most;
	tick_last_ms = sys_now();
}
