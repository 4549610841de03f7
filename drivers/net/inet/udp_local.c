/* SPDX-License-Identifier: MIT */
/*
 * Datagrams of UDP from one socket of this machine to another one.
 *
 * One that would take lo, and that nobody but its receiver sees, has no headers: its bytes are copied from the program into what the
 * receiver's queue holds, in one piece of memory. All others take the way by lwIP: of IPv6, to groups, with control messages, beside
 * raw sockets, and those that nobody receives, which are answered with an error.
 */
#include <banos/buffer.h>
#include "inet.h"
#include <lwip/ip.h>

#define HEADERS	  42u	 /* of Ethernet, IPv4 and UDP: they are counted */
#define BYTES_MAX 65000u /* lwIP counts in 16 bits, and lo takes 65,536 */

struct local_datagram {
	struct datagram datagram;
	struct pbuf_custom bytes;
};

static void bytes_free(struct pbuf *pbuf)
{
	/* They lie behind the datagram, and go with it. */
}

static int64_t local_make(banos_buffer from, uint64_t length, struct datagram **made)
{
	struct local_datagram *local = inet_memory_get(sizeof(*local) + length);

	if (!local)
		return -ENOBUFS;
	if (length && banos_buffer_read(from, local + 1, length) != (int64_t)length) {
		inet_memory_put(local);
		return -EFAULT;
	}
	local->bytes.custom_free_function = bytes_free;
	local->datagram = (struct datagram){
		.bytes = pbuf_alloced_custom(PBUF_RAW, (uint16_t)length, PBUF_REF, &local->bytes,
					     local + 1, (uint16_t)length),
	};
	*made = &local->datagram;
	return 0;
}

/* @return lo, if that is the way; or NULL */
static struct link *local_way(const struct inet_socket *socket, const ip_addr_t *to, uint16_t port,
			      struct udp_way *way)
{
	const struct udp_pcb *pcb = socket->udp;
	struct netif *netif;
	struct link *link;

	if (raw_sockets || udp_is_lite(socket) || !IP_IS_V4(to) ||
	    pcb->netif_idx != NETIF_NO_INDEX || ip_addr_ismulticast(to))
		return NULL;
	netif = inet_route4(NULL, ip_2_ip4(to));
	link = netif ? netif->state : NULL;
	if (!link || !(link->flags & BANOS_INTERFACE_LOOPBACK) ||
	    !(link->flags & BANOS_INTERFACE_UP))
		return NULL;
	if (!ip_addr_isany(&pcb->local_ip) && !ip_addr_cmp(&pcb->local_ip, &netif->ip_addr))
		return NULL;
	*way = (struct udp_way){ netif->ip_addr, *to, pcb->local_port, port,
				 netif_get_index(netif) };
	return link;
}

bool udp_send_local(struct inet_socket *socket, banos_buffer from, uint64_t length,
		    const ip_addr_t *to, uint16_t port, int64_t *result)
{
	struct inet_socket *receiver = NULL;
	struct datagram *datagram;
	struct udp_way way;
	struct link *link = NULL;

	if (length <= BYTES_MAX)
		link = local_way(socket, to, port, &way);
	if (link)
		receiver = udp_table_find(&way);
	if (!receiver || !loop_passes(link, (uint32_t)length + HEADERS))
		return false;
	*result = (int64_t)length;
	if (!datagram_fits(receiver, (uint32_t)length)) { /* it is lost */
		receiver->drops++;
		return true;
	}
	*result = local_make(from, length, &datagram);
	if (*result)
		return true;
	datagram->from = way.from;
	datagram->to = way.to;
	datagram->port = way.from_port;
	datagram->ttl = socket->udp->ttl;
	datagram->tos = socket->udp->tos;
	datagram->interface = link->index;
	datagram_append(receiver, datagram);
	*result = (int64_t)length;
	return true;
}
