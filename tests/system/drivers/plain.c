/* SPDX-License-Identifier: MIT */
/*
 * Character devices that have next to nothing, and tell what they were told:
 *
 *	plain	    no method at all; mode 0640, number 241:5
 *	plain_place has a position; read() gives struct told, map() states nothing; ioctl() tells what
 *		    plain.h says
 *	plain_end   endless
 *	plain_bad   poll() fails
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/time.h>
#include "plain.h"

static banos_owner own;
static banos_chardev place;
static uint64_t writes_at, open_flags, releases, restarts;

static int64_t plain_open(void *context, banos_call call, uint32_t flags, void **file)
{
	open_flags = flags & KNOWN_FLAGS;
	return 0;
}

static int64_t plain_release(void *context, void *file)
{
	releases++;
	return 0;
}

static int64_t plain_map(void *context, void *file, banos_call call, uint64_t offset,
			 uint64_t length, uint32_t access)
{
	return 0;
}

static int64_t plain_read(void *context, void *file, banos_buffer to, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	const struct told told = { offset, length, flags & KNOWN_FLAGS, writes_at };

	return banos_buffer_write(to, &told, sizeof(told));
}

static int64_t plain_write(void *context, void *file, banos_buffer from, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	writes_at = offset;
	return (int64_t)length;
}

static int64_t plain_ioctl(void *context, void *file, banos_call call, uint32_t command,
			   uint64_t argument, uint32_t flags)
{
	switch (command) {
	case TELL_FLAGS: return (int64_t)open_flags;
	case WITHDRAW: return banos_chardev_remove(place);
	case TELL_RELEASES: return (int64_t)releases;
	case TELL_MAJOR: return banos_chardev_number(place) >> 32;
	case TELL_MINOR: return banos_chardev_number(place) & 0xffffffff;
	case SLEEP_ONCE:
		if (restarts++ == 0)
			return banos_sleep_until(banos_time_ns() + 10 * BANOS_S, 0);
		return (int64_t)restarts;
	case LOG_ALL: break;
	default: return -ENOTTY;
	}
	banos_error(own, "said as error");
	banos_warning(own, "said as warning");
	banos_print(own, "said as information");
	return 0;
}

static int64_t plain_poll(void *context, void *file, banos_poll watch)
{
	return -EIO;
}

static int64_t add_plain(const char *name, uint32_t flags, const struct banos_chardev_ops *ops,
			 banos_chardev *device)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.flags = flags,
		.major = BANOS_CHARDEV_ANY,
		.mode = 0666,
		.ops = ops,
	};

	(void)banos_format(config.name, sizeof(config.name), "%s", name);
	if (!device) {
		config.major = MAJOR_CHOSEN;
		config.minor = MINOR_CHOSEN;
		config.mode = 0640;
	}
	return banos_chardev_register(own, &config, device);
}

static int64_t plain_init(banos_owner self)
{
	static const struct banos_chardev_ops none = { .size = sizeof(none) };
	static const struct banos_chardev_ops places = {
		.size = sizeof(places),
		.open = plain_open,
		.release = plain_release,
		.map = plain_map,
		.read = plain_read,
		.write = plain_write,
		.ioctl = plain_ioctl,
	};
	static const struct banos_chardev_ops bad = { .size = sizeof(bad), .poll = plain_poll };
	banos_chardev other;
	int64_t error;

	own = self;
	error = add_plain("plain", 0, &none, NULL);
	if (!error)
		error = add_plain("plain_place", BANOS_CHARDEV_POSITION, &places, &place);
	if (!error)
		error = add_plain("plain_end", BANOS_CHARDEV_ENDLESS, &places, &other);
	if (!error)
		error = add_plain("plain_bad", 0, &bad, &other);
	return error;
}

BANOS_DRIVER(plain, "1.0", "MIT", "Has devices without methods", plain_init, NULL);
