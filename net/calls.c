// SPDX-License-Identifier: MIT
/*
 * The system calls on sockets, but for those that move messages
 * (message_calls.c).
 */
#include "socket.h"
#include <kernel/cred.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>

#define PATH_OFFSET offsetof(struct user_sockaddr_un, path)

int socket_get(u32 fd, struct socket_ref *ref)
{
	ref->fd = fd_get(fd);
	if (!ref->fd.file)
		return -EBADF;
	ref->socket = unix_socket_of(ref->fd.file);
	if (ref->socket)
		return 0;
	fd_put(ref->fd);
	return -ENOTSOCK;
}

/* ---- addresses ---- */

int address_from_user(struct user_sockaddr_un *un, uaddr_t user, s32 len)
{
	memset(un, 0, sizeof(*un));
	if (len < 0 || len > SOCKADDR_MAX)
		return -EINVAL;
	return copy_from_user(un, user, MIN((u64)len, sizeof(*un)));
}

int address_to_user(uaddr_t user, uaddr_t user_len, const void *user_addr, u32 len)
{
	u32 room, true_len = len;

	if (get_user_u32(&room, user_len))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	len = MIN(room, len);
	if (len && copy_to_user(user, user_addr, len))
		return -EFAULT;
	return put_user_u32(user_len, true_len);
}

int address_of_name(const struct unix_name *name, uaddr_t user, uaddr_t user_len)
{
	static const u16 unnamed = AF_UNIX;

	if (name)
		return address_to_user(user, user_len, &name->address, name->len);
	return address_to_user(user, user_len, &unnamed, sizeof(unnamed));
}

/* ---- making them ---- */

