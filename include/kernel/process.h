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

/** One signal that waits, with what is known of it. */
struct signal_entry {
	struct list link; /* empty: not queued */
	struct siginfo_k info;
	struct user_account *account; /* counted in its nr_signals; NULL: not */
	struct posix_timer *timer;    /* whose this is; NULL: of no timer */
	bool embedded;		      /* in a timer or a signal_queue: not freed */
};
/** Signals that wait to be delivered: a set, and a queue with what is known of each. */
struct signal_queue {
	u64 set;
	struct list entries;
	struct signal_entry first; /* for the usual, single signal: no memory to be found */
};

enum process_state { PROC_LIVE, PROC_STOPPED, PROC_ZOMBIE, PROC_DEAD };

struct process {
	pid_t pid;	     /* = tid of the first thread */
	pid_t pgrp, session; /* written under process_lock */
	pid_t ppid;	     /* the parent's, for getppid() without a lock */
	struct atomic refs;
	struct process *parent; /* under process_lock */
	struct list children, sibling;
	struct list all_link; /* process_list, under process_lock */
	struct list threads;  /* thread.proc_link, under sig_lock */
	struct list pgrp_link;
	struct pid *pid_ref, *pgrp_ref, *session_ref;
	u32 nr_threads;		/* that have not ended */
	struct thread *leader;	/* counted; kept until the process is reaped */
	struct vm_space *space; /* while it has threads; written under sig_lock */
	enum process_state state;
	int exit_status; /* as wait4 gives it */
	bool exiting, did_exec;

	/* what wait4() may report besides an end; under process_lock */
	int stop_status; /* 0: nothing new */
	bool continued;
	struct wait_queue child_wait; /* wait4 of the parent sleeps here */

	/* signals; under sig_lock */
	spinlock_t sig_lock;
	struct sighand *sighand;
	struct signal_queue shared; /* pending for the process as a whole */
	struct signal_watch *watch; /* who polls a signalfd; counted; NULL: nobody ever did */
	bool unkillable;	    /* the first process: default actions do nothing */
	u8 stop_signal;		    /* a group stop was asked for: which signal; 0: none */
	u32 stop_left;		    /* threads that have not stopped yet */
	bool stop_taken;	    /* a stop signal was taken out; SIGCONT revokes it */
	u8 cld_notify, cld_signal;  /* CLD_*: tell the parent, from the next thread that runs */
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
	/** Count execs: an exit signal is for the program that asked. Our own grows before ->space changes. */
	u64 exec_id, parent_exec_id;
	int pdeath_signal;
	bool dumpable, child_subreaper, no_new_privs, nproc_exceeded;
	bool has_subreaper; /* some ancestor is one */
	int oom_score_adj;
	struct timer real_timer; /* ITIMER_REAL, alarm */
	u64 real_interval_ns;
	bool real_waits;	       /* for its signal to be taken; then it goes on */
	struct process_timers *timers; /* the others; NULL: never had one */
	u32 personality;
	u32 timer_slack_ns;
};
static inline struct process *current_process(void)
{
	return current->proc;
}
extern spinlock_t process_lock;
extern struct list process_list;
extern struct process *init_process;

/**
 * @brief May others of the same user look into @p p? For all processes that share the current space.
 * Context: a thread of @p p. Locking: takes process_lock.
 */
void process_set_dumpable(struct process *p, bool dumpable);

/** @brief Look-ups by number; counted (process_put(), thread_put()), NULL: none. Any context. */
struct process *process_find(pid_t pid);
struct thread *thread_find(pid_t tid); /* user threads */
void process_get(struct process *p);
void process_put(struct process *p);
/** @brief Next live or zombie process with pid >= @p from, counted, or NULL (/proc listing). */
struct process *process_next(pid_t from);
/** @brief What another process has, counted; NULL once it has ended. Any thread context. */
struct vm_space *process_space_get(struct process *p); /* vm_space_put() */
struct files *process_files_get(struct process *p);    /* files_put() */
struct fs_context *process_fs_get(struct process *p);  /* fs_context_put() */
/** @brief CPU times of all threads, ended ones too. Any thread context. */
void process_times(struct process *p, u64 *user_ns, u64 *system_ns);
/** @brief Page faults of thread @p t, or (NULL) of all threads, ended ones too. Any thread context. */
void process_faults(struct process *p, struct thread *t, u64 *minor, u64 *major);
/** @brief Signal sets for /proc/PID/status, of a process and one of its threads. */
struct signal_sets {
	u64 pending, shared_pending, blocked, ignored, caught;
	u32 queued;
};
void process_signal_sets(struct process *p, struct thread *t, struct signal_sets *out);
/** @brief A soft limit of the current process (RLIMIT_*). */
static inline u64 current_limit(u32 which)
{
	return READ_ONCE(current->proc->limits[which].rlim_cur);
}
/** @brief How many processes and user threads there are. */
u32 process_count(void);
/** @brief pid_max, as in /proc/sys/kernel/pid_max. */
pid_t process_pid_max(void);
int __must_check process_set_pid_max(pid_t max);
pid_t process_last_pid(void);

