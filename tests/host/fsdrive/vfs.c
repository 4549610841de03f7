/* SPDX-License-Identifier: MIT */
/*
 * What the kernel does above a driver of a file system, as a model: paths are walked by lookup(), attributes are kept
 * for each node, data is kept in pages of the file system's block size, which map() finds a place for. Size and times are
 * handed down by the commit. A node without a name and a use is given to forget().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <banos/errno.h>
#include "fsdrive.h"

#define TYPE_MASK   0170000u
#define TYPE_FOLDER 0040000u
#define TYPE_FILE   0100000u
#define TRIES	    3

struct drive_node {
	struct drive_node *next;
	struct banos_attr attr;
	uint32_t uses;
	bool late; /* size and times are to be handed down */
};

struct drive_page {
	struct drive_page *next;
	uint64_t node, index;
	bool dirty;
	uint8_t bytes[];
};

/* A change, which -EAGAIN repeats. @result is an int64_t that @call sets. */
#define CHANGE(drive, name, result, call)                      \
	do {                                                   \
		for (int tries = 0;; tries++) {                \
			drive_method_start(drive, true);       \
			(result) = (call);                     \
			drive_method_end(drive, name, result); \
			if ((result) != -EAGAIN)               \
				break;                         \
			if (tries == TRIES) {                  \
				(result) = -ENOSPC;            \
				break;                         \
			}                                      \
			drive_commit(drive);                   \
		}                                              \
	} while (0)
#define QUESTION(drive, name, result, call)            \
	do {                                           \
		drive_method_start(drive, false);      \
		(result) = (call);                     \
		drive_method_end(drive, name, result); \
	} while (0)

/* ---- nodes ---- */

static struct drive_node *node_find(struct drive *drive, uint64_t number)
{
	struct drive_node *node = drive->nodes[number % 1024];

	while (node && node->attr.node != number)
		node = node->next;
	return node;
}

static struct drive_node *node_add(struct drive *drive, const struct banos_attr *attr)
{
	struct drive_node *node = node_find(drive, attr->node), **list;

	if (drive->hostile && !strchr("\1\2\4\6\10\12\14", (int)(attr->mode >> 12)))
		return NULL;
	if (attr->size != sizeof(*attr) || !strchr("\1\2\4\6\10\12\14", (int)(attr->mode >> 12)) ||
	    !(attr->mode >> 12) || attr->mode & ~0177777u)
		drive_fault("attributes are wrong: mode %o", attr->mode);
	if (node) {
		if ((node->attr.mode ^ attr->mode) & TYPE_MASK && !drive->hostile)
			drive_fault("node %llu has another type", (unsigned long long)attr->node);
		return node;
	}
	node = calloc(1, sizeof(*node));
	node->attr = *attr;
	list = &drive->nodes[attr->node % 1024];
	node->next = *list;
	return *list = node;
}

/* A node's link count and blocks as the driver has them now. */
static void node_refresh(struct drive *drive, struct drive_node *node)
{
	struct banos_attr attr = { .size = sizeof(attr) };
	int64_t error;

	QUESTION(drive, "getattr", error, drive->ops->getattr(drive->fs, node->attr.node, &attr));
	if (error && drive->hostile)
		return;
	if (error)
		drive_fault("getattr(%llu): %lld", (unsigned long long)node->attr.node,
			    (long long)error);
	node->attr.nlink = attr.nlink;
	node->attr.blocks = attr.blocks;
}

/* As the kernel does with what it keeps no longer. */
static void node_tell(struct drive *drive, uint64_t number)
{
	int64_t ignored;

	if (!(drive->info.flags & BANOS_MOUNT_FORGETS))
		return;
	QUESTION(drive, "forget", ignored, drive->ops->forget(drive->fs, number));
	(void)ignored;
}

static void node_forget(struct drive *drive, struct drive_node *node)
{
	struct drive_node **at = &drive->nodes[node->attr.node % 1024];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	free(node);
}

/* ---- walking ---- */

