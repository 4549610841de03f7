// SPDX-License-Identifier: MIT
/*
 * Packet sockets (AF_PACKET): programs see and send frames as they are, as udhcpc and tcpdump do.
 *
 * All of them are in one list, read under RCU for each frame; while it is empty that costs one load. What passes a
 * socket's filter is copied to its queue, up to SO_RCVBUF bytes of memory, then dropped and counted.
 *
 * Locks: taps_lock (spin): the list. A socket's lock (spin): its queue and counts. net_lock: its memberships.
 * packet(7); Linux 6.1. Rings: packet_ring.c. Left out: fanout, rings to send by.
 */
#include "internal.h"
#include "packet_socket.h"
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/proc.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/poll.h>

#define INTERFACE_GONE (~0u)

static struct packet_socket *taps;
static DEFINE_SPINLOCK(taps_lock);
static struct socket_list packet_sockets = SOCKET_LIST_INIT(packet_sockets);

/* ---- frames ---- */

static u32 packet_ethertype(const struct packet *frame)
{
	const u8 *bytes = packet_bytes(frame);

	return bytes[12] << 8 | bytes[13];
}

static u8 packet_kind(const struct packet *frame)
{
	static const u8 all[BANOS_NET_ADDRESS] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (frame->outgoing)
		return PACKET_OUTGOING;
	if (frame->flags & BANOS_PACKET_FOREIGN)
		return PACKET_OTHERHOST;
	if (!(frame->flags & BANOS_PACKET_BROADCAST))
		return PACKET_HOST;
	if (!memcmp(packet_bytes(frame), all, sizeof(all)))
		return PACKET_BROADCAST;
	return PACKET_MULTICAST;
}

/* How many bytes the socket's filter keeps. */
static u32 tap_filter(const struct packet_socket *tap, const struct packet *frame, u32 whole)
{
	const struct packet_filter *filter = rcu_dereference(tap->filter);
	struct filter_frame about = {
		.bytes = packet_bytes(frame),
		.length = frame->length,
		.whole = whole,
		.network = ETHERNET_BYTES,
		.ethertype = packet_ethertype(frame),
		.kind = packet_kind(frame),
		.interface = frame->interface,
	};

	if (!filter)
		return whole;
	if (tap->socket.type == SOCK_DGRAM) {
		about.bytes += ETHERNET_BYTES;
		about.length -= ETHERNET_BYTES;
		about.whole -= ETHERNET_BYTES;
		about.before = ETHERNET_BYTES;
		about.network = 0;
		whole = filter_run(filter->steps, &about);
		return whole ? MIN(whole, ~0u - ETHERNET_BYTES) + ETHERNET_BYTES : 0;
	}
	return filter_run(filter->steps, &about);
}

static void tap_take(struct packet_socket *tap, const struct packet *frame)
{
	u32 whole = packet_frame_length(frame), kept = tap_filter(tap, frame, whole);
	struct packet *copy = NULL;
	bool taken = false;

	if (!kept)
		return;
	if (!READ_ONCE(tap->ring) && READ_ONCE(tap->used) < tap->socket.rcvbuf)
		copy = packet_copy(frame, 0);
	spin_lock(&tap->lock);
	tap->seen++;
	if (tap->ring) {
		taken = packet_ring_put(tap, frame, whole, MIN(kept, whole));
		tap->dropped += !taken;
	} else if (copy && tap->used < tap->socket.rcvbuf) {
		copy->hash = whole;
		copy->length = MIN(copy->length, kept);
		tap->used += copy->cell_bytes;
		packet_list_add(&tap->frames, copy);
		copy = NULL;
		taken = true;
	} else {
		tap->dropped++;
	}
	spin_unlock(&tap->lock);
	packet_free(copy);
	if (taken && wait_queue_active(&tap->socket.read_wait))
		wake_up_poll(&tap->socket.read_wait, POLLIN | POLLRDNORM);
}

