/* SPDX-License-Identifier: MIT */
/**
 * @file host.h  A world for the loader on the host: banos-check, tests, fuzzers.
 *
 * Memory comes from malloc. The kernel is one of a given level of the driver API, with
 * made-up addresses, or that of an image file. Drivers to import from are named by the caller.
 */
#pragma once
#include <kernel/loader.h>

#define HOST_KERNEL 0xffffffff80200000ull /* made-up address of the first function */
#define HOST_DRIVER 0xffffffffa0001000ull /* ... of a driver's memory */
#define HOST_SLOT   0xffff800001000000ull /* ... of call slots */

/** A driver that is built into a kernel. */
struct host_driver {
	const char *name;
	struct load_export *exports;
	u32 nexports;
};

/** A kernel: what it exports, and what is built into it. Its texts are those of the image. */
struct host_kernel {
	const char *release;
	u32 level, flags; /* IMAGE_LABEL_... */
	u64 file_max, memory_max, driver_base;
	struct load_export *functions; /* the kernel's own */
	u32 nfunctions;
	struct host_driver *drivers; /* built in */
	u32 ndrivers;
	struct draft *drafts; /* the last one is none */
};

/**
 * @brief Read what an image says of itself.
 * @param file  @p size bytes, to be kept as long as @p kernel
 * @param kernel  filled; to be freed by host_kernel_free() in any case
 * @return NULL, or why not, as a sentence
 */
const char *host_kernel_read(struct host_kernel *kernel, const u8 *file, size_t size);
/** @brief Free what host_kernel_read() obtained. */
void host_kernel_free(struct host_kernel *kernel);

/** What other drivers export ("NAME", or "NAME SIGNATURE"), and names of drivers; NULL-terminated. */
struct host_world {
	const struct host_kernel *kernel; /* NULL: one of the level that is asked for */
	const char *const *driver_exports, *const *drivers;
	u64 pages_before; /* of drivers that were installed before, with a page between them */
	long fail_alloc;  /* let the n-th allocation from now on fail; 0: none */
	u64 max_pages;	  /* memory for drivers; 0: no limit */
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
