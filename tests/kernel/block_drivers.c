/* SPDX-License-Identifier: MIT */
/*
 * Disks of drivers from files: one that lies in each way, RAM disks under load on all CPUs that are removed
 * meanwhile. What they take they give back, to the byte.
 */
#include <kernel/block.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/wait.h>
#include "cpus.h"
#include "driver_steps.h"

IMAGE(liar);
IMAGE(ram);
static const struct image liar = ENTRY(liar), ram = ENTRY(ram);

#define LIES	    8u
#define LIE_ERROR   4u
#define LIE_NEVER   5u
#define LIE_LATER   7u
#define CYCLES	    20u
#define SECTOR	    512u
#define TRANSFER_MS 3u

static s64 transfer_page(struct disk *disk, enum block_op op, u64 offset, struct page *page)
{
	struct block_vec vec = { page, 0, PAGE_SIZE };

	return block_transfer(disk, op, 0, offset, &vec, 1);
}

/* ---- lies ---- */

static void lie_once(struct ktest_context *test, u32 lie)
{
	bool fails = lie == LIE_ERROR || lie == LIE_NEVER || lie == LIE_LATER;
	struct page *page = page_alloc(PAGE_ZERO);
	char params[16];
	struct disk *disk;
	s64 id;

	snprintf(params, sizeof(params), "lie=%u", lie);
	id = install(&liar, params, 0);
	if (!KEXPECT(id >= 0) || !KEXPECT(page)) {
		pr_info("# %s\n", reasons);
		return;
	}
	disk = disk_find_name("liar0");
	if (KEXPECT(disk)) {
		for (u32 i = 0; i < 3; i++) {
			s64 err = transfer_page(disk, i % 2 ? BLOCK_WRITE : BLOCK_READ,
						i * PAGE_SIZE, page);

			KEXPECT(fails ? err < 0 : !err);
		}
		disk_put(disk);
	}
	page_put(page);
	KEXPECT_EQ(remove(id), 0);
}

KTEST(block, a_driver_that_lies_is_contained)
{
	struct usage before = { 0 };

	for (u32 round = 0; round < 2; round++) {
		before = settled_usage();
		for (u32 lie = 0; lie < LIES; lie++)
			lie_once(test, lie);
	}
	KEXPECT(back_at(&before));
	KEXPECT_EQ(log_count(0, "lies were believed"), 0);
}

/* ---- in use ---- */

KTEST(block, a_driver_whose_disk_is_in_use_stays_unless_it_is_forced)
{
	s64 id = install(&ram, "size=64", 0);
	struct page *page = page_alloc(PAGE_ZERO);
	struct disk *disk;

	if (!KEXPECT(id >= 0) || !KEXPECT(page))
		return;
	disk = disk_find_name("ram0");
	if (!KEXPECT(disk))
		return;
	KEXPECT_EQ(disk_bytes(disk), 65536);
	KEXPECT_EQ(disk_open(disk), 0);
	KEXPECT_EQ(disk_claim(disk, test), 0);
	KEXPECT_EQ(remove(id), -EBUSY);
	disk_close(disk);
	KEXPECT_EQ(remove(id), -EBUSY);
	KEXPECT_EQ(transfer_page(disk, BLOCK_READ, 0, page), 0);
	KEXPECT_EQ(remove_with(id, BANOS_REMOVE_REVOKE), 0);
	KEXPECT(disk_is_gone(disk));
	KEXPECT_EQ(disk_open(disk), -ENODEV);
	KEXPECT(transfer_page(disk, BLOCK_READ, 0, page) < 0);
	disk_release(disk, test);
	disk_put(disk);
	page_put(page);
}

/* ---- load ---- */

static struct atomic workers, wrong_data, transfers;
static bool enough;
static u64 worked_on;
static DEFINE_WAIT_QUEUE(workers_wait);

static u64 mark_of(u64 number, u64 round)
{
	return number * 0x9e3779b97f4a7c15ull + round;
}

/* Its own page of the disk; whatever happens, what was read is what was written. */
static void load_round(u64 number, struct page *page, u64 round)
{
	struct disk *disk = disk_find_name("ram0");
	u64 *words = page_address(page), offset = number * PAGE_SIZE;

	if (!disk) {
		sleep_ms(1);
		return;
	}
	words[0] = words[511] = mark_of(number, round);
	if (!transfer_page(disk, BLOCK_WRITE, offset, page)) {
		words[0] = words[511] = 0;
		if (!transfer_page(disk, BLOCK_READ, offset, page)) {
			atomic_inc(&transfers);
			if (words[0] != mark_of(number, round) || words[511] != words[0])
				atomic_inc(&wrong_data);
		}
	}
	disk_put(disk);
}

static void load_main(void *arg)
{
	struct page *page = page_alloc(PAGE_ZERO);

	for (u64 round = 1; page && !READ_ONCE(enough); round++) {
		__atomic_fetch_or(&worked_on, 1ull << cpu_id(), __ATOMIC_RELAXED);
		load_round((u64)arg, page, round);
	}
	if (page)
		page_put(page);
	atomic_dec(&workers);
	wake_up_all(&workers_wait);
}

static void load_start(struct ktest_context *test)
{
	enough = false;
	worked_on = 0;
	atomic_set(&transfers, 0);
	atomic_set(&wrong_data, 0);
	for (u32 i = 0; i < 2 * cpu_count; i++) {
		struct thread *thread;

		atomic_inc(&workers);
		thread = start_on_cpu(load_main, (void *)(u64)i, "load", i % cpu_count);
		if (KEXPECT(thread))
			thread_put(thread);
		else
			atomic_dec(&workers);
	}
}

static void load_stop(void)
{
	WRITE_ONCE(enough, true);
	wait_event(&workers_wait, !atomic_read(&workers));
}

KTEST(block, disks_come_and_go_under_load_on_all_cpus)
{
	struct usage before = settled_usage();

	for (u32 pass = 0; pass < 2; pass++) {
		if (pass) /* tables that never shrink have grown */
			before = settled_usage();
		load_start(test);
		for (u32 i = 0; i < CYCLES; i++) {
			s64 id = install(&ram, "size=1024", 0);

			if (!KEXPECT(id >= 0))
				pr_info("# %s\n", reasons);
			sleep_ms(TRANSFER_MS);
			KEXPECT_EQ(remove_with(id, BANOS_REMOVE_REVOKE), 0);
		}
		load_stop();
	}
	KEXPECT_EQ(worked_on, online_mask());
	KEXPECT_EQ(atomic_read(&wrong_data), 0);
	KEXPECT(atomic_read(&transfers) > (s32)CYCLES);
	KEXPECT(back_at(&before));
}

/* ---- what it costs ---- */

KTEST(block, a_transfer_of_a_page_costs_little)
{
	s64 id = install(&ram, "size=1024", 0);
	struct page *page = page_alloc(PAGE_ZERO);
	struct disk *disk = disk_find_name("ram0");
	u64 begun;

	if (!KEXPECT(disk) || !KEXPECT(page))
		return;
	for (u32 i = 0; i < 100; i++)
		KEXPECT_EQ(transfer_page(disk, BLOCK_READ, 0, page), 0);
	begun = time_monotonic_ns();
	for (u32 i = 0; i < 10000; i++)
		(void)transfer_page(disk, BLOCK_READ, i % 256 * PAGE_SIZE, page);
	pr_info("# block: %lu ns for a page\n", (time_monotonic_ns() - begun) / 10000);
	page_put(page);
	disk_put(disk);
	KEXPECT_EQ(remove(id), 0);
}
