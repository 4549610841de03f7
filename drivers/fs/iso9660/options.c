// SPDX-License-Identifier: MIT
/*
 * Options, as Linux has them: norock, nojoliet, map=off, map=normal, uid=N, gid=N, mode=N, dmode=N; the
 * modes in octal. Others of Linux's that change nothing here: ro, iocharset=utf8, utf8, check=, block=.
 */
#include <stddef.h>
#include "internal.h"
#include "options.h"

/* Is @text, up to a comma, @word? With a "=" at its end it may go on. @return behind it; NULL: no */
static const char *option_match(const char *text, const char *word)
{
	for (; *word; word++, text++)
		if (*text != *word)
			return NULL;
	if (word[-1] == '=' || !*text || *text == ',')
		return text;
	return NULL;
}

static bool option_number(const char *text, uint32_t base, uint32_t *number)
{
	uint64_t value = 0;

	if (!*text || *text == ',')
		return false;
	for (; *text && *text != ','; text++) {
		uint32_t digit = (uint8_t)*text - '0';

		if (digit >= base)
			return false;
		value = value * base + digit;
		if (value > UINT32_MAX)
			return false;
	}
	*number = value;
	return true;
}

static bool option_take(const char *text, struct iso_options *options)
{
	static const char *const ignored[] = { "ro", "iocharset=", "utf8", "check=", "block=" };
	const char *value;

	if (option_match(text, "norock"))
		options->rock = false;
	else if (option_match(text, "nojoliet"))
		options->joliet = false;
	else if (option_match(text, "map=off") || option_match(text, "map=o"))
		options->keep_names = true;
	else if (option_match(text, "map=normal") || option_match(text, "map=n"))
		options->keep_names = false;
	else if ((value = option_match(text, "uid=")))
		return options->has_uid = option_number(value, 10, &options->uid);
	else if ((value = option_match(text, "gid=")))
		return options->has_gid = option_number(value, 10, &options->gid);
	else if ((value = option_match(text, "mode=")))
		return options->has_mode = option_number(value, 8, &options->mode);
	else if ((value = option_match(text, "dmode=")))
		return options->has_dmode = option_number(value, 8, &options->dmode);
	else {
		for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
			if (option_match(text, ignored[i]))
				return true;
		return false;
	}
	return true;
}

int64_t iso_options_parse(const char *text, struct iso_options *options)
{
	*options = (struct iso_options){ .rock = true, .joliet = true };
	while (*text) {
		if (*text != ',' && !option_take(text, options))
			return -ISO_EINVAL;
		while (*text && *text != ',')
			text++;
		if (*text)
			text++;
	}
	return 0;
}
