// SPDX-License-Identifier: MIT
/*
 * splice, tee, vmsplice: data between pipes, files and memory, without a buffer
 * of the program's.
 *
 * Whole pages of a pipe change hands where they stand as they have to in the
 * other (page borders of both rings meet); all else is copied, which costs less
 * than it would to track pieces of pages in a ring of bytes.
 *
 * Of a file its read() and write() are used, so that splice() works with
 * everything that has them, drivers' devices too. No lock is held meanwhile:
 * the pipe keeps free what will be put in (pipe.limit), or keeps what is handed
 * over until the file has taken it (pipe.claimed). So nothing is lost where the
 * target takes less than it was offered, or nothing.
 *
 * Two pipes are locked in the order of their addresses.
 * splice(2), tee(2), vmsplice(2); the order of checks is Linux's.
 */
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
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

static bool has_input(const struct pipe *p)
{
	return pipe_used(p) && !READ_ONCE(p->claimed);
}

/* @return 1: there is something to take; 0: there will never be; -EAGAIN, -ERESTARTSYS */
static s64 wait_for_input(struct pipe *p, bool nonblock)
{
	for (;;) {
		bool last = pipe_ended(p);
		int err;

		if (has_input(p))
			return 1;
		if (last && !pipe_used(p))
			return 0;
		if (nonblock)
			return -EAGAIN;
		err = wait_event_interruptible(
			&p->read_wait, has_input(p) || (!READ_ONCE(p->writers) && !pipe_used(p)));
		if (err)
			return err;
	}
}

/* As above. With 1 the pipe is locked. */
static s64 lock_input(struct pipe *p, bool nonblock)
{
	for (;;) {
		s64 ready = wait_for_input(p, nonblock);

		if (ready <= 0)
			return ready;
		mutex_lock(&p->lock);
		if (has_input(p))
			return 1;
		mutex_unlock(&p->lock); /* somebody else was faster */
	}
}

static int broken_pipe(void)
{
	signal_send_thread(current, SIGPIPE, NULL);
	return -EPIPE;
}

static int wait_for_room(struct pipe *p, bool nonblock)
{
	for (;;) {
		int err;

		if (!READ_ONCE(p->readers))
			return broken_pipe();
		if (pipe_room(p))
			return 0;
		if (nonblock)
			return -EAGAIN;
		err = wait_event_interruptible(&p->write_wait,
					       pipe_room(p) || !READ_ONCE(p->readers));
		if (err)
			return err;
	}
}

/* With 0 the pipe is locked. */
static int lock_output(struct pipe *p, bool nonblock)
{
	for (;;) {
		int err = wait_for_room(p, nonblock);

		if (err)
			return err;
		mutex_lock(&p->lock);
		if (p->readers && pipe_room(p))
			return 0;
		mutex_unlock(&p->lock);
	}
}

/* ---- a file into a pipe ---- */

/* Append @n bytes of @page, for which there is room. Locked. @return a page to be freed: it, or what it replaced */
static struct page *append_page(struct pipe *p, struct page *page, u64 n)
{
	u8 *from = page_address(page);

	while (n) {
		u64 off = p->head & (PAGE_SIZE - 1), part = MIN(n, PAGE_SIZE - off);
		struct page **slot = pipe_slot(p, p->head);

		if (!off && (!*slot || p->head == p->tail)) { /* the page itself */
			struct page *old = *slot;

			if (from != page_address(page))
				memmove(page_address(page), from, n);
			*slot = page;
			p->head += n;
			return old;
		}
		memcpy((u8 *)page_address(*slot) + off, from, part);
		p->head += part;
		from += part;
		n -= part;
	}
	return page;
}

