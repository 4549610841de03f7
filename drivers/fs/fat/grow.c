// SPDX-License-Identifier: MIT
/*
 * Names that are added to folders, and removed.
 *
 * An addition is planned first: where it goes, which short name it has, which clusters the folder needs. All that may fail with
 * -EAGAIN happens there, with nothing written.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "bytes.h"
#include "volume.h"

#define NUMBERS	     9u
#define DIGITS_TRIES 1000u
#define ORDER_MAX    65536u /* bytes that one call may state an order for */

/* ---- the scan: room, and short names that are in use ---- */

struct grow_scan {
	struct fat_addition *addition;
	uint8_t wanted[FAT_SHORT_BYTES];
	uint32_t digit;	  /* place in it that is not compared; FAT_SHORT_BYTES: none */
	uint32_t numbers; /* those that are in use there: a bit each; bit 0: the name itself */
	uint32_t free_from, free_count;
	bool has_room;
};

static void scan_free(struct grow_scan *scan, uint32_t position)
{
	if (!scan->free_count++)
		scan->free_from = position;
	if (scan->has_room || scan->free_count < scan->addition->slots)
		return;
	scan->has_room = true;
	scan->addition->position = scan->free_from;
}

static void scan_used(struct grow_scan *scan, const uint8_t *raw)
{
	uint32_t digit = scan->digit;

	scan->free_count = 0;
	if (raw[FAT_AT_ATTR] & FAT_ATTR_LABEL || memcmp(raw, scan->wanted, digit))
		return;
	if (digit == FAT_SHORT_BYTES)
		scan->numbers |= 1;
	else if (!memcmp(raw + digit + 1, scan->wanted + digit + 1, FAT_SHORT_BYTES - digit - 1) &&
		 raw[digit] >= '1' && raw[digit] <= '9')
		scan->numbers |= 1u << (raw[digit] - '0');
}

/* Is a short name in use? @return 1, 0, an error */
static int64_t short_is_used(struct fat_cursor *cursor, const struct fat_index *index,
			     const uint8_t name[FAT_SHORT_BYTES])
{
	uint16_t units[FAT_SHORT_UNITS];
	uint8_t entry[FAT_ENTRY_BYTES] = { 0 };
	uint32_t count, hash, at = 0, position;

	memcpy(entry, name, FAT_SHORT_BYTES);
	count = fat_short_show(entry, &cursor->volume->options.style, units);
	for (uint32_t i = 0; i < count; i++)
		units[i] = fat_fold(units[i]);
	hash = fat_index_hash(units, count);
	while (fat_index_next(index, hash, &at, &position)) {
		int64_t found;

		cursor->position = position;
		cursor->name.parts = 0;
		found = fat_cursor_next(cursor);
		if (found < 0)
			return found;
		if (found && !memcmp(cursor->raw, name, FAT_SHORT_BYTES))
			return 1;
	}
	return 0;
}

/* scan_run() by the folder's index. Of the numbers it looks for the first one that is free. */
static int64_t scan_by_index(struct fat_cursor *cursor, struct fat_index *index,
			     struct grow_scan *scan)
{
	int64_t used;

	scan->numbers = 0;
	if (scan->digit == FAT_SHORT_BYTES) {
		used = short_is_used(cursor, index, scan->wanted);
		scan->numbers = used > 0;
	} else {
		for (uint32_t i = 1; i <= NUMBERS; i++) {
			scan->wanted[scan->digit] = (uint8_t)('0' + i);
			used = short_is_used(cursor, index, scan->wanted);
			if (used <= 0)
				break;
			scan->numbers |= 1u << i;
		}
	}
	if (used < 0)
		return used;
	scan->addition->at_end =
		!fat_index_room(index, scan->addition->slots, &scan->addition->position);
	return 0;
}

static int64_t scan_run(struct fat_cursor *cursor, struct grow_scan *scan)
{
	struct fat_index *index = fat_index_get(cursor);
	uint8_t raw[FAT_ENTRY_BYTES];
	uint64_t place;
	int64_t found;

	if (index)
		return scan_by_index(cursor, index, scan);
	cursor->position = 0;
	scan->numbers = scan->free_count = 0;
	scan->has_room = false;
	for (;;) {
		uint32_t at = cursor->position;

		found = fat_cursor_raw(cursor, raw, &place);
		if (found < 0)
			return found;
		if (!found || !raw[0]) {
			if (!scan->has_room)
				scan->addition->position = scan->free_count ? scan->free_from : at;
			scan->addition->at_end = !scan->has_room;
			return 0;
		}
		if (raw[0] == FAT_DELETED)
			scan_free(scan, at);
		else
			scan_used(scan, raw);
	}
}

