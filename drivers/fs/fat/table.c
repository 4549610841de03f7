// SPDX-License-Identifier: MIT
/*
 * The table: one piece of it is kept in memory, changed there, and written to all copies.
 *
 * A piece has 3072 bytes of FAT12, so that no entry lies across its end, else 4096.
 */
#include <banos/errno.h>
#include "bytes.h"
#include "volume.h"

static uint32_t table_piece(const struct fat_volume *volume)
{
	if (volume->layout.bits == 12)
		return 3072;
	return 4096;
}

static uint64_t table_store(const struct fat_volume *volume, uint32_t number, uint64_t offset)
{
	return volume->layout.table_offset + number * volume->layout.table_bytes + offset;
}

uint64_t fat_table_place(const struct fat_volume *volume, uint32_t cluster)
{
	return table_store(volume, volume->layout.table_used,
			   fat_entry_offset(&volume->layout, cluster));
}

int64_t fat_table_write(struct fat_volume *volume)
{
	const struct fat_layout *layout = &volume->layout;
	uint32_t from = volume->dirty_from, length = volume->dirty_to - from;
	int64_t error = 0;

	volume->dirty_from = volume->dirty_to = 0;
	for (uint32_t i = 0; length && i < layout->tables && !error; i++)
		if (layout->mirrored || i == layout->table_used)
			error = banos_store_write(volume->mount,
						  table_store(volume, i, volume->table_at + from),
						  volume->table + from, length);
	if (error)
		volume->table_at = UINT64_MAX;
	return error;
}

void fat_table_forget(struct fat_volume *volume)
{
	volume->dirty_from = volume->dirty_to = 0;
	volume->table_at = UINT64_MAX;
}

/* From the copy that is used; if it cannot be read, from another one. */
static int64_t table_read(struct fat_volume *volume, uint64_t at)
{
	const struct fat_layout *layout = &volume->layout;
	int64_t error = banos_store_read(volume->mount, table_store(volume, layout->table_used, at),
					 volume->table, volume->table_bytes);

	for (uint32_t i = 0; error && layout->mirrored && i < layout->tables; i++)
		if (i != layout->table_used)
			error = banos_store_read(volume->mount, table_store(volume, i, at),
						 volume->table, volume->table_bytes);
	return error;
}

/* @at: where in the piece the entry begins */
static int64_t table_load(struct fat_volume *volume, uint32_t cluster, uint8_t **at)
{
	uint64_t offset = fat_entry_offset(&volume->layout, cluster);
	uint64_t start = offset - offset % table_piece(volume), left;
	int64_t error;

	if (!fat_is_cluster(&volume->layout, cluster))
		return fat_damaged(volume, "a cluster does not lie on the volume");
	*at = volume->table + (offset - start);
	if (volume->table_at == start)
		return 0;
	error = fat_table_write(volume);
	if (error)
		return error;
	left = volume->layout.table_bytes - start;
	volume->table_bytes = fat_min(left, table_piece(volume));
	volume->table_at = UINT64_MAX;
	error = table_read(volume, start);
	if (!error)
		volume->table_at = start;
	return error;
}

int64_t fat_table_get(struct fat_volume *volume, uint32_t cluster, uint32_t *value)
{
	uint8_t *at;
	int64_t error = table_load(volume, cluster, &at);

	if (!error)
		*value = fat_entry_get(&volume->layout, cluster, at);
	return error;
}

int64_t fat_table_set(struct fat_volume *volume, uint32_t cluster, uint32_t value)
{
	uint32_t from, to;
	uint8_t *at;
	int64_t error = table_load(volume, cluster, &at);

	if (error)
		return error;
	fat_entry_set(&volume->layout, cluster, at, value);
	from = (uint32_t)(at - volume->table);
	to = from + fat_entry_bytes(&volume->layout);
	if (volume->dirty_from == volume->dirty_to || from < volume->dirty_from)
		volume->dirty_from = from;
	if (to > volume->dirty_to)
		volume->dirty_to = to;
	return 0;
}

int64_t fat_table_count(struct fat_volume *volume, uint32_t *free)
{
	uint32_t value = 0, end = volume->layout.clusters + FAT_CLUSTER_MIN;
	int64_t error = 0;

	*free = 0;
	for (uint32_t i = FAT_CLUSTER_MIN; i < end && !error; i++) {
		error = fat_table_get(volume, i, &value);
		*free += value == FAT_FREE;
	}
	return error;
}
