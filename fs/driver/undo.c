// SPDX-License-Identifier: MIT
/*
 * What a change has written, to take it back; see undo.h.
 *
 * Records lie one behind the other in chunks, each with the place of the one before it in its chunk. The first chunk is
 * part of the undo, so that a small change allocates nothing.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/fs/undo.h>

#define CHUNK_ROOM 2000u /* with its header below 2 KiB */

_Static_assert(offsetof(struct undo, inlined) ==
		       offsetof(struct undo, first) + sizeof(struct undo_chunk),
	       "records lie behind their chunk");

static struct undo_record *record_at(struct undo_chunk *chunk, u32 place)
{
	return (struct undo_record *)((u8 *)(chunk + 1) + place);
}

__cold struct undo_record *undo_record_add_chunk(struct undo *undo, u32 size)
{
	u32 room = MAX(size, CHUNK_ROOM);
	struct undo_chunk *chunk = kmalloc(sizeof(*chunk) + room);

	if (!chunk)
		return NULL;
	*chunk = (struct undo_chunk){ .before = undo->chunk, .room = room, .used = size };
	undo->chunk = chunk;
	record_at(chunk, 0)->before = 0;
	return record_at(chunk, 0);
}

int undo_note(struct undo *undo, void *at, u32 length)
{
	struct undo_record *record = undo_record_add(undo, at, length, UNDO_BYTES, 0, length);

	if (!record)
		return -ENOMEM;
	memcpy(record->bytes, at, length);
	return 0;
}

/* A record that is all there is to note. */
static int undo_note_plain(struct undo *undo, void *at, u32 length, enum undo_kind kind, u32 extra)
{
	if (!undo_record_add(undo, at, length, kind, extra, 0))
		return -ENOMEM;
	return 0;
}

int undo_note_fresh(struct undo *undo, void *at)
{
	return undo_note_plain(undo, at, 0, UNDO_FRESH, 0);
}

int undo_note_cleared(struct undo *undo, u32 *at, u32 mask)
{
	return undo_note_plain(undo, at, mask, UNDO_CLEARED, 0);
}

int undo_note_flipped(struct undo *undo, u8 *at, u32 first, u32 count)
{
	return undo_note_plain(undo, at, count, UNDO_FLIPPED, first);
}

int undo_note_added(struct undo *undo, void *at, u32 bytes, s32 change)
{
	return undo_note_plain(undo, at, (u32)change, UNDO_ADDED, bytes);
}

/* The other bits of a byte may be changed at the same time. */
void undo_flip(u8 *at, u32 first, u32 count)
{
	while (count) {
		u32 bits = MIN(8 - first, count);

		__atomic_fetch_xor(at++, ((1u << bits) - 1) << first, __ATOMIC_RELAXED);
		count -= bits;
		first = 0;
	}
}

void undo_add(void *at, u32 bytes, s32 change)
{
	if (bytes == sizeof(u16))
		__atomic_fetch_add((u16 *)at, (u16)change, __ATOMIC_RELAXED);
	else
		__atomic_fetch_add((u32 *)at, (u32)change, __ATOMIC_RELAXED);
}

static void record_apply(const struct undo_record *record)
{
	switch ((enum undo_kind)record->kind) {
	case UNDO_BYTES: memcpy(record->at, record->bytes, record->length); break;
	case UNDO_FRESH: break;
	case UNDO_CLEARED:
		__atomic_fetch_or((u32 *)record->at, record->length, __ATOMIC_RELAXED);
		break;
	case UNDO_FLIPPED: undo_flip(record->at, record->extra, record->length); break;
	case UNDO_ADDED: undo_add(record->at, record->extra, -(s32)record->length); break;
	}
}

__cold void undo_apply(struct undo *undo, void (*read_again)(void *context, void *at),
		       void *context)
{
	for (struct undo_chunk *chunk = undo->chunk; chunk; chunk = chunk->before) {
		const struct undo_record *record = record_at(chunk, chunk->last);

		for (bool more = chunk->used; more; record = record_at(chunk, record->before)) {
			more = record != record_at(chunk, 0);
			record_apply(record);
			if (record->kind == UNDO_FRESH)
				read_again(context, record->at);
		}
	}
}

void undo_clear(struct undo *undo)
{
	struct undo_chunk *chunk;

	while ((chunk = undo->chunk) != &undo->first) {
		undo->chunk = chunk->before;
		kfree(chunk);
	}
}
