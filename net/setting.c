// SPDX-License-Identifier: MIT
/*
 * Addresses, routes and neighbours of interfaces. Programs set them, protocols are asked; what protocols learn
 * (neighbours, addresses that a router announces) is kept beside these, and goes with its interface.
 *
 * Kept here, and not in the TCP/IP stack, so that they outlive it. Nothing is looked up here for a packet.
 *
 * Locks: net_lock for changes by programs; settings_lock (mutex) inside it for the lists, and alone for reports, so that a
 * protocol may report while it is asked something.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <uapi/net.h>

#define SETTINGS_MAX 4096u /* of each kind */
#define KINDS	     4u

static DEFINE_MUTEX(settings_lock);
static struct list settings[KINDS] = {
	[BANOS_SETTING_ADDRESS] = LIST_INIT(settings[BANOS_SETTING_ADDRESS]),
	[BANOS_SETTING_ROUTE] = LIST_INIT(settings[BANOS_SETTING_ROUTE]),
	[BANOS_SETTING_NEIGHBOUR] = LIST_INIT(settings[BANOS_SETTING_NEIGHBOUR]),
};
static u32 counts[KINDS];

#define PROTOCOL_KERNEL 2u
#define TABLE_MAIN	254u
#define SCOPE_LINK	253u
#define SCOPE_HOST	254u
#define FLAG_PERMANENT	0x80u
#define METRIC_IPV6	256u

/* ---- finding ---- */

static bool setting_has_key(const struct banos_net_setting *one,
			    const struct banos_net_setting *other)
{
	if (one->family != other->family || one->interface != other->interface ||
	    memcmp(one->address, other->address, sizeof(one->address)))
		return false;
	if (one->kind == BANOS_SETTING_ADDRESS)
		return one->prefix == other->prefix;
	if (one->kind == BANOS_SETTING_ROUTE)
		return one->prefix == other->prefix && one->metric == other->metric &&
		       one->table == other->table &&
		       !memcmp(one->other, other->other, sizeof(one->other));
	return true;
}

static struct net_setting *setting_find_locked(const struct banos_net_setting *about)
{
	struct net_setting *setting;

	assert_held(&settings_lock);
	list_for_each(setting, &settings[about->kind], link)
		if (setting_has_key(&setting->about, about))
			return setting;
	return NULL;
}

static void setting_free_locked(struct net_setting *setting)
{
	assert_held(&settings_lock);
	list_del(&setting->link);
	counts[setting->about.kind]--;
	kfree(setting);
}

/* @return 0, -ENOSPC, -ENOMEM */
static int setting_put(const struct banos_net_setting *about, bool reported)
{
	struct net_setting *setting = kzalloc(sizeof(*setting)), *old;
	int err = -ENOSPC;

	if (!setting)
		return -ENOMEM;
	setting->about = *about;
	setting->reported = reported;
	mutex_lock(&settings_lock);
	old = setting_find_locked(about);
	if (old && reported && !old->reported) { /* a program's stays */
		err = 0;
	} else if (old || counts[about->kind] < SETTINGS_MAX) {
		if (old)
			setting_free_locked(old);
		list_add_tail(&setting->link, &settings[about->kind]);
		counts[about->kind]++;
		setting = NULL;
		err = 0;
	}
	mutex_unlock(&settings_lock);
	kfree(setting);
	return err;
}

static bool setting_exists(const struct banos_net_setting *about)
{
	bool exists;

	mutex_lock(&settings_lock);
	exists = setting_find_locked(about);
	mutex_unlock(&settings_lock);
	return exists;
}

/* ---- the routes that an address brings ---- */

static bool setting_connects(const struct banos_net_setting *address,
			     struct banos_net_setting *route)
{
	u32 bits = address->family == BANOS_FAMILY_IPV4 ? 32 : 128;

