/* SPDX-License-Identifier: MIT */
/* Options of sockets: ip(7), ipv6(7), tcp(7), and what the kernel says of SOL_SOCKET. */
#include "inet.h"
#include "table.h"
#include <lwip/ip.h>
#include <lwip/nd6.h>

#define MTU_DISCOVER_MAX     5u
#define PROTOCOL_IPV6	     41u
#define NO_DEVICE	     255u /* lwIP numbers so many only if it ever has them at once */
#define LEVEL(level, option) ((level) << 16 | (option))

/* clang-format off */
enum {
	SO_REUSEADDR = LEVEL(1, 2), SO_ERROR = LEVEL(1, 4), SO_BROADCAST = LEVEL(1, 6),
	SO_SNDBUF = LEVEL(1, 7), SO_RCVBUF = LEVEL(1, 8), SO_KEEPALIVE = LEVEL(1, 9), SO_OOBINLINE = LEVEL(1, 10),
	SO_LINGER = LEVEL(1, 13), SO_REUSEPORT = LEVEL(1, 15), SO_BINDTODEVICE = LEVEL(1, 25),
	IP_TOS = LEVEL(0, 1), IP_TTL = LEVEL(0, 2), IP_HDRINCL = LEVEL(0, 3), IP_PKTINFO = LEVEL(0, 8),
	IP_MTU_DISCOVER = LEVEL(0, 10), IP_RECVERR = LEVEL(0, 11), IP_RECVTTL = LEVEL(0, 12),
	IP_RECVTOS = LEVEL(0, 13), IP_MULTICAST_TTL = LEVEL(0, 33), IP_MULTICAST_LOOP = LEVEL(0, 34),
	IP_MULTICAST_IF = LEVEL(0, 32), IP_ADD_MEMBERSHIP = LEVEL(0, 35), IP_DROP_MEMBERSHIP = LEVEL(0, 36),
	IPV6_MULTICAST_IF = LEVEL(41, 17), IPV6_JOIN_GROUP = LEVEL(41, 20), IPV6_LEAVE_GROUP = LEVEL(41, 21),
	IPV6_UNICAST_HOPS = LEVEL(41, 16), IPV6_MULTICAST_HOPS = LEVEL(41, 18), IPV6_MULTICAST_LOOP = LEVEL(41, 19),
	IPV6_MTU_DISCOVER = LEVEL(41, 23), IPV6_RECVERR = LEVEL(41, 25), IPV6_V6ONLY = LEVEL(41, 26),
	IPV6_RECVPKTINFO = LEVEL(41, 49), IPV6_RECVHOPLIMIT = LEVEL(41, 51), IPV6_RECVTCLASS = LEVEL(41, 66),
	IPV6_TCLASS = LEVEL(41, 67), MCAST_JOIN_GROUP = LEVEL(0, 42), MCAST_LEAVE_GROUP = LEVEL(0, 45),
	MCAST6_JOIN_GROUP = LEVEL(41, 42), MCAST6_LEAVE_GROUP = LEVEL(41, 45), RAW_CHECKSUM = LEVEL(255, 7),
	SO_NO_CHECK = LEVEL(1, 11), IP_BIND_ADDRESS_NO_PORT = LEVEL(0, 24), IP_UNICAST_IF = LEVEL(0, 50),
	IPV6_UNICAST_IF = LEVEL(41, 76), IP_MTU = LEVEL(0, 14), IP_FREEBIND = LEVEL(0, 15), IP_MULTICAST_ALL = LEVEL(0, 49),
	IP_UNBLOCK_SOURCE = LEVEL(0, 37), IP_BLOCK_SOURCE = LEVEL(0, 38),
	IP_ADD_SOURCE_MEMBERSHIP = LEVEL(0, 39), IP_DROP_SOURCE_MEMBERSHIP = LEVEL(0, 40),
	MCAST_BLOCK_SOURCE = 43, MCAST_UNBLOCK_SOURCE = 44, MCAST_JOIN_SOURCE_GROUP = 46, MCAST_LEAVE_SOURCE_GROUP = 47,
	IPV6_MTU = LEVEL(41, 24), IPV6_MULTICAST_ALL = LEVEL(41, 29), IPV6_FREEBIND = LEVEL(41, 78), SO_RXQ_OVFL = LEVEL(1, 40),
	SO_PROTOCOL = LEVEL(1, 38), ICMP6_FILTER = LEVEL(58, 1), ICMP_FILTER = LEVEL(255, 1), IPV6_CHECKSUM = LEVEL(41, 7),
	UDP_CORK = LEVEL(17, 1), UDPLITE_SEND_CSCOV = LEVEL(136, 10), UDPLITE_RECV_CSCOV = LEVEL(136, 11),
};
/* clang-format on */

