// SPDX-License-Identifier: MIT
/*
 * VGA in text mode, 80 columns by 25 rows, as the firmware left it.
 *
 * A character and its attribute are 16 bits in a window at 0xb8000; the cursor
 * is placed by the CRT controller. The display is present if the controller keeps what is
 * written to a register, the graphics controller is in alphanumeric mode, and
 * the window behaves like memory; under UEFI one of these fails. Nothing is
 * read back later: the caller keeps what it draws.
 *
 * No lock: the caller makes one call at a time. Source: IBM VGA Technical Reference.
 */
#include <asm/console.h>
#include <asm/io.h>
#include <kernel/heap.h>

#define VGA_MEMORY 0xb8000
#define VGA_SIZE   0x8000
#define COLS	   80
#define ROWS	   25

#define CRTC_INDEX	  0x3d4
#define CRTC_DATA	  0x3d5
#define CRTC_CURSOR_START 0x0a
#define CURSOR_OFF	  0x20
#define CRTC_START_HIGH	  0x0c
#define CRTC_START_LOW	  0x0d
#define CRTC_CURSOR_HIGH  0x0e
#define CRTC_CURSOR_LOW	  0x0f
#define GRAPHICS_INDEX	  0x3ce
#define GRAPHICS_DATA	  0x3cf
#define GRAPHICS_MISC	  0x06
#define MISC_GRAPHICS	  0x01
#define MISC_OUTPUT_READ  0x3cc
#define MISC_COLOUR	  0x01 /* the CRT controller is at 0x3d4 */

static volatile u16 *memory;
static u8 cursor_start;
static bool cursor_shown;

static u8 crtc_read(u8 index)
{
	outb(CRTC_INDEX, index);
	return inb(CRTC_DATA);
}

static void crtc_write(u8 index, u8 value)
{
	outb(CRTC_INDEX, index);
	outb(CRTC_DATA, value);
}

static void vga_draw(struct display *display, u32 x, u32 y, const u16 *cells, u32 count)
{
	volatile u16 *to = memory + y * COLS + x;

	while (count--)
		*to++ = *cells++;
}

static void vga_cursor(struct display *display, u32 x, u32 y, bool visible)
{
	u32 at = y * COLS + x;

	if (visible != cursor_shown) {
		crtc_write(CRTC_CURSOR_START, visible ? cursor_start : CURSOR_OFF);
		cursor_shown = visible;
	}
	if (!visible)
		return;
	crtc_write(CRTC_CURSOR_HIGH, at >> 8);
	crtc_write(CRTC_CURSOR_LOW, at & 0xff);
}

static struct display vga = {
	.name = "VGA text",
	.cols = COLS,
	.rows = ROWS,
	.draw = vga_draw,
	.cursor = vga_cursor,
};

static bool in_text_mode(void)
{
	u8 was;
	bool kept;

	if (!(inb(MISC_OUTPUT_READ) & MISC_COLOUR))
		return false;
	was = crtc_read(CRTC_CURSOR_LOW);
	crtc_write(CRTC_CURSOR_LOW, 0x5a);
	kept = crtc_read(CRTC_CURSOR_LOW) == 0x5a;
	crtc_write(CRTC_CURSOR_LOW, was);
	if (!kept)
		return false;
	outb(GRAPHICS_INDEX, GRAPHICS_MISC);
	return !(inb(GRAPHICS_DATA) & MISC_GRAPHICS);
}

static bool window_is_memory(void)
{
	u16 was = memory[0];
	bool kept;

	memory[0] = 0x0755;
	kept = memory[0] == 0x0755;
	memory[0] = was;
	return kept;
}

struct display *vgatext_probe(void)
{
	if (!in_text_mode())
		return NULL;
	memory = krange_map_phys(VGA_MEMORY, VGA_SIZE, KCACHE_UC);
	if (!memory)
		return NULL;
	if (!window_is_memory()) {
		krange_unmap_phys((void *)memory);
		memory = NULL;
		return NULL;
	}
	crtc_write(CRTC_START_HIGH, 0);
	crtc_write(CRTC_START_LOW, 0);
	cursor_start = crtc_read(CRTC_CURSOR_START) & ~CURSOR_OFF;
	cursor_shown = false;
	return &vga;
}
