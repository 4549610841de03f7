// SPDX-License-Identifier: MIT
/*
 * The gate: counters, and ending a call from outside. The way in and out itself
 * is gate_call() in gate.h.
 *
 * Counters of the n-th driver are the n-th pair in struct cpu. Who begins no
 * more calls waits for those that run by comparing sums; ended is summed first,
 * so that a call which ends in between only makes the wait longer.
 */
#include <kernel/bitmap.h>
#include <kernel/err.h>
#include <kernel/gate.h>
#include <kernel/lock_order.h>
#include <kernel/printk.h>
#include <kernel/time.h>

static u64 slots_used[BITMAP_WORDS(CONFIG_BANOS_MAX_DRIVERS)];
static u64 base_begun[CONFIG_BANOS_MAX_DRIVERS]; /* of earlier users of the slot */
static DEFINE_SPINLOCK(slots_lock);

#define FIRST_SLOT offsetof(struct cpu, gate)

static u32 slot_number(const struct owner *o)
{
	return (o->gate_slot - FIRST_SLOT) / sizeof(struct gate_counters);
}

static void sum(const struct owner *o, u64 *begun, u64 *ended)
{
	*begun = *ended = 0;
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i])
			*ended += READ_ONCE(
				((struct gate_counters *)((u8 *)cpus[i] + o->gate_slot))->ended);
	smp_rmb();
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i])
			*begun += READ_ONCE(
				((struct gate_counters *)((u8 *)cpus[i] + o->gate_slot))->begun);
}

int gate_open(struct owner *o)
{
	u64 begun, ended;
	u32 n;

	spin_lock(&slots_lock);
	n = bitmap_find_clear(slots_used, CONFIG_BANOS_MAX_DRIVERS, 1); /* 0: GATE_OWN_SLOT */
	if (n < CONFIG_BANOS_MAX_DRIVERS)
		bitmap_set(slots_used, n);
	spin_unlock(&slots_lock);
	if (n == CONFIG_BANOS_MAX_DRIVERS)
		return -ENOMEM;
	o->gate_slot = FIRST_SLOT + n * sizeof(struct gate_counters);
	sum(o, &begun, &ended);
	base_begun[n] = begun;
	return 0;
}

void gate_close(struct owner *o)
{
	spin_lock(&slots_lock);
	bitmap_clear(slots_used, slot_number(o));
	spin_unlock(&slots_lock);
}

void gate_count(const struct owner *o, u64 *begun, u64 *running)
{
	u64 ended;

	sum(o, begun, &ended);
	*running = *begun - ended;
	*begun -= base_begun[slot_number(o)];
}

#define NESTED_MAX 16

/*
 * Is the thread inside @o? It may run meanwhile, so that its records are stale: they
 * are only followed within its stack, which stays as long as threads_lock is held.
 */
static bool is_inside(const struct thread *t, const struct owner *o)
{
	const struct gate_record *r = READ_ONCE(t->gate);

	for (u32 n = 0; r && n < NESTED_MAX; n++) {
		if ((u64)r < (u64)t->stack || (u64)(r + 1) > t->kstack_top || (u64)r % 8)
			return false;
		if (READ_ONCE(r->owner) == o)
			return true;
		r = READ_ONCE(r->outer);
	}
	return false;
}

static void tell_who_is_inside(const struct owner *o)
{
	struct thread *t;
	u64 flags = spin_lock_irqsave(&threads_lock);

	list_for_each(t, &threads_list, all_link)
		if (is_inside(t, o))
			pr_err("banos: %s: a call into the driver by %s (thread %d) has not returned\n",
			       o->name, t->comm, t->tid);
	spin_unlock_irqrestore(&threads_lock, flags);
}

int gate_drain(const struct owner *o, u64 deadline_ns)
{
	u64 begun, running;

	for (gate_count(o, &begun, &running); running; gate_count(o, &begun, &running)) {
		if (fatal_signal_pending())
			return -EBUSY;
		if (time_monotonic_ns() >= deadline_ns) {
			tell_who_is_inside(o);
			return -EBUSY;
		}
		sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
	}
	return 0;
}

/* ---- what is held where a driver begins, and where it ends ---- */

#ifdef CONFIG_DEBUG_LOCKS
u32 gate_debug_enter(const struct owner *o, const void *fn)
{
	bool may_sleep = !CPU_FIELD_READ(preempt_count) && irqs_enabled() && !in_interrupt();

	if (unlikely(!may_sleep || !lock_order_none_held())) {
		lock_order_tell_held();
		panic("gate: driver %s is called (%pS) with locks held, or with preemption (count %u) or interrupts disabled",
		      o->name, fn, CPU_FIELD_READ(preempt_count));
	}
	return current->driver_mutexes;
}

void gate_debug_leave(const struct owner *o, const void *fn, u32 mutexes)
{
	if (current->driver_mutexes > mutexes && !current->gate)
		pr_err("banos: %s: %pS returned with a mutex held\n", o->name, fn);
	current->driver_mutexes = mutexes;
}
#endif

s64 gate_bad_result(const struct owner *o, s64 result)
{
	if (result >= -4095 && result < -ERESTART_RESTARTBLOCK)
		return result;
	pr_warn("banos: %s: a driver function returned %ld, which is neither a valid result nor an error number\n",
		o->name, result);
	return -EINVAL;
}

void gate_untidy(const struct owner *o, const void *fn, u32 flags)
{
	bool held = CPU_FIELD_READ(preempt_count);

	if (flags != GATE_CLEAN)
		gate_bad_flags(o, flags);
	if (!held)
		return;
	CPU_FIELD_WRITE(preempt_count, 0);
	pr_err("banos: %s: %pS returned with a spin lock held\n", o->name, fn);
}

void gate_abandon(s64 result)
{
	struct gate_record *r = current->gate;

	BUG_ON(!r);
	arch_gate_leave(r->sp, r->bp, result);
}
