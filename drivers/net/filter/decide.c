/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a frame at each point.
 *
 *	receive		connection found or begun; prerouting; destination translated
 *	input		rules of input
 *	forward		rules of forward
 *	output		connection found or begun; rules of output
 *	transmit	postrouting; source translated
 *
 * A connection whose first frame is dropped ends at once. What the filter cannot read is dropped, as is a fragment whose datagram's
 * first one has not passed here. Frames of neither IPv4 nor IPv6 pass, and with no rules everything does.
 */
#include "decide.h"
#include <banos/string.h>

#define FRAGMENT_NS (UINT64_C(30) * 1000000000)

/* A frame on its way through the rules. */
struct deciding {
	struct filter *filter;
	uint32_t point, in, out;
	struct flow_frame *frame;
	struct flow flow;
	uint32_t track, direction, state;
	uint64_t now_ns;
};

static struct track *deciding_track(const struct deciding *what)
{
	return &what->filter->table.tracks[what->track];
}

/* ---- connections ---- */

static uint32_t deciding_state(const struct deciding *what)
{
	if (what->flow.kind == FLOW_ERROR)
		return RULE_RELATED;
	if (deciding_track(what)->replied)
		return RULE_ESTABLISHED;
	return RULE_NEW;
}

/* Neighbour discovery and groups have no connections, and are not invalid for that. */
static bool flow_is_free(const struct flow *flow)
{
	if (flow->kind != FLOW_OTHER)
		return false;
	return flow->key.protocol != FLOW_TCP && flow->key.protocol != FLOW_UDP;
}

static void deciding_find(struct deciding *what)
{
	struct track_table *table = &what->filter->table;
	bool enters = what->point & (AT_RECEIVE | AT_OUTPUT);
	uint32_t kind = TRACK_MIDDLE;

	if (what->point == AT_RECEIVE)
		kind = TRACK_WAY;
	what->track = TRACK_NONE;
	what->state = RULE_INVALID;
	if (flow_is_free(&what->flow))
		what->state = RULE_NEW;
	if (what->flow.kind != FLOW_TRACKED && what->flow.kind != FLOW_ERROR)
		return;
	/* An error goes to whom the datagram came from that it is about. */
	if (what->flow.kind == FLOW_ERROR && memcmp(what->flow.outer.to, what->flow.key.to, 16))
		return;
	what->track = track_find(table, &what->flow.key, kind, what->now_ns, &what->direction);
	if (what->track != TRACK_NONE && enters &&
	    track_is_renewed(table, what->track, &what->flow)) {
		track_end(table, what->track);
		what->track = TRACK_NONE;
	}
	if (what->track == TRACK_NONE && enters) {
		what->track = track_begin(table, &what->flow, what->now_ns);
		what->direction = 0;
	}
	if (what->track == TRACK_NONE)
		return;
	/* Nobody answers what no rule has let through yet: both are of one batch, and forged. */
	if (what->direction && !deciding_track(what)->confirmed) {
		what->track = TRACK_NONE;
		return;
	}
	if (enters &&
	    !track_advance(table, what->track, what->direction, &what->flow, what->now_ns)) {
		if (!deciding_track(what)->confirmed)
			track_end(table, what->track);
		what->track = TRACK_NONE;
		return;
	}
	if (!enters && !track_fits(table, what->track, what->direction, &what->flow)) {
		what->track = TRACK_NONE;
		return;
	}
	what->state = deciding_state(what);
}

/* ---- rules ---- */

static const struct rule *rule_find(const struct deciding *what, uint32_t chain)
{
	const struct rule_set *set = what->filter->rules;
	const struct flow_key *key = &what->flow.key;
	bool ports = what->flow.kind == FLOW_TRACKED;

	if (what->flow.kind == FLOW_ERROR)
		key = &what->flow.outer;
	for (uint32_t i = 0; i < set->count; i++)
		if (set->rules[i].chain == chain &&
		    rule_matches(&set->rules[i], key, ports, what->state, what->in, what->out))
			return &set->rules[i];
	return NULL;
}

static bool is_for_many(const struct deciding *what)
{
	const struct flow_key *key = &what->flow.key;

	if (what->frame->bytes[0] & 1)
		return true;
	if (key->family == 6)
		return key->to[0] == 0xff;
	return key->to[0] >= 224;
}

