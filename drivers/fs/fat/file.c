// SPDX-License-Identifier: MIT
/*
 * Attributes, sizes, and where bytes of files lie: getattr(), setattr(), map(), allocate(), forget().
 *
 * A file has no holes: the kernel asks for clusters in order (BANOS_MOUNT_NO_HOLES). Clusters behind the size hold
 * what they held before; the kernel shows nothing that lies behind the size, and overwrites it when the file grows. A chain longer
 * than its size is a write that is under way, or that failed: it is cut when the kernel has forgotten the file.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "bytes.h"
#include "date.h"
#include "volume.h"

#define RIGHTS_WRITE 0222u

int64_t fat_getattr(void *fs, uint64_t number, struct banos_attr *attr)
{
	struct fat_volume *volume = fs;
	struct fat_node *node;
	int64_t error;

	banos_mutex_lock(&volume->lock);
	error = fat_node_get(volume, number, &node);
	if (!error)
		fat_node_attr(volume, node, attr);
	banos_mutex_unlock(&volume->lock);
	return error;
}

/* ---- setattr ---- */

static int64_t node_cut(struct fat_volume *volume, struct fat_node *node, uint64_t bytes)
{
	struct fat_pending *pending = banos_alloc(fat_owner, sizeof(*pending), 0);

	if (!pending)
		return -ENOMEM;
	node->is_long = false;
	return fat_chain_cut(volume, node, fat_clusters_of(volume, bytes), pending);
}

static int64_t file_resize(struct fat_volume *volume, struct fat_node *node, uint32_t which,
			   uint64_t bytes)
{
	uint32_t clusters = fat_clusters_of(volume, bytes);
	struct fat_run run;
	int64_t error = 0;

	if (node->is_folder)
		return -EISDIR;
	if (bytes > FAT_FILE_MAX)
		return -EFBIG;
	if (which & BANOS_SET_LATE && bytes >= fat_node_size(node))
		node->is_long = node->clusters > clusters;
	else
		error = node_cut(volume, node, bytes);
	/* It was never given these. */
	if (!error && bytes > fat_node_size(node))
		error = fat_chain_find(volume, node, clusters - 1, &run);
	if (error == -ENODATA)
		error = -EINVAL;
	if (!error)
		fat_put32(node->raw + FAT_AT_SIZE, (uint32_t)bytes);
	return error;
}

/* Owners are those of the mount; of rights only whether it can be written is stored. */
static int64_t owner_check(const struct fat_volume *volume, uint32_t which,
			   const struct banos_attr *attr)
{
	const struct fat_options *options = &volume->options;

	if (options->quiet)
		return 0;
	if ((which & BANOS_SET_UID && attr->uid != options->uid) ||
	    (which & BANOS_SET_GID && attr->gid != options->gid))
		return -EPERM;
	return 0;
}

static void node_set_times(struct fat_node *node, uint32_t which, const struct banos_attr *attr)
{
	uint32_t date, time, hundredths;

	if (which & BANOS_SET_ATIME) {
		fat_date_make(attr->atime_ns, &date, &time, &hundredths);
		fat_put16(node->raw + FAT_AT_READ_DATE, date);
	}
	if (which & BANOS_SET_MTIME) {
		fat_date_make(attr->mtime_ns, &date, &time, &hundredths);
		fat_put16(node->raw + FAT_AT_DATE, date);
		fat_put16(node->raw + FAT_AT_TIME, time);
		/* What was written needs to be saved; what is written is read, too. */
		node->raw[FAT_AT_ATTR] |= node->is_folder ? 0 : FAT_ATTR_ARCHIVE;
	}
}

static int64_t setattr_locked(struct fat_volume *volume, struct fat_node *node, uint32_t which,
			      const struct banos_attr *attr)
{
	uint8_t before[FAT_ENTRY_BYTES];
	int64_t error = owner_check(volume, which, attr);

	if (error)
		return error;
	memcpy(before, node->raw, sizeof(before));
	if (which & BANOS_SET_SIZE)
		error = file_resize(volume, node, which, attr->bytes);
	if (error)
		return error;
	if (which & BANOS_SET_MODE && !node->is_folder) {
		node->raw[FAT_AT_ATTR] &= (uint8_t)~FAT_ATTR_READ_ONLY;
		if (!(attr->mode & RIGHTS_WRITE & ~volume->options.fmask))
			node->raw[FAT_AT_ATTR] |= FAT_ATTR_READ_ONLY;
	}
	node_set_times(node, which, attr);
	if (!memcmp(before, node->raw, sizeof(before)))
		return 0;
	return fat_node_write(volume, node);
}

int64_t fat_setattr(void *fs, uint64_t number, uint32_t which, const struct banos_attr *attr)
{
	struct fat_volume *volume = fs;
	struct fat_change change;
	struct fat_node *node;
	int64_t error;

	banos_mutex_lock(&volume->lock);
	error = fat_node_get(volume, number, &node);
	if (!error) {
		fat_change_begin(volume, node, &change);
		error = setattr_locked(volume, node, which, attr);
		error = fat_change_end(&change, error);
	}
	banos_mutex_unlock(&volume->lock);
	return error;
}

/* ---- map ---- */

