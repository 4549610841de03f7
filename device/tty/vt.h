/* SPDX-License-Identifier: MIT */
/**
 * @file vt.h  A screen of characters driven by escape sequences: what TERM=linux
 * describes. Pure; device/tty/vt.c. The caller serialises all calls.
 */
#pragma once
#include <kernel/types.h>

#define VT_MAX_COLS   256
#define VT_MAX_ROWS   128
#define VT_PARAMS     16
#define VT_REPLY_SIZE 64

/**
 * A cell: the glyph, a character of code page 437, in the lower byte; in the
 * upper one the attribute as VGA text mode has it: foreground (bit 3: bright),
 * background (bit 7: blink).
 */
typedef u16 vt_cell;

struct vt_pen { /* what save and restore keep */
	u16 column, row;
	u8 foreground, background; /* VGA's order of colours */
	u8 intensity;		   /* 0 half, 1 normal, 2 bold */
	bool italic, underline, blink, reverse;
	u8 charset[2]; /* G0, G1: VT_CHARSET_* */
	u8 shift;      /* which of them */
};
enum { VT_CHARSET_LATIN, VT_CHARSET_GRAPHICS, VT_CHARSET_RAW };

struct vt {
	u16 cols, rows;
	vt_cell *cells;		     /* rows * cols */
	u64 dirty[VT_MAX_ROWS / 64]; /* rows that changed since vt_clean() */

	struct vt_pen pen, saved;
	u8 attr;	/* made from the pen */
	bool wrap_next; /* the last column was written: the next character is written to the next line */
	u16 top, bottom; /* scroll region, bottom exclusive */
	bool origin, autowrap, insert, newline, cursor_visible, app_cursor, app_keypad;
	bool reverse_screen, show_controls, utf8;
	u64 tabs[VT_MAX_COLS / 64];

	u8 state;		 /* of the parser */
	u8 prefix, intermediate; /* of the sequence */
	u16 params[VT_PARAMS];
	u8 nr_params;
	u32 code, code_min; /* UTF-8 character being put together */
	u8 code_left;
	u8 last_glyph; /* for REP */

	u8 reply[VT_REPLY_SIZE]; /* answers to queries, to be typed by the caller */
	u8 reply_len;
	bool bell; /* rung since the caller cleared it */
};

/** @param cells  cols * rows of them, owned by the caller while the vt is used */
void vt_init(struct vt *vt, u32 cols, u32 rows, vt_cell *cells);
/** Back to the initial state, screen cleared (ESC c). */
void vt_reset(struct vt *vt);
void vt_write(struct vt *vt, const u8 *bytes, size_t len_bytes);
/** All rows are shown as they are. */
void vt_clean(struct vt *vt);
/** All rows are to be shown. */
void vt_touch_all(struct vt *vt);
/** The glyph of code page 437 for a Unicode character. @return 0: there is none */
u8 vt_glyph(u32 unicode);
