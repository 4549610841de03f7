// SPDX-License-Identifier: MIT
/*
 * Functions of installed drivers that fault (CONFIG_GATE_ABANDON).
 *
 * The call is abandoned: the driver's locks that were taken in it are released,
 * the driver is marked as failed, so that it is not called any more, and the
 * kernel continues behind the call with -EFAULT. The failure handler has the
 * driver removed.
 *
 * Only faults of the driver's own code are taken so, and only where the kernel
 * holds nothing: in a function of the kernel that the driver called, in an
 * interrupt, with preemption disabled by more than the driver's own spin locks,
 * or with the stack pointer outside of the call, the machine stops as ever. The
 * code of a driver that is linked in cannot be distinguished from the kernel's.
 *
 * A thread lists the driver locks that it holds, with the call in which each was
 * taken; no other thread reads that list.
 */
#include <kernel/gate.h>
#include <kernel/lock_order.h>
#include <kernel/printk.h>
#include <kernel/upcalls.h>

extern u8 _text[], _etext[];

static void (*failure_handler)(struct owner *root);

void gate_set_failure_handler(void (*handler)(struct owner *root))
{
	failure_handler = handler;
}

/* ---- locks ---- */

void gate_lock_taken(void *lock, bool keeps_preemption_off, void (*release)(void *lock))
{
	u32 i = current->gate_nlocks++;

	if (i < GATE_LOCKS_MAX)
		current->gate_locks[i] = (struct gate_lock){
			.record = current->gate,
			.lock = lock,
			.keeps_preemption_off = keeps_preemption_off,
			.release = release,
		};
}

void gate_lock_released(void *lock)
{
	struct gate_lock *locks = current->gate_locks;
	u32 noted = MIN(current->gate_nlocks, GATE_LOCKS_MAX);

	for (u32 i = noted; i--;)
		if (locks[i].lock == lock) {
			for (u32 j = i + 1; j < noted; j++)
				locks[j - 1] = locks[j];
			current->gate_nlocks--;
			return;
		}
	/* It found no room, or was taken in a call that has returned. */
	if (current->gate_nlocks > GATE_LOCKS_MAX)
		current->gate_nlocks--;
}

void gate_locks_forget(u32 held)
{
	current->gate_nlocks = MIN(current->gate_nlocks, held);
}

/* Newest first. */
static void gate_release_locks(const struct gate_record *record)
{
	while (current->gate_nlocks) {
		struct gate_lock *last = &current->gate_locks[current->gate_nlocks - 1];

		if (last->record != record)
			break;
		current->gate_nlocks--;
		last->release(last->lock);
	}
}

/* Is preemption off because of spin locks that were taken in this call, and of nothing else? */
static bool gate_holds_only_locks_of(const struct gate_record *record)
{
	u32 spinning = 0;

	if (current->gate_nlocks > GATE_LOCKS_MAX)
		return false;
	for (u32 i = 0; i < current->gate_nlocks; i++)
		if (current->gate_locks[i].keeps_preemption_off &&
		    current->gate_locks[i].record == record)
			spinning++;
	return CPU_FIELD_READ(preempt_count) == spinning && lock_order_none_held();
}

bool gate_may_abandon(void)
{
	const struct gate_record *record = current->gate;

	return record && failure_handler && !in_interrupt() && gate_holds_only_locks_of(record);
}

/* ---- faults ---- */

void gate_abandon(s64 result)
{
	struct gate_record *record = current->gate;

	BUG_ON(!record);
	if (!record->sp)
		arch_gate_leave_slot((u64)record, result);
	arch_gate_leave(record->sp, record->bp, result);
}

/* Does @sp lie on the stack of the innermost call, which was made at @call_sp of that stack or another one? */
static bool gate_stack_is_below(u64 sp, u64 call_sp)
{
	const struct gate_stack *stack = current->gate_stack;
	u64 low = (u64)current->stack, top = current->kstack_top;

	if (stack) {
		low = stack->low;
		top = (u64)stack;
	}
	if (call_sp > low && call_sp <= top)
		top = call_sp;
	return sp >= low && sp < top;
}

static bool gate_can_abandon(const struct gate_record *record, const struct kernel_fault *fault)
{
	bool in_kernel = fault->code >= (u64)_text && fault->code < (u64)_etext;

	if (fault->walled)
		return fault->interrupts_on && !in_interrupt() && gate_holds_only_locks_of(record);
	if (in_kernel || !owner_has_code(record->owner, (const void *)fault->code))
		return false;
	if (in_interrupt() || !fault->interrupts_on)
		return false;
	/* The kernel continues with the stack above the call. */
	if (!gate_stack_is_below(fault->sp, gate_record_sp(record)))
		return false;
	return gate_holds_only_locks_of(record);
}

/* The end of it, once the log says why. */
static void __noreturn gate_fail_innermost(struct gate_record *record)
{
	gate_release_locks(record);
	failure_handler(record->owner);
	gate_abandon(-EFAULT);
}

#ifdef CONFIG_GATE_WALL
void gate_fail(const char *where)
{
	struct gate_record *record = current->gate;

	pr_err("banos: %s: abandoned in %s(), for test; the driver is removed\n",
	       record->owner->name, where);
	gate_fail_innermost(record);
}

s64 gate_fail_at_entry(struct owner *owner, const void *method)
{
	pr_err("banos: %s: abandoned at the entry of %pS, for test; the driver is removed\n",
	       owner->name, method);
	failure_handler(owner);
	return -EFAULT;
}
#endif

void upcall_kernel_fault(const struct kernel_fault *fault)
{
	struct gate_record *record = current->gate;

	if (!record || !failure_handler || !gate_can_abandon(record, fault))
		return;
	pr_err("banos: %s: %s in %pS; the call ends with EFAULT, and the driver is removed\n",
	       record->owner->name, fault->cause, (void *)fault->code);
	irq_enable();
	gate_fail_innermost(record);
}
