/* SPDX-License-Identifier: MIT */
/*
 * What an interface's card does of what is sent: checksums, and the cutting of long segments (offload.c).
 *
 * lwIP is told by interface which checksums it leaves out. It does so before it fragments a packet, and no card completes
 * fragments: so a datagram that will be fragmented is known beforehand, and an interface by which segments of TCP were
 * fragmented leaves those to its card no more; what was lost is sent again.
 */
#include "inet.h"
#include <lwip/nd6.h>
#include <lwip/prot/udp.h>

void link_set_checksums(struct link *link)
{
	uint16_t left = 0;

	if (link->flags & BANOS_INTERFACE_LOOPBACK)
		return;
	if (link->main->offloads & BANOS_NET_TX_CHECKSUM)
		left = NETIF_CHECKSUM_GEN_UDP;
	if (left && !link->main->cuts_tcp)
		left |= NETIF_CHECKSUM_GEN_TCP;
	link->netif.chksum_flags |= NETIF_CHECKSUM_GEN_UDP | NETIF_CHECKSUM_GEN_TCP;
	link->netif.chksum_flags &= (uint16_t)~left;
}

static void links_set_checksums(const struct link *main)
{
	for (struct link *link = links; link; link = link->next)
		if (link->main == main)
			link_set_checksums(link);
}

void link_join_end(struct link *link)
{
	struct banos_net_packet *head = &link->pending[link->joined_at];
	const struct offload_joined *joined = &link->joined;

	if (link->joined_count > 1) {
		offload_close(head->bytes, joined);
		head->flags |= link->joined_cut;
		head->segment_bytes = joined->segment;
		head->header_bytes = joined->about.header_bytes;
	}
	link->joined_count = 0;
}

/* lwIP cuts what the mtu, which it learns of later, has become too small for; that must have its checksum. */
static void link_note_fragment(struct link *link, const struct banos_net_packet *packet)
{
	if (!link->cuts_tcp && offload_is_fragment_of_tcp(packet->bytes, packet->length)) {
		link->cuts_tcp = true;
		links_set_checksums(link);
	}
}

void link_leave_to_card(struct link *link, struct banos_net_packet *packet)
{
	struct banos_net_packet *head = &link->pending[link->joined_at];
	struct offload about;
	uint32_t cuts = BANOS_NET_TSO4;

	if (link->joined_count &&
	    offload_join(head->bytes, &link->joined, packet->bytes, packet->length)) {
		packet[-1].flags |= BANOS_PACKET_MORE;
		packet->bytes += link->joined.about.header_bytes;
		packet->length -= link->joined.about.header_bytes;
		link->joined_count++;
		return;
	}
	link_join_end(link);
	if (!offload_find(packet->bytes, packet->length, &about)) {
		link_note_fragment(link, packet);
		return;
	}
	offload_begin(packet->bytes, packet->length, &about);
	packet->flags = BANOS_PACKET_PARTIAL;
	packet->checksum_start = about.transport;
	packet->checksum_offset = about.field;
	if (about.six)
		cuts = BANOS_NET_TSO6;
	if (!about.header_bytes || !(link->offloads & cuts))
		return;
	offload_open(packet->bytes, packet->length, &about, &link->joined);
	link->joined_at = link->npending;
	link->joined_count = 1;
	link->joined_cut = BANOS_PACKET_TSO4;
	if (about.six)
		link->joined_cut = BANOS_PACKET_TSO6;
}

static bool is_cut(const struct link *link, const ip_addr_t *to, uint64_t length)
{
	if (IP_IS_V6(to))
		return length + IP6_HLEN + UDP_HLEN >
		       nd6_get_destination_mtu(ip_2_ip6(to), (struct netif *)&link->netif);
	return length + IP_HLEN + UDP_HLEN > link->netif.mtu;
}

void link_plan_datagram(const ip_addr_t *to, uint64_t length)
{
	for (struct link *link = links; link; link = link->next) {
		if (!(link->main->offloads & BANOS_NET_TX_CHECKSUM) ||
		    link->flags & BANOS_INTERFACE_LOOPBACK)
			continue;
		if (is_cut(link, to, length))
			link->netif.chksum_flags |= NETIF_CHECKSUM_GEN_UDP;
		else
			link->netif.chksum_flags &= (uint16_t)~NETIF_CHECKSUM_GEN_UDP;
	}
}
