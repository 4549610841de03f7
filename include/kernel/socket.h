/* SPDX-License-Identifier: MIT */
/**
 * @file socket.h  Sockets: what those of all families have in common, and what a family adds.
 *
 * A family embeds a struct socket in its own and has a table of methods. What the kernel's own part (net/calls.c,
 * net/message_calls.c, net/options.c, net/socket.c) does for all: descriptors, files, addresses and messages of
 * the calls, the options of SOL_SOCKET, time limits, signals by O_ASYNC. A socket's file is open as long as a
 * method runs.
 */
#pragma once
#include <kernel/atomic.h>
#include <kernel/fs/async.h>
#include <kernel/fs/file.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/socket.h>

struct banos_socket_description;
struct poll_table;
struct socket;

/** Sizes of buffers (SO_SNDBUF, SO_RCVBUF), as in Linux. */
#define SOCKET_BUFFER_BYTES 212992u
#define SOCKET_SNDBUF_MIN   4608u
#define SOCKET_RCVBUF_MIN   2304u
/** /proc/sys/net/core: what fresh sockets have, and what programs may set; connections that wait to be accepted. */
extern u32 socket_sndbuf_default, socket_sndbuf_max, socket_rcvbuf_default, socket_rcvbuf_max,
	socket_backlog_max;
#define TIMEOUT_NONE (~0ull)

/** An address of any family; zeroes behind its length. */
struct socket_address {
	u16 family;
	u8 data[SOCKADDR_MAX - sizeof(u16)];
} __aligned(8);
_Static_assert(sizeof(struct socket_address) == SOCKADDR_MAX, "struct sockaddr_storage");

/** One call that sends or receives. Addresses of the user: the family copies from and to them by the functions below. */
struct socket_message {
	struct uio *uio;
	u32 flags;     /* MSG_* of the call; MSG_DONTWAIT if the file has O_NONBLOCK */
	u32 out_flags; /* receiving: MSG_TRUNC, MSG_CTRUNC... */
	uaddr_t name;  /* 0: none */
	uaddr_t name_len; /* receiving: where the size of the buffer is, and the length of the address goes */
	s32 name_size; /* sending: length of the address, 0: none */
	uaddr_t control;
	u64 control_len; /* sending: bytes; receiving: room, what is left of it when the method returns */
};

/** What a family does. NULL: the call has the error in brackets. */
struct socket_ops {
	/** With SOCKET_FILE_OPS and its own read() and write(); NULL: socket_fops */
	const struct file_ops *file;
	/** @brief The file was closed: drops the socket. Sleeps. */
	void (*release)(struct socket *socket);
	/** @param address  zeroed behind @p len; @p len is 0 to SOCKADDR_MAX (EOPNOTSUPP) */
	int (*bind)(struct socket *socket, const struct socket_address *address, u32 len);
	/** @param wait  false: the file has O_NONBLOCK (EOPNOTSUPP) */
	int (*connect)(struct socket *socket, const struct socket_address *address, u32 len,
		       bool wait);
	/** (EOPNOTSUPP) */
	int (*listen)(struct socket *socket, s32 backlog);
	/** @return a socket without a file, the caller's, which release() ends; or ERR_PTR (EOPNOTSUPP) */
	struct socket *(*accept)(struct socket *socket, bool wait);
	/** @brief The own name, or the other end's. @return its length, or -errno (EOPNOTSUPP) */
	int (*get_name)(struct socket *socket, bool peer, struct socket_address *address);
	/** @return bytes or -errno; sleeps. Mandatory, both. */
	s64 (*send)(struct socket *socket, struct socket_message *message);
	s64 (*receive)(struct socket *socket, struct socket_message *message);
	/** @brief Look, after poll_wait() for what wakes it. @return POLL*. Mandatory. */
	u32 (*poll)(struct socket *socket, struct poll_table *table);
	/** @param how  SHUT_*; checked (EOPNOTSUPP) */
	int (*shutdown)(struct socket *socket, u32 how);
	/** Options of other levels than SOL_SOCKET, and of that one the ones that the kernel does not know (EOPNOTSUPP, ENOPROTOOPT). */
	s64 (*get_option)(struct socket *socket, u32 level, u32 option, uaddr_t value,
			  uaddr_t user_len);
	s64 (*set_option)(struct socket *socket, u32 level, u32 option, uaddr_t value, s32 len);
	/** @brief One of SOL_SOCKET has changed; NULL: nothing to do. */
	void (*option_changed)(struct socket *socket, u32 option);
	/** @brief Take the pending error. @return -errno or 0; NULL: socket->error is all. */
	int (*take_error)(struct socket *socket);
	/** (ENOTTY) */
	s64 (*ioctl)(struct socket *socket, u32 command, u64 argument);
	/** SO_ACCEPTCONN; NULL: never */
	bool (*is_listening)(const struct socket *socket);
	/** SO_PEERCRED; NULL: that of nobody */
	struct user_ucred (*peer_cred)(const struct socket *socket);
};

