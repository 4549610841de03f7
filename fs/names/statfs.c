// SPDX-License-Identifier: MIT
/* statfs() and fstatfs(): how full a file system is. */
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/mount.h>
#include <uapi/stat.h>
#include <uapi/statfs.h>

/* Linux has a file system each for pipes, sockets and the others that have no name. */
static s64 nameless_type(const struct inode *inode)
{
	switch (inode->mode & S_IFMT) {
	case S_IFIFO: return PIPEFS_MAGIC;
	case S_IFSOCK: return SOCKFS_MAGIC;
	}
	return ANON_INODE_FS_MAGIC;
}

static s64 statfs_to_user(const struct path *path, u64 user)
{
	struct super_block *sb = path->dentry->sb;
	struct statfs out = { .f_type = sb->magic,
			      .f_bsize = sb->blksize,
			      .f_frsize = sb->blksize,
			      .f_namelen = NAME_MAX };
	int err = 0;

	if (!sb->ops || !sb->ops->statfs)
		return -ENOSYS;
	err = sb->ops->statfs(sb, &out);
	if (err)
		return err;
	if (out.f_type == ANON_INODE_FS_MAGIC)
		out.f_type = nameless_type(path->dentry->inode);
	out.f_fsid[0] = (s32)sb->dev;
	out.f_fsid[1] = (s32)(sb->dev >> 32);
	out.f_flags = ST_VALID | (path->mnt->flags & MNT_USER_FLAGS) |
		      (sb->flags & MS_RDONLY ? ST_RDONLY : 0);
	return copy_to_user(uaddr(user), &out, sizeof(out));
}

SYSCALL2(statfs, path, out)
{
	struct path target;
	s64 ret = user_path(AT_FDCWD, path, LOOKUP_FOLLOW, &target);

	if (ret)
		return ret;
	ret = statfs_to_user(&target, out);
	path_put(&target);
	return ret;
}

SYSCALL2(fstatfs, fd, out)
{
	struct fd_ref ref = fd_get_path((u32)fd);
	s64 ret;

	if (!ref.file)
		return -EBADF;
	ret = statfs_to_user(&ref.file->path, out);
	fd_put(ref);
	return ret;
}