static void taps_show(const struct packet *frame)
{
	struct packet_socket *tap = rcu_dereference(taps);

	for (; tap; tap = rcu_dereference(tap->next)) {
		u32 ethertype = READ_ONCE(tap->ethertype), interface = READ_ONCE(tap->interface);

		if (!ethertype || (interface && interface != frame->interface))
			continue;
		if (ethertype == ETH_P_ALL ||
		    (!frame->outgoing && ethertype == packet_ethertype(frame)))
			tap_take(tap, frame);
	}
}

void net_taps_outgoing(const struct packet_list *frames)
{
	if (likely(!READ_ONCE(taps)))
		return;
	for (struct packet *frame = frames->first; frame; frame = frame->next) {
		bool outgoing = frame->outgoing;

		frame->outgoing = true;
		taps_show(frame);
		frame->outgoing = outgoing;
	}
}

void net_taps_incoming(struct packet *frame)
{
	if (likely(!READ_ONCE(taps)))
		return;
	frame->outgoing = false;
	rcu_read_lock();
	taps_show(frame);
	rcu_read_unlock();
}

bool net_taps_exist(void)
{
	return READ_ONCE(taps);
}

static void tap_tell_down(struct packet_socket *tap)
{
	atomic_set(&tap->socket.error, ENETDOWN);
	wake_up_poll(&tap->socket.read_wait, POLLERR);
}

void net_taps_interface_down(u32 index, bool removed)
{
	spin_lock(&taps_lock);
	for (struct packet_socket *tap = taps; tap; tap = tap->next) {
		if (tap->interface != index)
			continue;
		if (removed)
			WRITE_ONCE(tap->interface, INTERFACE_GONE);
		if (tap->ethertype)
			tap_tell_down(tap);
	}
	spin_unlock(&taps_lock);
}

/* ---- life ---- */

static void packet_socket_free(struct rcu_head *head)
{
	struct packet_socket *tap = container_of(head, struct packet_socket, rcu);

	packets_free(&tap->frames);
	kfree(tap->filter);
	kfree(tap);
}

static void packet_socket_release(struct socket *socket)
{
	struct packet_socket *tap = packet_socket_of(socket), **at = &taps;

	socket_list_remove(&packet_sockets, socket);
	spin_lock(&taps_lock);
	while (*at != tap)
		at = &(*at)->next;
	rcu_assign_pointer(*at, tap->next);
	spin_unlock(&taps_lock);
	packet_memberships_forget(tap);
	packet_ring_free(tap);
	call_rcu(&tap->rcu, packet_socket_free);
}

/* ---- names ---- */

static int packet_socket_bind(struct socket *socket, const struct socket_address *address, u32 len)
{
	const struct user_sockaddr_ll *name = (const void *)address;
	struct packet_socket *tap = packet_socket_of(socket);
	const struct net_device *device;
	u32 ethertype = name->protocol[0] << 8 | name->protocol[1];
	bool down = false;
	int err = 0;

	if (len < sizeof(*name) || name->family != AF_PACKET)
		return -EINVAL;
	/* With the lock: who removes the interface then finds the socket bound to it. */
	spin_lock(&taps_lock);
	rcu_read_lock();
	device = net_device_find((u32)name->index);
	if (name->index && !device)
		err = -ENODEV;
	else if (device)
		down = !(READ_ONCE(device->flags) & IFF_UP);
	if (!err)
		WRITE_ONCE(tap->interface, (u32)name->index);
	rcu_read_unlock();
	spin_unlock(&taps_lock);
	if (err)
		return err;
	if (ethertype)
		WRITE_ONCE(tap->ethertype, ethertype);
	if (down && tap->ethertype)
		tap_tell_down(tap);
	return 0;
}

