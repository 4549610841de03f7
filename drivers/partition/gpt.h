/* SPDX-License-Identifier: MIT */
/** @file gpt.h  GUID partition tables. Pure. */
#pragma once
#include "table.h"

/** Room for gpt_parse(), which needs nothing of it before and leaves nothing in it. */
struct gpt_work {
	uint8_t block[TABLE_BLOCK_MAX]; /* a header, or a piece of the array */
	uint8_t entry[TABLE_BLOCK_MAX];
	struct table_part part;
};

/** CRC-32 of <banos/checksum.h>; below 0: an error, which ends the search and is its result. */
typedef int64_t (*gpt_crc_fn)(uint32_t before, const void *data, uint64_t bytes);

/** @return 1: it is such a table, 0: it is none; or an error of the disk's functions */
int64_t gpt_parse(const struct table_disk *disk, gpt_crc_fn crc, struct gpt_work *work);
