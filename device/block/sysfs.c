// SPDX-License-Identifier: MIT
/*
 * /sys/block/DISK and /sys/block/DISK/PARTITION, as lsblk and mdev read them; /sys/dev/block/MAJOR:MINOR and
 * /sys/class/block/NAME lead there.
 *
 * The files point to the disk; disk_sysfs_remove() waits for their readers.
 */
#include <kernel/bus.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/sysfs.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include "internal.h"

#define SECTOR	 512u
#define PATH_MAX 160

/* ---- what files say ---- */

static u64 attribute_size(const struct disk *disk)
{
	return disk_bytes(disk) / SECTOR;
}
static u64 attribute_start(const struct disk *disk)
{
	return disk->start / SECTOR;
}
static u64 attribute_partition(const struct disk *disk)
{
	return disk_partition_number(disk);
}
static u64 attribute_sequence(const struct disk *disk)
{
	return disk_sequence(disk);
}
static u64 attribute_ro(const struct disk *disk)
{
	return disk_is_readonly(disk);
}
static u64 attribute_removable(const struct disk *disk)
{
	return disk_is_removable(disk);
}
static u64 attribute_rotational(const struct disk *disk)
{
	return (disk->flags & BANOS_BLOCK_ROTATES) != 0;
}
static u64 attribute_logical(const struct disk *disk)
{
	return disk_block_bytes(disk);
}
static u64 attribute_physical(const struct disk *disk)
{
	return disk_physical_bytes(disk);
}
static u64 attribute_max_kb(const struct disk *disk)
{
	return disk_request_bytes(disk) / 1024;
}
static u64 attribute_fua(const struct disk *disk)
{
	return disk_has_fua(disk);
}
static u64 attribute_discard_granularity(const struct disk *disk)
{
	return disk_has_discard(disk) * disk_block_bytes(disk);
}
static u64 attribute_discard_max(const struct disk *disk)
{
	if (!disk_has_discard(disk))
		return 0;
	return INT32_MAX & ~(u64)disk->block_mask;
}
static u64 attribute_zero(const struct disk *disk)
{
	return 0;
}

static void text_dev(struct seq_file *seq, const struct disk *disk)
{
	seq_printf(seq, "%u:%u\n", MAJOR(disk->dev), MINOR(disk->dev));
}
static void text_uevent(struct seq_file *seq, const struct disk *disk)
{
	u32 number = disk_partition_number(disk);

	seq_printf(seq, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=%s\n", MAJOR(disk->dev),
		   MINOR(disk->dev), disk->name, number ? "partition" : "disk");
	if (number)
		seq_printf(seq, "PARTN=%u\n", number);
	if (number && disk->about->name[0])
		seq_printf(seq, "PARTNAME=%s\n", disk->about->name);
}
static void text_serial(struct seq_file *seq, const struct disk *disk)
{
	seq_printf(seq, "%s\n", disk_serial(disk));
}
static void text_model(struct seq_file *seq, const struct disk *disk)
{
	seq_printf(seq, "%s\n", disk_model(disk));
}
static void text_scheduler(struct seq_file *seq, const struct disk *disk)
{
	seq_puts(seq, "[none]\n");
}
static void text_write_cache(struct seq_file *seq, const struct disk *disk)
{
	if (disk_has_cache(disk))
		seq_puts(seq, "write back\n");
	else
		seq_puts(seq, "write through\n");
}

enum attribute_of { OF_WHOLE = 1, OF_PARTITION = 2, OF_ALL = 3 };
static const struct disk_attribute {
	const char *name;
	u32 of;				       /* enum attribute_of */
	u64 (*value)(const struct disk *disk); /* or */
	void (*text)(struct seq_file *seq, const struct disk *disk);
} attributes[] = {
	{ "dev", OF_ALL, .text = text_dev },
	{ "uevent", OF_ALL, .text = text_uevent },
	{ "stat", OF_ALL, .text = disk_show_stat },
	{ "size", OF_ALL, .value = attribute_size },
	{ "ro", OF_ALL, .value = attribute_ro },
	{ "alignment_offset", OF_ALL, .value = attribute_zero },
	{ "start", OF_PARTITION, .value = attribute_start },
	{ "partition", OF_PARTITION, .value = attribute_partition },
	{ "diskseq", OF_WHOLE, .value = attribute_sequence },
	{ "removable", OF_WHOLE, .value = attribute_removable },
	{ "hidden", OF_WHOLE, .value = attribute_zero },
	{ "serial", OF_WHOLE, .text = text_serial },
	{ "model", OF_WHOLE, .text = text_model },
	{ "queue/rotational", OF_WHOLE, .value = attribute_rotational },
	{ "queue/logical_block_size", OF_WHOLE, .value = attribute_logical },
	{ "queue/hw_sector_size", OF_WHOLE, .value = attribute_logical },
	{ "queue/physical_block_size", OF_WHOLE, .value = attribute_physical },
	{ "queue/minimum_io_size", OF_WHOLE, .value = attribute_physical },
	{ "queue/optimal_io_size", OF_WHOLE, .value = attribute_zero },
	{ "queue/max_sectors_kb", OF_WHOLE, .value = attribute_max_kb },
	{ "queue/max_hw_sectors_kb", OF_WHOLE, .value = attribute_max_kb },
	{ "queue/discard_granularity", OF_WHOLE, .value = attribute_discard_granularity },
	{ "queue/discard_max_bytes", OF_WHOLE, .value = attribute_discard_max },
	{ "queue/discard_zeroes_data", OF_WHOLE, .value = attribute_zero },
	{ "queue/fua", OF_WHOLE, .value = attribute_fua },
	{ "queue/scheduler", OF_WHOLE, .text = text_scheduler },
	{ "queue/write_cache", OF_WHOLE, .text = text_write_cache },
};

