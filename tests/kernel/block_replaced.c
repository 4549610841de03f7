/* SPDX-License-Identifier: MIT */
/*
 * device/block/replace.c: disks in use whose driver goes, and what becomes of their transfers: the next driver
 * of the same disk gets them, one of another disk does not, and none means -EIO after a while.
 */
#include <kernel/block_driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "cpus.h"

#define SHIFT	   9u
#define BLOCKS	   2048u /* 1 MiB */
#define HELD_MAX   16u
#define TIMEOUT_MS 15000u /* a disk waits twice as long */
#define LIMIT_NS   (20 * NSEC_PER_SEC)
#define PIECES	   16u

static u8 *medium;

/* A driver's disk: what it does with requests, and what it got. */
struct instance {
	struct block_device *device;
	bool holds;
	struct banos_block_request held[HELD_MAX];
	u32 held_queue[HELD_MAX];
	u32 count;
	u64 order[HELD_MAX]; /* first block and operation of each */
};

static void instance_complete(struct instance *instance, u32 queue, u32 tag, s32 error)
{
	struct banos_block_completion completion = { tag, error };

	(void)block_device_complete(instance->device, queue, (const u8 *)&completion, 1,
				    sizeof(completion));
}

static s32 instance_move(const struct banos_block_request *request)
{
	struct block_request *buffer;
	u8 *at = medium + (request->first << SHIFT);

	if (!request->buffer)
		return 0;
	buffer = block_buffer_get((u64)request->buffer, NULL);
	if (!buffer)
		return -EFAULT;
	block_buffer_copy(buffer,
			  request->operation == BANOS_BLOCK_READ ? BLOCK_COPY_TO : BLOCK_COPY_FROM,
			  0, at, request->bytes);
	block_buffer_put(buffer);
	return 0;
}

static s64 instance_submit(struct block_device *device, u32 queue,
			   const struct banos_block_request *requests, u32 count)
{
	struct instance *instance = block_device_private(device);

	for (u32 i = 0; i < count; i++) {
		u32 at = instance->count++ % HELD_MAX;

		instance->order[at] = requests[i].first << 8 | requests[i].operation;
		instance->held[at] = requests[i];
		instance->held_queue[at] = queue;
		if (!instance->holds)
			instance_complete(instance, queue, requests[i].tag,
					  instance_move(&requests[i]));
	}
	return count;
}

static s64 instance_timeout(struct block_device *device, u32 queue, u32 tag)
{
	return 0;
}

static const struct block_methods instance_methods = { .submit = instance_submit,
						       .timeout = instance_timeout };

static struct block_device_config instance_config(struct instance *instance)
{
	return (struct block_device_config){
		.methods = &instance_methods,
		.private = instance,
		.flags = BANOS_BLOCK_NO_DMA | BANOS_BLOCK_HAS_FLUSH,
		.blocks = BLOCKS,
		.queues = 1,
		.depth = HELD_MAX,
		.timeout_ms = TIMEOUT_MS,
		.limits = { .block_bytes = 1u << SHIFT,
			    .block_shift = SHIFT,
			    .physical_bytes = 1u << SHIFT,
			    .segments_max = 64,
			    .segment_bytes_max = ~0u,
			    .bytes_max = 65536,
			    .alignment = 4,
			    .address_max = ~0ull },
		.name = "follow*",
		.serial = "S1",
		.model = "",
		.place = "",
	};
}

/* @return its disk, counted; NULL */
static struct disk *instance_start(struct ktest_context *test, struct instance *instance,
				   const struct block_device_config *config)
{
	instance->device = block_device_create(config);
	if (!KEXPECT(!IS_ERR(instance->device)) ||
	    !KEXPECT_EQ(block_device_publish(instance->device), 0))
		return NULL;
	return disk_find_name(block_device_name(instance->device));
}

static void instance_end(struct ktest_context *test, struct instance *instance, u32 how)
{
	KEXPECT_EQ(block_device_stop(instance->device, time_monotonic_ns() + LIMIT_NS, how), 0);
	/* Too late, and twice. */
	if (instance->count && instance->holds)
		for (u32 i = 0; i < 2; i++)
			instance_complete(instance, instance->held_queue[0], instance->held[0].tag,
					  0);
	block_device_destroy(instance->device);
}

/* ---- transfers ---- */

struct transfer {
	struct block_io io;
	struct block_vec vecs[PIECES];
};

