/* SPDX-License-Identifier: MIT */
/* kernel/time/, kernel/irq.c and the machine's clocks: timers come when they should, interrupts to whom they should. */
#include <asm/apic.h>
#include <asm/io.h>
#include <asm/vdso.h>
#include <kernel/clock.h>
#include <kernel/err.h>
#include <kernel/irq.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wait.h>

/* Generous where an overloaded host may stop the whole machine for a while. */
#define LATE_NS (50 * NSEC_PER_MSEC)

/* ---- clocks ---- */

KTEST(time, never_goes_backwards)
{
	u64 last = time_monotonic_ns(), last_real = time_realtime_ns(), tsc = rdtsc();

	for (u32 i = 0; i < 100000; i++) {
		u64 now = time_monotonic_ns();

		if (!KEXPECT(now >= last))
			return;
		last = now;
	}
	KEXPECT(time_realtime_ns() > last_real);
	KEXPECT(rdtsc() > tsc);
}

KTEST(time, a_changed_rate_does_not_jump)
{
	struct vdso_data *data = clock_vdso_page();
	u64 hz, before, after;

	if (strcmp(clock_source_name(), "tsc"))
		KSKIP("not on the TSC");
	hz = clock_mul_div(NSEC_PER_SEC, 1ull << 32, data->mult);
	for (u32 i = 0; i < 1000; i++) {
		before = time_monotonic_ns();
		clock_set_cycle_rate(hz + (i % 3) * hz / 1000000);
		after = time_monotonic_ns();
		if (!KEXPECT(after >= before) || !KEXPECT(after - before < LATE_NS))
			break;
	}
	clock_set_cycle_rate(hz);
}

KTEST(time, wall_clock_is_of_this_century_and_can_be_set)
{
	u64 now = time_realtime_ns(), offset = time_realtime_offset_ns(), set;

	KEXPECT(now / NSEC_PER_SEC > 1600000000 && now / NSEC_PER_SEC < 4102444800);
	KEXPECT_EQ(time_set_realtime_ns(1700000000 * NSEC_PER_SEC), 0);
	set = time_realtime_ns();
	KEXPECT(set >= 1700000000 * NSEC_PER_SEC && set < 1700000010 * NSEC_PER_SEC);
	KEXPECT_EQ(time_set_realtime_ns(~0ull), -EINVAL);
	KEXPECT_EQ(time_set_realtime_ns(8277292037 * NSEC_PER_SEC), -EINVAL); /* as on Linux */
	KEXPECT_EQ(time_set_realtime_ns(time_monotonic_ns() + offset), 0);
	KEXPECT(time_realtime_ns() - now < 10 * NSEC_PER_SEC);
}

KTEST(time, delay_is_not_too_short)
{
	u64 start = time_monotonic_ns();

	delay_us(300);
	KEXPECT(time_monotonic_ns() - start >= 299 * NSEC_PER_USEC);
}

/* ---- timers ---- */

struct shot {
	struct timer timer;
	u64 at;
	u32 count, cpu;
};
static u32 next_place;
static u32 place[8];

static void note(struct timer *t)
{
	struct shot *shot = container_of(t, struct shot, timer);

	shot->at = time_monotonic_ns();
	shot->cpu = cpu_id();
	shot->count++;
}

static void note_order(struct timer *t)
{
	struct shot *shot = container_of(t, struct shot, timer);

	place[next_place++ & 7] = shot->cpu;
	shot->count++;
}

KTEST(time, timers_fire_once_and_not_early)
{
	static const u32 us[] = { 0, 1, 10, 100, 1000, 5000, 20000 };

	for (u32 i = 0; i < ARRAY_SIZE(us); i++) {
		struct shot shot = { 0 };
		u64 deadline = time_monotonic_ns() + us[i] * NSEC_PER_USEC;

		timer_init(&shot.timer, note);
		timer_start(&shot.timer, deadline);
		sleep_until(deadline + 2 * NSEC_PER_MSEC, false);
		KEXPECT(!timer_cancel_sync(&shot.timer));
		KEXPECT_EQ(shot.count, 1);
		KEXPECT(shot.at >= deadline);
		KEXPECT(shot.at - deadline < LATE_NS);
	}
}

