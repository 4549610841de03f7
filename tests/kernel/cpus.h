/* SPDX-License-Identifier: MIT */
/** @file cpus.h  Tests in which every CPU takes part. */
#pragma once
#include <kernel/err.h>
#include <kernel/thread.h>

/** @return a bit for each CPU that is online */
static inline u64 online_mask(void)
{
	u64 mask = 0;

	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->online)
			mask |= 1ull << i;
	return mask;
}

/** @brief Start a thread that runs on @p cpu alone. @return it, with a reference; NULL: no memory */
static inline struct thread *start_on_cpu(void (*main)(void *), void *arg, const char *name,
					  u32 cpu)
{
	struct thread *thread = thread_create(main, arg, name);
	struct cpumask only = { 0 };

	if (IS_ERR(thread))
		return NULL;
	cpumask_set(&only, cpu);
	(void)thread_set_affinity(thread, &only);
	thread_start(thread);
	return thread;
}
