/* SPDX-License-Identifier: MIT */
/** @file sysinfo.h  sysinfo(): Linux's layout for x86_64. */
#pragma once
#include <kernel/types.h>
struct sysinfo {
	s64 uptime;
	u64 loads[3]; /* times 65536 */
	u64 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u32 pad2;
	u64 totalhigh, freehigh;
	u32 mem_unit;
	u32 pad3;
};
_Static_assert(sizeof(struct sysinfo) == 112, "struct sysinfo has 112 bytes");
