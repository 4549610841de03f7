/* SPDX-License-Identifier: MIT */
/*
 * Groups (multicast) that programs join: ip(7), ipv6(7).
 *
 * A socket keeps what it has joined, so that it leaves when it is closed. Whoever has bound the port receives what
 * arrives for a group that any socket has joined on that interface, unless it has switched IP_MULTICAST_ALL off, or has joined
 * the group for some senders alone (group_source.c).
 */
#include "inet.h"
#include <lwip/igmp.h>
#include <lwip/mld6.h>

#define REQUEST_LEAST 8u   /* struct ip_mreq */
#define REQUEST_INDEX 12u  /* struct ip_mreqn */
#define REQUEST6      20u  /* struct ipv6_mreq */
#define GROUP_REQ     136u /* struct group_req */
#define GROUPS_MAX    20u  /* of a socket, as on Linux */

struct link *group_link(uint32_t index, uint32_t address, const ip_addr_t *group)
{
	const struct netif *netif;

	if (index)
		return link_find(index);
	for (struct link *link = links; address && link; link = link->next)
		if (netif_ip4_addr(&link->netif)->addr == address)
			return link->main;
	if (address)
		return NULL;
	netif = ip_route(IP4_ADDR_ANY, group);
	if (!netif)
		return NULL;
	return ((struct link *)netif->state)->main;
}

static err_t group_change(struct link *link, const ip_addr_t *group, bool join)
{
	if (IP_IS_V4(group) && join)
		return igmp_joingroup_netif(&link->netif, ip_2_ip4(group));
	if (IP_IS_V4(group))
		return igmp_leavegroup_netif(&link->netif, ip_2_ip4(group));
	if (join)
		return mld6_joingroup_netif(&link->netif, ip_2_ip6(group));
	return mld6_leavegroup_netif(&link->netif, ip_2_ip6(group));
}

int64_t group_join(struct inet_socket *socket, struct link *link, const ip_addr_t *group)
{
	struct membership *entry, **at = &socket->memberships;
	uint32_t count = 0;

	for (; *at; at = &(*at)->next, count++)
		if ((*at)->interface == link->index && ip_addr_cmp(&(*at)->group, group))
			return -EADDRINUSE;
	if (count >= GROUPS_MAX)
		return -ENOBUFS;
	entry = inet_memory_zeroes(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	if (group_change(link, group, true) != ERR_OK) {
		inet_memory_put(entry);
		return -ENODEV;
	}
	entry->group = *group;
	entry->interface = link->index;
	*at = entry;
	return 0;
}

int64_t group_leave(struct inet_socket *socket, const struct link *link, const ip_addr_t *group)
{
	for (struct membership **at = &socket->memberships; *at; at = &(*at)->next) {
		struct membership *entry = *at;
		struct link *on = link_find(entry->interface);

		if ((link && link->index != entry->interface) || !ip_addr_cmp(&entry->group, group))
			continue;
		if (on)
			group_change(on, group, false);
		*at = entry->next;
		group_sources_forget(entry);
		inet_memory_put(entry);
		return 0;
	}
	return -EADDRNOTAVAIL;
}

void groups_leave(struct inet_socket *socket)
{
	while (socket->memberships)
		group_leave(socket, NULL, &socket->memberships->group);
}

int64_t group_set(struct inet_socket *socket, bool join, const uint32_t *words, uint64_t length)
{
	bool six = socket->family == AF_INET6;
	uint32_t index = 0, address = 0;
	struct link *link;
	ip_addr_t group;

	if (length < (six ? REQUEST6 : REQUEST_LEAST))
		return -EINVAL;
	if (six) {
		IP_ADDR6(&group, words[0], words[1], words[2], words[3]);
		index = words[4];
	} else {
		group = (ip_addr_t)IPADDR4_INIT(words[0]);
		address = words[1];
		if (length >= REQUEST_INDEX)
			index = words[2];
	}
	if (!ip_addr_ismulticast(&group))
		return -EINVAL;
	link = group_link(index, address, &group);
	if (!link && (join || index || address))
		return -ENODEV;
	if (six && link)
		ip6_addr_assign_zone(ip_2_ip6(&group), IP6_MULTICAST, &link->netif);
	if (join)
		return group_join(socket, link, &group);
	return group_leave(socket, link, &group);
}

int64_t group_request_set(struct inet_socket *socket, bool join, const uint32_t *words,
			  uint64_t length)
{
	bool six = socket->family == AF_INET6;
	uint32_t request[5] = { words[3], 0, words[0] };

	if (length < GROUP_REQ || (words[2] & 0xffff) != socket->family)
		return -EINVAL;
	if (!six)
		return group_set(socket, join, request, REQUEST_INDEX);
	memcpy(request, words + 4, 16);
	request[4] = words[0];
	return group_set(socket, join, request, REQUEST6);
}

int64_t group_interface_set(struct inet_socket *socket, const uint32_t *words, uint64_t length)
{
	bool six = socket->family == AF_INET6;
	uint32_t index = 0, address = 0;
	const struct link *link;

	if (six)
		index = words[0];
	else if (length >= REQUEST_INDEX)
		index = words[2];
	if (!six)
		address = words[length >= REQUEST_LEAST];
	if (socket->kind != &udp_kind)
		return -ENOPROTOOPT;
	if (!index && !address) {
		udp_set_multicast_netif_index(socket->udp, NETIF_NO_INDEX);
		return 0;
	}
	link = group_link(index, address, IP4_ADDR_ANY);
	if (!link && six)
		return -ENODEV;
	if (!link)
		return -EADDRNOTAVAIL;
	udp_set_multicast_netif_index(socket->udp, netif_get_index(&link->netif));
	return 0;
}
