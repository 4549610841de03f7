/* SPDX-License-Identifier: MIT */
/** @file nmi.h  Non-maskable interrupts from outside: arch/x86_64/nmi.c. */
#pragma once
#include <kernel/types.h>

/** Obey "unknown_nmi_panic". Boot. */
void nmi_init(void);
/** Count of NMIs since the last report; nmi_report() is due where it is not 0. */
extern u32 nmi_unreported;
/** Log those. Interrupt or thread context, not in an NMI. */
void nmi_report(void);
/** Not 0: one from outside ends the machine (/proc/sys/kernel/unknown_nmi_panic). */
extern int nmi_panic_wanted;
