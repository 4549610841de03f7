/* SPDX-License-Identifier: MIT */
/*
 * Disks in memory: /dev/ram0 and so on, which read as zeroes at first. Memory is allocated for what was
 * written, CHUNK_BYTES at a time, and freed with the driver.
 *
 * Several queues may reach one chunk at once. A chunk never moves and is never freed before, so that only its
 * place in the table is taken in one step.
 */
#include <banos/block.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>

#define CHUNK_BYTES 65536ull
#define QUEUES	    4u
#define DEPTH	    64u
#define SEGMENTS    256u
#define DISKS_MAX   16u
#define KIB	    1024ull
#define KIB_MAX	    (1ull << 30)
#define BATCH	    32u

static uint64_t size = 16384;
BANOS_PARAM_U64(size, 4, KIB_MAX, "size of each disk in KiB");
static uint32_t count = 1;
BANOS_PARAM_U32(count, 1, DISKS_MAX, "number of disks");
static uint32_t block = 512;
BANOS_PARAM_U32(block, 512, 4096, "bytes of a block: 512, 1024, 2048 or 4096");

struct ram_disk {
	banos_block handle;
	uint8_t **chunks; /* NULL: zeroes */
};

static banos_owner ram_driver;
static struct ram_disk ram_disks[DISKS_MAX];

/* @return NULL: no memory */
static uint8_t *ram_chunk_make(struct ram_disk *disk, uint64_t number)
{
	uint8_t *made = banos_alloc(ram_driver, CHUNK_BYTES, 0), *old = NULL;

	if (made && !__atomic_compare_exchange_n(&disk->chunks[number], &old, made, 0,
						 __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
		banos_free(ram_driver, made);
		return old;
	}
	return made;
}

static int64_t ram_read(uint8_t *chunk, uint64_t in_chunk, banos_buffer to, uint64_t at,
			uint64_t part)
{
	if (chunk)
		return banos_buffer_write_at(to, at, chunk + in_chunk, part);
	return banos_buffer_zero_at(to, at, part);
}

/* One request's bytes that lie in one chunk. @return @part, or an error */
static int64_t ram_transfer(struct ram_disk *disk, const struct banos_block_request *request,
			    uint64_t offset, uint64_t at, uint64_t part)
{
	uint64_t number = offset / CHUNK_BYTES, in_chunk = offset % CHUNK_BYTES;
	uint8_t *chunk = __atomic_load_n(&disk->chunks[number], __ATOMIC_ACQUIRE);

	switch (request->operation) {
	case BANOS_BLOCK_READ: return ram_read(chunk, in_chunk, request->buffer, at, part);
	case BANOS_BLOCK_WRITE:
		if (!chunk)
			chunk = ram_chunk_make(disk, number);
		if (!chunk)
			return -ENOSPC;
		return banos_buffer_read_at(request->buffer, at, chunk + in_chunk, part);
	case BANOS_BLOCK_DISCARD:
	case BANOS_BLOCK_WRITE_ZEROES:
		if (chunk)
			memset(chunk + in_chunk, 0, part);
		return (int64_t)part;
	default: return -EOPNOTSUPP;
	}
}

static int32_t ram_handle(struct ram_disk *disk, const struct banos_block_request *request)
{
	uint64_t offset = request->first * block, bytes = request->count * block;

	for (uint64_t done = 0; done < bytes;) {
		uint64_t part = CHUNK_BYTES - offset % CHUNK_BYTES;
		int64_t result;

		if (part > bytes - done)
			part = bytes - done;
		result = ram_transfer(disk, request, offset, done, part);
		if (result < 0)
			return (int32_t)result;
		if ((uint64_t)result < part)
			return -EIO;
		done += part;
		offset += part;
	}
	return 0;
}

static int64_t ram_submit(void *context, uint32_t queue, const struct banos_block_request *requests,
			  uint32_t nrequests, uint32_t stride)
{
	struct ram_disk *disk = context;
	struct banos_block_completion completions[BATCH];
	const uint8_t *at = (const uint8_t *)requests;
	uint32_t taken = nrequests < BATCH ? nrequests : BATCH;

	for (uint32_t i = 0; i < taken; i++, at += stride) {
		const struct banos_block_request *request = (const void *)at;

		completions[i].tag = request->tag;
		completions[i].error = ram_handle(disk, request);
	}
	banos_block_complete(disk->handle, queue, completions, taken, sizeof(completions[0]));
	return taken;
}

static const struct banos_block_ops ram_ops = { .size = sizeof(ram_ops), .submit = ram_submit };

static int64_t ram_disk_register(banos_owner self, struct ram_disk *disk)
{
	struct banos_block_config config = {
		.size = sizeof(config),
		.flags = BANOS_BLOCK_NO_DMA | BANOS_BLOCK_HAS_DISCARD |
			 BANOS_BLOCK_HAS_WRITE_ZEROES,
		.block_bytes = block,
		.blocks = size * KIB / block,
		.queues = QUEUES,
		.depth = DEPTH,
		.segments_max = SEGMENTS,
		.context = disk,
		.ops = &ram_ops,
		.name = "ram#",
		.model = "RAM disk",
	};
	uint64_t nchunks = (size * KIB + CHUNK_BYTES - 1) / CHUNK_BYTES;

	disk->chunks = banos_alloc(self, nchunks * sizeof(*disk->chunks), 0);
	if (!disk->chunks)
		return -ENOMEM;
	return banos_block_register(self, &config, &disk->handle);
}

static int64_t ram_init(banos_owner self)
{
	int64_t error = 0;

	ram_driver = self;
	for (uint32_t i = 0; i < count && !error; i++)
		error = ram_disk_register(self, &ram_disks[i]);
	return error;
}

/* The disks are gone. */
static int64_t ram_exit(banos_owner self)
{
	uint64_t nchunks = (size * KIB + CHUNK_BYTES - 1) / CHUNK_BYTES;

	for (uint32_t i = 0; i < count; i++) {
		for (uint64_t number = 0; number < nchunks; number++)
			if (ram_disks[i].chunks[number])
				banos_free(self, ram_disks[i].chunks[number]);
		banos_free(self, ram_disks[i].chunks);
	}
	return 0;
}

BANOS_DRIVER(ram, "1.0", "MIT", "Disks in memory", ram_init, ram_exit);
