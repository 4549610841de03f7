/* SPDX-License-Identifier: MIT */
/*
 * Addresses of IPv6, and those that an interface gets by itself: RFC 4861, RFC 4862.
 *
 * An interface that comes up gets a link-local address; lwIP asks whether another station has it (detection of
 * duplicates, as of each address that the kernel calls tentative), and then routers are asked to advertise themselves. Their
 * advertisements never reach lwIP: they are read by advertisement.c, and become addresses and routes here, which the kernel is
 * told. It ends them when their time is over, and has them told to the next instance of this driver. All under the lock.
 *
 * Anybody on the link can advertise. So an interface takes few addresses and routes from that; what programs have set is not
 * touched; redirects are not followed; and the answer of a station that claims an address which was found free is dropped.
 * All that is decided in front of lwIP's nd6_input(), behind extension headers and reassembly, so that these hide nothing;
 * what came in fragments is dropped (RFC 6980).
 *
 * What has changed is reported a moment later, by the timer or behind what neighbours said: autoconf_poll().
 */
#include "advertisement.h"
#include "inet.h"
#include <banos/print.h>
#include <banos/time.h>
#include <lwip/icmp6.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip6.h>
#include <lwip/nd6.h>

#define SOLICITATION  133u
#define ADVERTISEMENT 134u /* a router's */
#define ANSWER	      136u /* a neighbour's advertisement */
#define REDIRECT      137u
#define TARGET	      8u /* in the message of one */
#define SOLICITATIONS 3u
#define SOLICIT_NS    (4000 * BANOS_MS)
#define IDENTIFIER    64u /* bits of a prefix in front of it */
#define LEARNED_MAX   6u  /* addresses of an interface, by advertisements */
#define MTU_LEAST     1280u
#define SCOPE_LINK    253u
#define SCOPE_SITE    200u
#define METRIC_DIRECT 256u
#define METRIC_ROUTER 1024u
#define TABLE_MAIN    254u
#define BY_KERNEL     2u /* Linux's RTPROT_* */
#define BY_ROUTER     9u
#define SECOND_NS     (1000 * BANOS_MS)

void lwip_nd6_input(struct pbuf *pbuf, struct netif *netif);

static const uint8_t local_prefix[16] = { 0xfe, 0x80 };

/* ---- addresses ---- */

static bool link_detects(const struct link *link)
{
	return !(link->flags & (BANOS_INTERFACE_LOOPBACK | BANOS_INTERFACE_NO_ARP |
				BANOS_INTERFACE_POINT_TO_POINT));
}

static void address_drop(struct link *link, int8_t slot)
{
	netif_ip6_addr_set_state(&link->netif, slot, IP6_ADDR_INVALID);
	memset(&link->own6[slot], 0, sizeof(link->own6[slot]));
	nd6_clear_destination_cache();
}

/* @return the slot, or -1: there is no room */
static int8_t address_add(struct link *link, ip6_addr_t *address, uint32_t prefix, uint8_t state)
{
	int8_t slot;

	ip6_addr_assign_zone(address, IP6_UNICAST, &link->netif);
	if (netif_add_ip6_address(&link->netif, address, &slot) != ERR_OK)
		return -1;
	memset(&link->own6[slot], 0, sizeof(link->own6[slot]));
	link->own6[slot].prefix = (uint8_t)prefix;
	/* Not "static", of which lwIP assumes that all of the same 64 bits are on the link: routes say that. */
	netif_ip6_addr_set_valid_life(&link->netif, slot, IP6_ADDR_LIFE_INFINITE);
	netif_ip6_addr_set_pref_life(&link->netif, slot, IP6_ADDR_LIFE_INFINITE);
	netif_ip6_addr_set_state(&link->netif, slot, state);
	nd6_clear_destination_cache();
	return slot;
}

static uint32_t address_flags(const struct link *link, int8_t slot)
{
	uint8_t state = netif_ip6_addr_state(&link->netif, slot);
	uint32_t flags = link->own6[slot].learned ? 0 : ADDRESS_PERMANENT;

	if (ip6_addr_istentative(state))
		flags |= ADDRESS_TENTATIVE;
	else if (ip6_addr_isduplicated(state))
		flags |= ADDRESS_TENTATIVE | ADDRESS_DUPLICATE;
	if (link->own6[slot].deprecated || ip6_addr_isdeprecated(state))
		flags |= ADDRESS_DEPRECATED;
	return flags;
}

static uint32_t seconds_left(uint64_t end_ns)
{
	uint64_t now = banos_time_ns();

	if (!end_ns)
		return 0;
	return end_ns > now + SECOND_NS ? (uint32_t)((end_ns - now) / SECOND_NS) : 1;
}

