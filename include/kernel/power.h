/* SPDX-License-Identifier: MIT */
/** @file power.h  Ending: power off, reset, halt. Any context. */
#pragma once

/** Stop the other CPUs and switch the machine off; halts where it can't be. */
void machine_power_off(void) __noreturn;
/** Stop the other CPUs and start the machine anew. */
void machine_restart(void) __noreturn;
/** Stop all CPUs. */
void machine_halt(void) __noreturn;
