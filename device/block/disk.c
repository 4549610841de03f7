// SPDX-License-Identifier: MIT
/*
 * Disks and partitions: the list, names, device numbers, who uses them, files in /dev.
 *
 * A disk has its name and number from its creation on, is visible between disk_show() and disk_hide(),
 * and lives as long as somebody has counted it: an open file, a mount, a partition of it.
 *
 * Lock: disks_lock (mutex): the list, states, numbers, claims, the list of watches.
 */
#include <kernel/bus.h>
#include <kernel/cpu.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/devfs.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <uapi/stat.h>
#include "internal.h"
#include "names.h"

#define NODE_MODE (S_IFBLK | 0660)
#define MAJOR_DYNAMIC \
	259u /* disks without numbers of their own, and partitions beyond a disk's minors */
#define MINOR_MAX 0xfffffu

static DEFINE_MUTEX(disks_lock);
static DEFINE_LIST(disks);
static struct disk_watch *watches;

/* ---- references ---- */

void disk_get(struct disk *disk)
{
	atomic_inc(&disk->refs);
}

static void disk_free(struct disk *disk)
{
	kfree(disk->counts);
	kfree(disk->about);
	kfree(disk);
}

void disk_put(struct disk *disk)
{
	if (!atomic_dec_and_test(&disk->refs))
		return;
	if (disk->whole != disk)
		disk_put(disk->whole);
	disk_free(disk);
}

/* ---- numbers and names ---- */

static struct disk *disk_by_dev_locked(dev_t dev)
{
	struct disk *disk;

	assert_held(&disks_lock);
	list_for_each(disk, &disks, link)
		if (disk->dev == dev)
			return disk;
	return NULL;
}

static struct disk *disk_by_name_locked(const char *name)
{
	struct disk *disk;

	assert_held(&disks_lock);
	list_for_each(disk, &disks, link)
		if (!strcmp(disk->name, name))
			return disk;
	return NULL;
}

static dev_t disk_dynamic_number_locked(void)
{
	assert_held(&disks_lock);
	for (u32 minor = 0; minor <= MINOR_MAX; minor++)
		if (!disk_by_dev_locked(MKDEV(MAJOR_DYNAMIC, minor)))
			return MKDEV(MAJOR_DYNAMIC, minor);
	return 0;
}

/* @partition: its number, or 0. @return 0: none is left */
static dev_t disk_number_locked(const char *whole, u32 partition)
{
	struct disk_numbers numbers;
	dev_t dev = 0;

	assert_held(&disks_lock);
	if (disk_name_numbers(whole, &numbers) && partition < numbers.minors &&
	    (u64)numbers.index * numbers.minors + partition <= MINOR_MAX)
		dev = MKDEV(numbers.major, numbers.index * numbers.minors + partition);
	if (!dev || disk_by_dev_locked(dev))
		dev = disk_dynamic_number_locked();
	return dev;
}

/* @return 0, -EEXIST, -ENOSPC */
static int disk_take_name_locked(struct disk *disk, const char *pattern)
{
	u32 index = 0;

	assert_held(&disks_lock);
	while (disk_name_make(disk->name, sizeof(disk->name), pattern, index)) {
		if (!disk_by_name_locked(disk->name)) {
			disk->dev = disk_number_locked(disk->name, 0);
			if (disk->dev)
				return 0;
			return -ENOSPC;
		}
		index++;
	}
	if (pattern[disk_pattern_place(pattern)])
		return -ENOSPC;
	return -EEXIST;
}

/* On the same device, one that looks the same: neither will be recognized. */
static void disk_find_twins_locked(struct disk *disk, const struct block_device_config *config)
{
	struct disk *other;

	assert_held(&disks_lock);
	list_for_each(other, &disks, link)
		if (other->whole == other && disk_is_twin(other, config))
			other->twin = disk->twin = true;
}

static void disk_list_locked(struct disk *disk)
{
	static u64 last_id;

	assert_held(&disks_lock);
	disk->id = ++last_id;
	list_add_tail(&disk->link, &disks);
}

/* ---- creation ---- */

/* Of its device, and of the card on PCI that provides the bus of that. */
static void disk_take_paths(struct disk *disk, const struct bus_device *bus)
{
	const char *dash = "";

	snprintf(disk->bus_path, sizeof(disk->bus_path), "bus/%s/devices/%s", bus->bus->name,
		 bus->name);
	while (bus && strcmp(bus->bus->name, "pci"))
		bus = bus->owner->device;
	if (disk->place[0])
		dash = "-";
	if (bus)
		snprintf(disk->path, sizeof(disk->path), "pci-%s%s%s", bus->name, dash,
			 disk->place);
}

