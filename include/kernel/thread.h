/* SPDX-License-Identifier: MIT */
/**
 * @file thread.h  Threads and the scheduler's face.
 *
 * A thread is what runs. A user thread belongs to a process (process.h); a
 * kernel thread has proc == NULL. Threads are counted objects: thread_put()
 * frees stack and structure.
 */
#pragma once
#include <asm/ptrace.h>
#include <kernel/cpu.h>
#include <kernel/list.h>
#include <kernel/lock.h>
#include <kernel/run_order.h>

struct process;
struct vm_space;
struct files;
struct fs_context;
struct cred;
struct packet_list;
struct unix_rights;

enum thread_state {
	THREAD_RUNNABLE,	/* running or in a run queue */
	THREAD_INTERRUPTIBLE,	/* sleeps, a signal wakes it */
	THREAD_UNINTERRUPTIBLE, /* sleeps until woken */
	THREAD_STOPPED,		/* job control */
	THREAD_TRACED,		/* stopped for its tracer */
	THREAD_KILLABLE,	/* sleeps, only a fatal signal wakes it */
	THREAD_DEAD,		/* never runs again */
};

/* thread.work: checked on the return to user mode, in one test. */
#define WORK_RESCHED	     0x01
#define WORK_SIGNAL	     0x02 /* a signal may be deliverable: signal_pending() */
#define WORK_RESTORE_SIGMASK 0x08 /* thread.saved_sigmask is to be put back */
#define WORK_STEP	     0x04 /* a tracer wants one instruction: ptrace_step() */
#define WORK_EXIT	     0x10 /* the process is dying (exit_group, exec by another thread) */

#define GATE_LOCKS_MAX 16u
/** A lock of a driver that a thread holds; gate.h. */
struct gate_lock {
	const struct gate_record *record; /* the call in which it was taken */
	void *lock;
	bool keeps_preemption_off;
	void (*release)(void *lock);
};

struct sem_undo_list;

struct thread {
	u64 ksp;	/* 0x00 known to entry.S */
	u64 kstack_top; /* 0x08 */
	u32 work;	/* 0x10 WORK_*; atomic: thread_set_work() */
	u32 state;	/* 0x14 enum thread_state */
	void *fpu;	/* 0x18 its state in user mode, NULL for kernel threads */
	struct user_bases user_bases;
	struct vm_space *space; /* NULL for kernel threads */
	struct process *proc;	/* NULL for kernel threads */
	u32 fpu_cpu;		/* CPU whose registers hold our state, -1 none */
	u32 fail_nth;		/* which allocation from here on fails: fault_injection.h; 0 none */

	volatile u8 on_cpu; /* its stack is in use by a CPU; off the line that ticks write */
	/* scheduler: under the lock of rq, as what wakers change of ->state */
	struct run_queue
		*rq; /* where it waits, runs or ran last; NULL: the boot's thread at first */
	struct run_entry run; /* in the run queue; key: real-time by priority, then vruntime */
	u64 vruntime;	      /* weighted ns */
	u64 exec_start_ns, slice_end_ns;
	u64 user_ns, system_ns; /* how long it has run, split by what the tick last saw */
	bool ticked_in_kernel;
	u32 weight;
	s8 nice;	/* -20..19 */
	u8 policy;	/* SCHED_OTHER 0, FIFO 1, RR 2, BATCH 3, IDLE 5 */
	u8 rt_priority; /* 1..99 */
	u8 on_rq;
	u8 last_cpu;
	bool moving; /* to ->rq, but not in it yet */
	u8 list_cpu; /* whose list all_link is in */
	struct cpumask affinity;
	u64 nvcsw, nivcsw;
#ifdef CONFIG_SCHEDULERS
	struct sched_entry *sched; /* by which schedulers of drivers know it; NULL: none does */
	bool sched_ends;	   /* none shall; scheduler.c */
#endif

