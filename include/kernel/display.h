/* SPDX-License-Identifier: MIT */
/**
 * @file display.h  A screen of character cells, as hardware shows it.
 *
 * A cell is a glyph of code page 437 in the lower byte and VGA's attribute in
 * the upper one: foreground in bits 0-3, background in bits 4-6, bit 7: blink.
 */
#pragma once
#include <kernel/types.h>

#define DISPLAY_BLANK 0x0720
struct display {
	const char *name;
	u16 cols, rows;
	bool cleared; /* all cells are DISPLAY_BLANK at the start; else their content is unknown */
	/** Show @p n cells from column @p x of row @p y on. Any context, one call at a time. */
	void (*draw)(struct display *display, u32 x, u32 y, const u16 *cells, u32 n);
	/** Put the cursor there, or hide it. Same context. */
	void (*cursor)(struct display *display, u32 x, u32 y, bool visible);
};
