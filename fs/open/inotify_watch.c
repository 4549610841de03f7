// SPDX-License-Identifier: MIT
/*
 * Watches of inotify: which inodes are watched by whom, and what happens to them.
 *
 * A watch holds a reference on its inode, which stays the same object therefore; it ends with the watch, with the last
 * name of the object, or when the file system is unmounted. Watched inodes have INODE_WATCHED, and their watches
 * are in a table by the inode's address. So a file that nobody watches costs a test of notify_watches while there are no
 * watches at all, else one of its flags and those of its folder.
 *
 * A name that an event reports is read within an RCU read section, as walks read names.
 *
 * Lock: watch_lock (spin) guards the table, all lists of watches, and INODE_WATCHED; an instance's own lock is
 * taken inside. References are dropped without it. Order and content of events: Linux 6.1, fs/notify/, inotify(7).
 */
#include "inotify.h"
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/rcu.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>

#define TABLE_BITS 10
#define TABLE_SIZE (1u << TABLE_BITS)
#define NR_MAX	   0x7fffffffu

struct inotify_watch {
	struct list link; /* in the table; or of those that have ended */
	struct inotify *inotify;
	struct inode *inode; /* counted */
	u32 wd, mask;	     /* IN_ALL_EVENTS, and flags that stay */
};
#define FLAGS_KEPT (IN_EXCL_UNLINK | IN_ONESHOT)

u32 notify_watches;
static DEFINE_SPINLOCK(watch_lock);
static DEFINE_MUTEX(table_lock); /* guards the making of the table */
static struct list *table;
static struct atomic last_cookie;

static struct list *watches_near(const struct inode *inode)
{
	return &table[((u64)inode >> 6) * 0x9e3779b97f4a7c15ull >> (64 - TABLE_BITS)];
}

int inotify_watches_init(void)
{
	struct list *fresh;
	int err = 0;

	mutex_lock(&table_lock);
	if (!table) {
		fresh = kvzalloc(TABLE_SIZE * sizeof(*fresh));
		for (u32 i = 0; fresh && i < TABLE_SIZE; i++)
			list_init(&fresh[i]);
		smp_store_release(&table, fresh);
		if (!fresh)
			err = -ENOMEM;
	}
	mutex_unlock(&table_lock);
	return err;
}

/* ---- under the lock ---- */

static struct inotify_watch *watch_find(const struct inotify *inotify, const struct inode *inode)
{
	struct inotify_watch *watch;

	assert_held(&watch_lock);
	list_for_each(watch, watches_near(inode), link)
		if (watch->inode == inode && watch->inotify == inotify)
			return watch;
	return NULL;
}

static void inode_update_watched(struct inode *inode)
{
	struct inotify_watch *watch;

	assert_held(&watch_lock);
	list_for_each(watch, watches_near(inode), link)
		if (watch->inode == inode)
			return;
	__atomic_fetch_and(&inode->flags, ~(u32)INODE_WATCHED, __ATOMIC_RELAXED);
}

/* The watch moves to @dead, for watches_free(). */
static void watch_remove(struct inotify_watch *watch, bool tell, struct list *dead)
{
	assert_held(&watch_lock);
	page_tree_remove(&watch->inotify->watches, watch->wd);
	list_del(&watch->link);
	inode_update_watched(watch->inode);
	WRITE_ONCE(notify_watches, notify_watches - 1);
	if (tell)
		inotify_queue(watch->inotify, (s32)watch->wd, IN_IGNORED, 0, NULL, 0);
	cred_uncharge_watch(watch->inotify->cred, WATCH_INOTIFY);
	list_add_tail(&watch->link, dead);
}

/* Without the lock. */
static void watches_free(struct list *dead)
{
	struct inotify_watch *watch, *next;

	list_for_each_safe(watch, next, dead, link) {
		inode_put(watch->inode);
		kfree(watch);
	}
}

/* ---- reporting ---- */

struct report {
	const struct inode *inode; /* whose watches */
	u32 event, cookie;
	const char *name; /* NULL: none */
	u32 length;
	bool unlinked; /* a file that has lost its name does it */
};

static void report_locked(const struct report *report, struct list *dead)
{
	struct inotify_watch *watch, *next;

	assert_held(&watch_lock);
	list_for_each_safe(watch, next, watches_near(report->inode), link) {
		if (watch->inode != report->inode ||
		    !((watch->mask | IN_UNMOUNT) & report->event & (IN_ALL_EVENTS | IN_UNMOUNT)) ||
		    (report->unlinked && watch->mask & IN_EXCL_UNLINK))
			continue;
		inotify_queue(watch->inotify, (s32)watch->wd, report->event, report->cookie,
			      report->name, report->length);
		if (watch->mask & IN_ONESHOT)
			watch_remove(watch, true, dead);
	}
}

