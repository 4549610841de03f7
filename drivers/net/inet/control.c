/* SPDX-License-Identifier: MIT */
/* Control messages of datagrams, ip(7) and ipv6(7): what a call says of the one that it sends, and what is told of one that arrived. */
#include <banos/time.h>
#include "inet.h"
#include <lwip/ip.h>

#define HEADER_BYTES  16u
#define LEVEL_IP      0
#define LEVEL_SOCKET  1
#define LEVEL_IPV6    41
#define IP_TOS	      1
#define IP_TTL	      2
#define IP_PKTINFO    8
#define IPV6_PKTINFO  50
#define IPV6_HOPLIMIT 52
#define IPV6_TCLASS   67
#define SCM_LAST      2 /* SCM_RIGHTS and SCM_CREDENTIALS: not for these sockets, and ignored */
#define SCM_DROPS     40
#define INFO4_BYTES   12u
#define INFO6_BYTES   20u

/* ---- sending ---- */

static int64_t control_number_take(const uint8_t *content, uint64_t length, int32_t least,
				   uint8_t *number)
{
	int32_t value;

	if (length != sizeof(value))
		return -EINVAL;
	memcpy(&value, content, sizeof(value));
	if (value < least || value > 255)
		return -EINVAL;
	*number = (uint8_t)value;
	return 0;
}

/* struct in_pktinfo: index, source, and an address that means nothing here */
static int64_t info4_take(const uint8_t *content, uint64_t length, struct control_sent *sent)
{
	uint32_t words[3];

	if (length != INFO4_BYTES)
		return -EINVAL;
	memcpy(words, content, sizeof(words));
	sent->interface = words[0];
	sent->has_source = words[1];
	sent->source = (ip_addr_t)IPADDR4_INIT(words[1]);
	return 0;
}

/* struct in6_pktinfo: source, index; a source of IPv4 in one of IPv6 is that */
static int64_t info6_take(const uint8_t *content, uint64_t length, struct control_sent *sent)
{
	uint32_t words[5];

	if (length < INFO6_BYTES)
		return -EINVAL;
	memcpy(words, content, sizeof(words));
	sent->interface = words[4];
	sent->has_source = words[0] || words[1] || words[2] || words[3];
	if (!words[0] && !words[1] && words[2] == PP_HTONL(0xffff))
		sent->source = (ip_addr_t)IPADDR4_INIT(words[3]);
	else
		IP_ADDR6(&sent->source, words[0], words[1], words[2], words[3]);
	return 0;
}

static int64_t message4_take(int32_t type, const uint8_t *content, uint64_t length,
			     struct control_sent *sent)
{
	switch (type) {
	case IP_PKTINFO: return info4_take(content, length, sent);
	case IP_TTL:
		sent->has_ttl = true;
		return control_number_take(content, length, 1, &sent->ttl);
	case IP_TOS:
		sent->has_tos = true;
		if (length != 1)
			return control_number_take(content, length, 0, &sent->tos);
		sent->tos = *content;
		return 0;
	}
	return -EINVAL;
}

static int64_t message6_take(int32_t type, const uint8_t *content, uint64_t length,
			     struct control_sent *sent)
{
	int32_t value = 0;

	if (type == IPV6_PKTINFO)
		return info6_take(content, length, sent);
	if (type != IPV6_HOPLIMIT && type != IPV6_TCLASS)
		return -EINVAL;
	if (length == sizeof(value))
		memcpy(&value, content, sizeof(value));
	if (value == -1) /* as the socket says */
		return 0;
	if (type == IPV6_HOPLIMIT) {
		sent->has_ttl = true;
		return control_number_take(content, length, 0, &sent->ttl);
	}
	sent->has_tos = true;
	return control_number_take(content, length, 0, &sent->tos);
}

int64_t control_parse(const struct inet_socket *socket, const struct banos_socket_message *message,
		      struct control_sent *sent)
{
	uint64_t left = message->control_length, length, step;
	const uint8_t *at = message->control;
	int32_t about[2];
	int64_t err = 0;

