/* SPDX-License-Identifier: MIT */
/*
 * A second TCP/IP stack, as small as one can be that is of use: UDP over IPv4 and Ethernet.
 *
 * It offers a family of sockets of its own, whose addresses are those of AF_INET, so a program changes one number to
 * use it. It takes the EtherTypes of IPv4 and ARP: either it or the driver inet can be there. Interfaces, addresses and
 * routes are the kernel's, which tells them. A datagram waits in its socket as the packet that was received, and one
 * for a station whose address is not known yet waits for the answer. No fragments, groups, options of IPv4, ICMP.
 *
 * RFC 768 (UDP), RFC 791 (IPv4), RFC 826 (ARP). Addresses and ports are in host byte order in here.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/protocol.h>
#include <banos/socket_family.h>
#include <banos/string.h>

#define FAMILY	     43u
#define ENDPOINTS    128u
#define WAITING	     32u /* datagrams in a socket */
#define SETTINGS     64u
#define INTERFACES   16u
#define STATIONS     64u
#define ETHERNET     14u
#define ARP_BYTES    28u
#define IP_UDP_BYTES 28u
#define HEADERS	     (ETHERNET + IP_UDP_BYTES)
#define PORT_FIRST   49152u
#define IPV4	     0x800u
#define ARP	     0x806u
#define UDP	     17u

struct place {
	uint32_t address, port;
};
struct endpoint {
	banos_socket socket; /* NULL: free */
	struct place local, remote;
	struct banos_net_packet waiting[WAITING];
	uint32_t first, count;
};
struct station {
	uint32_t interface, address, known;
	uint8_t hardware[6];
	struct banos_net_packet waiting; /* packet NULL: none */
};
struct way {
	const struct banos_interface *interface;
	uint32_t next, source; /* station on the link; address to send from */
};

static banos_owner own;
static banos_protocol protocol;
static struct banos_mutex lock; /* guards all that follows */
static struct endpoint endpoints[ENDPOINTS];
static struct banos_interface interfaces[INTERFACES]; /* index 0: free */
static struct banos_net_setting settings[SETTINGS];   /* kind 0: free */
static struct station stations[STATIONS];
static uint32_t next_station, next_port, next_number;
static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 }, none[6];

static uint32_t minip_get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}
static uint32_t minip_get32(const uint8_t *at)
{
	return minip_get16(at) << 16 | minip_get16(at + 2);
}
static void minip_put16(uint8_t *at, uint32_t number)
{
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}
static void minip_put32(uint8_t *at, uint32_t number)
{
	minip_put16(at, number >> 16);
	minip_put16(at + 2, number);
}

