// SPDX-License-Identifier: MIT
/*
 * splice, tee, vmsplice: data between pipes, files and memory, without a buffer
 * of the program's.
 *
 * A whole page moves from pipe to pipe if the page borders of both rings meet
 * there. All other data is copied, which costs less than tracking parts of pages
 * in a ring of bytes.
 *
 * Files are accessed through their read() and write() methods, so splice() works
 * with every file that has these, including devices of drivers. No lock is held
 * during these methods: the pipe reserves space for what is read (pipe.limit), or
 * keeps the data until the file has accepted it (pipe.claimed). So no data is lost
 * if the target accepts less than it was offered.
 *
 * Two pipes are locked in the order of their addresses.
 * splice(2), tee(2), vmsplice(2); the order of checks is Linux's.
 */
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/page_cache.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>
#include "pipe_ring.h"
#include "splice.h"

#define SPLICE_FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)
#define SPLICE_MAX   0x7ffff000ull /* bytes of one call, as of read() */

/* ---- waiting ---- */

static bool has_input(const struct pipe *pipe)
{
	return pipe_used(pipe) && !READ_ONCE(pipe->claimed);
}

/* @return 1: there is something to take; 0: there will never be; -EAGAIN, -ERESTARTSYS */
static s64 wait_for_input(struct pipe *pipe, bool nonblock)
{
	for (;;) {
		bool last = pipe_ended(pipe);
		int err;

		if (has_input(pipe))
			return 1;
		if (last && !pipe_used(pipe))
			return 0;
		if (nonblock)
			return -EAGAIN;
		err = wait_event_interruptible(&pipe->read_wait,
					       has_input(pipe) || (!READ_ONCE(pipe->writers) &&
								   !pipe_used(pipe)));
		if (err)
			return err;
	}
}

/* As above. With 1 the pipe is locked. */
static s64 lock_input(struct pipe *pipe, bool nonblock)
{
	for (;;) {
		s64 ready = wait_for_input(pipe, nonblock);

		if (ready <= 0)
			return ready;
		mutex_lock(&pipe->lock);
		if (has_input(pipe))
			return 1;
		mutex_unlock(&pipe->lock); /* another thread was faster */
	}
}

static int broken_pipe(void)
{
	signal_send_thread(current, SIGPIPE, NULL);
	return -EPIPE;
}

static int splice_wait_for_room(struct pipe *pipe, bool nonblock)
{
	for (;;) {
		int err;

		if (!READ_ONCE(pipe->readers))
			return broken_pipe();
		if (pipe_room(pipe))
			return 0;
		if (nonblock)
			return -EAGAIN;
		err = wait_event_interruptible(&pipe->write_wait,
					       pipe_room(pipe) || !READ_ONCE(pipe->readers));
		if (err)
			return err;
	}
}

/* With 0 the pipe is locked. */
static int lock_output(struct pipe *pipe, bool nonblock)
{
	for (;;) {
		int err = splice_wait_for_room(pipe, nonblock);

		if (err)
			return err;
		mutex_lock(&pipe->lock);
		if (pipe->readers && pipe_room(pipe))
			return 0;
		mutex_unlock(&pipe->lock);
	}
}

/* ---- a file into a pipe ---- */

/* Append @length bytes of @page; the caller checked that they fit. Locked. @return a page to be freed: @page, or the one that it replaced */
static struct page *append_page(struct pipe *pipe, struct page *page, u64 length)
{
	u8 *from = page_address(page);

	while (length) {
		u64 off = pipe->head & (PAGE_SIZE - 1), part = MIN(length, PAGE_SIZE - off);
		struct page **slot = pipe_slot(pipe, pipe->head);

		if (!off && (!*slot || pipe->head == pipe->tail)) { /* the page itself */
			struct page *old = *slot;

			if (from != page_address(page))
				memmove(page_address(page), from, length);
			*slot = page;
			pipe->head += length;
			return old;
		}
		memcpy((u8 *)page_address(*slot) + off, from, part);
		pipe->head += part;
		from += part;
		length -= part;
	}
	return page;
}

