// SPDX-License-Identifier: MIT
/* Options of packet sockets: filters, memberships, counts. packet(7); Linux 6.1. */
#include "internal.h"
#include "packet_socket.h"
#include <kernel/heap.h>
#include <kernel/string.h>

#define RESERVE_MAX 1024u /* PACKET_RESERVE: more than any header; Linux has no such bound */

/* ---- filters ---- */

static s64 packet_attach(struct packet_socket *tap, uaddr_t value, s32 len)
{
	struct packet_filter *filter = NULL, *old;
	struct user_sock_fprog program;

	if (len < (s32)sizeof(program))
		return -EINVAL;
	if (copy_from_user(&program, value, sizeof(program)))
		return -EFAULT;
	if (!program.count || program.count > FILTER_STEPS_MAX)
		return -EINVAL;
	filter = kzalloc(sizeof(*filter) + program.count * sizeof(struct filter_step));
	if (!filter)
		return -ENOMEM;
	if (copy_from_user(filter->steps, uaddr(program.steps),
			   program.count * sizeof(struct filter_step))) {
		kfree(filter);
		return -EFAULT;
	}
	if (!filter_is_valid(filter->steps, program.count)) {
		kfree(filter);
		return -EINVAL;
	}
	old = __atomic_exchange_n(&tap->filter, filter, __ATOMIC_SEQ_CST);
	synchronize_rcu();
	kfree(old);
	return 0;
}

static s64 packet_detach(struct packet_socket *tap)
{
	struct packet_filter *old = __atomic_exchange_n(&tap->filter, NULL, __ATOMIC_SEQ_CST);

	if (!old)
		return -ENOENT;
	synchronize_rcu();
	kfree(old);
	return 0;
}

/* ---- memberships ---- */

/* @return 0, -ENODEV, -ENOMEM, -ENOENT */
static int membership_apply(const struct packet_membership *membership, u64 who, bool wanted)
{
	struct net_device *device = net_device_find(membership->index);
	s32 step = wanted ? 1 : -1;

	assert_held(&net_lock);
	if (!device || !device->published)
		return -ENODEV;
	if (membership->type == PACKET_MR_PROMISC)
		net_device_want(device, step, 0);
	else if (membership->type == PACKET_MR_ALLMULTI)
		net_device_want(device, 0, step);
	else
		return net_group_change(device, &membership->address, who, wanted);
	return 0;
}

void packet_memberships_forget(struct packet_socket *tap)
{
	mutex_lock(&net_lock);
	for (u32 i = 0; i < MEMBERSHIPS_MAX; i++)
		if (tap->memberships[i].used)
			(void)!membership_apply(&tap->memberships[i], (u64)tap, false);
	mutex_unlock(&net_lock);
}

/* @return NULL: none is like it, and, when it is to be added, none is free */
static struct packet_membership *membership_find(struct packet_socket *tap,
						 const struct packet_membership *wanted, bool add)
{
	for (u32 i = 0; i < MEMBERSHIPS_MAX; i++) {
		struct packet_membership *membership = &tap->memberships[i];

		if (add && !membership->used)
			return membership;
		if (!add && membership->used && membership->index == wanted->index &&
		    membership->type == wanted->type &&
		    !memcmp(&membership->address, &wanted->address, sizeof(wanted->address)))
			return membership;
	}
	return NULL;
}

static s64 packet_change_membership(struct packet_socket *tap, uaddr_t value, s32 len, bool add)
{
	struct packet_membership wanted = { .used = true }, *found;
	struct user_packet_mreq request;
	s64 err = 0;

	if (len < (s32)sizeof(request))
		return -EINVAL;
	if (copy_from_user(&request, value, sizeof(request)))
		return -EFAULT;
	if (request.type > PACKET_MR_ALLMULTI)
		return -EINVAL;
	wanted.index = (u32)request.index;
	wanted.type = request.type;
	if (request.type == PACKET_MR_MULTICAST)
		memcpy(wanted.address.bytes, request.address, BANOS_NET_ADDRESS);
	mutex_lock(&net_lock);
	found = membership_find(tap, &wanted, add);
	if (!found)
		err = -EADDRNOTAVAIL;
	if (!found && add)
		err = -ENOBUFS;
	if (!err)
		err = membership_apply(&wanted, (u64)tap, add);
	if (found && (!err || !add)) {
		*found = wanted;
		found->used = add;
	}
	mutex_unlock(&net_lock);
	return err;
}

