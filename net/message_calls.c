// SPDX-License-Identifier: MIT
/*
 * The system calls that send and receive: sendto, sendmsg, sendmmsg and their
 * counterparts.
 */
#include "calls.h"
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <uapi/uio.h>

#define TRANSFER_MAX UIO_MAX_BYTES
#define CONTROL_MAX  20480u /* as Linux: /proc/sys/net/core/optmem_max */

/* The flags of a call; O_NONBLOCK of the file counts as MSG_DONTWAIT. */
static u32 call_flags(const struct socket_ref *ref, u64 flags)
{
	if (ref->fd.file->flags & O_NONBLOCK)
		flags |= MSG_DONTWAIT;
	return (u32)flags;
}

/* ---- sending ---- */

SYSCALL6(sendto, fd, buf, len, flags, name, name_len)
{
	struct socket_ref ref;
	struct uio uio;
	struct socket_message message = { .uio = &uio };
	s64 ret;

	if (uio_init_user(&uio, uaddr(buf), MIN(len, TRANSFER_MAX)))
		return -EFAULT;
	ret = socket_get((u32)fd, &ref);
	if (ret)
		return ret;
	message.flags = call_flags(&ref, flags);
	if (name) {
		message.name = uaddr(name);
		message.name_size = (s32)name_len;
	}
	ret = ref.socket->ops->send(ref.socket, &message);
	socket_put(&ref);
	return ret;
}

/* A msghdr and its list of buffers. */
static int header_from_user(struct user_msghdr *msghdr, struct uio_list *list, uaddr_t user)
{
	int err;

	if (copy_from_user(msghdr, user, sizeof(*msghdr)))
		return -EFAULT;
	if (!msghdr->name)
		msghdr->name_len = 0;
	if (msghdr->name_len < 0)
		return -EINVAL;
	msghdr->name_len = MIN(msghdr->name_len, SOCKADDR_MAX);
	if (msghdr->iov_len > UIO_MAXIOV)
		return -EMSGSIZE;
	err = uio_list_get(list, uaddr(msghdr->iov), msghdr->iov_len);
	return err;
}

static s64 do_sendmsg(struct socket_ref *ref, uaddr_t user, u64 flags)
{
	struct uio_list list;
	struct socket_message message = { .uio = &list.uio, .flags = call_flags(ref, flags) };
	struct user_msghdr header;
	s64 ret = header_from_user(&header, &list, user);

	if (ret)
		return ret;
	message.name = uaddr(header.name);
	message.name_size = header.name_len;
	message.control = uaddr(header.control);
	message.control_len = header.control_len;
	if (header.control_len > CONTROL_MAX)
		ret = -ENOBUFS;
	else
		ret = ref->socket->ops->send(ref->socket, &message);
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
SYSCALL4(sendmmsg, fd, user, count, flags)
{
	struct socket_ref ref;
	s64 ret = socket_get((u32)fd, &ref);
	u32 most = MIN((u32)count, UIO_MAXIOV), done = 0;

	if (ret)
		return ret;
	while (done < most) {
		uaddr_t entry = uaddr_add(uaddr(user), done * sizeof(struct user_mmsghdr));

		ret = do_sendmsg(&ref, entry, flags);
		if (ret >= 0)
			ret = put_user_u32(uaddr_add(entry, offsetof(struct user_mmsghdr, len)),
					   (u32)ret);
		if (ret < 0)
			break;
		done++;
		if (signal_pending())
			break;
	}
	socket_put(&ref);
	if (done)
		return done;
	return ret;
}

/* ---- receiving ---- */

SYSCALL6(recvfrom, fd, buf, len, flags, name, name_len)
{
	struct socket_ref ref;
	struct uio uio;
	struct socket_message message = { .uio = &uio };
	s64 ret;

	if (uio_init_user(&uio, uaddr(buf), MIN(len, TRANSFER_MAX)))
		return -EFAULT;
	ret = socket_get((u32)fd, &ref);
	if (ret)
		return ret;
	message.flags = call_flags(&ref, flags);
	message.name = uaddr(name);
	message.name_len = uaddr(name_len);
	ret = ref.socket->ops->receive(ref.socket, &message);
	socket_put(&ref);
	return ret;
}

static s64 do_recvmsg(struct socket_ref *ref, uaddr_t user, u64 flags)
{
	struct uio_list list;
	struct socket_message message = { .uio = &list.uio, .flags = call_flags(ref, flags) };
	struct user_msghdr header;
	s64 ret = header_from_user(&header, &list, user);
	u64 used;

	if (ret)
		return ret;
	message.name = uaddr(header.name);
	message.name_len = uaddr_add(user, offsetof(struct user_msghdr, name_len));
	message.control = uaddr(header.control);
	if (header.control)
		message.control_len = header.control_len;
	used = message.control_len;
	ret = ref->socket->ops->receive(ref->socket, &message);
	used -= message.control_len;
	if (ret >= 0 &&
	    (put_user_u32(uaddr_add(user, offsetof(struct user_msghdr, flags)),
			  message.out_flags | (message.flags & MSG_CMSG_CLOEXEC)) ||
	     put_user_u64(uaddr_add(user, offsetof(struct user_msghdr, control_len)), used)))
		ret = -EFAULT;
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
static s64 recvmmsg_deadline(u64 user)
{
	struct {
		s64 sec, nsec;
	} timeout;
	u64 now = time_monotonic_ns();

	if (!user)
		return 0;
	if (copy_from_user(&timeout, uaddr(user), sizeof(timeout)))
		return -EFAULT;
	if (timeout.sec < 0 || timeout.nsec < 0 || timeout.nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)timeout.sec > ~0ull / NSEC_PER_SEC / 4)
		return 0;
	return (s64)(now + (u64)timeout.sec * NSEC_PER_SEC + (u64)timeout.nsec);
}

static void time_left_to_user(u64 user, u64 deadline)
{
	u64 now = time_monotonic_ns(), left = MAX(deadline, now) - now;
	u64 timeout[2] = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };

	if (user && deadline && copy_to_user(uaddr(user), timeout, sizeof(timeout)))
		return;
}

static s64 receive_many(struct socket_ref *ref, u64 user, u32 count, u32 flags, u64 deadline,
			u32 *done)
{
	s64 ret = 0;

	while (*done < count) {
		uaddr_t entry = uaddr_add(uaddr(user), *done * sizeof(struct user_mmsghdr));

		ret = do_recvmsg(ref, entry, flags & ~MSG_WAITFORONE);
		if (ret >= 0)
			ret = put_user_u32(uaddr_add(entry, offsetof(struct user_mmsghdr, len)),
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

SYSCALL5(recvmmsg, fd, user, count, flags, timeout)
{
	s64 deadline = recvmmsg_deadline(timeout), ret;
	struct socket_ref ref;
	u32 done = 0;

	if (deadline < 0)
		return deadline;
	ret = socket_get((u32)fd, &ref);
	if (ret)
		return ret;
	ret = socket_take_error(ref.socket);
	if (!ret)
		ret = receive_many(&ref, user, MIN((u32)count, UIO_MAXIOV), (u32)flags,
				   (u64)deadline, &done);
	if (done)
		time_left_to_user(timeout, (u64)deadline);
	socket_put(&ref);
	if (done)
		return done;
	return ret;
}
