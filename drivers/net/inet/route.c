/* SPDX-License-Identifier: MIT */
/*
 * Addresses and routes, as the kernel tells them, and the way of a packet.
 *
 * The route with the longest prefix wins, then the least metric; without one, the network of an address. A packet
 * for an own address takes lo. lwIP asks by its hooks, under the lock.
 */
#include "inet.h"
#include <banos/time.h>
#include <lwip/etharp.h>
#include <lwip/ip6.h>
#include <lwip/nd6.h>

struct route {
	struct route *next;
	uint32_t interface, prefix, metric, family, type;
	bool learned; /* from a router, or by the last instance; not that of link-local addresses */
	uint64_t heard_ns;	    /* when it was announced last */
	uint8_t router[16];	    /* by whom; zeroes: not known any more */
	uint32_t to[4], gateway[4]; /* in network byte order */
	ip4_addr_t gateway4;
	ip6_addr_t gateway6;
};
static struct route *routes;

#define ROUTERS_MAX  4u	 /* default routers of an interface, by advertisements */
#define PREFIXES_MAX 12u /* and networks on its link */
#define BY_ROUTER    9u	 /* Linux's RTPROT_RA */
#define TABLE_MAIN   254u

static bool prefix_matches(const uint32_t *one, const uint32_t *other, uint32_t bits)
{
	uint32_t words = bits / 32, rest = bits % 32;

	if (memcmp(one, other, words * 4))
		return false;
	return !rest || !((lwip_ntohl(one[words]) ^ lwip_ntohl(other[words])) >> (32 - rest));
}

/* ---- what the kernel tells ---- */

static bool route_is(const struct route *route, const struct banos_net_setting *setting)
{
	return route->family == setting->family && route->interface == setting->interface &&
	       route->prefix == setting->prefix && route->metric == setting->metric &&
	       !memcmp(route->to, setting->address, 16) &&
	       !memcmp(route->gateway, setting->other, 16);
}

/* lwIP remembers by which neighbour a destination is reached. */
static void routes_changed(uint32_t family)
{
	if (family == BANOS_FAMILY_IPV6)
		nd6_clear_destination_cache();
}

static int64_t route_add(const struct banos_net_setting *setting)
{
	struct route *route = inet_memory_zeroes(1, sizeof(*route));

	if (!route)
		return -ENOMEM;
	route->family = setting->family;
	route->interface = setting->interface;
	route->prefix = setting->prefix;
	route->metric = setting->metric;
	route->type = setting->type;
	memcpy(route->to, setting->address, 16);
	memcpy(route->gateway, setting->other, 16);
	route->gateway4.addr = route->gateway[0];
	memcpy(route->gateway6.addr, route->gateway, 16);
	route->learned = setting->protocol == BY_ROUTER ||
			 setting->valid_s; /* by the last instance */
	route->next = routes;
	routes = route;
	routes_changed(route->family);
	return 0;
}

static void way_remove(const struct banos_net_setting *setting)
{
	for (struct route **at = &routes; *at; at = &(*at)->next)
		if (route_is(*at, setting)) {
			struct route *route = *at;

			*at = route->next;
			inet_memory_put(route);
			routes_changed(setting->family);
			return;
		}
}

static struct route *route_find_same(const struct banos_net_setting *setting)
{
	for (struct route *route = routes; route; route = route->next)
		if (route_is(route, setting))
			return route;
	return NULL;
}

static void learned_evict(struct route *route)
{
	struct banos_net_setting setting = {
		.size = sizeof(setting),
		.kind = BANOS_SETTING_ROUTE,
		.family = route->family,
		.interface = route->interface,
		.prefix = route->prefix,
		.metric = route->metric,
		.table = TABLE_MAIN,
	};

	memcpy(setting.address, route->to, sizeof(setting.address));
	memcpy(setting.other, route->gateway, sizeof(setting.other));
	way_remove(&setting);
	link_report(BANOS_SETTING_REMOVE, &setting);
}

/*
 * Room for one more default router, or prefix, of an interface. The one that was not announced for longest goes: of the
 * same router, so that a router with many prefixes displaces one of others at most.
 */
