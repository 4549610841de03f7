// SPDX-License-Identifier: MIT
/*
 * Where a sleeping thread is: /proc/PID/wchan.
 *
 * Its registers are where switch_stacks() pushed them: six, the last of them
 * the frame pointer, then the return address. The lock of its queue keeps it asleep while
 * its stack is read; each frame is checked to lie on that stack, above the one
 * before, or on the stack from which a driver was called.
 */
#include <kernel/gate_stack.h>
#include <kernel/thread.h>

extern const u8 gate_switch_return[]; /* entry.S */

struct switch_frame {
	u64 r15, r14, r13, r12, rbx, rbp, rip;
};
struct stack_frame {
	u64 rbp, rip;
};

/* Under its lock: can only a wake-up, which takes that lock, make it run again? */
static bool stays_asleep(const struct thread *t)
{
	return t->state != THREAD_RUNNABLE && t->state != THREAD_DEAD && !t->on_rq;
}

/* Of the part from @low on of this stack, NULL: the thread's own? */
static bool is_frame(const struct thread *t, const struct gate_stack *stack, u64 rbp, u64 low)
{
	u64 top = stack ? (u64)stack : t->kstack_top;

	return rbp >= low && !(rbp & 7) && rbp <= top - sizeof(struct stack_frame);
}

u32 thread_backtrace(struct thread *t, u64 *addrs, u32 max)
{
	u64 flags, low, rbp;
	spinlock_t *lock = thread_lock(t, &flags);
	const struct gate_stack *stack = t->gate_stack;
	u32 count = 0;

	if (stays_asleep(t) && max) {
		const struct switch_frame *sf = (const void *)t->ksp;

		addrs[count++] = sf->rip;
		low = t->ksp + sizeof(*sf);
		rbp = IS_ENABLED(CONFIG_FRAME_POINTER) ? sf->rbp : 0;
		for (; count < max && is_frame(t, stack, rbp, low); count++) {
			const struct stack_frame *frame = (const void *)rbp;

			addrs[count] = frame->rip;
			low = rbp + sizeof(*frame);
			rbp = frame->rbp;
			if (stack && frame->rip == (u64)gate_switch_return) {
				low = stack->outer_sp;
				stack = stack->outer;
			}
		}
	}
	raw_spin_unlock(lock);
	irq_restore(flags);
	return count;
}