static struct drive_node *walk_root(struct drive *drive)
{
	struct drive_node *node = node_find(drive, drive->info.root);
	struct banos_attr attr = { .size = sizeof(attr) };
	int64_t error;

	if (node)
		return node;
	QUESTION(drive, "getattr", error, drive->ops->getattr(drive->fs, drive->info.root, &attr));
	return error ? NULL : node_add(drive, &attr);
}

static int64_t walk_step(struct drive *drive, struct drive_node *folder, const char *name,
			 uint32_t length, struct drive_node **node)
{
	struct banos_attr attr = { .size = sizeof(attr) };
	char *copy = malloc(length); /* without a NUL, and of its very size */
	int64_t error;

	if ((folder->attr.mode & TYPE_MASK) != TYPE_FOLDER) {
		free(copy);
		return -ENOTDIR;
	}
	memcpy(copy, name, length);
	QUESTION(drive, "lookup", error,
		 length > drive->info.name_max && drive->info.name_max
			 ? -ENAMETOOLONG
			 : drive->ops->lookup(drive->fs, folder->attr.node, copy, length, &attr));
	free(copy);
	if (!error)
		*node = node_add(drive, &attr);
	if (!error && !*node)
		error = -EUCLEAN;
	return error;
}

/* @return 0, or an error. @folder, @name: of the last step; @node: what it leads to, NULL if it does not exist. */
static int64_t walk(struct drive *drive, const char *path, struct drive_node **folder,
		    const char **name, struct drive_node **node)
{
	struct drive_node *at = walk_root(drive);
	int64_t error = 0;

	*folder = NULL;
	*node = at;
	if (!at)
		return -EIO;
	while (*path == '/')
		path++;
	while (*path) {
		uint32_t length = (uint32_t)strcspn(path, "/");

		if (error)
			return error;
		*folder = *node;
		*name = path;
		error = walk_step(drive, *folder, path, length, node);
		path += length;
		while (*path == '/')
			path++;
	}
	if (error)
		*node = NULL;
	if (error == -ENOENT)
		return 0;
	return error;
}

static int64_t walk_existing(struct drive *drive, const char *path, struct drive_node **node)
{
	struct drive_node *folder;
	const char *name;
	int64_t error = walk(drive, path, &folder, &name, node);

	if (!error && !*node)
		error = -ENOENT;
	return error;
}

static int64_t walk_new(struct drive *drive, const char *path, struct drive_node **folder,
			const char **name)
{
	struct drive_node *node;
	int64_t error = walk(drive, path, folder, name, &node);

	if (!error && node)
		error = -EEXIST;
	return error;
}

/* ---- times, last uses ---- */

static void node_changed(struct drive_node *node, bool content)
{
	node->attr.ctime_ns = drive_now_ns;
	if (content)
		node->attr.mtime_ns = drive_now_ns;
	node->late = true;
}

static void pages_drop(struct drive *drive, uint64_t node, uint64_t from)
{
	for (size_t i = 0; i < 4096; i++)
		for (struct drive_page **at = &drive->pages[i]; *at;) {
			struct drive_page *page = *at;

			if (page->node == node && page->index >= from) {
				*at = page->next;
				free(page);
			} else {
				at = &page->next;
			}
		}
}

static void node_release(struct drive *drive, struct drive_node *node)
{
	int64_t error;

	if (node->attr.nlink || node->uses)
		return;
	pages_drop(drive, node->attr.node, 0);
	CHANGE(drive, "forget", error, drive->ops->forget(drive->fs, node->attr.node));
	node_forget(drive, node);
}

/* ---- names ---- */

int64_t vfs_stat(struct drive *drive, const char *path, struct banos_attr *attr)
{
	struct drive_node *node;
	int64_t error = walk_existing(drive, path, &node);

	if (!error) {
		node_refresh(drive, node);
		*attr = node->attr;
	}
	return error;
}

