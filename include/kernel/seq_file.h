/* SPDX-License-Identifier: MIT */
/**
 * @file seq_file.h  Text that is made when a file is read, in a buffer that grows (/proc, /sys).
 *
 * A show function writes its text with the functions here, all of them into
 * memory of the kernel; the copy to the reader is made afterwards, when no lock
 * is held. So a show function may hold any lock, spin locks too: the buffer
 * grows without sleeping. Errors need no check: what did not fit is noted, and
 * the show function is called again with a bigger buffer.
 *
 * A text that may become long is made in pieces: show() stops when
 * seq_enough() returns true, sets ->more and stores in ->next where to continue. It is
 * called again when the reader has got that far.
 */
#pragma once
#include <kernel/types.h>

struct seq_file {
	char *buf;
	size_t size, count; /* capacity in bytes, bytes used */
	bool overflow;	    /* something did not fit: the text is not complete */
	bool fixed;	    /* buf may not be exchanged for a bigger one */
	bool more;	    /* set by show(): more text follows */
	u64 next;	    /* show()'s own: where it continues; 0 at first */
	void *private;	    /* show()'s own */
};

/** Is the piece that show() makes long enough? */
static inline bool seq_enough(const struct seq_file *seq)
{
	return seq->count >= 4096;
}
/** Lines, as printf() does: formats as in printk.h. */
void seq_printf(struct seq_file *seq, const char *fmt, ...) __printf(2, 3);
void seq_write(struct seq_file *seq, const void *bytes, size_t length);
void seq_puts(struct seq_file *seq, const char *text);
void seq_putc(struct seq_file *seq, char character);
/** @p text with the characters of @p esc as \ooo, as in /proc/mounts. */
void seq_escape(struct seq_file *seq, const char *text, const char *esc);
/** Numbers in decimal, much faster than seq_printf(); @p before is written in front unless it is 0. */
void seq_put_u64(struct seq_file *seq, char before, u64 value);
void seq_put_s64(struct seq_file *seq, char before, s64 value);
/** Right-aligned in @p width columns. */
void seq_put_u64_wide(struct seq_file *seq, u64 value, u32 width);
/** In hexadecimal, with zeroes in front up to @p width digits. */
void seq_put_hex(struct seq_file *seq, u64 value, u32 width);
/** Blanks until @p column bytes after @p from, a former value of ->count. */
void seq_pad(struct seq_file *seq, size_t from, size_t column);

/* ---- into space that was reserved: faster, for lines of many numbers ---- */

/** Space that a number needs: a character before it, a sign, 20 digits. */
#define TEXT_NUMBER_MAX 22u
/** Space that text_put_hex() needs, which stores words. */
#define TEXT_HEX_MAX 24u
/** @brief Write a number in decimal. @return behind it */
char *text_put_decimal(char *to, u64 value);
static inline char *text_put_u64(char *to, u64 value)
{
	if (value >= 10)
		return text_put_decimal(to, value);
	*to = '0' + value;
	return to + 1;
}
/** @brief Write a number in hexadecimal, of at least @p width digits, 1 to 16. @return behind it */
char *text_put_hex(char *to, u64 value, u32 width);

/** Free the buffer. */
void seq_free(struct seq_file *seq);
/** Reserve space for @p length bytes. @return where to write them (then add to ->count), or NULL. */
char *seq_room(struct seq_file *seq, size_t length);
