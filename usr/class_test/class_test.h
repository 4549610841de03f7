/* SPDX-License-Identifier: MIT */
/** @file class_test.h  Between the parts of banos-class-test. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/** @brief Print the verdict of one test, in the Test Anything Protocol. @return @p good */
bool verdict(bool good, const char *what, ...) __attribute__((format(printf, 2, 3)));
/** @brief Print that a test does not apply, and why. */
void skip(const char *what, const char *why);
/** @brief End the program: the test itself cannot go on. */
void give_up(const char *what, const char *why) __attribute__((noreturn));
/** @brief The same with the words of errno. */
void give_up_errno(const char *what, const char *name) __attribute__((noreturn));
/** @return zeroed memory at a multiple of 4096 bytes; never NULL */
void *memory_of(size_t bytes);

/** @brief Fill with a pattern in which each byte depends on @p seed and its place. @param at  place of the first byte */
void pattern_fill(void *to, size_t bytes, uint64_t seed, uint64_t at);
/** @brief Are these bytes that pattern? */
bool pattern_holds(const void *bytes, size_t length, uint64_t seed, uint64_t at);
/** @return a number below @p limit; @p state is the generator's, any value */
uint64_t random_below(uint64_t *state, uint64_t limit);

/** @brief The last error of a call that should fail: was it refused with this error? */
bool refused(ssize_t result, int error);
/** @brief Run a function in @p count processes at once, one pinned to each processor in turn. @return all returned true */
bool in_processes(int count, bool (*work)(int index, void *context), void *context);

/** The classes. Each gets the words behind the name of the class, at least one. */
void test_block(int count, char **words);
void test_partitions(int count, char **words);
void test_filesystem(int count, char **words);
/** @brief What holds for each tree of files, also one that cannot be written. @param root  its folder */
void test_tree(const char *root);