static int64_t create_run(struct drive *drive, const char *path, const struct banos_create *what)
{
	struct banos_attr attr = { .size = sizeof(attr) };
	struct drive_node *folder, *node;
	const char *name;
	int64_t error = walk_new(drive, path, &folder, &name);

	if (error)
		return error;
	CHANGE(drive, "create", error,
	       drive->ops->create(drive->fs, folder->attr.node, name, (uint32_t)strlen(name), what,
				  &attr));
	if (error)
		return error;
	if (node_find(drive, attr.node) && drive->hostile)
		return -EUCLEAN;
	if (node_find(drive, attr.node))
		drive_fault("create() returned a node that exists");
	node = node_add(drive, &attr);
	if ((node->attr.mode & TYPE_MASK) != (what->mode & TYPE_MASK) ||
	    (node->attr.nlink != 1 &&
	     (node->attr.nlink != 2 || (what->mode & TYPE_MASK) != TYPE_FOLDER)))
		drive_fault("create() filled in attributes of another thing");
	node_changed(folder, true);
	node_refresh(drive, folder);
	return 0;
}

int64_t vfs_create_nameless(struct drive *drive, const char *path, uint32_t mode)
{
	struct banos_create what = { .size = sizeof(what), .mode = mode, .time_ns = drive_now_ns };
	struct banos_attr attr = { .size = sizeof(attr) };
	struct drive_node *folder;
	int64_t error = walk_existing(drive, path, &folder);

	if (error)
		return error;
	CHANGE(drive, "create", error,
	       drive->ops->create(drive->fs, folder->attr.node, "", 0, &what, &attr));
	if (error)
		return error;
	if (attr.nlink)
		drive_fault("create() without a name counts one");
	node_add(drive, &attr)->uses++;
	return (int64_t)attr.node;
}

int64_t vfs_create(struct drive *drive, const char *path, uint32_t mode)
{
	return vfs_mknod(drive, path, mode, 0, 0);
}

int64_t vfs_mknod(struct drive *drive, const char *path, uint32_t mode, uint32_t major,
		  uint32_t minor)
{
	struct banos_create what = { .size = sizeof(what),
				     .mode = mode,
				     .rdev_major = major,
				     .rdev_minor = minor,
				     .time_ns = drive_now_ns };

	return create_run(drive, path, &what);
}

int64_t vfs_mkdir(struct drive *drive, const char *path, uint32_t mode)
{
	return vfs_mknod(drive, path, TYPE_FOLDER | mode, 0, 0);
}

int64_t vfs_symlink(struct drive *drive, const char *target, const char *path)
{
	struct banos_create what = {
		.size = sizeof(what), .mode = 0120777, .time_ns = drive_now_ns, .target = target
	};

	return create_run(drive, path, &what);
}

int64_t vfs_readlink(struct drive *drive, const char *path, char *to, uint32_t room)
{
	struct drive_node *node;
	int64_t result = walk_existing(drive, path, &node);

	if (result)
		return result;
	QUESTION(drive, "readlink", result,
		 drive->ops->readlink(drive->fs, node->attr.node, to, room));
	if (result >= room)
		drive_fault("readlink() wrote too much");
	if (result >= 0)
		to[result] = 0;
	return result;
}

static int64_t link_run(struct drive *drive, struct drive_node *node, const char *path)
{
	struct banos_attr attr = { .size = sizeof(attr) };
	struct drive_node *folder;
	const char *name;
	int64_t error = walk_new(drive, path, &folder, &name);

	if (error)
		return error;
	CHANGE(drive, "link", error,
	       drive->ops->link(drive->fs, node->attr.node, folder->attr.node, name,
				(uint32_t)strlen(name), &attr));
	if (error)
		return error;
	if (drive->hostile)
		return 0;
	if (attr.node != node->attr.node || attr.nlink != node->attr.nlink + 1)
		drive_fault("link() does not count");
	node->attr.nlink = attr.nlink;
	node_changed(node, false);
	node_changed(folder, true);
	return 0;
}

