/* SPDX-License-Identifier: MIT */
/*
 * device/block: disks whose device is this test. What is written is read again through whatever the
 * core makes of it: merged, split, by way of other pages; a device that lies, is late, or goes, is contained.
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

#define BLOCK_BYTES 512u
#define SHIFT	    9u
#define BLOCKS	    2048u /* 1 MiB */
#define DEPTH	    8u
#define HELD_MAX    64u
#define LIMIT_NS    (20 * NSEC_PER_SEC)
#define VECS_MAX    64u

/* The device: memory, and what it does with requests. */
enum fake_mode { FAKE_WORK, FAKE_HOLD, FAKE_TAKE_ONE, FAKE_REFUSE };
static struct {
	struct block_device *device;
	struct disk *disk;
	u8 *memory;
	enum fake_mode mode;
	struct banos_block_request held[HELD_MAX]; /* with FAKE_HOLD */
	u32 held_queue[HELD_MAX];
	struct atomic nheld, calls, requests, inside, resets, timeouts;
	bool met_two; /* threads in one queue */
	s64 reset_result;
	u32 segments, most_segments;
} fake;

/* ---- the device ---- */

static void fake_complete(u32 queue, u32 tag, s32 error)
{
	struct banos_block_completion completion = { tag, error };

	block_device_complete(fake.device, queue, (const u8 *)&completion, 1, sizeof(completion));
}

/* By way of the segments, as a device does it. @return 0 or -errno */
static s32 fake_move(const struct banos_block_request *request)
{
	struct block_request *buffer = block_buffer_get((u64)request->buffer, NULL);
	struct banos_segment segments[VECS_MAX];
	u8 *at = fake.memory + (request->first << SHIFT);
	s64 count;

	if (!buffer)
		return -EFAULT;
	count = block_buffer_map(buffer, segments, VECS_MAX, sizeof(segments[0]));
	block_buffer_put(buffer);
	for (s64 i = 0; i < count; i++) {
		void *piece = phys_to_virt(segments[i].address);

		if (request->operation == BANOS_BLOCK_READ)
			memcpy(piece, at, segments[i].length);
		else
			memcpy(at, piece, segments[i].length);
		at += segments[i].length;
	}
	fake.segments = count;
	fake.most_segments = MAX(fake.most_segments, fake.segments);
	return MIN(count, 0);
}

static void fake_handle(u32 queue, const struct banos_block_request *request)
{
	s32 error = 0;

	if (request->operation == BANOS_BLOCK_READ || request->operation == BANOS_BLOCK_WRITE)
		error = fake_move(request);
	fake_complete(queue, request->tag, error);
}

static s64 fake_submit(struct block_device *device, u32 queue,
		       const struct banos_block_request *requests, u32 count)
{
	u32 taken = count;

	atomic_inc(&fake.calls);
	if (fake.mode == FAKE_REFUSE)
		return -EREMOTEIO;
	if (fake.mode == FAKE_TAKE_ONE)
		taken = 1;
	atomic_add(&fake.requests, taken);
	for (u32 i = 0; i < taken; i++) {
		if (fake.mode == FAKE_HOLD) {
			u32 at = atomic_add_return(&fake.nheld, 1) - 1;

			fake.held[at % HELD_MAX] = requests[i];
			fake.held_queue[at % HELD_MAX] = queue;
		} else {
			fake_handle(queue, &requests[i]);
		}
	}
	return taken;
}

static s64 fake_timeout(struct block_device *device, u32 queue, u32 tag)
{
	atomic_inc(&fake.timeouts);
	return -ETIMEDOUT;
}

static s64 fake_reset(struct block_device *device)
{
	atomic_inc(&fake.resets);
	fake.mode = FAKE_WORK;
	return fake.reset_result;
}

static const struct block_methods fake_methods = { fake_submit, fake_timeout, fake_reset };

static struct block_device_config fake_config(void)
{
	return (struct block_device_config){
		.methods = &fake_methods,
		.blocks = BLOCKS,
		.queues = 2,
		.depth = DEPTH,
		.timeout_ms = 30000,
		.limits = { .block_bytes = BLOCK_BYTES,
			    .block_shift = SHIFT,
			    .physical_bytes = BLOCK_BYTES,
			    .segments_max = VECS_MAX,
			    .segment_bytes_max = ~0u,
			    .bytes_max = 65536,
			    .alignment = 4,
			    .address_max = ~0ull,
			    .discard_bytes_max = 65536,
			    .zero_bytes_max = 65536 },
		.name = "fake*",
		.serial = "",
		.model = "",
		.place = "",
	};
}

