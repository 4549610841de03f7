// SPDX-License-Identifier: MIT
/*
 * The start of files: caches, types, and the first mount, a tmpfs that the
 * initramfs is unpacked into.
 */
#include <kernel/boot.h>
#include <kernel/fs/generated.h>
#include <kernel/fs/mount_tree.h>
#include <kernel/fs/vfs.h>
#include <kernel/page.h>
#include <kernel/page_init.h>
#include <kernel/printk.h>
#include <kernel/string.h>

static int no_block_device(struct inode *i, struct file *f)
{
	return -ENXIO;
}

/* No block device is registered: no driver class for them is there yet. */
const struct file_ops blockdev_fops = { .open = no_block_device };

/* Half of the memory, as is the custom, but room for what the loader brought in any case. */
static u64 root_pages(void)
{
	struct mem_info m;
	u64 brought = 0;

	mem_info_get(&m);
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		brought += PAGE_ALIGN(boot_info.modules[i].end - boot_info.modules[i].start) >>
			   PAGE_SHIFT;
	return MAX(m.total / 2, brought + brought / 4);
}

static void mount_first(void)
{
	struct super_block *sb = NULL;
	char options[40];

	scnprintf(options, sizeof(options), "mode=755,nr_blocks=%lu", root_pages());
	sb = tmpfs_create_super(fs_type_find("tmpfs"), options, 0);
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
	epoll_init();
	pagecache_init();
	tmpfs_init();
	devfs_init();
	procfs_init();
	sysfs_init();
	mount_first();
}
