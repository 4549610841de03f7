/* SPDX-License-Identifier: MIT */
/*
 * map() that reaches the memory of the program that maps, and takes its time: the
 * offset is an address of the program's, of which a word is read, added to, and written
 * back, a second later if the mapping has two pages. A mapping of three pages is refused.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/map.h>
#include <banos/time.h>
#include <banos/user.h>

static int64_t mapper_map(void *context, void *file, banos_call call, uint64_t offset,
			  uint64_t length, uint32_t access)
{
	uint64_t word;
	int64_t error = banos_user_read(call, &word, offset, sizeof(word));

	if (!error && length == 2 * 4096)
		error = banos_sleep_until(banos_time_ns() + BANOS_S, 0);
	word += access;
	if (!error)
		error = banos_user_write(call, offset, &word, sizeof(word));
	if (error)
		return error;
	if (length == 3 * 4096)
		return -EXDEV;
	return banos_map_zero(call);
}

static const struct banos_chardev_ops ops = { .size = sizeof(ops), .map = mapper_map };

static int64_t mapper_init(banos_owner self)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0666,
		.ops = &ops,
		.name = "mapper",
	};

	return banos_chardev_register(self, &config, NULL);
}

BANOS_DRIVER(mapper, "1.0", "MIT", "Looks at the program that maps", mapper_init, NULL);
