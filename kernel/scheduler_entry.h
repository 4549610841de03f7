/* SPDX-License-Identifier: MIT */
/**
 * @file scheduler_entry.h  What schedulers know threads by, between scheduler.c and scheduler_queue.c.
 */
#pragma once
#include <kernel/scheduler.h>
#include "run_queue.h"

#define SCHED_SLOTS	     2u /* schedulers that know threads at a time: the present and the next one */
#define SCHED_CHUNK	     64u
#define SCHED_CHUNKS	     1024u
#define SCHED_HANDLE_BITS    32 /* index below, generation above */
#define SCHED_GENERATION_MAX 0x7fffffffu

/** Where a thread is for the scheduler of its queue. */
enum sched_state { SCHED_OUT, SCHED_WAITS, SCHED_RUNS };

/** Of a thread that schedulers know. thread.sched; never freed, so that any handle can be looked at. */
struct sched_entry {
	struct thread *thread;	 /* NULL: free; under the mutex of scheduler.c */
	u64 cookie[SCHED_SLOTS]; /* as long as attached */
	bool attached[SCHED_SLOTS];
	bool fresh[SCHED_SLOTS]; /* it has not waited yet */
	u32 index, generation;
	/* Under the lock of the thread's queue. */
	u32 state;		 /* enum sched_state */
	u32 why;		 /* BANOS_SCHED_... of the next enqueue() */
	struct run_queue *waits; /* with SCHED_WAITS; another queue's lock does not keep it */
	u64 picked_ns;		 /* with SCHED_RUNS */
	struct sched_entry *next_free;
};

/** The entry that a handle names, which may be used by now for another thread; NULL: none. Any context. */
struct sched_entry *sched_entry_find(s64 handle);
static inline u64 sched_handle(const struct sched_entry *entry)
{
	return (u64)entry->generation << SCHED_HANDLE_BITS | entry->index;
}
/** Describe a thread. The lock of its queue held, or it has not started. */
void sched_describe(const struct thread *t, struct banos_scheduler_thread *info);
/** Stacks for methods, one for each processor. Sleeps. @param secret  a number that nobody can guess @return 0, -ENOMEM */
int __must_check scheduler_stacks_prepare(u64 secret);
/** Let another scheduler order the threads of a queue; NULL: the built-in one. rq->lock held, interrupts off. */
void rq_switch(struct run_queue *rq, struct scheduler *to);
