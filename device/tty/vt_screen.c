// SPDX-License-Identifier: MIT
/*
 * The screen of a virtual terminal: cells, cursor, scrolling, and printing at the
 * cursor. vt.c parses the sequences that call these functions.
 *
 * Printing bytes form UTF-8 characters; each is looked up in code page 437 and
 * stored in the cell under the cursor. After the last column the cursor stays,
 * and the next character wraps. Pure; no locks.
 */
#include <kernel/bitmap.h>
#include <kernel/string.h>
#include "vt_internal.h"

#define TAB_STOP	    8
#define REPLACEMENT	    0xfe /* a small square */
#define UNICODE_MAX	    0x10ffff
#define UNICODE_SURROGATES  0xd800
#define UNICODE_REPLACEMENT 0xfffd
#define ITALIC_FG	    2 /* shown as colours, for want of glyphs */
#define UNDERLINE_FG	    3
#define HALF_FG		    8

/* DEC's special graphics, from '`' (0x60) to '~', in code page 437. */
static const u8 graphics[] = {
	0x04, 0xb1, 0x09, 0x0c, 0x0d, 0x0a, 0xf8, 0xf1, 0xb0, 0x0b, 0xd9,
	0xbf, 0xda, 0xc0, 0xc5, 0xdf, 0xc4, 0xc4, 0xc4, 0x5f, 0xc3, 0xb4,
	0xc1, 0xc2, 0xb3, 0xf3, 0xf2, 0xe3, 0xd8, 0x9c, 0xfa,
};

/* ---- cells ---- */

static void vt_mark(struct vt *vt, u32 row)
{
	bitmap_set(vt->dirty, row);
}

void vt_clean(struct vt *vt)
{
	memset(vt->dirty, 0, sizeof(vt->dirty));
}

void vt_touch_all(struct vt *vt)
{
	bitmap_set_range(vt->dirty, 0, vt->rows);
}

static vt_cell *vt_row(struct vt *vt, u32 row)
{
	return vt->cells + row * vt->cols;
}

/* The content of an erased cell: a blank in the pen's colours, without its other attributes. */
vt_cell vt_blank(const struct vt *vt)
{
	u8 attr = vt->pen.background << 4 | vt->pen.foreground;

	if (vt->reverse_screen)
		attr = (attr & 0x88) | ((attr >> 4 | attr << 4) & 0x77);
	return attr << 8 | ' ';
}

static void vt_fill(struct vt *vt, u32 row, u32 column, u32 count)
{
	vt_cell *cells = vt_row(vt, row) + column, blank = vt_blank(vt);

	while (count--)
		*cells++ = blank;
	vt_mark(vt, row);
}

void vt_update_attr(struct vt *vt)
{
	const struct vt_pen *pen = &vt->pen;
	u8 attr = pen->background << 4 | pen->foreground;

	if (pen->italic)
		attr = (attr & 0xf0) | ITALIC_FG;
	else if (pen->underline)
		attr = (attr & 0xf0) | UNDERLINE_FG;
	else if (pen->intensity == 0)
		attr = (attr & 0xf0) | HALF_FG;
	if (pen->reverse != vt->reverse_screen)
		attr = (attr & 0x88) | ((attr >> 4 | attr << 4) & 0x77);
	if (pen->blink)
		attr ^= 0x80;
	if (pen->intensity == 2)
		attr ^= 0x08;
	vt->attr = attr;
}

/* ---- scrolling ---- */

void vt_scroll_up(struct vt *vt, u32 top, u32 bottom, u32 count)
{
	count = MIN(count, bottom - top);
	memmove(vt_row(vt, top), vt_row(vt, top + count),
		(bottom - top - count) * vt->cols * sizeof(vt_cell));
	for (u32 row = bottom - count; row < bottom; row++)
		vt_fill(vt, row, 0, vt->cols);
	bitmap_set_range(vt->dirty, top, bottom - top);
}

void vt_scroll_down(struct vt *vt, u32 top, u32 bottom, u32 count)
{
	count = MIN(count, bottom - top);
	memmove(vt_row(vt, top + count), vt_row(vt, top),
		(bottom - top - count) * vt->cols * sizeof(vt_cell));
	for (u32 row = top; row < top + count; row++)
		vt_fill(vt, row, 0, vt->cols);
	bitmap_set_range(vt->dirty, top, bottom - top);
}

/* ---- the cursor ---- */

