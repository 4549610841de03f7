// SPDX-License-Identifier: MIT
/*
 * The screen of a virtual terminal: cells, cursor, scrolling, and characters put
 * where the cursor is. What sequences ask for these is vt.c's business.
 *
 * Printing bytes form UTF-8 characters; each is looked up in code page 437 and
 * stored in the cell under the cursor. After the last column the cursor stays,
 * and the next character wraps. Pure; no locks.
 */
#include <kernel/bitmap.h>
#include <kernel/string.h>
#include "vt_internal.h"

#define TAB_STOP     8
#define REPLACEMENT  0xfe /* a small square */
#define ITALIC_FG    2	  /* shown as colours, for want of glyphs */
#define UNDERLINE_FG 3
#define HALF_FG	     8

/* DEC's special graphics, from '`' (0x60) to '~', in code page 437. */
static const u8 graphics[] = {
	0x04, 0xb1, 0x09, 0x0c, 0x0d, 0x0a, 0xf8, 0xf1, 0xb0, 0x0b, 0xd9,
	0xbf, 0xda, 0xc0, 0xc5, 0xdf, 0xc4, 0xc4, 0xc4, 0x5f, 0xc3, 0xb4,
	0xc1, 0xc2, 0xb3, 0xf3, 0xf2, 0xe3, 0xd8, 0x9c, 0xfa,
};

/* ---- cells ---- */

static void mark(struct vt *v, u32 row)
{
	bitmap_set(v->dirty, row);
}

void vt_clean(struct vt *v)
{
	memset(v->dirty, 0, sizeof(v->dirty));
}

void vt_touch_all(struct vt *v)
{
	bitmap_set_range(v->dirty, 0, v->rows);
}

static vt_cell *row_of(struct vt *v, u32 y)
{
	return v->cells + y * v->cols;
}

/* What an erased cell holds: a blank in the pen's colours, without its other looks. */
vt_cell vt_blank(const struct vt *v)
{
	u8 a = v->pen.bg << 4 | v->pen.fg;

	if (v->reverse_screen)
		a = (a & 0x88) | ((a >> 4 | a << 4) & 0x77);
	return a << 8 | ' ';
}

static void fill(struct vt *v, u32 y, u32 x, u32 n)
{
	vt_cell *c = row_of(v, y) + x, b = vt_blank(v);

	while (n--)
		*c++ = b;
	mark(v, y);
}

void vt_update_attr(struct vt *v)
{
	const struct vt_pen *p = &v->pen;
	u8 a = p->bg << 4 | p->fg;

	if (p->italic)
		a = (a & 0xf0) | ITALIC_FG;
	else if (p->underline)
		a = (a & 0xf0) | UNDERLINE_FG;
	else if (p->intensity == 0)
		a = (a & 0xf0) | HALF_FG;
	if (p->reverse != v->reverse_screen)
		a = (a & 0x88) | ((a >> 4 | a << 4) & 0x77);
	if (p->blink)
		a ^= 0x80;
	if (p->intensity == 2)
		a ^= 0x08;
	v->attr = a;
}

/* ---- scrolling ---- */

void vt_scroll_up(struct vt *v, u32 top, u32 bottom, u32 n)
{
	n = MIN(n, bottom - top);
	memmove(row_of(v, top), row_of(v, top + n), (bottom - top - n) * v->cols * sizeof(vt_cell));
	for (u32 y = bottom - n; y < bottom; y++)
		fill(v, y, 0, v->cols);
	bitmap_set_range(v->dirty, top, bottom - top);
}

void vt_scroll_down(struct vt *v, u32 top, u32 bottom, u32 n)
{
	n = MIN(n, bottom - top);
	memmove(row_of(v, top + n), row_of(v, top), (bottom - top - n) * v->cols * sizeof(vt_cell));
	for (u32 y = top; y < top + n; y++)
		fill(v, y, 0, v->cols);
	bitmap_set_range(v->dirty, top, bottom - top);
}

