/* SPDX-License-Identifier: MIT */
/**
 * @file control.h  Control registers, and the flushing that they do.
 *
 * In a unit test on the host the test itself plays them. Intel SDM vol. 3, 2.5.
 * The bits are also for assembly.
 */
#pragma once

#define CR0_PE 0x1	  /* protected mode */
#define CR0_MP 0x2	  /* WAIT faults like the FPU's instructions */
#define CR0_ET 0x10	  /* always set */
#define CR0_NE 0x20	  /* the FPU's errors are exceptions */
#define CR0_WP 0x10000	  /* read-only pages are so for the kernel, too */
#define CR0_PG 0x80000000 /* paging */

#define CR4_PSE	       0x10
#define CR4_PAE	       0x20
#define CR4_MCE	       0x40 /* machine checks are exceptions */
#define CR4_PGE	       0x80 /* global pages */
#define CR4_OSFXSR     0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_UMIP       0x800
#define CR4_PCIDE      0x20000
#define CR4_OSXSAVE    0x40000
#define CR4_SMEP       0x100000
#define CR4_SMAP       0x200000

#ifndef __ASSEMBLY__
#include <kernel/types.h>

#ifdef __BANOS_HOST__
u64 read_cr3(void);
void write_cr3(u64 value);
u64 read_cr4(void);
void write_cr4(u64 value);
void invlpg(u64 va);
#else
static inline u64 read_cr3(void)
{
	u64 value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value)::"memory");
	return value;
}
static inline void write_cr3(u64 value)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}
static inline u64 read_cr4(void)
{
	u64 value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value)::"memory");
	return value;
}
static inline void write_cr4(u64 value)
{
	__asm__ volatile("mov %0, %%cr4" ::"r"(value) : "memory");
}
static inline void invlpg(u64 va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}
#endif
#endif /* __ASSEMBLY__ */