int64_t vfs_link(struct drive *drive, const char *old, const char *path)
{
	struct drive_node *node;

	return walk_existing(drive, old, &node) ?: link_run(drive, node, path);
}

int64_t vfs_link_node(struct drive *drive, uint64_t node, const char *path)
{
	return link_run(drive, node_find(drive, node), path);
}

static int64_t remove_run(struct drive *drive, const char *path, bool is_folder)
{
	struct drive_node *node, *folder;
	const char *name;
	int64_t error = walk(drive, path, &folder, &name, &node);

	if (!error && (!node || !folder))
		error = -ENOENT;
	if (error)
		return error;
	if (is_folder != ((node->attr.mode & TYPE_MASK) == TYPE_FOLDER))
		return is_folder ? -ENOTDIR : -EISDIR;
	CHANGE(drive, "unlink", error,
	       (is_folder ? drive->ops->rmdir : drive->ops->unlink)(drive->fs, folder->attr.node,
								    name, (uint32_t)strlen(name),
								    node->attr.node));
	if (error)
		return error;
	node_changed(folder, true);
	node_changed(node, false);
	node_refresh(drive, folder);
	node_refresh(drive, node);
	if (is_folder && node->attr.nlink && !drive->hostile)
		drive_fault("a removed folder has %u links", node->attr.nlink);
	node_release(drive, node);
	return 0;
}

int64_t vfs_unlink(struct drive *drive, const char *path)
{
	return remove_run(drive, path, false);
}

int64_t vfs_rmdir(struct drive *drive, const char *path)
{
	return remove_run(drive, path, true);
}

int64_t vfs_rename(struct drive *drive, const char *old, const char *path, uint32_t flags)
{
	struct drive_node *node, *target, *old_folder, *new_folder;
	struct banos_rename what = { .size = sizeof(what), .time_ns = drive_now_ns };
	int64_t error = walk(drive, old, &old_folder, &what.old_name, &node)
				?: walk(drive, path, &new_folder, &what.new_name, &target);

	if (!error && (!node || !old_folder || !new_folder))
		error = -ENOENT;
	if (error)
		return error;
	if (flags & BANOS_RENAME_EXCHANGE && !target)
		return -ENOENT;
	if (target == node)
		return 0;
	if (target && !flags) {
		bool is_folder = (node->attr.mode & TYPE_MASK) == TYPE_FOLDER;

		if (is_folder != ((target->attr.mode & TYPE_MASK) == TYPE_FOLDER))
			return is_folder ? -ENOTDIR : -EISDIR;
		flags = BANOS_RENAME_REPLACE;
	}
	/* Into itself: by the text, which is enough here. */
	if (!strncmp(old, path, strlen(old)) && path[strlen(old)] == '/')
		return -EINVAL;
	what.flags = flags;
	what.old_dir = old_folder->attr.node;
	what.new_dir = new_folder->attr.node;
	what.node = node->attr.node;
	what.new_node = target ? target->attr.node : 0;
	CHANGE(drive, "rename", error, drive->ops->rename(drive->fs, &what));
	if (error)
		return error;
	node_changed(old_folder, true);
	node_changed(new_folder, true);
	node_changed(node, false);
	node_refresh(drive, old_folder);
	node_refresh(drive, new_folder);
	if (target) {
		node_changed(target, false);
		node_refresh(drive, target);
		node_release(drive, target);
	}
	return 0;
}

int64_t vfs_open(struct drive *drive, const char *path)
{
	struct drive_node *node;
	int64_t error = walk_existing(drive, path, &node);

	if (error)
		return error;
	node->uses++;
	return (int64_t)node->attr.node;
}

void vfs_close(struct drive *drive, uint64_t number)
{
	struct drive_node *node = node_find(drive, number);

	node->uses--;
	node_release(drive, node);
}

/* ---- data ---- */