static bool has_stream_pcb(const struct inet_socket *socket)
{
	return socket->kind == &stream_kind && socket->tcp;
}

static bool has_full_pcb(const struct inet_socket *socket)
{
	return has_stream_pcb(socket) && socket->state != STREAM_LISTENING;
}

static void pcb_switch(struct inet_socket *socket, uint8_t option, bool on)
{
	if (on)
		ip_set_option(socket->ip, option);
	else
		ip_reset_option(socket->ip, option);
}

static void stream_apply(const struct inet_socket *socket)
{
	if (socket->set.nodelay)
		tcp_nagle_disable(socket->tcp);
	else
		tcp_nagle_enable(socket->tcp);
	socket->tcp->keep_idle = socket->set.keep_idle_s * 1000;
	socket->tcp->keep_intvl = socket->set.keep_interval_s * 1000;
	socket->tcp->keep_cnt = socket->set.keep_count;
}

/* @return lwIP's number of an interface; of one that does not exist: of none, by which nothing is sent or received */
static uint8_t bound_device_number(uint32_t index)
{
	struct link *link;

	if (!index)
		return NETIF_NO_INDEX;
	link = link_find(index);
	if (!link)
		return NO_DEVICE;
	return netif_get_index(&link->netif);
}

/* Whom it is connected with stays. */
static void raw_apply(const struct inet_socket *socket)
{
	if (socket->set.header_included)
		raw_set_flags(socket->raw, RAW_FLAGS_HDRINCL);
	else
		raw_clear_flags(socket->raw, RAW_FLAGS_HDRINCL);
}

void option_apply(struct inet_socket *socket)
{
	if (!socket->ip)
		return;
	pcb_switch(socket, SOF_REUSEADDR, true); /* bind.c decides */
	pcb_switch(socket, REUSE_ADDRESS, socket->set.reuse);
	pcb_switch(socket, REUSE_PORT, socket->set.reuse_port);
	pcb_switch(socket, SOF_KEEPALIVE, socket->set.keepalive);
	pcb_switch(socket, SOF_BROADCAST, socket->set.broadcast);
	socket->ip->netif_idx = bound_device_number(socket->set.interface);
	socket->ip->ttl = socket->set.ttl;
	socket->ip->tos = socket->set.tos;
	if (has_stream_pcb(socket))
		bind_owner_set(socket->tcp, socket->set.owner);
	if (has_full_pcb(socket)) {
		stream_apply(socket);
		tick_touch(socket->tcp);
	}
	if (socket->kind == &udp_kind) {
		udp_set_multicast_ttl(socket->udp, socket->set.group_ttl);
		udp_setflags(socket->udp,
			     (uint8_t)(udp_flags(socket->udp) &
				       ~(UDP_FLAGS_MULTICAST_LOOP | UDP_FLAGS_NOCHKSUM)));
		if (socket->set.no_checksum)
			udp_setflags(socket->udp, udp_flags(socket->udp) | UDP_FLAGS_NOCHKSUM);
		socket->udp->chksum_len_tx = socket->set.covered;
		if (!socket->set.is_deaf)
			udp_setflags(socket->udp,
				     udp_flags(socket->udp) | UDP_FLAGS_MULTICAST_LOOP);
	}
	if (socket->kind == &raw_kind)
		raw_apply(socket);
}

/* ---- setting ---- */

/* @return where an option that is on or off stands; NULL: it is none */
static bool *flag_of(struct inet_options *set, uint32_t option)
{
	switch (option) {
	case SO_REUSEADDR: return &set->reuse;
	case SO_REUSEPORT: return &set->reuse_port;
	case SO_BROADCAST: return &set->broadcast;
	case SO_KEEPALIVE: return &set->keepalive;
	case SO_RXQ_OVFL: return &set->wants_drops;
	case SO_NO_CHECK: return &set->no_checksum;
	case IP_BIND_ADDRESS_NO_PORT: return &set->port_later;
	case IP_FREEBIND:
	case IPV6_FREEBIND: return &set->any_address;
	case SO_OOBINLINE: return &set->urgent_inline;
	case IPV6_V6ONLY: return &set->v6only;
	case IP_HDRINCL: return &set->header_included;
	case IP_PKTINFO:
	case IPV6_RECVPKTINFO: return &set->wants_info;
	case IP_RECVTTL:
	case IPV6_RECVHOPLIMIT: return &set->wants_ttl;
	case IP_RECVTOS:
	case IPV6_RECVTCLASS: return &set->wants_tos;
	case IP_RECVERR:
	case IPV6_RECVERR: return &set->wants_errors;
	}
	return NULL;
}

