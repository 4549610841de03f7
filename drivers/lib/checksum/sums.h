/* SPDX-License-Identifier: MIT */
/** @file sums.h  The sums themselves. Pure. */
#pragma once
#include <stdint.h>

#define CRC_SLICES 8

/** Table [n][b]: what byte b does to the sum when n bytes follow it. */
struct crc_table {
	uint32_t slice[CRC_SLICES][256];
};
#define CRC32_POLYNOMIAL  0xedb88320u /* reflected */
#define CRC32C_POLYNOMIAL 0x82f63b78u

void crc_table_fill(struct crc_table *table, uint32_t polynomial);
/** @brief Continue @p before, the sum of what lies in front; 0: nothing. */
uint32_t crc_update(const struct crc_table *table, uint32_t before, const uint8_t *data,
		    uint64_t bytes);
/** @brief The same of Adler-32; 1: nothing lies in front. Any 32 bits are taken as a sum. */
uint32_t adler_update(uint32_t before, const uint8_t *data, uint64_t bytes);