/* A name with digits that nothing in the folder has. */
static int64_t scan_digits(struct fat_cursor *cursor, struct grow_scan *scan)
{
	struct fat_volume *volume = cursor->volume;

	scan->digit = FAT_SHORT_BYTES;
	for (uint32_t i = 0; i < DIGITS_TRIES; i++) {
		int64_t error;

		volume->digits -= 11;
		fat_short_digits(&scan->addition->name, volume->digits, scan->wanted);
		error = scan_run(cursor, scan);
		if (error || !scan->numbers)
			return error;
	}
	return -ENOSPC;
}

/* Choose the short name, and the place. */
static int64_t plan_name(struct fat_cursor *cursor, struct fat_addition *addition,
			 enum fat_short_kind kind)
{
	struct grow_scan scan = { .addition = addition, .digit = FAT_SHORT_BYTES };
	uint32_t base = fat_min(addition->name.base_bytes, 6), number = 1;
	int64_t error = 0;

	memcpy(scan.wanted, addition->name.name, FAT_SHORT_BYTES);
	if (kind != FAT_SHORT_NUMBER) {
		error = scan_run(cursor, &scan);
		if (error || !scan.numbers)
			return error;
		if (kind == FAT_SHORT_WHOLE)
			return -EEXIST;
	}
	fat_short_number(&addition->name, 1, scan.wanted);
	scan.digit = base + 1;
	error = scan_run(cursor, &scan);
	while (number <= NUMBERS && scan.numbers >> number & 1)
		number++;
	if (number <= NUMBERS)
		scan.wanted[scan.digit] = (uint8_t)('0' + number);
	else if (!error)
		error = scan_digits(cursor, &scan);
	memcpy(addition->name.name, scan.wanted, FAT_SHORT_BYTES);
	return error;
}

/* ---- the place ---- */

static int64_t plan_growth(struct fat_cursor *cursor, uint32_t missing, uint32_t taken,
			   struct fat_addition *addition)
{
	struct fat_volume *volume = cursor->volume;
	uint32_t clusters = fat_clusters_of(volume, missing * FAT_ENTRY_BYTES);
	int64_t count, error;

	if ((cursor->folder == &volume->root && volume->layout.bits != 32) ||
	    addition->position + addition->slots * FAT_ENTRY_BYTES > FAT_FOLDER_MAX)
		return -ENOSPC;
	error = fat_chain_find(volume, cursor->folder, UINT32_MAX - 1, &addition->end);
	if (error != -ENODATA)
		return error;
	count = fat_find_free(volume, addition->end.cluster + 1, clusters, taken,
			      &addition->new_first);
	if (count < 0)
		return count;
	if (count < clusters)
		return -ENOSPC;
	addition->new_count = clusters;
	return 0;
}

/* Where each entry goes; and an entry behind them, if it has to become the end. */
static int64_t plan_places(struct fat_cursor *cursor, uint32_t taken, struct fat_addition *addition)
{
	uint8_t raw[FAT_ENTRY_BYTES];
	uint32_t i = 0;
	int64_t found = 1, error;
	bool is_end = false;

	cursor->position = addition->position;
	while (i < addition->slots && found > 0) {
		found = fat_cursor_raw(cursor, raw, &addition->places[i]);
		i += found > 0;
		is_end |= found > 0 && !raw[0];
		/* The index said so. */
		if (found > 0 && !is_end && raw[0] != FAT_DELETED) {
			fat_index_drop(cursor->volume, cursor->folder);
			return fat_damaged(cursor->volume,
					   "a folder was written by something else");
		}
	}
	if (found < 0)
		return found;
	if (i == addition->slots) {
		found = addition->at_end ? fat_cursor_raw(cursor, raw, &addition->new_end) : 0;
		if (found <= 0 || !raw[0])
			addition->new_end = 0;
		return found < 0 ? found : 0;
	}
	error = plan_growth(cursor, addition->slots - i, taken, addition);
	if (error)
		return error;
	for (uint32_t k = 0; i < addition->slots; i++, k++)
		addition->places[i] =
			fat_cluster_offset(&cursor->volume->layout, addition->new_first) +
			k * FAT_ENTRY_BYTES;
	return 0;
}

/* ---- orders ---- */

int64_t fat_order_after(struct fat_volume *volume, uint64_t later, uint64_t earlier,
			uint64_t length)
{
	int64_t error = 0;

	if (length == 1 && later / FAT_SECTOR_BYTES == earlier / FAT_SECTOR_BYTES)
		return 0;
	while (length && !error) {
		uint64_t part = fat_min(length, ORDER_MAX);

		error = banos_store_after(volume->mount, later, earlier, part);
		earlier += part;
		length -= part;
	}
	return error;
}

