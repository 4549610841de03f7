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

static bool is_ready(const struct eventpoll_item *item)
{
	return !list_empty(&item->ready.link);
}

static void ready_add_locked(struct eventpoll_item *item)
{
	if (item->dead || is_ready(item))
		return;
	list_add_tail(&item->ready.link, &item->set->ready);
	item->set->nr_ready++;
}

static void ready_remove_locked(struct eventpoll_item *item)
{
	if (!is_ready(item))
		return;
	list_del(&item->ready.link);
	item->set->nr_ready--;
}

/* ---- wake-ups ---- */

static void wake_waiters(struct eventpoll *set)
{
	wake_up(&set->wait);
	wake_up_poll(&set->poll_wait, POLLIN | POLLRDNORM);
}

/* Of several sets that wait exclusively one is enough: is it this one, where somebody sleeps in epoll_wait()? */
static bool takes_wake_up(const struct eventpoll *set, u32 events, u64 key)
{
	u64 transfer = key & (POLLIN | POLLOUT);

	if (!(events & EPOLLEXCLUSIVE))
		return true;
	if (!wait_queue_active(&set->wait) || transfer == (POLLIN | POLLOUT))
		return false;
	return !transfer || (transfer & events);
}

static bool item_wake(struct waiter *waiter, u64 key)
{
	struct eventpoll_item *item = waiter->private;
	struct eventpoll *set = item->set;
	u64 flags = spin_lock_irqsave(&set->lock);
	u32 events = item->events;
	bool told = (events & ~PRIVATE_BITS) && (!key || (key & events)), takes;

	if (told) {
		item->wakes++;
		ready_add_locked(item);
	}
	spin_unlock_irqrestore(&set->lock, flags);
	if (!told)
		return !(events & EPOLLEXCLUSIVE);
	takes = takes_wake_up(set, events, key);
	wake_waiters(set);
	return takes;
}

/* ---- items ---- */

static void eventpoll_put(struct eventpoll *set)
{
	if (!atomic_dec_and_test(&set->refs))
		return;
	cred_put(set->cred);
	kfree(set);
}

void epoll_item_put(struct eventpoll_item *item)
{
	if (!atomic_dec_and_test(&item->refs))
		return;
	while (item->more_hooks) {
		struct item_hook *hook = item->more_hooks;

		item->more_hooks = hook->next;
		kfree(hook);
	}
	cred_uncharge_watch(item->set->cred);
	eventpoll_put(item->set);
	kfree(item);
}

static void hook_add(struct poll_table *poll, struct wait_queue *queue)
{
	struct eventpoll_item *item = container_of(poll, struct eventpoll_item, table);
	struct item_hook *hook;

	if (item->nr_hooks < ITEM_HOOKS) {
		hook = &item->hooks[item->nr_hooks++];
	} else {
		hook = kmalloc(sizeof(*hook));
		if (!hook) {
			item->failed = true;
			return;
		}
		hook->next = item->more_hooks;
		item->more_hooks = hook;
	}
	waiter_init(&hook->waiter);
	hook->waiter.wake = item_wake;
	hook->waiter.private = item;
	hook->waiter.exclusive = item->events & EPOLLEXCLUSIVE;
	hook->queue = queue;
	wait_queue_add(queue, &hook->waiter);
}

/* What the file says now. The caller counts it, and holds no lock. */
static u32 item_ask(struct eventpoll_item *item, struct poll_table *table)
{
	return file_poll(item->file, table) & ~PRIVATE_BITS;
}

/* Where (@p f, @p fd) is or would be. ep->lock held. */
static struct eventpoll_item *item_find(struct eventpoll *set, const struct file *f, u32 fd,
					struct rb_node **parent, struct rb_node ***link)
{
	struct rb_node **slot = &set->items.node, *above = NULL;

