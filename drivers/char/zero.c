/* SPDX-License-Identifier: MIT */
/* /dev/zero: endless zeroes; mapped, fresh memory. */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/map.h>

static int64_t zero_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	return banos_buffer_zero(to, length);
}

static int64_t zero_write(void *context, void *file, banos_buffer from, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	return (int64_t)length;
}

static int64_t zero_map(void *context, void *file, banos_call call, uint64_t offset,
			uint64_t length, uint32_t access)
{
	return banos_map_zero(call);
}

static const struct banos_chardev_ops zero_ops = {
	.size = sizeof(zero_ops),
	.read = zero_read,
	.write = zero_write,
	.map = zero_map,
};

static int64_t zero_init(banos_owner self)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.flags = BANOS_CHARDEV_ENDLESS,
		.major = 1,
		.minor = 5,
		.mode = 0666,
		.ops = &zero_ops,
		.name = "zero",
	};

	return banos_chardev_register(self, &config, NULL);
}

BANOS_DRIVER(zero, "1.0", "MIT", "/dev/zero: reads as zero bytes", zero_init, NULL);
