/* SPDX-License-Identifier: MIT */
/*
 * Machine checks: the processor has found itself, a bus or memory broken.
 *
 * Without CR4.MCE the processor would shut down without a word instead of
 * raising the exception. Each bank of registers reports errors of one unit;
 * what they hold at the start is from before and is forgotten. An error that
 * was not corrected ends in a panic that names the bank: nothing is recovered.
 *
 * Intel SDM vol. 3, 15.3 (registers), 15.8 (initialization).
 */
#include <asm/control.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/traps.h>
#include <kernel/panic.h>

#define MCG_CTL_P	     (1u << 8)
#define STATUS_VALID	     (1ull << 63)
#define STATUS_CORRECTED_NOT (1ull << 61)
#define STATUS_ADDRESS	     (1ull << 58)
#define BANKS_MAX	     32u

static u32 nr_banks(void)
{
	if (cpu_features.mca)
		return MIN((u32)rdmsr(MSR_MCG_CAP) & 0xff, BANKS_MAX);
	return 0;
}

/* Family 6 below model 26: the control register of bank 0 is the firmware's. */
static u32 first_controlled_bank(void)
{
	if (cpu_features.family == 6 && cpu_features.model < 0x1a)
		return 1;
	return 0;
}

void mce_cpu_start(void)
{
	if (!cpu_features.mce)
		return;
	if (cpu_features.mca && (rdmsr(MSR_MCG_CAP) & MCG_CTL_P))
		wrmsr(MSR_MCG_CTL, ~0ull);
	for (u32 i = 0; i < nr_banks(); i++) {
		if (i >= first_controlled_bank())
			wrmsr(MSR_MC_BANK(i), ~0ull);
		wrmsr(MSR_MC_BANK(i) + 1, 0);
	}
	write_cr4(read_cr4() | CR4_MCE);
}

void mce_panic(struct pt_regs *regs)
{
	for (u32 i = 0; i < nr_banks(); i++) {
		u64 status = rdmsr(MSR_MC_BANK(i) + 1);

		u64 address = 0;

		if (!(status & STATUS_VALID) || !(status & STATUS_CORRECTED_NOT))
			continue;
		if (status & STATUS_ADDRESS)
			address = rdmsr(MSR_MC_BANK(i) + 2);
		panic_regs(regs, "machine check: bank %u, status %lx, address %lx", i, status,
			   address);
	}
	panic_regs(regs, "machine check: no bank reports an error");
}
