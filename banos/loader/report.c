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

void report_init(struct report *r, void *(*alloc)(size_t), void (*free)(void *))
{
	*r = (struct report){ .alloc = alloc, .free = free, .who = "driver file" };
}

void report_destroy(struct report *r)
{
	if (r->text)
		r->free(r->text);
	r->text = NULL;
}

static void append(struct report *r, const char *fmt, va_list args)
{
	int n;

	if (!r->text)
		r->text = r->alloc(REPORT_SIZE);
	/* The last line says how many there are more. */
	if (!r->text || r->used > REPORT_SIZE - REPORT_LINE - 48)
		return;
	n = snprintf(r->text + r->used, 80, "%s: ", r->who);
	r->used += n;
	n = vsnprintf(r->text + r->used, REPORT_LINE - 80, fmt, args);
	r->used += MIN(n, REPORT_LINE - 80 - 1);
	r->text[r->used++] = '\n';
	r->text[r->used] = 0;
}

int report_add(struct report *r, int err, const char *fmt, ...)
{
	va_list args;

	if (!r->err || report_rank(err) < report_rank(r->err))
		r->err = err;
	if (++r->count <= REPORT_LINES) {
		va_start(args, fmt);
		append(r, fmt, args);
		va_end(args);
	}
	return err;
}

void report_close(struct report *r)
{
	u32 lines = 0;

	if (!r->text || r->closed)
		return;
	r->closed = true;
	for (const char *p = r->text; (p = strchr(p, '\n')); p++)
		lines++;
	if (lines < r->count)
		r->used += snprintf(r->text + r->used, 48, "... and %u more reasons\n",
				    r->count - lines);
}
