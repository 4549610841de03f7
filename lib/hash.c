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

static inline u64 hash_fold(u64 left, u64 right)
{
	unsigned __int128 product = (unsigned __int128)left * right;

	return (u64)product ^ (u64)(product >> 64);
}

u64 hash_bytes(const void *data, size_t length, u64 seed)
{
	const u8 *bytes = data;
	u64 state = seed ^ K0, first = 0, second = 0;
	size_t left = length;

	for (; left > 16; left -= 16, bytes += 16)
		state = hash_fold(*(const u64_any *)bytes ^ K1,
				  *(const u64_any *)(bytes + 8) ^ state);
	/* The rest, 0 to 16 bytes: two reads that may overlap. */
	if (left >= 8) {
		first = *(const u64_any *)bytes;
		second = *(const u64_any *)(bytes + left - 8);
	} else if (left >= 4) {
		first = *(const u32_any *)bytes;
		second = *(const u32_any *)(bytes + left - 4);
	} else if (left) {
		first = (u64)bytes[0] << 16 | (u64)bytes[left / 2] << 8 | bytes[left - 1];
	}
	return hash_fold(K0 ^ length, hash_fold(first ^ K1, second ^ state));
}
