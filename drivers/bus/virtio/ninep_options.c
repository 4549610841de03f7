// SPDX-License-Identifier: MIT
/*
 * Options, as Linux has them: msize=N, aname=TEXT, uname=TEXT. Others of Linux's are accepted where they ask for
 * what is done anyway: trans=virtio, version=9p2000.L, cache=none, access=any and access=client.
 */
#include <banos/errno.h>
#include "ninep_options.h"

/* Does @p text, up to a comma, begin with @p word? @return behind it; NULL: no */
static const char *ninep_option_match(const char *text, const char *word)
{
	for (; *word; word++, text++)
		if (*text != *word)
			return 0;
	return text;
}

static int64_t option_text(const char *text, char *to)
{
	uint32_t i = 0;

	for (; text[i] && text[i] != ','; i++) {
		if (i + 1 == NINEP_ANAME_BYTES)
			return -EINVAL;
		to[i] = text[i];
	}
	to[i] = 0;
	return 0;
}

/* More than can be used counts as the most. */
static int64_t option_msize(const char *text, uint32_t *msize)
{
	uint64_t value = 0;

	for (; *text && *text != ','; text++) {
		uint32_t digit = (uint8_t)*text - '0';

		if (digit > 9 || value > UINT32_MAX)
			return -EINVAL;
		value = value * 10 + digit;
	}
	if (value < NINEP_MSIZE_LEAST)
		return -EINVAL;
	*msize = NINEP_MSIZE_MOST;
	if (value < NINEP_MSIZE_MOST)
		*msize = (uint32_t)value;
	return 0;
}

static int64_t ninep_option_take(const char *text, struct ninep_options *options)
{
	static const char *const accepted[] = { "trans=virtio", "version=9p2000.L", "cache=none",
						"access=any",	"access=client",    "rw" };
	const char *value;

	if ((value = ninep_option_match(text, "msize=")))
		return option_msize(value, &options->msize);
	if ((value = ninep_option_match(text, "aname=")))
		return option_text(value, options->aname);
	if ((value = ninep_option_match(text, "uname=")))
		return option_text(value, options->uname);
	for (uint32_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		value = ninep_option_match(text, accepted[i]);
		if (value && (!*value || *value == ','))
			return 0;
	}
	return -EINVAL;
}

int64_t ninep_options_parse(const char *text, struct ninep_options *options)
{
	int64_t error = 0;

	*options = (struct ninep_options){ .msize = NINEP_MSIZE_MOST, .uname = "root" };
	while (*text && !error) {
		error = ninep_option_take(text, options);
		while (*text && *text != ',')
			text++;
		if (*text)
			text++;
	}
	return error;
}
