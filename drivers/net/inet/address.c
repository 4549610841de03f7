/* SPDX-License-Identifier: MIT */
/* Addresses as programs write them: struct sockaddr_in and sockaddr_in6. */
#include "inet.h"

#define LENGTH4	    16u
#define LENGTH6	    28u
#define LENGTH6_MIN 24u /* without the scope, as programs of old say it */
#define SCOPE_AT    24u

int64_t address_parse(const struct inet_socket *socket, const uint8_t *bytes, uint32_t length,
		      ip_addr_t *address, uint16_t *port)
{
	uint16_t family;
	uint32_t words[4], scope = 0;
	const struct link *link;

	if (length < 2)
		return -EINVAL;
	memcpy(&family, bytes, 2);
	if (length < (socket->family == AF_INET ? LENGTH4 : LENGTH6_MIN))
		return -EINVAL;
	if (family != socket->family)
		return -EAFNOSUPPORT;
	*port = (uint16_t)(bytes[2] << 8 | bytes[3]);
	if (family == AF_INET) {
		memcpy(words, bytes + 4, 4);
		ip_addr_set_ip4_u32(address, words[0]);
		return 0;
	}
	memcpy(words, bytes + 8, 16);
	if (length >= LENGTH6)
		memcpy(&scope, bytes + SCOPE_AT, 4);
	IP_ADDR6(address, words[0], words[1], words[2], words[3]);
	if (!scope)
		scope = socket->set.interface;
	link = scope ? link_find(scope) : NULL;
	if (scope && !link)
		return -ENODEV;
	if (ip6_addr_isipv4mappedipv6(ip_2_ip6(address)))
		ip_addr_set_ip4_u32(address, words[3]);
	else if (link)
		ip6_addr_assign_zone(ip_2_ip6(address), IP6_UNKNOWN, &link->netif);
	else if (ip6_addr_islinklocal(ip_2_ip6(address)))
		return -EINVAL; /* on which link? */
	return 0;
}

static uint32_t address_scope(const ip6_addr_t *address)
{
	struct netif *netif;

	if (!ip6_addr_has_zone(address))
		return 0;
	netif = netif_get_by_index(ip6_addr_zone(address));
	if (netif)
		return ((struct link *)netif->state)->index;
	return 0;
}

uint32_t address_format(uint32_t family, const ip_addr_t *address, uint16_t port, uint8_t *bytes)
{
	uint16_t number = (uint16_t)family;
	uint32_t scope, mapped = lwip_htonl(0xffff);

	memset(bytes, 0, LENGTH6);
	memcpy(bytes, &number, 2);
	bytes[2] = (uint8_t)(port >> 8);
	bytes[3] = (uint8_t)port;
	if (family == AF_INET) {
		memcpy(bytes + 4, &ip_2_ip4(address)->addr, 4);
		return LENGTH4;
	}
	if (IP_IS_V4_VAL(*address)) {
		memcpy(bytes + 16, &mapped, 4);
		memcpy(bytes + 20, &ip_2_ip4(address)->addr, 4);
	} else {
		memcpy(bytes + 8, ip_2_ip6(address)->addr, 16);
		scope = address_scope(ip_2_ip6(address));
		memcpy(bytes + SCOPE_AT, &scope, 4);
	}
	return LENGTH6;
}

uint16_t port_guess(void)
{
	return (uint16_t)(PORT_FIRST + LWIP_RAND() % PORT_COUNT);
}
