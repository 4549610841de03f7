/* SPDX-License-Identifier: MIT */
/**
 * @file internal.h  What the files of kernel/process share.
 *
 * Locks, outermost first: process_lock, process.sig_lock, sighand.lock, a pid
 * bucket. All are spin locks that are held with interrupts off, since terminals
 * and timers send signals from interrupt handlers.
 *
 * "Locking: sig_lock" in a comment below means that the caller holds the sig_lock of
 * the process in question; the debug kernel asserts it.
 */
#pragma once
#include "pid_map.h"
#include "signal_set.h"
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/siginfo.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/poll.h>

/* ---- numbers (pid.c) ---- */

/**
 * A number and the objects that it names. The object exists, and the number stays allocated, as
 * long as a thread, a process, a process group or a session uses it.
 */
struct pid {
	pid_t nr;
	u64 serial;	       /* no other struct pid ever has it */
	struct atomic uses;    /* thread/process, and one per member of group and session */
	struct pid *hash_next; /* this and the next two: under the bucket's lock */
	struct thread *thread; /* counted */
	struct process *proc;  /* counted */
	struct list members;   /* process.pgrp_link, under process_lock */
	u64 oom_pages;	       /* oom.c's sum over them, under process_lock */
};
/** @brief Create the table of numbers. At boot. */
void pid_init(void);
/**
 * @brief Allocate a number. Look-ups do not find it before pid_publish().
 * @param want  the number; 0: any
 * @return it, with one reference; ERR_PTR(-EAGAIN): all numbers are in use, -ENOMEM, -EINVAL: @p want is out of
 * range, -EEXIST: it is in use
 */
struct pid *__must_check pid_create(u32 want);
/**
 * @brief Let look-ups find a thread and a process under a number. Takes a reference to each.
 * @param p  NULL: @p t is not the first thread of its process
 */
void pid_publish(struct pid *pid, struct thread *t, struct process *p);
/** @brief Let look-ups no longer find the thread. Drops the table's reference to it. Locking: none. */
void pid_withdraw_thread(struct pid *pid);
/** @brief Let look-ups no longer find the process. Drops the table's reference to it. Locking: none. */
void pid_withdraw_process(struct pid *pid);
/** @brief Let @p t have the number of another thread, whose reference is dropped (execve()). Locking: none. */
void pid_replace_thread(struct pid *pid, struct thread *t);
/** @brief Take a reference. @return @p pid */

static inline struct pid *pid_get(struct pid *pid)
{
	atomic_inc(&pid->uses);
	return pid;
}
/** @brief Drop a reference; the last one frees the number. */
void pid_put(struct pid *pid);
/** @brief Find the object of a group's or session's number. Locking: process_lock. @return it, not counted; NULL */
struct pid *pid_lookup(pid_t nr);
/** @brief A value that differs for each use of the same number. Any context. @return 0: the number is not in use */
u64 pid_serial(pid_t nr);

/* ---- resources of all processes of a user (account.c) ---- */

struct user_account {
	uid_t uid;
	struct atomic refs;
	struct atomic nr_threads;    /* RLIMIT_NPROC; of user 0, whom it does not limit, none */
	struct atomic nr_signals;    /* RLIMIT_SIGPENDING */
	struct atomic nr_pipe_pages; /* see cred_charge_pipe() */
	struct atomic64 nr_watches[WATCH_KINDS];
	struct atomic nr_socket_pages;	/* see cred_charge_socket() */
	struct atomic nr_flights;	/* see cred_charge_flight() */
	struct atomic64 nr_queue_bytes; /* RLIMIT_MSGQUEUE */
	struct user_account *next;
};
/** @brief Find the account of a user, or create it. @return it, counted; NULL: no memory */
struct user_account *__must_check account_find(uid_t uid);
/** @brief Take a reference. Any context. */
void account_get(struct user_account *account);
/** @brief Drop a reference; the last one frees the account. Any context. */
void account_put(struct user_account *account);
/** The account of user 0, which is never freed. */

