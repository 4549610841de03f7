// SPDX-License-Identifier: MIT
/*
 * memfd_create(): files in memory without a name, and seals, which keep a file as it is.
 *
 * Such a file is a nameless one (as of O_TMPFILE) of a tmpfs that is mounted nowhere and has no limits. What
 * seals forbid is asked here, in front of the functions that all files in memory share: these know nothing of seals,
 * and other files on tmpfs pay nothing for them. Those cannot be sealed: they count as files with F_SEAL_SEAL.
 *
 * F_SEAL_WRITE excludes shared mappings that could be written to. They are counted in ->mappings; it
 * is -1 from the seal on, and then none can be made. As in Linux 6.1 a mapping for reading counts,
 * too, if it was made by a descriptor for writing: mprotect() could make it writable.
 * A device may still write to pages that were mapped, and a pipe pass them on: such pages have more references
 * than the file's own when nothing maps them; the call waits a moment for these, and fails then.
 *
 * Lock: inode->lock guards seals. Linux memfd_create(2), fcntl(2).
 */
#include <kernel/err.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/page_cache.h>
#include <kernel/fs/page_tree.h>
#include <kernel/fs/tmpfs.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/fcntl.h>
#include <uapi/statfs.h>
#include "open.h"

#define NAME_PREFIX  "/memfd:"
#define NAME_SUFFIX  " (deleted)"
#define NAME_LENGTH  (NAME_MAX - 6) /* of the caller's part: "memfd:" counts, too */
#define SEALS_WRITE  (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define SEALS_ALL    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | SEALS_WRITE)
#define PIN_WAITS    5 /* for pages that a device has, each twice as long as the one before */
#define PIN_FIRST_NS (5 * NSEC_PER_MSEC)

/* inode->private of a file of memfd_create(); freed by tmpfs. */
struct sealing {
	u32 seals;
	struct atomic mappings; /* shared, that may be written to; -1: there can be none */
};

static struct mount *memfd_mount;
static DEFINE_MUTEX(mount_lock); /* guards memfd_mount */
static struct fs_type memfd_type = { .name = "tmpfs", .flags = FS_NODEV };

static u32 seals_of(const struct inode *inode)
{
	return READ_ONCE(((const struct sealing *)inode->private)->seals);
}

/* ---- what seals forbid; under inode->lock ---- */

/* @return how many of the @count bytes at @pos may be written, or -EPERM */
static s64 memfd_may_write(struct inode *inode, u64 pos, u64 count)
{
	u64 whole = inode->size & PAGE_MASK;

	assert_held(&inode->lock);
	if (seals_of(inode) & SEALS_WRITE)
		return -EPERM;
	if (!(seals_of(inode) & F_SEAL_GROW) || pos + count <= inode->size)
		return (s64)count;
	/* A write that is cut short ends with a page, as on Linux. */
	if (pos >= whole)
		return -EPERM;
	return (s64)(whole - pos);
}

static s64 memfd_write(struct file *f, struct uio *uio, u64 *pos)
{
	return pagecache_write_checked(f, uio, pos, memfd_may_write);
}

static const struct inode_ops *tmpfs_file_ops; /* of memfd_mount's files, but for seals */

static int memfd_truncate(struct inode *inode, u64 size)
{
	assert_held(&inode->lock);
	if ((size < inode->size && seals_of(inode) & F_SEAL_SHRINK) ||
	    (size > inode->size && seals_of(inode) & F_SEAL_GROW))
		return -EPERM;
	return tmpfs_file_ops->truncate(inode, size);
}

static int memfd_fallocate(struct inode *inode, int mode, u64 offset, u64 length)
{
	bool punches = mode & FALLOC_FL_PUNCH_HOLE;

	assert_held(&inode->lock);
	if (!(mode & ~(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))) {
		if (punches && seals_of(inode) & SEALS_WRITE)
			return -EPERM;
		if (!punches && seals_of(inode) & F_SEAL_GROW && offset + length > inode->size)
			return -EPERM;
	}
	return tmpfs_file_ops->fallocate(inode, mode, offset, length);
}

static const struct inode_ops memfd_inode_ops = {
	.truncate = memfd_truncate,
	.fallocate = memfd_fallocate,
};

/* ---- mappings ---- */

static bool is_counted(const struct vm_region *region)
{
	return region->private;
}

