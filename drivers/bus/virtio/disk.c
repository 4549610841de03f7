/* SPDX-License-Identifier: MIT */
/* Virtio's block device, from its configuration to its end: disk.h. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "disk.h"

static uint32_t limit_s = 15;
BANOS_PARAM_U32(limit_s, 1, 300,
		"seconds until a request is overdue; twice that, and the device is reset");

/* The device's configuration: 5.2.4. */
#define CONFIG_CAPACITY	      0 /* in sectors, 64 bits */
#define CONFIG_SIZE_MAX	      8
#define CONFIG_SEG_MAX	      12
#define CONFIG_BLOCK_SIZE     20
#define CONFIG_PHYSICAL_SHIFT 24
#define CONFIG_QUEUES	      34
#define CONFIG_DISCARD	      36
#define CONFIG_WRITE_ZEROES   48

#define SECTOR_SHIFT	9u
#define SECTORS_MAX	(UINT64_C(1) << 54) /* 2^63 bytes */
#define BLOCK_SHIFT_MAX 12u
#define RANGE_MAX	0x3fffffu /* sectors: more fails in QEMU */
#define RING_WANTED	256u
#define SEGMENT_LEAST	4096u
#define REQUEST_LEAST	3u /* descriptors of one that has data */
#define FEATURE_BIT(x)	(UINT64_C(1) << (x))
#define FEATURES                                                                                \
	(FEATURE_BIT(DISK_SIZE_MAX) | FEATURE_BIT(DISK_SEG_MAX) | FEATURE_BIT(DISK_READ_ONLY) | \
	 FEATURE_BIT(DISK_BLOCK_SIZE) | FEATURE_BIT(DISK_FLUSH) | FEATURE_BIT(DISK_TOPOLOGY) |  \
	 FEATURE_BIT(DISK_QUEUES) | FEATURE_BIT(DISK_DISCARD) | FEATURE_BIT(DISK_WRITE_ZEROES))

/* ---- configuration ---- */

/* @return the field, or @otherwise where the feature was not agreed on or the field is not there */
static uint32_t config_get(const struct disk *disk, uint32_t feature, uint32_t offset,
			   uint32_t bytes, uint32_t otherwise)
{
	int64_t value = -EINVAL;

	if (disk_has(disk, feature))
		value = virtio_config_read(disk->device, offset, bytes);
	return value < 0 ? otherwise : (uint32_t)value;
}

/* The two halves are of one time. */
static int64_t capacity_read(const struct disk *disk, uint64_t *sectors)
{
	int64_t before, after, low, high;

	for (uint32_t tries = 0; tries < 8; tries++) {
		before = virtio_config_generation(disk->device);
		low = virtio_config_read(disk->device, CONFIG_CAPACITY, 4);
		high = virtio_config_read(disk->device, CONFIG_CAPACITY + 4, 4);
		after = virtio_config_generation(disk->device);
		if (before < 0 || low < 0 || high < 0)
			return -EIO;
		*sectors = (uint64_t)low | (uint64_t)high << 32;
		if (before == after)
			break;
	}
	return *sectors > SECTORS_MAX ? -EIO : 0;
}

static uint64_t range_blocks_max(const struct disk *disk, uint32_t feature, uint32_t offset)
{
	uint32_t sectors = config_get(disk, feature, offset, 4, 0);

	if (sectors > RANGE_MAX)
		sectors = RANGE_MAX;
	return sectors >> (disk->format.block_shift - SECTOR_SHIFT);
}

static int64_t format_read_blocks(struct disk *disk)
{
	struct disk_format *format = &disk->format;
	uint32_t block_bytes = config_get(disk, DISK_BLOCK_SIZE, CONFIG_BLOCK_SIZE, 4,
					  1u << SECTOR_SHIFT),
		 physical_shift = config_get(disk, DISK_TOPOLOGY, CONFIG_PHYSICAL_SHIFT, 1, 0);
	uint64_t sectors = 0;

	format->block_shift = SECTOR_SHIFT;
	while (format->block_shift < BLOCK_SHIFT_MAX && 1u << format->block_shift < block_bytes)
		format->block_shift++;
	if (1u << format->block_shift != block_bytes || capacity_read(disk, &sectors)) {
		banos_error(
			disk->device,
			"has %lu sectors and blocks of %u bytes, expected 512, 1024, 2048 or 4096",
			sectors, block_bytes);
		return -EIO;
	}
	format->blocks = sectors >> (format->block_shift - SECTOR_SHIFT);
	format->physical_bytes = block_bytes;
	if (physical_shift <= BLOCK_SHIFT_MAX)
		format->physical_bytes <<= physical_shift;
	return 0;
}

