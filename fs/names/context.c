// SPDX-License-Identifier: MIT
/*
 * What a process calls "/" and ".", and its umask.
 *
 * fs->lock (spin) guards root and cwd; fs->seq is odd while they change, for
 * walks that read them without the lock.
 */
#include <kernel/cred.h>
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>

struct fs_context *fs_context_create(void)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	atomic_set(&fs->refs, 1);
	fs->umask = 022;
	spin_lock(&tree_lock);
	fs->root = (struct path){ mount_root, mount_root->root };
	path_get(&fs->root);
	spin_unlock(&tree_lock);
	path_follow_mounts(&fs->root);
	fs->cwd = fs->root;
	path_get(&fs->cwd);
	return fs;
}

struct fs_context *fs_context_copy(struct fs_context *old)
{
	struct fs_context *fs = kmalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	atomic_set(&fs->refs, 1);
	spin_init(&fs->lock);
	fs->seq = 0;
	spin_lock(&old->lock);
	fs->umask = old->umask;
	fs->root = old->root;
	fs->cwd = old->cwd;
	path_get(&fs->root);
	path_get(&fs->cwd);
	spin_unlock(&old->lock);
	return fs;
}

void fs_context_put(struct fs_context *fs)
{
	if (!fs || !atomic_dec_and_test(&fs->refs))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	kfree(fs);
}

void fs_context_set(struct fs_context *fs, struct path *which, const struct path *to)
{
	struct path old;

	path_get(to);
	spin_lock(&fs->lock);
	__atomic_store_n(&fs->seq, fs->seq + 1, __ATOMIC_RELAXED);
	smp_wmb();
	old = *which;
	*which = *to;
	__atomic_store_n(&fs->seq, fs->seq + 1, __ATOMIC_RELEASE);
	spin_unlock(&fs->lock);
	path_put(&old);
}

/* ---- changing ---- */

static s64 context_enter(struct path *path, struct path *which)
{
	int err = path_permission(path, MAY_EXEC);

	if (!err)
		fs_context_set(current->fs, which, path);
	path_put(path);
	return err;
}

SYSCALL1(chdir, path)
{
	struct path target;
	int err = user_path(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &target);

	if (err)
		return err;
	return context_enter(&target, &current->fs->cwd);
}

SYSCALL1(fchdir, fd)
{
	struct fd_ref ref = fd_get_path((u32)fd);
	struct path path;
	s64 ret;

	if (!ref.file)
		return -EBADF;
	path = ref.file->path;
	path_get(&path);
	if (S_ISDIR(path.dentry->inode->mode)) {
		ret = context_enter(&path, &current->fs->cwd);
	} else {
		path_put(&path);
		ret = -ENOTDIR;
	}
	fd_put(ref);
	return ret;
}

SYSCALL1(chroot, path)
{
	struct path target;
	int err = user_path(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &target);

	if (err)
		return err;
	err = path_permission(&target, MAY_EXEC);
	if (!err && !current_capable(CAP_SYS_CHROOT))
		err = -EPERM;
	if (!err)
		return context_enter(&target, &current->fs->root);
	path_put(&target);
	return err;
}

SYSCALL1(umask, mask)
{
	return __atomic_exchange_n(&current->fs->umask, (mode_t)mask & 0777, __ATOMIC_RELAXED);
}
