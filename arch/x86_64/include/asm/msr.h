/* SPDX-License-Identifier: MIT */
/** @file msr.h  Model-specific registers by number, and what is in them. Intel SDM vol. 4. Also for assembly. */
#pragma once

#define MSR_APIC_BASE	 0x1b
#define MSR_SYSENTER_CS	 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MCG_CAP	 0x179
#define MSR_MCG_CTL	 0x17b
#define MSR_PAT		 0x277
#define MSR_MC_BANK(n)	 (0x400 + 4 * (n)) /* control, status, address, more */
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC	 0x800 /* the first of the x2APIC's registers */
#define MSR_EFER	 0xc0000080
#define MSR_STAR	 0xc0000081
#define MSR_LSTAR	 0xc0000082
#define MSR_CSTAR	 0xc0000083
#define MSR_FMASK	 0xc0000084
#define MSR_FS_BASE	 0xc0000100
#define MSR_GS_BASE	 0xc0000101
#define MSR_KERNEL_GS	 0xc0000102
#define MSR_TSC_AUX	 0xc0000103

/* EFER. */
#define EFER_SCE 0x001 /* enables SYSCALL */
#define EFER_LME 0x100 /* 64-bit mode once paging is enabled */
#define EFER_LMA 0x400 /* 64-bit mode is on: read only */
#define EFER_NXE 0x800 /* entries may forbid execution */
