/* SPDX-License-Identifier: MIT */
/*
 * Blocks and inodes: what is free.
 *
 * A search begins at a goal, in the group of what the new block or inode belongs to, and goes on in the groups behind it.
 * Folders of the root are spread: of a few groups the emptiest one is taken; others stay with their parent
 * as long as there is space. The counters of the superblock are kept as differences in each shard, and written by sync().
 */
#include <banos/errno.h>
#include <banos/string.h>
#include "bitmap.h"
#include "volume.h"

#define PIECE_BYTES  4096u /* of a bitmap that are looked at in one go */
#define PIECE_BITS   (8 * PIECE_BYTES)
#define FREE_BLOCKS  12u /* in a descriptor */
#define FREE_INODES  14u
#define FOLDERS	     16u
#define SPREAD_TRIES 8u

/* ---- one group ---- */

struct search {
	uint64_t bitmap; /* its block */
	struct held *held;
	uint32_t from, to, want;
	uint32_t first, count; /* what was found; count 0: nothing */
};

/*
 * Set or clear bits of a bitmap, and count those that are clear in a field of the descriptor, which is *@free.
 * -EUCLEAN: one of them is so already, and nothing has changed.
 */
static int64_t bits_change(struct volume *volume, uint32_t group, const struct search *search,
			   uint32_t value, uint32_t field, uint32_t *free)
{
	uint64_t counter = layout_descriptor(&volume->layout, group) + field;
	uint32_t after = value ? *free - search->count : *free + search->count;
	int64_t error;

	/* Of what was counted wrongly before, it stays as it is. */
	if (after > UINT16_MAX)
		counter = 0;
	error = banos_store_bits(volume->mount, search->bitmap << volume->layout.block_shift,
				 search->first, search->count, value, counter);
	if (!error && counter)
		*free = after;
	return error;
}

/* A folder more or less. */
static int64_t folders_change(struct volume *volume, uint32_t number, struct group *group,
			      int32_t change)
{
	uint32_t after = group->folders + (uint32_t)change;

	if (after > UINT16_MAX)
		return 0;
	group->folders = after;
	return banos_store_add(volume->mount, layout_descriptor(&volume->layout, number) + FOLDERS,
			       2, change);
}

/* Look at bits [from, to), which lie in one piece. */
static int64_t search_piece(struct volume *volume, struct search *search, uint32_t from,
			    uint32_t to)
{
	uint32_t piece = from / PIECE_BITS, base = piece * PIECE_BITS, bit;
	uint64_t offset =
		(search->bitmap << volume->layout.block_shift) + (uint64_t)piece * PIECE_BYTES;
	struct bitmap_set set = { { 0 } };
	const void *memory;
	int64_t error;

	error = banos_store_borrow(volume->mount, offset,
				   (uint32_t)lesser(volume->layout.block_bytes, PIECE_BYTES),
				   &memory);
	if (error)
		return error;
	set.maps[0] = memory;
	for (uint32_t i = 0; search->held && i < 2; i++)
		if (search->held->epochs[i])
			set.maps[i + 1] = search->held->maps[i] + base / 8;
	bit = bitmap_find(&set, from - base, to - base);
	if (bit < to - base) {
		uint32_t end = to - base;

		if (end - bit > search->want)
			end = bit + search->want;
		search->first = base + bit;
		search->count = end - bit == 1 ? 1 : bitmap_run(&set, bit, end);
	}
	return banos_store_return(volume->mount, memory);
}

static int64_t search_range(struct volume *volume, struct search *search, uint32_t from,
			    uint32_t to)
{
	int64_t error = 0;

	while (!error && !search->count && from < to) {
		uint32_t end = (from / PIECE_BITS + 1) * PIECE_BITS;

		if (end > to)
			end = to;
		error = search_piece(volume, search, from, end);
		from = end;
	}
	return error;
}

/*
 * Below its start a group has no free bits but those that were freed since the last commit, so that a search need not
 * begin at the first bit each time. A slot is shared by groups: its last user has it. The shard's lock is held.
 */
static uint64_t *start_of(struct volume *volume, uint32_t group, uint32_t kind)
{
	return &volume->starts[(2 * group + kind) % STARTS];
}

static uint32_t start_get(struct volume *volume, uint32_t group, uint32_t kind)
{
	uint64_t value = __atomic_load_n(start_of(volume, group, kind), __ATOMIC_RELAXED);

	if (value >> 32 != 2 * (uint64_t)group + kind)
		return 0;
	return (uint32_t)value;
}

