/* SPDX-License-Identifier: MIT */
/* What a card and its driver write for each other: wire.h. */
#include <stddef.h>
#include "wire.h"

#define BIT64(n) (UINT64_C(1) << (n))

static uint16_t wire_get16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

static void wire_put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

/* ---- sending ---- */

/* The upper half of a descriptor: its command begins at bit 24. */
#define COMMAND_END	BIT64(24) /* of a frame */
#define COMMAND_SUMS	BIT64(25) /* of the Ethernet frame itself */
#define COMMAND_CUT	BIT64(26)
#define COMMAND_REPORT	BIT64(27)
#define COMMAND_TYPED	BIT64(29) /* not a plain descriptor */
#define TYPE_DATA	BIT64(20)
#define CONTEXT_TCP	BIT64(24)
#define CONTEXT_IPV4	BIT64(25)
#define OPTION_IP	BIT64(40)
#define OPTION_PAYLOAD	BIT64(41)
#define HEADER_SHIFT	40
#define SEGMENT_SHIFT	48
#define OFFSETS_END	0xffu /* they have eight bits */
#define TYPE_IPV4	0x0800u
#define TYPE_IPV6	0x86ddu
#define AT_TYPE		12u
#define CHECKSUM_BYTES	2u
#define TCP_CHECKSUM_AT 16u
#define UDP_CHECKSUM_AT 6u
#define TCP_LEAST	20u
#define IPV4_LEAST	20u
#define IPV4_LENGTH_AT	2u
#define IPV4_SUM_AT	10u
#define IPV6_BYTES	40u
#define IPV6_LENGTH_AT	4u
#define PROTOCOL_TCP	6u
#define IPV4_ADDRESSES	12u
#define IPV6_ADDRESSES	8u

int e1000_can_checksum(const uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset)
{
	uint32_t type;

	if (length < E1000_ETHERNET_BYTES || start < E1000_ETHERNET_BYTES ||
	    start + offset + CHECKSUM_BYTES > OFFSETS_END)
		return 0;
	type = wire_get16(frame + AT_TYPE);
	return (type == TYPE_IPV4 || type == TYPE_IPV6) &&
	       (offset == TCP_CHECKSUM_AT || offset == UDP_CHECKSUM_AT);
}

