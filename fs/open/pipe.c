/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs.
 *
 * A pipe is a ring of pages: head and tail count bytes since it was made, so
 * head - tail is what is in it. Pages are made when first written and dropped
 * when read past, all but one; an emptied pipe starts again at its first page,
 * so that small messages stay in one. Writes of up to PIPE_BUF bytes are
 * whole: they wait for room for all of it.
 *
 * splice() reads a file, or writes to one, without the lock: a driver may be
 * behind it. What it is about to put in is kept free (->limit), what it hands
 * over stays at the tail, and readers wait meanwhile (->claimed).
 *
 * Lock: pipe->lock (mutex) guards all of it; user memory is touched under it.
 * An open file's position, which a pipe has no other use for, is the number of
 * writers that had come before it: it tells of a hangup only once there are others.
 * The sleepers look at head, tail, readers and writers without it. Who does so
 * looks for writers first: what the last one wrote is seen by all who see it gone.
 * POSIX.1-2017, write(), "Pipes and FIFOs"; Linux pipe(7), fifo(7).
 */
#include <kernel/cred.h>
#include <kernel/fs/async.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
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
	struct pipe *p = kmem_cache_zalloc(pipe_cache);

	if (!p)
		return NULL;
	mutex_init(&p->lock);
	wait_queue_init(&p->read_wait);
	wait_queue_init(&p->write_wait);
	wait_queue_init(&p->open_wait);
	async_list_init(&p->async_readers);
	async_list_init(&p->async_writers);
	p->cred = cred_get((struct cred *)current_cred());
	p->npages = pipe_charge_new(p->cred);
	if (!p->npages) {
		cred_put(p->cred);
		kmem_cache_free(pipe_cache, p);
		return NULL;
	}
	p->limit = p->npages * PAGE_SIZE;
	p->pages = p->one;
	return p;
}

static void pipe_free(struct pipe *p)
{
	for (u32 i = 0; i < p->npages; i++)
		if (p->pages[i])
			page_free(p->pages[i]);
	if (p->pages != p->one)
		kfree(p->pages);
	pipe_uncharge(p->cred, p->npages);
	cred_put(p->cred);
	kmem_cache_free(pipe_cache, p);
}

/* ---- reading ---- */

/* @got bytes at the tail have been taken. */
static inline __attribute__((always_inline)) void pass(struct pipe *p, u64 got)
{
	struct page **s = pipe_slot(p, p->tail);

	p->tail += got;
	if (got && !(p->tail & (PAGE_SIZE - 1)) && p->head != p->tail &&
	    !pipe_head_shares_slot(p)) {
		page_free(*s); /* read past */
		*s = NULL;
	}
}

/* Empty: keep the page it ended in as the first. */
static inline __attribute__((always_inline)) void begin_anew(struct pipe *p)
{
	struct page **s = pipe_slot(p, p->tail ? p->tail - 1 : 0), *keep = *s;

	*s = NULL;
	if (p->pages[0])
		page_free(p->pages[0]);
	p->pages[0] = keep;
	p->head = p->tail = 0;
}

void pipe_consume(struct pipe *p, u64 n)
{
	pass(p, n);
	if (p->head == p->tail)
		begin_anew(p);
}

/* Inlined where read() runs it: splice() goes through pipe_take(). */
static inline __attribute__((always_inline)) s64 take(struct pipe *p, struct uio *u)
{
	s64 done = 0;

	while (u->count && p->head != p->tail) {
		struct page **s = pipe_slot(p, p->tail);
		u64 off = p->tail & (PAGE_SIZE - 1);
		u64 n = MIN(MIN(PAGE_SIZE - off, p->head - p->tail), u->count);
		u64 got = uio_copy_out(u, (u8 *)page_address(*s) + off, n);

		pass(p, got);
		done += got;
		if (got < n)
			return done ? done : -EFAULT;
	}
	if (p->head == p->tail)
		begin_anew(p);
	return done;
}

s64 pipe_take(struct pipe *p, struct uio *u)
{
	return take(p, u);
}

static inline __attribute__((always_inline)) void wake_writers(struct pipe *p, bool was_full)
{
	if ((was_full || wait_queue_active(&p->write_wait)) && pipe_room(p) >= PIPE_BUF)
		wake_up_poll(&p->write_wait, POLLOUT | POLLWRNORM);
	async_notify(&p->async_writers, POLL_OUT);
}

void pipe_wake_writers(struct pipe *p, bool was_full)
{
	wake_writers(p, was_full);
}

void pipe_wake_readers(struct pipe *p)
{
	wake_up_poll(&p->read_wait, POLLIN | POLLRDNORM);
	async_notify(&p->async_readers, POLL_IN);
}

