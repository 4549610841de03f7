// SPDX-License-Identifier: MIT
/*
 * What is on the disks: one thread asks the probers about those that appear, makes disks of the partitions that
 * are found, and names of what the file systems say of themselves.
 *
 * It is a thread of its own because disks appear inside calls of their drivers, which
 * could not answer then; and because a disk that does not answer must not keep others
 * from being used. A disk is probed when it appears; when a prober is registered, if nothing that it could know
 * was found so far; and when a program says so (BLKRRPART), or may have written a file system there.
 *
 * Tables inside of partitions are not looked for, as on Linux; nor is a file system beside a table.
 *
 * Lock: records_lock (mutex) guards the list of disks, their links, and the state of the thread; it is not
 * held while a disk is probed: the disk in hand is scan_record, which removal leaves to the thread.
 */
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/wait.h>
#include "internal.h"

struct disk_record {
	struct list link;
	struct disk *disk; /* counted */
	bool pending;	   /* to be probed */
	bool has_table;
	bool gone; /* off the list; the thread, which has it in hand, frees it */
	struct list links, content_links;
	struct disk_content content;
};

static DEFINE_MUTEX(records_lock);
static DEFINE_LIST(records);
static struct disk_record *scan_record; /* in hand */
static bool scan_wanted;		/* a record is pending */
static DEFINE_WAIT_QUEUE(scan_wait);	/* for work */
static DEFINE_WAIT_QUEUE(idle_wait);	/* for its end */

/* ---- one disk ---- */

static void disk_make_partitions(struct disk *disk, struct disk_probe *probe, const char *kind)
{
	struct probed_part *part;
	u32 count = 0;

	list_for_each(part, &probe->parts, link) {
		int err = disk_add_partition(disk, &part->about);

		if (err)
			pr_warn("%s: partition %u: error %d\n", disk_name(disk), part->about.number,
				-err);
		else
			count++;
	}
	pr_info("%s: %u partitions (%s)\n", disk_name(disk), count, kind);
}

/* @return is there a table? */
static bool disk_scan_table(struct disk *disk)
{
	struct disk_probe probe = {
		.disk = disk,
		.kind = DISK_PARTITIONS,
		.parts = LIST_INIT(probe.parts),
	};
	char kind[PROBER_NAME_SIZE];
	bool found = disk_probe_ask(&probe, kind);

	if (found)
		disk_make_partitions(disk, &probe, kind);
	disk_probe_forget(&probe);
	return found;
}

static void disk_scan_content(struct disk *disk, struct disk_content *content)
{
	struct disk_probe probe = {
		.disk = disk,
		.kind = DISK_FILESYSTEM,
		.parts = LIST_INIT(probe.parts),
	};
	char kind[PROBER_NAME_SIZE];

	if (disk_probe_ask(&probe, kind))
		*content = probe.content;
}

static void record_free(struct disk_record *record)
{
	disk_put(record->disk);
	kfree(record);
}

/* With records_lock held. NULL: nothing is pending. */
static struct disk_record *record_take_locked(void)
{
	struct disk_record *record;

	assert_held(&records_lock);
	list_for_each(record, &records, link)
		if (record->pending) {
			record->pending = false;
			if (!record->has_table) /* else a prober came while another one found it */
				return record;
		}
	scan_wanted = false;
	return NULL;
}

static void record_set_content(struct disk_record *record, const struct disk_content *content)
{
	assert_held(&records_lock);
	if (!memcmp(&record->content, content, sizeof(*content)))
		return;
	disk_links_remove(&record->content_links);
	record->content = *content;
	disk_content_links_add(&record->content_links, record->disk, content);
}

static void record_scan(struct disk_record *record)
{
	struct disk_content content = { 0 };
	bool has_table = disk_may_have_table(record->disk) && disk_scan_table(record->disk);

	if (!has_table)
		disk_scan_content(record->disk, &content);
	mutex_lock(&records_lock);
	record->has_table |= has_table;
	if (!record->gone)
		record_set_content(record, &content);
	mutex_unlock(&records_lock);
	if (content.type[0])
		hotplug_content_event(record->disk, content.type);
}

static void scan_pending(void)
{
	mutex_lock(&records_lock);
	while ((scan_record = record_take_locked())) {
		struct disk_record *record = scan_record;

		mutex_unlock(&records_lock);
		record_scan(record);
		mutex_lock(&records_lock);
		if (record->gone)
			record_free(record);
	}
	mutex_unlock(&records_lock);
	wake_up_all(&idle_wait);
}

