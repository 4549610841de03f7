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

#define FAMILY_IPV4 2u
#define FAMILY_IPV6 10u
#define TABLE_MAIN  254u
#define TABLE_LOCAL 255u
#define IPV6_METRIC 1024u

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

static int netlink_link_get(const struct user_ifinfomsg *info,
			    const struct netlink_attributes *found, struct netlink_reply *reply)
{
	const struct net_device *device = netlink_link_find(info, found);

	if (!device)
		return -ENODEV;
	route_link_tell(reply, device, RTM_NEWLINK, 0);
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
	if (length != route_family_bytes(family))
		return -EINVAL;
	memcpy(to, from, length);
	return 0;
}

/* struct ifa_cacheinfo: preferred, valid, in seconds */
static int address_take_times(const struct netlink_attributes *found,
			      struct banos_net_setting *about)
{
	u32 times[2];

	if (!found->at[IFA_CACHEINFO])
		return 0;
	if (found->length[IFA_CACHEINFO] < sizeof(times))
		return -EINVAL;
	memcpy(times, found->at[IFA_CACHEINFO], sizeof(times));
	if (!times[1] || times[0] > times[1])
		return -EINVAL;
	if (!times[0])
		about->flags |= IFA_F_DEPRECATED;
	else if (times[0] != ~0u)
		about->preferred_s = times[0];
	if (times[1] == ~0u)
		return 0;
	about->valid_s = times[1];
	about->flags &= ~IFA_F_PERMANENT;
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
		.flags = (netlink_number(found, IFA_FLAGS, info->flags) & IFA_F_SETTABLE) |
			 IFA_F_PERMANENT,
	};
	const struct net_device *device = net_device_find(info->index);
	char label[IFNAMSIZ] = "";
	int err;

	if (info->family != FAMILY_IPV4 && info->family != FAMILY_IPV6)
		return -EAFNOSUPPORT;
	if (!found->at[local] || info->prefix > route_family_bytes(info->family) * 8)
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
	if (!err && !device)
		err = -ENODEV;
	if (err)
		return err;
	if (type == RTM_DELADDR)
		return net_setting_remove(&about);
	err = address_take_times(found, &about);
	if (err)
		return err;
	if (found->at[IFA_LABEL])
		memcpy(label, found->at[IFA_LABEL], MIN(found->length[IFA_LABEL], IFNAMSIZ - 1u));
	if (!strcmp(label, device->name))
		label[0] = 0;
	return net_setting_add(&about, label, flags & NLM_F_REPLACE);
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
	if (info->prefix > route_family_bytes(info->family) * 8)
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
	bool metric_counts, removes;
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

/* Linux's key: destination, metric (with metric_counts), table; of a removal also what else was said. */
static bool route_look(const struct net_setting *setting, void *arg)
{
	struct route_search *search = arg;
	const struct banos_net_setting *wanted = search->wanted, *about = &setting->about;

	if (about->kind != BANOS_SETTING_ROUTE || about->family != wanted->family ||
	    about->prefix != wanted->prefix || about->table != wanted->table ||
	    memcmp(about->address, wanted->address, sizeof(about->address)))
		return true;
	if (search->metric_counts && about->metric != wanted->metric)
		return true;
	if (search->removes && ((wanted->interface && about->interface != wanted->interface) ||
				(wanted->type && about->type != wanted->type) ||
				(wanted->protocol && about->protocol != wanted->protocol) ||
				(!route_is_zero(wanted->other, sizeof(wanted->other)) &&
				 memcmp(about->other, wanted->other, sizeof(about->other)))))
		return true;
	search->about = *about;
	search->found = true;
	return false;
}

static int netlink_route_remove(const struct banos_net_setting *about, bool has_metric)
{
	struct route_search search = { .wanted = about,
				       .metric_counts = has_metric,
				       .removes = true };

	net_settings_each(route_look, &search);
	if (!search.found)
		return -ESRCH;
	return net_setting_remove(&search.about);
}

/* @return 0; -ENETUNREACH: the gateway is in no network; -ENODEV */
static int route_find_interface(struct banos_net_setting *about)
{
	struct route_search search = { .wanted = about };
	bool has_gateway = !route_is_zero(about->other, sizeof(about->other));

	if (about->interface || (!has_gateway && about->type != BANOS_ROUTE_UNICAST))
		return 0;
	if (!has_gateway)
		return -ENODEV;
	net_settings_each(gateway_look, &search);
	if (!search.found)
		return -ENETUNREACH;
	about->interface = search.about.interface;
	return 0;
}

