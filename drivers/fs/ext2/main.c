/* SPDX-License-Identifier: MIT */
/*
 * ext2, read and written; ext3 without its journal; ext4 to be read. It is mounted as any of the three, so that a program
 * that names what the disk has finds it; as ext3 only if there is a journal, as on Linux.
 *
 * The theory is in volume.h (locks, crashes), layout.h (what is accepted), dirent.h (folders). The files:
 *
 *	pure	layout inode dirent hash bitmap extent xattr
 *	store	volume node held alloc map grow truncate folder known orphan
 *	methods	main names file folder (lookup, readdir) map (map) attribute
 *
 * While it is mounted and can be written the superblock is not marked as valid, so that e2fsck looks at it after a crash.
 * Mounted read-only is what has features that this driver cannot write, in words: layout_read_only().
 * What was in use without a name when the machine stopped is freed at the next mount: orphan.c.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "volume.h"

#define SCARCE_BLOCKS (1u << 18) /* more than are allocated between two commits */
#define SUPER_USED    512u	 /* all fields that are written lie in one sector */

banos_owner ext2_owner;

/* ---- the superblock ---- */

static int64_t super_read(struct volume *volume, uint8_t *super)
{
	return banos_store_read(volume->mount, SUPER_OFFSET, super, SUPER_USED);
}

static int64_t super_write(struct volume *volume, uint8_t *super)
{
	put32(super + SUPER_WRITE_TIME, (uint32_t)(banos_time_real_ns() / BANOS_S));
	return banos_store_write(volume->mount, SUPER_OFFSET, super, SUPER_USED);
}

/* The volume begins to be written. */
static int64_t super_open(struct volume *volume)
{
	uint8_t super[SUPER_USED];
	int64_t error = super_read(volume, super);

	if (error)
		return error;
	put16(super + SUPER_STATE, get16(super + SUPER_STATE) & ~STATE_VALID);
	put16(super + SUPER_MOUNT_COUNT, get16(super + SUPER_MOUNT_COUNT) + 1u);
	put32(super + SUPER_MOUNT_TIME, (uint32_t)(banos_time_real_ns() / BANOS_S));
	return super_write(volume, super);
}

/* It is not written any more: valid, if it was before. */
static int64_t super_close(struct volume *volume)
{
	uint8_t super[SUPER_USED];
	uint32_t state;
	int64_t error = super_read(volume, super);

	if (error)
		return error;
	state = get16(super + SUPER_STATE) | volume->was_valid;
	if (volume->is_damaged)
		state = (state | STATE_ERROR) & ~STATE_VALID;
	put16(super + SUPER_STATE, state);
	return super_write(volume, super);
}

/* How much is free, now that no change is under way. A change that was taken back counts itself no more. */
static int64_t free_count(struct volume *volume, uint64_t *blocks, uint64_t *inodes)
{
	*blocks = volume_blocks_free(volume);
	*inodes = volume_inodes_free(volume);
	if (!volume->distrusted)
		return 0;
	groups_drop(volume);
	memset(volume->rooms, 0, sizeof(volume->rooms));
	memset(volume->starts, 0, sizeof(volume->starts));
	return volume_count(volume, blocks, inodes);
}

static int64_t ext2_sync(void *fs)
{
	struct volume *volume = fs;
	uint32_t recounts = volume->distrusted;
	uint64_t blocks, inodes;
	int64_t error = banos_store_epoch(volume->mount);
	uint8_t super[SUPER_USED];

	if (error > 0)
		volume->committing = (uint64_t)error;
	error = free_count(volume, &blocks, &inodes);
	if (error)
		return error;
	if (volume->read_only || (blocks == volume->blocks_free && inodes == volume->inodes_free &&
				  !recounts && !orphans_are_changed(volume)))
		return 0;
	error = super_read(volume, super);
	if (!error && orphans_are_changed(volume))
		error = orphans_write(volume, super);
	put32(super + SUPER_FREE_BLOCKS, (uint32_t)blocks);
	put32(super + SUPER_FREE_INODES, (uint32_t)inodes);
	if (!error)
		error = super_write(volume, super);
	if (error) {
		orphans_distrust(volume);
		return error;
	}
	volume->distrusted = 0;
	for (uint32_t i = 0; i < SHARDS; i++)
		volume->shards[i].blocks_free = volume->shards[i].inodes_free = 0;
	volume->blocks_free = blocks;
	volume->inodes_free = inodes;
	volume->scarce = blocks < volume->layout.blocks_reserved + SCARCE_BLOCKS;
	return 0;
}

