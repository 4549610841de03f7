// SPDX-License-Identifier: MIT
/*
 * The ioctls by which ifconfig, route and udhcpc change and list interfaces, on sockets of any family. They know
 * IPv4 addresses, one for an interface and for each of its labels (eth0:1).
 *
 * netdevice(7), rt-route(7); an error is the one of Linux 6.1.
 */
#include "internal.h"
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/net.h>
#include <uapi/socket.h>

#define FAMILY_IPV4 2u
#define IPV4_BYTES  4u
#define TABLE_MAIN  254u
#define SCOPE_LINK  253u
#define SCOPE_HOST  254u
#define BY_BOOT	    3u /* RTPROT_BOOT */
#define QUEUE_MOST  100000

/* ---- addresses ---- */

/* The first IPv4 address of an interface that has a label. */
struct address_search {
	u32 interface;
	const char *label; /* empty: the interface's name */
	bool found;
	struct banos_net_setting about;
};

static bool address_look(const struct net_setting *setting, void *arg)
{
	struct address_search *search = arg;

	if (setting->about.kind != BANOS_SETTING_ADDRESS || setting->about.family != FAMILY_IPV4 ||
	    setting->about.interface != search->interface || strcmp(setting->label, search->label))
		return true;
	search->about = setting->about;
	search->found = true;
	return false;
}

static bool address_find(u32 interface, const char *label, struct banos_net_setting *about)
{
	struct address_search search = { .interface = interface, .label = label };

	net_settings_each(address_look, &search);
	*about = search.about;
	return search.found;
}

static void mask_make(u8 *mask, u32 prefix)
{
	for (u32 i = 0; i < IPV4_BYTES; i++, prefix -= MIN(prefix, 8u))
		mask[i] = (u8)(0xff00 >> MIN(prefix, 8u));
}

/* @return 33: it is no mask */
static u32 mask_prefix(const u8 *mask)
{
	u32 bits = mask[0] << 24 | mask[1] << 16 | mask[2] << 8 | mask[3], prefix;

	if (!bits)
		return 0;
	prefix = 32 - __builtin_ctz(bits);
	if (~bits & (~bits + 1))
		return 33;
	return prefix;
}

/* Of the class of an address, as ifconfig expects. */
static u32 class_prefix(const u8 *address)
{
	if (!(address[0] & 0x80))
		return 8;
	if ((address[0] & 0xc0) == 0x80)
		return 16;
	return 24;
}

static void broadcast_make(struct banos_net_setting *about)
{
	u8 mask[IPV4_BYTES];

	mask_make(mask, about->prefix);
	memset(about->source, 0, sizeof(about->source));
	if (about->prefix < 31)
		for (u32 i = 0; i < IPV4_BYTES; i++)
			about->source[i] = about->address[i] | (u8)~mask[i];
}

#define ADDRESSES_REPLACED 64u /* a protocol may report them anew: there is an end */
static int address_replace(u32 interface, const char *label, const struct banos_net_setting *about)
{
	struct banos_net_setting old;
	int err = 0;

	assert_held(&net_lock);
	for (u32 left = ADDRESSES_REPLACED; left && !err && address_find(interface, label, &old);
	     left--)
		err = net_setting_remove(&old);
	if (err || !about)
		return err;
	return net_setting_add(about, label, false);
}

static int interface_set_address(struct net_device *device, const char *label, const u8 *address)
{
	static const u8 none[IPV4_BYTES];
	struct banos_net_setting about = {
		.size = sizeof(about),
		.kind = BANOS_SETTING_ADDRESS,
		.family = FAMILY_IPV4,
		.interface = device->index,
		.prefix = class_prefix(address),
		.flags = 0x80, /* IFA_F_PERMANENT */
	};

	if (!memcmp(address, none, sizeof(none)))
		return address_replace(device->index, label, NULL);
	memcpy(about.address, address, IPV4_BYTES);
	if (device->flags & IFF_LOOPBACK)
		about.scope = SCOPE_HOST;
	if (device->flags & IFF_BROADCAST)
		broadcast_make(&about);
	return address_replace(device->index, label, &about);
}

static int interface_set_mask(struct net_device *device, const char *label, const u8 *mask)
{
	struct banos_net_setting about;

	if (mask_prefix(mask) > 32)
		return -EINVAL;
	if (!address_find(device->index, label, &about))
		return -EADDRNOTAVAIL;
	about.prefix = mask_prefix(mask);
	if (device->flags & IFF_BROADCAST)
		broadcast_make(&about);
	return address_replace(device->index, label, &about);
}

