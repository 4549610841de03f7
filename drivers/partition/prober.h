/* SPDX-License-Identifier: MIT */
/**
 * @file prober.h  Between the parsers and the kernel: what main_mbr.c and main_gpt.c have in common.
 */
#pragma once
#include <banos/partition.h>
#include "table.h"

/** @brief A disk for a parser, as the kernel probes it. @return 0 or an error */
int64_t prober_disk_init(struct table_disk *table, banos_disk disk);
/** @brief Register. @p probe receives @p self as its context. */
int64_t prober_register(banos_owner self, const char *name, uint32_t rank,
			int64_t (*probe)(void *context, banos_disk disk));
