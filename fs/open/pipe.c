// SPDX-License-Identifier: MIT
/*
 * Pipes and FIFOs.
 *
 * A pipe is a ring of pages: head and tail count bytes since it was made, so
 * head - tail is what is in it. Pages are made when first written and dropped
 * when read past, all but one; an emptied pipe starts again at its first page,
 * so that small messages stay in one. Writes of up to PIPE_BUF bytes are
 * whole: they wait until all of it fits.
 *
 * splice() reads a file, or writes to one, without the lock, because the file may
 * be a driver's. Space for what it reads is reserved (->limit); what it writes to
 * the file stays at the tail, and readers wait meanwhile (->claimed).
 *
 * Lock: pipe->lock (mutex) guards all of it; user memory is touched under it.
 * An open file's position, which is not used otherwise, is the number of writers
 * that had opened the pipe before: poll() reports a hangup only after another one.
 * Waiting threads read head, tail, readers and writers without the lock, writers
 * first: a thread that sees no writer sees all that the last one wrote.
 * POSIX.1-2017, write(), "Pipes and FIFOs"; Linux pipe(7), fifo(7).
 */
#include <kernel/cred.h>
#include <kernel/fs/async.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/page_cache.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/pipe.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>
#include "pipe_ring.h"

static struct kmem_cache *pipe_cache;

void pipe_init(void)
{
	pipe_cache = kmem_cache_create("pipe", sizeof(struct pipe), 64);
	if (!pipe_cache)
		boot_stop("not enough memory for pipes");
}

static struct pipe *pipe_create(void)
{
	struct pipe *pipe = kmem_cache_zalloc(pipe_cache);

	if (!pipe)
		return NULL;
	mutex_init(&pipe->lock);
	wait_queue_init(&pipe->read_wait);
	wait_queue_init(&pipe->write_wait);
	wait_queue_init(&pipe->open_wait);
	async_list_init(&pipe->async_readers);
	async_list_init(&pipe->async_writers);
	pipe->cred = cred_get((struct cred *)current_cred());
	pipe->npages = pipe_charge_new(pipe->cred);
	if (!pipe->npages) {
		cred_put(pipe->cred);
		kmem_cache_free(pipe_cache, pipe);
		return NULL;
	}
	pipe->limit = pipe->npages * PAGE_SIZE;
	pipe->pages = pipe->one;
	return pipe;
}

static void pipe_free(struct pipe *pipe)
{
	for (u32 i = 0; i < pipe->npages; i++)
		if (pipe->pages[i])
			page_free(pipe->pages[i]);
	if (pipe->pages != pipe->one)
		kfree(pipe->pages);
	pipe_uncharge(pipe->cred, pipe->npages);
	cred_put(pipe->cred);
	kmem_cache_free(pipe_cache, pipe);
}

/* ---- reading ---- */

/* @got bytes at the tail, which is in @slot, have been taken. */
static inline __attribute__((always_inline)) void pipe_pass_slot(struct pipe *pipe,
								 struct page **slot, u64 got)
{
	pipe->tail += got;
	if (got && !(pipe->tail & (PAGE_SIZE - 1)) && pipe->head != pipe->tail &&
	    !pipe_head_shares_slot(pipe)) {
		page_free(*slot); /* read past */
		*slot = NULL;
	}
}

static __noinline void pipe_keep_page(struct pipe *pipe)
{
	struct page **slot = pipe_slot(pipe, pipe->tail - 1), *keep = *slot;

	*slot = NULL;
	if (pipe->pages[0])
		page_free(pipe->pages[0]);
	pipe->pages[0] = keep;
}

/* Empty: keep the page it ended in as the first, which it mostly is. */
static inline __attribute__((always_inline)) void pipe_begin_anew(struct pipe *pipe)
{
	if (pipe->tail > PAGE_SIZE)
		pipe_keep_page(pipe);
	pipe->head = pipe->tail = 0;
}

void pipe_consume(struct pipe *pipe, u64 count)
{
	assert_held(&pipe->lock);
	pipe_pass_slot(pipe, pipe_slot(pipe, pipe->tail), count);
	if (pipe->head == pipe->tail)
		pipe_begin_anew(pipe);
}

