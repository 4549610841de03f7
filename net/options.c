// SPDX-License-Identifier: MIT
/*
 * getsockopt() and setsockopt() of SOL_SOCKET.
 *
 * Options without an effect on local sockets (SO_KEEPALIVE, SO_REUSEADDR and
 * others) can be set and are read back, as in Linux. An unknown option fails with
 * ENOPROTOOPT. A buffer size that is set is doubled, as Linux does for its own
 * bookkeeping; programs that read it back expect that. socket(7).
 */
#include "calls.h"
#include <kernel/cred.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <uapi/net.h>
#include "internal.h"

/* Options that are on or off. */
#define SWITCHES                                                                         \
	(1u << SO_DEBUG | 1u << SO_REUSEADDR | 1u << SO_DONTROUTE | 1u << SO_BROADCAST | \
	 1u << SO_KEEPALIVE | 1u << SO_OOBINLINE | 1u << SO_REUSEPORT | 1u << SO_PASSCRED)

static bool option_is_switch(u32 option)
{
	return option <= SO_PEERCRED && (SWITCHES >> option & 1);
}

struct timeout {
	s64 sec, usec;
};

static struct timeout timeout_get(u64 ns)
{
	if (ns == TIMEOUT_NONE)
		return (struct timeout){ 0, 0 };
	return (struct timeout){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000) };
}

static s64 timeout_set(u64 *ns, uaddr_t value, s32 len)
{
	struct timeout timeout;
	u64 new;

	if (len < (s32)sizeof(timeout))
		return -EINVAL;
	if (copy_from_user(&timeout, value, sizeof(timeout)))
		return -EFAULT;
	if (timeout.usec < 0 || timeout.usec >= 1000000)
		return -EDOM;
	if (timeout.sec < 0)
		new = 0;
	else if (!timeout.sec && !timeout.usec)
		new = TIMEOUT_NONE;
	else if (timeout.sec > (s64)(~0ull / NSEC_PER_SEC / 4))
		new = TIMEOUT_NONE;
	else
		new = (u64)timeout.sec *NSEC_PER_SEC + (u64)timeout.usec * 1000;
	WRITE_ONCE(*ns, new);
	return 0;
}

/* An option's content. @return its length, or 0: not known */
union content {
	u32 number;
	u64 cookie;
	struct timeout timeout;
	struct user_ucred cred;
	struct {
		s32 on, sec;
	} linger;
};

static u32 read_option(struct socket *socket, u32 option, union content *content)
{
	switch (option) {
	case SO_TYPE: content->number = socket->type; break;
	case SO_DOMAIN: content->number = socket->family; break;
	case SO_PROTOCOL: content->number = socket->protocol; break;
	case SO_ACCEPTCONN:
		content->number = socket->ops->is_listening && socket->ops->is_listening(socket);
		break;
	case SO_ERROR: content->number = (u32)-socket_take_error(socket); break;
	case SO_SNDBUF: content->number = socket->sndbuf; break;
	case SO_RCVBUF: content->number = socket->rcvbuf; break;
	case SO_RCVLOWAT: content->number = socket->rcvlowat; break;
	case SO_SNDLOWAT: content->number = 1; break;
	case SO_PRIORITY: content->number = socket->priority; break;
	case SO_MARK: content->number = socket->mark; break;
	case SO_INCOMING_CPU: content->number = (u32)READ_ONCE(socket->incoming_cpu); break;
	case SO_BINDTOIFINDEX: content->number = READ_ONCE(socket->bound_interface); break;
	case SO_COOKIE: content->cookie = socket_cookie(socket); return sizeof(content->cookie);
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
		content->timeout = timeout_get(socket->rcvtimeo_ns);
		return sizeof(content->timeout);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		content->timeout = timeout_get(socket->sndtimeo_ns);
		return sizeof(content->timeout);
	case SO_LINGER:
		content->linger.on = socket->linger.on;
		content->linger.sec = socket->linger.sec;
		return sizeof(content->linger);
	case SO_PEERCRED:
		content->cred = (struct user_ucred){ 0, ~0u, ~0u };
		if (socket->ops->peer_cred)
			content->cred = socket->ops->peer_cred(socket);
		return sizeof(content->cred);
	default:
		if (!option_is_switch(option))
			return 0;
		content->number = socket_switch(socket, option);
	}
	return sizeof(content->number);
}

/* The name of the interface that a socket is bound to; nothing where it is bound to none. */
static s64 device_name_get(const struct socket *socket, uaddr_t value, uaddr_t user_len, u32 room)
{
	u32 index = READ_ONCE(socket->bound_interface), len;
	const struct net_device *device;
	char name[IFNAMSIZ] = "";

	if (!index)
		return put_user_u32(user_len, 0);
	if (room < IFNAMSIZ)
		return -EINVAL;
	mutex_lock(&net_list_lock);
	rcu_read_lock();
	device = net_device_find(index);
	if (device)
		strscpy(name, device->name, sizeof(name));
	rcu_read_unlock();
	mutex_unlock(&net_list_lock);
	if (!*name)
		return -ENODEV;
	len = (u32)strlen(name) + 1;
	if (copy_to_user(value, name, len))
		return -EFAULT;
	return put_user_u32(user_len, len);
}

