/* SPDX-License-Identifier: MIT */
/**
 * @file protocol.h  Protocols above network devices: who gets the frames of an EtherType. A draft.
 *
 * A protocol is registered for up to eight EtherTypes, gets all frames of them that interfaces receive, and
 * sends frames by any interface. The first one that was registered for an EtherType has it.
 *
 * Interfaces, their addresses, and routes are the kernel's: programs change them (ip, ifconfig, udhcpc), and they stay
 * when the driver of a protocol goes and another one comes. A protocol is told all of them once it was registered, and every
 * change afterwards, one at a time and in order. Finding the route of a packet, and the neighbour on the
 * link, are its own affairs; what it learns from the network it reports.
 *
 * A protocol of IPv4 or IPv6 (a stack) can have other drivers take protocols above it, by their number: banos_ip_protocol_register().
 * The kernel stands between the two: either may go and come again.
 */
#ifndef BANOS_PROTOCOL_H
#define BANOS_PROTOCOL_H

#include <banos/network.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/protocol.h>
BANOS_DRAFT_HEADER(protocol);

/** Handle of a registered protocol. */
typedef struct banos_protocol_ *banos_protocol;
/** Handle of a registered protocol above IP. */
typedef struct banos_ip_protocol_ *banos_ip_protocol;

/* Events of interfaces. */
#define BANOS_INTERFACE_ADDED	1u
#define BANOS_INTERFACE_REMOVED 2u /**< its addresses and routes were removed before */
#define BANOS_INTERFACE_CHANGED 3u /**< up, down, carrier, mtu, address or name: compare */

/* Flags of interfaces, as Linux numbers them; other bits may be set, too. */
#define BANOS_INTERFACE_UP	       0x1u
#define BANOS_INTERFACE_BROADCAST      0x2u
#define BANOS_INTERFACE_LOOPBACK       0x8u
#define BANOS_INTERFACE_POINT_TO_POINT 0x10u
#define BANOS_INTERFACE_RUNNING	       0x40u /**< up, and the link is */
#define BANOS_INTERFACE_NO_ARP	       0x80u
#define BANOS_INTERFACE_PROMISCUOUS    0x100u
#define BANOS_INTERFACE_ALL_GROUPS     0x200u
#define BANOS_INTERFACE_GROUPS	       0x1000u

/* How an interface is configured for IPv6, as /proc/sys/net/ipv6/conf says. */
#define BANOS_INTERFACE_IPV6_ON 1u /**< IPv6 is used on it; without: the other bits say nothing */
#define BANOS_INTERFACE_IPV6_LINK_LOCAL \
	2u				/**< it gets a link-local address by its hardware address */
#define BANOS_INTERFACE_IPV6_ROUTERS 4u /**< advertisements of routers are followed */
#define BANOS_INTERFACE_IPV6_AUTOCONF \
	8u /**< addresses are made from prefixes that routers announce */

/** An interface, as interface() sees it. */
struct banos_interface {
	uint32_t size;	/**< filled by the kernel: what it knows */
	uint32_t index; /**< from 1 on; never used again */
	uint32_t flags; /**< BANOS_INTERFACE_... */
	uint32_t mtu;
	uint32_t offloads;  /**< BANOS_NET_TX_CHECKSUM and so on */
	uint32_t headroom;  /**< bytes that should be free in front of frames to be sent */
	uint8_t address[8]; /**< the first six bytes */
	char name[16];	    /**< NUL-terminated */
	uint32_t ipv6;	    /**< BANOS_INTERFACE_IPV6_... */
	uint32_t zero;
};
#define BANOS_INTERFACE_SIZE_2 56u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_interface, zero) == BANOS_INTERFACE_SIZE_2, interface);
BANOS_ASSERT(offsetof(struct banos_interface, address) == 24, interface_address);
BANOS_ASSERT(offsetof(struct banos_interface, name) == 32, interface_name);

/* Kinds of settings. */
#define BANOS_SETTING_ADDRESS	1u /**< an address of an interface */
#define BANOS_SETTING_ROUTE	2u
#define BANOS_SETTING_NEIGHBOUR 3u /**< the hardware address of a station */
#define BANOS_SETTING_FORWARD \
	4u /**< what is for other machines is sent on; only the family is stated */

