// SPDX-License-Identifier: MIT
/*
 * mount(), umount2(), pivot_root().
 *
 * One call does six different things, chosen by flags, in Linux's order:
 * change a mount (REMOUNT), show a tree at a second place (BIND), set how mounts
 * spread, move a mount, or mount something new.
 *
 * There is one tree of mounts and nothing spreads from one mount to another: all
 * are "private", in Linux's words. So MS_PRIVATE and MS_SLAVE describe what is the
 * case, and MS_SHARED is refused.
 *
 * Everything here runs under mount_mutex, but the wait for the driver of a file system (fs_type_request()): that driver's
 * program may itself mount. What is mounted on the target is looked up again after the mutex was taken.
 */
#include <kernel/cred.h>
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/mount.h>
#include <uapi/stat.h>
#include "dcache.h"
#include "mount_tree.h"

#define BIND_MAX 1000 /* mounts that one recursive bind copies */
/* Any of these: the call mounts nothing new. */
#define MS_NOT_NEW \
	(MS_REMOUNT | MS_BIND | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE | MS_MOVE)

static u32 mount_flags(u32 ms)
{
	u32 result = 0;

	if (ms & MS_RDONLY)
		result |= MNT_RDONLY;
	if (ms & MS_NOSUID)
		result |= MNT_NOSUID;
	if (ms & MS_NODEV)
		result |= MNT_NODEV;
	if (ms & MS_NOEXEC)
		result |= MNT_NOEXEC;
	if (ms & MS_NOSYMFOLLOW)
		result |= MNT_NOSYMFOLLOW;
	if (ms & MS_NODIRATIME)
		result |= MNT_NODIRATIME;
	if (ms & MS_NOATIME)
		result |= MNT_NOATIME;
	else if (!(ms & MS_STRICTATIME))
		result |= MNT_RELATIME;
	return result;
}

static bool is_mount_root(const struct path *path)
{
	return path->dentry == path->mnt->root;
}

/* Not lazily unmounted, not the nameless files' own. */
static bool is_attached(const struct mount *mount)
{
	return mount == mount_root || mount->parent != mount;
}

/* ---- something new ---- */

/* Is this root already mounted there? */
static bool is_mounted_there(const struct path *target, const struct super_block *sb)
{
	return is_mount_root(target) && target->mnt->sb == sb && target->mnt->root == sb->root;
}

static int attach_new(struct mount *mount, struct path *target)
{
	path_follow_mounts(target);
	if (!is_attached(target->mnt))
		return -EINVAL;
	if (S_ISDIR(mount->root->inode->mode) != S_ISDIR(target->dentry->inode->mode))
		return -ENOTDIR;
	return mount_attach(mount, target);
}

static void mount_discard(struct mount *mount)
{
	spin_lock(&tree_lock);
	mount->flags |= MNT_DETACHED;
	spin_unlock(&tree_lock);
	mount_put(mount);
}

static int mount_new(const char *source, struct path *target, const char *type, u32 flags,
		     const char *options)
{
	struct fs_type *fs_type = fs_type_get(type);
	struct super_block *sb;
	struct mount *mount;
	int err;

	if (!fs_type)
		return -ENODEV;
	err = fs_type->mount(fs_type, flags, source, options, &sb);
	fs_type_put(fs_type);
	if (err)
		return err;
	mount = mount_alloc(sb, sb->root, mount_flags(flags), source);
	super_put(sb); /* the mount has its own */
	if (!mount)
		return -ENOMEM;
	path_follow_mounts(target);
	if (is_mounted_there(target, sb))
		err = -EBUSY;
	else
		err = attach_new(mount, target);
	if (err)
		mount_discard(mount);
	return err;
}

/* ---- bind ---- */

struct copied {
	struct mount *from, *to;
};

/* All mounts at and below the path, parents first. @return how many, or -errno */
static int collect_tree(const struct path *path, bool recursive, struct copied *list)
{
	struct mount *mount;
	int count = 0;

	spin_lock(&tree_lock);
	list[count++].from = path->mnt;
	for (int i = 0; recursive && i < count; i++)
		list_for_each(mount, &list[i].from->children, child_link) {
			if (!i && !dentry_is_ancestor(path->dentry, mount->mountpoint))
				continue;
			if (count == BIND_MAX) {
				count = -ENOSPC;
				break;
			}
			list[count++].from = mount;
		}
	spin_unlock(&tree_lock);
	return count;
}

