/* SPDX-License-Identifier: MIT */
/** @file bytes.h  Little-endian numbers in bytes of a disk, aligned or not. Pure. */
#ifndef EXT2_BYTES_H
#define EXT2_BYTES_H

#include <stdint.h>

/* As one access where the processor stores numbers so: compilers do not always see that by themselves. */
#define BYTES_NATIVE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

static inline uint16_t get16(const uint8_t *bytes)
{
	uint16_t value;

	if (!BYTES_NATIVE)
		return (uint16_t)(bytes[0] | bytes[1] << 8);
	__builtin_memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint32_t get32(const uint8_t *bytes)
{
	uint32_t value;

	if (!BYTES_NATIVE)
		return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
	__builtin_memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline void put16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static inline void put32(uint8_t *bytes, uint32_t value)
{
	if (BYTES_NATIVE) {
		__builtin_memcpy(bytes, &value, sizeof(value));
		return;
	}
	put16(bytes, value);
	put16(bytes + 2, value >> 16);
}

static inline uint64_t lesser(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

#endif
