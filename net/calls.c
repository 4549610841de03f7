// SPDX-License-Identifier: MIT
/*
 * The system calls on sockets, but for those that move messages (message_calls.c); and the families that socket()
 * knows.
 *
 * Lock: families_lock (mutex) guards the writers of families; socket() reads under RCU and holds the family
 * while it creates. requests_lock (mutex): one program at a time asks for the driver of a family.
 */
#include "calls.h"
#include <kernel/bus.h>
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/lock.h>
#include <kernel/rcu.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>

#define REQUEST_PAUSE_NS NSEC_PER_SEC /* between two requests for one family that nobody has */

static DEFINE_MUTEX(families_lock);
static DEFINE_MUTEX(requests_lock);
static u64 requested_ns[AF_MAX]; /* when a request failed; requests_lock */
static struct socket_family *families[AF_MAX] = {
#ifdef CONFIG_NET_UNIX
	[AF_UNIX] = &unix_family,
#endif
};

/* ---- families ---- */

int socket_family_register(struct socket_family *family)
{
	int err = 0;

	if (family->family == AF_UNSPEC || family->family >= AF_MAX)
		return -EINVAL;
	mutex_lock(&families_lock);
	if (families[family->family])
		err = -EEXIST;
	else
		rcu_assign_pointer(families[family->family], family);
	mutex_unlock(&families_lock);
	hotplug_answer();
	return err;
}

void socket_family_unregister(struct socket_family *family)
{
	mutex_lock(&families_lock);
	if (families[family->family] == family)
		rcu_assign_pointer(families[family->family], NULL);
	mutex_unlock(&families_lock);
	synchronize_rcu();
}

static struct socket_family *family_find(u32 number)
{
	struct socket_family *family;

	rcu_read_lock();
	family = rcu_dereference(families[number]);
	if (family && family->hold && !family->hold(family))
		family = NULL;
	rcu_read_unlock();
	return family;
}

static void family_put(struct socket_family *family)
{
	if (family->drop)
		family->drop(family);
}

void socket_family_each(u32 number, struct socket_walk *walk)
{
	struct socket_family *family = family_find(number);

	if (!family)
		return;
	if (family->each)
		family->each(family, walk);
	family_put(family);
}

static bool family_exists(const void *number)
{
	struct socket_family *family = family_find(*(const u32 *)number);

	if (family)
		family_put(family);
	return family;
}

/*
 * Have the driver of a family installed, if there is one: anybody may ask, as on Linux, so only for one family at a
 * time, by its number, and not again and again for one that nobody has.
 */
static void family_request(u32 number)
{
	u64 now_ns = time_monotonic_ns();
	char text[12];

	if (mutex_lock_interruptible(&requests_lock))
		return;
	if (!requested_ns[number] || now_ns >= requested_ns[number] + REQUEST_PAUSE_NS) {
		scnprintf(text, sizeof(text), "%u", number);
		hotplug_request("socket", text, "family:", family_exists, &number);
		requested_ns[number] = family_exists(&number) ? 0 : time_monotonic_ns();
	}
	mutex_unlock(&requests_lock);
}

/* ---- making them ---- */

int socket_get(u32 fd, struct socket_ref *ref)
{
	ref->fd = fd_get(fd);
	if (!ref->fd.file)
		return -EBADF;
	ref->socket = socket_of(ref->fd.file);
	if (ref->socket)
		return 0;
	fd_put(ref->fd);
	return -ENOTSOCK;
}

/* @return the family, held, or ERR_PTR */
static struct socket_family *family_for(s32 number, u32 type)
{
	struct socket_family *family;

