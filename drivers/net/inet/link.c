/* SPDX-License-Identifier: MIT */
/*
 * Interfaces of the kernel as those of lwIP, and frames between the two.
 *
 * A frame that arrives is checked (shape.c). One that fills half of its packet or more becomes a pbuf as it is, and
 * the packet is given back with the pbuf; others are copied, so that few bytes never hold much memory. What lwIP sends is copied
 * into a packet, which waits in its interface's row until the lock is left. Frames on lo have an Ethernet
 * header of zeroes and no checksums.
 */
#include "inet.h"
#include "shape.h"
#include <lwip/etharp.h>
#include <lwip/ip.h>
#include <lwip/ethip6.h>
#include <lwip/ip4.h>
#include <lwip/ip6.h>
#include <lwip/nd6.h>
#include <netif/ethernet.h>

#define HEADER	    14u
#define TYPE_IPV4   0x0800u
#define TYPE_ARP    0x0806u
#define TYPE_IPV6   0x86ddu
#define ARP_TARGET  (HEADER + 24)
#define NEXT_HEADER 6u /* of IPv6 */
#define MTU_MAX	    65535u
#define FRAME_MAX   (65535u + HEADER) /* lwIP counts in 16 bits */
#define PENDING	    (sizeof(((struct link *)0)->pending) / sizeof(struct banos_net_packet))
#define LOOPED_MAX  48u	  /* pieces of the largest datagram */
#define KEPT_LEAST  1024u /* bytes of a frame that is worth keeping */
#define CHECKS                                                                           \
	(NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_TCP | \
	 NETIF_CHECKSUM_CHECK_ICMP | NETIF_CHECKSUM_CHECK_ICMP6)

struct link *links;
static banos_protocol protocol;
static bool neighbours_may_differ; /* under the lock */

struct link *link_find(uint32_t index)
{
	for (struct link *link = links; link; link = link->next)
		if (link->index == index && link->main == link)
			return link;
	return NULL;
}

int64_t link_report(uint32_t event, const struct banos_net_setting *setting)
{
	return banos_protocol_report(protocol, event, setting);
}

void link_deliver(const struct banos_ip_packet *packet)
{
	banos_protocol_deliver(protocol, packet, 1, sizeof(*packet));
}

/* ---- sending ---- */

static void link_flush(struct link *link)
{
	if (link->joined_count)
		link_join_end(link);
	if (!link->forwards && link->npending && banos_packet_hook_points(BANOS_HOOK_OUTPUT)) {
		int64_t passed = banos_protocol_hooks(protocol, BANOS_HOOK_OUTPUT, link->index,
						      link->pending, link->npending,
						      sizeof(link->pending[0]));

		link->npending = passed > 0 ? (uint32_t)passed : 0;
	}
	if (link->npending)
		banos_interface_transmit(protocol, link->index, link->pending, link->npending,
					 sizeof(link->pending[0]));
	link->npending = 0;
}

void links_flush(void)
{
	for (struct link *link = links; link; link = link->next)
		link_flush(link);
}

/* @type: of a header to be put in front; 0: the frame has one */
static err_t link_send(struct link *link, struct pbuf *pbuf, uint16_t type)
{
	uint32_t header = type ? HEADER : 0, length = pbuf->tot_len + header;
	struct banos_net_packet *packet;

	link = link->main;
	if (link->npending && link->forwards != !!(pbuf->flags & PBUF_FLAG_FORWARDED))
		link_flush(link);
	link->forwards = pbuf->flags & PBUF_FLAG_FORWARDED;
	packet = &link->pending[link->npending];
	if (banos_packet_alloc(inet_owner, length, 64, packet, sizeof(*packet)))
		return ERR_MEM;
	if (header) {
		memset(packet->bytes, 0, HEADER - 2);
		packet->bytes[12] = (uint8_t)(type >> 8);
		packet->bytes[13] = (uint8_t)type;
	}
	pbuf_copy_partial(pbuf, packet->bytes + header, pbuf->tot_len, 0);
	packet->length = length;
	packet->flags = 0;
	if (link->offloads & BANOS_NET_TX_CHECKSUM && !header && !link->forwards)
		link_leave_to_card(link, packet);
	if (++link->npending == PENDING)
		link_flush(link);
	return ERR_OK;
}

/* What a card sends to a group, for the members on this machine; without the header of Ethernet. */
static struct looped {
	struct netif *netif;
	struct pbuf *pbuf;
} looped[LOOPED_MAX];
static uint32_t nlooped;
static bool loops;

