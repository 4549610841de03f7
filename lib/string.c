// SPDX-License-Identifier: MIT
/*
 * Memory and strings.
 *
 * Most calls are for a few bytes, so the small sizes must cost few
 * instructions: up to 64 bytes are moved by at most eight quadwords, with the
 * last ones overlapping the first where the size is not a multiple. All loads
 * come before all stores, so the same code serves memmove(). Larger blocks go
 * by `rep movsq` and `rep stosq`. The byte forms are never used: they are fast
 * only on processors that say so (ERMS), and an emulator runs them a byte at a
 * time.
 *
 * No vector registers: the kernel does not touch them.
 *
 * The compiler emits calls to memcpy(), memmove(), memset() and memcmp() by
 * itself, so this file is compiled without the transformations that would
 * make these functions call themselves (lib/Makefile).
 */
#include <kernel/err.h>
#include <kernel/string.h>
#include "libc_names.h"

typedef u64 __attribute__((may_alias, aligned(1))) u64_any;
typedef u32 __attribute__((may_alias, aligned(1))) u32_any;
typedef u16 __attribute__((may_alias, aligned(1))) u16_any;
typedef u64 __attribute__((may_alias)) u64_word;

#define BYTES(c) (0x0101010101010101ull * (u8)(c))

static inline u64 get8(const u8 *p)
{
	return *(const u64_any *)p;
}
static inline void put8(u8 *p, u64 v)
{
	*(u64_any *)p = v;
}

/* Has a byte that is zero. The lowest set bit is exact, those above may lie. */
static inline u64 zero_byte(u64 v)
{
	return (v - BYTES(0x01)) & ~v & BYTES(0x80);
}

/* 0 to 64 bytes; the regions may overlap. */
static inline void move_small(u8 *d, const u8 *s, size_t n)
{
	if (n >= 8) {
		u64 a = get8(s), z = get8(s + n - 8);

		if (n > 16) {
			u64 b = get8(s + 8), y = get8(s + n - 16);

			if (n > 32) {
				u64 c1 = get8(s + 16), c2 = get8(s + 24);
				u64 x1 = get8(s + n - 32), x2 = get8(s + n - 24);

				put8(d + 16, c1);
				put8(d + 24, c2);
				put8(d + n - 32, x1);
				put8(d + n - 24, x2);
			}
			put8(d + 8, b);
			put8(d + n - 16, y);
		}
		put8(d, a);
		put8(d + n - 8, z);
	} else if (n >= 4) {
		u32 a = *(const u32_any *)s, z = *(const u32_any *)(s + n - 4);

		*(u32_any *)d = a;
		*(u32_any *)(d + n - 4) = z;
	} else if (n >= 2) {
		u16 a = *(const u16_any *)s, z = *(const u16_any *)(s + n - 2);

		*(u16_any *)d = a;
		*(u16_any *)(d + n - 2) = z;
	} else if (n) {
		*d = *s;
	}
}

/* From the lowest address up; d may overlap s from below. n > 8. */
static inline void move_up(u8 *d, const u8 *s, size_t n)
{
	u8 *end = d + n - 8;
	u64 last = get8(s + n - 8);
	size_t quads = n / 8;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(quads)::"memory");
	put8(end, last);
}

/* From the highest address down; d may overlap s from above. n > 32. */
static inline void move_down(u8 *d, const u8 *s, size_t n)
{
	u64 h0 = get8(s), h1 = get8(s + 8), h2 = get8(s + 16), h3 = get8(s + 24);
	u8 *start = d;

	for (; n >= 32; n -= 32) {
		u64 a = get8(s + n - 8), b = get8(s + n - 16);
		u64 c = get8(s + n - 24), e = get8(s + n - 32);

		put8(d + n - 8, a);
		put8(d + n - 16, b);
		put8(d + n - 24, c);
		put8(d + n - 32, e);
	}
	put8(start, h0);
	put8(start + 8, h1);
	put8(start + 16, h2);
	put8(start + 24, h3);
}

void *memcpy(void *d, const void *s, size_t n)
{
	if (n <= 64)
		move_small(d, s, n);
	else
		move_up(d, s, n);
	return d;
}