static int interface_set_broadcast(struct net_device *device, const char *label,
				   const u8 *broadcast)
{
	struct banos_net_setting about;

	if (!address_find(device->index, label, &about))
		return -EADDRNOTAVAIL;
	memcpy(about.source, broadcast, IPV4_BYTES);
	return net_setting_add(&about, label, true);
}

/* ---- of one interface ---- */

static int ifreq_get_address(const struct net_device *device, const char *label, u32 command,
			     struct user_ifreq *request)
{
	struct banos_net_setting about;

	if (!address_find(device->index, label, &about))
		return -EADDRNOTAVAIL;
	memset(&request->address, 0, sizeof(request->address));
	request->address.family = FAMILY_IPV4;
	if (command == SIOCGIFNETMASK)
		mask_make(request->address.address, about.prefix);
	else if (command == SIOCGIFBRDADDR)
		memcpy(request->address.address, about.source, IPV4_BYTES);
	else
		memcpy(request->address.address, about.address, IPV4_BYTES);
	return 0;
}

static int ifreq_get(const struct net_device *device, const char *label, u32 command,
		     struct user_ifreq *request)
{
	switch (command) {
	case SIOCGIFFLAGS: request->flags = (u16)net_device_flags(device); break;
	case SIOCGIFMETRIC: request->number = 0; break;
	case SIOCGIFMTU: request->number = (s32)device->mtu; break;
	case SIOCGIFINDEX: request->number = (s32)device->index; break;
	case SIOCGIFTXQLEN: request->number = (s32)device->tx_queue_length; break;
	case SIOCGIFMAP: memset(request->map, 0, sizeof(request->map)); break;
	case SIOCETHTOOL: return -EOPNOTSUPP; /* tcpdump goes on then */
	case SIOCGIFHWADDR:
		memset(&request->hardware, 0, sizeof(request->hardware));
		request->hardware.family = device->type;
		memcpy(request->hardware.bytes, device->address, BANOS_NET_ADDRESS);
		break;
	default: return ifreq_get_address(device, label, command, request);
	}
	return 0;
}

/* Setting a label down removes its address. */
static int ifreq_set_flags(struct net_device *device, const char *label, u32 flags)
{
	struct banos_net_setting about;

	if (*label && !address_find(device->index, label, &about))
		return -EADDRNOTAVAIL;
	if (*label && flags & IFF_UP)
		return 0;
	if (*label)
		return net_setting_remove(&about);
	net_device_set_flags(device, 0xffff, flags);
	return net_device_set_up(device, flags & IFF_UP);
}

static int ifreq_set(struct net_device *device, const char *label, u32 command,
		     struct user_ifreq *request)
{
	switch (command) {
	case SIOCSIFFLAGS: return ifreq_set_flags(device, label, request->flags);
	case SIOCSIFMTU:
		if (request->number < 0)
			return -EINVAL;
		return net_device_set_mtu(device, (u32)request->number);
	case SIOCSIFNAME:
		if (device->flags & IFF_UP)
			return -EBUSY;
		return net_device_rename(device, request->new_name);
	case SIOCSIFHWADDR:
		if (request->hardware.family != device->type)
			return -EINVAL;
		return net_device_set_address(device, request->hardware.bytes);
	case SIOCSIFTXQLEN:
		if (request->number < 0 || request->number > QUEUE_MOST)
			return -EINVAL;
		WRITE_ONCE(device->tx_queue_length, (u32)request->number);
		return 0;
	}
	if (request->address.family != FAMILY_IPV4)
		return -EAFNOSUPPORT;
	if (command == SIOCSIFADDR)
		return interface_set_address(device, label, request->address.address);
	if (command == SIOCSIFNETMASK)
		return interface_set_mask(device, label, request->address.address);
	return interface_set_broadcast(device, label, request->address.address);
}

/* A label "eth0:1" names the interface. */
static struct net_device *ifreq_device(const struct user_ifreq *request, u32 command)
{
	char name[IFNAMSIZ], *colon;
	struct net_device *device;

	assert_net_list_held();
	if (command == SIOCGIFNAME) {
		device = net_device_find((u32)request->number);
	} else {
		strscpy(name, request->name, sizeof(name));
		colon = strchr(name, ':');
		if (colon)
			*colon = 0;
		device = net_device_find_name(name);
	}
	if (device && !device->published)
		return NULL;
	return device;
}

