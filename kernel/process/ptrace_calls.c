// SPDX-License-Identifier: MIT
/*
 * ptrace(): the requests. Their errors, and the order of the checks, are Linux 6.1's.
 *
 * A thread that is stopped may be killed while a request looks at it: it waits for the end of that, by tracee->lock.
 */
#include "ptrace.h"
#include <asm/user_regs.h>
#include <kernel/syscalls.h>
#include <kernel/vm.h>
#include <uapi/uio.h>

/* ---- beginning and end ---- */

static int trace_me(void)
{
	struct tracee *tracee = tracee_create();
	struct process *parent;
	u64 flags;
	int err;

	if (!tracee)
		return -ENOMEM;
	flags = spin_lock_irqsave(&process_lock);
	parent = current->proc->parent;
	if (parent)
		process_get(parent);
	spin_unlock_irqrestore(&process_lock, flags);
	if (!parent) {
		tracee_put(tracee);
		return -EPERM;
	}
	tracee->ready = true;
	tracee->privileged = current_capable(CAP_SYS_PTRACE);
	err = tracee_link(tracee, parent, current);
	process_put(parent);
	return err;
}

static int attach_check(const struct thread *t)
{
	if (t->proc == current->proc || !cred_may_look_into(current_cred(), t, LOOK_AS_REAL))
		return -EPERM;
	return 0;
}