	while (*slot) {
		struct eventpoll_item *item = rb_entry(*slot, struct eventpoll_item, node);

		if (item->file == f && item->fd == fd)
			return item;
		above = *slot;
		slot = (u64)f < (u64)item->file || (f == item->file && fd < item->fd)
			       ? &above->left
			       : &above->right;
	}
	if (parent) {
		*parent = above;
		*link = slot;
	}
	return NULL;
}

struct eventpoll_item *epoll_item_after(struct eventpoll *set, const struct file *f, u32 fd)
{
	struct eventpoll_item *best = NULL;
	struct rb_node *position = set->items.node;

	while (position) {
		struct eventpoll_item *item = rb_entry(position, struct eventpoll_item, node);

		if ((u64)item->file > (u64)f || (item->file == f && item->fd > fd)) {
			best = item;
			position = position->left;
		} else {
			position = position->right;
		}
	}
	return best;
}

/* Out of its set, if it is still in it. ep->lock held. Unless somebody is ->hooking, the caller detaches it. */
static void item_kill_locked(struct eventpoll_item *item)
{
	if (item->dead)
		return;
	ready_remove_locked(item);
	rb_erase(&item->set->items, &item->node);
	item->dead = true;
}

static void file_list_remove(struct eventpoll_item *item)
{
	struct file *f = item->file;

	spin_lock(epoll_watch_lock(f));
	if (item->next_of_file)
		item->next_of_file->link_of_file = item->link_of_file;
	smp_store_release(item->link_of_file,
			  item->next_of_file); /* file_put() looks without the lock */
	spin_unlock(epoll_watch_lock(f));
}

/* A dead item leaves its file, which the caller counts or ends; then it may be freed. */
static void item_detach(struct eventpoll_item *item)
{
	for (u32 nr = 0; nr < item->nr_hooks; nr++)
		wait_queue_remove(item->hooks[nr].queue, &item->hooks[nr].waiter);
	for (struct item_hook *hook = item->more_hooks; hook; hook = hook->next)
		wait_queue_remove(hook->queue, &hook->waiter);
	if (epoll_of_file(item->file)) {
		mutex_lock(&epoll_nest_mutex);
		list_del(&item->inner_link);
		list_del(&item->outer_link);
		mutex_unlock(&epoll_nest_mutex);
	}
	file_list_remove(item);
	epoll_item_put(item);
}

void eventpoll_release(struct file *f)
{
	struct eventpoll_item *item;

	while ((item = f->eventpoll)) {
		u64 flags = spin_lock_irqsave(&item->set->lock);

		item_kill_locked(item);
		spin_unlock_irqrestore(&item->set->lock, flags);
		item_detach(item);
	}
}

/* ---- adding ---- */

static struct eventpoll_item *item_create(struct eventpoll *set, struct file *f, u32 fd,
					  const struct user_epoll_event *event)
{
	struct eventpoll_item *item;

	if (!cred_charge_watch(set->cred, READ_ONCE(watches_max)))
		return ERR_PTR(-ENOSPC);
	item = kzalloc(sizeof(*item));
	if (!item) {
		cred_uncharge_watch(set->cred);
		return ERR_PTR(-ENOMEM);
	}
	atomic_inc(&set->refs);
	item->set = set;
	item->file = f;
	item->fd = fd;
	item->events = event->events;
	item->data = event->data;
	item->hooking = true;
	item->table.add = hook_add;
	atomic_set(&item->refs, 1);
	list_init(&item->ready.link);
	list_init(&item->inner_link);
	list_init(&item->outer_link);
	return item;
}

/* @return 0, -EEXIST, -EAGAIN: only with epoll_nest_mutex */
static int tree_insert(struct eventpoll_item *item, bool with_mutex)
{
	struct eventpoll *set = item->set;
	struct rb_node *parent, **link;
	u64 flags = spin_lock_irqsave(&set->lock);
	int err = 0;

	if (set->nested && !with_mutex)
		err = -EAGAIN;
	else if (item_find(set, item->file, item->fd, &parent, &link))
		err = -EEXIST;
	else
		rb_insert(&set->items, &item->node, parent, link);
	spin_unlock_irqrestore(&set->lock, flags);
	return err;
}

