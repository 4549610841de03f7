// SPDX-License-Identifier: MIT
/*
 * Netlink sockets (AF_NETLINK, NETLINK_ROUTE): ip and others send requests, and read the answers that are queued.
 *
 * All messages of a send are handled at once, changes with net_lock. A list is made in pieces, the next one when the program has
 * read all; a socket has one at a time. What a queue has no room for (SO_RCVBUF) is dropped, and the program
 * is told ENOBUFS. Members of a group get the messages that tell a change.
 * netlink(7), rtnetlink(7), RFC 3549. Left out: protocols other than ROUTE and SOCK_DIAG (diag.c).
 *
 * A socket's lock (spin) guards its queue and the memory for it; its dump_lock (mutex) the list. The list of all sockets has
 * the outer lock.
 */
#include "netlink.h"
#include "internal.h"
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/proc.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/socket.h>
#include <kernel/string.h>
#include <uapi/poll.h>

#define REQUEST_MAX 32768u
#define REPLY_MAX   (1u << 16)
#define OVERHEAD    64u /* that a datagram counts besides its bytes */

struct netlink_datagram {
	struct list link;
	u32 length;
	u32 group;
	u8 bytes[];
};

struct netlink_socket {
	struct socket socket; /* first */
	u32 port;
	u64 groups;	     /* bit of a group: its number - 1 */
	bool loses_silently; /* NETLINK_NO_ENOBUFS */
	spinlock_t lock;
	struct list queue; /* struct netlink_datagram */
	u32 used;
	u32 dropped;
	struct mutex dump_lock;
	struct netlink_dump dump;
};

static struct atomic last_port = { 0x70000000 };
static struct atomic listeners; /* sockets that are in a group */
static struct socket_list netlink_sockets = SOCKET_LIST_INIT(netlink_sockets);

static struct netlink_socket *netlink_of(struct socket *socket)
{
	return container_of(socket, struct netlink_socket, socket);
}

/* ---- making messages ---- */

/* @return room for @length bytes, zeroed; NULL: no memory */
static u8 *reply_extend(struct netlink_reply *reply, u32 length)
{
	u32 needed = reply->used + ALIGN4(length);
	u8 *at;

	if (reply->failed || needed > REPLY_MAX) {
		reply->failed = true;
		return NULL;
	}
	if (needed > reply->size) {
		u32 size = MAX(needed, reply->size * 2);
		u8 *bytes = krealloc(reply->bytes, size);

		if (!bytes) {
			reply->failed = true;
			return NULL;
		}
		reply->bytes = bytes;
		reply->size = size;
	}
	at = reply->bytes + reply->used;
	memset(at, 0, ALIGN4(length));
	reply->used = needed;
	return at;
}

void *netlink_begin(struct netlink_reply *reply, u32 type, u32 flags, u32 length, u32 *start)
{
	const struct user_nlmsghdr header = { 0, type, flags, reply->sequence, reply->port };
	u8 *at;

	*start = reply->used;
	at = reply_extend(reply, sizeof(header) + length);
	if (!at)
		return NULL;
	memcpy(at, &header, sizeof(header));
	return at + sizeof(header);
}

void netlink_put(struct netlink_reply *reply, u32 type, const void *bytes, u32 length)
{
	const struct user_nlattr attribute = { sizeof(attribute) + length, type };
	u8 *at = reply_extend(reply, sizeof(attribute) + length);

	if (!at)
		return;
	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + sizeof(attribute), bytes, length);
}

void netlink_end(struct netlink_reply *reply, u32 start)
{
	u32 length = reply->used - start;

	if (!reply->failed)
		memcpy(reply->bytes + start, &length, sizeof(length));
}

static void reply_answer(struct netlink_reply *reply, const struct user_nlmsghdr *header, bool list,
			 int err)
{
	u32 start, body = list ? sizeof(s32) : sizeof(s32) + sizeof(*header);
	u8 *at = netlink_begin(reply, list ? NLMSG_DONE : NLMSG_ERROR, list ? NLM_F_MULTI : 0, body,
			       &start);

	if (!at)
		return;
	memcpy(at, &err, sizeof(err));
	if (!list)
		memcpy(at + sizeof(err), header, sizeof(*header));
	netlink_end(reply, start);
}

/* ---- the queue ---- */

static void netlink_fail(struct netlink_socket *netlink)
{
	atomic_set(&netlink->socket.error, ENOBUFS);
	wake_up_poll(&netlink->socket.read_wait, POLLIN | POLLRDNORM);
	async_notify(&netlink->socket.async, POLL_IN);
}