/* The Internet checksum (RFC 1071) over bytes and @sum. */
static uint32_t minip_checksum(const uint8_t *at, uint32_t length, uint32_t sum)
{
	for (; length > 1; at += 2, length -= 2)
		sum += minip_get16(at);
	if (length)
		sum += (uint32_t)at[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}
static uint32_t udp_checksum(const uint8_t *ip, uint32_t length)
{
	return minip_checksum(ip + 20, length,
			      (~minip_checksum(ip + 12, 8, 0) & 0xffff) + UDP + length);
}

/* ---- what the kernel tells ---- */

static struct banos_interface *interface_of(uint32_t index)
{
	for (uint32_t i = 0; i < INTERFACES; i++)
		if (interfaces[i].index == index)
			return &interfaces[i];
	return NULL;
}

static int64_t minip_interface(void *context, uint32_t event, const struct banos_interface *now)
{
	struct banos_interface *interface;

	banos_mutex_lock(&lock);
	interface = interface_of(now->index);
	if (!interface)
		interface = interface_of(0);
	if (interface)
		*interface = *now;
	if (interface && event == BANOS_INTERFACE_REMOVED)
		interface->index = 0;
	banos_mutex_unlock(&lock);
	return 0;
}

static struct banos_net_setting *setting_of(const struct banos_net_setting *as)
{
	for (struct banos_net_setting *each = settings; each < settings + SETTINGS; each++)
		if (each->kind == as->kind && each->interface == as->interface &&
		    each->prefix == as->prefix && each->metric == as->metric &&
		    each->table == as->table && !memcmp(each->address, as->address, 4) &&
		    (as->kind != BANOS_SETTING_ROUTE || !memcmp(each->other, as->other, 4)))
			return each;
	return NULL;
}

static int64_t minip_configure(void *context, uint32_t event, const struct banos_net_setting *now)
{
	static const struct banos_net_setting free;
	struct banos_net_setting *setting;

	if (now->family != BANOS_FAMILY_IPV4 || now->kind == BANOS_SETTING_NEIGHBOUR)
		return 0;
	banos_mutex_lock(&lock);
	setting = setting_of(now);
	if (!setting && event == BANOS_SETTING_ADD)
		setting = setting_of(&free);
	if (setting)
		*setting = event == BANOS_SETTING_ADD ? *now : free;
	banos_mutex_unlock(&lock);
	if (setting || event == BANOS_SETTING_REMOVE)
		return 0;
	return -ENOSPC;
}

/* ---- routes ---- */

/* The address of an interface (@address 0), or that interface which has an address. */
static const struct banos_net_setting *own_address(uint32_t interface, uint32_t address)
{
	for (uint32_t i = 0; i < SETTINGS; i++)
		if (settings[i].kind == BANOS_SETTING_ADDRESS &&
		    (address ? minip_get32(settings[i].address) == address
			     : settings[i].interface == interface))
			return &settings[i];
	return NULL;
}

/* The longest prefix wins, then the least metric. */
static const struct banos_net_setting *route_to(uint32_t address)
{
	const struct banos_net_setting *best = NULL;

	for (struct banos_net_setting *each = settings; each < settings + SETTINGS; each++) {
		uint32_t mask = each->prefix ? ~0u << (32 - each->prefix) : 0;

		if (each->kind && !((minip_get32(each->address) ^ address) & mask) &&
		    (!best || each->prefix > best->prefix ||
		     (each->prefix == best->prefix && each->metric < best->metric)))
			best = each;
	}
	return best;
}

static int64_t find_way(uint32_t to, struct way *way)
{
	const struct banos_net_setting *route = route_to(to), *address;

	if (!route)
		return -ENETUNREACH;
	way->next = to;
	way->interface = interface_of(route->interface);
	if (own_address(0, to))
		for (uint32_t i = 0; i < INTERFACES; i++)
			if (interfaces[i].index && interfaces[i].flags & BANOS_INTERFACE_LOOPBACK)
				way->interface = &interfaces[i];
	if (!way->interface || !(way->interface->flags & BANOS_INTERFACE_UP))
		return -ENETDOWN;
	if (route->kind == BANOS_SETTING_ROUTE && minip_get32(route->other))
		way->next = minip_get32(route->other);
	address = own_address(route->interface, 0);
	way->source = address ? minip_get32(address->address) : 0;
	if (own_address(0, to))
		way->source = to;
	return 0;
}

/* ---- frames ---- */

static void free_frame(const struct banos_net_packet *packet)
{
	banos_packet_free(packet, 1, sizeof(*packet));
}

static void send_frame(const struct banos_interface *interface, struct banos_net_packet *packet,
		       const uint8_t *to, uint32_t type)
{
	int loops = (interface->flags & BANOS_INTERFACE_LOOPBACK) != 0;

	memcpy(packet->bytes, loops ? none : to, 6);
	memcpy(packet->bytes + 6, loops ? none : interface->address, 6);
	minip_put16(packet->bytes + 12, type);
	banos_interface_transmit(protocol, interface->index, packet, 1, sizeof(*packet));
}

/* Ask who has an address (operation 1), or answer (2). */
static void send_arp(const struct banos_interface *interface, uint32_t operation, uint32_t source,
		     uint32_t target, const uint8_t *to)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
	struct banos_net_packet packet;
	uint8_t *at;

	if (banos_packet_alloc(own, ETHERNET + ARP_BYTES, 64, &packet, sizeof(packet)))
		return;
	packet.length = ETHERNET + ARP_BYTES;
	at = packet.bytes + ETHERNET;
	memcpy(at, head, sizeof(head));
	at[7] = (uint8_t)operation;
	memcpy(at + 8, interface->address, 6);
	minip_put32(at + 14, source);
	memcpy(at + 18, operation == 1 ? none : to, 6);
	minip_put32(at + 24, target);
	send_frame(interface, &packet, to, ARP);
}

static struct station *station_of(uint32_t interface, uint32_t address)
{
	for (uint32_t i = 0; i < STATIONS; i++)
		if (stations[i].interface == interface && stations[i].address == address)
			return &stations[i];
	return NULL;
}