static int64_t plan_orders(struct fat_volume *volume, const struct fat_addition *addition)
{
	uint64_t entry = addition->places[addition->slots - 1], hook;
	int64_t error = 0;

	for (uint32_t i = 0; i + 1 < addition->slots && !error; i++)
		error = fat_order_after(volume, entry, addition->places[i], 1);
	if (error || !addition->new_count)
		return error;
	hook = fat_table_place(volume, addition->end.cluster);
	error = fat_order_after(volume, hook,
				fat_cluster_offset(&volume->layout, addition->new_first),
				(uint64_t)addition->new_count << volume->layout.cluster_shift);
	/* That is no harm if it cannot be. */
	if (!error)
		(void)fat_order_after(volume, hook, fat_table_place(volume, addition->new_first),
				      1);
	return error;
}

/* ---- adding ---- */

int64_t fat_addition_plan(struct fat_cursor *cursor, const char *name, uint32_t length,
			  uint32_t taken, struct fat_addition *addition)
{
	int32_t count = fat_units_from_utf8(name, length, addition->units);
	const struct fat_name_style *style = &cursor->volume->options.style;
	enum fat_short_kind kind;
	int64_t error;

	if (count > 0)
		count = fat_name_check(addition->units, (uint32_t)count);
	if (count > 0 && style->short_only)
		count = (int32_t)fat_name_cut(addition->units, (uint32_t)count);
	if (count <= 0)
		return -EINVAL;
	addition->folder = cursor->folder;
	addition->count = (uint32_t)count;
	addition->new_count = 0;
	addition->new_end = 0;
	kind = fat_short_make(addition->units, addition->count, style, &addition->name);
	if (kind == FAT_SHORT_NONE || (style->short_only && kind == FAT_SHORT_NUMBER))
		return -EINVAL;
	if (style->short_only)
		kind = FAT_SHORT_WHOLE;
	addition->slots = 1;
	if (kind != FAT_SHORT_WHOLE)
		addition->slots += fat_slots_of(addition->count);
	error = plan_name(cursor, addition, kind);
	if (!error)
		error = plan_places(cursor, taken, addition);
	if (!error)
		error = plan_orders(cursor->volume, addition);
	return error;
}

static int64_t write_growth(struct fat_volume *volume, struct fat_addition *addition)
{
	int64_t error = banos_store_zero(
		volume->mount, fat_cluster_offset(&volume->layout, addition->new_first),
		(uint64_t)addition->new_count << volume->layout.cluster_shift);

	if (error)
		return error;
	return fat_chain_attach(volume, addition->folder, &addition->end, addition->new_first,
				addition->new_count);
}

static int64_t addition_write(struct fat_volume *volume, struct fat_addition *addition,
			      uint8_t raw[FAT_ENTRY_BYTES])
{
	uint8_t checksum = fat_short_checksum(addition->name.name), slot[FAT_SLOT_BYTES];
	static const uint8_t end;
	int64_t error = 0;

	memcpy(raw, addition->name.name, FAT_SHORT_BYTES);
	raw[FAT_AT_CASE] = addition->name.case_bits;
	if (addition->new_count)
		error = write_growth(volume, addition);
	if (!error && addition->new_end)
		error = banos_store_write(volume->mount, addition->new_end, &end, 1);
	for (uint32_t i = 0; i + 1 < addition->slots && !error; i++) {
		fat_slot_make(addition->units, addition->count, addition->slots - 1 - i, checksum,
			      slot);
		error = banos_store_write(volume->mount, addition->places[i], slot, sizeof(slot));
	}
	if (error)
		return error;
	return banos_store_write(volume->mount, addition->places[addition->slots - 1], raw,
				 FAT_ENTRY_BYTES);
}

int64_t fat_addition_write(struct fat_cursor *cursor, struct fat_addition *addition,
			   uint8_t raw[FAT_ENTRY_BYTES])
{
	int64_t error = addition_write(cursor->volume, addition, raw);

	if (error)
		fat_index_drop(cursor->volume, addition->folder);
	else
		fat_index_added(cursor, addition->position, addition->slots);
	return error;
}

/* ---- removing ---- */

int64_t fat_name_remove(struct fat_cursor *cursor)
{
	static const uint8_t deleted = FAT_DELETED;
	uint32_t end = cursor->position;
	uint64_t entry = cursor->place, place;
	uint8_t raw[FAT_ENTRY_BYTES];
	int64_t error = 0;

	fat_index_removed(cursor);
	cursor->position = cursor->start;
	while (cursor->position < end && !error) {
		int64_t found = fat_cursor_raw(cursor, raw, &place);

		if (found <= 0) {
			fat_index_drop(cursor->volume, cursor->folder);
			return fat_either(found, -EIO);
		}
		/* The short entry first; else it only loses its long name. */
		(void)fat_order_after(cursor->volume, place, entry, 1);
		error = banos_store_write(cursor->volume->mount, place, &deleted, 1);
	}
	if (error)
		fat_index_drop(cursor->volume, cursor->folder);
	return error;
}
