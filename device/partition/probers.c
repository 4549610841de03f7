// SPDX-License-Identifier: MIT
/*
 * Probers of disks: drivers that know partition tables, or file systems. Those of a kind are asked by rank, until
 * one knows what is there.
 *
 * Lock: probers_lock (spin) guards the list; a prober is held by its begin() while it is called.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "internal.h"

static DEFINE_SPINLOCK(probers_lock);
static DEFINE_LIST(probers); /* by rank, then age */
static u64 prober_orders;

/* ---- what a prober states ---- */

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

void disk_probe_forget(struct disk_probe *probe)
{
	while (!list_empty(&probe->parts)) {
		struct probed_part *part = list_first(&probe->parts, struct probed_part, link);

		list_del(&part->link);
		kfree(part);
	}
	probe->content = (struct disk_content){ 0 };
}

/* ---- probers ---- */

static bool prober_is_before(const struct disk_prober *prober, u32 rank, u64 order)
{
	return prober->rank > rank || (prober->rank == rank && prober->order < order);
}

/* The first one behind a place in the list, ready to be called; NULL: there is none. */
static struct disk_prober *prober_begin_next(enum disk_prober_kind kind, u32 rank, u64 order)
{
	struct disk_prober *prober, *found = NULL;
	u64 flags = spin_lock_irqsave(&probers_lock);

	list_for_each(prober, &probers, link) {
		bool is_behind = !prober_is_before(prober, rank, order) &&
				 !(prober->rank == rank && prober->order == order);

		if (prober->kind == kind && is_behind && prober->begin(prober)) {
			found = prober;
			break;
		}
	}
	spin_unlock_irqrestore(&probers_lock, flags);
	return found;
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
	disks_probe_again(prober->kind);
}

void disk_prober_remove(struct disk_prober *prober)
{
	u64 flags = spin_lock_irqsave(&probers_lock);

	list_del(&prober->link);
	spin_unlock_irqrestore(&probers_lock, flags);
}

/* ---- asking ---- */

static const char *const looked_for[] = {
	[DISK_PARTITIONS] = "partition table",
	[DISK_FILESYSTEM] = "file system",
};

bool disk_probe_ask(struct disk_probe *probe, char *known)
{
	u32 rank = ~0u;
	u64 order = 0;
	s64 result = 0;

	while (disk_bytes(probe->disk)) {
		struct disk_prober *prober = prober_begin_next(probe->kind, rank, order);

		if (!prober)
			break;
		rank = prober->rank;
		order = prober->order;
		result = prober->probe(prober, probe);
		if (result == 1)
			strscpy(known, prober->name, PROBER_NAME_SIZE);
		else if (result && !disk_is_gone(probe->disk))
			pr_warn("%s: looking for a %s (%s): error %d\n", disk_name(probe->disk),
				looked_for[probe->kind], prober->name, (int)-result);
		prober->end(prober);
		if (result == 1)
			return true;
		disk_probe_forget(probe);
	}
	return false;
}
