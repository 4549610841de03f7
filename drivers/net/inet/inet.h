/* SPDX-License-Identifier: MIT */
/**
 * @file inet.h  The driver inet: TCP/IP by lwIP. Its parts.
 *
 * main.c registers, core.c has the lock and what lwIP asks of a system, memory.c its memory, link.c interfaces and frames, route.c
 * routes, autoconf.c addresses of IPv6, neighbour.c neighbours, table.c the connections of TCP and tick.c its timers, shape.c the check that each frame passes before lwIP sees it, address.c addresses of
 * programs, socket.c what all sockets share, stream.c TCP, send.c and window.c how much it sends and receives, stream_timer.c
 * how long it waits, datagram.c UDP, UDP-Lite, raw and ping sockets, option.c and tcp_option.c options,
 * describe.c what netstat sees, cookie.c connections when a backlog is full.
 *
 * One lock, inet_lock(), guards everything of lwIP and of the sockets. lwIP calls back under it. It is held while
 * memory of a program is copied and while frames are handed to the kernel: neither leads back here.
 */
#pragma once
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/packet_hook.h>
#include <banos/protocol.h>
#include <banos/socket_family.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/raw.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>
#include <stdbool.h>
#include <banos/string.h>
#include "offload.h"

#define AF_UNSPEC	 0
#define AF_INET		 2
#define AF_INET6	 10
#define SOCK_STREAM	 1
#define SOCK_DGRAM	 2
#define SOCK_RAW	 3
#define PROTOCOL_ICMP	 1
#define PROTOCOL_TCP	 6
#define PROTOCOL_UDP	 17
#define PROTOCOL_ICMP6	 58
#define PROTOCOL_UDPLITE 136
#define BUFFER_BYTES	 212992u
#define PORT_FIRST	 32768u /* of those that are chosen */
#define PORT_COUNT	 28232u
#define UDP_MAX		 65507u

/* Bits of a pcb that lwIP does not know: what the program said of SO_REUSEADDR and SO_REUSEPORT. */
#define REUSE_ADDRESS 0x40u
#define REUSE_PORT    0x80u

struct inet_socket;

