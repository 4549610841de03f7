/* SPDX-License-Identifier: MIT */
/**
 * @file memory.h  Memory for drivers.
 */
#ifndef BANOS_MEMORY_H
#define BANOS_MEMORY_H

#include <banos/base.h>

/** In a context that may not sleep; the size is 2048 bytes at most. */
#define BANOS_ALLOC_ATOMIC 1u

BANOS_BEGIN

/**
 * @brief Get memory.
 * Since 1, provided by the kernel.
 * Context: thread; any with BANOS_ALLOC_ATOMIC.
 * Ownership: the memory is @p owner's until banos_free().
 * @param owner  who owns it
 * @param size   in bytes, from 1 to 256 MiB
 * @param flags  0 or BANOS_ALLOC_ATOMIC
 * @return @p size bytes of zeroes, 16-aligned, readable and writable; from 4096
 *	   bytes on, page-aligned. NULL: no memory, or an argument is wrong.
 */
BANOS_SINCE(1) void *banos_alloc(banos_owner owner, uint64_t size, uint32_t flags);

/**
 * @brief Give memory back.
 * Since 1, provided by the kernel.
 * Context: thread; any for memory from BANOS_ALLOC_ATOMIC.
 * @param owner   as it was given to banos_alloc()
 * @param memory  the value that was returned, of whatever size, or NULL, which is fine
 * @return 0, -EINVAL: @p owner does not own this (it is said in the log, too)
 */
BANOS_SINCE(1) int64_t banos_free(banos_owner owner, void *memory);

BANOS_END

#endif
