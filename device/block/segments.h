/* SPDX-License-Identifier: MIT */
/**
 * @file segments.h  How memory is cut into segments that a device accepts. Pure.
 */
#pragma once
#include <kernel/block_driver.h>

/** Segments so far; begins as zeroes but for the limits, and where they go. */
struct segment_run {
	const struct block_limits *limits;
	u32 max, count;
	u64 start, end; /* of the last one */
	u8 *segments;	/* struct banos_segment, stride bytes apart; NULL: they are only counted */
	u32 stride;
};

/** @brief Can the device access each byte of it, at that alignment? */
static inline bool segment_is_straight(const struct block_limits *limits, u64 address, u64 length)
{
	return !(address & (limits->alignment - 1)) && address + length - 1 <= limits->address_max;
}

/** @brief segment_append() where the memory is cut. */
u64 segment_append_parts(struct segment_run *run, u64 address, u64 length);

static inline void segment_store(const struct segment_run *run)
{
	struct banos_segment segment = { run->start, run->end - run->start };

	if (run->segments)
		__builtin_memcpy(run->segments + (u64)(run->count - 1) * run->stride, &segment,
				 sizeof(segment));
}

/**
 * @brief Append memory: to the last segment where it continues that one, else in further ones.
 * @return how many of the bytes have a place within the limits
 */
static inline u64 segment_append(struct segment_run *run, u64 address, u64 length)
{
	const struct block_limits *limits = run->limits;

	if (unlikely(limits->boundary || length > limits->segment_bytes_max))
		return segment_append_parts(run, address, length);
	if (run->count && run->end == address) {
		if (unlikely(length > limits->segment_bytes_max - (run->end - run->start)))
			return segment_append_parts(run, address, length);
		run->end += length;
		segment_store(run);
		return length;
	}
	if (run->count == run->max || (run->count && (run->end | address) & limits->gap_mask))
		return 0;
	run->count++;
	run->start = address;
	run->end = address + length;
	segment_store(run);
	return length;
}
