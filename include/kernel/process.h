/* SPDX-License-Identifier: MIT */
/**
 * @file process.h  Processes (thread groups), their tree, groups and sessions.
 *
 * Locks, outermost first:
 *   process_lock     (spin, irqsave) the tree, groups, sessions, and the state
 *                    changes that wait4() sees;
 *   process.sig_lock (spin, irqsave) one process: its threads, pending signals,
 *                    signal masks, stops, limits;
 *   a pid bucket     (spin, irqsave) number to thread and process; kernel/process/pid.c.
 *
 * A process is counted: the pid table holds one reference until the process
 * is reaped, each thread one, and each look-up one.
 */
#pragma once
#include <kernel/cred.h>
#include <kernel/siginfo.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <uapi/resource.h>
#include <uapi/signal.h>

struct tty;
struct sighand;
struct process_timers;
struct posix_timer;
struct user_account;
struct pid;
struct signal_watch;
struct tracee;

/** A pending signal with its details. */
struct signal_entry {
	struct list link; /* empty: not queued */
	struct siginfo_k info;
	struct user_account *account; /* counted in its nr_signals; NULL: not */
	struct posix_timer *timer;    /* to which it belongs; NULL: to none */
	bool embedded;		      /* in a timer or a signal_queue: not freed */
};
/** Pending signals: a set, and a queue with the details of each. */
struct signal_queue {
	u64 set;
	struct list entries;
	struct signal_entry first; /* for the usual, single signal: needs no allocation */
};

enum process_state { PROC_LIVE, PROC_STOPPED, PROC_ZOMBIE, PROC_DEAD };

struct process {
	pid_t pid;	     /* = tid of the first thread */
	pid_t pgrp, session; /* written under process_lock */
	pid_t ppid;	     /* the parent's, for getppid() without a lock */
	struct atomic refs;
	struct process *parent; /* under process_lock */
	struct list children, sibling;
	struct tracee *tracees; /* what it traces; under process_lock */
	struct list all_link;	/* process_list, under process_lock */
	struct list threads;	/* thread.proc_link, under sig_lock */
	struct list pgrp_link;
	struct pid *pid_ref, *pgrp_ref, *session_ref;
	u32 nr_threads;		/* that have not ended */
	struct thread *leader;	/* counted; NULL after the process was reaped; under process_lock */
	struct vm_space *space; /* while it has threads; written under sig_lock */
	enum process_state state;
	int exit_status; /* as wait4() returns it */
	bool exiting, did_exec;
	bool is_tracers; /* a zombie that its tracer has not seen; under process_lock */
	bool in_proc;	 /* /proc has had names of it: proc_forget() has something to do */

	/* what wait4() may report besides an end; under process_lock */
	int stop_status; /* 0: nothing new */
	bool continued;
	struct wait_queue child_wait; /* wait4 of the parent sleeps here */

	/** Guards the signals below, pending signals and masks of the threads, ->threads, ->limits, ->space, stops. */
	spinlock_t sig_lock;
	struct sighand *sighand;
	struct signal_queue shared; /* pending for the process as a whole */
	struct signal_watch
		*watch;	 /* for polls of signalfds; counted; NULL: there was none so far */
	bool unkillable; /* the first process: default actions do nothing */
	u8 stop_signal;	 /* the signal that stops the process; 0: none */
	u32 stop_left;	 /* threads that have not stopped yet */
	bool stop_taken; /* a stop signal was dequeued; SIGCONT revokes it */
	u8 cld_notify, cld_signal;  /* CLD_*: the next thread that runs notifies the parent */
	struct thread *exec_thread; /* the one in execve(), waiting for the others to end */

