/* SPDX-License-Identifier: MIT */
/*
 * The clocks.
 *
 * One set of numbers (struct vdso_data) turns the cycle counter into nanoseconds. It
 * has a page of its own, which programs map read-only, so that kernel and
 * vDSO compute the same. Readers take no lock: a sequence counter makes them try
 * again. The rate is corrected once or twice after boot, and by who steers the clock (adjust.c); old and new line
 * meet at that moment, so the clock never jumps and never runs backwards.
 *
 * Without a usable cycle counter a clock source is read by calls, under source.lock, and
 * its counter is extended to 64 bits; a timer ensures that it is read more
 * than once per wrap. The sequence counter is odd then, which sends programs
 * to the system call.
 *
 * clock_lock (spin, interrupts off) guards changes; source.lock (spin,
 * interrupts off, inside it) the extension. Neither is waited for in an NMI:
 * see clock_source_ns().
 */
#include <asm/vdso.h>
#include <kernel/clock.h>
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/time.h>
#include "internal.h"

#define REALTIME_MAX_NS \
	(8277292036ull * NSEC_PER_SEC) /* in 2232: 30 years before 2^63, as on Linux */
#define RETRIES 10000 /* of a reader; the writer is faster by far, unless we interrupted it */

static union {
	struct vdso_data data;
	u8 page[PAGE_SIZE];
} vdso __aligned(PAGE_SIZE);
#define clock (vdso.data)

static DEFINE_SPINLOCK(clock_lock);
static bool cycles_in_use;
static u64 cycles_hz;
static s64 steer_ratio; /* by how much the clocks run faster than their counter, << CLOCK_SHIFT */

static struct {
	spinlock_t lock;
	const struct clock_source *counter; /* NULL: none is used */
	u64 last, mult, base_ns, cycles;    /* cycles since base_ns, up to last */
	u64 counter_mult;		    /* mult before it is steered */
	u64 last_ns;
	struct timer keep_alive;
} source;

void *clock_vdso_page(void)
{
	return &vdso;
}

/* ---- reading ---- */

/* The fall-back source. An NMI that interrupted the holder of the lock gets the last value. */
static u64 clock_source_ns(void)
{
	u64 flags = irq_save(), now, ns;
	u32 tries = 0;

	while (!raw_spin_trylock(&source.lock)) {
		if (++tries == RETRIES) {
			irq_restore(flags);
			return READ_ONCE(source.last_ns);
		}
		cpu_relax();
	}
	now = source.counter->read();
	source.cycles += (now - source.last) & source.counter->mask;
	source.last = now;
	ns = source.base_ns + clock_scale(source.cycles, source.mult);
	WRITE_ONCE(source.last_ns, ns);
	raw_spin_unlock(&source.lock);
	irq_restore(flags);
	return ns;
}

static __noinline __cold u64 clock_slow_ns(bool realtime)
{
	u64 ns;

	if (source.counter) {
		ns = clock_source_ns();
		if (realtime)
			ns += READ_ONCE(clock.realtime_offset);
		return ns;
	}
	if (!cycles_in_use) /* before time_init() */
		return 0;
	for (u32 i = 0; i < RETRIES && !vdso_read(&clock, &ns, realtime); i++)
		cpu_relax();
	return ns;
}

u64 time_monotonic_ns(void)
{
	u64 ns;

	if (likely(vdso_read(&clock, &ns, false)))
		return ns;
	return clock_slow_ns(false);
}

u64 time_realtime_ns(void)
{
	u64 ns;

	if (likely(vdso_read(&clock, &ns, true)))
		return ns;
	return clock_slow_ns(true);
}

u64 time_realtime_offset_ns(void)
{
	return READ_ONCE(clock.realtime_offset);
}

u64 time_resolution_ns(void)
{
	if (source.counter)
		return MAX(NSEC_PER_SEC / source.counter->freq_hz, 1ull);
	return 1;
}

const char *clock_source_name(void)
{
	if (source.counter)
		return source.counter->name;
	if (cycles_in_use)
		return CYCLE_COUNTER_NAME;
	return "none";
}

/* ---- changing; clock_lock held, interrupts off ---- */

static void clock_write_begin(void)
{
	__atomic_store_n(&clock.seq, (clock.seq + 1) | 1, __ATOMIC_RELAXED);
	smp_mb();
}