static void notify_report(const struct report *report)
{
	DEFINE_LIST(dead);

	if (!(READ_ONCE(report->inode->flags) & INODE_WATCHED))
		return;
	spin_lock(&watch_lock);
	report_locked(report, &dead);
	spin_unlock(&watch_lock);
	watches_free(&dead);
}

static u32 event_of(const struct inode *inode, u32 event)
{
	if (S_ISDIR(inode->mode))
		return event | IN_ISDIR;
	return event;
}

void notify_inode_slow(struct inode *inode, u32 event)
{
	const struct report report = { .inode = inode, .event = event_of(inode, event) };

	notify_report(&report);
}

void notify_name_slow(struct inode *dir, const struct dentry *named, const struct inode *inode,
		      u32 event, u32 cookie)
{
	const struct report report = {
		.inode = dir,
		.event = event_of(inode, event),
		.cookie = cookie,
		.name = named->name,
		.length = dentry_name_len(named),
	};

	notify_report(&report);
}

/* To those who watch the folder. Its name may change meanwhile, and the folder: hence RCU, and no copy outside. */
static void report_to_parent(const struct dentry *d, u32 event, bool unlinked)
{
	const struct dentry *parent;
	struct report report;
	const char *name;
	DEFINE_LIST(dead);

	rcu_read_lock();
	parent = READ_ONCE(d->parent);
	report.inode = READ_ONCE(parent->inode);
	if (parent != d && report.inode && READ_ONCE(report.inode->flags) & INODE_WATCHED) {
		name = READ_ONCE(d->name);
		report = (struct report){
			.inode = report.inode,
			.event = event,
			.name = name,
			.length = name_key_len(name_key_of(name)),
			.unlinked = unlinked,
		};
		spin_lock(&watch_lock);
		report_locked(&report, &dead);
		spin_unlock(&watch_lock);
	}
	rcu_read_unlock();
	watches_free(&dead);
}

void notify_path_slow(const struct dentry *d, u32 event, bool by_file)
{
	bool unlinked = by_file && READ_ONCE(d->flags) & DENTRY_UNHASHED &&
			!(d->flags & (DENTRY_NOCACHE | DENTRY_ANON));
	struct report report = {
		.inode = d->inode,
		.unlinked = unlinked,
	};

	if (!report.inode)
		return; /* a negative one */
	report.event = event_of(report.inode, event);
	report_to_parent(d, report.event, unlinked);
	notify_report(&report);
}

/* Without IN_ISDIR, as on Linux. */
static void notify_self(struct inode *inode, u32 event)
{
	const struct report report = { .inode = inode, .event = event };

	notify_report(&report);
}

void notify_move_slow(struct inode *old_dir, const struct dentry *old, struct inode *new_dir,
		      const struct dentry *new, struct inode *target)
{
	u32 cookie = (u32)atomic_add_return(&last_cookie, 1);

	notify_name_slow(old_dir, old, old->inode, IN_MOVED_FROM, cookie);
	notify_name_slow(new_dir, new, old->inode, IN_MOVED_TO, cookie);
	if (target)
		notify_inode_slow(target, IN_ATTRIB);
	notify_self(old->inode, IN_MOVE_SELF);
}

/* ---- ends ---- */

/* Report @event to all who watch @inode, and end their watches. */
static void inode_leaves(struct inode *inode, u32 event)
{
	const struct report report = { .inode = inode, .event = event };
	struct inotify_watch *watch, *next;
	DEFINE_LIST(dead);

	spin_lock(&watch_lock);
	report_locked(&report, &dead);
	list_for_each_safe(watch, next, watches_near(inode), link)
		if (watch->inode == inode)
			watch_remove(watch, true, &dead);
	spin_unlock(&watch_lock);
	watches_free(&dead);
}

void notify_deleted_slow(struct inode *inode)
{
	if (READ_ONCE(inode->flags) & INODE_WATCHED)
		inode_leaves(inode, IN_DELETE_SELF);
}

/* A watched inode of @sb, counted; NULL: there is none */
static struct inode *watched_inode_of(const struct super_block *sb, u32 *from)
{
	struct inode *found = NULL;
	struct inotify_watch *watch;

