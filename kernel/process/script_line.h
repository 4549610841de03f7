/* SPDX-License-Identifier: MIT */
/** @file script_line.h  The first line of a script. Pure. */
#pragma once
#include <kernel/types.h>

/** The length of the part of a file that is read; a longer line is cut, as in Linux. */
#define SCRIPT_LINE_MAX 256

/**
 * @brief Parse "#! interpreter [argument]" in place.
 * @param buf	the file's first bytes; changed: the two strings are ended with NUL
 * @param len	how many there are, below @p size
 * @param size	of the buffer
 * @param interp  out
 * @param arg	out: all the rest of the line as one string, or NULL
 * @return 0; -ENOEXEC: not a script, no interpreter, or its name is cut off
 */
int __must_check script_parse(char *buf, size_t len, size_t size, char **interp, char **arg);