static struct atomic transfers_ended;

static void transfer_ended(struct block_io *io)
{
	atomic_inc(&transfers_ended);
}

static bool transfer_begin(struct ktest_context *test, struct transfer *transfer, struct disk *disk,
			   enum block_op op, u64 offset, u32 pages)
{
	memset(transfer, 0, sizeof(*transfer));
	for (u32 i = 0; i < pages; i++) {
		transfer->vecs[i] = (struct block_vec){ page_alloc(PAGE_ZERO), 0, PAGE_SIZE };
		if (!KEXPECT(transfer->vecs[i].page))
			return false;
		if (op == BLOCK_WRITE)
			memset(page_address(transfer->vecs[i].page), offset / 4096 + i + 1,
			       PAGE_SIZE);
	}
	transfer->io = (struct block_io){ .disk = disk,
					  .op = op,
					  .offset = offset,
					  .bytes = pages * PAGE_SIZE,
					  .vecs = transfer->vecs,
					  .nvecs = pages,
					  .error = 1,
					  .done = transfer_ended };
	block_submit(&transfer->io);
	return true;
}

static void transfer_end(struct transfer *transfer)
{
	for (u32 i = 0; i < transfer->io.nvecs; i++)
		page_put(transfer->vecs[i].page);
}

static void wait_for_transfers(struct ktest_context *test, s32 count)
{
	u64 end = time_monotonic_ns() + LIMIT_NS;

	while (atomic_read(&transfers_ended) < count && time_monotonic_ns() < end)
		sleep_ms(1);
	KEXPECT_EQ(atomic_read(&transfers_ended), count);
}

static bool medium_has(u64 page, u8 value)
{
	const u8 *at = medium + page * PAGE_SIZE;

	return at[0] == value && !memcmp(at, at + 1, PAGE_SIZE - 1);
}

/* ---- tests ---- */

static bool medium_begin(struct ktest_context *test)
{
	atomic_set(&transfers_ended, 0);
	medium = kvzalloc((u64)BLOCKS << SHIFT);
	return KEXPECT(medium);
}

KTEST(block, transfers_go_on_with_the_next_driver)
{
	struct instance first = { .holds = true }, second = { 0 };
	struct block_device_config config = instance_config(&first);
	static struct transfer out[2], flush, later;
	struct disk *disk, *again;

	if (!medium_begin(test))
		return;
	disk = instance_start(test, &first, &config);
	if (!KEXPECT(disk) || !KEXPECT_EQ(disk_open(disk), 0))
		return;
	memset(medium + 8 * PAGE_SIZE, 0x66, PAGE_SIZE);
	transfer_begin(test, &out[0], disk, BLOCK_WRITE, 4 * PAGE_SIZE, 2);
	transfer_begin(test, &out[1], disk, BLOCK_READ, 8 * PAGE_SIZE, 1);
	transfer_begin(test, &flush, disk, BLOCK_FLUSH, 0, 0);
	KEXPECT_EQ(first.count, 3);
	instance_end(test, &first, BLOCK_STOP_WAITS | BLOCK_STOP_NOW);
	KEXPECT(!disk_is_gone(disk) && disk_bytes(disk) == (u64)BLOCKS << SHIFT);
	transfer_begin(test, &later, disk, BLOCK_WRITE, 20 * PAGE_SIZE, 1);
	KEXPECT_EQ(disk_open(disk), 0);
	disk_close(disk);
	KEXPECT_EQ(atomic_read(&transfers_ended), 0);
	config.private = &second;
	again = instance_start(test, &second, &config);
	KEXPECT_EQ(again, disk);
	wait_for_transfers(test, 4);
	KEXPECT(!out[0].io.error && !out[1].io.error && !flush.io.error && !later.io.error);
	KEXPECT_EQ(second.order[0], (4 * 8) << 8 | BANOS_BLOCK_WRITE);
	KEXPECT_EQ(second.order[1], (8 * 8) << 8 | BANOS_BLOCK_READ);
	KEXPECT_EQ(second.order[2], BANOS_BLOCK_FLUSH);
	KEXPECT_EQ(second.order[3], (20 * 8) << 8 | BANOS_BLOCK_WRITE);
	KEXPECT(medium_has(4, 5) && medium_has(5, 6) && medium_has(20, 21));
	KEXPECT_EQ(*(u8 *)page_address(out[1].vecs[0].page), 0x66);
	disk_close(disk);
	instance_end(test, &second, BLOCK_STOP_WAITS);
	KEXPECT(disk_is_gone(disk)); /* nobody used it */
	transfer_end(&out[0]);
	transfer_end(&out[1]);
	transfer_end(&later);
	disk_put(disk);
	disk_put(again);
	kvfree(medium);
}