/* Without room for it, it is lost, and the program is told. @return false: so it is */
static bool netlink_queue(struct netlink_socket *netlink, const u8 *bytes, u32 length, u32 group)
{
	struct netlink_datagram *datagram = kmalloc(sizeof(*datagram) + length);
	bool fits = false;

	if (datagram) {
		datagram->length = length;
		datagram->group = group;
		memcpy(datagram->bytes, bytes, length);
	}
	spin_lock(&netlink->lock);
	fits = datagram && (!netlink->used ||
			    netlink->used + length + OVERHEAD <= READ_ONCE(netlink->socket.rcvbuf));
	if (fits) {
		list_add_tail(&datagram->link, &netlink->queue);
		netlink->used += length + OVERHEAD;
	} else {
		netlink->dropped++;
	}
	spin_unlock(&netlink->lock);
	if (!fits) {
		kfree(datagram);
		if (!READ_ONCE(netlink->loses_silently))
			netlink_fail(netlink);
		return false;
	}
	wake_up_poll(&netlink->socket.read_wait, POLLIN | POLLRDNORM);
	async_notify(&netlink->socket.async, POLL_IN);
	return true;
}

/* An answer that is lost is always told, or the program would wait for it. @return false: so it is */
static bool netlink_queue_reply(struct netlink_socket *netlink, const struct netlink_reply *reply)
{
	bool lost = reply->failed;

	if (!lost && reply->used)
		lost = !netlink_queue(netlink, reply->bytes, reply->used, 0);
	if (lost)
		netlink_fail(netlink);
	return !lost;
}

/* The oldest, taken out unless @peek. @return ERR_PTR(-ENOMEM); NULL: none */
static struct netlink_datagram *netlink_next(struct netlink_socket *netlink, bool peek)
{
	struct netlink_datagram *datagram = NULL, *copy = NULL;

	spin_lock(&netlink->lock);
	if (!list_empty(&netlink->queue)) {
		datagram = list_first(&netlink->queue, struct netlink_datagram, link);
		if (peek) {
			copy = kmalloc(sizeof(*copy) + datagram->length);
			if (copy)
				memcpy(copy, datagram, sizeof(*copy) + datagram->length);
			datagram = copy ?: ERR_PTR(-ENOMEM);
		} else {
			list_del(&datagram->link);
			netlink->used -= datagram->length + OVERHEAD;
		}
	}
	spin_unlock(&netlink->lock);
	return datagram;
}

/* ---- groups ---- */

struct publishing {
	struct socket_walk walk; /* first */
	u32 group;
	const struct netlink_reply *reply;
};

static bool netlink_publish_to(struct socket_walk *walk, const struct socket *socket,
			       const struct banos_socket_description *none)
{
	const struct publishing *publishing = container_of(walk, struct publishing, walk);
	struct netlink_socket *netlink = netlink_of((struct socket *)socket);

	if (READ_ONCE(netlink->groups) >> (publishing->group - 1) & 1)
		(void)netlink_queue(netlink, publishing->reply->bytes, publishing->reply->used,
				    publishing->group);
	return true;
}

bool netlink_has_listeners(void)
{
	return atomic_read(&listeners);
}

void netlink_publish(u32 group, struct netlink_reply *reply)
{
	struct publishing publishing = { { .show = netlink_publish_to }, group, reply };

	if (!reply->failed)
		socket_list_each(&netlink_sockets, &publishing.walk);
	kfree(reply->bytes);
}

static void netlink_set_groups(struct netlink_socket *netlink, u64 groups)
{
	u64 before = __atomic_exchange_n(&netlink->groups, groups, __ATOMIC_SEQ_CST);

	if (!before && groups)
		atomic_inc(&listeners);
	if (before && !groups)
		atomic_dec(&listeners);
}

/* ---- sending: requests ---- */

static bool netlink_make_piece(struct netlink_socket *netlink, struct netlink_reply *reply)
{
	bool ends;

	if (netlink->socket.protocol == NETLINK_SOCK_DIAG)
		return diag_list(&netlink->dump, reply);
	mutex_lock(&net_list_lock);
	ends = route_link_list(&netlink->dump, reply);
	mutex_unlock(&net_list_lock);
	return ends;
}

