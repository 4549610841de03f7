// SPDX-License-Identifier: MIT
/*
 * Memory and strings.
 *
 * Most calls are for a few bytes, so the small sizes must cost few
 * instructions: up to 64 bytes are moved by at most eight quadwords, with the
 * last ones overlapping the first where the size is not a multiple. All loads
 * precede all stores, so the same code serves memmove(). Larger blocks use
 * `rep movsq` and `rep stosq`, which asm/string.h has run as bytes on processors that
 * report those to be fast (ERMS).
 *
 * No vector registers: the kernel does not touch them.
 *
 * The compiler emits calls to memcpy(), memmove(), memset() and memcmp() by
 * itself, so this file is compiled without the transformations that would
 * make these functions call themselves (lib/Makefile).
 */
#include <asm/string.h>
#include <kernel/err.h>
#include <kernel/string.h>
#include "libc_names.h"

typedef u64 __attribute__((may_alias, aligned(1))) u64_any;
typedef u32 __attribute__((may_alias, aligned(1))) u32_any;
typedef u16 __attribute__((may_alias, aligned(1))) u16_any;
typedef u64 __attribute__((may_alias)) u64_word;

#define BYTES(c) (0x0101010101010101ull * (u8)(c))

static inline u64 load_word(const u8 *from)
{
	return *(const u64_any *)from;
}
static inline void store_word(u8 *to, u64 word)
{
	*(u64_any *)to = word;
}

/* Has a byte that is zero. The lowest set bit is exact, those above may lie. */
static inline u64 zero_byte(u64 word)
{
	return (word - BYTES(0x01)) & ~word & BYTES(0x80);
}

/* 0 to 64 bytes; the regions may overlap. */
static inline void move_small(u8 *to, const u8 *from, size_t length)
{
	if (length >= 8) {
		u64 head = load_word(from), tail = load_word(from + length - 8);

		if (length > 16) {
			u64 second = load_word(from + 8),
			    second_last = load_word(from + length - 16);

			if (length > 32) {
				u64 third = load_word(from + 16), fourth = load_word(from + 24);
				u64 fourth_last = load_word(from + length - 32),
				    third_last = load_word(from + length - 24);

				store_word(to + 16, third);
				store_word(to + 24, fourth);
				store_word(to + length - 32, fourth_last);
				store_word(to + length - 24, third_last);
			}
			store_word(to + 8, second);
			store_word(to + length - 16, second_last);
		}
		store_word(to, head);
		store_word(to + length - 8, tail);
	} else if (length >= 4) {
		u32 head = *(const u32_any *)from, tail = *(const u32_any *)(from + length - 4);

		*(u32_any *)to = head;
		*(u32_any *)(to + length - 4) = tail;
	} else if (length >= 2) {
		u16 head = *(const u16_any *)from, tail = *(const u16_any *)(from + length - 2);

		*(u16_any *)to = head;
		*(u16_any *)(to + length - 2) = tail;
	} else if (length) {
		*to = *from;
	}
}

/* From the lowest address up; d may overlap s from below. n > 8. */
static inline void move_up(u8 *to, const u8 *from, size_t length)
{
	u8 *end = to + length - 8;
	u64 last = load_word(from + length - 8);
	size_t quads = length / 8;

	copy_words(to, from, quads);
	store_word(end, last);
}

/* From the highest address down; d may overlap s from above. n > 32. */
static inline void move_down(u8 *to, const u8 *from, size_t length)
{
	u64 head0 = load_word(from), head1 = load_word(from + 8), head2 = load_word(from + 16),
	    head3 = load_word(from + 24);
	u8 *start = to;

	for (; length >= 32; length -= 32) {
		u64 word0 = load_word(from + length - 8), word1 = load_word(from + length - 16);
		u64 word2 = load_word(from + length - 24), word3 = load_word(from + length - 32);

		store_word(to + length - 8, word0);
		store_word(to + length - 16, word1);
		store_word(to + length - 24, word2);
		store_word(to + length - 32, word3);
	}
	store_word(start, head0);
	store_word(start + 8, head1);
	store_word(start + 16, head2);
	store_word(start + 24, head3);
}

void *memcpy(void *to, const void *from, size_t length)
{
	if (length <= 64)
		move_small(to, from, length);
	else
		move_up(to, from, length);
	return to;
}

void *memmove(void *to, const void *from, size_t length)
{
	if (length <= 64)
		move_small(to, from, length);
	else if ((u64)to - (u64)from >= length)
		move_up(to, from, length);
	else
		move_down(to, from, length);
	return to;
}