static void file_list_add(struct eventpoll_item *item)
{
	struct file *f = item->file;

	spin_lock(epoll_watch_lock(f));
	item->next_of_file = f->eventpoll;
	item->link_of_file = &f->eventpoll;
	if (f->eventpoll)
		f->eventpoll->link_of_file = &item->next_of_file;
	f->eventpoll = item;
	spin_unlock(epoll_watch_lock(f));
}

/* From now on its changes need epoll_nest_mutex, which is held. */
static void mark_nested(struct eventpoll *set)
{
	u64 flags = spin_lock_irqsave(&set->lock);

	set->nested = true;
	spin_unlock_irqrestore(&set->lock, flags);
}

/* Into the set and the file's list. @p added: also on an error it is there, to be removed. */
static int item_enter_nested(struct eventpoll_item *item, struct eventpoll_item **checked,
			     bool *added)
{
	struct eventpoll *inner = epoll_of_file(item->file);
	int err = inner ? epoll_nest_check(item->set, inner) : 0;

	if (err)
		return err;
	err = tree_insert(item, true);
	if (err)
		return err;
	file_list_add(item);
	*added = true;
	if (inner) {
		mark_nested(inner);
		list_add_tail(&item->inner_link, &item->set->inner);
		list_add_tail(&item->outer_link, &inner->outer);
	}
	return epoll_nest_count(item, checked);
}

static int item_enter(struct eventpoll_item *item, bool *added)
{
	struct eventpoll_item *checked = NULL;
	int err = -EAGAIN;

	*added = false;
	if (!epoll_of_file(item->file))
		err = tree_insert(item, false);
	if (!err) {
		file_list_add(item);
		*added = true;
	}
	if (err != -EAGAIN)
		return err;
	mutex_lock(&epoll_nest_mutex);
	err = item_enter_nested(item, &checked, added);
	mutex_unlock(&epoll_nest_mutex);
	epoll_put_checked(checked);
	return err;
}

/* Who added it is done; it stays in the set unless @p err, or somebody has removed it meanwhile. */
static void item_settle(struct eventpoll_item *item, u32 ready, int err)
{
	struct eventpoll *set = item->set;
	u64 flags = spin_lock_irqsave(&set->lock);
	bool dead, tell;

	item->hooking = false;
	if (err)
		item_kill_locked(item);
	dead = item->dead;
	tell = !dead && (ready & item->events);
	if (tell)
		ready_add_locked(item);
	spin_unlock_irqrestore(&set->lock, flags);
	if (dead)
		item_detach(item);
	else if (tell)
		wake_waiters(set);
}

static int item_add(struct eventpoll *set, struct file *f, u32 fd,
		    const struct user_epoll_event *event)
{
	struct eventpoll_item *item = item_create(set, f, fd, event);
	u32 ready = 0;
	bool added;
	int err;

	if (IS_ERR(item))
		return PTR_ERR(item);
	err = item_enter(item, &added);
	if (!added) {
		epoll_item_put(item);
		return err;
	}
	if (!err) {
		ready = item_ask(item, &item->table);
		err = item->failed ? -ENOMEM : 0;
	}
	item_settle(item, ready, err);
	return err;
}

/* ---- the set as a file ---- */

/* The first item goes; its file, counted, if the caller is to detach it. */
static struct eventpoll_item *kill_first(struct eventpoll *set, bool *detach)
{
	u64 flags = spin_lock_irqsave(&set->lock);
	struct rb_node *first = rb_first(&set->items);
	struct eventpoll_item *item = first ? rb_entry(first, struct eventpoll_item, node) : NULL;

