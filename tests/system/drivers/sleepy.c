/* SPDX-License-Identifier: MIT */
/*
 * Whoever calls poll(), read() or write() of /dev/sleepy sleeps in there until
 * somebody writes to /dev/sleepy.go. A read of that one waits until there is a sleeper.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/time.h>

static volatile uint32_t sleepers, go;

static int64_t sleep_here(int64_t result)
{
	__atomic_fetch_add(&sleepers, 1, __ATOMIC_SEQ_CST);
	while (!go)
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	if (!__atomic_sub_fetch(&sleepers, 1, __ATOMIC_SEQ_CST))
		go = 0;
	return result;
}

static int64_t sleepy_poll(void *context, void *file, banos_poll watch)
{
	return sleep_here(BANOS_POLL_READ);
}

static int64_t sleepy_read(void *context, void *file, banos_buffer to, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	return sleep_here(0);
}

static int64_t sleepy_write(void *context, void *file, banos_buffer from, uint64_t length,
			    uint64_t offset, uint32_t flags)
{
	return sleep_here((int64_t)length);
}

static int64_t go_read(void *context, void *file, banos_buffer to, uint64_t length, uint64_t offset,
		       uint32_t flags)
{
	while (!sleepers)
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	return 0;
}

static int64_t go_write(void *context, void *file, banos_buffer from, uint64_t length,
			uint64_t offset, uint32_t flags)
{
	go = 1;
	while (go)
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	return (int64_t)length;
}

static int64_t sleepy_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = {
		.size = sizeof(ops),
		.poll = sleepy_poll,
		.read = sleepy_read,
		.write = sleepy_write,
	};
	static const struct banos_chardev_ops go_ops = { .size = sizeof(go_ops),
							 .read = go_read,
							 .write = go_write };
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.flags = BANOS_CHARDEV_POSITION,
		.ops = &ops,
		.name = "sleepy",
	};
	static const struct banos_chardev_config go_config = {
		.size = sizeof(go_config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &go_ops,
		.name = "sleepy.go",
	};
	int64_t error = banos_chardev_register(self, &config, NULL);

	if (error)
		return error;
	return banos_chardev_register(self, &go_config, NULL);
}

BANOS_DRIVER(sleepy, "1.0", "MIT", "Sleeps in its methods", sleepy_init, NULL);