	if (address->prefix >= bits || !address->prefix)
		return false;
	*route = (struct banos_net_setting){
		.size = sizeof(*route),
		.kind = BANOS_SETTING_ROUTE,
		.family = address->family,
		.interface = address->interface,
		.prefix = address->prefix,
		.table = TABLE_MAIN,
		.type = BANOS_ROUTE_UNICAST,
		.protocol = PROTOCOL_KERNEL,
	};
	if (bits == 32) {
		route->scope = SCOPE_LINK;
		memcpy(route->source, address->address, sizeof(route->source));
	} else {
		route->metric = METRIC_IPV6;
	}
	for (u32 i = 0; i < bits / 8; i++) {
		u32 kept = MIN(address->prefix - MIN(address->prefix, i * 8), 8u);

		route->address[i] = address->address[i] & (u8)(0xff00 >> kept);
	}
	return true;
}

static int setting_add_asked(const struct banos_net_setting *about)
{
	int err = net_protocols_configure(BANOS_SETTING_ADD, about);

	if (!err)
		err = setting_put(about, false);
	return err;
}

static bool interface_is_up(u32 index)
{
	const struct net_device *device = net_device_find(index);

	return device && device->flags & IFF_UP;
}

static bool interface_is_loopback(u32 index)
{
	const struct net_device *device = net_device_find(index);

	return device && device->flags & IFF_LOOPBACK;
}

static void setting_connect(const struct banos_net_setting *address)
{
	struct banos_net_setting route;

	assert_held(&net_lock);
	if (!interface_is_up(address->interface) || interface_is_loopback(address->interface) ||
	    !setting_connects(address, &route) || setting_exists(&route))
		return;
	(void)setting_add_asked(&route);
}

/* ---- changes ---- */

int net_setting_add(const struct banos_net_setting *about, bool replace)
{
	int err;

	assert_held(&net_lock);
	if (about->interface && !net_device_find(about->interface))
		return -ENODEV;
	if (about->kind == BANOS_SETTING_ROUTE && about->interface &&
	    !interface_is_up(about->interface))
		return -ENETDOWN;
	if (!replace && setting_exists(about))
		return -EEXIST;
	err = setting_add_asked(about);
	if (!err && about->kind == BANOS_SETTING_ADDRESS)
		setting_connect(about);
	return err;
}

/* @return false: there is none */
static bool setting_take_out(const struct banos_net_setting *about)
{
	struct net_setting *setting;
	bool found;

	mutex_lock(&settings_lock);
	setting = setting_find_locked(about);
	found = setting;
	if (found)
		setting_free_locked(setting);
	mutex_unlock(&settings_lock);
	return found;
}

int net_setting_remove(const struct banos_net_setting *about)
{
	struct banos_net_setting route;

	assert_held(&net_lock);
	if (!setting_take_out(about))
		return about->kind == BANOS_SETTING_ADDRESS ? -EADDRNOTAVAIL : -ESRCH;
	(void)net_protocols_configure(BANOS_SETTING_REMOVE, about);
	if (about->kind == BANOS_SETTING_ADDRESS && setting_connects(about, &route) &&
	    setting_take_out(&route))
		(void)net_protocols_configure(BANOS_SETTING_REMOVE, &route);
	return 0;
}

int net_setting_report(u32 event, const struct banos_net_setting *about)
{
	const struct net_device *device;
	struct net_setting *setting;
	int err = -ENOENT;

	rcu_read_lock();
	device = net_device_find(about->interface);
	rcu_read_unlock();
	if (!device)
		return -ENODEV;
	if (event == BANOS_SETTING_ADD)
		return setting_put(about, true);
	mutex_lock(&settings_lock);
	setting = setting_find_locked(about);
	if (setting && setting->reported) {
		setting_free_locked(setting);
		err = 0;
	}
	mutex_unlock(&settings_lock);
	return err;
}

