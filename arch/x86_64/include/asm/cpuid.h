/* SPDX-License-Identifier: MIT */
/** @file cpuid.h  What CPUID answers, by leaf. Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. */
#pragma once

#define CPUID_VENDOR	0x0
#define CPUID_BASIC	0x1
#define CPUID_STRUCTURE 0x7
#define CPUID_XSAVE	0xd
#define CPUID_EXT_MAX	0x80000000
#define CPUID_EXT	0x80000001
#define CPUID_BRAND	0x80000002 /* and the next two */
#define CPUID_EXT_POWER 0x80000007
#define CPUID_EXT_SIZES 0x80000008

/* CPUID_BASIC, EAX: the signature of the processor. The extended family counts with family 15 alone. */
#define CPUID_STEPPING(eax)    ((eax)&15)
#define CPUID_BASE_MODEL(eax)  ((eax) >> 4 & 15)
#define CPUID_BASE_FAMILY(eax) ((eax) >> 8 & 15)
#define CPUID_EXT_MODEL(eax)   ((eax) >> 16 & 15)
#define CPUID_EXT_FAMILY(eax)  ((eax) >> 20 & 255)
#define CPUID_FAMILY_EXTENDED  15

/* CPUID_BASIC, ECX. */
#define CPUID_PCID	   (1u << 17)
#define CPUID_X2APIC	   (1u << 21)
#define CPUID_TSC_DEADLINE (1u << 24)
#define CPUID_HAS_XSAVE	   (1u << 26)
#define CPUID_RDRAND	   (1u << 30)
#define CPUID_HYPERVISOR   (1u << 31)
/* CPUID_BASIC, EDX. */
#define CPUID_MCE  (1u << 7)
#define CPUID_APIC (1u << 9)
#define CPUID_PGE  (1u << 13)
#define CPUID_MCA  (1u << 14)
#define CPUID_PAT  (1u << 16)
/* CPUID_STRUCTURE, EBX. */
#define CPUID_SMEP   (1u << 7)
#define CPUID_RDSEED (1u << 18)
#define CPUID_ERMS   (1u << 9)
#define CPUID_SMAP   (1u << 20)
#define CPUID_FSRM   (1u << 4) /* in EDX */
/* CPUID_STRUCTURE, ECX. */
#define CPUID_UMIP (1u << 2)
/* CPUID_EXT, EDX. */
#define CPUID_SYSCALL (1u << 11)
#define CPUID_NX      (1u << 20)
#define CPUID_GBPAGES (1u << 26)
#define CPUID_RDTSCP  (1u << 27)
/* CPUID_EXT_POWER, EDX. */
#define CPUID_INVARIANT_TSC (1u << 8)
