/* SPDX-License-Identifier: MIT */
/**
 * @file ptrace.h  Tracing of threads by another process: ptrace(2).
 *
 * Linking and stops are guarded by process_lock; what a running thread looks at on its way to user mode (->interrupt,
 * ->listening, task_signals.tracee) is written with its process's sig_lock, too.
 */
#pragma once
#include "internal.h"
#include <kernel/rcu.h>
#include <uapi/ptrace.h>

enum ptrace_mode {
	PTRACE_RUNS,
	PTRACE_TO_SYSCALL, /* the next system call stops it, at its begin or its end */
	PTRACE_EMULATES,   /* the next one stops it at its begin, and is not carried out */
};

/** A thread that is traced, until its end was reported. */
struct tracee {
	struct tracee *next;	/* of tracer->tracees */
	struct process *tracer; /* which detaches all when it ends; NULL: it is free */
	struct thread *thread;	/* NULL: it has ended */
	struct process *proc;	/* of the thread; counted */
	struct process
		*zombie; /* its process has ended, which the tracer is told before the parent is */
	struct atomic refs; /* the tracer's list, the thread, who works with it */
	struct rcu_head rcu;
	struct mutex
		lock; /* held by a request, and by the thread that ends its stop; outside of process_lock */
	pid_t tid; /* of one that has ended */
	uid_t uid;
	bool seized, ended, interrupt;
	bool ready;	 /* the tracer may give orders: its rights were checked behind the link */
	bool privileged; /* it may see programs with more rights than its own: CAP_SYS_PTRACE */
	bool stopped, listening, unreported;
	u32 options;
	int status; /* a stop's: signal, and event << 8; at the end wait4()'s */
	u64 message;
	struct siginfo_k info; /* signo 0: of a stop that has none */
	/* how it goes on */
	int resume_signal;
	u8 mode;    /* enum ptrace_mode */
	bool steps; /* one instruction */
	/* the thread's own */
	bool stepping; /* it set the flag of its registers */
	u8 call_stop;  /* PTRACE_SYSCALL_INFO_* */
};

#ifdef CONFIG_PTRACE
/**
 * @brief Stop, if the current thread is traced, until the tracer lets it go on. Thread context, no locks.
 * @param status  signal | event << 8
 * @param info    details; NULL: there are none
 * @param otherwise  the result if nobody traces it
 * @return the signal that is to be delivered; 0: none
 */
int ptrace_stop(int status, struct siginfo_k *info, u64 message, int otherwise);
/** @brief A signal was dequeued. @param info  in, out. @return what is to be delivered instead; 0: nothing. No locks. */
int ptrace_signal(int sig, struct siginfo_k *info);
/** @brief The stop of the whole process has reached the thread. No locks. */
void ptrace_group_stop(int sig);
/** @brief Is it to stop for PTRACE_INTERRUPT, or the end of a stop of the process? Locking: sig_lock. */
static inline bool ptrace_is_interrupted(const struct task_signals *signals)
{
	return unlikely(signals->tracee != NULL) && READ_ONCE(signals->tracee->interrupt);
}
/** @brief Do that. No locks. */
void ptrace_interrupted(void);
/** @brief A stop of the process of @p t is over. Locking: sig_lock. */
void ptrace_continued_locked(struct thread *t);
/** @brief Is the current thread traced with this option? */
bool ptrace_has_option(u32 option);
/** @brief Stop for an event if it is wanted. No locks. */
static inline void ptrace_event(int event, u64 message)
{
	if (unlikely(current->sig->tracee != NULL) && ptrace_has_option(1u << event))
		(void)ptrace_stop(SIGTRAP | event << 8, NULL, message, 0);
}
/** @brief Is the current thread traced by one who may not see programs with more rights? Then they get none. */
bool ptrace_keeps_rights_away(void);
/** @brief A program with more rights is in place: let go a tracer who came in between, and may not see it. No locks. */
void ptrace_rights_gained(void);
/** @brief A new program runs. No locks. @param old_tid  what the thread's number was */
void ptrace_exec(pid_t old_tid);
/** @brief The handler of a signal was entered. No locks. */
void ptrace_handler_entered(void);
/** @brief Let the processor stop it behind the next instruction, if the tracer wants that: the last step to user mode. */
void ptrace_step(struct pt_regs *regs);
/** @brief The end of a system call that does not return to its caller. No locks. */
void ptrace_syscall_left(struct pt_regs *regs);