static void loop_keep(struct netif *netif, struct pbuf *frame)
{
	struct pbuf *copy = NULL;

	if (nlooped < LOOPED_MAX)
		copy = pbuf_alloc(PBUF_LINK, (uint16_t)(frame->tot_len - HEADER), PBUF_RAM);
	if (!copy)
		return;
	pbuf_copy_partial(frame, copy->payload, copy->tot_len, HEADER);
	looped[nlooped++] = (struct looped){ netif, copy };
}

void link_loop_begin(void)
{
	loops = true;
}

void link_loop_end(void)
{
	loops = false;
	for (uint32_t i = 0; i < nlooped; i++)
		ip_input(looped[i].pbuf, looped[i].netif);
	nlooped = 0;
}

static err_t link_output(struct netif *netif, struct pbuf *pbuf)
{
	if (loops)
		loop_keep(netif, pbuf);
	return link_send(netif->state, pbuf, 0);
}

bool link_passes(const struct link *link, uint32_t length)
{
	return banos_interface_loop(protocol, link->index, length) > 0;
}

static err_t loop_output(struct link *link, struct pbuf *pbuf, uint16_t type)
{
	if (loop_send(link->main, pbuf, type))
		return ERR_OK;
	return link_send(link, pbuf, type);
}

static err_t loop_output4(struct netif *netif, struct pbuf *pbuf, const ip4_addr_t *to)
{
	return loop_output(netif->state, pbuf, TYPE_IPV4);
}

static err_t loop_output6(struct netif *netif, struct pbuf *pbuf, const ip6_addr_t *to)
{
	return loop_output(netif->state, pbuf, TYPE_IPV6);
}

/* What is for an own address takes lo. */
static err_t card_output6(struct netif *netif, struct pbuf *pbuf, const ip6_addr_t *to)
{
	struct link *lo = links;
	int8_t slot = netif_get_ip6_addr_match(netif, to);

	if (slot < 0 || !ip6_addr_isvalid(netif_ip6_addr_state(netif, slot)))
		return ethip6_output(netif, pbuf, to);
	while (lo && !(lo->flags & BANOS_INTERFACE_LOOPBACK))
		lo = lo->next;
	if (!lo)
		return ERR_RTE;
	return loop_output(lo, pbuf, TYPE_IPV6);
}

/* ---- receiving ---- */

/* A frame that lwIP has where it arrived. */
struct kept {
	struct pbuf_custom custom;
	struct banos_net_packet packet;
};

static void kept_free(struct pbuf *pbuf)
{
	struct kept *kept = (struct kept *)pbuf;

	memory_charge(-(int64_t)(kept->packet.headroom + kept->packet.room));
	banos_packet_free(&kept->packet, 1, sizeof(kept->packet));
	inet_memory_put(kept);
}

static bool frame_is_worth_keeping(const struct banos_net_packet *packet)
{
	/* lwIP has no room for a header in front of one that it forwards. */
	return !forward_is_on() && packet->length >= KEPT_LEAST &&
	       packet->length >= (packet->headroom + packet->room) / 2;
}

static struct pbuf *frame_keep(const struct banos_net_packet *packet)
{
	struct kept *kept = inet_memory_get(sizeof(*kept));
	uint16_t length = (uint16_t)(packet->length - HEADER);

	if (!kept)
		return NULL;
	kept->packet = *packet;
	kept->custom.custom_free_function = kept_free;
	memory_charge(packet->headroom + packet->room);
	return pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, &kept->custom,
				   packet->bytes + HEADER, length);
}

static struct pbuf *frame_copy(const struct banos_net_packet *packets, uint32_t count,
			       uint32_t length)
{
	struct pbuf *pbuf = pbuf_alloc(PBUF_LINK, (uint16_t)(length - HEADER), PBUF_RAM);
	uint32_t offset = 0;

	for (uint32_t i = 0; pbuf && i < count; i++) {
		uint32_t skip = i ? 0 : HEADER;

		memcpy((uint8_t *)pbuf->payload + offset, packets[i].bytes + skip,
		       packets[i].length - skip);
		offset += packets[i].length - skip;
	}
	return pbuf;
}

/*
 * The frame that begins with @packets[0]. @return how many packets it has; *@pbuf: it, or NULL; *@kept: its packet
 * is given back with it
 */
static uint32_t frame_take(const struct banos_net_packet *packets, uint32_t count,
			   struct pbuf **pbuf, bool *kept)
{
	uint32_t used = 0, length = 0;
	bool more = true;

