// SPDX-License-Identifier: MIT
/*
 * The gate: its counters, and how a call is ended from outside. The call itself
 * is gate_call() in gate.h.
 *
 * Counters of the n-th driver are the n-th pair in struct cpu. To drain a driver
 * is to compare their sums until all calls that began have ended. The ended ones
 * are summed first, so that a call which ends in between only makes the wait longer.
 */
#include <asm/probe.h>
#include <asm/wall.h>
#include <kernel/bitmap.h>
#include <kernel/err.h>
#include <kernel/gate.h>
#include <kernel/lock_order.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wall.h>

static u64 slots_used[BITMAP_WORDS(CONFIG_BANOS_MAX_DRIVERS)];
static u64 base_begun[CONFIG_BANOS_MAX_DRIVERS]; /* of earlier users of the slot */
static DEFINE_SPINLOCK(slots_lock);

#define FIRST_SLOT offsetof(struct cpu, gate)

static u32 gate_slot_number(const struct owner *owner)
{
	return (owner->gate_slot - FIRST_SLOT) / sizeof(struct gate_counters);
}

static void gate_sum(const struct owner *owner, u64 *begun, u64 *ended)
{
	*begun = *ended = 0;
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i])
			*ended += READ_ONCE(
				((struct gate_counters *)((u8 *)cpus[i] + owner->gate_slot))
					->ended);
	smp_rmb();
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i])
			*begun += READ_ONCE(
				((struct gate_counters *)((u8 *)cpus[i] + owner->gate_slot))
					->begun);
}

int gate_open(struct owner *owner)
{
	u64 begun, ended;
	u32 number;
	int err = gate_stacks_prepare();

	if (err)
		return err;
	spin_lock(&slots_lock);
	number = bitmap_find_clear(slots_used, CONFIG_BANOS_MAX_DRIVERS, 1); /* 0: GATE_OWN_SLOT */
	if (number < CONFIG_BANOS_MAX_DRIVERS)
		bitmap_set(slots_used, number);
	spin_unlock(&slots_lock);
	if (number == CONFIG_BANOS_MAX_DRIVERS)
		return -ENOMEM;
	owner->gate_slot = FIRST_SLOT + number * sizeof(struct gate_counters);
	gate_sum(owner, &begun, &ended);
	base_begun[number] = begun;
	return 0;
}

void gate_close(struct owner *owner)
{
	spin_lock(&slots_lock);
	bitmap_clear(slots_used, gate_slot_number(owner));
	spin_unlock(&slots_lock);
}

void gate_count(const struct owner *owner, u64 *begun, u64 *running)
{
	u64 ended;

	gate_sum(owner, begun, &ended);
	*running = *begun - ended;
	*begun -= base_begun[gate_slot_number(owner)];
}

#define NESTED_MAX 16

/*
 * Is the thread inside @owner? It may run meanwhile, so that its records are stale and
 * their stack is gone: they are read by accesses that may fault.
 */
static bool thread_is_inside(const struct thread *t, const struct owner *owner)
{
	const struct gate_record *record = READ_ONCE(t->gate);

	for (u32 depth = 0; record && depth < NESTED_MAX; depth++) {
		if ((s64)record >= 0 || (u64)record % 8)
			return false;
		if (probe_load((const u64 *)&record->owner) == (u64)owner)
			return true;
		record = (const void *)probe_load((const u64 *)&record->outer);
	}
	return false;
}

static void gate_report_inside(const struct owner *owner)
{
	struct thread_walk walk;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		if (thread_is_inside(t, owner))
			pr_err("banos: %s: a call into the driver by %s (thread %d) has not returned\n",
			       owner->name, t->comm, t->tid);
}

u32 gate_find_inside(const struct owner *owner, struct gate_guest *guests, u32 max)
{
	struct thread_walk walk;
	u32 count = 0;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t)) {
		if (!thread_is_inside(t, owner))
			continue;
		if (count < max) {
			guests[count].tid = t->tid;
			strscpy(guests[count].comm, t->comm, sizeof(guests[count].comm));
		}
		count++;
	}
	return count;
}

int gate_drain(const struct owner *owner, u64 deadline_ns)
{
	u64 begun, running;

	for (gate_count(owner, &begun, &running); running; gate_count(owner, &begun, &running)) {
		if (fatal_signal_pending())
			return -EBUSY;
		if (time_monotonic_ns() >= deadline_ns) {
			gate_report_inside(owner);
			return -EBUSY;
		}
		sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
	}
	return 0;
}

