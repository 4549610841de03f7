/* SPDX-License-Identifier: MIT */
/**
 * @file host.h  A world for the loader on the host: banos-check, tests, fuzzers.
 *
 * Memory comes from malloc, the kernel's functions have made-up addresses, and
 * drivers to import from are named by the caller.
 */
#pragma once
#include <kernel/loader.h>

#define HOST_KERNEL 0xffffffff80200000ull /* made-up address of the first function */
#define HOST_DRIVER 0xffffffffa0001000ull /* ... of a driver's memory */
#define HOST_SLOT   0xffff800001000000ull /* ... of call slots */

/** What other drivers export ("NAME", or "NAME SIGNATURE"), and names of drivers; NULL-terminated. */
struct host_world {
	const char *const *driver_exports, *const *drivers;
	long fail_alloc; /* let the n-th allocation from now on fail; 0: none */
	u64 max_pages;	 /* memory for drivers; 0: no limit */
};

/** @brief Prepare @p l for a file in memory, with the API of @p level. */
void host_loader(struct loader *l, struct host_world *world, u32 level, const void *file, u64 size,
		 const char *params);
/** @brief After loader_run(), whatever came of it: free everything. */
void host_loader_free(struct loader *l);
/** @brief The level of an API function; 0: there is none of that name. */
u32 host_api_level(const char *name);
/** @brief Made-up address of an API function. */
u64 host_api_address(const char *name);
