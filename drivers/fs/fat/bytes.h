/* SPDX-License-Identifier: MIT */
/** @file bytes.h  Numbers as they lie on the disk: little-endian, at any place. Pure. */
#pragma once
#include <stdint.h>

static inline uint64_t fat_min(uint64_t left, uint64_t right)
{
	if (left < right)
		return left;
	return right;
}
/** @return @p error, if it is one; else the one before */
static inline int64_t fat_either(int64_t error, int64_t before)
{
	if (error)
		return error;
	return before;
}
static inline uint32_t fat_get16(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t fat_get32(const uint8_t *bytes)
{
	return fat_get16(bytes) | fat_get16(bytes + 2) << 16;
}

static inline void fat_put16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static inline void fat_put32(uint8_t *bytes, uint32_t value)
{
	fat_put16(bytes, value);
	fat_put16(bytes + 2, value >> 16);
}