extern struct user_account root_account;
/** @brief Count threads of a user. @param count  may be negative */
static inline void account_add_threads(struct user_account *account, s32 count)
{
	if (account != &root_account)
		atomic_add(&account->nr_threads, count);
}

/* ---- credentials ---- */

/** @brief Create the cache of credentials. At boot. */
void cred_init(void);
/** The super user's credentials, of kernel threads and of the first process. */
extern struct cred init_cred;
struct inode;
/**
 * @brief Change credentials as execve() does: set-id bits, the super user's capabilities.
 * @param no_suid  ignore the file's set-id bits
 * @return the new program has more power than its caller (AT_SECURE)
 */
bool cred_for_exec(struct cred *cred, const struct cred *old, const struct inode *file,
		   bool no_suid);
/** @brief Replace the list of groups of a private copy. Takes over @p list and @p refs (NULL: no groups). */
void cred_set_groups(struct cred *cred, gid_t *list, struct atomic *refs, u32 ngroups);
/** @brief Handle the options of prctl() about capabilities. @return false: @p option is not one of them */
bool capability_prctl(int option, u64 arg2, u64 arg3, u64 arg4, u64 arg5, s64 *result);
/** @brief Adjust capabilities to a change of user ids (capabilities(7)). */
void cred_fix_capabilities(struct cred *cred, const struct cred *old);
/** @brief Does the change from @p old to @p cred hide the process from its user? Locking: none. */
bool cred_changes_identity(const struct cred *old, const struct cred *cred);
/** @brief Does @p caller own a process with @p other, so that it may send signals to it? */
bool cred_same_owner(const struct cred *caller, const struct cred *other);

/* ---- signals ---- */

/** The actions of signals; processes share it after CLONE_SIGHAND. */
struct sighand {
	struct atomic refs; /* processes */
	spinlock_t lock;    /* guards what follows if refs > 1; otherwise sig_lock alone does */
	u64 valid;	    /* signals whose action[] is set */
	u64 caught;	    /* with a handler; part of valid */
	u64 ignored;	    /* set to SIG_IGN; part of valid */
	struct user_sigaction action[NSIG - 2]; /* by sighand_slot() */
};
/** @brief Index in action[]. SIGKILL and SIGSTOP have no action: without them two tables fit in a page. */
static inline u32 sighand_slot(int sig)
{
	return (u32)(sig - 1 - (sig > SIGKILL) - (sig > SIGSTOP));
}

struct posix_timer;

/** State of a user thread that struct thread does not have: signals first. */
struct task_signals {
	/* under sig_lock */
	u64 blocked;
	u64 wanted; /* sigtimedwait() waits for these */
	struct signal_queue pending;
	bool exiting;	       /* accepts no more signals */
	bool stop_owed;	       /* the process is stopping, and this thread has not stopped yet */
	bool stop_passed;      /* the tracer has let it go on in this stop */
	struct tracee *tracee; /* written under process_lock, too. NULL: nobody traces it */

	/* the thread's own */
	u64 saved_mask;		/* with WORK_RESTORE_SIGMASK */
	struct siginfo_k fault; /* of signal_force_fault() */
	bool fault_valid;
	u64 minflt, majflt;
	struct trap_record trap;    /* the last exception, for the handler's frame */
	struct user_stack altstack; /* pad is 0 */
	struct restart_block restart;

	/* CLONE_VFORK: the parent holds a reference to the thread and waits here */
	bool vfork_done;
	struct wait_queue vfork_wait;

	struct pid *pid;	  /* the thread's number */
	struct list cpu_timers;	  /* posix timers on this thread's CPU clock */
	u64 rt_nvcsw, rt_base_ns; /* RLIMIT_RTTIME: sleeps + 1 when last looked at, CPU time then */
};

