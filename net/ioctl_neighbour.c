// SPDX-License-Identifier: MIT
/* The ioctls by which arp shows and changes neighbours, and ifconfig and route IPv6 addresses and routes. arp(7), ipv6(7). */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/net.h>
#include <uapi/netlink.h>

#define IPV4_BYTES 4u
#define IPV6_BYTES 16u
#define IPV6_BITS  128u
#define SCOPE_LINK 253u
#define SCOPE_HOST 254u

/* ---- neighbours ---- */

/* The neighbour of an address, on one interface or (0) any; and the interface whose network the address is in. */
struct arp_search {
	const u8 *address;
	u32 interface, network_interface;
	struct banos_net_setting about;
	bool found;
};

static bool network_has(const struct banos_net_setting *network, const u8 *address)
{
	for (u32 i = 0; i < IPV4_BYTES; i++) {
		u32 bits = MIN(network->prefix - MIN(network->prefix, i * 8), 8u);

		if ((network->address[i] ^ address[i]) & (u8)(0xff00 >> bits))
			return false;
	}
	return true;
}

static bool arp_look(const struct net_setting *setting, void *arg)
{
	const struct banos_net_setting *about = &setting->about;
	struct arp_search *search = arg;

	if (about->family != BANOS_FAMILY_IPV4)
		return true;
	if (about->kind == BANOS_SETTING_ADDRESS && network_has(about, search->address))
		search->network_interface = about->interface;
	if (about->kind != BANOS_SETTING_NEIGHBOUR ||
	    (search->interface && about->interface != search->interface) ||
	    memcmp(about->address, search->address, IPV4_BYTES))
		return true;
	search->about = *about;
	search->found = true;
	return false;
}

static int arp_set(const struct user_arpreq *request, u32 interface)
{
	struct banos_net_setting about = {
		.size = sizeof(about),
		.kind = BANOS_SETTING_NEIGHBOUR,
		.family = BANOS_FAMILY_IPV4,
		.interface = interface,
		.type = request->flags & ATF_PERM ? NUD_PERMANENT : NUD_REACHABLE,
	};

	if (request->hardware.family != ARPHRD_ETHER)
		return -EINVAL;
	if (!interface)
		return -ENETUNREACH;
	memcpy(about.address, request->address.address, IPV4_BYTES);
	memcpy(about.hardware, request->hardware.bytes, BANOS_NET_ADDRESS);
	return net_setting_add(&about, NULL, true);
}

static int arp_get(struct user_arpreq *request, const struct banos_net_setting *about)
{
	const struct net_device *device = net_device_find(about->interface);

	request->flags = ATF_COM;
	if (about->type & NUD_PERMANENT)
		request->flags |= ATF_PERM;
	memset(&request->hardware, 0, sizeof(request->hardware));
	request->hardware.family = ARPHRD_ETHER;
	memcpy(request->hardware.bytes, about->hardware, BANOS_NET_ADDRESS);
	if (device)
		strscpy(request->device, device->name, sizeof(request->device));
	return 0;
}

static int arp_handle(u32 command, struct user_arpreq *request)
{
	struct arp_search search = { .address = request->address.address };
	const struct net_device *device;

	assert_net_list_held();
	if (request->device[0]) {
		device = net_device_find_name(request->device);
		if (!device || !device->published)
			return -ENODEV;
		search.interface = device->index;
	}
	net_settings_each(arp_look, &search);
	if (command == SIOCSARP)
		return arp_set(request, search.interface ?: search.network_interface);
	if (!search.found)
		return -ENXIO;
	if (command == SIOCDARP)
		return net_setting_remove(&search.about);
	return arp_get(request, &search.about);
}

s64 net_ioctl_arp(u32 command, u64 argument)
{
	struct mutex *lock = &net_lock;
	struct user_arpreq request;
	s64 err;

	if (copy_from_user(&request, uaddr(argument), sizeof(request)))
		return -EFAULT;
	if (request.address.family != BANOS_FAMILY_IPV4)
		return -EAFNOSUPPORT;
	if (command == SIOCGARP)
		lock = &net_list_lock;
	request.device[IFNAMSIZ - 1] = 0;
	mutex_lock(lock);
	err = arp_handle(command, &request);
	mutex_unlock(lock);
	if (!err && command == SIOCGARP && copy_to_user(uaddr(argument), &request, sizeof(request)))
		err = -EFAULT;
	return err;
}

/* ---- IPv6 addresses ---- */

static u32 ipv6_scope(const u8 *address)
{
	static const u8 own[IPV6_BYTES] = { [IPV6_BYTES - 1] = 1 };

	if (!memcmp(address, own, sizeof(own)))
		return SCOPE_HOST;
	if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80)
		return SCOPE_LINK;
	return 0;
}

s64 net_ioctl_address6(u32 command, u64 argument)
{
	struct banos_net_setting about = {
		.size = sizeof(about),
		.kind = BANOS_SETTING_ADDRESS,
		.family = BANOS_FAMILY_IPV6,
		.flags = 0x80, /* IFA_F_PERMANENT */
	};
	struct user_in6_ifreq request;
	const struct net_device *device;
	s64 err = -ENODEV;

	if (copy_from_user(&request, uaddr(argument), sizeof(request)))
		return -EFAULT;
	if (request.prefix > IPV6_BITS)
		return -EINVAL;
	about.interface = (u32)request.index;
	about.prefix = request.prefix;
	about.scope = ipv6_scope(request.address);
	memcpy(about.address, request.address, IPV6_BYTES);
	mutex_lock(&net_lock);
	device = net_device_find(about.interface);
	if (device && device->published && command == SIOCSIFADDR)
		err = net_setting_add(&about, NULL, false);
	else if (device && device->published)
		err = net_setting_remove(&about);
	mutex_unlock(&net_lock);
	return err;
}
