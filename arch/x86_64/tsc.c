/* SPDX-License-Identifier: MIT */
/*
 * Selection of the clock, and measurement of its rate.
 *
 * The TSC is the clock where it counts at a constant rate: if the CPU reports it,
 * or under a hypervisor, which ensures it. Its rate is read from CPUID, else from
 * a look at a timer of known rate, half a millisecond apart (boot time counts),
 * and the rate of the local APIC's timer from the same two looks. A second
 * later, in the background, the same two clocks are compared again, which
 * is 2000 times as exact; the clock's rate is then corrected, without a jump.
 *
 * A look is a reading of all counters between two readings of the TSC; of
 * several, the quickest counts, so that an interruption (the host's, too) does
 * no harm. "clocksource=tsc|hpet|acpi_pm|pit" on the command line decides.
 */
#include <asm/apic.h>
#include <asm/clocks.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/vdso.h>
#include <kernel/atomic.h>
#include <kernel/cmdline.h>
#include <kernel/cpu.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>

CMDLINE_OPTION(opt_clocksource, "clocksource");

#define LOOKS		4
#define PATIENCE_CYCLES (1ull << 32) /* at the least most of a second; a look takes a hundredth */
#define REFINE_AFTER_NS NSEC_PER_SEC
#define TSC_HZ_ASSUMED	4000000000ull /* before the rate is known: no processor is much faster */
#define REFINE_MAX_PPM	5000	      /* a correction beyond this is no correction */

struct look {
	u64 tsc, reference, spread;
	u32 apic;
};

static const struct clock_source *reference;
static struct look first_look;
static u64 tsc_hz;
static struct timer refine_timer;

u64 tsc_frequency(void)
{
	return READ_ONCE(tsc_hz);
}

static u32 apic_count(void)
{
	if (apic_present)
		return apic_read(APIC_TIMER_CURRENT);
	return 0;
}

static struct look take_look(void)
{
	struct look best = { .spread = ~0ull };

	for (u32 i = 0; i < LOOKS; i++) {
		struct look look;
		u64 before = cycles_ordered();

		look.reference = reference->read();
		look.apic = apic_count();
		look.spread = cycles_ordered() - before;
		look.tsc = before + look.spread / 2;
		if (look.spread < best.spread)
			best = look;
	}
	return best;
}

/* How long to look: until the reference's own steps are small against it. */
static u64 window_us(void)
{
	if (reference->freq_hz > 5000000)
		return 500;
	if (reference->freq_hz > 2000000)
		return 1000;
	return 10000;
}

/* Some hundred instructions without a device access: those cost time where devices are emulated. */
static void idle_loop(void)
{
	for (u32 i = 0; i < 128; i++)
		barrier();
}

static u64 reference_passed(const struct look *look, u64 now)
{
	return (now - look->reference) & reference->mask;
}

/* Measure against the reference. *@p apic_hz 0: there is no APIC timer. Interrupts off. */
static u64 tsc_calibrate(u64 *apic_hz)
{
	u64 want = reference->freq_hz * window_us() / 1000000, passed;
	struct look a, b;

	if (apic_present) {
		apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_1);
		apic_timer_arm(~0u);
	}
	a = take_look();
	do {
		idle_loop();
		if (cycles_ordered() - a.tsc > PATIENCE_CYCLES)
			boot_stop("no timer counts: %s, the last candidate, does not advance",
				  reference->name);
	} while (reference_passed(&a, reference->read()) < want);
	b = take_look();
	if (apic_present)
		apic_timer_arm(0);
	passed = reference_passed(&a, b.reference);
	if (apic_present)
		*apic_hz = clock_mul_div(a.apic - b.apic, reference->freq_hz, passed);
	else
		*apic_hz = 0;
	first_look = a;
	return clock_mul_div(b.tsc - a.tsc, reference->freq_hz, passed);
}

/* A turn of the PIT is so short that a host may oversee one: which makes the TSC seem fast. */
static u64 calibrate_safely(u64 *apic_hz)
{
	u64 hz = tsc_calibrate(apic_hz);

	for (u32 i = 0; i < 2 && reference->mask < 0x100000; i++) {
		u64 apic, again = tsc_calibrate(&apic);

		if (again < hz) {
			hz = again;
			*apic_hz = apic;
		}
	}
	return hz;
}

/* ---- later ---- */

static void tsc_refine(struct timer *timer)
{
	struct look now = take_look();
	u64 passed = reference_passed(&first_look, now.reference);
	u64 hz = 0, off;

	if (passed)
		hz = clock_mul_div(now.tsc - first_look.tsc, reference->freq_hz, passed);
	off = MAX(hz, tsc_hz) - MIN(hz, tsc_hz);
	/* else the reference wrapped meanwhile, or is wrong */
	if (off > tsc_hz / 1000000 * REFINE_MAX_PPM)
		return;
	tsc_hz = hz;
	clock_set_cycle_rate(hz);
	pr_debug("tsc: %lu.%06lu MHz after comparison with %s\n", hz / 1000000, hz % 1000000,
		 reference->name);
}

static void refine_later(void)
{
	if (!reference || reference->mask < 0x100000)
		return;
	if (!first_look.spread)
		first_look = take_look();
	timer_init(&refine_timer, tsc_refine);
	timer_start(&refine_timer, time_monotonic_ns() + REFINE_AFTER_NS);
}

