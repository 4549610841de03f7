/* SPDX-License-Identifier: MIT */
/*
 * A disk whose driver lies: it completes twice, what is not out, in the wrong queue, with errors that are none, never,
 * after it took the disk away; it uses buffers that are not its own any more.
 */
#include <banos/block.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>

enum { HONEST, TWICE, WRONG_TAG, WRONG_QUEUE, WRONG_ERROR, NEVER, TAKES_MORE, LATER, LIES };

static uint32_t lie;
BANOS_PARAM_U32(lie, 0, LIES - 1, "what it does");

static banos_block disk;
static banos_buffer last; /* of a request that has ended */
static uint64_t wrong;	  /* lies that were believed */

static void expect(int64_t result, int64_t expected)
{
	wrong += result != expected;
}

static void complete(uint32_t queue, uint32_t tag, int32_t error, int64_t expected)
{
	struct banos_block_completion completion = { tag, error };

	expect(banos_block_complete(disk, queue, &completion, 1, sizeof(completion)), expected);
}

static void use_buffers(const struct banos_block_request *request)
{
	struct banos_segment segment;
	uint8_t byte = 0;

	if (last)
		expect(banos_buffer_read_at(last, 0, &byte, 1), -EINVAL);
	if (request->operation == BANOS_BLOCK_WRITE)
		expect(banos_buffer_write_at(request->buffer, 0, &byte, 1), -EINVAL);
	expect(banos_buffer_read_at(request->buffer, request->bytes, &byte, 1), 0);
	expect(banos_buffer_read_at(request->buffer, ~0ull, &byte, 1), 0);
	expect(banos_buffer_map(request->buffer, &segment, 1, sizeof(segment)), -EINVAL);
	expect(banos_buffer_read_at((banos_buffer)((uint64_t)request->buffer ^ 128), 0, &byte, 1),
	       -EINVAL);
	last = request->buffer;
}

static void handle(uint32_t queue, const struct banos_block_request *request)
{
	uint32_t tag = request->tag;

	if (request->operation == BANOS_BLOCK_READ)
		expect(banos_buffer_zero_at(request->buffer, 0, request->bytes),
		       (int64_t)request->bytes);
	use_buffers(request);
	switch (lie) {
	case WRONG_TAG: complete(queue, tag + 1000, 0, -EINVAL); break;
	case WRONG_QUEUE: complete(queue + 7, tag, 0, -EINVAL); break;
	case WRONG_ERROR: complete(queue, tag, 5, -EINVAL); return;
	case NEVER:
	case LATER: return;
	default: break;
	}
	complete(queue, tag, 0, 0);
	if (lie == TWICE)
		complete(queue, tag, -EIO, -EINVAL);
}

static int64_t liar_submit(void *context, uint32_t queue,
			   const struct banos_block_request *requests, uint32_t count,
			   uint32_t stride)
{
	const uint8_t *at = (const uint8_t *)requests;

	for (uint32_t i = 0; i < count; i++, at += stride)
		handle(queue, (const void *)at);
	return lie == TAKES_MORE ? count + 1 : count;
}

static const struct banos_block_ops ops = { .size = sizeof(ops), .submit = liar_submit };

static int64_t liar_init(banos_owner self)
{
	struct banos_block_config config = {
		.size = sizeof(config),
		.flags = BANOS_BLOCK_NO_DMA,
		.block_bytes = 512,
		.blocks = 2048,
		.queues = 2,
		.depth = 4,
		.segments_max = 16,
		.timeout_ms = 100,
		.ops = &ops,
		.name = "liar#",
	};
	banos_block none; /* undefined after an error */
	char name[32];
	int64_t error = banos_block_register(self, &config, &disk);

	if (error)
		return error;
	expect(banos_block_name(disk, name, sizeof(name)), 5);
	expect(banos_block_resize(disk, 1ull << 60), -EINVAL);
	config.name[0] = '*';
	expect(banos_block_register(self, &config, &none), -EINVAL);
	return 0;
}

static int64_t liar_exit(banos_owner self)
{
	complete(0, 0, 0, -EINVAL); /* after removal */
	if (wrong)
		banos_print(self, "lies were believed");
	return 0;
}

BANOS_DRIVER(liar, "1", "MIT", "A disk that lies", liar_init, liar_exit);