/* Inlined where read() runs it: splice() calls pipe_take(). */
static inline __attribute__((always_inline)) s64 pipe_take_page(struct pipe *pipe, struct uio *uio)
{
	u64 used = pipe->head - pipe->tail;
	s64 done = 0;

	assert_held(&pipe->lock);
	while (uio->count && used) {
		struct page **slot = pipe_slot(pipe, pipe->tail);
		u64 off = pipe->tail & (PAGE_SIZE - 1);
		u64 length = MIN(MIN(PAGE_SIZE - off, used), uio->count);
		u64 got = uio_transfer(UIO_OUT, uio, (u8 *)page_address(*slot) + off, length);

		pipe_pass_slot(pipe, slot, got);
		used -= got;
		done += got;
		if (got < length) {
			if (done)
				return done;
			return -EFAULT;
		}
	}
	if (!used)
		pipe_begin_anew(pipe);
	return done;
}

s64 pipe_take(struct pipe *pipe, struct uio *uio)
{
	return pipe_take_page(pipe, uio);
}

static inline __attribute__((always_inline)) void wake_writers(struct pipe *pipe, bool was_full)
{
	if ((was_full || wait_queue_active(&pipe->write_wait)) && pipe_room(pipe) >= PIPE_BUF)
		wake_up_poll(&pipe->write_wait, POLLOUT | POLLWRNORM);
	async_notify(&pipe->async_writers, POLL_OUT);
}

void pipe_wake_writers(struct pipe *pipe, bool was_full)
{
	wake_writers(pipe, was_full);
}

void pipe_wake_readers(struct pipe *pipe)
{
	wake_up_poll(&pipe->read_wait, POLLIN | POLLRDNORM);
	async_notify(&pipe->async_readers, POLL_IN);
}

/* Until splice() has handed on what it claimed. @return 0, -ERESTARTSYS */
static __noinline int pipe_wait_unclaimed(struct pipe *pipe)
{
	return wait_event_interruptible(&pipe->read_wait, !READ_ONCE(pipe->claimed));
}

static s64 pipe_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct pipe *pipe = f->private;
	s64 done = 0;

	if (!uio->count)
		return 0;
	for (;;) {
		bool last = pipe_ended(pipe);
		u64 room;
		int err;

		if (pipe_used(pipe)) {
			mutex_lock(&pipe->lock);
			if (unlikely(pipe->claimed)) {
				mutex_unlock(&pipe->lock);
				err = pipe_wait_unclaimed(pipe);
				if (err)
					return err;
				continue;
			}
			done = pipe_take_page(pipe, uio);
			room = pipe_room(pipe);
			mutex_unlock(&pipe->lock);
			if (done > 0)
				wake_writers(pipe, room - (u64)done < PIPE_BUF);
		}
		if (done || last)
			return done;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&pipe->read_wait,
					       pipe_used(pipe) || !READ_ONCE(pipe->writers));
		if (err)
			return err;
	}
}

/* ---- writing ---- */

/* @room: bytes that fit, at least one, as there is in @uio. */
static inline __attribute__((always_inline)) s64 pipe_put_page(struct pipe *pipe, struct uio *uio,
							       u64 room)
{
	s64 done = 0;

	do {
		struct page **slot = pipe_slot(pipe, pipe->head);
		u64 off = pipe->head & (PAGE_SIZE - 1);
		u64 length = MIN(MIN(PAGE_SIZE - off, room), uio->count);
		u64 got;

		if (!*slot)
			*slot = page_alloc_patiently(0);
		if (!*slot) {
			if (done)
				return done;
			return -ENOMEM;
		}
		got = uio_transfer(UIO_IN, uio, (u8 *)page_address(*slot) + off, length);
		pipe->head += got;
		room -= got;
		done += got;
		if (got < length) {
			if (done)
				return done;
			return -EFAULT;
		}
	} while (uio->count && room);
	return done;
}

s64 pipe_put(struct pipe *pipe, struct uio *uio)
{
	u64 room = pipe_room(pipe);

	assert_held(&pipe->lock);
	if (!room || !uio->count)
		return 0;
	return pipe_put_page(pipe, uio, room);
}

/* The space that a write of @p wanted bytes waits for. */
static u64 pipe_room_wanted(u64 wanted)
{
	if (wanted <= PIPE_BUF)
		return wanted;
	return 1;
}

