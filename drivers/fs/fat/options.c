// SPDX-License-Identifier: MIT
/* Options: options.h. */
#include <stddef.h>
#include "options.h"

#define UMASK_DEFAULT 022u

/* Is @text, up to a comma, @word? With a "=" at its end it may go on. @return behind it; NULL: no */
static const char *fat_option_match(const char *text, const char *word)
{
	for (; *word; word++, text++)
		if (*text != *word)
			return NULL;
	if (word[-1] == '=' || !*text || *text == ',')
		return text;
	return NULL;
}

static bool fat_option_number(const char *text, uint32_t base, uint32_t *number)
{
	uint64_t value = 0;

	if (!*text || *text == ',')
		return false;
	for (; *text && *text != ','; text++) {
		uint32_t digit = (uint8_t)*text - (uint32_t)'0';

		if (digit >= base)
			return false;
		value = value * base + digit;
		if (value > UINT32_MAX)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

static bool option_is_ignored(const char *text)
{
	static const char *const ignored[] = {
		"ro",	       "rw",	      "utf8",		"utf8=1",
		"utf8=true",   "check=",      "iocharset=utf8", "iocharset=utf-8",
		"flush",       "tz=UTC",      "showexec",	"errors=",
		"uni_xlate=0", "nonumtail=0", "sys_immutable",	"usefree",
		"dos1xfloppy"
	};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (fat_option_match(text, ignored[i]))
			return true;
	return false;
}

static bool option_take_number(const char *text, struct fat_options *options)
{
	const char *value;

	if ((value = fat_option_match(text, "uid=")))
		return fat_option_number(value, 10, &options->uid);
	if ((value = fat_option_match(text, "gid=")))
		return fat_option_number(value, 10, &options->gid);
	if ((value = fat_option_match(text, "fmask=")))
		return fat_option_number(value, 8, &options->fmask);
	if ((value = fat_option_match(text, "dmask=")))
		return fat_option_number(value, 8, &options->dmask);
	if ((value = fat_option_match(text, "umask="))) {
		if (!fat_option_number(value, 8, &options->fmask))
			return false;
		options->dmask = options->fmask;
		return true;
	}
	return false;
}

static bool fat_option_take(const char *text, struct fat_options *options)
{
	struct fat_name_style *style = &options->style;

	if (fat_option_match(text, "shortname=mixed"))
		*style = (struct fat_name_style){ .show_flags = true, .page_850 = style->page_850 };
	else if (fat_option_match(text, "shortname=winnt"))
		*style = (struct fat_name_style){ .show_flags = true,
						  .store_flags = true,
						  .page_850 = style->page_850 };
	else if (fat_option_match(text, "shortname=lower"))
		*style = (struct fat_name_style){ .lower = true, .page_850 = style->page_850 };
	else if (fat_option_match(text, "shortname=win95"))
		*style = (struct fat_name_style){ .page_850 = style->page_850 };
	else if (fat_option_match(text, "codepage=437"))
		style->page_850 = false;
	else if (fat_option_match(text, "codepage=850"))
		style->page_850 = true;
	else if (fat_option_match(text, "quiet"))
		options->quiet = true;
	else
		return option_is_ignored(text) || option_take_number(text, options);
	return true;
}

const char *fat_options_parse(const char *text, struct fat_options *options)
{
	*options = (struct fat_options){ .fmask = UMASK_DEFAULT,
					 .dmask = UMASK_DEFAULT,
					 .style = { .show_flags = true } };
	while (*text) {
		if (*text != ',' && !fat_option_take(text, options))
			return text;
		while (*text && *text != ',')
			text++;
		if (*text)
			text++;
	}
	return NULL;
}
