/* SPDX-License-Identifier: MIT */
/** @file decide.h  What becomes of a frame: rules, connections and translations together. Pure; the caller holds a lock. */
#ifndef FILTER_DECIDE_H
#define FILTER_DECIDE_H
#include "rule.h"
#include "track.h"

#define FRAGMENTS 256u

/** Points, as <banos/packet_hook.h> numbers them. */
enum { AT_RECEIVE = 1, AT_INPUT = 2, AT_FORWARD = 4, AT_OUTPUT = 8, AT_TRANSMIT = 16 };

enum decision { DECIDE_PASS, DECIDE_DROP, DECIDE_ANSWERED };

struct rule_set {
	uint32_t count;
	uint8_t policies[RULE_CHAINS]; /* RULE_ACCEPT, RULE_DROP */
	struct rule rules[];
};

/** What was decided on the first fragment of a datagram holds for the others. */
struct fragment {
	struct flow_key key; /**< without ports */
	uint32_t identity, point;
	uint64_t expires_ns;
	uint32_t track, direction;
	uint8_t decision;
};

struct filter {
	struct track_table table;
	struct rule_set *rules; /**< NULL: everything passes */
	struct fragment fragments[FRAGMENTS];
	/** The IPv4 address of an interface, for masquerade. @return false: it has none */
	bool (*address_of)(void *context, uint32_t interface, uint8_t *address);
	void *context;
};

/**
 * @param in, out  interfaces; 0: none
 * @param frame	   its bytes and length may change
 */
enum decision filter_decide(struct filter *filter, uint32_t point, uint32_t in, uint32_t out,
			    struct flow_frame *frame, uint64_t now_ns);
#endif