KTEST(block, a_transfer_in_pieces_goes_on_from_its_beginning)
{
	struct instance first = { .holds = true }, second = { 0 };
	struct block_device_config config = instance_config(&first);
	static struct transfer pieces;
	struct disk *disk;
	bool same = true;

	if (!medium_begin(test))
		return;
	config.limits.bytes_max = 8192;
	config.depth = 3;
	disk = instance_start(test, &first, &config);
	if (!KEXPECT(disk) || !KEXPECT_EQ(disk_open(disk), 0))
		return;
	transfer_begin(test, &pieces, disk, BLOCK_WRITE, 16 * PAGE_SIZE, PIECES);
	KEXPECT_EQ(first.count, 3);
	instance_complete(&first, first.held_queue[1], first.held[1].tag, 0);
	instance_end(test, &first, BLOCK_STOP_WAITS | BLOCK_STOP_NOW);
	KEXPECT_EQ(atomic_read(&transfers_ended), 0);
	config.private = &second;
	config.limits.bytes_max = 16384;
	disk_put(disk);
	disk = instance_start(test, &second, &config);
	wait_for_transfers(test, 1);
	KEXPECT_EQ(pieces.io.error, 0);
	for (u32 i = 0; i < PIECES; i++)
		same &= medium_has(16 + i, 17 + i);
	KEXPECT(same);
	KEXPECT_EQ(second.count, PIECES / 4);
	disk_close(disk);
	instance_end(test, &second, 0);
	transfer_end(&pieces);
	disk_put(disk);
	kvfree(medium);
}

KTEST(block, another_disk_does_not_continue_it_and_none_ends_it)
{
	struct instance first = { .holds = true }, smaller = { 0 }, other = { 0 }, late = { 0 };
	struct block_device_config config = instance_config(&first);
	static struct transfer out, later;
	struct disk *disk, *others[2];

	if (!medium_begin(test))
		return;
	config.timeout_ms = 150;
	disk = instance_start(test, &first, &config);
	if (!KEXPECT(disk) || !KEXPECT_EQ(disk_open(disk), 0))
		return;
	transfer_begin(test, &out, disk, BLOCK_READ, 0, 1);
	instance_end(test, &first, BLOCK_STOP_WAITS | BLOCK_STOP_NOW);
	config.private = &smaller;
	config.blocks = BLOCKS - 8;
	others[0] = instance_start(test, &smaller, &config);
	config.private = &other;
	config.blocks = BLOCKS;
	config.serial = "S2";
	others[1] = instance_start(test, &other, &config);
	KEXPECT(others[0] && others[1] && others[0] != disk && others[1] != disk);
	transfer_begin(test, &later, disk, BLOCK_WRITE, 0, 1);
	wait_for_transfers(test, 2);
	KEXPECT(out.io.error == -EIO && later.io.error < 0);
	KEXPECT(disk_is_gone(disk));
	KEXPECT(disk_open(disk) == -ENODEV);
	KEXPECT(medium_has(0, 0) && !smaller.count && !other.count);
	instance_end(test, &smaller, 0);
	instance_end(test, &other, 0);
	config.private = &late;
	config.serial = "S1";
	disk_put(others[0]);
	others[0] = instance_start(test, &late, &config);
	KEXPECT(others[0] && others[0] != disk);
	disk_close(disk);
	instance_end(test, &late, 0);
	transfer_end(&out);
	transfer_end(&later);
	disk_put(disk);
	disk_put(others[0]);
	disk_put(others[1]);
	kvfree(medium);
}

static bool is_gone_soon(const struct disk *disk)
{
	u64 end = time_monotonic_ns() + LIMIT_NS;

	while (!disk_is_gone(disk) && time_monotonic_ns() < end)
		sleep_ms(1);
	return disk_is_gone(disk);
}

