/* SPDX-License-Identifier: MIT */
/**
 * @file network.h  Packets, and network devices: cards and links, which programs find as eth0. A draft.
 *
 * A packet is one frame, or a part of one, in one piece of the kernel's memory that is contiguous for a
 * device, too. It is named by a number and held by one party at a time: the kernel or one driver.
 * While a driver holds a packet its bytes are lent: the driver, and its device, may read and write them at the
 * pointer and the address that it was told, from the beginning of the memory (@p headroom bytes in front of the
 * frame) to its end. By handing a packet on, or freeing it, the driver gives both up. A number that the
 * caller does not hold is refused and counted, never believed.
 *
 * A frame that does not fit into one packet is several elements of an array, one after the other, of which all but
 * the last have BANOS_PACKET_MORE.
 *
 * A driver registers a device with its limits. The kernel calls start() when it is set up, hands it packets
 * to send (transmit()) and to receive into (refill()), and gets them back with banos_net_transmitted() and
 * banos_net_receive(). Each queue is called by one thread at a time. What arrives waits in a queue of the
 * processor on which it was received; protocols (<banos/protocol.h>) get it from there, by a thread of the kernel.
 * What a call of a socket sends on lo they may get in the thread of that call instead.
 * What the device does not take waits in a queue of bounded length.
 *
 * Removal takes the device away: the kernel takes back what its driver holds. Memory that a device may still
 * access then is kept until its bus has stopped the device.
 */
#ifndef BANOS_NETWORK_H
#define BANOS_NETWORK_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/network.h>
BANOS_DRAFT_HEADER(network);

/** Number of a packet; 0 is none. */
typedef struct banos_packet_ *banos_packet;
/** Handle of a registered device. */
typedef struct banos_net_ *banos_net;

/* Flags of packets, in which other bits may be set, too. */
/** Received: the checksums of the frame were found right, or it never left this machine. */
#define BANOS_PACKET_CHECKED 1u
/**
 * The Internet checksum over the bytes from @p checksum_start on is to be put at @p checksum_start + @p checksum_offset,
 * where the sum of the pseudo header stands. To be sent: only with BANOS_NET_TX_CHECKSUM. Received: the
 * frame never left this machine, or is trusted.
 */
#define BANOS_PACKET_PARTIAL 2u
/** To be cut in TCP segments of @p segment_bytes; header_bytes: of all headers. With _PARTIAL. Only with BANOS_NET_TSO4. */
#define BANOS_PACKET_TSO4 4u
#define BANOS_PACKET_TSO6 8u  /**< the same for IPv6. Only with BANOS_NET_TSO6 */
#define BANOS_PACKET_MORE 16u /**< the frame goes on in the next element */
/** Received: it was sent to another address, and is here since someone asked for all. Set by the kernel. */
#define BANOS_PACKET_FOREIGN   32u
#define BANOS_PACKET_BROADCAST 64u /**< received: to all, or to a group. Set by the kernel */
#define BANOS_PACKET_HASHED \
	128u /**< received: @p hash was computed by the device over its addresses */

/** In an array, whose stride is its size: later levels add fields at its end. */
struct banos_net_packet {
	banos_packet packet;
	/**
	 * The frame's first byte. Who hands it over may choose another place in the packet's memory. It begins with
	 * the destination of an Ethernet header.
	 */
	uint8_t *bytes;
	uint64_t address; /**< of that byte, for the device; ignored from a driver */
	uint32_t length;  /**< bytes of the frame in this packet */
	uint32_t
		room; /**< bytes from the first one to the end of its memory; ignored from a driver */
	uint32_t headroom; /**< bytes in front of the first one; ignored from a driver */
	uint32_t flags; /**< BANOS_PACKET_...; of a frame: those of its first packet, but _MORE */
	uint16_t checksum_start, checksum_offset; /**< with _PARTIAL */
	uint16_t segment_bytes, header_bytes;	  /**< with _TSO4 and _TSO6 */
	uint32_t hash; /**< with _HASHED: the same for all packets of a connection */
	uint32_t
		interface; /**< index of the interface that it was received by, or will be sent by; ignored from a driver */
};
BANOS_ASSERT(sizeof(struct banos_net_packet) == 56, net_packet);
BANOS_ASSERT(offsetof(struct banos_net_packet, address) == 16, net_packet_address);
BANOS_ASSERT(offsetof(struct banos_net_packet, flags) == 36, net_packet_flags);
BANOS_ASSERT(offsetof(struct banos_net_packet, hash) == 48, net_packet_hash);