static int64_t map_run(struct drive *drive, struct drive_node *node, uint64_t offset,
		       uint64_t length, uint32_t flags, struct banos_extent *extent)
{
	uint32_t unit = drive->info.block_bytes;
	int64_t error;

	*extent = (struct banos_extent){ .size = sizeof(*extent) };
	if (flags & BANOS_MAP_ALLOCATE) {
		/* extent is written anew by each try. */
		CHANGE(drive, "map", error,
		       (*extent = (struct banos_extent){ .size = sizeof(*extent) },
			drive->ops->map(drive->fs, node->attr.node, offset, length, flags,
					extent)));
	} else {
		bool inside = drive->in_change;

		QUESTION(drive, "map", error,
			 drive->ops->map(drive->fs, node->attr.node, offset, length, flags,
					 extent));
		drive->in_change = inside;
	}
	if (error)
		return error;
	if (extent->offset > offset || extent->length <= offset - extent->offset ||
	    extent->offset % unit || extent->length % unit || extent->kind > BANOS_EXTENT_UNWRITTEN)
		drive_fault("map(%llu) filled in kind %u, %llu + %llu", (unsigned long long)offset,
			    extent->kind, (unsigned long long)extent->offset,
			    (unsigned long long)extent->length);
	if (flags & BANOS_MAP_ALLOCATE && extent->kind == BANOS_EXTENT_HOLE)
		drive_fault("map() allocated nothing");
	if (extent->kind != BANOS_EXTENT_HOLE &&
	    (extent->store % SECTOR || extent->store > drive->bytes ||
	     extent->length > drive->bytes - extent->store))
		drive_fault("map(): %llu + %llu do not lie on the store",
			    (unsigned long long)extent->store, (unsigned long long)extent->length);
	return 0;
}

static struct drive_page *page_find(struct drive *drive, uint64_t node, uint64_t index)
{
	struct drive_page *page = drive->pages[(node * 31 + index) % 4096];

	while (page && (page->node != node || page->index != index))
		page = page->next;
	return page;
}

static struct drive_page *page_add(struct drive *drive, uint64_t node, uint64_t index)
{
	struct drive_page **list = &drive->pages[(node * 31 + index) % 4096];
	struct drive_page *page = calloc(1, sizeof(*page) + drive->info.block_bytes);

	page->node = node;
	page->index = index;
	page->next = *list;
	return *list = page;
}

/* The page, read if the file has something there. With @allocate it gets room. */
static int64_t page_get(struct drive *drive, struct drive_node *node, uint64_t index, bool allocate,
			uint64_t length, struct drive_page **to)
{
	uint32_t unit = drive->info.block_bytes;
	struct drive_page *page = page_find(drive, node->attr.node, index);
	struct banos_extent extent;
	int64_t error;

	if (!page || (allocate && !page->dirty)) {
		error = map_run(drive, node, index * unit, length, allocate, &extent);
		if (error)
			return error;
		if (!page) {
			page = page_add(drive, node->attr.node, index);
			if (extent.kind == BANOS_EXTENT_RUN && !(extent.flags & BANOS_EXTENT_NEW))
				memcpy(page->bytes,
				       drive->cache + extent.store + (index * unit - extent.offset),
				       unit);
		}
		/* What was allocated beyond this page has to become zeroes, too. */
		for (uint64_t i = 0;
		     allocate && extent.flags & BANOS_EXTENT_NEW && i < extent.length / unit; i++) {
			uint64_t other = extent.offset / unit + i;

			(page_find(drive, node->attr.node, other)
				 ?: page_add(drive, node->attr.node, other))
				->dirty = true;
		}
	}
	*to = page;
	return 0;
}

/* Behind the end of the file, its last page is zero. */
static int64_t tail_zero(struct drive *drive, struct drive_node *node, uint64_t bytes)
{
	uint32_t unit = drive->info.block_bytes;
	struct banos_extent extent;
	struct drive_page *page;
	int64_t error;

	if (bytes % unit == 0)
		return 0;
	error = map_run(drive, node, bytes / unit * unit, unit, 0, &extent);
	if (error || extent.kind == BANOS_EXTENT_HOLE)
		return error;
	error = page_get(drive, node, bytes / unit, false, unit, &page);
	if (error)
		return error;
	memset(page->bytes + bytes % unit, 0, unit - bytes % unit);
	page->dirty = true;
	return 0;
}

