// SPDX-License-Identifier: MIT
/*
 * Open files: creation and release, and files without a name.
 *
 * A file holds its path (which pins inode and mount) and the credentials of its
 * opener. A regular file that is open for writing is counted in inode->writers,
 * which is negative while the file runs as a program, and in the mount, which
 * cannot become read-only meanwhile.
 *
 * Files that are in no directory (pipes, sockets, eventfd) belong to a file system
 * of their own that is mounted nowhere.
 */
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/file.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/notify.h>
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include <uapi/statfs.h>
#include "open.h"

static struct kmem_cache *file_cache;

struct file *file_alloc(void)
{
	struct file *f = kmem_cache_alloc(file_cache);

	if (!f)
		return NULL;
	atomic_set(&f->refs, 1);
	f->flags = f->mode = 0;
	f->ops = NULL;
	f->path = (struct path){ NULL, NULL };
	f->inode = NULL;
	f->pos = 0;
	mutex_init(&f->pos_lock);
	f->private = NULL;
	f->cred = cred_borrow();
	f->eventpoll = NULL;
	f->owner = NULL;
	f->cache = NULL;
	return f;
}

static void free_file(struct rcu_head *head)
{
	kmem_cache_free(file_cache, container_of(head, struct file, rcu));
}

static int writer_get(struct inode *inode)
{
	s32 count = atomic_read(&inode->writers);

	while (count >= 0)
		if (__atomic_compare_exchange_n(&inode->writers.v, &count, count + 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return 0;
	return -ETXTBSY;
}

int file_deny_write(struct file *f)
{
	struct atomic *writers = &f->inode->writers;
	s32 count = atomic_read(writers);

	while (count <= 0)
		if (__atomic_compare_exchange_n(&writers->v, &count, count - 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return 0;
	return -ETXTBSY;
}

void file_allow_write(struct file *f)
{
	atomic_inc(&f->inode->writers);
}

int write_access_begin(const struct path *path)
{
	int err = mount_write_begin(path->mnt);

	if (err)
		return err;
	err = writer_get(path->dentry->inode);
	if (err)
		mount_write_end(path->mnt);
	return err;
}

void write_access_end(const struct path *path)
{
	atomic_dec(&path->dentry->inode->writers);
	mount_write_end(path->mnt);
}

/* The last reference was dropped. */
static void file_release(struct file *f)
{
	if (IS_ENABLED(CONFIG_EPOLL) && unlikely(f->eventpoll))
		eventpoll_release(f);
	if (unlikely(f->owner))
		file_owner_release(f);
	if (unlikely(f->mode & FMODE_LOCKS))
		locks_release_file(f);
	if (notify_is_on() && f->mode & FMODE_OPENED)
		notify_file(f, f->mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (f->mode & FMODE_OPENED && f->ops->release)
		f->ops->release(f);
	if (f->mode & FMODE_WRITER)
		write_access_end(&f->path);
	if (f->path.dentry)
		path_put(&f->path);
	cred_return(f->cred);
	if (f->mode & FMODE_RCU)
		call_rcu(&f->rcu, free_file);
	else
		free_file(&f->rcu);
}

void file_put(struct file *f)
{
	/*
	 * One that threads do not share can have no other user by now: no atomic operation.
	 * A set of epoll counts files that it watches, so the list of those is looked at first.
	 */
	if (likely(!smp_load_acquire(&f->eventpoll) && atomic_read(&f->refs) == 1 &&
		   !(f->mode & FMODE_RCU)))
		atomic_set(&f->refs, 0);
	else if (!atomic_dec_and_test(&f->refs))
		return;
	file_release(f);
}

bool file_is_noexec(const struct file *f)
{
	return f->path.mnt->flags & MNT_NOEXEC;
}

/* ---- opening what a path leads to ---- */

static const struct file_ops path_only_ops; /* O_PATH: nothing but the path */

struct file *file_open_into(struct file *f, struct path *path, u32 flags)
{
	static const u8 modes[4] = { FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0 };
	struct inode *inode = path->dentry->inode;
	int err = 0;

	if (!f)
		f = file_alloc();
	if (unlikely(!f))
		return ERR_PTR(-ENOMEM);
	f->path = *path;
	*path = (struct path){ NULL, NULL };
	f->inode = inode;
	if (unlikely(flags & O_PATH)) {
		f->flags = flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW);
		f->mode = FMODE_PATH;
		f->ops = &path_only_ops;
		return f;
	}
	/* O_ASYNC must be set by fcntl(), as in Linux; F_GETFL reports that here. */
	f->flags = (flags & ~(O_CREAT | O_TRUNC | O_CLOEXEC | O_ASYNC)) | O_LARGEFILE;
	f->mode = modes[flags & O_ACCMODE];
	if (S_ISREG(inode->mode) || S_ISDIR(inode->mode))
		f->mode |= FMODE_POS_LOCK;
	if (inode->fops)
		f->ops = inode->fops;
	else
		f->ops = &path_only_ops;
	if (f->mode & FMODE_WRITE && S_ISREG(inode->mode)) {
		err = write_access_begin(&f->path);
		if (err)
			goto err_put;
		f->mode |= FMODE_WRITER;
	}
	if (f->ops->open) {
		err = f->ops->open(inode, f);
		if (err)
			goto err_put;
	}
	f->mode |= FMODE_OPENED;
	f->flags &= ~(O_NOCTTY | O_EXCL);
	return f;
err_put:
	file_put(f);
	return ERR_PTR(err);
}

/* ---- files without a name ---- */

static struct super_block *anon_sb;
static struct mount *anon_mount;

static mode_t anon_mode(const char *kind)
{
	if (!strcmp(kind, "pipe"))
		return S_IFIFO | 0600;
	if (!strcmp(kind, "socket"))
		return S_IFSOCK | 0777;
	return 0600;
}

static struct file *anon_file(const struct path *path, const struct file_ops *ops, void *private,
			      u32 flags)
{
	static const u8 modes[4] = { FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0 };
	struct file *f = file_alloc();

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->path = *path;
	path_get(path);
	f->inode = path->dentry->inode;
	f->flags = flags & ~O_CLOEXEC;
	f->mode = modes[flags & O_ACCMODE] | FMODE_STREAM | FMODE_OPENED;
	f->ops = ops;
	f->private = private;
	return f;
}

/* Through /proc/self/fd a file without a name is opened by its inode, which knows nothing of it. */
static int open_again(struct inode *inode, struct file *f)
{
	return -ENXIO;
}

static const struct file_ops anon_inode_fops = { .open = open_again };

struct file *file_create_anon(const char *kind, const struct file_ops *ops, void *private,
			      u32 flags)
{
	struct path path = { anon_mount, NULL };
	struct inode *inode = inode_alloc(anon_sb);
	struct file *f;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode_init_owner(inode, NULL, anon_mode(kind));
	inode->fops = &anon_inode_fops;
	path.dentry = dentry_alloc_root(anon_sb, kind);
	if (!path.dentry) {
		inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	dentry_set_inode(path.dentry, inode);
	f = anon_file(&path, ops, private, flags);
	dentry_put(path.dentry);
	return f;
}

struct file *file_create_anon_pair(struct file *f, const struct file_ops *ops, void *private,
				   u32 flags)
{
	return anon_file(&f->path, ops, private, flags);
}

/* ---- boot ---- */

static int anon_statfs(struct super_block *sb, struct statfs *out)
{
	out->f_type = ANON_INODE_FS_MAGIC;
	out->f_bsize = out->f_frsize = PAGE_SIZE;
	out->f_namelen = NAME_MAX;
	return 0;
}

void file_init(void)
{
	static const struct super_ops anon_ops = { .statfs = anon_statfs };
	static struct fs_type anon_type = { .name = "anon", .flags = FS_NODEV };
	struct inode *root;

	file_cache = kmem_cache_create("file", sizeof(struct file), 64);
	anon_sb = super_alloc(&anon_type, &anon_ops);
	if (!anon_sb)
		root = NULL;
	else
		root = inode_alloc(anon_sb);
	if (!file_cache || !root || super_set_root(anon_sb, root))
		boot_stop("not enough memory for open files");
	root->mode = S_IFDIR | 0500;
	anon_mount = mount_alloc(anon_sb, anon_sb->root, 0, "anon");
	if (!anon_mount)
		boot_stop("not enough memory for open files");
}
