/* SPDX-License-Identifier: MIT */
/*
 * Neighbours: the tables of ARP and neighbour discovery, as programs see and set them.
 *
 * lwIP does not say when a table changes. So it is compared with what was reported: when a frame of ARP or ICMPv6 has arrived,
 * and when lwIP's timers ran. lwIP tells stations that it knows alone; those whose address is being asked for are not seen
 * with IPv4. All under the lock.
 */
#include "inet.h"
#include <lwip/etharp.h>
#include <lwip/nd6.h>
#include <lwip/priv/nd6_priv.h>

#define ENTRIES		(ARP_TABLE_SIZE + LWIP_ND6_NUM_NEIGHBORS)
#define STATE_REACHABLE 0x02u /* Linux's NUD_REACHABLE */
#define STATE_SET	0xc0u /* NUD_PERMANENT, NUD_NOARP */
#define FLAG_ROUTER	0x80u /* NTF_ROUTER */
#define FOR_EVER	0xffffffffu

/* An entry of a table; interface 0: none. */
struct entry {
	uint32_t interface, address[4];
	uint8_t hardware[6], state, flags;
};
static struct entry reported[ENTRIES];

static bool entry_has_key(const struct entry *one, const struct entry *other)
{
	return one->interface == other->interface && !memcmp(one->address, other->address, 16);
}

static void entry4_read(uint32_t slot, struct entry *entry)
{
	struct eth_addr *hardware;
	struct netif *netif;
	ip4_addr_t *address;

	if (!etharp_get_entry(slot, &address, &netif, &hardware) || !netif)
		return;
	entry->interface = ((struct link *)netif->state)->index;
	entry->address[0] = address->addr;
	memcpy(entry->hardware, hardware->addr, 6);
	entry->state = STATE_REACHABLE;
}

static void entry6_read(uint32_t slot, struct entry *entry)
{
	static const uint8_t states[] = {
		[ND6_INCOMPLETE] = 0x01, [ND6_REACHABLE] = STATE_REACHABLE,
		[ND6_STALE] = 0x04,	 [ND6_DELAY] = 0x08,
		[ND6_PROBE] = 0x10,
	};
	const struct nd6_neighbor_cache_entry *from = &neighbor_cache[slot];

	if (from->state == ND6_NO_ENTRY || !from->netif)
		return;
	entry->interface = ((struct link *)from->netif->state)->index;
	memcpy(entry->address, from->next_hop_address.addr, 16);
	entry->state = states[from->state];
	if (from->state != ND6_INCOMPLETE)
		memcpy(entry->hardware, from->lladdr, 6);
	if (from->isrouter)
		entry->flags = FLAG_ROUTER;
}

static void entry_read(uint32_t number, struct entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	if (number < ARP_TABLE_SIZE)
		entry4_read(number, entry);
	else
		entry6_read(number - ARP_TABLE_SIZE, entry);
}

static void entry_report(uint32_t number, uint32_t event, const struct entry *entry)
{
	struct banos_net_setting setting = {
		.size = sizeof(setting),
		.kind = BANOS_SETTING_NEIGHBOUR,
		.family = number < ARP_TABLE_SIZE ? BANOS_FAMILY_IPV4 : BANOS_FAMILY_IPV6,
		.interface = entry->interface,
		.type = entry->state,
		.flags = entry->flags,
	};

	memcpy(setting.address, entry->address, 16);
	memcpy(setting.hardware, entry->hardware, 6);
	link_report(event, &setting);
}

void neighbours_report(void)
{
	struct entry now;

	/* Those that are no more come first: one may have moved to another place. */
	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (!reported[i].interface)
			continue;
		entry_read(i, &now);
		if (entry_has_key(&reported[i], &now))
			continue;
		entry_report(i, BANOS_SETTING_REMOVE, &reported[i]);
		reported[i].interface = 0;
	}
	for (uint32_t i = 0; i < ENTRIES; i++) {
		entry_read(i, &now);
		if (!now.interface || !memcmp(&now, &reported[i], sizeof(now)))
			continue;
		entry_report(i, BANOS_SETTING_ADD, &now);
		reported[i] = now;
	}
}

