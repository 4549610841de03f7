// SPDX-License-Identifier: MIT
/*
 * Buses, the devices on them, and the probers that drivers offer; bus_bind.c binds
 * devices to drivers.
 *
 * Locks: bus.h.
 */
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/list.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wall.h>
#include "bus_internal.h"

DEFINE_MUTEX(bus_lock);		 /* the lists, next_id, and what bus.h and bus_bind.c list */
static DEFINE_LIST(all_devices); /* published, by id */
static DEFINE_LIST(probers);	 /* by id */
static u64 next_id = 1;

/* ---- methods of the bus ---- */

s64 bus_device_call(struct bus_device *device, size_t method, u64 first, u64 second, u64 third)
{
	const void *function = *(const void **)((u8 *)&device->bus->methods + method);

	if (!device->bus->root)
		return 0;
	if (method == offsetof(struct bus_methods, line))
		wall_next_method("banos_bus_ops.line", function);
	return gate_call(device->bus->root, NULL, function, (u64)device->bus->context,
			 (u64)device->context, first, second, third, 0);
}

bool bus_device_allows(const struct bus_device *device, u32 kind, u64 start, u64 length)
{
	for (u32 i = 0; i < device->nresources; i++) {
		const struct device_resource *resource = &device->resources[i];
		bool fits = resource->kind == kind ||
			    (kind == DEVICE_MEMORY && resource->kind == DEVICE_ECAM);

		if (fits && length <= resource->length && start >= resource->start &&
		    start - resource->start <= resource->length - length)
			return true;
	}
	return false;
}

/* ---- devices ---- */

static int bus_device_publish(struct owned *owned)
{
	struct bus_device *device = container_of(owned, struct bus_device, owned);
	bool there;

	/* It may be in removal already: bus_device_stop() sets ->gone, then waits for the claim. */
	if (bus_device_claim(device, time_monotonic_ns() + OWNER_STOP_LIMIT_NS))
		return -EBUSY;
	mutex_lock(&bus_lock);
	there = !device->gone;
	if (there) {
		device->id = next_id++;
		list_add_tail(&device->of_all, &all_devices);
		pending_queue_locked(device);
	}
	mutex_unlock(&bus_lock);
	if (there) {
		bus_sysfs_add(device);
		hotplug_event(HOTPLUG_ADD, device, NULL);
	}
	bus_device_unclaim(device);
	pending_start_thread();
	return 0;
}

static void bus_device_unlist(struct bus_device *device)
{
	mutex_lock(&bus_lock);
	pending_unqueue_locked(device);
	list_del(&device->of_all);
	list_del(&device->of_bus);
	mutex_unlock(&bus_lock);
}

static int bus_device_stop(struct owned *owned, u64 deadline_ns)
{
	struct bus_device *device = container_of(owned, struct bus_device, owned);
	int err;

	mutex_lock(&bus_lock);
	device->gone = true;
	mutex_unlock(&bus_lock);
	err = bus_device_claim(device, deadline_ns);
	if (err)
		return err;
	err = bus_device_unbind(device);
	bus_device_unclaim(device);
	if (err)
		return err;
	if (device->id) {
		bus_sysfs_remove(device);
		hotplug_event(HOTPLUG_REMOVE, device, NULL);
	}
	bus_device_unlist(device);
	return 0;
}

static void bus_device_free(struct owned *owned)
{
	struct bus_device *device = container_of(owned, struct bus_device, owned);

	bus_device_lose_quarantine(device);
	owned_put(&device->bus->owned);
	kfree(device->resources);
	kfree(device->properties);
	kfree(device->attributes);
	kfree(device);
}

const struct owned_class device_class = {
	.name = "device on a bus",
	.names = "devices on buses",
	.kind = OWNED_DEVICE,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct bus_device),
	.late = true,
	.publish = bus_device_publish,
	.stop = bus_device_stop,
	.free = bus_device_free,
};

