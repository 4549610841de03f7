/* SPDX-License-Identifier: MIT */
/*
 * Threads: creation, end, and what they consist of.
 *
 * A kernel stack is a guarded range of kernel addresses. Making one costs page
 * tables and freeing one a TLB flush on all CPUs, so each CPU keeps a few for
 * the next thread; the rest is freed by the next creation of a thread
 * (in a context that may sleep).
 *
 * A dead thread's stack is released by the next thread on that CPU
 * (schedule_tail -> thread_reap), its structure with the last reference.
 *
 * A thread is in the list of the CPU that created it, and mostly also ended there, so that CPUs
 * that make threads touch no line of each other for it.
 *
 * Locks: thread_list.lock (spin): its threads. surplus.lock (spin, interrupts off).
 */
#include <asm/cpu.h>
#include <asm/user_regs.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/gate_stack.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/scheduler.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/upcalls.h>
#include <kernel/wait.h>
#include "internal.h"

#define STACKS_KEPT 4

struct thread boot_thread;
static struct thread_list {
	spinlock_t lock;
	struct list threads;
} __aligned(64) thread_lists[CPU_MAX];

static struct kmem_cache *thread_cache, *fpu_cache;
struct free_stack {
	struct free_stack *next;
	u64 count;
};
static struct {
	spinlock_t lock;
	struct free_stack *list;
} surplus;
static DEFINE_WAIT_QUEUE(exit_wait);

/* ---- stacks ---- */

void *thread_stack_get(bool sleep)
{
	struct free_stack *stack;
	u64 flags;

	if (fault_inject(FAULT_RANGE))
		return NULL;
	flags = irq_save();
	stack = this_cpu()->slot[CPU_SLOT_STACKS];
	if (stack)
		this_cpu()->slot[CPU_SLOT_STACKS] = stack->next;
	irq_restore(flags);
	if (stack || !sleep)
		return stack;
	stack = krange_alloc_stack(KERNEL_STACK_SIZE / PAGE_SIZE);
	if (stack)
		mem_account(MEM_STACKS, KERNEL_STACK_SIZE / PAGE_SIZE);
	return stack;
}

void thread_stack_put(void *stack)
{
	struct free_stack *free_stack = stack, *first;
	u64 flags;

	if (IS_ENABLED(CONFIG_DEBUG_HEAP)) /* the next thread's frames have holes: leak.c */
		memset(stack, 0, KERNEL_STACK_SIZE);
	flags = irq_save();

	first = this_cpu()->slot[CPU_SLOT_STACKS];
	if (first)
		free_stack->count = first->count + 1;
	else
		free_stack->count = 1;
	free_stack->next = first;
	if (free_stack->count <= STACKS_KEPT) {
		this_cpu()->slot[CPU_SLOT_STACKS] = free_stack;
	} else {
		spin_lock(&surplus.lock);
		free_stack->next = surplus.list;
		surplus.list = free_stack;
		spin_unlock(&surplus.lock);
	}
	irq_restore(flags);
}

static void surplus_free(void)
{
	struct free_stack *stack;
	u64 flags;

	if (likely(!READ_ONCE(surplus.list)))
		return;
	flags = spin_lock_irqsave(&surplus.lock);
	stack = surplus.list;
	surplus.list = NULL;
	spin_unlock_irqrestore(&surplus.lock, flags);
	while (stack) {
		struct free_stack *next = stack->next;

		mem_account(MEM_STACKS, -(s64)(KERNEL_STACK_SIZE / PAGE_SIZE));
		krange_free(stack);
		stack = next;
	}
}

void thread_stacks_in_use(void (*visit)(void *ctx, u64 start, u64 len), void *ctx)
{
	struct thread_walk walk;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t)) {
		u64 low = (u64)t->stack;

		if (!low)
			continue;
		if (t->gate_stack)
			low = t->gate_stack->low;
		if (t == current)
			low = (u64)__builtin_frame_address(0);
		else if (!READ_ONCE(t->on_cpu))
			low = READ_ONCE(t->ksp);
		gate_stacks_visit(t, low, visit, ctx);
	}
}

/* ---- all threads ---- */

