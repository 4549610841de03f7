/* SPDX-License-Identifier: MIT */
/** @file ldisc_internal.h  Between the files of the line discipline: see ldisc.c. */
#pragma once
#include "ldisc.h"

#define INPUT_AT(ld, pos) ((ld)->input[(pos) % LDISC_INPUT_SIZE])
#define EOF_MARK	  0 /* as a byte that is marked in line_end */
#define TAB_WIDTH	  8
#define DEL		  0x7f

static inline bool lflag(const struct ldisc *ld, u32 bit)
{
	return ld->termios.c_lflag & bit;
}
static inline bool iflag(const struct ldisc *ld, u32 bit)
{
	return ld->termios.c_iflag & bit;
}
static inline bool oflag(const struct ldisc *ld, u32 bit)
{
	return ld->termios.c_oflag & bit;
}

/* Is @c the control character at @index, if that one is not disabled? */
static inline bool is_cc(const struct ldisc *ld, u8 c, u32 index)
{
	return c == ld->termios.c_cc[index] && c != TTY_CC_DISABLED;
}

static inline bool is_control(u8 c)
{
	return c < 0x20 || c == DEL;
}

/* A byte of a UTF-8 sequence other than its first? */
static inline bool is_continuation(const struct ldisc *ld, u8 c)
{
	return (c & 0xc0) == 0x80 && iflag(ld, IUTF8);
}

/** Render one byte to @p out and move the column. @return bytes made, 0..LDISC_MAX_EXPANSION */
u32 ldisc_render(struct ldisc *ld, u8 c, u8 *out);
