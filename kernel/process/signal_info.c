// SPDX-License-Identifier: MIT
/*
 * siginfo_t, between what the kernel keeps and what programs see. Pure.
 *
 * Which members are meaningful follows from signal and code: sigaction(2),
 * "The siginfo_t argument".
 */
#include "signal_set.h"
#include <kernel/siginfo.h>
#include <kernel/string.h>

enum layout {
	LAYOUT_SENDER,
	LAYOUT_RAW,
	LAYOUT_TIMER,
	LAYOUT_CHILD,
	LAYOUT_FAULT,
	LAYOUT_POLL,
	LAYOUT_SYS
};

static enum layout layout_of(int signo, int code)
{
	if (code == SI_TIMER)
		return LAYOUT_TIMER;
	if (code == SI_SIGIO)
		return LAYOUT_POLL;
	if (code == SI_TKILL || code == SI_USER || code == SI_KERNEL)
		return LAYOUT_SENDER;
	if (code < 0)
		return LAYOUT_RAW;
	switch (signo) {
	case SIGILL:
	case SIGFPE:
	case SIGSEGV:
	case SIGBUS:
	case SIGTRAP: return LAYOUT_FAULT;
	case SIGCHLD: return LAYOUT_CHILD;
	case SIGIO: return LAYOUT_POLL;
	case SIGSYS: return LAYOUT_SYS;
	}
	return code >= POLL_IN && code <= POLL_HUP ? LAYOUT_POLL : LAYOUT_SENDER;
}

void signal_info_to_user(const struct siginfo_k *k, struct user_siginfo *out)
{
	*out = (struct user_siginfo){ .signo = k->signo, .err = k->err, .code = k->code };
	switch (layout_of(k->signo, k->code)) {
	case LAYOUT_SENDER:
		out->rt.pid = k->pid;
		out->rt.uid = k->uid;
		break;
	case LAYOUT_RAW:
		out->rt.pid = k->pid;
		out->rt.uid = k->uid;
		out->rt.value = k->value;
		out->raw[2] = k->extra[0];
		out->raw[3] = k->extra[1];
		break;
	case LAYOUT_TIMER:
		out->timer.id = k->pid;
		out->timer.overrun = k->status;
		out->timer.value = k->value;
		break;
	case LAYOUT_CHILD:
		out->child.pid = k->pid;
		out->child.uid = k->uid;
		out->child.status = k->status;
		out->child.utime = (s64)k->extra[0];
		out->child.stime = (s64)k->extra[1];
		break;
	case LAYOUT_FAULT: out->fault.addr = k->addr; break;
	case LAYOUT_POLL:
		out->poll.band = (s64)k->value;
		out->poll.fd = k->status;
		break;
	case LAYOUT_SYS:
		out->sys.call_addr = k->addr;
		out->sys.nr = k->status;
		break;
	}
}

void signal_info_to_signalfd(const struct siginfo_k *k, struct user_signalfd_siginfo *out)
{
	*out = (struct user_signalfd_siginfo){ .signo = (u32)k->signo,
					       .err = k->err,
					       .code = k->code };
	switch (layout_of(k->signo, k->code)) {
	case LAYOUT_SENDER:
		out->pid = (u32)k->pid;
		out->uid = k->uid;
		break;
	case LAYOUT_RAW:
		out->pid = (u32)k->pid;
		out->uid = k->uid;
		out->value = k->value;
		out->int_value = (s32)k->value;
		break;
	case LAYOUT_TIMER:
		out->tid = (u32)k->pid;
		out->overrun = (u32)k->status;
		out->value = k->value;
		out->int_value = (s32)k->value;
		break;
	case LAYOUT_CHILD:
		out->pid = (u32)k->pid;
		out->uid = k->uid;
		out->status = k->status;
		out->utime = k->extra[0];
		out->stime = k->extra[1];
		break;
	case LAYOUT_FAULT: out->addr = k->addr; break;
	case LAYOUT_POLL:
		out->band = (u32)k->value;
		out->fd = k->status;
		break;
	case LAYOUT_SYS:
		out->call_addr = k->addr;
		out->syscall = k->status;
		break;
	}
}

void signal_info_from_user(const struct user_siginfo *u, struct siginfo_k *out)
{
	*out = (struct siginfo_k){
		.signo = u->signo,
		.err = u->err,
		.code = u->code,
		.pid = u->rt.pid,
		.uid = u->rt.uid,
		.value = u->rt.value,
		.extra = { u->raw[2], u->raw[3] },
	};
	if (u->code == SI_SIGIO) {
		out->value = (u64)u->poll.band;
		out->status = u->poll.fd;
	}
	/* With SI_TIMER the first two words are id and overruns. */
	if (u->code == SI_TIMER)
		out->status = (int)u->rt.uid;
}
