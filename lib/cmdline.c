// SPDX-License-Identifier: MIT
/*
 * Walking a command line: words between blanks, each "key" or "key=value".
 *
 * A double quote opens and closes a stretch in which blanks are ordinary.
 * Nothing is copied or changed, so quotes can be left out only where they are
 * the ends of a slice: a="x y" and "a=x y" both give x y, while the quotes of
 * a=x" "y stay where they are. An open quote reaches to the end of the line.
 */
#include <kernel/cmdline.h>
#include <kernel/err.h>
#include <kernel/string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of the word at @s. */
static const char *word_end(const char *s)
{
	bool quoted = false;

	for (; *s && (quoted || !is_blank(*s)); s++)
		if (*s == '"')
			quoted = !quoted;
	return s;
}

bool cmdline_next(const char **cursor, struct cmdline_word *out)
{
	const char *s = *cursor, *end, *equals;

	while (is_blank(*s))
		s++;
	if (!*s) {
		*cursor = s;
		return false;
	}
	end = word_end(s);
	*cursor = end;

	if (*s == '"') {
		s++;
		if (end > s && end[-1] == '"')
			end--;
	}
	equals = end > s ? memchr(s + 1, '=', end - s - 1)
			 : NULL; /* a key has at least one character */
	out->key = s;
	if (!equals) {
		out->key_len = end - s;
		out->val = NULL;
		out->val_len = 0;
		return true;
	}
	out->key_len = equals - s;
	s = equals + 1;
	if (s < end && *s == '"') {
		s++;
		if (end > s && end[-1] == '"')
			end--;
	}
	out->val = s;
	out->val_len = end - s;
	return true;
}

static char with_underscore(char c)
{
	return c == '-' ? '_' : c;
}

bool cmdline_key_is(const struct cmdline_word *w, const char *key)
{
	if (w->key_len != strlen(key))
		return false;
	for (size_t i = 0; i < w->key_len; i++)
		if (with_underscore(w->key[i]) != with_underscore(key[i]))
			return false;
	return true;
}

int cmdline_value(const char *line, const char *key, char *buf, size_t size)
{
	struct cmdline_word w, found = { .val = NULL };

	while (cmdline_next(&line, &w))
		if (w.val && cmdline_key_is(&w, key))
			found = w;
	if (!found.val)
		return -ENOENT;
	if (found.val_len >= size)
		return -E2BIG;
	memcpy(buf, found.val, found.val_len);
	buf[found.val_len] = 0;
	return found.val_len;
}

bool cmdline_has(const char *line, const char *key)
{
	struct cmdline_word w;

	while (cmdline_next(&line, &w))
		if (cmdline_key_is(&w, key))
			return true;
	return false;
}

bool cmdline_prepend(char *line, size_t size, const char *front)
{
	size_t n = strlen(front), rest = strlen(line) + 1;

	if (!n)
		return true;
	if (n + 1 + rest > size)
		return false;
	memmove(line + n + 1, line, rest);
	memcpy(line, front, n);
	line[n] = ' ';
	return true;
}
