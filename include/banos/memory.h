/* SPDX-License-Identifier: MIT */
/**
 * @file memory.h  Memory for drivers.
 */
#ifndef BANOS_MEMORY_H
#define BANOS_MEMORY_H

#include <banos/base.h>

/** For a context that must not sleep; the size is 2048 bytes at most. */
#define BANOS_ALLOC_ATOMIC 1u

BANOS_BEGIN

/**
 * @brief Allocate memory.
 * Since 1, provided by the kernel.
 * Context: thread; any with BANOS_ALLOC_ATOMIC.
 * Ownership: the memory is @p owner's until banos_free().
 * @param owner  the owner of the memory
 * @param size   in bytes, from 1 to 256 MiB (where the machine has as much)
 * @param flags  0 or BANOS_ALLOC_ATOMIC
 * @return @p size bytes of zeroes, 16-aligned, readable and writable; from 4096
 *	   bytes on, page-aligned. NULL: no memory, or an argument is wrong.
 */
BANOS_SINCE(1) void *banos_alloc(banos_owner owner, uint64_t size, uint32_t flags);

/**
 * @brief Free memory.
 * Since 1, provided by the kernel.
 * Context: thread; any for memory from BANOS_ALLOC_ATOMIC.
 * @param owner   as it was passed to banos_alloc()
 * @param memory  value: the one that was returned, of any size; NULL is allowed
 * @return 0, -EINVAL: @p owner does not own this, or it was freed before; -EDEADLK: under a spin lock,
 *	   for memory that was not allocated with BANOS_ALLOC_ATOMIC, where freeing it may sleep (it can be
 *	   freed later)
 */
BANOS_SINCE(1) int64_t banos_free(banos_owner owner, void *memory);

BANOS_END

#endif