static int64_t format_read(struct disk *disk)
{
	struct disk_format *format = &disk->format;
	int64_t error = format_read_blocks(disk);

	if (error)
		return error;
	format->segment_bytes_max = config_get(disk, DISK_SIZE_MAX, CONFIG_SIZE_MAX, 4, 0);
	if (format->segment_bytes_max && format->segment_bytes_max < SEGMENT_LEAST) {
		banos_error(disk->device, "takes segments of %u bytes, expected 4096 or more",
			    format->segment_bytes_max);
		return -EIO;
	}
	format->segments_max = config_get(disk, DISK_SEG_MAX, CONFIG_SEG_MAX, 4, 1);
	if (!format->segments_max)
		format->segments_max = 1;
	if (format->segments_max > DATA_SEGMENTS)
		format->segments_max = DATA_SEGMENTS;
	format->discard_blocks_max = range_blocks_max(disk, DISK_DISCARD, CONFIG_DISCARD);
	format->zero_blocks_max = range_blocks_max(disk, DISK_WRITE_ZEROES, CONFIG_WRITE_ZEROES);
	return 0;
}

/* ---- queues ---- */

static int64_t disk_queue_allocate(struct disk *disk, uint32_t number)
{
	struct banos_dma_config config = { .size = sizeof(config),
					   .bytes = DEPTH_MAX * sizeof(struct disk_place) };
	struct disk_queue *queue = banos_alloc(disk->device, sizeof(*queue), 0);
	void *memory;
	int64_t error;

	if (!queue)
		return -ENOMEM;
	disk->queues[number] = queue;
	queue->number = number;
	error = banos_dma_alloc(disk->device, &config, &queue->dma, &memory, &queue->address);
	if (error) {
		queue->dma = NULL;
		return error;
	}
	queue->places = memory;
	return 0;
}

/* Long requests stand in tables, where the device knows these; else a ring must have room for one. */
static int64_t disk_queue_create(struct disk *disk, uint32_t number)
{
	int64_t size = virtio_queue_create_wide(disk->device, number, RING_WANTED,
						disk->format.segments_max + EXTRA_SEGMENTS);
	uint32_t depth;

	if (size < 0)
		return size;
	if (size < REQUEST_LEAST) {
		banos_error(disk->device,
			    "queue %u has room for %ld descriptors, expected 3 or more", number,
			    size);
		return -EIO;
	}
	if (disk->format.segments_max + EXTRA_SEGMENTS > (uint64_t)size)
		disk->format.segments_max = (uint32_t)size - EXTRA_SEGMENTS;
	depth = (uint32_t)size / REQUEST_LEAST;
	if (depth < disk->depth)
		disk->depth = depth;
	return 0;
}

static int64_t disk_create_queues(struct disk *disk)
{
	int64_t error = 0;

	disk->depth = DEPTH_MAX;
	for (uint32_t i = 0; i < disk->format.queues && !error; i++) {
		if (!disk->queues[i])
			error = disk_queue_allocate(disk, i);
		if (!error)
			error = disk_queue_create(disk, i);
	}
	return error;
}

/* How many queues it has is said in its configuration, which is read before it is opened for so many. */
static uint32_t disk_count_queues(struct disk *disk, const struct virtio_identity *identity)
{
	uint32_t queues;

	disk->features = identity->features;
	queues = config_get(disk, DISK_QUEUES, CONFIG_QUEUES, 2, 1);
	if (queues > identity->queues)
		queues = identity->queues;
	if (queues > DISK_QUEUES_MAX)
		queues = DISK_QUEUES_MAX;
	return queues ? queues : 1;
}

int64_t disk_start(struct disk *disk)
{
	struct virtio_identity identity = { .size = sizeof(identity) };
	struct virtio_config config = { .size = sizeof(config), .features_might = FEATURES };
	int64_t error = virtio_identify(disk->device, &identity);

	if (error)
		return error;
	if (!disk->format.queues)
		disk->format.queues = disk_count_queues(disk, &identity);
	config.queues = disk->format.queues;
	error = virtio_open(disk->device, &config, disk->callback);
	if (!error)
		error = virtio_identify(disk->device, &identity);
	if (error)
		return error;
	disk->features = identity.features;
	if (!disk->block)
		error = format_read(disk);
	if (!error)
		error = disk_create_queues(disk);
	if (!error)
		error = virtio_start(disk->device);
	return error;
}

