/* SPDX-License-Identifier: MIT */
/** @file random.h  Cryptographic random numbers: ChaCha20, per CPU, seeded from RDSEED/RDRAND, timing and firmware. */
#pragma once
#include <kernel/types.h>
/** Any context, from the first C line on. */
void random_bytes(void *out, size_t size);
u64 random_u64(void);
/** Mix in what an attacker may not know. Never makes things worse. Any context; costs a block per 16 bytes. */
void random_add_entropy(const void *data, size_t size);
/** Something happened at a time that can't be foretold (a key, a packet). Any context; a few instructions. */
void random_note_event(u64 what);
