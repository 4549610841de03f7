/* SPDX-License-Identifier: MIT */
/**
 * @file dma.h  Memory that a device reads and writes by itself.
 *
 * A buffer belongs to the device, not to the driver: a buffer that the driver did not
 * free is reused only after the bus has stopped the device. If that fails, the buffer
 * is never reused, and a message is logged.
 *
 * The memory is coherent: processor and device see each other's writes without any
 * flush. On x86 the processor performs its reads in program order and its writes in
 * program order; only a write may be delayed behind a later read. So
 * banos_dma_read_barrier() and banos_dma_write_barrier() only keep the compiler from
 * changing the order, and banos_dma_barrier(), which orders a write before a later
 * read, is a fence instruction. An access to a register by the functions of <banos/io.h>
 * is a write and a read barrier as well: a doorbell that is written after
 * a descriptor needs none.
 */
#ifndef BANOS_DMA_H
#define BANOS_DMA_H

#include <banos/base.h>

/** Handle of a buffer. */
typedef struct banos_dma_ *banos_dma;

/** What banos_dma_alloc() is asked for. A limit may be higher in later kernels. */
struct banos_dma_config {
	uint32_t size;
	uint32_t flags; /**< 0: no bit is defined yet */
	uint64_t
		bytes; /**< of the buffer: 1 byte to 2 MiB; as a whole: there may be none, though much is free */
	/** The device's address is a multiple of it: a power of two up to 2 MiB; 0: 64. For banos_map_dma(): 4096 or more. */
	uint64_t alignment;
	/** The buffer contains no multiple of it but at its start: a power of two, at least @p bytes; 0: any. */
	uint64_t boundary;
	/** Width of the addresses that the device can access, 16 to 64; 0: as its bus says. The lesser one counts. */
	uint32_t address_bits;
	/** Preferred memory node + 1; 0: the device's. It is a wish: a node without free memory is no error. */
	uint32_t node;
};
#define BANOS_DMA_CONFIG_SIZE_1 40u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_dma_config, node) == BANOS_DMA_CONFIG_SIZE_1, dma_config);
BANOS_ASSERT(offsetof(struct banos_dma_config, boundary) == 24, dma_config_boundary);

BANOS_BEGIN

/**
 * @brief Allocate memory for a device.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: @p device's until banos_dma_free(). The driver frees it only when the
 * device does not use it any more.
 * @param device   a device on a bus: what probe() received
 * @param config   read
 * @param buffer   written, 8 bytes: the handle
 * @param memory   written, 8 bytes: its address for the driver; config->bytes of zeroes, aligned as
 *		   for the device, up to 4096
 * @param address  written, 8 bytes: its address for the device, contiguous; not the address of
 *		   anything for the processor
 * @return 0, -EINVAL: an argument is wrong, or @p device is no device, -E2BIG: an unknown
 *	   field of @p config is not 0, -ENOMEM: none that the device can access, -ENODEV: the
 *	   device is being released
 */
BANOS_SINCE(1)
int64_t banos_dma_alloc(banos_owner device, const struct banos_dma_config *config,
			banos_dma *buffer, void **memory, uint64_t *address);

/**
 * @brief Free memory that the device does not use any more. Programs that map it lose it (<banos/map.h>).
 * Since 1, provided by the kernel.
 * Context: thread.
 * @return 0, -EINVAL: no such buffer, or it was freed before
 */
BANOS_SINCE(1) int64_t banos_dma_free(banos_dma buffer);

BANOS_END

/**
 * @brief Order reads: those before it are done before those after it.
 * Since 1, in this header.
 * Context: any.
 * For example: after a flag that the device sets last, before the data that it announces.
 */
static __inline__ __attribute__((unused)) void banos_dma_read_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

/**
 * @brief Order writes: those before it are seen by the device before those after it.
 * Since 1, in this header.
 * Context: any.
 * For example: after a descriptor, before the flag or index that gives it to the device.
 */
static __inline__ __attribute__((unused)) void banos_dma_write_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

/**
 * @brief Order all accesses: those before it are done, also for the device, before those after it.
 * Since 1, in this header.
 * Context: any.
 * Needed only where a write must be seen by the device before a later read is done: after
 * an index that gives descriptors to the device, before the flag that tells whether
 * the device wants to be notified of them.
 */
static __inline__ __attribute__((unused)) void banos_dma_barrier(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

#endif
