/* SPDX-License-Identifier: MIT */
/*
 * epoll: a set of files that reports those that are ready, at a cost that
 * grows with the ready ones.
 *
 * An item stands for one descriptor in one set. It waits on the wait queues of
 * its file for good; a wake-up there puts it on the set's ready list. To be on
 * the list means only that the file may be ready: epoll_wait(), and poll() of
 * the set itself, ask the file, and take off the list what is not ready.
 *
 * A file is asked with no lock held, since its answer may be a driver's, which
 * sleeps as long as it likes. What was asked about may change meanwhile:
 *  - Threads walk the ready list each by a mark of its own on it, and items stay
 *    on the list while their files are asked; so one thread that is stuck in a
 *    driver hides nothing from the others.
 *  - item->wakes counts wake-ups. "Not ready" takes an item off the list only if
 *    no wake-up came after the question. An edge or a one-shot belongs to the thread
 *    that takes the item off (claim_locked()); a level goes to the end of the list.
 *  - An item that is removed is marked dead, and lives until the last thread that
 *    looks at it lets go. Whoever asks a file counts it. An item does not, so the
 *    remover must count the file to take the hooks off its queues; where it cannot,
 *    the file is going, and eventpoll_release() does that for all its items.
 *  - Hooks belong to the thread that adds an item until its first question is
 *    answered (item->hooking). If the item is removed by then, that thread cleans up.
 *
 * Locks: epoll_nest_mutex (epoll_nest.c) where sets hold sets. Then, each by
 * itself: ep->lock (spin, interrupts off), taken inside wait queues' locks by
 * wake-ups; a file's watch lock (spin), for the list of its items.
 * Linux epoll(7), epoll_ctl(2), epoll_wait(2).
 */
#include <kernel/cred.h>
#include <kernel/fs/epoll.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/seq_open.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>
#include <uapi/time.h>
#include "epoll.h"
#include "open.h"

#define MAX_EVENTS     (0x7fffffff / sizeof(struct user_epoll_event))
#define PRIVATE_BITS   (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define POLL_ALWAYS    (POLLERR | POLLHUP)
#define EXCLUSIVE_BITS (POLLIN | POLLOUT | POLL_ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define WATCH_LOCKS    16u
#define WATCHES_PART   25u /* of memory, all items of a user; as Linux */

static const struct file_ops epoll_fops;
static spinlock_t watch_locks[WATCH_LOCKS];
static u64 watches_max; /* items that the sets of one user may have */

spinlock_t *epoll_watch_lock(const struct file *f)
{
	return &watch_locks[(u64)f / sizeof(*f) % WATCH_LOCKS];
}

struct eventpoll *epoll_of_file(const struct file *f)
{
	return f->ops == &epoll_fops ? f->private : NULL;
}

/* ---- the ready list; ep->lock held ---- */

static bool is_ready(const struct eventpoll_item *i)
{
	return !list_empty(&i->ready.link);
}

static void ready_add_locked(struct eventpoll_item *i)
{
	if (i->dead || is_ready(i))
		return;
	list_add_tail(&i->ready.link, &i->ep->ready);
	i->ep->nr_ready++;
}

static void ready_remove_locked(struct eventpoll_item *i)
{
	if (!is_ready(i))
		return;
	list_del(&i->ready.link);
	i->ep->nr_ready--;
}

/* ---- wake-ups ---- */

static void wake_waiters(struct eventpoll *ep)
{
	wake_up(&ep->wait);
	wake_up_poll(&ep->poll_wait, POLLIN | POLLRDNORM);
}

/* Of several sets that wait exclusively one is enough: is it this one, where somebody sleeps in epoll_wait()? */
static bool takes_wake_up(const struct eventpoll *ep, u32 events, u64 key)
{
	u64 transfer = key & (POLLIN | POLLOUT);

	if (!(events & EPOLLEXCLUSIVE))
		return true;
	if (!wait_queue_active(&ep->wait) || transfer == (POLLIN | POLLOUT))
		return false;
	return !transfer || (transfer & events);
}

