// SPDX-License-Identifier: MIT
/*
 * A screen of characters driven by escape sequences: the subset of ECMA-48 and
 * DEC's additions that Linux's console understands, so that TERM=linux fits.
 *
 * vt_write() runs a state machine over the bytes. Control characters act at
 * once, even inside a sequence; a sequence's parameters are collected until its
 * final byte selects the action. vt_screen.c prints characters;
 * runs of ASCII, the most frequent case, take a fast path.
 *
 * The wanted content of the screen is in cells, the set of changed rows in dirty. The
 * caller compares and draws. This file accesses no hardware.
 *
 * Left out: mouse reports, palettes, fonts, the alternate screen (TERM=linux has
 * none), and double-width glyphs, which take two cells of a replacement.
 * Sources: ECMA-48, VT102 user guide, console_codes(4).
 */
#include <kernel/bitmap.h>
#include <kernel/string.h>
#include "vt_internal.h"

enum { GROUND, ESCAPE, ESCAPE_CHARSET, ESCAPE_SKIP, CSI, CSI_IGNORE, STRING, STRING_ESCAPE };

#define DEFAULT_FOREGROUND 7
#define DEFAULT_BACKGROUND 0

/* Colours in ANSI's order, as VGA numbers them. */
static const u8 vga_colour[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };

/* ---- answers ---- */

static void vt_reply(struct vt *vt, const char *text)
{
	size_t length = strlen(text);

	if (length > VT_REPLY_SIZE - vt->reply_len)
		return;
	memcpy(vt->reply + vt->reply_len, text, length);
	vt->reply_len += length;
}

static void vt_reply_number(struct vt *vt, u32 number)
{
	char digits[12], *cursor = digits + sizeof(digits) - 1;

	*cursor = 0;
	do
		*--cursor = '0' + number % 10;
	while (number /= 10);
	vt_reply(vt, cursor);
}

static void vt_report_cursor(struct vt *vt)
{
	vt_reply(vt, "\033[");
	vt_reply_number(vt, vt->pen.row + 1 - vt_origin(vt));
	vt_reply(vt, ";");
	vt_reply_number(vt, vt->pen.column + 1);
	vt_reply(vt, "R");
}

static void vt_identify(struct vt *vt)
{
	vt_reply(vt, "\033[?6c");
} /* a VT102 */

/* ---- looks: SGR ---- */

/* The nearest of the sixteen colours. */
static u8 colour_nearest(u32 red, u32 green, u32 blue)
{
	u32 most = MAX(red, MAX(green, blue)), level = most / 2 + 32;
	u8 colour = (red > level) << 2 | (green > level) << 1 | (blue > level);

	if (colour == 7 && most <= 0x55)
		return 8;
	if (most > 0xaa)
		colour |= 8;
	return colour;
}

static u8 colour_of_256(u32 number)
{
	static const u8 step[6] = { 0, 0x5f, 0x87, 0xaf, 0xd7, 0xff };

	if (number < 8)
		return vga_colour[number];
	if (number < 16)
		return vga_colour[number - 8] | 8;
	if (number >= 232) {
		number = (number - 232) * 10 + 8;
		return colour_nearest(number, number, number);
	}
	number -= 16;
	return colour_nearest(step[number / 36], step[number / 6 % 6], step[number % 6]);
}

/* 38 and 48: ";5;N" or ";2;R;G;B". @return parameters used besides the first */
static u32 vt_extended_colour(struct vt *vt, u32 index, u8 *out)
{
	const u16 *params = vt->params + index;
	u32 left = vt->nr_params - index - 1;

	if (left >= 2 && params[1] == 5) {
		*out = colour_of_256(params[2] & 0xff);
		return 2;
	}
	if (left >= 4 && params[1] == 2) {
		*out = colour_nearest(params[2] & 0xff, params[3] & 0xff, params[4] & 0xff);
		return 4;
	}
	return left;
}

static void vt_default_looks(struct vt *vt)
{
	struct vt_pen *pen = &vt->pen;

	pen->foreground = DEFAULT_FOREGROUND;
	pen->background = DEFAULT_BACKGROUND;
	pen->intensity = 1;
	pen->italic = pen->underline = pen->blink = pen->reverse = false;
}

static void vt_set_font(struct vt *vt, u32 font)
{
	vt->show_controls = font == 11;
	vt->pen.charset[0] = font == 10 ? VT_CHARSET_LATIN : VT_CHARSET_RAW;
	vt->pen.shift = 0;
}

