/* SPDX-License-Identifier: MIT */
/**
 * @file block_driver.h  The other side of disks: who implements one, and the buffers of its requests.
 *
 * banos/api/block.c does for drivers. A device hands the requests that are out to its methods by
 * queue and tag, and to a driver with the handle of its buffer.
 *
 * A handle of a buffer is the place of the request in the map of all memory, and a generation. It
 * is believed once a seal was found there, as in banos/api/storage.h; the generation and whether the
 * request is out are in one word with the number of users, so that its pages stay while a thread copies,
 * whoever ends the request meanwhile.
 */
#pragma once
#include <kernel/block.h>
#include <kernel/driver_api.h>

struct bus_device;
struct owner;

/** Limits of a device, checked. */
struct block_limits {
	u32 block_bytes, block_shift, physical_bytes;
	u32 segments_max;
	u32 segment_bytes_max; /* ~0: any */
	u64 bytes_max;	       /* a multiple of block_bytes */
	u64 boundary;	       /* 0: any */
	u32 gap_mask;	       /* 0: none */
	u32 alignment;
	u64 address_max; /* the last byte that the device can access */
	u64 discard_bytes_max, zero_bytes_max;
};

/** Methods of a device. submit() and so on may sleep. */
struct block_methods {
	/** @return how many it took; -errno: none; as banos_block_ops.submit */
	s64 (*submit)(struct block_device *device, u32 queue,
		      const struct banos_block_request *requests, u32 count);
	s64 (*timeout)(struct block_device *device, u32 queue, u32 tag);
	s64 (*reset)(struct block_device *device);
	/** Somebody uses a disk of it: keep it. Under a lock; may not sleep. @return false: it is being removed. NULL: nothing to do */
	bool (*pin)(struct block_device *device);
	void (*unpin)(struct block_device *device);
};

struct block_device_config {
	const struct block_methods *methods;
	void *private;
	struct owner *root; /* of the driver, whose the buffers are; NULL: the kernel */
	struct bus_device *
		bus; /* whose DMA it is; NULL: none. Counted by the caller while the device exists */
	u32 flags;   /* BANOS_BLOCK_... */
	u64 blocks;
	u32 queues, depth, timeout_ms;
	struct block_limits limits;
	const char *name, *serial, *model, *place;
};

/** @brief Is it a name, or a pattern for one: letters and digits with at most one '*' or '#', which is not the first? */
bool disk_pattern_is_valid(const char *pattern, u32 size);

/** @brief A device with its name, not visible yet; with a disk that waits, where it is the same. Sleeps. @return ERR_PTR(-ENOMEM), (-EEXIST), (-ENOSPC) */
struct block_device *__must_check block_device_create(const struct block_device_config *config);
/** @brief Make it visible: requests arrive. Sleeps. @return 0 or -errno */
int __must_check block_device_publish(struct block_device *device);
/* How a device ends. */
#define BLOCK_STOP_NOW 1u /* it was unplugged, or its driver has failed: nothing more completes */
#define BLOCK_STOP_WAITS \
	2u /* it is there, only its driver goes: the disk waits for the next one, if it is in use */
/**
 * @brief No method is called afterwards, and every request has ended, or was kept. Sleeps, until @p deadline_ns.
 * @param how  BLOCK_STOP_...
 * @return 0; -EBUSY: a method does not return; to be called again
 */
int __must_check block_device_stop(struct block_device *device, u64 deadline_ns, u32 how);
/** @brief After block_device_stop(), or before it was published. A grace period later it is freed. Sleeps. */
void block_device_destroy(struct block_device *device);
void *block_device_private(const struct block_device *device);
const char *block_device_name(const struct block_device *device);
/** @brief Sleeps. @return 0, -EINVAL: too many */
int __must_check block_device_resize(struct block_device *device, u64 blocks);

/**
 * @brief Requests have been completed. Any context but a hard interrupt.
 * @return how many were refused: not out
 */
u32 block_device_complete(struct block_device *device, u32 queue, const u8 *completions, u32 count,
			  u32 stride);
/** @brief Is there such a queue? */
bool block_device_has_queue(const struct block_device *device, u32 queue);

/* ---- buffers of requests; any context ---- */

struct block_request;
/** @brief Keep a buffer of @p root's by its handle. @return NULL: none, or it has ended. Then block_buffer_put() */
struct block_request *block_buffer_get(u64 handle, const struct owner *root);
void block_buffer_put(struct block_request *request);
/** @brief Does the device write to it? */
bool block_buffer_is_writable(const struct block_request *request);
enum block_copy { BLOCK_COPY_FROM, BLOCK_COPY_TO, BLOCK_COPY_ZERO };
/** @brief Copy from or to it. @return bytes: fewer at its end */
u64 block_buffer_copy(struct block_request *request, enum block_copy how, u64 offset, void *memory,
		      u64 length);
/**
 * @brief Where the device finds it.
 * @param segments  room for @p max, of @p stride bytes each
 * @return how many; -E2BIG, -EINVAL: no DMA, -ENOMEM
 */
s64 block_buffer_map(struct block_request *request, void *segments, u32 max, u32 stride);
/** @brief Is this the handle of a request's buffer, or of a method's? */
static inline bool block_buffer_is_handle(u64 handle)
{
	return (s64)handle > 0;
}
