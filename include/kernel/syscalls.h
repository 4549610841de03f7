/* SPDX-License-Identifier: MIT */
/**
 * @file syscalls.h  How system calls are defined, and their prototypes.
 *
 * Every one takes the six argument registers as they are and returns a value
 * or a negative errno. Define one with the macro that has as many names as it
 * uses arguments:
 *
 *	SYSCALL2(kill, pid, sig)
 *	{
 *		return signal_kill((pid_t)pid, (int)sig);
 *	}
 *
 * Arguments that Linux takes as int or unsigned int are cast first thing: their
 * upper halves are not the caller's promise. User pointers become uaddr().
 * kernel/process/syscalls.list has a line for each call, with its number; the
 * prototypes and the table of calls are made from it.
 */
#pragma once
#include <asm/ptrace.h>
#include <kernel/types.h>

#define SYSCALL0(n)		      SYSCALL_FUNCTION0(sys_##n)
#define SYSCALL1(n, a)		      s64 sys_##n(u64 a, u64 u1_, u64 u2_, u64 u3_, u64 u4_, u64 u5_)
#define SYSCALL2(n, a, b)	      SYSCALL_FUNCTION2(sys_##n, a, b)
#define SYSCALL3(n, a, b, c)	      s64 sys_##n(u64 a, u64 b, u64 c, u64 u3_, u64 u4_, u64 u5_)
#define SYSCALL4(n, a, b, c, d)	      s64 sys_##n(u64 a, u64 b, u64 c, u64 d, u64 u4_, u64 u5_)
#define SYSCALL5(n, a, b, c, d, e)    SYSCALL_FUNCTION5(sys_##n, a, b, c, d, e)
#define SYSCALL6(n, a, b, c, d, e, f) s64 sys_##n(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)

#define SYSCALL_FUNCTION0(name)		       s64 name(u64 u0_, u64 u1_, u64 u2_, u64 u3_, u64 u4_, u64 u5_)
#define SYSCALL_FUNCTION2(name, a, b)	       s64 name(u64 a, u64 b, u64 u2_, u64 u3_, u64 u4_, u64 u5_)
#define SYSCALL_FUNCTION5(name, a, b, c, d, e) s64 name(u64 a, u64 b, u64 c, u64 d, u64 e, u64 u5_)

/* A call that copies current_regs() as a whole: they are complete in these calls only. */
#define SYSCALL_REGISTERS0(n)	    SYSCALL_COMPLETE(n) SYSCALL_FUNCTION0(registers_##n)
#define SYSCALL_REGISTERS2(n, a, b) SYSCALL_COMPLETE(n) SYSCALL_FUNCTION2(registers_##n, a, b)
#define SYSCALL_REGISTERS5(n, a, b, c, d, e) \
	SYSCALL_COMPLETE(n) SYSCALL_FUNCTION5(registers_##n, a, b, c, d, e)
#define SYSCALL_COMPLETE(n)               \
	SYSCALL_FUNCTION0(registers_##n); \
	SYSCALL_STORE_REGISTERS(sys_##n, registers_##n);

/** The function in the slots of numbers without a call: it logs the program once. @return -ENOSYS */
SYSCALL0(ni);

#include <generated/syscalls.h>
