// SPDX-License-Identifier: MIT
/*
 * Route netlink: messages that tell interfaces, addresses, routes and neighbours: answers, lists, and what groups are told when
 * something changes.
 *
 * A list is made in pieces, as the program reads them: a piece begins behind as many entries as were told, or
 * behind the last interface. What changes in between may be missed, as on Linux.
 */
#include "netlink.h"
#include "internal.h"
#include <kernel/rcu.h>
#include <kernel/string.h>
#include <uapi/net.h>
#include <uapi/times.h>

#define FAMILY_IPV4   2u
#define FAMILY_IPV6   10u
#define STATE_UP      6u
#define STATE_DOWN    2u
#define STATE_UNKNOWN 0u
#define TICKS_MOST    0x7fffffffu
#define PIECE_BYTES \
	7680u /* of a list, so that a message more fits into what programs have room for */

bool route_is_zero(const u8 *bytes, u32 length)
{
	while (length && !*bytes) {
		bytes++;
		length--;
	}
	return !length;
}

/* ---- telling ---- */

static u32 link_state(const struct net_device *device)
{
	if (device->flags & IFF_LOOPBACK)
		return STATE_UNKNOWN;
	if (net_device_flags(device) & IFF_RUNNING)
		return STATE_UP;
	return STATE_DOWN;
}

static void link_put_counts(struct netlink_reply *reply, const struct net_device *device)
{
	struct net_counts rx, tx;
	u64 counts[24] = { 0 };
	u32 narrow[24];

	net_device_sum(device, &rx, &tx);
	counts[0] = rx.packets;
	counts[1] = tx.packets;
	counts[2] = rx.bytes;
	counts[3] = tx.bytes;
	counts[4] = rx.errors;
	counts[5] = tx.errors;
	counts[6] = rx.dropped;
	counts[7] = tx.dropped;
	for (u32 i = 0; i < ARRAY_SIZE(counts); i++)
		narrow[i] = (u32)counts[i];
	netlink_put(reply, IFLA_STATS, narrow, sizeof(narrow));
	netlink_put(reply, IFLA_STATS64, counts, sizeof(counts));
}

void route_link_tell(struct netlink_reply *reply, const struct net_device *device, u32 type,
		     u32 flags)
{
	static const u8 all[BANOS_NET_ADDRESS] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	u8 state = link_state(device);
	struct user_ifinfomsg *info;
	u32 start;

	info = netlink_begin(reply, type, flags, sizeof(*info), &start);
	if (!info)
		return;
	info->type = device->type;
	info->index = (s32)device->index;
	info->flags = net_device_flags(device);
	netlink_put(reply, IFLA_IFNAME, device->name, strlen(device->name) + 1);
	netlink_put_number(reply, IFLA_TXQLEN, device->tx_queue_length);
	netlink_put(reply, IFLA_OPERSTATE, &state, sizeof(state));
	netlink_put_number(reply, IFLA_MTU, device->mtu);
	netlink_put(reply, IFLA_ADDRESS, device->address, BANOS_NET_ADDRESS);
	netlink_put(reply, IFLA_BROADCAST, device->flags & IFF_LOOPBACK ? device->address : all,
		    BANOS_NET_ADDRESS);
	link_put_counts(reply, device);
	netlink_end(reply, start);
}

static u32 seconds_or_ever(u32 seconds)
{
	if (seconds)
		return seconds;
	return ~0u;
}

static void address_put_times(struct netlink_reply *reply, const struct net_setting *setting)
{
	const struct banos_net_setting now = net_setting_now(setting);
	u32 times[] = { seconds_or_ever(now.preferred_s), seconds_or_ever(now.valid_s), 0, 0 };

	if (now.flags & IFA_F_DEPRECATED)
		times[0] = 0;
	netlink_put(reply, IFA_CACHEINFO, times, sizeof(times));
}

