/* SPDX-License-Identifier: MIT */
/* Options of sockets: ip(7), ipv6(7), tcp(7), and what the kernel says of SOL_SOCKET. */
#include "inet.h"

#define LEVEL(level, option) ((level) << 16 | (option))

/* clang-format off */
enum {
	SO_REUSEADDR = LEVEL(1, 2), SO_ERROR = LEVEL(1, 4), SO_BROADCAST = LEVEL(1, 6),
	SO_SNDBUF = LEVEL(1, 7), SO_RCVBUF = LEVEL(1, 8), SO_KEEPALIVE = LEVEL(1, 9),
	SO_LINGER = LEVEL(1, 13), SO_REUSEPORT = LEVEL(1, 15), SO_BINDTODEVICE = LEVEL(1, 25),
	IP_TOS = LEVEL(0, 1), IP_TTL = LEVEL(0, 2), IP_HDRINCL = LEVEL(0, 3), IP_PKTINFO = LEVEL(0, 8),
	IP_MTU_DISCOVER = LEVEL(0, 10), IP_RECVERR = LEVEL(0, 11), IP_RECVTTL = LEVEL(0, 12),
	IP_RECVTOS = LEVEL(0, 13), IP_MULTICAST_TTL = LEVEL(0, 33), IP_MULTICAST_LOOP = LEVEL(0, 34),
	IPV6_UNICAST_HOPS = LEVEL(41, 16), IPV6_MULTICAST_HOPS = LEVEL(41, 18), IPV6_MULTICAST_LOOP = LEVEL(41, 19),
	IPV6_MTU_DISCOVER = LEVEL(41, 23), IPV6_RECVERR = LEVEL(41, 25), IPV6_V6ONLY = LEVEL(41, 26),
	IPV6_RECVPKTINFO = LEVEL(41, 49), IPV6_RECVHOPLIMIT = LEVEL(41, 51), IPV6_TCLASS = LEVEL(41, 67),
	TCP_NODELAY_ = LEVEL(6, 1), TCP_MAXSEG = LEVEL(6, 2), TCP_CORK = LEVEL(6, 3), TCP_KEEPIDLE_ = LEVEL(6, 4),
	TCP_KEEPINTVL_ = LEVEL(6, 5), TCP_KEEPCNT_ = LEVEL(6, 6), TCP_DEFER_ACCEPT = LEVEL(6, 9),
	TCP_QUICKACK = LEVEL(6, 12), TCP_USER_TIMEOUT = LEVEL(6, 18), ICMP6_FILTER = LEVEL(58, 1),
	ICMP_FILTER = LEVEL(255, 1), IPV6_CHECKSUM = LEVEL(41, 7),
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

void option_apply(struct inet_socket *socket)
{
	if (!socket->ip)
		return;
	pcb_switch(socket, SOF_REUSEADDR, socket->reuse);
	pcb_switch(socket, SOF_KEEPALIVE, socket->keepalive);
	pcb_switch(socket, SOF_BROADCAST, socket->broadcast);
	if (has_full_pcb(socket) && socket->nodelay)
		tcp_nagle_disable(socket->tcp);
	else if (has_full_pcb(socket))
		tcp_nagle_enable(socket->tcp);
	if (socket->kind == &raw_kind)
		raw_setflags(socket->raw, socket->header_included ? RAW_FLAGS_HDRINCL : 0);
}

/* ---- setting ---- */

static int64_t device_set(struct inet_socket *socket, banos_buffer from, uint64_t length)
{
	/* By its name, which only the kernel knows: the empty one undoes it. */
	char first = 0;

	if (length && banos_buffer_read(from, &first, 1) < 0)
		return -EFAULT;
	if (first)
		return -ENODEV;
	socket->ip->netif_idx = NETIF_NO_INDEX;
	return 0;
}

/* @return true: it is one of those */
static bool flag_set(struct inet_socket *socket, uint32_t option, uint32_t value)
{
	bool *flag = NULL;

	switch (option) {
	case SO_REUSEADDR:
	case SO_REUSEPORT: flag = &socket->reuse; break;
	case SO_BROADCAST: flag = &socket->broadcast; break;
	case SO_KEEPALIVE: flag = &socket->keepalive; break;
	case TCP_NODELAY_: flag = &socket->nodelay; break;
	case IPV6_V6ONLY: flag = &socket->v6only; break;
	case IP_HDRINCL: flag = &socket->header_included; break;
	case IP_PKTINFO:
	case IPV6_RECVPKTINFO: flag = &socket->wants_info; break;
	case IP_RECVTTL:
	case IPV6_RECVHOPLIMIT: flag = &socket->wants_ttl; break;
	case IP_RECVTOS: flag = &socket->wants_tos; break;
	}
	if (!flag)
		return false;
	*flag = value;
	option_apply(socket);
	return true;
}

static int64_t keep_set(struct inet_socket *socket, uint32_t option, uint32_t value)
{
	if (!value || value > 32767)
		return -EINVAL;
	if (!has_full_pcb(socket))
		return 0;
	if (option == TCP_KEEPIDLE_)
		socket->tcp->keep_idle = value * 1000;
	else if (option == TCP_KEEPINTVL_)
		socket->tcp->keep_intvl = value * 1000;
	else
		socket->tcp->keep_cnt = value;
	return 0;
}

static int64_t number_set(struct inet_socket *socket, uint32_t option, uint32_t value)
{
	if (flag_set(socket, option, value))
		return 0;
	switch (option) {
	case SO_SNDBUF: socket->sndbuf = value; return 0;
	case SO_RCVBUF: socket->rcvbuf = value; return 0;
	case IP_TTL:
	case IPV6_UNICAST_HOPS:
		if (value != ~0u && (!value || value > 255))
			return -EINVAL;
		if (socket->ip)
			socket->ip->ttl = value == ~0u ? 64 : (uint8_t)value;
		return 0;
	case IP_TOS:
	case IPV6_TCLASS:
		if (socket->ip)
			socket->ip->tos = (uint8_t)value;
		return 0;
	case TCP_KEEPIDLE_:
	case TCP_KEEPINTVL_:
	case TCP_KEEPCNT_: return keep_set(socket, option, value);
	case IP_MULTICAST_TTL:
	case IPV6_MULTICAST_HOPS:
		if (socket->kind == &udp_kind)
			socket->udp->mcast_ttl = (uint8_t)value;
		return 0;
	case IP_MTU_DISCOVER:
	case IP_RECVERR:
	case IP_MULTICAST_LOOP:
	case IPV6_MULTICAST_LOOP:
	case IPV6_MTU_DISCOVER:
	case IPV6_RECVERR:
	case TCP_MAXSEG:
	case TCP_CORK:
	case TCP_DEFER_ACCEPT:
	case TCP_QUICKACK:
	case ICMP6_FILTER: /* whoever asks for it looks at what arrives, too */
	case ICMP_FILTER:
	case IPV6_CHECKSUM:		 /* done for ICMPv6 anyway */
	case TCP_USER_TIMEOUT: return 0; /* taken, without effect */
	}
	return -ENOPROTOOPT;
}

int64_t option_set(void *own, uint32_t level, uint32_t option, banos_buffer from, uint64_t length)
{
	struct inet_socket *socket = own;
	uint32_t value[2] = { 0 };
	int64_t err;

	if (level > 255 || option > 0xffff)
		return -ENOPROTOOPT;
	option = LEVEL(level, option);
	inet_lock();
	if (option == SO_BINDTODEVICE && socket->ip) {
		err = device_set(socket, from, length);
	} else if (length < 4 && !(length && level == 0)) {
		err = -EINVAL;
	} else if (banos_buffer_read(from, value, length < 8 ? length : 8) <= 0) {
		err = -EFAULT;
	} else if (option == SO_LINGER) {
		socket->linger = value[0];
		socket->linger_s = value[1];
		err = 0;
	} else {
		err = number_set(socket, option, value[0]);
	}
	inet_unlock();
	return err;
}

/* ---- reading ---- */

static int64_t tcp_number_get(const struct inet_socket *socket, uint32_t option, uint32_t *value)
{
	bool full = has_full_pcb(socket);

	switch (option) {
	case TCP_NODELAY_: *value = socket->nodelay; return 0;
	case TCP_MAXSEG: *value = full ? socket->tcp->mss : 536; return 0;
	case TCP_KEEPIDLE_: *value = full ? socket->tcp->keep_idle / 1000 : 7200; return 0;
	case TCP_KEEPINTVL_: *value = full ? socket->tcp->keep_intvl / 1000 : 75; return 0;
	case TCP_KEEPCNT_: *value = full ? socket->tcp->keep_cnt : 9; return 0;
	case TCP_CORK:
	case TCP_DEFER_ACCEPT:
	case TCP_USER_TIMEOUT: *value = 0; return 0;
	case TCP_QUICKACK: *value = 1; return 0;
	}
	return -ENOPROTOOPT;
}

static int64_t number_get(struct inet_socket *socket, uint32_t option, uint32_t *value)
{
	switch (option) {
	case SO_ERROR: *value = (uint32_t)-socket_take_error(socket); return 0;
	case IP_TTL:
	case IPV6_UNICAST_HOPS: *value = socket->ip ? socket->ip->ttl : 64; return 0;
	case IP_TOS:
	case IPV6_TCLASS: *value = socket->ip ? socket->ip->tos : 0; return 0;
	case IP_HDRINCL: *value = socket->header_included; return 0;
	case IP_PKTINFO:
	case IPV6_RECVPKTINFO: *value = socket->wants_info; return 0;
	case IP_RECVTTL:
	case IPV6_RECVHOPLIMIT: *value = socket->wants_ttl; return 0;
	case IPV6_V6ONLY: *value = socket->v6only; return 0;
	case IP_MTU_DISCOVER:
	case IP_RECVERR:
	case IPV6_MTU_DISCOVER:
	case IPV6_RECVERR: *value = 0; return 0;
	case IP_MULTICAST_TTL:
	case IP_MULTICAST_LOOP: *value = 1; return 0;
	}
	if (socket->kind == &stream_kind)
		return tcp_number_get(socket, option, value);
	return -ENOPROTOOPT;
}

int64_t option_get(void *own, uint32_t level, uint32_t option, banos_buffer to, uint64_t length)
{
	uint32_t value = 0;
	int64_t err;

	if (level > 255 || option > 0xffff)
		return -ENOPROTOOPT;
	inet_lock();
	err = number_get(own, LEVEL(level, option), &value);
	inet_unlock();
	if (err)
		return err;
	return banos_buffer_write(to, &value, length < 4 ? length : 4);
}
