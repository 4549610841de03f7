// SPDX-License-Identifier: MIT
/* A kernel that does otherwise what is promised nowhere (kernel/future.h). */
#include <kernel/cpu.h>
#include <kernel/future.h>
#include <kernel/thread.h>

void future_change_cpu(void)
{
	struct cpumask other = { 0 };

	cpumask_set(&other, (cpu_id() + 1) % cpu_count);
	if (!thread_set_affinity(current, &other))
		sched_yield_current();
}