void *memmove(void *d, const void *s, size_t n)
{
	if (n <= 64)
		move_small(d, s, n);
	else if ((u64)d - (u64)s >= n)
		move_up(d, s, n);
	else
		move_down(d, s, n);
	return d;
}

void *memset(void *dst, int c, size_t n)
{
	u64 v = BYTES(c);
	u8 *d = dst;

	if (n > 64) {
		u8 *p = d;
		size_t quads = n / 8;

		__asm__ volatile("rep stosq" : "+D"(p), "+c"(quads) : "a"(v) : "memory");
		put8(d + n - 8, v);
	} else if (n >= 8) {
		if (n > 16) {
			if (n > 32) {
				put8(d + 16, v);
				put8(d + 24, v);
				put8(d + n - 32, v);
				put8(d + n - 24, v);
			}
			put8(d + 8, v);
			put8(d + n - 16, v);
		}
		put8(d, v);
		put8(d + n - 8, v);
	} else if (n >= 4) {
		*(u32_any *)d = (u32)v;
		*(u32_any *)(d + n - 4) = (u32)v;
	} else if (n >= 2) {
		*(u16_any *)d = (u16)v;
		*(u16_any *)(d + n - 2) = (u16)v;
	} else if (n) {
		*d = (u8)v;
	}
	return dst;
}

static inline int order8(u64 a, u64 b)
{
	return __builtin_bswap64(a) < __builtin_bswap64(b) ? -1 : 1;
}

int memcmp(const void *va, const void *vb, size_t n)
{
	const u8 *a = va, *b = vb;
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		if (get8(a + i) != get8(b + i))
			return order8(get8(a + i), get8(b + i));
	if (i == n)
		return 0;
	if (n >= 8) {
		a += n - 8;
		b += n - 8;
		return get8(a) == get8(b) ? 0 : order8(get8(a), get8(b));
	}
	for (; i < n; i++)
		if (a[i] != b[i])
			return a[i] - b[i];
	return 0;
}

int bcmp(const void *a, const void *b, size_t n)
{
	return memcmp(a, b, n) != 0;
}

/*
 * memchr() and strlen() read whole aligned words: up to seven bytes on either
 * side of the object, but never of a page that the object is not on. What lies
 * before it in the first word is made to differ from what is looked for.
 */
static inline u64 before_mask(const void *p)
{
	return (1ull << ((u64)p & 7) * 8) - 1;
}
static inline const u64_word *first_word(const void *p)
{
	return (const u64_word *)((u64)p & ~7ull);
}

__attribute__((no_sanitize("address"))) void *memchr(const void *s, int c, size_t n)
{
	const u64_word *w = first_word(s);
	u64 start = (u64)s, end = start + n < start ? ~0ull : start + n, at, found;

	if (!n)
		return NULL;
	found = zero_byte((*w ^ BYTES(c)) | before_mask(s));
	while (!found) {
		if ((u64)++w >= end)
			return NULL;
		found = zero_byte(*w ^ BYTES(c));
	}
	at = (u64)w + __builtin_ctzll(found) / 8;
	return at < end ? (void *)at : NULL;
}

__attribute__((no_sanitize("address"))) size_t strlen(const char *s)
{
	const u64_word *w = first_word(s);
	u64 found = zero_byte(*w | before_mask(s));

	while (!found)
		found = zero_byte(*++w);
	return (const char *)w + __builtin_ctzll(found) / 8 - s;
}

size_t strnlen(const char *s, size_t max)
{
	const char *end = memchr(s, 0, max);

	return end ? (size_t)(end - s) : max;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; a++, b++, n--)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++);
	return (char *)last;
}

char *strstr(const char *s, const char *t)
{
	size_t n = strlen(t);

	if (!n)
		return (char *)s;
	for (; (s = strchr(s, *t)); s++)
		if (!strncmp(s, t, n))
			return (char *)s;
	return NULL;
}

s64 strscpy(char *dst, const char *src, size_t size)
{
	size_t n;

	if (!size)
		return -E2BIG;
	n = strnlen(src, size);
	if (n < size) {
		memcpy(dst, src, n + 1);
		return n;
	}
	memcpy(dst, src, size - 1);
	dst[size - 1] = 0;
	return -E2BIG;
}