/* The next piece of the list that was asked for, if everything before was read. Sleeps. */
static void netlink_continue_list(struct netlink_socket *netlink)
{
	struct netlink_reply reply = { .port = netlink->port };
	bool ends;

	mutex_lock(&netlink->dump_lock);
	if (netlink->dump.type && !READ_ONCE(netlink->used)) {
		reply.sequence = netlink->dump.sequence;
		ends = netlink_make_piece(netlink, &reply);
		if (reply.failed)
			ends = true;
		if (ends) {
			int err = 0;

			WRITE_ONCE(netlink->dump.type, 0);
			if (reply.failed) {
				reply.used = 0;
				err = -ENOBUFS;
			}
			reply.failed = false;
			reply_answer(&reply, NULL, true, err);
		}
		if (!netlink_queue_reply(netlink, &reply))
			WRITE_ONCE(netlink->dump.type, 0); /* it ends so */
		kfree(reply.bytes);
	}
	mutex_unlock(&netlink->dump_lock);
}

/* @return 0; -EBUSY: another list is being read */
static int netlink_begin_list(struct netlink_socket *netlink, const struct user_nlmsghdr *header,
			      const u8 *body)
{
	int err = 0;

	mutex_lock(&netlink->dump_lock);
	if (netlink->dump.type)
		err = -EBUSY;
	else
		netlink->dump =
			(struct netlink_dump){ .sequence = header->sequence, .type = header->type };
	if (!err && header->length > sizeof(*header))
		netlink->dump.family = *body;
	if (!err && netlink->socket.protocol == NETLINK_SOCK_DIAG)
		err = diag_check(&netlink->dump, body, header->length - sizeof(*header));
	if (err && err != -EBUSY)
		netlink->dump.type = 0;
	mutex_unlock(&netlink->dump_lock);
	if (!err)
		netlink_continue_list(netlink);
	return err;
}

static void netlink_handle(struct netlink_socket *netlink, const struct user_nlmsghdr *header,
			   const u8 *body)
{
	struct netlink_reply reply = { .sequence = header->sequence, .port = netlink->port };
	bool lists = false;
	int err = -EPERM;

	if (netlink->socket.protocol == NETLINK_SOCK_DIAG) {
		err = -EINVAL;
		lists = (header->flags & NLM_F_DUMP) == NLM_F_DUMP;
		if (header->type == SOCK_DIAG_BY_FAMILY && lists)
			err = netlink_begin_list(netlink, header, body);
		else if (header->type == SOCK_DIAG_BY_FAMILY)
			err = diag_one(body, header->length - sizeof(*header), &reply);
		lists = lists && !err;
	} else if (route_link_lists(header->type) && (header->flags & NLM_F_DUMP) == NLM_F_DUMP) {
		err = netlink_begin_list(netlink, header, body);
		lists = !err;
	} else if (route_link_only_reads(header->type) || current_capable(CAP_NET_ADMIN)) {
		struct mutex *lock = &net_lock;

		if (route_link_only_reads(header->type))
			lock = &net_list_lock;
		mutex_lock(lock);
		err = route_link_handle(header, body, header->length - sizeof(*header), &reply);
		mutex_unlock(lock);
	}
	if (reply.failed && !err)
		err = -ENOBUFS;
	if (err) {
		reply.used = 0;
		reply.failed = false;
	}
	if (!lists && (err || header->flags & NLM_F_ACK))
		reply_answer(&reply, header, false, err);
	(void)netlink_queue_reply(netlink, &reply);
	kfree(reply.bytes);
}

static void netlink_handle_all(struct netlink_socket *netlink, const u8 *bytes, u32 length)
{
	struct netlink_messages walk = { bytes, length };
	struct user_nlmsghdr header;
	const u8 *body;

	while ((body = netlink_message_next(&walk, &header)))
		if (header.flags & NLM_F_REQUEST && header.type >= RTM_NEWLINK)
			netlink_handle(netlink, &header, body);
}

static s64 netlink_send(struct socket *socket, struct socket_message *message)
{
	struct netlink_socket *netlink = netlink_of(socket);
	u64 length = message->uio->count;
	struct socket_address address;
	const struct user_sockaddr_nl *name = (const void *)&address;
	s64 err = 0;
	u8 *bytes;

	if (message->name_size) {
		err = socket_address_from_user(&address, message->name, message->name_size);
		if (!err && (message->name_size < (s32)sizeof(*name) || name->family != AF_NETLINK))
			err = -EINVAL;
		else if (!err && (name->port || name->groups))
			err = -ECONNREFUSED; /* only the kernel listens */
	}
	if (err)
		return err;
	if (length > REQUEST_MAX)
		return -EMSGSIZE;
	bytes = kmalloc(length + 1);
	if (!bytes)
		return -ENOBUFS;
	if (uio_copy_in(message->uio, bytes, length) != length)
		err = -EFAULT;
	if (!err)
		netlink_handle_all(netlink, bytes, (u32)length);
	kfree(bytes);
	if (err)
		return err;
	return (s64)length;
}

