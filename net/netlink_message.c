// SPDX-License-Identifier: MIT
/* Messages of netlink, as programs send them: where each one and its attributes lie. Pure. netlink(7), RFC 3549. */
#include "netlink_message.h"
#include <kernel/err.h>
#include <kernel/string.h>

const u8 *netlink_message_next(struct netlink_messages *walk, struct user_nlmsghdr *header)
{
	const u8 *message = walk->bytes;
	u32 step;

	if (walk->length < sizeof(*header))
		return NULL;
	memcpy(header, message, sizeof(*header));
	if (header->length < sizeof(*header) || header->length > walk->length)
		return NULL;
	step = MIN(ALIGN4(header->length), walk->length);
	walk->bytes += step;
	walk->length -= step;
	return message + sizeof(*header);
}

int netlink_parse(const u8 *bytes, u32 length, struct netlink_attributes *found)
{
	struct user_nlattr attribute;

	memset(found, 0, sizeof(*found));
	while (length >= sizeof(attribute)) {
		u32 type, step;

		memcpy(&attribute, bytes, sizeof(attribute));
		type = attribute.type & NLA_TYPE;
		if (attribute.length < sizeof(attribute) || attribute.length > length)
			return -EINVAL;
		if (type < NETLINK_ATTRIBUTES) {
			found->at[type] = bytes + sizeof(attribute);
			found->length[type] = attribute.length - sizeof(attribute);
		}
		step = MIN(ALIGN4((u32)attribute.length), length);
		bytes += step;
		length -= step;
	}
	return 0;
}

u32 netlink_number(const struct netlink_attributes *found, u32 type, u32 otherwise)
{
	u32 number = otherwise;

	if (found->at[type] && found->length[type] >= sizeof(number))
		memcpy(&number, found->at[type], sizeof(number));
	return number;
}