static void address_tell(struct netlink_reply *reply, const struct net_setting *setting, u32 type,
			 u32 flags)
{
	const struct banos_net_setting *about = &setting->about;
	const struct net_device *device = net_device_find(about->interface);
	u32 bytes = route_family_bytes(about->family), start;
	bool has_peer = !route_is_zero(about->other, bytes);
	struct user_ifaddrmsg *info;

	info = netlink_begin(reply, type, flags, sizeof(*info), &start);
	if (!info)
		return;
	*info = (struct user_ifaddrmsg){ about->family, about->prefix, (u8)about->flags,
					 about->scope, about->interface };
	netlink_put(reply, IFA_ADDRESS, has_peer ? about->other : about->address, bytes);
	if (about->family == FAMILY_IPV4 || has_peer)
		netlink_put(reply, IFA_LOCAL, about->address, bytes);
	if (about->family == FAMILY_IPV4 && !route_is_zero(about->source, bytes))
		netlink_put(reply, IFA_BROADCAST, about->source, bytes);
	if (about->family == FAMILY_IPV4 && setting->label[0])
		netlink_put(reply, IFA_LABEL, setting->label, strlen(setting->label) + 1);
	else if (about->family == FAMILY_IPV4 && device)
		netlink_put(reply, IFA_LABEL, device->name, strlen(device->name) + 1);
	netlink_put_number(reply, IFA_FLAGS, about->flags);
	address_put_times(reply, setting);
	netlink_end(reply, start);
}

/* struct rta_cacheinfo: only when it ends; in ticks. */
static void route_put_times(struct netlink_reply *reply, const struct net_setting *setting)
{
	u32 times[8] = { 0 };
	u8 medium = 0;

	times[2] = MIN(net_setting_now(setting).valid_s, TICKS_MOST / USER_HZ) * USER_HZ;
	if (times[2])
		netlink_put(reply, RTA_CACHEINFO, times, sizeof(times));
	if (setting->about.family == FAMILY_IPV6)
		netlink_put(reply, RTA_PREF, &medium, sizeof(medium));
}

static void route_tell(struct netlink_reply *reply, const struct net_setting *setting, u32 type,
		       u32 flags)
{
	const struct banos_net_setting *about = &setting->about;
	u32 bytes = route_family_bytes(about->family), start;
	struct user_rtmsg *info;

	info = netlink_begin(reply, type, flags, sizeof(*info), &start);
	if (!info)
		return;
	*info = (struct user_rtmsg){ .family = about->family,
				     .prefix = about->prefix,
				     .table = MIN(about->table, 255u),
				     .protocol = about->protocol,
				     .scope = about->scope,
				     .type = about->type,
				     .flags = about->flags };
	netlink_put_number(reply, RTA_TABLE, about->table);
	if (about->prefix)
		netlink_put(reply, RTA_DST, about->address, bytes);
	if (!route_is_zero(about->other, bytes))
		netlink_put(reply, RTA_GATEWAY, about->other, bytes);
	if (!route_is_zero(about->source, bytes))
		netlink_put(reply, RTA_PREFSRC, about->source, bytes);
	if (about->metric)
		netlink_put_number(reply, RTA_PRIORITY, about->metric);
	if (about->interface)
		netlink_put_number(reply, RTA_OIF, about->interface);
	route_put_times(reply, setting);
	netlink_end(reply, start);
}

static void neighbour_tell(struct netlink_reply *reply, const struct banos_net_setting *about,
			   u32 type, u32 flags)
{
	struct user_ndmsg *info;
	u32 start;

	info = netlink_begin(reply, type, flags, sizeof(*info), &start);
	if (!info)
		return;
	info->family = about->family;
	info->index = (s32)about->interface;
	info->state = (u16)about->type;
	info->flags = (u8)about->flags;
	info->type = BANOS_ROUTE_UNICAST;
	netlink_put(reply, NDA_DST, about->address, route_family_bytes(about->family));
	if (about->type & ~(NUD_INCOMPLETE | NUD_FAILED))
		netlink_put(reply, NDA_LLADDR, about->hardware, BANOS_NET_ADDRESS);
	netlink_end(reply, start);
}

