// SPDX-License-Identifier: MIT
/*
 * Inodes: references, rights, times.
 *
 * An inode exists as long as references to it do: each of its dentries holds one,
 * and so does each thread that uses it. Dropping the last one frees its pages,
 * lets the file system free its private data (evict_inode), and frees the inode by
 * RCU, because path walks read inodes without a reference.
 *
 * mode, uid, gid and times are changed under inode->lock and read without.
 */
#include <kernel/chardev.h>
#include <kernel/cred.h>
#include <kernel/fs/block_file.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/file_cache.h>
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

#define INO_BATCH 256

/* Numbers of a file system that a CPU has taken in advance; used there with preemption off. */
static struct ino_batch {
	dev_t dev; /* no file system that was here before has that */
	u32 left;
	ino_t next;
} __aligned(64) ino_batches[CPU_MAX];

static ino_t inode_number(struct super_block *sb)
{
	struct ino_batch *batch;
	ino_t ino;

	preempt_disable();
	batch = &ino_batches[cpu_id()];
	if (unlikely(batch->dev != sb->dev || !batch->left)) {
		batch->next = atomic_add_return(&sb->next_ino, INO_BATCH) - INO_BATCH + 1;
		batch->left = INO_BATCH;
		batch->dev = sb->dev;
	}
	ino = batch->next++;
	batch->left--;
	preempt_enable();
	return ino;
}

struct inode *inode_alloc(struct super_block *sb)
{
	struct inode *inode = kmem_cache_zalloc(inode_cache);

	if (!inode)
		return NULL;
	atomic_set(&inode->refs, 1);
	inode->nlink = 1;
	inode->sb = sb;
	inode->ino = inode_number(sb);
	inode->atime_ns = inode->mtime_ns = inode->ctime_ns = inode->btime_ns = time_realtime_ns();
	mutex_init(&inode->lock);
	list_init(&inode->pages.regions);
	return inode;
}

static void free_inode(struct rcu_head *head)
{
	kmem_cache_free(inode_cache, container_of(head, struct inode, rcu));
}

void inode_put(struct inode *inode)
{
	if (!atomic_dec_and_test(&inode->refs))
		return;
	if (inode->sb->ops && inode->sb->ops->keep_inode && inode->sb->ops->keep_inode(inode))
		return;
	if (IS_ENABLED(CONFIG_BLOCK) && inode->cache) {
		if (file_cache_keep(inode))
			return;
		file_cache_end(inode);
	} else if (inode->pages.tree.root) {
		pagecache_truncate(inode, 0);
	}
	if (inode->sb->ops && inode->sb->ops->evict_inode)
		inode->sb->ops->evict_inode(inode);
	if (IS_ENABLED(CONFIG_FILE_LOCKS))
		locks_free(inode);
	call_rcu(&inode->rcu, free_inode);
}

void inode_put_later(struct inode *inode)
{
	bool was = current->ends_later;

	current->ends_later = true;
	inode_put(inode);
	current->ends_later = was;
}

/* ---- rights ---- */

bool capable_of_bypass(const struct inode *inode, int mask)
{
	if (S_ISDIR(inode->mode)) {
		if (!(mask & MAY_WRITE) && current_capable(CAP_DAC_READ_SEARCH))
			return true;
		return current_capable(CAP_DAC_OVERRIDE);
	}
	if (mask == MAY_READ && current_capable(CAP_DAC_READ_SEARCH))
		return true;
	/* Even the super user may execute only a file with an execute bit. */
	if (!(mask & MAY_EXEC) || inode->mode & S_IXUGO)
		return current_capable(CAP_DAC_OVERRIDE);
	return false;
}

static __noinline int permission_by_class(const struct inode *inode, int mask)
{
	const struct cred *cred = current_cred();
	mode_t mode = inode->mode;

	if (cred->fsuid == inode->uid)
		mode >>= 6;
	else if (cred_in_group(cred, inode->gid))
		mode >>= 3;
	if (!(mask & ~mode & 7) || capable_of_bypass(inode, mask))
		return 0;
	return -EACCES;
}

int inode_permission(struct inode *inode, int mask)
{
	mode_t everyone;

	if (unlikely(mask & MAY_WRITE && inode->sb->flags & MS_RDONLY) &&
	    (S_ISREG(inode->mode) || S_ISDIR(inode->mode) || S_ISLNK(inode->mode)))
		return -EROFS;
	if (unlikely(inode->ops && inode->ops->permission))
		return inode->ops->permission(inode, mask);
	/* If owner, group and others have the same right, the credentials do not matter. */
	everyone = inode->mode & inode->mode >> 3 & inode->mode >> 6;
	if (likely(!(mask & ~everyone & 7)))
		return 0;
	return permission_by_class(inode, mask);
}

