// SPDX-License-Identifier: MIT
/*
 * Sockets of all families: the file, waiting with a time limit, addresses and control messages of calls.
 *
 * A socket is what its family says it is (struct socket_ops); the file calls that. Nothing here holds a lock while
 * a method runs, and a method may sleep. socket(7), cmsg(3); Linux 6.1.
 */
#include <kernel/socket.h>
#include <kernel/fs/poll.h>
#include <kernel/kconfig.h>
#include <kernel/network.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <uapi/fcntl.h>
#include <uapi/signal.h>

u32 socket_sndbuf_default = SOCKET_BUFFER_BYTES, socket_sndbuf_max = SOCKET_BUFFER_BYTES,
    socket_rcvbuf_default = SOCKET_BUFFER_BYTES, socket_rcvbuf_max = SOCKET_BUFFER_BYTES,
    socket_backlog_max = 4096;

void socket_init(struct socket *socket, const struct socket_ops *ops, u16 family, u32 type)
{
	socket->ops = ops;
	socket->family = family;
	socket->type = (u16)type;
	wait_queue_init(&socket->read_wait);
	wait_queue_init(&socket->write_wait);
	async_list_init(&socket->async);
	socket->sndbuf = READ_ONCE(socket_sndbuf_default);
	socket->rcvbuf = READ_ONCE(socket_rcvbuf_default);
	socket->incoming_cpu = -1;
	socket->rcvlowat = 1;
	socket->rcvtimeo_ns = socket->sndtimeo_ns = TIMEOUT_NONE;
}

int socket_take_error(struct socket *socket)
{
	if (socket->ops->take_error)
		return socket->ops->take_error(socket);
	if (!atomic_read(&socket->error))
		return 0;
	return -atomic_xchg(&socket->error, 0);
}

u64 socket_cookie(struct socket *socket)
{
	static u64 last;
	u64 none = 0, fresh;

	if (READ_ONCE(socket->cookie))
		return socket->cookie;
	fresh = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
	__atomic_compare_exchange_n(&socket->cookie, &none, fresh, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
	return READ_ONCE(socket->cookie);
}

/* ---- lists ---- */

void socket_list_add(struct socket_list *list, struct socket *socket)
{
	spin_lock(&list->lock);
	socket->number = ++list->last;
	list_add_tail(&socket->link, &list->sockets);
	spin_unlock(&list->lock);
}

void socket_list_remove(struct socket_list *list, struct socket *socket)
{
	spin_lock(&list->lock);
	list_del(&socket->link);
	spin_unlock(&list->lock);
}

void socket_list_each(struct socket_list *list, struct socket_walk *walk)
{
	const struct socket *socket;

	spin_lock(&list->lock);
	list_for_each(socket, &list->sockets, link) {
		if (socket->number <= walk->after)
			continue;
		if (!walk->show(walk, socket, NULL))
			break;
		walk->after = socket->number;
	}
	spin_unlock(&list->lock);
}

/* ---- waiting ---- */

u64 socket_deadline(u64 timeout_ns)
{
	u64 now;

	if (likely(timeout_ns == TIMEOUT_NONE))
		return 0;
	now = time_monotonic_ns();
	if (now + timeout_ns < now)
		return 0;
	return now + timeout_ns;
}

int socket_wait_result(int err, u64 deadline)
{
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	if (err == -ERESTARTSYS && deadline)
		return -EINTR;
	return err;
}

/* ---- addresses ---- */

int socket_address_from_user(struct socket_address *address, uaddr_t user, s32 len)
{
	if (len < 0 || len > SOCKADDR_MAX)
		return -EINVAL;
	memset((u8 *)address + len, 0, sizeof(*address) - (u64)len);
	return copy_from_user(address, user, (u64)len);
}

int socket_address_to_user(uaddr_t user, uaddr_t user_len, const void *address, u32 len)
{
	u32 room, true_len = len;

	if (get_user_u32(&room, user_len))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	len = MIN(room, len);
	if (len && copy_to_user(user, address, len))
		return -EFAULT;
	return put_user_u32(user_len, true_len);
}

void socket_message_add_control(struct socket_message *message, s32 level, s32 type,
				const void *content, u64 length)
{
	struct user_cmsghdr header = { CMSG_LEN(length), level, type };
	u64 step;

	if (message->control_len < sizeof(header)) {
		message->out_flags |= MSG_CTRUNC;
		return;
	}
	if (message->control_len < header.len) {
		message->out_flags |= MSG_CTRUNC;
		header.len = message->control_len;
		length = header.len - sizeof(header);
	}
	if (copy_to_user(message->control, &header, sizeof(header)) ||
	    copy_to_user(uaddr_add(message->control, sizeof(header)), content, length))
		return;
	step = MIN(CMSG_SPACE(length), message->control_len);
	message->control = uaddr_add(message->control, step);
	message->control_len -= step;
}

/* ---- as a file ---- */

static u32 file_message_flags(const struct file *f)
{
	if (f->flags & O_NONBLOCK)
		return MSG_DONTWAIT;
	return 0;
}

s64 socket_file_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct socket *socket = f->private;
	struct socket_message message = { .uio = uio, .flags = file_message_flags(f) };

	if (!uio->count)
		return 0;
	return socket->ops->receive(socket, &message);
}