static s64 pipe_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->private;
	s64 done = 0;

	if (!u->count)
		return 0;
	for (;;) {
		bool was_full, last = pipe_ended(p);
		int err;

		if (pipe_used(p)) {
			mutex_lock(&p->lock);
			if (unlikely(p->claimed)) {
				mutex_unlock(&p->lock);
				err = wait_event_interruptible(&p->read_wait,
							       !READ_ONCE(p->claimed));
				if (err)
					return err;
				continue;
			}
			was_full = pipe_room(p) < PIPE_BUF;
			done = take(p, u);
			mutex_unlock(&p->lock);
			if (done > 0)
				wake_writers(p, was_full);
		}
		if (done || last)
			return done;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&p->read_wait,
					       pipe_used(p) || !READ_ONCE(p->writers));
		if (err)
			return err;
	}
}

/* ---- writing ---- */

static inline __attribute__((always_inline)) s64 put(struct pipe *p, struct uio *u)
{
	s64 done = 0;

	while (u->count && pipe_room(p)) {
		struct page **s = pipe_slot(p, p->head);
		u64 off = p->head & (PAGE_SIZE - 1);
		u64 n = MIN(MIN(PAGE_SIZE - off, pipe_room(p)), u->count);
		u64 got;

		if (!*s)
			*s = page_alloc(PAGE_USER);
		if (!*s)
			return done ? done : -ENOMEM;
		got = uio_copy_in(u, (u8 *)page_address(*s) + off, n);
		p->head += got;
		done += got;
		if (got < n)
			return done ? done : -EFAULT;
	}
	return done;
}

s64 pipe_put(struct pipe *p, struct uio *u)
{
	return put(p, u);
}

/* How much room a write of @p n bytes waits for. */
static u64 room_wanted(u64 n)
{
	return n <= PIPE_BUF ? n : 1;
}

static s64 pipe_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->private;
	u64 want = room_wanted(u->count);
	s64 total = 0;

	if (!u->count)
		return 0;
	for (;;) {
		bool was_empty = false;
		s64 n = 0;
		int err;

		mutex_lock(&p->lock);
		if (!p->readers) {
			mutex_unlock(&p->lock);
			if (total)
				return total;
			signal_send_thread(current, SIGPIPE, NULL);
			return -EPIPE;
		}
		if (pipe_room(p) >= want) {
			was_empty = !pipe_used(p);
			n = put(p, u);
		}
		mutex_unlock(&p->lock);
		if (n > 0 && (was_empty || wait_queue_active(&p->read_wait)))
			wake_up_poll(&p->read_wait, POLLIN | POLLRDNORM);
		if (n > 0)
			async_notify(&p->async_readers, POLL_IN);
		if (n < 0)
			return total ? total : n;
		total += n;
		if (!u->count)
			return total;
		want = room_wanted(u->count);
		if (total && want > 1)
			want = 1; /* the rest of a large write comes in pieces */
		if (f->flags & O_NONBLOCK)
			return total ? total : -EAGAIN;
		err = wait_event_interruptible(&p->write_wait,
					       pipe_room(p) >= want || !READ_ONCE(p->readers));
		if (err)
			return total ? total : err;
	}
}

/* ---- the rest ---- */

static __noinline void poll_register(struct pipe *p, u32 mode, struct poll_table *t)
{
	if (mode & FMODE_READ)
		poll_wait(t, &p->read_wait);
	if (mode & FMODE_WRITE)
		poll_wait(t, &p->write_wait);
}

static u32 pipe_poll(struct file *f, struct poll_table *t)
{
	struct pipe *p = f->private;
	u32 events = 0;

	if (unlikely(t))
		poll_register(p, f->mode, t);
	if (f->mode & FMODE_READ) {
		if (pipe_ended(p) && p->writer_opens != f->pos)
			events |= POLLHUP;
		if (pipe_used(p))
			events |= POLLIN | POLLRDNORM;
	}
	if (f->mode & FMODE_WRITE) {
		if (pipe_room(p) >= PIPE_BUF)
			events |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(p->readers))
			events |= POLLERR;
	}
	return events;
}

static int pipe_async(struct file *f, s32 fd, bool on)
{
	struct pipe *p = f->private;
	int err = 0;

	if (f->mode & FMODE_READ)
		err = async_list_set(&p->async_readers, f, fd, on);
	if (!err && f->mode & FMODE_WRITE)
		err = async_list_set(&p->async_writers, f, fd, on);
	if (err) /* half of it */
		(void)pipe_async(f, fd, false);
	return err;
}

