// SPDX-License-Identifier: MIT
/*
 * Text on the framebuffer that the boot loader hands over.
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
	u32 x, y;
	bool visible;
} cursor_at;

/* VGA's palette. */
static const u8 palette[16][3] = {
	{ 0x00, 0x00, 0x00 }, { 0x00, 0x00, 0xaa }, { 0x00, 0xaa, 0x00 }, { 0x00, 0xaa, 0xaa },
	{ 0xaa, 0x00, 0x00 }, { 0xaa, 0x00, 0xaa }, { 0xaa, 0x55, 0x00 }, { 0xaa, 0xaa, 0xaa },
	{ 0x55, 0x55, 0x55 }, { 0x55, 0x55, 0xff }, { 0x55, 0xff, 0x55 }, { 0x55, 0xff, 0xff },
	{ 0xff, 0x55, 0x55 }, { 0xff, 0x55, 0xff }, { 0xff, 0xff, 0x55 }, { 0xff, 0xff, 0xff },
};

static u32 channel(u8 value, u8 pos, u8 len)
{
	return len && len <= 8 ? (u32)(value >> (8 - len)) << pos : 0;
}

static void make_colours(const struct boot_framebuffer *fb)
{
	for (u32 i = 0; i < 16; i++)
		colours[i] = channel(palette[i][0], fb->r_pos, fb->r_len) |
			     channel(palette[i][1], fb->g_pos, fb->g_len) |
			     channel(palette[i][2], fb->b_pos, fb->b_len);
}

/* A row of eight dots: foreground where @bits has ones. */
static void draw_dots(u8 *to, u8 bits, u32 fg, u32 bg)
{
	for (u32 i = 0; i < FONT_WIDTH; i++, to += dot_bytes) {
		u32 dot = bits & (0x80 >> i) ? fg : bg;

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

static void draw_cell(u32 x, u32 y, u16 cell, bool cursor)
{
	u8 *to = memory + (u64)y * FONT_HEIGHT * pitch + (u64)x * FONT_WIDTH * dot_bytes;
	const u8 *glyph = font_8x16[cell & 0xff];
	u32 fg = colours[cell >> 8 & 0xf], bg = colours[cell >> 12 & 0x7];

	for (u32 row = 0; row < FONT_HEIGHT; row++, to += pitch)
		draw_dots(to, cursor && row >= FONT_HEIGHT - CURSOR_ROWS ? 0xff : glyph[row], fg,
			  bg);
}

static void fb_draw(struct display *d, u32 x, u32 y, const u16 *cells, u32 n)
{
	for (u32 i = 0; i < n; i++, x++) {
		drawn[y * width_cells + x] = cells[i];
		draw_cell(x, y, cells[i],
			  cursor_at.visible && cursor_at.x == x && cursor_at.y == y);
	}
}

static void fb_cursor(struct display *d, u32 x, u32 y, bool visible)
{
	if (cursor_at.visible)
		draw_cell(cursor_at.x, cursor_at.y, drawn[cursor_at.y * width_cells + cursor_at.x],
			  false);
	cursor_at.x = x;
	cursor_at.y = y;
	cursor_at.visible = visible;
	if (visible)
		draw_cell(x, y, drawn[y * width_cells + x], true);
}

static struct display fb_display = {
	.name = "framebuffer",
	.cleared = true,
	.draw = fb_draw,
	.cursor = fb_cursor,
};

static bool usable(const struct boot_framebuffer *fb)
{
	u32 bytes = (fb->bpp + 7) / 8;

	return fb->present && fb->addr && bytes >= 2 && bytes <= 4 &&
	       fb->width >= FONT_WIDTH * 20 && fb->height >= FONT_HEIGHT * 5 &&
	       fb->width <= 16384 && fb->height <= 16384 &&
	       (u64)fb->pitch >= (u64)fb->width * bytes && fb->r_pos < 32 && fb->g_pos < 32 &&
	       fb->b_pos < 32;
}

static void clear_all(const struct boot_framebuffer *fb)
{
	for (u32 y = 0; y < fb->height; y++)
		memset(memory + (u64)y * pitch, 0, (u64)fb->width * dot_bytes);
	for (u32 i = 0; i < (u32)fb_display.cols * fb_display.rows; i++)
		drawn[i] = DISPLAY_BLANK;
}

struct display *fbtext_probe(void)
{
	const struct boot_framebuffer *fb = &boot_info.fb;

	if (!usable(fb))
		return NULL;
	pitch = fb->pitch;
	dot_bytes = (fb->bpp + 7) / 8;
	fb_display.cols = MIN(fb->width / FONT_WIDTH, (u32)VT_MAX_COLS);
	fb_display.rows = MIN(fb->height / FONT_HEIGHT, (u32)VT_MAX_ROWS);
	width_cells = fb_display.cols;
	drawn = kcalloc((u32)fb_display.cols * fb_display.rows, sizeof(*drawn));
	if (!drawn)
		return NULL;
	memory = krange_map_phys(fb->addr, (u64)fb->height * pitch, KCACHE_WC);
	if (!memory) {
		kfree(drawn);
		return NULL;
	}
	make_colours(fb);
	clear_all(fb);
	return &fb_display;
}
