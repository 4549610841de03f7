/* SPDX-License-Identifier: MIT */
/*
 * epoll: a set of files that reports those that are ready, at a cost that
 * grows with the ready ones.
 *
 * An item stands for one descriptor in one set. It is registered on the wait
 * queues of its file for good; a wake-up there puts it on the set's ready list.
 * epoll_wait() asks each ready item's file again; a level-triggered one that
 * was ready stays on the list. Items go when the descriptor's file goes.
 *
 * Locks, outermost first: epoll_mutex (sets and files let go of each other);
 * ep->lock (mutex: items); a file's wait queue; ep->ready_lock (spin, interrupts
 * off: the ready list). A set may hold sets that hold none: no cycles.
 * Linux epoll(7), epoll_ctl(2), epoll_wait(2).
 */
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/rbtree.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <uapi/time.h>
#include "files.h"

#define ITEM_QUEUES	2		/* wait queues a file's poll method names at most */
#define MAX_EVENTS	(0x7fffffff / sizeof(struct user_epoll_event))
#define PRIVATE_BITS	(EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define POLL_ALWAYS	(POLLERR | POLLHUP)

struct eventpoll {
	struct mutex lock;
	struct rb_root items;
	spinlock_t ready_lock;
	struct list ready;
	struct wait_queue wait;		/* epoll_wait() and poll() of the set's own descriptor */
	u32 nested_sets, held_by_sets;
};

struct eventpoll_item {
	struct rb_node node;		/* by file, then descriptor */
	struct file *file;		/* not counted: eventpoll_release() comes first */
	u32 fd;
	u32 events;
	u64 data;
	struct eventpoll *ep;
	struct list ready_link;		/* empty: not ready */
	struct eventpoll_item *next_of_file;
	struct poll_table table;
	u32 nr_queues;
	bool too_many;
	struct { struct waiter waiter; struct wait_queue *queue; } queue[ITEM_QUEUES];
};

static DEFINE_MUTEX(epoll_mutex);
static const struct file_ops epoll_fops;

/* ---- readiness ---- */

static void make_ready(struct eventpoll_item *i)
{
	u64 flags = spin_lock_irqsave(&i->ep->ready_lock);

	if (list_empty(&i->ready_link))
		list_add_tail(&i->ready_link, &i->ep->ready);
	spin_unlock_irqrestore(&i->ep->ready_lock, flags);
	wake_up_poll(&i->ep->wait, POLLIN | POLLRDNORM);
}

static bool item_wake(struct waiter *w, u64 key)
{
	struct eventpoll_item *i = w->private;

	if (!key || (key & (i->events | POLL_ALWAYS)))
		make_ready(i);
	return true;
}

static void item_add_queue(struct poll_table *t, struct wait_queue *q)
{
	struct eventpoll_item *i = container_of(t, struct eventpoll_item, table);
	u32 n = i->nr_queues;

	if (n == ITEM_QUEUES) {
		i->too_many = true;
		return;
	}
	waiter_init(&i->queue[n].waiter);
	i->queue[n].waiter.wake = item_wake;
	i->queue[n].waiter.private = i;
	i->queue[n].queue = q;
	i->nr_queues++;
	wait_queue_add(q, &i->queue[n].waiter);
}

static u32 item_poll(struct eventpoll_item *i, bool hook)
{
	i->table.events = 0;
	return file_poll(i->file, hook ? &i->table : NULL) & (i->events | POLL_ALWAYS);
}

/* ---- items; ep->lock held ---- */

static struct eventpoll_item *item_find(struct eventpoll *ep, const struct file *f, u32 fd,
					struct rb_node **parent, struct rb_node ***link)
{
	struct rb_node **at = &ep->items.node, *above = NULL;

	while (*at) {
		struct eventpoll_item *i = rb_entry(*at, struct eventpoll_item, node);

		if (i->file == f && i->fd == fd)
			return i;
		above = *at;
		at = (u64)f < (u64)i->file || (f == i->file && fd < i->fd) ? &above->left : &above->right;
	}
	if (parent) {
		*parent = above;
		*link = at;
	}
	return NULL;
}

/* epoll_mutex and ep->lock held. */
static void item_remove(struct eventpoll_item *i)
{
	struct eventpoll_item **p = &i->file->eventpoll;
	u64 flags;

	for (u32 n = 0; n < i->nr_queues; n++)
		wait_queue_remove(i->queue[n].queue, &i->queue[n].waiter);
	flags = spin_lock_irqsave(&i->ep->ready_lock);
	list_del(&i->ready_link);
	spin_unlock_irqrestore(&i->ep->ready_lock, flags);
	while (*p != i)
		p = &(*p)->next_of_file;
	*p = i->next_of_file;
	if (i->file->ops == &epoll_fops) {
		i->ep->nested_sets--;
		((struct eventpoll *)i->file->private)->held_by_sets--;
	}
	rb_erase(&i->ep->items, &i->node);
	kfree(i);
}