s64 socket_file_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct socket *socket = f->private;
	struct socket_message message = { .uio = uio, .flags = file_message_flags(f) };

	return socket->ops->send(socket, &message);
}

u32 socket_file_poll(struct file *f, struct poll_table *table)
{
	struct socket *socket = f->private;

	return socket->ops->poll(socket, table);
}

/* FIOSETOWN, FIOGETOWN: fcntl() by other numbers. */
static s64 owner_ioctl(struct file *f, bool set, u64 argument)
{
	u32 owner;

	if (!set)
		return put_user_u32(uaddr(argument), (u32)owner_fcntl(f, F_GETOWN, 0));
	if (get_user_u32(&owner, uaddr(argument)))
		return -EFAULT;
	return owner_fcntl(f, F_SETOWN, owner);
}

s64 socket_file_ioctl(struct file *f, u32 command, u64 argument)
{
	struct socket *socket = f->private;
	s64 result = -ENOTTY;

	if (command >= FIOSETOWN && command <= SIOCGPGRP)
		return owner_ioctl(f, command <= SIOCSPGRP, argument);
	if (IS_ENABLED(CONFIG_NET_DEVICES))
		result = net_ioctl(socket->family, command, argument);
	if (result != -ENOTTY || !socket->ops->ioctl)
		return result;
	return socket->ops->ioctl(socket, command, argument);
}

void socket_file_set(struct socket *socket, struct file *f)
{
	u64 flags = spin_lock_irqsave(&socket->async.lock);

	socket->file = f;
	spin_unlock_irqrestore(&socket->async.lock, flags);
}

int socket_file_async(struct file *f, s32 fd, bool enabled)
{
	struct socket *socket = f->private;

	if (fd < 0) /* its owner ends */
		socket_file_set(socket, NULL);
	return async_list_set(&socket->async, f, fd, enabled);
}

void socket_notify_urgent(struct socket *socket)
{
	u64 flags = spin_lock_irqsave(&socket->async.lock);
	bool sent = socket->file && file_signal_urgent(socket->file);

	spin_unlock_irqrestore(&socket->async.lock, flags);
	if (sent)
		async_notify(&socket->async, POLL_PRI);
}

void socket_file_release(struct file *f)
{
	struct socket *socket = f->private;

	socket_file_set(socket, NULL);
	socket->ops->release(socket);
}

const struct file_ops socket_fops = {
	SOCKET_FILE_OPS,
	.read = socket_file_read,
	.write = socket_file_write,
};
