/* SPDX-License-Identifier: MIT */
/**
 * @file lock.h  Locks.
 *
 * spinlock   any context; preemption is off while held; _irqsave where an
 *            interrupt handler takes the same lock.
 * mutex      threads only, sleeps; owner recorded; not recursive.
 * rwsem      threads only, sleeps; many readers or one writer.
 *
 * With CONFIG_DEBUG_LOCKS owner, recursion and order (lock_order.h) are checked,
 * and that nobody sleeps where that is not allowed. A function that needs a lock
 * says so with assert_held().
 */
#pragma once
#include <kernel/atomic.h>
#include <kernel/cpu.h>
#include <kernel/list.h>

struct spinlock {
	u32 locked;
#ifdef CONFIG_DEBUG_LOCKS
	u32 owner_cpu; /* id + 1, 0 = none */
	u64 owner_ip;
	struct lock_class *class;
#endif
};
typedef struct spinlock spinlock_t;
#define SPINLOCK_INIT \
	{             \
		0     \
	}
#define DEFINE_SPINLOCK(l) spinlock_t l = SPINLOCK_INIT
#ifdef CONFIG_DEBUG_LOCKS
#define LOCK_CLASS_FIELD	struct lock_class *class;
#define LOCK_SET_CLASS(l, text) ((l)->class = LOCK_CLASS_HERE(text))
#else
#define LOCK_CLASS_FIELD
#define LOCK_SET_CLASS(l, text) ((void)0)
#endif
/* Each line that makes locks makes a class of them: hence macros. */
#define spin_init(l)                              \
	do {                                      \
		*(l) = (spinlock_t)SPINLOCK_INIT; \
		LOCK_SET_CLASS(l, #l);            \
	} while (0)

void spin_lock_slow(spinlock_t *l);
#ifdef CONFIG_DEBUG_LOCKS
void spin_debug_before(spinlock_t *l);
void spin_debug_acquired(spinlock_t *l);
void spin_debug_release(spinlock_t *l);
#else
static inline void spin_debug_before(spinlock_t *l)
{
	(void)l;
}
static inline void spin_debug_acquired(spinlock_t *l)
{
	(void)l;
}
static inline void spin_debug_release(spinlock_t *l)
{
	(void)l;
}
#endif
/* "raw": the caller has preemption off already. */
static inline bool raw_spin_trylock(spinlock_t *l)
{
	bool ok = !__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE);
	if (ok)
		spin_debug_acquired(l);
	return ok;
}
static inline void raw_spin_lock(spinlock_t *l)
{
	spin_debug_before(l);
	if (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)))
		spin_lock_slow(l);
	spin_debug_acquired(l);
}
static inline void raw_spin_unlock(spinlock_t *l)
{
	spin_debug_release(l);
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}
/** A full barrier just after a lock was taken: on x86 the exchange that took it is one. */
#define smp_mb_after_lock() __asm__ volatile("" ::: "memory")
static inline void spin_lock(spinlock_t *l)
{
	preempt_disable();
	raw_spin_lock(l);
}
static inline void spin_unlock(spinlock_t *l)
{
	raw_spin_unlock(l);
	preempt_enable();
}
/** @return the interrupt state to hand to spin_unlock_irqrestore(). */
static inline __must_check u64 spin_lock_irqsave(spinlock_t *l)
{
	u64 flags = irq_save();
	spin_lock(l);
	return flags;
}
static inline void spin_unlock_irqrestore(spinlock_t *l, u64 flags)
{
	raw_spin_unlock(l);
	irq_restore(flags);
	preempt_enable();
}
static inline bool spin_is_locked(const spinlock_t *l)
{
	return READ_ONCE(l->locked);
}

struct thread;
struct mutex {
	u64 owner; /* struct thread *, bit 0: there are waiters */
	spinlock_t wait_lock;
	struct list waiters;
	LOCK_CLASS_FIELD
};
#define MUTEX_INIT(m)                             \
	{                                         \
		.waiters = LIST_INIT((m).waiters) \
	}
#define DEFINE_MUTEX(m) struct mutex m = MUTEX_INIT(m)
#define mutex_init(m)                  \
	do {                           \
		mutex_init_plain(m);   \
		LOCK_SET_CLASS(m, #m); \
	} while (0)
void mutex_init_plain(struct mutex *m);
void mutex_lock(struct mutex *m);
/** @return 0, or -EINTR when a signal arrived first. */
int __must_check mutex_lock_interruptible(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_is_owner(const struct mutex *m);

struct rwsem {
	s64 count; /* readers; -1: one writer */
	spinlock_t wait_lock;
	struct list waiters;
	LOCK_CLASS_FIELD
};
#define RWSEM_INIT(m)                             \
	{                                         \
		.waiters = LIST_INIT((m).waiters) \
	}
#define rwsem_init(s)                  \
	do {                           \
		rwsem_init_plain(s);   \
		LOCK_SET_CLASS(s, #s); \
	} while (0)
void rwsem_init_plain(struct rwsem *s);
void down_read(struct rwsem *s);
void up_read(struct rwsem *s);
void down_write(struct rwsem *s);
void up_write(struct rwsem *s);
void downgrade_write(struct rwsem *s);

/**
 * Read-mostly data. A reader may not sleep between rcu_read_lock() and
 * rcu_read_unlock(); what was unlinked is freed after all readers of that time left.
 */
struct rcu_head {
	struct rcu_head *next;
	void (*fn)(struct rcu_head *);
};
static inline void rcu_read_lock(void)
{
	preempt_disable();
}
static inline void rcu_read_unlock(void)
{
	preempt_enable();
}
/** Call @p fn (thread context, may not sleep long) after a grace period. Any context. */
void call_rcu(struct rcu_head *h, void (*fn)(struct rcu_head *));
/** Wait for a grace period. Sleeps. */
void synchronize_rcu(void);
#define rcu_dereference(p)	 __atomic_load_n(&(p), __ATOMIC_CONSUME)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

/*
 * In the debug kernel these stop it with the name of the lock and of the function;
 * elsewhere they are no code, and do not even evaluate their argument.
 *
 * assert_held(lock)         the caller holds it: this CPU a spin lock, this thread a
 *                           mutex, or a rwsem for reading or for writing
 * assert_held_write(rwsem)  this thread holds it for writing
 * assert_rcu_read()         no grace period ends here: between rcu_read_lock() and
 *                           rcu_read_unlock(), or with preemption or interrupts off
 */
#ifdef CONFIG_DEBUG_LOCKS
void spin_assert_held(const spinlock_t *lock, const char *text, const char *function);
void mutex_assert_held(const struct mutex *mutex, const char *text, const char *function);
void rwsem_assert_held(const struct rwsem *rwsem, const char *text, const char *function);
void rwsem_assert_held_write(const struct rwsem *rwsem, const char *text, const char *function);
void rcu_assert_read(const char *function);
/* clang-format off */
#define assert_held(lock)						\
	(_Generic(*(lock),						\
		spinlock_t: spin_assert_held,				\
		struct mutex: mutex_assert_held,			\
		struct rwsem: rwsem_assert_held)((lock), #lock, __func__))
/* clang-format on */
#define assert_held_write(rwsem) rwsem_assert_held_write((rwsem), #rwsem, __func__)
#define assert_rcu_read()	 rcu_assert_read(__func__)
#else
#define assert_held(lock)	 ((void)sizeof(*(lock)))
#define assert_held_write(rwsem) ((void)sizeof((rwsem)->count))
#define assert_rcu_read()	 ((void)0)
#endif