/** @brief Create the caches of signals. At boot. */
void signal_init(void);
/** @brief A table in which every signal has its default action. @return it, with one reference; NULL: no memory */
struct sighand *__must_check sighand_create(void);
/** @brief A copy of a table. @return it, with one reference; NULL: no memory */
struct sighand *__must_check sighand_copy(struct sighand *old);
/** @brief Drop a reference; the last one frees the table. */
void sighand_put(struct sighand *sighand);
/** @brief Does @p sig have its default action? Locking: sig_lock and sighand_lock(). */
static inline bool sighand_is_default(const struct sighand *sighand, int sig)
{
	return !sig_in(sighand->caught | sighand->ignored, sig);
}
/** @brief Set the default action of @p sig. Locking: sig_lock and sighand_lock(). */
static inline void sighand_set_default(struct sighand *sighand, int sig)
{
	sighand->valid &= ~sigbit(sig);
	sighand->caught &= ~sigbit(sig);
	sighand->ignored &= ~sigbit(sig);
}
/** @brief The action of @p sig. Locking: sig_lock. */
struct user_sigaction sighand_get_action(struct process *p, int sig);
/** @brief For a new program: remove handlers; ignored signals stay ignored. Locking: sig_lock, or no other thread knows @p p. */
void sighand_exec_reset(struct process *p);
/**
 * @brief Exclude the other processes that share @p sighand. Locking: sig_lock.
 * @return the lock was necessary, and is held: for sighand_unlock()
 */
static inline bool sighand_lock(struct sighand *sighand)
{
	if (likely(__atomic_load_n(&sighand->refs.v, __ATOMIC_ACQUIRE) == 1))
		return false;
	raw_spin_lock(&sighand->lock);
	return true;
}
/** @brief The counterpart. @param locked  what sighand_lock() returned */
static inline void sighand_unlock(struct sighand *sighand, bool locked)
{
	if (unlikely(locked))
		raw_spin_unlock(&sighand->lock);
}

/** The wait queue of a process for its signals, for files of signalfd() (signalfd.c). */
struct signal_watch {
	struct atomic refs;
	struct wait_queue wait;
};
/** @brief Drop a reference; the last one frees the queue. @param watch  may be NULL */
void signal_watch_put(struct signal_watch *watch);
/** @brief Wake what polls a signalfd of @p p: a signal became pending. Locking: sig_lock. */
static inline void signal_watch_wake(struct process *p)
{
	if (unlikely(p->watch != NULL))
		wake_up_key(&p->watch->wait, 0, POLLIN | POLLRDNORM);
}

/**
 * @brief Send a signal to a process or to one of its threads. Locking: sig_lock.
 * @param t     NULL: to the process
 * @param info  NULL: from the current process
 * @return as signal_send_process()
 */
int signal_send_locked(struct process *p, struct thread *t, int sig, const struct siginfo_k *info);
/**
 * @brief Send a signal for a program that asks for it: with kill(2)'s check of permission. Locking: none.
 * @param sig   0: only check
 * @param info  NULL: from the current process
 * @return also -EPERM; -ESRCH: the process was reaped
 */
int __must_check signal_kill_process(struct process *p, int sig, const struct siginfo_k *info);
/** @brief The first thread, counted. Locking: none; takes process_lock. @return NULL: the process was reaped */
struct thread *process_leader_get(struct process *p);
enum signal_timer_result { SIGNAL_TIMER_QUEUED, SIGNAL_TIMER_PENDING, SIGNAL_TIMER_IGNORED };
/** @brief Queue a timer's own entry. Locking: sig_lock. @return it was queued, was in a queue already, or is ignored */

enum signal_timer_result signal_send_timer(struct process *p, struct thread *t,
					   struct signal_entry *entry);
/**
 * @brief Remove the first pending signal of @p set from the queue of the thread, or of the process. Locking: sig_lock.
 * @param info  out: its details
 * @return its number; 0: none is pending
 */
