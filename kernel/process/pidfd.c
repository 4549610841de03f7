// SPDX-License-Identifier: MIT
/*
 * pidfds: descriptors that mean a process, and never another one that gets its number later.
 *
 * Such a file counts the process, not its number, which is free as soon as the process is reaped. It is
 * ready to read when the process has ended: who polls it waits on the process's own child_wait, where
 * nobody but the process itself and these do. Any thread of the first number of a process means the process.
 *
 * Linux pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
 */
#include "internal.h"
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/proc.h>
#include <kernel/seq_file.h>
#include <kernel/syscalls.h>
#include <uapi/fcntl.h>

static bool pidfd_process_ended(const struct process *p)
{
	return READ_ONCE(p->state) >= PROC_ZOMBIE;
}

/* ---- as a file ---- */

static u32 pidfd_poll(struct file *f, struct poll_table *table)
{
	struct process *p = f->private;

	poll_wait(table, &p->child_wait);
	if (pidfd_process_ended(p))
		return POLLIN | POLLRDNORM;
	return 0;
}

static void pidfd_release(struct file *f)
{
	process_put(f->private);
}

static void pidfd_show_fdinfo(struct file *f, struct seq_file *seq)
{
	const struct process *p = f->private;
	pid_t pid = -1; /* it was reaped */

	if (READ_ONCE(p->state) != PROC_DEAD)
		pid = p->pid;
	seq_printf(seq, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_fops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
	.show_fdinfo = pidfd_show_fdinfo,
};

int pidfd_install(struct process *p, u32 flags)
{
	struct file *f = file_create_anon("anon_inode:[pidfd]", &pidfd_fops, p, O_RDWR | flags);
	int fd;

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	process_get(p);
	fd = fd_install(f, 0, true);
	if (fd < 0)
		file_put(f);
	return fd;
}

struct process *pidfd_process_get(u32 fd, bool *nonblock)
{
	struct fd_ref ref = fd_get(fd);
	struct process *p = ERR_PTR(-EBADF);

	if (ref.file && ref.file->ops == &pidfd_fops) {
		p = ref.file->private;
		*nonblock = ref.file->flags & O_NONBLOCK;
		process_get(p);
	}
	fd_put(ref);
	return p;
}

/* ---- system calls ---- */

SYSCALL2(pidfd_open, pid_arg, flags)
{
	pid_t pid = (pid_t)pid_arg;
	struct process *p;
	int fd;

	if ((u32)flags & ~(u32)O_NONBLOCK || pid <= 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p && pid_serial(pid))
		return -EINVAL; /* a thread that is not the first one, or only a group */
	if (!p)
		return -ESRCH;
	fd = pidfd_install(p, (u32)flags);
	process_put(p);
	return fd;
}

/* The process of a pidfd, or of a descriptor of /proc/PID; counted, or ERR_PTR. */
static struct process *signal_target_get(u32 fd)
{
	bool nonblock;
	struct process *p = pidfd_process_get(fd, &nonblock);
	struct fd_ref ref;

	if (!IS_ERR(p))
		return p;
	ref = fd_get(fd);
	p = NULL;
	if (ref.file)
		p = proc_folder_process(ref.file);
	fd_put(ref);
	return p ?: ERR_PTR(-EBADF);
}

/* @info  of the caller, or of @user unless that is 0 */
static int pidfd_read_info(struct siginfo_k *info, int sig, u64 user, const struct process *p)
{
	struct user_siginfo user_info;

	if (!user)
		return 0;
	if (copy_from_user(&user_info, uaddr(user), sizeof(user_info)))
		return -EFAULT;
	if (user_info.signo != sig)
		return -EINVAL;
	if ((user_info.code >= 0 || user_info.code == SI_TKILL) && current != p->leader)
		return -EPERM;
	signal_info_from_user(&user_info, info);
	return 0;
}

SYSCALL4(pidfd_send_signal, fd, sig_arg, user_info, flags)
{
	int sig = (int)sig_arg, err;
	struct siginfo_k info;
	struct process *p;

	if ((u32)flags)
		return -EINVAL;
	p = signal_target_get((u32)fd);
	if (IS_ERR(p))
		return PTR_ERR(p);
	err = pidfd_read_info(&info, sig, user_info, p);
	if (!err && READ_ONCE(p->state) == PROC_DEAD)
		err = -ESRCH;
	if (!err && (sig < 0 || sig > NSIG))
		err = -EINVAL;
	if (!err)
		err = signal_kill_process(p, sig, user_info ? &info : NULL);
	process_put(p);
	return err;
}

/*
 * The descriptor first, then the question whether the process may be looked into: execve() makes it undumpable
 * before it gets more rights.
 */
static struct file *pidfd_take_file(struct process *p, u32 fd)
{
	struct thread *t = process_leader_get(p);
	struct file *f;
	bool cloexec;

	if (!t)
		return ERR_PTR(-ESRCH);
	f = proc_file_of(p, t, fd, &cloexec) ?: ERR_PTR(-EBADF);
	if (p != current->proc && !cred_may_look_into(current_cred(), t, LOOK_AS_REAL)) {
		if (!IS_ERR(f))
			file_put(f);
		f = ERR_PTR(-EPERM);
	}
	thread_put(t);
	return f;
}

SYSCALL3(pidfd_getfd, pidfd, fd, flags)
{
	struct process *p;
	struct file *f;
	bool nonblock;
	int result;

	if ((u32)flags)
		return -EINVAL;
	p = pidfd_process_get((u32)pidfd, &nonblock);
	if (IS_ERR(p))
		return PTR_ERR(p);
	f = pidfd_take_file(p, (u32)fd);
	process_put(p);
	if (IS_ERR(f))
		return PTR_ERR(f);
	result = fd_install(f, 0, true);
	if (result < 0)
		file_put(f);
	return result;
}
