// SPDX-License-Identifier: MIT
/*
 * Control messages: what comes along with the bytes of sendmsg() and recvmsg().
 *
 * Two kinds, both of SOL_SOCKET: SCM_RIGHTS (open files) and SCM_CREDENTIALS (who
 * sends). Those of other levels are nobody's here and are passed over, as Linux
 * does. Each is read from the user once, header and content, so that a thread
 * that changes it meanwhile gets what it wrote. cmsg(3), unix(7).
 */
#include "socket.h"
#include <kernel/cred.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/process.h>

#define CONTROL_MAX 20480u /* as Linux: /proc/sys/net/core/optmem_max */

/* ---- sending ---- */

/* A process may say that it is itself, as any of its users and groups; else the capabilities decide. */
static int credentials_from_user(struct message *m, uaddr_t from)
{
	const struct cred *c = current_cred();
	struct user_ucred u;

	if (copy_from_user(&u, from, sizeof(u)))
		return -EFAULT;
	if (u.pid != current->proc->pid && !cred_capable(c, CAP_SYS_ADMIN))
		return -EPERM;
	if (u.uid != c->uid && u.uid != c->euid && u.uid != c->suid && !cred_capable(c, CAP_SETUID))
		return -EPERM;
	if (u.gid != c->gid && u.gid != c->egid && u.gid != c->sgid && !cred_capable(c, CAP_SETGID))
		return -EPERM;
	m->r.pid = u.pid;
	m->r.uid = u.uid;
	m->r.gid = u.gid;
	m->has_record = true;
	return 0;
}

static int rights_from_user(struct message *m, uaddr_t from, u64 len)
{
	struct unix_rights *r = unix_rights_collect(m->r.rights, from, (u32)(len / sizeof(s32)));

	m->r.rights = IS_ERR(r) ? NULL : r;
	return IS_ERR(r) ? (int)PTR_ERR(r) : 0;
}

int control_from_user(struct message *m, uaddr_t control, u64 len)
{
	struct user_cmsghdr h;
	u64 content;
	int err = 0;

	if (len > CONTROL_MAX)
		return -ENOBUFS;
	for (u64 at = 0; len - at >= sizeof(h) && !err; at += CMSG_ALIGN(h.len)) {
		uaddr_t from = uaddr_add(control, at);

		if (copy_from_user(&h, from, sizeof(h)))
			return -EFAULT;
		if (h.len < sizeof(h) || h.len > len - at)
			return -EINVAL;
		content = h.len - sizeof(h);
		if (h.level == SOL_SOCKET && h.type == SCM_RIGHTS)
			err = rights_from_user(m, uaddr_add(from, sizeof(h)), content);
		else if (h.level == SOL_SOCKET && h.type == SCM_CREDENTIALS &&
			 content == sizeof(struct user_ucred))
			err = credentials_from_user(m, uaddr_add(from, sizeof(h)));
		else if (h.level == SOL_SOCKET)
			err = -EINVAL;
		if (CMSG_ALIGN(h.len) > len - at)
			break;
	}
	return err;
}

/* ---- receiving ---- */

/* Where the next control message goes. */
struct control_room {
	uaddr_t at;
	u64 left;
};

static void advance(struct control_room *r, u64 content)
{
	u64 n = MIN(CMSG_SPACE(content), r->left);

	r->at = uaddr_add(r->at, n);
	r->left -= n;
}

static bool put_header(struct control_room *r, s32 type, u64 content)
{
	struct user_cmsghdr h = { CMSG_LEN(content), SOL_SOCKET, type };

	return !copy_to_user(r->at, &h, sizeof(h));
}

static void put_credentials(struct message *m, struct control_room *r)
{
	struct user_ucred u = { m->r.pid, m->r.uid, m->r.gid };
	u64 n;

	if (r->left < sizeof(struct user_cmsghdr)) {
		m->out_flags |= MSG_CTRUNC;
		return;
	}
	n = MIN(sizeof(u), r->left - sizeof(struct user_cmsghdr));
	if (n < sizeof(u))
		m->out_flags |= MSG_CTRUNC;
	if (put_header(r, SCM_CREDENTIALS, n) &&
	    !copy_to_user(uaddr_add(r->at, sizeof(struct user_cmsghdr)), &u, n))
		advance(r, n);
}

/* A descriptor for a file that came, and its number to the user. */
static bool put_descriptor(struct file *f, uaddr_t where, bool cloexec)
{
	int fd;

	file_get(f);
	fd = fd_install(f, 0, cloexec);
	if (fd < 0) {
		file_put(f);
		return false;
	}
	if (put_user_u32(where, (u32)fd)) {
		(void)fd_close((u32)fd);
		return false;
	}
	return true;
}

static void put_rights(struct message *m, struct control_room *r)
{
	struct unix_rights *rights = m->r.rights;
	bool cloexec = m->flags & MSG_CMSG_CLOEXEC;
	u64 room = r->left < sizeof(struct user_cmsghdr)
			   ? 0
			   : (r->left - sizeof(struct user_cmsghdr)) / sizeof(s32);
	u32 n = 0;

	while (n < MIN(room, (u64)rights->n) &&
	       put_descriptor(rights->file[n], uaddr_add(r->at, CMSG_LEN(n * sizeof(s32))),
			      cloexec))
		n++;
	if (n && put_header(r, SCM_RIGHTS, n * sizeof(s32)))
		advance(r, n * sizeof(s32));
	if (n < rights->n)
		m->out_flags |= MSG_CTRUNC;
}

u64 control_to_user(struct unix_socket *s, struct message *m, uaddr_t control, u64 len)
{
	struct control_room r = { control, control ? len : 0 };
	u64 all = r.left;

	if (m->has_record && socket_switch(s, SO_PASSCRED))
		put_credentials(m, &r);
	if (m->r.rights) {
		put_rights(m, &r);
		unix_rights_put(m->r.rights);
		m->r.rights = NULL;
	}
	return all - r.left;
}
