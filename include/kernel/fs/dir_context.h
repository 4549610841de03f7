/* SPDX-License-Identifier: MIT */
/** @file dir_context.h  What file_ops.readdir() hands its entries to (fs/open/getdents.c). */
#pragma once
#include <kernel/types.h>
#include <uapi/dirent.h>

/** A buffer of struct user_dirent64, which is filled up. A word behind its end may be read. */
struct dir_context {
	u64 pos; /* where the reader continues */
	u8 *next, *end;
	bool full;
};

typedef u64 __attribute__((may_alias, aligned(1))) dirent_word;
typedef u32 __attribute__((may_alias, aligned(1))) dirent_half;

/* In words that overlap: no byte behind the name is read. */
static inline void dirent_copy_name(char *dst, const char *name, u64 len)
{
	u64 done = 0;

	if (likely(len >= 8)) {
		*(dirent_word *)(dst + len - 8) = *(const dirent_word *)(name + len - 8);
		do {
			*(dirent_word *)(dst + done) = *(const dirent_word *)(name + done);
			done += 8;
		} while (done + 8 < len);
	} else if (len >= 4) {
		*(dirent_half *)dst = *(const dirent_half *)name;
		*(dirent_half *)(dst + len - 4) = *(const dirent_half *)(name + len - 4);
	} else {
		for (; done < len; done++)
			dst[done] = name[done];
	}
}

/**
 * @brief Hand an entry to the reader.
 * @param pos	its position, which rises from entry to entry: a reader continues there, or behind it at pos + 1
 * @param type	DT_*
 * @return false: it has no room; stop
 */
bool dir_fill(struct dir_context *context, u64 pos, const char *name, u32 len, ino_t ino, u32 type);

/** @brief dir_fill() for a loop over many entries. */
static inline __attribute__((always_inline)) bool dir_fill_inline(struct dir_context *context,
								  u64 pos, const char *name,
								  u32 len, ino_t ino, u32 type)
{
	struct user_dirent64 *record = (void *)context->next;
	u64 reclen = ALIGN_UP(offsetof(struct user_dirent64, d_name) + (u64)len + 1, 8ull);
	u8 *after = (u8 *)record + reclen;

	if (unlikely(after > context->end)) {
		context->pos = pos;
		context->full = true;
		return false;
	}
	context->next = after;
	*(u64 *)(after - 8) = 0; /* the padding */
	record->d_ino = ino;
	context->pos = record->d_off = pos + 1;
	record->d_reclen = reclen;
	record->d_type = type;
	dirent_copy_name(record->d_name, name, len);
	return true;
}