/** @brief What a new thread needs if it will be traced, too. @param event  out: to be reported by the caller; 0: none
 * @return 0; -ENOMEM */
int ptrace_fork_prepare(struct thread *t, u64 clone_flags, int exit_signal, int *event);
/** @brief Begin with it: the thread is visible and does not run yet. No locks. */
void ptrace_fork_begin(struct thread *t);
/** @brief The thread is not started after all. */
void ptrace_fork_abandon(struct thread *t);

/** @brief A thread that is not the first of its process ends, or the first one does while @p replaced by execve(). No locks. */
void ptrace_thread_ends(struct thread *t, int status, bool replaced);
/**
 * @brief A process has ended. Locking: process_lock.
 * @return its tracer is told first, who is not the parent
 */
bool ptrace_process_ended_locked(struct process *p);
/** @brief A process ends: let go what it traces. Locking: process_lock. @param dead  processes that nobody will wait for */
void ptrace_release_all_locked(struct process *tracer, struct list *dead);
/** @brief Is the first thread of the child traced by @p tracer? Locking: process_lock. */
bool ptrace_is_traced_by(const struct process *child, const struct process *tracer);

/**
 * @brief The tracer has been told of an end. Locking: process_lock.
 * @return nobody else will be: ->zombie, which was unlinked, is to be released
 */
bool tracee_reap_locked(struct tracee *tracee);
/** @brief Drop a reference. */
void tracee_put(struct tracee *tracee);
/** @brief Find a thread that the current process traces. @return it, counted; NULL: it traces no such thread */
struct tracee *tracee_find(pid_t tid);
/** @brief Begin to trace. Takes over @p tracee. @return 0; -EPERM: it is traced, or ends */
int tracee_link(struct tracee *tracee, struct process *tracer, struct thread *t);
/** @brief Let go, with a signal or 0. */
void tracee_detach(struct tracee *tracee, int sig);
/** @brief An unlinked one. @return NULL: no memory */
struct tracee *tracee_create(void);
#else
static inline int ptrace_signal(int sig, struct siginfo_k *info)
{
	(void)info;
	return sig;
}
static inline void ptrace_group_stop(int sig)
{
	(void)sig;
}
static inline bool ptrace_is_interrupted(const struct task_signals *signals)
{
	(void)signals;
	return false;
}
static inline void ptrace_interrupted(void)
{
}
static inline void ptrace_continued_locked(struct thread *t)
{
	assert_held(&t->proc->sig_lock);
}
static inline void ptrace_event(int event, u64 message)
{
	(void)event;
	(void)message;
}
static inline bool ptrace_keeps_rights_away(void)
{
	return false;
}
static inline void ptrace_rights_gained(void)
{
}
static inline void ptrace_exec(pid_t old_tid)
{
	(void)old_tid;
}
static inline void ptrace_handler_entered(void)
{
}
static inline void ptrace_step(struct pt_regs *regs)
{
	(void)regs;
}
static inline void ptrace_syscall_left(struct pt_regs *regs)
{
	(void)regs;
}
static inline int ptrace_fork_prepare(struct thread *t, u64 clone_flags, int exit_signal,
				      int *event)
{
	(void)t;
	(void)clone_flags;
	(void)exit_signal;
	*event = 0;
	return 0;
}
static inline void ptrace_fork_begin(struct thread *t)
{
	(void)t;
}
static inline void ptrace_fork_abandon(struct thread *t)
{
	(void)t;
}
static inline void ptrace_thread_ends(struct thread *t, int status, bool replaced)
{
	(void)t;
	(void)status;
	(void)replaced;
}
static inline bool ptrace_process_ended_locked(struct process *p)
{
	assert_held(&process_lock);
	(void)p;
	return false;
}
static inline void ptrace_release_all_locked(struct process *tracer, struct list *dead)
{
	assert_held(&process_lock);
	(void)tracer;
	(void)dead;
}
static inline bool ptrace_is_traced_by(const struct process *child, const struct process *tracer)
{
	(void)child;
	(void)tracer;
	return false;
}
#endif
