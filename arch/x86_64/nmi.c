// SPDX-License-Identifier: MIT
/*
 * Non-maskable interrupts: another processor's request to stop or to end lost interrupts, or an external event.
 *
 * An external event (a button, a watchdog, a bus error) is logged, and the
 * machine continues; with "unknown_nmi_panic" on the command line or 1 in
 * /proc/sys/kernel/unknown_nmi_panic it stops with a report, as Linux does.
 *
 * An NMI may arrive anywhere in the kernel, also where the log's lock is held. So
 * its handler only counts it there, without any access that can fault (an IRET would
 * admit the next one on the same stack), and sends this CPU an interrupt whose handler
 * prints. From user mode no lock is held. At most one line is printed per second.
 *
 * Port 0x61, bits 7 and 6: PCI system error, I/O channel check (ISA).
 */
#include <asm/apic.h>
#include <asm/io.h>
#include <asm/ipi.h>
#include <asm/nmi.h>
#include <asm/traps.h>
#include <kernel/cmdline.h>
#include <kernel/cpu.h>
#include <kernel/printk.h>
#include <kernel/upcalls.h>
#include <kernel/rate_limit.h>
#include <kernel/panic.h>

CMDLINE_OPTION(opt_unknown_nmi_panic, "unknown_nmi_panic");

#define REASON_PORT  0x61
#define REASON_SERR  0x80
#define REASON_IOCHK 0x40
#define REASON_CLEAR 0x0c /* written: the two sources off, and their bits clear */
#define REASON_KEPT  0x03

u32 nmi_unreported;
int nmi_panic_wanted;
static u8 last_reason;

void nmi_init(void)
{
	nmi_panic_wanted = option_is_set(&opt_unknown_nmi_panic);
}

/* A source that is not disabled would interrupt for ever; both stay disabled, as in Linux. */
static u8 read_reason(void)
{
	u8 reason = inb(REASON_PORT);

	if (reason & (REASON_SERR | REASON_IOCHK))
		outb(REASON_PORT, (reason & REASON_KEPT) | REASON_CLEAR);
	return reason;
}

void nmi_report(void)
{
	static DEFINE_RATE_LIMIT(limit, 1, NSEC_PER_SEC);
	u32 count = __atomic_exchange_n(&nmi_unreported, 0, __ATOMIC_RELAXED), missed;
	u8 reason = READ_ONCE(last_reason);
	const char *text = "unknown";

	if (!count || !rate_limit_pass(&limit, &missed))
		return;
	if (reason & REASON_SERR)
		text = "PCI system error";
	else if (reason & REASON_IOCHK)
		text = "I/O check";
	pr_warn("nmi: non-maskable interrupt on cpu %u, reason %x (%s): continuing%s\n", cpu_id(),
		reason, text, count + missed > 1 ? "; others occurred since the last message" : "");
}

void upcall_nmi(struct pt_regs *regs)
{
	if (READ_ONCE(ipi_stopping))
		ipi_handle_stop(); /* another CPU panics, or turns the machine off */
	if (ipi_handle_end(regs->rflags & X86_EFLAGS_IF && !this_cpu()->irq_depth))
		return;
	if (READ_ONCE(nmi_panic_wanted))
		panic_regs(regs, "non-maskable interrupt");
	WRITE_ONCE(last_reason, read_reason());
	__atomic_add_fetch(&nmi_unreported, 1, __ATOMIC_RELAXED);
	if (regs_from_user(regs))
		nmi_report();
	else
		apic_send_self_in_nmi(VECTOR_RESCHEDULE);
}