static int packet_socket_name(struct socket *socket, bool peer, struct socket_address *address)
{
	struct user_sockaddr_ll *name = (void *)address;
	struct packet_socket *tap = packet_socket_of(socket);
	const struct net_device *device;

	if (peer)
		return -EOPNOTSUPP;
	*name = (struct user_sockaddr_ll){
		.family = AF_PACKET,
		.protocol = { tap->ethertype >> 8, (u8)tap->ethertype },
		.index = (s32)tap->interface,
	};
	rcu_read_lock();
	device = net_device_find(tap->interface);
	if (device) {
		name->type = device->type;
		name->address_bytes = BANOS_NET_ADDRESS;
		memcpy(name->address, device->address, BANOS_NET_ADDRESS);
	}
	rcu_read_unlock();
	return sizeof(*name);
}

/* ---- receiving ---- */

static bool tap_has_frames(const struct packet_socket *tap)
{
	return READ_ONCE(tap->frames.first) || atomic_read(&tap->socket.error);
}

/* The oldest frame, taken out unless @peek: then a copy. @return NULL: none; ERR_PTR */
static struct packet *tap_next(struct packet_socket *tap, bool peek)
{
	struct packet *frame;

	spin_lock(&tap->lock);
	frame = tap->frames.first;
	if (frame && peek) {
		frame = packet_copy(frame, 0) ?: ERR_PTR(-ENOMEM);
	} else if (frame) {
		(void)packet_list_take(&tap->frames);
		tap->used -= frame->cell_bytes;
	}
	spin_unlock(&tap->lock);
	return frame;
}

static int tap_wait(struct packet_socket *tap, u32 flags, u64 deadline)
{
	int err = -EAGAIN;

	if (!(flags & MSG_DONTWAIT))
		err = wait_event_interruptible_until(&tap->socket.read_wait, tap_has_frames(tap),
						     deadline);
	return socket_wait_result(err, deadline);
}

static void packet_tell_auxdata(struct socket_message *message, const struct packet *frame)
{
	struct user_tpacket_auxdata aux = {
		.status = TP_STATUS_USER,
		.length = frame->hash,
		.captured = frame->length,
		.network = ETHERNET_BYTES,
	};

	if (frame->flags & BANOS_PACKET_PARTIAL)
		aux.status |= TP_STATUS_CSUMNOTREADY;
	socket_message_add_control(message, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof(aux));
}

void packet_name_fill(const struct packet *frame, struct user_sockaddr_ll *name)
{
	u32 ethertype = packet_ethertype(frame);
	const struct net_device *device;

	*name = (struct user_sockaddr_ll){
		.family = AF_PACKET,
		.protocol = { ethertype >> 8, (u8)ethertype },
		.index = (s32)frame->interface,
		.type = ARPHRD_ETHER,
		.kind = packet_kind(frame),
		.address_bytes = BANOS_NET_ADDRESS,
	};
	rcu_read_lock();
	device = net_device_find(frame->interface);
	if (device)
		name->type = device->type;
	rcu_read_unlock();
	memcpy(name->address, packet_bytes(frame) + BANOS_NET_ADDRESS, BANOS_NET_ADDRESS);
}

static int packet_tell_name(const struct socket_message *message, const struct packet *frame)
{
	struct user_sockaddr_ll name;

	packet_name_fill(frame, &name);
	return socket_message_set_name(message, &name, sizeof(name));
}

static s64 packet_deliver(struct packet_socket *tap, struct socket_message *message,
			  struct packet *frame)
{
	u32 skipped = tap->socket.type == SOCK_DGRAM ? ETHERNET_BYTES : 0, length;
	s64 err = 0;

	frame->length = MAX(frame->length, skipped);
	length = frame->length - skipped;
	if (message->uio->count < length)
		message->out_flags |= MSG_TRUNC;
	if (message->flags & MSG_TRUNC)
		err = frame->hash - skipped;
	length = MIN(length, message->uio->count);
	if (uio_copy_out(message->uio, packet_bytes(frame) + skipped, length) != length)
		return -EFAULT;
	if (!err)
		err = length;
	if (tap->auxdata)
		packet_tell_auxdata(message, frame);
	return packet_tell_name(message, frame) ?: err;
}