/* RFC 1122: to these no error goes. */
static bool is_from_one(const struct deciding *what)
{
	static const uint8_t none[16];
	const struct flow_key *key = &what->flow.key;

	if (what->frame->bytes[6] & 1)
		return false;
	if (key->family == 6)
		return key->from[0] != 0xff && memcmp(key->from, none, 16);
	return key->from[0] && key->from[0] < 224;
}

static enum decision frame_refuse(struct deciding *what)
{
	struct flow_key as = what->flow.key;

	if (is_for_many(what) || !is_from_one(what) || what->flow.is_error)
		return DECIDE_DROP;
	if (what->track != TRACK_NONE)
		as = deciding_track(what)->keys[TRACK_WAY + what->direction];
	if (!filter_flow_refuse(what->frame, &what->flow, &as))
		return DECIDE_DROP;
	return DECIDE_ANSWERED;
}

static enum decision decide_chain(struct deciding *what, uint32_t chain)
{
	const struct rule *rule = rule_find(what, chain);
	uint32_t action = what->filter->rules->policies[chain];

	if (rule)
		action = rule->action;
	if (action == RULE_REJECT)
		return frame_refuse(what);
	if (action == RULE_DROP)
		return DECIDE_DROP;
	return DECIDE_PASS;
}

/* ---- translations ---- */

static bool may_translate(const struct deciding *what)
{
	return what->track != TRACK_NONE && what->flow.key.family == 4 &&
	       what->flow.kind == FLOW_TRACKED && !what->direction;
}

/* The address that a rule of translation asks for. @return false: there is none now */
static bool rule_address(const struct deciding *what, const struct rule *rule, uint8_t *address)
{
	memcpy(address, rule->address, 4);
	return rule->action != RULE_MASQUERADE ||
	       what->filter->address_of(what->filter->context, what->out, address);
}

/*
 * Without a connection nothing is translated, and what would have to be must not go on as it is.
 * @return may it?
 */
static bool may_stay(const struct deciding *what, uint32_t chain)
{
	const struct flow_key *key = &what->flow.key;
	const struct rule *rule = NULL;
	uint8_t address[4];

	if (what->track == TRACK_NONE && key->family == 4)
		rule = rule_find(what, chain);
	if (!rule || rule->action == RULE_ACCEPT)
		return true;
	if (what->flow.kind == FLOW_ERROR)
		key = &what->flow.outer;
	if (!rule_address(what, rule, address))
		return false;
	if (chain == RULE_POSTROUTING)
		return !memcmp(key->from, address, 4);
	return !memcmp(key->to, address, 4) && (!rule->port || rule->port == key->to_port);
}

/* @return false: it has to be translated and cannot be */
static bool translate_destination(struct deciding *what)
{
	struct track *track;
	const struct rule *rule;

	if (what->track == TRACK_NONE)
		return may_stay(what, RULE_PREROUTING);
	if (!may_translate(what) || deciding_track(what)->destination_decided)
		return true;
	track = deciding_track(what);
	track->destination_decided = true;
	rule = rule_find(what, RULE_PREROUTING);
	if (!rule || rule->action != RULE_DNAT)
		return true;
	return track_translate(&what->filter->table, what->track, false, rule->address, rule->port);
}

static bool translate_source(struct deciding *what)
{
	const struct rule *rule;
	struct track *track;
	uint8_t address[4];

	if (what->track == TRACK_NONE)
		return may_stay(what, RULE_POSTROUTING);
	if (!may_translate(what) || deciding_track(what)->source_decided)
		return true;
	track = deciding_track(what);
	track->source_decided = true;
	rule = rule_find(what, RULE_POSTROUTING);
	if (!rule || rule->action == RULE_ACCEPT)
		return true;
	if (!rule_address(what, rule, address))
		return false;
	return track_translate(&what->filter->table, what->track, true, address, 0);
}

static bool port_counts(const struct flow *flow)
{
	return flow->kind == FLOW_TRACKED || flow->kind == FLOW_ERROR;
}

/* As the connection's translations say. */
static void frame_rewrite(struct deciding *what, bool source)
{
	const struct flow_key *key, *now = &what->flow.key;
	const uint8_t *address;
	uint32_t port;

	if (what->track == TRACK_NONE || !deciding_track(what)->translates)
		return;
	if (source) {
		key = &deciding_track(what)->keys[TRACK_WAY + 1 - what->direction];
		if (!memcmp(now->from, key->to, 4) &&
		    (!port_counts(&what->flow) || now->from_port == key->to_port))
			return;
	} else {
		key = &deciding_track(what)->keys[TRACK_MIDDLE + what->direction];
		if (!memcmp(now->to, key->to, 4) &&
		    (!port_counts(&what->flow) || now->to_port == key->to_port))
			return;
	}
	address = key->to;
	port = key->to_port;
	filter_flow_rewrite(what->frame, &what->flow, source, address, port);
}

