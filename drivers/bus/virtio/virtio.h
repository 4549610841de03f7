/* SPDX-License-Identifier: MIT */
/**
 * @file virtio.h  Devices of Virtio. The driver "virtio" provides the functions declared here.
 *
 * This is a draft, for the drivers in this folder: it is no part of the driver API.
 *
 * A driver declares which devices it serves, and registers a prober for the bus "virtio":
 *
 *	BANOS_SERVES("virtio:d00000004v*");	the number of the device type, 8 digits
 *
 * probe() calls, in this order, virtio_identify(), virtio_open(), virtio_queue_create() for each
 * queue, and virtio_start(). Buffers are DMA memory of the device (banos_dma_alloc()), which
 * virtio_queue_add() or virtio_queue_add_many() gives to the device; when the device has returned some, the callback is
 * called, and virtio_queue_take() takes them.
 *
 * The device stops (virtio_stop()) when its driver is removed, or has failed, before
 * the driver's memory is freed. A driver that frees DMA memory itself calls virtio_stop() before.
 *
 * The callback calls virtio_queue_add(), virtio_queue_add_many(), virtio_queue_notify() and
 * virtio_queue_take() only: the other functions may wait until it has returned.
 *
 * @p device is always the owner that probe() received. Each function returns -ENODEV if it is not a
 * device of Virtio, or was removed, and -EIO if the device has failed: it asked for a reset, or wrote
 * what contradicts the specification, which has been logged. Then it does nothing until
 * virtio_stop() and virtio_open().
 *
 * Source: Virtio 1.1, OASIS committee specification 01.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include <banos/callback.h>
#include <banos/export.h>

/** What a device is. */
struct virtio_identity {
	uint32_t size;
	uint32_t type;	   /**< 4: entropy source, 3: console... (Virtio 1.1, 5) */
	uint64_t features; /**< offered; after virtio_open() those that were accepted */
	uint32_t queues;   /**< that it has at most */
	uint32_t zero;	   /**< 0 */
};

/** For virtio_open(). */
struct virtio_config {
	uint32_t size;
	uint32_t queues;	 /**< how many it will use: numbers 0 to queues - 1 */
	uint64_t features_must;	 /**< features of the device type, without which it does not work */
	uint64_t features_might; /**< those that it uses if they are offered */
};

/** A piece of DMA memory. */
struct virtio_segment {
	uint64_t address; /**< from banos_dma_alloc() */
	uint32_t length;  /**< 1 or more: a device never returns an empty one */
	uint32_t zero;	  /**< 0 */
};
BANOS_ASSERT(sizeof(struct virtio_segment) == 16, virtio_segment);

/** A buffer that came back. */
struct virtio_completion {
	uint64_t tag; /**< as it was passed to virtio_queue_add() */
	uint32_t
		length; /**< bytes that the device wrote: never more than the segments that it writes hold */
	uint32_t zero; /**< 0 */
};
BANOS_ASSERT(sizeof(struct virtio_completion) == 16, virtio_completion);

/** A buffer for virtio_queue_add_many(). */
struct virtio_buffer {
	uint64_t tag;	   /**< comes back with the buffer */
	uint32_t segments; /**< how many it has, the next ones of the array */
	uint32_t writable; /**< how many of the last ones the device writes */
};
BANOS_ASSERT(sizeof(struct virtio_buffer) == 16, virtio_buffer);

#define VIRTIO_SEGMENTS_MAX 16u	  /**< of one buffer, unless the queue was created for more */
#define VIRTIO_SEGMENTS_TOP 1024u /**< for virtio_queue_create_wide() */
#define VIRTIO_QUEUES_MAX   128u  /**< of one device */

/**
 * To be added to the segments of virtio_queue_create_wide(): lengths of completions that are too large are cut, which
 * else mean that the device has failed. QEMU's SCSI adapter counts what it read as well.
 */
#define VIRTIO_LENGTHS_CUT (1u << 31)

