/* SPDX-License-Identifier: MIT */
/*
 * In which block a name of a large folder is: known in memory, for folders without an index on the disk.
 *
 * A table has a slot for each name: 20 bits of its hash, and the number of its block. A name without a slot does not exist, so
 * that an absent one costs no block; the others are looked for in the blocks that their slots name. It is
 * filled by the first look-up, follows what is added, and keeps what is removed, as that costs a search in vain at most;
 * a table that gets too full is dropped, and filled again. A fresh instance of the driver begins without.
 * Each table has a lock; a folder has its table by its number. At most 256 KiB for each.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include "volume.h"

#define BLOCKS_MIN 4u /* smaller folders are searched */
#define SLOTS_MAX  65536u
#define BLOCK_BITS 12u
#define BLOCK_MASK ((1u << BLOCK_BITS) - 1)
#define SLOT_BYTES 8u /* of a folder, for each slot: an entry has 12 at least */

static uint32_t known_hash(const char *name, uint32_t length)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	return hash ^ hash >> 15;
}

static struct known *known_of(struct volume *volume, uint32_t folder)
{
	return &volume->known[folder % KNOWN_TABLES];
}

static void known_empty(struct known *known)
{
	banos_free(ext2_owner, known->slots);
	known->slots = NULL;
	known->folder = known->used = 0;
}

/* The lock is held. */
static void known_put(struct known *known, uint32_t hash, uint64_t block)
{
	uint32_t value = (hash & ~BLOCK_MASK) | ((uint32_t)block + 1), at = hash & known->mask;

	if (block >= BLOCK_MASK || known->used > known->mask / 4 * 3) {
		known_empty(known);
		return;
	}
	for (; known->slots[at]; at = (at + 1) & known->mask)
		if (known->slots[at] == value)
			return;
	known->slots[at] = value;
	known->used++;
}

static void known_put_block(struct volume *volume, struct known *known, const uint8_t *block,
			    uint64_t index)
{
	struct dirent entry;
	int result = 0;

	for (uint32_t offset = 0; known->slots; offset += entry.length) {
		result = dirent_read(&volume->form, block, offset, &entry);
		if (result)
			break;
		if (entry.inode)
			known_put(known, known_hash(entry.name, entry.name_bytes), index);
	}
	if (result == -EUCLEAN) /* the search will report it */
		known_empty(known);
}

/* Read the whole folder; the lock is held. Without success there is no table. */
static void known_fill(struct volume *volume, struct known *known, const struct node *folder)
{
	uint64_t bytes = inode_bytes(folder->raw), block;
	uint32_t slots = 1024;
	struct run run = { 0 };

	known_empty(known);
	while (slots < bytes / SLOT_BYTES && slots < 2 * SLOTS_MAX)
		slots *= 2;
	if (slots > SLOTS_MAX)
		return;
	known->slots = banos_alloc(ext2_owner, slots * sizeof(*known->slots), 0);
	known->mask = slots - 1;
	for (uint64_t index = 0; known->slots && index < bytes >> volume->layout.block_shift;
	     index++) {
		int64_t error = folder_block(volume, folder, index, &run, &block);
		struct view view;

		if (!error && !block)
			continue;
		if (!error)
			error = view_get(volume, block, &view);
		if (error) {
			known_empty(known);
			return;
		}
		known_put_block(volume, known, view.bytes, index);
		view_put(volume, &view);
	}
	if (known->slots)
		known->folder = folder->number;
}

int64_t known_find(struct volume *volume, const struct node *folder, const char *name,
		   uint32_t length, uint32_t blocks[KNOWN_BLOCKS])
{
	struct known *known = known_of(volume, folder->number);
	uint32_t hash = known_hash(name, length), count = 0;

	if (inode_bytes(folder->raw) >> volume->layout.block_shift < BLOCKS_MIN)
		return -1;
	banos_mutex_lock(&known->lock);
	if (known->folder != folder->number)
		known_fill(volume, known, folder);
	if (known->folder != folder->number)
		count = KNOWN_BLOCKS + 1;
	for (uint32_t at = hash & known->mask; count <= KNOWN_BLOCKS && known->slots[at];
	     at = (at + 1) & known->mask) {
		uint32_t value = known->slots[at];

		if ((value ^ hash) & ~BLOCK_MASK)
			continue;
		if (count < KNOWN_BLOCKS)
			blocks[count] = (value & BLOCK_MASK) - 1;
		count++;
	}
	banos_mutex_unlock(&known->lock);
	if (count > KNOWN_BLOCKS)
		return -1;
	return count;
}

void known_add(struct volume *volume, uint32_t folder, const char *name, uint32_t length,
	       uint64_t block)
{
	struct known *known = known_of(volume, folder);

	banos_mutex_lock(&known->lock);
	if (known->folder == folder)
		known_put(known, known_hash(name, length), block);
	banos_mutex_unlock(&known->lock);
}

void known_drop(struct volume *volume, uint32_t folder)
{
	struct known *known = known_of(volume, folder);

	banos_mutex_lock(&known->lock);
	if (known->folder == folder)
		known_empty(known);
	banos_mutex_unlock(&known->lock);
}

void known_drop_all(struct volume *volume)
{
	for (uint32_t i = 0; i < KNOWN_TABLES; i++) {
		banos_mutex_lock(&volume->known[i].lock);
		known_empty(&volume->known[i]);
		banos_mutex_unlock(&volume->known[i].lock);
	}
}

int64_t known_init(struct volume *volume)
{
	for (uint32_t i = 0; i < KNOWN_TABLES; i++) {
		int64_t error = banos_mutex_init(ext2_owner, &volume->known[i].lock);

		while (error && i)
			banos_mutex_destroy(&volume->known[--i].lock);
		if (error)
			return error;
	}
	return 0;
}

void known_free(struct volume *volume)
{
	for (uint32_t i = 0; i < KNOWN_TABLES; i++) {
		known_empty(&volume->known[i]);
		banos_mutex_destroy(&volume->known[i].lock);
	}
}
