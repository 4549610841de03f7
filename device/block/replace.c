// SPDX-License-Identifier: MIT
/*
 * Disks whose driver was removed, or has failed, while they were in use: they wait for the next driver.
 *
 * Files, mounts and partitions stay as they are. Transfers that the old driver did not complete, and new ones, are parked.
 * A driver that registers the same disk, of the same device, is given this one; when that is visible they are
 * submitted again, in the order in which they were parked: those that were out by queue and tag, then the others.
 *
 * That is safe: a transfer that was out has reached the medium, or has not, or in part, and may be repeated,
 * since nobody writes to its place before it has ended; what was completed is with the device, so that a flush that is
 * sent again covers it. The bus has stopped the device before another driver is asked, so nothing that the old
 * driver told it happens after that.
 *
 * A thread for each such disk looks whether it waits for nothing: there is no time left, the device was
 * unplugged, nobody uses the disk. Then the disk is taken away, and what is parked ends with -EIO. One that a
 * driver has taken, and not shown yet, goes on waiting: it is shown or given back. Which of the two ends a wait
 * is decided under disks_lock, together with the disk's state.
 *
 * Disks of one device that cannot be told apart do not wait, since one could get the place of the other.
 *
 * Lock: waits_lock (spin), inside disks_lock: the list, each disk's ->wait, what is parked.
 */
#include <kernel/bus.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include "internal.h"

#define PATIENCE_NS (30 * NSEC_PER_SEC)
#define LOOK_NS	    (100 * NSEC_PER_MSEC)

struct disk_wait {
	struct list link;
	struct disk *disk;	/* counted */
	struct bus_device *bus; /* counted; or NULL */
	struct list parked;	/* block_io.link */
	u64 deadline_ns;
	bool ready; /* nothing is out with the old driver any more */
	bool taken; /* by a device that is not visible yet */
	bool over;  /* a driver serves it, or it was given up: the disk waits for it no more */
};

static DEFINE_SPINLOCK(waits_lock);
static DEFINE_LIST(waits);
static DEFINE_WAIT_QUEUE(waits_over);

/* ---- transfers ---- */

bool block_io_park(struct block_io *io)
{
	struct disk_wait *wait;

	io->split = io->again = false;
	io->error = 0;
	io->handed_out = 0;
	io->at_vec = io->at_offset = 0;
	spin_lock(&waits_lock);
	wait = io->disk->whole->wait;
	if (wait)
		list_add_tail(&io->link, &wait->parked);
	spin_unlock(&waits_lock);
	return wait;
}

void block_ios_park(struct list *ios)
{
	while (!list_empty(ios)) {
		struct block_io *io = list_first(ios, struct block_io, link);

		list_del(&io->link);
		if (!block_io_park(io))
			block_io_end(io, -EIO);
	}
}

/* ---- the wait ---- */

static void parked_move(struct list *from, struct list *to)
{
	while (!list_empty(from)) {
		struct list *first = from->next;

		list_del(first);
		list_add_tail(first, to);
	}
}

/* Nothing is parked, and no driver takes it, from now on. */
static void disk_wait_end_locked(struct disk_wait *wait)
{
	assert_held(&waits_lock);
	list_del(&wait->link);
	wait->disk->wait = NULL;
	wait->over = true;
}

static bool disk_wait_is_vain(const struct disk_wait *wait)
{
	const struct bus_device *bus = wait->bus;

	return time_monotonic_ns() >= wait->deadline_ns || !READ_ONCE(wait->disk->users) ||
	       (bus && (READ_ONCE(bus->gone) || READ_ONCE(bus->absent)));
}

bool disk_wait_give_up(struct disk_wait *wait)
{
	bool gives_up;

	spin_lock(&waits_lock);
	gives_up = !wait->over && !wait->taken && disk_wait_is_vain(wait);
	if (gives_up)
		disk_wait_end_locked(wait);
	spin_unlock(&waits_lock);
	return gives_up;
}

/* Also behind the last that has used it. */
static bool disk_wait_is_over(const struct disk_wait *wait)
{
	bool over;

	spin_lock(&waits_lock);
	over = wait->over;
	spin_unlock(&waits_lock);
	return over;
}

static void disk_wait_free(struct disk_wait *wait)
{
	if (wait->bus)
		owned_put(&wait->bus->owned);
	disk_put(wait->disk);
	kfree(wait);
}

static void disk_wait_main(void *arg)
{
	struct disk_wait *wait = arg;
	DEFINE_LIST(parked);

	while (!disk_wait_is_over(wait) && !disk_give_up(wait->disk, wait))
		(void)wait_event_until(&waits_over, READ_ONCE(wait->over),
				       time_monotonic_ns() + LOOK_NS);
	if (!list_empty(&wait->parked))
		pr_warn("%s: no driver serves it again: transfers fail\n", wait->disk->name);
	parked_move(&wait->parked, &parked);
	block_ios_park(&parked);
	disk_wait_free(wait);
}