static int netlink_route_add(struct banos_net_setting *about, u32 flags)
{
	struct route_search search = { .wanted = about, .metric_counts = true };
	int err = route_find_interface(about);

	if (err)
		return err;
	net_settings_each(route_look, &search);
	if (search.found && flags & NLM_F_EXCL)
		return -EEXIST;
	if (!search.found && !(flags & NLM_F_CREATE))
		return -ENOENT;
	err = net_setting_add(about, NULL, flags & NLM_F_REPLACE);
	if (err || !search.found || !(flags & NLM_F_REPLACE))
		return err;
	/* The one that it replaces, unless it is the very same. */
	if (search.about.interface != about->interface ||
	    memcmp(search.about.other, about->other, sizeof(about->other)))
		(void)net_setting_remove(&search.about);
	return 0;
}

static int route_change(u32 type, u32 flags, const struct user_rtmsg *info,
			const struct netlink_attributes *found)
{
	struct banos_net_setting about;
	int err = route_take(info, found, &about);

	if (err)
		return err;
	if (type == RTM_DELROUTE)
		return netlink_route_remove(&about, found->at[RTA_PRIORITY]);
	if (info->tos)
		return -EOPNOTSUPP; /* nobody could follow it */
	return netlink_route_add(&about, flags);
}

/* ---- the way to a destination ---- */

struct way_search {
	const struct banos_net_setting *wanted; /* its address and interface */
	struct net_setting best, source;
	bool found, own, has_source;
};

static bool way_is_usable(const struct banos_net_setting *route)
{
	const struct net_device *device = net_device_find(route->interface);

	return route->type != BANOS_ROUTE_UNICAST ||
	       (device && net_device_flags(device) & IFF_RUNNING);
}

static bool way_look(const struct net_setting *setting, void *arg)
{
	struct way_search *search = arg;
	const struct banos_net_setting *about = &setting->about, *best = &search->best.about;

	if (about->family != search->wanted->family)
		return true;
	if (about->kind == BANOS_SETTING_ADDRESS &&
	    !memcmp(about->address, search->wanted->address, sizeof(about->address)))
		search->own = true;
	if (about->kind != BANOS_SETTING_ROUTE || !address_is_in(search->wanted->address, about) ||
	    (search->wanted->interface && about->interface != search->wanted->interface) ||
	    !way_is_usable(about))
		return true;
	if (search->found && (best->prefix > about->prefix ||
			      (best->prefix == about->prefix && best->metric <= about->metric)))
		return true;
	search->best = *setting;
	search->found = true;
	return true;
}

/* An address of the interface by which it goes; the one in the gateway's network, if there is one. */
static bool source_look(const struct net_setting *setting, void *arg)
{
	struct way_search *search = arg;
	const struct banos_net_setting *about = &setting->about, *route = &search->best.about;
	const u8 *next = route_is_zero(route->other, sizeof(route->other)) ? route->address
									   : route->other;

	if (about->kind != BANOS_SETTING_ADDRESS || about->family != route->family ||
	    about->interface != route->interface)
		return true;
	if (!search->has_source || address_is_in(next, about))
		search->source = *setting;
	search->has_source = true;
	return true;
}

static void way_be_local(struct way_search *search)
{
	const struct net_device *device = net_device_find_name("lo");

	search->best.about = *search->wanted;
	search->best.about.type = BANOS_ROUTE_LOCAL;
	search->best.about.table = TABLE_LOCAL;
	if (device)
		search->best.about.interface = device->index;
	memcpy(search->best.about.source, search->wanted->address,
	       sizeof(search->best.about.source));
}

static int route_get(const struct user_rtmsg *info, const struct netlink_attributes *found,
		     struct netlink_reply *reply)
{
	struct banos_net_setting wanted;
	struct way_search search = { .wanted = &wanted };
	struct banos_net_setting *way = &search.best.about;
	int err = route_take(info, found, &wanted);

	if (err)
		return err;
	if (!found->at[RTA_DST])
		return -EINVAL;
	net_settings_each(way_look, &search);
	if (search.own)
		way_be_local(&search);
	else if (!search.found)
		return -ENETUNREACH;
	else if (way->type == BANOS_ROUTE_UNREACHABLE)
		return -EHOSTUNREACH;
	else if (way->type == BANOS_ROUTE_PROHIBIT)
		return -EACCES;
	else if (way->type == BANOS_ROUTE_BLACKHOLE)
		return -EINVAL;
	if (route_is_zero(way->source, sizeof(way->source))) {
		net_settings_each(source_look, &search);
		memcpy(way->source, search.source.about.address, sizeof(way->source));
	}
	memcpy(way->address, wanted.address, sizeof(way->address));
	way->prefix = route_family_bytes(wanted.family) * 8;
	way->scope = way->protocol = way->metric = 0;
	way->flags = RTM_F_CLONED;
	route_setting_tell(reply, &search.best, BANOS_SETTING_ADD, 0);
	return 0;
}