static void learned_make_room(const struct banos_net_setting *setting, const uint8_t *router)
{
	struct route *oldest = NULL, *own = NULL;
	uint32_t count = 0, most = setting->prefix ? PREFIXES_MAX : ROUTERS_MAX;

	for (struct route *route = routes; route; route = route->next) {
		if (!route->learned || route->family != setting->family ||
		    route->interface != setting->interface || !route->prefix != !setting->prefix)
			continue;
		count++;
		if (!oldest || route->heard_ns <= oldest->heard_ns)
			oldest = route;
		if (!memcmp(route->router, router, sizeof(route->router)) &&
		    (!own || route->heard_ns <= own->heard_ns))
			own = route;
	}
	if (count < most)
		return;
	if (own)
		learned_evict(own);
	else
		learned_evict(oldest);
}

static void learned_forget(struct route *route, const struct banos_net_setting *setting)
{
	if (!route)
		return;
	way_remove(setting);
	link_report(BANOS_SETTING_REMOVE, setting);
}

void route_learn(const struct banos_net_setting *setting, const uint8_t *router, uint32_t valid_s)
{
	struct route *route = route_find_same(setting);

	if (route && !route->learned)
		return;
	if (!valid_s) {
		learned_forget(route, setting);
		return;
	}
	if (!route) {
		if (router)
			learned_make_room(setting, router);
		if (route_add(setting))
			return;
		route = routes;
		route->learned = router;
	}
	route->heard_ns = banos_time_ns();
	if (router)
		memcpy(route->router, router, sizeof(route->router));
	if (link_report(BANOS_SETTING_ADD, setting))
		way_remove(setting);
}

void routes_forget(uint32_t interface)
{
	struct route **at = &routes;

	while (*at) {
		struct route *route = *at;

		if (route->interface == interface) {
			*at = route->next;
			inet_memory_put(route);
		} else {
			at = &route->next;
		}
	}
}

static int64_t address4_change(struct link *main, bool add, const struct banos_net_setting *setting)
{
	ip4_addr_t address, mask, none = { 0 };
	struct link *link = links, *vacant = NULL;

	memcpy(&address.addr, setting->address, 4);
	mask.addr = setting->prefix ? lwip_htonl(~0u << (32 - setting->prefix)) : 0;
	for (; link; link = link->next) {
		if (link->main == main && netif_ip4_addr(&link->netif)->addr == address.addr)
			break;
		if (link->main == main && !netif_ip4_addr(&link->netif)->addr)
			vacant = link;
	}
	if (!add && link && link != main)
		link_remove_alias(link);
	else if (!add && link)
		netif_set_addr(&link->netif, &none, &none, &none);
	if (!add)
		return 0;
	if (!link)
		link = vacant ? vacant : link_add_alias(main);
	if (!link)
		return -ENOMEM;
	netif_set_addr(&link->netif, &address, &mask, &none);
	return 0;
}

int64_t route_configure(uint32_t event, const struct banos_net_setting *setting)
{
	struct link *main = link_find(setting->interface);
	bool add = event == BANOS_SETTING_ADD;

	if (setting->family != BANOS_FAMILY_IPV4 && setting->family != BANOS_FAMILY_IPV6)
		return 0;
	if (setting->kind == BANOS_SETTING_FORWARD) {
		forward_configure(event, setting);
		return 0;
	}
	if (setting->prefix > (setting->family == BANOS_FAMILY_IPV4 ? 32 : 128))
		return -EINVAL;
	if (setting->kind == BANOS_SETTING_ROUTE) {
		way_remove(setting);
		return add ? route_add(setting) : 0;
	}
	if (!main)
		return 0;
	if (setting->kind == BANOS_SETTING_NEIGHBOUR)
		return neighbour_configure(main, add, setting);
	if (setting->kind != BANOS_SETTING_ADDRESS)
		return 0;
	if (setting->family == BANOS_FAMILY_IPV4)
		return address4_change(main, add, setting);
	return autoconf_configure(main, add, setting);
}

/* ---- the way of a packet ---- */

static bool link_is_usable(const struct link *link)
{
	return link && netif_is_up(&link->netif) && netif_is_link_up(&link->netif);
}

/* @interface: 0: any */
static const struct route *route_find(uint32_t family, const uint32_t *to, uint32_t interface)
{
	const struct route *best = NULL;

	for (const struct route *route = routes; route; route = route->next) {
		if (route->family != family || (interface && route->interface != interface) ||
		    route->type == BANOS_ROUTE_LOCAL ||
		    !prefix_matches(route->to, to, route->prefix))
			continue;
		if (best && (best->prefix > route->prefix ||
			     (best->prefix == route->prefix && best->metric <= route->metric)))
			continue;
		if (route->type == BANOS_ROUTE_UNICAST &&
		    !link_is_usable(link_find(route->interface)))
			continue;
		best = route;
	}
	return best;
}

