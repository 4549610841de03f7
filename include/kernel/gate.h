/* SPDX-License-Identifier: MIT */
/**
 * @file gate.h  The only way to call a driver.
 *
 * Every call from the kernel into a driver is made by gate_call(). It counts
 * the call on this CPU, so that a driver is not unmapped under a call, and
 * leaves a record: whose function runs in this thread, from where on the stack,
 * and which object was handed in for the length of the call. With that record
 * gate_abandon() can end the call from outside: the kernel continues after it,
 * with an error, and the driver's frames on the stack are discarded.
 * CONFIG_GATE_ABANDON uses it for functions of installed drivers that fault.
 *
 * So the kernel's caller keeps nothing in registers across the call (they are
 * all clobbered), and holds no lock, RCU section or disabled interrupts. With
 * CONFIG_DEBUG_LOCKS that is checked before the call, and after it that the
 * driver's function holds nothing either. A driver that returns with
 * interrupts off, DF, AC or another flag set that the kernel relies on is named in
 * the log, and the flags are corrected.
 *
 * Where the stack is short of what drivers are promised the call is made on another
 * one: gate_stack.h. All that the record says is as before.
 *
 * The counters are per CPU and only ever increased: calls started and calls ended.
 * A call may begin on one CPU and end on another; only the sums mean something.
 * Once no new call can begin, a sum of ended calls that equals the sum of begun
 * ones stays equal.
 */
#pragma once
#include <asm/gate.h>
#include <kernel/err.h>
#include <kernel/gate_stack.h>
#include <kernel/owner.h>
#include <kernel/thread.h>
#include <kernel/wall.h>

struct signature;
struct crossing;

/** gate_slot.S pushes the first three, in this order; what follows is then not the record's. */
struct gate_record {
	u64 sp;			   /* at the call, the return address lies below; 0: gate_slot.S */
	struct owner *owner;	   /* root: the driver */
	struct gate_record *outer; /* the call inside which this one was made */
	const void *object;	   /* handed in for this call, or NULL */
	const void *method;
	u64 bp; /* at the call; with CONFIG_GATE_ABANDON */
} __aligned(16);
_Static_assert(offsetof(struct gate_record, sp) == 0 && offsetof(struct gate_record, owner) == 8 &&
		       offsetof(struct gate_record, outer) == 16,
	       "gate_slot.S");

/** The stack pointer at the call. */
static inline u64 gate_record_sp(const struct gate_record *record)
{
	if (record->sp)
		return record->sp;
	return (u64)record;
}

/**
 * A call between drivers that passes handles: on the stack, from before the call until
 * behind it. The function that is called may use what @handles names (banos/api/caller.c).
 */
struct gate_grant {
	struct gate_grant *outer;
	const struct gate_record *before; /* the caller's */
	u64 handles;			  /* bit per argument; GATE_GRANT_RESULT */
	const bool *
		revoked; /* of a callback: set when its driver goes: it does not sleep then; or NULL */
	u64 args[6];
};
_Static_assert(offsetof(struct gate_grant, before) == 8 &&
		       offsetof(struct gate_grant, handles) == 16 &&
		       offsetof(struct gate_grant, revoked) == 24 &&
		       sizeof(struct gate_grant) == 80,
	       "gate_slot.S");
#define GATE_GRANT_RESULT 0x80u /* the result is a callback */

/** An exported function that other drivers call; known to arch/x86_64/gate_slot.S. */
struct call_slot {
	const void *target; /* gate_dead_entry: it returns -ENODEV */
	struct owner *owner;
	const void *entry; /* what is called instead: its thunk */
	u32 handles;	   /* bit per argument; GATE_GRANT_RESULT */
	u32 checked;	   /* bit per argument: gate_check_arguments() looks at it */
	const struct signature *signature; /* or NULL */
	const char *name;		   /* of the slot's own memory */
	struct call_slot *moved_to;	   /* of the exporter that took over; NULL: none; slots.c */
	bool bound;			   /* a driver may call it; under drivers_lock */
#ifdef CONFIG_GATE_WALL
	const struct crossing *crossing; /* of a function of the kernel; its owner is NULL */
#endif
};

/** Counters of one driver on one CPU. */
struct gate_counters {
	u64 begun, ended;
};