KTEST(time, timers_fire_in_order)
{
	static const u32 order[] = { 3, 0, 2, 1, 5, 4 };
	struct shot shot[6] = { 0 };
	u64 start = time_monotonic_ns() +
		    20 * NSEC_PER_MSEC; /* all are started by then, even where a host pauses us */

	next_place = 0;
	for (u32 i = 0; i < 6; i++) {
		shot[i].cpu = order[i];
		timer_init(&shot[i].timer, note_order);
		timer_start(&shot[i].timer, start + order[i] * 100 * NSEC_PER_USEC);
	}
	sleep_until(start + 3 * NSEC_PER_MSEC, false);
	for (u32 i = 0; i < 6; i++) {
		timer_cancel_sync(&shot[i].timer);
		KEXPECT_EQ(shot[i].count, 1);
		KEXPECT_EQ(place[i], i);
	}
}

KTEST(time, cancelled_timers_do_not_fire)
{
	struct shot shot = { 0 };

	timer_init(&shot.timer, note);
	KEXPECT(!timer_cancel(&shot.timer));
	KEXPECT(!timer_cancel_sync(&shot.timer));
	timer_start(&shot.timer, time_monotonic_ns() + 2 * NSEC_PER_MSEC);
	KEXPECT(timer_pending(&shot.timer));
	KEXPECT(timer_cancel(&shot.timer));
	KEXPECT(!timer_pending(&shot.timer));
	/* moved out, then cancelled; moved in, then fired */
	timer_start(&shot.timer, time_monotonic_ns() + NSEC_PER_MSEC);
	timer_start(&shot.timer, time_monotonic_ns() + NSEC_PER_SEC);
	sleep_ms(5);
	KEXPECT_EQ(shot.count, 0);
	timer_start(&shot.timer, time_monotonic_ns() + NSEC_PER_MSEC);
	sleep_ms(5);
	timer_cancel_sync(&shot.timer);
	KEXPECT_EQ(shot.count, 1);
}

static void again(struct timer *t)
{
	struct shot *shot = container_of(t, struct shot, timer);

	if (++shot->count < 50)
		timer_start(t, t->deadline_ns + 100 * NSEC_PER_USEC);
}

KTEST(time, a_timer_may_start_itself)
{
	struct shot shot = { 0 };

	timer_init(&shot.timer, again);
	timer_start(&shot.timer, time_monotonic_ns() + 100 * NSEC_PER_USEC);
	for (u32 i = 0; i < 100 && READ_ONCE(shot.count) < 50; i++)
		sleep_ms(1);
	timer_cancel_sync(&shot.timer);
	KEXPECT_EQ(shot.count, 50);
}

KTEST(time, a_thousand_timers_all_fire)
{
	static struct shot shots[1000];
	u64 start = time_monotonic_ns(), seed = 1;
	u32 early = 0, missed = 0;

	for (u32 i = 0; i < ARRAY_SIZE(shots); i++) {
		shots[i].count = 0;
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		timer_init(&shots[i].timer, note);
		timer_start(&shots[i].timer, start + (seed >> 40) % (10 * NSEC_PER_MSEC));
	}
	for (u32 i = 0; i < ARRAY_SIZE(shots); i += 3)
		timer_start(&shots[i].timer, shots[i].timer.deadline_ns / 2 + start / 2);
	sleep_until(start + 12 * NSEC_PER_MSEC, false);
	/* A busy host may bring the interrupt late. */
	for (u32 i = 0, tries = 0; i < ARRAY_SIZE(shots) && tries < 100; i++)
		for (; !READ_ONCE(shots[i].count) && tries < 100; tries++)
			sleep_ms(10);
	for (u32 i = 0; i < ARRAY_SIZE(shots); i++) {
		timer_cancel_sync(&shots[i].timer);
		/* those that were due before they were moved may have fired twice */
		missed += shots[i].count < 1 || shots[i].count > 2;
		early += shots[i].at < shots[i].timer.deadline_ns;
	}
	KEXPECT_EQ(missed, 0);
	KEXPECT_EQ(early, 0);
}

/* Several CPUs start, move and cancel the same timers. */
static struct shot contended[4];
static struct atomic workers;
static bool stop_workers;