/* One page at most. @return bytes, 0, -errno */
static s64 move_page_in(struct file *in, u64 *pos, struct pipe *p, u64 len)
{
	struct page *page = page_alloc(PAGE_USER);
	s64 n;

	if (!page)
		return -ENOMEM;
	n = file_read_kernel(in, page_address(page), MIN(len, PAGE_SIZE), pos);
	if (n > 0) {
		mutex_lock(&p->lock);
		p->limit += (u64)n; /* what was kept free for it */
		page = append_page(p, page, (u64)n);
		mutex_unlock(&p->lock);
		pipe_wake_readers(p);
	}
	if (page)
		page_free(page);
	return n;
}

s64 splice_file_to_pipe(struct file *in, u64 *pos, struct pipe *p, u64 len, bool nonblock)
{
	s64 done = 0, n = 0;
	u64 left;
	int err;

	if (!len)
		return 0;
	err = lock_output(p, nonblock);
	if (err)
		return err;
	left = in->ops->read && !pipe_of(in) ? MIN(len, pipe_room(p)) : 0;
	p->limit -= left;
	mutex_unlock(&p->lock);
	if (!left)
		return -EINVAL;
	do {
		n = move_page_in(in, pos, p, left);
		if (n <= 0)
			break;
		done += n;
		left -= (u64)n;
		/* A stream has given what it has. */
	} while (left && n == (s64)PAGE_SIZE && !(in->mode & FMODE_STREAM) && !signal_pending());
	if (left) {
		mutex_lock(&p->lock);
		p->limit += left;
		mutex_unlock(&p->lock);
		pipe_wake_writers(p, true);
	}
	return done ? done : n;
}

/* ---- a pipe into a file ---- */

static s64 pipe_to_file(struct pipe *p, struct file *out, u64 *pos, u64 len, bool nonblock)
{
	s64 done = 0, n;

	if (!out->ops->write)
		return -EINVAL;
	if (signal_pending())
		return -ERESTARTSYS;
	n = lock_input(p, nonblock);
	if (n <= 0)
		return n;
	p->claimed = true;
	do {
		u64 off = p->tail & (PAGE_SIZE - 1);
		u64 part = MIN(MIN(PAGE_SIZE - off, pipe_used(p)), len - (u64)done);
		struct page *page = *pipe_slot(p, p->tail);
		bool was_full = pipe_room(p) < PIPE_BUF;

		mutex_unlock(&p->lock);
		n = file_write_kernel(out, (u8 *)page_address(page) + off, part, pos);
		mutex_lock(&p->lock);
		if (n <= 0)
			break;
		pipe_consume(p, (u64)n);
		done += n;
		pipe_wake_writers(p, was_full);
	} while ((u64)done < len && pipe_used(p) && !signal_pending());
	p->claimed = false;
	mutex_unlock(&p->lock);
	wake_up_poll(&p->read_wait, POLLIN | POLLRDNORM);
	return done ? done : n;
}

/* ---- a pipe into a pipe ---- */

static void lock_both(struct pipe *a, struct pipe *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct pipe *a, struct pipe *b)
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

/* Wait until something can be moved. @return 1: both are locked; 0: there will be nothing more; -errno */
static s64 lock_for_move(struct pipe *in, struct pipe *out, bool nonblock)
{
	for (;;) {
		s64 ready = wait_for_input(in, nonblock);
		int err;

		if (ready < 0)
			return ready;
		err = wait_for_room(out, nonblock);
		if (err || !ready)
			return err;
		lock_both(in, out);
		if (out->readers && has_input(in) && pipe_room(out))
			return 1;
		unlock_both(in, out);
	}
}

/* A whole page of @in becomes one of @out if it is one there, too. */
static bool hand_over_page(struct pipe *in, struct pipe *out, u64 len)
{
	struct page **from = pipe_slot(in, in->tail), **to = pipe_slot(out, out->head);

	if ((in->tail | out->head) & (PAGE_SIZE - 1) || len < PAGE_SIZE ||
	    pipe_used(in) < PAGE_SIZE || pipe_room(out) < PAGE_SIZE ||
	    (*to && out->head != out->tail))
		return false;
	if (*to)
		page_free(*to);
	*to = *from;
	*from = NULL;
	out->head += PAGE_SIZE;
	in->tail += PAGE_SIZE;
	if (in->head == in->tail)
		in->head = in->tail = 0;
	return true;
}

