// SPDX-License-Identifier: MIT
/* Reading any bytes of a disk, through the cache of its file: what a program wrote to /dev/vda is seen, on the disk or not. */
#include <kernel/err.h>
#include <kernel/fs/block_file.h>
#include <kernel/fs/file_cache.h>
#include <kernel/page.h>
#include <kernel/partition.h>
#include <kernel/string.h>

static int disk_read_cached(struct inode *inode, u64 offset, u8 *to, u64 length)
{
	while (length) {
		u64 inside = offset % PAGE_SIZE, part = MIN(length, PAGE_SIZE - inside);
		struct page *page = file_cache_page(inode, offset >> PAGE_SHIFT);

		if (IS_ERR(page))
			return (int)PTR_ERR(page);
		memcpy(to, (u8 *)page_address(page) + inside, part);
		page_put(page);
		to += part;
		offset += part;
		length -= part;
	}
	return 0;
}

int disk_read_bytes(struct disk *disk, u64 offset, void *to, u64 length)
{
	u64 bytes = disk_bytes(disk);
	struct inode *inode;
	int err;

	if (offset > bytes || length > bytes - offset)
		return -EINVAL;
	inode = block_inode_get(disk);
	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	err = disk_read_cached(inode, offset, to, length);
	block_inode_put(inode);
	if (err == -EFBIG) /* it became smaller */
		err = -EIO;
	return err;
}
