// SPDX-License-Identifier: MIT
/*
 * The system calls that move data: read, write and their relatives, lseek,
 * sendfile, ioctl.
 *
 * A file's position is one for all its descriptors; file->pos_lock serialises
 * calls that use it once there is more than one holder. Streams have none, and
 * devices serialise by themselves: no lock is held while a driver runs.
 */
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/notify.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "open.h"
#include "pipe_ring.h"
#include "splice.h"

#define RW_MAX	       UIO_MAX_BYTES
#define SENDFILE_CHUNK 16384u

/* ---- one transfer ---- */

static s64 do_read(struct file *f, struct uio *uio, u64 *pos)
{
	s64 ret;

	if (unlikely(!(f->mode & FMODE_READ)))
		return -EBADF;
	if (unlikely(!f->ops->read)) {
		if (S_ISDIR(f->inode->mode))
			return -EISDIR;
		return -EINVAL;
	}
	ret = f->ops->read(f, uio, pos);
	if (ret > 0)
		notify_file(f, IN_ACCESS);
	return ret;
}

static s64 do_write(struct file *f, struct uio *uio, u64 *pos)
{
	s64 ret;

	if (unlikely(!(f->mode & FMODE_WRITE)))
		return -EBADF;
	if (unlikely(!f->ops->write))
		return -EINVAL;
	ret = f->ops->write(f, uio, pos);
	if (ret > 0)
		notify_file(f, IN_MODIFY);
	return ret;
}

typedef s64 (*transfer_fn)(struct file *f, struct uio *u, u64 *pos);

/*
 * At the file's own position. The system calls below come here only if the descriptor
 * table is shared, if something is wrong, or if somebody watches files.
 */
static __noinline s64 file_transfer(u32 fd, struct uio *uio, transfer_fn method)
{
	struct fd_ref ref = fd_get(fd);
	struct file *f = ref.file;
	bool lock;
	s64 ret;

	if (unlikely(!f))
		return -EBADF;
	lock = (f->mode & FMODE_POS_LOCK) && atomic_read(&f->refs) > 1;
	if (lock)
		mutex_lock(&f->pos_lock);
	ret = method(f, uio, &f->pos);
	if (lock)
		mutex_unlock(&f->pos_lock);
	fd_put(ref);
	return ret;
}

/* At a position of the call's own. */
static __noinline s64 transfer_at(u32 fd, struct uio *uio, s64 offset, transfer_fn method)
{
	struct fd_ref ref;
	u64 pos = offset;
	s64 ret;

	if (offset < 0 || offset + uio->count > INT64_MAX)
		return -EINVAL; /* so that no file's method must check for sums that wrap */
	ref = fd_get(fd);
	if (!ref.file)
		return -EBADF;
	if (ref.file->mode & FMODE_STREAM)
		ret = -ESPIPE;
	else
		ret = method(ref.file, uio, &pos);
	fd_put(ref);
	return ret;
}

/* Why a range of user memory was refused: a negative length has an error of its own, as in Linux. */
static s64 bad_range_error(u64 len)
{
	if ((s64)len < 0)
		return -EINVAL;
	return -EFAULT;
}

static __noinline s64 buffer_transfer(u32 fd, u64 buf, u64 len, transfer_fn method)
{
	struct uio uio;

	if (!user_range_ok(uaddr(buf), len) || uio_init_user(&uio, uaddr(buf), MIN(len, RW_MAX)))
		return bad_range_error(len);
	return file_transfer(fd, &uio, method);
}

static __noinline s64 buffer_transfer_at(u32 fd, u64 buf, u64 len, u64 pos, transfer_fn method)
{
	struct uio uio;

	if (!user_range_ok(uaddr(buf), len) || uio_init_user(&uio, uaddr(buf), MIN(len, RW_MAX)))
		return bad_range_error(len);
	return transfer_at(fd, &uio, (s64)pos, method);
}

/* May @f be used as @access (FMODE_READ, FMODE_WRITE) says, at its own position, without a lock? */
static inline bool transfer_is_plain(const struct file *f, u32 access)
{
	return f && (f->mode & access) &&
	       (!(f->mode & FMODE_POS_LOCK) || atomic_read(&f->refs) == 1);
}