/* ---- mounting ---- */

/* Options that Linux's ext2 has, and that change nothing here. */
static int option_is_known(const char *option, uint32_t length)
{
	static const char *const known[] = { "user_xattr",   "acl",
					     "nouid32",	     "nogrpid",
					     "sysvgroups",   "errors=continue",
					     "errors=panic", "errors=remount-ro" };

	for (uint32_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == length && !memcmp(known[i], option, length))
			return 1;
	return 0;
}

static int64_t options_check(const char *options)
{
	while (*options) {
		uint32_t length = 0;

		while (options[length] && options[length] != ',')
			length++;
		if (length && !option_is_known(options, length)) {
			banos_error(ext2_owner, "the option \"%.*s\" is not known", length,
				    options);
			return -EINVAL;
		}
		options += length;
		if (*options)
			options++;
	}
	return 0;
}

static void volume_free(struct volume *volume)
{
	banos_free(ext2_owner, volume->blank);
	known_free(volume);
	orphans_free(volume);
	for (uint32_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &volume->shards[i];

		banos_mutex_destroy(&shard->lock);
		for (uint32_t k = 0; k < HELD_SLOTS; k++) {
			banos_free(ext2_owner, shard->held[k].maps[0]);
			banos_free(ext2_owner, shard->held[k].maps[1]);
		}
	}
	banos_free(ext2_owner, volume);
}

/* What a new block of a folder contains. */
static int64_t blank_create(struct volume *volume)
{
	uint32_t bytes = volume->layout.block_bytes;

	volume->blank = banos_alloc(ext2_owner, bytes, 0);
	if (!volume->blank)
		return -ENOMEM;
	for (uint32_t at = 0; at < bytes; at += DIRENT_SECTOR)
		dirent_format(&volume->form, volume->blank + at, 0, 0);
	return 0;
}

static int64_t volume_create(banos_mount mount, const struct layout *layout, struct volume **to)
{
	struct volume *volume = banos_alloc(ext2_owner, sizeof(*volume), 0);
	int64_t error = 0;

	if (!volume)
		return -ENOMEM;
	volume->mount = mount;
	volume->layout = *layout;
	volume->form.block_bytes = layout->block_bytes;
	volume->form.has_types = !!(layout->incompat & INCOMPAT_FILETYPE);
	volume->generation = (uint32_t)(banos_time_real_ns() / BANOS_MS) * 2654435761u;
	error = blank_create(volume);
	if (!error)
		error = banos_mutex_init(ext2_owner, &volume->orphans.lock);
	if (!error) {
		error = known_init(volume);
		if (error)
			orphans_free(volume);
	}
	for (uint32_t i = 0; i < SHARDS && !error; i++) {
		error = banos_mutex_init(ext2_owner, &volume->shards[i].lock);
		while (error && i)
			banos_mutex_destroy(&volume->shards[--i].lock);
		if (error) {
			known_free(volume);
			orphans_free(volume);
		}
	}
	if (error) {
		banos_free(ext2_owner, volume->blank);
		banos_free(ext2_owner, volume);
	} else {
		*to = volume;
	}
	return error;
}

/* Read-only by its features, or as it was left. */
static void volume_judge(struct volume *volume, uint32_t flags)
{
	const char *why = layout_read_only(&volume->layout);
	int wants_write = !(flags & BANOS_MOUNT_READ_ONLY);

	if (why && wants_write)
		banos_warning(ext2_owner, "mounted read-only: %s", why);
	volume->read_only = why || !wants_write;
	volume->was_valid = volume->layout.state & STATE_VALID;
	if (flags & BANOS_MOUNT_CLEAN) /* that it is not now is this driver's own mark */
		volume->was_valid = STATE_VALID;
	if (wants_write && !why && (!volume->was_valid || volume->layout.state & STATE_ERROR))
		banos_warning(ext2_owner,
			      "it was not unmounted, or has errors: e2fsck is recommended");
}

