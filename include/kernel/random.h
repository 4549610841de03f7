/* SPDX-License-Identifier: MIT */
/** @file random.h  Cryptographic random numbers: ChaCha20, per-CPU, seeded from RDSEED/RDRAND, timing and firmware. */
#pragma once
#include <kernel/types.h>
void random_bytes(void *p, size_t n);	/* any context */
u64 random_u64(void);
void random_add_entropy(const void *p, size_t n);
