// SPDX-License-Identifier: MIT
/*
 * The line discipline: reading. In canonical mode a read returns at most one line,
 * in raw mode all bytes in the ring; ldisc.c describes how lines are marked. Pure.
 */
#include <kernel/bitmap.h>
#include <kernel/string.h>
#include "ldisc_internal.h"

u32 ldisc_readable(const struct ldisc *ldisc)
{
	u32 count;

	if (!has_lflag(ldisc, ICANON))
		return ldisc_used(ldisc);
	count = ldisc->canon_head - ldisc->tail;
	for (u32 pos = ldisc->tail; pos != ldisc->canon_head; pos++)
		if (INPUT_AT(ldisc, pos) == EOF_MARK &&
		    bitmap_test(ldisc->line_end, pos % LDISC_INPUT_SIZE))
			count--;
	return count;
}

/* Bytes from the tail to the end of its line, the last byte included; at most @max: no end there. */
static u32 ldisc_line_length(const struct ldisc *ldisc, u32 max, bool *ends)
{
	u32 position = ldisc->tail % LDISC_INPUT_SIZE;
	u32 first = MIN(max, LDISC_INPUT_SIZE - position);
	u32 length = bitmap_find_set(ldisc->line_end, position + first, position) - position;

	if (length == first && max > first)
		length += bitmap_find_set(ldisc->line_end, max - first, 0);
	*ends = length < max;
	if (!*ends)
		return max;
	return length + 1;
}

static void ldisc_copy_out(struct ldisc *ldisc, u8 *dst, u32 count)
{
	u32 position = ldisc->tail % LDISC_INPUT_SIZE,
	    first = MIN(count, LDISC_INPUT_SIZE - position);

	memcpy(dst, ldisc->input + position, first);
	memcpy(dst + first, ldisc->input, count - first);
}

/* The byte that ends a line is at @pos: is it passed to the reader? */
static bool is_eof_mark(const struct ldisc *ldisc, u32 pos)
{
	return INPUT_AT(ldisc, pos) == EOF_MARK && !ldisc->pushed &&
	       bitmap_test(ldisc->line_end, pos % LDISC_INPUT_SIZE);
}

static void ldisc_line_was_read(struct ldisc *ldisc)
{
	bitmap_clear(ldisc->line_end, (ldisc->tail - 1) % LDISC_INPUT_SIZE);
	ldisc->pushed = false;
}

static size_t ldisc_read_line(struct ldisc *ldisc, u8 *dst, u32 size, bool *line_done)
{
	u32 length =
		    ldisc_line_length(ldisc, MIN(size, ldisc->canon_head - ldisc->tail), line_done),
	    data = length;

	if (*line_done && is_eof_mark(ldisc, ldisc->tail + length - 1))
		data--;
	ldisc_copy_out(ldisc, dst, data);
	ldisc->tail += length;
	if (!*line_done && data == size && ldisc->tail != ldisc->canon_head &&
	    is_eof_mark(ldisc, ldisc->tail)) {
		/* "abc^D" read in full by three bytes: the EOF belongs to this read. */
		ldisc->tail++;
		*line_done = true;
	}
	if (*line_done)
		ldisc_line_was_read(ldisc);
	return data;
}

size_t ldisc_read(struct ldisc *ldisc, u8 *dst, size_t size, bool *line_done)
{
	u32 count = MIN(size, (size_t)LDISC_INPUT_SIZE);

	*line_done = false;
	if (!count || !ldisc_has_input(ldisc, 1))
		return 0;
	if (has_lflag(ldisc, ICANON))
		return ldisc_read_line(ldisc, dst, count, line_done);
	count = MIN(count, ldisc_used(ldisc));
	ldisc_copy_out(ldisc, dst, count);
	ldisc->tail += count;
	ldisc->canon_head = ldisc->tail;
	return count;
}