static bool fake_begin(struct ktest_context *test, const struct block_device_config *config)
{
	memset(&fake, 0, sizeof(fake));
	fake.memory = kvzalloc((u64)BLOCKS << SHIFT);
	fake.device = block_device_create(config);
	if (!KEXPECT(fake.memory) || !KEXPECT(!IS_ERR(fake.device)))
		return false;
	fake.disk = NULL;
	if (KEXPECT_EQ(block_device_publish(fake.device), 0))
		fake.disk = disk_find_name(block_device_name(fake.device));
	return KEXPECT(fake.disk);
}

static void fake_end(struct ktest_context *test)
{
	KEXPECT_EQ(block_device_stop(fake.device, time_monotonic_ns() + LIMIT_NS, 0), 0);
	block_device_destroy(fake.device);
	KEXPECT(disk_is_gone(fake.disk));
	disk_put(fake.disk);
	kvfree(fake.memory);
}

/* ---- transfers ---- */

static u8 pattern_at(u64 offset)
{
	return offset * 7 + offset / 251;
}

static bool page_has_pattern(struct page *page, u64 offset)
{
	const u8 *bytes = page_address(page);

	for (u32 i = 0; i < PAGE_SIZE; i++)
		if (bytes[i] != pattern_at(offset + i))
			return false;
	return true;
}

static void page_fill(struct page *page, u64 offset)
{
	u8 *bytes = page_address(page);

	for (u32 i = 0; i < PAGE_SIZE; i++)
		bytes[i] = pattern_at(offset + i);
}

/* A page of its own for each vec. */
static bool pages_get(struct ktest_context *test, struct block_vec *vecs, u32 count)
{
	bool all = true;

	for (u32 i = 0; i < count; i++) {
		vecs[i] = (struct block_vec){ page_alloc(PAGE_ZERO), 0, PAGE_SIZE };
		all &= vecs[i].page != NULL;
	}
	return KEXPECT(all);
}

static void pages_put(struct block_vec *vecs, u32 count)
{
	for (u32 i = 0; i < count; i++)
		page_put(vecs[i].page);
}

/* Write @count pages in one transfer, and read them in another. */
static void write_and_read(struct ktest_context *test, u64 offset, u32 count)
{
	struct block_vec vecs[VECS_MAX];
	bool same = true;

	if (!pages_get(test, vecs, count))
		return;
	for (u32 i = 0; i < count; i++)
		page_fill(vecs[i].page, offset + i * PAGE_SIZE);
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_WRITE, 0, offset, vecs, count), 0);
	for (u32 i = 0; i < count; i++)
		memset(page_address(vecs[i].page), 0, PAGE_SIZE);
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_READ, 0, offset, vecs, count), 0);
	for (u32 i = 0; i < count; i++)
		same &= page_has_pattern(vecs[i].page, offset + i * PAGE_SIZE);
	KEXPECT(same);
	for (u32 i = 0; i < count * PAGE_SIZE; i++)
		same &= fake.memory[offset + i] == pattern_at(offset + i);
	KEXPECT(same);
	pages_put(vecs, count);
}

KTEST(block, transfers_reach_the_device_and_come_back)
{
	struct block_device_config config = fake_config();

	if (!fake_begin(test, &config))
		return;
	write_and_read(test, 0, 1);
	write_and_read(test, 3 * BLOCK_BYTES, 5);
	KEXPECT_EQ(atomic_read(&fake.requests), 4);
	KEXPECT_EQ(disk_bytes(fake.disk), (u64)BLOCKS << SHIFT);
	fake_end(test);
}

KTEST(block, what_a_device_cannot_take_at_once_is_split)
{
	struct block_device_config config = fake_config();

	config.limits.segments_max = 3;
	if (!fake_begin(test, &config))
		return;
	write_and_read(test, 4096, 40);
	KEXPECT(fake.most_segments <= 3);
	fake_end(test);
	config.limits.segments_max = VECS_MAX;
	config.limits.bytes_max = 8192;
	if (!fake_begin(test, &config))
		return;
	write_and_read(test, 512, 40);
	KEXPECT_EQ(atomic_read(&fake.requests), 40);
	fake_end(test);
}