/* What configure() is asked, and banos_protocol_report() says. */
#define BANOS_SETTING_ADD    1u /**< or change, where one with the same key exists */
#define BANOS_SETTING_REMOVE 2u

/* Families, as Linux numbers them. */
#define BANOS_FAMILY_IPV4 2u
#define BANOS_FAMILY_IPV6 10u

/* Types of routes, as Linux numbers them. */
#define BANOS_ROUTE_UNICAST	1u
#define BANOS_ROUTE_LOCAL	2u
#define BANOS_ROUTE_BLACKHOLE	6u
#define BANOS_ROUTE_UNREACHABLE 7u
#define BANOS_ROUTE_PROHIBIT	8u

/**
 * One address, route or neighbour. Internet addresses are in network byte order, of IPv4 in the first four bytes; the
 * rest, and what does not apply, is 0.
 * Keys: of an address: family, interface, address, prefix. Of a route: family, address, prefix, metric, gateway, interface,
 * table. Of a neighbour: family, interface, address.
 */
struct banos_net_setting {
	uint32_t size;
	uint32_t kind;	    /**< BANOS_SETTING_... */
	uint32_t family;    /**< BANOS_FAMILY_... */
	uint32_t interface; /**< index; of a route 0: the gateway decides */
	uint8_t address
		[16]; /**< the address; of a route: the destination; of a neighbour: its address */
	uint8_t other
		[16]; /**< of an address: the peer, or zeroes; of a route: the gateway, or zeroes */
	uint8_t source
		[16]; /**< of an address: the broadcast; of a route: the preferred source; or zeroes */
	uint32_t prefix; /**< bits of the address or destination */
	uint32_t flags;	 /**< of an address: Linux's IFA_F_*; of a neighbour: NTF_* */
	uint32_t metric; /**< of a route: the least one wins */
	uint32_t table;	 /**< of a route: 254 is the main one */
	uint32_t scope;	 /**< 0: everywhere, 253: this link, 254: this host */
	uint32_t type; /**< of a route: BANOS_ROUTE_...; of a neighbour: its state, Linux's NUD_* */
	uint32_t protocol;   /**< of a route: who made it, Linux's RTPROT_* */
	uint32_t mtu;	     /**< of a route; 0: that of the interface */
	uint8_t hardware[8]; /**< of a neighbour: its first six bytes */
	/**
	 * Of an address or a route: seconds until the kernel removes it, and until an address is no longer preferred
	 * (its flag IFA_F_DEPRECATED is set, then). 0: never.
	 */
	uint32_t valid_s, preferred_s;
};
#define BANOS_NET_SETTING_SIZE_2 112u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_net_setting, preferred_s) == BANOS_NET_SETTING_SIZE_2,
	     net_setting);
BANOS_ASSERT(offsetof(struct banos_net_setting, address) == 16, net_setting_address);
BANOS_ASSERT(offsetof(struct banos_net_setting, hardware) == 96, net_setting_hardware);

/** A packet of a protocol above IP, in an array. Internet addresses as in struct banos_net_setting. */
struct banos_ip_packet {
	struct banos_net_packet
		packet;	    /**< what is behind the headers of IP; whole: without _MORE */
	uint32_t family;    /**< BANOS_FAMILY_... */
	uint32_t interface; /**< that it was received by; to be sent by, or 0: as routes say */
	uint8_t source[16]; /**< to be sent: zeroes let the stack choose */
	uint8_t destination[16];
	uint32_t hops;	 /**< TTL or hop limit: 1 to 255; to be sent: 0: the usual one */
	uint32_t number; /**< of the protocol; to be sent: ignored from a driver */
};
BANOS_ASSERT(sizeof(struct banos_ip_packet) == 104, ip_packet);
BANOS_ASSERT(offsetof(struct banos_ip_packet, family) == 56, ip_packet_family);
BANOS_ASSERT(offsetof(struct banos_ip_packet, source) == 64, ip_packet_source);
BANOS_ASSERT(offsetof(struct banos_ip_packet, hops) == 96, ip_packet_hops);