/* ---- the cursor ---- */

void vt_move_to(struct vt *v, s32 x, s32 y)
{
	s32 low = v->origin ? v->top : 0, high = v->origin ? v->bottom : v->rows;

	v->pen.x = MAX(0, MIN(x, v->cols - 1));
	v->pen.y = MAX(low, MIN(y, high - 1));
	v->wrap_next = false;
}

/* By row and column as programs count them: within the scroll region in origin mode. */
void vt_move_absolute(struct vt *v, s32 x, s32 y)
{
	vt_move_to(v, x, v->origin ? v->top + y : y);
}

void vt_line_feed(struct vt *v)
{
	if (v->pen.y + 1 == v->bottom)
		vt_scroll_up(v, v->top, v->bottom, 1);
	else if (v->pen.y + 1 < v->rows)
		v->pen.y++;
	v->wrap_next = false;
}

void vt_reverse_line_feed(struct vt *v)
{
	if (v->pen.y == v->top)
		vt_scroll_down(v, v->top, v->bottom, 1);
	else if (v->pen.y)
		v->pen.y--;
	v->wrap_next = false;
}

void vt_carriage_return(struct vt *v)
{
	v->pen.x = 0;
	v->wrap_next = false;
}

void vt_tab(struct vt *v)
{
	u32 x = bitmap_find_set(v->tabs, v->cols, v->pen.x + 1);

	v->pen.x = MIN(x, v->cols - 1u);
	v->wrap_next = false;
}

void vt_default_tabs(struct vt *v)
{
	memset(v->tabs, 0, sizeof(v->tabs));
	for (u32 x = TAB_STOP; x < VT_MAX_COLS; x += TAB_STOP)
		bitmap_set(v->tabs, x);
}

void vt_save_cursor(struct vt *v)
{
	v->saved = v->pen;
}

void vt_restore_cursor(struct vt *v)
{
	v->pen = v->saved;
	v->wrap_next = false;
	vt_update_attr(v);
}

/* ---- inserting and deleting ---- */

void vt_insert_chars(struct vt *v, u32 n)
{
	vt_cell *c = row_of(v, v->pen.y) + v->pen.x;
	u32 left = v->cols - v->pen.x;

	n = MIN(n, left);
	memmove(c + n, c, (left - n) * sizeof(*c));
	fill(v, v->pen.y, v->pen.x, n);
	v->wrap_next = false;
}

void vt_delete_chars(struct vt *v, u32 n)
{
	vt_cell *c = row_of(v, v->pen.y) + v->pen.x;
	u32 left = v->cols - v->pen.x;

	n = MIN(n, left);
	memmove(c, c + n, (left - n) * sizeof(*c));
	fill(v, v->pen.y, v->cols - n, n);
	v->wrap_next = false;
}

void vt_erase_chars(struct vt *v, u32 n)
{
	fill(v, v->pen.y, v->pen.x, MIN(n, (u32)v->cols - v->pen.x));
	v->wrap_next = false;
}

void vt_insert_lines(struct vt *v, u32 n)
{
	if (v->pen.y >= v->top && v->pen.y < v->bottom)
		vt_scroll_down(v, v->pen.y, v->bottom, n);
	v->wrap_next = false;
}

void vt_delete_lines(struct vt *v, u32 n)
{
	if (v->pen.y >= v->top && v->pen.y < v->bottom)
		vt_scroll_up(v, v->pen.y, v->bottom, n);
	v->wrap_next = false;
}

void vt_erase_in_line(struct vt *v, u32 how)
{
	if (how == 0)
		fill(v, v->pen.y, v->pen.x, v->cols - v->pen.x);
	else if (how == 1)
		fill(v, v->pen.y, 0, v->pen.x + 1);
	else if (how == 2)
		fill(v, v->pen.y, 0, v->cols);
	v->wrap_next = false;
}

