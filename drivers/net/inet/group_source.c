/* SPDX-License-Identifier: MIT */
/*
 * Sources of groups: which senders a member wants to hear, or does not, ip(7); RFC 3678.
 *
 * What arrives is filtered for each socket. Other machines are told of the group alone: lwIP speaks IGMPv2 and MLDv1,
 * which know no sources.
 */
#include <banos/buffer.h>
#include "inet.h"

#define REQUEST_SOURCE 12u  /* struct ip_mreq_source */
#define GROUP_SOURCE   264u /* struct group_source_req */
#define GROUP_WORDS    (GROUP_SOURCE / 4)
#define SECOND_ADDRESS 34u /* its word */
#define SOURCES_MAX    10u /* of a group, as on Linux: igmp_max_msf */

struct group_source {
	struct group_source *next;
	ip_addr_t address;
};

static struct membership *group_membership_find(const struct inet_socket *socket,
						const ip_addr_t *group, uint32_t interface)
{
	struct membership *entry = socket->memberships;

	while (entry && (entry->interface != interface || !ip_addr_cmp(&entry->group, group)))
		entry = entry->next;
	return entry;
}

static struct group_source **source_find(struct membership *entry, const ip_addr_t *address)
{
	struct group_source **at = &entry->sources;

	while (*at && !ip_addr_cmp(&(*at)->address, address))
		at = &(*at)->next;
	return at;
}

bool group_is_heard(const struct inet_socket *socket, const ip_addr_t *group, const ip_addr_t *from,
		    uint32_t interface)
{
	struct membership *entry = group_membership_find(socket, group, interface);
	ip_addr_t source = *from;

	if (!entry)
		return !socket->set.own_groups;
	if (IP_IS_V6(&source))
		ip6_addr_clear_zone(ip_2_ip6(&source));
	return entry->includes == !!*source_find(entry, &source);
}

void group_sources_forget(struct membership *entry)
{
	while (entry->sources) {
		struct group_source *first = entry->sources;

		entry->sources = first->next;
		inet_memory_put(first);
	}
}

static int64_t source_add(struct membership *entry, const ip_addr_t *address)
{
	struct group_source *source;
	uint32_t count = 0;

	for (source = entry->sources; source; source = source->next)
		count++;
	if (count >= SOURCES_MAX)
		return -ENOBUFS;
	if (*source_find(entry, address))
		return -EADDRNOTAVAIL;
	source = inet_memory_get(sizeof(*source));
	if (!source)
		return -ENOMEM;
	source->address = *address;
	source->next = entry->sources;
	entry->sources = source;
	return 0;
}

/* @return 0; 1: nobody is to be heard any more; -EADDRNOTAVAIL */
static int64_t source_remove(struct membership *entry, const ip_addr_t *address)
{
	struct group_source **at = source_find(entry, address), *source = *at;

	if (!source)
		return -EADDRNOTAVAIL;
	if (entry->includes && entry->sources == source && !source->next)
		return 1;
	*at = source->next;
	inet_memory_put(source);
	return 0;
}

static int64_t group_source_change(struct inet_socket *socket, struct link *link,
				   const struct group_source_request *request)
{
	struct membership *entry;
	int64_t err = 0;

	if (request->includes && request->adds)
		err = group_join(socket, link, &request->group);
	if (err && err != -EADDRINUSE)
		return err;
	entry = group_membership_find(socket, &request->group, link->index);
	if (!entry)
		return -EINVAL;
	if (!err && request->includes && request->adds) /* it was joined now */
		entry->includes = true;
	if (entry->includes != request->includes && entry->sources)
		return -EINVAL;
	entry->includes = request->includes;
	if (request->adds)
		return source_add(entry, &request->source);
	err = source_remove(entry, &request->source);
	if (err > 0)
		err = group_leave(socket, link, &request->group);
	return err;
}

static bool is_of_family(const struct inet_socket *socket, const uint32_t *address)
{
	return (*address & 0xffff) == socket->family;
}

static void source_address_take(const struct inet_socket *socket, const uint32_t *from,
				ip_addr_t *address)
{
	if (socket->family == AF_INET)
		*address = (ip_addr_t)IPADDR4_INIT(from[1]);
	else
		IP_ADDR6(address, from[2], from[3], from[4], from[5]);
}

/* struct group_source_req: an index and two addresses. */
static int64_t source_request_take(const struct inet_socket *socket, banos_buffer from,
				   uint64_t length, struct group_source_request *request,
				   uint32_t *index)
{
	uint32_t words[GROUP_WORDS];

	if (length < GROUP_SOURCE)
		return -EINVAL;
	if (banos_buffer_read(from, words, GROUP_SOURCE) != GROUP_SOURCE)
		return -EFAULT;
	if (!is_of_family(socket, words + 2) || !is_of_family(socket, words + SECOND_ADDRESS))
		return -EADDRNOTAVAIL;
	source_address_take(socket, words + 2, &request->group);
	source_address_take(socket, words + SECOND_ADDRESS, &request->source);
	*index = words[0];
	return 0;
}

int64_t group_source_set(struct inet_socket *socket, bool old, bool includes, bool adds,
			 banos_buffer from, uint64_t length)
{
	struct group_source_request request = { .includes = includes, .adds = adds };
	uint32_t words[REQUEST_SOURCE / 4], index = 0, address = 0;
	struct link *link;
	int64_t err = 0;

	if (old && length != REQUEST_SOURCE)
		return -EINVAL;
	if (!old) {
		err = source_request_take(socket, from, length, &request, &index);
	} else if (banos_buffer_read(from, words, sizeof(words)) != sizeof(words)) {
		err = -EFAULT;
	} else {
		request.group = (ip_addr_t)IPADDR4_INIT(words[0]);
		address = words[1];
		request.source = (ip_addr_t)IPADDR4_INIT(words[2]);
	}
	if (err)
		return err;
	if (!ip_addr_ismulticast(&request.group))
		return -EINVAL;
	link = group_link(index, address, &request.group);
	if (!link)
		return -ENODEV;
	if (IP_IS_V6(&request.group))
		ip6_addr_assign_zone(ip_2_ip6(&request.group), IP6_MULTICAST, &link->netif);
	return group_source_change(socket, link, &request);
}
