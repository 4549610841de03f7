/* SPDX-License-Identifier: MIT */
/**
 * @file percpu.h  A processor's own data, which GS points to in the kernel: one instruction each.
 *
 * @p type is the structure there (struct cpu), known at the place of use. A unit test on the
 * host sets GS itself.
 */
#pragma once
#include <asm/pcid.h>

/** What struct cpu has for the machine alone. */
struct percpu_machine {
#ifdef CONFIG_X86_PCID
	struct pcid_cpu pcid;
#endif
};

#define PERCPU_READ(type, member)                                                                  \
	({                                                                                         \
		typeof(((type *)0)->member) _value;                                                \
		__asm__ volatile("mov %%gs:%c1, %0" : "=r"(_value) : "i"(offsetof(type, member))); \
		_value;                                                                            \
	})
/** Is a number of 32 bits there other than 0? Without a register for it. */
#define PERCPU_NONZERO32(type, member)                           \
	({                                                       \
		bool _nonzero;                                   \
		__asm__ volatile("cmpl $0, %%gs:%c1"             \
				 : "=@ccnz"(_nonzero)            \
				 : "i"(offsetof(type, member))); \
		_nonzero;                                        \
	})
/** A pointer that stays what it is all through a function: read once. */
#define PERCPU_READ_CONSTANT(type, member)                                                 \
	({                                                                                 \
		typeof(((type *)0)->member) _value;                                        \
		__asm__("movq %%gs:%c1, %0" : "=r"(_value) : "i"(offsetof(type, member))); \
		_value;                                                                    \
	})
#define PERCPU_WRITE(type, member, value)                                                      \
	do {                                                                                   \
		typeof(((type *)0)->member) _value = (value);                                  \
		__asm__ volatile("mov %0, %%gs:%c1" ::"r"(_value), "i"(offsetof(type, member)) \
				 : "memory");                                                  \
	} while (0)
/**
 * Replace *@p old by @p value in a pointer, as seen by this CPU alone: without a lock. Else *@p old
 * becomes what was there. @return it was replaced
 */
#define PERCPU_EXCHANGE(type, member, old, value)                          \
	({                                                                 \
		bool _replaced;                                            \
		__asm__ volatile("cmpxchgq %2, %%gs:%c3"                   \
				 : "=@ccz"(_replaced), "+a"(*(old))        \
				 : "r"(value), "i"(offsetof(type, member)) \
				 : "memory");                              \
		_replaced;                                                 \
	})
/** Add one to a counter of 64 bits; any context. */
#define PERCPU_COUNT(type, member) \
	__asm__ volatile("incq %%gs:%c0" ::"i"(offsetof(type, member)) : "memory", "cc")
/** Add one to, or take one from, a number of 32 bits: a barrier for the compiler. */
#define PERCPU_INC32(type, member) \
	__asm__ volatile("incl %%gs:%c0" ::"i"(offsetof(type, member)) : "memory", "cc")
#define PERCPU_DEC32(type, member) \
	__asm__ volatile("decl %%gs:%c0" ::"i"(offsetof(type, member)) : "memory", "cc")
/** Add @p value to number @p index of an array of 64-bit numbers; any context. */
#define PERCPU_ADD(type, member, index, value)                                               \
	__asm__ volatile("addq %0, %%gs:%c2(,%1,8)" ::"re"((s64)(value)), "r"((u64)(index)), \
			 "i"(offsetof(type, member))                                         \
			 : "memory", "cc")
/** Add one to the counter of 64 bits that is @p member of a structure @p offset bytes into the data. */
#define PERCPU_COUNT_AT(offset, type, member)                                                  \
	__asm__ volatile("incq %%gs:%c1(%0)" ::"r"((u64)(offset)), "i"(offsetof(type, member)) \
			 : "memory", "cc")