static void send_on(const struct way *way, struct banos_net_packet *packet)
{
	struct station *station = station_of(way->interface->index, way->next);

	if (way->interface->flags & BANOS_INTERFACE_LOOPBACK || way->next == ~0u) {
		send_frame(way->interface, packet, all, IPV4);
		return;
	}
	if (station && station->known) {
		send_frame(way->interface, packet, station->hardware, IPV4);
		return;
	}
	if (!station)
		station = &stations[next_station++ % STATIONS];
	if (station->waiting.packet)
		free_frame(&station->waiting);
	*station = (struct station){ way->interface->index, way->next, .waiting = *packet };
	send_arp(way->interface, 1, way->source, way->next, all);
}

static void receive_arp(const struct banos_interface *interface, const uint8_t *at)
{
	struct station *station = station_of(interface->index, minip_get32(at + 14));
	const struct banos_net_setting *asked = own_address(0, minip_get32(at + 24));

	if (minip_get16(at) != 1 || minip_get16(at + 2) != IPV4 || minip_get16(at + 4) != 0x604)
		return;
	if (station) {
		memcpy(station->hardware, at + 8, 6);
		station->known = 1;
		if (station->waiting.packet)
			send_frame(interface, &station->waiting, station->hardware, IPV4);
		station->waiting.packet = NULL;
	}
	if (minip_get16(at + 6) == 1 && asked && asked->interface == interface->index)
		send_arp(interface, 2, minip_get32(at + 24), minip_get32(at + 14), at + 8);
}

/* Is it a whole datagram of UDP for this machine? Then it is cut to that. */
static int check_shape(struct banos_net_packet *packet)
{
	const uint8_t *ip = packet->bytes + ETHERNET;
	uint32_t bytes, length;
	int trusted = (packet->flags & (BANOS_PACKET_CHECKED | BANOS_PACKET_PARTIAL)) != 0;

	if (packet->length < HEADERS || packet->flags & BANOS_PACKET_MORE || ip[0] != 0x45 ||
	    ip[9] != UDP || minip_get16(ip + 6) & 0xbfff)
		return 0;
	bytes = minip_get16(ip + 2);
	length = minip_get16(ip + 24);
	if (bytes > packet->length - ETHERNET || length < 8 || bytes < 20 + length)
		return 0;
	if (!trusted &&
	    (minip_checksum(ip, 20, 0) || (minip_get16(ip + 26) && udp_checksum(ip, length))))
		return 0;
	packet->bytes += ETHERNET;
	packet->length = 20 + length;
	return own_address(0, minip_get32(ip + 16)) || packet->flags & BANOS_PACKET_BROADCAST;
}

static int minip_deliver(const struct banos_net_packet *packet)
{
	const uint8_t *ip = packet->bytes;

	for (struct endpoint *each = endpoints; each < endpoints + ENDPOINTS; each++) {
		if (!each->socket || !each->local.port ||
		    each->local.port != minip_get16(ip + 22) ||
		    (each->local.address && each->local.address != minip_get32(ip + 16)) ||
		    (each->remote.port && (each->remote.port != minip_get16(ip + 20) ||
					   each->remote.address != minip_get32(ip + 12))))
			continue;
		if (each->count == WAITING)
			return 0;
		each->waiting[(each->first + each->count++) % WAITING] = *packet;
		banos_socket_wake(each->socket, BANOS_SOCKET_IN);
		return 1;
	}
	return 0;
}

static int64_t minip_receive(void *context, const struct banos_net_packet *packets, uint32_t count,
			     uint32_t stride)
{
	banos_mutex_lock(&lock);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = (const uint8_t *)packets + (uint64_t)i * stride;
		struct banos_net_packet packet = *(const struct banos_net_packet *)at;
		const struct banos_interface *interface = interface_of(packet.interface);
		int taken = 0;

		if (interface && packet.length >= ETHERNET + ARP_BYTES &&
		    !(packet.flags & BANOS_PACKET_FOREIGN)) {
			if (minip_get16(packet.bytes + 12) == ARP)
				receive_arp(interface, packet.bytes + ETHERNET);
			else
				taken = check_shape(&packet) && minip_deliver(&packet);
		}
		if (!taken)
			free_frame(&packet);
	}
	banos_mutex_unlock(&lock);
	return 0;
}