KTEST(block, memory_that_a_device_cannot_access_is_copied)
{
	struct block_device_config config = fake_config();
	struct block_vec vecs[2];

	config.limits.gap_mask = 4095;
	config.limits.alignment = 512;
	if (!fake_begin(test, &config) || !pages_get(test, vecs, 2))
		return;
	/* A block in two pieces, neither of which is aligned. */
	page_fill(vecs[0].page, 0);
	vecs[0].offset = 100;
	vecs[0].length = 200;
	vecs[1].offset = 36;
	vecs[1].length = 312;
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_WRITE, 0, 1024, vecs, 2), 0);
	KEXPECT(!memcmp(fake.memory + 1024, (u8 *)page_address(vecs[0].page) + 100, 200));
	KEXPECT_EQ(fake.segments, 1);
	fake.memory[1024] = 0xaa;
	fake.memory[1024 + 511] = 0xbb;
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_READ, 0, 1024, vecs, 2), 0);
	KEXPECT_EQ(((u8 *)page_address(vecs[0].page))[100], 0xaa);
	KEXPECT_EQ(((u8 *)page_address(vecs[1].page))[36 + 311], 0xbb);
	KEXPECT_EQ(((u8 *)page_address(vecs[1].page))[36 + 312], 0);
	pages_put(vecs, 2);
	fake_end(test);
}

/* ---- batches ---- */

static struct atomic ios_done;
static DEFINE_WAIT_QUEUE(ios_wait);

static void io_done(struct block_io *io)
{
	if (!io->error)
		atomic_inc(&ios_done);
	wake_up_all(&ios_wait);
}

KTEST(block, transfers_that_continue_each_other_are_one_request)
{
	struct block_device_config config = fake_config();
	struct block_vec vecs[16];
	struct block_io ios[16];
	bool same = true;
	DEFINE_LIST(list);

	if (!fake_begin(test, &config) || !pages_get(test, vecs, 16))
		return;
	atomic_set(&ios_done, 0);
	for (u32 i = 0; i < 16; i++) {
		page_fill(vecs[i].page, i * PAGE_SIZE);
		ios[i] = (struct block_io){ .disk = fake.disk,
					    .op = BLOCK_WRITE,
					    .offset = i * PAGE_SIZE,
					    .bytes = PAGE_SIZE,
					    .vecs = &vecs[i],
					    .nvecs = 1,
					    .done = io_done };
		list_add_tail(&ios[i].link, &list);
	}
	block_submit_batch(&list);
	KEXPECT_EQ(wait_event_until(&ios_wait, atomic_read(&ios_done) == 16,
				    time_monotonic_ns() + LIMIT_NS),
		   0);
	KEXPECT_EQ(atomic_read(&fake.requests), 1);
	KEXPECT_EQ(atomic_read(&fake.calls), 1);
	for (u32 i = 0; i < 16 * PAGE_SIZE; i++)
		same &= fake.memory[i] == pattern_at(i);
	KEXPECT(same);
	pages_put(vecs, 16);
	fake_end(test);
}

/* ---- wrong arguments ---- */

KTEST(block, wrong_transfers_are_refused)
{
	struct block_device_config config = fake_config();
	struct block_vec vec;

	if (!fake_begin(test, &config) || !pages_get(test, &vec, 1))
		return;
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_READ, 0, 100, &vec, 1), -EINVAL);
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_READ, 0, disk_bytes(fake.disk), &vec, 1), -EIO);
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_READ, 0, -4096ull, &vec, 1), -EIO);
	KEXPECT_EQ(block_discard(fake.disk, 0, 4096), -EOPNOTSUPP);
	KEXPECT_EQ(block_flush(fake.disk), 0);
	disk_set_readonly(fake.disk, true);
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_WRITE, 0, 0, &vec, 1), -EROFS);
	disk_set_readonly(fake.disk, false);
	fake.mode = FAKE_REFUSE;
	KEXPECT_EQ(block_transfer(fake.disk, BLOCK_WRITE, 0, 0, &vec, 1), -EREMOTEIO);
	KEXPECT_EQ(atomic_read(&fake.calls), 1);
	memset(fake.memory, 0xff, 16384);
	fake.mode = FAKE_WORK;
	KEXPECT_EQ(block_zero(fake.disk, 512, 12288, false), 0);
	KEXPECT(fake.memory[511] == 0xff && !fake.memory[512] && !fake.memory[12799] &&
		fake.memory[12800] == 0xff);
	pages_put(&vec, 1);
	fake_end(test);
}

