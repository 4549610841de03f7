/* SPDX-License-Identifier: MIT */
/* Who reads or polls /dev/held sleeps, for ever: nothing ever happens there. */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/memory.h>
#include <banos/wait.h>

static struct banos_wait nothing;
static banos_owner me;

int64_t held_answer(void);
int64_t held_answer(void)
{
	return 0;
}
BANOS_EXPORT(held_answer);

static int64_t held_open(void *context, banos_call call, uint32_t flags, void **file)
{
	*file = banos_alloc(me, 100, 0);
	return 0;
}

static int64_t held_release(void *context, void *file)
{
	banos_free(me, file);
	return 0;
}

static int64_t held_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	int64_t error = 0;

	while (!error)
		error = banos_wait_sleep(&nothing, banos_wait_ticket(&nothing), 0, 0);
	return error;
}

static int64_t held_poll(void *context, void *file, banos_poll watch)
{
	return banos_poll_watch(watch, &nothing);
}

static int64_t held_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = {
		.size = sizeof(ops),
		.open = held_open,
		.release = held_release,
		.read = held_read,
		.poll = held_poll,
	};
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
		.name = "held",
	};
	int64_t error = banos_wait_init(self, &nothing);

	me = self;
	if (!error)
		error = banos_chardev_register(self, &config, NULL);
	return error;
}

static int64_t held_exit(banos_owner self)
{
	return banos_wait_destroy(&nothing);
}

BANOS_DRIVER(held, "1.0", "MIT", "Its files are held open", held_init, held_exit);