static void clock_write_end(bool usable)
{
	__atomic_store_n(&clock.seq, clock.seq + usable, __ATOMIC_RELEASE);
}

static u64 clock_steered_mult(u64 mult)
{
	return mult + (s64)((__int128)(s64)mult * steer_ratio >> CLOCK_SHIFT);
}

static void set_cycle_rate_locked(u64 freq_hz)
{
	u64 base_ns = 0, cycles;

	assert_held(&clock_lock);
	if (!cycles_in_use)
		base_ns = time_monotonic_ns();
	clock_write_begin();
	cycles = cycles_ordered();
	if (cycles_in_use) /* where old and new line meet */
		base_ns = clock.base_ns + clock_scale(cycles - clock.base_cycles, clock.mult);
	clock.base_ns = base_ns;
	clock.base_cycles = cycles;
	clock.mult = clock_steered_mult(clock_mult(NSEC_PER_SEC, freq_hz));
	cycles_hz = freq_hz;
	source.counter = NULL;
	cycles_in_use = true;
	clock_write_end(true);
}

void clock_use_cycles(u64 freq_hz)
{
	u64 flags = spin_lock_irqsave(&clock_lock);

	set_cycle_rate_locked(freq_hz);
	spin_unlock_irqrestore(&clock_lock, flags);
}

void clock_set_cycle_rate(u64 freq_hz)
{
	u64 flags = spin_lock_irqsave(&clock_lock);

	if (cycles_in_use)
		set_cycle_rate_locked(freq_hz);
	spin_unlock_irqrestore(&clock_lock, flags);
}

/* As set_cycle_rate_locked(), of the fall-back source: what has passed counts at the old rate. */
static void set_source_rate_locked(void)
{
	assert_held(&clock_lock);
	(void)clock_source_ns();
	raw_spin_lock(&source.lock);
	source.base_ns += clock_scale(source.cycles, source.mult);
	source.cycles = 0;
	source.mult = clock_steered_mult(source.counter_mult);
	raw_spin_unlock(&source.lock);
}

void clock_steer(s64 ns)
{
	u64 flags = spin_lock_irqsave(&clock_lock);
	s64 ratio = ns / (s64)NSEC_PER_SEC;

	if (ratio != steer_ratio) {
		steer_ratio = ratio;
		if (cycles_in_use)
			set_cycle_rate_locked(cycles_hz);
		else if (source.counter)
			set_source_rate_locked();
	}
	spin_unlock_irqrestore(&clock_lock, flags);
}

/* Read a narrow counter before it has turned around. */
static void clock_keep_alive(struct timer *timer)
{
	u64 turn_ns = clock_scale(source.counter->mask, source.mult);

	timer_start(timer, clock_source_ns() + MIN(turn_ns / 2, 3600 * NSEC_PER_SEC));
}

void clock_use_source(const struct clock_source *new_source)
{
	u64 flags = spin_lock_irqsave(&clock_lock);

	source.base_ns = time_monotonic_ns();
	source.counter_mult = clock_mult(NSEC_PER_SEC, new_source->freq_hz);
	source.mult = clock_steered_mult(source.counter_mult);
	source.last = new_source->read();
	source.cycles = 0;
	clock_write_begin();
	source.counter = new_source;
	cycles_in_use = false;
	clock_write_end(false);
	spin_unlock_irqrestore(&clock_lock, flags);
	timer_init(&source.keep_alive, clock_keep_alive);
	clock_keep_alive(&source.keep_alive);
}

int time_set_realtime_ns(u64 ns)
{
	u64 flags;

	if (ns > REALTIME_MAX_NS)
		return -EINVAL;
	flags = spin_lock_irqsave(&clock_lock);
	u64 offset = ns - time_monotonic_ns();

	if (source.counter || !cycles_in_use) {
		WRITE_ONCE(clock.realtime_offset, offset);
	} else {
		clock_write_begin();
		clock.realtime_offset = offset;
		clock_write_end(true);
	}
	spin_unlock_irqrestore(&clock_lock, flags);
	return 0;
}

void time_init(void)
{
	u64 seconds;

	printk_set_clock(time_monotonic_ns);
	time_boot_cpu_init();
	arch_clock_init();
	if (!arch_rtc_read(&seconds))
		time_set_realtime_ns(seconds * NSEC_PER_SEC);
	time_cpu_start();
}
