/* SPDX-License-Identifier: MIT */
/**
 * @file internal.h  What the files of kernel/process share.
 *
 * Locks, outermost first: process_lock, process.sig_lock, sighand.lock, a pid
 * bucket. All spin with interrupts off, since terminals and timers send
 * signals from interrupt handlers.
 */
#pragma once
#include "pid_map.h"
#include "signal_set.h"
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/sigframe.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/poll.h>

/* ---- numbers (pid.c) ---- */

/**
 * A number and what it stands for. It lives, and the number stays taken, as
 * long as a thread, a process, a process group or a session has it.
 */
struct pid {
	pid_t nr;
	u64 serial;	    /* no other struct pid ever has it */
	struct atomic uses; /* thread/process, and one per member of group and session */
	struct pid *hash_next;
	struct thread *thread; /* counted; under the bucket's lock, like proc */
	struct process *proc;  /* counted */
	struct list members;   /* process.pgrp_link, under process_lock */
	u64 oom_pages;	       /* oom.c's sum over them, under process_lock */
};
void pid_init(void);
/** @brief A fresh number; @p want 0: any. ERR_PTR: -EAGAIN, -ENOMEM, -EINVAL, -EEXIST. Not to be found yet. */
struct pid *__must_check pid_create(u32 want);
/** @brief Let look-ups find @p t and, for a first thread, @p p (NULL otherwise). Takes references. */
void pid_publish(struct pid *pid, struct thread *t, struct process *p);
/** @brief The thread (and process) has this number no more; drops their references. */
void pid_withdraw_thread(struct pid *pid);
void pid_withdraw_process(struct pid *pid);
/** @brief exec by another thread than the first: @p t takes over the first one's number. */
void pid_replace_thread(struct pid *pid, struct thread *t);
static inline struct pid *pid_get(struct pid *pid)
{
	atomic_inc(&pid->uses);
	return pid;
}
void pid_put(struct pid *pid);
/** @brief The pid object of a group or session number. Under process_lock; not counted. */
struct pid *pid_lookup(pid_t nr);
/** @brief What tells the present use of a number from later ones. Any context. @return 0: it is not in use */
u64 pid_serial(pid_t nr);

/* ---- what a user's processes have in all (account.c) ---- */

struct user_account {
	uid_t uid;
	struct atomic refs;
	struct atomic nr_threads;      /* RLIMIT_NPROC */
	struct atomic nr_signals;      /* RLIMIT_SIGPENDING */
	struct atomic nr_pipe_pages;   /* see cred_charge_pipe() */
	struct atomic64 nr_watches;    /* of epoll */
	struct atomic nr_socket_pages; /* see cred_charge_socket() */
	struct atomic nr_flights;      /* see cred_charge_flight() */
	struct user_account *next;
};
struct user_account *account_find(uid_t uid); /* counted; NULL: no memory */
void account_get(struct user_account *account);
void account_put(struct user_account *account);
extern struct user_account root_account;

/* ---- credentials ---- */

void cred_init(void);
extern struct cred init_cred;
/** @brief How execve() changes credentials: set-id bits, the super user's capabilities. @return AT_SECURE */
struct inode;
bool cred_for_exec(struct cred *cred, const struct cred *old, const struct inode *file,
		   bool no_suid);
/** @brief Give a private copy another list of groups; takes over @p list and @p refs (NULL: none). */
void cred_set_groups(struct cred *cred, gid_t *list, struct atomic *refs, u32 ngroups);
/** @brief The part of prctl() about capabilities. @return false: not one of them */
bool capability_prctl(int option, u64 arg2, u64 arg3, u64 arg4, u64 arg5, s64 *result);
/** @brief Capability changes that go with a change of user ids (capabilities(7)). */
void cred_fix_capabilities(struct cred *cred, const struct cred *old);
/** @brief Does the change from @p old to @p cred hide the process from its user? Locking: none. */
bool cred_changes_identity(const struct cred *old, const struct cred *cred);
/** @brief May @p caller signal a process that has @p other, as its owner? */
bool cred_same_owner(const struct cred *caller, const struct cred *other);

/* ---- signals ---- */

/** What programs do with signals; shared after CLONE_SIGHAND. */
struct sighand {
	struct atomic refs;			/* processes */
	spinlock_t lock;			/* only with refs > 1; else sig_lock is enough */
	u64 valid;				/* signals whose action[] says something */
	u64 caught;				/* with a handler; part of valid */
	u64 ignored;				/* set to SIG_IGN; part of valid */
	struct user_sigaction action[NSIG - 2]; /* by sighand_slot() */
};
/** SIGKILL and SIGSTOP have no action: without them two of these fit in a page. */
static inline u32 sighand_slot(int sig)
{
	return (u32)(sig - 1 - (sig > SIGKILL) - (sig > SIGSTOP));
}

struct posix_timer;

/** What a thread has besides struct thread: signals first. */
struct task_signals {
	/* under sig_lock */
	u64 blocked;
	u64 wanted; /* sigtimedwait() sleeps for these */
	struct signal_queue pending;
	bool exiting;	/* takes no more signals */
	bool stop_owed; /* has not stopped yet for the process's stop */