static int64_t fat_map_locked(struct fat_volume *volume, struct fat_node *node, uint64_t offset,
			      uint64_t length, uint32_t flags, struct banos_extent *extent)
{
	uint32_t shift = volume->layout.cluster_shift, index, skipped;
	struct fat_run run;
	int64_t error;

	if (node->is_folder)
		return -EISDIR;
	if (offset > FAT_FILE_MAX)
		return -EFBIG;
	if (length > FAT_FILE_MAX + 1 - offset)
		length = FAT_FILE_MAX + 1 - offset;
	index = (uint32_t)(offset >> shift);
	error = fat_chain_find(volume, node, index, &run);
	if (error == -ENODATA && offset < fat_node_size(node))
		return fat_damaged(volume, "a file has fewer clusters than its size says");
	if (error == -ENODATA && !(flags & BANOS_MAP_ALLOCATE)) {
		extent->kind = BANOS_EXTENT_HOLE;
		extent->offset = offset;
		extent->length = length;
		return 0;
	}
	if (error == -ENODATA) {
		if (run.index != index)
			return -EINVAL;
		error = fat_chain_grow(volume, node, fat_clusters_of(volume, length));
		if (!error)
			error = fat_chain_find(volume, node, index, &run);
		if (error)
			return error;
		/* Not the clusters before, which were there. */
		skipped = index - run.index;
		run = (struct fat_run){ index, run.cluster + skipped, run.count - skipped };
		extent->flags = BANOS_EXTENT_NEW;
	}
	if (error)
		return error;
	extent->kind = BANOS_EXTENT_RUN;
	extent->offset = (uint64_t)run.index << shift;
	extent->length = (uint64_t)run.count << shift;
	extent->store = fat_cluster_offset(&volume->layout, run.cluster);
	return 0;
}

int64_t fat_map(void *fs, uint64_t number, uint64_t offset, uint64_t length, uint32_t flags,
		struct banos_extent *extent)
{
	struct fat_volume *volume = fs;
	struct fat_change change;
	struct fat_node *node;
	int64_t error;

	banos_mutex_lock(&volume->lock);
	error = fat_node_get(volume, number, &node);
	if (!error) {
		fat_change_begin(volume, node, &change);
		error = fat_map_locked(volume, node, offset, length, flags, extent);
		error = fat_change_end(&change, error);
	}
	banos_mutex_unlock(&volume->lock);
	return error;
}

/* ---- allocate ---- */

/* Clusters behind the size: until the kernel forgets the file. Others are written by the kernel: there are no holes. */
static int64_t allocate_locked(struct fat_volume *volume, struct fat_node *node, uint64_t end)
{
	uint32_t want = fat_clusters_of(volume, end);
	struct fat_run run;
	int64_t error = 0;

	if (node->is_folder)
		return -EISDIR;
	while (!error) {
		error = fat_chain_find(volume, node, want - 1, &run);
		if (error != -ENODATA)
			return error;
		error = fat_chain_grow(volume, node, want - run.index);
		node->is_long |= !error;
	}
	return error;
}

int64_t fat_allocate(void *fs, uint64_t number, uint32_t mode, uint64_t offset, uint64_t length)
{
	struct fat_volume *volume = fs;
	struct fat_change change;
	struct fat_node *node;
	int64_t error;

	if (mode != BANOS_ALLOCATE_KEEP_SIZE)
		return -EOPNOTSUPP;
	if (!length || length > FAT_FILE_MAX || offset > FAT_FILE_MAX - length)
		return -EFBIG;
	banos_mutex_lock(&volume->lock);
	error = fat_node_get(volume, number, &node);
	if (!error) {
		fat_change_begin(volume, node, &change);
		error = allocate_locked(volume, node, offset + length);
		error = fat_change_end(&change, error);
	}
	banos_mutex_unlock(&volume->lock);
	return error;
}

/* ---- the end of its use ---- */

int64_t fat_forget(void *fs, uint64_t number)
{
	struct fat_volume *volume = fs;
	struct fat_node *node;
	int64_t error = 0;

	banos_mutex_lock(&volume->lock);
	node = fat_node_known(volume, number);
	if (node && node->is_removed)
		error = fat_node_release(volume, node);
	/* One that is to be cut stays until the next commit, one that cannot be released until the kernel tries again, or unmounts. */
	if (node && node->is_long && !node->is_removed)
		node->is_forgotten = true;
	else if (node && !error)
		fat_node_drop(volume, node);
	banos_mutex_unlock(&volume->lock);
	return error;
}

static void node_mark_cut(struct fat_node *node)
{
	node->is_cut = true;
	node->cut_first = node->first;
}

int64_t fat_cut_forgotten(struct fat_volume *volume)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < FAT_BUCKETS && error != -ENOMEM; i++)
		for (struct fat_node *node = volume->by_number[i]; node && error != -ENOMEM;
		     node = node->by_number) {
			if (!node->is_forgotten)
				continue;
			node_mark_cut(node);
			error = fat_either(node_cut(volume, node, fat_node_size(node)), error);
			if (!node->first) /* all of it: its entry led there */
				error = fat_either(fat_node_write(volume, node), error);
		}
	return error;
}

int64_t fat_release_removed(struct fat_volume *volume)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < FAT_BUCKETS && !error; i++)
		for (struct fat_node *node = volume->by_number[i]; node && !error;
		     node = node->by_number) {
			if (!node->is_removed)
				continue;
			node_mark_cut(node);
			error = fat_node_release(volume, node);
			if (!error)
				fat_node_set_first(node, 0);
		}
	return error;
}

void fat_cut_settle(struct fat_volume *volume, bool undone)
{
	for (uint32_t i = 0; i < FAT_BUCKETS; i++)
		for (struct fat_node *node = volume->by_number[i], *next; node; node = next) {
			next = node->by_number;
			if (!node->is_cut)
				continue;
			node->is_cut = false;
			if (undone) {
				fat_node_set_first(node, node->cut_first);
				node->is_long = !node->is_removed;
			} else if (node->is_forgotten) {
				fat_node_drop(volume, node);
			}
		}
}