	for (; used < count && more; used++) {
		more = packets[used].flags & BANOS_PACKET_MORE;
		length += packets[used].length;
	}
	*pbuf = NULL;
	*kept = false;
	if (packets[0].length < HEADER || length > FRAME_MAX || more)
		return used;
	if (used == 1 && frame_is_worth_keeping(packets)) {
		*pbuf = frame_keep(packets);
		*kept = *pbuf;
	} else {
		*pbuf = frame_copy(packets, used, length);
	}
	return used;
}

/* A request for the hardware address of one of several addresses is answered by the netif that has it. */
static struct link *arp_link(struct link *main, const struct pbuf *pbuf)
{
	uint32_t target;

	if (pbuf->len < ARP_TARGET - HEADER + 4)
		return main;
	memcpy(&target, (const uint8_t *)pbuf->payload + ARP_TARGET - HEADER, 4);
	for (struct link *link = links; link; link = link->next)
		if (link->main == main && netif_ip4_addr(&link->netif)->addr == target)
			return link;
	return main;
}

/* May it change what is known of neighbours? */
static bool tells_neighbours(uint32_t type, const struct pbuf *pbuf)
{
	const uint8_t *bytes = pbuf->payload;

	return type == TYPE_ARP || (type == TYPE_IPV6 && bytes[NEXT_HEADER] == PROTOCOL_ICMP6);
}

void link_neighbours_differ(void)
{
	neighbours_may_differ = true;
}

struct link *link_with_address6(const ip6_addr_t *address)
{
	ip6_addr_t own = *address;

	for (struct link *link = links; link; link = link->next) {
		ip6_addr_clear_zone(&own);
		ip6_addr_assign_zone(&own, IP6_UNICAST, &link->netif);
		if (netif_get_ip6_addr_match(&link->netif, &own) >= 0)
			return link;
	}
	return NULL;
}

/* By which interface a packet has arrived: one on lo by that which has its address. */
static struct link *input_link(struct link *link, uint32_t type, const struct pbuf *pbuf)
{
	ip6_addr_t to = { 0 };
	struct link *own;

	if (type != TYPE_IPV6 || !(link->flags & BANOS_INTERFACE_LOOPBACK))
		return link;
	memcpy(to.addr, (const uint8_t *)pbuf->payload + 24, 16);
	if (netif_get_ip6_addr_match(&link->netif, &to) >= 0)
		return link;
	own = link_with_address6(&to);
	return own ? own : link;
}

static void checks_set(struct link *link, bool wanted)
{
	if (wanted)
		link->netif.chksum_flags |= CHECKS;
	else
		link->netif.chksum_flags &= (uint16_t)~CHECKS;
}

static bool is_refused6(const struct link *link, const struct pbuf *pbuf)
{
	return !(link->ipv6 & BANOS_INTERFACE_IPV6_ON) ||
	       forward_is_refused6(pbuf->payload, pbuf->len);
}

void link_input(struct link *from, uint32_t type, const struct banos_net_packet *packet,
		struct pbuf *pbuf)
{
	struct link *link = input_link(from, type, pbuf);
	bool good = !packet || packet->flags & (BANOS_PACKET_CHECKED | BANOS_PACKET_PARTIAL);
	uint32_t out;

	checks_set(link, !good && !(from->flags & BANOS_INTERFACE_LOOPBACK));
	if (tells_neighbours(type, pbuf))
		neighbours_may_differ = true;
	if (type == TYPE_IPV6 && is_refused6(link, pbuf)) {
		pbuf_free(pbuf);
		return;
	}
	if (packet && forward_is_for_another(link->index, type, pbuf->payload, pbuf->len, &out)) {
		forward_fill_checksum(pbuf, packet);
		pbuf->flags |= PBUF_FLAG_FORWARDED;
	}
	if (type != TYPE_ARP)
		flow_inspect(&link->netif, pbuf->payload, pbuf->len);
	if (type == TYPE_IPV6)
		autoconf_packet_arrives(pbuf->payload, pbuf->len,
					from->flags & BANOS_INTERFACE_LOOPBACK);
	if (type == TYPE_IPV4)
		ip4_input(pbuf, &link->netif);
	else if (type == TYPE_IPV6)
		ip6_input(pbuf, &link->netif);
	else if (!(link->flags & (BANOS_INTERFACE_LOOPBACK | BANOS_INTERFACE_NO_ARP)))
		etharp_input(pbuf, &arp_link(link, pbuf)->netif);
	else
		pbuf_free(pbuf);
}

