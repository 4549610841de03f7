// SPDX-License-Identifier: MIT
/*
 * Route netlink: what the messages of ip and others mean: interfaces, addresses, routes, neighbours.
 *
 * rtnetlink(7), RFC 3549, Linux 6.1. Nothing in a message is believed: lengths were checked by netlink.c, numbers are here.
 */
#include "netlink.h"
#include "internal.h"
#include <kernel/err.h>
#include <kernel/string.h>
#include <uapi/net.h>

#define FAMILY_IPV4   2u
#define FAMILY_IPV6   10u
#define TABLE_MAIN    254u
#define STATE_UP      6u
#define STATE_DOWN    2u
#define STATE_UNKNOWN 0u
#define IPV6_METRIC   1024u
#define PERMANENT     0x80u

static u32 family_bytes(u32 family)
{
	if (family == FAMILY_IPV4)
		return 4;
	return 16;
}

static bool is_zero(const u8 *bytes, u32 length)
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

static void link_tell(struct netlink_reply *reply, const struct net_device *device, u32 flags)
{
	static const u8 all[BANOS_NET_ADDRESS] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	u8 state = link_state(device);
	struct user_ifinfomsg *info;
	u32 start;

	info = netlink_begin(reply, RTM_NEWLINK, flags, sizeof(*info), &start);
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

static void address_tell(struct netlink_reply *reply, const struct banos_net_setting *about)
{
	const struct net_device *device = net_device_find(about->interface);
	u32 bytes = family_bytes(about->family), start;
	bool has_peer = !is_zero(about->other, bytes);
	struct user_ifaddrmsg *info;

	info = netlink_begin(reply, RTM_NEWADDR, NLM_F_MULTI, sizeof(*info), &start);
	if (!info)
		return;
	*info = (struct user_ifaddrmsg){ about->family, about->prefix, (u8)about->flags,
					 about->scope, about->interface };
	netlink_put(reply, IFA_ADDRESS, has_peer ? about->other : about->address, bytes);
	if (about->family == FAMILY_IPV4 || has_peer)
		netlink_put(reply, IFA_LOCAL, about->address, bytes);
	if (about->family == FAMILY_IPV4 && !is_zero(about->source, bytes))
		netlink_put(reply, IFA_BROADCAST, about->source, bytes);
	if (about->family == FAMILY_IPV4 && device)
		netlink_put(reply, IFA_LABEL, device->name, strlen(device->name) + 1);
	netlink_put_number(reply, IFA_FLAGS, about->flags);
	netlink_end(reply, start);
}

static void route_tell(struct netlink_reply *reply, const struct banos_net_setting *about)
{
	u32 bytes = family_bytes(about->family), start;
	struct user_rtmsg *info;

	info = netlink_begin(reply, RTM_NEWROUTE, NLM_F_MULTI, sizeof(*info), &start);
	if (!info)
		return;
	*info = (struct user_rtmsg){ .family = about->family,
				     .prefix = about->prefix,
				     .table = MIN(about->table, 255u),
				     .protocol = about->protocol,
				     .scope = about->scope,
				     .type = about->type };
	netlink_put_number(reply, RTA_TABLE, about->table);
	if (about->prefix)
		netlink_put(reply, RTA_DST, about->address, bytes);
	if (!is_zero(about->other, bytes))
		netlink_put(reply, RTA_GATEWAY, about->other, bytes);
	if (!is_zero(about->source, bytes))
		netlink_put(reply, RTA_PREFSRC, about->source, bytes);
	if (about->metric)
		netlink_put_number(reply, RTA_PRIORITY, about->metric);
	if (about->interface)
		netlink_put_number(reply, RTA_OIF, about->interface);
	netlink_end(reply, start);
}

static void neighbour_tell(struct netlink_reply *reply, const struct banos_net_setting *about)
{
	struct user_ndmsg *info;
	u32 start;

	info = netlink_begin(reply, RTM_NEWNEIGH, NLM_F_MULTI, sizeof(*info), &start);
	if (!info)
		return;
	info->family = about->family;
	info->index = (s32)about->interface;
	info->state = (u16)about->type;
	info->flags = (u8)about->flags;
	info->type = BANOS_ROUTE_UNICAST;
	netlink_put(reply, NDA_DST, about->address, family_bytes(about->family));
	netlink_put(reply, NDA_LLADDR, about->hardware, BANOS_NET_ADDRESS);
	netlink_end(reply, start);
}

/* ---- lists ---- */

struct link_list {
	struct netlink_reply *reply;
	u32 kind, family; /* family 0: all */
};

static bool setting_tell(const struct net_setting *setting, void *arg)
{
	const struct link_list *list = arg;
	const struct banos_net_setting *about = &setting->about;

	if (about->kind != list->kind || (list->family && about->family != list->family))
		return true;
	if (about->kind == BANOS_SETTING_ADDRESS)
		address_tell(list->reply, about);
	else if (about->kind == BANOS_SETTING_ROUTE)
		route_tell(list->reply, about);
	else
		neighbour_tell(list->reply, about);
	return !list->reply->failed;
}

static int settings_list(struct netlink_reply *reply, u32 kind, u32 family)
{
	struct link_list list = { reply, kind, family };

	if (family && family != FAMILY_IPV4 && family != FAMILY_IPV6)
		return 0;
	net_settings_each(setting_tell, &list);
	return 0;
}

static struct net_device *netlink_link_find(const struct user_ifinfomsg *info,
					    const struct netlink_attributes *found)
{
	struct net_device *device = NULL;
	char name[IFNAMSIZ] = "";

	if (info->index > 0) {
		device = net_device_find((u32)info->index);
	} else if (found->at[IFLA_IFNAME]) {
		memcpy(name, found->at[IFLA_IFNAME],
		       MIN(found->length[IFLA_IFNAME], IFNAMSIZ - 1u));
		device = net_device_find_name(name);
	}
	if (device && !device->published)
		return NULL;
	return device;
}

static int links_list(struct netlink_reply *reply)
{
	const struct net_device *device;

	list_for_each(device, &net_devices, link)
		if (device->published)
			link_tell(reply, device, NLM_F_MULTI);
	return 0;
}

static int netlink_link_get(const struct user_ifinfomsg *info,
			    const struct netlink_attributes *found, struct netlink_reply *reply)
{
	const struct net_device *device = netlink_link_find(info, found);

	if (!device)
		return -ENODEV;
	link_tell(reply, device, 0);
	return 0;
}

/* ---- changes ---- */

static int link_set(const struct user_ifinfomsg *info, const struct netlink_attributes *found)
{
	struct net_device *device = netlink_link_find(info, found);
	char name[IFNAMSIZ] = "";
	int err = 0;

	if (!device)
		return -ENODEV;
	if (found->at[IFLA_ADDRESS] && found->length[IFLA_ADDRESS] != BANOS_NET_ADDRESS)
		return -EINVAL;
	if (found->at[IFLA_ADDRESS])
		err = net_device_set_address(device, found->at[IFLA_ADDRESS]);
	if (!err && found->at[IFLA_MTU])
		err = net_device_set_mtu(device, netlink_number(found, IFLA_MTU, 0));
	if (!err && found->at[IFLA_IFNAME] && info->index > 0) {
		memcpy(name, found->at[IFLA_IFNAME],
		       MIN(found->length[IFLA_IFNAME], IFNAMSIZ - 1u));
		err = net_device_rename(device, name);
	}
	if (err)
		return err;
	net_device_set_flags(device, info->change, info->flags);
	if (info->change & IFF_UP)
		err = net_device_set_up(device, info->flags & IFF_UP);
	return err;
}

static int address_take(const u8 *from, u32 length, u32 family, u8 *to)
{
	if (length != family_bytes(family))
		return -EINVAL;
	memcpy(to, from, length);
	return 0;
}

static int address_change(u32 type, u32 flags, const struct user_ifaddrmsg *info,
			  const struct netlink_attributes *found)
{
	u32 local = found->at[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS;
	struct banos_net_setting about = {
		.size = sizeof(about),
		.kind = BANOS_SETTING_ADDRESS,
		.family = info->family,
		.interface = info->index,
		.prefix = info->prefix,
		.scope = info->scope,
		.flags = netlink_number(found, IFA_FLAGS, info->flags) | PERMANENT,
	};
	int err;

	if (info->family != FAMILY_IPV4 && info->family != FAMILY_IPV6)
		return -EAFNOSUPPORT;
	if (!found->at[local] || info->prefix > family_bytes(info->family) * 8)
		return -EINVAL;
	err = address_take(found->at[local], found->length[local], info->family, about.address);
	if (!err && local == IFA_LOCAL && found->at[IFA_ADDRESS])
		err = address_take(found->at[IFA_ADDRESS], found->length[IFA_ADDRESS], info->family,
				   about.other);
	if (!memcmp(about.other, about.address, sizeof(about.other)))
		memset(about.other, 0, sizeof(about.other));
	if (!err && found->at[IFA_BROADCAST])
		err = address_take(found->at[IFA_BROADCAST], found->length[IFA_BROADCAST],
				   info->family, about.source);
	if (err)
		return err;
	if (type == RTM_DELADDR)
		return net_setting_remove(&about);
	return net_setting_add(&about, flags & NLM_F_REPLACE);
}

static int route_take(const struct user_rtmsg *info, const struct netlink_attributes *found,
		      struct banos_net_setting *about)
{
	int err = 0;

	*about = (struct banos_net_setting){
		.size = sizeof(*about),
		.kind = BANOS_SETTING_ROUTE,
		.family = info->family,
		.interface = netlink_number(found, RTA_OIF, 0),
		.prefix = info->prefix,
		.metric = netlink_number(found, RTA_PRIORITY, 0),
		.table = netlink_number(found, RTA_TABLE, info->table),
		.scope = info->scope,
		.type = info->type,
		.protocol = info->protocol,
	};
	if (info->family != FAMILY_IPV4 && info->family != FAMILY_IPV6)
		return -EAFNOSUPPORT;
	if (info->prefix > family_bytes(info->family) * 8)
		return -EINVAL;
	if (!about->table)
		about->table = TABLE_MAIN;
	if (info->family == FAMILY_IPV6 && !about->metric)
		about->metric = IPV6_METRIC;
	if (found->at[RTA_DST])
		err = address_take(found->at[RTA_DST], found->length[RTA_DST], info->family,
				   about->address);
	if (!err && found->at[RTA_GATEWAY])
		err = address_take(found->at[RTA_GATEWAY], found->length[RTA_GATEWAY], info->family,
				   about->other);
	if (!err && found->at[RTA_PREFSRC])
		err = address_take(found->at[RTA_PREFSRC], found->length[RTA_PREFSRC], info->family,
				   about->source);
	return err;
}

static bool address_is_in(const u8 *address, const struct banos_net_setting *network)
{
	u32 whole = network->prefix / 8, rest = network->prefix % 8;

	if (memcmp(address, network->address, whole))
		return false;
	return !rest || !((address[whole] ^ network->address[whole]) >> (8 - rest));
}

/* The route that a removal means, or the interface by whose network a gateway is reached. */
struct route_search {
	const struct banos_net_setting *wanted;
	struct banos_net_setting about;
	bool found;
};

static bool gateway_look(const struct net_setting *setting, void *arg)
{
	struct route_search *search = arg;

	if (setting->about.kind != BANOS_SETTING_ADDRESS ||
	    setting->about.family != search->wanted->family ||
	    !address_is_in(search->wanted->other, &setting->about))
		return true;
	search->about = setting->about;
	search->found = true;
	return false;
}

static bool route_look(const struct net_setting *setting, void *arg)
{
	struct route_search *search = arg;
	const struct banos_net_setting *wanted = search->wanted, *about = &setting->about;

	if (about->kind != BANOS_SETTING_ROUTE || about->family != wanted->family ||
	    about->prefix != wanted->prefix || about->table != wanted->table ||
	    memcmp(about->address, wanted->address, sizeof(about->address)))
		return true;
	if (wanted->interface && about->interface != wanted->interface)
		return true;
	if (!is_zero(wanted->other, sizeof(wanted->other)) &&
	    memcmp(about->other, wanted->other, sizeof(about->other)))
		return true;
	search->about = *about;
	search->found = true;
	return false;
}

static int route_change(u32 type, u32 flags, const struct user_rtmsg *info,
			const struct netlink_attributes *found)
{
	struct banos_net_setting about;
	struct route_search search = { .wanted = &about };
	int err = route_take(info, found, &about);

	if (err)
		return err;
	if (type == RTM_DELROUTE) {
		net_settings_each(route_look, &search);
		return search.found ? net_setting_remove(&search.about) : -ESRCH;
	}
	if (!about.interface && !is_zero(about.other, sizeof(about.other))) {
		net_settings_each(gateway_look, &search);
		if (!search.found)
			return -ENETUNREACH;
		about.interface = search.about.interface;
	}
	if (!about.interface && about.type == BANOS_ROUTE_UNICAST)
		return -ENODEV;
	return net_setting_add(&about, flags & NLM_F_REPLACE);
}

/* ---- messages ---- */

bool route_link_only_reads(u32 type)
{
	return type % 4 == RTM_GETLINK % 4;
}

/* Bytes of the fixed part; 0: not known. */
static u32 message_bytes(u32 type)
{
	switch (type) {
	case RTM_NEWLINK:
	case RTM_SETLINK:
	case RTM_GETLINK: return sizeof(struct user_ifinfomsg);
	case RTM_NEWADDR:
	case RTM_DELADDR: return sizeof(struct user_ifaddrmsg);
	case RTM_NEWROUTE:
	case RTM_DELROUTE: return sizeof(struct user_rtmsg);
	case RTM_GETADDR:
	case RTM_GETROUTE:
	case RTM_GETNEIGH: return 1; /* of the family alone is asked */
	}
	return 0;
}

int route_link_handle(const struct user_nlmsghdr *header, const u8 *body, u32 length,
		      struct netlink_reply *reply)
{
	bool lists = (header->flags & NLM_F_DUMP) == NLM_F_DUMP;
	u32 fixed = message_bytes(header->type);
	struct netlink_attributes found;
	union {
		struct user_ifinfomsg link;
		struct user_ifaddrmsg address;
		struct user_rtmsg route;
		u8 family;
	} info = { 0 };
	int err;

	assert_held(&net_lock);
	if (!fixed)
		return -EOPNOTSUPP;
	if (header->type == RTM_GETLINK && lists)
		return links_list(reply);
	if (!lists && (header->type == RTM_GETADDR || header->type == RTM_GETROUTE ||
		       header->type == RTM_GETNEIGH))
		return -EOPNOTSUPP;
	if (length < fixed)
		return -EINVAL;
	memcpy(&info, body, fixed);
	switch (header->type) {
	case RTM_GETADDR: return settings_list(reply, BANOS_SETTING_ADDRESS, info.family);
	case RTM_GETROUTE: return settings_list(reply, BANOS_SETTING_ROUTE, info.family);
	case RTM_GETNEIGH: return settings_list(reply, BANOS_SETTING_NEIGHBOUR, info.family);
	}
	err = netlink_parse(body + fixed, length - fixed, &found);
	if (err)
		return err;
	switch (header->type) {
	case RTM_GETLINK: return netlink_link_get(&info.link, &found, reply);
	case RTM_NEWADDR:
	case RTM_DELADDR: return address_change(header->type, header->flags, &info.address, &found);
	case RTM_NEWROUTE:
	case RTM_DELROUTE: return route_change(header->type, header->flags, &info.route, &found);
	}
	return link_set(&info.link, &found);
}