/* One page at most. @return bytes, 0, -errno */
static s64 move_page_in(struct file *source, u64 *pos, struct pipe *pipe, u64 len)
{
	struct page *page = page_alloc_patiently(0);
	s64 got;

	if (!page)
		return -ENOMEM;
	got = file_read_kernel(source, page_address(page), MIN(len, PAGE_SIZE), pos);
	if (got > 0) {
		mutex_lock(&pipe->lock);
		pipe->limit += (u64)got; /* what was kept free for it */
		page = append_page(pipe, page, (u64)got);
		mutex_unlock(&pipe->lock);
		pipe_wake_readers(pipe);
	}
	if (page)
		page_free(page);
	return got;
}

s64 splice_file_to_pipe(struct file *source, u64 *pos, struct pipe *pipe, u64 len, bool nonblock)
{
	s64 done = 0, moved = 0;
	u64 left;
	int err;

	if (!len)
		return 0;
	err = lock_output(pipe, nonblock);
	if (err)
		return err;
	if (source->ops->read && !pipe_of(source))
		left = MIN(len, pipe_room(pipe));
	else
		left = 0;
	pipe->limit -= left;
	mutex_unlock(&pipe->lock);
	if (!left)
		return -EINVAL;
	do {
		moved = move_page_in(source, pos, pipe, left);
		if (moved <= 0)
			break;
		done += moved;
		left -= (u64)moved;
		/* A stream returns all that it has at once. */
	} while (left && moved == (s64)PAGE_SIZE && !(source->mode & FMODE_STREAM) &&
		 !signal_pending());
	if (left) {
		mutex_lock(&pipe->lock);
		pipe->limit += left;
		mutex_unlock(&pipe->lock);
		pipe_wake_writers(pipe, true);
	}
	if (done)
		return done;
	return moved;
}

/* ---- a pipe into a file ---- */

static s64 pipe_to_file(struct pipe *pipe, struct file *out, u64 *pos, u64 len, bool nonblock)
{
	s64 done = 0, length;

	if (!out->ops->write)
		return -EINVAL;
	if (signal_pending())
		return -ERESTARTSYS;
	length = lock_input(pipe, nonblock);
	if (length <= 0)
		return length;
	pipe->claimed = true;
	do {
		u64 off = pipe->tail & (PAGE_SIZE - 1);
		u64 part = MIN(MIN(PAGE_SIZE - off, pipe_used(pipe)), len - (u64)done);
		struct page *page = *pipe_slot(pipe, pipe->tail);
		bool was_full = pipe_room(pipe) < PIPE_BUF;

		mutex_unlock(&pipe->lock);
		length = file_write_kernel(out, (u8 *)page_address(page) + off, part, pos);
		mutex_lock(&pipe->lock);
		if (length <= 0)
			break;
		pipe_consume(pipe, (u64)length);
		done += length;
		pipe_wake_writers(pipe, was_full);
	} while ((u64)done < len && pipe_used(pipe) && !signal_pending());
	pipe->claimed = false;
	mutex_unlock(&pipe->lock);
	wake_up_poll(&pipe->read_wait, POLLIN | POLLRDNORM);
	if (done)
		return done;
	return length;
}

/* ---- a pipe into a pipe ---- */

static void lock_both(struct pipe *first, struct pipe *second)
{
	mutex_lock(first < second ? &first->lock : &second->lock);
	mutex_lock(first < second ? &second->lock : &first->lock);
}

static void unlock_both(struct pipe *first, struct pipe *second)
{
	mutex_unlock(&first->lock);
	mutex_unlock(&second->lock);
}

/* Wait until something can be moved. @return 1: both are locked; 0: there will be nothing more; -errno */
static s64 lock_for_move(struct pipe *source, struct pipe *out, bool nonblock)
{
	for (;;) {
		s64 ready = wait_for_input(source, nonblock);
		int err;

		if (ready < 0)
			return ready;
		err = splice_wait_for_room(out, nonblock);
		if (err || !ready)
			return err;
		lock_both(source, out);
		if (out->readers && has_input(source) && pipe_room(out))
			return 1;
		unlock_both(source, out);
	}
}

