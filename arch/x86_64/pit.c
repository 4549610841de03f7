/* SPDX-License-Identifier: MIT */
/*
 * The 8254 interval timer: what each PC has.
 *
 * Channel 2, gated by port 0x61 and with its speaker output off, counts down
 * from 65536 for ever: a clock source of 16 bits. Channel 0 is the one-shot
 * timer of a machine without local APIC.
 *
 * pit_lock (spin, interrupts off, innermost): the command register and the two
 * accesses that follow it. Intel 8254 data sheet, "Mode Definitions".
 */
#include <asm/apic.h>
#include <asm/clocks.h>
#include <asm/io.h>
#include <kernel/irq.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>

#define CHANNEL_0 0x40
#define CHANNEL_2 0x42
#define COMMAND	  0x43
#define LATCH_2	  0x80
#define ONESHOT_0 0x30 /* channel 0, low then high byte, mode 0: interrupt on zero */
#define RATE_2	  0xb4 /* channel 2, low then high byte, mode 2: again and again */
#define GATE	  0x61
#define GATE_2	  0x01
#define SPEAKER	  0x02
#define COUNT_MAX 0xffffu

static DEFINE_SPINLOCK(pit_lock);

static u64 pit_read(void)
{
	u64 flags = spin_lock_irqsave(&pit_lock);
	u32 value;

	outb(COMMAND, LATCH_2);
	value = inb(CHANNEL_2);
	value |= inb(CHANNEL_2) << 8;
	spin_unlock_irqrestore(&pit_lock, flags);
	return (0x10000 - value) & 0xffff; /* it counts down */
}

static const struct clock_source pit = {
	.name = "pit", .read = pit_read, .mask = 0xffff, .freq_hz = PIT_HZ
};

const struct clock_source *pit_find(void)
{
	outb(GATE, (inb(GATE) & ~SPEAKER) | GATE_2);
	outb(COMMAND, RATE_2);
	outb(CHANNEL_2, 0);
	outb(CHANNEL_2, 0);
	return &pit;
}

/* ---- channel 0 ---- */

void pit_oneshot_arm(u64 delta_ns)
{
	u64 count = clock_scale(MIN(delta_ns, NSEC_PER_SEC),
				((u64)PIT_HZ << CLOCK_SHIFT) / NSEC_PER_SEC) +
		    1,
	    flags;

	count = MIN(count, (u64)COUNT_MAX); /* too early is fine: timer_interrupt() arms again */
	flags = spin_lock_irqsave(&pit_lock);
	outb(COMMAND, ONESHOT_0);
	outb(CHANNEL_0, count);
	outb(CHANNEL_0, count >> 8);
	spin_unlock_irqrestore(&pit_lock, flags);
}

static bool pit_interrupt(void *unused)
{
	timer_interrupt();
	return true;
}

bool pit_oneshot_init(void)
{
	return !irq_request_isa(0, pit_interrupt, NULL, "timer", 0);
}
