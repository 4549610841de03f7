// SPDX-License-Identifier: MIT
/*
 * ioctl() of files of disks. Numbers, types and errors: Linux 6.1, block/ioctl.c, include/uapi/linux/fs.h.
 *
 * What a driver alone knows (CD-ROM, SCSI) is not asked here: ENOTTY.
 */
#include <kernel/cred.h>
#include <kernel/fs/loop.h>
#include <kernel/partition.h>
#include <kernel/uaccess.h>
#include <uapi/blkdev.h>
#include <uapi/loop.h>
#include "block_file.h"
#include "cache.h"

#define SECTOR 512u
/* As Linux's drivers of virtual disks say. */
#define GEOMETRY_HEADS	 16u
#define GEOMETRY_SECTORS 63u

static s64 disk_ioctl_put_long(u64 arg, u64 value)
{
	return put_user_u64(uaddr(arg), value);
}

static s64 disk_ioctl_put_int(u64 arg, u32 value)
{
	return put_user_u32(uaddr(arg), value);
}

static s64 disk_ioctl_put_short(u64 arg, u16 value)
{
	return copy_to_user(uaddr(arg), &value, sizeof(value));
}

/* ---- facts ---- */

static s64 disk_ioctl_geometry(struct disk *disk, u64 arg)
{
	struct hd_geometry geometry = { .heads = GEOMETRY_HEADS, .sectors = GEOMETRY_SECTORS };

	if (!arg)
		return -EINVAL;
	geometry.cylinders = (u16)(disk_bytes(disk) / SECTOR / (GEOMETRY_HEADS * GEOMETRY_SECTORS));
	geometry.start = disk_start(disk) / SECTOR;
	return copy_to_user(uaddr(arg), &geometry, sizeof(geometry));
}

static u16 disk_max_sectors(const struct disk *disk)
{
	return (u16)MIN(disk_request_bytes(disk) / SECTOR, (u64)UINT16_MAX);
}

static s64 disk_ioctl_fact(struct file *f, u32 cmd, u64 arg)
{
	struct block_inode *block = f->cache->inode->private;
	struct disk *disk = f->cache->disk;

	switch (cmd) {
	case BLKGETSIZE64: return disk_ioctl_put_long(arg, disk_bytes(disk));
	case BLKGETSIZE: return disk_ioctl_put_long(arg, disk_bytes(disk) / SECTOR);
	case BLKGETDISKSEQ: return disk_ioctl_put_long(arg, disk_sequence(disk));
	case BLKSSZGET: return disk_ioctl_put_int(arg, disk_block_bytes(disk));
	case BLKPBSZGET:
	case BLKIOMIN: return disk_ioctl_put_int(arg, disk_physical_bytes(disk));
	case BLKIOOPT:
	case BLKALIGNOFF:
	case BLKDISCARDZEROES: return disk_ioctl_put_int(arg, 0);
	case BLKROGET: return disk_ioctl_put_int(arg, disk_is_readonly(disk));
	case BLKROTATIONAL: return disk_ioctl_put_short(arg, 0);
	case BLKSECTGET: return disk_ioctl_put_short(arg, disk_max_sectors(disk));
	case BLKBSZGET: return disk_ioctl_put_int(arg, (u32)PAGE_SIZE);
	case BLKRAGET:
	case BLKFRAGET: return disk_ioctl_put_long(arg, READ_ONCE(block->readahead));
	case HDIO_GETGEO: return disk_ioctl_geometry(disk, arg);
	}
	return -ENOTTY;
}

/* ---- ranges ---- */

/* Forget what is cached of [offset, offset + length), written or not. */
static void disk_ioctl_forget(struct inode *inode, u64 offset, u64 length)
{
	(void)file_cache_write_back(inode, offset, offset + length - 1, true);
	(void)file_cache_invalidate(inode, offset >> PAGE_SHIFT,
				    (offset + length - 1) >> PAGE_SHIFT);
}