	if (item) {
		item_kill_locked(item);
		*detach = atomic_inc_not_zero(&item->file->refs);
	}
	spin_unlock_irqrestore(&set->lock, flags);
	return item;
}

static void epoll_release(struct file *f)
{
	struct eventpoll *set = f->private;
	struct eventpoll_item *item;
	bool detach;

	while ((item = kill_first(set, &detach))) {
		if (detach) {
			struct file *watched = item->file;

			item_detach(item);
			file_put(watched);
		}
	}
	eventpoll_put(set);
}

/* ---- walking the ready list ---- */

struct ready_walk {
	struct eventpoll *set;
	struct ready_entry mark, end;
};

static void ready_walk_begin(struct ready_walk *walk, struct eventpoll *set)
{
	u64 flags = spin_lock_irqsave(&set->lock);

	walk->set = set;
	walk->mark.is_mark = walk->end.is_mark = true;
	list_add(&walk->mark.link, &set->ready);
	list_add_tail(&walk->end.link, &set->ready);
	spin_unlock_irqrestore(&set->lock, flags);
}

static void ready_walk_end(struct ready_walk *walk)
{
	u64 flags = spin_lock_irqsave(&walk->set->lock);

	list_del(&walk->mark.link);
	list_del(&walk->end.link);
	spin_unlock_irqrestore(&walk->set->lock, flags);
}

/* The next item that was on the list when the walk began, counted, and its file. */
static struct eventpoll_item *ready_walk_next(struct ready_walk *walk, u32 *wakes)
{
	u64 flags = spin_lock_irqsave(&walk->set->lock);
	struct eventpoll_item *item = NULL;

	while (!item && walk->mark.link.next != &walk->end.link) {
		struct ready_entry *next =
			list_entry(walk->mark.link.next, struct ready_entry, link);

		list_del(&walk->mark.link);
		list_add(&walk->mark.link, &next->link);
		if (next->is_mark)
			continue;
		item = container_of(next, struct eventpoll_item, ready);
		if (!atomic_inc_not_zero(&item->file->refs)) {
			ready_remove_locked(item); /* it is being closed */
			item = NULL;
		}
	}
	if (item) {
		atomic_inc(&item->refs);
		*wakes = item->wakes;
	}
	spin_unlock_irqrestore(&walk->set->lock, flags);
	return item;
}

static void ready_walk_put(struct eventpoll_item *item)
{
	struct file *f = item->file;

	epoll_item_put(item);
	file_put(f);
}

/* Not ready: off the list, unless it was woken after the file had been asked. */
static void not_ready_locked(struct eventpoll_item *item, u32 wakes)
{
	if (item->wakes == wakes)
		ready_remove_locked(item);
}

static u32 epoll_poll(struct file *f, struct poll_table *table)
{
	struct eventpoll *set = f->private;
	struct eventpoll_item *item;
	struct ready_walk walk;
	bool found = false;
	u32 wakes;

	poll_wait(table, &set->poll_wait);
	if (!READ_ONCE(set->nr_ready))
		return 0;
	ready_walk_begin(&walk, set);
	while (!found && (item = ready_walk_next(&walk, &wakes))) {
		u32 ready = item_ask(item, NULL);
		u64 flags = spin_lock_irqsave(&set->lock);

		found = !item->dead && (ready & item->events);
		if (!found)
			not_ready_locked(item, wakes);
		spin_unlock_irqrestore(&set->lock, flags);
		ready_walk_put(item);
	}
	ready_walk_end(&walk);
	return found ? POLLIN | POLLRDNORM : 0;
}

