/* SPDX-License-Identifier: MIT */
/** @file vectors.h  The interrupt table's 256 entries: exceptions, then interrupts. Also for assembly. */
#pragma once

#define VECTORS 256

/* Exceptions. Intel SDM vol. 3, 6.15. */
#define VECTOR_DIVIDE_ERROR   0
#define VECTOR_DEBUG	      1
#define VECTOR_NMI	      2
#define VECTOR_BREAKPOINT     3
#define VECTOR_OVERFLOW	      4
#define VECTOR_BOUND	      5
#define VECTOR_INVALID_OPCODE 6
#define VECTOR_NO_FPU	      7
#define VECTOR_DOUBLE_FAULT   8
#define VECTOR_FPU_OVERRUN    9
#define VECTOR_INVALID_TSS    10
#define VECTOR_NO_SEGMENT     11
#define VECTOR_STACK_FAULT    12
#define VECTOR_PROTECTION     13
#define VECTOR_PAGE_FAULT     14
#define VECTOR_FPU_ERROR      16
#define VECTOR_ALIGNMENT      17
#define VECTOR_MACHINE_CHECK  18
#define VECTOR_SIMD_ERROR     19
#define VECTOR_VIRTUALIZATION 20
#define VECTOR_CONTROL	      21
#define VECTOR_EXCEPTIONS     32 /* how many there may be */

/* Interrupts. The first 16 are the PICs'; 0x30..0xee are allocated to devices. */
#define VECTOR_IRQ_FIRST    0x20
#define VECTOR_DEVICE_FIRST 0x30
#define VECTOR_DEVICE_LAST  0xee
#define VECTOR_TIMER	    0xef
#define VECTOR_RESCHEDULE   0xf0
#define VECTOR_CALL	    0xf1
#define VECTOR_STOP	    0xf2
#define VECTOR_APIC_ERROR   0xfe
#define VECTOR_SPURIOUS	    0xff
