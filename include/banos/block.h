/* SPDX-License-Identifier: MIT */
/**
 * @file block.h  Block devices: disks, which programs find as /dev/vda and file systems are on. A draft.
 *
 * A driver registers a disk with its size, limits and features, and gets requests, in
 * batches, for one or more queues. It completes them in any order, from any thread. What lies above
 * is the kernel's: the page cache, merging and splitting of requests, which processor uses which queue,
 * partitions, files in /dev, deadlines.
 *
 * A request is named by its queue and its tag, a number below the depth of the queue, until it is
 * completed; then another request may get that number. A number that is not out is refused and counted.
 *
 * Each request has a deadline. When it passes, timeout() is called, then reset(), and if that does not help
 * the disk is taken away. Removal takes it away as well: every request ends once, whatever the driver does.
 * Memory that a device may still access then is kept until its bus has stopped the device.
 *
 * When a driver goes, or fails, but its device is there, a disk in use waits for half a minute at most: a driver that
 * registers the same disk (of the same device, with this place, serial number, model, size and block size, which flushes
 * if that did, and knows its commands) is given what was not completed. So the places or serial numbers of the disks
 * of one device should differ.
 */
#ifndef BANOS_BLOCK_H
#define BANOS_BLOCK_H

#include <banos/buffer.h>
#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/block.h>
BANOS_DRAFT_HEADER(block);

/** Handle of a registered disk. */
typedef struct banos_block_ *banos_block;

/* Operations of requests. */
#define BANOS_BLOCK_READ  1u /**< the buffer is written */
#define BANOS_BLOCK_WRITE 2u /**< the buffer is read */
/**
 * No blocks, no buffer. When it completes, all writes that were completed before it was submitted are on
 * the medium. Only with BANOS_BLOCK_HAS_FLUSH.
 */
#define BANOS_BLOCK_FLUSH 3u
/** No buffer. What the blocks contain is not needed any more. Only with BANOS_BLOCK_HAS_DISCARD. */
#define BANOS_BLOCK_DISCARD 4u
/** No buffer. The blocks read as zeroes afterwards. Only with BANOS_BLOCK_HAS_WRITE_ZEROES. */
#define BANOS_BLOCK_WRITE_ZEROES 5u

/* Flags of requests, in which other bits may be set, too. */
/** With WRITE: it completes only when the data is on the medium. Only with BANOS_BLOCK_HAS_FUA. */
#define BANOS_BLOCK_FUA	  1u
#define BANOS_BLOCK_UNMAP 2u /**< with WRITE_ZEROES: the device may deallocate the blocks */

/** In an array, whose stride is its size: later levels add fields at its end. */
struct banos_block_request {
	uint32_t
		operation; /**< BANOS_BLOCK_READ and so on; -EOPNOTSUPP for one that the driver does not know */
	uint32_t tag; /**< less than the depth */
	uint32_t flags;
	uint32_t zero;
	uint64_t first;	     /**< logical block */
	uint64_t count;	     /**< of logical blocks, which all exist; 0 for FLUSH */
	banos_buffer buffer; /**< @p bytes long; 0 where the operation has none */
	uint64_t bytes;
};
BANOS_ASSERT(sizeof(struct banos_block_request) == 48, block_request);
BANOS_ASSERT(offsetof(struct banos_block_request, buffer) == 32, block_request_buffer);

/** In an array, too. */
struct banos_block_completion {
	uint32_t tag;
	int32_t error; /**< 0; or -4095 to -1: -EIO, -ENOSPC, -EOPNOTSUPP, -EREMOTEIO... */
};
BANOS_ASSERT(sizeof(struct banos_block_completion) == 8, block_completion);
BANOS_ASSERT(offsetof(struct banos_block_completion, error) == 4, block_completion_error);

struct banos_block_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Take requests. Called by one thread at a time for each queue, so that a queue of its own needs
	 * no lock; a thread that waits for the medium may call it, so it should be fast, but it may sleep. It may
	 * complete the requests before it returns.
	 * Requests that it does not take are submitted again after the next completion in that
	 * queue, or a moment later. The kernel ends those that an error refuses, with that error.
	 * @param requests  @p count values of @p stride bytes each, read
	 * @param stride    sizeof(struct banos_block_request), or more in later kernels
	 * @return how many it took, the first ones: 0 to @p count; or an error that refuses all. Mandatory.
	 */
	int64_t (*submit)(void *context, uint32_t queue, const struct banos_block_request *requests,
			  uint32_t count, uint32_t stride);
	/**
	 * The deadline of a request has passed. Called by a thread of the kernel.
	 * @return 0: it has been completed, or may take as long once more; else reset() is called. Default:
	 *	   -ETIMEDOUT.
	 */
	int64_t (*timeout)(void *context, uint32_t queue, uint32_t tag);
	/**
	 * Make the device forget all requests. submit() is not called meanwhile. After success
	 * the device accesses no buffer any more, and the kernel submits the requests again, each of them
	 * at most three times.
	 * @return 0; an error: the disk is taken away. Default: -EIO.
	 */
	int64_t (*reset)(void *context);
};
#define BANOS_BLOCK_OPS_SIZE_2 32u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_block_ops, reset) == BANOS_BLOCK_OPS_SIZE_2, block_ops);
BANOS_ASSERT(offsetof(struct banos_block_ops, reset) == 24, block_ops_reset);

/* Flags of a disk. */
#define BANOS_BLOCK_READ_ONLY 1u
#define BANOS_BLOCK_REMOVABLE 2u
#define BANOS_BLOCK_HAS_FLUSH \
	4u /**< a volatile cache. Without it writes are durable when completed */
