/* SPDX-License-Identifier: MIT */
/*
 * What has to wait for a commit, by group: struct held.
 *
 * Two commits at most are not on the disk: the one that changes belong to now, and the one before, while it is
 * written. So there are two maps; a commit that is on the disk empties its map. Where memory or slots are missing,
 * the whole shard waits instead: freeing something must not fail.
 */
#include <banos/memory.h>
#include <banos/string.h>
#include "volume.h"

struct shard *shard_of(struct volume *volume, uint32_t group)
{
	return &volume->shards[group % SHARDS];
}

static uint32_t map_bytes(const struct volume *volume)
{
	uint32_t bits = volume->layout.blocks_per_group;

	if (bits < volume->layout.inodes_per_group)
		bits = volume->layout.inodes_per_group;
	return (bits + 63) / 64 * 8;
}

/* Who asked earlier, and comes later, does not take it back. @return what is committed */
static uint64_t committed_raise(struct volume *volume, int64_t committed)
{
	uint64_t known = __atomic_load_n(&volume->committed, __ATOMIC_RELAXED);

	while ((int64_t)known < committed &&
	       !__atomic_compare_exchange_n(&volume->committed, &known, (uint64_t)committed, 0,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	if ((int64_t)known > committed)
		return known;
	return (uint64_t)committed;
}

/* Between two calls of sync() one commit at most reaches the disk: then there is nothing to ask. */
uint64_t held_committed(struct volume *volume)
{
	uint64_t committing = __atomic_load_n(&volume->committing, __ATOMIC_RELAXED), committed;

	if (!committing)
		return __atomic_load_n(&volume->committed, __ATOMIC_RELAXED);
	committed = committed_raise(volume, banos_store_committed(volume->mount));
	if (committed >= committing)
		(void)__atomic_compare_exchange_n(&volume->committing, &committing, 0, 0,
						  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return committed;
}

/* Empty what is committed. The second map is the older one. */
static void held_age(struct volume *volume, struct held *held)
{
	uint64_t oldest = held->epochs[1], committed;

	if (!oldest)
		oldest = held->epochs[0];
	if (!oldest)
		return;
	committed = held_committed(volume);
	if (oldest > committed)
		return;
	for (uint32_t i = 0; i < 2; i++) {
		if (!held->epochs[i] || held->epochs[i] > committed)
			continue;
		memset(held->maps[i], 0, map_bytes(volume));
		held->epochs[i] = 0;
		starts_drop(volume, held->group, held->kind);
	}
}

struct held *held_find(struct volume *volume, uint32_t group, uint32_t kind)
{
	struct shard *shard = shard_of(volume, group);

	for (uint32_t i = 0; i < HELD_SLOTS; i++) {
		struct held *held = &shard->held[i];

		if (held->is_used && held->group == group && held->kind == kind) {
			held_age(volume, held);
			return held;
		}
	}
	return NULL;
}

/* A slot for a group, whose maps are empty. */
static struct held *held_claim(struct volume *volume, uint32_t group, uint32_t kind)
{
	struct shard *shard = shard_of(volume, group);

	for (uint32_t i = 0; i < HELD_SLOTS; i++) {
		struct held *held = &shard->held[i];

		held_age(volume, held);
		if (held->epochs[0] || held->epochs[1])
			continue;
		held->is_used = 1;
		held->group = group;
		held->kind = kind;
		return held;
	}
	return NULL;
}

/* Make maps[0] that of @epoch. @return whether it can be used */
static int held_turn(struct volume *volume, struct held *held, uint64_t epoch)
{
	if (held->epochs[0] && held->epochs[0] != epoch) {
		uint8_t *map = held->maps[1];

		if (held->epochs[1])
			return 0;
		held->maps[1] = held->maps[0];
		held->epochs[1] = held->epochs[0];
		held->maps[0] = map;
		held->epochs[0] = 0;
	}
	if (!held->maps[0])
		held->maps[0] = banos_alloc(ext2_owner, map_bytes(volume), 0);
	return held->maps[0] != NULL;
}

void held_add(struct volume *volume, uint32_t group, uint32_t kind, uint32_t bit, uint32_t count)
{
	uint64_t epoch = (uint64_t)banos_store_epoch(volume->mount);
	struct held *held = held_find(volume, group, kind);

	if (!held)
		held = held_claim(volume, group, kind);
	if (!held || !held_turn(volume, held, epoch)) {
		shard_of(volume, group)->blocked = epoch;
		starts_drop(volume, group, kind);
		return;
	}
	held->epochs[0] = epoch;
	for (uint32_t i = bit; i < bit + count; i++)
		held->maps[0][i / 8] |= (uint8_t)(1u << i % 8);
}

/* Was the bit set in a change of that commit? */
static int held_in(const struct held *held, uint64_t epoch, uint32_t bit)
{
	for (uint32_t i = 0; held && i < 2; i++)
		if (held->epochs[i] == epoch && held->maps[i][bit / 8] >> bit % 8 & 1u)
			return 1;
	return 0;
}

void links_note(struct volume *volume, uint32_t inode, uint64_t offset)
{
	uint64_t epoch = (uint64_t)banos_store_epoch(volume->mount);
	uint32_t group = node_group(volume, inode);
	uint32_t bit = inode - 1 - group * volume->layout.inodes_per_group;
	struct shard *shard = shard_of(volume, group);
	struct link *link = &shard->links[inode % LINK_SLOTS];

	banos_mutex_lock(&shard->lock);
	/* Of two names in one commit one place is not enough. */
	if (held_in(held_find(volume, group, HELD_LINKS), epoch, bit) &&
	    (link->inode != inode || link->epoch != epoch ||
	     link->offset / SECTOR != offset / SECTOR))
		offset = 0;
	*link = (struct link){ epoch, offset, inode };
	held_add(volume, group, HELD_LINKS, bit, 1);
	banos_mutex_unlock(&shard->lock);
}

int64_t links_order(struct volume *volume, uint32_t inode, uint64_t later)
{
	struct shard *shard = shard_of(volume, node_group(volume, inode));
	struct link link;

	if (!held_has(volume, inode, HELD_LINKS))
		return 0;
	banos_mutex_lock(&shard->lock);
	link = shard->links[inode % LINK_SLOTS];
	banos_mutex_unlock(&shard->lock);
	if (link.inode != inode || !link.offset)
		return -EAGAIN;
	/* Of an earlier commit: that is written before this one. */
	if (link.epoch != (uint64_t)banos_store_epoch(volume->mount))
		return 0;
	return banos_store_after(volume->mount, later, link.offset, 1);
}

int held_has(struct volume *volume, uint32_t inode, uint32_t kind)
{
	uint32_t group = node_group(volume, inode), has;
	uint32_t bit = inode - 1 - group * volume->layout.inodes_per_group;
	struct shard *shard = shard_of(volume, group);
	struct held *held;

	banos_mutex_lock(&shard->lock);
	held = held_find(volume, group, kind);
	has = shard->blocked && shard->blocked > held_committed(volume);
	for (uint32_t i = 0; held && i < 2; i++)
		if (held->epochs[i])
			has |= held->maps[i][bit / 8] >> bit % 8 & 1u;
	banos_mutex_unlock(&shard->lock);
	return (int)has;
}
