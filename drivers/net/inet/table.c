/* SPDX-License-Identifier: MIT */
/*
 * The table of TCP's connections.
 *
 * lwIP has each pcb in one of four lists, which it walks for each segment, each bind() and connect(), each pcb that goes, and
 * four times a second. Here its lists stay empty. The macros by which it registers pcbs lead here, and a pcb is found
 *
 * - by its two ends, if it is a connection or waits in TIME_WAIT; a listener by its port: rows of one table, whose hash
 *   is keyed, so that nobody can fill a row on purpose;
 * - by its local port: the first one of each port is in a row of another table, and begins a ring of all of that port. Those
 *   that listen or are bound come first in it: with them bind() collides most.
 *
 * While lwIP looks at a segment its lists have what that may be for: one connection, or the listeners of a port. While its timers
 * run they have those that have something to wait for, see tick.c.
 *
 * The links are in words of the pcb that lwIP keeps for its users, so that nothing is allocated for a connection.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/random.h>
#include "inet.h"
#include "table.h"
#include <lwip/priv/tcp_priv.h>

#define ROWS_LEAST    256u
#define ROWS_MOST     16384u
#define BYTES_A_ROW   8192u
#define WAITING_A_ROW 2u
#define HASH_KEYS     6u
#define POSITION_BITS 20
#define POSITION_MASK ((1ull << POSITION_BITS) - 1)
#define PROBES_RARER  7u /* of lwIP's persist_backoff: from then on a probe is sent each minute */

void lwip_tcp_input(struct pbuf *pbuf, struct netif *netif);

static struct tcp_pcb **ends, **ports; /* rows */
static uint32_t row_mask;
static uint64_t hash_keys[HASH_KEYS];

/* ---- by ends ---- */