/* Two buses of one name share the names of devices: they share a folder in /sys. */
static bool bus_name_taken_locked(const struct bus *bus, const char *name)
{
	struct bus_device *device;

	assert_held(&bus_lock);
	list_for_each(device, &bus->devices, of_bus)
		if (!strcmp(device->name, name))
			return true;
	list_for_each(device, &all_devices, of_all)
		if (!strcmp(device->bus->name, bus->name) && !strcmp(device->name, name))
			return true;
	return false;
}

/* Accesses to memory of a device on a bus that another device provides are made by that one. */
static void bus_device_inherit(struct bus_device *device, const struct bus_device *above)
{
	if (!device->dma_bits)
		device->dma_bits = above->dma_bits;
	if (!device->bus_id)
		device->bus_id = above->bus_id;
	if (!device->node)
		device->node = above->node;
}

int bus_device_add(struct bus *bus, struct bus_device *device)
{
	struct owner *owner = READ_ONCE(bus->owned.owner);
	int err;

	if (!owner)
		return -ENODEV;
	device->bus = bus;
	device->owner = owner;
	if (owner->device)
		bus_device_inherit(device, owner->device);
	list_init(&device->of_all);
	list_init(&device->pending);
	list_init(&device->quarantine);
	list_init(&device->nodes);
	list_init(&device->irqs);
	mutex_lock(&bus_lock);
	err = -EEXIST;
	if (!bus_name_taken_locked(bus, device->name))
		err = owned_add_held(owner, &device->owned, &device_class, true);
	else if (owner_is_closed(owner)) /* then it may be one that is just being removed */
		err = -ENODEV;
	if (!err) {
		list_add_tail(&device->of_bus, &bus->devices);
		atomic_inc(&bus->owned.refs);
	}
	mutex_unlock(&bus_lock);
	return err;
}

int bus_device_remove(struct bus_device *device, bool absent)
{
	if (absent)
		WRITE_ONCE(device->absent, true);
	return owned_remove(&device->owned);
}

bool bus_device_driver(struct bus_device *device, char *name, size_t size)
{
	bool has;

	mutex_lock(&bus_lock);
	has = device->binding && device->binding->probed;
	if (has)
		strscpy(name, device->binding->owner.root->name, size);
	mutex_unlock(&bus_lock);
	return has;
}

void bus_devices_each(bool (*function)(const struct bus_device *device, void *arg), void *arg)
{
	struct bus_device *device;

	mutex_lock(&bus_lock);
	list_for_each(device, &all_devices, of_all)
		if (!function(device, arg))
			break;
	mutex_unlock(&bus_lock);
}

/* ---- buses ---- */

/* Remove the devices one after the other; wait for those that another thread removes. */
static int bus_remove_devices(struct bus *bus, u64 deadline_ns)
{
	for (;;) {
		struct bus_device *device = NULL;
		int err;

		mutex_lock(&bus_lock);
		if (!list_empty(&bus->devices)) {
			device = list_first(&bus->devices, struct bus_device, of_bus);
			atomic_inc(&device->owned.refs);
		}
		mutex_unlock(&bus_lock);
		if (!device)
			return 0;
		err = owned_remove(&device->owned);
		owned_put(&device->owned);
		if (err && err != -EINVAL)
			return err;
		if (!err)
			continue;
		/* Another thread is removing it. */
		if (time_monotonic_ns() >= deadline_ns || fatal_signal_pending())
			return -EBUSY;
		sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
	}
}

static int bus_publish(struct owned *owned)
{
	return 0;
}

static int bus_stop(struct owned *owned, u64 deadline_ns)
{
	return bus_remove_devices(container_of(owned, struct bus, owned), deadline_ns);
}

static void bus_free(struct owned *owned)
{
	kfree(container_of(owned, struct bus, owned));
}

const struct owned_class bus_class = {
	.name = "bus",
	.names = "buses",
	.kind = OWNED_BUS,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct bus),
	.late = true,
	.publish = bus_publish,
	.stop = bus_stop,
	.free = bus_free,
};

int bus_add(struct owner *owner, struct bus *bus)
{
	list_init(&bus->devices);
	return owned_add_held(owner, &bus->owned, &bus_class, true);
}

/* ---- probers ---- */

