/* SPDX-License-Identifier: MIT */
/*
 * What follows behind IP: the check of packets that lwIP has put together, and protocols of other drivers.
 *
 * lwIP calls raw_input() for each packet that is for this machine, behind reassembly and the headers of IP; here that is
 * inet_raw_input() (lwipopts.h), which is lwIP's own with this in front. The shape of a fragment says nothing of what it is a part of,
 * so what was put together is checked once more. Packets of protocols that drivers have taken wait in a row until the
 * lock is left: their receive() may send. What nobody takes lwIP answers: protocol unreachable.
 */
#include "inet.h"
#include "shape.h"
#include <lwip/ip.h>
#include <lwip/priv/raw_priv.h>

#define WAITING_MAX 256u
#define LENGTH_MAX  65495u /* behind a header of IPv6 */

raw_input_state_t inet_raw_input(struct pbuf *pbuf, struct netif *netif);

/* IP's own, and those that lwIP has: ICMP, IGMP, TCP, UDP, the headers of IPv6, ICMPv6. */
static const uint8_t own_numbers[] = { 0, 1, 2, 6, 17, 43, 44, 58, 59, 60 };
static uint32_t taken[2][8]; /* bits by number, of IPv4 and IPv6; under the lock */
static uint32_t taken_count;

struct waiting {
	struct waiting *next;
	struct banos_ip_packet packet;
};
static struct waiting *waiting, **waiting_end = &waiting;
static uint32_t waiting_count;

static uint32_t *taken_word(bool six, uint32_t number)
{
	return &taken[six][number / 32 % 8];
}

int64_t above_take(void *context, uint32_t event, uint32_t family, uint32_t number)
{
	uint32_t bit = 1u << number % 32, *word = taken_word(family == BANOS_FAMILY_IPV6, number);

	for (uint32_t i = 0; i < sizeof(own_numbers); i++)
		if (number == own_numbers[i])
			return -EBUSY;
	inet_lock();
	if (event == BANOS_SETTING_ADD && !(*word & bit)) {
		*word |= bit;
		taken_count++;
	} else if (event == BANOS_SETTING_REMOVE && *word & bit) {
		*word &= ~bit;
		taken_count--;
	}
	inet_unlock();
	return 0;
}

/* ---- what arrives ---- */

static void address_to(const ip_addr_t *from, uint8_t *to)
{
	memset(to, 0, 16);
	if (IP_IS_V6(from))
		memcpy(to, ip_2_ip6(from)->addr, 16);
	else
		memcpy(to, &ip_2_ip4(from)->addr, 4);
}

static void above_queue(const struct pbuf *pbuf, const struct shape_upper *upper, bool six)
{
	struct waiting *entry = inet_memory_zeroes(1, sizeof(*entry));
	uint16_t length = (uint16_t)(pbuf->tot_len - upper->offset);
	struct banos_ip_packet *packet = &entry->packet;

	if (!entry)
		return;
	if (waiting_count == WAITING_MAX ||
	    banos_packet_alloc(inet_owner, length ? length : 1, 64, &packet->packet,
			       sizeof(packet->packet))) {
		inet_memory_put(entry);
		return;
	}
	packet->packet.length = length;
	packet->packet.flags = 0;
	pbuf_copy_partial(pbuf, packet->packet.bytes, length, (uint16_t)upper->offset);
	if (six) {
		packet->family = BANOS_FAMILY_IPV6;
		packet->hops = IP6H_HOPLIM(ip6_current_header());
	} else {
		packet->family = BANOS_FAMILY_IPV4;
		packet->hops = IPH_TTL(ip4_current_header());
	}
	packet->interface = ((struct link *)ip_current_input_netif()->state)->index;
	packet->number = upper->protocol;
	address_to(ip_current_src_addr(), packet->source);
	address_to(ip_current_dest_addr(), packet->destination);
	*waiting_end = entry;
	waiting_end = &entry->next;
	waiting_count++;
}