static bool show_item_after(struct eventpoll *set, struct seq_file *seq, const struct file **file,
			    u32 *fd)
{
	u64 flags = spin_lock_irqsave(&set->lock);
	struct eventpoll_item *item = epoll_item_after(set, *file, *fd);

	if (item) {
		*file = item->file;
		*fd = item->fd;
		seq_printf(seq, "tfd: %8u events: %8x data: %16lx  pos:%lu ino:%lx sdev:%lx\n",
			   item->fd, item->events, item->data, item->file->pos,
			   item->file->inode->ino, item->file->inode->sb->dev);
	}
	spin_unlock_irqrestore(&set->lock, flags);
	return item;
}

static void epoll_show_fdinfo(struct file *f, struct seq_file *seq)
{
	const struct file *file = NULL;
	u32 fd = 0;

	while (!seq->overflow && show_item_after(f->private, seq, &file, &fd))
		;
}

static const struct file_ops epoll_fops = {
	.poll = epoll_poll,
	.release = epoll_release,
	.show_fdinfo = epoll_show_fdinfo,
};

static struct eventpoll *eventpoll_create(void)
{
	struct eventpoll *set = kzalloc(sizeof(*set));

	if (!set)
		return NULL;
	atomic_set(&set->refs, 1);
	spin_init(&set->lock);
	list_init(&set->ready);
	list_init(&set->inner);
	list_init(&set->outer);
	wait_queue_init(&set->wait);
	wait_queue_init(&set->poll_wait);
	set->cred = cred_get((struct cred *)current_cred());
	return set;
}

