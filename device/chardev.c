// SPDX-License-Identifier: MIT
/*
 * Character devices: which file operations a device number leads to.
 *
 * A table hashed by number, read under RCU by every open and changed under a
 * mutex by (un)registration. Opening an inode of a character device replaces
 * the file's operations by those of the entry, sets file->private to the
 * entry's, and calls their open method; from then on this file is not involved.
 *
 * An open pins the entry while the owner's open method runs: when
 * chardev_unregister() returns, no open is inside it and none will start. Where the
 * owner has a hold method the pin lasts for that alone, and an open that sleeps holds up
 * nobody: it, as files that are open already, is the owner's own business, who counts them.
 *
 * Locks: chardev_lock (mutex) guards the chains and the free numbers; devfs is
 * called under it, so that node and entry come and go together.
 */
#include <kernel/bitmap.h>
#include <kernel/chardev.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/devfs.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/wait.h>

#define BUCKETS 64

/* Numbers given out: misc devices beyond the minors that have fixed names. */
#define DYNAMIC_MAJOR 10
#define DYNAMIC_FIRST 256
#define DYNAMIC_COUNT 1024

struct chardev_entry {
	struct chardev_entry *next; /* RCU */
	struct chardev c;
	struct atomic pins; /* 1 while registered, and each open in flight */
	struct rcu_head rcu;
	char name[];
};

static DEFINE_MUTEX(chardev_lock);
static struct chardev_entry *buckets[BUCKETS];
static u64 dynamic_used[BITMAP_WORDS(DYNAMIC_COUNT)];
static DEFINE_WAIT_QUEUE(unpinned);

static u32 bucket_of(dev_t dev)
{
	return (MAJOR(dev) * 31 + MINOR(dev)) % BUCKETS;
}

static struct chardev_entry *find_entry(dev_t dev)
{
	struct chardev_entry *e = rcu_dereference(buckets[bucket_of(dev)]);

	while (e && e->c.dev != dev)
		e = rcu_dereference(e->next);
	return e;
}

static void unpin(struct chardev_entry *e)
{
	if (atomic_dec_and_test(&e->pins))
		wake_up_all(&unpinned);
}

static void free_entry(struct rcu_head *h)
{
	kfree(container_of(h, struct chardev_entry, rcu));
}

static void release_number(dev_t dev)
{
	u32 n = MINOR(dev) - DYNAMIC_FIRST;

	if (MAJOR(dev) == DYNAMIC_MAJOR && MINOR(dev) >= DYNAMIC_FIRST && n < DYNAMIC_COUNT)
		bitmap_clear(dynamic_used, n);
}

static int chardev_open(struct inode *inode, struct file *f)
{
	int (*hold)(void *private);
	struct chardev_entry *e;
	int err = 0;

	rcu_read_lock();
	e = find_entry(inode->rdev);
	if (e && !atomic_inc_not_zero(&e->pins))
		e = NULL;
	rcu_read_unlock();
	if (!e)
		return -ENXIO;

	f->ops = e->c.ops;
	f->private = e->c.private;
	hold = e->c.hold;
	if (hold) {
		err = hold(f->private);
		unpin(e);
	}
	if (!err && f->ops->open)
		err = f->ops->open(inode, f);
	if (!hold)
		unpin(e);
	return err;
}

const struct file_ops chardev_fops = { .open = chardev_open };

static int insert_locked(struct chardev_entry *e)
{
	struct chardev_entry **bucket = &buckets[bucket_of(e->c.dev)];

	if (find_entry(e->c.dev))
		return -EBUSY;
	e->next = *bucket;
	rcu_assign_pointer(*bucket, e);
	return 0;
}

static void unlink_locked(struct chardev_entry *e)
{
	struct chardev_entry **link = &buckets[bucket_of(e->c.dev)];

	while (*link != e)
		link = &(*link)->next;
	rcu_assign_pointer(*link, e->next);
}

/* ---- /proc/devices ---- */

#define MAJORS 4096

/* What Linux calls the major, else the first device's name without its number. */
static void show_major(struct seq_file *m, u32 major, const char *name)
{
	static const struct {
		u32 major;
		const char *name;
	} known[] = {
		{ 1, "mem" },	 { 4, "tty" }, { 5, "tty" },   { 10, "misc" },
		{ 13, "input" }, { 29, "fb" }, { 128, "ptm" }, { 136, "pts" },
	};
	size_t len = strlen(name);

	while (len && name[len - 1] >= '0' && name[len - 1] <= '9')
		len--;
	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].major == major) {
			name = known[i].name;
			len = strlen(name);
		}
	seq_printf(m, "%3u ", major);
	seq_write(m, name, len);
	seq_putc(m, '\n');
}

void chardev_show(struct seq_file *m)
{
	const char **names = kvzalloc(MAJORS * sizeof(*names));

	if (!names)
		return;
	mutex_lock(&chardev_lock);
	for (u32 b = 0; b < BUCKETS; b++)
		for (struct chardev_entry *e = buckets[b]; e; e = e->next)
			if (!names[MAJOR(e->c.dev)])
				names[MAJOR(e->c.dev)] = e->name;
	for (u32 major = 0; major < MAJORS; major++)
		if (names[major])
			show_major(m, major, names[major]);
	mutex_unlock(&chardev_lock);
	kvfree(names);
}

/* Unlinked already: wait for the opens that got hold of it. */
static void retire_entry(struct chardev_entry *e)
{
	unpin(e);
	wait_event(&unpinned, !atomic_read(&e->pins));
	call_rcu(&e->rcu, free_entry);
}

int chardev_register(const struct chardev *c)
{
	size_t name_size = c->name ? strlen(c->name) + 1 : 1;
	struct chardev_entry *e = kzalloc(sizeof(*e) + name_size);
	int err;

	if (!e)
		return -ENOMEM;
	e->c = *c;
	atomic_set(&e->pins, 1);
	if (c->name) {
		memcpy(e->name, c->name, name_size);
		e->c.name = e->name;
	}

	mutex_lock(&chardev_lock);
	err = insert_locked(e);
	if (err) {
		mutex_unlock(&chardev_lock);
		kfree(e);
		return err;
	}
	if (c->name)
		err = devfs_add(c->name, c->mode, c->dev);
	if (err)
		unlink_locked(e);
	mutex_unlock(&chardev_lock);
	if (err)
		retire_entry(e); /* an open by number may have found it */
	return err;
}

void chardev_unregister(dev_t dev)
{
	struct chardev_entry *e;

	mutex_lock(&chardev_lock);
	e = find_entry(dev);
	if (e) {
		unlink_locked(e);
		if (e->c.name)
			devfs_remove(e->c.name);
	}
	release_number(dev);
	mutex_unlock(&chardev_lock);
	if (e)
		retire_entry(e);
}

dev_t chardev_alloc_number(void)
{
	dev_t dev = 0;
	u64 n;

	mutex_lock(&chardev_lock);
	n = bitmap_find_clear(dynamic_used, DYNAMIC_COUNT, 0);
	if (n < DYNAMIC_COUNT) {
		bitmap_set(dynamic_used, n);
		dev = MKDEV(DYNAMIC_MAJOR, DYNAMIC_FIRST + n);
	}
	mutex_unlock(&chardev_lock);
	return dev;
}
