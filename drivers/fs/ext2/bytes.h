/* SPDX-License-Identifier: MIT */
/** @file bytes.h  Little-endian numbers in bytes of a disk, aligned or not. Pure. */
#ifndef EXT2_BYTES_H
#define EXT2_BYTES_H

#include <stdint.h>

static inline uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t get32(const uint8_t *bytes)
{
	return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

static inline void put16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static inline void put32(uint8_t *bytes, uint32_t value)
{
	put16(bytes, value);
	put16(bytes + 2, value >> 16);
}

static inline uint64_t lesser(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

#endif
