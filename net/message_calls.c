// SPDX-License-Identifier: MIT
/*
 * The system calls that send and receive: sendto, sendmsg, sendmmsg and their
 * counterparts.
 */
#include "socket.h"
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <uapi/uio.h>

#define TRANSFER_MAX UIO_MAX_BYTES

/* A file that says O_NONBLOCK is as if the call did. */
static u32 call_flags(const struct socket_ref *ref, u64 flags)
{
	return (u32)flags | (ref->fd.file->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

/* ---- sending ---- */

/*
 * An address to send to. A stream that is connected takes none, one of packets
 * ignores it; a datagram's leads to nobody.
 */
static int check_destination(const struct unix_socket *s, const struct user_sockaddr_un *a, s32 len)
{
	if (s->type == SOCK_STREAM)
		return s->peer ? -EISCONN : -EOPNOTSUPP;
	return s->type == SOCK_DGRAM ? address_look_up(a, len) : 0;
}

static s64 send_message(struct unix_socket *s, struct message *m, uaddr_t name, s32 name_len)
{
	struct user_sockaddr_un a;
	int err;

	if (name && name_len) {
		err = address_from_user(&a, name, name_len);
		if (!err)
			err = check_destination(s, &a, name_len);
		if (err)
			return err;
	}
	return unix_send(s, m);
}

SYSCALL6(sendto, fd, buf, len, flags, name, name_len)
{
	struct socket_ref ref;
	struct uio u;
	struct message m = { .u = &u };
	s64 ret;

	if (!user_range_ok(uaddr(buf), MIN(len, TRANSFER_MAX)))
		return -EFAULT;
	ret = socket_get((u32)fd, &ref);
	if (ret)
		return ret;
	uio_init_user(&u, uaddr(buf), MIN(len, TRANSFER_MAX));
	m.flags = call_flags(&ref, flags);
	ret = send_message(ref.s, &m, uaddr(name), (s32)name_len);
	socket_put(&ref);
	return ret;
}

/* A msghdr and its list of buffers. */
static int header_from_user(struct user_msghdr *h, struct uio_list *list, uaddr_t user)
{
	int err;

	if (copy_from_user(h, user, sizeof(*h)))
		return -EFAULT;
	if (!h->name)
		h->name_len = 0;
	if (h->name_len < 0)
		return -EINVAL;
	h->name_len = MIN(h->name_len, SOCKADDR_MAX);
	if (h->iov_len > UIO_MAXIOV)
		return -EMSGSIZE;
	err = uio_list_get(list, uaddr(h->iov), h->iov_len);
	return err;
}

static s64 do_sendmsg(struct socket_ref *ref, uaddr_t user, u64 flags)
{
	struct uio_list list;
	struct message m = { .u = &list.uio, .flags = call_flags(ref, flags) };
	struct user_msghdr h;
	s64 ret = header_from_user(&h, &list, user);

	if (ret)
		return ret;
	if (h.control_len > 0x7fffffff)
		ret = -ENOBUFS;
	else if (h.control_len)
		ret = control_from_user(&m, uaddr(h.control), h.control_len);
	if (!ret)
		ret = send_message(ref->s, &m, uaddr(h.name), h.name_len);
	unix_rights_put(m.r.rights); /* that were not sent */
	uio_list_put(&list);
	return ret;
}

SYSCALL3(sendmsg, fd, user, flags)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = do_sendmsg(&ref, uaddr(user), flags);
	socket_put(&ref);
	return ret;
}

/* @return how many messages, or the error of the first */
SYSCALL4(sendmmsg, fd, user, n, flags)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);
	u32 most = MIN((u32)n, UIO_MAXIOV), done = 0;

	if (ret)
		return ret;
	while (done < most) {
		uaddr_t at = uaddr_add(uaddr(user), done * sizeof(struct user_mmsghdr));

		ret = do_sendmsg(&ref, at, flags);
		if (ret >= 0)
			ret = put_user_u32(uaddr_add(at, offsetof(struct user_mmsghdr, len)),
					   (u32)ret);
		if (ret < 0)
			break;
		done++;
		if (signal_pending())
			break;
	}
	socket_put(&ref);
	return done ? done : ret;
}

/* ---- receiving ---- */