static struct netif *loop_netif(void)
{
	for (struct link *link = links; link; link = link->next)
		if ((link->flags & BANOS_INTERFACE_LOOPBACK) && link->main == link)
			return &link->netif;
	return NULL;
}

bool address_is_own(const ip_addr_t *address)
{
	for (struct link *link = links; link; link = link->next) {
		if (IP_IS_V4(address)) {
			if (ip_2_ip4(address)->addr == netif_ip4_addr(&link->netif)->addr)
				return true;
		} else if (netif_get_ip6_addr_match(&link->netif, ip_2_ip6(address)) >= 0) {
			return true;
		}
	}
	return IP_IS_V4(address) && ip4_addr_isloopback(ip_2_ip4(address));
}

/* Of an interface, the netif that has the source, or whose network the destination is in. */
static struct netif *netif_of(struct link *main, const ip4_addr_t *source, const ip4_addr_t *to)
{
	for (struct link *link = links; link; link = link->next)
		if (link->main == main && source && source->addr &&
		    netif_ip4_addr(&link->netif)->addr == source->addr)
			return &link->netif;
	for (struct link *link = links; link; link = link->next)
		if (link->main == main && netif_ip4_addr(&link->netif)->addr &&
		    ip4_addr_netcmp(to, netif_ip4_addr(&link->netif),
				    netif_ip4_netmask(&link->netif)))
			return &link->netif;
	return &main->netif;
}

/* For broadcasts and groups: the interface of the source, else one that can. */
static struct netif *netif_for_all(const ip4_addr_t *source)
{
	struct link *found = NULL;

	for (struct link *link = links; link; link = link->next) {
		if (!link_is_usable(link) || (link->flags & BANOS_INTERFACE_LOOPBACK))
			continue;
		if (source && source->addr && netif_ip4_addr(&link->netif)->addr == source->addr)
			return &link->netif;
		found = link;
	}
	if (found)
		return &found->netif;
	return loop_netif();
}

static struct netif *forced; /* by route_force() */

void route_force(struct link *main, const ip4_addr_t *to)
{
	forced = main ? netif_of(main, NULL, to) : NULL;
}

struct netif *inet_route4(const ip4_addr_t *source, const ip4_addr_t *to)
{
	const struct route *route;
	ip_addr_t address;

	if (forced)
		return forced;
	ip_addr_copy_from_ip4(address, *to);
	if (address_is_own(&address))
		return loop_netif();
	route = route_find(BANOS_FAMILY_IPV4, &to->addr, 0);
	if (!route && (to->addr == IPADDR_BROADCAST || ip4_addr_ismulticast(to)))
		return netif_for_all(source);
	if (!route || route->type != BANOS_ROUTE_UNICAST)
		return NULL;
	return netif_of(link_find(route->interface), source, to);
}

const ip4_addr_t *inet_gateway4(struct netif *netif, const ip4_addr_t *to)
{
	const struct route *route =
		route_find(BANOS_FAMILY_IPV4, &to->addr, ((struct link *)netif->state)->index);

	if (!route || !route->gateway4.addr)
		return to;
	return &route->gateway4;
}

struct netif *inet_route6(const ip6_addr_t *source, const ip6_addr_t *to)
{
	struct link *own = link_with_address6(to);
	const struct route *route;

	if (ip6_addr_isloopback(to))
		return loop_netif();
	if (own) /* so that its source is the address itself: link.c has it take lo */
		return &own->netif;
	route = route_find(BANOS_FAMILY_IPV6, to->addr, 0);
	if (!route || route->type != BANOS_ROUTE_UNICAST)
		return NULL;
	return &link_find(route->interface)->netif;
}

const ip6_addr_t *inet_gateway6(struct netif *netif, const ip6_addr_t *to)
{
	const struct route *route =
		route_find(BANOS_FAMILY_IPV6, to->addr, ((struct link *)netif->state)->index);
	static ip6_addr_t gateway; /* until lwIP asks again */

	if (!route || route->type != BANOS_ROUTE_UNICAST)
		return NULL;
	if (ip6_addr_isany(&route->gateway6))
		return to;
	ip6_addr_copy(gateway, route->gateway6);
	ip6_addr_assign_zone(&gateway, IP6_UNICAST, netif);
	return &gateway;
}