static s64 packet_socket_receive(struct socket *socket, struct socket_message *message)
{
	struct packet_socket *tap = packet_socket_of(socket);
	u64 deadline = socket_deadline(socket->rcvtimeo_ns);
	struct packet *frame = NULL;
	s64 result;

	do {
		result = socket_take_error(socket);
		if (!result)
			frame = tap_next(tap, message->flags & MSG_PEEK);
		if (!result && !frame)
			result = tap_wait(tap, message->flags, deadline);
		if (result)
			return result;
	} while (!frame);
	if (IS_ERR(frame))
		return PTR_ERR(frame);
	result = packet_deliver(tap, message, frame);
	packet_free(frame);
	return result;
}

static u32 packet_socket_poll(struct socket *socket, struct poll_table *table)
{
	struct packet_socket *tap = packet_socket_of(socket);
	u32 events = POLLOUT | POLLWRNORM;

	poll_wait(table, &socket->read_wait);
	spin_lock(&tap->lock);
	if (tap->frames.first || (tap->ring && packet_ring_ready(tap)))
		events |= POLLIN | POLLRDNORM;
	spin_unlock(&tap->lock);
	if (atomic_read(&socket->error))
		events |= POLLERR;
	return events;
}

/* ---- sending ---- */

/* Whom to, and by what. */
struct packet_target {
	u32 interface;
	u16 ethertype;
	u8 to[BANOS_NET_ADDRESS], from[BANOS_NET_ADDRESS];
	u32 mtu;
};

static s64 packet_choose_target(struct packet_socket *tap, const struct socket_message *message,
				struct packet_target *target)
{
	struct socket_address address;
	const struct user_sockaddr_ll *name = (const void *)&address;
	const struct net_device *device;
	s64 err = 0;

	*target = (struct packet_target){ tap->interface, tap->ethertype, { 0 }, { 0 }, 0 };
	if (message->name_size) {
		err = socket_address_from_user(&address, message->name, message->name_size);
		if (err)
			return err;
		if (message->name_size < (s32)offsetof(struct user_sockaddr_ll, address) ||
		    name->family != AF_PACKET)
			return -EINVAL;
		target->interface = (u32)name->index;
		target->ethertype = name->protocol[0] << 8 | name->protocol[1];
		memcpy(target->to, name->address, sizeof(target->to));
	} else if (tap->socket.type == SOCK_DGRAM) {
		return -EDESTADDRREQ;
	}
	rcu_read_lock();
	device = net_device_find(target->interface);
	if (!device)
		err = -ENXIO;
	else if (!(device->flags & IFF_UP))
		err = -ENETDOWN;
	if (!err) {
		memcpy(target->from, device->address, sizeof(target->from));
		target->mtu = device->mtu;
	}
	rcu_read_unlock();
	return err;
}

static s64 packet_socket_send(struct socket *socket, struct socket_message *message)
{
	struct packet_socket *tap = packet_socket_of(socket);
	u64 header = socket->type == SOCK_DGRAM ? ETHERNET_BYTES : 0;
	u64 length = message->uio->count;
	struct packet_list frames = { 0 };
	struct packet_target target;
	struct packet *frame;
	s64 err = packet_choose_target(tap, message, &target);
	u8 *bytes;

	if (err)
		return err;
	if (length + header > target.mtu + ETHERNET_BYTES + 4)
		return -EMSGSIZE;
	if (length + header < ETHERNET_BYTES)
		return -EINVAL;
	frame = packet_alloc(length + header, PACKET_HEADROOM);
	if (!frame)
		return -ENOBUFS;
	bytes = packet_bytes(frame);
	if (uio_copy_in(message->uio, bytes + header, length) != length) {
		packet_free(frame);
		return -EFAULT;
	}
	if (header) {
		memcpy(bytes, target.to, BANOS_NET_ADDRESS);
		memcpy(bytes + BANOS_NET_ADDRESS, target.from, BANOS_NET_ADDRESS);
		bytes[12] = target.ethertype >> 8;
		bytes[13] = (u8)target.ethertype;
	}
	frame->length = length + header;
	frame->outgoing = true;
	packet_list_add(&frames, frame);
	err = net_transmit(target.interface, &frames);
	if (err)
		return err;
	return (s64)length;
}

