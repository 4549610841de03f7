// SPDX-License-Identifier: MIT
/*
 * A screen of characters driven by escape sequences: the subset of ECMA-48 and
 * DEC's additions that Linux's console understands, so that TERM=linux fits.
 *
 * vt_write() runs a state machine over the bytes. Control characters act at
 * once, even inside a sequence; a sequence's parameters are collected until its
 * final byte picks the action. Printing bytes go to the screen (vt_screen.c);
 * runs of ASCII, which is most of what there is, take a short cut.
 *
 * What the screen should show lies in cells; which rows changed, in dirty. The
 * caller compares and draws. Nothing here knows of hardware.
 *
 * Left out: mouse reports, palettes, fonts, the alternate screen (TERM=linux has
 * none), and double-width glyphs, which take two cells of a replacement.
 * Sources: ECMA-48, VT102 user guide, console_codes(4).
 */
#include <kernel/bitmap.h>
#include <kernel/string.h>
#include "vt_internal.h"

enum { GROUND, ESCAPE, ESCAPE_CHARSET, ESCAPE_SKIP, CSI, CSI_IGNORE, STRING, STRING_ESCAPE };

#define DEFAULT_FG 7
#define DEFAULT_BG 0

/* Colours in ANSI's order, as VGA numbers them. */
static const u8 vga_colour[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };

/* ---- answers ---- */

static void reply(struct vt *v, const char *s)
{
	size_t n = strlen(s);

	if (n > VT_REPLY_SIZE - v->reply_len)
		return;
	memcpy(v->reply + v->reply_len, s, n);
	v->reply_len += n;
}

static void reply_number(struct vt *v, u32 n)
{
	char digits[12], *p = digits + sizeof(digits) - 1;

	*p = 0;
	do
		*--p = '0' + n % 10;
	while (n /= 10);
	reply(v, p);
}

static void report_cursor(struct vt *v)
{
	reply(v, "\033[");
	reply_number(v, v->pen.y + 1 - (v->origin ? v->top : 0));
	reply(v, ";");
	reply_number(v, v->pen.x + 1);
	reply(v, "R");
}

static void identify(struct vt *v)
{
	reply(v, "\033[?6c");
} /* a VT102 */

/* ---- looks: SGR ---- */

/* The nearest of the sixteen colours. */
static u8 nearest(u32 r, u32 g, u32 b)
{
	u32 most = MAX(r, MAX(g, b)), level = most / 2 + 32;
	u8 c = (r > level ? 4 : 0) | (g > level ? 2 : 0) | (b > level ? 1 : 0);

	if (c == 7 && most <= 0x55)
		return 8;
	return most > 0xaa ? c | 8 : c;
}

static u8 colour_of_256(u32 n)
{
	static const u8 step[6] = { 0, 0x5f, 0x87, 0xaf, 0xd7, 0xff };

	if (n < 8)
		return vga_colour[n];
	if (n < 16)
		return vga_colour[n - 8] | 8;
	if (n >= 232) {
		n = (n - 232) * 10 + 8;
		return nearest(n, n, n);
	}
	n -= 16;
	return nearest(step[n / 36], step[n / 6 % 6], step[n % 6]);
}

/* 38 and 48: ";5;N" or ";2;R;G;B". @return parameters used besides the first */
static u32 extended_colour(struct vt *v, u32 i, u8 *out)
{
	const u16 *p = v->params + i;
	u32 left = v->nr_params - i - 1;

	if (left >= 2 && p[1] == 5) {
		*out = colour_of_256(p[2] & 0xff);
		return 2;
	}
	if (left >= 4 && p[1] == 2) {
		*out = nearest(p[2] & 0xff, p[3] & 0xff, p[4] & 0xff);
		return 4;
	}
	return left;
}

static void default_looks(struct vt *v)
{
	struct vt_pen *p = &v->pen;

	p->fg = DEFAULT_FG;
	p->bg = DEFAULT_BG;
	p->intensity = 1;
	p->italic = p->underline = p->blink = p->reverse = false;
}

static void set_font(struct vt *v, u32 n)
{
	v->show_controls = n == 11;
	v->pen.charset[0] = n == 10 ? VT_CHARSET_LATIN : VT_CHARSET_RAW;
	v->pen.shift = 0;
}

