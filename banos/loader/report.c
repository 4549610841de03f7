// SPDX-License-Identifier: MIT
/*
 * Collecting reasons. The text is only allocated when there is something to
 * say; when even that fails, number and count are still right.
 */
#include <kernel/err.h>
#include <kernel/report.h>
#include <kernel/string.h>

int report_rank(int err)
{
	static const u8 order[] = {
		EPERM, EFAULT, EFBIG, ENOMEM, ENOEXEC, EINVAL, EOPNOTSUPP, ENOENT, EOVERFLOW, EBUSY,
	};

	for (u32 i = 0; i < ARRAY_SIZE(order); i++)
		if (order[i] == -err)
			return i;
	return ARRAY_SIZE(order);
}

void report_init(struct report *report, void *(*alloc)(void *, size_t),
		 void (*free)(void *, void *), void *arg)
{
	*report = (struct report){ .alloc = alloc, .free = free, .arg = arg, .who = "driver file" };
}

void report_destroy(struct report *report)
{
	if (report->text)
		report->free(report->arg, report->text);
	report->text = NULL;
}

/* Names in a damaged or hostile file may contain what a terminal obeys. */
static void report_make_printable(char *text)
{
	for (; *text; text++)
		if ((u8)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void report_append(struct report *report, const char *fmt, va_list args)
{
	int added;

	if (!report->text)
		report->text = report->alloc(report->arg, REPORT_SIZE);
	/* The last line says how many there are more. */
	if (!report->text || report->used > REPORT_SIZE - REPORT_LINE - 48)
		return;
	added = snprintf(report->text + report->used, 80, "%s: ", report->who);
	report->used += added;
	added = vsnprintf(report->text + report->used, REPORT_LINE - 80, fmt, args);
	report_make_printable(report->text + report->used);
	report->used += MIN(added, REPORT_LINE - 80 - 1);
	report->text[report->used++] = '\n';
	report->text[report->used] = 0;
}

int report_add(struct report *report, int err, const char *fmt, ...)
{
	va_list args;

	if (!report->err || report_rank(err) < report_rank(report->err))
		report->err = err;
	if (++report->count <= REPORT_LINES) {
		va_start(args, fmt);
		report_append(report, fmt, args);
		va_end(args);
	}
	return err;
}

void report_close(struct report *report)
{
	u32 lines = 0;

	if (!report->text || report->closed)
		return;
	report->closed = true;
	for (const char *cursor = report->text; (cursor = strchr(cursor, '\n')); cursor++)
		lines++;
	if (lines < report->count)
		report->used += snprintf(report->text + report->used, 48,
					 "... and %u more reasons\n", report->count - lines);
}
