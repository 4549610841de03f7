/* SPDX-License-Identifier: MIT */
/** @file sched.h  clone() and scheduling: Linux's numbers and layouts. */
#pragma once
#include <kernel/types.h>

#define CSIGNAL		     0x000000ffull /* signal to the parent at exit */
#define CLONE_VM	     0x00000100ull
#define CLONE_FS	     0x00000200ull
#define CLONE_FILES	     0x00000400ull
#define CLONE_SIGHAND	     0x00000800ull
#define CLONE_PIDFD	     0x00001000ull
#define CLONE_PTRACE	     0x00002000ull
#define CLONE_VFORK	     0x00004000ull
#define CLONE_PARENT	     0x00008000ull
#define CLONE_THREAD	     0x00010000ull
#define CLONE_NEWNS	     0x00020000ull
#define CLONE_SYSVSEM	     0x00040000ull
#define CLONE_SETTLS	     0x00080000ull
#define CLONE_PARENT_SETTID  0x00100000ull
#define CLONE_CHILD_CLEARTID 0x00200000ull
#define CLONE_DETACHED	     0x00400000ull
#define CLONE_UNTRACED	     0x00800000ull
#define CLONE_CHILD_SETTID   0x01000000ull
#define CLONE_NEWCGROUP	     0x02000000ull
#define CLONE_NEWUTS	     0x04000000ull
#define CLONE_NEWIPC	     0x08000000ull
#define CLONE_NEWUSER	     0x10000000ull
#define CLONE_NEWPID	     0x20000000ull
#define CLONE_NEWNET	     0x40000000ull
#define CLONE_IO	     0x80000000ull
#define CLONE_CLEAR_SIGHAND  0x100000000ull
#define CLONE_INTO_CGROUP    0x200000000ull
#define CLONE_NEWTIME	     0x00000080ull

/** clone3(). */
struct clone_args {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal;
	u64 stack, stack_size, tls; /* version 0: 64 bytes */
	u64 set_tid, set_tid_size;  /* version 1: 80 */
	u64 cgroup;		    /* version 2: 88 */
};
#define CLONE_ARGS_SIZE_VER0 64
#define CLONE_ARGS_SIZE_VER1 80
#define CLONE_ARGS_SIZE_VER2 88

#define SCHED_NORMAL	    0
#define SCHED_FIFO	    1
#define SCHED_RR	    2
#define SCHED_BATCH	    3
#define SCHED_IDLE	    5
#define SCHED_DEADLINE	    6
#define SCHED_RESET_ON_FORK 0x40000000

/** sched_setattr(). */
struct sched_attr {
	u32 size, policy;
	u64 flags;
	s32 nice;
	u32 priority;
	u64 runtime, deadline, period;
	u32 util_min, util_max;
};
#define SCHED_ATTR_SIZE_VER0 48
