/* SPDX-License-Identifier: MIT */
/* /dev/full: reads return zeroes, writes fail with ENOSPC. */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>

static int64_t full_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	return banos_buffer_zero(to, length);
}

static int64_t full_write(void *context, void *file, banos_buffer from, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	return -ENOSPC;
}

static const struct banos_chardev_ops full_ops = {
	.size = sizeof(full_ops),
	.read = full_read,
	.write = full_write,
};

static int64_t full_init(banos_owner self)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.flags = BANOS_CHARDEV_ENDLESS,
		.major = 1,
		.minor = 7,
		.mode = 0666,
		.ops = &full_ops,
		.name = "full",
	};

	return banos_chardev_register(self, &config, NULL);
}

BANOS_DRIVER(full, "1.0", "MIT", "/dev/full: reads as zero bytes, is always full", full_init, NULL);
