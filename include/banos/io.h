/* SPDX-License-Identifier: MIT */
/**
 * @file io.h  Registers of devices: in memory, and behind I/O ports.
 *
 * With a device as the owner, only the resources that its bus reports may be accessed
 * (banos_resource_get()). With the driver itself as the owner, any physical address
 * that is neither memory nor used by the kernel, and any port that has no owner: for devices that no
 * bus reports. Ports are claimed for one owner alone; memory may be mapped several times.
 *
 * What banos_mmio_map() mapped is accessed by the functions of this header only: each
 * access is one move between a general register and memory, of just the width that its
 * name states, and happens in program order: among themselves, and against the accesses of
 * the driver to other memory before and after. Any other access (through a pointer, by memcpy(),
 * atomic or read-modify-write instructions, vector registers) works today in many places
 * and is outside of the promise: a later kernel may put something in the place of
 * the device that understands moves only. Ports are accessed by banos_port_read() and
 * its like, of a range that was claimed; no driver contains in and out instructions.
 *
 * A device may delay a write until the next read from it. A driver that has to know that
 * a write arrived reads a register of the same device.
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

/**
 * Writes may be joined, delayed and reordered: for frame buffers; banos_mmio_barrier() ends that. Without
 * this flag every access happens as it is written.
 */
#define BANOS_MMIO_COMBINE 1u

BANOS_BEGIN

/**
 * @brief Map registers of a device.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_mmio_unmap().
 * @param owner    a device, or the driver
 * @param address  physical; need not be aligned
 * @param length   bytes, 1 to 1 GiB
 * @param flags    0 or BANOS_MMIO_COMBINE
 * @param mapping  8 bytes, written: the handle
 * @param memory   8 bytes, written: where @p address is seen, aligned as it is; @p length bytes for
 *		   banos_mmio_read32() and so on
 * @return 0, -EPERM: @p owner has no right to these addresses (see above), -EINVAL: an argument is
 *	   wrong, -EBUSY: a page of it is mapped with another flag, -ENOMEM, -ENODEV: @p owner is
 *	   being removed
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
 * @param count  how many, from 1 on
 * @param ports  8 bytes, written: the handle
 * @return 0, -EBUSY: another driver or the kernel uses one of them, -EPERM:
 *	   @p owner is a device that has no right to them, -EINVAL: none, or beyond port 65535,
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
 * @param offset  from the first port of the range; need not be a multiple of @p bytes
 * @param bytes   1, 2 or 4
 * @return the value, from 0 to 2^32 - 1; -EINVAL: no such handle, another number of bytes, or beyond its range
 */
BANOS_SINCE(1) int64_t banos_port_read(banos_ports ports, uint32_t offset, uint32_t bytes);

/**
 * @brief Write to a port.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param offset  from the first port of the range
 * @param bytes   1, 2 or 4
 * @param value   its low bytes are written
 * @return 0, -EINVAL: no such handle, another number of bytes, or beyond its range
 */
BANOS_SINCE(1)
int64_t banos_port_write(banos_ports ports, uint32_t offset, uint32_t bytes, uint32_t value);

/**
 * @brief Read a port again and again: the data port of a queue.
 * Since 1, provided by the kernel.
 * Context: any; takes about a microsecond for each value.
 * @param offset  from the first port of the range
 * @param bytes   1, 2 or 4
 * @param to      @p count values of @p bytes bytes each, written
 * @param count   how often; 0: not at all
 * @return 0, -EINVAL: no such handle, another number of bytes, beyond its range, or @p to is not the driver's
 */
BANOS_SINCE(1)
int64_t banos_port_read_many(banos_ports ports, uint32_t offset, uint32_t bytes, void *to,
			     uint64_t count);

/**
 * @brief Write to a port again and again.
 * Since 1, provided by the kernel.
 * Context: any; takes about a microsecond for each value.
 * @param offset  from the first port of the range
 * @param bytes   1, 2 or 4
 * @param from    @p count values of @p bytes bytes each, read
 * @param count   how often; 0: not at all
 * @return 0, -EINVAL: no such handle, another number of bytes, beyond its range, or @p from is not the driver's
 */
