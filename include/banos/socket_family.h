/* SPDX-License-Identifier: MIT */
/**
 * @file socket_family.h  Families of sockets: what socket() offers, such as AF_INET. A draft.
 *
 * A driver registers the numbers of families that it serves, and gets the calls of programs on
 * their sockets. The kernel keeps descriptors, files, waiting with its time limits, signals, the general options
 * (SO_RCVTIMEO and so on) and permissions: a raw socket needs CAP_NET_RAW, a port below 1024 of AF_INET and
 * AF_INET6 needs CAP_NET_BIND_SERVICE.
 *
 * A method never waits for the network: where it would have to, it returns -EAGAIN, and the kernel waits, if
 * the program allows it, until banos_socket_wake() says that something has changed; then it calls again.
 * Methods run in threads, may sleep, and several may run at once, for one socket, too. The first argument is what
 * create() or accept() stored for the socket.
 *
 * While sockets are open the driver is not removed, unless who removes it asks for them to be taken away
 * (rmmod --revoke). Then, and when the driver fails, calls on its sockets answer ENETDOWN; release() has been called
 * for each.
 *
 * Addresses, options, flags of messages and ioctls have Linux's numbers and layouts.
 */
#ifndef BANOS_SOCKET_FAMILY_H
#define BANOS_SOCKET_FAMILY_H

#include <banos/draft.h>
#include <banos/user.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/socket_family.h>
BANOS_DRAFT_HEADER(socket_family);

/** Handle of a registered driver of families. */
typedef struct banos_family_ *banos_family;
/** Handle of a socket: the kernel's side of it. It is void after release(). */
typedef struct banos_socket_ *banos_socket;

/* What poll() returns and banos_socket_wake() receives; Linux's POLLIN and so on. */
#define BANOS_SOCKET_IN	    0x0001u /**< to receive, to accept, or the end */
#define BANOS_SOCKET_PRI    0x0002u
#define BANOS_SOCKET_OUT    0x0004u /**< room to send into; connected */
#define BANOS_SOCKET_ERROR  0x0008u
#define BANOS_SOCKET_HANGUP 0x0010u
#define BANOS_SOCKET_RDHUP  0x2000u /**< the other end sends no more */
/** Of banos_socket_wake() alone: the other end has announced an urgent byte, SIGURG for who owns the socket. */
#define BANOS_SOCKET_URGENT 0x10000u

#define BANOS_SOCKET_ADDRESS_BYTES 128u
#define BANOS_SOCKET_CONTROL_BYTES 256u

/* Flags of messages that a driver may meet or set; Linux's MSG_OOB and so on. */
#define BANOS_SOCKET_OOB  0x1u
#define BANOS_SOCKET_PEEK 0x2u
#define BANOS_SOCKET_TRUNCATED \
	0x20u /**< set by receive(): the datagram was longer; received: its whole length is asked for */
/**
 * Set by receive(): nothing else waits. The kernel asks again once banos_socket_wake() has said that something may be received.
 * Linux uses this bit for nothing.
 */
#define BANOS_SOCKET_EMPTY    0x800000u
#define BANOS_SOCKET_MORE     0x8000u
#define BANOS_SOCKET_ERRQUEUE 0x2000u
/** Set by receive() of a stream: what follows is not for the same call (MSG_WAITALL), as an urgent byte is next. */
#define BANOS_SOCKET_MARK 0x80000000u

/** What a message has besides its bytes. */
struct banos_socket_message {
	uint32_t size;
	uint32_t flags;	    /**< of the call */
	uint32_t out_flags; /**< receiving: 0, and to be set */
	/** Sending: of the address, 0: none. Receiving: 0, and to be set, at most BANOS_SOCKET_ADDRESS_BYTES. */
	uint32_t address_length;
	uint8_t address
		[BANOS_SOCKET_ADDRESS_BYTES]; /**< what lies behind its length is undefined */
	uint32_t control_length;	      /**< bytes of @p control, as for the address */
	uint32_t zero;
	/** Control messages, one behind the other, as struct cmsghdr of 64-bit Linux, each at a multiple of 8 bytes. */
	uint8_t control[BANOS_SOCKET_CONTROL_BYTES];
};
#define BANOS_SOCKET_MESSAGE_SIZE_2 408u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_socket_message, control) == BANOS_SOCKET_MESSAGE_SIZE_2,
	     socket_message);
