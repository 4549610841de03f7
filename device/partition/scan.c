// SPDX-License-Identifier: MIT
/*
 * Partitions: one thread probes the disks that appear, and makes disks of what the probers find.
 *
 * It is a thread of its own because disks appear inside calls of their drivers, which
 * could not answer then; and because a disk that does not answer must not keep others
 * from being used. A disk is probed when it appears; when a prober is registered, if it
 * has no table so far; and when a program says so (BLKRRPART). Each prober is asked, by rank, until one
 * knows the table.
 *
 * Tables inside of partitions are not looked for, as on Linux.
 *
 * Locks: records_lock (mutex) guards the list of disks, their links, and the state of the thread; it is not
 * held while a disk is probed: the disk in hand is scan_disk, which removal leaves to the thread.
 * probers_lock (spin) guards the list of probers; one is held by begin() while it is called.
 */
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
	struct list links;
};

static DEFINE_MUTEX(records_lock);
static DEFINE_LIST(records);
static struct disk_record *scan_record; /* in hand */
static bool scan_wanted;		/* a record is pending */
static DEFINE_WAIT_QUEUE(scan_wait);	/* for work */
static DEFINE_WAIT_QUEUE(idle_wait);	/* for its end */

static DEFINE_SPINLOCK(probers_lock);
static DEFINE_LIST(probers); /* by rank, then age */
static u64 prober_orders;

/* ---- what a prober states ---- */

struct probed_part {
	struct list link;
	struct partition_about about;
};

int disk_probe_add(struct disk_probe *probe, const struct partition_about *about)
{
	u64 bytes = disk_bytes(probe->disk), mask = disk_block_bytes(probe->disk) - 1;
	struct probed_part *part;

	if ((about->offset | about->bytes) & mask || !about->offset || !about->bytes ||
	    about->offset >= bytes || about->bytes > bytes - about->offset)
		return -EINVAL;
	list_for_each(part, &probe->parts, link)
		if (part->about.number == about->number)
			return -EEXIST;
	part = kmalloc(sizeof(*part));
	if (!part)
		return -ENOMEM;
	part->about = *about;
	list_add_tail(&part->link, &probe->parts);
	return 0;
}

static void disk_probe_forget(struct disk_probe *probe)
{
	while (!list_empty(&probe->parts)) {
		struct probed_part *part = list_first(&probe->parts, struct probed_part, link);

		list_del(&part->link);
		kfree(part);
	}
}

/* ---- probers ---- */

static bool prober_is_before(const struct disk_prober *prober, u32 rank, u64 order)
{
	return prober->rank > rank || (prober->rank == rank && prober->order < order);
}

/* The first one behind a place in the list, ready to be called; NULL: there is none. */
static struct disk_prober *prober_begin_next(u32 rank, u64 order)
{
	struct disk_prober *prober, *found = NULL;
	u64 flags = spin_lock_irqsave(&probers_lock);

	list_for_each(prober, &probers, link) {
		bool is_behind = !prober_is_before(prober, rank, order) &&
				 !(prober->rank == rank && prober->order == order);

		if (is_behind && prober->begin(prober)) {
			found = prober;
			break;
		}
	}
	spin_unlock_irqrestore(&probers_lock, flags);
	return found;
}

static void records_probe_again(void)
{
	struct disk_record *record;

	mutex_lock(&records_lock);
	list_for_each(record, &records, link)
		if (!record->has_table && !disk_partition_number(record->disk))
			record->pending = scan_wanted = true;
	mutex_unlock(&records_lock);
	wake_up(&scan_wait);
}

void disk_prober_add(struct disk_prober *prober)
{
	u64 flags = spin_lock_irqsave(&probers_lock);
	struct list *place = &probers;
	struct disk_prober *other;

	prober->order = ++prober_orders;
	list_for_each(other, &probers, link)
		if (other->rank >= prober->rank)
			place = &other->link;
	list_add(&prober->link, place);
	spin_unlock_irqrestore(&probers_lock, flags);
	records_probe_again();
}

void disk_prober_remove(struct disk_prober *prober)
{
	u64 flags = spin_lock_irqsave(&probers_lock);

	list_del(&prober->link);
	spin_unlock_irqrestore(&probers_lock, flags);
}

/* ---- the thread ---- */

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

/* @return does it have a table? */
static bool disk_scan(struct disk *disk)
{
	u32 rank = ~0u;
	u64 order = 0;
	s64 result = 0;

	while (result != 1 && disk_bytes(disk)) {
		struct disk_probe probe = { .disk = disk, .parts = LIST_INIT(probe.parts) };
		struct disk_prober *prober = prober_begin_next(rank, order);

		if (!prober)
			break;
		rank = prober->rank;
		order = prober->order;
		result = prober->probe(prober, &probe);
		if (result == 1)
			disk_make_partitions(disk, &probe, prober->name);
		else if (result)
			pr_warn("%s: looking for a partition table (%s): error %d\n",
				disk_name(disk), prober->name, (int)-result);
		prober->end(prober);
		disk_probe_forget(&probe);
	}
	return result == 1;
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
			if (!record->has_table) /* a prober came while another one found it */
				return record;
		}
	scan_wanted = false;
	return NULL;
}

static void scan_pending(void)
{
	mutex_lock(&records_lock);
	while ((scan_record = record_take_locked())) {
		struct disk_record *record = scan_record;
		bool has_table;

		mutex_unlock(&records_lock);
		has_table = disk_scan(record->disk);
		mutex_lock(&records_lock);
		if (record->gone)
			record_free(record);
		else
			record->has_table |= has_table;
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
	mutex_lock(&records_lock);
	list_add_tail(&record->link, &records);
	disk_links_add(&record->links, disk);
	if (!disk_partition_number(disk))
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
		record->gone = true;
		if (record != scan_record)
			record_free(record);
	}
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

/* Another medium, or it has grown. The driver may wait for this to return: the thread does the rest. */
static void partitions_disk_resized(struct disk *disk)
{
	if (disk_bytes(disk) && partitions_begin_again(disk))
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
