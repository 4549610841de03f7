/* SPDX-License-Identifier: MIT */
/* Weak stand-ins while the kernel's parts come together; goes when the last has landed. */
#include <asm/io.h>
#include <kernel/power.h>
#include <kernel/process.h>
#include <kernel/time.h>
#include <kernel/upcalls.h>
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define WEAK __attribute__((weak))
WEAK u64 time_monotonic_ns(void) { return rdtsc(); }
WEAK void timer_init(struct timer *t, void (*fn)(struct timer *)) { t->fn = fn; t->base = 0; }
WEAK void timer_start(struct timer *t, u64 d) { }
WEAK bool timer_cancel_sync(struct timer *t) { return true; }
WEAK int sleep_until(u64 d, bool i) { return 0; }
WEAK void apic_send_ipi(u32 a, u8 v) { }
WEAK void apic_send_nmi(u32 a) { }
WEAK void upcall_user_page_fault(struct pt_regs *r, u64 a, u32 e) { }
WEAK bool upcall_kernel_page_fault(u64 a, u32 e) { return 0; }
WEAK void upcall_user_trap(struct pt_regs *r, int s, int c, u64 a) { }
WEAK void upcall_interrupt(u32 v, struct pt_regs *r) { }
WEAK void user_return_work(struct pt_regs *r) { }
WEAK void qemu_exit(u8 v) { outb(0xf4, v); }
WEAK const syscall_fn syscall_table[512] = { 0 };
WEAK const upcall_fn upcall_banos_table[16] = { 0 };
WEAK bool fatal_signal_pending(void) { return 0; }
