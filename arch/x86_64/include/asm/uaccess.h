/* SPDX-License-Identifier: MIT */
/**
 * @file uaccess.h  Copies to and from memory of programs: the calls of uaccess.S, for <kernel/uaccess.h>.
 *
 * They are no C functions: registers that are not named here keep their values, so that a
 * caller need save none. One side may fault at any byte.
 */
#pragma once
#include <asm/layout.h>
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

/* An SMAP_SITE (smap.h) of C. @stac  " + 0x80000000", or "": CLAC */
#define USER_SMAP_SITE(stac)                                    \
	__asm__ volatile("1: .byte 0x0f, 0x1f, 0x00\n"          \
			 ".pushsection .smap_sites, \"a\"\n"    \
			 ".long 1b - %c[base]" stac "\n"        \
			 ".popsection" ::[base] "i"(KERNEL_VMA) \
			 : "memory")

/**
 * @brief Open a program's memory to user_store(), and close it again. Between the two nothing else is
 * called; the range has been checked.
 */
static inline void user_open(void)
{
	USER_SMAP_SITE(" + 0x80000000");
}
static inline void user_close(void)
{
	USER_SMAP_SITE("");
}
/** @brief Store the word @p value at @p to, 8 bytes of a program; a fault goes to the label @p fault. */
#define user_store(to, value, fault)                                                            \
	__asm__ goto(                                                                           \
		"1: movq %[word], %[target]\n"                                                  \
		".pushsection .ex_table, \"a\"\n"                                               \
		".long 1b - %c[base], %l[" #fault "] - %c[base]\n"                              \
		".popsection"                                                                   \
		:                                                                               \
		: [word] "er"((u64)(value)), [target] "m"(*(u64 *)(to)), [base] "i"(KERNEL_VMA) \
		: "memory"                                                                      \
		: fault)