struct disk *disk_create(const struct block_device_config *config)
{
	struct disk *disk = kzalloc(sizeof(*disk));
	int err;

	if (!disk)
		return ERR_PTR(-ENOMEM);
	disk->whole = disk;
	disk->flags = config->flags;
	disk->bytes = config->blocks << config->limits.block_shift;
	disk->block_mask = config->limits.block_bytes - 1;
	disk->physical_bytes = config->limits.physical_bytes;
	disk->request_bytes = config->limits.bytes_max;
	strscpy(disk->serial, config->serial, sizeof(disk->serial));
	strscpy(disk->model, config->model, sizeof(disk->model));
	strscpy(disk->place, config->place, sizeof(disk->place));
	disk->bus = config->bus;
	if (config->bus)
		disk_take_paths(disk, config->bus);
	atomic_set(&disk->refs, 2); /* the list's, and the caller's */
	mutex_lock(&disks_lock);
	err = disk_take_name_locked(disk, config->name);
	if (!err) {
		disk_find_twins_locked(disk, config);
		disk_list_locked(disk);
	}
	mutex_unlock(&disks_lock);
	if (!err)
		return disk;
	kfree(disk);
	return ERR_PTR(err);
}

static void disk_unlist(struct disk *disk)
{
	bool listed;

	mutex_lock(&disks_lock);
	listed = !list_empty(&disk->link);
	list_del(&disk->link);
	mutex_unlock(&disks_lock);
	if (listed)
		disk_put(disk);
}

void disk_forget(struct disk *disk)
{
	disk_unlist(disk);
}

/* ---- use ---- */

static void disk_unpin_locked(struct disk *whole)
{
	struct block_device *device = rcu_dereference(whole->device);

	assert_held(&disks_lock);
	if (whole->pinned && device && device->methods->unpin)
		device->methods->unpin(device);
	whole->pinned = false;
}

static int disk_pin_locked(struct disk *whole, struct block_device *device)
{
	assert_held(&disks_lock);
	if (device->methods->pin && !device->methods->pin(device))
		return -ENODEV;
	whole->pinned = true;
	return 0;
}

static int disk_use_locked(struct disk *disk)
{
	struct disk *whole = disk->whole;
	struct block_device *device = rcu_dereference(whole->device);
	int err = 0;

	assert_held(&disks_lock);
	if (disk->state != DISK_LIVE || !(device || whole->wait))
		return -ENODEV;
	if (!whole->users && device)
		err = disk_pin_locked(whole, device);
	whole->users += !err;
	return err;
}

static void disk_unuse_locked(struct disk *disk)
{
	assert_held(&disks_lock);
	if (!--disk->whole->users)
		disk_unpin_locked(disk->whole);
}

int disk_open(struct disk *disk)
{
	int err;

	mutex_lock(&disks_lock);
	err = disk_use_locked(disk);
	mutex_unlock(&disks_lock);
	return err;
}

void disk_close(struct disk *disk)
{
	mutex_lock(&disks_lock);
	disk_unuse_locked(disk);
	mutex_unlock(&disks_lock);
}

/* ---- showing and hiding ---- */

enum disk_event { DISK_ADDED, DISK_REMOVED, DISK_RESIZED };

static void disk_tell(struct disk *disk, enum disk_event event)
{
	for (const struct disk_watch *watch = smp_load_acquire(&watches); watch;
	     watch = watch->next) {
		void (*function)(struct disk *) = watch->added;

		if (event == DISK_REMOVED)
			function = watch->removed;
		else if (event == DISK_RESIZED)
			function = watch->resized;
		if (function)
			function(disk);
	}
}

void disk_watch(struct disk_watch *watch)
{
	mutex_lock(&disks_lock);
	watch->next = watches;
	smp_store_release(&watches, watch);
	mutex_unlock(&disks_lock);
}

static void disk_make_visible(struct disk *disk)
{
	int err = devfs_add(disk->name, NODE_MODE, disk->dev);

	if (err)
		pr_err("%s: no file /dev/%s: %s\n", disk->name, disk->name, error_text(err));
	disk->node = !err;
	disk_sysfs_add(disk);
	hotplug_disk_event(HOTPLUG_ADD, disk);
	disk_tell(disk, DISK_ADDED);
}