static bool item_wake(struct waiter *w, u64 key)
{
	struct eventpoll_item *i = w->private;
	struct eventpoll *ep = i->ep;
	u64 flags = spin_lock_irqsave(&ep->lock);
	u32 events = i->events;
	bool told = (events & ~PRIVATE_BITS) && (!key || (key & events)), takes;

	if (told) {
		i->wakes++;
		ready_add_locked(i);
	}
	spin_unlock_irqrestore(&ep->lock, flags);
	if (!told)
		return !(events & EPOLLEXCLUSIVE);
	takes = takes_wake_up(ep, events, key);
	wake_waiters(ep);
	return takes;
}

/* ---- items ---- */

static void eventpoll_put(struct eventpoll *ep)
{
	if (!atomic_dec_and_test(&ep->refs))
		return;
	cred_put(ep->cred);
	kfree(ep);
}

void epoll_item_put(struct eventpoll_item *i)
{
	if (!atomic_dec_and_test(&i->refs))
		return;
	while (i->more_hooks) {
		struct item_hook *h = i->more_hooks;

		i->more_hooks = h->next;
		kfree(h);
	}
	cred_uncharge_watch(i->ep->cred);
	eventpoll_put(i->ep);
	kfree(i);
}

static void hook_add(struct poll_table *t, struct wait_queue *q)
{
	struct eventpoll_item *i = container_of(t, struct eventpoll_item, table);
	struct item_hook *h;

	if (i->nr_hooks < ITEM_HOOKS) {
		h = &i->hooks[i->nr_hooks++];
	} else {
		h = kmalloc(sizeof(*h));
		if (!h) {
			i->failed = true;
			return;
		}
		h->next = i->more_hooks;
		i->more_hooks = h;
	}
	waiter_init(&h->waiter);
	h->waiter.wake = item_wake;
	h->waiter.private = i;
	h->waiter.exclusive = i->events & EPOLLEXCLUSIVE;
	h->queue = q;
	wait_queue_add(q, &h->waiter);
}

/* What the file says now. The caller counts it, and holds no lock. */
static u32 item_ask(struct eventpoll_item *i, struct poll_table *t)
{
	return file_poll(i->file, t) & ~PRIVATE_BITS;
}

/* Where (@p f, @p fd) is or would be. ep->lock held. */
static struct eventpoll_item *item_find(struct eventpoll *ep, const struct file *f, u32 fd,
					struct rb_node **parent, struct rb_node ***link)
{
	struct rb_node **at = &ep->items.node, *above = NULL;

	while (*at) {
		struct eventpoll_item *i = rb_entry(*at, struct eventpoll_item, node);

		if (i->file == f && i->fd == fd)
			return i;
		above = *at;
		at = (u64)f < (u64)i->file || (f == i->file && fd < i->fd) ? &above->left
									   : &above->right;
	}
	if (parent) {
		*parent = above;
		*link = at;
	}
	return NULL;
}

struct eventpoll_item *epoll_item_after(struct eventpoll *ep, const struct file *f, u32 fd)
{
	struct eventpoll_item *best = NULL;
	struct rb_node *n = ep->items.node;

