// SPDX-License-Identifier: MIT
/*
 * Tracing of threads: who traces whom, stops, and how a stopped thread goes on. ptrace(2); the requests are in
 * ptrace_calls.c.
 *
 * A traced thread has a struct tracee, which is in a list of its tracer, a process: any of that one's threads may
 * give orders. The thread itself comes to its stops, on its way to user mode or in a system call, and sleeps
 * there as THREAD_TRACED until ->stopped is false or its process ends. Who stops a thread, wakes it or lets it go
 * does so under process_lock, since wait4() looks at the stops of many threads.
 *
 * All system calls of a traced thread take the way of entry.S which stores all registers
 * (syscall_trace_set()). So a tracer sees complete ones at each stop, and other threads pay nothing.
 *
 * The end of a thread is told by its struct tracee, which outlives it: of the first thread by its process, a zombie,
 * which a parent who is not the tracer hears of when the tracer has.
 */
#include "ptrace.h"
#include <asm/user_regs.h>
#include <kernel/syscalls.h>
#include <kernel/upcalls.h>
#include <uapi/sched.h>
#include <uapi/wait.h>

/* ---- objects ---- */

struct tracee *tracee_create(void)
{
	struct tracee *tracee = kzalloc(sizeof(*tracee));

	if (!tracee)
		return NULL;
	atomic_set(&tracee->refs, 1);
	mutex_init(&tracee->lock);
	return tracee;
}

static void tracee_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct tracee, rcu));
}

void tracee_put(struct tracee *tracee)
{
	if (!atomic_dec_and_test(&tracee->refs))
		return;
	if (tracee->proc)
		process_put(tracee->proc);
	call_rcu(&tracee->rcu, tracee_free);
}

struct tracee *tracee_find(pid_t tid)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct tracee *tracee = current->proc->tracees;

	while (tracee && (!tracee->thread || tracee->thread->tid != tid || !tracee->ready))
		tracee = tracee->next;
	if (tracee)
		atomic_inc(&tracee->refs);
	spin_unlock_irqrestore(&process_lock, flags);
	return tracee;
}

bool ptrace_has_option(u32 option)
{
	const struct tracee *tracee;
	bool has;

	rcu_read_lock();
	tracee = rcu_dereference(current->sig->tracee);
	has = tracee && READ_ONCE(tracee->options) & option;
	rcu_read_unlock();
	return has;
}

/* ---- links ---- */

/* With a reference for the list, and one for the thread. */
static void tracee_link_locked(struct tracee *tracee, struct process *tracer, struct thread *t)
{
	assert_held(&process_lock);
	tracee->thread = t;
	tracee->tracer = tracer;
	tracee->proc = t->proc;
	process_get(t->proc);
	tracee->uid = t->cred->uid;
	tracee->next = tracer->tracees;
	tracer->tracees = tracee;
	atomic_inc(&tracee->refs);
}

int tracee_link(struct tracee *tracee, struct process *tracer, struct thread *t)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *p = t->proc;
	int err = 0;

	raw_spin_lock(&p->sig_lock);
	if (t->sig->tracee || t->sig->exiting || p->state == PROC_ZOMBIE || p->state == PROC_DEAD)
		err = -EPERM;
	if (!err) {
		rcu_assign_pointer(t->sig->tracee, tracee);
		syscall_trace_set(t, true); /* it has a stack, as it does not end */
	}
	raw_spin_unlock(&p->sig_lock);
	if (!err)
		tracee_link_locked(tracee, tracer, t);
	spin_unlock_irqrestore(&process_lock, flags);
	if (err)
		tracee_put(tracee);
	return err;
}

/* Out of the list of its tracer. */
static void tracee_unlist_locked(struct tracee *tracee)
{
	struct tracee **at = &tracee->tracer->tracees;

	assert_held(&process_lock);
	while (*at != tracee)
		at = &(*at)->next;
	*at = tracee->next;
	tracee->tracer = NULL;
	tracee_put(tracee);
}

