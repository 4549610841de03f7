/* SPDX-License-Identifier: MIT */
/**
 * @file random_check.h  Health tests of a source of random bytes. Pure: lib/random_check.c.
 *
 * The repetition count test and the adaptive proportion test of NIST SP 800-90B, 4.4, over bytes. A good
 * source fails each of them once in 2^40 bytes, or windows.
 */
#pragma once
#include <kernel/types.h>

#define RANDOM_QUALITY_MAX   1024u /* 8 bits of entropy in a byte */
#define RANDOM_QUALITY_LEAST 128u  /* one bit */
#define RANDOM_START_BYTES   1024u /* to be checked before a source is believed: 4.3 */

enum random_verdict { RANDOM_PASSES, RANDOM_REPEATS, RANDOM_IS_UNEVEN };

struct random_check {
	u32 repeats_max, count_max; /* a test fails at these */
	u32 repeats;		    /* of the last byte; 0: none yet */
	u32 position;		    /* in the window */
	u32 count;		    /* of the window's first byte */
	u8 last, first;
};

/** @param quality of 1024ths; 0, or less than RANDOM_QUALITY_LEAST: as that */
void random_check_init(struct random_check *check, u32 quality);
/** @brief Look at the bytes that follow. What failed once is not to be asked again. */
enum random_verdict random_check_bytes(struct random_check *check, const u8 *bytes, size_t size);