	/* the thread's own */
	u64 saved_mask;		/* with WORK_RESTORE_SIGMASK */
	struct siginfo_k fault; /* of signal_force_fault() */
	bool fault_valid;
	u64 minflt, majflt;
	struct trap_record trap; /* the last exception, for the handler's frame */
	u32 altstack_flags;
	u64 altstack_sp, altstack_size;
	struct restart_block restart;

	/* CLONE_VFORK: the parent holds a reference to the thread and waits here */
	bool vfork_done;
	struct wait_queue vfork_wait;

	struct pid *pid;	  /* the thread's number */
	struct list cpu_timers;	  /* posix timers on this thread's CPU clock */
	u64 rt_nvcsw, rt_base_ns; /* RLIMIT_RTTIME: sleeps + 1 when last looked at, CPU time then */
};

void signal_init(void);
struct sighand *sighand_create(void);
struct sighand *sighand_copy(struct sighand *old);
void sighand_put(struct sighand *sighand);
/** @brief Does @p sig have its default action? Under the locks. */
static inline bool sighand_is_default(const struct sighand *sighand, int sig)
{
	return !sig_in(sighand->caught | sighand->ignored, sig);
}
/** @brief Give @p sig its default action. Under the locks. */
static inline void sighand_set_default(struct sighand *sighand, int sig)
{
	sighand->valid &= ~sigbit(sig);
	sighand->caught &= ~sigbit(sig);
	sighand->ignored &= ~sigbit(sig);
}
/** @brief The action for @p sig. Under sig_lock. */
struct user_sigaction sighand_get_action(struct process *p, int sig);
void sighand_exec_reset(struct process *p);
/** @brief Under sig_lock: also keep out the other processes that share @p sighand. @return was that necessary */
static inline bool sighand_lock(struct sighand *sighand)
{
	if (likely(__atomic_load_n(&sighand->refs.v, __ATOMIC_ACQUIRE) == 1))
		return false;
	raw_spin_lock(&sighand->lock);
	return true;
}
static inline void sighand_unlock(struct sighand *sighand, bool locked)
{
	if (unlikely(locked))
		raw_spin_unlock(&sighand->lock);
}

/** Where a process waits for its signals with files of signalfd() (signalfd.c). */
struct signal_watch {
	struct atomic refs;
	struct wait_queue wait;
};
void signal_watch_put(struct signal_watch *watch);
/** @brief Something is pending for the process or one of its threads. Under sig_lock. */
static inline void signal_watch_tell(struct process *p)
{
	if (unlikely(p->watch != NULL))
		wake_up_key(&p->watch->wait, 0, POLLIN | POLLRDNORM);
}

/** @brief Send; @p t NULL: to the process. Under sig_lock. Results as signal_send_process(). */
int signal_send_locked(struct process *p, struct thread *t, int sig, const struct siginfo_k *info);
/** @brief A timer's own entry. @return false: it is queued already, or ignored */
enum signal_timer_result { SIGNAL_TIMER_QUEUED, SIGNAL_TIMER_PENDING, SIGNAL_TIMER_IGNORED };
enum signal_timer_result signal_send_timer(struct process *p, struct thread *t,
					   struct signal_entry *entry);
/** @brief Take the first of @p set out of the thread's or the process's queue. @return number or 0 */
int signal_dequeue(struct process *p, struct task_signals *signals, u64 set,
		   struct siginfo_k *info);
void signal_queue_flush(struct signal_queue *queue, u64 set);
void signal_queue_init(struct signal_queue *queue);
/** @brief The queue for signals to @p t; NULL: to the process. */
static inline struct signal_queue *signal_queue_of(struct process *p, struct thread *t)
{
	if (t)
		return &t->sig->pending;
	return &p->shared;
}
/** @brief Set or clear WORK_SIGNAL of the current thread by what is pending. Under sig_lock. */
void signal_recalc(void);
/** @brief Change the current thread's mask. */
void signal_set_mask(u64 mask);
/** @brief End all threads of @p p with @p status unless that has begun. Under sig_lock. */
void signal_group_exit_locked(struct process *p, int status);
/** @brief A thread is leaving: what only it could have taken goes to others; a stop no longer waits for it. @return true: the stop is complete now */
bool signal_thread_leaves(struct process *p, struct thread *t);
int signal_send_pgrp_locked(struct pid *pgrp, int sig, const struct siginfo_k *info);
/** @brief Tell the parent that the process stopped or went on. Without locks. */
void process_notify_parent_stop(struct process *p, int why);

/* ---- frames (sigframe.c) ---- */
/** @brief Let @p regs enter the handler. @return 0 or -EFAULT */
int __must_check sigframe_setup(struct pt_regs *regs, int sig, const struct user_sigaction *act,
				const struct siginfo_k *info, u64 mask);