static void start_set(struct volume *volume, uint32_t group, uint32_t kind, uint32_t bit)
{
	__atomic_store_n(start_of(volume, group, kind), (2 * (uint64_t)group + kind) << 32 | bit,
			 __ATOMIC_RELAXED);
}

void starts_drop(struct volume *volume, uint32_t group, uint32_t kind)
{
	if (kind <= HELD_INODES && start_get(volume, group, kind))
		start_set(volume, group, kind, 0);
}

/* From @goal to the end, if there is one, then from the start; what was found, or that there is nothing, is the new start. */
static int64_t search_group(struct volume *volume, struct search *search, uint32_t group,
			    uint32_t kind, uint32_t goal)
{
	uint32_t start = start_get(volume, group, kind);
	int64_t error = 0;

	if (start < search->from)
		start = search->from;
	if (goal > start && goal < search->to)
		error = search_range(volume, search, goal, search->to);
	if (error || search->count)
		return error;
	error = search_range(volume, search, start, search->to);
	if (!error)
		start_set(volume, group, kind,
			  search->count ? search->first + search->count : search->to);
	return error;
}

static int shard_is_blocked(struct volume *volume, const struct shard *shard)
{
	return shard->blocked && shard->blocked > held_committed(volume);
}

/* No space: will there be some after a commit? */
static int64_t error_without_space(struct volume *volume)
{
	uint64_t freed = __atomic_load_n(&volume->freed_epoch, __ATOMIC_RELAXED);
	uint64_t committed = (uint64_t)banos_store_committed(volume->mount);

	if (freed > committed)
		return -EAGAIN;
	/* Two that asked at once may have left the older answer. */
	if (__atomic_exchange_n(&volume->committed, committed, __ATOMIC_RELAXED) != committed)
		return -EAGAIN;
	return -ENOSPC;
}

static void freed_note(struct volume *volume)
{
	uint64_t epoch = (uint64_t)banos_store_epoch(volume->mount);

	if (__atomic_load_n(&volume->freed_epoch, __ATOMIC_RELAXED) != epoch)
		__atomic_store_n(&volume->freed_epoch, epoch, __ATOMIC_RELAXED);
}

/* ---- blocks ---- */

uint64_t volume_blocks_free(struct volume *volume)
{
	int64_t count = (int64_t)volume->blocks_free;

	for (uint32_t i = 0; i < SHARDS; i++)
		count += __atomic_load_n(&volume->shards[i].blocks_free, __ATOMIC_RELAXED);
	if (count < 0)
		return 0;
	return (uint64_t)count;
}

/* @return how many blocks of the group; 0: it has none; the lock is held */
static int64_t group_take_blocks(struct volume *volume, uint32_t number, uint32_t goal,
				 uint32_t want, uint64_t *first)
{
	uint64_t base = layout_group_first(&volume->layout, number);
	struct search search = { .to = layout_group_blocks(&volume->layout, number) };
	struct group *group;
	int64_t error = group_find(volume, number, &group);

	if (error || !group->free_blocks)
		return error;
	search.want = want < group->free_blocks ? want : group->free_blocks;
	search.bitmap = group->block_bitmap;
	search.held = held_find(volume, number, HELD_BLOCKS);
	error = search_group(volume, &search, number, HELD_BLOCKS, goal);
	if (error || !search.count)
		return error;
	*first = base + search.first;
	if (!layout_is_block(&volume->layout, *first) ||
	    group_owns_any(&volume->layout, number, group, *first, search.count))
		return volume_damaged(volume, "a block of the file system itself is free");
	error = bits_change(volume, number, &search, 1, FREE_BLOCKS, &group->free_blocks);
	if (error)
		return error;
	return (int64_t)search.count;
}

