// SPDX-License-Identifier: MIT
/* fcntl(), but for locks (locks.c), pipes (pipe_size.c), owners (async.c) and seals (memfd.c). */
#include <kernel/fs/async.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/pipe.h>
#include <kernel/process.h>
#include <kernel/syscalls.h>
#include <uapi/fcntl.h>
#include "open.h"

#define SETTABLE (O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT)

static s64 dup_from(struct file *f, u64 from, bool cloexec)
{
	int fd;

	if (from >= current_process()->limits[RLIMIT_NOFILE].rlim_cur || from >= 1u << 20)
		return -EINVAL;
	file_get(f);
	fd = fd_install(f, (u32)from, cloexec);
	if (fd < 0)
		file_put(f);
	return fd;
}

static s64 set_flags(struct file *f, u32 fd, u32 flags)
{
	u32 old = f->flags;
	int err = 0;

	if ((flags & O_NOATIME) && !(old & O_NOATIME) && !current_is_super() &&
	    current_cred()->fsuid != f->inode->uid)
		return -EPERM;
	if (flags & O_DIRECT && !file_may_be_direct(f->inode))
		return -EINVAL; /* as open(); and pipes keep no packets apart */
	if (f->ops->async)
		err = file_set_async(f, fd, flags & O_ASYNC);
	if (err)
		return err;
	do
		old = READ_ONCE(f->flags);
	while (!__atomic_compare_exchange_n(&f->flags, &old, (old & ~SETTABLE) | (flags & SETTABLE),
					    false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return 0;
}

static s64 do_fcntl(u32 fd, struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_GETFL: return f->flags & ~O_CLOEXEC;
	case F_SETFL: return set_flags(f, fd, (u32)arg);
	case F_SETOWN:
	case F_GETOWN:
	case F_SETOWN_EX:
	case F_GETOWN_EX:
	case F_GETOWNER_UIDS:
	case F_SETSIG:
	case F_GETSIG: return owner_fcntl(f, cmd, arg);
	case F_GETPIPE_SZ: return pipe_get_size(f);
	case F_ADD_SEALS:
	case F_GET_SEALS: return seals_fcntl(f, cmd, arg);
	case F_SETPIPE_SZ: return pipe_set_size(f, (u32)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW: return locks_fcntl(fd, f, cmd, arg);
	}
	return -EINVAL;
}

SYSCALL3(fcntl, fd, cmd, arg)
{
	struct fd_ref ref = fd_get_path((u32)fd);
	struct file *f = ref.file;
	s64 ret;

	if (!f)
		return -EBADF;
	switch ((u32)cmd) { /* these work on O_PATH descriptors too */
	case F_DUPFD: ret = dup_from(f, arg, false); break;
	case F_DUPFD_CLOEXEC: ret = dup_from(f, arg, true); break;
	case F_GETFD: ret = fd_get_cloexec((u32)fd); break;
	case F_SETFD: ret = fd_set_cloexec((u32)fd, arg & 1); break;
	default:
		if ((f->mode & FMODE_PATH) && (u32)cmd != F_GETFL)
			ret = -EBADF;
		else
			ret = do_fcntl((u32)fd, f, (u32)cmd, arg);
	}
	if (ref.counted)
		file_put(f);
	return ret;
}