/* The first argument of the callback, which runs in a thread; the second is the number of a queue. */
#define VIRTIO_EVENT_QUEUE  1u /**< the queue has returned something */
#define VIRTIO_EVENT_FAILED 2u /**< the device has failed */
#define VIRTIO_EVENT_CONFIG 3u /**< the device's configuration may have changed; the queue is 0 */

/** What the callback may return for VIRTIO_EVENT_QUEUE: it is called again soon, and others run in between. */
#define VIRTIO_AGAIN 1

BANOS_BEGIN

/**
 * @brief Identify a device.
 * Context: thread.
 * @param identity  size is read; that many bytes are written
 * @return 0, -EINVAL: size is too small, -ENODEV
 */
int64_t virtio_identify(banos_owner device, struct virtio_identity *identity);

/**
 * @brief Reset the device, agree on features, and obtain its interrupts.
 * Context: thread.
 * @param config    read
 * @param callback  called with an event and the number of a queue until virtio_stop(), several calls at
 *		    once; not while this driver holds what its caller could wait for: see virtio_check()
 * @return 0, -EBUSY: it is open, -EOPNOTSUPP: it lacks a feature or a queue, -EINVAL, -EIO, -ENODEV,
 *	   or an error of banos_irq_create()
 */
int64_t virtio_open(banos_owner device, const struct virtio_config *config,
		    banos_callback callback);

/**
 * @brief Create a queue, after virtio_open(), before virtio_start().
 * Context: thread.
 * @param queue  its number
 * @param size   the most buffers that it has to hold at once
 * @return how many it holds: a power of two, at most @p size; -ENOENT: the device lacks it, -EEXIST,
 *	   -EINVAL, -ENOMEM, -EIO, -ENODEV
 */
int64_t virtio_queue_create(banos_owner device, uint32_t queue, uint32_t size);

/**
 * @brief The same, of a queue whose buffers may have more segments than VIRTIO_SEGMENTS_MAX, where the device allows it.
 * Context: thread.
 * @param segments  of one buffer, at most: up to VIRTIO_SEGMENTS_TOP. Without the feature 28 (after
 *		    virtio_open()) a buffer has at most as many as the queue holds
 * @return as virtio_queue_create()
 */
int64_t virtio_queue_create_wide(banos_owner device, uint32_t queue, uint32_t size,
				 uint32_t segments);

/**
 * @brief Let the device begin. Buffers may be given to it before.
 * Context: thread.
 * @return 0, -EINVAL: it is not open, -EIO, -ENODEV
 */
int64_t virtio_start(banos_owner device);

/**
 * @brief Reset the device: it uses no buffer any more, and none comes back. Its queues are freed.
 * Context: thread, without locks that the callback takes: waits until that has returned.
 * @return 0, -EIO: the device did not accept it, and may still use memory, -ENODEV, -EDEADLK: called by
 *	   the callback
 */
int64_t virtio_stop(banos_owner device);

/**
 * @brief Check whether the device works, for a driver that has waited for long. If the device had
 * returned something, and its interrupt did not arrive, its interrupt line is used from then on, and
 * this function calls the callback.
 * Context: thread, without locks that the callback takes.
 * @return 0, -EINVAL: it is not open, -EIO, -ENODEV, -EDEADLK: called by the callback
 */
int64_t virtio_check(banos_owner device);

/**
 * @brief Read a number that differs after each change of the configuration: fields that belong together were read
 * as they were at one time if it is the same before and after.
 * Context: thread.
 * @return the number, 0 from a device before Virtio 1.0, -ENODEV
 */
int64_t virtio_config_generation(banos_owner device);

/**
 * @brief Read a field of the device's configuration.
 * Context: thread.
 * @param offset  of the field
 * @param bytes   its width, 1, 2 or 4: a device answers no other width
 * @return the value, -EINVAL: beyond the configuration, -ENODEV
 */
int64_t virtio_config_read(banos_owner device, uint32_t offset, uint32_t bytes);

/**
 * @brief Give a buffer to the device.
 * Context: any.
 * @param segments  @p count of them, read: first those that the device reads, then those that it writes
 * @param count     1 to VIRTIO_SEGMENTS_MAX
 * @param writable  how many of the last ones it writes
 * @param tag       comes back with the buffer
 * @return 0, -ENOSPC: the queue is full, -EINVAL: an empty segment, no such queue, or not that many segments,
 *	   -EIO, -ENODEV
 */
