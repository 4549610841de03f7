/* SPDX-License-Identifier: MIT */
/** @file loadtest.h  What the parts of loadtest share. */
#pragma once
#include <uapi/banos.h>
#include <stddef.h>

#define LOG_SIZE     8192
#define EXPORTS_SIZE (64 << 10)

struct file {
	unsigned char *data;
	size_t size;
};

/** @brief Read a file; ends the program where that fails. */
struct file file_read(const char *path);
/** @brief banos_install(). @return id or 0, or negative errno */
long install(const void *image, size_t size, const char *params, u64 flags, char *log);
/** @brief banos_remove(), waiting. @return 0 or negative errno */
long remove_driver(long id);
/** @brief Ends the program with a message unless @p holds. */
void require(int holds, const char *what, ...) __attribute__((format(printf, 2, 3)));

/** @brief Bytes of memory that are free. */
long memory_free(void);
/** @brief ... once it does not change any more. */
long memory_at_rest(void);
/**
 * @brief Wait until as much memory is free as before: some is given back a little later.
 * @return bytes that are missing; 0: none
 */
long memory_missing(long before);
/** @brief /proc/banos/exports. @param text  EXPORTS_SIZE bytes */
void exports_read(char *text);

int test_cases(int argc, char **argv);	    /* cases.c */
int test_verdicts(int argc, char **argv);   /* cases.c */
int test_mutants(int argc, char **argv);    /* mutants.c */
int test_mutate(int argc, char **argv);	    /* mutants.c */
int test_calls(int argc, char **argv);	    /* calls.c */
int test_privileges(int argc, char **argv); /* privileges.c */
int test_failing(int argc, char **argv);    /* failing.c */
int test_race(int argc, char **argv);	    /* race.c */
int test_once(int argc, char **argv);	    /* once.c */