/* ---- the choice ---- */

static struct told_rates tsc_khz_told(void)
{
	u32 leaf[3][4] = { 0 }, max[4];

	cpuid(0, 0, max);
	if (max[0] >= 0x15)
		cpuid(0x15, 0, leaf[0]);
	if (max[0] >= 0x16)
		cpuid(0x16, 0, leaf[1]);
	if (cpu_features.hypervisor) {
		cpuid(0x40000000, 0, max);
		if (max[0] >= 0x40000010 && max[0] < 0x40010000)
			cpuid(0x40000010, 0, leaf[2]);
	}
	return tsc_told_rates(leaf[0], leaf[1], leaf[2]);
}

static const struct {
	const char *name;
	const struct clock_source *(*find)(void);
} references[] = {
	{ "hpet", hpet_find },
	{ "acpi_pm", pm_timer_find },
	{ "pit", pit_find },
};

static bool is_reference_name(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(references); i++)
		if (!strcmp(name, references[i].name))
			return true;
	return false;
}

static bool is_clock_name(const char *name)
{
	return !strcmp(name, "tsc") || is_reference_name(name);
}

/* The first that is present, or the one that was asked for. */
static const struct clock_source *find_reference(const char *wanted)
{
	bool named = is_reference_name(wanted);

	for (u32 i = 0; i < ARRAY_SIZE(references); i++) {
		const struct clock_source *source;

		if (named && strcmp(wanted, references[i].name))
			continue;
		source = references[i].find();
		if (source)
			return source;
	}
	return pit_find();
}

static bool tsc_wanted(const char *wanted)
{
	u32 regs[4];

	cpuid(1, 0, regs);
	if (!(regs[3] >> 4 & 1))
		return false;
	if (*wanted)
		return !strcmp(wanted, "tsc");
	return cpu_features.invariant_tsc || cpu_features.hypervisor;
}

void arch_clock_init(void)
{
	char wanted[16] = "";
	struct told_rates rates = tsc_khz_told();
	u64 apic_hz;

	(void)option_value(&opt_clocksource, wanted, sizeof(wanted));
	if (*wanted && !is_clock_name(wanted)) {
		pr_warn("clock: clocksource=%s is unknown: ignored\n", wanted);
		wanted[0] = 0;
	}
	/* pit: measured against the PIT, but it would run on the TSC, against the option; the same for all names */
	reference = find_reference(wanted);
	if (rates.tsc_hz && (rates.apic_hz || !apic_present)) {
		tsc_hz = rates.tsc_hz;
		apic_hz = rates.apic_hz;
	} else {
		tsc_hz = calibrate_safely(&apic_hz);
		rates.approximate = true;
	}
	oneshot_init(apic_hz, !rates.approximate, tsc_hz);
	if (tsc_wanted(wanted)) {
		clock_use_cycles(tsc_hz);
		if (rates.approximate)
			refine_later();
	} else {
		clock_use_source(reference);
	}
	pr_info("clock: %s; tsc %lu.%03lu MHz, apic timer %lu.%03lu MHz, by %s\n",
		clock_source_name(), tsc_hz / 1000000, tsc_hz / 1000 % 1000, apic_hz / 1000000,
		apic_hz / 1000 % 1000, rates.approximate ? reference->name : "cpuid");
}

/* ---- more than one CPU ---- */

/*
 * Two CPUs take turns in reading their TSC: each value must be above the one
 * that the other read before. sync.turn is the CPU whose turn it is. A hypervisor
 * keeps virtual CPUs together, and turns between them take very long.
 */
#define SYNC_ROUNDS   64
#define SYNC_PATIENCE 20000000 /* the other may not be running at all for a while */
static struct {
	u32 wanted, turn;
	u64 last;
	bool warped;
} sync;

static bool await_turn(u32 who)
{
	for (u32 i = 0; i < SYNC_PATIENCE; i++) {
		if (smp_load_acquire(&sync.turn) == who)
			return true;
		cpu_relax();
	}
	return false;
}

static void take_turns(u32 me)
{
	for (u32 i = 0; i < SYNC_ROUNDS && await_turn(me); i++) {
		u64 now = cycles_ordered();

		if (now < sync.last)
			sync.warped = true;
		sync.last = now;
		smp_store_release(&sync.turn, !me);
	}
}

void tsc_sync_join(void)
{
	if (strcmp(clock_source_name(), "tsc") || cpu_features.hypervisor)
		return;
	sync.last = 0;
	sync.turn = 0; /* the leader's */
	smp_store_release(&sync.wanted, 1);
	take_turns(1);
	smp_store_release(&sync.wanted, 0);
	if (!sync.warped)
		return;
	pr_warn("tsc: the processors' counters differ: the clock source is %s from now on\n",
		reference->name);
	clock_use_source(reference);
}

bool tsc_sync_lead(void)
{
	if (!smp_load_acquire(&sync.wanted))
		return false;
	preempt_disable();
	take_turns(0);
	preempt_enable();
	return true;
}

void delay_us(u32 us)
{
	u64 start = cycles_ordered(), hz = TSC_HZ_ASSUMED, cycles;

	if (tsc_hz)
		hz = tsc_hz;
	cycles = us * hz / 1000000;
	while (cycles_ordered() - start < cycles)
		cpu_relax();
}
