// SPDX-License-Identifier: MIT
/*
 * Calls of the methods of file systems, and changes.
 *
 * Each call is counted on its CPU, and so is each change, so that two things can be
 * waited for: that no call runs (the driver is taken away: super->closed), and that no
 * change does (a commit: super->committing). A call counts itself, then looks at the mark;
 * who sets the mark does so before it adds up. A call that sees the mark takes itself back
 * and waits. Between the mark and the sum no call begins, so the sum only falls.
 *
 * A super block without a driver makes its callers wait DRIVER_PATIENCE_NS for one: a driver that
 * is replaced is missed by nobody.
 *
 * The mutexes of inodes are held while methods run: they are what orders the calls for one
 * folder or node (gate_excuse_locks()).
 */
#include <kernel/err.h>
#include <kernel/process.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include "driver.h"
#include "store.h"

#define DRIVER_PATIENCE_NS (5 * NSEC_PER_SEC)
#define AGAIN_MAX	   4u

/* ---- counts ---- */

static void count_add(struct driven_super *super, u32 flags, s64 number)
{
	struct driven_cell *cell = &super->cells[cpu_id()];

	cell->calls += number;
	if (flags & DRIVEN_CHANGE)
		cell->changes += number;
}

static bool calls_ended(struct driven_super *super)
{
	s64 sum = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		sum += READ_ONCE(super->cells[cpu].calls);
	return !sum;
}

static bool changes_ended(struct driven_super *super)
{
	s64 sum = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		sum += READ_ONCE(super->cells[cpu].changes);
	return !sum;
}

static bool must_wait(const struct driven_super *super, u32 flags)
{
	return READ_ONCE(super->closed) || (flags & DRIVEN_CHANGE && READ_ONCE(super->committing));
}

static bool enter_once(struct driven_super *super, u32 flags)
{
	bool entered;

	preempt_disable();
	count_add(super, flags, 1);
	smp_mb(); /* pairs with driven_close() and driven_exclude() */
	entered = likely(!must_wait(super, flags));
	if (!entered)
		count_add(super, flags, -1);
	preempt_enable();
	if (!entered)
		wake_up_all(&super->wait);
	return entered;
}

void driven_leave(struct driven_super *super, u32 flags)
{
	preempt_disable();
	count_add(super, flags, -1);
	smp_mb();
	if (unlikely(READ_ONCE(super->closed) || READ_ONCE(super->committing)))
		wake_up_all(&super->wait);
	preempt_enable();
}

static __cold __noinline int enter_slowly(struct driven_super *super, u32 flags)
{
	u64 deadline_ns = time_monotonic_ns() + DRIVER_PATIENCE_NS;

	while (!enter_once(super, flags)) {
		if (!READ_ONCE(super->closed)) {
			wait_event(&super->wait, !must_wait(super, flags));
			continue;
		}
		if (READ_ONCE(super->ending) ||
		    WAIT_EVENT_(&super->wait, !must_wait(super, flags), THREAD_KILLABLE,
				deadline_ns, fatal_signal_pending()))
			return -ENODEV;
	}
	return 0;
}

int driven_enter(struct driven_super *super, u32 flags)
{
	if (likely(enter_once(super, flags)))
		return 0;
	return enter_slowly(super, flags);
}

__cold int driven_close(struct driven_super *super, u64 deadline_ns)
{
	__atomic_store_n(&super->closed, true, __ATOMIC_SEQ_CST);
	if (wait_event_until(&super->wait, calls_ended(super), deadline_ns))
		return -EBUSY;
	return 0;
}

__cold void driven_open(struct driven_super *super)
{
	__atomic_store_n(&super->closed, false, __ATOMIC_SEQ_CST);
	wake_up_all(&super->wait);
	wake_up_all(&super->commit_wait);
}

void driven_exclude(struct driven_super *super)
{
	assert_held(&super->commit_lock);
	__atomic_store_n(&super->committing, true, __ATOMIC_SEQ_CST);
	wait_event(&super->wait, changes_ended(super));
}