/** Options are written without a lock, each at once. */
struct socket {
	const struct socket_ops *ops;
	u16 family;
	u16 type; /* SOCK_* */
	u32 protocol;
	uid_t uid; /* of whoever made it */
	u32 flags; /* bit of a switch, 1 << SO_* */
	u64 inode; /* of its file; 0: it has none yet */
	struct file
		*file; /* where SIGURG leads; under async.lock; NULL: it has none, or that ends */
	struct list link;	      /* of the list of its family */
	u64 number;		      /* rising in that list */
	struct atomic error;	      /* errno that the next call reports, once (SO_ERROR) */
	u32 bound_interface;	      /* SO_BINDTODEVICE: its index, 0: none */
	struct wait_queue read_wait;  /* for something to read, or to accept */
	struct wait_queue write_wait; /* for space to write into */
	struct async_list async;      /* files with O_ASYNC: this one's, or none */
	u32 sndbuf, rcvbuf, rcvlowat, priority, mark;
	s32 incoming_cpu;	      /* that received for it last; -1: none yet */
	u64 cookie;		      /* SO_COOKIE; 0: nobody has asked */
	u64 rcvtimeo_ns, sndtimeo_ns; /* TIMEOUT_NONE: for ever */
	struct {
		s32 on, sec;
	} linger;
};

/** The cookie of what is shown as a socket, and is a connection that no program has; sock_diag's INET_DIAG_NOCOOKIE. */
#define SOCKET_COOKIE_NONE (~0ull)
static inline bool socket_is_connection(const struct socket *socket)
{
	return READ_ONCE(socket->cookie) == SOCKET_COOKIE_NONE;
}

static inline bool socket_switch(const struct socket *socket, u32 option)
{
	return READ_ONCE(socket->flags) >> option & 1;
}

struct socket_walk;

/** A family that socket() can make sockets of. */
struct socket_family {
	u16 family; /* AF_* */
	void *private;
	/**
	 * @param type  SOCK_*, without flags; below SOCK_TYPE_MAX
	 * @return a socket without a file, or ERR_PTR: -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EPERM, -ENOMEM...
	 */
	struct socket *(*create)(struct socket_family *family, u32 type, u32 protocol);
	/** @brief Join two fresh sockets (socketpair()). NULL: EOPNOTSUPP @return 0 or -errno */
	int (*pair)(struct socket *one, struct socket *other);
	/** @brief Keep the family while create() runs. NULL: it is never unregistered. @return false: it is going */
	bool (*hold)(struct socket_family *family);
	void (*drop)(struct socket_family *family);
	/** @brief Call @p walk for its sockets. Sleeps. NULL: there is no list of them */
	void (*each)(struct socket_family *family, struct socket_walk *walk);
};

