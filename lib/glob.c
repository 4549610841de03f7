// SPDX-License-Identifier: MIT
/*
 * Patterns with * and ?.
 *
 * Only the last star that was met can still have to take in more text: an
 * earlier one was left with the shortest text that let the later one be
 * reached, and more of it could not help. So one step back is remembered, and
 * the time is at most length of pattern times length of text.
 */
#include <kernel/string.h>

bool glob_match(const char *pattern, const char *s)
{
	const char *star = NULL, *retry = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star;
			s = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