/* @return parameters used besides this one */
static u32 vt_set_look(struct vt *vt, u32 index)
{
	struct vt_pen *pen = &vt->pen;
	u32 look = vt->params[index], used = 0;
	u8 colour = 0;

	switch (look) {
	case 0: vt_default_looks(vt); break;
	case 1: pen->intensity = 2; break;
	case 2: pen->intensity = 0; break;
	case 3: pen->italic = true; break;
	case 4:
	case 21: pen->underline = true; break;
	case 5: pen->blink = true; break;
	case 7: pen->reverse = true; break;
	case 10:
	case 11:
	case 12: vt_set_font(vt, look); break;
	case 22: pen->intensity = 1; break;
	case 23: pen->italic = false; break;
	case 24: pen->underline = false; break;
	case 25: pen->blink = false; break;
	case 27: pen->reverse = false; break;
	case 38:
		colour = pen->foreground;
		used = vt_extended_colour(vt, index, &colour);
		pen->foreground = colour & 7;
		pen->intensity = colour & 8 ? 2 : 1;
		break;
	case 39: pen->foreground = DEFAULT_FOREGROUND; break;
	case 48:
		colour = pen->background;
		used = vt_extended_colour(vt, index, &colour);
		pen->background = colour & 7;
		break;
	case 49: pen->background = DEFAULT_BACKGROUND; break;
	case 30 ... 37: pen->foreground = vga_colour[look - 30]; break;
	case 40 ... 47: pen->background = vga_colour[look - 40]; break;
	case 90 ... 97:
		pen->foreground = vga_colour[look - 90];
		pen->intensity = 2;
		break;
	case 100 ... 107: pen->background = vga_colour[look - 100]; break;
	}
	return used;
}

static void vt_set_looks(struct vt *vt)
{
	for (u32 i = 0; i < vt->nr_params; i++)
		i += vt_set_look(vt, i);
	vt_update_attr(vt);
}

/* ---- modes ---- */

/* A parameter of the sequence; 0 or none means @p missing. */
static u32 vt_param(const struct vt *vt, u32 index, u32 missing)
{
	if (index >= vt->nr_params || !vt->params[index])
		return missing;
	return vt->params[index];
}

static void vt_set_reverse_screen(struct vt *vt, bool enable)
{
	if (vt->reverse_screen == enable)
		return;
	vt->reverse_screen = enable;
	for (u32 i = 0; i < (u32)vt->rows * vt->cols; i++) {
		u8 attr = vt->cells[i] >> 8;

		attr = (attr & 0x88) | ((attr >> 4 | attr << 4) & 0x77);
		vt->cells[i] = attr << 8 | (vt->cells[i] & 0xff);
	}
	vt_touch_all(vt);
	vt_update_attr(vt);
}

static void vt_set_private_mode(struct vt *vt, u32 mode, bool enable)
{
	switch (mode) {
	case 1: vt->app_cursor = enable; break;
	case 5: vt_set_reverse_screen(vt, enable); break;
	case 6:
		vt->origin = enable;
		vt_move_absolute(vt, 0, 0);
		break;
	case 7:
		vt->autowrap = enable;
		vt->wrap_next &= enable;
		break;
	case 25: vt->cursor_visible = enable; break;
	}
}

static void vt_set_modes(struct vt *vt, bool enable)
{
	for (u32 i = 0; i < vt->nr_params; i++) {
		if (vt->prefix == '?')
			vt_set_private_mode(vt, vt->params[i], enable);
		else if (vt->params[i] == 3)
			vt->show_controls = enable;
		else if (vt->params[i] == 4)
			vt->insert = enable;
		else if (vt->params[i] == 20)
			vt->newline = enable;
	}
}

static void vt_set_region(struct vt *vt)
{
	u32 top = vt_param(vt, 0, 1), bottom = vt_param(vt, 1, vt->rows);

	if (top >= bottom || bottom > vt->rows)
		return;
	vt->top = top - 1;
	vt->bottom = bottom;
	vt_move_absolute(vt, 0, 0);
}

void vt_reset(struct vt *vt)
{
	memset(&vt->pen, 0, sizeof(vt->pen));
	vt_default_looks(vt);
	vt->pen.charset[1] = VT_CHARSET_GRAPHICS;
	vt->saved = vt->pen;
	vt->top = 0;
	vt->bottom = vt->rows;
	vt->origin = vt->insert = vt->newline = vt->app_cursor = vt->app_keypad = false;
	vt->reverse_screen = vt->show_controls = vt->wrap_next = false;
	vt->autowrap = vt->cursor_visible = vt->utf8 = true;
	vt->state = GROUND;
	vt->code_left = 0;
	vt_default_tabs(vt);
	vt_update_attr(vt);
	vt_erase_in_display(vt, 2);
}

void vt_init(struct vt *vt, u32 cols, u32 rows, vt_cell *cells)
{
	memset(vt, 0, sizeof(*vt));
	vt->cols = cols;
	vt->rows = rows;
	vt->cells = cells;
	vt_reset(vt);
}

/* ---- sequences ---- */