struct banos_protocol_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Frames have arrived, several at a time. The driver holds the packets then, and frees them or hands them on. It may sleep
	 * for a short time. Called by a thread of the kernel on each processor, and, with frames of the interface lo, by threads
	 * of programs: inside a call of a socket such as send(), connect() or close(), when the method of the socket's family has
	 * returned and no lock of its driver is held. So several calls may run at a time, also on one processor. Those of one
	 * thread do not nest; frames that the method sends on lo are received in further calls.
	 * @param packets  @p count values of @p stride bytes each, read; frames begin with the Ethernet header
	 * @param stride   sizeof(struct banos_net_packet), or more in later kernels
	 * @return ignored. Mandatory.
	 */
	int64_t (*receive)(void *context, const struct banos_net_packet *packets, uint32_t count,
			   uint32_t stride);
	/**
	 * An interface was added, changed, or is being removed. One at a time.
	 * @param event      BANOS_INTERFACE_...
	 * @param interface  read, interface->size bytes
	 * @return ignored. Default: 0.
	 */
	int64_t (*interface)(void *context, uint32_t event,
			     const struct banos_interface *interface);
	/**
	 * A setting is being added or removed, by a program or since the protocol was registered. One at a time, and none
	 * while interface() runs.
	 * @param event    BANOS_SETTING_ADD or _REMOVE
	 * @param setting  read, setting->size bytes
	 * @return 0; an error: an addition is refused with it. Of kinds and families that it does not know: 0. Default: 0.
	 */
	int64_t (*configure)(void *context, uint32_t event,
			     const struct banos_net_setting *setting);
	/**
	 * Of a stack: a driver takes a protocol above IP, or it goes. One at a time.
	 * @param event   BANOS_SETTING_ADD or _REMOVE
	 * @param family  BANOS_FAMILY_..., of an EtherType that this protocol has
	 * @param number  0 to 255
	 * @return 0; -EBUSY: it is the stack's own. Default: -EOPNOTSUPP.
	 */
	int64_t (*take)(void *context, uint32_t event, uint32_t family, uint32_t number);
	/**
	 * Of a stack: send packets of a protocol that was taken. Several threads at a time, perhaps below
	 * banos_protocol_deliver(). The stack holds the packets then.
	 * @param packets  @p count values of @p stride bytes each, read
	 * @param stride   sizeof(struct banos_ip_packet), or more in later kernels
	 * @return 0; -ENETUNREACH: no way leads there; another error. Default: -EOPNOTSUPP.
	 */
	int64_t (*send)(void *context, const struct banos_ip_packet *packets, uint32_t count,
			uint32_t stride);
};
#define BANOS_PROTOCOL_OPS_SIZE_2 48u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_protocol_ops, send) == BANOS_PROTOCOL_OPS_SIZE_2,
	     protocol_ops);
BANOS_ASSERT(offsetof(struct banos_protocol_ops, configure) == 24, protocol_ops_configure);

/** What banos_protocol_register() is told. */
struct banos_protocol_config {
	uint32_t size;
	uint32_t flags;			      /**< 0 */
	uint32_t ethertypes[8];		      /**< 0x600 to 0xffff: 0x800 is IPv4; the rest is 0 */
	void *context;			      /**< for the methods */
	const struct banos_protocol_ops *ops; /**< read; its functions lie in the driver */
};
#define BANOS_PROTOCOL_CONFIG_SIZE_2 56u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_protocol_config, ops) == BANOS_PROTOCOL_CONFIG_SIZE_2,
	     protocol_config);
BANOS_ASSERT(offsetof(struct banos_protocol_config, context) == 40, protocol_config_context);

/* Families of a protocol above IP. */
#define BANOS_IP_PROTOCOL_IPV4 1u
#define BANOS_IP_PROTOCOL_IPV6 2u

struct banos_ip_protocol_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Packets have arrived for this machine: whole, their lengths and the header of IP were checked; of what is in them nothing.
	 * Several threads at a time. The driver holds the packets then, and frees them or sends them. It may sleep for a short time.
	 * @param packets  @p count values of @p stride bytes each, read
	 * @param stride   sizeof(struct banos_ip_packet), or more in later kernels
	 * @return ignored. Mandatory.
	 */
	int64_t (*receive)(void *context, const struct banos_ip_packet *packets, uint32_t count,
			   uint32_t stride);
};
#define BANOS_IP_PROTOCOL_OPS_SIZE_2 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_ip_protocol_ops, receive) == BANOS_IP_PROTOCOL_OPS_SIZE_2,
	     ip_protocol_ops);
