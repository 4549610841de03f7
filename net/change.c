// SPDX-License-Identifier: MIT
/*
 * Changes of interfaces: up and down, size, address, name, what is received. Programs ask for them
 * (SIOC* and netlink); drivers may refuse; protocols and programs that listen are told.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <uapi/net.h>

#define STOP_NS	   (10 * NSEC_PER_SEC)
#define GROUPS_MAX 256u /* of an interface */

static void device_changed(struct net_device *device)
{
	net_protocols_tell(device, BANOS_INTERFACE_CHANGED);
}

/* @return 0 or -errno: its driver does not start */
static int interface_start(struct net_device *device)
{
	s64 err;

	mutex_lock(&device->method_lock);
	err = device->methods->start(device);
	if (!err) {
		WRITE_ONCE(device->started, true);
		net_device_refill(device);
	}
	mutex_unlock(&device->method_lock);
	if (!err) {
		net_device_kick(device); /* there may have been too few empty packets */
		return 0;
	}
	return MIN(err, 0) ?: -EIO;
}

static int interface_up(struct net_device *device)
{
	int err = 0;

	if (READ_ONCE(device->started)) /* its driver did not end when it was set down */
		err = net_device_halt(device, time_monotonic_ns() + STOP_NS);
	if (!err)
		err = interface_start(device);
	if (err)
		return err;
	WRITE_ONCE(device->flags, device->flags | IFF_UP);
	net_device_apply_filter(device);
	net_device_kick(device);
	device_changed(device);
	net_settings_connect(device->index);
	return 0;
}

/* Nobody sends by it any more; its driver may still be started. */
static void interface_down(struct net_device *device)
{
	net_settings_forget(device->index, true);
	WRITE_ONCE(device->flags, device->flags & ~IFF_UP);
	if (!(device->flags & IFF_LOOPBACK))
		net_settings_forget_ipv6(device->index); /* as Linux */
	net_taps_interface_down(device->index, false);
	device_changed(device);
}

int net_device_set_up(struct net_device *device, bool up)
{
	int err = 0;

	assert_held(&net_lock);
	if (!(device->flags & IFF_UP) == !up)
		return 0;
	if (up)
		return interface_up(device);
	interface_down(device);
	synchronize_rcu(); /* who saw it up has put its frames into a queue */
	err = net_device_halt(device, time_monotonic_ns() + STOP_NS);
	return err;
}

int net_device_set_mtu(struct net_device *device, u32 mtu)
{
	bool up = device->flags & IFF_UP;
	int restarted = 0;
	s64 err = 0;

	assert_held(&net_lock);
	if (mtu == device->mtu)
		return 0;
	if (mtu < NET_MTU_LEAST || mtu > device->mtu_max)
		return -EINVAL;
	if (READ_ONCE(device->started))
		err = net_device_halt(device, time_monotonic_ns() + STOP_NS);
	if (err)
		return err;
	mutex_lock(&device->method_lock);
	err = device->methods->set_mtu(device, mtu);
	if (!err)
		WRITE_ONCE(device->mtu, mtu);
	mutex_unlock(&device->method_lock);
	if (up)
		restarted = interface_start(device);
	if (up && !restarted) {
		net_device_apply_filter(device);
		net_device_kick(device);
	}
	if (restarted)
		interface_down(device);
	else
		device_changed(device);
	return MIN(err, 0) ?: restarted;
}

int net_device_set_address(struct net_device *device, const u8 *address)
{
	struct banos_net_address asked = { { 0 } };
	s64 err;

	assert_held(&net_lock);
	if (device->type != ARPHRD_ETHER)
		return -EOPNOTSUPP;
	if (address[0] & 1)
		return -EADDRNOTAVAIL;
	memcpy(asked.bytes, address, BANOS_NET_ADDRESS);
	mutex_lock(&device->method_lock);
	err = device->methods->set_address(device, &asked);
	mutex_unlock(&device->method_lock);
	if (err)
		return MIN(err, 0) ?: -EIO;
	memcpy(device->address, address, BANOS_NET_ADDRESS);
	device_changed(device);
	return 0;
}

static bool net_name_is_allowed(const char *name)
{
	size_t length = strnlen(name, BANOS_NET_NAME_SIZE);

	if (!length || length == BANOS_NET_NAME_SIZE || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name == '/' || *name == ':' || (u8)*name >= 0x7f)
			return false;
	return true;
}

