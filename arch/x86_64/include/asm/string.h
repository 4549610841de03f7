/* SPDX-License-Identifier: MIT */
/** @file string.h  Runs of words by one instruction: for lib/string.c and pages. Pure. */
#pragma once
#include <kernel/types.h>

/** Copy @p words of 8 bytes, from the lowest address up. */
static inline void copy_words(void *to, const void *from, size_t words)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
}
/** Write @p word @p words times. */
static inline void fill_words(void *to, u64 word, size_t words)
{
	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
}
