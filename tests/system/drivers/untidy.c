/* SPDX-License-Identifier: MIT */
/*
 * Functions that return with something held (what=spin, mutex), free what somebody sleeps
 * on (wait, lock), or return errors that mean nothing to who called (again, own).
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/wait.h>

static char what[8];
BANOS_PARAM_TEXT(what, "is left held");

static struct banos_spinlock spin;
static struct banos_mutex mutex;

/* So large that it is unmapped when it is freed. */
struct shared {
	struct banos_wait wait;
	struct banos_mutex mutex;
	char room[8192];
};
static banos_owner own;
static struct shared *shared;

static int64_t free_shared(void *context)
{
	if (what[0] == 'l')
		banos_mutex_lock(&shared->mutex);
	banos_sleep_until(banos_time_ns() + 200 * BANOS_MS, 0);
	if (what[0] == 'l')
		banos_mutex_unlock(&shared->mutex);
	return banos_free(own, shared);
}

static int64_t sleep_on_shared(void)
{
	banos_thread thread;
	int64_t error;

	shared = banos_alloc(own, sizeof(*shared), 0);
	if (!shared)
		return -ENOMEM;
	error = banos_wait_init(own, &shared->wait);
	if (!error)
		error = banos_mutex_init(own, &shared->mutex);
	if (!error)
		error = banos_thread_create(own, free_shared, NULL, "untidy", &thread);
	if (error)
		return error;
	banos_sleep_until(banos_time_ns() + 100 * BANOS_MS, 0);
	if (what[0] == 'l')
		return banos_mutex_lock(&shared->mutex);
	return banos_wait_sleep(&shared->wait, banos_wait_ticket(&shared->wait),
				banos_time_ns() + BANOS_S, 0);
}

static int64_t untidy_read(void *context, void *file, banos_buffer to, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	if (what[0] == 's')
		return banos_spin_lock(&spin);
	if (what[0] == 'w' || what[0] == 'l')
		return sleep_on_shared();
	if (what[0] == 'a')
		return -ERESTART;
	if (what[0] == 'o')
		return -512; /* the kernel's own, for calls that it makes again */
	if (what[0] == 'm')
		return banos_mutex_lock(&mutex);
	return 0;
}

static const struct banos_chardev_ops ops = { .size = sizeof(ops), .read = untidy_read };

static int64_t untidy_init(banos_owner self)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
		.name = "untidy",
	};
	int64_t error = banos_spin_init(&spin);

	own = self;
	if (!error)
		error = banos_mutex_init(self, &mutex);
	if (error)
		return error;
	return banos_chardev_register(self, &config, NULL);
}

BANOS_DRIVER(untidy, "1.0", "MIT", "Leaves things as they should not be", untidy_init, NULL);