static int64_t address_report(const struct link *link, int8_t slot)
{
	const ip6_addr_t *address = netif_ip6_addr(&link->netif, slot);
	struct banos_net_setting setting = {
		.size = sizeof(setting),
		.kind = BANOS_SETTING_ADDRESS,
		.family = BANOS_FAMILY_IPV6,
		.interface = link->index,
		.prefix = link->own6[slot].prefix,
		.flags = address_flags(link, slot),
		.valid_s = seconds_left(link->own6[slot].valid_ns),
		.preferred_s = seconds_left(link->own6[slot].preferred_ns),
	};

	if (ip6_addr_islinklocal(address))
		setting.scope = SCOPE_LINK;
	else if (ip6_addr_issitelocal(address))
		setting.scope = SCOPE_SITE;
	memcpy(setting.address, address->addr, sizeof(setting.address));
	return link_report(BANOS_SETTING_ADD, &setting);
}

int64_t autoconf_configure(struct link *link, bool add, const struct banos_net_setting *setting)
{
	uint8_t state = IP6_ADDR_PREFERRED;
	ip6_addr_t address = { 0 };
	int8_t slot;

	memcpy(address.addr, setting->address, sizeof(setting->address));
	ip6_addr_assign_zone(&address, IP6_UNICAST, &link->netif);
	slot = netif_get_ip6_addr_match(&link->netif, &address);
	if (!add && slot >= 0)
		address_drop(link, slot);
	if (!add)
		return 0;
	if (setting->flags & ADDRESS_DUPLICATE)
		state = IP6_ADDR_DUPLICATED;
	else if (setting->flags & ADDRESS_TENTATIVE && link_detects(link))
		state = IP6_ADDR_TENTATIVE;
	else if (setting->flags & ADDRESS_DEPRECATED)
		state = IP6_ADDR_DEPRECATED;
	if (slot < 0)
		slot = address_add(link, &address, setting->prefix, state);
	else if (state != IP6_ADDR_TENTATIVE)
		netif_ip6_addr_set_state(&link->netif, slot, state);
	if (slot < 0)
		return -ENOSPC;
	link->own6[slot].learned = !(setting->flags & ADDRESS_PERMANENT);
	link->own6[slot].deprecated = setting->flags & ADDRESS_DEPRECATED;
	link->own6[slot].prefix = (uint8_t)setting->prefix;
	link->own6[slot].valid_ns = 0;
	if (setting->valid_s)
		link->own6[slot].valid_ns = banos_time_ns() + setting->valid_s * SECOND_NS;
	link->own6[slot].reported = state;
	return 0;
}

/* ---- routes ---- */

/* @to: NULL: of a default router; @router: NULL: of the link-local addresses */
static void autoconf_route(const struct link *link, const uint8_t *to, uint32_t prefix,
			   const uint8_t *router, uint32_t valid_s)
{
	struct banos_net_setting setting = {
		.size = sizeof(setting),
		.kind = BANOS_SETTING_ROUTE,
		.family = BANOS_FAMILY_IPV6,
		.interface = link->index,
		.prefix = prefix,
		.metric = to ? METRIC_DIRECT : METRIC_ROUTER,
		.table = TABLE_MAIN,
		.type = BANOS_ROUTE_UNICAST,
		.protocol = to ? BY_KERNEL : BY_ROUTER,
		.valid_s = valid_s == FOR_EVER_S ? 0 : valid_s,
	};

	if (to)
		memcpy(setting.address, to, sizeof(setting.address));
	else
		memcpy(setting.other, router, sizeof(setting.other));
	route_learn(&setting, router, valid_s);
}

/* ---- the link-local address ---- */

static void local_add(struct link *link)
{
	ip6_addr_t address = { 0 };
	uint8_t bytes[16];

	memcpy(bytes, local_prefix, 8);
	interface_identifier(link->netif.hwaddr, bytes + 8);
	memcpy(address.addr, bytes, sizeof(bytes));
	ip6_addr_assign_zone(&address, IP6_UNICAST, &link->netif);
	if (netif_get_ip6_addr_match(&link->netif, &address) < 0)
		address_add(link, &address, IDENTIFIER,
			    link_detects(link) ? IP6_ADDR_TENTATIVE : IP6_ADDR_PREFERRED);
}

void autoconf_mtu_set(struct link *link)
{
	uint16_t mtu = link->netif.mtu;

	if (link->main->announced_mtu)
		mtu = (uint16_t)least_of(mtu, link->main->announced_mtu);
	if (mtu != link->netif.mtu6)
		nd6_clear_destination_cache(); /* it has the MTU of each */
	link->netif.mtu6 = mtu;
}