/* @p keep: tee(), nothing is taken out. Both are locked. @return bytes or -ENOMEM */
static s64 move_locked(struct pipe *in, struct pipe *out, u64 len, bool keep)
{
	u64 done = 0, all = MIN(len, pipe_used(in));

	while (done < all && pipe_room(out)) {
		u64 at = in->tail + (keep ? done : 0), off = at & (PAGE_SIZE - 1);
		struct uio u;
		s64 n;

		if (!keep && hand_over_page(in, out, all - done)) {
			done += PAGE_SIZE;
			continue;
		}
		uio_init_kernel(&u, (u8 *)page_address(*pipe_slot(in, at)) + off,
				MIN(PAGE_SIZE - off, all - done));
		n = pipe_put(out, &u);
		if (n <= 0)
			return done ? (s64)done : n;
		if (!keep)
			pipe_consume(in, (u64)n);
		done += (u64)n;
	}
	return (s64)done;
}

static s64 pipe_to_pipe(struct pipe *in, struct pipe *out, u64 len, bool nonblock, bool keep)
{
	s64 n = lock_for_move(in, out, nonblock);
	bool was_full;

	if (n <= 0)
		return n;
	was_full = pipe_room(in) < PIPE_BUF;
	n = move_locked(in, out, len, keep);
	unlock_both(in, out);
	if (n > 0) {
		pipe_wake_readers(out);
		if (!keep)
			pipe_wake_writers(in, was_full);
	}
	return n;
}

/* ---- splice() ---- */

/* Of the side that is a file: its position, or the user's. @return 0, -EFAULT, -EINVAL */
static int position_of(const struct file *f, u64 user, u64 *pos)
{
	*pos = f->pos;
	if (!user)
		return 0;
	if (get_user_u64(pos, uaddr(user)))
		return -EFAULT;
	return f->mode & FMODE_STREAM ? -EINVAL : 0;
}

static s64 position_back(struct file *f, u64 user, u64 pos, s64 ret)
{
	if (!user)
		f->pos = pos;
	else if (ret >= 0 && put_user_u64(uaddr(user), pos))
		return -EFAULT;
	return ret;
}

static s64 splice_out(struct pipe *in, struct file *out, u64 user_pos, u64 len, bool nonblock)
{
	u64 pos;
	s64 ret = position_of(out, user_pos, &pos);

	if (!ret && (out->flags & O_APPEND))
		ret = -EINVAL;
	if (!ret)
		ret = splice_check_range(pos, len);
	if (ret)
		return ret;
	ret = pipe_to_file(in, out, &pos, MIN(len, SPLICE_MAX), nonblock);
	return position_back(out, user_pos, pos, ret);
}

static s64 splice_in(struct file *in, u64 user_pos, struct pipe *out, u64 len, bool nonblock)
{
	u64 pos;
	s64 ret = position_of(in, user_pos, &pos);

	len = MIN(len, SPLICE_MAX);
	if (!ret)
		ret = splice_check_range(pos, len);
	if (ret)
		return ret;
	ret = splice_file_to_pipe(in, &pos, out, len, nonblock);
	return position_back(in, user_pos, pos, ret);
}

static s64 do_splice(struct file *in, u64 user_in, struct file *out, u64 user_out, u64 len,
		     u32 flags)
{
	struct pipe *from = pipe_of(in), *to = pipe_of(out);
	bool nonblock = flags & SPLICE_F_NONBLOCK;

	if ((from && user_in) || (to && user_out))
		return -ESPIPE;
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	/* Of pipes alone: how a file waits is its own O_NONBLOCK's matter. */
	nonblock |= (from && (in->flags & O_NONBLOCK)) || (to && (out->flags & O_NONBLOCK));
	if (from && to)
		return from == to ? -EINVAL : pipe_to_pipe(from, to, len, nonblock, false);
	if (from)
		return splice_out(from, out, user_out, len, nonblock);
	if (to)
		return splice_in(in, user_in, to, len, nonblock);
	return -EINVAL;
}