/* The root has to be a folder. */
static int64_t root_check(struct volume *volume)
{
	struct node root;
	int64_t error = node_get(volume, ROOT_INODE, &root);

	if (error == -ESTALE || (!error && inode_type(root.raw) != MODE_FOLDER))
		return -EUCLEAN;
	return error;
}

/*
 * An earlier instance of the driver served it: which of its bits are held back until a commit (held.c) is not known, nor how
 * its counters differed from the superblock's.
 */
static int64_t volume_continue(struct volume *volume)
{
	int64_t epoch = banos_store_epoch(volume->mount), error;
	uint64_t blocks, inodes;

	if (epoch < 0)
		return epoch;
	error = volume_count(volume, &blocks, &inodes);
	if (error)
		return error;
	volume->shards[0].blocks_free = (int64_t)(blocks - volume->blocks_free);
	volume->shards[0].inodes_free = (int64_t)(inodes - volume->inodes_free);
	/* Nothing is allocated before a commit, which the first try to do so causes. */
	for (uint32_t i = 0; i < SHARDS; i++)
		volume->shards[i].blocked = (uint64_t)epoch;
	volume->freed_epoch = (uint64_t)epoch;
	return 0;
}

/* The context of the type whose stores have a journal. */
static const char ext2_journal_type;

static void info_fill(const struct volume *volume, struct banos_mount_info *info)
{
	const struct layout *layout = &volume->layout;

	if (volume->read_only)
		info->flags |= BANOS_MOUNT_READ_ONLY;
	info->flags |= BANOS_MOUNT_NAMELESS;
	if (volume->was_valid)
		info->flags |= BANOS_MOUNT_CLEAN;
	info->root = ROOT_INODE;
	info->bytes_max = map_blocks_max(layout) << layout->block_shift;
	info->block_bytes = layout->block_bytes;
	info->magic = EXT2_MAGIC;
	info->time_grain_ns = layout->inode_bytes > INODE_BYTES_MIN ? 1 : 1000000000;
}

static int64_t ext2_mount(void *context, banos_mount mount, const struct banos_mount_config *config,
			  struct banos_mount_info *info, void **fs)
{
	uint8_t super[SUPER_BYTES];
	struct volume *volume;
	struct layout layout;
	const char *why;
	int64_t error = 0;

	if (config->bytes < SUPER_OFFSET + SUPER_BYTES)
		return -EINVAL;
	error = options_check(config->options);
	if (!error)
		error = banos_store_read(mount, SUPER_OFFSET, super, sizeof(super));
	if (error)
		return error;
	why = layout_parse(super, config->bytes, &layout);
	if (!why && context == &ext2_journal_type && !(layout.compat & COMPAT_JOURNAL))
		why = "it has no journal, so it is not ext3";
	if (why) {
		if (*why && !(config->flags & BANOS_MOUNT_SILENT))
			banos_error(ext2_owner, "%s cannot be mounted: %s", config->source, why);
		return -EINVAL;
	}
	error = volume_create(mount, &layout, &volume);
	if (error)
		return error;
	volume->blocks_free = get32(super + SUPER_FREE_BLOCKS);
	if (layout.incompat & INCOMPAT_64BIT)
		volume->blocks_free |= (uint64_t)get32(super + SUPER_FREE_BLOCKS_H) << 32;
	volume->inodes_free = get32(super + SUPER_FREE_INODES);
	volume->scarce = volume->blocks_free < layout.blocks_reserved + SCARCE_BLOCKS;
	volume_judge(volume, config->flags);
	volume->continues = !!(config->flags & BANOS_MOUNT_AGAIN);
	error = root_check(volume);
	if (!error && !volume->read_only)
		error = super_open(volume);
	if (!error && !volume->read_only && volume->continues)
		error = volume_continue(volume);
	if (!error && (!volume->read_only || volume->continues))
		error = orphans_begin(volume, (int)volume->continues);
	if (error) {
		banos_error(ext2_owner, "%s cannot be mounted: its root cannot be read",
			    config->source);
		volume_free(volume);
		return error;
	}
	info_fill(volume, info);
	*fs = volume;
	return 0;
}