	struct atomic refs;
	struct list all_link; /* in the list of the CPU that created it: threads_first() */
	void *stack;	      /* krange of the kernel stack */
	char comm[16];
	pid_t tid;
	void (*fn)(void *arg); /* kernel threads */
	void *arg;
	s64 exit_code;
	volatile bool should_stop; /* thread_stop() */

	/* files and credentials: like Linux's tasks, a thread may have its own */
	struct files *files;
	struct fs_context *fs;
	struct cred *cred;
	u32 cred_spare; /* references on cred that the thread may hand out: cred_borrow() */

	/* owned by kernel/process: signals, clone, futex */
	struct list proc_link;	  /* process.threads */
	struct task_signals *sig; /* per-thread pending set and mask */
	u64 clear_child_tid;	  /* user address */
	u64 robust_list;
	struct sem_undo_list *sem_undo; /* owned by ipc/sem_undo.c; NULL: nothing to undo */

	bool made_segments; /* owned by ipc/shm.c: some may have this thread as creator */
	bool ends_later;    /* owned by fs/names: it is in inode_put_later() */

	/* owned by net/rights.c: files that are closed when the present one is */
	struct unix_rights **closing;

	/* owned by net/receive.c: frames on lo that wait until a call of a socket has returned; NULL: it is in none */
	struct packet_list *net_deferred;

	/* owned by the driver gate */
	struct gate_record *gate;  /* innermost call into a driver, NULL outside */
	struct gate_grant *grants; /* innermost call that passes handles */
	u64 gate_limit; /* lowest stack pointer with which a driver is entered: gate_stack.h */
	struct gate_stack *gate_stack; /* on which the thread runs; NULL: its own */
	const bool *
		revoked; /* set when what this thread calls a method of is taken away; NULL: it is not */
	const char *method; /* name of that, for messages */
	u64 program_calls;  /* calls of methods for its program so far; banos/api/call.c */

#ifdef CONFIG_GATE_WALL
	struct wall_call *wall; /* innermost call of a driver behind a wall; wall.h */
	const char *wall_name;	/* what wall_next_method() said */
	const void *wall_method;
#endif
#ifdef CONFIG_DEBUG_LOCKS
	struct lock_stack locks_held; /* mutexes and rwsems */
	u32 driver_mutexes;	      /* mutexes of drivers that it holds */
	u32 locks_excused;	      /* of locks_held, with which it may enter drivers */
#endif
#ifdef CONFIG_GATE_ABANDON
	struct gate_lock gate_locks[GATE_LOCKS_MAX]; /* locks of drivers that it holds */
	u32 gate_nlocks;			     /* including those that did not fit */
#endif
	struct rcu_head rcu;
};

/** Create a kernel thread; it does not run before thread_start(). @return it with one reference, or ERR_PTR(-ENOMEM/-EAGAIN). */
struct thread *__must_check thread_create(void (*main)(void *), void *arg, const char *name);
/** Create and start; the thread holds itself. @return 0 or a negative errno. */
int __must_check thread_spawn(void (*main)(void *), void *arg, const char *name);
void thread_start(struct thread *t);
/** Call @p visit, which may not sleep, for the part of each thread's stack that is in use, for what it is worth: threads run. */
void thread_stacks_in_use(void (*visit)(void *ctx, u64 start, u64 len), void *ctx);
/** The boot's thread continues in @p main, on a stack with a guard page; the boot stack is no longer used. */
void thread_leave_boot_stack(void (*main)(void)) __noreturn;
/** Ask a kernel thread to end, wake it and wait for it; drops the caller's reference. */
s64 thread_stop(struct thread *t);
bool thread_should_stop(void);
void thread_exit(s64 code) __noreturn;
/** Is there a thread at this address? It may end at any time. Any context. */
bool thread_exists(const struct thread *t);
void thread_get(struct thread *t);
void thread_put(struct thread *t);

/**
 * A thread for a user process: kernel stack, FPU area, no address space yet.
 * Its kernel stack is prepared so that the first switch to it returns to user
 * mode with *@p regs, as thread_user_regs(). One reference for the caller.
 */