/* ---- receiving ---- */

static bool netlink_has_datagram(const struct netlink_socket *netlink)
{
	return READ_ONCE(netlink->used) || atomic_read(&netlink->socket.error);
}

static s64 netlink_deliver(struct socket_message *message, const struct netlink_datagram *datagram)
{
	struct user_sockaddr_nl name = { .family = AF_NETLINK };
	u32 length = MIN(datagram->length, message->uio->count);
	s64 err;

	if (length < datagram->length)
		message->out_flags |= MSG_TRUNC;
	if (uio_copy_out(message->uio, datagram->bytes, length) != length)
		return -EFAULT;
	if (datagram->group && datagram->group <= 32)
		name.groups = 1u << (datagram->group - 1);
	err = socket_message_set_name(message, &name, sizeof(name));
	if (err)
		return err;
	if (message->flags & MSG_TRUNC)
		return datagram->length;
	return length;
}

static s64 netlink_receive(struct socket *socket, struct socket_message *message)
{
	struct netlink_socket *netlink = netlink_of(socket);
	u64 deadline = socket_deadline(socket->rcvtimeo_ns);
	struct netlink_datagram *datagram = NULL;
	s64 result;

	do {
		result = socket_take_error(socket);
		if (!result)
			datagram = netlink_next(netlink, message->flags & MSG_PEEK);
		if (!result && !datagram && (message->flags & MSG_DONTWAIT))
			result = -EAGAIN;
		if (!result && !datagram)
			result = socket_wait_result(
				wait_event_interruptible_until(&socket->read_wait,
							       netlink_has_datagram(netlink),
							       deadline),
				deadline);
		if (result)
			return result;
	} while (!datagram);
	if (IS_ERR(datagram))
		return PTR_ERR(datagram);
	result = netlink_deliver(message, datagram);
	kfree(datagram);
	if (READ_ONCE(netlink->dump.type) && !READ_ONCE(netlink->used))
		netlink_continue_list(netlink);
	return result;
}

static u32 netlink_poll(struct socket *socket, struct poll_table *table)
{
	u32 events = POLLOUT | POLLWRNORM;

	poll_wait(table, &socket->read_wait);
	if (netlink_has_datagram(netlink_of(socket)))
		events |= POLLIN | POLLRDNORM;
	if (atomic_read(&socket->error))
		events |= POLLERR;
	return events;
}

/* ---- the rest ---- */

static int netlink_bind(struct socket *socket, const struct socket_address *address, u32 len)
{
	const struct user_sockaddr_nl *name = (const void *)address;
	struct netlink_socket *netlink = netlink_of(socket);

	if (len < sizeof(*name) || name->family != AF_NETLINK)
		return -EINVAL;
	if (name->port)
		netlink->port = name->port;
	netlink_set_groups(netlink, (netlink->groups & ~(u64)~0u) | name->groups);
	return 0;
}

static int netlink_connect(struct socket *socket, const struct socket_address *address, u32 len,
			   bool wait)
{
	const struct user_sockaddr_nl *name = (const void *)address;

	if (len < sizeof(*name) || name->family != AF_NETLINK)
		return -EINVAL;
	if (name->port || name->groups)
		return -ECONNREFUSED;
	return 0;
}

static int netlink_name(struct socket *socket, bool peer, struct socket_address *address)
{
	const struct netlink_socket *netlink = netlink_of(socket);
	struct user_sockaddr_nl *name = (void *)address;

	*name = (struct user_sockaddr_nl){ .family = AF_NETLINK };
	if (!peer) {
		name->port = netlink->port;
		name->groups = (u32)netlink->groups;
	}
	return sizeof(*name);
}

static s64 netlink_set_option(struct socket *socket, u32 level, u32 option, uaddr_t value, s32 len)
{
	struct netlink_socket *netlink = netlink_of(socket);
	u32 number;

	if (level != SOL_NETLINK || option > NETLINK_OPTION_LAST)
		return -ENOPROTOOPT;
	if (len < (s32)sizeof(number))
		return -EINVAL;
	if (get_user_u32(&number, value))
		return -EFAULT;
	switch (option) {
	case NETLINK_ADD_MEMBERSHIP:
	case NETLINK_DROP_MEMBERSHIP:
		if (!number || number > RTNLGRP_MAX)
			return -EINVAL;
		if (option == NETLINK_ADD_MEMBERSHIP)
			netlink_set_groups(netlink, netlink->groups | 1ull << (number - 1));
		else
			netlink_set_groups(netlink, netlink->groups & ~(1ull << (number - 1)));
		return 0;
	case NETLINK_NO_ENOBUFS: WRITE_ONCE(netlink->loses_silently, number); return 0;
	}
	return 0; /* how answers may look */
}

