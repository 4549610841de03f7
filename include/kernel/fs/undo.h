/* SPDX-License-Identifier: MIT */
/**
 * @file undo.h  What a change has written, to take it back. Pure but for the allocator.
 *
 * A record is made before something is changed, and says how it is taken back: by what was there; or by what was done, where
 * others may change the same bytes meanwhile. undo_apply() takes all of it back, the last one first. The memory that
 * records name stays where it is meanwhile. One thread uses an undo at a time.
 */
#pragma once
#include <kernel/string.h>
#include <kernel/types.h>

#define UNDO_INLINE 416u /* bytes for the records of a small change */

enum undo_kind {
	UNDO_BYTES,   /* the bytes behind the record were there */
	UNDO_FRESH,   /* nothing was read */
	UNDO_CLEARED, /* the bits in length were set */
	UNDO_FLIPPED, /* as many bits as length says were flipped, from extra on */
	UNDO_ADDED,   /* length was added to a number of extra bytes */
};

struct undo_record {
	void *at;
	u32 length;
	u16 before; /* place of the one before, in its chunk; its own: none */
	u8 kind, extra;
	u8 bytes[];
};

struct undo_chunk {
	struct undo_chunk *before;
	u32 room, used;
	u32 last; /* place of the last record */
	u32 zero;
};
struct undo {
	struct undo_chunk *chunk; /* the last one */
	struct undo_chunk first;
	u64 inlined[UNDO_INLINE / sizeof(u64)];
};

static inline void undo_init(struct undo *undo)
{
	undo->chunk = &undo->first;
	undo->first.before = NULL;
	undo->first.room = UNDO_INLINE;
	undo->first.used = undo->first.last = 0;
}
static inline bool undo_is_empty(const struct undo *undo)
{
	return !undo->chunk->used;
}
/** @brief A record of which @p size bytes are to be filled, in a chunk of its own. @return NULL: no memory */
struct undo_record *undo_record_add_chunk(struct undo *undo, u32 size);
/** @brief A record with room for so many bytes. @return NULL: no memory */
static inline struct undo_record *undo_record_add(struct undo *undo, void *at, u32 length,
						  enum undo_kind kind, u32 extra, u32 bytes)
{
	u32 size = ALIGN_UP(sizeof(struct undo_record) + bytes, 8u);
	struct undo_chunk *chunk = undo->chunk;
	struct undo_record *record;

	if (likely(chunk->used + size <= chunk->room)) {
		record = (struct undo_record *)((u8 *)(chunk + 1) + chunk->used);
		record->before = chunk->last; /* 0 in the first one */
		chunk->last = chunk->used;
		chunk->used += size;
	} else {
		record = undo_record_add_chunk(undo, size);
		if (!record)
			return NULL;
	}
	record->at = at;
	record->length = length;
	record->kind = kind;
	record->extra = extra;
	return record;
}
/** @brief @p length bytes at @p at, 1 to 4096, are going to change. @return 0, -ENOMEM: nothing was recorded */
int __must_check undo_note(struct undo *undo, void *at, u32 length);
/** @brief The page at @p at holds something new, and what it stands for has to be read again. @return as above */
int __must_check undo_note_fresh(struct undo *undo, void *at);
/** @brief Bits @p mask of *@p at are going to be cleared, while others may be changed by somebody else. @return as above */
int __must_check undo_note_cleared(struct undo *undo, u32 *at, u32 mask);
/** @brief Bits are going to be flipped, by undo_flip(). @param first  below 8 @return as above */
int __must_check undo_note_flipped(struct undo *undo, u8 *at, u32 first, u32 count);
void undo_flip(u8 *at, u32 first, u32 count);
/** @brief A number of 2 or 4 bytes is going to be changed, by undo_add(). @return as above */
int __must_check undo_note_added(struct undo *undo, void *at, u32 bytes, s32 change);
void undo_add(void *at, u32 bytes, s32 change);
/** @brief Take back what was recorded. @param read_again  of undo_note_fresh() */
void undo_apply(struct undo *undo, void (*read_again)(void *context, void *at), void *context);
/** @brief Forget all; the end of its use. */
void undo_clear(struct undo *undo);
