// SPDX-License-Identifier: MIT
/*
 * fork, vfork, clone, clone3: a new thread, in a new process or in this one.
 *
  * Everything that the new thread needs is made first, without locks that other threads
 * wait for: shared objects are counted, others copied. Then, under
 * process_lock and sig_lock, the thread becomes visible: in the tree, in its
 * group and session, in the list of threads. If a signal has arrived for the
 * caller by then, everything is released and the call starts again after the signal
 * (-ERESTARTNOINTR), so that a signal to a group cannot miss a new member.
 *
 * The rules for combinations of flags are those of Linux, checked in its order.
 * Namespaces and cgroups do not exist: their flags return the errors
 * of a Linux that was built without them.
 */
#include "ptrace.h"
#include <kernel/fs/context.h>
#include <kernel/fs/fd_table.h>
#include <kernel/ipc.h>
#include <kernel/syscalls.h>
#include <kernel/tty.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <kernel/wait.h>
#include <uapi/sched.h>

#define CLONE_NAMESPACES                                                               \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

struct clone_request {
	u64 flags;
	u64 stack; /* new stack pointer, 0: the caller's */
	u64 parent_tid, child_tid, tls;
	u64 pidfd; /* with CLONE_PIDFD: where its number is stored */
	int exit_signal;
	u32 want_tid; /* 0: any */
};

/* ---- what is asked for ---- */

static int clone_check_flags(u64 flags)
{
	if ((flags & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS) ||
	    (flags & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_PARENT) && current->proc == init_process)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID)))
		return -EINVAL;
	if ((flags & CLONE_PIDFD) &&
	    (!IS_ENABLED(CONFIG_PIDFD) || flags & (CLONE_DETACHED | CLONE_THREAD)))
		return -EINVAL;
	if (flags & CLONE_INTO_CGROUP)
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_NAMESPACES) && !current_is_super())
		return -EPERM;
	if (flags & CLONE_NAMESPACES)
		return -EINVAL;
	return 0;
}

static int clone_check_limits(void)
{
	const struct cred *cred = current_cred();
	struct process *p = current->proc;

	if ((u64)atomic_read(&cred->account->nr_threads) >= p->limits[RLIMIT_NPROC].rlim_cur &&
	    cred->account != &root_account && !cred_capable(cred, CAP_SYS_RESOURCE) &&
	    !cred_capable(cred, CAP_SYS_ADMIN))
		return -EAGAIN;
	p->nproc_exceeded = false;
	return 0;
}

/* ---- what a thread has ---- */

static int clone_share_cred(struct thread *t)
{
	t->cred = cred_borrow();
	t->cred_spare = 0;
	account_add_threads(t->cred->account, 1);
	return 0;
}

static int clone_share_files(struct thread *t, u64 flags)
{
	if (flags & CLONE_FILES) {
		files_get(current->files);
		t->files = current->files;
	} else {
		t->files = files_copy(current->files);
	}
	if (!t->files)
		return -ENOMEM;
	return 0;
}

static int clone_share_fs(struct thread *t, u64 flags)
{
	if (flags & CLONE_FS) {
		fs_context_get(current->fs);
		t->fs = current->fs;
	} else {
		t->fs = fs_context_copy(current->fs);
	}
	if (!t->fs)
		return -ENOMEM;
	return 0;
}

static int clone_share_space(struct thread *t, u64 flags)
{
	const struct vm_hot hot = {
		.stack = user_stack_pointer(current_regs()),
		.tls = user_bases_tls(&current->user_bases),
		.text = instruction_pointer(current_regs()),
	};

	if (flags & CLONE_VM) {
		if (flags & CLONE_THREAD)
			vm_space_share(current->space);
		else
			vm_space_get(current->space);
		t->space = current->space;
	} else {
		t->space = vm_space_fork(current->space, &hot);
	}
	if (!t->space)
		return -ENOMEM;
	return 0;
}

