/* SPDX-License-Identifier: MIT */
/**
 * @file buffer.h  Buffers of requests: bytes that the kernel holds, for a driver or its device. A draft.
 *
 * A request of a class of devices (<banos/block.h>) names a buffer: memory of the kernel or of a
 * program, in pieces that the driver never sees as pointers. It is valid for the driver that received the
 * request, in any of its threads, until the driver completes the request, or the kernel ends it.
 *
 * The functions of <banos/user.h>, which consume a buffer from its beginning, are for the buffers that
 * methods receive; those here name a place, and are for both kinds. Those that write are not for
 * the buffer of a request that writes to the medium.
 */
#ifndef BANOS_BUFFER_H
#define BANOS_BUFFER_H

#include <banos/draft.h>
#include <banos/user.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/buffer.h>
BANOS_DRAFT_HEADER(buffer);

/** A piece of a buffer, as the device addresses it. */
struct banos_segment {
	uint64_t address;
	uint64_t length; /**< bytes, at least 1 */
};
BANOS_ASSERT(sizeof(struct banos_segment) == 16, segment);
BANOS_ASSERT(offsetof(struct banos_segment, length) == 8, segment_length);

BANOS_BEGIN

/**
 * @brief Copy from a place of a buffer.
 * Since 2, provided by the kernel.
 * Context: of a request's buffer: any; of a method's: that method, without a spin lock.
 * @param offset  bytes from the beginning of the buffer; of a method's: from what is left of it
 * @param to      @p length bytes, written; bytes that could not be copied are unchanged
 * @return bytes copied: fewer than @p length at the end of the buffer. -EFAULT: not even one, since the program's
 *	   memory is not accessible. -EINVAL: no buffer of the caller's, or its request has ended.
 *	   -EDEADLK: a method's, and the caller holds a spin lock.
 */
BANOS_SINCE(2)
int64_t banos_buffer_read_at(banos_buffer from, uint64_t offset, void *to, uint64_t length);

/**
 * @brief Copy to a place of a buffer.
 * Since 2, provided by the kernel.
 * Context: as for banos_buffer_read_at().
 * @param offset  as for banos_buffer_read_at()
 * @param from    @p length bytes, read
 * @return as for banos_buffer_read_at(); -EINVAL also where the request only reads its buffer
 */
BANOS_SINCE(2)
int64_t banos_buffer_write_at(banos_buffer to, uint64_t offset, const void *from, uint64_t length);

/**
 * @brief Fill a place of a buffer with zeroes.
 * Since 2, provided by the kernel.
 * Context: as for banos_buffer_read_at().
 * @param offset  as for banos_buffer_read_at()
 * @return as for banos_buffer_write_at()
 */
BANOS_SINCE(2) int64_t banos_buffer_zero_at(banos_buffer to, uint64_t offset, uint64_t length);

/**
 * @brief Find out where a device finds the buffer of a request.
 * Since 2, provided by the kernel.
 * Context: any.
 * The segments meet what was stated when the device was registered: how many there are at most, the width
 * of addresses, boundaries, alignment, gaps. Where the memory itself does not, the kernel copies through
 * memory that does. They are valid until the request is completed; the kernel undoes the mapping then,
 * and no further call is needed. To be called once for a request, or again with the same result.
 * @param segments  @p max values of @p stride bytes each, written
 * @param max       as many as the registration allows are always enough
 * @param stride    sizeof(struct banos_segment)
 * @return how many segments there are, 1 or more. -E2BIG: more than @p max. -EINVAL: no buffer of a request
 *	   of the caller's, it has ended, or its device was registered as one that has no DMA. -ENOMEM.
 */
BANOS_SINCE(2)
int64_t banos_buffer_map(banos_buffer buffer, struct banos_segment *segments, uint32_t max,
			 uint32_t stride);

BANOS_END
#endif

#endif
