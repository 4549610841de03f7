// SPDX-License-Identifier: MIT
/*
 * ISO 9660 for <banos/filesystem.h>: what is on CDs and DVDs, and in images that are mounted like them. Read-only.
 *
 * Nothing is kept but what the volume descriptors say: each method parses the records that it needs, by
 * way of the kernel's cache of the store, with room of its own. So there is nothing to lock.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/filesystem.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "internal.h"
#include "options.h"

#define ISO_MAGIC    0x9660
#define MODE_DEFAULT 0555u
#define RIGHTS_MASK  07777u
#define NSEC_PER_SEC 1000000000ll

_Static_assert(ISO_EINVAL == EINVAL && ISO_EIO == EIO && ISO_ESTALE == ESTALE, "errors");

struct iso_fs {
	banos_owner owner;
	banos_mount mount;
	struct iso_volume volume;
	struct iso_options options;
};

static struct iso_work *work_get(struct iso_fs *fs)
{
	struct iso_work *work = banos_alloc(fs->owner, sizeof(*work), 0);

	if (work) {
		work->sector_at = ISO_NO_SECTOR;
		work->target = NULL;
	}
	return work;
}

static int64_t iso_store_read(void *arg, uint64_t offset, void *to, uint64_t length)
{
	return banos_store_read(arg, offset, to, length);
}

/* ---- mounting ---- */

static int64_t iso_mount_volume(struct iso_fs *fs, const struct banos_mount_config *config)
{
	struct iso_work *work;
	int64_t err = iso_options_parse(config->options, &fs->options);

	if (err)
		return err;
	work = work_get(fs);
	if (!work)
		return -ENOMEM;
	fs->volume = (struct iso_volume){
		.bytes = config->bytes,
		.arg = fs->mount,
		.read = iso_store_read,
		.allow_rock = fs->options.rock,
		.allow_joliet = fs->options.joliet,
		.keep_names = fs->options.keep_names,
	};
	err = iso_open(&fs->volume, work);
	banos_free(fs->owner, work);
	return err;
}

static int64_t iso_mount(void *context, banos_mount mount, const struct banos_mount_config *config,
			 struct banos_mount_info *info, void **to)
{
	struct iso_fs *fs = banos_alloc(context, sizeof(*fs), 0);
	int64_t err;

	if (!fs)
		return -ENOMEM;
	fs->owner = context;
	fs->mount = mount;
	err = iso_mount_volume(fs, config);
	if (err) {
		if (!(config->flags & BANOS_MOUNT_SILENT))
			banos_error(
				context,
				"%s: no ISO 9660 file system that can be read, or a wrong option",
				config->source);
		banos_free(context, fs);
		return err;
	}
	info->flags = BANOS_MOUNT_READ_ONLY;
	info->root = fs->volume.root;
	info->block_bytes = fs->volume.block_bytes;
	info->name_max = ISO_NAME_MAX;
	info->magic = ISO_MAGIC;
	info->time_grain_ns = NSEC_PER_SEC;
	*to = fs;
	return 0;
}

static int64_t iso_unmount(void *opaque)
{
	struct iso_fs *fs = opaque;

	banos_free(fs->owner, fs);
	return 0;
}

static int64_t iso_remount(void *opaque, uint32_t flags, const char *options)
{
	if (!(flags & BANOS_MOUNT_READ_ONLY))
		return -EROFS;
	return 0;
}

static int64_t iso_statfs(void *opaque, struct banos_statfs *to)
{
	struct iso_fs *fs = opaque;

	to->blocks = fs->volume.blocks;
	return 0;
}

/* ---- attributes and names ---- */

static void iso_fill_attr(const struct iso_fs *fs, const struct iso_file *file,
			  struct banos_attr *attr)
{
	const struct iso_options *options = &fs->options;
	uint32_t type = file->mode & ISO_TYPE_MASK, rights = MODE_DEFAULT;

	if (file->has_mode)
		rights = file->mode & RIGHTS_MASK;
	if (file->is_folder && options->has_dmode)
		rights = options->dmode & RIGHTS_MASK;
	if (type == ISO_FILE && options->has_mode)
		rights = options->mode & RIGHTS_MASK;
	attr->mode = type | rights;
	attr->node = file->node;
	attr->nlink = file->nlink;
	attr->uid = file->uid;
	attr->gid = file->gid;
	if (options->has_uid)
		attr->uid = options->uid;
	if (options->has_gid)
		attr->gid = options->gid;
	attr->rdev_major = file->major;
	attr->rdev_minor = file->minor;
	if (type == ISO_FOLDER || type == ISO_FILE || type == ISO_LINK)
		attr->bytes = file->bytes;
	attr->blocks = (attr->bytes + 511) / 512;
	attr->mtime_ns = file->mtime_s * NSEC_PER_SEC;
	attr->atime_ns = file->atime_s * NSEC_PER_SEC;
	attr->ctime_ns = file->ctime_s * NSEC_PER_SEC;
}

static int64_t iso_getattr(void *opaque, uint64_t node, struct banos_attr *attr)
{
	struct iso_fs *fs = opaque;
	struct iso_work *work = work_get(fs);
	struct iso_file file;
	int64_t err;

	if (!work)
		return -ENOMEM;
	err = iso_file_get(&fs->volume, work, node, &file);
	if (!err)
		iso_fill_attr(fs, &file, attr);
	banos_free(fs->owner, work);
	return err;
}

static int64_t iso_folder_get(struct iso_fs *fs, struct iso_work *work, uint64_t node,
			      struct iso_file *folder)
{
	int64_t err = iso_file_get(&fs->volume, work, node, folder);

