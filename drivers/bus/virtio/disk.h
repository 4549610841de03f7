/* SPDX-License-Identifier: MIT */
/**
 * @file disk.h  Virtio's block device: /dev/vda and so on.
 *
 * Each queue of the class is one of the device. A request has a place by its tag in the queue's DMA memory, with
 * what the device reads before the data and writes behind it; the data are where the kernel says. Requests are handed to the
 * device by the batch, and completed by the batch, in the thread of the queue's interrupt. There is no lock here:
 * a queue is submitted to by one thread at a time, and completions touch places of requests that are out.
 *
 * The device is reset when a request is overdue: a device of Virtio that was reset accesses no memory any more. A change
 * of the size is read in a thread of its own (work), since the callback must not wait.
 *
 * Source: Virtio 1.1, 5.2.
 */
#ifndef VIRTIO_DISK_H
#define VIRTIO_DISK_H

#include <banos/block.h>
#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/dma.h>
#include <banos/work.h>
#include "virtio.h"

#define DISK_QUEUES_MAX 16u
#define DEPTH_MAX	64u  /* requests of a queue */
#define DATA_SEGMENTS	128u /* of a request, at most */
#define BATCH		32u  /* requests that are given to the device at once */
#define BATCH_SEGMENTS	(2 * BATCH + 2 * DATA_SEGMENTS)
#define EXTRA_SEGMENTS	2u /* of each request: what comes before the data, and behind them */

/** What the device reads and writes beside the data: 5.2.6, little endian. */
struct disk_place {
	uint32_t type, reserved;
	uint64_t sector;
	/* of discard and write zeroes; elsewhere the device's answer to GET_ID begins here */
	uint64_t range_sector;
	uint32_t range_sectors, range_flags;
	uint8_t space[24];
	uint8_t status;
	uint8_t padding[7];
};
BANOS_ASSERT(sizeof(struct disk_place) == 64, disk_place);

struct disk_queue {
	uint32_t number, depth;
	banos_dma dma;		   /* NULL: none */
	struct disk_place *places; /* by tag */
	uint64_t address;
	/* the batch that is being made */
	uint32_t count, segment_count;
	struct virtio_buffer buffers[BATCH];
	struct virtio_segment segments[BATCH_SEGMENTS];
};

/** What the device's configuration says, checked. */
struct disk_format {
	uint32_t block_shift; /* of logical blocks */
	uint32_t physical_bytes, segments_max, segment_bytes_max, queues;
	uint64_t discard_blocks_max, zero_blocks_max;
	uint64_t blocks;
};

struct disk {
	banos_owner device;
	banos_callback callback;
	banos_work resize;
	banos_block block; /* atomic; NULL: not registered yet */
	uint64_t features; /* accepted */
	struct disk_format format;
	uint32_t depth;
	struct disk_queue *queues[DISK_QUEUES_MAX];
};

/* Numbers of features: 5.2.3. */
#define DISK_SIZE_MAX	  1
#define DISK_SEG_MAX	  2
#define DISK_READ_ONLY	  5
#define DISK_BLOCK_SIZE	  6
#define DISK_FLUSH	  9
#define DISK_TOPOLOGY	  10
#define DISK_QUEUES	  12
#define DISK_DISCARD	  13
#define DISK_WRITE_ZEROES 14

static inline int disk_has(const struct disk *disk, uint32_t feature)
{
	return disk->features >> feature & 1;
}

/* disk_request.c */

/** The methods of the class; their context is the disk. */
extern const struct banos_block_ops disk_ops;
/** The queue has returned something. */
void disk_complete(struct disk *disk, uint32_t queue);
/**
 * @brief Ask the device for its serial number, while it has no other request.
 * @param text  written, with a NUL: at least 21 bytes
 * @return 0; -EIO: it does not answer; -ENODEV
 */
int64_t disk_read_serial(struct disk *disk, char *text);

/* disk.c */

/** Begin: agree with the device, give it its queues, let it run. @return 0 or -errno */
int64_t disk_start(struct disk *disk);

#endif
