/* SPDX-License-Identifier: MIT */
/** @file pipe_ring.h  The inside of a pipe, for what moves data through it (pipe.c, pipe_size.c, splice.c). */
#pragma once
#include <kernel/fs/async.h>
#include <kernel/fs/file.h>
#include <kernel/fs/pipe.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/wait.h>

#define PIPE_BUF   4096u
#define PIPE_PAGES 16u /* 64 KiB, as Linux */

struct pipe {
	struct mutex lock;
	u64 head, tail;
	u64 limit;  /* bytes it may hold: its size less what splice() keeps free */
	u32 npages; /* a power of two */
	struct page **pages;
	struct page *one[PIPE_PAGES];	/* ->pages until it is resized */
	u32 readers, writers;		/* open files */
	u32 files;			/* in all: the last frees */
	struct cred *cred;		/* whose share of pages it is */
	bool anonymous;			/* of pipe(): an open through /proc does not wait */
	bool claimed;			/* splice() hands its oldest bytes to a file: others wait */
	u64 reader_opens, writer_opens; /* since it was made: for a FIFO's open() */
	struct wait_queue read_wait, write_wait, open_wait;
	struct async_list async_readers, async_writers;
};

static inline u64 pipe_used(const struct pipe *pipe)
{
	return READ_ONCE(pipe->head) - READ_ONCE(pipe->tail);
}
static inline u64 pipe_room(const struct pipe *pipe)
{
	return READ_ONCE(pipe->limit) - pipe_used(pipe);
}
/** No writer is left: from now on pipe_used() only decreases. */
static inline bool pipe_ended(const struct pipe *pipe)
{
	bool no_writers = !READ_ONCE(pipe->writers);

	smp_rmb(); /* pairs with the lock that writers put their bytes and leave under */
	return no_writers;
}
static inline struct page **pipe_slot(struct pipe *pipe, u64 pos)
{
	return &pipe->pages[pos >> PAGE_SHIFT & (pipe->npages - 1)];
}
/** In a full ring the newest bytes lie in front of the oldest, in one page. */
static inline bool pipe_head_shares_slot(const struct pipe *pipe)
{
	return pipe->head - pipe->tail > (u64)(pipe->npages - 1) * PAGE_SIZE;
}

/* ---- pipe.c ---- */

/** The pipe that @p f is an end of; NULL: it is none. */
static inline struct pipe *pipe_of(const struct file *f)
{
	if (f->ops != &pipe_fops)
		return NULL;
	return f->private;
}
/** Copy out what there is, up to the request. Under ->lock. @return bytes, -EFAULT */
s64 __must_check pipe_take(struct pipe *pipe, struct uio *uio);
/** Copy in what fits. Under ->lock. @return bytes, -EFAULT, -ENOMEM */
s64 __must_check pipe_put(struct pipe *pipe, struct uio *uio);
/** @brief Remove @p count of the oldest bytes, all in one page. Under ->lock. */
void pipe_consume(struct pipe *pipe, u64 count);
/** @brief Wake writers after bytes were taken, without the lock. @param was_full  true: less than PIPE_BUF was free before */
void pipe_wake_writers(struct pipe *pipe, bool was_full);
/** After putting bytes, without the lock. */
void pipe_wake_readers(struct pipe *pipe);

/* ---- pipe_size.c: limits ---- */

/**
 * Pages for a new pipe of the current user, charged to @p cred.
 * @return how many, or 0: more than pipe-user-pages-hard
 */
u32 pipe_charge_new(const struct cred *cred);
/** Free them. */
void pipe_uncharge(const struct cred *cred, u32 npages);