raw_input_state_t inet_raw_input(struct pbuf *pbuf, struct netif *netif)
{
	static uint8_t head[SHAPE_HEAD]; /* under the lock */
	bool six = ip_current_is_v6(), is_taken;
	struct shape_upper upper;
	raw_input_state_t result;

	if (!pbuf->next && !taken_count)
		return raw_input(pbuf, netif);
	if (pbuf->next) { /* it was put together */
		pbuf_copy_partial(pbuf, head, sizeof(head), 0);
		if (!shape_whole_is_good(head, pbuf->tot_len, &upper)) {
			pbuf_free(pbuf);
			return RAW_INPUT_EATEN;
		}
	} else if (!shape_find_upper(pbuf->payload, pbuf->len, &upper)) {
		upper.protocol = 0; /* of more headers than drivers get packets behind */
	}
	is_taken = *taken_word(six, upper.protocol) >> upper.protocol % 32 & 1;
	if (is_taken)
		above_queue(pbuf, &upper, six);
	result = raw_input(pbuf, netif);
	if (is_taken && result == RAW_INPUT_NONE)
		return RAW_INPUT_DELIVERED;
	return result;
}

void above_deliver(void)
{
	while (__atomic_load_n(&waiting, __ATOMIC_RELAXED)) {
		struct banos_ip_packet packet;
		struct waiting *first;

		inet_lock();
		first = waiting;
		if (first) {
			waiting = first->next;
			if (!waiting)
				waiting_end = &waiting;
			waiting_count--;
			packet = first->packet;
			inet_memory_put(first);
		}
		inet_unlock();
		if (first)
			link_deliver(&packet);
	}
}

/* ---- what is sent ---- */

static void address_from(const uint8_t *from, bool six, ip_addr_t *to)
{
	uint32_t words[4];

	memcpy(words, from, sizeof(words));
	if (six)
		IP_ADDR6(to, words[0], words[1], words[2], words[3]);
	else
		ip_addr_set_ip4_u32(to, words[0]);
}

static int64_t above_output(struct pbuf *pbuf, const struct banos_ip_packet *packet)
{
	bool six = packet->family == BANOS_FAMILY_IPV6;
	struct link *link = packet->interface ? link_find(packet->interface) : NULL;
	uint8_t hops = (uint8_t)(packet->hops ? packet->hops : IP_DEFAULT_TTL);
	const ip_addr_t *from;
	ip_addr_t source, to;
	struct netif *netif;

	address_from(packet->source, six, &source);
	address_from(packet->destination, six, &to);
	if (packet->interface && !link)
		return -ENODEV;
	if (six && link) {
		ip6_addr_assign_zone(ip_2_ip6(&to), IP6_UNKNOWN, &link->netif);
		ip6_addr_assign_zone(ip_2_ip6(&source), IP6_UNICAST, &link->netif);
	}
	netif = ip_route(&source, &to);
	if (link && (!netif || ((struct link *)netif->state)->main != link) && !address_is_own(&to))
		netif = &link->netif;
	if (!netif)
		return -ENETUNREACH;
	from = &source;
	if (ip_addr_isany(&source))
		from = ip_netif_get_local_ip(netif, &to);
	/* Nobody answers from an address that is not this machine's, of a group for example. */
	if (from == &source && !address_is_own(&source))
		from = ip_netif_get_local_ip(netif, &to);
	if (!from)
		return -ENETUNREACH;
	return inet_error(
		ip_output_if_src(pbuf, from, &to, hops, 0, (uint8_t)packet->number, netif));
}

int64_t above_send(void *context, const struct banos_ip_packet *packets, uint32_t count,
		   uint32_t stride)
{
	const uint8_t *at = (const uint8_t *)packets;
	int64_t err = 0;

	for (uint32_t i = 0; i < count; i++, at += stride) {
		const struct banos_ip_packet *packet = (const struct banos_ip_packet *)at;
		uint32_t length = packet->packet.length;
		struct pbuf *pbuf = NULL;

		inet_lock();
		if (length <= LENGTH_MAX)
			pbuf = pbuf_alloc(PBUF_IP, (uint16_t)length, PBUF_RAM);
		if (pbuf) {
			pbuf_take(pbuf, packet->packet.bytes, (uint16_t)length);
			err = above_output(pbuf, packet);
			pbuf_free(pbuf);
		} else {
			err = length > LENGTH_MAX ? -EMSGSIZE : -ENOBUFS;
		}
		inet_unlock();
		banos_packet_free(&packet->packet, 1, sizeof(packet->packet));
	}
	return err;
}