	for (; left >= HEADER_BYTES && !err; at += step, left -= step) {
		memcpy(&length, at, sizeof(length));
		memcpy(about, at + sizeof(length), sizeof(about));
		if (length < HEADER_BYTES || length > left)
			return -EINVAL;
		step = least_of((length + 7) & ~7ull, left);
		length -= HEADER_BYTES;
		if (about[0] == LEVEL_IP)
			err = message4_take(about[1], at + HEADER_BYTES, length, sent);
		else if (about[0] == LEVEL_IPV6 && socket->family == AF_INET6)
			err = message6_take(about[1], at + HEADER_BYTES, length, sent);
		else if (about[0] == LEVEL_SOCKET && (about[1] < 1 || about[1] > SCM_LAST))
			err = -EINVAL;
	}
	return err;
}

/* ---- receiving ---- */

void control_add(struct banos_socket_message *message, int32_t level, int32_t type,
		 const void *content, uint32_t length)
{
	uint64_t size = 16 + length;
	uint8_t *at = message->control + message->control_length;

	if (message->control_length + ((size + 7) & ~7ull) > sizeof(message->control))
		return;
	memset(at, 0, (size + 7) & ~7ull);
	memcpy(at, &size, 8);
	memcpy(at + 8, &level, 4);
	memcpy(at + 12, &type, 4);
	memcpy(at + 16, content, length);
	message->control_length += (uint32_t)((size + 7) & ~7ull);
}

/* The own address that a datagram was for: of one for a group, or for all, the interface's. */
static uint32_t local_address(const struct datagram *datagram)
{
	const struct link *link = link_find(datagram->interface);

	if (!link || address_is_own(&datagram->to))
		return ip_2_ip4(&datagram->to)->addr;
	return netif_ip4_addr(&link->netif)->addr;
}

static void control_received4(const struct inet_socket *socket, const struct datagram *datagram,
			      struct banos_socket_message *message)
{
	uint32_t ttl = datagram->ttl;
	const uint32_t info[3] = { datagram->interface, local_address(datagram),
				   ip_2_ip4(&datagram->to)->addr };

	if (socket->set.wants_info)
		control_add(message, LEVEL_IP, IP_PKTINFO, info, sizeof(info));
	if (socket->set.wants_ttl)
		control_add(message, LEVEL_IP, IP_TTL, &ttl, sizeof(ttl));
	if (socket->set.wants_tos)
		control_add(message, LEVEL_IP, IP_TOS, &datagram->tos, 1);
}

static void control_received6(const struct inet_socket *socket, const struct datagram *datagram,
			      struct banos_socket_message *message)
{
	uint32_t ttl = datagram->ttl, tos = datagram->tos;
	uint32_t info[5] = { 0, 0, PP_HTONL(0xffff), 0, datagram->interface };
	bool six = IP_IS_V6(&datagram->to);

	if (six)
		memcpy(info, ip_2_ip6(&datagram->to)->addr, 16);
	else
		info[3] = ip_2_ip4(&datagram->to)->addr;
	if (socket->set.wants_info)
		control_add(message, LEVEL_IPV6, IPV6_PKTINFO, info, sizeof(info));
	if (socket->set.wants_ttl && six)
		control_add(message, LEVEL_IPV6, IPV6_HOPLIMIT, &ttl, sizeof(ttl));
	if (socket->set.wants_tos && six)
		control_add(message, LEVEL_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

/* struct timeval or timespec; their messages have the numbers of the options that ask for them. */
static void control_timestamp(const struct inet_socket *socket, const struct datagram *datagram,
			      struct banos_socket_message *message)
{
	bool micro = socket->set.timestamp == SO_TIMESTAMP_OLD ||
		     socket->set.timestamp == SO_TIMESTAMP_NEW;
	uint64_t ns = datagram->arrived_ns, time[2];

	if (!ns)
		ns = banos_time_real_ns();
	time[0] = ns / BANOS_S;
	time[1] = ns % BANOS_S;
	if (micro)
		time[1] /= BANOS_US;
	control_add(message, LEVEL_SOCKET, socket->set.timestamp, time, sizeof(time));
}

void control_received(const struct inet_socket *socket, const struct datagram *datagram,
		      struct banos_socket_message *message)
{
	if (socket->set.timestamp)
		control_timestamp(socket, datagram, message);
	if (socket->set.wants_drops && datagram->drops)
		control_add(message, LEVEL_SOCKET, SCM_DROPS, &datagram->drops,
			    sizeof(datagram->drops));
	if (socket->family == AF_INET)
		control_received4(socket, datagram, message);
	else
		control_received6(socket, datagram, message);
}
