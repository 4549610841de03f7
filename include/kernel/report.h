/* SPDX-License-Identifier: MIT */
/**
 * @file report.h  The reasons for which a driver file is refused, as text.
 *
 * Reasons are collected, one line each. With several, the error number is that
 * of the reason that is highest in the table of the driver ABI.
 */
#pragma once
#include <kernel/types.h>
#ifdef __BANOS_HOST__
#include <stdio.h>
#endif

#define REPORT_SIZE  4096 /* bytes of text at most */
#define REPORT_LINE  384  /* bytes of a line at most */
#define REPORT_LINES 32	  /* maximum number of reasons as text; the rest is counted */

struct report {
	char *text; /* NUL-terminated lines; NULL until there is a reason */
	u32 used;
	u32 count;    /* reasons, including those that did not fit */
	int err;      /* 0 or negative errno */
	bool closed;  /* report_close() was called */
	char who[64]; /* in front of each line: the driver, once it is known */
	void *(*alloc)(void *arg, size_t size);
	void (*free)(void *arg, void *memory);
	void *arg;
};

/** @brief Begin a report without reasons. @param alloc, free  for its text; they receive @p arg */
void report_init(struct report *report, void *(*alloc)(void *arg, size_t size),
		 void (*free)(void *arg, void *memory), void *arg);
/** @brief Free the text. */
void report_destroy(struct report *report);
/**
 * @brief Add a reason.
 * @param err  negative errno
 * @param fmt  half a sentence without a line end; the driver's name is put in front
 * @return @p err
 */
int report_add(struct report *report, int err, const char *fmt, ...) __printf(3, 4);
/** @brief Add a line with the number of reasons that did not fit. Nothing is added afterwards; calling it again is harmless. */
void report_close(struct report *report);
/** @brief The position of an errno in the table of the driver ABI: lower is reported first. Pure. */
int __must_check report_rank(int err);
