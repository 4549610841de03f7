// SPDX-License-Identifier: MIT
/*
 * Network devices: their names and numbers, their thread, and how they end.
 *
 * A device is found by index in a hash table, under RCU. Whoever uses it longer runs one of its queues,
 * or has its method_lock: net_device_stop() waits for both. The thread of a device gives its driver empty packets, continues
 * queues that waited for the driver, and tells of its link.
 */
#include "internal.h"
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <uapi/net.h>

#define HASH_SIZE   64u
#define NUMBERS_MAX 4096u
#define TX_LENGTH   1000u
#define TX_DEPTH    256u
#define MTU_DEFAULT 1500u
#define FRAME_EXTRA 18u /* header and VLAN tag */
#define STALL_NS    (2 * NSEC_PER_MSEC)
#define STARVED_NS  (100 * NSEC_PER_MSEC)

DEFINE_MUTEX(net_lock);
DEFINE_MUTEX(net_list_lock);
DEFINE_LIST(net_devices);
static struct net_device *by_index[HASH_SIZE];
static u32 last_index; /* net_lock */

/* ---- finding ---- */

struct net_device *net_device_find(u32 index)
{
	struct net_device *device = rcu_dereference(by_index[index % HASH_SIZE]);

	while (device && device->index != index)
		device = rcu_dereference(device->hash_next);
	return device;
}

struct net_device *net_device_find_name(const char *name)
{
	struct net_device *device;

	assert_net_list_held();
	list_for_each(device, &net_devices, link)
		if (!strcmp(device->name, name))
			return device;
	return NULL;
}

static void device_link(struct net_device *device)
{
	struct net_device **first = &by_index[device->index % HASH_SIZE];

	assert_held(&net_lock);
	device->hash_next = *first;
	rcu_assign_pointer(*first, device);
	list_add_tail(&device->link, &net_devices);
}

static void device_unlink(struct net_device *device)
{
	struct net_device **at = &by_index[device->index % HASH_SIZE];

	assert_held(&net_lock);
	while (*at != device)
		at = &(*at)->hash_next;
	rcu_assign_pointer(*at, device->hash_next);
	list_del(&device->link);
}

/* ---- what it is ---- */

u32 net_device_flags(const struct net_device *device)
{
	u32 flags = READ_ONCE(device->flags);

	if (flags & IFF_UP && READ_ONCE(device->carrier))
		flags |= IFF_RUNNING | IFF_LOWER_UP;
	if (READ_ONCE(device->promiscuous))
		flags |= IFF_PROMISC;
	if (READ_ONCE(device->all_groups))
		flags |= IFF_ALLMULTI;
	return flags;
}

void net_device_describe(const struct net_device *device, struct banos_interface *interface)
{
	*interface = (struct banos_interface){
		.size = sizeof(*interface),
		.index = device->index,
		.flags = net_device_flags(device),
		.mtu = device->mtu,
		.offloads = device->offloads,
		.headroom = device->headroom,
		.ipv6 = net_ipv6_flags(device),
	};
	memcpy(interface->address, device->address, BANOS_NET_ADDRESS);
	strscpy(interface->name, device->name, sizeof(interface->name));
}

void net_device_sum(const struct net_device *device, struct net_counts *rx, struct net_counts *tx)
{
	*rx = *tx = (struct net_counts){ 0 };
	for (u32 i = 0; i < device->nrx; i++) {
		rx->packets += READ_ONCE(device->rx[i].counts.packets);
		rx->bytes += READ_ONCE(device->rx[i].counts.bytes);
		rx->errors += READ_ONCE(device->rx[i].counts.errors);
	}
	for (u32 i = 0; i < device->ntx; i++) {
		tx->packets += READ_ONCE(device->tx[i].counts.packets);
		tx->bytes += READ_ONCE(device->tx[i].counts.bytes);
		tx->errors += READ_ONCE(device->tx[i].counts.errors);
		tx->dropped += READ_ONCE(device->tx[i].counts.dropped);
	}
	rx->errors += (u32)atomic_read(&device->refused);
}

