/* SPDX-License-Identifier: MIT */
/**
 * @file table.h  The connections of TCP by their two ends, by their port, and by what the timers do with them.
 *
 * Everything is under the lock of inet. What lwIP calls (table_add(), table_remove(), tcp_input()) is in its headers, which
 * port/lwip/priv/tcp_priv.h changes.
 */
#pragma once
#include <lwip/priv/tcp_priv.h>
#include <stdbool.h>
#include <stdint.h>

/** What the table keeps in a pcb: words of ext_args[], which lwIP leaves alone. */
enum table_word {
	TABLE_SELF, /* the pcb, while it is registered; with it the callback that says when it is freed */
	TABLE_MARKS, /* the user (bind.c), and the bits below */
	TABLE_ENDS_NEXT, /* the next one in its row of those with such ends; of a listener: with such a port */
	TABLE_PORTS_NEXT, /* of the first one of a port: the first one of the next port in its row */
	TABLE_RING_NEXT,  /* those of one port are a ring */
	TABLE_RING_LAST,
	TABLE_TIMER_NEXT, /* those that a timer has to see, tick.c */
	TABLE_TIMER_LAST,
	TABLE_STREAM, /* the two numbers of table_urgent() and table_fin_wait() */
	TABLE_WORDS
};
_Static_assert(TABLE_WORDS == LWIP_TCP_PCB_NUM_EXT_ARGS, "each word is an argument");

#define TABLE_OWNER  0xffffffffull
#define TABLE_TICKED (1ull << 32) /* a timer sees it */

static inline struct tcp_pcb *table_link(const struct tcp_pcb *pcb, enum table_word word)
{
	return pcb->ext_args[word].data;
}

static inline void table_link_set(struct tcp_pcb *pcb, enum table_word word, struct tcp_pcb *other)
{
	pcb->ext_args[word].data = other;
}

static inline uint64_t table_marks(const struct tcp_pcb *pcb)
{
	return (uintptr_t)pcb->ext_args[TABLE_MARKS].data;
}

static inline void table_marks_set(struct tcp_pcb *pcb, uint64_t marks)
{
	pcb->ext_args[TABLE_MARKS].data = (void *)(uintptr_t)marks;
}

/** urgent.c: the number behind the last urgent byte that was sent. */
static inline uint32_t table_urgent(const struct tcp_pcb *pcb)
{
	return (uint32_t)(uintptr_t)pcb->ext_args[TABLE_STREAM].data;
}

/** stream_timer.c: for how many seconds the end of one that no program has open is awaited; 0: as usual, -1: not. */
static inline int32_t table_fin_wait(const struct tcp_pcb *pcb)
{
	return (int32_t)((uintptr_t)pcb->ext_args[TABLE_STREAM].data >> 32);
}

static inline void table_stream_set(struct tcp_pcb *pcb, uint32_t urgent, int32_t fin_wait)
{
	pcb->ext_args[TABLE_STREAM].data = (void *)((uintptr_t)(uint32_t)fin_wait << 32 | urgent);
}

static inline void table_urgent_set(struct tcp_pcb *pcb, uint32_t number)
{
	table_stream_set(pcb, number, table_fin_wait(pcb));
}

static inline void table_fin_wait_set(struct tcp_pcb *pcb, int32_t seconds)
{
	table_stream_set(pcb, table_urgent(pcb), seconds);
}

/* ---- table.c ---- */

/**
 * @brief Make the table.
 * @param limit_bytes  what the network may hold of memory: the table is as large as that many connections need
 * @return 0 or -ENOMEM
 */
int64_t table_init(uint64_t limit_bytes);
void table_exit(void);
/**
 * @brief Find a connection, which may be in TIME_WAIT, by its ends.
 * @param netif_idx  the interface that a packet arrived by, or NETIF_NO_INDEX: whichever it is bound to
 */
struct tcp_pcb *table_find(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
			   uint16_t remote_port, uint8_t netif_idx);
/** @return one of those at a local port: those that listen or are bound come first; or NULL */
struct tcp_pcb *table_port_first(uint16_t port);
/** @return the one that follows @p pcb, or NULL: that was the last one */
struct tcp_pcb *table_port_next(const struct tcp_pcb *first, const struct tcp_pcb *pcb);
/** @return one that listens at a port, behind @p pcb, or the first one where that is NULL */
struct tcp_pcb *table_listener_next(uint16_t port, const struct tcp_pcb *pcb);
/**
 * @brief Find connections one after the other, and listeners between them.
 * @param position  0, or what this wrote last: that of the next one
 * @return NULL: there is no other one
 */
struct tcp_pcb *table_next(uint64_t *position);
/** A listener is about to be closed: those that begin by it have none any more. */
void table_listener_closes(const struct tcp_pcb *listener);

/* ---- tick.c ---- */

void tick_init(uint32_t waiting_most);
/** Something was done with a connection: the timers look at it again. */
void tick_touch(struct tcp_pcb *pcb);
/**
 * Our end is about to be closed: what lwIP grants the other end for its answer counts from now on, not from when
 * something arrived last. Not of one that listens.
 */
void tick_close(struct tcp_pcb *pcb);
/** It is registered, or is not any more; @p waiting: in TIME_WAIT. */
void tick_add(struct tcp_pcb *pcb, bool waiting);
void tick_remove(struct tcp_pcb *pcb, bool waiting);
/** One in TIME_WAIT begins to wait again. */
void tick_wait_again(struct tcp_pcb *pcb);
/** End the one that has been in TIME_WAIT longest. @return false: there is none */
bool tick_end_waiting(void);
/** @return in how many milliseconds tick_run() is to be called; UINT32_MAX: not at all */
uint32_t tick_sleep_ms(void);
/** Has tick_sleep_ms() become less since this was asked last? */
bool tick_is_new(void);
/** Do what the time has come for. */
void tick_run(void);