/* Before a file without holes becomes larger: what lies between is filled. */
static int64_t gap_fill(struct drive *drive, struct drive_node *node, uint64_t bytes)
{
	uint32_t unit = drive->info.block_bytes;
	int64_t error = 0;

	if (!(drive->info.flags & BANOS_MOUNT_NO_HOLES) || bytes <= node->attr.bytes)
		return 0;
	error = tail_zero(drive, node, node->attr.bytes);
	for (uint64_t at = (node->attr.bytes + unit - 1) / unit; at * unit < bytes && !error;
	     at++) {
		struct drive_page *page;

		error = page_get(drive, node, at, true, unit, &page);
		if (error)
			break;
		memset(page->bytes, 0, unit);
		page->dirty = true;
	}
	return error;
}

int64_t vfs_write(struct drive *drive, const char *path, uint64_t offset, const void *from,
		  uint64_t length)
{
	uint32_t unit = drive->info.block_bytes;
	const uint8_t *bytes = from;
	struct drive_node *node;
	struct drive_page *page;
	uint64_t done = 0;
	int64_t error = walk_existing(drive, path, &node);

	if (!error && (node->attr.mode & TYPE_MASK) != TYPE_FILE)
		error = -EISDIR;
	if (!error && drive->read_only)
		error = -EROFS;
	if (!error && length)
		error = gap_fill(drive, node, offset);
	while (!error && done < length) {
		uint64_t at = offset + done, part = unit - at % unit;

		if (drive->info.bytes_max && at >= drive->info.bytes_max)
			return -EFBIG;
		if (part > length - done)
			part = length - done;
		error = page_get(drive, node, at / unit, true,
				 (at % unit + (length - done) + unit - 1) / unit * unit, &page);
		if (error)
			break;
		memcpy(page->bytes + at % unit, bytes + done, part);
		page->dirty = true;
		done += part;
		if (offset + done > node->attr.bytes)
			node->attr.bytes = offset + done;
		node_changed(node, true);
	}
	if (error)
		return error;
	return (int64_t)done;
}

int64_t vfs_read(struct drive *drive, const char *path, uint64_t offset, void *to, uint64_t length)
{
	uint32_t unit = drive->info.block_bytes;
	uint8_t *bytes = to;
	struct drive_node *node;
	struct drive_page *page;
	uint64_t done = 0;
	int64_t error = walk_existing(drive, path, &node);

	if (error)
		return error;
	if (offset >= node->attr.bytes)
		return 0;
	if (length > node->attr.bytes - offset)
		length = node->attr.bytes - offset;
	while (done < length) {
		uint64_t at = offset + done, part = unit - at % unit;

		if (part > length - done)
			part = length - done;
		error = page_get(drive, node, at / unit, false, unit, &page);
		if (error)
			return error;
		memcpy(bytes + done, page->bytes + at % unit, part);
		done += part;
	}
	return (int64_t)done;
}

int64_t vfs_truncate(struct drive *drive, const char *path, uint64_t bytes)
{
	uint32_t unit = drive->info.block_bytes;
	struct drive_node *node;
	struct banos_attr attr;
	int64_t error = walk_existing(drive, path, &node);

	if (!error && drive->info.bytes_max && bytes > drive->info.bytes_max)
		error = -EFBIG;
	if (!error && bytes < node->attr.bytes)
		error = tail_zero(drive, node, bytes);
	else if (!error)
		error = gap_fill(drive, node, bytes);
	if (error)
		return error;
	attr = node->attr;
	attr.bytes = bytes;
	attr.mtime_ns = attr.ctime_ns = drive_now_ns;
	if (bytes < node->attr.bytes)
		pages_drop(drive, node->attr.node, (bytes + unit - 1) / unit);
	CHANGE(drive, "setattr", error,
	       drive->ops->setattr(drive->fs, node->attr.node,
				   BANOS_SET_SIZE | BANOS_SET_MTIME | BANOS_SET_CTIME, &attr));
	if (error)
		return error;
	node->attr.bytes = bytes;
	node_changed(node, true);
	return 0;
}

