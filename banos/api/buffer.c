// SPDX-License-Identifier: MIT
/*
 * <banos/buffer.h>: places in buffers, of requests (device/block) and of methods.
 *
 * The handle of a request's buffer is positive, the one of a method's is the address of its struct uio.
 */
#include <kernel/block_driver.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/kconfig.h>
#include <kernel/uaccess.h>
#include "caller.h"

static bool buffer_is_requests(banos_buffer buffer)
{
	return IS_ENABLED(CONFIG_BLOCK) && block_buffer_is_handle((u64)buffer);
}

static s64 buffer_mistake(const char *function)
{
	return api_mistake(function, -EINVAL,
			   "buffer is none of the caller's, or its request has ended");
}

/* ---- of a method ---- */

static s64 method_buffer_copy(const char *function, banos_buffer buffer,
			      enum uio_direction direction, u64 offset, void *memory, u64 length)
{
	const void *object = gate_object();
	struct uio uio;
	u64 done;

	if (!object || object != (const void *)buffer)
		return buffer_mistake(function);
	if (api_holds_spinlock())
		return api_mistake(function, -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	uio = *(const struct uio *)object;
	if (offset >= uio.count)
		return 0;
	uio_skip(&uio, offset);
	length = MIN(length, uio.count);
	done = uio_transfer(direction, &uio, memory, length);
	if (!done && length)
		return -EFAULT;
	return done;
}

/* ---- of a request ---- */

static s64 request_buffer_copy(const char *function, banos_buffer buffer, enum block_copy how,
			       u64 offset, void *memory, u64 length)
{
	struct block_request *request = block_buffer_get((u64)buffer, gate_owner());
	s64 done;

	if (!request)
		return buffer_mistake(function);
	if (how != BLOCK_COPY_FROM && !block_buffer_is_writable(request))
		done = api_mistake(function, -EINVAL,
				   "the buffer is that of a request that only reads it");
	else
		done = block_buffer_copy(request, how, offset, memory, length);
	block_buffer_put(request);
	return done;
}

/* ---- the API ---- */

int64_t banos_buffer_read_at(banos_buffer from, uint64_t offset, void *to, uint64_t length)
{
	if (!api_may_write(to, length))
		return MISTAKE("to, with length bytes, is not the driver's memory");
	if (buffer_is_requests(from))
		return request_buffer_copy(__func__, from, BLOCK_COPY_FROM, offset, to, length);
	return method_buffer_copy(__func__, from, UIO_IN, offset, to, length);
}
BANOS_EXPORT(banos_buffer_read_at);

int64_t banos_buffer_write_at(banos_buffer to, uint64_t offset, const void *from, uint64_t length)
{
	if (!api_may_read(from, length))
		return MISTAKE("from, with length bytes, is not the driver's memory");
	if (buffer_is_requests(to))
		return request_buffer_copy(__func__, to, BLOCK_COPY_TO, offset, (void *)from,
					   length);
	return method_buffer_copy(__func__, to, UIO_OUT, offset, (void *)from, length);
}
BANOS_EXPORT(banos_buffer_write_at);

int64_t banos_buffer_zero_at(banos_buffer to, uint64_t offset, uint64_t length)
{
	if (buffer_is_requests(to))
		return request_buffer_copy(__func__, to, BLOCK_COPY_ZERO, offset, NULL, length);
	return method_buffer_copy(__func__, to, UIO_ZERO, offset, NULL, length);
}
BANOS_EXPORT(banos_buffer_zero_at);

#define SEGMENTS_MAX 1024u
#define SEGMENTS_FEW 17u /* of 64 KiB, anywhere: looked at first */
#define STRIDE_MAX   4096u

int64_t banos_buffer_map(banos_buffer buffer, struct banos_segment *segments, uint32_t max,
			 uint32_t stride)
{
	static const char segments_mistake[] =
		"segments, max of stride bytes each, are not the driver's memory";
	struct block_request *request = NULL;
	bool all_theirs = true;
	s64 result;
	u32 few;

	if (stride < sizeof(*segments) || stride > STRIDE_MAX)
		return MISTAKE("stride is less than sizeof(struct banos_segment), or over 4096");
	max = MIN(max, SEGMENTS_MAX);
	few = MIN(max, SEGMENTS_FEW);
	if (!api_may_write(segments, (u64)few * stride))
		return MISTAKE(segments_mistake);
	if (buffer_is_requests(buffer))
		request = block_buffer_get((u64)buffer, gate_owner());
	if (!request)
		return buffer_mistake(__func__);
	result = block_buffer_map(request, segments, few, stride);
	if (result == -E2BIG && few < max) {
		all_theirs = api_may_write(segments, (u64)max * stride);
		if (all_theirs)
			result = block_buffer_map(request, segments, max, stride);
	}
	block_buffer_put(request);
	if (!all_theirs)
		return MISTAKE(segments_mistake);
	if (result == -EINVAL)
		return MISTAKE("the device of the request was registered with BANOS_BLOCK_NO_DMA");
	return result;
}
BANOS_EXPORT(banos_buffer_map);
