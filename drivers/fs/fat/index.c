// SPDX-License-Identifier: MIT
/*
 * Folders in memory: which names begin where, and which entries are free.
 *
 * FAT finds a name by reading the folder from its beginning, and a new name needs that three times: is it there, is its short
 * name there, where is room. So the folders that were used last have an index: a hash table over the folded names, long and short,
 * that leads to a name's first entry, and a bit for each entry in use. What a hash leads to is read and compared:
 * the index never answers for the disk. It is built by one pass, kept up to date by what this driver
 * changes, and dropped when a change fails. Without memory for one, and where too many names have nearly one hash (those
 * of a damaged disk may all be the same), folders are read as before.
 *
 * Names that are there twice are found in their order on the disk: entries of one hash lie in the table in that order.
 *
 * Under volume->lock.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "bytes.h"
#include "volume.h"

#define INDEX_ROOM_LEAST 64u	 /* places of a new table */
#define INDEX_WORDS_MAX	 131072u /* of all folders: 1 MiB */
#define PROBES_MAX	 512u	 /* places that one name is looked for in */
#define WORDS_LEAST	 16u	 /* of a new bit map */
#define WORD_BITS	 64u
#define ITEM_NONE	 0u
#define ITEM_GONE	 UINT32_MAX

struct index_item {
	uint32_t hash;
	uint32_t start; /* number of the name's first entry, and 1; ITEM_NONE; ITEM_GONE */
};

struct fat_index {
	struct fat_index *next; /* used before this one */
	struct fat_node *folder;
	struct index_item *items;
	uint32_t room, taken; /* places; those that are not ITEM_NONE */
	uint32_t end;	      /* number of the first entry that was never used */
	uint32_t free_from;   /* no entry in front of it is free */
	uint32_t words;	      /* of the bit map: 16 to 1024 */
	uint64_t *used;	      /* a bit for each entry in front of the end */
};
_Static_assert(sizeof(struct index_item) == sizeof(uint64_t), "places are counted as words");

uint32_t fat_index_hash(const uint16_t *units, uint32_t count)
{
	uint32_t hash = 0x811c9dc5;

	for (uint32_t i = 0; i < count; i++)
		hash = (hash ^ units[i]) * 0x01000193;
	return hash ^ hash >> 15;
}

/* ---- the list of indexes ---- */

static void index_free(struct fat_volume *volume, struct fat_index *index)
{
	struct fat_index **at = &volume->indexes;

	while (*at != index)
		at = &(*at)->next;
	*at = index->next;
	index->folder->index = NULL;
	volume->index_words -= index->room + index->words;
	banos_free(fat_owner, index->items);
	banos_free(fat_owner, index->used);
	banos_free(fat_owner, index);
}

void fat_index_drop(struct fat_volume *volume, struct fat_node *folder)
{
	if (folder->index)
		index_free(volume, folder->index);
}

void fat_index_drop_all(struct fat_volume *volume)
{
	while (volume->indexes)
		index_free(volume, volume->indexes);
}

static void index_use(struct fat_volume *volume, struct fat_index *index)
{
	struct fat_index **at = &volume->indexes;

	if (*at == index)
		return;
	while (*at != index)
		at = &(*at)->next;
	*at = index->next;
	index->next = volume->indexes;
	volume->indexes = index;
}

/* Those that were not used for longest make room. */
static void index_shrink(struct fat_volume *volume, const struct fat_index *keep)
{
	while (volume->index_words > INDEX_WORDS_MAX && volume->indexes->next) {
		struct fat_index *last = volume->indexes;

		while (last->next)
			last = last->next;
		if (last == keep)
			return;
		index_free(volume, last);
	}
}

/* ---- items ---- */

static bool item_put(struct fat_index *index, uint32_t hash, uint32_t start)
{
	uint32_t mask = index->room - 1;

	for (uint32_t i = 0; i < PROBES_MAX; i++) {
		struct index_item *item = &index->items[(hash + i) & mask];

		if (item->start != ITEM_NONE)
			continue;
		*item = (struct index_item){ hash, start };
		index->taken++;
		return true;
	}
	return false;
}