static void thread_list_add(struct thread *t)
{
	struct thread_list *list;

	preempt_disable();
	t->list_cpu = (u8)cpu_id();
	list = &thread_lists[t->list_cpu];
	raw_spin_lock(&list->lock);
	list_add_tail(&t->all_link, &list->threads);
	raw_spin_unlock(&list->lock);
	preempt_enable();
}

static void thread_list_remove(struct thread *t)
{
	struct thread_list *list = &thread_lists[t->list_cpu];

	spin_lock(&list->lock);
	list_del(&t->all_link);
	spin_unlock(&list->lock);
}

/* The first of the next list that has any. */
static struct thread *thread_walk_on(struct thread_walk *walk)
{
	for (; walk->cpu < CPU_MAX; walk->cpu++) {
		struct thread_list *list = &thread_lists[walk->cpu];

		if (list_empty(&list->threads))
			continue;
		walk->flags = spin_lock_irqsave(&list->lock);
		if (!list_empty(&list->threads))
			return list_first(&list->threads, struct thread, all_link);
		spin_unlock_irqrestore(&list->lock, walk->flags);
	}
	return NULL;
}

struct thread *threads_first(struct thread_walk *walk)
{
	walk->cpu = 0;
	return thread_walk_on(walk);
}

struct thread *threads_next(struct thread_walk *walk, struct thread *t)
{
	struct thread_list *list = &thread_lists[walk->cpu];

	if (t->all_link.next != &list->threads)
		return container_of(t->all_link.next, struct thread, all_link);
	spin_unlock_irqrestore(&list->lock, walk->flags);
	walk->cpu++;
	return thread_walk_on(walk);
}

/* ---- creation ---- */

static struct thread *thread_alloc(const char *name)
{
	struct thread *t;

	surplus_free();
	t = kmem_cache_zalloc(thread_cache);
	if (!t)
		return NULL;
	t->stack = thread_stack_get(true);
	if (!t->stack) {
		kmem_cache_free(thread_cache, t);
		return NULL;
	}
	t->kstack_top = (u64)t->stack + KERNEL_STACK_SIZE;
	t->gate_limit = (u64)t->stack + GATE_STACK_NEEDED;
	t->state = THREAD_UNINTERRUPTIBLE;
	atomic_set(&t->refs, 1);
	strscpy(t->comm, name, sizeof(t->comm));
	sched_init_thread(t);
	thread_list_add(t);
	return t;
}

/* @return @t, once the present scheduler knows it */
static struct thread *thread_known(struct thread *t)
{
	int err = scheduler_attach(t);

	if (!err)
		return t;
	thread_put(t);
	return ERR_PTR(err);
}

struct thread *thread_create(void (*main)(void *), void *arg, const char *name)
{
	struct thread *t = thread_alloc(name);

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->fn = main;
	t->arg = arg;
	t->ksp = switch_frame_make(t->kstack_top, kthread_start_asm);
	return thread_known(t);
}

struct thread *thread_create_user(const struct pt_regs *regs, const char *comm)
{
	struct thread *t = thread_alloc(comm);

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->fpu = kmem_cache_alloc(fpu_cache);
	if (!t->fpu) {
		thread_put(t);
		return ERR_PTR(-ENOMEM);
	}
	memcpy(t->fpu, fpu_initial, fpu_state_size());
	t->kstack_top -= SYSCALL_LIMIT_BYTES;
	syscall_trace_set(t, false);
	sched_inherit(t);
	*thread_user_regs(t) = *regs;
	t->ksp = switch_frame_make((u64)thread_user_regs(t) - 8, ret_from_fork_asm);
	return thread_known(t);
}

void kthread_main(void)
{
	struct thread *t = current;

	irq_enable();
	t->fn(t->arg);
	thread_exit(0);
}

/* A running thread holds itself; thread_reap() drops that. */
void thread_start(struct thread *t)
{
	thread_get(t);
	sched_start(t);
}

int thread_spawn(void (*main)(void *), void *arg, const char *name)
{
	struct thread *t = thread_create(main, arg, name);

	if (IS_ERR(t))
		return PTR_ERR(t);
	thread_start(t);
	thread_put(t);
	return 0;
}

