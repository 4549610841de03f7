/* SPDX-License-Identifier: MIT */
/** @file mutate.h  Damaging driver files: for the fuzzer, and for the test in the running kernel. */
#pragma once
#include <kernel/types.h>

/** @brief Begin a sequence of random numbers that depends on @p seed alone. */
void rnd_seed(u64 seed);
/** @brief A number below @p below; 0 for 0. */
u64 rnd(u64 below);
/**
 * @brief Change a driver file in place, @p changes times.
 * @return 1; 0: it no longer looks like an ELF file at all, and nothing was changed
 */
int mutate_file(u8 *file, size_t size, u32 changes);
