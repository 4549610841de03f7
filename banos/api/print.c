// SPDX-License-Identifier: MIT
/* <banos/print.h>: the kernel log, and formatted text. */
#include <kernel/driver.h>
#include <kernel/driver_format.h>
#include <kernel/err.h>
#include <kernel/printk.h>

int64_t banos_print_args(banos_owner owner, uint32_t level, const char *format, const uint64_t *args,
			 uint32_t count)
{
	struct owner *o = owner_find((u64)owner);
	char line[400];

	if (!o || level < BANOS_ERROR || level > BANOS_DEBUG || count > DRIVER_ARGS_MAX)
		return -EINVAL;
	format_args(line, sizeof(line), format, args, count);
	if (o->device)
		printk("\001%c%s %s: %s\n", '0' + level, o->root->name, o->name, line);
	else
		printk("\001%c%s: %s\n", '0' + level, o->root->name, line);
	return 0;
}
BANOS_EXPORT(banos_print_args);

int64_t banos_format_args(char *buffer, uint64_t size, const char *format, const uint64_t *args, uint32_t count)
{
	if (count > DRIVER_ARGS_MAX)
		return -EINVAL;
	return format_args(buffer, size, format, args, count);
}
BANOS_EXPORT(banos_format_args);
