// SPDX-License-Identifier: MIT
/*
 * Changes that have no memory: the kernel takes back what they have written (banos/filesystem.h), and the driver what it knows of that.
 *
 * What was read of the table and of folders is read again. A chain that was cut is the file's again: if it stayed
 * among those that wait to be freed, the next commit would free clusters of a file that uses them.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "volume.h"

void fat_change_begin(struct fat_volume *volume, struct fat_node *node, struct fat_change *change)
{
	*change = (struct fat_change){
		.volume = volume,
		.node = node,
		.pending = volume->pending,
		.free = volume->free,
		.info_free = volume->info_free,
	};
	if (!node)
		return;
	change->first = node->first;
	change->is_long = node->is_long;
	memcpy(change->raw, node->raw, sizeof(change->raw));
}

static void change_undo(struct fat_change *change)
{
	struct fat_volume *volume = change->volume;
	struct fat_node *node = change->node;

	fat_index_drop_all(volume);
	fat_table_forget(volume);
	fat_chain_forget_all(volume);
	volume->free = change->free;
	volume->info_free = change->info_free;
	while (volume->pending != change->pending) {
		struct fat_pending *pending = volume->pending;

		volume->pending = pending->next;
		banos_free(fat_owner, pending);
	}
	if (!node)
		return;
	node->first = change->first;
	node->is_long = change->is_long;
	memcpy(node->raw, change->raw, sizeof(node->raw));
}

int64_t fat_change_end(struct fat_change *change, int64_t result)
{
	if (result == -ENOMEM)
		change_undo(change);
	return result;
}
