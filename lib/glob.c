// SPDX-License-Identifier: MIT
/*
 * Patterns with * and ?.
 *
 * Only the last star may still have to match more text: an
 * earlier one was left with the shortest text that let the later one be
 * reached, and more of it could not help. So one step back is remembered, and
 * the time is at most length of pattern times length of text.
 */
#include <kernel/string.h>

bool glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

u32 glob_literals(const char *pattern)
{
	u32 literals = 0;

	for (; *pattern; pattern++)
		if (*pattern != '*' && *pattern != '?')
			literals++;
	return literals;
}
