/* SPDX-License-Identifier: MIT */
/** @file ptrace.h  ptrace(2): Linux's numbers. */
#pragma once
#include <kernel/types.h>

#define PTRACE_TRACEME		 0
#define PTRACE_PEEKTEXT		 1
#define PTRACE_PEEKDATA		 2
#define PTRACE_PEEKUSER		 3
#define PTRACE_POKETEXT		 4
#define PTRACE_POKEDATA		 5
#define PTRACE_POKEUSER		 6
#define PTRACE_CONT		 7
#define PTRACE_KILL		 8
#define PTRACE_SINGLESTEP	 9
#define PTRACE_GETREGS		 12
#define PTRACE_SETREGS		 13
#define PTRACE_GETFPREGS	 14
#define PTRACE_SETFPREGS	 15
#define PTRACE_ATTACH		 16
#define PTRACE_DETACH		 17
#define PTRACE_SYSCALL		 24
#define PTRACE_SYSEMU		 31
#define PTRACE_SYSEMU_SINGLESTEP 32
#define PTRACE_SETOPTIONS	 0x4200
#define PTRACE_GETEVENTMSG	 0x4201
#define PTRACE_GETSIGINFO	 0x4202
#define PTRACE_SETSIGINFO	 0x4203
#define PTRACE_GETREGSET	 0x4204
#define PTRACE_SETREGSET	 0x4205
#define PTRACE_SEIZE		 0x4206
#define PTRACE_INTERRUPT	 0x4207
#define PTRACE_LISTEN		 0x4208
#define PTRACE_PEEKSIGINFO	 0x4209
#define PTRACE_GETSIGMASK	 0x420a
#define PTRACE_SETSIGMASK	 0x420b
#define PTRACE_GET_SYSCALL_INFO	 0x420e

#define PTRACE_O_TRACESYSGOOD	0x00000001u
#define PTRACE_O_TRACEFORK	0x00000002u
#define PTRACE_O_TRACEVFORK	0x00000004u
#define PTRACE_O_TRACECLONE	0x00000008u
#define PTRACE_O_TRACEEXEC	0x00000010u
#define PTRACE_O_TRACEVFORKDONE 0x00000020u
#define PTRACE_O_TRACEEXIT	0x00000040u
#define PTRACE_O_TRACESECCOMP	0x00000080u
#define PTRACE_O_EXITKILL	0x00100000u
#define PTRACE_O_KNOWN		0x001000ffu

/* Bit number of the option, but for the last. */
#define PTRACE_EVENT_FORK	1
#define PTRACE_EVENT_VFORK	2
#define PTRACE_EVENT_CLONE	3
#define PTRACE_EVENT_EXEC	4
#define PTRACE_EVENT_VFORK_DONE 5
#define PTRACE_EVENT_EXIT	6
#define PTRACE_EVENT_STOP	128

#define NT_PRSTATUS   1
#define NT_PRFPREG    2
#define NT_X86_XSTATE 0x202

#define AUDIT_ARCH_X86_64 0xc000003eu

#define PTRACE_SYSCALL_INFO_NONE  0
#define PTRACE_SYSCALL_INFO_ENTRY 1
#define PTRACE_SYSCALL_INFO_EXIT  2

struct user_syscall_info {
	u8 op, pad[3];
	u32 arch;
	u64 ip, sp;
	union {
		struct {
			u64 nr, args[6];
		} entry;
		struct {
			s64 rval;
			u8 is_error;
		} exit;
	};
};

struct user_peeksiginfo_args {
	u64 off;
	u32 flags;
	s32 nr;
};
#define PTRACE_PEEKSIGINFO_SHARED 1u
