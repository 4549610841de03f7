// SPDX-License-Identifier: MIT
/*
 * A fast hash for tables. Sixteen bytes a step: two words are mixed with the
 * state, multiplied to 128 bits, and the halves of the product folded
 * together, so that every bit of input reaches every bit of output. Not
 * cryptographic; a table that user programs can fill takes a random seed.
 */
#include <kernel/string.h>

/* Odd, half of the bits set, no pattern: digits of pi and e. */
#define K0 0x243f6a8885a308d3ull
#define K1 0xb7e151628aed2a6bull

typedef u64 __attribute__((may_alias, aligned(1))) u64_any;
typedef u32 __attribute__((may_alias, aligned(1))) u32_any;

static inline u64 fold(u64 a, u64 b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (u64)m ^ (u64)(m >> 64);
}

u64 hash_bytes(const void *data, size_t n, u64 seed)
{
	const u8 *p = data;
	u64 h = seed ^ K0, a = 0, b = 0;
	size_t left = n;

	for (; left > 16; left -= 16, p += 16)
		h = fold(*(const u64_any *)p ^ K1, *(const u64_any *)(p + 8) ^ h);
	/* The rest, 0 to 16 bytes: two reads that may overlap. */
	if (left >= 8) {
		a = *(const u64_any *)p;
		b = *(const u64_any *)(p + left - 8);
	} else if (left >= 4) {
		a = *(const u32_any *)p;
		b = *(const u32_any *)(p + left - 4);
	} else if (left) {
		a = (u64)p[0] << 16 | (u64)p[left / 2] << 8 | p[left - 1];
	}
	return fold(K0 ^ n, fold(a ^ K1, b ^ h));
}