/* ---- neighbours ---- */

struct neighbour_search {
	const struct banos_net_setting *wanted;
	bool found;
};

static bool neighbour_look(const struct net_setting *setting, void *arg)
{
	struct neighbour_search *search = arg;
	const struct banos_net_setting *about = &setting->about;

	search->found = about->kind == BANOS_SETTING_NEIGHBOUR &&
			about->family == search->wanted->family &&
			about->interface == search->wanted->interface &&
			!memcmp(about->address, search->wanted->address, sizeof(about->address));
	return !search->found;
}

static int neighbour_take(const struct user_ndmsg *info, const struct netlink_attributes *found,
			  struct banos_net_setting *about)
{
	const struct net_device *device = net_device_find((u32)info->index);

	*about = (struct banos_net_setting){
		.size = sizeof(*about),
		.kind = BANOS_SETTING_NEIGHBOUR,
		.family = info->family,
		.interface = (u32)info->index,
		.type = info->state,
		.flags = info->flags,
	};
	if (info->family != FAMILY_IPV4 && info->family != FAMILY_IPV6)
		return -EAFNOSUPPORT;
	if (info->flags & NTF_PROXY)
		return -EOPNOTSUPP;
	if (!found->at[NDA_DST])
		return -EINVAL;
	if (!info->index)
		return -EINVAL;
	if (!device || !device->published)
		return -ENODEV;
	return address_take(found->at[NDA_DST], found->length[NDA_DST], info->family,
			    about->address);
}

static int netlink_neighbour_change(u32 type, u32 flags, const struct user_ndmsg *info,
				    const struct netlink_attributes *found)
{
	struct banos_net_setting about;
	struct neighbour_search search = { .wanted = &about };
	int err = neighbour_take(info, found, &about);

	if (err)
		return err;
	net_settings_each(neighbour_look, &search);
	if (type == RTM_DELNEIGH && !search.found)
		return -ENOENT;
	if (type == RTM_DELNEIGH)
		return net_setting_remove(&about);
	if (search.found && flags & NLM_F_EXCL)
		return -EEXIST;
	if (!search.found && !(flags & NLM_F_CREATE))
		return -ENOENT;
	if (!found->at[NDA_LLADDR] || found->length[NDA_LLADDR] != BANOS_NET_ADDRESS ||
	    !(info->state & NUD_KNOWN))
		return -EINVAL;
	memcpy(about.hardware, found->at[NDA_LLADDR], BANOS_NET_ADDRESS);
	return net_setting_add(&about, NULL, true);
}

/* ---- messages ---- */

bool route_link_only_reads(u32 type)
{
	return type % 4 == RTM_GETLINK % 4;
}

bool route_link_lists(u32 type)
{
	return type == RTM_GETLINK || type == RTM_GETADDR || type == RTM_GETROUTE ||
	       type == RTM_GETNEIGH;
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
	case RTM_DELROUTE:
	case RTM_GETROUTE: return sizeof(struct user_rtmsg);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH: return sizeof(struct user_ndmsg);
	}
	return 0;
}

int route_link_handle(const struct user_nlmsghdr *header, const u8 *body, u32 length,
		      struct netlink_reply *reply)
{
	u32 fixed = message_bytes(header->type);
	struct netlink_attributes found;
	union {
		struct user_ifinfomsg link;
		struct user_ifaddrmsg address;
		struct user_rtmsg route;
		struct user_ndmsg neighbour;
	} info = { 0 };
	int err;

	assert_net_list_held();
	if (!fixed)
		return -EOPNOTSUPP;
	if (length < fixed)
		return -EINVAL;
	memcpy(&info, body, fixed);
	err = netlink_parse(body + fixed, length - fixed, &found);
	if (err)
		return err;
	switch (header->type) {
	case RTM_GETLINK: return netlink_link_get(&info.link, &found, reply);
	case RTM_GETROUTE: return route_get(&info.route, &found, reply);
	case RTM_NEWADDR:
	case RTM_DELADDR: return address_change(header->type, header->flags, &info.address, &found);
	case RTM_NEWROUTE:
	case RTM_DELROUTE: return route_change(header->type, header->flags, &info.route, &found);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return netlink_neighbour_change(header->type, header->flags, &info.neighbour,
						&found);
	}
	return link_set(&info.link, &found);
}
