// SPDX-License-Identifier: MIT
/*
 * <banos/socket_family.h>: what a message of a driver's socket has besides its bytes, between the program and the driver.
 */
#include <kernel/network.h>
#include <kernel/string.h>
#include "socket_family.h"

void driver_message_begin(struct banos_socket_message *message, const struct socket_message *call)
{
	/* All of it: the driver reads it, and what it says that it has written there goes to the program. */
	*message = (struct banos_socket_message){
		.size = sizeof(*message),
		.flags = call->flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL),
	};
}

int driver_message_from_user(struct banos_socket_message *message,
			     const struct socket_message *call)
{
	if (call->name_size < 0 || call->name_size > (s32)sizeof(message->address))
		return -EINVAL;
	if (call->control_len > sizeof(message->control))
		return -ENOBUFS;
	if (call->name_size && copy_from_user(message->address, call->name, (u32)call->name_size))
		return -EFAULT;
	if (call->control_len && copy_from_user(message->control, call->control, call->control_len))
		return -EFAULT;
	message->address_length = (u32)call->name_size;
	message->control_length = (u32)call->control_len;
	return 0;
}

/* The driver's control messages, each checked. */
static void controls_to_user(const struct banos_socket_message *message,
			     struct socket_message *call)
{
	u32 length = MIN(message->control_length, (u32)sizeof(message->control)), offset = 0;

	while (length - offset >= sizeof(struct user_cmsghdr)) {
		const struct user_cmsghdr *header = (const void *)(message->control + offset);
		u64 bytes = header->len;

		if (bytes < sizeof(*header) || bytes > length - offset)
			return;
		socket_message_add_control(call, header->level, header->type, header + 1,
					   bytes - sizeof(*header));
		if (CMSG_ALIGN(bytes) > length - offset)
			return;
		offset += (u32)CMSG_ALIGN(bytes);
	}
}

/* What receive() told besides the bytes. @return 0 or -errno */
int driver_message_to_user(const struct banos_socket_message *message, struct socket_message *call)
{
	call->out_flags = message->out_flags & (MSG_OOB | MSG_TRUNC | MSG_CTRUNC | MSG_ERRQUEUE);
	if (message->control_length && call->control_len)
		controls_to_user(message, call);
	else if (message->control_length) /* which nobody asked for */
		call->out_flags |= MSG_CTRUNC;
	return socket_message_set_name(call, message->address,
				       MIN(message->address_length, (u32)sizeof(message->address)));
}