/* @return where an option that is a byte stands; NULL: it is none */
static uint8_t *byte_of(struct inet_options *set, uint32_t option)
{
	switch (option) {
	case IP_TTL:
	case IPV6_UNICAST_HOPS: return &set->ttl;
	case IP_TOS:
	case IPV6_TCLASS: return &set->tos;
	case IP_MULTICAST_TTL:
	case IPV6_MULTICAST_HOPS: return &set->group_ttl;
	case IP_MTU_DISCOVER:
	case IPV6_MTU_DISCOVER: return &set->mtu_discover;
	}
	return NULL;
}

/* What -1 stands for. */
static uint8_t byte_default(uint32_t option)
{
	switch (option) {
	case IP_TTL:
	case IPV6_UNICAST_HOPS: return 64;
	case IP_MULTICAST_TTL:
	case IPV6_MULTICAST_HOPS: return 1;
	}
	return 0;
}

static int64_t byte_set(struct inet_socket *socket, uint32_t option, uint32_t value)
{
	bool hops = option == IP_TTL || option == IPV6_UNICAST_HOPS;
	bool mtu = option == IP_MTU_DISCOVER || option == IPV6_MTU_DISCOVER;

	if (value == ~0u && !mtu)
		value = byte_default(option);
	if ((hops && !value) || (mtu && value > MTU_DISCOVER_MAX) ||
	    (value > 255 && option != IP_TOS))
		return -EINVAL;
	*byte_of(&socket->set, option) = (uint8_t)value;
	return 0;
}

static bool is_timestamp(uint32_t option)
{
	return option == LEVEL(1, SO_TIMESTAMP_OLD) || option == LEVEL(1, SO_TIMESTAMPNS_OLD) ||
	       option == LEVEL(1, SO_TIMESTAMP_NEW) || option == LEVEL(1, SO_TIMESTAMPNS_NEW);
}

/* @return where it stands how much a checksum of UDP-Lite covers; NULL: it is not such an option */
static uint16_t *coverage_of(struct inet_socket *socket, uint32_t option)
{
	if (socket->protocol != PROTOCOL_UDPLITE || socket->kind != &udp_kind)
		return NULL;
	switch (option) {
	case UDPLITE_SEND_CSCOV: return &socket->set.covered;
	case UDPLITE_RECV_CSCOV: return &socket->set.covered_least;
	}
	return NULL;
}

/* As on Linux: the header is covered, and what is too much is the most. */
static void coverage_set(uint16_t *coverage, int32_t value)
{
	if (value && value < UDP_HLEN)
		value = UDP_HLEN;
	*coverage = (uint16_t)least_of((uint32_t)value, 0xffff);
}

/* @return 0, -EINVAL; -ENOPROTOOPT: it is none of those that are kept */
static int64_t kept_set(struct inet_socket *socket, uint32_t option, uint32_t value)
{
	bool *flag = flag_of(&socket->set, option);
	uint16_t *coverage = coverage_of(socket, option);

	if (coverage) {
		coverage_set(coverage, (int32_t)value);
		socket->set.wants_covered |= option == UDPLITE_RECV_CSCOV;
		return 0;
	}
	if (option == IP_HDRINCL && socket->type != SOCK_RAW)
		return -ENOPROTOOPT;
	if (flag) {
		if (flag == &socket->set.v6only && socket->bound)
			return -EINVAL;
		*flag = value;
		return 0;
	}
	if (byte_of(&socket->set, option))
		return byte_set(socket, option, value);
	switch (option) {
	case UDP_CORK:
		if (socket->kind != &udp_kind)
			break;
		socket->set.cork = value;
		if (!value)
			(void)udp_cork_push(socket);
		return 0;
	case IP_MULTICAST_LOOP:
	case IPV6_MULTICAST_LOOP: socket->set.is_deaf = !value; return 0;
	case IP_MULTICAST_ALL:
	case IPV6_MULTICAST_ALL:
		if (value > 1)
			return -EINVAL;
		socket->set.own_groups = !value;
		return 0;
	}
	if (is_timestamp(option) && socket->kind != &stream_kind) {
		socket->set.timestamp = value ? option & 0xff : 0;
		return 0;
	}
	return -ENOPROTOOPT;
}

