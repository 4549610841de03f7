// SPDX-License-Identifier: MIT
/*
 * Inodes: life, rights, times.
 *
 * An inode lives as long as references to it: its dentries hold one each, and so
 * does who works on it. The last one drops its pages, lets the file system free
 * what it hung on (evict_inode), and frees the inode by RCU, because path walks
 * look at inodes without a reference.
 *
 * mode, uid, gid and times are changed under inode->lock and read without.
 */
#include <kernel/chardev.h>
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/page_cache.h>
#include <kernel/fs/path.h>
#include <kernel/fs/pipe.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/vm.h>
#include <uapi/dirent.h>
#include <uapi/fcntl.h>
#include <uapi/mount.h>
#include <uapi/stat.h>

static struct kmem_cache *inode_cache;
static struct atomic next_anon_dev;

dev_t fs_anon_dev(void)
{
	return MKDEV(0, atomic_add_return(&next_anon_dev, 1));
}

struct inode *inode_alloc(struct super_block *sb)
{
	struct inode *i = kmem_cache_zalloc(inode_cache);

	if (!i)
		return NULL;
	atomic_set(&i->refs, 1);
	i->nlink = 1;
	i->sb = sb;
	i->ino = atomic_add_return(&sb->next_ino, 1);
	i->atime_ns = i->mtime_ns = i->ctime_ns = i->btime_ns = time_realtime_ns();
	mutex_init(&i->lock);
	list_init(&i->pages.regions);
	return i;
}

static void free_inode(struct rcu_head *h)
{
	kmem_cache_free(inode_cache, container_of(h, struct inode, rcu));
}

void inode_put(struct inode *i)
{
	if (!atomic_dec_and_test(&i->refs))
		return;
	if (i->pages.tree.root)
		pagecache_truncate(i, 0);
	if (i->sb->ops && i->sb->ops->evict_inode)
		i->sb->ops->evict_inode(i);
	locks_free(i);
	call_rcu(&i->rcu, free_inode);
}

/* ---- rights ---- */

bool capable_of_bypass(const struct inode *i, int mask)
{
	if (S_ISDIR(i->mode)) {
		if (!(mask & MAY_WRITE) && current_capable(CAP_DAC_READ_SEARCH))
			return true;
		return current_capable(CAP_DAC_OVERRIDE);
	}
	if (mask == MAY_READ && current_capable(CAP_DAC_READ_SEARCH))
		return true;
	/* Even the super user runs only what someone may run. */
	if (!(mask & MAY_EXEC) || i->mode & S_IXUGO)
		return current_capable(CAP_DAC_OVERRIDE);
	return false;
}

static __noinline int permission_by_class(const struct inode *i, int mask)
{
	const struct cred *c = current_cred();
	mode_t mode = i->mode;

	if (c->fsuid == i->uid)
		mode >>= 6;
	else if (cred_in_group(c, i->gid))
		mode >>= 3;
	if (!(mask & ~mode & 7) || capable_of_bypass(i, mask))
		return 0;
	return -EACCES;
}

int inode_permission(struct inode *i, int mask)
{
	mode_t everyone;

	if (unlikely(mask & MAY_WRITE && i->sb->flags & MS_RDONLY) &&
	    (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)))
		return -EROFS;
	if (unlikely(i->ops && i->ops->permission))
		return i->ops->permission(i, mask);
	/* What owner, group and others may alike needs no look at who asks. */
	everyone = i->mode & i->mode >> 3 & i->mode >> 6;
	if (likely(!(mask & ~everyone & 7)))
		return 0;
	return permission_by_class(i, mask);
}

int path_permission(const struct path *p, int mask)
{
	if (mask & MAY_WRITE && p->mnt->flags & MNT_RDONLY &&
	    (S_ISREG(p->dentry->inode->mode) || S_ISDIR(p->dentry->inode->mode) ||
	     S_ISLNK(p->dentry->inode->mode)))
		return -EROFS;
	return inode_permission(p->dentry->inode, mask);
}

bool inode_owner_or_capable(const struct inode *i)
{
	return current_cred()->fsuid == i->uid || current_capable(CAP_FOWNER);
}

