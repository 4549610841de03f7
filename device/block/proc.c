// SPDX-License-Identifier: MIT
/* What /proc/partitions and /proc/diskstats say, in Linux's formats, and the counts that /sys shows, too. */
#include <kernel/cpu.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/proc.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include "internal.h"

#define SECTOR 512u

/* ---- counts ---- */

struct disk_totals {
	struct block_counts of[BLOCK_OPS];
	u64 busy_ns;
	u32 out;
};

static void counts_sum(struct block_counts *sum, const struct block_counts *counts)
{
	sum->requests += counts->requests;
	sum->merged += counts->merged;
	sum->bytes += counts->bytes;
	sum->ns += counts->ns;
}

static void totals_add(struct disk_totals *totals, const struct block_queue *queue, u64 now_ns)
{
	u64 since = READ_ONCE(queue->busy_since_ns), busy = queue->busy_ns;

	if (since && now_ns > since)
		busy += now_ns - since;
	totals->busy_ns = MAX(totals->busy_ns, busy);
	totals->out += READ_ONCE(queue->nout);
	for (u32 op = 0; op < BLOCK_OPS; op++)
		counts_sum(&totals->of[op], &queue->counts[op]);
}

static void partition_count_add(u64 *count, u64 value)
{
	__atomic_fetch_add(count, value, __ATOMIC_RELAXED);
}

void partition_count(const struct block_io *io)
{
	struct block_counts *counts = &io->disk->counts[cpu_id()].of[io->op];

	partition_count_add(&counts->requests, 1);
	partition_count_add(&counts->bytes, io->bytes);
	partition_count_add(&counts->ns, time_monotonic_ns() - io->began_ns);
}

/* Of a partition its transfers are counted: not what is out, nor what became one request. */
static void disk_get_totals(const struct disk *disk, struct disk_totals *totals)
{
	const struct block_device *device;
	u64 now = time_monotonic_ns();

	memset(totals, 0, sizeof(*totals));
	for (u32 cpu = 0; disk->counts && cpu < cpu_count; cpu++)
		for (u32 op = 0; op < BLOCK_OPS; op++)
			counts_sum(&totals->of[op], &disk->counts[cpu].of[op]);
	rcu_read_lock();
	device = rcu_dereference(disk->device);
	for (u32 i = 0; device && i < device->nqueues; i++)
		totals_add(totals, device->queues[i], now);
	rcu_read_unlock();
}

static void totals_show_operation(struct seq_file *seq, const struct block_counts *counts)
{
	seq_put_u64(seq, ' ', counts->requests);
	seq_put_u64(seq, ' ', counts->merged);
	seq_put_u64(seq, ' ', counts->bytes / SECTOR);
	seq_put_u64(seq, ' ', counts->ns / NSEC_PER_MSEC);
}

void disk_show_stat(struct seq_file *seq, const struct disk *disk)
{
	struct disk_totals totals;
	u64 ns = 0;

	disk_get_totals(disk, &totals);
	for (u32 op = 0; op < BLOCK_OPS; op++)
		ns += totals.of[op].ns;
	totals_show_operation(seq, &totals.of[BLOCK_READ]);
	totals_show_operation(seq, &totals.of[BLOCK_WRITE]);
	seq_put_u64(seq, ' ', totals.out);
	seq_put_u64(seq, ' ', totals.busy_ns / NSEC_PER_MSEC);
	seq_put_u64(seq, ' ', ns / NSEC_PER_MSEC);
	totals_show_operation(seq, &totals.of[BLOCK_DISCARD]);
	seq_put_u64(seq, ' ', totals.of[BLOCK_FLUSH].requests);
	seq_put_u64(seq, ' ', totals.of[BLOCK_FLUSH].ns / NSEC_PER_MSEC);
	seq_putc(seq, '\n');
}

/* ---- files ---- */

static int diskstats_show(struct seq_file *seq, void *arg)
{
	for (struct disk *disk = disk_next(NULL); disk; disk = disk_next(disk)) {
		if (!disk_bytes(disk))
			continue; /* as Linux: no medium, no file */
		seq_put_u64_wide(seq, MAJOR(disk->dev), 4);
		seq_putc(seq, ' ');
		seq_put_u64_wide(seq, MINOR(disk->dev), 7);
		seq_printf(seq, " %s", disk->name);
		disk_show_stat(seq, disk);
	}
	return 0;
}

void disks_show(struct seq_file *seq)
{
	for (struct disk *disk = disk_next(NULL); disk; disk = disk_next(disk)) {
		if (!disk_bytes(disk))
			continue; /* as Linux: no medium, no file */
		seq_put_u64_wide(seq, MAJOR(disk->dev), 4);
		seq_put_u64_wide(seq, MINOR(disk->dev), 9);
		seq_putc(seq, ' ');
		seq_put_u64_wide(seq, disk_bytes(disk) / 1024, 10);
		seq_printf(seq, " %s\n", disk->name);
	}
}

/* Linux's names for them. */
void disks_show_majors(struct seq_file *seq)
{
	static const struct {
		u16 major;
		char name[8];
	} known[] = { { 1, "ramdisk" }, { 7, "loop" },	    { 8, "sd" },
		      { 11, "sr" },	{ 253, "virtblk" }, { 259, "blkext" } };
	u32 seen = 0;

	for (struct disk *disk = disk_next(NULL); disk; disk = disk_next(disk))
		for (u32 i = 0; i < ARRAY_SIZE(known); i++)
			seen |= (u32)(MAJOR(disk->dev) == known[i].major) << i;
	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		if (seen >> i & 1)
			seq_printf(seq, "%3u %s\n", known[i].major, known[i].name);
}

void disk_proc_init(void)
{
	if (!proc_create("diskstats", 0444, diskstats_show, NULL))
		pr_err("block: not enough memory for a file in /proc\n");
}
