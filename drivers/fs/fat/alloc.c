// SPDX-License-Identifier: MIT
/* Clusters: found, taken, and freed when nothing on the disk leads to them any more (volume.h). */
#include <banos/errno.h>
#include <banos/memory.h>
#include "bytes.h"
#include "volume.h"

/* ---- held ---- */

static struct fat_held **held_bucket(struct fat_volume *volume, uint32_t cluster)
{
	return &volume->held[cluster / FAT_HELD_BITS % FAT_HELD_BUCKETS];
}

static struct fat_held *held_find(struct fat_volume *volume, uint32_t cluster)
{
	struct fat_held *held = *held_bucket(volume, cluster);

	while (held && held->chunk != cluster / FAT_HELD_BITS)
		held = held->next;
	return held;
}

static bool held_has(struct fat_volume *volume, uint32_t cluster, uint64_t committed)
{
	struct fat_held *held = held_find(volume, cluster);
	uint32_t bit = cluster % FAT_HELD_BITS;

	return held && held->epoch > committed && held->bits[bit / 8] >> bit % 8 & 1;
}

static void held_add(struct fat_volume *volume, uint32_t cluster, uint64_t epoch)
{
	struct fat_held *held = held_find(volume, cluster);
	uint32_t bit = cluster % FAT_HELD_BITS;

	if (!held) {
		held = banos_alloc(fat_owner, sizeof(*held), 0);
		if (!held) {
			volume->blocked = epoch;
			return;
		}
		held->chunk = cluster / FAT_HELD_BITS;
		held->next = *held_bucket(volume, cluster);
		*held_bucket(volume, cluster) = held;
	}
	held->epoch = epoch;
	held->bits[bit / 8] |= (uint8_t)(1u << bit % 8);
}

void fat_held_drop(struct fat_volume *volume, bool all)
{
	uint64_t committed = (uint64_t)banos_store_committed(volume->mount);

	for (uint32_t i = 0; i < FAT_HELD_BUCKETS; i++)
		for (struct fat_held **at = &volume->held[i]; *at;) {
			struct fat_held *held = *at;

			if (all || held->epoch <= committed) {
				*at = held->next;
				banos_free(fat_owner, held);
			} else {
				at = &held->next;
			}
		}
}

static bool held_is_empty(const struct fat_volume *volume)
{
	for (uint32_t i = 0; i < FAT_HELD_BUCKETS; i++)
		if (volume->held[i])
			return false;
	return true;
}

/* ---- free clusters ---- */

static int64_t free_search(struct fat_volume *volume, uint32_t from, uint32_t end, uint32_t want,
			   uint32_t not, uint32_t *first)
{
	uint64_t committed = (uint64_t)banos_store_committed(volume->mount);
	uint32_t count = 0, value = 0;

	for (uint32_t i = from; i < end && count < want; i++) {
		int64_t error = fat_table_get(volume, i, &value);

		if (error)
			return error;
		if (value == FAT_FREE && i != not &&!held_has(volume, i, committed)) {
			if (!count++)
				*first = i;
		} else if (count) {
			break;
		}
	}
	return count;
}

int64_t fat_find_free(struct fat_volume *volume, uint32_t goal, uint32_t want, uint32_t not,
		      uint32_t *first)
{
	uint32_t end = volume->layout.clusters + FAT_CLUSTER_MIN;
	uint64_t committed = (uint64_t)banos_store_committed(volume->mount);
	int64_t count;

	if (volume->blocked > committed)
		return -EAGAIN;
	if (!fat_is_cluster(&volume->layout, goal))
		goal = volume->next;
	if (!fat_is_cluster(&volume->layout, goal))
		goal = FAT_CLUSTER_MIN;
	count = free_search(volume, goal, end, want, not, first);
	if (!count)
		count = free_search(volume, FAT_CLUSTER_MIN, goal, want, not, first);
	if (count)
		return count;
	if (volume->pending || !held_is_empty(volume)) {
		fat_held_drop(volume, false);
		if (volume->pending || !held_is_empty(volume))
			return -EAGAIN;
	}
	return -ENOSPC;
}

int64_t fat_take(struct fat_volume *volume, uint32_t first, uint32_t count)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < count && !error; i++)
		error = fat_table_set(volume, first + i, i + 1 < count ? first + i + 1 : FAT_END);
	if (!error)
		error = fat_table_write(volume);
	volume->next = first + count;
	if (volume->free != FAT_UNKNOWN)
		volume->free -= fat_min(volume->free, count);
	return error;
}

/* ---- chains that nothing leads to ---- */

uint32_t fat_pending_clusters(const struct fat_volume *volume)
{
	uint32_t count = 0;

	for (const struct fat_pending *pending = volume->pending; pending; pending = pending->next)
		count += pending->clusters;
	return count;
}

/* A loop, or a chain that runs into another one, ends where it was freed already. @return 0; -EAGAIN: later; -EIO */
static int64_t pending_free(struct fat_volume *volume, struct fat_pending *pending, bool is_sure,
			    uint64_t epoch)
{
	uint64_t sector = 0;
	uint32_t value;

	while (fat_is_cluster(&volume->layout, pending->first)) {
		uint32_t cluster = pending->first;
		uint64_t place = fat_table_place(volume, cluster);
		int64_t error = fat_table_get(volume, cluster, &value);

		if (error)
			return error;
		if (value == FAT_FREE || value == FAT_BAD)
			break;
		if (!is_sure && place / FAT_SECTOR_BYTES != sector) {
			sector = place / FAT_SECTOR_BYTES;
			error = banos_store_after(volume->mount, place, pending->place, 1);
			if (error)
				return error;
		}
		if (!is_sure && volume->layout.bits == 12 &&
		    (place + 1) / FAT_SECTOR_BYTES != sector) {
			error = banos_store_after(volume->mount, place + 1, pending->place, 1);
			if (error)
				return error;
		}
		error = fat_table_set(volume, cluster, FAT_FREE);
		if (error)
			return error;
		held_add(volume, cluster, epoch);
		if (volume->free != FAT_UNKNOWN && volume->free < volume->layout.clusters)
			volume->free++;
		pending->clusters -= pending->clusters != 0;
		pending->first = value;
	}
	return 0;
}

int64_t fat_free_pending(struct fat_volume *volume, bool all)
{
	int64_t epoch = banos_store_epoch(volume->mount), result = 0;
	int64_t committed = banos_store_committed(volume->mount);

	for (struct fat_pending *pending = volume->pending; pending; pending = pending->next) {
		bool is_sure = all || pending->epoch <= (uint64_t)committed;
		int64_t error;

		pending->in_change = true;
		pending->change_first = pending->first;
		pending->change_clusters = pending->clusters;
		if (result == -ENOMEM)
			continue;
		error = pending_free(volume, pending, is_sure, (uint64_t)epoch);
		/* What cannot be read stays allocated: fsck.fat frees it. */
		pending->is_freed = error != -EAGAIN;
		if (error && error != -EAGAIN)
			result = error;
	}
	return fat_either(fat_table_write(volume), result);
}

void fat_pending_settle(struct fat_volume *volume, bool undone)
{
	for (struct fat_pending **at = &volume->pending; *at;) {
		struct fat_pending *pending = *at;

		if (undone && pending->in_change) {
			pending->first = pending->change_first;
			pending->clusters = pending->change_clusters;
			pending->is_freed = false;
		}
		pending->in_change = false;
		if (!pending->is_freed) {
			at = &pending->next;
			continue;
		}
		*at = pending->next;
		banos_free(fat_owner, pending);
	}
}