/* ---- options ---- */

/* What a ring is made by; not while there is one. */
static s64 packet_shape_set(struct packet_socket *tap, u32 option, u32 number)
{
	s64 err = 0;

	mutex_lock(&net_lock);
	if (option == PACKET_VERSION && number > TPACKET_V3)
		err = -EINVAL;
	else if (option == PACKET_RESERVE && number > RESERVE_MAX)
		err = -EINVAL;
	else if (tap->ring)
		err = -EBUSY;
	else if (option == PACKET_VERSION)
		tap->version = (u8)number;
	else
		tap->reserve = number;
	mutex_unlock(&net_lock);
	return err;
}

s64 packet_socket_set_option(struct socket *socket, u32 level, u32 option, uaddr_t value, s32 len)
{
	struct packet_socket *tap = packet_socket_of(socket);
	u32 number;

	if (level == SOL_SOCKET && option == SO_ATTACH_FILTER)
		return packet_attach(tap, value, len);
	if (level == SOL_SOCKET && option == SO_DETACH_FILTER)
		return packet_detach(tap);
	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	switch (option) {
	case PACKET_ADD_MEMBERSHIP: return packet_change_membership(tap, value, len, true);
	case PACKET_DROP_MEMBERSHIP: return packet_change_membership(tap, value, len, false);
	case PACKET_RX_RING: return packet_ring_set(tap, value, len);
	case PACKET_VERSION:
	case PACKET_RESERVE:
	case PACKET_AUXDATA:
		if (len < (s32)sizeof(number))
			return -EINVAL;
		if (get_user_u32(&number, value))
			return -EFAULT;
		if (option != PACKET_AUXDATA)
			return packet_shape_set(tap, option, number);
		tap->auxdata = number;
		return 0;
	}
	return -ENOPROTOOPT;
}

/* PACKET_HDRLEN: of a version that the program names. @return 0 or -errno */
static s64 packet_number_get(const struct packet_socket *tap, u32 option, uaddr_t value,
			     u32 *number)
{
	switch (option) {
	case PACKET_VERSION: *number = tap->version; return 0;
	case PACKET_RESERVE: *number = tap->reserve; return 0;
	case PACKET_AUXDATA: *number = tap->auxdata; return 0;
	case PACKET_HDRLEN:
		if (get_user_u32(number, value))
			return -EFAULT;
		*number = packet_ring_header_bytes(*number);
		return *number ? 0 : -EINVAL;
	}
	return -ENOPROTOOPT;
}

s64 packet_socket_get_option(struct socket *socket, u32 level, u32 option, uaddr_t value,
			     uaddr_t user_len)
{
	struct packet_socket *tap = packet_socket_of(socket);
	u32 counts[3] = { 0 }, len, bytes = sizeof(counts[0]);
	s64 err = 0;

	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	if (get_user_u32(&len, user_len))
		return -EFAULT;
	if ((s32)len < 0)
		return -EINVAL;
	if (option != PACKET_STATISTICS) {
		if (option == PACKET_HDRLEN && len < sizeof(counts[0]))
			return -EINVAL;
		err = packet_number_get(tap, option, value, &counts[0]);
	} else {
		spin_lock(&tap->lock);
		counts[0] = tap->seen;
		counts[1] = tap->dropped;
		tap->seen = tap->dropped = 0;
		spin_unlock(&tap->lock);
		bytes = tap->version == TPACKET_V3 ? sizeof(counts) : 2 * sizeof(counts[0]);
	}
	if (err)
		return err;
	len = MIN(len, bytes);
	if (copy_to_user(value, counts, len))
		return -EFAULT;
	return put_user_u32(user_len, len);
}
