/* SPDX-License-Identifier: MIT */
/*
 * The slow way into a spin lock, the functions that small code calls, and what the debug
 * kernel checks of each.
 *
 * CPUs that wait form a queue: the lock has the last one, each has the next. Each spins
 * on a line of its own until it is the first, and only the first looks at the lock, so the
 * lock moves as often as it is taken, in the order of arrival. A CPU that comes takes the lock only
 * if it is free and none waits.
 *
 * A CPU waits for more than one lock at a time only if an interrupt (or NMI) handler waits for
 * another one meanwhile; hence a few places in queues for each.
 *
 * Mellor-Crummey and Scott, "Algorithms for Scalable Synchronization", TOCS 1991.
 */
#define SPIN_COPIES
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/spinlock.h>

#define SPINS_MAX  2000000000ull /* some seconds; the debug kernel panics then */
#define PLACES	   4u
#define TAIL_SHIFT 16

struct spin_place {
	struct spin_place *next;
	u32 is_first, in_use;
};
bool spin_in_turns;
static struct spin_place places[CPU_MAX][PLACES] __aligned(64);

static inline void spin_wait(const spinlock_t *lock, u64 *spins)
{
	cpu_relax();
	if (IS_ENABLED(CONFIG_DEBUG_KERNEL) && ++*spins == SPINS_MAX)
		panic("spin lock %p has been held for too long", lock);
}

/* An interrupt in here uses the place that is found, and is through with it when it returns. */
static struct spin_place *place_take(struct spin_place *mine)
{
	for (u32 i = 0; i < PLACES; i++)
		if (!READ_ONCE(mine[i].in_use)) {
			WRITE_ONCE(mine[i].in_use, 1);
			mine[i].next = NULL;
			mine[i].is_first = 0;
			return &mine[i];
		}
	return NULL;
}

static bool spin_take_free(spinlock_t *lock)
{
	u32 none = 0;

	return __atomic_compare_exchange_n(&lock->word, &none, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Behind those that wait; until all of them have had the lock. */
static void queue_wait(spinlock_t *lock, struct spin_place *place, u16 tail, u64 *spins)
{
	u16 before = __atomic_exchange_n(&lock->tail, tail, __ATOMIC_SEQ_CST);

	if (!before)
		return;
	smp_store_release(&places[0][before - 1].next, place);
	while (!smp_load_acquire(&place->is_first))
		spin_wait(lock, spins);
}

void spin_lock_slow(spinlock_t *lock)
{
	struct spin_place *place = NULL, *next;
	u32 word = 0;
	u64 spins = 0;
	u16 tail;

	if (READ_ONCE(spin_in_turns))
		place = place_take(places[cpu_id()]);
	if (!place) { /* without the queue, or very deep in interrupts */
		do
			spin_wait(lock, &spins);
		while (READ_ONCE(lock->word) || !spin_take_free(lock));
		return;
	}
	tail = (u16)(place - places[0] + 1);
	queue_wait(lock, place, tail, &spins);
	while (smp_load_acquire(&lock->locked))
		spin_wait(lock, &spins);
	/* The lock is this CPU's: others take it only if the word is 0. */
	word = (u32)tail << TAIL_SHIFT;
	if (!__atomic_compare_exchange_n(&lock->word, &word, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED)) {
		WRITE_ONCE(lock->locked, 1);
		while (!(next = smp_load_acquire(&place->next))) /* it is about to say who it is */
			spin_wait(lock, &spins);
		smp_store_release(&next->is_first, 1);
	}
	WRITE_ONCE(place->in_use, 0);
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