static void vt_clear_tabs(struct vt *vt)
{
	if (vt->params[0] == 0)
		bitmap_clear(vt->tabs, vt->pen.column);
	else if (vt->params[0] == 3)
		memset(vt->tabs, 0, sizeof(vt->tabs));
}

static void vt_repeat(struct vt *vt, u32 count)
{
	count = MIN(count, (u32)vt->cols * vt->rows);
	while (count--)
		vt_put_glyph(vt, vt->last_glyph);
}

/* Movements: @count is the first parameter, at least 1. @return false: not one of them */
static bool csi_move(struct vt *vt, u8 final, s32 count)
{
	s32 column = vt->pen.column, row = vt->pen.row;
	s32 second = vt_param(vt, 1, 1);

	switch (final) {
	case 'A': vt_move_to(vt, column, row - count); return true;
	case 'B':
	case 'e': vt_move_to(vt, column, row + count); return true;
	case 'C':
	case 'a': vt_move_to(vt, column + count, row); return true;
	case 'D': vt_move_to(vt, column - count, row); return true;
	case 'E': vt_move_to(vt, 0, row + count); return true;
	case 'F': vt_move_to(vt, 0, row - count); return true;
	case 'G':
	case '`': vt_move_to(vt, count - 1, row); return true;
	case 'd': vt_move_absolute(vt, column, count - 1); return true;
	case 'H':
	case 'f': vt_move_absolute(vt, second - 1, count - 1); return true;
	}
	return false;
}

static bool csi_edit(struct vt *vt, u8 final, u32 count)
{
	switch (final) {
	case '@': vt_insert_chars(vt, count); return true;
	case 'J': vt_erase_in_display(vt, vt->params[0]); return true;
	case 'K': vt_erase_in_line(vt, vt->params[0]); return true;
	case 'L': vt_insert_lines(vt, count); return true;
	case 'M': vt_delete_lines(vt, count); return true;
	case 'P': vt_delete_chars(vt, count); return true;
	case 'S': vt_scroll_up(vt, vt->top, vt->bottom, count); return true;
	case 'T': vt_scroll_down(vt, vt->top, vt->bottom, count); return true;
	case 'X': vt_erase_chars(vt, count); return true;
	case 'b': vt_repeat(vt, count); return true;
	}
	return false;
}

static void csi_final(struct vt *vt, u8 final)
{
	u32 count = vt_param(vt, 0, 1);

	if (vt->intermediate)
		return;
	if (final == 'h' || final == 'l') {
		vt_set_modes(vt, final == 'h');
		return;
	}
	if (vt->prefix || csi_move(vt, final, count) || csi_edit(vt, final, count))
		return;
	switch (final) {
	case 'c':
		if (!vt->params[0])
			vt_identify(vt);
		break;
	case 'g': vt_clear_tabs(vt); break;
	case 'm': vt_set_looks(vt); break;
	case 'n':
		if (vt->params[0] == 5)
			vt_reply(vt, "\033[0n");
		else if (vt->params[0] == 6)
			vt_report_cursor(vt);
		break;
	case 'r': vt_set_region(vt); break;
	case 's': vt_save_cursor(vt); break;
	case 'u': vt_restore_cursor(vt); break;
	}
}

static void csi_begin(struct vt *vt)
{
	memset(vt->params, 0, sizeof(vt->params));
	vt->nr_params = 1;
	vt->prefix = vt->intermediate = 0;
	vt->state = CSI;
}

static void csi_byte(struct vt *vt, u8 byte)
{
	u16 *param = &vt->params[vt->nr_params - 1];

	if (byte >= '0' && byte <= '9') {
		*param = MIN(*param * 10u + byte - '0', 9999u);
	} else if (byte == ';' || byte == ':') {
		if (vt->nr_params < VT_PARAMS)
			vt->nr_params++;
		else
			vt->state = CSI_IGNORE;
	} else if (byte >= '<' && byte <= '?') {
		vt->prefix = byte;
	} else if (byte < 0x30) {
		vt->intermediate = byte;
	} else {
		vt->state = GROUND;
		csi_final(vt, byte);
	}
}

static void vt_select_charset(struct vt *vt, u8 which, u8 byte)
{
	switch (byte) {
	case '0': vt->pen.charset[which] = VT_CHARSET_GRAPHICS; break;
	case 'U': vt->pen.charset[which] = VT_CHARSET_RAW; break;
	default: vt->pen.charset[which] = VT_CHARSET_LATIN; break;
	}
}

static void vt_fill_with_e(struct vt *vt)
{
	for (u32 i = 0; i < (u32)vt->rows * vt->cols; i++)
		vt->cells[i] = (vt_blank(vt) & 0xff00) | 'E';
	vt_touch_all(vt);
}