static struct mount *copy_of(const struct copied *list, int count, const struct mount *from)
{
	for (int i = 0; i < count; i++)
		if (list[i].from == from)
			return list[i].to;
	return NULL;
}

/* Copy list[0] with root @p top to @p target, the others to the places they had. */
static int attach_copies(struct copied *list, int count, struct dentry *top, struct path *target)
{
	int err;

	for (int i = 0; i < count; i++) {
		struct mount *from = list[i].from;
		struct path place;

		list[i].to = mount_alloc(from->sb, i ? from->root : top,
					 from->flags & MNT_USER_FLAGS, from->source);
		if (!list[i].to)
			return -ENOMEM;
		if (!i) {
			err = attach_new(list[i].to, target);
		} else {
			place = (struct path){ copy_of(list, i, from->parent), from->mountpoint };
			err = mount_attach(list[i].to, &place);
		}
		if (err) {
			mount_discard(list[i].to);
			list[i].to = NULL;
			return err;
		}
	}
	return 0;
}

static int mount_bind(const char *source, struct path *target, bool recursive)
{
	struct copied *list;
	struct path from;
	int count, err;

	if (!source || !*source)
		return -EINVAL;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	list = kvzalloc(BIND_MAX * sizeof(*list));
	if (!list) {
		path_put(&from);
		return -ENOMEM;
	}
	err = -EINVAL;
	if (is_attached(from.mnt)) {
		count = collect_tree(&from, recursive, list);
		if (count < 0)
			err = count;
		else
			err = attach_copies(list, count, from.dentry, target);
		if (err && list[0].to)
			mount_detach_tree(list[0].to);
	}
	kvfree(list);
	path_put(&from);
	return err;
}

/* ---- changes ---- */

static int remount_mount(const struct path *target, u32 flags)
{
	struct mount *mount = target->mnt;
	u32 new = mount_flags(flags);
	int err = 0;

	if (!is_mount_root(target))
		return -EINVAL;
	/* The flags for access times are kept unless the call changes them. */
	if (!(flags & (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)))
		new = (new & ~(MNT_NOATIME | MNT_RELATIME)) |
		      (mount->flags & (MNT_NOATIME | MNT_RELATIME));
	if (new &MNT_RDONLY && !(mount->flags & MNT_RDONLY))
		err = mount_make_readonly(mount);
	if (err)
		return err;
	spin_lock(&tree_lock);
	WRITE_ONCE(mount->flags, (mount->flags & ~MNT_USER_FLAGS) | new);
	spin_unlock(&tree_lock);
	change_announce(&mount_changes);
	return 0;
}

static int remount_super(const struct path *target, u32 flags, const char *options)
{
	struct super_block *sb = target->mnt->sb;
	bool was_readonly = sb->flags & MS_RDONLY;
	int err = 0;

	if (!is_mount_root(target))
		return -EINVAL;
	if (flags & MS_RDONLY && !was_readonly)
		err = super_make_readonly(sb);
	if (!err && sb->ops->remount) {
		err = sb->ops->remount(sb, flags, options);
		if (err && !was_readonly)
			__atomic_fetch_and(&sb->flags, ~(u32)MS_RDONLY, __ATOMIC_SEQ_CST);
	}
	if (err)
		return err;
	if (!(flags & MS_RDONLY))
		__atomic_fetch_and(&sb->flags, ~(u32)MS_RDONLY, __ATOMIC_SEQ_CST);
	return remount_mount(target, flags);
}

static int set_propagation(const struct path *target, u32 flags)
{
	u32 kind = flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE);

	if (kind & (kind - 1) || flags & ~(kind | MS_REC | MS_SILENT))
		return -EINVAL;
	if (!is_mount_root(target))
		return -EINVAL;
	if (!(kind & (MS_PRIVATE | MS_SLAVE)))
		return -EINVAL;
	return 0;
}