s64 socket_get_option(struct socket *socket, u32 option, uaddr_t value, uaddr_t user_len)
{
	union content content = { 0 };
	s64 result = -ENOPROTOOPT;
	u32 len, room;

	if (get_user_u32(&room, user_len))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	if (IS_ENABLED(CONFIG_NET_DEVICES) && option == SO_BINDTODEVICE)
		return device_name_get(socket, value, user_len, room);
	len = read_option(socket, option, &content);
	/* Which protocol 0 stands for is known to the family. */
	if ((!len || (option == SO_PROTOCOL && !content.number)) && socket->ops->get_option)
		result = socket->ops->get_option(socket, SOL_SOCKET, option, value, user_len);
	if (!len || result != -ENOPROTOOPT)
		return result;
	if (option == SO_COOKIE && room < len)
		return -EINVAL;
	len = MIN(len, room);
	if (copy_to_user(value, &content, len))
		return -EFAULT;
	return put_user_u32(user_len, len);
}

/* ---- setting ---- */

/* Doubled, as Linux does, up to @most; @p force: beyond that, up to what an int holds. */
static s64 buffer_set(u32 *size, u32 asked, u32 least, u32 most, bool force)
{
	if (force && !current_capable(CAP_NET_ADMIN))
		return -EPERM;
	if (force && (s32)asked < 0)
		asked = 0;
	asked = MIN(asked, force ? INT32_MAX : most);
	WRITE_ONCE(*size, MAX(MIN(asked, INT32_MAX / 2u) * 2, least));
	return 0;
}

static s64 linger_set(struct socket *socket, uaddr_t value, s32 len)
{
	struct {
		s32 on, sec;
	} linger;

	if (len < (s32)sizeof(linger))
		return -EINVAL;
	if (copy_from_user(&linger, value, sizeof(linger)))
		return -EFAULT;
	socket->linger.on = linger.on != 0;
	if (linger.on)
		socket->linger.sec = linger.sec;
	return 0;
}

static s64 write_option(struct socket *socket, u32 option, u32 value)
{
	switch (option) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		return buffer_set(&socket->sndbuf, value, SOCKET_SNDBUF_MIN,
				  READ_ONCE(socket_sndbuf_max), option == SO_SNDBUFFORCE);
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		return buffer_set(&socket->rcvbuf, value, SOCKET_RCVBUF_MIN,
				  READ_ONCE(socket_rcvbuf_max), option == SO_RCVBUFFORCE);
	case SO_RCVLOWAT:
		WRITE_ONCE(socket->rcvlowat, (s32)value < 0 ? 0x7fffffff : MAX(value, 1u));
		return 0;
	case SO_PRIORITY:
		if (value > 6 && !current_capable(CAP_NET_ADMIN))
			return -EPERM;
		socket->priority = value;
		return 0;
	case SO_INCOMING_CPU: WRITE_ONCE(socket->incoming_cpu, (s32)value); return 0;
	case SO_DEBUG:
		if (value && !current_capable(CAP_NET_ADMIN))
			return -EACCES;
		break;
	case SO_MARK:
		if (!current_capable(CAP_NET_ADMIN))
			return -EPERM;
		socket->mark = value;
		return 0;
	}
	if (!option_is_switch(option))
		return -ENOPROTOOPT;
	if (value)
		__atomic_or_fetch(&socket->flags, 1u << option, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&socket->flags, ~(1u << option), __ATOMIC_RELAXED);
	return 0;
}

/* As on Linux the first time is free to all. @p index: 0 undoes it; that of none is taken, too */
static s64 interface_bind(struct socket *socket, u32 index)
{
	if ((s32)index < 0)
		return -EINVAL;
	if (READ_ONCE(socket->bound_interface) && !current_capable(CAP_NET_RAW))
		return -EPERM;
	WRITE_ONCE(socket->bound_interface, index);
	if (socket->ops->option_changed)
		socket->ops->option_changed(socket, SO_BINDTODEVICE);
	return 0;
}

/* By its name, which need not end with a zero; the empty one undoes it. */
static s64 device_bind(struct socket *socket, uaddr_t value, s32 len)
{
	const struct net_device *device;
	char name[IFNAMSIZ] = "";
	u32 index = 0;

	if (len < 0)
		return -EINVAL;
	if (copy_from_user(name, value, MIN((u32)len, IFNAMSIZ - 1u)))
		return -EFAULT;
	mutex_lock(&net_list_lock);
	device = net_device_find_name(name);
	if (device && device->published)
		index = device->index;
	mutex_unlock(&net_list_lock);
	if (*name && !index)
		return -ENODEV;
	return interface_bind(socket, index);
}

s64 socket_set_option(struct socket *socket, u32 option, uaddr_t value, s32 len)
{
	u32 number;
	s64 ret;

	if (IS_ENABLED(CONFIG_NET_DEVICES) && option == SO_BINDTODEVICE)
		return device_bind(socket, value, len);
	if (len < (s32)sizeof(number))
		return -EINVAL;
	if (get_user_u32(&number, value))
		return -EFAULT;
	if (IS_ENABLED(CONFIG_NET_DEVICES) && option == SO_BINDTOIFINDEX)
		return interface_bind(socket, number);
	switch (option) {
	case SO_RCVTIMEO_NEW:
	case SO_RCVTIMEO: return timeout_set(&socket->rcvtimeo_ns, value, len);
	case SO_SNDTIMEO_NEW:
	case SO_SNDTIMEO: return timeout_set(&socket->sndtimeo_ns, value, len);
	case SO_LINGER: ret = linger_set(socket, value, len); break;
	default: ret = write_option(socket, option, number);
	}
	if (ret == -ENOPROTOOPT && socket->ops->set_option)
		return socket->ops->set_option(socket, SOL_SOCKET, option, value, len);
	if (!ret && socket->ops->option_changed)
		socket->ops->option_changed(socket, option);
	return ret;
}
