/* SPDX-License-Identifier: MIT */
/**
 * @file cpu.h  What each processor has of its own.
 *
 * struct cpu is reached through asm/percpu.h. Statistics are plain increments of
 * the own CPU's counters, summed by readers.
 */
#pragma once
#include <asm/irqflags.h>
#include <asm/percpu.h>
#include <kernel/atomic.h>
#include <kernel/lock_class.h>

struct thread;
struct run_queue;
struct timer_base;
struct page_cache_cpu;
struct rcu_head;

#define CPU_MAX CONFIG_NR_CPUS
/** Bytes of the kernel stack of a thread. */
#define KERNEL_STACK_SIZE 16384ul

#define CPU_ACCOUNTS 8 /* of pages: enum mem_account */

/** A set of CPUs. */
struct cpumask {
	u64 bits[(CPU_MAX + 63) / 64];
};

/** A request of a CPU to flush entries from the TLBs of others: arch/x86_64/ipi.c. */
struct flush_request {
	u64 start, end;		/* end 0: everything, without global entries */
	u64 generation;		/* number of the flush, where the machine counts them */
	struct vm_space *space; /* NULL: the kernel's addresses */
	bool forget;		/* instead: leave the tables of space */
	struct atomic left;	/* CPUs that have not answered */
};

struct cpu {
	struct cpu *self;
	struct thread *running;
	u64 kstack_top;	   /* of the current thread */
	u64 entry_scratch; /* of the system-call entry */
	u32 preempt_count;
	u32 need_resched;
	u32 id;			  /* logical number, 0 = boot CPU */
	u32 irq_depth;		  /* nested hard interrupts */
	struct vm_space *space;	  /* whose page tables are loaded */
	struct thread *fpu_owner; /* whose FPU registers are live here */
	struct timer_base *timers;
	void *arch;		   /* tables and stacks of the machine: arch/x86_64 */
	struct rcu_head *rcu_list; /* callbacks queued here */
	bool irq_from_user;	   /* what the current interrupt interrupted */
	u64 irq_stack_top;	   /* 0: not yet */
	struct {
		u64 user_ns, system_ns, idle_ns, irq_ns;
	} time;
	u64 nr_switches, nr_irqs, nr_faults, nr_forks;
	void *slot[16];			/* per-CPU data of other subsystems: enum cpu_slot */
	s64 mem_accounts[CPU_ACCOUNTS]; /* this CPU's share: mem_account() */
#ifdef CONFIG_GATE_WALL
	u64 wall_stack_top; /* of the stack on which interrupts arrive, and leave to drivers */
#endif
#ifdef CONFIG_DEBUG_LOCKS
	struct lock_stack spins_held;
#endif
	struct percpu_machine machine;
	u64 gate[2 * CONFIG_BANOS_MAX_DRIVERS]; /* calls into drivers: gate.h */

	/* What grace periods look at: rcu.c. */
	u64 rcu_qs __aligned(64); /* counts quiescent states */
	bool rcu_idle;		  /* halts, outside of interrupts; xchg */

	/* Fields that other CPUs read and that are seldom written: cache lines of their own. */
	u32 hw_id __aligned(64); /* by which the machine knows it */
	u32 online;
	struct thread *idle;
	struct run_queue *rq;
	struct flush_request flush __aligned(64);
	struct cpumask flush_from __aligned(64); /* whose requests are to be answered here */
	bool end_asked;				 /* an NMI asks to end what is in service here */
} __aligned(64);
enum cpu_slot {
	CPU_SLOT_PAGES,
	CPU_SLOT_HEAP,
	CPU_SLOT_RANDOM,
	CPU_SLOT_ROOTS,
	CPU_SLOT_STACKS,
	CPU_SLOT_IRQ,
	CPU_SLOT_RCU
};

/** All CPUs that exist, by logical number; online ones have ->online. */
extern struct cpu *cpus[CPU_MAX];
extern u32 cpu_count;

/** Text of /proc/cpuinfo. */
struct seq_file;
void arch_cpuinfo_show(struct seq_file *seq);

#define CPU_FIELD_READ(field)	      PERCPU_READ(struct cpu, field)
#define CPU_FIELD_NONZERO(field)      PERCPU_NONZERO32(struct cpu, field)
#define CPU_FIELD_WRITE(field, value) PERCPU_WRITE(struct cpu, field, value)
/** Add one to a 64-bit counter of this CPU; any context. */
#define cpu_count_event(field) PERCPU_COUNT(struct cpu, field)

/** This processor; stable only while preemption is off. */
static inline struct cpu *this_cpu(void)
{
	return CPU_FIELD_READ(self);
}
static inline u32 cpu_id(void)
{
	return CPU_FIELD_READ(id);
}
/** The running thread: not volatile, the same all through a function. */
static inline struct thread *current_thread(void)
{
	return PERCPU_READ_CONSTANT(struct cpu, running);
}
#define current current_thread()

void preempt_schedule(void); /* upcalls.h */
static inline void preempt_disable(void)
{
	PERCPU_INC32(struct cpu, preempt_count);
}
static inline void preempt_enable_no_resched(void)
{
	PERCPU_DEC32(struct cpu, preempt_count);
}
/** Let another thread run if it should: behind what was done with interrupts off. */
static inline void preempt_if_needed(void)
{
	if (unlikely(CPU_FIELD_NONZERO(need_resched)))
		preempt_schedule(); /* checks the count and the interrupt flag */
}
static inline void preempt_enable(void)
{
	preempt_enable_no_resched();
	preempt_if_needed();
}
static inline bool in_interrupt(void)
{
	return CPU_FIELD_READ(irq_depth) != 0;
}
/** May this context sleep? */
static inline bool may_sleep(void)
{
	return !CPU_FIELD_READ(preempt_count) && !in_interrupt() && irqs_enabled();
}

static inline bool cpumask_test(const struct cpumask *cpumask, u32 id)
{
	return cpumask->bits[id / 64] >> (id % 64) & 1;
}
static inline void cpumask_set(struct cpumask *cpumask, u32 id)
{
	cpumask->bits[id / 64] |= 1ull << (id % 64);
}
static inline void cpumask_clear(struct cpumask *cpumask, u32 id)
{
	cpumask->bits[id / 64] &= ~(1ull << (id % 64));
}