static int check_nesting(struct eventpoll *ep, struct file *f)
{
	struct eventpoll *inner = f->private;

	if (f->ops != &epoll_fops)
		return 0;
	if (inner == ep)
		return -EINVAL;
	return inner->nested_sets || ep->held_by_sets ? -ELOOP : 0;
}

static int item_create(struct eventpoll *ep, struct file *f, u32 fd, const struct user_epoll_event *e)
{
	struct rb_node *parent, **link;
	struct eventpoll_item *i;
	int err = check_nesting(ep, f);

	if (err)
		return err;
	if (item_find(ep, f, fd, &parent, &link))
		return -EEXIST;
	i = kzalloc(sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->file = f;
	i->fd = fd;
	i->events = e->events;
	i->data = e->data;
	i->ep = ep;
	list_init(&i->ready_link);
	i->table.add = item_add_queue;
	rb_insert(&ep->items, &i->node, parent, link);
	i->next_of_file = f->eventpoll;
	f->eventpoll = i;
	if (f->ops == &epoll_fops) {
		ep->nested_sets++;
		((struct eventpoll *)f->private)->held_by_sets++;
	}
	if (item_poll(i, true))
		make_ready(i);
	if (i->too_many) {
		item_remove(i);
		return -ENOMEM;
	}
	return 0;
}

static int item_modify(struct eventpoll_item *i, const struct user_epoll_event *e)
{
	if ((i->events | e->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	i->events = e->events;
	i->data = e->data;
	if (item_poll(i, false))
		make_ready(i);
	return 0;
}

void eventpoll_release(struct file *f)
{
	mutex_lock(&epoll_mutex);
	while (f->eventpoll) {
		struct eventpoll *ep = f->eventpoll->ep;

		mutex_lock(&ep->lock);
		item_remove(f->eventpoll);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&epoll_mutex);
}

/* ---- the set as a file ---- */

static void epoll_release(struct file *f)
{
	struct eventpoll *ep = f->private;
	struct rb_node *n;

	mutex_lock(&epoll_mutex);
	mutex_lock(&ep->lock);
	while ((n = rb_first(&ep->items)))
		item_remove(rb_entry(n, struct eventpoll_item, node));
	mutex_unlock(&ep->lock);
	mutex_unlock(&epoll_mutex);
	kfree(ep);
}

static u32 epoll_poll(struct file *f, struct poll_table *t)
{
	struct eventpoll *ep = f->private;

	poll_wait(t, &ep->wait);
	return list_empty(&ep->ready) ? 0 : POLLIN | POLLRDNORM;
}

static const struct file_ops epoll_fops = { .poll = epoll_poll, .release = epoll_release };

static s64 do_create(u32 flags)
{
	struct eventpoll *ep;
	struct file *f;
	int fd;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep));
	if (!ep)
		return -ENOMEM;
	mutex_init(&ep->lock);
	list_init(&ep->ready);
	wait_queue_init(&ep->wait);
	f = file_create_anon("anon_inode:[eventpoll]", &epoll_fops, ep, O_RDWR);
	if (IS_ERR(f)) {
		kfree(ep);
		return PTR_ERR(f);
	}
	fd = fd_install(f, 0, flags & EPOLL_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL1(epoll_create1, flags) { return do_create((u32)flags); }
SYSCALL1(epoll_create, size) { return (s32)size <= 0 ? -EINVAL : do_create(0); }

/* ---- control ---- */

static s64 do_ctl(struct eventpoll *ep, u32 op, struct file *f, u32 fd, const struct user_epoll_event *e)
{
	struct eventpoll_item *i;
	s64 ret;

	mutex_lock(&epoll_mutex);
	mutex_lock(&ep->lock);
	i = item_find(ep, f, fd, NULL, NULL);
	if (op == EPOLL_CTL_ADD)
		ret = i ? -EEXIST : item_create(ep, f, fd, e);
	else if (!i)
		ret = -ENOENT;
	else if (op == EPOLL_CTL_MOD)
		ret = item_modify(i, e);
	else
		item_remove(i), ret = 0;
	mutex_unlock(&ep->lock);
	mutex_unlock(&epoll_mutex);
	return ret;
}

SYSCALL4(epoll_ctl, epfd, op, fd, event)
{
	struct user_epoll_event e = { 0 };
	struct fd_ref set, r;
	s64 ret = -EBADF;

	if ((u32)op != EPOLL_CTL_DEL && copy_from_user(&e, uaddr(event), sizeof(e)))
		return -EFAULT;
	set = fd_get((u32)epfd);
	r = fd_get((u32)fd);
	if (!set.file || !r.file)
		goto out;
	if ((u32)op < EPOLL_CTL_ADD || (u32)op > EPOLL_CTL_MOD || set.file->ops != &epoll_fops ||
	    set.file == r.file)
		ret = -EINVAL;
	else if (!r.file->ops->poll)
		ret = -EPERM;			/* ordinary files are always ready: no use */
	else
		ret = do_ctl(set.file->private, (u32)op, r.file, (u32)fd, &e);
out:
	if (set.file)
		fd_put(set);
	if (r.file)
		fd_put(r);
	return ret;
}

/* ---- waiting ---- */

/* Report up to @p max events. ep->lock held. @return how many, or -EFAULT when none */
static s64 collect(struct eventpoll *ep, uaddr_t out, u32 max)
{
	struct list todo, again;
	u32 n = 0;
	bool fault = false;
	u64 flags;

	list_init(&todo);
	list_init(&again);
	flags = spin_lock_irqsave(&ep->ready_lock);
	list_splice_tail(&ep->ready, &todo);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	while (n < max && !fault) {
		struct user_epoll_event e;
		struct eventpoll_item *i;

		flags = spin_lock_irqsave(&ep->ready_lock);
		i = list_empty(&todo) ? NULL : list_first(&todo, struct eventpoll_item, ready_link);
		if (i)
			list_del(&i->ready_link);	/* a wake-up from here on makes it ready anew */
		spin_unlock_irqrestore(&ep->ready_lock, flags);
		if (!i)
			break;
		e = (struct user_epoll_event){ item_poll(i, false), i->data };
		if (!e.events)
			continue;
		fault = copy_to_user(uaddr_add(out, n * sizeof(e)), &e, sizeof(e));
		n += !fault;
		if (!fault && (i->events & EPOLLONESHOT))
			i->events &= PRIVATE_BITS;
		else if (fault || !(i->events & EPOLLET)) {
			flags = spin_lock_irqsave(&ep->ready_lock);
			if (list_empty(&i->ready_link))
				list_add_tail(&i->ready_link, &again);
			spin_unlock_irqrestore(&ep->ready_lock, flags);
		}
	}
	flags = spin_lock_irqsave(&ep->ready_lock);
	list_splice_tail(&ep->ready, &todo);	/* not looked at, then new ones, then those still ready */
	list_splice_tail(&again, &todo);
	list_splice_tail(&todo, &ep->ready);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	if (n)
		return n;
	return fault ? -EFAULT : 0;
}

/* @param deadline 0: don't wait; ~0: for ever */
static s64 do_wait(u32 epfd, uaddr_t out, s32 max, u64 deadline)
{
	struct fd_ref r;
	struct eventpoll *ep;
	s64 ret = -EINVAL;

	if (max <= 0 || (u64)max > MAX_EVENTS)
		return -EINVAL;
	r = fd_get(epfd);
	if (!r.file)
		return -EBADF;
	ep = r.file->private;
	while (r.file->ops == &epoll_fops) {
		mutex_lock(&ep->lock);
		ret = collect(ep, out, max);
		mutex_unlock(&ep->lock);
		if (ret || !deadline)
			break;
		ret = wait_event_interruptible_until(&ep->wait, !list_empty(&ep->ready), deadline);
		if (ret) {
			ret = ret == -ETIMEDOUT ? 0 : -EINTR;
			break;
		}
	}
	fd_put(r);
	return ret;
}

static u64 deadline_ms(s32 ms)
{
	return ms < 0 ? ~0ull : ms ? time_monotonic_ns() + ms * NSEC_PER_MSEC : 0;
}

SYSCALL4(epoll_wait, epfd, out, max, ms) { return do_wait((u32)epfd, uaddr(out), (s32)max, deadline_ms((s32)ms)); }

SYSCALL6(epoll_pwait, epfd, out, max, ms, mask, mask_size)
{
	int err = mask ? signal_mask_temporary(mask, mask_size) : 0;

	return err ? err : do_wait((u32)epfd, uaddr(out), (s32)max, deadline_ms((s32)ms));
}

SYSCALL6(epoll_pwait2, epfd, out, max, ts, mask, mask_size)
{
	struct timespec t;
	u64 deadline = ~0ull;
	int err = 0;

	if (ts) {
		if (copy_from_user(&t, uaddr(ts), sizeof(t)))
			return -EFAULT;
		if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= (s64)NSEC_PER_SEC)
			return -EINVAL;
		if (t.tv_sec < 1l << 32)
			deadline = t.tv_sec || t.tv_nsec ? time_monotonic_ns() + t.tv_sec * NSEC_PER_SEC + t.tv_nsec : 0;
	}
	err = mask ? signal_mask_temporary(mask, mask_size) : 0;
	return err ? err : do_wait((u32)epfd, uaddr(out), (s32)max, deadline);
}
