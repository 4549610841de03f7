/* SPDX-License-Identifier: MIT */
/** @file heap_init.h  Starting the heap and the kernel ranges; boot only. */
#pragma once
#include <kernel/types.h>
struct cpu;
void heap_init(void);
/** Magazines of a CPU that is being created. @return false: no memory */
bool heap_cpu_init(struct cpu *cpu);
void krange_init(void);