int signal_dequeue(struct process *p, struct task_signals *signals, u64 set,
		   struct siginfo_k *info);
/** @brief Discard the pending signals of @p set. Locking: sig_lock, or no other thread knows the queue. */
void signal_queue_flush(struct signal_queue *queue, u64 set);
/** @brief Make an empty queue. */
void signal_queue_init(struct signal_queue *queue);

/** @brief The queue for signals to @p t; NULL: to the process. */
static inline struct signal_queue *signal_queue_of(struct process *p, struct thread *t)
{
	if (t)
		return &t->sig->pending;
	return &p->shared;
}
/** @brief Set or clear WORK_SIGNAL of the current thread, by its pending signals. Locking: sig_lock. */
void signal_recalc(void);
/** @brief Replace the current thread's mask. Locking: none; takes sig_lock where signals are pending. */
void signal_set_mask(u64 mask);
/** @brief Make all threads of @p p exit, with @p status for wait4(), unless they do already. Locking: sig_lock. */
void signal_group_exit_locked(struct process *p, int status);
/**
 * @brief Stop the delivery of signals to an exiting thread: other threads receive those of the process, and a stop no longer
 * waits for it. Locking: sig_lock.
 * @return all other threads have stopped, so that the stop of the process is complete
 */
bool signal_thread_leaves(struct process *p, struct thread *t);
/** @brief Send to each process of a group. Locking: process_lock. @return 0; -ESRCH: there is none */
int signal_send_pgrp_locked(struct pid *pgrp, int sig, const struct siginfo_k *info);
/** @brief Notify the parent of a zombie. Locking: process_lock. @return no process will wait for it: it is to be reaped */
bool process_notify_parent_locked(struct process *p);
/** @brief Notify the parent that the process stopped or continued. Locking: none. @param why  CLD_* */
void process_notify_parent_stop(struct process *p, int why);

/* ---- frames (sigframe.c) ---- */
/** @brief Let @p regs enter the handler. @return 0 or -EFAULT */
int __must_check sigframe_setup(struct pt_regs *regs, int sig, const struct user_sigaction *act,
				const struct siginfo_k *info, u64 mask);

/* ---- the tree ---- */
/**
 * @brief A process without threads, which nothing can find yet.
 * @param parent  it inherits limits and settings from this one; NULL: the first process
 * @return it, with one reference; NULL: no memory
 */
struct process *__must_check process_create(struct process *parent);
/** @brief Remove a process from the tree and its group; process_release() is next. Locking: process_lock. */
void process_unlink_locked(struct process *p);
/** @brief Free a reaped process's number, first thread, and the reference of the table. Locking: none. */
void process_release(struct process *p);
/** @brief Is the group orphaned, not counting @p ignore (may be NULL)? Locking: process_lock. */
bool pgrp_orphaned_without(struct pid *pgrp, const struct process *ignore);
/** @brief Make a process a member of a group and a session. Locking: process_lock. */
void process_enter_group_locked(struct process *p, struct pid *pgrp, struct pid *session);
/** @brief The counterpart. Locking: process_lock. */
void process_leave_group_locked(struct process *p);
/** @brief CPU time of a thread so far, in ns. Any context. */
u64 thread_cpu_ns(struct thread *t);
/** @brief CPU time of all threads of a process, ended ones too, in ns. Locking: none; takes sig_lock. */
u64 process_cpu_ns(struct process *p);
/**
 * @brief End the current thread, and its process if it is the last one.
 * @param status  for wait4(), if this is the first thread and nothing else has decided how the process ends
 */
void thread_end(int status) __noreturn;
/** @brief Initialize a new thread's state. @param parent  it inherits the mask; NULL: nothing is blocked */
void task_signals_init(struct task_signals *signals, const struct task_signals *parent);

extern struct kmem_cache *task_signals_cache;