void inode_init_owner(struct inode *i, const struct inode *dir, mode_t mode)
{
	const struct cred *c = current_cred();

	i->uid = c->fsuid;
	i->gid = c->fsgid;
	if (dir && dir->mode & S_ISGID) {
		i->gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if (mode & S_ISGID && mode & S_IXGRP && !cred_in_group(c, i->gid) &&
			 !current_capable(CAP_FSETID))
			mode &= ~S_ISGID;
	}
	i->mode = mode;
}

/* ---- kinds ---- */

static int open_nothing(struct inode *i, struct file *f)
{
	return -ENXIO;
}

static const struct file_ops socket_file_ops = { .open = open_nothing };

void inode_init_special(struct inode *i, dev_t rdev)
{
	i->rdev = 0;
	switch (i->mode & S_IFMT) {
	case S_IFCHR:
		i->fops = &chardev_fops;
		i->rdev = rdev;
		break;
	case S_IFBLK:
		i->fops = &blockdev_fops;
		i->rdev = rdev;
		break;
	case S_IFIFO: i->fops = &pipe_fops; break;
	case S_IFSOCK: i->fops = &socket_file_ops; break;
	}
}

u32 mode_to_dtype(mode_t mode)
{
	return (mode & S_IFMT) >> 12; /* that is how DT_* were chosen */
}

/* ---- attributes ---- */

void inode_touch(struct inode *i, u32 which)
{
	u64 now = time_realtime_ns();

	if (which & ATTR_ATIME)
		i->atime_ns = now;
	if (which & ATTR_MTIME)
		i->mtime_ns = now;
	if (which & ATTR_CTIME)
		i->ctime_ns = now;
}

void file_accessed(struct file *f)
{
	struct inode *i = f->inode;
	u64 now, atime = i->atime_ns;
	u32 flags;

	if (f->flags & O_NOATIME || !f->path.mnt)
		return;
	flags = f->path.mnt->flags;
	if (flags & MNT_NOATIME || (S_ISDIR(i->mode) && flags & MNT_NODIRATIME) ||
	    mount_is_readonly(f->path.mnt))
		return;
	/* Usual: only once after each change, or once a day. */
	if (flags & MNT_RELATIME && atime > i->mtime_ns && atime > i->ctime_ns) {
		now = time_realtime_ns();
		if (now - atime < 86400 * NSEC_PER_SEC)
			return;
	} else {
		now = time_realtime_ns();
	}
	i->atime_ns = now;
}

int setattr_copy(struct inode *i, const struct iattr *a)
{
	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_MODE) {
		mode_t mode = a->mode & S_IALLUGO;

		if (mode & S_ISGID && !cred_in_group(current_cred(), i->gid) &&
		    !current_capable(CAP_FSETID))
			mode &= ~S_ISGID;
		i->mode = (i->mode & S_IFMT) | mode;
	}
	if (a->valid & ATTR_ATIME)
		i->atime_ns = a->atime_ns;
	if (a->valid & ATTR_MTIME)
		i->mtime_ns = a->mtime_ns;
	if (a->valid & ATTR_CTIME)
		i->ctime_ns = a->ctime_ns;
	return 0;
}

void fill_stat(const struct inode *i, struct kstat *st)
{
	st->dev = i->sb->dev;
	st->ino = i->ino;
	st->rdev = i->rdev;
	st->size = i->size;
	st->blocks = i->blocks;
	st->mode = i->mode;
	st->nlink = i->nlink;
	st->uid = i->uid;
	st->gid = i->gid;
	st->blksize = i->sb->blksize;
	st->atime_ns = i->atime_ns;
	st->mtime_ns = i->mtime_ns;
	st->ctime_ns = i->ctime_ns;
	st->btime_ns = i->btime_ns;
	if (unlikely(i->ops && i->ops->getattr))
		i->ops->getattr((struct inode *)i, st);
}

void inode_init_caches(void)
{
	inode_cache = kmem_cache_create("inode", sizeof(struct inode), 16);
	if (!inode_cache)
		boot_stop("not enough memory for the inode cache");
}
