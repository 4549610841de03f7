/* SPDX-License-Identifier: MIT */
/** @file layout.h  The kernel's virtual addresses; also for assembly and the linker script. */
#pragma once

#define KERNEL_VMA     0xffffffff80000000 /* physical 0 of the image mapping */
#define PHYSMAP_SIZE   0x0000400000000000 /* of the map of all memory (kernel/page.h) */
#define FASTPAGE_BASE  0xffffffffffe00000 /* 4 slots a CPU */
#define FASTPAGE_SLOTS 4
#define KRANGE_BASE    0xffffc00000000000 /* stacks, large buffers, device memory */
#define KRANGE_END     0xffffc08000000000 /* one top-level entry */

#define PTE_TABLE 0x003 /* present, writable */
#define PTE_LARGE 0x080 /* the entry maps memory, no table */