/* @return parameters used besides this one */
static u32 set_look(struct vt *v, u32 i)
{
	struct vt_pen *p = &v->pen;
	u32 n = v->params[i], used = 0;
	u8 colour = 0;

	switch (n) {
	case 0: default_looks(v); break;
	case 1: p->intensity = 2; break;
	case 2: p->intensity = 0; break;
	case 3: p->italic = true; break;
	case 4:
	case 21: p->underline = true; break;
	case 5: p->blink = true; break;
	case 7: p->reverse = true; break;
	case 10:
	case 11:
	case 12: set_font(v, n); break;
	case 22: p->intensity = 1; break;
	case 23: p->italic = false; break;
	case 24: p->underline = false; break;
	case 25: p->blink = false; break;
	case 27: p->reverse = false; break;
	case 38:
		colour = p->fg;
		used = extended_colour(v, i, &colour);
		p->fg = colour & 7;
		p->intensity = colour & 8 ? 2 : 1;
		break;
	case 39: p->fg = DEFAULT_FG; break;
	case 48:
		colour = p->bg;
		used = extended_colour(v, i, &colour);
		p->bg = colour & 7;
		break;
	case 49: p->bg = DEFAULT_BG; break;
	case 30 ... 37: p->fg = vga_colour[n - 30]; break;
	case 40 ... 47: p->bg = vga_colour[n - 40]; break;
	case 90 ... 97:
		p->fg = vga_colour[n - 90];
		p->intensity = 2;
		break;
	case 100 ... 107: p->bg = vga_colour[n - 100]; break;
	}
	return used;
}

static void set_looks(struct vt *v)
{
	for (u32 i = 0; i < v->nr_params; i++)
		i += set_look(v, i);
	vt_update_attr(v);
}

/* ---- modes ---- */

static void set_reverse_screen(struct vt *v, bool on)
{
	if (v->reverse_screen == on)
		return;
	v->reverse_screen = on;
	for (u32 i = 0; i < (u32)v->rows * v->cols; i++) {
		u8 a = v->cells[i] >> 8;

		a = (a & 0x88) | ((a >> 4 | a << 4) & 0x77);
		v->cells[i] = a << 8 | (v->cells[i] & 0xff);
	}
	vt_touch_all(v);
	vt_update_attr(v);
}

static void set_private_mode(struct vt *v, u32 mode, bool on)
{
	switch (mode) {
	case 1: v->app_cursor = on; break;
	case 5: set_reverse_screen(v, on); break;
	case 6:
		v->origin = on;
		vt_move_absolute(v, 0, 0);
		break;
	case 7:
		v->autowrap = on;
		v->wrap_next &= on;
		break;
	case 25: v->cursor_visible = on; break;
	}
}

static void set_modes(struct vt *v, bool on)
{
	for (u32 i = 0; i < v->nr_params; i++) {
		if (v->prefix == '?')
			set_private_mode(v, v->params[i], on);
		else if (v->params[i] == 3)
			v->show_controls = on;
		else if (v->params[i] == 4)
			v->insert = on;
		else if (v->params[i] == 20)
			v->newline = on;
	}
}

static void set_region(struct vt *v)
{
	u32 top = v->params[0] ? v->params[0] : 1;
	u32 bottom = v->nr_params > 1 && v->params[1] ? v->params[1] : v->rows;

	if (top >= bottom || bottom > v->rows)
		return;
	v->top = top - 1;
	v->bottom = bottom;
	vt_move_absolute(v, 0, 0);
}

void vt_reset(struct vt *v)
{
	memset(&v->pen, 0, sizeof(v->pen));
	default_looks(v);
	v->pen.charset[1] = VT_CHARSET_GRAPHICS;
	v->saved = v->pen;
	v->top = 0;
	v->bottom = v->rows;
	v->origin = v->insert = v->newline = v->app_cursor = v->app_keypad = false;
	v->reverse_screen = v->show_controls = v->wrap_next = false;
	v->autowrap = v->cursor_visible = v->utf8 = true;
	v->state = GROUND;
	v->code_left = 0;
	vt_default_tabs(v);
	vt_update_attr(v);
	vt_erase_in_display(v, 2);
}

void vt_init(struct vt *v, u32 cols, u32 rows, vt_cell *cells)
{
	memset(v, 0, sizeof(*v));
	v->cols = cols;
	v->rows = rows;
	v->cells = cells;
	vt_reset(v);
}

/* ---- sequences ---- */