static s64 pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->private;

	if (cmd != 0x541b) /* FIONREAD */
		return -ENOTTY;
	return put_user_u32(uaddr(arg), MIN(pipe_used(p), 0x7ffffffful));
}

static void attach(struct pipe *p, u32 mode)
{
	p->files++;
	if (mode & FMODE_READ) {
		p->readers++;
		p->reader_opens++;
	}
	if (mode & FMODE_WRITE) {
		p->writers++;
		p->writer_opens++;
	}
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->private;
	bool last;

	mutex_lock(&f->inode->lock);
	mutex_lock(&p->lock);
	if (f->mode & FMODE_READ)
		p->readers--;
	if (f->mode & FMODE_WRITE)
		p->writers--;
	last = !--p->files;
	mutex_unlock(&p->lock);
	if (last) {
		f->inode->pipe = NULL;
		pipe_free(p);
	} else {
		wake_up_key(&p->read_wait, 0, POLLIN | POLLRDNORM | POLLHUP);
		wake_up_key(&p->write_wait, 0, POLLOUT | POLLWRNORM | POLLERR);
		async_notify(&p->async_readers, POLL_IN);
		async_notify(&p->async_writers, POLL_OUT);
	}
	mutex_unlock(&f->inode->lock); /* until now nobody else can have been the last */
}

/* A FIFO by name, or a pipe through /proc: both ends have to be there, unless O_NONBLOCK or O_RDWR. */
static int pipe_open(struct inode *inode, struct file *f)
{
	struct pipe *p;
	bool there;
	u64 seen;
	int err = 0;

	mutex_lock(&inode->lock);
	if (!inode->pipe)
		inode->pipe = pipe_create();
	p = inode->pipe;
	if (!p) {
		mutex_unlock(&inode->lock);
		return -ENOMEM;
	}
	if ((f->mode & FMODE_WRITE) && !(f->mode & FMODE_READ) && (f->flags & O_NONBLOCK) &&
	    !p->readers && !p->anonymous) {
		if (!p->files) {
			inode->pipe = NULL;
			pipe_free(p);
		}
		mutex_unlock(&inode->lock);
		return -ENXIO;
	}
	mutex_lock(&p->lock);
	attach(p, f->mode);
	/* The other end may go, or come and go again, from here on. */
	there = f->mode & FMODE_READ ? p->writers : p->readers;
	seen = f->mode & FMODE_READ ? p->writer_opens : p->reader_opens;
	mutex_unlock(&p->lock);
	f->private = p;
	f->mode |= FMODE_STREAM;
	/* Writers that had gone before are no hangup for who did not wait for any. */
	f->pos = !there && f->mode & FMODE_READ && f->flags & O_NONBLOCK ? seen : 0;
	mutex_unlock(&inode->lock);
	wake_up_all(&p->open_wait);
	if (there || p->anonymous)
		return 0;
	if ((f->mode & FMODE_READ) && !(f->flags & O_NONBLOCK))
		err = wait_event_interruptible(&p->open_wait, READ_ONCE(p->writer_opens) != seen);
	else if (f->mode & FMODE_WRITE)
		err = wait_event_interruptible(&p->open_wait, READ_ONCE(p->reader_opens) != seen);
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
	struct pipe *p = pipe_create();

	if (!p)
		return -ENFILE; /* what Linux says, whatever is missing */
	out[0] = file_create_anon("pipe", &pipe_fops, p, O_RDONLY | (flags & O_NONBLOCK));
	if (IS_ERR(out[0])) {
		pipe_free(p);
		return PTR_ERR(out[0]);
	}
	attach(p, FMODE_READ);
	p->anonymous = true;
	out[0]->inode->pipe = p;
	out[0]->inode->fops = &pipe_fops;
	out[1] = file_create_anon_pair(out[0], &pipe_fops, p, O_WRONLY | (flags & O_NONBLOCK));
	if (IS_ERR(out[1])) {
		file_put(out[0]);
		return PTR_ERR(out[1]);
	}
	attach(p, FMODE_WRITE);
	return 0;
}

static s64 do_pipe(uaddr_t fds, u32 flags)
{
	struct file *f[2];
	s32 fd[2];
	int err;

	/* O_DIRECT (packets) is refused, as by Linux before 3.4. */
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err = pipe_files(f, flags);
	if (err)
		return err;
	fd[0] = fd_install(f[0], 0, flags & O_CLOEXEC);
	if (fd[0] < 0) {
		file_put(f[0]);
		file_put(f[1]);
		return fd[0];
	}
	fd[1] = fd_install(f[1], 0, flags & O_CLOEXEC);
	if (fd[1] < 0) {
		fd_close(fd[0]);
		file_put(f[1]);
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
