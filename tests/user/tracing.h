/* SPDX-License-Identifier: MIT */
/* What tests of ptrace() have in common. */
#pragma once
#include "check.h"
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#define EVENT(status) ((status) >> 16)

static inline long trace(long request, pid_t pid, uintptr_t addr, uintptr_t data)
{
	return ptrace(request, pid, (void *)addr, (void *)data);
}

/* raise() of some C libraries changes the mask meanwhile. */
static inline void raise_now(int sig)
{
	syscall(SYS_tgkill, getpid(), getpid(), sig);
}

/* A child that is traced, and has stopped itself before it runs @fn. */
static inline pid_t traced(void (*fn)(void), long options)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(90);
		raise_now(SIGSTOP);
		fn();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK_EQ(trace(PTRACE_SETOPTIONS, pid, 0, (uintptr_t)options), 0);
	return pid;
}

static inline int go(long request, pid_t pid, int sig)
{
	int status;

	CHECK_EQ(trace(request, pid, 0, (uintptr_t)sig), 0);
	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	return status;
}

static inline struct user_regs_struct registers(pid_t pid)
{
	struct user_regs_struct regs;

	CHECK_EQ(trace(PTRACE_GETREGS, pid, 0, (uintptr_t)&regs), 0);
	return regs;
}

static inline void ends(pid_t pid, int code)
{
	int status = go(PTRACE_CONT, pid, 0);

	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), code);
}

static inline void stops(int status, int sig)
{
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), sig);
}
