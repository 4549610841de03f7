// SPDX-License-Identifier: MIT
/*
 * How big pipes may be: F_SETPIPE_SZ and the limits of users.
 *
 * The limits are Linux's (pipe(7)): the size that a user may ask for, and the
 * pages that all pipes of a user may have. Beyond the soft limit new pipes are
 * small; beyond the hard limit none can be made. A pipe is counted with its
 * capacity, not with its content. The soft limit is at most an eighth of memory.
 */
#include <kernel/cred.h>
#include <kernel/fs/file.h>
#include <kernel/fs/pipe.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/wait.h>
#include <uapi/poll.h>
#include "pipe_ring.h"

#define PIPE_PAGES_MIN 2u /* of a user that has many */
#define SIZE_LIMIT     (1u << 31)

static u32 size_max = 1048576;			     /* pipe-max-size, bytes */
static u64 user_pages_soft = 16384, user_pages_hard; /* 0: no limit */

static bool is_privileged(void)
{
	return current_capable(CAP_SYS_RESOURCE) || current_capable(CAP_SYS_ADMIN);
}

static bool is_over_soft(u64 pages)
{
	u64 soft = READ_ONCE(user_pages_soft);
	struct mem_info mem;

	if (!soft)
		return false;
	mem_info_get(&mem);
	return pages > MIN(soft, mem.total / 8);
}

static bool is_over_hard(u64 pages)
{
	u64 hard = READ_ONCE(user_pages_hard);

	return hard && pages > hard;
}

/* A power of two of pages. @return bytes, 0: too many */
static u64 round_size(u64 size)
{
	u64 rounded = PAGE_SIZE;

	if (size > SIZE_LIMIT)
		return 0;
	while (rounded < size)
		rounded *= 2;
	return rounded;
}

u32 pipe_charge_new(const struct cred *cred)
{
	u64 allowed = READ_ONCE(size_max);
	u32 npages = PIPE_PAGES;
	u64 pages;

	if (PIPE_PAGES * PAGE_SIZE > allowed && !current_capable(CAP_SYS_RESOURCE))
		npages = (u32)(allowed >> PAGE_SHIFT);
	pages = cred_charge_pipe(cred, (s32)npages);
	if (npages > PIPE_PAGES_MIN && is_over_soft(pages) && !is_privileged()) {
		pages = cred_charge_pipe(cred, (s32)PIPE_PAGES_MIN - (s32)npages);
		npages = PIPE_PAGES_MIN;
	}
	if (!is_over_hard(pages) || is_privileged())
		return npages;
	pipe_uncharge(cred, npages);
	return 0;
}

void pipe_uncharge(const struct cred *cred, u32 npages)
{
	cred_charge_pipe(cred, -(s32)npages);
}

/* ---- fcntl() ---- */

s64 pipe_get_size(struct file *f)
{
	struct pipe *pipe = pipe_of(f);

	if (!pipe)
		return -EBADF;
	return (s64)(pipe->npages * PAGE_SIZE);
}

/* Move the pages into a ring of another size. Locked. */
static int pipe_resize(struct pipe *pipe, u32 npages)
{
	struct page **pages, *newest = NULL;
	u64 first = pipe->tail & ~(PAGE_SIZE - 1);
	u64 kept = pipe->npages * PAGE_SIZE - pipe->limit;
	bool shares = pipe->head - first > (u64)pipe->npages * PAGE_SIZE;

	if (pipe->head - first + kept > (u64)npages * PAGE_SIZE)
		return -EBUSY;
	pages = kcalloc(npages, sizeof(*pages));
	if (pages && shares) { /* the newest bytes get a page of their own */
		newest = page_alloc(PAGE_USER);
		if (!newest) {
			kfree(pages);
			pages = NULL;
		}
	}
	if (!pages)
		return -ENOMEM;
	for (u64 pos = first, i = 0; pos < pipe->head; pos += PAGE_SIZE, i++) {
		struct page **slots = pipe_slot(pipe, pos);

		pages[i] = *slots;
		*slots = NULL;
	}
	if (shares) {
		copy_page(page_address(newest), page_address(pages[0]));
		pages[pipe->npages] = newest;
	}
	for (u32 i = 0; i < pipe->npages; i++)
		if (pipe->pages[i])
			page_free(pipe->pages[i]);
	if (pipe->pages != pipe->one)
		kfree(pipe->pages);
	pipe->head -= first;
	pipe->tail -= first;
	pipe->pages = pages;
	pipe->npages = npages;
	pipe->limit = npages * PAGE_SIZE - kept;
	return 0;
}

static int charged_resize(struct pipe *pipe, u32 npages)
{
	s32 more = (s32)npages - (s32)pipe->npages;
	u64 pages = cred_charge_pipe(pipe->cred, more);
	int err;

	if (more > 0 && (is_over_soft(pages) || is_over_hard(pages)) && !is_privileged())
		err = -EPERM;
	else
		err = pipe_resize(pipe, npages);
	if (err)
		cred_charge_pipe(pipe->cred, -more);
	return err;
}

s64 pipe_set_size(struct file *f, u64 size)
{
	struct pipe *pipe = pipe_of(f);
	u64 rounded = round_size(size);
	int err = 0;

	if (!pipe)
		return -EBADF;
	if (!rounded)
		return -EINVAL;
	mutex_lock(&pipe->lock);
	if (rounded > pipe->npages * PAGE_SIZE && rounded > READ_ONCE(size_max) &&
	    !current_capable(CAP_SYS_RESOURCE))
		err = -EPERM;
	else
		err = charged_resize(pipe, (u32)(rounded >> PAGE_SHIFT));
	mutex_unlock(&pipe->lock);
	if (err)
		return err;
	wake_up_poll(&pipe->write_wait, POLLOUT | POLLWRNORM);
	return (s64)rounded;
}

/* ---- /proc/sys/fs ---- */

u64 pipe_limit_get(enum pipe_limit which)
{
	switch (which) {
	case PIPE_LIMIT_SIZE: return READ_ONCE(size_max);
	case PIPE_LIMIT_SOFT: return READ_ONCE(user_pages_soft);
	case PIPE_LIMIT_HARD: break;
	}
	return READ_ONCE(user_pages_hard);
}

int pipe_limit_set(enum pipe_limit which, u64 value)
{
	switch (which) {
	case PIPE_LIMIT_SIZE:
		value = round_size(value);
		if (!value)
			return -EINVAL;
		WRITE_ONCE(size_max, (u32)value);
		break;
	case PIPE_LIMIT_SOFT: WRITE_ONCE(user_pages_soft, value); break;
	case PIPE_LIMIT_HARD: WRITE_ONCE(user_pages_hard, value); break;
	}
	return 0;
}
