/* SPDX-License-Identifier: MIT */
/*
 * The local APIC.
 *
 * Registers lie in a page of device memory (xAPIC) or are MSRs (x2APIC). The
 * latter is used where the firmware has enabled it, since it cannot be disabled
 * again, and where the command line contains "x2apic". With "nolapic" the local
 * APIC is not used: the PICs and the PIT serve one processor.
 *
 * Each CPU writes its own registers only, with interrupts off where a write
 * takes two steps; so there are no locks. Intel SDM vol. 3, 10.4 to 10.12.
 */
#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/cpuid.h>
#include <asm/io.h>
#include <kernel/acpi.h>
#include <kernel/boot.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/time.h>

CMDLINE_OPTION(opt_nolapic, "nolapic");
CMDLINE_OPTION(opt_x2apic, "x2apic");

#define SEND_TRIES 100000

bool apic_present, apic_x2;
volatile u8 *apic_base;

u32 apic_read(u32 reg)
{
	if (apic_x2)
		return (u32)rdmsr(apic_msr(reg));
	return mmio_read32(apic_base + reg);
}

void apic_write(u32 reg, u32 value)
{
	if (apic_x2)
		wrmsr(apic_msr(reg), value);
	else
		mmio_write32(apic_base + reg, value);
}

u32 apic_read_id(void)
{
	u32 id = apic_read(APIC_ID);

	if (apic_x2)
		return id;
	return id >> 24;
}

bool apic_in_service(u32 vector)
{
	return apic_read(APIC_ISR + (vector / 32) * 0x10) >> (vector % 32) & 1;
}

void apic_end_all(void)
{
	for (u32 reg = APIC_ISR; reg < APIC_ISR + 8 * 0x10; reg += 0x10)
		for (u32 vectors = apic_read(reg); vectors; vectors &= vectors - 1)
			apic_eoi();
}

/* ---- start ---- */

static bool cpu_has_apic(void)
{
	u32 regs[4];

	cpuid(CPUID_BASIC, 0, regs);
	return regs[3] & CPUID_APIC;
}

static u64 change_base(u64 base, u64 set, u64 clear)
{
	u64 want = (base | set) & ~clear;

	if (want != base)
		wrmsr(MSR_APIC_BASE, want);
	return want;
}

/*
 * Enable this CPU's local APIC in the selected mode. Each write may set one bit
 * more, and x2APIC mode can only be left by disabling the APIC; any other change of
 * mode raises a general protection fault: SDM vol. 3, 10.12.5.
 */
static void apic_enable(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	if (!apic_x2 && (base & APIC_BASE_X2APIC))
		base = change_base(base, 0, APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	base = change_base(base, APIC_BASE_ENABLE, 0);
	if (apic_x2)
		change_base(base, APIC_BASE_X2APIC, 0);
}

/* Registers that this implementation may lack count LVT entries from 0. */
static void mask_lvt(u32 reg, u32 entry, u32 entries)
{
	if (entry < entries)
		apic_write(reg, APIC_LVT_MASKED);
}

static void set_nmi_pin(void)
{
	u32 lvt = APIC_LVT_NMI, pin = APIC_LVT_LINT0;

	if (acpi_info.nmi_lint > 1)
		return;
	if ((acpi_info.nmi_flags & ACPI_INTI_POLARITY) == ACPI_INTI_LOW)
		lvt |= APIC_LVT_LOW;
	if (acpi_info.nmi_lint)
		pin = APIC_LVT_LINT1;
	apic_write(pin, lvt);
}

void apic_cpu_start(void)
{
	u32 entries;

	apic_enable();
	apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_TPR, 0);
	entries = (apic_read(APIC_VERSION) >> 16 & 0xff) + 1;
	/* first: to write vector 0 below may be reported as an error, to a vector that the firmware chose */
	mask_lvt(APIC_LVT_ERROR, 3, entries);
	mask_lvt(APIC_LVT_TIMER, 0, entries);
	mask_lvt(APIC_LVT_LINT0, 1, entries);
	mask_lvt(APIC_LVT_LINT1, 2, entries);
	mask_lvt(APIC_LVT_PERF, 4, entries);
	mask_lvt(APIC_LVT_THERMAL, 5, entries);
	apic_write(APIC_ESR, 0);
	if (entries > 3)
		apic_write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
	set_nmi_pin();
	/* what the firmware left in service would hold back all below it; an end is that of the highest */
	for (u32 vector = 0xe0; vector >= 0x20; vector -= 32)
		for (u32 value = apic_read(APIC_ISR + vector / 32 * 0x10); value;
		     value &= value - 1)
			apic_eoi();
}

void apic_connect_pic(void)
{
	apic_write(APIC_LVT_LINT0, APIC_LVT_EXTINT);
}

bool apic_init(void)
{
	u64 base;

	if (!cpu_has_apic() || option_is_set(&opt_nolapic))
		return false;
	base = rdmsr(MSR_APIC_BASE);
	apic_x2 = cpu_features.x2apic && ((base & APIC_BASE_X2APIC) || option_is_set(&opt_x2apic));
	if (!apic_x2) {
		apic_base = krange_map_phys(base & APIC_BASE_ADDR, PAGE_SIZE, KCACHE_UC);
		if (!apic_base) {
			pr_err("apic: not enough memory to map the local APIC\n");
			return false;
		}
	}
	apic_present = true;
	apic_cpu_start();
	this_cpu()->hw_id = apic_read_id();
	return true;
}

/* ---- interrupts between processors ---- */

/* The command register may be busy with the one before (xAPIC only). */
static void wait_idle(void)
{
	for (u32 i = 0; i < SEND_TRIES && (apic_read(APIC_ICR_LOW) & APIC_ICR_PENDING); i++)
		cpu_relax();
}

static void apic_send(u32 apic_id, u32 low)
{
	u64 icr = apic_icr(apic_id, low, apic_x2), flags;

	if (unlikely(!apic_present || !apic_can_reach(apic_id, apic_x2)))
		return;
	if (apic_x2) {
		/* what the other is to find in memory must be there first */
		wrmsr_fence();
		wrmsr(apic_msr(APIC_ICR_LOW), icr);
		return;
	}
	flags = irq_save();
	wait_idle();
	mmio_write32(apic_base + APIC_ICR_HIGH, icr >> 32);
	mmio_write32(apic_base + APIC_ICR_LOW, icr);
	irq_restore(flags);
}

void apic_send_ipi(u32 apic_id, u8 vector)
{
	apic_send(apic_id, APIC_ICR_FIXED | APIC_ICR_ASSERT | vector);
}

void apic_send_self_in_nmi(u8 vector)
{
	if (!apic_present)
		return;
	/* The lower half alone: what was interrupted may have written the upper one. */
	apic_write(APIC_ICR_LOW, APIC_ICR_SELF | APIC_ICR_FIXED | APIC_ICR_ASSERT | vector);
	if (!apic_x2)
		wait_idle();
}

void apic_send_nmi(u32 apic_id)
{
	apic_send(apic_id, APIC_ICR_NMI | APIC_ICR_ASSERT);
}

void apic_send_init(u32 apic_id)
{
	apic_send(apic_id, APIC_ICR_INIT | APIC_ICR_ASSERT | APIC_ICR_LEVEL);
	delay_us(10);
	apic_send(apic_id, APIC_ICR_INIT | APIC_ICR_LEVEL);
}

void apic_send_startup(u32 apic_id, u8 page)
{
	apic_send(apic_id, APIC_ICR_STARTUP | APIC_ICR_ASSERT | page);
}
