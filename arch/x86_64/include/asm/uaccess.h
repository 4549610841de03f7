/* SPDX-License-Identifier: MIT */
/**
 * @file uaccess.h  Copies to and from memory of programs: the calls of uaccess.S, for <kernel/uaccess.h>.
 *
 * They are no C functions: registers that are not named here keep their values, so that a
 * caller need save none. One side may fault at any byte.
 */
#pragma once
#include <kernel/types.h>

void user_copy(void), user_clear(void);

/** @brief Copy; at most one of the two is a program's memory. @return bytes NOT copied (0: all) */
static inline u64 user_copy_raw(void *dst, const void *src, u64 length)
{
	register u64 stack __asm__("rsp"); /* the frame is complete before the call: backtraces */
	u64 left;

	__asm__ volatile("call %c[copy]"
			 : "=a"(left), "+D"(dst), "+S"(src), "+d"(length), "+r"(stack)
			 : [copy] "i"(user_copy)
			 : "rcx", "memory", "cc");
	return left;
}

/** @brief Write zeroes. @return bytes NOT cleared (0: all) */
static inline u64 user_clear_raw(void *dst, u64 length)
{
	register u64 stack __asm__("rsp");
	u64 left;

	__asm__ volatile("call %c[clear]"
			 : "=a"(left), "+D"(dst), "+d"(length), "+r"(stack)
			 : [clear] "i"(user_clear)
			 : "rcx", "memory", "cc");
	return left;
}
