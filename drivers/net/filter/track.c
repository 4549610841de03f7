/* SPDX-License-Identifier: MIT */
/*
 * Connections.
 *
 * The table is bounded. Its lists are chosen by a hash that is keyed with a secret. Where it is full, the oldest connection that nobody
 * has answered ends, of TCP the oldest whose handshake is not over; where there is none, new ones are refused.
 *
 * TCP: RFC 9293, by flags. Sequence numbers are looked at roughly, where a forged segment would do harm: RST, FIN, the end of the handshake.
 * Windows are not. Times are those of RFC 5382 (TCP), 4787 (UDP),
 * 5508 (ICMP).
 */
#include "track.h"
#include <banos/string.h>

#define SECOND	   UINT64_C(1000000000)
#define PORT_LEAST 1024u
#define PORT_TRIES 256u
#define BEHIND	   0x10000u  /* of what was acknowledged, by which a segment may be */
#define WINDOW	   0x110000u /* from there on */

/* ---- lists ---- */

static uint32_t track_slot(const struct track_table *table, const struct flow_key *key,
			   uint32_t which)
{
	return (uint32_t)(filter_flow_hash(table->secret, key, sizeof(*key)) +
			  (which & TRACK_MIDDLE)) &
	       (table->max - 1);
}

/* An entry of a list is the number of a connection and of one of its keys. */
static void track_link(struct track_table *table, uint32_t number, uint32_t which)
{
	struct track *track = &table->tracks[number];
	uint32_t slot = track_slot(table, &track->keys[which], which);

	track->next[which] = table->heads[slot];
	table->heads[slot] = number * 4 + which;
}

static void track_unlink(struct track_table *table, uint32_t number, uint32_t which)
{
	struct track *track = &table->tracks[number];
	uint32_t *at = &table->heads[track_slot(table, &track->keys[which], which)];

	while (*at != number * 4 + which)
		at = &table->tracks[*at / 4].next[*at % 4];
	*at = track->next[which];
}

static void track_link_all(struct track_table *table, uint32_t number)
{
	for (uint32_t which = 0; which < 4; which++)
		track_link(table, number, which);
}

static void track_unlink_all(struct track_table *table, uint32_t number)
{
	for (uint32_t which = 0; which < 4; which++)
		track_unlink(table, number, which);
}

/* ---- those that nobody has answered, by age ---- */

static void unanswered_add(struct track_table *table, uint32_t number)
{
	struct track *track = &table->tracks[number];

	track->older = table->newest;
	track->newer = TRACK_NONE;
	if (table->newest != TRACK_NONE)
		table->tracks[table->newest].newer = number;
	else
		table->oldest = number;
	table->newest = number;
}

static void unanswered_remove(struct track_table *table, uint32_t number)
{
	struct track *track = &table->tracks[number];

	if (track->older != TRACK_NONE)
		table->tracks[track->older].newer = track->newer;
	else
		table->oldest = track->newer;
	if (track->newer != TRACK_NONE)
		table->tracks[track->newer].older = track->older;
	else
		table->newest = track->older;
}

/* ---- life ---- */

void track_init(struct track_table *table)
{
	table->count = table->swept = 0;
	table->oldest = table->newest = TRACK_NONE;
	table->free = 0;
	for (uint32_t i = 0; i < table->max; i++) {
		table->heads[i] = TRACK_NONE;
		table->tracks[i] =
			(struct track){ .newer = i + 1 < table->max ? i + 1 : TRACK_NONE };
	}
}

void track_end(struct track_table *table, uint32_t number)
{
	struct track *track = &table->tracks[number];

	if (!track->used)
		return;
	track_unlink_all(table, number);
	if (track->listed)
		unanswered_remove(table, number);
	track->used = false;
	track->newer = table->free;
	table->free = number;
	table->count--;
}

uint32_t track_find(struct track_table *table, const struct flow_key *key, uint32_t kind,
		    uint64_t now_ns, uint32_t *direction)
{
	uint32_t at = table->heads[track_slot(table, key, kind)];

	for (; at != TRACK_NONE; at = table->tracks[at / 4].next[at % 4]) {
		const struct track *track = &table->tracks[at / 4];

		if ((at & TRACK_MIDDLE) != kind || !filter_flow_same(&track->keys[at % 4], key))
			continue;
		if (track->expires_ns <= now_ns) {
			track_end(table, at / 4);
			return TRACK_NONE;
		}
		*direction = at & 1;
		return at / 4;
	}
	return TRACK_NONE;
}

/* Does such a frame begin a connection? */
static bool flow_begins(const struct flow *flow)
{
	if (flow->kind != FLOW_TRACKED)
		return false;
	if (flow->key.protocol == FLOW_TCP)
		return (flow->tcp_flags & (FLOW_SYN | FLOW_ACK | FLOW_RST | FLOW_FIN)) == FLOW_SYN;
	return flow->key.protocol == FLOW_UDP || flow->request;
}

