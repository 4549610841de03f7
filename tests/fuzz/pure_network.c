// SPDX-License-Identifier: MIT
/* Targets: what network cards and programs say to drivers: drivers/net/e1000/wire.c. */
#include <stdlib.h>
#include <string.h>
#include "../../drivers/net/e1000/wire.h"
#include "pure.h"

#define PARTS_MAX 8u

/* Any descriptors, and any words: of those that are believed lengths have bounds. */
static void fuzz_e1000_card(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint16_t words[E1000_EEPROM_WORDS];
	struct e1000_received received;
	uint8_t address[E1000_ADDRESS_BYTES] = { 0 };
	struct e1000_link link;

	e1000_parse_link((uint32_t)take_bytes(&bytes, 4), &link);
	require(link.is_up || !link.mbit, "a link that is down has no speed");
	for (unsigned i = 0; i < E1000_EEPROM_WORDS; i++)
		words[i] = (uint16_t)take_bytes(&bytes, 2);
	if (e1000_eeprom_address(words, address))
		require(!(address[0] & 1), "an address is that of one station");
	while (bytes.left) {
		uint64_t rest = take_bytes(&bytes, 8);
		uint32_t buffer = rest & 1 ? 1024 : 2048;
		uint8_t *frame;

		if (!e1000_parse_received(rest, buffer, &received) || received.is_wrong)
			continue;
		require(received.length && received.length <= buffer, "a length has bounds");
		frame = exact_copy(data, received.length < size ? received.length : size);
		(void)e1000_is_checked(&received, frame,
				       received.length < size ? received.length : (uint32_t)size);
		free(frame);
	}
}

/* Any frame, in any parts, with any offsets: nothing outside of it is read or written. */
static void fuzz_e1000_frame(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint32_t start = (uint32_t)take_bytes(&bytes, 2), offset = (uint32_t)take_bytes(&bytes, 2);
	struct e1000_offload offload = { .checksum_start = (uint16_t)start,
					 .checksum_offset = (uint16_t)offset,
					 .segment_bytes = (uint16_t)take_bytes(&bytes, 2),
					 .header_bytes = (uint16_t)take_bytes(&bytes, 2),
					 .is_ipv4 = take_bytes(&bytes, 1) & 1 };
	uint32_t lengths[PARTS_MAX], count = 1 + (uint32_t)take_bytes(&bytes, 1) % PARTS_MAX;
	struct e1000_part parts[PARTS_MAX];
	uint32_t total = 0;

	for (uint32_t i = 0; i < count; i++)
		lengths[i] = (uint32_t)take_bytes(&bytes, 1);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t length = lengths[i] < bytes.left ? lengths[i] : (uint32_t)bytes.left;

		parts[i] = (struct e1000_part){ exact_copy(bytes.at, length), length };
		bytes.at += length;
		bytes.left -= length;
		total += length;
	}
	if (e1000_can_checksum(parts[0].bytes, parts[0].length, start, offset))
		require(start + offset + 2 <= 255, "what a card sums fits into its offsets");
	require(e1000_fill_checksum(parts, count, start, offset) == (start + offset + 1 < total),
		"a checksum is put if it lies in the frame");
	(void)e1000_prepare_segments(parts[0].bytes, parts[0].length, &offload);
	for (uint32_t i = 0; i < count; i++)
		free(parts[i].bytes);
}

const struct fuzz_target network_targets[] = { { "e1000_card", fuzz_e1000_card },
					       { "e1000_frame", fuzz_e1000_frame },
					       { 0 } };
