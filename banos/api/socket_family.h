/* SPDX-License-Identifier: MIT */
/**
 * @file socket_family.h  Families of sockets that a driver offers.
 *
 * socket_life.c has the beginning and the end of a family, socket_calls.c what programs do with
 * the sockets, socket_message.c what messages have besides bytes, socket_walk.c their list.
 *
 * Each socket pins the driver, and its calls are counted, so that a family can be taken away: then it is
 * marked as revoked, calls end, the driver's sides of its sockets are released, and the sockets keep the
 * structure alone.
 */
#pragma once
#include <kernel/driver.h>
#include <kernel/socket.h>

struct driver_family {
	struct owned owned;
	struct owner *root; /* of the driver */
	void *context;
	struct banos_family_ops ops;
	struct socket_family numbers[BANOS_FAMILIES_MAX]; /* those that it has come first */
	u32 registered;					  /* how many of them socket() knows */
	bool revoked;
	spinlock_t lock;     /* guards sockets, and of each: released, unpinned, described */
	struct list sockets; /* driver_socket->base.link, oldest first */
	u64 last_number;
	struct wait_queue calls_wait;
};

struct driver_socket {
	struct socket base;
	struct driver_family *family;
	void *own; /* first argument of the methods */
	u64 handle;
	u32 described;	     /* walks that are at it: it stays where it is */
	struct atomic calls; /* that run in its methods */
	struct atomic in_changes,
		out_changes; /* how often the driver said that something may be ready */
	s32 empty_at; /* the in_changes since which nothing waits to be received, if empty_known */
	bool empty_known;
	bool listening;
	bool released; /* the driver's release() was, or is being, called; or there is nothing to release */
	bool unpinned; /* revoked: its pin of the driver has become a reference */
	struct rcu_head rcu;
};
_Static_assert(sizeof(spinlock_t) > 4 || sizeof(struct driver_socket) <= 256,
	       "a class of the heap");

static inline struct driver_socket *driver_socket_of(const struct socket *base)
{
	return container_of(base, struct driver_socket, base);
}

/* What a driver may say of a socket, and whom it wakes. */
#define KNOWN_EVENTS                                                                  \
	(BANOS_SOCKET_IN | BANOS_SOCKET_PRI | BANOS_SOCKET_OUT | BANOS_SOCKET_ERROR | \
	 BANOS_SOCKET_HANGUP | BANOS_SOCKET_RDHUP)
#define READ_EVENTS  (~(u32)(BANOS_SOCKET_OUT | BANOS_SOCKET_URGENT))
#define WRITE_EVENTS (BANOS_SOCKET_OUT | BANOS_SOCKET_ERROR | BANOS_SOCKET_HANGUP)

/* What a handle of a socket leads to; no resource that a driver owns. */
#define HANDLE_SOCKET (HANDLE_OWNER + 1)

/* ---- socket_calls.c ---- */

/** @brief struct socket_family.create() of a family that is held. */
struct socket *driver_socket_create(struct socket_family *base, u32 type, u32 protocol);
/** @brief Call release() of the driver for a socket that was marked as released. */
void driver_socket_release_own(struct driver_socket *socket);

/** @brief Have the driver describe a socket, which stays. Sleeps. @return 0 or -errno */
s64 driver_socket_describe(struct driver_socket *socket, struct banos_socket_description *about);
/** @brief A socket of a family that is held for it, which the driver does not know yet. @return NULL: no memory */
struct driver_socket *driver_socket_alloc(struct driver_family *family, u16 number, u32 type);
/**
 * @brief Have the driver describe a connection that is no socket. Sleeps.
 * @param stand_in  one that stands for it, of the family's number; its own argument is the family's context
 * @return as banos_family_ops.connection, or -errno
 */
s64 driver_connection_describe(struct driver_socket *stand_in, u64 position,
			       struct banos_socket_description *about);
/** @brief SO_LINGER: wait until the other end has everything, in a user thread that does not end. Sleeps. */
void driver_socket_linger(struct driver_socket *socket);

/** @brief banos_socket_wake(). Any context. @return false: no socket of the calling driver's */
bool driver_socket_wake(u64 handle, u32 events);

/* ---- socket_message.c ---- */

/** @brief Fill what send() and receive() read of a message that has no address and no control messages. */
void driver_message_begin(struct banos_socket_message *message, const struct socket_message *call);
/** @brief The address and the control messages of a program that sends. @return 0 or -errno */
int driver_message_from_user(struct banos_socket_message *message,
			     const struct socket_message *call);
/** @brief What receive() told besides the bytes. @return 0 or -errno */
int driver_message_to_user(const struct banos_socket_message *message, struct socket_message *call);

/* ---- socket_walk.c ---- */

/** @brief struct socket_family.each() of a family that is held. */
void driver_family_each(struct socket_family *base, struct socket_walk *walk);

/* ---- socket_life.c ---- */

extern const struct owned_class family_class;
/** @brief Nothing of the driver is called for a socket any more: give it and its hold of the family back. Sleeps. */
void driver_socket_end(struct driver_socket *socket);
/** @brief Register families, and publish them if @p owner is live. @return 0, or as banos_family_register() */
s64 __must_check driver_family_create(struct owner *owner, const struct banos_family_config *config,
				      banos_family *handle);
/** @brief Keep a family for one more socket. @return false: it is going */
bool driver_family_hold(struct driver_family *family);
/** @brief The opposite. @param unpinned  see struct driver_socket */
void driver_family_drop(struct driver_family *family, bool unpinned);