/* The same at a position of the call's own, from where no transfer reaches the last of all. */
static inline bool transfer_at_is_plain(const struct file *f, u32 access, u64 pos)
{
	return f && (f->mode & (access | FMODE_STREAM)) == access && pos <= FILE_SIZE_MAX - RW_MAX;
}

SYSCALL3(read, fd, buf, len)
{
	u64 number = (u32)fd;
	struct file *f = fd_own(number);
	struct uio uio;

	if (unlikely(len > RW_MAX || uio_init_user(&uio, uaddr(buf), len) ||
		     !transfer_is_plain(f, FMODE_READ) || !f->ops->read || notify_is_on()))
		return buffer_transfer((u32)number, buf, len, do_read);
	return f->ops->read(f, &uio, &f->pos);
}

SYSCALL3(write, fd, buf, len)
{
	u64 number = (u32)fd;
	struct file *f = fd_own(number);
	struct uio uio;

	if (unlikely(len > RW_MAX || uio_init_user(&uio, uaddr(buf), len) ||
		     !transfer_is_plain(f, FMODE_WRITE) || !f->ops->write || notify_is_on()))
		return buffer_transfer((u32)number, buf, len, do_write);
	return f->ops->write(f, &uio, &f->pos);
}

SYSCALL4(pread64, fd, buf, len, pos)
{
	u64 number = (u32)fd;
	struct file *f = fd_own(number);
	struct uio uio;

	if (unlikely(len > RW_MAX || uio_init_user(&uio, uaddr(buf), len) ||
		     !transfer_at_is_plain(f, FMODE_READ, pos) || !f->ops->read || notify_is_on()))
		return buffer_transfer_at((u32)number, buf, len, pos, do_read);
	return f->ops->read(f, &uio, &pos);
}

SYSCALL4(pwrite64, fd, buf, len, pos)
{
	u64 number = (u32)fd;
	struct file *f = fd_own(number);
	struct uio uio;

	if (unlikely(len > RW_MAX || uio_init_user(&uio, uaddr(buf), len) ||
		     !transfer_at_is_plain(f, FMODE_WRITE, pos) || !f->ops->write ||
		     notify_is_on()))
		return buffer_transfer_at((u32)number, buf, len, pos, do_write);
	return f->ops->write(f, &uio, &pos);
}

/* ---- vectors ---- */

static s64 vector_call(u64 fd, u64 iov, u64 count, s64 offset, transfer_fn method)
{
	struct uio_list list;
	s64 ret = uio_list_get(&list, uaddr(iov), count);

	if (ret)
		return ret;
	if (offset == -1)
		ret = file_transfer((u32)fd, &list.uio, method);
	else
		ret = transfer_at((u32)fd, &list.uio, offset, method);
	uio_list_put(&list);
	return ret;
}

SYSCALL3(readv, fd, iov, count)
{
	return vector_call(fd, iov, count, -1, do_read);
}
SYSCALL3(writev, fd, iov, count)
{
	return vector_call(fd, iov, count, -1, do_write);
}
SYSCALL4(preadv, fd, iov, count, pos)
{
	if ((s64)pos < 0)
		return -EINVAL;
	return vector_call(fd, iov, count, pos, do_read);
}
SYSCALL4(pwritev, fd, iov, count, pos)
{
	if ((s64)pos < 0)
		return -EINVAL;
	return vector_call(fd, iov, count, pos, do_write);
}

/* The flags ask for things that are so anyway (RWF_SYNC...) or that we lack. */
#define RWF_KNOWN 0x7 /* HIPRI, DSYNC, SYNC */
SYSCALL6(preadv2, fd, iov, count, pos, unused, flags)
{
	if ((u32)flags & ~RWF_KNOWN)
		return -EOPNOTSUPP;
	if ((s64)pos < -1)
		return -EINVAL;
	return vector_call(fd, iov, count, pos, do_read);
}

SYSCALL6(pwritev2, fd, iov, count, pos, unused, flags)
{
	if ((u32)flags & ~RWF_KNOWN)
		return -EOPNOTSUPP;
	if ((s64)pos < -1)
		return -EINVAL;
	return vector_call(fd, iov, count, pos, do_write);
}

/* ---- for the kernel's own use ---- */

