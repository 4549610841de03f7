/* SPDX-License-Identifier: MIT */
/*
 * Uses a banos_call where it is good, and where it is not: after its method has returned, in
 * another method, in work, in a thread, and in another driver. The result is that of
 * banos_user_read() there.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/map.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/user.h>
#include <banos/work.h>

static banos_owner self_owner;
static banos_call opened, kept;
static uint64_t address;
static int64_t result;
static uint32_t done;
static int64_t (*borrower_read)(uint64_t call, uint64_t from);

static int64_t use_call(banos_call call)
{
	char byte;

	return banos_user_read(call, &byte, address, 1);
}

static int64_t use_elsewhere(void *context)
{
	result = use_call((banos_call)context);
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	return 0;
}

static int64_t call_in_work(banos_call call)
{
	banos_work work;
	int64_t error = banos_work_create(self_owner, use_elsewhere, call, &work);

	if (error)
		return error;
	error = banos_work_queue(work);
	if (error >= 0)
		error = banos_work_wait(work);
	if (error >= 0)
		error = banos_work_destroy(work);
	return error ? error : result;
}

static int64_t call_in_thread(banos_call call)
{
	banos_thread thread;
	int64_t error;

	__atomic_store_n(&done, 0, __ATOMIC_RELEASE);
	error = banos_thread_create(self_owner, use_elsewhere, call, "keeper", &thread);
	while (!error && !__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		error = banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	if (!error)
		error = banos_thread_stop(thread, NULL);
	return error ? error : result;
}

static int64_t keeper_open(void *context, banos_call call, uint32_t flags, void **file)
{
	opened = call;
	return 0;
}

static int64_t keeper_ioctl(void *context, void *file, banos_call call, uint32_t command,
			    uint64_t argument, uint32_t flags)
{
	banos_call last = kept;
	uint64_t word = 0;

	address = argument;
	kept = call;
	switch (command) {
	case 0:
		if (banos_user_read(call, &word, argument, sizeof(word)))
			return -EFAULT;
		word++;
		return banos_user_write(call, argument, &word, sizeof(word));
	case 1: return use_call(last);
	case 2: return use_call(opened);
	case 3: return call_in_work(call);
	case 4: return call_in_thread(call);
	case 5: return borrower_read((uint64_t)call, argument);
	case 6: return banos_map_zero(call);
	case 7: return use_call(NULL);
	case 8: return banos_user_write(last, argument, &word, sizeof(word));
	default: return -ENOTTY;
	}
}

static int64_t keeper_map(void *context, void *file, banos_call call, uint64_t offset,
			  uint64_t length, uint32_t access)
{
	int64_t error = use_call(call);

	switch (offset / 4096) {
	case 0: return 0;
	case 1: error = banos_map_zero(call); return error ? error : banos_map_zero(call);
	case 2: error = banos_map_zero(call); return error ? error : -EXDEV;
	case 3: error = banos_map_zero(call); return error ? error : 1;
	case 4: return banos_map_zero(kept);
	case 5: return error ? error : banos_map_zero(call);
	default: return -ENXIO;
	}
}

static const struct banos_chardev_ops ops = {
	.size = sizeof(ops),
	.open = keeper_open,
	.ioctl = keeper_ioctl,
	.map = keeper_map,
};

static int64_t keeper_init(banos_owner self)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0666,
		.ops = &ops,
		.name = "keeper",
	};

	self_owner = self;
	borrower_read = (int64_t(*)(uint64_t, uint64_t))banos_lookup_symbol(self, "borrower_read");
	if (!borrower_read)
		return -ENOENT;
	return banos_chardev_register(self, &config, NULL);
}

BANOS_DRIVER(keeper, "1.0", "MIT", "Uses a call where it is not good", keeper_init, NULL);