void autoconf_update(struct link *link)
{
	const uint32_t local = BANOS_INTERFACE_IPV6_ON | BANOS_INTERFACE_IPV6_LINK_LOCAL;
	bool up = link->flags & BANOS_INTERFACE_UP;
	bool local_wanted = up && (link->ipv6 & local) == local;
	bool asks = link->flags & BANOS_INTERFACE_RUNNING && up &&
		    link->ipv6 & BANOS_INTERFACE_IPV6_ROUTERS;

	if (local_wanted && !link->has_local)
		local_add(link);
	link->has_local = local_wanted;
	if (asks && !link->asks)
		link->solicitations = SOLICITATIONS;
	else if (!asks)
		link->solicitations = 0;
	link->asks = asks;
}

/* ---- asking routers ---- */

static void router_solicit(struct link *link)
{
	const ip6_addr_t *source = netif_ip6_addr(&link->netif, 0);
	struct pbuf *pbuf = pbuf_alloc(PBUF_IP, 16, PBUF_RAM);
	uint8_t *message;
	ip6_addr_t routers;
	uint16_t sum;

	if (!pbuf)
		return;
	ip6_addr_set_allrouters_linklocal(&routers);
	ip6_addr_assign_zone(&routers, IP6_MULTICAST, &link->netif);
	message = pbuf->payload;
	memset(message, 0, 16);
	message[0] = SOLICITATION;
	message[8] = message[9] = 1; /* from which hardware address, in units of 8 bytes */
	memcpy(message + 10, link->netif.hwaddr, 6);
	sum = ip6_chksum_pseudo(pbuf, IP6_NEXTH_ICMP6, pbuf->len, source, &routers);
	memcpy(message + 2, &sum, sizeof(sum));
	ip6_output_if(pbuf, source, &routers, 255, 0, IP6_NEXTH_ICMP6, &link->netif);
	pbuf_free(pbuf);
}

static void link_solicit(struct link *link)
{
	uint64_t now = banos_time_ns();

	if (!link->solicitations || !ip6_addr_isvalid(netif_ip6_addr_state(&link->netif, 0)) ||
	    now < link->solicit_ns)
		return;
	router_solicit(link);
	link->solicitations--;
	link->solicit_ns = now + SOLICIT_NS;
}

/* ---- what routers say ---- */