s64 file_read_kernel(struct file *f, void *buf, u64 len, u64 *pos)
{
	struct uio uio;

	uio_init_kernel(&uio, buf, len);
	return do_read(f, &uio, pos);
}

s64 file_write_kernel(struct file *f, const void *buf, u64 len, u64 *pos)
{
	struct uio uio;

	uio_init_kernel(&uio, (void *)buf, len);
	return do_write(f, &uio, pos);
}

/* ---- position ---- */

static s64 generic_llseek(struct file *f, s64 off, int whence)
{
	s64 size = f->inode->size, base = 0;

	switch (whence) {
	case SEEK_SET: break;
	case SEEK_CUR: base = f->pos; break;
	case SEEK_END: base = size; break;
	case SEEK_DATA: /* the whole file is data, a hole begins at its end */
	case SEEK_HOLE:
		if (off < 0 || off >= size)
			return -ENXIO;
		if (whence == SEEK_HOLE)
			off = size;
		break;
	default: return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &off) || off < 0)
		return -EINVAL;
	return off;
}

SYSCALL3(lseek, fd, off, whence)
{
	struct fd_ref ref = fd_get((u32)fd);
	struct file *f = ref.file;
	bool lock;
	s64 ret;

	if (!f)
		return -EBADF;
	if (f->mode & FMODE_STREAM) {
		ret = -ESPIPE;
	} else {
		lock = f->mode & FMODE_POS_LOCK;
		if (lock)
			mutex_lock(&f->pos_lock);
		if (f->ops->llseek)
			ret = f->ops->llseek(f, off, (int)whence);
		else
			ret = generic_llseek(f, off, (int)whence);
		if (ret >= 0)
			f->pos = ret;
		if (lock)
			mutex_unlock(&f->pos_lock);
	}
	fd_put(ref);
	return ret;
}

/* ---- from one file to another ---- */

/* @return bytes moved, or -errno when none */
static s64 move_data(struct file *source, u64 *in_pos, struct file *out, u64 *out_pos, u64 len)
{
	u8 *buf = kmalloc(SENDFILE_CHUNK);
	s64 done = 0, got = 0, written = 0;

	if (!buf)
		return -ENOMEM;
	while (len) {
		got = file_read_kernel(source, buf, MIN(len, (u64)SENDFILE_CHUNK), in_pos);
		if (got <= 0)
			break;
		written = file_write_kernel(out, buf, got, out_pos);
		if (written < got && !(source->mode & FMODE_STREAM))
			*in_pos -= got - MAX(written, 0l); /* what was not written is not taken */
		if (written <= 0)
			break;
		done += written;
		len -= written;
		if (written < got || signal_pending())
			break;
	}
	kfree(buf);
	if (done)
		return done;
	if (got < 0)
		return got;
	return MIN(written, 0l);
}

