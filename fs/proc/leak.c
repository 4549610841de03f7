// SPDX-License-Identifier: MIT
/*
 * /proc/kmemleak: memory of the kernel that nobody can reach any more. Each read
 * from the beginning searches anew.
 */
#include <kernel/fs/proc.h>
#include <kernel/heap.h>
#include <kernel/leak.h>
#include <kernel/thread.h>
#include "proc.h"

static int show_leaks(struct seq_file *m, void *unused)
{
	struct leak_report *r = kvzalloc(sizeof(*r));
	int err = r ? leak_search(r, thread_stacks_in_use) : -ENOMEM;

	for (u32 i = 0; !err && i < r->nr_sites; i++)
		seq_printf(m, "leaked: %lu objects, %lu bytes, such as %lx, allocated by %pS\n",
			   r->sites[i].objects, r->sites[i].bytes, r->sites[i].example,
			   (void *)r->sites[i].ip);
	if (!err)
		seq_printf(m, "%lu objects (%lu bytes) in use, %lu (%lu bytes) of them leaked\n",
			   r->objects, r->bytes, r->leaked_objects, r->leaked_bytes);
	kvfree(r);
	return err;
}

int proc_leak_init(void)
{
	return proc_create("kmemleak", 0400, show_leaks, NULL) ? 0 : -ENOMEM;
}