static int clone_share_signals(struct thread *t, u64 flags)
{
	const struct task_signals *mine = current->sig;
	struct task_signals *signals = kmem_cache_alloc(task_signals_cache);

	if (!signals)
		return -ENOMEM;
	task_signals_init(signals, mine);
	/* A thread with its own stack must not share the alternate one. */
	if ((flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM) {
		signals->altstack = mine->altstack;
	}
	t->sig = signals;
	return 0;
}

static int clone_make_process(struct thread *t, const struct clone_request *request)
{
	struct process *caller = current->proc, *p;

	if (request->flags & CLONE_THREAD) {
		process_get(caller);
		t->proc = caller;
		return 0;
	}
	p = process_create(caller);
	if (!p)
		return -ENOMEM;
	t->proc = p;
	if (process_timers_inherit(p))
		return -ENOMEM;
	if (request->flags & CLONE_SIGHAND) {
		u64 flags = spin_lock_irqsave(&caller->sig_lock);

		atomic_inc(&caller->sighand->refs);
		p->sighand = caller->sighand;
		spin_unlock_irqrestore(&caller->sig_lock, flags);
	} else {
		p->sighand = sighand_copy(caller->sighand);
		if (!p->sighand)
			return -ENOMEM;
		if (request->flags & CLONE_CLEAR_SIGHAND)
			sighand_exec_reset(p);
	}
	p->exit_signal = request->exit_signal;
	return 0;
}

static void clone_set_registers(struct thread *t, const struct clone_request *request)
{
	t->user_bases = current->user_bases;
	if (request->flags & CLONE_SETTLS)
		user_bases_set_tls(&t->user_bases, request->tls);
	t->clear_child_tid = 0;
	if (request->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = request->child_tid;
	thread_fpu_copy(t);
}

/* Release what was made above, and the struct pid, which is not published yet. */
static void clone_abandon_thread(struct thread *t)
{
	ptrace_fork_abandon(t);
	if (t->sig && t->sig->pid)
		pid_put(t->sig->pid);
	if (IS_ENABLED(CONFIG_SYSVIPC) && t->sem_undo)
		sem_undo_leave(t);
	if (t->space)
		vm_space_put(t->space);
	t->space = NULL;
	if (t->fs)
		fs_context_put(t->fs);
	t->fs = NULL;
	if (t->files)
		files_put(t->files);
	t->files = NULL;
	thread_put(t); /* upcall_thread_free() does the rest */
}

static struct thread *clone_make_thread(const struct clone_request *request, int *event)
{
	struct pt_regs regs = *current_regs();
	struct thread *t;
	struct pid *pid;
	int err;

	syscall_result_set(&regs, 0);
	if (request->stack)
		user_stack_pointer_set(&regs, request->stack);
	t = thread_create_user(&regs, current->comm);
	if (IS_ERR(t))
		return t;
	err = clone_share_cred(t);
	if (!err)
		err = clone_share_signals(t, request->flags);
	if (!err)
		err = clone_make_process(t, request);
	if (!err)
		err = clone_share_files(t, request->flags);
	if (!err)
		err = clone_share_fs(t, request->flags);
	if (!err && IS_ENABLED(CONFIG_SYSVIPC) && request->flags & CLONE_SYSVSEM)
		err = sem_undo_share(t);
	if (!err)
		err = clone_share_space(t, request->flags);
	if (!err) {
		pid = pid_create(request->want_tid);
		if (IS_ERR(pid))
			err = (int)PTR_ERR(pid);
		else
			t->sig->pid = pid;
	}
	if (!err)
		err = ptrace_fork_prepare(t, request->flags, request->exit_signal, event);
	if (err) {
		clone_abandon_thread(t);
		return ERR_PTR(err);
	}
	t->tid = t->sig->pid->nr;
	clone_set_registers(t, request);
	return t;
}

/* ---- becoming visible ---- */

/* Locking: process_lock, and sig_lock of the caller. */
static void clone_link_process_locked(struct thread *t, const struct clone_request *request)
{
	struct process *caller = current->proc, *p = t->proc, *parent = caller;

	assert_held(&process_lock);
	assert_held(&current->proc->sig_lock);
	if (request->flags & CLONE_PARENT) {
		parent = caller->parent;
		p->exit_signal = caller->exit_signal;
		p->parent_exec_id = caller->parent_exec_id;
	} else {
		p->parent_exec_id = caller->exec_id;
	}
	p->pid = t->tid;
	p->pid_ref = t->sig->pid;
	p->leader = t;
	thread_get(t);
	p->space = t->space;
	p->nr_threads = 1;
	list_add_tail(&t->proc_link, &p->threads);
	p->parent = parent;
	WRITE_ONCE(p->ppid, parent->pid);
	list_add_tail(&p->sibling, &parent->children);
	list_add_tail(&p->all_link, &process_list);
	process_enter_group_locked(p, caller->pgrp_ref, caller->session_ref);
	p->tty = caller->tty;
	if (p->tty)
		tty_get(p->tty);
}

/* @return 0 or -ERESTARTNOINTR */
static int clone_publish_process(struct thread *t, const struct clone_request *request)
{
	struct process *caller = current->proc;
	u64 flags = spin_lock_irqsave(&process_lock);

	raw_spin_lock(&caller->sig_lock);
	signal_recalc();
	if (signal_pending()) {
		raw_spin_unlock(&caller->sig_lock);
		spin_unlock_irqrestore(&process_lock, flags);
		return -ERESTARTNOINTR;
	}
	clone_link_process_locked(t, request);
	raw_spin_unlock(&caller->sig_lock);
	pid_publish(t->sig->pid, t, t->proc);
	spin_unlock_irqrestore(&process_lock, flags);
	return 0;
}

static int clone_publish_thread(struct thread *t)
{
	struct process *caller = current->proc;
	u64 flags = spin_lock_irqsave(&caller->sig_lock);

	signal_recalc();
	if (signal_pending()) {
		spin_unlock_irqrestore(&caller->sig_lock, flags);
		return -ERESTARTNOINTR;
	}
	caller->nr_threads++;
	list_add_tail(&t->proc_link, &caller->threads);
	pid_publish(t->sig->pid, t, NULL);
	spin_unlock_irqrestore(&caller->sig_lock, flags);
	return 0;
}

static void clone_write_tids(struct thread *t, const struct clone_request *request)
{
	u32 tid = (u32)t->tid;

	if ((request->flags & CLONE_PARENT_SETTID) && put_user_u32(uaddr(request->parent_tid), tid))
		return; /* a bad address is not an error, as on Linux */
	if (request->flags & CLONE_CHILD_SETTID)
		vm_space_access(t->space, request->child_tid, &tid, sizeof(tid), true);
}

/* The parent sleeps until the child executes a program or ends. */
static void vfork_wait(struct thread *t)
{
	struct task_signals *signals = t->sig;

	/* If the parent is killed, no thread waits, which is no problem for the child. */
	(void)wait_event_killable(&signals->vfork_wait, READ_ONCE(signals->vfork_done));
}

/* The new process's descriptor, before anything else can go wrong but a signal. @return 0 or -errno */
static int clone_make_pidfd(struct thread *t, const struct clone_request *request, int *fd)
{
	*fd = -1;
	if (likely(!(request->flags & CLONE_PIDFD)))
		return 0;
	*fd = pidfd_install(t->proc, 0);
	if (*fd < 0)
		return *fd;
	if (!put_user_u32(uaddr(request->pidfd), (u32)*fd))
		return 0;
	return -EFAULT;
}

static s64 clone_thread(const struct clone_request *request)
{
	struct thread *t;
	int err, pidfd, event = 0;
	pid_t tid;

	err = clone_check_flags(request->flags);
	if (!err)
		err = clone_check_limits();
	if (err)
		return err;
	t = clone_make_thread(request, &event);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = clone_make_pidfd(t, request, &pidfd);
	if (!err && request->flags & CLONE_THREAD)
		err = clone_publish_thread(t);
	else if (!err)
		err = clone_publish_process(t, request);
	if (err) {
		if (pidfd >= 0)
			fd_close((u32)pidfd);
		clone_abandon_thread(t);
		return err;
	}
	cpu_count_event(nr_forks);
	if (unlikely(t->proc->timers) && t->proc != current->proc)
		cpu_limit_check_again(t->proc);
	tid = t->tid;
	clone_write_tids(t, request);
	ptrace_fork_begin(t);
	thread_start(t);
	if (unlikely(event))
		ptrace_event(event, (u64)tid);
	if (request->flags & CLONE_VFORK) {
		vfork_wait(t);
		ptrace_event(PTRACE_EVENT_VFORK_DONE, (u64)tid);
	}
	thread_put(t);
	return tid;
}

/* ---- the calls ---- */

SYSCALL_REGISTERS0(fork)
{
	const struct clone_request request = { .exit_signal = SIGCHLD };

	return clone_thread(&request);
}

SYSCALL_REGISTERS0(vfork)
{
	const struct clone_request request = {
		.flags = CLONE_VFORK | CLONE_VM,
		.exit_signal = SIGCHLD,
	};

	return clone_thread(&request);
}

SYSCALL_REGISTERS5(clone, clone_flags, stack, parent_tid, child_tid, tls)
{
	const struct clone_request request = {
		.flags = (u32)clone_flags & ~CSIGNAL,
		.stack = stack,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.tls = tls,
		.exit_signal = (int)(clone_flags & CSIGNAL),
		.pidfd = parent_tid,
	};

	if ((request.flags & CLONE_PIDFD) && (request.flags & CLONE_PARENT_SETTID))
		return -EINVAL; /* one address cannot get both */
	if ((request.flags & CLONE_SETTLS) && tls >= USER_END)
		return -EPERM;
	return clone_thread(&request);
}

/* The structure may be longer than the one known here, if the rest is zero. */
static int clone_read_args(struct clone_args *args, u64 user, u64 size)
{
	u64 known = MIN(size, (u64)sizeof(*args));
	u8 tail[64];

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	*args = (struct clone_args){ 0 };
	if (copy_from_user(args, uaddr(user), known))
		return -EFAULT;
	for (u64 offset = known; offset < size; offset += sizeof(tail)) {
		u64 length = MIN(size - offset, (u64)sizeof(tail));

		if (copy_from_user(tail, uaddr(user + offset), length))
			return -EFAULT;
		for (u64 i = 0; i < length; i++)
			if (tail[i])
				return -E2BIG;
	}
	return 0;
}

static int clone_read_want_tid(const struct clone_args *args, u32 *tid)
{
	if (args->set_tid_size > 32 || (!args->set_tid != !args->set_tid_size))
		return -EINVAL;
	if (!args->set_tid)
		return 0;
	if (args->set_tid_size > 1)
		return -EINVAL;
	if (get_user_u32(tid, uaddr(args->set_tid)))
		return -EFAULT;
	if (*tid == 0)
		return -EINVAL;
	if (!current_is_super())
		return -EPERM;
	return 0;
}

static int clone_check_args(const struct clone_args *args)
{
	const u64 known = 0xffffffffull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;

	if ((args->flags & ~known) || (args->flags & (CLONE_DETACHED | CSIGNAL)))
		return -EINVAL;
	if (args->exit_signal & ~CSIGNAL || (args->exit_signal && args->exit_signal > NSIG))
		return -EINVAL;
	if ((args->flags & (CLONE_THREAD | CLONE_PARENT)) && args->exit_signal)
		return -EINVAL;
	if (!args->stack != !args->stack_size)
		return -EINVAL;
	if (args->stack && !user_range_ok(uaddr(args->stack), args->stack_size))
		return -EINVAL;
	if ((args->flags & CLONE_SETTLS) && args->tls >= USER_END)
		return -EPERM;
	return 0;
}

SYSCALL_REGISTERS2(clone3, user_args, size)
{
	struct clone_args args;
	struct clone_request request = { 0 };
	int err = clone_read_args(&args, user_args, size);

	if (!err)
		err = clone_read_want_tid(&args, &request.want_tid);
	if (!err)
		err = clone_check_args(&args);
	if (err)
		return err;
	request.flags = args.flags;
	request.stack = args.stack + args.stack_size;
	request.parent_tid = args.parent_tid;
	request.child_tid = args.child_tid;
	request.tls = args.tls;
	request.exit_signal = (int)args.exit_signal;
	request.pidfd = args.pidfd;
	if ((args.flags & CLONE_PIDFD) && (args.flags & CLONE_PARENT_SETTID) &&
	    args.pidfd == args.parent_tid)
		return -EINVAL;
	return clone_thread(&request);
}

SYSCALL1(set_tid_address, addr)
{
	current->clear_child_tid = addr;
	return current->tid;
}
