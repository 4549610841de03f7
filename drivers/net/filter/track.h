/* SPDX-License-Identifier: MIT */
/**
 * @file track.h  Connections: a bounded table, their states, their translations. Pure.
 *
 * A connection is known by four keys: how each of its two directions arrives (WAY), and how it is between the translation of its
 * destination and that of its source (MIDDLE). Without translation these are the same.
 */
#ifndef FILTER_TRACK_H
#define FILTER_TRACK_H
#include "flow.h"

#define TRACK_WAY    0u /**< where frames arrive: translations were not made yet */
#define TRACK_MIDDLE 2u /**< elsewhere */
#define TRACK_NONE   0xffffffffu

enum track_state {
	TRACK_NEW,	/**< seen in one direction; of TCP: a SYN */
	TRACK_ANSWERED, /**< in both; of TCP: a SYN of each side */
	TRACK_ESTABLISHED,
	TRACK_CLOSING, /**< one side has sent a FIN */
	TRACK_ENDED,   /**< both have */
	TRACK_RESET,
	TRACK_STATES
};

struct track {
	struct flow_key keys[4]; /**< TRACK_WAY + direction, TRACK_MIDDLE + direction */
	uint32_t next[4];	 /**< in the lists of the table */
	uint64_t expires_ns, created_ns;
	uint64_t frames[2];
	uint32_t newer, older; /**< of those without an answer, or of the free ones: newer */
	uint8_t state;	       /**< enum track_state */
	uint8_t fins, known;   /**< bits by direction; known: expected is */
	uint32_t expected[2];  /**< of TCP: the sequence number that is next, by direction */
	bool used, replied, confirmed, translates;
	bool listed;				  /**< among those without an answer */
	bool source_decided, destination_decided; /**< the rules of translation were asked */
};

struct track_table {
	struct track *tracks;
	uint32_t *heads;
	uint32_t max; /**< a power of two; as many heads */
	uint32_t count, refused, evicted;
	uint32_t free;		 /**< by newer */
	uint32_t oldest, newest; /**< without an answer */
	uint32_t swept;		 /**< where the next look for those that have expired begins */
	uint64_t secret[2];
	uint64_t picks; /**< ports that were chosen */
};

void track_init(struct track_table *table);
/**
 * @param kind  TRACK_WAY or TRACK_MIDDLE
 * @return the connection; TRACK_NONE
 */
uint32_t track_find(struct track_table *table, const struct flow_key *key, uint32_t kind,
		    uint64_t now_ns, uint32_t *direction);
/** @return a new one; TRACK_NONE: the table is full, or such a frame begins none */
uint32_t track_begin(struct track_table *table, const struct flow *flow, uint64_t now_ns);
/** A frame of it was seen. @return false: it does not fit to the connection */
bool track_advance(struct track_table *table, uint32_t number, uint32_t direction,
		   const struct flow *flow, uint64_t now_ns);
/** Could track_advance() have said true of it? For a frame that has come further. */
bool track_fits(const struct track_table *table, uint32_t number, uint32_t direction,
		const struct flow *flow);
/** It is over, and such a frame begins another one of the same ports. */
bool track_is_renewed(const struct track_table *table, uint32_t number, const struct flow *flow);
void track_end(struct track_table *table, uint32_t number);
/** Translate the source or the destination of a new connection. @return false: no port is free */
bool track_translate(struct track_table *table, uint32_t number, bool source,
		     const uint8_t *address, uint32_t port);
/** End some of those that have expired; to be called now and then. */
void track_sweep(struct track_table *table, uint64_t now_ns, uint32_t count);
#endif
