/* SPDX-License-Identifier: MIT */
/*
 * Inodes without a name that are still in use: ext3's list of orphans, so that they are freed after a crash without e2fsck.
 *
 * On the disk: the superblock names the first one, each inode the next one where its time of deletion would be. The list is
 * kept here, and written by sync() only. Most files that lose their last name are forgotten before the next commit: these pass
 * through a small table without a lock, and never reach the list.
 *
 * A commit may be written in part. New inodes are put before the others, and the superblock is written after them, and after
 * the folders that lost their names; a file that gets a name again has its inode written before that. So what can be reached
 * had no name, or has its number of links. One that was freed may still be reached: its bit in the bitmap is clear, or its time of deletion is
 * no inode's number; there the list ends. What lies behind it is e2fsck's.
 *
 * Without memory an inode is not put on the list. Lock: the list's own, taken with no other one held.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "volume.h"

#define LOADED_MAX 65536u /* in use when a driver is replaced */
#define FREED_STEP 256u	  /* loaded at a time to be freed */
#define FREED_MAX  4096u  /* by one mount(), so that its change stays small */
#define UNKNOWN	   UINT32_MAX

/** One of the list. */
struct orphan {
	struct orphan *chain;		/* in its bucket */
	struct orphan *before, *behind; /* before: nearer to the superblock */
	uint32_t inode;
	uint32_t stored; /* the next one, as its inode on the store says */
};

/* ---- not listed yet ---- */