uint32_t track_begin(struct track_table *table, const struct flow *flow, uint64_t now_ns)
{
	struct track *track;
	uint32_t number;

	if (!flow_begins(flow))
		return TRACK_NONE;
	if (table->free == TRACK_NONE)
		track_sweep(table, now_ns, 16);
	if (table->free == TRACK_NONE && table->oldest != TRACK_NONE) {
		track_end(table, table->oldest);
		table->evicted++;
	}
	number = table->free;
	if (number == TRACK_NONE) {
		table->refused++;
		return TRACK_NONE;
	}
	track = &table->tracks[number];
	table->free = track->newer;
	*track = (struct track){ .used = true, .listed = true, .created_ns = now_ns };
	track->keys[TRACK_WAY] = track->keys[TRACK_MIDDLE] = flow->key;
	track->keys[TRACK_WAY + 1] = track->keys[TRACK_MIDDLE + 1] =
		filter_flow_inverse(&flow->key);
	track_link_all(table, number);
	unanswered_add(table, number);
	table->count++;
	track->expires_ns = now_ns + 30 * SECOND;
	return number;
}

void track_sweep(struct track_table *table, uint64_t now_ns, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct track *track = &table->tracks[table->swept];

		if (track->used && track->expires_ns <= now_ns)
			track_end(table, table->swept);
		table->swept = (table->swept + 1) & (table->max - 1);
	}
}

/* ---- states ---- */

static uint64_t track_lifetime(const struct track *track)
{
	static const uint16_t udp_seconds[] = { 30, 300 };
	static const uint16_t tcp_seconds[TRACK_STATES] = { 120, 60, 7440, 240, 120, 10 };
	uint32_t protocol = track->keys[0].protocol;

	if (protocol == FLOW_TCP)
		return tcp_seconds[track->state] * SECOND;
	if (protocol == FLOW_UDP)
		return udp_seconds[track->replied] * SECOND;
	return 60 * SECOND;
}

static bool tcp_flags_fit(uint32_t flags)
{
	flags &= FLOW_SYN | FLOW_FIN | FLOW_RST | FLOW_ACK;
	if (flags & FLOW_SYN)
		return !(flags & (FLOW_FIN | FLOW_RST));
	return flags & (FLOW_ACK | FLOW_RST);
}

static bool tcp_syn_fits(const struct track *track, uint32_t direction, bool bare)
{
	if (direction)
		return !bare || track->state <= TRACK_ANSWERED;
	return bare || track->state > TRACK_NEW;
}

bool track_fits(const struct track_table *table, uint32_t number, uint32_t direction,
		const struct flow *flow)
{
	const struct track *track = &table->tracks[number];

	if (flow->kind == FLOW_ERROR || flow->key.protocol != FLOW_TCP)
		return true;
	if (!tcp_flags_fit(flow->tcp_flags))
		return false;
	if (flow->tcp_flags & FLOW_SYN)
		return tcp_syn_fits(track, direction, !(flow->tcp_flags & FLOW_ACK));
	return flow->tcp_flags & FLOW_RST || track->state != TRACK_NEW;
}

bool track_is_renewed(const struct track_table *table, uint32_t number, const struct flow *flow)
{
	return flow->key.protocol == FLOW_TCP && flow_begins(flow) &&
	       table->tracks[number].state >= TRACK_ENDED;
}

/* Is that about what the direction sends next, as far as is known? */
static bool tcp_is_next(const struct track *track, uint32_t direction, uint32_t sequence)
{
	return !(track->known & 1u << direction) ||
	       sequence - track->expected[direction] + BEHIND < WINDOW;
}

static void tcp_expect(struct track *track, uint32_t direction, uint32_t sequence)
{
	track->expected[direction] = sequence;
	track->known |= (uint8_t)(1u << direction);
}

static bool tcp_advance_syn(struct track *track, uint32_t direction, const struct flow *flow)
{
	if (!tcp_syn_fits(track, direction, !(flow->tcp_flags & FLOW_ACK)))
		return false;
	if (track->state <= TRACK_ANSWERED)
		tcp_expect(track, direction, flow->tcp_sequence + 1);
	if (track->state == TRACK_NEW && direction)
		track->state = TRACK_ANSWERED;
	return true;
}