/* The thread goes on without it. */
static void tracee_free_thread_locked(struct tracee *tracee)
{
	struct thread *t = tracee->thread;
	struct process *p = t->proc;

	assert_held(&process_lock);
	raw_spin_lock(&p->sig_lock);
	if (!t->sig->exiting) /* else its stack may be gone */
		syscall_trace_set(t, false);
	rcu_assign_pointer(t->sig->tracee, NULL);
	t->sig->stop_passed = false; /* a stop of the process is its own, too, now */
	if (p->stop_signal)
		thread_set_work(t, WORK_SIGNAL);
	raw_spin_unlock(&p->sig_lock);
	tracee->thread = NULL;
	tracee->listening = false;
	tracee->mode = PTRACE_RUNS;
	tracee->steps = false;
	WRITE_ONCE(tracee->stopped, false);
	thread_wake_state(t, 1u << THREAD_TRACED);
	tracee_put(tracee);
}

static void tracee_detach_locked(struct tracee *tracee, int sig)
{
	assert_held(&process_lock);
	tracee->resume_signal = sig;
	if (tracee->thread)
		tracee_free_thread_locked(tracee);
	tracee_unlist_locked(tracee);
}

void tracee_detach(struct tracee *tracee, int sig)
{
	u64 flags = spin_lock_irqsave(&process_lock);

	if (tracee->tracer)
		tracee_detach_locked(tracee, sig);
	spin_unlock_irqrestore(&process_lock, flags);
}

bool ptrace_is_traced_by(const struct process *child, const struct process *tracer)
{
	const struct tracee *tracee = child->leader->sig->tracee;

	assert_held(&process_lock);
	return tracee && tracee->tracer == tracer;
}

pid_t thread_tracer(struct thread *t)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	const struct tracee *tracee = t->sig ? t->sig->tracee : NULL;
	pid_t pid = 0;

	if (tracee && tracee->tracer)
		pid = tracee->tracer->pid;
	spin_unlock_irqrestore(&process_lock, flags);
	return pid;
}

/* ---- stops ---- */

/* SIGCHLD, and who waits. */
static void tracer_tell_locked(const struct tracee *tracee, pid_t tid, int code, int status)
{
	struct siginfo_k info = { .pid = tid, .uid = tracee->uid, .code = code, .status = status };
	struct process *tracer = tracee->tracer;
	struct user_sigaction act;

	assert_held(&process_lock);
	raw_spin_lock(&tracer->sig_lock);
	act = sighand_get_action(tracer, SIGCHLD);
	if (act.handler != SIG_IGN && (code != CLD_TRAPPED || !(act.flags & SA_NOCLDSTOP)))
		signal_send_locked(tracer, NULL, SIGCHLD, &info);
	raw_spin_unlock(&tracer->sig_lock);
	wake_up_all(&tracer->child_wait);
}

static void tracee_note_stop(struct tracee *tracee, int status, const struct siginfo_k *info,
			     u64 message)
{
	assert_held(&process_lock);
	tracee->status = status;
	tracee->message = message;
	tracee->resume_signal = 0;
	if (info)
		tracee->info = *info;
	else
		tracee->info = (struct siginfo_k){
			.signo = SIGTRAP, .code = status, .pid = current->tid, .uid = tracee->uid
		};
	if (tracee->stepping)
		regs_set_single_step(current_regs(), false);
	tracee->stepping = false;
	tracee->unreported = true;
	WRITE_ONCE(tracee->stopped, true);
}

static bool tracee_may_go(const struct tracee *tracee)
{
	return !READ_ONCE(tracee->stopped) || (READ_ONCE(current->work) & WORK_EXIT) ||
	       (READ_ONCE(tracee->listening) && READ_ONCE(tracee->interrupt));
}

static void tracee_sleep(const struct tracee *tracee)
{
	for (;;) {
		set_current_state(THREAD_TRACED);
		if (tracee_may_go(tracee))
			break;
		schedule();
	}
	set_current_state(THREAD_RUNNABLE);
}

/* @return the signal to be delivered */
static int tracee_go_on(struct tracee *tracee, struct siginfo_k *info)
{
	u64 flags;
	int sig;

	mutex_lock(&tracee->lock); /* a request may be looking at its stack */
	flags = spin_lock_irqsave(&process_lock);
	sig = tracee->resume_signal;
	tracee->stopped = tracee->listening = tracee->unreported = false;
	tracee->call_stop = PTRACE_SYSCALL_INFO_NONE;
	if (READ_ONCE(current->work) & WORK_EXIT)
		sig = 0;
	if (info)
		*info = tracee->info;
	if (tracee->steps)
		thread_set_work(current, WORK_STEP);
	else
		thread_clear_work(current, WORK_STEP);
	spin_unlock_irqrestore(&process_lock, flags);
	mutex_unlock(&tracee->lock);
	return sig;
}

