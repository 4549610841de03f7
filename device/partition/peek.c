// SPDX-License-Identifier: MIT
/* Reading any bytes of a disk, past its page cache: whole blocks, by way of one page. */
#include <kernel/err.h>
#include <kernel/page.h>
#include <kernel/partition.h>
#include <kernel/string.h>

/* Pages of the disk begin at multiples of their size; the last one may be shorter. */
static int disk_read_page(struct disk *disk, struct page *page, u64 start)
{
	u64 left = disk_bytes(disk) - start;
	struct block_vec vec = { .page = page, .length = MIN(left, PAGE_SIZE) };

	return block_transfer(disk, BLOCK_READ, 0, start, &vec, 1);
}

int disk_read_bytes(struct disk *disk, u64 offset, void *to, u64 length)
{
	u64 bytes = disk_bytes(disk);
	struct page *page;
	int err = 0;

	if (offset > bytes || length > bytes - offset)
		return -EINVAL;
	page = page_alloc(0);
	if (!page)
		return -ENOMEM;
	while (length && !err) {
		u64 inside = offset % PAGE_SIZE, part = MIN(length, PAGE_SIZE - inside);

		err = disk_read_page(disk, page, offset - inside);
		if (!err)
			memcpy(to, (u8 *)page_address(page) + inside, part);
		to = (u8 *)to + part;
		offset += part;
		length -= part;
	}
	page_put(page);
	return err;
}
