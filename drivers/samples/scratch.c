/* SPDX-License-Identifier: MIT */
/* A character device: /dev/scratch is 4 KiB of memory, for one reader or writer at a time. */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>

#define SIZE UINT64_C(4096)

static struct banos_mutex lock; /* guards what memory holds */
static char *memory;

static int64_t scratch_read(void *context, void *file, banos_buffer to, uint64_t length,
			    uint64_t offset, uint32_t flags)
{
	if (offset >= SIZE)
		return 0; /* the end */
	banos_mutex_lock(&lock);
	int64_t copied = banos_buffer_write(to, memory + offset, SIZE - offset);
	banos_mutex_unlock(&lock);
	return copied;
}

static int64_t scratch_write(void *context, void *file, banos_buffer from, uint64_t length,
			     uint64_t offset, uint32_t flags)
{
	if (offset >= SIZE)
		return -ENOSPC;
	banos_mutex_lock(&lock);
	int64_t copied = banos_buffer_read(from, memory + offset, SIZE - offset);
	banos_mutex_unlock(&lock);
	return copied;
}

static int64_t scratch_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = {
		.size = sizeof(ops),
		.read = scratch_read,
		.write = scratch_write,
	};
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.flags = BANOS_CHARDEV_POSITION,
		.major = BANOS_CHARDEV_ANY,
		.mode = 0666,
		.ops = &ops,
		.name = "scratch",
	};
	int64_t error = banos_mutex_init(self, &lock);

	memory = (char *)banos_alloc(self, SIZE, 0);
	if (error || !memory)
		return error ? error : -ENOMEM;
	return banos_chardev_register(self, &config, NULL);
}

static int64_t scratch_exit(banos_owner self)
{
	banos_free(self, memory);
	return banos_mutex_destroy(&lock);
}

BANOS_DRIVER(scratch, "1.0", "MIT", "Keeps 4 KiB in /dev/scratch", scratch_init, scratch_exit);