/* A whole page of @source becomes one of @out if it is one there, too. */
static bool hand_over_page(struct pipe *source, struct pipe *out, u64 len)
{
	struct page **from = pipe_slot(source, source->tail), **to = pipe_slot(out, out->head);

	if ((source->tail | out->head) & (PAGE_SIZE - 1) || len < PAGE_SIZE ||
	    pipe_used(source) < PAGE_SIZE || pipe_room(out) < PAGE_SIZE ||
	    (*to && out->head != out->tail))
		return false;
	if (*to)
		page_free(*to);
	*to = *from;
	*from = NULL;
	out->head += PAGE_SIZE;
	source->tail += PAGE_SIZE;
	if (source->head == source->tail)
		source->head = source->tail = 0;
	return true;
}

/* @p keep: tee(), nothing is taken out. Both are locked. @return bytes or -ENOMEM */
static s64 move_locked(struct pipe *source, struct pipe *out, u64 len, bool keep)
{
	u64 done = 0, all = MIN(len, pipe_used(source));

	assert_held(&source->lock);
	while (done < all && pipe_room(out)) {
		u64 pos = source->tail + (keep ? done : 0), off = pos & (PAGE_SIZE - 1);
		struct uio uio;
		s64 moved;

		if (!keep && hand_over_page(source, out, all - done)) {
			done += PAGE_SIZE;
			continue;
		}
		uio_init_kernel(&uio, (u8 *)page_address(*pipe_slot(source, pos)) + off,
				MIN(PAGE_SIZE - off, all - done));
		moved = pipe_put(out, &uio);
		if (moved <= 0) {
			if (done)
				return (s64)done;
			return moved;
		}
		if (!keep)
			pipe_consume(source, (u64)moved);
		done += (u64)moved;
	}
	return (s64)done;
}

static s64 pipe_to_pipe(struct pipe *source, struct pipe *out, u64 len, bool nonblock, bool keep)
{
	s64 moved = lock_for_move(source, out, nonblock);
	bool was_full;

	if (moved <= 0)
		return moved;
	was_full = pipe_room(source) < PIPE_BUF;
	moved = move_locked(source, out, len, keep);
	unlock_both(source, out);
	if (moved > 0) {
		pipe_wake_readers(out);
		if (!keep)
			pipe_wake_writers(source, was_full);
	}
	return moved;
}

/* ---- splice() ---- */

/* Read the position of the side that is a file: its own, or the user's. @return 0, -EFAULT, -EINVAL */
static int position_of(const struct file *f, u64 user, u64 *pos)
{
	*pos = f->pos;
	if (!user)
		return 0;
	if (get_user_u64(pos, uaddr(user)))
		return -EFAULT;
	if (f->mode & FMODE_STREAM)
		return -EINVAL;
	return 0;
}

static s64 position_back(struct file *f, u64 user, u64 pos, s64 ret)
{
	if (!user)
		f->pos = pos;
	else if (ret >= 0 && put_user_u64(uaddr(user), pos))
		return -EFAULT;
	return ret;
}

static s64 splice_out(struct pipe *source, struct file *out, u64 user_pos, u64 len, bool nonblock)
{
	u64 pos;
	s64 ret = position_of(out, user_pos, &pos);

	if (!ret && (out->flags & O_APPEND))
		ret = -EINVAL;
	if (!ret)
		ret = splice_check_range(pos, len);
	if (ret)
		return ret;
	ret = pipe_to_file(source, out, &pos, MIN(len, SPLICE_MAX), nonblock);
	return position_back(out, user_pos, pos, ret);
}

static s64 splice_in(struct file *source, u64 user_pos, struct pipe *out, u64 len, bool nonblock)
{
	u64 pos;
	s64 ret = position_of(source, user_pos, &pos);

	len = MIN(len, SPLICE_MAX);
	if (!ret)
		ret = splice_check_range(pos, len);
	if (ret)
		return ret;
	ret = splice_file_to_pipe(source, &pos, out, len, nonblock);
	return position_back(source, user_pos, pos, ret);
}