BANOS_ASSERT(offsetof(struct banos_socket_message, control) == 152, socket_message_control);

/* States of sockets, as Linux numbers them (TCP_ESTABLISHED and so on); other families use what fits. */
#define BANOS_SOCKET_CONNECTED	1u /**< also a datagram socket that has a peer */
#define BANOS_SOCKET_CONNECTING 2u
#define BANOS_SOCKET_BEGINNING	3u /**< the other end connects to one that listens */
#define BANOS_SOCKET_FIN_WAIT	4u /**< everything was sent, the end too, and is not acknowledged */
#define BANOS_SOCKET_TIME_WAIT	6u
#define BANOS_SOCKET_CLOSED	7u /**< neither connected nor connecting */
#define BANOS_SOCKET_LAST_ACK	9u /**< as FIN_WAIT, where the other end has ended before */
#define BANOS_SOCKET_LISTENING	10u
#define BANOS_SOCKET_CLOSING	11u /**< as FIN_WAIT, where the other end has ended meanwhile */

/* What a socket's timer is for. */
#define BANOS_SOCKET_TIMER_NONE	      0u
#define BANOS_SOCKET_TIMER_RETRANSMIT 1u
#define BANOS_SOCKET_TIMER_KEEPALIVE  2u
#define BANOS_SOCKET_TIMER_TIME_WAIT  3u
#define BANOS_SOCKET_TIMER_PROBE      4u /**< of a window that is closed */

/** What programs such as netstat see of a socket. */
struct banos_socket_description {
	uint32_t size;	   /**< filled by the kernel: what it knows */
	uint32_t protocol; /**< of AF_INET and AF_INET6: the IP protocol, 6 is TCP */
	uint32_t state;	   /**< BANOS_SOCKET_CONNECTED..., or another number of Linux */
	uint32_t
		send_bytes; /**< not sent, or not acknowledged; listening: the most that may wait */
	uint32_t
		receive_bytes; /**< not received by the program; listening: connections that wait */
	uint32_t timer;	       /**< BANOS_SOCKET_TIMER_... */
	uint32_t timer_ms;     /**< until it ends */
	uint32_t retransmits;  /**< of what is sent now */
	uint32_t probes;       /**< sent, without an answer */
	uint32_t zero;
	uint8_t local[32]; /**< as name() says it; zeroes behind it */
	uint8_t peer[32];
};
#define BANOS_SOCKET_DESCRIPTION_SIZE_2 104u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_socket_description, peer) ==
		     BANOS_SOCKET_DESCRIPTION_SIZE_2,
	     socket_description);
BANOS_ASSERT(offsetof(struct banos_socket_description, local) == 40, socket_description_local);