/* From behind a free place on, so that those of one hash stay in order. */
static bool items_copy(struct fat_index *index, const struct index_item *before, uint32_t room)
{
	uint32_t first = 0;
	bool fits = true;

	while (first < room && before[first].start != ITEM_NONE)
		first++;
	for (uint32_t i = 0; i < room && fits; i++) {
		const struct index_item *item = &before[(first + i) & (room - 1)];

		if (item->start != ITEM_NONE && item->start != ITEM_GONE)
			fits = item_put(index, item->hash, item->start);
	}
	return fits;
}

static bool items_grow(struct fat_volume *volume, struct fat_index *index)
{
	struct index_item *before = index->items, *items;
	uint32_t room = INDEX_ROOM_LEAST, room_before = index->room, live = 0;
	bool fits;

	for (uint32_t i = 0; i < room_before; i++)
		live += before[i].start != ITEM_NONE && before[i].start != ITEM_GONE;
	while (room < 4 * live)
		room *= 2;
	items = banos_alloc(fat_owner, room * sizeof(*items), 0);
	if (!items)
		return false;
	volume->index_words += room;
	volume->index_words -= room_before;
	index->items = items;
	index->room = room;
	index->taken = 0;
	fits = items_copy(index, before, room_before);
	banos_free(fat_owner, before);
	return fits;
}

static bool index_item_add(struct fat_volume *volume, struct fat_index *index, uint32_t hash,
			   uint32_t slot)
{
	if (2 * (index->taken + 1) > index->room && !items_grow(volume, index))
		return false;
	return item_put(index, hash, slot + 1);
}

static void item_remove(struct fat_index *index, uint32_t hash, uint32_t slot)
{
	uint32_t mask = index->room - 1;

	for (uint32_t i = 0; i < PROBES_MAX; i++) {
		struct index_item *item = &index->items[(hash + i) & mask];

		if (item->start == ITEM_NONE)
			return;
		if (item->hash == hash && item->start == slot + 1) {
			item->start = ITEM_GONE;
			return;
		}
	}
}

bool fat_index_next(const struct fat_index *index, uint32_t hash, uint32_t *at, uint32_t *position)
{
	uint32_t mask = index->room - 1;

	while (*at < PROBES_MAX) {
		const struct index_item *item = &index->items[(hash + *at) & mask];

		if (item->start == ITEM_NONE)
			return false;
		++*at;
		if (item->hash != hash || item->start == ITEM_GONE)
			continue;
		*position = (item->start - 1) * FAT_ENTRY_BYTES;
		return true;
	}
	return false;
}

/* ---- names ---- */

struct index_hashes {
	uint32_t shown, other;
	bool has_other;
};

/* Of the name that the cursor is at: as it is shown, and its short one. */
static struct index_hashes cursor_hashes(const struct fat_cursor *cursor)
{
	uint16_t units[FAT_NAME_UNITS + 1];
	struct index_hashes hashes;
	uint32_t count = cursor->shown_count;

	for (uint32_t i = 0; i < count; i++)
		units[i] = fat_fold(cursor->shown[i]);
	hashes.shown = fat_index_hash(units, count);
	count = 0;
	if (cursor->count)
		count = fat_short_show(cursor->raw, &cursor->volume->options.style, units);
	hashes.has_other = count;
	for (uint32_t i = 0; i < count; i++)
		units[i] = fat_fold(units[i]);
	hashes.other = fat_index_hash(units, count);
	return hashes;
}

static bool words_grow(struct fat_volume *volume, struct fat_index *index, uint32_t slots)
{
	uint32_t words = WORDS_LEAST;
	uint64_t *used;

	while (words * WORD_BITS < slots)
		words *= 2;
	used = banos_alloc(fat_owner, words * sizeof(*used), 0);
	if (!used)
		return false;
	if (index->words)
		memcpy(used, index->used, index->words * sizeof(*used));
	banos_free(fat_owner, index->used);
	volume->index_words += words - index->words;
	index->used = used;
	index->words = words;
	return true;
}

static bool slots_set(struct fat_volume *volume, struct fat_index *index, uint32_t slot,
		      uint32_t count)
{
	if (slot + count > index->words * WORD_BITS && !words_grow(volume, index, slot + count))
		return false;
	for (; count; slot++, count--)
		index->used[slot / WORD_BITS] |= 1ull << slot % WORD_BITS;
	return true;
}

static bool slot_is_used(const struct fat_index *index, uint32_t slot)
{
	return index->used[slot / WORD_BITS] >> slot % WORD_BITS & 1;
}

