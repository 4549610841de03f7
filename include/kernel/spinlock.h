/* SPDX-License-Identifier: MIT */
/**
 * @file spinlock.h  Spin locks, and the assertion that a lock of any kind is held.
 *
 * Any context; preemption is off while one is held; the _irqsave variants where an interrupt handler
 * takes the same lock. With CONFIG_DEBUG_LOCKS recursion, owner and order (lock_order.h) are checked.
 * A function that needs a lock checks it with assert_held().
 */
#pragma once
#include <kernel/atomic.h>
#include <kernel/cpu.h>

struct spinlock {
	union {
		u32 word; /* 0: free, and none waits */
		struct {
			u8 locked, unused;
			u16 tail; /* the last CPU that waits; base/spinlock.c */
		};
	};
#ifdef CONFIG_DEBUG_LOCKS
	u32 owner_cpu; /* id + 1, 0 = none */
	u64 owner_ip;
	struct lock_class *class;
#endif
};
typedef struct spinlock spinlock_t;
#define SPINLOCK_INIT     \
	{                 \
		{         \
			0 \
		}         \
	}
#define DEFINE_SPINLOCK(lock) spinlock_t lock = SPINLOCK_INIT
#ifdef CONFIG_DEBUG_LOCKS
#define LOCK_CLASS_FIELD	   struct lock_class *class;
#define LOCK_SET_CLASS(lock, text) ((lock)->class = LOCK_CLASS_HERE(text))
#else
#define LOCK_CLASS_FIELD
#define LOCK_SET_CLASS(lock, text) ((void)0)
#endif
/* Each line that makes locks makes a class of them: hence macros. */
#define spin_init(lock)                              \
	do {                                         \
		*(lock) = (spinlock_t)SPINLOCK_INIT; \
		LOCK_SET_CLASS(lock, #lock);         \
	} while (0)

void spin_lock_slow(spinlock_t *lock);
/**
 * Spin locks are taken in the order of arrival. Not under a hypervisor, which may not run the
 * virtual CPU whose turn it is, while the others wait for it. May change at any time.
 */
extern bool spin_in_turns;
#ifdef CONFIG_DEBUG_LOCKS
void spin_debug_before(spinlock_t *lock);
void spin_debug_acquired(spinlock_t *lock);
void spin_debug_release(spinlock_t *lock);
/** Observers of the spin locks that are taken and released: kernel/lock_order.c. @p ip: the code that takes the lock. */
struct spin_watch {
	void (*before)(spinlock_t *lock, u64 ip);
	void (*acquired)(spinlock_t *lock, u64 ip);
	void (*released)(spinlock_t *lock);
};
/** @brief Let @p watch look on from now on. Boot, with no spin lock held. */
void spin_watch_register(const struct spin_watch *watch);
#else
static inline void spin_debug_before(spinlock_t *lock)
{
	(void)lock;
}
static inline void spin_debug_acquired(spinlock_t *lock)
{
	(void)lock;
}
static inline void spin_debug_release(spinlock_t *lock)
{
	(void)lock;
}
#endif
/* What notes the code that takes a lock is a part of that code, even where that is compiled for size. */
#ifdef CONFIG_DEBUG_LOCKS
#define spin_noting static inline __attribute__((always_inline))
#else
#define spin_noting static inline
#endif
/* "raw": the caller has preemption off already. */
spin_noting bool raw_spin_trylock(spinlock_t *lock)
{
	u32 none = 0;
	bool ok = __atomic_compare_exchange_n(&lock->word, &none, 1, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED);

	if (ok)
		spin_debug_acquired(lock);
	return ok;
}
spin_noting void raw_spin_lock(spinlock_t *lock)
{
	u32 none = 0;

	spin_debug_before(lock);
	if (unlikely(!__atomic_compare_exchange_n(&lock->word, &none, 1, false, __ATOMIC_ACQUIRE,
						  __ATOMIC_RELAXED)))
		spin_lock_slow(lock);
	spin_debug_acquired(lock);
}
static inline void raw_spin_unlock(spinlock_t *lock)
{
	spin_debug_release(lock);
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}
/** A full barrier just after a lock was taken: on x86 the exchange that took it, or its place in the queue, is one. */
#define smp_mb_after_lock() __asm__ volatile("" ::: "memory")
/*
 * Code that is compiled for size calls these functions (kernel/base/spinlock.c has them); elsewhere,
 * and where the debug kernel notes who takes a lock, they are inline.
 */
#if defined(__OPTIMIZE_SIZE__) && !defined(CONFIG_DEBUG_LOCKS)
#define SPIN_CALLS 1
#define spin_inline
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);
u64 spin_lock_irqsave(spinlock_t *lock) __must_check;
void spin_unlock_irqrestore(spinlock_t *lock, u64 flags);
#else
#define SPIN_CALLS  0
#define spin_inline spin_noting
#endif
#if !SPIN_CALLS || defined(SPIN_COPIES)
spin_inline void spin_lock(spinlock_t *lock)
{
	preempt_disable();
	raw_spin_lock(lock);
}
spin_inline void spin_unlock(spinlock_t *lock)
{
	raw_spin_unlock(lock);
	preempt_enable();
}
/** @return the interrupt state to hand to spin_unlock_irqrestore(). */
spin_inline __must_check u64 spin_lock_irqsave(spinlock_t *lock)
{
	u64 flags = irq_save();
	spin_lock(lock);
	return flags;
}
spin_inline void spin_unlock_irqrestore(spinlock_t *lock, u64 flags)
{
	raw_spin_unlock(lock);
	irq_restore(flags);
	preempt_enable();
}
#endif
static inline bool spin_is_locked(const spinlock_t *lock)
{
	return READ_ONCE(lock->locked);
}
/** Is it held, or waited for? From the full barrier in spin_lock() on until it is released, others see that. */
static inline bool spin_is_used(const spinlock_t *lock)
{
	return READ_ONCE(lock->word) != 0;
}

struct mutex;
struct rwsem;
/*
 * In the debug kernel these stop it with the name of the lock and of the function;
 * elsewhere they are no code, and do not even evaluate their argument.
 *
 * assert_held(lock)         the caller holds it: this CPU a spin lock, this thread a
 *                           mutex, or a rwsem for reading or for writing
 * assert_held_write(rwsem)  this thread holds it for writing
 */
#ifdef CONFIG_DEBUG_LOCKS
void spin_assert_held(const spinlock_t *lock, const char *text, const char *function);
void mutex_assert_held(const struct mutex *mutex, const char *text, const char *function);
void rwsem_assert_held(const struct rwsem *rwsem, const char *text, const char *function);
void rwsem_assert_held_write(const struct rwsem *rwsem, const char *text, const char *function);
/* clang-format off */
#define assert_held(lock)						\
	(_Generic((lock),						\
		spinlock_t *: spin_assert_held,				\
		const spinlock_t *: spin_assert_held,			\
		struct mutex *: mutex_assert_held,			\
		const struct mutex *: mutex_assert_held,		\
		struct rwsem *: rwsem_assert_held,			\
		const struct rwsem *: rwsem_assert_held)((lock), #lock, __func__))
/* clang-format on */
#define assert_held_write(rwsem) rwsem_assert_held_write((rwsem), #rwsem, __func__)
#else
#define assert_held(lock)	 ((void)sizeof(*(lock)))
#define assert_held_write(rwsem) ((void)sizeof((rwsem)->count))
#endif
