/* SPDX-License-Identifier: MIT */
/**
 * @file user.h  The calling program, and access to its memory.
 *
 * A method that transfers data receives a banos_buffer: areas of the program's
 * memory, of a known total length, of which each call here consumes the
 * next bytes. It is valid in the thread of that method until the method returns. A method that
 * was called while the other one runs has a buffer of its own, and cannot use the outer one.
 *
 * A method that a program's system call leads to, and that does more than transfer,
 * receives a banos_call, which stands for that program. It is valid in the thread of
 * that method until the method returns, and for the driver of that method only. A call
 * that was kept, or passed to another thread, to a timer or work, or to another driver,
 * leads to -EINVAL.
 */
#ifndef BANOS_USER_H
#define BANOS_USER_H

#include <banos/base.h>

/** A transfer in progress; valid for the length of a method. */
typedef struct banos_buffer_ *banos_buffer;
/** The calling program; valid for the length of a method. */
typedef struct banos_call_ *banos_call;

BANOS_BEGIN

/**
 * @brief Copy the next bytes to the program.
 * Since 1, provided by the kernel.
 * Context: the method that received @p to, without a spin lock.
 * @param from    @p length bytes, read
 * @param length  bytes that exceed the buffer are not copied
 * @return bytes copied: fewer than requested at the end of the buffer, or where the
 *	   program's memory is not accessible. -EFAULT: not even one, for that reason.
 *	   -EINVAL: not a buffer of this call. -EDEADLK: the caller holds a spin lock.
 */
BANOS_SINCE(1) int64_t banos_buffer_write(banos_buffer to, const void *from, uint64_t length);

/**
 * @brief Fill the next bytes of the program's memory with zeroes.
 * Since 1, provided by the kernel.
 * Context: as for banos_buffer_write().
 * @return as for banos_buffer_write()
 */
BANOS_SINCE(1) int64_t banos_buffer_zero(banos_buffer to, uint64_t length);

/**
 * @brief Copy the next bytes from the program.
 * Since 1, provided by the kernel.
 * Context: as for banos_buffer_write().
 * @param to  @p length bytes, written; bytes that could not be copied are unchanged
 * @return as for banos_buffer_write()
 */
BANOS_SINCE(1) int64_t banos_buffer_read(banos_buffer from, void *to, uint64_t length);

/**
 * @brief Get the number of bytes of a buffer that are left.
 * Since 1, provided by the kernel.
 * Context: the method that received @p buffer.
 * @return 0 or more, -EINVAL: not a buffer of this call
 */
BANOS_SINCE(1) int64_t banos_buffer_left(banos_buffer buffer);

/**
 * @brief Copy from an address of the calling program, such as the argument of ioctl().
 * Since 1, provided by the kernel.
 * Context: the method that received @p call, without a spin lock.
 * @param call    as the method received it
 * @param to      @p length bytes, written
 * @param from    the program's address
 * @param length  0: nothing is read
 * @return 0, -EFAULT: not all of it is readable (then @p to is undefined), -EINVAL: @p call is
 *	   not that of a method that runs in this thread for this driver, -EDEADLK: the caller holds a spin lock
 */
BANOS_SINCE(1)
int64_t banos_user_read(banos_call call, void *to, uint64_t from, uint64_t length);

/**
 * @brief Copy to an address of the calling program.
 * Since 1, provided by the kernel.
 * Context: as for banos_user_read().
 * @param call  as the method received it
 * @param to    the program's address
 * @param from  @p length bytes, read
 * @return 0, -EFAULT: not all of it is writable (part may have been written), -EINVAL and -EDEADLK: as for
 *	   banos_user_read()
 */
BANOS_SINCE(1)
int64_t banos_user_write(banos_call call, uint64_t to, const void *from, uint64_t length);

BANOS_END

#endif
