/* SPDX-License-Identifier: MIT */
/**
 * @file wire.h  What a card and its driver write for each other: descriptors, filters, words of the EEPROM. Pure.
 *
 * Sending: a frame is one or more descriptors of data. A descriptor of context in front of them tells the card where
 * it puts a checksum, and how it cuts the frame in segments; it is valid until the next one. Receiving: the plain
 * descriptors, which both cards have.
 *
 * Sources: 8254x Software Developer's Manual, 3.2.3 (receiving), 3.3.6 and 3.3.7 (sending), 5.6 (EEPROM), 13.5.1 (filter);
 * 82574L data sheet, 7.
 */
#ifndef E1000_WIRE_H
#define E1000_WIRE_H

#include <stdint.h>

#define E1000_ADDRESS_BYTES  6u
#define E1000_ETHERNET_BYTES 14u

/** A descriptor, in memory as the card reads it: little endian. */
struct e1000_descriptor {
	uint64_t address; /* of data */
	uint64_t rest;
};

/* ---- sending ---- */

#define E1000_PIECE_MAX \
	4096u /* bytes of a descriptor of data: what all cards of this family accept */

/** What a descriptor of context is about. All zeroes: there is none. */
struct e1000_offload {
	uint16_t checksum_start, checksum_offset; /* from the frame's start; from there */
	uint16_t segment_bytes;			  /* 0: the frame is not cut */
	uint16_t header_bytes;			  /* of all headers, if it is */
	uint32_t payload_bytes;			  /* behind them, if it is */
	uint8_t is_ipv4;			  /* if it is */
};

/** Can the card put this checksum? Cards know TCP and UDP over IP, near the start of a frame. */
int e1000_can_checksum(const uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset);

/**
 * @brief Put the Internet checksum into a frame whose bytes lie in several places, as BANOS_PACKET_PARTIAL says.
 * @param parts    @p count places
 * @return 0: the checksum's place is not in the frame
 */
struct e1000_part {
	uint8_t *bytes;
	uint32_t length;
};
int e1000_fill_checksum(const struct e1000_part *parts, uint32_t count, uint32_t start,
			uint32_t offset);

/**
 * @brief Prepare the headers of a frame to be cut: the card fills in lengths and checksums of each segment.
 * @param frame   its headers, written
 * @param length  bytes that are there
 * @return 0: it is no such frame
 */
int e1000_prepare_segments(uint8_t *frame, uint32_t length, const struct e1000_offload *offload);

/** Descriptors that so many bytes take. */
static inline uint32_t e1000_pieces(uint32_t length)
{
	return (length + E1000_PIECE_MAX - 1) / E1000_PIECE_MAX;
}

struct e1000_descriptor e1000_make_context(const struct e1000_offload *offload);

/**
 * @param length   1 to E1000_PIECE_MAX
 * @param is_last  of its frame: the card reports it
 */
struct e1000_descriptor e1000_make_data(uint64_t address, uint32_t length,
					const struct e1000_offload *offload, uint32_t is_last);

/** Was it sent? @param rest  the descriptor's, read once */
static inline int e1000_is_done(uint64_t rest)
{
	return rest >> 32 & 1;
}

/* ---- receiving ---- */

/** What a card says of a buffer. */
struct e1000_received {
	uint32_t length;
	uint32_t is_end;		      /* of a frame */
	uint32_t is_wrong;		      /* the frame is damaged, or the length cannot be */
	uint32_t is_ip_good, is_payload_good; /* checksums; at the frame's end */
};

/**
 * @brief Read a descriptor whose buffer the card has filled.
 * @param rest          the descriptor's, read once
 * @param buffer_bytes  that the card was told of
 * @return 0: the card still has it
 */
int e1000_parse_received(uint64_t rest, uint32_t buffer_bytes, struct e1000_received *received);

/** Are all checksums of this frame good? @param frame  its first @p length bytes */
int e1000_is_checked(const struct e1000_received *received, const uint8_t *frame, uint32_t length);

/* ---- filter ---- */

#define E1000_EXACT_MAX \
	14u /* groups that have an address register; the first is the own, the last the firmware's */
#define E1000_HASH_WORDS 128u /* others: a bit by hash */

/** Which groups are received. */
struct e1000_filter {
	uint32_t exact;					      /* how many */
	uint32_t low[E1000_EXACT_MAX], high[E1000_EXACT_MAX]; /* as their registers have them */
	uint32_t hashed[E1000_HASH_WORDS];
};

/** @param groups  @p count addresses, each @p stride bytes behind the former */
void e1000_make_filter(struct e1000_filter *filter, const uint8_t *groups, uint32_t count,
		       uint32_t stride);
uint32_t e1000_hash(const uint8_t *address);
uint32_t e1000_address_low(const uint8_t *address);
uint32_t e1000_address_high(const uint8_t *address);

/* ---- EEPROM ---- */

#define E1000_EEPROM_WORDS 64u

/** How the register to read it with is laid out. */
struct e1000_eeprom_layout {
	uint32_t word_shift, done;
};
extern const struct e1000_eeprom_layout e1000_eeprom_82540, e1000_eeprom_82574;

/** What is written to read a word. */
uint32_t e1000_eeprom_request(const struct e1000_eeprom_layout *layout, uint32_t word);
/** @return the word, or -1: it was not read yet */
int32_t e1000_eeprom_answer(const struct e1000_eeprom_layout *layout, uint32_t value);
/**
 * @brief Check words, and get the address that they begin with.
 * @param words  E1000_EEPROM_WORDS
 * @return 0: their sum or the address is wrong, and @p address was not written
 */
int e1000_eeprom_address(const uint16_t *words, uint8_t *address);
/** An address from its registers. @return 0: it is none */
int e1000_register_address(uint32_t low, uint32_t high, uint8_t *address);

/* ---- link ---- */

struct e1000_link {
	uint32_t is_up, mbit, is_full_duplex;
};
/** @param status  the register */
void e1000_parse_link(uint32_t status, struct e1000_link *link);

#endif