void net_device_set_carrier(struct net_device *device, bool up, u32 mbit, bool full_duplex)
{
	bool changed = device->carrier != up;

	WRITE_ONCE(device->carrier, up);
	device->speed_mbit = mbit;
	device->full_duplex = full_duplex;
	if (!changed)
		return;
	WRITE_ONCE(device->carrier_changed, true);
	net_device_kick(device);
}

/* ---- its thread ---- */

void net_device_kick(struct net_device *device)
{
	if (READ_ONCE(device->run))
		return;
	WRITE_ONCE(device->run, true);
	wake_up_all(&device->wait);
}

/* Addresses of IPv6 end where that is switched off, and what the kernel gives an interface is given again. */
static void device_switch_ipv6(struct net_device *device)
{
	bool off = READ_ONCE(device->ipv6[NET_IPV6_DISABLE]);

	assert_held(&net_lock);
	if (off)
		net_settings_forget_ipv6(device->index);
	else if (device->ipv6_was_off && device->flags & IFF_UP)
		net_settings_connect_ipv6(device->index);
	device->ipv6_was_off = off;
}

static void device_tell_carrier(struct net_device *device)
{
	mutex_lock(&net_lock);
	if (device->published && !device->closed) {
		net_protocols_tell(device, BANOS_INTERFACE_CHANGED);
		device_switch_ipv6(device);
	}
	mutex_unlock(&net_lock);
}

static void device_work(struct net_device *device)
{
	bool stalled = net_tx_is_stalled(device);

	if (stalled)
		sleep_until(time_monotonic_ns() + STALL_NS, false);
	mutex_lock(&device->method_lock);
	if (device->started && !device->closed)
		net_device_refill(device);
	mutex_unlock(&device->method_lock);
	net_tx_continue(device, stalled);
	if (__atomic_exchange_n(&device->carrier_changed, false, __ATOMIC_SEQ_CST))
		device_tell_carrier(device);
}

/* When to look again, though nobody asks: there was no memory for empty packets. 0: never */
static u64 device_deadline(const struct net_device *device)
{
	if (READ_ONCE(device->started) && net_rx_starves(device))
		return time_monotonic_ns() + STARVED_NS;
	return 0;
}

static void device_main(void *arg)
{
	struct net_device *device = arg;

	while (!READ_ONCE(device->end)) {
		u64 deadline = device_deadline(device);

		(void)wait_event_until(&device->wait,
				       READ_ONCE(device->run) || READ_ONCE(device->end), deadline);
		__atomic_store_n(&device->run, false, __ATOMIC_SEQ_CST);
		if (!READ_ONCE(device->end))
			device_work(device);
	}
	net_device_put(device);
}

/* ---- creating ---- */

static void device_free(struct rcu_head *head)
{
	struct net_device *device = container_of(head, struct net_device, rcu);

	kfree(device->refill_batch);
	for (u32 i = 0; device->tx && i < device->ntx; i++)
		kfree(device->tx[i].batch);
	kfree(device->tx);
	kfree(device->rx);
	kfree(device);
}

void net_device_put(struct net_device *device)
{
	if (atomic_dec_and_test(&device->refs))
		call_rcu(&device->rcu, device_free);
}

static int device_create_queues(struct net_device *device)
{
	device->tx = kcalloc(device->ntx, sizeof(*device->tx));
	device->rx = kcalloc(device->nrx, sizeof(*device->rx));
	device->refill_batch = kzalloc_driver(PAGE_SIZE);
	if (!device->tx || !device->rx || !device->refill_batch)
		return -ENOMEM;
	for (u32 i = 0; i < device->ntx; i++) {
		spin_init(&device->tx[i].lock);
		device->tx[i].batch = kzalloc_driver(PAGE_SIZE);
		if (!device->tx[i].batch)
			return -ENOMEM;
	}
	for (u32 i = 0; i < device->nrx; i++)
		spin_init(&device->rx[i].lock);
	return 0;
}