int64_t block_alloc(struct volume *volume, uint64_t goal, uint32_t want, uint32_t flags,
		    uint64_t *first)
{
	const struct layout *layout = &volume->layout;
	uint64_t start;
	uint32_t bit;

	if (!layout_is_block(layout, goal))
		goal = layout->blocks_first;
	if (volume->scarce && !(flags & BANOS_MAP_RESERVED)) {
		uint64_t free = volume_blocks_free(volume);

		if (free <= layout->blocks_reserved)
			return error_without_space(volume);
		if (free < layout->blocks_reserved + want)
			want = 1;
	}
	start = (goal - layout->blocks_first) / layout->blocks_per_group;
	bit = (uint32_t)((goal - layout->blocks_first) % layout->blocks_per_group);
	/* The goal's group, and then all. */
	for (uint32_t i = 0; i <= layout->groups; i++) {
		uint32_t group = (uint32_t)((start + i) % layout->groups);
		struct shard *shard = shard_of(volume, group);
		int64_t count = 0;

		banos_mutex_lock(&shard->lock);
		if (!shard_is_blocked(volume, shard))
			count = group_take_blocks(volume, group, i ? 0 : bit, want, first);
		if (count > 0)
			shard->blocks_free -= count;
		banos_mutex_unlock(&shard->lock);
		if (count) {
			__atomic_store_n(&volume->rotor, group, __ATOMIC_RELAXED);
			return count;
		}
		/* Where it is full, the groups behind it mostly are, too. */
		if (!i)
			start = __atomic_load_n(&volume->rotor, __ATOMIC_RELAXED) + layout->groups -
				1;
	}
	return error_without_space(volume);
}

/* The lock is held. */
static int64_t group_give_blocks(struct volume *volume, uint32_t number, uint32_t bit,
				 uint32_t count, int undo)
{
	uint64_t first = layout_group_first(&volume->layout, number) + bit;
	struct search search = { .first = bit, .count = count };
	struct group *group;
	int64_t error = group_find(volume, number, &group);

	if (error)
		return error;
	if (group_owns_any(&volume->layout, number, group, first, count))
		return volume_damaged(volume, "a file has a block of the file system itself");
	search.bitmap = group->block_bitmap;
	error = bits_change(volume, number, &search, 0, FREE_BLOCKS, &group->free_blocks);
	if (error == -EUCLEAN)
		volume_damaged(volume, "a block was freed twice");
	if (!error && undo && bit < start_get(volume, number, HELD_BLOCKS))
		start_set(volume, number, HELD_BLOCKS, bit);
	if (!error && !undo)
		held_add(volume, number, HELD_BLOCKS, bit, count);
	return error;
}

int64_t block_free(struct volume *volume, uint64_t first, uint64_t count, int undo)
{
	const struct layout *layout = &volume->layout;
	int64_t error = 0;

	while (!error && count) {
		uint64_t at = first - layout->blocks_first;
		uint32_t number = (uint32_t)(at / layout->blocks_per_group);
		uint32_t bit = (uint32_t)(at % layout->blocks_per_group);
		uint32_t part = layout->blocks_per_group - bit;
		struct shard *shard = shard_of(volume, number);

		if (part > count)
			part = (uint32_t)count;
		banos_mutex_lock(&shard->lock);
		error = group_give_blocks(volume, number, bit, part, undo);
		if (!error)
			shard->blocks_free += part;
		banos_mutex_unlock(&shard->lock);
		first += part;
		count -= part;
	}
	if (!undo)
		freed_note(volume);
	return error;
}

/* ---- inodes ---- */

uint64_t volume_inodes_free(struct volume *volume)
{
	int64_t count = (int64_t)volume->inodes_free;

	for (uint32_t i = 0; i < SHARDS; i++)
		count += __atomic_load_n(&volume->shards[i].inodes_free, __ATOMIC_RELAXED);
	if (count < 0)
		return 0;
	return (uint64_t)count;
}

/* The group for a folder of the root: the emptiest one of a few. */
static uint32_t group_spread(struct volume *volume)
{
	const struct layout *layout = &volume->layout;
	uint32_t best = 0;
	uint64_t best_value = 0;

	for (uint32_t i = 0; i < SPREAD_TRIES && i < layout->groups; i++) {
		/* With few groups each one; else some that lie far from each other. */
		uint64_t step = layout->groups <= SPREAD_TRIES ? 1 : layout->groups / SPREAD_TRIES;
		uint32_t number = (uint32_t)((volume->generation + i * step) % layout->groups);
		struct shard *shard = shard_of(volume, number);
		uint64_t value = 0;
		struct group *group;

		banos_mutex_lock(&shard->lock);
		if (!group_find(volume, number, &group) && group->free_inodes)
			value = ((uint64_t)group->free_blocks + group->free_inodes) /
					(group->folders + 1) +
				1;
		banos_mutex_unlock(&shard->lock);
		if (value > best_value) {
			best_value = value;
			best = number;
		}
	}
	return best;
}

