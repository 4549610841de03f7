/* SPDX-License-Identifier: MIT */
/** @file rcu_init.h  Start of the threads that run call_rcu() callbacks; threads must work. */
#pragma once
#include <kernel/cpu.h>

/** @brief Let the boot CPU queue callbacks, and run them. Boot only. */
void rcu_init(void);
/** @brief Allocate what another CPU needs for that, before it starts. @return false: no memory */
bool __must_check rcu_cpu_create(struct cpu *cpu);
/** @brief Run the callbacks of a CPU that is online now. Thread context. */
void rcu_cpu_start(struct cpu *cpu);
