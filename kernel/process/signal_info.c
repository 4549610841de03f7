// SPDX-License-Identifier: MIT
/*
  * siginfo_t: conversion between the kernel's form and that of programs. Pure.
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

static enum layout siginfo_layout(int signo, int code)
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
	if (code >= POLL_IN && code <= POLL_HUP)
		return LAYOUT_POLL;
	return LAYOUT_SENDER;
}

void signal_info_to_user(const struct siginfo_k *info, struct user_siginfo *out)
{
	*out = (struct user_siginfo){ .signo = info->signo, .err = info->err, .code = info->code };
	switch (siginfo_layout(info->signo, info->code)) {
	case LAYOUT_SENDER:
		out->rt.pid = info->pid;
		out->rt.uid = info->uid;
		break;
	case LAYOUT_RAW:
		out->rt.pid = info->pid;
		out->rt.uid = info->uid;
		out->rt.value = info->value;
		out->raw[2] = info->extra[0];
		out->raw[3] = info->extra[1];
		break;
	case LAYOUT_TIMER:
		out->timer.id = info->pid;
		out->timer.overrun = info->status;
		out->timer.value = info->value;
		break;
	case LAYOUT_CHILD:
		out->child.pid = info->pid;
		out->child.uid = info->uid;
		out->child.status = info->status;
		out->child.utime = (s64)info->extra[0];
		out->child.stime = (s64)info->extra[1];
		break;
	case LAYOUT_FAULT: out->fault.addr = info->addr; break;
	case LAYOUT_POLL:
		out->poll.band = (s64)info->value;
		out->poll.fd = info->status;
		break;
	case LAYOUT_SYS:
		out->sys.call_addr = info->addr;
		out->sys.nr = info->status;
		break;
	}
}

void signal_info_to_signalfd(const struct siginfo_k *info, struct user_signalfd_siginfo *out)
{
	*out = (struct user_signalfd_siginfo){ .signo = (u32)info->signo,
					       .err = info->err,
					       .code = info->code };
	switch (siginfo_layout(info->signo, info->code)) {
	case LAYOUT_SENDER:
		out->pid = (u32)info->pid;
		out->uid = info->uid;
		break;
	case LAYOUT_RAW:
		out->pid = (u32)info->pid;
		out->uid = info->uid;
		out->value = info->value;
		out->int_value = (s32)info->value;
		break;
	case LAYOUT_TIMER:
		out->tid = (u32)info->pid;
		out->overrun = (u32)info->status;
		out->value = info->value;
		out->int_value = (s32)info->value;
		break;
	case LAYOUT_CHILD:
		out->pid = (u32)info->pid;
		out->uid = info->uid;
		out->status = info->status;
		out->utime = info->extra[0];
		out->stime = info->extra[1];
		break;
	case LAYOUT_FAULT: out->addr = info->addr; break;
	case LAYOUT_POLL:
		out->band = (u32)info->value;
		out->fd = info->status;
		break;
	case LAYOUT_SYS:
		out->call_addr = info->addr;
		out->syscall = info->status;
		break;
	}
}

void signal_info_from_user(const struct user_siginfo *from, struct siginfo_k *out)
{
	*out = (struct siginfo_k){
		.signo = from->signo,
		.err = from->err,
		.code = from->code,
		.pid = from->rt.pid,
		.uid = from->rt.uid,
		.value = from->rt.value,
		.extra = { from->raw[2], from->raw[3] },
	};
	if (from->code == SI_SIGIO) {
		out->value = (u64)from->poll.band;
		out->status = from->poll.fd;
	}
	/* With SI_TIMER the first two words are id and overruns. */
	if (from->code == SI_TIMER)
		out->status = (int)from->rt.uid;
}