int ptrace_stop(int status, struct siginfo_k *info, u64 message, int otherwise)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct tracee *tracee = current->sig->tracee;
	int sig;

	if (!tracee || !tracee->tracer || READ_ONCE(current->work) & WORK_EXIT) {
		spin_unlock_irqrestore(&process_lock, flags);
		return otherwise;
	}
	atomic_inc(&tracee->refs);
	tracee_note_stop(tracee, status, info, message);
	set_current_state(THREAD_TRACED); /* before the tracer looks */
	tracer_tell_locked(tracee, current->tid, CLD_TRAPPED, status & 0x7f);
	spin_unlock_irqrestore(&process_lock, flags);
	tracee_sleep(tracee);
	sig = tracee_go_on(tracee, info);
	tracee_put(tracee);
	return sig;
}

int ptrace_signal(int sig, struct siginfo_k *info)
{
	int chosen = ptrace_stop(sig, info, 0, sig);

	if (chosen && chosen != sig)
		*info = (struct siginfo_k){ .signo = chosen,
					    .code = SI_USER,
					    .pid = thread_tracer(current) };
	return chosen;
}

static bool is_seized(void)
{
	const struct tracee *tracee;
	bool seized;

	rcu_read_lock();
	tracee = rcu_dereference(current->sig->tracee);
	seized = tracee && tracee->seized;
	rcu_read_unlock();
	return seized;
}

void ptrace_group_stop(int sig)
{
	struct siginfo_k none = { 0 };

	if (is_seized())
		(void)ptrace_stop(sig | PTRACE_EVENT_STOP << 8, NULL, 0, 0);
	else
		(void)ptrace_stop(sig, &none, 0, 0);
}

void ptrace_interrupted(void)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	int sig = SIGTRAP;

	if (current->sig->tracee)
		current->sig->tracee->interrupt = false;
	if (p->stop_signal)
		sig = p->stop_signal;
	spin_unlock_irqrestore(&p->sig_lock, flags);
	(void)ptrace_stop(sig | PTRACE_EVENT_STOP << 8, NULL, 0, 0);
}

void ptrace_continued_locked(struct thread *t)
{
	struct tracee *tracee = t->sig->tracee;

	assert_held(&t->proc->sig_lock);
	if (!tracee || !tracee->seized)
		return;
	WRITE_ONCE(tracee->interrupt, true);
	thread_set_work(t, WORK_SIGNAL);
	thread_wake_state(t, 1u << THREAD_TRACED); /* if it listens */
}

/* ---- system calls, programs, steps ---- */

static u8 tracee_mode(bool *stepping)
{
	const struct tracee *tracee;
	u8 mode = PTRACE_RUNS;

	*stepping = false;
	rcu_read_lock();
	tracee = rcu_dereference(current->sig->tracee);
	if (tracee) {
		mode = READ_ONCE(tracee->mode);
		*stepping = READ_ONCE(tracee->stepping);
	}
	rcu_read_unlock();
	return mode;
}

static void syscall_stop(u8 which)
{
	struct tracee *tracee;
	int status = SIGTRAP;

	rcu_read_lock();
	tracee = rcu_dereference(current->sig->tracee);
	if (tracee)
		tracee->call_stop = which;
	rcu_read_unlock();
	if (ptrace_has_option(PTRACE_O_TRACESYSGOOD))
		status |= 0x80;
	status = ptrace_stop(status, NULL, which, 0);
	if (status)
		(void)signal_send_thread(current, status, SI_KERNEL_INFO);
}

s64 syscall_trace_enter(struct pt_regs *regs)
{
	bool stepping;
	u8 mode = tracee_mode(&stepping);

	syscall_result_set(regs, -ENOSYS);
	if (mode != PTRACE_RUNS)
		syscall_stop(PTRACE_SYSCALL_INFO_ENTRY);
	if (mode == PTRACE_EMULATES || READ_ONCE(current->work) & WORK_EXIT)
		return -1;
	return (s32)syscall_number(regs);
}