void vt_move_to(struct vt *vt, s32 column, s32 row)
{
	s32 low = vt_origin(vt), high = vt->rows;

	if (vt->origin)
		high = vt->bottom;
	vt->pen.column = MAX(0, MIN(column, vt->cols - 1));
	vt->pen.row = MAX(low, MIN(row, high - 1));
	vt->wrap_next = false;
}

/* By row and column as programs count them: within the scroll region in origin mode. */
void vt_move_absolute(struct vt *vt, s32 column, s32 row)
{
	vt_move_to(vt, column, (s32)vt_origin(vt) + row);
}

void vt_line_feed(struct vt *vt)
{
	if (vt->pen.row + 1 == vt->bottom)
		vt_scroll_up(vt, vt->top, vt->bottom, 1);
	else if (vt->pen.row + 1 < vt->rows)
		vt->pen.row++;
	vt->wrap_next = false;
}

void vt_reverse_line_feed(struct vt *vt)
{
	if (vt->pen.row == vt->top)
		vt_scroll_down(vt, vt->top, vt->bottom, 1);
	else if (vt->pen.row)
		vt->pen.row--;
	vt->wrap_next = false;
}

void vt_carriage_return(struct vt *vt)
{
	vt->pen.column = 0;
	vt->wrap_next = false;
}

void vt_tab(struct vt *vt)
{
	u32 column = bitmap_find_set(vt->tabs, vt->cols, vt->pen.column + 1);

	vt->pen.column = MIN(column, vt->cols - 1u);
	vt->wrap_next = false;
}

void vt_default_tabs(struct vt *vt)
{
	memset(vt->tabs, 0, sizeof(vt->tabs));
	for (u32 column = TAB_STOP; column < VT_MAX_COLS; column += TAB_STOP)
		bitmap_set(vt->tabs, column);
}

void vt_save_cursor(struct vt *vt)
{
	vt->saved = vt->pen;
}

void vt_restore_cursor(struct vt *vt)
{
	vt->pen = vt->saved;
	vt->wrap_next = false;
	vt_update_attr(vt);
}

/* ---- inserting and deleting ---- */

void vt_insert_chars(struct vt *vt, u32 count)
{
	vt_cell *cells = vt_row(vt, vt->pen.row) + vt->pen.column;
	u32 left = vt->cols - vt->pen.column;

	count = MIN(count, left);
	memmove(cells + count, cells, (left - count) * sizeof(*cells));
	vt_fill(vt, vt->pen.row, vt->pen.column, count);
	vt->wrap_next = false;
}

void vt_delete_chars(struct vt *vt, u32 count)
{
	vt_cell *cells = vt_row(vt, vt->pen.row) + vt->pen.column;
	u32 left = vt->cols - vt->pen.column;

	count = MIN(count, left);
	memmove(cells, cells + count, (left - count) * sizeof(*cells));
	vt_fill(vt, vt->pen.row, vt->cols - count, count);
	vt->wrap_next = false;
}

void vt_erase_chars(struct vt *vt, u32 count)
{
	vt_fill(vt, vt->pen.row, vt->pen.column, MIN(count, (u32)vt->cols - vt->pen.column));
	vt->wrap_next = false;
}

void vt_insert_lines(struct vt *vt, u32 count)
{
	if (vt->pen.row >= vt->top && vt->pen.row < vt->bottom)
		vt_scroll_down(vt, vt->pen.row, vt->bottom, count);
	vt->wrap_next = false;
}

void vt_delete_lines(struct vt *vt, u32 count)
{
	if (vt->pen.row >= vt->top && vt->pen.row < vt->bottom)
		vt_scroll_up(vt, vt->pen.row, vt->bottom, count);
	vt->wrap_next = false;
}

void vt_erase_in_line(struct vt *vt, u32 how)
{
	if (how == 0)
		vt_fill(vt, vt->pen.row, vt->pen.column, vt->cols - vt->pen.column);
	else if (how == 1)
		vt_fill(vt, vt->pen.row, 0, vt->pen.column + 1);
	else if (how == 2)
		vt_fill(vt, vt->pen.row, 0, vt->cols);
	vt->wrap_next = false;
}

void vt_erase_in_display(struct vt *vt, u32 how)
{
	u32 from = 0, to = vt->rows;

	if (how > 3)
		return;
	if (how == 0)
		from = vt->pen.row + 1u;
	else if (how == 1)
		to = vt->pen.row;
	if (how < 2)
		vt_erase_in_line(vt, how);
	for (u32 row = from; row < to; row++)
		vt_fill(vt, row, 0, vt->cols);
	vt->wrap_next = false;
}

