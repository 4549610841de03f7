// SPDX-License-Identifier: MIT
/*
 * FAT12, FAT16 and FAT32, with long names (vfat) or without (msdos), read and written.
 *
 * The theory is in volume.h (nodes, crashes), name.h (names), layout.h (what is accepted). The files:
 *
 *	pure	layout name page date options
 *	store	table alloc chain node change
 *	methods	main file folder (lookup, readdir) index grow names
 *
 * Left out: FAT on disks with blocks larger than its clusters, short names in other code pages than 437 and 850, permissions,
 * links and devices, which FAT does not have.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "bytes.h"
#include "volume.h"

#define FAT_MAGIC 0x4d44

banos_owner fat_owner;

int64_t fat_damaged(struct fat_volume *volume, const char *text)
{
	volume->was_dirty = true; /* it stays so */
	banos_mount_error(volume->mount, text);
	return -EIO;
}

/* ---- was it left properly? ---- */

static int64_t fat_state_set(struct fat_volume *volume, bool dirty)
{
	const struct fat_layout *layout = &volume->layout;
	uint8_t state;
	int64_t error;

	if (!layout->has_state || volume->was_dirty)
		return 0;
	error = banos_store_read(volume->mount, layout->state_offset, &state, 1);
	if (error)
		return error;
	state = (uint8_t)((state & ~FAT_STATE_DIRTY) | (dirty ? FAT_STATE_DIRTY : 0));
	return banos_store_write(volume->mount, layout->state_offset, &state, 1);
}

/* FSInfo says how many clusters are free: written if it was right, or they have been counted. */
static int64_t info_write(struct fat_volume *volume)
{
	uint64_t offset = volume->layout.info_offset;
	uint8_t info[FAT_INFO_BYTES];
	int64_t error;

	if (!offset || volume->free == volume->info_free)
		return 0;
	error = banos_store_read(volume->mount, offset, info, sizeof(info));
	if (error || !fat_info_valid(info))
		return error;
	fat_info_set(info, volume->free, volume->next);
	error = banos_store_write(volume->mount, offset, info, sizeof(info));
	if (!error)
		volume->info_free = volume->free;
	return error;
}

static int64_t info_read(struct fat_volume *volume)
{
	uint8_t info[FAT_INFO_BYTES];
	int64_t error;

	volume->free = FAT_UNKNOWN;
	volume->next = FAT_CLUSTER_MIN;
	if (!volume->layout.info_offset)
		return 0;
	error = banos_store_read(volume->mount, volume->layout.info_offset, info, sizeof(info));
	if (!error)
		fat_info_parse(&volume->layout, info, &volume->free, &volume->next);
	volume->info_free = volume->free;
	return error;
}

/* ---- mounting ---- */

static int64_t options_take(const char *text, bool short_only, struct fat_options *options)
{
	const char *wrong = fat_options_parse(text, options);

	if (short_only)
		options->style = (struct fat_name_style){ .lower = true,
							  .page_850 = options->style.page_850,
							  .short_only = true };
	if (!wrong)
		return 0;
	banos_error(fat_owner, "the first of these options is not known, or its value is wrong: %s",
		    wrong);
	return -EINVAL;
}

static void fat_volume_free(struct fat_volume *volume)
{
	while (volume->pending) {
		struct fat_pending *pending = volume->pending;

		volume->pending = pending->next;
		banos_free(fat_owner, pending);
	}
	fat_held_drop(volume, true);
	fat_index_drop_all(volume);
	fat_node_drop_all(volume);
	banos_mutex_destroy(&volume->lock);
	banos_free(fat_owner, volume->work);
	banos_free(fat_owner, volume->table);
	banos_free(fat_owner, volume);
}

static int64_t fat_volume_create(banos_mount mount, const struct fat_layout *layout,
				 const struct fat_options *options, struct fat_volume **to)
{
	struct fat_volume *volume = banos_alloc(fat_owner, sizeof(*volume), 0);
	int64_t error = -ENOMEM;

	if (!volume)
		return error;
	volume->mount = mount;
	volume->layout = *layout;
	volume->options = *options;
	volume->table_at = UINT64_MAX;
	volume->digits = (uint32_t)(banos_time_ns() / (10 * BANOS_MS));
	volume->table = banos_alloc(fat_owner, 4096, 0);
	if (volume->table)
		error = fat_work_create(volume);
	if (!error)
		error = banos_mutex_init(fat_owner, &volume->lock);
	if (error) {
		banos_free(fat_owner, volume->work);
		banos_free(fat_owner, volume->table);
		banos_free(fat_owner, volume);
		return error;
	}
	fat_node_root(volume);
	*to = volume;
	return 0;
}

