/* SPDX-License-Identifier: MIT */
/** @file err.h  Errors in pointers. Numbers are Linux's: uapi/errno.h. */
#pragma once
#include <kernel/types.h>
#include <uapi/errno.h>

#define MAX_ERRNO 4095
/** @brief Keep the first of several errors in @p err, which is 0 before there is one. */
static inline void first_error(int *err, int next)
{
	if (!*err)
		*err = next;
}
static inline void *ERR_PTR(long err)
{
	return (void *)err;
}
static inline long PTR_ERR(const void *pointer)
{
	return (long)pointer;
}
static inline bool IS_ERR(const void *pointer)
{
	return (u64)pointer >= (u64)-MAX_ERRNO;
}

/**
 * @brief The text of an error ("No such file or directory"). Any context; pure.
 * @param err  a number of uapi/errno.h, negative or not
 * @return a constant; of a number without words: "unexpected error"
 */
const char *error_text(long err);

/* Internal results of system calls, never seen by user programs (signal.c). */
#define ERESTARTSYS	      512 /* restart if SA_RESTART, else EINTR */
#define ERESTARTNOINTR	      513 /* always restart */
#define ERESTARTNOHAND	      514 /* restart if no handler ran, else EINTR */
#define ERESTART_RESTARTBLOCK 516 /* like NOHAND, through restart_syscall */
