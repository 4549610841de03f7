/* SPDX-License-Identifier: MIT */
/** @file pipe.h  fcntl's part of pipes (fs/pipe.c). */
#pragma once
#include <kernel/fs.h>
/** F_GETPIPE_SZ. @return capacity in bytes, or -EBADF: not a pipe */
s64 pipe_get_size(struct file *f);
/** F_SETPIPE_SZ, rounded up to a power of two pages. @return the new capacity, -EBADF, -EINVAL, -EPERM, -EBUSY: holds more, -ENOMEM */
s64 pipe_set_size(struct file *f, u64 size);
