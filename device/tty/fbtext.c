// SPDX-License-Identifier: MIT
/*
 * Text on the framebuffer that the boot loader provides.
 *
 * Each cell is 8 by 16 dots of 2, 3 or 4 bytes. The sixteen colours are made
 * into dots of this screen's format once. The memory is mapped write-combining
 * and never read; the caller draws only cells that changed, so scrolling needs
 * no help from here. The cursor is a bar in the last two rows of its cell; the
 * cell below it is remembered, to draw it again when the cursor leaves.
 *
 * No lock: the caller makes one call at a time.
 */
#include <asm/io.h>
#include <kernel/boot.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include "fbtext.h"
#include "font.h"
#include "vt.h"

#define CURSOR_ROWS 2

static u8 *memory;
static u32 pitch, dot_bytes, width_cells;
static u32 colours[16];
static u16 *drawn; /* what each cell shows */
static struct {
	u32 column, row;
	bool visible;
} cursor_at;

/* VGA's palette. */
static const u8 palette[16][3] = {
	{ 0x00, 0x00, 0x00 }, { 0x00, 0x00, 0xaa }, { 0x00, 0xaa, 0x00 }, { 0x00, 0xaa, 0xaa },
	{ 0xaa, 0x00, 0x00 }, { 0xaa, 0x00, 0xaa }, { 0xaa, 0x55, 0x00 }, { 0xaa, 0xaa, 0xaa },
	{ 0x55, 0x55, 0x55 }, { 0x55, 0x55, 0xff }, { 0x55, 0xff, 0x55 }, { 0x55, 0xff, 0xff },
	{ 0xff, 0x55, 0x55 }, { 0xff, 0x55, 0xff }, { 0xff, 0xff, 0x55 }, { 0xff, 0xff, 0xff },
};

static u32 fb_channel(u8 value, u8 pos, u8 len)
{
	if (!len || len > 8)
		return 0;
	return (u32)(value >> (8 - len)) << pos;
}

static void fb_make_colours(const struct boot_framebuffer *framebuffer)
{
	for (u32 i = 0; i < 16; i++)
		colours[i] = fb_channel(palette[i][0], framebuffer->r_pos, framebuffer->r_len) |
			     fb_channel(palette[i][1], framebuffer->g_pos, framebuffer->g_len) |
			     fb_channel(palette[i][2], framebuffer->b_pos, framebuffer->b_len);
}

/* A row of eight dots: foreground where @bits has ones. */
static void fb_draw_dots(u8 *to, u8 bits, u32 foreground, u32 background)
{
	for (u32 i = 0; i < FONT_WIDTH; i++, to += dot_bytes) {
		u32 dot = bits & (0x80 >> i) ? foreground : background;

		if (dot_bytes == 4) {
			*(volatile u32 *)to = dot;
		} else if (dot_bytes == 2) {
			*(volatile u16 *)to = dot;
		} else {
			*(volatile u16 *)to = dot;
			*(volatile u8 *)(to + 2) = dot >> 16;
		}
	}
}

static void fb_draw_cell(u32 column, u32 row, u16 cell, bool cursor)
{
	u8 *to = memory + (u64)row * FONT_HEIGHT * pitch + (u64)column * FONT_WIDTH * dot_bytes;
	const u8 *glyph = font_8x16[cell & 0xff];
	u32 foreground = colours[cell >> 8 & 0xf], background = colours[cell >> 12 & 0x7];

	for (u32 line = 0; line < FONT_HEIGHT; line++, to += pitch) {
		u8 bits = glyph[line];

		if (cursor && line >= FONT_HEIGHT - CURSOR_ROWS)
			bits = 0xff;
		fb_draw_dots(to, bits, foreground, background);
	}
}

static void fb_draw(struct display *display, u32 column, u32 row, const u16 *cells, u32 count)
{
	for (u32 i = 0; i < count; i++, column++) {
		drawn[row * width_cells + column] = cells[i];
		fb_draw_cell(column, row, cells[i],
			     cursor_at.visible && cursor_at.column == column &&
				     cursor_at.row == row);
	}
}

static void fb_cursor(struct display *display, u32 column, u32 row, bool visible)
{
	if (cursor_at.visible)
		fb_draw_cell(cursor_at.column, cursor_at.row,
			     drawn[cursor_at.row * width_cells + cursor_at.column], false);
	cursor_at.column = column;
	cursor_at.row = row;
	cursor_at.visible = visible;
	if (visible)
		fb_draw_cell(column, row, drawn[row * width_cells + column], true);
}

static struct display fb_display = {
	.name = "framebuffer",
	.cleared = true,
	.draw = fb_draw,
	.cursor = fb_cursor,
};

static bool fb_is_usable(const struct boot_framebuffer *framebuffer)
{
	u32 bytes = (framebuffer->bpp + 7) / 8;

	return framebuffer->present && framebuffer->addr && bytes >= 2 && bytes <= 4 &&
	       framebuffer->width >= FONT_WIDTH * 20 && framebuffer->height >= FONT_HEIGHT * 5 &&
	       framebuffer->width <= 16384 && framebuffer->height <= 16384 &&
	       (u64)framebuffer->pitch >= (u64)framebuffer->width * bytes &&
	       framebuffer->r_pos < 32 && framebuffer->g_pos < 32 && framebuffer->b_pos < 32;
}

static void fb_clear(const struct boot_framebuffer *framebuffer)
{
	for (u32 row = 0; row < framebuffer->height; row++)
		memset(memory + (u64)row * pitch, 0, (u64)framebuffer->width * dot_bytes);
	for (u32 i = 0; i < (u32)fb_display.cols * fb_display.rows; i++)
		drawn[i] = DISPLAY_BLANK;
}

struct display *fbtext_probe(void)
{
	const struct boot_framebuffer *framebuffer = &boot_info.fb;

	if (!fb_is_usable(framebuffer))
		return NULL;
	pitch = framebuffer->pitch;
	dot_bytes = (framebuffer->bpp + 7) / 8;
	fb_display.cols = MIN(framebuffer->width / FONT_WIDTH, (u32)VT_MAX_COLS);
	fb_display.rows = MIN(framebuffer->height / FONT_HEIGHT, (u32)VT_MAX_ROWS);
	width_cells = fb_display.cols;
	drawn = kcalloc((u32)fb_display.cols * fb_display.rows, sizeof(*drawn));
	if (!drawn)
		return NULL;
	memory = krange_map_phys(framebuffer->addr, (u64)framebuffer->height * pitch, KCACHE_WC);
	if (!memory) {
		kfree(drawn);
		return NULL;
	}
	fb_make_colours(framebuffer);
	fb_clear(framebuffer);
	return &fb_display;
}
