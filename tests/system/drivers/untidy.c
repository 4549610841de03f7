/* SPDX-License-Identifier: MIT */
/* Functions that return with something held; what=spin or mutex. The debug kernel says it. */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/lock.h>
#include <banos/print.h>

static char what[8];
BANOS_PARAM_TEXT(what, "is left held");

static struct banos_spinlock spin;
static struct banos_mutex mutex;

static int64_t untidy_read(void *context, void *file, banos_buffer to, uint64_t length, uint64_t offset,
			   uint32_t flags)
{
	if (what[0] == 's')
		return banos_spin_lock(&spin);
	return what[0] == 'm' ? banos_mutex_lock(&mutex) : 0;
}

static const struct banos_chardev_ops ops = { .size = sizeof(ops), .read = untidy_read };

static int64_t untidy_init(banos_owner self)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config), .major = BANOS_CHARDEV_ANY, .mode = 0600, .ops = &ops, .name = "untidy",
	};
	int64_t error = banos_spin_init(&spin);

	if (!error)
		error = banos_mutex_init(self, &mutex);
	return error ? error : banos_chardev_register(self, &config, NULL);
}

BANOS_DRIVER(untidy, "1.0", "MIT", "Leaves locks held", untidy_init, NULL);
