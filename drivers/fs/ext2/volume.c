/* SPDX-License-Identifier: MIT */
/* Blocks and group descriptors of a volume. */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "volume.h"

#define PIECE_MAX 4096u /* that can be borrowed */

int64_t volume_damaged(struct volume *volume, const char *text)
{
	__atomic_store_n(&volume->is_damaged, 1, __ATOMIC_RELAXED);
	banos_mount_error(volume->mount, text);
	return -EUCLEAN;
}

int64_t view_get(struct volume *volume, uint64_t block, struct view *view)
{
	uint32_t bytes = volume->layout.block_bytes;
	uint64_t offset = block << volume->layout.block_shift;
	const void *memory;
	int64_t error;

	*view = (struct view){ 0 };
	if (bytes <= PIECE_MAX) {
		error = banos_store_borrow(volume->mount, offset, bytes, &memory);
		view->bytes = error ? NULL : memory;
		return error;
	}
	view->copy = banos_alloc(ext2_owner, bytes, 0);
	if (!view->copy)
		return -ENOMEM;
	view->bytes = view->copy;
	error = banos_store_read(volume->mount, offset, view->copy, bytes);
	if (error)
		view_put(volume, view);
	return error;
}

void view_put(struct volume *volume, struct view *view)
{
	if (view->copy)
		banos_free(ext2_owner, view->copy);
	else
		banos_store_return(volume->mount, view->bytes);
}

int64_t group_read(struct volume *volume, uint32_t number, struct group *group)
{
	const struct layout *layout = &volume->layout;
	uint8_t bytes[64];
	int64_t error = banos_store_read(volume->mount, layout_descriptor(layout, number), bytes,
					 lesser(layout->descriptor_bytes, sizeof(bytes)));

	if (!error && group_parse(layout, bytes, group))
		error = volume_damaged(volume, "a group descriptor is wrong");
	return error;
}

void groups_drop(struct volume *volume)
{
	for (uint32_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &volume->shards[i];

		banos_mutex_lock(&shard->lock);
		memset(shard->groups, 0, sizeof(shard->groups));
		banos_mutex_unlock(&shard->lock);
	}
}

int64_t volume_end(struct volume *volume, int64_t result)
{
	if (result == -ENOMEM)
		__atomic_store_n(&volume->distrusted, 1, __ATOMIC_RELAXED);
	return result;
}

int64_t volume_count(struct volume *volume, uint64_t *blocks, uint64_t *inodes)
{
	*blocks = *inodes = 0;
	for (uint32_t i = 0; i < volume->layout.groups; i++) {
		struct group group;
		int64_t error = group_read(volume, i, &group);

		if (error)
			return error;
		*blocks += group.free_blocks;
		*inodes += group.free_inodes;
	}
	return 0;
}

int64_t group_find(struct volume *volume, uint32_t number, struct group **group)
{
	struct known_group *known =
		&shard_of(volume, number)->groups[number / SHARDS % GROUP_SLOTS];
	int64_t error = 0;

	if (!known->is_known || known->number != number) {
		error = group_read(volume, number, &known->about);
		known->number = number;
		known->is_known = !error;
	}
	*group = &known->about;
	return error;
}
