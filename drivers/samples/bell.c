/* SPDX-License-Identifier: MIT */
/* Waiting: a read of /dev/bell sleeps until a program writes to it. poll() works, too. */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/wait.h>

static struct banos_wait rung;
static uint64_t rings; /* not read yet */

static int64_t bell_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	for (;;) {
		/* First the ticket, then the look: a ring in between is not missed. */
		uint64_t ticket = banos_wait_ticket(&rung);

		if (__atomic_exchange_n(&rings, 0, __ATOMIC_ACQUIRE))
			return banos_buffer_write(to, "ring\n", 5);
		if (flags & BANOS_FILE_NONBLOCK)
			return -EAGAIN;
		int64_t error = banos_wait_sleep(&rung, ticket, 0, 0);
		if (error)
			return error;
	}
}

static int64_t bell_write(void *context, void *file, banos_buffer from, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	__atomic_fetch_add(&rings, 1, __ATOMIC_RELEASE);
	banos_wait_wake(&rung);
	return (int64_t)length;
}

static int64_t bell_poll(void *context, void *file, banos_poll watch)
{
	banos_poll_watch(watch, &rung);
	return BANOS_POLL_WRITE | (__atomic_load_n(&rings, __ATOMIC_ACQUIRE) ? BANOS_POLL_READ : 0);
}

static int64_t bell_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = {
		.size = sizeof(ops),
		.read = bell_read,
		.write = bell_write,
		.poll = bell_poll,
	};
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0666,
		.ops = &ops,
		.name = "bell",
	};
	int64_t error = banos_wait_init(self, &rung);

	return error ? error : banos_chardev_register(self, &config, NULL);
}

static int64_t bell_exit(banos_owner self)
{
	return banos_wait_destroy(&rung);
}

BANOS_DRIVER(bell, "1.0", "MIT", "Rings", bell_init, bell_exit);
