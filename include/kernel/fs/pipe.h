/* SPDX-License-Identifier: MIT */
/** @file pipe.h  Sizes of pipes: for fcntl() and /proc/sys/fs (fs/open/pipe_size.c). */
#pragma once
#include <kernel/types.h>

struct file;
struct file_ops;

/** The open method of a FIFO. */
extern const struct file_ops pipe_fops;
/** @brief F_GETPIPE_SZ. @return capacity in bytes, or -EBADF: not a pipe */
s64 __must_check pipe_get_size(struct file *f);
/** @brief F_SETPIPE_SZ: the size is rounded up to a power of two pages. @return the new capacity, -EBADF, -EINVAL, -EPERM, -EBUSY: holds more, -ENOMEM */
s64 __must_check pipe_set_size(struct file *f, u64 size);

/** pipe-max-size (bytes), pipe-user-pages-soft and -hard (0: no limit). */
enum pipe_limit { PIPE_LIMIT_SIZE, PIPE_LIMIT_SOFT, PIPE_LIMIT_HARD };
u64 pipe_limit_get(enum pipe_limit which);
/** @brief Set a limit; a size is rounded up as F_SETPIPE_SZ does. @return 0, -EINVAL: too big */
int __must_check pipe_limit_set(enum pipe_limit which, u64 value);