void *memset(void *dst, int fill, size_t length)
{
	u64 word = BYTES(fill);
	u8 *bytes = dst;

	if (length > 64) {
		u8 *cursor = bytes;
		size_t quads = length / 8;

		fill_words(cursor, word, quads);
		store_word(bytes + length - 8, word);
	} else if (length >= 8) {
		if (length > 16) {
			if (length > 32) {
				store_word(bytes + 16, word);
				store_word(bytes + 24, word);
				store_word(bytes + length - 32, word);
				store_word(bytes + length - 24, word);
			}
			store_word(bytes + 8, word);
			store_word(bytes + length - 16, word);
		}
		store_word(bytes, word);
		store_word(bytes + length - 8, word);
	} else if (length >= 4) {
		*(u32_any *)bytes = (u32)word;
		*(u32_any *)(bytes + length - 4) = (u32)word;
	} else if (length >= 2) {
		*(u16_any *)bytes = (u16)word;
		*(u16_any *)(bytes + length - 2) = (u16)word;
	} else if (length) {
		*bytes = (u8)word;
	}
	return dst;
}

static inline int compare_words(u64 first, u64 second)
{
	if (__builtin_bswap64(first) < __builtin_bswap64(second))
		return -1;
	return 1;
}

int memcmp(const void *va, const void *second, size_t length)
{
	const u8 *left = va, *right = second;
	size_t i = 0;

	for (; i + 8 <= length; i += 8)
		if (load_word(left + i) != load_word(right + i))
			return compare_words(load_word(left + i), load_word(right + i));
	if (i == length)
		return 0;
	if (length >= 8) {
		left += length - 8;
		right += length - 8;
		if (load_word(left) == load_word(right))
			return 0;
		return compare_words(load_word(left), load_word(right));
	}
	for (; i < length; i++)
		if (left[i] != right[i])
			return left[i] - right[i];
	return 0;
}

int bcmp(const void *first, const void *second, size_t length)
{
	return memcmp(first, second, length) != 0;
}

/*
 * memchr() and strlen() read whole aligned words: up to seven bytes on either
 * side of the object, but never of a page that the object is not on. What lies
 * before it in the first word is made to differ from what is looked for.
 */
static inline u64 before_mask(const void *start)
{
	return (1ull << ((u64)start & 7) * 8) - 1;
}
static inline const u64_word *word_of_start(const void *start)
{
	return (const u64_word *)((u64)start & ~7ull);
}

__attribute__((no_sanitize("address"))) void *memchr(const void *memory, int byte, size_t length)
{
	const u64_word *word = word_of_start(memory);
	u64 start = (u64)memory, end = start + length < start ? ~0ull : start + length, index,
	    found;

	if (!length)
		return NULL;
	found = zero_byte((*word ^ BYTES(byte)) | before_mask(memory));
	while (!found) {
		if ((u64)++word >= end)
			return NULL;
		found = zero_byte(*word ^ BYTES(byte));
	}
	index = (u64)word + __builtin_ctzll(found) / 8;
	if (index >= end)
		return NULL;
	return (void *)index;
}

__attribute__((no_sanitize("address"))) size_t strlen(const char *text)
{
	const u64_word *word = word_of_start(text);
	u64 found = zero_byte(*word | before_mask(text));

	while (!found)
		found = zero_byte(*++word);
	return (const char *)word + __builtin_ctzll(found) / 8 - text;
}

size_t strnlen(const char *text, size_t max)
{
	const char *end = memchr(text, 0, max);

	if (!end)
		return max;
	return end - text;
}

int strcmp(const char *first, const char *second)
{
	while (*first && *first == *second) {
		first++;
		second++;
	}
	return (u8)*first - (u8)*second;
}

int strncmp(const char *first, const char *second, size_t limit)
{
	for (; limit; first++, second++, limit--)
		if (*first != *second || !*first)
			return (u8)*first - (u8)*second;
	return 0;
}

char *strchr(const char *text, int character)
{
	for (; *text != (char)character; text++)
		if (!*text)
			return NULL;
	return (char *)text;
}

char *strrchr(const char *text, int character)
{
	const char *last = NULL;

	do {
		if (*text == (char)character)
			last = text;
	} while (*text++);
	return (char *)last;
}

char *strstr(const char *text, const char *wanted)
{
	size_t length = strlen(wanted);

	if (!length)
		return (char *)text;
	for (; (text = strchr(text, *wanted)); text++)
		if (!strncmp(text, wanted, length))
			return (char *)text;
	return NULL;
}

s64 strscpy(char *dst, const char *src, size_t size)
{
	size_t length;

	if (!size)
		return -E2BIG;
	length = strnlen(src, size);
	if (length < size) {
		memcpy(dst, src, length + 1);
		return length;
	}
	memcpy(dst, src, size - 1);
	dst[size - 1] = 0;
	return -E2BIG;
}