static void frame_input(struct link *from, const struct banos_net_packet *packet, struct pbuf *pbuf)
{
	uint32_t type = packet->bytes[12] << 8 | packet->bytes[13];

	if (shape_is_good(type, pbuf->payload, pbuf->len))
		link_input(from, type, packet, pbuf);
	else
		pbuf_free(pbuf);
}

static int64_t link_receive(void *context, const struct banos_net_packet *packets, uint32_t count,
			    uint32_t stride)
{
	uint32_t mine = 0; /* the first one that is still to be given back */
	bool kept;

	if (stride != sizeof(*packets))
		return -EINVAL;
	inet_lock();
	count = forward_show(protocol, &packets, count);
	for (uint32_t i = 0; i < count;) {
		struct link *link = link_find(packets[i].interface);
		struct pbuf *pbuf = NULL;
		uint32_t used = frame_take(&packets[i], count - i, &pbuf, &kept);

		if (kept && i > mine) /* those in front of it */
			banos_packet_free(&packets[mine], i - mine, stride);
		if (kept)
			mine = i + used;
		if (pbuf && link && (link->flags & BANOS_INTERFACE_UP) &&
		    !(packets[i].flags & BANOS_PACKET_FOREIGN))
			frame_input(link, &packets[i], pbuf);
		else if (pbuf)
			pbuf_free(pbuf);
		i += used;
	}
	if (neighbours_may_differ) {
		neighbours_report();
		autoconf_poll();
	}
	neighbours_may_differ = false;
	if (count > mine)
		banos_packet_free(&packets[mine], count - mine, stride);
	inet_unlock();
	above_deliver();
	return 0;
}

/* ---- interfaces ---- */

/*
 * Groups that the kernel is to be told of. That takes its lock, under which it asks us (configure()), so it is done without
 * ours: by one thread at a time, in order.
 */
struct group_change {
	struct group_change *next;
	uint32_t interface, wanted;
	struct banos_net_address group;
};
static struct group_change *group_changes, **group_changes_end = &group_changes;
static bool groups_are_told;

void link_tell_groups(void)
{
	if (groups_are_told)
		return;
	groups_are_told = true;
	while (group_changes) {
		struct group_change *first = group_changes, change = *first;

		group_changes = first->next;
		if (!group_changes)
			group_changes_end = &group_changes;
		inet_memory_put(first);
		core_leave();
		banos_interface_group(protocol, change.interface, &change.group, change.wanted);
		inet_lock();
	}
	groups_are_told = false;
}

static err_t group_filter(struct netif *netif, uint8_t third, const uint8_t tail[3], bool six,
			  bool wanted)
{
	struct banos_net_address group = { { 0x01, 0x00, 0x5e, third, tail[1], tail[2], 0, 0 } };
	struct group_change *change = inet_memory_zeroes(1, sizeof(*change));

	if (!change)
		return ERR_MEM;
	if (six) {
		group.bytes[0] = group.bytes[1] = 0x33;
		group.bytes[2] = third;
		memcpy(group.bytes + 3, tail, 3);
	}
	change->interface = ((struct link *)netif->state)->index;
	change->group = group;
	change->wanted = wanted;
	*group_changes_end = change;
	group_changes_end = &change->next;
	return ERR_OK;
}

static err_t group_filter4(struct netif *netif, const ip4_addr_t *group,
			   enum netif_mac_filter_action action)
{
	const uint8_t *bytes = (const uint8_t *)&group->addr;

	return group_filter(netif, bytes[1] & 0x7f, bytes + 1, false,
			    action == NETIF_ADD_MAC_FILTER);
}

static err_t group_filter6(struct netif *netif, const ip6_addr_t *group,
			   enum netif_mac_filter_action action)
{
	const uint8_t *bytes = (const uint8_t *)&group->addr[3];

	return group_filter(netif, bytes[0], bytes + 1, true, action == NETIF_ADD_MAC_FILTER);
}

static err_t netif_begin(struct netif *netif)
{
	struct link *link = netif->state;

	netif->name[0] = 'i';
	netif->name[1] = 'f';
	if (link->flags & BANOS_INTERFACE_LOOPBACK) {
		netif->output = loop_output4;
		netif->output_ip6 = loop_output6;
		netif->flags = NETIF_FLAG_MLD6 | NETIF_FLAG_IGMP;
		NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL);
		return ERR_OK;
	}
	netif->output = etharp_output;
	netif->output_ip6 = card_output6;
	netif->linkoutput = link_output;
	netif->hwaddr_len = 6;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		       NETIF_FLAG_MLD6 | NETIF_FLAG_IGMP;
	netif_set_igmp_mac_filter(netif, group_filter4);
	netif_set_mld_mac_filter(netif, group_filter6);
	return ERR_OK;
}

