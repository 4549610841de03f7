/* SPDX-License-Identifier: MIT */
/**
 * @file rule.h  Rules of the filter: lines of text. Pure.
 *
 *	policy CHAIN accept|drop
 *	CHAIN [MATCH ...] ACTION
 *
 * CHAIN: input, forward, output; prerouting (dnat and accept alone), postrouting (snat, masquerade and accept alone).
 * MATCH: in INTERFACE, out INTERFACE, proto tcp|udp|icmp|icmp6|NUMBER, from ADDRESS[/BITS], to ADDRESS[/BITS],
 * sport PORT[-PORT], dport PORT[-PORT], state STATE[,STATE...] of new, established, related, invalid.
 * ACTION: accept, drop, reject, masquerade, snat ADDRESS, dnat ADDRESS[:PORT]. Words are separated by blanks; # begins a comment.
 * Of a chain the first rule that matches decides, else its policy.
 */
#ifndef FILTER_RULE_H
#define FILTER_RULE_H
#include "flow.h"

enum rule_chain {
	RULE_INPUT,
	RULE_FORWARD,
	RULE_OUTPUT,
	RULE_PREROUTING,
	RULE_POSTROUTING,
	RULE_CHAINS
};
enum rule_action { RULE_ACCEPT, RULE_DROP, RULE_REJECT, RULE_MASQUERADE, RULE_SNAT, RULE_DNAT };

#define RULE_NEW	 1u
#define RULE_ESTABLISHED 2u
#define RULE_RELATED	 4u
#define RULE_INVALID	 8u

#define RULE_NAME     16u
#define RULE_LINE_MAX 256u /**< bytes of a line, with its NUL */
#define RULES_MAX     1024u

struct rule {
	char in[RULE_NAME], out[RULE_NAME];    /**< interfaces; empty: any */
	uint32_t in_index, out_index;	       /**< of these names now; 0: there is none */
	uint8_t from[16], to[16], address[16]; /**< address: of snat and dnat */
	uint8_t from_bits, to_bits, family;    /**< family 0: both */
	uint8_t chain, action, states;	       /**< states 0: any */
	uint8_t protocol, has_protocol;
	uint16_t from_least, from_most, to_least, to_most; /**< ports; most 0: any */
	uint16_t port;					   /**< of dnat; 0: it stays */
};

/** What can follow from a line. */
enum rule_line { RULE_NOTHING, RULE_RULE, RULE_POLICY, RULE_WRONG };
/**
 * @param rule  RULE_POLICY: its chain and action
 * @param why   RULE_WRONG: what is wrong
 */
enum rule_line rule_parse(const char *line, struct rule *rule, const char **why);
/** As text that rule_parse() reads. @return how long it is, without the NUL */
uint32_t rule_format(const struct rule *rule, char *to, uint32_t size);
bool rule_matches(const struct rule *rule, const struct flow_key *key, bool ports, uint32_t state,
		  uint32_t in, uint32_t out);
/** "10.0.0.1", or groups of IPv6. @return how long it is */
uint32_t rule_format_address(const uint8_t *address, uint32_t family, char *to, uint32_t size);
#endif
