/* SPDX-License-Identifier: MIT */
/**
 * @file check.h  What self-testing drivers share.
 *
 * A self-testing driver checks results and data of the functions that it calls, and logs
 * one line in the end: "PASS: 17 checks", or "FAIL: file:line: condition" for the first that
 * did not hold. It is written so that gcc, clang, tcc, g++ and clang++ compile it, with any
 * standard from C89 and C++98 on: the author of a compiler tries it with theirs, the author of a
 * binding writes the same in their language. tests/abi/drive.c describes how it is driven.
 *
 * Numbers above a limit are no mistake for ever, since later kernels may raise it: what is refused here is
 * beyond any limit.
 *
 * Checks are made by one thread at a time; what other threads find out they store, to be checked there.
 */
#ifndef CONFORMANCE_CHECK_H
#define CONFORMANCE_CHECK_H

#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>

static uint32_t check_count;
static const char *check_failed; /* the first condition that did not hold */
static uint32_t check_line;

static void check_that(uint32_t holds, const char *condition, uint32_t line)
{
	check_count++;
	if (holds || check_failed)
		return;
	check_failed = condition;
	check_line = line;
}

/** @p condition holds; else the driver fails, and goes on. */
#define CHECK(condition) check_that((condition) ? 1 : 0, #condition, __LINE__)

/** The one line that the driver logs. @return 0, or -EIO if a check failed */
static int64_t check_verdict(banos_owner self)
{
	if (check_failed) {
		banos_error(self, "FAIL: line %u: %s", check_line, check_failed);
		return -EIO;
	}
	banos_print(self, "PASS: %u checks", check_count);
	return 0;
}

#endif
