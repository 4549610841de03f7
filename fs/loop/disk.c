// SPDX-License-Identifier: MIT
/*
 * Loop devices: a file, or another disk, as a disk. losetup and mount -o loop bind them (calls.c).
 *
 * A worker of each reads and writes the file for the requests of its disk: submit() may be called with locks of the
 * file system on the disk, below which no lock of the file's may be taken. So what is read goes through two caches, as a page
 * of the disk and one of the file; a flush is an fsync() of the file.
 *
 * There are eight nodes in /dev from the beginning, as on Linux; device and worker of each are made when it is
 * opened first, or when /dev/loop-control is asked for a free one, and stay.
 *
 * A device is freed by its worker, when the disk has no users any more: then nothing is out. Lock: loops_lock (mutex).
 */
#include <kernel/fs/block_file.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/devfs.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/partition.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "internal.h"

#define LOOP_BLOCK  512u
#define LOOP_BUFFER (64u << 10)
#define LOOP_NODES  8u
#define LOOP_TIMEOUT_MS \
	600000u /* the file may be on a slow disk, which has a deadline of its own */
#define LOOP_REQUEST_MAX (1u << 20)
#define LOOP_HOLE_MAX	 (1u << 30)

DEFINE_MUTEX(loops_lock);
static struct loop *loops[LOOP_MAX];

u64 loop_bytes(const struct loop *loop)
{
	const struct file *file = loop->file;
	u64 bytes = 0;

	if (file && S_ISBLK(file->inode->mode))
		bytes = disk_bytes(block_file_disk(file));
	else if (file)
		bytes = READ_ONCE(file->inode->size);
	bytes -= MIN(bytes, loop->offset);
	if (loop->limit)
		bytes = MIN(bytes, loop->limit);
	return bytes & ~(u64)(LOOP_BLOCK - 1);
}

/* ---- the worker ---- */

/* A file that has become shorter reads as zeroes. */
static int loop_read(struct loop *loop, u64 offset, u64 length)
{
	u64 done = 0;

	while (done < length) {
		u64 pos = offset + done;
		s64 got = file_read_kernel(loop->file, loop->buffer + done, length - done, &pos);

		if (got < 0)
			return (int)got;
		if (!got)
			break;
		done += got;
	}
	memset(loop->buffer + done, 0, length - done);
	return 0;
}

static int loop_write(struct loop *loop, u64 offset, u64 length)
{
	u64 done = 0;

	while (done < length) {
		u64 pos = offset + done;
		s64 put = file_write_kernel(loop->file, loop->buffer + done, length - done, &pos);

		if (!put)
			return -EIO;
		if (put < 0)
			return (int)put;
		done += put;
	}
	return 0;
}

static int loop_transfer(struct loop *loop, const struct banos_block_request *request)
{
	struct block_request *buffer = block_buffer_get((u64)request->buffer, NULL);
	u64 start = loop->offset + request->first * LOOP_BLOCK;
	int err = 0;

	if (!buffer)
		return -EIO;
	for (u64 done = 0; done < request->bytes && !err; done += LOOP_BUFFER) {
		u64 part = MIN(request->bytes - done, (u64)LOOP_BUFFER);

		if (request->operation == BLOCK_READ) {
			err = loop_read(loop, start + done, part);
			if (!err)
				block_buffer_copy(buffer, BLOCK_COPY_TO, done, loop->buffer, part);
		} else {
			block_buffer_copy(buffer, BLOCK_COPY_FROM, done, loop->buffer, part);
			err = loop_write(loop, start + done, part);
		}
	}
	block_buffer_put(buffer);
	return err;
}

/* A hole in the file; a file system that makes none says -EOPNOTSUPP, and zeroes are written. */
static int loop_make_hole(struct loop *loop, const struct banos_block_request *request)
{
	if (S_ISBLK(loop->file->inode->mode))
		return -EOPNOTSUPP;
	return file_allocate(loop->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     loop->offset + request->first * LOOP_BLOCK,
			     request->count * LOOP_BLOCK);
}

static int loop_serve(struct loop *loop, const struct banos_block_request *request)
{
	struct file *file = loop->file;

	if (!file)
		return -EIO;
	if (request->operation != BLOCK_READ && request->operation != BLOCK_FLUSH &&
	    READ_ONCE(loop->flags) & LO_FLAGS_READ_ONLY)
		return -EROFS;
	switch (request->operation) {
	case BLOCK_READ:
	case BLOCK_WRITE: return loop_transfer(loop, request);
	case BLOCK_FLUSH:
		if (!file->ops->fsync)
			return 0;
		return file->ops->fsync(file, 0, FILE_SIZE_MAX, true);
	case BLOCK_DISCARD:
	case BLOCK_WRITE_ZEROES: return loop_make_hole(loop, request);
	}
	return -EOPNOTSUPP;
}

static bool loop_take(struct loop *loop, struct banos_block_request *request)
{
	bool any;

	spin_lock(&loop->queue_lock);
	any = loop->count;
	if (any) {
		*request = loop->queue[loop->first];
		loop->first = (loop->first + 1) % LOOP_DEPTH;
		WRITE_ONCE(loop->count, loop->count - 1);
	}
	spin_unlock(&loop->queue_lock);
	return any;
}

static bool loop_is_to_be_freed(const struct loop *loop)
{
	return READ_ONCE(loop->file) && READ_ONCE(loop->flags) & LO_FLAGS_AUTOCLEAR &&
	       !READ_ONCE(loop->in_use);
}