static s64 pipe_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct pipe *pipe = f->private;
	u64 want = pipe_room_wanted(uio->count);
	s64 total = 0;

	if (!uio->count)
		return 0;
	for (;;) {
		bool was_empty;
		s64 written = 0;
		u64 room;
		int err;

		mutex_lock(&pipe->lock);
		if (!pipe->readers) {
			mutex_unlock(&pipe->lock);
			if (total)
				return total;
			signal_send_thread(current, SIGPIPE, NULL);
			return -EPIPE;
		}
		room = pipe_room(pipe);
		if (room >= want)
			written = pipe_put_page(pipe, uio, room);
		was_empty = pipe_used(pipe) == (u64)written;
		mutex_unlock(&pipe->lock);
		if (written > 0 && (was_empty || wait_queue_active(&pipe->read_wait)))
			wake_up_poll(&pipe->read_wait, POLLIN | POLLRDNORM);
		if (written > 0)
			async_notify(&pipe->async_readers, POLL_IN);
		if (written < 0) {
			if (total)
				return total;
			return written;
		}
		total += written;
		if (!uio->count)
			return total;
		want = pipe_room_wanted(uio->count);
		if (total && want > 1)
			want = 1; /* the rest of a large write may be written in pieces */
		if (f->flags & O_NONBLOCK) {
			if (total)
				return total;
			return -EAGAIN;
		}
		err = wait_event_interruptible(
			&pipe->write_wait, pipe_room(pipe) >= want || !READ_ONCE(pipe->readers));
		if (err) {
			if (total)
				return total;
			return err;
		}
	}
}

/* ---- the rest ---- */

static inline u32 pipe_events(const struct file *f)
{
	const struct pipe *pipe = f->private;
	u32 events = 0;

	if (f->mode & FMODE_READ) {
		if (pipe_ended(pipe) && pipe->writer_opens != f->pos)
			events |= POLLHUP;
		if (pipe_used(pipe))
			events |= POLLIN | POLLRDNORM;
	}
	if (f->mode & FMODE_WRITE) {
		if (pipe_room(pipe) >= PIPE_BUF)
			events |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(pipe->readers))
			events |= POLLERR;
	}
	return events;
}

static __noinline u32 pipe_poll_register(struct file *f, struct poll_table *table)
{
	struct pipe *pipe = f->private;

	if (f->mode & FMODE_READ)
		poll_wait(table, &pipe->read_wait);
	if (f->mode & FMODE_WRITE)
		poll_wait(table, &pipe->write_wait);
	return pipe_events(f);
}

static u32 pipe_poll(struct file *f, struct poll_table *table)
{
	if (unlikely(table))
		return pipe_poll_register(f, table);
	return pipe_events(f);
}

static int pipe_async(struct file *f, s32 fd, bool enable)
{
	struct pipe *pipe = f->private;
	int err = 0;

	if (f->mode & FMODE_READ)
		err = async_list_set(&pipe->async_readers, f, fd, enable);
	if (!err && f->mode & FMODE_WRITE)
		err = async_list_set(&pipe->async_writers, f, fd, enable);
	if (err) /* half of it */
		(void)pipe_async(f, fd, false);
	return err;
}

static s64 pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *pipe = f->private;

	if (cmd != 0x541b) /* FIONREAD */
		return -ENOTTY;
	return put_user_u32(uaddr(arg), MIN(pipe_used(pipe), 0x7ffffffful));
}

static void pipe_attach(struct pipe *pipe, u32 mode)
{
	pipe->files++;
	if (mode & FMODE_READ) {
		pipe->readers++;
		pipe->reader_opens++;
	}
	if (mode & FMODE_WRITE) {
		pipe->writers++;
		pipe->writer_opens++;
	}
}

static void pipe_release(struct file *f)
{
	struct pipe *pipe = f->private;
	bool last;

	mutex_lock(&f->inode->lock);
	mutex_lock(&pipe->lock);
	if (f->mode & FMODE_READ)
		pipe->readers--;
	if (f->mode & FMODE_WRITE)
		pipe->writers--;
	last = !--pipe->files;
	mutex_unlock(&pipe->lock);
	if (last) {
		f->inode->pipe = NULL;
		pipe_free(pipe);
	} else {
		wake_up_key(&pipe->read_wait, 0, POLLIN | POLLRDNORM | POLLHUP);
		wake_up_key(&pipe->write_wait, 0, POLLOUT | POLLWRNORM | POLLERR);
		async_notify(&pipe->async_readers, POLL_IN);
		async_notify(&pipe->async_writers, POLL_OUT);
	}
	mutex_unlock(&f->inode->lock); /* until here no other thread can have been the last */
}