int64_t vfs_punch(struct drive *drive, const char *path, uint64_t offset, uint64_t length)
{
	uint32_t unit = drive->info.block_bytes;
	struct drive_node *node;
	int64_t error = walk_existing(drive, path, &node);

	if (error)
		return error;
	if (offset % unit || length % unit)
		drive_fault("only whole blocks are punched here");
	for (uint64_t i = offset / unit; i < (offset + length) / unit; i++) {
		struct drive_page *page = page_find(drive, node->attr.node, i);

		if (page) {
			memset(page->bytes, 0, unit);
			page->dirty = false;
		}
	}
	CHANGE(drive, "allocate", error,
	       drive->ops->allocate(drive->fs, node->attr.node,
				    BANOS_ALLOCATE_KEEP_SIZE | BANOS_ALLOCATE_PUNCH_HOLE, offset,
				    length));
	return error;
}

int64_t vfs_setattr(struct drive *drive, const char *path, uint32_t which,
		    const struct banos_attr *attr)
{
	struct drive_node *node;
	int64_t error = walk_existing(drive, path, &node);

	if (error)
		return error;
	CHANGE(drive, "setattr", error,
	       drive->ops->setattr(drive->fs, node->attr.node, which, attr));
	if (error)
		return error;
	if (which & BANOS_SET_MODE)
		node->attr.mode = (node->attr.mode & TYPE_MASK) | (attr->mode & ~TYPE_MASK);
	if (which & BANOS_SET_UID)
		node->attr.uid = attr->uid;
	if (which & BANOS_SET_GID)
		node->attr.gid = attr->gid;
	if (which & BANOS_SET_ATIME)
		node->attr.atime_ns = attr->atime_ns;
	if (which & BANOS_SET_MTIME)
		node->attr.mtime_ns = attr->mtime_ns;
	if (which & BANOS_SET_CTIME)
		node->attr.ctime_ns = attr->ctime_ns;
	return 0;
}

/* ---- folders, attributes ---- */

int64_t vfs_readdir(struct drive *drive, const char *path, vfs_entry_fn entry, void *context)
{
	uint8_t *list = malloc(512);
	struct drive_node *node;
	uint64_t cookie = 0;
	int64_t count = 0, result = walk_existing(drive, path, &node);

	while (!result) {
		int64_t bytes;

		QUESTION(drive, "readdir", bytes,
			 drive->ops->readdir(drive->fs, node->attr.node, cookie, list, 512));
		if (bytes <= 0) {
			result = bytes;
			break;
		}
		if (bytes > 512)
			drive_fault("readdir() wrote too much");
		for (int64_t at = 0; at < bytes;) {
			struct banos_directory_entry *record = (void *)(list + at);
			char name[256] = "";

			if (bytes - at < 24 || record->record_bytes % 8 ||
			    record->record_bytes > bytes - at || !record->name_bytes ||
			    record->record_bytes < BANOS_DIRECTORY_NAME + record->name_bytes ||
			    !record->cookie)
				drive_fault("readdir() wrote a malformed record");
			memcpy(name, list + at + BANOS_DIRECTORY_NAME, record->name_bytes);
			cookie = record->cookie;
			if (entry)
				entry(context, name, record->node, record->type);
			at += record->record_bytes;
			count++;
		}
	}
	free(list);
	if (result)
		return result;
	return count;
}

int64_t vfs_getxattr(struct drive *drive, const char *path, const char *name, void *to,
		     uint32_t length)
{
	struct drive_node *node;
	int64_t result = walk_existing(drive, path, &node);

	if (!result)
		QUESTION(drive, "getxattr", result,
			 drive->ops->getxattr(drive->fs, node->attr.node, name, to, length));
	return result;
}

