/* SPDX-License-Identifier: MIT */
/**
 * @file map.h  What a program sees where it maps a device: for the method map().
 *
 * Exactly one of these functions must have succeeded when map() returns 0.
 *
 * The memory of a device, and DMA memory, belong to the device; programs that map them are
 * no reason to keep either. A mapping is revoked when
 *   - the device is released: it was unplugged, or its driver is removed;
 *   - the file's character device is withdrawn;
 *   - banos_dma_free() is called, before it returns.
 * From then on a program that touches the mapping receives SIGBUS. A driver that wants
 * the program to go on must therefore keep the buffer. The driver is not told when a
 * program unmaps; the file that was mapped stays open until then.
 *
 * A private mapping (MAP_PRIVATE) shows the device until the program writes to a page, and a
 * copy of that page from then on, as on Linux. fork() shares what is mapped.
 */
#ifndef BANOS_MAP_H
#define BANOS_MAP_H

#include <banos/dma.h>
#include <banos/user.h>

/* How processors cache what they access through a mapping. */
#define BANOS_MAP_UNCACHED 0u /**< each access happens as it is written */
#define BANOS_MAP_COMBINE  1u /**< writes may be joined and delayed: for frame buffers */

BANOS_BEGIN

/**
 * @brief The program receives memory of its own that is filled with zeroes, as from /dev/zero.
 * Since 1, provided by the kernel.
 * Context: the method map() that received @p call.
 * fork() does with it what it does with the program's other memory.
 * @return 0, -EINVAL: @p call is not that of a map() that runs in this thread for this driver, or
 *	   what is mapped was stated before
 */
BANOS_SINCE(1) int64_t banos_map_zero(banos_call call);

/**
 * @brief The program receives memory of a device, as much of it as it asks for.
 * Since 1, provided by the kernel.
 * Context: the method map() that received @p call.
 * @param device   the owner that probe() received
 * @param index    number of a resource of kind BANOS_RESOURCE_MEMORY (<banos/bus.h>)
 * @param offset   in bytes from the start of the resource, of what the mapping begins with: a
 *		   multiple of 4096
 * @param caching  BANOS_MAP_UNCACHED or BANOS_MAP_COMBINE: the same as where banos_mmio_map()
 *		   has mapped a page of it, and for all programs
 * @return 0, -EINVAL: as for banos_map_zero(), or an argument is wrong, or the resource does not
 *	   begin at a multiple of 4096, -ENXIO: the program asks for more than there is, -EPERM:
 *	   a page holds what the bus has reserved (struct banos_resource), -EBUSY: a page is
 *	   mapped with other caching, -ENODEV: the device is being released, -ENOMEM
 */
BANOS_SINCE(1)
int64_t banos_map_resource(banos_call call, banos_owner device, uint32_t index, uint64_t offset,
			   uint32_t caching);

/**
 * @brief The program receives a buffer that banos_dma_alloc() allocated, as much of it as it asks for.
 * Since 1, provided by the kernel.
 * Context: the method map() that received @p call.
 * @param buffer  allocated with an alignment of 4096 or more; its size counts in whole pages, all of
 *		  which programs may see
 * @param offset  in bytes from its start, of what the mapping begins with: a multiple of 4096
 * @return 0, -EINVAL: as for banos_map_zero(), or an argument is wrong, -ENXIO: the program asks
 *	   for more than there is, -ENODEV: the buffer or its device is being released, -ENOMEM
 */
BANOS_SINCE(1) int64_t banos_map_dma(banos_call call, banos_dma buffer, uint64_t offset);

BANOS_END

#endif
