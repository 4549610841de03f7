/* SPDX-License-Identifier: MIT */
/**
 * @file string.h  Runs of words by one instruction: for lib/string.c, pages, and user memory. Pure.
 *
 * Sites of `rep movsq` and `rep stosq`. Where the processor says that the forms for bytes are
 * fast (ERMS), cpu.c makes them `shl $3, %rcx; rep movsb`, which is as long.
 */
#pragma once
#include <asm/layout.h>

/* What a site is, in the bits above its offset in the image. */
#define REP_SITE_STORE	  0x80000000
#define REP_SITE_SHORT	  0x40000000 /* a jump for longer ones: FSRM has it taken by all */
#define REP_SITE_BYTES_AT 4	     /* the instruction that may fault, with ERMS */

#ifdef __ASSEMBLY__
/* clang-format off */
.macro REP_SITE insn, kind=0
9991:	\insn
	.byte 0x0f, 0x1f, 0x00		/* NOP */
	REP_SITE_AT 9991b, \kind
.endm
.macro REP_SITE_AT at, kind
	.pushsection .rep_sites, "a"
	.long \at - KERNEL_VMA + (\kind)
	.popsection
.endm
/* clang-format on */
#else
#include <kernel/types.h>

/* Elsewhere than in the kernel's image nobody changes them. */
#if defined(__BANOS_HOST__) || defined(__BANOS_LIBRARY__)
#define REP_SITE(insn, kind) insn
#else
#define REP_SITE(insn, kind)               \
	"1: " insn "\n"                    \
	".byte 0x0f, 0x1f, 0x00\n"         \
	".pushsection .rep_sites, \"a\"\n" \
	".long 1b - %c[base]" kind "\n"    \
	".popsection"
#endif

/** Copy @p words of 8 bytes, from the lowest address up. */
static inline void copy_words(void *to, const void *from, size_t words)
{
	__asm__ volatile(REP_SITE("rep movsq", "")
			 : "+D"(to), "+S"(from), "+c"(words)
			 : [base] "i"(KERNEL_VMA)
			 : "memory", "cc");
}
/** Write @p word @p words times. */
static inline void fill_words(void *to, u64 word, size_t words)
{
	__asm__ volatile(REP_SITE("rep stosq", " + 0x80000000")
			 : "+D"(to), "+c"(words)
			 : "a"(word), [base] "i"(KERNEL_VMA)
			 : "memory", "cc");
}
#endif
