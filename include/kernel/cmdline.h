/* SPDX-License-Identifier: MIT */
/**
 * @file cmdline.h  The kernel command line.
 *
 * An option is declared where it is read, and read only through its
 * declaration: so the kernel knows its own words, and leaves the others to the
 * first program. A file that may be left out of the kernel declares none: its
 * options are in kernel/base/test_options.c (scripts/check-options.py checks that).
 */
#pragma once
#include <kernel/types.h>

/** The whole line as given by the loader (without a kernel file name in front). */
const char *cmdline_get(void);
/**
 * Pure: walk the words of a line; double quotes hold blanks together.
 * @param cursor  in/out position; start with the line
 * @param key,val  slices; val is NULL for a word without '='
 */
struct cmdline_word {
	const char *key;
	size_t key_len;
	const char *val;
	size_t val_len;
};
bool cmdline_next(const char **cursor, struct cmdline_word *out);
/** Is it this key? A dash is as good as an underscore, as on Linux. */
bool cmdline_key_is(const struct cmdline_word *word, const char *key);
/** Value of the last "key=value"; copied to @p buf. @return length or -ENOENT, -E2BIG */
int __must_check cmdline_value(const char *line, const char *key, char *buf, size_t size);
/** Is the bare word (or key=...) there? */
bool cmdline_has(const char *line, const char *key);
/** Put @p front and a blank in front of @p line, in a buffer of @p size bytes. @return false: it does not fit, and nothing is done */
bool cmdline_prepend(char *line, size_t size, const char *front);

/** An option that the kernel reads. */
struct cmdline_option {
	const char *name;
};
#define CMDLINE_OPTION_SHARED(var, text) \
	const struct cmdline_option var __section(".cmdline_options") __aligned(8) = { text }
/** Declare an option of this file. Two files may declare the same one. */
#define CMDLINE_OPTION(var, text) static CMDLINE_OPTION_SHARED(var, text)

/** As cmdline_has(), of the kernel's own line. Any context. */
static inline bool option_is_set(const struct cmdline_option *o)
{
	return cmdline_has(cmdline_get(), o->name);
}
/** As cmdline_value(), of the kernel's own line. Any context. */
static inline int option_value(const struct cmdline_option *o, char *buf, size_t size)
{
	return cmdline_value(cmdline_get(), o->name, buf, size);
}
/**
 * @brief Walk all words "option=value".
 * @param cursor  in/out; start with NULL
 * @return false: there are no more
 */
static inline bool option_next(const struct cmdline_option *o, const char **cursor,
			       struct cmdline_word *out)
{
	if (!*cursor)
		*cursor = cmdline_get();
	while (*cursor && cmdline_next(cursor, out))
		if (out->val && cmdline_key_is(out, o->name))
			return true;
	return false;
}