	if (type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return ERR_PTR(-EINVAL);
	if (number < 0 || number >= AF_MAX)
		return ERR_PTR(-EAFNOSUPPORT);
	if ((type & SOCK_TYPE_MASK) >= SOCK_TYPE_MAX)
		return ERR_PTR(-EINVAL);
	family = family_find((u32)number);
	if (!family) {
		family_request((u32)number);
		family = family_find((u32)number);
	}
	if (!family)
		return ERR_PTR(-EAFNOSUPPORT);
	return family;
}

/* The open file of a socket, which is released when there is none. @return descriptor or -errno */
static s64 socket_install(struct socket *socket, u32 type)
{
	const struct file_ops *ops = socket->ops->file ?: &socket_fops;
	struct file *f = file_create_anon("socket", ops, socket, O_RDWR | (type & SOCK_NONBLOCK));
	s32 fd;

	if (IS_ERR(f)) {
		socket->ops->release(socket);
		return PTR_ERR(f);
	}
	socket->uid = current_cred()->fsuid;
	WRITE_ONCE(socket->inode, f->inode->ino);
	socket_file_set(socket, f);
	fd = fd_install(f, 0, type & SOCK_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL3(socket, family, type, protocol)
{
	struct socket_family *held = family_for((s32)family, (u32)type);
	struct socket *socket;

	if (IS_ERR(held))
		return PTR_ERR(held);
	socket = held->create(held, (u32)type & SOCK_TYPE_MASK, (u32)protocol);
	family_put(held);
	if (IS_ERR(socket))
		return PTR_ERR(socket);
	return socket_install(socket, (u32)type);
}

/* @return 0 and two sockets that are joined, or -errno */
static s64 pair_create(struct socket_family *family, u32 type, u32 protocol, struct socket *pair[2])
{
	int err;

	if (!family->pair)
		return -EOPNOTSUPP;
	pair[0] = family->create(family, type, protocol);
	if (IS_ERR(pair[0]))
		return PTR_ERR(pair[0]);
	pair[1] = family->create(family, type, protocol);
	if (IS_ERR(pair[1])) {
		pair[0]->ops->release(pair[0]);
		return PTR_ERR(pair[1]);
	}
	err = family->pair(pair[0], pair[1]);
	if (err) {
		pair[0]->ops->release(pair[0]);
		pair[1]->ops->release(pair[1]);
	}
	return err;
}

SYSCALL4(socketpair, family, type, protocol, fds)
{
	struct socket_family *held = family_for((s32)family, (u32)type);
	struct socket *pair[2];
	s32 fd[2];
	s64 ret;

	if (IS_ERR(held))
		return PTR_ERR(held);
	ret = pair_create(held, (u32)type & SOCK_TYPE_MASK, (u32)protocol, pair);
	family_put(held);
	if (ret)
		return ret;
	fd[0] = (s32)(ret = socket_install(pair[0], (u32)type));
	if (ret < 0) {
		pair[1]->ops->release(pair[1]);
		return ret;
	}
	fd[1] = (s32)(ret = socket_install(pair[1], (u32)type));
	if (ret >= 0)
		ret = copy_to_user(uaddr(fds), fd, sizeof(fd));
	if (ret < 0) {
		fd_close((u32)fd[0]);
		if (fd[1] >= 0)
			fd_close((u32)fd[1]);
	}
	return ret;
}

/* ---- names ---- */

static bool may_wait(const struct socket_ref *ref)
{
	return !(ref->fd.file->flags & O_NONBLOCK);
}

SYSCALL3(bind, fd, user, len)
{
	struct socket_address address;
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = socket_address_from_user(&address, uaddr(user), (s32)len);
	if (!ret && !ref.socket->ops->bind)
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = ref.socket->ops->bind(ref.socket, &address, (u32)len);
	socket_put(&ref);
	return ret;
}

SYSCALL3(connect, fd, user, len)
{
	struct socket_address address;
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = socket_address_from_user(&address, uaddr(user), (s32)len);
	if (!ret && !ref.socket->ops->connect)
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = ref.socket->ops->connect(ref.socket, &address, (u32)len, may_wait(&ref));
	socket_put(&ref);
	return ret;
}

SYSCALL2(listen, fd, backlog)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = -EOPNOTSUPP;
	if (ref.socket->ops->listen)
		ret = ref.socket->ops->listen(ref.socket, (s32)MIN((u32)backlog,
								   READ_ONCE(socket_backlog_max)));
	socket_put(&ref);
	return ret;
}

static s64 name_to_user(struct socket *socket, bool peer, u64 user, u64 user_len)
{
	struct socket_address address = { 0 };
	s64 ret = -EOPNOTSUPP;

	if (socket->ops->get_name)
		ret = socket->ops->get_name(socket, peer, &address);
	if (ret < 0)
		return ret;
	return socket_address_to_user(uaddr(user), uaddr(user_len), &address, (u32)ret);
}

/* @return the descriptor of a connection, which is closed on failure, or -errno */
static s64 accept_one(struct socket_ref *ref, u64 user, u64 user_len, u32 flags)
{
	struct socket *socket;
	s64 ret = 0;

	if (!ref->socket->ops->accept)
		return -EOPNOTSUPP;
	socket = ref->socket->ops->accept(ref->socket, may_wait(ref));
	if (IS_ERR(socket))
		return PTR_ERR(socket);
	if (user)
		ret = name_to_user(socket, true, user, user_len);
	if (ret) {
		socket->ops->release(socket);
		return ret;
	}
	return socket_install(socket, flags);
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

static s64 do_get_name(u64 fd, bool peer, u64 user, u64 user_len)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = name_to_user(ref.socket, peer, user, user_len);
	socket_put(&ref);
	return ret;
}

SYSCALL3(getsockname, fd, user, len)
{
	return do_get_name(fd, false, user, len);
}
SYSCALL3(getpeername, fd, user, len)
{
	return do_get_name(fd, true, user, len);
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
	else if (!ref.socket->ops->shutdown)
		ret = -EOPNOTSUPP;
	else
		ret = ref.socket->ops->shutdown(ref.socket, (u32)how);
	socket_put(&ref);
	return ret;
}

SYSCALL5(getsockopt, fd, level, option, value, len)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	if ((s32)level == SOL_SOCKET)
		ret = socket_get_option(ref.socket, (u32)option, uaddr(value), uaddr(len));
	else if (ref.socket->ops->get_option)
		ret = ref.socket->ops->get_option(ref.socket, (u32)level, (u32)option, uaddr(value),
						  uaddr(len));
	else
		ret = -EOPNOTSUPP;
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
	if ((s32)level == SOL_SOCKET)
		ret = socket_set_option(ref.socket, (u32)option, uaddr(value), (s32)len);
	else if (ref.socket->ops->set_option)
		ret = ref.socket->ops->set_option(ref.socket, (u32)level, (u32)option, uaddr(value),
						  (s32)len);
	else
		ret = -EOPNOTSUPP;
	socket_put(&ref);
	return ret;
}
