/* SPDX-License-Identifier: MIT */
/**
 * @file io.h  Ports, device memory, MSRs, CPUID, TSC.
 *
 * In a unit test on the host, which has no such devices and may not execute
 * these instructions, the test itself answers for device memory and MSRs.
 */
#pragma once
#include <kernel/types.h>
static inline void outb(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
static inline void outw(u16 port, u16 value)
{
	__asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}
static inline void outl(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}
static inline u8 inb(u16 port)
{
	u8 value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
static inline u16 inw(u16 port)
{
	u16 value;
	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
static inline u32 inl(u16 port)
{
	u32 value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
#ifdef __BANOS_HOST__
u32 mmio_read32(const volatile void *address);
void mmio_write32(volatile void *address, u32 value);
u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 value);
void cpuid(u32 leaf, u32 sub, u32 regs[4]);
void store_fence(void);
void wrmsr_fence(void);
#else
static inline u8 mmio_read8(const volatile void *address)
{
	return *(const volatile u8 *)address;
}
static inline u32 mmio_read32(const volatile void *address)
{
	return *(const volatile u32 *)address;
}
static inline u64 mmio_read64(const volatile void *address)
{
	return *(const volatile u64 *)address;
}
static inline void mmio_write8(volatile void *address, u8 value)
{
	*(volatile u8 *)address = value;
}
static inline void mmio_write32(volatile void *address, u32 value)
{
	*(volatile u32 *)address = value;
}
static inline void mmio_write64(volatile void *address, u64 value)
{
	*(volatile u64 *)address = value;
}
static inline u64 rdmsr(u32 msr)
{
	u32 low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}
static inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}
static inline void cpuid(u32 leaf, u32 sub, u32 regs[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
			 : "a"(leaf), "c"(sub));
}
/** Stores, also to device memory, have reached their place before anything that follows: MFENCE. */
static inline void store_fence(void)
{
	__asm__ volatile("mfence" ::: "memory");
}
/** The same before a WRMSR to one of those registers that do not serialise (x2APIC): SDM vol. 3, 10.12.3. */
static inline void wrmsr_fence(void)
{
	__asm__ volatile("mfence; lfence" ::: "memory");
}
#endif
static inline u64 rdtsc(void)
{
	u32 low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

/** Does this physical range contain interrupt controllers or clocks that the kernel drives itself? */
bool arch_drives_mmio(u64 address, u64 length);
