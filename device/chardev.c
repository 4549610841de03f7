// SPDX-License-Identifier: MIT
/*
 * Character devices: a table from device numbers to file operations.
 *
 * The table is hashed by number. Each open reads it under RCU; registration and
 * unregistration change it under a mutex. Opening an inode of a character device
 * replaces the file's operations and file->private by those of the entry, and calls
 * the open method of the new operations. The table is not used for that file again.
 *
 * An open pins the entry while the owner's open method runs: after
 * chardev_unregister() has returned, no open method is running and none will start.
 * If the owner has a hold method, the pin ends when hold has returned, so that an open
 * that sleeps does not delay chardev_unregister(). The owner counts such opens, as it
 * counts its open files.
 *
 * Locks: chardev_lock (mutex) guards the chains and the free numbers. devfs is called
 * under it, so that node and entry appear and disappear together.
 */
#include <kernel/bitmap.h>
#include <kernel/chardev.h>
#include <kernel/err.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/devfs.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/wait.h>
#include "internal.h"

#define BUCKETS 64

/* Numbers for chardev_alloc_number(): misc devices, above the minors with fixed names. */
#define DYNAMIC_MAJOR 10
#define DYNAMIC_FIRST 256
#define DYNAMIC_COUNT 1024

struct chardev_entry {
	struct chardev_entry *next; /* RCU */
	struct chardev chardev;
	struct atomic pins; /* 1 while registered, and 1 for each open that runs */
	struct rcu_head rcu;
	char name[];
};

static DEFINE_MUTEX(chardev_lock); /* buckets and their chains (readers: RCU), dynamic_used */
static struct chardev_entry *buckets[BUCKETS];
static u64 dynamic_used[BITMAP_WORDS(DYNAMIC_COUNT)];
static DEFINE_WAIT_QUEUE(unpinned);

static u32 chardev_bucket(dev_t dev)
{
	return (MAJOR(dev) * 31 + MINOR(dev)) % BUCKETS;
}

static struct chardev_entry *chardev_find(dev_t dev)
{
	struct chardev_entry *entry = rcu_dereference(buckets[chardev_bucket(dev)]);

	while (entry && entry->chardev.dev != dev)
		entry = rcu_dereference(entry->next);
	return entry;
}

static void chardev_unpin(struct chardev_entry *entry)
{
	if (atomic_dec_and_test(&entry->pins))
		wake_up_all(&unpinned);
}

static void chardev_free(struct rcu_head *head)
{
	kfree(container_of(head, struct chardev_entry, rcu));
}

static void chardev_release_number(dev_t dev)
{
	u32 number = MINOR(dev) - DYNAMIC_FIRST;

	if (MAJOR(dev) == DYNAMIC_MAJOR && MINOR(dev) >= DYNAMIC_FIRST && number < DYNAMIC_COUNT)
		bitmap_clear(dynamic_used, number);
}

static int chardev_open(struct inode *inode, struct file *f)
{
	int (*hold)(void *private);
	struct chardev_entry *entry;
	int err = 0;

	rcu_read_lock();
	entry = chardev_find(inode->rdev);
	if (entry && !atomic_inc_not_zero(&entry->pins))
		entry = NULL;
	rcu_read_unlock();
	if (!entry)
		return -ENXIO;

	f->ops = entry->chardev.ops;
	f->private = entry->chardev.private;
	hold = entry->chardev.hold;
	if (hold) {
		err = hold(f->private);
		chardev_unpin(entry);
	}
	if (!err && f->ops->open)
		err = f->ops->open(inode, f);
	if (!hold)
		chardev_unpin(entry);
	return err;
}

const struct file_ops chardev_fops = { .open = chardev_open };

static int __must_check chardev_insert_locked(struct chardev_entry *entry)
{
	struct chardev_entry **bucket = &buckets[chardev_bucket(entry->chardev.dev)];

	assert_held(&chardev_lock);
	if (chardev_find(entry->chardev.dev))
		return -EBUSY;
	entry->next = *bucket;
	rcu_assign_pointer(*bucket, entry);
	return 0;
}