struct banos_family_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * A program asks for a socket.
	 * @param socket    for banos_socket_wake()
	 * @param family    one of those that were registered
	 * @param type      Linux's SOCK_STREAM and so on
	 * @param protocol  as the program says it
	 * @param own       8 bytes, written: the first argument of the other methods
	 * @return 0; -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -ENOMEM... Mandatory.
	 */
	int64_t (*create)(void *context, banos_socket socket, uint32_t family, uint32_t type,
			  uint32_t protocol, void **own);
	/**
	 * The last descriptor was closed, or the socket was taken away. Called once; no other method runs or
	 * is called afterwards. @return 0; it is not looked at. Mandatory.
	 */
	int64_t (*release)(void *own);
	/**
	 * @param address  @p length bytes, read
	 * @param length   up to BANOS_SOCKET_ADDRESS_BYTES
	 * @return 0. Default: -EOPNOTSUPP.
	 */
	int64_t (*bind)(void *own, const uint8_t *address, uint32_t length);
	/**
	 * Connect. Where the program waits for it, this is called again after banos_socket_wake().
	 * @param address  @p length bytes, read
	 * @param length   up to BANOS_SOCKET_ADDRESS_BYTES
	 * @return 0: it is connected, which is said once; -EINPROGRESS: it begins; -EALREADY: it goes on; -EISCONN,
	 *	   -ECONNREFUSED... Default: -EOPNOTSUPP.
	 */
	int64_t (*connect)(void *own, const uint8_t *address, uint32_t length);
	/** @param backlog  as the program says it @return 0. Default: -EOPNOTSUPP. */
	int64_t (*listen)(void *own, uint32_t backlog);
	/**
	 * Take a connection that waits.
	 * @param fresh      the kernel's side of the new socket
	 * @param fresh_own  8 bytes, written: the first argument of its methods
	 * @return 0; -EAGAIN: none waits. Default: -EOPNOTSUPP.
	 */
	int64_t (*accept)(void *own, banos_socket fresh, void **fresh_own);
	/**
	 * Consume bytes of @p from, from its beginning: all of a datagram, or what there is room for.
	 * @param length   0 or more: all that @p from holds
	 * @param message  read
	 * @return how many were consumed; -EAGAIN: no room now; -EPIPE: the kernel sends SIGPIPE. Mandatory.
	 */
	int64_t (*send)(void *own, banos_buffer from, uint64_t length,
			const struct banos_socket_message *message);
	/**
	 * Fill @p to, from its beginning: with one datagram, or with what there is.
	 * @param length   0 or more: all that @p to holds
	 * @param message  size is read; flags too; the rest is to be written
	 * @return how many were written, or, with BANOS_SOCKET_TRUNCATED in its flags, the length of the datagram;
	 *	   0: the end; -EAGAIN: nothing now. Mandatory.
	 */
	int64_t (*receive)(void *own, banos_buffer to, uint64_t length,
			   struct banos_socket_message *message);
	/** @return what is ready now, BANOS_SOCKET_ bits; others are ignored. Mandatory. */
	int64_t (*poll)(void *own);
	/** @param how  0: receive no more, 1: send no more, 2: both @return 0. Default: -EOPNOTSUPP. */
	int64_t (*shutdown)(void *own, uint32_t how);
	/**
	 * The socket's address, or that of the other end.
	 * @param peer     0 or 1
	 * @param address  @p length bytes, written
	 * @return how long it is; -ENOTCONN: there is no other end. Default: -EOPNOTSUPP.
	 */
	int64_t (*name)(void *own, uint32_t peer, uint8_t *address, uint32_t length);
	/**
	 * Of level 1 (SOL_SOCKET) only SO_ERROR, whose value is 4 bytes, and what the kernel does not know.
	 * @param length  0 or more: all that @p to holds
	 * @return bytes written to @p to. Default: -ENOPROTOOPT.
	 */
	int64_t (*get_option)(void *own, uint32_t level, uint32_t option, banos_buffer to,
			      uint64_t length);
	/**
	 * Also called after the kernel has set one of SOL_SOCKET, to tell: a number of 4 bytes, SO_LINGER
	 * 8, SO_SNDBUF and SO_RCVBUF the bytes that they became, SO_BINDTODEVICE the index of the interface or 0,
	 * SO_REUSEPORT 8: the number, and the user that the socket belongs to (Linux lets sockets of one user
	 * share a port). What it returns is not looked at then.
	 * @param length  0 or more: all that @p from holds
	 * @return 0. Default: -ENOPROTOOPT.
	 */
	int64_t (*set_option)(void *own, uint32_t level, uint32_t option, banos_buffer from,
			      uint64_t length);
	/**
	 * @param call      the program that calls
	 * @param argument  a number, or an address for banos_user_read() and banos_user_write()
	 * @return the result, 0 or more. Default: -ENOTTY, also to be returned for an unknown @p command.
	 */
	int64_t (*ioctl)(void *own, banos_call call, uint32_t command, uint64_t argument);
	/**
	 * Describe the socket, for /proc/net/tcp and others. It does not change.
	 * @param description  read and written: size is read; the rest is zeroes, into which what the driver knows is to be written
	 * @return 0; an error: it is not listed. Default: -EOPNOTSUPP.
	 */
	int64_t (*describe)(void *own, struct banos_socket_description *description);
	/**
	 * Describe a connection that is no socket of a program: one that was not accepted yet, that was closed and has
	 * not ended, or that is in TIME_WAIT. /proc/net/tcp shows them, too.
	 * @param family       one of those that were registered
	 * @param position     0: from the first one on; or what was returned last
	 * @param description  read and written, as for describe()
	 * @return the position behind it, larger than @p position and less than 1 << 38; 0: there is no other one. Connections
	 *	   that begin or end meanwhile may be left out, or be described twice. Default: 0.
	 */
	int64_t (*connection)(void *context, uint32_t family, uint64_t position,
			      struct banos_socket_description *description);
};
#define BANOS_FAMILY_OPS_SIZE_2 136u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_family_ops, connection) == BANOS_FAMILY_OPS_SIZE_2,
	     family_ops);