BANOS_SINCE(1)
int64_t banos_port_write_many(banos_ports ports, uint32_t offset, uint32_t bytes, const void *from,
			      uint64_t count);

BANOS_END

/* Values of a driver's buffer: at any address, and whatever type the driver has for it. */
typedef uint16_t __attribute__((may_alias, aligned(1))) banos_value16_;
typedef uint32_t __attribute__((may_alias, aligned(1))) banos_value32_;
typedef uint64_t __attribute__((may_alias, aligned(1))) banos_value64_;

/* ---- one register ---- */

/**
 * @brief Read a register of 8 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  1 byte, read: in what banos_mmio_map() mapped, aligned to its size
 * @return the value; all bits set if the device was unplugged
 */
static __inline__ __attribute__((unused)) uint8_t banos_mmio_read8(const volatile void *at)
{
	uint8_t value;

	__asm__ volatile("movb %1, %0"
			 : "=q"(value)
			 : "m"(*(const volatile uint8_t *)at)
			 : "memory");
	return value;
}

/**
 * @brief Read a register of 16 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  2 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @return the value; all bits set if the device was unplugged
 */
static __inline__ __attribute__((unused)) uint16_t banos_mmio_read16(const volatile void *at)
{
	uint16_t value;

	__asm__ volatile("movw %1, %0"
			 : "=r"(value)
			 : "m"(*(const volatile uint16_t *)at)
			 : "memory");
	return value;
}

/**
 * @brief Read a register of 32 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  4 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @return the value; all bits set if the device was unplugged
 */
static __inline__ __attribute__((unused)) uint32_t banos_mmio_read32(const volatile void *at)
{
	uint32_t value;

	__asm__ volatile("movl %1, %0"
			 : "=r"(value)
			 : "m"(*(const volatile uint32_t *)at)
			 : "memory");
	return value;
}

/**
 * @brief Read a register of 64 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  8 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @return the value; all bits set if the device was unplugged
 */
static __inline__ __attribute__((unused)) uint64_t banos_mmio_read64(const volatile void *at)
{
	uint64_t value;

	__asm__ volatile("movq %1, %0"
			 : "=r"(value)
			 : "m"(*(const volatile uint64_t *)at)
			 : "memory");
	return value;
}

/**
 * @brief Write a register of 8 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  1 byte, written: in what banos_mmio_map() mapped, aligned to its size
 */
static __inline__ __attribute__((unused)) void banos_mmio_write8(volatile void *at, uint8_t value)
{
	__asm__ volatile("movb %1, %0" : "=m"(*(volatile uint8_t *)at) : "q"(value) : "memory");
}

/**
 * @brief Write a register of 16 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  2 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 */
static __inline__ __attribute__((unused)) void banos_mmio_write16(volatile void *at, uint16_t value)
{
	__asm__ volatile("movw %1, %0" : "=m"(*(volatile uint16_t *)at) : "r"(value) : "memory");
}

/**
 * @brief Write a register of 32 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  4 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 */
static __inline__ __attribute__((unused)) void banos_mmio_write32(volatile void *at, uint32_t value)
{
	__asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)at) : "r"(value) : "memory");
}

/**
 * @brief Write a register of 64 bits.
 * Since 1, in this header.
 * Context: any.
 * @param at  8 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 */
static __inline__ __attribute__((unused)) void banos_mmio_write64(volatile void *at, uint64_t value)
{
	__asm__ volatile("movq %1, %0" : "=m"(*(volatile uint64_t *)at) : "r"(value) : "memory");
}

/**
 * @brief Make the writes before it to memory that was mapped with BANOS_MMIO_COMBINE before all accesses after it.
 * Since 1, in this header.
 * Context: any.
 */