int64_t vfs_setxattr(struct drive *drive, const char *path, const char *name, const void *from,
		     uint32_t length, uint32_t flags)
{
	struct drive_node *node;
	int64_t result = walk_existing(drive, path, &node);

	if (!result)
		CHANGE(drive, "setxattr", result,
		       drive->ops->setxattr(drive->fs, node->attr.node, name, from, length, flags));
	return result;
}

int64_t vfs_listxattr(struct drive *drive, const char *path, char *to, uint32_t length)
{
	struct drive_node *node;
	int64_t result = walk_existing(drive, path, &node);

	if (!result)
		QUESTION(drive, "listxattr", result,
			 drive->ops->listxattr(drive->fs, node->attr.node, to, length));
	return result;
}

int64_t vfs_removexattr(struct drive *drive, const char *path, const char *name)
{
	struct drive_node *node;
	int64_t result = walk_existing(drive, path, &node);

	if (!result)
		CHANGE(drive, "removexattr", result,
		       drive->ops->removexattr(drive->fs, node->attr.node, name));
	return result;
}

/* ---- commits ---- */

static void page_write(struct drive *drive, struct drive_page *page)
{
	uint32_t unit = drive->info.block_bytes;
	struct drive_node *node = node_find(drive, page->node);
	struct banos_extent extent;
	uint64_t store;

	if (drive->hostile &&
	    (!node || map_run(drive, node, page->index * unit, unit, 0, &extent) ||
	     extent.kind == BANOS_EXTENT_HOLE)) {
		page->dirty = false;
		return;
	}
	if (!node || map_run(drive, node, page->index * unit, unit, 0, &extent) ||
	    extent.kind == BANOS_EXTENT_HOLE)
		drive_fault("page %llu of node %llu has no room", (unsigned long long)page->index,
			    (unsigned long long)page->node);
	store = extent.store + (page->index * unit - extent.offset);
	memcpy(drive->cache + store, page->bytes, unit);
	drive_disk_write(drive, store, page->bytes, unit);
	page->dirty = false;
}

void vfs_hand_down(struct drive *drive)
{
	bool wrote = false;

	for (size_t i = 0; i < 4096; i++)
		for (struct drive_page *page = drive->pages[i]; page; page = page->next)
			if (page->dirty) {
				page_write(drive, page);
				wrote = true;
			}
	if (wrote)
		drive_disk_flush(drive);
	for (size_t i = 0; i < 1024; i++)
		for (struct drive_node *node = drive->nodes[i]; node; node = node->next) {
			uint32_t which = BANOS_SET_MTIME | BANOS_SET_CTIME;
			int64_t error = -ENOMEM;

			if (!node->late)
				continue;
			if ((node->attr.mode & TYPE_MASK) == TYPE_FILE)
				which |= BANOS_SET_SIZE | BANOS_SET_LATE;
			for (int tries = 0; tries < 2 && error == -ENOMEM; tries++) {
				drive_method_start(drive, true);
				error = drive->ops->setattr(drive->fs, node->attr.node, which,
							    &node->attr);
				error = drive_method_end(drive, "setattr", error);
			}
			if (error && !drive->hostile)
				drive_fault("setattr() in a commit: %lld", (long long)error);
			node->late = false;
		}
}

void vfs_sync(struct drive *drive)
{
	drive_commit(drive);
}

void vfs_drop(struct drive *drive)
{
	drive_commit(drive);
	vfs_forget_all(drive);
}

void vfs_forget_all(struct drive *drive)
{
	for (size_t i = 0; i < 4096; i++)
		while (drive->pages[i]) {
			struct drive_page *page = drive->pages[i];

			drive->pages[i] = page->next;
			free(page);
		}
	for (size_t i = 0; i < 1024; i++)
		while (drive->nodes[i]) {
			struct drive_node *node = drive->nodes[i];

			drive->nodes[i] = node->next;
			if (drive->mounted && !drive->dying)
				node_tell(drive, node->attr.node);
			free(node);
		}
}