	struct tty *tty; /* controlling terminal, counted; under process_lock */
	struct rlimit64 limits[RLIM_NLIMITS];
	u64 start_ns;
	u64 user_ns, system_ns, child_user_ns, child_system_ns; /* of threads/children that ended */
	u64 exec_ns;						/* CPU time of threads that ended */
	u64 minflt, majflt, child_minflt, child_majflt;
	u64 nvcsw, nivcsw, child_nvcsw, child_nivcsw;
	u64 peak_rss_pages, child_peak_rss_pages;
	int exit_signal;   /* to the parent at the end; -1: none */
	dev_t refused_dev; /* with the next: the ELF file that execve() refused last */
	u64 refused_ino;   /* 0: none since the program began */
	/** Count of execs: an exit signal is for the program that asked for it. Incremented before ->space changes. */
	u64 exec_id, parent_exec_id;
	int pdeath_signal;
	bool dumpable, child_subreaper, no_new_privs, nproc_exceeded;
	bool has_subreaper; /* some ancestor is one */
	int oom_score_adj;
	struct timer real_timer; /* ITIMER_REAL, alarm */
	u64 real_interval_ns;
	bool real_waits;	       /* until its signal is delivered; then it continues */
	struct process_timers *timers; /* the others; NULL: there was none so far */
	u32 personality;
	u32 timer_slack_ns;
};
/** @brief The process of the current thread. NULL: it is a kernel thread. */
static inline struct process *current_process(void)
{
	return current->proc;
}
/** @brief Is the running thread one of a process, and not about to end (Linux's PF_EXITING)? Any thread context. */
bool user_thread_lives(void);
/** Guards process_list, the tree (parent, children, sibling), groups and sessions, and what wait4() reports. */
extern spinlock_t process_lock;
/** All live processes and zombies, by process.all_link. */
extern struct list process_list;
/** The process with number 1. */
extern struct process *init_process;

/**
 * @brief Set whether other processes of the same user may look into @p p, and into all that share the current space.
 * Context: a thread of @p p. Locking: takes process_lock.
 */
void process_set_dumpable(struct process *p, bool dumpable);

/** @brief Find a process by its number. Any context. @return it, counted, for process_put(); NULL: there is none */
struct process *process_find(pid_t pid);
/** @brief The number of the process that traces a thread; 0: none. Locking: none; takes process_lock. */
#ifdef CONFIG_PTRACE
pid_t thread_tracer(struct thread *t);
#else
static inline pid_t thread_tracer(struct thread *t)
{
	(void)t;
	return 0;
}
#endif
/** @brief Find a user thread by its number. Any context. @return it, counted, for thread_put(); NULL: there is none */
struct thread *thread_find(pid_t tid);
/** @brief Take a reference. Any context. */
void process_get(struct process *p);
/** @brief Drop a reference; the last one frees the process. Any context. */
void process_put(struct process *p);
/** @brief The next process or zombie with a number >= @p from, counted. @return NULL: there is none */
struct process *process_next(pid_t from);
/** @brief The address space of a process, for vm_space_put(). Thread context. @return NULL: the process has ended */
struct vm_space *process_space_get(struct process *p);
/** @brief The descriptor table of a process, for files_put(). Thread context. @return NULL: the process has ended */
struct files *process_files_get(struct process *p);
/** @brief Root and working directory of a process, for fs_context_put(). Thread context. @return NULL: it has ended */
struct fs_context *process_fs_get(struct process *p);

/** @brief CPU times of all threads, ended ones too. Any thread context. */
void process_times(struct process *p, u64 *user_ns, u64 *system_ns);
/** @brief Page faults of thread @p t, or (NULL) of all threads, ended ones too. Any thread context. */
void process_faults(struct process *p, struct thread *t, u64 *minor, u64 *major);
/** Signal sets for /proc/PID/status, of a process and one of its threads. */
struct signal_sets {
	u64 pending, shared_pending, blocked, ignored, caught;
	u32 queued;
};
/** @brief Read them. @param t  NULL: only those of the process. Locking: none; takes sig_lock. */
void process_signal_sets(struct process *p, struct thread *t, struct signal_sets *out);
/** @brief A soft limit of the current process (RLIMIT_*). */
static inline u64 current_limit(u32 which)
{
	return READ_ONCE(current->proc->limits[which].rlim_cur);
}
/** @brief The number of processes and of user threads. */
u32 process_count(void);
/** @brief pid_max, as in /proc/sys/kernel/pid_max. */
pid_t process_pid_max(void);
/** @brief Set it. @return 0; -EINVAL: below PID_MAX_MIN or above PID_LIMIT */
int __must_check process_set_pid_max(pid_t max);
/** @brief The number that this CPU allocated last, as in /proc/loadavg. */
pid_t process_last_pid(void);

/**
 * @brief Start the first process: exec @p path in a new process with pid 1.
 * @return 0 or -errno of the exec. Thread context of a kernel thread.
 */