/* ---- leaving an address space (exit, exec) ---- */
/** @brief Handle the robust list, clear_child_tid and a waiting vfork() parent, while the thread still has its space. */
void thread_leave_space(struct thread *t);
/** @brief Wake the parent that waits in vfork(). */
void thread_vfork_done(struct thread *t);

/* ---- timers ---- */

/** A timer on a CPU clock: signal at @p expires (0: off), then every @p interval. In ns of that clock. */
struct cpu_alarm {
	u64 expires, interval;
};

/** Timers of a process other than ITIMER_REAL; created when first needed. Under sig_lock. */
struct process_timers {
	struct process *proc;
	struct timer check;	     /* looks at the CPU clocks when one may be due */
	struct cpu_alarm virt, prof; /* user time; all CPU time */
	u64 next_xcpu_ns;	     /* RLIMIT_CPU: next SIGXCPU */
	struct list posix;	     /* struct posix_timer */
	int next_id;
};
/** @brief The timers of the current process, created if it has none. @return NULL: no memory */
struct process_timers *__must_check process_timers_get(void);
/** @brief Read the CPU clocks, send the signals that are due, and start the timer for the next check. Locking: sig_lock. */
void cpu_timers_check(struct process *p);
/** @brief Start the timer for the check of a deadline that is @p left ns of CPU time away. Locking: sig_lock. */
void cpu_timers_look(struct process *p, u64 left);
/** @brief Stop ITIMER_REAL and the timers on CPU clocks of a process that ends. Locking: none. */
void itimers_exit(struct process *p);
#ifdef CONFIG_POSIX_TIMERS
/** @brief Delete the POSIX timers of a process that ends or executes a program. Locking: none. */
void posix_timers_delete_all(struct process *p);
/** @brief The signal of a timer is being delivered: count overruns, start it again. Locking: sig_lock. */
void posix_timer_dequeued(struct process *p, struct posix_timer *timer, struct siginfo_k *info);
/** @brief The signal of a timer was discarded: start it again. Locking: sig_lock. */
void posix_timer_flushed(struct posix_timer *timer);
/**
 * @brief Send the signals of POSIX timers on CPU clocks that are due. Locking: sig_lock.
 * @param total  CPU time of the process, in ns
 * @return ns of CPU time until the next one is due, ~0: there is none
 */
u64 posix_cpu_timers_check(struct process_timers *pts, u64 total);
/** @brief The wall clock was set: compute the deadlines of absolute timers on it again. */
void posix_timers_clock_set(void);
#else
/* No process has any. */
static inline void posix_timers_delete_all(struct process *p)
{
	(void)p;
}
static inline void posix_timer_dequeued(struct process *p, struct posix_timer *timer,
					struct siginfo_k *info)
{
	(void)p;
	(void)timer;
	(void)info;
}
static inline void posix_timer_flushed(struct posix_timer *timer)
{
	(void)timer;
}
static inline u64 posix_cpu_timers_check(struct process_timers *pts, u64 total)
{
	(void)pts;
	(void)total;
	return ~0ul;
}
static inline void posix_timers_clock_set(void)
{
}
#endif
#ifdef CONFIG_PIDFD
/** @brief Make a descriptor that means @p p. @param flags  O_NONBLOCK or 0 @return it, or -errno */
int __must_check pidfd_install(struct process *p, u32 flags);
/** @brief The process that a descriptor means, counted. @param nonblock  out: O_NONBLOCK @return ERR_PTR(-EBADF): it is no pidfd */
struct process *__must_check pidfd_process_get(u32 fd, bool *nonblock);
#else
/* There are none. */
static inline int __must_check pidfd_install(struct process *p, u32 flags)
{
	(void)p;
	(void)flags;
	return -EINVAL;
}
static inline struct process *__must_check pidfd_process_get(u32 fd, bool *nonblock)
{
	(void)fd;
	(void)nonblock;
	return ERR_PTR(-EBADF);
}
#endif
#ifdef CONFIG_TIMERFD
/** @brief The wall clock was set: the same for files of timerfd_create(). Sleeps. */
void timerfds_clock_set(void);
#else
static inline void timerfds_clock_set(void)
{
}
#endif
/** @brief SIGALRM of the process was delivered or discarded: start ITIMER_REAL again if it waits for that. Locking: sig_lock. */
void itimer_real_continue(struct process *p);
/** @brief The function of process.real_timer. */
void itimer_real_fires(struct timer *timer);
/**
 * @brief Check CPU time after a change of a limit on it, or of the policy of a thread. Thread context.
 * @return 0; -ENOMEM: the limit is not enforced
 */