/* Its slot; NULL: there is none. @value: what is to be replaced by @next */
static int recent_exchange(struct orphans *orphans, uint32_t inode, uint32_t value, uint32_t next)
{
	for (uint32_t i = 0; i < ORPHAN_TRIES; i++) {
		uint32_t *slot = &orphans->recent[(inode + i) % ORPHAN_RECENT], expected = value;

		if (__atomic_load_n(slot, __ATOMIC_RELAXED) == value &&
		    __atomic_compare_exchange_n(slot, &expected, next, 0, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return 1;
	}
	return 0;
}

/* ---- the list: its lock is held ---- */

static struct orphan **orphan_find(struct orphans *orphans, uint32_t inode)
{
	struct orphan **at = &orphans->buckets[inode % ORPHAN_BUCKETS];

	while (*at && (*at)->inode != inode)
		at = &(*at)->chain;
	return at;
}

/* At the list's beginning, or its end. */
static int64_t orphan_insert(struct orphans *orphans, uint32_t inode, uint32_t stored, int at_end)
{
	struct orphan *orphan = banos_alloc(ext2_owner, sizeof(*orphan), 0);
	struct orphan **bucket = &orphans->buckets[inode % ORPHAN_BUCKETS];

	if (!orphan)
		return -ENOMEM;
	*orphan = (struct orphan){ .chain = *bucket, .inode = inode, .stored = stored };
	*bucket = orphan;
	if (at_end) {
		orphan->before = orphans->last;
		*(orphans->last ? &orphans->last->behind : &orphans->first) = orphan;
		orphans->last = orphan;
	} else {
		orphan->behind = orphans->first;
		*(orphans->first ? &orphans->first->before : &orphans->last) = orphan;
		orphans->first = orphan;
	}
	orphans->count++;
	orphans->changed = 1;
	return 0;
}

static void orphan_remove(struct orphans *orphans, struct orphan **at)
{
	struct orphan *orphan = *at;

	*at = orphan->chain;
	*(orphan->before ? &orphan->before->behind : &orphans->first) = orphan->behind;
	*(orphan->behind ? &orphan->behind->before : &orphans->last) = orphan->before;
	banos_free(ext2_owner, orphan);
	orphans->count--;
	orphans->changed = 1;
}

/* ---- what methods say ---- */

void orphan_add(struct volume *volume, uint32_t inode)
{
	struct orphans *orphans = &volume->orphans;

	if (recent_exchange(orphans, inode, 0, inode)) {
		__atomic_fetch_add(&orphans->recent_count, 1, __ATOMIC_RELAXED);
		return;
	}
	banos_mutex_lock(&orphans->lock);
	/* Without memory it is e2fsck's. */
	(void)orphan_insert(orphans, inode, 0, 0);
	banos_mutex_unlock(&orphans->lock);
}

int64_t orphan_order(struct volume *volume, uint64_t name)
{
	return banos_store_after(volume->mount, SUPER_OFFSET, name, 1);
}

void orphan_drop(struct volume *volume, uint32_t inode)
{
	struct orphans *orphans = &volume->orphans;
	struct orphan **at;

	if (recent_exchange(orphans, inode, inode, 0)) {
		__atomic_fetch_sub(&orphans->recent_count, 1, __ATOMIC_RELAXED);
		return;
	}
	if (!__atomic_load_n(&orphans->count, __ATOMIC_RELAXED))
		return;
	banos_mutex_lock(&orphans->lock);
	at = orphan_find(orphans, inode);
	if (*at)
		orphan_remove(orphans, at);
	banos_mutex_unlock(&orphans->lock);
}

int orphan_has(struct volume *volume, uint32_t inode)
{
	struct orphans *orphans = &volume->orphans;
	int has;

	for (uint32_t i = 0; i < ORPHAN_TRIES; i++)
		if (__atomic_load_n(&orphans->recent[(inode + i) % ORPHAN_RECENT],
				    __ATOMIC_RELAXED) == inode)
			return 1;
	banos_mutex_lock(&orphans->lock);
	has = *orphan_find(orphans, inode) != NULL;
	banos_mutex_unlock(&orphans->lock);
	return has;
}

/* ---- writing: changes are excluded ---- */

int orphans_are_changed(const struct volume *volume)
{
	return volume->orphans.recent_count || volume->orphans.changed;
}

static int64_t next_read(struct volume *volume, uint32_t inode, uint64_t *offset, uint32_t *next)
{
	uint8_t bytes[4];
	int64_t error = node_locate(volume, inode, offset);

	*offset += INODE_DTIME;
	if (!error)
		error = banos_store_read(volume->mount, *offset, bytes, sizeof(bytes));
	*next = get32(bytes);
	return error;
}

/* Those of the table join the list, but for what finds no memory, or no place in the order of sectors: later. */
static void recent_list(struct volume *volume)
{
	struct orphans *orphans = &volume->orphans;

	for (uint32_t i = 0; i < ORPHAN_RECENT && orphans->recent_count; i++) {
		uint32_t inode = orphans->recent[i], stored;
		uint64_t offset;

		if (!inode || next_read(volume, inode, &offset, &stored) ||
		    banos_store_after(volume->mount, SUPER_OFFSET, offset, 1) ||
		    orphan_insert(orphans, inode, stored, 0))
			continue;
		orphans->recent[i] = 0;
		orphans->recent_count--;
	}
}

int64_t orphans_write(struct volume *volume, uint8_t *super)
{
	struct orphans *orphans = &volume->orphans;
	int64_t error = 0;

	banos_mutex_lock(&orphans->lock);
	recent_list(volume);
	orphans->changed = 0;
	for (struct orphan *orphan = orphans->first; orphan && !error; orphan = orphan->behind) {
		uint32_t next = orphan->behind ? orphan->behind->inode : orphans->rest;
		uint64_t offset;
		uint8_t bytes[4];

		if (orphan->stored == next)
			continue;
		put32(bytes, next);
		error = node_locate(volume, orphan->inode, &offset);
		if (!error)
			error = banos_store_write(volume->mount, offset + INODE_DTIME, bytes,
						  sizeof(bytes));
		if (!error)
			orphan->stored = next;
	}
	put32(super + SUPER_LAST_ORPHAN, orphans->first ? orphans->first->inode : orphans->rest);
	if (error)
		orphans->changed = 1;
	banos_mutex_unlock(&orphans->lock);
	return error;
}

void orphans_distrust(struct volume *volume)
{
	struct orphans *orphans = &volume->orphans;

	banos_mutex_lock(&orphans->lock);
	for (struct orphan *orphan = orphans->first; orphan; orphan = orphan->behind)
		orphan->stored = UNKNOWN;
	orphans->changed = 1;
	banos_mutex_unlock(&orphans->lock);
}

/* ---- mounting ---- */

/* Is it still what the list says? @links: written */
static int64_t orphan_check(struct volume *volume, uint32_t inode, uint32_t *next, uint32_t *links)
{
	uint8_t raw[INODE_BYTES_MIN];
	uint64_t offset;
	int64_t error;

	if (inode < volume->layout.inodes_first || inode > volume->layout.inodes)
		return -EUCLEAN;
	error = node_locate(volume, inode, &offset);
	if (!error)
		error = banos_store_read(volume->mount, offset, raw, sizeof(raw));
	if (error)
		return error;
	*next = get32(raw + INODE_DTIME);
	*links = inode_links(raw);
	if (!inode_mode(raw))
		return -EUCLEAN;
	return inode_is_used(volume, inode);
}

/* ext3 lists files that it makes shorter, too: what lies behind their size is freed. */
static int64_t orphan_cut(struct volume *volume, uint32_t inode)
{
	const struct layout *layout = &volume->layout;
	uint8_t bytes[4] = { 0 };
	uint64_t blocks;
	struct node node;
	int64_t error = node_get(volume, inode, &node);

	if (error)
		return error;
	blocks = inode_bytes(node.raw) >> layout->block_shift;
	blocks += !!(inode_bytes(node.raw) & (layout->block_bytes - 1));
	if (blocks > map_blocks_max(layout))
		return -EUCLEAN;
	if (inode_type(node.raw) == MODE_FILE)
		error = node_punch(volume, &node, blocks, UINT64_MAX);
	if (error)
		return error;
	return banos_store_write(volume->mount, node.offset + INODE_DTIME, bytes, sizeof(bytes));
}

/*
 * Put up to @max of the store's list, from @orphans->rest on, on ours. Damage ends the list.
 * @return 0; -ENOMEM, -EIO
 */
static int64_t orphans_load(struct volume *volume, uint32_t max, int cuts)
{
	struct orphans *orphans = &volume->orphans;
	uint32_t inode = orphans->rest, next = 0, links = 0, read = 0;
	int64_t error = 0;

	for (; inode && read < max; inode = next, read++) {
		error = orphan_check(volume, inode, &next, &links);
		if (!error && (*orphan_find(orphans, inode) || (links && !cuts)))
			error = -EUCLEAN;
		else if (!error && links)
			error = orphan_cut(volume, inode);
		else if (!error)
			error = orphan_insert(orphans, inode, next, 1);
		if (error)
			break;
	}
	orphans->rest = inode;
	if (error == -ENOMEM || error == -EIO)
		return error;
	if (error)
		orphans->rest = 0;
	return 0;
}

/* Free what is listed. */
static int64_t orphans_release(struct volume *volume)
{
	struct orphans *orphans = &volume->orphans;
	int64_t error = 0;
	uint32_t freed = 0;

	for (uint32_t steps = 0; orphans->rest && !error && steps < FREED_MAX / FREED_STEP;
	     steps++) {
		error = orphans_load(volume, FREED_STEP, 1);
		while (!error && orphans->first) {
			error = ext2_forget(volume, orphans->first->inode);
			freed += !error;
		}
	}
	if (freed)
		banos_print(ext2_owner, "%u files without a name were freed", freed);
	/* What cannot be freed for another reason stays listed. */
	if (error == -ENOMEM)
		return error;
	return 0;
}

int64_t orphans_begin(struct volume *volume, int in_use)
{
	struct orphans *orphans = &volume->orphans;
	uint8_t bytes[4];
	int64_t error = banos_store_read(volume->mount, SUPER_OFFSET + SUPER_LAST_ORPHAN, bytes,
					 sizeof(bytes));

	if (error || !get32(bytes))
		return error;
	orphans->changed = 1;
	orphans->rest = get32(bytes);
	if (in_use) {
		error = orphans_load(volume, LOADED_MAX, 0);
		if (error != -ENOMEM)
			error = 0;
		return error;
	}
	if (volume->is_damaged || volume->layout.state & STATE_ERROR) {
		banos_warning(ext2_owner, "it has errors: files without a name are left to e2fsck");
		return 0;
	}
	return orphans_release(volume);
}

void orphans_check(struct volume *volume)
{
	struct orphans *orphans = &volume->orphans;
	struct orphan *orphan = orphans->first, *behind;
	uint32_t links, next;

	if (orphans->rest && orphan_check(volume, orphans->rest, &next, &links))
		orphans->rest = 0;
	for (; orphan; orphan = behind) {
		behind = orphan->behind;
		if (orphan_check(volume, orphan->inode, &orphan->stored, &links) || links)
			orphan_remove(orphans, orphan_find(orphans, orphan->inode));
	}
	orphans->changed = 1;
}

void orphans_free(struct volume *volume)
{
	struct orphans *orphans = &volume->orphans;

	while (orphans->first)
		orphan_remove(orphans, orphan_find(orphans, orphans->first->inode));
	banos_mutex_destroy(&orphans->lock);
}