/* Either of two places may say that it was not left properly: the boot sector's state, or entry 1 of the table. */
static int64_t fat_volume_judge(struct fat_volume *volume, uint32_t flags)
{
	const struct fat_layout *layout = &volume->layout;
	uint8_t state = 0, entry[4];
	uint64_t offset = layout->table_offset + layout->table_used * layout->table_bytes;
	int64_t error = 0;

	if (layout->has_state)
		error = banos_store_read(volume->mount, layout->state_offset, &state, 1);
	if (!error)
		error = banos_store_read(volume->mount, offset + layout->bits / 8, entry, 4);
	volume->was_dirty = state & FAT_STATE_DIRTY;
	if (flags & BANOS_MOUNT_CLEAN) /* it is this driver's own mark */
		volume->was_dirty = false;
	if (error || flags & (BANOS_MOUNT_READ_ONLY | BANOS_MOUNT_CLEAN))
		return error;
	if (volume->was_dirty || (layout->bits == 16 && !(entry[1] & 0x80)) ||
	    (layout->bits == 32 && !(entry[3] & 0x08)))
		banos_warning(fat_owner, "it was not unmounted: fsck.fat is recommended");
	return 0;
}

static int64_t volume_open(struct fat_volume *volume, const struct banos_mount_config *config)
{
	bool wants_write = !(config->flags & BANOS_MOUNT_READ_ONLY);
	int64_t error = info_read(volume);

	volume->read_only = !wants_write;
	if (!error)
		error = fat_volume_judge(volume, config->flags);
	if (!error && wants_write)
		error = fat_state_set(volume, true);
	return error;
}

static void fat_info_fill(const struct fat_volume *volume, struct banos_mount_info *info)
{
	info->flags = BANOS_MOUNT_NO_OWNERS | BANOS_MOUNT_NO_HOLES | BANOS_MOUNT_FOLDED |
		      BANOS_MOUNT_FORGETS;
	if (!volume->was_dirty)
		info->flags |= BANOS_MOUNT_CLEAN;
	info->root = FAT_ROOT_NODE;
	info->bytes_max = FAT_FILE_MAX;
	info->block_bytes = volume->layout.cluster_bytes;
	info->magic = FAT_MAGIC;
	info->time_grain_ns = 2000000000;
}

/* @return NULL; why it is not FAT, or cannot be mounted on this disk */
static const char *fat_boot_read(banos_mount mount, const struct banos_mount_config *config,
				 struct fat_layout *layout, int64_t *error)
{
	uint8_t boot[FAT_BOOT_BYTES];
	const char *why;

	*error = config->bytes < FAT_BOOT_BYTES ? -EINVAL : 0;
	if (!*error)
		*error = banos_store_read(mount, 0, boot, sizeof(boot));
	if (*error)
		return "";
	*error = -EINVAL;
	why = fat_layout_parse(boot, config->bytes, layout);
	if (!why && (layout->cluster_bytes % config->block_bytes ||
		     layout->data_offset % config->block_bytes))
		why = "the disk's blocks are larger than its clusters";
	if (!why)
		*error = 0;
	return why;
}

static int64_t fat_mount(void *context, banos_mount mount, const struct banos_mount_config *config,
			 struct banos_mount_info *info, void **fs)
{
	struct fat_options options;
	struct fat_volume *volume;
	struct fat_layout layout;
	const char *why;
	int64_t error = options_take(config->options, context != NULL, &options);

	if (error)
		return error;
	why = fat_boot_read(mount, config, &layout, &error);
	if (error) {
		if (!(config->flags & BANOS_MOUNT_SILENT))
			banos_error(fat_owner, "%s cannot be mounted: %s", config->source,
				    why && *why ? why : "no FAT file system is on it");
		return error;
	}
	error = fat_volume_create(mount, &layout, &options, &volume);
	if (error)
		return error;
	error = volume_open(volume, config);
	if (error) {
		fat_volume_free(volume);
		return error;
	}
	fat_info_fill(volume, info);
	*fs = volume;
	return 0;
}

/* The end of a change that cuts chains and frees them. */
static int64_t chains_settle(struct fat_change *change, int64_t result)
{
	bool undone = result == -ENOMEM;

	result = fat_change_end(change, result);
	fat_cut_settle(change->volume, undone);
	fat_pending_settle(change->volume, undone);
	return result;
}