/* ---- the tree ---- */
struct process *process_create(struct process *parent);
/** @brief Out of the tree, for process_release(). Under process_lock. */
void process_unlink_locked(struct process *p);
/** @brief Give back number, first thread and the table's reference. Without locks. */
void process_release(struct process *p);
bool pgrp_orphaned_without(struct pid *pgrp, const struct process *ignore);
void process_enter_group_locked(struct process *p, struct pid *pgrp, struct pid *session);
void process_leave_group_locked(struct process *p);
/** @brief Add a just-ended or live thread's figures to its process. Under sig_lock. */
u64 thread_cpu_ns(struct thread *t);
u64 process_cpu_ns(struct process *p);
void thread_end(int status) __noreturn;
void task_signals_init(struct task_signals *signals, const struct task_signals *parent);
extern struct kmem_cache *task_signals_cache;

/* ---- leaving an address space (exit, exec) ---- */
/** @brief Robust list, clear_child_tid, vfork: what has to be done while the old space is still there. */
void thread_leave_space(struct thread *t);
void thread_vfork_done(struct thread *t);

/* ---- timers ---- */

/** One CPU clock that somebody waits on: signal at @p expires (0: off), then every @p interval. */
struct cpu_alarm {
	u64 expires, interval;
};

/** What a process has in timers besides ITIMER_REAL; made when first needed. Under sig_lock. */
struct process_timers {
	struct process *proc;
	struct timer check;	     /* looks at the CPU clocks when one may be due */
	struct cpu_alarm virt, prof; /* user time; all CPU time */
	u64 next_xcpu_ns;	     /* RLIMIT_CPU: next SIGXCPU */
	struct list posix;	     /* struct posix_timer */
	int next_id;
};
/** @brief That of the current process. NULL: no memory. */
struct process_timers *process_timers_get(void);
/** @brief Look at the CPU clocks, send what is due, and decide when to look again. Under sig_lock. */
void cpu_timers_check(struct process *p);
/** @brief Look at them when so much more CPU time may have passed at the earliest. Under sig_lock. */
void cpu_timers_look(struct process *p, u64 left);
void itimers_exit(struct process *p);
void posix_timers_delete_all(struct process *p);
/** @brief Under sig_lock: its signal is being delivered. */
void posix_timer_dequeued(struct process *p, struct posix_timer *timer, struct siginfo_k *info);
/** @brief Under sig_lock: its signal was thrown away instead. It goes on. */
void posix_timer_flushed(struct posix_timer *timer);
/**
 * @brief Timers on CPU clocks that are due. Under sig_lock.
 * @param total  what the process has used
 * @return CPU ns until the next is due, ~0: none
 */
u64 posix_cpu_timers_check(struct process_timers *pts, u64 total);
/** @brief Under sig_lock: the process's SIGALRM was taken, or thrown away. ITIMER_REAL goes on if it waits for that. */
void itimer_real_continue(struct process *p);
void itimer_real_fires(struct timer *timer);
/** @brief A limit on CPU time, or the policy of a thread, has changed. Thread context. @return 0 or -ENOMEM: it is not watched */
int cpu_limit_changed(struct process *p);
/** @brief For a process in the making: what watches its limits on CPU time. @return 0 or -ENOMEM */
int __must_check process_timers_inherit(struct process *p);

/* ---- unknown_call.c ---- */
/** @brief Log once per program that it called the kernel as a 32-bit program does. */
void unknown_call_foreign(void);

/* ---- futex.c ---- */
void futex_init(void);
void futex_wake_user(u64 uaddr_word, bool shared, u32 nr);
void robust_list_exit(struct thread *t);

/* ---- times ---- */
int __must_check timespec_from_user(u64 *ns, uaddr_t src);
int timespec_to_user(uaddr_t dst, u64 ns);
static inline struct timespec timespec_from_ns(u64 ns)
{
	return (struct timespec){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC) };
}
static inline struct timeval timeval_from_ns(u64 ns)
{
	return (struct timeval){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000) };
}
/** @brief Saturating: what does not fit in 63 bits is as good as never. @return 0 or -EINVAL */
int __must_check timespec_to_ns(const struct timespec *timespec, u64 *ns);
static inline u64 ns_add(u64 ns, u64 more)
{
	if (ns + more < ns)
		return INT64_MAX;
	return ns + more;
}
/** @brief Time from @p now until @p expires; 0 if that is over. */
static inline u64 ns_until(u64 expires, u64 now)
{
	if (expires <= now)
		return 0;
	return expires - now;
}
/** @brief Woken, and the count raised, whenever the wall clock is set. */
extern struct wait_queue clock_set_wait;
extern u32 clock_set_count;
/** @brief The wall clock was set: absolute timers on it are looked at again. */
void posix_timers_clock_set(void);
/** @brief A monotonic deadline for an absolute time on a clock that is a fixed distance from it. */
u64 clock_to_monotonic(int clock, u64 ns);
u64 clock_offset_ns(int clock);
/** @brief Read any clock id, CPU clocks too. @return 0 or -EINVAL */
int __must_check clock_read(int clock, u64 *ns);
int __must_check cpu_clock_read(int clock, u64 *ns);

/* ---- status for wait4() ---- */
#define WAIT_SIGNAL_MASK \
	0x7f /* the signal that ended the process; 0: it exited. All ones: it stopped */

/* ---- rusage ---- */
void rusage_of_child(struct process *child, struct rusage *usage);