static __inline__ __attribute__((unused)) void banos_mmio_barrier(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

/* ---- many: a block of registers or memory of the device, or one register again and again ---- */

/**
 * @brief Read @p count registers of 8 bits each, one behind the other, upwards.
 * Since 1, in this header.
 * Context: any.
 * @param to    @p count bytes of the driver's, written; need not be aligned
 * @param from  as many bytes, read: in what banos_mmio_map() mapped, aligned to 1 byte
 */
static __inline__ __attribute__((unused)) void
banos_mmio_copy_from8(void *to, const volatile void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		((uint8_t *)to)[i] = banos_mmio_read8((const volatile char *)from + i);
}

/**
 * @brief Read @p count registers of 16 bits each, one behind the other, upwards.
 * Since 1, in this header.
 * Context: any.
 * @param to    @p count * 2 bytes of the driver's, written; need not be aligned
 * @param from  as many bytes, read: in what banos_mmio_map() mapped, aligned to 2 bytes
 */
static __inline__ __attribute__((unused)) void
banos_mmio_copy_from16(void *to, const volatile void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		((banos_value16_ *)to)[i] = banos_mmio_read16((const volatile char *)from + i * 2);
}

/**
 * @brief Read @p count registers of 32 bits each, one behind the other, upwards.
 * Since 1, in this header.
 * Context: any.
 * @param to    @p count * 4 bytes of the driver's, written; need not be aligned
 * @param from  as many bytes, read: in what banos_mmio_map() mapped, aligned to 4 bytes
 */
static __inline__ __attribute__((unused)) void
banos_mmio_copy_from32(void *to, const volatile void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		((banos_value32_ *)to)[i] = banos_mmio_read32((const volatile char *)from + i * 4);
}

/**
 * @brief Read @p count registers of 64 bits each, one behind the other, upwards.
 * Since 1, in this header.
 * Context: any.
 * @param to    @p count * 8 bytes of the driver's, written; need not be aligned
 * @param from  as many bytes, read: in what banos_mmio_map() mapped, aligned to 8 bytes
 */
static __inline__ __attribute__((unused)) void
banos_mmio_copy_from64(void *to, const volatile void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		((banos_value64_ *)to)[i] = banos_mmio_read64((const volatile char *)from + i * 8);
}

/**
 * @brief Write @p count registers of 8 bits each, one behind the other, upwards.
 * Since 1, in this header.
 * Context: any.
 * @param to    @p count bytes, written: in what banos_mmio_map() mapped, aligned to 1 byte
 * @param from  as many bytes of the driver's, read; need not be aligned
 */
static __inline__ __attribute__((unused)) void banos_mmio_copy_to8(volatile void *to,
								   const void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		banos_mmio_write8((volatile char *)to + i, ((const uint8_t *)from)[i]);
}

/**
 * @brief Write @p count registers of 16 bits each, one behind the other, upwards.
 * Since 1, in this header.
 * Context: any.
 * @param to    @p count * 2 bytes, written: in what banos_mmio_map() mapped, aligned to 2 bytes
 * @param from  as many bytes of the driver's, read; need not be aligned
 */
static __inline__ __attribute__((unused)) void
banos_mmio_copy_to16(volatile void *to, const void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		banos_mmio_write16((volatile char *)to + i * 2, ((const banos_value16_ *)from)[i]);
}

/**
 * @brief Write @p count registers of 32 bits each, one behind the other, upwards.
 * Since 1, in this header.
 * Context: any.
 * @param to    @p count * 4 bytes, written: in what banos_mmio_map() mapped, aligned to 4 bytes
 * @param from  as many bytes of the driver's, read; need not be aligned
 */
static __inline__ __attribute__((unused)) void
banos_mmio_copy_to32(volatile void *to, const void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		banos_mmio_write32((volatile char *)to + i * 4, ((const banos_value32_ *)from)[i]);
}

/**
 * @brief Write @p count registers of 64 bits each, one behind the other, upwards.
 * Since 1, in this header.
 * Context: any.
 * @param to    @p count * 8 bytes, written: in what banos_mmio_map() mapped, aligned to 8 bytes
 * @param from  as many bytes of the driver's, read; need not be aligned
 */
static __inline__ __attribute__((unused)) void
banos_mmio_copy_to64(volatile void *to, const void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		banos_mmio_write64((volatile char *)to + i * 8, ((const banos_value64_ *)from)[i]);
}

/**
 * @brief Read a register of 8 bits @p count times.
 * Since 1, in this header.
 * Context: any.
 * @param at  1 byte, read: in what banos_mmio_map() mapped, aligned to its size
 * @param to  @p count bytes of the driver's, written; need not be aligned
 */
static __inline__ __attribute__((unused)) void banos_mmio_read8_many(const volatile void *at,
								     void *to, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		((uint8_t *)to)[i] = banos_mmio_read8(at);
}

/**
 * @brief Read a register of 16 bits @p count times.
 * Since 1, in this header.
 * Context: any.
 * @param at  2 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @param to  @p count * 2 bytes of the driver's, written; need not be aligned
 */
static __inline__ __attribute__((unused)) void banos_mmio_read16_many(const volatile void *at,
								      void *to, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		((banos_value16_ *)to)[i] = banos_mmio_read16(at);
}

/**
 * @brief Read a register of 32 bits @p count times.
 * Since 1, in this header.
 * Context: any.
 * @param at  4 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @param to  @p count * 4 bytes of the driver's, written; need not be aligned
 */
static __inline__ __attribute__((unused)) void banos_mmio_read32_many(const volatile void *at,
								      void *to, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		((banos_value32_ *)to)[i] = banos_mmio_read32(at);
}

/**
 * @brief Read a register of 64 bits @p count times.
 * Since 1, in this header.
 * Context: any.
 * @param at  8 bytes, read: in what banos_mmio_map() mapped, aligned to its size
 * @param to  @p count * 8 bytes of the driver's, written; need not be aligned
 */
static __inline__ __attribute__((unused)) void banos_mmio_read64_many(const volatile void *at,
								      void *to, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		((banos_value64_ *)to)[i] = banos_mmio_read64(at);
}

/**
 * @brief Write a register of 8 bits @p count times.
 * Since 1, in this header.
 * Context: any.
 * @param at    1 byte, written: in what banos_mmio_map() mapped, aligned to its size
 * @param from  @p count bytes of the driver's, read; need not be aligned
 */
static __inline__ __attribute__((unused)) void
banos_mmio_write8_many(volatile void *at, const void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		banos_mmio_write8(at, ((const uint8_t *)from)[i]);
}

/**
 * @brief Write a register of 16 bits @p count times.
 * Since 1, in this header.
 * Context: any.
 * @param at    2 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 * @param from  @p count * 2 bytes of the driver's, read; need not be aligned
 */
static __inline__ __attribute__((unused)) void
banos_mmio_write16_many(volatile void *at, const void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		banos_mmio_write16(at, ((const banos_value16_ *)from)[i]);
}

/**
 * @brief Write a register of 32 bits @p count times.
 * Since 1, in this header.
 * Context: any.
 * @param at    4 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 * @param from  @p count * 4 bytes of the driver's, read; need not be aligned
 */
static __inline__ __attribute__((unused)) void
banos_mmio_write32_many(volatile void *at, const void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		banos_mmio_write32(at, ((const banos_value32_ *)from)[i]);
}

/**
 * @brief Write a register of 64 bits @p count times.
 * Since 1, in this header.
 * Context: any.
 * @param at    8 bytes, written: in what banos_mmio_map() mapped, aligned to its size
 * @param from  @p count * 8 bytes of the driver's, read; need not be aligned
 */
static __inline__ __attribute__((unused)) void
banos_mmio_write64_many(volatile void *at, const void *from, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		banos_mmio_write64(at, ((const banos_value64_ *)from)[i]);
}

#endif