static s64 netlink_get_option(struct socket *socket, u32 level, u32 option, uaddr_t value,
			      uaddr_t user_len)
{
	const struct netlink_socket *netlink = netlink_of(socket);
	u32 len;

	if (level != SOL_NETLINK || option != NETLINK_LIST_MEMBERSHIPS)
		return -ENOPROTOOPT;
	if (get_user_u32(&len, user_len))
		return -EFAULT;
	if ((s32)len < 0)
		return -EINVAL;
	len = MIN(len, (u32)sizeof(netlink->groups));
	if (len && copy_to_user(value, &netlink->groups, len))
		return -EFAULT;
	return put_user_u32(user_len, sizeof(netlink->groups));
}

static void netlink_release(struct socket *socket)
{
	struct netlink_socket *netlink = netlink_of(socket);

	socket_list_remove(&netlink_sockets, socket);
	netlink_set_groups(netlink, 0);
	while (!list_empty(&netlink->queue)) {
		struct netlink_datagram *datagram =
			list_first(&netlink->queue, struct netlink_datagram, link);

		list_del(&datagram->link);
		kfree(datagram);
	}
	kfree(netlink);
}

static const struct socket_ops netlink_ops = {
	.release = netlink_release,
	.bind = netlink_bind,
	.connect = netlink_connect,
	.get_name = netlink_name,
	.send = netlink_send,
	.receive = netlink_receive,
	.poll = netlink_poll,
	.get_option = netlink_get_option,
	.set_option = netlink_set_option,
};

static struct socket *netlink_create(struct socket_family *family, u32 type, u32 protocol)
{
	struct netlink_socket *netlink;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return ERR_PTR(-ESOCKTNOSUPPORT);
	if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG)
		return ERR_PTR(-EPROTONOSUPPORT);
	netlink = kzalloc(sizeof(*netlink));
	if (!netlink)
		return ERR_PTR(-ENOMEM);
	socket_init(&netlink->socket, &netlink_ops, AF_NETLINK, type);
	netlink->socket.protocol = protocol;
	mutex_init(&netlink->dump_lock);
	netlink->port = (u32)atomic_add_return(&last_port, 1);
	spin_init(&netlink->lock);
	list_init(&netlink->queue);
	socket_list_add(&netlink_sockets, &netlink->socket);
	return &netlink->socket;
}

/* ---- /proc/net/netlink ---- */

static void netlink_each(struct socket_family *family, struct socket_walk *walk)
{
	socket_list_each(&netlink_sockets, walk);
}

struct netlink_walk {
	struct socket_walk walk; /* first */
	struct seq_file *seq;
};

static bool netlink_show(struct socket_walk *base, const struct socket *socket,
			 const struct banos_socket_description *none)
{
	struct seq_file *seq = container_of(base, struct netlink_walk, walk)->seq;
	const struct netlink_socket *netlink = netlink_of((struct socket *)socket);

	seq->more = seq_enough(seq);
	if (!seq->more)
		seq_printf(seq, "0000000000000000 %-3d %-10u %08x %-8d %-8d %-5d %-8d %-8u %-8lu\n",
			   socket->protocol, netlink->port, (u32)netlink->groups, netlink->used, 0,
			   netlink->dump.type != 0, 2, netlink->dropped, socket->inode);
	return !seq->more;
}

static int proc_show_netlink(struct seq_file *seq, void *arg)
{
	struct netlink_walk walk = { { .after = seq->next, .show = netlink_show }, seq };

	if (!seq->next)
		seq_puts(
			seq,
			"sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n");
	netlink_each(NULL, &walk.walk);
	seq->next = walk.walk.after;
	return 0;
}

void net_netlink_init(void)
{
	static struct socket_family family = {
		.family = AF_NETLINK,
		.create = netlink_create,
		.each = netlink_each,
	};

	if (!proc_create("net/netlink", 0444, proc_show_netlink, NULL))
		panic("no memory for /proc/net");

	if (socket_family_register(&family))
		panic("the family AF_NETLINK is taken");
}
