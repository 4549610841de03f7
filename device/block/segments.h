/* SPDX-License-Identifier: MIT */
/**
 * @file segments.h  How memory is cut into segments that a device accepts. Pure.
 */
#pragma once
#include <kernel/types.h>

struct block_limits;

/** Segments so far; begins as zeroes but for the limits, and where they go. */
struct segment_run {
	const struct block_limits *limits;
	u32 max, count;
	u64 start, end; /* of the last one */
	u8 *segments;	/* struct banos_segment, stride bytes apart; NULL: they are only counted */
	u32 stride;
};

/** @brief Can the device access each byte of it, at that alignment? */
bool segment_is_straight(const struct block_limits *limits, u64 address, u64 length);
/**
 * @brief Append memory: to the last segment where it continues that one, else in further ones.
 * @return how many of the bytes have a place within the limits
 */
u64 segment_append(struct segment_run *run, u64 address, u64 length);