int net_device_rename(struct net_device *device, const char *name)
{
	assert_held(&net_lock);
	if (!net_name_is_allowed(name))
		return -EINVAL;
	if (!strcmp(device->name, name))
		return 0;
	if (net_device_find_name(name))
		return -EEXIST;
	net_sysfs_remove(device);
	mutex_lock(&net_list_lock);
	strscpy(device->name, name, sizeof(device->name));
	mutex_unlock(&net_list_lock);
	net_sysfs_add(device);
	device_changed(device);
	return 0;
}

/* ---- what is received ---- */

/* In memory that the driver may read. @return how many */
static u32 filter_fill(const struct net_device *device, struct banos_net_address *groups)
{
	const struct net_group *group;
	u32 count = 0;

	list_for_each(group, &device->groups, link)
		if (count < GROUPS_MAX)
			groups[count++] = group->address;
	return count;
}

void net_device_apply_filter(struct net_device *device)
{
	struct banos_net_address *groups = kzalloc_driver(PAGE_SIZE);
	u32 flags = 0, count;

	_Static_assert(GROUPS_MAX * sizeof(*groups) <= PAGE_SIZE, "a page");
	assert_held(&net_lock);
	if (net_device_flags(device) & IFF_PROMISC)
		flags |= BANOS_NET_PROMISCUOUS;
	if (net_device_flags(device) & IFF_ALLMULTI || !groups)
		flags |= BANOS_NET_ALL_GROUPS;
	count = 0;
	if (groups)
		count = filter_fill(device, groups);
	mutex_lock(&device->method_lock);
	if (device->started && device->methods->set_filter(device, flags, groups, count))
		(void)device->methods->set_filter(
			device, BANOS_NET_PROMISCUOUS | BANOS_NET_ALL_GROUPS, NULL, 0);
	mutex_unlock(&device->method_lock);
	kfree(groups);
}

void net_device_set_flags(struct net_device *device, u32 mask, u32 flags)
{
	u32 before = device->flags;

	assert_held(&net_lock);
	mask &= IFF_PROMISC | IFF_ALLMULTI | IFF_NOARP | IFF_MULTICAST;
	WRITE_ONCE(device->flags, (before & ~mask) | (flags & mask));
	if (before == device->flags)
		return;
	net_device_apply_filter(device);
	device_changed(device);
}

void net_device_want(struct net_device *device, s32 promiscuous, s32 all_groups)
{
	assert_held(&net_lock);
	WRITE_ONCE(device->promiscuous, device->promiscuous + (u32)promiscuous);
	WRITE_ONCE(device->all_groups, device->all_groups + (u32)all_groups);
	net_device_apply_filter(device);
}

int net_group_change(struct net_device *device, const struct banos_net_address *address, u64 who,
		     bool wanted)
{
	struct net_group *group, *found = NULL;
	u32 count = 0;

	assert_held(&net_lock);
	list_for_each(group, &device->groups, link) {
		count++;
		if (group->who == who &&
		    !memcmp(group->address.bytes, address->bytes, BANOS_NET_ADDRESS))
			found = group;
	}
	if (found) {
		found->count += wanted ? 1 : -1;
		if (found->count)
			return 0;
		list_del(&found->link);
		kfree(found);
	} else {
		if (!wanted)
			return -ENOENT;
		found = kzalloc(sizeof(*found));
		if (!found || count >= GROUPS_MAX) {
			kfree(found);
			return -ENOMEM;
		}
		found->who = who;
		found->count = 1;
		memcpy(found->address.bytes, address->bytes, BANOS_NET_ADDRESS);
		list_add_tail(&found->link, &device->groups);
	}
	net_device_apply_filter(device);
	return 0;
}

void net_groups_forget(u64 who)
{
	struct net_device *device;

	assert_held(&net_lock);
	list_for_each(device, &net_devices, link) {
		struct net_group *group, *next;
		bool changed = false;

		list_for_each_safe(group, next, &device->groups, link) {
			if (group->who != who)
				continue;
			list_del(&group->link);
			kfree(group);
			changed = true;
		}
		if (changed && !device->closed)
			net_device_apply_filter(device);
	}
}