void driven_admit(struct driven_super *super)
{
	assert_held(&super->commit_lock);
	__atomic_store_n(&super->committing, false, __ATOMIC_SEQ_CST);
	wake_up_all(&super->wait);
}

/* ---- calls ---- */

/* Not all of it: that would take longer than some methods do. */
static inline void call_init(struct driven_call *call, struct driven_super *super, u32 flags)
{
	call->super = super;
	call->handle = super->mount->owned.handle;
	call->bytes = 0;
	call->flags = flags | DRIVEN_RUNS;
	call->nr_lent = 0;
	call->holds = NULL;
	if (super->store) {
		call->bytes = super->store->bytes;
		call->holds = holds_take(super); /* without memory: at its first use again */
	}
	undo_init(&call->undo);
}

/*
 * All of a change, or nothing: one inside of which its driver was ended (gate_abandon()), or memory (store_use.c), has
 * changed nothing.
 */
static void driven_call_finish(struct driven_call *call, s64 result)
{
	if (unlikely(result == -ENOMEM) ||
	    (unlikely(result == -EFAULT) && gate_has_failed(call->super->type->root)))
		undo_apply(&call->undo, store_read_again, call->super->store);
	undo_clear(&call->undo);
	holds_give_back(call);
}

static s64 invoke_once(struct driven_super *super, u32 flags, size_t method, u64 arg2, u64 arg3,
		       u64 arg4, u64 arg5, u64 arg6)
{
	const struct driven_type *type = super->type;
	u32 excused = gate_excuse_locks();
	struct driven_call call;
	s64 result;

	call_init(&call, super, flags);
	result = gate_call(type->root, (const void *)((u64)&call | DRIVEN_CALL_TAG),
			   *(const void *const *)((const u8 *)&type->ops + method), (u64)super->fs,
			   arg2, arg3, arg4, arg5, arg6);
	gate_excuse_end(excused);
	driven_call_finish(&call, result);
	return result;
}

__cold s64 driven_mount_call(struct driven_super *super, u64 handle, struct banos_mount_info *info)
{
	struct driven_type *type = super->type;
	/* On our stack: memory that the driver may pass on, as to banos_error(). */
	struct banos_mount_config config = super->config;
	u32 excused = gate_excuse_locks();
	struct driven_call call;
	s64 result;

	call_init(&call, super, DRIVEN_CHANGE | DRIVEN_CLOSED);
	result = gate_call(type->root, (const void *)((u64)&call | DRIVEN_CALL_TAG),
			   type->ops.mount, (u64)type->context, handle, (u64)&config, (u64)info,
			   (u64)&super->fs, 0);
	gate_excuse_end(excused);
	driven_call_finish(&call, result);
	return result;
}

/*
 * A function of the driver has faulted, and it will be taken away. @return true: this call was not made, so
 * the next driver can be asked. The one that faulted is not repeated: that could end the next one, too.
 */
static bool was_refused(struct driven_super *super, u32 flags, s64 result)
{
	if (likely(!gate_has_failed(super->type->root)) || flags & (DRIVEN_CLOSED | DRIVEN_INSIDE))
		return false;
	WRITE_ONCE(super->closed, true);
	return result == -ENODEV;
}

s64 driven_invoke(struct driven_super *super, u32 flags, size_t method, u64 arg2, u64 arg3,
		  u64 arg4, u64 arg5, u64 arg6)
{
	bool counts = !(flags & (DRIVEN_INSIDE | DRIVEN_CLOSED));
	s64 result;
	bool refused;

	for (u32 tries = 0; tries < AGAIN_MAX; tries++) {
		if (counts) {
			int err = driven_enter(super, flags);

			if (err)
				return err;
		}
		result = invoke_once(super, flags, method, arg2, arg3, arg4, arg5, arg6);
		refused = was_refused(super, flags, result);
		if (counts)
			driven_leave(super, flags);
		if (unlikely(refused))
			continue;
		if (flags & DRIVEN_CHANGE && result >= 0)
			driven_changed(super);
		if (likely(result != -EAGAIN || !(flags & DRIVEN_CHANGE) || !counts))
			return result;
		result = driven_commit(super);
		if (result)
			return result;
	}
	return -ENOSPC;
}