static s64 do_create(u32 flags)
{
	struct eventpoll *set;
	struct file *f;
	int fd;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	set = eventpoll_create();
	if (!set)
		return -ENOMEM;
	f = file_create_anon("anon_inode:[eventpoll]", &epoll_fops, set, O_RDWR);
	if (IS_ERR(f)) {
		eventpoll_put(set);
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
static struct eventpoll_item *item_get(struct eventpoll *set, struct file *f, u32 fd)
{
	u64 flags = spin_lock_irqsave(&set->lock);
	struct eventpoll_item *item = item_find(set, f, fd, NULL, NULL);

	if (item)
		atomic_inc(&item->refs);
	spin_unlock_irqrestore(&set->lock, flags);
	return item;
}

static int item_modify(struct eventpoll_item *item, const struct user_epoll_event *event)
{
	struct eventpoll *set = item->set;
	u64 flags;
	u32 ready;
	bool tell;

	flags = spin_lock_irqsave(&set->lock);
	if (item->events & EPOLLEXCLUSIVE) {
		spin_unlock_irqrestore(&set->lock, flags);
		return -EINVAL;
	}
	item->events = event->events;
	item->data = event->data;
	spin_unlock_irqrestore(&set->lock, flags);
	smp_mb(); /* what is wanted before what there is: a wake-up looks the other way round */
	ready = item_ask(item, NULL);
	flags = spin_lock_irqsave(&set->lock);
	tell = !item->dead && (ready & item->events) && !is_ready(item);
	if (tell)
		ready_add_locked(item);
	spin_unlock_irqrestore(&set->lock, flags);
	if (tell)
		wake_waiters(set);
	return 0;
}

static int item_delete(struct eventpoll_item *item)
{
	u64 flags = spin_lock_irqsave(&item->set->lock);
	bool mine = !item->dead, detach = mine && !item->hooking;

	item_kill_locked(item);
	spin_unlock_irqrestore(&item->set->lock, flags);
	if (detach)
		item_detach(item);
	return mine ? 0 : -ENOENT;
}

static int change_item(struct eventpoll *set, u32 command, struct file *f, u32 fd,
		       const struct user_epoll_event *event)
{
	struct eventpoll_item *item = item_get(set, f, fd);
	int err;

	if (!item)
		return -ENOENT;
	err = command == EPOLL_CTL_MOD ? item_modify(item, event) : item_delete(item);
	epoll_item_put(item);
	return err;
}

/* In the order in which Linux finds fault. */
static s64 do_ctl(struct file *set, u32 command, struct file *f, u32 fd,
		  struct user_epoll_event *event)
{
	struct eventpoll *eventpoll = epoll_of_file(set);

	if (!f->ops->poll)
		return -EPERM; /* ordinary files are always ready: no use */
	if (set == f || !eventpoll)
		return -EINVAL;
	event->events &= ~EPOLLWAKEUP; /* nothing here sleeps that it could keep awake */
	if (command != EPOLL_CTL_DEL && (event->events & EPOLLEXCLUSIVE) &&
	    (command == EPOLL_CTL_MOD || epoll_of_file(f) || (event->events & ~EXCLUSIVE_BITS)))
		return -EINVAL;
	event->events |= POLL_ALWAYS;
	switch (command) {
	case EPOLL_CTL_ADD: return item_add(eventpoll, f, fd, event);
	case EPOLL_CTL_MOD:
	case EPOLL_CTL_DEL: return change_item(eventpoll, command, f, fd, event);
	}
	return -EINVAL;
}

SYSCALL4(epoll_ctl, epfd, command, fd, event)
{
	struct user_epoll_event wanted = { 0 };
	struct fd_ref set, ref;
	s64 ret = -EBADF;

	if ((u32)command != EPOLL_CTL_DEL && copy_from_user(&wanted, uaddr(event), sizeof(wanted)))
		return -EFAULT;
	set = fd_get((u32)epfd);
	ref = fd_get((u32)fd);
	if (set.file && ref.file)
		ret = do_ctl(set.file, (u32)command, ref.file, (u32)fd, &wanted);
	if (set.file)
		fd_put(set);
	if (ref.file)
		fd_put(ref);
	return ret;
}

/* ---- waiting ---- */

/*
 * The file said @p ready. Is there something to report, and is it for this thread?
 * @param armed  out: the events before they were disarmed
 */
static bool claim_locked(struct eventpoll_item *item, u32 wakes, u32 ready,
			 struct user_epoll_event *event, u32 *armed)
{
	bool queued = is_ready(item);

	*armed = item->events;
	if (item->dead)
		return false;
	*event = (struct user_epoll_event){ ready & item->events, item->data };
	if (!event->events) {
		not_ready_locked(item, wakes);
		return false;
	}
	if (!queued && (item->events & (EPOLLET | EPOLLONESHOT)))
		return false; /* another thread has taken it */
	ready_remove_locked(item);
	if (!(item->events & (EPOLLET | EPOLLONESHOT))) {
		ready_add_locked(item); /* it may still be ready next time; others first */
		return true;
	}
	if (item->events & EPOLLONESHOT)
		item->events &= PRIVATE_BITS;
	else if (item->wakes != wakes)
		ready_add_locked(item); /* another edge already */
	return true;
}

/* The program did not get it. */
static void unclaim(struct eventpoll_item *item, u32 armed)
{
	u64 flags = spin_lock_irqsave(&item->set->lock);

	if (item->events == (armed & PRIVATE_BITS))
		item->events = armed;
	ready_add_locked(item);
	spin_unlock_irqrestore(&item->set->lock, flags);
}

/* @return 1: reported, 0: nothing to report, -EFAULT */
static s64 report(struct eventpoll_item *item, u32 wakes, uaddr_t out)
{
	u32 ready = item_ask(item, NULL), armed;
	struct user_epoll_event event;
	u64 flags = spin_lock_irqsave(&item->set->lock);
	bool claimed = claim_locked(item, wakes, ready, &event, &armed);

	spin_unlock_irqrestore(&item->set->lock, flags);
	if (!claimed)
		return 0;
	if (!copy_to_user(out, &event, sizeof(event)))
		return 1;
	unclaim(item, armed);
	return -EFAULT;
}

/* Report up to @p max events. @return how many, or -EFAULT when none */
static s64 collect(struct eventpoll *set, uaddr_t out, u32 max)
{
	struct eventpoll_item *item;
	struct ready_walk walk;
	s64 count = 0, got = 0;
	u32 wakes;

	ready_walk_begin(&walk, set);
	while (count < max && got >= 0 && (item = ready_walk_next(&walk, &wakes))) {
		got = report(item, wakes, uaddr_add(out, count * sizeof(struct user_epoll_event)));
		count += MAX(got, 0l);
		ready_walk_put(item);
	}
	ready_walk_end(&walk);
	return count ? count : MIN(got, 0l);
}

/* Until something may be ready. @return false: the time has passed */
static bool sleep_for_events(struct eventpoll *set, u64 deadline)
{
	struct waiter waiter;
	bool in_time;

	waiter_init(&waiter);
	waiter.exclusive = true;
	wait_prepare(&set->wait, &waiter, THREAD_INTERRUPTIBLE);
	if (!READ_ONCE(set->nr_ready) && !signal_pending())
		in_time = schedule_until(deadline);
	else
		in_time = time_monotonic_ns() < deadline;
	wait_finish(&set->wait, &waiter);
	return in_time;
}

/* @param deadline 0: don't wait; ~0: for ever */
static s64 wait_for_events(struct eventpoll *set, uaddr_t out, u32 max, u64 deadline)
{
	bool in_time = deadline;
	s64 result = 0;

	for (;;) {
		/* Once more where another thread may have moved what this one was to see. */
		for (u32 tries = 0; !result && tries < 2 && READ_ONCE(set->nr_ready); tries++)
			result = fatal_signal_pending() ? -EINTR : collect(set, out, max);
		if (result || !in_time)
			break;
		if (signal_pending()) {
			result = -EINTR;
			break;
		}
		in_time = sleep_for_events(set, deadline);
	}
	/* One wake-up reaches one thread: let the next one have what this one left. */
	if (READ_ONCE(set->nr_ready) && wait_queue_active(&set->wait))
		wake_up(&set->wait);
	return result;
}

static s64 do_wait(u32 epfd, uaddr_t out, s32 max, u64 deadline)
{
	struct eventpoll *set;
	struct fd_ref ref;
	s64 ret;

	if (max <= 0 || (u64)max > MAX_EVENTS)
		return -EINVAL;
	if (!user_range_ok(out, (u64)max * sizeof(struct user_epoll_event)))
		return -EFAULT;
	ref = fd_get(epfd);
	if (!ref.file)
		return -EBADF;
	set = epoll_of_file(ref.file);
	ret = set ? wait_for_events(set, out, max, deadline) : -EINVAL;
	fd_put(ref);
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

SYSCALL6(epoll_pwait2, epfd, out, max, timeout, mask, mask_size)
{
	struct timespec time;
	u64 deadline = ~0ull;
	int err = 0;

	if (timeout) {
		if (copy_from_user(&time, uaddr(timeout), sizeof(time)))
			return -EFAULT;
		if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= (s64)NSEC_PER_SEC)
			return -EINVAL;
		if (time.tv_sec < 1l << 32)
			deadline = time.tv_sec || time.tv_nsec
					   ? time_monotonic_ns() + time.tv_sec * NSEC_PER_SEC +
						     time.tv_nsec
					   : 0;
	}
	err = mask ? signal_mask_temporary(mask, mask_size) : 0;
	return err ? err : do_wait((u32)epfd, uaddr(out), (s32)max, deadline);
}

/* ---- /proc/sys/fs/epoll/max_user_watches ---- */

int epoll_watches_show(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "%lu\n", READ_ONCE(watches_max));
	return 0;
}

int epoll_watches_write(char *text, size_t len, void *unused)
{
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	if (value < 0)
		return -EINVAL;
	WRITE_ONCE(watches_max, (u64)value);
	return 0;
}

void epoll_init(void)
{
	struct mem_info memory;

	mem_info_get(&memory);
	watches_max = memory.total / WATCHES_PART * PAGE_SIZE / sizeof(struct eventpoll_item);
}