/* ---- sockets ---- */

static int64_t place_from(struct place *place, const uint8_t *address, uint32_t length)
{
	if (length < 16)
		return -EINVAL;
	*place = (struct place){ minip_get32(address + 4), minip_get16(address + 2) };
	if (address[1] ||
	    address[0] != BANOS_FAMILY_IPV4) /* by which the kernel knows reserved ports */
		return -EAFNOSUPPORT;
	return 0;
}

static uint32_t place_to(const struct place *place, uint8_t *address)
{
	memset(address, 0, 16);
	address[0] = BANOS_FAMILY_IPV4;
	minip_put16(address + 2, place->port);
	minip_put32(address + 4, place->address);
	return 16;
}

static int is_taken(const struct place *place)
{
	for (struct endpoint *each = endpoints; each < endpoints + ENDPOINTS; each++)
		if (each->socket && each->local.port == place->port &&
		    (!each->local.address || !place->address ||
		     each->local.address == place->address))
			return 1;
	return !place->port;
}

static int64_t take_place(struct endpoint *endpoint, struct place place)
{
	if (place.address && !own_address(0, place.address))
		return -EADDRNOTAVAIL;
	for (uint32_t tries = PORT_FIRST; !place.port && tries < 65536; tries++) {
		place.port = PORT_FIRST + next_port++ % (65536 - PORT_FIRST);
		if (is_taken(&place))
			place.port = 0;
	}
	if (is_taken(&place))
		return -EADDRINUSE;
	endpoint->local = place;
	return 0;
}

static int64_t minip_create(void *context, banos_socket socket, uint32_t family, uint32_t type,
			    uint32_t number, void **made)
{
	int64_t err = -ENFILE;

	if (type != 2)
		return -ESOCKTNOSUPPORT;
	if (number && number != UDP)
		return -EPROTONOSUPPORT;
	banos_mutex_lock(&lock);
	for (uint32_t i = 0; i < ENDPOINTS && err; i++) {
		if (endpoints[i].socket)
			continue;
		*made = &endpoints[i];
		endpoints[i] = (struct endpoint){ .socket = socket };
		err = 0;
	}
	banos_mutex_unlock(&lock);
	return err;
}

static int64_t minip_release(void *context)
{
	struct endpoint *endpoint = (struct endpoint *)context;

	banos_mutex_lock(&lock);
	for (; endpoint->count; endpoint->count--)
		free_frame(&endpoint->waiting[endpoint->first++ % WAITING]);
	endpoint->socket = NULL;
	banos_mutex_unlock(&lock);
	return 0;
}

static int64_t minip_bind(void *context, const uint8_t *address, uint32_t length)
{
	struct endpoint *endpoint = (struct endpoint *)context;
	struct place place;
	int64_t err = place_from(&place, address, length);

	banos_mutex_lock(&lock);
	if (!err)
		err = endpoint->local.port ? -EINVAL : take_place(endpoint, place);
	banos_mutex_unlock(&lock);
	return err;
}

/* Send what is in the packet behind its headers, which are filled in. Consumes it. */
static int64_t send_packet(struct endpoint *endpoint, const struct place *to,
			   struct banos_net_packet *packet)
{
	uint8_t *ip = packet->bytes + ETHERNET;
	uint32_t length = packet->length - ETHERNET;
	struct way way;
	int64_t err = find_way(to->address, &way);

	if (!err && !endpoint->local.port)
		err = take_place(endpoint, endpoint->local);
	if (!err && length > way.interface->mtu)
		err = -EMSGSIZE;
	if (err) {
		free_frame(packet);
		return err;
	}
	memset(ip, 0, IP_UDP_BYTES);
	minip_put16(ip, 0x4500);
	minip_put16(ip + 2, length);
	minip_put16(ip + 4, ++next_number);
	minip_put16(ip + 8, 64 << 8 | UDP);
	minip_put32(ip + 12, endpoint->local.address ? endpoint->local.address : way.source);
	minip_put32(ip + 16, to->address);
	minip_put16(ip + 10, minip_checksum(ip, 20, 0));
	minip_put16(ip + 20, endpoint->local.port);
	minip_put16(ip + 22, to->port);
	minip_put16(ip + 24, length - 20);
	minip_put16(ip + 26, udp_checksum(ip, length - 20));
	if (!minip_get16(ip + 26))
		minip_put16(ip + 26, 0xffff); /* 0 would mean that there is none */
	send_on(&way, packet);
	return 0;
}

