// SPDX-License-Identifier: MIT
/* Transfers that a thread waits for. */
#include <kernel/heap.h>
#include "internal.h"

static int transfer_wait(struct block_io *io)
{
	block_submit(io);
	return block_wait(io);
}

int block_flush(struct disk *disk)
{
	struct block_io io = { .disk = disk, .op = BLOCK_FLUSH };

	if (!disk_has_cache(disk))
		return 0;
	return transfer_wait(&io);
}

int block_transfer(struct disk *disk, enum block_op op, u32 flags, u64 offset,
		   const struct block_vec *vecs, u32 nvecs)
{
	struct block_io io = { .disk = disk,
			       .op = op,
			       .flags = flags,
			       .offset = offset,
			       .vecs = vecs,
			       .nvecs = nvecs };
	bool flush = flags & BLOCK_FUA && !disk_has_fua(disk);
	int err;

	for (u32 i = 0; i < nvecs; i++)
		io.bytes += vecs[i].length;
	if (flush)
		io.flags &= ~BLOCK_FUA;
	err = transfer_wait(&io);
	if (!err && flush)
		err = block_flush(disk);
	return err;
}

int block_discard(struct disk *disk, u64 offset, u64 bytes)
{
	struct block_io io = {
		.disk = disk, .op = BLOCK_DISCARD, .offset = offset, .bytes = bytes
	};

	return transfer_wait(&io);
}

#define ZERO_VECS 16u

/* Zeroes are written; all from one page. */
static int block_write_zeroes(struct disk *disk, u64 offset, u64 bytes)
{
	struct page *page = page_alloc(PAGE_ZERO);
	int err = 0;

	if (!page)
		return -ENOMEM;
	while (bytes && !err) {
		struct block_vec vecs[ZERO_VECS];
		u32 nvecs = 0;
		u64 done = 0;

		while (nvecs < ZERO_VECS && done < bytes) {
			u32 length = MIN(bytes - done, PAGE_SIZE);

			vecs[nvecs++] = (struct block_vec){ page, 0, length };
			done += length;
		}
		err = block_transfer(disk, BLOCK_WRITE, 0, offset, vecs, nvecs);
		offset += done;
		bytes -= done;
	}
	page_put(page);
	return err;
}

int block_zero(struct disk *disk, u64 offset, u64 bytes, bool unmap)
{
	struct block_io io = { .disk = disk,
			       .op = BLOCK_WRITE_ZEROES,
			       .flags = unmap ? BLOCK_UNMAP : 0,
			       .offset = offset,
			       .bytes = bytes };
	int err = transfer_wait(&io);

	if (err == -EOPNOTSUPP)
		err = block_write_zeroes(disk, offset, bytes);
	return err;
}
