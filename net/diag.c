// SPDX-License-Identifier: MIT
/*
 * sock_diag: the sockets of AF_INET, AF_INET6 and AF_UNIX by netlink, as ss asks for them; sock_diag(7).
 *
 * What a program's filter (INET_DIAG_REQ_BYTECODE) would leave out is sent, too: ss looks itself. Left out: closing
 * a socket, asking for one of AF_UNIX or a raw one alone, and what describe() does not tell (INET_DIAG_INFO and others).
 */
#include "internal.h"
#include "netlink.h"
#include "unix.h"
#include <kernel/heap.h>
#include <kernel/rcu.h>
#include <kernel/socket.h>
#include <kernel/string.h>

#define FAMILY_IPV4  2u
#define FAMILY_IPV6  10u
#define PROTOCOL_RAW 255u
#define PIECE_BYTES  8192u /* that are made at once */
#define ENTRY_BYTES \
	320u /* more than any socket needs: its message, and the attributes of unix_show() */
#define PORT_AT	      2u
#define ADDRESS4_AT   4u
#define ADDRESS6_AT   8u
#define STATE_UNKNOWN 31u /* larger ones have no bit */

int diag_check(struct netlink_dump *dump, const u8 *body, u32 length)
{
	struct user_diag_request *request = &dump->request;
	u32 least = INET_DIAG_REQUEST_BYTES;

	if (length < 2)
		return -EINVAL;
	if (body[0] == AF_UNIX && IS_ENABLED(CONFIG_NET_UNIX))
		least = UNIX_DIAG_REQUEST_BYTES;
	else if (body[0] != FAMILY_IPV4 && body[0] != FAMILY_IPV6)
		return -ENOENT;
	if (length < least)
		return -EINVAL;
	memcpy(request, body, sizeof(*request));
	return 0;
}

struct diag_walk {
	struct socket_walk walk; /* first */
	struct netlink_reply *reply;
	const struct netlink_dump *dump;
	bool more;
};

/* The reply's memory is there already: what is walked over may be locked. */
static bool diag_has_room(struct diag_walk *walk)
{
	walk->more = walk->reply->size - walk->reply->used < ENTRY_BYTES;
	return !walk->more;
}

static bool diag_wants_state(const struct diag_walk *walk, u32 state)
{
	return state <= STATE_UNKNOWN && walk->dump->request.states >> state & 1;
}

static void diag_cookie(const struct socket *socket, u32 cookie[2])
{
	u64 number = socket_cookie((struct socket *)socket);

	cookie[0] = (u32)number;
	cookie[1] = (u32)(number >> 32);
}

/* ---- AF_INET, AF_INET6 ---- */

static bool diag_is_of(u32 protocol, const struct socket *socket,
		       const struct banos_socket_description *about)
{
	if (socket->type == SOCK_RAW)
		return protocol == PROTOCOL_RAW;
	if (about->protocol != protocol)
		return false;
	if (socket->type == SOCK_STREAM)
		return about->state != BANOS_SOCKET_CLOSED;
	return about->local[PORT_AT] || about->local[PORT_AT + 1];
}

static void diag_name(const struct socket *socket, const u8 *name, u8 *port, u8 *address)
{
	memcpy(port, name + PORT_AT, 2);
	if (socket->family == FAMILY_IPV4)
		memcpy(address, name + ADDRESS4_AT, 4);
	else
		memcpy(address, name + ADDRESS6_AT, 16);
}

static void inet_fill(struct user_inet_diag *message, const struct socket *socket,
		      const struct banos_socket_description *about)
{
	message->family = (u8)socket->family;
	message->state = (u8)about->state;
	message->timer = (u8)about->timer;
	message->retransmits = (u8)MIN(about->retransmits, 255u);
	message->expires_ms = about->timer_ms;
	message->receive_bytes = about->receive_bytes;
	message->send_bytes = about->send_bytes;
	message->uid = socket->uid;
	message->inode = (u32)socket->inode;
	message->interface = READ_ONCE(socket->bound_interface);
	diag_cookie(socket, message->cookie);
	diag_name(socket, about->local, message->local_port, message->local);
	diag_name(socket, about->peer, message->peer_port, message->peer);
	if (socket->type == SOCK_RAW)
		message->local_port[1] = (u8)about->protocol;
}

