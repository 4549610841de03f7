// SPDX-License-Identifier: MIT
/*
 * getsockopt() and setsockopt() of SOL_SOCKET.
 *
 * What a local socket has no use for in Linux either (SO_KEEPALIVE, SO_REUSEADDR
 * and their like) can be set and is read back. What is not known is ENOPROTOOPT.
 * Linux doubles the sizes of buffers that are set, for its own book-keeping;
 * programs that read them back know. socket(7).
 */
#include "socket.h"
#include <kernel/cred.h>
#include <kernel/time.h>

/* Options that are on or off. */
#define SWITCHES                                                                             \
	(1u << SO_REUSEADDR | 1u << SO_DONTROUTE | 1u << SO_BROADCAST | 1u << SO_KEEPALIVE | \
	 1u << SO_OOBINLINE | 1u << SO_REUSEPORT | 1u << SO_PASSCRED)

struct timeout {
	s64 sec, usec;
};

static struct timeout timeout_get(u64 ns)
{
	return ns == TIMEOUT_NONE ? (struct timeout){ 0, 0 }
				  : (struct timeout){ (s64)(ns / NSEC_PER_SEC),
						      (s64)(ns % NSEC_PER_SEC / 1000) };
}

static s64 timeout_set(u64 *ns, uaddr_t value, s32 len)
{
	struct timeout t;
	u64 new;

	if (len < (s32)sizeof(t))
		return -EINVAL;
	if (copy_from_user(&t, value, sizeof(t)))
		return -EFAULT;
	if (t.usec < 0 || t.usec >= 1000000)
		return -EDOM;
	if (t.sec < 0)
		new = 0;
	else if (!t.sec && !t.usec)
		new = TIMEOUT_NONE;
	else
		new = t.sec > (s64)(~0ull / NSEC_PER_SEC / 4)
			      ? TIMEOUT_NONE
			      : (u64)t.sec *NSEC_PER_SEC + (u64)t.usec * 1000;
	WRITE_ONCE(*ns, new);
	return 0;
}

/* An option's content. @return its length, or 0: not known */
union content {
	u32 v;
	struct timeout t;
	struct user_ucred cred;
	struct {
		s32 on, sec;
	} linger;
};

static u32 read_option(struct unix_socket *s, u32 option, union content *c)
{
	switch (option) {
	case SO_TYPE: c->v = s->type; break;
	case SO_DOMAIN: c->v = AF_UNIX; break;
	case SO_PROTOCOL:
	case SO_ACCEPTCONN: c->v = 0; break;
	case SO_ERROR: c->v = (u32)-unix_take_error(s); break;
	case SO_SNDBUF: c->v = s->sndbuf; break;
	case SO_RCVBUF: c->v = s->rcvbuf; break;
	case SO_RCVLOWAT: c->v = s->rcvlowat; break;
	case SO_SNDLOWAT: c->v = 1; break;
	case SO_PRIORITY: c->v = s->priority; break;
	case SO_RCVTIMEO: c->t = timeout_get(s->rcvtimeo_ns); return sizeof(c->t);
	case SO_SNDTIMEO: c->t = timeout_get(s->sndtimeo_ns); return sizeof(c->t);
	case SO_LINGER:
		c->linger.on = s->linger.on;
		c->linger.sec = s->linger.sec;
		return sizeof(c->linger);
	case SO_PEERCRED:
		c->cred = s->peer ? s->peer_cred : (struct user_ucred){ 0, ~0u, ~0u };
		return sizeof(c->cred);
	default:
		if (option > SO_PEERCRED || !(SWITCHES >> option & 1))
			return 0;
		c->v = socket_switch(s, option);
	}
	return sizeof(c->v);
}

s64 socket_get_option(struct unix_socket *s, u32 option, uaddr_t value, uaddr_t user_len)
{
	union content c = { 0 };
	u32 len, room;

	if (get_user_u32(&room, user_len))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	len = read_option(s, option, &c);
	if (!len)
		return -ENOPROTOOPT;
	len = MIN(len, room);
	if (copy_to_user(value, &c, len))
		return -EFAULT;
	return put_user_u32(user_len, len);
}

/* ---- setting ---- */

/* Doubled, as Linux does; @p force: beyond the usual limit, up to what an int holds. */
static s64 buffer_set(u32 *size, u32 v, u32 least, bool force)
{
	u32 most = force ? 0x3fffffff : SOCKET_BUFFER_BYTES;

	if (force && !current_capable(CAP_NET_ADMIN))
		return -EPERM;
	if (force && (s32)v < 0)
		v = 0;
	WRITE_ONCE(*size, MAX(MIN(v, most) * 2, least));
	return 0;
}

static s64 linger_set(struct unix_socket *s, uaddr_t value, s32 len)
{
	struct {
		s32 on, sec;
	} l;

	if (len < (s32)sizeof(l))
		return -EINVAL;
	if (copy_from_user(&l, value, sizeof(l)))
		return -EFAULT;
	s->linger.on = l.on != 0;
	s->linger.sec = l.on ? l.sec : s->linger.sec;
	return 0;
}

static s64 write_option(struct unix_socket *s, u32 option, u32 v)
{
	switch (option) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		return buffer_set(&s->sndbuf, v, SOCKET_SNDBUF_MIN, option == SO_SNDBUFFORCE);
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		return buffer_set(&s->rcvbuf, v, SOCKET_RCVBUF_MIN, option == SO_RCVBUFFORCE);
	case SO_RCVLOWAT: WRITE_ONCE(s->rcvlowat, (s32)v < 0 ? 0x7fffffff : MAX(v, 1u)); return 0;
	case SO_PRIORITY:
		if (v > 6 && !current_capable(CAP_NET_ADMIN))
			return -EPERM;
		s->priority = v;
		return 0;
	}
	if (option > SO_PEERCRED || !(SWITCHES >> option & 1))
		return -ENOPROTOOPT;
	if (v)
		__atomic_or_fetch(&s->flags, 1u << option, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&s->flags, ~(1u << option), __ATOMIC_RELAXED);
	return 0;
}

s64 socket_set_option(struct unix_socket *s, u32 option, uaddr_t value, s32 len)
{
	u32 v;

	if (len < (s32)sizeof(v))
		return -EINVAL;
	if (get_user_u32(&v, value))
		return -EFAULT;
	switch (option) {
	case SO_RCVTIMEO: return timeout_set(&s->rcvtimeo_ns, value, len);
	case SO_SNDTIMEO: return timeout_set(&s->sndtimeo_ns, value, len);
	case SO_LINGER: return linger_set(s, value, len);
	}
	return write_option(s, option, v);
}