/* All that was removed is committed. */
static int64_t volume_close(struct fat_volume *volume)
{
	struct fat_change change;
	int64_t error;

	fat_change_begin(volume, NULL, &change);
	error = fat_cut_forgotten(volume);
	if (error != -ENOMEM)
		error = fat_either(fat_release_removed(volume), error);
	if (error != -ENOMEM)
		error = fat_either(fat_free_pending(volume, true), error);
	if (error != -ENOMEM)
		error = fat_either(info_write(volume), error);
	if (error != -ENOMEM)
		error = fat_either(fat_state_set(volume, false), error);
	return chains_settle(&change, error);
}

static int64_t fat_unmount(void *fs)
{
	struct fat_volume *volume = fs;
	int64_t error = 0;

	if (!volume->read_only)
		error = volume_close(volume);
	fat_volume_free(volume);
	return error;
}

static int64_t sync_locked(struct fat_volume *volume)
{
	struct fat_change change;
	int64_t error;

	fat_held_drop(volume, false);
	fat_change_begin(volume, NULL, &change);
	error = fat_cut_forgotten(volume);
	if (error != -ENOMEM)
		error = fat_either(fat_free_pending(volume, false), error);
	if (error != -ENOMEM)
		error = fat_either(info_write(volume), error);
	return chains_settle(&change, error);
}

static int64_t fat_sync(void *fs)
{
	struct fat_volume *volume = fs;
	int64_t error = 0;

	banos_mutex_lock(&volume->lock);
	if (!volume->read_only)
		error = sync_locked(volume);
	banos_mutex_unlock(&volume->lock);
	return error;
}

static int64_t remount_locked(struct fat_volume *volume, uint32_t flags, const char *text)
{
	bool read_only = flags & BANOS_MOUNT_READ_ONLY;
	struct fat_options options = volume->options;
	int64_t error = 0;

	if (*text)
		error = options_take(text, options.style.short_only, &options);
	if (!error && read_only != volume->read_only)
		error = read_only ? volume_close(volume) : fat_state_set(volume, true);
	if (error)
		return error;
	volume->read_only = read_only;
	volume->options = options;
	fat_index_drop_all(volume); /* what names are shown as depends on these */
	return 0;
}

static int64_t fat_remount(void *fs, uint32_t flags, const char *options)
{
	struct fat_volume *volume = fs;
	int64_t error;

	banos_mutex_lock(&volume->lock);
	error = remount_locked(volume, flags, options);
	banos_mutex_unlock(&volume->lock);
	return error;
}

static int64_t fat_statfs(void *fs, struct banos_statfs *to)
{
	struct fat_volume *volume = fs;
	int64_t error = 0;
	uint64_t free;

	banos_mutex_lock(&volume->lock);
	if (!volume->is_counted)
		error = fat_table_count(volume, &volume->free);
	volume->is_counted = !error;
	free = (uint64_t)volume->free + fat_pending_clusters(volume);
	to->blocks = volume->layout.clusters;
	to->free = fat_min(free, to->blocks);
	to->available = to->free;
	banos_mutex_unlock(&volume->lock);
	return error;
}

/* ---- registration ---- */

static const struct banos_filesystem_ops fat_ops = {
	.size = sizeof(fat_ops),
	.mount = fat_mount,
	.unmount = fat_unmount,
	.statfs = fat_statfs,
	.sync = fat_sync,
	.remount = fat_remount,
	.lookup = fat_lookup,
	.getattr = fat_getattr,
	.setattr = fat_setattr,
	.create = fat_create,
	.unlink = fat_unlink,
	.rmdir = fat_rmdir,
	.rename = fat_rename,
	.forget = fat_forget,
	.readdir = fat_readdir,
	.map = fat_map,
	.allocate = fat_allocate,
};

static int64_t fat_init(banos_owner self)
{
	static const struct banos_filesystem_config vfat = {
		.size = sizeof(vfat),
		.ops = &fat_ops,
		.name = "vfat",
	};
	static const struct banos_filesystem_config msdos = {
		.size = sizeof(msdos),
		.ops = &fat_ops,
		.context = (void *)&fat_ops, /* not NULL: short names only */
		.name = "msdos",
	};
	int64_t error;

	fat_owner = self;
	error = banos_filesystem_register(self, &vfat, NULL);
	if (!error)
		error = banos_filesystem_register(self, &msdos, NULL);
	return error;
}

BANOS_DRIVER(vfat, "1.0", "MIT", "File systems: FAT12, FAT16, FAT32 with long names", fat_init,
	     NULL);
BANOS_SERVES("filesystem:vfat"); /* so that a disk with one brings it */
