// SPDX-License-Identifier: MIT
/*
 * The system calls on sockets, but for those that move messages
 * (message_calls.c).
 *
 * Sockets have no names yet: bind() fails with EOPNOTSUPP, and the other calls
 * behave as on a Linux where no socket is bound. connect() resolves its path and
 * fails with ENOENT, EACCES or ECONNREFUSED; listen() and accept() fail with
 * EINVAL. A library that looks for a service (nscd, syslogd, a display) then
 * continues without it.
 */
#include "socket.h"
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/path.h>
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

int address_look_up(const struct user_sockaddr_un *un, s32 len)
{
	char path[sizeof(un->path) + 1];
	struct path found;
	int err;

	if (len <= (s32)PATH_OFFSET || len > (s32)sizeof(*un) || un->family != AF_UNIX)
		return -EINVAL;
	if (!un->path[0]) /* a name that is in no directory */
		return -ECONNREFUSED;
	memcpy(path, un->path, sizeof(un->path));
	path[len - PATH_OFFSET] = 0;
	err = path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &found);
	if (err)
		return err;
	err = inode_permission(found.dentry->inode, MAY_WRITE);
	path_put(&found);
	return err ?: -ECONNREFUSED;
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
	socket_put(&ref);
	return ret ?: -EOPNOTSUPP;
}

SYSCALL3(connect, fd, user, len)
{
	struct user_sockaddr_un address;
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = address_from_user(&address, uaddr(user), (s32)len);
	if (!ret && ref.socket->type == SOCK_DGRAM && (s32)len >= (s32)PATH_OFFSET &&
	    address.family == AF_UNSPEC)
		unix_disconnect(ref.socket);
	else if (!ret)
		ret = address_look_up(&address, (s32)len);
	socket_put(&ref);
	return ret;
}

SYSCALL2(listen, fd, backlog)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	if (ref.socket->type == SOCK_DGRAM) /* has no name */
		ret = -EOPNOTSUPP;
	else
		ret = -EINVAL;
	socket_put(&ref);
	return ret;
}

static s64 do_accept(u32 fd, u32 flags)
{
	struct socket_ref ref;
	s64 ret;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	ret = socket_get(fd, &ref);
	if (ret)
		return ret;
	if (ref.socket->type == SOCK_DGRAM) /* does not listen */
		ret = -EOPNOTSUPP;
	else
		ret = -EINVAL;
	socket_put(&ref);
	return ret;
}

SYSCALL3(accept, fd, user, len)
{
	return do_accept((u32)fd, 0);
}
SYSCALL4(accept4, fd, user, len, flags)
{
	return do_accept((u32)fd, (u32)flags);
}

static s64 get_name(u32 fd, u64 user, u64 user_len, bool peers)
{
	static const u16 unnamed = AF_UNIX;
	struct socket_ref ref;
	s64 ret = socket_get(fd, &ref);

	if (ret)
		return ret;
	if (peers && (!ref.socket->peer || ref.socket->disconnected))
		ret = -ENOTCONN;
	else
		ret = address_to_user(uaddr(user), uaddr(user_len), &unnamed, sizeof(unnamed));
	socket_put(&ref);
	return ret;
}

SYSCALL3(getsockname, fd, user, len)
{
	return get_name((u32)fd, user, len, false);
}
SYSCALL3(getpeername, fd, user, len)
{
	return get_name((u32)fd, user, len, true);
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
