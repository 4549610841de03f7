/* SPDX-License-Identifier: MIT */
/** @file smap.h  Sites of CLAC and STAC, in assembly: NOPs until cpu.c finds SMAP and patches them. */
#pragma once
#ifdef __ASSEMBLY__
#include <asm/layout.h>

/* clang-format off */
/* CLAC here, or with 0x80000000 STAC. */
.macro SMAP_SITE stac=0
9990:	.byte 0x0f, 0x1f, 0x00
	.pushsection .smap_sites, "a"
	.long 9990b - KERNEL_VMA + (\stac)
	.popsection
.endm
/* clang-format on */
#endif