/* ---- a device that lies ---- */

struct held_io {
	struct block_io io;
	struct block_vec vec;
};

static bool held_begin(struct ktest_context *test, struct held_io *held, u64 offset)
{
	if (!pages_get(test, &held->vec, 1))
		return false;
	held->io = (struct block_io){ .disk = fake.disk,
				      .op = BLOCK_READ,
				      .offset = offset,
				      .bytes = PAGE_SIZE,
				      .vecs = &held->vec,
				      .nvecs = 1 };
	block_submit(&held->io);
	return true;
}

KTEST(block, completions_of_what_is_not_out_are_refused)
{
	struct block_device_config config = fake_config();
	struct banos_block_completion lies[] = { { 3, 0 }, { DEPTH, 0 }, { ~0u, -EIO }, { 0, 77 } };
	struct held_io held;
	struct block_request *buffer;
	u64 handle;

	if (!fake_begin(test, &config))
		return;
	fake.mode = FAKE_HOLD;
	if (!held_begin(test, &held, 0))
		return;
	KEXPECT_EQ(fake.held[0].tag, 0);
	handle = (u64)fake.held[0].buffer;
	buffer = block_buffer_get(handle, NULL);
	KEXPECT(buffer);
	KEXPECT(!block_buffer_get(handle ^ 64, NULL));
	KEXPECT(!block_buffer_get(handle ^ 1, NULL));
	KEXPECT(!block_buffer_get(handle ^ 1ull << 50, NULL));
	KEXPECT(!block_buffer_get(handle & 0xfff, NULL));
	KEXPECT(!block_buffer_get(handle, (void *)&held));
	/* Of the last one the tag is right, and the error none; a thread still uses its buffer. */
	KEXPECT_EQ(block_device_complete(fake.device, fake.held_queue[0], (const u8 *)lies,
					 ARRAY_SIZE(lies), sizeof(lies[0])),
		   4);
	KEXPECT_EQ(held.io.ended, 0);
	KEXPECT_EQ(block_device_complete(fake.device, fake.held_queue[0], (const u8 *)&lies[3], 1,
					 sizeof(lies[0])),
		   2);
	KEXPECT(!block_buffer_get(handle, NULL));
	block_buffer_put(buffer);
	KEXPECT_EQ(block_wait(&held.io), -EIO);
	KEXPECT(!block_buffer_get(handle, NULL));
	pages_put(&held.vec, 1);
	fake.mode = FAKE_WORK;
	write_and_read(test, 0, 8);
	fake_end(test);
}

KTEST(block, what_a_full_device_does_not_take_is_submitted_again)
{
	struct block_device_config config = fake_config();
	struct block_vec vecs[16];
	struct block_io ios[16];
	DEFINE_LIST(list);

	if (!fake_begin(test, &config) || !pages_get(test, vecs, 16))
		return;
	fake.mode = FAKE_TAKE_ONE;
	atomic_set(&ios_done, 0);
	for (u32 i = 0; i < 16; i++) {
		ios[i] = (struct block_io){ .disk = fake.disk,
					    .op = BLOCK_READ,
					    .offset = i * 3 * PAGE_SIZE,
					    .bytes = PAGE_SIZE,
					    .vecs = &vecs[i],
					    .nvecs = 1,
					    .done = io_done };
		list_add_tail(&ios[i].link, &list);
	}
	block_submit_batch(&list);
	KEXPECT_EQ(wait_event_until(&ios_wait, atomic_read(&ios_done) == 16,
				    time_monotonic_ns() + LIMIT_NS),
		   0);
	KEXPECT_EQ(atomic_read(&fake.requests), 16);
	pages_put(vecs, 16);
	fake_end(test);
}