/* ---- end ---- */

bool thread_exists(const struct thread *wanted)
{
	struct thread_walk walk;
	bool found = false;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		found |= t == wanted;
	return found;
}

void thread_get(struct thread *t)
{
	atomic_inc(&t->refs);
}

static void thread_free(struct rcu_head *head)
{
	struct thread *t = container_of(head, struct thread, rcu);

	if (t->fpu)
		kmem_cache_free(fpu_cache, t->fpu);
	kmem_cache_free(thread_cache, t);
}

void thread_put(struct thread *t)
{
	if (!atomic_dec_and_test(&t->refs))
		return;
	if (t->stack) { /* never started */
		if (schedulers_exist)
			scheduler_detach(t);
		thread_stack_put(t->stack);
	}
	thread_list_remove(t);
	if (t->proc || t->sig || t->cred)
		upcall_thread_free(t);
	thread_free(&t->rcu);
}

void thread_reap(struct thread *t)
{
	thread_stack_put(t->stack);
	t->stack = NULL;
	thread_put(t);
}

void thread_exit(s64 code)
{
	struct thread *t = current;

	t->exit_code = code;
	if (schedulers_exist)
		scheduler_detach(t);
	irq_disable();
	set_current_state(THREAD_DEAD);
	wake_up_all(&exit_wait);
	schedule();
	panic("thread %s (%d) was scheduled after its end", t->comm, t->tid);
}

bool fatal_signal_pending(void)
{
	return READ_ONCE(current->work) & WORK_EXIT;
}

bool thread_should_stop(void)
{
	return current->should_stop;
}

static bool thread_ended(struct thread *t)
{
	return READ_ONCE(t->state) == THREAD_DEAD && !smp_load_acquire(&t->on_cpu);
}

s64 thread_stop(struct thread *t)
{
	s64 code;

	t->should_stop = true;
	thread_wake(t);
	while (!thread_ended(t))
		wait_event_until(&exit_wait, thread_ended(t),
				 time_monotonic_ns() + 10 * NSEC_PER_MSEC);
	code = t->exit_code;
	thread_put(t);
	return code;
}

/* ---- FPU ---- */

void thread_fpu_copy(struct thread *t)
{
	preempt_disable();
	fpu_save(t->fpu);
	preempt_enable();
}

void thread_fpu_reset(struct thread *t)
{
	preempt_disable();
	memcpy(t->fpu, fpu_initial, fpu_state_size());
	if (t == current) {
		fpu_restore(t->fpu);
		this_cpu()->fpu_owner = t;
		t->fpu_cpu = cpu_id();
	} else {
		t->fpu_cpu = -1;
	}
	preempt_enable();
}

void thread_leave_boot_stack(void (*main)(void))
{
	struct thread *t = &boot_thread;

	irq_disable();
	t->kstack_top = (u64)t->stack + KERNEL_STACK_SIZE;
	t->gate_limit = (u64)t->stack + GATE_STACK_NEEDED;
	cpu_set_kernel_stack(t->kstack_top);
	cpu_leave_stack(t->kstack_top, main);
}

static void describe_current(char *buf, size_t size)
{
	snprintf(buf, size, "%s (%d)", current->comm, current->tid);
}

void thread_init_early(void)
{
	strscpy(boot_thread.comm, "swapper", sizeof(boot_thread.comm));
	atomic_set(&boot_thread.refs, 1);
	boot_thread.on_rq = 1;
	this_cpu()->running = &boot_thread;
	panic_hooks.describe_task = describe_current;
}

void thread_init(void)
{
	for (u32 i = 0; i < CPU_MAX; i++)
		list_init(&thread_lists[i].threads);
	thread_cache = kmem_cache_create("thread", sizeof(struct thread), 64);
	fpu_cache = kmem_cache_create("fpu", fpu_state_size(), 64);
	boot_thread.kstack_top = (u64)boot_stack_top;
	boot_thread.stack =
		thread_stack_get(true); /* no other thread can hold the ranges' lock yet */
	if (!thread_cache || !fpu_cache || !boot_thread.stack)
		boot_stop("not enough memory for threads");
	sched_init();
}