/* The sum of some bytes, of which the first is the upper one of a pair if @is_odd is 0. */
static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, uint32_t length, uint32_t is_odd)
{
	for (uint32_t i = 0; i < length; i++) {
		if ((i + is_odd) & 1)
			sum += bytes[i];
		else
			sum += (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint8_t *part_byte(const struct e1000_part *parts, uint32_t count, uint32_t at)
{
	for (uint32_t i = 0; i < count; i++) {
		if (at < parts[i].length)
			return parts[i].bytes + at;
		at -= parts[i].length;
	}
	return NULL;
}

int e1000_fill_checksum(const struct e1000_part *parts, uint32_t count, uint32_t start,
			uint32_t offset)
{
	uint8_t *high = part_byte(parts, count, start + offset),
		*low = part_byte(parts, count, start + offset + 1);
	uint32_t sum = 0, begin = 0;

	if (!high || !low)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t skip = 0;

		if (start > begin)
			skip = start - begin;
		if (skip < parts[i].length)
			sum = sum_add(sum, parts[i].bytes + skip, parts[i].length - skip,
				      (begin + skip - start) & 1);
		begin += parts[i].length;
	}
	sum = ~sum & 0xffff;
	if (!sum && offset == UDP_CHECKSUM_AT) /* there, zero means that there is none */
		sum = 0xffff;
	*high = (uint8_t)(sum >> 8);
	*low = (uint8_t)sum;
	return 1;
}

/* The card adds each segment's length to the sum of the pseudo header. */
static void segments_put_sum(uint8_t *frame, uint32_t start, const uint8_t *addresses,
			     uint32_t bytes)
{
	uint32_t sum = sum_add(PROTOCOL_TCP, addresses, bytes, 0);

	wire_put16(frame + start + TCP_CHECKSUM_AT, sum);
}

int e1000_prepare_segments(uint8_t *frame, uint32_t length, const struct e1000_offload *offload)
{
	uint32_t start = offload->checksum_start, type = TYPE_IPV6,
		 least = E1000_ETHERNET_BYTES + IPV6_BYTES;
	uint8_t *ip = frame + E1000_ETHERNET_BYTES;

	if (offload->is_ipv4) {
		type = TYPE_IPV4;
		least = E1000_ETHERNET_BYTES + IPV4_LEAST;
	}
	if (start < least || offload->checksum_offset != TCP_CHECKSUM_AT ||
	    offload->header_bytes < start + TCP_LEAST || offload->header_bytes > OFFSETS_END ||
	    length < offload->header_bytes || !offload->segment_bytes ||
	    wire_get16(frame + AT_TYPE) != type)
		return 0;
	if (offload->is_ipv4) {
		wire_put16(ip + IPV4_LENGTH_AT, 0);
		wire_put16(ip + IPV4_SUM_AT, 0);
		segments_put_sum(frame, start, ip + IPV4_ADDRESSES, 8);
	} else {
		wire_put16(ip + IPV6_LENGTH_AT, 0);
		segments_put_sum(frame, start, ip + IPV6_ADDRESSES, 32);
	}
	return 1;
}

struct e1000_descriptor e1000_make_context(const struct e1000_offload *offload)
{
	uint64_t start = offload->checksum_start, at = start + offload->checksum_offset;
	struct e1000_descriptor context = {
		/* The checksum of IP's header: where it begins, is put, and ends. */
		.address = E1000_ETHERNET_BYTES | (E1000_ETHERNET_BYTES + IPV4_SUM_AT) << 8 |
			   (start - 1) << 16 | start << 32 | at << 40,
		.rest = COMMAND_TYPED,
	};

	if (offload->checksum_offset == TCP_CHECKSUM_AT)
		context.rest |= CONTEXT_TCP;
	if (!offload->segment_bytes)
		return context;
	if (offload->is_ipv4)
		context.rest |= CONTEXT_IPV4;
	context.rest |= COMMAND_CUT | (offload->payload_bytes & 0xfffff) |
			(uint64_t)offload->header_bytes << HEADER_SHIFT |
			(uint64_t)offload->segment_bytes << SEGMENT_SHIFT;
	return context;
}

struct e1000_descriptor e1000_make_data(uint64_t address, uint32_t length,
					const struct e1000_offload *offload, uint32_t is_last)
{
	struct e1000_descriptor data = {
		.address = address,
		.rest = COMMAND_TYPED | COMMAND_SUMS | TYPE_DATA | length,
	};

	if (is_last)
		data.rest |= COMMAND_END | COMMAND_REPORT;
	if (offload->checksum_start)
		data.rest |= OPTION_PAYLOAD;
	if (offload->segment_bytes)
		data.rest |= COMMAND_CUT;
	if (offload->segment_bytes && offload->is_ipv4)
		data.rest |= OPTION_IP;
	return data;
}

/* ---- receiving ---- */

#define STATUS_DONE	 BIT64(32)
#define STATUS_END	 BIT64(33)
#define STATUS_UNCHECKED BIT64(34)
#define STATUS_UDP	 BIT64(36)
#define STATUS_TCP	 BIT64(37)
#define STATUS_IP	 BIT64(38)
#define ERROR_FRAME	 (BIT64(40) | BIT64(41) | BIT64(42) | BIT64(44) | BIT64(47))
#define ERROR_PAYLOAD	 BIT64(45)
#define ERROR_IP	 BIT64(46)

int e1000_parse_received(uint64_t rest, uint32_t buffer_bytes, struct e1000_received *received)
{
	*received = (struct e1000_received){ 0 };
	if (!(rest & STATUS_DONE))
		return 0;
	received->length = rest & 0xffff;
	received->is_end = (rest & STATUS_END) != 0;
	received->is_wrong = !received->length || received->length > buffer_bytes ||
			     (rest & ERROR_FRAME && received->is_end);
	if (rest & STATUS_UNCHECKED)
		return 1;
	received->is_ip_good = rest & STATUS_IP && !(rest & ERROR_IP);
	received->is_payload_good = rest & (STATUS_UDP | STATUS_TCP) &&
				    !(rest & (ERROR_PAYLOAD | ERROR_IP));
	return 1;
}

/* Of IPv6 there is no checksum; a card that says nothing of that of IPv4 has not looked. */
int e1000_is_checked(const struct e1000_received *received, const uint8_t *frame, uint32_t length)
{
	uint32_t type;

	if (!received->is_payload_good || length < E1000_ETHERNET_BYTES)
		return 0;
	type = wire_get16(frame + AT_TYPE);
	return (type == TYPE_IPV4 && received->is_ip_good) || type == TYPE_IPV6;
}

/* ---- filter ---- */

uint32_t e1000_address_low(const uint8_t *address)
{
	return address[0] | (uint32_t)address[1] << 8 | (uint32_t)address[2] << 16 |
	       (uint32_t)address[3] << 24;
}

uint32_t e1000_address_high(const uint8_t *address)
{
	return address[4] | (uint32_t)address[5] << 8;
}

uint32_t e1000_hash(const uint8_t *address)
{
	return (uint32_t)address[4] >> 4 | (uint32_t)address[5] << 4;
}

void e1000_make_filter(struct e1000_filter *filter, const uint8_t *groups, uint32_t count,
		       uint32_t stride)
{
	*filter = (struct e1000_filter){ 0 };
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *group = groups + (uint64_t)i * stride;
		uint32_t hash = e1000_hash(group);

		if (filter->exact < E1000_EXACT_MAX) {
			filter->low[filter->exact] = e1000_address_low(group);
			filter->high[filter->exact++] = e1000_address_high(group);
		} else {
			filter->hashed[hash / 32] |= 1u << hash % 32;
		}
	}
}

/* ---- EEPROM ---- */

#define EEPROM_START 1u
#define EEPROM_SUM   0xbabau

const struct e1000_eeprom_layout e1000_eeprom_82540 = { .word_shift = 8, .done = 1u << 4 };
const struct e1000_eeprom_layout e1000_eeprom_82574 = { .word_shift = 2, .done = 1u << 1 };

uint32_t e1000_eeprom_request(const struct e1000_eeprom_layout *layout, uint32_t word)
{
	return word << layout->word_shift | EEPROM_START;
}

int32_t e1000_eeprom_answer(const struct e1000_eeprom_layout *layout, uint32_t value)
{
	if (!(value & layout->done))
		return -1;
	return (int32_t)(value >> 16);
}

/* One station's, and not all zeroes. */
static int address_is_usable(const uint8_t *address)
{
	uint32_t any = 0;

	for (uint32_t i = 0; i < E1000_ADDRESS_BYTES; i++)
		any |= address[i];
	return any && !(address[0] & 1);
}

int e1000_eeprom_address(const uint16_t *words, uint8_t *address)
{
	uint8_t found[E1000_ADDRESS_BYTES];
	uint32_t sum = 0;

	for (uint32_t i = 0; i < E1000_EEPROM_WORDS; i++)
		sum += words[i];
	for (uint32_t i = 0; i < E1000_ADDRESS_BYTES; i++)
		found[i] = (uint8_t)(words[i / 2] >> 8 * (i & 1));
	if ((sum & 0xffff) != EEPROM_SUM || !address_is_usable(found))
		return 0;
	for (uint32_t i = 0; i < E1000_ADDRESS_BYTES; i++)
		address[i] = found[i];
	return 1;
}

int e1000_register_address(uint32_t low, uint32_t high, uint8_t *address)
{
	uint8_t found[E1000_ADDRESS_BYTES];

	for (uint32_t i = 0; i < 4; i++)
		found[i] = (uint8_t)(low >> 8 * i);
	found[4] = (uint8_t)high;
	found[5] = (uint8_t)(high >> 8);
	if (!(high >> 31) || !address_is_usable(found))
		return 0;
	for (uint32_t i = 0; i < E1000_ADDRESS_BYTES; i++)
		address[i] = found[i];
	return 1;
}

/* ---- link ---- */

#define LINK_FULL_DUPLEX 1u
#define LINK_UP		 2u
#define LINK_SPEED_SHIFT 6

void e1000_parse_link(uint32_t status, struct e1000_link *link)
{
	static const uint32_t speeds[4] = { 10, 100, 1000, 1000 };

	*link = (struct e1000_link){ .is_up = (status & LINK_UP) != 0 };
	if (status == UINT32_MAX) /* it was unplugged */
		*link = (struct e1000_link){ 0 };
	if (!link->is_up)
		return;
	link->mbit = speeds[status >> LINK_SPEED_SHIFT & 3];
	link->is_full_duplex = status & LINK_FULL_DUPLEX;
}
