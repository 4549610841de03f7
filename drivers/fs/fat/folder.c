// SPDX-License-Identifier: MIT
/*
 * Folders, entry by entry: lookup(), readdir().
 *
 * A folder ends where an entry begins with 0, or where its clusters do, and at 65,536 entries at the latest. A long name that
 * does not belong to the short entry behind it, or cannot be shown, is passed over: then the short name counts.
 */
#include <banos/errno.h>
#include <banos/string.h>
#include "bytes.h"
#include "volume.h"

#define TYPE_FOLDER 4
#define TYPE_FILE   8

void fat_cursor_init(struct fat_cursor *cursor, struct fat_volume *volume, struct fat_node *folder)
{
	cursor->volume = volume;
	cursor->folder = folder;
	cursor->position = 0;
	cursor->piece_bytes = 0;
	cursor->name.parts = 0;
}

/* Where on the store a piece of the folder is. @return 1; 0: it has no more; an error */
static int64_t piece_locate(struct fat_cursor *cursor, uint32_t position, uint64_t *place)
{
	struct fat_volume *volume = cursor->volume;
	const struct fat_layout *layout = &volume->layout;
	uint32_t index = position >> layout->cluster_shift;
	struct fat_run run;
	int64_t error;

	if (position >= FAT_FOLDER_MAX)
		return 0;
	if (cursor->folder == &volume->root && layout->bits != 32) {
		*place = layout->root_offset + position;
		return position < layout->root_bytes;
	}
	error = fat_chain_find(volume, cursor->folder, index, &run);
	if (error == -ENODATA)
		return 0;
	if (error)
		return error;
	*place = fat_cluster_offset(layout, run.cluster + (index - run.index)) +
		 (position & (layout->cluster_bytes - 1));
	return 1;
}

int64_t fat_cursor_raw(struct fat_cursor *cursor, uint8_t raw[FAT_ENTRY_BYTES], uint64_t *place)
{
	uint32_t start = cursor->position / FAT_SECTOR_BYTES * FAT_SECTOR_BYTES;
	int64_t found;

	if (!cursor->piece_bytes || cursor->piece_at != start) {
		found = piece_locate(cursor, start, &cursor->piece_place);
		if (found <= 0)
			return found;
		cursor->piece_bytes = 0;
		found = banos_store_read(cursor->volume->mount, cursor->piece_place, cursor->piece,
					 FAT_SECTOR_BYTES);
		if (found)
			return found;
		cursor->piece_at = start;
		cursor->piece_bytes = FAT_SECTOR_BYTES;
		/* A root folder that ends within a sector. */
		if (cursor->folder == &cursor->volume->root && cursor->volume->layout.root_bytes &&
		    cursor->volume->layout.root_bytes - start < FAT_SECTOR_BYTES)
			cursor->piece_bytes = (uint32_t)cursor->volume->layout.root_bytes - start;
	}
	if (cursor->position - start >= cursor->piece_bytes)
		return 0;
	memcpy(raw, cursor->piece + (cursor->position - start), FAT_ENTRY_BYTES);
	*place = cursor->piece_place + (cursor->position - start);
	cursor->position += FAT_ENTRY_BYTES;
	return 1;
}

/* The name that a short entry, and what stood in front of it, make. @return does it count? */
static bool cursor_take_name(struct fat_cursor *cursor)
{
	char text[BANOS_NAME_BYTES];

	cursor->count = fat_long_end(&cursor->name, cursor->raw);
	/* One that is too long for the kernel in UTF-8 has a short name, too. */
	if (cursor->count &&
	    !fat_units_to_utf8(cursor->name.units, cursor->count, text, sizeof(text)))
		cursor->count = 0;
	if (cursor->count && !cursor->volume->options.style.short_only) {
		cursor->shown_count = cursor->count;
		memcpy(cursor->shown, cursor->name.units, cursor->count * sizeof(uint16_t));
	} else {
		cursor->shown_count =
			fat_short_show(cursor->raw, &cursor->volume->options.style, cursor->shown);
	}
	return cursor->shown_count != 0;
}

int64_t fat_cursor_next(struct fat_cursor *cursor)
{
	for (;;) {
		uint32_t at = cursor->position;
		int64_t found = fat_cursor_raw(cursor, cursor->raw, &cursor->place);
		bool was_long = cursor->name.parts != 0;

		if (found <= 0)
			return found;
		if (!cursor->raw[0])
			return 0;
		if (cursor->raw[0] != FAT_DELETED && fat_entry_is_long(cursor->raw)) {
			fat_long_take(&cursor->name, cursor->raw);
			if (!was_long || cursor->name.expected + 1 == cursor->name.parts)
				cursor->start = at;
			continue;
		}
		if (!was_long)
			cursor->start = at;
		/* Of the volume itself: its label; of a folder: "." and "..". */
		if (cursor->raw[0] != FAT_DELETED && !(cursor->raw[FAT_AT_ATTR] & FAT_ATTR_LABEL) &&
		    cursor->raw[0] != '.' && cursor_take_name(cursor)) {
			if (!cursor->count)
				cursor->start = at;
			return 1;
		}
		cursor->name.parts = 0;
	}
}