void syscall_trace_exit(struct pt_regs *regs)
{
	bool stepping;

	if (tracee_mode(&stepping) == PTRACE_TO_SYSCALL)
		syscall_stop(PTRACE_SYSCALL_INFO_EXIT);
	else if (stepping) /* the call was the step */
		signal_force_fault(SIGTRAP, TRAP_TRACE, instruction_pointer(regs));
}

void ptrace_syscall_left(struct pt_regs *regs)
{
	if (unlikely(current->sig->tracee != NULL))
		syscall_trace_exit(regs);
}

bool ptrace_keeps_rights_away(void)
{
	const struct tracee *tracee;
	bool keeps;

	rcu_read_lock();
	tracee = rcu_dereference(current->sig->tracee);
	keeps = tracee && !tracee->privileged;
	rcu_read_unlock();
	return keeps;
}

/* execve() has said before that nobody may look: who links himself behind this finds that (request_attach()). */
void ptrace_rights_gained(void)
{
	struct tracee *tracee;
	u64 flags;

	if (likely(!current->sig->tracee))
		return;
	flags = spin_lock_irqsave(&process_lock);
	tracee = current->sig->tracee;
	if (tracee && tracee->tracer && !tracee->privileged)
		tracee_detach_locked(tracee, 0);
	spin_unlock_irqrestore(&process_lock, flags);
}

void ptrace_exec(pid_t old_tid)
{
	if (likely(!current->sig->tracee))
		return;
	if (ptrace_has_option(PTRACE_O_TRACEEXEC))
		(void)ptrace_stop(SIGTRAP | PTRACE_EVENT_EXEC << 8, NULL, (u64)old_tid, 0);
	else if (!is_seized())
		(void)signal_send_thread(current, SIGTRAP, NULL);
}

void ptrace_handler_entered(void)
{
	const struct tracee *tracee;
	bool steps;

	if (likely(!current->sig->tracee))
		return;
	rcu_read_lock();
	tracee = rcu_dereference(current->sig->tracee);
	steps = tracee && tracee->steps;
	rcu_read_unlock();
	if (steps)
		(void)ptrace_stop(SIGTRAP, NULL, 0, 0);
}

void ptrace_step(struct pt_regs *regs)
{
	u64 flags;

	thread_clear_work(current, WORK_STEP);
	flags = spin_lock_irqsave(&process_lock);
	if (current->sig->tracee && current->sig->tracee->steps)
		current->sig->tracee->stepping = regs_set_single_step(regs, true);
	spin_unlock_irqrestore(&process_lock, flags);
}

/* ---- new threads ---- */

/* As Linux decides. @return the event, or 0: none is wanted */
static int fork_event(u64 clone_flags, int exit_signal)
{
	int event = PTRACE_EVENT_FORK;

	if (clone_flags & CLONE_UNTRACED)
		return 0;
	if (clone_flags & CLONE_VFORK)
		event = PTRACE_EVENT_VFORK;
	else if (exit_signal != SIGCHLD)
		event = PTRACE_EVENT_CLONE;
	if (!ptrace_has_option(1u << event))
		return 0;
	return event;
}

int ptrace_fork_prepare(struct thread *t, u64 clone_flags, int exit_signal, int *event)
{
	bool stepping;

	*event = 0;
	if (likely(!current->sig->tracee))
		return 0;
	(void)tracee_mode(&stepping);
	if (stepping)
		regs_set_single_step(thread_user_regs(t), false);
	*event = fork_event(clone_flags, exit_signal);
	if (!*event && !(clone_flags & CLONE_PTRACE))
		return 0;
	t->sig->tracee = tracee_create();
	return t->sig->tracee ? 0 : -ENOMEM;
}

void ptrace_fork_abandon(struct thread *t)
{
	if (unlikely(t->sig && t->sig->tracee))
		tracee_put(t->sig->tracee);
}

/* The first that it does is to stop. */
static void tracee_first_stop_locked(struct tracee *tracee, struct thread *t)
{
	assert_held(&process_lock);
	raw_spin_lock(&t->proc->sig_lock);
	if (tracee->seized)
		tracee->interrupt = true;
	else
		t->sig->pending.set |= sigbit(SIGSTOP);
	thread_set_work(t, WORK_SIGNAL);
	raw_spin_unlock(&t->proc->sig_lock);
}

