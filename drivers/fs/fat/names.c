// SPDX-License-Identifier: MIT
/* create(), unlink(), rmdir(), rename(). */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "bytes.h"
#include "date.h"
#include "volume.h"

#define MODE_TYPE   0170000u
#define MODE_FILE   0100000u
#define MODE_FOLDER 0040000u
#define RUNS_MAX    8u

/* What a method needs that is too large for the stack; under volume->lock. */
struct names_work {
	struct fat_volume *volume;
	struct fat_cursor cursor, other; /* of the name; of another one */
	struct fat_addition addition;
	struct fat_change change;
};

int64_t fat_work_create(struct fat_volume *volume)
{
	volume->work = banos_alloc(fat_owner, sizeof(*volume->work), 0);
	if (!volume->work)
		return -ENOMEM;
	volume->work->volume = volume;
	return 0;
}

static struct names_work *work_begin(struct fat_volume *volume)
{
	banos_mutex_lock(&volume->lock);
	fat_change_begin(volume, NULL, &volume->work->change);
	return volume->work;
}

static int64_t work_end(struct names_work *work, int64_t result)
{
	result = fat_change_end(&work->change, result);
	banos_mutex_unlock(&work->volume->lock);
	return result;
}

struct fat_cursor *fat_work_cursor(struct fat_volume *volume, struct fat_node *folder)
{
	fat_cursor_init(&volume->work->cursor, volume, folder);
	return &volume->work->cursor;
}

/* ---- create ---- */

/* The first cluster that entries with ".." have for a folder. */
static uint32_t parent_first(const struct fat_volume *volume, const struct fat_node *folder)
{
	if (folder == &volume->root)
		return 0;
	return folder->first;
}

/* Times of the present; that of the creation is another one for each. */
static void raw_set_times(struct fat_volume *volume, int64_t now_ns, uint8_t *raw)
{
	uint32_t date, time, hundredths;

	fat_date_make(now_ns, &date, &time, &hundredths);
	fat_put16(raw + FAT_AT_DATE, date);
	fat_put16(raw + FAT_AT_TIME, time);
	fat_put16(raw + FAT_AT_READ_DATE, date);
	if (now_ns < volume->made_ns + FAT_SECOND_NS / 100)
		now_ns = volume->made_ns + FAT_SECOND_NS / 100;
	volume->made_ns = now_ns;
	fat_date_make(now_ns, &date, &time, &hundredths);
	fat_put16(raw + FAT_AT_MADE_DATE, date);
	fat_put16(raw + FAT_AT_MADE_TIME, time);
	raw[FAT_AT_MADE_CS] = (uint8_t)hundredths;
}

static void raw_set_first(uint8_t *raw, uint32_t first)
{
	fat_put16(raw + FAT_AT_FIRST, first);
	fat_put16(raw + FAT_AT_FIRST_HIGH, first >> 16);
}

/* A new folder's cluster. */
static int64_t folder_format(struct fat_volume *volume, uint32_t cluster,
			     const struct fat_node *parent, const uint8_t *raw)
{
	uint64_t offset = fat_cluster_offset(&volume->layout, cluster);
	uint8_t dots[2 * FAT_ENTRY_BYTES];
	int64_t error = banos_store_zero(volume->mount, offset, volume->layout.cluster_bytes);

	for (uint32_t i = 0; i < 2; i++) {
		uint8_t *entry = dots + i * FAT_ENTRY_BYTES;

		memcpy(entry, raw, FAT_ENTRY_BYTES);
		memset(entry, ' ', FAT_SHORT_BYTES);
		memset(entry, '.', i + 1);
		entry[FAT_AT_CASE] = 0;
	}
	raw_set_first(dots + FAT_ENTRY_BYTES, parent_first(volume, parent));
	if (!error)
		error = fat_take(volume, cluster, 1);
	if (!error)
		error = banos_store_write(volume->mount, offset, dots, sizeof(dots));
	return error;
}

static int64_t create_locked(struct names_work *work, struct fat_node *folder, const char *name,
			     uint32_t length, const struct banos_create *what,
			     struct fat_node **node)
{
	struct fat_volume *volume = work->volume;
	bool is_folder = (what->mode & MODE_TYPE) == MODE_FOLDER;
	uint8_t raw[FAT_ENTRY_BYTES] = { 0 };
	uint32_t cluster = 0;
	uint64_t place;
	int64_t error = 0;