BANOS_ASSERT(offsetof(struct banos_family_ops, ioctl) == 112, family_ops_ioctl);

#define BANOS_FAMILIES_MAX 4u

struct banos_family_config {
	uint32_t size;
	uint32_t flags;			       /**< 0: no bit is defined yet */
	uint32_t families[BANOS_FAMILIES_MAX]; /**< 1 to 45, the first not 0; 0: no more */
	void *context;			       /**< for create() */
	const struct banos_family_ops *ops;    /**< read; its functions lie in the driver */
};
#define BANOS_FAMILY_CONFIG_SIZE_2 40u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_family_config, ops) == BANOS_FAMILY_CONFIG_SIZE_2,
	     family_config);
BANOS_ASSERT(offsetof(struct banos_family_config, context) == 24, family_config_context);

BANOS_BEGIN

/**
 * @brief Register families of sockets.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_family_remove(), or before exit() runs.
 * @param owner   the owner: the driver, or a device on a bus
 * @param config  read; copied, with its table of methods
 * @param family  written: the handle. May be NULL.
 * @return 0. From init() the families are there once that succeeded.
 *	   -EINVAL: a field is wrong. -E2BIG: an unknown field is not 0. -EEXIST: a family is in use; from init()
 *	   that is found when it has succeeded. -EOPNOTSUPP: an unknown bit in ops->must, or this kernel has no
 *	   such class. -ENOMEM. -ENODEV: the owner is being removed.
 */
BANOS_SINCE(2)
int64_t banos_family_register(banos_owner owner, const struct banos_family_config *config,
			      banos_family *family);

/**
 * @brief Take families away, with their sockets, which answer ENETDOWN from now on.
 * Since 2, provided by the kernel.
 * Context: thread. Not from a method.
 * @return 0, -EINVAL: no such handle, -EBUSY: a method does not return (it can be removed later)
 */
BANOS_SINCE(2) int64_t banos_family_remove(banos_family family);

/**
 * @brief A socket may be ready for something that it was not ready for.
 * Since 2, provided by the kernel.
 * Context: any. It calls no method.
 * @param events  BANOS_SOCKET_ bits: what may be ready
 * @return 0, -EINVAL: no such socket, or it was released
 */
BANOS_SINCE(2) int64_t banos_socket_wake(banos_socket socket, uint32_t events);

BANOS_END
#endif

#endif
