/* SPDX-License-Identifier: MIT */
/*
 * Packets before lwIP sees them: what it does not do with them is done here.
 *
 * A SYN to a connection in TIME_WAIT opens a new one if it is newer (RFC 9293, 3.10.7.4), as Linux has it: a client's
 * port may be used again at once. lwIP would answer it with an acknowledgement for two minutes. Errors of ICMP, which
 * lwIP drops, are for sockets. Both are believed once their checksums were verified, here, for lwIP does so later.
 */
#include "inet.h"
#include "table.h"
#include <lwip/inet_chksum.h>

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define UPPER_LEAST 8u
#define FLAGS_AT    13u
#define TCP_LEAST   20u

static uint16_t flow_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool flow_read4(struct flow *flow, const uint8_t *packet, uint32_t length)
{
	uint32_t header = (packet[0] & 15) * 4u, words[2];

	if (length >= IPV4_HEADER) /* without what fills the frame */
		length = least_of(length, flow_be16(packet + 2));
	if (length < IPV4_HEADER || header < IPV4_HEADER || length < header + UPPER_LEAST ||
	    flow_be16(packet + 6) & 0x1fff)
		return false;
	memcpy(words, packet + 12, sizeof(words));
	ip_addr_set_ip4_u32(&flow->from, words[0]);
	ip_addr_set_ip4_u32(&flow->to, words[1]);
	flow->protocol = packet[9];
	flow->upper = packet + header;
	flow->upper_bytes = length - header;
	return true;
}

/* What has extension headers is left to lwIP. */
static bool flow_read6(struct flow *flow, const uint8_t *packet, uint32_t length)
{
	uint32_t words[8];

	if (length >= IPV6_HEADER)
		length = least_of(length, IPV6_HEADER + flow_be16(packet + 4));
	if (length < IPV6_HEADER + UPPER_LEAST)
		return false;
	memcpy(words, packet + 8, sizeof(words));
	IP_ADDR6(&flow->from, words[0], words[1], words[2], words[3]);
	IP_ADDR6(&flow->to, words[4], words[5], words[6], words[7]);
	flow->protocol = packet[6];
	flow->upper = packet + IPV6_HEADER;
	flow->upper_bytes = length - IPV6_HEADER;
	return true;
}

bool flow_read(struct flow *flow, const uint8_t *packet, uint32_t length)
{
	bool good = false;

	if (length && packet[0] >> 4 == 4)
		good = flow_read4(flow, packet, length);
	else if (length && packet[0] >> 4 == 6)
		good = flow_read6(flow, packet, length);
	if (!good)
		return false;
	flow->source = flow_be16(flow->upper);
	flow->destination = flow_be16(flow->upper + 2);
	return true;
}

/* The sum of the addresses and of what else a checksum covers beside the packet itself: RFC 9293, 3.1; RFC 8200, 8.1. */
static uint32_t flow_pseudo_sum(const struct flow *flow)
{
	uint32_t words[10] = { 0 }, count = 2;

	if (IP_IS_V6_VAL(flow->from)) {
		memcpy(words, ip_2_ip6(&flow->from)->addr, 16);
		memcpy(words + 4, ip_2_ip6(&flow->to)->addr, 16);
		count = 8;
	} else {
		words[0] = ip_2_ip4(&flow->from)->addr;
		words[1] = ip_2_ip4(&flow->to)->addr;
	}
	words[count] = lwip_htonl(flow->upper_bytes);
	words[count + 1] = lwip_htonl(flow->protocol);
	return (uint16_t)~inet_chksum(words, (uint16_t)((count + 2) * 4));
}

static bool flow_sum_is_good(const struct flow *flow)
{
	uint32_t sum = (uint16_t)~inet_chksum(flow->upper, (uint16_t)flow->upper_bytes);

	if (flow->protocol != PROTOCOL_ICMP)
		sum += flow_pseudo_sum(flow);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

bool flow_is_believed(const struct netif *netif, const struct flow *flow)
{
	return !(netif->chksum_flags & NETIF_CHECKSUM_CHECK_ICMP) || flow_sum_is_good(flow);
}

static void syn_arrived(const struct flow *flow)
{
	struct tcp_pcb *pcb =
		table_find(&flow->to, flow->destination, &flow->from, flow->source, NETIF_NO_INDEX);
	uint32_t sequence;

	if (!pcb || pcb->state != TIME_WAIT)
		return;
	memcpy(&sequence, flow->upper + 4, sizeof(sequence));
	sequence = lwip_ntohl(sequence);
	if ((int32_t)(sequence - pcb->rcv_nxt) > 0)
		tcp_abort(pcb); /* in this state that sends nothing */
}

void flow_inspect(const struct netif *netif, const uint8_t *packet, uint32_t length)
{
	struct flow flow;

	if (!flow_read(&flow, packet, length))
		return;
	if (flow.protocol == PROTOCOL_TCP && flow.upper_bytes >= TCP_LEAST) {
		if ((flow.upper[FLAGS_AT] & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN &&
		    flow_is_believed(netif, &flow))
			syn_arrived(&flow);
	} else if (flow.protocol == (IP_IS_V6_VAL(flow.from) ? PROTOCOL_ICMP6 : PROTOCOL_ICMP)) {
		error_arrived(netif, &flow);
	}
}