SYSCALL6(splice, in_fd, user_in, out_fd, user_out, len, flags)
{
	struct fd_ref in, out;
	s64 ret = -EBADF;

	if (!len)
		return 0;
	if ((u32)flags & ~SPLICE_FLAGS)
		return -EINVAL;
	in = fd_get((u32)in_fd);
	out = fd_get((u32)out_fd);
	if (in.file && out.file)
		ret = do_splice(in.file, user_in, out.file, user_out, len, (u32)flags);
	if (in.file)
		fd_put(in);
	if (out.file)
		fd_put(out);
	return ret;
}

/* ---- tee() ---- */

static s64 do_tee(struct file *in, struct file *out, u64 len, u32 flags)
{
	struct pipe *from = pipe_of(in), *to = pipe_of(out);
	bool nonblock = (flags & SPLICE_F_NONBLOCK) || ((in->flags | out->flags) & O_NONBLOCK);

	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (!from || !to || from == to)
		return -EINVAL;
	return pipe_to_pipe(from, to, len, nonblock, true);
}

SYSCALL4(tee, in_fd, out_fd, len, flags)
{
	struct fd_ref in, out;
	s64 ret = -EBADF;

	if ((u32)flags & ~SPLICE_FLAGS)
		return -EINVAL;
	if (!len)
		return 0;
	in = fd_get((u32)in_fd);
	out = fd_get((u32)out_fd);
	if (in.file && out.file)
		ret = do_tee(in.file, out.file, len, (u32)flags);
	if (in.file)
		fd_put(in);
	if (out.file)
		fd_put(out);
	return ret;
}

/* ---- vmsplice() ---- */

static s64 memory_to_pipe(struct pipe *p, struct uio *u, bool nonblock)
{
	s64 n = lock_output(p, nonblock);

	if (n)
		return n;
	n = pipe_put(p, u); /* a copy, also of what is a gift */
	mutex_unlock(&p->lock);
	if (n > 0)
		pipe_wake_readers(p);
	return n;
}

static s64 pipe_to_memory(struct pipe *p, struct uio *u, bool nonblock)
{
	bool was_full;
	s64 n;

	if (signal_pending())
		return -ERESTARTSYS;
	n = lock_input(p, nonblock);
	if (n <= 0)
		return n;
	was_full = pipe_room(p) < PIPE_BUF;
	n = pipe_take(p, u);
	mutex_unlock(&p->lock);
	if (n > 0)
		pipe_wake_writers(p, was_full);
	return n;
}

static s64 do_vmsplice(struct file *f, u64 iov, u64 nr, u32 flags)
{
	bool nonblock = flags & SPLICE_F_NONBLOCK;
	struct pipe *p = pipe_of(f);
	struct uio_list list;
	s64 ret;

	if (!(f->mode & (FMODE_READ | FMODE_WRITE)))
		return -EBADF;
	ret = uio_list_get(&list, uaddr(iov), nr);
	if (ret)
		return ret;
	if (!list.uio.count)
		ret = 0;
	else if (!p)
		ret = -EBADF;
	else if (f->mode & FMODE_WRITE)
		ret = memory_to_pipe(p, &list.uio, nonblock);
	else
		ret = pipe_to_memory(p, &list.uio, nonblock);
	uio_list_put(&list);
	return ret;
}

SYSCALL4(vmsplice, fd, iov, nr, flags)
{
	struct fd_ref r;
	s64 ret;

	if ((u32)flags & ~SPLICE_FLAGS)
		return -EINVAL;
	r = fd_get((u32)fd);
	if (!r.file)
		return -EBADF;
	ret = do_vmsplice(r.file, iov, nr, (u32)flags);
	fd_put(r);
	return ret;
}
