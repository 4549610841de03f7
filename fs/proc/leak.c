// SPDX-License-Identifier: MIT
/*
 * /proc/kmemleak: memory of the kernel to which no pointer is left. Each read from
 * offset 0 searches again.
 */
#include <kernel/fs/proc.h>
#include <kernel/heap.h>
#include <kernel/leak.h>
#include <kernel/thread.h>
#include "proc.h"

static int show_leaks(struct seq_file *seq, void *unused)
{
	struct leak_report *report = kvzalloc(sizeof(*report));
	int err = -ENOMEM;

	if (report)
		err = leak_search(report, thread_stacks_in_use);

	for (u32 i = 0; !err && i < report->nr_sites; i++)
		seq_printf(seq, "leaked: %lu objects, %lu bytes, such as %lx, allocated by %pS\n",
			   report->sites[i].objects, report->sites[i].bytes,
			   report->sites[i].example, (void *)report->sites[i].ip);
	if (!err)
		seq_printf(seq, "%lu objects (%lu bytes) in use, %lu (%lu bytes) of them leaked\n",
			   report->objects, report->bytes, report->leaked_objects,
			   report->leaked_bytes);
	kvfree(report);
	return err;
}

int proc_leak_init(void)
{
	if (!proc_create("kmemleak", 0400, show_leaks, NULL))
		return -ENOMEM;
	return 0;
}
