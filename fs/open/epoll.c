// SPDX-License-Identifier: MIT
/*
 * epoll: a set of files that reports those that are ready, at a cost that
 * grows with the ready ones.
 *
 * An item represents one descriptor in one set. It stays on the wait queues of its
 * file; a wake-up there puts it on the set's ready list. An item on that list only
 * may be ready: epoll_wait(), and poll() of the set itself, call the file's poll
 * method, and remove the item from the list if the file is not ready.
 *
 * The poll method is called with no lock held, because a driver's method may sleep
 * for any time. The set may change meanwhile:
 *  - Each thread walks the ready list with a mark of its own on it, and items stay
 *    on the list during the call. So a thread that is blocked in a driver hides no
 *    item from the others.
 *  - item->wakes counts wake-ups. "Not ready" removes an item from the list only if
 *    no wake-up followed the call. An edge or a one-shot belongs to the thread that
 *    removes the item (item_claim_locked()); a level moves to the end of the list.
 *  - An item that leaves its set is marked dead, and freed when the last thread that
 *    uses it drops it. A thread that calls a file's method counts the file. An item
 *    does not, so its remover must count the file before it takes the hooks off the
 *    file's queues. If the count is zero already, the file is being released, and
 *    eventpoll_release() removes the hooks of all its items.
 *  - Hooks belong to the thread that adds an item until its first call of poll has
 *    returned (item->hooking). If the item was removed by then, that thread cleans up.
 *
 * Locks: epoll_nest_mutex (epoll_nest.c) where sets hold sets. Then, each by
 * itself: set->lock (spin, interrupts off), taken inside wait queues' locks by
 * wake-ups; a file's watch lock (spin), for the list of its items.
 * Linux epoll(7), epoll_ctl(2), epoll_wait(2).
 */
#include <kernel/cred.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
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
#include "epoll.h"
#include "open.h"

#define WATCH_LOCKS 16u

static const struct file_ops epoll_fops;
static spinlock_t watch_locks[WATCH_LOCKS];

spinlock_t *epoll_watch_lock(const struct file *f)
{
	return &watch_locks[(u64)f / sizeof(*f) % WATCH_LOCKS];
}

struct eventpoll *epoll_of_file(const struct file *f)
{
	if (f->ops != &epoll_fops)
		return NULL;
	return f->private;
}

/* ---- the ready list; set->lock held ---- */

void epoll_ready_add_locked(struct eventpoll_item *item)
{
	assert_held(&item->set->lock);
	if (item->dead || epoll_item_is_ready(item))
		return;
	list_add_tail(&item->ready.link, &item->set->ready);
	item->set->nr_ready++;
}

void epoll_ready_remove_locked(struct eventpoll_item *item)
{
	assert_held(&item->set->lock);
	if (!epoll_item_is_ready(item))
		return;
	list_del(&item->ready.link);
	item->set->nr_ready--;
}

/* ---- wake-ups ---- */

void epoll_wake_waiters(struct eventpoll *set)
{
	wake_up(&set->wait);
	wake_up_poll(&set->poll_wait, POLLIN | POLLRDNORM);
}

/* One of several sets that wait exclusively is enough: is it this one, in which a thread sleeps in epoll_wait()? */
static bool set_takes_wake_up(const struct eventpoll *set, u32 events, u64 key)
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
	bool told = (events & ~EPOLL_PRIVATE_BITS) && (!key || (key & events)), takes;

	if (told) {
		item->wakes++;
		epoll_ready_add_locked(item);
	}
	spin_unlock_irqrestore(&set->lock, flags);
	if (!told)
		return !(events & EPOLLEXCLUSIVE);
	takes = set_takes_wake_up(set, events, key);
	epoll_wake_waiters(set);
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
	cred_uncharge_watch(item->set->cred, WATCH_EPOLL);
	eventpoll_put(item->set);
	kfree(item);
}

void epoll_hook_add(struct poll_table *poll, struct wait_queue *queue)
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

/* The position of (@p f, @p fd), existing or to be added. set->lock held. */
struct eventpoll_item *epoll_item_find(struct eventpoll *set, const struct file *f, u32 fd,
				       struct rb_node **parent, struct rb_node ***link)
{
	struct rb_node **slot = &set->items.node, *above = NULL;

	assert_held(&set->lock);
	while (*slot) {
		struct eventpoll_item *item = rb_entry(*slot, struct eventpoll_item, node);

		if (item->file == f && item->fd == fd)
			return item;
		above = *slot;
		if ((u64)f < (u64)item->file || (f == item->file && fd < item->fd))
			slot = &above->left;
		else
			slot = &above->right;
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

	assert_held(&set->lock);
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

/* Take an item out of its set, if it is still in it. Unless it is ->hooking, the caller detaches it. */
void epoll_item_kill_locked(struct eventpoll_item *item)
{
	assert_held(&item->set->lock);
	if (item->dead)
		return;
	epoll_ready_remove_locked(item);
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
void epoll_item_detach(struct eventpoll_item *item)
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

		epoll_item_kill_locked(item);
		spin_unlock_irqrestore(&item->set->lock, flags);
		epoll_item_detach(item);
	}
}

/* ---- the set as a file ---- */

/* Take the first item out; @p detach: its file was counted, and the caller must detach the item. */
static struct eventpoll_item *item_kill_first(struct eventpoll *set, bool *detach)
{
	u64 flags = spin_lock_irqsave(&set->lock);
	struct rb_node *first = rb_first(&set->items);
	struct eventpoll_item *item = NULL;

	if (first)
		item = rb_entry(first, struct eventpoll_item, node);
	if (item) {
		epoll_item_kill_locked(item);
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

	while ((item = item_kill_first(set, &detach))) {
		if (detach) {
			struct file *watched = item->file;

			epoll_item_detach(item);
			file_put(watched);
		}
	}
	eventpoll_put(set);
}

static u32 epoll_poll(struct file *f, struct poll_table *table)
{
	struct eventpoll *set = f->private;

	poll_wait(table, &set->poll_wait);
	if (epoll_any_ready(set))
		return POLLIN | POLLRDNORM;
	return 0;
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

static s64 epoll_open(u32 flags)
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
	return epoll_open((u32)flags);
}
SYSCALL1(epoll_create, size)
{
	if ((s32)size <= 0)
		return -EINVAL;
	return epoll_open(0);
}
