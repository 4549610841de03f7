// SPDX-License-Identifier: MIT
/*
 * Reading directories: getdents64(), and getdents() of old programs.
 *
 * The file system hands over one entry after the other (dir_fill()); they are
 * collected in a buffer, because the directory is locked and a copy to the program
 * may sleep for long.
 */
#include <kernel/fs/dir_context.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/notify.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/dirent.h>

#define DIRENT_SLACK sizeof(u64) /* names are read by words */
#define DIRENT_CHUNK (32768u - DIRENT_SLACK)

bool dir_fill(struct dir_context *context, u64 pos, const char *name, u32 len, ino_t ino, u32 type)
{
	return dir_fill_inline(context, pos, name, len, ino, type);
}

static int read_dir(struct file *f, struct dir_context *context)
{
	int err;

	if (!f->ops->readdir)
		return -ENOTDIR;
	mutex_lock(&f->pos_lock);
	mutex_lock(&f->inode->lock);
	context->pos = f->pos;
	if (!f->inode->nlink)
		err = -ENOENT;
	else
		err = f->ops->readdir(f, context);
	if (!err)
		f->pos = context->pos;
	mutex_unlock(&f->inode->lock);
	mutex_unlock(&f->pos_lock);
	if (!err)
		notify_file(f, IN_ACCESS);
	return err;
}

/*
 * To the records of old programs, which are as long: the name begins one byte earlier,
 * the type is the last byte.
 */
static void make_old(u8 *buf, const u8 *end)
{
	const u32 old_head = offsetof(struct user_dirent, d_name);
	const u32 head = offsetof(struct user_dirent64, d_name);

	for (u32 reclen; buf < end; buf += reclen) {
		const struct user_dirent64 *record = (const void *)buf;
		u8 type = record->d_type;

		reclen = record->d_reclen;
		memmove(buf + old_head, buf + head, reclen - head);
		buf[reclen - 1] = type;
	}
}

static s64 do_getdents(u32 fd, uaddr_t out, u32 size, bool old)
{
	struct dir_context context;
	struct fd_ref ref = fd_get(fd);
	s64 ret = -ENOMEM;
	u8 *buf;

	if (!ref.file)
		return -EBADF;
	size = MIN(size, (u32)DIRENT_CHUNK);
	buf = kmalloc(size + DIRENT_SLACK);
	if (buf) {
		context = (struct dir_context){ .next = buf, .end = buf + size };
		ret = read_dir(ref.file, &context);
	}
	if (!ret)
		ret = context.next - buf;
	if (!ret && context.full)
		ret = -EINVAL;
	if (ret > 0 && old)
		make_old(buf, context.next);
	if (ret > 0 && copy_to_user(out, buf, ret))
		ret = -EFAULT;
	kfree(buf);
	fd_put(ref);
	return ret;
}

SYSCALL3(getdents64, fd, out, size)
{
	return do_getdents((u32)fd, uaddr(out), (u32)size, false);
}

SYSCALL3(getdents, fd, out, size)
{
	return do_getdents((u32)fd, uaddr(out), (u32)size, true);
}
