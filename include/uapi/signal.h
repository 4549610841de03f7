/* SPDX-License-Identifier: MIT */
/**
 * @file signal.h  Signals as programs see them: Linux's numbers and layouts for x86_64.
 */
#pragma once
#include <kernel/types.h>

#define SIGHUP	  1
#define SIGINT	  2
#define SIGQUIT	  3
#define SIGILL	  4
#define SIGTRAP	  5
#define SIGABRT	  6
#define SIGBUS	  7
#define SIGFPE	  8
#define SIGKILL	  9
#define SIGUSR1	  10
#define SIGSEGV	  11
#define SIGUSR2	  12
#define SIGPIPE	  13
#define SIGALRM	  14
#define SIGTERM	  15
#define SIGSTKFLT 16
#define SIGCHLD	  17
#define SIGCONT	  18
#define SIGSTOP	  19
#define SIGTSTP	  20
#define SIGTTIN	  21
#define SIGTTOU	  22
#define SIGURG	  23
#define SIGXCPU	  24
#define SIGXFSZ	  25
#define SIGVTALRM 26
#define SIGPROF	  27
#define SIGWINCH  28
#define SIGIO	  29
#define SIGPWR	  30
#define SIGSYS	  31
#define SIGRTMIN  32 /* the kernel's; libraries keep a few for themselves */
#define SIGRTMAX  64
#define NSIG	  64

#define SIG_DFL 0ull
#define SIG_IGN 1ull

#define SA_NOCLDSTOP	  0x00000001u
#define SA_NOCLDWAIT	  0x00000002u
#define SA_SIGINFO	  0x00000004u
#define SA_UNSUPPORTED	  0x00000400u /* always cleared: how programs probe for flags */
#define SA_EXPOSE_TAGBITS 0x00000800u
#define SA_RESTORER	  0x04000000u
#define SA_ONSTACK	  0x08000000u
#define SA_RESTART	  0x10000000u
#define SA_NODEFER	  0x40000000u
#define SA_RESETHAND	  0x80000000u

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1u << 31)
#define MINSIGSTKSZ   2048u

/* si_code: who sent it. Positive: the kernel, with a meaning per signal. */
#define SI_USER	   0
#define SI_KERNEL  0x80
#define SI_QUEUE   (-1)
#define SI_TIMER   (-2)
#define SI_MESGQ   (-3)
#define SI_ASYNCIO (-4)
#define SI_SIGIO   (-5)
#define SI_TKILL   (-6)

#define ILL_ILLOPC    1
#define ILL_ILLOPN    2
#define ILL_ILLADR    3
#define ILL_ILLTRP    4
#define ILL_PRVOPC    5
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define FPE_FLTDIV    3
#define FPE_FLTOVF    4
#define FPE_FLTUND    5
#define FPE_FLTRES    6
#define FPE_FLTINV    7
#define FPE_FLTSUB    8
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define SEGV_PKUERR   4
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define TRAP_HWBKPT   4
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
#define POLL_IN	      1
#define POLL_OUT      2
#define POLL_MSG      3
#define POLL_ERR      4
#define POLL_PRI      5
#define POLL_HUP      6

/** What rt_sigaction() takes and gives. */
struct user_sigaction {
	u64 handler;
	u64 flags;
	u64 restorer;
	u64 mask;
};

/** sigaltstack(). */
struct user_stack {
	u64 sp;
	s32 flags;
	u32 pad;
	u64 size;
};

/** siginfo_t: 128 bytes, of which a signal uses the first 48 at most. */
struct user_siginfo {
	s32 signo, err, code, pad;
	union {
		u64 raw[4];
		struct {
			s32 pid;
			u32 uid;
			u64 value;
		} rt;
		struct {
			s32 id, overrun;
			u64 value;
		} timer;
		struct {
			s32 pid;
			u32 uid;
			s32 status, pad;
			s64 utime, stime;
		} child;
		struct {
			u64 addr;
		} fault;
		struct {
			s64 band;
			s32 fd;
		} poll;
		struct {
			u64 call_addr;
			s32 nr;
			u32 arch;
		} sys;
	};
	u64 unused[10];
};
_Static_assert(sizeof(struct user_siginfo) == 128, "siginfo_t has 128 bytes");

/** What read() of a signalfd() gives for each signal. */
struct user_signalfd_siginfo {
	u32 signo;
	s32 err, code;
	u32 pid, uid;
	s32 fd;
	u32 tid, band, overrun, trapno;
	s32 status, int_value;
	u64 value, utime, stime, addr;
	u16 addr_lsb, pad;
	s32 syscall;
	u64 call_addr;
	u32 arch;
	u8 unused[28];
};
_Static_assert(sizeof(struct user_signalfd_siginfo) == 128,
	       "struct signalfd_siginfo has 128 bytes");

#define SIGEV_SIGNAL	0
#define SIGEV_NONE	1
#define SIGEV_THREAD	2
#define SIGEV_THREAD_ID 4
/** struct sigevent. */
struct user_sigevent {
	u64 value;
	s32 signo;
	s32 notify;
	s32 tid;
	s32 unused[11];
};
_Static_assert(sizeof(struct user_sigevent) == 64, "struct sigevent has 64 bytes");