/* An inode that the bitmap lists as free must not be in use: then the bitmap is wrong. */
static int64_t inode_check_free(struct volume *volume, uint32_t number)
{
	uint8_t raw[INODE_BYTES_MIN];
	uint64_t offset;
	int64_t error = node_locate(volume, number, &offset);

	if (!error)
		error = banos_store_read(volume->mount, offset, raw, sizeof(raw));
	if (!error && inode_links(raw) && inode_mode(raw))
		error = volume_damaged(volume, "an inode in use is free");
	return error;
}

int64_t inode_is_used(struct volume *volume, uint32_t number)
{
	uint32_t bit = (number - 1) % volume->layout.inodes_per_group;
	struct group group;
	uint8_t byte = 0;
	int64_t error = group_read(volume, node_group(volume, number), &group);

	if (!error)
		error = banos_store_read(
			volume->mount, (group.inode_bitmap << volume->layout.block_shift) + bit / 8,
			&byte, 1);
	if (!error && !(byte >> bit % 8 & 1u))
		error = -EUCLEAN;
	return error;
}

/* @return 0; 1: the group has none; the lock is held */
static int64_t group_take_inode(struct volume *volume, uint32_t number, int is_folder,
				uint32_t *inode)
{
	const struct layout *layout = &volume->layout;
	struct search search = { .want = 1, .to = layout->inodes_per_group };
	uint64_t base = (uint64_t)number * layout->inodes_per_group;
	struct group *group;
	int64_t error = group_find(volume, number, &group);

	if (error)
		return error;
	if (base + 1 < layout->inodes_first)
		search.from = (uint32_t)(layout->inodes_first - 1 - base);
	if (!group->free_inodes || search.from >= search.to)
		return 1;
	search.bitmap = group->inode_bitmap;
	search.held = held_find(volume, number, HELD_INODES);
	error = search_group(volume, &search, number, HELD_INODES, 0);
	if (error)
		return error;
	if (!search.count)
		return 1;
	*inode = (uint32_t)base + search.first + 1;
	error = inode_check_free(volume, *inode);
	if (!error)
		error = bits_change(volume, number, &search, 1, FREE_INODES, &group->free_inodes);
	if (!error && is_folder)
		error = folders_change(volume, number, group, 1);
	if (!error)
		held_add(volume, number, HELD_INODES, search.first, 1);
	return error;
}

int64_t inode_alloc(struct volume *volume, const struct node *parent, int is_folder,
		    uint32_t *number)
{
	const struct layout *layout = &volume->layout;
	uint32_t start = node_group(volume, parent->number);

	if (is_folder && parent->number == ROOT_INODE)
		start = group_spread(volume);
	for (uint32_t i = 0; i < layout->groups; i++) {
		uint32_t group = (uint32_t)(((uint64_t)start + i) % layout->groups);
		struct shard *shard = shard_of(volume, group);
		int64_t result = 1;

		banos_mutex_lock(&shard->lock);
		if (!shard_is_blocked(volume, shard))
			result = group_take_inode(volume, group, is_folder, number);
		if (!result)
			shard->inodes_free--;
		banos_mutex_unlock(&shard->lock);
		if (result <= 0)
			return result;
	}
	return error_without_space(volume);
}

int64_t inode_free(struct volume *volume, uint32_t number, int is_folder, int undo)
{
	uint32_t group = node_group(volume, number);
	uint32_t bit = number - 1 - group * volume->layout.inodes_per_group;
	struct shard *shard = shard_of(volume, group);
	struct search search = { .first = bit, .count = 1 };
	struct group *about;
	int64_t error;

	banos_mutex_lock(&shard->lock);
	error = group_find(volume, group, &about);
	if (!error) {
		search.bitmap = about->inode_bitmap;
		error = bits_change(volume, group, &search, 0, FREE_INODES, &about->free_inodes);
	}
	if (error == -EUCLEAN)
		volume_damaged(volume, "an inode was freed twice");
	if (!error && is_folder)
		error = folders_change(volume, group, about, -1);
	if (!error) {
		shard->inodes_free++;
		held_add(volume, group, HELD_INODES, bit, 1);
	}
	banos_mutex_unlock(&shard->lock);
	if (!undo)
		freed_note(volume);
	return error;
}
