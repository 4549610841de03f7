/* SPDX-License-Identifier: MIT */
/**
 * @file probe.h  Single accesses to memory that may not be mapped: one instruction each.
 *
 * They are for storage that a driver has named and may free at any time, or that was
 * never its own. An access that faults, at whatever address, has not happened: nothing
 * is mapped for it, and nothing sleeps. Any context.
 */
#pragma once
#include <asm/layout.h>
#include <kernel/types.h>

#define PROBE_TEXT_(value) #value
#define PROBE_TEXT(value)  PROBE_TEXT_(value)
/* A fault of the instruction at label 1 continues at label @p to (traps.c); a unit test on the host has none. */
#ifdef __BANOS_HOST__
#define PROBE_FIXUP(to)
#else
#define PROBE_FIXUP(to)                                                                \
	".pushsection .ex_table_any, \"a\"\n"                                          \
	".long 1b - " PROBE_TEXT(KERNEL_VMA) ", " to " - " PROBE_TEXT(KERNEL_VMA) "\n" \
										  ".popsection\n"
#endif
/* The same, and the zero flag, which says "it was equal", is clear then. */
#define PROBE_FIXUP_UNEQUAL                     \
	".pushsection .text.unlikely, \"ax\"\n" \
	"3: testq %%rsp, %%rsp\n"               \
	"jmp 2f\n"                              \
	".popsection\n" PROBE_FIXUP("3b") "2:\n"

/** @brief Is *@p addr equal to @p value? @return false also where it is not mapped */
static inline bool probe_equals(const u64 *addr, u64 value)
{
	bool equal;

	__asm__ volatile("1: cmpq %2, %1\n" PROBE_FIXUP_UNEQUAL
			 : "=@ccz"(equal)
			 : "m"(*addr), "r"(value));
	return equal;
}

/** @brief Store @p new where @p old is, atomically. @return false: something else was there, or it is not mapped */
static inline bool probe_exchange(u64 *addr, u64 old, u64 new)
{
	bool stored;

	__asm__ volatile("1: lock cmpxchgq %3, %1\n" PROBE_FIXUP_UNEQUAL
			 : "=@ccz"(stored), "+m"(*addr), "+a"(old)
			 : "r"(new)
			 : "memory");
	return stored;
}

/** @brief Store @p value, after all that was stored before. Where it is not mapped nothing is stored. */
static inline void probe_store(u64 *addr, u64 value)
{
	__asm__ volatile("1: movq %1, %0\n2:\n" PROBE_FIXUP("2b")
			 : "+m"(*addr)
			 : "r"(value)
			 : "memory");
}

/** @brief Add one, atomically. */
static inline void probe_increment(u64 *addr)
{
	__asm__ volatile("1: lock incq %0\n2:\n" PROBE_FIXUP("2b") : "+m"(*addr)::"memory", "cc");
}

/** @brief A word; 0 where it is not mapped. */
static inline u64 probe_load(const u64 *addr)
{
	u64 value = 0;

	__asm__ volatile("1: movq %1, %0\n2:\n" PROBE_FIXUP("2b")
			 : "+r"(value)
			 : "m"(*addr)
			 : "memory");
	return value;
}
