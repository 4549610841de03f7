// SPDX-License-Identifier: MIT
/*
 * Walking a command line: words between blanks, each "key" or "key=value".
 *
 * A double quote opens and closes a stretch in which blanks are ordinary.
 * Nothing is copied or changed, so quotes can be left out only where they are
 * the ends of a slice: a="x y" and "a=x y" both mean x y, while the quotes of
 * a=x" "y stay where they are. An open quote reaches to the end of the line.
 */
#include <kernel/cmdline.h>
#include <kernel/err.h>
#include <kernel/string.h>

static bool cmdline_is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

/* The end of the word at @cursor. */
static const char *word_end(const char *cursor)
{
	bool quoted = false;

	for (; *cursor && (quoted || !cmdline_is_blank(*cursor)); cursor++)
		if (*cursor == '"')
			quoted = !quoted;
	return cursor;
}

bool cmdline_next(const char **cursor, struct cmdline_word *out)
{
	const char *cursor_now = *cursor, *end, *equals;

	while (cmdline_is_blank(*cursor_now))
		cursor_now++;
	if (!*cursor_now) {
		*cursor = cursor_now;
		return false;
	}
	end = word_end(cursor_now);
	*cursor = end;

	if (*cursor_now == '"') {
		cursor_now++;
		if (end > cursor_now && end[-1] == '"')
			end--;
	}
	equals = NULL;
	if (end > cursor_now) /* a key has at least one character */
		equals = memchr(cursor_now + 1, '=', end - cursor_now - 1);
	out->key = cursor_now;
	if (!equals) {
		out->key_len = end - cursor_now;
		out->val = NULL;
		out->val_len = 0;
		return true;
	}
	out->key_len = equals - cursor_now;
	cursor_now = equals + 1;
	if (cursor_now < end && *cursor_now == '"') {
		cursor_now++;
		if (end > cursor_now && end[-1] == '"')
			end--;
	}
	out->val = cursor_now;
	out->val_len = end - cursor_now;
	return true;
}

static char with_underscore(char character)
{
	if (character == '-')
		return '_';
	return character;
}

bool cmdline_key_is(const struct cmdline_word *word, const char *key)
{
	if (word->key_len != strlen(key))
		return false;
	for (size_t i = 0; i < word->key_len; i++)
		if (with_underscore(word->key[i]) != with_underscore(key[i]))
			return false;
	return true;
}

int cmdline_value(const char *line, const char *key, char *buf, size_t size)
{
	struct cmdline_word word, found = { .val = NULL };

	while (cmdline_next(&line, &word))
		if (word.val && cmdline_key_is(&word, key))
			found = word;
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
	struct cmdline_word word;

	while (cmdline_next(&line, &word))
		if (cmdline_key_is(&word, key))
			return true;
	return false;
}

bool cmdline_prepend(char *line, size_t size, const char *front)
{
	size_t front_len = strlen(front), rest = strlen(line) + 1;

	if (!front_len)
		return true;
	if (front_len + 1 + rest > size)
		return false;
	memmove(line + front_len + 1, line, rest);
	memcpy(line, front, front_len);
	line[front_len] = ' ';
	return true;
}
