// SPDX-License-Identifier: MIT
/*
 * process_vm_readv(), process_vm_writev(): memory of another process, by its addresses.
 *
 * Bytes take the way through a buffer of the kernel, since the other process's pages must not change while they are
 * copied, and the caller's may fault. Who may trace a process may do this. The space is taken first, then the question is
 * asked: execve() makes a process undumpable before it gives it a space with more rights.
 *
 * Linux process_vm_readv(2), mm/process_vm_access.c.
 */
#include "internal.h"
#include <kernel/syscalls.h>
#include <kernel/vm.h>

#define CHUNK	 16384u
#define SEGS_MAX 1024u

/* What is copied from, or to, there. */
struct remote {
	struct uio_seg *segs;
	u64 count;
	struct vm_space *space;
	bool write;
};

/* @return 0, -EINVAL, -EFAULT, -ENOMEM */
static int remote_read_segs(struct remote *remote, u64 user, u64 count)
{
	int err;

	if (count > SEGS_MAX)
		return -EINVAL;
	remote->segs = kvzalloc(MAX(count, 1ul) * sizeof(*remote->segs));
	if (!remote->segs)
		return -ENOMEM;
	remote->count = count;
	err = copy_from_user(remote->segs, uaddr(user), count * sizeof(*remote->segs));
	for (u64 i = 0; !err && i < count; i++)
		if ((s64)remote->segs[i].len < 0)
			err = -EINVAL;
	return err;
}

static bool remote_is_empty(const struct remote *remote)
{
	for (u64 i = 0; i < remote->count; i++)
		if (remote->segs[i].len)
			return false;
	return true;
}

/* @return the space of the process, counted, or ERR_PTR(-ESRCH, -EPERM) */
static struct vm_space *remote_space_get(pid_t tid)
{
	struct thread *t = thread_find(tid);
	struct vm_space *space;

	if (!t)
		return ERR_PTR(-ESRCH);
	space = process_space_get(t->proc) ?: ERR_PTR(-ESRCH);
	if (!IS_ERR(space) && space != current->space && t->proc != current->proc &&
	    !cred_may_look_into(current_cred(), t, LOOK_AS_REAL)) {
		vm_space_put(space);
		space = ERR_PTR(-EPERM);
	}
	thread_put(t);
	return space;
}

/* @return bytes copied: fewer than @length where one of the two sides faults */
static u64 copy_chunk(const struct remote *remote, struct uio *local, u64 addr, void *buf,
		      u64 length)
{
	u64 done;

	if (remote->write) {
		length = uio_copy_in(local, buf, length);
		return vm_space_access(remote->space, addr, buf, length, true);
	}
	done = vm_space_access(remote->space, addr, buf, length, false);
	return uio_copy_out(local, buf, done);
}

/* @return bytes, or -EFAULT where there are none */
static s64 remote_copy(const struct remote *remote, struct uio *local, void *buf)
{
	s64 total = 0;

	for (u64 i = 0; i < remote->count; i++) {
		u64 addr = uaddr_value(remote->segs[i].base), left = remote->segs[i].len;

		while (left && local->count) {
			u64 length = MIN(MIN(left, local->count), (u64)CHUNK), done = 0;

			if (addr < USER_END && length <= USER_END - addr)
				done = copy_chunk(remote, local, addr, buf, length);
			total += (s64)done;
			if (done < length)
				return total ? total : -EFAULT;
			addr += length;
			left -= length;
			if (fatal_signal_pending())
				return total;
		}
	}
	return total;
}

static s64 remote_transfer(pid_t pid, struct remote *remote, struct uio *local)
{
	void *buf;
	s64 ret;

	if (remote_is_empty(remote))
		return 0;
	remote->space = remote_space_get(pid);
	if (IS_ERR(remote->space))
		return PTR_ERR(remote->space);
	buf = kvzalloc(CHUNK);
	ret = -ENOMEM;
	if (buf)
		ret = remote_copy(remote, local, buf);
	kvfree(buf);
	vm_space_put(remote->space);
	return ret;
}

static s64 process_vm_call(pid_t pid, u64 local_iov, u64 local_count, u64 remote_iov,
			   u64 remote_count, u64 flags, bool write)
{
	struct remote remote = { .write = write };
	struct uio_list list;
	s64 ret;

	if (flags)
		return -EINVAL;
	ret = uio_list_get(&list, uaddr(local_iov), local_count);
	if (ret)
		return ret;
	if (list.uio.count) {
		ret = remote_read_segs(&remote, remote_iov, remote_count);
		if (!ret)
			ret = remote_transfer(pid, &remote, &list.uio);
		kvfree(remote.segs);
	}
	uio_list_put(&list);
	return ret;
}

SYSCALL6(process_vm_readv, pid, local, local_count, remote, remote_count, flags)
{
	return process_vm_call((pid_t)pid, local, local_count, remote, remote_count, flags, false);
}

SYSCALL6(process_vm_writev, pid, local, local_count, remote, remote_count, flags)
{
	return process_vm_call((pid_t)pid, local, local_count, remote, remote_count, flags, true);
}