static int64_t ext2_unmount(void *fs)
{
	struct volume *volume = fs;
	int64_t error = 0;

	if (!volume->read_only)
		error = super_close(volume);
	volume_free(volume);
	return error;
}

static int64_t ext2_remount(void *fs, uint32_t flags, const char *options)
{
	struct volume *volume = fs;
	uint32_t read_only = flags & BANOS_MOUNT_READ_ONLY;
	const char *why = layout_read_only(&volume->layout);
	int64_t error = options_check(options);

	if (error || read_only == volume->read_only)
		return error;
	if (!read_only && why) {
		banos_warning(ext2_owner, "it can only be read: %s", why);
		return -EROFS;
	}
	/* While it was read-only, another program may have repaired it. */
	groups_drop(volume);
	memset(volume->stops, 0, sizeof(volume->stops));
	memset(volume->rooms, 0, sizeof(volume->rooms));
	memset(volume->starts, 0, sizeof(volume->starts));
	known_drop_all(volume);
	error = read_only ? super_close(volume) : super_open(volume);
	if (error)
		return error;
	volume->read_only = read_only;
	if (read_only)
		return 0;
	if (volume->orphans.count)
		orphans_check(volume);
	else
		error = orphans_begin(volume, (int)volume->continues);
	if (error)
		volume->read_only = BANOS_MOUNT_READ_ONLY;
	return error;
}

static int64_t ext2_statfs(void *fs, struct banos_statfs *to)
{
	struct volume *volume = fs;
	const struct layout *layout = &volume->layout;

	to->blocks = layout->blocks - layout_overhead(layout);
	to->free = volume_blocks_free(volume);
	to->available = to->free - lesser(to->free, layout->blocks_reserved);
	to->files = layout->inodes;
	to->files_free = volume_inodes_free(volume);
	return 0;
}

/* ---- registration ---- */

static const struct banos_filesystem_ops ext2_ops = {
	.size = sizeof(ext2_ops),
	.mount = ext2_mount,
	.unmount = ext2_unmount,
	.statfs = ext2_statfs,
	.sync = ext2_sync,
	.remount = ext2_remount,
	.lookup = ext2_lookup,
	.getattr = ext2_getattr,
	.setattr = ext2_setattr,
	.create = ext2_create,
	.link = ext2_link,
	.unlink = ext2_unlink,
	.rmdir = ext2_rmdir,
	.rename = ext2_rename,
	.forget = ext2_forget,
	.readdir = ext2_readdir,
	.readlink = ext2_readlink,
	.map = ext2_map,
	.allocate = ext2_allocate,
	.getxattr = ext2_getxattr,
	.setxattr = ext2_setxattr,
	.listxattr = ext2_listxattr,
	.removexattr = ext2_removexattr,
};

static int64_t ext2_init(banos_owner self)
{
	static const struct banos_filesystem_config types[] = {
		{ .size = sizeof(types[0]), .ops = &ext2_ops, .name = "ext2" },
		{ .size = sizeof(types[0]),
		  .ops = &ext2_ops,
		  .context = (void *)&ext2_journal_type,
		  .name = "ext3" },
		{ .size = sizeof(types[0]), .ops = &ext2_ops, .name = "ext4" },
	};
	int64_t error = 0;

	ext2_owner = self;
	for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]) && !error; i++)
		error = banos_filesystem_register(self, &types[i], NULL);
	return error;
}

BANOS_SERVES("filesystem:ext?"); /* so that a disk with one brings it */
BANOS_DRIVER(ext2, "1.0", "MIT", "File systems: ext2, and ext3 and ext4 to be read", ext2_init,
	     NULL);
