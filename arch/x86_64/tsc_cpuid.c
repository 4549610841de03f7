/* SPDX-License-Identifier: MIT */
/*
 * Clock rates that CPUID reports. Pure.
 *
 * A hypervisor may report TSC and APIC timer in kHz (leaf 0x40000010, first
 * VMware's, also KVM's). Intel processors report the ratio of TSC to crystal and
 * mostly the crystal (leaf 0x15); where the crystal is missing, the base
 * frequency in MHz (leaf 0x16) is accurate enough at first. The APIC timer
 * counts the crystal. Intel SDM vol. 2, CPUID; vol. 3, 10.5.4, 18.7.3.
 */
#include <asm/clocks.h>

#define HZ_MIN 1000000ull /* rates below or above are not believed */
#define HZ_MAX 20000000000ull

static bool tsc_plausible(u64 hz)
{
	return hz >= HZ_MIN && hz <= HZ_MAX;
}

struct told_rates tsc_told_rates(const u32 leaf15[4], const u32 leaf16[4],
				 const u32 leaf40000010[4])
{
	u64 tsc = leaf40000010[0] * 1000ull, apic = leaf40000010[1] * 1000ull;
	u32 denominator = leaf15[0], numerator = leaf15[1], base_mhz = leaf16[0] & 0xffff;

	if (tsc_plausible(tsc))
		return (struct told_rates){ tsc, tsc_plausible(apic) ? apic : 0, false };
	if (!denominator || !numerator)
		return (struct told_rates){ 0 };
	if (leaf15[2]) {
		tsc = clock_mul_div(leaf15[2], numerator, denominator);
		if (tsc_plausible(tsc))
			return (struct told_rates){ tsc, leaf15[2], false };
	}
	tsc = base_mhz * 1000000ull;
	if (tsc_plausible(tsc))
		return (struct told_rates){ tsc, clock_mul_div(tsc, denominator, numerator), true };
	return (struct told_rates){ 0 };
}
