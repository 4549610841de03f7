/* SPDX-License-Identifier: MIT */
/**
 * @file table.h  What the parsers of partition tables have in common. Pure.
 *
 * A parser reads the disk through the functions below, and reports each partition that it finds, which
 * lies on the disk and not at its beginning (a table would find itself there for ever).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_BLOCK_MIN	 512u
#define TABLE_BLOCK_MAX	 4096u
#define TABLE_PARTS_MAX	 256u /* of one table; the others are passed over */
#define TABLE_TYPE_SIZE	 40
#define TABLE_NAME_SIZE	 112
#define TABLE_UUID_SIZE	 40
#define TABLE_GUID_BYTES 16

#define TABLE_BOOT  1u
#define TABLE_INNER 2u /* it holds further partitions of the same table and nothing else */

struct table_part {
	uint32_t number; /* from 1 on */
	uint32_t flags;	 /* TABLE_BOOT, TABLE_INNER */
	uint64_t offset, bytes;
	char type[TABLE_TYPE_SIZE]; /* texts, in UTF-8 */
	char name[TABLE_NAME_SIZE];
	char uuid[TABLE_UUID_SIZE];
};

struct table_disk {
	uint64_t bytes;
	uint32_t block_bytes;
	void *arg; /* of the functions */
	/** @return 0 or an error, which ends the search and is its result */
	int64_t (*read)(void *arg, uint64_t offset, void *to, uint64_t bytes);
	int64_t (*found)(void *arg, const struct table_part *part);
	/** May be NULL: something is wrong with the table, which is used all the same. */
	void (*warn)(void *arg, const char *text);
};

static inline uint32_t table_get16(const uint8_t *at)
{
	return at[0] | at[1] << 8;
}
static inline uint32_t table_get32(const uint8_t *at)
{
	return table_get16(at) | table_get16(at + 2) << 16;
}
static inline uint64_t table_get64(const uint8_t *at)
{
	return table_get32(at) | (uint64_t)table_get32(at + 4) << 32;
}

/** @brief Can tables be looked for there at all? */
static inline bool table_disk_valid(const struct table_disk *disk)
{
	uint32_t block = disk->block_bytes;

	return block >= TABLE_BLOCK_MIN && block <= TABLE_BLOCK_MAX && !(block & (block - 1)) &&
	       disk->bytes >= block;
}

/** @brief Write @p digits hexadecimal digits of @p value, without a NUL. @return behind them */
static inline char *table_put_hex(char *to, uint64_t value, int digits)
{
	while (digits--)
		*to++ = "0123456789abcdef"[value >> 4 * digits & 15];
	return to;
}