static s64 disk_ioctl_range(struct file *f, u32 cmd, u64 arg)
{
	struct disk *disk = f->cache->disk;
	u64 range[2], mask = disk_block_bytes(disk) - 1;
	int err;

	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (cmd == BLKSECDISCARD || (cmd == BLKDISCARD && !disk_has_discard(disk)))
		return -EOPNOTSUPP;
	if (copy_from_user(range, uaddr(arg), sizeof(range)))
		return -EFAULT;
	if ((range[0] | range[1]) & mask || !range[1] || range[0] + range[1] < range[0] ||
	    range[0] + range[1] > disk_bytes(disk))
		return -EINVAL;
	disk_ioctl_forget(f->cache->inode, range[0], range[1]);
	if (cmd == BLKDISCARD)
		err = block_discard(disk, range[0], range[1]);
	else
		err = block_zero(disk, range[0], range[1], true);
	disk_ioctl_forget(f->cache->inode, range[0], range[1]);
	return err;
}

/* ---- changes ---- */

static s64 disk_ioctl_set_readonly(struct file *f, u64 arg)
{
	u32 value;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EACCES;
	if (get_user_u32(&value, uaddr(arg)))
		return -EFAULT;
	disk_set_readonly(f->cache->disk, value);
	return 0;
}

/* Buffers are pages here: any size that Linux would take is. */
static s64 disk_ioctl_set_block_size(struct file *f, u64 arg)
{
	u32 value;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EACCES;
	if (!arg)
		return -EINVAL;
	if (get_user_u32(&value, uaddr(arg)))
		return -EFAULT;
	if (value < disk_block_bytes(f->cache->disk) || value > PAGE_SIZE || value & (value - 1))
		return -EINVAL;
	return 0;
}

static s64 disk_ioctl_flush(struct file *f)
{
	struct inode *inode = f->cache->inode;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EACCES;
	(void)file_cache_write_back(inode, 0, ~0ull, true);
	(void)file_cache_invalidate(inode, 0, PAGE_TREE_MAX);
	return 0;
}

/* Read the partition table again, as it is on the disk once what is cached was written. */
static s64 disk_ioctl_rescan(struct file *f)
{
	int err;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EACCES;
	err = file_cache_write_back(f->cache->inode, 0, ~0ull, true);
	if (err)
		return err;
	return partitions_rescan(f->cache->disk);
}

static s64 disk_ioctl_set_readahead(struct file *f, u64 arg)
{
	struct block_inode *block = f->cache->inode->private;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EACCES;
	WRITE_ONCE(block->readahead, (u32)arg);
	return 0;
}

/* What is cached was of the file, or of the part of it, that is bound now. */
static s64 disk_ioctl_loop(struct file *f, u32 cmd, u64 arg)
{
	struct inode *inode = f->cache->inode;
	s64 result;

	(void)file_cache_write_back(inode, 0, ~0ull, true);
	result = loop_ioctl(f->cache->disk, f, cmd, arg);
	(void)file_cache_invalidate(inode, 0, PAGE_TREE_MAX);
	return result;
}

s64 block_ioctl(struct file *f, u32 cmd, u64 arg)
{
	if (disk_is_gone(f->cache->disk))
		return -EIO;
	switch (cmd) {
	case BLKROSET: return disk_ioctl_set_readonly(f, arg);
	case BLKBSZSET: return disk_ioctl_set_block_size(f, arg);
	case BLKRRPART: return disk_ioctl_rescan(f);
	case BLKFLSBUF: return disk_ioctl_flush(f);
	case BLKRASET:
	case BLKFRASET: return disk_ioctl_set_readahead(f, arg);
	case BLKDISCARD:
	case BLKSECDISCARD:
	case BLKZEROOUT: return disk_ioctl_range(f, cmd, arg);
	}
	if (cmd >> 8 == LOOP_SET_FD >> 8)
		return disk_ioctl_loop(f, cmd, arg);
	return disk_ioctl_fact(f, cmd, arg);
}