struct thread *__must_check thread_create_user(const struct pt_regs *regs, const char *comm);
/** The user registers, at the top of the kernel stack. */
static inline struct pt_regs *thread_user_regs(const struct thread *t);
/** Copy the caller's FPU state into @p t (fork), or make it the initial state (exec). */
void thread_fpu_copy(struct thread *t);
void thread_fpu_reset(struct thread *t);
/** Replace the running thread's address space (exec, exit); the old one is not put. */
void thread_switch_space(struct vm_space *space);

/* ---- scheduler ---- */
void schedule(void); /* release the CPU according to current->state */
void sched_yield_current(void);
/** Add how long the running thread has run since the last tick or switch to its times. Any context. */
void sched_charge_current(void);
/** @brief Make @p cpu pass through the scheduler soon, also out of a loop in user mode. Any context. */
void sched_kick(struct cpu *cpu);
/**
 * Make @p t runnable if it sleeps in one of @p states (bit mask 1 << enum thread_state).
 * Any context. @return true when it was woken by this call.
 */
bool thread_wake_state(struct thread *t, u32 states);
/**
 * Let nobody wake @p t or change how it is scheduled until its lock is released: raw_spin_unlock() of
 * what is returned, then irq_restore(*flags). Any context.
 */
spinlock_t *thread_lock(struct thread *t, u64 *flags) __must_check;
bool thread_wake(struct thread *t);		  /* interruptible, killable and uninterruptible */
void thread_set_work(struct thread *t, u32 bits); /* atomic; kicks it if it runs on another CPU */
void thread_clear_work(struct thread *t, u32 bits);
/** Set policy and priority (0 for the non-real-time policies). */
void thread_set_policy(struct thread *t, u32 policy, u32 rt_priority);
void thread_set_nice(struct thread *t, int nice);
int thread_set_affinity(struct thread *t, const struct cpumask *cpumask);
void sched_counts(u32 *running, u32 *total);
/** Return addresses on the kernel stack of a thread that sleeps, innermost first (/proc/PID/wchan). @return how many; 0: it runs */
u32 thread_backtrace(struct thread *t, u64 *addrs, u32 max);
/** Load averages times 2048, over 1, 5 and 15 minutes. */
void sched_loadavg(u64 out[3]);
/** To sleep: a barrier separates this from the condition that is read next. To run: none is needed. */
static inline void set_current_state(enum thread_state state)
{
	if (state == THREAD_RUNNABLE)
		WRITE_ONCE(current->state, (u32)state);
	else
		__atomic_store_n(&current->state, (u32)state, __ATOMIC_SEQ_CST);
}
static inline bool signal_pending(void)
{
	return READ_ONCE(current->work) & (WORK_SIGNAL | WORK_EXIT);
}
/** Does the process of the running thread end (a fatal signal, exit_group, exec by another thread)? */
bool fatal_signal_pending(void);

/** The thread that boots; it becomes the boot CPU's idle thread. */
extern struct thread boot_thread;
/** @brief Make boot_thread the running thread; needs no memory. Boot, first of all. */
void thread_init_early(void);
/** @brief Let threads be created. Boot, behind the heap and the clock. */
void thread_init(void);
int __must_check sched_cpu_create(struct cpu *cpu);
void sched_idle(void) __noreturn;

/** A walk over all threads. */
struct thread_walk {
	u32 cpu;
	u64 flags;
};
/**
 * The first thread; then threads_next() until it returns NULL. Until then the lock of
 * a list of threads is held and interrupts are off: the thread stays, and the caller may not sleep, nor end
 * the walk early. A thread that is created meanwhile may be missed. Any context.
 */
struct thread *threads_first(struct thread_walk *walk);
struct thread *threads_next(struct thread_walk *walk, struct thread *t);

static inline struct pt_regs *thread_user_regs(const struct thread *t)
{
	return (struct pt_regs *)t->kstack_top - 1;
}
#define current_regs() thread_user_regs(current)
