/* SPDX-License-Identifier: MIT */
/** @file netlink.h  Between netlink.c (sockets, replies), netlink_message.c (reading), route_tell.c (what messages tell) and route_link.c (what they ask). */
#pragma once
#include "netlink_message.h"
#include <kernel/network.h>

/** Messages that are being made. */
struct netlink_reply {
	u8 *bytes;
	u32 used, size;
	u32 sequence, port;
	bool failed; /* no memory, or too much */
};
/** @brief Begin a message with @p length bytes behind its header. @return those, zeroed; NULL: no memory */
void *netlink_begin(struct netlink_reply *reply, u32 type, u32 flags, u32 length, u32 *start);
void netlink_put(struct netlink_reply *reply, u32 type, const void *bytes, u32 length);
static inline void netlink_put_number(struct netlink_reply *reply, u32 type, u32 number)
{
	netlink_put(reply, type, &number, sizeof(number));
}
/** @brief The end of the message that began at @p start. */
void netlink_end(struct netlink_reply *reply, u32 start);

/** A list that a program reads in pieces. */
struct netlink_dump {
	u32 sequence;
	u16 type; /* of the request; 0: none */
	u8 family;
	u32 position;
	u64 after;			  /* of SOCK_DIAG: behind this socket */
	struct user_diag_request request; /* likewise */
};

/** @brief Tell all members of a group; what @p reply holds is freed. Any context but interrupts. */
void netlink_publish(u32 group, struct netlink_reply *reply);
/** @brief Is anyone a member of any group? */
bool netlink_has_listeners(void);

/* ---- diag.c ---- */

/** @brief Whether sockets of a request can be listed. @return 0, -EINVAL, -ENOENT: not those of that family */
int __must_check diag_check(struct netlink_dump *dump, const u8 *body, u32 length);
/** @brief The next piece of a list of sockets. Sleeps. @return true: that was all */
bool __must_check diag_list(struct netlink_dump *dump, struct netlink_reply *reply);

/**
 * @brief Answer with the one socket that a request tells by its ends, or the one that would take what is sent to them.
 * Sleeps.
 * @return 0, -EINVAL, -ENOENT: there is none, or it has another cookie, -EOPNOTSUPP, -ENOMEM
 */
int __must_check diag_one(const u8 *body, u32 length, struct netlink_reply *reply);

/* ---- route_tell.c ---- */

/** @brief Bytes of an address of a family. */
static inline u32 route_family_bytes(u32 family)
{
	if (family == BANOS_FAMILY_IPV4)
		return 4;
	return 16;
}
bool route_is_zero(const u8 *bytes, u32 length);
void route_link_tell(struct netlink_reply *reply, const struct net_device *device, u32 type,
		     u32 flags);
/** @param event  BANOS_SETTING_ADD or _REMOVE */
void route_setting_tell(struct netlink_reply *reply, const struct net_setting *setting, u32 event,
			u32 flags);
/** @brief The next piece of a list, with net_list_lock. @return true: that was all */
bool __must_check route_link_list(struct netlink_dump *dump, struct netlink_reply *reply);

/* ---- route_link.c ---- */

/** @brief Do what a message asks, with net_lock, or net_list_lock where it only reads. @param body  @p length bytes behind the header @return 0 or -errno */
int __must_check route_link_handle(const struct user_nlmsghdr *header, const u8 *body, u32 length,
				   struct netlink_reply *reply);
/** @brief Is it a list that is asked for? */
bool route_link_lists(u32 type);
/** @brief May anyone ask this? */
bool route_link_only_reads(u32 type);