static void clear_tabs(struct vt *v)
{
	if (v->params[0] == 0)
		bitmap_clear(v->tabs, v->pen.x);
	else if (v->params[0] == 3)
		memset(v->tabs, 0, sizeof(v->tabs));
}

static void repeat(struct vt *v, u32 n)
{
	n = MIN(n, (u32)v->cols * v->rows);
	while (n--)
		vt_put_glyph(v, v->last_glyph);
}

/* Movements: @n is the first parameter, at least 1. @return false: not one of them */
static bool csi_move(struct vt *v, u8 final, s32 n)
{
	s32 x = v->pen.x, y = v->pen.y;
	s32 second = v->nr_params > 1 && v->params[1] ? v->params[1] : 1;

	switch (final) {
	case 'A': vt_move_to(v, x, y - n); return true;
	case 'B':
	case 'e': vt_move_to(v, x, y + n); return true;
	case 'C':
	case 'a': vt_move_to(v, x + n, y); return true;
	case 'D': vt_move_to(v, x - n, y); return true;
	case 'E': vt_move_to(v, 0, y + n); return true;
	case 'F': vt_move_to(v, 0, y - n); return true;
	case 'G':
	case '`': vt_move_to(v, n - 1, y); return true;
	case 'd': vt_move_absolute(v, x, n - 1); return true;
	case 'H':
	case 'f': vt_move_absolute(v, second - 1, n - 1); return true;
	}
	return false;
}

static bool csi_edit(struct vt *v, u8 final, u32 n)
{
	switch (final) {
	case '@': vt_insert_chars(v, n); return true;
	case 'J': vt_erase_in_display(v, v->params[0]); return true;
	case 'K': vt_erase_in_line(v, v->params[0]); return true;
	case 'L': vt_insert_lines(v, n); return true;
	case 'M': vt_delete_lines(v, n); return true;
	case 'P': vt_delete_chars(v, n); return true;
	case 'S': vt_scroll_up(v, v->top, v->bottom, n); return true;
	case 'T': vt_scroll_down(v, v->top, v->bottom, n); return true;
	case 'X': vt_erase_chars(v, n); return true;
	case 'b': repeat(v, n); return true;
	}
	return false;
}

static void csi_final(struct vt *v, u8 final)
{
	u32 n = v->params[0] ? v->params[0] : 1;

	if (v->intermediate)
		return;
	if (final == 'h' || final == 'l') {
		set_modes(v, final == 'h');
		return;
	}
	if (v->prefix || csi_move(v, final, n) || csi_edit(v, final, n))
		return;
	switch (final) {
	case 'c':
		if (!v->params[0])
			identify(v);
		break;
	case 'g': clear_tabs(v); break;
	case 'm': set_looks(v); break;
	case 'n':
		if (v->params[0] == 5)
			reply(v, "\033[0n");
		else if (v->params[0] == 6)
			report_cursor(v);
		break;
	case 'r': set_region(v); break;
	case 's': vt_save_cursor(v); break;
	case 'u': vt_restore_cursor(v); break;
	}
}

static void csi_begin(struct vt *v)
{
	memset(v->params, 0, sizeof(v->params));
	v->nr_params = 1;
	v->prefix = v->intermediate = 0;
	v->state = CSI;
}

static void csi_byte(struct vt *v, u8 c)
{
	u16 *p = &v->params[v->nr_params - 1];

	if (c >= '0' && c <= '9') {
		*p = MIN(*p * 10u + c - '0', 9999u);
	} else if (c == ';' || c == ':') {
		if (v->nr_params < VT_PARAMS)
			v->nr_params++;
		else
			v->state = CSI_IGNORE;
	} else if (c >= '<' && c <= '?') {
		v->prefix = c;
	} else if (c < 0x30) {
		v->intermediate = c;
	} else {
		v->state = GROUND;
		csi_final(v, c);
	}
}

static void select_charset(struct vt *v, u8 which, u8 c)
{
	v->pen.charset[which] = c == '0'   ? VT_CHARSET_GRAPHICS
				: c == 'U' ? VT_CHARSET_RAW
					   : VT_CHARSET_LATIN;
}

static void fill_with_e(struct vt *v)
{
	for (u32 i = 0; i < (u32)v->rows * v->cols; i++)
		v->cells[i] = (vt_blank(v) & 0xff00) | 'E';
	vt_touch_all(v);
}

