// SPDX-License-Identifier: MIT
/*
 * /proc/sys/kernel/scheduler: the schedulers that can be chosen, the present one in brackets, as in Linux's files for schedulers
 * of disks. /proc/banos/schedulers: what became of the answers of drivers' ones.
 */
#include <kernel/err.h>
#include <kernel/fs/proc.h>
#include <kernel/scheduler.h>
#include "proc.h"

int proc_scheduler_init(void)
{
	if (!proc_create_rw("sys/kernel/scheduler", 0644, scheduler_show, scheduler_write, NULL) ||
	    !proc_create_rw("banos/schedulers", 0444, scheduler_show_all, NULL, NULL))
		return -ENOMEM;
	return 0;
}