static void contend(void *arg)
{
	u64 seed = (u64)arg + 1;

	while (!READ_ONCE(stop_workers)) {
		struct timer *timer;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		timer = &contended[seed >> 62].timer;
		if (seed >> 60 & 1)
			timer_start(timer, time_monotonic_ns() + (seed >> 40 & 0xffff));
		else if (seed >> 59 & 1)
			timer_cancel_sync(timer);
		else
			timer_cancel(timer);
		if (!(seed >> 50 & 15))
			sched_yield_current();
	}
	atomic_dec(&workers);
}

KTEST(time, timers_are_shared_by_cpus_without_harm)
{
	stop_workers = false;
	for (u32 i = 0; i < 4; i++)
		timer_init(&contended[i].timer, note);
	for (u32 i = 0; i < MIN(cpu_count + 1, 4u); i++) {
		atomic_inc(&workers);
		if (!KEXPECT(!thread_spawn(contend, (void *)(u64)i, "contend")))
			atomic_dec(&workers);
	}
	sleep_ms(100);
	/* On a busy host four CPUs may not have come to much by then. */
	for (u32 i = 0, tries = 0; i < 4; i++)
		for (; !READ_ONCE(contended[i].count) && tries < 100; tries++)
			sleep_ms(20);
	WRITE_ONCE(stop_workers, true);
	while (atomic_read(&workers))
		sleep_ms(1);
	for (u32 i = 0; i < 4; i++) {
		timer_cancel_sync(&contended[i].timer);
		KEXPECT(contended[i].count > 0);
		KEXPECT(!timer_pending(&contended[i].timer));
	}
}

KTEST(time, sleeping_takes_as_long_as_told)
{
	for (u32 us = 1; us <= 32768; us *= 8) {
		u64 start = time_monotonic_ns(), took;

		KEXPECT_EQ(sleep_until(start + us * NSEC_PER_USEC, false), 0);
		took = time_monotonic_ns() - start;
		KEXPECT(took >= us * NSEC_PER_USEC);
		KEXPECT(took < us * NSEC_PER_USEC + LATE_NS);
	}
	KEXPECT_EQ(sleep_until(0, false), 0);
	KEXPECT_EQ(sleep_until(1, false), 0);
}

/* Nothing ticks: a CPU that sleeps for 100 ms takes a handful of interrupts. */
KTEST(time, no_ticks_when_idle)
{
	u64 before, taken;

	if (cpu_count > 1)
		KSKIP("one CPU only");
	sleep_ms(20); /* what still runs from the boot */
	before = this_cpu()->nr_irqs;
	sleep_ms(100);
	taken = this_cpu()->nr_irqs - before;
	if (taken > 10)
		printk("# %lu interrupts in 100 ms\n", taken);
	KEXPECT(taken <= 10);
}

/* ---- interrupts ---- */

static u32 hits[3];
static bool mine = true;

static bool hit(void *arg)
{
	++*(u32 *)arg;
	return mine;
}

KTEST(irq, a_message_reaches_its_handler_until_freed)
{
	u64 address;
	u32 data, before;
	int irq;

	if (!apic_present)
		KSKIP("no local APIC");
	hits[0] = 0;
	irq = irq_request_msi(hit, &hits[0], "test", &address, &data);
	if (!KEXPECT(irq >= (int)IRQ_MSI_FIRST))
		return;
	KEXPECT_EQ(address >> 20, 0xfee);
	/* One at a time: two that wait to be taken are one. */
	for (u32 i = 0; i < 10; i++) {
		u64 limit = time_monotonic_ns() + NSEC_PER_SEC;

		apic_send_ipi(cpus[0]->hw_id, data);
		while (READ_ONCE(hits[0]) == i && time_monotonic_ns() < limit)
			sleep_ms(1);
	}
	KEXPECT_EQ(hits[0], 10);
	irq_free(irq, &hits[0]);
	before = hits[0];
	apic_send_ipi(cpus[0]->hw_id, data); /* stray: noted, acknowledged, no harm */
	sleep_ms(1);
	KEXPECT_EQ(hits[0], before);
	apic_send_ipi(cpus[0]->hw_id, VECTOR_SPURIOUS);
	sleep_ms(1);
}

