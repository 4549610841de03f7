/* SPDX-License-Identifier: MIT */
/*
 * The one-shot timer of each CPU: the local APIC's, or where there is none the
 * PIT's channel 0 (one CPU then, and at most 55 ms at a time).
 *
 * With "tscdeadline" on the command line, on CPUs that have it, the APIC
 * compares the TSC itself. An early interrupt does no harm: timer_interrupt()
 * arms again for the rest. Intel SDM vol. 3, 10.5.4.
 */
#include <asm/apic.h>
#include <asm/clocks.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/vdso.h>
#include <kernel/cmdline.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/time.h>

CMDLINE_OPTION(opt_tscdeadline, "tscdeadline");

static enum { ONESHOT_PIT, ONESHOT_APIC, ONESHOT_DEADLINE } mode;
static struct {
	u64 mult, max_ns; /* ns to ticks: of the APIC timer, or of the TSC */
	bool exact;
	u8 divide; /* as the divide register wants it */
} rate;

void oneshot_init(u64 apic_hz, bool exact, u64 tsc_hz)
{
	u32 divisor = oneshot_divisor(apic_hz);

	if (!apic_present || apic_hz < 1000000)
		return;
	if (cpu_features.tsc_deadline && option_is_set(&opt_tscdeadline)) {
		mode = ONESHOT_DEADLINE;
		rate.mult = clock_mult(tsc_hz, NSEC_PER_SEC);
		rate.exact = exact;
		return;
	}
	mode = ONESHOT_APIC;
	rate.divide = oneshot_divide_bits(divisor);
	rate.mult = clock_mult(apic_hz / divisor, NSEC_PER_SEC);
	rate.max_ns = oneshot_max_ns(apic_hz / divisor);
	rate.exact = exact;
}

void arch_timer_cpu_start(void)
{
	switch (mode) {
	case ONESHOT_PIT:
		if (!pit_oneshot_init())
			boot_stop(
				"no timer can raise interrupts: neither the local APIC's nor the PIT");
		break;
	case ONESHOT_APIC:
		apic_write(APIC_TIMER_DIVIDE, rate.divide);
		apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
		break;
	case ONESHOT_DEADLINE:
		apic_write(APIC_LVT_TIMER, VECTOR_TIMER | APIC_LVT_DEADLINE);
		store_fence(); /* the mode before the MSR: SDM vol. 3, 10.5.4.1 */
		break;
	}
	/* timers may have been started before there was anything to arm */
	timer_interrupt();
}

void arch_timer_arm(u64 deadline_ns, u64 now_ns)
{
	u64 delta = 0;

	if (deadline_ns > now_ns)
		delta = deadline_ns - now_ns;
	if (likely(mode == ONESHOT_APIC))
		apic_timer_arm(oneshot_count(delta, rate.mult, rate.max_ns, rate.exact));
	else if (mode == ONESHOT_DEADLINE)
		wrmsr(MSR_TSC_DEADLINE,
		      oneshot_deadline(cycles_ordered(), delta, rate.mult, rate.exact));
	else
		pit_oneshot_arm(delta);
}
