// SPDX-License-Identifier: MIT
/*
 * The line discipline: what a reader gets. A line at a time in canonical mode,
 * whatever is there in raw mode; ldisc.c says how lines are marked. Pure, as that.
 */
#include <kernel/bitmap.h>
#include <kernel/string.h>
#include "ldisc_internal.h"

u32 ldisc_readable(const struct ldisc *ld)
{
	u32 n;

	if (!lflag(ld, ICANON))
		return ldisc_used(ld);
	n = ld->canon_head - ld->tail;
	for (u32 pos = ld->tail; pos != ld->canon_head; pos++)
		if (INPUT_AT(ld, pos) == EOF_MARK &&
		    bitmap_test(ld->line_end, pos % LDISC_INPUT_SIZE))
			n--;
	return n;
}

/* Bytes from the tail to the end of its line, the last byte included; at most @max: no end there. */
static u32 line_length(const struct ldisc *ld, u32 max, bool *ends)
{
	u32 at = ld->tail % LDISC_INPUT_SIZE;
	u32 first = MIN(max, LDISC_INPUT_SIZE - at);
	u32 n = bitmap_find_set(ld->line_end, at + first, at) - at;

	if (n == first && max > first)
		n += bitmap_find_set(ld->line_end, max - first, 0);
	*ends = n < max;
	return *ends ? n + 1 : max;
}

static void copy_out(struct ldisc *ld, u8 *dst, u32 n)
{
	u32 at = ld->tail % LDISC_INPUT_SIZE, first = MIN(n, LDISC_INPUT_SIZE - at);

	memcpy(dst, ld->input + at, first);
	memcpy(dst + first, ld->input, n - first);
}

/* The byte that ends a line is at @pos: is it one to give to the reader? */
static bool is_eof_mark(const struct ldisc *ld, u32 pos)
{
	return INPUT_AT(ld, pos) == EOF_MARK && !ld->pushed &&
	       bitmap_test(ld->line_end, pos % LDISC_INPUT_SIZE);
}

static void line_was_read(struct ldisc *ld)
{
	bitmap_clear(ld->line_end, (ld->tail - 1) % LDISC_INPUT_SIZE);
	ld->pushed = false;
}

static size_t read_line(struct ldisc *ld, u8 *dst, u32 size, bool *line_done)
{
	u32 n = line_length(ld, MIN(size, ld->canon_head - ld->tail), line_done), data = n;

	if (*line_done && is_eof_mark(ld, ld->tail + n - 1))
		data--;
	copy_out(ld, dst, data);
	ld->tail += n;
	if (!*line_done && data == size && ld->tail != ld->canon_head &&
	    is_eof_mark(ld, ld->tail)) {
		/* "abc^D" read in full by three bytes: the EOF belongs to this read. */
		ld->tail++;
		*line_done = true;
	}
	if (*line_done)
		line_was_read(ld);
	return data;
}

size_t ldisc_read(struct ldisc *ld, u8 *dst, size_t size, bool *line_done)
{
	u32 n = MIN(size, (size_t)LDISC_INPUT_SIZE);

	*line_done = false;
	if (!n || !ldisc_has_input(ld, 1))
		return 0;
	if (lflag(ld, ICANON))
		return read_line(ld, dst, n, line_done);
	n = MIN(n, ldisc_used(ld));
	copy_out(ld, dst, n);
	ld->tail += n;
	ld->canon_head = ld->tail;
	return n;
}
