// SPDX-License-Identifier: MIT
/*
 * Mappings of files whose data the driver moves itself: pages of the cache, copies that are only read.
 *
 * read() and write() pass them by. They are forgotten by a write, a change of size, and an open()
 * that finds another size or time than they were made at. A mapping through which the file could be written
 * is refused, as on Linux where a network's file system has no cache.
 */
#include <kernel/err.h>
#include <kernel/fs/file.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include "driver.h"

static int copies_read(struct inode *inode, u64 first, u32 count, struct page **pages)
{
	for (u32 i = 0; i < count; i++) {
		u8 *to = page_address(pages[i]);
		struct uio uio;
		s64 got;

		uio_init_kernel(&uio, to, PAGE_SIZE);
		got = driven_transfer(inode, &uio, (first + i) << PAGE_SHIFT,
				      offsetof(struct banos_filesystem_ops, read));
		if (got < 0)
			return (int)got;
		memset(to + got, 0, PAGE_SIZE - (u64)got);
	}
	return 0;
}

void copies_init(struct inode *inode)
{
	static const struct cache_backing backing = { .read = copies_read };

	file_cache_init(inode, &driven_node(inode)->cache, &backing, NULL, 0);
}

void copies_forget(struct inode *inode)
{
	if (READ_ONCE(inode->pages.tree.count))
		(void)file_cache_invalidate(inode, 0, FILE_SIZE_MAX >> PAGE_SHIFT);
}

int copies_open(struct inode *inode, struct file *f)
{
	struct driven_node *node = driven_node(inode);

	if (READ_ONCE(node->copied_ns) != inode->mtime_ns ||
	    READ_ONCE(node->copied_size) != inode->size)
		copies_forget(inode);
	WRITE_ONCE(node->copied_ns, inode->mtime_ns);
	WRITE_ONCE(node->copied_size, inode->size);
	return file_cache_open(inode, f);
}

int copies_mmap(struct file *f, struct vm_region *region)
{
	if (region->flags & VM_SHARED && region->flags & VM_MAYWRITE)
		return -EINVAL;
	return file_cache_mmap(f, region);
}
