// SPDX-License-Identifier: MIT
/*
 * How memory is cut into segments that a device accepts. Pure.
 *
 * A segment ends where the next byte lies elsewhere, at a boundary, or at its greatest length. With a gap
 * mask only the first one may begin, and only the last one end, at other places than multiples: what does not
 * fit there has no place in this request.
 */
#include <kernel/block_driver.h>
#include "segments.h"

/* Bytes that the last segment can still take at its end. */
static u64 segment_room(const struct segment_run *run)
{
	u64 room = run->limits->segment_bytes_max - (run->end - run->start);
	u64 boundary = run->limits->boundary;

	if (boundary) /* at one there is no room */
		room = MIN(room, (boundary - (run->end & (boundary - 1))) & (boundary - 1));
	return room;
}

static bool segment_open(struct segment_run *run, u64 address)
{
	if (run->count == run->max)
		return false;
	if (run->count && ((run->end | address) & run->limits->gap_mask))
		return false;
	run->count++;
	run->start = run->end = address;
	return true;
}

static u64 segment_first_part(const struct segment_run *run, u64 length)
{
	u64 boundary = run->limits->boundary;

	length = MIN(length, run->limits->segment_bytes_max);
	if (boundary)
		length = MIN(length, boundary - (run->start & (boundary - 1)));
	return length;
}

u64 segment_append_parts(struct segment_run *run, u64 address, u64 length)
{
	u64 done = 0;

	while (done < length) {
		u64 part = 0;

		if (run->count && run->end == address + done)
			part = MIN(length - done, segment_room(run));
		if (!part) {
			if (!segment_open(run, address + done))
				break;
			part = segment_first_part(run, length - done);
		}
		run->end += part;
		done += part;
		segment_store(run);
	}
	return done;
}
