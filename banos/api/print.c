// SPDX-License-Identifier: MIT
/* <banos/print.h>: the kernel log, and formatted text. */
#include <kernel/driver.h>
#include <kernel/driver_format.h>
#include <kernel/err.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "caller.h"

/* @return what is wrong with what is to be formatted, or NULL */
static const char *format_mistake(const char *format, const uint64_t *args, uint32_t count)
{
	if (count > DRIVER_ARGS_MAX)
		return "count is over 12";
	if (api_text(format, API_TEXT_MAX) < 0)
		return "format is no text of the driver's";
	if (api_may_read(args, count * sizeof(*args)))
		return NULL;
	return "args is not the driver's memory";
}

/* What a driver prints comes from devices and programs, too: it stays one line, and controls no terminal. */
static void keep_one_line(char *line)
{
	u64 length = strlen(line);

	while (length && line[length - 1] == '\n')
		line[--length] = 0;
	for (; *line; line++)
		if ((u8)*line < ' ' || *line == 0x7f)
			*line = ' ';
}

static const char text_mistake[] = "an argument for %s is not a string in the driver's memory";

int64_t banos_print_args(banos_owner owner, uint32_t level, const char *format,
			 const uint64_t *args, uint32_t count)
{
	struct owner *holder = api_owner(owner);
	const char *wrong = format_mistake(format, args, count);
	char line[400];
	s64 length;

	if (!holder)
		return MISTAKE("owner does not belong to the caller");
	if (level < BANOS_ERROR || level > BANOS_DEBUG)
		return MISTAKE("level is none");
	if (wrong)
		return MISTAKE(wrong);
	length = format_args(line, sizeof(line), format, args, count, api_span);
	keep_one_line(line);
	if (holder->device)
		printk("\001%c%s %s: %s\n", '0' + level, holder->root->name, holder->name, line);
	else
		printk("\001%c%s: %s\n", '0' + level, holder->root->name, line);
	if (length < 0)
		return MISTAKE(text_mistake);
	return 0;
}
BANOS_EXPORT(banos_print_args);

int64_t banos_format_args(char *buffer, uint64_t size, const char *format, const uint64_t *args,
			  uint32_t count)
{
	const char *wrong = format_mistake(format, args, count);
	s64 length;

	if (wrong)
		return MISTAKE(wrong);
	if (!api_may_write(buffer, size))
		return MISTAKE("buffer, with size bytes, is not the driver's memory");
	length = format_args(buffer, size, format, args, count, api_span);
	if (length < 0)
		return MISTAKE(text_mistake);
	return length;
}
BANOS_EXPORT(banos_format_args);