/* ---- printing ---- */

void vt_put_glyph(struct vt *vt, u8 glyph)
{
	if (vt->wrap_next) {
		vt_carriage_return(vt);
		vt_line_feed(vt);
	}
	if (vt->insert)
		vt_insert_chars(vt, 1);
	vt_row(vt, vt->pen.row)[vt->pen.column] = vt->attr << 8 | glyph;
	vt_mark(vt, vt->pen.row);
	vt->last_glyph = glyph;
	if (vt->pen.column + 1 < vt->cols)
		vt->pen.column++;
	else
		vt->wrap_next = vt->autowrap;
}

struct range {
	u32 first, last;
};

static bool in_ranges(const struct range *range, u32 count, u32 code)
{
	for (u32 i = 0; i < count; i++)
		if (code >= range[i].first && code <= range[i].last)
			return true;
	return false;
}

/* Columns that a character takes. */
static u32 width_of(u32 code)
{
	static const struct range none[] = {
		{ 0x0300, 0x036f }, { 0x200b, 0x200f }, { 0x202a, 0x202e }, { 0x20d0, 0x20ff },
		{ 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff },
	};
	static const struct range two[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf }, { 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 },
		{ 0x1f300, 0x1faff }, { 0x20000, 0x3fffd },
	};

	if (code < 0x300)
		return 1;
	if (in_ranges(none, ARRAY_SIZE(none), code))
		return 0;
	return 1 + in_ranges(two, ARRAY_SIZE(two), code);
}

static void vt_put_code(struct vt *vt, u32 code)
{
	u32 width = width_of(code);
	u8 glyph;

	if (!width)
		return;
	glyph = vt_glyph(code);
	if (!glyph)
		glyph = REPLACEMENT;
	vt_put_glyph(vt, glyph);
	if (width == 2)
		vt_put_glyph(vt, ' ');
}

void vt_put_byte(struct vt *vt, u8 byte)
{
	u8 charset = vt->pen.charset[vt->pen.shift];

	if (charset == VT_CHARSET_GRAPHICS && byte >= 0x60 && byte < 0x60 + ARRAY_SIZE(graphics))
		vt_put_glyph(vt, graphics[byte - 0x60]);
	else if (charset == VT_CHARSET_RAW || byte < 0x80)
		vt_put_glyph(vt, byte);
	else
		vt_put_code(vt, byte); /* Latin-1 */
}

void vt_put_broken(struct vt *vt)
{
	if (vt->code_left)
		vt_put_glyph(vt, REPLACEMENT);
	vt->code_left = 0;
}

/* One byte of UTF-8; ill-formed sequences show as one replacement each. */
void vt_put_utf8(struct vt *vt, u8 byte)
{
	static const u32 code_min_of_left[] = { 0, 0x80, 0x800, 0x10000 };

	if (vt->code_left && (byte & 0xc0) == 0x80) {
		vt->code = vt->code << 6 | (byte & 0x3f);
		if (--vt->code_left)
			return;
		if (vt->code < vt->code_min || vt->code > UNICODE_MAX ||
		    (vt->code & 0xfffff800) == UNICODE_SURROGATES)
			vt->code = UNICODE_REPLACEMENT;
		vt_put_code(vt, vt->code);
		return;
	}
	vt_put_broken(vt);
	if (byte < 0x80) {
		vt_put_byte(vt, byte);
	} else if (byte >= 0xc2 && byte < 0xf5) {
		vt->code_left = 1 + (byte >= 0xe0) + (byte >= 0xf0);
		vt->code = byte & (0x3f >> vt->code_left);
		vt->code_min = code_min_of_left[vt->code_left];
	} else {
		vt_put_glyph(vt, REPLACEMENT);
	}
}

/* Write printing ASCII from the cursor on, up to the end of this line. @return bytes used */
size_t vt_put_run(struct vt *vt, const u8 *bytes, size_t length)
{
	vt_cell *cells = vt_row(vt, vt->pen.row) + vt->pen.column, attr = vt->attr << 8;
	size_t room = vt->cols - 1 - vt->pen.column, taken = 0;

	length = MIN(length, room);
	while (taken < length && bytes[taken] >= ' ' && bytes[taken] < 0x7f)
		*cells++ = attr | bytes[taken++];
	if (taken) {
		vt->last_glyph = bytes[taken - 1];
		vt->pen.column += taken;
		vt_mark(vt, vt->pen.row);
	}
	return taken;
}
