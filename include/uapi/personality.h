/* SPDX-License-Identifier: MIT */
/** @file personality.h  personality(): Linux's numbers. */
#pragma once
#define UNAME26		   0x0020000
#define ADDR_NO_RANDOMIZE  0x0040000
#define MMAP_PAGE_ZERO	   0x0100000
#define ADDR_COMPAT_LAYOUT 0x0200000
#define READ_IMPLIES_EXEC  0x0400000
#define STICKY_TIMEOUTS	   0x4000000
#define PER_CLEAR_ON_SETID \
	(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO)