static bool index_name_enter(struct fat_index *index, const struct fat_cursor *cursor)
{
	struct index_hashes hashes = cursor_hashes(cursor);
	uint32_t slot = cursor->start / FAT_ENTRY_BYTES;

	return index_item_add(cursor->volume, index, hashes.shown, slot) &&
	       (!hashes.has_other || index_item_add(cursor->volume, index, hashes.other, slot));
}

void fat_index_added(struct fat_cursor *cursor, uint32_t position, uint32_t slots)
{
	struct fat_index *index = cursor->folder->index;
	uint32_t slot = position / FAT_ENTRY_BYTES;

	if (!index)
		return;
	cursor->position = position;
	cursor->piece_bytes = 0;
	cursor->name.parts = 0;
	if (fat_cursor_next(cursor) <= 0 || cursor->start != position ||
	    !index_name_enter(index, cursor) || !slots_set(cursor->volume, index, slot, slots)) {
		index_free(cursor->volume, index);
		return;
	}
	if (slot + slots > index->end)
		index->end = slot + slots;
	index_shrink(cursor->volume, index);
}

void fat_index_removed(const struct fat_cursor *cursor)
{
	struct fat_index *index = cursor->folder->index;
	struct index_hashes hashes;
	uint32_t slot = cursor->start / FAT_ENTRY_BYTES;

	if (!index)
		return;
	hashes = cursor_hashes(cursor);
	item_remove(index, hashes.shown, slot);
	if (hashes.has_other)
		item_remove(index, hashes.other, slot);
	if (slot < index->free_from)
		index->free_from = slot;
	for (; slot < fat_min(cursor->position / FAT_ENTRY_BYTES, index->end); slot++)
		index->used[slot / WORD_BITS] &= ~(1ull << slot % WORD_BITS);
}

/* ---- room ---- */

static uint32_t free_next(const struct fat_index *index, uint32_t slot)
{
	while (slot < index->end) {
		uint64_t free = ~index->used[slot / WORD_BITS] >> slot % WORD_BITS;

		if (free)
			return slot + (uint32_t)__builtin_ctzll(free);
		slot = (slot / WORD_BITS + 1) * WORD_BITS;
	}
	return index->end;
}

bool fat_index_room(struct fat_index *index, uint32_t slots, uint32_t *position)
{
	uint32_t slot = free_next(index, index->free_from), end;

	index->free_from = slot;
	while (slot < index->end) {
		end = slot;
		while (end < index->end && end - slot < slots && !slot_is_used(index, end))
			end++;
		if (end - slot == slots || end == index->end)
			break;
		slot = free_next(index, end);
	}
	if (slot > index->end)
		slot = index->end;
	*position = slot * FAT_ENTRY_BYTES;
	return slot + slots <= index->end;
}

/* ---- building ---- */

/* Each entry, and each name. @return does it stand for the folder? */
static bool index_fill(struct fat_cursor *cursor, struct fat_index *index)
{
	uint32_t seen = 0;
	int64_t found;

	do {
		found = fat_cursor_next(cursor);
		if (found < 0)
			return false;
		if (found && !index_name_enter(index, cursor))
			return false;
	} while (found);
	/* The entries, of which names are a part. */
	cursor->position = 0;
	for (;; seen++) {
		uint8_t raw[FAT_ENTRY_BYTES];
		uint64_t place;

		found = fat_cursor_raw(cursor, raw, &place);
		if (found < 0)
			return false;
		if (!found || !raw[0])
			break;
		if (raw[0] != FAT_DELETED && !slots_set(cursor->volume, index, seen, 1))
			return false;
	}
	index->end = seen;
	return slots_set(cursor->volume, index, seen, 0);
}

struct fat_index *fat_index_get(struct fat_cursor *cursor)
{
	struct fat_volume *volume = cursor->volume;
	struct fat_node *folder = cursor->folder;
	struct fat_index *index = folder->index;
	bool whole;

	if (index) {
		index_use(volume, index);
		return index;
	}
	index = banos_alloc(fat_owner, sizeof(*index), 0);
	if (!index)
		return NULL;
	index->folder = folder;
	index->next = volume->indexes;
	volume->indexes = folder->index = index;
	fat_cursor_init(cursor, volume, folder);
	whole = items_grow(volume, index) && index_fill(cursor, index);
	fat_cursor_init(cursor, volume, folder);
	if (!whole) {
		index_free(volume, index);
		return NULL;
	}
	index_shrink(volume, index);
	return index;
}
