/* SPDX-License-Identifier: MIT */
/**
 * @file apic.h  The local APIC of each processor: end of interrupt, interrupts between processors, timer.
 *
 * Intel SDM vol. 3, chapter 10 (APIC), 10.12 (x2APIC).
 */
#pragma once
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/vectors.h>
#include <kernel/types.h>

/* IA32_APIC_BASE. ENABLE without X2APIC is xAPIC mode; neither: switched off; X2APIC alone is no state. */
#define APIC_BASE_X2APIC (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_ADDR	 0x000ffffffffff000ull

/* Registers: offsets in the page of xAPIC; MSR 0x800 + offset / 16 of x2APIC. */
#define APIC_ID		   0x020
#define APIC_VERSION	   0x030
#define APIC_TPR	   0x080
#define APIC_EOI	   0x0b0
#define APIC_SVR	   0x0f0
#define APIC_SVR_ENABLE	   0x100
#define APIC_ISR	   0x100 /* 8 words, 0x10 apart */
#define APIC_ESR	   0x280
#define APIC_ICR_LOW	   0x300
#define APIC_ICR_HIGH	   0x310
#define APIC_LVT_TIMER	   0x320
#define APIC_LVT_THERMAL   0x330
#define APIC_LVT_PERF	   0x340
#define APIC_LVT_LINT0	   0x350
#define APIC_LVT_LINT1	   0x360
#define APIC_LVT_ERROR	   0x370
#define APIC_LVT_MASKED	   (1u << 16)
#define APIC_LVT_LOW	   (1u << 13)
#define APIC_LVT_EXTINT	   (7u << 8)
#define APIC_LVT_NMI	   (4u << 8)
#define APIC_LVT_DEADLINE  (2u << 17)
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE  0x3e0
#define APIC_DIVIDE_1	   0x0b

/* Delivery modes and other bits of the interrupt command register. */
#define APIC_ICR_FIXED	 0x000u
#define APIC_ICR_NMI	 0x400u
#define APIC_ICR_INIT	 0x500u
#define APIC_ICR_STARTUP 0x600u
#define APIC_ICR_PENDING (1u << 12) /* xAPIC only */
#define APIC_ICR_ASSERT	 (1u << 14)
#define APIC_ICR_LEVEL	 (1u << 15)
#define APIC_ICR_SELF	 (1u << 18)

/** Pure: the MSR that is the register at @p reg in x2APIC mode. APIC_ICR_HIGH has none: the ICR is one MSR of 64 bits. */
static inline u32 apic_msr(u32 reg)
{
	return MSR_X2APIC + reg / 16;
}
/** Pure: can a command name this processor, and no other? The highest id means all of them. */
static inline bool apic_can_reach(u32 apic_id, bool x2apic)
{
	if (x2apic)
		return apic_id < 0xffffffff;
	return apic_id < 0xff;
}
/** Pure: the whole command register. @param x2apic  ids of 32 bits */
static inline u64 apic_icr(u32 apic_id, u32 low, bool x2apic)
{
	if (x2apic)
		return (u64)apic_id << 32 | low;
	return (u64)apic_id << 56 | low;
}

/** A local APIC exists and is used. Set by apic_init(). */
extern bool apic_present;
extern bool apic_x2;

/** Find and map the local APIC and start the boot CPU's. @return false: there is none, or "nolapic" */
bool apic_init(void);
/** Start this CPU's local APIC: spurious, error and NMI vectors; timer stopped. Interrupts off. */
void apic_cpu_start(void);
/** Connect the PICs to this CPU (pin LINT0), for machines without I/O APIC. */
void apic_connect_pic(void);
/** This processor's id, from the APIC itself: 32 bits in x2APIC mode, else 8. */
u32 apic_read_id(void);
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);

/* The address and the two kinds of access, for what runs at each interrupt. */
extern volatile u8 *apic_base;
/** End of the interrupt in service. */
static inline void apic_eoi(void)
{
	if (likely(!apic_x2))
		mmio_write32(apic_base + APIC_EOI, 0);
	else
		wrmsr(apic_msr(APIC_EOI), 0);
}
/** Is @p vector in service here? */
bool apic_in_service(u32 vector);
/** End all interrupts that are in service here: none is being handled. From an NMI, too. */
void apic_end_all(void);

/** Interrupt one processor, which may be this one. One that apic_can_reach() denies is left alone. Any context. */
void apic_send_ipi(u32 apic_id, u8 vector);
void apic_send_nmi(u32 apic_id);
/** Interrupt this processor, from an NMI: the command that it may have interrupted is still sent right. */
void apic_send_self_in_nmi(u8 vector);
/** The sequence that starts a processor: SDM vol. 3, 10.4.4.1. @param page  number of the page below 1 MiB to start in */
void apic_send_init(u32 apic_id);
void apic_send_startup(u32 apic_id, u8 page);

/** Arm the one-shot timer: an interrupt in @p count ticks. 0 stops it. */
static inline void apic_timer_arm(u32 count)
{
	if (likely(!apic_x2))
		mmio_write32(apic_base + APIC_TIMER_INITIAL, count);
	else
		apic_write(APIC_TIMER_INITIAL, count);
}