static const struct file_ops packet_socket_fops = {
	SOCKET_FILE_OPS,
	.read = socket_file_read,
	.write = socket_file_write,
	.map_begin = packet_ring_map_begin,
	.map_end = packet_ring_map_end,
	.mmap = packet_ring_map,
};

static const struct socket_ops packet_socket_ops = {
	.file = &packet_socket_fops,
	.release = packet_socket_release,
	.bind = packet_socket_bind,
	.get_name = packet_socket_name,
	.send = packet_socket_send,
	.receive = packet_socket_receive,
	.poll = packet_socket_poll,
	.get_option = packet_socket_get_option,
	.set_option = packet_socket_set_option,
};

static struct socket *packet_socket_create(struct socket_family *family, u32 type, u32 protocol)
{
	struct packet_socket *tap;
	int err;

	if (!current_capable(CAP_NET_RAW))
		return ERR_PTR(-EPERM);
	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return ERR_PTR(-ESOCKTNOSUPPORT);
	err = net_receive_start();
	if (err)
		return ERR_PTR(err);
	tap = kzalloc(sizeof(*tap));
	if (!tap)
		return ERR_PTR(-ENOMEM);
	socket_init(&tap->socket, &packet_socket_ops, AF_PACKET, type);
	tap->socket.protocol = protocol;
	tap->ethertype = __builtin_bswap16((u16)protocol);
	spin_init(&tap->lock);
	spin_lock(&taps_lock);
	tap->next = taps;
	rcu_assign_pointer(taps, tap);
	spin_unlock(&taps_lock);
	socket_list_add(&packet_sockets, &tap->socket);
	return &tap->socket;
}

/* ---- /proc/net/packet ---- */

static void packet_sockets_each(struct socket_family *family, struct socket_walk *walk)
{
	socket_list_each(&packet_sockets, walk);
}

struct packet_walk {
	struct socket_walk walk; /* first */
	struct seq_file *seq;
};

static bool packet_socket_show(struct socket_walk *base, const struct socket *socket,
			       const struct banos_socket_description *none)
{
	struct seq_file *seq = container_of(base, struct packet_walk, walk)->seq;
	const struct packet_socket *tap = packet_socket_of((struct socket *)socket);

	seq->more = seq_enough(seq);
	if (!seq->more)
		seq_printf(seq, "0000000000000000 %-6d %-4d %04x   %-5d %1d %-6u %-6u %-6lu\n", 1,
			   socket->type, tap->ethertype, (s32)tap->interface, tap->ethertype != 0,
			   tap->used, socket->uid, socket->inode);
	return !seq->more;
}

static int proc_show_packet(struct seq_file *seq, void *arg)
{
	struct packet_walk walk = { { .after = seq->next, .show = packet_socket_show }, seq };

	if (!seq->next)
		seq_puts(seq, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
	packet_sockets_each(NULL, &walk.walk);
	seq->next = walk.walk.after;
	return 0;
}

void net_packet_socket_init(void)
{
	static struct socket_family family = {
		.family = AF_PACKET,
		.create = packet_socket_create,
		.each = packet_sockets_each,
	};

	if (!proc_create("net/packet", 0444, proc_show_packet, NULL))
		panic("no memory for /proc/net");

	if (socket_family_register(&family))
		panic("the family AF_PACKET is taken");
}