#define BANOS_NET_ADDRESS 6u /**< bytes of a hardware address */

/** Hardware address of a group, in an array. */
struct banos_net_address {
	uint8_t bytes[8]; /**< the first BANOS_NET_ADDRESS of them */
};
BANOS_ASSERT(sizeof(struct banos_net_address) == 8, net_address);
BANOS_ASSERT(offsetof(struct banos_net_address, bytes) == 0, net_address_bytes);

/* What set_filter() is told. */
#define BANOS_NET_PROMISCUOUS 1u /**< receive everything */
#define BANOS_NET_ALL_GROUPS  2u /**< receive what is for any group */

/** A method must return soon: frames wait meanwhile. It may sleep. */
struct banos_net_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Begin: the interface was set up. transmit() and refill() are called from now on.
	 * @return 0, or an error: it stays down. Default: 0.
	 */
	int64_t (*start)(void *context);
	/**
	 * End. transmit() and refill() are not called any more, and do not run. The device accesses no packet
	 * after it; the kernel takes back the packets that the driver holds when it returns.
	 * @return ignored. Default: 0.
	 */
	int64_t (*stop)(void *context);
	/**
	 * Send. Called by one thread at a time for each queue. The driver holds what it takes until
	 * banos_net_transmitted(), which it may call before it returns.
	 * What it does not take is offered again after the next banos_net_transmitted() of that queue, or a moment later.
	 * A frame is taken as a whole.
	 * @param packets  @p count values of @p stride bytes each, read
	 * @param stride   sizeof(struct banos_net_packet), or more in later kernels
	 * @return how many elements it took, the first ones; an error: all are dropped. Mandatory.
	 */
	int64_t (*transmit)(void *context, uint32_t queue, const struct banos_net_packet *packets,
			    uint32_t count, uint32_t stride);
	/**
	 * Take empty packets, to receive into. Called by one thread at a time for each queue; at first until
	 * the driver holds rx_depth of them, then after banos_net_receive(). @p length of each is 0.
	 * @param packets  @p count values of @p stride bytes each, read
	 * @return how many it took, the first ones; the others are offered again after the next banos_net_receive() of that
	 *	   queue. Default: 0; for devices that allocate what they receive.
	 */
	int64_t (*refill)(void *context, uint32_t queue, const struct banos_net_packet *packets,
			  uint32_t count, uint32_t stride);
	/**
	 * Choose what is received besides what is for the own address and for all. Called once after start(), too.
	 * @param flags      BANOS_NET_PROMISCUOUS, BANOS_NET_ALL_GROUPS; other bits may be set
	 * @param addresses  @p count values of @p stride bytes each, read: groups to receive
	 * @return 0; an error: the kernel asks for everything instead, once. Default: 0; for devices that receive all.
	 */
	int64_t (*set_filter)(void *context, uint32_t flags,
			      const struct banos_net_address *addresses, uint32_t count,
			      uint32_t stride);
	/**
	 * Use another address.
	 * @param address  8 bytes, read
	 * @return 0 or an error: it stays. Default: -EOPNOTSUPP.
	 */
	int64_t (*set_address)(void *context, const struct banos_net_address *address);
	/**
	 * Frames have other sizes now. The interface is down.
	 * @param mtu  without the Ethernet header; from 68 to mtu_max
	 * @return 0 or an error: it stays. Default: 0.
	 */
	int64_t (*set_mtu)(void *context, uint32_t mtu);
};
#define BANOS_NET_OPS_SIZE_2 64u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_net_ops, set_mtu) == BANOS_NET_OPS_SIZE_2, net_ops);
BANOS_ASSERT(offsetof(struct banos_net_ops, set_mtu) == 56, net_ops_set_mtu);

