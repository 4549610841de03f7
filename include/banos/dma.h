/* SPDX-License-Identifier: MIT */
/**
 * @file dma.h  Memory that a device reads and writes by itself.
 *
 * It belongs to the device, not to the driver: a buffer that its driver left
 * behind is used for other things only after the bus made the device silent. If
 * that fails, it never is, which the log says.
 *
 * The memory is coherent: what the processor writes the device sees, and the other
 * way round, in the order of the accesses. banos_dma_barrier() keeps the compiler
 * from changing that order.
 */
#ifndef BANOS_DMA_H
#define BANOS_DMA_H

#include <banos/base.h>

/** Handle of a buffer. */
typedef struct banos_dma_ *banos_dma;

BANOS_BEGIN

/**
 * @brief Get memory for a device.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: @p device's until banos_dma_free(). The driver frees it only when the
 * device does not use it any more.
 * @param device   a device on a bus: what probe() received
 * @param size     bytes, up to 4 MiB
 * @param bits     the device can reach addresses of so many bits: 16 to 64
 * @param buffer   written: the handle
 * @param memory   written: where the driver reaches it; @p size bytes of zeroes, page-aligned
 * @param address  written: where the device reaches it, without a gap; page-aligned
 * @return 0, -EINVAL: an argument is wrong, or @p device is no device, -ENOMEM: none
 *	   that the device could reach, -ENODEV: the device is being let go
 */
BANOS_SINCE(1)
int64_t banos_dma_alloc(banos_owner device, uint64_t size, uint32_t bits, banos_dma *buffer,
			void **memory, uint64_t *address);

/**
 * @brief Give memory back that the device does not use any more.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @return 0, -EINVAL: no such buffer
 */
BANOS_SINCE(1) int64_t banos_dma_free(banos_dma buffer);

BANOS_END

/**
 * @brief What stands before it is written, and seen by the device, before what stands behind it.
 * Since 1, in this header.
 * Context: any.
 */
static inline __attribute__((unused)) void banos_dma_barrier(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

#endif