static s64 do_splice(struct file *source, u64 user_in, struct file *out, u64 user_out, u64 len,
		     u32 flags)
{
	struct pipe *from = pipe_of(source), *to = pipe_of(out);
	bool nonblock = flags & SPLICE_F_NONBLOCK;

	if ((from && user_in) || (to && user_out))
		return -ESPIPE;
	if (!(source->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	/* For pipes alone: whether a file waits depends on its own O_NONBLOCK. */
	nonblock |= (from && (source->flags & O_NONBLOCK)) || (to && (out->flags & O_NONBLOCK));
	if (from && to) {
		if (from == to)
			return -EINVAL;
		return pipe_to_pipe(from, to, len, nonblock, false);
	}
	if (from)
		return splice_out(from, out, user_out, len, nonblock);
	if (to)
		return splice_in(source, user_in, to, len, nonblock);
	return -EINVAL;
}

SYSCALL6(splice, in_fd, user_in, out_fd, user_out, len, flags)
{
	struct fd_ref source, out;
	s64 ret = -EBADF;

	if (!len)
		return 0;
	if ((u32)flags & ~SPLICE_FLAGS)
		return -EINVAL;
	source = fd_get((u32)in_fd);
	out = fd_get((u32)out_fd);
	if (source.file && out.file)
		ret = do_splice(source.file, user_in, out.file, user_out, len, (u32)flags);
	if (source.file)
		fd_put(source);
	if (out.file)
		fd_put(out);
	return ret;
}

/* ---- tee() ---- */

static s64 do_tee(struct file *source, struct file *out, u64 len, u32 flags)
{
	struct pipe *from = pipe_of(source), *to = pipe_of(out);
	bool nonblock = (flags & SPLICE_F_NONBLOCK) || ((source->flags | out->flags) & O_NONBLOCK);

	if (!(source->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (!from || !to || from == to)
		return -EINVAL;
	return pipe_to_pipe(from, to, len, nonblock, true);
}

SYSCALL4(tee, in_fd, out_fd, len, flags)
{
	struct fd_ref source, out;
	s64 ret = -EBADF;

	if ((u32)flags & ~SPLICE_FLAGS)
		return -EINVAL;
	if (!len)
		return 0;
	source = fd_get((u32)in_fd);
	out = fd_get((u32)out_fd);
	if (source.file && out.file)
		ret = do_tee(source.file, out.file, len, (u32)flags);
	if (source.file)
		fd_put(source);
	if (out.file)
		fd_put(out);
	return ret;
}

/* ---- vmsplice() ---- */

static s64 memory_to_pipe(struct pipe *pipe, struct uio *uio, bool nonblock)
{
	s64 moved = lock_output(pipe, nonblock);

	if (moved)
		return moved;
	moved = pipe_put(pipe, uio); /* a copy, also of what is a gift */
	mutex_unlock(&pipe->lock);
	if (moved > 0)
		pipe_wake_readers(pipe);
	return moved;
}

static s64 pipe_to_memory(struct pipe *pipe, struct uio *uio, bool nonblock)
{
	bool was_full;
	s64 moved;

	if (signal_pending())
		return -ERESTARTSYS;
	moved = lock_input(pipe, nonblock);
	if (moved <= 0)
		return moved;
	was_full = pipe_room(pipe) < PIPE_BUF;
	moved = pipe_take(pipe, uio);
	mutex_unlock(&pipe->lock);
	if (moved > 0)
		pipe_wake_writers(pipe, was_full);
	return moved;
}

static s64 do_vmsplice(struct file *f, u64 iov, u64 nr, u32 flags)
{
	bool nonblock = flags & SPLICE_F_NONBLOCK;
	struct pipe *pipe = pipe_of(f);
	struct uio_list list;
	s64 ret;

	if (!(f->mode & (FMODE_READ | FMODE_WRITE)))
		return -EBADF;
	ret = uio_list_get(&list, uaddr(iov), nr);
	if (ret)
		return ret;
	if (!list.uio.count)
		ret = 0;
	else if (!pipe)
		ret = -EBADF;
	else if (f->mode & FMODE_WRITE)
		ret = memory_to_pipe(pipe, &list.uio, nonblock);
	else
		ret = pipe_to_memory(pipe, &list.uio, nonblock);
	uio_list_put(&list);
	return ret;
}

SYSCALL4(vmsplice, fd, iov, nr, flags)
{
	struct fd_ref ref;
	s64 ret;

	if ((u32)flags & ~SPLICE_FLAGS)
		return -EINVAL;
	ref = fd_get((u32)fd);
	if (!ref.file)
		return -EBADF;
	ret = do_vmsplice(ref.file, iov, nr, (u32)flags);
	fd_put(ref);
	return ret;
}
