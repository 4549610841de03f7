// SPDX-License-Identifier: MIT
/*
 * CRC-32, CRC-32C and Adler-32.
 *
 * The CRCs are reflected, begin with all ones and end inverted. Eight bytes are taken
 * at a time: the table of each says what its byte contributes at its distance from the end
 * ("slicing by 8", Kounavis and Berry 2005); the tables are computed once.
 *
 * Adler's sums are reduced only as often as 32 bits demand (RFC 1950, section 9).
 */
#include "sums.h"

#define ADLER_PRIME 65521u
#define ADLER_RUN   5552u /* the most bytes for which both sums stay below 2^32 */

void crc_table_fill(struct crc_table *table, uint32_t polynomial)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t sum = byte;

		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (polynomial & -(sum & 1));
		table->slice[0][byte] = sum;
	}
	for (int n = 1; n < CRC_SLICES; n++)
		for (uint32_t byte = 0; byte < 256; byte++) {
			uint32_t sum = table->slice[n - 1][byte];

			table->slice[n][byte] = sum >> 8 ^ table->slice[0][sum & 0xff];
		}
}

static uint32_t crc_eight(const struct crc_table *table, uint32_t sum, const uint8_t *data)
{
	uint32_t first = data[0] | data[1] << 8 | data[2] << 16 | (uint32_t)data[3] << 24;

	sum ^= first;
	return table->slice[7][sum & 0xff] ^ table->slice[6][sum >> 8 & 0xff] ^
	       table->slice[5][sum >> 16 & 0xff] ^ table->slice[4][sum >> 24] ^
	       table->slice[3][data[4]] ^ table->slice[2][data[5]] ^ table->slice[1][data[6]] ^
	       table->slice[0][data[7]];
}

uint32_t crc_update(const struct crc_table *table, uint32_t before, const uint8_t *data,
		    uint64_t bytes)
{
	uint32_t sum = ~before;

	for (; bytes >= CRC_SLICES; bytes -= CRC_SLICES, data += CRC_SLICES)
		sum = crc_eight(table, sum, data);
	for (uint64_t i = 0; i < bytes; i++)
		sum = sum >> 8 ^ table->slice[0][(sum ^ data[i]) & 0xff];
	return ~sum;
}

uint32_t adler_update(uint32_t before, const uint8_t *data, uint64_t bytes)
{
	uint32_t low = (before & 0xffff) % ADLER_PRIME, high = (before >> 16) % ADLER_PRIME;

	while (bytes) {
		uint64_t run = bytes;

		if (run > ADLER_RUN)
			run = ADLER_RUN;
		for (uint64_t i = 0; i < run; i++) {
			low += data[i];
			high += low;
		}
		low %= ADLER_PRIME;
		high %= ADLER_PRIME;
		data += run;
		bytes -= run;
	}
	return high << 16 | low;
}
