// SPDX-License-Identifier: MIT
/*
 * ioctl() of loop devices and of /dev/loop-control (Linux, drivers/block/loop.c; loop(4)): a file is bound to a
 * device, which is freed when its last user has gone.
 */
#include <kernel/chardev.h>
#include <kernel/cred.h>
#include <kernel/fs/block_file.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/capability.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "internal.h"

#define MISC_MAJOR    10u
#define CONTROL_MINOR 237u
#define LOOP_SETTABLE (LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN)

/* ---- binding ---- */

static struct loop *loop_of_disk_locked(const struct disk *disk)
{
	struct loop *loop;

	assert_held(&loops_lock);
	if (MAJOR(disk_dev(disk)) != LOOP_MAJOR)
		return NULL;
	loop = loop_get_locked(MINOR(disk_dev(disk)), false);
	if (loop && loop->disk == disk)
		return loop;
	return NULL;
}

/* Would @loop read itself? */
static bool loop_leads_to(const struct loop *loop, const struct file *file)
{
	while (file && S_ISBLK(file->inode->mode)) {
		const struct loop *below = loop_of_disk_locked(block_file_disk(file));

		if (!below || below == loop)
			return below;
		file = below->file;
	}
	return false;
}

static int loop_check_file(const struct loop *loop, const struct file *file)
{
	if (!S_ISREG(file->inode->mode) && !S_ISBLK(file->inode->mode))
		return -EINVAL;
	if (!(file->mode & FMODE_READ) || file->flags & O_APPEND)
		return -EINVAL;
	if (loop_leads_to(loop, file))
		return -EBADF;
	return 0;
}

static int loop_check_info(const struct loop_info64 *info)
{
	if (info->encrypt_type || info->encrypt_key_size)
		return -EINVAL;
	if ((s64)info->offset < 0 || (s64)info->sizelimit < 0)
		return -EOVERFLOW;
	return 0;
}

static int loop_resize_locked(struct loop *loop)
{
	assert_held(&loops_lock);
	disk_set_tables(loop->disk, loop->flags & LO_FLAGS_PARTSCAN);
	return block_device_resize(loop->device, loop_bytes(loop) / disk_block_bytes(loop->disk));
}

static int loop_set_info_locked(struct loop *loop, const struct loop_info64 *info)
{
	int err = loop_check_info(info);

	assert_held(&loops_lock);
	if (err)
		return err;
	loop->offset = info->offset;
	loop->limit = info->sizelimit;
	WRITE_ONCE(loop->flags,
		   (loop->flags & ~LO_FLAGS_AUTOCLEAR) | (info->flags & LOOP_SETTABLE));
	memcpy(loop->name, info->file_name, sizeof(loop->name));
	loop->name[sizeof(loop->name) - 1] = 0;
	return loop_resize_locked(loop);
}

static int loop_bind_file_locked(struct loop *loop, struct file *file, bool may_write,
				 const struct loop_info64 *info)
{
	int err = loop_check_file(loop, file);

	assert_held(&loops_lock);
	if (!err)
		err = loop_check_info(info);
	if (err)
		return err;
	loop->flags = 0;
	if (!may_write || !(file->mode & FMODE_WRITE) || info->flags & LO_FLAGS_READ_ONLY)
		loop->flags = LO_FLAGS_READ_ONLY;
	disk_set_readonly(loop->disk, loop->flags & LO_FLAGS_READ_ONLY);
	file_get(file);
	WRITE_ONCE(loop->file, file);
	return loop_set_info_locked(loop, info);
}

static s64 loop_bind_locked(struct loop *loop, u32 fd, bool may_write,
			    const struct loop_info64 *info)
{
	struct fd_ref ref = fd_get(fd);
	int err = -EBUSY;

	assert_held(&loops_lock);
	if (!ref.file)
		return -EBADF;
	if (!loop->file)
		err = loop_bind_file_locked(loop, ref.file, may_write, info);
	fd_put(ref);
	return err;
}

static s64 loop_configure_locked(struct loop *loop, bool may_write, u64 arg)
{
	struct loop_config config;

	assert_held(&loops_lock);
	if (copy_from_user(&config, uaddr(arg), sizeof(config)))
		return -EFAULT;
	if (config.block_size && config.block_size != disk_block_bytes(loop->disk))
		return -EINVAL;
	if (config.info.flags & ~(LOOP_SETTABLE | LO_FLAGS_READ_ONLY | LO_FLAGS_DIRECT_IO))
		return -EINVAL;
	return loop_bind_locked(loop, config.fd, may_write, &config.info);
}

/* ---- what is bound ---- */

