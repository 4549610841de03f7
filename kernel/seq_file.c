// SPDX-License-Identifier: MIT
/*
 * Text into a buffer that grows. Pure, but for the heap.
 *
 * The buffer starts with 1 KiB, which is enough for most files of /proc, and
 * grows fourfold by krealloc(), which never sleeps. Beyond GROW_MAX, or when no
 * such run of memory is left, overflow is set and everything else is ignored;
 * who reads the file then starts over with a big buffer of another kind
 * (fs/generated/seq_open.c). A fixed buffer never moves.
 *
 * ps and top read thousands of numbers: they do not go through printf's
 * formats but two digits at a time from a table.
 */
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>

#define FIRST_SIZE 1024u
#define GROW_MAX   (64u << 10)

/* What did not fit. @return NULL */
static __noinline __cold char *grow(struct seq_file *m, size_t n)
{
	size_t size = m->size ? m->size * 4 : FIRST_SIZE;
	char *buf = NULL;

	while (size < m->count + n && size <= GROW_MAX)
		size *= 4;
	if (!m->fixed && !m->overflow && size <= GROW_MAX)
		buf = krealloc(m->buf, size);
	if (!buf) {
		m->overflow = true;
		return NULL;
	}
	m->buf = buf;
	m->size = size;
	return buf + m->count;
}

char *seq_room(struct seq_file *m, size_t n)
{
	if (likely(n <= m->size - m->count && !m->overflow))
		return m->buf + m->count;
	if (n > GROW_MAX && !m->fixed) {
		m->overflow = true;
		return NULL;
	}
	return grow(m, n);
}

void seq_free(struct seq_file *m)
{
	kfree(m->buf);
	*m = (struct seq_file){ .private = m->private };
}

void seq_write(struct seq_file *m, const void *p, size_t n)
{
	char *to = seq_room(m, n);

	if (to) {
		memcpy(to, p, n);
		m->count += n;
	}
}

void seq_puts(struct seq_file *m, const char *s)
{
	seq_write(m, s, strlen(s));
}

void seq_putc(struct seq_file *m, char c)
{
	char *to = seq_room(m, 1);

	if (to) {
		*to = c;
		m->count++;
	}
}

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	size_t room = m->overflow ? 0 : m->size - m->count;
	char none[1], *to;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? m->buf + m->count : none, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n < room) {
		m->count += n < 0 ? 0 : n;
		return;
	}
	to = seq_room(m, (size_t)n + 1); /* one for the NUL */
	if (!to)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	m->count += n;
}

void seq_escape(struct seq_file *m, const char *s, const char *esc)
{
	for (; *s; s++) {
		u8 c = *s;

		if (strchr(esc, c)) {
			const char octal[4] = { '\\', '0' + (c >> 6), '0' + (c >> 3 & 7),
						'0' + (c & 7) };

			seq_write(m, octal, 4);
		} else {
			seq_putc(m, c);
		}
	}
}

/* The digits of @v, ending before @end. @return where they begin */
static char *decimal(char *end, u64 v)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";

	while (v >= 100) {
		const char *two = pairs + v % 100 * 2;

		v /= 100;
		end -= 2;
		end[0] = two[0];
		end[1] = two[1];
	}
	if (v >= 10)
		*--end = pairs[v * 2 + 1];
	*--end = v >= 10 ? pairs[v * 2] : '0' + v;
	return end;
}

static void put_signed(struct seq_file *m, char before, bool minus, u64 v)
{
	char text[24], *end = text + sizeof(text), *s, *to;
	size_t n;

	if (v < 10) {
		s = end - 1;
		*s = '0' + v;
	} else {
		s = decimal(end, v);
	}
	if (minus)
		*--s = '-';
	if (before)
		*--s = before;
	n = end - s;
	to = seq_room(m, n);
	if (!to)
		return;
	m->count += n;
	while (s < end)
		*to++ = *s++;
}

void seq_put_u64(struct seq_file *m, char before, u64 v)
{
	put_signed(m, before, false, v);
}

void seq_put_s64(struct seq_file *m, char before, s64 v)
{
	put_signed(m, before, v < 0, v < 0 ? 0 - (u64)v : (u64)v);
}

void seq_put_u64_wide(struct seq_file *m, u64 v, u32 width)
{
	char text[24], *end = text + sizeof(text), *s = decimal(end, v);

	for (u32 n = end - s; n < width; n++)
		seq_putc(m, ' ');
	seq_write(m, s, end - s);
}

void seq_put_hex(struct seq_file *m, u64 v, u32 width)
{
	u32 digits = v ? (67 - (u32)__builtin_clzll(v)) / 4 : 1;
	char *to;

	digits = MAX(digits, width);
	to = seq_room(m, digits);
	if (!to)
		return;
	for (u32 i = digits; i--; v >>= 4)
		to[i] = "0123456789abcdef"[v & 15];
	m->count += digits;
}

void seq_pad(struct seq_file *m, size_t from, size_t column)
{
	while (m->count < from + column && !m->overflow)
		seq_putc(m, ' ');
}