	spin_lock(&watch_lock);
	for (; *from < TABLE_SIZE && !found; *from += !found)
		list_for_each(watch, &table[*from], link)
			if (watch->inode->sb == sb) {
				found = watch->inode;
				inode_get(found);
				break;
			}
	spin_unlock(&watch_lock);
	return found;
}

void notify_unmount_slow(struct super_block *sb)
{
	struct inode *inode;
	u32 from = 0;

	while ((inode = watched_inode_of(sb, &from))) {
		inode_leaves(inode, event_of(inode, IN_UNMOUNT));
		inode_put(inode);
	}
}

int inotify_watch_end(struct inotify *inotify, u32 wd)
{
	struct inotify_watch *watch = NULL;
	DEFINE_LIST(dead);

	spin_lock(&watch_lock);
	if (wd <= NR_MAX)
		watch = page_tree_lookup(&inotify->watches, wd);
	if (watch)
		watch_remove(watch, true, &dead);
	spin_unlock(&watch_lock);
	if (!watch)
		return -EINVAL;
	watches_free(&dead);
	return 0;
}

void inotify_watches_end(struct inotify *inotify)
{
	struct inotify_watch *watch;
	u64 index = 0;
	DEFINE_LIST(dead);

	spin_lock(&watch_lock);
	while ((watch = page_tree_next(&inotify->watches, &index, NR_MAX)))
		watch_remove(watch, false, &dead);
	spin_unlock(&watch_lock);
	watches_free(&dead);
}

/* ---- making and changing ---- */

static u32 watch_mask(u32 mask)
{
	return mask & (IN_ALL_EVENTS | FLAGS_KEPT);
}

/* @return its number or -EEXIST */
static s32 watch_change(struct inotify_watch *watch, u32 mask)
{
	assert_held(&watch_lock);
	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	if (!(mask & IN_MASK_ADD))
		watch->mask = 0;
	watch->mask |= watch_mask(mask);
	return (s32)watch->wd;
}

/* Numbers ascend; those in use are skipped once all were given. @return 0 or -ENOMEM */
static int watch_insert(struct inotify_watch *watch)
{
	struct inotify *inotify = watch->inotify;
	int err;

	assert_held(&watch_lock);
	do {
		if (!inotify->next_wd || inotify->next_wd > NR_MAX)
			inotify->next_wd = 1;
		watch->wd = inotify->next_wd++;
		err = page_tree_insert(&inotify->watches, watch->wd, watch);
	} while (err == -EEXIST);
	if (err)
		return err;
	list_add_tail(&watch->link, watches_near(watch->inode));
	inode_get(watch->inode);
	__atomic_fetch_or(&watch->inode->flags, INODE_WATCHED, __ATOMIC_RELAXED);
	WRITE_ONCE(notify_watches, notify_watches + 1);
	return 0;
}

s32 inotify_watch_set(struct inotify *inotify, struct inode *inode, u32 mask, u64 most)
{
	struct inotify_watch *fresh = kmalloc(sizeof(*fresh)), *old;
	s32 wd;

	if (!fresh)
		return -ENOMEM;
	*fresh = (struct inotify_watch){ .inotify = inotify,
					 .inode = inode,
					 .mask = watch_mask(mask) };
	spin_lock(&watch_lock);
	old = watch_find(inotify, inode);
	if (old) {
		wd = watch_change(old, mask);
	} else if (!cred_charge_watch(inotify->cred, WATCH_INOTIFY, most)) {
		wd = -ENOSPC;
	} else {
		wd = watch_insert(fresh);
		if (wd) {
			cred_uncharge_watch(inotify->cred, WATCH_INOTIFY);
		} else {
			wd = (s32)fresh->wd;
			fresh = NULL;
		}
	}
	spin_unlock(&watch_lock);
	kfree(fresh);
	return wd;
}

void inotify_watches_number(struct inotify *inotify, u32 wd)
{
	spin_lock(&watch_lock);
	inotify->next_wd = wd;
	spin_unlock(&watch_lock);
}

void inotify_watches_show(struct inotify *inotify, struct seq_file *seq)
{
	const struct inotify_watch *watch;

	spin_lock(&watch_lock);
	for (u64 wd = 0; (watch = page_tree_next(&inotify->watches, &wd, NR_MAX)); wd++)
		seq_printf(seq, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0 \n",
			   watch->wd, watch->inode->ino, (u32)watch->inode->sb->dev, watch->mask);
	spin_unlock(&watch_lock);
}