/* ---- locks that are held when a driver is called, and when it returns ---- */

#ifdef CONFIG_DEBUG_LOCKS
u32 gate_debug_enter(const struct owner *owner, const void *fn)
{
	bool may_sleep = !CPU_FIELD_READ(preempt_count) && irqs_enabled() && !in_interrupt();

	if (unlikely(!may_sleep || !lock_order_none_held())) {
		lock_order_tell_held();
		panic("gate: driver %s is called (%pS) with locks held, or with preemption (count %u) or interrupts disabled",
		      owner->name, fn, CPU_FIELD_READ(preempt_count));
	}
	return current->driver_mutexes;
}

u32 gate_excuse_locks(void)
{
	u32 before = current->locks_excused;

	current->locks_excused = current->locks_held.n;
	return before;
}

void gate_excuse_end(u32 before)
{
	current->locks_excused = before;
}

void gate_debug_leave(const struct owner *owner, const void *fn, u32 mutexes)
{
	if (current->driver_mutexes > mutexes && !current->gate)
		pr_err("banos: %s: %pS returned with a mutex held\n", owner->name, fn);
	current->driver_mutexes = mutexes;
}
#endif

s64 gate_bad_result(const struct owner *owner, s64 result)
{
	if (result >= -4095 && result < -ERESTART_RESTARTBLOCK)
		return result;
	pr_warn("banos: %s: a driver function returned %ld, which is neither a valid result nor an error number\n",
		owner->name, result);
	return -EINVAL;
}

void gate_untidy(const struct owner *owner, const void *method, u32 flags)
{
	bool held = CPU_FIELD_READ(preempt_count);

	if (flags != GATE_CLEAN)
		gate_bad_flags(owner, flags);
	if (!held)
		return;
	CPU_FIELD_WRITE(preempt_count, 0);
	pr_err("banos: %s: %pS returned with a spin lock held\n", owner->name, method);
}

static void gate_untidy_atomic(const struct owner *owner, const void *method, u32 left, u32 held)
{
	bool unbalanced = CPU_FIELD_READ(preempt_count) != held;

	if ((left & GATE_FLAGS) != GATE_CLEAN)
		gate_bad_flags(owner, left & GATE_FLAGS);
	if (!unbalanced)
		return;
	CPU_FIELD_WRITE(preempt_count, held);
	pr_err("banos: %s: %pS returned with a spin lock held, or released one of its caller's\n",
	       owner->name, method);
}

s64 gate_call_atomic(struct owner *owner, const void *object, const void *method, u64 arg1,
		     u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6)
{
	struct gate_record record = {
		.outer = current->gate, .owner = owner, .object = object, .method = method
	};
	bool elsewhere = arch_stack_pointer < current->gate_limit;
	u32 locks = gate_locks_held(), held, left;
	bool walled = gate_is_walled(owner) && owner_has_code(owner, method);
	const void *entry = method, *called;
	struct wall_call wall;
	s64 result;

	if (gate_has_failed(owner))
		return -ENODEV;
	if (walled)
		entry = (const void *)wall_enter;
	called = entry;
	if (elsewhere && !gate_stack_push(owner, entry))
		return -EOVERFLOW;
	if (elsewhere)
		called = (const void *)gate_switch_call;
	if (walled && wall_call_begin(&wall, owner, method)) {
		if (elsewhere)
			gate_stack_pop();
		return -EOVERFLOW;
	}
	preempt_disable();
	held = CPU_FIELD_READ(preempt_count);
	gate_count_event(owner->gate_slot, begun);
	barrier();
	current->gate = &record;
	result = arch_gate_call(called, arg1, arg2, arg3, arg4, arg5, arg6, &record.sp, &record.bp,
				&left);
	if (unlikely(left != (GATE_CLEAN | held)))
		gate_untidy_atomic(record.owner, record.method, left, held);
	current->gate = record.outer;
	gate_count_event(record.owner->gate_slot, ended);
	gate_locks_forget(locks);
	if (walled)
		wall_call_end(&wall);
	preempt_enable();
	if (elsewhere)
		gate_stack_pop();
	if (unlikely(result <= GATE_RESULT_DOUBTFUL))
		result = gate_bad_result(owner, result);
	return result;
}