int __must_check cpu_limit_changed(struct process *p);
/** @brief The same for a process that has its timers, or none. Locking: none; takes sig_lock. */
void cpu_limit_check_again(struct process *p);
/** @brief Create the timers of a new process that enforce the limits on CPU time it inherits. @return 0 or -ENOMEM */
int __must_check process_timers_inherit(struct process *p);

/* ---- unknown_call.c ---- */
/** @brief Log once per program that it called the kernel as a 32-bit program does. */
void unknown_call_foreign(void);

/* ---- futex.c ---- */
/** @brief Create the table of waiters. At boot. */
void futex_init(void);
/** @brief Wake up to @p nr threads that wait on a word of the current space. @param shared  the word may be in shared memory */
void futex_wake_user(u64 uaddr_word, bool shared, u32 nr);
/** @brief Mark the robust futexes that the exiting thread holds, and wake a waiter of each (robust.c). */
void robust_list_exit(struct thread *t);

/* ---- times ---- */
/** @brief Read a struct timespec. @param ns  out, saturated @return 0, -EFAULT, -EINVAL */
int __must_check timespec_from_user(u64 *ns, uaddr_t src);
/** @brief Write a struct timespec. @return 0 or -EFAULT */
int __must_check timespec_to_user(uaddr_t dst, u64 ns);

static inline struct timespec timespec_from_ns(u64 ns)
{
	return (struct timespec){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC) };
}
static inline struct timeval timeval_from_ns(u64 ns)
{
	return (struct timeval){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000) };
}
/** @brief Convert to ns, saturated at 63 bits. @return 0; -EINVAL: negative, or not less than a second of ns */
int __must_check timespec_to_ns(const struct timespec *timespec, u64 *ns);
/** @brief Add times, saturated at 63 bits. */
static inline u64 ns_add(u64 ns, u64 more)
{
	if (ns + more < ns)
		return INT64_MAX;
	return ns + more;
}
/** @brief Time from @p now until @p expires; 0 if that has passed. */
static inline u64 ns_until(u64 expires, u64 now)
{
	if (expires <= now)
		return 0;
	return expires - now;
}
/** The queue is woken, and the count incremented, whenever the wall clock is set. */
extern struct wait_queue clock_set_wait;
extern u32 clock_set_count;
/** @brief Convert an absolute time on @p clock, which has a fixed distance from the monotonic clock, to a deadline. */
u64 clock_to_monotonic(int clock, u64 ns);
/** @brief The distance of @p clock from the monotonic clock, in ns. */
u64 clock_offset_ns(int clock);
/** @brief Read any clock, CPU clocks too. @return 0; -EINVAL: there is no such clock */
int __must_check clock_read(int clock, u64 *ns);
/** @brief Read a CPU clock: negative numbers, and those of the current thread and process. @return 0 or -EINVAL */
int __must_check cpu_clock_read(int clock, u64 *ns);

/* ---- status for wait4() ---- */
#define WAIT_SIGNAL_MASK \
	0x7f /* the signal that ended the process; 0: it exited. All ones: it stopped */

/* ---- rusage ---- */
/** @brief The resources that a child used, with those of its own children. Locking: process_lock. @param usage  out */
void rusage_of_child(struct process *child, struct rusage *usage);