static void chardev_unlink_locked(struct chardev_entry *entry)
{
	struct chardev_entry **link = &buckets[chardev_bucket(entry->chardev.dev)];

	assert_held(&chardev_lock);
	while (*link != entry)
		link = &(*link)->next;
	rcu_assign_pointer(*link, entry->next);
}

/* ---- /proc/devices ---- */

#define MAJORS 4096

/* Under Linux's name of the major if it has one, else under the first device's name without its number. */
static void chardev_show_major(struct seq_file *seq, u32 major, const char *name)
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
	seq_printf(seq, "%3u ", major);
	seq_write(seq, name, len);
	seq_putc(seq, '\n');
}

void chardev_show(struct seq_file *seq)
{
	const char **names = kvzalloc(MAJORS * sizeof(*names));

	if (!names)
		return;
	mutex_lock(&chardev_lock);
	for (u32 bucket = 0; bucket < BUCKETS; bucket++)
		for (struct chardev_entry *entry = buckets[bucket]; entry; entry = entry->next)
			if (!names[MAJOR(entry->chardev.dev)])
				names[MAJOR(entry->chardev.dev)] = entry->name;
	for (u32 major = 0; major < MAJORS; major++)
		if (names[major])
			chardev_show_major(seq, major, names[major]);
	mutex_unlock(&chardev_lock);
	kvfree(names);
}

/* Wait for the opens that found the entry before it was unlinked, and free it. */
static void chardev_retire(struct chardev_entry *entry)
{
	chardev_unpin(entry);
	wait_event(&unpinned, !atomic_read(&entry->pins));
	call_rcu(&entry->rcu, chardev_free);
}

int chardev_register(const struct chardev *chardev)
{
	const char *name = chardev->name;
	size_t name_size = name ? strlen(name) + 1 : 1;
	struct chardev_entry *entry = kzalloc(sizeof(*entry) + name_size);
	int err;

	if (!entry)
		return -ENOMEM;
	entry->chardev = *chardev;
	atomic_set(&entry->pins, 1);
	if (name) {
		memcpy(entry->name, name, name_size);
		entry->chardev.name = entry->name;
	}

	mutex_lock(&chardev_lock);
	err = chardev_insert_locked(entry);
	if (err) {
		mutex_unlock(&chardev_lock);
		kfree(entry);
		return err;
	}
	if (name)
		err = devfs_add(name, chardev->mode, chardev->dev);
	if (err)
		chardev_unlink_locked(entry);
	mutex_unlock(&chardev_lock);
	if (err)
		chardev_retire(entry); /* an open by number may have found it */
	return err;
}

void chardev_register_own(const struct chardev *chardev)
{
	int err = chardev_register(chardev);

	if (err)
		pr_err("device: cannot register /dev/%s: %s (error %d)\n", chardev->name,
		       error_text(err), -err);
}

void chardev_unregister(dev_t dev)
{
	struct chardev_entry *entry;

	mutex_lock(&chardev_lock);
	entry = chardev_find(dev);
	if (entry) {
		chardev_unlink_locked(entry);
		if (entry->chardev.name)
			devfs_remove(entry->chardev.name);
	}
	chardev_release_number(dev);
	mutex_unlock(&chardev_lock);
	if (entry)
		chardev_retire(entry);
}

dev_t chardev_alloc_number(void)
{
	dev_t dev = 0;
	u64 number;

	mutex_lock(&chardev_lock);
	number = bitmap_find_clear(dynamic_used, DYNAMIC_COUNT, 0);
	if (number < DYNAMIC_COUNT) {
		bitmap_set(dynamic_used, number);
		dev = MKDEV(DYNAMIC_MAJOR, DYNAMIC_FIRST + number);
	}
	mutex_unlock(&chardev_lock);
	return dev;
}