/** @brief Allocate the counters of a root owner. @return 0, -ENOMEM: all CONFIG_BANOS_MAX_DRIVERS are in use */
int __must_check gate_open(struct owner *owner);
void gate_close(struct owner *owner);
/** @brief Calls so far, and how many of them have not ended. */
void gate_count(const struct owner *owner, u64 *begun, u64 *running);
/**
 * @brief Wait until no call runs; none can begin any more. Sleeps, until @p deadline_ns or a fatal signal.
 * @return 0, -EBUSY: a call has not returned; the log names its driver
 */
int __must_check gate_drain(const struct owner *owner, u64 deadline_ns);
/** A thread that is inside a driver. */
struct gate_guest {
	pid_t tid;
	char comm[16];
};
/**
 * @brief Find the threads that are inside a driver at this moment. Any thread context.
 * @param guests  receives the first @p max of them
 * @return how many there are
 */
u32 gate_find_inside(const struct owner *owner, struct gate_guest *guests, u32 max);
/* A limit below all errors that drivers know. The kernel's own errors lie there, and have a meaning only on the return to user mode. */
#define GATE_RESULT_DOUBTFUL (-512)
/**
 * @brief Log a result that no function of a driver may return.
 * @return -EINVAL; @p result where it is an error that a later kernel may know
 */
s64 __must_check gate_bad_result(const struct owner *owner, s64 result) __cold;

/** @brief A driver's function returned with other @p flags (of GATE_FLAGS) than it was called with: correct and log them. */
void gate_bad_flags(const struct owner *owner, u32 flags) __cold;
/** @brief The same, or @p method returned with a spin lock held: preemption is on again, the lock lost. */
void gate_untidy(const struct owner *owner, const void *method, u32 flags) __cold;

#ifdef CONFIG_DEBUG_LOCKS
/** @brief Check that the caller holds no lock of the kernel; panic with its name if it does. @return the argument for gate_debug_leave() */
u32 gate_debug_enter(const struct owner *owner, const void *method);
/**
 * @brief This thread may call drivers with the mutexes and rwsems that it holds now: what waits for them
 * waits for the driver. For file systems, whose files and folders are locked while their methods run.
 * @return for gate_excuse_end()
 */
u32 gate_excuse_locks(void);
void gate_excuse_end(u32 before);
/** @brief Log a mutex that the function still holds. */
void gate_debug_leave(const struct owner *owner, const void *method, u32 mutexes);
#else
static inline u32 gate_debug_enter(const struct owner *owner, const void *method)
{
	return 0;
}
static inline void gate_debug_leave(const struct owner *owner, const void *method, u32 mutexes)
{
}
static inline u32 gate_excuse_locks(void)
{
	return 0;
}
static inline void gate_excuse_end(u32 before)
{
}
#endif

/* ---- calls that fault (gate_fault.c) ---- */

/**
 * @brief With CONFIG_GATE_ABANDON: end the innermost call into a driver of this thread, with @p result.
 * Does not return. What the driver's function held was released before.
 */
void gate_abandon(s64 result) __noreturn;
#ifdef CONFIG_GATE_ABANDON
/**
 * @brief A driver's function has taken a lock: if its call is abandoned, @p release releases it.
 * @param keeps_preemption_off  it is a spin lock
 */
void gate_lock_taken(void *lock, bool keeps_preemption_off, void (*release)(void *lock));
void gate_lock_released(void *lock);
/** @brief Forget what was taken behind the first @p held ones: the function has returned. */
void gate_locks_forget(u32 held);
static inline u32 gate_locks_held(void)
{
	return current->gate_nlocks;
}
static inline bool gate_has_failed(const struct owner *o)
{
	return unlikely(READ_ONCE(o->failed));
}
/**
 * @brief Start-up: what is called when a call into @p root was ended because it faulted.
 * It runs in the thread of the call, before that thread continues; may sleep.
 */
void gate_set_failure_handler(void (*handler)(struct owner *root));
/** @brief Could the innermost call into a driver of this thread be abandoned, here in a function that it calls? */
bool gate_may_abandon(void);
/** @brief Treat the innermost call into a driver of this thread as one that faulted; @p where: in a call of that function. */
void gate_fail(const char *where) __noreturn;
/** @brief The same for a call that has not begun. @return -EFAULT */
s64 __must_check gate_fail_at_entry(struct owner *owner, const void *method);
#else
static inline void gate_lock_taken(void *lock, bool keeps_preemption_off,
				   void (*release)(void *lock))
{
}
static inline void gate_lock_released(void *lock)
{
}
static inline void gate_locks_forget(u32 held)
{
}
static inline u32 gate_locks_held(void)
{
	return 0;
}
static inline bool gate_has_failed(const struct owner *owner)
{
	return false;
}
static inline void gate_set_failure_handler(void (*handler)(struct owner *root))
{
}
#endif