static bool address_is_zero(const u8 *address)
{
	static const u8 zeroes[BANOS_NET_ADDRESS];

	return !memcmp(address, zeroes, sizeof(zeroes));
}

/* One of those that are nobody's: locally administered. */
static void device_take_address(struct net_device *device, const u8 *address)
{
	memcpy(device->address, address, BANOS_NET_ADDRESS);
	if (device->type == ARPHRD_ETHER && address_is_zero(address)) {
		random_bytes(device->address, BANOS_NET_ADDRESS);
		device->address[0] = (device->address[0] & 0xfc) | 2;
	}
	memcpy(device->address_first, device->address, BANOS_NET_ADDRESS);
}

static u32 number_or(u32 number, u32 otherwise)
{
	if (number)
		return number;
	return otherwise;
}

static void net_device_take_config(struct net_device *device, const struct net_device_config *about)
{
	const struct banos_net_config *config = about->config;

	device->methods = about->methods;
	device->private = about->private;
	device->root = about->root;
	device->party = packet_party(about->root);
	device->bus = about->bus;
	device->type = about->type;
	device->dma = !(config->flags & BANOS_NET_NO_DMA);
	device->flags = about->flags;
	device->carrier = !(config->flags & BANOS_NET_NO_CARRIER);
	device->mtu = device->mtu_first = number_or(config->mtu, MTU_DEFAULT);
	device->mtu_max = number_or(config->mtu_max, device->mtu);
	device->offloads = config->offloads;
	device->headroom = config->headroom;
	device->segments_max = config->segments_max;
	device->ntx = config->tx_queues;
	device->nrx = config->rx_queues;
	device->tx_depth = number_or(config->tx_depth, TX_DEPTH);
	device->rx_depth = config->rx_depth;
	device->rx_room = number_or(config->rx_room, device->mtu_max + FRAME_EXTRA);
	device->tx_queue_length = TX_LENGTH;
	net_ipv6_conf_take(device);
	device_take_address(device, config->address);
	list_init(&device->groups);
	mutex_init(&device->method_lock);
	wait_queue_init(&device->wait);
	atomic_set(&device->refs, 1);
}

/* A name for it, and a number that was never used. */
static int device_name(struct net_device *device, const char *pattern)
{
	const char *mark = strchr(pattern, '#');
	int err = -ENOSPC;

	assert_held(&net_lock);
	if (!mark) {
		strscpy(device->name, pattern, sizeof(device->name));
		return net_device_find_name(device->name) ? -EEXIST : 0;
	}
	for (u32 number = 0; number < NUMBERS_MAX && err; number++) {
		snprintf(device->name, sizeof(device->name), "%.*s%u%s", (int)(mark - pattern),
			 pattern, number, mark + 1);
		if (!net_device_find_name(device->name))
			err = 0;
	}
	return err;
}

static void device_unlist(struct net_device *device)
{
	mutex_lock(&net_list_lock);
	list_del(&device->link);
	mutex_unlock(&net_list_lock);
}

struct net_device *net_device_create(const struct net_device_config *about)
{
	struct net_device *device = kzalloc(sizeof(*device));
	int err;

	if (!device)
		return ERR_PTR(-ENOMEM);
	net_device_take_config(device, about);
	if (device->bus)
		snprintf(device->bus_path, sizeof(device->bus_path), "bus/%s/devices/%s",
			 device->bus->bus->name, device->bus->name);
	err = device_create_queues(device);
	if (err)
		goto fail;
	/* Its name is taken from now on. */
	mutex_lock(&net_lock);
	err = device_name(device, about->config->name);
	if (!err) {
		device->index = ++last_index;
		mutex_lock(&net_list_lock);
		list_add_tail(&device->link, &net_devices);
		mutex_unlock(&net_list_lock);
	}
	mutex_unlock(&net_lock);
	if (err)
		goto fail;
	atomic_inc(&device->refs);
	err = thread_spawn(device_main, device, device->name);
	if (!err)
		return device;
	atomic_dec(&device->refs);
	device_unlist(device);
fail:
	device_free(&device->rcu);
	return ERR_PTR(err);
}