static s64 ioctl_interface(u32 command, u64 argument, bool sets)
{
	struct mutex *lock = &net_list_lock;
	char label[IFNAMSIZ] = "";
	struct user_ifreq request;
	struct net_device *device;
	s64 err;

	if (copy_from_user(&request, uaddr(argument), sizeof(request)))
		return -EFAULT;
	request.name[IFNAMSIZ - 1] = 0;
	if (sets)
		lock = &net_lock;
	if (strchr(request.name, ':'))
		strscpy(label, request.name, sizeof(label));
	mutex_lock(lock);
	device = ifreq_device(&request, command);
	if (!device)
		err = -ENODEV;
	else if (sets)
		err = ifreq_set(device, label, command, &request);
	else if (command == SIOCGIFNAME)
		err = strscpy(request.name, device->name, sizeof(request.name)) < 0;
	else
		err = ifreq_get(device, label, command, &request);
	mutex_unlock(lock);
	if (!err && !sets && copy_to_user(uaddr(argument), &request, sizeof(request)))
		err = -EFAULT;
	return err;
}

/* ---- all interfaces ---- */

struct conf_list {
	struct user_ifreq *entries;
	u32 count, max;
};
#define CONF_MAX 16u

static bool conf_add(const struct net_setting *setting, void *arg)
{
	const struct net_device *device;
	struct conf_list *list = arg;
	struct user_ifreq *entry = &list->entries[list->count];

	if (setting->about.kind != BANOS_SETTING_ADDRESS || setting->about.family != FAMILY_IPV4)
		return true;
	device = net_device_find(setting->about.interface);
	if (!device)
		return true;
	strscpy(entry->name, setting->label[0] ? setting->label : device->name,
		sizeof(entry->name));
	entry->address.family = FAMILY_IPV4;
	memcpy(entry->address.address, setting->about.address, IPV4_BYTES);
	return ++list->count < list->max;
}

static s64 ioctl_list(u64 argument)
{
	struct user_ifreq entries[CONF_MAX] = { 0 };
	struct conf_list list = { entries, 0, CONF_MAX };
	struct user_ifconf conf;
	u32 bytes;

	if (copy_from_user(&conf, uaddr(argument), sizeof(conf)))
		return -EFAULT;
	mutex_lock(&net_list_lock);
	net_settings_each(conf_add, &list);
	mutex_unlock(&net_list_lock);
	bytes = list.count * sizeof(*entries);
	if (conf.buffer) {
		if (conf.length < 0)
			return -EINVAL;
		bytes = MIN(bytes, (u32)conf.length / sizeof(*entries) * sizeof(*entries));
		if (copy_to_user(uaddr(conf.buffer), entries, bytes))
			return -EFAULT;
	}
	conf.length = (s32)bytes;
	if (copy_to_user(uaddr(argument), &conf, sizeof(conf)))
		return -EFAULT;
	return 0;
}

/* ---- routes ---- */

/* Whose network has an address. */
struct gateway_search {
	const u8 *address;
	u32 interface;
};

static bool old_gateway_look(const struct net_setting *setting, void *arg)
{
	struct gateway_search *search = arg;
	u8 mask[IPV4_BYTES];

	if (setting->about.kind != BANOS_SETTING_ADDRESS || setting->about.family != FAMILY_IPV4)
		return true;
	mask_make(mask, setting->about.prefix);
	for (u32 i = 0; i < IPV4_BYTES; i++)
		if ((setting->about.address[i] ^ search->address[i]) & mask[i])
			return true;
	search->interface = setting->about.interface;
	return false;
}

static int old_route_take(struct banos_net_setting *about, const struct user_rtentry *entry)
{
	u8 mask[IPV4_BYTES];

	*about = (struct banos_net_setting){
		.size = sizeof(*about),
		.kind = BANOS_SETTING_ROUTE,
		.family = FAMILY_IPV4,
		.prefix = 32,
		.table = TABLE_MAIN,
		.type = BANOS_ROUTE_UNICAST,
		.protocol = BY_BOOT,
		.mtu = (u32)entry->mtu,
	};
	if (entry->destination.family && entry->destination.family != FAMILY_IPV4)
		return -EAFNOSUPPORT;
	memcpy(about->address, entry->destination.address, IPV4_BYTES);
	if (!(entry->flags & RTF_HOST))
		about->prefix = mask_prefix(entry->mask.address);
	if (about->prefix > 32)
		return -EINVAL;
	mask_make(mask, about->prefix);
	for (u32 i = 0; i < IPV4_BYTES; i++)
		if (about->address[i] & (u8)~mask[i])
			return -EINVAL;
	if (entry->flags & RTF_GATEWAY)
		memcpy(about->other, entry->gateway.address, IPV4_BYTES);
	else
		about->scope = SCOPE_LINK;
	if (entry->flags & RTF_REJECT)
		about->type = BANOS_ROUTE_UNREACHABLE;
	if (entry->metric > 0)
		about->metric = (u32)entry->metric - 1;
	return 0;
}