/* ---- fragments ---- */

static struct fragment *fragment_at(struct deciding *what, struct flow_key *key)
{
	uint64_t hash;

	*key = what->flow.key;
	key->from_port = key->to_port = 0;
	hash = filter_flow_hash(what->filter->table.secret, key, sizeof(*key)) +
	       what->flow.identity + what->point;
	return &what->filter->fragments[hash % FRAGMENTS];
}

static void fragment_note(struct deciding *what, const struct flow_key *key,
			  struct fragment *fragment, enum decision decision)
{
	*fragment = (struct fragment){ .key = *key,
				       .identity = what->flow.identity,
				       .point = what->point,
				       .expires_ns = what->now_ns + FRAGMENT_NS,
				       .track = what->track,
				       .direction = what->direction,
				       .decision = (uint8_t)decision };
}

static enum decision decide_fragment(struct deciding *what)
{
	struct flow_key key;
	const struct fragment *fragment = fragment_at(what, &key);

	if (!filter_flow_same(&fragment->key, &key) || fragment->identity != what->flow.identity ||
	    fragment->point != what->point || fragment->expires_ns <= what->now_ns ||
	    fragment->decision != DECIDE_PASS)
		return DECIDE_DROP;
	what->track = fragment->track;
	what->direction = fragment->direction;
	/* It may have ended, and another one begun in its place. */
	if (what->track != TRACK_NONE &&
	    (!deciding_track(what)->used ||
	     deciding_track(what)->created_ns > fragment->expires_ns - FRAGMENT_NS))
		return DECIDE_DROP;
	if (what->point == AT_RECEIVE)
		frame_rewrite(what, false);
	else if (what->point == AT_TRANSMIT)
		frame_rewrite(what, true);
	return DECIDE_PASS;
}

/* ---- all ---- */

static enum decision decide_point(struct deciding *what)
{
	switch (what->point) {
	case AT_RECEIVE:
		if (!translate_destination(what))
			return DECIDE_DROP;
		frame_rewrite(what, false);
		return DECIDE_PASS;
	case AT_INPUT: return decide_chain(what, RULE_INPUT);
	case AT_FORWARD: return decide_chain(what, RULE_FORWARD);
	case AT_OUTPUT:
		if (what->track != TRACK_NONE)
			deciding_track(what)->destination_decided = true;
		return decide_chain(what, RULE_OUTPUT);
	default:
		if (!translate_source(what))
			return DECIDE_DROP;
		frame_rewrite(what, true);
		return DECIDE_PASS;
	}
}

enum decision filter_decide(struct filter *filter, uint32_t point, uint32_t in, uint32_t out,
			    struct flow_frame *frame, uint64_t now_ns)
{
	struct deciding what = { .filter = filter,
				 .point = point,
				 .in = in,
				 .out = out,
				 .frame = frame,
				 .track = TRACK_NONE,
				 .now_ns = now_ns };
	struct fragment *fragment = NULL;
	enum decision decision;
	struct flow_key key;

	if (!filter->rules)
		return DECIDE_PASS;
	filter_flow_read(frame, &what.flow);
	if (what.flow.kind == FLOW_STRANGE)
		return DECIDE_PASS;
	if (what.flow.kind == FLOW_BAD)
		return DECIDE_DROP;
	if (what.flow.kind == FLOW_FRAGMENT)
		return decide_fragment(&what);
	if (what.flow.first_fragment)
		fragment = fragment_at(&what, &key);
	deciding_find(&what);
	decision = decide_point(&what);
	if (what.track != TRACK_NONE && !deciding_track(&what)->confirmed) {
		if (decision != DECIDE_PASS) {
			track_end(&filter->table, what.track);
			what.track = TRACK_NONE;
		} else if (point & (AT_INPUT | AT_TRANSMIT)) {
			deciding_track(&what)->confirmed = true;
		}
	}
	if (fragment)
		fragment_note(&what, &key, fragment, decision);
	return decision;
}