BANOS_ASSERT(offsetof(struct banos_ip_protocol_ops, receive) == 8, ip_protocol_ops_receive);

/** What banos_ip_protocol_register() is told. */
struct banos_ip_protocol_config {
	uint32_t size;
	uint32_t families; /**< BANOS_IP_PROTOCOL_...: one or both */
	uint32_t number;   /**< 0 to 255: 89 is OSPF */
	uint32_t zero;
	void *context;				 /**< for the methods */
	const struct banos_ip_protocol_ops *ops; /**< read; its functions lie in the driver */
};
#define BANOS_IP_PROTOCOL_CONFIG_SIZE_2 32u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_ip_protocol_config, ops) == BANOS_IP_PROTOCOL_CONFIG_SIZE_2,
	     ip_protocol_config);
BANOS_ASSERT(offsetof(struct banos_ip_protocol_config, context) == 16, ip_protocol_config_context);

BANOS_BEGIN

/**
 * @brief Register a protocol.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_protocol_remove(), or before exit() runs.
 * @param owner     the driver
 * @param config    read; copied, with its table of methods
 * @param protocol  written: the handle
 * @return 0. From init() its methods are called once that succeeded, else at once: interface() for all interfaces, then configure()
 *	   for all addresses, routes and neighbours that were set, then receive().
 *	   -EINVAL: a field is wrong. -E2BIG: an unknown field is not 0. -EBUSY: an EtherType is taken. -EOPNOTSUPP: an unknown
 *	   bit in ops->must, or this kernel has no such class. -ENOMEM. -ENODEV: the owner is being removed.
 */
BANOS_SINCE(2)
int64_t banos_protocol_register(banos_owner owner, const struct banos_protocol_config *config,
				banos_protocol *protocol);

/**
 * @brief Take a protocol away.
 * Since 2, provided by the kernel.
 * Context: thread. Not from a method of the protocol.
 * No method is called when it returns. Packets that the driver holds stay its own.
 * @return 0, -EINVAL: no such protocol, -EBUSY: a method does not return (it can be removed later)
 */
BANOS_SINCE(2) int64_t banos_protocol_remove(banos_protocol protocol);

/**
 * @brief Send frames.
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock. The device's transmit() may be called.
 * The kernel fills in checksums, cuts TCP segments and joins packets where the device cannot (never on a loopback
 * interface, which receives them as they are). Of the packets that the driver holds all are consumed, whatever the result is.
 * @param protocol   whose frames these are
 * @param interface  index
 * @param packets    @p count values of @p stride bytes each, read; frames begin with the Ethernet header
 * @param count      up to 1024
 * @param stride     sizeof(struct banos_net_packet)
 * @return 0: sent, or waits to be sent. -ENOBUFS: some were dropped, since the queue was full. -ENETDOWN: the interface is down.
 *	   -ENODEV: no such interface. -EMSGSIZE: a frame is longer than the interface's mtu permits (it was dropped).
 *	   -EINVAL: no such protocol, or a packet that the driver does not hold, or a frame that does not lie in its packet.
 */
BANOS_SINCE(2)
int64_t banos_interface_transmit(banos_protocol protocol, uint32_t interface,
				 const struct banos_net_packet *packets, uint32_t count,
				 uint32_t stride);

/**
 * @brief Ask whether a frame on a loopback interface needs the kernel.
 * It does where somebody else would see it: a packet socket, a packet hook at whichever point; and where frames that were sent before
 * it wait to be received. Else it is counted as sent and received, and the protocol, which would receive it, takes it as received without
 * sending it.
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock.
 * @param protocol   which sends the frame, of an EtherType that is its own
 * @param interface  index
 * @param length     bytes of the frame, with its Ethernet header
 * @return 1: it was counted. 0: send it by banos_interface_transmit(). -EINVAL: no such protocol.
 */
BANOS_SINCE(2)
int64_t banos_interface_loop(banos_protocol protocol, uint32_t interface, uint32_t length);

