/* SPDX-License-Identifier: MIT */
/** @file mbr.h  Partition tables of PCs: the master boot record. Pure. */
#pragma once
#include "table.h"

/** Room for mbr_parse(), which needs nothing of it before and leaves nothing in it. */
struct mbr_work {
	uint8_t block[TABLE_BLOCK_MAX];
	uint64_t visited[TABLE_PARTS_MAX]; /* blocks of the chain so far */
	struct table_part part;
};

/** @return 1: it is such a table, 0: it is none; or an error of the disk's functions */
int64_t mbr_parse(const struct table_disk *disk, struct mbr_work *work);