/* A FIFO by name, or a pipe through /proc: both ends must exist, unless O_NONBLOCK or O_RDWR. */
static int pipe_open(struct inode *inode, struct file *f)
{
	struct pipe *pipe;
	bool there;
	u64 seen;
	int err = 0;

	mutex_lock(&inode->lock);
	if (!inode->pipe)
		inode->pipe = pipe_create();
	pipe = inode->pipe;
	if (!pipe) {
		mutex_unlock(&inode->lock);
		return -ENOMEM;
	}
	if ((f->mode & FMODE_WRITE) && !(f->mode & FMODE_READ) && (f->flags & O_NONBLOCK) &&
	    !pipe->readers && !pipe->anonymous) {
		if (!pipe->files) {
			inode->pipe = NULL;
			pipe_free(pipe);
		}
		mutex_unlock(&inode->lock);
		return -ENXIO;
	}
	mutex_lock(&pipe->lock);
	pipe_attach(pipe, f->mode);
	/* From here on the other end may be closed, or opened and closed again. */
	if (f->mode & FMODE_READ) {
		there = pipe->writers;
		seen = pipe->writer_opens;
	} else {
		there = pipe->readers;
		seen = pipe->reader_opens;
	}
	mutex_unlock(&pipe->lock);
	f->private = pipe;
	f->mode |= FMODE_STREAM;
	/* A reader that did not wait for writers gets no hangup for those that closed before. */
	if (!there && f->mode & FMODE_READ && f->flags & O_NONBLOCK)
		f->pos = seen;
	else
		f->pos = 0;
	mutex_unlock(&inode->lock);
	wake_up_all(&pipe->open_wait);
	if (there || pipe->anonymous)
		return 0;
	if ((f->mode & FMODE_READ) && !(f->flags & O_NONBLOCK))
		err = wait_event_interruptible(&pipe->open_wait,
					       READ_ONCE(pipe->writer_opens) != seen);
	else if (f->mode & FMODE_WRITE)
		err = wait_event_interruptible(&pipe->open_wait,
					       READ_ONCE(pipe->reader_opens) != seen);
	if (err)
		pipe_release(f);
	return err;
}

const struct file_ops pipe_fops = {
	.open = pipe_open,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
	.async = pipe_async,
};

/* ---- system calls ---- */

static int pipe_files(struct file *out[2], u32 flags)
{
	struct pipe *pipe = pipe_create();

	if (!pipe)
		return -ENFILE; /* as on Linux, whichever resource is missing */
	out[0] = file_create_anon("pipe", &pipe_fops, pipe, O_RDONLY | (flags & O_NONBLOCK));
	if (IS_ERR(out[0])) {
		pipe_free(pipe);
		return PTR_ERR(out[0]);
	}
	pipe_attach(pipe, FMODE_READ);
	pipe->anonymous = true;
	out[0]->inode->pipe = pipe;
	out[0]->inode->fops = &pipe_fops;
	out[1] = file_create_anon_pair(out[0], &pipe_fops, pipe, O_WRONLY | (flags & O_NONBLOCK));
	if (IS_ERR(out[1])) {
		file_put(out[0]);
		return PTR_ERR(out[1]);
	}
	pipe_attach(pipe, FMODE_WRITE);
	return 0;
}

static s64 do_pipe(uaddr_t fds, u32 flags)
{
	struct file *ends[2];
	s32 fd[2];
	int err;

	/* O_DIRECT (packets) is refused, as by Linux before 3.4. */
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err = pipe_files(ends, flags);
	if (err)
		return err;
	fd[0] = fd_install(ends[0], 0, flags & O_CLOEXEC);
	if (fd[0] < 0) {
		file_put(ends[0]);
		file_put(ends[1]);
		return fd[0];
	}
	fd[1] = fd_install(ends[1], 0, flags & O_CLOEXEC);
	if (fd[1] < 0) {
		fd_close(fd[0]);
		file_put(ends[1]);
		return fd[1];
	}
	err = copy_to_user(fds, fd, sizeof(fd));
	if (err) {
		fd_close(fd[0]);
		fd_close(fd[1]);
	}
	return err;
}

SYSCALL1(pipe, fds)
{
	return do_pipe(uaddr(fds), 0);
}
SYSCALL2(pipe2, fds, flags)
{
	return do_pipe(uaddr(fds), (u32)flags);
}
