// SPDX-License-Identifier: MIT
/*
 * Files as the kernel sees them, and their start: caches, types, and the first
 * mount, a tmpfs that the initramfs is unpacked into.
 *
 * inode   an object of a file system; counted.
 * dentry  a name in a directory, cached; positive or negative; counted; the
 *	   parent is pinned by the child.
 * mount   a file system that is attached to a dentry.
 * path    {mount, dentry}.
 * file    an open file, counted; what a descriptor refers to.
 *
 * Locks, outermost first (the top of each file has the details):
 *   mount_mutex		changes of the tree of mounts, one at a time
 *   sb->rename_lock		renames between directories of one file system
 *   inode->lock of directories	their entries; two: ancestor first, else by address
 *   inode->lock of others	size, and writes; user memory may be touched under it
 *   file->pos_lock		outside of all inode locks: one read or write at a time of a
 *				regular file or directory; never held over a driver's method
 *   mm's space->lock		taken by page faults, so inside all of the above
 *   tree_lock (spin)		parents, names and mounts change only under it
 *   dentry->lock (spin)	the list of its children
 *   hash, LRU, pages.lock (spin) innermost
 */
#include <kernel/boot.h>
#include <kernel/fs/block_file.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/file.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/loop.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/super_block.h>
#include <kernel/fs/tmpfs.h>
#include <kernel/page.h>
#include <kernel/page_init.h>
#include <kernel/printk.h>
#include <kernel/string.h>

/* Half of the memory, as usual, but in any case enough for the files from the boot loader. */
static u64 root_pages(void)
{
	struct mem_info memory;
	u64 brought = 0;

	mem_info_get(&memory);
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		brought += PAGE_ALIGN(boot_info.modules[i].end - boot_info.modules[i].start) >>
			   PAGE_SHIFT;
	return MAX(memory.total / 2, brought + brought / 4);
}

static void mount_first(void)
{
	struct super_block *sb = NULL;
	char options[40];

	scnprintf(options, sizeof(options), "mode=755,nr_blocks=%lu", root_pages());
	sb = tmpfs_create_super(fs_type_get("tmpfs"), options, 0);
	if (!IS_ERR(sb))
		mount_root = mount_alloc(sb, sb->root, MNT_RELATIME, "rootfs");
	if (!mount_root)
		boot_stop("not enough memory for the root file system");
	super_put(sb);
	spin_lock(&tree_lock);
	list_add_tail(&mount_root->all_link, &mount_list);
	spin_unlock(&tree_lock);
}

void fs_init(void)
{
	inode_init_caches();
	dcache_init();
	file_init();
	files_init();
	pipe_init();
	if (IS_ENABLED(CONFIG_EPOLL))
		epoll_init();
	pagecache_init();
	if (IS_ENABLED(CONFIG_BLOCK)) {
		stored_init();
		block_file_init();
	}
	tmpfs_init();
	devfs_init();
	loop_init();
	procfs_init();
	sysfs_init();
	mount_first();
}