static struct disk_wait *disk_wait_create(const struct block_device *device)
{
	struct disk_wait *wait = kzalloc(sizeof(*wait));

	if (!wait)
		return NULL;
	list_init(&wait->link);
	list_init(&wait->parked);
	wait->deadline_ns = time_monotonic_ns() + MIN(2 * device->timeout_ns, PATIENCE_NS);
	wait->disk = device->disk;
	disk_get(wait->disk);
	wait->bus = device->bus;
	if (wait->bus)
		atomic_inc(&wait->bus->owned.refs);
	return wait;
}

bool disk_wait_begin(struct block_device *device)
{
	struct disk *disk = device->disk;
	struct disk_wait *wait = NULL;
	struct thread *thread;
	bool left;

	if (!disk->twin && (device->bus || disk->serial[0]))
		wait = disk_wait_create(device);
	if (!wait)
		return false;
	thread = thread_create(disk_wait_main, wait, "kdiskwait");
	if (IS_ERR(thread)) {
		disk_wait_free(wait);
		return false;
	}
	left = disk_leave_device(disk, device, wait);
	if (left)
		pr_warn("%s: its driver has gone: what uses it waits for the next one\n",
			disk->name);
	else
		wait->over = true;
	thread_start(thread);
	thread_put(thread);
	return left;
}

void disk_wait_install(struct disk *disk, struct disk_wait *wait)
{
	spin_lock(&waits_lock);
	list_add_tail(&wait->link, &waits);
	disk->wait = wait;
	spin_unlock(&waits_lock);
}

void disk_wait_ready(struct disk *disk)
{
	spin_lock(&waits_lock);
	if (disk->wait)
		disk->wait->ready = true;
	spin_unlock(&waits_lock);
}

/* ---- the next driver ---- */

bool disk_is_twin(const struct disk *disk, const struct block_device_config *config)
{
	return disk->bus == config->bus && !strcmp(disk->serial, config->serial) &&
	       !strcmp(disk->place, config->place);
}

#define FLAGS_OF_CONTENT (BANOS_BLOCK_READ_ONLY | BANOS_BLOCK_HAS_FLUSH)
#define FLAGS_OF_COMMANDS \
	(BANOS_BLOCK_HAS_FUA | BANOS_BLOCK_HAS_DISCARD | BANOS_BLOCK_HAS_WRITE_ZEROES)

/* @return why it is another disk, or one that can do less; NULL: it is the same */
static const char *disk_differs(const struct disk *disk, const struct block_device_config *config)
{
	if (disk_block_bytes(disk) != config->limits.block_bytes)
		return "blocks of another size";
	if (disk_bytes(disk) != config->blocks << config->limits.block_shift)
		return "another size";
	if (strcmp(disk->model, config->model))
		return "another name of its model";
	if ((disk->flags ^ config->flags) & FLAGS_OF_CONTENT ||
	    disk->flags & ~config->flags & FLAGS_OF_COMMANDS)
		return "other features";
	return NULL;
}

static struct disk_wait *disk_wait_find_locked(const struct block_device_config *config)
{
	struct disk_wait *wait;

	assert_held(&waits_lock);
	list_for_each(wait, &waits, link)
		if (wait->ready && !wait->taken && disk_is_twin(wait->disk, config))
			return wait;
	return NULL;
}

struct disk *disk_wait_take(const struct block_device_config *config)
{
	struct disk_wait *wait;
	struct disk *disk = NULL;
	const char *what = NULL;

	spin_lock(&waits_lock);
	wait = disk_wait_find_locked(config);
	if (wait) {
		disk = wait->disk;
		disk_get(disk);
		what = disk_differs(disk, config);
		wait->taken = !what;
	}
	spin_unlock(&waits_lock);
	if (!what)
		return disk;
	pr_warn("%s: is not continued with the disk that a driver registers: that has %s\n",
		disk->name, what);
	disk_put(disk);
	return NULL;
}

bool disk_wait_give_back(struct disk *disk)
{
	bool waits_on;

	spin_lock(&waits_lock);
	waits_on = disk->wait && disk->wait->taken;
	if (waits_on)
		disk->wait->taken = false;
	spin_unlock(&waits_lock);
	return waits_on;
}

void disk_wait_resume(struct disk *disk, struct block_device *device)
{
	struct block_queue *queue = device->queues[0];
	DEFINE_LIST(parked);

	spin_lock(&waits_lock);
	parked_move(&disk->wait->parked, &parked);
	disk_wait_end_locked(disk->wait);
	wake_up_all(&waits_over); /* under the lock: then its thread frees it */
	spin_unlock(&waits_lock);
	spin_lock(&queue->lock);
	if (!queue->closed)
		parked_move(&parked, &queue->waiting);
	spin_unlock(&queue->lock);
	block_ios_park(&parked); /* this one is going as well */
	block_thread_kick(device);
	pr_info("%s: is served again\n", disk->name);
}