/* It has waited for that. */
static int disk_continue_locked(struct disk *disk, struct block_device *device)
{
	int err = 0;

	assert_held(&disks_lock);
	if (disk->users)
		err = disk_pin_locked(disk, device);
	if (err)
		return err;
	rcu_assign_pointer(disk->device, device);
	disk_wait_resume(disk, device);
	return 0;
}

int disk_show(struct disk *disk, struct block_device *device)
{
	bool is_new;
	int err = 0;

	mutex_lock(&disks_lock);
	is_new = disk->state == DISK_HIDDEN;
	if (device->closing || disk->state == DISK_GONE) {
		err = -ENODEV;
	} else if (!is_new) {
		err = disk_continue_locked(disk, device);
	} else {
		disk->state = DISK_LIVE;
		rcu_assign_pointer(disk->device, device);
	}
	mutex_unlock(&disks_lock);
	if (!err && is_new)
		disk_make_visible(disk);
	return err;
}

/* @return false: another thread was first */
static bool disk_go_locked(struct disk *disk)
{
	bool first = disk->state == DISK_LIVE;

	assert_held(&disks_lock);
	disk->state = DISK_GONE;
	return first;
}

/* Of this very one, which has gone. */
static void disk_withdraw(struct disk *disk)
{
	WRITE_ONCE(disk->bytes, 0);
	disk_tell(disk, DISK_REMOVED);
	if (disk->node)
		devfs_remove(disk->name);
	disk_sysfs_remove(disk);
	hotplug_disk_event(HOTPLUG_REMOVE, disk);
	disk_unlist(disk);
}

/* Its next partition that is visible, counted; NULL: none. */
static struct disk *disk_partition_of(struct disk *whole)
{
	struct disk *disk, *found = NULL;

	mutex_lock(&disks_lock);
	list_for_each(disk, &disks, link)
		if (disk != whole && disk->whole == whole) {
			found = disk;
			disk_get(found);
			break;
		}
	mutex_unlock(&disks_lock);
	return found;
}

static void disk_withdraw_partitions(struct disk *whole)
{
	struct disk *partition;
	bool first;

	while ((partition = disk_partition_of(whole))) {
		mutex_lock(&disks_lock);
		first = disk_go_locked(partition);
		mutex_unlock(&disks_lock);
		if (first)
			disk_withdraw(partition);
		disk_put(partition);
	}
}

/* It has gone: none is added any more. */
static void disk_withdraw_all(struct disk *whole)
{
	disk_withdraw_partitions(whole);
	disk_withdraw(whole);
}

bool disk_leave_device(struct disk *disk, const struct block_device *device, struct disk_wait *wait)
{
	bool leaves;

	mutex_lock(&disks_lock);
	leaves = disk->users && rcu_dereference(disk->device) == device;
	if (leaves) {
		disk_unpin_locked(disk);
		disk_wait_install(disk, wait);
		rcu_assign_pointer(disk->device, NULL);
	}
	mutex_unlock(&disks_lock);
	return leaves;
}

void disk_hide(struct disk *disk, const struct block_device *device)
{
	bool is_its;

	mutex_lock(&disks_lock);
	is_its = rcu_dereference(disk->device) == device && disk_go_locked(disk);
	if (is_its) {
		disk_unpin_locked(disk);
		rcu_assign_pointer(disk->device, NULL);
	}
	mutex_unlock(&disks_lock);
	if (is_its)
		disk_withdraw_all(disk);
}

bool disk_give_up(struct disk *disk, struct disk_wait *wait)
{
	bool goes;

	mutex_lock(&disks_lock);
	goes = disk_wait_give_up(wait) && disk_go_locked(disk);
	mutex_unlock(&disks_lock);
	if (goes)
		disk_withdraw_all(disk);
	return goes;
}

void disk_resized(struct disk *whole, u64 bytes)
{
	mutex_lock(&disks_lock);
	if (whole->state != DISK_GONE)
		WRITE_ONCE(whole->bytes, bytes);
	mutex_unlock(&disks_lock);
	disk_tell(whole, DISK_RESIZED);
}

/* ---- look-ups ---- */

static struct disk *disk_take_locked(struct disk *disk)
{
	assert_held(&disks_lock);
	if (!disk || disk->state != DISK_LIVE)
		return NULL;
	disk_get(disk);
	return disk;
}

struct disk *disk_find(dev_t dev)
{
	struct disk *disk;

