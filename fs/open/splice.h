/* SPDX-License-Identifier: MIT */
/** @file splice.h  From a file into a pipe: for sendfile() (fs/open/splice.c). */
#pragma once
#include <kernel/types.h>

struct file;
struct pipe;
/**
 * @brief Move up to @p len bytes at *@p pos (which advances) of @p source into @p out, as many as there is space for.
 *
 * Waits for space unless @p nonblock. Sleeps; no lock is held while @p source is read.
 * @return bytes, 0: the end of @p source; -EAGAIN, -EPIPE (SIGPIPE was sent), -ERESTARTSYS, -EINVAL: cannot be read
 *         from; what the file's read method returns
 */
s64 __must_check splice_file_to_pipe(struct file *source, u64 *pos, struct pipe *out, u64 len,
				     bool nonblock);
/** @return 0, -EINVAL: no @p len bytes can be moved at @p pos of any file */
static inline int splice_check_range(u64 pos, u64 len)
{
	if ((s64)pos < 0 || (s64)len < 0 || pos + len > INT64_MAX)
		return -EINVAL;
	return 0;
}
