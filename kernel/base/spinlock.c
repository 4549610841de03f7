/* SPDX-License-Identifier: MIT */
/* The slow way into a spin lock, the functions that small code calls, and what the debug kernel checks of each. */
#define SPIN_COPIES
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/spinlock.h>

#define SPINS_MAX 2000000000ull /* some seconds; the debug kernel panics then */

void spin_lock_slow(spinlock_t *lock)
{
	u64 spins = 0;

	do {
		while (READ_ONCE(lock->locked)) {
			cpu_relax();
			if (IS_ENABLED(CONFIG_DEBUG_KERNEL) && ++spins == SPINS_MAX)
				panic("spin lock %p has been held for too long", lock);
		}
	} while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE));
}

#ifdef CONFIG_DEBUG_LOCKS
static const struct spin_watch *watch; /* NULL: not registered yet */

void spin_watch_register(const struct spin_watch *new_watch)
{
	watch = new_watch;
}

void spin_debug_before(spinlock_t *lock)
{
	if (lock->locked && lock->owner_cpu == cpu_id() + 1)
		panic("spin lock %p is taken twice by cpu %u; first at %pS", lock, cpu_id(),
		      (void *)lock->owner_ip);
	if (watch)
		watch->before(lock, (u64)__builtin_return_address(0));
}

void spin_debug_acquired(spinlock_t *lock)
{
	lock->owner_cpu = cpu_id() + 1;
	lock->owner_ip = (u64)__builtin_return_address(0);
	if (watch)
		watch->acquired(lock, lock->owner_ip);
}

void spin_debug_release(spinlock_t *lock)
{
	if (!lock->locked || lock->owner_cpu != cpu_id() + 1)
		panic("spin lock %p is released by cpu %u, which does not hold it", lock, cpu_id());
	lock->owner_cpu = 0;
	if (watch)
		watch->released(lock);
}

void spin_assert_held(const spinlock_t *lock, const char *text, const char *function)
{
	if (unlikely(!lock->locked || lock->owner_cpu != cpu_id() + 1) && !printk_panicking)
		panic("%s() needs %s, which cpu %u does not hold", function, text, cpu_id());
}
#endif
