// SPDX-License-Identifier: MIT
/*
 * The start of files: caches, types, and the first mount, a tmpfs that the
 * initramfs is unpacked into.
 */
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "gentree.h"
#include "mount.h"
#include "vfs.h"

static int no_block_device(struct inode *i, struct file *f)
{
	return -ENXIO;
}

/* No block device is registered: no driver class for them is there yet. */
const struct file_ops blockdev_fops = { .open = no_block_device };

static void mount_first(void)
{
	struct super_block *sb = NULL;
	struct mem_info m;
	char options[32];

	mem_info_get(&m);
	scnprintf(options, sizeof(options), "mode=755,nr_blocks=%lu", m.total / 2);
	sb = tmpfs_create_super(fs_type_find("tmpfs"), options, 0);
	if (!IS_ERR(sb))
		mount_root = mount_alloc(sb, sb->root, MNT_RELATIME, "rootfs");
	if (!mount_root)
		panic("no memory for the root file system");
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
	pagecache_init();
	tmpfs_init();
	devfs_init();
	procfs_init();
	sysfs_init();
	mount_first();
}