void route_setting_tell(struct netlink_reply *reply, const struct net_setting *setting, u32 event,
			u32 flags)
{
	const struct banos_net_setting *about = &setting->about;
	u32 removed = event == BANOS_SETTING_REMOVE;

	if (about->kind == BANOS_SETTING_ADDRESS)
		address_tell(reply, setting, RTM_NEWADDR + removed, flags);
	else if (about->kind == BANOS_SETTING_ROUTE)
		route_tell(reply, setting, RTM_NEWROUTE + removed, flags);
	else
		neighbour_tell(reply, about, RTM_NEWNEIGH + removed, flags);
}

/* ---- lists ---- */

struct setting_list {
	struct netlink_dump *dump;
	struct netlink_reply *reply;
	u32 kind, number;
	bool full;
};

static bool setting_list_tell(const struct net_setting *setting, void *arg)
{
	const struct banos_net_setting *about = &setting->about;
	struct setting_list *list = arg;

	if (about->kind != list->kind ||
	    (list->dump->family && about->family != list->dump->family) ||
	    list->number++ < list->dump->position)
		return true;
	list->full = list->reply->used >= PIECE_BYTES;
	if (list->full)
		return false;
	route_setting_tell(list->reply, setting, BANOS_SETTING_ADD, NLM_F_MULTI);
	list->dump->position++;
	return !list->reply->failed;
}

static bool settings_list(struct netlink_dump *dump, struct netlink_reply *reply, u32 kind)
{
	struct setting_list list = { dump, reply, kind, 0, false };

	if (!dump->family || dump->family == FAMILY_IPV4 || dump->family == FAMILY_IPV6)
		net_settings_each(setting_list_tell, &list);
	return !list.full;
}

static bool links_list(struct netlink_dump *dump, struct netlink_reply *reply)
{
	const struct net_device *device;

	list_for_each(device, &net_devices, link) {
		if (!device->published || device->index <= dump->position)
			continue;
		if (reply->used >= PIECE_BYTES)
			return false;
		route_link_tell(reply, device, RTM_NEWLINK, NLM_F_MULTI);
		dump->position = device->index;
	}
	return true;
}

bool route_link_list(struct netlink_dump *dump, struct netlink_reply *reply)
{
	assert_net_list_held();
	switch (dump->type) {
	case RTM_GETLINK: return links_list(dump, reply);
	case RTM_GETADDR: return settings_list(dump, reply, BANOS_SETTING_ADDRESS);
	case RTM_GETROUTE: return settings_list(dump, reply, BANOS_SETTING_ROUTE);
	}
	return settings_list(dump, reply, BANOS_SETTING_NEIGHBOUR);
}

/* ---- notifications ---- */

void net_link_changed(const struct net_device *device, u32 event)
{
	struct netlink_reply reply = { 0 };

	if (!netlink_has_listeners())
		return;
	route_link_tell(&reply, device,
			event == BANOS_INTERFACE_REMOVED ? RTM_DELLINK : RTM_NEWLINK, 0);
	netlink_publish(RTNLGRP_LINK, &reply);
}

static u32 setting_group(const struct banos_net_setting *about)
{
	static const u8 groups[][2] = {
		[BANOS_SETTING_ADDRESS] = { RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR },
		[BANOS_SETTING_ROUTE] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE },
		[BANOS_SETTING_NEIGHBOUR] = { RTNLGRP_NEIGH, RTNLGRP_NEIGH },
	};

	return groups[about->kind][about->family == FAMILY_IPV6];
}

void net_setting_changed(u32 event, const struct net_setting *setting)
{
	struct netlink_reply reply = { 0 };

	if (!netlink_has_listeners() || setting->about.kind == BANOS_SETTING_FORWARD)
		return;
	rcu_read_lock(); /* its interface */
	route_setting_tell(&reply, setting, event, 0);
	rcu_read_unlock();
	netlink_publish(setting_group(&setting->about), &reply);
}
