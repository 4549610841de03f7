/* SPDX-License-Identifier: MIT */
/** @file unix.h  Between the files of net/ that are local sockets (AF_UNIX). */
#pragma once
#include "names.h"
#include "record_queue.h"
#include "rights.h"
#include <kernel/fs/poll.h>
#include <kernel/rcu.h>
#include <kernel/socket.h>

/**
 * A local socket. Lock: ->lock (mutex; user memory is accessed under it) guards the
 * queue, shutdown, dead, listening, the backlog, senders, and the peer of a datagram socket; a thread holds the
 * lock of one socket at a time. The counts of the queue, shutdown and error are also read without it, to decide
 * whether to wait.
 */
struct unix_socket {
	struct socket
		base; /* its read_wait: for something to read, or to accept; write_wait: for space in the peer's queue */
	struct atomic refs; /* of its file, its peer, messages' names, and threads that use it */
	u16 shutdown;	    /* CLOSED_* */
	bool dead;	    /* its file was closed */
	bool listening;
	bool connecting; /* a thread is in connect() */
	bool urgent;	 /* a record of the queue is marked as urgent; also read without the lock */
	/* Counted. Of a connection: set once. SOCK_DGRAM: whom it sends to; may change, so use unix_peer_get(). */
	struct unix_socket *peer;
	struct unix_name *name; /* set once; NULL: none */
	struct mutex lock;
	struct record_queue queue;   /* what was sent to it, not read yet */
	struct wait_queue room_wait; /* for space in this queue, or in the backlog */

	/* SOCK_DGRAM: those that poll for space in this queue, and, of one of those, where it does (both counted) */
	struct list senders, senders_link;
	struct unix_socket *sends_to;

	/* listening: connections that were not accepted yet, without files */
	struct list backlog, backlog_link;
	u32 nr_backlog,
		backlog_max; /* SOCK_DGRAM: datagrams that may wait, but those of its peer */
	u32 nr_accepted;     /* counts, and may wrap */
	struct cred *cred;   /* counted: whoever made it, pays for the queue */
	struct rcu_head rcu;

	struct user_ucred peer_cred;

	struct unix_flight flight;
};
#define CLOSED_READ  1u
#define CLOSED_WRITE 2u
#define CLOSED_BOTH  3u

/** The parameters of one send or receive call, as queues need them. */
struct message {
	struct uio *uio;
	u32 flags;	 /* MSG_* of the call; MSG_DONTWAIT if the file has O_NONBLOCK */
	bool has_record; /* sending: record has the sender; receiving: record is set */
	struct record
		record; /* with rights and name: taken over when sent, the caller's when received */
	struct unix_socket *to; /* sending: where to, counted by the caller; NULL: to the peer */
	u32 out_flags;		/* MSG_TRUNC, MSG_CTRUNC... */
	u32 kept_back;		/* sending: bytes at the end that are for the next call */
	struct unix_rights *dropped; /* receiving: of bytes that were passed over */
};

/* ---- unix.c ---- */

extern const struct file_ops unix_fops;
/** @brief The local socket that an open file is, or NULL. */
static inline struct unix_socket *unix_socket_of(const struct file *f)
{
	return f->ops == &unix_fops ? f->private : NULL;
}
static inline struct unix_socket *unix_socket_from(const struct socket *socket)
{
	return container_of(socket, struct unix_socket, base);
}
/** @brief A socket without a file. @return with one reference, or NULL: no memory */
struct unix_socket *__must_check unix_socket_create(u32 type);
/** net.unix.max_dgram_qlen, which new sockets get. */
extern u32 unix_max_datagrams;
/** @brief Drop a reference; NULL is fine. Sleeps. */
void unix_socket_put(struct unix_socket *socket);
/** @brief Reset the connections that nobody has accepted. Sleeps. */
void unix_close_backlog(struct unix_socket *socket);
/** @brief What closing its file does to a socket; the caller's reference is dropped. Sleeps. */
void unix_socket_close(struct unix_socket *socket);
/** Is it of a type that is connected by listen(), connect() and accept()? */
static inline bool unix_is_connected_type(const struct unix_socket *socket)
{
	return socket->base.type != SOCK_DGRAM;
}
/** @brief Whom a datagram socket sends to, or the other end of a connection. @return counted, or NULL */
struct unix_socket *unix_peer_get(struct unix_socket *socket);
/** @brief Join two sockets without peers, which nobody else can join meanwhile. */
void unix_join(struct unix_socket *socket, struct unix_socket *peer);
/** @brief Close directions (CLOSED_*) of a socket, and the opposite ones of its peer. Sleeps. */
void unix_shutdown(struct unix_socket *socket, u32 which);
/** @brief SOCK_DGRAM: send to another one, or (NULL) to nobody; takes over the reference. What is queued from the last one is lost. Sleeps. */
void unix_set_peer(struct unix_socket *socket, struct unix_socket *peer);
/** @brief Take the pending error. @return -errno or 0 */
static inline int unix_take_error(struct unix_socket *socket)
{
	if (!atomic_read(&socket->base.error))
		return 0;
	return -atomic_xchg(&socket->base.error, 0);
}
/** @brief Has @p to, which is no peer of the sender's, as many datagrams as may wait there? Linux's count is one more than stated. */
static inline bool unix_is_full(const struct unix_socket *socket, const struct unix_socket *to)
{
	return to->base.type == SOCK_DGRAM && READ_ONCE(to->peer) != socket &&
	       READ_ONCE(to->queue.nr_records) > to->backlog_max;
}
/** @brief Is the queue of @p to empty enough to wake a waiting writer? */
static inline bool unix_has_room(const struct unix_socket *socket, const struct unix_socket *to)
{
	return !unix_is_full(socket, to) &&
	       READ_ONCE(to->queue.used) * 4 <= READ_ONCE(socket->base.sndbuf);
}
/** @brief Can a message be sent by default? A datagram socket is put where it is woken when it can. Sleeps. */
bool unix_is_writable(struct unix_socket *socket);
/** @brief Wake those that poll for space in its queue. Sleeps. */
void unix_wake_senders(struct unix_socket *socket);