int64_t virtio_queue_add(banos_owner device, uint32_t queue, const struct virtio_segment *segments,
			 uint32_t count, uint32_t writable, uint64_t tag);

/**
 * @brief Give several buffers to the device, in their order, and notify it.
 * Context: any.
 * @param buffers        @p count of them, read
 * @param segments       @p segment_count of them, read: those of the first buffer, then those of the next, and so on; as for
 *			 virtio_queue_add()
 * @return how many it took: fewer than @p count where the queue is full. -EINVAL: no such queue, or the first one
 *	   cannot be given to it; -EIO, -ENODEV
 */
int64_t virtio_queue_add_many(banos_owner device, uint32_t queue,
			      const struct virtio_buffer *buffers, uint32_t count,
			      const struct virtio_segment *segments, uint32_t segment_count);

/**
 * @brief Notify the device of what was added, if it wants to be.
 * Context: any.
 * @return 0, -EINVAL: no such queue, -EIO, -ENODEV
 */
int64_t virtio_queue_notify(banos_owner device, uint32_t queue);

/**
 * @brief Take buffers that the device has returned. Call it until the result is less than @p count: only then
 * does the device interrupt for the next.
 * Context: any.
 * @param completions  @p count of them, written as far as the result says
 * @return how many, -EINVAL: no such queue, -EIO, -ENODEV
 */
int64_t virtio_queue_take(banos_owner device, uint32_t queue, struct virtio_completion *completions,
			  uint32_t count);

BANOS_END

/* What its exports and the calls of its importers state. */
#define VIRTIO_IDENTIFY_AS	    "hf"
#define VIRTIO_OPEN_AS		    "hsc(ii)"
#define VIRTIO_QUEUE_CREATE_AS	    "hii"
#define VIRTIO_QUEUE_CREATE_WIDE_AS "hiii"
#define VIRTIO_START_AS		    "h"
#define VIRTIO_STOP_AS		    "h"
#define VIRTIO_CHECK_AS		    "h"
#define VIRTIO_CONFIG_GENERATION_AS "h"
#define VIRTIO_CONFIG_READ_AS	    "hii"
#define VIRTIO_QUEUE_ADD_AS	    "hir16*$4iiq"
#define VIRTIO_QUEUE_ADD_MANY_AS    "hir16*$4ir16*$6i"
#define VIRTIO_QUEUE_NOTIFY_AS	    "hi"
#define VIRTIO_QUEUE_TAKE_AS	    "hiw16*$4i"

BANOS_IMPORT_AS(virtio_identify, VIRTIO_IDENTIFY_AS);
BANOS_IMPORT_AS(virtio_open, VIRTIO_OPEN_AS);
BANOS_IMPORT_AS(virtio_queue_create, VIRTIO_QUEUE_CREATE_AS);
BANOS_IMPORT_AS(virtio_queue_create_wide, VIRTIO_QUEUE_CREATE_WIDE_AS);
BANOS_IMPORT_AS(virtio_start, VIRTIO_START_AS);
BANOS_IMPORT_AS(virtio_stop, VIRTIO_STOP_AS);
BANOS_IMPORT_AS(virtio_check, VIRTIO_CHECK_AS);
BANOS_IMPORT_AS(virtio_config_generation, VIRTIO_CONFIG_GENERATION_AS);
BANOS_IMPORT_AS(virtio_config_read, VIRTIO_CONFIG_READ_AS);
BANOS_IMPORT_AS(virtio_queue_add, VIRTIO_QUEUE_ADD_AS);
BANOS_IMPORT_AS(virtio_queue_add_many, VIRTIO_QUEUE_ADD_MANY_AS);
BANOS_IMPORT_AS(virtio_queue_notify, VIRTIO_QUEUE_NOTIFY_AS);
BANOS_IMPORT_AS(virtio_queue_take, VIRTIO_QUEUE_TAKE_AS);

#endif