#define gate_count_event(slot, field) PERCPU_COUNT_AT(slot, struct gate_counters, field)

/* The first counters are for threads of drivers' own, which no one waits for here. */
#define GATE_OWN_SLOT offsetof(struct cpu, gate)

/*
 * The way in and out, on this stack. Only in a function that also makes an ordinary call:
 * else the compiler need not keep the stack 16-aligned.
 * @called: @method, or what leads to it
 */
static inline __attribute__((always_inline)) s64
gate_enter_here(struct owner *owner, bool own, const void *object, const void *method,
		const void *called, u64 arg1, u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6)
{
	struct gate_record record;
	u32 mutexes = gate_debug_enter(
		owner, method); /* a call: before anything is in registers by name */
	u32 locks = gate_locks_held();
	s64 result;
	u32 left;

	if (gate_has_failed(owner))
		return -ENODEV;
	record.outer = current->gate;
	record.owner = owner;
	record.object = object;
	record.method = method;
	gate_count_event(own ? GATE_OWN_SLOT : owner->gate_slot, begun);
	barrier();
	current->gate = &record;
	result = arch_gate_call(called, arg1, arg2, arg3, arg4, arg5, arg6, &record.sp, &record.bp,
				&left);
	if (unlikely(left != GATE_CLEAN))
		gate_untidy(record.owner, record.method, left & GATE_FLAGS);
	/* Read again: a thread that was kept in memory costs an instruction more. */
	CPU_FIELD_READ(running)->gate = record.outer;
	gate_count_event(own ? GATE_OWN_SLOT : record.owner->gate_slot, ended);
	gate_debug_leave(record.owner, record.method, mutexes);
	gate_locks_forget(locks);
	return result;
}

/** @brief gate_enter() on a further stack. @return also -EOVERFLOW: there is none, which is logged */
s64 gate_enter_elsewhere(struct owner *owner, bool own, const void *object, const void *method,
			 u64 arg1, u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6);

/** @brief Does it run behind a wall (wall.h)? */
static inline bool gate_is_walled(const struct owner *root)
{
#ifdef CONFIG_GATE_WALL
	return root->wall;
#else
	return false;
#endif
}

static inline __attribute__((always_inline)) s64 gate_enter(struct owner *owner, bool own,
							    const void *object, const void *method,
							    u64 arg1, u64 arg2, u64 arg3, u64 arg4,
							    u64 arg5, u64 arg6)
{
	if (gate_is_walled(owner) && owner_has_code(owner, method)) /* no default method */
		return gate_enter_walled(owner, own, object, method, arg1, arg2, arg3, arg4, arg5,
					 arg6);
	if (unlikely(arch_stack_pointer < current->gate_limit))
		return gate_enter_elsewhere(owner, own, object, method, arg1, arg2, arg3, arg4,
					    arg5, arg6);
	return gate_enter_here(owner, own, object, method, method, arg1, arg2, arg3, arg4, arg5,
			       arg6);
}

/**
 * @brief Call @p method of the driver @p owner.
 * @param object  what is valid for this call alone: see gate_object()
 * @return what it returned, -EINVAL if that was below -4095 or an error of the kernel's own, or the result passed to gate_abandon()
 */
static inline s64 gate_call(struct owner *owner, const void *object, const void *method, u64 arg1,
			    u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6)
{
	s64 result = gate_enter(owner, false, object, method, arg1, arg2, arg3, arg4, arg5, arg6);

	if (unlikely(result <= GATE_RESULT_DOUBTFUL))
		result = gate_bad_result(owner, result);
	return result;
}

/**
 * @brief The same for a function that never sleeps: in any context but an interrupt. Preemption is
 * off while it runs, so that functions of the API which may sleep refuse to.
 */
s64 gate_call_atomic(struct owner *owner, const void *object, const void *method, u64 arg1,
		     u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6);

/** @brief The object that was passed to the call that runs in this thread; NULL: none, or no call. */
static inline const void *gate_object(void)
{
	const struct gate_record *record = current->gate;

	while (record && !record->sp)
		record = record->outer;
	if (record)
		return record->object;
	return NULL;
}
/** @brief The driver whose function runs in this thread; NULL: none. */
static inline struct owner *gate_owner(void)
{
	const struct gate_record *record = current->gate;

	return record ? record->owner : NULL;
}