static uint64_t hash_mix(uint64_t one, uint64_t other)
{
	__uint128_t product = (__uint128_t)one * other;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_address6(const ip_addr_t *address, const uint64_t keys[2])
{
	uint64_t words[2];

	memcpy(words, ip_2_ip6(address)->addr, sizeof(words));
	return hash_mix(words[0] ^ keys[0], words[1] ^ keys[1]);
}

static struct tcp_pcb **ends_row(const ip_addr_t *local, uint16_t local_port,
				 const ip_addr_t *remote, uint16_t remote_port)
{
	uint64_t addresses, both = (uint64_t)local_port << 16 | remote_port;

	if (IP_IS_V6(remote))
		addresses = hash_address6(local, hash_keys + 2) ^
			    hash_address6(remote, hash_keys + 4);
	else
		addresses = (uint64_t)ip_2_ip4(local)->addr << 32 | ip_2_ip4(remote)->addr;
	return &ends[hash_mix(addresses ^ hash_keys[0], both ^ hash_keys[1]) & row_mask];
}

static struct tcp_pcb **listeners_row(uint16_t port)
{
	return &ends[hash_mix(port ^ hash_keys[1], hash_keys[0]) & row_mask];
}

/* The row of one that was registered by @list; NULL: those that are bound are in none. */
static struct tcp_pcb **row_of(struct tcp_pcb **list, const struct tcp_pcb *pcb)
{
	if (list == &tcp_bound_pcbs)
		return NULL;
	if (list == &tcp_listen_pcbs.pcbs)
		return listeners_row(pcb->local_port);
	return ends_row(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
}

static void row_remove(struct tcp_pcb **row, struct tcp_pcb *pcb)
{
	struct tcp_pcb *before = *row;

	if (before == pcb) {
		*row = table_link(pcb, TABLE_ENDS_NEXT);
		return;
	}
	while (before && table_link(before, TABLE_ENDS_NEXT) != pcb)
		before = table_link(before, TABLE_ENDS_NEXT);
	if (before)
		table_link_set(before, TABLE_ENDS_NEXT, table_link(pcb, TABLE_ENDS_NEXT));
}

/* Alike, and of one zone where both tell of one. */
static bool addresses_match(const ip_addr_t *one, const ip_addr_t *other)
{
	if (!ip_addr_cmp_zoneless(one, other))
		return false;
	return !IP_IS_V6(one) || !ip6_addr_has_zone(ip_2_ip6(one)) ||
	       !ip6_addr_has_zone(ip_2_ip6(other)) ||
	       ip6_addr_zone(ip_2_ip6(one)) == ip6_addr_zone(ip_2_ip6(other));
}

struct tcp_pcb *table_find(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
			   uint16_t remote_port, uint8_t netif_idx)
{
	struct tcp_pcb *pcb = *ends_row(local, local_port, remote, remote_port), *waiting = NULL;

	for (; pcb; pcb = table_link(pcb, TABLE_ENDS_NEXT)) {
		/* A listener has no other end: its remote_port lies behind it. */
		if (pcb->local_port != local_port || pcb->state == LISTEN ||
		    pcb->remote_port != remote_port || !addresses_match(&pcb->remote_ip, remote) ||
		    !addresses_match(&pcb->local_ip, local))
			continue;
		if (netif_idx != NETIF_NO_INDEX && pcb->netif_idx != NETIF_NO_INDEX &&
		    pcb->netif_idx != netif_idx)
			continue;
		if (pcb->state != TIME_WAIT)
			return pcb;
		waiting = pcb;
	}
	return waiting;
}

struct tcp_pcb *table_listener_next(uint16_t port, const struct tcp_pcb *pcb)
{
	struct tcp_pcb *next = pcb ? table_link(pcb, TABLE_ENDS_NEXT) : *listeners_row(port);

	while (next && (next->state != LISTEN || next->local_port != port))
		next = table_link(next, TABLE_ENDS_NEXT);
	return next;
}

/* ---- by port ---- */

static struct tcp_pcb **ports_row(uint16_t port)
{
	return &ports[port & row_mask];
}

struct tcp_pcb *table_port_first(uint16_t port)
{
	struct tcp_pcb *pcb = *ports_row(port);

	while (pcb && pcb->local_port != port)
		pcb = table_link(pcb, TABLE_PORTS_NEXT);
	return pcb;
}

struct tcp_pcb *table_port_next(const struct tcp_pcb *first, const struct tcp_pcb *pcb)
{
	struct tcp_pcb *next = table_link(pcb, TABLE_RING_NEXT);

	return next != first ? next : NULL;
}

/* Another one is the first of a port, or there is none any more: @pcb is NULL. */
static void port_first_replace(uint16_t port, struct tcp_pcb *first, struct tcp_pcb *pcb)
{
	struct tcp_pcb **row = ports_row(port), *next = table_link(first, TABLE_PORTS_NEXT);
	struct tcp_pcb *before = *row;

	if (pcb) {
		table_link_set(pcb, TABLE_PORTS_NEXT, next);
		next = pcb;
	}
	if (before == first) {
		*row = next;
		return;
	}
	while (table_link(before, TABLE_PORTS_NEXT) != first)
		before = table_link(before, TABLE_PORTS_NEXT);
	table_link_set(before, TABLE_PORTS_NEXT, next);
}

static void port_ring_add(struct tcp_pcb *pcb, bool in_front)
{
	struct tcp_pcb **row = ports_row(pcb->local_port), *last;
	struct tcp_pcb *first = table_port_first(pcb->local_port);

	if (!first) {
		table_link_set(pcb, TABLE_RING_NEXT, pcb);
		table_link_set(pcb, TABLE_RING_LAST, pcb);
		table_link_set(pcb, TABLE_PORTS_NEXT, *row);
		*row = pcb;
		return;
	}
	last = table_link(first, TABLE_RING_LAST);
	table_link_set(pcb, TABLE_RING_NEXT, first);
	table_link_set(pcb, TABLE_RING_LAST, last);
	table_link_set(last, TABLE_RING_NEXT, pcb);
	table_link_set(first, TABLE_RING_LAST, pcb);
	if (in_front)
		port_first_replace(pcb->local_port, first, pcb);
}

static void port_ring_remove(struct tcp_pcb *pcb)
{
	struct tcp_pcb *next = table_link(pcb, TABLE_RING_NEXT);
	struct tcp_pcb *last = table_link(pcb, TABLE_RING_LAST);

	if (table_port_first(pcb->local_port) == pcb)
		port_first_replace(pcb->local_port, pcb, next != pcb ? next : NULL);
	table_link_set(next, TABLE_RING_LAST, last);
	table_link_set(last, TABLE_RING_NEXT, next);
}

/* A position: the row's number, and how many of the row are in front. */
struct tcp_pcb *table_next(uint64_t *position)
{
	uint64_t row = *position >> POSITION_BITS, left = *position & POSITION_MASK;

	for (; row <= row_mask; row++, left = 0) {
		struct tcp_pcb *pcb = ends[row];

		for (uint64_t skipped = 0; pcb && skipped < left; skipped++)
			pcb = table_link(pcb, TABLE_ENDS_NEXT);
		if (pcb && left < POSITION_MASK) {
			*position = row << POSITION_BITS | (left + 1);
			return pcb;
		}
	}
	return NULL;
}

/* ---- what lwIP calls ---- */

static void table_take_out(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	struct tcp_pcb **row = row_of(list, pcb);

	pcb->ext_args[TABLE_SELF] = (struct tcp_pcb_ext_args){ 0 };
	if (row)
		row_remove(row, pcb);
	port_ring_remove(pcb);
	if (list == &tcp_active_pcbs || list == &tcp_tw_pcbs)
		tick_remove(pcb, list == &tcp_tw_pcbs);
}

/* Its slow timer ends connections without a word: only those that it sees, which are active. */
static void table_freed(u8_t id, void *data)
{
	if (data)
		table_take_out(&tcp_active_pcbs, data);
}

void table_add(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	static const struct tcp_ext_arg_callbacks callbacks = { .destroy = table_freed };
	struct tcp_pcb **row = row_of(list, pcb);

	pcb->next = NULL;
	pcb->ext_args[TABLE_SELF] = (struct tcp_pcb_ext_args){ &callbacks, pcb };
	if (row) {
		table_link_set(pcb, TABLE_ENDS_NEXT, *row);
		*row = pcb;
	}
	port_ring_add(pcb, list == &tcp_bound_pcbs || list == &tcp_listen_pcbs.pcbs);
	if (list == &tcp_active_pcbs || list == &tcp_tw_pcbs)
		tick_add(pcb, list == &tcp_tw_pcbs);
}

void table_remove(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	struct tcp_pcb **at = list;

	if (table_link(pcb, TABLE_SELF) != pcb)
		return;
	while (*at && *at != pcb) /* lwIP sees few */
		at = &(*at)->next;
	if (*at)
		*at = pcb->next;
	pcb->next = NULL;
	table_take_out(list, pcb);
}

static void listeners_show(uint16_t port)
{
	struct tcp_pcb *pcb = NULL;

	while ((pcb = table_listener_next(port, pcb))) {
		pcb->next = tcp_listen_pcbs.pcbs;
		tcp_listen_pcbs.pcbs = pcb;
	}
}

static void listeners_hide(void)
{
	while (tcp_listen_pcbs.pcbs) {
		struct tcp_pcb *pcb = tcp_listen_pcbs.pcbs;

		tcp_listen_pcbs.pcbs = pcb->next;
		pcb->next = NULL;
	}
}

static void waiting_input(struct tcp_pcb *pcb, struct pbuf *pbuf, struct netif *netif)
{
	uint32_t since = pcb->tmr;

	tcp_tw_pcbs = pcb;
	lwip_tcp_input(pbuf, netif);
	tcp_tw_pcbs = NULL;
	if (pcb->tmr != since)
		tick_wait_again(pcb);
}

/*
 * A segment for a connection. Once a program has closed it, lwIP counts from the close on, and ends what is in LAST_ACK
 * after a minute. As on Linux it goes on as long as the other end takes what was sent; while that has no room, as
 * long as probes become rarer.
 */
static void active_input(struct tcp_pcb *pcb, struct pbuf *pbuf, struct netif *netif)
{
	uint32_t acknowledged = pcb->lastack;

	tick_touch(pcb);
	tcp_active_pcbs = pcb;
	lwip_tcp_input(pbuf, netif);
	/* Else it is freed, or in TIME_WAIT. */
	if (tcp_active_pcbs == pcb && pcb->flags & TF_RXCLOSED &&
	    (pcb->lastack != acknowledged ||
	     (pcb->persist_backoff && pcb->persist_backoff < PROBES_RARER)))
		pcb->tmr = tcp_ticks;
	tcp_active_pcbs = NULL;
}

/* In front of lwIP's function, which the build names otherwise. */
void tcp_input(struct pbuf *pbuf, struct netif *netif)
{
	const struct tcp_hdr *header = pbuf->payload;
	struct tcp_pcb *pcb;

	if (pbuf->len < TCP_HLEN) {
		lwip_tcp_input(pbuf, netif);
		return;
	}
	pcb = table_find(ip_current_dest_addr(), lwip_ntohs(header->dest), ip_current_src_addr(),
			 lwip_ntohs(header->src), netif_get_index(ip_current_input_netif()));
	if (pcb && pcb->state == TIME_WAIT) {
		waiting_input(pcb, pbuf, netif);
	} else if (pcb) {
		active_input(pcb, pbuf, netif);
	} else if (cookie_input(pbuf, netif)) {
		pbuf_free(pbuf);
	} else if (table_find(ip_current_dest_addr(), lwip_ntohs(header->dest),
			      ip_current_src_addr(), lwip_ntohs(header->src),
			      netif_get_index(ip_current_input_netif()))) {
		tcp_input(pbuf, netif); /* it has one now */
	} else {
		listeners_show(lwip_ntohs(header->dest));
		lwip_tcp_input(pbuf, netif);
		listeners_hide();
	}
}

void table_listener_closes(const struct tcp_pcb *listener)
{
	struct tcp_pcb *first = table_port_first(listener->local_port);

	for (struct tcp_pcb *pcb = first; pcb; pcb = table_port_next(first, pcb))
		if (pcb->state != LISTEN && (const void *)pcb->listener == listener)
			pcb->listener = NULL;
}

/* Those of one port that have an address which is no longer. An end calls back, and frees no other pcb. */
static void port_address_goes(struct tcp_pcb *first, const ip_addr_t *address)
{
	uint32_t left = 0;

	for (struct tcp_pcb *pcb = first; pcb; pcb = table_port_next(first, pcb))
		left++;
	for (struct tcp_pcb *pcb = first, *next; left--; pcb = next) {
		next = table_link(pcb, TABLE_RING_NEXT);
		if (pcb->state != LISTEN && pcb->state != TIME_WAIT &&
		    ip_addr_cmp(&pcb->local_ip, address))
			tcp_abort(pcb);
	}
}

static void port_address_changes(struct tcp_pcb *first, const ip_addr_t *old,
				 const ip_addr_t *fresh)
{
	for (struct tcp_pcb *pcb = first; pcb; pcb = table_port_next(first, pcb))
		if (pcb->state == LISTEN && ip_addr_cmp(&pcb->local_ip, old))
			ip_addr_copy(pcb->local_ip, *fresh);
}

/* Instead of lwIP's function, which the build names otherwise. @fresh: what @old becomes, or NULL */
void tcp_netif_ip_addr_changed(const ip_addr_t *old, const ip_addr_t *fresh)
{
	if (ip_addr_isany(old))
		return;
	for (uint32_t row = 0; row <= row_mask; row++)
		for (struct tcp_pcb *first = ports[row], *next; first; first = next) {
			next = table_link(first, TABLE_PORTS_NEXT);
			if (!ip_addr_isany(fresh))
				port_address_changes(first, old, fresh);
			port_address_goes(first, old);
		}
}

/* ---- the table ---- */

int64_t table_init(uint64_t limit_bytes)
{
	uint32_t rows = ROWS_LEAST;

	while (rows < ROWS_MOST && rows < limit_bytes / BYTES_A_ROW)
		rows *= 2;
	banos_random(hash_keys, sizeof(hash_keys));
	ends = banos_alloc(inet_owner, rows * sizeof(ends[0]), 0);
	ports = banos_alloc(inet_owner, rows * sizeof(ports[0]), 0);
	if (!ends || !ports) {
		table_exit();
		return -ENOMEM;
	}
	memset(ends, 0, rows * sizeof(ends[0]));
	memset(ports, 0, rows * sizeof(ports[0]));
	row_mask = rows - 1;
	tick_init(rows * WAITING_A_ROW);
	return 0;
}

void table_exit(void)
{
	if (ends)
		banos_free(inet_owner, ends);
	if (ports)
		banos_free(inet_owner, ports);
	ends = ports = NULL;
}