static int move_mount(const char *source, struct path *target)
{
	struct path from;
	int err;

	if (!source || !*source)
		return -EINVAL;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	path_follow_mounts(target);
	err = -EINVAL;
	if (!is_mount_root(&from) || from.mnt == mount_root || !is_attached(from.mnt) ||
	    !is_attached(target->mnt))
		goto out_put_source;
	if (S_ISDIR(from.dentry->inode->mode) != S_ISDIR(target->dentry->inode->mode))
		goto out_put_source;
	err = -ELOOP;
	for (struct mount *mount = target->mnt;; mount = mount->parent) {
		if (mount == from.mnt)
			goto out_put_source;
		if (mount->parent == mount)
			break;
	}
	mount_move(from.mnt, target);
	err = 0;
out_put_source:
	path_put(&from);
	return err;
}

/* ---- mount() ---- */

static int do_mount(const char *source, struct path *target, const char *type, u32 flags,
		    const char *options)
{
	int err;

	if ((flags & MS_MGC_MSK) == (u32)MS_MGC_VAL)
		flags &= ~(u32)MS_MGC_MSK;
	if (type && !(flags & MS_NOT_NEW))
		fs_type_request(type);
	mutex_lock(&mount_mutex);
	if ((flags & (MS_REMOUNT | MS_BIND)) == (MS_REMOUNT | MS_BIND))
		err = remount_mount(target, flags);
	else if (flags & MS_REMOUNT)
		err = remount_super(target, flags, options);
	else if (flags & MS_BIND)
		err = mount_bind(source, target, flags & MS_REC);
	else if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
		err = set_propagation(target, flags);
	else if (flags & MS_MOVE)
		err = move_mount(source, target);
	else {
		if (type)
			err = mount_new(source, target, type, flags, options);
		else
			err = -EINVAL;
	}
	mutex_unlock(&mount_mutex);
	return err;
}

int fs_mount(const char *source, const char *target, const char *type, u32 flags,
	     const char *options)
{
	struct path path;
	int err = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, &path);

	if (err)
		return err;
	err = do_mount(source, &path, type, flags, options);
	path_put(&path);
	return err;
}

/* Up to a page of options; bytes behind a fault are left out, as in Linux. */
static char *copy_options(u64 user)
{
	char *page = kmalloc(PAGE_SIZE);
	u64 length;

	if (!page)
		return ERR_PTR(-ENOMEM);
	length = copy_from_user_partial(page, uaddr(user), PAGE_SIZE - 1);
	if (!length) {
		kfree(page);
		return ERR_PTR(-EFAULT);
	}
	page[length] = '\0';
	return page;
}

SYSCALL5(mount, source, target, type, flags, data)
{
	char *src = NULL, *kind = NULL, *options = NULL;
	struct path path = { NULL, NULL };
	s64 ret = 0;

	if (type)
		kind = strdup_from_user(uaddr(type), PATH_MAX);
	if (source && !IS_ERR(kind))
		src = strdup_from_user(uaddr(source), PATH_MAX);
	if (data && !IS_ERR(kind) && !IS_ERR(src))
		options = copy_options(data);
	if (IS_ERR(kind))
		ret = PTR_ERR(kind);
	else if (IS_ERR(src))
		ret = PTR_ERR(src);
	else if (IS_ERR(options))
		ret = PTR_ERR(options);
	if (!ret)
		ret = user_path(AT_FDCWD, target, LOOKUP_FOLLOW, &path);
	if (!ret) {
		if (!current_capable(CAP_SYS_ADMIN))
			ret = -EPERM;
		else
			ret = do_mount(src, &path, kind, (u32)flags, options);
		path_put(&path);
	}
	if (!IS_ERR(kind))
		kfree(kind);
	if (!IS_ERR(src))
		kfree(src);
	if (!IS_ERR(options))
		kfree(options);
	return ret;
}

/* ---- umount2() ---- */

