/* SPDX-License-Identifier: MIT */
/*
 * Which sockets may share a port: the rules of Linux, socket(7), ip(7) and ipv6(7).
 *
 * lwIP's own are not asked: they let two listen at one port, and look at one version of IP. So all pcbs have its
 * SOF_REUSEADDR, and what programs say stands in two bits that it does not know, also of connections that have no
 * socket any more.
 */
#include "inet.h"
#include "table.h"
#include <lwip/ip.h>

#define GUESSES 64u

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
	table_marks_set(pcb, (table_marks(pcb) & ~TABLE_OWNER) | owner);
}

/* A connection that has ended is nobody's. */
static bool stream_is_alike(const struct tcp_pcb *pcb, const struct inet_socket *socket)
{
	return pcb->state == TIME_WAIT || (uint32_t)table_marks(pcb) == socket->set.owner;
}

/* As on Linux, one that begins counts by its listener alone; without one it will come to nothing. */
static bool stream_collides(const struct inet_socket *socket, const ip_addr_t *address,
			    const struct tcp_pcb *pcb)
{
	return pcb != socket->tcp && pcb->state != SYN_RCVD &&
	       addresses_overlap(&pcb->local_ip, address) &&
	       !pcbs_share((const struct ip_pcb *)pcb, socket->ip, stream_is_alike(pcb, socket),
			   pcb->state == LISTEN);
}

static bool stream_port_is_free(const struct inet_socket *socket, const ip_addr_t *address,
				uint16_t port)
{
	const struct tcp_pcb *first = table_port_first(port);

	for (const struct tcp_pcb *pcb = first; pcb; pcb = table_port_next(first, pcb))
		if (stream_collides(socket, address, pcb))
			return false;
	return true;
}

static bool udp_port_is_free(const struct inet_socket *socket, const ip_addr_t *address,
			     uint16_t port)
{
	for (const struct inet_socket *other = udp_table_first(port, udp_is_lite(socket)); other;
	     other = udp_table_next(other)) {
		if (other != socket && addresses_overlap(&other->udp->local_ip, address) &&
		    !pcbs_share(other->ip, socket->ip, other->set.owner == socket->set.owner,
				false))
			return false;
	}
	return true;
}

bool bind_is_allowed(const struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	if (socket->kind == &stream_kind)
		return stream_port_is_free(socket, address, port);
	return udp_port_is_free(socket, address, port);
}

bool bind_has_twin(const struct inet_socket *socket, uint16_t own, const ip_addr_t *to,
		   uint16_t to_port)
{
	const struct tcp_pcb *pcb = socket->tcp;
	const ip_addr_t *local = &pcb->local_ip;
	struct netif *netif;

	if (ip_addr_isany(local)) { /* it will be that of the interface, as tcp_connect() decides */
		netif = pcb->netif_idx != NETIF_NO_INDEX ? netif_get_by_index(pcb->netif_idx)
							 : ip_route(local, to);
		local = netif ? ip_netif_get_local_ip(netif, to) : NULL;
	}
	return local && table_find(local, own, to, to_port, pcb->netif_idx);
}

static bool port_suits(const struct inet_socket *socket, const ip_addr_t *address, uint16_t port,
		       const ip_addr_t *to, uint16_t to_port)
{
	return bind_is_allowed(socket, address, port) &&
	       (!to || !bind_has_twin(socket, port, to, to_port));
}

uint16_t bind_port_choose(const struct inet_socket *socket, const ip_addr_t *address,
			  const ip_addr_t *to, uint16_t to_port)
{
	uint16_t port;

	for (uint32_t i = 0; i < GUESSES; i++) {
		port = port_guess();
		if (port_suits(socket, address, port, to, to_port))
			return port;
	}
	for (uint32_t i = 0; i < PORT_COUNT; i++) { /* nearly all are used */
		port = (uint16_t)(port + 1 < PORT_FIRST + PORT_COUNT ? port + 1 : PORT_FIRST);
		if (port_suits(socket, address, port, to, to_port))
			return port;
	}
	return 0;
}

bool listen_is_allowed(const struct inet_socket *socket)
{
	uint16_t port = socket->tcp->local_port;

	for (const struct tcp_pcb *pcb = NULL; (pcb = table_listener_next(port, pcb));)
		if (stream_collides(socket, &socket->tcp->local_ip, pcb))
			return false;
	return true;
}
