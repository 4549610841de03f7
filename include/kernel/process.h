/* SPDX-License-Identifier: MIT */
/**
 * @file process.h  Processes (thread groups), their tree, groups and sessions.
 *
 * Locks: process_lock (spin, irqsave) guards the tree, groups, sessions and state
 * changes that wait() sees; process->sig_lock guards signals of one process.
 */
#pragma once
#include <kernel/cred.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <uapi/resource.h>
#include <uapi/signal.h>

struct tty;
struct sighand;

struct process {
	pid_t pid;			/* = tid of the first thread */
	pid_t pgrp, session;
	struct atomic refs;
	struct process *parent;		/* under process_lock */
	struct list children, sibling;
	struct list threads;		/* thread.proc_link */
	struct list pgrp_link, hash_link;
	u32 nr_threads;
	struct thread *leader;
	enum { PROC_LIVE, PROC_STOPPED, PROC_ZOMBIE, PROC_DEAD } state;
	int exit_status;		/* as wait4 gives it */
	bool exiting, did_exec, vforked;
	struct wait_queue child_wait;	/* wait4 of the parent sleeps here */
	struct sighand *sighand;
	spinlock_t sig_lock;
	struct tty *tty;		/* controlling terminal, counted; under process_lock */
	struct rlimit64 limits[RLIM_NLIMITS];
	u64 start_ns;
	u64 user_ns, system_ns, child_user_ns, child_system_ns;	/* of threads/children that ended */
	u64 minflt, majflt, child_minflt;
	int exit_signal;
	int pdeath_signal;
	bool dumpable, child_subreaper, no_new_privs;
	int oom_score_adj;
	struct timer real_timer;	/* ITIMER_REAL, alarm */
	void *itimers, *posix_timers;
	u32 personality;
};
static inline struct process *current_process(void) { return current->proc; }
extern spinlock_t process_lock;
extern struct process *init_process;
/** Counted look-up. */
struct process *process_find(pid_t pid);
struct thread *thread_find(pid_t tid);		/* user threads; counted */
void process_get(struct process *p);
void process_put(struct process *p);
/** Next live or zombie process with pid >= @p from, counted, or NULL (/proc listing). */
struct process *process_next(pid_t from);
/** Start the first process: exec @p path in a new process with pid 1. @return 0 or -errno of the exec. */
int process_start_init(const char *path, const char *const argv[], const char *const envp[]);
void process_init(void);
void process_exit_group(int status) __noreturn;	/* wait status */

/* ---- signals ---- */
struct siginfo_k { int signo, code, err; pid_t pid; uid_t uid; int status; u64 addr; u64 value; };
#define SI_KERNEL_INFO ((struct siginfo_k *)1)
int signal_send_process(struct process *p, int sig, const struct siginfo_k *info);
int signal_send_thread(struct thread *t, int sig, const struct siginfo_k *info);
/** To each process of a group. @return 0 or -ESRCH */
int signal_send_pgrp(pid_t pgrp, int sig, const struct siginfo_k *info);
/** A fault of the current thread (SIGSEGV...): cannot be blocked or ignored. */
void signal_force_fault(int sig, int code, u64 addr);
bool signal_is_ignored_or_blocked(int sig);	/* current thread (tty job control) */
bool pgrp_is_orphaned(pid_t pgrp);
/** On the way to user mode with WORK_SIGNAL: deliver. Called by arch with the frame. */
void signal_deliver(struct pt_regs *regs);
/** Work on the way to user mode (arch entry code): reschedule, signals, exit. Interrupts on. */
void user_return_work(struct pt_regs *regs);
u64 thread_saved_mask(struct thread *t);

/* ---- system calls ---- */
typedef s64 (*syscall_fn)(u64, u64, u64, u64, u64, u64);
#define SYSCALL_TABLE_SIZE 512
extern const syscall_fn syscall_table[SYSCALL_TABLE_SIZE];	/* every slot filled; sys_ni for ENOSYS */
#define SYSCALL_BANOS_BASE 0x42000
#define SYSCALL_BANOS_COUNT 16
extern const syscall_fn syscall_banos_table[SYSCALL_BANOS_COUNT];
