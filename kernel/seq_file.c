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

/* A set of characters below 128. */
struct char_set {
	u64 bits[2];
};

static inline bool char_set_has(const struct char_set *set, u8 byte)
{
	return byte < 128 && (set->bits[byte / 64] >> byte % 64 & 1);
}

void seq_escape(struct seq_file *seq, const char *text, const char *esc)
{
	struct char_set escaped = { { 1, 0 } }; /* NUL ends a run, too */
	const char *run = text;

	if (!esc[1] && !strchr(text, *esc)) { /* most names, and the most common set */
		seq_puts(seq, text);
		return;
	}
	for (; *esc; esc++)
		escaped.bits[(u8)*esc / 64] |= 1ull << (u8)*esc % 64;
	for (;; text++) {
		u8 byte = *text;

		if (!char_set_has(&escaped, byte))
			continue;
		seq_write(seq, run, text - run);
		if (!byte)
			return;
		const char octal[4] = { '\\', '0' + (byte >> 6), '0' + (byte >> 3 & 7),
					'0' + (byte & 7) };

		seq_write(seq, octal, 4);
		run = text + 1;
	}
}

/* Two digits at a time, ending before @end. */
static inline void write_decimal(char *end, u64 value)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";

	for (; value >= 100; value /= 100) {
		end -= 2;
		__builtin_memcpy(end, pairs + value % 100 * 2, 2);
	}
	if (value >= 10)
		__builtin_memcpy(end - 2, pairs + value * 2, 2);
	else
		end[-1] = '0' + value;
}

static u32 decimal_length(u64 value)
{
	static const u64 powers[] = {
		0,
		10,
		100,
		1000,
		10000,
		100000,
		1000000,
		10000000,
		100000000,
		1000000000,
		10000000000,
		100000000000,
		1000000000000,
		10000000000000,
		100000000000000,
		1000000000000000,
		10000000000000000,
		100000000000000000,
		1000000000000000000,
		10000000000000000000u,
	};
	u32 bits = 64 - (u32)__builtin_clzll(value | 1);
	u32 tens = bits * 1233 >> 12; /* log10(2); one too many in the upper part of its range */

	return tens + (value >= powers[tens]);
}

char *text_put_decimal(char *to, u64 value)
{
	to += decimal_length(value);
	write_decimal(to, value);
	return to;
}

#define BYTES_OF(byte) (0x0101010101010101ull * (byte))

/* The eight hexadecimal digits of @value, the first in the lowest byte. */
static inline u64 hex_digits(u32 value)
{
	u64 digits = value, letters;

	digits = (digits & 0xffff0000) << 16 | (digits & 0xffff);
	digits = (digits & 0x0000ff000000ff00) << 8 | (digits & 0x000000ff000000ff);
	digits = (digits & 0x00f000f000f000f0) << 4 | (digits & 0x000f000f000f000f);
	letters = (digits + BYTES_OF(6)) >> 4 & BYTES_OF(1);
	return __builtin_bswap64(digits + BYTES_OF('0') + letters * ('a' - '9' - 1));
}

char *text_put_hex(char *to, u64 value, u32 width)
{
	u32 length = (67 - (u32)__builtin_clzll(value | 1)) / 4;
	u64 word;

	length = MAX(length, width);
	if (value < 10) { /* most offsets and device numbers */
		word = BYTES_OF('0');
		__builtin_memcpy(to, &word, sizeof(word));
		__builtin_memcpy(to + sizeof(word), &word, sizeof(word));
		to[length - 1] = '0' + value;
		return to + length;
	}
	if (length > 8) {
		word = hex_digits(value >> 32) >> (16 - length) * 8;
		__builtin_memcpy(to, &word, sizeof(word));
		to += length - 8;
		length = 8;
	}
	word = hex_digits((u32)value) >> (8 - length) * 8;
	__builtin_memcpy(to, &word, sizeof(word));
	return to + length;
}

static void seq_put_signed(struct seq_file *seq, char before, bool minus, u64 value)
{
	char *to = seq_room(seq, TEXT_NUMBER_MAX), *start = to;

	if (!to)
		return;
	if (before)
		*to++ = before;
	if (minus)
		*to++ = '-';
	seq->count += text_put_u64(to, value) - start;
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
	u32 length = decimal_length(value), wide = MAX(length, width);
	char *to = seq_room(seq, wide);

	if (!to)
		return;
	memset(to, ' ', wide - length);
	write_decimal(to + wide, value);
	seq->count += wide;
}

void seq_put_hex(struct seq_file *seq, u64 value, u32 width)
{
	char *to = seq_room(seq, TEXT_HEX_MAX);

	if (to)
		seq->count += text_put_hex(to, value, width) - to;
}

void seq_pad(struct seq_file *seq, size_t from, size_t column)
{
	size_t length = from + column - seq->count;
	char *to;

	if (seq->count >= from + column)
		return;
	to = seq_room(seq, length);
	if (!to)
		return;
	memset(to, ' ', length);
	seq->count += length;
}
