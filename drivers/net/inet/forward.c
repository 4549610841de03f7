/* SPDX-License-Identifier: MIT */
/*
 * What a frame that arrived is for: this machine or another one; and the packet hooks on both ways.
 *
 * lwIP decides once more, and forwards. Its pbufs of frames that are for another machine are marked, so that they are told
 * from what this machine made when they leave. Fragments that it makes of one are not: they count as this machine's.
 */
#include "inet.h"
#include <lwip/inet_chksum.h>

#define TYPE_IPV4   0x0800u
#define TYPE_IPV6   0x86ddu
#define HEADER	    14u
#define IPV4_LEAST  20u
#define IPV6_HEADER 40u
#define KEPT_MAX    64u

static bool forwards4, forwards6;
static struct banos_net_packet kept[KEPT_MAX]; /* of the frames that are being received */

void forward_configure(uint32_t event, const struct banos_net_setting *setting)
{
	if (setting->family == BANOS_FAMILY_IPV4)
		forwards4 = event == BANOS_SETTING_ADD;
	else
		forwards6 = event == BANOS_SETTING_ADD;
}

bool forward_is_on(void)
{
	return forwards4 || forwards6;
}

int inet_may_forward4(void)
{
	return -forwards4; /* -1: as lwIP decides */
}

/* lwIP takes what is for all of any link that is up, whichever it came from. */
static bool is_for_all4(uint32_t interface, const ip4_addr_t *address)
{
	for (const struct link *link = links; link; link = link->next)
		if ((link->index == interface || netif_is_up(&link->netif)) &&
		    ip4_addr_isbroadcast(address, &link->netif))
			return true;
	return ip4_addr_ismulticast(address);
}

static bool goes_on4(uint32_t interface, const uint8_t *ip, uint32_t length, struct netif **way)
{
	ip4_addr_t from, to;
	ip_addr_t address;

	if (!forwards4 || length < IPV4_LEAST)
		return false;
	memcpy(&from, ip + 12, sizeof(from));
	memcpy(&to, ip + 16, sizeof(to));
	ip_addr_copy_from_ip4(address, to);
	if (address_is_own(&address) || is_for_all4(interface, &to))
		return false;
	*way = inet_route4(&from, &to);
	return true;
}

static bool goes_on6(const uint8_t *ip, uint32_t length, struct netif **way)
{
	ip6_addr_t to = { 0 };
	ip_addr_t address;

	if (!forwards6 || length < IPV6_HEADER)
		return false;
	memcpy(to.addr, ip + 24, 16);
	ip_addr_copy_from_ip6(address, to);
	if (ip6_addr_ismulticast(&to) || ip6_addr_islinklocal(&to) || ip6_addr_isloopback(&to) ||
	    address_is_own(&address))
		return false;
	*way = inet_route6(NULL, &to);
	return true;
}

bool forward_is_for_another(uint32_t interface, uint32_t type, const uint8_t *ip, uint32_t length,
			    uint32_t *out)
{
	struct netif *way = NULL;
	bool goes_on = false;

	if (type == TYPE_IPV4)
		goes_on = goes_on4(interface, ip, length, &way);
	else if (type == TYPE_IPV6)
		goes_on = goes_on6(ip, length, &way);
	*out = way ? ((struct link *)way->state)->index : 0;
	return goes_on;
}

/* lwIP forwards each one that is not for this machine; these would not be. */
bool forward_is_refused6(const uint8_t *ip, uint32_t length)
{
	ip6_addr_t to = { 0 };
	ip_addr_t address;

	if (forwards6 || length < IPV6_HEADER)
		return false;
	memcpy(to.addr, ip + 24, 16);
	ip_addr_copy_from_ip6(address, to);
	return !ip6_addr_ismulticast(&to) && !ip6_addr_islinklocal(&to) &&
	       !address_is_own(&address) && !ip6_addr_isloopback(&to);
}

/* A checksum that was left to a device, which the next interface may lack. */
void forward_fill_checksum(struct pbuf *pbuf, const struct banos_net_packet *packet)
{
	uint32_t start = packet->checksum_start, at = start + packet->checksum_offset;
	uint16_t sum;

	if (!(packet->flags & BANOS_PACKET_PARTIAL) || start < HEADER ||
	    at + 2 > HEADER + pbuf->len)
		return;
	sum = inet_chksum((uint8_t *)pbuf->payload + start - HEADER,
			  (uint16_t)(pbuf->len - (start - HEADER)));
	if (!sum) /* UDP: 0 is none */
		sum = 0xffff;
	memcpy((uint8_t *)pbuf->payload + at - HEADER, &sum, sizeof(sum));
}

/* ---- hooks ---- */

static uint32_t frame_type(const struct banos_net_packet *packet)
{
	if (packet->length < HEADER)
		return 0;
	return (uint32_t)(packet->bytes[12] << 8 | packet->bytes[13]);
}

/* Frames from @from on that take the same way. @return how many packets they are */
static uint32_t same_way(const struct banos_net_packet *packets, uint32_t count, uint32_t *point,
			 uint32_t *out)
{
	uint32_t length = 0, used = 0;

	while (used < count) {
		const struct banos_net_packet *head = &packets[used];
		uint32_t way, here = BANOS_HOOK_INPUT;

		if (forward_is_for_another(head->interface, frame_type(head), head->bytes + HEADER,
					   head->length - HEADER, &way))
			here = BANOS_HOOK_FORWARD;
		if (length && (here != *point || way != *out))
			break;
		*point = here;
		*out = way;
		while (used + 1 < count && packets[used].flags & BANOS_PACKET_MORE)
			used++;
		length = ++used;
	}
	return used;
}

uint32_t forward_show(banos_protocol protocol, const struct banos_net_packet **packets,
		      uint32_t count)
{
	uint32_t left = 0, point = BANOS_HOOK_INPUT, out = 0;

	if (!banos_packet_hook_points(BANOS_HOOK_INPUT | BANOS_HOOK_FORWARD))
		return count;
	if (count > KEPT_MAX) { /* the kernel never hands over so many */
		banos_packet_free(*packets, count, sizeof(kept[0]));
		return 0;
	}
	for (uint32_t i = 0; i < count;) {
		uint32_t part = count - i;
		int64_t passed;

		if (forwards4 || forwards6)
			part = same_way(*packets + i, part, &point, &out);
		memcpy(kept + left, *packets + i, part * sizeof(kept[0]));
		passed = banos_protocol_hooks(protocol, point, out, kept + left, part,
					      sizeof(kept[0]));
		if (passed > 0)
			left += (uint32_t)passed;
		i += part;
	}
	*packets = kept;
	return left;
}
