/* SPDX-License-Identifier: MIT */
/*
 * For programs that test the kernel from outside: each test runs in a process
 * of its own, with a time limit; the output is TAP.
 *
 *	TEST(adds) { CHECK(1 + 1 == 2); }
 *	int main(void) { RUN(adds); return check_done(); }
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int check_count, check_failed;

#define TEST(name) static void name(void)
#define CHECK(c)                                            \
	do {                                                \
		if (!(c))                                   \
			check_fail(#c, __FILE__, __LINE__); \
	} while (0)
#define CHECK_EQ(a, b)                                                     \
	do {                                                               \
		long long a_ = (long long)(a), b_ = (long long)(b);        \
		if (a_ != b_)                                              \
			check_fail_eq(#a, #b, a_, b_, __FILE__, __LINE__); \
	} while (0)
/* A call that has to fail with an error. */
#define CHECK_ERR(call, err)                                                    \
	do {                                                                    \
		errno = 0;                                                      \
		long r_ = (long)(call);                                         \
		int e_ = errno;                                                 \
		if (r_ != -1 || e_ != (err))                                    \
			check_fail_err(#call, r_, e_, err, __FILE__, __LINE__); \
	} while (0)

static inline void check_fail(const char *what, const char *file, int line)
{
	printf("# %s:%d: %s\n", file, line, what);
	fflush(stdout);
	_exit(1);
}

static inline void check_fail_eq(const char *left_text, const char *right_text, long long left,
				 long long right, const char *file, int line)
{
	printf("# %s:%d: %s is %lld, %s is %lld (errno %d)\n", file, line, left_text, left,
	       right_text, right, errno);
	fflush(stdout);
	_exit(1);
}

static inline void check_fail_err(const char *what, long result, int error, int wanted,
				  const char *file, int line)
{
	printf("# %s:%d: %s gives %ld, error %d (%s), wanted error %d\n", file, line, what, result,
	       error, strerror(error), wanted);
	fflush(stdout);
	_exit(1);
}

#define RUN(name) check_run(name, #name)
static inline void check_run(void (*fn)(void), const char *name)
{
	int status;
	pid_t pid;

	check_count++;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(60);
		fn();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = -1;
	if (status) {
		check_failed++;
		printf("# status %#x\n", status);
	}
	printf("%s %d - %s\n", status ? "not ok" : "ok", check_count, name);
	fflush(stdout);
}

static inline int check_done(void)
{
	printf("1..%d\n", check_count);
	return check_failed != 0;
}

/* A child that runs @expr and ends with its value. */
#define CHILD(expr)                  \
	({                           \
		pid_t pid_ = fork(); \
		if (!pid_)           \
			_exit(expr); \
		pid_;                \
	})

/* How a child ended, as wait() tells it; -1 if there is none. */
static __attribute__((unused)) int wait_status(pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, 0) == pid)
		return status;
	return -1;
}

static __attribute__((unused)) void pause_ms(int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000l };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

static __attribute__((unused)) long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}