static void scan_thread_main(void *arg)
{
	for (;;) {
		wait_event(&scan_wait, READ_ONCE(scan_wanted));
		scan_pending();
	}
}

void partitions_settle(void)
{
	wait_event(&idle_wait, !READ_ONCE(scan_wanted) && !READ_ONCE(scan_record));
}

/* ---- disks that appear and vanish ---- */

static void partitions_disk_added(struct disk *disk)
{
	struct disk_record *record = kzalloc(sizeof(*record));

	if (!record) {
		pr_warn("%s: no memory to look for partitions\n", disk_name(disk));
		return;
	}
	disk_get(disk);
	record->disk = disk;
	list_init(&record->links);
	list_init(&record->content_links);
	mutex_lock(&records_lock);
	list_add_tail(&record->link, &records);
	disk_links_add(&record->links, disk);
	record->pending = scan_wanted = true;
	mutex_unlock(&records_lock);
	wake_up(&scan_wait);
}

static struct disk_record *record_find_locked(const struct disk *disk)
{
	struct disk_record *record;

	assert_held(&records_lock);
	list_for_each(record, &records, link)
		if (record->disk == disk)
			return record;
	return NULL;
}

static void partitions_disk_removed(struct disk *disk)
{
	struct disk_record *record;

	mutex_lock(&records_lock);
	record = record_find_locked(disk);
	if (record) {
		list_del(&record->link);
		disk_links_remove(&record->links);
		disk_links_remove(&record->content_links);
		record->gone = true;
		if (record != scan_record)
			record_free(record);
	}
	mutex_unlock(&records_lock);
}

void disks_probe_again(enum disk_prober_kind kind)
{
	struct disk_record *record;

	mutex_lock(&records_lock);
	list_for_each(record, &records, link) {
		bool unknown = !record->has_table;

		if (kind == DISK_PARTITIONS)
			unknown = unknown && disk_may_have_table(record->disk);
		else
			unknown = unknown && !record->content.type[0];
		if (unknown)
			record->pending = scan_wanted = true;
	}
	mutex_unlock(&records_lock);
	wake_up(&scan_wait);
}

void partitions_content_changed(struct disk *disk)
{
	struct disk_record *record;

	mutex_lock(&records_lock);
	record = record_find_locked(disk);
	if (record && !record->has_table)
		record->pending = scan_wanted = true;
	mutex_unlock(&records_lock);
	wake_up(&scan_wait);
}

void partitions_content_type(const struct disk *disk, char *type)
{
	const struct disk_record *record;

	mutex_lock(&records_lock);
	record = record_find_locked(disk);
	type[0] = 0;
	if (record)
		strscpy(type, record->content.type, sizeof(record->content.type));
	mutex_unlock(&records_lock);
}

/* Let the thread read the table again. @return 0, -EBUSY */
static int partitions_begin_again(struct disk *disk)
{
	struct disk_record *record;
	int err = disk_claim(disk, &records);

	if (err)
		return err;
	err = disk_remove_partitions(disk);
	disk_release(disk, &records);
	if (err)
		return err;
	mutex_lock(&records_lock);
	record = record_find_locked(disk);
	if (record) {
		record->has_table = false;
		record->pending = scan_wanted = true;
	}
	mutex_unlock(&records_lock);
	wake_up(&scan_wait);
	return 0;
}

int partitions_rescan(struct disk *disk)
{
	int err;

	if (disk_partition_number(disk))
		return -EINVAL;
	err = partitions_begin_again(disk);
	if (!err)
		partitions_settle();
	return err;
}

/* Another medium, none, or it has grown. The driver may wait for this to return: the thread does the rest. */
static void partitions_disk_resized(struct disk *disk)
{
	if (partitions_begin_again(disk))
		pr_info("%s: partitions are in use, the table is not read again\n",
			disk_name(disk));
}

void partitions_init(void)
{
	static struct disk_watch watch = {
		.added = partitions_disk_added,
		.removed = partitions_disk_removed,
		.resized = partitions_disk_resized,
	};

	if (thread_spawn(scan_thread_main, NULL, "partitions"))
		boot_stop("no thread for partitions");
	disk_watch(&watch);
}
