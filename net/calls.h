/* SPDX-License-Identifier: MIT */
/** @file calls.h  Between the files of net/ that system calls on sockets lead to. */
#pragma once
#include <kernel/fs/fd_table.h>
#include <kernel/socket.h>

/** A descriptor that is a socket. */
struct socket_ref {
	struct fd_ref fd;
	struct socket *socket;
};
/** @brief @return 0, -EBADF, -ENOTSOCK; pair with socket_put() */
int __must_check socket_get(u32 fd, struct socket_ref *ref);
static inline void socket_put(struct socket_ref *ref)
{
	fd_put(ref->fd);
}

/* ---- options.c ---- */

/** @brief getsockopt() of SOL_SOCKET. @return 0 or -errno */
s64 __must_check socket_get_option(struct socket *socket, u32 option, uaddr_t value,
				   uaddr_t user_len);
/** @brief setsockopt() of SOL_SOCKET. @return 0 or -errno */
s64 __must_check socket_set_option(struct socket *socket, u32 option, uaddr_t value, s32 len);

extern struct socket_family unix_family;