void vt_erase_in_display(struct vt *v, u32 how)
{
	u32 from = how == 0 ? v->pen.y + 1u : 0, to = how == 1 ? v->pen.y : v->rows;

	if (how > 3)
		return;
	if (how < 2)
		vt_erase_in_line(v, how);
	for (u32 y = from; y < to; y++)
		fill(v, y, 0, v->cols);
	v->wrap_next = false;
}

/* ---- printing ---- */

void vt_put_glyph(struct vt *v, u8 glyph)
{
	if (v->wrap_next) {
		vt_carriage_return(v);
		vt_line_feed(v);
	}
	if (v->insert)
		vt_insert_chars(v, 1);
	row_of(v, v->pen.y)[v->pen.x] = v->attr << 8 | glyph;
	mark(v, v->pen.y);
	v->last_glyph = glyph;
	if (v->pen.x + 1 < v->cols)
		v->pen.x++;
	else
		v->wrap_next = v->autowrap;
}

struct range {
	u32 first, last;
};

static bool in_ranges(const struct range *r, u32 n, u32 code)
{
	for (u32 i = 0; i < n; i++)
		if (code >= r[i].first && code <= r[i].last)
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
	return in_ranges(two, ARRAY_SIZE(two), code) ? 2 : 1;
}

static void put_code(struct vt *v, u32 code)
{
	u32 width = width_of(code);
	u8 glyph;

	if (!width)
		return;
	glyph = vt_glyph(code);
	vt_put_glyph(v, glyph ? glyph : REPLACEMENT);
	if (width == 2)
		vt_put_glyph(v, ' ');
}

void vt_put_byte(struct vt *v, u8 c)
{
	u8 charset = v->pen.charset[v->pen.shift];

	if (charset == VT_CHARSET_GRAPHICS && c >= 0x60 && c < 0x60 + ARRAY_SIZE(graphics))
		vt_put_glyph(v, graphics[c - 0x60]);
	else if (charset == VT_CHARSET_RAW || c < 0x80)
		vt_put_glyph(v, c);
	else
		put_code(v, c); /* Latin-1 */
}

void vt_put_broken(struct vt *v)
{
	if (v->code_left)
		vt_put_glyph(v, REPLACEMENT);
	v->code_left = 0;
}

/* One byte of UTF-8; ill-formed sequences show as one replacement each. */
void vt_put_utf8(struct vt *v, u8 c)
{
	if (v->code_left && (c & 0xc0) == 0x80) {
		v->code = v->code << 6 | (c & 0x3f);
		if (--v->code_left)
			return;
		put_code(v, v->code >= v->code_min && v->code <= 0x10ffff &&
					    (v->code & 0xfffff800) != 0xd800
				    ? v->code
				    : 0xfffd);
		return;
	}
	vt_put_broken(v);
	if (c < 0x80) {
		vt_put_byte(v, c);
	} else if (c >= 0xc2 && c < 0xf5) {
		v->code_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		v->code = c & (0x3f >> v->code_left);
		v->code_min = c < 0xe0 ? 0x80 : c < 0xf0 ? 0x800 : 0x10000;
	} else {
		vt_put_glyph(v, REPLACEMENT);
	}
}

/* Printing ASCII from the cursor on, as far as it goes on this line. @return bytes used */
size_t vt_put_run(struct vt *v, const u8 *s, size_t n)
{
	vt_cell *c = row_of(v, v->pen.y) + v->pen.x, attr = v->attr << 8;
	size_t room = v->cols - 1 - v->pen.x, k = 0;

	n = MIN(n, room);
	while (k < n && s[k] >= ' ' && s[k] < 0x7f)
		*c++ = attr | s[k++];
	if (k) {
		v->last_glyph = s[k - 1];
		v->pen.x += k;
		mark(v, v->pen.y);
	}
	return k;
}
