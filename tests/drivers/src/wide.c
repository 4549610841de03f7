/* SPDX-License-Identifier: MIT */
/* Arithmetic that compilers leave to their library, which is banos-rt.o in a driver. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>

typedef unsigned __int128 wide;

/* Nothing of it can be computed by the compiler. */
static volatile uint64_t words[] = { 0x123456789abcdef0, 0xfedcba9876543210, 3,
				     0x8000000000000000 };

static wide wide_from(uint32_t high, uint32_t low)
{
	return (wide)words[high] << 64 | words[low];
}

static int64_t wide_init(banos_owner self)
{
	wide large = wide_from(0, 1), middle = wide_from(2, 0), small = words[2];
	__int128 negative = -(__int128)large;
	uint64_t failed = 0;

	failed |= (uint64_t)(large / small != ((wide)0x0611722833944a50 << 64 | 0x54f43e32d21c10b0))
		  << 0;
	failed |= (uint64_t)(large % small != 0) << 1;
	failed |= (uint64_t)(large / middle != 0x05ed79e31a4dccda) << 2;
	failed |= (uint64_t)(large / middle * middle + large % middle != large ||
			     large % middle >= middle)
		  << 3;
	failed |= (uint64_t)(negative / (__int128)middle != -(__int128)(large / middle)) << 4;
	failed |= (uint64_t)(negative % (__int128)middle != -(__int128)(large % middle)) << 5;
	failed |= (uint64_t)(__builtin_popcountll(words[0]) != 32) << 6;
	failed |= (uint64_t)(__builtin_parityll(words[3]) != 1) << 7;
	if (failed) {
		banos_print(self, "checks 0x%lx failed", failed);
		return -EIO;
	}
	banos_print(self, "PASS wide: 8 checks");
	return 0;
}

BANOS_DRIVER(wide, "1.0", "MIT", "Divides numbers of 128 bits", wide_init, NULL);