/**
 * @brief State the groups that a protocol wants to receive on an interface.
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock. Not from receive().
 * @param protocol  which wants it; what it wanted is forgotten when it goes
 * @param interface index
 * @param group     8 bytes, read: the hardware address of the group
 * @param wanted    1: once more; 0: once less
 * @return 0, -EINVAL: an argument is wrong; -ENODEV: no such interface; -ENOMEM; -ENOENT: it was not wanted
 */
BANOS_SINCE(2)
int64_t banos_interface_group(banos_protocol protocol, uint32_t interface,
			      const struct banos_net_address *group, uint32_t wanted);

/**
 * @brief Report a setting that the protocol has learned, or forgotten: a neighbour; an address or route that a router
 * has announced. Programs see it; configure() is not called for it until it is changed or removed. Settings of programs
 * are not changed, but for what an address's flags say of the detection of duplicates.
 * Neighbours are forgotten when the protocol goes. Addresses and routes stay until their time is over, a program removes them, or the
 * interface is set down; a protocol that is registered meanwhile is told them by configure().
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock.
 * @param event    BANOS_SETTING_ADD or _REMOVE
 * @param setting  read, setting->size bytes
 * @return 0, -EINVAL: an argument is wrong. -ENODEV: no such interface, or an address or route of one that is down.
 *	   -ENOSPC: there are too many. -ENOMEM. -ENOENT: no such setting, or one of a program.
 */
BANOS_SINCE(2)
int64_t banos_protocol_report(banos_protocol protocol, uint32_t event,
			      const struct banos_net_setting *setting);

/**
 * @brief Hand packets to the drivers that have taken their protocols.
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock, and without a lock that send() of the protocol takes.
 * All that the driver holds are consumed. Packets of a protocol that nobody has (any more) are freed.
 * @param protocol  a stack
 * @param packets   @p count values of @p stride bytes each, read
 * @param count     up to 1024
 * @param stride    sizeof(struct banos_ip_packet)
 * @return 0, -EINVAL: no such protocol, or a packet that the driver does not hold, or that does not lie in its memory
 */
BANOS_SINCE(2)
int64_t banos_protocol_deliver(banos_protocol protocol, const struct banos_ip_packet *packets,
			       uint32_t count, uint32_t stride);

/**
 * @brief Take a protocol above IP.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_ip_protocol_remove(), or before exit() runs.
 * @param owner   the driver
 * @param config  read; copied, with its table of methods
 * @param handle  written
 * @return 0: also while there is no stack; it is told when it comes, and one that has the protocol itself keeps it, which is logged.
 *	   -EINVAL: a field is wrong. -E2BIG: an unknown field is not 0. -EBUSY: another driver has it, or a stack itself.
 *	   -EOPNOTSUPP: an unknown bit in ops->must, or this kernel has no such class. -ENOMEM. -ENODEV: the owner is being removed.
 */
BANOS_SINCE(2)
int64_t banos_ip_protocol_register(banos_owner owner, const struct banos_ip_protocol_config *config,
				   banos_ip_protocol *handle);

/**
 * @brief Give a protocol above IP up.
 * Since 2, provided by the kernel.
 * Context: thread. Not from receive().
 * receive() is not called when it returns. Packets that the driver holds stay its own.
 * @return 0, -EINVAL: no such handle, -EBUSY: receive() does not return (it can be removed later)
 */
BANOS_SINCE(2) int64_t banos_ip_protocol_remove(banos_ip_protocol handle);

/**
 * @brief Send packets of a protocol that the driver has taken.
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock.
 * All that the driver holds are consumed, whatever the result is. Packets that are longer than a link permits are cut by the stack.
 * @param packets  @p count values of @p stride bytes each, read
 * @param count    up to 1024
 * @param stride   sizeof(struct banos_ip_packet)
 * @return 0. -EINVAL: no such handle; a packet that the driver does not hold, or that does not lie in its memory; a family
 *	   that it has not taken; hops over 255. -ENETDOWN: there is no stack. Else the last error of the stack.
 */
BANOS_SINCE(2)
int64_t banos_ip_protocol_send(banos_ip_protocol handle, const struct banos_ip_packet *packets,
			       uint32_t count, uint32_t stride);

BANOS_END
#endif

#endif