/**
 * @brief Start the first process: exec @p path in a new process with pid 1.
 * @return 0 or -errno of the exec. Thread context of a kernel thread.
 */
int __must_check process_start_init(const char *path, const char *const argv[],
				    const char *const envp[]);
void process_init(void);
/** @brief End the current process with a wait status; all its threads. */
void process_exit_group(int status) __noreturn;
/** @brief Ctrl-Alt-Del was pressed: restart, or tell the first process (reboot(2)). Any context. */
void process_ctrl_alt_del(void);
/** Which of both: reboot(2), /proc/sys/kernel/ctrl-alt-del. */
extern int ctrl_alt_del_restarts;
/**
 * @brief Memory is short: kill the process that uses most of it (not the first one), or, if @p ask
 * and nobody uses much, the current one.
 * Says which. May be called again while a victim is still ending: then it does nothing.
 * @return false: there is none that could be killed
 */
bool oom_kill(bool ask);

/* ---- signals ---- */
/** "The kernel itself, nothing more to say": SI_KERNEL. */
#define SI_KERNEL_INFO ((struct siginfo_k *)1)
/**
 * @brief Send without a permission check. Any context; @p info NULL: from the current process (SI_USER).
 * @return 0 (also when ignored, or the target is ending), -EAGAIN: a real-time signal beyond RLIMIT_SIGPENDING
 */
int signal_send_process(struct process *p, int sig, const struct siginfo_k *info);
int signal_send_thread(struct thread *t, int sig, const struct siginfo_k *info);
/** @brief To each process of a group. @return 0 or -ESRCH */
int signal_send_pgrp(pid_t pgrp, int sig, const struct siginfo_k *info);
/** Who is sent signals about a file, and on whose behalf. @p type F_OWNER_*; @p sig 0: SIGIO without details. */
struct signal_owner {
	u8 type, sig;
	pid_t nr;
	u64 serial;
	uid_t uid, euid;
};
/** @brief All but ->sig, for the current user; @p nr 0: nobody. @return 0 or -ESRCH */
int __must_check signal_owner_set(struct signal_owner *owner, u32 type, pid_t nr);
/** @brief Is the number still in use by those that it was given for? Any context. */
bool signal_owner_lives(const struct signal_owner *owner);
/** @brief Tell of @p band (POLL_IN...) on descriptor @p fd, who may be told. Any context. */
void signal_owner_send(const struct signal_owner *owner, s32 fd, int band);
/** @brief A fault of the current thread (SIGSEGV...): cannot be blocked or ignored. Thread context. */
void signal_force_fault(int sig, int code, u64 addr);
bool signal_is_ignored_or_blocked(int sig); /* current thread (tty job control) */
bool pgrp_is_orphaned(pid_t pgrp);
/** @brief Is there a process with this group id in session @p session? (TIOCSPGRP) */
bool pgrp_in_session(pid_t pgrp, pid_t session);
/** @brief On the way to user mode with WORK_SIGNAL: deliver. Called with the frame. */
void signal_deliver(struct pt_regs *regs);
/**
 * @brief For ppoll(), pselect6(), epoll_pwait(): put another signal mask in force for this call.
 * @param set   user address of a sigset, or 0: change nothing
 * @param size  must be 8 when @p set is given
 * @return 0, -EINVAL, -EFAULT
 */
int __must_check signal_mask_temporary(u64 set, u64 size);

/**
 * How a system call goes on after a stop or an ignored signal where starting it again would be wrong
 * (a relative timeout): it notes a function and its arguments here and returns -ERESTART_RESTARTBLOCK.
 */
struct restart_block {
	s64 (*fn)(struct restart_block *r);
	u64 arg[6];
};