/* ---- files ---- */

struct disk_file {
	const struct disk *disk;
	const struct disk_attribute *attribute;
	struct proc_entry *entry;
};

/* Of one disk. */
struct disk_files {
	struct disk_file files[ARRAY_SIZE(attributes)];
	struct proc_entry *by_number, *by_class, *device, *holders, *slaves;
};

static int disk_file_show(struct seq_file *seq, void *arg)
{
	const struct disk_file *file = arg;

	if (file->attribute->text)
		file->attribute->text(seq, file->disk);
	else
		seq_printf(seq, "%lu\n", file->attribute->value(file->disk));
	return 0;
}

/* "vda" or "vda/vda1". */
static void disk_folder(const struct disk *disk, char *folder, size_t size)
{
	if (disk->whole == disk)
		strscpy(folder, disk->name, size);
	else
		snprintf(folder, size, "%s/%s", disk->whole->name, disk->name);
}

static void disk_sysfs_add_links(const struct disk *disk, struct disk_files *files,
				 const char *folder)
{
	char path[PATH_MAX], target[PATH_MAX];

	snprintf(target, sizeof(target), "../../block/%s", folder);
	snprintf(path, sizeof(path), "dev/block/%u:%u", MAJOR(disk->dev), MINOR(disk->dev));
	files->by_number = sysfs_symlink(path, target);
	snprintf(path, sizeof(path), "class/block/%s", disk->name);
	files->by_class = sysfs_symlink(path, target);
	snprintf(path, sizeof(path), "block/%s/holders", folder);
	files->holders = sysfs_mkdir(path);
	if (disk->whole != disk)
		return;
	snprintf(path, sizeof(path), "block/%s/slaves", folder);
	files->slaves = sysfs_mkdir(path);
	if (!disk->bus_path[0])
		return;
	snprintf(path, sizeof(path), "block/%s/device", folder);
	snprintf(target, sizeof(target), "../../%s", disk->bus_path);
	files->device = sysfs_symlink(path, target);
}

void disk_sysfs_add(struct disk *disk)
{
	struct disk_files *files = kzalloc(sizeof(*files));
	u32 kind = OF_PARTITION;
	char folder[PATH_MAX / 2], path[PATH_MAX];

	if (!files)
		return;
	if (disk->whole == disk)
		kind = OF_WHOLE;
	disk_folder(disk, folder, sizeof(folder));
	for (u32 i = 0; i < ARRAY_SIZE(attributes); i++) {
		struct disk_file *file = &files->files[i];

		file->disk = disk;
		file->attribute = &attributes[i];
		if (!(attributes[i].of & kind))
			continue;
		snprintf(path, sizeof(path), "block/%s/%s", folder, attributes[i].name);
		file->entry = sysfs_create(path, 0444, disk_file_show, NULL, file);
	}
	disk_sysfs_add_links(disk, files, folder);
	disk->files = files;
}

void disk_sysfs_remove(struct disk *disk)
{
	struct disk_files *files = disk->files;

	if (!files)
		return;
	disk->files = NULL;
	sysfs_remove(files->by_number);
	sysfs_remove(files->by_class);
	sysfs_remove(files->device);
	sysfs_remove(files->holders);
	sysfs_remove(files->slaves);
	for (u32 i = 0; i < ARRAY_SIZE(attributes); i++)
		sysfs_remove(files->files[i].entry);
	kfree(files);
}
