/* SPDX-License-Identifier: MIT */
/**
 * @file inet_stand_ins.h  What a test of inet's connections says to the kernel's stand-ins.
 */
#pragma once
#include <stdint.h>

extern uint32_t now_ms, short_of_memory;
/** Nothing as large as a pcb is allocated until one is freed. */
extern uint32_t starved;