static s64 loop_get_status_locked(const struct loop *loop, u64 arg)
{
	struct inode *inode = loop->file->inode;
	struct loop_info64 info = {
		.device = inode->sb->dev,
		.inode = inode->ino,
		.rdevice = inode->rdev,
		.offset = loop->offset,
		.sizelimit = loop->limit,
		.number = loop->number,
		.flags = loop->flags,
	};

	assert_held(&loops_lock);
	memcpy(info.file_name, loop->name, sizeof(info.file_name));
	if (copy_to_user(uaddr(arg), &info, sizeof(info)))
		return -EFAULT;
	return 0;
}

static s64 loop_set_status_locked(struct loop *loop, u64 arg)
{
	struct loop_info64 info;

	assert_held(&loops_lock);
	if (copy_from_user(&info, uaddr(arg), sizeof(info)))
		return -EFAULT;
	return loop_set_info_locked(loop, &info);
}

static s64 loop_set_direct(u64 arg)
{
	if (arg)
		return -EINVAL;
	return 0;
}

static s64 loop_set_block_size_locked(const struct loop *loop, u64 arg)
{
	assert_held(&loops_lock);
	if (arg != disk_block_bytes(loop->disk))
		return -EINVAL;
	return 0;
}

/* Of one that a file is bound to. */
static s64 loop_change_locked(struct loop *loop, u32 cmd, u64 arg)
{
	assert_held(&loops_lock);
	switch (cmd) {
	case LOOP_CLR_FD: WRITE_ONCE(loop->flags, loop->flags | LO_FLAGS_AUTOCLEAR); return 0;
	case LOOP_GET_STATUS64: return loop_get_status_locked(loop, arg);
	case LOOP_SET_STATUS64: return loop_set_status_locked(loop, arg);
	case LOOP_SET_CAPACITY: return loop_resize_locked(loop);
	case LOOP_SET_DIRECT_IO: return loop_set_direct(arg);
	case LOOP_SET_BLOCK_SIZE: return loop_set_block_size_locked(loop, arg);
	}
	return -ENOTTY;
}

static s64 loop_ioctl_locked(struct loop *loop, struct file *f, u32 cmd, u64 arg)
{
	static const struct loop_info64 no_info;
	bool may_write = f->mode & FMODE_WRITE;

	assert_held(&loops_lock);
	if (cmd == LOOP_SET_FD)
		return loop_bind_locked(loop, (u32)arg, may_write, &no_info);
	if (cmd == LOOP_CONFIGURE)
		return loop_configure_locked(loop, may_write, arg);
	if (cmd < LOOP_SET_FD || cmd > LOOP_CONFIGURE)
		return -ENOTTY;
	if (cmd != LOOP_GET_STATUS64 && !may_write && !current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!loop->file)
		return -ENXIO;
	return loop_change_locked(loop, cmd, arg);
}

s64 loop_ioctl(struct disk *disk, struct file *f, u32 cmd, u64 arg)
{
	s64 result = -ENOTTY;
	struct loop *loop;

	mutex_lock(&loops_lock);
	loop = loop_of_disk_locked(disk);
	if (loop)
		result = loop_ioctl_locked(loop, f, cmd, arg);
	mutex_unlock(&loops_lock);
	return result;
}

/* ---- /dev/loop-control ---- */

static s64 control_get_free_locked(void)
{
	assert_held(&loops_lock);
	for (u32 i = 0; i < LOOP_MAX; i++) {
		struct loop *loop = loop_get_locked(i, true);

		if (!loop)
			return -ENOMEM;
		if (!loop->file)
			return i;
	}
	return -ENOSPC;
}

static s64 control_add_locked(u64 arg)
{
	assert_held(&loops_lock);
	if (arg >= LOOP_MAX)
		return -EINVAL;
	if (loop_get_locked(arg, false))
		return -EEXIST;
	if (!loop_get_locked(arg, true))
		return -ENOMEM;
	return arg;
}

static s64 loop_control_ioctl(struct file *f, u32 cmd, u64 arg)
{
	s64 result = -ENOTTY;

	mutex_lock(&loops_lock);
	if (cmd == LOOP_CTL_GET_FREE)
		result = control_get_free_locked();
	else if (cmd == LOOP_CTL_ADD)
		result = control_add_locked(arg);
	mutex_unlock(&loops_lock);
	return result;
}

static const struct file_ops loop_control_fops = { .ioctl = loop_control_ioctl };

void loop_control_init(void)
{
	chardev_register_own(&(struct chardev){ .dev = MKDEV(MISC_MAJOR, CONTROL_MINOR),
						.name = "loop-control",
						.mode = 0600,
						.ops = &loop_control_fops });
}