	if (is_folder)
		error = fat_find_free(volume, 0, 1, 0, &cluster);
	if (error < 0)
		return error;
	fat_cursor_init(&work->cursor, volume, folder);
	error = fat_addition_plan(&work->cursor, name, length, cluster, &work->addition);
	if (error)
		return error;
	place = work->addition.places[work->addition.slots - 1];
	if (is_folder)
		error = fat_order_after(volume, place, fat_cluster_offset(&volume->layout, cluster),
					volume->layout.cluster_bytes);
	if (error)
		return error;
	raw[FAT_AT_ATTR] = is_folder ? FAT_ATTR_FOLDER : FAT_ATTR_ARCHIVE;
	raw_set_times(volume, what->time_ns, raw);
	raw_set_first(raw, cluster);
	if (is_folder) {
		(void)fat_order_after(volume, place, fat_table_place(volume, cluster), 1);
		error = folder_format(volume, cluster, folder, raw);
	}
	if (!error)
		error = fat_addition_write(&work->cursor, &work->addition, raw);
	if (error)
		return error;
	return fat_node_at(volume, place, raw, node);
}

int64_t fat_create(void *fs, uint64_t dir, const char *name, uint32_t length,
		   const struct banos_create *what, struct banos_attr *attr)
{
	struct fat_volume *volume = fs;
	uint32_t type = what->mode & MODE_TYPE;
	struct fat_node *folder, *node;
	struct names_work *work;
	int64_t error;

	if (type != MODE_FILE && type != MODE_FOLDER)
		return -EPERM;
	work = work_begin(volume);
	error = fat_folder_get(volume, dir, &folder);
	if (!error)
		error = create_locked(work, folder, name, length, what, &node);
	if (!error)
		fat_node_attr(volume, node, attr);
	return work_end(work, error);
}

/* ---- unlink, rmdir ---- */

/* The node that a name of a folder leads to, which has to be @number. */
static int64_t name_find(struct fat_volume *volume, struct fat_cursor *cursor, uint64_t dir,
			 const char *name, uint32_t length, uint64_t number, struct fat_node **node)
{
	struct fat_node *folder;
	int64_t error = fat_folder_get(volume, dir, &folder);

	if (error)
		return error;
	fat_cursor_init(cursor, volume, folder);
	error = fat_folder_find(cursor, name, length);
	if (!error)
		error = fat_node_at(volume, cursor->place, cursor->raw, node);
	if (!error && (*node)->number != number)
		error = -ESTALE;
	return error;
}

/* The node has no entry any more. */
static void node_removed(struct fat_volume *volume, struct fat_node *node)
{
	node->removed_at = node->place;
	node->is_removed = true;
	fat_node_move(volume, node, 0);
}

static int64_t remove_run(struct fat_volume *volume, uint64_t dir, const char *name,
			  uint32_t length, uint64_t number, bool is_folder)
{
	struct names_work *work = work_begin(volume);
	struct fat_node *node;
	int64_t error;

	error = name_find(volume, &work->cursor, dir, name, length, number, &node);
	if (!error && node->is_folder != is_folder)
		error = is_folder ? -ENOTDIR : -EISDIR;
	if (!error && is_folder) {
		fat_cursor_init(&work->other, volume, node);
		error = fat_folder_is_empty(&work->other);
	}
	if (!error)
		error = fat_name_remove(&work->cursor);
	if (!error)
		node_removed(volume, node);
	return work_end(work, error);
}

int64_t fat_unlink(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t number)
{
	return remove_run(fs, dir, name, length, number, false);
}

int64_t fat_rmdir(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t number)
{
	return remove_run(fs, dir, name, length, number, true);
}

/* ---- rename ---- */

/* What is about to be named instead of another file must be on the disk before. @return 0; -EAGAIN: it will be */
static int64_t order_chain(struct fat_volume *volume, struct fat_node *node, uint64_t later)
{
	struct fat_run run = { 0, 0, 0 };
	int64_t error = 0;

	if (node->grown <= (uint64_t)banos_store_committed(volume->mount))
		return 0;
	for (uint32_t i = 0; i < RUNS_MAX && !error; i++) {
		uint64_t from, to;

		error = fat_chain_find(volume, node, run.index + run.count, &run);
		if (error == -ENODATA)
			return 0;
		if (error)
			break;
		from = fat_table_place(volume, run.cluster);
		to = fat_table_place(volume, run.cluster + run.count - 1) + 1;
		from -= from % FAT_SECTOR_BYTES;
		error = fat_order_after(volume, later, from, to - from + 1);
	}
	if (error)
		return error;
	return -EAGAIN;
}

