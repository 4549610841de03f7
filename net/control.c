// SPDX-License-Identifier: MIT
/*
 * Control messages (ancillary data) of sendmsg() and recvmsg().
 *
 * Two types of SOL_SOCKET are supported: SCM_RIGHTS (open files) and
 * SCM_CREDENTIALS (the sender). Messages of other levels are ignored, as in Linux.
 * Header and content are copied from user memory once, so that a thread that
 * changes them meanwhile cannot bypass a check. cmsg(3), unix(7).
 */
#include "unix.h"
#include <kernel/cred.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/process.h>

/* ---- sending ---- */

/* A process may send its own pid and any of its own user and group ids; others need capabilities. */
static int credentials_from_user(struct message *message, uaddr_t from)
{
	const struct cred *cred = current_cred();
	struct user_ucred claimed;

	if (copy_from_user(&claimed, from, sizeof(claimed)))
		return -EFAULT;
	if (claimed.pid != current->proc->pid && !cred_capable(cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (claimed.uid != cred->uid && claimed.uid != cred->euid && claimed.uid != cred->suid &&
	    !cred_capable(cred, CAP_SETUID))
		return -EPERM;
	if (claimed.gid != cred->gid && claimed.gid != cred->egid && claimed.gid != cred->sgid &&
	    !cred_capable(cred, CAP_SETGID))
		return -EPERM;
	message->record.pid = claimed.pid;
	message->record.uid = claimed.uid;
	message->record.gid = claimed.gid;
	message->has_record = true;
	return 0;
}

static int rights_from_user(struct message *message, uaddr_t from, u64 len)
{
	struct unix_rights *rights =
		unix_rights_collect(message->record.rights, from, (u32)(len / sizeof(s32)));

	if (IS_ERR(rights)) {
		message->record.rights = NULL;
		return (int)PTR_ERR(rights);
	}
	message->record.rights = rights;
	return 0;
}

int control_from_user(struct message *message, uaddr_t control, u64 len)
{
	struct user_cmsghdr header;
	u64 content;
	int err = 0;

	for (u64 offset = 0; len - offset >= sizeof(header) && !err;
	     offset += CMSG_ALIGN(header.len)) {
		uaddr_t from = uaddr_add(control, offset);

		if (copy_from_user(&header, from, sizeof(header)))
			return -EFAULT;
		if (header.len < sizeof(header) || header.len > len - offset)
			return -EINVAL;
		content = header.len - sizeof(header);
		if (header.level == SOL_SOCKET && header.type == SCM_RIGHTS)
			err = rights_from_user(message, uaddr_add(from, sizeof(header)), content);
		else if (header.level == SOL_SOCKET && header.type == SCM_CREDENTIALS &&
			 content == sizeof(struct user_ucred))
			err = credentials_from_user(message, uaddr_add(from, sizeof(header)));
		else if (header.level == SOL_SOCKET)
			err = -EINVAL;
		if (CMSG_ALIGN(header.len) > len - offset)
			break;
	}
	return err;
}

/* ---- receiving ---- */

/* Install a received file in a descriptor, and store its number for the user. */
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

/* The header is written last: it tells how many descriptors there are. */
static bool put_rights_header(struct socket_message *call, u32 nfiles)
{
	u64 content = nfiles * sizeof(s32), step = MIN(CMSG_SPACE(content), call->control_len);
	struct user_cmsghdr header = { CMSG_LEN(content), SOL_SOCKET, SCM_RIGHTS };

	if (copy_to_user(call->control, &header, sizeof(header)))
		return false;
	call->control = uaddr_add(call->control, step);
	call->control_len -= step;
	return true;
}

static void put_rights(struct message *message, struct socket_message *call)
{
	struct unix_rights *rights = message->record.rights;
	bool cloexec = message->flags & MSG_CMSG_CLOEXEC;
	u64 room = 0;
	u32 nfiles = 0;

	if (call->control_len > sizeof(struct user_cmsghdr))
		room = (call->control_len - sizeof(struct user_cmsghdr)) / sizeof(s32);
	while (nfiles < MIN(room, (u64)rights->nr_files) &&
	       put_descriptor(rights->file[nfiles],
			      uaddr_add(call->control, CMSG_LEN(nfiles * sizeof(s32))), cloexec))
		nfiles++;
	if ((nfiles && !put_rights_header(call, nfiles)) || nfiles < rights->nr_files)
		call->out_flags |= MSG_CTRUNC;
}

void control_to_user(struct unix_socket *socket, struct message *message,
		     struct socket_message *call)
{
	if (message->has_record && socket_switch(&socket->base, SO_PASSCRED)) {
		struct user_ucred credentials = { message->record.pid, message->record.uid,
						  message->record.gid };

		socket_message_add_control(call, SOL_SOCKET, SCM_CREDENTIALS, &credentials,
					   sizeof(credentials));
	}
	if (message->record.rights) {
		put_rights(message, call);
		unix_rights_put(message->record.rights);
		message->record.rights = NULL;
	}
}
