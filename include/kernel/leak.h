/* SPDX-License-Identifier: MIT */
/** @file leak.h  What was allocated and is reachable from nowhere (CONFIG_DEBUG_HEAP). */
#pragma once
#include <kernel/types.h>

#define LEAK_SITES_MAX 32
struct leak_report {
	u64 objects, bytes; /* live ones that were checked */
	u64 leaked_objects, leaked_bytes;
	u32 nr_sites; /* what does not fit is in the sums alone */
	struct leak_site {
		u64 ip, objects, bytes, example;
	} sites[LEAK_SITES_MAX]; /* by the code that allocated */
};
/** Calls @p look for memory that no pointer leads to and that has pointers: the used part of stacks. */
typedef void (*leak_roots)(void (*look)(void *ctx, u64 start, u64 len), void *ctx);
/**
 * @brief Search all memory of the kernel for pointers to each live object of the heap and
 * each kernel range. Takes a while, in which the rest of the system runs. Sleeps.
 * @return 0 or -ENOMEM
 */
int __must_check leak_search(struct leak_report *out, leak_roots roots);