/* ---- called back, and its work ---- */

static int64_t disk_event(void *context, uint64_t event, uint64_t queue, uint64_t arg3,
			  uint64_t arg4, uint64_t arg5)
{
	struct disk *disk = context;

	if (!__atomic_load_n(&disk->block, __ATOMIC_ACQUIRE))
		return 0;
	if (event == VIRTIO_EVENT_QUEUE && queue < disk->format.queues)
		disk_complete(disk, (uint32_t)queue);
	else if (event == VIRTIO_EVENT_CONFIG)
		banos_work_queue(disk->resize);
	return 0;
}

static int64_t disk_resize(void *context)
{
	struct disk *disk = context;
	uint64_t sectors;

	if (capacity_read(disk, &sectors))
		return 0;
	sectors >>= disk->format.block_shift - SECTOR_SHIFT;
	if (sectors == disk->format.blocks)
		return 0;
	banos_print(disk->device, "has %lu blocks now, had %lu", sectors, disk->format.blocks);
	disk->format.blocks = sectors;
	banos_block_resize(disk->block, sectors);
	return 0;
}

/* ---- life ---- */

static uint32_t disk_flags(const struct disk *disk)
{
	uint32_t flags = 0;

	if (disk_has(disk, DISK_READ_ONLY))
		flags |= BANOS_BLOCK_READ_ONLY;
	if (disk_has(disk, DISK_FLUSH))
		flags |= BANOS_BLOCK_HAS_FLUSH;
	if (disk->format.discard_blocks_max)
		flags |= BANOS_BLOCK_HAS_DISCARD;
	if (disk->format.zero_blocks_max)
		flags |= BANOS_BLOCK_HAS_WRITE_ZEROES;
	return flags;
}

static int64_t disk_register(struct disk *disk)
{
	const struct disk_format *format = &disk->format;
	struct banos_block_config config = {
		.size = sizeof(config),
		.flags = disk_flags(disk),
		.block_bytes = 1u << format->block_shift,
		.physical_bytes = format->physical_bytes,
		.blocks = format->blocks,
		.queues = format->queues,
		.depth = disk->depth,
		.segments_max = format->segments_max,
		.segment_bytes_max = format->segment_bytes_max,
		.timeout_ms = limit_s * 1000,
		.discard_blocks_max = format->discard_blocks_max,
		.zero_blocks_max = format->zero_blocks_max,
		.context = disk,
		.ops = &disk_ops,
		.name = "vd*",
	};
	banos_block block;
	int64_t error = disk_read_serial(disk, config.serial);

	if (!error)
		error = banos_block_register(disk->device, &config, &block);
	if (error)
		return error;
	__atomic_store_n(&disk->block, block, __ATOMIC_RELEASE);
	return 0;
}

static int64_t disk_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct disk *disk = banos_alloc(device, sizeof(*disk), 0);
	struct banos_callback_config callback = {
		.size = sizeof(callback),
		.function = disk_event,
		.context = disk,
		.signature = "ii",
	};
	int64_t error;

	if (!disk)
		return -ENOMEM;
	*state = disk;
	disk->device = device;
	error = banos_work_create(device, disk_resize, disk, &disk->resize);
	if (!error)
		error = banos_callback_create(device, &callback, &disk->callback);
	if (!error)
		error = disk_start(disk);
	if (!error)
		error = disk_register(disk);
	return error;
}

/* The disk was withdrawn. What the device may still use stays, until the bus has stopped it. */
static int64_t disk_remove(void *context, banos_owner device, void *state)
{
	struct disk *disk = state;
	int64_t error = virtio_stop(device);

	for (uint32_t i = 0; i < DISK_QUEUES_MAX; i++) {
		struct disk_queue *queue = disk->queues[i];

		if (!queue)
			continue;
		if (queue->dma && error != -EIO)
			banos_dma_free(queue->dma);
		banos_free(device, queue);
	}
	banos_work_destroy(disk->resize);
	return banos_free(device, disk);
}

static const struct banos_prober_ops disk_prober = {
	.size = sizeof(disk_prober),
	.probe = disk_probe,
	.remove = disk_remove,
};

static int64_t disk_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &disk_prober,
		.bus = "virtio",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("virtio:d00000002v*");
BANOS_DRIVER(virtioblk, "1.0", "MIT", "Virtio's block device: /dev/vda", disk_init, NULL);