/* Is it the name that the cursor has found, or its short one? */
static bool cursor_is(const struct fat_cursor *cursor, const uint16_t *wanted, uint32_t count)
{
	uint16_t other[FAT_SHORT_UNITS];

	if (fat_units_equal(wanted, count, cursor->shown, cursor->shown_count))
		return true;
	return cursor->count && count <= FAT_SHORT_UNITS &&
	       fat_units_equal(wanted, count, other,
			       fat_short_show(cursor->raw, &cursor->volume->options.style, other));
}

static int64_t find_by_index(struct fat_cursor *cursor, const struct fat_index *index,
			     const uint16_t *wanted, uint32_t count)
{
	uint32_t hash = fat_index_hash(wanted, count), at = 0, position;

	while (fat_index_next(index, hash, &at, &position)) {
		int64_t found;

		cursor->position = position;
		cursor->name.parts = 0;
		found = fat_cursor_next(cursor);
		if (found < 0)
			return found;
		if (found && cursor_is(cursor, wanted, count))
			return 0;
	}
	return -ENOENT;
}

int64_t fat_folder_find(struct fat_cursor *cursor, const char *name, uint32_t length)
{
	uint16_t wanted[FAT_NAME_UNITS];
	int32_t count = fat_units_from_utf8(name, length, wanted);
	struct fat_index *index;
	int64_t found;

	if (count > 0 && cursor->volume->options.style.short_only)
		count = (int32_t)fat_name_cut(wanted, (uint32_t)count);
	/* "a." is "a". */
	while (count > 0 && wanted[count - 1] == '.')
		count--;
	if (count <= 0)
		return -ENOENT;
	for (int32_t i = 0; i < count; i++)
		wanted[i] = fat_fold(wanted[i]);
	index = fat_index_get(cursor);
	if (index)
		return find_by_index(cursor, index, wanted, (uint32_t)count);
	while ((found = fat_cursor_next(cursor)) > 0)
		if (cursor_is(cursor, wanted, (uint32_t)count))
			return 0;
	return fat_either(found, -ENOENT);
}

int64_t fat_folder_is_empty(struct fat_cursor *cursor)
{
	int64_t found = fat_cursor_next(cursor);

	if (found > 0)
		return -ENOTEMPTY;
	return found;
}

/* ---- methods ---- */

static int64_t lookup_locked(struct fat_volume *volume, uint64_t dir, const char *name,
			     uint32_t length, struct banos_attr *attr)
{
	struct fat_cursor *cursor;
	struct fat_node *folder, *node;
	int64_t error = fat_folder_get(volume, dir, &folder);

	if (error)
		return error;
	cursor = fat_work_cursor(volume, folder);
	error = fat_folder_find(cursor, name, length);
	if (!error)
		error = fat_node_at(volume, cursor->place, cursor->raw, &node);
	if (!error && node->is_folder &&
	    (node == folder || node->first == volume->layout.root_cluster || !node->first))
		error = fat_damaged(volume, "a folder contains itself, or the root");
	if (!error)
		fat_node_attr(volume, node, attr);
	return error;
}

int64_t fat_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
		   struct banos_attr *attr)
{
	struct fat_volume *volume = fs;
	int64_t error;

	banos_mutex_lock(&volume->lock);
	error = lookup_locked(volume, dir, name, length, attr);
	banos_mutex_unlock(&volume->lock);
	return error;
}

/* Where a program stopped reading the entry's name begins again: the cookie is the position behind. @return bytes; 0: no room */
static uint32_t entry_give(struct fat_cursor *cursor, uint8_t *to, uint32_t room)
{
	struct banos_directory_entry entry = {
		.node = fat_node_number(cursor->volume, cursor->place, cursor->raw),
		.cookie = cursor->position,
		.type = cursor->raw[FAT_AT_ATTR] & FAT_ATTR_FOLDER ? TYPE_FOLDER : TYPE_FILE,
	};
	char text[BANOS_NAME_BYTES];
	uint32_t bytes = fat_units_to_utf8(cursor->shown, cursor->shown_count, text, sizeof(text));

	entry.name_bytes = (uint8_t)bytes;
	entry.record_bytes = (uint16_t)((BANOS_DIRECTORY_NAME + bytes + 7) & ~7u);
	if (entry.record_bytes < sizeof(entry))
		entry.record_bytes = sizeof(entry);
	if (entry.record_bytes > room)
		return 0;
	memcpy(to, &entry, BANOS_DIRECTORY_NAME);
	memcpy(to + BANOS_DIRECTORY_NAME, text, bytes);
	return entry.record_bytes;
}

static int64_t readdir_locked(struct fat_cursor *cursor, uint8_t *to, uint32_t length)
{
	uint32_t used = 0;

	for (;;) {
		int64_t found = fat_cursor_next(cursor);
		uint32_t bytes;

		if (found < 0 && !used)
			return found;
		if (found <= 0)
			return used;
		bytes = entry_give(cursor, to + used, length - used);
		if (!bytes)
			return used;
		used += bytes;
	}
}

int64_t fat_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length)
{
	struct fat_volume *volume = fs;
	struct fat_cursor *cursor;
	struct fat_node *folder;
	int64_t result;

	if (cookie % FAT_ENTRY_BYTES || cookie > FAT_FOLDER_MAX)
		return -EINVAL;
	banos_mutex_lock(&volume->lock);
	result = fat_folder_get(volume, dir, &folder);
	if (!result) {
		cursor = fat_work_cursor(volume, folder);
		cursor->position = (uint32_t)cookie;
		result = readdir_locked(cursor, to, length);
	}
	banos_mutex_unlock(&volume->lock);
	return result;
}