/* @return the kind to make, or -errno */
static s32 check_kind(s32 family, u32 type, s32 protocol)
{
	u32 kind = type & SOCK_TYPE_MASK;

	if (type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (family < 0 || family >= AF_MAX)
		return -EAFNOSUPPORT;
	if (kind >= SOCK_TYPE_MAX)
		return -EINVAL;
	if (family != AF_UNIX)
		return -EAFNOSUPPORT;
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (kind == SOCK_RAW)
		return SOCK_DGRAM;
	if (kind != SOCK_STREAM && kind != SOCK_DGRAM && kind != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	return (s32)kind;
}

/* @return descriptor or -errno; the table owns the file, or it was released. */
static s32 socket_install(struct file *f, u32 type)
{
	s32 fd = fd_install(f, 0, type & SOCK_CLOEXEC);

	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL3(socket, family, type, protocol)
{
	s32 kind = check_kind((s32)family, (u32)type, (s32)protocol);
	struct file *f;
	int err;

	if (kind < 0)
		return kind;
	err = unix_create((u32)kind, (u32)type & SOCK_NONBLOCK, &f);
	return err ?: socket_install(f, (u32)type);
}

SYSCALL4(socketpair, family, type, protocol, fds)
{
	s32 kind = check_kind((s32)family, (u32)type, (s32)protocol), fd[2];
	struct file *files[2];
	int err;

	if (kind < 0)
		return kind;
	err = unix_create((u32)kind, (u32)type & SOCK_NONBLOCK, &files[0]);
	if (err)
		return err;
	err = unix_create((u32)kind, (u32)type & SOCK_NONBLOCK, &files[1]);
	if (err) {
		file_put(files[0]);
		return err;
	}
	unix_join(files[0]->private, files[1]->private);
	fd[0] = socket_install(files[0], (u32)type);
	if (fd[0] < 0) {
		file_put(files[1]);
		return fd[0];
	}
	fd[1] = socket_install(files[1], (u32)type);
	if (fd[1] < 0) {
		fd_close((u32)fd[0]);
		return fd[1];
	}
	err = copy_to_user(uaddr(fds), fd, sizeof(fd));
	if (err) {
		fd_close((u32)fd[0]);
		fd_close((u32)fd[1]);
	}
	return err;
}

/* ---- names ---- */

SYSCALL3(bind, fd, user, len)
{
	struct user_sockaddr_un address;
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = address_from_user(&address, uaddr(user), (s32)len);
	if (!ret && ((s32)len < (s32)PATH_OFFSET || (s32)len > (s32)sizeof(address) ||
		     address.family != AF_UNIX))
		ret = -EINVAL;
	if (!ret)
		ret = unix_name_bind(ref.socket, &address, (u32)len);
	socket_put(&ref);
	return ret;
}

static bool may_wait(const struct socket_ref *ref)
{
	return !(ref->fd.file->flags & O_NONBLOCK);
}

SYSCALL3(connect, fd, user, len)
{
	struct user_sockaddr_un address;
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = address_from_user(&address, uaddr(user), (s32)len);
	if (!ret && (s32)len < (s32)PATH_OFFSET)
		ret = -EINVAL;
	if (!ret)
		ret = unix_connect(ref.socket, &address, (u32)len, may_wait(&ref));
	socket_put(&ref);
	return ret;
}

SYSCALL2(listen, fd, backlog)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = unix_listen(ref.socket, (s32)backlog);
	socket_put(&ref);
	return ret;
}

/* @return the descriptor of a connection, which is closed on failure, or -errno */
static s64 accept_one(struct socket_ref *ref, u64 user, u64 user_len, u32 flags)
{
	struct unix_socket *socket = unix_accept(ref->socket, may_wait(ref));
	struct file *f;
	s64 ret = 0;

	if (IS_ERR(socket))
		return PTR_ERR(socket);
	f = unix_socket_file(socket, flags);
	if (IS_ERR(f)) {
		unix_socket_close(socket);
		return PTR_ERR(f);
	}
	if (user)
		ret = address_of_name(socket->peer->name, uaddr(user), uaddr(user_len));
	if (ret) {
		file_put(f);
		return ret;
	}
	return socket_install(f, flags);
}

static s64 do_accept(u32 fd, u64 user, u64 user_len, u32 flags)
{
	struct socket_ref ref;
	s64 ret;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	ret = socket_get(fd, &ref);
	if (ret)
		return ret;
	ret = accept_one(&ref, user, user_len, flags);
	socket_put(&ref);
	return ret;
}

SYSCALL3(accept, fd, user, len)
{
	return do_accept((u32)fd, user, len, 0);
}
SYSCALL4(accept4, fd, user, len, flags)
{
	return do_accept((u32)fd, user, len, (u32)flags);
}

SYSCALL3(getsockname, fd, user, len)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = address_of_name(__atomic_load_n(&ref.socket->name, __ATOMIC_ACQUIRE), uaddr(user),
			      uaddr(len));
	socket_put(&ref);
	return ret;
}

SYSCALL3(getpeername, fd, user, len)
{
	struct unix_socket *peer;
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	peer = unix_peer_get(ref.socket);
	if (peer)
		ret = address_of_name(__atomic_load_n(&peer->name, __ATOMIC_ACQUIRE), uaddr(user),
				      uaddr(len));
	else
		ret = -ENOTCONN;
	unix_socket_put(peer);
	socket_put(&ref);
	return ret;
}

/* ---- the rest ---- */

SYSCALL2(shutdown, fd, how)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	if ((u32)how > SHUT_RDWR)
		ret = -EINVAL;
	else
		unix_shutdown(ref.socket,
			      (u32)how + 1); /* CLOSED_READ, CLOSED_WRITE, CLOSED_BOTH */
	socket_put(&ref);
	return ret;
}

SYSCALL5(getsockopt, fd, level, option, value, len)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = -EOPNOTSUPP;
	if ((s32)level == SOL_SOCKET)
		ret = socket_get_option(ref.socket, (u32)option, uaddr(value), uaddr(len));
	socket_put(&ref);
	return ret;
}

SYSCALL5(setsockopt, fd, level, option, value, len)
{
	struct socket_ref ref;
	s64 ret;

	if ((s32)len < 0)
		return -EINVAL;
	ret = socket_get((u32)fd, &ref);
	if (ret)
		return ret;
	ret = -EOPNOTSUPP;
	if ((s32)level == SOL_SOCKET)
		ret = socket_set_option(ref.socket, (u32)option, uaddr(value), (s32)len);
	socket_put(&ref);
	return ret;
}