/* Where a checksum of what a raw socket sends is filled in, and verified; odd offsets cannot be. */
static int64_t checksum_set(struct inet_socket *socket, int32_t offset)
{
	if (socket->type != SOCK_RAW || socket->family != AF_INET6)
		return -ENOPROTOOPT;
	if (offset > 0 && (offset & 1 || offset > 0xffff))
		return -EINVAL;
	socket->raw->chksum_reqd = offset >= 0;
	if (offset >= 0)
		socket->raw->chksum_offset = (uint16_t)offset;
	return 0;
}

/* Bits of the types of ICMP, or of ICMPv6, that a raw socket does not want; what is missing of them is 0. */
static int64_t filter_set(struct inet_socket *socket, const uint32_t *words, uint64_t length)
{
	bool six = socket->family == AF_INET6;

	if (socket->type != SOCK_RAW)
		return -ENOPROTOOPT;
	if (socket->protocol != (six ? PROTOCOL_ICMP6 : PROTOCOL_ICMP))
		return -EOPNOTSUPP;
	memcpy(socket->set.icmp_filter, words,
	       least_of(length, six ? sizeof(socket->set.icmp_filter) : sizeof(*words)));
	return 0;
}

static int64_t way_out_set(struct inet_socket *socket, uint32_t index)
{
	if (index && !link_find(index))
		return -EADDRNOTAVAIL;
	if (index && socket->set.interface && socket->set.interface != index)
		return -EINVAL;
	socket->set.way_out = index;
	return 0;
}

static int64_t number_set(struct inet_socket *socket, uint32_t option, uint32_t value)
{
	int64_t err = kept_set(socket, option, value);

	if (!err)
		option_apply(socket);
	if (err != -ENOPROTOOPT)
		return err;
	switch (option) {
	case IP_UNICAST_IF:
	case IPV6_UNICAST_IF: return way_out_set(socket, lwip_ntohl(value));
	case SO_SNDBUF: socket->set.sndbuf = value; return 0;
	case SO_RCVBUF: socket->set.rcvbuf = value; return 0;
	case IPV6_CHECKSUM:
		if (socket->protocol == PROTOCOL_ICMP6)
			return -EINVAL;
		return checksum_set(socket, (int32_t)value);
	case RAW_CHECKSUM: return checksum_set(socket, (int32_t)value);
	}
	return -ENOPROTOOPT;
}

/* Options that name a source of a group. @return -ENOPROTOOPT: it is none of them */
static int64_t source_option_set(struct inet_socket *socket, uint32_t option, banos_buffer from,
				 uint64_t length)
{
	switch (option) {
	case IP_BLOCK_SOURCE: return group_source_set(socket, true, false, true, from, length);
	case IP_UNBLOCK_SOURCE: return group_source_set(socket, true, false, false, from, length);
	case IP_ADD_SOURCE_MEMBERSHIP:
		return group_source_set(socket, true, true, true, from, length);
	case IP_DROP_SOURCE_MEMBERSHIP:
		return group_source_set(socket, true, true, false, from, length);
	}
	if (option >> 16 != (socket->family == AF_INET6 ? PROTOCOL_IPV6 : 0))
		return -ENOPROTOOPT;
	switch (option & 0xffff) {
	case MCAST_BLOCK_SOURCE: return group_source_set(socket, false, false, true, from, length);
	case MCAST_UNBLOCK_SOURCE:
		return group_source_set(socket, false, false, false, from, length);
	case MCAST_JOIN_SOURCE_GROUP:
		return group_source_set(socket, false, true, true, from, length);
	case MCAST_LEAVE_SOURCE_GROUP:
		return group_source_set(socket, false, true, false, from, length);
	}
	return -ENOPROTOOPT;
}

