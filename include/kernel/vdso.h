/* SPDX-License-Identifier: MIT */
/** @file vdso.h  The kernel's shared object in each program: clocks without system calls. */
#pragma once
#include <kernel/types.h>

struct page;
struct vm_space;

/** The mapped pages, in this order: the clock's data, the code. */
#define VDSO_PAGES 2
extern struct page *vdso_pages[VDSO_PAGES];
/** Prepare what is mapped. Boot, after time_init(). */
void vdso_init(void);
/**
 * @brief Map the clock data and the vDSO into @p space. Takes its lock; sleeps.
 * @return the vDSO's address, for AT_SYSINFO_EHDR, or 0: no space, and the program runs without it
 */
u64 vdso_map(struct vm_space *space);