static void loop_free(struct loop *loop)
{
	struct file *file = NULL;

	mutex_lock(&loops_lock);
	if (loop_is_to_be_freed(loop)) {
		file = loop->file;
		WRITE_ONCE(loop->file, NULL);
		loop->flags = 0;
		loop->offset = loop->limit = 0;
		if (block_device_resize(loop->device, 0))
			pr_err("loop%u: it keeps its size\n", loop->number);
	}
	mutex_unlock(&loops_lock);
	if (file)
		file_put(file);
}

static void loop_worker(void *arg)
{
	struct loop *loop = arg;

	for (;;) {
		struct banos_block_request request;

		wait_event(&loop->wait, READ_ONCE(loop->count) || loop_is_to_be_freed(loop));
		while (loop_take(loop, &request)) {
			struct banos_block_completion done = { .tag = request.tag };

			done.error = loop_serve(loop, &request);
			block_device_complete(loop->device, 0, (u8 *)&done, 1, sizeof(done));
		}
		if (loop_is_to_be_freed(loop))
			loop_free(loop);
	}
}

/* ---- methods of the disk ---- */

/* There is room: the queue has one tag for each place. */
static s64 loop_submit(struct block_device *device, u32 queue,
		       const struct banos_block_request *requests, u32 count)
{
	struct loop *loop = block_device_private(device);

	spin_lock(&loop->queue_lock);
	for (u32 i = 0; i < count; i++)
		loop->queue[(loop->first + loop->count + i) % LOOP_DEPTH] = requests[i];
	WRITE_ONCE(loop->count, loop->count + count);
	spin_unlock(&loop->queue_lock);
	wake_up(&loop->wait);
	return count;
}

/* The file takes its time. */
static s64 loop_timeout(struct block_device *device, u32 queue, u32 tag)
{
	return 0;
}

static bool loop_pin(struct block_device *device)
{
	struct loop *loop = block_device_private(device);

	WRITE_ONCE(loop->in_use, true);
	return true;
}

static void loop_unpin(struct block_device *device)
{
	struct loop *loop = block_device_private(device);

	WRITE_ONCE(loop->in_use, false);
	wake_up(&loop->wait);
}

static const struct block_methods loop_methods = {
	.submit = loop_submit,
	.timeout = loop_timeout,
	.pin = loop_pin,
	.unpin = loop_unpin,
};

/* ---- life ---- */

static struct block_device *loop_create_device(struct loop *loop, const char *name)
{
	const struct block_device_config config = {
		.methods = &loop_methods,
		.private = loop,
		.flags = BANOS_BLOCK_HAS_FLUSH | BANOS_BLOCK_HAS_DISCARD |
			 BANOS_BLOCK_HAS_WRITE_ZEROES | BANOS_BLOCK_NO_DMA,
		.queues = 1,
		.depth = LOOP_DEPTH,
		.timeout_ms = LOOP_TIMEOUT_MS,
		.name = name,
		.serial = "",
		.model = "",
		.place = "",
		.limits = {
			.block_bytes = LOOP_BLOCK,
			.block_shift = 9,
			.physical_bytes = LOOP_BLOCK,
			.segments_max = LOOP_REQUEST_MAX / PAGE_SIZE,
			.segment_bytes_max = ~0u,
			.bytes_max = LOOP_REQUEST_MAX,
			.alignment = 1,
			.address_max = ~0ull,
			.discard_bytes_max = LOOP_HOLE_MAX,
			.zero_bytes_max = LOOP_HOLE_MAX,
		},
	};

	return block_device_create(&config);
}

static int loop_start(struct loop *loop)
{
	char name[DISK_NAME_SIZE];
	int err;

	snprintf(name, sizeof(name), "loop%u", loop->number);
	loop->buffer = kmalloc(LOOP_BUFFER);
	if (!loop->buffer)
		return -ENOMEM;
	loop->device = loop_create_device(loop, name);
	if (IS_ERR(loop->device))
		return PTR_ERR(loop->device);
	devfs_remove(name); /* what stood there while there was no device */
	err = block_device_publish(loop->device);
	if (!err) {
		loop->disk = disk_find_name(name);
		err = thread_spawn(loop_worker, loop, name);
	}
	if (err) {
		if (!block_device_stop(loop->device, ~0ull, BLOCK_STOP_NOW))
			block_device_destroy(loop->device);
		if (loop->disk)
			disk_put(loop->disk);
	}
	return err;
}

struct loop *loop_get_locked(u32 number, bool create)
{
	struct loop *loop;

	assert_held(&loops_lock);
	if (number >= LOOP_MAX)
		return NULL;
	if (loops[number] || !create)
		return loops[number];
	loop = kzalloc(sizeof(*loop));
	if (!loop)
		return NULL;
	loop->number = number;
	spin_init(&loop->queue_lock);
	wait_queue_init(&loop->wait);
	if (loop_start(loop)) {
		kfree(loop->buffer);
		kfree(loop);
		return NULL;
	}
	loops[number] = loop;
	return loop;
}

struct disk *loop_find(dev_t dev)
{
	struct loop *loop = NULL;

	if (MAJOR(dev) != LOOP_MAJOR)
		return NULL;
	mutex_lock(&loops_lock);
	loop = loop_get_locked(MINOR(dev), true);
	mutex_unlock(&loops_lock);
	if (!loop)
		return NULL;
	disk_get(loop->disk);
	return loop->disk;
}

void loop_init(void)
{
	for (u32 i = 0; i < LOOP_NODES; i++) {
		char name[DISK_NAME_SIZE];

		snprintf(name, sizeof(name), "loop%u", i);
		if (devfs_add(name, S_IFBLK | 0600, MKDEV(LOOP_MAJOR, i)))
			pr_err("%s: not enough memory for its node\n", name);
	}
	loop_control_init();
}