static const uint8_t all_nodes[3] = { 0, 0, 1 }; /* the end of ff02::1 */

static struct link *link_add(uint32_t index, uint32_t flags, struct link *main)
{
	struct link *link = inet_memory_zeroes(1, sizeof(*link));

	if (!link)
		return NULL;
	link->index = index;
	link->flags = flags;
	link->main = main ? main : link;
	if (!netif_add(&link->netif, NULL, NULL, NULL, link, netif_begin, ethernet_input)) {
		inet_memory_put(link);
		return NULL;
	}
	link->next = links;
	links = link;
	/* lwIP receives these as if it had joined them: advertisements. */
	if (link->main == link && !(flags & BANOS_INTERFACE_LOOPBACK))
		group_filter(&link->netif, 0, all_nodes, true, true);
	return link;
}

/* What the kernel says of an interface; its further addresses follow. */
static void link_update(struct link *link, const struct link *main)
{
	link->flags = main->flags;
	link->netif.mtu = main->netif.mtu;
	autoconf_mtu_set(link);
	memcpy(link->netif.hwaddr, main->netif.hwaddr, 6);
	link_set_checksums(link);
	if (link->flags & BANOS_INTERFACE_UP)
		netif_set_up(&link->netif);
	else
		netif_set_down(&link->netif);
	if (link->flags & BANOS_INTERFACE_RUNNING)
		netif_set_link_up(&link->netif);
	else
		netif_set_link_down(&link->netif);
}

static void link_remove(struct link *link)
{
	struct link **at = &links;

	/* lwIP forgets them only of one that is up. */
	etharp_cleanup_netif(&link->netif);
	nd6_cleanup_netif(&link->netif);
	netif_remove(&link->netif);
	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	banos_packet_free(link->pending, link->npending, sizeof(link->pending[0]));
	inet_memory_put(link);
}

struct link *link_add_alias(struct link *main)
{
	struct link *alias = link_add(main->index, main->flags, main);

	if (alias)
		link_update(alias, main);
	return alias;
}

void link_remove_alias(struct link *alias)
{
	link_remove(alias);
}

static void link_end(struct link *main)
{
	struct link *next;

	routes_forget(main->index);
	for (struct link *link = links; link; link = next) {
		next = link->next;
		if (link->main == main && link != main)
			link_remove(link);
	}
	link_remove(main);
}

static void link_change(const struct banos_interface *interface)
{
	struct link *main = link_find(interface->index);

	if (!main)
		main = link_add(interface->index, interface->flags, NULL);
	if (!main)
		return;
	main->flags = interface->flags;
	main->offloads = interface->offloads;
	main->ipv6 = interface->ipv6;
	main->netif.mtu = (uint16_t)(interface->mtu < MTU_MAX ? interface->mtu : MTU_MAX);
	if (!(main->flags & BANOS_INTERFACE_UP))
		main->announced_mtu = 0;
	memcpy(main->netif.hwaddr, interface->address, 6);
	for (struct link *link = links; link; link = link->next)
		if (link->main == main)
			link_update(link, main);
	autoconf_update(main);
}

static int64_t link_event(void *context, uint32_t event, const struct banos_interface *interface)
{
	struct link *link;

	inet_lock();
	link = link_find(interface->index);
	if (event != BANOS_INTERFACE_REMOVED)
		link_change(interface);
	else if (link)
		link_end(link);
	inet_unlock();
	return 0;
}

static int64_t link_configure(void *context, uint32_t event,
			      const struct banos_net_setting *setting)
{
	int64_t err;

	inet_lock();
	err = route_configure(event, setting);
	inet_unlock();
	return err;
}

int64_t link_register(banos_owner self)
{
	static const struct banos_protocol_ops ops = {
		.size = sizeof(ops),
		.receive = link_receive,
		.interface = link_event,
		.configure = link_configure,
		.take = above_take,
		.send = above_send,
	};
	static const struct banos_protocol_config config = {
		.size = sizeof(config),
		.ethertypes = { TYPE_IPV4, TYPE_ARP, TYPE_IPV6 },
		.ops = &ops,
	};

	return banos_protocol_register(self, &config, &protocol);
}
