/* SPDX-License-Identifier: MIT */
/** @file netlink_message.h  Reading messages of netlink. Pure. */
#pragma once
#include <uapi/netlink.h>

/** Messages and attributes begin at multiples of four bytes. */
#define ALIGN4(n) (((n) + 3) & ~3u)

/** What a program sent, and was not read yet. */
struct netlink_messages {
	const u8 *bytes;
	u32 length;
};
/**
 * @brief The next message.
 * @param header  written: its length is that of the message, with the header
 * @return what is behind the header; NULL: there are no more, or one leads out of what was sent: as on Linux the rest is ignored
 */
const u8 *netlink_message_next(struct netlink_messages *walk, struct user_nlmsghdr *header);

#define NETLINK_ATTRIBUTES 32u

/** Attributes by type, below NETLINK_ATTRIBUTES; others are skipped. */
struct netlink_attributes {
	const u8 *at[NETLINK_ATTRIBUTES]; /* NULL: absent */
	u32 length[NETLINK_ATTRIBUTES];
};
/** @brief Find the attributes in @p length bytes. @return 0; -EINVAL: one leads out of them */
int __must_check netlink_parse(const u8 *bytes, u32 length, struct netlink_attributes *found);
/** @brief A number of 32 bits; @p otherwise where it is absent or too short. */
u32 netlink_number(const struct netlink_attributes *found, u32 type, u32 otherwise);