/* Flags of a device. */
/** Nothing accesses packets by itself; the owner need not be a device on a bus. @p address of packets is 0. */
#define BANOS_NET_NO_DMA	 1u
#define BANOS_NET_POINT_TO_POINT 2u /**< there is one other station, and no address is looked up */
#define BANOS_NET_NO_CARRIER	 4u /**< the link is down until banos_net_carrier() */

/* What a device can do by itself. */
#define BANOS_NET_TX_CHECKSUM 1u  /**< sends packets with BANOS_PACKET_PARTIAL */
#define BANOS_NET_RX_CHECKSUM 2u  /**< sets BANOS_PACKET_CHECKED */
#define BANOS_NET_TSO4	      4u  /**< sends packets with BANOS_PACKET_TSO4 */
#define BANOS_NET_TSO6	      8u  /**< sends packets with BANOS_PACKET_TSO6 */
#define BANOS_NET_LRO	      16u /**< joins segments: receives frames of up to 64 KiB */
#define BANOS_NET_SCATTER     32u /**< sends frames of several packets, up to segments_max */

#define BANOS_NET_NAME_SIZE 16u /**< bytes for the name of an interface, with its NUL */

/** What banos_net_register() is told. A limit may be higher in later kernels. */
struct banos_net_config {
	uint32_t size;
	uint32_t flags;
	/**
	 * Name of the interface: letters and digits. A '#' is replaced by the first free number (eth#: eth0).
	 * NUL-terminated.
	 */
	char name[16];
	uint8_t address[8]; /**< the first six bytes; zeroes: the kernel makes one up */
	uint32_t mtu;	    /**< without the Ethernet header: 68 or more; 0: 1500 */
	uint32_t mtu_max;   /**< up to 65535; 0: as mtu */
	uint32_t tx_queues; /**< 1 to 64; which processor uses which is the kernel's choice */
	uint32_t rx_queues; /**< 1 to 64 */
	uint32_t
		tx_depth; /**< most packets that transmit() may leave out in a queue: 1 to 4096; 0: 256 */
	uint32_t rx_depth; /**< empty packets that a queue holds: up to 4096; 0: none */
	uint32_t rx_room;  /**< bytes that fit into an empty packet; 0: mtu_max + 18. Up to 65536 */
	uint32_t headroom; /**< bytes that it needs in front of each frame, both ways: up to 64 */
	uint32_t offloads; /**< BANOS_NET_TX_CHECKSUM and so on */
	uint32_t segments_max; /**< packets of a frame, with BANOS_NET_SCATTER: 2 to 64; else 0 */
	uint32_t
		address_bits; /**< of what the device can access: 32 to 64; 0: as its bus says. The lesser one counts */
	uint32_t zero;
	void *context;			 /**< for the methods */
	const struct banos_net_ops *ops; /**< read; its functions lie in the driver */
};
#define BANOS_NET_CONFIG_SIZE_2 96u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_net_config, ops) == BANOS_NET_CONFIG_SIZE_2, net_config);
BANOS_ASSERT(offsetof(struct banos_net_config, mtu) == 32, net_config_mtu);
BANOS_ASSERT(offsetof(struct banos_net_config, context) == 80, net_config_context);

BANOS_BEGIN

/**
 * @brief Get an empty packet, which the driver then holds.
 * Since 2, provided by the kernel.
 * Context: any.
 * Ownership: until it is handed on or freed; the kernel frees what a driver that goes still holds.
 * @param owner     the driver, or a device of it
 * @param room      bytes that must fit: up to 65600
 * @param headroom  bytes that must be free in front of them: up to 256
 * @param packet    @p stride bytes, written: a value whose length is 0
 * @param stride    sizeof(struct banos_net_packet)
 * @return 0. -ENOMEM. -EMSGSIZE: room or headroom is too large. -EINVAL: an argument is wrong.
 */
BANOS_SINCE(2)
int64_t banos_packet_alloc(banos_owner owner, uint32_t room, uint32_t headroom,
			   struct banos_net_packet *packet, uint32_t stride);

/**
 * @brief Free packets that the driver holds.
 * Since 2, provided by the kernel.
 * Context: any.
 * @param packets  @p count values of @p stride bytes each, read: only the numbers
 * @return 0, -EINVAL: one of them the driver does not hold (the others are freed), or an argument is wrong
 */