SYSCALL6(recvfrom, fd, buf, len, flags, name, name_len)
{
	struct socket_ref ref;
	struct uio u;
	struct message m = { .u = &u };
	s64 ret;
	int err;

	if (!user_range_ok(uaddr(buf), MIN(len, TRANSFER_MAX)))
		return -EFAULT;
	ret = socket_get((u32)fd, &ref);
	if (ret)
		return ret;
	uio_init_user(&u, uaddr(buf), MIN(len, TRANSFER_MAX));
	m.flags = call_flags(&ref, flags);
	ret = unix_receive(ref.s, &m);
	if (m.r.rights)
		unix_rights_put(m.r.rights);
	if (ret >= 0 && name) { /* the sender has no name */
		err = address_to_user(uaddr(name), uaddr(name_len), NULL, 0);
		if (err)
			ret = err;
	}
	socket_put(&ref);
	return ret;
}

/* What a recvmsg() tells besides the bytes. */
static int header_to_user(uaddr_t user, const struct user_msghdr *h, const struct message *m,
			  u64 control)
{
	u32 flags = m->out_flags | (m->flags & MSG_CMSG_CLOEXEC);

	if (h->name && put_user_u32(uaddr_add(user, offsetof(struct user_msghdr, name_len)), 0))
		return -EFAULT;
	if (put_user_u32(uaddr_add(user, offsetof(struct user_msghdr, flags)), flags))
		return -EFAULT;
	return put_user_u64(uaddr_add(user, offsetof(struct user_msghdr, control_len)), control);
}

static s64 do_recvmsg(struct socket_ref *ref, uaddr_t user, u64 flags)
{
	struct uio_list list;
	struct message m = { .u = &list.uio, .flags = call_flags(ref, flags) };
	struct user_msghdr h;
	s64 ret = header_from_user(&h, &list, user);
	u64 control;
	int err;

	if (ret)
		return ret;
	ret = unix_receive(ref->s, &m);
	if (ret < 0) {
		unix_rights_put(m.r.rights);
	} else {
		control = control_to_user(ref->s, &m, uaddr(h.control), h.control_len);
		err = header_to_user(user, &h, &m, control);
		if (err)
			ret = err;
	}
	uio_list_put(&list);
	return ret;
}

SYSCALL3(recvmsg, fd, user, flags)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);

	if (ret)
		return ret;
	ret = do_recvmsg(&ref, uaddr(user), flags);
	socket_put(&ref);
	return ret;
}

/* The time limit of recvmmsg() is looked at between messages only, as in Linux. @return deadline, 0: none, or -errno */
static s64 deadline_from_user(u64 user)
{
	struct {
		s64 sec, nsec;
	} t;
	u64 now = time_monotonic_ns();

	if (!user)
		return 0;
	if (copy_from_user(&t, uaddr(user), sizeof(t)))
		return -EFAULT;
	if (t.sec < 0 || t.nsec < 0 || t.nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)t.sec > ~0ull / NSEC_PER_SEC / 4)
		return 0;
	return (s64)(now + (u64)t.sec * NSEC_PER_SEC + (u64)t.nsec);
}

static void time_left_to_user(u64 user, u64 deadline)
{
	u64 now = time_monotonic_ns(), left = deadline > now ? deadline - now : 0;
	u64 v[2] = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };

	if (user && deadline && copy_to_user(uaddr(user), v, sizeof(v)))
		return;
}

static s64 receive_many(struct socket_ref *ref, u64 user, u32 n, u32 flags, u64 deadline, u32 *done)
{
	s64 ret = 0;

	while (*done < n) {
		uaddr_t at = uaddr_add(uaddr(user), *done * sizeof(struct user_mmsghdr));

		ret = do_recvmsg(ref, at, flags & ~MSG_WAITFORONE);
		if (ret >= 0)
			ret = put_user_u32(uaddr_add(at, offsetof(struct user_mmsghdr, len)),
					   (u32)ret);
		if (ret < 0)
			break;
		++*done;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if ((deadline && time_monotonic_ns() >= deadline) || signal_pending())
			break;
	}
	return ret;
}

SYSCALL5(recvmmsg, fd, user, n, flags, timeout)
{
	s64 deadline = deadline_from_user(timeout), ret;
	struct socket_ref ref;
	u32 done = 0;

	if (deadline < 0)
		return deadline;
	ret = socket_get((u32)fd, &ref);
	if (ret)
		return ret;
	ret = unix_take_error(ref.s);
	if (!ret)
		ret = receive_many(&ref, user, MIN((u32)n, UIO_MAXIOV), (u32)flags, (u64)deadline,
				   &done);
	if (done)
		time_left_to_user(timeout, (u64)deadline);
	socket_put(&ref);
	return done ? done : ret;
}
