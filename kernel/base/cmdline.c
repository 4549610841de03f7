/* SPDX-License-Identifier: MIT */
/* The kernel's command line; lib/cmdline.c reads its words. */
#include <kernel/boot.h>
#include <kernel/cmdline.h>

const char *cmdline_get(void)
{
	return boot_info.cmdline;
}
