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

/**
 * @brief Scan one component.
 * @param text	first character, not a slash; at least NAME_SLACK bytes follow the text's NUL
 * @param key	the result of name_key() for it
 * @return the slash or NUL that ends it
 */
const char *name_scan(const char *text, u64 *key);
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

/** @brief Is stored name @p stored equal to the @p len bytes at @p text (readable with slack)? */
static inline bool name_equal(const char *stored, const char *text, u32 len)
{
	while (len >= 8) {
		if (*(const name_word *)stored != *(const name_word *)text)
			return false;
		stored += 8;
		text += 8;
		len -= 8;
	}
	return !len || !((*(const name_word *)stored ^ *(const name_word *)text) << (64 - 8 * len));
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
