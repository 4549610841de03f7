// SPDX-License-Identifier: MIT
/*
 * <banos/user.h>: memory of the program that called.
 *
 * A banos_buffer is the struct uio of the transfer; it is good while the gate's
 * record of this thread's innermost call names it. A banos_call: call.h.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/uaccess.h>
#include "call.h"
#include "caller.h"

static struct uio *buffer_uio(banos_buffer buffer)
{
	const void *object = gate_object();

	if (object && object == (const void *)buffer)
		return (struct uio *)object;
	return NULL;
}

/* None of @wanted bytes went over: at the end that is no error. */
static s64 buffer_transferred(u64 done, u64 wanted)
{
	if (done || !wanted)
		return done;
	return -EFAULT;
}

#define BUFFER_MISTAKE(argument) MISTAKE(argument " is not the buffer of this call")

int64_t banos_buffer_write(banos_buffer to, const void *from, uint64_t length)
{
	struct uio *uio = buffer_uio(to);

	if (!uio)
		return BUFFER_MISTAKE("to");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	length = MIN(length, uio->count);
	if (!api_may_read(from, length))
		return MISTAKE("from, with length bytes, is not the driver's memory");
	return buffer_transferred(uio_transfer(UIO_OUT, uio, (void *)from, length), length);
}
BANOS_EXPORT(banos_buffer_write);

int64_t banos_buffer_zero(banos_buffer to, uint64_t length)
{
	struct uio *uio = buffer_uio(to);

	if (!uio)
		return BUFFER_MISTAKE("to");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	length = MIN(length, uio->count);
	return buffer_transferred(uio_transfer(UIO_ZERO, uio, NULL, length), length);
}
BANOS_EXPORT(banos_buffer_zero);

int64_t banos_buffer_read(banos_buffer from, void *to, uint64_t length)
{
	struct uio *uio = buffer_uio(from);

	if (!uio)
		return BUFFER_MISTAKE("from");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	length = MIN(length, uio->count);
	if (!api_may_write(to, length))
		return MISTAKE("to, with length bytes, is not the driver's memory");
	return buffer_transferred(uio_transfer(UIO_IN, uio, to, length), length);
}
BANOS_EXPORT(banos_buffer_read);

int64_t banos_buffer_left(banos_buffer buffer)
{
	struct uio *uio = buffer_uio(buffer);

	if (uio)
		return (s64)uio->count;
	return BUFFER_MISTAKE("buffer");
}
BANOS_EXPORT(banos_buffer_left);

int64_t banos_user_read(banos_call call, void *to, uint64_t from, uint64_t length)
{
	if (!program_call_find(__func__, call))
		return -EINVAL;
	if (!api_may_write(to, length))
		return MISTAKE("to, with length bytes, is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (!current->space || copy_from_user(to, uaddr(from), length))
		return -EFAULT;
	return 0;
}
BANOS_EXPORT(banos_user_read);

int64_t banos_user_write(banos_call call, uint64_t to, const void *from, uint64_t length)
{
	if (!program_call_find(__func__, call))
		return -EINVAL;
	if (!api_may_read(from, length))
		return MISTAKE("from, with length bytes, is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (!current->space || copy_to_user(uaddr(to), from, length))
		return -EFAULT;
	return 0;
}
BANOS_EXPORT(banos_user_write);
