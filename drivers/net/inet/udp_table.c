/* SPDX-License-Identifier: MIT */
/*
 * The sockets of UDP and UDP-Lite by their port.
 *
 * lwIP has all in one list, which it walks for each datagram, each bind() and each socket that goes. Here that list stays empty: a
 * socket that is bound is in a row of a table by its port, newest first. While lwIP looks at a datagram its list has the sockets of
 * that port. What lwIP does when an interface gets another address needs the list, too, and is left out: as on Linux a socket stays
 * bound to the address that it has.
 *
 * A datagram from this machine to one address of it, in one piece, needs no more than to find its socket: udp_table_find(). It decides as
 * lwIP's udp_input() does: a socket that is connected with the sender first, then one that is bound to the address, then any.
 */
#include "inet.h"
#include <lwip/ip.h>
#include <lwip/prot/udp.h>

#define ROWS 512u

void lwip_udp_input(struct pbuf *pbuf, struct netif *netif);

static struct inet_socket *rows[ROWS];
/* How much of the datagram of UDP-Lite that arrives its checksum covers; 0: all of it. */
static uint16_t arriving;

static struct inet_socket **port_row(uint16_t port)
{
	return &rows[port % ROWS];
}

static struct inet_socket *port_skip(struct inet_socket *socket, uint16_t port, bool lite)
{
	while (socket && (socket->udp->local_port != port || udp_is_lite(socket) != lite))
		socket = socket->udp_next;
	return socket;
}

struct inet_socket *udp_table_first(uint16_t port, bool lite)
{
	return port_skip(*port_row(port), port, lite);
}

struct inet_socket *udp_table_next(const struct inet_socket *socket)
{
	return port_skip(socket->udp_next, socket->udp->local_port, udp_is_lite(socket));
}

err_t udp_table_bind(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	struct inet_socket **row = port_row(port);
	err_t err;

	udp_table_remove(socket);
	err = udp_bind(socket->udp, address, port);
	udp_pcbs = NULL;
	socket->udp->next = NULL;
	if (err != ERR_OK)
		return err;
	socket->udp_next = *row;
	*row = socket;
	return ERR_OK;
}

err_t udp_table_connect(struct inet_socket *socket, const ip_addr_t *address, uint16_t port)
{
	err_t err = udp_connect(socket->udp, address, port);

	udp_pcbs = NULL;
	socket->udp->next = NULL;
	return err;
}

void udp_table_remove(struct inet_socket *socket)
{
	struct inet_socket **at = port_row(socket->udp->local_port);

	while (*at && *at != socket)
		at = &(*at)->udp_next;
	if (*at)
		*at = socket->udp_next;
	socket->udp_next = NULL;
}

/* How well it suits a datagram of IPv4; 0: not at all */
static uint32_t receiver_score(const struct udp_pcb *pcb, const struct udp_way *way)
{
	bool any = IP_IS_ANY_TYPE_VAL(pcb->local_ip), bound;

	if (pcb->netif_idx != NETIF_NO_INDEX && pcb->netif_idx != way->netif_idx)
		return 0;
	if (!any && !IP_IS_V4_VAL(pcb->local_ip))
		return 0;
	bound = !any && !ip_addr_isany(&pcb->local_ip);
	if (bound && !ip_addr_cmp(&pcb->local_ip, &way->to))
		return 0;
	if (!(pcb->flags & UDP_FLAGS_CONNECTED))
		return bound ? 2 : 1;
	if (pcb->remote_port != way->from_port ||
	    (!ip_addr_isany_val(pcb->remote_ip) && !ip_addr_cmp(&pcb->remote_ip, &way->from)))
		return 0;
	return 3;
}

struct inet_socket *udp_table_find(const struct udp_way *way)
{
	struct inet_socket *best = NULL;
	uint32_t most = 0;

	for (struct inet_socket *socket = udp_table_first(way->to_port, false); socket;
	     socket = udp_table_next(socket)) {
		uint32_t score = receiver_score(socket->udp, way);

		if (score > most) {
			most = score;
			best = socket;
		}
	}
	return best;
}

bool udp_table_covers(const struct inet_socket *socket)
{
	if (!arriving || !socket->set.wants_covered)
		return true;
	return socket->set.covered_least && arriving >= socket->set.covered_least;
}

/* In front of lwIP's function, which the build names otherwise. */
void udp_input(struct pbuf *pbuf, struct netif *netif)
{
	const struct udp_hdr *header = pbuf->payload;
	struct udp_pcb **end = &udp_pcbs, *pcb;
	bool lite = ip_current_header_proto() == PROTOCOL_UDPLITE;

	if (pbuf->len >= UDP_HLEN) {
		arriving = 0;
		if (lite && lwip_ntohs(header->len) < pbuf->tot_len)
			arriving = lwip_ntohs(header->len);
		for (struct inet_socket *socket = udp_table_first(lwip_ntohs(header->dest), lite);
		     socket; socket = udp_table_next(socket)) {
			*end = socket->udp;
			end = &socket->udp->next;
		}
	}
	*end = NULL;
	lwip_udp_input(pbuf, netif);
	while ((pcb = udp_pcbs)) {
		udp_pcbs = pcb->next;
		pcb->next = NULL;
	}
}
