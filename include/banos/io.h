/* SPDX-License-Identifier: MIT */
/**
 * @file io.h  Registers of devices: in memory, and behind I/O ports.
 *
 * A driver of a device may access only the resources that the device's bus reports
 * (banos_resource_get()). A driver that serves no bus may access any physical address
 * that is neither memory nor used by the kernel, and any port that has no owner.
 *
 * A read from a device that was unplugged returns all bits set.
 */
#ifndef BANOS_IO_H
#define BANOS_IO_H

#include <banos/base.h>

/** Handle of a mapping. */
typedef struct banos_mmio_ *banos_mmio;
/** Handle of a range of ports. */
typedef struct banos_ports_ *banos_ports;

/** Writes may be joined and delayed: for frame buffers. Without it every access happens as it is written. */
#define BANOS_MMIO_COMBINE 1u

BANOS_BEGIN

/**
 * @brief Map registers of a device.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_mmio_unmap().
 * @param owner    a device, or the driver
 * @param address  physical; need not be aligned
 * @param length   bytes, up to 1 GiB
 * @param flags    0 or BANOS_MMIO_COMBINE
 * @param mapping  written: the handle
 * @param memory   written: its address; @p length bytes for banos_mmio_read32() and so on
 * @return 0, -EPERM: @p owner has no right to these addresses, -EINVAL: an argument is
 *	   wrong, -ENOMEM, -ENODEV: @p owner is being removed
 */
BANOS_SINCE(1)
int64_t banos_mmio_map(banos_owner owner, uint64_t address, uint64_t length, uint32_t flags,
		       banos_mmio *mapping, void **memory);

/**
 * @brief Remove a mapping.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @return 0, -EINVAL: no such mapping
 */
BANOS_SINCE(1) int64_t banos_mmio_unmap(banos_mmio mapping);

/**
 * @brief Claim the exclusive use of I/O ports.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_ports_release().
 * @param owner  a device, or the driver
 * @param first  number of the first port
 * @param count  how many
 * @param ports  written: the handle
 * @return 0, -EBUSY: another driver or the kernel uses one of them, -EPERM:
 *	   @p owner is a device that has no right to them, -EINVAL: beyond port 65535,
 *	   -ENOMEM, -ENODEV: @p owner is being removed
 */
BANOS_SINCE(1)
int64_t banos_ports_claim(banos_owner owner, uint32_t first, uint32_t count, banos_ports *ports);

/**
 * @brief Release ports.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @return 0, -EINVAL: no such handle
 */
BANOS_SINCE(1) int64_t banos_ports_release(banos_ports ports);

/**
 * @brief Read a port.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param offset  from the first port of the range
 * @param bytes   1, 2 or 4
 * @return the value, from 0 to 2^32 - 1; -EINVAL: no such handle, or beyond its range
 */
BANOS_SINCE(1) int64_t banos_port_read(banos_ports ports, uint32_t offset, uint32_t bytes);

/**
 * @brief Write to a port.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param offset  from the first port of the range
 * @param bytes   1, 2 or 4
 * @param value   its low bytes are written
 * @return 0, -EINVAL: no such handle, or beyond its range
 */
BANOS_SINCE(1)
int64_t banos_port_write(banos_ports ports, uint32_t offset, uint32_t bytes, uint32_t value);

BANOS_END

/* Registers in mapped memory: each is one access of that width, in the order of the program. */

/**
 * @brief Read a register of 8 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  1 byte, read: in what banos_mmio_map() mapped, aligned to its size
 * @return the value; all bits set if the device was unplugged
 */
static inline __attribute__((unused)) uint8_t banos_mmio_read8(const volatile void *at)
{
	return *(const volatile uint8_t *)at;
}

/**
 * @brief Read a register of 16 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  2 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @return the value; all bits set if the device was unplugged
 */
static inline __attribute__((unused)) uint16_t banos_mmio_read16(const volatile void *at)
{
	return *(const volatile uint16_t *)at;
}

/**
 * @brief Read a register of 32 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  4 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @return the value; all bits set if the device was unplugged
 */
static inline __attribute__((unused)) uint32_t banos_mmio_read32(const volatile void *at)
{
	return *(const volatile uint32_t *)at;
}

/**
 * @brief Read a register of 64 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  8 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @return the value; all bits set if the device was unplugged
 */
static inline __attribute__((unused)) uint64_t banos_mmio_read64(const volatile void *at)
{
	return *(const volatile uint64_t *)at;
}

/**
 * @brief Write a register of 8 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  1 byte, written: in what banos_mmio_map() mapped, aligned to its size
 */
static inline __attribute__((unused)) void banos_mmio_write8(volatile void *at, uint8_t value)
{
	*(volatile uint8_t *)at = value;
}

/**
 * @brief Write a register of 16 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  2 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 */
static inline __attribute__((unused)) void banos_mmio_write16(volatile void *at, uint16_t value)
{
	*(volatile uint16_t *)at = value;
}

/**
 * @brief Write a register of 32 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  4 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 */
static inline __attribute__((unused)) void banos_mmio_write32(volatile void *at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

/**
 * @brief Write a register of 64 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  8 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 */
static inline __attribute__((unused)) void banos_mmio_write64(volatile void *at, uint64_t value)
{
	*(volatile uint64_t *)at = value;
}

#endif