int __must_check process_start_init(const char *path, const char *const argv[],
				    const char *const envp[]);
/** @brief Create the caches and tables of kernel/process/. At boot, before process_start_init(). */
void process_init(void);

/** @brief End the current process with a wait status; all its threads. */
void process_exit_group(int status) __noreturn;
/** @brief Ctrl-Alt-Del was pressed: restart, or send SIGINT to the first process (reboot(2)). Any context. */
void process_ctrl_alt_del(void);
/** Nonzero: restart. Set by reboot(2) and /proc/sys/kernel/ctrl-alt-del. */
extern int ctrl_alt_del_restarts;
/**
 * @brief Memory is short: kill the process that uses most of it, but not the first one, and log which.
 * Does nothing while an earlier victim still ends.
 * @param ask  if no process uses much, kill the current one
 * @return false: there is no process that may be killed
 */
bool oom_kill(bool ask);

/* ---- signals ---- */
/** Details of a signal that the kernel sends without any: SI_KERNEL. */
#define SI_KERNEL_INFO ((struct siginfo_k *)1)
/**
 * @brief Send a signal to a process, without a permission check. Any context.
 * @param info  NULL: from the current process (SI_USER)
 * @return 0, also if it is ignored or the target ends; -EAGAIN: a real-time signal, or one of a timer, exceeds
 * RLIMIT_SIGPENDING. Standard signals of the kernel cannot fail
 */
int signal_send_process(struct process *p, int sig, const struct siginfo_k *info);
/** @brief Send a signal to one thread, as signal_send_process(). */
int signal_send_thread(struct thread *t, int sig, const struct siginfo_k *info);
/** @brief Send a signal to each process of a group. Any context. @return 0; -ESRCH: there is none */
int signal_send_pgrp(pid_t pgrp, int sig, const struct siginfo_k *info);
/** The receiver of signals about a file, and the user for whom they are sent. @p type F_OWNER_*; @p sig 0: SIGIO without details. */
struct signal_owner {
	u8 type, sig;
	pid_t nr;
	u64 serial;
	uid_t uid, euid;
};
/** @brief Set all but ->sig, for the current user. @param nr  0: none @return 0; -ESRCH: @p nr is not in use */
int __must_check signal_owner_set(struct signal_owner *owner, u32 type, pid_t nr);
/** @brief Is the number still in use by the same process, thread or group? Any context. */
bool signal_owner_lives(const struct signal_owner *owner);
/** Instead of a band: SIGURG, whatever signal the owner has chosen. */
#define SIGNAL_BAND_URGENT 0
/** @brief Send the signal for @p band (POLL_IN..., SIGNAL_BAND_URGENT) on descriptor @p fd to those that the user may signal. Any context. */
void signal_owner_send(const struct signal_owner *owner, s32 fd, int band);
/** @brief A fault of the current thread (SIGSEGV...): cannot be blocked or ignored. Thread context. */
void signal_force_fault(int sig, int code, u64 addr);
/** @brief Does the current thread block or ignore @p sig? For job control. Locking: none; takes sig_lock. */
bool signal_is_ignored_or_blocked(int sig);
/** @brief Is no process of the group left that could be continued after a stop? Locking: none; takes process_lock. */
bool pgrp_is_orphaned(pid_t pgrp);

/** @brief Does session @p session have a process with this group id? (TIOCSPGRP) */
bool pgrp_in_session(pid_t pgrp, pid_t session);
/** @brief On the return to user mode with WORK_SIGNAL: deliver signals. @param regs  the registers of user mode */
void signal_deliver(struct pt_regs *regs);
/**
 * @brief Replace the signal mask for the time of a call: ppoll(), pselect6(), epoll_pwait().
 * @param set   user address of a sigset, or 0: change nothing
 * @param size  must be 8 when @p set is given
 * @return 0, -EINVAL, -EFAULT
 */
int __must_check signal_mask_temporary(u64 set, u64 size);

/**
  * How a system call continues after a stop or an ignored signal if it must not be started again from its
 * beginning (a relative timeout): it stores a function and its arguments here and returns -ERESTART_RESTARTBLOCK.
 */
struct restart_block {
	s64 (*fn)(struct restart_block *block);
	u64 arg[6];
};