static int64_t minip_send(void *context, banos_buffer buffer, uint64_t length,
			  const struct banos_socket_message *message)
{
	struct banos_net_packet packet;
	struct place to;
	int64_t err = place_from(&to, message->address, message->address_length);

	if (err || !to.port)
		return message->address_length ? -EINVAL : -EDESTADDRREQ;
	if (length > 65535 - IP_UDP_BYTES)
		return -EMSGSIZE;
	if (banos_packet_alloc(own, (uint32_t)length + HEADERS, 64, &packet, sizeof(packet)))
		return -ENOMEM;
	packet.length = (uint32_t)length + HEADERS;
	if (length && banos_buffer_read(buffer, packet.bytes + HEADERS, length) < (int64_t)length) {
		free_frame(&packet);
		return -EFAULT;
	}
	banos_mutex_lock(&lock);
	err = send_packet((struct endpoint *)context, &to, &packet);
	banos_mutex_unlock(&lock);
	if (err)
		return err;
	return (int64_t)length;
}

static int64_t minip_take(void *context, banos_buffer to, uint64_t length,
			  struct banos_socket_message *message)
{
	struct endpoint *endpoint = (struct endpoint *)context;
	struct banos_net_packet packet;
	int64_t bytes = -EAGAIN;

	banos_mutex_lock(&lock);
	if (endpoint->count) {
		packet = endpoint->waiting[endpoint->first % WAITING];
		bytes = packet.length - IP_UDP_BYTES;
		message->address_length =
			place_to(&(struct place){ minip_get32(packet.bytes + 12),
						  minip_get16(packet.bytes + 20) },
				 message->address);
		if (bytes > (int64_t)length)
			message->out_flags |= BANOS_SOCKET_TRUNCATED;
		if (!(message->flags & BANOS_SOCKET_TRUNCATED) && bytes > (int64_t)length)
			bytes = (int64_t)length;
		if (banos_buffer_write(to, packet.bytes + IP_UDP_BYTES,
				       packet.length - IP_UDP_BYTES) == -EFAULT)
			bytes = -EFAULT;
		if (!(message->flags & BANOS_SOCKET_PEEK)) {
			endpoint->first++;
			endpoint->count--;
			free_frame(&packet);
		}
	}
	banos_mutex_unlock(&lock);
	return bytes;
}

static int64_t minip_poll(void *context)
{
	if (((struct endpoint *)context)->count)
		return BANOS_SOCKET_OUT | BANOS_SOCKET_IN;
	return BANOS_SOCKET_OUT;
}

static int64_t minip_name(void *context, uint32_t peer, uint8_t *address, uint32_t length)
{
	if (peer)
		return -ENOTCONN;
	return place_to(&((struct endpoint *)context)->local, address);
}

static int64_t minip_init(banos_owner self)
{
	static const struct banos_protocol_ops ops = { .size = sizeof(ops),
						       .receive = minip_receive,
						       .interface = minip_interface,
						       .configure = minip_configure };
	static const struct banos_protocol_config config = { .size = sizeof(config),
							     .ethertypes = { IPV4, ARP },
							     .ops = &ops };
	static const struct banos_family_ops family_ops = { .size = sizeof(family_ops),
							    .create = minip_create,
							    .release = minip_release,
							    .bind = minip_bind,
							    .send = minip_send,
							    .receive = minip_take,
							    .poll = minip_poll,
							    .name = minip_name };
	static const struct banos_family_config family = { .size = sizeof(family),
							   .families = { FAMILY },
							   .ops = &family_ops };
	int64_t err;

	own = self;
	err = banos_mutex_init(self, &lock);
	if (!err)
		err = banos_protocol_register(self, &config, &protocol);
	if (err)
		return err;
	return banos_family_register(self, &family, NULL);
}

static int64_t minip_exit(banos_owner self)
{
	for (uint32_t i = 0; i < STATIONS; i++)
		if (stations[i].waiting.packet)
			free_frame(&stations[i].waiting);
	return banos_mutex_destroy(&lock);
}
BANOS_DRIVER(minip, "1.0", "MIT", "UDP over IPv4 for sockets of family 43", minip_init, minip_exit);