void ptrace_fork_begin(struct thread *t)
{
	struct tracee *tracee = t->sig->tracee, *mine;
	u64 flags;

	if (likely(!tracee))
		return;
	flags = spin_lock_irqsave(&process_lock);
	mine = current->sig->tracee;
	if (mine && mine->tracer) {
		tracee->ready = true;
		tracee->privileged = mine->privileged;
		tracee->seized = mine->seized;
		tracee->options = mine->options;
		tracee_link_locked(tracee, mine->tracer, t);
		syscall_trace_set(t, true);
		tracee_first_stop_locked(tracee, t);
	} else { /* the tracer has gone */
		raw_spin_lock(&t->proc->sig_lock);
		rcu_assign_pointer(t->sig->tracee, NULL);
		raw_spin_unlock(&t->proc->sig_lock);
		tracee_put(tracee);
	}
	spin_unlock_irqrestore(&process_lock, flags);
}

/* ---- ends ---- */

static bool tracer_ignores_children(struct process *tracer)
{
	struct user_sigaction act;

	assert_held(&process_lock);
	raw_spin_lock(&tracer->sig_lock);
	act = sighand_get_action(tracer, SIGCHLD);
	raw_spin_unlock(&tracer->sig_lock);
	return act.handler == SIG_IGN || act.flags & SA_NOCLDWAIT;
}

static void tracee_ended_locked(struct tracee *tracee, pid_t tid, int status)
{
	int code = CLD_EXITED, value = status >> 8 & 0xff;

	assert_held(&process_lock);
	if (status & WAIT_SIGNAL_MASK) {
		code = CLD_KILLED;
		value = status & WAIT_SIGNAL_MASK;
	}
	tracee->tid = tid;
	tracee->status = status;
	tracee->ended = true;
	tracer_tell_locked(tracee, tid, code, value);
}

void ptrace_thread_ends(struct thread *t, int status, bool replaced)
{
	struct process *p = t->proc;
	struct tracee *tracee;
	u64 flags;

	if (likely(!t->sig->tracee))
		return;
	if (p->exiting)
		status = p->exit_status;
	flags = spin_lock_irqsave(&process_lock);
	tracee = t->sig->tracee;
	if (tracee && tracee->tracer) {
		tracee_free_thread_locked(tracee);
		if (replaced || tracer_ignores_children(tracee->tracer))
			tracee_unlist_locked(tracee);
		else
			tracee_ended_locked(tracee, t->tid, status);
	}
	spin_unlock_irqrestore(&process_lock, flags);
}

bool ptrace_process_ended_locked(struct process *p)
{
	struct tracee *tracee = p->leader->sig->tracee;

	assert_held(&process_lock);
	if (likely(!tracee) || !tracee->tracer)
		return false;
	tracee_free_thread_locked(tracee);
	if (tracee->tracer == p->parent) { /* who is told as a parent */
		tracee_unlist_locked(tracee);
		return false;
	}
	tracee->zombie = p;
	p->is_tracers = true;
	tracee_ended_locked(tracee, p->pid, p->exit_status);
	return true;
}

bool tracee_reap_locked(struct tracee *tracee)
{
	struct process *p = tracee->zombie;
	bool reap = false;

	assert_held(&process_lock);
	tracee_unlist_locked(tracee);
	if (p) {
		p->is_tracers = false;
		reap = process_notify_parent_locked(p);
	}
	if (reap)
		process_unlink_locked(p);
	return reap;
}

void ptrace_release_all_locked(struct process *tracer, struct list *dead)
{
	struct tracee *tracee;

	assert_held(&process_lock);
	while ((tracee = tracer->tracees)) {
		struct process *p = tracee->zombie;
		struct thread *t = tracee->thread;

		if (tracee->ended) {
			if (tracee_reap_locked(tracee))
				list_add_tail(&p->sibling, dead);
			continue;
		}
		if (tracee->options & PTRACE_O_EXITKILL)
			(void)signal_send_thread(t, SIGKILL, SI_KERNEL_INFO);
		tracee_detach_locked(tracee, 0);
	}
}
