/* SPDX-License-Identifier: MIT */
/**
 * @file signal_set.h  Sets of signals, and what a signal does by default. Pure.
 *
 * Signal n (1 to 64) is bit n - 1.
 */
#pragma once
#include <uapi/errno.h>
#include <uapi/signal.h>

static inline u64 sigbit(int sig)
{
	return 1ull << (sig - 1);
}
static inline bool sig_valid(int sig)
{
	return sig >= 1 && sig <= NSIG;
}
static inline bool sig_in(u64 set, int sig)
{
	return set >> (sig - 1) & 1;
}

#define SIGSET_KERNEL_ONLY (sigbit(SIGKILL) | sigbit(SIGSTOP)) /* no handler, no mask */
#define SIGSET_STOP	   (sigbit(SIGSTOP) | sigbit(SIGTSTP) | sigbit(SIGTTIN) | sigbit(SIGTTOU))
#define SIGSET_IGNORE	   (sigbit(SIGCHLD) | sigbit(SIGCONT) | sigbit(SIGWINCH) | sigbit(SIGURG))
/* Raised by what a thread just did: delivered before all others. */
#define SIGSET_SYNCHRONOUS                                                                      \
	(sigbit(SIGSEGV) | sigbit(SIGBUS) | sigbit(SIGILL) | sigbit(SIGTRAP) | sigbit(SIGFPE) | \
	 sigbit(SIGSYS))

enum sig_default { SIG_DEFAULT_IGNORE, SIG_DEFAULT_STOP, SIG_DEFAULT_TERMINATE };

static inline enum sig_default sig_default_action(int sig)
{
	if (sig_in(SIGSET_IGNORE, sig))
		return SIG_DEFAULT_IGNORE;
	if (sig_in(SIGSET_STOP, sig))
		return SIG_DEFAULT_STOP;
	return SIG_DEFAULT_TERMINATE;
}

/**
 * @brief The first of the signals in @p ready to deliver: synchronous ones, then the lowest number.
 * @return its number, 0: none
 */
static inline int sig_first(u64 ready)
{
	if (ready & SIGSET_SYNCHRONOUS)
		ready &= SIGSET_SYNCHRONOUS;
	return ready ? __builtin_ctzll(ready) + 1 : 0;
}

/** @brief Change a mask as rt_sigprocmask() does. @return 0; -EINVAL: @p how is unknown */
static inline int sig_mask_change(u64 *mask, int how, u64 set)
{
	set &= ~SIGSET_KERNEL_ONLY;
	switch (how) {
	case SIG_BLOCK: *mask |= set; return 0;
	case SIG_UNBLOCK: *mask &= ~set; return 0;
	case SIG_SETMASK: *mask = set; return 0;
	}
	return -EINVAL;
}