static bool inet_show(struct socket_walk *base, const struct socket *socket,
		      const struct banos_socket_description *about)
{
	struct diag_walk *walk = container_of(base, struct diag_walk, walk);
	struct user_inet_diag *message;
	u32 start;

	if (!about || !diag_wants_state(walk, about->state) ||
	    !diag_is_of(walk->dump->request.protocol, socket, about))
		return true;
	if (!diag_has_room(walk))
		return false;
	message = netlink_begin(walk->reply, SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, sizeof(*message),
				&start);
	if (!message)
		return false;
	inet_fill(message, socket, about);
	netlink_end(walk->reply, start);
	return true;
}

/* ---- AF_UNIX ---- */

static u32 unix_diag_state(const struct unix_socket *socket)
{
	if (READ_ONCE(socket->listening))
		return BANOS_SOCKET_LISTENING;
	if (READ_ONCE(socket->peer))
		return BANOS_SOCKET_CONNECTED;
	return BANOS_SOCKET_CLOSED;
}

static void unix_diag_put(struct netlink_reply *reply, const struct unix_socket *socket, u32 show)
{
	const struct unix_name *name = __atomic_load_n(&socket->name, __ATOMIC_ACQUIRE);
	const struct unix_socket *peer = rcu_dereference(socket->peer);
	u8 closed = (u8)READ_ONCE(socket->shutdown);
	u32 queued[2] = { (u32)READ_ONCE(socket->queue.used), 0 }, inode, path;

	if (show & UDIAG_SHOW_NAME && name) {
		path = name->len - (u32)offsetof(struct user_sockaddr_un, path);
		if (name->path.dentry)
			path--; /* its end */
		netlink_put(reply, UNIX_DIAG_NAME, name->address.path, path);
	}
	if (show & UDIAG_SHOW_PEER && peer) {
		inode = (u32)READ_ONCE(peer->base.inode);
		netlink_put(reply, UNIX_DIAG_PEER, &inode, sizeof(inode));
	}
	if (READ_ONCE(socket->listening)) {
		queued[0] = READ_ONCE(socket->nr_backlog);
		queued[1] = READ_ONCE(socket->backlog_max);
	} else if (peer) {
		queued[1] = (u32)READ_ONCE(peer->queue.used);
	}
	if (show & UDIAG_SHOW_RQLEN)
		netlink_put(reply, UNIX_DIAG_RQLEN, queued, sizeof(queued));
	netlink_put(reply, UNIX_DIAG_SHUTDOWN, &closed, sizeof(closed));
}

/* In an RCU section: the peer of a socket that was not closed when it began stays so long. */
static bool unix_diag_show(struct socket_walk *base, const struct socket *about,
			   const struct banos_socket_description *none)
{
	struct diag_walk *walk = container_of(base, struct diag_walk, walk);
	const struct unix_socket *socket = unix_socket_from(about);
	u32 state = unix_diag_state(socket), start;
	struct user_unix_diag *message;

	if (READ_ONCE(socket->dead) || !diag_wants_state(walk, state))
		return true;
	if (!diag_has_room(walk))
		return false;
	message = netlink_begin(walk->reply, SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, sizeof(*message),
				&start);
	if (!message)
		return false;
	message->family = AF_UNIX;
	message->type = (u8)about->type;
	message->state = (u8)state;
	message->inode = (u32)about->inode;
	diag_cookie(about, message->cookie);
	unix_diag_put(walk->reply, socket, walk->dump->request.show);
	netlink_end(walk->reply, start);
	return true;
}

