/* SPDX-License-Identifier: MIT */
/**
 * @file dma.h  Memory that a device reads and writes by itself.
 *
 * A buffer belongs to the device, not to the driver: a buffer that the driver did not
 * free is reused only after the bus has stopped the device. If that fails, the buffer
 * is never reused, and a message is logged.
 *
 * The memory is coherent: processor and device see each other's writes, in the order
 * of the accesses. banos_dma_barrier() keeps the compiler
 * from changing that order.
 */
#ifndef BANOS_DMA_H
#define BANOS_DMA_H

#include <banos/base.h>

/** Handle of a buffer. */
typedef struct banos_dma_ *banos_dma;

BANOS_BEGIN

/**
 * @brief Allocate memory for a device.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: @p device's until banos_dma_free(). The driver frees it only when the
 * device does not use it any more.
 * @param device   a device on a bus: what probe() received
 * @param size     bytes, up to 4 MiB
 * @param bits     width of the addresses that the device can access: 16 to 64
 * @param buffer   written: the handle
 * @param memory   written: its address for the driver; @p size bytes of zeroes, page-aligned
 * @param address  written: its address for the device, contiguous; page-aligned
 * @return 0, -EINVAL: an argument is wrong, or @p device is no device, -ENOMEM: none
 *	   that the device can access, -ENODEV: the device is being released
 */
BANOS_SINCE(1)
int64_t banos_dma_alloc(banos_owner device, uint64_t size, uint32_t bits, banos_dma *buffer,
			void **memory, uint64_t *address);

/**
 * @brief Free memory that the device does not use any more.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @return 0, -EINVAL: no such buffer
 */
BANOS_SINCE(1) int64_t banos_dma_free(banos_dma buffer);

BANOS_END

/**
 * @brief Order accesses: earlier ones complete, also for the device, before later ones.
 * Since 1, in this header.
 * Context: any.
 */
static inline __attribute__((unused)) void banos_dma_barrier(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

#endif
