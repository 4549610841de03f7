/* SPDX-License-Identifier: MIT */
/*
 * The high precision event timer: only its main counter, to measure other
 * clocks against, and as clock where the TSC can't be trusted.
 *
 * Only the low half is read: one access, and the same on 32-bit and 64-bit
 * counters. IA-PC HPET Specification 1.0a, 2.3.
 */
#include <asm/clocks.h>
#include <asm/io.h>
#include <kernel/acpi.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/time.h>

CMDLINE_OPTION(opt_nohpet, "nohpet");

#define HPET_ID	      0x000 /* high word: femtoseconds per tick */
#define HPET_CONFIG   0x010
#define CONFIG_ENABLE 1u
#define CONFIG_LEGACY 2u /* would take the PIT's and the RTC's interrupts */
#define HPET_COUNTER  0x0f0
#define FS_PER_S      1000000000000000ull
#define PERIOD_MAX_FS 100000000u

static volatile u8 *regs;

static u64 hpet_read(void)
{
	return mmio_read32(regs + HPET_COUNTER);
}

static struct clock_source hpet = { .name = "hpet", .read = hpet_read, .mask = 0xffffffff };

/* Some chips are in the table and dead. */
static bool hpet_counts(void)
{
	u64 first = hpet_read();

	for (u32 i = 0; i < 1000; i++)
		if (hpet_read() != first)
			return true;
	return false;
}

const struct clock_source *hpet_find(void)
{
	u32 period_fs;

	if (!acpi_info.has_hpet || option_is_set(&opt_nohpet))
		return NULL;
	regs = krange_map_phys(acpi_info.hpet.addr, 1024, KCACHE_UC);
	if (!regs)
		return NULL;
	period_fs = mmio_read32(regs + HPET_ID + 4);
	if (!period_fs || period_fs > PERIOD_MAX_FS)
		goto err_unmap;
	mmio_write32(regs + HPET_CONFIG,
		     (mmio_read32(regs + HPET_CONFIG) & ~CONFIG_LEGACY) | CONFIG_ENABLE);
	if (!hpet_counts())
		goto err_unmap;
	hpet.freq_hz = (FS_PER_S + period_fs / 2) / period_fs;
	return &hpet;
err_unmap:
	krange_unmap_phys((void *)regs);
	return NULL;
}