/* The first of an interface. @return false: none */
static bool setting_first(u32 interface, u32 kind, struct banos_net_setting *about)
{
	struct net_setting *setting;
	bool found = false;

	mutex_lock(&settings_lock);
	list_for_each(setting, &settings[kind], link) {
		if (setting->about.interface != interface)
			continue;
		*about = setting->about;
		found = true;
		break;
	}
	mutex_unlock(&settings_lock);
	return found;
}

void net_settings_forget(u32 interface, bool routes_only)
{
	static const u32 kinds[] = { BANOS_SETTING_ROUTE, BANOS_SETTING_NEIGHBOUR,
				     BANOS_SETTING_ADDRESS };
	struct banos_net_setting about;

	assert_held(&net_lock);
	/* A protocol may report one anew as soon as it is removed: there is an end. */
	for (u32 i = 0; i < ARRAY_SIZE(kinds) - routes_only; i++)
		for (u32 left = SETTINGS_MAX; left && setting_first(interface, kinds[i], &about);
		     left--)
			net_setting_remove(&about);
}

/* Addresses of one interface, copied: their protocols are asked without settings_lock. */
#define ADDRESSES_MAX 64u
struct addresses {
	u32 interface, count;
	struct banos_net_setting found[ADDRESSES_MAX];
};

static bool address_collect(const struct net_setting *setting, void *arg)
{
	struct addresses *addresses = arg;

	if (setting->about.kind == BANOS_SETTING_ADDRESS &&
	    setting->about.interface == addresses->interface)
		addresses->found[addresses->count++] = setting->about;
	return addresses->count < ADDRESSES_MAX;
}

/* 127.0.0.1/8 and ::1/128, which Linux gives it as well. */
static void settings_add_loopback(u32 interface)
{
	struct banos_net_setting address = {
		.size = sizeof(address),
		.kind = BANOS_SETTING_ADDRESS,
		.family = BANOS_FAMILY_IPV4,
		.interface = interface,
		.address = { 127, 0, 0, 1 },
		.prefix = 8,
		.flags = FLAG_PERMANENT,
		.scope = SCOPE_HOST,
	};

	(void)!net_setting_add(&address, false);
	address.family = BANOS_FAMILY_IPV6;
	memset(address.address, 0, sizeof(address.address));
	address.address[15] = 1;
	address.prefix = 128;
	(void)!net_setting_add(&address, false);
}

void net_settings_connect(u32 interface)
{
	struct addresses *addresses = kzalloc(sizeof(*addresses));

	assert_held(&net_lock);
	if (interface_is_loopback(interface))
		settings_add_loopback(interface);
	if (!addresses)
		return;
	addresses->interface = interface;
	net_settings_each(address_collect, addresses);
	for (u32 i = 0; i < addresses->count; i++)
		setting_connect(&addresses->found[i]);
	kfree(addresses);
}

/* ---- reading ---- */

void net_settings_each(bool (*function)(const struct net_setting *setting, void *arg), void *arg)
{
	bool goes_on = true;

	mutex_lock(&settings_lock);
	for (u32 kind = 1; kind < KINDS && goes_on; kind++) {
		const struct net_setting *setting;

		list_for_each(setting, &settings[kind], link) {
			goes_on = function(setting, arg);
			if (!goes_on)
				break;
		}
	}
	mutex_unlock(&settings_lock);
}

/* In their order; a program's do not change meanwhile. */
void net_settings_tell(const struct net_protocol *protocol)
{
	assert_held(&net_lock);
	for (u32 kind = 1; kind < KINDS; kind++) {
		for (u32 number = 0;; number++) {
			struct net_setting *setting;
			struct banos_net_setting about;
			u32 at = 0;
			bool found = false;

			mutex_lock(&settings_lock);
			list_for_each(setting, &settings[kind], link) {
				if (setting->reported || at++ < number)
					continue;
				about = setting->about;
				found = true;
				break;
			}
			mutex_unlock(&settings_lock);
			if (!found)
				break;
			(void)protocol->methods->configure(protocol->private, BANOS_SETTING_ADD,
							   &about);
		}
	}
}
