/* SPDX-License-Identifier: MIT */
/** @file offsets.h  Structure offsets that assembly knows; checked in arch/x86_64/cpu.c. */
#pragma once
#define CPU_CURRENT    0x08
#define CPU_KSTACK_TOP 0x10
#define CPU_USER_RSP   0x18
#define CPU_IRQ_DEPTH  0x2c
#define THREAD_KSP     0x00
#define THREAD_WORK    0x10
#define REGS_RAX       0x50
#define REGS_RIP       0x80
#define REGS_CS	       0x88
#define REGS_RSP       0x98
#define REGS_SIZE      0xa8