/* The byte after ESC and one of ( ) # %. */
static void escape_second(struct vt *vt, u8 byte)
{
	vt->state = GROUND;
	if (vt->intermediate == '(' || vt->intermediate == ')')
		vt_select_charset(vt, vt->intermediate == ')', byte);
	else if (vt->intermediate == '#' && byte == '8')
		vt_fill_with_e(vt);
	else if (vt->intermediate == '%' && (byte == 'G' || byte == '8' || byte == '@'))
		vt->utf8 = byte != '@';
}

static void escape_byte(struct vt *vt, u8 byte)
{
	vt->state = GROUND;
	switch (byte) {
	case '[': csi_begin(vt); break;
	case ']':
	case 'P':
	case '_':
	case '^':
	case 'X': vt->state = STRING; break;
	case '(':
	case ')':
	case '#':
	case '%':
		vt->intermediate = byte;
		vt->state = ESCAPE_CHARSET;
		break;
	case ' ':
	case '*':
	case '+': vt->state = ESCAPE_SKIP; break;
	case 'D': vt_line_feed(vt); break;
	case 'E':
		vt_carriage_return(vt);
		vt_line_feed(vt);
		break;
	case 'H': bitmap_set(vt->tabs, vt->pen.column); break;
	case 'M': vt_reverse_line_feed(vt); break;
	case 'Z': vt_identify(vt); break;
	case '7': vt_save_cursor(vt); break;
	case '8': vt_restore_cursor(vt); break;
	case '=': vt->app_keypad = true; break;
	case '>': vt->app_keypad = false; break;
	case 'c': vt_reset(vt); break;
	}
}

/* Strings such as operating-system commands are ignored up to BEL or ESC \. */
static void string_byte(struct vt *vt, u8 byte)
{
	if (vt->state == STRING_ESCAPE && byte != '\\') {
		escape_byte(vt, byte); /* it was another sequence */
		return;
	}
	if (byte == 0x07 || vt->state == STRING_ESCAPE || byte == 0x18 || byte == 0x1a)
		vt->state = GROUND;
	else if (byte == 0x1b)
		vt->state = STRING_ESCAPE;
}

static void vt_control(struct vt *vt, u8 byte)
{
	switch (byte) {
	case 0x07: vt->bell = true; break;
	case '\b':
		if (vt->pen.column)
			vt->pen.column--;
		vt->wrap_next = false;
		break;
	case '\t': vt_tab(vt); break;
	case '\n':
	case 0x0b:
	case 0x0c:
		vt_line_feed(vt);
		if (vt->newline)
			vt_carriage_return(vt);
		break;
	case '\r': vt_carriage_return(vt); break;
	case 0x0e: vt->pen.shift = 1; break;
	case 0x0f: vt->pen.shift = 0; break;
	case 0x18:
	case 0x1a: vt->state = GROUND; break;
	case 0x1b: vt->state = ESCAPE; break;
	}
}

/* Does this control character have no glyph even in the font that shows them? */
static bool always_control(u8 byte)
{
	return !byte || (byte >= 0x07 && byte <= 0x0f) || byte == 0x18 || byte == 0x1a ||
	       byte == 0x1b;
}

static void ground_byte(struct vt *vt, u8 byte)
{
	if (vt->utf8 && !vt->show_controls && !vt->pen.shift &&
	    vt->pen.charset[0] == VT_CHARSET_LATIN)
		vt_put_utf8(vt, byte);
	else
		vt_put_byte(vt, byte);
}

static void vt_write_byte(struct vt *vt, u8 byte)
{
	if (vt->state == STRING || vt->state == STRING_ESCAPE) {
		string_byte(vt, byte);
		return;
	}
	if (byte < 0x20 && (vt->state != GROUND || !vt->show_controls || always_control(byte))) {
		vt_put_broken(vt);
		vt_control(vt, byte);
		return;
	}
	if (byte == 0x7f && !vt->show_controls)
		return;
	switch (vt->state) {
	case GROUND: ground_byte(vt, byte); break;
	case ESCAPE: escape_byte(vt, byte); break;
	case ESCAPE_CHARSET: escape_second(vt, byte); break;
	case ESCAPE_SKIP: vt->state = GROUND; break;
	case CSI: csi_byte(vt, byte); break;
	case CSI_IGNORE:
		if (byte >= 0x40)
			vt->state = GROUND;
		break;
	}
}

void vt_write(struct vt *vt, const u8 *bytes, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes;) {
		if (vt->state == GROUND && !vt->code_left && !vt->wrap_next && !vt->insert &&
		    vt->pen.charset[vt->pen.shift] == VT_CHARSET_LATIN)
			i += vt_put_run(vt, bytes + i, len_bytes - i);
		if (i < len_bytes)
			vt_write_byte(vt, bytes[i++]);
	}
}
