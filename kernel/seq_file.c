// SPDX-License-Identifier: MIT
/*
 * Text into a buffer that grows. Pure, but for the heap.
 *
 * The buffer starts with 1 KiB, which is enough for most files of /proc, and
 * grows fourfold by krealloc(), which never sleeps. Beyond GROW_MAX, or when no
 * such run of memory is left, overflow is set and everything else is ignored;
 * the reader of the file then starts over with a large buffer of another kind
 * (fs/generated/seq_open.c). A fixed buffer never moves.
 *
 * ps and top read thousands of numbers: their digits are written two
 * at a time from a table, not by printf's formats.
 */
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>

#define FIRST_SIZE 1024u
#define GROW_MAX   (64u << 10)

/* What did not fit. @return NULL */
static __noinline __cold char *seq_grow(struct seq_file *seq, size_t more)
{
	size_t size = FIRST_SIZE;
	char *buf = NULL;

	if (seq->size)
		size = seq->size * 4;
	while (size < seq->count + more && size <= GROW_MAX)
		size *= 4;
	if (!seq->fixed && !seq->overflow && size <= GROW_MAX)
		buf = krealloc(seq->buf, size);
	if (!buf) {
		seq->overflow = true;
		return NULL;
	}
	seq->buf = buf;
	seq->size = size;
	return buf + seq->count;
}

char *seq_room(struct seq_file *seq, size_t length)
{
	if (likely(length <= seq->size - seq->count && !seq->overflow))
		return seq->buf + seq->count;
	if (length > GROW_MAX && !seq->fixed) {
		seq->overflow = true;
		return NULL;
	}
	return seq_grow(seq, length);
}

void seq_free(struct seq_file *seq)
{
	kfree(seq->buf);
	*seq = (struct seq_file){ .private = seq->private };
}

void seq_write(struct seq_file *seq, const void *bytes, size_t length)
{
	char *to = seq_room(seq, length);

	if (to) {
		memcpy(to, bytes, length);
		seq->count += length;
	}
}

void seq_puts(struct seq_file *seq, const char *text)
{
	seq_write(seq, text, strlen(text));
}

void seq_putc(struct seq_file *seq, char character)
{
	char *to = seq_room(seq, 1);

	if (to) {
		*to = character;
		seq->count++;
	}
}

void seq_printf(struct seq_file *seq, const char *fmt, ...)
{
	size_t room = seq->overflow ? 0 : seq->size - seq->count;
	char none[1], *to;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(room ? seq->buf + seq->count : none, room, fmt, args);
	va_end(args);
	if (length < 0 || (size_t)length < room) {
		if (length > 0)
			seq->count += length;
		return;
	}
	to = seq_room(seq, (size_t)length + 1); /* one for the NUL */
	if (!to)
		return;
	va_start(args, fmt);
	vsnprintf(to, (size_t)length + 1, fmt, args);
	va_end(args);
	seq->count += length;
}

void seq_escape(struct seq_file *seq, const char *text, const char *esc)
{
	for (; *text; text++) {
		u8 byte = *text;

		if (strchr(esc, byte)) {
			const char octal[4] = { '\\', '0' + (byte >> 6), '0' + (byte >> 3 & 7),
						'0' + (byte & 7) };

			seq_write(seq, octal, 4);
		} else {
			seq_putc(seq, byte);
		}
	}
}

/* The digits of @value, ending before @end. @return their start */
static char *format_decimal(char *end, u64 value)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";

	while (value >= 100) {
		const char *two = pairs + value % 100 * 2;

		value /= 100;
		end -= 2;
		end[0] = two[0];
		end[1] = two[1];
	}
	if (value >= 10) {
		*--end = pairs[value * 2 + 1];
		*--end = pairs[value * 2];
	} else {
		*--end = '0' + value;
	}
	return end;
}

static void seq_put_signed(struct seq_file *seq, char before, bool minus, u64 value)
{
	char text[24], *end = text + sizeof(text), *digits, *to;
	size_t length;

	if (value < 10) {
		digits = end - 1;
		*digits = '0' + value;
	} else {
		digits = format_decimal(end, value);
	}
	if (minus)
		*--digits = '-';
	if (before)
		*--digits = before;
	length = end - digits;
	to = seq_room(seq, length);
	if (!to)
		return;
	seq->count += length;
	while (digits < end)
		*to++ = *digits++;
}

void seq_put_u64(struct seq_file *seq, char before, u64 value)
{
	seq_put_signed(seq, before, false, value);
}

void seq_put_s64(struct seq_file *seq, char before, s64 value)
{
	u64 magnitude = value;

	if (value < 0)
		magnitude = 0 - magnitude;
	seq_put_signed(seq, before, value < 0, magnitude);
}

void seq_put_u64_wide(struct seq_file *seq, u64 value, u32 width)
{
	char text[24], *end = text + sizeof(text), *digits = format_decimal(end, value);

	for (u32 length = end - digits; length < width; length++)
		seq_putc(seq, ' ');
	seq_write(seq, digits, end - digits);
}

void seq_put_hex(struct seq_file *seq, u64 value, u32 width)
{
	u32 digits = 1;
	char *to;

	if (value)
		digits = (67 - (u32)__builtin_clzll(value)) / 4;
	digits = MAX(digits, width);
	to = seq_room(seq, digits);
	if (!to)
		return;
	for (u32 i = digits; i--; value >>= 4)
		to[i] = "0123456789abcdef"[value & 15];
	seq->count += digits;
}

void seq_pad(struct seq_file *seq, size_t from, size_t column)
{
	while (seq->count < from + column && !seq->overflow)
		seq_putc(seq, ' ');
}