	if (!err && !folder->is_folder)
		err = -ENOTDIR;
	return err;
}

static int64_t iso_lookup_in(struct iso_fs *fs, struct iso_work *work, uint64_t dir,
			     const char *name, uint32_t length, struct iso_file *file)
{
	struct iso_file folder;
	uint64_t position = 0;
	int64_t found = iso_folder_get(fs, work, dir, &folder);

	if (found)
		return found;
	for (;;) {
		found = iso_folder_next(&fs->volume, work, &folder, &position, file);
		if (found != 1)
			return found ? found : -ENOENT;
		if (file->name_bytes == length && !memcmp(file->name, name, length))
			return 0;
	}
}

static int64_t iso_lookup(void *opaque, uint64_t dir, const char *name, uint32_t length,
			  struct banos_attr *attr)
{
	struct iso_fs *fs = opaque;
	struct iso_work *work = work_get(fs);
	struct iso_file file;
	int64_t err;

	if (!work)
		return -ENOMEM;
	err = iso_lookup_in(fs, work, dir, name, length, &file);
	if (!err)
		iso_fill_attr(fs, &file, attr);
	banos_free(fs->owner, work);
	return err;
}

/* @return its bytes; 0: it does not fit */
static uint32_t iso_put_entry(uint8_t *to, uint32_t room, const struct iso_file *file,
			      uint64_t cookie)
{
	uint32_t bytes = (BANOS_DIRECTORY_NAME + file->name_bytes + 7) / 8 * 8;
	struct banos_directory_entry entry = {
		.node = file->node,
		.cookie = cookie,
		.record_bytes = bytes,
		.type = file->mode / 4096,
		.name_bytes = file->name_bytes,
	};

	if (bytes > room)
		return 0;
	memset(to, 0, bytes);
	memcpy(to, &entry, BANOS_DIRECTORY_NAME);
	memcpy(to + BANOS_DIRECTORY_NAME, file->name, file->name_bytes);
	return bytes;
}

static int64_t iso_readdir(void *opaque, uint64_t dir, uint64_t cookie, uint8_t *to,
			   uint32_t length)
{
	struct iso_fs *fs = opaque;
	struct iso_work *work = work_get(fs);
	struct iso_file folder, file;
	uint32_t used = 0;
	int64_t found;

	if (!work)
		return -ENOMEM;
	found = iso_folder_get(fs, work, dir, &folder);
	if (!found)
		found = 1;
	while (found == 1) {
		uint32_t bytes;

		found = iso_folder_next(&fs->volume, work, &folder, &cookie, &file);
		if (found != 1)
			break;
		bytes = iso_put_entry(to + used, length - used, &file, cookie);
		used += bytes;
		if (!bytes)
			break;
	}
	banos_free(fs->owner, work);
	if (found < 0 && !used)
		return found;
	return used;
}

static int64_t iso_readlink(void *opaque, uint64_t node, char *to, uint32_t length)
{
	struct iso_fs *fs = opaque;
	struct iso_work *work = work_get(fs);
	struct iso_file file;
	int64_t result = -ENOMEM;

	if (work)
		work->target = banos_alloc(fs->owner, ISO_TARGET_SIZE, 0);
	if (work && work->target) {
		result = iso_file_get(&fs->volume, work, node, &file);
		if (!result && (file.mode & ISO_TYPE_MASK) != ISO_LINK)
			result = -EINVAL;
		if (!result && file.target_bytes >= length)
			result = -ENAMETOOLONG;
		if (!result) {
			memcpy(to, work->target, file.target_bytes);
			result = file.target_bytes;
		}
		banos_free(fs->owner, work->target);
	}
	if (work)
		banos_free(fs->owner, work);
	return result;
}

static int64_t iso_map(void *opaque, uint64_t node, uint64_t offset, uint64_t length,
		       uint32_t flags, struct banos_extent *extent)
{
	struct iso_fs *fs = opaque;
	uint32_t mask = fs->volume.block_bytes - 1;
	struct iso_work *work = work_get(fs);
	struct iso_section section;
	int64_t err;

	if (!work)
		return -ENOMEM;
	err = iso_file_map(&fs->volume, work, node, offset, &section);
	banos_free(fs->owner, work);
	if (err)
		return err;
	extent->offset = section.offset;
	extent->length = (section.length + mask) & ~(uint64_t)mask;
	extent->kind = BANOS_EXTENT_RUN;
	extent->store = section.place;
	if (offset >= extent->offset + extent->length) {
		extent->kind = BANOS_EXTENT_HOLE;
		extent->offset = offset;
		extent->length = length;
	}
	return 0;
}

static const struct banos_filesystem_ops iso_ops = {
	.size = sizeof(iso_ops),
	.mount = iso_mount,
	.unmount = iso_unmount,
	.statfs = iso_statfs,
	.remount = iso_remount,
	.lookup = iso_lookup,
	.getattr = iso_getattr,
	.readdir = iso_readdir,
	.readlink = iso_readlink,
	.map = iso_map,
};

static int64_t iso_init(banos_owner self)
{
	struct banos_filesystem_config config = {
		.size = sizeof(config),
		.context = self,
		.ops = &iso_ops,
		.name = "iso9660",
	};

	return banos_filesystem_register(self, &config, NULL);
}

BANOS_SERVES("filesystem:iso9660"); /* so that a disc brings it */
BANOS_DRIVER(iso9660, "1.0", "MIT", "ISO 9660: CDs, with Rock Ridge or Joliet", iso_init, NULL);
