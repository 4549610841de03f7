/* SPDX-License-Identifier: MIT */
/** @file flow.h  The headers of a frame, as far as the filter looks at them, and how they are rewritten. Pure. */
#ifndef FILTER_FLOW_H
#define FILTER_FLOW_H
#include <stdbool.h>
#include <stdint.h>

#define FLOW_ETHERNET 14u
#define FLOW_ICMP     1u
#define FLOW_TCP      6u
#define FLOW_UDP      17u
#define FLOW_ICMP6    58u

#define FLOW_FIN 1u
#define FLOW_SYN 2u
#define FLOW_RST 4u
#define FLOW_ACK 16u

/** Who talks to whom. Addresses of IPv4 in the first four bytes, the rest is 0; all is in network order but ports. */
struct flow_key {
	uint8_t from[16], to[16];
	uint16_t from_port, to_port; /**< of ICMP's echoes: their identity, both */
	uint8_t family;		     /**< 4 or 6 */
	uint8_t protocol;
	uint16_t zero;
};

/** A frame in memory, which may be longer than one packet. */
struct flow_frame {
	uint8_t *bytes;
	uint32_t length; /**< in this packet */
	uint32_t room;	 /**< to the end of its memory */
	bool more;	 /**< it goes on elsewhere */
	bool partial;	 /**< the checksum of TCP or UDP is that of the pseudo header alone */
};

enum flow_kind {
	FLOW_STRANGE, /**< neither IPv4 nor IPv6 */
	FLOW_BAD,     /**< headers that contradict themselves */
	FLOW_TRACKED, /**< key tells the flow: TCP, UDP, echo */
	FLOW_ERROR, /**< an ICMP error; key is that of what an answer to what it is about would have */
	FLOW_FRAGMENT, /**< not the first one: key has no ports */
	FLOW_OTHER     /**< key has no ports */
};

struct flow {
	enum flow_kind kind;
	struct flow_key key;		 /**< of a FLOW_ERROR: of the answer to what it is about */
	struct flow_key outer;		 /**< of a FLOW_ERROR: its own */
	uint32_t transport;		 /**< offset in the frame; 0: none */
	uint32_t inner, inner_transport; /**< of a FLOW_ERROR; inner_transport 0: none */
	uint32_t identity;		 /**< of fragments */
	uint32_t tcp_sequence, tcp_acknowledged;
	uint8_t tcp_flags;
	bool first_fragment;
	bool request;  /**< an echo request */
	bool is_error; /**< of ICMP, also where the kind is another: it is never refused */
};

void filter_flow_read(const struct flow_frame *frame, struct flow *flow);
/** The key of answers. */
struct flow_key filter_flow_inverse(const struct flow_key *key);
bool filter_flow_same(const struct flow_key *one, const struct flow_key *other);
/**
 * Give an IPv4 frame another source or destination, with all checksums. Of an error also what it is about.
 * @param source   else: destination
 * @param address  4 bytes
 * @param port     0 to 65535; not looked at where the flow has none
 */
void filter_flow_rewrite(struct flow_frame *frame, const struct flow *flow, bool source,
			 const uint8_t *address, uint32_t port);
/**
 * Make of a frame the refusal of it: RST, or ICMP "port unreachable".
 * @param as  whom the refusal comes from and goes to, in the direction of the frame
 * @return false: it cannot be refused (an error, a RST, no room)
 */
bool filter_flow_refuse(struct flow_frame *frame, const struct flow *flow,
			const struct flow_key *as);
/** SipHash-2-4 of @p length bytes, keyed. */
uint64_t filter_flow_hash(const uint64_t secret[2], const void *bytes, uint32_t length);
#endif
