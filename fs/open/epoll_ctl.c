// SPDX-License-Identifier: MIT
/*
 * epoll_ctl(): adding, changing and removing the items of a set, and how many
 * items the sets of one user may have. The theory is at the top of epoll.c.
 */
#include <kernel/cred.h>
#include <kernel/fs/epoll.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/init.h>
#include <kernel/fs/seq_open.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include "epoll.h"

#define EXCLUSIVE_BITS (POLLIN | POLLOUT | POLL_ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define WATCHES_PART   25u /* of memory, all items of a user; as Linux */

static u64 watches_max; /* items that the sets of one user may have */

/* ---- adding ---- */

static struct eventpoll_item *item_create(struct eventpoll *set, struct file *f, u32 fd,
					  const struct user_epoll_event *event)
{
	struct eventpoll_item *item;

	if (!cred_charge_watch(set->cred, WATCH_EPOLL, READ_ONCE(watches_max)))
		return ERR_PTR(-ENOSPC);
	item = kzalloc(sizeof(*item));
	if (!item) {
		cred_uncharge_watch(set->cred, WATCH_EPOLL);
		return ERR_PTR(-ENOMEM);
	}
	atomic_inc(&set->refs);
	item->set = set;
	item->file = f;
	item->fd = fd;
	item->events = event->events;
	item->data = event->data;
	item->hooking = true;
	item->table.add = epoll_hook_add;
	atomic_set(&item->refs, 1);
	list_init(&item->ready.link);
	list_init(&item->inner_link);
	list_init(&item->outer_link);
	return item;
}

/* @return 0, -EEXIST, -EAGAIN: only with epoll_nest_mutex */
static int item_insert(struct eventpoll_item *item, bool with_mutex)
{
	struct eventpoll *set = item->set;
	struct rb_node *parent, **link;
	u64 flags = spin_lock_irqsave(&set->lock);
	int err = 0;

	if (set->nested && !with_mutex)
		err = -EAGAIN;
	else if (epoll_item_find(set, item->file, item->fd, &parent, &link))
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
static void set_mark_nested(struct eventpoll *set)
{
	u64 flags = spin_lock_irqsave(&set->lock);

	assert_held(&epoll_nest_mutex);
	set->nested = true;
	spin_unlock_irqrestore(&set->lock, flags);
}

/* Add the item to the set and the file's list. @p added: even on an error it was added, and must be removed. */
static int item_enter_nested(struct eventpoll_item *item, struct eventpoll_item **checked,
			     bool *added)
{
	struct eventpoll *inner = epoll_of_file(item->file);
	int err = 0;

	assert_held(&epoll_nest_mutex);
	if (inner)
		err = epoll_nest_check(item->set, inner);
	if (err)
		return err;
	err = item_insert(item, true);
	if (err)
		return err;
	file_list_add(item);
	*added = true;
	if (inner) {
		set_mark_nested(inner);
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
		err = item_insert(item, false);
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

/* The end of adding: the item stays in the set unless @p err, or another thread removed it meanwhile. */
static void item_settle(struct eventpoll_item *item, u32 ready, int err)
{
	struct eventpoll *set = item->set;
	u64 flags = spin_lock_irqsave(&set->lock);
	bool dead, tell;

	item->hooking = false;
	if (err)
		epoll_item_kill_locked(item);
	dead = item->dead;
	tell = !dead && (ready & item->events);
	if (tell)
		epoll_ready_add_locked(item);
	spin_unlock_irqrestore(&set->lock, flags);
	if (dead)
		epoll_item_detach(item);
	else if (tell)
		epoll_wake_waiters(set);
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
		ready = epoll_item_ask(item, &item->table);
		if (item->failed)
			err = -ENOMEM;
	}
	item_settle(item, ready, err);
	return err;
}

/* ---- control ---- */

/* An item of the set, counted, or NULL. */
static struct eventpoll_item *item_get(struct eventpoll *set, struct file *f, u32 fd)
{
	u64 flags = spin_lock_irqsave(&set->lock);
	struct eventpoll_item *item = epoll_item_find(set, f, fd, NULL, NULL);

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
	ready = epoll_item_ask(item, NULL);
	flags = spin_lock_irqsave(&set->lock);
	tell = !item->dead && (ready & item->events) && !epoll_item_is_ready(item);
	if (tell)
		epoll_ready_add_locked(item);
	spin_unlock_irqrestore(&set->lock, flags);
	if (tell)
		epoll_wake_waiters(set);
	return 0;
}

static int item_delete(struct eventpoll_item *item)
{
	u64 flags = spin_lock_irqsave(&item->set->lock);
	bool mine = !item->dead, detach = mine && !item->hooking;

	epoll_item_kill_locked(item);
	spin_unlock_irqrestore(&item->set->lock, flags);
	if (detach)
		epoll_item_detach(item);
	if (!mine)
		return -ENOENT;
	return 0;
}

static int item_change(struct eventpoll *set, u32 command, struct file *f, u32 fd,
		       const struct user_epoll_event *event)
{
	struct eventpoll_item *item = item_get(set, f, fd);
	int err;

	if (!item)
		return -ENOENT;
	if (command == EPOLL_CTL_MOD)
		err = item_modify(item, event);
	else
		err = item_delete(item);
	epoll_item_put(item);
	return err;
}

/* In the order in which Linux finds fault. */
static s64 epoll_change(struct file *set, u32 command, struct file *f, u32 fd,
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
	case EPOLL_CTL_DEL: return item_change(eventpoll, command, f, fd, event);
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
		ret = epoll_change(set.file, (u32)command, ref.file, (u32)fd, &wanted);
	if (set.file)
		fd_put(set);
	if (ref.file)
		fd_put(ref);
	return ret;
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