/* @return does it serve @device? Then @rank is written. */
static bool prober_matches(const struct prober *prober, const struct bus_device *device,
			   struct prober_rank *rank)
{
	bool matches = false;

	*rank = (struct prober_rank){ .id = prober->id };
	if (strcmp(prober->bus, device->bus->name))
		return false;
	for (u32 i = 0; i < prober->npatterns; i++) {
		u32 literals = glob_literals(prober->patterns[i].alias);

		if ((matches && literals <= rank->literals) ||
		    !glob_match(prober->patterns[i].alias, device->alias))
			continue;
		matches = true;
		rank->literals = literals;
		rank->data = prober->patterns[i].data;
	}
	return matches;
}

static bool rank_is_better(const struct prober_rank *one, const struct prober_rank *other)
{
	if (one->literals != other->literals)
		return one->literals > other->literals;
	return one->id < other->id;
}

bool prober_exists(const struct owner *root, const char *bus)
{
	struct prober *prober;
	bool found = false;

	mutex_lock(&bus_lock);
	list_for_each(prober, &probers, link)
		found |= prober->root == root && !strcmp(prober->bus, bus);
	mutex_unlock(&bus_lock);
	return found;
}

struct prober *prober_next(struct bus_device *device, struct prober_rank *rank)
{
	struct prober_rank best = {}, each;
	struct prober *prober, *found = NULL;

	mutex_lock(&bus_lock);
	if (!device->gone && !device->binding)
		list_for_each(prober, &probers, link)
			if (!prober->dead && prober_matches(prober, device, &each) &&
			    rank_is_better(rank, &each) &&
			    (!found || rank_is_better(&each, &best))) {
				found = prober;
				best = each;
			}
	if (found)
		atomic_inc(&found->owned.refs);
	mutex_unlock(&bus_lock);
	*rank = best;
	return found;
}

static int prober_publish(struct owned *owned)
{
	struct prober *prober = container_of(owned, struct prober, owned);
	struct bus_device *device;
	struct prober_rank rank;

	mutex_lock(&bus_lock);
	if (!prober->dead) {
		prober->id = next_id++;
		list_add_tail(&prober->link, &probers);
		list_for_each(device, &all_devices, of_all)
			if (!device->gone && !device->binding &&
			    prober_matches(prober, device, &rank))
				pending_queue_locked(device);
	}
	mutex_unlock(&bus_lock);
	pending_start_thread();
	return 0;
}

static struct bus_device *device_of_prober(const struct prober *prober)
{
	struct bus_device *device, *found = NULL;

	mutex_lock(&bus_lock);
	list_for_each(device, &all_devices, of_all)
		if (device->binding && device->binding->prober == prober) {
			found = device;
			atomic_inc(&device->owned.refs);
			break;
		}
	mutex_unlock(&bus_lock);
	return found;
}

static int prober_stop(struct owned *owned, u64 deadline_ns)
{
	struct prober *prober = container_of(owned, struct prober, owned);
	struct bus_device *device;
	int err = 0;

	mutex_lock(&bus_lock);
	prober->dead = true;
	list_del(&prober->link);
	mutex_unlock(&bus_lock);
	while (!err && (device = device_of_prober(prober))) {
		err = bus_device_claim(device, deadline_ns);
		if (!err) {
			if (device->binding && device->binding->prober == prober)
				err = bus_device_unbind(device);
			bus_device_unclaim(device);
		}
		if (!err)
			bus_device_offer(device);
		owned_put(&device->owned);
	}
	return err;
}

static void prober_free(struct owned *owned)
{
	kfree(container_of(owned, struct prober, owned));
}

const struct owned_class prober_class = {
	.name = "device prober",
	.names = "device probers",
	.kind = OWNED_PROBER,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct prober),
	.late = true,
	.publish = prober_publish,
	.stop = prober_stop,
	.free = prober_free,
};

int prober_add(struct owner *owner, struct prober *prober)
{
	list_init(&prober->link);
	prober->root = owner->root;
	return owned_add_held(owner, &prober->owned, &prober_class, true);
}