/* ---- unix_proc.c ---- */

/** Any context but interrupts, both. */
void unix_list_add(struct unix_socket *socket);
void unix_list_remove(struct unix_socket *socket);
/** struct socket_family.each() */
void unix_list_each(struct socket_family *family, struct socket_walk *walk);

/* ---- connect.c ---- */

/** @brief Connect to what is bound to an address. Sleeps. @param wait  false: -EAGAIN instead of waiting @return 0 or -errno */
int __must_check unix_connect(struct unix_socket *socket, const struct user_sockaddr_un *address,
			      u32 len, bool wait);
/** @brief May a datagram socket send to this one? */
bool unix_may_send(const struct unix_socket *socket, const struct unix_socket *to);
/** @brief listen(). Sleeps. @return 0, -EINVAL, -EOPNOTSUPP */
int __must_check unix_listen(struct unix_socket *socket, s32 backlog);
/** @brief Remove the oldest connection from the backlog. Sleeps. @return counted, the caller's, or NULL */
struct unix_socket *unix_take_backlog(struct unix_socket *socket);
/** @brief The oldest connection that waits. Sleeps. @return counted, the caller's; ERR_PTR(-EAGAIN), -EINVAL... */
struct unix_socket *__must_check unix_accept(struct unix_socket *socket, bool wait);

/* ---- transfer.c ---- */

/** @brief Send; sleeps. @return bytes or -errno (SIGPIPE sent where due). Rights that were not sent stay in message->record. */
s64 __must_check unix_send(struct unix_socket *socket, struct message *message);
/** @brief Receive; sleeps. @return bytes or -errno; message->record.rights and message->out_flags are set. */
s64 __must_check unix_receive(struct unix_socket *socket, struct message *message);

/* ---- unix_urgent.c ---- */

/** What a reader does with a message that has a mark. */
enum mark_step { MARK_READ, MARK_PASS, MARK_STOP };
/** @brief At a message with a mark. @param some  bytes were read by this call. With the lock. */
enum mark_step unix_mark_step(struct unix_socket *socket, struct message *message,
			      struct record_cursor *cursor, bool some);
/** @brief The newest message in the queue of @p peer is urgent: no older one is any more. With the lock. */
void unix_urgent_begin(struct unix_socket *peer);
/** @brief Tell the receiver of an urgent byte. */
void unix_urgent_notify(struct unix_socket *peer);
/** @brief recv(MSG_OOB) of a stream. Sleeps. @return 1, -EINVAL: there is none, -EFAULT */
s64 __must_check unix_receive_urgent(struct unix_socket *socket, struct message *message);
/** @brief SIOCATMARK. Sleeps. */
bool unix_is_at_mark(struct unix_socket *socket);

/* ---- control.c ---- */

/**
 * @brief Control messages of a sendmsg(): files and credentials, into message->record.
 * @return 0, -EINVAL, -EFAULT, -EPERM: not his credentials, -ENOBUFS: too much, those of unix_rights_collect().
 *	   Rights in message->record are the caller's on failure, too.
 */
int __must_check control_from_user(struct message *message, uaddr_t control, u64 len);
/**
 * @brief Copy the control messages of a received message to the user; installs descriptors, frees the rights.
 * @param call  ->control and ->control_len are advanced; MSG_CTRUNC in ->out_flags when it was not enough
 */
void control_to_user(struct unix_socket *socket, struct message *message,
		     struct socket_message *call);

/* ---- unix_calls.c ---- */

extern const struct socket_ops unix_ops;
