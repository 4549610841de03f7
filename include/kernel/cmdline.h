/* SPDX-License-Identifier: MIT */
/** @file cmdline.h  The kernel command line. */
#pragma once
#include <kernel/types.h>

/** The whole line as given by the loader (without a kernel file name in front). */
const char *cmdline_get(void);
/**
 * Pure: walk the words of a line; double quotes hold blanks together.
 * @param cursor  in/out position; start with the line
 * @param key,val  slices; val is NULL for a word without '='
 */
struct cmdline_word { const char *key; size_t key_len; const char *val; size_t val_len; };
bool cmdline_next(const char **cursor, struct cmdline_word *out);
/** Value of the last "key=value"; copied to @p buf. @return length or -ENOENT, -E2BIG */
int cmdline_value(const char *line, const char *key, char *buf, size_t size);
/** Is the bare word (or key=...) there? */
bool cmdline_has(const char *line, const char *key);
/** Put @p front and a blank in front of @p line, in a buffer of @p size bytes. @return false, and nothing is done: no room */
bool cmdline_prepend(char *line, size_t size, const char *front);