	mutex_lock(&disks_lock);
	disk = disk_take_locked(disk_by_dev_locked(dev));
	mutex_unlock(&disks_lock);
	return disk;
}

struct disk *disk_find_name(const char *name)
{
	struct disk *disk;

	mutex_lock(&disks_lock);
	disk = disk_take_locked(disk_by_name_locked(name));
	mutex_unlock(&disks_lock);
	return disk;
}

struct disk *disk_next(struct disk *previous)
{
	struct disk *disk, *found = NULL;

	mutex_lock(&disks_lock);
	list_for_each(disk, &disks, link) {
		if (previous && disk->id <= previous->id)
			continue;
		found = disk_take_locked(disk);
		if (found)
			break;
	}
	mutex_unlock(&disks_lock);
	if (previous)
		disk_put(previous);
	return found;
}

/* ---- exclusive use ---- */

int disk_claim(struct disk *disk, void *holder)
{
	struct disk *whole = disk->whole;
	int err = 0;

	mutex_lock(&disks_lock);
	if (disk->holder || whole->holder || (disk == whole && whole->holders))
		err = -EBUSY;
	if (!err)
		err = disk_use_locked(disk);
	if (!err) {
		disk->holder = holder;
		whole->holders += disk != whole;
	}
	mutex_unlock(&disks_lock);
	return err;
}

void disk_release(struct disk *disk, void *holder)
{
	mutex_lock(&disks_lock);
	if (disk->holder == holder) {
		disk->holder = NULL;
		disk->whole->holders -= disk != disk->whole;
		disk_unuse_locked(disk);
	}
	mutex_unlock(&disks_lock);
}

/* ---- partitions ---- */

static bool partition_is_inside(const struct disk *whole, const struct partition_about *about)
{
	return about->number && about->bytes && about->offset < whole->bytes &&
	       about->bytes <= whole->bytes - about->offset &&
	       !((about->offset | about->bytes) & whole->block_mask);
}

/* Named and listed, or freed. */
static int partition_enter(struct disk *disk)
{
	struct disk *whole = disk->whole;
	int err = 0;

	mutex_lock(&disks_lock);
	if (whole->state != DISK_LIVE)
		err = -ENODEV;
	else if (disk_by_name_locked(disk->name))
		err = -EEXIST;
	else
		disk->dev = disk_number_locked(whole->name, disk->about->number);
	if (!err && !disk->dev)
		err = -ENOSPC;
	if (!err) {
		disk->state = DISK_LIVE;
		disk_get(whole);
		disk_list_locked(disk);
	}
	mutex_unlock(&disks_lock);
	return err;
}

static struct disk *partition_create(struct disk *whole, const struct partition_about *about)
{
	struct disk *disk = kzalloc(sizeof(*disk));

	if (!disk)
		return NULL;
	disk->about = kzalloc(sizeof(*disk->about));
	disk->counts = kcalloc(cpu_count, sizeof(*disk->counts));
	if (!disk->about || !disk->counts) {
		disk_free(disk);
		return NULL;
	}
	*disk->about = *about;
	disk->whole = whole;
	disk->flags = whole->flags;
	disk->readonly = about->readonly;
	disk->start = about->offset;
	disk->bytes = about->bytes;
	disk->block_mask = whole->block_mask;
	disk->physical_bytes = whole->physical_bytes;
	disk->request_bytes = whole->request_bytes;
	atomic_set(&disk->refs, 2);
	return disk;
}

int disk_add_partition(struct disk *whole, const struct partition_about *about)
{
	struct disk *disk;
	int err = -EINVAL;

	if (whole->whole != whole || !partition_is_inside(whole, about))
		return -EINVAL;
	disk = partition_create(whole, about);
	if (!disk)
		return -ENOMEM;
	if (disk_name_partition(disk->name, sizeof(disk->name), whole->name, about->number))
		err = partition_enter(disk);
	if (err) {
		disk_free(disk);
		return err;
	}
	disk_make_visible(disk);
	disk_put(disk);
	return 0;
}

int disk_remove_partitions(struct disk *whole)
{
	bool busy;

	mutex_lock(&disks_lock);
	busy = whole->holders != 0;
	mutex_unlock(&disks_lock);
	if (busy)
		return -EBUSY;
	disk_withdraw_partitions(whole);
	return 0;
}

void block_init(void)
{
	request_secret = random_u64();
	disk_proc_init();
}