int64_t option_set(void *own, uint32_t level, uint32_t option, banos_buffer from, uint64_t length)
{
	struct inet_socket *socket = own;
	uint32_t value[8] = { 0 };
	int64_t err;

	if (level > 255 || option > 0xffff)
		return -ENOPROTOOPT;
	option = LEVEL(level, option);
	inet_lock();
	err = source_option_set(socket, option, from, length);
	if (err != -ENOPROTOOPT) {
		inet_unlock();
		return err;
	}
	if (level == PROTOCOL_TCP) {
		err = tcp_option_set(socket, option & 0xffff, from, length);
	} else if (length < 4 && !(length && level == 0)) {
		err = -EINVAL;
	} else if (banos_buffer_read(from, value, least_of(length, sizeof(value))) <= 0) {
		err = -EFAULT;
	} else if (option == SO_BINDTODEVICE) {
		socket->set.interface = value[0];
		option_apply(socket);
		err = 0;
	} else if (option == SO_LINGER) {
		socket->set.linger = value[0];
		socket->set.linger_s = value[1];
		err = 0;
	} else if (option == IP_MULTICAST_IF || option == IPV6_MULTICAST_IF) {
		err = group_interface_set(socket, value, length);
	} else if (option == ICMP_FILTER || option == ICMP6_FILTER) {
		err = filter_set(socket, value, length);
	} else if (option == MCAST_JOIN_GROUP || option == MCAST6_JOIN_GROUP) {
		err = group_request_set(socket, true, value, length);
	} else if (option == MCAST_LEAVE_GROUP || option == MCAST6_LEAVE_GROUP) {
		err = group_request_set(socket, false, value, length);
	} else if (option == IP_ADD_MEMBERSHIP || option == IPV6_JOIN_GROUP) {
		err = group_set(socket, true, value, length);
	} else if (option == IP_DROP_MEMBERSHIP || option == IPV6_LEAVE_GROUP) {
		err = group_set(socket, false, value, length);
	} else {
		if (option == SO_REUSEPORT)
			socket->set.owner = value[1];
		err = number_set(socket, option, value[0]);
	}
	inet_unlock();
	return err;
}

/* ---- reading ---- */

/* Of the way to the other end. */
static int64_t mtu_get(struct inet_socket *socket, uint32_t *value)
{
	ip_addr_t peer;
	uint16_t port;
	struct netif *netif;

	if (!socket->kind->name(socket, true, &peer, &port))
		return -ENOTCONN;
	netif = ip_route(&socket->ip->local_ip, &peer);
	if (!netif)
		return -ENOTCONN;
	*value = netif->mtu;
	if (IP_IS_V6(&peer))
		*value = nd6_get_destination_mtu(ip_2_ip6(&peer), netif);
	return 0;
}

static int64_t number_get(struct inet_socket *socket, uint32_t option, uint32_t *value)
{
	const bool *flag = flag_of(&socket->set, option);
	const uint8_t *byte = byte_of(&socket->set, option);
	const uint16_t *coverage = coverage_of(socket, option);

	if (coverage)
		*value = *coverage;
	else if (flag)
		*value = *flag;
	else if (byte)
		*value = *byte;
	if (coverage || flag || byte)
		return 0;
	switch (option) {
	case SO_PROTOCOL: *value = socket->protocol; return 0;
	case UDP_CORK:
		if (socket->kind != &udp_kind)
			return -ENOPROTOOPT;
		*value = socket->set.cork;
		return 0;
	case SO_ERROR: *value = (uint32_t)-socket_take_error(socket); return 0;
	case IP_MULTICAST_LOOP:
	case IPV6_MULTICAST_LOOP: *value = !socket->set.is_deaf; return 0;
	case IP_MULTICAST_ALL:
	case IPV6_MULTICAST_ALL: *value = !socket->set.own_groups; return 0;
	case IP_UNICAST_IF:
	case IPV6_UNICAST_IF: *value = lwip_htonl(socket->set.way_out); return 0;
	case IP_MTU:
	case IPV6_MTU: return mtu_get(socket, value);
	}
	if (!is_timestamp(option) || socket->kind == &stream_kind)
		return -ENOPROTOOPT;
	*value = socket->set.timestamp == (option & 0xff);
	return 0;
}

int64_t option_get(void *own, uint32_t level, uint32_t option, banos_buffer to, uint64_t length)
{
	struct inet_socket *socket = own;
	uint32_t value = 0;
	int64_t err;

	if (level > 255 || option > 0xffff)
		return -ENOPROTOOPT;
	if (level == PROTOCOL_TCP)
		return tcp_option_get(socket, option, to, length);
	inet_lock();
	err = number_get(own, LEVEL(level, option), &value);
	inet_unlock();
	if (err)
		return err;
	return banos_buffer_write(to, &value, least_of(length, 4));
}