/* One that was stopped already, with its process, reports that as a stop of its own. */
static void attach_stop(struct thread *t, bool seize)
{
	struct process *p = t->proc;
	u64 flags;

	if (!seize)
		(void)signal_send_thread(t, SIGSTOP, SI_KERNEL_INFO);
	flags = spin_lock_irqsave(&p->sig_lock);
	if (p->stop_signal) {
		thread_set_work(t, WORK_SIGNAL);
		thread_wake_state(t, 1u << THREAD_STOPPED);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

static int request_attach(struct thread *t, bool seize, u64 addr, u64 options)
{
	struct tracee *tracee;
	int err;

	if (seize && (addr || options & ~(u64)PTRACE_O_KNOWN))
		return -EIO;
	err = attach_check(t);
	if (err)
		return err;
	tracee = tracee_create();
	if (!tracee)
		return -ENOMEM;
	tracee->seized = seize;
	if (seize)
		tracee->options = (u32)options;
	tracee->privileged = current_capable(CAP_SYS_PTRACE);
	atomic_inc(&tracee->refs);
	err = tracee_link(tracee, current->proc, t);
	/* Once more: a program with more rights may have been started meanwhile (ptrace_rights_gained()). */
	smp_mb();
	if (!err)
		err = attach_check(t);
	if (err) {
		tracee_detach(tracee, 0);
	} else {
		WRITE_ONCE(tracee->ready, true);
		attach_stop(t, seize);
	}
	tracee_put(tracee);
	return err;
}

/* ---- memory ---- */

/* A program that may be run, and not read, is not read by tracing it. */
static bool may_look(const struct tracee *tracee)
{
	return tracee->privileged || smp_load_acquire(&tracee->proc->dumpable);
}

static u64 access_memory(struct tracee *tracee, u64 addr, void *buffer, u64 length, bool write)
{
	struct vm_space *space = process_space_get(tracee->proc);
	u64 done = 0;

	if (!space)
		return 0;
	if (write && may_look(tracee))
		done = vm_space_force(space, addr, buffer, length);
	else if (may_look(tracee))
		done = vm_space_access(space, addr, buffer, length, false);
	vm_space_put(space);
	return done;
}

static int request_peek(struct tracee *tracee, u64 addr, u64 data)
{
	u64 word;

	if (access_memory(tracee, addr, &word, sizeof(word), false) != sizeof(word))
		return -EIO;
	return put_user_u64(uaddr(data), word);
}

static int request_poke(struct tracee *tracee, u64 addr, u64 data)
{
	if (access_memory(tracee, addr, &data, sizeof(data), true) != sizeof(data))
		return -EIO;
	return 0;
}

/* ---- registers ---- */

static int peek_user(struct thread *t, u64 offset, u64 data)
{
	u64 word = 0;

	if (offset % sizeof(word) || offset >= USER_AREA_SIZE)
		return -EIO;
	if (offset < sizeof(struct user_regs))
		word = user_reg_get(t, (u32)(offset / sizeof(word)));
	return put_user_u64(uaddr(data), word);
}

static int poke_user(struct thread *t, u64 offset, u64 word)
{
	if (offset % sizeof(word) || offset >= USER_AREA_SIZE)
		return -EIO;
	if (offset < sizeof(struct user_regs))
		return user_reg_set(t, (u32)(offset / sizeof(word)), word);
	if (offset >= USER_AREA_DEBUG && word) /* there are no watchpoints */
		return -ENOSPC;
	return 0;
}

static int get_registers(struct thread *t, u64 to, u64 length)
{
	struct user_regs regs;

	for (u32 i = 0; i < USER_REGS; i++)
		regs.word[i] = user_reg_get(t, i);
	return copy_to_user(uaddr(to), &regs, length);
}

static int set_registers(struct thread *t, u64 from, u64 length)
{
	struct user_regs regs;
	int err = copy_from_user(&regs, uaddr(from), length);

	for (u32 i = 0; !err && i < length / sizeof(u64); i++)
		err = user_reg_set(t, i, regs.word[i]);
	return err;
}

/* @param length  the most; out: how many bytes it has */
static int get_fp(struct thread *t, u64 to, u64 *length, u32 bytes)
{
	u8 *area = kzalloc(bytes);
	int err;

	if (!area)
		return -ENOMEM;
	*length = MIN(*length, (u64)bytes);
	user_fp_get(t, area, bytes);
	err = copy_to_user(uaddr(to), area, *length);
	kfree(area);
	return err;
}

static int set_fp(struct thread *t, u64 from, u64 *length, u32 bytes)
{
	u8 *area = kzalloc(bytes);
	int err;

	if (!area)
		return -ENOMEM;
	*length = MIN(*length, (u64)bytes);
	user_fp_get(t, area, bytes); /* what is not given stays */
	err = copy_from_user(area, uaddr(from), *length);
	if (!err)
		err = user_fp_set(t, area, bytes);
	kfree(area);
	return err;
}

static int one_set(struct thread *t, bool set, u64 type, struct user_iovec *part)
{
	u64 length = part->len;
	u32 bytes = USER_FX_BYTES;

	switch (type) {
	case NT_PRSTATUS:
		if (length % sizeof(u64))
			return -EINVAL;
		part->len = length = MIN(length, sizeof(struct user_regs));
		if (set)
			return set_registers(t, part->base, length);
		return get_registers(t, part->base, length);
	case NT_X86_XSTATE:
		bytes = user_xstate_bytes();
		if (!bytes)
			return -ENODEV;
		if (set && length != bytes)
			return -EFAULT;
		break;
	case NT_PRFPREG: break;
	default: return -EINVAL;
	}
	if (length % sizeof(u64))
		return -EINVAL;
	if (set)
		return set_fp(t, part->base, &part->len, bytes);
	return get_fp(t, part->base, &part->len, bytes);
}

static int register_set(struct thread *t, bool set, u64 type, u64 user_part)
{
	struct user_iovec part;
	int err;

	if (copy_from_user(&part, uaddr(user_part), sizeof(part)))
		return -EFAULT;
	err = one_set(t, set, type, &part);
	if (err)
		return err;
	return put_user_u64(uaddr(user_part + offsetof(struct user_iovec, len)), part.len);
}

static int fx_registers(struct thread *t, bool set, u64 user)
{
	u64 length = USER_FX_BYTES;

	if (set)
		return set_fp(t, user, &length, USER_FX_BYTES);
	return get_fp(t, user, &length, USER_FX_BYTES);
}

/* ---- signals ---- */

static int get_siginfo(struct tracee *tracee, u64 user)
{
	struct user_siginfo info;

	if (!tracee->info.signo)
		return -EINVAL;
	signal_info_to_user(&tracee->info, &info);
	return copy_to_user(uaddr(user), &info, sizeof(info));
}

static int set_siginfo(struct tracee *tracee, u64 user)
{
	struct user_siginfo info;

	if (copy_from_user(&info, uaddr(user), sizeof(info)))
		return -EFAULT;
	if (!tracee->info.signo)
		return -EINVAL;
	signal_info_from_user(&info, &tracee->info);
	return 0;
}

static int get_mask(struct thread *t, u64 size, u64 user)
{
	if (size != sizeof(u64))
		return -EINVAL;
	return put_user_u64(uaddr(user), t->sig->blocked);
}

static int set_mask(struct thread *t, u64 size, u64 user)
{
	u64 mask, flags;

	if (size != sizeof(mask))
		return -EINVAL;
	if (get_user_u64(&mask, uaddr(user)))
		return -EFAULT;
	flags = spin_lock_irqsave(&t->proc->sig_lock);
	t->sig->blocked = mask & ~SIGSET_KERNEL_ONLY;
	thread_set_work(t, WORK_SIGNAL);
	spin_unlock_irqrestore(&t->proc->sig_lock, flags);
	return 0;
}

/* The entry with this index in the queue. @return false: there are fewer */
static bool peek_entry(struct process *p, const struct signal_queue *queue, u64 index,
		       struct siginfo_k *info)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	const struct signal_entry *entry;
	bool found = false;

	list_for_each(entry, &queue->entries, link) {
		if (index--)
			continue;
		*info = entry->info;
		found = true;
		break;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return found;
}

static s64 peek_siginfo(struct thread *t, u64 user_args, u64 user)
{
	struct user_peeksiginfo_args args;
	const struct signal_queue *queue = &t->sig->pending;
	struct user_siginfo out;
	struct siginfo_k info;
	s32 done = 0;

	if (copy_from_user(&args, uaddr(user_args), sizeof(args)))
		return -EFAULT;
	if (args.flags & ~PTRACE_PEEKSIGINFO_SHARED || args.nr < 0)
		return -EINVAL;
	if (args.flags & PTRACE_PEEKSIGINFO_SHARED)
		queue = &t->proc->shared;
	while (done < args.nr && !signal_pending() &&
	       peek_entry(t->proc, queue, args.off + (u64)done, &info)) {
		signal_info_to_user(&info, &out);
		if (copy_to_user(uaddr(user + (u64)done * sizeof(out)), &out, sizeof(out)))
			return done ? done : -EFAULT;
		done++;
	}
	return done;
}

/* ---- going on ---- */

static int request_resume(struct tracee *tracee, enum ptrace_mode mode, bool steps, u64 sig)
{
	u64 flags;

	if (sig > NSIG)
		return -EIO;
	flags = spin_lock_irqsave(&process_lock);
	tracee->mode = (u8)mode;
	tracee->steps = steps;
	tracee->resume_signal = (int)sig;
	WRITE_ONCE(tracee->stopped, false);
	if (tracee->thread)
		thread_wake_state(tracee->thread, 1u << THREAD_TRACED);
	spin_unlock_irqrestore(&process_lock, flags);
	return 0;
}

static int request_detach(struct tracee *tracee, u64 sig)
{
	if (sig > NSIG)
		return -EIO;
	tracee_detach(tracee, (int)sig);
	return 0;
}

static int request_interrupt(struct tracee *tracee, struct thread *t)
{
	u64 flags;

	if (!tracee->seized)
		return -EIO;
	flags = spin_lock_irqsave(&t->proc->sig_lock);
	WRITE_ONCE(tracee->interrupt, true);
	thread_set_work(t, WORK_SIGNAL);
	thread_wake_state(t,
			  1u << THREAD_INTERRUPTIBLE | 1u << THREAD_STOPPED | 1u << THREAD_TRACED);
	spin_unlock_irqrestore(&t->proc->sig_lock, flags);
	return 0;
}

static int request_listen(struct tracee *tracee)
{
	u64 flags;

	if (!tracee->seized || tracee->status >> 8 != PTRACE_EVENT_STOP)
		return -EIO;
	flags = spin_lock_irqsave(&process_lock);
	WRITE_ONCE(tracee->listening, true);
	if (READ_ONCE(tracee->interrupt) && tracee->thread)
		thread_wake_state(tracee->thread, 1u << THREAD_TRACED);
	spin_unlock_irqrestore(&process_lock, flags);
	return 0;
}

static s64 get_syscall_info(struct tracee *tracee, u64 size, u64 user)
{
	const struct pt_regs *regs = thread_user_regs(tracee->thread);
	struct user_syscall_info info = {
		.op = tracee->call_stop,
		.arch = AUDIT_ARCH_X86_64,
		.ip = instruction_pointer(regs),
		.sp = user_stack_pointer(regs),
	};
	u64 length = offsetof(struct user_syscall_info, entry);

	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		info.entry.nr = syscall_number(regs);
		syscall_arguments(regs, info.entry.args);
		length = offsetof(struct user_syscall_info, entry) + sizeof(info.entry);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		info.exit.rval = syscall_result(regs);
		info.exit.is_error = info.exit.rval < 0 && info.exit.rval >= -4095;
		length = offsetof(struct user_syscall_info, exit.is_error) + 1;
	}
	if (copy_to_user(uaddr(user), &info, MIN(size, length)))
		return -EFAULT;
	return (s64)length;
}

static int set_options(struct tracee *tracee, u64 options)
{
	if (options & ~(u64)PTRACE_O_KNOWN)
		return -EINVAL;
	WRITE_ONCE(tracee->options, (u32)options);
	return 0;
}

/* ---- the call ---- */

/* Of a thread that is stopped. */
static s64 stopped_request(struct tracee *tracee, struct thread *t, int request, u64 addr, u64 data)
{
	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA: return request_peek(tracee, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA: return request_poke(tracee, addr, data);
	case PTRACE_PEEKUSER: return peek_user(t, addr, data);
	case PTRACE_POKEUSER: return poke_user(t, addr, data);
	case PTRACE_GETREGS: return get_registers(t, data, sizeof(struct user_regs));
	case PTRACE_SETREGS: return set_registers(t, data, sizeof(struct user_regs));
	case PTRACE_GETFPREGS: return fx_registers(t, false, data);
	case PTRACE_SETFPREGS: return fx_registers(t, true, data);
	case PTRACE_GETREGSET: return register_set(t, false, addr, data);
	case PTRACE_SETREGSET: return register_set(t, true, addr, data);
	case PTRACE_SETOPTIONS: return set_options(tracee, data);
	case PTRACE_GETEVENTMSG: return put_user_u64(uaddr(data), tracee->message);
	case PTRACE_GETSIGINFO: return get_siginfo(tracee, data);
	case PTRACE_SETSIGINFO: return set_siginfo(tracee, data);
	case PTRACE_PEEKSIGINFO: return peek_siginfo(t, addr, data);
	case PTRACE_GETSIGMASK: return get_mask(t, addr, data);
	case PTRACE_SETSIGMASK: return set_mask(t, addr, data);
	case PTRACE_GET_SYSCALL_INFO: return get_syscall_info(tracee, addr, data);
	case PTRACE_CONT: return request_resume(tracee, PTRACE_RUNS, false, data);
	case PTRACE_SYSCALL: return request_resume(tracee, PTRACE_TO_SYSCALL, false, data);
	case PTRACE_SYSEMU: return request_resume(tracee, PTRACE_EMULATES, false, data);
	case PTRACE_SYSEMU_SINGLESTEP: return request_resume(tracee, PTRACE_EMULATES, true, data);
	case PTRACE_SINGLESTEP: return request_resume(tracee, PTRACE_RUNS, true, data);
	case PTRACE_DETACH: return request_detach(tracee, data);
	case PTRACE_LISTEN: return request_listen(tracee);
	}
	return -EIO;
}

/* It sleeps, and its registers are in memory. */
static bool tracee_is_stopped(const struct tracee *tracee, const struct thread *t)
{
	if (!READ_ONCE(tracee->stopped) || READ_ONCE(tracee->listening))
		return false;
	while (READ_ONCE(t->on_cpu) && READ_ONCE(tracee->stopped))
		cpu_relax();
	return READ_ONCE(tracee->stopped);
}

static s64 tracee_request(struct tracee *tracee, struct thread *t, int request, u64 addr, u64 data)
{
	s64 result = -ESRCH;

	if (request == PTRACE_KILL) {
		(void)signal_send_thread(t, SIGKILL, SI_KERNEL_INFO);
		return 0;
	}
	if (request == PTRACE_INTERRUPT)
		return request_interrupt(tracee, t);
	mutex_lock(&tracee->lock);
	if (tracee_is_stopped(tracee, t))
		result = stopped_request(tracee, t, request, addr, data);
	mutex_unlock(&tracee->lock);
	return result;
}

SYSCALL4(ptrace, request, tid, addr, data)
{
	struct tracee *tracee;
	struct thread *t;
	s64 result = -ESRCH;

	if ((int)request == PTRACE_TRACEME)
		return trace_me();
	t = thread_find((pid_t)tid);
	if (!t)
		return -ESRCH;
	if ((int)request == PTRACE_ATTACH || (int)request == PTRACE_SEIZE) {
		result = request_attach(t, (int)request == PTRACE_SEIZE, addr, data);
		thread_put(t);
		return result;
	}
	tracee = tracee_find((pid_t)tid);
	if (tracee) {
		result = tracee_request(tracee, t, (int)request, addr, data);
		tracee_put(tracee);
	}
	thread_put(t);
	return result;
}