#define BANOS_BLOCK_HAS_FUA	     8u
#define BANOS_BLOCK_HAS_DISCARD	     16u
#define BANOS_BLOCK_HAS_WRITE_ZEROES 32u
#define BANOS_BLOCK_ROTATES	     64u
/** The driver copies by itself (a disk in memory): banos_buffer_map() is not for it, the limits of segments are not looked at. */
#define BANOS_BLOCK_NO_DMA 128u

/** What banos_block_register() is told. A limit may be higher in later kernels. */
struct banos_block_config {
	uint32_t size;
	uint32_t flags;
	uint32_t block_bytes; /**< of a logical block: a power of two from 512 to 4096 */
	uint32_t
		physical_bytes; /**< what the medium writes at once: a power of two; 0: as block_bytes */
	uint64_t blocks;	/**< logical ones; up to 2^63 bytes. 0: no medium */
	uint32_t queues;	/**< 1 to 128; which processor uses which is the kernel's choice */
	uint32_t depth;		/**< most requests that are out in a queue: 1 to 1024 */
	uint32_t segments_max;	    /**< of a request, for banos_buffer_map(): 1 to 1024 */
	uint32_t segment_bytes_max; /**< 0: any; else 4096 or more */
	uint64_t bytes_max;	    /**< of a request: 4096 or more; 0: 1 MiB */
	uint64_t
		boundary; /**< no segment contains a multiple of it but at its start: a power of two, 4096 or more; 0: any */
	uint32_t
		segment_gap_mask; /**< 4095: each segment but the first begins, and each but the last ends, at a multiple of 4096; 0: anywhere */
	uint32_t
		address_bits; /**< of what the device can access: 24 to 64; 0: as its bus says. The lesser one counts */
	uint32_t alignment;  /**< of the address of each segment: a power of two up to 4096; 0: 4 */
	uint32_t timeout_ms; /**< until the deadline of a request; 0: 30000 */
	uint64_t discard_blocks_max;	   /**< of one request; 0: any number */
	uint64_t zero_blocks_max;	   /**< of one request; 0: any number */
	void *context;			   /**< for the methods */
	const struct banos_block_ops *ops; /**< read; its functions lie in the driver */
	/**
	 * Its name in /dev: letters and digits. A '*' is replaced by the first free letters (vd*: vda, ... vdz, vdaa),
	 * a '#' by the first free number (ram#: ram0). NUL-terminated.
	 */
	char name[32];
	char serial
		[64]; /**< text or empty, NUL-terminated; the disk is known by it when its driver was replaced */
	char model[64]; /**< the same, for people */
	/**
	 * The same: which of its device's disks it is, in the words of /dev/disk/by-path: "ata-2.0", "nvme-1",
	 * "scsi-0:0:1:0". Empty where there is only one.
	 */
	char place[32];
};
#define BANOS_BLOCK_CONFIG_SIZE_2 296u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_block_config, place) == BANOS_BLOCK_CONFIG_SIZE_2,
	     block_config);
BANOS_ASSERT(offsetof(struct banos_block_config, context) == 88, block_config_context);

BANOS_BEGIN

/**
 * @brief Register a disk.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_block_remove(), or before exit(), or remove() of its device, runs.
 * @param owner   the owner of the disk: the driver, or a device on a bus, which is the one that accesses the buffers
 * @param config  read; copied, with its table of methods
 * @param block   written: the handle
 * @return 0. From init() or probe() the disk is visible, and requests arrive, once that succeeded; else at
 *	   once: submit() may be called before this function returns.
 *	   -EINVAL: a field is wrong. -E2BIG: an unknown field is not 0. -EEXIST: the name is in use. -ENOSPC: no
 *	   number is left. -EOPNOTSUPP: an unknown bit in ops->must, or this kernel has no such class. -ENOMEM.
 *	   -ENODEV: the owner is being removed.
 */
BANOS_SINCE(2)
int64_t banos_block_register(banos_owner owner, const struct banos_block_config *config,
			     banos_block *block);

/**
 * @brief Take a disk away.
 * Since 2, provided by the kernel.
 * Context: thread. Not from submit(), timeout() or reset().
 * Requests that are out may be completed for two seconds more; then the kernel ends them. No method is called when
 * it returns. Programs that use the disk get errors.
 * @return 0, -EINVAL: no such disk, -EBUSY: a method does not return (it can be removed later)
 */
BANOS_SINCE(2) int64_t banos_block_remove(banos_block block);

/**
 * @brief Complete requests.
 * Since 2, provided by the kernel.
 * Context: any. It never calls submit() itself.
 * @param queue        as submit() received it
 * @param completions  @p count values of @p stride bytes each, read
 * @param count        up to 1024
 * @param stride       sizeof(struct banos_block_completion)
 * @return 0. -EINVAL: no such disk or queue; or a tag that was not out, or an error that is none (the others are
 *	   completed, this request with -EIO)
 */
BANOS_SINCE(2)
int64_t banos_block_complete(banos_block block, uint32_t queue,
			     const struct banos_block_completion *completions, uint32_t count,
			     uint32_t stride);

/**
 * @brief Change the size of a disk: the medium has another one, or none.
 * Since 2, provided by the kernel.
 * Context: thread.
 * @param blocks  logical ones, as at the registration. Accesses beyond it fail from now on.
 * @return 0, -EINVAL: no such disk, or too many
 */
BANOS_SINCE(2) int64_t banos_block_resize(banos_block block, uint64_t blocks);

/**
 * @brief Get the name that a disk got.
 * Since 2, provided by the kernel.
 * Context: any.
 * @param name    @p length bytes, written: a text
 * @param length  32 bytes are always enough
 * @return length of the name, -EINVAL: no such disk, or it does not fit
 */
BANOS_SINCE(2) int64_t banos_block_name(banos_block block, char *name, uint32_t length);

BANOS_END
#endif

#endif
