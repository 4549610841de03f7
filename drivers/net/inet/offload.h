/* SPDX-License-Identifier: MIT */
/**
 * @file offload.h  What is left to the card of a frame that is sent: its checksum, and the cutting into segments. Pure.
 *
 * lwIP leaves a checksum 0 that it was told not to compute. Segments of one connection that are sent one behind the other, and
 * differ in nothing but what follows from that, become one frame for the card to cut: the head keeps its headers, the others
 * are bytes of TCP alone. Sources: RFC 791, RFC 768, RFC 8200, RFC 9293.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/** Where the headers of a frame are. */
struct offload {
	uint16_t transport;    /* its header */
	uint16_t field;	       /* its checksum, from there */
	uint16_t header_bytes; /* all headers of TCP; 0: UDP */
	bool six;
};

/** Frames that are joined. */
struct offload_joined {
	struct offload about;
	uint16_t segment; /* bytes of TCP in each but the last */
	uint32_t length;  /* of all */
	bool open;	  /* more may follow */
};

/**
 * @brief Does a frame lack the checksum of TCP or UDP?
 * It does not if it is a fragment, or has bytes behind the packet of IP.
 */
bool offload_find(const uint8_t *frame, uint32_t length, struct offload *about);
/** @brief Put the sum of the pseudo header in place of the checksum. */
void offload_begin(uint8_t *frame, uint32_t length, const struct offload *about);
/** @brief Is it a fragment of a segment of TCP? */
bool offload_is_fragment_of_tcp(const uint8_t *frame, uint32_t length);
/** @brief Begin with a segment of TCP. */
void offload_open(const uint8_t *frame, uint32_t length, const struct offload *about,
		  struct offload_joined *joined);
/**
 * @brief Join a segment if it may be.
 * @param head     of what was joined up to now; it is changed, but offload_close() must follow
 * @param segment  with all headers
 * @return false: it is a frame of its own
 */
bool offload_join(uint8_t *head, struct offload_joined *joined, const uint8_t *segment,
		  uint32_t length);
/** @brief Complete the headers of what was joined: lengths, the sum of the pseudo header without the length. */
void offload_close(uint8_t *head, const struct offload_joined *joined);