BANOS_SINCE(2)
int64_t banos_packet_free(const struct banos_net_packet *packets, uint32_t count, uint32_t stride);

/**
 * @brief Register a network device.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_net_remove(), or before exit(), or remove() of its device, runs.
 * @param owner   the owner of the device: the driver, or a device on a bus, which is the one that accesses packets
 * @param config  read; copied, with its table of methods
 * @param net     written: the handle
 * @return 0. The interface is visible, and start() may be called, from then on; from init() or probe() once that
 *	   succeeded.
 *	   -EINVAL: a field is wrong. -E2BIG: an unknown field is not 0. -EEXIST: the name is in use. -ENOSPC: no
 *	   number is left. -EOPNOTSUPP: an unknown bit in ops->must, or this kernel has no such class. -ENOMEM: also where
 *	   the empty packets of all queues would fill half of the memory.
 *	   -ENODEV: the owner is being removed.
 */
BANOS_SINCE(2)
int64_t banos_net_register(banos_owner owner, const struct banos_net_config *config,
			   banos_net *net);

/**
 * @brief Take a network device away.
 * Since 2, provided by the kernel.
 * Context: thread. Not from a method of the device.
 * stop() is called if start() was. No method is called when it returns, and the driver holds none of its packets.
 * @return 0, -EINVAL: no such device, -EBUSY: a method does not return (it can be removed later)
 */
BANOS_SINCE(2) int64_t banos_net_remove(banos_net net);

/**
 * @brief Hand over frames that were received.
 * Since 2, provided by the kernel.
 * Context: any. It never calls the driver itself.
 * The packets are from refill() or banos_packet_alloc(), or were taken by transmit() of a device of the same driver
 * (which counts as transmitted). Unless there is no such device or queue, all that the caller holds are consumed.
 * @param queue    below rx_queues; frames of one connection should be in one queue
 * @param packets  @p count values of @p stride bytes each, read; bytes and length say where the frame is
 * @param count    up to 1024
 * @param stride   sizeof(struct banos_net_packet)
 * @return 0. -EINVAL: no such device or queue; or a packet that the driver does not hold, or a frame that does not
 *	   lie in its packet (those are dropped, the others are received).
 */
BANOS_SINCE(2)
int64_t banos_net_receive(banos_net net, uint32_t queue, const struct banos_net_packet *packets,
			  uint32_t count, uint32_t stride);

/**
 * @brief Give back packets that were sent.
 * Since 2, provided by the kernel.
 * Context: any. It never calls the driver itself.
 * @param queue    as transmit() received it
 * @param packets  @p count values of @p stride bytes each, read: only the numbers. In any order.
 * @param count    up to 4096
 * @param stride   sizeof(struct banos_net_packet)
 * @return 0. -EINVAL: no such device or queue, or a packet that the driver does not hold (the others are given back).
 */
BANOS_SINCE(2)
int64_t banos_net_transmitted(banos_net net, uint32_t queue, const struct banos_net_packet *packets,
			      uint32_t count, uint32_t stride);

/**
 * @brief Say whether the link is up.
 * Since 2, provided by the kernel.
 * Context: any.
 * @param up      0: no
 * @param mbit    speed in Mbit/s; 0: not known
 * @param duplex  0: half
 * @return 0, -EINVAL: no such device
 */
BANOS_SINCE(2)
int64_t banos_net_carrier(banos_net net, uint32_t up, uint32_t mbit, uint32_t duplex);

/**
 * @brief Get the name that a device got.
 * Since 2, provided by the kernel.
 * Context: any.
 * @param name    @p length bytes, written: a text
 * @param length  BANOS_NET_NAME_SIZE bytes are always enough
 * @return length of the name, -EINVAL: no such device, or it does not fit
 */
BANOS_SINCE(2) int64_t banos_net_name(banos_net net, char *name, uint32_t length);

/**
 * @brief Ask how much memory a protocol may hold for all of its sockets and connections together.
 * Since 2, provided by the kernel.
 * Context: any.
 * @return bytes: an eighth of the machine's memory (as Linux's net.ipv4.tcp_mem). It does not change.
 */
BANOS_SINCE(2) int64_t banos_net_memory_limit(void);

BANOS_END
#endif

#endif
