/* SPDX-License-Identifier: MIT */
/*
 * Which sockets may share a port: the rules of Linux, socket(7), ip(7) and ipv6(7).
 *
 * lwIP's own are not asked: they let two listen at one port, and look at one version of IP. So all pcbs have its
 * SOF_REUSEADDR, and what programs say stands in two bits that it does not know, also of connections that have no
 * socket any more.
 */
#include "inet.h"
#include <lwip/priv/tcp_priv.h>

/* An address of IPv6 that takes IPv4, too, overlaps with all; else those of one version do if they are alike or any. */
static bool addresses_overlap(const ip_addr_t *one, const ip_addr_t *other)
{
	if (IP_IS_ANY_TYPE_VAL(*one) || IP_IS_ANY_TYPE_VAL(*other))
		return true;
	if (IP_IS_V6(one) != IP_IS_V6(other))
		return false;
	return ip_addr_isany(one) || ip_addr_isany(other) || ip_addr_cmp(one, other);
}

/* Those of two interfaces never meet. */
static bool interfaces_differ(const struct ip_pcb *one, const struct ip_pcb *other)
{
	return one->netif_idx && other->netif_idx && one->netif_idx != other->netif_idx;
}

/* @param alike  they are of one user */
static bool pcbs_share(const struct ip_pcb *one, const struct ip_pcb *other, bool alike,
		       bool listening)
{
	if (interfaces_differ(one, other))
		return true;
	if (alike && ip_get_option(one, REUSE_PORT) && ip_get_option(other, REUSE_PORT))
		return true;
	return !listening && ip_get_option(one, REUSE_ADDRESS) &&
	       ip_get_option(other, REUSE_ADDRESS);
}

void bind_owner_set(struct tcp_pcb *pcb, uint32_t owner)
{
	tcp_ext_arg_set(pcb, 0, (void *)(uintptr_t)owner);
}

/* A connection that has ended is nobody's. */
static bool stream_is_alike(const struct tcp_pcb *pcb, const struct inet_socket *socket)
{
	return pcb->state == TIME_WAIT || (uintptr_t)tcp_ext_arg_get(pcb, 0) == socket->set.owner;
}

static bool stream_port_is_free(const struct inet_socket *socket, const ip_addr_t *address,
				uint16_t port, bool listeners_only)
{
	struct tcp_pcb **const lists[] = { &tcp_listen_pcbs.pcbs, &tcp_bound_pcbs, &tcp_active_pcbs,
					   &tcp_tw_pcbs };
	uint32_t count = listeners_only ? 1 : 4;

	/* As on Linux, one that begins counts by its listener alone; without one it will come to nothing. */
	for (uint32_t i = 0; i < count; i++)
		for (const struct tcp_pcb *pcb = *lists[i]; pcb; pcb = pcb->next)
			if (pcb != socket->tcp && pcb->state != SYN_RCVD &&
			    pcb->local_port == port && addresses_overlap(&pcb->local_ip, address) &&
			    !pcbs_share((const struct ip_pcb *)pcb, socket->ip,
					stream_is_alike(pcb, socket), !i))
				return false;
	return true;
}

static bool udp_port_is_free(const struct inet_socket *socket, const ip_addr_t *address,
			     uint16_t port)
{
	for (const struct udp_pcb *pcb = udp_pcbs; pcb; pcb = pcb->next) {
		const struct inet_socket *other = pcb->recv_arg;

		if (other != socket && pcb->local_port == port &&
		    addresses_overlap(&pcb->local_ip, address) &&
		    !pcbs_share(other->ip, socket->ip, other->set.owner == socket->set.owner,
				false))
			return false;
	}
	return true;
}

bool bind_is_allowed(const struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	if (socket->kind == &stream_kind)
		return stream_port_is_free(socket, address, port, false);
	return udp_port_is_free(socket, address, port);
}

bool listen_is_allowed(const struct inet_socket *socket)
{
	return stream_port_is_free(socket, &socket->tcp->local_ip, socket->tcp->local_port, true);
}
