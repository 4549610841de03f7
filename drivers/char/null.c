/* SPDX-License-Identifier: MIT */
/* /dev/null: takes everything, has nothing. */
#include <banos/chardev.h>
#include <banos/driver.h>

static int64_t null_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	return 0;
}

static int64_t null_write(void *context, void *file, banos_buffer from, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	return (int64_t)length;
}

static const struct banos_chardev_ops null_ops = {
	.size = sizeof(null_ops),
	.read = null_read,
	.write = null_write,
};

static int64_t null_init(banos_owner self)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.flags = BANOS_CHARDEV_ENDLESS,
		.major = 1,
		.minor = 3,
		.mode = 0666,
		.ops = &null_ops,
		.name = "null",
	};

	return banos_chardev_register(self, &config, NULL);
}

BANOS_DRIVER(null, "1.0", "MIT", "/dev/null, which swallows what is written", null_init, NULL);