KTEST(irq, lines_are_shared_only_by_consent)
{
	KEXPECT_EQ(irq_request_isa(16, hit, NULL, "test", 0), -EINVAL);
	KEXPECT_EQ(irq_request_input(100000, false, (struct irq_trigger){ 0 }, hit, NULL, "test",
				     0),
		   -EINVAL);
	if (!KEXPECT_EQ(irq_request_isa(5, hit, &hits[0], "test a", IRQ_SHARED), 0))
		return;
	KEXPECT_EQ(irq_request_isa(5, hit, &hits[1], "test b", 0), -EBUSY);
	KEXPECT_EQ(irq_request_isa(5, hit, &hits[1], "test b", IRQ_SHARED), 0);
	irq_free(5, &hits[0]);
	irq_free(5, &hits[1]);
	KEXPECT_EQ(irq_request_isa(5, hit, &hits[2], "test c", 0), 0);
	KEXPECT_EQ(irq_request_isa(5, hit, &hits[0], "test d", IRQ_SHARED), -EBUSY);
	irq_free(5, &hits[2]);
}

/* The RTC's periodic interrupt: a real device on a real line, ISA 8. */
static u8 cmos(u8 index)
{
	outb(0x70, index);
	return inb(0x71);
}

static bool rtc_hit(void *arg)
{
	cmos(12); /* acknowledge */
	++*(u32 *)arg;
	return true;
}

KTEST(irq, a_device_interrupts)
{
	u8 b = cmos(11);

	hits[0] = 0;
	if (!KEXPECT_EQ(irq_request_isa(8, rtc_hit, &hits[0], "rtc", 0), 0))
		return;
	outb(0x70, 11);
	outb(0x71, b | 0x40); /* 1024 a second */
	cmos(12);
	for (u32 i = 0; i < 200 && READ_ONCE(hits[0]) < 5; i++)
		sleep_ms(1);
	outb(0x70, 11);
	outb(0x71, b);
	irq_free(8, &hits[0]);
	KEXPECT(hits[0] >= 5);
}

/* The PIT's output: ISA line 0, which ACPI of most machines leads to input 2 of the I/O APIC. */
KTEST(irq, a_line_comes_in_where_acpi_leads_it)
{
	u64 end = time_monotonic_ns() + 5 * NSEC_PER_SEC;

	if (!apic_present || !strcmp(clock_source_name(), "pit"))
		KSKIP("the PIT is in use");
	hits[0] = 0;
	mine = true;
	if (!KEXPECT_EQ(irq_request_isa(0, hit, &hits[0], "pit", 0), 0))
		return;
	outb(0x43, 0x34); /* counter 0, both bytes, again and again */
	outb(0x40, 0x00);
	outb(0x40, 0x10); /* some 300 a second */
	while (READ_ONCE(hits[0]) < 5 && time_monotonic_ns() < end)
		sleep_ms(1);
	outb(0x43, 0x30); /* once, and not begun */
	irq_free(0, &hits[0]);
	KEXPECT(hits[0] >= 5);
}

KTEST(irq, proc_text_shows_lines_and_counts)
{
	struct seq_file file = { 0 };

	KEXPECT_EQ(irq_request_isa(5, hit, &hits[0], "show me", 0), 0);
	irq_show(&file);
	seq_putc(&file, 0);
	KEXPECT(!file.overflow);
	KEXPECT(strstr(file.buf, "show me\n") != NULL);
	KEXPECT(strstr(file.buf, "LOC:") != NULL);
	KEXPECT(strstr(file.buf, "CPU0") != NULL);
	seq_free(&file);
	irq_free(5, &hits[0]);
}

/* ---- vDSO ---- */

extern const u8 vdso_image[];

KTEST(vdso, image_is_one_page_of_elf)
{
	KEXPECT_EQ((u64)vdso_image & (PAGE_SIZE - 1), 0);
	KEXPECT(!memcmp(vdso_image, "\177ELF\2\1\1", 7));
	KEXPECT_EQ((u64)clock_vdso_page() & (PAGE_SIZE - 1), 0);
}
