// SPDX-License-Identifier: MIT
/*
 * Health tests of a source of random bytes.
 *
 * Both know the source's least entropy H, in bits a byte. The repetition count test fails when one byte comes
 * 1 + 40/H times in a row (4.4.1), which finds a source that is stuck. The adaptive proportion test counts how
 * often the first byte of a window of 512 occurs in it (4.4.2), which finds a source that has lost much of its
 * entropy; its limits are the first ones that a binomial distribution exceeds less than once in 2^40 windows.
 *
 * Source: NIST SP 800-90B (2018), 4.4.
 */
#include <kernel/random_check.h>

#define WINDOW	       512u
#define BITS_MAX       8u
#define BITS_PER_ALARM 40u

/* By H - 1: 1 + critbinom(512, 2^-H, 1 - 2^-40). */
static const u16 proportion_max[BITS_MAX] = { 336, 201, 123, 78, 51, 35, 26, 19 };

void random_check_init(struct random_check *check, u32 quality)
{
	u32 bits = MIN(quality / RANDOM_QUALITY_LEAST, BITS_MAX);

	if (!bits)
		bits = 1;
	*check = (struct random_check){
		.repeats_max = 1 + (BITS_PER_ALARM + bits - 1) / bits,
		.count_max = proportion_max[bits - 1],
	};
}

static bool check_repeats(struct random_check *check, u8 byte)
{
	if (!check->repeats || byte != check->last)
		check->repeats = 0;
	check->last = byte;
	return ++check->repeats >= check->repeats_max;
}

static bool check_is_uneven(struct random_check *check, u8 byte)
{
	if (!check->position) {
		check->first = byte;
		check->count = 0;
	}
	check->count += byte == check->first;
	check->position = (check->position + 1) % WINDOW;
	return check->count >= check->count_max;
}

enum random_verdict random_check_bytes(struct random_check *check, const u8 *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (check_repeats(check, bytes[i]))
			return RANDOM_REPEATS;
		if (check_is_uneven(check, bytes[i]))
			return RANDOM_IS_UNEVEN;
	}
	return RANDOM_PASSES;
}
