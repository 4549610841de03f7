/* SPDX-License-Identifier: MIT */
/**
 * @file name.h  One component of a path: where it ends, and its key. Pure.
 *
 * A key is the name's length in the upper half and a hash in the lower one; two
 * names with different keys differ. Text is read eight bytes at a time: it has
 * to be readable for NAME_SLACK bytes past its NUL, which every path buffer and
 * symbolic link in fs/ provides. A stored name is padded with zeroes to a
 * multiple of eight instead.
 */
#pragma once
#include <kernel/types.h>

#define NAME_SLACK 8

/* A component of a path. */
struct name_part {
	const char *end; /* the slash or NUL behind it */
	u64 key;	 /* as name_key() */
	u64 tail;	 /* the last len % 8 bytes, then zeroes */
};
/**
 * @brief Scan one component.
 * @param text	first character, not a slash; at least NAME_SLACK bytes follow the text's NUL
 */
struct name_part name_scan(const char *text);
/** @return the key of @p len bytes; no byte behind them is read */
u64 name_key(const char *text, size_t len);
static inline u32 name_key_len(u64 key)
{
	return (u32)(key >> 32);
}
/** @return the key in front of a stored name: see struct dentry */
static inline u64 name_key_of(const char *stored)
{
	return ((const u64 *)stored)[-1];
}
/** @brief Copy to @p dst, NUL and padding included: at most NAME_SLACK bytes more than @p len. */
void name_store(char *dst, const char *text, size_t len);

typedef u64 __attribute__((may_alias, aligned(1))) name_word;

#define NAME_ONES	0x0101010101010101ull
#define NAME_HIGHS	0x8080808080808080ull
#define NAME_SLASHES	(NAME_ONES * '/')
#define NAME_MULTIPLIER 0x9e3779b97f4a7c15ull

/* A bit of each byte that is zero or a slash; the lowest that is set is right. A slash has no high bit. */
static inline u64 name_ends(u64 word)
{
	return ((word - NAME_ONES) | ((word ^ NAME_SLASHES) - NAME_ONES)) & ~word & NAME_HIGHS;
}
static inline u64 name_hash_mix(u64 hash, u64 word)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ word) * NAME_MULTIPLIER;

	return (u64)product ^ (u64)(product >> 64);
}
static inline u64 name_hash_finish(u64 hash, u64 len)
{
	return (u32)(hash ^ hash >> 32) | len << 32;
}
/** @brief name_scan() for the loop of a walk. */
static inline __attribute__((always_inline)) struct name_part name_scan_inline(const char *text)
{
	u64 word = *(const name_word *)text, ends = name_ends(word), hash = 0, len = 0, tail;

	while (unlikely(!ends)) {
		hash = name_hash_mix(hash, word);
		len += 8;
		word = *(const name_word *)(text + len);
		ends = name_ends(word);
	}
	tail = word & ((ends ^ (ends - 1)) >> 8); /* what is before the first */
	len += (u32)__builtin_ctzll(ends) / 8;
	hash = name_hash_mix(hash, tail);
	return (struct name_part){ text + len, name_hash_finish(hash, len), tail };
}
/** @return the tail of a name that was not scanned. @p text has slack */
static inline u64 name_tail(const char *text, u32 len)
{
	return *(const name_word *)(text + len / 8 * 8) & ((1ull << len % 8 * 8) - 1);
}
/** @brief Is stored name @p stored equal to the one at @p text that was scanned? */
static inline bool name_equal_part(const char *stored, const char *text, u32 len, u64 tail)
{
	for (; unlikely(len >= 8); len -= 8, stored += 8, text += 8)
		if (*(const name_word *)stored != *(const name_word *)text)
			return false;
	return *(const name_word *)stored == tail;
}

enum name_kind { NAME_NORMAL, NAME_DOT, NAME_DOTDOT };
/** @brief "." and ".." have meanings of their own. */
static inline enum name_kind name_kind(const char *text, u32 len)
{
	if (likely(text[0] != '.' || len > 2))
		return NAME_NORMAL;
	if (len == 1)
		return NAME_DOT;
	return text[1] == '.' ? NAME_DOTDOT : NAME_NORMAL;
}