	while (n) {
		struct eventpoll_item *i = rb_entry(n, struct eventpoll_item, node);

		if ((u64)i->file > (u64)f || (i->file == f && i->fd > fd)) {
			best = i;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

/* Out of its set, if it is still in it. ep->lock held. Unless somebody is ->hooking, the caller detaches it. */
static void item_kill_locked(struct eventpoll_item *i)
{
	if (i->dead)
		return;
	ready_remove_locked(i);
	rb_erase(&i->ep->items, &i->node);
	i->dead = true;
}

static void file_list_remove(struct eventpoll_item *i)
{
	struct file *f = i->file;

	spin_lock(epoll_watch_lock(f));
	if (i->next_of_file)
		i->next_of_file->link_of_file = i->link_of_file;
	smp_store_release(i->link_of_file, i->next_of_file); /* file_put() looks without the lock */
	spin_unlock(epoll_watch_lock(f));
}

/* A dead item leaves its file, which the caller counts or ends; then it may be freed. */
static void item_detach(struct eventpoll_item *i)
{
	for (u32 n = 0; n < i->nr_hooks; n++)
		wait_queue_remove(i->hooks[n].queue, &i->hooks[n].waiter);
	for (struct item_hook *h = i->more_hooks; h; h = h->next)
		wait_queue_remove(h->queue, &h->waiter);
	if (epoll_of_file(i->file)) {
		mutex_lock(&epoll_nest_mutex);
		list_del(&i->inner_link);
		list_del(&i->outer_link);
		mutex_unlock(&epoll_nest_mutex);
	}
	file_list_remove(i);
	epoll_item_put(i);
}

void eventpoll_release(struct file *f)
{
	struct eventpoll_item *i;

	while ((i = f->eventpoll)) {
		u64 flags = spin_lock_irqsave(&i->ep->lock);

		item_kill_locked(i);
		spin_unlock_irqrestore(&i->ep->lock, flags);
		item_detach(i);
	}
}

/* ---- adding ---- */

static struct eventpoll_item *item_create(struct eventpoll *ep, struct file *f, u32 fd,
					  const struct user_epoll_event *e)
{
	struct eventpoll_item *i;

	if (!cred_charge_watch(ep->cred, READ_ONCE(watches_max)))
		return ERR_PTR(-ENOSPC);
	i = kzalloc(sizeof(*i));
	if (!i) {
		cred_uncharge_watch(ep->cred);
		return ERR_PTR(-ENOMEM);
	}
	atomic_inc(&ep->refs);
	i->ep = ep;
	i->file = f;
	i->fd = fd;
	i->events = e->events;
	i->data = e->data;
	i->hooking = true;
	i->table.add = hook_add;
	atomic_set(&i->refs, 1);
	list_init(&i->ready.link);
	list_init(&i->inner_link);
	list_init(&i->outer_link);
	return i;
}

/* @return 0, -EEXIST, -EAGAIN: only with epoll_nest_mutex */
static int tree_insert(struct eventpoll_item *i, bool with_mutex)
{
	struct eventpoll *ep = i->ep;
	struct rb_node *parent, **link;
	u64 flags = spin_lock_irqsave(&ep->lock);
	int err = 0;

	if (ep->nested && !with_mutex)
		err = -EAGAIN;
	else if (item_find(ep, i->file, i->fd, &parent, &link))
		err = -EEXIST;
	else
		rb_insert(&ep->items, &i->node, parent, link);
	spin_unlock_irqrestore(&ep->lock, flags);
	return err;
}

static void file_list_add(struct eventpoll_item *i)
{
	struct file *f = i->file;

	spin_lock(epoll_watch_lock(f));
	i->next_of_file = f->eventpoll;
	i->link_of_file = &f->eventpoll;
	if (f->eventpoll)
		f->eventpoll->link_of_file = &i->next_of_file;
	f->eventpoll = i;
	spin_unlock(epoll_watch_lock(f));
}

/* From now on its changes need epoll_nest_mutex, which is held. */
static void mark_nested(struct eventpoll *ep)
{
	u64 flags = spin_lock_irqsave(&ep->lock);

	ep->nested = true;
	spin_unlock_irqrestore(&ep->lock, flags);
}

/* Into the set and the file's list. @p added: also on an error it is there, to be removed. */
static int item_enter_nested(struct eventpoll_item *i, struct eventpoll_item **checked, bool *added)
{
	struct eventpoll *inner = epoll_of_file(i->file);
	int err = inner ? epoll_nest_check(i->ep, inner) : 0;

	if (err)
		return err;
	err = tree_insert(i, true);
	if (err)
		return err;
	file_list_add(i);
	*added = true;
	if (inner) {
		mark_nested(inner);
		list_add_tail(&i->inner_link, &i->ep->inner);
		list_add_tail(&i->outer_link, &inner->outer);
	}
	return epoll_nest_count(i, checked);
}

static int item_enter(struct eventpoll_item *i, bool *added)
{
	struct eventpoll_item *checked = NULL;
	int err = -EAGAIN;

	*added = false;
	if (!epoll_of_file(i->file))
		err = tree_insert(i, false);
	if (!err) {
		file_list_add(i);
		*added = true;
	}
	if (err != -EAGAIN)
		return err;
	mutex_lock(&epoll_nest_mutex);
	err = item_enter_nested(i, &checked, added);
	mutex_unlock(&epoll_nest_mutex);
	epoll_put_checked(checked);
	return err;
}

/* Who added it is done; it stays in the set unless @p err, or somebody has removed it meanwhile. */
static void item_settle(struct eventpoll_item *i, u32 ready, int err)
{
	struct eventpoll *ep = i->ep;
	u64 flags = spin_lock_irqsave(&ep->lock);
	bool dead, tell;

	i->hooking = false;
	if (err)
		item_kill_locked(i);
	dead = i->dead;
	tell = !dead && (ready & i->events);
	if (tell)
		ready_add_locked(i);
	spin_unlock_irqrestore(&ep->lock, flags);
	if (dead)
		item_detach(i);
	else if (tell)
		wake_waiters(ep);
}

static int item_add(struct eventpoll *ep, struct file *f, u32 fd, const struct user_epoll_event *e)
{
	struct eventpoll_item *i = item_create(ep, f, fd, e);
	u32 ready = 0;
	bool added;
	int err;

	if (IS_ERR(i))
		return PTR_ERR(i);
	err = item_enter(i, &added);
	if (!added) {
		epoll_item_put(i);
		return err;
	}
	if (!err) {
		ready = item_ask(i, &i->table);
		err = i->failed ? -ENOMEM : 0;
	}
	item_settle(i, ready, err);
	return err;
}

/* ---- the set as a file ---- */

/* The first item goes; its file, counted, if the caller is to detach it. */
static struct eventpoll_item *kill_first(struct eventpoll *ep, bool *detach)
{
	u64 flags = spin_lock_irqsave(&ep->lock);
	struct rb_node *n = rb_first(&ep->items);
	struct eventpoll_item *i = n ? rb_entry(n, struct eventpoll_item, node) : NULL;

	if (i) {
		item_kill_locked(i);
		*detach = atomic_inc_not_zero(&i->file->refs);
	}
	spin_unlock_irqrestore(&ep->lock, flags);
	return i;
}

static void epoll_release(struct file *f)
{
	struct eventpoll *ep = f->private;
	struct eventpoll_item *i;
	bool detach;

	while ((i = kill_first(ep, &detach))) {
		if (detach) {
			struct file *watched = i->file;

			item_detach(i);
			file_put(watched);
		}
	}
	eventpoll_put(ep);
}

/* ---- walking the ready list ---- */

struct ready_walk {
	struct eventpoll *ep;
	struct ready_entry at, end;
};

static void ready_walk_begin(struct ready_walk *w, struct eventpoll *ep)
{
	u64 flags = spin_lock_irqsave(&ep->lock);

	w->ep = ep;
	w->at.is_mark = w->end.is_mark = true;
	list_add(&w->at.link, &ep->ready);
	list_add_tail(&w->end.link, &ep->ready);
	spin_unlock_irqrestore(&ep->lock, flags);
}

static void ready_walk_end(struct ready_walk *w)
{
	u64 flags = spin_lock_irqsave(&w->ep->lock);

	list_del(&w->at.link);
	list_del(&w->end.link);
	spin_unlock_irqrestore(&w->ep->lock, flags);
}

/* The next item that was on the list when the walk began, counted, and its file. */
static struct eventpoll_item *ready_walk_next(struct ready_walk *w, u32 *wakes)
{
	u64 flags = spin_lock_irqsave(&w->ep->lock);
	struct eventpoll_item *i = NULL;

	while (!i && w->at.link.next != &w->end.link) {
		struct ready_entry *next = list_entry(w->at.link.next, struct ready_entry, link);

		list_del(&w->at.link);
		list_add(&w->at.link, &next->link);
		if (next->is_mark)
			continue;
		i = container_of(next, struct eventpoll_item, ready);
		if (!atomic_inc_not_zero(&i->file->refs)) {
			ready_remove_locked(i); /* it is being closed */
			i = NULL;
		}
	}
	if (i) {
		atomic_inc(&i->refs);
		*wakes = i->wakes;
	}
	spin_unlock_irqrestore(&w->ep->lock, flags);
	return i;
}

static void ready_walk_put(struct eventpoll_item *i)
{
	struct file *f = i->file;

	epoll_item_put(i);
	file_put(f);
}

/* Not ready: off the list, unless it was woken after the file had been asked. */
static void not_ready_locked(struct eventpoll_item *i, u32 wakes)
{
	if (i->wakes == wakes)
		ready_remove_locked(i);
}

static u32 epoll_poll(struct file *f, struct poll_table *t)
{
	struct eventpoll *ep = f->private;
	struct eventpoll_item *i;
	struct ready_walk w;
	bool found = false;
	u32 wakes;

	poll_wait(t, &ep->poll_wait);
	if (!READ_ONCE(ep->nr_ready))
		return 0;
	ready_walk_begin(&w, ep);
	while (!found && (i = ready_walk_next(&w, &wakes))) {
		u32 ready = item_ask(i, NULL);
		u64 flags = spin_lock_irqsave(&ep->lock);

		found = !i->dead && (ready & i->events);
		if (!found)
			not_ready_locked(i, wakes);
		spin_unlock_irqrestore(&ep->lock, flags);
		ready_walk_put(i);
	}
	ready_walk_end(&w);
	return found ? POLLIN | POLLRDNORM : 0;
}

static bool show_item_after(struct eventpoll *ep, struct seq_file *m, const struct file **f,
			    u32 *fd)
{
	u64 flags = spin_lock_irqsave(&ep->lock);
	struct eventpoll_item *i = epoll_item_after(ep, *f, *fd);

	if (i) {
		*f = i->file;
		*fd = i->fd;
		seq_printf(m, "tfd: %8u events: %8x data: %16lx  pos:%lu ino:%lx sdev:%lx\n", i->fd,
			   i->events, i->data, i->file->pos, i->file->inode->ino,
			   i->file->inode->sb->dev);
	}
	spin_unlock_irqrestore(&ep->lock, flags);
	return i;
}

static void epoll_show_fdinfo(struct file *f, struct seq_file *m)
{
	const struct file *at = NULL;
	u32 fd = 0;

	while (!m->overflow && show_item_after(f->private, m, &at, &fd))
		;
}

static const struct file_ops epoll_fops = {
	.poll = epoll_poll,
	.release = epoll_release,
	.show_fdinfo = epoll_show_fdinfo,
};

static struct eventpoll *eventpoll_create(void)
{
	struct eventpoll *ep = kzalloc(sizeof(*ep));

	if (!ep)
		return NULL;
	atomic_set(&ep->refs, 1);
	spin_init(&ep->lock);
	list_init(&ep->ready);
	list_init(&ep->inner);
	list_init(&ep->outer);
	wait_queue_init(&ep->wait);
	wait_queue_init(&ep->poll_wait);
	ep->cred = cred_get((struct cred *)current_cred());
	return ep;
}

static s64 do_create(u32 flags)
{
	struct eventpoll *ep;
	struct file *f;
	int fd;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = eventpoll_create();
	if (!ep)
		return -ENOMEM;
	f = file_create_anon("anon_inode:[eventpoll]", &epoll_fops, ep, O_RDWR);
	if (IS_ERR(f)) {
		eventpoll_put(ep);
		return PTR_ERR(f);
	}
	fd = fd_install(f, 0, flags & EPOLL_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL1(epoll_create1, flags)
{
	return do_create((u32)flags);
}
SYSCALL1(epoll_create, size)
{
	return (s32)size <= 0 ? -EINVAL : do_create(0);
}

/* ---- control ---- */

/* An item of the set, counted, or NULL. */
static struct eventpoll_item *item_get(struct eventpoll *ep, struct file *f, u32 fd)
{
	u64 flags = spin_lock_irqsave(&ep->lock);
	struct eventpoll_item *i = item_find(ep, f, fd, NULL, NULL);

	if (i)
		atomic_inc(&i->refs);
	spin_unlock_irqrestore(&ep->lock, flags);
	return i;
}

static int item_modify(struct eventpoll_item *i, const struct user_epoll_event *e)
{
	struct eventpoll *ep = i->ep;
	u64 flags;
	u32 ready;
	bool tell;

	flags = spin_lock_irqsave(&ep->lock);
	if (i->events & EPOLLEXCLUSIVE) {
		spin_unlock_irqrestore(&ep->lock, flags);
		return -EINVAL;
	}
	i->events = e->events;
	i->data = e->data;
	spin_unlock_irqrestore(&ep->lock, flags);
	smp_mb(); /* what is wanted before what there is: a wake-up looks the other way round */
	ready = item_ask(i, NULL);
	flags = spin_lock_irqsave(&ep->lock);
	tell = !i->dead && (ready & i->events) && !is_ready(i);
	if (tell)
		ready_add_locked(i);
	spin_unlock_irqrestore(&ep->lock, flags);
	if (tell)
		wake_waiters(ep);
	return 0;
}

static int item_delete(struct eventpoll_item *i)
{
	u64 flags = spin_lock_irqsave(&i->ep->lock);
	bool mine = !i->dead, detach = mine && !i->hooking;

	item_kill_locked(i);
	spin_unlock_irqrestore(&i->ep->lock, flags);
	if (detach)
		item_detach(i);
	return mine ? 0 : -ENOENT;
}

static int change_item(struct eventpoll *ep, u32 op, struct file *f, u32 fd,
		       const struct user_epoll_event *e)
{
	struct eventpoll_item *i = item_get(ep, f, fd);
	int err;

	if (!i)
		return -ENOENT;
	err = op == EPOLL_CTL_MOD ? item_modify(i, e) : item_delete(i);
	epoll_item_put(i);
	return err;
}

/* In the order in which Linux finds fault. */
static s64 do_ctl(struct file *set, u32 op, struct file *f, u32 fd, struct user_epoll_event *e)
{
	struct eventpoll *ep = epoll_of_file(set);

	if (!f->ops->poll)
		return -EPERM; /* ordinary files are always ready: no use */
	if (set == f || !ep)
		return -EINVAL;
	e->events &= ~EPOLLWAKEUP; /* nothing here sleeps that it could keep awake */
	if (op != EPOLL_CTL_DEL && (e->events & EPOLLEXCLUSIVE) &&
	    (op == EPOLL_CTL_MOD || epoll_of_file(f) || (e->events & ~EXCLUSIVE_BITS)))
		return -EINVAL;
	e->events |= POLL_ALWAYS;
	switch (op) {
	case EPOLL_CTL_ADD: return item_add(ep, f, fd, e);
	case EPOLL_CTL_MOD:
	case EPOLL_CTL_DEL: return change_item(ep, op, f, fd, e);
	}
	return -EINVAL;
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
	if (set.file && r.file)
		ret = do_ctl(set.file, (u32)op, r.file, (u32)fd, &e);
	if (set.file)
		fd_put(set);
	if (r.file)
		fd_put(r);
	return ret;
}

/* ---- waiting ---- */

/*
 * The file said @p ready. Is there something to report, and is it for this thread?
 * @param armed  out: the events before they were disarmed
 */
static bool claim_locked(struct eventpoll_item *i, u32 wakes, u32 ready, struct user_epoll_event *e,
			 u32 *armed)
{
	bool queued = is_ready(i);

	*armed = i->events;
	if (i->dead)
		return false;
	*e = (struct user_epoll_event){ ready & i->events, i->data };
	if (!e->events) {
		not_ready_locked(i, wakes);
		return false;
	}
	if (!queued && (i->events & (EPOLLET | EPOLLONESHOT)))
		return false; /* another thread has taken it */
	ready_remove_locked(i);
	if (!(i->events & (EPOLLET | EPOLLONESHOT))) {
		ready_add_locked(i); /* it may still be ready next time; others first */
		return true;
	}
	if (i->events & EPOLLONESHOT)
		i->events &= PRIVATE_BITS;
	else if (i->wakes != wakes)
		ready_add_locked(i); /* another edge already */
	return true;
}

/* The program did not get it. */
static void unclaim(struct eventpoll_item *i, u32 armed)
{
	u64 flags = spin_lock_irqsave(&i->ep->lock);

	if (i->events == (armed & PRIVATE_BITS))
		i->events = armed;
	ready_add_locked(i);
	spin_unlock_irqrestore(&i->ep->lock, flags);
}

/* @return 1: reported, 0: nothing to report, -EFAULT */
static s64 report(struct eventpoll_item *i, u32 wakes, uaddr_t out)
{
	u32 ready = item_ask(i, NULL), armed;
	struct user_epoll_event e;
	u64 flags = spin_lock_irqsave(&i->ep->lock);
	bool claimed = claim_locked(i, wakes, ready, &e, &armed);

	spin_unlock_irqrestore(&i->ep->lock, flags);
	if (!claimed)
		return 0;
	if (!copy_to_user(out, &e, sizeof(e)))
		return 1;
	unclaim(i, armed);
	return -EFAULT;
}

/* Report up to @p max events. @return how many, or -EFAULT when none */
static s64 collect(struct eventpoll *ep, uaddr_t out, u32 max)
{
	struct eventpoll_item *i;
	struct ready_walk w;
	s64 n = 0, got = 0;
	u32 wakes;

	ready_walk_begin(&w, ep);
	while (n < max && got >= 0 && (i = ready_walk_next(&w, &wakes))) {
		got = report(i, wakes, uaddr_add(out, n * sizeof(struct user_epoll_event)));
		n += MAX(got, 0l);
		ready_walk_put(i);
	}
	ready_walk_end(&w);
	return n ? n : MIN(got, 0l);
}

/* Until something may be ready. @return false: the time has passed */
static bool sleep_for_events(struct eventpoll *ep, u64 deadline)
{
	struct waiter w;
	bool in_time;

	waiter_init(&w);
	w.exclusive = true;
	wait_prepare(&ep->wait, &w, THREAD_INTERRUPTIBLE);
	if (!READ_ONCE(ep->nr_ready) && !signal_pending())
		in_time = schedule_until(deadline);
	else
		in_time = time_monotonic_ns() < deadline;
	wait_finish(&ep->wait, &w);
	return in_time;
}

/* @param deadline 0: don't wait; ~0: for ever */
static s64 wait_for_events(struct eventpoll *ep, uaddr_t out, u32 max, u64 deadline)
{
	bool in_time = deadline;
	s64 n = 0;

	for (;;) {
		/* Once more where another thread may have moved what this one was to see. */
		for (u32 tries = 0; !n && tries < 2 && READ_ONCE(ep->nr_ready); tries++)
			n = fatal_signal_pending() ? -EINTR : collect(ep, out, max);
		if (n || !in_time)
			break;
		if (signal_pending()) {
			n = -EINTR;
			break;
		}
		in_time = sleep_for_events(ep, deadline);
	}
	/* One wake-up reaches one thread: let the next one have what this one left. */
	if (READ_ONCE(ep->nr_ready) && wait_queue_active(&ep->wait))
		wake_up(&ep->wait);
	return n;
}

static s64 do_wait(u32 epfd, uaddr_t out, s32 max, u64 deadline)
{
	struct eventpoll *ep;
	struct fd_ref r;
	s64 ret;

	if (max <= 0 || (u64)max > MAX_EVENTS)
		return -EINVAL;
	if (!user_range_ok(out, (u64)max * sizeof(struct user_epoll_event)))
		return -EFAULT;
	r = fd_get(epfd);
	if (!r.file)
		return -EBADF;
	ep = epoll_of_file(r.file);
	ret = ep ? wait_for_events(ep, out, max, deadline) : -EINVAL;
	fd_put(r);
	return ret;
}

static u64 deadline_ms(s32 ms)
{
	if (ms <= 0)
		return ms ? ~0ull : 0;
	return time_monotonic_ns() + ms * NSEC_PER_MSEC;
}

SYSCALL4(epoll_wait, epfd, out, max, ms)
{
	return do_wait((u32)epfd, uaddr(out), (s32)max, deadline_ms((s32)ms));
}

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
			deadline =
				t.tv_sec || t.tv_nsec
					? time_monotonic_ns() + t.tv_sec * NSEC_PER_SEC + t.tv_nsec
					: 0;
	}
	err = mask ? signal_mask_temporary(mask, mask_size) : 0;
	return err ? err : do_wait((u32)epfd, uaddr(out), (s32)max, deadline);
}

/* ---- /proc/sys/fs/epoll/max_user_watches ---- */

int epoll_watches_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%lu\n", READ_ONCE(watches_max));
	return 0;
}

int epoll_watches_write(char *text, size_t len, void *unused)
{
	s64 v;
	int err = seq_parse_number(text, &v);

	if (err)
		return err;
	if (v < 0)
		return -EINVAL;
	WRITE_ONCE(watches_max, (u64)v);
	return 0;
}

void epoll_init(void)
{
	struct mem_info m;

	mem_info_get(&m);
	watches_max = m.total / WATCHES_PART * PAGE_SIZE / sizeof(struct eventpoll_item);
}