/* Another part of a mapping that exists: so it may. */
static void memfd_region_open(struct vm_region *region)
{
	struct sealing *sealing = region->private;

	if (is_counted(region))
		atomic_inc(&sealing->mappings);
}

static void memfd_region_close(struct vm_region *region)
{
	struct sealing *sealing = region->private;

	if (is_counted(region))
		atomic_dec(&sealing->mappings);
}

static const struct vm_region_ops memfd_vm_ops = {
	.fault = pagecache_fault,
	.fault_around = pagecache_fault_around,
	.page_mkwrite = pagecache_mkwrite,
	.open = memfd_region_open,
	.close = memfd_region_close,
	.page_cache = true,
};

/* @return false: F_SEAL_WRITE */
static bool mapping_count(struct sealing *sealing)
{
	s32 count = atomic_read(&sealing->mappings);

	while (count >= 0)
		if (__atomic_compare_exchange_n(&sealing->mappings.v, &count, count + 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return true;
	return false;
}

static int memfd_mmap(struct file *f, struct vm_region *region)
{
	struct sealing *sealing = f->inode->private;
	bool shared = region->flags & VM_SHARED, future = seals_of(f->inode) & F_SEAL_FUTURE_WRITE;

	if (shared && future && region->flags & VM_WRITE)
		return -EPERM;
	if (shared && region->flags & VM_MAYWRITE) {
		if (!mapping_count(sealing))
			return -EPERM;
		region->private = sealing;
	}
	if (shared && future)
		region->flags &= ~VM_MAYWRITE;
	file_accessed(f);
	region->ops = &memfd_vm_ops;
	return 0;
}

static const struct file_ops memfd_fops = {
	.read = pagecache_read,
	.write = memfd_write,
	.mmap = memfd_mmap,
	.llseek = pagecache_llseek,
	.fsync = pagecache_fsync,
};

/* ---- sealing ---- */

/* The next page from *@index on with more references than the file's own. @return false: there is none */
static bool memfd_next_used(struct inode *inode, u64 *index)
{
	struct page *page;

	spin_lock(&inode->pages.lock);
	do {
		page = page_tree_next(&inode->pages.tree, index, PAGE_TREE_MAX);
		if (page && atomic_read(&page->refs) > 1)
			break;
		(*index)++;
	} while (page);
	spin_unlock(&inode->pages.lock);
	return page;
}

/* Does somebody but mappings use a page? These are taken away for the answer, and fault the page in again. */
static bool memfd_is_pinned(struct inode *inode)
{
	u64 index = 0;

	while (memfd_next_used(inode, &index)) {
		u64 again = index;

		vm_unmap_file_range(&inode->pages, index, index, false);
		if (memfd_next_used(inode, &again) && again == index)
			return true;
		index++;
	}
	return false;
}

/* Locking: inode->lock. @return 0: there is no shared mapping that can be written to, and will be none; -EBUSY */
static int memfd_deny_writing(struct inode *inode)
{
	struct sealing *sealing = inode->private;
	u64 pause_ns = PIN_FIRST_NS;

	assert_held(&inode->lock);
	if (atomic_cmpxchg(&sealing->mappings, 0, -1) != 0)
		return -EBUSY;
	for (u32 i = 0; memfd_is_pinned(inode); i++) {
		if (i == PIN_WAITS) {
			atomic_set(&sealing->mappings, 0);
			return -EBUSY;
		}
		sleep_until(time_monotonic_ns() + pause_ns, false);
		pause_ns *= 2;
	}
	return 0;
}

static s64 seals_add(struct file *f, u64 seals)
{
	struct inode *inode = f->inode;
	struct sealing *sealing = inode->private;
	s64 err = 0;

	if (!(f->mode & FMODE_WRITE))
		return -EPERM;
	if (seals & ~(u64)SEALS_ALL)
		return -EINVAL;
	if (inode->ops != &memfd_inode_ops)
		return -EPERM; /* on tmpfs: F_SEAL_SEAL */
	mutex_lock(&inode->lock);
	if (sealing->seals & F_SEAL_SEAL)
		err = -EPERM;
	else if (seals & F_SEAL_WRITE && !(sealing->seals & F_SEAL_WRITE))
		err = memfd_deny_writing(inode);
	if (!err)
		WRITE_ONCE(sealing->seals, sealing->seals | (u32)seals);
	mutex_unlock(&inode->lock);
	return err;
}

s64 seals_fcntl(struct file *f, u32 command, u64 arg)
{
	bool can_have = S_ISREG(f->inode->mode) && f->inode->sb->magic == TMPFS_MAGIC;

	if (command == F_ADD_SEALS && arg > (u32)~0u)
		return -EINVAL;
	if (command == F_ADD_SEALS && (can_have || !(f->mode & FMODE_WRITE)))
		return seals_add(f, arg);
	if (command == F_ADD_SEALS || !can_have)
		return -EINVAL;
	if (f->inode->ops != &memfd_inode_ops)
		return F_SEAL_SEAL;
	return seals_of(f->inode);
}

/* ---- memfd_create() ---- */

/* The mount that all such files are on. @return it, or ERR_PTR */
static struct mount *memfd_mount_get(void)
{
	struct super_block *sb;
	struct mount *mount;

	mutex_lock(&mount_lock);
	mount = memfd_mount;
	if (!mount) {
		mount = ERR_PTR(-ENOMEM);
		sb = tmpfs_create_super(&memfd_type, "nr_inodes=0", 0);
		if (!IS_ERR(sb)) {
			mount = mount_alloc(sb, sb->root, 0, "tmpfs") ?: ERR_PTR(-ENOMEM);
			super_put(sb);
		}
		if (!IS_ERR(mount))
			memfd_mount = mount;
	}
	mutex_unlock(&mount_lock);
	return mount;
}

/* A file of no bytes. @return inode or ERR_PTR */
static struct inode *memfd_inode_create(const struct mount *mount, u32 seals)
{
	struct inode *root = mount->root->inode, *inode;
	struct sealing *sealing = kzalloc(sizeof(*sealing));
	int err;

	if (!sealing)
		return ERR_PTR(-ENOMEM);
	err = root->ops->tmpfile(root, 0777, &inode);
	if (err) {
		kfree(sealing);
		return ERR_PTR(err);
	}
	sealing->seals = seals;
	inode->private = sealing;
	tmpfs_file_ops = inode->ops;
	inode->ops = &memfd_inode_ops;
	inode->fops = &memfd_fops;
	return inode;
}

static struct file *memfd_file_create(const char *name, u32 seals)
{
	struct mount *mount = memfd_mount_get();
	struct inode *inode;
	struct path path;
	struct file *f;

	if (IS_ERR(mount))
		return ERR_PTR(PTR_ERR(mount));
	inode = memfd_inode_create(mount, seals);
	if (IS_ERR(inode))
		return ERR_PTR(PTR_ERR(inode));
	path.mnt = mount;
	path.dentry = dentry_alloc_root(mount->sb, name);
	if (!path.dentry) {
		inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	dentry_set_inode(path.dentry, inode);
	mount_get(mount);
	f = file_open_path(&path, O_RDWR);
	path_put(&path);
	return f;
}

/* "/memfd:name (deleted)", to be freed, or ERR_PTR */
static char *memfd_name(u64 user)
{
	const u64 prefix = sizeof(NAME_PREFIX) - 1;
	char *name = kmalloc(prefix + NAME_LENGTH + 1 + sizeof(NAME_SUFFIX));
	s64 length;

	if (!name)
		return ERR_PTR(-ENOMEM);
	memcpy(name, NAME_PREFIX, prefix);
	length = strncpy_from_user(name + prefix, uaddr(user), NAME_LENGTH + 1);
	if (length >= 0 && length <= NAME_LENGTH) {
		memcpy(name + prefix + length, NAME_SUFFIX, sizeof(NAME_SUFFIX));
		return name;
	}
	kfree(name);
	if (length < 0 && length != -ENAMETOOLONG)
		return ERR_PTR(length);
	return ERR_PTR(-EINVAL);
}

SYSCALL2(memfd_create, user_name, flags_arg)
{
	const u32 flags = (u32)flags_arg, huge_sizes = 0xfc000000;
	u32 known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB, seals = F_SEAL_SEAL;
	struct file *f;
	char *name;
	int fd;

	if (flags & MFD_HUGETLB)
		known |= huge_sizes;
	if (flags & ~known)
		return -EINVAL;
	name = memfd_name(user_name);
	if (IS_ERR(name))
		return PTR_ERR(name);
	if (flags & MFD_ALLOW_SEALING)
		seals = 0;
	if (flags & MFD_HUGETLB)
		f = ERR_PTR(-ENODEV); /* there are no huge pages */
	else
		f = memfd_file_create(name, seals);
	kfree(name);
	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = fd_install(f, 0, flags & MFD_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}