int path_permission(const struct path *path, int mask)
{
	if (mask & MAY_WRITE && path->mnt->flags & MNT_RDONLY &&
	    (S_ISREG(path->dentry->inode->mode) || S_ISDIR(path->dentry->inode->mode) ||
	     S_ISLNK(path->dentry->inode->mode)))
		return -EROFS;
	return inode_permission(path->dentry->inode, mask);
}

bool inode_owner_or_capable(const struct inode *inode)
{
	return current_cred()->fsuid == inode->uid || current_capable(CAP_FOWNER);
}

void inode_init_owner(struct inode *inode, const struct inode *dir, mode_t mode)
{
	const struct cred *cred = current_cred();

	inode->uid = cred->fsuid;
	inode->gid = cred->fsgid;
	if (dir && dir->mode & S_ISGID) {
		inode->gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if (mode & S_ISGID && mode & S_IXGRP && !cred_in_group(cred, inode->gid) &&
			 !current_capable(CAP_FSETID))
			mode &= ~S_ISGID;
	}
	inode->mode = mode;
}

/* ---- kinds ---- */

static int open_nothing(struct inode *inode, struct file *f)
{
	return -ENXIO;
}

static const struct file_ops socket_file_ops = { .open = open_nothing };

/* A kernel without disks. */
static const struct file_ops blockdev_fops = { .open = open_nothing };

void inode_init_special(struct inode *inode, dev_t rdev)
{
	inode->rdev = 0;
	switch (inode->mode & S_IFMT) {
	case S_IFCHR:
		inode->fops = &chardev_fops;
		inode->rdev = rdev;
		break;
	case S_IFBLK:
		inode->fops = &blockdev_fops;
		if (IS_ENABLED(CONFIG_BLOCK))
			inode->fops = &block_file_fops;
		inode->rdev = rdev;
		break;
	case S_IFIFO: inode->fops = &pipe_fops; break;
	case S_IFSOCK: inode->fops = &socket_file_ops; break;
	}
}

/* ---- attributes ---- */

void inode_touch(struct inode *inode, u32 which)
{
	u64 now = time_realtime_ns();

	if (which & ATTR_ATIME)
		inode->atime_ns = now;
	if (which & ATTR_MTIME)
		inode->mtime_ns = now;
	if (which & ATTR_CTIME)
		inode->ctime_ns = now;
	if (unlikely(inode->flags & INODE_DRIVEN))
		inode->sb->ops->touched(inode, which);
}

void inode_set_mode(struct inode *inode, mode_t mode)
{
	if (inode->mode == mode)
		return;
	inode->mode = mode;
	if (inode->flags & INODE_DRIVEN)
		inode->sb->ops->touched(inode, ATTR_MODE);
}

void file_accessed(struct file *f)
{
	struct inode *inode = f->inode;
	u64 now, atime = inode->atime_ns;
	u32 flags;

	if (f->flags & O_NOATIME || !f->path.mnt)
		return;
	flags = f->path.mnt->flags;
	if (flags & MNT_NOATIME || (S_ISDIR(inode->mode) && flags & MNT_NODIRATIME) ||
	    mount_is_readonly(f->path.mnt))
		return;
	/* Usual: only once after each change, or once a day. */
	if (flags & MNT_RELATIME && atime > inode->mtime_ns && atime > inode->ctime_ns) {
		now = time_realtime_ns();
		if (now - atime < 86400 * NSEC_PER_SEC)
			return;
	} else {
		now = time_realtime_ns();
	}
	inode->atime_ns = now;
	if (unlikely(inode->flags & INODE_DRIVEN))
		inode->sb->ops->touched(inode, ATTR_ATIME);
}

int setattr_copy(struct inode *inode, const struct iattr *attr)
{
	assert_held(&inode->lock);
	if (attr->valid & ATTR_UID)
		inode->uid = attr->uid;
	if (attr->valid & ATTR_GID)
		inode->gid = attr->gid;
	if (attr->valid & ATTR_MODE) {
		mode_t mode = attr->mode & S_IALLUGO;

		if (mode & S_ISGID && !cred_in_group(current_cred(), inode->gid) &&
		    !current_capable(CAP_FSETID))
			mode &= ~S_ISGID;
		inode->mode = (inode->mode & S_IFMT) | mode;
	}
	if (attr->valid & ATTR_ATIME)
		inode->atime_ns = attr->atime_ns;
	if (attr->valid & ATTR_MTIME)
		inode->mtime_ns = attr->mtime_ns;
	if (attr->valid & ATTR_CTIME)
		inode->ctime_ns = attr->ctime_ns;
	return 0;
}

void fill_stat(const struct inode *inode, struct kstat *stat)
{
	fill_stat_plain(inode, stat);
	if (unlikely(inode->ops && inode->ops->getattr))
		inode->ops->getattr((struct inode *)inode, stat);
}

void inode_init_caches(void)
{
	inode_cache = kmem_cache_create("inode", sizeof(struct inode), 64);
	if (!inode_cache)
		boot_stop("not enough memory for the inode cache");
}
