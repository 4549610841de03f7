/* SPDX-License-Identifier: MIT */
/**
 * @file control.h  Control registers, and the flushing that they do.
 *
 * In a unit test on the host the test itself plays them.
 */
#pragma once
#include <kernel/types.h>

#define CR4_PGE	  (1ul << 7)
#define CR4_PCIDE (1ul << 17)

#ifdef __BANOS_HOST__
u64 read_cr3(void);
void write_cr3(u64 v);
u64 read_cr4(void);
void write_cr4(u64 v);
void invlpg(u64 va);
#else
static inline u64 read_cr3(void)
{
	u64 v;

	__asm__ volatile("mov %%cr3, %0" : "=r"(v)::"memory");
	return v;
}
static inline void write_cr3(u64 v)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(v) : "memory");
}
static inline u64 read_cr4(void)
{
	u64 v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v)::"memory");
	return v;
}
static inline void write_cr4(u64 v)
{
	__asm__ volatile("mov %0, %%cr4" ::"r"(v) : "memory");
}
static inline void invlpg(u64 va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}
#endif
