/* SPDX-License-Identifier: MIT */
/** @file ldisc_internal.h  Between the files of the line discipline: see ldisc.c. */
#pragma once
#include "ldisc.h"

#define INPUT_AT(ld, pos) ((ld)->input[(pos) % LDISC_INPUT_SIZE])
#define EOF_MARK	  0 /* as a byte that is marked in line_end */
#define TAB_WIDTH	  8
#define DEL		  0x7f

static inline bool has_lflag(const struct ldisc *ldisc, u32 bit)
{
	return ldisc->termios.c_lflag & bit;
}
static inline bool has_iflag(const struct ldisc *ldisc, u32 bit)
{
	return ldisc->termios.c_iflag & bit;
}
static inline bool has_oflag(const struct ldisc *ldisc, u32 bit)
{
	return ldisc->termios.c_oflag & bit;
}

/* Is @byte the control character at @index, if that one is not disabled? */
static inline bool is_cc(const struct ldisc *ldisc, u8 byte, u32 index)
{
	return byte == ldisc->termios.c_cc[index] && byte != TTY_CC_DISABLED;
}

static inline bool is_control(u8 byte)
{
	return byte < 0x20 || byte == DEL;
}

/* A byte of a UTF-8 sequence other than its first? */
static inline bool is_continuation(const struct ldisc *ldisc, u8 byte)
{
	return (byte & 0xc0) == 0x80 && has_iflag(ldisc, IUTF8);
}

/** Render one byte to @p out and move the column. @return bytes made, 0..LDISC_MAX_EXPANSION */
u32 ldisc_render(struct ldisc *ldisc, u8 byte, u8 *out);
