/* SPDX-License-Identifier: MIT */
/* Arithmetic of clocks that is too long to be inline. Pure. */
#include <kernel/clock.h>

u64 clock_mul_div(u64 value, u64 factor, u64 divisor)
{
	unsigned __int128 product = (unsigned __int128)value * factor;
	u64 high = product >> 64, low = product, quotient = 0;

	if (high >= divisor)
		return ~0ull;
	/* long division by bits: high < c all the time */
	for (u32 i = 0; i < 64; i++) {
		bool carry = high >> 63;

		high = high << 1 | low >> 63;
		low <<= 1;
		quotient <<= 1;
		if (carry || high >= divisor) {
			high -= divisor;
			quotient |= 1;
		}
	}
	return quotient;
}
