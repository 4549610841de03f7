/* SPDX-License-Identifier: MIT */
/** @file random.h  Cryptographic random numbers: ChaCha20, per CPU, seeded from RDSEED/RDRAND, timing and firmware. */
#pragma once
#include <kernel/types.h>
/** Any context, at any time after the start of C code. */
void random_bytes(void *out, size_t size);
u64 random_u64(void);
/** Mix in data that an attacker may not know; known data does no harm. Any context; one block per 16 bytes. */
void random_add_entropy(const void *data, size_t size);
/** Mix in the time of an unpredictable event (a key, a packet). Any context; a few instructions. */
void random_note_event(u64 what);