static int route_choose_interface(struct banos_net_setting *about, const char *name)
{
	struct gateway_search search = { about->other, 0 };
	const struct net_device *device;

	assert_held(&net_lock);
	if (*name) {
		device = net_device_find_name(name);
		if (!device)
			return -ENODEV;
		about->interface = device->index;
		return 0;
	}
	if (about->type == BANOS_ROUTE_UNREACHABLE)
		return 0;
	net_settings_each(old_gateway_look, &search);
	about->interface = search.interface;
	if (search.interface)
		return 0;
	return -ENETUNREACH;
}

/* The route that is to be removed; what was not said is any. */
struct route_search {
	struct banos_net_setting wanted;
	bool any_interface, any_gateway, found;
};

static bool old_route_look(const struct net_setting *setting, void *arg)
{
	struct route_search *search = arg;
	const struct banos_net_setting *wanted = &search->wanted, *about = &setting->about;

	if (about->kind != BANOS_SETTING_ROUTE || about->family != wanted->family ||
	    about->prefix != wanted->prefix ||
	    memcmp(about->address, wanted->address, sizeof(about->address)))
		return true;
	if (!search->any_interface && about->interface != wanted->interface)
		return true;
	if (!search->any_gateway && memcmp(about->other, wanted->other, sizeof(about->other)))
		return true;
	if (wanted->metric && about->metric != wanted->metric)
		return true;
	search->wanted = *about;
	search->found = true;
	return false;
}

static int route_remove(const struct user_rtentry *entry, const struct banos_net_setting *about,
			const char *name)
{
	struct route_search search = {
		.wanted = *about,
		.any_interface = !*name,
		.any_gateway = !(entry->flags & RTF_GATEWAY),
	};
	int err = 0;

	if (*name)
		err = route_choose_interface(&search.wanted, name);
	if (err)
		return err;
	net_settings_each(old_route_look, &search);
	if (!search.found)
		return -ESRCH;
	return net_setting_remove(&search.wanted);
}

static s64 ioctl_route(u32 command, u64 argument)
{
	struct banos_net_setting about;
	struct user_rtentry entry;
	char name[IFNAMSIZ] = "";
	s64 err;

	if (copy_from_user(&entry, uaddr(argument), sizeof(entry)))
		return -EFAULT;
	if (entry.device && strncpy_from_user(name, uaddr(entry.device), sizeof(name)) < 0)
		return -EFAULT;
	name[IFNAMSIZ - 1] = 0;
	err = old_route_take(&about, &entry);
	if (err)
		return err;
	mutex_lock(&net_lock);
	if (command == SIOCDELRT) {
		err = route_remove(&entry, &about, name);
	} else {
		err = route_choose_interface(&about, name);
		if (!err)
			err = net_setting_add(&about, NULL, false);
	}
	mutex_unlock(&net_lock);
	return err;
}

/* Addresses are structs of their own on a socket of AF_INET6. */
static s64 ioctl_set(u32 family, u32 command, u64 argument)
{
	bool six = family == BANOS_FAMILY_IPV6;

	if (!current_capable(CAP_NET_ADMIN))
		return -EPERM;
	switch (command) {
	case SIOCSARP:
	case SIOCDARP: return net_ioctl_arp(command, argument);
	case SIOCADDRT:
	case SIOCDELRT:
		if (six)
			return -EOPNOTSUPP;
		return ioctl_route(command, argument);
	case SIOCDIFADDR:
		if (!six)
			return -EINVAL;
		return net_ioctl_address6(command, argument);
	case SIOCSIFADDR:
		if (six)
			return net_ioctl_address6(command, argument);
		break;
	}
	return ioctl_interface(command, argument, true);
}

s64 net_ioctl(u32 family, u32 command, u64 argument)
{
	switch (command) {
	case SIOCGIFCONF: return ioctl_list(argument);
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCGIFMAP:
	case SIOCETHTOOL: return ioctl_interface(command, argument, false);
	case SIOCGARP: return net_ioctl_arp(command, argument);
	case SIOCADDRT:
	case SIOCDELRT:
	case SIOCDARP:
	case SIOCSARP:
	case SIOCDIFADDR:
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFBRDADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFMTU:
	case SIOCSIFNAME:
	case SIOCSIFHWADDR:
	case SIOCSIFTXQLEN: return ioctl_set(family, command, argument);
	}
	return -ENOTTY;
}