/** A walk over the sockets of a family, oldest first. */
struct socket_walk {
	u64 after; /* begin behind this one; the number of the last one that was shown */
	/** @param about  NULL: the kernel knows the socket @return false: the walk ends, before this one */
	bool (*show)(struct socket_walk *walk, const struct socket *socket,
		     const struct banos_socket_description *about);
};
/** The sockets of a family of the kernel's. */
struct socket_list {
	spinlock_t lock;
	struct list sockets; /* socket->link, oldest first */
	u64 last;
};
#define SOCKET_LIST_INIT(name)                                              \
	{                                                                   \
		.lock = SPINLOCK_INIT, .sockets = LIST_INIT((name).sockets) \
	}
/** Any context but interrupts, both. */
void socket_list_add(struct socket_list *list, struct socket *socket);
void socket_list_remove(struct socket_list *list, struct socket *socket);
/** @brief Walk with its lock: walk->show() does not sleep, and about is NULL. */
void socket_list_each(struct socket_list *list, struct socket_walk *walk);

/** @brief Walk over the sockets of a family, which may be unknown. Sleeps. */
void socket_family_each(u32 number, struct socket_walk *walk);

/** @brief socket() of that family leads there from now on. @return 0, -EEXIST, -EINVAL: no number of a family */
int __must_check socket_family_register(struct socket_family *family);
/** @brief No longer. A create() that was begun may still run: see hold(). Sleeps. */
void socket_family_unregister(struct socket_family *family);

/** @brief Begin a socket of @p family in zeroed storage. */
void socket_init(struct socket *socket, const struct socket_ops *ops, u16 family, u32 type);
/** @brief The files that sockets are; a family that has its own read() and write() begins with SOCKET_FILE_OPS. */
extern const struct file_ops socket_fops;
/** @brief Set socket->file. @param f  NULL: its file ends */
void socket_file_set(struct socket *socket, struct file *f);
void socket_file_release(struct file *f);
s64 socket_file_read(struct file *f, struct uio *uio, u64 *pos);
s64 socket_file_write(struct file *f, struct uio *uio, u64 *pos);
u32 socket_file_poll(struct file *f, struct poll_table *table);
s64 socket_file_ioctl(struct file *f, u32 command, u64 argument);
int socket_file_async(struct file *f, s32 fd, bool enabled);
#define SOCKET_FILE_OPS                                                                       \
	.poll = socket_file_poll, .ioctl = socket_file_ioctl, .release = socket_file_release, \
	.async = socket_file_async
/** @brief The socket that an open file is, or NULL. */
static inline struct socket *socket_of(const struct file *f)
{
	if (f->ops->release == socket_file_release)
		return f->private;
	return NULL;
}
/** @brief Take the pending error. @return -errno or 0 */
int socket_take_error(struct socket *socket);
/** @brief An urgent byte was announced: SIGURG for the owner of its file. Any context. */
void socket_notify_urgent(struct socket *socket);
/** @brief A number that no other socket ever has. */
u64 socket_cookie(struct socket *socket);

/** @return when a wait with this timeout ends, 0: never */
u64 socket_deadline(u64 timeout_ns);
/** @return what a call answers after a wait that ended with @p err */
int socket_wait_result(int err, u64 deadline);

/* ---- addresses and control messages of calls ---- */

/** @brief Copy an address from the user; the rest of @p address is zeroed. @return 0, -EINVAL, -EFAULT */
int __must_check socket_address_from_user(struct socket_address *address, uaddr_t user, s32 len);
/** @brief Write an address, or as much as fits, and its true length. @p user_len: address of the buffer's size. @return 0, -EFAULT, -EINVAL */
int __must_check socket_address_to_user(uaddr_t user, uaddr_t user_len, const void *address,
					u32 len);
/** @brief Receiving: who sent it; nothing where the call does not ask. @return 0, -EFAULT, -EINVAL */
static inline int __must_check socket_message_set_name(const struct socket_message *message,
						       const void *address, u32 len)
{
	if (!message->name)
		return 0;
	return socket_address_to_user(message->name, message->name_len, address, len);
}
/**
 * @brief Receiving: append a control message, or set MSG_CTRUNC.
 * @param content  @p length bytes, cut where they do not fit
 */
void socket_message_add_control(struct socket_message *message, s32 level, s32 type,
				const void *content, u64 length);
