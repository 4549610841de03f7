/* SPDX-License-Identifier: MIT */
/** @file names.h  Names of local sockets (net/names.c): files, and abstract ones. */
#pragma once
#include <kernel/atomic.h>
#include <kernel/fs/path.h>
#include <kernel/list.h>
#include <uapi/socket.h>

struct unix_socket;

/** A name that a socket was bound to. It does not change. */
struct unix_name {
	struct atomic refs; /* of its socket, of those accepted by it, of messages from it */
	u32 len;	    /* of the address, its family included */
	struct path path;   /* of the file, counted; {NULL, NULL}: an abstract name */
	struct unix_socket
		*owner;	  /* whom to connect to; NULL: it was closed. Under the bucket's lock */
	struct list link; /* of the bucket */
	struct user_sockaddr_un address;
};

/** Any context. */
static inline void unix_name_get(struct unix_name *name)
{
	atomic_inc(&name->refs);
}
/** @brief Drop one; NULL is fine. Sleeps. */
void unix_name_put(struct unix_name *name);
/**
 * @brief Bind a socket that has no name to an address of the user: makes the file, or takes the abstract name; the family alone asks for any free one.
 * @param len  of the address, its family included; checked
 * @return 0, -EINVAL: it has a name, -EADDRINUSE, -ENOMEM, or an error of the path
 */
int __must_check unix_name_bind(struct unix_socket *socket, const struct user_sockaddr_un *address,
				u32 len);
/** @brief Nobody finds it any more. Sleeps. */
void unix_name_retire(struct unix_name *name);
/**
 * @brief The socket that is bound to an address.
 * @return counted: unix_socket_put(); ERR_PTR(-ECONNREFUSED): none, -EINVAL, -EACCES..., or another error of the path
 */
struct unix_socket *__must_check unix_name_find(const struct user_sockaddr_un *address, u32 len);