static int unmount_target(const struct path *path, u32 flags)
{
	struct mount *mount = path->mnt;

	if (!is_mount_root(path) || !is_attached(mount))
		return -EINVAL;
	if (flags & MNT_EXPIRE) {
		if (mount == mount_root || flags & (MNT_FORCE | MNT_DETACH))
			return -EINVAL;
		if (!mount->expire) { /* unmounted at the next try if it is not used until then */
			mount->expire = true;
			return -EAGAIN;
		}
	}
	if (mount == mount_root) {
		/* The first mount stays; what can be done is to write all and stop writing. */
		if (flags & MNT_DETACH)
			return -EINVAL;
		if (mount->sb->flags & MS_RDONLY)
			return 0;
		return super_make_readonly(mount->sb);
	}
	if (flags & MNT_DETACH) {
		mount_detach_tree(mount);
		return 0;
	}
	return mount_detach(mount, 1);
}

SYSCALL2(umount2, target, flags)
{
	struct path path;
	s64 ret;

	if ((u32)flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	ret = user_path(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &path);
	if (ret)
		return ret;
	if (current_capable(CAP_SYS_ADMIN)) {
		mutex_lock(&mount_mutex);
		ret = unmount_target(&path, (u32)flags);
		mutex_unlock(&mount_mutex);
	} else {
		ret = -EPERM;
	}
	path_put(&path);
	return ret;
}

int fs_unmount(const char *path)
{
	struct path found;
	int err = path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &found);

	if (err)
		return err;
	mutex_lock(&mount_mutex);
	err = unmount_target(&found, MNT_DETACH);
	mutex_unlock(&mount_mutex);
	path_put(&found);
	return err;
}

/* ---- pivot_root() ---- */

/* Everyone whose root or working directory is the old root moves to the new one. */
static void move_everyone(const struct path *old, const struct path *new)
{
	struct process *p;
	pid_t from = 1;

	while ((p = process_next(from)) != NULL) {
		struct fs_context *fs = process_fs_get(p);

		from = p->pid + 1;
		if (fs) {
			if (fs->root.mnt == old->mnt && fs->root.dentry == old->dentry)
				fs_context_set(fs, &fs->root, new);
			if (fs->cwd.mnt == old->mnt && fs->cwd.dentry == old->dentry)
				fs_context_set(fs, &fs->cwd, new);
			fs_context_put(fs);
		}
		process_put(p);
	}
}

static int may_pivot(const struct path *new, const struct path *put_old)
{
	const struct path *root = &current->fs->root;
	struct path path = *put_old;

	if (new->mnt == root->mnt || put_old->mnt == root->mnt)
		return -EBUSY; /* loops */
	if (!is_mount_root(new) || !is_mount_root(root) || root->mnt != mount_root ||
	    !is_attached(new->mnt) || !is_attached(put_old->mnt))
		return -EINVAL;
	while (path.mnt != new->mnt) { /* put_old must be below the new root */
		if (path.mnt->parent == path.mnt)
			return -EINVAL;
		path.dentry = path.mnt->mountpoint;
		path.mnt = path.mnt->parent;
	}
	if (!dentry_is_ancestor(new->dentry, path.dentry))
		return -EINVAL;
	return 0;
}

SYSCALL2(pivot_root, new_root, put_old)
{
	struct path new, old, was;
	s64 ret;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = user_path(AT_FDCWD, new_root, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &new);
	if (ret)
		return ret;
	ret = user_path(AT_FDCWD, put_old, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &old);
	if (ret) {
		path_put(&new);
		return ret;
	}
	mutex_lock(&mount_mutex);
	ret = may_pivot(&new, &old);
	if (!ret) {
		was = (struct path){ mount_root, mount_root->root };
		path_get(&was);
		mount_pivot(new.mnt, &old);
		move_everyone(&was, &new);
		path_put(&was);
	}
	mutex_unlock(&mount_mutex);
	path_put(&old);
	path_put(&new);
	return ret;
}

/* ---- the boot ---- */

int fs_replace_root(const char *path)
{
	struct path new;
	struct mount *old = mount_root;
	int err = path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &new);

	if (err)
		return err;
	mutex_lock(&mount_mutex);
	if (!is_mount_root(&new) || new.mnt == old || !is_attached(new.mnt)) {
		err = -EINVAL;
	} else {
		mount_pivot(new.mnt, &new);
		mount_detach_tree(old);
	}
	mutex_unlock(&mount_mutex);
	path_put(&new);
	return err;
}