/* @return false: such a segment has no place in that state */
static bool tcp_advance(struct track *track, uint32_t direction, const struct flow *flow)
{
	uint32_t flags = flow->tcp_flags;
	bool is_next = tcp_is_next(track, direction, flow->tcp_sequence);

	if (!tcp_flags_fit(flags))
		return false;
	if (flags & FLOW_RST) { /* who gets it judges it better */
		if (is_next)
			track->state = TRACK_RESET;
		return true;
	}
	if (flags & FLOW_SYN)
		return tcp_advance_syn(track, direction, flow);
	if (track->state == TRACK_NEW)
		return false; /* data before the other side has answered */
	if (tcp_is_next(track, 1 - direction, flow->tcp_acknowledged)) {
		tcp_expect(track, 1 - direction, flow->tcp_acknowledged);
		if (track->state == TRACK_ANSWERED && !direction)
			track->state = TRACK_ESTABLISHED;
	}
	if (flags & FLOW_FIN && is_next) {
		track->fins |= (uint8_t)(1u << direction);
		if (track->state <= TRACK_CLOSING)
			track->state = TRACK_CLOSING;
		if (track->fins == 3 && track->state == TRACK_CLOSING)
			track->state = TRACK_ENDED;
	}
	return true;
}

/* One that does not end for another one. Of TCP none before the handshake is over: a forged address never gets so far. */
static bool track_is_settled(const struct track *track)
{
	if (track->keys[0].protocol == FLOW_TCP)
		return track->state == TRACK_ESTABLISHED || track->state == TRACK_CLOSING;
	return track->replied;
}

bool track_advance(struct track_table *table, uint32_t number, uint32_t direction,
		   const struct flow *flow, uint64_t now_ns)
{
	struct track *track = &table->tracks[number];

	if (flow->kind == FLOW_ERROR)
		return true;
	if (flow->key.protocol == FLOW_TCP && !tcp_advance(track, direction, flow))
		return false;
	if (flow->key.protocol != FLOW_TCP && direction)
		track->state = TRACK_ESTABLISHED;
	if (direction)
		track->replied = true;
	if (track->listed && track_is_settled(track)) {
		unanswered_remove(table, number);
		track->listed = false;
	}
	track->frames[direction]++;
	track->expires_ns = now_ns + track_lifetime(track);
	return true;
}

/* ---- translations ---- */

/* Is there another connection whose answers would look like this? */
static bool way_is_taken(struct track_table *table, const struct flow_key *key, uint32_t number)
{
	uint32_t at = table->heads[track_slot(table, key, TRACK_WAY)];

	for (; at != TRACK_NONE; at = table->tracks[at / 4].next[at % 4])
		if (at / 4 != number && !(at & TRACK_MIDDLE) &&
		    filter_flow_same(&table->tracks[at / 4].keys[at % 4], key))
			return true;
	return false;
}

/* The port stays if it can; else one is drawn that nobody can guess. */
static bool port_choose(struct track_table *table, struct flow_key *answer, uint32_t number)
{
	for (uint32_t i = 0; i < PORT_TRIES; i++) {
		uint64_t pick = ++table->picks;

		if (!way_is_taken(table, answer, number))
			return true;
		pick = filter_flow_hash(table->secret, &pick, sizeof(pick));
		answer->to_port = (uint16_t)(PORT_LEAST + pick % (65536 - PORT_LEAST));
		if (answer->protocol == FLOW_ICMP)
			answer->from_port = answer->to_port;
	}
	return false;
}

bool track_translate(struct track_table *table, uint32_t number, bool source,
		     const uint8_t *address, uint32_t port)
{
	struct track *track = &table->tracks[number];
	struct flow_key answer = track->keys[TRACK_WAY + 1];

	if (source) {
		memcpy(answer.to, address, 4);
		if (port)
			answer.to_port = (uint16_t)port;
	} else {
		memcpy(answer.from, address, 4);
		if (port && answer.protocol != FLOW_ICMP)
			answer.from_port = (uint16_t)port;
	}
	if (source ? !port_choose(table, &answer, number) : way_is_taken(table, &answer, number))
		return false;
	track_unlink_all(table, number);
	track->keys[TRACK_WAY + 1] = answer;
	/* Frames of the first direction with their last destination, answers with their last. */
	memcpy(track->keys[TRACK_MIDDLE].to, answer.from, 16);
	track->keys[TRACK_MIDDLE].to_port = answer.from_port;
	memcpy(track->keys[TRACK_MIDDLE + 1].from, answer.from, 16);
	track->keys[TRACK_MIDDLE + 1].from_port = answer.from_port;
	if (answer.protocol == FLOW_ICMP) { /* an echo has one identity */
		track->keys[TRACK_MIDDLE].to_port = track->keys[TRACK_MIDDLE].from_port;
		track->keys[TRACK_MIDDLE + 1].from_port = track->keys[TRACK_MIDDLE + 1].to_port;
	}
	track->translates = true;
	track_link_all(table, number);
	return true;
}