static uint32_t learned_count(const struct link *link)
{
	uint32_t count = 0;

	for (int8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (!ip6_addr_isinvalid(netif_ip6_addr_state(&link->netif, i)) &&
		    link->own6[i].learned)
			count++;
	return count;
}

static uint64_t end_of(uint32_t seconds)
{
	if (seconds == FOR_EVER_S)
		return 0;
	return banos_time_ns() + seconds * SECOND_NS;
}

static void learned_refresh(struct link *link, int8_t slot, uint32_t valid_s, uint32_t preferred_s)
{
	uint8_t state = netif_ip6_addr_state(&link->netif, slot);

	link->own6[slot].valid_ns = end_of(valid_s);
	link->own6[slot].preferred_ns = end_of(preferred_s);
	if (ip6_addr_isvalid(state))
		netif_ip6_addr_set_state(&link->netif, slot,
					 preferred_s ? IP6_ADDR_PREFERRED : IP6_ADDR_DEPRECATED);
	link->own6[slot].deprecated = !preferred_s;
	if (!preferred_s)
		link->own6[slot].preferred_ns = 0;
	link->own6[slot].reported = netif_ip6_addr_state(&link->netif, slot);
	if (address_report(link, slot))
		address_drop(link, slot);
}

static void address_learn(struct link *link, const struct advertised_prefix *prefix)
{
	uint32_t valid_s = prefix->valid_s;
	ip6_addr_t address = { 0 };
	uint8_t bytes[16];
	int8_t slot;

	memcpy(bytes, prefix->address, 8);
	interface_identifier(link->netif.hwaddr, bytes + 8);
	memcpy(address.addr, bytes, sizeof(bytes));
	slot = netif_get_ip6_addr_match(&link->netif, &address);
	if (slot >= 0 && !link->own6[slot].learned)
		return;
	if (slot >= 0) {
		uint32_t left_s = seconds_left(link->own6[slot].valid_ns);

		valid_s = advertisement_valid_s(left_s ? left_s : FOR_EVER_S, valid_s);
	} else {
		if (!valid_s || learned_count(link) >= LEARNED_MAX)
			return;
		slot = address_add(link, &address, IDENTIFIER,
				   link_detects(link) ? IP6_ADDR_TENTATIVE : IP6_ADDR_PREFERRED);
		if (slot < 0)
			return;
		link->own6[slot].learned = true;
	}
	learned_refresh(link, slot, valid_s, (uint32_t)least_of(prefix->preferred_s, valid_s));
}

static void router_advertised(struct link *link, const struct advertisement *from)
{
	if (!(link->ipv6 & BANOS_INTERFACE_IPV6_ROUTERS))
		return;
	if (from->router_s) /* RFC 4861, 6.3.7: one that is no default router is not what was asked for */
		link->solicitations = 0;
	autoconf_route(link, NULL, 0, from->router, from->router_s);
	if (from->mtu >= MTU_LEAST && from->mtu <= link->netif.mtu)
		link->announced_mtu = (uint16_t)from->mtu;
	autoconf_mtu_set(link);
	for (uint32_t i = 0; i < from->count; i++) {
		const struct advertised_prefix *prefix = &from->prefixes[i];

		if (prefix->on_link)
			autoconf_route(link, prefix->address, prefix->bits, from->router,
				       prefix->valid_s);
		if (prefix->autonomous && prefix->bits == IDENTIFIER &&
		    link->ipv6 & BANOS_INTERFACE_IPV6_AUTOCONF)
			address_learn(link, prefix);
	}
}

/* A neighbour says that it has an address which was found free, and is this machine's. */
static bool answer_is_claim(struct link *link, const struct pbuf *pbuf)
{
	ip6_addr_t target = { 0 };
	int8_t slot;

	if (pbuf_copy_partial(pbuf, target.addr, 16, TARGET) < 16)
		return false;
	ip6_addr_assign_zone(&target, IP6_UNICAST, &link->netif);
	slot = netif_get_ip6_addr_match(&link->netif, &target);
	return slot >= 0 && !ip6_addr_istentative(netif_ip6_addr_state(&link->netif, slot));
}

/* Of the packet that lwIP has: no neighbour may have sent it so. */
static bool discovery_is_refused;

void autoconf_packet_arrives(const uint8_t *packet, uint32_t length, bool by_lo)
{
	discovery_is_refused = by_lo || packet_is_fragment(packet, length);
}

/* A message whose checksum was right, whatever headers of IPv6 are in front of it. @return true: lwIP is not to see it */
static bool discovery_input(struct link *link, const struct pbuf *pbuf)
{
	const uint8_t *message = pbuf->payload;
	struct advertisement advertisement;

	if (message[0] < SOLICITATION || message[0] > REDIRECT)
		return false;
	if (discovery_is_refused || message[0] == REDIRECT)
		return true;
	if (message[0] == ANSWER)
		return answer_is_claim(link, pbuf);
	if (message[0] != ADVERTISEMENT)
		return false;
	if (advertisement_read((const uint8_t *)ip6_current_header(), message, pbuf->len,
			       &advertisement))
		router_advertised(link, &advertisement);
	return true;
}

/* In front of lwIP's function, which the build names otherwise. */
void nd6_input(struct pbuf *pbuf, struct netif *netif)
{
	link_neighbours_differ();
	if (discovery_input(netif->state, pbuf))
		pbuf_free(pbuf);
	else
		lwip_nd6_input(pbuf, netif);
}

/* ---- what has changed ---- */

/* With the first address lwIP gives up all: those that nobody else has stay. */
static void slots_repair(struct link *link)
{
	if (!ip6_addr_isduplicated(netif_ip6_addr_state(&link->netif, 0)) ||
	    ip6_addr_isduplicated(link->own6[0].reported))
		return;
	for (int8_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (ip6_addr_isduplicated(netif_ip6_addr_state(&link->netif, i)) &&
		    !ip6_addr_isduplicated(link->own6[i].reported))
			netif_ip6_addr_set_state(&link->netif, i,
						 link->own6[i].reported ? link->own6[i].reported
									: IP6_ADDR_TENTATIVE);
}

static void slot_poll(struct link *link, int8_t slot)
{
	uint8_t state = netif_ip6_addr_state(&link->netif, slot);
	bool fresh = !link->own6[slot].reported;

	if (ip6_addr_istentative(state))
		state = IP6_ADDR_TENTATIVE; /* without how often it was asked */
	if (ip6_addr_ispreferred(state) && link->own6[slot].deprecated) {
		/* lwIP prefers each that was found free. */
		state = IP6_ADDR_DEPRECATED;
		netif_ip6_addr_set_state(&link->netif, slot, state);
	}
	if (ip6_addr_isinvalid(state) || state == link->own6[slot].reported)
		return;
	if (state == IP6_ADDR_DUPLICATED)
		banos_print(inet_owner, "an address of interface %u is another station's, too",
			    link->index);
	link->own6[slot].reported = state;
	if (address_report(link, slot))
		link->own6[slot].reported = 0; /* again in a moment */
	else if (fresh && ip6_addr_islinklocal(netif_ip6_addr(&link->netif, slot)))
		autoconf_route(link, local_prefix, IDENTIFIER, NULL, FOR_EVER_S);
}

void autoconf_poll(void)
{
	for (struct link *link = links; link; link = link->next) {
		if (link->main != link || link->flags & BANOS_INTERFACE_LOOPBACK)
			continue;
		slots_repair(link);
		for (int8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
			slot_poll(link, i);
		link_solicit(link);
	}
}
