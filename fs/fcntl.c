/* SPDX-License-Identifier: MIT */
/* fcntl(), but for locks (locks.c) and pipes (pipe.c). */
#include <kernel/fs.h>
#include <kernel/process.h>
#include <kernel/syscalls.h>
#include "files.h"
#include "pipe.h"

#define SETTABLE	(O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME)
#define F_OWNER_TID	0
#define F_OWNER_PID	1
#define F_OWNER_PGRP	2

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

static s64 set_flags(struct file *f, u32 flags)
{
	u32 old = f->flags;

	if ((flags & O_NOATIME) && !(old & O_NOATIME) && !current_is_super() && current_cred()->fsuid != f->inode->uid)
		return -EPERM;
	__atomic_store_n(&f->flags, (old & ~SETTABLE) | (flags & SETTABLE), __ATOMIC_RELAXED);
	return 0;
}

/* SIGIO goes to a process, a thread or (negative) a group. */
static s64 set_owner(struct file *f, s32 who, u32 type)
{
	f->async.owner = who;
	f->async.type = type;
	return 0;
}

static s64 owner_ex(struct file *f, u32 cmd, uaddr_t arg)
{
	struct { s32 type, pid; } o = { f->async.type, f->async.owner };

	if (cmd == F_GETOWN_EX)
		return copy_to_user(arg, &o, sizeof(o));
	if (copy_from_user(&o, arg, sizeof(o)))
		return -EFAULT;
	return o.type < F_OWNER_TID || o.type > F_OWNER_PGRP ? -EINVAL : set_owner(f, o.pid, o.type);
}

static s64 do_fcntl(u32 fd, struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_GETFL:
		return f->flags & ~O_CLOEXEC;
	case F_SETFL:
		return set_flags(f, (u32)arg);
	case F_SETOWN:
		return (s32)arg == (s32)0x80000000 ? -EINVAL :
			set_owner(f, (s32)arg < 0 ? -(s32)arg : (s32)arg, (s32)arg < 0 ? F_OWNER_PGRP : F_OWNER_PID);
	case F_GETOWN:
		return f->async.type == F_OWNER_PGRP ? -f->async.owner : f->async.owner;
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return owner_ex(f, cmd, uaddr(arg));
	case F_SETSIG:
		if (arg > 64)
			return -EINVAL;
		f->async.sig = arg;
		return 0;
	case F_GETSIG:
		return f->async.sig;
	case F_GETPIPE_SZ:
		return pipe_get_size(f);
	case F_SETPIPE_SZ:
		return pipe_set_size(f, (u32)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return locks_fcntl(fd, f, cmd, arg);
	}
	return -EINVAL;
}

SYSCALL3(fcntl, fd, cmd, arg)
{
	struct fd_ref r = fd_get_path((u32)fd);
	struct file *f = r.file;
	s64 ret;

	if (!f)
		return -EBADF;
	switch ((u32)cmd) {		/* these work on O_PATH descriptors too */
	case F_DUPFD:
		ret = dup_from(f, arg, false);
		break;
	case F_DUPFD_CLOEXEC:
		ret = dup_from(f, arg, true);
		break;
	case F_GETFD:
		ret = fd_get_cloexec((u32)fd);
		break;
	case F_SETFD:
		ret = fd_set_cloexec((u32)fd, arg & 1);
		break;
	default:
		ret = (f->mode & FMODE_PATH) && (u32)cmd != F_GETFL ? -EBADF : do_fcntl((u32)fd, f, (u32)cmd, arg);
	}
	if (r.counted)
		file_put(f);
	return ret;
}