int net_device_publish(struct net_device *device)
{
	int err = -ENODEV;

	mutex_lock(&net_lock);
	if (!device->closed) {
		mutex_lock(&net_list_lock);
		list_del(&device->link);
		device_link(device);
		device->published = true;
		mutex_unlock(&net_list_lock);
		net_sysfs_add(device);
		hotplug_net_event(HOTPLUG_ADD, device->name);
		net_protocols_tell(device, BANOS_INTERFACE_ADDED);
		err = 0;
	}
	mutex_unlock(&net_lock);
	return err;
}

/* ---- the end ---- */

static void device_hide(struct net_device *device)
{
	assert_held(&net_lock);
	WRITE_ONCE(device->closed, true);
	if (!device->published)
		return;
	device->published = false;
	net_settings_forget(device->index, false);
	WRITE_ONCE(device->flags, device->flags & ~IFF_UP);
	net_protocols_tell(device, BANOS_INTERFACE_REMOVED);
	hotplug_net_event(HOTPLUG_REMOVE, device->name);
	net_sysfs_remove(device);
	mutex_lock(&net_list_lock);
	device_unlink(device);
	list_add_tail(&device->link, &net_devices);
	mutex_unlock(&net_list_lock);
	net_settings_forget(device->index,
			    false); /* what protocols reported until it was not found any more */
	net_taps_interface_down(device->index, true);
}

static bool mutex_lock_until(struct mutex *mutex, u64 deadline_ns)
{
	while (!mutex_trylock(mutex)) {
		if (time_monotonic_ns() >= deadline_ns)
			return false;
		sleep_ms(1);
	}
	return true;
}

/* Its driver is told, and has no packet of it. */
/* @param started  was it? Nobody calls transmit() any more. */
static void device_end(struct net_device *device, bool started)
{
	struct bus_device *bus = device->bus;

	assert_held(&device->method_lock);
	net_tx_close(device);
	if (started && !device->methods->stop(device))
		bus = NULL;
	packets_take_back(device->party, device, bus);
	for (u32 i = 0; i < device->nrx; i++) {
		device->rx[i].out = 0;
		device->rx[i].full = false;
	}
	for (u32 i = 0; i < device->ntx; i++)
		device->tx[i].out = 0;
}

int net_device_halt(struct net_device *device, u64 deadline_ns)
{
	bool started;

	if (!mutex_lock_until(&device->method_lock, deadline_ns))
		return -EBUSY;
	started = device->started;
	WRITE_ONCE(device->started, false);
	while (net_tx_is_running(device)) {
		if (time_monotonic_ns() >= deadline_ns) {
			WRITE_ONCE(device->started, started); /* the next try has to stop it */
			mutex_unlock(&device->method_lock);
			return -EBUSY;
		}
		sleep_ms(1);
	}
	device_end(device, started);
	mutex_unlock(&device->method_lock);
	return 0;
}

int net_device_stop(struct net_device *device, u64 deadline_ns)
{
	int err;

	if (!mutex_lock_until(&net_lock, deadline_ns))
		return -EBUSY;
	if (!device->closed)
		device_hide(device);
	err = net_device_halt(device, deadline_ns);
	mutex_unlock(&net_lock);
	return err;
}

void net_device_destroy(struct net_device *device)
{
	mutex_lock(&net_lock);
	device_unlist(device);
	while (!list_empty(&device->groups)) {
		struct net_group *group = list_first(&device->groups, struct net_group, link);

		list_del(&group->link);
		kfree(group);
	}
	mutex_unlock(&net_lock);
	WRITE_ONCE(device->end, true);
	wake_up_all(&device->wait);
	net_device_put(device);
}