bool diag_list(struct netlink_dump *dump, struct netlink_reply *reply)
{
	struct diag_walk walk = {
		.walk = { .after = dump->after, .show = inet_show },
		.reply = reply,
		.dump = dump,
	};

	reply->bytes = kmalloc(PIECE_BYTES);
	reply->failed = !reply->bytes;
	if (reply->failed)
		return true;
	reply->size = PIECE_BYTES;
	if (IS_ENABLED(CONFIG_NET_UNIX) && dump->request.family == AF_UNIX) {
		walk.walk.show = unix_diag_show;
		rcu_read_lock();
		unix_list_each(NULL, &walk.walk);
		rcu_read_unlock();
	} else {
		socket_family_each(dump->request.family, &walk.walk);
	}
	dump->after = walk.walk.after;
	return !walk.more;
}

/* ---- one socket ---- */

/* How well a socket fits what was asked for, as a segment would find it. */
enum diag_rank { RANK_NONE, RANK_ANY_ADDRESS, RANK_ADDRESS, RANK_ENDS };

struct diag_find {
	struct socket_walk walk; /* first */
	const struct user_inet_diag_request *request;
	enum diag_rank rank;
	struct user_inet_diag found;
};

static bool diag_cookie_fits(const u32 wanted[2], const u32 cookie[2])
{
	static const u32 none[2] = { ~0u, ~0u };

	return !memcmp(wanted, none, sizeof(none)) || !memcmp(wanted, cookie, sizeof(none));
}

static enum diag_rank diag_rank(const struct user_inet_diag_request *request,
				const struct user_inet_diag *entry)
{
	static const u8 any[16];
	u32 bytes = request->family == FAMILY_IPV4 ? 4 : 16;
	bool is_local = !memcmp(entry->local, request->local, bytes);

	if (memcmp(entry->local_port, request->local_port, 2) ||
	    (entry->interface && entry->interface != request->interface))
		return RANK_NONE;
	if (entry->peer_port[0] || entry->peer_port[1]) {
		if (is_local && !memcmp(entry->peer_port, request->peer_port, 2) &&
		    !memcmp(entry->peer, request->peer, bytes))
			return RANK_ENDS;
		return RANK_NONE;
	}
	if (is_local)
		return RANK_ADDRESS;
	return memcmp(entry->local, any, bytes) ? RANK_NONE : RANK_ANY_ADDRESS;
}

static bool inet_find(struct socket_walk *base, const struct socket *socket,
		      const struct banos_socket_description *about)
{
	struct diag_find *find = container_of(base, struct diag_find, walk);
	struct user_inet_diag entry = { 0 };
	enum diag_rank rank;

	if (!about || !diag_is_of(find->request->protocol, socket, about))
		return true;
	inet_fill(&entry, socket, about);
	rank = diag_rank(find->request, &entry);
	if (rank > find->rank) {
		find->rank = rank;
		find->found = entry;
	}
	return rank != RANK_ENDS;
}

int diag_one(const u8 *body, u32 length, struct netlink_reply *reply)
{
	struct user_inet_diag_request request;
	struct diag_find find = { .walk.show = inet_find, .request = &request };
	struct user_inet_diag *message;
	u32 start;

	if (length < 2)
		return -EINVAL;
	if (body[0] == AF_UNIX)
		return -EOPNOTSUPP;
	if (body[0] != FAMILY_IPV4 && body[0] != FAMILY_IPV6)
		return -ENOENT;
	if (length < sizeof(request))
		return -EINVAL;
	memcpy(&request, body, sizeof(request));
	if (request.protocol == PROTOCOL_RAW)
		return -EOPNOTSUPP;
	socket_family_each(request.family, &find.walk);
	if (find.rank == RANK_NONE)
		return -ENOENT;
	if (!diag_cookie_fits(request.cookie, find.found.cookie))
		return -ENOENT; /* as on Linux */
	message = netlink_begin(reply, SOCK_DIAG_BY_FAMILY, 0, sizeof(*message), &start);
	if (!message)
		return -ENOMEM;
	*message = find.found;
	netlink_end(reply, start);
	return 0;
}