KTEST(block, a_request_whose_deadline_passes_is_submitted_again_after_a_reset)
{
	struct block_device_config config = fake_config();
	struct held_io held;
	u64 late;

	config.timeout_ms = 50;
	if (!fake_begin(test, &config))
		return;
	fake.mode = FAKE_HOLD;
	memset(fake.memory, 0x5a, PAGE_SIZE);
	if (!held_begin(test, &held, 0))
		return;
	late = (u64)fake.held[0].buffer;
	KEXPECT_EQ(block_wait(&held.io), 0);
	KEXPECT_EQ(((u8 *)page_address(held.vec.page))[77], 0x5a);
	KEXPECT_EQ(atomic_read(&fake.resets), 1);
	KEXPECT_EQ(atomic_read(&fake.timeouts), 1);
	KEXPECT(!block_buffer_get(late, NULL));
	pages_put(&held.vec, 1);
	fake_end(test);
}

KTEST(block, a_device_that_cannot_be_reset_is_taken_away)
{
	struct block_device_config config = fake_config();
	struct held_io held;
	struct block_vec vec;

	config.timeout_ms = 50;
	if (!fake_begin(test, &config) || !pages_get(test, &vec, 1))
		return;
	fake.mode = FAKE_HOLD;
	fake.reset_result = -EIO;
	if (!held_begin(test, &held, 0))
		return;
	KEXPECT_EQ(block_wait(&held.io), -EIO);
	KEXPECT(disk_is_gone(fake.disk));
	KEXPECT_EQ(disk_bytes(fake.disk), 0);
	KEXPECT(block_transfer(fake.disk, BLOCK_READ, 0, 0, &vec, 1) < 0);
	/* Too late, and twice. */
	fake_complete(fake.held_queue[0], fake.held[0].tag, 0);
	fake_complete(fake.held_queue[0], fake.held[0].tag, 0);
	pages_put(&held.vec, 1);
	pages_put(&vec, 1);
	fake_end(test);
}

KTEST(block, the_end_of_a_device_ends_what_is_out)
{
	struct block_device_config config = fake_config();
	struct held_io held;

	if (!fake_begin(test, &config))
		return;
	fake.mode = FAKE_HOLD;
	if (!held_begin(test, &held, 0))
		return;
	KEXPECT_EQ(block_device_stop(fake.device, time_monotonic_ns() + LIMIT_NS, BLOCK_STOP_NOW),
		   0);
	KEXPECT_EQ(block_wait(&held.io), -EIO);
	fake_complete(fake.held_queue[0], fake.held[0].tag, 0);
	pages_put(&held.vec, 1);
	fake_end(test);
}

/* ---- partitions and claims ---- */

KTEST(block, a_partition_is_a_disk_within_its_bounds)
{
	struct block_device_config config = fake_config();
	struct partition_about about = { .number = 2, .offset = 65536, .bytes = 131072 };
	struct disk *whole, *part;
	struct block_vec vec;
	int holder;

	if (!fake_begin(test, &config) || !pages_get(test, &vec, 1))
		return;
	whole = fake.disk;
	KEXPECT_EQ(disk_add_partition(whole, &about), 0);
	KEXPECT_EQ(disk_add_partition(whole, &about), -EEXIST);
	about.number = 3;
	about.bytes = 1u << 20;
	KEXPECT_EQ(disk_add_partition(whole, &about), -EINVAL);
	part = disk_find_name("fakea2");
	if (!KEXPECT(part))
		return;
	memset(page_address(vec.page), 0x77, PAGE_SIZE);
	KEXPECT_EQ(block_transfer(part, BLOCK_WRITE, 0, 4096, &vec, 1), 0);
	KEXPECT(fake.memory[65536 + 4096] == 0x77 && !fake.memory[65536 + 4095]);
	KEXPECT_EQ(block_transfer(part, BLOCK_WRITE, 0, 131072, &vec, 1), -EIO);
	KEXPECT_EQ(disk_claim(part, &holder), 0);
	KEXPECT_EQ(disk_claim(part, &holder), -EBUSY);
	KEXPECT_EQ(disk_claim(whole, &holder), -EBUSY);
	KEXPECT_EQ(disk_remove_partitions(whole), -EBUSY);
	disk_release(part, &holder);
	KEXPECT_EQ(disk_claim(whole, &holder), 0);
	KEXPECT_EQ(disk_claim(part, &holder), -EBUSY);
	disk_release(whole, &holder);
	pages_put(&vec, 1);
	fake_end(test);
	KEXPECT(disk_is_gone(part));
	KEXPECT(!disk_find_name("fakea2"));
	disk_put(part);
}