/* ---- what programs set ---- */

/* lwIP finds the interface by itself: by the first one that has an address of the same net. */
static bool neighbour4_is_found(const struct link *main, const ip4_addr_t *address)
{
	const struct netif *netif = ip4_route(address);

	return netif && ((const struct link *)netif->state)->main == main;
}

static int64_t neighbour4_set(struct link *main, bool add, const struct banos_net_setting *setting)
{
	struct eth_addr hardware;
	ip4_addr_t address;
	err_t err = ERR_OK;

	memcpy(&address.addr, setting->address, 4);
	memcpy(hardware.addr, setting->hardware, 6);
	/* One that was learned is removed as one that was set. */
	if (add || etharp_remove_static_entry(&address) == ERR_ARG) {
		route_force(main, &address);
		err = ERR_RTE;
		if (neighbour4_is_found(main, &address))
			err = etharp_add_static_entry(&address, &hardware);
		route_force(NULL, NULL);
	}
	if (add)
		return inet_error(err);
	etharp_remove_static_entry(&address);
	return 0;
}

/* @return the entry of an address, or else, if one is @wanted, a free one; NULL: none */
static struct nd6_neighbor_cache_entry *entry6_find(const ip6_addr_t *address, bool wanted)
{
	struct nd6_neighbor_cache_entry *vacant = NULL;

	for (uint32_t i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
		struct nd6_neighbor_cache_entry *entry = &neighbor_cache[i];

		if (entry->state != ND6_NO_ENTRY && ip6_addr_cmp(&entry->next_hop_address, address))
			return entry;
		if (entry->state == ND6_NO_ENTRY && !vacant)
			vacant = entry;
	}
	return wanted ? vacant : NULL;
}

static int64_t neighbour6_set(struct link *main, bool add, const struct banos_net_setting *setting)
{
	struct nd6_neighbor_cache_entry *entry;
	ip6_addr_t address = { 0 };

	memcpy(address.addr, setting->address, 16);
	ip6_addr_assign_zone(&address, IP6_UNICAST, &main->netif);
	entry = entry6_find(&address, add);
	if (!entry)
		return add ? -ENOSPC : 0;
	if (entry->q)
		return add ? -EBUSY : 0; /* it is being asked for */
	if (!add) {
		if (!entry->isrouter) /* the list of routers leads there */
			memset(entry, 0, sizeof(*entry));
		return 0;
	}
	entry->next_hop_address = address;
	entry->netif = &main->netif;
	memcpy(entry->lladdr, setting->hardware, 6);
	entry->state = ND6_REACHABLE;
	entry->counter.reachable_time = FOR_EVER;
	return 0;
}

/* One that was removed is reported anew should it be learned again: the kernel does not have it any more. */
static void reported_forget(const struct link *main, const struct banos_net_setting *setting)
{
	struct entry removed = { .interface = main->index };
	uint32_t first = ARP_TABLE_SIZE, end = ENTRIES, bytes = 16;

	if (setting->family == BANOS_FAMILY_IPV4) {
		first = 0;
		end = ARP_TABLE_SIZE;
		bytes = 4;
	}
	memcpy(removed.address, setting->address, bytes);
	for (uint32_t i = first; i < end; i++)
		if (entry_has_key(&reported[i], &removed))
			memset(&reported[i], 0, sizeof(reported[i]));
}

int64_t neighbour_configure(struct link *main, bool add, const struct banos_net_setting *setting)
{
	if (main->flags & BANOS_INTERFACE_LOOPBACK)
		return 0;
	if (!add)
		reported_forget(main, setting);
	if (add && !(setting->type & STATE_SET))
		return 0; /* what is said of it may be found out otherwise */
	if (setting->family == BANOS_FAMILY_IPV4)
		return neighbour4_set(main, add, setting);
	return neighbour6_set(main, add, setting);
}