/* A folder that has moved: its "..". */
static int64_t parent_write(struct fat_volume *volume, const struct fat_node *node,
			    const struct fat_node *parent)
{
	uint8_t dots[FAT_ENTRY_BYTES];
	uint64_t offset;
	int64_t error;

	if (!fat_is_cluster(&volume->layout, node->first))
		return 0;
	offset = fat_cluster_offset(&volume->layout, node->first) + FAT_ENTRY_BYTES;
	error = banos_store_read(volume->mount, offset, dots, sizeof(dots));
	if (error || dots[0] != '.' || dots[1] != '.')
		return error;
	raw_set_first(dots, parent_first(volume, parent));
	return banos_store_write(volume->mount, offset, dots, sizeof(dots));
}

/* The node has its entry at another place. */
static void node_moved(struct fat_volume *volume, struct fat_node *node, const uint8_t *raw,
		       uint64_t place)
{
	if (node->hook == node->place)
		node->hook = place;
	memcpy(node->raw, raw, FAT_ENTRY_BYTES);
	fat_node_move(volume, node, place);
}

/* To a name that does not exist. */
static int64_t rename_add(struct names_work *work, struct fat_node *node, struct fat_node *folder,
			  const char *name)
{
	struct fat_volume *volume = work->volume;
	uint8_t raw[FAT_ENTRY_BYTES];
	uint64_t place;
	int64_t error;

	fat_cursor_init(&work->other, volume, folder);
	error = fat_addition_plan(&work->other, name, (uint32_t)strlen(name), 0, &work->addition);
	if (error)
		return error;
	place = work->addition.places[work->addition.slots - 1];
	error = fat_order_after(volume, node->place, place, 1);
	if (error)
		return error;
	memcpy(raw, node->raw, sizeof(raw));
	error = fat_addition_write(&work->other, &work->addition, raw);
	if (!error)
		node_moved(volume, node, raw, place);
	return error;
}

/* To a name that exists: its entry is overwritten, but for the name. */
static int64_t rename_replace(struct names_work *work, struct fat_node *node,
			      struct fat_node *target)
{
	struct fat_volume *volume = work->volume;
	uint64_t place = target->place;
	uint8_t raw[FAT_ENTRY_BYTES];
	int64_t error = 0;

	if (node->is_folder != target->is_folder)
		return node->is_folder ? -ENOTDIR : -EISDIR;
	if (target->is_folder) {
		fat_cursor_init(&work->other, volume, target);
		error = fat_folder_is_empty(&work->other);
	}
	if (!error)
		error = order_chain(volume, node, place);
	if (!error)
		error = fat_order_after(volume, node->place, place, 1);
	if (error)
		return error;
	memcpy(raw, node->raw, sizeof(raw));
	memcpy(raw, target->raw, FAT_SHORT_BYTES);
	raw[FAT_AT_CASE] = target->raw[FAT_AT_CASE];
	error = banos_store_write(volume->mount, place, raw, sizeof(raw));
	if (error)
		return error;
	node_removed(volume, target);
	node_moved(volume, node, raw, place);
	return 0;
}

/* The kernel takes back what was written: see change.c. @p target may be NULL */
static void rename_undone(struct fat_volume *volume, struct fat_node *node, uint64_t place,
			  const uint8_t *raw, struct fat_node *target)
{
	node_moved(volume, node, raw, place);
	if (!target || !target->is_removed)
		return;
	target->is_removed = false;
	fat_node_move(volume, target, target->removed_at);
}

static int64_t rename_locked(struct names_work *work, const struct banos_rename *what)
{
	struct fat_volume *volume = work->volume;
	struct fat_node *node, *target = NULL, *folder;
	uint8_t raw[FAT_ENTRY_BYTES];
	uint64_t place;
	int64_t error;

	error = name_find(volume, &work->cursor, what->old_dir, what->old_name,
			  (uint32_t)strlen(what->old_name), what->node, &node);
	if (!error)
		error = fat_folder_get(volume, what->new_dir, &folder);
	if (error)
		return error;
	place = node->place;
	memcpy(raw, node->raw, sizeof(raw));
	if (what->flags & BANOS_RENAME_REPLACE) {
		error = name_find(volume, &work->other, what->new_dir, what->new_name,
				  (uint32_t)strlen(what->new_name), what->new_node, &target);
		if (error || target == node)
			return error;
		error = rename_replace(work, node, target);
	} else {
		error = rename_add(work, node, folder, what->new_name);
	}
	if (error)
		return error;
	error = fat_name_remove(&work->cursor);
	if (!error && node->is_folder && what->old_dir != what->new_dir)
		error = parent_write(volume, node, folder);
	if (error == -ENOMEM)
		rename_undone(volume, node, place, raw, target);
	return error;
}

int64_t fat_rename(void *fs, const struct banos_rename *what)
{
	struct names_work *work;

	if (what->flags & BANOS_RENAME_EXCHANGE)
		return -EINVAL;
	work = work_begin(fs);
	return work_end(work, rename_locked(work, what));
}