/* The driver creates it in its probe(), and it is published after that. */
KTEST(block, a_disk_that_was_taken_waits_until_it_is_shown_or_given_back)
{
	struct instance instances[3] = { 0 };
	struct block_device_config config = instance_config(&instances[0]);
	struct disk *disk = instance_start(test, &instances[0], &config);

	for (u32 i = 1; i < 3; i++) {
		if (!KEXPECT(disk) || !KEXPECT_EQ(disk_open(disk), 0))
			return;
		instance_end(test, &instances[i - 1], BLOCK_STOP_WAITS);
		config.private = &instances[i];
		instances[i].device = block_device_create(&config);
		if (!KEXPECT(!IS_ERR(instances[i].device)))
			return;
		disk_close(disk); /* nobody uses it: but for that it would go */
		sleep_ms(300);
		KEXPECT(!disk_is_gone(disk));
		if (i == 1)
			KEXPECT_EQ(block_device_publish(instances[i].device), 0);
	}
	instance_end(test, &instances[2], BLOCK_STOP_WAITS);
	KEXPECT(is_gone_soon(disk));
	KEXPECT_EQ(disk_open(disk), -ENODEV);
	disk_put(disk);
}

/* One of which could get the place of the other. */
KTEST(block, disks_that_look_the_same_do_not_wait)
{
	struct instance both[2] = { 0 };
	struct disk *disks[2];

	for (u32 i = 0; i < 2; i++) {
		struct block_device_config config = instance_config(&both[i]);

		disks[i] = instance_start(test, &both[i], &config);
		if (!KEXPECT(disks[i]) || !KEXPECT_EQ(disk_open(disks[i]), 0))
			return;
	}
	for (u32 i = 0; i < 2; i++) {
		instance_end(test, &both[i], BLOCK_STOP_WAITS);
		KEXPECT(disk_is_gone(disks[i]));
		disk_close(disks[i]);
		disk_put(disks[i]);
	}
}

/* ---- on all processors ---- */

#define ROUNDS 20u

static struct atomic workers, wrong;
static bool enough;
static struct disk *worked_on;
static DEFINE_WAIT_QUEUE(workers_wait);

static void replaced_work(void *arg)
{
	u64 number = (u64)arg, offset = number * PAGE_SIZE;
	struct page *page = page_alloc(PAGE_ZERO);
	struct block_vec vec = { page, 0, PAGE_SIZE };

	for (u32 round = 1; page && !READ_ONCE(enough); round++) {
		memset(page_address(page), round, PAGE_SIZE);
		if (block_transfer(worked_on, BLOCK_WRITE, 0, offset, &vec, 1) ||
		    block_flush(worked_on))
			atomic_inc(&wrong);
		memset(page_address(page), 0, PAGE_SIZE);
		if (block_transfer(worked_on, BLOCK_READ, 0, offset, &vec, 1) ||
		    *(u8 *)page_address(page) != (u8)round)
			atomic_inc(&wrong);
	}
	if (page)
		page_put(page);
	atomic_dec(&workers);
	wake_up_all(&workers_wait);
}

KTEST(block, drivers_are_replaced_under_load_on_all_cpus)
{
	static struct instance instances[2];
	struct block_device_config config = instance_config(&instances[0]);

	if (!medium_begin(test))
		return;
	memset(instances, 0, sizeof(instances));
	atomic_set(&wrong, 0);
	enough = false;
	worked_on = instance_start(test, &instances[0], &config);
	if (!KEXPECT(worked_on) || !KEXPECT_EQ(disk_open(worked_on), 0))
		return;
	for (u32 i = 0; i < 2 * cpu_count; i++) {
		struct thread *thread;

		atomic_inc(&workers);
		thread = start_on_cpu(replaced_work, (void *)(u64)i, "replaced", i % cpu_count);
		if (KEXPECT(thread))
			thread_put(thread);
		else
			atomic_dec(&workers);
	}
	for (u32 i = 1; i <= ROUNDS; i++) {
		struct disk *same;

		sleep_ms(2);
		instance_end(test, &instances[(i - 1) % 2],
			     BLOCK_STOP_WAITS | (i % 2 * BLOCK_STOP_NOW));
		config.private = &instances[i % 2];
		same = instance_start(test, &instances[i % 2], &config);
		if (!KEXPECT_EQ(same, worked_on))
			break;
		disk_put(same);
	}
	WRITE_ONCE(enough, true);
	wait_event(&workers_wait, !atomic_read(&workers));
	KEXPECT_EQ(atomic_read(&wrong), 0);
	disk_close(worked_on);
	instance_end(test, &instances[ROUNDS % 2], 0);
	disk_put(worked_on);
	kvfree(medium);
}
