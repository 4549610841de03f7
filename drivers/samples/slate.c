/* SPDX-License-Identifier: MIT */
/* A block device: /dev/slate0 is a disk of 64 KiB of memory. Compile it with -DBANOS_DRAFT. */
#include <banos/block.h>
#include <banos/driver.h>
#include <banos/errno.h>

#define BLOCK 512u

static uint8_t memory[65536];
static banos_block disk;

static int32_t slate_handle(const struct banos_block_request *request)
{
	uint8_t *at = memory + request->first * BLOCK; /* the kernel has checked the range */

	switch (request->operation) {
	case BANOS_BLOCK_READ:
		banos_buffer_write_at(request->buffer, 0, at, request->bytes);
		return 0;
	case BANOS_BLOCK_WRITE:
		banos_buffer_read_at(request->buffer, 0, at, request->bytes);
		return 0;
	default: return -EOPNOTSUPP;
	}
}

/* One after the other, as they lie in the array: a later kernel may make them longer. */
static int64_t slate_submit(void *context, uint32_t queue,
			    const struct banos_block_request *requests, uint32_t count,
			    uint32_t stride)
{
	const uint8_t *at = (const uint8_t *)requests;

	for (uint32_t i = 0; i < count; i++, at += stride) {
		const struct banos_block_request *request = (const void *)at;
		struct banos_block_completion completion = { request->tag, slate_handle(request) };

		banos_block_complete(disk, queue, &completion, 1, sizeof(completion));
	}
	return count;
}

static const struct banos_block_ops slate_ops = { .size = sizeof(slate_ops),
						  .submit = slate_submit };

static int64_t slate_init(banos_owner self)
{
	struct banos_block_config config = { .size = sizeof(config), .name = "slate#" };

	config.flags = BANOS_BLOCK_NO_DMA;
	config.block_bytes = BLOCK;
	config.blocks = sizeof(memory) / BLOCK;
	config.queues = 1;
	config.depth = 16;
	config.segments_max = 16;
	config.ops = &slate_ops;
	return banos_block_register(self, &config, &disk);
}

BANOS_DRIVER(slate, "1.0", "MIT", "A disk in memory", slate_init, NULL);