/* The byte behind ESC and one of ( ) # %. */
static void escape_second(struct vt *v, u8 c)
{
	v->state = GROUND;
	if (v->intermediate == '(' || v->intermediate == ')')
		select_charset(v, v->intermediate == ')', c);
	else if (v->intermediate == '#' && c == '8')
		fill_with_e(v);
	else if (v->intermediate == '%' && (c == 'G' || c == '8' || c == '@'))
		v->utf8 = c != '@';
}

static void escape_byte(struct vt *v, u8 c)
{
	v->state = GROUND;
	switch (c) {
	case '[': csi_begin(v); break;
	case ']':
	case 'P':
	case '_':
	case '^':
	case 'X': v->state = STRING; break;
	case '(':
	case ')':
	case '#':
	case '%':
		v->intermediate = c;
		v->state = ESCAPE_CHARSET;
		break;
	case ' ':
	case '*':
	case '+': v->state = ESCAPE_SKIP; break;
	case 'D': vt_line_feed(v); break;
	case 'E':
		vt_carriage_return(v);
		vt_line_feed(v);
		break;
	case 'H': bitmap_set(v->tabs, v->pen.x); break;
	case 'M': vt_reverse_line_feed(v); break;
	case 'Z': identify(v); break;
	case '7': vt_save_cursor(v); break;
	case '8': vt_restore_cursor(v); break;
	case '=': v->app_keypad = true; break;
	case '>': v->app_keypad = false; break;
	case 'c': vt_reset(v); break;
	}
}

/* Operating-system commands and the like: swallowed up to BEL or ESC \. */
static void string_byte(struct vt *v, u8 c)
{
	if (v->state == STRING_ESCAPE && c != '\\') {
		escape_byte(v, c); /* it was another sequence */
		return;
	}
	if (c == 0x07 || v->state == STRING_ESCAPE || c == 0x18 || c == 0x1a)
		v->state = GROUND;
	else if (c == 0x1b)
		v->state = STRING_ESCAPE;
}

static void control(struct vt *v, u8 c)
{
	switch (c) {
	case 0x07: v->bell = true; break;
	case '\b':
		if (v->pen.x)
			v->pen.x--;
		v->wrap_next = false;
		break;
	case '\t': vt_tab(v); break;
	case '\n':
	case 0x0b:
	case 0x0c:
		vt_line_feed(v);
		if (v->newline)
			vt_carriage_return(v);
		break;
	case '\r': vt_carriage_return(v); break;
	case 0x0e: v->pen.shift = 1; break;
	case 0x0f: v->pen.shift = 0; break;
	case 0x18:
	case 0x1a: v->state = GROUND; break;
	case 0x1b: v->state = ESCAPE; break;
	}
}

/* Does this control character have no glyph even in the font that shows them? */
static bool always_control(u8 c)
{
	return !c || (c >= 0x07 && c <= 0x0f) || c == 0x18 || c == 0x1a || c == 0x1b;
}

static void ground_byte(struct vt *v, u8 c)
{
	if (v->utf8 && !v->show_controls && !v->pen.shift && v->pen.charset[0] == VT_CHARSET_LATIN)
		vt_put_utf8(v, c);
	else
		vt_put_byte(v, c);
}

static void write_byte(struct vt *v, u8 c)
{
	if (v->state == STRING || v->state == STRING_ESCAPE) {
		string_byte(v, c);
		return;
	}
	if (c < 0x20 && (v->state != GROUND || !v->show_controls || always_control(c))) {
		vt_put_broken(v);
		control(v, c);
		return;
	}
	if (c == 0x7f && !v->show_controls)
		return;
	switch (v->state) {
	case GROUND: ground_byte(v, c); break;
	case ESCAPE: escape_byte(v, c); break;
	case ESCAPE_CHARSET: escape_second(v, c); break;
	case ESCAPE_SKIP: v->state = GROUND; break;
	case CSI: csi_byte(v, c); break;
	case CSI_IGNORE:
		if (c >= 0x40)
			v->state = GROUND;
		break;
	}
}

void vt_write(struct vt *v, const u8 *s, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes;) {
		if (v->state == GROUND && !v->code_left && !v->wrap_next && !v->insert &&
		    v->pen.charset[v->pen.shift] == VT_CHARSET_LATIN)
			i += vt_put_run(v, s + i, len_bytes - i);
		if (i < len_bytes)
			write_byte(v, s[i++]);
	}
}