static s64 do_sendfile(struct file *source, u64 *pos, bool given, struct file *out, u64 len)
{
	struct pipe *pipe = pipe_of(out);
	int err;

	if (!(source->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (given && (source->mode & FMODE_STREAM))
		return -ESPIPE;
	err = splice_check_range(*pos, len);
	if (err)
		return err;
	len = MIN(len, RW_MAX);
	if (pipe)
		return splice_file_to_pipe(source, pos, pipe, len, out->flags & O_NONBLOCK);
	/* Data read from a stream cannot be put back: move it through a pipe, or with read(). */
	if ((source->mode & FMODE_STREAM) || !source->ops->read || (out->flags & O_APPEND))
		return -EINVAL;
	err = splice_check_range(out->pos, len);
	if (err)
		return err;
	return move_data(source, pos, out, &out->pos, len);
}

SYSCALL4(sendfile, out_fd, in_fd, user_pos, len)
{
	struct fd_ref source = fd_get((u32)in_fd), out = fd_get((u32)out_fd);
	s64 ret = -EBADF;
	u64 pos;

	if (!source.file || !out.file)
		goto out_put_files;
	pos = source.file->pos;
	if (user_pos)
		ret = get_user_u64(&pos, uaddr(user_pos));
	else
		ret = 0;
	if (!ret)
		ret = do_sendfile(source.file, &pos, user_pos, out.file, len);
	if (user_pos && ret >= 0 && put_user_u64(uaddr(user_pos), pos))
		ret = -EFAULT;
	else if (!user_pos && ret > 0)
		source.file->pos = pos;
out_put_files:
	if (source.file)
		fd_put(source);
	if (out.file)
		fd_put(out);
	return ret;
}

SYSCALL6(copy_file_range, in_fd, user_in, out_fd, user_out, len, flags)
{
	struct fd_ref source = fd_get((u32)in_fd), out = fd_get((u32)out_fd);
	u64 in_pos, out_pos;
	s64 ret = -EBADF;

	if (!source.file || !out.file)
		goto out_put_files;
	in_pos = source.file->pos;
	out_pos = out.file->pos;
	ret = 0;
	if ((u32)flags)
		ret = -EINVAL;
	if (!ret && ((source.file->mode | out.file->mode) & FMODE_STREAM))
		ret = -EINVAL;
	if (!ret && ((source.file->inode->mode | out.file->inode->mode) & S_IFMT) != S_IFREG) {
		ret = -EINVAL;
		if (S_ISDIR(source.file->inode->mode) || S_ISDIR(out.file->inode->mode))
			ret = -EISDIR;
	}
	if (!ret && user_in)
		ret = get_user_u64(&in_pos, uaddr(user_in));
	if (!ret && user_out)
		ret = get_user_u64(&out_pos, uaddr(user_out));
	if (!ret && (out.file->flags & O_APPEND))
		ret = -EBADF;
	if (!ret && ((s64)in_pos < 0 || (s64)out_pos < 0))
		ret = -EINVAL;
	if (!ret && (len > INT64_MAX || in_pos + len > INT64_MAX || out_pos + len > INT64_MAX))
		ret = -EOVERFLOW;
	if (!ret && source.file->inode == out.file->inode && in_pos < out_pos + len &&
	    out_pos < in_pos + len)
		ret = -EINVAL;
	if (ret)
		goto out_put_files;
	ret = move_data(source.file, &in_pos, out.file, &out_pos, MIN(len, RW_MAX));
	if (ret < 0)
		goto out_put_files;
	if (!user_in)
		source.file->pos = in_pos;
	else if (put_user_u64(uaddr(user_in), in_pos))
		ret = -EFAULT;
	if (!user_out)
		out.file->pos = out_pos;
	else if (put_user_u64(uaddr(user_out), out_pos))
		ret = -EFAULT;
out_put_files:
	if (source.file)
		fd_put(source);
	if (out.file)
		fd_put(out);
	return ret;
}

/* ---- ioctl ---- */

#define FIOCLEX	 0x5451
#define FIONCLEX 0x5450
#define FIOASYNC 0x5452
#define FIONBIO	 0x5421
#define FIONREAD 0x541b

/* O_NONBLOCK or O_ASYNC by an int of the user. */
static s64 ioctl_flag(struct file *f, u32 fd, u32 flag, u64 arg)
{
	u32 enable;

	if (get_user_u32(&enable, uaddr(arg)))
		return -EFAULT;
	if (flag == O_ASYNC)
		return file_set_async(f, fd, enable);
	if (enable)
		__atomic_or_fetch(&f->flags, flag, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&f->flags, ~flag, __ATOMIC_RELAXED);
	return 0;
}

static s64 file_ioctl(struct file *f, u32 fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case FIOCLEX: return fd_set_cloexec(fd, true);
	case FIONCLEX: return fd_set_cloexec(fd, false);
	case FIONBIO: return ioctl_flag(f, fd, O_NONBLOCK, arg);
	case FIOASYNC: return ioctl_flag(f, fd, O_ASYNC, arg);
	case FIONREAD:
		if ((f->inode->mode & S_IFMT) == S_IFREG && !f->ops->ioctl)
			return put_user_u32(uaddr(arg),
					    f->inode->size > f->pos ? f->inode->size - f->pos : 0);
	}
	if (!f->ops->ioctl)
		return -ENOTTY;
	return f->ops->ioctl(f, cmd, arg);
}

SYSCALL3(ioctl, fd, cmd, arg)
{
	struct fd_ref ref = fd_get((u32)fd);
	s64 ret;

	if (!ref.file)
		return -EBADF;
	ret = file_ioctl(ref.file, (u32)fd, (u32)cmd, arg);
	fd_put(ref);
	return ret;
}