static inline uint64_t least_of(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/** A datagram, or a piece of a stream, that waits to be received. */
struct datagram {
	struct datagram *next;
	struct pbuf *bytes;
	uint32_t room; /* behind the bytes, for more of a stream */
	ip_addr_t from, to;
	uint16_t port;
	uint8_t ttl, tos;
	uint32_t interface;
	uint32_t drops;	     /* of the socket, before it */
	uint64_t arrived_ns; /* by the clock of the day; 0: nobody wanted to know */
};

/** An error that a packet told of, for a program that asked for such (IP_RECVERR). */
struct network_error {
	struct network_error *next;
	ip_addr_t to, offender; /* of what was sent; who says so */
	uint16_t port, length;
	uint8_t type, code;
	bool six;
	int error;
	uint32_t info; /* MTU */
	uint8_t bytes[64];
};

/** What programs set, and connections have from their listener. */
struct inet_options {
	bool reuse, reuse_port, v6only, broadcast, keepalive, nodelay, cork, linger;
	bool ack_at_once, ack_late; /* TCP_QUICKACK: on, off; neither: not set */
	bool wants_ttl, wants_info, wants_tos, wants_errors, header_included,
		is_deaf;    /* is_deaf: not IP_MULTICAST_LOOP */
	bool urgent_inline; /* SO_OOBINLINE */
	bool own_groups;    /* not IP_MULTICAST_ALL */
	bool any_address;   /* IP_FREEBIND */
	bool port_later;    /* IP_BIND_ADDRESS_NO_PORT */
	bool no_checksum;   /* SO_NO_CHECK */
	bool wants_drops;   /* SO_RXQ_OVFL */
	bool wants_covered; /* UDPLITE_RECV_CSCOV was set */
	uint8_t timestamp; /* the one of SO_TIMESTAMP and its siblings that was set last; 0: none */
	uint8_t ttl, tos, group_ttl, mtu_discover;
	uint32_t linger_s, keep_idle_s, keep_interval_s, keep_count, user_timeout_ms;
	uint32_t interface;	   /* SO_BINDTODEVICE: its index; 0: none */
	uint32_t way_out;	   /* IP_UNICAST_IF, likewise: what is for no group leaves by it */
	uint32_t icmp_filter[8];   /* ICMP_FILTER, ICMP6_FILTER */
	uint32_t owner;		   /* the user, as SO_REUSEPORT was told */
	uint32_t sndbuf, rcvbuf;   /* as a program has set them; 0: it has not */
	uint32_t mss, window_most; /* TCP_MAXSEG, TCP_WINDOW_CLAMP; 0: not set */
	uint32_t syn_retries, defer_s;
	int32_t fin_wait_s;		 /* TCP_LINGER2; 0: not set, -1: not at all */
	uint32_t unsent_most;		 /* TCP_NOTSENT_LOWAT; 0: any */
	uint16_t covered, covered_least; /* UDPLITE_SEND_CSCOV, UDPLITE_RECV_CSCOV; 0: all */
};

/** What a type of sockets does; under the lock. */
struct socket_kind {
	int64_t (*open)(struct inet_socket *socket);
	void (*close)(struct inet_socket *socket);
	int64_t (*bind)(struct inet_socket *socket, const ip_addr_t *address, uint16_t port);
	int64_t (*connect)(struct inet_socket *socket, const ip_addr_t *address, uint16_t port);
	int64_t (*disconnect)(struct inet_socket *socket);
	int64_t (*listen)(struct inet_socket *socket, uint32_t backlog);
	int64_t (*accept)(struct inet_socket *socket, banos_socket fresh, void **own);
	int64_t (*send)(struct inet_socket *socket, banos_buffer from, uint64_t length,
			const struct banos_socket_message *message);
	int64_t (*receive)(struct inet_socket *socket, banos_buffer to, uint64_t length,
			   struct banos_socket_message *message);
	int64_t (*shutdown)(struct inet_socket *socket, uint32_t how);
	uint32_t (*poll)(struct inet_socket *socket);
	/** @return false: it is at no port and has no other end */
	bool (*name)(struct inet_socket *socket, bool peer, ip_addr_t *address, uint16_t *port);
	uint64_t (*waiting)(struct inet_socket *socket, bool to_send);
};

/** The last urgent byte that the other end of a stream has announced, until what is read has passed it. */
enum urgent_state {
	URGENT_NONE,
	URGENT_AWAITED, /* it has not arrived */
	URGENT_HERE,
	URGENT_TAKEN /* by MSG_OOB */
};

enum stream_state {
	STREAM_NEW,
	STREAM_LISTENING,
	STREAM_CONNECTING,
	STREAM_CONNECTED,
	STREAM_ENDED
};

struct inet_socket {
	banos_socket socket; /* the kernel's side; NULL: it was not accepted yet */
	const struct socket_kind *kind;
	uint32_t family, type, protocol;
	union {
		struct ip_pcb *ip; /* what all have first; NULL: it has ended */
		struct tcp_pcb *tcp;
		struct udp_pcb *udp;
		struct raw_pcb *raw;
	};
	int error; /* errno that SO_ERROR or the next call reports */
	struct inet_options set;
	bool bound, connected;
	bool no_more_in, no_more_out; /* shut down, or the other end sends no more */
	union {
		struct inet_socket *raw_next; /* of raw_sockets */
		struct inet_socket *udp_next; /* of a row of udp_table.c */
	};
	struct membership *memberships; /* group.c */
	struct network_error *errors;	/* oldest first */
	uint32_t error_count;

	/* streams */
	uint8_t state;	/* enum stream_state */
	uint8_t urgent; /* enum urgent_state */
	uint8_t urgent_byte;
	bool told;	       /* connect() has said that it is connected */
	bool deferred;	       /* in a backlog: accept() does not see it yet */
	bool waits;	       /* something was not acknowledged */
	uint32_t urgent_ahead; /* bytes in front of it that were not read */
	uint32_t begun_ms,
		waits_since_ms; /* waits_since_ms: since the other end has acknowledged something */
	union {
		struct inet_socket
			*backlog;      /* of one that listens: accepted by lwIP, oldest first */
		struct corked *corked; /* of UDP: udp_cork.c */
	};
	struct inet_socket *backlog_next;
	struct inet_socket *listener; /* of one in a backlog */

	/* what was received and not read: datagrams, or the pieces of a stream */
	struct datagram *first, **last;
	uint32_t queued; /* bytes */
	uint32_t drops;	 /* datagrams that found no room */
	uint32_t window; /* bytes that may be queued: what the other end was told, with those */
	ip_addr_t peer;
	union {
		ip_addr_t local;  /* of a stream whose pcb has ended */
		ip_addr_t source; /* of a connected datagram socket */
	};
	uint16_t peer_port, local_port, identity; /* identity: of a ping socket's messages */
};

/* ---- core.c ---- */

extern banos_owner inet_owner;
int64_t core_init(banos_owner self);
/** When nothing of the driver is called any more. */
void core_exit(void);
void inet_lock(void);
/** Hand over what was made under the lock, see to the timer, and leave it. */
void inet_unlock(void);
/** Leave the lock alone. */
void core_leave(void);
/** @return the negative errno of an error of lwIP */
int64_t inet_error(err_t err);

/* ---- memory.c; what lwIP calls is in lwipopts.h ---- */

void memory_init(void);
/** Give all of it back. */
void memory_exit(void);
/** It has one more holder, who gives it back by inet_memory_put(), too. */
void inet_memory_share(void *memory);
/** Count bytes that are not from inet_memory_get(), too. */
void memory_charge(int64_t bytes);
/** @return is what was promised to others too much, too? inet_memory_is_short() comes first. */
bool memory_is_out(void);

/* ---- sequence.c ---- */

/** Choose the secret of initial sequence numbers. */
void sequence_init(void);
/** A keyed hash of the two ends of a connection. @param extra  what else it depends on; not 0, which is for sequence numbers */
uint32_t sequence_hash(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
		       uint16_t remote_port, uint64_t extra);

/* ---- cookie.c ---- */

/**
 * A segment to which no connection belongs, before the listeners see it: one may get a connection now.
 * @return true: that was all; the caller frees it
 */
bool cookie_input(struct pbuf *pbuf, struct netif *netif);
/** Is the sequence number of the next connection given? */
bool cookie_sequence(uint32_t *sequence);

/* ---- link.c ---- */

/** What autoconf.c keeps with an address of IPv6. */
struct own6 {
	uint64_t valid_ns, preferred_ns; /* when that ends; 0: never */
	uint8_t prefix, reported;	 /* reported: the state that the kernel knows; 0: none */
	bool learned;			 /* it has no owner but routers */
	bool deprecated;		 /* from when it is found free */
};

/** An interface of the kernel's, or a further address of one. */
struct link {
	struct netif netif;
	struct link *next, *main; /* main: of its interface; itself, or this is a further address */
	uint32_t index, flags, offloads;
	struct banos_net_packet pending[16]; /* frames to be handed over; of main */
	uint32_t npending;
	bool forwards; /* those that are pending were received for other machines */
	bool cuts_tcp; /* segments were fragmented, so their checksums are not left to the card */
	/* the frame that segments may join: of so many packets, 0: none; the first one in pending */
	uint32_t joined_count, joined_at, joined_cut; /* cut: BANOS_PACKET_TSO... */
	struct offload_joined joined;

	/* autoconf.c; of main */
	struct own6 own6[LWIP_IPV6_NUM_ADDRESSES];
	uint64_t solicit_ns;	/* not before */
	uint32_t ipv6;		/* BANOS_INTERFACE_IPV6_... */
	uint16_t announced_mtu; /* by a router, while the interface is up; 0: none */
	uint8_t solicitations;
	bool has_local, asks; /* it has got a link-local address; routers were asked */
};
extern struct link *links;
int64_t link_register(banos_owner self);
void links_flush(void);
/** What cards send between the two is received by this machine, too, if it is in the group. */
void link_loop_begin(void);
void link_loop_end(void);
/** Tell the kernel of groups that were joined and left; the lock is left meanwhile. */
void link_tell_groups(void);
struct link *link_find(uint32_t index);
/** What arrives has told of neighbours or routers: look what has changed. */
void link_neighbours_differ(void);
/** The first one that has an address; NULL: none. */
struct link *link_with_address6(const ip6_addr_t *address);
/** @return a further address of an interface, without one; or NULL */
struct link *link_add_alias(struct link *main);
void link_remove_alias(struct link *alias);

/** banos_protocol_report(). */
int64_t link_report(uint32_t event, const struct banos_net_setting *setting);

/** banos_protocol_deliver(). */
void link_deliver(const struct banos_ip_packet *packet);

/* ---- link_card.c ---- */

/** The last one of the frames that wait for an interface: what can be is left to its card. */
void link_leave_to_card(struct link *link, struct banos_net_packet *packet);
/** No more segments join the last frame. */
void link_join_end(struct link *link);
/** Tell lwIP which checksums are the card's. */
void link_set_checksums(struct link *link);
/** The checksum is never left to a card. */
#define LENGTH_OF_LITE 0x10000u
/** A datagram is about to be sent: one that will be fragmented needs its checksum before. */
void link_plan_datagram(const ip_addr_t *to, uint64_t length);

/** May a frame of so many bytes on lo stay in the driver? Then it was counted. */
bool link_passes(const struct link *link, uint32_t length);
/** A packet arrives: @p packet, or NULL: by lo, of good shape. @p pbuf is taken over. */
void link_input(struct link *from, uint32_t type, const struct banos_net_packet *packet,
		struct pbuf *pbuf);

/* ---- loop.c ---- */

/** Have a packet be received by the interface that it is sent by. @return false: the kernel is to have it */
bool loop_send(struct link *link, struct pbuf *pbuf, uint16_t type);
/** Is nobody else to see a frame of so many bytes on lo? Then it was counted. */
bool loop_passes(const struct link *link, uint32_t length);
/** Free the piece that had the headers of a packet, once lwIP has taken them off; where there is one. */
struct pbuf *loop_skip_headers(struct pbuf *pbuf);
/** Receive those. The lock is about to be left. */
void loop_receive(void);

/* ---- autoconf.c ---- */

/* Flags of addresses, Linux's IFA_F_*. */
#define ADDRESS_DUPLICATE  0x08u
#define ADDRESS_DEPRECATED 0x20u
#define ADDRESS_TENTATIVE  0x40u
#define ADDRESS_PERMANENT  0x80u

/** Set the MTU for IPv6 by that of the interface, or of a further address of one. */
void autoconf_mtu_set(struct link *link);
/** An interface has changed. */
void autoconf_update(struct link *main);
/** An address of IPv6. @return 0, -ENOSPC */
int64_t autoconf_configure(struct link *main, bool add, const struct banos_net_setting *setting);
/** Before lwIP gets a packet of IPv6, of good shape. @param by_lo  that has no neighbours */
void autoconf_packet_arrives(const uint8_t *packet, uint32_t length, bool by_lo);
/** Report what has changed, and ask routers. */
void autoconf_poll(void);

/* ---- neighbour.c ---- */

/** Report what has changed in the tables of neighbours. */
void neighbours_report(void);
/** What programs set or remove. @return 0 or -errno */
int64_t neighbour_configure(struct link *main, bool add, const struct banos_net_setting *setting);

/* ---- forward.c ---- */

/** A pbuf that was received for another machine. */
#define PBUF_FLAG_FORWARDED 0x80u
void forward_configure(uint32_t event, const struct banos_net_setting *setting);
bool forward_is_on(void);
/**
 * Is what was received for another machine, and sent on?
 * @param out  the interface that it will be sent by, or 0
 */
bool forward_is_for_another(uint32_t interface, uint32_t type, const uint8_t *ip, uint32_t length,
			    uint32_t *out);
/** Is it for another machine, and forwarding switched off? */
bool forward_is_refused6(const uint8_t *ip, uint32_t length);
void forward_fill_checksum(struct pbuf *pbuf, const struct banos_net_packet *packet);
/** Show packet hooks what arrived. @return how many packets are left, at *packets, which is changed */
uint32_t forward_show(banos_protocol protocol, const struct banos_net_packet **packets,
		      uint32_t count);

/* ---- route.c ---- */

int64_t route_configure(uint32_t event, const struct banos_net_setting *setting);
void routes_forget(uint32_t interface);
/**
 * @brief A route that was announced is added, refreshed, or, with 0, removed, and reported. For it others may end.
 * @param router  the 16 bytes of whom it is from; NULL: of the interface itself
 */
void route_learn(const struct banos_net_setting *setting, const uint8_t *router, uint32_t valid_s);
/** Have lwIP find that an address is reached by an interface, up or not; NULL: no longer. */
void route_force(struct link *main, const ip4_addr_t *to);

/* ---- address.c ---- */

/** @return 0, -EINVAL, -EAFNOSUPPORT */
int64_t address_parse(const struct inet_socket *socket, const uint8_t *bytes, uint32_t length,
		      ip_addr_t *address, uint16_t *port);
/** @return how long it is; at most 28 bytes are written */
uint32_t address_format(uint32_t family, const ip_addr_t *address, uint16_t port, uint8_t *bytes);
bool address_is_own(const ip_addr_t *address);
/** @return a free port's number to try: 32768 to 60999 */
uint16_t port_guess(void);

/* ---- bind.c ---- */

/** Keep with a pcb of TCP, which may outlive its socket, whose it is. */
void bind_owner_set(struct tcp_pcb *pcb, uint32_t owner);
/** May the socket be bound there, beside all others? */
bool bind_is_allowed(const struct inet_socket *socket, const ip_addr_t *address, uint16_t port);
/**
 * Is there a connection with the two ends that one of the socket from @p own would have? lwIP does not know: its
 * lists are empty.
 */
bool bind_has_twin(const struct inet_socket *socket, uint16_t own, const ip_addr_t *to,
		   uint16_t to_port);
/**
 * @param to  the other end that a stream is to be connected to, where no other may be so from there; or NULL
 * @return a port of 32768 to 60999 that a stream may be bound to, a random one; or 0
 */
uint16_t bind_port_choose(const struct inet_socket *socket, const ip_addr_t *address,
			  const ip_addr_t *to, uint16_t to_port);
/** Does nobody else listen where the socket is bound? */
bool listen_is_allowed(const struct inet_socket *socket);

/* ---- udp_table.c ---- */

/** Where a datagram of IPv4 comes from and goes to. */
struct udp_way {
	ip_addr_t from, to;
	uint16_t from_port, to_port;
	uint8_t netif_idx; /* by which it arrives */
};

/** Is it a socket of UDP-Lite? Both protocols have ports of their own. */
static inline bool udp_is_lite(const struct inet_socket *socket)
{
	return socket->udp->flags & UDP_FLAGS_UDPLITE;
}
/** udp_bind(), for a port that others let it have: bind_is_allowed(). */
err_t udp_table_bind(struct inet_socket *socket, const ip_addr_t *address, uint16_t port);
/** udp_connect(), of one that is bound. */
err_t udp_table_connect(struct inet_socket *socket, const ip_addr_t *address, uint16_t port);
/** It is about to go. One that was never bound is in no row. */
void udp_table_remove(struct inet_socket *socket);
/** @return the newest one at a port, or NULL */
struct inet_socket *udp_table_first(uint16_t port, bool lite);
/** @return another one at its port, or NULL */
struct inet_socket *udp_table_next(const struct inet_socket *socket);
/** Of the datagram that arrives: does its checksum cover as much as the socket asks for? */
bool udp_table_covers(const struct inet_socket *socket);
/** @return the one that receives a datagram which is for one address; or NULL */
struct inet_socket *udp_table_find(const struct udp_way *way);

/* ---- udp_local.c ---- */

/**
 * A datagram that another socket of this machine receives, if nobody else is to see it.
 * @return false: it is to be sent as others are; else @p result: bytes, -EFAULT, -ENOBUFS
 */
bool udp_send_local(struct inet_socket *socket, banos_buffer from, uint64_t length,
		    const ip_addr_t *to, uint16_t port, int64_t *result);

/* ---- above.c ---- */

/** take() and send() of the protocol. */
int64_t above_take(void *context, uint32_t event, uint32_t family, uint32_t number);
int64_t above_send(void *context, const struct banos_ip_packet *packets, uint32_t count,
		   uint32_t stride);
/** Hand over what waits for other drivers; without the lock. */
void above_deliver(void);

/* ---- flow.c: packets before lwIP sees them ---- */

/** The ends of a packet, and what follows behind the header of IP. */
struct flow {
	ip_addr_t from, to;
	uint32_t protocol;
	const uint8_t *upper;
	uint32_t upper_bytes;	      /* at least 8 */
	uint16_t source, destination; /* ports, of TCP and UDP */
};
/** @return false: it is no such packet, a later fragment, or too short */
bool flow_read(struct flow *flow, const uint8_t *packet, uint32_t length);
/** Is its checksum right, or does the interface not have it verified? */
bool flow_is_believed(const struct netif *netif, const struct flow *flow);
/**
 * A packet of good shape: may it end what lwIP would keep, or is it an error for a socket?
 * @param netif  says whether its checksum is to be verified
 */
void flow_inspect(const struct netif *netif, const uint8_t *packet, uint32_t length);

/* ---- error.c: errors that packets tell of ---- */

/** A message of ICMP, or of ICMPv6. */
void error_arrived(const struct netif *netif, const struct flow *message);
int64_t error_receive(struct inet_socket *socket, banos_buffer to, uint64_t length,
		      struct banos_socket_message *message);
void errors_forget(struct inet_socket *socket);

/* ---- group.c ---- */

/**
 * @brief Join or leave a group.
 * @param words  struct ip_mreq, ip_mreqn or ipv6_mreq, of which @p length bytes are the program's; 5 can be read
 */
int64_t group_set(struct inet_socket *socket, bool join, const uint32_t *words, uint64_t length);
/** The same by a struct group_req, of which the first 8 words can be read. */
int64_t group_request_set(struct inet_socket *socket, bool join, const uint32_t *words,
			  uint64_t length);
/** Choose the interface by which what is for groups leaves: likewise, or an address, or an index. */
int64_t group_interface_set(struct inet_socket *socket, const uint32_t *words, uint64_t length);
void groups_leave(struct inet_socket *socket);

/** A group that a socket has joined. */
struct membership {
	struct membership *next;
	ip_addr_t group;
	uint32_t interface;
	bool includes; /* its sources alone are heard; else all but those */
	struct group_source *sources;
};
/** The interface that a request names: by index, by one of its addresses, or by the route to the group; or NULL. */
struct link *group_link(uint32_t index, uint32_t address, const ip_addr_t *group);
int64_t group_join(struct inet_socket *socket, struct link *link, const ip_addr_t *group);
/** @param link  NULL: on any interface */
int64_t group_leave(struct inet_socket *socket, const struct link *link, const ip_addr_t *group);

/* ---- group_source.c ---- */

/** What a program asks of one source of a group. */
struct group_source_request {
	ip_addr_t group, source;
	bool includes; /* for a membership of some sources; else of all but some */
	bool adds;
};
/** @param old  by a struct ip_mreq_source, else by a struct group_source_req, of @p length bytes */
int64_t group_source_set(struct inet_socket *socket, bool old, bool includes, bool adds,
			 banos_buffer from, uint64_t length);
/** Does a socket want what arrived for a group from there? */
bool group_is_heard(const struct inet_socket *socket, const ip_addr_t *group, const ip_addr_t *from,
		    uint32_t interface);
void group_sources_forget(struct membership *entry);

/* ---- control.c ---- */

/* The time at which datagrams arrived: options of SOL_SOCKET. */
#define SO_TIMESTAMP_OLD   29u
#define SO_TIMESTAMPNS_OLD 35u
#define SO_TIMESTAMP_NEW   63u
#define SO_TIMESTAMPNS_NEW 64u

/** What a call says of the one datagram that it sends. */
struct control_sent {
	bool has_source, has_ttl, has_tos;
	uint8_t ttl, tos;
	uint32_t interface; /* 0: none */
	ip_addr_t source;
};
/** @return 0; -EINVAL: a message of this level that is unknown, or has a wrong length or value */
int64_t control_parse(const struct inet_socket *socket, const struct banos_socket_message *message,
		      struct control_sent *sent);
void control_add(struct banos_socket_message *message, int32_t level, int32_t type,
		 const void *content, uint32_t length);
/** Tell what the program has asked for of a datagram that arrived. */
void control_received(const struct inet_socket *socket, const struct datagram *datagram,
		      struct banos_socket_message *message);

/* ---- udp_cork.c ---- */

/** Nothing is corked. @return 0, -ENOBUFS */
int64_t udp_cork_begin(struct inet_socket *socket, const struct control_sent *control,
		       const ip_addr_t *to, uint16_t port);
/** @param more  the datagram does not end. @return @p length or -errno: what was corked is lost */
int64_t udp_cork_add(struct inet_socket *socket, banos_buffer from, uint64_t length, bool more);
/** Send what is corked, if there is something. @return bytes or -errno */
int64_t udp_cork_push(struct inet_socket *socket);
void udp_cork_forget(struct inet_socket *socket);
/** In datagram.c: send one that was put together. @return bytes or -errno */
int64_t udp_send_pbuf(struct inet_socket *socket, const struct control_sent *control,
		      const ip_addr_t *to, uint16_t port, struct pbuf *pbuf);

/* ---- tcp_option.c ---- */

int64_t tcp_option_set(struct inet_socket *socket, uint32_t option, banos_buffer from,
		       uint64_t length);
/** The lock is not held. */
int64_t tcp_option_get(const struct inet_socket *socket, uint32_t option, banos_buffer to,
		       uint64_t length);

/* ---- stream_timer.c ---- */

/** A pcb begins to belong to a socket. */
void stream_timer_begin(struct inet_socket *socket);
/** The other end has acknowledged something, or something is sent. */
void stream_progress(struct inet_socket *socket);
/** Is it to be looked at though lwIP has nothing to do with it? Of one that is connected. */
bool stream_timer_is_needed(const struct tcp_pcb *pcb);
/** A pcb goes on without its socket. */
void stream_timer_orphan(const struct inet_socket *socket, struct tcp_pcb *pcb);

/* ---- information.c ---- */

int64_t tcp_information(const struct inet_socket *socket, banos_buffer to, uint64_t length);

/* ---- send.c ---- */

/** Is there room for more than a little? Of a connection, as the others. */
bool send_is_possible(const struct inet_socket *socket);
/** Bytes of a segment, as tcp_write() decides. */
uint32_t segment_bytes(const struct tcp_pcb *pcb);
/** Bytes that were not sent, or not acknowledged. */
uint64_t send_queued(const struct tcp_pcb *pcb);
/** Give bytes to lwIP. @return how many it has taken; none: -EAGAIN, -EFAULT, -ENOBUFS */
int64_t send_write(struct inet_socket *socket, banos_buffer from, uint64_t length, bool more);

/* ---- urgent.c ---- */

/** The last byte that lwIP was given is urgent: sent at once. */
void urgent_mark(struct tcp_pcb *pcb);
/** A segment is sent, or sent again, by lwIP. @param pcb  or NULL */
void urgent_segment_sent(struct tcp_hdr *header, const struct tcp_pcb *pcb);
/** Bytes are about to be queued. */
void urgent_look(struct inet_socket *socket, const struct pbuf *bytes);
/** Bytes were read; there is an urgent one. */
void urgent_consumed(struct inet_socket *socket, uint32_t bytes);
/** Does what is read next begin with it? */
bool urgent_is_next(const struct inet_socket *socket);
/** Bytes at the beginning of what waits that a read passes by: 1, or 0. */
uint32_t urgent_to_skip(const struct inet_socket *socket);
/** Bytes that a program can read until then. */
uint64_t urgent_readable(const struct inet_socket *socket);
/** recv(MSG_OOB) */
int64_t urgent_receive(struct inet_socket *socket, banos_buffer to, uint64_t length,
		       struct banos_socket_message *message);

/* ---- window.c ---- */

void window_begin(struct inet_socket *socket);
/** @param bytes that were read */
void window_advance(struct inet_socket *socket, uint32_t bytes);

/* ---- socket.c, stream.c, datagram.c, describe.c, option.c ---- */

extern const struct banos_family_ops inet_family_ops;
extern const struct socket_kind stream_kind, udp_kind, raw_kind;
void socket_wake(struct inet_socket *socket, uint32_t events);
struct inet_socket *socket_alloc(uint32_t family, uint32_t type, uint32_t protocol);
void socket_free(struct inet_socket *socket);
/** May so many bytes wait in its queue, too? */
bool datagram_fits(const struct inet_socket *socket, uint32_t bytes);
/** Add one that fits. */
void datagram_append(struct inet_socket *socket, struct datagram *datagram);
extern struct inet_socket *raw_sockets; /* raw and ping sockets; under the lock */
/** The first bytes that wait were read. */
void stream_consume(struct inet_socket *socket, uint32_t bytes);
/** struct socket_kind.receive() of streams. */
int64_t stream_receive(struct inet_socket *socket, banos_buffer to, uint64_t length,
		       struct banos_socket_message *message);
/** accept() may have it. Of one in a backlog. */
void stream_show(struct inet_socket *socket);
/** A connection that begins was refused by a packet that is no part of TCP. */
void stream_refuse(struct inet_socket *socket, int error);
/** @return Linux's number of a state of lwIP */
uint32_t state_number(enum tcp_state state);
int64_t socket_take_error(struct inet_socket *socket);
/** describe() of the family. */
int64_t socket_describe(void *own, struct banos_socket_description *about);
/** connection() of the family. */
int64_t connection_next(void *context, uint32_t family, uint64_t position,
			struct banos_socket_description *about);
/** What of the options is kept in the pcb. */
void option_apply(struct inet_socket *socket);
int64_t option_get(void *own, uint32_t level, uint32_t option, banos_buffer to, uint64_t length);
int64_t option_set(void *own, uint32_t level, uint32_t option, banos_buffer from, uint64_t length);
