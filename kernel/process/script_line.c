// SPDX-License-Identifier: MIT
/*
  * The first line of a script, parsed as on Linux: blanks around the parts are
 * removed, everything behind the interpreter is one argument. A line that does
 * not end within the buffer is cut there, but never in the interpreter's name.
 */
#include "script_line.h"
#include <kernel/err.h>
#include <kernel/string.h>

static bool script_is_blank(char character)
{
	return character == ' ' || character == '\t';
}

/* A NUL ends the line too, since it cannot be part of a string. */
static size_t script_line_end(const char *buf, size_t len)
{
	size_t i = 2;

	while (i < len && buf[i] != '\n' && buf[i])
		i++;
	return i;
}

int script_parse(char *buf, size_t len, size_t size, char **interp, char **arg)
{
	size_t start, word, end;
	bool cut;

	*arg = NULL;
	if (len < 3 || len >= size || buf[0] != '#' || buf[1] != '!')
		return -ENOEXEC;
	end = script_line_end(buf, len);
	cut = end == len && len == size - 1;
	while (end > 2 && script_is_blank(buf[end - 1]) && !cut)
		end--;
	for (start = 2; start < end && script_is_blank(buf[start]); start++)
		;
	if (start == end)
		return -ENOEXEC;
	for (word = start; word < end && !script_is_blank(buf[word]); word++)
		;
	if (word == end && cut)
		return -ENOEXEC;
	buf[end] = '\0';
	*interp = buf + start;
	if (word == end)
		return 0;
	buf[word++] = '\0';
	while (word < end && script_is_blank(buf[word]))
		word++;
	if (word < end)
		*arg = buf + word;
	return 0;
}
