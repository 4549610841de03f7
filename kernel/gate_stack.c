// SPDX-License-Identifier: MIT
/*
 * Further stacks for threads that call drivers; gate_stack.h.
 *
 * They are stacks of threads, from the same caches, allocated by the gate where it
 * may sleep. What must not fail for lack of memory, as the way of a file system's
 * pages to their disk, takes one of a reserve: GATE_STACKS_RESERVED for calls that may
 * sleep, which wait there for each other, and as many for each processor for calls with
 * a driver's spin lock held. Those cannot be preempted, so that no processor needs more
 * than four nested calls do.
 *
 * Locks: reserve.lock (spin): the reserve, and the lists of stacks of all threads.
 */
#include <kernel/err.h>
#include <kernel/gate.h>
#include <kernel/gate_stack.h>
#include <kernel/printk.h>
#include <kernel/rate_limit.h>
#include <kernel/wait.h>
#include "internal.h"

#define GATE_STACKS_RESERVED 3u
#define RESERVE_WAIT_NS	     (10 * NSEC_PER_SEC)

static struct {
	spinlock_t lock;
	struct gate_stack *free[GATE_STACKS_RESERVED * (1 + CPU_MAX)];
	u32 count, full; /* how many there are, and should be */
	bool ready;	 /* under prepare_mutex */
} reserve;
static DEFINE_WAIT_QUEUE(reserve_queue);
static DEFINE_MUTEX(prepare_mutex);

static struct gate_stack *gate_stack_at(void *memory)
{
	struct gate_stack *stack = (void *)((u8 *)memory + KERNEL_STACK_SIZE - sizeof(*stack));

	stack->low = (u64)memory;
	return stack;
}

/* ---- the reserve ---- */

static bool reserve_put(struct gate_stack *stack)
{
	bool lacking;

	spin_lock(&reserve.lock);
	lacking = reserve.count < reserve.full;
	if (lacking) {
		reserve.free[reserve.count++] = stack;
	}
	spin_unlock(&reserve.lock);
	if (lacking)
		wake_up(&reserve_queue);
	return lacking;
}

/* @left: how many are for others */
static struct gate_stack *reserve_take(u32 left)
{
	struct gate_stack *stack = NULL;

	spin_lock(&reserve.lock);
	if (reserve.count > left)
		stack = reserve.free[--reserve.count];
	spin_unlock(&reserve.lock);
	return stack;
}

static int reserve_fill(u32 full)
{
	while (reserve.count < full) {
		void *memory = thread_stack_get(true);

		if (!memory)
			return -ENOMEM;
		reserve.full = full;
		if (!reserve_put(gate_stack_at(memory)))
			thread_stack_put(memory);
	}
	return 0;
}

int gate_stacks_prepare(void)
{
	u32 full = GATE_STACKS_RESERVED * (1 + cpu_count);
	int err = 0;

	if (likely(READ_ONCE(reserve.ready)))
		return 0;
	mutex_lock(&prepare_mutex);
	if (!reserve.ready)
		err = reserve_fill(full);
	if (!err)
		WRITE_ONCE(reserve.ready, true);
	mutex_unlock(&prepare_mutex);
	return err;
}

static struct gate_stack *reserve_wait(u32 left)
{
	struct gate_stack *stack;

	if (WAIT_EVENT_(&reserve_queue, (stack = reserve_take(left)), THREAD_UNINTERRUPTIBLE,
			time_monotonic_ns() + RESERVE_WAIT_NS, false))
		return NULL;
	return stack;
}

/* ---- of a thread ---- */

static struct gate_stack *gate_stack_find(void)
{
	void *memory = thread_stack_get(may_sleep());
	struct gate_stack *stack;

	if (memory)
		return gate_stack_at(memory);
	if (!may_sleep())
		return reserve_take(0);
	stack = reserve_take(reserve.full - GATE_STACKS_RESERVED);
	if (stack)
		return stack;
	return reserve_wait(reserve.full - GATE_STACKS_RESERVED);
}

static struct gate_stack *gate_stack_refuse(const struct owner *owner, const void *method,
					    const char *why)
{
	static DEFINE_RATE_LIMIT(limit, 20, 5 * NSEC_PER_SEC);
	u32 missed;

	if (rate_limit_pass(&limit, &missed))
		pr_err("banos: %s: %pS is not called (EOVERFLOW): %s\n", owner->name, method, why);
	return NULL;
}

struct gate_stack *gate_stack_push(const struct owner *owner, const void *method)
{
	struct gate_stack *outer = current->gate_stack, *stack;
	u64 depth = outer ? outer->depth + 1 : 1;

	if (depth > GATE_STACKS_MAX)
		return gate_stack_refuse(owner, method,
					 "too many calls into drivers are nested in this thread");
	stack = gate_stack_find();
	if (!stack)
		return gate_stack_refuse(owner, method, "there is no memory for its stack");
	stack->outer_sp = (u64)__builtin_frame_address(0);
	stack->outer_limit = current->gate_limit;
	stack->method = method;
	stack->depth = depth;
	spin_lock(&reserve.lock);
	stack->outer = outer;
	current->gate_stack = stack;
	spin_unlock(&reserve.lock);
	current->gate_limit = stack->low + GATE_STACK_NEEDED;
	return stack;
}

void gate_stack_pop(void)
{
	struct gate_stack *stack = current->gate_stack;

	spin_lock(&reserve.lock);
	current->gate_stack = stack->outer;
	spin_unlock(&reserve.lock);
	current->gate_limit = stack->outer_limit;
	if (!reserve_put(stack))
		thread_stack_put((void *)stack->low);
}

s64 gate_enter_elsewhere(struct owner *owner, bool own, const void *object, const void *method,
			 u64 arg1, u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6)
{
	s64 result;

	if (!gate_stack_push(owner, method))
		return -EOVERFLOW;
	result = gate_enter_here(owner, own, object, method, gate_switch_call, arg1, arg2, arg3,
				 arg4, arg5, arg6);
	gate_stack_pop();
	return result;
}

u64 gate_stack_end(u64 addr)
{
	u64 low = (u64)__builtin_frame_address(0), walled = wall_stack_end(addr);

	if (walled)
		return walled;
	for (const struct gate_stack *stack = current->gate_stack; stack; stack = stack->outer) {
		if (addr >= low && addr < (u64)stack)
			return (u64)stack;
		low = stack->outer_sp;
	}
	if (addr >= low && addr < current->kstack_top)
		return current->kstack_top;
	return 0;
}

void gate_stacks_visit(const struct thread *t, u64 low,
		       void (*visit)(void *ctx, u64 start, u64 len), void *ctx)
{
	spin_lock(&reserve.lock);
	for (const struct gate_stack *stack = t->gate_stack; stack; stack = stack->outer) {
		if (low >= stack->low && low < (u64)stack)
			visit(ctx, low, (u64)stack - low);
		low = stack->outer_sp;
	}
	spin_unlock(&reserve.lock);
	if (low >= (u64)t->stack && low < t->kstack_top)
		visit(ctx, low, t->kstack_top - low);
}
